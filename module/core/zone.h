/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A zone: a run of pageblocks on one node, and the buddy system over them.
 *
 *	struct zb_zone
 *	 lock
 *	 free_area[0..18]          free lists, by order and migrate type
 *	 pageblocks[]  +----+----+----+----+----+----+----+----+
 *	               | pb | pb | pb | pb | pb | pb | pb | pb |   one per 512
 *	               +----+----+----+----+----+----+----+----+   frames
 *	 largest_free     3  none none none  11  tail tail tail
 *	 state[]       one byte per frame: the block that starts there
 *
 * The state byte of the first frame of a block has the state and the order of the
 * block; the bytes of all other frames are 0. A double free, a free with the
 * wrong order, or a free of a frame inside of a block is therefore detected by
 * reading one byte.
 *
 * Locking: zone->lock covers the whole zone except the per-CPU lists (pcp_list.h). It
 * is taken with interrupts off, is a leaf lock, and no two zone locks are held
 * at the same time. A state byte changes from and to 0 under the lock only. It
 * changes between ZB_BLOCK_PCP and allocated without the lock: an allocation
 * uses a plain store, because the block is off all lists and the caller alone
 * has it. A free uses a compare and exchange (zb_zone_claim()), because two CPUs
 * may free the same block.
 */
#ifndef ZB_CORE_ZONE_H
#define ZB_CORE_ZONE_H

#include "alloc_flags.h"
#include "block.h"
#include "freearea.h"

#define ZB_NO_PFN	(~0ul)

/* There are per-CPU lists for orders up to ZB_PAGEBLOCK_ORDER. */
#define ZB_PCP_ORDERS		(ZB_PAGEBLOCK_ORDER + 1)
#define ZB_PCP_TYPES		8u	/* lists per order, a power of two */
#define ZB_PCP_NO_TYPE		7u	/* a list that is always empty */
#define ZB_PCP_LISTS		(ZB_PCP_ORDERS * ZB_PCP_TYPES)

/* Callers are expected to have a fallback for requests above this order. */
#define ZB_COSTLY_ORDER		3u

struct zb_pcp;
struct zb_pool;

/* Event counters of a zone. Those before ZB_NR_CPU_EVENTS are also per CPU. */
enum zb_event {
	ZB_PGALLOC,			/* frames */
	ZB_PGFREE,			/* frames */
	ZB_NUMA_HIT,			/* allocated from the preferred node */
	ZB_NUMA_MISS,			/* allocated here, but not preferred */
	ZB_NUMA_FOREIGN,		/* preferred here, allocated elsewhere */
	ZB_NUMA_LOCAL,			/* allocated by a CPU of this node */
	ZB_NUMA_OTHER,			/* allocated by a CPU of another node */
	ZB_NR_CPU_EVENTS,
	ZB_PCP_REFILL = ZB_NR_CPU_EVENTS, /* refills of a per-CPU list */
	ZB_PCP_DRAIN,			/* blocks moved from lists to the zone */
	ZB_CLAIM,			/* fallbacks that claimed a pageblock */
	ZB_STEAL,			/* fallbacks that stole a block */
	ZB_CMA_ALLOC,			/* blocks from CMA pageblocks */
	ZB_HIGHATOMIC_RESERVE,		/* pageblocks added to the reserve */
	ZB_HIGHATOMIC_UNRESERVE,	/* pageblocks removed from the reserve */
	ZB_BAD_BLOCK,			/* blocks found damaged */
	ZB_UNFIT,			/* frames kept out of use, see unfit.h */
	ZB_UNFIT_RETURNED,		/* frames returned to use */
	ZB_OFFLINE,			/* frames taken out of the zone, see offline.h */
	ZB_ONLINE,			/* frames returned to it */
	ZB_COMPACTSTALL,		/* attempts to compact the zone */
	ZB_COMPACTSUCCESS,		/* attempts that made a block free */
	ZB_COMPACTFAIL,		/* attempts that failed */
	ZB_COMPACTISOLATED,		/* frames that were to be moved */
	ZB_KCOMPACTD_WAKE,		/* runs of background compaction for a request */
	ZB_KCOMPACTD_MIGRATE_SCANNED,	/* frames that were to be moved in the background */
	ZB_PGMIGRATE_SUCCESS,		/* frames that were moved */
	ZB_PGMIGRATE_FAIL,		/* frames that could not be moved */
	ZB_PGSCAN_DIRECT,		/* discardable frames that requests looked at */
	ZB_PGSTEAL_DIRECT,		/* discardable frames that requests took */
	ZB_PGSCAN_KSWAPD,		/* those that kswapd looked at */
	ZB_PGSTEAL_KSWAPD,		/* those that kswapd took */
	ZB_ZONE_RECLAIM_SUCCESS,	/* requests that took enough before trying the next zone */
	ZB_ZONE_RECLAIM_FAILED,		/* requests that did not */
	ZB_PURGE_BUSY,			/* discardable frames that could not be taken */
	ZB_OWNER_SCAN,			/* frames that modules were asked to free */
	ZB_OWNER_FREE,			/* frames that they freed */
	ZB_OWNER_OOM,			/* frames that they freed as a last resort */
	ZB_PAGEOUTRUN,			/* times that kswapd began to work on the zone */
	ZB_CAPTURE_SUCCESS,		/* captured windows that became free for a request */
	ZB_CAPTURE_FAIL,		/* those that did not */
	ZB_CAPTURE_BROKEN,		/* those of the latter that others needed */
	ZB_ZERO_HIT,			/* frames that had to be zero and were known to be */
	ZB_ZERO_MISS,			/* frames that had to be zero and were cleared */
	ZB_ZERO_AHEAD,			/* frames cleared while they were free */
	ZB_ZERO_VAIN,			/* zeroed frames taken for other uses */
	ZB_NR_EVENTS,
};

struct zb_audit;
struct zb_zeroed;
struct zb_zone;

/**
 * struct zb_frame_ops - callbacks for frames that must not be used (unfit.h)
 * @unfit: return those of @frames that must not be allocated; bit i is frame
 *	@pfn + i. The frames are free and off the free lists, and the zone lock is not
 *	held. zero_ahead.c also passes a single frame that is on the free lists, with the
 *	lock held. Called from any context but NMI
 * @all_fit: check single frames, given as offsets in the zone, in the same context. Return
 *	false if one of them may be unfit, so that @unfit has to look. Faster than @unfit if
 *	the frames are not adjacent
 * @kept_out: called after a frame was taken out of use, in the same context
 */
struct zb_frame_ops {
	u64 (*unfit)(const struct zb_zone *zone, unsigned long pfn, u64 frames);
	bool (*all_fit)(const struct zb_zone *zone, const u32 *frames, unsigned int nr);
	void (*kept_out)(const struct zb_zone *zone, unsigned long pfn);
};

/**
 * struct zb_compact_deferral - deferral of compaction after failures (compact.h)
 * @order_failed: the lowest order that has failed; smaller ones are not deferred
 * @shift: 2^@shift - 1 requests are deferred after a failure
 * @considered: requests since the last failure
 */
struct zb_compact_deferral {
	u8 order_failed;
	u8 shift;
	u8 considered;
};

#define ZB_CAPTURES_FAILED	4u	/* windows that are left out, see capture.h */

/**
 * struct zb_zone - one zone of one node
 * @lock: (-) see the head of this file
 * @audits: (z) checks that are in progress (audit.c); in the cache line of the
 *	counters, because it is read wherever they are written
 * @nr_free: (r) free frames in the buddy lists
 * @nr_free_type: (r) @nr_free by migrate type
 * @nr_bad: (r) frames that are kept out of use
 * @nr_unfit: (z) part of @nr_bad that may become fit again (unfit.h)
 * @nr_offline: (r) part of @nr_bad that the environment has taken back (offline.h)
 * @first_unfit: (z) lower bound of the unfit frames
 * @last_unfit: (z) upper bound of the unfit frames
 * @nr_free_pcptypes: (r) free frames on the Unmovable, Movable and Reclaimable lists
 * @fast_wmark: (z) the fast path is disabled while @nr_free_pcptypes is below this
 * @watermark: (t) frames that an allocation has to leave free, see watermark.h
 * @lowmem_reserve: (t) additional frames, by the highest zone type of the request
 * @max_order: (c) largest order that free blocks are merged to
 * @default_migratetype: (c) type that a pageblock gets when it becomes wholly free
 * @free_area: (z) free lists and their counters, by order
 * @stale: (z) one bit per pageblock, set while it is stale (stale.h), stored after @types
 * @nr_stale: (r) number of bits set in @stale
 * @zeroed: (z) the free frames that are known to be zero (zeroed.h), or NULL
 * @nr_blocks: (r) number of pageblocks by migrate type
 * @events: (r) events counted under @lock, see enum zb_event
 * @fallbacks: (r) number of fallbacks, by type of the request and of the pageblock
 * @deferral: (z) deferral of compaction
 * @compactions: (r) number of times that compaction has begun to isolate pageblocks
 * @nr_compacting: (r) number of tasks that compact the zone
 * @capture_pfn: (r) first frame of the pageblocks that are captured (capture.h), or ZB_NO_PFN
 * @capture_nr: (z) number of their frames
 * @capture_failed: (-) first frames of the windows whose capture failed last; only one task at
 *	a time captures
 * @boost: (r) frames that background reclaim frees in addition, see watermark.h
 * @max_boost: (t) maximum of @boost
 * @nr_list_cpus: (z) number of CPUs that use their lists, see zb_begin_lists()
 * @below_fast_wmark: (r) @nr_free_pcptypes is below @fast_wmark; in a cache line of its own,
 *	because the counters beside it are written with every refill and drain
 * @lists_due: (r) set when the zone becomes low; cleared without @lock by the first CPU
 *	that requests a drain
 * @boost_due: (r) set when @boost grows; cleared without @lock by the first request that wakes
 *	background reclaim
 * @start_pfn: (c) first frame, aligned to a pageblock
 * @nr_pages: (c) number of frames, a multiple of ZB_PAGEBLOCK_NR
 * @pageblocks: (c) one per ZB_PAGEBLOCK_NR frames
 * @state: (s) one byte per frame
 * @types: (r) copies of the migrate types of all pageblocks, stored after @state, so
 *	that a free does not access cache lines that other CPUs write to
 * @pcp: (c) per-CPU lists
 * @pcp_high: (r) maximum number of frames on all lists of one CPU
 * @pcp_limit: (r) maximum number of blocks on a list, by order
 * @fast_top: (r) maximum of zb_pcp.top for a free in the fast path, by list (fast.h)
 * @pcp_batch: (r) number of blocks moved at once, by order
 * @type: (c) ZB_ZONE_*
 * @nid: (c) NUMA node
 * @frame_ops: (c) callbacks for unfit frames, or NULL if there are none
 * @pool: (c) the allocator, for the callbacks
 *
 * The letters tell how a member is protected:
 *
 *  - (c) constant after zb_zone_init()
 *  - (z) accessed under @lock
 *  - (r) written under @lock, also read without it
 *  - (t) written by zb_pool_tune(), one caller at a time; read without a lock
 *  - (s) changed from and to 0 under @lock; otherwise see the head of this file
 *  - (-) not protected
 */
struct zb_zone {
	zb_lock_t lock;
	struct zb_audit *audits;
	unsigned long nr_free;
	unsigned long nr_free_pcptypes;
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_bad;
	unsigned long nr_unfit;
	unsigned long nr_offline;
	unsigned long first_unfit;
	unsigned long last_unfit;
	unsigned long fast_wmark;
	unsigned long watermark[ZB_NR_WMARKS];
	unsigned long lowmem_reserve[ZB_NR_ZONES];
	unsigned int max_order;
	u8 default_migratetype;
	struct zb_free_area free_area[ZB_NR_ORDERS];
	u64 *stale;
	unsigned long nr_stale;
	struct zb_zeroed *zeroed;
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long events[ZB_NR_EVENTS];
	unsigned long fallbacks[ZB_MIGRATE_PCPTYPES][ZB_MIGRATE_PCPTYPES];
	struct zb_compact_deferral deferral;
	unsigned int compactions;
	unsigned int nr_compacting;
	unsigned long capture_pfn;
	unsigned long capture_nr;
	unsigned long capture_failed[ZB_CAPTURES_FAILED];
	unsigned long boost;
	unsigned long max_boost;
	unsigned int nr_list_cpus;

	/* Read by every allocation and free, written only when it changes. */
	u8 below_fast_wmark __aligned(64);
	u8 lists_due;
	u8 boost_due;

	/* Rarely written after zb_zone_init(). */
	unsigned long start_pfn __aligned(64);
	unsigned long nr_pages;
	struct zb_pageblock *pageblocks;
	u8 *state;
	u8 *types;
	struct zb_pcp __percpu *pcp;
	u32 pcp_high;
	u16 pcp_limit[ZB_PCP_ORDERS];
	u16 fast_top[ZB_PCP_LISTS];
	u16 pcp_batch[ZB_PCP_ORDERS];
	unsigned int type;
	int nid;
	const struct zb_frame_ops *frame_ops;
	struct zb_pool *pool;
};

/**
 * struct zb_zone_set - the zones of a node, of a type, or of both
 * @nid: the node, or -1 for all
 * @type: the type, or ZB_NR_ZONES for all
 */
struct zb_zone_set {
	int nid;
	unsigned int type;
};

static inline bool zb_zone_in_set(const struct zb_zone *zone, const struct zb_zone_set *set)
{
	return (set->nid < 0 || set->nid == zone->nid) &&
	       (set->type == ZB_NR_ZONES || set->type == zone->type);
}

static inline unsigned long zb_zone_end(const struct zb_zone *zone)
{
	return zone->start_pfn + zone->nr_pages;
}

/* The number of frames that are not offline. */
static inline unsigned long zb_zone_nr_managed(const struct zb_zone *zone)
{
	return zone->nr_pages - READ_ONCE(zone->nr_offline);
}

static inline bool zb_zone_has(const struct zb_zone *zone, unsigned long pfn)
{
	return pfn - zone->start_pfn < zone->nr_pages;
}

static inline unsigned long zb_zone_nr_pageblocks(const struct zb_zone *zone)
{
	return zone->nr_pages >> ZB_PAGEBLOCK_ORDER;
}

static inline struct zb_pageblock *zb_pfn_pageblock(const struct zb_zone *zone,
						    unsigned long pfn)
{
	return &zone->pageblocks[(pfn - zone->start_pfn) >> ZB_PAGEBLOCK_ORDER];
}

/* Without the zone lock, the result may be outdated at once. */
static inline bool zb_frame_is_free(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int frame = pfn % ZB_PAGEBLOCK_NR;

	return READ_ONCE(zb_pfn_pageblock(zone, pfn)->free[frame / 64]) >>
	       (frame % 64) & 1;
}

static inline unsigned long zb_pageblock_pfn(const struct zb_zone *zone,
					     const struct zb_pageblock *pb)
{
	return zone->start_pfn +
	       ((unsigned long)(pb - zone->pageblocks) << ZB_PAGEBLOCK_ORDER);
}

static inline u8 zb_zone_state(const struct zb_zone *zone, unsigned long pfn)
{
	return READ_ONCE(zone->state[pfn - zone->start_pfn]);
}

static inline void zb_zone_set_state(struct zb_zone *zone, unsigned long pfn,
				     u8 state)
{
	WRITE_ONCE(zone->state[pfn - zone->start_pfn], state);
}

/*
 * Change the state of an allocated block to ZB_BLOCK_PCP. If several CPUs free the
 * same block, one of them succeeds and continues; the others have to refuse the
 * free.
 */
static __always_inline bool zb_zone_claim(struct zb_zone *zone,
					  unsigned long pfn, u8 state)
{
	return zb_cmpxchg(&zone->state[pfn - zone->start_pfn], state,
			  ZB_STATE(ZB_BLOCK_PCP, ZB_STATE_ORDER(state)));
}

/* Called with the zone lock held. Readers do not take it. */
static inline void __zb_set_nr_free_pcptypes(struct zb_zone *zone, unsigned long nr)
{
	u8 low = nr < zone->fast_wmark;

	WRITE_ONCE(zone->nr_free_pcptypes, nr);
	if (zone->below_fast_wmark != low) {
		WRITE_ONCE(zone->below_fast_wmark, low);
		WRITE_ONCE(zone->lists_due, low);
	}
}

/*
 * Let background reclaim free a pageblock more (watermark.h), because mobilities were mixed. Called
 * with the zone lock held.
 */
static inline void __zb_zone_boost(struct zb_zone *zone)
{
	unsigned long max = READ_ONCE(zone->max_boost), boost = zone->boost + ZB_PAGEBLOCK_NR;

	if (!max)
		return;
	WRITE_ONCE(zone->boost, boost < max ? boost : max);
	WRITE_ONCE(zone->boost_due, 1);
}

/*
 * Let other CPUs take the lock, which the caller holds, in a long operation. A macro, so that
 * the hold counts for the caller (module/holds.c).
 */
#define __zb_relax(zone, flags)						\
do {									\
	zb_unlock_irqrestore(&(zone)->lock, *(flags));			\
	zb_lock_irqsave(&(zone)->lock, *(flags));			\
} while (0)

static inline void __zb_count_event(struct zb_zone *zone, enum zb_event event,
				    unsigned long nr)
{
	WRITE_ONCE(zone->events[event], zone->events[event] + nr);
}

#endif /* ZB_CORE_ZONE_H */

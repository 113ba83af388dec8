/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A zone: a run of pageblocks on one node, and the buddy system over them.
 *
 *	struct zb_zone
 *	 lock
 *	 free_area[0..18]          what is free, by order and migrate type
 *	 pageblocks[]  +----+----+----+----+----+----+----+----+
 *	               | pb | pb | pb | pb | pb | pb | pb | pb |   one per 512
 *	               +----+----+----+----+----+----+----+----+   frames
 *	               key=3  -   -   - key=11 tail tail tail
 *	 state[]       one byte per frame: what starts there
 *
 * Below pageblock order buddies are bits of one pageblock. From there on they
 * are whole pageblocks: a free block of order k >= 9 is 2^(k-9) wholly free
 * pageblocks whose first one, the head, is listed under k; the others are
 * tails. All pageblocks of one free block have one migrate type. Alignment is
 * natural in physical address, so buddies are found by pfn, not by offset.
 *
 * state[] is written where a block starts: how it is held, and its order. All
 * other frames have 0. A free of anything that does not start a block, of a
 * block that is free already, or with another order, is seen in one load.
 *
 * Locking: zone->lock covers everything of the zone but the per-CPU lists
 * (pcp.h). It is taken with interrupts off, is a leaf, and no two zone locks
 * are ever held together. A state byte leaves and reaches 0 under the lock.
 * Between cached and allocated it changes without the lock: an allocation stores
 * to it, because only the caller has the cached block; a free uses a compare and
 * exchange (zb_zone_claim()), because two CPUs may free the same block.
 */
#ifndef ZB_CORE_ZONE_H
#define ZB_CORE_ZONE_H

#include "alloc_flags.h"
#include "freearea.h"

#define ZB_NO_PFN	(~0ul)

/* Per-CPU lists are kept for orders up to that of pageblocks. */
#define ZB_PCP_ORDERS		(ZB_PAGEBLOCK_ORDER + 1)
#define ZB_PCP_TYPES		8u	/* migrate types, and a few to spare */
#define ZB_PCP_NO_TYPE		7u	/* that nothing has */
#define ZB_PCP_LISTS		(ZB_PCP_ORDERS * ZB_PCP_TYPES)

/* Above this order a request can be expected to fail, and to have a plan B. */
#define ZB_COSTLY_ORDER		3u

struct zb_pcp;
struct zb_pool;

/*
 * What a block that starts at a frame is: three bits. The other five bits of
 * the state byte are its order. A block that was found damaged has no holder
 * and an order one too high, so that it is neither free nor anybody's. A single
 * frame that is unfit for use (unfit.h) has no holder and an order that no block
 * has.
 */
enum zb_block_state {
	ZB_BLOCK_NONE,			/* free, or inside of another block */
	ZB_BLOCK_UNMOVABLE,		/* allocated, by mobility */
	ZB_BLOCK_MOVABLE,
	ZB_BLOCK_RECLAIMABLE,
	ZB_BLOCK_COMP_UNMOVABLE,		/* the same, as a compound block */
	ZB_BLOCK_COMP_MOVABLE,
	ZB_BLOCK_COMP_RECLAIMABLE,
	ZB_BLOCK_PCP,			/* free, on a per-CPU list */
};

#define ZB_BLOCK_MT(mt)		((enum zb_block_state)(ZB_BLOCK_UNMOVABLE + (mt)))
#define ZB_BLOCK_COMP(mt)	((enum zb_block_state)(ZB_BLOCK_COMP_UNMOVABLE + (mt)))
#define ZB_STATE(hold, order)	((u8)((hold) << 5 | (order)))
#define ZB_STATE_BAD(order)	((u8)((order) + 1))
#define ZB_STATE_UNFIT		((u8)0x1f)
#define ZB_STATE_BLOCK(state)	((state) >> 5)
#define ZB_STATE_ORDER(state)	((state) & 0x1fu)

static inline bool zb_state_bad(u8 state)
{
	return state && !ZB_STATE_BLOCK(state);
}

static inline bool zb_state_allocated(u8 state)
{
	return ZB_STATE_BLOCK(state) >= ZB_BLOCK_UNMOVABLE &&
	       ZB_STATE_BLOCK(state) <= ZB_BLOCK_COMP_RECLAIMABLE;
}

/*
 * Is that an allocated block of this order? Take both away from it, and turn the
 * rest so that a wrong order makes a large number.
 */
static inline bool zb_state_is_block(u8 state, unsigned int order)
{
	u8 rest = state - ZB_STATE(ZB_BLOCK_UNMOVABLE, order);

	return (u8)(rest >> 5 | rest << 3) <
	       ZB_BLOCK_PCP - ZB_BLOCK_UNMOVABLE;
}

static inline bool zb_state_compound(u8 state)
{
	return ZB_STATE_BLOCK(state) >= ZB_BLOCK_COMP_UNMOVABLE &&
	       ZB_STATE_BLOCK(state) <= ZB_BLOCK_COMP_RECLAIMABLE;
}

/* The mobility that an allocated block was asked for with. */
static inline unsigned int zb_state_migratetype(u8 state)
{
	return (ZB_STATE_BLOCK(state) - ZB_BLOCK_UNMOVABLE) % ZB_MIGRATE_PCPTYPES;
}

/* The order of a block that is held or bad. */
static inline unsigned int zb_state_order(u8 state)
{
	if (state == ZB_STATE_UNFIT)
		return 0;
	return ZB_STATE_ORDER(state) - zb_state_bad(state);
}

/* Things that happen to a zone, counted. Those up to NR_CPU also per CPU. */
enum zb_event {
	ZB_PGALLOC,			/* frames */
	ZB_PGFREE,			/* frames */
	ZB_NUMA_HIT,			/* from the node it was meant for */
	ZB_NUMA_MISS,			/* meant for another node */
	ZB_NUMA_FOREIGN,		/* meant for here, served elsewhere */
	ZB_NUMA_LOCAL,			/* for a CPU of this node */
	ZB_NUMA_OTHER,			/* for a CPU of another node */
	ZB_NR_CPU_EVENTS,
	ZB_PCP_REFILL = ZB_NR_CPU_EVENTS,
	ZB_PCP_DRAIN,			/* blocks given back */
	ZB_CLAIM,			/* pageblocks turned over */
	ZB_STEAL,			/* blocks from another mobility */
	ZB_CMA_ALLOC,			/* blocks from CMA pageblocks */
	ZB_HIGHATOMIC_RESERVE,		/* pageblocks */
	ZB_HIGHATOMIC_UNRESERVE,
	ZB_BAD_BLOCK,			/* found damaged and kept out of use */
	ZB_UNFIT,			/* frames kept out of use, see unfit.h */
	ZB_UNFIT_RETURNED,		/* and put back into use */
	ZB_NR_EVENTS,
};

#define ZB_WORDS_MAX		64u

/**
 * struct zb_bulk - blocks of an order below ZB_WORD_ORDER, as bits of words
 * @nr: words
 * @order: of the blocks
 * @word: 64 frames each, counted from the start of the zone
 * @bits: all frames of all blocks there
 *
 * What refills and drains carry between a list and the zone: a word costs as
 * much as a frame would.
 */
struct zb_bulk {
	unsigned int nr;
	unsigned int order;
	u32 word[ZB_WORDS_MAX];
	u64 bits[ZB_WORDS_MAX];
};

struct zb_zone;

/**
 * struct zb_frame_ops - what the surroundings know about frames (unfit.h)
 * @unfit: of free frames that are nobody's, those that nobody may be given; bit i
 *	is frame @pfn + i. Any context but NMI, without the zone lock
 * @kept_out: such a frame is kept out of use from now on. The same context
 */
struct zb_frame_ops {
	u64 (*unfit)(const struct zb_zone *zone, unsigned long pfn, u64 frames);
	void (*kept_out)(const struct zb_zone *zone, unsigned long pfn);
};

/**
 * struct zb_audit - what a check has counted so far
 * @next: another check of the same zone
 * @end: pageblocks before this one have been counted
 * @nr_free: free frames in them, by migrate type
 * @nr_blocks: pageblocks, by migrate type
 * @nr: free blocks that start in them, by order and migrate type
 */
struct zb_audit {
	struct zb_audit *next;
	unsigned long end;
	unsigned long nr_free[ZB_MIGRATE_TYPES];
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long nr[ZB_NR_ORDERS][ZB_MIGRATE_TYPES];
};

/**
 * struct zb_zone - one zone of one node
 * @lock: (-) see the head of this file
 * @audits: (z) checks that are under way (audit.c); beside the counters that are
 *	written wherever it is read
 * @nr_free: (r) frames free in the buddy lists
 * @nr_free_type: (r) the same by migrate type
 * @nr_bad: (r) frames that are kept out of use
 * @nr_unfit: (z) those of them that may become fit again (unfit.h)
 * @first_unfit: (z) no unfit frame is before this one
 * @last_unfit: (z) and none after this one
 * @nr_free_pcptypes: (r) those of them that are of a mobility, and not for special use
 * @fast_wmark: (t) with less than this there is no fast path for requests (fast.h)
 * @watermark: (t) frames to be left, see watermark.h
 * @lowmem_reserve: (t) more frames to be left, by a request's highest zone type
 * @max_order: (c) largest order blocks are merged to
 * @default_migratetype: (c) migrate type of a pageblock that nobody uses
 * @free_area: (z) what is free
 * @nr_blocks: (r) pageblocks by migrate type
 * @events: (r) what happened under the lock, see enum zb_event
 * @fallbacks: (r) by mobility wanted and mobility taken from
 * @below_fast_wmark: (r) @nr_free_pcptypes is below @fast_wmark; in a cache line of its own,
 *	because the counters beside it are written with every refill and drain
 * @start_pfn: (c) first frame, on a pageblock border
 * @nr_pages: (c) frames, whole pageblocks
 * @pageblocks: (c) one per 512 frames
 * @state: (s) one byte per frame
 * @types: (r) behind @state, migrate types of pageblocks once more, so that who frees
 *	need not touch what other CPUs write to
 * @pcp: (c) per-CPU lists
 * @pcp_high: (t) frames on all per-CPU lists of one CPU
 * @pcp_limit: (t) blocks on a per-CPU list, by order
 * @fast_top: (t) by list, where its top may be at most for the fast path (fast.h)
 * @pcp_batch: (t) blocks moved at once, by order
 * @type: (c) ZB_ZONE_*
 * @nid: (c) NUMA node
 * @frame_ops: (c) tell which frames are unfit for use; NULL if none ever is
 * @pool: (c) whose zone it is, for @frame_ops
 *
 * The letters tell what protects a member:
 *
 *  - (c) constant after zb_zone_init()
 *  - (z) @lock
 *  - (r) written under @lock, read without it as well
 *  - (t) written by zb_pool_tune(), one caller at a time; read without a lock
 *  - (s) to and from 0 under @lock; else see the head of this file
 *  - (-) nothing
 */
struct zb_zone {
	zb_lock_t lock;
	struct zb_audit *audits;
	unsigned long nr_free;
	unsigned long nr_free_pcptypes;
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_bad;
	unsigned long nr_unfit;
	unsigned long first_unfit;
	unsigned long last_unfit;
	unsigned long fast_wmark;
	unsigned long watermark[ZB_NR_WMARKS];
	unsigned long lowmem_reserve[ZB_NR_ZONES];
	unsigned int max_order;
	u8 default_migratetype;
	struct zb_free_area free_area[ZB_NR_ORDERS];
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long events[ZB_NR_EVENTS];
	unsigned long fallbacks[ZB_MIGRATE_PCPTYPES][ZB_MIGRATE_PCPTYPES];

	/* Read by every allocation and free, and written when it changes. */
	u8 below_fast_wmark __aligned(64);

	/* All below stays as zb_zone_init() left it. */
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

static inline unsigned long zb_zone_end(const struct zb_zone *zone)
{
	return zone->start_pfn + zone->nr_pages;
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
 * Make an allocated block a cached one. Of several CPUs that free the same block,
 * one succeeds and continues with the free; the others have to refuse it.
 */
static __always_inline bool zb_zone_claim(struct zb_zone *zone,
					  unsigned long pfn, u8 state)
{
	return zb_cmpxchg(&zone->state[pfn - zone->start_pfn], state,
			  ZB_STATE(ZB_BLOCK_PCP, ZB_STATE_ORDER(state)));
}

/* Zone lock held for these; readers don't take it. */
static inline void __zb_set_nr_free_pcptypes(struct zb_zone *zone, unsigned long nr)
{
	u8 low = nr < zone->fast_wmark;

	WRITE_ONCE(zone->nr_free_pcptypes, nr);
	if (zone->below_fast_wmark != low)
		WRITE_ONCE(zone->below_fast_wmark, low);
}

static inline void __zb_count_event(struct zb_zone *zone, enum zb_event event,
				    unsigned long nr)
{
	WRITE_ONCE(zone->events[event], zone->events[event] + nr);
}

/* Order of the smallest block that holds so many frames, at least one. */
static inline unsigned int zb_exact_order(unsigned long nr_pages)
{
	return nr_pages > 1 ? fls64(nr_pages - 1) : 0;
}

/*
 * An exact allocation of n frames is one block for each bit of n, the largest
 * first; each start is naturally aligned, because what precedes it is a sum of
 * larger powers of two. 13 frames:
 *
 *	| order 3               | order 2   | 0 |  -  tail  |
 *
 * This is the order of the first of them.
 */
static inline unsigned int zb_exact_piece(unsigned long nr_pages)
{
	return fls64(nr_pages) - 1;
}

size_t zb_zone_pageblocks_size(unsigned long nr_pages);
size_t zb_zone_state_size(unsigned long nr_pages);
void zb_zone_init(struct zb_zone *zone);

struct zb_pageblock *__zb_find_smallest(struct zb_zone *zone,
					unsigned int order, unsigned int mt);
unsigned long __zb_rmqueue_smallest(struct zb_zone *zone, unsigned int order,
				    unsigned int mt, enum zb_block_state hold);
unsigned long __zb_rmqueue_from(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, enum zb_block_state hold);
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words);
void __zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order);
void __zb_free_words(struct zb_zone *zone, const struct zb_bulk *words);
void __zb_claim_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt);
void __zb_set_pageblock_migratetype(struct zb_zone *zone,
				    struct zb_pageblock *pb, unsigned int mt);

/* audit.c */
void __zb_audit_begin(struct zb_zone *zone, struct zb_audit *audit);
void __zb_audit_next(struct zb_zone *zone, struct zb_audit *audit);
void __zb_audit_end(struct zb_zone *zone, struct zb_audit *audit);

/* Called by zone.c for each change while an audit is under way. */
void __zb_audit_free(struct zb_zone *zone, const struct zb_pageblock *pb,
		     long nr);
void __zb_audit_retyped(struct zb_zone *zone, const struct zb_pageblock *pb,
			unsigned long nr_blocks, unsigned int to);
void __zb_audit_blocks(struct zb_zone *zone, const struct zb_pageblock *pb,
		       unsigned int order, unsigned int mt, long nr);
void __zb_audit_runs_retyped(struct zb_zone *zone,
			     const struct zb_pageblock *pb, unsigned int to);

#endif /* ZB_CORE_ZONE_H */

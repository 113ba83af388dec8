/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim: frees memory for requests that can't be served from free memory.
 *
 *	discardable buffers lose their memory		shrink.c, and in the background kswapd.c
 *	other modules free some of theirs		shrink_owners.c
 *	movable buffers, and blocks of other modules	compact.c, and in the background
 *	(movable.c), are moved together, so that	kcompactd.c
 *	a large block becomes free
 *	all buffers leave a range that is wanted	range.c
 *	or zones that an administrator wants empty	empty.c
 *
 * block_use.c counts by pageblock what can be moved or discarded, and what can't.
 *
 * Free memory is also cleared in advance, so that requests need not do it (zero_ahead.c).
 *
 * core/reclaim.h, core/compact.h and core/range.h describe how these buffers are chosen,
 * buffer/discard.c how a buffer loses its memory, and buffer/move.c how it is moved.
 */
#ifndef ZB_RECLAIM_H
#define ZB_RECLAIM_H

#include <linux/mutex.h>
#include <linux/semaphore.h>
#include <linux/types.h>

#include "../buffer/buffer.h"
#include "../core/compact.h"
#include "owner.h"

struct workqueue_struct;
struct zb_kcompactd;
struct zb_kswapd;
struct zb_zero_thread;

/**
 * struct zb_reclaim - reclaim and compaction of an instance
 * @inst: the instance
 * @bpool: its buffers
 * @compact_slots: free slots for requests that compact memory
 * @shrink_slots: free slots for requests in direct reclaim
 * @owners: other modules whose memory can be taken back
 * @range_lock: the request that empties ranges, see reclaim/range.c
 * @empty_lock: the task that empties zones, see reclaim/empty.c
 * @range_wq: workqueue in which both do so
 * @kcompactd: background compaction by node, in the order of zb_pool.nodes
 * @kswapd: background reclaim by node, in the order of zb_pool.nodes
 * @wq: workqueue of @kswapd
 * @zero: threads that clear free memory by node, in the order of zb_pool.nodes, or NULL;
 *	protected by zero_lock
 *
 * All members but the slots, @owners, the locks and @zero are constant after zb_reclaim_attach().
 */
struct zb_reclaim {
	struct zb_instance *inst;
	struct zb_buffer_pool *bpool;
	struct semaphore compact_slots;
	struct semaphore shrink_slots;
	struct zb_owners owners;
	struct semaphore range_lock;
	struct mutex empty_lock;
	struct workqueue_struct *range_wq;
	struct zb_kcompactd *kcompactd;
	struct zb_kswapd *kswapd;
	struct workqueue_struct *wq;
	struct zb_zero_thread *zero;
};

/**
 * struct zb_shrink - memory that discardable buffers and other modules have to give back
 * @reclaim: reclaim and compaction of the instance
 * @zone: the zone that the frames have to be in
 * @target: number of frames; the members up to @alloc_flags are used only if it is 0
 * @order: order of a block that has to be free
 * @nr_pages: number of its frames that a request keeps
 * @mark: number of frames that have to be left then
 * @highest_zoneidx: highest zone type that the request may use
 * @alloc_flags: part of @mark, and migrate types, that the request may use
 * @queued: for a request in the queue, which does not wait for other modules
 * @gfp: what callbacks may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @kswapd: this is background reclaim
 * @purged: number of frames given back so far
 * @all_busy: the last pass took too few frames, and found buffers in use
 * @scanned: number of frames that were tried since the events of vmstat were counted last
 * @busy: number of these frames that are in use
 * @counted: part of @purged that is included in the events
 * @owner_scanned: number of frames that other modules were asked for
 * @owner_freed: number of these that they freed
 */
struct zb_shrink {
	struct zb_reclaim *reclaim;
	struct zb_zone *zone;
	unsigned long target;
	unsigned int order;
	unsigned long nr_pages;
	unsigned long mark;
	unsigned int highest_zoneidx;
	unsigned int alloc_flags;
	bool queued;
	zb_gfp_t gfp;
	bool kswapd;
	unsigned long purged;
	bool all_busy;
	unsigned long scanned;
	unsigned long busy;
	unsigned long counted;
	unsigned long owner_scanned;
	unsigned long owner_freed;
};

/* What the frames of a pageblock are used for. */
enum zb_use {
	ZB_USE_MOVABLE,		/* can be moved */
	ZB_USE_DISCARDABLE,	/* can be taken back */
	ZB_USE_PINNED,		/* movable or discardable, but in use such that it has to stay */
	ZB_NR_USES,
};

/**
 * struct zb_block_use - what the frames of a pageblock are used for
 * @nr: number of frames by enum zb_use; all others are free, on a per-CPU list, or never move
 */
struct zb_block_use {
	u16 nr[ZB_NR_USES];
};

/**
 * struct zb_empty - zones that an administrator wants empty
 * @set: the zones
 * @moved: number of frames of buffers that were moved to other zones
 * @discarded: number of frames that were taken back
 * @left: number of frames that are still allocated
 * @in_use: those of them that belong to movable or discardable buffers that are in use
 * @no_room: those that belong to movable buffers for which no other zone had room
 */
struct zb_empty {
	struct zb_zone_set set;
	unsigned long moved;
	unsigned long discarded;
	unsigned long left;
	unsigned long in_use;
	unsigned long no_room;
};

/* empty.c */
int zb_empty_zones(struct zb_reclaim *reclaim, struct zb_empty *e);

/* block_use.c */
unsigned long zb_pool_nr_pageblocks(const struct zb_pool *pool);
void zb_count_block_use(struct zb_reclaim *reclaim, struct zb_block_use *use);

/* compact.c */
int zb_reclaim_attach(struct zb_reclaim *reclaim, struct zb_instance *inst,
		      struct zb_buffer_pool *bpool);
void zb_reclaim_detach(struct zb_reclaim *reclaim);
int zb_compact_memory(struct zb_reclaim *reclaim);
bool zb_get_slot(struct semaphore *slots, const struct zb_alloc_context *ac);
bool zb_move_out(const struct zb_compact_control *cc, struct zb_zone *zone,
		 unsigned long pfn, unsigned long nr_pages);

/* Trace and call zb_zone_compact(). */
static inline enum zb_compact_result zb_compact_zone(struct zb_zone *zone,
						     const struct zb_compact_control *cc)
{
	enum zb_compact_result result;

	trace_mm_compaction_begin(zone->start_pfn, zb_zone_end(zone));
	result = zb_zone_compact(zone, cc);
	trace_mm_compaction_end(zone->start_pfn, zb_zone_end(zone), result);
	return result;
}

/* The number of frames that are still missing; the state may have changed meanwhile. */
static inline unsigned long zb_shrink_nr_missing(const struct zb_shrink *s)
{
	return zb_watermark_missing(s->zone, s->nr_pages, s->mark, s->highest_zoneidx,
				    s->alloc_flags);
}

static inline bool zb_shrink_lacks_block(const struct zb_shrink *s)
{
	return s->order && !zb_zone_has_block_locked(s->zone, s->order, s->alloc_flags);
}

/* range.c */
enum zb_range_result zb_survey(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			       const struct zb_alloc_context *ac,
			       struct zb_range_survey **survey);
bool zb_evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
	      const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages);
bool zb_purge(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
	      const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages);
void zb_run(struct zb_pool *pool, void (*fn)(void *data), void *data);
void zb_move_out_of(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		    unsigned long pfn, unsigned long nr_pages);
void zb_end_survey(struct zb_pool *pool, struct zb_range_survey *survey);

/* kcompactd.c */
int zb_kcompactd_create(struct zb_reclaim *reclaim);
void zb_kcompactd_start(struct zb_reclaim *reclaim);
void zb_kcompactd_destroy(struct zb_reclaim *reclaim);
void zb_wake_kcompactd(struct zb_reclaim *reclaim, const struct zb_zone *zone,
		       unsigned int order);

/* shrink.c */
void zb_shrink_zone(struct zb_shrink *s);
bool zb_zone_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		     unsigned int order, unsigned int alloc_flags,
		     const struct zb_alloc_context *ac);
bool zb_direct_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		       unsigned int order, unsigned int alloc_flags,
		       const struct zb_alloc_context *ac);
unsigned long zb_reclaim_memory(struct zb_reclaim *reclaim, unsigned long nr_pages);

/* kswapd.c */
int zb_kswapd_create(struct zb_reclaim *reclaim);
void zb_kswapd_destroy(struct zb_reclaim *reclaim);
void zb_wake_kswapd(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		    unsigned int order);

/* zero_ahead.c */
int zb_zero_create(struct zb_reclaim *reclaim);
void zb_zero_destroy(struct zb_reclaim *reclaim);

#endif /* ZB_RECLAIM_H */

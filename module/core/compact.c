// SPDX-License-Identifier: GPL-2.0-only
#include "compact.h"
#include "slowpath.h"
#include "stat.h"
#include "verdict.h"

#define MAX_DEFER_SHIFT		6u	/* as COMPACT_MAX_DEFER_SHIFT of the kernel */
#define RULED_OUT_PER_FAILURE	16u

/**
 * struct window - an aligned range of frames that is to be emptied
 * @pfn: first frame
 * @cost: number of frames that have to move
 */
struct window {
	unsigned long pfn;
	unsigned long cost;
};

/**
 * zb_zone_count_event() - count an event of a zone
 * @zone: the zone
 * @event: the event
 * @nr: number of events
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_count_event(struct zb_zone *zone, enum zb_event event, unsigned long nr)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, event, nr);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_compact_cost() - count the frames that have to move out of a window
 * @zone: zone of the window
 * @pfn: first frame of the window, aligned to @order
 * @order: order of the window
 * @cached: set if a free block in the window is on a per-CPU list
 *
 * The state bytes are read without the zone lock, so the result is only an estimate
 * unless the pageblocks are isolated.
 *
 * Context: any.
 * Return: number of allocated frames, or -1 if the window can't become free, because it
 * has an allocation that is not movable, a frame that is out of use, or a part of a block
 * that is as large as the window.
 */
long zb_compact_cost(const struct zb_zone *zone, unsigned long pfn, unsigned int order,
		     bool *cached)
{
	unsigned long end = pfn + BIT(order);
	long cost = 0;
	u8 state;

	*cached = false;
	while (pfn < end) {
		state = zb_zone_state(zone, pfn);
		if (!state) {
			/* An allocated frame without a state is inside of a larger block. */
			if (!zb_frame_is_free(zone, pfn))
				return -1;
			pfn++;
			continue;
		}
		if (ZB_STATE_BLOCK(state) == ZB_BLOCK_PCP) {
			*cached = true;
		} else {
			if (!zb_state_allocated(state) ||
			    zb_state_migratetype(state) != ZB_MIGRATE_MOVABLE ||
			    ZB_STATE_ORDER(state) >= order)
				return -1;
			cost += BIT(ZB_STATE_ORDER(state));
		}
		pfn += BIT(ZB_STATE_ORDER(state));
	}
	return pfn == end ? cost : -1;
}

static bool pageblock_eligible(const struct zb_pageblock *pb,
			       const struct zb_compact_control *cc)
{
	unsigned int mt = READ_ONCE(pb->migratetype);

	if (READ_ONCE(pb->skip_compaction))
		return false;
	return mt < ZB_MIGRATE_PCPTYPES || (mt == ZB_MIGRATE_CMA && cc->cma);
}

/* Returns the number of free frames of a range of whole pageblocks, or -1 to skip the range. */
static long range_nr_free(const struct zb_zone *zone, unsigned long pfn,
			  unsigned long nr_pages, const struct zb_compact_control *cc)
{
	const struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	const struct zb_pageblock *end = pb + (nr_pages >> ZB_PAGEBLOCK_ORDER);
	long nr = 0;

	for (; pb < end; pb++) {
		if (!pageblock_eligible(pb, cc) ||
		    (READ_ONCE(pb->migratetype) == ZB_MIGRATE_CMA) !=
		    (READ_ONCE(end[-1].migratetype) == ZB_MIGRATE_CMA))
			return -1;
		nr += READ_ONCE(pb->nr_free);
	}
	return nr;
}

/* Find the cheapest window among those of a range of whole pageblocks. */
static void find_window_in(const struct zb_zone *zone, unsigned long pfn,
			   unsigned long nr_pages, unsigned int order, struct window *best)
{
	unsigned long end = pfn + nr_pages;
	bool cached;
	long cost;

	for (; pfn < end; pfn += BIT(order)) {
		cost = zb_compact_cost(zone, pfn, order, &cached);
		/* If nothing has to move, only a drain can help. */
		if (cost < 0 || (!cost && !cached) || (unsigned long)cost >= best->cost)
			continue;
		best->pfn = pfn;
		best->cost = cost;
	}
}

/*
 * The unit of isolation is a pageblock, so a range of them is considered at a time. From
 * pageblock order on, the number of its free frames tells which ranges need not be looked
 * at. It does not include the few frames on per-CPU lists.
 */
static bool find_window(const struct zb_zone *zone, const struct zb_compact_control *cc,
			struct window *best)
{
	unsigned long pfn, nr = BIT(cc->order);
	long nr_free;

	if (nr < ZB_PAGEBLOCK_NR)
		nr = ZB_PAGEBLOCK_NR;
	*best = (struct window){ .pfn = ZB_NO_PFN, .cost = nr + 1 };
	for (pfn = (zone->start_pfn + nr - 1) & ~(nr - 1); pfn + nr <= zb_zone_end(zone);
	     pfn += nr) {
		nr_free = range_nr_free(zone, pfn, nr, cc);
		if (nr_free < 0 || (unsigned long)nr_free == nr)
			continue;
		if (cc->order < ZB_PAGEBLOCK_ORDER || nr - nr_free < best->cost)
			find_window_in(zone, pfn, nr, cc->order, best);
		/* A large zone takes tens of milliseconds. */
		zb_cond_resched();
	}
	return best->pfn != ZB_NO_PFN;
}

static bool window_is_free(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	const struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned long flags;
	bool is_free;

	if (order >= ZB_PAGEBLOCK_ORDER)
		return zb_pool_range_free(zone->pool, pfn, BIT(order)) == BIT(order);
	zb_lock_irqsave(&zone->lock, flags);
	is_free = zb_pageblock_run_is_free(pb, pfn % ZB_PAGEBLOCK_NR, order);
	zb_unlock_irqrestore(&zone->lock, flags);
	return is_free;
}

/* Returns true if this changes how any of the pageblocks is treated. */
static bool set_skip(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages,
		     enum zb_skip skip)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	struct zb_pageblock *end = pb + (ALIGN(nr_pages, ZB_PAGEBLOCK_NR) >> ZB_PAGEBLOCK_ORDER);

	bool changed = false;

	for (; pb < end; pb++) {
		changed |= READ_ONCE(pb->skip_compaction) != skip;
		WRITE_ONCE(pb->skip_compaction, skip);
	}
	return changed;
}

/* Try pageblocks again that failed, but not those that are ruled out. */
static void retry_failed(struct zb_zone *zone)
{
	struct zb_pageblock *pb = zone->pageblocks;
	struct zb_pageblock *end = pb + (zone->nr_pages >> ZB_PAGEBLOCK_ORDER);

	for (; pb < end; pb++)
		if (READ_ONCE(pb->skip_compaction) == ZB_SKIP_FAILED)
			WRITE_ONCE(pb->skip_compaction, ZB_SKIP_NOT);
}

/**
 * zb_compact_rule_out() - do not try a window again as long as there are others
 * @zone: zone of the window
 * @pfn: first frame of the window
 * @nr_pages: its number of frames
 *
 * zb_compact_control.evacuate calls it if an allocation in the window is larger than the block
 * that is wanted, so that its new frames would need such a block themselves.
 *
 * Context: any.
 */
void zb_compact_rule_out(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	set_skip(zone, pfn, nr_pages, ZB_SKIP_RULED_OUT);
}

static void mark_result(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages,
			bool failed)
{
	if (!failed)
		set_skip(zone, pfn, nr_pages, ZB_SKIP_NOT);
	else if (READ_ONCE(zb_pfn_pageblock(zone, pfn)->skip_compaction) != ZB_SKIP_RULED_OUT)
		set_skip(zone, pfn, nr_pages, ZB_SKIP_FAILED);
}

/* Returns true if the window has become free. *@stop is set if @evacuate wants to stop. */
static bool empty_window(struct zb_zone *zone, const struct zb_compact_control *cc,
			 const struct window *w, bool *stop)
{
	unsigned long nr = BIT(cc->order), pfn;
	bool done = false;

	if (nr < ZB_PAGEBLOCK_NR)
		nr = ZB_PAGEBLOCK_NR;
	pfn = w->pfn & ~(nr - 1);
	zb_zone_begin_isolation(zone);
	/* Another task may have isolated it meanwhile. */
	if (zb_pool_isolate_range(zone->pool, pfn, nr)) {
		*stop = !cc->evacuate(cc, zone, w->pfn, BIT(cc->order));
		done = window_is_free(zone, w->pfn, cc->order);
		zb_pool_unisolate_range(zone->pool, pfn, nr);
	}
	zb_zone_end_isolation(zone);
	mark_result(zone, pfn, nr, !done && !*stop);
	return done;
}

/*
 * A window becomes free only if its free frames, and the new frames for what is moved out
 * of it, can be found in smaller blocks. There are as many of these as it has frames. The
 * counters of smaller blocks do not include those in stale pageblocks (stale.h), so the
 * larger ones are subtracted from all free frames.
 */
static bool enough_small_blocks(const struct zb_zone *zone,
				const struct zb_compact_control *cc)
{
	unsigned int k, mt, last = cc->cma ? ZB_MIGRATE_CMA : ZB_MIGRATE_PCPTYPES - 1;
	unsigned long all = 0, large = 0;

	for (mt = 0; mt <= last; mt++) {
		if (mt == ZB_MIGRATE_HIGHATOMIC)
			continue;
		all += READ_ONCE(zone->nr_free_type[mt]);
		for (k = cc->order; k <= zone->max_order; k++)
			large += READ_ONCE(zone->free_area[k].nr_free_type[mt]) << k;
	}
	return all >= large + BIT(cc->order);
}

/* The request itself must be possible once a block is free. */
static bool enough_free(const struct zb_zone *zone, const struct zb_compact_control *cc)
{
	return zb_watermark_leaves(zone, READ_ONCE(zone->nr_free), zone->nr_free_type,
				   BIT(cc->order),
				   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]),
				   cc->highest_zoneidx, cc->cma ? ZB_ALLOC_CMA : 0);
}

/**
 * zb_compact_suitable() - check whether compaction of a zone can have an effect
 * @zone: the zone
 * @cc: what to compact for
 *
 * The per-CPU lists are assumed to be empty, and nothing is known about what can't move.
 *
 * Context: any.
 * Return: false if no window can become free, or if the request would fail even then.
 */
bool zb_compact_suitable(const struct zb_zone *zone, const struct zb_compact_control *cc)
{
	return cc->order && cc->order <= zone->max_order && enough_free(zone, cc) &&
	       enough_small_blocks(zone, cc);
}

static bool is_deferred(struct zb_zone *zone, unsigned int order)
{
	struct zb_compact_deferral *d = &zone->deferral;
	bool deferred = false;
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	if (order >= d->order_failed && d->considered < BIT(d->shift))
		deferred = ++d->considered < BIT(d->shift);
	zb_unlock_irqrestore(&zone->lock, flags);
	return deferred;
}

static void defer(struct zb_zone *zone, unsigned int order)
{
	struct zb_compact_deferral *d = &zone->deferral;
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	d->considered = 0;
	if (d->shift < MAX_DEFER_SHIFT)
		d->shift++;
	if (order < d->order_failed)
		d->order_failed = order;
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void end_deferral(struct zb_zone *zone, unsigned int order)
{
	struct zb_compact_deferral *d = &zone->deferral;
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	d->shift = 0;
	if (order >= d->order_failed)
		d->order_failed = order + 1;
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Empty the cheapest window that can be emptied, as empty_window(). If earlier attempts left
 * no other window, all are tried again: their contents may have changed since then, and an
 * attempt that tries nothing gives no reason to defer the next ones.
 */
static bool empty_any_window(struct zb_zone *zone, const struct zb_compact_control *cc,
			     bool *stop)
{
	bool may_restart = !cc->keep_skipped;
	unsigned int failures = 0, ruled_out = 0;
	struct window w;

	if (cc->force && !cc->keep_skipped)
		retry_failed(zone);
	while (!*stop && failures + ruled_out / RULED_OUT_PER_FAILURE < cc->max_failures) {
		if (!find_window(zone, cc, &w)) {
			/* All windows have been tried. The next attempt starts again. */
			if (!set_skip(zone, zone->start_pfn, zone->nr_pages, ZB_SKIP_NOT) ||
			    !may_restart)
				return false;
			may_restart = false;
			continue;
		}
		may_restart = false;
		if (empty_window(zone, cc, &w, stop))
			return true;
		if (READ_ONCE(zb_pfn_pageblock(zone, w.pfn)->skip_compaction) == ZB_SKIP_RULED_OUT)
			ruled_out++;
		else
			failures++;
	}
	return false;
}

/**
 * zb_zone_compact() - make a block of a zone free by moving allocations out of it
 * @zone: the zone
 * @cc: what to compact for
 *
 * The per-CPU lists should have been drained before. Several tasks may compact a zone at
 * the same time; each works on other pageblocks.
 *
 * Context: may sleep if @cc->evacuate does; takes the zone lock.
 * Return: ZB_COMPACT_*. After ZB_COMPACT_SUCCESS, others may take the free block before
 * the caller does.
 */
enum zb_compact_result zb_zone_compact(struct zb_zone *zone,
				       const struct zb_compact_control *cc)
{
	unsigned int count = !cc->background;
	bool stop = false;

	if (!zb_compact_suitable(zone, cc))
		return ZB_COMPACT_SKIPPED;
	if (!cc->force && is_deferred(zone, cc->order))
		return ZB_COMPACT_DEFERRED;
	zb_zone_count_event(zone, ZB_COMPACTSTALL, count);
	if (empty_any_window(zone, cc, &stop)) {
		end_deferral(zone, cc->order);
		zb_zone_count_event(zone, ZB_COMPACTSUCCESS, count);
		return ZB_COMPACT_SUCCESS;
	}
	zb_zone_count_event(zone, ZB_COMPACTFAIL, count);
	/*
	 * Forced runs ignore the deferral, so their failures do not extend it; and a stopped run
	 * did not try all windows.
	 */
	if (!cc->force && !stop)
		defer(zone, cc->order);
	return ZB_COMPACT_FAILED;
}

static bool any_zone_suitable(const struct zb_alloc_request *req,
			      const struct zb_alloc_context *ac, unsigned int order)
{
	unsigned int alloc_flags = zb_slowpath_flags(req->gfp, ac);
	const struct zb_compact_control cc = {
		.order = order,
		.highest_zoneidx = ac->highest_zoneidx,
		.cma = alloc_flags & ZB_ALLOC_CMA,
	};
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx)
		if (zb_node_allowed(ac, z->zone, req->gfp, alloc_flags) &&
		    zb_compact_suitable(z->zone, &cc))
			return true;
	return false;
}

/**
 * zb_pool_compact_for() - reclaim or compact memory for a request that waits
 * @pool: the allocator
 * @req: the request
 *
 * If reclaim is not enough, memory is compacted: with the highest priority, and even if it is
 * deferred, but only if a zone has enough free memory for the request. If the flags do not
 * allow the request to sleep, nothing is done.
 *
 * Context: may sleep; reads the bitmaps of the policy.
 * Return: ZB_COMPACT_*. After ZB_COMPACT_SUCCESS, others may take the free block before
 * the caller does.
 */
enum zb_compact_result zb_pool_compact_for(struct zb_pool *pool,
					   const struct zb_alloc_request *req)
{
	unsigned int order = zb_exact_order(req->nr_pages);
	struct zb_alloc_context ac;

	if (!zb_request_context(pool, req, &ac) || !(req->gfp & __ZB_GFP_DIRECT_RECLAIM))
		return ZB_COMPACT_SKIPPED;
	if (zb_reclaim_zones(pool, req->gfp, order, &ac))
		return ZB_COMPACT_SUCCESS;
	if (!order || !any_zone_suitable(req, &ac, order))
		return ZB_COMPACT_SKIPPED;
	return zb_compact_zones(pool, req->gfp, order, &ac);
}

/**
 * zb_fragmentation_score() - measure how fragmented the free memory of a node is
 * @pool: the allocator
 * @nid: the node
 *
 * Context: any but NMI; takes zone locks.
 * Return: percentage of the free memory that is not in blocks of at least a pageblock: the
 * mean of the zones, weighted with their present sizes. A zone without free memory counts as 0.
 */
unsigned int zb_fragmentation_score(struct zb_pool *pool, int nid)
{
	unsigned long pages = 0, managed;
	struct zb_zone_stat st;
	struct zb_zone *zone;
	u64 sum = 0;

	zb_for_each_zone(zone, pool) {
		if (zone->nid != nid)
			continue;
		managed = zb_zone_nr_managed(zone);
		pages += managed;
		zb_zone_snapshot(zone, &st);
		if (st.nr_free)
			sum += (u64)managed * zb_unusable_index(&st, ZB_PAGEBLOCK_ORDER);
	}
	return pages ? zb_div64(sum, 10 * (u64)pages) : 0;
}

/* Take frames from the smallest sufficient block of an order below @below_order. */
static unsigned long take_frames(struct zb_zone *zone, unsigned int mt,
				 unsigned long nr_pages, unsigned int below_order)
{
	static const u8 types[] = {
		ZB_MIGRATE_CMA, ZB_MIGRATE_MOVABLE, ZB_MIGRATE_RECLAIMABLE,
		ZB_MIGRATE_UNMOVABLE,
	};
	unsigned int i, order = zb_exact_order(nr_pages);
	unsigned long flags, pfn = ZB_NO_PFN;
	struct zb_pageblock *pb;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = mt != ZB_MIGRATE_MOVABLE; i < ARRAY_SIZE(types); i++) {
		pb = __zb_find_smallest(zone, order, types[i]);
		if (!pb || pb->largest_free >= below_order)
			continue;
		pfn = __zb_rmqueue_from(zone, pb, order, ZB_BLOCK_PCP);
		if (nr_pages != BIT(order))
			__zb_trim(zone, pfn, order, nr_pages);
		if (unlikely(zone->zeroed))
			__zb_zero_take(zone, pfn, nr_pages, NULL);
		__zb_count_event(zone, ZB_PGALLOC, nr_pages);
		break;
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_compact_alloc() - allocate the new frames of an allocation that is to be moved
 * @zone: zone of the allocation; moving it does not change the zone
 * @gfp: flags that it was allocated with
 * @nr_pages: its number of frames
 * @below_order: use free blocks of lower orders only, so that no block of this order is
 *	split to make another one
 *
 * Watermarks do not apply, because as many frames are freed by the move. Every frame is
 * checked (unfit.h).
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame, or ZB_NO_PFN. The frames have the states of an allocation by
 * zb_pool_alloc_exact() with @gfp and @nr_pages.
 */
unsigned long zb_compact_alloc(struct zb_zone *zone, zb_gfp_t gfp, unsigned long nr_pages,
			       unsigned int below_order)
{
	static const struct zb_alloc_policy policy = { .every_frame = true };
	const struct zb_alloc_context ac = {
		.policy = &policy,
		.nr_pages = nr_pages,
		.migratetype = zb_pool_migratetype(zone->pool, gfp),
	};
	unsigned long pfn;

	do {
		pfn = take_frames(zone, ac.migratetype, nr_pages, below_order);
	} while (pfn != ZB_NO_PFN &&
		 !zb_prep_new_block(zone->pool, zone, pfn, gfp & ~__ZB_GFP_ZERO,
				    zb_exact_order(nr_pages), &ac));
	return pfn;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "capture.h"
#include "compact.h"
#include "free.h"
#include "isolate.h"
#include "range_alloc.h"
#include "verdict.h"

/* In calls of zb_ops.wait, which sleeps for 20 ms in the module. */
#define MAX_WAITS	500u
#define MAX_QUIET	150u	/* without a frame that has become free */
#define FIRST_MOVE	4u	/* until what could not be moved at first is tried again */

#define MAX_SHARE	4u	/* a capture is at most this part of its zone */
#define BLOCK_COST	4096u	/* of waiting for a block to be freed, in frames to be moved */

static bool may_capture(const struct zb_pageblock *pb, bool cma)
{
	unsigned int mt = READ_ONCE(pb->migratetype);

	return mt < ZB_MIGRATE_PCPTYPES || (mt == ZB_MIGRATE_CMA && cma);
}

static bool failed_before(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < ZB_CAPTURES_FAILED; i++)
		if (zone->capture_failed[i] == pfn)
			return true;
	return false;
}

/*
 * Estimate how long it takes until a range is free. What is movable takes the time to copy it,
 * and everything else the time until its owner frees it, so the number of blocks counts there,
 * and not their size. Returns ~0ul if the range contains a frame that is out of use.
 */
static unsigned long emptying_cost(const struct zb_zone *zone, unsigned long pfn,
				   unsigned int order)
{
	unsigned long end = pfn + BIT(order), cost = 0, head;
	unsigned int larger;
	u8 state;

	/* The states of the frames inside of a larger block are those of free frames. */
	head = zb_pool_block_head(zone->pool, pfn, &larger);
	if (head != ZB_NO_PFN && head != pfn)
		return BLOCK_COST;
	for (; pfn < end; pfn += state ? BIT(ZB_STATE_ORDER(state)) : 1) {
		state = zb_zone_state(zone, pfn);
		if (!state || ZB_STATE_BLOCK(state) == ZB_BLOCK_PCP)
			continue;
		if (!zb_state_allocated(state))
			return ~0ul;
		if (zb_state_migratetype(state) == ZB_MIGRATE_MOVABLE &&
		    ZB_STATE_ORDER(state) < order)
			cost += BIT(ZB_STATE_ORDER(state));
		else
			cost += BLOCK_COST;
	}
	return cost;
}

/*
 * Return the cost of a window, or ~0ul if it can't be captured. States and counters are read
 * without the lock.
 */
static unsigned long window_cost(const struct zb_zone *zone, unsigned long pfn,
				 unsigned int order, const struct zb_alloc_context *ac)
{
	const struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	const struct zb_pageblock *end = pb + (BIT(order) >> ZB_PAGEBLOCK_ORDER);
	bool cma = ac->migratetype == ZB_MIGRATE_MOVABLE;
	unsigned long nr_free = 0, kept;

	if (failed_before(zone, pfn))
		return ~0ul;
	for (; pb < end; pb++) {
		if (!may_capture(pb, cma))
			return ~0ul;
		nr_free += READ_ONCE(pb->nr_free);
	}
	/* What is free elsewhere has to suffice for others. */
	kept = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]) +
	       READ_ONCE(zone->lowmem_reserve[ac->highest_zoneidx]);
	if (READ_ONCE(zone->nr_free) < nr_free + kept)
		return ~0ul;
	return emptying_cost(zone, pfn, order);
}

static unsigned int nr_failed(const struct zb_zone *zone)
{
	unsigned int i, nr = 0;

	for (i = 0; i < ZB_CAPTURES_FAILED; i++)
		nr += zone->capture_failed[i] != ZB_NO_PFN;
	return nr;
}

static void forget_failures(struct zb_zone *zone)
{
	unsigned int i;

	for (i = 0; i < ZB_CAPTURES_FAILED; i++)
		zone->capture_failed[i] = ZB_NO_PFN;
}

/*
 * Find the aligned window that is probably free first. Windows whose last capture failed
 * are left out until no others are left.
 */
static unsigned long find_window(struct zb_zone *zone, unsigned int order,
				 const struct zb_alloc_context *ac)
{
	unsigned long nr = BIT(order), best = ~0ul, best_pfn = ZB_NO_PFN, pfn, cost;

	for (pfn = (zone->start_pfn + nr - 1) & ~(nr - 1); pfn + nr <= zb_zone_end(zone);
	     pfn += nr) {
		cost = window_cost(zone, pfn, order, ac);
		if (cost < best) {
			best = cost;
			best_pfn = pfn;
		}
		zb_cond_resched();
	}
	if (best_pfn == ZB_NO_PFN)
		forget_failures(zone);
	return best_pfn;
}

/* Only the queue captures, for its first request, so the list has one writer. */
static void remember_failure(struct zb_zone *zone, unsigned long pfn)
{
	unsigned int i;

	for (i = ZB_CAPTURES_FAILED - 1; i; i--)
		zone->capture_failed[i] = zone->capture_failed[i - 1];
	zone->capture_failed[0] = pfn;
}

static void move_out(struct zb_zone *zone, zb_gfp_t gfp, unsigned long pfn,
		     unsigned long nr_pages)
{
	struct zb_pool *pool = zone->pool;

	/* Free blocks of the window may be on per-CPU lists. */
	if (pool->ops->drain_all)
		pool->ops->drain_all(pool);
	if (pool->ops->move_out)
		pool->ops->move_out(pool, zone, gfp, pfn, nr_pages);
}

/*
 * Wait until the window is free. Allocations that could not be moved, because they were in use,
 * are tried again, ever less often. Returns false if the capture is broken or not wanted any
 * more, or takes too long.
 */
static bool await_free(struct zb_zone *zone, zb_gfp_t gfp, unsigned long pfn,
		       unsigned long nr_pages, bool (*wanted)(void *data), void *data)
{
	unsigned int waits, progress = 0, next_move = 0;
	struct zb_pool *pool = zone->pool;
	unsigned long nr_free, most = 0;

	for (waits = 0; READ_ONCE(zone->capture_pfn) == pfn; waits++) {
		if (waits == next_move) {
			move_out(zone, gfp, pfn, nr_pages);
			next_move = next_move ? 2 * next_move : FIRST_MOVE;
		}
		nr_free = zb_pool_range_free(pool, pfn, nr_pages);
		if (nr_free == nr_pages)
			return true;
		if (nr_free > most) {
			most = nr_free;
			progress = waits;
		}
		if (waits == MAX_WAITS || waits - progress == MAX_QUIET || !wanted(data) ||
		    !pool->ops->wait)
			break;
		pool->ops->wait(pool, false);
	}
	return false;
}

/*
 * Capture a window until it is free, and allocate it. Whoever breaks the capture ends the
 * isolation.
 */
static bool capture_window(struct zb_zone *zone, const struct zb_alloc_request *req,
			   const struct zb_alloc_context *ac, unsigned long pfn,
			   bool (*wanted)(void *data), void *data)
{
	unsigned long nr_pages = BIT(zb_exact_order(req->nr_pages));
	bool taken;

	if (!zb_zone_begin_capture(zone, pfn, nr_pages))
		return false;
	if (!await_free(zone, req->gfp, pfn, nr_pages, wanted, data)) {
		zb_zone_drop_capture(zone);
		return false;
	}
	if (!zb_zone_claim_capture(zone))
		return false;
	taken = zb_take_isolated(zone, req, ac, pfn, nr_pages);
	if (!taken)
		zb_pool_unisolate_range(zone->pool, pfn, nr_pages);
	return taken;
}

static unsigned long capture_in(struct zb_zone *zone, const struct zb_alloc_request *req,
				const struct zb_alloc_context *ac,
				bool (*wanted)(void *data), void *data)
{
	unsigned long pfn = find_window(zone, zb_exact_order(req->nr_pages), ac);
	bool taken;

	if (pfn == ZB_NO_PFN)
		return ZB_NO_PFN;
	zb_zone_begin_isolation(zone);
	taken = capture_window(zone, req, ac, pfn, wanted, data);
	zb_zone_end_isolation(zone);
	zb_zone_count_event(zone, taken ? ZB_CAPTURE_SUCCESS : ZB_CAPTURE_FAIL, 1);
	if (taken)
		return pfn;
	remember_failure(zone, pfn);
	return ZB_NO_PFN;
}

/* A capture must not take too large a part of a zone away from others. */
static bool is_suitable(const struct zb_zone *zone, const struct zb_alloc_request *req,
			const struct zb_alloc_context *ac)
{
	unsigned int order = zb_exact_order(req->nr_pages);

	return order <= zone->max_order &&
	       BIT(order) <= zb_zone_nr_managed(zone) / MAX_SHARE &&
	       zb_zone_verdict(zone, req, ac) == ZB_COULD_SERVE;
}

/*
 * The zones take turns, by the number of their captures that failed, because the owners of what
 * is in use in the preferred one may keep it for ever.
 */
static struct zb_zone *choose_zone(const struct zb_alloc_request *req,
				   const struct zb_alloc_context *ac)
{
	unsigned int nr, least = ZB_CAPTURES_FAILED;
	struct zb_zone *best = NULL;
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx) {
		if (!is_suitable(z->zone, req, ac))
			continue;
		nr = nr_failed(z->zone);
		if (nr < least || !best) {
			best = z->zone;
			least = nr;
		}
	}
	if (!best || least < ZB_CAPTURES_FAILED)
		return best;
	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx)
		forget_failures(z->zone);
	return best;
}

/**
 * zb_pool_capture() - capture memory for a request that compaction has failed for
 * @pool: the allocator
 * @req: the request, the first one in the queue; nothing is done if its block is smaller than a
 *	pageblock
 * @wanted: returns false if the request needs no memory any more
 * @data: argument of @wanted
 *
 * Context: may sleep, for about ten seconds; one caller at a time.
 * Return: first frame of an allocation as by zb_pool_alloc_exact(), or ZB_NO_PFN.
 */
unsigned long zb_pool_capture(struct zb_pool *pool, const struct zb_alloc_request *req,
			      bool (*wanted)(void *data), void *data)
{
	struct zb_alloc_context ac;
	struct zb_zone *zone;

	if (req->nr_pages <= ZB_PAGEBLOCK_NR / 2 || !zb_request_context(pool, req, &ac))
		return ZB_NO_PFN;
	zone = choose_zone(req, &ac);
	return zone ? capture_in(zone, req, &ac, wanted, data) : ZB_NO_PFN;
}

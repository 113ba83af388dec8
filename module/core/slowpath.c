// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slow path: nothing was to be had above the low watermark.
 *
 *	wake background reclaim
 *	try with the min watermark, and as far below as the flags allow
 *	NO_WATERMARKS for MEMALLOC
 *	may not sleep: drain the lists of this CPU, try again, fail
 *	repeat
 *	    drain per-CPU lists, give high-atomic pageblocks back, reclaim,
 *	    compact, try again
 *	    NORETRY: once     ordinary: while there is progress, small orders
 *	    REPEAT: 16 rounds without progress     NOFAIL: for ever
 *	fail, with a report unless NOWARN
 */
#include "mobility.h"
#include "page_alloc.h"

#define MAX_ROUNDS		16u	/* without progress */
#define DRAIN_INTERVAL		64u	/* rounds, of a request that can't fail */

/**
 * struct attempt - a request and what its attempts in the slow path may do
 * @gfp: its flags
 * @order: wanted
 * @alloc_flags: what an attempt may do
 * @ac: what does not change
 */
struct attempt {
	zb_gfp_t gfp;
	unsigned int order;
	unsigned int alloc_flags;
	struct zb_alloc_context *ac;
};

/* Zones that the request may use: only these are worth any effort. */
#define for_each_own_zoneref(z, a)					\
	zb_for_each_zoneref(z, (a)->ac->node, (a)->ac->highest_zoneidx)	\
		if (zb_node_allowed((a)->ac, (z)->zone, (a)->gfp,	\
				    (a)->alloc_flags))

static void wake_reclaim(struct zb_pool *pool, const struct attempt *a)
{
	struct zb_zoneref *z;

	if (!pool->ops->wake_reclaim)
		return;
	for_each_own_zoneref(z, a)
		pool->ops->wake_reclaim(pool, z->zone, a->order);
}

/**
 * zb_slowpath_flags() - what the flags mean for attempts of the slow path
 * @gfp: flags of the request
 * @ac: its context
 *
 * Context: any.
 * Return: ZB_ALLOC_* flags.
 */
unsigned int zb_slowpath_flags(zb_gfp_t gfp, const struct zb_alloc_context *ac)
{
	unsigned int alloc_flags = ZB_ALLOC_WMARK_MIN | ZB_ALLOC_CPUSET;

	if (gfp & __ZB_GFP_HIGH)
		alloc_flags |= ZB_ALLOC_HIGH;
	if (gfp & __ZB_GFP_ATOMIC) {
		/* Trying harder is no good to somebody who can fall back. */
		if (!(gfp & __ZB_GFP_NOMEMALLOC))
			alloc_flags |= ZB_ALLOC_HARDER;
		/* Rather another node than a failure in an interrupt. */
		alloc_flags &= ~ZB_ALLOC_CPUSET;
	}
	if (gfp & __ZB_GFP_KSWAPD_RECLAIM)
		alloc_flags |= ZB_ALLOC_KSWAPD;
	if (gfp & __ZB_GFP_COLD)
		alloc_flags |= ZB_ALLOC_COLD;
	if (ac->migratetype == ZB_MIGRATE_MOVABLE)
		alloc_flags |= ZB_ALLOC_CMA;
	return alloc_flags;
}

/**
 * zb_may_ignore_watermarks() - may the last frame go to this request?
 * @gfp: its flags
 *
 * Context: any.
 * Return: true for MEMALLOC without NOMEMALLOC.
 */
bool zb_may_ignore_watermarks(zb_gfp_t gfp)
{
	return (gfp & __ZB_GFP_MEMALLOC) && !(gfp & __ZB_GFP_NOMEMALLOC);
}

static bool unreserve_highatomic(const struct attempt *a, bool force)
{
	struct zb_zoneref *z;

	for_each_own_zoneref(z, a)
		if (zb_zone_unreserve_highatomic(z->zone, a->ac->migratetype,
						 force))
			return true;
	return false;
}

/*
 * A request that must not fail may be here for hours. It looks for memory in
 * every round, but interrupts all CPUs ever more rarely.
 */
static bool drain_is_due(zb_gfp_t gfp, unsigned int round)
{
	return !(gfp & __ZB_GFP_NOFAIL) || !(round & (round - 1)) ||
	       round % DRAIN_INTERVAL == 0;
}

static void drain(struct zb_pool *pool, const struct attempt *a)
{
	struct zb_zoneref *z;

	if (pool->ops->drain_all)
		pool->ops->drain_all(pool);
	for_each_own_zoneref(z, a)
		zb_zone_unreserve_idle(z->zone);
}

/* Everything that may turn up memory; true if something did. */
static bool make_room(struct zb_pool *pool, const struct attempt *a,
		      unsigned int round)
{
	const zb_gfp_t rounds = __ZB_GFP_NORETRY | __ZB_GFP_REPEAT | __ZB_GFP_NOFAIL;
	bool progress = false;

	atomic_long_add(1, &pool->stalls);
	if (drain_is_due(a->gfp, round))
		drain(pool, a);
	if (pool->ops->direct_reclaim)
		progress = pool->ops->direct_reclaim(pool, a->gfp, a->order);
	if (a->order && pool->ops->compact)
		progress |= pool->ops->compact(pool, a->gfp, a->order);
	/* An ordinary request has no second round: it is now or never. */
	if (!progress && a->order <= ZB_COSTLY_ORDER && !(a->gfp & rounds))
		round = MAX_ROUNDS;
	return unreserve_highatomic(a, round > 0) || progress;
}

static bool should_retry(zb_gfp_t gfp, unsigned int order, bool progress,
			 unsigned int round)
{
	if (gfp & __ZB_GFP_NOFAIL)
		return true;
	if (gfp & __ZB_GFP_NORETRY)
		return false;
	if (gfp & __ZB_GFP_REPEAT)
		return progress || round < MAX_ROUNDS;
	return progress && order <= ZB_COSTLY_ORDER;
}

static unsigned long try_again(struct zb_pool *pool, const struct attempt *a)
{
	return zb_get_page_from_freelist(pool, a->gfp, a->order, a->alloc_flags,
					 a->ac);
}

static unsigned long reclaim_and_retry(struct zb_pool *pool,
				       const struct attempt *a)
{
	unsigned int round = 0;
	unsigned long pfn;
	bool progress;

	for (;;) {
		progress = make_room(pool, a, round);
		pfn = try_again(pool, a);
		if (pfn != ZB_NO_PFN)
			return pfn;
		round = progress ? 0 : round + 1;
		if (!should_retry(a->gfp, a->order, progress, round))
			return ZB_NO_PFN;
		if (!progress && pool->ops->wait &&
		    !pool->ops->wait(pool, a->ac->policy->killable))
			return ZB_NO_PFN;
	}
}

/*
 * For a request that may not sleep. What the lists of this CPU keep it can have at
 * once. Those of other CPUs can be taken only after a grace period, so they are
 * drained in the background for the requests that follow.
 */
static unsigned long drain_own_and_retry(struct zb_pool *pool,
					 const struct attempt *a)
{
	unsigned long drained = 0;
	struct zb_zoneref *z;

	for_each_own_zoneref(z, a)
		drained += zb_pcp_drain_own(z->zone);
	if (pool->ops->drain_later)
		pool->ops->drain_later(pool);
	return drained ? try_again(pool, a) : ZB_NO_PFN;
}

static void report_failure(struct zb_pool *pool, zb_gfp_t gfp,
			   unsigned int order, unsigned int alloc_flags,
			   const struct zb_alloc_context *ac)
{
	atomic_long_add(1, &pool->failures);
	if (!(gfp & __ZB_GFP_NOWARN) && pool->ops->failed)
		pool->ops->failed(pool, gfp, order, alloc_flags, ac);
}

/**
 * zb_alloc_slowpath() - when the fast path found nothing
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: wanted
 * @ac: as the fast path has prepared it
 *
 * Context: as the request.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long zb_alloc_slowpath(struct zb_pool *pool, zb_gfp_t gfp,
				unsigned int order, struct zb_alloc_context *ac)
{
	struct attempt a = {
		.gfp = gfp, .order = order, .ac = ac,
		.alloc_flags = zb_slowpath_flags(gfp, ac),
	};
	unsigned long pfn = ZB_NO_PFN;

	/* Dirty balance and the short cut by cpuset are for the fast path. */
	ac->spread_dirty = false;
	ac->nodemask = ac->policy->nodemask;
	ac->preferred = ac->node ? zb_first_zone(ac, gfp) : NULL;
	if (!ac->preferred)
		goto failed;
	if (a.alloc_flags & ZB_ALLOC_KSWAPD)
		wake_reclaim(pool, &a);
	pfn = try_again(pool, &a);
	if (pfn == ZB_NO_PFN && zb_may_ignore_watermarks(gfp)) {
		a.alloc_flags |= ZB_ALLOC_NO_WATERMARKS;
		pfn = try_again(pool, &a);
	}
	if (pfn == ZB_NO_PFN)
		pfn = gfp & __ZB_GFP_DIRECT_RECLAIM ?
		      reclaim_and_retry(pool, &a) : drain_own_and_retry(pool, &a);
failed:
	if (pfn == ZB_NO_PFN)
		report_failure(pool, gfp, order, a.alloc_flags, ac);
	return pfn;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slow path, for requests that failed with the low watermark:
 *
 *	wake background reclaim
 *	try with the min watermark, or below it if the flags allow that
 *	MEMALLOC: try without watermarks
 *	the request may not sleep: drain the lists of this CPU, try once more
 *	otherwise repeat:
 *	    drain all per-CPU lists, reclaim, compact, unreserve HighAtomic
 *	    pageblocks, try again
 *	    NORETRY            one round
 *	    ordinary request   while there is progress, orders up to
 *	                       ZB_COSTLY_ORDER only
 *	    REPEAT             until MAX_ROUNDS rounds brought no progress
 *	    NOFAIL             forever
 *	ask others to free memory as a last resort (zb_ops.oom), and try again: small requests
 *	    that may call into file systems, but not NORETRY
 *	fail, with a report unless NOWARN is set
 *
 * Compaction is progress only a limited number of times, because other requests may take
 * each block that it makes free: see should_compact_retry().
 */
#include "mobility.h"
#include "isolate.h"
#include "slowpath.h"

#define MAX_ROUNDS		16u	/* without progress, of a REPEAT request */
#define MAX_COMPACT_RETRIES	16u	/* after successful compaction, at each priority */
#define MAX_RECLAIM_RETRIES	16u	/* rounds after successful reclaim */
#define MAX_OOM_RETRIES		4u	/* after zb_ops.oom has freed memory */
#define DRAIN_INTERVAL		64u	/* rounds between drains of a NOFAIL request */

/**
 * struct attempt - arguments of an attempt in the slow path
 * @gfp: flags of the request
 * @order: order of the block
 * @alloc_flags: what the attempt may do, see alloc_flags.h
 * @ac: the parts of the request that are the same for all attempts
 */
struct attempt {
	zb_gfp_t gfp;
	unsigned int order;
	unsigned int alloc_flags;
	struct zb_alloc_context *ac;
};

/**
 * struct retries - what bounds the number of rounds of a request
 * @round: rounds since the last progress
 * @reclaims: rounds in which reclaim succeeded, but others took the memory
 * @compactions: rounds in which compaction at @priority succeeded, but others took the block
 * @priority: how hard the next compaction tries
 */
struct retries {
	unsigned int round;
	unsigned int reclaims;
	unsigned int compactions;
	enum zb_compact_priority priority;
};

/* All zones that the request may use. */
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
		pool->ops->wake_reclaim(pool, z->zone, a->gfp, a->order);
}

/**
 * zb_slowpath_flags() - translate the flags of a request for the slow path
 * @gfp: flags of the request
 * @ac: context of the request
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
		/* NOMEMALLOC says that the caller has a fallback. */
		if (!(gfp & __ZB_GFP_NOMEMALLOC))
			alloc_flags |= ZB_ALLOC_HARDER;
		/* For an atomic request, failure is worse than a remote node. */
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
 * zb_may_ignore_watermarks() - check whether a request may use all reserves
 * @gfp: flags of the request
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
 * A NOFAIL request may stay in the slow path for hours. It tries again in every
 * round, but it drains the lists of all CPUs less and less often: in rounds 0,
 * 1, 2, 4, 8 and so on, then in every 64th.
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

/* Reclaim from the zones in turn, until one of them has made progress. */
static bool direct_reclaim(struct zb_pool *pool, const struct attempt *a)
{
	struct zb_zoneref *z;

	if (!pool->ops->direct_reclaim)
		return false;
	for_each_own_zoneref(z, a)
		if (pool->ops->direct_reclaim(pool, z->zone, a->gfp, a->order,
					      a->alloc_flags, a->ac))
			return true;
	return false;
}

/*
 * Compact the zones in turn, until a large enough block is free in one of them. Otherwise
 * returns the result of the zone in which compaction came furthest.
 */
static enum zb_compact_result compact(struct zb_pool *pool, const struct attempt *a,
				      enum zb_compact_priority priority)
{
	enum zb_compact_result result, best = ZB_COMPACT_SKIPPED;
	struct zb_zoneref *z;

	if (!a->order || !pool->ops->compact)
		return ZB_COMPACT_SKIPPED;
	for_each_own_zoneref(z, a) {
		result = pool->ops->compact(pool, z->zone, a->gfp, a->order, priority,
					    a->ac);
		if (result > best)
			best = result;
		if (best == ZB_COMPACT_SUCCESS)
			break;
	}
	return best;
}

/*
 * Check whether to compact again, and update the bounds. A block that was made free, and
 * that others have taken, justifies MAX_COMPACT_RETRIES more rounds, but only a quarter of
 * them for a costly order. After that, and after a failure, a request that is not costly
 * continues with the next priority, at which it has as many rounds again.
 */
static bool should_compact_retry(const struct attempt *a, enum zb_compact_result result,
				 struct retries *r)
{
	bool costly = a->order > ZB_COSTLY_ORDER;
	unsigned int max = costly ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES;

	if (result == ZB_COMPACT_SKIPPED)
		return false;
	if (result == ZB_COMPACT_SUCCESS && r->compactions < max) {
		r->compactions++;
		return true;
	}
	if (costly || r->priority == ZB_COMPACT_FULL)
		return false;
	r->priority = ZB_COMPACT_FULL;
	r->compactions = 0;
	return true;
}

/* Try everything that may free memory; returns true if there was progress. */
static bool try_to_free_memory(struct zb_pool *pool, const struct attempt *a,
			       struct retries *r)
{
	const zb_gfp_t rounds = __ZB_GFP_NORETRY | __ZB_GFP_REPEAT | __ZB_GFP_NOFAIL;
	bool progress, force = r->round > 0;
	enum zb_compact_result result = ZB_COMPACT_SKIPPED;

	atomic_long_add(1, &pool->stalls);
	if (drain_is_due(a->gfp, r->round))
		drain(pool, a);
	if (r->round && a->alloc_flags & ZB_ALLOC_KSWAPD)
		wake_reclaim(pool, a);
	/*
	 * After MAX_RECLAIM_RETRIES, a NOFAIL request still reclaims, but this does not count as
	 * progress, so that the request pauses between its rounds.
	 */
	progress = direct_reclaim(pool, a) && r->reclaims < MAX_RECLAIM_RETRIES;
	r->reclaims += progress;
	/* In a round after one without progress, compaction may be deferred again. */
	if (!a->ac->policy->queued)
		result = compact(pool, a, r->round ? ZB_COMPACT_LIGHT : r->priority);
	progress |= should_compact_retry(a, result, r);
	/*
	 * An ordinary request without progress is not retried, so release even the last
	 * HighAtomic pageblock now.
	 */
	if (!progress && a->order <= ZB_COSTLY_ORDER && !(a->gfp & rounds))
		force = true;
	return unreserve_highatomic(a, force) || progress;
}

static bool should_retry(const struct attempt *a, bool progress, unsigned int round)
{
	if (a->gfp & __ZB_GFP_NOFAIL)
		return true;
	if (a->gfp & __ZB_GFP_NORETRY)
		return false;
	if (a->gfp & __ZB_GFP_REPEAT)
		return progress || round < MAX_ROUNDS;
	return progress && a->order <= ZB_COSTLY_ORDER;
}

static unsigned long try_again(struct zb_pool *pool, const struct attempt *a)
{
	return zb_get_page_from_freelist(pool, a->gfp, a->order, a->alloc_flags,
					 a->ac);
}

/*
 * As in the kernel, only requests that have tried everything else are worth the loss of what
 * others keep: not those that have a fallback, or that exclude a part of reclaim.
 */
static bool may_use_last_resort(const struct zb_pool *pool, const struct attempt *a)
{
	return pool->ops->oom && a->order <= ZB_COSTLY_ORDER && a->gfp & __ZB_GFP_FS &&
	       !(a->gfp & __ZB_GFP_NORETRY);
}

/* Others may take what is freed, so the number of retries is limited. */
static unsigned long oom_and_retry(struct zb_pool *pool, const struct attempt *a)
{
	unsigned long pfn = ZB_NO_PFN;
	unsigned int tries;

	if (!may_use_last_resort(pool, a))
		return ZB_NO_PFN;
	for (tries = 0; pfn == ZB_NO_PFN && tries < MAX_OOM_RETRIES; tries++) {
		if (!pool->ops->oom(pool, a->gfp, a->order, a->ac))
			break;
		drain(pool, a);
		pfn = try_again(pool, a);
	}
	return pfn;
}

static unsigned long reclaim_and_retry(struct zb_pool *pool,
				       const struct attempt *a)
{
	struct retries r = { .priority = ZB_COMPACT_LIGHT };
	unsigned long pfn;
	bool progress;

	for (;;) {
		progress = try_to_free_memory(pool, a, &r);
		pfn = try_again(pool, a);
		if (pfn != ZB_NO_PFN)
			return pfn;
		r.round = progress ? 0 : r.round + 1;
		if (!should_retry(a, progress, r.round))
			return oom_and_retry(pool, a);
		if (progress)
			continue;
		if (a->gfp & __ZB_GFP_NOFAIL && drain_is_due(a->gfp, r.round))
			pfn = oom_and_retry(pool, a);
		if (pfn != ZB_NO_PFN)
			return pfn;
		if (pool->ops->wait && !pool->ops->wait(pool, a->ac->policy->killable))
			return ZB_NO_PFN;
	}
}

/*
 * A request that may not sleep drains the lists of this CPU. Draining the lists
 * of other CPUs takes a grace period, so that is left to a worker and helps
 * later requests only. It rarely matters: those lists were drained when the zone
 * became low, and when they were not used for a while.
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
	if (!(gfp & __ZB_GFP_NOWARN) && pool->ops->report_failure)
		pool->ops->report_failure(pool, gfp, order, alloc_flags, ac);
}

/*
 * A request for a small block does not fail because of memory that is captured for a large one.
 * Requests of the queue, which can wait, do not break captures. If another task has just broken
 * one, what was captured may be free since the last attempt.
 */
static bool break_captures(const struct attempt *a)
{
	bool broken = false;
	struct zb_zoneref *z;

	if (a->order > ZB_COSTLY_ORDER || a->ac->policy->queued)
		return false;
	for_each_own_zoneref(z, a)
		broken |= zb_zone_break_capture(z->zone) ||
			  READ_ONCE(z->zone->nr_compacting);
	return broken;
}

/**
 * zb_alloc_slowpath() - allocate a block after the first attempt failed
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the block
 * @ac: context of the request, as the first attempt used it
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, otherwise any but NMI.
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

	/* The dirty limit and the cpuset's nodes bound the first attempt only. */
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
	if (pfn == ZB_NO_PFN && break_captures(&a))
		pfn = try_again(pool, &a);
	if (pfn == ZB_NO_PFN)
		pfn = gfp & __ZB_GFP_DIRECT_RECLAIM ?
		      reclaim_and_retry(pool, &a) : drain_own_and_retry(pool, &a);
failed:
	if (pfn == ZB_NO_PFN)
		report_failure(pool, gfp, order, a.alloc_flags, ac);
	return pfn;
}

/**
 * zb_reclaim_zones() - reclaim memory for a request from the zones that it may use
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the block
 * @ac: context of the request
 *
 * Context: may sleep; reads the bitmaps of the policy.
 * Return: true if a zone can probably serve the request now.
 */
bool zb_reclaim_zones(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		      struct zb_alloc_context *ac)
{
	const struct attempt a = {
		.gfp = gfp, .order = order, .ac = ac,
		.alloc_flags = zb_slowpath_flags(gfp, ac),
	};

	return direct_reclaim(pool, &a);
}

/**
 * zb_compact_zones() - compact the zones of a request with the highest priority
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the block
 * @ac: context of the request
 *
 * Context: may sleep; reads the bitmaps of the policy.
 * Return: the result of the zone in which compaction came furthest.
 */
enum zb_compact_result zb_compact_zones(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order, struct zb_alloc_context *ac)
{
	const struct attempt a = {
		.gfp = gfp, .order = order, .ac = ac,
		.alloc_flags = zb_slowpath_flags(gfp, ac),
	};

	drain(pool, &a);
	return compact(pool, &a, ZB_COMPACT_FULL);
}

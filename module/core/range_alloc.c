// SPDX-License-Identifier: GPL-2.0-only
#include "range_alloc.h"
#include "range_take.h"
#include "slowpath.h"

#define MAX_TRIES	4u	/* to take a free range before others take a part of it */
#define MAX_RANGES	64u	/* ranges of a zone that could not be made free */
#define MAX_WAITS	50u	/* for pageblocks that others isolate: a second, in the module */
#define MAX_FIND_WAITS	8u

static bool is_allowed(const struct zb_range_attempt *a, const struct zb_zone *zone)
{
	return zb_node_allowed(&a->ac, zone, a->gfp, a->alloc_flags);
}

/* Check whether the zone could serve the request if all of its memory were free. */
static enum zb_range_result check_unused(const struct zb_range_attempt *a,
					 const struct zb_zone *zone)
{
	static const unsigned long no_types[ZB_MIGRATE_TYPES];

	if (!zb_range_fits(zone, a->range))
		return ZB_RANGE_NEVER_FITS;
	if (!zb_may_ignore_watermarks(a->gfp) &&
	    !zb_watermark_leaves(zone, zb_zone_nr_managed(zone), no_types, a->range->nr_pages,
				 READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]),
				 a->ac.highest_zoneidx, a->alloc_flags))
		return ZB_RANGE_NEVER_WATERMARK;
	return ZB_RANGE_OK;
}

/* Allocate a range that is free already. */
static enum zb_range_result take_free(const struct zb_range_attempt *a, struct zb_zone *zone,
				      unsigned long *pfn)
{
	const struct zb_range_search search = {
		.zone = zone, .range = a->range, .cma = a->alloc_flags & ZB_ALLOC_CMA,
	};
	struct zb_range_place place;
	enum zb_range_result result;
	unsigned int tries;

	result = check_unused(a, zone) ?: zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), 0);
	if (result != ZB_RANGE_OK)
		return result;
	for (tries = 0; tries < MAX_TRIES && zb_range_find(&search, &place); tries++) {
		if (zb_range_take(a, zone, place.pfn, false)) {
			*pfn = place.pfn;
			return ZB_RANGE_OK;
		}
		result = zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), 0);
		if (result != ZB_RANGE_OK)
			return result;
	}
	return ZB_RANGE_FRAGMENTED;
}

/* Isolate pageblocks. If others have isolated some of them for a moment, wait for that. */
static bool isolate(const struct zb_range_attempt *a, struct zb_zone *zone, unsigned long first,
		    unsigned long nr_pages)
{
	const struct zb_ops *ops = a->pool->ops;
	unsigned int waits;

	for (waits = 0;; waits++) {
		zb_zone_begin_isolation(zone);
		if (zb_pool_isolate_range(a->pool, first, nr_pages))
			return true;
		zb_zone_end_isolation(zone);
		if (zb_zone_break_capture(zone))
			continue;
		if (waits == MAX_WAITS || !READ_ONCE(zone->nr_compacting) || !ops->wait ||
		    !ops->wait(a->pool, a->ac.policy->killable))
			return false;
	}
}

/*
 * Make a range of isolated pageblocks free and allocate it. @first and @nr_pages are those of
 * the pageblocks.
 */
static enum zb_range_result take_isolated(const struct zb_range_attempt *a, struct zb_zone *zone,
					  struct zb_range_survey *survey, unsigned long pfn,
					  unsigned long first, unsigned long nr_pages)
{
	const struct zb_ops *ops = a->pool->ops;
	enum zb_range_result result;
	unsigned long nr_own;

	if (!ops->evict(a->pool, zone, survey, &a->ac, pfn, a->range->nr_pages))
		return ZB_RANGE_STOPPED;
	nr_own = zb_pool_range_free(a->pool, first, nr_pages);
	result = zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), nr_own);
	if (result != ZB_RANGE_OK)
		return result;
	if (zb_range_take(a, zone, pfn, true))
		return ZB_RANGE_OK;
	/* Blocks that were being freed when they were isolated may be on per-CPU lists. */
	if (ops->drain_all)
		ops->drain_all(a->pool);
	return zb_range_take(a, zone, pfn, true) ? ZB_RANGE_OK : ZB_RANGE_IN_USE;
}

/*
 * If a range did not become free, and it is not known why, do not try any allocation in it
 * again, so that the number of attempts is bounded.
 */
static void give_up_place(struct zb_range_survey *survey, const struct zb_zone *zone,
			  unsigned long pfn, unsigned long nr_pages, unsigned long nr_failed)
{
	if (survey->nr_failed == nr_failed)
		zb_range_unmark(survey, zone, pfn, nr_pages);
}

/* Make the frames of a place free and allocate them. */
static enum zb_range_result clear_place(const struct zb_range_attempt *a, struct zb_zone *zone,
					struct zb_range_survey *survey, unsigned long pfn)
{
	unsigned long first = pfn & ~(ZB_PAGEBLOCK_NR - 1), nr_failed = survey->nr_failed;
	unsigned long nr = ALIGN(pfn + a->range->nr_pages, ZB_PAGEBLOCK_NR) - first;
	enum zb_range_result result = ZB_RANGE_IN_USE;

	if (isolate(a, zone, first, nr)) {
		result = take_isolated(a, zone, survey, pfn, first, nr);
		if (result != ZB_RANGE_OK)
			zb_pool_unisolate_range(a->pool, first, nr);
		zb_zone_end_isolation(zone);
	}
	if (result != ZB_RANGE_OK)
		give_up_place(survey, zone, pfn, a->range->nr_pages, nr_failed);
	return result;
}

/*
 * Before anything is moved, check that there is enough free memory. If there is not, take memory
 * back from discardable allocations.
 */
static enum zb_range_result make_room(const struct zb_range_attempt *a, struct zb_zone *zone,
				      const struct zb_range_survey *survey)
{
	const struct zb_ops *ops = a->pool->ops;
	enum zb_range_result result;

	result = zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), 0);
	if (result == ZB_RANGE_OK || !ops->direct_reclaim ||
	    zb_range_check_free(a, zone, READ_ONCE(zone->nr_free) + survey->nr_discardable, 0) !=
	    ZB_RANGE_OK)
		return result;
	ops->direct_reclaim(a->pool, zone, a->gfp, 0, a->alloc_flags, &a->ac);
	return zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), 0);
}

/*
 * Nothing was found. Remove what may be in the way for a moment only; returns false if there is
 * no such thing.
 */
static bool find_again(const struct zb_range_attempt *a, struct zb_zone *zone, unsigned int *waits)
{
	const struct zb_ops *ops = a->pool->ops;

	if (zb_zone_unreserve_highatomic(zone, a->ac.migratetype, true))
		return true;
	return READ_ONCE(zone->nr_compacting) && ops->wait && (*waits)++ < MAX_FIND_WAITS &&
	       ops->wait(a->pool, a->ac.policy->killable);
}

/* Try the cheapest range, then the next one, and so on. */
static enum zb_range_result try_places(const struct zb_range_attempt *a,
				       const struct zb_range_search *search,
				       struct zb_zone *zone, struct zb_range_survey *survey,
				       unsigned long *pfn)
{
	enum zb_range_result result = ZB_RANGE_UNMOVABLE;
	struct zb_range_place place;
	unsigned int tries = 0, waits = 0;

	while (tries < MAX_RANGES) {
		if (!zb_range_find(search, &place)) {
			if (find_again(a, zone, &waits))
				continue;
			break;
		}
		result = make_room(a, zone, survey);
		if (result != ZB_RANGE_OK)
			break;
		result = clear_place(a, zone, survey, place.pfn);
		if (result == ZB_RANGE_OK)
			*pfn = place.pfn;
		if (result == ZB_RANGE_OK || result == ZB_RANGE_STOPPED)
			break;
		tries++;
	}
	return result;
}

/* Make a range of a zone free by moving allocations out of it, and allocate it. */
static enum zb_range_result clear_zone(const struct zb_range_attempt *a, struct zb_zone *zone,
				       unsigned long *pfn)
{
	const struct zb_ops *ops = a->pool->ops;
	struct zb_range_survey *survey = NULL;
	struct zb_range_search search = {
		.zone = zone, .range = a->range, .cma = a->alloc_flags & ZB_ALLOC_CMA,
	};
	struct zb_range_place place;
	enum zb_range_result result;

	result = check_unused(a, zone);
	if (result != ZB_RANGE_OK)
		return result;
	/* Frames that are captured could not be found. */
	zb_zone_break_capture(zone);
	result = ops->survey(a->pool, zone, a->gfp, &a->ac, &survey);
	if (result != ZB_RANGE_OK)
		return result;
	search.survey = survey;
	result = try_places(a, &search, zone, survey, pfn);
	/* Would it be possible if nothing were in use? */
	if (result == ZB_RANGE_UNMOVABLE &&
	    ops->survey(a->pool, zone, a->gfp, &a->ac, &survey) == ZB_RANGE_OK &&
	    zb_range_find(&search, &place))
		result = ZB_RANGE_IN_USE;
	if (result == ZB_RANGE_IN_USE && survey->nr_failed &&
	    survey->nr_failed == survey->nr_no_room)
		result = ZB_RANGE_FRAGMENTED;
	/* If nothing is in the way everywhere, there is too little memory. */
	if (result == ZB_RANGE_UNMOVABLE || result == ZB_RANGE_IN_USE)
		result = zb_range_check_free(a, zone, READ_ONCE(zone->nr_free) +
				    survey->nr_discardable, 0) ?: result;
	ops->end_survey(a->pool, survey);
	return result;
}

typedef enum zb_range_result (*try_zone_fn)(const struct zb_range_attempt *a, struct zb_zone *zone,
					    unsigned long *pfn);

/* Try the zones in turn. Sets *@failure to that of the zone that came closest. */
static unsigned long try_zones(const struct zb_range_attempt *a, try_zone_fn try_zone,
			       struct zb_range_failure *failure)
{
	unsigned long pfn = ZB_NO_PFN;
	enum zb_range_result result;
	struct zb_zoneref *z;

	*failure = (struct zb_range_failure){ .result = ZB_RANGE_NEVER_ZONE };
	zb_for_each_zoneref(z, a->ac.node, a->ac.highest_zoneidx) {
		if (!is_allowed(a, z->zone))
			continue;
		result = try_zone(a, z->zone, &pfn);
		if (result < failure->result) {
			failure->result = result;
			failure->zone = z->zone;
		}
		if (result <= ZB_RANGE_STOPPED)
			return pfn;
	}
	return ZB_NO_PFN;
}

/* Free the per-CPU lists, and HighAtomic pageblocks of unused zones. */
static void drain(const struct zb_range_attempt *a)
{
	struct zb_zoneref *z;

	if (a->pool->ops->drain_all)
		a->pool->ops->drain_all(a->pool);
	zb_for_each_zoneref(z, a->ac.node, a->ac.highest_zoneidx)
		if (is_allowed(a, z->zone))
			zb_zone_unreserve_idle(z->zone);
}

/* Has the request been refused because of its flags or its task, but not because of memory? */
static void explain_no_zone(const struct zb_range_attempt *a, struct zb_range_failure *failure)
{
	struct zb_zone *zone;

	if (failure->zone)
		return;
	zb_for_each_zone(zone, a->pool)
		if (zone->type <= a->ac.highest_zoneidx)
			failure->result = ZB_RANGE_NEVER_NODE;
}

static unsigned long alloc_range(struct zb_range_attempt *a, struct zb_range_failure *failure)
{
	const unsigned long *nodemask = a->ac.nodemask;
	zb_gfp_t gfp = a->gfp;
	unsigned long pfn;

	/* The first attempt stays in the cpuset, as in zb_pool_alloc_exact(). */
	a->gfp |= __ZB_GFP_HARDWALL;
	if (!nodemask)
		a->ac.nodemask = a->ac.policy->cpuset;
	pfn = try_zones(a, take_free, failure);
	a->gfp = gfp;
	a->ac.nodemask = nodemask;
	if (pfn == ZB_NO_PFN && gfp & __ZB_GFP_DIRECT_RECLAIM)
		drain(a);
	if (pfn == ZB_NO_PFN)
		pfn = try_zones(a, take_free, failure);
	if (pfn != ZB_NO_PFN || !(gfp & __ZB_GFP_DIRECT_RECLAIM) || !a->pool->ops->survey)
		return pfn;
	atomic_long_add(1, &a->pool->stalls);
	return try_zones(a, clear_zone, failure);
}

/**
 * zb_take_isolated() - allocate the first part of a free window of isolated pageblocks
 * @zone: zone of the window
 * @req: the request
 * @ac: its context
 * @pfn: first frame of the window, aligned to its size
 * @nr_isolated: number of frames of the window
 *
 * Context: may sleep.
 * Return: true, with the isolation ended, or false if the frames can't be taken.
 */
bool zb_take_isolated(struct zb_zone *zone, const struct zb_alloc_request *req,
		      const struct zb_alloc_context *ac, unsigned long pfn,
		      unsigned long nr_isolated)
{
	const struct zb_range range = { .nr_pages = req->nr_pages };
	unsigned long used = ALIGN(req->nr_pages, ZB_PAGEBLOCK_NR);
	struct zb_range_attempt a = {
		.pool = zone->pool, .gfp = req->gfp & ~__ZB_GFP_COMP, .range = &range, .ac = *ac,
		.alloc_flags = zb_slowpath_flags(req->gfp, ac),
	};

	a.ac.preferred = zb_first_zone(&a.ac, a.gfp);
	if (zb_range_check_free(&a, zone, READ_ONCE(zone->nr_free), nr_isolated) != ZB_RANGE_OK ||
	    !zb_range_take(&a, zone, pfn, true))
		return false;
	zb_pool_unisolate_range(zone->pool, pfn + used, nr_isolated - used);
	return true;
}

static const struct zb_alloc_policy anywhere;

/**
 * zb_pool_alloc_range() - allocate any number of contiguous frames of a zone
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds; __ZB_GFP_COMP is ignored
 * @range: the frames that are wanted; @nr_pages may exceed the largest block
 * @nid: preferred node, as for zb_pool_alloc_exact()
 * @policy: nodes that the task may use, or NULL for all
 * @failure: filled in if the request fails
 *
 * A range that is free already is preferred in all zones. Otherwise, if the flags allow the
 * request to sleep, the allocations in the range that costs the least are moved or their
 * memory is taken back. Free the frames by zb_pool_free_range().
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_pool_alloc_range(struct zb_pool *pool, zb_gfp_t gfp,
				  const struct zb_range *range, int nid,
				  const struct zb_alloc_policy *policy,
				  struct zb_range_failure *failure)
{
	struct zb_range_attempt a = {
		.pool = pool, .gfp = gfp & ~__ZB_GFP_COMP, .range = range,
	};
	unsigned long pfn = ZB_NO_PFN;

	*failure = (struct zb_range_failure){ .result = ZB_RANGE_NEVER_ZONE };
	zb_init_context(pool, gfp, range->nr_pages, nid, policy ?: &anywhere, &a.ac);
	a.alloc_flags = zb_slowpath_flags(gfp, &a.ac);
	a.ac.preferred = a.ac.node ? zb_first_zone(&a.ac, gfp) : NULL;
	if (a.ac.preferred)
		pfn = alloc_range(&a, failure);
	if (pfn != ZB_NO_PFN)
		return pfn;
	explain_no_zone(&a, failure);
	atomic_long_add(1, &pool->failures);
	return ZB_NO_PFN;
}

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

	if (!zb_range_fits(zone, a->range) || a->range->nr_pages > zb_zone_nr_managed(zone))
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

/**
 * struct clearing - a place that is made free
 * @a: the request
 * @zone: zone of the place
 * @survey: the evictable allocations
 * @pfn: first frame
 * @waits: number of times that the request has waited for pageblocks that others isolate
 * @isolated: the pageblocks of the place could be isolated
 * @result: ZB_RANGE_OK if the frames have been allocated
 */
struct clearing {
	const struct zb_range_attempt *a;
	struct zb_zone *zone;
	struct zb_range_survey *survey;
	unsigned long pfn;
	unsigned int waits;
	bool isolated;
	enum zb_range_result result;
};

/*
 * Make a range of isolated pageblocks free and allocate it. @first and @nr_pages are those of
 * the pageblocks. Before memory is taken back, check that enough is free, because others may
 * have allocated some since make_room().
 */
static enum zb_range_result take_isolated(const struct clearing *c, unsigned long first,
					  unsigned long nr_pages)
{
	const struct zb_range_attempt *a = c->a;
	const struct zb_ops *ops = a->pool->ops;
	struct zb_zone *zone = c->zone;
	enum zb_range_result result;
	unsigned long nr_own;

	if (!ops->evict(a->pool, zone, c->survey, &a->ac, c->pfn, a->range->nr_pages))
		return ZB_RANGE_STOPPED;
	nr_own = zb_pool_range_free(a->pool, first, nr_pages);
	result = zb_range_check_free(a, zone, READ_ONCE(zone->nr_free), nr_own);
	if (result != ZB_RANGE_OK)
		return result;
	if (ops->purge &&
	    !ops->purge(a->pool, zone, c->survey, &a->ac, c->pfn, a->range->nr_pages))
		return ZB_RANGE_STOPPED;
	if (zb_range_take(a, zone, c->pfn, true))
		return ZB_RANGE_OK;
	/* Blocks that were being freed when they were isolated may be on per-CPU lists. */
	if (ops->drain_all)
		ops->drain_all(a->pool);
	return zb_range_take(a, zone, c->pfn, true) ? ZB_RANGE_OK : ZB_RANGE_IN_USE;
}

/* As zb_ops.run: isolate the pageblocks of a place, and take its frames. */
static void clear_once(void *data)
{
	struct clearing *c = data;
	struct zb_pool *pool = c->a->pool;
	unsigned long first = c->pfn & ~(ZB_PAGEBLOCK_NR - 1);
	unsigned long nr = ALIGN(c->pfn + c->a->range->nr_pages, ZB_PAGEBLOCK_NR) - first;

	zb_zone_begin_isolation(c->zone);
	c->isolated = zb_pool_isolate_range(pool, first, nr);
	if (c->isolated) {
		c->result = take_isolated(c, first, nr);
		if (c->result != ZB_RANGE_OK)
			zb_pool_unisolate_range(pool, first, nr);
	}
	zb_zone_end_isolation(c->zone);
}

/*
 * Make the frames of a place free and allocate them. If others have isolated some of its
 * pageblocks for a moment, wait for that. If the place did not become free, and it is not known
 * why, it is not tried again, so that the number of attempts is bounded.
 */
static enum zb_range_result clear_place(struct clearing *c, unsigned long pfn)
{
	const struct zb_range_attempt *a = c->a;
	const struct zb_ops *ops = a->pool->ops;
	unsigned long nr_failed = c->survey->nr_failed;

	c->pfn = pfn;
	c->result = ZB_RANGE_IN_USE;
	for (;; c->waits++) {
		if (ops->run)
			ops->run(a->pool, clear_once, c);
		else
			clear_once(c);
		if (!c->isolated && zb_zone_break_capture(c->zone))
			continue;
		if (c->isolated || c->waits >= MAX_WAITS || !READ_ONCE(c->zone->nr_compacting) ||
		    !ops->wait || !ops->wait(a->pool, a->ac.policy->killable))
			break;
	}
	if (c->result != ZB_RANGE_OK && c->survey->nr_failed == nr_failed)
		zb_range_give_up(c->survey, c->zone, pfn, a->range->nr_pages);
	return c->result;
}

/*
 * Before anything is moved, check that there is enough free memory. If there is not, take memory
 * back from discardable allocations.
 */
static enum zb_range_result make_room(const struct zb_range_attempt *a, struct zb_zone *zone,
				      struct zb_range_survey *survey)
{
	const struct zb_ops *ops = a->pool->ops;
	unsigned long nr_free = READ_ONCE(zone->nr_free), now;
	enum zb_range_result result;

	result = zb_range_check_free(a, zone, nr_free, 0);
	if (result == ZB_RANGE_OK || !ops->direct_reclaim ||
	    zb_range_check_free(a, zone, nr_free + survey->nr_discardable, 0) != ZB_RANGE_OK)
		return result;
	ops->direct_reclaim(a->pool, zone, a->gfp, 0, a->alloc_flags, &a->ac);
	now = READ_ONCE(zone->nr_free);
	/* What was taken back is free now, and must not be counted again. */
	if (now > nr_free)
		survey->nr_discardable -= now - nr_free < survey->nr_discardable ?
					  now - nr_free : survey->nr_discardable;
	return zb_range_check_free(a, zone, now, 0);
}

/*
 * Nothing was found. Remove what may be in the way for a moment only; returns false if there is
 * no such thing. The HighAtomic reserve is kept if it is not the only thing in the way.
 */
static bool find_again(const struct zb_range_attempt *a, const struct zb_range_search *search,
		       struct zb_zone *zone, unsigned int *waits)
{
	const struct zb_ops *ops = a->pool->ops;
	struct zb_range_search reserve = *search;
	struct zb_range_place place;

	if ((*waits)++ >= MAX_FIND_WAITS)
		return false;
	reserve.highatomic = true;
	if (READ_ONCE(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC]) && zb_range_find(&reserve, &place)) {
		zb_zone_unreserve_range(zone, a->ac.migratetype, place.pfn, a->range->nr_pages);
		return true;
	}
	return READ_ONCE(zone->nr_compacting) && ops->wait &&
	       ops->wait(a->pool, a->ac.policy->killable);
}

/* Try the cheapest range, then the next one, and so on. */
static enum zb_range_result try_places(const struct zb_range_attempt *a,
				       const struct zb_range_search *search,
				       struct zb_zone *zone, struct zb_range_survey *survey,
				       unsigned long *pfn)
{
	struct clearing c = { .a = a, .zone = zone, .survey = survey };
	enum zb_range_result result = ZB_RANGE_UNMOVABLE;
	struct zb_range_place place;
	unsigned int tries = 0, waits = 0;

	while (tries < MAX_RANGES && !survey->expired) {
		if (!zb_range_find(search, &place)) {
			if (find_again(a, search, zone, &waits))
				continue;
			break;
		}
		result = make_room(a, zone, survey);
		if (result != ZB_RANGE_OK)
			break;
		result = clear_place(&c, place.pfn);
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

/* As try_zone_fn, without allocating anything. */
static enum zb_range_result judge_zone(const struct zb_range_attempt *a, struct zb_zone *zone,
				       unsigned long *pfn)
{
	*pfn = ZB_NO_PFN;
	return check_unused(a, zone);
}

/**
 * zb_pool_range_could_ever() - check whether an unused pool could serve a request for a range
 * @pool: the allocator
 * @req: the request, whose @nr_pages is not used
 * @range: the frames that are wanted
 * @failure: filled in if it could not
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: false if not.
 */
bool zb_pool_range_could_ever(struct zb_pool *pool, const struct zb_alloc_request *req,
			      const struct zb_range *range, struct zb_range_failure *failure)
{
	struct zb_range_attempt a = {
		.pool = pool, .gfp = req->gfp & ~__ZB_GFP_COMP, .range = range,
	};

	*failure = (struct zb_range_failure){ .result = ZB_RANGE_NEVER_ZONE };
	zb_init_context(pool, req->gfp, range->nr_pages, req->nid, req->policy ?: &anywhere, &a.ac);
	a.alloc_flags = zb_slowpath_flags(req->gfp, &a.ac);
	if (a.ac.node)
		try_zones(&a, judge_zone, failure);
	if (failure->result == ZB_RANGE_OK)
		return true;
	explain_no_zone(&a, failure);
	return false;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "range_alloc.h"
#include "mobility.h"
#include "slowpath.h"

#define MAX_TRIES	4u	/* to take a free range before others take a part of it */
#define MAX_RANGES	64u	/* ranges of a zone that could not be made free */
#define MAX_WAITS	50u	/* for pageblocks that others isolate: a second, in the module */
#define MAX_FIND_WAITS	8u

/**
 * struct range_attempt - arguments of a request for a range
 * @pool: the allocator
 * @gfp: flags of the request
 * @alloc_flags: part of the watermark min, and migrate types, that it may use
 * @range: the frames that are wanted
 * @ac: context of the request
 */
struct range_attempt {
	struct zb_pool *pool;
	zb_gfp_t gfp;
	unsigned int alloc_flags;
	const struct zb_range *range;
	struct zb_alloc_context ac;
};

static bool is_allowed(const struct range_attempt *a, const struct zb_zone *zone)
{
	return zb_node_allowed(&a->ac, zone, a->gfp, a->alloc_flags);
}

/*
 * Check what the zone has free. Of its isolated frames, @nr_own count as not isolated, because
 * they are isolated for this request.
 */
static enum zb_range_result check_free(const struct range_attempt *a, const struct zb_zone *zone,
				       unsigned long nr_free, unsigned long nr_own)
{
	unsigned long nr_free_type[ZB_MIGRATE_TYPES], *isolated;
	unsigned long mark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]);
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		nr_free_type[mt] = READ_ONCE(zone->nr_free_type[mt]);
	isolated = &nr_free_type[ZB_MIGRATE_ISOLATE];
	*isolated -= nr_own < *isolated ? nr_own : *isolated;
	if (!zb_watermark_leaves(zone, nr_free, nr_free_type, a->range->nr_pages, 0,
				 zone->type, a->alloc_flags))
		return ZB_RANGE_FULL;
	if (zb_may_ignore_watermarks(a->gfp) ||
	    zb_watermark_leaves(zone, nr_free, nr_free_type, a->range->nr_pages, mark,
				a->ac.highest_zoneidx, a->alloc_flags))
		return ZB_RANGE_OK;
	return ZB_RANGE_WATERMARK;
}

/* Check whether the zone could serve the request if all of its memory were free. */
static enum zb_range_result check_unused(const struct range_attempt *a, const struct zb_zone *zone)
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

/* Return the frames from @pfn up to @to of the range that ends at @end to the free lists. */
static void put_frames(struct zb_zone *zone, unsigned long pfn, unsigned long to,
		       unsigned long end)
{
	unsigned long flags;
	unsigned int k;

	for (; pfn < to; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, ZB_PAGEBLOCK_ORDER);
		zb_lock_irqsave(&zone->lock, flags);
		__zb_free_one_page(zone, pfn, k);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/* Frames of a pageblock that others have isolated since the search are not free for this. */
static bool may_take(const struct zb_zone *zone, unsigned long pfn, bool isolated)
{
	return isolated || zb_pfn_pageblock(zone, pfn)->migratetype != ZB_MIGRATE_ISOLATE;
}

/*
 * Take the frames from the free lists, at most one pageblock in one hold of the lock. Returns
 * false with nothing taken if one of them is not free. @isolated: the pageblocks are isolated
 * for this request.
 */
static bool take_frames(struct zb_zone *zone, unsigned long pfn, unsigned long end,
			bool isolated)
{
	unsigned long at, flags;
	unsigned int k;
	bool taken;

	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, ZB_PAGEBLOCK_ORDER);
		zb_lock_irqsave(&zone->lock, flags);
		taken = may_take(zone, at, isolated) &&
			__zb_take_free(zone, at, k, ZB_BLOCK_PCP);
		if (taken && unlikely(zone->zeroed))
			__zb_zero_take(zone, at, BIT(k), NULL);
		zb_unlock_irqrestore(&zone->lock, flags);
		if (!taken) {
			put_frames(zone, pfn, at, end);
			return false;
		}
	}
	return true;
}

/* Join pageblocks that were taken one by one to blocks of higher orders. */
static void join_blocks(struct zb_zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long at, flags;
	unsigned int k;

	for (; pfn < end; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, zone->max_order);
		if (k <= ZB_PAGEBLOCK_ORDER)
			continue;
		zb_lock_irqsave(&zone->lock, flags);
		for (at = pfn; at < pfn + BIT(k); at += ZB_PAGEBLOCK_NR)
			zb_zone_set_state(zone, at, 0);
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, k));
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/* Free a range whose block at @damaged could not be allocated; those behind it were not tried. */
static void free_others(const struct range_attempt *a, struct zb_zone *zone, unsigned long pfn,
			unsigned long end, unsigned long damaged)
{
	u8 block = ZB_BLOCK_MT(a->ac.migratetype);
	unsigned int k;

	for (; pfn < end; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, zone->max_order);
		if (pfn == damaged)
			continue;
		if (pfn > damaged)
			zb_zone_set_state(zone, pfn, ZB_STATE(block, k));
		zb_pool_free_pages(a->pool, pfn, k);
	}
}

/* Check all blocks, and mark them allocated. If one of them can't be used, free the others. */
static bool prep_blocks(const struct range_attempt *a, struct zb_zone *zone, unsigned long pfn,
			unsigned long end)
{
	struct zb_alloc_context ac = a->ac;
	unsigned long at;
	unsigned int k;

	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, zone->max_order);
		ac.nr_pages = BIT(k);
		if (zb_prep_new_block(a->pool, zone, at, a->gfp, k, &ac))
			continue;
		free_others(a, zone, pfn, end, at);
		return false;
	}
	return true;
}

/*
 * Set the migrate types of the pageblocks of an allocated range: that of the request if it has
 * all allocated frames of the pageblock, else the previous one. This ends their isolation.
 */
static void set_types(const struct range_attempt *a, struct zb_zone *zone, unsigned long pfn,
		      unsigned long end, bool isolated)
{
	unsigned long next, flags;
	struct zb_pageblock *pb;
	unsigned int mt;

	for (; pfn < end; pfn = next) {
		next = ALIGN(pfn + 1, ZB_PAGEBLOCK_NR);
		if (next > end)
			next = end;
		pb = zb_pfn_pageblock(zone, pfn);
		zb_lock_irqsave(&zone->lock, flags);
		mt = pb->migratetype;
		if (mt == ZB_MIGRATE_ISOLATE && isolated)
			mt = pb->saved_type;
		if (mt < ZB_MIGRATE_PCPTYPES && pb->nr_free + (next - pfn) == ZB_PAGEBLOCK_NR)
			mt = a->ac.migratetype;
		if (mt != pb->migratetype)
			__zb_set_pageblock_migratetype(zone, pb, mt);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/* Allocate a range that is free. Returns false if it is not, or has unfit frames. */
static bool take(const struct range_attempt *a, struct zb_zone *zone, unsigned long pfn,
		 bool isolated)
{
	unsigned long end = pfn + a->range->nr_pages;

	if (!take_frames(zone, pfn, end, isolated))
		return false;
	join_blocks(zone, pfn, end);
	zb_account_alloc(a->ac.preferred, zone, a->range->nr_pages, a->gfp);
	if (!prep_blocks(a, zone, pfn, end))
		return false;
	set_types(a, zone, pfn, end, isolated);
	return true;
}

/* Allocate a range that is free already. */
static enum zb_range_result take_free(const struct range_attempt *a, struct zb_zone *zone,
				      unsigned long *pfn)
{
	const struct zb_range_search search = {
		.zone = zone, .range = a->range, .cma = a->alloc_flags & ZB_ALLOC_CMA,
	};
	struct zb_range_place place;
	enum zb_range_result result;
	unsigned int tries;

	result = check_unused(a, zone) ?: check_free(a, zone, READ_ONCE(zone->nr_free), 0);
	if (result != ZB_RANGE_OK)
		return result;
	for (tries = 0; tries < MAX_TRIES && zb_range_find(&search, &place); tries++) {
		if (take(a, zone, place.pfn, false)) {
			*pfn = place.pfn;
			return ZB_RANGE_OK;
		}
	}
	return ZB_RANGE_FRAGMENTED;
}

/* Isolate pageblocks. If others have isolated some of them for a moment, wait for that. */
static bool isolate(const struct range_attempt *a, struct zb_zone *zone, unsigned long first,
		    unsigned long nr_pages)
{
	const struct zb_ops *ops = a->pool->ops;
	unsigned int waits;

	for (waits = 0;; waits++) {
		zb_zone_begin_isolation(zone);
		if (zb_pool_isolate_range(a->pool, first, nr_pages))
			return true;
		zb_zone_end_isolation(zone);
		if (waits == MAX_WAITS || !READ_ONCE(zone->nr_compacting) || !ops->wait ||
		    !ops->wait(a->pool, a->ac.policy->killable))
			return false;
	}
}

/*
 * Make a range of isolated pageblocks free and allocate it. @first and @nr_pages are those of
 * the pageblocks.
 */
static enum zb_range_result take_isolated(const struct range_attempt *a, struct zb_zone *zone,
					  struct zb_range_survey *survey, unsigned long pfn,
					  unsigned long first, unsigned long nr_pages)
{
	const struct zb_ops *ops = a->pool->ops;
	enum zb_range_result result;
	unsigned long nr_own;

	if (!ops->evict(a->pool, zone, survey, &a->ac, pfn, a->range->nr_pages))
		return ZB_RANGE_STOPPED;
	nr_own = zb_pool_range_free(a->pool, first, nr_pages);
	result = check_free(a, zone, READ_ONCE(zone->nr_free), nr_own);
	if (result != ZB_RANGE_OK)
		return result;
	if (take(a, zone, pfn, true))
		return ZB_RANGE_OK;
	/* Blocks that were being freed when they were isolated may be on per-CPU lists. */
	if (ops->drain_all)
		ops->drain_all(a->pool);
	return take(a, zone, pfn, true) ? ZB_RANGE_OK : ZB_RANGE_IN_USE;
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
static enum zb_range_result clear_place(const struct range_attempt *a, struct zb_zone *zone,
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
static enum zb_range_result make_room(const struct range_attempt *a, struct zb_zone *zone,
				      const struct zb_range_survey *survey)
{
	const struct zb_ops *ops = a->pool->ops;
	enum zb_range_result result;

	result = check_free(a, zone, READ_ONCE(zone->nr_free), 0);
	if (result == ZB_RANGE_OK || !ops->direct_reclaim ||
	    check_free(a, zone, READ_ONCE(zone->nr_free) + survey->nr_discardable, 0) !=
	    ZB_RANGE_OK)
		return result;
	ops->direct_reclaim(a->pool, zone, a->gfp, 0, a->alloc_flags, &a->ac);
	return check_free(a, zone, READ_ONCE(zone->nr_free), 0);
}

/*
 * Nothing was found. Remove what may be in the way for a moment only; returns false if there is
 * no such thing.
 */
static bool find_again(const struct range_attempt *a, struct zb_zone *zone, unsigned int *waits)
{
	const struct zb_ops *ops = a->pool->ops;

	if (zb_zone_unreserve_highatomic(zone, a->ac.migratetype, true))
		return true;
	return READ_ONCE(zone->nr_compacting) && ops->wait && (*waits)++ < MAX_FIND_WAITS &&
	       ops->wait(a->pool, a->ac.policy->killable);
}

/* Try the cheapest range, then the next one, and so on. */
static enum zb_range_result try_places(const struct range_attempt *a,
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
static enum zb_range_result clear_zone(const struct range_attempt *a, struct zb_zone *zone,
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
		result = check_free(a, zone, READ_ONCE(zone->nr_free) +
				    survey->nr_discardable, 0) ?: result;
	ops->end_survey(a->pool, survey);
	return result;
}

typedef enum zb_range_result (*try_zone_fn)(const struct range_attempt *a, struct zb_zone *zone,
					    unsigned long *pfn);

/* Try the zones in turn. Sets *@failure to that of the zone that came closest. */
static unsigned long try_zones(const struct range_attempt *a, try_zone_fn try_zone,
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
static void drain(const struct range_attempt *a)
{
	struct zb_zoneref *z;

	if (a->pool->ops->drain_all)
		a->pool->ops->drain_all(a->pool);
	zb_for_each_zoneref(z, a->ac.node, a->ac.highest_zoneidx)
		if (is_allowed(a, z->zone))
			zb_zone_unreserve_idle(z->zone);
}

/* Has the request been refused because of its flags or its task, but not because of memory? */
static void explain_no_zone(const struct range_attempt *a, struct zb_range_failure *failure)
{
	struct zb_zone *zone;

	if (failure->zone)
		return;
	zb_for_each_zone(zone, a->pool)
		if (zone->type <= a->ac.highest_zoneidx)
			failure->result = ZB_RANGE_NEVER_NODE;
}

static unsigned long alloc_range(struct range_attempt *a, struct zb_range_failure *failure)
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
	struct range_attempt a = {
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

/**
 * zb_claim_range() - claim all blocks of a range, so that no other CPU can free them
 * @zone: zone of the range
 * @pfn: first frame
 * @end: the frame behind the last one
 *
 * All blocks have the same mobility. If one can't be claimed, the claims of those before it are
 * undone.
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why a block can't be claimed. Claimed blocks are in the state ZB_BLOCK_PCP.
 */
enum zb_bad zb_claim_range(struct zb_zone *zone, unsigned long pfn, unsigned long end)
{
	u8 state = zb_zone_state(zone, pfn), block = ZB_STATE_BLOCK(state);
	enum zb_bad bad = ZB_OK;
	unsigned long at;
	unsigned int k;

	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, zone->max_order);
		state = zb_zone_state(zone, at);
		if (zb_state_allocated(state) && state != ZB_STATE(block, k))
			bad = ZB_BAD_WRONG_ORDER;
		else if (!zb_state_allocated(state) || !zb_zone_claim(zone, at, state))
			bad = ZB_BAD_NOT_ALLOCATED;
		if (bad != ZB_OK)
			break;
	}
	for (end = bad == ZB_OK ? pfn : at, at = pfn; at < end; at += BIT(k)) {
		k = ZB_STATE_ORDER(zb_zone_state(zone, at));
		zb_zone_set_state(zone, at, ZB_STATE(block, k));
	}
	return bad;
}

/**
 * zb_pool_free_range() - free an allocation of zb_pool_alloc_range() or zb_pool_alloc_exact()
 * @pool: the allocator
 * @pfn: its first frame
 * @nr_pages: number of frames that were allocated
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why the free was refused. A refused free changes nothing, and is counted
 * and reported.
 */
enum zb_bad zb_pool_free_range(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long end = pfn + nr_pages;
	unsigned int k, order;
	enum zb_bad bad;

	if (!zone || !nr_pages || nr_pages > zb_zone_end(zone) - pfn)
		return zb_refuse_free(pool, pfn, 0, zone ? ZB_BAD_WRONG_ORDER : ZB_BAD_OUTSIDE);
	order = zb_exact_order(nr_pages);
	if (order <= zone->max_order && !(pfn & (BIT(order) - 1)))
		return zb_pool_free_exact(pool, pfn, nr_pages);
	bad = zb_claim_range(zone, pfn, end);
	if (bad != ZB_OK)
		return zb_refuse_free(pool, pfn, order, bad);
	for (; pfn < end; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, zone->max_order);
		zb_free_claimed(pool, zone, pfn, k);
	}
	return ZB_OK;
}

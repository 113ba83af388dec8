// SPDX-License-Identifier: GPL-2.0-only
/*
 * Determines whether a request could ever be served.
 *
 * The rules of an allocation attempt are applied to a zone that is assumed to be
 * unused: every frame is free unless it is out of use, and every pageblock has the
 * default migrate type, except CMA and isolated pageblocks, which keep their type. The
 * attempt is the last one of the slow path, with the lowest watermark that the flags
 * permit. It succeeds whenever any earlier attempt would. Pageblocks that compaction has
 * isolated for a moment count as if they were not isolated.
 *
 * In a zone without CMA pageblocks, isolated pageblocks and bad frames, only counters
 * are compared. In other zones, the search for a usable block visits each block.
 * No lock is taken, so concurrent changes can make the result outdated.
 */
#include "slowpath.h"
#include "verdict.h"

static const struct zb_alloc_policy any_node_policy;

/* Check whether a bad block includes @pfn, which is not the first frame of one. */
static bool inside_bad_block(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned long head;
	unsigned int k;
	u8 state;

	for (k = 1; k <= zone->max_order; k++) {
		head = pfn & ~(BIT(k) - 1);
		if (!zb_zone_has(zone, head))
			break;
		state = zb_zone_state(zone, head);
		if (zb_state_bad(state) && zb_state_order(state) >= k)
			return true;
	}
	return false;
}

static bool has_bad_frame(const struct zb_zone *zone, unsigned long pfn,
			  unsigned int order)
{
	unsigned long i;

	if (!READ_ONCE(zone->nr_bad))
		return false;
	for (i = 0; i < BIT(order); i++)
		if (zb_state_bad(zb_zone_state(zone, pfn + i)))
			return true;
	return inside_bad_block(zone, pfn);
}

/*
 * Returns the type that the pageblock of @pfn has if the zone is unused. Isolated ones
 * keep their type only if they are @isolated for long.
 */
static unsigned int unused_type(const struct zb_zone *zone, unsigned long pfn,
				bool isolated)
{
	const struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned int mt = READ_ONCE(pb->migratetype);

	if (mt == ZB_MIGRATE_ISOLATE && !isolated)
		mt = READ_ONCE(pb->saved_type);
	return mt == ZB_MIGRATE_CMA || mt == ZB_MIGRATE_ISOLATE ? mt :
								  zone->default_migratetype;
}

/* Check whether the block at @pfn could serve the request if the zone were unused. */
static bool is_usable_block(const struct zb_zone *zone, unsigned long pfn,
			    unsigned int order, unsigned int alloc_flags, bool isolated)
{
	unsigned int mt = unused_type(zone, pfn, isolated);
	unsigned long i;

	if (mt == ZB_MIGRATE_ISOLATE)
		return false;
	if (mt == ZB_MIGRATE_CMA && !(alloc_flags & ZB_ALLOC_CMA))
		return false;
	for (i = ZB_PAGEBLOCK_NR; i < BIT(order); i += ZB_PAGEBLOCK_NR)
		if (unused_type(zone, pfn + i, isolated) != mt)
			return false;
	return !has_bad_frame(zone, pfn, order);
}

/* Check that all frames of the zone are equally usable. */
static bool is_uniform(const struct zb_zone *zone)
{
	return !READ_ONCE(zone->nr_bad) &&
	       !READ_ONCE(zone->nr_blocks[ZB_MIGRATE_CMA]) &&
	       !READ_ONCE(zone->nr_blocks[ZB_MIGRATE_ISOLATE]);
}

static enum zb_verdict judge_block(const struct zb_zone *zone,
				   unsigned int order, unsigned int alloc_flags,
				   bool isolated)
{
	unsigned long pfn = ALIGN(zone->start_pfn, BIT(order));

	if (order > zone->max_order || pfn + BIT(order) > zb_zone_end(zone))
		return ZB_NEVER_BLOCK;
	if (is_uniform(zone))
		return ZB_COULD_SERVE;
	for (; pfn + BIT(order) <= zb_zone_end(zone); pfn += BIT(order))
		if (is_usable_block(zone, pfn, order, alloc_flags, isolated))
			return ZB_COULD_SERVE;
	return ZB_NEVER_TYPE;
}

/* Count the frames that are out of use, by the type of their pageblock. */
static void count_bad(const struct zb_zone *zone, bool isolated,
		      unsigned long nr_bad[ZB_MIGRATE_TYPES])
{
	unsigned long pfn = zone->start_pfn, end, nr;
	u8 state;

	memset(nr_bad, 0, ZB_MIGRATE_TYPES * sizeof(*nr_bad));
	if (!READ_ONCE(zone->nr_bad))
		return;
	while (pfn < zb_zone_end(zone)) {
		state = zb_zone_state(zone, pfn);
		if (!zb_state_bad(state)) {
			pfn++;
			continue;
		}
		/* A block that is larger than a pageblock consists of whole ones. */
		nr = BIT(zb_state_order(state));
		end = pfn + nr;
		if (nr > ZB_PAGEBLOCK_NR)
			nr = ZB_PAGEBLOCK_NR;
		for (; pfn < end; pfn += nr)
			nr_bad[unused_type(zone, pfn, isolated)] += nr;
	}
}

static bool leaves_enough(const struct zb_zone *zone, unsigned int alloc_flags,
			  const struct zb_alloc_context *ac, bool isolated)
{
	unsigned int mt, last = isolated ? ZB_MIGRATE_ISOLATE : ZB_MIGRATE_CMA;
	unsigned long nr_free[ZB_MIGRATE_TYPES] = { 0 };
	unsigned long nr_bad[ZB_MIGRATE_TYPES], sum = zone->nr_pages;

	count_bad(zone, isolated, nr_bad);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		sum -= nr_bad[mt];
	for (mt = ZB_MIGRATE_CMA; mt <= last; mt++) {
		nr_free[mt] = READ_ONCE(zone->nr_blocks[mt]) * ZB_PAGEBLOCK_NR;
		nr_free[mt] -= nr_bad[mt] < nr_free[mt] ? nr_bad[mt] : nr_free[mt];
	}
	return zb_watermark_leaves(zone, sum, nr_free, ac->nr_pages,
				   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]),
				   ac->highest_zoneidx, alloc_flags);
}

static enum zb_verdict judge(const struct zb_zone *zone,
			     const struct zb_alloc_request *req,
			     const struct zb_alloc_context *ac,
			     unsigned int alloc_flags, bool isolated)
{
	enum zb_verdict verdict = judge_block(zone, zb_exact_order(req->nr_pages),
					      alloc_flags, isolated);

	if (verdict != ZB_COULD_SERVE || zb_may_ignore_watermarks(req->gfp))
		return verdict;
	return leaves_enough(zone, alloc_flags, ac, isolated) ? ZB_COULD_SERVE :
								ZB_NEVER_WATERMARK;
}

/**
 * zb_zone_verdict() - check whether an unused zone could serve a request
 * @zone: the zone
 * @req: the request
 * @ac: its context, see zb_request_context()
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: ZB_COULD_SERVE, or the reason why the zone could not.
 */
enum zb_verdict zb_zone_verdict(const struct zb_zone *zone,
				const struct zb_alloc_request *req,
				const struct zb_alloc_context *ac)
{
	unsigned int begun = READ_ONCE(zone->compactions);
	unsigned int compacting = READ_ONCE(zone->nr_compacting);
	unsigned int alloc_flags = zb_slowpath_flags(req->gfp, ac);
	enum zb_verdict verdict;

	if (zone->type > ac->highest_zoneidx)
		return ZB_NEVER_ZONE;
	if (!zb_node_allowed(ac, zone, req->gfp, alloc_flags))
		return ZB_NEVER_NODE;
	verdict = judge(zone, req, ac, alloc_flags, true);
	if (verdict == ZB_COULD_SERVE)
		return verdict;
	/* Have some of the pageblocks been isolated by compaction? */
	if (compacting || READ_ONCE(zone->compactions) != begun)
		verdict = judge(zone, req, ac, alloc_flags, false);
	return verdict;
}

static bool request_valid(const struct zb_pool *pool,
			  const struct zb_alloc_request *req)
{
	return zb_gfp_valid(req->gfp) && req->nr_pages &&
	       req->nr_pages <= BIT(pool->max_order);
}

/**
 * zb_request_context() - prepare the context of a request
 * @pool: the allocator
 * @req: the request, which need not be valid
 * @ac: filled in
 *
 * Context: any.
 * Return: false if the request is not valid for this pool, or if the pool does not know
 * the preferred node.
 */
bool zb_request_context(struct zb_pool *pool,
			const struct zb_alloc_request *req,
			struct zb_alloc_context *ac)
{
	if (!request_valid(pool, req))
		return false;
	zb_init_context(pool, req->gfp, req->nr_pages, req->nid,
			req->policy ?: &any_node_policy, ac);
	return ac->node;
}

/**
 * zb_pool_verdict() - check whether an unused pool could serve a request
 * @pool: the allocator
 * @req: the request, which need not be valid
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: ZB_COULD_SERVE, or the reason why the zone that came closest could not.
 */
enum zb_verdict zb_pool_verdict(struct zb_pool *pool,
				const struct zb_alloc_request *req)
{
	enum zb_verdict verdict, best = ZB_NEVER_REQUEST;
	struct zb_alloc_context ac;
	struct zb_zone *zone;

	if (!zb_request_context(pool, req, &ac))
		return request_valid(pool, req) ? ZB_NEVER_NODE : ZB_NEVER_REQUEST;
	zb_for_each_zone(zone, pool) {
		verdict = zb_zone_verdict(zone, req, &ac);
		if (verdict > best)
			best = verdict;
	}
	return best;
}

/**
 * zb_pool_requests_overlap() - check whether two requests compete for memory
 * @pool: the allocator
 * @a: a request
 * @b: another request
 *
 * If they do not compete, serving one of them can't delay the other.
 *
 * Context: any; reads the bitmaps of the policies.
 * Return: true if there is a zone that could serve either request.
 */
bool zb_pool_requests_overlap(struct zb_pool *pool,
			      const struct zb_alloc_request *a,
			      const struct zb_alloc_request *b)
{
	struct zb_alloc_context ac_a, ac_b;
	struct zb_zone *zone;

	if (!zb_request_context(pool, a, &ac_a) || !zb_request_context(pool, b, &ac_b))
		return false;
	zb_for_each_zone(zone, pool)
		if (zb_zone_verdict(zone, a, &ac_a) == ZB_COULD_SERVE &&
		    zb_zone_verdict(zone, b, &ac_b) == ZB_COULD_SERVE)
			return true;
	return false;
}

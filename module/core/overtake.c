// SPDX-License-Identifier: GPL-2.0-only
/*
 * Predicts the effect of serving a waiting request before the first one in the queue.
 *
 * The zone that would serve the later request is predicted: it is the first zone of
 * the zonelist that has enough free memory. Serving the request there is harmless to
 * the first one in the queue if this zone could never serve the first one, or if
 * enough frames for both are free.
 *
 * The prediction is optimistic. It counts frames on per-CPU lists and in HighAtomic
 * pageblocks, because the slow path drains and unreserves them. Therefore it never
 * misses a request that could be served, but the attempt to serve it may still fail.
 */
#include "overtake.h"
#include "slowpath.h"

/* Check whether @nr_pages frames may be taken from the zone with the flags of @req. */
static bool has_frames(const struct zb_zone *zone, unsigned long nr_pages,
		       const struct zb_alloc_request *req,
		       const struct zb_alloc_context *ac,
		       unsigned int alloc_flags)
{
	unsigned long nr_free = READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone);
	unsigned long nr_free_type[ZB_MIGRATE_TYPES] = { 0 };
	unsigned long unusable;

	unusable = READ_ONCE(zone->nr_free_type[ZB_MIGRATE_ISOLATE]);
	nr_free_type[ZB_MIGRATE_ISOLATE] = unusable;
	nr_free_type[ZB_MIGRATE_CMA] =
		READ_ONCE(zone->nr_free_type[ZB_MIGRATE_CMA]);
	if (!(alloc_flags & ZB_ALLOC_CMA))
		unusable += nr_free_type[ZB_MIGRATE_CMA];
	if (zb_may_ignore_watermarks(req->gfp))
		return nr_free >= unusable + nr_pages;
	return zb_watermark_leaves(zone, nr_free, nr_free_type, nr_pages,
				   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]),
				   ac->highest_zoneidx, alloc_flags);
}

static bool zone_could_serve_now(struct zb_zone *zone,
				 const struct zb_alloc_request *req,
				 const struct zb_alloc_context *ac)
{
	unsigned int alloc_flags = zb_slowpath_flags(req->gfp, ac);
	unsigned int order = zb_exact_order(req->nr_pages);

	if (!zb_node_allowed(ac, zone, req->gfp, alloc_flags) ||
	    !has_frames(zone, req->nr_pages, req, ac, alloc_flags))
		return false;
	/* Draining per-CPU lists may merge their blocks into one of this order. */
	return !order || zb_zone_nr_cached(zone) ||
	       zb_zone_has_block_locked(zone, order, alloc_flags | ZB_ALLOC_HARDER);
}

/**
 * zb_pool_predict_zone() - predict which zone would serve a request
 * @pool: the allocator
 * @req: the request
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: the zone, or NULL if the request would fail now.
 */
struct zb_zone *zb_pool_predict_zone(struct zb_pool *pool,
				     const struct zb_alloc_request *req)
{
	struct zb_alloc_context ac;
	struct zb_zoneref *z;

	if (!zb_request_context(pool, req, &ac))
		return NULL;
	zb_for_each_zoneref(z, ac.node, ac.highest_zoneidx)
		if (zone_could_serve_now(z->zone, req, &ac))
			return z->zone;
	return NULL;
}

/**
 * zb_pool_overtake() - predict the effect of serving a later request first
 * @pool: the allocator
 * @first: the first request in the queue, which can't be served now
 * @later: a request behind it
 *
 * Context: any; reads the bitmaps of the policies.
 * Return: see enum zb_overtake.
 */
enum zb_overtake zb_pool_overtake(struct zb_pool *pool,
				  const struct zb_alloc_request *first,
				  const struct zb_alloc_request *later)
{
	struct zb_zone *zone = zb_pool_predict_zone(pool, later);
	struct zb_alloc_context ac;

	if (!zone)
		return ZB_OVERTAKE_NOT_NOW;
	/* The memory that is captured for the first one is not available to the later one. */
	if (READ_ONCE(zone->capture_pfn) != ZB_NO_PFN)
		return ZB_OVERTAKE_APART;
	if (!zb_request_context(pool, first, &ac) ||
	    zb_zone_verdict(zone, first, &ac) != ZB_COULD_SERVE)
		return ZB_OVERTAKE_APART;
	return has_frames(zone, first->nr_pages + later->nr_pages, first, &ac,
			  zb_slowpath_flags(first->gfp, &ac)) ?
	       ZB_OVERTAKE_ROOM : ZB_OVERTAKE_COSTS;
}

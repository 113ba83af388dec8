// SPDX-License-Identifier: GPL-2.0-only
#include "slowpath.h"
#include "failure.h"

/* The parameters of a watermark check. */
struct zone_check {
	unsigned int order;
	unsigned long nr_pages;
	unsigned int alloc_flags;
	unsigned int highest_zoneidx;
};

static bool check_passes(struct zb_zone *zone, const struct zone_check *c,
			 unsigned long mark, unsigned int more_flags)
{
	return zb_zone_watermark_ok(zone, c->order, c->nr_pages, mark,
				    c->highest_zoneidx,
				    c->alloc_flags | more_flags);
}

/* Returns the watermark that the flags select, of which urgent requests may use a part. */
static unsigned long selected_mark(const struct zb_zone *zone,
				   const struct zone_check *c)
{
	if (c->alloc_flags & ZB_ALLOC_NO_WATERMARKS)
		return 0;
	return READ_ONCE(zone->watermark[c->alloc_flags & ZB_ALLOC_WMARK_MASK]);
}

/* Count the free frames that are not in pageblocks of a special type. */
static unsigned long ordinary_free(const struct zb_zone *zone)
{
	static const unsigned int special[] = {
		ZB_MIGRATE_HIGHATOMIC, ZB_MIGRATE_CMA, ZB_MIGRATE_ISOLATE,
	};
	unsigned long nr = READ_ONCE(zone->nr_free), kept = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(special); i++)
		kept += READ_ONCE(zone->nr_free_type[special[i]]);
	return nr > kept ? nr - kept : 0;
}

/* Find the cause in a zone that fails even without watermark and reserves. */
static enum zb_failure_cause cause_without_reserves(struct zb_zone *zone,
						    const struct zone_check *c)
{
	unsigned long isolated = READ_ONCE(zone->nr_free_type[ZB_MIGRATE_ISOLATE]);
	unsigned long nr_free = READ_ONCE(zone->nr_free), need = c->nr_pages;

	if (ordinary_free(zone) >= need)
		return ZB_FAILURE_FRAGMENTED;
	if (isolated >= need)
		return ZB_FAILURE_ISOLATED;
	if (nr_free >= need)
		return nr_free - isolated >= need ? ZB_FAILURE_FRAGMENTED : ZB_FAILURE_ISOLATED;
	if (nr_free + zb_zone_nr_cached(zone) >= need)
		return ZB_FAILURE_CACHED;
	return ZB_FAILURE_FULL;
}

static enum zb_failure_cause cause_in_zone(struct zb_zone *zone,
					   const struct zone_check *original)
{
	struct zone_check c = *original;

	if (check_passes(zone, &c, selected_mark(zone, &c), 0))
		return ZB_FAILURE_FREED;
	/* The lowmem reserve of a zone is 0 for requests of the zone's own type. */
	c.highest_zoneidx = zone->type;
	if (check_passes(zone, &c, selected_mark(zone, &c), 0))
		return ZB_FAILURE_LOWMEM;
	if (check_passes(zone, &c, 0, 0))
		return ZB_FAILURE_WATERMARK;
	if (check_passes(zone, &c, 0, ZB_ALLOC_HARDER))
		return ZB_FAILURE_HIGHATOMIC;
	if (check_passes(zone, &c, 0, ZB_ALLOC_HARDER | ZB_ALLOC_CMA))
		return ZB_FAILURE_CMA;
	return cause_without_reserves(zone, &c);
}

/**
 * zb_find_failure_cause() - determine why a request failed
 * @gfp: flags of the request
 * @order: order of the block
 * @alloc_flags: ZB_ALLOC_* flags of the last attempt
 * @ac: the parts of the request that all attempts have in common
 * @where: set to the zone that came closest to serving the request, or for
 *	ZB_FAILURE_NODE and ZB_FAILURE_ZONE to an excluded zone that could serve it; NULL
 *	if there is no such zone
 *
 * The zones are checked in their current state, one after the other. If other CPUs
 * allocate and free at the same time, the result may not be the cause of the failure.
 *
 * Context: any but NMI; takes zone locks one after the other.
 * Return: the cause.
 */
enum zb_failure_cause zb_find_failure_cause(zb_gfp_t gfp, unsigned int order,
					    unsigned int alloc_flags,
					    const struct zb_alloc_context *ac,
					    struct zb_zone **where)
{
	const struct zone_check c = {
		order, ac->nr_pages, alloc_flags, ac->highest_zoneidx,
	};
	/* The first zones that could serve it but are excluded, [0] by node, [1] by flags. */
	struct zb_zone *zone, *excluded[2] = { NULL, NULL };
	enum zb_failure_cause cause, best = ZB_NR_FAILURES;
	bool by_flags, by_node = false;
	struct zb_zoneref *z;

	*where = NULL;
	if (!ac->node)
		return ZB_FAILURE_NODE;
	for (z = ac->node->zonelist; z->zone; z++) {
		zone = z->zone;
		cause = cause_in_zone(zone, &c);
		by_flags = zone->type > ac->highest_zoneidx;
		if (by_flags || !zb_node_allowed(ac, zone, gfp, alloc_flags)) {
			by_node |= !by_flags;
			if (cause == ZB_FAILURE_FREED && !excluded[by_flags])
				excluded[by_flags] = zone;
		} else if (cause < best) {
			best = cause;
			*where = zone;
		}
	}
	if (best == ZB_FAILURE_FREED)
		return best;
	if (excluded[0] || (best == ZB_NR_FAILURES && by_node)) {
		*where = excluded[0];
		return ZB_FAILURE_NODE;
	}
	if (best > ZB_FAILURE_LOWMEM && (excluded[1] || best == ZB_NR_FAILURES)) {
		*where = excluded[1];
		return ZB_FAILURE_ZONE;
	}
	return best;
}

/* Returns the number of frames that the request has to leave free in the zone. */
static unsigned long nr_reserved(const struct zb_zone *zone,
				 const struct zb_alloc_context *ac,
				 unsigned int alloc_flags)
{
	unsigned long mark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]);

	if (alloc_flags & ZB_ALLOC_NO_WATERMARKS)
		return 0;
	if (alloc_flags & ZB_ALLOC_HIGH)
		mark -= mark / 2;
	if (alloc_flags & ZB_ALLOC_HARDER)
		mark -= mark / 4;
	return mark + READ_ONCE(zone->lowmem_reserve[ac->highest_zoneidx]);
}

static unsigned long nr_kept(const struct zb_failure *f,
			     const struct zb_alloc_context *ac,
			     unsigned int alloc_flags)
{
	const struct zb_zone *zone = f->zone;

	if (f->verdict == ZB_NEVER_WATERMARK)
		return nr_reserved(zone, ac, alloc_flags);
	if (f->verdict != ZB_COULD_SERVE)
		return 0;
	switch (f->cause) {
	case ZB_FAILURE_WATERMARK:
		return nr_reserved(zone, ac, alloc_flags);
	case ZB_FAILURE_LOWMEM:
		return READ_ONCE(zone->lowmem_reserve[ac->highest_zoneidx]);
	case ZB_FAILURE_HIGHATOMIC:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_HIGHATOMIC]);
	case ZB_FAILURE_CMA:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_CMA]);
	case ZB_FAILURE_ISOLATED:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_ISOLATE]);
	case ZB_FAILURE_CACHED:
		return zb_zone_nr_cached(zone);
	default:
		return 0;
	}
}

static int largest_free(struct zb_zone *zone, unsigned int alloc_flags)
{
	unsigned long flags;
	int order;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_refresh_all(zone, &flags);
	zb_unlock_irqrestore(&zone->lock, flags);
	for (order = zone->max_order; order >= 0; order--)
		if (zb_zone_has_block(zone, order, alloc_flags))
			break;
	return order;
}

/* Find the first zone whose own verdict is the verdict on the pool. */
static struct zb_zone *zone_of_verdict(struct zb_pool *pool,
				       const struct zb_alloc_request *req,
				       const struct zb_alloc_context *ac,
				       enum zb_verdict verdict)
{
	struct zb_zone *zone;

	if (verdict < ZB_NEVER_BLOCK)
		return NULL;
	zb_for_each_zone(zone, pool)
		if (zb_zone_verdict(zone, req, ac) == verdict)
			return zone;
	return NULL;
}

/**
 * zb_explain_failure() - explain why a request failed
 * @pool: the allocator
 * @req: the request
 * @f: filled in
 *
 * As with zb_find_failure_cause(), the result is about the current state of the zones.
 *
 * Context: any but NMI; takes zone locks one after the other.
 */
void zb_explain_failure(struct zb_pool *pool, const struct zb_alloc_request *req,
			struct zb_failure *f)
{
	struct zb_alloc_context ac;
	unsigned int alloc_flags;

	*f = (struct zb_failure){
		.verdict = zb_pool_verdict(pool, req), .largest_order = -1,
	};
	if (!zb_request_context(pool, req, &ac))
		return;
	alloc_flags = zb_slowpath_flags(req->gfp, &ac);
	if (zb_may_ignore_watermarks(req->gfp))
		alloc_flags |= ZB_ALLOC_NO_WATERMARKS;
	if (f->verdict == ZB_COULD_SERVE)
		f->cause = zb_find_failure_cause(req->gfp, zb_exact_order(req->nr_pages),
						 alloc_flags, &ac, &f->zone);
	else
		f->zone = zone_of_verdict(pool, req, &ac, f->verdict);
	if (!f->zone)
		return;
	f->nr_free = READ_ONCE(f->zone->nr_free) + zb_zone_nr_cached(f->zone);
	f->nr_kept = nr_kept(f, &ac, alloc_flags);
	f->largest_order = largest_free(f->zone, alloc_flags);
}

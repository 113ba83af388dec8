// SPDX-License-Identifier: GPL-2.0-only
#include "slowpath.h"
#include "why.h"

/* One request, as one zone sees it. */
struct asked {
	unsigned int order;
	unsigned long nr_pages;
	unsigned int alloc_flags;
	unsigned int highest_zoneidx;
};

static bool would_do(struct zb_zone *zone, const struct asked *a,
		     unsigned long mark, unsigned int more_flags)
{
	return zb_zone_watermark_exact_ok(zone, a->order, a->nr_pages, mark,
					  a->highest_zoneidx,
					  a->alloc_flags | more_flags);
}

/* What a request must leave here, before its urgency is considered. */
static unsigned long mark_of(const struct zb_zone *zone, const struct asked *a)
{
	if (a->alloc_flags & ZB_ALLOC_NO_WATERMARKS)
		return 0;
	return READ_ONCE(zone->watermark[a->alloc_flags & ZB_ALLOC_WMARK_MASK]);
}

/* Free frames that are in no special kind of pageblock. */
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

/* Without marks and reserves it would not do either: what else is there? */
static enum zb_why why_not_at_all(struct zb_zone *zone, const struct asked *a)
{
	unsigned long need = a->nr_pages;

	if (ordinary_free(zone) >= need)
		return ZB_WHY_FRAGMENTED;
	if (READ_ONCE(zone->nr_free_type[ZB_MIGRATE_ISOLATE]) >= need)
		return ZB_WHY_ISOLATED;
	if (READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone) >= need)
		return ZB_WHY_CACHED;
	return ZB_WHY_EMPTY;
}

static enum zb_why why_here(struct zb_zone *zone, const struct asked *asked)
{
	struct asked a = *asked;

	if (would_do(zone, &a, mark_of(zone, &a), 0))
		return ZB_WHY_GONE;
	/* No zone keeps anything from requests that are meant for its type. */
	a.highest_zoneidx = zone->type;
	if (would_do(zone, &a, mark_of(zone, &a), 0))
		return ZB_WHY_LOWMEM;
	if (would_do(zone, &a, 0, 0))
		return ZB_WHY_WATERMARK;
	if (would_do(zone, &a, 0, ZB_ALLOC_HARDER))
		return ZB_WHY_HIGHATOMIC;
	if (would_do(zone, &a, 0, ZB_ALLOC_HARDER | ZB_ALLOC_CMA))
		return ZB_WHY_CMA;
	return why_not_at_all(zone, &a);
}

/**
 * zb_why_failed() - find out why a request failed
 * @gfp: flags of the request
 * @order: wanted
 * @alloc_flags: what its last attempt was allowed to do
 * @ac: what does not change between attempts
 * @where: set to the zone that it is about: the one that came nearest, or the
 *	one that has the memory and may not be used; NULL if there is none
 *
 * The zones are looked at one after the other and as they are now, so the
 * answer is a good guess when others allocate and free at the same time.
 *
 * Context: any but NMI; takes zone locks one after the other.
 * Return: the reason.
 */
enum zb_why zb_why_failed(zb_gfp_t gfp, unsigned int order,
			  unsigned int alloc_flags,
			  const struct zb_alloc_context *ac,
			  struct zb_zone **where)
{
	const struct asked a = {
		order, ac->nr_pages, alloc_flags, ac->highest_zoneidx,
	};
	struct zb_zone *zone, *kept_out[2] = { NULL, NULL };
	enum zb_why why, best = ZB_NR_WHY;
	bool by_flags, by_node = false;
	struct zb_zoneref *z;

	*where = NULL;
	if (!ac->node)
		return ZB_WHY_NODE;
	for (z = ac->node->zonelist; z->zone; z++) {
		zone = z->zone;
		why = why_here(zone, &a);
		by_flags = zone->type > ac->highest_zoneidx;
		if (by_flags || !zb_node_allowed(ac, zone, gfp, alloc_flags)) {
			by_node |= !by_flags;
			if (why == ZB_WHY_GONE && !kept_out[by_flags])
				kept_out[by_flags] = zone;
		} else if (why < best) {
			best = why;
			*where = zone;
		}
	}
	if (best == ZB_WHY_GONE)
		return best;
	if (kept_out[0] || (best == ZB_NR_WHY && by_node)) {
		*where = kept_out[0];
		return ZB_WHY_NODE;
	}
	if (best > ZB_WHY_LOWMEM && (kept_out[1] || best == ZB_NR_WHY)) {
		*where = kept_out[1];
		return ZB_WHY_ZONE;
	}
	return best;
}

/* The mark that a zone is measured by, and what it keeps from higher requests. */
static unsigned long must_leave(const struct zb_zone *zone,
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
		return must_leave(zone, ac, alloc_flags);
	if (f->verdict != ZB_COULD)
		return 0;
	switch (f->why) {
	case ZB_WHY_WATERMARK:
		return must_leave(zone, ac, alloc_flags);
	case ZB_WHY_LOWMEM:
		return READ_ONCE(zone->lowmem_reserve[ac->highest_zoneidx]);
	case ZB_WHY_HIGHATOMIC:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_HIGHATOMIC]);
	case ZB_WHY_CMA:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_CMA]);
	case ZB_WHY_ISOLATED:
		return READ_ONCE(zone->nr_free_type[ZB_MIGRATE_ISOLATE]);
	case ZB_WHY_CACHED:
		return zb_zone_nr_cached(zone);
	default:
		return 0;
	}
}

static int largest_free(const struct zb_zone *zone, unsigned int alloc_flags)
{
	int order;

	for (order = zone->max_order; order >= 0; order--)
		if (zb_zone_has_block(zone, order, alloc_flags))
			break;
	return order;
}

/* The first zone that the verdict on the pool is that of. */
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
 * zb_explain_failure() - find out all there is to tell of a failed request
 * @pool: the allocator
 * @req: the request
 * @f: filled in
 *
 * As with zb_why_failed(), the answer is about the zones as they are now.
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
	if (f->verdict == ZB_COULD)
		f->why = zb_why_failed(req->gfp, zb_exact_order(req->nr_pages),
				       alloc_flags, &ac, &f->zone);
	else
		f->zone = zone_of_verdict(pool, req, &ac, f->verdict);
	if (!f->zone)
		return;
	f->nr_free = READ_ONCE(f->zone->nr_free) + zb_zone_nr_cached(f->zone);
	f->nr_kept = nr_kept(f, &ac, alloc_flags);
	f->largest_order = largest_free(f->zone, alloc_flags);
}

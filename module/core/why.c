// SPDX-License-Identifier: GPL-2.0-only
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

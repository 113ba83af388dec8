// SPDX-License-Identifier: GPL-2.0-only
#include "mobility.h"

#define ZB_NR_FALLBACKS		(ZB_MIGRATE_PCPTYPES - 1)

static const u8 fallbacks[ZB_MIGRATE_PCPTYPES][ZB_NR_FALLBACKS] = {
	[ZB_MIGRATE_UNMOVABLE] = {
		ZB_MIGRATE_RECLAIMABLE, ZB_MIGRATE_MOVABLE,
	},
	[ZB_MIGRATE_MOVABLE] = {
		ZB_MIGRATE_RECLAIMABLE, ZB_MIGRATE_UNMOVABLE,
	},
	[ZB_MIGRATE_RECLAIMABLE] = {
		ZB_MIGRATE_UNMOVABLE, ZB_MIGRATE_MOVABLE,
	},
};

static struct zb_pageblock *fallback_block(struct zb_zone *zone,
					   unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int i;

	for (i = 0; i < ZB_NR_FALLBACKS; i++) {
		pb = zb_free_area_first(zone->free_area, order, fallbacks[mt][i]);
		if (pb)
			return pb;
	}
	return NULL;
}

static bool compatible(unsigned int hold, unsigned int mt)
{
	if (hold == ZB_HELD_NOT || hold == ZB_HELD_CACHED)
		return false;
	return (hold == ZB_HELD_MOVABLE) == (mt == ZB_MIGRATE_MOVABLE);
}

/* Frames of @pb that are allocated to somebody whom @mt does not disturb. */
static unsigned long nr_compatible(const struct zb_zone *zone,
				   const struct zb_pageblock *pb,
				   unsigned int mt)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned long end = pfn + ZB_PAGEBLOCK_NR;
	unsigned long nr = 0;
	u8 state;

	for (; pfn < end; pfn++) {
		state = zb_zone_state(zone, pfn);
		if (compatible(ZB_STATE_HOLD(state), mt))
			nr += BIT(ZB_STATE_ORDER(state));
	}
	return nr;
}

/*
 * Memory that stays put may claim at the first sign of need, so that it does
 * not spread; movable memory only where there is much to win.
 */
static bool may_claim(unsigned int order, unsigned int mt)
{
	return mt != ZB_MIGRATE_MOVABLE || order >= ZB_PAGEBLOCK_ORDER / 2;
}

static bool claim_part(struct zb_zone *zone, struct zb_pageblock *pb,
		       unsigned int mt)
{
	if (pb->nr_free + nr_compatible(zone, pb, mt) < ZB_PAGEBLOCK_NR / 2)
		return false;
	__zb_set_pageblock_migratetype(zone, pb, mt);
	return true;
}

/* A wholly free pageblock; the smallest block that has one is broken up. */
static struct zb_pageblock *claim_whole(struct zb_zone *zone,
					unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k, min = order;

	if (min < ZB_PAGEBLOCK_ORDER)
		min = ZB_PAGEBLOCK_ORDER;
	for (k = min; k <= zone->max_order; k++) {
		pb = fallback_block(zone, k, mt);
		if (!pb)
			continue;
		__zb_claim_whole(zone, pb, min, mt);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *claim(struct zb_zone *zone, unsigned int order,
				  unsigned int mt)
{
	struct zb_pageblock *pb = claim_whole(zone, order, mt);
	unsigned int k;

	if (pb)
		return pb;
	for (k = ZB_PAGEBLOCK_ORDER; k-- > order && may_claim(k, mt);) {
		pb = fallback_block(zone, k, mt);
		if (pb && claim_part(zone, pb, mt))
			return pb;
	}
	return NULL;
}

static struct zb_pageblock *borrow(struct zb_zone *zone, unsigned int order,
				   unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = order; k < ZB_PAGEBLOCK_ORDER; k++) {
		pb = fallback_block(zone, k, mt);
		if (pb)
			return pb;
	}
	return NULL;
}

/**
 * __zb_rmqueue() - take a block of a mobility, by all means of one zone
 * @zone: where
 * @order: wanted
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @hold: what to write down as the block's holder
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, enum zb_hold hold)
{
	unsigned long pfn = __zb_rmqueue_smallest(zone, order, mt, hold);
	struct zb_pageblock *pb;

	if (pfn != ZB_NO_PFN)
		return pfn;
	pb = claim(zone, order, mt);
	if (!pb)
		pb = borrow(zone, order, mt);
	if (!pb)
		return ZB_NO_PFN;
	return __zb_rmqueue_from(zone, pb, order, hold);
}

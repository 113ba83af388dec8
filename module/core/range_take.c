// SPDX-License-Identifier: GPL-2.0-only
#include "range_take.h"
#include "mobility.h"
#include "slowpath.h"

/* Check whether the zone would keep enough for others if the request took @nr_pages. */
static enum zb_range_result check_leaves(const struct zb_range_attempt *a,
					 const struct zb_zone *zone, unsigned long nr_free,
					 unsigned long nr_own, unsigned long nr_pages)
{
	unsigned long nr_free_type[ZB_MIGRATE_TYPES], *isolated;
	unsigned long mark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]);
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		nr_free_type[mt] = READ_ONCE(zone->nr_free_type[mt]);
	isolated = &nr_free_type[ZB_MIGRATE_ISOLATE];
	*isolated -= nr_own < *isolated ? nr_own : *isolated;
	if (!zb_watermark_leaves(zone, nr_free, nr_free_type, nr_pages, 0, zone->type,
				 a->alloc_flags))
		return ZB_RANGE_FULL;
	if (zb_may_ignore_watermarks(a->gfp) ||
	    zb_watermark_leaves(zone, nr_free, nr_free_type, nr_pages, mark,
				a->ac.highest_zoneidx, a->alloc_flags))
		return ZB_RANGE_OK;
	return ZB_RANGE_WATERMARK;
}

/**
 * zb_range_check_free() - check whether a zone has enough free memory for a range
 * @a: the request
 * @zone: the zone
 * @nr_free: number of frames that are free
 * @nr_own: number of isolated frames that count as not isolated, because they are isolated for
 *	    this request
 *
 * Return: ZB_RANGE_OK, ZB_RANGE_FULL, or ZB_RANGE_WATERMARK.
 */
enum zb_range_result zb_range_check_free(const struct zb_range_attempt *a,
					 const struct zb_zone *zone, unsigned long nr_free,
					 unsigned long nr_own)
{
	return check_leaves(a, zone, nr_free, nr_own, a->range->nr_pages);
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
 * for this request, so nobody has used their free frames. @map receives which frames are known
 * to be zero, unless it is NULL.
 */
static bool take_frames(struct zb_zone *zone, unsigned long pfn, unsigned long end,
			bool isolated, struct zb_zero_map *map)
{
	unsigned long at, flags;
	unsigned int k;
	bool taken;

	if (map)
		zb_zero_map_begin(map, pfn, end - pfn);
	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, ZB_PAGEBLOCK_ORDER);
		zb_lock_irqsave(&zone->lock, flags);
		taken = may_take(zone, at, isolated) &&
			__zb_take_free(zone, at, k, ZB_BLOCK_PCP);
		if (taken && unlikely(zone->zeroed))
			__zb_zero_take(zone, at, BIT(k), map);
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
static void free_others(const struct zb_range_attempt *a, struct zb_zone *zone,
			unsigned long pfn, unsigned long end, unsigned long damaged)
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
static bool prep_blocks(const struct zb_range_attempt *a, struct zb_zone *zone,
			unsigned long pfn, unsigned long end)
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
static void set_types(const struct zb_range_attempt *a, struct zb_zone *zone,
		      unsigned long pfn, unsigned long end, bool isolated)
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

/**
 * zb_range_take() - allocate a range that is free
 * @a: the request
 * @zone: the zone
 * @pfn: first frame
 * @isolated: the pageblocks of the range are isolated for this request; if it succeeds, they
 *	      are not isolated any more
 *
 * Context: may sleep if the request may.
 * Return: false if a frame is not free, or is unfit, or if others have taken so much since the
 * last check that too little would be left.
 */
bool zb_range_take(const struct zb_range_attempt *a, struct zb_zone *zone, unsigned long pfn,
		   bool isolated)
{
	unsigned long end = pfn + a->range->nr_pages;

	if (!take_frames(zone, pfn, end, isolated, a->ac.policy->zero_map))
		return false;
	/*
	 * Other requests may have passed the check of the watermark at the same time. Isolated
	 * frames did not count as free for them.
	 */
	if (!isolated && check_leaves(a, zone, READ_ONCE(zone->nr_free), 0, 0) != ZB_RANGE_OK) {
		put_frames(zone, pfn, end, end);
		return false;
	}
	join_blocks(zone, pfn, end);
	zb_account_alloc(a->ac.preferred, zone, a->range->nr_pages, a->gfp);
	if (!prep_blocks(a, zone, pfn, end))
		return false;
	set_types(a, zone, pfn, end, isolated);
	return true;
}

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

/**
 * zb_fallback_type() - the migrate types to fall back to
 * @mt: the migrate type whose lists are empty
 * @i: 0 for the first choice, 1 for the second
 *
 * Return: a migrate type.
 */
unsigned int zb_fallback_type(unsigned int mt, unsigned int i)
{
	return fallbacks[mt][i];
}

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

/*
 * Is this an allocated block that may share a pageblock with memory of mobility
 * @mt? Unmovable and reclaimable blocks may share one, movable blocks only with
 * movable ones.
 */
static bool is_compatible(u8 state, unsigned int mt)
{
	return zb_state_allocated(state) &&
	       (zb_state_migratetype(state) == ZB_MIGRATE_MOVABLE) ==
	       (mt == ZB_MIGRATE_MOVABLE);
}

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
		if (is_compatible(state, mt))
			nr += BIT(ZB_STATE_ORDER(state));
	}
	return nr;
}

/* Count and trace that a request for @mt uses a pageblock of another type. */
static void count_fallback(struct zb_zone *zone, const struct zb_pageblock *pb,
			   unsigned int order, unsigned int mt, bool claimed)
{
	unsigned long *nr = &zone->fallbacks[mt][pb->migratetype];

	WRITE_ONCE(*nr, *nr + 1);
	__zb_count_event(zone, claimed ? ZB_CLAIM : ZB_STEAL, 1);
	zb_trace_extfrag(zb_pageblock_pfn(zone, pb), order, pb->largest_free, mt,
			 pb->migratetype, claimed);
}

/*
 * Unmovable and reclaimable requests may claim a pageblock that has a free block
 * of any order, which keeps such memory from spreading over more pageblocks.
 * Movable requests may claim one only for a large free block.
 */
static bool may_claim(unsigned int order, unsigned int mt)
{
	return mt != ZB_MIGRATE_MOVABLE || order >= ZB_PAGEBLOCK_ORDER / 2;
}

static bool worth_claiming(const struct zb_zone *zone,
			   const struct zb_pageblock *pb, unsigned int mt)
{
	return pb->nr_free + nr_compatible(zone, pb, mt) >= ZB_PAGEBLOCK_NR / 2;
}

/* Claim free pageblocks from the smallest free block that has enough of them. */
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
		count_fallback(zone, pb, order, mt, true);
		__zb_claim_whole(zone, pb, min, mt);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *zb_try_to_claim_block(struct zb_zone *zone,
						  unsigned int order,
						  unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; k-- > order && may_claim(k, mt);) {
		pb = fallback_block(zone, k, mt);
		if (!pb || !worth_claiming(zone, pb, mt))
			continue;
		count_fallback(zone, pb, order, mt, true);
		__zb_set_pageblock_migratetype(zone, pb, mt);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *steal_block(struct zb_zone *zone,
					unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = order; k < ZB_PAGEBLOCK_ORDER; k++) {
		pb = fallback_block(zone, k, mt);
		if (!pb)
			continue;
		count_fallback(zone, pb, order, mt, false);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *claim_pageblock(struct zb_zone *zone,
					    unsigned int order, unsigned int mt,
					    unsigned int alloc_flags)
{
	struct zb_pageblock *pb = claim_whole(zone, order, mt);

	if (!pb && !(alloc_flags & ZB_ALLOC_NOFRAGMENT))
		pb = zb_try_to_claim_block(zone, order, mt);
	return pb;
}

/*
 * A refill calls this once per block. Once claiming has failed, it cannot succeed
 * while the zone lock is held, because nothing is freed and stealing only reduces
 * the free frames. @may_claim remembers the failure to save further scans.
 */
static struct zb_pageblock *find_fallback(struct zb_zone *zone,
					  unsigned int order, unsigned int mt,
					  unsigned int alloc_flags,
					  bool *may_claim)
{
	struct zb_pageblock *pb;

	if (*may_claim) {
		pb = claim_pageblock(zone, order, mt, alloc_flags);
		if (pb)
			return pb;
		*may_claim = false;
	}
	return alloc_flags & ZB_ALLOC_NOFRAGMENT ? NULL :
						   steal_block(zone, order, mt);
}

/*
 * Only movable requests may use CMA pageblocks. They use them first while more
 * than half of the free frames are CMA, because otherwise other requests would
 * run out of memory while CMA pageblocks are idle.
 */
static bool balance_cma(const struct zb_zone *zone, unsigned int alloc_flags)
{
	return (alloc_flags & ZB_ALLOC_CMA) &&
	       zone->nr_free_type[ZB_MIGRATE_CMA] > zone->nr_free / 2;
}

/**
 * __zb_find_pageblock() - find the best pageblock of a zone to take a block from
 * @zone: the zone
 * @order: order of the block
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @may_claim: true in the first call; afterwards, whether claiming a pageblock may
 *	succeed in the next call under the same hold of the lock
 *
 * If the lists of @mt are empty, the pageblock is of another type.
 *
 * Context: zone lock held.
 * Return: a listed pageblock, or NULL.
 */
struct zb_pageblock *__zb_find_pageblock(struct zb_zone *zone,
					 unsigned int order, unsigned int mt,
					 unsigned int alloc_flags,
					 bool *may_claim)
{
	struct zb_pageblock *pb = NULL;

	if (balance_cma(zone, alloc_flags))
		pb = __zb_find_smallest(zone, order, ZB_MIGRATE_CMA);
	if (!pb)
		pb = __zb_find_smallest(zone, order, mt);
	if (!pb && (alloc_flags & ZB_ALLOC_CMA))
		pb = __zb_find_smallest(zone, order, ZB_MIGRATE_CMA);
	if (!pb)
		pb = find_fallback(zone, order, mt, alloc_flags, may_claim);
	return pb;
}

/**
 * __zb_rmqueue() - take a block from the free lists of a zone
 * @zone: the zone
 * @order: order of the block
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @state: state of the block from now on
 *
 * If the lists of @mt are empty, the block comes from those of another type.
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, unsigned int alloc_flags,
			   enum zb_block_state state)
{
	struct zb_pageblock *pb;
	bool may_claim = true;

	pb = __zb_find_pageblock(zone, order, mt, alloc_flags, &may_claim);
	if (!pb)
		return ZB_NO_PFN;
	if (pb->migratetype == ZB_MIGRATE_CMA)
		__zb_count_event(zone, ZB_CMA_ALLOC, 1);
	return __zb_rmqueue_from(zone, pb, order, state);
}

/*
 * The reserve is limited to 1 % of the zone, rounded down to whole pageblocks. A
 * zone of fewer than 100 pageblocks has no reserve.
 */
static unsigned long highatomic_limit(const struct zb_zone *zone)
{
	return zone->nr_pages / 100 / ZB_PAGEBLOCK_NR;
}

/**
 * zb_zone_reserve_highatomic() - add a pageblock to the HighAtomic reserve
 * @zone: zone of the pageblock
 * @pfn: a frame of the pageblock, in which an atomic request was just served
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if the pageblock was reserved.
 */
bool zb_zone_reserve_highatomic(struct zb_zone *zone, unsigned long pfn)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	bool grown = false;
	unsigned long flags;

	if (READ_ONCE(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC]) >=
	    highatomic_limit(zone))
		return false;
	zb_lock_irqsave(&zone->lock, flags);
	if (zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC] < highatomic_limit(zone) &&
	    pb->migratetype < ZB_MIGRATE_PCPTYPES) {
		__zb_set_pageblock_migratetype(zone, pb, ZB_MIGRATE_HIGHATOMIC);
		__zb_count_event(zone, ZB_HIGHATOMIC_RESERVE, 1);
		grown = true;
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return grown;
}

static struct zb_pageblock *any_highatomic(struct zb_zone *zone)
{
	struct zb_pageblock *pb;
	unsigned int order;

	for (order = 0; order <= zone->max_order; order++) {
		pb = zb_free_area_first(zone->free_area, order,
					ZB_MIGRATE_HIGHATOMIC);
		if (pb)
			return pb;
	}
	return NULL;
}

/**
 * zb_zone_unreserve_highatomic() - remove a pageblock from the HighAtomic reserve
 * @zone: the zone
 * @mt: type of the pageblock from now on
 * @force: remove even the last pageblock of the reserve
 *
 * A wholly free pageblock gets the zone's default type instead, so that it can
 * merge with its buddies.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if a pageblock that has free frames was removed.
 */
bool zb_zone_unreserve_highatomic(struct zb_zone *zone, unsigned int mt,
				  bool force)
{
	struct zb_pageblock *pb;
	unsigned long flags;

	if (READ_ONCE(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC]) <= !force)
		return false;
	zb_lock_irqsave(&zone->lock, flags);
	pb = any_highatomic(zone);
	if (pb) {
		__zb_set_pageblock_migratetype(zone, pb, zb_pageblock_all_free(pb) ?
					       zone->default_migratetype : mt);
		__zb_count_event(zone, ZB_HIGHATOMIC_UNRESERVE, 1);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return pb;
}

/**
 * zb_zone_unreserve_idle() - dissolve the HighAtomic reserve of an unused zone
 * @zone: the zone
 *
 * Nothing is done unless every frame is free or bad. A reserved pageblock
 * with bad frames never becomes wholly free, so it would otherwise stay in the
 * reserve for ever.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_unreserve_idle(struct zb_zone *zone)
{
	struct zb_pageblock *pb;
	unsigned long flags;

	if (!READ_ONCE(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC]))
		return;
	zb_lock_irqsave(&zone->lock, flags);
	while (zone->nr_free + zone->nr_bad == zone->nr_pages &&
	       (pb = any_highatomic(zone))) {
		__zb_set_pageblock_migratetype(zone, pb, zone->default_migratetype);
		__zb_count_event(zone, ZB_HIGHATOMIC_UNRESERVE, 1);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

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
 * zb_fallback_type() - the order in which other mobilities are looked at
 * @mt: mobility that is wanted
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

/* Is a block in this state one that memory of mobility @mt does not disturb? */
static bool compatible(u8 state, unsigned int mt)
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
		if (compatible(state, mt))
			nr += BIT(ZB_STATE_ORDER(state));
	}
	return nr;
}

/* Count and trace that @mt has to be served from a block of another mobility. */
static void fell_back(struct zb_zone *zone, const struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt, bool claimed)
{
	unsigned long *nr = &zone->fallbacks[mt][pb->migratetype];

	WRITE_ONCE(*nr, *nr + 1);
	__zb_count_event(zone, claimed ? ZB_CLAIM : ZB_STEAL, 1);
	zb_trace_extfrag(zb_pageblock_pfn(zone, pb), order, pb->largest_free, mt,
			 pb->migratetype, claimed);
}

/*
 * Memory that stays put may claim at the first sign of need, so that it does
 * not spread; movable memory only where there is much to win.
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
		fell_back(zone, pb, order, mt, true);
		__zb_claim_whole(zone, pb, min, mt);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *try_to_claim_block(struct zb_zone *zone, unsigned int order,
					       unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; k-- > order && may_claim(k, mt);) {
		pb = fallback_block(zone, k, mt);
		if (!pb || !worth_claiming(zone, pb, mt))
			continue;
		fell_back(zone, pb, order, mt, true);
		__zb_set_pageblock_migratetype(zone, pb, mt);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *steal(struct zb_zone *zone, unsigned int order,
				  unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = order; k < ZB_PAGEBLOCK_ORDER; k++) {
		pb = fallback_block(zone, k, mt);
		if (!pb)
			continue;
		fell_back(zone, pb, order, mt, false);
		return pb;
	}
	return NULL;
}

static struct zb_pageblock *claim(struct zb_zone *zone, unsigned int order,
				  unsigned int mt, unsigned int alloc_flags)
{
	struct zb_pageblock *pb = claim_whole(zone, order, mt);

	if (!pb && !(alloc_flags & ZB_ALLOC_NOFRAGMENT))
		pb = try_to_claim_block(zone, order, mt);
	return pb;
}

/*
 * A refill comes here once for each block. While the lock is held nothing is
 * freed, and borrowing leaves less to claim: once claiming has failed, looking
 * at the frames of the same pageblocks again would only take time.
 */
static struct zb_pageblock *find_fallback(struct zb_zone *zone,
					  unsigned int order, unsigned int mt,
					  unsigned int alloc_flags,
					  bool *may_claim)
{
	struct zb_pageblock *pb;

	if (*may_claim) {
		pb = claim(zone, order, mt, alloc_flags);
		if (pb)
			return pb;
		*may_claim = false;
	}
	return alloc_flags & ZB_ALLOC_NOFRAGMENT ? NULL : steal(zone, order, mt);
}

/*
 * Movable memory is the only kind that may use CMA pageblocks. Once they are
 * more than half of what is free it takes them first, or the others would run
 * short while they lie idle.
 */
static bool balance_cma(const struct zb_zone *zone, unsigned int alloc_flags)
{
	return (alloc_flags & ZB_ALLOC_CMA) &&
	       zone->nr_free_type[ZB_MIGRATE_CMA] > zone->nr_free / 2;
}

/* The pageblock that has the best block for this, by all means of one zone. */
static struct zb_pageblock *find_pageblock(struct zb_zone *zone,
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

static void count_cma(struct zb_zone *zone, const struct zb_pageblock *pb,
		      unsigned int nr)
{
	if (pb->migratetype == ZB_MIGRATE_CMA)
		__zb_count_event(zone, ZB_CMA_ALLOC, nr);
}

/**
 * __zb_rmqueue() - take a block of a mobility, by all means of one zone
 * @zone: where
 * @order: wanted
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT count here
 * @hold: what to write down as the block's holder
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, unsigned int alloc_flags,
			   enum zb_block_state hold)
{
	struct zb_pageblock *pb;
	bool may_claim = true;

	pb = find_pageblock(zone, order, mt, alloc_flags, &may_claim);
	if (!pb)
		return ZB_NO_PFN;
	count_cma(zone, pb, 1);
	return __zb_rmqueue_from(zone, pb, order, hold);
}

/**
 * __zb_rmqueue_words() - the same for several blocks
 * @zone: where
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT count here
 * @nr: how many at most
 * @words: @order says which; they are added here, ZB_BLOCK_PCP
 *
 * Of a pageblock that keeps its type for somebody else only one block is taken
 * before there is another look around.
 *
 * Context: zone lock held.
 * Return: how many; less than @nr when there are no more, or no more room.
 */
unsigned int __zb_rmqueue_words(struct zb_zone *zone, unsigned int mt,
				unsigned int alloc_flags, unsigned int nr,
				struct zb_bulk *words)
{
	struct zb_pageblock *pb;
	unsigned int got, left = nr;
	bool may_claim = true;

	while (left && words->nr <= ZB_WORDS_MAX - ZB_PAGEBLOCK_WORDS) {
		pb = find_pageblock(zone, words->order, mt, alloc_flags,
				    &may_claim);
		if (!pb)
			break;
		got = __zb_take_words(zone, pb, pb->migratetype == mt ||
				      pb->migratetype == ZB_MIGRATE_CMA ? left : 1,
				      words);
		count_cma(zone, pb, got);
		left -= got;
	}
	return nr - left;
}

/**
 * __zb_rmqueue_highatomic() - take a block from the high-atomic reserve
 * @zone: where
 * @order: wanted
 * @hold: what to write down as the block's holder
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue_highatomic(struct zb_zone *zone, unsigned int order,
				      enum zb_block_state hold)
{
	return __zb_rmqueue_smallest(zone, order, ZB_MIGRATE_HIGHATOMIC, hold);
}

/*
 * 1 % of the zone, in pageblocks. Where that is less than one there is no
 * reserve, because a single pageblock might be a large part of the zone.
 */
static unsigned long highatomic_limit(const struct zb_zone *zone)
{
	return zone->nr_pages / 100 / ZB_PAGEBLOCK_NR;
}

/**
 * zb_zone_reserve_highatomic() - keep a pageblock for requests that can't wait
 * @zone: its zone
 * @pfn: a block that was just allocated for one; its pageblock is the one
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if the reserve has grown.
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
 * zb_zone_unreserve_highatomic() - give a pageblock back from the reserve
 * @zone: which zone
 * @mt: mobility that needs it
 * @force: even the last one
 *
 * One that is wholly free gets the default type, with which it merges.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if @mt has a pageblock with free frames more than before.
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
 * zb_zone_unreserve_idle() - give the reserve back in a zone that nobody uses
 * @zone: which zone
 *
 * A pageblock with damaged frames is never wholly free, so it would stay in the
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

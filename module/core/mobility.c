// SPDX-License-Identifier: GPL-2.0-only
#include "mobility.h"
#include "zeroed.h"

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

/* Bit 0 of each byte. */
#define LOW_BITS	0x0101010101010101ull

/*
 * Which of eight blocks may share a pageblock with memory of mobility @mt? Unmovable and
 * reclaimable blocks may share one, movable blocks only with movable ones. @states
 * has a state byte for each block; bit 0 of its byte is set in the result.
 *
 *	enum zb_block_state	0	1	2	3	4	5	6	7
 *	bits a, b, c		000	001	010	011	100	101	110	111
 *	movable				yes			yes
 *	other allocated			yes		yes	yes		yes
 */
static __always_inline u64 compatible(u64 states, unsigned int mt)
{
	u64 a = states >> 7, b = states >> 6, c = states >> 5;

	if (mt == ZB_MIGRATE_MOVABLE)
		return (b ^ c) & ~(a ^ c) & LOW_BITS;
	return (a ^ c) & LOW_BITS;
}

/*
 * The number of frames of these blocks. They have orders below 3, except if the first one
 * has all frames of the word, or more.
 */
static __always_inline unsigned int nr_frames(u64 states, u64 blocks)
{
	unsigned int order = ZB_STATE_ORDER((u8)states);

	if (blocks & 1 && order > 2)
		return 1u << order;
	return hweight64(blocks) + hweight64(blocks & states) +
	       3 * hweight64(blocks & (states >> 1));
}

/* Do compatible blocks have at least @enough frames of a pageblock? */
static bool has_compatible(const struct zb_zone *zone, const struct zb_pageblock *pb,
			   unsigned int mt, unsigned int enough)
{
	const u64 *word, *end;
	unsigned int nr = 0;
	u64 states, blocks;

	word = (const u64 *)(zone->state + (pb - zone->pageblocks) * ZB_PAGEBLOCK_NR);
	for (end = word + ZB_PAGEBLOCK_NR / 8; nr < enough && word < end; word++) {
		states = READ_ONCE(*word);
		blocks = compatible(states, mt);
		if (blocks)
			nr += nr_frames(states, blocks);
	}
	return nr >= enough;
}

/* Count and trace that a request for @mt uses a pageblock of another type. */
static void count_fallback(struct zb_zone *zone, const struct zb_pageblock *pb,
			   unsigned int order, unsigned int mt, bool claimed)
{
	unsigned long *nr = &zone->fallbacks[mt][pb->migratetype];

	WRITE_ONCE(*nr, *nr + 1);
	__zb_count_event(zone, claimed ? ZB_CLAIM : ZB_STEAL, 1);
	if (!zb_pageblock_all_free(pb))
		__zb_zone_boost(zone);
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

/*
 * Check whether at least half of a pageblock, the first one of its list, is free or of a
 * compatible type. Drops the zone lock while it reads the states of all frames, and returns
 * false if the pageblock has moved to another list meanwhile.
 */
static bool worth_claiming(struct zb_zone *zone, const struct zb_pageblock *pb,
			   unsigned int mt, unsigned long *flags)
{
	unsigned int order = pb->largest_free, type = pb->migratetype;
	unsigned int nr_free = pb->nr_free;
	bool worth;

	if (nr_free >= ZB_PAGEBLOCK_NR / 2)
		return true;
	zb_unlock_irqrestore(&zone->lock, *flags);
	worth = has_compatible(zone, pb, mt, ZB_PAGEBLOCK_NR / 2 - nr_free);
	zb_lock_irqsave(&zone->lock, *flags);
	return worth && pb->largest_free == order && pb->migratetype == type;
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

/* The lock is dropped while the states of a pageblock are read. */
static struct zb_pageblock *zb_try_to_claim_block(struct zb_zone *zone,
						  unsigned int order,
						  unsigned int mt,
						  unsigned long *flags)
{
	struct zb_pageblock *pb;
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; k-- > order && may_claim(k, mt);) {
		pb = fallback_block(zone, k, mt);
		if (!pb)
			continue;
		if (!worth_claiming(zone, pb, mt, flags))
			continue;
		count_fallback(zone, pb, order, mt, true);
		__zb_set_pageblock_migratetype(zone, pb, mt);
		return pb;
	}
	return NULL;
}

/* Find a pageblock of another type to steal a block from. The caller counts that. */
static struct zb_pageblock *steal_block(struct zb_zone *zone,
					unsigned int order, unsigned int mt)
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

static struct zb_pageblock *claim_pageblock(struct zb_zone *zone,
					    unsigned int order, unsigned int mt,
					    unsigned int alloc_flags,
					    unsigned long *flags)
{
	struct zb_pageblock *pb = claim_whole(zone, order, mt);

	if (!pb && !(alloc_flags & ZB_ALLOC_NOFRAGMENT))
		pb = zb_try_to_claim_block(zone, order, mt, flags);
	return pb;
}

/*
 * Claim a pageblock, and drop the lock before a block is taken from one, because each of
 * both takes long, unless the block is a whole pageblock. Returns NULL if none could be
 * claimed, or if other CPUs have used up the memory meanwhile.
 */
static struct zb_pageblock *claim_and_relax(struct zb_zone *zone,
					    unsigned int order, unsigned int mt,
					    unsigned int alloc_flags,
					    unsigned long *flags)
{
	struct zb_pageblock *pb = claim_pageblock(zone, order, mt, alloc_flags, flags);

	if (!pb || order >= ZB_PAGEBLOCK_ORDER)
		return pb;
	__zb_relax(zone, flags);
	return __zb_find_smallest(zone, order, mt);
}

static struct zb_pageblock *find_fallback(struct zb_zone *zone,
					  unsigned int order, unsigned int mt,
					  unsigned int alloc_flags, unsigned long *flags)
{
	struct zb_pageblock *pb = claim_and_relax(zone, order, mt, alloc_flags, flags);

	/* The lock may have been dropped: look again at what is better than stealing. */
	if (!pb)
		pb = __zb_find_smallest(zone, order, mt);
	if (!pb)
		pb = claim_whole(zone, order, mt);
	if (!pb && !(alloc_flags & ZB_ALLOC_NOFRAGMENT))
		pb = steal_block(zone, order, mt);
	return pb;
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

/*
 * Find the best pageblock to take a block from, which may be stale. If the lists of @mt are
 * empty, it is of another type.
 */
static struct zb_pageblock *find_pageblock(struct zb_zone *zone, unsigned int order,
					   unsigned int mt, unsigned int alloc_flags,
					   unsigned long *flags)
{
	struct zb_pageblock *pb = NULL;

	if (balance_cma(zone, alloc_flags))
		pb = __zb_find_smallest(zone, order, ZB_MIGRATE_CMA);
	if (!pb)
		pb = __zb_find_smallest(zone, order, mt);
	if (!pb && (alloc_flags & ZB_ALLOC_CMA))
		pb = __zb_find_smallest(zone, order, ZB_MIGRATE_CMA);
	if (!pb)
		pb = find_fallback(zone, order, mt, alloc_flags, flags);
	return pb;
}

/**
 * __zb_find_refreshed() - find the best pageblock of a zone to take a block from
 * @zone: the zone
 * @order: order of the block
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @flags: for zb_unlock_irqrestore(), because the lock may be dropped
 *
 * If the lists of @mt are empty, the pageblock is of another type. A stale pageblock is refreshed
 * in a hold of the lock of its own, because counting its runs and taking blocks from it together
 * would take too long.
 *
 * Context: zone lock held, also on return.
 * Return: a listed pageblock, which is seldom stale, or NULL.
 */
struct zb_pageblock *__zb_find_refreshed(struct zb_zone *zone,
					 unsigned int order, unsigned int mt,
					 unsigned int alloc_flags, unsigned long *flags)
{
	struct zb_pageblock *pb;

	pb = find_pageblock(zone, order, mt, alloc_flags, flags);
	if (pb && zb_pageblock_is_stale(zone, pb)) {
		__zb_recount(zone, pb);
		__zb_relax(zone, flags);
		pb = find_pageblock(zone, order, mt, alloc_flags, flags);
	}
	if (pb && pb->migratetype != mt && pb->migratetype != ZB_MIGRATE_CMA)
		count_fallback(zone, pb, order, mt, false);
	return pb;
}

/**
 * __zb_rmqueue() - take a block from the free lists of a zone
 * @zone: the zone
 * @order: order of the block
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @state: state of the block from now on
 * @flags: for zb_unlock_irqrestore(), because the lock may be dropped
 *
 * If the lists of @mt are empty, the block comes from those of another type.
 *
 * Context: zone lock held, also on return.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, unsigned int alloc_flags,
			   enum zb_block_state state, unsigned long *flags)
{
	struct zb_pageblock *pb = __zb_find_refreshed(zone, order, mt, alloc_flags, flags);

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
	return zb_zone_nr_managed(zone) / 100 / ZB_PAGEBLOCK_NR;
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
		pb = zb_free_area_first(zone->free_area, order, ZB_MIGRATE_HIGHATOMIC);
		if (pb)
			return pb;
	}
	return NULL;
}

static void unreserve(struct zb_zone *zone, struct zb_pageblock *pb, unsigned int mt)
{
	__zb_set_pageblock_migratetype(zone, pb, zb_pageblock_all_free(pb) ?
				       zone->default_migratetype : mt);
	__zb_count_event(zone, ZB_HIGHATOMIC_UNRESERVE, 1);
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
	if (pb)
		unreserve(zone, pb, mt);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pb;
}

/**
 * zb_zone_unreserve_range() - remove the pageblocks of a range from the HighAtomic reserve
 * @zone: the zone
 * @mt: their type from now on, as for zb_zone_unreserve_highatomic()
 * @pfn: first frame of the range
 * @nr_pages: number of its frames
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_unreserve_range(struct zb_zone *zone, unsigned int mt, unsigned long pfn,
			     unsigned long nr_pages)
{
	unsigned long flags, end = pfn + nr_pages;
	struct zb_pageblock *pb;

	for (; pfn < end; pfn = ALIGN(pfn + 1, ZB_PAGEBLOCK_NR)) {
		pb = zb_pfn_pageblock(zone, pfn);
		zb_lock_irqsave(&zone->lock, flags);
		if (pb->migratetype == ZB_MIGRATE_HIGHATOMIC)
			unreserve(zone, pb, mt);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/**
 * zb_zone_unreserve_idle() - dissolve the HighAtomic reserve of an unused zone
 * @zone: the zone
 *
 * Nothing is done unless every frame is free or bad. A reserved pageblock
 * with bad frames never becomes wholly free, so it would otherwise stay in the
 * reserve forever.
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
		__zb_relax(zone, &flags);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

#define PREFER_BLOCKS		8u	/* blocks of equal fit to choose from */
#define PREFER_PAGEBLOCKS	16u	/* pageblocks of each that are looked at */

/*
 * Estimate how many frames of a block are known to be zero. For speed, only whole pageblocks are
 * counted: the one that the block is in, or the first ones of a larger block.
 */
static unsigned int nr_zeroed(const struct zb_zone *zone, const struct zb_pageblock *pb,
			      unsigned int order)
{
	const u16 *nr_block = zone->zeroed->nr_block + (pb - zone->pageblocks);
	unsigned int i, nr = 0, most = 1;

	if (order > ZB_PAGEBLOCK_ORDER)
		most = 1u << (order - ZB_PAGEBLOCK_ORDER);
	if (most > PREFER_PAGEBLOCKS)
		most = PREFER_PAGEBLOCKS;
	for (i = 0; i < most; i++)
		nr += nr_block[i];
	return nr;
}

/*
 * As __zb_prefer_zeroed(), for one migrate type. Returns false if its lists have no block. A
 * pageblock that has more free frames is not preferred, so that it may become wholly free.
 */
static bool prefer_zeroed(struct zb_zone *zone, unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb = __zb_find_smallest(zone, order, mt), *best = pb;
	struct list_head *head;
	unsigned int i, nr, most, k, nr_free;

	if (!pb)
		return false;
	k = pb->largest_free;
	nr_free = pb->nr_free;
	head = &zone->free_area[k].free_list[mt];
	most = nr_zeroed(zone, pb, order);
	for (i = 1; i < PREFER_BLOCKS && pb->link.next != head; i++) {
		pb = list_entry(pb->link.next, struct zb_pageblock, link);
		nr = nr_zeroed(zone, pb, order);
		if (nr > most && pb->nr_free <= nr_free) {
			most = nr;
			best = pb;
		}
	}
	if (best->link.prev != head) {
		zb_free_area_del(best, ZB_LIST_NONE);
		zb_free_area_add(zone->free_area, best, k);
	}
	return true;
}

/**
 * __zb_prefer_zeroed() - let a request take zeroed frames, if they fit as well as others
 * @zone: the zone, which has zone->zeroed
 * @order: order of the request
 * @mt: migrate type of the request
 *
 * Of the first few blocks of the lowest list that has one, the one with most zeroed frames is
 * moved to the front. A larger block is never used in its place. If the type has no
 * block, the request will claim whole pageblocks of another one.
 *
 * Context: zone lock held.
 */
void __zb_prefer_zeroed(struct zb_zone *zone, unsigned int order, unsigned int mt)
{
	unsigned int from;

	if (prefer_zeroed(zone, order, mt))
		return;
	if (order < ZB_PAGEBLOCK_ORDER)
		order = ZB_PAGEBLOCK_ORDER;
	for (from = 0; from < ZB_MIGRATE_PCPTYPES; from++)
		prefer_zeroed(zone, order, from);
}

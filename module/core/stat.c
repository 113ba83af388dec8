// SPDX-License-Identifier: GPL-2.0-only
#include "buddy.h"
#include "stat.h"

/**
 * zb_zone_snapshot() - copy the counters of a zone
 * @zone: the zone
 * @st: the copy
 *
 * The counters are consistent with each other, except @nr_cached, which CPUs change
 * without the lock.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_snapshot(struct zb_zone *zone, struct zb_zone_stat *st)
{
	unsigned long flags;
	unsigned int order;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_refresh_all(zone, &flags);
	st->nr_free = zone->nr_free;
	memcpy(st->nr_free_type, zone->nr_free_type, sizeof(st->nr_free_type));
	for (order = 0; order < ZB_NR_ORDERS; order++)
		memcpy(st->nr_free_blocks[order],
		       zone->free_area[order].nr_free_type,
		       sizeof(st->nr_free_blocks[order]));
	memcpy(st->nr_blocks, zone->nr_blocks, sizeof(st->nr_blocks));
	zb_unlock_irqrestore(&zone->lock, flags);
	st->nr_cached = zb_zone_nr_cached(zone);
}

/**
 * zb_stat_nr_free() - count the free blocks of an order, of all migrate types
 * @st: a snapshot
 * @order: 0 .. ZB_MAX_ORDER
 *
 * Return: number of blocks.
 */
unsigned long zb_stat_nr_free(const struct zb_zone_stat *st, unsigned int order)
{
	unsigned long nr = 0;
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		nr += st->nr_free_blocks[order][mt];
	return nr;
}

/**
 * zb_stat_largest_order() - determine the order of the largest free block
 * @st: a snapshot
 *
 * Return: the order, or -1 if there is no free block.
 */
int zb_stat_largest_order(const struct zb_zone_stat *st)
{
	int order = ZB_MAX_ORDER;

	while (order >= 0 && !zb_stat_nr_free(st, order))
		order--;
	return order;
}

/* Count the free blocks, and the blocks of @order that they can be split into. */
static void sum_up_blocks(const struct zb_zone_stat *st, unsigned int order,
			  unsigned long *total, unsigned long *suitable)
{
	unsigned long nr;
	unsigned int k;

	*total = 0;
	*suitable = 0;
	for (k = 0; k < ZB_NR_ORDERS; k++) {
		nr = zb_stat_nr_free(st, k);
		*total += nr;
		if (k >= order)
			*suitable += nr << (k - order);
	}
}

/**
 * zb_unusable_index() - compute the share of free memory in too small blocks
 * @st: a snapshot
 * @order: order of a request
 *
 * Return: the share in 1/1000, from 0 if all free memory is in blocks of @order and
 * above to 1000 if none is.
 */
int zb_unusable_index(const struct zb_zone_stat *st, unsigned int order)
{
	unsigned long total, suitable;

	if (!st->nr_free)
		return 1000;
	sum_up_blocks(st, order, &total, &suitable);
	return zb_div64(1000ull * (st->nr_free - (suitable << order)),
			st->nr_free);
}

/**
 * zb_extfrag_index() - compute how much external fragmentation makes a request fail
 * @st: a snapshot
 * @order: order of a request
 *
 * Return: -1000 if the request would succeed. Otherwise a value in 1/1000: it is near
 * 0 if the request fails because little memory is free, and near 1000 if it fails
 * because the free memory is fragmented.
 */
int zb_extfrag_index(const struct zb_zone_stat *st, unsigned int order)
{
	unsigned long total, suitable;
	u64 lack;

	sum_up_blocks(st, order, &total, &suitable);
	if (!total)
		return 0;
	if (suitable)
		return -1000;
	lack = zb_div64(1000 + zb_div64(1000ull * st->nr_free, BIT(order)),
			total);
	return lack < 1000 ? 1000 - (int)lack : 0;
}

static bool is_mixed(const struct zb_zone *zone, const struct zb_pageblock *pb)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned long end = pfn + ZB_PAGEBLOCK_NR;
	unsigned int own = pb->migratetype;
	u8 state;

	if (own == ZB_MIGRATE_CMA)
		own = ZB_MIGRATE_MOVABLE;
	for (; pfn < end; pfn++) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state) && zb_state_migratetype(state) != own)
			return true;
	}
	return false;
}

/**
 * zb_zone_mixed_blocks() - count pageblocks with allocated blocks of another mobility
 * @zone: the zone
 * @nr: set to the number of such pageblocks, by migrate type of the pageblock
 *
 * Reads the state byte of every frame.
 *
 * Context: any but NMI; takes the zone lock for one pageblock at a time.
 */
void zb_zone_mixed_blocks(struct zb_zone *zone,
			  unsigned long nr[ZB_MIGRATE_TYPES])
{
	const struct zb_pageblock *pb;
	unsigned long i, flags;

	memset(nr, 0, ZB_MIGRATE_TYPES * sizeof(*nr));
	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		pb = &zone->pageblocks[i];
		zb_lock_irqsave(&zone->lock, flags);
		nr[pb->migratetype] += is_mixed(zone, pb);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/**
 * zb_pageblock_snapshot() - copy the state of some pageblocks
 * @zone: the zone
 * @first: index of the first pageblock in the zone
 * @nr: number of pageblocks; it should be small, because one lock section covers all
 * @st: array of @nr copies
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_pageblock_snapshot(struct zb_zone *zone, unsigned long first,
			   unsigned int nr, struct zb_pageblock_stat *st)
{
	const struct zb_pageblock *pb;
	unsigned int i, largest;
	unsigned long flags;
	bool whole;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < nr; i++) {
		pb = &zone->pageblocks[first + i];
		whole = zb_pageblock_all_free(pb);
		largest = whole ? ZB_PAGEBLOCK_ORDER : pb->largest_free;
		st[i].migratetype = pb->migratetype;
		st[i].offline = zb_zone_state(zone, zb_pageblock_pfn(zone, pb)) ==
				ZB_STATE_OFFLINE;
		st[i].nr_free = pb->nr_free;
		st[i].largest = largest == ZB_LIST_NONE ? -1 : (s8)largest;
		st[i].whole_order = whole ? (s8)__zb_whole_order(zone, zb_pageblock_pfn(zone, pb)) :
					    -1;
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * The fast path counts allocations and frees by order only. All allocations that it
 * counts by order are hits and local; it counts others by their events.
 */
static unsigned long fast_events(const struct zb_pcp *pcp, enum zb_event event)
{
	const unsigned long *by_order = event == ZB_PGFREE ? pcp->nr_fast_free :
							     pcp->nr_fast_alloc;
	bool frames = event == ZB_PGALLOC || event == ZB_PGFREE;
	unsigned long nr = 0;
	unsigned int order;

	if (!frames && event != ZB_NUMA_HIT && event != ZB_NUMA_LOCAL)
		return 0;
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		nr += READ_ONCE(by_order[order]) << (frames ? order : 0);
	return nr;
}

/**
 * zb_zone_events() - read an event counter of a zone
 * @zone: the zone
 * @event: the event
 *
 * Context: any.
 * Return: the count since load; it may be outdated when the function returns.
 */
unsigned long zb_zone_events(const struct zb_zone *zone, enum zb_event event)
{
	unsigned long nr = READ_ONCE(zone->events[event]);
	const struct zb_pcp *pcp;
	unsigned int cpu;

	if (event >= ZB_NR_CPU_EVENTS)
		return nr;
	zb_for_each_possible_cpu(cpu) {
		pcp = zb_per_cpu_ptr(zone->pcp, cpu);
		nr += READ_ONCE(pcp->events[event]) + fast_events(pcp, event);
	}
	return nr;
}

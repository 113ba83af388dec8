// SPDX-License-Identifier: GPL-2.0-only
#include "stat.h"

/**
 * zb_zone_snapshot() - copy the counters of a zone
 * @zone: which
 * @st: the copy
 *
 * All but @nr_cached, which other CPUs change without the lock, are of one
 * moment.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_snapshot(struct zb_zone *zone, struct zb_zone_stat *st)
{
	unsigned long flags;
	unsigned int order;

	zb_lock_irqsave(&zone->lock, flags);
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
 * zb_stat_nr_free() - free blocks of an order, of all migrate types
 * @st: a snapshot
 * @order: 0 .. ZB_MAX_ORDER
 *
 * Return: how many.
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
 * zb_stat_largest_order() - the largest free block
 * @st: a snapshot
 *
 * Return: its order, or -1 when nothing is free.
 */
int zb_stat_largest_order(const struct zb_zone_stat *st)
{
	int order = ZB_MAX_ORDER;

	while (order >= 0 && !zb_stat_nr_free(st, order))
		order--;
	return order;
}

/* Free blocks of all orders, and how many of @order could be made of them. */
static void count_blocks(const struct zb_zone_stat *st, unsigned int order,
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
 * zb_unusable_index() - free memory that is of no use for an order
 * @st: a snapshot
 * @order: the order that is wanted
 *
 * Return: in 1/1000: 0 when all free memory is in blocks large enough, 1000
 * when none is.
 */
int zb_unusable_index(const struct zb_zone_stat *st, unsigned int order)
{
	unsigned long total, suitable;

	if (!st->nr_free)
		return 1000;
	count_blocks(st, order, &total, &suitable);
	return zb_div64(1000ull * (st->nr_free - (suitable << order)),
			st->nr_free);
}

/**
 * zb_extfrag_index() - why a request of an order would fail
 * @st: a snapshot
 * @order: the order that is wanted
 *
 * Return: in 1/1000: -1000 when it would not fail; else towards 0 it fails for
 * lack of memory, towards 1000 because memory is fragmented.
 */
int zb_extfrag_index(const struct zb_zone_stat *st, unsigned int order)
{
	unsigned long total, suitable;
	u64 lack;

	count_blocks(st, order, &total, &suitable);
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
 * zb_zone_mixed_blocks() - pageblocks that hold memory of another mobility
 * @zone: which
 * @nr: how many, by migrate type of the pageblock
 *
 * Looks at every frame; the lock is held for one pageblock at a time.
 *
 * Context: any but NMI; takes the zone lock.
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

/* The order of the free block that the whole pageblock at @i is part of. */
static int whole_order(const struct zb_zone *zone, unsigned long i)
{
	unsigned long pfn = zone->start_pfn + (i << ZB_PAGEBLOCK_ORDER);
	const struct zb_pageblock *pb = &zone->pageblocks[i];
	unsigned int order;

	if (!zb_pageblock_all_free(pb))
		return -1;
	for (order = ZB_PAGEBLOCK_ORDER; pb->largest_free == ZB_LIST_TAIL; order++)
		pb = zb_pfn_pageblock(zone, pfn & ~(BIT(order + 1) - 1));
	return pb->largest_free;
}

/**
 * zb_pageblock_snapshot() - look at some pageblocks
 * @zone: which zone
 * @first: number of the first pageblock, counted from the zone's start
 * @nr: how many; the lock is held for all of them, so keep it small
 * @st: one for each
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_pageblock_snapshot(struct zb_zone *zone, unsigned long first,
			   unsigned int nr, struct zb_pageblock_stat *st)
{
	const struct zb_pageblock *pb;
	unsigned int i, largest;
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < nr; i++) {
		pb = &zone->pageblocks[first + i];
		largest = zb_pageblock_largest(pb);
		st[i].migratetype = pb->migratetype;
		st[i].nr_free = pb->nr_free;
		st[i].largest = largest == ZB_LIST_NONE ? -1 : (s8)largest;
		st[i].whole_order = whole_order(zone, first + i);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* What the fast path counts by order only: it is always the CPU's own node. */
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
 * zb_zone_events() - how often something happened to a zone
 * @zone: which
 * @event: what
 *
 * Context: any.
 * Return: the count since load, as of some recent moment.
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

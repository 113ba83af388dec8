// SPDX-License-Identifier: GPL-2.0-only
/* What a pool consists of: its nodes, its zones, and the zone of a frame. */
#include "pool.h"

/**
 * zb_pool_too_small() - check whether a pool is too small to group by mobility
 * @nr_pages: frames of all zones
 *
 * A pool with fewer pageblocks than migrate types cannot keep mobilities in
 * separate pageblocks.
 *
 * Return: true if grouping by mobility should be disabled.
 */
bool zb_pool_too_small(unsigned long nr_pages)
{
	return nr_pages < ZB_PAGEBLOCK_NR * ZB_MIGRATE_TYPES;
}

/**
 * zb_pool_node() - find a node that has a region
 * @pool: the allocator
 * @nid: number of the NUMA node
 *
 * Return: the node, or NULL if it has no region.
 */
struct zb_node *zb_pool_node(const struct zb_pool *pool, int nid)
{
	unsigned int i;

	for (i = 0; i < pool->nr_nodes; i++)
		if (pool->nodes[i].nid == nid)
			return &pool->nodes[i];
	return NULL;
}

/**
 * zb_pool_known_node() - find a node, with or without a region
 * @pool: the allocator
 * @nid: number of the NUMA node
 *
 * Return: the node, or NULL if the allocator does not know it.
 */
struct zb_node *zb_pool_known_node(const struct zb_pool *pool, int nid)
{
	struct zb_node *node = zb_pool_node(pool, nid);
	unsigned int i;

	for (i = 0; !node && i < pool->nr_memoryless; i++)
		if (pool->memoryless[i].nid == nid)
			node = &pool->memoryless[i];
	return node;
}

/**
 * zb_pool_largest_zone() - find the zone with the most frames
 * @pool: the allocator, which has zones
 *
 * Return: the first one, if several zones are that large.
 */
struct zb_zone *zb_pool_largest_zone(const struct zb_pool *pool)
{
	struct zb_zone *zone, *largest = pool->zones;

	zb_for_each_zone(zone, pool)
		if (zone->nr_pages > largest->nr_pages)
			largest = zone;
	return largest;
}

/* Find the start of the lowest zone and the end of the highest one. */
static void pool_span(const struct zb_pool *pool, unsigned long *start,
		      unsigned long *end)
{
	const struct zb_zone *zone;

	*start = ~0ul;
	*end = 0;
	zb_for_each_zone(zone, pool) {
		if (zone->start_pfn < *start)
			*start = zone->start_pfn;
		if (zb_zone_end(zone) > *end)
			*end = zb_zone_end(zone);
	}
}

/**
 * zb_zone_map_size() - size of zb_pool.zone_map
 * @pool: the allocator, with its zones set up
 *
 * The map covers the gaps between regions too, so regions that are far apart
 * make it large.
 *
 * Return: bytes that zb_zone_map_init() needs.
 */
size_t zb_zone_map_size(const struct zb_pool *pool)
{
	unsigned long start, end;

	pool_span(pool, &start, &end);
	return (end - start) >> ZB_PAGEBLOCK_ORDER;
}

/**
 * zb_zone_map_init() - set up the map that zb_pfn_zone() looks frames up in
 * @pool: the allocator, with at most ZB_NO_ZONE zones
 * @map: zb_zone_map_size() bytes
 *
 * Without a map, zb_pfn_zone() searches the zones.
 */
void zb_zone_map_init(struct zb_pool *pool, u8 *map)
{
	unsigned long start, end, first;
	struct zb_zone *zone;

	pool_span(pool, &start, &end);
	pool->map_start = start;
	pool->map_size = (end - start) >> ZB_PAGEBLOCK_ORDER;
	memset(map, ZB_NO_ZONE, pool->map_size);
	zb_for_each_zone(zone, pool) {
		first = (zone->start_pfn - start) >> ZB_PAGEBLOCK_ORDER;
		memset(map + first, zone - pool->zones,
		       zb_zone_nr_pageblocks(zone));
	}
	pool->zone_map = map;
}

/**
 * zb_search_zone() - find the zone of a frame without the zone map
 * @pool: the allocator
 * @pfn: frame number, not necessarily of this pool
 *
 * Return: the zone, or NULL if the frame is not in the pool.
 */
struct zb_zone *zb_search_zone(const struct zb_pool *pool, unsigned long pfn)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (zb_zone_has(zone, pfn))
			return zone;
	return NULL;
}

/* --- use of per-CPU lists ------------------------------------------------ */

static unsigned int largest_listed(const struct zb_zone *zone)
{
	unsigned int order = ZB_PCP_ORDERS - 1;

	while (order && !zone->pcp_limit[order])
		order--;
	return order;
}

/**
 * __zb_zone_setup_fast() - apply limits of lists and watermarks of a zone to the fast path
 * @pool: the allocator
 * @zone: one of its zones
 *
 * The fast path uses a zone only for requests for which it is the highest zone
 * allowed on the node, so the reserve for the zone's own type is the one to keep.
 *
 * Context: zone lock held.
 */
void __zb_zone_setup_fast(const struct zb_pool *pool, struct zb_zone *zone)
{
	unsigned int order, mt, list, top;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_PCP_TYPES; mt++) {
			list = zb_pcp_list(order, mt);
			top = zb_pcp_start[list] + zone->pcp_limit[order];
			/* The slack only makes room for a gap: @pcp_high bounds the frames. */
			if (zone->pcp_limit[order] >= zone->pcp_high)
				top += ZB_PCP_SLACK(order);
			WRITE_ONCE(zone->fast_top[list],
				   mt < ZB_MIGRATE_PCPTYPES && !pool->ops->poison ?
				   top : 0);
		}
	zone->fast_wmark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]) +
			  READ_ONCE(zone->lowmem_reserve[zone->type]) +
			  BIT(largest_listed(zone));
	__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes);
}

/*
 * The number of CPUs that share the memory on lists: a power of two, so that the lists need not
 * become shorter with each CPU that begins to use them.
 */
static unsigned int nr_sharing(const struct zb_pool *pool, const struct zb_zone *zone)
{
	unsigned int nr = zone->nr_list_cpus, least = READ_ONCE(pool->nr_cpus);

	nr = nr > 1 ? 1u << fls64(nr - 1) : 1;
	return nr > least ? nr : least;
}

/**
 * __zb_zone_setup_lists() - compute the limits of the per-CPU lists of a zone
 * @pool: the allocator
 * @zone: one of its zones, whose watermarks are set
 *
 * Call __zb_zone_setup_fast() afterwards.
 *
 * Context: zone lock held.
 */
void __zb_zone_setup_lists(const struct zb_pool *pool, struct zb_zone *zone)
{
	zb_pcp_setup(zone, nr_sharing(pool, zone), READ_ONCE(pool->tunables.pcp_high_fraction));
}

/* Count a CPU that uses its lists, or with -1 one that stops to. */
static void count_list_cpu(const struct zb_pool *pool, struct zb_zone *zone, int nr)
{
	unsigned int before = nr_sharing(pool, zone);

	zone->nr_list_cpus += nr;
	if (nr_sharing(pool, zone) == before)
		return;
	__zb_zone_setup_lists(pool, zone);
	__zb_zone_setup_fast(pool, zone);
}

static bool any_list_too_long(const struct zb_zone *zone)
{
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		if (zb_pcp_nr_pages(zone, cpu) > READ_ONCE(zone->pcp_high))
			return true;
	return false;
}

/**
 * zb_begin_lists() - let this CPU use its lists of a zone, if it does not yet
 * @zone: the zone
 *
 * If lists have to be shorter from now on, and some are too long, all are drained, because a CPU
 * that does not free would keep what it has.
 *
 * Context: any but NMI; takes the zone lock.
 */
noinline void zb_begin_lists(struct zb_zone *zone)
{
	struct zb_pool *pool = zone->pool;
	bool shorter = false;
	struct zb_pcp *pcp;
	unsigned long flags;
	unsigned int high;

	zb_lock_irqsave(&zone->lock, flags);
	zb_cpu_pin();
	pcp = zb_this_cpu_ptr(zone->pcp);
	/* A CPU that is offline stays so until it is unparked. */
	if (READ_ONCE(pcp->parked) != ZB_PCP_OFFLINE && zb_read_own(pcp->busy) == ZB_PCP_UNUSED) {
		high = zone->pcp_high;
		count_list_cpu(pool, zone, 1);
		shorter = zone->pcp_high < high;
		WRITE_ONCE(pcp->busy, 0);
	}
	zb_cpu_unpin();
	zb_unlock_irqrestore(&zone->lock, flags);
	if (shorter && any_list_too_long(zone) && pool->ops->drain_later)
		pool->ops->drain_later(pool);
}

/**
 * zb_end_lists() - do not count a CPU any more that does not use its lists
 * @zone: zone of the lists
 * @cpu: any possible CPU; its lists are parked, a grace period has elapsed, and they are empty
 *
 * The lists of all others may be longer then. The CPU may use its lists again at any time.
 *
 * Context: any but NMI; one caller at a time; takes the zone lock.
 */
void zb_end_lists(struct zb_zone *zone, unsigned int cpu)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	if (READ_ONCE(pcp->busy) != ZB_PCP_UNUSED) {
		WRITE_ONCE(pcp->busy, ZB_PCP_UNUSED);
		count_list_cpu(zone->pool, zone, -1);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

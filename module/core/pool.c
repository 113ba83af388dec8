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

// SPDX-License-Identifier: GPL-2.0-only
#include "fast.h"

/* The zone that a request with these flags would try first, if it is here. */
static struct zb_zone *first_own_zone(const struct zb_node *node,
				      unsigned int highest)
{
	struct zb_zoneref *z = zb_next_zoneref(node->zonelist, highest);

	return z->zone && z->zone->nid == node->nid ? z->zone : NULL;
}

/*
 * Only marks change at run time. The rest is written once, for allocations that
 * are under way look at it: not even for a moment may it be another zone.
 */
static void set_target(struct zb_fast *fast, struct zb_zone *zone,
		       unsigned int mt)
{
	if (fast->zone == zone && fast->migratetype == mt)
		return;
	fast->zone = zone;
	fast->migratetype = mt;
	fast->state = ZB_STATE(ZB_HELD_MT(mt), 0);
}

static void setup_entry(const struct zb_pool *pool, const struct zb_node *node,
			unsigned int index, struct zb_fast *fast)
{
	unsigned int highest = 0, mt = ZB_MIGRATE_UNMOVABLE;
	struct zb_zone *zone = NULL;
	unsigned long mark = ~0ul;

	if (zb_gfp_valid(index)) {
		highest = zb_gfp_zone(index);
		zone = first_own_zone(node, highest);
		if (!pool->mobility_disabled)
			mt = zb_gfp_migratetype(index);
	}
	/* Where there is no short way, no amount of free memory is enough. */
	if (zone && !pool->ops->check && !pool->ops->freed)
		mark = zone->watermark[ZB_ALLOC_WMARK_LOW] +
		       zone->lowmem_reserve[highest] + BIT(ZB_PCP_LOW_ORDERS - 1);
	set_target(fast, zone ?: pool->zones, mt);
	WRITE_ONCE(fast->mark, mark);
}

/* Zones stay as they are: also written once. */
static void find_largest(struct zb_pool *pool)
{
	struct zb_zone *zone, *largest = pool->zones;

	zb_for_each_zone(zone, pool)
		if (zone->nr_pages > largest->nr_pages)
			largest = zone;
	if (pool->largest != largest)
		pool->largest = largest;
}

/**
 * zb_fast_setup() - build the tables of the short way
 * @pool: the allocator; its watermarks are set
 *
 * Context: any; one caller at a time. Allocations under way see old or new
 * marks.
 */
void zb_fast_setup(struct zb_pool *pool)
{
	unsigned int i, index;
	struct zb_zone *zone;

	find_largest(pool);
	zb_for_each_zone(zone, pool)
		for (i = 0; i < ZB_PCP_LOW_ORDERS; i++)
			WRITE_ONCE(zone->fast_limit[i],
				   pool->ops->freed ? 0 : zone->pcp_limit[i]);
	for (i = 0; i < pool->nr_nodes; i++)
		for (index = 0; index < ZB_NR_FAST; index++)
			setup_entry(pool, &pool->nodes[i], index,
				    &pool->nodes[i].fast[index]);
}

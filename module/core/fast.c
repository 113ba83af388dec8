// SPDX-License-Identifier: GPL-2.0-only
#include "fast.h"

/* The first zone of the zonelist, if it is on the node itself. */
static struct zb_zone *first_own_zone(const struct zb_node *node,
				      unsigned int highest)
{
	struct zb_zoneref *z = zb_next_zoneref(node->zonelist, highest);

	return z->zone && z->zone->nid == node->nid ? z->zone : NULL;
}

/*
 * Concurrent allocations read the entry without a lock, so never store a transient
 * zone in it. After initialization, this rewrites an entry only if it changed.
 */
static void set_entry(struct zb_fast *fast, struct zb_zone *zone,
		      unsigned int mt)
{
	if (fast->zone == zone && fast->migratetype == mt)
		return;
	fast->zone = zone;
	fast->migratetype = mt;
	fast->state = ZB_STATE(ZB_BLOCK_UNMOVABLE + mt, 0);
}

static void setup_entry(const struct zb_pool *pool, const struct zb_node *node,
			unsigned int index, struct zb_fast *fast)
{
	unsigned int mt = ZB_MIGRATE_UNMOVABLE;
	zb_gfp_t gfp = zb_gfp_from_bits(index);
	struct zb_zone *zone = NULL;

	if (zb_gfp_valid(gfp) && !pool->ops->check_poison && !pool->ops->poison) {
		zone = first_own_zone(node, zb_gfp_zone(gfp));
		mt = zb_pool_migratetype(pool, gfp);
	}
	set_entry(fast, zone ?: pool->zones, zone ? mt : ZB_PCP_NO_TYPE);
}

static unsigned int largest_listed(const struct zb_zone *zone)
{
	unsigned int order = ZB_PCP_ORDERS - 1;

	while (order && !zone->pcp_limit[order])
		order--;
	return order;
}

/*
 * The fast path uses a zone only for requests for which it is the highest zone
 * allowed on the node, so the reserve for the zone's own type is the one to keep.
 */
static void setup_zone(const struct zb_pool *pool, struct zb_zone *zone)
{
	unsigned int order, mt, list;
	unsigned long flags;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_PCP_TYPES; mt++) {
			list = zb_pcp_list(order, mt);
			WRITE_ONCE(zone->fast_top[list],
				   mt < ZB_MIGRATE_PCPTYPES && !pool->ops->poison ?
				   zb_pcp_start[list] + zone->pcp_limit[order] : 0);
		}
	zb_lock_irqsave(&zone->lock, flags);
	zone->fast_wmark = zone->watermark[ZB_ALLOC_WMARK_LOW] +
			  zone->lowmem_reserve[zone->type] +
			  BIT(largest_listed(zone));
	__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Concurrent frees read @largest. Zones never change, so it is stored once. */
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
 * zb_fast_setup() - build the tables of the fast path
 * @pool: the allocator; its watermarks are set
 *
 * Context: any but NMI; one caller at a time; takes the zone locks. Allocations
 * under way see old or new marks.
 */
void zb_fast_setup(struct zb_pool *pool)
{
	unsigned int i, index;
	struct zb_zone *zone;

	find_largest(pool);
	zb_for_each_zone(zone, pool)
		setup_zone(pool, zone);
	for (i = 0; i < pool->nr_nodes; i++)
		for (index = 0; index < ZB_NR_FAST; index++)
			setup_entry(pool, &pool->nodes[i], index,
				    &pool->nodes[i].fast[index]);
	for (i = 0; i < pool->nr_memoryless; i++)
		for (index = 0; index < ZB_NR_FAST; index++)
			setup_entry(pool, &pool->memoryless[i], index,
				    &pool->memoryless[i].fast[index]);
}

/**
 * zb_fast_memoryless_node() - disable the fast path for a node without memory
 * @pool: the allocator
 * @node: the node to set up
 */
void zb_fast_memoryless_node(struct zb_pool *pool, struct zb_node *node)
{
	unsigned int index;

	node->nid = pool->nodes->nid;
	for (index = 0; index < ZB_NR_FAST; index++)
		set_entry(&node->fast[index], pool->zones, ZB_PCP_NO_TYPE);
}

/**
 * zb_pool_tune() - apply the pool's tunables
 * @pool: the allocator, whose @tunables have been changed
 * @nr_cpus: number of CPUs that keep per-CPU lists
 *
 * Context: any; one caller at a time.
 */
void zb_pool_tune(struct zb_pool *pool, unsigned int nr_cpus)
{
	struct zb_zone *zone;

	zb_setup_watermarks(pool->zones, pool->nr_zones, &pool->tunables,
			    pool->page_shift);
	zb_for_each_zone(zone, pool)
		zb_pcp_setup(zone, nr_cpus, pool->tunables.pcp_high_fraction);
	zb_fast_setup(pool);
}

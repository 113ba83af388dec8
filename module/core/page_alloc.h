/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator: all zones of all nodes, and the way in.
 *
 *	zb_alloc_pages                 which zones, in which order
 *	  get_page_from_freelist       the first zone that has one
 *	    zb_rmqueue                 per-CPU list, or
 *	      __zb_rmqueue             own migrate type, or another's
 *	        __zb_rmqueue_smallest  the smallest order that will do
 */
#ifndef ZB_CORE_PAGE_ALLOC_H
#define ZB_CORE_PAGE_ALLOC_H

#include "gfp.h"
#include "pcp.h"
#include "zonelist.h"

struct zb_pool;

/**
 * struct zb_ops - what the allocator asks of its surroundings
 * @drain_all: have every CPU give back its per-CPU lists; may sleep
 */
struct zb_ops {
	void (*drain_all)(struct zb_pool *pool);
};

/**
 * struct zb_pool - an allocator
 * @nodes: nodes that have a region, by rising number
 * @nr_nodes: how many
 * @zones: all zones, node by node, by rising address in each
 * @nr_zones: how many
 * @max_order: the largest order that any zone can hold
 * @ops: see struct zb_ops
 */
struct zb_pool {
	struct zb_node *nodes;
	unsigned int nr_nodes;
	struct zb_zone *zones;
	unsigned int nr_zones;
	unsigned int max_order;
	const struct zb_ops *ops;
};

#define zb_for_each_zone(zone, pool)					\
	for (zone = (pool)->zones; zone < (pool)->zones + (pool)->nr_zones; \
	     zone++)

/* Why a free was refused. */
enum zb_bad_free {
	ZB_FREE_OK,
	ZB_FREE_OUTSIDE,	/* not in any zone */
	ZB_FREE_NOT_ALLOCATED,	/* free already, or inside of a block */
	ZB_FREE_WRONG_ORDER,	/* allocated with another order */
};

struct zb_node *zb_pool_node(const struct zb_pool *pool, int nid);
struct zb_zone *zb_pfn_zone(const struct zb_pool *pool, unsigned long pfn);
unsigned long zb_alloc_pages(struct zb_pool *pool, zb_gfp_t gfp,
			     unsigned int order, int nid);
enum zb_bad_free zb_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order);
unsigned long zb_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
			     unsigned long nr_pages, int nid);
enum zb_bad_free zb_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages);
unsigned int zb_exact_order(unsigned long nr_pages);

#endif /* ZB_CORE_PAGE_ALLOC_H */

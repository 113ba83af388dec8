// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creates an instance: acquires the regions, and builds a pool of the core on them.
 *
 * The core does not allocate the memory of its own data structures. This file allocates
 * it from the kernel, and tells the core the distances between nodes.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "../core/isolate.h"
#include "../core/layout.h"
#include "hotplug.h"
#include "instance.h"
#include "ops.h"

struct zb_instance *zb_instance;

static void destroy_zone(struct zb_zone *zone)
{
	free_percpu(zone->pcp);
	vfree(zone->state);
	vfree(zone->pageblocks);
}

static int create_zone(struct zb_zone *zone, const struct zb_span *span,
		       int nid, struct zb_pool *pool)
{
	zone->start_pfn = span->start_pfn;
	zone->nr_pages = span->nr_pages;
	zone->type = span->type;
	zone->nid = nid;
	zone->pool = pool;
	zone->frame_ops = &zb_frame_ops;
	zone->max_order = pool->max_order;
	zone->default_migratetype = pool->mobility_disabled ? ZB_MIGRATE_UNMOVABLE :
						    ZB_MIGRATE_MOVABLE;
	/* struct zb_pageblock is cache line aligned, and vmalloc() memory page aligned. */
	zone->pageblocks = vmalloc_node(zb_zone_pageblocks_size(span->nr_pages),
					nid);
	zone->state = vzalloc_node(zb_zone_state_size(span->nr_pages), nid);
	zone->pcp = alloc_percpu(struct zb_pcp);
	if (!zone->pageblocks || !zone->state || !zone->pcp) {
		destroy_zone(zone);
		return -ENOMEM;
	}
	zb_zone_init(zone);
	zb_pcp_init(zone);
	return 0;
}

static void destroy_zones(struct zb_pool *pool)
{
	while (pool->nr_zones)
		destroy_zone(&pool->zones[--pool->nr_zones]);
	kfree(pool->zones);
}

struct region_layout {
	struct zb_span span[ZB_NR_ZONES];
	unsigned int nr;
};

/* Divide every region into zones, and find the largest order that fits in any zone. */
static int layout_regions(struct zb_instance *inst, const struct zb_params *params,
			  struct region_layout *layout)
{
	struct zb_region *region;
	unsigned int i, order;
	const char *why;

	inst->pool.max_order = ZB_PAGEBLOCK_ORDER;
	for (i = 0; i < inst->nr_regions; i++, layout++) {
		region = &inst->regions[i];
		why = zb_layout(params->zones, PAGE_SHIFT, region->start_pfn,
				region->nr_pages, layout->span, &layout->nr);
		if (why) {
			pr_err("zones=%s: %s\n", params->zones, why);
			return -EINVAL;
		}
		order = zb_layout_max_order(layout->span, layout->nr,
					    params->max_order);
		inst->pool.max_order = max(inst->pool.max_order, order);
	}
	if (params->max_order_given && inst->pool.max_order < params->max_order) {
		pr_err("max_order=%u: the largest block that fits in a zone has order %u: increase size= or the size of the zone\n",
		       params->max_order, inst->pool.max_order);
		return -EINVAL;
	}
	return 0;
}

static int create_zones(struct zb_instance *inst, const struct zb_params *params)
{
	unsigned int i, k, nr = inst->nr_regions;
	struct zb_pool *pool = &inst->pool;
	struct region_layout *layout;
	int err = -ENOMEM;

	layout = kcalloc(nr, sizeof(*layout), GFP_KERNEL);
	pool->zones = kcalloc(nr * ZB_NR_ZONES, sizeof(*pool->zones), GFP_KERNEL);
	if (!layout || !pool->zones)
		goto out;
	err = layout_regions(inst, params, layout);
	for (i = 0; !err && i < nr; i++)
		for (k = 0; !err && k < layout[i].nr; k++) {
			err = create_zone(&pool->zones[pool->nr_zones],
					  &layout[i].span[k],
					  inst->regions[i].nid, pool);
			pool->nr_zones += !err;
		}
out:
	if (err)
		destroy_zones(pool);
	kfree(layout);
	return err;
}

static int kernel_node_distance(int from, int to)
{
	return node_distance(from, to);
}

/* The map grows with the distance of the regions. A pool whose map would be larger has none. */
#define MAX_MAP_SIZE	SZ_16M

static int create_maps(struct zb_instance *inst)
{
	struct zb_pool *pool = &inst->pool;
	size_t size = zb_zone_map_size(pool);

	if (size > MAX_MAP_SIZE || pool->nr_zones > ZB_NO_ZONE)
		return 0;
	inst->zone_map = vmalloc(size);
	if (!inst->zone_map)
		return -ENOMEM;
	zb_zone_map_init(pool, inst->zone_map);
	return 0;
}

static void destroy_maps(struct zb_instance *inst)
{
	vfree(inst->zone_map);
}

static void destroy_nodes(struct zb_pool *pool)
{
	while (pool->nr_memoryless)
		kfree(pool->memoryless[--pool->nr_memoryless].zonelist);
	while (pool->nr_nodes)
		kfree(pool->nodes[--pool->nr_nodes].zonelist);
	kfree(pool->nodes);
}

/*
 * noinline, so that there is a single call of kcalloc(), which the tests can make fail
 * even on a machine without memoryless nodes.
 */
static noinline int zb_node_create(struct zb_pool *pool, struct zb_node *node, int nid)
{
	node->nid = nid;
	node->zonelist = kcalloc(pool->nr_zones + 1, sizeof(*node->zonelist),
				 GFP_KERNEL);
	if (!node->zonelist)
		return -ENOMEM;
	zb_node_init(node, pool->zones, pool->nr_zones, kernel_node_distance);
	return 0;
}

/*
 * Nodes without a region need a zonelist as well: requests may name them, and CPUs
 * may belong to them.
 */
static int create_memoryless(struct zb_pool *pool)
{
	int nid, err;

	pool->memoryless = pool->nodes + pool->nr_nodes;
	for_each_node(nid) {
		if (zb_pool_node(pool, nid))
			continue;
		err = zb_node_create(pool, &pool->memoryless[pool->nr_memoryless],
				     nid);
		if (err)
			return err;
		pool->nr_memoryless++;
	}
	return 0;
}

static int create_nodes(struct zb_instance *inst)
{
	struct zb_pool *pool = &inst->pool;
	unsigned int i;
	int err = 0;

	pool->nodes = kcalloc(inst->nr_regions + num_possible_nodes(),
			      sizeof(*pool->nodes), GFP_KERNEL);
	if (!pool->nodes)
		return -ENOMEM;
	for (i = 0; !err && i < inst->nr_regions; i++) {
		err = zb_node_create(pool, &pool->nodes[i], inst->regions[i].nid);
		pool->nr_nodes += !err;
	}
	if (!err)
		err = create_memoryless(pool);
	if (err)
		destroy_nodes(pool);
	return err;
}

static void release_regions(struct zb_instance *inst)
{
	while (inst->nr_regions)
		zb_region_release(&inst->regions[--inst->nr_regions]);
	kfree(inst->regions);
}

static int acquire_regions(struct zb_instance *inst, const struct zb_params *params)
{
	const struct zb_region_spec *spec;
	struct zb_region *region;
	unsigned int i, align;
	int err;

	inst->regions = kcalloc(params->nr_regions, sizeof(*inst->regions),
				GFP_KERNEL);
	if (!inst->regions)
		return -ENOMEM;
	for (i = 0; i < params->nr_regions; i++) {
		spec = &params->regions[i];
		region = &inst->regions[i];
		align = min_t(unsigned int, ilog2(spec->nr_pages),
			      params->max_order);
		err = zb_region_acquire(region, params->backend, spec->nid,
					spec->nr_pages, align,
					ZB_PAGEBLOCK_ORDER);
		if (err) {
			release_regions(inst);
			return err;
		}
		inst->nr_regions++;
		inst->total_pages += region->nr_pages;
		inst->in_cma |= region->in_cma;
	}
	return 0;
}

static void log_region(const struct zb_instance *inst, const struct zb_region *region)
{
	const struct zb_zone *zone;
	char zones[160];
	int len = 0;

	zones[0] = '\0';
	zb_for_each_zone(zone, &inst->pool)
		if (zone->nid == region->nid)
			len += scnprintf(zones + len, sizeof(zones) - len,
					 " %s %lu MiB", zb_zone_names[zone->type],
					 zone->nr_pages >> (20 - PAGE_SHIFT));
	pr_info("node %d: %lu MiB from %s (%s), max order %u, zones%s\n",
		region->nid, region->nr_pages >> (20 - PAGE_SHIFT),
		region->backend->name, region->source,
		inst->pool.max_order, zones);
}

static int check_cma(const struct zb_instance *inst, unsigned long nr_pages)
{
	unsigned long max = zb_pool_largest_zone(&inst->pool)->nr_pages;

	if (nr_pages <= max)
		return 0;
	pr_err("cma_pages=%lu: must be a number from 0 to %lu, the size of the largest zone in pages\n",
	       nr_pages, max);
	return -EINVAL;
}

/*
 * Mark the last pageblocks of the largest zone as CMA, because the allocator uses
 * these last.
 */
static void mark_cma(struct zb_instance *inst, unsigned long nr_pages)
{
	const struct zb_zone *largest = zb_pool_largest_zone(&inst->pool);
	unsigned long pfn, nr = ALIGN(nr_pages, ZB_PAGEBLOCK_NR);

	for (pfn = zb_zone_end(largest) - nr; pfn < zb_zone_end(largest);
	     pfn += ZB_PAGEBLOCK_NR)
		zb_pool_set_migratetype(&inst->pool, pfn, ZB_MIGRATE_CMA);
	if (nr)
		pr_info("node %d zone %s: %lu MiB are reserved for movable allocations\n",
			largest->nid, zb_zone_names[largest->type],
			nr >> (20 - PAGE_SHIFT));
}

/*
 * Without grouping by mobility every request counts as unmovable, and unmovable
 * requests can't use CMA pageblocks, so the two can't be combined.
 */
static int set_mobility(struct zb_instance *inst, const struct zb_params *params)
{
	unsigned long kbytes = ZB_PAGEBLOCK_NR * ZB_MIGRATE_TYPES << (PAGE_SHIFT - 10);

	inst->pool.mobility_disabled = zb_pool_too_small(inst->total_pages);
	if (!inst->pool.mobility_disabled)
		return 0;
	if (params->cma_pages) {
		pr_err("cma_pages=%lu: memory smaller than %lu KiB is not grouped by mobility, so no request could use these pages: increase size= or omit cma_pages=\n",
		       params->cma_pages, kbytes);
		return -EINVAL;
	}
	pr_info("memory smaller than %lu KiB is not grouped by mobility\n", kbytes);
	return 0;
}

static void poison_regions(const struct zb_instance *inst)
{
	unsigned long i, k;

	for (i = 0; i < inst->nr_regions; i++)
		for (k = 0; k < inst->regions[i].nr_pages; k++) {
			zb_poison(inst->regions[i].start_pfn + k, 1);
			cond_resched();
		}
}

/* The parts that neither fail nor have to be undone. */
static void init_instance(struct zb_instance *inst, const struct zb_params *params)
{
	init_waitqueue_head(&inst->free_wait);
	init_waitqueue_head(&inst->zero_wait);
	mutex_init(&inst->resize_lock);
	zb_frames_init(inst);
	zb_ops_init(&inst->ops, params->poison);
	zb_drain_ops(&inst->ops);
	inst->pool.ops = &inst->ops;
	inst->pool.page_shift = PAGE_SHIFT;
}

/* Acquire the regions, and describe them by zones and nodes. */
static int create_pool(struct zb_instance *inst, const struct zb_params *params)
{
	int err = acquire_regions(inst, params);

	if (err)
		return err;
	err = set_mobility(inst, params) ?: create_zones(inst, params);
	if (err)
		goto release_regions;
	err = check_cma(inst, params->cma_pages) ?: create_nodes(inst);
	if (err)
		goto destroy_zones;
	zb_fast_memoryless_node(&inst->pool, &inst->memoryless_node);
	return 0;

destroy_zones:
	destroy_zones(&inst->pool);
release_regions:
	release_regions(inst);
	return err;
}

static void destroy_pool(struct zb_instance *inst)
{
	destroy_nodes(&inst->pool);
	destroy_zones(&inst->pool);
	release_regions(inst);
}

/**
 * zb_instance_create() - take memory from the kernel and build the allocator on it
 * @params: parsed module parameters
 *
 * Context: may sleep; takes seconds if the kernel has to migrate pages away.
 * Return: the instance, or an ERR_PTR. On failure, all memory has been returned, and the
 * log explains what to do.
 */
struct zb_instance *zb_instance_create(const struct zb_params *params)
{
	struct zb_instance *inst = kzalloc(sizeof(*inst), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!inst)
		return ERR_PTR(-ENOMEM);
	init_instance(inst, params);
	err = create_pool(inst, params);
	if (err)
		goto free_inst;
	err = create_maps(inst);
	if (err)
		goto destroy_pool;
	zb_drain_create(inst);
	err = zb_hotplug_add(inst);
	if (err)
		goto destroy_drain;
	for (i = 0; i < inst->nr_regions; i++)
		log_region(inst, &inst->regions[i]);
	mark_cma(inst, params->cma_pages);
	if (params->poison)
		poison_regions(inst);
	return inst;

destroy_drain:
	zb_drain_destroy(inst);
	destroy_maps(inst);
destroy_pool:
	destroy_pool(inst);
free_inst:
	kfree(inst);
	return ERR_PTR(err);
}

/* Returns the number of allocated frames on a node; those kept out of use do not count. */
static unsigned long nr_held_pages(const struct zb_instance *inst, int nid)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &inst->pool)
		if (zone->nid == nid)
			nr += zone->nr_pages - READ_ONCE(zone->nr_free) -
			      zb_zone_nr_cached(zone) - READ_ONCE(zone->nr_bad);
	return nr;
}

/*
 * Do not return regions with pages that a module has not freed: the pages would have
 * two owners.
 */
static void abandon_held_regions(struct zb_instance *inst)
{
	struct zb_region *region;
	unsigned long nr;
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++) {
		region = &inst->regions[i];
		nr = nr_held_pages(inst, region->nid);
		if (nr)
			zb_region_abandon(region, nr);
	}
}

/**
 * zb_instance_destroy() - destroy the allocator and give its memory back to the kernel
 * @inst: the instance; no CPU uses it any more
 *
 * A region with pages that a module has never freed is not given back: it is lost
 * until the next boot.
 *
 * Context: may sleep.
 */
void zb_instance_destroy(struct zb_instance *inst)
{
	zb_instance_drain_all(inst);
	abandon_held_regions(inst);
	zb_hotplug_remove(inst);
	zb_drain_destroy(inst);
	zb_frames_exit(inst);
	destroy_maps(inst);
	destroy_pool(inst);
	kfree(inst);
}

/**
 * zb_instance_free_pages() - count the free frames of all nodes
 * @inst: the instance
 *
 * Context: any.
 * Return: number of frames in buddy lists and per-CPU lists; it may be outdated
 * when the function returns.
 */
unsigned long zb_instance_free_pages(const struct zb_instance *inst)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &inst->pool)
		nr += READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone);
	return nr;
}

/**
 * zb_instance_above_low() - check for a zone above its low watermark
 * @inst: the instance
 *
 * Context: any.
 * Return: true if some zone has more free frames than its low watermark.
 */
bool zb_instance_above_low(const struct zb_instance *inst)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		if (READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone) >
		    READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]))
			return true;
	return false;
}

/**
 * zb_instance_account_dirty() - update the number of dirty frames of a node
 * @inst: the instance
 * @nid: a node that has a region
 * @nr_pages: frames to add; negative to subtract
 *
 * Context: any.
 */
void zb_instance_account_dirty(struct zb_instance *inst, int nid, long nr_pages)
{
	struct zb_node *node = zb_pool_node(&inst->pool, nid);

	if (node)
		atomic_long_add(nr_pages, &node->nr_dirty);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * From regions to a pool, and back.
 *
 * The core asks its caller for memory, for CPUs (drain.c) and for distances;
 * here they are the kernel's.
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
#include "host.h"
#include "ops.h"

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
	zone->home_type = pool->mobility_disabled ? ZB_MIGRATE_UNMOVABLE :
						    ZB_MIGRATE_MOVABLE;
	/* vmalloc memory is page aligned, as cache lines want it. */
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

struct layout {
	struct zb_span span[ZB_NR_ZONES];
	unsigned int nr;
};

/* Cut every region into zones; all of them merge up to the same order. */
static int layout_regions(struct zb_host *host, const struct zb_params *params,
			  struct layout *layout)
{
	struct zb_region *region;
	unsigned int i, order;
	const char *why;

	host->pool.max_order = ZB_PAGEBLOCK_ORDER;
	for (i = 0; i < host->nr_regions; i++, layout++) {
		region = &host->regions[i];
		why = zb_layout(params->zones, PAGE_SHIFT, region->start_pfn,
				region->nr_pages, layout->span, &layout->nr);
		if (why) {
			pr_err("%s (it was zones=%s)\n", why, params->zones);
			return -EINVAL;
		}
		order = zb_layout_max_order(layout->span, layout->nr,
					    params->max_order);
		host->pool.max_order = max(host->pool.max_order, order);
	}
	if (params->max_order_given && host->pool.max_order < params->max_order) {
		pr_err("max_order=%u: the largest block that fits a zone is of order %u: make size= or the zone larger\n",
		       params->max_order, host->pool.max_order);
		return -EINVAL;
	}
	return 0;
}

static int create_zones(struct zb_host *host, const struct zb_params *params)
{
	unsigned int i, k, nr = host->nr_regions;
	struct zb_pool *pool = &host->pool;
	struct layout *layout;
	int err = -ENOMEM;

	layout = kcalloc(nr, sizeof(*layout), GFP_KERNEL);
	pool->zones = kcalloc(nr * ZB_NR_ZONES, sizeof(*pool->zones), GFP_KERNEL);
	if (!layout || !pool->zones)
		goto out;
	err = layout_regions(host, params, layout);
	for (i = 0; !err && i < nr; i++)
		for (k = 0; !err && k < layout[i].nr; k++) {
			err = create_zone(&pool->zones[pool->nr_zones],
					  &layout[i].span[k],
					  host->regions[i].nid, pool);
			pool->nr_zones += !err;
		}
out:
	if (err)
		destroy_zones(pool);
	kfree(layout);
	return err;
}

static int distance(int from, int to)
{
	return node_distance(from, to);
}

/* Beyond this a map would cost more than it gains: regions far apart. */
#define MAX_MAP_SIZE	SZ_16M

static int create_maps(struct zb_host *host)
{
	struct zb_pool *pool = &host->pool;
	size_t size = zb_zone_map_size(pool);

	if (size > MAX_MAP_SIZE || pool->nr_zones > ZB_NO_ZONE)
		return 0;
	host->zone_map = vmalloc(size);
	if (!host->zone_map)
		return -ENOMEM;
	zb_zone_map_init(pool, host->zone_map);
	return 0;
}

static void destroy_maps(struct zb_host *host)
{
	vfree(host->zone_map);
}

static void destroy_nodes(struct zb_pool *pool)
{
	while (pool->nr_memoryless)
		kfree(pool->memoryless[--pool->nr_memoryless].zonelist);
	while (pool->nr_nodes)
		kfree(pool->nodes[--pool->nr_nodes].zonelist);
	kfree(pool->nodes);
}

/* One copy, so that its allocation can be made to fail on a machine without such nodes. */
static noinline int zb_node_create(struct zb_pool *pool, struct zb_node *node, int nid)
{
	node->nid = nid;
	node->zonelist = kcalloc(pool->nr_zones + 1, sizeof(*node->zonelist),
				 GFP_KERNEL);
	if (!node->zonelist)
		return -ENOMEM;
	zb_node_init(node, pool->zones, pool->nr_zones, distance);
	return 0;
}

/* Requests may name these nodes, and CPUs may belong to them. */
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

static int create_nodes(struct zb_host *host)
{
	struct zb_pool *pool = &host->pool;
	unsigned int i;
	int err = 0;

	pool->nodes = kcalloc(host->nr_regions + num_possible_nodes(),
			      sizeof(*pool->nodes), GFP_KERNEL);
	if (!pool->nodes)
		return -ENOMEM;
	for (i = 0; !err && i < host->nr_regions; i++) {
		err = zb_node_create(pool, &pool->nodes[i], host->regions[i].nid);
		pool->nr_nodes += !err;
	}
	if (!err)
		err = create_memoryless(pool);
	if (err)
		destroy_nodes(pool);
	return err;
}

static void release_regions(struct zb_host *host)
{
	while (host->nr_regions)
		zb_region_release(&host->regions[--host->nr_regions]);
	kfree(host->regions);
}

static int acquire_regions(struct zb_host *host, const struct zb_params *params)
{
	const struct zb_request *want;
	struct zb_region *region;
	unsigned int i, align;
	int err;

	host->regions = kcalloc(params->nr_requests, sizeof(*host->regions),
				GFP_KERNEL);
	if (!host->regions)
		return -ENOMEM;
	for (i = 0; i < params->nr_requests; i++) {
		want = &params->requests[i];
		region = &host->regions[i];
		align = min_t(unsigned int, ilog2(want->nr_pages),
			      params->max_order);
		err = zb_region_acquire(region, params->backend, want->nid,
					want->nr_pages, align,
					ZB_PAGEBLOCK_ORDER);
		if (err) {
			release_regions(host);
			return err;
		}
		host->nr_regions++;
		host->total_pages += region->nr_pages;
		host->in_cma |= region->in_cma;
	}
	return 0;
}

static void log_region(const struct zb_host *host, const struct zb_region *region)
{
	const struct zb_zone *zone;
	char zones[160];
	int len = 0;

	zones[0] = '\0';
	zb_for_each_zone(zone, &host->pool)
		if (zone->nid == region->nid)
			len += scnprintf(zones + len, sizeof(zones) - len,
					 " %s %lu MiB", zb_zone_names[zone->type],
					 zone->nr_pages >> (20 - PAGE_SHIFT));
	pr_info("node %d: %lu MiB from %s (%s), max order %u, zones%s\n",
		region->nid, region->nr_pages >> (20 - PAGE_SHIFT),
		region->backend->name, region->source,
		host->pool.max_order, zones);
}

/* The last pageblocks of the largest zone: what is used last. */
static void mark_cma(struct zb_host *host, unsigned long nr_pages)
{
	struct zb_zone *zone, *largest = host->pool.zones;
	unsigned long pfn, nr;

	zb_for_each_zone(zone, &host->pool)
		if (zone->nr_pages > largest->nr_pages)
			largest = zone;
	nr = ALIGN(min(nr_pages, largest->nr_pages), ZB_PAGEBLOCK_NR);
	for (pfn = zb_zone_end(largest) - nr; pfn < zb_zone_end(largest);
	     pfn += ZB_PAGEBLOCK_NR)
		zb_pool_set_migratetype(&host->pool, pfn, ZB_MIGRATE_CMA);
	if (nr)
		pr_info("%lu MiB of node %d zone %s are for movable memory only\n",
			nr >> (20 - PAGE_SHIFT), largest->nid,
			zb_zone_names[largest->type]);
}

/*
 * In a pool that is not grouped by mobility every request counts as unmovable,
 * so nobody could use a CMA pageblock.
 */
static int set_mobility(struct zb_host *host, const struct zb_params *params)
{
	unsigned long kbytes = ZB_PAGEBLOCK_NR * ZB_MIGRATE_TYPES << (PAGE_SHIFT - 10);

	host->pool.mobility_disabled = zb_pool_too_small(host->total_pages);
	if (!host->pool.mobility_disabled)
		return 0;
	if (params->cma_pages) {
		pr_err("cma_pages=%lu: memory of less than %lu KiB is not grouped by mobility, so nothing could use such pages: make size= larger, or leave cma_pages= out\n",
		       params->cma_pages, kbytes);
		return -EINVAL;
	}
	pr_info("less than %lu KiB: memory is not grouped by mobility\n", kbytes);
	return 0;
}

static void poison_regions(const struct zb_host *host)
{
	unsigned long i, k;

	for (i = 0; i < host->nr_regions; i++)
		for (k = 0; k < host->regions[i].nr_pages; k++) {
			zb_poison(host->regions[i].start_pfn + k, 1);
			cond_resched();
		}
}

/**
 * zb_host_create() - take the memory and build the allocator
 * @params: what is wanted
 *
 * Context: may sleep, and take seconds when memory has to be migrated away.
 * Return: the host, or an ERR_PTR with everything given back and a line in the
 * log that names the cure.
 */
struct zb_host *zb_host_create(const struct zb_params *params)
{
	struct zb_host *host = kzalloc(sizeof(*host), GFP_KERNEL);
	unsigned int i;
	int err = -ENOMEM;

	if (!host)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&host->freed);
	zb_frames_init(host);
	zb_ops_init(&host->ops, params->poison);
	zb_drain_ops(&host->ops);
	host->pool.ops = &host->ops;
	host->pool.page_shift = PAGE_SHIFT;
	err = acquire_regions(host, params);
	if (err)
		goto free_host;
	err = set_mobility(host, params);
	if (err)
		goto release_regions;
	err = create_zones(host, params);
	if (err)
		goto release_regions;
	err = create_nodes(host);
	if (err)
		goto destroy_zones;
	zb_fast_nowhere(&host->pool, &host->nowhere);
	err = create_maps(host);
	if (err)
		goto destroy_nodes;
	err = zb_drain_create(host);
	if (err)
		goto destroy_maps;
	for (i = 0; i < host->nr_regions; i++)
		log_region(host, &host->regions[i]);
	mark_cma(host, params->cma_pages);
	if (params->poison)
		poison_regions(host);
	return host;

destroy_maps:
	destroy_maps(host);
destroy_nodes:
	destroy_nodes(&host->pool);
destroy_zones:
	destroy_zones(&host->pool);
release_regions:
	release_regions(host);
free_host:
	kfree(host);
	return ERR_PTR(err);
}

/* Frames of a node that somebody holds; those kept out of use are not among them. */
static unsigned long nr_held_pages(const struct zb_host *host, int nid)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &host->pool)
		if (zone->nid == nid)
			nr += zone->nr_pages - READ_ONCE(zone->nr_free) -
			      zb_zone_nr_cached(zone) - READ_ONCE(zone->nr_bad);
	return nr;
}

/* Another module still uses pages there: nobody else may ever get them. */
static void keep_held_regions(struct zb_host *host)
{
	struct zb_region *region;
	unsigned int i;

	for (i = 0; i < host->nr_regions; i++) {
		region = &host->regions[i];
		zb_region_keep(region, nr_held_pages(host, region->nid));
	}
}

/**
 * zb_host_destroy() - give everything back
 * @host: nobody uses it any more, and no page of it is pinned
 *
 * A region of which another module still holds pages is not given back: it is lost
 * until the next boot.
 *
 * Context: may sleep.
 */
void zb_host_destroy(struct zb_host *host)
{
	zb_host_drain_all(host);
	keep_held_regions(host);
	zb_drain_destroy(host);
	zb_frames_exit(host);
	destroy_maps(host);
	destroy_nodes(&host->pool);
	destroy_zones(&host->pool);
	release_regions(host);
	kfree(host);
}

/**
 * zb_host_free_pages() - what is free on all nodes
 * @host: the host
 *
 * Context: any.
 * Return: frames in buddy lists and per-CPU lists, as of some recent moment.
 */
unsigned long zb_host_free_pages(const struct zb_host *host)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &host->pool)
		nr += READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone);
	return nr;
}

/**
 * zb_host_above_low() - is there memory to be had without taking reserves?
 * @host: the host
 *
 * Context: any.
 * Return: true if some zone has more free than its low watermark.
 */
bool zb_host_above_low(const struct zb_host *host)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &host->pool)
		if (READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone) >
		    READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]))
			return true;
	return false;
}

/**
 * zb_host_account_dirty() - memory is dirty, or is not any more
 * @host: the host
 * @nid: a node that has a region
 * @nr_pages: frames more, or less
 *
 * Context: any.
 */
void zb_host_account_dirty(struct zb_host *host, int nid, long nr_pages)
{
	struct zb_node *node = zb_pool_node(&host->pool, nid);

	if (node)
		atomic_long_add(nr_pages, &node->nr_dirty);
}

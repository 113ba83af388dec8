// SPDX-License-Identifier: GPL-2.0-only
/*
 * From regions to a pool, and back.
 *
 * The core asks its caller for memory, for CPUs and for distances; here they
 * are the kernel's. Per-CPU lists are drained by a work item on the CPU that
 * owns them, sent only where there is something to give, and by a CPU that is
 * being taken offline. What an interrupt leaves behind on it after that is
 * found by the next drain: nobody else is there any more.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "core/layout.h"
#include "host.h"

struct zb_drain {
	struct work_struct work;
	struct zb_host *host;
};

static enum cpuhp_state cpuhp_drain;

static void drain_cpu(struct zb_host *host, unsigned int cpu)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &host->pool)
		zb_pcp_drain(zone, cpu);
}

static void drain_work(struct work_struct *work)
{
	struct zb_drain *drain = container_of(work, struct zb_drain, work);

	drain_cpu(drain->host, smp_processor_id());
}

static bool has_cached(const struct zb_host *host, unsigned int cpu)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &host->pool)
		if (zb_pcp_nr_pages(zone, cpu))
			return true;
	return false;
}

static void drain_all(struct zb_pool *pool)
{
	struct zb_host *host = container_of(pool, struct zb_host, pool);
	unsigned int cpu;

	/* With hotplug held off each work item runs where it was sent. */
	cpus_read_lock();
	mutex_lock(&host->drain_lock);
	for_each_possible_cpu(cpu) {
		if (!has_cached(host, cpu))
			continue;
		if (cpu_online(cpu))
			schedule_work_on(cpu, &per_cpu_ptr(host->drain, cpu)->work);
		else
			drain_cpu(host, cpu);
	}
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(host->drain, cpu)->work);
	mutex_unlock(&host->drain_lock);
	cpus_read_unlock();
}

static const struct zb_ops ops = {
	.drain_all = drain_all,
};

static int cpu_offline(unsigned int cpu, struct hlist_node *node)
{
	drain_cpu(hlist_entry(node, struct zb_host, cpuhp), cpu);
	return 0;
}

static int create_drain(struct zb_host *host)
{
	struct zb_drain *drain;
	unsigned int cpu;

	mutex_init(&host->drain_lock);
	host->drain = alloc_percpu(struct zb_drain);
	if (!host->drain)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		drain = per_cpu_ptr(host->drain, cpu);
		drain->host = host;
		INIT_WORK(&drain->work, drain_work);
	}
	return 0;
}

static void destroy_zone(struct zb_zone *zone)
{
	free_percpu(zone->pcp);
	vfree(zone->state);
	vfree(zone->pageblocks);
}

static int create_zone(struct zb_zone *zone, const struct zb_span *span,
		       int nid, unsigned int max_order)
{
	zone->start_pfn = span->start_pfn;
	zone->nr_pages = span->nr_pages;
	zone->type = span->type;
	zone->nid = nid;
	zone->max_order = max_order;
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
					  host->regions[i].nid, pool->max_order);
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

static void destroy_nodes(struct zb_pool *pool)
{
	while (pool->nr_nodes)
		kfree(pool->nodes[--pool->nr_nodes].zonelist);
	kfree(pool->nodes);
}

static int create_nodes(struct zb_host *host)
{
	struct zb_pool *pool = &host->pool;
	struct zb_node *node;
	unsigned int i;

	pool->nodes = kcalloc(host->nr_regions, sizeof(*pool->nodes), GFP_KERNEL);
	if (!pool->nodes)
		return -ENOMEM;
	for (i = 0; i < host->nr_regions; i++) {
		node = &pool->nodes[i];
		node->nid = host->regions[i].nid;
		node->zonelist = kcalloc(pool->nr_zones + 1,
					 sizeof(*node->zonelist), GFP_KERNEL);
		if (!node->zonelist) {
			destroy_nodes(pool);
			return -ENOMEM;
		}
		pool->nr_nodes++;
		zb_node_init(node, pool->zones, pool->nr_zones, distance);
	}
	return 0;
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
	phys_addr_t start = PFN_PHYS(region->start_pfn);
	phys_addr_t end = PFN_PHYS(region->start_pfn + region->nr_pages) - 1;
	char zones[160];
	int len = 0;

	zones[0] = '\0';
	zb_for_each_zone(zone, &host->pool)
		if (zone->nid == region->nid)
			len += scnprintf(zones + len, sizeof(zones) - len,
					 " %s %lu MiB", zb_zone_names[zone->type],
					 zone->nr_pages >> (20 - PAGE_SHIFT));
	pr_info("node %d: %lu MiB from %s (%s) at %pa-%pa, max order %u, zones%s\n",
		region->nid, region->nr_pages >> (20 - PAGE_SHIFT),
		region->backend->name, region->source, &start, &end,
		host->pool.max_order, zones);
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
	host->pool.ops = &ops;
	err = acquire_regions(host, params);
	if (err)
		goto free_host;
	err = create_zones(host, params);
	if (err)
		goto release_regions;
	err = create_nodes(host);
	if (err)
		goto destroy_zones;
	err = create_drain(host);
	if (err)
		goto destroy_nodes;
	err = cpuhp_state_add_instance_nocalls(cpuhp_drain, &host->cpuhp);
	if (err)
		goto free_drain;
	for (i = 0; i < host->nr_regions; i++)
		log_region(host, &host->regions[i]);
	return host;

free_drain:
	free_percpu(host->drain);
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

/**
 * zb_host_destroy() - give everything back
 * @host: nobody uses it any more, and no page of it is pinned
 *
 * Context: may sleep.
 */
void zb_host_destroy(struct zb_host *host)
{
	drain_all(&host->pool);
	WARN_ONCE(zb_host_free_pages(host) != host->total_pages,
		  "zbuddy: %lu pages are still allocated at unload\n",
		  host->total_pages - zb_host_free_pages(host));
	cpuhp_state_remove_instance_nocalls(cpuhp_drain, &host->cpuhp);
	free_percpu(host->drain);
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
 * zb_host_local_node() - the node that is nearest to the calling CPU
 * @host: the host
 *
 * Context: any; the answer is a preference if the caller can be moved.
 * Return: a node that has a region.
 */
int zb_host_local_node(const struct zb_host *host)
{
	int nid, here = numa_mem_id(), best = host->pool.nodes[0].nid;
	unsigned int i;

	for (i = 0; i < host->pool.nr_nodes; i++) {
		nid = host->pool.nodes[i].nid;
		if (node_distance(here, nid) < node_distance(here, best))
			best = nid;
	}
	return best;
}

/**
 * zb_host_init() - once, before the first zb_host_create()
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_host_init(void)
{
	int state = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "zbuddy:drain",
					    NULL, cpu_offline);

	if (state < 0)
		return state;
	cpuhp_drain = state;
	return 0;
}

/**
 * zb_host_exit() - once, after the last zb_host_destroy()
 */
void zb_host_exit(void)
{
	cpuhp_remove_multi_state(cpuhp_drain);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* A pool of one zone for programs that contain module/core and run on their own. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdlib.h>
#include <string.h>

#ifndef CPUS
#define CPUS	2u
#endif

_Thread_local unsigned int zb_env_cpu;
_Thread_local int zb_env_node;
unsigned int zb_env_nr_cpus = CPUS;
_Thread_local unsigned long zb_env_rescheds;
_Thread_local zb_env_trace_fn zb_env_trace_hook;

static struct zb_zone zone;
static struct zb_node node __aligned(64);
static struct zb_zoneref zonelist[2];
static const struct zb_ops ops;
static struct zb_pool pool __aligned(64);

static int one_distance(int from, int to)
{
	return from == to ? 10 : 20;
}

/* Zeroed memory, which no page fault is needed for any more. */
static void *touched(size_t size)
{
	void *memory = aligned_alloc(4096, ALIGN(size, 4096));

	if (!memory)
		abort();
	return memset(memory, 0, ALIGN(size, 4096));
}

/* Allocate the metadata of the zone; zb_zone_init() and zb_pcp_init() are left to the caller. */
static void make_zone(unsigned long start_pfn, unsigned long nr_pages)
{
	zone.start_pfn = start_pfn;
	zone.nr_pages = nr_pages;
	zone.type = ZB_ZONE_NORMAL;
	zone.max_order = 18;
	zone.default_migratetype = ZB_MIGRATE_MOVABLE;
	zone.pageblocks = touched(zb_zone_pageblocks_size(nr_pages));
	zone.state = touched(zb_zone_state_size(nr_pages));
	zone.pcp = touched(CPUS * sizeof(struct zb_pcp));
}

static void make_pool(void)
{
	node.zonelist = zonelist;
	zb_node_init(&node, &zone, 1, one_distance);
	pool = (struct zb_pool){
		.nodes = &node, .nr_nodes = 1, .zones = &zone, .nr_zones = 1,
		.max_order = 18, .page_shift = 12, .ops = &ops,
		.tunables = ZB_TUNABLES_DEFAULT,
	};
	zone.pool = &pool;
	zb_pool_tune(&pool, 1);
}

#endif /* CORE_POOL_H */

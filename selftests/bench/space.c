// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the rows about fragmentation: requests of a mobility, and how much of the free memory
 * is in whole blocks of 2 MiB.
 *
 * The page allocator's pool is a NUMA node of its own without CPUs, so that it contains no
 * memory of other users. Requests do without reclaim and compaction: there is nothing to
 * reclaim, and compaction is not part of the page allocator.
 *
 * Frames on per-CPU lists do not count as free, and prevent blocks from being merged.
 * Therefore, everything is measured before and after a drain. Modules can't drain the page
 * allocator's lists, but those for a remote node are drained when they have not been used
 * for some seconds.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mmzone.h>

#include "zb_bench.h"

/**
 * bench_get_mobile() - allocate a block of a mobility
 * @who: the allocator
 * @order: order of the block
 * @mobility: UNMOVABLE, MOVABLE or RECLAIMABLE
 *
 * Return: the block, or NULL.
 */
struct page *bench_get_mobile(enum who who, unsigned int order, unsigned int mobility)
{
	static const gfp_t host[] = {
		GFP_KERNEL, GFP_HIGHUSER_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE
	};
	static const zb_gfp_t ours[] = {
		ZB_GFP_KERNEL, ZB_GFP_HIGHUSER_MOVABLE,
		ZB_GFP_KERNEL | __ZB_GFP_RECLAIMABLE
	};

	if (who == OURS)
		return zb_alloc_pages((ours[mobility] & ~__ZB_GFP_DIRECT_RECLAIM) |
				      __ZB_GFP_NOWARN | (bench_zero ? __ZB_GFP_ZERO : 0),
				      order);
	return alloc_pages_node(bench_host_node,
				(host[mobility] & ~__GFP_DIRECT_RECLAIM) |
				__GFP_THISNODE | __GFP_NOWARN, order);
}

/**
 * bench_put_any() - free a block
 * @who: the allocator that it belongs to
 * @page: the block
 * @order: its order
 */
void bench_put_any(enum who who, struct page *page, unsigned int order)
{
	if (who == OURS)
		__zb_free_pages(page, order);
	else
		__free_pages(page, order);
}

static struct bench_space host_space(void)
{
	struct bench_space space = {};
	struct zone *zone;
	unsigned int i, order;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		zone = &NODE_DATA(bench_host_node)->node_zones[i];
		if (!populated_zone(zone))
			continue;
		for (order = 0; order < ARRAY_SIZE(zone->free_area); order++) {
			unsigned long nr = zone->free_area[order].nr_free;

			space.free += nr << order;
			if (order >= BENCH_HUGE_ORDER)
				space.huge += nr << (order - BENCH_HUGE_ORDER);
		}
	}
	return space;
}

static struct bench_space our_space(void)
{
	struct bench_space space = {};
	unsigned long pfn, nr;

	for (pfn = bench_region_start;
	     pfn < bench_region_start + bench_region_pages; pfn += BENCH_HUGE_NR) {
		nr = zb_nr_free_in_range(pfn, BENCH_HUGE_NR);
		space.free += nr;
		space.huge += nr == BENCH_HUGE_NR;
	}
	return space;
}

/**
 * bench_space() - find out how much memory is free, without per-CPU lists
 * @who: the allocator
 *
 * Return: the number of free frames, and of free blocks of 2 MiB.
 */
struct bench_space bench_space(enum who who)
{
	return who == HOST ? host_space() : our_space();
}

/**
 * bench_space_r() - compute R
 * @space: what is free
 *
 * Return: free blocks of 2 MiB relative to the largest possible number, in 1/100000.
 */
u64 bench_space_r(struct bench_space space)
{
	return space.free < BENCH_HUGE_NR ? 0 :
	       bench_hundredths(space.huge * 1000, space.free / BENCH_HUGE_NR);
}

static unsigned long host_listed(void)
{
	struct zone *zone;
	unsigned long nr = 0;
	unsigned int i, cpu;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		zone = &NODE_DATA(bench_host_node)->node_zones[i];
		if (!populated_zone(zone))
			continue;
		for_each_online_cpu(cpu)
			nr += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
	}
	return nr;
}

static void drain(enum who who)
{
	unsigned int i;

	if (who == OURS) {
		zb_drain_all_pages();
		return;
	}
	for (i = 0; i < 40 && host_listed(); i++)
		msleep(100);
	if (host_listed())
		pr_info("the page allocator still has %lu frames on per-CPU lists\n",
			host_listed());
}

static void say_r(enum who who, const char *name)
{
	struct bench_space space = bench_space(who);
	u64 r = bench_space_r(space);

	pr_info("%s: %lu frames free; %lu free blocks of 2 MiB\n", name, space.free,
		space.huge);
	bench_say(name, who == HOST ? "host" : "ours", "1/1000", r, r, r, 1);
}

/**
 * bench_say_space() - output R before a drain, and after it as @name.drained
 * @who: the allocator
 * @name: name of the row
 */
void bench_say_space(enum who who, const char *name)
{
	char row[48];

	say_r(who, name);
	drain(who);
	scnprintf(row, sizeof(row), "%s.drained", name);
	say_r(who, row);
}

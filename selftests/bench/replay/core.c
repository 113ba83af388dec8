// SPDX-License-Identifier: GPL-2.0-only
/*
 * module/core as the allocator of a replay, set up like a region of one node.
 */
#include "alloc.h"
#include "fast.h"
#include "free.h"
#include "trace.h"

#include "../core_pool.h"

#define START	(1ul << 18)
#define NO_RECLAIM(gfp)	(((gfp) & ~__ZB_GFP_DIRECT_RECLAIM) | __ZB_GFP_NOWARN)

/**
 * core_init() - make a pool of free memory
 * @nr_frames: its size, a multiple of HUGE_NR
 */
void core_init(unsigned long nr_frames)
{
	make_zone(START, nr_frames);
	zb_zone_init(&zone);
	zb_pcp_init(&zone);
	make_pool();
}

static unsigned long take(const struct request *request)
{
	static const zb_gfp_t gfps[] = {
		NO_RECLAIM(ZB_GFP_KERNEL), NO_RECLAIM(ZB_GFP_HIGHUSER_MOVABLE),
		NO_RECLAIM(ZB_GFP_KERNEL | __ZB_GFP_RECLAIMABLE),
	};
	zb_gfp_t gfp = gfps[request->mobility];
	unsigned long pfn;

	zb_env_set_cpu(request->cpu);
	if (!zb_fast_alloc(&node, gfp, request->order, &pfn))
		pfn = zb_pool_alloc_exact(&pool, gfp, BIT(request->order), 0, NULL);
	return pfn == ZB_NO_PFN ? NO_FRAME : pfn - START;
}

/* As allocator.give: bit 7 of @order means to split the block. */
static void give(unsigned long frame, unsigned int order, unsigned int cpu)
{
	zb_env_set_cpu(cpu);
	if (order & 0x80)
		zb_pool_split_page(&pool, frame + START, order & ~0x80u);
	else if (!zb_fast_free(&pool, frame + START, order) &&
		 !zb_fast_free_full(&pool, frame + START, order))
		zb_pool_free_pages(&pool, frame + START, order);
}

static void settle(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < CPUS; cpu++) {
		zb_pcp_park(&zone, cpu, ZB_PCP_DRAINED);
		zb_pcp_drain(&zone, cpu);
		zb_pcp_unpark(&zone, cpu, ZB_PCP_DRAINED);
	}
}

static bool is_free(unsigned long frame)
{
	return zone.pageblocks[frame / HUGE_NR].free[frame % HUGE_NR / 64] >> (frame % 64) & 1;
}

const struct allocator core_allocator = {
	.name = "core", .take = take, .give = give, .settle = settle, .is_free = is_free,
};

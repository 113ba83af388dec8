// SPDX-License-Identifier: GPL-2.0-only
/* Requests whose list is empty: what the fast path refills, and what it leaves to others. */
#include "unit_fast.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static unsigned long get_empty(struct unit_pool *p, zb_gfp_t gfp, unsigned int order)
{
	return zb_fast_alloc_empty(p->pool.nodes, gfp, order);
}

/* The list is refilled from one pageblock, and the block is counted like any other. */
POOL_TEST_WITH(blocks_of_empty_lists, unit_fast_pool(), unit_pool_end)
{
	unsigned int order, nr;
	unsigned long pfn;

	for (order = 0; order < ZB_WORD_ORDER; order++) {
		EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, order);
		nr = zb_zone_events(zone, ZB_PGALLOC);
		pfn = get_empty(p, __ZB_GFP_MOVABLE, order);
		ASSERT(pfn != ZB_NO_PFN);
		EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_MOVABLE, order));
		EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), nr + BIT(order));
		EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_HIT), order + 1);
		EXPECT_EQ(zone->events[ZB_PCP_REFILL], order + 1);
		unit_pool_quiet(p);
		EXPECT(put(p, pfn, order));
		unit_pool_drain(p);
	}
}

/* Requests that the freelist path has to judge change nothing. */
POOL_TEST_WITH(refused_with_empty_lists, unit_fast_pool(), unit_pool_end)
{
	static const zb_gfp_t left[] = {
		__ZB_GFP_NOFAIL, __ZB_GFP_ZERO, __ZB_GFP_WRITE, __ZB_GFP_ACCOUNT,
		__ZB_GFP_COMP, __ZB_GFP_COLD, __ZB_GFP_OTHER_NODE, __ZB_GFP_DMA | __ZB_GFP_DMA32,
	};
	struct unit_state *before = unit_state_save(p);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(left); i++)
		EXPECT_EQ(get_empty(p, left[i], 0), ZB_NO_PFN);
	for (i = ZB_WORD_ORDER; i < 70; i++)
		EXPECT_EQ(get_empty(p, 0, i), ZB_NO_PFN);
	unit_set_low(zone, true);
	EXPECT_EQ(get_empty(p, 0, 0), ZB_NO_PFN);
	unit_set_low(zone, false);
	zone->pcp->busy = 1;
	EXPECT_EQ(get_empty(p, 0, 0), ZB_NO_PFN);
	zone->pcp->busy = 0;
	unit_state_equal(p, before);
	unit_state_free(before);
}

/* While the node has another zone to try, mobilities are not mixed in the first one. */
TEST(no_mixing_while_another_zone_is_left)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_DMA32, 2, 2 }, { 0, ZB_ZONE_NORMAL, 4, 2 } },
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones + 1;
	bool keep[ZB_PAGEBLOCK_NR] = { true };
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 0; i < 2; i++)
		unit_fill_pageblock(zone, i, M, keep);
	EXPECT_EQ(get_empty(p, 0, 0), ZB_NO_PFN);
	EXPECT_EQ(zone->events[ZB_STEAL] + zone->events[ZB_CLAIM], 0);
	/* the lower zone is the first one, and the only one, of a request for it */
	for (i = 0; i < 2; i++)
		unit_fill_pageblock(p->pool.zones, i, M, keep);
	EXPECT(get_empty(p, __ZB_GFP_DMA32, 0) != ZB_NO_PFN);
	EXPECT_EQ(p->pool.zones->events[ZB_STEAL] + p->pool.zones->events[ZB_CLAIM], 1);
	unit_pool_drain(p);
	unit_free_all(p);
	unit_pool_end(p);
}

static unsigned long bad_pfn;

static void report_bad(struct zb_pool *pool, unsigned long pfn, unsigned int order,
		       enum zb_bad bad)
{
	EXPECT(bad == ZB_BAD_STATE && !order && zb_pfn_zone(pool, pfn));
	bad_pfn = pfn;
}

/* A damaged block on a list is kept out of use, as by the freelist path. */
POOL_TEST_WITH(damaged_block_on_a_list, unit_fast_pool(), unit_pool_free_and_end)
{
	const struct zb_ops ops = { .report_bad = report_bad }, *before = p->pool.ops;
	unsigned long pfn = unit_take(zone, 0, M);

	p->pool.ops = &ops;
	EXPECT(put(p, pfn, 0));
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, 1));
	EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, 0);
	EXPECT_EQ(get_empty(p, __ZB_GFP_MOVABLE, 0), ZB_NO_PFN);
	EXPECT_EQ(bad_pfn, pfn);
	EXPECT_EQ(zone->events[ZB_BAD_BLOCK], 1);
	EXPECT_EQ(zone->nr_bad, 1);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_BAD(0));
	/* repair it, so that everything can be freed */
	zone->nr_bad = 0;
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_MOVABLE, 0));
	p->pool.ops = before;
}

static unsigned int nr_low;

static void became_low(struct zb_pool *pool, struct zb_zone *zone)
{
	nr_low += zone == pool->zones && zone->below_fast_wmark;
}

/* If a refill makes the zone low, this is reported at once, and once. */
POOL_TEST_WITH(refill_that_makes_the_zone_low, unit_fast_pool(), unit_pool_free_and_end)
{
	const struct zb_ops ops = { .became_low = became_low }, *before = p->pool.ops;

	nr_low = 0;
	p->pool.ops = &ops;
	zone->fast_wmark = zone->nr_free_pcptypes;
	EXPECT(get_empty(p, 0, 0) != ZB_NO_PFN);
	EXPECT_EQ(nr_low, 1);
	EXPECT_EQ(zone->lists_due, 0);
	EXPECT_EQ(get_empty(p, 0, 0), ZB_NO_PFN);
	EXPECT_EQ(nr_low, 1);
	zone->fast_wmark = 0;
	unit_set_low(zone, false);
	p->pool.ops = before;
}

/* Blocks of a word and more are left to the freelist path, even if one is listed. */
POOL_TEST_WITH(listed_large_block, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, 0, ZB_WORD_ORDER);

	EXPECT(put(p, pfn, ZB_WORD_ORDER));
	EXPECT_EQ(listed(p, ZB_WORD_ORDER), 1);
	EXPECT_EQ(get_empty(p, 0, ZB_WORD_ORDER), ZB_NO_PFN);
	EXPECT_EQ(listed(p, ZB_WORD_ORDER), 1);
}

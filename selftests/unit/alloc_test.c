// SPDX-License-Identifier: GPL-2.0-only
#include "unit_pool.h"

/* A node with all five zones, which have a pageblock each. */
static const struct unit_geometry five_zones = {
	.zones = {
		{ 0, ZB_ZONE_DMA, 1, 1 }, { 0, ZB_ZONE_DMA32, 2, 1 },
		{ 0, ZB_ZONE_NORMAL, 3, 1 }, { 0, ZB_ZONE_HIGHMEM, 4, 1 },
		{ 0, ZB_ZONE_MOVABLE, 5, 1 },
	},
	.nr_zones = 5,
};

static const struct unit_geometry three_nodes = {
	.zones = {
		{ 0, ZB_ZONE_DMA32, 1, 1 }, { 0, ZB_ZONE_NORMAL, 2, 1 },
		{ 1, ZB_ZONE_NORMAL, 11, 1 }, { 2, ZB_ZONE_DMA32, 21, 1 },
		{ 2, ZB_ZONE_MOVABLE, 22, 1 },
	},
	.nr_zones = 5,
};

/*
 * Allocate pageblocks until none is left; they must come from the zones with these numbers,
 * in this order.
 */
static void expect_sequence(const struct unit_geometry *g, zb_gfp_t gfp,
			    int nid, const char *numbers)
{
	struct unit_pool *p = unit_pool_make(g);
	unsigned long pfn[UNIT_MAX_ZONES];
	struct zb_zone *zone;
	unsigned int i;

	for (i = 0; numbers[i]; i++) {
		pfn[i] = unit_alloc_block(&p->pool, gfp, 9, nid, NULL);
		zone = zb_pfn_zone(&p->pool, pfn[i]);
		ASSERT(zone);
		EXPECT_EQ(zone - p->pool.zones, numbers[i] - '0');
	}
	EXPECT_EQ(unit_alloc_block(&p->pool, gfp, 9, nid, NULL), ZB_NO_PFN);
	EXPECT_EQ(unit_alloc_block(&p->pool, gfp, 0, nid, NULL), ZB_NO_PFN);
	while (i--)
		EXPECT_EQ(unit_free(p, pfn[i], 9), ZB_OK);
	unit_pool_end(p);
}

TEST(zones_by_flags)
{
	static const struct { zb_gfp_t gfp; const char *zones; } cases[] = {
		{ 0, "210" }, { ZB_GFP_KERNEL, "210" },
		{ ZB_GFP_TEMPORARY, "210" },
		{ __ZB_GFP_DMA, "0" }, { __ZB_GFP_DMA32, "10" },
		{ __ZB_GFP_HIGHMEM, "3210" }, { __ZB_GFP_MOVABLE, "210" },
		{ __ZB_GFP_MOVABLE | __ZB_GFP_DMA, "0" },
		{ __ZB_GFP_MOVABLE | __ZB_GFP_DMA32, "10" },
		{ __ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM, "43210" },
		{ __ZB_GFP_RECLAIMABLE | __ZB_GFP_HIGHMEM, "3210" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		expect_sequence(&five_zones, cases[i].gfp, 0, cases[i].zones);
}

TEST(nodes_by_distance)
{
	const zb_gfp_t movable = __ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM;

	expect_sequence(&three_nodes, 0, 0, "1023");
	expect_sequence(&three_nodes, 0, 1, "2103");
	expect_sequence(&three_nodes, 0, 2, "3210");
	expect_sequence(&three_nodes, movable, 0, "10243");
	expect_sequence(&three_nodes, movable, 2, "43210");
	expect_sequence(&three_nodes, __ZB_GFP_DMA32, 1, "03");
	expect_sequence(&three_nodes, __ZB_GFP_DMA, 0, "");
}

TEST(this_node_only)
{
	const zb_gfp_t movable = __ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM;

	expect_sequence(&three_nodes, __ZB_GFP_THISNODE, 0, "10");
	expect_sequence(&three_nodes, __ZB_GFP_THISNODE, 1, "2");
	expect_sequence(&three_nodes, __ZB_GFP_THISNODE | movable, 2, "43");
	/* THISNODE fails if all zones of the node are too high for the request */
	expect_sequence(&three_nodes, __ZB_GFP_THISNODE | __ZB_GFP_DMA32, 1, "");
}

TEST(too_small_zones_are_skipped)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 16, 8 }, { 0, ZB_ZONE_NORMAL, 24, 1 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);

	EXPECT_EQ(p->pool.max_order, 12);
	EXPECT_EQ(unit_alloc(p, 0, 12), PB(16));
	EXPECT_EQ(unit_alloc(p, 0, 9), PB(24));
	EXPECT_EQ(unit_alloc(p, 0, 10), ZB_NO_PFN);
	EXPECT_EQ(unit_free(p, PB(16), 12), ZB_OK);
	EXPECT_EQ(unit_free(p, PB(24), 9), ZB_OK);
	unit_pool_end(p);
}

/* Requests that may wait drain the lists of other CPUs before they fail. */
TEST(drain_before_failing)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 4, 2 } }, .nr_zones = 1,
		.cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned long pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);

	EXPECT_EQ(p->nr_drains, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	zb_env_set_cpu(1);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 10), ZB_NO_PFN);
	EXPECT_EQ(p->nr_drains, 0);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 10), PB(4));
	EXPECT_EQ(p->nr_drains, 1);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 0), ZB_NO_PFN);
	EXPECT_EQ(p->nr_drains, 2);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_DIRECT_RECLAIM, 9),
		  ZB_NO_PFN);
	EXPECT_EQ(p->nr_drains, 3);
	EXPECT_EQ(unit_free(p, PB(4), 10), ZB_OK);
	unit_pool_end(p);
}

/* Frames on lists of other mobilities can be allocated as well. */
TEST(drain_reaches_other_mobilities)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 1, 1 } }, .nr_zones = 1, .cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_pool *pool = &p->pool;
	unsigned long pfn;
	unsigned int i;

	while (p->pool.zones->nr_free)
		unit_take(pool->zones, 0, ZB_MIGRATE_MOVABLE);
	pfn = PB(1) + 77;
	/* any request can use this CPU's lists; requests that may sleep also use other CPUs' */
	for (i = 0; i < 2; i++) {
		pool->zones->below_fast_wmark = 0;
		zb_env_set_cpu(i);
		EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
		EXPECT_EQ(zb_pcp_nr_pages(pool->zones, i), 1);
		zb_env_set_cpu(0);
		EXPECT_EQ(unit_alloc(p, 0, 0), i ? ZB_NO_PFN : pfn);
	}
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 0), pfn);
	unit_free_pageblock(pool->zones, 0);
	unit_pool_end(p);
}

TEST(exact_order)
{
	unsigned long n;
	unsigned int order;

	for (order = 0; order <= ZB_MAX_ORDER; order++) {
		EXPECT_EQ(zb_exact_order(BIT(order)), order);
		EXPECT_EQ(zb_exact_order(BIT(order) + 1), order + 1);
		for (n = BIT(order) / 2 + 1; n <= BIT(order) && n < 5000; n++)
			EXPECT_EQ(zb_exact_order(n), order);
	}
}

/* Allocate and free exactly @n frames; check which frames are free in between and after. */
static void exact_one(struct unit_pool *p, unsigned long n)
{
	unsigned int order = zb_exact_order(n);
	unsigned long i, pfn, piece, nr_pages = unit_pool_nr_pages(p);
	struct zb_zone *zone = p->pool.zones;

	pfn = unit_alloc_exact(p, ZB_GFP_KERNEL, n);
	ASSERT(pfn != ZB_NO_PFN);
	EXPECT_EQ(pfn % BIT(order), 0);
	EXPECT_EQ(unit_pool_nr_free(p), nr_pages - n);
	/* the other frames of the block may be on per-CPU lists */
	if (n % 2)
		unit_pool_drain(p);
	for (i = n; n % 2 && i < BIT(order); i++)
		ASSERT(zb_pageblock_test(zb_pfn_pageblock(zone, pfn + i),
					 (pfn + i) % ZB_PAGEBLOCK_NR));
	for (i = 0; i < n; i += piece) {
		piece = BIT(ZB_STATE_ORDER(zb_zone_state(zone, pfn + i)));
		EXPECT_EQ(ZB_STATE_BLOCK(zb_zone_state(zone, pfn + i)),
			  ZB_BLOCK_UNMOVABLE);
		EXPECT(n & piece);
	}
	EXPECT_EQ(i, n);
	if (n % 37 == 1)
		unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, pfn, n), ZB_OK);
	EXPECT_EQ(unit_pool_nr_free(p), nr_pages);
	EXPECT_EQ(unit_free_exact(p, pfn, n), ZB_BAD_NOT_ALLOCATED);
	unit_pool_drain(p);
	ASSERT(unit_state_equal(p, p->initial));
}

POOL_TEST(exact_of_every_size, 4, 4)
{
	unsigned long n;

	for (n = 1; n <= PB(4); n++)
		exact_one(p, n);
	EXPECT_EQ(unit_alloc_exact(p, ZB_GFP_KERNEL, PB(2) + 1), PB(4));
	EXPECT_EQ(unit_alloc_exact(p, ZB_GFP_KERNEL, PB(2) + 1),
		  ZB_NO_PFN);
	EXPECT_EQ(unit_free_exact(p, PB(4), PB(2) + 1), ZB_OK);
}

/* Larger sizes, where the tail includes whole pageblocks. */
POOL_TEST(exact_of_large_sizes, 64, 64)
{
	unsigned int i;

	for (i = 0; i < 40; i++)
		exact_one(p, 1 + unit_below(PB(64)));
}

/* An exact free is refused with reason @why and changes nothing. */
static void expect_refused(struct unit_pool *p, unsigned long pfn,
			   unsigned int order, enum zb_bad why)
{
	struct unit_state *s = unit_state_save(p);

	EXPECT_EQ(unit_free(p, pfn, order), why);
	EXPECT_EQ(unit_free_exact(p, pfn, BIT(order)), why);
	unit_state_equal(p, s);
	unit_state_free(s);
}

POOL_TEST_WITH(bad_frees, unit_pool_make(&five_zones), unit_pool_end)
{
	unsigned int order;
	unsigned long pfn, i;

	for (order = 0; order <= 9; order++) {
		pfn = unit_alloc(p, 0, order);
		ASSERT(pfn != ZB_NO_PFN);
		expect_refused(p, pfn, order + 1, ZB_BAD_WRONG_ORDER);
		expect_refused(p, pfn, 18, ZB_BAD_WRONG_ORDER);
		if (order)
			expect_refused(p, pfn, order - 1, ZB_BAD_WRONG_ORDER);
		for (i = 1; i < BIT(order); i = 2 * i + 1)
			expect_refused(p, pfn + i, 0, ZB_BAD_NOT_ALLOCATED);
		if (order > 1)
			expect_refused(p, pfn + BIT(order - 1), order - 1,
				       ZB_BAD_NOT_ALLOCATED);
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		expect_refused(p, pfn, order, ZB_BAD_NOT_ALLOCATED);
		expect_refused(p, pfn, 0, ZB_BAD_NOT_ALLOCATED);
	}
	for (order = 0; order <= 18; order++) {
		expect_refused(p, PB(1) - 1, order, ZB_BAD_OUTSIDE);
		expect_refused(p, PB(6), order, ZB_BAD_OUTSIDE);
		expect_refused(p, 0, order, ZB_BAD_OUTSIDE);
		expect_refused(p, ZB_NO_PFN, order, ZB_BAD_OUTSIDE);
		expect_refused(p, PB(3), order, ZB_BAD_NOT_ALLOCATED);
	}
}

/* A part of the only free block is allocated, although all of it would violate the watermark. */
TEST(exact_of_most_of_a_zone)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 32, 32 } }, .nr_zones = 1,
		.watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn, most = zone->nr_pages - zone->watermark[ZB_ALLOC_WMARK_MIN];

	pfn = unit_alloc_exact(p, ZB_GFP_NOWAIT, 33 << 8);
	EXPECT_EQ(pfn, PB(32));
	EXPECT_EQ(zone->nr_free, zone->nr_pages - (33 << 8));
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, pfn, 33 << 8), ZB_OK);
	unit_pool_drain(p);
	/* the allocation may reach the watermark, but not exceed it */
	EXPECT_EQ(unit_alloc_exact(p, ZB_GFP_NOWAIT, most + 1), ZB_NO_PFN);
	pfn = unit_alloc_exact(p, ZB_GFP_NOWAIT, most);
	EXPECT_EQ(pfn, PB(32));
	EXPECT_EQ(unit_free_exact(p, pfn, most), ZB_OK);
	unit_pool_end(p);
}

static struct zb_zone *watched;
static unsigned long least_free;

static void watch(void)
{
	if (!zb_env_irqs_off && watched->nr_free < least_free)
		least_free = watched->nr_free;
}

/* While a zone is low, the trimmed frames never appear as allocated to other CPUs. */
POOL_TEST(exact_takes_and_trims_at_once, 8, 8)
{
	unsigned long nr, pfn;

	watched = p->pool.zones;
	for (nr = 1; nr <= PB(8); nr = nr * 3 / 2 + 1) {
		least_free = ~0ul;
		unit_set_low(watched, true);
		zb_env_hook = watch;
		pfn = unit_alloc_exact(p, 0, nr);
		zb_env_hook = NULL;
		EXPECT(pfn != ZB_NO_PFN);
		EXPECT_EQ(least_free, PB(8) - nr);
		unit_set_low(watched, false);
		EXPECT_EQ(unit_free_exact(p, pfn, nr), ZB_OK);
		unit_pool_drain(p);
	}
}

POOL_TEST(bad_exact_frees, 4, 1)
{
	static const struct { long by; unsigned long n; enum zb_bad why; } cases[] = {
		{ 0, 14, ZB_BAD_WRONG_ORDER }, { 0, 16, ZB_BAD_WRONG_ORDER },
		{ 0, 7, ZB_BAD_WRONG_ORDER }, { 0, 1, ZB_BAD_WRONG_ORDER },
		{ 1, 12, ZB_BAD_NOT_ALLOCATED }, { 8, 13, ZB_BAD_WRONG_ORDER },
		{ 13, 1, ZB_BAD_NOT_ALLOCATED },
		{ 0, 1ul << 63, ZB_BAD_WRONG_ORDER },
		{ 0, ~0ul, ZB_BAD_WRONG_ORDER },
		{ -100000, 13, ZB_BAD_OUTSIDE },
	};
	unsigned long pfn = unit_alloc_exact(p, 0, 13);
	struct unit_state *s = unit_state_save(p);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(unit_free_exact(p, pfn + cases[i].by, cases[i].n),
			  cases[i].why);
		unit_state_equal(p, s);
	}
	EXPECT_EQ(unit_free_exact(p, pfn, 0), ZB_BAD_WRONG_ORDER);
	unit_state_equal(p, s);
	unit_state_free(s);
	/* its parts are blocks, which can be freed one by one */
	EXPECT_EQ(unit_free(p, pfn + 8, 2), ZB_OK);
	EXPECT_EQ(unit_free_exact(p, pfn, 13), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_free(p, pfn, 3), ZB_OK);
	EXPECT_EQ(unit_free(p, pfn + 12, 0), ZB_OK);
}

/* An exact free that extends beyond the end of the last zone. */
POOL_TEST(exact_free_beyond_the_end, 4, 1)
{
	unsigned long pfn = unit_alloc(p, 0, 9);
	struct unit_state *s = unit_state_save(p);

	EXPECT_EQ(unit_free_exact(p, pfn, PB(1) + 1), ZB_BAD_OUTSIDE);
	unit_state_equal(p, s);
	unit_state_free(s);
	EXPECT_EQ(unit_free_exact(p, pfn, PB(1)), ZB_OK);
}

POOL_TEST_WITH(zone_of_a_frame, unit_pool_make(&five_zones), unit_pool_end)
{
	unsigned long i;

	EXPECT(!zb_pfn_zone(&p->pool, PB(1) - 1));
	EXPECT(!zb_pfn_zone(&p->pool, PB(6)));
	for (i = PB(1); i < PB(6); i += 73)
		EXPECT(zb_pfn_zone(&p->pool, i) ==
		       &p->pool.zones[i / ZB_PAGEBLOCK_NR - 1]);
}

/* Allocate everything with every order and various flags. */
POOL_TEST(exhaustion_at_every_order, 8, 8)
{
	static const zb_gfp_t kinds[] = {
		ZB_GFP_KERNEL, ZB_GFP_TEMPORARY, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE,
	};
	unsigned long i, nr, *held = calloc(PB(8), sizeof(*held));
	unsigned int order, kind;

	ASSERT(held);
	for (order = 0; order <= p->pool.max_order; order++)
		for (kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
			for (nr = 0; nr < PB(8); nr++) {
				held[nr] = unit_alloc(p, kinds[kind], order);
				if (held[nr] == ZB_NO_PFN)
					break;
				ASSERT_EQ(held[nr] % BIT(order), 0);
			}
			EXPECT_EQ(nr, PB(8) >> order);
			EXPECT_EQ(unit_pool_nr_free(p), 0);
			unit_pool_quiet(p);
			for (i = 0; i < nr; i++)
				EXPECT_EQ(unit_free(p, held[i], order),
					  ZB_OK);
			unit_pool_drain(p);
			unit_state_equal(p, p->initial);
		}
	free(held);
}

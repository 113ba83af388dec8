// SPDX-License-Identifier: GPL-2.0-only
#include "isolate.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE
#define H	ZB_MIGRATE_HIGHATOMIC
#define C	ZB_MIGRATE_CMA
#define I	ZB_MIGRATE_ISOLATE

static bool isolate(struct unit_pool *p, unsigned long from, unsigned long nr)
{
	return zb_pool_isolate_range(&p->pool, PB(from), PB(nr));
}

static void unisolate(struct unit_pool *p, unsigned long from, unsigned long nr)
{
	zb_pool_unisolate_range(&p->pool, PB(from), PB(nr));
}

static unsigned long range_free(struct unit_pool *p, unsigned long from,
				unsigned long nr)
{
	return zb_pool_range_free(&p->pool, PB(from), PB(nr));
}

/* Isolating any part of a free block splits it; undoing that merges it again. */
POOL_TEST(free_pageblocks, 8, 8)
{
	unsigned long from, nr, i, taken[8];

	for (from = 0; from < 8; from++)
		for (nr = 1; nr <= 8 - from; nr++) {
			ASSERT(isolate(p, 8 + from, nr));
			unit_pool_quiet(p);
			EXPECT_EQ(zone->nr_blocks[I], nr);
			EXPECT_EQ(zone->nr_free_type[I], PB(nr));
			EXPECT_EQ(zone->nr_free, PB(8));
			EXPECT_EQ(range_free(p, 8 + from, nr), PB(nr));
			/* exactly the other pageblocks can be allocated */
			for (i = 0; i < 8 - nr; i++) {
				taken[i] = unit_alloc(p, ZB_GFP_KERNEL, 9);
				ASSERT(taken[i] != ZB_NO_PFN);
				EXPECT(taken[i] < PB(8 + from) ||
				       taken[i] >= PB(8 + from + nr));
			}
			EXPECT_EQ(unit_alloc(p, __ZB_GFP_MEMALLOC | ZB_GFP_ATOMIC, 0),
				  ZB_NO_PFN);
			EXPECT_EQ(unit_alloc(p, __ZB_GFP_MOVABLE, 0), ZB_NO_PFN);
			while (i--)
				EXPECT_EQ(unit_free(p, taken[i], 9), ZB_OK);
			unisolate(p, 8 + from, nr);
			unit_pool_drain(p);
			unit_state_equal(p, p->initial);
		}
}

/* Frames freed in an isolated pageblock bypass the per-CPU lists. */
POOL_TEST(frees_while_isolated, 8, 4)
{
	unsigned long pfn[32], cached, i;

	for (i = 0; i < 32; i++)
		pfn[i] = unit_alloc(p, __ZB_GFP_MOVABLE, 0);
	cached = unit_alloc(p, __ZB_GFP_MOVABLE, 0);
	unit_pool_drain(p);
	EXPECT_EQ(unit_free(p, cached, 0), ZB_OK);
	EXPECT_EQ(zb_zone_nr_cached(zone), 1);
	EXPECT(isolate(p, 8, 1));
	EXPECT_EQ(range_free(p, 8, 1), ZB_PAGEBLOCK_NR - 33);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 0), ZB_OK);
	EXPECT_EQ(zb_zone_nr_cached(zone), 1);
	EXPECT_EQ(zone->nr_free_type[I], ZB_PAGEBLOCK_NR - 17);
	unit_pool_drain(p);
	EXPECT_EQ(range_free(p, 8, 1), ZB_PAGEBLOCK_NR - 16);
	for (; i < 32; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 0), ZB_OK);
	EXPECT_EQ(range_free(p, 8, 1), ZB_PAGEBLOCK_NR);
	/* it does not merge beyond the isolated pageblock */
	EXPECT_EQ(zone->pageblocks[0].largest_free, 9);
	EXPECT_EQ(zone->free_area[9].nr_free_type[I], 1);
	unit_pool_quiet(p);
	unisolate(p, 8, 1);
}

/* Freeing blocks that span several pageblocks, some of which are isolated. */
POOL_TEST(large_blocks_that_span, 8, 8)
{
	unsigned long from, nr;
	unsigned int order;

	for (order = 10; order <= 12; order++)
		for (from = 0; from < BIT(order - 9); from++)
			for (nr = 1; nr <= BIT(order - 9) - from; nr++) {
				EXPECT_EQ(unit_take(zone, order, U), PB(8));
				ASSERT(isolate(p, 8 + from, nr));
				EXPECT_EQ(range_free(p, 8 + from, nr), 0);
				unit_pool_quiet(p);
				unit_give(zone, PB(8), order);
				EXPECT_EQ(range_free(p, 8 + from, nr), PB(nr));
				EXPECT_EQ(zone->nr_blocks[M], 8 - nr);
				unit_pool_quiet(p);
				unisolate(p, 8 + from, nr);
				unit_state_equal(p, p->initial);
			}
}

TEST(refused)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 8, 2 }, { 0, ZB_ZONE_NORMAL, 10, 2 },
			{ 1, ZB_ZONE_NORMAL, 16, 2 },
		},
		.nr_zones = 3,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct unit_state *s;

	EXPECT(!zb_pool_isolate_range(&p->pool, PB(8) + 1, PB(1)));
	EXPECT(!zb_pool_isolate_range(&p->pool, PB(8), PB(1) + 1));
	EXPECT(!zb_pool_isolate_range(&p->pool, PB(8), -PB(8)));
	EXPECT(!zb_pool_isolate_range(&p->pool, PB(8), -PB(9)));
	EXPECT(!isolate(p, 7, 1));
	EXPECT(!isolate(p, 7, 2));
	EXPECT(!isolate(p, 12, 1));
	/* ranges that extend into the hole between the nodes, or beyond the end */
	EXPECT(!isolate(p, 8, 9));
	EXPECT(!isolate(p, 17, 2));
	/* no pageblocks are isolated without an error */
	EXPECT(isolate(p, 8, 0));
	unit_state_equal(p, p->initial);
	/* one pageblock is isolated already: the others are restored, including their types */
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(8), U));
	ASSERT(isolate(p, 10, 1));
	s = unit_state_save(p);
	EXPECT(!isolate(p, 8, 4));
	EXPECT(!isolate(p, 10, 1));
	EXPECT(!isolate(p, 10, 2));
	unit_state_equal(p, s);
	unit_state_free(s);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(8), M));
	/* a range may span zones */
	ASSERT(isolate(p, 8, 2));
	EXPECT_EQ(range_free(p, 8, 4), PB(4));
	unisolate(p, 8, 4);
	unisolate(p, 0, 100);
	EXPECT_EQ(range_free(p, 0, 100), PB(6));
	unit_pool_end(p);
}

/* Types are restored, but an ordinary pageblock that is empty by then has the default type. */
POOL_TEST(types_come_back, 8, 4)
{
	static const struct {
		unsigned int before, after_use, after_emptied;
	} cases[] = {
		{ U, U, M }, { M, M, M }, { R, R, M }, { H, H, H }, { C, C, C },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_fill_pageblock(zone, 0, U, NULL);
		unit_set_type(zone, 0, cases[i].before);
		ASSERT(isolate(p, 8, 1));
		EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(8)), I);
		unisolate(p, 8, 1);
		EXPECT_EQ(zone->pageblocks[0].migratetype, cases[i].after_use);
		ASSERT(isolate(p, 8, 1));
		unit_free_pageblock(zone, 0);
		unit_pool_quiet(p);
		unisolate(p, 8, 1);
		EXPECT_EQ(zone->pageblocks[0].migratetype, cases[i].after_emptied);
		unit_pool_quiet(p);
		unit_set_type(zone, 0, M);
		unit_state_equal(p, p->initial);
	}
}

/* Adjacent isolated pageblocks are merged like other free blocks. */
POOL_TEST(isolated_pageblocks_merge, 8, 8)
{
	ASSERT(isolate(p, 12, 2));
	EXPECT_EQ(zone->free_area[10].nr_free_type[I], 1);
	ASSERT(isolate(p, 14, 2));
	EXPECT_EQ(zone->free_area[11].nr_free_type[I], 1);
	/* undo the isolation of one in the middle */
	unisolate(p, 13, 1);
	EXPECT_EQ(zone->free_area[9].nr_free_type[I], 1);
	EXPECT_EQ(zone->free_area[10].nr_free_type[I], 1);
	EXPECT_EQ(zone->free_area[9].nr_free_type[M], 1);
	unit_pool_quiet(p);
	unisolate(p, 12, 4);
}

POOL_TEST(get_migratetype, 8, 8)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		unit_set_type(p->pool.zones, 3, mt);
		EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(11)), mt);
		EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(12) - 1), mt);
	}
	EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(8) - 1), -1);
	EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(16)), -1);
	EXPECT_EQ(zb_pool_get_migratetype(&p->pool, ZB_NO_PFN), -1);
	unit_set_type(p->pool.zones, 3, M);
}

/* Set the type of free, partly used and full pageblocks, from every type to every other. */
POOL_TEST(set_migratetype, 8, 8)
{
	unsigned int from, to, taken;

	for (from = 0; from < I; from++)
		for (to = 0; to < I; to++)
			for (taken = 0; taken < 3; taken++) {
				if (taken)
					unit_take_from(zone, 0, taken == 1 ? 7 : 9);
				EXPECT(zb_pool_set_migratetype(&p->pool, PB(8), from));
				unit_pool_quiet(p);
				EXPECT(zb_pool_set_migratetype(&p->pool, PB(9) - 1,
							       to));
				unit_pool_quiet(p);
				EXPECT_EQ(zone->pageblocks[0].migratetype, to);
				EXPECT_EQ(zone->nr_free_type[to],
					  to == M ? zone->nr_free :
					  (unsigned long)zone->pageblocks[0].nr_free);
				unit_free_pageblock(zone, 0);
				EXPECT(zb_pool_set_migratetype(&p->pool, PB(8), M));
				unit_state_equal(p, p->initial);
			}
}

POOL_TEST(set_migratetype_refused, 8, 2)
{
	unsigned int mt;

	EXPECT(!zb_pool_set_migratetype(&p->pool, PB(8), I));
	EXPECT(!zb_pool_set_migratetype(&p->pool, PB(8), ZB_MIGRATE_TYPES));
	EXPECT(!zb_pool_set_migratetype(&p->pool, PB(8), ~0u));
	EXPECT(!zb_pool_set_migratetype(&p->pool, PB(7), M));
	EXPECT(!zb_pool_set_migratetype(&p->pool, PB(10), M));
	ASSERT(isolate(p, 8, 1));
	for (mt = 0; mt < I; mt++)
		EXPECT(!zb_pool_set_migratetype(&p->pool, PB(8), mt));
	EXPECT_EQ(zb_pool_get_migratetype(&p->pool, PB(8)), I);
	unisolate(p, 8, 1);
}

/* A pool too small for grouping by mobility has Unmovable pageblocks only. */
TEST(without_mobility)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 2 } }, .nr_zones = 1,
		.no_mobility = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn[3];
	unsigned int mt;

	EXPECT_EQ(zone->nr_blocks[U], 2);
	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		EXPECT(zb_pool_set_migratetype(&p->pool, PB(9), mt));
		EXPECT_EQ(zone->pageblocks[1].migratetype, U);
	}
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(9), H));
	EXPECT_EQ(zone->pageblocks[1].migratetype, H);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(9), C));
	EXPECT_EQ(zone->pageblocks[1].migratetype, C);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(9), R));
	EXPECT_EQ(zone->pageblocks[1].migratetype, U);
	/* all mobilities share a pageblock, without fallback */
	pfn[0] = unit_alloc(p, 0, 4);
	pfn[1] = unit_alloc(p, __ZB_GFP_MOVABLE, 4);
	pfn[2] = unit_alloc(p, __ZB_GFP_RECLAIMABLE, 4);
	for (mt = 0; mt < 3; mt++) {
		EXPECT_EQ(pfn[mt], PB(8) + 16ul * mt);
		EXPECT_EQ(zb_state_migratetype(zb_zone_state(zone, pfn[mt])), U);
	}
	EXPECT_EQ(zb_zone_events(zone, ZB_CLAIM), 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_STEAL), 0);
	ASSERT(isolate(p, 8, 2));
	for (mt = 0; mt < 3; mt++)
		EXPECT_EQ(unit_free(p, pfn[mt], 4), ZB_OK);
	unisolate(p, 8, 2);
	unit_pool_end(p);
}

/* The end of a capture leaves the pageblock before it as it is. */
POOL_TEST(capture_beside_isolated, 8, 8)
{
	ASSERT(isolate(p, 8, 1));
	ASSERT(zb_zone_begin_capture(zone, PB(9), PB(3)));
	EXPECT_EQ(zone->nr_blocks[I], 4);
	zb_zone_drop_capture(zone);
	EXPECT_EQ(zone->nr_blocks[I], 1);
	EXPECT_EQ(range_free(p, 8, 1), PB(1));
	unisolate(p, 8, 1);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The two types of pageblocks with restricted use: HighAtomic and CMA. */
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE
#define H	ZB_MIGRATE_HIGHATOMIC
#define C	ZB_MIGRATE_CMA
#define ATOMIC	(ZB_GFP_ATOMIC | __ZB_GFP_NOWARN)
#define MOVABLE	(__ZB_GFP_MOVABLE | __ZB_GFP_NOWARN)

static void end(struct unit_pool *p)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long i;

	unit_pool_quiet(p);
	unit_free_all(p);
	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		if (zone->pageblocks[i].migratetype != M)
			unit_set_type(zone, i, M);
	unit_pool_end(p);
}

static unsigned long nr_events(const struct unit_pool *p, enum zb_event event)
{
	return zb_zone_events(p->pool.zones, event);
}

/* Raise the low watermark, so that atomic requests are served by the slow path. */
static void short_of_memory(struct unit_pool *p)
{
	p->pool.zones->watermark[ZB_ALLOC_WMARK_LOW] = 1ul << 40;
}

TEST(reserve_grows_by_high_order_atomic_requests)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int order;
		bool is_short, grows;
	} cases[] = {
		{ ATOMIC, 0, true, false }, { ATOMIC, 1, true, true },
		{ ATOMIC, 4, true, true }, { ATOMIC, 9, true, true },
		{ ATOMIC, 10, true, true }, { __ZB_GFP_ATOMIC, 3, true, true },
		{ ATOMIC | __ZB_GFP_MOVABLE, 3, true, true },
		/* no reserve if the first attempt succeeds */
		{ ATOMIC, 4, false, false },
		{ ATOMIC | __ZB_GFP_NOMEMALLOC, 4, true, false },
		{ ZB_GFP_KERNEL, 4, true, false }, { ZB_GFP_NOWAIT, 4, true, false },
		{ ZB_GFP_KERNEL | __ZB_GFP_HIGH, 4, true, false },
	};
	struct unit_pool *p;
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(128, 128);
		if (cases[i].is_short)
			short_of_memory(p);
		pfn = unit_alloc(p, cases[i].gfp, cases[i].order);
		ASSERT(pfn != ZB_NO_PFN);
		if (!EXPECT_EQ(p->pool.zones->nr_blocks[H], cases[i].grows) ||
		    !EXPECT_EQ(nr_events(p, ZB_HIGHATOMIC_RESERVE), cases[i].grows) ||
		    !EXPECT_EQ(zb_pfn_pageblock(p->pool.zones, pfn)->migratetype == H,
			       cases[i].grows))
			unit_note("case %u", i);
		unit_pool_quiet(p);
		EXPECT_EQ(unit_free(p, pfn, cases[i].order), ZB_OK);
		/* a completely free pageblock leaves the reserve */
		unit_pool_drain(p);
		EXPECT_EQ(p->pool.zones->nr_blocks[H], 0);
		EXPECT_EQ(nr_events(p, ZB_HIGHATOMIC_UNRESERVE), cases[i].grows);
		EXPECT_EQ(p->pool.zones->free_area[16].nr_free, 1);
		unit_pool_end(p);
	}
}

/* A pageblock with allocated frames stays in the reserve. */
POOL_TEST(reserve_stays_while_in_use, 128, 128)
{
	unsigned long pfn, other;

	short_of_memory(p);
	pfn = unit_alloc(p, ATOMIC, 4);
	other = unit_alloc(p, ATOMIC, 4);
	EXPECT_EQ(other / ZB_PAGEBLOCK_NR, pfn / ZB_PAGEBLOCK_NR);
	EXPECT_EQ(unit_free(p, pfn, 4), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_blocks[H], 1);
	EXPECT_EQ(zone->nr_free_type[H], ZB_PAGEBLOCK_NR - 16);
	EXPECT_EQ(unit_free(p, other, 4), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_blocks[H], 0);
}

/* A free pageblock of the reserve does not prevent the allocation of the largest block. */
POOL_TEST(reserve_does_not_keep_the_largest_block, 8, 8)
{
	static const zb_gfp_t gfp[] = {
		ZB_GFP_KERNEL, ZB_GFP_KERNEL | __ZB_GFP_NORETRY,
		ZB_GFP_KERNEL | __ZB_GFP_REPEAT, ZB_GFP_KERNEL | __ZB_GFP_NOFAIL,
		ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, ZB_GFP_TEMPORARY,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gfp); i++) {
		unit_set_type(p->pool.zones, 3, H);
		EXPECT_EQ(unit_alloc(p, gfp[i], 12), PB(8));
		EXPECT_EQ(unit_free(p, PB(8), 12), ZB_OK);
	}
}

/* The limit is 1 % of the zone, in pageblocks, rounded down. */
TEST(reserve_is_capped)
{
	static const struct {
		unsigned long nr, cap;
	} cases[] = {
		{ 1, 0 }, { 50, 0 }, { 99, 0 }, { 100, 1 }, { 199, 1 }, { 200, 2 },
		{ 512, 5 },
	};
	struct unit_pool *p;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(512, cases[i].nr);
		short_of_memory(p);
		for (k = 0; k < 16 && k < cases[i].nr; k++)
			unit_alloc(p, ATOMIC, 9);
		if (!EXPECT_EQ(p->pool.zones->nr_blocks[H], cases[i].cap))
			unit_note("%lu pageblocks", cases[i].nr);
		EXPECT(!zb_zone_reserve_highatomic(p->pool.zones, PB(512)));
		end(p);
	}
}

/* Only ordinary pageblocks are reserved, not those of the reserve or of CMA. */
POOL_TEST_WITH(reserve_takes_ordinary_pageblocks, unit_pool_one(512, 512), end)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		unit_set_type(zone, 1, mt);
		EXPECT_EQ(zb_zone_reserve_highatomic(zone, PB(513) + 5),
			  mt < ZB_MIGRATE_PCPTYPES);
		EXPECT_EQ(zone->nr_blocks[H], mt <= H);
		unit_pool_quiet(p);
	}
}

/* Which requests may use the reserve, and whether they use other memory first. */
POOL_TEST_WITH(reserve_is_used, unit_pool_one(4, 2), end)
{
	unsigned long i;

	short_of_memory(p);
	unit_pool_no_lists(p);
	unit_set_type(zone, 1, H);
	/* atomic requests of order > 0 use the reserve first, single frames use it last */
	EXPECT_EQ(unit_alloc(p, ATOMIC, 4), PB(5));
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 4), PB(4));
	EXPECT_EQ(unit_alloc(p, ATOMIC, 4), PB(5) + 16);
	EXPECT_EQ(unit_alloc(p, ATOMIC, 0), PB(4) + 16);
	EXPECT_EQ(unit_alloc(p, ATOMIC | __ZB_GFP_NOMEMALLOC, 5), PB(4) + 32);
	for (i = 0; zone->nr_free_type[U] && i < ZB_PAGEBLOCK_NR; i++)
		unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, 0);
	EXPECT_EQ(zone->nr_free_type[U], 0);
	EXPECT_EQ(zone->nr_free_type[H], 512 - 32);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 0), ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, ATOMIC | __ZB_GFP_NOMEMALLOC, 0), ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC, 0),
		  ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, MOVABLE, 0), ZB_NO_PFN);
	/* MEMALLOC requests may use the reserve as well */
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_MEMALLOC, 0), PB(5) + 32);
	EXPECT_EQ(unit_free(p, PB(5) + 32, 0), ZB_OK);
	EXPECT_EQ(unit_alloc(p, ATOMIC, 0), PB(5) + 32);
	EXPECT_EQ(unit_alloc(p, ATOMIC, 1), PB(5) + 34);
	/* freed frames bypass the per-CPU lists */
	EXPECT_EQ(unit_free(p, PB(5) + 32, 0), ZB_OK);
	EXPECT_EQ(zb_zone_nr_cached(zone), 0);
}

POOL_TEST_WITH(unreserve, unit_pool_one(512, 512), end)
{
	unsigned int i;

	EXPECT(!zb_zone_unreserve_highatomic(zone, U, true));
	for (i = 0; i < 3; i++)
		unit_set_type(zone, 2ul * i, H);
	/* the last pageblock is kept unless unreserving is forced */
	EXPECT(zb_zone_unreserve_highatomic(zone, U, false));
	EXPECT(zb_zone_unreserve_highatomic(zone, R, false));
	EXPECT(!zb_zone_unreserve_highatomic(zone, U, false));
	EXPECT_EQ(zone->nr_blocks[H], 1);
	/* the pageblocks are completely free and merge with others */
	EXPECT_EQ(zone->nr_blocks[U], 0);
	EXPECT_EQ(zone->nr_blocks[R], 0);
	EXPECT(zb_zone_unreserve_highatomic(zone, M, true));
	EXPECT_EQ(zone->nr_blocks[H], 0);
	EXPECT_EQ(nr_events(p, ZB_HIGHATOMIC_UNRESERVE), 3);
	EXPECT(!zb_zone_unreserve_highatomic(zone, M, true));
	/* a pageblock without free frames is not unreserved */
	unit_set_type(zone, 9, H);
	unit_fill_pageblock(zone, 9, M, NULL);
	EXPECT(!zb_zone_unreserve_highatomic(zone, U, true));
	unit_give(zone, PB(521) + 7, 0);
	EXPECT(zb_zone_unreserve_highatomic(zone, U, true));
	EXPECT_EQ(zone->pageblocks[9].migratetype, U);
	unit_pool_quiet(p);
}

/* Requests that may sleep unreserve pageblocks, and force that after several attempts. */
TEST(unreserve_under_pressure)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int blocks;
		bool served;
		unsigned int left;
	} cases[] = {
		{ ZB_GFP_NOWAIT, 2, false, 2 },
		/* all pageblocks of an unused zone are unreserved */
		{ ZB_GFP_KERNEL | __ZB_GFP_NORETRY, 2, true, 0 },
		{ ZB_GFP_KERNEL | __ZB_GFP_NORETRY, 1, false, 1 },
		{ ZB_GFP_KERNEL, 2, true, 0 },
		{ ZB_GFP_KERNEL, 1, true, 0 },
		{ ZB_GFP_KERNEL | __ZB_GFP_REPEAT, 1, true, 0 },
		{ ZB_GFP_KERNEL | __ZB_GFP_NOFAIL, 1, true, 0 },
	};
	struct unit_pool *p;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(4, 2);
		for (k = 0; k < 2; k++) {
			if (k < cases[i].blocks)
				unit_set_type(p->pool.zones, k, H);
			else
				unit_take_from(p->pool.zones, k, 9);
		}
		if (!EXPECT_EQ(unit_alloc(p, cases[i].gfp, 0) != ZB_NO_PFN,
			       cases[i].served) ||
		    !EXPECT_EQ(p->pool.zones->nr_blocks[H], cases[i].left))
			unit_note("case %u", i);
		end(p);
	}
}

/* Each unreserved pageblock is progress, so an ordinary request goes on with the next one. */
POOL_TEST_WITH(unreserving_is_progress, unit_pool_one(8, 4), end)
{
	unsigned int i;

	EXPECT_EQ(unit_take_from(zone, 0, 11), PB(8));
	unit_free_pageblock(zone, 0);
	EXPECT_EQ(unit_take_from(zone, 0, 9), PB(8));
	for (i = 1; i < 4; i++)
		unit_set_type(zone, i, H);
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(2);
	zone->watermark[ZB_ALLOC_WMARK_LOW] = PB(2);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL | __ZB_GFP_NORETRY | __ZB_GFP_NOWARN, 0),
		  ZB_NO_PFN);
	EXPECT(zone->nr_blocks[H] >= 1);
	EXPECT(unit_alloc(p, ZB_GFP_KERNEL | __ZB_GFP_NOWARN, 0) != ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[H], 0);
	unit_pool_no_watermarks(p);
}

/* Only for requests up to ZB_COSTLY_ORDER, the last pageblock of the reserve is given up. */
TEST(last_pageblock_of_the_reserve)
{
	struct unit_pool *p;
	unsigned int order;

	for (order = 0; order <= 5; order++) {
		p = unit_pool_one(8, 2);
		EXPECT_EQ(unit_take_from(p->pool.zones, 0, 10), PB(8));
		unit_free_pageblock(p->pool.zones, 0);
		EXPECT_EQ(unit_take_from(p->pool.zones, 0, 9), PB(8));
		unit_set_type(p->pool.zones, 1, H);
		EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL | __ZB_GFP_NOWARN, order) != ZB_NO_PFN,
			  order <= ZB_COSTLY_ORDER);
		EXPECT_EQ(p->pool.zones->nr_blocks[H], order > ZB_COSTLY_ORDER);
		end(p);
	}
}

static struct zb_zone *raced;
static unsigned int nr_points;

/* Another CPU reserves a pageblock between the unlocked check and the lock. */
static void reserve_meanwhile(void)
{
	if (++nr_points < 2)
		return;
	zb_env_hook = NULL;
	EXPECT(zb_zone_reserve_highatomic(raced, raced->start_pfn + PB(7)));
}

/* The limit of the reserve is checked again under the lock. */
POOL_TEST_WITH(reserve_is_capped_when_two_grow_it, unit_pool_one(512, 100), end)
{
	unsigned int i;

	raced = zone;
	zb_env_hook = reserve_meanwhile;
	EXPECT(!zb_zone_reserve_highatomic(zone, zone->start_pfn));
	zb_env_hook = NULL;
	EXPECT_EQ(zone->nr_blocks[H], 1);
	EXPECT_EQ(zone->pageblocks[7].migratetype, H);
	for (i = 0; i < 2; i++)
		EXPECT(!zb_zone_reserve_highatomic(zone, zone->start_pfn + PB(i)));
	EXPECT_EQ(nr_events(p, ZB_HIGHATOMIC_RESERVE), 1);
}

/* In an unused zone, the reserve is released and all blocks merge again. */
POOL_TEST(unreserve_when_idle, 8, 8)
{
	struct unit_state *initial = unit_state_save(p);
	unsigned long pfn;

	zb_zone_unreserve_idle(zone);
	EXPECT(unit_state_equal(p, initial));
	unit_state_free(initial);
	pfn = unit_alloc(p, 0, 0);
	unit_set_type(zone, 3, H);
	unit_set_type(zone, 6, H);
	zb_zone_unreserve_idle(zone);
	EXPECT_EQ(zone->nr_blocks[H], 2);
	/* frames on per-CPU lists do not count as unused */
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	zb_zone_unreserve_idle(zone);
	EXPECT_EQ(zone->nr_blocks[H], 2);
	unit_pool_drain(p);
	zb_zone_unreserve_idle(zone);
	EXPECT_EQ(zone->nr_blocks[H], 0);
	EXPECT_EQ(zone->nr_blocks[M], 8);
	EXPECT_EQ(zone->free_area[12].nr_free, 1);
	EXPECT_EQ(nr_events(p, ZB_HIGHATOMIC_UNRESERVE), 2);
	/* damaged blocks do not count as used */
	pfn = unit_take(zone, 0, M);
	unit_set_type(zone, 5, H);
	zone->nr_bad = 1;
	zb_zone_unreserve_idle(zone);
	EXPECT_EQ(zone->nr_blocks[H], 0);
	zone->nr_bad = 0;
	unit_give(zone, pfn, 0);
}

/* Make a pool of eight pageblocks, the first @nr_cma of which are CMA. */
static struct unit_pool *make_cma(unsigned int nr_cma)
{
	struct unit_pool *p = unit_pool_one(8, 8);
	unsigned int i;

	for (i = 0; i < nr_cma; i++)
		unit_set_type(p->pool.zones, i, C);
	return p;
}

/* Unmovable requests never use CMA, not even if nothing else is free. */
POOL_TEST_WITH(cma_is_for_movable_only, make_cma(6), end)
{
	static const zb_gfp_t others[] = {
		0, ZB_GFP_KERNEL, ZB_GFP_TEMPORARY, ATOMIC, __ZB_GFP_MEMALLOC,
		ZB_GFP_KERNEL | __ZB_GFP_REPEAT | __ZB_GFP_HIGH,
		__ZB_GFP_RECLAIMABLE,
	};
	unsigned int i, k, order;

	for (i = 0; i < 2; i++)
		unit_take_from(zone, 6 + i, 9);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		for (order = 0; order < 11; order++)
			EXPECT_EQ(unit_alloc(p, others[i] | __ZB_GFP_NOWARN, order),
				  ZB_NO_PFN);
	for (k = 0; k < 6; k++)
		EXPECT(unit_alloc(p, MOVABLE, 9) != ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, MOVABLE, 0), ZB_NO_PFN);
	EXPECT_EQ(nr_events(p, ZB_CMA_ALLOC), 6);
	/* CMA pageblocks keep their type when they are used */
	EXPECT_EQ(zone->nr_blocks[C], 6);
	EXPECT_EQ(zone->nr_blocks[M], 2);
}

/* CMA is used first if it is more than half of the free frames. */
POOL_TEST_WITH(cma_is_balanced, make_cma(4), end)
{
	const unsigned long cma_end = PB(12);

	unit_pool_no_lists(p);
	EXPECT_EQ(zone->nr_free_type[C], zone->nr_free / 2);
	EXPECT(unit_alloc(p, MOVABLE, 5) >= cma_end);
	/* after one more block of other pageblocks, it is more than half */
	EXPECT(unit_alloc(p, MOVABLE, 5) < cma_end);
	EXPECT_EQ(nr_events(p, ZB_CMA_ALLOC), 1);
	EXPECT(unit_alloc(p, MOVABLE, 5) >= cma_end);
	EXPECT(unit_alloc(p, MOVABLE, 5) < cma_end);
	EXPECT_EQ(nr_events(p, ZB_CMA_ALLOC), 2);
	/* requests that may not use CMA do not, whatever its share */
	EXPECT(unit_alloc(p, 0, 9) >= cma_end);
	EXPECT(unit_alloc(p, 0, 5) >= cma_end);
	EXPECT(unit_alloc(p, __ZB_GFP_RECLAIMABLE, 5) >= cma_end);
	EXPECT_EQ(nr_events(p, ZB_CMA_ALLOC), 2);
	EXPECT(unit_alloc(p, MOVABLE, 5) < cma_end);
	/* a block that is too large for CMA fails, because others do not have it either */
	EXPECT_EQ(unit_alloc(p, MOVABLE, 11), ZB_NO_PFN);
}

/* If no movable block is free, CMA is preferred to other mobilities. */
POOL_TEST_WITH(cma_before_other_mobilities, make_cma(1), end)
{
	unsigned int i;

	for (i = 1; i < 8; i++)
		unit_set_type(zone, i, U);
	EXPECT_EQ(unit_alloc(p, MOVABLE, 4), PB(8));
	EXPECT_EQ(zone->fallbacks[M][U], 0);
	EXPECT_EQ(unit_take_with(zone, 4, M, 0) / ZB_PAGEBLOCK_NR, 9);
	EXPECT_EQ(zone->fallbacks[M][U], 1);
}

/* Freed CMA frames bypass the per-CPU lists and merge completely. */
POOL_TEST_WITH(cma_merges_completely, make_cma(4), end)
{
	unsigned long pfn[64];
	unsigned int i;

	for (i = 4; i < 8; i++)
		unit_take_from(zone, i, 9);
	for (i = 0; i < 64; i++) {
		pfn[i] = unit_alloc(p, MOVABLE, i % 4);
		ASSERT(pfn[i] < PB(12));
	}
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(unit_free(p, pfn[i], i % 4), ZB_OK);
		EXPECT_EQ(zb_zone_state(zone, pfn[i]), 0);
	}
	unit_pool_drain(p);
	EXPECT_EQ(zone->free_area[11].nr_free_type[C], 1);
	EXPECT_EQ(zone->nr_blocks[C], 4);
}

/* Watermark checks do not count frames of reserves that the request may not use. */
POOL_TEST_WITH(reserves_and_watermarks, unit_pool_one(8, 8), end)
{
	unsigned int i;

	for (i = 0; i < ZB_NR_WMARKS; i++)
		zone->watermark[i] = PB(2);
	for (i = 0; i < 3; i++) {
		unit_set_type(zone, i, C);
		unit_set_type(zone, i + 3, H);
	}
	/* two frames are left for all requests, as many as the watermark */
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 0), ZB_NO_PFN);
	EXPECT(unit_alloc(p, MOVABLE, 0) != ZB_NO_PFN);
	EXPECT(unit_alloc(p, ATOMIC, 0) != ZB_NO_PFN);
	/* the watermark is between the numbers of free frames with and without CMA */
	unit_take_smallest(zone, 9, C);
	unit_take_smallest(zone, 9, C);
	EXPECT(unit_alloc(p, MOVABLE, 0) != ZB_NO_PFN);
	unit_take_smallest(zone, 8, C);
	unit_take_smallest(zone, 7, C);
	EXPECT(unit_alloc(p, MOVABLE, 0) != ZB_NO_PFN);
	unit_take_smallest(zone, 6, C);
	unit_take_smallest(zone, 5, C);
	unit_take_smallest(zone, 4, C);
	EXPECT(unit_alloc(p, MOVABLE, 4) == ZB_NO_PFN);
}

/* As long as there is other memory, only large atomic requests take from the reserve. */
POOL_TEST_WITH(who_uses_the_reserve_first, unit_pool_one(8, 4), end)
{
	unit_set_type(zone, 0, H);
	EXPECT(unit_alloc(p, ZB_GFP_KERNEL, 7) >= PB(9));
	short_of_memory(p);
	EXPECT(unit_alloc(p, ATOMIC, 0) >= PB(9));
	EXPECT_EQ(unit_alloc(p, ATOMIC, 7), PB(8));
	unit_pool_no_watermarks(p);
}

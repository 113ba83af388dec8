// SPDX-License-Identifier: GPL-2.0-only
/* Why a request failed: a pool for each possible reason. */
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define NOWAIT	ZB_GFP_NOWAIT

/* A nodemask with node 1 only. */
static const unsigned long node1 = 2;

static struct unit_pool *make(const struct unit_geometry *g)
{
	struct unit_pool *p = unit_pool_make(g);

	p->pool.ops = &unit_recording_ops;
	unit_pool_no_lists(p);
	return p;
}

/* Two nodes with a zone Normal of two pageblocks each. */
static struct unit_pool *two_nodes(void)
{
	static const struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 2, 2 }, { 1, ZB_ZONE_NORMAL, 8, 2 },
		},
		.nr_zones = 2,
	};

	return make(&g);
}

/* Three zones of one pageblock each. */
static struct unit_pool *three_zones(void)
{
	static const struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 1, 1 }, { 0, ZB_ZONE_NORMAL, 2, 1 },
			{ 0, ZB_ZONE_MOVABLE, 3, 1 },
		},
		.nr_zones = 3,
	};

	return make(&g);
}

static void take_all(struct zb_zone *zone)
{
	while (unit_take(zone, 0, U) != ZB_NO_PFN)
		;
}

static void end(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned long i;

	unit_free_all(p);
	zb_for_each_zone(zone, &p->pool)
		for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
			if (zone->pageblocks[i].migratetype != M)
				unit_set_type(zone, i, M);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	unit_pool_end(p);
}

/* The request fails, and this reason and zone are reported. */
static void expect_cause(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
			 const struct zb_alloc_policy *policy, enum zb_failure_cause cause,
			 const struct zb_zone *where)
{
	unit_calls.cause = ZB_NR_FAILURES;
	EXPECT_EQ(unit_alloc_block(&p->pool, gfp, order, 0, policy),
		  ZB_NO_PFN);
	if (!EXPECT_EQ(unit_calls.cause, cause) || !EXPECT(unit_calls.where == where))
		unit_note("gfp %#x order %u", gfp, order);
}

static struct zb_failure explain(struct unit_pool *p, zb_gfp_t gfp,
				 unsigned long nr_pages)
{
	const struct zb_alloc_request req = { .gfp = gfp, .nr_pages = nr_pages };
	struct zb_failure f;

	zb_explain_failure(&p->pool, &req, &f);
	return f;
}

static void expect_failure(const struct zb_failure *f, enum zb_failure_cause cause,
			   const struct zb_zone *zone, unsigned long nr_free,
			   unsigned long nr_kept, int largest_order)
{
	EXPECT_EQ(f->verdict, ZB_COULD_SERVE);
	EXPECT_EQ(f->cause, cause);
	EXPECT(f->zone == zone);
	EXPECT_EQ(f->nr_free, nr_free);
	EXPECT_EQ(f->nr_kept, nr_kept);
	EXPECT_EQ(f->largest_order, largest_order);
}

POOL_TEST_WITH(all_memory_is_in_use, two_nodes(), end)
{
	take_all(&p->pool.zones[0]);
	take_all(&p->pool.zones[1]);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_FULL, &p->pool.zones[0]);
	expect_cause(p, NOWAIT, 9, NULL, ZB_FAILURE_FULL, &p->pool.zones[0]);
	/* one free page is not sufficient for order 1 */
	unit_give(&p->pool.zones[0], p->pool.zones[0].start_pfn, 0);
	expect_cause(p, NOWAIT, 1, NULL, ZB_FAILURE_FULL, &p->pool.zones[0]);
}

POOL_TEST_WITH(the_rest_is_the_reserve, three_zones(), end)
{
	struct zb_zone *normal = &p->pool.zones[1];

	normal->watermark[ZB_ALLOC_WMARK_MIN] = ZB_PAGEBLOCK_NR;
	normal->watermark[ZB_ALLOC_WMARK_LOW] = ZB_PAGEBLOCK_NR;
	take_all(&p->pool.zones[0]);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_WATERMARK, normal);
	expect_cause(p, NOWAIT, 9, NULL, ZB_FAILURE_WATERMARK, normal);
	/* the same for a HIGH request when half of the reserve is left */
	unit_take(normal, 8, U);
	expect_cause(p, NOWAIT | __ZB_GFP_HIGH, 0, NULL, ZB_FAILURE_WATERMARK, normal);
}

POOL_TEST_WITH(kept_for_requests_that_need_low_zones, three_zones(), end)
{
	struct zb_zone *dma = &p->pool.zones[0];

	dma->lowmem_reserve[ZB_ZONE_NORMAL] = ZB_PAGEBLOCK_NR;
	take_all(&p->pool.zones[1]);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_LOWMEM, dma);
}

/* Allocate every second frame of a pageblock. */
static void fragment(struct zb_zone *zone, unsigned long i_pb)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = i % 2;
	unit_fill_pageblock(zone, i_pb, U, keep);
}

POOL_TEST_WITH(fragmented, three_zones(), end)
{
	struct zb_zone *normal = &p->pool.zones[1];

	take_all(&p->pool.zones[0]);
	fragment(normal, 0);
	expect_cause(p, NOWAIT, 1, NULL, ZB_FAILURE_FRAGMENTED, normal);
	expect_cause(p, NOWAIT, 8, NULL, ZB_FAILURE_FRAGMENTED, normal);
	/* fewer frames are free than requested */
	expect_cause(p, NOWAIT, 9, NULL, ZB_FAILURE_ZONE, &p->pool.zones[2]);
}

/* Isolated pageblocks are not the cause if enough frames are free in the others. */
POOL_TEST_WITH(fragmented_beside_isolated, two_nodes(), end)
{
	take_all(&p->pool.zones[1]);
	fragment(zone, 0);
	unit_set_type(zone, 1, ZB_MIGRATE_ISOLATE);
	expect_cause(p, NOWAIT, 1, NULL, ZB_FAILURE_FRAGMENTED, zone);
}

/* They are the cause if the others have too few free frames. */
POOL_TEST_WITH(isolated_beside_fragmented, two_nodes(), end)
{
	take_all(&p->pool.zones[1]);
	fragment(zone, 0);
	unit_set_type(zone, 1, ZB_MIGRATE_ISOLATE);
	expect_cause(p, NOWAIT, 9, NULL, ZB_FAILURE_ISOLATED, zone);
}

POOL_TEST_WITH(fragmented_and_isolated, two_nodes(), end)
{
	take_all(&p->pool.zones[1]);
	fragment(zone, 0);
	fragment(zone, 1);
	unit_set_type(zone, 0, ZB_MIGRATE_ISOLATE);
	unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
	take_all(zone);
	expect_cause(p, NOWAIT, 9, NULL, ZB_FAILURE_ISOLATED, zone);
	/* just as many frames as are wanted are isolated */
	expect_cause(p, NOWAIT, 8, NULL, ZB_FAILURE_ISOLATED, zone);
}

/* This is also the cause if what is free is in pageblocks of a special type. */
POOL_TEST_WITH(fragmented_special_types, two_nodes(), end)
{
	struct zb_failure f;

	take_all(&p->pool.zones[1]);
	fragment(zone, 0);
	unit_set_type(zone, 0, ZB_MIGRATE_HIGHATOMIC);
	take_all(zone);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_FRAGMENTED, zone, ZB_PAGEBLOCK_NR / 2, 0, -1);
	/* a free block beside them would do */
	unit_set_type(zone, 1, ZB_MIGRATE_ISOLATE);
	unit_free_pageblock(zone, 1);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_ISOLATED, zone, PB(1) + PB(1) / 2, PB(1), -1);
}

TEST(the_rest_has_special_types)
{
	static const struct {
		unsigned int mt;
		enum zb_failure_cause cause;
	} cases[] = {
		{ ZB_MIGRATE_HIGHATOMIC, ZB_FAILURE_HIGHATOMIC },
		{ ZB_MIGRATE_CMA, ZB_FAILURE_CMA },
		{ ZB_MIGRATE_ISOLATE, ZB_FAILURE_ISOLATED },
	};
	struct unit_pool *p;
	struct zb_failure f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = two_nodes();
		take_all(&p->pool.zones[1]);
		unit_set_type(&p->pool.zones[0], 1, cases[i].mt);
		take_all(&p->pool.zones[0]);
		/* the request may not use the only free block */
		f = explain(p, NOWAIT, 1);
		expect_failure(&f, cases[i].cause, &p->pool.zones[0],
			       ZB_PAGEBLOCK_NR, ZB_PAGEBLOCK_NR, -1);
		expect_cause(p, NOWAIT, 0, NULL, cases[i].cause, &p->pool.zones[0]);
		expect_cause(p, NOWAIT, 9, NULL, cases[i].cause, &p->pool.zones[0]);
		end(p);
	}
}

/*
 * A request that can't sleep drains the lists of its own CPU before it fails, but not those
 * of other CPUs.
 */
TEST(the_rest_is_on_per_cpu_lists)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 1, 1 } }, .nr_zones = 1,
		.cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	struct zb_failure f;
	unsigned long pfn;

	p->pool.ops = &unit_recording_ops;
	unit_pool_long_lists(p);
	take_all(zone);
	/* while a zone is low, frees bypass the per-CPU lists */
	zone->fast_wmark = 0;
	zone->below_fast_wmark = 0;
	pfn = zone->start_pfn;
	zb_env_set_cpu(1);
	EXPECT_EQ(zb_pool_free_pages(&p->pool, pfn, 0), ZB_OK);
	EXPECT_EQ(zb_pool_free_pages(&p->pool, pfn + 1, 0), ZB_OK);
	zb_env_set_cpu(0);
	expect_cause(p, NOWAIT, 1, NULL, ZB_FAILURE_CACHED, zone);
	unit_give(zone, pfn + 2, 0);
	f = explain(p, NOWAIT, 3);
	expect_failure(&f, ZB_FAILURE_CACHED, zone, 3, 2, 0);
	f = explain(p, NOWAIT, 4);
	expect_failure(&f, ZB_FAILURE_FULL, zone, 3, 0, 0);
	end(p);
}

POOL_TEST_WITH(only_other_nodes_have_it, two_nodes(), end)
{
	static const struct zb_alloc_policy mask = { .nodemask = &node1, .nr_bits = 2 };
	static const struct zb_alloc_policy cpuset = { .cpuset = &node1, .nr_bits = 2 };
	static const unsigned long node5 = BIT(5);
	static const struct zb_alloc_policy absent = { .nodemask = &node5, .nr_bits = 6 };

	take_all(&zone[0]);
	expect_cause(p, NOWAIT | __ZB_GFP_THISNODE, 0, NULL, ZB_FAILURE_NODE, &zone[1]);
	unit_free_all(p);
	take_all(&zone[1]);
	expect_cause(p, NOWAIT, 0, &mask, ZB_FAILURE_NODE, &zone[0]);
	expect_cause(p, NOWAIT | __ZB_GFP_HARDWALL, 0, &cpuset, ZB_FAILURE_NODE,
		     &zone[0]);
	/* the other node is full as well now, so allowing it would not help */
	take_all(&zone[0]);
	expect_cause(p, NOWAIT, 0, &mask, ZB_FAILURE_FULL, &zone[1]);
	/* no node that is allowed has a zone */
	expect_cause(p, NOWAIT, 0, &absent, ZB_FAILURE_NODE, NULL);
}

TEST(only_other_zones_have_it)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_MOVABLE, 1, 1 } },
		.nr_zones = 1,
	};
	struct unit_pool *p = three_zones();

	take_all(&p->pool.zones[0]);
	take_all(&p->pool.zones[1]);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_ZONE, &p->pool.zones[2]);
	expect_cause(p, NOWAIT | __ZB_GFP_DMA, 0, NULL, ZB_FAILURE_ZONE,
		     &p->pool.zones[2]);
	end(p);
	/* no zone is allowed by the flags */
	p = make(&g);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_ZONE, p->pool.zones);
	take_all(p->pool.zones);
	expect_cause(p, NOWAIT, 0, NULL, ZB_FAILURE_ZONE, NULL);
	end(p);
}

/* Memory was freed after the request failed, but before the reason was determined. */
POOL_TEST_WITH(memory_was_freed_meanwhile, two_nodes(), end)
{
	static const struct zb_alloc_policy any = { .nr_bits = 0 };
	const struct zb_alloc_context ac = {
		.node = p->pool.nodes,
		.policy = &any,
		.nr_pages = 8,
		.highest_zoneidx = ZB_ZONE_NORMAL,
	};
	struct zb_zone *where;

	EXPECT_EQ(zb_find_failure_cause(NOWAIT, 3, ZB_ALLOC_WMARK_MIN, &ac,
					&where), ZB_FAILURE_FREED);
	EXPECT(where == p->pool.zones);
}

/* What must be left depends on how urgent a request is. */
POOL_TEST_WITH(how_much_is_kept, three_zones(), end)
{
	struct zb_zone *dma = &p->pool.zones[0], *normal = &p->pool.zones[1];
	struct zb_failure f;

	normal->watermark[ZB_ALLOC_WMARK_MIN] = ZB_PAGEBLOCK_NR - 8;
	dma->lowmem_reserve[ZB_ZONE_NORMAL] = ZB_PAGEBLOCK_NR;
	unit_take(normal, 8, U);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, normal, ZB_PAGEBLOCK_NR / 2,
		       ZB_PAGEBLOCK_NR - 8, 8);
	unit_take(normal, 7, U);
	f = explain(p, NOWAIT | __ZB_GFP_HIGH, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, normal, ZB_PAGEBLOCK_NR / 4,
		       ZB_PAGEBLOCK_NR / 2 - 4, 7);
	/* 504 in all: an atomic request may leave 3/4 of it, an urgent one 3/8 */
	unit_take(normal, 6, U);
	f = explain(p, __ZB_GFP_ATOMIC, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, normal, ZB_PAGEBLOCK_NR / 8, 378, 6);
	f = explain(p, ZB_GFP_ATOMIC, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, normal, ZB_PAGEBLOCK_NR / 8, 189, 6);
	take_all(normal);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_LOWMEM, dma, ZB_PAGEBLOCK_NR,
		       ZB_PAGEBLOCK_NR, ZB_PAGEBLOCK_ORDER);
}

/* Frames that were freed a moment ago, and whose runs are not counted yet, are reported. */
POOL_TEST_WITH(largest_block_of_a_stale_pageblock, two_nodes(), end)
{
	struct zb_failure f;
	unsigned long i;

	take_all(zone);
	take_all(&zone[1]);
	for (i = 0; i < 8; i++)
		unit_give_deferred(zone, PB(2) + 32 + i, 0);
	EXPECT_EQ(zone->nr_stale, 1);
	f = explain(p, NOWAIT, 16);
	EXPECT(f.zone == zone);
	EXPECT_EQ(f.largest_order, 3);
}

/* The zone in which no such block fits is named. */
TEST(no_block_of_that_size)
{
	static const struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 1, 1 }, { 0, ZB_ZONE_NORMAL, 4, 4 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = make(&g);
	struct zb_failure f = explain(p, NOWAIT | __ZB_GFP_DMA, PB(2));

	EXPECT_EQ(f.verdict, ZB_NEVER_BLOCK);
	EXPECT(f.zone == &p->pool.zones[0]);
	EXPECT_EQ(f.nr_free, PB(1));
	EXPECT_EQ(f.nr_kept, 0);
	EXPECT_EQ(f.largest_order, ZB_PAGEBLOCK_ORDER);
	unit_pool_end(p);
}

/* For a request without watermarks, nothing is reserved. */
POOL_TEST_WITH(without_watermarks, two_nodes(), end)
{
	struct zb_failure f;
	unsigned int i;

	take_all(&p->pool.zones[1]);
	for (i = 0; i < ZB_NR_WMARKS; i++)
		zone->watermark[i] = PB(1);
	unit_take(zone, 9, U);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, zone, PB(1), PB(1), ZB_PAGEBLOCK_ORDER);
	f = explain(p, NOWAIT | __ZB_GFP_MEMALLOC, 2);
	expect_failure(&f, ZB_FAILURE_FREED, zone, PB(1), 0, ZB_PAGEBLOCK_ORDER);
	f = explain(p, NOWAIT | __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, zone, PB(1), PB(1), ZB_PAGEBLOCK_ORDER);
	unit_pool_no_watermarks(p);
}

POOL_TEST_WITH(never_at_all, three_zones(), end)
{
	struct zb_zone *normal = &p->pool.zones[1];
	struct zb_failure f;

	normal->watermark[ZB_ALLOC_WMARK_MIN] = ZB_PAGEBLOCK_NR / 4;
	p->pool.zones[0].watermark[ZB_ALLOC_WMARK_MIN] = ZB_PAGEBLOCK_NR / 4;
	f = explain(p, NOWAIT, ZB_PAGEBLOCK_NR);
	EXPECT_EQ(f.verdict, ZB_NEVER_WATERMARK);
	EXPECT(f.zone == &p->pool.zones[0]);
	EXPECT_EQ(f.nr_kept, ZB_PAGEBLOCK_NR / 4);
	/* No such flags, no such size: there is no zone to name. */
	f = explain(p, __ZB_GFP_DMA | __ZB_GFP_DMA32, 1);
	EXPECT_EQ(f.verdict, ZB_NEVER_REQUEST);
	EXPECT(!f.zone);
	f = explain(p, NOWAIT, 2 * ZB_PAGEBLOCK_NR);
	EXPECT_EQ(f.verdict, ZB_NEVER_REQUEST);
	EXPECT_EQ(f.largest_order, -1);
}

/* The lowmem reserve is kept in addition to the watermark. */
POOL_TEST_WITH(watermark_and_reserve, two_nodes(), end)
{
	struct zb_failure f;

	take_all(&p->pool.zones[1]);
	zone->watermark[ZB_ALLOC_WMARK_MIN] = 700;
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = 300;
	unit_take(zone, 9, U);
	f = explain(p, NOWAIT, 2);
	expect_failure(&f, ZB_FAILURE_WATERMARK, zone, PB(1), 1000, ZB_PAGEBLOCK_ORDER);
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = 0;
	unit_pool_no_watermarks(p);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The freelist path: which zone serves a request, and why the others do not. The recorded
 * ops show whether the request entered the slow path.
 */
#include "unit_ops.h"

#define M	ZB_MIGRATE_MOVABLE
#define U	ZB_MIGRATE_UNMOVABLE

/* Three nodes; the first has two zones that a kernel request may use. */
static const struct unit_geometry three_nodes = {
	.zones = {
		{ 0, ZB_ZONE_DMA32, 1, 2 }, { 0, ZB_ZONE_NORMAL, 3, 2 },
		{ 1, ZB_ZONE_NORMAL, 11, 2 }, { 5, ZB_ZONE_NORMAL, 21, 2 },
	},
	.nr_zones = 4,
};

#define NODES_TEST(name) \
	POOL_TEST_WITH(name, unit_pool_make(&three_nodes), unit_pool_free_and_end)

/* Number of the zone that serves the request, or -1. */
static int zone_for(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
		    int nid, const struct zb_alloc_policy *policy)
{
	unsigned long pfn = unit_alloc_block(&p->pool, gfp, order, nid, policy);
	int nr = -1;

	if (pfn != ZB_NO_PFN) {
		nr = zb_pfn_zone(&p->pool, pfn) - p->pool.zones;
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
	}
	unit_pool_drain(p);
	return nr;
}

POOL_TEST_WITH(nodemask, unit_pool_make(&three_nodes), unit_pool_end)
{
	static const struct {
		unsigned long mask;
		unsigned int nr_bits;
		int nid, zone;
		zb_gfp_t gfp;
	} cases[] = {
		{ 0x23, 64, 0, 1, 0 }, { 0x23, 64, 1, 2, 0 }, { 0x23, 64, 5, 3, 0 },
		{ 0x22, 64, 0, 2, 0 }, { 0x20, 64, 0, 3, 0 }, { 0x20, 64, 1, 3, 0 },
		{ 0x01, 64, 5, 1, 0 }, { 0x21, 64, 1, 1, 0 },
		/* nodes beyond the end of the mask are not in it */
		{ 0x23, 5, 5, 2, 0 }, { ~0ul, 1, 5, 1, 0 }, { ~0ul, 0, 0, -1, 0 },
		{ 0x1c, 64, 0, -1, 0 },
		/* a single node, which is not allowed */
		{ 0x02, 64, 0, -1, __ZB_GFP_THISNODE },
		{ 0x01, 64, 0, 1, __ZB_GFP_THISNODE },
		{ 0x22, 64, 0, -1, __ZB_GFP_DMA32 },
		{ 0x21, 64, 5, 0, __ZB_GFP_DMA32 },
	};
	struct zb_alloc_policy policy = { .nodemask = NULL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		policy.nodemask = &cases[i].mask;
		policy.nr_bits = cases[i].nr_bits;
		if (!EXPECT_EQ(zone_for(p, cases[i].gfp, 0, cases[i].nid, &policy),
			       cases[i].zone))
			unit_note("case %u", i);
	}
}

/* Masks of several words. */
TEST(nodemask_of_many_nodes)
{
	struct unit_geometry g = {
		.zones = {
			{ 3, ZB_ZONE_NORMAL, 1, 1 }, { 64, ZB_ZONE_NORMAL, 2, 1 },
			{ 200, ZB_ZONE_NORMAL, 3, 1 },
		},
		.nr_zones = 3,
	};
	unsigned long mask[4] = { 0, 0, 0, BIT(8) };
	struct zb_alloc_policy policy = { .nodemask = mask, .nr_bits = 256 };
	struct unit_pool *p = unit_pool_make(&g);

	EXPECT_EQ(zone_for(p, 0, 0, 3, &policy), 2);
	mask[1] = 1;
	EXPECT_EQ(zone_for(p, 0, 0, 3, &policy), 1);
	mask[0] = 8;
	EXPECT_EQ(zone_for(p, 0, 0, 3, &policy), 0);
	EXPECT_EQ(zone_for(p, 0, 0, 200, &policy), 2);
	unit_pool_end(p);
}

/*
 * A task that may use node 1 only requests memory of node 0. All requests stay within the
 * cpuset while it has free memory; then the slow path ignores the cpuset for atomic requests
 * and for requests without HARDWALL.
 */
POOL_TEST_WITH(cpuset, unit_pool_make(&three_nodes), unit_pool_end)
{
	static const struct {
		zb_gfp_t gfp;
		int zone;
	} cases[] = {
		{ 0, 1 }, { ZB_GFP_KERNEL, 1 }, { ZB_GFP_ATOMIC, 1 },
		{ ZB_GFP_USER, -1 }, { __ZB_GFP_HARDWALL, -1 },
		{ ZB_GFP_ATOMIC | __ZB_GFP_HARDWALL, 1 },
		{ __ZB_GFP_MEMALLOC | __ZB_GFP_HARDWALL, -1 },
		{ __ZB_GFP_THISNODE, 1 },
		{ __ZB_GFP_THISNODE | __ZB_GFP_HARDWALL, -1 },
	};
	static const unsigned long node1 = 2;
	struct zb_alloc_policy policy = { .cpuset = &node1, .nr_bits = 64 };
	unsigned long pfn, other;
	bool this_node;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		this_node = cases[i].gfp & __ZB_GFP_THISNODE;
		if (!this_node)
			EXPECT_EQ(zone_for(p, cases[i].gfp, 0, 0, &policy), 2);
		pfn = unit_take(&p->pool.zones[2], 9, M);
		other = unit_take(&p->pool.zones[2], 9, M);
		if (!EXPECT_EQ(zone_for(p, cases[i].gfp, 0, 0, &policy),
			       cases[i].zone))
			unit_note("case %u", i);
		unit_give(&p->pool.zones[2], pfn, 9);
		unit_give(&p->pool.zones[2], other, 9);
	}
}

/* Both nodemask and cpuset apply; without HARDWALL, the slow path ignores the cpuset. */
POOL_TEST_WITH(cpuset_and_nodemask, unit_pool_make(&three_nodes), unit_pool_end)
{
	static const unsigned long node1 = 2, node5 = 0x20, both = 0x22;
	struct zb_alloc_policy policy = { .cpuset = &node1, .nodemask = &both, .nr_bits = 64 };

	p->pool.ops = &unit_recording_ops;
	EXPECT_EQ(zone_for(p, __ZB_GFP_HARDWALL, 9, 0, &policy), 2);
	EXPECT_CALLS("kf");
	policy.nodemask = &node5;
	EXPECT_EQ(zone_for(p, __ZB_GFP_HARDWALL, 9, 0, &policy), -1);
	EXPECT_CALLS("F");
	/* the slow path may ignore the cpuset, but not the nodemask of the request */
	EXPECT_EQ(zone_for(p, __ZB_GFP_KSWAPD_RECLAIM, 9, 0, &policy), 3);
	EXPECT_CALLS("Wkf");
}

POOL_TEST_WITH(dirty_limit_spreads_writers, unit_pool_make(&three_nodes), unit_pool_end)
{
	const zb_gfp_t gfp = __ZB_GFP_WRITE | __ZB_GFP_KSWAPD_RECLAIM;
	struct zb_node *node = p->pool.nodes;
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	p->pool.tunables.dirty_ratio = 25;
	EXPECT_EQ(node->nr_pages, PB(4));
	/* one frame less than a quarter is below the limit, a quarter is not */
	atomic_long_set(&node->nr_dirty, PB(1) - 1);
	EXPECT_EQ(zone_for(p, gfp, 9, 0, NULL), 1);
	atomic_long_set(&node->nr_dirty, PB(1));
	EXPECT_EQ(zone_for(p, gfp, 9, 0, NULL), 2);
	EXPECT_EQ(zone_for(p, 0, 9, 0, NULL), 1);
	EXPECT_EQ(zone_for(p, gfp | __ZB_GFP_DMA32, 9, 0, NULL), 0);
	EXPECT_CALLS("kfkfkfWkf");
	/* with all nodes over their limits, the slow path ignores the limits */
	for (i = 1; i < 3; i++)
		atomic_long_set(&p->pool.nodes[i].nr_dirty, PB(2));
	EXPECT_EQ(zone_for(p, gfp, 9, 0, NULL), 1);
	EXPECT_EQ(zone_for(p, gfp, 9, 5, NULL), 3);
	EXPECT_CALLS("WWWWkfWWWWkf");
	p->pool.tunables.dirty_ratio = 100;
	EXPECT_EQ(zone_for(p, gfp, 9, 0, NULL), 1);
	EXPECT_EQ(zone_for(p, gfp, 9, 1, NULL), 1);
}

/* The first attempt stops at the low watermark, the slow path at min. */
TEST(low_mark_then_min)
{
	struct unit_geometry g = three_nodes;
	struct zb_zone *zone;
	struct unit_pool *p;
	unsigned int i;

	g.watermarks = true;
	p = unit_pool_make(&g);
	zone = p->pool.zones;
	p->pool.ops = &unit_recording_ops;
	for (i = 0; i < 4; i++) {
		zone[i].watermark[ZB_ALLOC_WMARK_MIN] = 300;
		zone[i].watermark[ZB_ALLOC_WMARK_LOW] = 600;
		memset(zone[i].lowmem_reserve, 0, sizeof(zone[i].lowmem_reserve));
		unit_take(&zone[i], 8, U);
	}
	/* 768 frames free: 168 of them above low, zone by zone */
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 7, 0, NULL), 1);
	EXPECT_CALLS("kf");
	for (i = 0; i < 4; i++)
		EXPECT_EQ(unit_take(&zone[i], 7, U) & 0x7f, 0);
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 5, 0, NULL), 1);
	EXPECT_CALLS("kf");
	/* after 128 more frames, 640 - 31 is still above 600, but 640 - 63 is not */
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 6, 0, NULL), 1);
	EXPECT_CALLS("WWWWkf");
	/* below min, only requests that may use reserves are served */
	for (i = 0; i < 4; i++)
		unit_take(&zone[i], 8, U);
	EXPECT_EQ(zone[1].nr_free, 384);
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 7, 0, NULL), -1);
	EXPECT_CALLS("WWWWF");
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 6, 0, NULL), 1);
	EXPECT_CALLS("WWWWkf");
	for (i = 0; i < 4; i++) {
		unit_free_pageblock(&zone[i], 0);
		unit_free_pageblock(&zone[i], 1);
	}
	unit_pool_end(p);
}

/* The preferred zone is reclaimed before the next zone is tried. */
POOL_TEST_WITH(zone_reclaim_hook, unit_pool_make(&three_nodes), unit_pool_end)
{
	unsigned long pfn = unit_take(&zone[1], 9, U);
	unsigned long other = unit_take(&zone[1], 9, U);

	p->pool.ops = &unit_recording_ops;
	/* no success: use the next zone. Success: use this one. */
	EXPECT_EQ(zone_for(p, ZB_GFP_KERNEL, 0, 0, NULL), 0);
	EXPECT_EQ(unit_calls.zones, 2);
	/* the first attempt is judged by the low watermark */
	EXPECT_EQ(unit_calls.alloc_flags & ZB_ALLOC_WMARK_MASK, ZB_ALLOC_WMARK_LOW);
	EXPECT_CALLS("Zkf");
	unit_calls.reclaim = 1;
	unit_calls.give_on = 'Z';
	unit_calls.give_pfn = pfn;
	unit_calls.give_order = 9;
	EXPECT_EQ(zone_for(p, ZB_GFP_KERNEL, 3, 0, NULL), 1);
	EXPECT_CALLS("Zfkf");
	/* success, but still no block of this order */
	unit_calls.reclaim = 1;
	EXPECT_EQ(zone_for(p, ZB_GFP_KERNEL, 10, 0, NULL), -1);
	EXPECT_EQ(unit_calls.text[0], 'Z');
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	/* a request that may not wait does not reclaim */
	EXPECT_EQ(unit_take(&zone[1], 9, U), pfn);
	EXPECT_EQ(zone_for(p, ZB_GFP_NOWAIT, 0, 0, NULL), 0);
	EXPECT_CALLS("kf");
	unit_give(&zone[1], pfn, 9);
	unit_give(&zone[1], other, 9);
}

/* Use half of each pageblock of a zone as @mt. */
static void use_all(struct zb_zone *zone, unsigned int mt)
{
	unsigned long i;
	bool keep[ZB_PAGEBLOCK_NR];

	memset(keep, true, sizeof(keep));
	memset(keep + 256, false, 256);
	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		unit_fill_pageblock(zone, i, mt, keep);
		unit_set_type(zone, i, mt);
	}
}

/* The next zone of the node is preferred to a pageblock that would become mixed. */
NODES_TEST(nofragment_goes_to_the_next_zone)
{
	use_all(&zone[1], M);
	EXPECT_EQ(zone_for(p, 0, 0, 0, NULL), 0);
	EXPECT_EQ(zone[1].fallbacks[U][M], 0);
	EXPECT_EQ(zone[1].nr_blocks[M], 2);
	/* requests of that mobility are served from the preferred zone */
	EXPECT_EQ(zone_for(p, __ZB_GFP_MOVABLE, 0, 0, NULL), 1);
}

/* A pageblock that becomes mixed is preferred to another node. */
NODES_TEST(mixed_local_pageblock_before_remote_node)
{
	use_all(&zone[0], M);
	use_all(&zone[1], M);
	EXPECT_EQ(zone_for(p, 0, 0, 0, NULL), 1);
	EXPECT_EQ(zb_zone_events(&zone[1], ZB_CLAIM), 1);
	EXPECT_EQ(zone[1].fallbacks[U][M], 1);
	EXPECT_EQ(zone[0].fallbacks[U][M], 0);
}

/* With a single zone on the node, NOFRAGMENT is not used. */
NODES_TEST(no_nofragment_with_one_zone)
{
	use_all(&zone[2], M);
	EXPECT_EQ(zone_for(p, 0, 0, 1, NULL), 2);
	EXPECT_EQ(zone[2].fallbacks[U][M], 1);
	use_all(&zone[0], M);
	EXPECT_EQ(zone_for(p, __ZB_GFP_DMA32, 0, 0, NULL), 0);
	EXPECT_EQ(zone[0].fallbacks[U][M], 1);
}

/* If all zones would be mixed, the second pass of the zonelist allows that. */
TEST(nofragment_gives_up_in_the_end)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 1, 2 }, { 0, ZB_ZONE_NORMAL, 3, 2 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);

	/* even without another node, the next zone is preferred while it helps */
	use_all(&p->pool.zones[1], M);
	EXPECT_EQ(zone_for(p, 0, 0, 0, NULL), 0);
	EXPECT_EQ(p->pool.zones[1].fallbacks[U][M], 0);
	unit_free_pageblock(&p->pool.zones[0], 0);
	unit_free_pageblock(&p->pool.zones[0], 1);
	use_all(&p->pool.zones[0], M);
	EXPECT_EQ(zone_for(p, 0, 0, 0, NULL), 1);
	EXPECT_EQ(p->pool.zones[1].fallbacks[U][M], 1);
	unit_pool_free_and_end(p);
}

/* The dirty limit is checked before the watermark, and that before NOFRAGMENT. */
NODES_TEST(order_of_checks)
{
	static const unsigned long node0 = 1;
	struct zb_alloc_policy policy = { .nodemask = &node0, .nr_bits = 64 };
	const zb_gfp_t gfp = ZB_GFP_KERNEL | __ZB_GFP_WRITE | __ZB_GFP_NORETRY;
	unsigned long nr;

	p->pool.ops = &unit_recording_ops;
	unit_take(&zone[1], 9, M);
	unit_take(&zone[1], 9, M);
	/* no reclaim in zones that are not allowed */
	EXPECT_EQ(zone_for(p, gfp, 0, 1, &policy), 0);
	EXPECT_EQ(unit_calls.zones, 2);
	EXPECT_CALLS("Zkf");
	/* no reclaim in nodes over the dirty limit */
	atomic_long_set(&p->pool.nodes[0].nr_dirty, PB(4));
	EXPECT_EQ(zone_for(p, gfp, 0, 0, NULL), 2);
	EXPECT_CALLS("kf");
	/* the NOFRAGMENT check is not reached */
	use_all(&zone[0], M);
	nr = zone[0].fallbacks[U][M];
	EXPECT_EQ(zone_for(p, gfp, 0, 0, NULL), 2);
	EXPECT_EQ(zone[0].fallbacks[U][M], nr);
	EXPECT_CALLS("kf");
}

POOL_TEST_WITH(first_zone, unit_pool_make(&three_nodes), unit_pool_end)
{
	static const unsigned long none;
	struct zb_alloc_policy policy = { .nr_bits = 64 };
	struct zb_alloc_context ac = {
		.node = p->pool.nodes, .policy = &policy,
		.highest_zoneidx = ZB_ZONE_NORMAL,
	};

	EXPECT(zb_first_zone(&ac, 0) == &p->pool.zones[1]);
	ac.highest_zoneidx = ZB_ZONE_DMA32;
	EXPECT(zb_first_zone(&ac, 0) == &p->pool.zones[0]);
	ac.highest_zoneidx = ZB_ZONE_DMA;
	EXPECT(!zb_first_zone(&ac, 0));
	ac.highest_zoneidx = ZB_ZONE_MOVABLE;
	ac.nodemask = &none;
	EXPECT(!zb_first_zone(&ac, 0));
}

/* A node without a region has no zonelist. */
POOL_TEST_WITH(unknown_node, unit_pool_make(&three_nodes), unit_pool_end)
{
	p->pool.ops = &unit_recording_ops;
	EXPECT_EQ(zone_for(p, ZB_GFP_KERNEL, 0, 7, NULL), -1);
	EXPECT_EQ(unit_calls.nid, ZB_NODE_ANY);
	EXPECT_CALLS("F");
	EXPECT_EQ(atomic_long_read(&p->pool.failures), 1);
}

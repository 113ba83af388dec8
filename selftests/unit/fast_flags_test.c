// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-CPU fast path with flags and nodes that zb_fast_alloc_flags() handles: what each
 * of them means, and when the request is left to the freelist path.
 */
#include "unit_fast.h"
#include "unit_ops.h"
#include "unit_unfit.h"

#define U	ZB_MIGRATE_UNMOVABLE

/* Put @nr blocks on the Unmovable list of an order, the last one on top. */
static void fill(struct unit_pool *p, unsigned int order, unsigned int nr,
		 unsigned long *pfn)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		pfn[i] = unit_alloc(p, 0, order);
	unit_pool_drain(p);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(unit_free(p, pfn[i], order), ZB_OK);
}

static unsigned int gap(const struct unit_pool *p, unsigned int order)
{
	return p->pool.zones->pcp->gap[zb_pcp_list(order, U)];
}

POOL_TEST_WITH(comp_marks_blocks_compound, unit_fast_pool(), unit_pool_end)
{
	unsigned int order, mt;
	unsigned long pfn;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		for (order = 0; order < ZB_PCP_ORDERS; order++) {
			zb_gfp_t gfp = mt * __ZB_GFP_MOVABLE;

			ASSERT_EQ(unit_free(p, unit_alloc(p, gfp, order), order), ZB_OK);
			ASSERT(get(p, gfp | __ZB_GFP_COMP, order, &pfn));
			EXPECT_EQ(zb_zone_state(zone, pfn),
				  ZB_STATE(order ? ZB_BLOCK_COMP(mt) : ZB_BLOCK_MT(mt), order));
			EXPECT_EQ(zb_pool_split_page(&p->pool, pfn, order),
				  order ? ZB_BAD_COMPOUND : ZB_OK);
			EXPECT(put(p, pfn, order));
		}
}

/* COLD takes the oldest block; other requests and frees are not affected by the gap. */
POOL_TEST_WITH(cold_takes_the_oldest_block, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[8], got[8];
	unsigned int order, i;

	/* lists of higher orders are shorter than this */
	for (order = 0; order < 7; order++) {
		ASSERT(zone->pcp_limit[order] >= 8);
		unit_pool_drain(p);
		fill(p, order, 8, pfn);
		ASSERT(get(p, __ZB_GFP_COLD, order, &got[0]));
		ASSERT(get(p, __ZB_GFP_COLD, order, &got[1]));
		ASSERT(get(p, 0, order, &got[2]));
		EXPECT_EQ(got[0], pfn[0]);
		EXPECT_EQ(got[1], pfn[1]);
		EXPECT_EQ(got[2], pfn[7]);
		EXPECT_EQ(listed(p, order), 5);
		EXPECT_EQ(gap(p, order), 2);
		unit_pool_quiet(p);
		/* the freelist path sees the same list */
		EXPECT_EQ(unit_alloc(p, __ZB_GFP_COLD, order), pfn[2]);
		EXPECT_EQ(unit_alloc(p, 0, order), pfn[6]);
		EXPECT_EQ(gap(p, order), 3);
		ASSERT(get(p, __ZB_GFP_COLD, order, &got[3]));
		EXPECT_EQ(got[3], pfn[3]);
		ASSERT(get(p, __ZB_GFP_COLD, order, &got[4]));
		ASSERT(get(p, __ZB_GFP_COLD, order, &got[5]));
		EXPECT_EQ(got[5], pfn[5]);
		/* the list is empty, from both ends */
		EXPECT_EQ(listed(p, order), 0);
		EXPECT_NO_GET(p, __ZB_GFP_COLD, order);
		EXPECT_NO_GET(p, 0, order);
		unit_pool_quiet(p);
		for (i = 0; i < 8; i++)
			EXPECT_EQ(unit_free(p, pfn[i], order), ZB_OK);
	}
}

/* Frees close the gap when the list reaches its end, and only then. */
POOL_TEST_WITH(frees_close_the_gap, unit_fast_pool(), unit_pool_end)
{
	unsigned int i, order, limit, nr;
	unsigned long pfn[256], got;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		unit_pool_drain(p);
		limit = zone->pcp_limit[order];
		nr = limit / 2;
		fill(p, order, nr, pfn);
		for (i = 0; i < limit - nr; i++) {
			ASSERT(get(p, __ZB_GFP_COLD, order, &got));
			EXPECT_EQ(got, pfn[i % nr]);
			ASSERT(put(p, got, order));
			EXPECT_EQ(gap(p, order), i + 1);
		}
		ASSERT(get(p, __ZB_GFP_COLD, order, &got));
		EXPECT_NO_PUT(p, got, order);
		EXPECT_EQ(unit_free(p, got, order), ZB_OK);
		EXPECT_EQ(gap(p, order), 0);
		EXPECT_EQ(listed(p, order), nr);
		unit_pool_quiet(p);
		/* a cold free fills in the gap, or moves the list */
		ASSERT(get(p, __ZB_GFP_COLD, order, &got));
		EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, got, order), ZB_OK);
		ASSERT(get(p, __ZB_GFP_COLD, order, &pfn[0]));
		EXPECT_EQ(pfn[0], got);
		EXPECT_EQ(unit_free(p, got, order), ZB_OK);
	}
}

/* A gap that can't become wider is left to the freelist path, which closes it. */
POOL_TEST_WITH(widest_gap, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[256], got;
	unsigned int i;

	ASSERT_EQ(zone->pcp_limit[0], 256);
	fill(p, 0, 256, pfn);
	for (i = 0; i < 255; i++) {
		ASSERT(get(p, __ZB_GFP_COLD, 0, &got));
		EXPECT_EQ(got, pfn[i]);
	}
	EXPECT_EQ(gap(p, 0), 255);
	EXPECT_NO_GET(p, __ZB_GFP_COLD, 0);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_COLD, 0), pfn[255]);
	EXPECT_EQ(gap(p, 0), 0);
	for (i = 0; i < 256; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 0), ZB_OK);
}

/* A listed block with a wrong state byte is not taken from the cold end either. */
POOL_TEST_WITH(damaged_cold_block, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[4];
	u8 state;

	fill(p, 0, 4, pfn);
	state = zb_zone_state(zone, pfn[0]);
	zb_zone_set_state(zone, pfn[0], ZB_STATE(ZB_BLOCK_PCP, 1));
	EXPECT_NO_GET(p, __ZB_GFP_COLD, 0);
	zb_zone_set_state(zone, pfn[0], state);
}

POOL_TEST_WITH(write_stays_below_the_dirty_limit, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[4], got;

	p->pool.tunables.dirty_ratio = 25;
	fill(p, 0, 4, pfn);
	atomic_long_set(&p->pool.nodes->nr_dirty, PB(16) - 1);
	ASSERT(get(p, __ZB_GFP_WRITE, 0, &got));
	EXPECT(put(p, got, 0));
	atomic_long_set(&p->pool.nodes->nr_dirty, PB(16));
	EXPECT_NO_GET(p, __ZB_GFP_WRITE, 0);
	ASSERT(get(p, 0, 0, &got));
	EXPECT(put(p, got, 0));
	atomic_long_set(&p->pool.nodes->nr_dirty, 0);
}

/* A request is charged on the freelist path, if the environment charges at all. */
POOL_TEST_WITH(account_is_charged, unit_fast_pool(), unit_pool_end)
{
	const struct zb_ops *normal = p->pool.ops;
	struct zb_ops charging = *normal;
	unsigned long pfn[4], got;

	charging.charge = unit_recording_ops.charge;
	fill(p, 0, 4, pfn);
	ASSERT(get(p, __ZB_GFP_ACCOUNT, 0, &got));
	EXPECT(put(p, got, 0));
	p->pool.ops = &charging;
	got = zb_fast_alloc_flags(p->pool.nodes, __ZB_GFP_COLD, 0);
	EXPECT_EQ(got, pfn[0]);
	EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, got, 0), ZB_OK);
	EXPECT_NO_GET(p, __ZB_GFP_ACCOUNT, 0);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_ACCOUNT, 0), pfn[3]);
	EXPECT_CALLS("+");
	p->pool.ops = normal;
	EXPECT(put(p, pfn[3], 0));
}

/* ZERO clears the block after all of its frames were checked. */
POOL_TEST_WITH(zero_clears_fit_blocks, unit_fast_pool(), unit_pool_end)
{
	const struct zb_ops *normal = p->pool.ops;
	struct zb_ops clearing = *normal;
	unsigned long pfn[2], got, nr;
	unsigned int order;

	clearing.clear = unit_recording_ops.clear;
	zone->frame_ops = &unit_frame_ops;
	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		unit_unfit_pfn = ZB_NO_PFN;
		unit_pool_drain(p);
		fill(p, order, 2, pfn);
		p->pool.ops = &clearing;
		ASSERT(get(p, __ZB_GFP_ZERO, order, &got));
		EXPECT_EQ(got, pfn[1]);
		EXPECT_EQ(unit_calls.pfn, got);
		EXPECT_EQ(unit_calls.order, order);
		EXPECT_CALLS("0");
		EXPECT(put(p, got, order));
		/* the last frame is unfit: nothing is cleared, and only it is kept out */
		unit_unfit_pfn = got + BIT(order) - 1;
		nr = unit_pool_nr_free(p);
		EXPECT(!zb_fast_alloc(p->pool.nodes, __ZB_GFP_ZERO, order, &got));
		EXPECT_CALLS("");
		EXPECT_EQ(zone->nr_unfit, 1);
		EXPECT_EQ(zb_zone_state(zone, unit_unfit_pfn), ZB_STATE_UNFIT);
		EXPECT_EQ(unit_pool_nr_free(p), nr - 1);
		unit_unfit_pfn = ZB_NO_PFN;
		EXPECT_EQ(zb_zone_recheck(zone, NULL), 1);
		p->pool.ops = normal;
	}
	EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), zb_zone_events(zone, ZB_PGFREE));
}

/* Without ZERO, blocks are not cleared. */
POOL_TEST_WITH(other_flags_do_not_clear, unit_fast_pool(), unit_pool_end)
{
	const struct zb_ops *normal = p->pool.ops;
	struct zb_ops clearing = *normal;
	unsigned long pfn[2], got;

	clearing.clear = unit_recording_ops.clear;
	fill(p, 1, 2, pfn);
	p->pool.ops = &clearing;
	ASSERT(get(p, __ZB_GFP_COLD | __ZB_GFP_COMP, 1, &got));
	EXPECT_EQ(got, pfn[0]);
	EXPECT_CALLS("");
	EXPECT(put(p, got, 1));
	p->pool.ops = normal;
}

/* A block of an order without lists is not taken, even if another task is about to free one. */
POOL_TEST_WITH(orders_without_lists, unit_fast_pool(), unit_pool_end)
{
	const unsigned long nr_pages = BIT(ZB_PCP_ORDERS) - 1;
	unsigned long pfn = unit_take_from(zone, 0, ZB_PCP_ORDERS);

	ASSERT_EQ(pfn, zone->start_pfn);
	ASSERT(zb_zone_claim(zone, pfn, zb_zone_state(zone, pfn)));
	EXPECT_EQ(zb_fast_alloc_exact(p->pool.nodes, 0, nr_pages), ZB_NO_PFN);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_PCP, ZB_PCP_ORDERS));
	unit_give(zone, pfn, ZB_PCP_ORDERS);
}

static void expect_events(const struct zb_zone *zone, unsigned long hit,
			  unsigned long local, unsigned long other)
{
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_HIT), hit);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_MISS), 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_LOCAL), local);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_OTHER), other);
}

/* A CPU has lists of the zones of all nodes. Only its own node counts as local. */
TEST(another_node)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 64, 16 }, { 1, ZB_ZONE_NORMAL, 128, 16 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = &p->pool.zones[1];
	unsigned long pfn, hits, others, frames;
	unsigned int order;

	unit_pool_long_lists(p);
	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = unit_alloc_block(&p->pool, 0, order, 1, NULL);
		ASSERT_EQ(unit_free(p, pfn, order), ZB_OK);
		hits = zb_zone_events(zone, ZB_NUMA_HIT);
		others = zb_zone_events(zone, ZB_NUMA_OTHER);
		frames = zb_zone_events(zone, ZB_PGALLOC);
		pfn = zb_fast_alloc_flags(&p->pool.nodes[1], 0, order);
		ASSERT(pfn != ZB_NO_PFN);
		EXPECT(zb_pfn_zone(&p->pool, pfn) == zone);
		expect_events(zone, hits + 1, order, others + 1);
		EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), frames + BIT(order));
		EXPECT(zb_fast_free(&p->pool, pfn, order));
		/* OTHER_NODE: for a task that runs on the preferred node */
		pfn = zb_fast_alloc_flags(&p->pool.nodes[1], __ZB_GFP_OTHER_NODE, order);
		ASSERT(pfn != ZB_NO_PFN);
		expect_events(zone, hits + 2, order + 1, others + 1);
		EXPECT(zb_fast_free(&p->pool, pfn, order));
		unit_pool_quiet(p);
	}
	expect_events(p->pool.zones, 0, 0, 0);
	unit_pool_end(p);
}

/* The flags with which a bulk allocation may use the fast path. */
POOL_TEST_WITH(flags_of_bulk_requests, unit_fast_pool(), unit_pool_end)
{
	const struct zb_node *node = p->pool.nodes;

	p->pool.tunables.dirty_ratio = 25;
	EXPECT(zb_fast_may_bulk(node, ZB_GFP_KERNEL));
	EXPECT(zb_fast_may_bulk(node, ZB_GFP_KERNEL | __ZB_GFP_WRITE | __ZB_GFP_COLD));
	EXPECT(!zb_fast_may_bulk(node, ZB_GFP_KERNEL | __ZB_GFP_ZERO));
	EXPECT(!zb_fast_may_bulk(node, ZB_GFP_KERNEL | __ZB_GFP_NOFAIL));
	atomic_long_set(&p->pool.nodes->nr_dirty, PB(16));
	EXPECT(!zb_fast_may_bulk(node, ZB_GFP_KERNEL | __ZB_GFP_WRITE));
	EXPECT(zb_fast_may_bulk(node, ZB_GFP_KERNEL));
	atomic_long_set(&p->pool.nodes->nr_dirty, 0);
}

POOL_TEST_WITH(busy_and_low, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[4];

	fill(p, 0, 4, pfn);
	zone->pcp->busy = 1;
	EXPECT_NO_GET(p, __ZB_GFP_COMP, 0);
	zone->pcp->busy = 0;
	unit_set_low(zone, true);
	EXPECT_NO_GET(p, __ZB_GFP_COMP, 0);
	unit_set_low(zone, false);
	EXPECT_NO_GET(p, __ZB_GFP_COMP, ZB_PCP_ORDERS);
	EXPECT_NO_GET(p, __ZB_GFP_COMP | __ZB_GFP_NOFAIL, 0);
	EXPECT_NO_GET(p, __ZB_GFP_COMP | ~ZB_GFP_BITS_MASK, 0);
	EXPECT_NO_GET(p, __ZB_GFP_COMP | __ZB_GFP_DMA | __ZB_GFP_DMA32, 0);
}

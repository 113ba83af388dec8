// SPDX-License-Identifier: GPL-2.0-only
/* The verdict on a failed request: whether it could ever be served. */
#include "mobility.h"
#include "unit_pool.h"

static unsigned int damage_one_in;

static bool give_up(struct zb_pool *pool, bool killable)
{
	(void)pool;
	(void)killable;
	return false;
}

static bool sound(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	(void)pool;
	(void)pfn;
	(void)order;
	return !damage_one_in || unit_below(damage_one_in);
}

static const struct zb_ops ops = {
	.drain_all = unit_drain_all, .wait = give_up, .check_poison = sound,
};

static struct unit_pool *random_pool(void)
{
	struct unit_geometry g = { .nr_zones = 0 };
	unsigned int type;
	int nid, nr_nodes = 1 + unit_below(3);
	unsigned long at = unit_below(600);
	struct unit_pool *p;
	struct unit_zone *z;

	for (nid = 0; nid < nr_nodes; nid++)
		for (type = 0; type < ZB_NR_ZONES; type++) {
			if (unit_below(2) && type != ZB_ZONE_NORMAL)
				continue;
			z = &g.zones[g.nr_zones++];
			z->nid = nid;
			z->type = type;
			z->start = at + unit_below(4);
			z->nr = 1 + unit_below(1 + unit_below(24));
			at = z->start + z->nr;
		}
	g.limit = ZB_PAGEBLOCK_ORDER + unit_below(8);
	g.one_max_order = unit_below(2);
	g.watermarks = true;
	g.no_mobility = unit_below(6) == 0;
	p = unit_pool_make(&g);
	p->pool.ops = &ops;
	return p;
}

/* Damage some free blocks, so that the allocator takes them out of use. */
static void damage(struct unit_pool *p)
{
	unsigned long pfn;
	unsigned int i, order;

	damage_one_in = 2;
	for (i = 0; i < 12; i++) {
		order = unit_below(p->pool.max_order + 1);
		pfn = unit_alloc(p, ZB_GFP_HIGHUSER_MOVABLE, order);
		if (pfn != ZB_NO_PFN)
			EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
	}
	damage_one_in = 0;
	unit_pool_drain(p);
}

static void set_types(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned long i;

	zb_for_each_zone(zone, &p->pool)
		for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
			if (unit_below(6) == 0)
				unit_set_type(zone, i, unit_below(2) ?
					      ZB_MIGRATE_CMA : ZB_MIGRATE_ISOLATE);
}

static void tune(struct unit_pool *p)
{
	struct zb_tunables *t = &p->pool.tunables;
	unsigned int i;

	if (unit_below(3) == 0)
		t->min_free_kbytes = unit_below(1 + unit_below(1 << 16));
	t->watermark_scale_factor = 1 + unit_below(1000);
	for (i = 0; i < ZB_NR_ZONES; i++)
		t->lowmem_reserve_ratio[i] = unit_below(1 + unit_below(60));
	zb_pool_tune(&p->pool, 1 + unit_below(4));
}

static unsigned long random_length(const struct zb_pool *pool)
{
	unsigned int order = unit_below(pool->max_order + 1);
	unsigned long nr = BIT(order);

	/* prefer large sizes, where a wrong verdict is most likely */
	if (unit_below(2))
		order = pool->max_order - unit_below(3);
	if (unit_below(2))
		nr = BIT(order) / 2 + 1 + unit_below((BIT(order) + 1) / 2);
	return nr <= BIT(pool->max_order) ? nr : BIT(pool->max_order);
}

static void random_request(const struct zb_pool *pool,
			   struct zb_alloc_request *req,
			   struct zb_alloc_policy *policy, unsigned long masks[2])
{
	memset(policy, 0, sizeof(*policy));
	policy->nr_bits = 64;
	masks[0] = unit_below(8);
	masks[1] = unit_below(8);
	if (unit_below(4) == 0)
		policy->nodemask = &masks[0];
	if (unit_below(3) == 0)
		policy->cpuset = &masks[1];
	do {
		req->gfp = unit_below(ZB_GFP_BITS_MASK + 1ul);
		if (unit_below(2))
			req->gfp &= unit_below(ZB_GFP_BITS_MASK + 1ul);
		if (unit_below(2))
			req->gfp |= __ZB_GFP_HIGHMEM;
	} while (!zb_gfp_valid(req->gfp));
	req->nr_pages = random_length(pool);
	req->nid = pool->nodes[unit_below(pool->nr_nodes)].nid;
	req->policy = unit_below(8) ? policy : NULL;
}

/* Restore the initial state: nothing allocated, on per-CPU lists or reserved. */
static void empty(struct unit_pool *p)
{
	struct zb_zone *zone;

	unit_pool_drain(p);
	zb_for_each_zone(zone, &p->pool)
		zb_zone_unreserve_idle(zone);
}

static bool served(struct unit_pool *p, const struct zb_alloc_request *req)
{
	unsigned long pfn = zb_pool_alloc_exact(&p->pool, req->gfp, req->nr_pages,
						req->nid, req->policy);

	if (pfn == ZB_NO_PFN)
		return false;
	EXPECT_EQ(unit_free_exact(p, pfn, req->nr_pages), ZB_OK);
	empty(p);
	return true;
}

/* In a pool without allocations, the verdict agrees with the result of the request. */
TEST(verdict_agrees_with_result)
{
	unsigned long masks[2], count[ZB_COULD_SERVE + 1] = { 0 };
	struct zb_alloc_request req;
	struct zb_alloc_policy policy;
	enum zb_verdict verdict;
	unsigned int i, round;
	struct unit_pool *p;

	for (round = 0; round < 300; round++) {
		p = random_pool();
		if (unit_below(3) == 0)
			damage(p);
		if (unit_below(2))
			set_types(p);
		tune(p);
		empty(p);
		for (i = 0; i < 40; i++) {
			random_request(&p->pool, &req, &policy, masks);
			verdict = zb_pool_verdict(&p->pool, &req);
			count[verdict]++;
			ASSERT_EQ(served(p, &req), verdict == ZB_COULD_SERVE);
			EXPECT_EQ(zb_pool_requests_overlap(&p->pool, &req, &req),
				  verdict == ZB_COULD_SERVE);
		}
		unit_pool_quiet(p);
		unit_pool_free(p);
	}
	for (i = ZB_NEVER_ZONE; i <= ZB_COULD_SERVE; i++)
		EXPECT(count[i] > 20);
	unit_note("%lu could be served; no zone %lu, node %lu, block %lu, type %lu, watermark %lu",
		  count[ZB_COULD_SERVE], count[ZB_NEVER_ZONE], count[ZB_NEVER_NODE],
		  count[ZB_NEVER_BLOCK], count[ZB_NEVER_TYPE],
		  count[ZB_NEVER_WATERMARK]);
}

/* Requests overlap if one zone could serve both of them. */
TEST(overlap)
{
	static const unsigned long node0 = 1, node1 = 2;
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 0, 2 }, { 0, ZB_ZONE_NORMAL, 16, 16 },
			{ 1, ZB_ZONE_NORMAL, 32, 16 },
		},
		.nr_zones = 3,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_policy on0 = { .nodemask = &node0, .nr_bits = 64 };
	struct zb_alloc_policy on1 = { .nodemask = &node1, .nr_bits = 64 };
	struct zb_alloc_request any = { ZB_GFP_KERNEL, 4096, 0, NULL };
	struct zb_alloc_request here = { ZB_GFP_KERNEL, 4096, 0, &on0 };
	struct zb_alloc_request there = { ZB_GFP_KERNEL, 1, 0, &on1 };
	struct zb_alloc_request dma = { ZB_GFP_KERNEL | __ZB_GFP_DMA, 1, 0, NULL };
	struct zb_alloc_request small = { ZB_GFP_KERNEL, 1, 0, NULL };
	struct zb_alloc_request invalid = { ZB_GFP_KERNEL, 0, 0, NULL };

	EXPECT(zb_pool_requests_overlap(&p->pool, &any, &small));
	EXPECT(zb_pool_requests_overlap(&p->pool, &any, &there));
	EXPECT(!zb_pool_requests_overlap(&p->pool, &here, &there));
	/* the DMA zone is too small for such a block, so it does not matter for that request */
	EXPECT(!zb_pool_requests_overlap(&p->pool, &any, &dma));
	EXPECT(zb_pool_requests_overlap(&p->pool, &small, &dma));
	EXPECT(!zb_pool_requests_overlap(&p->pool, &invalid, &small));
	EXPECT(!zb_pool_requests_overlap(&p->pool, &small, &invalid));
	unit_pool_end(p);
}

TEST(reasons)
{
	static const unsigned long node7 = 1 << 7;
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 16, 12 } }, .nr_zones = 1,
		.watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_policy far = { .nodemask = &node7, .nr_bits = 64 };
	struct zb_alloc_request req = { ZB_GFP_KERNEL, 1, 0, NULL };
	struct zb_zone *zone = p->pool.zones;
	unsigned int i;

	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	req.nr_pages = 0;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_REQUEST);
	req.nr_pages = BIT(p->pool.max_order) + 1;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_REQUEST);
	req.nr_pages = 1;
	req.gfp = __ZB_GFP_DMA | __ZB_GFP_DMA32;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_REQUEST);
	req.gfp = __ZB_GFP_DMA;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_ZONE);
	req.gfp = ZB_GFP_KERNEL;
	req.policy = &far;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_NODE);
	req.policy = NULL;
	/* The pool does not know this node. */
	req.nid = 7;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_NODE);
	req.nr_pages = 0;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_REQUEST);
	req.nid = 0;
	/* 8 of 12 pageblocks */
	req.nr_pages = PB(8);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(4) + 1;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_WATERMARK);
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(4);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	for (i = 0; i < 4; i++)
		unit_set_type(zone, i, ZB_MIGRATE_CMA);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_TYPE);
	for (i = 0; i < 4; i++)
		unit_set_type(zone, i, ZB_MIGRATE_MOVABLE);
	unit_pool_end(p);
}

/* Mark all of a zone bad, in blocks as large as possible, except for one block of @order. */
static void damage_all_but(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unsigned long other;

	memset(zone->state, 0, zone->nr_pages);
	zone->nr_bad = zone->nr_pages - BIT(order);
	for (; order < zone->max_order; order++) {
		other = (pfn & ~(BIT(order) - 1)) ^ BIT(order);
		zb_zone_set_state(zone, other, ZB_STATE_BAD(order));
	}
}

/* The only block that is not bad serves requests up to its size, wherever it is. */
POOL_TEST_WITH(damaged_blocks, unit_pool_one(8, 8), unit_pool_free)
{
	static const unsigned long at[] = { 0, 0x155, 0x3ff, 0x400, 0x9ab, 0xffe, 0xfff };
	struct zb_alloc_request req = { ZB_GFP_KERNEL, 1, 0, NULL };
	unsigned int i, order, k;
	enum zb_verdict expected;
	unsigned long pfn;

	ASSERT_EQ(zone->max_order, 12);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		for (order = 0; order <= 12; order++) {
			pfn = PB(8) + (at[i] & ~(BIT(order) - 1));
			damage_all_but(zone, pfn, order);
			for (k = 0; k <= 12; k++) {
				expected = k <= order ? ZB_COULD_SERVE : ZB_NEVER_TYPE;
				req.nr_pages = BIT(k);
				req.gfp = ZB_GFP_KERNEL;
				zone->watermark[ZB_ALLOC_WMARK_MIN] = BIT(order) - BIT(k);
				EXPECT_EQ(zb_pool_verdict(&p->pool, &req), expected);
				zone->watermark[ZB_ALLOC_WMARK_MIN] = BIT(order) - BIT(k) + 1;
				EXPECT_EQ(zb_pool_verdict(&p->pool, &req),
					  k <= order ? ZB_NEVER_WATERMARK : ZB_NEVER_TYPE);
				req.gfp |= __ZB_GFP_MEMALLOC;
				EXPECT_EQ(zb_pool_verdict(&p->pool, &req), expected);
				zone->watermark[ZB_ALLOC_WMARK_MIN] = 0;
			}
		}
}

/* Bad frames count for the type that their pageblock has if the zone is unused. */
POOL_TEST_WITH(types_of_damaged_blocks, unit_pool_one(8, 8), unit_pool_free)
{
	struct zb_alloc_request req = { ZB_GFP_KERNEL, 1, 0, NULL };

	unit_set_type(zone, 0, ZB_MIGRATE_CMA);
	unit_set_type(zone, 2, ZB_MIGRATE_RECLAIMABLE);
	unit_set_type(zone, 3, ZB_MIGRATE_UNMOVABLE);
	unit_set_type(zone, 7, ZB_MIGRATE_ISOLATE);
	/* pageblocks 2 and 3 would be one block, if nothing were allocated */
	req.nr_pages = PB(2);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	req.nr_pages = PB(4);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_TYPE);
	/* 100 frames of CMA, one pageblock of Isolate and two others are damaged */
	zb_zone_set_state(zone, PB(8), ZB_STATE_BAD(6));
	zb_zone_set_state(zone, PB(8) + 64, ZB_STATE_BAD(5));
	zb_zone_set_state(zone, PB(8) + 96, ZB_STATE_BAD(2));
	zb_zone_set_state(zone, PB(14), ZB_STATE_BAD(10));
	zb_zone_set_state(zone, PB(13), ZB_STATE_BAD(9));
	zone->nr_bad = 100 + PB(3);
	/* pageblocks 1 to 4 are left for all requests, and 412 frames for movable ones */
	req.nr_pages = 2;
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(4) - 2;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	zone->watermark[ZB_ALLOC_WMARK_MIN]++;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_WATERMARK);
	req.gfp |= __ZB_GFP_MOVABLE;
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(4) + 412 - 2;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	zone->watermark[ZB_ALLOC_WMARK_MIN]++;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_WATERMARK);
}

/* If the rest of a damaged zone is isolated, no request can be served. */
TEST(half_damaged_and_half_isolated)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 } }, .nr_zones = 1, .limit = 11,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_request req = { ZB_GFP_KERNEL, 1, 0, NULL };
	struct zb_zone *zone = p->pool.zones;
	unsigned int i;

	zb_zone_set_state(zone, PB(8), ZB_STATE_BAD(11));
	zone->nr_bad = PB(4);
	for (i = 0; i <= 11; i++) {
		req.nr_pages = BIT(i);
		EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	}
	for (i = 4; i < 8; i++)
		unit_set_type(zone, i, ZB_MIGRATE_ISOLATE);
	req.gfp |= __ZB_GFP_MEMALLOC;
	for (i = 0; i <= 11; i++) {
		req.nr_pages = BIT(i);
		EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_TYPE);
	}
	unit_pool_free(p);
}

/* A block must fit in its zone, even if the zone's max_order is larger. */
TEST(blocks_that_do_not_fit)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 1, 2 }, { 0, ZB_ZONE_NORMAL, 4, 4 },
		},
		.nr_zones = 2, .one_max_order = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_request req = { ZB_GFP_KERNEL | __ZB_GFP_DMA, PB(1), 0, NULL };

	ASSERT_EQ(p->pool.zones[0].max_order, 11);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	req.nr_pages = PB(2);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_BLOCK);
	req.nr_pages = PB(4);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_BLOCK);
	req.gfp = ZB_GFP_KERNEL;
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	unit_pool_end(p);
}

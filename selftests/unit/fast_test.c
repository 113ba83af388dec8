// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-CPU fast path: which requests it serves, which it leaves to the freelist path, and
 * that both have the same results.
 */
#include "unit_fast.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static const unsigned int mobility_flag[ZB_MIGRATE_PCPTYPES] = {
	0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE,
};

static const enum zb_event cpu_events[] = {
	ZB_PGALLOC, ZB_PGFREE, ZB_NUMA_HIT, ZB_NUMA_MISS, ZB_NUMA_FOREIGN,
	ZB_NUMA_LOCAL, ZB_NUMA_OTHER,
};

/* Put a block on the list of an order and a mobility. */
static void prime(struct unit_pool *p, zb_gfp_t gfp, unsigned int order)
{
	unsigned long pfn = unit_alloc(p, gfp, order);

	ASSERT(pfn != ZB_NO_PFN);
	ASSERT_EQ(unit_free(p, pfn, order), ZB_OK);
}

static void prime_all(struct unit_pool *p)
{
	unsigned int mt, order;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		for (order = 0; order < ZB_PCP_ORDERS; order++)
			prime(p, mobility_flag[mt], order);
}

/* The highest zone of a node that is not above @highest. */
static struct zb_zone *own_zone(struct zb_pool *pool, int nid, unsigned int highest)
{
	struct zb_zone *zone, *best = NULL;

	zb_for_each_zone(zone, pool)
		if (zone->nid == nid && zone->type <= highest &&
		    (!best || zone->type > best->type))
			best = zone;
	return best;
}

static void expect_entry(struct zb_pool *pool, const struct zb_node *node,
			 unsigned int index)
{
	const struct zb_fast *fast = &node->fast[index];
	struct zb_zone *zone = NULL;
	unsigned int mt;

	if (zb_gfp_valid(index))
		zone = own_zone(pool, node->nid, zb_gfp_zone(index));
	if (!zone) {
		EXPECT_EQ(fast->migratetype, ZB_PCP_NO_TYPE);
		EXPECT(fast->zone);
		return;
	}
	mt = pool->mobility_disabled ? U : zb_gfp_migratetype(index);
	EXPECT_EQ(fast->zone - pool->zones, zone - pool->zones);
	EXPECT_EQ(fast->migratetype, mt);
	EXPECT_EQ(fast->state, ZB_STATE(ZB_BLOCK_MT(mt), 0));
	/* it is the highest zone that the flags allow, so nothing is reserved in it */
	EXPECT_EQ(zone->lowmem_reserve[zb_gfp_zone(index)], 0);
	EXPECT_EQ(zone->lowmem_reserve[zone->type], 0);
}

TEST(tables_of_all_flags_and_nodes)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 0, 4 }, { 0, ZB_ZONE_DMA32, 4, 30 },
			{ 0, ZB_ZONE_NORMAL, 40, 20 }, { 2, ZB_ZONE_NORMAL, 70, 50 },
			{ 2, ZB_ZONE_MOVABLE, 120, 30 }, { 5, ZB_ZONE_DMA32, 150, 9 },
			{ 7, ZB_ZONE_HIGHMEM, 160, 9 }, { 7, ZB_ZONE_MOVABLE, 169, 9 },
		},
		.nr_zones = 8, .watermarks = true,
	};
	unsigned int i, index, round;
	struct unit_pool *p;

	for (round = 0; round < 2; round++) {
		g.no_mobility = round;
		p = unit_pool_make(&g);
		EXPECT_EQ(p->pool.nr_nodes, 4);
		EXPECT_EQ(p->pool.largest - p->pool.zones, 3);
		for (i = 0; i < p->pool.nr_nodes; i++)
			for (index = 0; index < ZB_NR_FAST; index++)
				expect_entry(&p->pool, &p->pool.nodes[i], index);
		/* change the tunables, which changes the marks */
		p->pool.tunables.min_free_kbytes = 4000;
		p->pool.tunables.lowmem_reserve_ratio[ZB_ZONE_DMA32] = 3;
		zb_pool_tune(&p->pool, 1);
		for (i = 0; i < p->pool.nr_nodes; i++)
			for (index = 0; index < ZB_NR_FAST; index++)
				expect_entry(&p->pool, &p->pool.nodes[i], index);
		unit_pool_end(p);
	}
}

/* All flags with a table entry are served from the zone and list of that entry. */
TEST(all_flags_are_served)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 0, 16 }, { 0, ZB_ZONE_DMA32, 16, 16 },
			{ 0, ZB_ZONE_NORMAL, 32, 16 }, { 0, ZB_ZONE_HIGHMEM, 48, 16 },
			{ 0, ZB_ZONE_MOVABLE, 64, 16 },
		},
		.nr_zones = 5,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned int index, order;
	struct zb_zone *zone;
	unsigned long pfn;

	unit_pool_long_lists(p);
	for (index = 0; index < ZB_NR_FAST; index++)
		for (order = 0; order < ZB_PCP_ORDERS; order++) {
			if (!zb_gfp_valid(index)) {
				EXPECT_NO_GET(p, index, order);
				continue;
			}
			prime(p, index, order);
			ASSERT(get(p, index, order, &pfn));
			zone = zb_pfn_zone(&p->pool, pfn);
			EXPECT_EQ(zone->type, zb_gfp_zone(index));
			EXPECT_EQ(zb_zone_state(zone, pfn),
				  ZB_STATE(ZB_BLOCK_MT(zb_gfp_migratetype(index)), order));
			EXPECT_EQ(pfn % BIT(order), 0);
			unit_pool_quiet(p);
			EXPECT(put(p, pfn, order));
			EXPECT_EQ(zb_zone_state(zone, pfn),
				  ZB_STATE(ZB_BLOCK_PCP, order));
		}
	unit_pool_end(p);
}

/* The fast mark ensures that the low watermark holds after taking the largest listed block. */
TEST(marks)
{
	static const unsigned int largest_listed[] = { 9, 5, 0 };
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 8, 24 }, { 0, ZB_ZONE_NORMAL, 32, 32 },
		},
		.nr_zones = 2, .watermarks = true,
	};
	static const zb_gfp_t kinds[] = {
		__ZB_GFP_DMA32 | __ZB_GFP_MOVABLE, __ZB_GFP_MOVABLE,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned int i, k, order, largest;
	unsigned long low, pfn;
	struct zb_zone *zone;

	for (k = 0; k < ARRAY_SIZE(largest_listed); k++)
		for (i = 0; i < ARRAY_SIZE(kinds); i++) {
			zone = &p->pool.zones[i];
			low = zone->watermark[ZB_ALLOC_WMARK_LOW];
			ASSERT(low);
			largest = largest_listed[k];
			unit_pool_long_lists(p);
			for (order = largest + 1; order < ZB_PCP_ORDERS; order++)
				zone->pcp_limit[order] = 0;
			zone->lowmem_reserve[zone->type] = 77;
			zb_fast_setup(&p->pool);
			EXPECT_EQ(zone->fast_wmark, low + 77 + BIT(largest));
			zone->lowmem_reserve[zone->type] = 0;
			zb_fast_setup(&p->pool);
			EXPECT_EQ(zone->fast_wmark, low + BIT(largest));
			for (order = 0; order <= largest; order++)
				prime(p, kinds[i], order);
			while (zone->nr_free_pcptypes > zone->fast_wmark)
				ASSERT(unit_take(zone, 0, M) != ZB_NO_PFN);
			EXPECT(!zone->below_fast_wmark);
			for (order = 0; order <= largest; order++) {
				EXPECT(unit_watermark_ok(zone, 0,
							 low + BIT(order) - 1,
							 zb_gfp_zone(kinds[i]), 0));
				ASSERT(get(p, kinds[i], order, &pfn));
				EXPECT(put(p, pfn, order));
			}
			ASSERT(unit_take(zone, 0, M) != ZB_NO_PFN);
			EXPECT(zone->below_fast_wmark);
			for (order = 0; order <= largest; order++)
				EXPECT_NO_GET(p, kinds[i], order);
			unit_pool_quiet(p);
			unit_free_all(p);
		}
	unit_pool_end(p);
}

/* The mark includes the lowmem reserve; frames of special migrate types do not count. */
POOL_TEST_WITH(marks_leave_reserves_and_special_types, unit_fast_pool(), unit_pool_end)
{
	static const unsigned int types[] = {
		ZB_MIGRATE_CMA, ZB_MIGRATE_ISOLATE, ZB_MIGRATE_HIGHATOMIC,
	};
	unsigned int i, type;
	unsigned long pfn;

	prime(p, __ZB_GFP_MOVABLE, 0);
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = PB(64);
	zb_fast_setup(&p->pool);
	EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, 0);
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = 0;
	zone->watermark[ZB_ALLOC_WMARK_LOW] = PB(62);
	zb_fast_setup(&p->pool);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		type = types[i];
		ASSERT(get(p, __ZB_GFP_MOVABLE, 0, &pfn));
		EXPECT(put(p, pfn, 0));
		unit_set_type(zone, 62, type);
		unit_set_type(zone, 63, type);
		EXPECT(zone->nr_free_pcptypes <= PB(62));
		EXPECT(zone->nr_free > PB(63));
		EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, 0);
		unit_pool_quiet(p);
		/* change from one special type to another: still not usable */
		unit_set_type(zone, 62, types[(i + 1) % ARRAY_SIZE(types)]);
		EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, 0);
		unit_pool_quiet(p);
		unit_set_type(zone, 62, M);
		unit_set_type(zone, 63, M);
	}
}

POOL_TEST_WITH(flags_left_to_the_freelist_path, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn;
	unsigned int bit;

	prime_all(p);
	p->pool.tunables.dirty_ratio = 100;
	for (bit = 5; bit < 32; bit++) {
		if (ZB_GFP_NO_FAST_PATH >> bit & 1) {
			EXPECT_NO_GET(p, 1u << bit, 0);
			EXPECT_NO_GET(p, 1u << bit | ZB_GFP_KERNEL, 0);
			continue;
		}
		if (!EXPECT(get(p, 1u << bit, 0, &pfn)))
			unit_note("bit %u", bit);
		else
			EXPECT(put(p, pfn, 0));
	}
	EXPECT_EQ(ZB_GFP_NO_FAST_PATH, __ZB_GFP_NOFAIL | ~ZB_GFP_BITS_MASK);
	EXPECT_EQ(ZB_GFP_NO_FAST_PATH & ZB_GFP_FAST_FLAGS, 0);
	/*
	 * Invalid combinations are refused, except ATOMIC with DIRECT_RECLAIM, which is
	 * refused in the slow path only.
	 */
	for (bit = 0; bit < 20000; bit++) {
		zb_gfp_t gfp = unit_random() & unit_random();

		if (!zb_gfp_valid(gfp & ~__ZB_GFP_ATOMIC))
			EXPECT(!get(p, gfp, unit_below(5), &pfn));
	}
}

POOL_TEST_WITH(orders_left_to_the_freelist_path, unit_fast_pool(), unit_pool_end)
{
	static const unsigned int orders[] = {
		10, 11, ZB_MAX_ORDER, ZB_MAX_ORDER + 1, 31, 32, 64, 256, ~0u,
	};
	unsigned long pfn = unit_alloc(p, 0, 0), block;
	unsigned int i;

	prime_all(p);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		EXPECT_NO_GET(p, 0, orders[i]);
		EXPECT_NO_PUT(p, pfn, orders[i]);
	}
	block = unit_alloc(p, 0, 10);
	EXPECT_NO_PUT(p, block, 10);
	EXPECT_EQ(unit_free(p, block, 10), ZB_OK);
	EXPECT(put(p, pfn, 0));
}

POOL_TEST_WITH(last_in_first_out, unit_fast_pool(), unit_pool_end)
{
	unsigned int order, i, nr;
	unsigned long pfn[8], again;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		nr = zone->pcp_limit[order] < 8 ? zone->pcp_limit[order] : 8;
		for (i = 0; i < nr; i++)
			pfn[i] = unit_take(zone, order, M);
		for (i = 0; i < nr; i++)
			EXPECT(put(p, pfn[i], order));
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(order, M)), nr);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), nr << order);
		unit_pool_quiet(p);
		while (i--) {
			ASSERT(get(p, __ZB_GFP_MOVABLE, order, &again));
			EXPECT_EQ(again, pfn[i]);
		}
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
		EXPECT_EQ(zone->pcp->busy, 0);
		for (i = 0; i < nr; i++)
			unit_give(zone, pfn[i], order);
	}
}

POOL_TEST_WITH(empty_lists_are_left_to_the_freelist_path, unit_fast_pool(), unit_pool_end)
{
	struct zb_pcp *pcp = p->pool.zones->pcp;
	unsigned int order, mt;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			EXPECT_NO_GET(p, mobility_flag[mt], order);
			EXPECT_EQ(pcp->busy, 0);
			EXPECT_EQ(pcp->nr_fast_alloc[order], 0);
		}
}

/*
 * The only difference between the paths: the freelist path skips a zone that has enough
 * free frames but no free block of the order, even if the per-CPU list has one. Before the
 * request fails, the list is drained.
 */
POOL_TEST(a_listed_block_suffices, 8, 2)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned long pfn;
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 4; i < ZB_PCP_ORDERS; i++)
		zone->pcp_limit[i] = 0;
	zb_fast_setup(&p->pool);
	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = i % 2;
	ASSERT_EQ(unit_take_from(zone, 0, 3), PB(8));
	for (i = 8; i < ZB_PAGEBLOCK_NR; i++)
		ASSERT_EQ(unit_take_from(zone, 0, 0), PB(8) + i);
	unit_fill_pageblock(zone, 1, M, keep);
	EXPECT(put(p, PB(8), 3));
	EXPECT_EQ(zone->nr_free_pcptypes, ZB_PAGEBLOCK_NR / 2);
	EXPECT(!unit_watermark_ok(zone, 3, 0, ZB_ZONE_NORMAL, 0));
	ASSERT(get(p, __ZB_GFP_MOVABLE, 3, &pfn));
	EXPECT_EQ(pfn, PB(8));
	EXPECT(put(p, PB(8), 3));
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_MOVABLE, 3), PB(8));
	unit_pool_quiet(p);
	unit_free_pageblock(zone, 0);
	unit_free_pageblock(zone, 1);
}

/* A CPU uses only its own lists. */
TEST(own_lists_only)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 } }, .nr_zones = 1, .cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn;

	unit_pool_long_lists(p);
	prime(p, 0, 0);
	zb_env_set_cpu(1);
	EXPECT_NO_GET(p, 0, 0);
	zb_env_set_cpu(0);
	ASSERT(get(p, 0, 0, &pfn));
	zb_env_set_cpu(1);
	EXPECT(put(p, pfn, 0));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 1), 1);
	EXPECT_EQ(zone->pcp[0].nr_fast_alloc[0], 1);
	EXPECT_EQ(zone->pcp[1].nr_fast_free[0], 1);
	zb_env_set_cpu(0);
	unit_pool_end(p);
}

POOL_TEST_WITH(busy_lists_are_left_alone, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, 0, 0);

	zone->pcp->busy = 1;
	EXPECT_NO_GET(p, 0, 0);
	EXPECT_NO_PUT(p, pfn, 0);
	EXPECT_EQ(zone->pcp->busy, 1);
	zone->pcp->busy = 0;
	EXPECT(put(p, pfn, 0));
}

/* On a CPU of a node without a region, the fast path serves nothing. */
POOL_TEST_WITH(no_fast_path_on_a_memoryless_node, unit_fast_pool(), unit_pool_end)
{
	struct zb_node memoryless = { .nid = -1 };
	unsigned int gfp, order;
	unsigned long pfn;

	zb_fast_memoryless_node(&p->pool, &memoryless);
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		prime(p, 0, order);
	for (order = 0; order <= ZB_PCP_ORDERS; order++)
		for (gfp = 0; gfp < 32; gfp++)
			EXPECT(!zb_fast_alloc(&memoryless, gfp, order, &pfn));
	EXPECT_EQ(memoryless.nid, p->pool.nodes->nid);
	EXPECT_EQ(p->pool.zones->pcp->busy, 0);
}

/* All entries of the table are filled in if its memory was zero before. */
POOL_TEST_WITH(tables_in_zeroed_memory, unit_fast_pool(), unit_pool_end)
{
	struct zb_node *node = p->pool.nodes;
	unsigned int i;

	memset(node->fast, 0, sizeof(node->fast));
	zb_fast_setup(&p->pool);
	for (i = 0; i < ZB_NR_FAST; i++)
		EXPECT(node->fast[i].zone == zone);
}

/* A listed block with a wrong state byte is left to the freelist path. */
POOL_TEST_WITH(wrong_state_bytes_are_refused, unit_fast_pool(), unit_pool_free)
{
	unsigned int order, i, list;
	unsigned long top;
	u8 states[] = { 0, ZB_STATE(ZB_BLOCK_UNMOVABLE, 0), ZB_STATE_BAD(0),
			ZB_STATE(ZB_BLOCK_COMP_RECLAIMABLE, 3), 0xff, 0 };

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		prime(p, 0, order);
		list = zb_pcp_list(order, U);
		top = zone->start_pfn +
		      zone->pcp->frame[zone->pcp->top[list] - 1];
		/* on a per-CPU list, but with another order */
		states[5] = ZB_STATE(ZB_BLOCK_PCP, order + 1);
		for (i = 0; i < ARRAY_SIZE(states); i++) {
			zb_zone_set_state(zone, top, states[i]);
			EXPECT_NO_GET(p, 0, order);
			EXPECT_EQ(zone->pcp->busy, 0);
		}
		EXPECT(unit_alloc(p, 0, order) != top);
		EXPECT_EQ(zone->events[ZB_BAD_BLOCK], order + 1);
		EXPECT_EQ(zb_zone_state(zone, top), ZB_STATE_BAD(order));
		/* and it can't be freed either */
		EXPECT_NO_PUT(p, top, order);
	}
}

/* Poisoning requires checks at each allocation and free, so it disables the fast path. */
POOL_TEST_WITH(no_fast_path_with_poisoning, unit_fast_pool(), unit_pool_end)
{
	struct zb_ops ops[] = { unit_recording_ops, unit_recording_ops };
	unsigned long pfn = unit_alloc(p, 0, 0), other;
	const struct zb_ops *normal = p->pool.ops;
	unsigned int i, index;

	ops[0].check_poison = NULL;
	ops[1].poison = NULL;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		p->pool.ops = &ops[i];
		zb_fast_setup(&p->pool);
		for (index = 0; index < ZB_NR_FAST; index++) {
			EXPECT_EQ(p->pool.nodes->fast[index].migratetype,
				  ZB_PCP_NO_TYPE);
			EXPECT_NO_GET(p, index, 0);
		}
		for (index = 0; index < ZB_PCP_ORDERS; index++)
			EXPECT_EQ(!zone->fast_top[zb_pcp_list(index, U)],
				  !!ops[i].poison);
		if (ops[i].poison)
			EXPECT_NO_PUT(p, pfn, 0);
	}
	p->pool.ops = normal;
	zb_fast_setup(&p->pool);
	ASSERT(get(p, 0, 0, &other));
	EXPECT(put(p, other, 0));
	EXPECT(put(p, pfn, 0));
}

/* Events are counted independent of the path. */
TEST(events_include_the_fast_path)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 64, 64 }, { 1, ZB_ZONE_NORMAL, 128, 8 },
		},
		.nr_zones = 2, .cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn, nr[ARRAY_SIZE(cpu_events)], frames = 0, calls = 0;
	unsigned int i, k, order;

	unit_pool_long_lists(p);
	for (i = 0; i < 2; i++) {
		zb_env_set_cpu(i);
		prime_all(p);
	}
	for (i = 0; i < ARRAY_SIZE(nr); i++)
		nr[i] = zb_zone_events(zone, cpu_events[i]);
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (k = 0; k < 5 + order; k++) {
			zb_env_set_cpu(k % 2);
			ASSERT(get(p, 0, order, &pfn));
			EXPECT(put(p, pfn, order));
			frames += BIT(order);
			calls++;
		}
	EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), nr[0] + frames);
	EXPECT_EQ(zb_zone_events(zone, ZB_PGFREE), nr[1] + frames);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_HIT), nr[2] + calls);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_MISS), nr[3]);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_FOREIGN), nr[4]);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_LOCAL), nr[5] + calls);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_OTHER), nr[6]);
	for (i = 0; i < ARRAY_SIZE(nr); i++)
		EXPECT_EQ(zb_zone_events(zone + 1, cpu_events[i]), 0);
	zb_env_set_cpu(0);
	unit_pool_end(p);
}

/* A gap at the start of a list takes no room away from the fast path. */
POOL_TEST_WITH(room_above_a_gap, unit_fast_pool(), unit_pool_end)
{
	unsigned int i, slack = ZB_PCP_SLACK(0);
	unsigned long pfn[64];

	ASSERT(slack <= ARRAY_SIZE(pfn));
	zone->pcp_high = ZB_PCP_CAPACITY(0);
	zb_fast_setup(&p->pool);
	for (i = 0; i < ZB_PCP_CAPACITY(0); i++)
		EXPECT(put(p, unit_take(zone, 0, ZB_MIGRATE_MOVABLE), 0));
	for (i = 0; i < slack; i++)
		EXPECT(get(p, __ZB_GFP_MOVABLE | __ZB_GFP_COLD, 0, &pfn[i]));
	for (i = 0; i < slack; i++)
		EXPECT(put(p, pfn[i], 0));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), ZB_PCP_CAPACITY(0));
}

/* A block of an order without lists is not taken, even if its state byte is that of a list. */
POOL_TEST_WITH(orders_without_lists, unit_fast_pool(), unit_pool_end)
{
	unsigned int order;
	unsigned long pfn;
	u8 state;

	for (order = ZB_PCP_ORDERS; order <= zone->max_order; order++) {
		pfn = unit_take_from(zone, 0, order);
		ASSERT_EQ(pfn, zone->start_pfn);
		state = zb_zone_state(zone, pfn);
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, order));
		EXPECT_NO_GET(p, __ZB_GFP_MOVABLE, order);
		zb_zone_set_state(zone, pfn, state);
		unit_give(zone, pfn, order);
	}
}

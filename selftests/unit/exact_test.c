// SPDX-License-Identifier: GPL-2.0-only
/* Exact allocations from per-CPU lists: blocks are split, and put together again. */
#include "exact.h"
#include "isolate.h"
#include "range_free.h"
#include "unit_fast.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE

static unsigned long top_of(const struct unit_pool *p, unsigned int order)
{
	const struct zb_pcp *pcp = p->pool.zones->pcp;

	return p->pool.zones->start_pfn + pcp->frame[pcp->top[zb_pcp_list(order, U)] - 1];
}

/* Put one block on the list of each order, and nothing else. */
static void one_each(struct unit_pool *p, unsigned long *pfn)
{
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		pfn[order] = unit_alloc(p, 0, order);
	unit_pool_drain(p);
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		ASSERT_EQ(unit_free(p, pfn[order], order), ZB_OK);
}

static unsigned long get_exact(struct unit_pool *p, unsigned long nr, bool fast)
{
	return fast ? zb_fast_alloc_exact(p->pool.nodes, 0, nr) : unit_alloc_exact(p, 0, nr);
}

static void expect_pieces(struct unit_pool *p, unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + BIT(zb_exact_order(nr)), left = nr;
	struct zb_zone *zone = p->pool.zones;
	unsigned int k;

	for (; left; left -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(left);
		EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_MT(U), k));
	}
	for (; pfn < end; pfn += BIT(k)) {
		k = __ffs64(pfn);
		EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_PCP, k));
		EXPECT_EQ(listed(p, k), 2);
		EXPECT_EQ(top_of(p, k), pfn);
	}
}

/* For each length, and in both paths, the lists are the same after the free as before. */
POOL_TEST_WITH(split_and_merge, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn, nr, allocs = 0, frees = 0;
	unsigned int fast, order;

	one_each(p, block);
	allocs = zb_zone_events(zone, ZB_PGALLOC);
	frees = zb_zone_events(zone, ZB_PGFREE);
	for (nr = 3; nr < ZB_PAGEBLOCK_NR; nr++)
		for (fast = 0; fast < 2; fast++) {
			if (!(nr & (nr - 1)))
				continue;
			order = zb_exact_order(nr);
			pfn = get_exact(p, nr, fast);
			ASSERT_EQ(pfn, block[order]);
			EXPECT_EQ(listed(p, order), 0);
			expect_pieces(p, pfn, nr);
			allocs += nr;
			frees += nr;
			EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), allocs);
			if (nr % 16 == 3)
				unit_pool_quiet(p);
			EXPECT_EQ(unit_free_exact(p, pfn, nr), ZB_OK);
			EXPECT_EQ(zb_zone_events(zone, ZB_PGFREE), frees);
			EXPECT_EQ(listed(p, order), 1);
			EXPECT_EQ(top_of(p, order), block[order]);
			if (nr % 16 == 3)
				unit_pool_quiet(p);
		}
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		EXPECT_EQ(listed(p, order), 1);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_HIT), zb_zone_events(zone, ZB_NUMA_LOCAL));
}

/* If a block of the tail is not on top of its list, each piece is freed by itself. */
POOL_TEST_WITH(tail_is_not_on_top, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn, other;

	one_each(p, block);
	other = unit_take(zone, 0, U);
	pfn = get_exact(p, 5, true);
	ASSERT_EQ(pfn, block[3]);
	ASSERT(put(p, other, 0));
	EXPECT_EQ(top_of(p, 0), other);
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
	EXPECT_EQ(listed(p, 3), 0);
	EXPECT_EQ(listed(p, 2), 2);
	EXPECT_EQ(listed(p, 1), 2);
	EXPECT_EQ(listed(p, 0), 4);
	unit_pool_quiet(p);
}

/* Lists that can't be used leave everything to the zone, for allocations and frees. */
POOL_TEST_WITH(lists_cannot_be_used, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn;

	one_each(p, block);
	pfn = get_exact(p, 5, true);
	zone->pcp->busy = 1;
	EXPECT_EQ(get_exact(p, 5, true), ZB_NO_PFN);
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
	zone->pcp->busy = 0;
	EXPECT_EQ(listed(p, 3), 0);
	unit_pool_quiet(p);
	pfn = get_exact(p, 25, true);
	ASSERT_EQ(pfn, block[5]);
	unit_set_low(zone, true);
	EXPECT_EQ(get_exact(p, 50, true), ZB_NO_PFN);
	EXPECT_EQ(unit_free_exact(p, pfn, 25), ZB_OK);
	EXPECT_EQ(listed(p, 5), 0);
	unit_pool_quiet(p);
	unit_set_low(zone, false);
	EXPECT_EQ(get_exact(p, 3 << 9, true), ZB_NO_PFN);
	EXPECT_EQ(zb_fast_alloc_exact(p->pool.nodes, __ZB_GFP_ZERO, 50), ZB_NO_PFN);
}

/* Blocks that are freed in an isolated pageblock are not put on lists. */
POOL_TEST_WITH(isolated, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn, start;

	one_each(p, block);
	pfn = get_exact(p, 5, true);
	start = pfn & ~(ZB_PAGEBLOCK_NR - 1ul);
	ASSERT(zb_pool_isolate_range(&p->pool, start, ZB_PAGEBLOCK_NR));
	unit_pool_drain(p);
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
	EXPECT(!unit_isolated_listed(zone));
	unit_pool_quiet(p);
	zb_pool_unisolate_range(&p->pool, start, ZB_PAGEBLOCK_NR);
}

/* Adjacent blocks that are freed together become one block only if they are aligned. */
POOL_TEST_WITH(unaligned_neighbours, unit_fast_pool(), unit_pool_end)
{
	unsigned long block = unit_take(zone, 3, U), i;

	ASSERT_EQ(zb_pool_split_page(&p->pool, block, 3), ZB_OK);
	for (i = 0; i < 8; i++)
		if (i < 2 || i > 5)
			ASSERT(put(p, block + i, 0));
	unit_pool_drain(p);
	zb_zone_set_state(zone, block + 2, ZB_STATE(ZB_BLOCK_MT(U), 1));
	zb_zone_set_state(zone, block + 3, 0);
	ASSERT(put(p, block + 5, 0));
	EXPECT_EQ(unit_free_exact(p, block + 2, 3), ZB_OK);
	EXPECT_EQ(listed(p, 2), 0);
	unit_pool_quiet(p);
}

/* Memory that is poisoned is freed piece by piece. */
POOL_TEST_WITH(poison, unit_fast_pool(), unit_pool_end)
{
	const struct zb_ops *normal = p->pool.ops;
	struct zb_ops poisoning = *normal;
	unsigned long block[ZB_PCP_ORDERS], pfn;

	one_each(p, block);
	pfn = get_exact(p, 5, true);
	poisoning.poison = unit_recording_ops.poison;
	p->pool.ops = &poisoning;
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
	EXPECT_CALLS("ff");
	EXPECT_EQ(listed(p, 3), 0);
	p->pool.ops = normal;
}

/* The tail goes to the lists of the mobility of its pageblock, and is found there again. */
POOL_TEST_WITH(each_mobility, unit_fast_pool(), unit_pool_end)
{
	unsigned long block, pfn;
	unsigned int mt;
	zb_gfp_t gfp;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		gfp = mt * __ZB_GFP_MOVABLE;
		block = unit_alloc(p, gfp, 3);
		unit_pool_drain(p);
		ASSERT_EQ(unit_free(p, block, 3), ZB_OK);
		pfn = zb_fast_alloc_exact(p->pool.nodes, gfp, 5);
		ASSERT_EQ(pfn, block);
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(0, mt)), 1);
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(1, mt)), 1);
		EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(0, mt)), 0);
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(1, mt)), 0);
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(3, mt)), 1);
	}
}

/* A list that is full, or a CPU that has pcp_high frames, gets no block of the tail. */
POOL_TEST_WITH(no_room_for_the_tail, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn, frames[256];
	unsigned int i, high = zone->pcp_high;

	one_each(p, block);
	zone->pcp_high = zone->pcp->nr_pages - 8;
	pfn = get_exact(p, 5, true);
	ASSERT_EQ(pfn, block[3]);
	EXPECT_EQ(listed(p, 0), 1);
	EXPECT_EQ(listed(p, 1), 1);
	zone->pcp_high = high;
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
	unit_pool_drain(p);
	block[3] = unit_alloc(p, 0, 3);
	ASSERT_EQ(zone->pcp_limit[0], ARRAY_SIZE(frames));
	for (i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i] = unit_alloc(p, 0, 0);
	unit_pool_drain(p);
	for (i = 0; i < ARRAY_SIZE(frames); i++)
		ASSERT(put(p, frames[i], 0));
	ASSERT(put(p, block[3], 3));
	pfn = get_exact(p, 5, true);
	ASSERT_EQ(pfn, block[3]);
	EXPECT_EQ(listed(p, 0), ARRAY_SIZE(frames));
	EXPECT_EQ(listed(p, 1), 1);
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
}

/* The block is not merged because no list has its order, although one has that of the tail. */
POOL_TEST_WITH(too_long_to_merge, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn = get_exact(p, PB(3), false), tail = unit_take(zone, 9, U);

	ASSERT_EQ(tail, pfn + PB(3));
	ASSERT(put(p, tail, 9));
	EXPECT_EQ(unit_free_exact(p, pfn, PB(3)), ZB_OK);
	EXPECT_EQ(listed(p, 9), 2);
	unit_pool_quiet(p);
}

static struct zb_zone *zone_to_park;

static void park_in_lock_hold(void)
{
	if (!zb_env_irqs_off)
		return;
	zb_env_hook = NULL;
	ASSERT(zb_pcp_park(zone_to_park, 0, ZB_PCP_DRAINED));
}

/* If another CPU parks the lists while a block is split, the tail goes to the zone. */
POOL_TEST_WITH(parked_during_the_split, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn;

	one_each(p, block);
	zone_to_park = zone;
	zb_env_hook = park_in_lock_hold;
	pfn = get_exact(p, 5, true);
	zb_env_hook = NULL;
	ASSERT_EQ(pfn, block[3]);
	EXPECT_EQ(zone->pcp->parked, ZB_PCP_DRAINED);
	zb_pcp_drain(zone, 0);
	zb_pcp_unpark(zone, 0, ZB_PCP_DRAINED);
	EXPECT_EQ(zone->nr_free, zone->nr_pages - 5);
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, pfn, 5), ZB_OK);
}

/* A power of two is freed as a block: if its list is full, other blocks leave the list. */
POOL_TEST_WITH(power_of_two_with_a_full_list, unit_fast_pool(), unit_pool_end)
{
	unsigned int i, list = zb_pcp_list(3, ZB_MIGRATE_MOVABLE);
	unsigned long pfn[ZB_PCP_CAPACITY(3) + 1];

	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 3, ZB_MIGRATE_MOVABLE);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		EXPECT_EQ(unit_free_exact(p, pfn[i], 8), ZB_OK);
	EXPECT(zone->events[ZB_PCP_DRAIN] > 0);
	EXPECT_EQ(zone->start_pfn + zone->pcp->frame[zone->pcp->top[list] - 1],
		  pfn[ZB_PCP_CAPACITY(3)]);
}

/* An allocation of a block that has no list is not merged with its listed tail. */
POOL_TEST(merge_without_a_list, 8, 4)
{
	const unsigned int order = ZB_PCP_ORDERS;
	unsigned long pfn, tail;

	unit_pool_long_lists(p);
	pfn = unit_alloc_exact(p, 0, BIT(order) - 1);
	tail = unit_alloc(p, 0, 0);
	ASSERT_EQ(tail, pfn + BIT(order) - 1);
	EXPECT_EQ(unit_free(p, tail, 0), ZB_OK);
	EXPECT_EQ(unit_free_exact(p, pfn, BIT(order) - 1), ZB_OK);
	EXPECT_EQ(zb_zone_state(zone, tail), ZB_STATE(ZB_BLOCK_PCP, 0));
}

/* An aligned allocation that is freed as a range is merged with its tail, too. */
POOL_TEST_WITH(merge_of_a_range, unit_fast_pool(), unit_pool_end)
{
	unsigned long block[ZB_PCP_ORDERS], pfn;

	one_each(p, block);
	pfn = get_exact(p, 3, true);
	EXPECT_EQ(pfn, block[2]);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, 3), ZB_OK);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_PCP, 2));
	EXPECT_EQ(top_of(p, 2), pfn);
}

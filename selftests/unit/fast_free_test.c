// SPDX-License-Identifier: GPL-2.0-only
/* Frees by the per-CPU fast path: which it accepts, and which it leaves to the freelist path. */
#include "unit_fast.h"

#define M	ZB_MIGRATE_MOVABLE

/* Each list has a limit, and so have all lists of a CPU together. */
POOL_TEST_WITH(limits_of_free, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[ZB_PCP_CAPACITY(0) + 1];
	unsigned int i, order, limit;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		limit = zone->pcp_limit[order];
		EXPECT_EQ(zone->fast_top[zb_pcp_list(order, M)],
			  zb_pcp_start[zb_pcp_list(order, M)] + limit);
		ASSERT(limit <= ZB_PCP_CAPACITY(order));
		for (i = 0; i <= limit; i++)
			pfn[i] = unit_take(zone, order, M);
		for (i = 0; i < limit; i++)
			EXPECT(put(p, pfn[i], order));
		EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(order, M)), limit);
		EXPECT_NO_PUT(p, pfn[limit], order);
		EXPECT_EQ(zone->pcp->busy, 0);
		unit_pool_quiet(p);
		EXPECT_EQ(unit_free(p, pfn[limit], order), ZB_OK);
		EXPECT(zb_pcp_nr(zone->pcp, zb_pcp_list(order, M)) <= limit);
		unit_pool_drain(p);
	}
	for (i = 0; i < 12; i++)
		pfn[i] = unit_take(zone, 2, i % 3);
	zone->pcp_high = 40;
	for (i = 0; i < 10; i++)
		EXPECT(put(p, pfn[i], 2));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 40);
	EXPECT_NO_PUT(p, pfn[10], 2);
	EXPECT_EQ(zone->pcp->busy, 0);
	/* reduce the limits, then disable the lists */
	zone->pcp_high = ~0u;
	zone->pcp_limit[2] = 3;
	zb_fast_setup(&p->pool);
	EXPECT_NO_PUT(p, pfn[10], 2);
	unit_pool_drain(p);
	EXPECT(put(p, pfn[10], 2));
	zone->pcp_limit[2] = 0;
	zb_fast_setup(&p->pool);
	EXPECT_NO_PUT(p, pfn[11], 2);
	EXPECT_EQ(unit_free(p, pfn[11], 2), ZB_OK);
}

/* The second zone is the largest one. */
static const struct unit_geometry three_zones = {
	.zones = {
		{ 0, ZB_ZONE_DMA32, 8, 8 }, { 0, ZB_ZONE_NORMAL, 20, 16 },
		{ 1, ZB_ZONE_NORMAL, 40, 4 },
	},
	.nr_zones = 3,
};

/* The fast path refuses invalid frees and leaves it to the freelist path to count them. */
POOL_TEST_WITH(invalid_frees, unit_pool_make(&three_zones), unit_pool_end)
{
	const unsigned long outside[] = {
		0, PB(8) - 1, PB(16), PB(20) - 1, PB(36), PB(40) - 1, PB(44),
		~0ul, ~0ul - 1, 1ul << 32, PB(20) + (1ul << 32),
	};
	unsigned int i, order, claimed;
	unsigned long pfn;

	unit_pool_long_lists(p);
	for (i = 0; i < ARRAY_SIZE(outside); i++)
		for (order = 0; order < 5; order++) {
			EXPECT_NO_PUT(p, outside[i], order);
			EXPECT(!zb_fast_free_full(&p->pool, outside[i], order));
		}
	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = unit_alloc(p, 0, order);
		for (claimed = 0; claimed < 6; claimed++)
			if (claimed != order)
				EXPECT_NO_PUT(p, pfn, claimed);
		/* frames inside the block */
		for (i = 1; i < BIT(order); i++)
			for (claimed = 0; claimed < ZB_PCP_ORDERS; claimed++)
				EXPECT_NO_PUT(p, pfn + i, claimed);
		EXPECT(put(p, pfn, order));
		/* double frees: of a block on a per-CPU list, and of a free block */
		for (claimed = 0; claimed < ZB_PCP_ORDERS; claimed++) {
			EXPECT_NO_PUT(p, pfn, claimed);
			EXPECT(!zb_fast_free_full(&p->pool, pfn, claimed));
		}
		unit_pool_drain(p);
		for (claimed = 0; claimed < ZB_PCP_ORDERS; claimed++)
			EXPECT_NO_PUT(p, pfn, claimed);
	}
	for (i = 0; i < ZB_NR_BAD; i++)
		EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[i]), 0);
}

/*
 * A free to a full list frees up to four of the coldest frames, or more if they are adjacent.
 * Those that remain are in the same order as before.
 */
POOL_TEST_WITH(full_lists_of_frames, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[1024], before;
	unsigned int i, nr, cold = 0, nr_full = 0, list = zb_pcp_list(0, M);
	struct zb_pcp *pcp = zone->pcp;

	zone->pcp_high = 256;
	zone->fast_top[list] += ZB_PCP_SLACK(0);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, M);
	/* most of them are not adjacent to those before */
	for (i = 0; i < ARRAY_SIZE(pfn) / 2; i++) {
		nr = unit_below(ARRAY_SIZE(pfn) / 2);
		before = pfn[i];
		pfn[i] = pfn[nr];
		pfn[nr] = before;
	}
	for (i = 0; i < ARRAY_SIZE(pfn); i++) {
		before = zone->nr_free;
		if (!put(p, pfn[i], 0)) {
			EXPECT(zb_fast_free_full(&p->pool, pfn[i], 0));
			nr_full++;
		}
		EXPECT_EQ(zb_zone_state(zone, pfn[i]), ZB_STATE(ZB_BLOCK_PCP, 0));
		EXPECT(!zb_fast_free_full(&p->pool, pfn[i], 0));
		nr = zone->nr_free - before;
		EXPECT(nr <= 4 || zone->start_pfn + pcp->frame[zb_pcp_first(pcp, list)] - 1 ==
				  pfn[cold + nr - 1]);
		for (; nr; nr--)
			EXPECT_EQ(zb_zone_state(zone, pfn[cold++]), 0);
		EXPECT(zb_pcp_nr_pages(zone, 0) <= 256);
		EXPECT_EQ(zb_pcp_nr(pcp, list), i + 1 - cold);
		/* the sentinel is below the oldest frame */
		EXPECT_EQ(pcp->frame[zb_pcp_first(pcp, list) - 1],
			  pcp->frame[zb_pcp_start[list] - 1]);
		for (nr = 0; nr < zb_pcp_nr(pcp, list); nr += 1 + unit_below(40))
			EXPECT_EQ(zone->start_pfn + pcp->frame[zb_pcp_first(pcp, list) + nr],
				  pfn[cold + nr]);
		unit_pool_quiet(p);
	}
	EXPECT(nr_full > 100 && cold > 700);
	EXPECT_EQ(zb_zone_events(zone, ZB_PGFREE), ARRAY_SIZE(pfn));
}

/*
 * Fill the list of @mt with 16 frames, whose addresses are @step apart, and free another frame
 * to it. Returns the number of frames that the zone gets.
 */
static unsigned long free_one_too_many(struct unit_pool *p, unsigned int mt, unsigned int step)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long before, pfn = zone->start_pfn + PB(mt) + 64;
	unsigned int i;

	unit_fill_pageblock(zone, mt, mt, NULL);
	unit_set_type(zone, mt, mt);
	zone->pcp_high = 16;
	for (i = 0; i < 16; i++, pfn += step)
		EXPECT(put(p, pfn, 0));
	EXPECT(!put(p, pfn, 0));
	before = zone->nr_free;
	EXPECT(zb_fast_free_full(&p->pool, pfn, 0));
	EXPECT_EQ(zone->pcp->frame[zone->pcp->top[mt] - 1], pfn - zone->start_pfn);
	return zone->nr_free - before;
}

/* If the coldest frames are not adjacent, the fast path does all of it, for any mobility. */
POOL_TEST_WITH(fast_frees_to_full_lists, unit_fast_pool(), unit_pool_free_and_end)
{
	struct zb_pcp *pcp = zone->pcp;
	unsigned long before;
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		unit_pool_drain(p);
		before = pcp->nr_fast_free[0];
		pcp->streak = 3;
		EXPECT_EQ(free_one_too_many(p, mt, 2), 4);
		EXPECT_EQ(pcp->nr_fast_free[0], before + 17);
		/* after a free, refills are small again */
		EXPECT_EQ(pcp->streak, 0);
	}
}

/* If they are adjacent, as many of them are freed as by any other drain. */
POOL_TEST_WITH(adjacent_frames_of_a_full_list, unit_fast_pool(), unit_pool_free_and_end)
{
	zone->pcp_batch[0] = 8;
	EXPECT_EQ(free_one_too_many(p, ZB_MIGRATE_UNMOVABLE, 1), 8);
}

/* The same with blocks of several orders and mobilities, whose lists are too long together. */
POOL_TEST_WITH(full_lists_of_blocks, unit_fast_pool(), unit_pool_end)
{
	struct { unsigned long pfn; unsigned int order; } held[1500];
	unsigned int i, k, nr_full = 0, nr_zone = 0;
	u8 state;

	zone->pcp_high = 200;
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		held[i].order = unit_below(8) ? unit_below(3) : unit_below(7);
		held[i].pfn = unit_take(zone, held[i].order, unit_below(3));
		ASSERT(held[i].pfn != ZB_NO_PFN);
	}
	while (i) {
		k = unit_below(i--);
		if (!put(p, held[k].pfn, held[k].order)) {
			EXPECT(zb_fast_free_full(&p->pool, held[k].pfn, held[k].order));
			nr_full++;
		}
		state = zb_zone_state(zone, held[k].pfn);
		EXPECT(!state || state == ZB_STATE(ZB_BLOCK_PCP, held[k].order));
		nr_zone += !state;
		EXPECT(zb_pcp_nr_pages(zone, 0) < 200 + BIT(6));
		if (!unit_below(8))
			unit_pool_quiet(p);
		held[k] = held[i];
	}
	EXPECT(nr_full > 100 && nr_zone > 10);
}

/* Compound blocks and blocks of all zones are accepted. */
TEST(frees_of_all_kinds)
{
	struct unit_pool *p = unit_pool_make(&three_zones);
	unsigned int order, mt, i;
	struct zb_zone *zone;
	unsigned long pfn;

	unit_pool_long_lists(p);
	EXPECT_EQ(p->pool.largest - p->pool.zones, 1);
	for (i = 0; i < 3; i++)
		for (order = 0; order < ZB_PCP_ORDERS; order++)
			for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
				zone = &p->pool.zones[i];
				pfn = unit_take(zone, order, mt);
				EXPECT(put(p, pfn, order));
				EXPECT_EQ(zb_zone_state(zone, pfn),
					  ZB_STATE(ZB_BLOCK_PCP, order));
				unit_pool_drain(p);
				pfn = unit_take(zone, order, mt);
				zb_zone_set_state(zone, pfn,
						  ZB_STATE(ZB_BLOCK_COMP(mt), order));
				EXPECT(put(p, pfn, order));
				unit_pool_quiet(p);
				unit_pool_drain(p);
			}
	unit_pool_end(p);
}

POOL_TEST_WITH(special_types_are_not_listed, unit_fast_pool(), unit_pool_end)
{
	static const unsigned int types[] = {
		ZB_MIGRATE_CMA, ZB_MIGRATE_ISOLATE, ZB_MIGRATE_HIGHATOMIC,
	};
	unsigned int i, order;
	unsigned long pfn, pb;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		for (order = 0; order < ZB_PCP_ORDERS; order++) {
			pfn = unit_take(zone, order, M);
			pb = (pfn - zone->start_pfn) / ZB_PAGEBLOCK_NR;
			unit_set_type(zone, pb, types[i]);
			EXPECT_NO_PUT(p, pfn, order);
			EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
			EXPECT_EQ(zb_zone_nr_cached(zone), 0);
			unit_set_type(zone, pb, M);
		}
}

/* Blocks of all zones are freed in the fast path, not only those of the largest zone. */
TEST(zones_of_any_size)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_DMA32, 8, 2 }, { 0, ZB_ZONE_NORMAL, 10, 4 } },
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone;
	unsigned long pfn;

	unit_pool_long_lists(p);
	zb_for_each_zone(zone, &p->pool) {
		pfn = unit_take(zone, 0, ZB_MIGRATE_MOVABLE);
		EXPECT(put(p, pfn, 0));
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 1);
	}
	unit_pool_end(p);
}

/* The number of a frame in its zone is right even if the zone starts at a low address. */
POOL_TEST(zone_at_a_low_address, 2, 16)
{
	unsigned long pfn;

	unit_pool_long_lists(p);
	pfn = unit_take_from(zone, 0, 0);
	EXPECT(put(p, pfn, 0));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 1);
}

/* No list becomes longer than the space for it, even if there is a gap at its start. */
POOL_TEST_WITH(list_up_to_its_end, unit_fast_pool(), unit_pool_free_and_end)
{
	struct zb_pcp *pcp = zone->pcp;

	zone->fast_top[0] = zb_pcp_start[0] + 16;
	EXPECT_EQ(free_one_too_many(p, ZB_MIGRATE_UNMOVABLE, 2), 4);
	EXPECT_EQ(pcp->top[0], zb_pcp_start[0] + 13);
	EXPECT_EQ(pcp->gap[0], 0);
}

/* Making room on full lists ends a series of refills; the next one takes as many as the first. */
POOL_TEST_WITH(room_ends_a_series_of_refills, unit_fast_pool(), unit_pool_free_and_end)
{
	unsigned int i, high;

	unit_fill_pageblock(zone, 0, M, NULL);
	for (high = 8; high <= 16; high += 8) {
		zone->pcp_high = high;
		for (i = zb_pcp_nr_pages(zone, 0); i < high; i++)
			EXPECT(put(p, zone->start_pfn + 20ul * high + 2ul * i, 0));
		zone->pcp->streak = 1;
		EXPECT(zb_fast_free_full(&p->pool, zone->start_pfn + 2ul * high, 0));
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), high - 3);
		EXPECT_EQ(zone->pcp->streak, 0);
	}
}

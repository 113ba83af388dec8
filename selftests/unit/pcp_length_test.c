// SPDX-License-Identifier: GPL-2.0-only
/* The length of per-CPU lists, depending on the size of the zone and on free memory. */
#include "unit_holds.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE

static unsigned int at_most(unsigned long n, unsigned int max)
{
	return n < max ? n : max;
}

/* Set up a zone that has only a size and a low watermark. */
static void setup(struct zb_zone *zone, unsigned long nr_pages,
		  unsigned long low, unsigned int cpus, unsigned int fraction)
{
	memset(zone, 0, sizeof(*zone));
	zone->nr_pages = nr_pages;
	zone->watermark[ZB_ALLOC_WMARK_LOW] = low;
	zb_pcp_setup(zone, cpus, fraction);
}

TEST(lengths_by_size)
{
	static const struct {
		unsigned long nr_pages, low;
		unsigned int cpus, fraction;
		unsigned int high, batch;
	} cases[] = {
		/* the low watermark divided by the number of CPUs, but at most 256 */
		{ 262144, 1286, 1, 0, 256, 64 }, { 262144, 1286, 4, 0, 256, 64 },
		{ 262144, 1286, 8, 0, 160, 64 }, { 262144, 1000, 4, 0, 250, 64 },
		{ 131072, 1286, 8, 0, 160, 64 }, { 131072, 1000, 4, 0, 250, 64 },
		/* a batch is a word if the list has one, otherwise 1/4096 of the zone */
		{ 131072, 256, 4, 0, 64, 64 }, { 131072, 255, 4, 0, 63, 32 },
		{ 131071, 255, 4, 0, 63, 16 }, { 512, 64, 1, 0, 64, 64 },
		{ 512, 63, 1, 0, 63, 1 },
		/* however many CPUs there are, all lists together have no more than that */
		{ 262144, 1286, 64, 0, 20, 64 }, { 131072, 100, 4, 0, 25, 32 },
		{ 65536, 100, 4, 0, 25, 16 }, { 16384, 100, 64, 0, 1, 4 },
		{ 8191, 100, 128, 0, 0, 1 }, { 512, 0, 64, 0, 0, 1 }, { 512, 56, 1, 0, 56, 1 },
		/* percpu_pagelist_high_fraction: a fraction of the zone, without a limit */
		{ 262144, 1286, 4, 8, 8192, 64 }, { 262144, 1286, 1, 1, 262144, 64 },
		{ 262144, 1286, 8, 1024, 32, 64 }, { 8192, 9, 2, 64, 64, 64 },
		{ 4096, 9, 1, ~0u, 0, 1 },
	};
	struct zb_zone zone;
	unsigned int i, k, limit, most, batch;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(&zone, cases[i].nr_pages, cases[i].low, cases[i].cpus,
		      cases[i].fraction);
		if (!EXPECT_EQ(zone.pcp_high, cases[i].high))
			unit_note("case %u", i);
		for (k = 0; k < ZB_PCP_ORDERS; k++) {
			limit = at_most(cases[i].high >> k, ZB_PCP_CAPACITY(k));
			/* a word may be the whole list of single frames */
			most = limit / 2;
			if (!k && cases[i].batch == 64 && limit >= 64)
				most = limit;
			batch = at_most(cases[i].batch >> k, most);
			EXPECT_EQ(zone.pcp_limit[k], limit);
			EXPECT_EQ(zone.pcp_batch[k], batch ?: 1);
		}
	}
	/* larger than the type of the field */
	setup(&zone, 1ul << 40, 9, 1, 1);
	EXPECT_EQ(zone.pcp_high, ~0u);
}

/* Tuning sets the lists of all zones, according to their sizes. */
TEST(tune_sets_all_zones)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 8, 8 }, { 0, ZB_ZONE_NORMAL, 16, 100 },
			{ 1, ZB_ZONE_NORMAL, 200, 32 },
		},
		.nr_zones = 3, .cpus = 4, .watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(zone[i].pcp_high,
			  at_most(zone[i].watermark[ZB_ALLOC_WMARK_LOW] / 4, 256));
	EXPECT_EQ(zone[0].pcp_batch[0], 1);
	EXPECT_EQ(zone[1].pcp_batch[0], 64);
	p->pool.tunables.pcp_high_fraction = 100;
	zb_pool_tune(&p->pool, 5);
	EXPECT_EQ(zone[0].pcp_high, PB(8) / 500);
	EXPECT_EQ(zone[1].pcp_high, PB(100) / 500);
	EXPECT_EQ(zone[2].pcp_high, PB(32) / 500);
	/* four CPUs use their lists */
	zb_pool_tune(&p->pool, 2);
	EXPECT_EQ(zone[0].pcp_high, PB(8) / 400);
	EXPECT_EQ(zone[1].pcp_high, PB(100) / 400);
	EXPECT_EQ(zone[2].pcp_high, PB(32) / 400);
	unit_pool_end(p);
}

/* With less than four batches left, refills are smaller. */
POOL_TEST(refills_near_exhaustion, 8, 8)
{
	unsigned long pfn, before, left;
	unsigned int i, order;

	unit_pool_long_lists(p);
	for (left = 4000; left; left -= 1 + unit_below(1 + left / 4)) {
		while (zone->nr_free > left)
			ASSERT(unit_take(zone, 0, U) != ZB_NO_PFN);
		for (i = 0; i < ZB_PCP_ORDERS; i++) {
			order = i;
			before = zone->nr_free;
			pfn = zb_rmqueue(zone, zone, BIT(order), U, 0, 0);
			if (pfn == ZB_NO_PFN)
				continue;
			/* a quarter of the free frames, but at least one block */
			EXPECT(before - zone->nr_free <=
			       (before / 4 > BIT(order) ? before / 4 : BIT(order)));
			unit_give(zone, pfn, order);
			unit_pool_drain(p);
			EXPECT_EQ(zone->nr_free, before);
		}
	}
	unit_free_all(p);
}

/* The largest number of frames on the lists of a CPU while @nr blocks are freed. */
static unsigned long most_cached(struct unit_pool *p, unsigned int nr,
				 unsigned int round)
{
	struct { unsigned long pfn; unsigned int order; } held[3000];
	struct zb_zone *zone = p->pool.zones;
	unsigned long now, most = 0;
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		held[i].order = round < 4 ? round : unit_below(5);
		held[i].pfn = unit_take(zone, held[i].order, i % 3);
		ASSERT(held[i].pfn != ZB_NO_PFN);
	}
	while (i) {
		k = unit_below(i);
		unit_free_unref(zone, held[k].pfn, held[k].order,
				unit_below(2));
		held[k] = held[--i];
		now = zb_pcp_nr_pages(zone, 0);
		most = now > most ? now : most;
	}
	unit_pool_quiet(p);
	unit_pool_drain(p);
	return most;
}

/* Lists do not hold much more than their limit, whatever is freed. */
TEST(frames_of_a_cpu_are_bounded)
{
	static const struct {
		unsigned long nr;
		unsigned int blocks;
	} cases[] = { { 512, 3000 }, { 64, 3000 }, { 9, 400 }, { 8, 400 } };
	unsigned long most, high;
	struct unit_pool *p;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (round = 0; round < 6; round++) {
			p = unit_pool_one(cases[i].nr, cases[i].nr);
			high = p->pool.zones->pcp_high;
			most = most_cached(p, cases[i].blocks, round);
			/* single frames fill at most three lists */
			if (!EXPECT(most >= at_most(high, 3 * ZB_PCP_CAPACITY(0)) * 3 / 4) ||
			    !EXPECT(most <= high + high / 4))
				unit_note("%lu pageblocks: %lu frames, expected %lu",
					  cases[i].nr, most, high);
			unit_pool_end(p);
		}
}

/* After the limits were reduced, frees shorten lists that are too long. */
POOL_TEST(shorter_lists_at_run_time, 8, 8)
{
	static const unsigned int lengths[] = { 40, 8, 5 };
	unsigned long pfn[ZB_PCP_CAPACITY(0) + 16];
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(lengths); k++) {
		unit_pool_long_lists(p);
		for (i = 0; i < ARRAY_SIZE(pfn); i++)
			pfn[i] = unit_take(zone, 0, M);
		for (i = 0; i < ZB_PCP_CAPACITY(0); i++)
			unit_free_unref(zone, pfn[i], 0, false);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), ZB_PCP_CAPACITY(0));
		zb_pcp_setup(zone, 1, zone->nr_pages / lengths[k]);
		EXPECT_EQ(zone->pcp_limit[0], lengths[k]);
		EXPECT_EQ(zone->pcp_batch[0], 1);
		for (; i < ARRAY_SIZE(pfn); i++)
			unit_free_unref(zone, pfn[i], 0, false);
		EXPECT(zb_pcp_nr_pages(zone, 0) <= lengths[k]);
		unit_pool_quiet(p);
		unit_pool_drain(p);
	}
	/* with lists of an order disabled, blocks on them can still be allocated */
	unit_pool_long_lists(p);
	pfn[0] = unit_take(zone, 9, M);
	unit_free_unref(zone, pfn[0], 9, false);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 512);
	zb_pcp_setup(zone, 1, 0);
	EXPECT_EQ(zone->pcp_limit[9], 0);
	EXPECT_EQ(zb_rmqueue(zone, zone, BIT(9), M, 0, 0), pfn[0]);
	unit_free_unref(zone, pfn[0], 9, false);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
}

/* With percpu_pagelist_high_fraction, the limit is shared by all lists of a CPU. */
POOL_TEST(one_list_does_not_starve_the_others, 8, 8)
{
	unsigned long pfn[3][40];
	unsigned int i, mt;

	zb_pcp_setup(zone, 1, PB(8) / 32);
	EXPECT_EQ(zone->pcp_high, 32);
	for (mt = 0; mt < 3; mt++)
		for (i = 0; i < 40; i++)
			pfn[mt][i] = unit_take(zone, 0, mt);
	for (i = 0; i < 40; i++)
		for (mt = 0; mt < 3; mt++)
			unit_free_unref(zone, pfn[mt][i], 0, false);
	for (mt = 0; mt < 3; mt++) {
		/* a third for each list, but a drain may just have halved one */
		EXPECT(zb_pcp_nr(zone->pcp, zb_pcp_list(0, mt)) >= 32 / 3 / 2);
		EXPECT(zb_pcp_nr(zone->pcp, zb_pcp_list(0, mt)) <= 12);
		/* the hottest frames of each list have been kept */
		EXPECT_EQ(zb_zone_state(zone, pfn[mt][39]),
			  ZB_STATE(ZB_BLOCK_PCP, 0));
		EXPECT_EQ(zb_zone_state(zone, pfn[mt][0]), 0);
	}
	EXPECT(zb_pcp_nr_pages(zone, 0) <= 33);
}

/*
 * In a row of moves in one direction, the number of blocks grows up to 64 batches. Those of a
 * drain are in one word.
 */
POOL_TEST(a_move_is_at_most_64_batches, 8, 8)
{
	static const unsigned int taken[] = { 1, 2, 4, 8, 16, 32, 64, 64, 64 };
	static const unsigned int given[] = { 1, 2, 4, 8, 16, 32, 4, 61, 64, 64 };
	unsigned int i, k, nr = 0;
	unsigned long before, pfn[704];

	unit_pool_long_lists(p);
	for (i = 0; i < ZB_PCP_ORDERS; i++)
		zone->pcp_batch[i] = 1;
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		before = zone->nr_free;
		for (k = 0; k < taken[i]; k++)
			pfn[nr++] = unit_alloc(p, __ZB_GFP_MOVABLE, 0);
		EXPECT_EQ(before - zone->nr_free, taken[i]);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
		EXPECT_EQ(zb_zone_events(zone, ZB_PCP_REFILL), i + 1);
	}
	while (nr < ARRAY_SIZE(pfn))
		pfn[nr++] = unit_take(zone, 0, M);
	/* the first frame to be drained is the last one of its word, and the 64th its first one */
	EXPECT_EQ(pfn[nr - 1] % 64, 63);
	for (i = 0; i < ZB_PCP_CAPACITY(0); i++)
		EXPECT_EQ(unit_free(p, pfn[--nr], 0), ZB_OK);
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		before = zone->nr_free;
		for (k = 0; k < given[i]; k++)
			EXPECT_EQ(unit_free(p, pfn[--nr], 0), ZB_OK);
		EXPECT_EQ(zone->nr_free - before, given[i]);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), ZB_PCP_CAPACITY(0));
	}
	unit_free_all(p);
}

/* The frames of each drain are freed exactly, in whatever order they are on the list. */
POOL_TEST(drains_of_all_orders_of_frames, 8, 8)
{
	static const int steps[] = { 1, -1, 2, -2, 3, 0 };
	unsigned long pfn[256 + 400];
	unsigned int s, i, nr = ARRAY_SIZE(pfn), at;
	int step;

	unit_pool_long_lists(p);
	zone->pcp_high = 256;
	for (s = 0; s < ARRAY_SIZE(steps); s++) {
		for (i = 0; i < nr; i++)
			pfn[i] = unit_take(zone, 0, M);
		step = steps[s] ?: (int)unit_below(5) - 2;
		for (i = at = 0; i < nr; i++) {
			/* 0 changes direction from time to time */
			if (!steps[s] && !unit_below(9))
				step = (int)unit_below(5) - 2;
			while (pfn[at] == ZB_NO_PFN)
				at = (at + 1) % nr;
			EXPECT_EQ(unit_free(p, pfn[at], 0), ZB_OK);
			EXPECT_EQ(zb_zone_state(zone, pfn[at]), ZB_STATE(ZB_BLOCK_PCP, 0));
			pfn[at] = ZB_NO_PFN;
			EXPECT(zb_pcp_nr_pages(zone, 0) <= 256);
			at = (at + nr + step) % nr;
			unit_pool_quiet(p);
		}
		unit_pool_drain(p);
		unit_state_equal(p, p->initial);
	}
}

/* After each free, the lists of a CPU have at most zb_zone.pcp_high frames. */
POOL_TEST(frames_of_a_cpu_after_each_free, 8, 8)
{
	unsigned long pfn[40];
	unsigned int i;

	unit_pool_long_lists(p);
	zone->pcp_high = 10;
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, i % 3);
	for (i = 0; i < ARRAY_SIZE(pfn); i++) {
		unit_free_unref(zone, pfn[i], 0, false);
		EXPECT(zb_pcp_nr_pages(zone, 0) <= 10);
		EXPECT_EQ(zb_zone_state(zone, pfn[i]), ZB_STATE(ZB_BLOCK_PCP, 0));
		if (i < 10)
			EXPECT_EQ(zb_pcp_nr_pages(zone, 0), i + 1);
	}
}

/* Lists are shortened in turn, each by up to half of its blocks, and one by one free. */
POOL_TEST(lists_are_shortened_in_turn, 8, 8)
{
	static const unsigned int lengths[][3] = {
		{ 48, 24, 48 }, { 48, 24, 24 }, { 24, 24, 24 }, { 24, 12, 24 }, { 25, 12, 12 },
	};
	unsigned int i, mt;

	unit_pool_long_lists(p);
	for (mt = 0; mt < 3; mt++)
		for (i = 0; i < 48; i++)
			unit_free_unref(zone, unit_take(zone, 0, mt), 0, false);
	zone->pcp_high = 50;
	/* the next list of each free is the one after that which was shortened last */
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		unit_free_unref(zone, unit_take(zone, 0, U), 0, false);
		for (mt = 0; mt < 3; mt++)
			EXPECT_EQ(zb_pcp_nr(zone->pcp, zb_pcp_list(0, mt)), lengths[i][mt]);
	}
	unit_free_all(p);
}

/*
 * Frees to a list with a lowered limit take it down to that limit, a few batches each, and
 * until then add nothing to it.
 */
POOL_TEST(frees_apply_a_lowered_limit, 8, 8)
{
	unsigned long pfn[ZB_PCP_CAPACITY(0)];
	unsigned int i, nr, left = ZB_PCP_CAPACITY(0);

	unit_pool_long_lists(p);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, M);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		unit_free_unref(zone, pfn[i], 0, false);
	zone->pcp_limit[0] = 40;
	for (i = 0; left > 40; i++) {
		unit_free_unref(zone, unit_take(zone, 0, M), 0, false);
		nr = zb_pcp_nr(zone->pcp, zb_pcp_list(0, M));
		EXPECT(nr < left && left - nr <= 2 * ZB_PCP_BATCH_MAX);
		left = nr;
	}
	EXPECT(i <= 5);
	EXPECT_EQ(zb_zone_state(zone, pfn[ARRAY_SIZE(pfn) - 41]), 0);
}

/* Shortening a list is a row of drains, of 4, 8, 16 blocks and then half of the rest. */
POOL_TEST(shortening_moves_more_each_time, 8, 8)
{
	static const unsigned int lengths[] = { 48 - 4, 44 - 8, 36 - 16, 20 - 10, 10 - 5 + 1 };
	unsigned int i;

	unit_pool_long_lists(p);
	zone->pcp_batch[0] = 4;
	for (i = 0; i < 48; i++)
		unit_free_unref(zone, unit_take(zone, 0, M), 0, false);
	zone->pcp_high = 10;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		unit_free_unref(zone, unit_take(zone, 0, M), 0, false);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), lengths[i]);
	}
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 4 + 8 + 16 + 10 + 5);
}

/* After a drain, batches are small, and the first list is the next one to be shortened. */
POOL_TEST(drain_starts_anew, 4, 4)
{
	struct zb_pcp *pcp = zone->pcp;

	pcp->streak = 3;
	pcp->rotor = 7;
	unit_pool_drain(p);
	EXPECT_EQ(pcp->streak, 0);
	EXPECT_EQ(pcp->rotor, 0);
	/* also if the CPU drains its own lists */
	pcp->streak = 3;
	zb_pcp_drain_own(zone);
	EXPECT_EQ(pcp->streak, 0);
}

/* A drain frees two large blocks in one hold of the lock. */
POOL_TEST(large_blocks_per_hold, 8, 8)
{
	unsigned long pfn[4];
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 6, M);
	zone->pcp_limit[6] = ARRAY_SIZE(pfn);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		unit_free_unref(zone, pfn[i], 6, false);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 4 * BIT(6));
	unit_holds_begin();
	zb_pcp_drain(zone, 0);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 2);
}

/* If all lists together are too long, the list of the last turn may be empty. */
POOL_TEST(turn_of_an_empty_list, 8, 8)
{
	unsigned long pfn[5] = { 0 };
	unsigned int i;

	unit_pool_long_lists(p);
	zone->pcp_high = 4;
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, M);
	for (i = 0; i < 4; i++)
		unit_free_unref(zone, pfn[i], 0, false);
	zone->pcp->rotor = zb_pcp_list(2, M);
	unit_free_unref(zone, pfn[4], 0, false);
	EXPECT_EQ(zb_zone_state(zone, pfn[4]), ZB_STATE(ZB_BLOCK_PCP, 0));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 3);
}

/* Only lists of blocks below a word are refilled. */
POOL_TEST(lists_without_a_refill, 8, 2)
{
	unit_pool_long_lists(p);
	EXPECT_EQ(zb_pcp_rmqueue(zone, ZB_WORD_ORDER, ZB_MIGRATE_MOVABLE, 0), ZB_NO_PFN);
	EXPECT_EQ(zb_zone_nr_cached(zone), 0);
}

static struct unit_pool *pushed_to;
static unsigned long next_pushed, end_pushed;

/* Free more frames than a drain takes at a time, as an interrupt. */
static void push_many(void)
{
	zb_env_hook_fn hook = zb_env_hook;
	unsigned int i;

	if (zb_env_irqs_off || pushed_to->pool.zones->pcp->busy)
		return;
	zb_env_hook = NULL;
	for (i = 0; i < 2 * ZB_PCP_BATCH_MAX && next_pushed < end_pushed; i++)
		EXPECT_EQ(unit_free(pushed_to, next_pushed++, 0), ZB_OK);
	zb_env_hook = hook;
}

/* A drain frees no more blocks than a list can hold, even if others push blocks all the time. */
POOL_TEST_WITH(drain_while_others_push, unit_pool_one(8, 64), unit_pool_free_and_end)
{
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 0; i < 64; i++)
		unit_fill_pageblock(zone, i, M, NULL);
	next_pushed = PB(8);
	end_pushed = PB(72);
	pushed_to = p;
	push_many();
	zb_env_hook = push_many;
	EXPECT_EQ(zb_pcp_drain_own(zone), ZB_PCP_CAPACITY(0));
	zb_env_hook = NULL;
	EXPECT(next_pushed < end_pushed);
}

/* The batch of the list that blocks are taken off counts, not that of the list of the free. */
POOL_TEST_WITH(batch_of_the_next_list, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	unsigned long pfn[20], frame;
	unsigned int i, list = zb_pcp_list(3, M);

	unit_pool_long_lists(p);
	for (i = 0; i < 20; i++)
		pfn[i] = unit_take(zone, 3, M);
	frame = unit_take(zone, 0, M);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 3), ZB_OK);
	EXPECT_EQ(zb_pcp_nr(zone->pcp, list), 20);
	zone->pcp_high = 160;
	zone->pcp_batch[3] = 2;
	EXPECT_EQ(unit_free(p, frame, 0), ZB_OK);
	EXPECT_EQ(zb_pcp_nr(zone->pcp, list), 18);
}

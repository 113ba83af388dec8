// SPDX-License-Identifier: GPL-2.0-only
#include "mobility.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE
#define NR	ZB_PAGEBLOCK_NR

/* Make a pageblock of type @mt with all frames held as @hold_mt except @from..@to - 1. */
static void make_part(struct zb_zone *zone, unsigned long pb, unsigned int mt,
		      unsigned int hold_mt, unsigned int from, unsigned int to)
{
	bool keep[NR];

	memset(keep, true, NR);
	memset(keep + from, false, to - from);
	unit_fill_pageblock(zone, pb, hold_mt, keep);
	unit_set_type(zone, pb, mt);
}

static void end(struct unit_pool *p)
{
	unit_pool_quiet(p);
	unit_free_all(p);
	unit_pool_end(p);
}

/* Stealing single blocks follows the order of the fallback table. */
TEST(fallback_order)
{
	static const unsigned int order_of[][3] = {
		[U] = { U, R, M }, [M] = { M, R, U }, [R] = { R, U, M },
	};
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int mt, i, hold;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		p = unit_pool_one(4, 3);
		zone = p->pool.zones;
		hold = mt == M ? U : M;
		make_part(zone, 0, U, hold, 16, 32);
		make_part(zone, 1, M, hold, 16, 32);
		make_part(zone, 2, R, hold, 16, 32);
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(unit_take(zone, 4, mt),
				  PB(4 + order_of[mt][i]) + 16);
			unit_pool_quiet(p);
		}
		EXPECT_EQ(unit_take(zone, 0, mt), ZB_NO_PFN);
		/* all blocks were stolen without a change of pageblock types */
		for (i = 0; i < 3; i++)
			EXPECT_EQ(zone->pageblocks[i].migratetype, i);
		for (i = 1; i < 3; i++) {
			EXPECT_EQ(zb_fallback_type(mt, i - 1), order_of[mt][i]);
			EXPECT_EQ(zone->fallbacks[mt][order_of[mt][i]], 1);
		}
		EXPECT_EQ(zone->events[ZB_STEAL], 2);
		EXPECT_EQ(zone->events[ZB_CLAIM], 0);
		end(p);
	}
}

/* The same with completely free pageblocks, which are claimed. */
TEST(fallback_order_of_whole_pageblocks)
{
	static const unsigned int fallbacks[][2] = {
		[U] = { R, M }, [M] = { R, U }, [R] = { U, M },
	};
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int i, mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		p = unit_pool_one(4, 3);
		zone = p->pool.zones;
		unit_take_from(zone, 0, 9);
		unit_set_type(zone, 1, fallbacks[mt][1]);
		unit_set_type(zone, 2, fallbacks[mt][0]);
		EXPECT_EQ(unit_take(zone, 9, mt), PB(6));
		EXPECT_EQ(unit_take(zone, 0, mt), PB(5));
		EXPECT_EQ(zone->pageblocks[1].migratetype, mt);
		EXPECT_EQ(zone->pageblocks[2].migratetype, mt);
		for (i = 0; i < 2; i++)
			EXPECT_EQ(zone->fallbacks[mt][fallbacks[mt][i]], 1);
		EXPECT_EQ(zone->fallbacks[mt][mt], 0);
		EXPECT_EQ(zone->events[ZB_CLAIM], 2);
		EXPECT_EQ(zone->events[ZB_STEAL], 0);
		end(p);
	}
}

/* Half of a pageblock is enough to claim it, one frame less is not. */
TEST(claim_at_exactly_half)
{
	static const struct {
		unsigned int want, type, hold, from, to;
		bool claimed;
	} cases[] = {
		{ U, M, M, 256, 512, true },	{ U, M, M, 257, 512, false },
		{ R, M, M, 0, 256, true },	{ R, M, M, 0, 255, false },
		{ M, U, U, 256, 512, true },	{ M, U, U, 257, 512, false },
		{ M, R, R, 256, 512, true },	{ M, R, R, 257, 512, false },
		/* unmovable and reclaimable frames are compatible, so all of them count */
		{ U, R, R, 16, 32, true },	{ R, U, U, 16, 32, true },
		{ U, M, U, 16, 32, true },	{ M, U, M, 16, 32, true },
	};
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int i, mt;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(1, 1);
		zone = p->pool.zones;
		make_part(zone, 0, cases[i].type, cases[i].hold, cases[i].from,
			  cases[i].to);
		EXPECT(unit_take(zone, 0, cases[i].want) != ZB_NO_PFN);
		mt = cases[i].type;
		if (cases[i].claimed)
			mt = cases[i].want;
		if (!EXPECT_EQ(zone->pageblocks[0].migratetype, mt))
			unit_note("case %u", i);
		end(p);
	}
}

/* Allocated frames count by their mobility; frames on per-CPU lists do not count. */
TEST(claim_counts_blocks_by_holder)
{
	static const struct {
		enum zb_block_state hold;
		bool claimed;
	} cases[] = {
		{ ZB_BLOCK_UNMOVABLE, true }, { ZB_BLOCK_RECLAIMABLE, true },
		{ ZB_BLOCK_MOVABLE, false }, { ZB_BLOCK_PCP, false },
	};
	unsigned long flags, block;
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(1, 1);
		zone = p->pool.zones;
		/* 256 frames allocated as movable, 128 as given by the case, 128 free */
		make_part(zone, 0, M, M, 256, 512);
		zb_lock_irqsave(&zone->lock, flags);
		block = __zb_rmqueue_from(zone, zone->pageblocks, 7,
					  cases[i].hold);
		zb_unlock_irqrestore(&zone->lock, flags);
		EXPECT(unit_take(zone, 0, U) != ZB_NO_PFN);
		EXPECT_EQ(zone->pageblocks[0].migratetype == U, cases[i].claimed);
		unit_give(zone, block, 7);
		end(p);
	}
}

/* Movable requests do not claim pageblocks for small blocks. */
TEST(movable_claims_only_large_runs)
{
	static const struct {
		unsigned int run;
		bool claimed;
	} cases[] = {
		{ 3, false }, { 4, true },
	};
	unsigned int i, k, order;
	struct unit_pool *p;
	struct zb_zone *zone;
	bool keep[NR];

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (order = 0; order <= cases[i].run; order++) {
			p = unit_pool_one(1, 1);
			zone = p->pool.zones;
			for (k = 0; k < NR; k++)
				keep[k] = k >> cases[i].run & 1;
			unit_fill_pageblock(zone, 0, U, keep);
			unit_set_type(zone, 0, U);
			EXPECT_EQ(zone->pageblocks[0].largest_free, cases[i].run);
			EXPECT_EQ(zone->pageblocks[0].nr_free, 256);
			EXPECT(unit_take(zone, order, M) != ZB_NO_PFN);
			EXPECT_EQ(zone->pageblocks[0].migratetype == M,
				  cases[i].claimed);
			end(p);
		}
}

/* The pageblock with the largest free block is claimed first, ... */
POOL_TEST_WITH(claim_takes_the_largest_block, unit_pool_one(4, 3), end)
{
	make_part(zone, 0, M, U, 0, 8);
	make_part(zone, 1, M, U, 256, 512);
	make_part(zone, 2, M, U, 0, 64);
	EXPECT_EQ(unit_take(zone, 0, R), PB(5) + 256);
	EXPECT_EQ(zone->pageblocks[1].migratetype, R);
	EXPECT_EQ(zone->pageblocks[0].migratetype, M);
}

/* ... but stealing without a claim takes the smallest sufficient block. */
POOL_TEST_WITH(steal_takes_the_smallest_block, unit_pool_one(4, 3), end)
{
	make_part(zone, 0, M, M, 0, 64);
	make_part(zone, 1, M, M, 0, 4);
	make_part(zone, 2, M, M, 0, 1);
	EXPECT_EQ(unit_take(zone, 1, U), PB(5));
	EXPECT_EQ(unit_take(zone, 0, U), PB(6));
	EXPECT_EQ(unit_take(zone, 2, U), PB(4));
	EXPECT_EQ(unit_take(zone, 1, U), PB(5) + 2);
	EXPECT_EQ(unit_take(zone, 5, U), PB(4) + 32);
	EXPECT_EQ(unit_take(zone, 6, U), ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[M], 3);
}

/* The smallest block of whole pageblocks is split, and only one pageblock of it is claimed. */
POOL_TEST_WITH(claim_takes_the_smallest_whole_block, unit_pool_one(9, 15), end)
{
	EXPECT_EQ(unit_take(zone, 0, U), PB(9));
	EXPECT_EQ(zone->nr_blocks[U], 1);
	EXPECT_EQ(unit_take(zone, 9, U), PB(10));
	EXPECT_EQ(zone->nr_blocks[U], 2);
	EXPECT_EQ(unit_take(zone, 0, R), PB(11));
	EXPECT_EQ(unit_take(zone, 10, R), PB(12));
	EXPECT_EQ(zone->nr_blocks[R], 3);
	EXPECT_EQ(zone->free_area[10].nr_free, 1);
	EXPECT_EQ(zone->free_area[12].nr_free, 1);
	/* further requests are served from its own pageblock */
	EXPECT_EQ(unit_take(zone, 8, U), PB(9) + 256);
	EXPECT_EQ(unit_take(zone, 0, R), PB(11) + 1);
	EXPECT_EQ(unit_take(zone, 12, U), PB(16));
	EXPECT_EQ(zone->nr_blocks[U], 10);
}

/* A completely free pageblock is preferred to one that is partly in use. */
POOL_TEST_WITH(claim_prefers_whole_pageblocks, unit_pool_one(4, 2), end)
{
	make_part(zone, 0, M, M, 256, 512);
	EXPECT_EQ(unit_take(zone, 0, U), PB(5));
	EXPECT_EQ(zone->pageblocks[0].migratetype, M);
	EXPECT_EQ(zone->pageblocks[1].migratetype, U);
}

/* NOFRAGMENT requests fail rather than mix mobilities, but may claim a whole pageblock. */
TEST(nofragment_claims_only_whole_pageblocks)
{
	static const unsigned int parts[] = { 0, 256, 511 };
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int mt, i, from;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		for (i = 0; i < 2 * ARRAY_SIZE(parts); i++) {
			p = unit_pool_one(4, 1);
			zone = p->pool.zones;
			from = zb_fallback_type(mt, i % 2);
			/* all frames, half of them or one of them is free */
			if (parts[i / 2])
				make_part(zone, 0, from, from, parts[i / 2], 512);
			else
				unit_set_type(zone, 0, from);
			EXPECT_EQ(unit_take_with(zone, 0, mt, ZB_ALLOC_NOFRAGMENT),
				  parts[i / 2] ? ZB_NO_PFN : PB(4));
			EXPECT_EQ(zone->fallbacks[mt][from], !parts[i / 2]);
			EXPECT_EQ(zone->pageblocks[0].migratetype,
				  parts[i / 2] ? from : mt);
			EXPECT(unit_take_with(zone, 0, mt, 0) != ZB_NO_PFN);
			EXPECT_EQ(zone->fallbacks[mt][from], 1);
			end(p);
		}
}

/* Requests use the free lists of their own type first. */
POOL_TEST_WITH(own_lists_first, unit_pool_one(4, 2), end)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		make_part(zone, 0, mt, mt, 511, 512);
		EXPECT_EQ(unit_take_with(zone, 0, mt, ZB_ALLOC_NOFRAGMENT), PB(5) - 1);
		unit_free_pageblock(zone, 0);
		EXPECT_EQ(zone->events[ZB_CLAIM] + zone->events[ZB_STEAL], 0);
	}
}

/* Compound blocks count by the mobility of their request. */
TEST(claim_counts_compound_blocks)
{
	static const struct {
		enum zb_block_state hold;
		unsigned int want;
		bool claimed;
	} cases[] = {
		{ ZB_BLOCK_COMP_UNMOVABLE, U, true }, { ZB_BLOCK_COMP_RECLAIMABLE, U, true },
		{ ZB_BLOCK_COMP_MOVABLE, U, false }, { ZB_BLOCK_COMP_UNMOVABLE, R, true },
	};
	unsigned long flags, i;
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int c;

	for (c = 0; c < ARRAY_SIZE(cases); c++) {
		p = unit_pool_one(1, 1);
		zone = p->pool.zones;
		zb_lock_irqsave(&zone->lock, flags);
		for (i = 0; i < 7; i++)
			__zb_rmqueue_from(zone, zone->pageblocks, 6, cases[c].hold);
		zb_unlock_irqrestore(&zone->lock, flags);
		EXPECT_EQ(unit_take(zone, 0, cases[c].want), PB(1) + 448);
		EXPECT_EQ(zone->pageblocks[0].migratetype == cases[c].want,
			  cases[c].claimed);
		end(p);
	}
}

static unsigned int nr_accesses;

static void count_access(void)
{
	nr_accesses++;
}

/*
 * Every pageblock is three quarters movable: a refill with unmovable frames can't claim any,
 * and must find that out once instead of for each of its frames.
 */
POOL_TEST_WITH(refill_of_a_fragmented_zone_is_bounded, unit_pool_one(8, 8), end)
{
	bool keep[NR];
	unsigned int i;

	for (i = 0; i < NR; i++)
		keep[i] = i % 4;
	for (i = 0; i < 8; i++)
		unit_fill_pageblock(zone, i, M, keep);
	unit_pool_long_lists(p);
	zb_env_hook = count_access;
	EXPECT(unit_alloc(p, 0, 0) != ZB_NO_PFN);
	zb_env_hook = NULL;
	/* as many as fit in the buffer of a refill, in a word each */
	EXPECT_EQ(zone->events[ZB_STEAL],
		  ZB_BULK_MAX_WORDS - ZB_PAGEBLOCK_WORDS + 1);
	EXPECT_EQ(zone->events[ZB_CLAIM], 0);
	unit_note("%u accesses to steal %lu frames", nr_accesses,
		  zone->events[ZB_STEAL]);
	/* one scan of a pageblock, and a few accesses for each frame */
	EXPECT(nr_accesses < NR + 40ul * ZB_PCP_BATCH_MAX);
}

/* Every mobility can allocate all frames, and all are free again afterwards. */
POOL_TEST(all_frames_by_any_mobility, 3, 7)
{
	struct { unsigned long pfn; unsigned int order; } held[2048];
	unsigned int nr, order, mt, round, k;
	unsigned long pfn;

	for (round = 0; round < 20; round++) {
		for (nr = 0; zone->nr_free && nr < ARRAY_SIZE(held);) {
			order = unit_below(unit_below(12) + 1);
			mt = unit_below(ZB_MIGRATE_PCPTYPES);
			pfn = unit_take(zone, order, mt);
			if (pfn == ZB_NO_PFN) {
				while (order && pfn == ZB_NO_PFN)
					pfn = unit_take(zone, --order, mt);
				ASSERT(pfn != ZB_NO_PFN);
			}
			ASSERT_EQ(pfn % BIT(order), 0);
			held[nr].pfn = pfn;
			held[nr++].order = order;
		}
		unit_pool_quiet(p);
		while (nr) {
			k = unit_below(nr);
			unit_give(zone, held[k].pfn, held[k].order);
			held[k] = held[--nr];
			if (nr % 64 == 0)
				unit_pool_quiet(p);
		}
		unit_state_equal(p, p->initial);
	}
}

/* What is allocated in the next pageblock does not count. */
POOL_TEST_WITH(claims_look_at_one_pageblock, unit_pool_one(1, 2), end)
{
	unit_fill_pageblock(zone, 1, U, NULL);
	make_part(zone, 0, M, M, 257, 512);
	EXPECT(unit_take(zone, 0, U) != ZB_NO_PFN);
	EXPECT_EQ(zone->pageblocks[0].migratetype, M);
}

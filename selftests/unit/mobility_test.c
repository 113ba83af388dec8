// SPDX-License-Identifier: GPL-2.0-only
#include "mobility.h"
#include "unit_holds.h"
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

/* Blocks are stolen from the mobilities in the order of the fallback table. */
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
		unit_pool_free_and_end(p);
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
		unit_pool_free_and_end(p);
	}
}

/* A pageblock: its type, and its frames are in use as @hold except @from..@to - 1. */
struct part {
	unsigned int type, hold, from, to;
};

/* A request for a block, the frame in the zone where it starts, or ANY or NONE. */
struct step {
	unsigned int order, mt;
	unsigned long at;
};

#define ANY		ZB_NO_PFN
#define NONE		(ZB_NO_PFN - 1)
#define NO_BLOCKS	{ ZB_BLOCK_NONE, 0, 0 }

/* Blocks that are allocated from the first pageblock before the requests. */
struct held {
	enum zb_block_state hold;
	unsigned int order, nr;
};

/* Pageblocks, requests, the types of the pageblocks afterwards, and blocks in use. */
static const struct scenario {
	const char *name;
	unsigned int nr;
	struct part parts[3];
	struct step steps[6];
	unsigned int types[3];
	struct held held;
} scenarios[] = {
#define HALF(want, type, hold, from, to, after)				\
	{ #want " of " #type " with frames in use as " #hold, 1,	\
	  { { type, hold, from, to } }, { { 0, want, ANY } }, { after }, NO_BLOCKS }
	/* half of a pageblock is enough to claim it, one frame less is not */
	HALF(U, M, M, 256, 512, U), HALF(U, M, M, 257, 512, M),
	HALF(R, M, M, 0, 256, R), HALF(R, M, M, 0, 255, M),
	HALF(M, U, U, 256, 512, M), HALF(M, U, U, 257, 512, U),
	HALF(M, R, R, 256, 512, M), HALF(M, R, R, 257, 512, R),
	/* unmovable and reclaimable frames are compatible, so all of them count */
	HALF(U, R, R, 16, 32, U), HALF(R, U, U, 16, 32, R),
	HALF(U, M, U, 16, 32, U), HALF(M, U, M, 16, 32, M),
	/* allocated frames count by their mobility, frames on per-CPU lists do not count */
#define HOLDER(state, after)						\
	{ #state, 1, { { M, M, 256, 512 } }, { { 0, U, ANY } }, { after }, { state, 7, 1 } }
	HOLDER(ZB_BLOCK_UNMOVABLE, U), HOLDER(ZB_BLOCK_RECLAIMABLE, U),
	HOLDER(ZB_BLOCK_MOVABLE, M), HOLDER(ZB_BLOCK_PCP, M),
	/* small blocks count with all of their frames */
#define SMALL(order, nr)						\
	{ "blocks of order " #order, 1, { { M, M, 0, 512 } }, { { 0, U, ANY } }, { U },	\
	  { ZB_BLOCK_UNMOVABLE, order, nr } }
	SMALL(0, 450), SMALL(1, 225), SMALL(2, 112),
	/* compound blocks count by the mobility of their request */
#define COMPOUND(state, want, after)					\
	{ #state, 1, { { M, M, 0, 512 } }, { { 0, want, 448 } }, { after }, { state, 6, 7 } }
	COMPOUND(ZB_BLOCK_COMP_UNMOVABLE, U, U), COMPOUND(ZB_BLOCK_COMP_RECLAIMABLE, U, U),
	COMPOUND(ZB_BLOCK_COMP_MOVABLE, U, M), COMPOUND(ZB_BLOCK_COMP_UNMOVABLE, R, R),
	{ "the pageblock with the largest free block is claimed", 3,
	  { { M, U, 0, 8 }, { M, U, 256, 512 }, { M, U, 0, 64 } },
	  { { 0, R, PB(1) + 256 } }, { M, R, M }, NO_BLOCKS },
	{ "the smallest sufficient block is stolen", 3,
	  { { M, M, 0, 64 }, { M, M, 0, 4 }, { M, M, 0, 1 } },
	  { { 1, U, PB(1) }, { 0, U, PB(2) }, { 2, U, 0 }, { 1, U, PB(1) + 2 },
	    { 5, U, 32 }, { 6, U, NONE } }, { M, M, M }, NO_BLOCKS },
	{ "a wholly free pageblock is preferred to a partly free one", 2,
	  { { M, M, 256, 512 }, { M, M, 0, 512 } }, { { 0, U, PB(1) } }, { M, U }, NO_BLOCKS },
	{ "frames in the next pageblock do not count", 2,
	  { { M, M, 257, 512 }, { M, U, 0, 0 } }, { { 0, U, ANY } }, { M, M }, NO_BLOCKS },
};

static bool run_steps(struct zb_zone *zone, const struct scenario *s)
{
	const struct step *step = s->steps;
	unsigned long pfn;
	bool ok = true;

	for (; step < s->steps + 6 && (step->order || step->mt || step->at); step++) {
		pfn = unit_take(zone, step->order, step->mt);
		ok &= EXPECT_EQ(pfn == ZB_NO_PFN, step->at == NONE);
		if (step->at < NONE)
			ok &= EXPECT_EQ(pfn, zone->start_pfn + step->at);
	}
	return ok;
}

TEST(claims_and_steals)
{
	const struct scenario *s;
	unsigned long flags, block = 0;
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int i;
	bool ok;

	for (s = scenarios; s < scenarios + ARRAY_SIZE(scenarios); s++) {
		p = unit_pool_one(4, s->nr);
		zone = p->pool.zones;
		for (i = 0; i < s->nr; i++)
			make_part(zone, i, s->parts[i].type, s->parts[i].hold,
				  s->parts[i].from, s->parts[i].to);
		zb_lock_irqsave(&zone->lock, flags);
		for (i = 0; i < s->held.nr; i++)
			block = __zb_rmqueue_from(zone, zone->pageblocks, s->held.order,
						  s->held.hold);
		zb_unlock_irqrestore(&zone->lock, flags);
		ok = run_steps(zone, s);
		for (i = 0; i < s->nr; i++)
			ok &= EXPECT_EQ(zone->pageblocks[i].migratetype, s->types[i]);
		if (!ok)
			unit_note("%s", s->name);
		if (s->held.hold == ZB_BLOCK_PCP)
			unit_give(zone, block, s->held.order);
		unit_pool_free_and_end(p);
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
			unit_pool_free_and_end(p);
		}
}

/* The smallest block of whole pageblocks is split, and only one pageblock of it is claimed. */
POOL_TEST_WITH(claim_takes_the_smallest_whole_block, unit_pool_one(9, 15), unit_pool_free_and_end)
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
			unit_pool_free_and_end(p);
		}
}

/* Requests use the free lists of their own type first. */
POOL_TEST_WITH(own_lists_first, unit_pool_one(4, 2), unit_pool_free_and_end)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		make_part(zone, 0, mt, mt, 511, 512);
		EXPECT_EQ(unit_take_with(zone, 0, mt, ZB_ALLOC_NOFRAGMENT), PB(5) - 1);
		unit_free_pageblock(zone, 0);
		EXPECT_EQ(zone->events[ZB_CLAIM] + zone->events[ZB_STEAL], 0);
	}
}

/*
 * Every pageblock is three quarters movable: a refill with unmovable frames can't claim any,
 * and must find that out once instead of for each of its frames.
 */
POOL_TEST_WITH(refill_of_a_fragmented_zone_is_bounded, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	bool keep[NR];
	unsigned int i;

	for (i = 0; i < NR; i++)
		keep[i] = i % 4;
	for (i = 0; i < 8; i++)
		unit_fill_pageblock(zone, i, M, keep);
	unit_pool_long_lists(p);
	unit_holds_begin();
	EXPECT(unit_alloc(p, 0, 0) != ZB_NO_PFN);
	unit_holds_end();
	/* stealing takes long, so the refill ends after a frame */
	EXPECT_EQ(zone->events[ZB_STEAL], 1);
	EXPECT_EQ(zone->events[ZB_CLAIM], 0);
	/* mobilities were mixed, so background reclaim is to free a pageblock */
	EXPECT_EQ(zone->boost, NR);
	unit_note("%lu accesses to steal %lu frames", unit_holds.accesses,
		  zone->events[ZB_STEAL]);
	/* one scan of a pageblock, and a few accesses for each frame */
	EXPECT(unit_holds.accesses < NR + 40ul * ZB_PCP_BATCH_MAX);
	/* the scan does not hold the lock */
	EXPECT(unit_holds.longest < NR / 8);
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

/* A pageblock of which more than half is free is claimed, whatever its other frames are. */
POOL_TEST_WITH(claim_of_a_mostly_free_pageblock, unit_pool_one(4, 2), unit_pool_free_and_end)
{
	make_part(zone, 0, M, M, 100, 400);
	make_part(zone, 1, M, M, 0, 0);
	EXPECT(unit_take(zone, 0, U) != ZB_NO_PFN);
	EXPECT_EQ(zone->pageblocks[0].migratetype, U);
	EXPECT_EQ(zone->events[ZB_CLAIM], 1);
	EXPECT_EQ(zone->events[ZB_STEAL], 0);
	/* the zone is too small for a boost */
	EXPECT_EQ(zone->boost, 0);
	unit_set_type(zone, 0, M);
}

/* Only compatible frames count, whatever the other frames in the same word are. */
POOL_TEST_WITH(few_compatible_frames, unit_pool_one(4, 2), unit_pool_free_and_end)
{
	unsigned long i;

	make_part(zone, 0, M, M, 1, 2);
	make_part(zone, 1, M, M, 0, 0);
	for (i = 0; i < NR; i += 8)
		zb_zone_set_state(zone, PB(4) + i, ZB_STATE(ZB_BLOCK_UNMOVABLE, 0));
	EXPECT_EQ(unit_take(zone, 0, U), PB(4) + 1);
	EXPECT_EQ(zone->pageblocks[0].migratetype, M);
	EXPECT_EQ(zone->events[ZB_STEAL], 1);
}

/* All blocks of a word count, whatever the order of its first one is. */
POOL_TEST_WITH(compatible_frames_of_all_orders, unit_pool_one(4, 2), unit_pool_free_and_end)
{
	unsigned long i;
	unsigned int k;

	for (k = 0; k < 6; k++) {
		make_part(zone, 0, M, M, 1, 2);
		make_part(zone, 1, M, M, 0, 0);
		/* half of the frames are unmovable, in blocks of order @k */
		for (i = 64; i < 320; i++)
			zb_zone_set_state(zone, PB(4) + i, i % BIT(k) ? 0 :
					  ZB_STATE(ZB_BLOCK_UNMOVABLE, k));
		EXPECT_EQ(unit_take(zone, 0, U), PB(4) + 1);
		EXPECT_EQ(zone->pageblocks[0].migratetype, U);
		unit_free_all(p);
	}
}

/* A whole pageblock is claimed and taken in one hold of the lock. */
POOL_TEST(whole_pageblock_in_one_hold, 4, 2)
{
	unit_holds_begin();
	EXPECT_EQ(unit_take(zone, ZB_PAGEBLOCK_ORDER, U), PB(4));
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 1);
	unit_give(zone, PB(4), ZB_PAGEBLOCK_ORDER);
}

/* Only the pageblocks of the range leave the reserve. */
POOL_TEST_WITH(reserve_of_a_range, unit_pool_one(4, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 1; i < 6; i++)
		unit_set_type(zone, i, ZB_MIGRATE_HIGHATOMIC);
	zb_zone_unreserve_range(zone, U, PB(6) + 7, PB(2) - 7);
	for (i = 1; i < 6; i++) {
		EXPECT_EQ(zone->pageblocks[i].migratetype == ZB_MIGRATE_HIGHATOMIC,
			  i != 2 && i != 3);
		unit_set_type(zone, i, M);
	}
}

static struct zb_zone *shared_zone;
static unsigned int phase, held;

/*
 * While the lock is dropped to judge pageblock 0, another CPU frees a frame of pageblock 1. It
 * takes this frame again when the lock is dropped the next time, and then frees most of
 * pageblock 0.
 */
static void interfere(void)
{
	unsigned long i;

	if (zb_env_irqs_off) {
		held = 1;
		return;
	}
	if (phase == 3 || (phase == 2 && !held))
		return;
	zb_env_hook = NULL;
	held = 0;
	phase++;
	if (phase == 2)
		unit_give_deferred(shared_zone, PB(5), 0);
	if (phase == 3) {
		EXPECT_EQ(unit_take(shared_zone, 0, U), PB(5));
		for (i = 100; i < 500; i++)
			unit_give(shared_zone, PB(4) + i, 0);
	}
	zb_env_hook = interfere;
}

/* A pageblock is claimed if enough of it became free while the lock was dropped. */
POOL_TEST_WITH(claim_after_a_recount, unit_pool_one(4, 2), unit_pool_free_and_end)
{
	make_part(zone, 0, M, M, 1, 2);
	make_part(zone, 1, U, U, 0, 0);
	shared_zone = zone;
	zb_env_hook = interfere;
	EXPECT(unit_take(zone, 0, U) != ZB_NO_PFN);
	zb_env_hook = NULL;
	EXPECT_EQ(phase, 3);
	EXPECT_EQ(zone->pageblocks[0].migratetype, U);
	EXPECT_EQ(zone->events[ZB_STEAL], 0);
}

/* Each pageblock of the HighAtomic reserve is returned in a hold of its own. */
POOL_TEST_WITH(reserve_of_an_unused_zone, unit_pool_one(4, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_set_type(zone, 2ul * i, ZB_MIGRATE_HIGHATOMIC);
	unit_holds_begin();
	zb_zone_unreserve_idle(zone);
	unit_holds_end();
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 0);
	EXPECT_EQ(unit_holds.nr, 4);
}

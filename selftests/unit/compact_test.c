// SPDX-License-Identifier: GPL-2.0-only
#include "compact.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

/**
 * struct mover - moves blocks for zb_zone_compact(), as the module moves buffers
 * @p: the pool
 * @block: allocated movable blocks: the frame that a block was allocated at, by the frame
 *	that it is at now
 * @first: first frame of the zone
 * @moved: number of frames moved
 * @calls: number of calls
 * @last: first frame of the last window
 * @pinned: a block that does not move, or ZB_NO_PFN
 * @stop: stop compaction
 */
struct mover {
	struct unit_pool *p;
	unsigned long *block;
	unsigned long first;
	unsigned long moved;
	unsigned int calls;
	unsigned long last;
	unsigned long pinned;
	bool stop;
};

static bool move_block(struct mover *m, struct zb_zone *zone, unsigned long pfn,
		       unsigned int order, unsigned int below_order)
{
	zb_gfp_t gfp = __ZB_GFP_MOVABLE |
		       (zb_state_compound(zb_zone_state(zone, pfn)) ? __ZB_GFP_COMP : 0);
	unsigned long to;

	if (pfn == m->pinned)
		return false;
	to = zb_compact_alloc(zone, gfp, BIT(order), below_order);
	if (to == ZB_NO_PFN)
		return false;
	EXPECT_EQ(zb_zone_state(zone, to), zb_zone_state(zone, pfn));
	EXPECT(zb_pfn_pageblock(zone, to)->migratetype != ZB_MIGRATE_ISOLATE);
	m->block[to - m->first] = m->block[pfn - m->first];
	m->moved += BIT(order);
	EXPECT_EQ(unit_free(m->p, pfn, order), ZB_OK);
	return true;
}

static bool evacuate(const struct zb_compact_control *cc, struct zb_zone *zone,
		     unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;
	struct mover *m = cc->data;
	u8 state;

	m->calls++;
	m->last = pfn;
	EXPECT_EQ(zb_pfn_pageblock(zone, pfn)->migratetype, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(pfn % nr_pages, 0);
	for (; pfn < end && !m->stop; pfn += state ? BIT(ZB_STATE_ORDER(state)) : 1) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state) &&
		    !move_block(m, zone, pfn, ZB_STATE_ORDER(state), cc->order))
			break;
	}
	return !m->stop;
}

static struct zb_compact_control control(struct mover *m, struct unit_pool *p,
					 unsigned int order)
{
	*m = (struct mover){
		.p = p, .first = p->pool.zones->start_pfn, .pinned = ZB_NO_PFN,
		.block = calloc(p->pool.zones->nr_pages, sizeof(*m->block)),
	};
	return (struct zb_compact_control){
		.order = order, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = evacuate, .data = m,
	};
}

/* The cheapest of the pageblocks that can become free is emptied. */
POOL_TEST_WITH(cheapest_pageblock, unit_pool_one(8, 5), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 9);
	unit_keep_frames(zone, 0, M, 300);
	unit_keep_frames(zone, 1, M, 100);
	unit_keep_frames(zone, 2, U, 1);
	unit_keep_frames(zone, 3, M, 99);
	unit_keep_frames(zone, 4, M, 250);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 9), ZB_NO_PFN);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.last, PB(11));
	EXPECT_EQ(m.moved, 99);
	EXPECT_EQ(m.calls, 1);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTSTALL), 1);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTSUCCESS), 1);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 9), PB(11));
	free(m.block);
}

/* Below pageblock order, the cheapest window of a pageblock is emptied, and no more. */
POOL_TEST_WITH(small_window, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	bool keep[ZB_PAGEBLOCK_NR] = { false };
	struct zb_compact_control cc;
	struct mover m;
	unsigned int i;

	cc = control(&m, p, 4);
	for (i = 0; i < ZB_PAGEBLOCK_NR; i += 4)
		keep[i] = true;
	keep[37] = true;
	keep[160 + 4] = false;
	unit_fill_pageblock(zone, 0, M, keep);
	unit_fill_pageblock(zone, 1, U, keep);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.last, PB(8) + 160);
	EXPECT_EQ(m.moved, 3);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 4), PB(8) + 160);
	free(m.block);
}

/* Two windows are emptied to make a block of the next order. */
POOL_TEST_WITH(larger_order, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	unsigned long i;
	struct mover m;

	cc = control(&m, p, 10);
	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, i == 3 ? U : M, 20 + i);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 10), ZB_NO_PFN);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.last, PB(8));
	EXPECT_EQ(m.moved, 41);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 10), PB(8));
	free(m.block);
}

/* A block is not moved into a free block as large as the one that is wanted. */
POOL_TEST_WITH(no_large_block_split, unit_pool_one(8, 3), unit_pool_free_and_end)
{
	unsigned long pfn;

	unit_keep_frames(zone, 0, M, 256);
	unit_keep_frames(zone, 1, U, 256);
	unit_set_type(zone, 1, U);
	EXPECT_EQ(zb_compact_alloc(zone, __ZB_GFP_MOVABLE, 2, 9), ZB_NO_PFN);
	pfn = zb_compact_alloc(zone, __ZB_GFP_MOVABLE, 2, 10);
	EXPECT_EQ(pfn, PB(10));
	EXPECT_EQ(unit_free(p, pfn, 1), ZB_OK);
	/* the pageblock of the same mobility is preferred */
	pfn = zb_compact_alloc(zone, __ZB_GFP_MOVABLE, 1, 9);
	EXPECT(pfn >= PB(8) && pfn < PB(9));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
}

/* The new frames of an exact allocation have the states of the old ones. */
POOL_TEST_WITH(exact_states, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	const zb_gfp_t gfp = __ZB_GFP_MOVABLE | __ZB_GFP_COMP;
	unsigned long from = unit_alloc_exact(p, gfp, 13), to, i;

	to = zb_compact_alloc(zone, gfp | __ZB_GFP_ZERO, 13, 10);
	ASSERT(to != ZB_NO_PFN);
	EXPECT_EQ(to % 16, 0);
	for (i = 0; i < 13; i++)
		EXPECT_EQ(zb_zone_state(zone, to + i), zb_zone_state(zone, from + i));
	EXPECT_EQ(unit_free_exact(p, to, 13), ZB_OK);
	EXPECT_EQ(unit_free_exact(p, from, 13), ZB_OK);
}

/* A pageblock that can't be emptied is skipped, and then compaction is deferred. */
POOL_TEST_WITH(skipped_and_deferred, unit_pool_one(8, 3), unit_pool_free_and_end)
{
	static const unsigned int deferred[] = { 1, 3, 7, 15, 31, 63, 63, 63 };
	bool keep[ZB_PAGEBLOCK_NR] = { [18] = true, [20] = true, [300] = true };
	struct zb_compact_control cc;
	unsigned int i, k;
	struct mover m;

	cc = control(&m, p, 9);
	unit_fill_pageblock(zone, 0, M, keep);
	unit_fill_pageblock(zone, 1, U, keep);
	unit_fill_pageblock(zone, 2, U, keep);
	m.pinned = PB(8) + 18;
	for (i = 0; i < ARRAY_SIZE(deferred); i++) {
		EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
		EXPECT_EQ(m.calls, i + 1);
		for (k = 0; k < deferred[i]; k++)
			EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	}
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTFAIL), i);
	/* a smaller order has not failed */
	cc.order = 8;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	/* success ends the deferral for the orders up to that one only */
	cc.order = 9;
	m.pinned = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 9), PB(8));
	free(m.block);
}

/* Frames that a drain has freed count, although their runs are not counted yet. */
POOL_TEST_WITH(stale_pageblocks, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	unsigned long pfn, i, nr = 0;
	struct mover m;

	cc = control(&m, p, 9);
	while (unit_alloc(p, __ZB_GFP_MOVABLE, 0) != ZB_NO_PFN)
		nr++;
	ASSERT(nr == zone->nr_pages);
	for (i = 0; i < nr; i++) {
		pfn = zone->start_pfn + i;
		if (i % 8)
			EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	}
	unit_pool_drain(p);
	EXPECT(zone->nr_stale > 0);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.moved, ZB_PAGEBLOCK_NR / 8);
	free(m.block);
}

/* With @force neither the deferral nor a skipped pageblock counts. */
POOL_TEST_WITH(forced, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 9);
	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 10);
	m.pinned = PB(8);
	cc.max_failures = 1;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(zone->pageblocks[0].skip_compaction, 1);
	m.pinned = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	cc.force = true;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(zone->pageblocks[0].skip_compaction, 0);
	free(m.block);
}

/* Nothing is tried if the block could not be allocated anyway, or if it is too large. */
POOL_TEST_WITH(not_suitable, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	unsigned long i;
	struct mover m;

	cc = control(&m, p, 9);
	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 400);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SKIPPED);
	cc.order = 12;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SKIPPED);
	cc.order = 0;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SKIPPED);
	EXPECT_EQ(m.calls, 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTSTALL), 0);
	free(m.block);
}

/* Isolated, reserved, and, unless they can serve the request, CMA pageblocks stay. */
POOL_TEST_WITH(other_types, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 9);
	cc.cma = false;
	cc.max_failures = ZB_COMPACT_ALL_WINDOWS;
	unit_keep_frames(zone, 0, M, 1);
	unit_keep_frames(zone, 1, M, 2);
	unit_keep_frames(zone, 2, M, 3);
	unit_keep_frames(zone, 3, U, 4);
	unit_set_type(zone, 0, ZB_MIGRATE_CMA);
	unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
	ASSERT(zb_pool_isolate_range(&p->pool, PB(10), ZB_PAGEBLOCK_NR));
	EXPECT(zb_zone_compact(zone, &cc) != ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.calls, 0);
	cc.cma = true;
	cc.force = true;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(m.last, PB(8));
	zb_pool_unisolate_range(&p->pool, PB(10), ZB_PAGEBLOCK_NR);
	unit_set_type(zone, 1, zone->default_migratetype);
	unit_set_type(zone, 0, zone->default_migratetype);
	free(m.block);
}

/* The environment can stop compaction, for example because the task was killed. */
POOL_TEST_WITH(stopped, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	unsigned long i;
	struct mover m;

	cc = control(&m, p, 9);
	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 100);
	m.stop = true;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(m.calls, 1);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
	free(m.block);
}

/* The search for a window lets other tasks run, whatever it finds. */
POOL_TEST_WITH(long_search, unit_pool_one(8, 64), unit_pool_free_and_end)
{
	static const unsigned int orders[] = { 1, 9, 12 };
	unsigned long i, before, ranges;
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 1);
	cc.force = true;
	for (i = 0; i < 64; i++)
		unit_keep_frames(zone, i, U, 200);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		cc.order = orders[i];
		ranges = zone->nr_pages >> (cc.order > 9 ? cc.order : 9);
		before = zb_env_rescheds;
		EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
		EXPECT(zb_env_rescheds - before >= ranges - 1);
	}
	EXPECT_EQ(m.calls, 0);
	free(m.block);
}

/* Background compaction is not counted as that of requests, but may be deferred. */
POOL_TEST_WITH(background, unit_pool_one(8, 3), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 9);
	cc.background = true;
	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 10);
	unit_keep_frames(zone, 2, U, 10);
	m.pinned = PB(8);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	m.pinned = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTSTALL), 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTFAIL), 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_COMPACTSUCCESS), 0);
	free(m.block);
}

#define NR	32u	/* pageblocks of the random test */

static int by_size(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Frames that have to move at least, to make @nr of the pageblocks free. */
static unsigned long least_cost(struct zb_zone *zone, unsigned int nr)
{
	int cost[NR];
	unsigned long sum = 0;
	unsigned int i, k = 0;
	bool cached;

	for (i = 0; i < NR; i++) {
		cost[k] = (int)zb_compact_cost(zone, zone->start_pfn + PB(i), 9, &cached);
		k += cost[k] > 0;
	}
	qsort(cost, k, sizeof(*cost), by_size);
	for (i = 0; i < nr && i < k; i++)
		sum += cost[i];
	return sum;
}

/*
 * Until nothing more can be done, compaction makes all blocks free that the unmovable
 * frames leave possible, and moves few more frames than necessary.
 */
POOL_TEST_WITH(as_many_as_possible, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned long i, used = 0, holes = 0, least, at[NR * ZB_PAGEBLOCK_NR] = { 0 };
	unsigned int nr, possible = 0, freed = 0;
	struct zb_compact_control cc;
	struct mover m;

	cc = control(&m, p, 9);
	cc.force = true;
	cc.max_failures = ZB_COMPACT_ALL_WINDOWS;
	for (i = 0; i < NR; i++) {
		nr = 1 + unit_below(ZB_PAGEBLOCK_NR - 1);
		unit_keep_frames(zone, i, i % 5 ? M : U, nr);
		if (i % 5)
			used += nr;
		else
			holes += ZB_PAGEBLOCK_NR - nr;
	}
	for (i = 0; i < zone->nr_pages; i++) {
		m.block[i] = i;
		at[i] = 0;
	}
	for (i = 0; i < NR; i++)
		possible += i % 5 != 0;
	/* what is movable fills the holes first */
	possible -= used > holes ? (used - holes + ZB_PAGEBLOCK_NR - 1) / ZB_PAGEBLOCK_NR : 0;
	least = least_cost(zone, possible);
	while (zb_zone_compact(zone, &cc) == ZB_COMPACT_SUCCESS)
		freed++;
	EXPECT_EQ(freed, possible);
	EXPECT(m.moved >= least && m.moved * 4 <= least * 5);
	unit_note("%u pageblocks freed, %lu frames moved, at least %lu necessary", freed,
		  m.moved, least);
	/* every block is somewhere, once */
	for (i = 0; i < zone->nr_pages; i++)
		if (zb_state_allocated(zone->state[i]) &&
		    zb_state_migratetype(zone->state[i]) == M)
			EXPECT_EQ(at[m.block[i]]++, 0);
	for (i = 0; i < zone->nr_pages; i++)
		used -= at[i];
	EXPECT_EQ(used, 0);
	free(m.block);
}

static bool nothing_moves(const struct zb_compact_control *cc, struct zb_zone *zone,
			  unsigned long pfn, unsigned long nr_pages)
{
	EXPECT(zb_zone_has(zone, pfn + nr_pages - 1));
	return !cc->data;
}

static bool all_freed(const struct zb_compact_control *cc, struct zb_zone *zone,
		      unsigned long pfn, unsigned long nr_pages)
{
	EXPECT_EQ(nr_pages, BIT(cc->order));
	unit_free_blocks(zone, pfn, nr_pages);
	return true;
}

static void keep_three(struct zb_zone *zone, unsigned long pb, unsigned int mt)
{
	bool keep[ZB_PAGEBLOCK_NR] = { [0] = true, [2] = true, [4] = true };

	unit_fill_pageblock(zone, pb, mt, keep);
}

POOL_TEST_WITH(smaller_orders_are_not_deferred, unit_pool_one(8, 3), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 9, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = nothing_moves,
	};

	keep_three(zone, 0, M);
	keep_three(zone, 1, U);
	keep_three(zone, 2, U);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.order = 8;
	EXPECT(zb_zone_compact(zone, &cc) != ZB_COMPACT_DEFERRED);
}

/* Neither a forced run, which ends when no window is left, nor a stopped one defers others. */
POOL_TEST_WITH(failures_that_do_not_defer, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 9, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = nothing_moves, .force = true,
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		keep_three(zone, i, U);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	unit_free_pageblock(zone, 1);
	keep_three(zone, 1, M);
	cc.force = false;
	cc.data = &cc;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.evacuate = all_freed;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
}

/* A CMA pageblock does not merge with others, so they are no window together. */
POOL_TEST_WITH(cma_beside_others, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 10, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = all_freed,
	};

	keep_three(zone, 0, M);
	keep_three(zone, 1, M);
	keep_three(zone, 2, U);
	keep_three(zone, 3, U);
	unit_set_type(zone, 0, ZB_MIGRATE_CMA);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	unit_set_type(zone, 0, zone->default_migratetype);
}

/* Success ends the deferral for all orders up to that one, however many have failed before. */
POOL_TEST_WITH(success_ends_the_deferral, unit_pool_one(8, 3), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 4, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = nothing_moves,
	};
	unsigned int i;

	for (i = 0; i < 3; i++)
		unit_keep_frames(zone, i, i ? U : M, 250);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(zone->deferral.order_failed, 4);
	cc.order = 5;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.order = 4;
	cc.force = true;
	cc.evacuate = all_freed;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	cc.order = 8;
	cc.force = false;
	cc.evacuate = nothing_moves;
	/* the next failure defers one request, as the first one did, and none of lower orders */
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.order = 4;
	EXPECT(zb_zone_compact(zone, &cc) != ZB_COMPACT_DEFERRED);
}

/* Windows below pageblock order are not looked for in pageblocks that have to stay. */
POOL_TEST_WITH(small_windows_of_other_types, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 4, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = all_freed,
	};

	keep_three(zone, 0, M);
	unit_keep_frames(zone, 1, U, 256);
	unit_set_type(zone, 0, ZB_MIGRATE_HIGHATOMIC);
	EXPECT(zb_zone_compact(zone, &cc) != ZB_COMPACT_SUCCESS);
	EXPECT_EQ(zone->pageblocks[0].nr_free, ZB_PAGEBLOCK_NR - 3);
	unit_set_type(zone, 0, zone->default_migratetype);
}

/* A block that extends beyond the window can't be moved out of it. */
POOL_TEST_WITH(blocks_larger_than_the_window, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	unsigned long pfn = unit_take(zone, 5, M);
	u8 state = zb_zone_state(zone, pfn);
	bool cached;

	EXPECT_EQ(zb_compact_cost(zone, pfn, 6, &cached), 32);
	EXPECT_EQ(zb_compact_cost(zone, pfn, 5, &cached), -1);
	EXPECT_EQ(zb_compact_cost(zone, pfn, 4, &cached), -1);
	EXPECT_EQ(zb_compact_cost(zone, pfn + 16, 4, &cached), -1);
	EXPECT(!cached);
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, 5));
	EXPECT_EQ(zb_compact_cost(zone, pfn, 5, &cached), 0);
	EXPECT(cached);
	EXPECT_EQ(zb_compact_cost(zone, pfn, 4, &cached), -1);
	zb_zone_set_state(zone, pfn, state);
}

/* Movable allocations move to CMA pageblocks first, and others never do. */
POOL_TEST_WITH(new_frames_in_cma, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	unit_set_type(zone, 1, ZB_MIGRATE_CMA);
	EXPECT_EQ(zb_compact_alloc(zone, __ZB_GFP_MOVABLE, 1, ZB_NR_ORDERS), PB(9));
	EXPECT_EQ(zb_compact_alloc(zone, 0, 1, ZB_NR_ORDERS), PB(8));
	unit_set_type(zone, 1, M);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other CPUs work on a zone whenever its lock is dropped in the middle of a refill or a
 * claim, or between the search for a range and its allocation, and others compact it while
 * a request is judged.
 */
#include "compact.h"
#include "isolate.h"
#include "overtake.h"
#include "range_alloc.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static struct zb_zone *hook_zone;	/* used by the hooks */
static unsigned int hook_after;		/* number of calls until a hook does its work */
static unsigned long taken[8];		/* blocks that a hook has taken */
static unsigned int nr_taken;

static void take_large_blocks(void)
{
	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	for (nr_taken = 0; nr_taken < 2; nr_taken++)
		taken[nr_taken] = unit_take(hook_zone, 9, M);
}

/* A refill ends when other CPUs have made the zone low meanwhile. */
POOL_TEST(refill_ends_when_the_zone_is_low, 64, 8)
{
	unsigned long mark = zone->nr_free - 1024, before;
	struct zb_bulk words = { .order = 0 };
	unsigned int at, i, nr, nr_others = 0;

	for (at = 1; at < 8; at++) {
		unit_pool_no_watermarks(p);
		zone->watermark[ZB_ALLOC_WMARK_LOW] = mark;
		zone->pcp_limit[0] = 256;
		zone->fast_wmark = mark;
		hook_zone = zone;
		hook_after = at;
		nr_taken = 0;
		before = zone->nr_free;
		zb_env_hook = take_large_blocks;
		zb_rmqueue_bulk(zone, M, 0, 256, &words, NULL);
		zb_env_hook = NULL;
		for (i = nr = 0; i < words.nr; i++)
			nr += hweight64(words.bits[i]);
		EXPECT_EQ(zone->nr_free, before - nr - nr_taken * 512ul);
		/* what was taken before, and one more hold */
		if (nr_taken && at < 4)
			EXPECT(nr <= 64 * at);
		nr_others += nr_taken && at < 4;
		zb_free_pcppages_bulk(zone, &words, M);
		while (nr_taken)
			unit_give(zone, taken[--nr_taken], 9);
	}
	EXPECT(nr_others >= 2);
	zone->fast_wmark = 0;
	zone->watermark[ZB_ALLOC_WMARK_LOW] = 0;
	unit_refresh(zone);
}

static void free_one_take_another(void)
{
	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	unit_free_pageblock(hook_zone, 2);
	taken[0] = unit_take_from(hook_zone, 0, 0);
	nr_taken = 1;
}

/* A request does not fail if memory is free at all times. */
POOL_TEST(other_memory_becomes_free, 64, 4)
{
	unsigned long i, at;

	for (at = 1; at < 4; at++) {
		for (i = 0; i < 4; i++) {
			unit_set_type(zone, i, M);
			unit_fill_pageblock(zone, i, M, NULL);
		}
		unit_give(zone, PB(64) + 9, 0);
		hook_zone = zone;
		nr_taken = 0;
		hook_after = at;
		zb_env_hook = free_one_take_another;
		EXPECT(unit_take(zone, 0, U) != ZB_NO_PFN);
		zb_env_hook = NULL;
		EXPECT_EQ(nr_taken, 1);
		unit_free_all(p);
	}
}

static void take_a_pageblock(void)
{
	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	taken[0] = unit_take(hook_zone, 9, U);
	nr_taken = taken[0] != ZB_NO_PFN;
}

static void take_a_frame(void)
{
	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	taken[0] = unit_take(hook_zone, 0, U);
	nr_taken = 1;
}

/*
 * The lock is dropped between claiming a pageblock and taking a block from it. If others use
 * up the pageblock meanwhile, the request takes other memory.
 */
POOL_TEST(claimed_memory_is_used_up, 64, 4)
{
	unsigned int at, i, nr_claims = 0, nr_others = 0;
	unsigned long pfn;
	bool other;

	for (at = 1; at < 6; at++) {
		for (i = 0; i < 3; i++)
			unit_fill_pageblock(zone, i, M, NULL);
		unit_give(zone, PB(64) + 10, 0);
		hook_zone = zone;
		nr_taken = 0;
		hook_after = at;
		zb_env_hook = take_a_pageblock;
		pfn = unit_take(zone, 0, U);
		zb_env_hook = NULL;
		other = nr_taken && taken[0] == PB(67);
		EXPECT_EQ(pfn, other ? PB(64) + 10 : PB(67));
		nr_others += other;
		nr_claims += zone->events[ZB_CLAIM];
		zone->events[ZB_CLAIM] = 0;
		unit_pool_quiet(p);
		unit_free_all(p);
	}
	unit_note("%u claims, %u times by others", nr_claims, nr_others);
	EXPECT(nr_others >= 2);
}

/* Others may also use up a stale pageblock between counting its runs and taking a block. */
POOL_TEST(refreshed_memory_is_used_up, 64, 4)
{
	unsigned int at, nr_others = 0;
	unsigned long pfn;

	for (at = 1; at < 6; at++) {
		unit_set_type(zone, 0, U);
		unit_fill_pageblock(zone, 0, U, NULL);
		unit_give_deferred(zone, PB(64) + 10, 0);
		hook_zone = zone;
		nr_taken = 0;
		hook_after = at;
		zb_env_hook = take_a_frame;
		pfn = unit_take(zone, 0, U);
		zb_env_hook = NULL;
		nr_others += nr_taken && taken[0] == PB(64) + 10;
		EXPECT(pfn != ZB_NO_PFN);
		EXPECT_EQ(pfn == PB(64) + 10, !nr_taken || taken[0] != PB(64) + 10);
		unit_pool_quiet(p);
		unit_free_all(p);
	}
	EXPECT(nr_others);
}

/* Stale pageblocks do not make the prediction more optimistic. */
POOL_TEST_WITH(prediction_with_stale_pageblocks, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_alloc_request req = {
		.gfp = ZB_GFP_NOWAIT, .nr_pages = 512, .nid = 0,
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, U, 3);
	EXPECT(!zb_pool_predict_zone(&p->pool, &req));
	unit_give_deferred(zone, PB(8), 0);
	EXPECT(!zb_pool_predict_zone(&p->pool, &req));
	unit_refresh(zone);
}

static bool was_free;	/* the pageblock that isolate_first() isolated */

static void isolate_first(void)
{
	const struct zb_pageblock *pb = hook_zone->pageblocks;

	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	was_free = pb->nr_free == ZB_PAGEBLOCK_NR;
	EXPECT(zb_pool_isolate_range(hook_zone->pool, hook_zone->start_pfn, ZB_PAGEBLOCK_NR));
}

/* A pageblock that others isolate between the search and the allocation is not used. */
POOL_TEST(range_is_isolated_by_others, 8, 4)
{
	const struct zb_range range = { .nr_pages = 2 * ZB_PAGEBLOCK_NR, .end_pfn = ZB_NO_PFN };
	struct zb_range_failure failure;
	unsigned int at, nr_late = 0;
	unsigned long pfn;

	hook_zone = zone;
	for (at = 1, hook_after = 0; !hook_after; at++) {
		hook_after = at;
		was_free = false;
		zb_env_hook = isolate_first;
		pfn = zb_pool_alloc_range(&p->pool, ZB_GFP_NOWAIT, &range, 0, NULL, &failure);
		zb_env_hook = NULL;
		EXPECT(pfn != ZB_NO_PFN && (!was_free || pfn > PB(8)));
		nr_late += pfn > PB(8);
		if (!hook_after)
			zb_pool_unisolate_range(&p->pool, PB(8), PB(1));
		EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, range.nr_pages), ZB_OK);
		unit_pool_drain(p);
		EXPECT(unit_state_equal(p, p->initial));
	}
	EXPECT(nr_late);
}

static const struct zb_range most = { .nr_pages = 1800, .end_pfn = ZB_NO_PFN };

static unsigned long take_most(struct zb_pool *pool)
{
	struct zb_range_failure failure;
	unsigned long pfn = zb_pool_alloc_range(pool, ZB_GFP_NOWAIT, &most, 0, NULL, &failure);

	if (pfn == ZB_NO_PFN)
		EXPECT_EQ(failure.result, ZB_RANGE_WATERMARK);
	return pfn;
}

static void take_most_too(void)
{
	if (zb_env_irqs_off || !hook_after || --hook_after)
		return;
	zb_env_hook = NULL;
	taken[0] = take_most(hook_zone->pool);
}

/*
 * Two requests that pass the check of the watermark at the same time do not both succeed. The free
 * frames of an isolated pageblock do not count.
 */
POOL_TEST(ranges_leave_the_watermark, 8, 9)
{
	unsigned int at, nr_late = 0;
	unsigned long pfn;

	EXPECT(zb_pool_isolate_range(&p->pool, PB(16), PB(1)));
	hook_zone = zone;
	zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(8) - 2 * most.nr_pages + 1;
	for (at = 1, hook_after = 0; !hook_after; at++) {
		hook_after = at;
		taken[0] = ZB_NO_PFN;
		zb_env_hook = take_most_too;
		pfn = take_most(&p->pool);
		zb_env_hook = NULL;
		EXPECT(pfn == ZB_NO_PFN || taken[0] == ZB_NO_PFN);
		EXPECT(pfn != ZB_NO_PFN || taken[0] != ZB_NO_PFN);
		nr_late += pfn == ZB_NO_PFN;
		EXPECT_EQ(zb_pool_free_range(&p->pool, pfn == ZB_NO_PFN ? taken[0] : pfn,
					     most.nr_pages), ZB_OK);
		unit_pool_drain(p);
	}
	EXPECT(nr_late);
	zone->watermark[ZB_ALLOC_WMARK_MIN] = 0;
	zb_pool_unisolate_range(&p->pool, PB(16), PB(1));
}

static bool could_serve;

/* As zb_compact_control.evacuate: could the request be served that compaction is for? */
static bool judge_request(const struct zb_compact_control *cc, struct zb_zone *zone,
			  unsigned long pfn, unsigned long nr_pages)
{
	struct zb_alloc_request req = {
		.gfp = ZB_GFP_NOWAIT, .nr_pages = BIT(cc->order), .nid = 0,
	};

	EXPECT_EQ(zb_pfn_pageblock(zone, pfn)->migratetype, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(nr_pages, BIT(cc->order));
	could_serve = zb_pool_verdict(zone->pool, &req) == ZB_COULD_SERVE;
	return true;
}

/* Pageblocks that compaction has isolated do not make a request impossible. */
POOL_TEST_WITH(judged_during_compaction, unit_pool_one(8, 6), unit_pool_free_and_end)
{
	struct zb_compact_control cc = {
		.order = 11, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 8, .evacuate = judge_request,
	};
	struct zb_alloc_request req = {
		.gfp = ZB_GFP_NOWAIT, .nr_pages = BIT(11), .nid = 0,
	};
	unsigned int i;

	for (i = 0; i < 6; i++)
		unit_keep_frames(zone, i, i < 4 ? M : U, 3);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT(could_serve);
	/* pageblocks isolated for another purpose do */
	ASSERT(zb_pool_isolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR));
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_TYPE);
	zb_pool_unisolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR);
}

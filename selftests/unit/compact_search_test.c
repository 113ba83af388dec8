// SPDX-License-Identifier: GPL-2.0-only
/* Which windows compaction looks at, and which of its failures it remembers. */
#include "compact.h"
#include "unit_holds.h"
#include "unit_ops.h"

#define M	ZB_MIGRATE_MOVABLE

static unsigned long last;
static unsigned int calls;

/* As struct zb_compact_control.evacuate: everything in the window is freed. */
static bool free_window(const struct zb_compact_control *cc __attribute__((unused)),
			struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	calls++;
	last = pfn;
	unit_drain_all(zone->pool);
	unit_free_blocks(zone, pfn, nr_pages);
	return true;
}

static bool nothing_moves(const struct zb_compact_control *cc __attribute__((unused)),
			  struct zb_zone *zone __attribute__((unused)), unsigned long pfn,
			  unsigned long nr_pages __attribute__((unused)))
{
	calls++;
	last = pfn;
	return true;
}

static struct zb_compact_control control(unsigned int order,
					 bool (*evacuate)(const struct zb_compact_control *cc,
							  struct zb_zone *zone,
							  unsigned long pfn,
							  unsigned long nr_pages))
{
	calls = 0;
	return (struct zb_compact_control){
		.order = order, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 1, .evacuate = evacuate,
	};
}

/* The states of frames are read only where the cost may be lower than that of another window. */
POOL_TEST_WITH(expensive_windows_are_passed_over, unit_pool_one(8, 16), unit_pool_free_and_end)
{
	struct zb_compact_control cc;
	unsigned int order, i;

	for (i = 0; i < 16; i++)
		unit_keep_frames(zone, i, M, i < 2 ? 1 : 256);
	for (order = 9; order <= 10; order++) {
		cc = control(order, nothing_moves);
		cc.force = true;
		unit_holds_begin();
		EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
		unit_holds_end();
		EXPECT_EQ(last, PB(8));
		unit_note("%lu accesses for order %u", unit_holds.accesses, order);
		/* those of the first window, and few for each of the others */
		EXPECT(unit_holds.accesses < PB(3) << (order - ZB_PAGEBLOCK_ORDER));
	}
}

/* A pageblock whose other frames are on per-CPU lists becomes free by a drain. */
POOL_TEST_WITH(window_of_listed_frames, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(9, free_window);

	unit_pool_long_lists(p);
	unit_keep_frames(zone, 0, M, 2);
	unit_keep_frames(zone, 1, M, 100);
	EXPECT_EQ(unit_free(p, PB(8), 0), ZB_OK);
	EXPECT_EQ(unit_free(p, PB(8) + 2, 0), ZB_OK);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 2);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(calls, 1);
	EXPECT_EQ(last, PB(8));
}

/* After a failure, a failure of a higher order does not let the lower one be tried again. */
POOL_TEST_WITH(deferral_of_the_lowest_order, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(4, nothing_moves);
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 256);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.order = 6;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	cc.order = 4;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
}

/* Windows that failed are tried again by forced runs only, unless these are to go on. */
POOL_TEST_WITH(failed_windows, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(9, nothing_moves);
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 20 + 10 * i);
	for (i = 0; i < 2; i++) {
		while (zb_zone_compact(zone, &cc) == ZB_COMPACT_DEFERRED)
			continue;
		EXPECT_EQ(last, PB(8 + i));
	}
	cc.force = true;
	cc.keep_skipped = true;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(last, PB(10));
	cc.keep_skipped = false;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(last, PB(8));
	EXPECT_EQ(calls, 4);
}

/* Of small windows that cost the same, the first one is emptied. */
POOL_TEST_WITH(first_of_equal_windows, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(4, nothing_moves);

	unit_keep_frames(zone, 0, M, 256);
	unit_keep_frames(zone, 1, M, 256);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(last, PB(8));
}

/* A waiting request that may not use CMA pageblocks does not have them compacted. */
POOL_TEST_WITH(cma_for_movable_requests_only, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_alloc_request req = { .gfp = ZB_GFP_KERNEL, .nr_pages = PB(1) };
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	for (i = 0; i < 2; i++) {
		unit_keep_frames(zone, i, M, 256);
		unit_set_type(zone, i, ZB_MIGRATE_CMA);
	}
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	EXPECT_CALLS("R");
	req.gfp |= __ZB_GFP_MOVABLE;
	zb_pool_compact_for(&p->pool, &req);
	EXPECT_CALLS("RDX");
	for (i = 0; i < 2; i++)
		unit_set_type(zone, i, M);
}

/* Small free blocks of the HighAtomic reserve are no room for what compaction moves. */
POOL_TEST_WITH(room_in_the_reserve, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(4, nothing_moves);

	unit_keep_frames(zone, 0, M, 256);
	EXPECT(zb_compact_suitable(zone, &cc));
	unit_set_type(zone, 0, ZB_MIGRATE_HIGHATOMIC);
	EXPECT(!zb_compact_suitable(zone, &cc));
	unit_set_type(zone, 0, M);
}

static struct zb_zone *shared_zone;

static void isolate_first(void)
{
	if (zb_env_irqs_off || !shared_zone->nr_compacting)
		return;
	zb_env_hook = NULL;
	EXPECT(zb_pool_isolate_range(shared_zone->pool, shared_zone->start_pfn, PB(1)));
}

/* If others isolate the window after it was chosen, this attempt has failed. */
POOL_TEST_WITH(window_isolated_by_others, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	struct zb_compact_control cc = control(ZB_PAGEBLOCK_ORDER, free_window);

	unit_keep_frames(zone, 0, M, 1);
	unit_keep_frames(zone, 1, M, 2);
	shared_zone = zone;
	zb_env_hook = isolate_first;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT(!zb_env_hook);
	EXPECT_EQ(calls, 0);
	EXPECT_EQ(zone->pageblocks[0].skip_compaction, ZB_SKIP_FAILED);
	EXPECT_EQ(zone->pageblocks[1].skip_compaction, ZB_SKIP_NOT);
	zb_pool_unisolate_range(&p->pool, PB(8), PB(1));
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which windows may be captured, and what happens to the pageblocks beside a window. */
#include "capture.h"
#include "isolate.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static unsigned long window;

static void move_out(struct zb_pool *pool __attribute__((unused)),
		     struct zb_zone *zone __attribute__((unused)),
		     zb_gfp_t gfp __attribute__((unused)), unsigned long pfn,
		     unsigned long nr_pages __attribute__((unused)))
{
	window = pfn;
}

static bool not_wanted(void *data __attribute__((unused)))
{
	return false;
}

/* Capture without waiting. The window is recorded. */
static unsigned long capture(struct unit_pool *p, zb_gfp_t gfp, unsigned long nr_pages)
{
	const struct zb_alloc_request req = { .gfp = gfp, .nr_pages = nr_pages, .nid = 0 };
	const struct zb_ops ops = { .move_out = move_out, .drain_all = unit_drain_all };
	const struct zb_ops *before = p->pool.ops;
	unsigned long pfn;

	window = ZB_NO_PFN;
	p->pool.ops = &ops;
	pfn = zb_pool_capture(&p->pool, &req, not_wanted, NULL);
	p->pool.ops = before;
	return pfn;
}

/* CMA pageblocks are captured for movable requests only. */
POOL_TEST_WITH(cma_windows, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, M, i < 2 ? 1 : 3);
	for (i = 0; i < 2; i++)
		unit_set_type(zone, i, ZB_MIGRATE_CMA);
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2)), ZB_NO_PFN);
	EXPECT_EQ(window, PB(10));
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, PB(2)), ZB_NO_PFN);
	EXPECT_EQ(window, PB(8));
	for (i = 0; i < 2; i++)
		unit_set_type(zone, i, M);
}

/* Pageblocks of the HighAtomic reserve are not captured, even if they are the cheapest. */
POOL_TEST_WITH(reserved_windows, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, M, i < 2 ? 1 : 3);
	for (i = 0; i < 2; i++) {
		unit_set_type(zone, i, ZB_MIGRATE_HIGHATOMIC);
		EXPECT_EQ(capture(p, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, PB(2)), ZB_NO_PFN);
		EXPECT_EQ(window, PB(10));
		unit_set_type(zone, i, M);
		zone->capture_failed[0] = ZB_NO_PFN;
	}
}

static unsigned int nr_waits;

static bool count_waits(struct zb_pool *pool __attribute__((unused)),
			bool killable __attribute__((unused)))
{
	nr_waits++;
	return true;
}

static bool wanted(void *data __attribute__((unused)))
{
	return true;
}

/* If no frame of a window ever becomes free, it is awaited as long as any other one. */
POOL_TEST_WITH(window_without_free_frames, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	const struct zb_alloc_request req = { .gfp = ZB_GFP_KERNEL, .nr_pages = PB(2), .nid = 0 };
	const struct zb_ops ops = { .wait = count_waits };
	unsigned int i;

	p->pool.ops = &ops;
	for (i = 0; i < 8; i++)
		if (i < 2)
			EXPECT_EQ(unit_take_from(zone, i, 9), PB(8 + i));
		else
			unit_keep_frames(zone, i, U, 3);
	EXPECT_EQ(zb_pool_capture(&p->pool, &req, wanted, NULL), ZB_NO_PFN);
	EXPECT_EQ(zone->capture_failed[0], PB(8));
	EXPECT_EQ(nr_waits, 150);
}

/* When the captures of all windows have failed, all of these failures are forgotten. */
POOL_TEST_WITH(failures_are_forgotten, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, 1 + i / 2);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2)), ZB_NO_PFN);
		EXPECT_EQ(window, PB(8 + 2 * (i % 4)));
		EXPECT_EQ(zone->capture_failed[0], window);
	}
	for (i = 1; i < ZB_CAPTURES_FAILED; i++)
		EXPECT_EQ(zone->capture_failed[i], ZB_NO_PFN);
}

static struct unit_pool *limited_pool(void)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 } }, .nr_zones = 1, .limit = 10,
	};

	return unit_pool_make(&g);
}

/* Blocks of the largest order can be captured. */
POOL_TEST_WITH(largest_order, limited_pool(), unit_pool_end)
{
	EXPECT_EQ(zone->max_order, 10);
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2)), PB(8));
	EXPECT_EQ(window, PB(8));
	EXPECT_EQ(unit_free_exact(p, PB(8), PB(2)), ZB_OK);
}

/* The part of the window that is not needed is usable again, and nothing behind the window is. */
POOL_TEST(part_of_a_window, 16, 16)
{
	ASSERT(zb_pool_isolate_range(&p->pool, PB(20), PB(3)));
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2) + 1), PB(16));
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 3);
	EXPECT_EQ(zone->pageblocks[3].migratetype, M);
	EXPECT_EQ(unit_free_exact(p, PB(16), PB(2) + 1), ZB_OK);
	zb_pool_unisolate_range(&p->pool, PB(20), PB(3));
}

/* A capture that cannot isolate all of its window leaves no trace. */
POOL_TEST(window_with_isolated_part, 8, 8)
{
	unit_set_type(zone, 1, U);
	ASSERT(zb_pool_isolate_range(&p->pool, PB(10), PB(1)));
	EXPECT(!zb_zone_begin_capture(zone, PB(9), PB(2)));
	EXPECT_EQ(zone->pageblocks[1].migratetype, U);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 0);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 1);
	zb_pool_unisolate_range(&p->pool, PB(10), PB(1));
	unit_set_type(zone, 1, M);
}

static struct zb_zone *captured;
static unsigned int points_left;

static void break_at_point(void)
{
	if (zb_env_irqs_off || captured->capture_pfn == ZB_NO_PFN || --points_left)
		return;
	zb_env_hook = NULL;
	zb_zone_break_capture(captured);
}

/* If others break a capture, at whatever point, the frames are either allocated or usable. */
POOL_TEST(broken_at_each_point, 8, 8)
{
	bool fired = true;
	unsigned long pfn;
	unsigned int n, i;

	captured = zone;
	for (n = 1; fired; n++) {
		for (i = 0; i < ZB_CAPTURES_FAILED; i++)
			zone->capture_failed[i] = ZB_NO_PFN;
		points_left = n;
		zb_env_hook = break_at_point;
		pfn = capture(p, ZB_GFP_KERNEL, PB(2));
		fired = !zb_env_hook;
		zb_env_hook = NULL;
		if (pfn != ZB_NO_PFN)
			EXPECT_EQ(unit_free_exact(p, pfn, PB(2)), ZB_OK);
		EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
		EXPECT_EQ(zone->nr_free, PB(8));
	}
	EXPECT(n > 5);
}

/* The frames of a window that are on per-CPU lists are drained before anything is awaited. */
POOL_TEST_WITH(window_of_listed_frames, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 0; i < 8; i++)
		if (i != 1)
			unit_keep_frames(zone, i, M, i ? 3 : 2);
	EXPECT_EQ(unit_free(p, PB(8), 0), ZB_OK);
	EXPECT_EQ(unit_free(p, PB(8) + 2, 0), ZB_OK);
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2)), PB(8));
	EXPECT_EQ(zb_zone_nr_cached(zone), 0);
}

/* A movable block as large as the window costs as much as any other block. */
POOL_TEST_WITH(block_as_large_as_the_window, unit_pool_one(8, 8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (!i || i > 3)
			unit_keep_frames(zone, i, U, i ? 2 : 1);
	ASSERT_EQ(unit_take(zone, 10, M), PB(10));
	EXPECT_EQ(capture(p, ZB_GFP_KERNEL, PB(2)), ZB_NO_PFN);
	EXPECT_EQ(window, PB(8));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capturing memory for a large request: which window is chosen, what happens until its
 * memory is free, and what ends the capture.
 */
#include "capture.h"
#include "isolate.h"
#include "offline.h"
#include "overtake.h"
#include "range_alloc.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define TWO_MB_PAIR	(2 * ZB_PAGEBLOCK_NR)

/* What happens during the waits; a global variable because hooks have no argument for it. */
static struct {
	struct zb_ops ops;
	struct zb_zone *zone;
	unsigned int nr_waits;
	unsigned int nr_moves;
	unsigned long window;		/* argument of the last call of move_out */
	unsigned int ends_after;	/* number of waits after which the request is gone */
	unsigned long frees[8];		/* order-0 blocks, of which each wait frees one */
	unsigned int nr_frees;
	bool (*act)(void);		/* if set, each wait calls it and frees nothing */
} during;

static bool wait_hook(struct zb_pool *pool, bool killable)
{
	EXPECT(!killable);
	during.nr_waits++;
	if (during.act)
		return during.act();
	if (during.nr_frees)
		EXPECT_EQ(zb_pool_free_pages(pool, during.frees[--during.nr_frees], 0), ZB_OK);
	return true;
}

static void move_out_hook(struct zb_pool *pool, struct zb_zone *zone,
			  zb_gfp_t gfp __attribute__((unused)), unsigned long pfn,
			  unsigned long nr_pages)
{
	during.nr_moves++;
	during.window = pfn;
	EXPECT_EQ(zb_pfn_pageblock(zone, pfn)->migratetype, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(zb_pfn_pageblock(zone, pfn + nr_pages - 1)->migratetype, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(zone->pool, pool);
}

static bool is_wanted(void *data)
{
	EXPECT(data == &during);
	return during.nr_waits < during.ends_after;
}

static void begin(struct unit_pool *p, struct zb_zone *zone)
{
	memset(&during, 0, sizeof(during));
	during.ops = *p->pool.ops;
	during.ops.wait = wait_hook;
	during.ops.move_out = move_out_hook;
	during.zone = zone;
	during.ends_after = ~0u;
	p->pool.ops = &during.ops;
}

static unsigned long capture(struct unit_pool *p, unsigned long nr_pages)
{
	struct zb_alloc_request req = {
		.gfp = ZB_GFP_KERNEL, .nr_pages = nr_pages, .nid = 0,
	};

	return zb_pool_capture(&p->pool, &req, is_wanted, &during);
}

/* Let the next waits free what is kept in a pageblock, the frames with even numbers. */
static void free_during_waits(unsigned long pfn, unsigned int nr)
{
	while (nr)
		during.frees[during.nr_frees++] = pfn + 2ul * --nr;
}

/* Keep frames in all pageblocks: in the window at pageblock @at another number than elsewhere. */
static void keep_in_all(struct zb_zone *zone, unsigned int at, unsigned int nr_window,
			unsigned int nr_others)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, i / 2 == at / 2 ? nr_window : nr_others);
}

#define CAPTURE_TEST(name)	POOL_TEST_WITH(name, unit_pool_one(8, 8), unit_pool_free_and_end)

/* The window with the fewest blocks is awaited until they are free. */
CAPTURE_TEST(fewest_blocks)
{
	keep_in_all(zone, 4, 2, 3);
	begin(p, zone);
	free_during_waits(PB(12), 2);
	free_during_waits(PB(13), 2);
	EXPECT_EQ(capture(p, TWO_MB_PAIR), PB(12));
	EXPECT_EQ(during.nr_waits, 4);
	EXPECT_EQ(during.window, PB(12));
	EXPECT_EQ(zone->events[ZB_CAPTURE_SUCCESS], 1);
	EXPECT_EQ(zone->capture_pfn, ZB_NO_PFN);
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, PB(12), TWO_MB_PAIR), ZB_OK);
}

/* Many movable frames take less time than a few blocks that their owners have to free. */
CAPTURE_TEST(movable_is_cheaper)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, i < 6 ? U : M, i < 6 ? 2 : 200);
	begin(p, zone);
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.window, PB(14));
}

/* A movable block as large as the window can't move out, so it is awaited like others. */
CAPTURE_TEST(too_large_to_move)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, 1);
	unit_free_pageblock(zone, 2);
	unit_free_pageblock(zone, 3);
	EXPECT_EQ(unit_take(zone, 10, M), PB(10));
	begin(p, zone);
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.window, PB(10));
}

/* A window inside of a larger allocation is awaited like one with a single block in use. */
CAPTURE_TEST(inside_of_larger)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, 1);
	for (i = 0; i < 8; i++)
		if (i != 1 && i != 3)
			unit_free_pageblock(zone, i);
	EXPECT_EQ(unit_take(zone, 11, U), PB(12));
	begin(p, zone);
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.window, PB(8));
}

/* A request for less than its window gives back the rest, with its migrate type. */
CAPTURE_TEST(rest_is_returned)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, i < 4 ? 1 : 2);
	begin(p, zone);
	for (i = 0; i < 4; i++)
		free_during_waits(PB(8 + i), 1);
	EXPECT_EQ(capture(p, TWO_MB_PAIR + 5), ZB_NO_PFN);	/* more than a quarter */
	EXPECT_EQ(capture(p, TWO_MB_PAIR - 500), PB(8));
	unit_pool_drain(p);
	unit_pool_quiet(p);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
	EXPECT_EQ(unit_free_exact(p, PB(8), TWO_MB_PAIR - 500), ZB_OK);
}

/* What could not be moved is tried again, less and less often. */
CAPTURE_TEST(moves_are_repeated)
{
	keep_in_all(zone, 0, 1, 1);
	begin(p, zone);
	during.ends_after = 40;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_moves, 5);			/* before 0, 4, 8, 16 and 32 waits */
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
	EXPECT_EQ(zone->events[ZB_CAPTURE_FAIL], 1);
}

/* What has become free before a capture fails can be used by requests of all types. */
CAPTURE_TEST(failure_keeps_what_is_free)
{
	keep_in_all(zone, 4, 1, 3);
	unit_set_type(zone, 4, U);
	unit_set_type(zone, 5, U);
	begin(p, zone);
	free_during_waits(PB(12), 1);
	during.ends_after = 2;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(zone->pageblocks[4].migratetype, M);
}

static bool raise_watermark(void)
{
	during.zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(8);
	return zb_pool_free_pages(during.zone->pool, PB(8), 0) == ZB_OK;
}

/* If the memory is needed for the watermark in the end, it is not kept isolated. */
CAPTURE_TEST(memory_that_is_not_allocated)
{
	keep_in_all(zone, 0, 1, 2);
	begin(p, zone);
	during.act = raise_watermark;
	EXPECT_EQ(capture(p, ZB_PAGEBLOCK_NR), ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
}

static unsigned long kept;

static bool free_one_of_hundred(void)
{
	if (during.nr_waits % 100 == 0) {
		EXPECT_EQ(zb_pool_free_pages(during.zone->pool, kept, 0), ZB_OK);
		kept += 2;
	}
	return true;
}

/* A capture ends when nothing has become free for a while, and in any case after a limit. */
CAPTURE_TEST(time_is_bounded)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, i == 2 ? 8 : i == 3 ? 1 : 10);
	begin(p, zone);
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 150);
	EXPECT_EQ(during.window, PB(10));
	/* the next one is another window */
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT(during.window != PB(10));
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	/* all have failed, so the next capture begins again */
	during.nr_waits = 0;
	during.act = free_one_of_hundred;
	kept = PB(10);
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.window, PB(10));
	EXPECT_EQ(during.nr_waits, 500);
}

static bool allocate_all_else(void)
{
	struct zb_pool *pool = during.zone->pool;

	while (READ_ONCE(during.zone->capture_pfn) != ZB_NO_PFN)
		if (!EXPECT(zb_pool_alloc_exact(pool, ZB_GFP_NOWAIT, 1, 0, NULL) != ZB_NO_PFN))
			return false;
	return true;
}

/* A request for a small block breaks the capture before it fails. */
CAPTURE_TEST(small_request_breaks)
{
	keep_in_all(zone, 2, 2, 3);
	begin(p, zone);
	during.act = allocate_all_else;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_FAIL], 1);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
}

static bool large_request_fails(void)
{
	EXPECT_EQ(zb_pool_alloc_exact(during.zone->pool, ZB_GFP_NOWAIT, 512, 0, NULL), ZB_NO_PFN);
	EXPECT(during.zone->capture_pfn != ZB_NO_PFN);
	return true;
}

/* A request for a large block fails without breaking the capture. */
CAPTURE_TEST(large_request_does_not_break)
{
	keep_in_all(zone, 2, 1, 3);
	begin(p, zone);
	during.act = large_request_fails;
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 0);
}

static bool isolate_the_window(void)
{
	struct zb_pool *pool = during.zone->pool;

	EXPECT(zb_pool_isolate_range_wait(pool, during.window, TWO_MB_PAIR));
	EXPECT_EQ(during.zone->capture_pfn, ZB_NO_PFN);
	zb_pool_unisolate_range(pool, during.window, TWO_MB_PAIR);
	return true;
}

/* Isolating pageblocks for another purpose breaks a capture instead of waiting for its end. */
CAPTURE_TEST(isolation_breaks)
{
	keep_in_all(zone, 0, 3, 3);
	begin(p, zone);
	during.act = isolate_the_window;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 1);
}

static enum zb_range_result survey_hook(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
					const struct zb_alloc_context *ac,
					struct zb_range_survey **survey)
{
	EXPECT(pool == zone->pool && gfp && ac->node && !*survey);
	EXPECT_EQ(zone->capture_pfn, ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
	return ZB_RANGE_STOPPED;
}

static bool search_a_range(void)
{
	const struct zb_range range = { .nr_pages = TWO_MB_PAIR, .end_pfn = ZB_NO_PFN };
	struct zb_range_failure failure;

	during.ops.survey = survey_hook;
	EXPECT_EQ(zb_pool_alloc_range(during.zone->pool, ZB_GFP_KERNEL, &range, 0, NULL,
				      &failure), ZB_NO_PFN);
	EXPECT_EQ(failure.result, ZB_RANGE_STOPPED);
	return true;
}

/* A request for a range breaks a capture before it searches. */
CAPTURE_TEST(range_breaks)
{
	keep_in_all(zone, 2, 1, 3);
	begin(p, zone);
	during.act = search_a_range;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 1);
}

static bool others_pass(void)
{
	struct zb_alloc_request first = {
		.gfp = ZB_GFP_KERNEL, .nr_pages = TWO_MB_PAIR, .nid = 0,
	};
	struct zb_alloc_request later = { .gfp = ZB_GFP_KERNEL, .nr_pages = 1, .nid = 0 };

	EXPECT_EQ(zb_pool_overtake(during.zone->pool, &first, &later), ZB_OVERTAKE_APART);
	return true;
}

/* Requests behind the first one do not compete for what is captured, so they may pass. */
CAPTURE_TEST(others_pass_during_capture)
{
	keep_in_all(zone, 0, 3, 3);
	begin(p, zone);
	during.act = others_pass;
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
}

/* No window is chosen that would leave others less free memory than the low watermark. */
CAPTURE_TEST(room_for_others)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, i < 2 ? 256 : 512);
	zone->watermark[ZB_ALLOC_WMARK_LOW] = 1;
	begin(p, zone);
	during.ends_after = 1;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
		EXPECT(during.window != PB(8));
		during.nr_waits = 0;
	}
	EXPECT_EQ(during.nr_moves, 3);
	zone->watermark[ZB_ALLOC_WMARK_LOW] = 0;
}

/* Requests for a lower zone may need its reserve. */
CAPTURE_TEST(room_for_reserve)
{
	keep_in_all(zone, 0, 2, 3);
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = zone->nr_free - TWO_MB_PAIR + 5;
	begin(p, zone);
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT(during.window != PB(8));
	zone->lowmem_reserve[ZB_ZONE_NORMAL]--;
	during.nr_waits = 0;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.window, PB(8));
	zone->lowmem_reserve[ZB_ZONE_NORMAL] = 0;
}

/* A quarter of what is left, not of what the zone had. */
CAPTURE_TEST(quarter_of_the_rest)
{
	struct zb_range r = {
		.nr_pages = ZB_PAGEBLOCK_NR, .align_order = ZB_PAGEBLOCK_ORDER,
		.end_pfn = ZB_NO_PFN,
	};
	struct zb_range_failure failure;
	unsigned int i;
	unsigned long pfn;

	pfn = zb_pool_alloc_range(&p->pool, __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE, &r, 0, NULL,
				  &failure);
	ASSERT(pfn != ZB_NO_PFN);
	ASSERT_EQ(zb_pool_offline(&p->pool, pfn, ZB_PAGEBLOCK_NR), ZB_OK);
	for (i = 0; i < 8; i++)
		if (PB(8 + i) != pfn)
			unit_keep_frames(zone, i, U, 1);
	begin(p, zone);
	during.ends_after = 1;
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 0);
	EXPECT_EQ(capture(p, ZB_PAGEBLOCK_NR), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 1);
	EXPECT_EQ(zb_pool_online(&p->pool, pfn, ZB_PAGEBLOCK_NR, NULL), ZB_PAGEBLOCK_NR);
}

static struct unit_pool *two_zones(void)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 }, { 0, ZB_ZONE_MOVABLE, 16, 8 } },
		.nr_zones = 2,
	};

	return unit_pool_make(&g);
}

/* What is in use in the preferred zone may be kept for ever, so another one gets its turn. */
POOL_TEST_WITH(zones_take_turns, two_zones(), unit_pool_free_and_end)
{
	struct zb_alloc_request req = {
		.gfp = ZB_GFP_HIGHUSER_MOVABLE, .nr_pages = ZB_PAGEBLOCK_NR, .nid = 0,
	};
	unsigned int i, turn;

	for (i = 0; i < 8; i++) {
		unit_keep_frames(zone, i, U, 1);
		unit_keep_frames(zone + 1, i, U, 1);
	}
	begin(p, zone);
	during.ends_after = 1;
	for (turn = 0; turn < 10; turn++) {
		during.nr_waits = 0;
		EXPECT_EQ(zb_pool_capture(&p->pool, &req, is_wanted, &during), ZB_NO_PFN);
		EXPECT_EQ(zb_pfn_zone(&p->pool, during.window), zone + (turn % 2 ? 0 : 1));
	}
}

/* Small requests, and those for blocks that no zone can have, capture nothing. */
CAPTURE_TEST(unsuitable_requests)
{
	begin(p, zone);
	EXPECT_EQ(capture(p, 256), ZB_NO_PFN);
	EXPECT_EQ(capture(p, 1), ZB_NO_PFN);
	EXPECT_EQ(capture(p, 4 * TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(capture(p, ~0ul), ZB_NO_PFN);
	EXPECT_EQ(during.nr_waits, 0);
	EXPECT_EQ(zone->events[ZB_CAPTURE_FAIL], 0);
}

/* A window with a pageblock that others have isolated, or a frame out of use, is not chosen. */
CAPTURE_TEST(unusable_windows)
{
	unsigned int i;
	u8 state;

	for (i = 0; i < 8; i++)
		unit_keep_frames(zone, i, U, i < 4 ? 1 : 3);
	ASSERT(zb_pool_isolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR));
	state = zb_zone_state(zone, PB(10));
	ASSERT(zb_state_allocated(state));
	zb_zone_set_state(zone, PB(10), ZB_STATE_BAD(0));
	begin(p, zone);
	during.ends_after = 1;
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
		EXPECT(during.window >= PB(12));
		during.nr_waits = 0;
	}
	EXPECT_EQ(during.nr_moves, 2);
	EXPECT_EQ(capture(p, TWO_MB_PAIR), ZB_NO_PFN);
	EXPECT_EQ(zone->events[ZB_CAPTURE_FAIL], 2);
	zb_zone_set_state(zone, PB(10), state);
	zb_pool_unisolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR);
}

/* The step of a capture that is interrupted by another CPU, and at which of its points. */
static struct {
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned long at, points;
	void (*other)(void);
} step;

static void at_point(void)
{
	zb_env_hook_fn hook = zb_env_hook;

	if (zb_env_irqs_off || step.points++ != step.at)
		return;
	zb_env_hook = NULL;
	step.other();
	zb_env_hook = hook;
}

/* Run a step with an interruption. Returns false if it has too few points for that. */
static bool run(void (*main_step)(void), unsigned long at, void (*other)(void))
{
	step.at = at;
	step.points = 0;
	step.other = other;
	zb_env_hook = at_point;
	main_step();
	zb_env_hook = NULL;
	return step.points > at;
}

static unsigned long take_frame(void)
{
	return zb_pool_alloc_exact(&step.p->pool, ZB_GFP_NOWAIT, 1, 0, NULL);
}

static void expect_a_frame(void)
{
	unsigned long pfn = take_frame();

	if (EXPECT(pfn != ZB_NO_PFN))
		EXPECT_EQ(zb_pool_free_pages(&step.p->pool, pfn, 0), ZB_OK);
	unit_pool_drain(step.p);
}

static void begin_step(void)
{
	zb_zone_begin_capture(step.zone, PB(14), TWO_MB_PAIR);
}

static void break_step(void)
{
	zb_zone_break_capture(step.zone);
}

static void drop_step(void)
{
	zb_zone_drop_capture(step.zone);
}

/* Interrupt a step of a capture of all free memory at each point, until it has no more. */
static void at_all_points(bool captured, void (*main_step)(void), void (*other)(void))
{
	unsigned long at;
	bool more = true;

	for (at = 0; more && at < 1000; at++) {
		zb_zone_begin_isolation(step.zone);
		if (captured)
			begin_step();
		more = run(main_step, at, other);
		zb_zone_drop_capture(step.zone);
		zb_zone_end_isolation(step.zone);
		EXPECT_EQ(step.zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
		EXPECT_EQ(step.zone->nr_free, TWO_MB_PAIR);
	}
	EXPECT(at > 1 && !more);
}

/*
 * Whatever is being done to a capture at the moment, and whoever breaks it meanwhile, a request
 * for a small block does not fail because of it.
 */
CAPTURE_TEST(small_request_at_all_points)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		EXPECT(unit_take(zone, ZB_PAGEBLOCK_ORDER, U) != ZB_NO_PFN);
	step.p = p;
	step.zone = zone;
	at_all_points(false, begin_step, expect_a_frame);
	at_all_points(true, break_step, expect_a_frame);
	at_all_points(true, drop_step, expect_a_frame);
	at_all_points(true, expect_a_frame, break_step);
	at_all_points(true, expect_a_frame, drop_step);
	at_all_points(false, begin_step, break_step);
}

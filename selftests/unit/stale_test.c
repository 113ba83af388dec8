// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred merging: frames that a drain has freed count at once, their pageblock is on the
 * list of its longest run, and the runs are counted later.
 */
#include "unit_holds.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

/* Allocate all frames of pageblocks @from to @to, one by one. */
static void fill(struct zb_zone *zone, unsigned long from, unsigned long to, unsigned int mt)
{
	for (; from < to; from++) {
		unit_set_type(zone, from, mt);
		unit_fill_pageblock(zone, from, mt, NULL);
	}
}

static bool is_stale(const struct zb_zone *zone, unsigned long pb)
{
	return zb_pageblock_is_stale(zone, &zone->pageblocks[pb]);
}

POOL_TEST(frames_count_at_once, 64, 4)
{
	struct zb_pageblock *pb = zone->pageblocks;
	struct zb_zone_stat st;

	fill(zone, 0, 4, M);
	unit_give_deferred(zone, PB(64) + 6, 0);
	EXPECT_EQ(pb->largest_free, 0);
	unit_give_deferred(zone, PB(64) + 7, 0);
	EXPECT_EQ(zone->nr_free, 2);
	EXPECT_EQ(zone->nr_free_type[M], 2);
	EXPECT_EQ(zone->nr_free_pcptypes, 2);
	EXPECT_EQ(pb->nr_free, 2);
	EXPECT(is_stale(zone, 0));
	EXPECT_EQ(zone->nr_stale, 1);
	EXPECT_EQ(pb->largest_free, 1);
	EXPECT_EQ(zone->free_area[1].nr_free, 0);
	/* statistics include the block */
	zb_zone_snapshot(zone, &st);
	EXPECT_EQ(st.nr_free_blocks[1][M], 1);
	EXPECT(!is_stale(zone, 0));
	EXPECT_EQ(zone->nr_stale, 0);
	unit_free_all(p);
}

/* Whatever is freed in whatever order, largest_free is that of the longest run. */
POOL_TEST(longest_run_is_exact, 64, 2)
{
	unsigned int i, order, left = ZB_PAGEBLOCK_NR;
	const struct zb_pageblock *pb = zone->pageblocks;
	u16 nr[ZB_PAGEBLOCK_ORDER];
	unsigned long pfn;

	fill(zone, 0, 2, M);
	while (left > 1) {
		pfn = PB(64) + unit_below(ZB_PAGEBLOCK_NR);
		if (!zb_state_allocated(zb_zone_state(zone, pfn)))
			continue;
		left--;
		if (unit_below(3))
			unit_give_deferred(zone, pfn, 0);
		else
			unit_give(zone, pfn, 0);
		zb_pageblock_count_runs(pb, nr);
		for (order = i = 0; i < ZB_PAGEBLOCK_ORDER; i++)
			if (nr[i])
				order = i;
		ASSERT_EQ(pb->largest_free, order);
	}
	EXPECT_EQ(pb->largest_free, 8);
	unit_free_all(p);
}

/* The last frame of a pageblock merges it with its buddies. */
POOL_TEST(wholly_free_pageblocks_are_merged_at_once, 64, 2)
{
	unsigned int i, k, order[2 * ZB_PAGEBLOCK_NR] = { 0 };

	fill(zone, 0, 2, U);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		k = unit_below(i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		unit_give_deferred(zone, PB(64) + order[i], 0);
		for (k = 0; k < 2; k++)
			EXPECT(is_stale(zone, k) == !zb_pageblock_all_free(&zone->pageblocks[k]) ||
			       !zone->pageblocks[k].nr_free);
	}
	EXPECT_EQ(zone->nr_stale, 0);
	EXPECT_EQ(zone->pageblocks->largest_free, 10);
	EXPECT_EQ(zone->pageblocks->migratetype, M);
}

/* Blocks are merged in a refresh as they are when they are freed one by one. */
TEST(refresh_merges_all)
{
	struct unit_pool *one_by_one = unit_pool_one(64, 4), *p = unit_pool_one(64, 4);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn;
	unsigned int round;
	struct unit_state *s;

	fill(zone, 0, 4, M);
	fill(one_by_one->pool.zones, 0, 4, M);
	for (round = 0; round < 2000; round++) {
		pfn = PB(64) + unit_below(PB(4));
		if (!zb_state_allocated(zb_zone_state(zone, pfn)))
			continue;
		unit_give(one_by_one->pool.zones, pfn, 0);
		if (unit_below(4))
			unit_give_deferred(zone, pfn, 0);
		else
			unit_give(zone, pfn, 0);
		if (round % 50)
			continue;
		EXPECT(unit_pool_quiet(p));
		s = unit_state_save(one_by_one);
		ASSERT(unit_state_equal(p, s));
		unit_state_free(s);
	}
	unit_free_all(p);
	unit_free_all(one_by_one);
	unit_pool_end(one_by_one);
	unit_pool_end(p);
}

/* A large block is found although its frames have not been merged. */
POOL_TEST(requests_find_unmerged_blocks, 64, 4)
{
	unsigned long i;

	unit_pool_no_watermarks(p);
	fill(zone, 0, 4, M);
	for (i = 0; i < 8; i++)
		unit_give_deferred(zone, PB(66) + 40 + i, 0);
	EXPECT(!zb_zone_has_block(zone, 3, 0));
	EXPECT(zb_zone_watermark_ok(zone, 3, 8, 0, ZB_ZONE_NORMAL, 0));
	/* pageblocks of special types count only for some requests */
	unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
	unit_set_type(zone, 3, ZB_MIGRATE_CMA);
	for (i = 0; i < 16; i++) {
		unit_give_deferred(zone, PB(65) + 16 + i, 0);
		unit_give_deferred(zone, PB(67) + 16 + i, 0);
	}
	EXPECT(zb_zone_has_block_locked(zone, 3, 0));
	EXPECT(!zb_zone_has_block_locked(zone, 4, 0));
	EXPECT(zb_zone_has_block_locked(zone, 4, ZB_ALLOC_HARDER));
	EXPECT(zb_zone_has_block_locked(zone, 4, ZB_ALLOC_CMA));
	EXPECT(!zb_zone_has_block_locked(zone, 5, ZB_ALLOC_HARDER | ZB_ALLOC_CMA));
	unit_set_type(zone, 1, M);
	unit_set_type(zone, 3, M);
	EXPECT_EQ(unit_take(zone, 3, M), PB(66) + 40);
	EXPECT(!is_stale(zone, 2));
	unit_free_all(p);
}

/* A pageblock that is in use is preferred to a whole one, and to one of another type. */
POOL_TEST(stale_pageblocks_are_used_first, 64, 8)
{
	fill(zone, 0, 2, U);
	fill(zone, 2, 3, M);
	unit_give_deferred(zone, PB(65) + 9, 0);
	unit_give_deferred(zone, PB(66) + 11, 0);
	EXPECT_EQ(unit_take(zone, 0, U), PB(65) + 9);
	EXPECT_EQ(unit_take(zone, 0, M), PB(66) + 11);
	EXPECT_EQ(zone->events[ZB_CLAIM], 0);
	unit_free_all(p);
}

/* With nothing else free, frames are stolen that have not been merged. */
POOL_TEST(unmerged_frames_are_stolen, 64, 4)
{
	fill(zone, 0, 4, M);
	unit_give_deferred(zone, PB(65) + 9, 0);
	EXPECT_EQ(unit_take(zone, 0, U), PB(65) + 9);
	EXPECT_EQ(zone->events[ZB_STEAL], 1);
	unit_free_all(p);
}

/* A refill takes frames of stale pageblocks, which are not stale afterwards. */
POOL_TEST(words_of_stale_pageblocks, 64, 4)
{
	struct zb_bulk words = { .order = 0 };
	unsigned long flags;
	unsigned int i;

	fill(zone, 0, 4, M);
	for (i = 0; i < 20; i++)
		unit_give_deferred(zone, PB(65) + 25ul * i, 0);
	zb_lock_irqsave(&zone->lock, flags);
	EXPECT_EQ(__zb_take_words(zone, &zone->pageblocks[1], 12, &words, NULL), 12);
	zb_unlock_irqrestore(&zone->lock, flags);
	EXPECT(!is_stale(zone, 1));
	EXPECT_EQ(zone->pageblocks[1].nr[0], 8);
	EXPECT_EQ(zone->free_area[0].nr_free, 8);
	zb_free_pcppages_bulk(zone, &words, M);
	unit_free_all(p);
}

/* The type of a stale pageblock changes with all of its free frames. */
POOL_TEST(type_of_a_stale_pageblock, 64, 4)
{
	unsigned int mt;

	fill(zone, 0, 4, M);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		unit_give_deferred(zone, PB(65) + 2ul * mt, 0);
		if (mt == M)
			continue;
		unit_set_type(zone, 1, mt);
		EXPECT_EQ(zone->nr_free_type[mt], mt + 1);
		EXPECT_EQ(zone->free_area[0].nr_free_type[mt], mt + 1);
		EXPECT_EQ(zone->nr_stale, 0);
		EXPECT(unit_pool_quiet(p));
	}
	unit_set_type(zone, 1, M);
	unit_free_all(p);
}

/* However many pageblocks are stale, the lock is held for a few of them. */
POOL_TEST(refresh_in_short_holds, 64, 200)
{
	struct zb_zone_stat st;
	unsigned long i;

	fill(zone, 0, 200, M);
	for (i = 0; i < 200; i++)
		unit_give_deferred(zone, PB(64 + i) + i, 0);
	EXPECT_EQ(zone->nr_stale, 200);
	unit_holds_begin();
	zb_zone_snapshot(zone, &st);
	unit_holds_end();
	unit_note("at most %lu accesses in one hold", unit_holds.longest);
	EXPECT(unit_holds.nr && unit_holds.longest <= 20);
	EXPECT_EQ(st.nr_free_blocks[0][M], 200);
	unit_free_all(p);
}

static struct zb_zone *refreshed;
static unsigned int nr_freed;

/* Take a snapshot of 64 stale pageblocks, while another CPU does what @hook does. */
static void snapshot_while(struct zb_zone *zone, zb_env_hook_fn hook, struct zb_zone_stat *st)
{
	unsigned long i;

	fill(zone, 0, 64, M);
	for (i = 0; i < 64; i++)
		unit_give_deferred(zone, PB(64 + i) + 511, 0);
	refreshed = zone;
	zb_env_hook = hook;
	zb_zone_snapshot(zone, st);
	zb_env_hook = NULL;
}

/* Another CPU frees a frame of the first pageblock whenever the lock is not held. */
static void free_behind(void)
{
	if (zb_env_irqs_off || nr_freed == 100)
		return;
	zb_env_hook = NULL;
	unit_give_deferred(refreshed, PB(64) + 2ul * nr_freed++, 0);
	zb_env_hook = free_behind;
}

/* Pageblocks that become stale again during a refresh are counted, too. */
POOL_TEST(frames_freed_behind_a_refresh, 64, 64)
{
	struct zb_zone_stat st;

	snapshot_while(zone, free_behind, &st);
	EXPECT(nr_freed > 20);
	EXPECT(st.nr_free > 64 + 20);
	EXPECT_EQ(st.nr_free_blocks[0][M], st.nr_free);
	unit_refresh(zone);
	unit_free_all(p);
}

static unsigned int nr_passes;

/*
 * Another CPU frees frames of the first pageblocks whenever the lock is dropped, as soon as they
 * have been refreshed. So every pass finds more stale pageblocks than fit in one hold.
 */
static void free_after_each_pass(void)
{
	static unsigned int used[3 * ZB_REFRESH_FEW];
	unsigned int i;

	if (zb_env_irqs_off || !refreshed->nr_stale)
		return;
	zb_env_hook = NULL;
	nr_passes += !is_stale(refreshed, 0);
	for (i = 0; i < ARRAY_SIZE(used); i++)
		if (!is_stale(refreshed, i) && used[i] < ZB_PAGEBLOCK_NR / 2)
			unit_give_deferred(refreshed, PB(64 + i) + 2ul * used[i]++, 0);
	zb_env_hook = free_after_each_pass;
}

/* A refresh comes to an end although other CPUs free frames all the time. */
POOL_TEST(passes_are_limited, 64, 64)
{
	struct zb_zone_stat st;

	snapshot_while(zone, free_after_each_pass, &st);
	EXPECT_EQ(nr_passes, ZB_REFRESH_PASSES);
	EXPECT_EQ(zone->nr_stale, 0);
	EXPECT_EQ(st.nr_free_blocks[0][M], st.nr_free);
	unit_free_all(p);
}

/* Another CPU frees the rest of the next stale pageblock when the lock is dropped first. */
static void free_the_next(void)
{
	unsigned long i = 0, k;

	if (zb_env_irqs_off || refreshed->nr_stale == 64)
		return;
	zb_env_hook = NULL;
	while (!is_stale(refreshed, i))
		i++;
	for (k = 0; k < ZB_PAGEBLOCK_NR - 1; k++)
		unit_give(refreshed, PB(64 + i) + k, 0);
}

/* A pageblock that becomes wholly free during a refresh is not counted as a stale one. */
POOL_TEST(next_pageblock_becomes_free, 64, 64)
{
	struct zb_zone_stat st;

	snapshot_while(zone, free_the_next, &st);
	EXPECT_EQ(st.nr_free, 63 + ZB_PAGEBLOCK_NR);
	EXPECT_EQ(st.nr_free_blocks[0][M], 63);
	EXPECT_EQ(st.nr_free_blocks[9][M], 1);
	unit_free_all(p);
}

/*
 * Each drain writes to the bits of stale pageblocks, and each free reads the types. They have no
 * cache line in common.
 */
TEST(stale_bits_are_in_other_cache_lines_than_types)
{
	struct zb_zone *zone;
	struct unit_pool *p;
	unsigned long nr;

	for (nr = 1; nr < 200; nr++) {
		p = unit_pool_one(0, nr);
		zone = p->pool.zones;
		EXPECT_EQ(((u8 *)zone->stale - zone->state) % 64, 0);
		EXPECT((u8 *)zone->stale >= zone->types + nr);
		unit_pool_end(p);
	}
}

/* A pageblock with another run of the same length keeps its place in the list. */
POOL_TEST(equally_long_run, 64, 2)
{
	unsigned int i, pb;

	fill(zone, 0, 2, M);
	for (pb = 0; pb < 2; pb++)
		for (i = 0; i < 64; i++)
			unit_give(zone, PB(64 + pb) + i, 0);
	EXPECT(zb_free_area_first(zone->free_area, 6, M) == &zone->pageblocks[1]);
	for (i = 128; i < 192; i++)
		unit_give_deferred(zone, PB(64) + i, 0);
	EXPECT_EQ(zone->pageblocks[0].largest_free, 6);
	EXPECT(zb_free_area_first(zone->free_area, 6, M) == &zone->pageblocks[1]);
	unit_free_all(p);
}

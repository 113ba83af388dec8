// SPDX-License-Identifier: GPL-2.0-only
/* How many frames a refill takes, and for how many words a drain holds the lock. */
#include "bulk.h"
#include "unit_holds.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static void end(struct unit_pool *p)
{
	unit_pool_no_watermarks(p);
	unit_pool_free_and_end(p);
}

/* The number of blocks that a refill takes if the list has room for 64. */
static unsigned int refill_blocks(struct zb_zone *zone, unsigned int order)
{
	struct zb_bulk words = { .order = order };
	unsigned int i, nr = 0;

	zone->pcp_limit[order] = 256;
	zb_rmqueue_bulk(zone, M, 0, 64, &words, NULL);
	for (i = 0; i < words.nr; i++)
		nr += hweight64(words.bits[i]);
	zb_free_pcppages_bulk(zone, &words, M);
	return nr >> order;
}

static unsigned int refill(struct zb_zone *zone)
{
	return refill_blocks(zone, 0);
}

/* Mark @nr runs of @order as free in the word that starts at @keep; no two are buddies. */
static void free_runs(bool *keep, unsigned long nr, unsigned int order)
{
	while (nr--)
		memset(keep + 16 * nr, false, BIT(order));
}

/* If a pageblock has more than four short runs, a refill takes fewer frames from it. */
POOL_TEST_WITH(refill_from_short_runs, unit_pool_one(8, 1), unit_pool_end)
{
	unsigned int a, b, more;
	bool keep[ZB_PAGEBLOCK_NR];

	for (a = 0; a < 4; a++)
		for (b = a; b < 4; b++)
			for (more = 0; more < 2; more++) {
				memset(keep, true, sizeof(keep));
				memset(keep + 256, false, 256);
				free_runs(keep, 3, a);
				free_runs(keep + 64, 1 + more, b);
				unit_fill_pageblock(zone, 0, M, keep);
				EXPECT_EQ(refill(zone), more ? 16 : 64);
				unit_free_all(p);
			}
	/* a run of 16 frames is not short */
	memset(keep, true, sizeof(keep));
	memset(keep + 256, false, 256);
	for (a = 0; a < 8; a++)
		free_runs(keep + 32ul * a, 1, 4);
	unit_fill_pageblock(zone, 0, M, keep);
	EXPECT_EQ(refill(zone), 64);
	unit_free_all(p);
}

static struct zb_zone *stale_zone;
static unsigned long nr_free_refreshed;	/* free frames when no pageblock is stale any more */

static void watch_holds(void)
{
	if (zb_env_irqs_off || stale_zone->nr_stale || nr_free_refreshed)
		return;
	nr_free_refreshed = stale_zone->nr_free;
	zb_env_hook = NULL;
}

/* A refill refreshes a stale pageblock in a hold of its own, before it takes blocks from it. */
POOL_TEST_WITH(refill_from_a_stale_pageblock, unit_pool_one(8, 1), end)
{
	bool keep[ZB_PAGEBLOCK_NR] = { true, [255] = true };

	unit_fill_pageblock(zone, 0, M, keep);
	/* two single frames and two runs of two */
	EXPECT_EQ(refill(zone), 6);
	memset(keep, true, sizeof(keep));
	memset(keep + 256, false, 256);
	unit_free_all(p);
	unit_fill_pageblock(zone, 0, M, keep);
	unit_give_deferred(zone, PB(8), 0);
	EXPECT(zone->nr_stale == 1);
	nr_free_refreshed = 0;
	stale_zone = zone;
	zb_env_hook = watch_holds;
	EXPECT_EQ(refill(zone), 64);
	zb_env_hook = NULL;
	EXPECT_EQ(nr_free_refreshed, 257);
}

/* Stealing a block refreshes its pageblock first, and is counted once. */
POOL_TEST_WITH(steal_from_a_stale_pageblock, unit_pool_one(8, 1), end)
{
	unit_set_type(zone, 0, U);
	unit_fill_pageblock(zone, 0, U, NULL);
	unit_give_deferred(zone, PB(8), 0);
	zone->events[ZB_STEAL] = 0;
	nr_free_refreshed = 0;
	stale_zone = zone;
	zb_env_hook = watch_holds;
	EXPECT_EQ(unit_take(zone, 0, M), PB(8));
	zb_env_hook = NULL;
	EXPECT_EQ(nr_free_refreshed, 1);
	EXPECT_EQ(zone->events[ZB_STEAL], 1);
}

/* A refill takes no more blocks than those in runs of two lengths. */
POOL_TEST_WITH(refill_from_runs_of_many_lengths, unit_pool_one(8, 1), unit_pool_end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int k;

	memset(keep, true, sizeof(keep));
	for (k = 0; k < 6; k++)
		free_runs(keep + 64ul * k, 1, k);
	unit_fill_pageblock(zone, 0, M, keep);
	EXPECT_EQ(refill(zone), 1 + 2);
	EXPECT_EQ(refill_blocks(zone, 1), 1 + 2);
	EXPECT_EQ(refill_blocks(zone, 2), 1 + 2);
	unit_free_all(p);
}

static struct zb_zone *other_zone;
static unsigned int points;

/* When the lock is dropped, another CPU takes two pageblocks. */
static void take_two(void)
{
	if (zb_env_irqs_off || ++points != 2)
		return;
	zb_env_hook = NULL;
	unit_take(other_zone, 9, U);
	unit_take(other_zone, 9, U);
}

/* The limit near the low watermark is computed after the lock was dropped. */
POOL_TEST_WITH(refill_of_a_shrinking_zone, unit_pool_one(8, 8), end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = i % 64;
	unit_fill_pageblock(zone, 0, M, keep);
	/* the pageblock becomes stale, and is refreshed in a hold of its own */
	unit_give_deferred(zone, zone->start_pfn + 2, 0);
	zone->watermark[ZB_ALLOC_WMARK_LOW] = PB(5) - 3;
	other_zone = zone;
	zb_env_hook = take_two;
	/* a quarter of what is above the mark, where the first pageblock has 9 frames */
	EXPECT_EQ(refill(zone), (9 + 3) / 4);
	EXPECT(!zb_env_hook);
}

/* Drain a word of each pageblock with these frames, and count the holds of the lock. */
static unsigned long holds_to_drain(struct unit_pool *p, u64 bits)
{
	struct zb_bulk words = { .order = 0, .nr = 24 };
	struct zb_zone *zone = p->pool.zones;
	unsigned int i;

	for (i = 0; i < words.nr; i++) {
		unit_fill_pageblock(zone, i, M, NULL);
		unit_give_deferred(zone, PB(64 + i), 0);
		words.word[i] = 8 * i + 1;
		words.bits[i] = bits;
	}
	zone->events[ZB_PCP_DRAIN] = 0;
	unit_holds_begin();
	zb_free_pcppages_bulk(zone, &words, M);
	unit_holds_end();
	EXPECT_EQ(zone->events[ZB_PCP_DRAIN], 24 * hweight64(bits));
	EXPECT_EQ(zone->nr_free, 24 * (1 + hweight64(bits)));
	unit_free_all(p);
	return unit_holds.nr;
}

/* A drain frees the frames of eight words in one hold of the lock, or of fewer if they are many. */
POOL_TEST_WITH(words_per_hold, unit_pool_one(64, 24), end)
{
	(void)zone;
	EXPECT_EQ(holds_to_drain(p, 1), 3);
	EXPECT_EQ(holds_to_drain(p, 0x5555), 3);
	EXPECT_EQ(holds_to_drain(p, 0x55555555), 6);
	EXPECT_EQ(holds_to_drain(p, 0x5555555555555555), 8);
}

/* Whenever the lock is not held, nr_free of the zone is the sum over its pageblocks. */
static void expect_exact(void)
{
	unsigned long i, nr = 0;

	unit_holds_count();
	if (zb_env_irqs_off)
		return;
	for (i = 0; i < zb_zone_nr_pageblocks(other_zone); i++)
		nr += other_zone->pageblocks[i].nr_free;
	EXPECT_EQ(other_zone->nr_free, nr);
}

/* Single frames in different pageblocks are freed in several holds of the lock. */
POOL_TEST_WITH(drained_single_frames, unit_pool_one(8, 8), end)
{
	u32 frames[8];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		unit_fill_pageblock(zone, i, M, NULL);
		frames[i] = PB(i) + 64ul * i;
	}
	other_zone = zone;
	zb_env_hook = expect_exact;
	zb_free_singles(zone, frames, 8, M);
	zb_env_hook = NULL;
	/* each is the first free one of its pageblock; a hold has time for three of these */
	EXPECT_EQ(unit_holds.nr, 3);
	EXPECT_EQ(zone->events[ZB_PCP_DRAIN], 8);
	EXPECT_EQ(zone->nr_free, 8);
}

/* Single frames that make no run longer are all freed in one hold. */
POOL_TEST_WITH(single_frames_beside_others, unit_pool_one(8, 16), end)
{
	u32 frames[16];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		unit_fill_pageblock(zone, i, M, NULL);
		unit_give_deferred(zone, PB(8 + i), 0);
		frames[i] = PB(i) + 64;
	}
	unit_holds_begin();
	zb_free_singles(zone, frames, 16, M);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 1);
}

/* The same for frames that make a run which is not longer than another one. */
POOL_TEST_WITH(single_frames_of_short_runs, unit_pool_one(8, 16), end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	u32 frames[16];
	unsigned int i;

	memset(keep, true, sizeof(keep));
	free_runs(keep, 1, 1);
	keep[69] = false;
	for (i = 0; i < 16; i++) {
		unit_fill_pageblock(zone, i, M, keep);
		frames[i] = PB(i) + 68;
	}
	unit_holds_begin();
	zb_free_singles(zone, frames, 16, M);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 1);
}

/* A hold of the lock may merge one pageblock that becomes wholly free, and free another frame. */
POOL_TEST_WITH(whole_pageblock_among_single_frames, unit_pool_one(8, 2), end)
{
	u32 frames[2] = { 0, PB(1) };

	unit_keep_frames(zone, 0, M, 1);
	unit_keep_frames(zone, 1, M, 256);
	unit_holds_begin();
	zb_free_singles(zone, frames, 2, M);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 1);
	EXPECT_EQ(zone->free_area[9].nr_free, 1);
}

/* Each hold has time for as much as the first one. */
POOL_TEST_WITH(whole_pageblock_in_the_second_hold, unit_pool_one(8, 5), end)
{
	u32 frames[5];
	unsigned int i;

	for (i = 0; i < 5; i++) {
		if (i == 3)
			unit_keep_frames(zone, i, M, 1);
		else
			unit_fill_pageblock(zone, i, M, NULL);
		frames[i] = PB(i);
	}
	unit_holds_begin();
	zb_free_singles(zone, frames, 5, M);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 2);
}

/* Frames that raise largest_free of their pageblock take longer, so a hold covers fewer. */
POOL_TEST_WITH(raises_per_hold, unit_pool_one(8, 6), end)
{
	struct zb_bulk words = { .order = 0, .nr = 6 };
	unsigned int i;

	for (i = 0; i < words.nr; i++) {
		unit_fill_pageblock(zone, i, M, NULL);
		words.word[i] = 8 * i;
		words.bits[i] = 1;
	}
	unit_holds_begin();
	zb_free_pcppages_bulk(zone, &words, M);
	unit_holds_end();
	EXPECT_EQ(unit_holds.nr, 3);
	EXPECT_EQ(zone->nr_free, 6);
}

/* A refill ends when the zone has become low. */
POOL_TEST_WITH(refill_of_a_zone_that_becomes_low, unit_pool_one(8, 8), end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = i % 64;
	unit_fill_pageblock(zone, 0, M, keep);
	zone->fast_wmark = PB(6);
	other_zone = zone;
	zb_env_hook = take_two;
	EXPECT_EQ(refill(zone), 8);
	EXPECT(zone->below_fast_wmark);
	zone->fast_wmark = 0;
}

/* No more than the given number of words is filled. */
TEST(words_that_are_filled)
{
	struct zb_bulk words = { .order = 0 };
	u32 frames[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		frames[i] = 64 * (i / 2) + i;
	EXPECT_EQ(zb_bulk_add(&words, frames, 8, 3), 6);
	EXPECT_EQ(words.nr, 3);
	EXPECT_EQ(zb_bulk_add(&words, frames, 8, 4), 8);
	EXPECT_EQ(words.nr, 4);
}

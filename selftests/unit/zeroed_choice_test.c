// SPDX-License-Identifier: GPL-2.0-only
/* Which of several free blocks a request for zeroed memory gets, and what it clears. */
#include "compact.h"
#include "unit_pool.h"
#include "zero_ahead.h"

#define START		64ul
#define PAGEBLOCKS	20ul
#define GFP		__ZB_GFP_NOWARN

static unsigned long clears;

static void clear_frames(struct zb_pool *pool __attribute__((unused)),
			 unsigned long pfn __attribute__((unused)), unsigned long nr_pages)
{
	clears += nr_pages;
}

static const struct zb_ops ops = { .clear = clear_frames };

static struct unit_pool *make_zone(unsigned long nr_pageblocks)
{
	struct unit_pool *p = unit_pool_one(START, nr_pageblocks);
	struct zb_zone *zone = p->pool.zones;

	p->pool.ops = &ops;
	EXPECT(!zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages))));
	zb_zone_set_zero_max(zone, 100);
	return p;
}

static struct unit_pool *make(void)
{
	return make_zone(PAGEBLOCKS);
}

static void end(struct unit_pool *p)
{
	free(zb_zone_set_zeroed(p->pool.zones, NULL));
	unit_free_all(p);
	unit_pool_end(p);
}

/* Allocate all pageblocks, and free every second one, @nr of them; the first one is zero. */
static void free_every_second(struct unit_pool *p, unsigned int nr, bool others_are_zero)
{
	unsigned int i;

	for (i = 0; i < PAGEBLOCKS; i++)
		ASSERT(unit_take(p->pool.zones, 9, ZB_MIGRATE_UNMOVABLE) != ZB_NO_PFN);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 2ul * i), PB(1),
					       !i || others_are_zero), ZB_OK);
}

static unsigned long alloc_zeroed_pages(struct unit_pool *p, unsigned long nr_pages)
{
	u64 bits[2 * ZB_PAGEBLOCK_WORDS];
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy policy = { .zero_map = &map };

	return zb_pool_alloc_exact(&p->pool, GFP, nr_pages, 0, &policy);
}

static unsigned long alloc_zeroed(struct unit_pool *p)
{
	return alloc_zeroed_pages(p, PB(1));
}

/* Of blocks with equally many zeroed frames, the one that was freed last is taken. */
POOL_TEST_WITH(equally_good_blocks, make(), end)
{
	free_every_second(p, 3, true);
	EXPECT_EQ(alloc_zeroed(p), PB(START + 4));
	EXPECT_EQ(alloc_zeroed(p), PB(START + 2));
}

/* Requests that need no zeroed memory take the block that was freed last. */
POOL_TEST_WITH(ordinary_requests, make(), end)
{
	free_every_second(p, 2, false);
	EXPECT_EQ(unit_alloc(p, GFP, 9), PB(START + 2));
	EXPECT_EQ(unit_alloc(p, GFP, 9), PB(START));
}

/* Free pageblock @i, of which @nr frames are zero. */
static void free_in_part(struct unit_pool *p, unsigned long i, unsigned int nr)
{
	unsigned long k, pfn = PB(START + i);

	ASSERT_EQ(zb_pool_split_page(&p->pool, pfn, ZB_PAGEBLOCK_ORDER), ZB_OK);
	for (k = 0; k < PB(1); k++)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, pfn + k, 1, k < nr), ZB_OK);
}

/* Of several blocks, the one with the most zeroed frames is taken. */
POOL_TEST_WITH(most_zeroed_frames, make(), end)
{
	free_every_second(p, 0, false);
	/* the last one is the first of the list */
	free_in_part(p, 6, 200);
	free_in_part(p, 4, 300);
	free_in_part(p, 2, 100);
	EXPECT_EQ(alloc_zeroed(p), PB(START + 4));
	EXPECT_EQ(alloc_zeroed(p), PB(START + 6));
	EXPECT_EQ(alloc_zeroed(p), PB(START + 2));
}

/* What is zero behind a block does not count. */
POOL_TEST_WITH(zeroed_frames_behind, make(), end)
{
	free_every_second(p, 0, false);
	free_in_part(p, 8, 200);
	free_in_part(p, 4, 300);
	free_in_part(p, 3, 100);
	EXPECT_EQ(alloc_zeroed(p), PB(START + 4));
}

/* Of a block of several pageblocks, all of them count, and none behind it. */
POOL_TEST_WITH(zeroed_frames_of_larger_blocks, make(), end)
{
	free_every_second(p, 0, false);
	/* pageblocks 4 and 5 have fewer zeroed frames than 8 and 9, but are followed by others */
	free_in_part(p, 6, 500);
	free_in_part(p, 4, 100);
	free_in_part(p, 5, 100);
	free_in_part(p, 8, 150);
	free_in_part(p, 9, 100);
	free_in_part(p, 12, 150);
	free_in_part(p, 13, 0);
	EXPECT_EQ(alloc_zeroed_pages(p, PB(2)), PB(START + 8));
	EXPECT_EQ(alloc_zeroed_pages(p, PB(2)), PB(START + 4));
	EXPECT_EQ(alloc_zeroed_pages(p, PB(2)), PB(START + 12));
}

/* No more than eight blocks are compared, so that the lock is not held for long. */
POOL_TEST_WITH(blocks_that_are_compared, make(), end)
{
	free_every_second(p, 9, false);
	EXPECT_EQ(alloc_zeroed(p), PB(START + 16));
	/* now the zeroed one is the eighth of the list */
	EXPECT_EQ(alloc_zeroed(p), PB(START));
}

/* A request for a whole pageblock with ZERO clears only what is not known to be zero. */
POOL_TEST_WITH(whole_pageblock_with_zero, make(), end)
{
	free_every_second(p, 2, false);
	EXPECT_EQ(unit_alloc(p, GFP | __ZB_GFP_ZERO, 9), PB(START));
	EXPECT_EQ(clears, 0);
	EXPECT_EQ(unit_alloc(p, GFP | __ZB_GFP_ZERO, 9), PB(START + 2));
	EXPECT_EQ(clears, PB(1));
}

/* Allocate all pageblocks, and free @nr of them, from number @first on, as zeroed memory. */
static void free_zeroed(struct unit_pool *p, unsigned long first, unsigned long nr)
{
	unsigned long i;

	while (unit_take(p->pool.zones, 9, ZB_MIGRATE_UNMOVABLE) != ZB_NO_PFN)
		;
	for (i = first; i < first + nr; i++)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + i), PB(1), true), ZB_OK);
}

static void sweep(struct zb_zone *zone)
{
	unsigned long nr = 0, before = clears;
	struct zb_zero_sweep s;

	zb_zero_sweep_begin(&s, zone);
	while (!s.done)
		nr += zb_zone_zero_ahead(zone, &s, 7);
	EXPECT_EQ(nr, clears - before);
}

/* Free pageblock @i, which is not zero, and clear what was freed last. */
static void free_and_sweep(struct unit_pool *p, unsigned long i)
{
	struct zb_zone *zone = p->pool.zones;

	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + i), PB(1), false), ZB_OK);
	sweep(zone);
	EXPECT_EQ(zone->zeroed->nr_block[i], PB(1));
	EXPECT_EQ(clears, PB(1));
}

/* At the limit, a pageblock of the largest block is given up for what was freed last. */
POOL_TEST_WITH(largest_block_is_given_up, make_zone(200), end)
{
	unsigned long i;

	free_zeroed(p, 4, 4);
	for (i = 12; i <= 14; i += 2)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + i), PB(1), true), ZB_OK);
	zb_zone_set_zero_max(zone, 3);
	EXPECT_EQ(zone->zeroed->nr, zone->zeroed->max);
	free_and_sweep(p, 3);
	EXPECT_EQ(zone->zeroed->nr_block[4], 0);
	for (i = 5; i <= 14; i++)
		EXPECT_EQ(zone->zeroed->nr_block[i], i < 8 || i == 12 || i == 14 ? PB(1) : 0);
}

/* At the limit, a larger block comes behind @nr single pageblocks; one is given up. */
static void give_up_behind(struct unit_pool *p, unsigned long nr, unsigned int percent)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long i;

	free_zeroed(p, 60, 2);
	for (i = 20; i < 20 + 2 * nr; i += 2)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + i), PB(1), true), ZB_OK);
	zb_zone_set_zero_max(zone, percent);
	EXPECT(zone->zeroed->nr + PB(1) > zone->zeroed->max);
	free_and_sweep(p, 3);
}

/* Only the next 16 pageblocks with zeroed frames are compared. */
POOL_TEST_WITH(larger_block_behind_others, make_zone(200), end)
{
	give_up_behind(p, 16, 9);
	EXPECT_EQ(zone->zeroed->nr_block[20], 0);
	EXPECT_EQ(zone->zeroed->nr_block[60], PB(1));
}

/* The sixteenth one is compared. */
POOL_TEST_WITH(larger_block_behind_few_others, make_zone(170), end)
{
	give_up_behind(p, 15, 10);
	EXPECT_EQ(zone->zeroed->nr_block[20], PB(1));
	EXPECT_EQ(zone->zeroed->nr_block[60], 0);
}

/* If there are only small blocks, one of these is given up. */
POOL_TEST_WITH(single_frames_are_given_up, make_zone(100), end)
{
	unsigned long i;

	free_zeroed(p, 0, 0);
	ASSERT_EQ(zb_pool_split_page(&p->pool, PB(START + 50), ZB_PAGEBLOCK_ORDER), ZB_OK);
	for (i = 0; i < PB(1); i += 2)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 50) + i, 1, true), ZB_OK);
	zb_zone_set_zero_max(zone, 1);
	free_and_sweep(p, 3);
	EXPECT_EQ(zone->zeroed->nr_block[50], 0);
}

/* What was freed last is cleared first. */
POOL_TEST_WITH(latest_frees_first, make_zone(100), end)
{
	static const unsigned long freed[] = { 10, 20, 30 };
	struct zb_zero_sweep s;
	unsigned long i;

	free_zeroed(p, 0, 0);
	for (i = 0; i < ARRAY_SIZE(freed); i++)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + freed[i]), PB(1), false),
			  ZB_OK);
	zb_zero_sweep_begin(&s, zone);
	for (i = ARRAY_SIZE(freed); i--;) {
		while (!s.done && clears < PB(ARRAY_SIZE(freed) - i))
			zb_zone_zero_ahead(zone, &s, 1);
		EXPECT_EQ(zone->zeroed->nr_block[freed[i]], PB(1));
	}
}

/* The parts of an allocation count as one free. */
POOL_TEST_WITH(parts_of_one_free, make_zone(8), end)
{
	unsigned int newest = zone->zeroed->newest;
	const struct zb_freed *f;

	ASSERT_EQ(unit_alloc_exact(p, GFP, PB(3) + 7), PB(START));
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START), PB(3) + 7, false), ZB_OK);
	EXPECT_EQ(zone->zeroed->newest, (newest + 1) % ZB_NR_FREED);
	f = &zone->zeroed->freed[zone->zeroed->newest];
	EXPECT_EQ(f->first, 0);
	EXPECT_EQ(f->end, 4);
}

static struct zb_zone *shared_zone;

static void free_another(void)
{
	if (zb_env_irqs_off || !shared_zone->zeroed->newest)
		return;
	zb_env_hook = NULL;
	EXPECT_EQ(zb_pool_free_to_zone(shared_zone->pool, PB(START + 4), PB(1), false), ZB_OK);
}

/* What another CPU frees while an allocation is freed in parts is what was freed last. */
POOL_TEST_WITH(free_between_parts, make_zone(8), end)
{
	ASSERT_EQ(unit_alloc_exact(p, GFP, PB(3) + 7), PB(START));
	ASSERT_EQ(unit_take(zone, 9, ZB_MIGRATE_UNMOVABLE), PB(START + 4));
	EXPECT_EQ(zone->zeroed->newest, 0);
	shared_zone = zone;
	zb_env_hook = free_another;
	EXPECT_EQ(zb_pool_free_to_zone(&p->pool, PB(START), PB(3) + 7, false), ZB_OK);
	EXPECT(!zb_env_hook);
	zb_env_hook = NULL;
	EXPECT_EQ(zone->zeroed->freed[zone->zeroed->newest].first, 4);
}

/* Without a map, no frame is known to be zero. */
POOL_TEST(without_a_map, 8, 1)
{
	EXPECT_EQ(zb_zone_nr_zeroed(zone), 0);
}

/*
 * While the search for a pageblock to give up goes on, 128 of them in each hold of the lock, no
 * frame is passed over.
 */
POOL_TEST_WITH(long_search_for_a_pageblock, make_zone(200), end)
{
	struct zb_zero_sweep s;

	free_zeroed(p, 150, 2);
	zb_zone_set_zero_max(zone, 1);
	EXPECT_EQ(zone->zeroed->nr, zone->zeroed->max);
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 5), PB(1), false), ZB_OK);
	zb_zero_sweep_begin(&s, zone);
	EXPECT_EQ(zb_zone_zero_ahead(zone, &s, 1), 0);
	EXPECT_EQ(zone->zeroed->victim, 128);
	EXPECT_EQ(unit_take(zone, 9, ZB_MIGRATE_UNMOVABLE), PB(START + 5));
	free_and_sweep(p, 3);
}

/* No more than 16 pageblocks are looked at in one hold of the lock. */
POOL_TEST_WITH(pageblocks_of_one_hold, make_zone(40), end)
{
	struct zb_zero_sweep s;

	free_zeroed(p, 30, 2);
	zb_zero_sweep_begin(&s, zone);
	EXPECT_EQ(zb_zone_zero_ahead(zone, &s, 1), 0);
	EXPECT_EQ(s.index, 16);
	EXPECT_EQ(zb_zone_zero_ahead(zone, &s, 1), 0);
	EXPECT_EQ(s.index, 32);
	EXPECT(!s.done);
}

/* What was freed last and is in use again keeps its share of the limit for the next free. */
POOL_TEST_WITH(share_of_what_is_in_use_again, make(), end)
{
	unsigned long i;

	free_zeroed(p, 0, 0);
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 10), PB(1), false), ZB_OK);
	EXPECT_EQ(unit_take(zone, 9, ZB_MIGRATE_UNMOVABLE), PB(START + 10));
	for (i = 0; i < 8; i++)
		unit_give(zone, PB(START + i), 9);
	zb_zone_set_zero_max(zone, 25);
	sweep(zone);
	EXPECT_EQ(zone->zeroed->nr, PB(4));
}

/* Of a pageblock that is partly in use again, only what is in use has this share. */
POOL_TEST_WITH(share_of_a_half, make(), end)
{
	unsigned long i;

	free_zeroed(p, 0, 0);
	free_and_sweep(p, 10);
	EXPECT_EQ(zb_compact_alloc(zone, GFP, PB(1) / 2, ZB_NR_ORDERS), PB(START + 10));
	for (i = 0; i < 8; i++)
		unit_give(zone, PB(START + i), 9);
	zb_zone_set_zero_max(zone, 25);
	sweep(zone);
	EXPECT_EQ(zone->zeroed->nr, PB(5) - PB(1) / 2);
}

/* At the limit, even single frames are cleared if they were freed last. */
POOL_TEST_WITH(single_frames_at_the_limit, make(), end)
{
	unsigned long i;

	free_zeroed(p, 4, 5);
	zb_zone_set_zero_max(zone, 25);
	ASSERT_EQ(zb_pool_split_page(&p->pool, PB(START + 12), 9), ZB_OK);
	for (i = 0; i < PB(1); i += 2)
		ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 12) + i, 1, false), ZB_OK);
	sweep(zone);
	EXPECT_EQ(zone->zeroed->nr_block[12], PB(1) / 2);
}

/* While memory is cleared in advance, only requests with ZERO leave the fast path. */
POOL_TEST_WITH(fast_path_without_zero, make(), end)
{
	const struct zb_node *node = p->pool.nodes;

	unit_pool_long_lists(p);
	EXPECT_EQ(unit_free(p, unit_alloc(p, GFP, 2), 2), ZB_OK);
	EXPECT(zb_fast_may_bulk(node, GFP));
	EXPECT(!zb_fast_may_bulk(node, GFP | __ZB_GFP_ZERO));
	EXPECT_EQ(zb_fast_alloc_flags(node, GFP | __ZB_GFP_ZERO, 2), ZB_NO_PFN);
	EXPECT(zb_fast_alloc_flags(node, GFP | __ZB_GFP_COLD, 2) != ZB_NO_PFN);
}

/* A type without free blocks claims the whole pageblock of another type with most zeroed frames. */
POOL_TEST_WITH(claimed_pageblock, make(), end)
{
	while (unit_take(zone, 9, ZB_MIGRATE_MOVABLE) != ZB_NO_PFN)
		;
	ASSERT_EQ(zb_pool_split_page(&p->pool, PB(START + 10), 9), ZB_OK);
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 10), 1, false), ZB_OK);
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 2), PB(1), true), ZB_OK);
	ASSERT_EQ(zb_pool_free_to_zone(&p->pool, PB(START + 6), PB(1), false), ZB_OK);
	EXPECT_EQ(alloc_zeroed_pages(p, 1), PB(START + 2));
}

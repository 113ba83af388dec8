// SPDX-License-Identifier: GPL-2.0-only
/* Which of several free blocks a request for zeroed memory gets, and what it clears. */
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

static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(START, PAGEBLOCKS);
	struct zb_zone *zone = p->pool.zones;

	p->pool.ops = &ops;
	EXPECT(!zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages))));
	zb_zone_set_zero_max(zone, 100);
	return p;
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

static unsigned long alloc_zeroed(struct unit_pool *p)
{
	u64 bits[ZB_PAGEBLOCK_WORDS];
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy policy = { .zero_map = &map };

	return zb_pool_alloc_exact(&p->pool, GFP, PB(1), 0, &policy);
}

/* Of blocks with equally many zeroed frames, the one that was freed last is taken. */
POOL_TEST_WITH(equally_good_blocks, make(), end)
{
	free_every_second(p, 3, true);
	EXPECT_EQ(alloc_zeroed(p), PB(START + 4));
	EXPECT_EQ(alloc_zeroed(p), PB(START + 2));
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

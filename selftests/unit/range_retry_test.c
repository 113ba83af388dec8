// SPDX-License-Identifier: GPL-2.0-only
/* Ranges with obstacles that disappear after some time, and with those that stay. */
#include "mobility.h"
#include "unit_range.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

/* What the hooks do, and what they did. A global, because the hooks only get the pool. */
static struct {
	unsigned long nr_discardable;
	unsigned long isolated;		/* a pageblock that is released when the request waits */
	bool stays;			/* nothing is evicted */
	bool expires;			/* the first eviction takes too long */
	bool reclaims;			/* direct reclaim frees one frame */
	bool disturbs;			/* others isolate every place that was found */
	unsigned int evictions, purges, waits, runs, reclaimed;
} env;

/* Every movable block is an evictable allocation. */
static enum zb_range_result survey_zone(struct zb_pool *pool __attribute__((unused)),
					struct zb_zone *zone,
					zb_gfp_t gfp __attribute__((unused)),
					const struct zb_alloc_context *ac __attribute__((unused)),
					struct zb_range_survey **survey)
{
	unsigned long pfn;
	u8 state;

	if (*survey)
		return ZB_RANGE_OK;
	*survey = unit_survey_begin(zone, env.nr_discardable);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state) && zb_state_migratetype(state) == M)
			zb_range_mark(&unit_survey, zone, pfn, BIT(ZB_STATE_ORDER(state)));
	}
	return ZB_RANGE_OK;
}

static bool evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
		  const struct zb_alloc_context *ac __attribute__((unused)),
		  unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages, head;
	unsigned int order;

	env.evictions++;
	survey->expired = env.expires;
	for (; pfn < end && !env.stays; pfn++) {
		head = zb_pool_block_head(pool, pfn, &order);
		if (head == ZB_NO_PFN || zb_state_migratetype(zb_zone_state(zone, head)) != M)
			continue;
		zb_range_unmark(survey, zone, head, BIT(order));
		EXPECT_EQ(zb_pool_free_pages(pool, head, order), ZB_OK);
	}
	return true;
}

static bool purge(struct zb_pool *pool __attribute__((unused)),
		  struct zb_zone *zone __attribute__((unused)),
		  struct zb_range_survey *survey __attribute__((unused)),
		  const struct zb_alloc_context *ac __attribute__((unused)),
		  unsigned long pfn __attribute__((unused)),
		  unsigned long nr_pages __attribute__((unused)))
{
	env.purges++;
	return true;
}

static bool wait_a_little(struct zb_pool *pool, bool killable __attribute__((unused)))
{
	env.waits++;
	if (env.isolated) {
		zb_pool_unisolate_range(pool, env.isolated, ZB_PAGEBLOCK_NR);
		env.isolated = 0;
	}
	return true;
}

static void run(struct zb_pool *pool __attribute__((unused)), void (*fn)(void *data), void *data)
{
	env.runs++;
	if (env.disturbs)
		EXPECT(zb_pool_isolate_range(pool, PB(8), pool->zones->nr_pages));
	fn(data);
	if (env.disturbs)
		zb_pool_unisolate_range(pool, PB(8), pool->zones->nr_pages);
	EXPECT_EQ(pool->zones->nr_blocks[ZB_MIGRATE_ISOLATE], env.isolated != 0);
}

static bool reclaim(struct zb_pool *pool __attribute__((unused)), struct zb_zone *zone,
		    zb_gfp_t gfp __attribute__((unused)),
		    unsigned int order __attribute__((unused)),
		    unsigned int alloc_flags __attribute__((unused)),
		    const struct zb_alloc_context *ac __attribute__((unused)))
{
	if (env.reclaims)
		unit_give(zone, zone->start_pfn + env.reclaimed++, 0);
	return true;
}

static const struct zb_ops ops = {
	.survey = survey_zone, .evict = evict, .purge = purge, .end_survey = unit_survey_end,
	.wait = wait_a_little, .run = run, .direct_reclaim = reclaim,
};

static struct unit_pool *make(unsigned long nr)
{
	struct unit_pool *p = unit_pool_one(8, nr);

	memset(&env, 0, sizeof(env));
	p->pool.ops = &ops;
	return p;
}

/* Allocations in a pageblock that others isolated during the survey are evictable afterwards. */
POOL_TEST_WITH(isolated_during_the_survey, make(4), unit_pool_free_and_end)
{
	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 1);
	unit_keep_frames(zone, 2, U, 1);
	unit_keep_frames(zone, 3, U, 1);
	env.isolated = PB(8);
	zb_zone_begin_isolation(zone);
	ASSERT(zb_pool_isolate_range(&p->pool, PB(8), PB(1)));
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_OK), PB(8));
	EXPECT_EQ(env.waits, 1);
	EXPECT_EQ(env.runs, 1);
	zb_zone_end_isolation(zone);
}

/* Allocations in a HighAtomic pageblock are evictable; other such pageblocks stay reserved. */
POOL_TEST_WITH(evictable_in_highatomic, make(4), unit_pool_free_and_end)
{
	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 1);
	unit_keep_frames(zone, 2, U, 1);
	unit_keep_frames(zone, 3, U, 1);
	unit_set_type(zone, 0, ZB_MIGRATE_HIGHATOMIC);
	unit_set_type(zone, 2, ZB_MIGRATE_HIGHATOMIC);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_OK), PB(8));
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 1);
	EXPECT_EQ(zb_zone_events(zone, ZB_HIGHATOMIC_UNRESERVE), 1);
}

/* A request that could not succeed without the HighAtomic reserve either leaves it alone. */
POOL_TEST_WITH(reserve_is_kept, make(8), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		unit_keep_frames(zone, i, U, 1);
		if (i % 2)
			unit_set_type(zone, i, ZB_MIGRATE_HIGHATOMIC);
	}
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_UNMOVABLE);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 4);
	EXPECT_EQ(zb_zone_events(zone, ZB_HIGHATOMIC_UNRESERVE), 0);
}

/* All pageblocks of an evictable allocation count, not only the one that is looked at. */
POOL_TEST_WITH(allocation_in_two_types, make(4), unit_pool_free_and_end)
{
	unsigned long pfn = unit_alloc(p, __ZB_GFP_MOVABLE, 10), pb = (pfn - PB(8)) >> 9;
	unsigned int i;

	ASSERT(pfn != ZB_NO_PFN);
	for (i = 0; i < 4; i++)
		if (i - pb > 1)
			unit_keep_frames(zone, i, U, 1);
	unit_set_type(zone, pb + 1, ZB_MIGRATE_CMA);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_UNMOVABLE);
	EXPECT_EQ(env.evictions, 0);
	unit_set_type(zone, pb + 1, M);
}

/* A block that a stopped task has begun to free does not keep other places from being found. */
POOL_TEST_WITH(block_of_a_stopped_task, make(4), unit_pool_free_and_end)
{
	unsigned long pfn;
	u8 state;

	unit_keep_frames(zone, 0, U, 1);
	unit_keep_frames(zone, 1, M, 20);
	unit_keep_frames(zone, 2, U, 1);
	unit_keep_frames(zone, 3, U, 1);
	for (pfn = PB(8); !zb_state_allocated(zb_zone_state(zone, pfn)); pfn++)
		;
	state = zb_zone_state(zone, pfn);
	ASSERT(zb_zone_claim(zone, pfn, state));
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_OK), PB(9));
	EXPECT_EQ(env.runs, 2);
	zb_zone_set_state(zone, pfn, state);
}

/* A request that has taken too long tries no other range. */
POOL_TEST_WITH(expired, make(4), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 10);
	env.stays = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	EXPECT_EQ(env.evictions, 4);
	EXPECT_EQ(env.purges, 4);
	EXPECT_EQ(env.runs, 4);
	env.expires = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	EXPECT_EQ(env.evictions, 5);
}

/* The time in which others isolate pageblocks is limited for all ranges together. */
POOL_TEST_WITH(limited_waits, make(4), unit_pool_free_and_end)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 10);
	zb_zone_begin_isolation(zone);
	env.disturbs = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	/* 50 times for the first range, and 8 times when no other one was left */
	EXPECT_EQ(env.runs, 51 + 3);
	EXPECT_EQ(env.waits, 50 + 8);
	zb_zone_end_isolation(zone);
}

/* What has been taken back is free, and not counted as discardable any more. */
POOL_TEST_WITH(taken_back_once, make(4), unit_pool_free_and_end)
{
	unit_fill_pageblock(zone, 0, M, NULL);
	env.nr_discardable = 2;
	env.reclaims = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(3) + 2, 9), ZB_RANGE_FULL);
	EXPECT_EQ(env.reclaimed, 1);
	EXPECT_EQ(unit_survey.nr_discardable, 1);
}

POOL_TEST_WITH(used_frames, make(4), unit_pool_free_and_end)
{
	unsigned long pfn = unit_alloc(p, __ZB_GFP_MOVABLE, 10), listed;

	unit_keep_frames(zone, 2, U, 7);
	unit_pool_long_lists(p);
	EXPECT_EQ(zb_range_used(zone, pfn, PB(1)), PB(1));
	EXPECT_EQ(zb_range_used(zone, pfn + 3, PB(1)), PB(1));
	EXPECT_EQ(zb_range_used(zone, PB(8), PB(4)), PB(2) + 7);
	listed = unit_alloc(p, ZB_GFP_NOWAIT, 0);
	EXPECT_EQ(zb_range_used(zone, PB(8), PB(4)), PB(2) + 8);
	EXPECT_EQ(unit_free(p, listed, 0), ZB_OK);
	EXPECT_EQ(zb_range_used(zone, PB(8), PB(4)), PB(2) + 7);
}

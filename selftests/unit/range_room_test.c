// SPDX-License-Identifier: GPL-2.0-only
/* Ranges for which memory has to be taken back first, while other tasks isolate pageblocks. */
#include "range_take.h"
#include "unit_holds.h"
#include "unit_range.h"

#define R	ZB_MIGRATE_RECLAIMABLE

/* What the hooks do, and what they did. A global, because the hooks only get the pool. */
static struct {
	unsigned long nr_discardable;
	bool isolates;		/* during direct reclaim, others isolate 0 instead of 3 */
	unsigned int reclaims, evictions;
} env;

/* The frames of pageblock 0 are evictable. */
static enum zb_range_result survey_zone(struct zb_pool *pool __attribute__((unused)),
					struct zb_zone *zone,
					zb_gfp_t gfp __attribute__((unused)),
					const struct zb_alloc_context *ac __attribute__((unused)),
					struct zb_range_survey **survey)
{
	unsigned long i;

	if (*survey)
		return ZB_RANGE_OK;
	*survey = unit_survey_begin(zone, env.nr_discardable);
	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		zb_range_mark(&unit_survey, zone, zone->start_pfn + i, 1);
	return ZB_RANGE_OK;
}

static bool evict(struct zb_pool *pool __attribute__((unused)),
		  struct zb_zone *zone __attribute__((unused)),
		  struct zb_range_survey *survey __attribute__((unused)),
		  const struct zb_alloc_context *ac __attribute__((unused)),
		  unsigned long pfn __attribute__((unused)),
		  unsigned long nr_pages __attribute__((unused)))
{
	env.evictions++;
	return true;
}

static bool reclaim(struct zb_pool *pool, struct zb_zone *zone,
		    zb_gfp_t gfp __attribute__((unused)), unsigned int order,
		    unsigned int alloc_flags __attribute__((unused)),
		    const struct zb_alloc_context *ac __attribute__((unused)))
{
	unsigned long i;

	env.reclaims++;
	EXPECT_EQ(order, 0);
	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		unit_give(zone, zone->start_pfn + i, 0);
	if (env.isolates) {
		EXPECT(zb_pool_isolate_range(pool, zone->start_pfn, ZB_PAGEBLOCK_NR));
		zb_pool_unisolate_range(pool, PB(11), PB(1));
	}
	return true;
}

static const struct zb_ops ops = {
	.survey = survey_zone, .evict = evict, .end_survey = unit_survey_end,
	.direct_reclaim = reclaim,
};

/*
 * Pageblock 0 is in use, pageblock 3 is isolated by others, and the two between them are free.
 * Taking back @nr_discardable frames is promised.
 */
static struct unit_pool *make(unsigned long nr_discardable, bool isolates)
{
	struct unit_pool *p = unit_pool_one(8, 4);

	memset(&env, 0, sizeof(env));
	env.nr_discardable = nr_discardable;
	env.isolates = isolates;
	p->pool.ops = &ops;
	unit_fill_pageblock(p->pool.zones, 0, R, NULL);
	EXPECT(zb_pool_isolate_range(&p->pool, PB(11), PB(1)));
	return p;
}

static void end(struct unit_pool *p)
{
	EXPECT_EQ(p->pool.zones->nr_compacting, 0);
	zb_pool_unisolate_range(&p->pool, PB(11), PB(1));
	unit_pool_free_and_end(p);
}

/* Isolated frames do not count as free, and what is missing is taken back. */
POOL_TEST_WITH(memory_is_taken_back, make(1, false), end)
{
	(void)zone;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 1, 0), ZB_RANGE_OK);
	EXPECT_EQ(env.reclaims, 1);
	EXPECT_EQ(env.evictions, 1);
}

/* If this would not be enough, nothing is taken back or moved. */
POOL_TEST_WITH(too_little_to_take_back, make(1, false), end)
{
	(void)zone;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 2, 0), ZB_RANGE_FULL);
	EXPECT_EQ(env.reclaims, 0);
	EXPECT_EQ(env.evictions, 0);
}

/* Pageblocks that others isolate after the search are not used; another range is found. */
POOL_TEST_WITH(isolated_after_the_search, make(PB(1), true), end)
{
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 1, 0), ZB_RANGE_OK), PB(9));
	EXPECT_EQ(env.reclaims, 1);
	EXPECT_EQ(env.evictions, 1);
	EXPECT_EQ(zone->nr_compacting, 0);
	zb_pool_unisolate_range(&p->pool, PB(8), PB(1));
}

/* If several zones are equally far from serving a request, the first one is reported. */
POOL_TEST_WITH(preferred_zone_is_reported, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_NORMAL, 8, 2 }, { 1, ZB_ZONE_NORMAL, 16, 2 } },
			.nr_zones = 2,
		}), unit_pool_free_and_end)
{
	const struct zb_range r = { .nr_pages = PB(1), .end_pfn = ZB_NO_PFN };
	struct zb_range_failure failure;
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_fill_pageblock(&zone[i / 2], i % 2, R, NULL);
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_NOWAIT, &r, 0, NULL, &failure), ZB_NO_PFN);
	EXPECT_EQ(failure.result, ZB_RANGE_FULL);
	EXPECT(failure.zone == zone);
}

/* What was taken before a frame is found in use is returned in blocks as large as it was taken. */
POOL_TEST_WITH(frame_in_use_at_the_end, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	static const struct zb_alloc_policy policy = { .every_frame = true };
	const struct zb_range r = { .nr_pages = PB(2) + 1, .end_pfn = ZB_NO_PFN };
	const struct zb_range_attempt a = {
		.pool = &p->pool, .gfp = ZB_GFP_NOWAIT, .range = &r,
		.ac = { .policy = &policy, .preferred = zone, .migratetype = R },
	};

	EXPECT_EQ(unit_take_from(zone, 0, 10), PB(8));
	EXPECT_EQ(unit_take_from(zone, 2, 0), PB(10));
	unit_give(zone, PB(8), 10);
	unit_holds_begin();
	EXPECT(!zb_range_take(&a, zone, PB(8), false));
	unit_holds_end();
	EXPECT(unit_holds.nr <= 3 + 2);
	EXPECT_EQ(zone->nr_free, PB(4) - 1);
}

/* A range may consist of frames that were freed a moment ago and whose runs are not counted yet. */
POOL_TEST_WITH(range_in_a_stale_pageblock, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	unsigned int i;

	unit_fill_pageblock(zone, 0, ZB_MIGRATE_MOVABLE, NULL);
	for (i = 64; i < 80; i++)
		unit_give_deferred(zone, PB(8) + i, 0);
	EXPECT_EQ(zone->nr_stale, 1);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(8, 0), ZB_RANGE_OK), PB(8) + 64);
	unit_pool_quiet(p);
	EXPECT_EQ(zone->nr_free, 8);
}

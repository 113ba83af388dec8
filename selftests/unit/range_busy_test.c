// SPDX-License-Identifier: GPL-2.0-only
/* Ranges with allocations that can't be moved, or with pageblocks that others have isolated. */
#include "compact.h"
#include "unit_range.h"

#define R	ZB_MIGRATE_RECLAIMABLE
#define U	ZB_MIGRATE_UNMOVABLE

/* What the hooks do, and what they did. A global, because the hooks only get the pool. */
static struct {
	bool fails;			/* evict() can't move a block */
	bool no_room;			/* because no free block is large enough */
	bool lists;			/* evict() frees frames to a per-CPU list */
	bool for_long;			/* others do not isolate for a moment, but for long */
	bool captures;			/* instead of isolating a pageblock, others capture it */
	unsigned long isolated;		/* what others have isolated, or ZB_NO_PFN */
	unsigned int waits_needed;	/* until they end that */
	unsigned int evictions, waits, drains;
} env;

/* Every reclaimable frame is evictable. */
static enum zb_range_result survey_zone(struct zb_pool *pool __attribute__((unused)),
					struct zb_zone *zone,
					zb_gfp_t gfp __attribute__((unused)),
					const struct zb_alloc_context *ac __attribute__((unused)),
					struct zb_range_survey **survey)
{
	unsigned long pfn;

	if (!*survey)
		*survey = unit_survey_begin(zone, zone->nr_pages);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++)
		if (zb_zone_state(zone, pfn) == ZB_STATE(ZB_BLOCK_RECLAIMABLE, 0))
			zb_range_mark(*survey, zone, pfn, 1);
	return ZB_RANGE_OK;
}

/* Free all reclaimable frames from @pfn up to @end, to a per-CPU list or to the zone. */
static void free_frames(struct zb_zone *zone, unsigned long pfn, unsigned long end, bool list)
{
	u8 state = ZB_STATE(ZB_BLOCK_RECLAIMABLE, 0);

	for (; pfn < end; pfn++)
		if (zb_zone_state(zone, pfn) == state && !list)
			unit_give(zone, pfn, 0);
		else if (zb_zone_state(zone, pfn) == state && zb_zone_claim(zone, pfn, state))
			zb_pcp_push(zone, zone->pcp, U, pfn - zone->start_pfn, false);
}

static bool evict(struct zb_pool *pool __attribute__((unused)), struct zb_zone *zone,
		  struct zb_range_survey *survey,
		  const struct zb_alloc_context *ac __attribute__((unused)),
		  unsigned long pfn, unsigned long nr_pages)
{
	env.evictions++;
	if (env.lists)
		free_frames(zone, pfn, pfn + nr_pages, true);
	if (!env.fails)
		return true;
	zb_range_unmark(survey, zone, pfn, nr_pages);
	survey->nr_failed++;
	survey->nr_no_room += env.no_room;
	return true;
}

static void unisolate(struct zb_pool *pool)
{
	zb_pool_unisolate_range(pool, env.isolated, PB(1));
	if (!env.for_long)
		zb_zone_end_isolation(pool->zones);
	env.isolated = ZB_NO_PFN;
}

static bool wait_a_little(struct zb_pool *pool, bool killable __attribute__((unused)))
{
	if (++env.waits == env.waits_needed)
		unisolate(pool);
	return true;
}

static void drain_all(struct zb_pool *pool)
{
	unit_drain_all(pool);
	env.drains++;
}

static void isolate(struct unit_pool *p, unsigned long pfn, unsigned int waits_needed)
{
	env.isolated = pfn;
	env.waits_needed = waits_needed;
	if (!env.for_long)
		zb_zone_begin_isolation(p->pool.zones);
	EXPECT(zb_pool_isolate_range(&p->pool, pfn, PB(1)));
}

/* Free all reclaimable frames; meanwhile, others isolate pageblock 10. */
static bool reclaim(struct zb_pool *pool, struct zb_zone *zone,
		    zb_gfp_t gfp __attribute__((unused)),
		    unsigned int order __attribute__((unused)),
		    unsigned int alloc_flags __attribute__((unused)),
		    const struct zb_alloc_context *ac __attribute__((unused)))
{
	free_frames(zone, zone->start_pfn, zb_zone_end(zone), false);
	if (env.captures)
		EXPECT(zb_zone_begin_capture(zone, PB(10), PB(1)));
	else
		isolate(container_of(pool, struct unit_pool, pool), PB(10), env.waits_needed);
	return true;
}

static const struct zb_ops ops = {
	.survey = survey_zone, .evict = evict, .end_survey = unit_survey_end,
	.wait = wait_a_little, .drain_all = drain_all, .direct_reclaim = reclaim,
};

static struct unit_pool *make(unsigned long nr)
{
	struct unit_pool *p = unit_pool_one(8, nr);

	memset(&env, 0, sizeof(env));
	env.isolated = ZB_NO_PFN;
	p->pool.ops = &ops;
	return p;
}

static void end(struct unit_pool *p)
{
	EXPECT_EQ(env.isolated, ZB_NO_PFN);
	EXPECT_EQ(p->pool.zones->nr_compacting, 0);
	unit_pool_free_and_end(p);
}

static void use_every_pageblock(struct zb_zone *zone)
{
	unsigned int i;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		unit_keep_frames(zone, i, R, 256);
}

/* A place that stays in use for an unknown reason is not tried again. */
POOL_TEST_WITH(places_that_stay_in_use, make(4), end)
{
	use_every_pageblock(zone);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	EXPECT_EQ(env.evictions, 4);
}

/* If it is known which allocation has to stay, only those places are not tried again. */
POOL_TEST_WITH(allocations_that_stay, make(4), end)
{
	use_every_pageblock(zone);
	env.fails = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	EXPECT_EQ(env.evictions, 4);
}

/* If nothing could be moved because free memory is in small pieces, this is the cause. */
POOL_TEST_WITH(no_block_to_move_to, make(4), end)
{
	use_every_pageblock(zone);
	env.fails = true;
	env.no_room = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_FRAGMENTED);
	EXPECT_EQ(env.evictions, 4);
}

/* A pageblock of the HighAtomic reserve is used if there is no other way. */
POOL_TEST_WITH(reserve_in_the_way, make(4), end)
{
	unit_keep_frames(zone, 0, U, 1);
	unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(3), 0), ZB_RANGE_OK), PB(8) + 1);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 0);
	/* the per-CPU lists are drained once */
	EXPECT_EQ(env.drains, 1);
}

/* If no place is found while others isolate pageblocks, the search is repeated eight times. */
POOL_TEST_WITH(isolated_during_the_search, make(4), end)
{
	unit_keep_frames(zone, 0, U, 1);
	isolate(p, PB(10), 8);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2), 9), ZB_RANGE_OK), PB(9));
	EXPECT_EQ(env.waits, 8);
}

/* A request for four of five pageblocks; others isolate one of them after the search. */
static unsigned long isolated_after_the_search(struct unit_pool *p, unsigned int waits_needed,
					       enum zb_range_result expected)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		unit_fill_pageblock(p->pool.zones, i, R, NULL);
	env.waits_needed = waits_needed;
	return unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(3) + 1, 0), expected);
}

/* If others have isolated a part of the place, the request waits longer. */
POOL_TEST_WITH(isolated_before_the_place_is, make(5), end)
{
	EXPECT_EQ(isolated_after_the_search(p, 12, ZB_RANGE_OK), PB(10) - 1);
	EXPECT_EQ(env.waits, 12);
	EXPECT_EQ(env.evictions, 1);
	EXPECT_EQ(env.drains, 1);
}

/* A capture in the place is broken, so the request does not wait for it. */
POOL_TEST_WITH(captured_after_the_search, make(5), end)
{
	env.captures = true;
	EXPECT_EQ(isolated_after_the_search(p, 0, ZB_RANGE_OK), PB(10) - 1);
	EXPECT_EQ(zone->events[ZB_CAPTURE_BROKEN], 1);
	EXPECT_EQ(env.waits, 0);
	EXPECT_EQ(env.evictions, 1);
}

/* The time that a request waits is bounded. */
POOL_TEST_WITH(isolated_again_and_again, make(5), end)
{
	isolated_after_the_search(p, 1000, ZB_RANGE_IN_USE);
	/* for this place, and then for the search of another one */
	EXPECT_EQ(env.waits, 50 + 8);
	unisolate(&p->pool);
}

/* It does not wait for pageblocks that are isolated for long. */
POOL_TEST_WITH(isolated_for_long, make(5), end)
{
	env.for_long = true;
	isolated_after_the_search(p, 1, ZB_RANGE_IN_USE);
	EXPECT_EQ(env.waits, 0);
	EXPECT_EQ(env.evictions, 0);
	unisolate(&p->pool);
}

/* Frames that were freed to a per-CPU list when the place was isolated are drained. */
POOL_TEST_WITH(frames_on_a_list, make(4), end)
{
	bool keep[ZB_PAGEBLOCK_NR] = { [511] = true };

	unit_fill_pageblock(zone, 0, R, keep);
	env.lists = true;
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(4) - 100, 0), ZB_RANGE_OK),
		  PB(8));
	EXPECT_EQ(env.drains, 2);
	EXPECT_EQ(env.evictions, 1);
}

/* Up to 64 places are tried. */
POOL_TEST_WITH(places_that_are_tried, make(70), end)
{
	use_every_pageblock(zone);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 9), ZB_RANGE_IN_USE);
	EXPECT_EQ(env.evictions, 64);
}

/* Zones of nodes that the request may not use are passed over. */
POOL_TEST_WITH(allowed_nodes, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_NORMAL, 8, 2 }, { 1, ZB_ZONE_NORMAL, 16, 2 } },
			.nr_zones = 2,
		}), unit_pool_end)
{
	const unsigned long mask = BIT(1);
	const struct zb_alloc_policy policy = { .nodemask = &mask, .nr_bits = 64 };
	const struct zb_range r = { .nr_pages = 3, .end_pfn = ZB_NO_PFN };
	struct zb_range_failure failure;

	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_NOWAIT, &r, 0, &policy, &failure), PB(16));
	EXPECT_EQ(zb_pool_free_range(&p->pool, PB(16), 3), ZB_OK);
	unit_pool_drain(p);
}

/* An atomic request stays in the cpuset as long as there is room. */
POOL_TEST_WITH(atomic_request_in_a_cpuset, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_NORMAL, 8, 2 }, { 1, ZB_ZONE_NORMAL, 16, 2 } },
			.nr_zones = 2,
		}), unit_pool_free_and_end)
{
	const unsigned long mask = BIT(1);
	const struct zb_alloc_policy policy = { .cpuset = &mask, .nr_bits = 64 };
	const struct zb_range r = { .nr_pages = PB(2), .end_pfn = ZB_NO_PFN };
	struct zb_range_failure failure;

	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_ATOMIC, &r, 0, &policy, &failure), PB(16));
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_ATOMIC, &r, 0, &policy, &failure), PB(8));
}

// SPDX-License-Identifier: GPL-2.0-only
/* zb_range_find() against an exhaustive search. */
#include "alloc.h"
#include "range.h"
#include "unit_holds.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static bool bit_of(const u64 *bits, const struct zb_zone *zone, unsigned long pfn)
{
	unsigned long i = pfn - zone->start_pfn;

	return bits[i / 64] >> i % 64 & 1;
}

/* The cost of a range by its definition. Returns -1 if it has a blocked frame. */
static long cost_of(const struct zb_zone *zone, const struct zb_range_survey *survey,
		    unsigned long pfn, unsigned long nr_pages)
{
	const u64 *evictable = survey->evictable, *starts = survey->starts;
	unsigned long at, end = pfn + nr_pages;
	long cost = 0;

	for (at = pfn; at < end; at++)
		if (!bit_of(evictable, zone, at) && !zb_frame_is_free(zone, at))
			return -1;
	while (pfn > zone->start_pfn && bit_of(evictable, zone, pfn) &&
	       !bit_of(starts, zone, pfn) && bit_of(evictable, zone, pfn - 1))
		pfn--;
	while (end < zb_zone_end(zone) && bit_of(evictable, zone, end) &&
	       !bit_of(starts, zone, end))
		end++;
	for (; pfn < end; pfn++)
		cost += bit_of(evictable, zone, pfn);
	return cost;
}

static long cheapest(const struct zb_zone *zone, const struct zb_range_survey *survey,
		     const struct zb_range *r)
{
	unsigned long pfn, end = r->end_pfn < zb_zone_end(zone) ? r->end_pfn : zb_zone_end(zone);
	long cost, best = -1;

	for (pfn = zone->start_pfn; pfn + r->nr_pages <= end; pfn++) {
		if (pfn < r->first_pfn || pfn & (BIT(r->align_order) - 1))
			continue;
		cost = cost_of(zone, survey, pfn, r->nr_pages);
		if (cost >= 0 && (best < 0 || cost < best))
			best = cost;
	}
	return best;
}

/* Take blocks of random orders, one of seven of them unmovable, and free most of them. */
static void fill_at_random(struct unit_pool *p, struct zb_zone *zone)
{
	unsigned int i, order;
	unsigned long pfn;

	for (i = 0; i < 600; i++)
		unit_take_with(zone, unit_below(5), unit_below(7) ? M : U, 0);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn += 1 + unit_below(60))
		if (zb_pool_block_head(&p->pool, pfn, &order) == pfn && unit_below(4))
			EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
}

/* All movable blocks are evictable. */
static void mark_movable(struct zb_range_survey *survey, const struct zb_zone *zone)
{
	unsigned long pfn;
	u8 state;

	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state) && zb_state_migratetype(state) == M)
			zb_range_mark(survey, zone, pfn, BIT(ZB_STATE_ORDER(state)));
	}
}

/* The result is as cheap as that of an exhaustive search, in zones filled at random. */
POOL_TEST_WITH(cheapest_of_all, unit_pool_one(8, 6), unit_pool_free_and_end)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range_survey survey;
	struct zb_range_place place;
	unsigned long found = 0;
	unsigned int i;
	long best;
	bool ok;

	unit_pool_no_lists(p);
	fill_at_random(p, zone);
	zb_range_survey_init(&survey, zone, bits);
	mark_movable(&survey, zone);
	for (i = 0; i < 60; i++) {
		struct zb_range r = {
			.nr_pages = 1 + unit_below(i % 2 ? 1500 : 300),
			.align_order = unit_below(9),
			.first_pfn = i % 3 ? 0 : PB(8) + unit_below(700),
			.end_pfn = i % 4 ? ZB_NO_PFN : PB(11) + unit_below(1500),
		};
		const struct zb_range_search s = {
			.zone = zone, .range = &r, .survey = &survey, .cma = true,
		};

		best = cheapest(zone, &survey, &r);
		ok = zb_range_find(&s, &place);
		EXPECT_EQ(ok, best >= 0);
		if (!ok)
			continue;
		found++;
		EXPECT_EQ(place.cost, best);
		EXPECT_EQ(cost_of(zone, &survey, place.pfn, r.nr_pages), best);
		EXPECT(!(place.pfn & (BIT(r.align_order) - 1)));
	}
	EXPECT(found > 0);
	free(bits);
}

/* Pageblocks in use that the request may not use are blocked. */
POOL_TEST(types_that_are_usable, 8, 3)
{
	const struct zb_range r = { .nr_pages = PB(3), .end_pfn = ZB_NO_PFN };
	struct zb_range_search s = { .zone = zone, .range = &r };
	struct zb_range_place place;
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES - 1; mt++) {
		unit_set_type(zone, 1, mt);
		s.cma = false;
		EXPECT_EQ(zb_range_find(&s, &place), mt < ZB_MIGRATE_PCPTYPES);
		s.cma = true;
		EXPECT_EQ(zb_range_find(&s, &place),
			  mt < ZB_MIGRATE_PCPTYPES || mt == ZB_MIGRATE_CMA);
	}
	unit_set_type(zone, 1, M);
}

/* Mark frames of pageblock 0 as evictable allocations of 2^@order frames each. */
static void mark_first(struct zb_range_survey *survey, const struct zb_zone *zone,
		       unsigned int order, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		zb_range_mark(survey, zone, zone->start_pfn + BIT(order) * i, BIT(order));
}

/* The cost of a range does not include evictable allocations in front of it. */
POOL_TEST(allocations_in_front_of_a_range, 8, 1)
{
	const struct zb_range r = { .nr_pages = 20, .align_order = 4, .end_pfn = PB(8) + 40 };
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range_survey survey;
	const struct zb_range_search s = { .zone = zone, .range = &r, .survey = &survey };
	struct zb_range_place place;

	zb_range_survey_init(&survey, zone, bits);
	mark_first(&survey, zone, 3, 2);
	zb_range_mark(&survey, zone, PB(8) + 16, 1);
	EXPECT(zb_range_find(&s, &place));
	EXPECT_EQ(place.pfn, PB(8) + 16);
	EXPECT_EQ(place.cost, 1);
	free(bits);
}

static unsigned long accesses_for(const struct zb_zone *zone,
				  const struct zb_range_survey *survey, unsigned long nr_pages)
{
	const struct zb_range r = { .nr_pages = nr_pages, .end_pfn = ZB_NO_PFN };
	const struct zb_range_search s = { .zone = zone, .range = &r, .survey = survey };
	struct zb_range_place place;

	unit_holds_begin();
	EXPECT(zb_range_find(&s, &place));
	unit_holds_end();
	EXPECT_EQ(place.cost, nr_pages);
	return unit_holds.accesses;
}

/* No chunk is looked at more than three times, however large the range is. */
POOL_TEST(search_is_linear, 8, 8)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range_survey survey;
	unsigned long small, large;

	zb_range_survey_init(&survey, zone, bits);
	mark_first(&survey, zone, 0, PB(8));
	small = accesses_for(zone, &survey, 1);
	large = accesses_for(zone, &survey, PB(4));
	unit_note("%lu accesses for 1 frame, %lu for %lu", small, large, PB(4));
	EXPECT(large < 2 * small);
	free(bits);
}

/* The size of a run of free frames does not include the evictable frames in front of it. */
POOL_TEST_WITH(run_behind_allocations, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range r = { .nr_pages = 10, .end_pfn = ZB_NO_PFN };
	struct zb_range_survey survey;
	const struct zb_range_search s = { .zone = zone, .range = &r, .survey = &survey };
	bool keep[ZB_PAGEBLOCK_NR];
	struct zb_range_place place;
	unsigned int i;

	/* frames 2 to 29 and 48 to 75 are free */
	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = !((i >= 2 && i < 30) || (i >= 48 && i < 76));
	unit_fill_pageblock(zone, 0, U, keep);
	zb_range_survey_init(&survey, zone, bits);
	mark_first(&survey, zone, 0, 2);
	for (i = 0; i <= 4; i += 4) {
		r.align_order = i;
		EXPECT(zb_range_find(&s, &place));
		EXPECT_EQ(place.pfn, PB(8) + (i ? 16 : 2));
		EXPECT_EQ(place.fit, 28);
	}
	free(bits);
}

/* Find a place in the last frames of a search; an allocation crosses the end of the search. */
static void find_before_end(struct zb_zone *zone, unsigned long pfn, unsigned long nr_first,
			    unsigned long nr_second, struct zb_range range)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range_survey survey;
	const struct zb_range_search s = {
		.zone = zone, .range = &range, .survey = &survey, .cma = true,
	};
	struct zb_range_place place;

	zb_range_survey_init(&survey, zone, bits);
	zb_range_mark(&survey, zone, pfn, nr_first);
	zb_range_mark(&survey, zone, pfn + nr_first, nr_second);
	EXPECT(zb_range_find(&s, &place));
	EXPECT(place.pfn + range.nr_pages <= range.end_pfn);
	free(bits);
}

/* An allocation may cross the end of the addresses, or reach that of the zone. */
POOL_TEST(allocation_across_the_end, 8, 6)
{
	(void)p;
	find_before_end(zone, PB(8), 64, 1024, (struct zb_range){
			.nr_pages = 90, .align_order = 8, .end_pfn = PB(8) + 100 });
	find_before_end(zone, PB(13), 257, 255, (struct zb_range){
			.nr_pages = 300, .align_order = 7, .first_pfn = PB(13),
			.end_pfn = PB(13) + 301 });
}

/* The search lets other tasks run once for each pageblock, also inside of a range. */
POOL_TEST(other_tasks_run, 8, 64)
{
	const struct zb_range r = { .nr_pages = PB(64), .end_pfn = ZB_NO_PFN };
	const struct zb_range_search s = { .zone = zone, .range = &r };
	unsigned long before = zb_env_rescheds;
	struct zb_range_place place;

	(void)p;
	EXPECT(zb_range_find(&s, &place));
	EXPECT(zb_env_rescheds - before >= 64);
}

static struct zb_zone *changing;
static unsigned int points_left;

static void isolate_at_point(void)
{
	if (--points_left)
		return;
	zb_env_hook = NULL;
	unit_set_type(changing, 0, ZB_MIGRATE_ISOLATE);
}

/* A pageblock that is isolated during the search does not hide the range behind it. */
POOL_TEST_WITH(isolated_during_the_search, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	const struct zb_range r = { .nr_pages = 64, .end_pfn = ZB_NO_PFN };
	struct zb_range_survey survey;
	const struct zb_range_search s = { .zone = zone, .range = &r, .survey = &survey };
	struct zb_range_place place;
	bool fired = true;
	unsigned int n;

	unit_fill_pageblock(zone, 0, M, NULL);
	zb_range_survey_init(&survey, zone, bits);
	zb_range_mark(&survey, zone, PB(9) - 64, 64);
	changing = zone;
	for (n = 1; fired; n++) {
		points_left = n;
		zb_env_hook = isolate_at_point;
		EXPECT(zb_range_find(&s, &place));
		fired = !zb_env_hook;
		zb_env_hook = NULL;
		unit_set_type(zone, 0, M);
		EXPECT_EQ(place.pfn, PB(9));
	}
	EXPECT(n > 5);
	free(bits);
}

/* The type of the pageblock behind an evictable allocation does not matter. */
POOL_TEST_WITH(isolated_behind_the_range, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	const struct zb_range r = { .nr_pages = 64, .end_pfn = ZB_NO_PFN };
	struct zb_range_survey survey;
	const struct zb_range_search s = { .zone = zone, .range = &r, .survey = &survey };
	struct zb_range_place place;

	unit_fill_pageblock(zone, 0, M, NULL);
	unit_set_type(zone, 1, ZB_MIGRATE_ISOLATE);
	zb_range_survey_init(&survey, zone, bits);
	zb_range_mark(&survey, zone, PB(9) - 64, 64);
	EXPECT(zb_range_find(&s, &place));
	EXPECT_EQ(place.pfn, PB(9) - 64);
	unit_set_type(zone, 1, M);
	free(bits);
}

/* Giving up a range changes nothing for the block behind it. */
POOL_TEST_WITH(block_behind_what_is_given_up, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	u64 *bits = calloc(1, zb_range_survey_size(zone));
	struct zb_range_survey survey;

	unit_pool_long_lists(p);
	unit_fill_pageblock(zone, 0, M, NULL);
	EXPECT_EQ(unit_free(p, PB(8) + 15, 0), ZB_OK);
	EXPECT_EQ(unit_free(p, PB(8) + 16, 0), ZB_OK);
	zb_range_survey_init(&survey, zone, bits);
	zb_range_give_up(&survey, zone, PB(8), 16);
	EXPECT(bit_of(survey.starts, zone, PB(8) + 15));
	EXPECT(!bit_of(survey.starts, zone, PB(8) + 16));
	free(bits);
}

/* Other tasks may run after each pageblock whose frames are counted. */
POOL_TEST(rescheds_while_counting, 8, 4)
{
	unsigned long before = zb_env_rescheds;

	EXPECT_EQ(zb_range_used(zone, PB(8), PB(4)), 0);
	EXPECT_EQ(zb_env_rescheds - before, 4);
}

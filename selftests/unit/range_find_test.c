// SPDX-License-Identifier: GPL-2.0-only
/* zb_range_find() against an exhaustive search. */
#include "alloc.h"
#include "range.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static u64 below(u64 n)
{
	return unit_random() % n;
}

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
		unit_take_with(zone, below(5), below(7) ? M : U, 0);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn += 1 + below(60))
		if (zb_pool_block_head(&p->pool, pfn, &order) == pfn && below(4))
			unit_free(p, pfn, order);
}

/* All movable blocks are evictable. */
static void mark_movable(struct zb_range_survey *survey, const struct zb_zone *zone)
{
	unsigned long pfn;
	u8 state;

	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state) && zb_state_migratetype(state) == M)
			zb_range_mark(survey, zone, pfn, BIT(ZB_STATE_ORDER(state)), true);
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
			.nr_pages = 1 + below(i % 2 ? 1500 : 300),
			.align_order = below(9),
			.first_pfn = i % 3 ? 0 : PB(8) + below(700),
			.end_pfn = i % 4 ? ZB_NO_PFN : PB(11) + below(1500),
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

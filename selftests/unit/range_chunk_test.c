// SPDX-License-Identifier: GPL-2.0-only
/* How zb_range_find() judges single chunks: their borders, costs and kinds. */
#include "range.h"
#include "unit_holds.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE

/**
 * struct finder - a survey and a search
 * @survey: the survey
 * @bits: its bits
 * @range: the range that is wanted
 * @place: the result
 */
struct finder {
	struct zb_range_survey survey;
	u64 *bits;
	struct zb_range range;
	struct zb_range_place place;
};

static void begin(struct finder *f, const struct zb_zone *zone, unsigned long nr_pages,
		  unsigned int align_order)
{
	*f = (struct finder){
		.bits = calloc(2, zb_range_survey_size(zone)),
		.range = { .nr_pages = nr_pages, .align_order = align_order,
			   .end_pfn = ZB_NO_PFN },
	};
	zb_range_survey_init(&f->survey, zone, f->bits);
}

/* Record that @nr_pages from frame @i of the zone on are an evictable allocation. */
static void mark(struct finder *f, const struct zb_zone *zone, unsigned long i,
		 unsigned long nr_pages)
{
	zb_range_mark(&f->survey, zone, zone->start_pfn + i, nr_pages);
}

static bool find(struct finder *f, const struct zb_zone *zone)
{
	const struct zb_range_search s = { .zone = zone, .range = &f->range, .survey = &f->survey };

	return zb_range_find(&s, &f->place);
}

/* Expect a place at frame @i of the zone, and that it has this cost. */
static void expect_place(struct finder *f, const struct zb_zone *zone, unsigned long i,
			 unsigned long cost)
{
	EXPECT(find(f, zone));
	EXPECT_EQ(f->place.pfn, zone->start_pfn + i);
	EXPECT_EQ(f->place.cost, cost);
}

/* An allocation that begins before an aligned frame, and ends behind it, has its whole cost. */
POOL_TEST(allocation_across_an_aligned_frame, 8, 1)
{
	struct finder f;

	begin(&f, zone, 10, 4);
	f.range.end_pfn = PB(8) + 26;
	mark(&f, zone, 0, 1);
	mark(&f, zone, 1, 19);
	expect_place(&f, zone, 16, 19);
	free(f.bits);
}

/* The last frames of a zone are a place, too. */
POOL_TEST(place_at_the_end, 8, 1)
{
	struct finder f;

	begin(&f, zone, ZB_PAGEBLOCK_NR - 2, 0);
	mark(&f, zone, 0, 1);
	mark(&f, zone, 1, 1);
	expect_place(&f, zone, 2, 0);
	free(f.bits);
}

/* An allocation that was freed after the survey still has a cost. */
POOL_TEST(allocation_that_was_freed, 8, 1)
{
	struct finder f;

	begin(&f, zone, 20, 0);
	mark(&f, zone, 10, 1);
	expect_place(&f, zone, 11, 0);
	f.range.end_pfn = PB(8) + 30;
	expect_place(&f, zone, 0, 1);
	free(f.bits);
}

/* If the first frames of an allocation turned out not to be evictable, the others cost less. */
POOL_TEST(rest_of_an_allocation, 8, 1)
{
	struct finder f;

	begin(&f, zone, 2, 0);
	mark(&f, zone, 0, 16);
	zb_range_unmark(&f.survey, zone, PB(8), 8);
	f.range.first_pfn = PB(8) + 12;
	f.range.end_pfn = PB(8) + 14;
	expect_place(&f, zone, 12, 8);
	free(f.bits);
}

/* Allocations that were marked before, and have been freed, do not divide a larger one. */
POOL_TEST(allocation_in_place_of_smaller_ones, 8, 1)
{
	struct finder f;

	begin(&f, zone, 2, 0);
	mark(&f, zone, 0, 8);
	mark(&f, zone, 8, 8);
	mark(&f, zone, 0, 16);
	f.range.first_pfn = PB(8) + 12;
	f.range.end_pfn = PB(8) + 14;
	expect_place(&f, zone, 12, 16);
	free(f.bits);
}

/* Frames that are on a per-CPU list count as free, even if they were evictable before. */
POOL_TEST_WITH(listed_after_it_was_marked, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	struct finder f;

	ASSERT_EQ(unit_take_from(zone, 0, 3), PB(8));
	begin(&f, zone, 20, 0);
	mark(&f, zone, 0, 8);
	zb_range_unmark(&f.survey, zone, PB(8), 8);
	zb_zone_set_state(zone, PB(8), ZB_STATE(ZB_BLOCK_PCP, 3));
	expect_place(&f, zone, 0, 0);
	zb_zone_set_state(zone, PB(8), ZB_STATE(ZB_BLOCK_UNMOVABLE, 3));
	free(f.bits);
}

/* A search that begins inside of a block that has to stay continues behind it. */
POOL_TEST_WITH(inside_of_a_block, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	struct finder f;

	ASSERT_EQ(unit_take_from(zone, 0, 4), PB(8));
	zb_zone_set_state(zone, PB(8), ZB_STATE(ZB_BLOCK_UNMOVABLE, 4));
	begin(&f, zone, 8, 3);
	f.range.first_pfn = PB(8) + 8;
	expect_place(&f, zone, 16, 0);
	free(f.bits);
}

static unsigned long accesses_of(struct finder *f, const struct zb_zone *zone)
{
	unit_holds_begin();
	EXPECT(find(f, zone));
	unit_holds_end();
	return unit_holds.accesses;
}

/* A pageblock that the request may not use is passed over in one step. */
POOL_TEST(pageblock_of_another_type, 8, 2)
{
	struct finder f;

	unit_set_type(zone, 0, ZB_MIGRATE_CMA);
	begin(&f, zone, 1, 0);
	f.range.end_pfn = PB(9) + 1;
	EXPECT(accesses_of(&f, zone) < 20);
	EXPECT_EQ(f.place.pfn, PB(9));
	unit_set_type(zone, 0, ZB_MIGRATE_MOVABLE);
	free(f.bits);
}

/* No chunk is looked at many times if several of them are in front of each aligned frame. */
POOL_TEST(search_with_an_alignment, 8, 8)
{
	unsigned long i, small, large;
	struct finder f;

	begin(&f, zone, 1, 2);
	for (i = 0; i < PB(8); i++)
		mark(&f, zone, i, 1);
	small = accesses_of(&f, zone);
	f.range.nr_pages = PB(4);
	large = accesses_of(&f, zone);
	unit_note("%lu accesses for 1 frame, %lu for %lu", small, large, PB(4));
	EXPECT(large < 4 * small);
	free(f.bits);
}

/* Nothing is recorded of allocations that are not in the zone, or only partly. */
POOL_TEST(allocation_outside_of_the_zone, 8, 4)
{
	unsigned long i, nr = zone->nr_pages;
	struct finder f;

	begin(&f, zone, 1, 0);
	/* pageblock 3 does not belong to the zone */
	zone->nr_pages = PB(3);
	mark(&f, zone, PB(3) - 1, 2);
	mark(&f, zone, PB(3) + 1, 1);
	for (i = 0; i < zb_range_survey_size(zone) / sizeof(u64); i++)
		EXPECT_EQ(f.bits[i], 0);
	mark(&f, zone, PB(3) - 1, 1);
	zb_range_unmark(&f.survey, zone, PB(11) - 1, 2);
	zb_range_unmark(&f.survey, zone, PB(11) + 1, 1);
	EXPECT_EQ(f.survey.evictable[PB(3) / 64 - 1], 1ull << 63);
	zone->nr_pages = nr;
	free(f.bits);
}

/* At the highest addresses, there is no frame number that is aligned behind an allocation. */
POOL_TEST(last_aligned_frame, 8, 3)
{
	struct finder f;

	zone->start_pfn = -PB(4);
	begin(&f, zone, 100, 11);
	mark(&f, zone, 0, 1);
	expect_place(&f, zone, 0, 1);
	zone->start_pfn = PB(8);
	free(f.bits);
}

/* Nothing is found if the zone is smaller than the range. */
POOL_TEST(range_larger_than_the_zone, 8, 1)
{
	struct finder f;

	begin(&f, zone, PB(1) + 1, 0);
	EXPECT(!find(&f, zone));
	EXPECT_EQ(f.place.pfn, ZB_NO_PFN);
	free(f.bits);
}

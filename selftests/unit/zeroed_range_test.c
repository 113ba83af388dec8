// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges and captured memory: which of their frames are known to be zero, and which of them are
 * cleared.
 */
#include "capture.h"
#include "isolate.h"
#include "range_alloc.h"
#include "unit_pool.h"
#include "unit_range.h"
#include "zero_ahead.h"

#define START		64ul
#define PAGEBLOCKS	8ul
#define ALL		(PAGEBLOCKS * ZB_PAGEBLOCK_NR)
#define GFP		(__ZB_GFP_NOWARN | __ZB_GFP_DIRECT_RECLAIM)

/* What is in the memory of each frame: 0, or somebody has written to it. */
static u8 content[ALL];
static unsigned long clears;

/* The block that is moved out of the way of a range. */
static unsigned long moved_pfn;

static u8 *content_of(unsigned long pfn)
{
	return &content[pfn - PB(START)];
}

static void clear_frames(struct zb_pool *pool, unsigned long pfn, unsigned long nr_pages)
{
	(void)pool;
	memset(content_of(pfn), 0, nr_pages);
	clears += nr_pages;
}

static enum zb_range_result survey(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
				   const struct zb_alloc_context *ac,
				   struct zb_range_survey **result)
{
	(void)pool;
	(void)gfp;
	(void)ac;
	if (*result)
		return ZB_RANGE_OK;
	*result = unit_survey_begin(zone, 0);
	zb_range_mark(*result, zone, moved_pfn, 1);
	return ZB_RANGE_OK;
}

/* The owner of the block writes to it until it is moved. */
static bool evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *s,
		  const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages)
{
	(void)ac;
	(void)pfn;
	(void)nr_pages;
	*content_of(moved_pfn) = 1;
	EXPECT_EQ(zb_pool_free_to_zone(pool, moved_pfn, 1, false), ZB_OK);
	zb_range_unmark(s, zone, moved_pfn, 1);
	return true;
}

static const struct zb_ops ops = {
	.clear = clear_frames, .survey = survey, .evict = evict, .end_survey = unit_survey_end,
};

static bool wanted(void *data)
{
	(void)data;
	return true;
}

/* All memory is cleared in advance, except for what the test writes to. */
static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(START, PAGEBLOCKS);
	struct zb_zone *zone = p->pool.zones;
	struct zb_zero_sweep s;

	p->pool.ops = &ops;
	memset(content, 1, sizeof(content));
	EXPECT(!zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages))));
	zb_zone_set_zero_max(zone, 100);
	zb_zero_sweep_begin(&s, zone);
	while (!s.done)
		zb_zone_zero_ahead(zone, &s, 100);
	clears = 0;
	return p;
}

static void end(struct unit_pool *p)
{
	free(zb_zone_set_zeroed(p->pool.zones, NULL));
	unit_pool_end(p);
}

#define ZEROED_TEST(name)	POOL_TEST_WITH(name, make(), end)

/* Write to frames and free them. */
static void dirty(struct unit_pool *p, unsigned long pfn, unsigned long nr_pages)
{
	const struct zb_range r = {
		.nr_pages = nr_pages, .first_pfn = pfn, .end_pfn = pfn + nr_pages,
	};
	struct zb_range_failure failure;

	EXPECT_EQ(zb_pool_alloc_range(&p->pool, GFP, &r, 0, NULL, &failure), pfn);
	memset(content_of(pfn), 1, nr_pages);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, nr_pages), ZB_OK);
	unit_pool_drain(p);
}

static u64 bits[ALL / 64 + 1];
static struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };

/* Check that the map tells the truth and all that is known, and return what is not known. */
static unsigned long nr_unknown(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i, run, nr = 0;

	ASSERT_EQ(map.pfn, pfn);
	for (i = 0; i < nr_pages; i++) {
		EXPECT_EQ(zb_zero_map_test(&map, pfn, i), !*content_of(pfn + i));
		nr += !zb_zero_map_test(&map, pfn, i);
	}
	EXPECT_EQ(map.nr_zero, nr_pages - nr);
	for (i = 0; i < nr_pages; i += run) {
		run = zb_zero_map_run(&map, pfn, i, nr_pages);
		ASSERT(run && i + run <= nr_pages);
		EXPECT_EQ(zb_zero_map_test(&map, pfn, i), zb_zero_map_test(&map, pfn, i + run - 1));
		if (i + run < nr_pages)
			EXPECT_EQ(zb_zero_map_test(&map, pfn, i),
				  !zb_zero_map_test(&map, pfn, i + run));
	}
	return nr;
}

static unsigned long take(struct unit_pool *p, zb_gfp_t gfp, unsigned long pfn,
			  unsigned long nr_pages)
{
	const struct zb_range r = {
		.nr_pages = nr_pages, .first_pfn = pfn, .end_pfn = pfn + nr_pages,
	};
	const struct zb_alloc_policy policy = { .every_frame = true, .zero_map = &map };
	struct zb_range_failure failure;

	memset(bits, 0xff, sizeof(bits));
	return zb_pool_alloc_range(&p->pool, gfp, &r, 0, &policy, &failure);
}

static void give(struct unit_pool *p, unsigned long pfn, unsigned long nr_pages)
{
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, nr_pages), ZB_OK);
}

/* Ranges that begin and end anywhere. */
ZEROED_TEST(any_first_frame)
{
	const unsigned long pfn = PB(START) + 37, nr = PB(3) + 5;

	dirty(p, PB(START) + 100, 30);
	dirty(p, PB(START + 1) + 63, 2);
	dirty(p, PB(START + 3) + 41, 1);
	EXPECT_EQ(take(p, GFP, pfn, nr), pfn);
	EXPECT_EQ(nr_unknown(pfn, nr), 33);
	EXPECT_EQ(zone->zeroed->nr, ALL - nr);
	EXPECT_EQ(zb_zone_events(zone, ZB_ZERO_MISS), 33);
	give(p, pfn, nr);
	EXPECT_EQ(zone->zeroed->nr, ALL - nr);
	EXPECT_EQ(take(p, GFP, PB(START) + 5, 32), PB(START) + 5);
	EXPECT_EQ(nr_unknown(PB(START) + 5, 32), 0);
	give(p, PB(START) + 5, 32);
}

/* A request with ZERO clears only what is not known to be zero. */
ZEROED_TEST(zero_clears_the_rest)
{
	dirty(p, PB(START) + 100, 30);
	dirty(p, PB(START + 1) + 500, 60);
	EXPECT_EQ(take(p, GFP | __ZB_GFP_ZERO, PB(START), PB(4)), PB(START));
	EXPECT_EQ(clears, 90);
	EXPECT_EQ(memchr(content, 1, PB(4)), NULL);
	give(p, PB(START), PB(4));
}

/* Nothing is known of what is moved out of the range; all else stays known. */
ZEROED_TEST(isolated)
{
	unit_pool_no_lists(p);
	moved_pfn = unit_alloc(p, ZB_GFP_HIGHUSER_MOVABLE, 0);
	EXPECT_EQ(moved_pfn, PB(START));
	EXPECT_EQ(take(p, GFP, PB(START), PB(4)), PB(START));
	EXPECT_EQ(nr_unknown(PB(START), PB(4)), 1);
	give(p, PB(START), PB(4));
}

/* Without bits, an old map must not be believed. */
ZEROED_TEST(not_recorded)
{
	free(zb_zone_set_zeroed(zone, NULL));
	EXPECT_EQ(take(p, GFP | __ZB_GFP_ZERO, PB(START) + 3, PB(2)), PB(START) + 3);
	EXPECT_EQ(clears, PB(2));
	EXPECT(!zb_zero_map_test(&map, PB(START) + 3, 0));
	EXPECT_EQ(map.nr_zero, 0);
	give(p, PB(START) + 3, PB(2));
}

/* Memory that is captured for a request in the queue. */
ZEROED_TEST(captured)
{
	const struct zb_alloc_policy policy = { .zero_map = &map };
	const struct zb_alloc_request req = {
		.gfp = GFP, .nr_pages = PB(1) + 3, .nid = 0, .policy = &policy,
	};
	unsigned long pfn;

	dirty(p, PB(START) + 100, 30);
	memset(bits, 0xff, sizeof(bits));
	pfn = zb_pool_capture(&p->pool, &req, wanted, NULL);
	EXPECT_EQ(pfn, PB(START));
	EXPECT_EQ(nr_unknown(pfn, req.nr_pages), 30);
	EXPECT_EQ(unit_free_exact(p, pfn, req.nr_pages), ZB_OK);
}

/* The copy is that of the last allocation, and nothing else is copied. */
TEST(copied)
{
	u64 from_bits[3] = { 1, 2, 4 }, to_bits[3] = { 7, 7, 7 };
	struct zb_zero_map from = { .pfn = 70, .nr_zero = 3, .bits = from_bits };
	struct zb_zero_map to = { .pfn = 1, .nr_zero = 9, .bits = to_bits };

	zb_zero_map_copy(&to, &from, 100);
	EXPECT_EQ(to.pfn, 70);
	EXPECT_EQ(to.nr_zero, 3);
	EXPECT(to_bits[0] == 1 && to_bits[1] == 2 && to_bits[2] == 7);
	from.pfn = ZB_NO_PFN;
	from_bits[0] = 5;
	zb_zero_map_copy(&to, &from, 100);
	EXPECT(!zb_zero_map_test(&to, 70, 0));
	EXPECT_EQ(to_bits[0], 1);
	EXPECT_EQ(zb_zero_map_words(1), 1);
	EXPECT_EQ(zb_zero_map_words(2), 2);
	EXPECT_EQ(zb_zero_map_words(65), 2);
	EXPECT_EQ(zb_zero_map_words(66), 3);
}

/* The blocks of a range that is freed are one entry of the latest frees. */
ZEROED_TEST(freed_range)
{
	const struct zb_zeroed *z = zone->zeroed;
	unsigned int newest = z->newest;
	unsigned long pfn, pages = PB(4);
	unsigned int k;

	EXPECT_EQ(take(p, GFP, PB(START + 1), pages), PB(START + 1));
	zb_zone_zero_freed(zone, PB(START + 1), pages);
	for (pfn = PB(START + 1); pages; pfn += BIT(k), pages -= BIT(k)) {
		k = zb_range_piece(pfn, pages, zone->max_order);
		EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn, BIT(k), false), ZB_OK);
	}
	EXPECT_EQ(z->newest, (newest + 1) % ZB_NR_FREED);
	EXPECT_EQ(z->freed[z->newest].first, 1);
	EXPECT_EQ(z->freed[z->newest].end, 5);
}

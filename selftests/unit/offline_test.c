// SPDX-License-Identifier: GPL-2.0-only
#include "compact.h"
#include "stat.h"
#include "unit_ops.h"
#include "unit_range.h"
#include "unit_unfit.h"
#include "zeroed.h"

#define GFP_ANY	(__ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM | __ZB_GFP_NOWARN)

/* Take pageblocks out of the pool as the module does. Returns the first frame, or ZB_NO_PFN. */
static unsigned long shrink(struct unit_pool *p, unsigned long nr)
{
	struct zb_range r = {
		.nr_pages = PB(nr), .align_order = ZB_PAGEBLOCK_ORDER, .end_pfn = ZB_NO_PFN,
	};
	struct zb_range_failure failure;
	unsigned long pfn = zb_pool_alloc_range(&p->pool, GFP_ANY, &r, 0, NULL, &failure);

	if (pfn != ZB_NO_PFN)
		EXPECT_EQ(zb_pool_offline(&p->pool, pfn, PB(nr)), ZB_OK);
	unit_pool_quiet(p);
	return pfn;
}

static void grow(struct unit_pool *p, unsigned long pfn, unsigned long nr)
{
	EXPECT_EQ(zb_pool_online(&p->pool, pfn, PB(nr), NULL), PB(nr));
	unit_pool_quiet(p);
}

POOL_TEST(offline_counts, 8, 8)
{
	unsigned long node_pages = p->pool.nodes->nr_pages, pfn = shrink(p, 3);

	EXPECT_EQ(zone->nr_offline, PB(3));
	EXPECT_EQ(zone->nr_bad, PB(3));
	EXPECT_EQ(zone->nr_free, PB(5));
	EXPECT_EQ(zb_zone_nr_managed(zone), PB(5));
	EXPECT_EQ(p->pool.nodes->nr_pages, node_pages - PB(3));
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 3);
	EXPECT_EQ(zb_zone_events(zone, ZB_OFFLINE), PB(3));
	EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), zb_zone_events(zone, ZB_PGFREE));
	grow(p, pfn, 3);
	EXPECT_EQ(zb_zone_events(zone, ZB_ONLINE), PB(3));
	EXPECT_EQ(p->pool.nodes->nr_pages, node_pages);
}

/* A range that is larger than what is online is not refused because of watermarks. */
POOL_TEST(offline_too_small_for_a_range, 8, 8)
{
	const struct zb_range all = unit_range(PB(8), 0), most = unit_range(PB(5), 0);
	unsigned long pfn;

	unit_judge_range(p, GFP_ANY, &all, ZB_RANGE_OK);
	pfn = shrink(p, 3);
	unit_judge_range(p, GFP_ANY, &all, ZB_RANGE_NEVER_FITS);
	unit_judge_range(p, GFP_ANY, &most, ZB_RANGE_OK);
	grow(p, pfn, 3);
	unit_judge_range(p, GFP_ANY, &all, ZB_RANGE_OK);
}

/* The limit of memory cleared in advance is a share of the memory that is online. */
POOL_TEST(offline_zero_max, 8, 8)
{
	struct zb_zeroed *zeroed = calloc(1, zb_zeroed_size(zone->nr_pages));
	unsigned long pfn;

	zb_zone_set_zeroed(zone, zeroed);
	zb_zone_set_zero_max(zone, 50);
	EXPECT_EQ(zeroed->max, PB(4));
	pfn = shrink(p, 4);
	EXPECT_EQ(zeroed->max, PB(2));
	zb_zone_set_zero_max(zone, 25);
	EXPECT_EQ(zeroed->max, PB(1));
	grow(p, pfn, 4);
	EXPECT_EQ(zeroed->max, PB(2));
	free(zb_zone_set_zeroed(zone, NULL));
}

POOL_TEST(offline_snapshot, 8, 4)
{
	unsigned long pfn = shrink(p, 1);
	struct zb_pageblock_stat st[4];
	unsigned int i;

	zb_pageblock_snapshot(zone, 0, 4, st);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(st[i].offline, i == (pfn - zone->start_pfn) / ZB_PAGEBLOCK_NR);
	grow(p, pfn, 1);
	zb_pageblock_snapshot(zone, 0, 4, st);
	for (i = 0; i < 4; i++)
		EXPECT(!st[i].offline);
}

/* A block larger than a pageblock, which has a single state byte, is divided. */
POOL_TEST(offline_parts_of_a_block, 8, 8)
{
	unsigned long pfn = shrink(p, 4);

	EXPECT_EQ(pfn % PB(4), 0);
	grow(p, pfn + PB(1), 2);
	EXPECT(zb_pageblock_is_offline(zone, pfn + 5));
	EXPECT(!zb_pageblock_is_offline(zone, pfn + PB(1) + 5));
	grow(p, pfn + PB(3), 1);
	grow(p, pfn, 1);
}

POOL_TEST(offline_all_of_it, 8, 4)
{
	unsigned long pfn = shrink(p, 4);

	EXPECT_EQ(unit_alloc(p, GFP_ANY, 0), ZB_NO_PFN);
	zb_pool_tune(&p->pool, 1);
	EXPECT_EQ(zone->watermark[ZB_ALLOC_WMARK_MIN], 0);
	grow(p, pfn, 4);
	unit_pool_no_watermarks(p);
}

POOL_TEST(offline_refuses_what_is_not_allocated, 8, 8)
{
	unsigned long pfn = unit_alloc(p, GFP_ANY, ZB_PAGEBLOCK_ORDER);

	EXPECT_EQ(zb_pool_offline(&p->pool, PB(100), PB(1)), ZB_BAD_OUTSIDE);
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, 0), ZB_BAD_OUTSIDE);
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, PB(9)), ZB_BAD_OUTSIDE);
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, 5), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn ^ PB(1), PB(1)), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, PB(2)), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_MOVABLE, ZB_PAGEBLOCK_ORDER));
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free(p, pfn, ZB_PAGEBLOCK_ORDER), ZB_OK);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(8), PB(8), NULL), 0);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(100), PB(1), NULL), 0);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(8) + 1, PB(1), NULL), 0);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(8), 5, NULL), 0);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(8), PB(9), NULL), 0);
	pfn = shrink(p, 1);
	EXPECT_EQ(zb_pool_online(&p->pool, pfn, 5, NULL), 0);
	EXPECT_EQ(zb_pool_online(&p->pool, pfn, PB(9), NULL), 0);
	grow(p, pfn, 1);
}

static struct unit_pool *watched;

/* Other CPUs can use the pool whenever the lock is not held. */
static void check_between_holds(void)
{
	struct zb_violation v;

	if (zb_env_irqs_off)
		return;
	zb_env_hook = NULL;
	if (!zb_check_pool(&watched->pool, &v))
		unit_fail(__FILE__, __LINE__, "%s", v.rule);
	zb_env_hook = check_between_holds;
}

/* While the pageblocks of a block become offline one by one, the pool is always consistent. */
POOL_TEST(offline_one_by_one, 8, 4)
{
	unsigned long pfn = unit_alloc(p, GFP_ANY, ZB_PAGEBLOCK_ORDER + 2);

	ASSERT_EQ(pfn, PB(8));
	watched = p;
	zb_env_hook = check_between_holds;
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, PB(4)), ZB_OK);
	zb_env_hook = NULL;
	grow(p, pfn, 4);
}

/* An offline pageblock can't be freed, isolated, retyped or found by a search. */
POOL_TEST(offline_is_left_alone, 8, 4)
{
	unsigned long pfn = shrink(p, 2), other = pfn ^ PB(2);
	struct zb_range r = { .nr_pages = PB(3), .end_pfn = ZB_NO_PFN };
	struct zb_range_search search = { .zone = zone, .range = &r };
	struct zb_range_place place;

	EXPECT_EQ(unit_free(p, pfn, ZB_PAGEBLOCK_ORDER), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, PB(2)), ZB_BAD_NOT_ALLOCATED);
	EXPECT(!zb_pool_isolate_range(&p->pool, pfn, PB(1)));
	EXPECT(!zb_pool_set_migratetype(&p->pool, pfn, ZB_MIGRATE_CMA));
	zb_pool_unisolate_range(&p->pool, PB(8), PB(4));
	unit_pool_quiet(p);
	EXPECT(!zb_range_find(&search, &place));
	r.nr_pages = PB(2);
	EXPECT(zb_range_find(&search, &place));
	EXPECT_EQ(place.pfn, other);
	EXPECT(!zb_zone_has_block(zone, ZB_PAGEBLOCK_ORDER + 2, 0));
	grow(p, pfn, 2);
}

/* A pageblock that was isolated while it was allocated can become offline. */
POOL_TEST(offline_isolated, 8, 4)
{
	unsigned long pfn = unit_alloc(p, GFP_ANY, ZB_PAGEBLOCK_ORDER);

	EXPECT(zb_pool_isolate_range(&p->pool, pfn, PB(1)));
	EXPECT_EQ(zb_pool_offline(&p->pool, pfn, PB(1)), ZB_OK);
	unit_pool_quiet(p);
	zb_pool_unisolate_range(&p->pool, pfn, PB(1));
	unit_pool_quiet(p);
	grow(p, pfn, 1);
}

POOL_TEST(offline_keeps_cma, 8, 4)
{
	unsigned long pfn;

	unit_set_type(zone, 0, ZB_MIGRATE_CMA);
	unit_set_type(zone, 1, ZB_MIGRATE_CMA);
	unit_set_type(zone, 2, ZB_MIGRATE_CMA);
	unit_set_type(zone, 3, ZB_MIGRATE_CMA);
	pfn = shrink(p, 4);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_CMA], 0);
	grow(p, pfn, 4);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_CMA], 4);
	for (pfn = 0; pfn < 4; pfn++)
		unit_set_type(zone, pfn, ZB_MIGRATE_MOVABLE);
}

/* A frame that came back with a memory error is kept out of use. */
POOL_TEST(online_finds_unfit_frames, 8, 4)
{
	unsigned long pfn;

	zone->frame_ops = &unit_frame_ops;
	pfn = shrink(p, 2);
	unit_unfit_pfn = pfn + 77;
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 0);
	grow(p, pfn, 2);
	EXPECT_EQ(zone->nr_unfit, 1);
	EXPECT_EQ(zb_zone_state(zone, unit_unfit_pfn), ZB_STATE_UNFIT);
	unit_unfit_pfn = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 1);
	zone->frame_ops = NULL;
}

/* Watermarks and list limits are those of a zone that has never been larger. */
TEST(offline_watermarks)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 64, 64 } }, .nr_zones = 1, .watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g), *small;
	unsigned long pfn = shrink(p, 32);
	unsigned int i;

	g.zones[0].nr = 32;
	zb_pool_tune(&p->pool, 1);
	small = unit_pool_make(&g);
	for (i = 0; i < ZB_NR_WMARKS; i++)
		EXPECT_EQ(p->pool.zones->watermark[i], small->pool.zones->watermark[i]);
	EXPECT_EQ(p->pool.zones->pcp_high, small->pool.zones->pcp_high);
	unit_pool_end(small);
	grow(p, pfn, 32);
	zb_pool_tune(&p->pool, 1);
	unit_pool_end(p);
}

/* A request for more memory than is online can never be served. */
POOL_TEST(offline_verdict, 8, 4)
{
	struct zb_alloc_request req = { .gfp = GFP_ANY, .nr_pages = PB(4), .nid = 0 };
	unsigned long pfn;

	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	pfn = shrink(p, 1);
	EXPECT(zb_pool_verdict(&p->pool, &req) != ZB_COULD_SERVE);
	req.nr_pages = PB(1);
	EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_COULD_SERVE);
	grow(p, pfn, 1);
}

/* Random shrinking and growing among allocations, with all invariants after each step. */
POOL_TEST(offline_random, 16, 16)
{
	unsigned long pb, held[64] = { 0 };
	unsigned int order[64], i, k;

	for (i = 0; i < 2000; i++) {
		k = unit_random() % 64;
		pb = zone->start_pfn + PB(unit_random() % 16);
		if (unit_random() % 4 == 0) {
			shrink(p, 1 + unit_random() % 4);
		} else if (unit_random() % 3 == 0) {
			zb_pool_online(&p->pool, pb, PB(1), NULL);
		} else if (held[k]) {
			EXPECT(!zb_pageblock_is_offline(zone, held[k]));
			EXPECT_EQ(unit_free(p, held[k], order[k]), ZB_OK);
			held[k] = 0;
		} else {
			order[k] = unit_random() % 11;
			held[k] = unit_alloc(p, unit_random() % 2 ? GFP_ANY : __ZB_GFP_NOWARN,
					     order[k]);
			if (held[k] == ZB_NO_PFN)
				held[k] = 0;
		}
		unit_pool_quiet(p);
	}
	for (k = 0; k < 64; k++)
		if (held[k])
			EXPECT_EQ(unit_free(p, held[k], order[k]), ZB_OK);
	zb_pool_online(&p->pool, zone->start_pfn, PB(16), NULL);
	EXPECT(zb_zone_events(zone, ZB_OFFLINE) > PB(16));
	EXPECT_EQ(zb_zone_events(zone, ZB_OFFLINE), zb_zone_events(zone, ZB_ONLINE));
}

// SPDX-License-Identifier: GPL-2.0-only
/* Whether serving a later request would delay the first request in the wait queue. */
#include "isolate.h"
#include "overtake.h"
#include "unit_pool.h"

#define ANY	(ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE)

/* Two pageblocks of zone DMA, four of Normal, two of Movable. */
static struct unit_pool *three_zones(bool watermarks)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 0, 2 },
			{ 0, ZB_ZONE_NORMAL, 4, 4 },
			{ 0, ZB_ZONE_MOVABLE, 8, 2 },
		},
		.nr_zones = 3,
		.watermarks = watermarks,
	};

	return unit_pool_make(&g);
}

static struct zb_alloc_request request(zb_gfp_t gfp, unsigned long nr_pages)
{
	return (struct zb_alloc_request){ .gfp = gfp, .nr_pages = nr_pages };
}

static enum zb_overtake overtake(struct unit_pool *p, zb_gfp_t gfp_first,
				 unsigned long nr_first, zb_gfp_t gfp_later,
				 unsigned long nr_later)
{
	struct zb_alloc_request first = request(gfp_first, nr_first);
	struct zb_alloc_request later = request(gfp_later, nr_later);

	return zb_pool_overtake(&p->pool, &first, &later);
}

static bool served_now(struct unit_pool *p, zb_gfp_t gfp, unsigned long nr_pages)
{
	struct zb_alloc_request req = request(gfp, nr_pages);

	return zb_pool_predict_zone(&p->pool, &req);
}

/* Allocate all frames of a zone, one by one. */
static void take_zone(struct unit_pool *p, zb_gfp_t gfp, unsigned int zone)
{
	unsigned long i;

	for (i = 0; i < p->pool.zones[zone].nr_pages; i++)
		EXPECT(unit_alloc(p, gfp | __ZB_GFP_NOWARN, 0) != ZB_NO_PFN);
}

POOL_TEST_WITH(overtake_in_another_zone, three_zones(false), unit_pool_end)
{
	take_zone(p, ZB_GFP_DMA, 0);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 1, ZB_GFP_KERNEL, 1), ZB_OVERTAKE_APART);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 1, ANY, PB(2)), ZB_OVERTAKE_APART);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 1, ZB_GFP_DMA, 1), ZB_OVERTAKE_NOT_NOW);
	/* Normal is tried before DMA, so the later request does not take DMA memory */
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(2), ZB_GFP_KERNEL, 1), ZB_OVERTAKE_APART);
	unit_free_all(p);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 1, ZB_GFP_KERNEL, 1), ZB_OVERTAKE_APART);
	EXPECT_EQ(overtake(p, ZB_GFP_KERNEL, 1, ANY, 1), ZB_OVERTAKE_APART);
}

/* If the zone could serve the first request in principle, free frames are counted. */
POOL_TEST_WITH(overtake_counts_frames, three_zones(false), unit_pool_end)
{
	unsigned long i;

	/* 1024 frames of DMA: the first request may need all of them */
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(2), ZB_GFP_DMA, 1), ZB_OVERTAKE_COSTS);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(1), ZB_GFP_DMA, PB(1)), ZB_OVERTAKE_ROOM);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(1) + 1, ZB_GFP_DMA, PB(1)),
		  ZB_OVERTAKE_COSTS);
	for (i = 0; i < PB(1); i++)
		EXPECT(unit_alloc(p, ZB_GFP_DMA, 0) != ZB_NO_PFN);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(1), ZB_GFP_DMA, 1), ZB_OVERTAKE_COSTS);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, PB(1) - 1, ZB_GFP_DMA, 1), ZB_OVERTAKE_ROOM);
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 2, ZB_GFP_DMA, PB(2)), ZB_OVERTAKE_NOT_NOW);
	unit_free_all(p);
}

/* Frames on per-CPU lists count because an attempt drains the lists. */
POOL_TEST_WITH(overtake_counts_lists, three_zones(false), unit_pool_end)
{
	unsigned long pfn;

	take_zone(p, ZB_GFP_DMA, 0);
	pfn = p->pool.zones[0].start_pfn;
	EXPECT(!served_now(p, ZB_GFP_DMA, 1));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT_EQ(unit_free(p, pfn + 1, 0), ZB_OK);
	EXPECT(served_now(p, ZB_GFP_DMA, 1));
	EXPECT(served_now(p, ZB_GFP_DMA, 2));
	EXPECT(!served_now(p, ZB_GFP_DMA, 3));
	unit_free_all(p);
}

/* Without watermarks, all frames count but those of isolated and CMA pageblocks. */
POOL_TEST_WITH(overtake_without_watermarks, three_zones(false), unit_pool_end)
{
	static const unsigned int types[] = { ZB_MIGRATE_ISOLATE, ZB_MIGRATE_CMA };
	const zb_gfp_t gfp = ZB_GFP_DMA | __ZB_GFP_MEMALLOC;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		unit_fill_pageblock(zone, 0, ZB_MIGRATE_UNMOVABLE, NULL);
		unit_set_type(zone, 1, types[i]);
		zone->watermark[ZB_ALLOC_WMARK_MIN] = PB(1);
		unit_set_low(zone, false);
		EXPECT(!served_now(p, gfp, 1));
		EXPECT_EQ(served_now(p, gfp | __ZB_GFP_MOVABLE, 1), types[i] == ZB_MIGRATE_CMA);
		for (k = 0; k < 5; k++) {
			EXPECT_EQ(unit_free(p, PB(0) + 2ul * k, 0), ZB_OK);
			EXPECT(zb_zone_nr_cached(zone));
			EXPECT(served_now(p, gfp, k + 1));
			EXPECT(!served_now(p, gfp, k + 2));
			EXPECT(!served_now(p, ZB_GFP_DMA, 1));
		}
		unit_pool_no_watermarks(p);
		unit_set_type(zone, 1, ZB_MIGRATE_MOVABLE);
		unit_free_all(p);
	}
}

/* Besides enough frames, there must be a block of the right order. */
POOL_TEST_WITH(overtake_needs_a_block, three_zones(false), unit_pool_end)
{
	unsigned long pfn = p->pool.zones[0].start_pfn, i;

	take_zone(p, ZB_GFP_DMA, 0);
	for (i = 0; i < 64; i += 2)
		EXPECT_EQ(unit_free(p, pfn + i, 0), ZB_OK);
	unit_pool_drain(p);
	EXPECT(served_now(p, ZB_GFP_DMA, 1));
	EXPECT(!served_now(p, ZB_GFP_DMA, 2));
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 2, ZB_GFP_DMA, 1), ZB_OVERTAKE_ROOM);
	EXPECT_EQ(unit_free(p, pfn + 1, 0), ZB_OK);
	unit_pool_drain(p);
	EXPECT(served_now(p, ZB_GFP_DMA, 2));
	unit_free_all(p);
}

/* Reserves do not count as free for requests that may not use them. */
POOL_TEST_WITH(overtake_respects_watermarks, three_zones(true), unit_pool_end)
{
	struct zb_zone *dma = &p->pool.zones[0];
	unsigned long min = dma->watermark[ZB_ALLOC_WMARK_MIN];

	EXPECT(min > 4);
	while (dma->nr_free + zb_zone_nr_cached(dma) > min)
		EXPECT(unit_alloc(p, ZB_GFP_DMA | __ZB_GFP_MEMALLOC, 0) != ZB_NO_PFN);
	EXPECT(!served_now(p, ZB_GFP_DMA, 1));
	EXPECT(served_now(p, ZB_GFP_DMA | __ZB_GFP_HIGH, 1));
	EXPECT(served_now(p, ZB_GFP_DMA | __ZB_GFP_MEMALLOC, 1));
	EXPECT(!served_now(p, ZB_GFP_DMA | __ZB_GFP_MEMALLOC, min + 1));
	EXPECT_EQ(overtake(p, ZB_GFP_DMA, 1, ZB_GFP_DMA | __ZB_GFP_HIGH, 1),
		  ZB_OVERTAKE_COSTS);
	unit_free_all(p);
}

/* CMA pageblocks count for movable requests only. */
POOL_TEST(overtake_respects_cma, 0, 4)
{
	const zb_gfp_t movable = ZB_GFP_KERNEL | __ZB_GFP_MOVABLE;

	EXPECT(zb_pool_set_migratetype(&p->pool, PB(2), ZB_MIGRATE_CMA));
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(3), ZB_MIGRATE_CMA));
	EXPECT(served_now(p, ZB_GFP_KERNEL, PB(2)));
	EXPECT(!served_now(p, ZB_GFP_KERNEL, PB(2) + 1));
	EXPECT_EQ(overtake(p, ZB_GFP_KERNEL, PB(2), movable, 1), ZB_OVERTAKE_COSTS);
	EXPECT_EQ(overtake(p, ZB_GFP_KERNEL, PB(1), movable, 1), ZB_OVERTAKE_ROOM);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(2), ZB_MIGRATE_MOVABLE));
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(3), ZB_MIGRATE_MOVABLE));
}

/* Requests restricted to different nodes do not affect each other. */
TEST(overtake_respects_nodes)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 0, 2 }, { 1, ZB_ZONE_NORMAL, 4, 2 } },
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_request first = request(ZB_GFP_KERNEL | __ZB_GFP_THISNODE, PB(2));
	struct zb_alloc_request later = request(ZB_GFP_KERNEL | __ZB_GFP_THISNODE, 1);
	unsigned long node1 = BIT(1);
	struct zb_alloc_policy only1 = { .nodemask = &node1, .nr_bits = 64 };

	EXPECT_EQ(zb_pool_overtake(&p->pool, &first, &later), ZB_OVERTAKE_COSTS);
	later.nid = 1;
	EXPECT_EQ(zb_pool_overtake(&p->pool, &first, &later), ZB_OVERTAKE_APART);
	later = request(ZB_GFP_KERNEL, 1);
	EXPECT_EQ(zb_pool_overtake(&p->pool, &first, &later), ZB_OVERTAKE_COSTS);
	later.policy = &only1;
	EXPECT_EQ(zb_pool_overtake(&p->pool, &first, &later), ZB_OVERTAKE_APART);
	unit_pool_end(p);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Background compaction: its target; and isolation by others during compaction. */
#include "compact.h"
#include "offline.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

/* The score is the share of the free memory that is in no whole pageblock. */
POOL_TEST_WITH(fragmentation_score, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 0);
	unit_keep_frames(zone, 0, M, 256);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 14);	/* 256 of 1792 */
	unit_keep_frames(zone, 1, M, 1);
	unit_keep_frames(zone, 2, M, 1);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 71);	/* 1278 of 1790 */
	unit_keep_frames(zone, 3, M, 1);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 100);
	unit_free_pageblock(zone, 0);
	unit_free_pageblock(zone, 1);
	unit_keep_frames(zone, 0, M, 512);
	unit_keep_frames(zone, 1, M, 512);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 100);
	/* nothing is free, so nothing is fragmented */
	unit_free_pageblock(zone, 2);
	unit_free_pageblock(zone, 3);
	unit_keep_frames(zone, 2, M, 512);
	unit_keep_frames(zone, 3, M, 512);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 0);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 1), 0);
}

/* Larger zones count more, and other nodes do not count. */
TEST(score_of_a_node)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 8, 1 }, { 0, ZB_ZONE_NORMAL, 12, 3 },
			{ 1, ZB_ZONE_NORMAL, 16, 1 },
		},
		.nr_zones = 3,
	};
	struct unit_pool *p = unit_pool_make(&g);

	unit_keep_frames(&p->pool.zones[0], 0, M, 7);
	unit_keep_frames(&p->pool.zones[2], 0, M, 7);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 25);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 1), 100);
	unit_pool_free_and_end(p);
}

/* What a zone has not any more does not count. */
TEST(score_of_shrunken_node)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_DMA32, 8, 1 }, { 0, ZB_ZONE_NORMAL, 12, 3 } },
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		pfn = unit_take(&p->pool.zones[1], ZB_PAGEBLOCK_ORDER, M);
		EXPECT_EQ(zb_pool_offline(&p->pool, pfn, ZB_PAGEBLOCK_NR), ZB_OK);
	}
	unit_keep_frames(&p->pool.zones[0], 0, M, 7);
	EXPECT_EQ(zb_fragmentation_score(&p->pool, 0), 100);
	EXPECT_EQ(zb_pool_online(&p->pool, PB(12), PB(3), NULL), PB(3));
	unit_pool_free_and_end(p);
}

/* The limits are those of the kernel. */
TEST(proactive_limits)
{
	static const struct { unsigned int proactiveness, low, high; } cases[] = {
		{ 0, 100, 100 }, { 1, 99, 100 }, { 10, 90, 100 }, { 11, 89, 99 },
		{ 20, 80, 90 }, { 94, 6, 16 }, { 95, 5, 15 }, { 100, 5, 15 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(ZB_SCORE_LOW(cases[i].proactiveness), cases[i].low);
		EXPECT_EQ(ZB_SCORE_HIGH(cases[i].proactiveness), cases[i].high);
	}
}

static unsigned int waits, end_after;
static bool isolated;

/* Another module isolates the pageblocks that are being emptied. */
static bool isolate_too(const struct zb_compact_control *cc, struct zb_zone *zone,
			unsigned long pfn, unsigned long nr_pages)
{
	isolated = zb_pool_isolate_range_wait(zone->pool, pfn, nr_pages);
	return !cc->data;
}

static bool wait_for_compaction(struct zb_pool *pool, bool killable)
{
	EXPECT(!killable);
	if (++waits == end_after)
		zb_pool_unisolate_range(pool, PB(8), ZB_PAGEBLOCK_NR);
	return true;
}

/* Isolation waits for compaction, but not forever, and for nothing else. */
POOL_TEST_WITH(isolated_by_others, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	const struct zb_ops ops = { .wait = wait_for_compaction };
	const struct zb_ops *before = p->pool.ops;
	const struct zb_compact_control cc = {
		.order = 9, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 1, .force = true, .evacuate = isolate_too,
	};

	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 10);
	p->pool.ops = &ops;
	waits = 0;
	end_after = 3;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT(isolated);
	EXPECT_EQ(waits, 3);
	waits = 0;
	end_after = 0;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT(!isolated);
	EXPECT_EQ(waits, 50);
	/* no compaction is in progress */
	waits = 0;
	EXPECT(zb_pool_isolate_range_wait(&p->pool, PB(8), ZB_PAGEBLOCK_NR));
	EXPECT(!zb_pool_isolate_range_wait(&p->pool, PB(8), ZB_PAGEBLOCK_NR));
	EXPECT_EQ(waits, 0);
	zb_pool_unisolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR);
	p->pool.ops = before;
}

static struct zb_zone *compacted;	/* used by the hooks */
static unsigned int point, begin_at, end_at, nr_begun;
static bool running, has_isolated;

static void begin_compaction(void)
{
	zb_zone_begin_isolation(compacted);
	nr_begun++;
	running = true;
	has_isolated = zb_pool_isolate_range(compacted->pool, PB(8), ZB_PAGEBLOCK_NR);
}

static void end_compaction(void)
{
	if (!running)
		return;
	running = false;
	if (has_isolated)
		zb_pool_unisolate_range(compacted->pool, PB(8), ZB_PAGEBLOCK_NR);
	zb_zone_end_isolation(compacted);
}

static void compact_meanwhile(void)
{
	if (zb_env_irqs_off)
		return;
	zb_env_hook = NULL;
	point++;
	if (point == begin_at)
		begin_compaction();
	else if (point == end_at)
		end_compaction();
	zb_env_hook = compact_meanwhile;
}

static bool wait_for_the_end(struct zb_pool *pool, bool killable)
{
	EXPECT(pool == compacted->pool && !killable);
	end_compaction();
	return true;
}

/* Whenever compaction begins and ends, it does not make an isolation fail. */
POOL_TEST(compaction_begins_meanwhile, 8, 2)
{
	const struct zb_ops ops = { .wait = wait_for_the_end };
	const struct zb_ops *before = p->pool.ops;

	p->pool.ops = &ops;
	compacted = zone;
	for (begin_at = 1; begin_at < 8; begin_at++)
		for (end_at = begin_at + 1; end_at < 16; end_at++) {
			point = 0;
			zb_env_hook = compact_meanwhile;
			EXPECT(zb_pool_isolate_range_wait(&p->pool, PB(8), ZB_PAGEBLOCK_NR));
			zb_env_hook = NULL;
			end_compaction();
			zb_pool_unisolate_range(&p->pool, PB(8), ZB_PAGEBLOCK_NR);
		}
	EXPECT(nr_begun >= 3 * 10);
	p->pool.ops = before;
}

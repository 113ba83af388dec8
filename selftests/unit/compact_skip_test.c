// SPDX-License-Identifier: GPL-2.0-only
/* Windows that compaction leaves out, because an allocation in them is too large to be moved. */
#include "compact.h"
#include "unit_pool.h"

#define M	ZB_MIGRATE_MOVABLE
#define NR	40u	/* pageblocks */

/* As struct zb_compact_control.evacuate; the cheap windows are ruled out, and counted. */
static bool only_the_last(const struct zb_compact_control *cc, struct zb_zone *zone,
			  unsigned long pfn, unsigned long nr_pages)
{
	unsigned int *nr = cc->data;

	if (pfn < PB(8 + NR - 1)) {
		zb_compact_rule_out(zone, pfn, nr_pages);
		++*nr;
		return true;
	}
	unit_free_blocks(zone, pfn, nr_pages);
	return true;
}

static bool nothing_moves(const struct zb_compact_control *cc,
			  struct zb_zone *zone __attribute__((unused)),
			  unsigned long pfn __attribute__((unused)),
			  unsigned long nr_pages __attribute__((unused)))
{
	++*(unsigned int *)cc->data;
	return true;
}

static struct zb_compact_control make_windows(struct zb_zone *zone, unsigned int order,
					      unsigned int *nr)
{
	unsigned int i;

	*nr = 0;
	for (i = 0; i < NR; i++)
		unit_keep_frames(zone, i, M, i < NR - 1 ? 10 : 50);
	return (struct zb_compact_control){
		.order = order, .highest_zoneidx = ZB_ZONE_MOVABLE, .cma = true,
		.max_failures = 4, .evacuate = only_the_last, .data = nr,
	};
}

/* Windows that are ruled out hardly count as failures. */
POOL_TEST_WITH(ruled_out_windows, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned int nr;
	struct zb_compact_control cc = make_windows(zone, 9, &nr);

	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(nr, NR - 1);
}

/* The number of windows that one attempt rules out is limited, and the next one continues. */
POOL_TEST_WITH(ruled_out_windows_stay_so, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned int nr;
	struct zb_compact_control cc = make_windows(zone, 9, &nr);

	cc.force = true;
	cc.max_failures = 1;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(nr, 16);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(nr, 32);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(nr, NR - 1);
}

/* If no other window is left, all are tried again, but only once per attempt. */
POOL_TEST_WITH(ruled_out_windows_are_tried_again, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned int i, nr;
	struct zb_compact_control cc = make_windows(zone, 9, &nr);

	cc.force = true;
	cc.max_failures = NR;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(nr, NR - 1);
	EXPECT_EQ(zone->pageblocks[0].skip_compaction, ZB_SKIP_RULED_OUT);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(nr, 2 * (NR - 1));
	for (i = 0; i < NR; i++)
		EXPECT_EQ(zone->pageblocks[i].skip_compaction, ZB_SKIP_NOT);
	cc.evacuate = nothing_moves;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(nr, 3 * (NR - 1));
}

/* An attempt that finds only windows at which earlier ones failed tries them again. */
POOL_TEST_WITH(starts_again_at_once, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned int i, nr;
	struct zb_compact_control cc = make_windows(zone, 9, &nr);

	cc.evacuate = nothing_moves;
	cc.max_failures = NR;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_FAILED);
	EXPECT_EQ(nr, NR);
	for (i = 0; i < NR; i++)
		EXPECT_EQ(zone->pageblocks[i].skip_compaction, ZB_SKIP_FAILED);
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_DEFERRED);
	cc.evacuate = only_the_last;
	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
}

/* A window below pageblock order rules its pageblock out. */
POOL_TEST_WITH(small_windows_are_ruled_out, unit_pool_one(8, NR), unit_pool_free_and_end)
{
	unsigned int i, nr;
	struct zb_compact_control cc = make_windows(zone, 8, &nr);

	EXPECT_EQ(zb_zone_compact(zone, &cc), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(nr, NR - 1);
	for (i = 0; i < NR; i++)
		EXPECT_EQ(zone->pageblocks[i].skip_compaction,
			  i < NR - 1 ? ZB_SKIP_RULED_OUT : ZB_SKIP_NOT);
}

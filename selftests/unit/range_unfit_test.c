// SPDX-License-Identifier: GPL-2.0-only
/* Ranges with frames that must not be used. */
#include "range_alloc.h"
#include "unit_unfit.h"

/* A frame that must not be used is found when the range is taken; another range is found. */
POOL_TEST(unfit_frames, 8, 8)
{
	static const struct zb_alloc_policy policy = { .every_frame = true };
	struct zb_range_failure failure;
	struct zb_range r = { .nr_pages = PB(8), .end_pfn = ZB_NO_PFN };
	unsigned long pfn;
	unsigned int i;

	unit_unfit_pfn = PB(9) + 77;
	zone->frame_ops = &unit_frame_ops;
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_KERNEL, &r, 0, &policy, &failure),
		  ZB_NO_PFN);
	EXPECT_EQ(failure.result, ZB_RANGE_FULL);
	EXPECT_EQ(unit_pool_nr_free(p), PB(8) - 1);
	for (i = 0; i < ZB_NR_BAD; i++)
		EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[i]), 0);
	r.nr_pages = PB(6);
	pfn = zb_pool_alloc_range(&p->pool, ZB_GFP_KERNEL, &r, 0, &policy, &failure);
	EXPECT_EQ(pfn, unit_unfit_pfn + 1);
	unit_pool_quiet(p);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, PB(6)), ZB_OK);
	unit_unfit_pfn = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 1);
}

/* The memory behind a range that has an unfit frame is left alone. */
POOL_TEST(memory_behind_unfit_frames, 8, 8)
{
	static const struct zb_alloc_policy policy = { .every_frame = true };
	const struct zb_range r = { .nr_pages = PB(7), .end_pfn = ZB_NO_PFN };
	const struct zb_range last = { PB(1), 0, PB(15), ZB_NO_PFN };
	struct zb_range_failure failure;

	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_KERNEL, &last, 0, NULL, &failure), PB(15));
	unit_unfit_pfn = PB(9) + 77;
	zone->frame_ops = &unit_frame_ops;
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_KERNEL, &r, 0, &policy, &failure),
		  ZB_NO_PFN);
	EXPECT_EQ(unit_pool_nr_free(p), PB(7) - 1);
	EXPECT_EQ(zb_pool_free_range(&p->pool, PB(15), PB(1)), ZB_OK);
	unit_unfit_pfn = ZB_NO_PFN;
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 1);
}

/* Frame 77 of each pageblock is unfit, except for the last pageblock. */
static u64 often_unfit(const struct zb_zone *zone, unsigned long pfn, u64 frames)
{
	unsigned long i = pfn % ZB_PAGEBLOCK_NR;

	return pfn < zb_zone_end(zone) - PB(1) && 77 - i < 64 ? frames & 1ull << (77 - i) : 0;
}

static bool often_all_fit(const struct zb_zone *zone, const u32 *frames, unsigned int nr)
{
	while (nr--)
		if (often_unfit(zone, zone->start_pfn + frames[nr], 1))
			return false;
	return true;
}

static void often_kept_out(const struct zb_zone *zone, unsigned long pfn)
{
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_UNFIT);
}

/* Up to eight free ranges are tried if the first ones have unfit frames. */
POOL_TEST(unfit_frames_in_many_ranges, 8, 8)
{
	static const struct zb_frame_ops ops = { often_unfit, often_all_fit, often_kept_out };
	static const struct zb_alloc_policy policy = { .every_frame = true };
	const struct zb_range r = { PB(1), 9, 0, ZB_NO_PFN };
	struct zb_range_failure failure;

	zone->frame_ops = &ops;
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_NOWAIT, &r, 0, &policy, &failure), PB(15));
	EXPECT_EQ(zone->nr_unfit, 7);
	EXPECT_EQ(zb_pool_free_range(&p->pool, PB(15), PB(1)), ZB_OK);
	zone->frame_ops = NULL;
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 7);
}

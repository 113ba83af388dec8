/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame that is unfit for use, for tests that need no more than one at a time. */
#ifndef UNIT_UNFIT_H
#define UNIT_UNFIT_H

#include "offline.h"
#include "unfit.h"
#include "unit_pool.h"

/* The frame, or ZB_NO_PFN. Global, because each test runs in a process of its own. */
static unsigned long unit_unfit_pfn = ZB_NO_PFN;

/* As zb_frame_ops.unfit. The memory of an offline pageblock belongs to others. */
static inline u64 unit_unfit(const struct zb_zone *zone, unsigned long pfn, u64 frames)
{
	EXPECT(!zb_pageblock_is_offline(zone, pfn));
	return unit_unfit_pfn - pfn < 64 ? frames & 1ull << (unit_unfit_pfn - pfn) : 0;
}

static inline bool unit_all_fit(const struct zb_zone *zone, const u32 *frames, unsigned int nr)
{
	while (nr--)
		if (unit_unfit(zone, zone->start_pfn + frames[nr], 1))
			return false;
	return true;
}

static inline void unit_kept_out(const struct zb_zone *zone, unsigned long pfn)
{
	EXPECT_EQ(pfn, unit_unfit_pfn);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_UNFIT);
}

static const struct zb_frame_ops unit_frame_ops = {
	.unfit = unit_unfit, .all_fit = unit_all_fit, .kept_out = unit_kept_out,
};

#endif /* UNIT_UNFIT_H */

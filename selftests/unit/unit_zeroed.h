/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames whose contents and memory errors tests of zeroed frames simulate. */
#ifndef UNIT_ZEROED_H
#define UNIT_ZEROED_H

#include "unfit.h"
#include "unit_pool.h"
#include "zero_ahead.h"

#define START		64ul
#define PAGEBLOCKS	8ul
#define ALL		(PAGEBLOCKS * ZB_PAGEBLOCK_NR)
#define GFP		__ZB_GFP_NOWARN

/* The contents of each frame: 0, or 1 after it was written to. */
static u8 content[ALL];
static bool error[ALL];
static unsigned long clears;

static void clear_frames(struct zb_pool *pool, unsigned long pfn, unsigned long nr_pages)
{
	(void)pool;
	memset(&content[pfn - PB(START)], 0, nr_pages);
	clears += nr_pages;
}

static u64 unfit(const struct zb_zone *zone, unsigned long pfn, u64 frames)
{
	u64 found = 0;

	(void)zone;
	for (; frames; frames &= frames - 1)
		if (error[pfn - PB(START) + __ffs64(frames)])
			found |= frames & -frames;
	return found;
}

static bool all_fit(const struct zb_zone *zone, const u32 *frames, unsigned int nr)
{
	(void)zone;
	while (nr--)
		if (error[frames[nr]])
			return false;
	return true;
}

static void kept_out(const struct zb_zone *zone, unsigned long pfn)
{
	(void)zone;
	(void)pfn;
}

static const struct zb_ops ops = { .clear = clear_frames };
static const struct zb_frame_ops frame_ops = {
	.unfit = unfit, .all_fit = all_fit, .kept_out = kept_out,
};

#endif /* UNIT_ZEROED_H */

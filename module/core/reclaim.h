/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim: which discardable allocations give up their memory, and how many.
 *
 * An allocation is the smallest unit that can be taken, and its owner has to make the
 * contents again. Therefore no more than 5/4 of the missing frames are taken, unless a
 * single allocation is larger than that:
 *
 *	pass 0		from the oldest on, those that fit in the 5/4; one that has been used
 *			since it was marked last is spared once (second chance)
 *	pass 1		the same, with those that were spared
 *	pass 2, 3 ...	one of the smallest that are left
 *
 * A request for a block of order 1 or more also needs adjacent frames. An aligned window can
 * be made free if all of its allocated frames are discardable; the cheapest one is taken.
 *
 * What discardable allocations can't give is taken from owners that free memory when they are
 * asked to. Each is asked for a share in proportion to what it has, as by the kernel's
 * shrinkers, and those that have more for the rest.
 */
#ifndef ZB_CORE_RECLAIM_H
#define ZB_CORE_RECLAIM_H

#include "zone.h"

#define ZB_RECLAIM_PASSES	6u

/* What to do with an allocation. */
enum zb_reclaim_verdict {
	ZB_RECLAIM_LEAVE,	/* nothing, it is too large */
	ZB_RECLAIM_SPARE,	/* treat it as if it were marked now, and as not used */
	ZB_RECLAIM_TAKE,	/* take its memory */
};

/**
 * struct zb_reclaim_scan - state of a search for allocations to take
 * @missing: number of frames that are still missing
 * @allowed: number of frames that may still be taken
 * @limit: an allocation of this size may be taken even if it is larger than @allowed
 * @larger: size of the smallest allocation that was left in this pass, or 0
 * @pass: number of the pass over all allocations
 */
struct zb_reclaim_scan {
	unsigned long missing;
	unsigned long allowed;
	unsigned long limit;
	unsigned long larger;
	unsigned int pass;
};

/**
 * struct zb_reclaim_window - an aligned range of frames that can be made free
 * @pfn: first frame, or ZB_NO_PFN
 * @cost: frames of all allocations that have to be taken, including their frames outside of the
 *	range
 * @used: one of them has been used since it was marked last
 */
struct zb_reclaim_window {
	unsigned long pfn;
	unsigned long cost;
	bool used;
};

void zb_reclaim_begin(struct zb_reclaim_scan *scan, unsigned long missing);
enum zb_reclaim_verdict zb_reclaim_judge(struct zb_reclaim_scan *scan,
					 unsigned long nr_pages, bool used);
void zb_reclaim_took(struct zb_reclaim_scan *scan, unsigned long nr_pages);
bool zb_reclaim_next_pass(struct zb_reclaim_scan *scan);
long zb_reclaim_used(const struct zb_zone *zone, unsigned long pfn, unsigned int order);
unsigned long zb_reclaim_share(unsigned long missing, unsigned long has, unsigned long all);
void zb_reclaim_choose(struct zb_reclaim_window *best, const struct zb_reclaim_window *w);

#endif /* ZB_CORE_RECLAIM_H */

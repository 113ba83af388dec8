/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many allocations of single frames that are to be zero, made or freed at once.
 *
 * While memory is cleared in advance, such allocations come from the zone and return to it, because
 * nothing is known of the frames on per-CPU lists. One by one, each takes the zone lock twice,
 * and splits and merges blocks. Here, frames move as bits of words, as in refills and drains
 * (bulk.h). Each of them is an allocation of its own otherwise.
 */
#ifndef ZB_CORE_SINGLES_H
#define ZB_CORE_SINGLES_H

#include "pool.h"

#define ZB_MAX_SINGLES	64u

/**
 * struct zb_singles - allocations of single frames
 * @nr: number of frames
 * @zero: bit i is set if frame i is known to be zero
 * @pfn: the frames
 */
struct zb_singles {
	unsigned int nr;
	u64 zero;
	unsigned long pfn[ZB_MAX_SINGLES];
};

void zb_fast_alloc_singles(const struct zb_node *node, zb_gfp_t gfp, unsigned int nr,
			   struct zb_singles *s);
enum zb_bad zb_pool_free_singles(struct zb_pool *pool, const struct zb_singles *s,
				 unsigned int first);

#endif /* ZB_CORE_SINGLES_H */

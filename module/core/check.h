/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks the invariants of the allocator.
 *
 * zb_check_pool() may run at any time, also while the pool is in use. It takes the
 * zone locks and checks that
 *
 *  1. every frame is either free or part of exactly one used block. A block is used
 *     if it is allocated, on a per-CPU list, or out of use. Used blocks do not
 *     overlap, are aligned to their size and end inside their zone
 *  2. the counters of each pageblock match its bitmap, and free buddies of the same
 *     migrate type are merged. The runs of a stale pageblock are not counted (stale.h)
 *  3. each pageblock is on the list of its largest free run and its migrate type,
 *     and on no other, and the links of the lists are intact
 *  4. the counters of free blocks, free frames and pageblocks, by order and migrate
 *     type, match the pageblocks
 *
 * The zone lock is held for one pageblock at a time, or for the headers of a few. For
 * the sums of rule 4, changes to pageblocks that have been counted already are added
 * to an audit (audit.c).
 *
 * zb_check_quiet() requires that the pool is not in use. It also checks that
 *
 *  5. each block in the state ZB_BLOCK_PCP is on exactly one per-CPU list, which is
 *     of its order, and the lists have no other blocks
 *  6. the number of unfit frames and the range to search for them are correct
 */
#ifndef ZB_CORE_CHECK_H
#define ZB_CORE_CHECK_H

#include "alloc.h"

/**
 * struct zb_violation - the first invariant that was found violated
 * @rule: the invariant, in words
 * @zone: the zone
 * @pfn: the frame, the first frame of the pageblock, or 0 for the zone as a whole
 * @found: the value that was found
 * @expected: the value that was expected
 */
struct zb_violation {
	const char *rule;
	const struct zb_zone *zone;
	unsigned long pfn;
	unsigned long found;
	unsigned long expected;
};

/* check.c */
bool zb_not_met(struct zb_violation *v, const struct zb_zone *zone,
		unsigned long pfn, const char *rule, unsigned long found,
		unsigned long expected);
bool zb_check_pageblock(struct zb_zone *zone, unsigned long index,
			struct zb_violation *v);
bool zb_check_lists(struct zb_zone *zone, struct zb_violation *v);
bool zb_check_zone(struct zb_zone *zone, struct zb_violation *v);
bool zb_check_pool(struct zb_pool *pool, struct zb_violation *v);

/* check_quiet.c */
bool zb_check_quiet(struct zb_pool *pool, struct zb_violation *v);

#endif /* ZB_CORE_CHECK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The invariants of the allocator, as a program.
 *
 * On a pool at work zb_check_pool() holds at any moment, under the zone locks:
 *
 *  1. a frame is free, or inside of exactly one block that is held; blocks do
 *     not overlap, start aligned to their size and end inside the zone
 *  2. the counters of a pageblock are those of its bits; free buddies are one
 *     block, wherever merging is permitted
 *  3. a pageblock is on the list of its largest free run and its migrate type
 *     and on no other; lists are intact
 *  4. nr_free of every order and migrate type is what the pageblocks have;
 *     their frames add up to the zone's nr_free; pageblocks by type add up
 *
 * The lock is held for one pageblock at a time, or for the headers of a few; what
 * changes meanwhile in pageblocks that have been counted is added to an audit
 * (audit.c).
 *
 * With nobody at work zb_check_quiet() adds what only then stands still:
 *
 *  5. frames held by per-CPU lists are marked so, each is on one list of the
 *     right order, and nothing else is marked so
 *  6. a zone knows how many frames are unfit for use, and between which two
 */
#ifndef ZB_CORE_CHECK_H
#define ZB_CORE_CHECK_H

#include "alloc.h"

/**
 * struct zb_violation - the first thing found wrong
 * @rule: what should be so, in words
 * @zone: where
 * @pfn: the frame, or the first frame of the pageblock, or 0
 * @found: what is there
 * @expected: what should be
 */
struct zb_violation {
	const char *rule;
	const struct zb_zone *zone;
	unsigned long pfn;
	unsigned long found;
	unsigned long expected;
};

bool zb_check_pageblock(struct zb_zone *zone, unsigned long index,
			struct zb_violation *v);
bool zb_check_lists(struct zb_zone *zone, struct zb_violation *v);
bool zb_check_zone(struct zb_zone *zone, struct zb_violation *v);
bool zb_check_pool(struct zb_pool *pool, struct zb_violation *v);
bool zb_check_quiet(struct zb_pool *pool, struct zb_violation *v);

#endif /* ZB_CORE_CHECK_H */

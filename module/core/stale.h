/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deferred merging: stale pageblocks.
 *
 * A drain often frees each block in another pageblock. Setting the bits of its frames is
 * cheap; counting the free runs of the pageblock costs several times as much. A drain
 * therefore leaves that for later:
 *
 *	drain		sets the bits in free[], and counts the frames in nr_free of the
 *			pageblock and in the counters of the zone, so that watermarks
 *			are exact at any time. If the pageblock has a longer free run now
 *			than before, it moves to the list of this run. It becomes stale
 *	refresh		counts the free runs again; this is what merges buddies
 *
 * In between, @nr and @orders of the pageblock, and the numbers of free blocks that the zone
 * counts, are those of the last refresh. The lists are exact: @largest_free rarely
 * changes, and only the words in which frames were freed are looked at for that. So a
 * request finds the same pageblock as if none were stale. If several drains free
 * frames of a pageblock, one refresh is enough for all.
 *
 * A pageblock that becomes wholly free is merged with its buddies at once, and is not stale
 * (buddy.c). A stale pageblock is refreshed when a block is taken from it, or its migrate
 * type is changed. All pageblocks are refreshed before free blocks are counted for
 * statistics. The lock of the zone is dropped after every ZB_REFRESH_FEW of them.
 */
#ifndef ZB_CORE_STALE_H
#define ZB_CORE_STALE_H

#include "count.h"

#define ZB_REFRESH_FEW		2u	/* pageblocks refreshed in one hold of the lock */
#define ZB_REFRESH_PASSES 4u	/* passes over a zone in which other CPUs free all the time */

void __zb_recount(struct zb_zone *zone, struct zb_pageblock *pb);
void __zb_refresh_all(struct zb_zone *zone, unsigned long *flags);
void __zb_raise(struct zb_zone *zone, struct zb_pageblock *pb, u64 w);

static inline bool zb_pageblock_is_stale(const struct zb_zone *zone,
					 const struct zb_pageblock *pb)
{
	unsigned long i = pb - zone->pageblocks;

	return *(zone->stale + i / 64) >> i % 64 & 1;
}

/* Record that the runs of the pageblock with index @i are not counted. It may be stale already. */
static inline void __zb_mark_stale(struct zb_zone *zone, unsigned long i)
{
	u64 *word = zone->stale + i / 64;

	if (likely(*word >> i % 64 & 1))
		return;
	*word |= 1ull << i % 64;
	WRITE_ONCE(zone->nr_stale, zone->nr_stale + 1);
}

/* Record that the runs of a pageblock are counted, or that it has become wholly free. */
static inline void __zb_clear_stale(struct zb_zone *zone, const struct zb_pageblock *pb)
{
	unsigned long i = pb - zone->pageblocks;
	u64 *word = zone->stale + i / 64, bit = 1ull << i % 64;

	if (!(*word & bit))
		return;
	*word &= ~bit;
	WRITE_ONCE(zone->nr_stale, zone->nr_stale - 1);
}

/* Runs of 2^k frames at the start of a word, for k = 0 .. 6. */
static const u64 zb_run_bits[ZB_WORD_ORDER + 1] = {
	1, 3, 0xf, 0xff, 0xffff, 0xffffffff, ~0ull,
};

/*
 * After frames were freed, is there a free run in the word @w that may be longer
 * than 2^@largest_free? Runs of several words are not counted here.
 */
static inline bool zb_has_longer_run(u64 w, unsigned int largest_free)
{
	if (largest_free >= ZB_WORD_ORDER)
		return largest_free > ZB_MAX_ORDER || !~w;
	return zb_aligned_runs(w, largest_free + 1);
}

/* The same after a single frame was freed. */
static inline bool zb_frame_has_longer_run(u64 w, unsigned int frame, unsigned int largest_free)
{
	u64 run;

	if (largest_free >= ZB_WORD_ORDER)
		return largest_free > ZB_MAX_ORDER || !~w;
	/* Mostly, not even the buddy of the frame is free. */
	if (likely(!(w >> ((frame ^ 1) % 64) & 1)))
		return false;
	run = *(zb_run_bits + largest_free + 1) << (frame & 63 & (~1u << largest_free));
	return !(run & ~w);
}

/* Count the runs of a pageblock if frames were freed in it since the last refresh. */
static inline void __zb_refresh(struct zb_zone *zone, struct zb_pageblock *pb)
{
	if (zb_pageblock_is_stale(zone, pb))
		__zb_recount(zone, pb);
}

#endif /* ZB_CORE_STALE_H */

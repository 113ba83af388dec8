/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges: where in a zone any number of contiguous frames can be had.
 *
 * A range may start at any aligned frame and may be larger than the largest block. It is
 * found by walking over the zone in chunks:
 *
 *	chunks	| free  | A     | free      | X | free      | B | free            |
 *	        |<------- range, cost 1 ------->|
 *	                                        |<----- range, cost 1 ---->|
 *
 *	free		in the buddy lists
 *	evictable	an allocation that can be moved, or whose memory can be taken back; its
 *			whole size is the cost, even if only a part is in the range
 *	blocked		everything else, all of a pageblock whose type the request may not use,
 *			and an allocation in such a pageblock. No range that contains it is
 *			considered
 *
 * The cheapest range is chosen. If several ranges are free, this is the one in the smallest
 * run of free frames, so that larger runs are kept. Only ranges need be considered that
 * start at the first aligned frame after an evictable or blocked chunk: if there is only free
 * memory between an aligned frame and the range, an earlier range costs no more.
 *
 * Only the environment knows which allocations are evictable. It marks them in a survey, even
 * in pageblocks that can't be used at the moment, because their type may change. Without a
 * survey, only free ranges are found.
 */
#ifndef ZB_CORE_RANGE_H
#define ZB_CORE_RANGE_H

#include "zone.h"

/**
 * struct zb_range - the frames that are wanted
 * @nr_pages: number of frames, not 0
 * @align_order: the first frame is a multiple of 2^@align_order
 * @first_pfn: the frames are not below this one
 * @end_pfn: the frames are below this one; ZB_NO_PFN for no limit
 */
struct zb_range {
	unsigned long nr_pages;
	unsigned int align_order;
	unsigned long first_pfn;
	unsigned long end_pfn;
};

/**
 * struct zb_range_survey - which allocations of a zone are evictable
 * @evictable: one bit per frame, set for the frames of evictable allocations
 * @starts: one bit per frame, set for the first frame of each of them; without a bit in
 *	@evictable, the block that starts here is blocked while it is on a per-CPU list
 * @nr_discardable: frames whose memory can be taken back, at most
 * @nr_failed: number of allocations that turned out not to be evictable
 * @nr_no_room: those of them that could not be moved because no free block is large enough
 * @expired: the request has taken so long that no other range should be tried
 */
struct zb_range_survey {
	u64 *evictable;
	u64 *starts;
	unsigned long nr_discardable;
	unsigned long nr_failed;
	unsigned long nr_no_room;
	bool expired;
};

/**
 * struct zb_range_search - what to search for
 * @zone: the zone
 * @range: the frames that are wanted
 * @survey: evictable allocations, or NULL to find free ranges only
 * @cma: CMA pageblocks may be used
 * @highatomic: so may HighAtomic pageblocks
 */
struct zb_range_search {
	const struct zb_zone *zone;
	const struct zb_range *range;
	const struct zb_range_survey *survey;
	bool cma;
	bool highatomic;
};

/**
 * struct zb_range_place - a range that was found
 * @pfn: its first frame, or ZB_NO_PFN
 * @cost: size of the evictable allocations in it
 * @fit: if @cost is 0, the size of the run of free frames that contains it, else 0
 */
struct zb_range_place {
	unsigned long pfn;
	unsigned long cost;
	unsigned long fit;
};

size_t zb_range_survey_size(const struct zb_zone *zone);
void zb_range_survey_init(struct zb_range_survey *survey, const struct zb_zone *zone,
			  u64 *bits);
void zb_range_mark(struct zb_range_survey *survey, const struct zb_zone *zone,
		   unsigned long pfn, unsigned long nr_pages);
void zb_range_unmark(struct zb_range_survey *survey, const struct zb_zone *zone,
		     unsigned long pfn, unsigned long nr_pages);
void zb_range_give_up(struct zb_range_survey *survey, const struct zb_zone *zone,
		      unsigned long pfn, unsigned long nr_pages);
unsigned long zb_range_used(const struct zb_zone *zone, unsigned long pfn,
			    unsigned long nr_pages);
bool zb_range_fits(const struct zb_zone *zone, const struct zb_range *range);
bool zb_range_find(const struct zb_range_search *search, struct zb_range_place *best);

#endif /* ZB_CORE_RANGE_H */

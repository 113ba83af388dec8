/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mobility: fallbacks for a migrate type whose free lists are empty.
 *
 *	type          fallbacks
 *	Unmovable     Reclaimable, Movable
 *	Movable       (CMA,) Reclaimable, Unmovable
 *	Reclaimable   Unmovable, Movable
 *
 * The first pass tries to claim a pageblock, that is, to change its type. It
 * takes the smallest block of wholly free pageblocks. If there is none, it tries
 * pageblocks with the largest free block first, because they can serve many more
 * requests, and claims one if at least half of its frames are free or allocated
 * with a compatible mobility.
 *
 * The second pass steals the smallest sufficient block from a pageblock that
 * keeps its type.
 *
 * With NOFRAGMENT only wholly free pageblocks are claimed and nothing is stolen,
 * because using another zone is better than mixing mobilities in a pageblock.
 *
 * The fallbacks above never use the following types:
 *
 *	HighAtomic   reserved for atomic requests of order > 0; at most 1 % of a
 *	             zone. A pageblock is added when such a request was served
 *	             from it, and removed when it is wholly free or when memory
 *	             is short
 *	CMA          for movable requests only, so that it can be emptied. They
 *	             use it first while more than half of the free frames are CMA
 *	Isolate      not used for any request, see isolate.h
 */
#ifndef ZB_CORE_MOBILITY_H
#define ZB_CORE_MOBILITY_H

#include "buddy.h"

struct zb_pageblock *__zb_find_refreshed(struct zb_zone *zone,
					 unsigned int order, unsigned int mt,
					 unsigned int alloc_flags, unsigned long *flags);
unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, unsigned int alloc_flags,
			   enum zb_block_state state, unsigned long *flags);
bool zb_zone_reserve_highatomic(struct zb_zone *zone, unsigned long pfn);
bool zb_zone_unreserve_highatomic(struct zb_zone *zone, unsigned int mt,
				  bool force);
void zb_zone_unreserve_range(struct zb_zone *zone, unsigned int mt, unsigned long pfn,
			     unsigned long nr_pages);
void zb_zone_unreserve_idle(struct zb_zone *zone);
unsigned int zb_fallback_type(unsigned int mt, unsigned int i);
void __zb_prefer_zeroed(struct zb_zone *zone, unsigned int order, unsigned int mt);

#endif /* ZB_CORE_MOBILITY_H */

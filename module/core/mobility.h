/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mobility: what to do when the lists of the wanted migrate type are empty.
 *
 *	wanted        looks next at
 *	Unmovable     Reclaimable, Movable
 *	Movable       (CMA,) Reclaimable, Unmovable
 *	Reclaimable   Unmovable, Movable
 *
 * Two passes. The first tries to claim a pageblock: it looks at the largest
 * free blocks first, because a pageblock with much room will serve many more
 * requests of this kind, and turns the pageblock over when it is wholly free,
 * or when at least half of it is free or already of a compatible mobility. The
 * second only borrows: the smallest block that fits, from a pageblock that
 * keeps its type. With NOFRAGMENT only wholly free pageblocks are claimed:
 * better another zone than a mixed pageblock.
 *
 * Three types are for special use, and never fallen back to by the rules above:
 *
 *	HighAtomic   pageblocks kept for requests of more than one frame that
 *	             can't wait; at most 1 % of a zone, grown when such a request
 *	             was served, given back when wholly free or memory is short
 *	CMA          for movable memory only, so that it can be emptied; used
 *	             first once more than half of what is free is of this type
 *	Isolate      for nobody, see isolate.h
 */
#ifndef ZB_CORE_MOBILITY_H
#define ZB_CORE_MOBILITY_H

#include "zone.h"

unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, unsigned int alloc_flags,
			   enum zb_block_state hold);
unsigned int __zb_rmqueue_words(struct zb_zone *zone, unsigned int mt,
				unsigned int alloc_flags, unsigned int nr,
				struct zb_bulk *words);
unsigned long __zb_rmqueue_highatomic(struct zb_zone *zone, unsigned int order,
				      enum zb_block_state hold);
bool zb_zone_reserve_highatomic(struct zb_zone *zone, unsigned long pfn);
bool zb_zone_unreserve_highatomic(struct zb_zone *zone, unsigned int mt,
				  bool force);
void zb_zone_unreserve_idle(struct zb_zone *zone);
unsigned int zb_fallback_type(unsigned int mt, unsigned int i);

#endif /* ZB_CORE_MOBILITY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mobility: what to do when the lists of the wanted migrate type are empty.
 *
 *	wanted        looks next at
 *	Unmovable     Reclaimable, Movable
 *	Movable       Reclaimable, Unmovable
 *	Reclaimable   Unmovable, Movable
 *
 * Two passes. The first tries to claim a pageblock: it looks at the largest
 * free blocks first, because a pageblock with much room will serve many more
 * requests of this kind, and turns the pageblock over when it is wholly free,
 * or when at least half of it is free or already of a compatible mobility. The
 * second only borrows: the smallest block that fits, from a pageblock that
 * keeps its type.
 */
#ifndef ZB_CORE_MOBILITY_H
#define ZB_CORE_MOBILITY_H

#include "zone.h"

unsigned long __zb_rmqueue(struct zb_zone *zone, unsigned int order,
			   unsigned int mt, enum zb_hold hold);

#endif /* ZB_CORE_MOBILITY_H */

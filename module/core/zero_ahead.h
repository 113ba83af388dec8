/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clearing free frames in advance, while the machine has nothing better to do.
 *
 * The largest free blocks are cleared first, each from its start, because that is where a
 * request takes its frames from. A sweep goes through the orders from the largest one
 * down, and through all pageblocks that are in blocks of this order or of a larger one.
 *
 * A frame is cleared under the zone lock and stays free in the buddy system all the time.
 * Therefore nobody can get a frame that is cleared in part, no block is ever missing
 * because it is being cleared, and the lock is held for the time that it takes to clear
 * one frame.
 */
#ifndef ZB_CORE_ZERO_AHEAD_H
#define ZB_CORE_ZERO_AHEAD_H

#include "buddy.h"
#include "zeroed.h"

/**
 * struct zb_zero_sweep - position of a sweep through the free blocks of a zone
 * @order: pageblocks in free blocks of this order and larger ones are cleared
 * @index: the pageblock
 * @frame: frames before this one are not looked at again, counted from its start
 * @done: there is nothing left to clear, or enough is known to be zero
 */
struct zb_zero_sweep {
	unsigned int order;
	unsigned long index;
	unsigned int frame;
	bool done;
};

void zb_zero_sweep_begin(struct zb_zero_sweep *s, const struct zb_zone *zone);
unsigned int zb_zone_zero_ahead(struct zb_zone *zone, struct zb_zero_sweep *s,
				unsigned int most);
void __zb_prefer_zeroed(struct zb_zone *zone, unsigned int order, unsigned int mt);

#endif /* ZB_CORE_ZERO_AHEAD_H */

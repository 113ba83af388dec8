/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clearing free frames in advance, while the machine has nothing better to do.
 *
 * A sweep starts with the frames that were freed last, the newest first, because a program
 * that uses the same amount of memory again and again gets them again: a request takes the
 * block that fits best. If enough frames are known to be zero already, others are forgotten in
 * favour of these, a pageblock at a time, preferably of the largest blocks.
 *
 * Then the largest free blocks are cleared, each from its start, because that is where a
 * request takes its frames from. The sweep goes through the orders from the largest one
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
 * @freed: number of frees in zb_zeroed.freed that have been dealt with
 * @order: pageblocks in free blocks of this order and larger ones are cleared
 * @index: the pageblock; of a free, counted from its first pageblock
 * @frame: frames before this one are not looked at again, counted from its start
 * @in_use: frames of the latest free that are in use again, roughly
 * @searched: pageblocks that were searched for one to forget, without finding any
 * @done: there is nothing left to clear, or enough is known to be zero
 */
struct zb_zero_sweep {
	unsigned int freed;
	unsigned int order;
	unsigned long index;
	unsigned int frame;
	unsigned long in_use;
	unsigned long searched;
	bool done;
};

void zb_zero_sweep_begin(struct zb_zero_sweep *s, const struct zb_zone *zone);
unsigned int zb_zone_zero_ahead(struct zb_zone *zone, struct zb_zero_sweep *s,
				unsigned int most);

#endif /* ZB_CORE_ZERO_AHEAD_H */

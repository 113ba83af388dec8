/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unfit frames: free frames that must not be allocated.
 *
 * The core never accesses the memory that it manages. Its environment knows if the
 * memory of a frame has failed, or if a frame is still in use although it was freed.
 * A callback (struct zb_frame_ops) checks up to 64 frames at once, whenever blocks
 * move between the zone and a per-CPU list, and in the freelist path at allocation
 * and free.
 *
 *	+---+---+---+---+---+---+---+---+
 *	|           block, order 3      |	frame 5 is unfit
 *	+---+---+---+---+---+---+---+---+
 *	|    order 2    | 0 |///| 1     |	the rest is freed to the zone
 *	+---+---+---+---+---+---+---+---+
 *
 * Checking all frames of a large block takes many times longer than allocating it.
 * All frames of blocks of 64 frames or more are therefore checked only where the cost
 * hardly matters, because the whole block is cleared anyway: for requests with ZERO,
 * for buffers of user space (zb_alloc_policy.every_frame), and in zb_pool_free_exact().
 * Otherwise only the first frame is checked, when the block is allocated and when it
 * leaves a per-CPU list.
 *
 * An unfit frame has the state ZB_STATE_UNFIT, which is neither free nor allocated. It
 * stays out of use until zb_zone_recheck() finds that it is fit again, for example
 * because the last extra reference to its page was dropped.
 */
#ifndef ZB_CORE_UNFIT_H
#define ZB_CORE_UNFIT_H

#include "bulk.h"

typedef void (*zb_poison_fn)(struct zb_pool *pool, unsigned long pfn,
			     unsigned int order);

bool zb_block_fit(const struct zb_zone *zone, unsigned long pfn,
		  unsigned int order);
void zb_cut_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		  zb_poison_fn poison);
void zb_free_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		   zb_poison_fn poison);
void zb_bulk_drop_unfit(struct zb_zone *zone, struct zb_bulk *words);
unsigned long zb_zone_recheck(struct zb_zone *zone, zb_poison_fn poison);

/**
 * zb_block_seems_fit() - check a block for unfit frames at low cost
 * @zone: zone of the block
 * @pfn: first frame; the block is free, on no list, and owned by the caller
 * @order: order of the block
 *
 * Checks only the first frame of a block of 64 frames or more, because checking all
 * of them costs many times as much as allocating the block.
 *
 * Context: any but NMI.
 * Return: false if an unfit frame was found.
 */
static inline bool zb_block_seems_fit(const struct zb_zone *zone,
				      unsigned long pfn, unsigned int order)
{
	if (order < ZB_WORD_ORDER)
		return zb_block_fit(zone, pfn, order);
	return !zone->frame_ops || !zone->frame_ops->unfit(zone, pfn, 1);
}

#endif /* ZB_CORE_UNFIT_H */

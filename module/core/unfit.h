/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unfit frames: free frames that nobody may be given.
 *
 * The allocator never looks at the memory that it manages, but its surroundings
 * know more about a frame: that its memory has failed, or that somebody still uses
 * it although it was freed. They are asked, for up to 64 frames at once, where a
 * block goes from a per-CPU list to the zone, from the zone to a list, and on the
 * freelist path, both ways (struct zb_frame_ops).
 *
 *	+---+---+---+---+---+---+---+---+
 *	|           block, order 3      |	frame 5 is unfit
 *	+---+---+---+---+---+---+---+---+
 *	|    order 2    | 0 |///| 1     |	the others go back to the zone
 *	+---+---+---+---+---+---+---+---+
 *
 * Looking at all frames of a large block takes many times longer than allocating
 * it. So of blocks of 64 frames and more all frames are looked at only where that
 * makes little difference, because all of the memory is cleared: for requests with
 * ZERO and for buffers of user space (zb_policy.every_frame), and by
 * zb_pool_free_exact(). Otherwise only the first frame is, when the block is
 * allocated and when it leaves a per-CPU list.
 *
 * An unfit frame has a state of its own. It is neither free nor held, and stays so
 * until zb_zone_recheck() finds that it is fit again, as it is when somebody drops
 * a reference.
 */
#ifndef ZB_CORE_UNFIT_H
#define ZB_CORE_UNFIT_H

#include "buddy.h"

typedef void (*zb_freed_fn)(struct zb_pool *pool, unsigned long pfn,
			    unsigned int order);

bool zb_block_fit(const struct zb_zone *zone, unsigned long pfn,
		  unsigned int order);
void zb_cut_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		  zb_freed_fn freed);
void zb_free_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		   zb_freed_fn freed);
void zb_words_drop_unfit(struct zb_zone *zone, struct zb_bulk *words);
unsigned long zb_zone_recheck(struct zb_zone *zone, zb_freed_fn freed);

/**
 * zb_block_seems_fit() - the same with little effort
 * @zone: see zb_block_fit()
 * @pfn: see zb_block_fit()
 * @order: see zb_block_fit()
 *
 * Of a block that is larger than half a word only the first frame is looked at,
 * because all of them would cost many times as much as allocating the block.
 *
 * Context: any but NMI.
 * Return: false if a frame was found to be unfit.
 */
static inline bool zb_block_seems_fit(const struct zb_zone *zone,
				      unsigned long pfn, unsigned int order)
{
	if (order < ZB_WORD_ORDER)
		return zb_block_fit(zone, pfn, order);
	return !zone->frame_ops || !zone->frame_ops->unfit(zone, pfn, 1);
}

#endif /* ZB_CORE_UNFIT_H */

// SPDX-License-Identifier: GPL-2.0-only
#include "unfit.h"

/**
 * zb_block_fit() - check that no frame of a block is unfit
 * @zone: zone of the block
 * @pfn: first frame; the block is free, on no list, and owned by the caller
 * @order: order of the block
 *
 * Context: any but NMI. The caller should not hold the zone lock, because every frame
 * is checked.
 * Return: true if all frames may be allocated.
 */
bool zb_block_fit(const struct zb_zone *zone, unsigned long pfn,
		  unsigned int order)
{
	unsigned long end = pfn + BIT(order);
	u64 frames = ~0ull;

	if (!zone->frame_ops)
		return true;
	if (order < ZB_WORD_ORDER)
		frames >>= 64 - (1u << order);
	for (; pfn < end; pfn += 64)
		if (zone->frame_ops->unfit(zone, pfn, frames))
			return false;
	return true;
}

static void take_out_of_use(struct zb_zone *zone, unsigned long pfn)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	zb_zone_set_state(zone, pfn, ZB_STATE_UNFIT);
	if (!zone->nr_unfit || pfn < zone->first_unfit)
		WRITE_ONCE(zone->first_unfit, pfn);
	if (!zone->nr_unfit || pfn > zone->last_unfit)
		WRITE_ONCE(zone->last_unfit, pfn);
	WRITE_ONCE(zone->nr_unfit, zone->nr_unfit + 1);
	WRITE_ONCE(zone->nr_bad, zone->nr_bad + 1);
	__zb_count_event(zone, ZB_UNFIT, 1);
	zb_unlock_irqrestore(&zone->lock, flags);
	zone->frame_ops->kept_out(zone, pfn);
}

static void free_to_zone(struct zb_zone *zone, unsigned long pfn,
			 unsigned int order, zb_poison_fn poison)
{
	unsigned long flags;

	if (poison)
		poison(zone->pool, pfn, order);
	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void halve_block(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	u8 half = ZB_STATE(ZB_BLOCK_PCP, order - 1);
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	zb_zone_set_state(zone, pfn + BIT(order - 1), half);
	zb_zone_set_state(zone, pfn, half);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_cut_unfit() - take the unfit frames of a block out of use
 * @zone: zone of the block
 * @pfn: first frame of the block, which is in the state ZB_BLOCK_PCP and on no list
 * @order: order of the block
 * @poison: called for each block before it is freed to the zone, or NULL
 *
 * Blocks with unfit frames are halved until each unfit frame is a block of its own.
 * All other frames are freed to the zone.
 *
 * Context: any but NMI; takes the zone lock many times.
 */
void zb_cut_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		  zb_poison_fn poison)
{
	unsigned long end = pfn + BIT(order);

	/* The next block starts at @pfn. Its state byte has the order after halving. */
	while (pfn < end) {
		order = ZB_STATE_ORDER(zb_zone_state(zone, pfn));
		if (zb_block_fit(zone, pfn, order)) {
			free_to_zone(zone, pfn, order, poison);
		} else if (!order) {
			take_out_of_use(zone, pfn);
		} else {
			halve_block(zone, pfn, order);
			continue;
		}
		pfn += BIT(order);
	}
}

/**
 * zb_free_unfit() - free a block with unfit frames that was counted as allocated
 * @zone: zone of the block
 * @pfn: first frame of the block, which is in the state ZB_BLOCK_PCP and on no list
 * @order: order of the block
 * @poison: called for each block before it is freed to the zone, or NULL
 *
 * Counts the block as freed, and otherwise does the same as zb_cut_unfit().
 *
 * Context: any but NMI; takes the zone lock many times.
 */
void zb_free_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		   zb_poison_fn poison)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, ZB_PGFREE, BIT(order));
	zb_unlock_irqrestore(&zone->lock, flags);
	zb_cut_unfit(zone, pfn, order, poison);
}

/* Returns the bits of all blocks of @order that include at least one of @frames. */
static u64 blocks_around(u64 frames, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < order; i++)
		frames |= frames >> (1u << i);
	return zb_block_bits(zb_block_starts(frames, order), order);
}

static bool all_fit(const struct zb_zone *zone, const struct zb_bulk *words)
{
	const u32 *word = words->word, *end = word + words->nr;
	const u64 *bits = words->bits;

	if (!zone->frame_ops)
		return true;
	for (; word < end; word++, bits++)
		if (unlikely(zone->frame_ops->unfit(zone, zone->start_pfn + 64ul * *word,
						    *bits)))
			return false;
	return true;
}

/**
 * zb_bulk_drop_unfit() - take the unfit frames of several blocks out of use
 * @zone: zone of the blocks
 * @words: free blocks, on no list, and owned by the caller. Blocks with an unfit frame
 *	are removed, and so are words that have no other blocks
 *
 * Context: any but NMI; takes the zone lock if there are unfit frames.
 */
void zb_bulk_drop_unfit(struct zb_zone *zone, struct zb_bulk *words)
{
	unsigned int i, nr = 0;
	unsigned long first;
	u64 unfit, starts;

	if (likely(all_fit(zone, words)))
		return;
	for (i = 0; i < words->nr; i++) {
		first = zone->start_pfn + 64ul * words->word[i];
		unfit = zone->frame_ops->unfit(zone, first, words->bits[i]);
		if (unlikely(unfit)) {
			unfit = blocks_around(unfit, words->order);
			starts = zb_block_starts(unfit, words->order);
			for (; starts; starts &= starts - 1)
				zb_cut_unfit(zone, first + __ffs64(starts),
					     words->order, NULL);
		}
		words->word[nr] = words->word[i];
		words->bits[nr] = words->bits[i] & ~unfit;
		nr += !!words->bits[nr];
	}
	words->nr = nr;
}

/*
 * Changes the state of an unfit frame to ZB_BLOCK_PCP, on no list. Returns false if
 * another caller has done so before.
 */
static bool readmit_frame(struct zb_zone *zone, unsigned long pfn)
{
	unsigned long flags;
	bool unfit;

	zb_lock_irqsave(&zone->lock, flags);
	unfit = zb_zone_state(zone, pfn) == ZB_STATE_UNFIT;
	if (unfit) {
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, 0));
		WRITE_ONCE(zone->nr_unfit, zone->nr_unfit - 1);
		WRITE_ONCE(zone->nr_bad, zone->nr_bad - 1);
		__zb_count_event(zone, ZB_UNFIT_RETURNED, 1);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return unfit;
}

/**
 * zb_zone_recheck() - return frames to use that have become fit again
 * @zone: the zone
 * @poison: called for each of them before it is freed to the zone, or NULL
 *
 * Reads the state of every frame between the first and the last unfit one.
 *
 * Context: any but NMI; takes the zone lock if there are such frames.
 * Return: number of frames returned to use.
 */
unsigned long zb_zone_recheck(struct zb_zone *zone, zb_poison_fn poison)
{
	unsigned long pfn, last, nr = 0;

	if (!READ_ONCE(zone->nr_unfit))
		return 0;
	last = READ_ONCE(zone->last_unfit);
	for (pfn = READ_ONCE(zone->first_unfit); pfn <= last; pfn++) {
		if (zb_zone_state(zone, pfn) != ZB_STATE_UNFIT ||
		    !zb_block_fit(zone, pfn, 0) || !readmit_frame(zone, pfn))
			continue;
		free_to_zone(zone, pfn, 0, poison);
		nr++;
	}
	return nr;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unfit.h"

static u64 unfit_frames(const struct zb_zone *zone, unsigned long pfn,
			u64 frames)
{
	return zone->frame_ops ? zone->frame_ops->unfit(zone, pfn, frames) : 0;
}

/**
 * zb_block_fit() - may all frames of a block be given to somebody?
 * @zone: its zone
 * @pfn: its first frame; the block is free, and the caller's alone
 * @order: its order
 *
 * Context: any but NMI; without the zone lock, because this looks at every frame.
 * Return: false if at least one of them is unfit.
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
		if (unfit_frames(zone, pfn, frames))
			return false;
	return true;
}

static void keep_out(struct zb_zone *zone, unsigned long pfn)
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

static void give_back(struct zb_zone *zone, unsigned long pfn,
		      unsigned int order, zb_freed_fn freed)
{
	unsigned long flags;

	if (freed)
		freed(zone->pool, pfn, order);
	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Make two blocks of one. */
static void halve(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	u8 half = ZB_STATE(ZB_BLOCK_PCP, order - 1);
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	zb_zone_set_state(zone, pfn + BIT(order - 1), half);
	zb_zone_set_state(zone, pfn, half);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_cut_unfit() - keep the unfit frames of a block out of use
 * @zone: its zone
 * @pfn: its first frame; its state is ZB_BLOCK_PCP, and it is on no list
 * @order: its order
 * @freed: told of each block that goes back to the zone, before it does; or NULL
 *
 * The block is halved until what is unfit is a single frame. All else goes back to
 * the zone. What became fit meanwhile goes back as well.
 *
 * Context: any but NMI; takes the zone lock many times.
 */
void zb_cut_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		  zb_freed_fn freed)
{
	unsigned long end = pfn + BIT(order);

	/* The state bytes tell what is left: each block starts with its order. */
	while (pfn < end) {
		order = ZB_STATE_ORDER(zb_zone_state(zone, pfn));
		if (zb_block_fit(zone, pfn, order)) {
			give_back(zone, pfn, order, freed);
		} else if (!order) {
			keep_out(zone, pfn);
		} else {
			halve(zone, pfn, order);
			continue;
		}
		pfn += BIT(order);
	}
}

/**
 * zb_free_unfit() - the same for a block that counts as allocated
 * @zone: its zone
 * @pfn: see zb_cut_unfit()
 * @order: see zb_cut_unfit()
 * @freed: see zb_cut_unfit()
 *
 * Context: any but NMI; takes the zone lock many times.
 */
void zb_free_unfit(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		   zb_freed_fn freed)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, ZB_PGFREE, BIT(order));
	zb_unlock_irqrestore(&zone->lock, flags);
	zb_cut_unfit(zone, pfn, order, freed);
}

/* The bits of all blocks of @order that have one of @frames in them. */
static u64 blocks_around(u64 frames, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < order; i++)
		frames |= frames >> (1u << i);
	return zb_block_bits(zb_block_starts(frames, order), order);
}

/**
 * zb_words_drop_unfit() - keep unfit frames of several blocks out of use
 * @zone: their zone
 * @words: free blocks, the caller's alone; those with an unfit frame are taken out
 *	of it, and no word is left without a block
 *
 * Context: any but NMI; takes the zone lock if there are any.
 */
void zb_words_drop_unfit(struct zb_zone *zone, struct zb_bulk *words)
{
	unsigned int i, nr = 0;
	unsigned long first;
	u64 unfit, starts;

	for (i = 0; i < words->nr; i++) {
		first = zone->start_pfn + 64ul * words->word[i];
		unfit = unfit_frames(zone, first, words->bits[i]);
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

/* True for one caller: the frame has become an ordinary free one, on no list. */
static bool readmit(struct zb_zone *zone, unsigned long pfn)
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
 * zb_zone_recheck() - put frames back into use that are not unfit any more
 * @zone: which zone
 * @freed: told of each of them, before it goes back to the zone; or NULL
 *
 * Looks at the state of every frame between the first unfit one and the last.
 *
 * Context: any but NMI; takes the zone lock if there are any.
 * Return: how many.
 */
unsigned long zb_zone_recheck(struct zb_zone *zone, zb_freed_fn freed)
{
	unsigned long pfn, last, nr = 0;

	if (!READ_ONCE(zone->nr_unfit))
		return 0;
	last = READ_ONCE(zone->last_unfit);
	for (pfn = READ_ONCE(zone->first_unfit); pfn <= last; pfn++) {
		if (zb_zone_state(zone, pfn) != ZB_STATE_UNFIT ||
		    !zb_block_fit(zone, pfn, 0) || !readmit(zone, pfn))
			continue;
		give_back(zone, pfn, 0, freed);
		nr++;
	}
	return nr;
}

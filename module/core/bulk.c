// SPDX-License-Identifier: GPL-2.0-only
#include "bulk.h"

/* The bits of a block of @order at the start of a word. */
static u64 block_bits(unsigned int order)
{
	return ~0ull >> (64 - (1u << order));
}

/**
 * zb_bulk_add() - fill a zb_bulk with blocks
 * @words: overwritten, except for @order, which is the order of the blocks
 * @frames: first frame of each block, as an offset in the zone
 * @nr: number of blocks
 *
 * Return: number of blocks added; less than @nr if @words is full.
 */
unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr)
{
	u64 block = block_bits(words->order), *bits = NULL;
	const u32 *frame, *end = frames + nr;
	u32 word = 0;

	words->nr = 0;
	for (frame = frames; frame < end; frame++) {
		if (*frame / 64 != word || !bits) {
			if (words->nr == ZB_WORDS_MAX)
				break;
			word = *frame / 64;
			words->word[words->nr] = word;
			bits = &words->bits[words->nr++];
			*bits = 0;
		}
		*bits |= block << *frame % 64;
	}
	return frame - frames;
}

/**
 * zb_bulk_pop() - remove the first block
 * @words: must have a block in its first word
 *
 * Return: first frame of the block, as an offset in the zone.
 */
u32 zb_bulk_pop(struct zb_bulk *words)
{
	unsigned int bit = __ffs64(words->bits[0]);

	words->bits[0] &= ~(block_bits(words->order) << bit);
	return 64 * words->word[0] + bit;
}

static void trace_words(const struct zb_zone *zone,
			const struct zb_bulk *words, unsigned int mt,
			bool refill)
{
	unsigned long pfn;
	unsigned int i;
	u64 starts;

	for (i = 0; i < words->nr; i++) {
		starts = zb_block_starts(words->bits[i], words->order);
		for (; starts; starts &= starts - 1) {
			pfn = zone->start_pfn + 64ul * words->word[i] +
			      __ffs64(starts);
			if (refill)
				zb_trace_zone_locked(pfn, words->order, mt, true);
			else
				zb_trace_pcpu_drain(pfn, words->order, mt);
		}
	}
}

static unsigned int nr_blocks(const struct zb_bulk *words)
{
	unsigned int i, nr = 0;

	for (i = 0; i < words->nr; i++)
		nr += hweight64(words->bits[i]);
	return nr >> words->order;
}

/**
 * zb_free_pcppages_bulk() - free several blocks to the zone
 * @zone: their zone
 * @words: the blocks; may be empty
 * @mt: migrate type of the list that they were on, for the trace event
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt)
{
	unsigned int nr = nr_blocks(words);
	unsigned long flags;

	if (!nr)
		return;
	zb_lock_irqsave(&zone->lock, flags);
	if (zb_trace_pcpu_drain_enabled())
		trace_words(zone, words, mt, false);
	__zb_free_words(zone, words);
	__zb_count_event(zone, ZB_PCP_DRAIN, nr);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Near the low watermark, refill less, so that one CPU does not hoard the last
 * free frames; while the zone is low, take only the block of the request. Only
 * frames that the request may use count.
 */
static unsigned int take_limit(const struct zb_zone *zone, unsigned int order,
			       unsigned int alloc_flags)
{
	unsigned long usable = zone->nr_free_pcptypes +
			       (alloc_flags & ZB_ALLOC_CMA ?
				zone->nr_free_type[ZB_MIGRATE_CMA] : 0);
	unsigned long mark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]) +
			     READ_ONCE(zone->lowmem_reserve[ZB_NR_ZONES - 1]);
	unsigned long above = usable > mark ? usable - mark : 0;
	unsigned long most = above >> (order + 2);

	if (zone->below_fast_wmark)
		return 1;
	if (most > READ_ONCE(zone->pcp_limit[order]))
		most = READ_ONCE(zone->pcp_limit[order]);
	return most ? most : 1;
}

/**
 * zb_rmqueue_bulk() - take several blocks from the zone
 * @zone: the zone
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @nr: maximum number of blocks
 * @words: set to the blocks, whose state becomes ZB_BLOCK_PCP; its @order is the
 *	order to take
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words)
{
	unsigned int limit;
	unsigned long flags;

	words->nr = 0;
	zb_lock_irqsave(&zone->lock, flags);
	limit = take_limit(zone, words->order, alloc_flags);
	__zb_rmqueue_words(zone, mt, alloc_flags, nr < limit ? nr : limit, words);
	if (zb_trace_zone_locked_enabled())
		trace_words(zone, words, mt, true);
	__zb_count_event(zone, ZB_PCP_REFILL, 1);
	zb_unlock_irqrestore(&zone->lock, flags);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "choose.h"

static u64 lowest_bits(u64 w, unsigned int nr)
{
	u64 rest = w;

	while (nr--)
		rest &= rest - 1;
	return w & ~rest;
}

/* All aligned runs of 2^(@k+1) frames start where one of 2^@k does. */
static u64 longer_runs(u64 runs, unsigned int k)
{
	return runs & (runs >> (1u << k)) & *(zb_aligned_bits + k + 1);
}

/* All frames of runs of 2^@k, which is less than a word, from their first frames. */
static u64 run_frames(u64 starts, unsigned int k)
{
	return starts * (~0ull >> (64 - (1u << k)));
}

/*
 * The starts of the aligned runs of 2^@k in each word, except for words that are all free: they
 * have no maximal run of less than a word.
 */
static void find_runs(const struct zb_pageblock *pb, unsigned int k,
		      u64 runs[ZB_PAGEBLOCK_WORDS])
{
	const u64 *w, *end = pb->free + ZB_PAGEBLOCK_WORDS;

	for (w = pb->free; w < end; w++)
		*runs++ = *w && ~*w ? zb_aligned_runs(*w, k) : 0;
}

/*
 * Choose up to @nr blocks in the maximal runs of 2^@k, which is less than a word. @runs has the
 * starts of all aligned runs of this length in each word, and afterwards those of the next one.
 * Returns how many blocks are left to choose.
 */
static unsigned int choose_in_runs(u64 runs[ZB_PAGEBLOCK_WORDS], unsigned int k,
				   unsigned int order, unsigned int nr, u64 *taken)
{
	u64 found_runs, bits, longer, *end = runs + ZB_PAGEBLOCK_WORDS;
	unsigned int found;

	for (; runs < end && nr; runs++, taken++) {
		if (!*runs)
			continue;
		longer = longer_runs(*runs, k);
		found_runs = *runs & ~(longer | longer << (1u << k));
		*runs = longer;
		if (!found_runs)
			continue;
		found = hweight64(found_runs) << (k - order);
		bits = run_frames(found_runs, k);
		if (found > nr) {
			bits = lowest_bits(zb_block_starts(bits, order), nr);
			bits = run_frames(bits, order);
			found = nr;
		}
		*taken |= bits;
		nr -= found;
	}
	return nr;
}

/*
 * Count that @nr blocks were chosen in the maximal runs of 2^@k. What is left of the last run
 * are blocks that cannot merge, because the frames before them are taken.
 */
static void count_chosen(struct zb_zone *zone, struct zb_pageblock *pb, unsigned int order,
			 unsigned int k, unsigned int nr)
{
	unsigned int shift = k - order, runs = (nr + (1u << shift) - 1) >> shift;
	unsigned int rest = (runs << shift) - nr;

	__zb_count_runs(zone, pb, k, -(long)runs);
	for (; rest; rest &= rest - 1)
		__zb_count_runs(zone, pb, order + __ffs64(rest), 1);
}

/*
 * Choose up to @nr blocks in runs that are shorter than a word, and count what is left of these
 * runs. Blocks of the smallest runs come first, like in a sequence of best fits. Returns the
 * number of blocks.
 */
static unsigned int choose_in_short_runs(struct zb_zone *zone, struct zb_pageblock *pb,
					 unsigned int order, unsigned int nr,
					 u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int i, k = order, orders = pb->orders & (BIT(ZB_WORD_ORDER) - 1);
	unsigned int left = nr, before;
	u64 runs[ZB_PAGEBLOCK_WORDS];

	if (!(orders >> order))
		return 0;
	k += __ffs64(orders >> order);
	find_runs(pb, k, runs);
	for (; orders >> k && left; k++) {
		if (orders >> k & 1) {
			before = left;
			left = choose_in_runs(runs, k, order, left, taken);
			count_chosen(zone, pb, order, k, before - left);
			continue;
		}
		for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
			*(runs + i) = longer_runs(*(runs + i), k);
	}
	return nr - left;
}

/*
 * Choose up to @nr blocks in words that are all free, in ascending order of address whatever the
 * length of the run. Returns the number of blocks.
 */
static unsigned int choose_in_words(const struct zb_pageblock *pb, unsigned int order,
				    unsigned int nr, u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int i, found, left = nr;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS && left; i++) {
		if (~*(pb->free + i))
			continue;
		found = 64u >> order;
		if (found > left)
			found = left;
		*(taken + i) = ~0ull >> (64 - (found << order));
		left -= found;
	}
	return nr - left;
}

/* Choose all frames of a pageblock. */
static unsigned int choose_all(struct zb_zone *zone, struct zb_pageblock *pb,
			       u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int k, orders;

	memcpy(taken, pb->free, sizeof(pb->free));
	for (orders = pb->orders; orders; orders &= orders - 1) {
		k = __ffs64(orders);
		__zb_count_runs(zone, pb, k, -(long)*(pb->nr + k));
	}
	return pb->nr_free;
}

/**
 * __zb_choose_blocks() - choose the blocks of a pageblock that are to be taken
 * @zone: its zone
 * @pb: the pageblock, which is not stale; its frames are free, but no free block is counted if
 *	it was wholly free
 * @order: order of the blocks, below ZB_WORD_ORDER
 * @nr: maximum number of blocks
 * @taken: set to the frames of the blocks, as bits of each word
 *
 * Blocks of the smallest maximal runs come first, like in a sequence of best fits. The exception
 * are runs of a word and more, from which blocks are taken in ascending order of address.
 *
 * The caller marks the frames used. What is left of the runs is counted already, as free blocks
 * of the pageblock and of the zone; otherwise the pageblock becomes stale.
 *
 * Context: zone lock held.
 * Return: number of blocks.
 */
unsigned int __zb_choose_blocks(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, unsigned int nr,
				u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int found, in_words;

	if (!order && nr >= pb->nr_free)
		return choose_all(zone, pb, taken);
	memset(taken, 0, ZB_PAGEBLOCK_WORDS * sizeof(*taken));
	found = choose_in_short_runs(zone, pb, order, nr, taken);
	in_words = found < nr ? choose_in_words(pb, order, nr - found, taken) : 0;
	if (in_words)
		__zb_mark_stale(zone, pb - zone->pageblocks);
	return found + in_words;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "pageblock.h"

/* The starts of all aligned runs of 2^@k set bits in @w. */
static u64 runs(u64 w, unsigned int k)
{
	unsigned int i;

	for (i = 0; i < k; i++)
		w &= w >> (1u << i);
	return w & zb_aligned_bits[k];
}

/* The starts of those of these runs that are not in an aligned run of 2^(@k+1). */
static u64 maximal_runs(u64 w, unsigned int k)
{
	u64 longer = runs(w, k + 1);

	return runs(w, k) & ~(longer | longer << (1u << k));
}

/* One bit per word of @pb, set when all frames of the word are free. */
static u64 full_words(const struct zb_pageblock *pb)
{
	u64 full = 0;
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
		full |= (u64)(pb->free[i] == ~0ull) << i;
	return full;
}

/* The first frame of a maximal free run of exactly @order, which must exist. */
static unsigned int find_maximal(const struct zb_pageblock *pb,
				 unsigned int order)
{
	unsigned int i;
	u64 found;

	if (order >= ZB_WORD_ORDER)
		return 64 * __ffs64(maximal_runs(full_words(pb),
						 order - ZB_WORD_ORDER));
	for (i = 0; i < ZB_PAGEBLOCK_WORDS - 1; i++) {
		found = maximal_runs(pb->free[i], order);
		if (found)
			return 64 * i + __ffs64(found);
	}
	return 64 * i + __ffs64(maximal_runs(pb->free[i], order));
}

/* Frame bits of a run of @order <= ZB_WORD_ORDER inside its word. */
static u64 run_mask(unsigned int frame, unsigned int order)
{
	return (~0ull >> (64 - (1u << order))) << (frame % 64);
}

/* Are all frames free in the aligned run of 2^(@order + 1) that has @frame? */
static bool has_free_buddy(const struct zb_pageblock *pb, unsigned int frame,
			   unsigned int order)
{
	unsigned int i, nr, first;
	u64 mask;

	if (order + 1 < ZB_WORD_ORDER) {
		mask = run_mask(frame & ~((2u << order) - 1), order + 1);
		return !(~pb->free[frame / 64] & mask);
	}
	nr = 2u << order >> ZB_WORD_ORDER;
	first = frame / 64 & ~(nr - 1);
	for (i = first; i < first + nr; i++)
		if (~pb->free[i])
			return false;
	return true;
}

static void set_run(struct zb_pageblock *pb, unsigned int frame,
		    unsigned int order, bool is_free)
{
	unsigned int i, first = frame / 64;

	if (order >= ZB_WORD_ORDER) {
		for (i = 0; i < 1u << (order - ZB_WORD_ORDER); i++)
			pb->free[first + i] = is_free ? ~0ull : 0;
	} else if (is_free) {
		pb->free[first] |= run_mask(frame, order);
	} else {
		pb->free[first] &= ~run_mask(frame, order);
	}
}

static void count_run(struct zb_pageblock *pb, unsigned int order, int delta)
{
	pb->nr[order] += delta;
	if (pb->nr[order])
		pb->orders |= BIT(order);
	else
		pb->orders &= ~BIT(order);
}

static unsigned int nr_bits(u64 w)
{
	return hweight64(w);
}

/*
 * Add the numbers of maximal runs of @w to @nr if @sign is 1, or subtract them if
 * it is -1. Runs of 2^@levels are not counted, because they belong to larger runs.
 * In iteration k, the bits of @w are the starts of the aligned runs of 2^k.
 */
static void count_runs_of(u64 w, u16 *nr, unsigned int levels, int sign)
{
	unsigned int k;
	u64 longer;

	for (k = 0; w && k < levels; k++) {
		longer = w & (w >> (1u << k)) & zb_aligned_bits[k + 1];
		nr[k] += sign * (int)(nr_bits(w) - 2 * nr_bits(longer));
		w = longer;
	}
}

/* Recount the runs of whole words before a word becomes full or stops being full. */
static void change_full(struct zb_pageblock *pb, unsigned int word)
{
	const unsigned int levels = ZB_PAGEBLOCK_ORDER - ZB_WORD_ORDER;
	u64 full = full_words(pb);

	count_runs_of(full, pb->nr + ZB_WORD_ORDER, levels, -1);
	count_runs_of(full ^ BIT(word), pb->nr + ZB_WORD_ORDER, levels, 1);
}

/* Replace the bits of a word. The caller has to call find_orders() afterwards. */
static void change_word(struct zb_pageblock *pb, unsigned int word, u64 to)
{
	u64 from = pb->free[word];

	if (!~from != !~to)
		change_full(pb, word);
	if (~from)
		count_runs_of(from, pb->nr, ZB_WORD_ORDER, -1);
	if (~to)
		count_runs_of(to, pb->nr, ZB_WORD_ORDER, 1);
	pb->free[word] = to;
	pb->nr_free += nr_bits(to) - nr_bits(from);
}

static void find_orders(struct zb_pageblock *pb)
{
	unsigned int k, orders = 0;

	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		orders |= (unsigned int)!!pb->nr[k] << k;
	pb->orders = orders;
}

static void set_all(struct zb_pageblock *pb, u64 word, unsigned int nr_free)
{
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
		pb->free[i] = word;
	memset(pb->nr, 0, sizeof(pb->nr));
	pb->orders = 0;
	pb->nr_free = nr_free;
}

/**
 * zb_pageblock_fill() - mark every frame free
 * @pb: the pageblock; it must not be on a free list
 *
 * Context: zone lock held.
 */
void zb_pageblock_fill(struct zb_pageblock *pb)
{
	set_all(pb, ~0ull, ZB_PAGEBLOCK_NR);
}

/**
 * zb_pageblock_empty() - mark every frame used
 * @pb: the pageblock; it must not be on a free list
 *
 * Context: zone lock held.
 */
void zb_pageblock_empty(struct zb_pageblock *pb)
{
	set_all(pb, 0, 0);
}

/**
 * zb_pageblock_largest() - order of the largest free run
 * @pb: the pageblock
 *
 * Context: zone lock held.
 * Return: 0 .. ZB_PAGEBLOCK_ORDER, or ZB_LIST_NONE if no frame is free.
 */
unsigned int zb_pageblock_largest(const struct zb_pageblock *pb)
{
	if (pb->orders)
		return fls64(pb->orders) - 1;
	return pb->nr_free ? ZB_PAGEBLOCK_ORDER : ZB_LIST_NONE;
}

/**
 * zb_pageblock_find() - find the best fit in a pageblock
 * @pb: a pageblock with a free run of at least @order
 * @order: order to look for, below ZB_PAGEBLOCK_ORDER
 * @run_order: set to the order of the run that was found
 *
 * The smallest sufficient run is used, to keep larger runs for larger requests.
 *
 * Context: zone lock held.
 * Return: first frame of the run, counted from the start of the pageblock.
 */
unsigned int zb_pageblock_find(const struct zb_pageblock *pb,
			       unsigned int order, unsigned int *run_order)
{
	unsigned int fit = pb->orders >> order;

	if (!fit) {
		*run_order = ZB_PAGEBLOCK_ORDER;
		return 0;
	}
	*run_order = order + __ffs64(fit);
	return find_maximal(pb, *run_order);
}

/**
 * zb_pageblock_take() - split a free run and take its first block
 * @pb: the pageblock
 * @frame: first frame of a maximal free run, from zb_pageblock_find()
 * @order: order of the block to take, below ZB_PAGEBLOCK_ORDER
 * @run_order: order of the run
 *
 * The upper halves of the splits remain free: one run of each order from @order to
 * @run_order - 1.
 *
 * Context: zone lock held.
 */
void zb_pageblock_take(struct zb_pageblock *pb, unsigned int frame,
		       unsigned int order, unsigned int run_order)
{
	unsigned int k;

	set_run(pb, frame, order, false);
	pb->nr_free -= BIT(order);
	if (run_order < ZB_PAGEBLOCK_ORDER)
		count_run(pb, run_order, -1);
	for (k = order; k < run_order; k++)
		count_run(pb, k, 1);
}

/**
 * zb_pageblock_give() - free a block and merge it with its buddies
 * @pb: the pageblock
 * @frame: first frame of the block, aligned to 2^@order; none of its frames is free
 * @order: order of the block, below ZB_PAGEBLOCK_ORDER
 *
 * Context: zone lock held.
 * Return: order of the merged free run; ZB_PAGEBLOCK_ORDER if the pageblock is
 * wholly free now.
 */
unsigned int zb_pageblock_give(struct zb_pageblock *pb, unsigned int frame,
			       unsigned int order)
{
	set_run(pb, frame, order, true);
	pb->nr_free += BIT(order);
	while (order < ZB_PAGEBLOCK_ORDER && has_free_buddy(pb, frame, order)) {
		count_run(pb, order, -1);
		order++;
	}
	if (order < ZB_PAGEBLOCK_ORDER)
		count_run(pb, order, 1);
	return order;
}

static u64 lowest_bits(u64 w, unsigned int nr)
{
	u64 rest = w;

	while (nr--)
		rest &= rest - 1;
	return w & ~rest;
}

/* The blocks of @order in a word's maximal runs of 2^@k, or in a full word. */
static u64 blocks_in_runs(u64 w, unsigned int k, unsigned int order)
{
	if (!~w)
		return k < ZB_WORD_ORDER ? 0 : zb_aligned_bits[order];
	if (!w || k == ZB_WORD_ORDER)
		return 0;
	return zb_block_starts(zb_block_bits(maximal_runs(w, k), k), order);
}

/*
 * Take up to @nr blocks from the maximal runs of 2^@k. Returns how many are left to
 * take.
 */
static unsigned int take_of_runs(const struct zb_pageblock *pb, unsigned int k,
				 unsigned int order, unsigned int nr, u64 *taken)
{
	unsigned int i, found;
	u64 blocks;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS && nr; i++) {
		blocks = blocks_in_runs(pb->free[i], k, order);
		found = nr_bits(blocks);
		if (found > nr) {
			blocks = lowest_bits(blocks, nr);
			found = nr;
		}
		taken[i] |= zb_block_bits(blocks, order);
		nr -= found;
	}
	return nr;
}

/**
 * zb_pageblock_take_blocks() - take several blocks, whole words at a time
 * @pb: the pageblock
 * @order: order of each block, below ZB_WORD_ORDER
 * @nr: maximum number of blocks
 * @taken: set to the bits that were taken from each word
 *
 * Blocks are taken from the smallest maximal runs first, like a sequence of best
 * fits. The exception are runs of a word and more, from which blocks are taken in
 * ascending order of address whatever the length of the run.
 *
 * Context: zone lock held.
 * Return: number of blocks; less than @nr if the pageblock has no more.
 */
unsigned int zb_pageblock_take_blocks(struct zb_pageblock *pb,
				      unsigned int order, unsigned int nr,
				      u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int k, i, left = nr;

	memset(taken, 0, ZB_PAGEBLOCK_WORDS * sizeof(*taken));
	for (k = order; k < ZB_WORD_ORDER && left; k++)
		if (pb->orders & BIT(k))
			left = take_of_runs(pb, k, order, left, taken);
	if (left)
		left = take_of_runs(pb, ZB_WORD_ORDER, order, left, taken);
	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
		if (taken[i])
			change_word(pb, i, pb->free[i] & ~taken[i]);
	find_orders(pb);
	return nr - left;
}

/**
 * zb_pageblock_give_bits() - free frames of a word
 * @pb: the pageblock
 * @word: index of the word
 * @bits: frames to free; none of them is free
 *
 * Context: zone lock held.
 */
void zb_pageblock_give_bits(struct zb_pageblock *pb, unsigned int word,
			    u64 bits)
{
	change_word(pb, word, pb->free[word] | bits);
	find_orders(pb);
}

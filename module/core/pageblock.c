// SPDX-License-Identifier: GPL-2.0-only
#include "pageblock.h"

/* The first frame of a maximal free run of exactly @order, which must exist. */
static unsigned int find_maximal(const struct zb_pageblock *pb,
				 unsigned int order)
{
	unsigned int i;
	u64 found;

	if (order >= ZB_WORD_ORDER)
		return 64 * __ffs64(zb_maximal_runs(zb_full_words(pb),
						 order - ZB_WORD_ORDER));
	for (i = 0; i < ZB_PAGEBLOCK_WORDS - 1; i++) {
		found = zb_maximal_runs(pb->free[i], order);
		if (found)
			return 64 * i + __ffs64(found);
	}
	return 64 * i + __ffs64(zb_maximal_runs(pb->free[i], order));
}

/* Frame bits of a run of @order <= ZB_WORD_ORDER inside its word. */
static u64 run_mask(unsigned int frame, unsigned int order)
{
	return (~0ull >> (64 - (1u << order))) << (frame % 64);
}

/**
 * zb_pageblock_run_is_free() - check whether all frames of an aligned run are free
 * @pb: the pageblock
 * @frame: first frame of the run, counted from the start of the pageblock
 * @order: order of the run, below ZB_PAGEBLOCK_ORDER
 *
 * Context: zone lock held.
 * Return: true if all of them are free.
 */
bool zb_pageblock_run_is_free(const struct zb_pageblock *pb, unsigned int frame,
			      unsigned int order)
{
	unsigned int i, first = frame / 64;

	if (order < ZB_WORD_ORDER)
		return !(~pb->free[first] & run_mask(frame, order));
	for (i = first; i < first + (1u << (order - ZB_WORD_ORDER)); i++)
		if (~pb->free[i])
			return false;
	return true;
}

/**
 * zb_pageblock_set_run() - mark the frames of an aligned run free or used
 * @pb: the pageblock
 * @frame: first frame of the run, counted from the start of the pageblock
 * @order: order of the run, below ZB_PAGEBLOCK_ORDER
 * @is_free: mark them free
 *
 * The maximal runs are not recounted.
 *
 * Context: zone lock held.
 */
void zb_pageblock_set_run(struct zb_pageblock *pb, unsigned int frame,
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
	pb->nr_free += is_free ? BIT(order) : -BIT(order);
}

/**
 * zb_pageblock_set_free() - mark adjacent frames free
 * @pb: the pageblock
 * @frame: first frame, counted from the start of the pageblock
 * @nr: number of frames
 *
 * The maximal runs are not recounted.
 *
 * Context: zone lock held.
 */
void zb_pageblock_set_free(struct zb_pageblock *pb, unsigned int frame, unsigned int nr)
{
	unsigned int in_word;

	pb->nr_free += nr;
	for (; nr; nr -= in_word, frame += in_word) {
		in_word = 64 - frame % 64;
		if (in_word > nr)
			in_word = nr;
		*(pb->free + frame / 64) |= ~0ull >> (64 - in_word) << frame % 64;
	}
}

static void set_all(struct zb_pageblock *pb, u64 word, unsigned int nr_free)
{
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
		pb->free[i] = word;
	if (pb->orders)
		memset(pb->nr, 0, sizeof(pb->nr));
	pb->orders = 0;
	pb->nr_free = nr_free;
}

/*
 * The starts of the aligned runs of 2^(@k+1), from those of 2^@k. They are in the lower
 * half of each group of 2^(@k+1) bits.
 */
static __always_inline u64 pairs(u64 starts, unsigned int k)
{
	static const u64 lower_half[ZB_WORD_ORDER] = {
		0x5555555555555555ull, 0x3333333333333333ull, 0x0f0f0f0f0f0f0f0full,
		0x00ff00ff00ff00ffull, 0x0000ffff0000ffffull, 0x00000000ffffffffull,
	};

	return starts & (starts >> (1u << k)) & lower_half[k];
}

/* The same for two words, of which the second one is moved to the upper halves. */
static __always_inline u64 pack(u64 a, u64 b, unsigned int k)
{
	return pairs(a, k) | pairs(b, k) << (1u << k);
}

/**
 * zb_pageblock_count_runs() - count the maximal free runs
 * @pb: a pageblock that is not wholly free
 * @nr: set to the number of runs by order
 *
 * The starts of aligned runs of 2^(k+1) are found from those of 2^k. They need half as many
 * bits, so the starts of two words are packed in one:
 *
 *	order 0		abcdefgh  ABCDEFGH	free[0], free[1]
 *	order 1		a c e g   A C E G
 *	packed		aAcCeEgG		for order 2, pairs are two bits apart
 *
 * From order 3 on, one word has the starts of all words, and for order 6, its lowest byte
 * has a bit for each word that is all free. A run of 2^(k+1) is counted as two runs of
 * 2^k first, which are not maximal and are subtracted.
 *
 * Context: zone lock held.
 */
void zb_pageblock_count_runs(const struct zb_pageblock *pb,
			     u16 nr[ZB_PAGEBLOCK_ORDER])
{
	const u64 *w = pb->free;
	u64 a = pack(w[0], w[1], 0), b = pack(w[2], w[3], 0);
	u64 c = pack(w[4], w[5], 0), d = pack(w[6], w[7], 0);
	u64 all;
	unsigned int k;

	nr[0] = pb->nr_free;
	nr[1] = hweight64(a) + hweight64(b) + hweight64(c) + hweight64(d);
	a = pack(a, b, 1);
	c = pack(c, d, 1);
	nr[2] = hweight64(a) + hweight64(c);
	all = pack(a, c, 2);
	nr[3] = hweight64(all);
	all = pairs(all, 3);
	nr[4] = hweight64(all);
	all = pairs(all, 4);
	nr[5] = hweight64(all);
	all = pairs(all, 5);
	nr[6] = hweight64(all);
	all = pairs(all, 0);
	nr[7] = hweight64(all);
	nr[8] = hweight64(pairs(all, 1));
	for (k = 0; k < ZB_PAGEBLOCK_ORDER - 1; k++)
		nr[k] -= 2 * nr[k + 1];
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
 * @pb: the pageblock, which is not stale
 *
 * Context: zone lock held.
 * Return: 0 .. ZB_PAGEBLOCK_ORDER, or ZB_LIST_NONE if no frame is free.
 */
unsigned int zb_pageblock_largest(const struct zb_pageblock *pb)
{
	if (pb->orders)
		return fls64(pb->orders) - 1;
	return zb_pageblock_all_free(pb) ? ZB_PAGEBLOCK_ORDER : ZB_LIST_NONE;
}

/**
 * zb_pageblock_find() - find the best fit in a pageblock
 * @pb: a pageblock with a free run of at least @order; it is not stale
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

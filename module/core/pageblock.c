// SPDX-License-Identifier: GPL-2.0-only
#include "pageblock.h"

/* Bit p is set when 2^k divides p, for k = 0 .. 6. */
static const u64 aligned_bits[] = {
	0xffffffffffffffffull, 0x5555555555555555ull, 0x1111111111111111ull,
	0x0101010101010101ull, 0x0001000100010001ull, 0x0000000100000001ull,
	0x0000000000000001ull,
};

/* The starts of all aligned runs of 2^@k set bits in @w. */
static u64 runs(u64 w, unsigned int k)
{
	unsigned int i;

	for (i = 0; i < k; i++)
		w &= w >> (1u << i);
	return w & aligned_bits[k];
}

/* The starts of those runs that are not part of an aligned run of 2^(@k+1). */
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

/* The first frame of a maximal free run of exactly @order; there is one. */
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

static bool run_is_free(const struct zb_pageblock *pb, unsigned int frame,
			unsigned int order)
{
	unsigned int i, first = frame / 64;
	u64 mask;

	if (order < ZB_WORD_ORDER) {
		mask = run_mask(frame, order);
		return (pb->free[first] & mask) == mask;
	}
	for (i = first; i < first + (1u << (order - ZB_WORD_ORDER)); i++)
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
 * zb_pageblock_fill() - make every frame free
 * @pb: the pageblock; it must not be on a free list
 *
 * Context: zone lock held.
 */
void zb_pageblock_fill(struct zb_pageblock *pb)
{
	set_all(pb, ~0ull, ZB_PAGEBLOCK_NR);
}

/**
 * zb_pageblock_empty() - make every frame taken
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
 * Return: 0 .. ZB_PAGEBLOCK_ORDER, or ZB_KEY_NONE when nothing is free.
 */
unsigned int zb_pageblock_largest(const struct zb_pageblock *pb)
{
	if (pb->orders)
		return fls64(pb->orders) - 1;
	return pb->nr_free ? ZB_PAGEBLOCK_ORDER : ZB_KEY_NONE;
}

/**
 * zb_pageblock_find() - best fit inside a pageblock
 * @pb: a pageblock whose largest free run is at least of @order
 * @order: wanted, below ZB_PAGEBLOCK_ORDER
 * @run_order: set to the order of the run that was found
 *
 * The smallest maximal run that is large enough, so that longer runs stay
 * whole for those who need them.
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
 * zb_pageblock_take() - split a free run and take its first part
 * @pb: the pageblock
 * @frame: start of a maximal free run, as found by zb_pageblock_find()
 * @order: what to take from it, below ZB_PAGEBLOCK_ORDER
 * @run_order: the order of the run
 *
 * What is left of the run is one free run of each order from @order up to
 * @run_order - 1: the halves that splitting sets aside.
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
 * zb_pageblock_give() - free a run and merge it with its buddies
 * @pb: the pageblock
 * @frame: first frame, aligned to 2^@order; all of the run is taken now
 * @order: below ZB_PAGEBLOCK_ORDER
 *
 * Context: zone lock held.
 * Return: order of the free run it has become part of; ZB_PAGEBLOCK_ORDER
 * means that the pageblock is wholly free now.
 */
unsigned int zb_pageblock_give(struct zb_pageblock *pb, unsigned int frame,
			       unsigned int order)
{
	set_run(pb, frame, order, true);
	pb->nr_free += BIT(order);
	while (order < ZB_PAGEBLOCK_ORDER &&
	       run_is_free(pb, frame ^ BIT(order), order)) {
		count_run(pb, order, -1);
		frame &= ~BIT(order);
		order++;
	}
	if (order < ZB_PAGEBLOCK_ORDER)
		count_run(pb, order, 1);
	return order;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The possibilities and limits of a buddy system: best, worst and pathological cases, as in
 * tests of other allocators.
 */
#include "unit_pool.h"

#define GFP	(ZB_GFP_KERNEL | __ZB_GFP_MOVABLE)
#define TOP	13u

/*
 * Drain the per-CPU lists after each operation, so that free blocks merge at once and the
 * zone alone determines which block is allocated.
 */
static unsigned long get(struct unit_pool *p, unsigned int order)
{
	unsigned long pfn = unit_alloc(p, GFP, order);

	unit_pool_drain(p);
	return pfn;
}

static void put(struct unit_pool *p, unsigned long pfn, unsigned int order)
{
	EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
	unit_pool_drain(p);
}

/* The orders that can be allocated now, as bits. */
static unsigned long available(struct unit_pool *p)
{
	unsigned long pfn, bits = 0;
	unsigned int order;

	for (order = 0; order <= TOP; order++) {
		pfn = get(p, order);
		if (pfn == ZB_NO_PFN)
			continue;
		bits |= BIT(order);
		put(p, pfn, order);
	}
	return bits;
}

/* One block of every order plus one frame fill the pool completely. */
static void optimistic(bool up)
{
	struct unit_pool *p = unit_pool_one(16, 16);
	unsigned long pfn[TOP], last;
	unsigned int i, order;

	for (i = 0; i < TOP; i++) {
		order = up ? i : TOP - 1 - i;
		pfn[order] = get(p, order);
		ASSERT(pfn[order] != ZB_NO_PFN);
		unit_pool_quiet(p);
	}
	last = get(p, 0);
	EXPECT(last != ZB_NO_PFN);
	EXPECT_EQ(available(p), 0);
	put(p, last, 0);
	for (order = 0; order < TOP; order++)
		put(p, pfn[order], order);
	EXPECT_EQ(available(p), BIT(TOP + 1) - 1);
	unit_pool_end(p);
}

TEST(optimistic_upwards)
{
	optimistic(true);
}

TEST(optimistic_downwards)
{
	optimistic(false);
}

/* The same pool is freed from the smallest order up: each step makes one more order available. */
POOL_TEST(pessimistic, 16, 16)
{
	unsigned long pfn[TOP], last;
	unsigned int order;

	for (order = 0; order < TOP; order++)
		pfn[order] = get(p, order);
	last = get(p, 0);
	EXPECT_EQ(available(p), 0);
	put(p, last, 0);
	EXPECT_EQ(available(p), 1);
	for (order = 0; order < TOP; order++) {
		put(p, pfn[order], order);
		EXPECT_EQ(available(p), BIT(order + 2) - 1);
		unit_pool_quiet(p);
	}
}

/* Every other block of an order is free: half of the memory, but no larger block. */
POOL_TEST(pathological, 16, 16)
{
	unsigned long pfn, i, nr, size;
	unsigned int order;

	for (order = 0; order < TOP; order++) {
		nr = PB(16) >> order;
		size = BIT(order);
		for (i = 0; i < nr; i++)
			ASSERT(get(p, order) != ZB_NO_PFN);
		for (i = 0; i < nr; i += 2)
			EXPECT_EQ(unit_free(p, PB(16) + i * size, order),
				  ZB_OK);
		unit_pool_drain(p);
		EXPECT_EQ(unit_pool_nr_free(p), PB(8));
		EXPECT_EQ(available(p), BIT(order + 1) - 1);
		unit_pool_quiet(p);
		for (i = 0; i < nr; i += 2)
			ASSERT(get(p, order) != ZB_NO_PFN);
		EXPECT_EQ(get(p, 0), ZB_NO_PFN);
		for (pfn = PB(16); pfn < PB(32); pfn += size)
			EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		unit_pool_drain(p);
		unit_state_equal(p, p->initial);
	}
}

/* Two adjacent free blocks that are not buddies do not form a larger block. */
POOL_TEST(neighbours_are_not_buddies, 16, 16)
{
	unsigned int order;
	unsigned long i;

	for (order = 0; order < TOP - 1; order++) {
		for (i = 0; i < PB(16) >> order; i++)
			ASSERT(get(p, order) != ZB_NO_PFN);
		put(p, PB(16) + BIT(order), order);
		put(p, PB(16) + 2 * BIT(order), order);
		EXPECT_EQ(available(p), BIT(order + 1) - 1);
		put(p, PB(16) + 3 * BIT(order), order);
		EXPECT_EQ(available(p), BIT(order + 2) - 1);
		unit_pool_quiet(p);
		put(p, PB(16), order);
		for (i = 4; i < PB(16) >> order; i++)
			EXPECT_EQ(unit_free(p, PB(16) + i * BIT(order), order),
				  ZB_OK);
		unit_pool_drain(p);
		unit_state_equal(p, p->initial);
	}
}

/* Small allocations stay together instead of fragmenting the pool. */
POOL_TEST(small_blocks_do_not_scatter, 16, 16)
{
	unsigned long pfn[64];
	unsigned int i;

	/* 64 single frames of one mobility are in one pageblock ... */
	for (i = 0; i < 64; i++)
		pfn[i] = get(p, 0);
	for (i = 1; i < 64; i++)
		EXPECT_EQ(pfn[i] / ZB_PAGEBLOCK_NR, pfn[0] / ZB_PAGEBLOCK_NR);
	/* ... so that half of the pool is still one block */
	EXPECT_EQ(available(p) >> (TOP - 1), 1);
	for (i = 0; i < 64; i++)
		put(p, pfn[i], 0);
}

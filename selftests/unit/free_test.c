// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processing of blocks when they are allocated and freed: hooks, compound blocks, splitting
 * of blocks, and damaged blocks.
 */
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(4, 4);

	p->pool.ops = &unit_recording_ops;
	return p;
}

POOL_TEST_WITH(hooks_of_a_block, make(), unit_pool_end)
{
	unsigned long pfn;
	unsigned int order;

	for (order = 0; order <= 11; order++) {
		pfn = unit_alloc(p, ZB_GFP_KERNEL, order);
		EXPECT_EQ(unit_calls.pfn, pfn);
		EXPECT_EQ(unit_calls.order, order);
		EXPECT_CALLS("k");
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		EXPECT_EQ(unit_calls.pfn, pfn);
		EXPECT_EQ(unit_calls.order, order);
		EXPECT_CALLS("f");
		/* the block is cleared after it was checked */
		pfn = unit_alloc(p, ZB_GFP_KERNEL | __ZB_GFP_ZERO, order);
		EXPECT_EQ(unit_calls.pfn, pfn);
		EXPECT_EQ(unit_calls.order, order);
		EXPECT_CALLS("k0");
		EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, pfn, order), ZB_OK);
		EXPECT_CALLS("f");
		unit_pool_drain(p);
	}
	EXPECT_EQ(unit_free(p, PB(4), 0), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_calls.bad, ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_calls.pfn, PB(4));
	EXPECT_CALLS("!");
}

/* Hooks are called for each block of an exact allocation, but not for the trimmed tail. */
POOL_TEST_WITH(hooks_of_exact_allocations, make(), unit_pool_end)
{
	unsigned long pfn = unit_alloc_exact(p, 0, 13);

	EXPECT_EQ(unit_calls.pfn, pfn + 12);
	EXPECT_CALLS("kkk");
	EXPECT_EQ(unit_free_exact(p, pfn, 14), ZB_BAD_WRONG_ORDER);
	EXPECT_CALLS("!");
	EXPECT_EQ(unit_free_exact(p, pfn, 13), ZB_OK);
	EXPECT_CALLS("fff");
}

POOL_TEST_WITH(refused_frees_are_counted, make(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, __ZB_GFP_COMP, 3);
	unsigned int i;

	EXPECT_EQ(unit_free(p, pfn, 2), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(unit_free(p, pfn + 1, 0), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_free(p, pfn + 1, 0), ZB_BAD_NOT_ALLOCATED);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(unit_free_exact(p, PB(3) + i, 8), ZB_BAD_OUTSIDE);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(zb_pool_split_page(&p->pool, pfn, 3), ZB_BAD_COMPOUND);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_OK]), 0);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_WRONG_ORDER]), 1);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_NOT_ALLOCATED]), 2);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_OUTSIDE]), 3);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_COMPOUND]), 4);
	EXPECT_CALLS("k!!!!!!!!!!");
	EXPECT_EQ(unit_free(p, pfn, 3), ZB_OK);
}

/* Every order and mobility, with and without COMP. */
POOL_TEST_WITH(compound_blocks, make(), unit_pool_end)
{
	static const zb_gfp_t kinds[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	unsigned long pfn;
	unsigned int order, mt;
	u8 state;

	for (order = 0; order <= 11; order++)
		for (mt = 0; mt < 3; mt++) {
			pfn = unit_alloc(p, kinds[mt] | __ZB_GFP_COMP, order);
			state = zb_zone_state(p->pool.zones, pfn);
			/* a single frame is never a compound block */
			EXPECT_EQ(state, ZB_STATE(order ? ZB_BLOCK_COMP(mt) :
						  ZB_BLOCK_MT(mt), order));
			EXPECT(zb_state_allocated(state));
			EXPECT_EQ(zb_state_compound(state), order > 0);
			EXPECT(!zb_state_bad(state));
			EXPECT_EQ(zb_state_migratetype(state), mt);
			EXPECT_EQ(zb_state_order(state), order);
			EXPECT_EQ(zb_pool_split_page(&p->pool, pfn, order),
				  order ? ZB_BAD_COMPOUND : ZB_OK);
			if (order)
				EXPECT_EQ(unit_free(p, pfn, order - 1),
					  ZB_BAD_WRONG_ORDER);
			unit_pool_quiet(p);
			EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
			unit_pool_drain(p);
			unit_state_equal(p, p->initial);
		}
}

TEST(states)
{
	unsigned int order, mt;
	u8 state;

	for (order = 0; order <= ZB_MAX_ORDER; order++) {
		state = ZB_STATE_BAD(order);
		EXPECT(zb_state_bad(state));
		EXPECT(!zb_state_allocated(state) && !zb_state_compound(state));
		EXPECT_EQ(zb_state_order(state), order);
		state = ZB_STATE(ZB_BLOCK_PCP, order);
		EXPECT(!zb_state_bad(state) && !zb_state_allocated(state));
		EXPECT_EQ(zb_state_order(state), order);
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			state = ZB_STATE(ZB_BLOCK_MT(mt), order);
			EXPECT(zb_state_allocated(state));
			EXPECT(!zb_state_compound(state) && !zb_state_bad(state));
			EXPECT_EQ(zb_state_migratetype(state), mt);
		}
	}
	EXPECT(!zb_state_bad(0) && !zb_state_allocated(0));
}

/* After the split, each frame is a block of the same mobility. */
POOL_TEST_WITH(split, make(), unit_pool_end)
{
	unsigned long pfn, i;
	unsigned int order;

	for (order = 0; order <= 11; order++) {
		pfn = unit_alloc(p, __ZB_GFP_MOVABLE, order);
		EXPECT_EQ(zb_pool_split_page(&p->pool, pfn, order + 1),
			  ZB_BAD_WRONG_ORDER);
		EXPECT_EQ(zb_pool_split_page(&p->pool, pfn, order), ZB_OK);
		unit_pool_quiet(p);
		EXPECT_EQ(unit_free(p, pfn, order),
			  order ? ZB_BAD_WRONG_ORDER : ZB_OK);
		for (i = !order; i < BIT(order); i++) {
			EXPECT_EQ(zb_zone_state(p->pool.zones, pfn + i),
				  ZB_STATE(ZB_BLOCK_MOVABLE, 0));
			EXPECT_EQ(unit_free(p, pfn + i, 0), ZB_OK);
		}
		unit_pool_drain(p);
		unit_state_equal(p, p->initial);
	}
	EXPECT_EQ(zb_pool_split_page(&p->pool, PB(4), 0), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(zb_pool_split_page(&p->pool, PB(3), 0), ZB_BAD_OUTSIDE);
}

static struct unit_pool *split_pool;
static unsigned int in_this_hold, longest_hold, nr_holds;

/* Count accesses per hold of the lock; all invariants must hold when it is released. */
static void count_hold(void)
{
	struct zb_violation v;

	if (zb_env_irqs_off) {
		in_this_hold++;
		if (in_this_hold > longest_hold)
			longest_hold = in_this_hold;
		return;
	}
	if (!in_this_hold)
		return;
	in_this_hold = 0;
	nr_holds++;
	zb_env_hook = NULL;
	EXPECT(zb_check_pool(&split_pool->pool, &v));
	zb_env_hook = count_hold;
}

/* Large blocks are split pageblock by pageblock, with the lock released in between. */
POOL_TEST(split_in_short_holds, 32, 32)
{
	unsigned long i;

	split_pool = p;
	ASSERT_EQ(unit_alloc(p, 0, 14), PB(32));
	zb_env_hook = count_hold;
	EXPECT_EQ(zb_pool_split_page(&p->pool, PB(32), 14), ZB_OK);
	zb_env_hook = NULL;
	unit_note("at most %u accesses in one of %u holds of the lock", longest_hold, nr_holds);
	EXPECT(longest_hold < 600);
	EXPECT(nr_holds >= 32 && nr_holds < 200);
	unit_pool_quiet(p);
	for (i = PB(32); i < PB(64); i++)
		EXPECT_EQ(unit_free(p, i, 0), ZB_OK);
}

/* The head of a block is found from any of its frames; free frames have none. */
POOL_TEST(block_head, 5, 11)
{
	unsigned int order, found;
	unsigned long pfn, i;

	for (order = 0; order <= 12; order++) {
		pfn = unit_alloc(p, order % 2 ? __ZB_GFP_COMP : 0, order);
		ASSERT(pfn != ZB_NO_PFN);
		for (i = 0; i < BIT(order); i = 2 * i + 1) {
			found = 99;
			EXPECT_EQ(zb_pool_block_head(&p->pool, pfn + i, &found), pfn);
			EXPECT_EQ(found, order);
		}
		EXPECT_EQ(zb_pool_block_head(&p->pool, pfn + BIT(order) - 1, &found),
			  pfn);
		EXPECT_EQ(zb_pool_block_head(&p->pool, pfn + BIT(order), &found),
			  ZB_NO_PFN);
		EXPECT_EQ(zb_pool_block_head(&p->pool, pfn - 1, &found), ZB_NO_PFN);
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		EXPECT_EQ(zb_pool_block_head(&p->pool, pfn, &found), ZB_NO_PFN);
		unit_pool_drain(p);
	}
	EXPECT_EQ(zb_pool_block_head(&p->pool, PB(4), &found), ZB_NO_PFN);
	EXPECT_EQ(zb_pool_block_head(&p->pool, PB(16), &found), ZB_NO_PFN);
	/* The parts of an exact allocation are blocks of their own. */
	pfn = unit_alloc_exact(p, 0, 13);
	EXPECT_EQ(zb_pool_block_head(&p->pool, pfn + 11, &found), pfn + 8);
	EXPECT_EQ(found, 2);
	EXPECT_EQ(unit_free_exact(p, pfn, 13), ZB_OK);
}

/* Free a pool with damaged blocks, which can't be restored. */
static void leave(struct unit_pool *p)
{
	unit_pool_quiet(p);
	unit_pool_drain(p);
	unit_pool_quiet(p);
	unit_pool_free(p);
}

/* Memory that was written to while it was free: the request gets another block. */
TEST(damaged_content)
{
	struct unit_pool *p = make();
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn, next;
	unsigned int order;

	for (order = 0; order <= 9; order++) {
		pfn = unit_alloc(p, 0, order);
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		unit_calls.nr = 0;
		unit_calls.damaged = pfn;
		next = unit_alloc(p, 0, order);
		EXPECT(next != ZB_NO_PFN && next != pfn);
		EXPECT_EQ(unit_calls.bad, ZB_BAD_CONTENT);
		EXPECT_EQ(unit_calls.text[1], '!');
		EXPECT_CALLS("k!k");
		EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_BAD(order));
		EXPECT_EQ(zb_zone_events(zone, ZB_BAD_BLOCK), 1);
		EXPECT_EQ(zone->nr_bad, BIT(order));
		unit_pool_quiet(p);
		/* the damaged block is not allocated, can't be freed, and has no head */
		EXPECT_EQ(unit_free(p, pfn, order), ZB_BAD_NOT_ALLOCATED);
		EXPECT_EQ(zb_pool_block_head(&p->pool, pfn, &(unsigned int){ 0 }),
			  ZB_NO_PFN);
		EXPECT_EQ(unit_free(p, next, order), ZB_OK);
		unit_pool_drain(p);
		EXPECT_EQ(zone->nr_free, PB(4) - BIT(order));
		while (unit_alloc(p, __ZB_GFP_NOWARN, 0) != ZB_NO_PFN)
			;
		EXPECT_EQ(zone->nr_free, 0);
		unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
		leave(p);
		p = make();
		zone = p->pool.zones;
	}
	unit_pool_end(p);
}

/* If all blocks are damaged, the request fails. */
POOL_TEST_WITH(only_bad_blocks, make(), leave)
{
	unsigned long i;

	for (i = 0; i < 4; i++) {
		unit_calls.nr = 0;
		unit_calls.damaged = PB(4 + i);
		if (i < 3)
			EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 9), PB(5 + i));
		else
			EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 9), ZB_NO_PFN);
		EXPECT_EQ(zb_zone_events(p->pool.zones, ZB_BAD_BLOCK), i + 1);
		if (i < 3)
			EXPECT_EQ(unit_free(p, PB(5 + i), 9), ZB_OK);
		unit_pool_quiet(p);
	}
	EXPECT_EQ(p->pool.zones->nr_free, 0);
	EXPECT_EQ(unit_calls.text[unit_calls.nr - 1], 'F');
}

/*
 * A free with too small a size is refused and changes nothing, unless it ends where a
 * block of the allocation ends: then it frees these blocks, and the rest stays allocated
 * and can be freed on its own. State bytes can't show whether the next block belongs to
 * the same allocation.
 */
POOL_TEST_WITH(exact_with_smaller_sizes, unit_pool_one(2, 2), unit_pool_end)
{
	unsigned long n, m, pfn;
	struct unit_state *before;
	bool ends_a_block;

	for (n = 2; n <= 130; n++)
		for (m = 1; m < n; m++) {
			pfn = unit_alloc_exact(p, 0, n);
			before = unit_state_save(p);
			ends_a_block = n - m < (m & -m);
			EXPECT_EQ(unit_free_exact(p, pfn, m),
				  ends_a_block ? ZB_OK : ZB_BAD_WRONG_ORDER);
			EXPECT(ends_a_block || unit_state_equal(p, before));
			unit_state_free(before);
			EXPECT_EQ(ends_a_block ? unit_free_exact(p, pfn + m, n - m) :
						 unit_free_exact(p, pfn, n), ZB_OK);
			EXPECT_EQ(unit_free_exact(p, pfn, n), ZB_BAD_NOT_ALLOCATED);
		}
}

/* If a block of an exact allocation is damaged, only that one is taken out of use. */
POOL_TEST_WITH(damaged_content_of_exact, make(), leave)
{
	unsigned long pfn;

	unit_calls.damaged = PB(4) + 8;
	pfn = unit_alloc_exact(p, 0, 13);
	EXPECT_EQ(pfn, PB(4) + 16);
	EXPECT_EQ(unit_calls.bad, ZB_BAD_CONTENT);
	EXPECT_CALLS("kk!kffkkk");
	EXPECT_EQ(zb_zone_state(zone, PB(4) + 8), ZB_STATE_BAD(2));
	EXPECT_EQ(zone->nr_bad, 4);
	unit_pool_quiet(p);
	EXPECT_EQ(unit_free_exact(p, pfn, 13), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_free, PB(4) - 4);
}

/* A state byte was overwritten while the block was on a per-CPU list. */
TEST(bad_state)
{
	static const u8 states[] = {
		0, 1, ZB_STATE(ZB_BLOCK_MOVABLE, 0), ZB_STATE(ZB_BLOCK_PCP, 1),
		ZB_STATE(ZB_BLOCK_COMP_RECLAIMABLE, 18), 0xff,
	};
	unsigned long pfn, next;
	struct unit_pool *p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		p = make();
		pfn = unit_alloc(p, 0, 0);
		EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
		EXPECT_CALLS("kf");
		zb_zone_set_state(p->pool.zones, pfn, states[i]);
		next = unit_alloc(p, 0, 0);
		EXPECT(next != ZB_NO_PFN && next != pfn);
		EXPECT_EQ(unit_calls.bad, ZB_BAD_STATE);
		EXPECT_CALLS("!k");
		/* a block in state allocated is left alone; others are taken out of use */
		EXPECT_EQ(zb_zone_state(p->pool.zones, pfn),
			  zb_state_allocated(states[i]) ? states[i] : ZB_STATE_BAD(0));
		EXPECT_EQ(p->pool.zones->nr_bad, !zb_state_allocated(states[i]));
		if (zb_state_allocated(states[i])) {
			zb_zone_set_state(p->pool.zones, pfn, ZB_STATE(ZB_BLOCK_MOVABLE, 0));
			EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
		} else {
			EXPECT_EQ(unit_free(p, pfn, 0), ZB_BAD_NOT_ALLOCATED);
		}
		EXPECT_EQ(unit_free(p, next, 0), ZB_OK);
		EXPECT_CALLS(zb_state_allocated(states[i]) ? "ff" : "!f");
		leave(p);
	}
}

/* The same without a hook that reports it. */
POOL_TEST_WITH(bad_block_without_a_hook, make(), leave)
{
	struct zb_ops ops = { .check_poison = unit_recording_ops.check_poison };

	p->pool.ops = &ops;
	unit_calls.damaged = PB(4);
	EXPECT_EQ(unit_alloc(p, 0, 5), PB(4) + 32);
	EXPECT_EQ(unit_free(p, PB(4), 5), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_free(p, PB(4) + 32, 5), ZB_OK);
}

/* The search for a head ends at the start of the zone, whatever is in front of it. */
POOL_TEST(block_head_in_front_of_the_zone, 5, 3)
{
	size_t size = zb_zone_state_size(zone->nr_pages), front = PB(5);
	u8 *state = zone->state, *all = malloc(front + size);
	unsigned int order;

	ASSERT(all);
	memset(all, ZB_STATE(ZB_BLOCK_MOVABLE, 18), front);
	memcpy(all + front, state, size);
	zone->state = all + front;
	EXPECT_EQ(zb_pool_block_head(&p->pool, PB(5), &order), ZB_NO_PFN);
	EXPECT_EQ(zb_pool_block_head(&p->pool, PB(6) + 77, &order), ZB_NO_PFN);
	zone->state = state;
	free(all);
}

/*
 * Neighbours in two zones are never one allocation. To free them as one is refused, even
 * if their orders fit.
 */
TEST(exact_across_zones)
{
	const struct unit_geometry g = {
		.zones = {
			{ .type = ZB_ZONE_DMA, .start = 2, .nr = 2 },
			{ .type = ZB_ZONE_NORMAL, .start = 4, .nr = 2 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned long low = unit_alloc(p, __ZB_GFP_DMA, 10), high;
	struct unit_state *before;

	high = unit_alloc(p, 0, 9);
	ASSERT_EQ(low + BIT(10), high);
	before = unit_state_save(p);
	EXPECT_EQ(unit_free_exact(p, low, 3 << 9), ZB_BAD_WRONG_ORDER);
	EXPECT(unit_state_equal(p, before));
	unit_state_free(before);
	EXPECT_EQ(unit_free(p, low, 10), ZB_OK);
	EXPECT_EQ(unit_free(p, high, 9), ZB_OK);
	unit_pool_end(p);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two CPUs free the same block: one succeeds, the other is refused and counted.
 *
 * The second operation runs at each point of the first one. Both can be any function that
 * frees or splits a block. Afterwards, the block has at most one owner, also when both CPUs
 * have drained their lists.
 */
#include "unit_fast.h"

#define MAX_POINTS	5000u

enum way { FAST, BULK, POOL, COLD, EXACT, SPLIT, NR_WAYS };

static struct {
	struct unit_pool *p;
	unsigned long pfn, nr_pages;
	unsigned int order;
	unsigned long at, point;
	enum way second;
	bool came, won;
} d;

/* True if the allocator accepted the free. If the fast path refuses it, use the freelist path. */
static bool end_block(enum way way)
{
	struct zb_pool *pool = &d.p->pool;

	switch (way) {
	case FAST:
		if (zb_fast_free(pool, d.pfn, d.order))
			return true;
		break;
	case BULK:
		if (d.order == 0 && zb_fast_free_bulk(pool, 1, give, &d.pfn))
			return true;
		break;
	case COLD:
		return zb_pool_free_pages_cold(pool, d.pfn, d.order) == ZB_OK;
	case EXACT:
		return zb_pool_free_exact(pool, d.pfn, d.nr_pages) == ZB_OK;
	case SPLIT:
		return zb_pool_split_page(pool, d.pfn, d.order) == ZB_OK;
	default:
		break;
	}
	return zb_pool_free_pages(pool, d.pfn, d.order) == ZB_OK;
}

static void second(void)
{
	if (d.point++ != d.at || zb_env_irqs_off)
		return;
	zb_env_hook = NULL;
	zb_env_set_cpu(1);
	d.won = end_block(d.second);
	d.came = true;
	zb_env_set_cpu(0);
}

/* Allocate all frames: each is returned only once. */
static void each_frame_once(struct unit_pool *p)
{
	struct zb_zone *zone = p->pool.zones;
	bool *owned = calloc(zone->nr_pages, sizeof(*owned));
	unsigned long pfn, i;
	u8 state;

	ASSERT(owned);
	for (i = 0; i < zone->nr_pages; i++) {
		state = zb_zone_state(zone, zone->start_pfn + i);
		if (zb_state_allocated(state))
			memset(owned + i, true, BIT(ZB_STATE_ORDER(state)));
	}
	for (;;) {
		pfn = unit_alloc(p, __ZB_GFP_MOVABLE | __ZB_GFP_NOWARN, 0);
		if (pfn == ZB_NO_PFN)
			break;
		EXPECT(!owned[pfn - zone->start_pfn]);
		owned[pfn - zone->start_pfn] = true;
	}
	for (i = 0; i < zone->nr_pages; i++)
		EXPECT(owned[i]);
	EXPECT_EQ(zone->nr_bad, 0);
	free(owned);
}

static unsigned long nr_refused(const struct unit_pool *p)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < ZB_NR_BAD; i++)
		nr += atomic_long_read(&p->pool.bad_frees[i]);
	return nr;
}

/* Returns false if interrupts are disabled at this point, or if there are fewer points. */
static bool try_point(enum way first, unsigned int order, bool drain_first)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 4 } }, .nr_zones = 1, .cpus = 2,
	};
	bool won;

	d.p = unit_pool_make(&g);
	unit_pool_long_lists(d.p);
	d.order = order;
	d.nr_pages = BIT(order);
	d.pfn = unit_alloc(d.p, __ZB_GFP_MOVABLE, order);
	if (drain_first)
		unit_pool_drain(d.p);
	d.point = 0;
	d.came = false;
	d.won = false;
	zb_env_hook = second;
	won = end_block(first);
	zb_env_hook = NULL;
	if (!d.came) {
		unit_pool_free(d.p);
		return false;
	}
	EXPECT_EQ(won + d.won, 1);
	EXPECT_EQ(nr_refused(d.p), 1);
	unit_pool_quiet(d.p);
	zb_pcp_drain(d.p->pool.zones, 0);
	zb_pcp_drain(d.p->pool.zones, 1);
	unit_pool_quiet(d.p);
	each_frame_once(d.p);
	unit_pool_free(d.p);
	return true;
}

static void all_points(unsigned int order)
{
	unsigned int first, tried, sum = 0;

	for (first = 0; first < NR_WAYS; first++)
		for (d.second = 0; d.second < NR_WAYS; d.second++) {
			/* splitting a single frame has no effect, so both may succeed */
			if (!order && (first == SPLIT || d.second == SPLIT))
				continue;
			tried = 0;
			/* splitting a large block has a point for each frame, so skip some */
			for (d.at = 0; d.at < MAX_POINTS; d.at += order > 3 ? 7 : 1) {
				if (try_point(first, order, d.at & 1))
					tried++;
				else if (d.point <= d.at)
					break;
			}
			ASSERT(d.at < MAX_POINTS);
			ASSERT(tried);
			sum += tried;
		}
	unit_note("order %u: %u points", order, sum);
}

TEST(two_cpus_free_a_frame)
{
	all_points(0);
}

TEST(two_cpus_free_a_block)
{
	all_points(3);
	all_points(9);
}

TEST(two_cpus_free_a_block_above_the_lists)
{
	all_points(10);
}

/* Free a part of an exact allocation while all of it is freed: only one of them succeeds. */
static void free_piece(void)
{
	if (d.point++ != d.at || zb_env_irqs_off)
		return;
	zb_env_hook = NULL;
	zb_env_set_cpu(1);
	d.came = true;
	d.won = unit_free(d.p, d.pfn + 8, 2) == ZB_OK;
	zb_env_set_cpu(0);
}

TEST(a_piece_of_an_exact_block_is_freed_concurrently)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 4 } }, .nr_zones = 1, .cpus = 2,
	};
	unsigned int exact_won = 0, piece_won = 0;
	bool won;

	for (d.at = 0; d.at < MAX_POINTS; d.at++) {
		d.p = unit_pool_make(&g);
		d.pfn = unit_alloc_exact(d.p, __ZB_GFP_MOVABLE, 13);
		d.point = 0;
		d.came = false;
		d.won = false;
		zb_env_hook = free_piece;
		won = unit_free_exact(d.p, d.pfn, 13) == ZB_OK;
		zb_env_hook = NULL;
		if (d.point <= d.at) {
			unit_pool_free(d.p);
			break;
		}
		if (d.came) {
			EXPECT_EQ(won + d.won, 1);
			exact_won += won;
			piece_won += d.won;
		}
		/* the rest is still allocated */
		if (d.won) {
			EXPECT_EQ(unit_free(d.p, d.pfn, 3), ZB_OK);
			EXPECT_EQ(unit_free(d.p, d.pfn + 12, 0), ZB_OK);
		}
		unit_pool_end(d.p);
	}
	EXPECT(exact_won && piece_won);
}

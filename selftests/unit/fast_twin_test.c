// SPDX-License-Identifier: GPL-2.0-only
/* Compares the fast path with the freelist path, and the zone map with a search. */
#include "fast.h"
#include "unit_pool.h"

/* The map agrees with a search for all frames of the zones and around them. */
TEST(zone_map)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 30, 3 }, { 0, ZB_ZONE_MOVABLE, 33, 5 },
			{ 3, ZB_ZONE_DMA, 2, 1 }, { 3, ZB_ZONE_DMA32, 7, 9 },
			{ 4, ZB_ZONE_NORMAL, 44, 1 },
		},
		.nr_zones = 5,
	};
	static const unsigned long far[] = { 1ul << 32, 1ul << 55, 1ul << 63 };
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_pool *pool = &p->pool;
	size_t size = zb_zone_map_size(pool);
	u8 *map = malloc(size);
	unsigned long pfn;
	unsigned int i;

	ASSERT(map);
	EXPECT_EQ(size, 45 - 2);
	EXPECT(zb_pfn_zone(pool, PB(30)) == &pool->zones[0]);
	zb_zone_map_init(pool, map);
	EXPECT(pool->zone_map == map);
	for (pfn = 0; pfn < PB(60); pfn++)
		ASSERT(zb_pfn_zone(pool, pfn) == zb_search_zone(pool, pfn));
	for (i = 0; i < ARRAY_SIZE(far); i++)
		for (pfn = far[i]; pfn < far[i] + PB(60); pfn += 256)
			EXPECT(!zb_pfn_zone(pool, pfn));
	for (pfn = 0; pfn < PB(60); pfn += 256)
		EXPECT(!zb_pfn_zone(pool, ~0ul - pfn));
	for (i = 0; i < pool->nr_zones; i++)
		EXPECT(zb_pfn_zone(pool, zb_zone_end(&pool->zones[i]) - 1) ==
		       &pool->zones[i]);
	unit_pool_end(p);
	free(map);
}

/* Two pools with the same sequence of operations, but only one uses the fast path. */
struct twins {
	struct unit_pool *a, *b;
	struct { unsigned long pfn; unsigned int order; } held[6000];
	unsigned int nr;
	unsigned long nr_fast;
};

static void twins_get(struct twins *t)
{
	static const zb_gfp_t kinds[] = {
		ZB_GFP_NOWAIT, ZB_GFP_NOWAIT | __ZB_GFP_MOVABLE,
		ZB_GFP_NOWAIT | __ZB_GFP_RECLAIMABLE, ZB_GFP_ATOMIC,
		__ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE, __ZB_GFP_DMA32,
		__ZB_GFP_COMP, __ZB_GFP_COLD, __ZB_GFP_ZERO | __ZB_GFP_THISNODE,
		ZB_GFP_NOWAIT | __ZB_GFP_WRITE, __ZB_GFP_ACCOUNT | __ZB_GFP_MOVABLE,
		__ZB_GFP_OTHER_NODE | __ZB_GFP_NOTRACK,
		__ZB_GFP_COMP | __ZB_GFP_COLD | __ZB_GFP_ZERO | __ZB_GFP_WRITE,
	};
	zb_gfp_t gfp = kinds[unit_below(ARRAY_SIZE(kinds))];
	unsigned int order = unit_below(4) ? 0 : unit_below(6);
	const struct zb_node *node = zb_pool_node(&t->a->pool, zb_env_node);
	unsigned long pfn = ZB_NO_PFN;

	if (!unit_below(4)) {
		node = &t->a->pool.nodes[unit_below(t->a->pool.nr_nodes)];
		pfn = zb_fast_alloc_flags(node, gfp, order);
	} else if (unit_below(8) && !zb_fast_alloc(node, gfp, order, &pfn)) {
		pfn = unit_below(4) ? zb_fast_alloc_empty(node, gfp, order) : ZB_NO_PFN;
	}
	if (pfn != ZB_NO_PFN)
		t->nr_fast++;
	else
		pfn = unit_alloc_block(&t->a->pool, gfp, order, node->nid, NULL);
	ASSERT_EQ(unit_alloc_block(&t->b->pool, gfp, order, node->nid, NULL), pfn);
	if (pfn == ZB_NO_PFN)
		return;
	t->held[t->nr].pfn = pfn;
	t->held[t->nr++].order = order;
}

static void twins_put(struct twins *t)
{
	unsigned int order, i = unit_below(t->nr);
	unsigned long pfn = t->held[i].pfn;

	order = t->held[i].order;
	t->held[i] = t->held[--t->nr];
	if (unit_below(8) && zb_fast_free(&t->a->pool, pfn, order))
		t->nr_fast++;
	else
		ASSERT_EQ(unit_free(t->a, pfn, order), ZB_OK);
	ASSERT_EQ(unit_free(t->b, pfn, order), ZB_OK);
}

static void expect_same(const struct twins *t)
{
	struct unit_state *s = unit_state_save(t->b);
	unsigned int i, k;

	ASSERT(unit_state_equal(t->a, s));
	unit_state_free(s);
	for (i = 0; i < t->a->pool.nr_zones; i++)
		for (k = 0; k < ZB_NR_EVENTS; k++)
			ASSERT_EQ(zb_zone_events(&t->a->pool.zones[i], k),
				  zb_zone_events(&t->b->pool.zones[i], k));
}

static void live(struct twins *t, unsigned int steps)
{
	unsigned int step, node;
	bool growing = true;

	for (step = 0; step < steps; step++) {
		zb_env_set_cpu(unit_below(zb_env_nr_cpus));
		node = unit_below(t->a->pool.nr_nodes);
		zb_env_node = t->a->pool.nodes[node].nid;
		growing ^= unit_below(300) == 0;
		if (t->nr < ARRAY_SIZE(t->held) && unit_below(10) < (growing ? 7 : 3))
			twins_get(t);
		else if (t->nr)
			twins_put(t);
		if (step % 500 == 0)
			expect_same(t);
	}
	while (t->nr)
		twins_put(t);
	expect_same(t);
}

TEST(both_paths_have_the_same_result)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 4, 6 }, { 0, ZB_ZONE_NORMAL, 16, 16 },
			{ 1, ZB_ZONE_NORMAL, 32, 12 }, { 1, ZB_ZONE_MOVABLE, 44, 4 },
		},
		.nr_zones = 4, .cpus = 3, .watermarks = true,
	};
	struct twins *t = calloc(1, sizeof(*t));
	unsigned int round;
	u8 *map;

	ASSERT(t);
	for (round = 0; round < 4; round++) {
		t->a = unit_pool_make(&g);
		t->b = unit_pool_make(&g);
		map = malloc(zb_zone_map_size(&t->a->pool));
		ASSERT(map);
		if (round & 1)
			zb_zone_map_init(&t->a->pool, map);
		if (round & 2) {
			unit_pool_long_lists(t->a);
			unit_pool_long_lists(t->b);
		}
		t->a->pool.tunables.dirty_ratio = 100 * (round & 1);
		t->b->pool.tunables.dirty_ratio = 100 * (round & 1);
		live(t, 10000);
		unit_pool_end(t->a);
		unit_pool_end(t->b);
		free(map);
	}
	EXPECT(t->nr_fast > 10000);
	unit_note("%lu operations by the fast path", t->nr_fast);
	free(t);
}

/* State of the lists and zones when a request is made. */
enum { LISTS_EMPTY, LISTS_PRIMED, LISTS_LONG, LISTS_BUSY, ZONES_LOW, NR_STATES };

/* Put blocks on the list of an order and a mobility. */
static void fill_list(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
		      unsigned int nr)
{
	unsigned long pfns[40];
	unsigned int k;

	for (k = 0; k < nr; k++)
		pfns[k] = unit_alloc(p, gfp, order);
	for (k = 0; k < nr; k++)
		if (pfns[k] != ZB_NO_PFN)
			ASSERT_EQ(unit_free(p, pfns[k], order), ZB_OK);
}

static void prepare(struct unit_pool *p, unsigned int state)
{
	static const zb_gfp_t kinds[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	unsigned int kind, order;

	unit_pool_long_lists(p);
	while (state == ZONES_LOW &&
	       unit_alloc(p, __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE, 7) != ZB_NO_PFN)
		;
	for (order = 0; state != LISTS_EMPTY && order < ZB_PCP_ORDERS; order++)
		for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
			fill_list(p, kinds[kind], order, state == LISTS_LONG ? 40 : 1);
}

static void set_busy(struct unit_pool *p, bool busy)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &p->pool)
		zone->pcp->busy = busy;
}

/* One request in both pools, and the free of what they got. */
static void both_get(struct twins *t, zb_gfp_t gfp, unsigned int order, bool busy)
{
	const struct zb_node *node = zb_pool_node(&t->a->pool, zb_env_node);
	unsigned long a = ZB_NO_PFN, b;
	bool fast;

	set_busy(t->a, busy);
	fast = zb_fast_alloc(node, gfp, order, &a);
	if (!fast) {
		a = zb_fast_alloc_empty(node, gfp, order);
		fast = a != ZB_NO_PFN;
	}
	set_busy(t->a, false);
	EXPECT(!fast || !busy);
	t->nr_fast += fast;
	if (!fast)
		a = unit_alloc_block(&t->a->pool, gfp, order, node->nid, NULL);
	b = unit_alloc_block(&t->b->pool, gfp, order, node->nid, NULL);
	ASSERT_EQ(a, b);
	if (b == ZB_NO_PFN)
		return;
	if (!zb_fast_free(&t->a->pool, a, order))
		ASSERT_EQ(unit_free(t->a, a, order), ZB_OK);
	ASSERT_EQ(unit_free(t->b, b, order), ZB_OK);
}

/*
 * All zones and mobilities, alone and with each other flag, in all orders: the fast path
 * has the result of the freelist path, or leaves the request to it.
 */
static void all_requests(struct twins *t, unsigned int state)
{
	zb_gfp_t base, gfp;
	unsigned int bit, order;

	for (base = 0; base <= (ZB_GFP_ZONEMASK | __ZB_GFP_RECLAIMABLE); base++) {
		if (base & ~(ZB_GFP_ZONEMASK | __ZB_GFP_RECLAIMABLE))
			continue;
		for (bit = 0; bit < ZB_GFP_BITS_SHIFT; bit++) {
			gfp = base | BIT(bit);
			if (!zb_gfp_valid(gfp) || gfp & __ZB_GFP_NOFAIL)
				continue;
			for (order = 0; order <= ZB_PCP_ORDERS; order++)
				both_get(t, gfp, order, state == LISTS_BUSY);
		}
		expect_same(t);
	}
}

TEST(both_paths_agree_on_all_flags_orders_and_states)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 2, 2 }, { 0, ZB_ZONE_DMA32, 4, 6 },
			{ 0, ZB_ZONE_NORMAL, 16, 16 }, { 0, ZB_ZONE_MOVABLE, 44, 4 },
		},
		.nr_zones = 4, .watermarks = true,
	};
	struct twins *t = calloc(1, sizeof(*t));
	unsigned int state;

	ASSERT(t);
	for (state = 0; state < NR_STATES; state++) {
		t->nr_fast = 0;
		t->a = unit_pool_make(&g);
		t->b = unit_pool_make(&g);
		prepare(t->a, state);
		prepare(t->b, state);
		all_requests(t, state);
		unit_note("state %u: %lu requests by the fast path", state, t->nr_fast);
		if (state != LISTS_BUSY && state != ZONES_LOW)
			EXPECT(t->nr_fast > 500);
		unit_pool_free(t->a);
		unit_pool_free(t->b);
	}
	free(t);
}

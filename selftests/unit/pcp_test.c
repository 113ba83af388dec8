// SPDX-License-Identifier: GPL-2.0-only
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE

#define START	32u		/* the only zone, in pageblocks */

static struct unit_pool *make(unsigned int cpus)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, START, 32 } }, .nr_zones = 1,
		.cpus = cpus,
	};

	struct unit_pool *p = unit_pool_make(&g);

	unit_pool_long_lists(p);
	return p;
}

static unsigned int on_list(const struct zb_zone *zone, unsigned int order,
			    unsigned int mt)
{
	return zb_pcp_nr(zone->pcp, zb_pcp_list(order, mt));
}

/* Take a block from the lists and mark it as allocated, like the allocator does. */
static unsigned long get_with(struct zb_zone *zone, unsigned int order,
			      unsigned int mt, unsigned int alloc_flags)
{
	unsigned long pfn = zb_rmqueue(zone, zone, BIT(order), mt, 0, alloc_flags);

	if (pfn == ZB_NO_PFN)
		return ZB_NO_PFN;
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_PCP, order));
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_MT(mt), order));
	return pfn;
}

static unsigned long get(struct zb_zone *zone, unsigned int order,
			 unsigned int mt)
{
	return get_with(zone, order, mt, 0);
}

static void put(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unit_free_unref(zone, pfn, order, false);
}

static bool cached(const struct zb_zone *zone, unsigned long pfn,
		   unsigned int order)
{
	return zb_zone_state(zone, pfn) == ZB_STATE(ZB_BLOCK_PCP, order);
}

TEST(orders_that_are_kept)
{
	unsigned int order;

	for (order = 0; order <= ZB_MAX_ORDER; order++)
		EXPECT_EQ(order < ZB_PCP_ORDERS, order <= ZB_PAGEBLOCK_ORDER);
}

/* Refills take batches of small orders, but single blocks of larger ones. */
TEST(refill_takes_a_batch)
{
	unsigned int mt, order, batch;
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned long pfn;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			p = make(1);
			zone = p->pool.zones;
			batch = order < ZB_WORD_ORDER ? zone->pcp_batch[order] : 1;
			EXPECT_EQ(batch << order, order < ZB_WORD_ORDER ? 64 : BIT(order));
			pfn = get(zone, order, mt);
			EXPECT_EQ(pfn, PB(START));
			EXPECT_EQ(zb_zone_state(zone, pfn),
				  ZB_STATE(ZB_BLOCK_MT(mt), order));
			EXPECT_EQ(zb_pcp_nr_pages(zone, 0), (batch - 1) << order);
			EXPECT_EQ(on_list(zone, order, mt), batch - 1);
			EXPECT_EQ(zone->nr_free, zone->nr_pages - (batch << order));
			unit_pool_quiet(p);
			put(zone, pfn, order);
			unit_pool_end(p);
		}
}

/* Successive refills without a drain double their size, up to ZB_PCP_BATCH_MAX frames. */
POOL_TEST_WITH(refills_grow, make(1), unit_pool_end)
{
	static const unsigned int sizes[] = { 16, 32, 64, 64, 64 };
	unsigned int i, k, nr = 0;
	unsigned long before;

	zone->pcp_batch[0] = 16;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		before = zone->nr_free;
		for (k = 0; k < sizes[i]; k++)
			EXPECT_EQ(get(zone, 0, M), PB(START) + nr++);
		EXPECT_EQ(before - zone->nr_free, sizes[i]);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
		EXPECT_EQ(zb_zone_events(zone, ZB_PCP_REFILL), i + 1);
	}
	unit_pool_quiet(p);
	unit_free_all(p);
}

/* Successive drains of adjacent frames do the same, within a word; a refill resets the size. */
POOL_TEST_WITH(drains_grow, make(1), unit_pool_end)
{
	static const unsigned int sizes[] = { 16, 32, 16, 64, 64 };
	unsigned int i, k, nr = 0;
	unsigned long before, pfn[1024];

	zone->pcp_batch[0] = 16;
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, M);
	for (i = 0; i < 255; i++)
		put(zone, pfn[nr++], 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		put(zone, pfn[nr++], 0);
		EXPECT_EQ(on_list(zone, 0, M), 256);
		before = zone->nr_free;
		put(zone, pfn[nr++], 0);
		EXPECT_EQ(zone->nr_free - before, sizes[i]);
		EXPECT_EQ(on_list(zone, 0, M), 257 - sizes[i]);
		for (k = 1; k < sizes[i] - 1; k++)
			put(zone, pfn[nr++], 0);
	}
	unit_pool_quiet(p);
	while (nr < ARRAY_SIZE(pfn))
		put(zone, pfn[nr++], 0);
	unit_pool_drain(p);
	pfn[0] = get(zone, 0, M);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 15);
	put(zone, pfn[0], 0);
}

POOL_TEST_WITH(last_in_first_out, make(1), unit_pool_end)
{
	unsigned long pfn[64];
	unsigned int i;

	for (i = 0; i < 64; i++)
		pfn[i] = get(zone, 0, M);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
	for (i = 0; i < 64; i++)
		put(zone, pfn[i], 0);
	for (i = 64; i-- > 0;)
		EXPECT_EQ(get(zone, 0, M), pfn[i]);
	for (i = 0; i < 64; i++)
		put(zone, pfn[i], 0);
}

/* A full list drains its oldest frames and keeps the rest. */
TEST(cold_end_drains_first)
{
	unsigned long pfn[ZB_PCP_CAPACITY(0) + 1];
	unsigned int k, order, limit, batch;
	struct unit_pool *p;
	struct zb_zone *zone;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		p = make(1);
		zone = p->pool.zones;
		limit = zone->pcp_limit[order];
		batch = zone->pcp_batch[order];
		for (k = 0; k <= limit; k++)
			pfn[k] = unit_take(zone, order, M);
		for (k = 0; k < limit; k++) {
			put(zone, pfn[k], order);
			EXPECT(cached(zone, pfn[k], order));
		}
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), limit << order);
		unit_pool_quiet(p);
		put(zone, pfn[limit], order);
		for (k = 0; k <= limit; k++)
			EXPECT_EQ(cached(zone, pfn[k], order), k >= batch);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), (limit + 1 - batch) << order);
		unit_pool_quiet(p);
		EXPECT_EQ(get(zone, order, M), pfn[limit]);
		put(zone, pfn[limit], order);
		unit_pool_end(p);
	}
}

POOL_TEST_WITH(other_orders_bypass_the_lists, make(1), unit_pool_end)
{
	unsigned int order;
	unsigned long pfn;

	for (order = 0; order <= zone->max_order; order++) {
		if (order < ZB_PCP_ORDERS)
			continue;
		pfn = get(zone, order, R);
		EXPECT_EQ(zone->nr_free, zone->nr_pages - BIT(order));
		EXPECT_EQ(zb_zone_state(zone, pfn),
			  ZB_STATE(ZB_BLOCK_RECLAIMABLE, order));
		put(zone, pfn, order);
		EXPECT_EQ(zb_zone_nr_cached(zone), 0);
		unit_state_equal(p, p->initial);
	}
}

/* An interrupt that finds @busy set succeeds without using the lists. */
POOL_TEST_WITH(busy_lists_are_left_alone, make(1), unit_pool_end)
{
	unsigned long mine = get(zone, 0, M), pfn;
	unsigned int order, nr_cached = zb_pcp_nr_pages(zone, 0);
	struct zb_pcp *before = malloc(sizeof(*before));

	ASSERT(before);
	zone->pcp->busy = 1;
	*before = *zone->pcp;
	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = get(zone, order, M);
		ASSERT(pfn != ZB_NO_PFN);
		EXPECT_EQ(ZB_STATE_BLOCK(zb_zone_state(zone, pfn)),
			  ZB_BLOCK_MOVABLE);
		put(zone, pfn, order);
		EXPECT_EQ(zb_zone_state(zone, pfn), 0);
		EXPECT_EQ(zone->nr_free + nr_cached + 1, zone->nr_pages);
	}
	put(zone, mine, 0);
	EXPECT_EQ(zb_zone_state(zone, mine), 0);
	EXPECT(!memcmp(before, zone->pcp, sizeof(*before)));
	EXPECT_EQ(zb_env_pinned, 0);
	zone->pcp->busy = 0;
	free(before);
}

/* Each call clears @busy again. */
POOL_TEST_WITH(busy_is_cleared, make(1), unit_pool_end)
{
	unsigned long pfn = get(zone, 0, M);

	EXPECT_EQ(zone->pcp->busy, 0);
	put(zone, pfn, 0);
	EXPECT_EQ(zone->pcp->busy, 0);
	zb_pcp_drain(zone, 0);
	EXPECT_EQ(zone->pcp->busy, 0);
}

/* Drained blocks are counted, also those that are freed one by one. */
POOL_TEST_WITH(drained_blocks_are_counted, make(1), unit_pool_end)
{
	unsigned long nr = 0;
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		put(zone, get(zone, order, M), order);
		nr += zb_pcp_nr_pages(zone, 0) >> order;
		zb_pcp_drain(zone, 0);
		EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), nr);
	}
}

POOL_TEST_WITH(drain_of_another_cpu, make(3), unit_pool_end)
{
	unsigned long pfn[3];
	unsigned int cpu;

	for (cpu = 0; cpu < 3; cpu++) {
		zb_env_set_cpu(cpu);
		pfn[cpu] = get(zone, 0, M);
		EXPECT_EQ(zb_pcp_nr_pages(zone, cpu), 63);
	}
	EXPECT_EQ(zb_zone_nr_cached(zone), 189);
	zb_env_set_cpu(0);
	zb_pcp_drain(zone, 1);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 63);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 1), 0);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 2), 63);
	unit_pool_quiet(p);
	/* a frame goes to the list of the CPU that frees it */
	put(zone, pfn[1], 0);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 64);
	EXPECT_EQ(get(zone, 0, M), pfn[1]);
	for (cpu = 0; cpu < 3; cpu++)
		put(zone, pfn[cpu], 0);
}

/* A drain of all lists, some of which need several batches. */
POOL_TEST_WITH(drain_takes_all, make(1), unit_pool_end)
{
	struct { unsigned long pfn; unsigned int order; } held[ZB_PCP_FRAMES];
	unsigned int i, k, mt, order, nr = 0;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		for (order = 0; order < ZB_PCP_ORDERS; order++)
			for (k = 0; k < zone->pcp_limit[order]; k++) {
				held[nr].order = order;
				held[nr].pfn = unit_take(zone, order, mt);
				ASSERT(held[nr++].pfn != ZB_NO_PFN);
			}
	for (i = nr; i > 1; i--) {
		k = unit_below(i);
		held[nr] = held[k];
		held[k] = held[i - 1];
		held[i - 1] = held[nr];
	}
	for (i = 0; i < nr; i++)
		put(zone, held[i].pfn, held[i].order);
	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
			EXPECT_EQ(on_list(zone, order, mt), zone->pcp_limit[order]);
	unit_pool_quiet(p);
	zb_pcp_drain(zone, 0);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
}

POOL_TEST_WITH(a_listed_frame_is_not_freed_again, make(2), unit_pool_end)
{
	struct unit_state *s;
	unsigned int order;
	unsigned long pfn;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = unit_alloc(p, 0, order);
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		EXPECT(cached(p->pool.zones, pfn, order));
		s = unit_state_save(p);
		EXPECT_EQ(unit_free(p, pfn, order),
			  ZB_BAD_NOT_ALLOCATED);
		zb_env_set_cpu(1);
		EXPECT_EQ(unit_free(p, pfn, order),
			  ZB_BAD_NOT_ALLOCATED);
		EXPECT_EQ(unit_free_exact(p, pfn, BIT(order)),
			  ZB_BAD_NOT_ALLOCATED);
		zb_env_set_cpu(0);
		unit_state_equal(p, s);
		unit_state_free(s);
	}
}

/* A freed frame goes to the list of its pageblock's type, whatever its mobility was. */
POOL_TEST(list_is_chosen_by_the_pageblock, 1, 1)
{
	unsigned long a = unit_take(zone, 0, U), b = unit_take_from(zone, 0, 0);

	EXPECT_EQ(zone->pageblocks[0].migratetype, U);
	EXPECT_EQ(zb_zone_state(zone, b), ZB_STATE(ZB_BLOCK_MOVABLE, 0));
	put(zone, b, 0);
	EXPECT_EQ(on_list(zone, 0, U), 1);
	EXPECT_EQ(on_list(zone, 0, M), 0);
	EXPECT_EQ(get(zone, 0, U), b);
	EXPECT_EQ(zb_zone_state(zone, b), ZB_STATE(ZB_BLOCK_UNMOVABLE, 0));
	put(zone, b, 0);
	put(zone, a, 0);
}

/* Frames of special migrate types are not put on per-CPU lists. */
POOL_TEST_WITH(special_types_are_not_listed, make(1), unit_pool_end)
{
	static const unsigned int types[] = {
		ZB_MIGRATE_CMA, ZB_MIGRATE_ISOLATE, ZB_MIGRATE_HIGHATOMIC,
	};
	unsigned long pfn, other;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		pfn = unit_take(zone, 0, M);
		other = unit_take(zone, 0, M);
		unit_set_type(zone, (pfn - PB(START)) / ZB_PAGEBLOCK_NR, types[i]);
		put(zone, pfn, 0);
		EXPECT_EQ(zb_zone_nr_cached(zone), 0);
		EXPECT_EQ(zb_zone_state(zone, pfn), 0);
		unit_pool_quiet(p);
		unit_set_type(zone, (pfn - PB(START)) / ZB_PAGEBLOCK_NR, M);
		put(zone, other, 0);
		zb_pcp_drain(zone, 0);
		unit_state_equal(p, p->initial);
	}
}

/* If each free frame is in another pageblock, a refill takes one, and a drain a few. */
POOL_TEST_WITH(scattered_moves_are_short, make(1), unit_pool_end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned long before, all, pfn[300];
	unsigned int i;

	memset(keep, true, sizeof(keep));
	keep[7] = false;
	/* the others keep the zone above its watermark */
	for (i = 0; i < 28; i++)
		unit_fill_pageblock(zone, i, M, i % 2 ? NULL : keep);
	before = zone->nr_free;
	pfn[0] = get(zone, 0, M);
	EXPECT_EQ(before - zone->nr_free, 1);
	put(zone, pfn[0], 0);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_free, before);
	all = before;
	for (i = 0; i < 300; i++)
		pfn[i] = zone->start_pfn + PB(i % 28) + 8 + i;
	for (i = 0; i < 256; i++)
		put(zone, pfn[i], 0);
	EXPECT_EQ(zone->nr_free, before);
	for (; i < 300; i++) {
		before = zone->nr_free;
		put(zone, pfn[i], 0);
		EXPECT(zone->nr_free - before <= 4);
		EXPECT_EQ(zb_zone_state(zone, pfn[i]), ZB_STATE(ZB_BLOCK_PCP, 0));
	}
	EXPECT_EQ(zone->nr_free, all + 44);
	/* the oldest ones were freed, and the others can be allocated */
	for (i = 0; i < 300; i++)
		EXPECT_EQ(cached(zone, pfn[i], 0), i >= 44);
	EXPECT_EQ(get(zone, 0, M), pfn[299]);
	EXPECT_EQ(get_with(zone, 0, M, ZB_ALLOC_COLD), pfn[44]);
	unit_pool_quiet(p);
	put(zone, pfn[44], 0);
	put(zone, pfn[299], 0);
	unit_free_all(p);
}

/* In an almost empty zone, a refill takes a single block only. */
POOL_TEST(refill_from_an_almost_empty_zone, 1, 1)
{
	unsigned long i, nr = 0, last[3];

	while (zone->nr_free > 3)
		ASSERT(unit_take(zone, 0, M) != ZB_NO_PFN);
	for (i = 0; i < 3; i++) {
		last[i] = get(zone, 0, M);
		nr += last[i] != ZB_NO_PFN;
		EXPECT_EQ(zone->nr_free, 2 - i);
		EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
	}
	EXPECT_EQ(nr, 3);
	for (i = 0; i < ZB_PCP_ORDERS; i++)
		EXPECT_EQ(get(zone, i, U), ZB_NO_PFN);
	zone->pcp->busy = 1;
	EXPECT_EQ(get(zone, 0, U), ZB_NO_PFN);
	zone->pcp->busy = 0;
	unit_free_pageblock(zone, 0);
}

/* Cold frames are allocated last and drained first. */
POOL_TEST_WITH(hot_and_cold, make(1), unit_pool_end)
{
	unsigned int k, order, nr;
	unsigned long pfn[8];

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		nr = zone->pcp_limit[order] < 8 ? zone->pcp_limit[order] : 8;
		ASSERT(nr >= 2);
		for (k = 0; k < nr; k++)
			pfn[k] = unit_take(zone, order, M);
		for (k = 0; k < nr; k++)
			unit_free_unref(zone, pfn[k], order, k % 2);
		EXPECT_EQ(on_list(zone, order, M), nr);
		unit_pool_quiet(p);
		/* from the hot end: hot frames in LIFO order, then cold frames in FIFO order */
		EXPECT_EQ(get(zone, order, M), pfn[nr - 2]);
		EXPECT_EQ(get_with(zone, order, M, ZB_ALLOC_COLD), pfn[nr - 1]);
		put(zone, pfn[nr - 2], order);
		unit_free_unref(zone, pfn[nr - 1], order, true);
		for (k = nr; k > 1; k -= 2)
			EXPECT_EQ(get(zone, order, M), pfn[k - 2]);
		for (k = 1; k < nr; k += 2)
			EXPECT_EQ(get(zone, order, M), pfn[k]);
		EXPECT_EQ(on_list(zone, order, M), 0);
		for (k = 0; k < nr; k++)
			put(zone, pfn[k], order);
		unit_pool_drain(p);
	}
}

/* A COLD request with an empty list is served from the zone. */
POOL_TEST_WITH(cold_from_an_empty_list, make(1), unit_pool_end)
{
	unsigned long pfn = get_with(zone, 0, M, ZB_ALLOC_COLD);

	EXPECT_EQ(pfn, PB(START));
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 63);
	EXPECT_EQ(get_with(zone, 0, M, ZB_ALLOC_COLD), PB(START) + 63);
	EXPECT_EQ(get(zone, 0, M), PB(START) + 1);
	put(zone, PB(START), 0);
	put(zone, PB(START) + 1, 0);
	put(zone, PB(START) + 63, 0);
}

/* COLD as a flag of requests, and the function that frees cold pages. */
POOL_TEST_WITH(cold_requests, make(1), unit_pool_end)
{
	unsigned long hot = unit_alloc(p, 0, 0), cold = unit_alloc(p, 0, 0);

	unit_pool_drain(p);
	EXPECT_EQ(unit_free(p, hot, 0), ZB_OK);
	EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, cold, 0), ZB_OK);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_COLD, 0), cold);
	EXPECT_EQ(unit_alloc(p, 0, 0), hot);
	EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, cold, 0), ZB_OK);
	EXPECT_EQ(unit_free(p, hot, 0), ZB_OK);
	EXPECT_EQ(unit_alloc(p, 0, 0), hot);
	EXPECT_EQ(unit_alloc(p, 0, 0), cold);
	/* the same in the slow path */
	EXPECT_EQ(unit_free(p, hot, 0), ZB_OK);
	EXPECT_EQ(zb_pool_free_pages_cold(&p->pool, cold, 0), ZB_OK);
	p->pool.zones->watermark[ZB_ALLOC_WMARK_LOW] = PB(9);
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_COLD, 0), cold);
	EXPECT_EQ(unit_free(p, cold, 0), ZB_OK);
}

static struct unit_pool *refilled;
static unsigned int nr_spare;
static bool make_low, isolated;

/* Called once the lock is dropped, and before the blocks are listed. */
static void after_the_lock(void)
{
	struct zb_zone *zone = refilled->pool.zones;

	if (zb_env_irqs_off || !zone->events[ZB_PCP_REFILL])
		return;
	zb_env_hook = NULL;
	while (nr_spare)
		EXPECT_EQ(unit_free(refilled, PB(START) + --nr_spare, 0), ZB_OK);
	if (make_low)
		unit_set_low(zone, true);
	if (isolated)
		unit_set_type(zone, 1, ZB_MIGRATE_ISOLATE);
}

/* Allocate a frame, which refills a list; returns how many frames are then listed. */
static unsigned int refill_with(struct unit_pool *p, unsigned int nr, bool low,
				bool isolate, unsigned int batch)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned int listed;
	unsigned long pfn;

	/* the refill uses pageblock 1, and takes frames of two of its words */
	for (nr_spare = 0; nr_spare < ZB_PAGEBLOCK_NR + 32; nr_spare++)
		ASSERT_EQ(unit_take(zone, 0, M), PB(START) + nr_spare);
	nr_spare = nr;
	refilled = p;
	make_low = low;
	isolated = isolate;
	zone->events[ZB_PCP_REFILL] = 0;
	zone->pcp_batch[0] = batch;
	zb_env_hook = after_the_lock;
	pfn = get(zone, 0, M);
	zb_env_hook = NULL;
	EXPECT(pfn != ZB_NO_PFN);
	EXPECT_EQ(zone->events[ZB_PCP_REFILL], 1);
	listed = on_list(zone, 0, M);
	EXPECT(!unit_isolated_listed(zone));
	if (low)
		unit_set_low(zone, false);
	if (isolate)
		unit_set_type(zone, 1, M);
	unit_pool_quiet(p);
	unit_free_all(p);
	EXPECT_EQ(zone->nr_free, zone->nr_pages);
	return listed;
}

/*
 * Before a refill lists the blocks that it has taken, other blocks may be listed, the zone
 * may become low, and the pageblock may be isolated.
 */
POOL_TEST_WITH(refill_lists_what_fits, make(1), unit_pool_end)
{
	EXPECT_EQ(refill_with(p, 0, false, false, 64), 63);
	/* the words have 31 and 32 frames */
	EXPECT_EQ(refill_with(p, 192, false, false, 64), 192 + 63);
	EXPECT_EQ(refill_with(p, 193, false, false, 64), 193 + 63);
	EXPECT_EQ(refill_with(p, 194, false, false, 64), 194 + 32);
	EXPECT_EQ(refill_with(p, 224, false, false, 64), 224 + 32);
	EXPECT_EQ(refill_with(p, 225, false, false, 64), 225);
	EXPECT_EQ(refill_with(p, 256, false, false, 64), 256);
	/* the words have 31 frames and one */
	EXPECT_EQ(refill_with(p, 255, false, false, 33), 256);
	EXPECT_EQ(refill_with(p, 256, false, false, 33), 256);
	EXPECT_EQ(refill_with(p, 0, true, false, 64), 0);
	EXPECT_EQ(refill_with(p, 0, false, true, 64), 0);
	zone->pcp_limit[0] = 40;
	EXPECT_EQ(refill_with(p, 0, false, false, 64), 39);
}

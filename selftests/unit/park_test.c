// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-CPU lists that are not used because they are parked or busy, or because the zone is
 * low; and which lists a request that may not sleep drains before it fails.
 */
#include "fast.h"
#include "isolate.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

#define MAX_HELD	BIT(18)

static const struct unit_geometry two_cpus = {
	.zones = { { 0, ZB_ZONE_NORMAL, 8, 4 } }, .nr_zones = 1, .cpus = 2,
};

/* While its lists are parked, a CPU uses the zone instead; afterwards, the lists again. */
POOL_TEST_WITH(parked_lists_are_left_alone, unit_pool_make(&two_cpus), unit_pool_end)
{
	unsigned long pfn, cached;

	unit_pool_long_lists(p);
	EXPECT_EQ(unit_free(p, unit_alloc(p, __ZB_GFP_MOVABLE, 0), 0), ZB_OK);
	cached = zb_pcp_nr_pages(zone, 0);
	EXPECT(cached > 0);
	EXPECT(zb_pcp_park(zone, 0, ZB_PCP_DRAINED));
	EXPECT(!zb_pcp_park(zone, 0, ZB_PCP_OFFLINE));
	EXPECT(!zb_fast_alloc(p->pool.nodes, __ZB_GFP_MOVABLE, 0, &pfn));
	pfn = unit_alloc(p, __ZB_GFP_MOVABLE, 0);
	ASSERT(pfn != ZB_NO_PFN);
	EXPECT(!zb_fast_free(&p->pool, pfn, 0));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT_EQ(zb_pcp_drain_own(zone), 0);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), cached);
	zb_pcp_drain(zone, 0);
	EXPECT_EQ(zone->nr_free, zone->nr_pages);
	/* unparking for another reason does not end it */
	zb_pcp_unpark(zone, 0, ZB_PCP_OFFLINE);
	EXPECT(zb_pcp_is_parked(zone, 0, ZB_PCP_DRAINED));
	EXPECT(!zb_pcp_is_parked(zone, 0, ZB_PCP_OFFLINE));
	zb_pcp_unpark(zone, 0, ZB_PCP_DRAINED);
	EXPECT(!zb_pcp_is_parked(zone, 0, ZB_PCP_DRAINED));
	EXPECT_EQ(unit_free(p, unit_alloc(p, __ZB_GFP_MOVABLE, 0), 0), ZB_OK);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), cached);
}

/* If the lists can't be used, one block is taken from the zone, not a batch. */
TEST(an_interrupt_takes_one_block)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 512, 512 } }, .nr_zones = 1,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn;
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		zone->pcp->busy = 1;
		pfn = unit_alloc(p, ZB_GFP_ATOMIC, order);
		ASSERT(pfn != ZB_NO_PFN);
		EXPECT_EQ(zone->nr_free, zone->nr_pages - BIT(order));
		EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 0);
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		EXPECT_EQ(zone->nr_free, zone->nr_pages);
		zone->pcp->busy = 0;
	}
	unit_pool_end(p);
}

/* Frames that other CPUs free while the zone is low go to the zone, not to their lists. */
TEST(frees_bypass_lists_when_low)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 512, 512 } }, .nr_zones = 1,
		.watermarks = true, .cpus = 8,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long *pfn = calloc(MAX_HELD, sizeof(*pfn));
	unsigned long n, bulk;
	unsigned int cpu, i;

	ASSERT(pfn);
	for (n = 0; n < MAX_HELD; n++) {
		pfn[n] = unit_alloc(p, ZB_GFP_ATOMIC | __ZB_GFP_NOWARN, 0);
		if (pfn[n] == ZB_NO_PFN)
			break;
	}
	EXPECT(zone->below_fast_wmark);
	for (cpu = 1; cpu < 8; cpu++) {
		zb_env_set_cpu(cpu);
		for (i = 0; n && i < 100 && zone->below_fast_wmark; i++, n--)
			if (!zb_fast_free(&p->pool, pfn[n - 1], 0))
				EXPECT_EQ(unit_free(p, pfn[n - 1], 0), ZB_OK);
		EXPECT_EQ(i, 100);
		EXPECT_EQ(zb_pcp_nr_pages(zone, cpu), 0);
	}
	zb_env_set_cpu(0);
	bulk = unit_alloc(p, ZB_GFP_ATOMIC | __ZB_GFP_NOWARN, 0);
	if (EXPECT(bulk != ZB_NO_PFN))
		EXPECT_EQ(unit_free(p, bulk, 0), ZB_OK);
	while (n)
		EXPECT_EQ(unit_free(p, pfn[--n], 0), ZB_OK);
	EXPECT(!zone->below_fast_wmark);
	free(pfn);
	unit_pool_end(p);
}

/* The size of a refill depends on frames usable for the request, e.g. without CMA. */
TEST(refills_keep_to_usable_memory)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 512, 512 } }, .nr_zones = 1,
		.watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long i, lowest = ~0ul, n = 0;

	for (i = 256; i < 512; i++)
		unit_set_type(zone, i, ZB_MIGRATE_CMA);
	while (unit_alloc(p, ZB_GFP_KERNEL | __ZB_GFP_NORETRY | __ZB_GFP_NOWARN, 0) !=
	       ZB_NO_PFN) {
		n++;
		if (zone->nr_free_pcptypes < lowest)
			lowest = zone->nr_free_pcptypes;
	}
	EXPECT(n > PB(200));
	EXPECT(lowest >= zone->watermark[ZB_ALLOC_WMARK_MIN]);
	unit_pool_quiet(p);
	unit_pool_free(p);
}

/* A refill takes a quarter of what is above the low watermark, in blocks. */
POOL_TEST_WITH(size_of_a_refill, unit_pool_one(8, 8), unit_pool_free)
{
	static const struct {
		unsigned int mt, alloc_flags, order;
		unsigned long low, reserve;
		unsigned int nr;
	} cases[] = {
		/* 2048 frames are free for all requests, and as many for CMA requests */
		{ U, 0, 0, 2048 - 40, 0, 10 }, { U, 0, 0, 2000, 8, 10 },
		{ U, 0, 1, 2048 - 40, 0, 5 }, { U, 0, 3, 2048 - 40, 0, 1 },
		{ U, 0, 0, 2047, 0, 1 }, { U, 0, 0, 2048, 0, 1 }, { U, 0, 0, 3000, 0, 1 },
		{ U, 0, 0, 2048 - 43, 0, 10 }, { U, 0, 0, 2048 - 44, 0, 11 },
		/* not more than the time that a refill may take allows */
		{ U, 0, 0, 0, 0, 64 }, { U, 0, 0, 1000, 24, 64 },
		{ U, 0, 0, 2048 - 64 * 4, 0, 64 }, { U, 0, 0, 2048 - 63 * 4, 0, 63 },
		{ M, ZB_ALLOC_CMA, 0, 4096 - 40, 0, 10 }, { M, ZB_ALLOC_CMA, 2, 3000, 0, 16 },
		{ M, ZB_ALLOC_CMA, 0, 4096, 0, 1 }, { M, 0, 0, 2048 - 40, 0, 10 },
	};
	struct zb_bulk words;
	unsigned int i, k, nr;

	for (i = 4; i < 8; i++)
		unit_set_type(zone, i, ZB_MIGRATE_CMA);
	unit_pool_long_lists(p);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zone->watermark[ZB_ALLOC_WMARK_LOW] = cases[i].low;
		zone->lowmem_reserve[ZB_NR_ZONES - 1] = cases[i].reserve;
		words.order = cases[i].order;
		zb_rmqueue_bulk(zone, cases[i].mt, cases[i].alloc_flags, 1000, &words, NULL);
		for (nr = 0, k = 0; k < words.nr; k++)
			nr += hweight64(words.bits[k]);
		if (!EXPECT_EQ(nr >> words.order, cases[i].nr))
			unit_note("case %u", i);
		zb_free_pcppages_bulk(zone, &words, cases[i].mt);
	}
	unit_set_low(zone, true);
	words.order = 0;
	zb_rmqueue_bulk(zone, U, 0, 1000, &words, NULL);
	EXPECT_EQ(words.nr, 1);
	EXPECT_EQ(hweight64(words.bits[0]), 1);
}

/*
 * All memory is free, but some of it is on this CPU's lists of other orders and mobilities:
 * a request that may not sleep can use it, as single frames and as one block.
 */
POOL_TEST_WITH(atomic_requests_drain_their_own_cpu, unit_pool_make(&two_cpus), unit_pool_end)
{
	unsigned long pfn, held[16];
	unsigned int i;

	unit_pool_long_lists(p);
	for (i = 0; i < 16; i++)
		held[i] = unit_alloc(p, ZB_GFP_KERNEL, i % 4);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(unit_free(p, held[i], i % 4), ZB_OK);
	EXPECT(zb_pcp_nr_pages(zone, 0) > 0);
	pfn = unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, zone->max_order);
	EXPECT(pfn != ZB_NO_PFN);
	EXPECT_EQ(unit_free(p, pfn, zone->max_order), ZB_OK);

	/* everything is allocated except for frames on a list of another mobility */
	for (i = 0; i < 4; i++)
		unit_fill_pageblock(zone, i, ZB_MIGRATE_MOVABLE, NULL);
	for (i = 0; i < 4; i++)
		unit_free_unref(zone, PB(8) + i, 0, false);
	zone->below_fast_wmark = 0;
	for (i = 4; i < 8; i++)
		unit_free_unref(zone, PB(8) + i, 0, false);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 4);
	for (i = 0; i < 8; i++)
		EXPECT(unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, 0) != ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, 0), ZB_NO_PFN);
	unit_free_all(p);
}

static unsigned int nr_later;

static void drain_later(struct zb_pool *pool)
{
	(void)pool;
	nr_later++;
}

/* Draining other CPUs' lists needs a grace period, so it helps later requests only. */
POOL_TEST_WITH(atomic_requests_start_a_drain_of_others, unit_pool_make(&two_cpus), unit_pool_end)
{
	const struct zb_ops ops = { .drain_later = drain_later };

	p->pool.ops = &ops;
	unit_pool_long_lists(p);
	zb_env_set_cpu(1);
	EXPECT_EQ(unit_free(p, unit_alloc(p, ZB_GFP_KERNEL, 0), 0), ZB_OK);
	zb_env_set_cpu(0);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, zone->max_order), ZB_NO_PFN);
	EXPECT_EQ(nr_later, 1);
	zb_pcp_drain(zone, 1);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, zone->max_order), PB(8));
	EXPECT_EQ(nr_later, 1);
	unit_free_all(p);
}

static struct unit_pool *busy_pool;
static unsigned long supply;

static void free_one_more(void)
{
	if (zb_env_pinned || zb_env_irqs_off || supply == PB(4))
		return;
	zb_env_hook = NULL;
	EXPECT(zb_fast_free(&busy_pool->pool, PB(8) + supply++, 0));
	zb_env_hook = free_one_more;
}

/* A drain ends even if frames are freed as fast as it drains. */
TEST(a_drain_ends_while_others_free)
{
	struct zb_zone *zone;
	unsigned int i;

	busy_pool = unit_pool_make(&two_cpus);
	zone = busy_pool->pool.zones;
	unit_pool_long_lists(busy_pool);
	for (i = 0; i < 4; i++)
		unit_fill_pageblock(zone, i, ZB_MIGRATE_MOVABLE, NULL);
	zone->fast_wmark = 0;
	zone->below_fast_wmark = 0;
	supply = 0;
	zb_env_hook = free_one_more;
	EXPECT(zb_pcp_drain_own(zone) <= ZB_PCP_CAPACITY(0));
	zb_env_hook = NULL;
	EXPECT(supply < PB(4));
	unit_free_all(busy_pool);
	unit_pool_end(busy_pool);
}

static unsigned int nr_low;

static void became_low(struct zb_pool *pool, struct zb_zone *zone)
{
	EXPECT(zone == pool->zones && zone->below_fast_wmark);
	nr_low++;
}

/* What the module does some time after zb_ops.became_low. */
static void drain_all_cpus(struct zb_zone *zone)
{
	unsigned int cpu;

	for (cpu = 0; cpu < zb_env_nr_cpus; cpu++) {
		zb_pcp_park(zone, cpu, ZB_PCP_DRAINED);
		zb_pcp_drain(zone, cpu);
		zb_pcp_unpark(zone, cpu, ZB_PCP_DRAINED);
	}
}

/* Allocate on each CPU and free it again, so that something is on its lists. */
static void fill_lists(struct unit_pool *p, unsigned int cpus)
{
	unsigned long held[64];
	unsigned int cpu, i;

	for (cpu = 0; cpu < cpus; cpu++) {
		zb_env_set_cpu(cpu);
		for (i = 0; i < ARRAY_SIZE(held); i++)
			held[i] = unit_alloc(p, ZB_GFP_KERNEL, i % 3);
		for (i = 0; i < ARRAY_SIZE(held); i++)
			EXPECT_EQ(unit_free(p, held[i], i % 3), ZB_OK);
		EXPECT(zb_pcp_nr_pages(p->pool.zones, cpu) > 0);
	}
}

/*
 * A request that may not sleep gets every frame down to the watermark on any CPU: the lists of
 * all CPUs were drained when the zone became low, and frees have bypassed them since.
 */
TEST(an_atomic_request_gets_every_frame)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 32, 32 } }, .nr_zones = 1,
		.watermarks = true, .cpus = 8,
	};
	const struct zb_ops ops = { .became_low = became_low };
	const zb_gfp_t gfp = ZB_GFP_NOWAIT | __ZB_GFP_NOWARN;
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn, n = 0;

	p->pool.ops = &ops;
	nr_low = 0;
	fill_lists(p, 8);
	for (zb_env_set_cpu(0); !nr_low; n++)
		ASSERT(unit_alloc(p, gfp, 0) != ZB_NO_PFN);
	EXPECT(zone->below_fast_wmark);
	unit_note("%lu frames on lists when it became low, at %lu of %lu free",
		  zb_zone_nr_cached(zone), zone->nr_free, zone->watermark[ZB_ALLOC_WMARK_LOW]);
	EXPECT(zb_zone_nr_cached(zone) > 0);
	drain_all_cpus(zone);
	for (;; n++) {
		zb_env_set_cpu(n % 8);
		pfn = unit_alloc(p, gfp, 0);
		if (pfn == ZB_NO_PFN)
			break;
		/* a freed frame is available to all CPUs */
		if (n % 3)
			continue;
		if (!zb_fast_free(&p->pool, pfn, 0))
			EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	}
	EXPECT_EQ(zb_zone_nr_cached(zone), 0);
	EXPECT_EQ(zone->nr_free, zone->watermark[ZB_ALLOC_WMARK_MIN]);
	zb_env_set_cpu(0);
	unit_free_all(p);
	unit_pool_end(p);
}

/* The hook is called once each time the zone becomes low, and not while it is low. */
TEST(low_is_reported_once)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 32, 32 } }, .nr_zones = 1,
		.watermarks = true,
	};
	const struct zb_ops ops = { .became_low = became_low };
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn = ZB_NO_PFN;
	unsigned int round, i;

	p->pool.ops = &ops;
	nr_low = 0;
	for (round = 1; round <= 3; round++) {
		while (!zone->below_fast_wmark)
			pfn = unit_alloc(p, ZB_GFP_NOWAIT, 0);
		EXPECT_EQ(nr_low, round);
		for (i = 0; i < 4; i++)
			EXPECT(unit_alloc(p, ZB_GFP_NOWAIT, 0) != ZB_NO_PFN);
		EXPECT_EQ(nr_low, round);
		EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
		unit_free_all(p);
		EXPECT(!zone->below_fast_wmark);
	}
	unit_pool_end(p);
}

/* Neither lists in use nor lists that have never been used are idle. */
POOL_TEST_WITH(idle_lists, unit_pool_make(&two_cpus), unit_pool_end)
{
	unsigned long pfn;

	zb_end_lists(zone, 0);
	zb_end_lists(zone, 1);
	unit_pool_long_lists(p);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	fill_lists(p, 1);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	EXPECT(zb_pcp_is_idle(zone, 0));
	EXPECT(!zb_pcp_is_idle(zone, 1));
	EXPECT(!zb_pcp_is_idle(zone, 1));
	/* each path counts as use */
	pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	EXPECT(zb_pcp_is_idle(zone, 0));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	if (EXPECT(zb_fast_alloc(p->pool.nodes, ZB_GFP_KERNEL, 0, &pfn))) {
		EXPECT(!zb_pcp_is_idle(zone, 0));
		EXPECT(zb_fast_free(&p->pool, pfn, 0));
		EXPECT(!zb_pcp_is_idle(zone, 0));
	}
	EXPECT(zb_pcp_is_idle(zone, 0));
	pfn = unit_alloc(p, ZB_GFP_KERNEL, 3);
	EXPECT(zb_fast_free(&p->pool, pfn, 3));
	EXPECT(!zb_pcp_is_idle(zone, 0));
	EXPECT(zb_fast_alloc(p->pool.nodes, ZB_GFP_KERNEL, 3, &pfn));
	EXPECT(!zb_pcp_is_idle(zone, 0));
	EXPECT(zb_fast_free(&p->pool, pfn, 3));
	EXPECT(!zb_pcp_is_idle(zone, 0));
	/* uses of one kind do not make up for uses of another */
	EXPECT(zb_fast_alloc(p->pool.nodes, ZB_GFP_KERNEL, 0, &pfn));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);
	EXPECT(zb_fast_free(&p->pool, pfn, 0));
	EXPECT(!zb_pcp_is_idle(zone, 0));
	/* the CPU still counts until zb_end_lists() */
	zb_pcp_drain(zone, 0);
	EXPECT(zb_pcp_is_idle(zone, 0));
	zb_end_lists(zone, 0);
	EXPECT(!zb_pcp_is_idle(zone, 0));
}

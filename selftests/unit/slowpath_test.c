// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slow path as a sequence of the hooks that it calls; unit_ops.h lists their letters.
 * Unless noted otherwise, the pool has one pageblock, which is allocated, so that there is
 * a single W.
 */
#include "compact.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define SLEEP	__ZB_GFP_DIRECT_RECLAIM
#define KSWAPD	__ZB_GFP_KSWAPD_RECLAIM

static struct unit_pool *full_pool(void)
{
	struct unit_pool *p = unit_pool_one(1, 1);

	p->pool.ops = &unit_recording_ops;
	ASSERT_EQ(unit_take(p->pool.zones, 9, U), PB(1));
	return p;
}

static void keep_half(struct zb_zone *zone, unsigned long pb)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		keep[i] = i % 2;
	unit_fill_pageblock(zone, pb, M, keep);
}

POOL_TEST_WITH(calls_before_failure, full_pool(), unit_pool_free_and_end)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int order;
		const char *calls;
	} cases[] = {
		/* these flags allow neither reclaim nor waking it */
		{ 0, 0, "F" }, { __ZB_GFP_IO | __ZB_GFP_FS, 0, "F" },
		{ ZB_GFP_NOWAIT, 0, "WF" }, { ZB_GFP_ATOMIC, 0, "WF" },
		{ ZB_GFP_NOWAIT, 5, "WF" }, { ZB_GFP_ATOMIC, 5, "WF" },
		{ __ZB_GFP_HIGH | __ZB_GFP_MEMALLOC, 0, "F" },
		{ ZB_GFP_NOWAIT | __ZB_GFP_MEMALLOC, 0, "WF" },
		{ ZB_GFP_NOWAIT | __ZB_GFP_REPEAT, 0, "WF" },
		{ ZB_GFP_TRANSHUGE, 9, "" },
		{ ZB_GFP_NOWAIT | __ZB_GFP_NOWARN, 0, "W" },
		/* Z: fast path, first attempt of the slow path, each round. */
		{ ZB_GFP_KERNEL, 0, "ZWZDRZF" }, { ZB_GFP_NOIO, 0, "ZWZDRZF" },
		{ ZB_GFP_KERNEL, 1, "ZWZDRCZF" }, { ZB_GFP_KERNEL, 9, "ZWZDRCZF" },
		{ SLEEP, 0, "ZZDRZF" }, { SLEEP | __ZB_GFP_NOWARN, 0, "ZZDRZ" },
		{ SLEEP | __ZB_GFP_NORETRY, 0, "ZZDRZF" },
		{ SLEEP | __ZB_GFP_NORETRY, 9, "ZZDRCZF" },
		/* requests without watermarks do not reclaim zones */
		{ SLEEP | __ZB_GFP_MEMALLOC, 0, "ZZDRF" },
		{ SLEEP | __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC, 0, "ZZDRZF" },
		/* sixteen rounds with fifteen pauses */
		{ SLEEP | __ZB_GFP_REPEAT, 0,
		  "ZZDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZSDRZF" },
		{ SLEEP | __ZB_GFP_REPEAT | __ZB_GFP_NORETRY, 0, "ZZDRZF" },
	};
	unsigned long failures;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_calls.waits = 1000;
		failures = atomic_long_read(&p->pool.failures);
		EXPECT_EQ(unit_alloc(p, cases[i].gfp, cases[i].order), ZB_NO_PFN);
		EXPECT_EQ(atomic_long_read(&p->pool.failures), failures + 1);
		if (!EXPECT_CALLS(cases[i].calls))
			unit_note("case %u", i);
	}
}

/* Without DIRECT_RECLAIM, no hook that may sleep is called, whatever the other flags. */
POOL_TEST_WITH(nothing_sleeps_without_direct_reclaim, full_pool(), unit_pool_free_and_end)
{
	unsigned int i, order;
	zb_gfp_t gfp;

	for (i = 0; i < 3000; i++) {
		do {
			gfp = unit_random() & ZB_GFP_BITS_MASK & ~SLEEP;
		} while (!zb_gfp_valid(gfp));
		order = unit_below(10);
		EXPECT_EQ(unit_alloc(p, gfp, order), ZB_NO_PFN);
		unit_calls.text[unit_calls.nr] = 0;
		EXPECT(!strpbrk(unit_calls.text, "DZRCS"));
		EXPECT_EQ(strchr(unit_calls.text, 'W') != 0,
			  !!(gfp & KSWAPD) && zb_gfp_zone(gfp) >= ZB_ZONE_NORMAL);
		EXPECT_EQ(strchr(unit_calls.text, 'F') != 0,
			  !(gfp & __ZB_GFP_NOWARN));
		EXPECT_EQ(strchr(unit_calls.text, '+') != 0,
			  !!(gfp & __ZB_GFP_ACCOUNT));
		unit_calls.nr = 0;
	}
}

/* Any of the hooks may free the memory; no further one is called then. */
POOL_TEST_WITH(memory_freed_by_a_hook, full_pool(), unit_pool_free_and_end)
{
	static const struct {
		zb_gfp_t gfp;
		char from;
		unsigned int after;
		const char *calls;
	} cases[] = {
		{ ZB_GFP_NOWAIT, 'W', 0, "Wfk" },
		{ ZB_GFP_KERNEL, 'W', 0, "ZWfk" },
		{ ZB_GFP_KERNEL, 'D', 0, "ZWZDfRCk" },
		{ ZB_GFP_KERNEL, 'R', 0, "ZWZDRfCk" },
		{ ZB_GFP_KERNEL, 'C', 0, "ZWZDRCfk" },
		{ ZB_GFP_KERNEL | __ZB_GFP_NORETRY, 'C', 0, "ZWZDRCfk" },
		{ SLEEP | __ZB_GFP_REPEAT, 'S', 0, "ZZDRCZSfDRCk" },
		{ SLEEP | __ZB_GFP_REPEAT, 'R', 1, "ZZDRCZSDRfCk" },
		{ SLEEP | __ZB_GFP_NOFAIL, 'S', 3,
		  "ZZDRCZSDRCZSDRCZSRCZSfDRCk" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_calls.waits = 1000;
		unit_calls.give_on = cases[i].from;
		unit_calls.give_after = cases[i].after;
		unit_calls.give_pfn = PB(1);
		unit_calls.give_order = 9;
		EXPECT_EQ(unit_alloc(p, cases[i].gfp, 9), PB(1));
		if (!EXPECT_CALLS(cases[i].calls))
			unit_note("case %u", i);
	}
	EXPECT_EQ(atomic_long_read(&p->pool.failures), 0);
}

/* Small requests continue while reclaim makes progress; large ones also use compaction. */
POOL_TEST_WITH(progress, full_pool(), unit_pool_free_and_end)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int order, reclaim, compact;
		const char *calls;
	} cases[] = {
		{ SLEEP, 0, 1, 0, "DRDR" }, { SLEEP, 0, 3, 0, "DRDRDRDR" },
		{ SLEEP, 3, 2, 0, "DRCDRCDRC" }, { SLEEP, 3, 0, 2, "DRCDRCDRC" },
		{ SLEEP, 3, 1, 2, "DRCDRCDRC" }, { SLEEP, 4, 3, 3, "DRC" },
		{ SLEEP | __ZB_GFP_NORETRY, 0, 3, 0, "DR" },
		{ SLEEP | __ZB_GFP_NORETRY, 3, 3, 3, "DRC" },
		/* others take all that is reclaimed: at most 16 times */
		{ SLEEP, 0, 1000, 0, "DRDRDRDRDRDRDRDRDRDRDRDRDRDRDRDRDR" },
		/* progress resets the count of rounds */
		{ SLEEP | __ZB_GFP_REPEAT, 0, 2, 0,
		  "DRDRDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDRSDR" },
	};
	struct zb_ops ops = unit_recording_ops;
	unsigned int i;

	ops.zone_reclaim = NULL;
	ops.report_failure = NULL;
	p->pool.ops = &ops;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_calls.waits = 1000;
		unit_calls.reclaim = cases[i].reclaim;
		unit_calls.compact = cases[i].compact;
		EXPECT_EQ(unit_alloc(p, cases[i].gfp, cases[i].order), ZB_NO_PFN);
		if (!EXPECT_CALLS(cases[i].calls))
			unit_note("case %u", i);
	}
	p->pool.ops = &unit_recording_ops;
}

/*
 * Compaction that succeeds again and again, although others take each block, and compaction
 * that fails, do not keep a request in the slow path forever.
 */
POOL_TEST_WITH(bounded_compaction, full_pool(), unit_pool_free_and_end)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int order;
		unsigned int successes;
		enum zb_compact_result then;
		unsigned int light, full, waits;	/* number of calls */
	} cases[] = {
		/* others take every block */
		{ SLEEP, 1, ~0u, ZB_COMPACT_SKIPPED, 17, 17, 0 },
		{ SLEEP, 3, ~0u, ZB_COMPACT_SKIPPED, 17, 17, 0 },
		{ SLEEP, 4, ~0u, ZB_COMPACT_SKIPPED, 1, 0, 0 },
		{ SLEEP | __ZB_GFP_NORETRY, 3, ~0u, ZB_COMPACT_SKIPPED, 1, 0, 0 },
		{ SLEEP | __ZB_GFP_REPEAT, 3, ~0u, ZB_COMPACT_SKIPPED, 17 + 15, 17, 15 },
		{ SLEEP | __ZB_GFP_REPEAT, 4, ~0u, ZB_COMPACT_SKIPPED, 5 + 15, 0, 15 },
		/* a failure is followed by one attempt with the highest priority */
		{ SLEEP, 1, 0, ZB_COMPACT_FAILED, 1, 1, 0 },
		{ SLEEP, 3, 0, ZB_COMPACT_DEFERRED, 1, 1, 0 },
		{ SLEEP, 3, 5, ZB_COMPACT_FAILED, 6, 1, 0 },
		{ SLEEP, 3, 5, ZB_COMPACT_SKIPPED, 6, 0, 0 },
		{ SLEEP, 9, 0, ZB_COMPACT_FAILED, 1, 0, 0 },
		{ SLEEP | __ZB_GFP_REPEAT, 3, 0, ZB_COMPACT_FAILED, 1 + 15, 1, 15 },
		{ SLEEP | __ZB_GFP_REPEAT, 9, 0, ZB_COMPACT_FAILED, 16, 0, 15 },
		/* an order-0 request does not compact */
		{ SLEEP, 0, ~0u, ZB_COMPACT_SUCCESS, 0, 0, 0 },
	};
	struct zb_ops ops = { .compact = unit_recording_ops.compact,
			      .wait = unit_recording_ops.wait };
	unsigned int i, k, light, full, waits;

	p->pool.ops = &ops;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_calls.compact = cases[i].successes;
		unit_calls.compact_result = cases[i].then;
		unit_calls.waits = 1000;
		unit_calls.nr = 0;
		light = 0;
		full = 0;
		waits = 0;
		EXPECT_EQ(unit_alloc(p, cases[i].gfp, cases[i].order), ZB_NO_PFN);
		for (k = 0; k < unit_calls.nr; k++) {
			light += unit_calls.text[k] == 'C';
			full += unit_calls.text[k] == 'X';
			waits += unit_calls.text[k] == 'S';
		}
		EXPECT_EQ(light, cases[i].light);
		EXPECT_EQ(full, cases[i].full);
		if (!EXPECT_EQ(waits, cases[i].waits))
			unit_note("case %u", i);
	}
	p->pool.ops = &unit_recording_ops;
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
}

/* Memory is compacted for a waiting request if that can help, and with all effort. */
POOL_TEST_WITH(compaction_for_a_waiter, unit_pool_one(1, 2), unit_pool_free_and_end)
{
	struct zb_alloc_request req = { .gfp = SLEEP, .nr_pages = 512 };
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	unit_take_from(p->pool.zones, 0, 9);
	/* a block is free, but all of the free memory is in it */
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	EXPECT_CALLS("R");
	for (i = 0; i < 2; i++)
		unit_free_pageblock(p->pool.zones, i);
	for (i = 0; i < 2; i++)
		keep_half(p->pool.zones, i);
	unit_calls.nr = 0;
	unit_calls.compact_result = ZB_COMPACT_FAILED;
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_FAILED);
	EXPECT_CALLS("RDX");
	/* a length is served by a block of the next larger order */
	req.nr_pages = 300;
	unit_calls.compact = 1;
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SUCCESS);
	EXPECT_EQ(unit_calls.order, 9);
	EXPECT_CALLS("RDX");
	/* one page needs no compaction */
	req.nr_pages = 1;
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	EXPECT_CALLS("R");
	/* this request may not sleep */
	req = (struct zb_alloc_request){ .gfp = KSWAPD, .nr_pages = 512 };
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	/* not enough is free */
	req = (struct zb_alloc_request){ .gfp = SLEEP, .nr_pages = 1024 };
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	EXPECT_CALLS("");
}

/* A NOFAIL request ends when the wait hook returns false because the task was killed. */
POOL_TEST_WITH(nofail_until_killed, full_pool(), unit_pool_free_and_end)
{
	static const struct zb_alloc_policy killable = { .killable = true };
	static const struct zb_alloc_policy any = { .nr_bits = 0 };
	struct zb_ops ops = unit_recording_ops;
	unsigned long stalls;

	ops.zone_reclaim = NULL;
	p->pool.ops = &ops;
	unit_calls.waits = 4;
	EXPECT_EQ(unit_alloc_block(&p->pool, SLEEP | __ZB_GFP_NOFAIL, 0, 0,
				   &killable), ZB_NO_PFN);
	EXPECT(unit_calls.killable);
	/* no drain in the third round without progress */
	EXPECT_CALLS("DRSDRSDRSRSDRSF");
	stalls = atomic_long_read(&p->pool.stalls);
	EXPECT_EQ(stalls, 5);
	EXPECT_EQ(unit_alloc_block(&p->pool, SLEEP | __ZB_GFP_REPEAT, 0, 0,
				   &any), ZB_NO_PFN);
	EXPECT(!unit_calls.killable);
	EXPECT_CALLS("DRSF");
	EXPECT_EQ(atomic_long_read(&p->pool.stalls), stalls + 1);
	/* a thousand rounds; NORETRY has no effect */
	unit_calls.waits = 5000;
	unit_calls.give_on = 'S';
	unit_calls.give_after = 999;
	unit_calls.give_pfn = PB(1);
	unit_calls.give_order = 9;
	EXPECT_EQ(unit_alloc_block(&p->pool, SLEEP | __ZB_GFP_NOFAIL |
				      __ZB_GFP_NORETRY, 0, 0, NULL), PB(1));
	EXPECT_EQ(atomic_long_read(&p->pool.stalls), stalls + 1002);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
}

/*
 * A NOFAIL request goes on reclaiming, and waking the background reclaim, even if others take
 * what it has reclaimed more often than makes other requests give up.
 */
POOL_TEST_WITH(nofail_keeps_reclaiming, full_pool(), unit_pool_free_and_end)
{
	struct zb_ops ops = unit_recording_ops;
	unsigned int i, wakes = 0, reclaims = 0, waits = 0;

	ops.zone_reclaim = NULL;
	ops.drain_all = NULL;
	p->pool.ops = &ops;
	unit_calls.reclaim = 20;
	unit_calls.waits = 40;
	EXPECT_EQ(unit_alloc_block(&p->pool, ZB_GFP_KERNEL | __ZB_GFP_NOFAIL, 0, 0,
				   &(struct zb_alloc_policy){ .killable = true }), ZB_NO_PFN);
	for (i = 0; i < unit_calls.nr; i++) {
		wakes += unit_calls.text[i] == 'W';
		reclaims += unit_calls.text[i] == 'R';
		waits += unit_calls.text[i] == 'S';
	}
	EXPECT_EQ(unit_calls.reclaim, 0);
	EXPECT_EQ(reclaims, 16 + 41);
	EXPECT_EQ(waits, 41);
	EXPECT_EQ(wakes, 1 + 40);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
}

/* Drains of all CPUs become rarer, but do not stop. */
POOL_TEST_WITH(nofail_drains_rarely, unit_pool_one(1, 1), unit_pool_free_and_end)
{
	struct zb_ops ops = unit_recording_ops;
	unsigned long pfn = unit_take(p->pool.zones, 9, U);

	ops.drain_all = p->pool.ops->drain_all;
	ops.zone_reclaim = NULL;
	p->pool.ops = &ops;
	unit_calls.waits = 5000;
	unit_calls.give_on = 'S';
	unit_calls.give_after = 999;
	unit_calls.give_pfn = pfn;
	unit_calls.give_order = 9;
	EXPECT_EQ(unit_alloc(p, SLEEP | __ZB_GFP_NOFAIL, 0), PB(1));
	/* rounds 0, 1, 2, 4, ... 512 and multiples of 64 */
	EXPECT_EQ(p->nr_drains, 7 + 1000 / 64);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
}

/* The reclaim hooks get the original flags and the order. */
POOL_TEST_WITH(arguments_of_hooks, full_pool(), unit_pool_free_and_end)
{
	struct zb_ops ops = { .direct_reclaim = unit_recording_ops.direct_reclaim };
	struct zb_ops failed = { .report_failure = unit_recording_ops.report_failure };

	p->pool.ops = &ops;
	unit_alloc(p, ZB_GFP_NOIO, 3);
	EXPECT_EQ(unit_calls.gfp, ZB_GFP_NOIO);
	EXPECT_EQ(unit_calls.order, 3);
	EXPECT_CALLS("R");
	unit_alloc(p, ZB_GFP_TEMPORARY, 0);
	EXPECT_EQ(unit_calls.gfp, ZB_GFP_TEMPORARY);
	EXPECT_CALLS("R");
	p->pool.ops = &failed;
	unit_alloc(p, __ZB_GFP_COMP, 7);
	EXPECT_EQ(unit_calls.gfp, __ZB_GFP_COMP);
	EXPECT_EQ(unit_calls.order, 7);
	EXPECT_EQ(unit_calls.nid, 0);
	EXPECT_CALLS("F");
}

/* A pool without any hooks. */
POOL_TEST_WITH(no_hooks, full_pool(), unit_pool_end)
{
	static const struct zb_ops none;
	const zb_gfp_t all = ZB_GFP_KERNEL_ACCOUNT | __ZB_GFP_ZERO;

	p->pool.ops = &none;
	EXPECT_EQ(unit_alloc(p, all, 0), ZB_NO_PFN);
	EXPECT_EQ(unit_alloc(p, all | __ZB_GFP_REPEAT, 5), ZB_NO_PFN);
	EXPECT_EQ(atomic_long_read(&p->pool.failures), 2);
	EXPECT_EQ(atomic_long_read(&p->pool.stalls), 17);
	EXPECT_EQ(unit_free(p, PB(1), 9), ZB_OK);
	EXPECT_EQ(unit_free(p, PB(1), 9), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(unit_alloc(p, all, 4), PB(1));
	EXPECT_EQ(unit_free(p, PB(1), 4), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(unit_alloc_exact(p, all, 5), PB(1));
	EXPECT_EQ(unit_free_exact(p, PB(1), 5), ZB_OK);
	p->pool.ops = &unit_recording_ops;
}

POOL_TEST_WITH(account, full_pool(), unit_pool_free_and_end)
{
	unsigned long failures;

	EXPECT_EQ(unit_alloc(p, __ZB_GFP_ACCOUNT, 2), ZB_NO_PFN);
	EXPECT_EQ(unit_calls.order, 2);
	EXPECT_CALLS("+F-");
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL_ACCOUNT | __ZB_GFP_NOWARN, 0),
		  ZB_NO_PFN);
	EXPECT_CALLS("+ZWZDRZ-");
	EXPECT_EQ(unit_free(p, PB(1), 9), ZB_OK);
	EXPECT_CALLS("f");
	/* a refused charge allocates nothing and is not counted as an allocation failure */
	failures = atomic_long_read(&p->pool.failures);
	unit_calls.refuse = true;
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL_ACCOUNT, 4), ZB_NO_PFN);
	EXPECT_EQ(unit_calls.gfp, ZB_GFP_KERNEL_ACCOUNT);
	EXPECT_EQ(unit_calls.order, 4);
	EXPECT_CALLS("+");
	EXPECT_EQ(atomic_long_read(&p->pool.failures), failures);
	EXPECT_EQ(p->pool.zones->nr_free, PB(1));
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL_ACCOUNT, 4), PB(1));
	EXPECT_CALLS("+k");
	/* requests without ACCOUNT are not charged */
	unit_calls.refuse = true;
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 4), PB(1) + 16);
	EXPECT_CALLS("k");
}

/* Background reclaim is woken for each zone that the request may use. */
TEST(wakes_background_reclaim)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 1, 1 }, { 0, ZB_ZONE_NORMAL, 2, 1 },
			{ 0, ZB_ZONE_MOVABLE, 3, 1 }, { 1, ZB_ZONE_NORMAL, 4, 1 },
		},
		.nr_zones = 4,
	};
	struct unit_pool *p = unit_pool_make(&g);
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 9), PB(2));
	EXPECT_CALLS("k");
	for (i = 0; i < 4; i++)
		unit_take(&p->pool.zones[i], 9, M);
	unit_alloc(p, ZB_GFP_NOWAIT, 4);
	EXPECT_EQ(unit_calls.zones, 0xb);
	EXPECT_EQ(unit_calls.order, 4);
	EXPECT_CALLS("WWWF");
	unit_alloc(p, ZB_GFP_DMA32 | ZB_GFP_NOWAIT, 0);
	EXPECT_EQ(unit_calls.zones, 0x1);
	EXPECT_CALLS("WF");
	unit_alloc(p, ZB_GFP_HIGHUSER_MOVABLE | __ZB_GFP_NORETRY, 0);
	EXPECT_EQ(unit_calls.zones, 0xf);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	unit_pool_free_and_end(p);
}

/* It is not woken for zones that the request may not use. */
TEST(wakes_reclaim_of_allowed_nodes_only)
{
	static const unsigned long node0 = 1, node1 = 2;
	static const struct {
		zb_gfp_t gfp;
		const unsigned long *nodemask, *cpuset;
		unsigned long zones;
	} cases[] = {
		{ ZB_GFP_NOWAIT, NULL, NULL, 0x3 },
		{ ZB_GFP_NOWAIT | __ZB_GFP_THISNODE, NULL, NULL, 0x1 },
		{ ZB_GFP_NOWAIT, &node1, NULL, 0x2 },
		{ ZB_GFP_NOWAIT | __ZB_GFP_HARDWALL, NULL, &node0, 0x1 },
		{ ZB_GFP_NOWAIT, NULL, &node0, 0x3 },
		{ ZB_GFP_ATOMIC | __ZB_GFP_HARDWALL, NULL, &node0, 0x3 },
	};
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 1, 1 }, { 1, ZB_ZONE_NORMAL, 2, 1 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_policy policy = { .nr_bits = 64 };
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	for (i = 0; i < 2; i++)
		unit_take(&p->pool.zones[i], 9, M);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		policy.nodemask = cases[i].nodemask;
		policy.cpuset = cases[i].cpuset;
		unit_alloc_block(&p->pool, cases[i].gfp, 0, 0, &policy);
		if (!EXPECT_EQ(unit_calls.zones, cases[i].zones))
			unit_note("case %u", i);
		unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	}
	unit_pool_free_and_end(p);
}

/* HighAtomic reserves of nodes that the request may not use are kept. */
TEST(unreserves_on_allowed_nodes_only)
{
	static const unsigned long node0 = 1;
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 1, 2 }, { 1, ZB_ZONE_NORMAL, 4, 2 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_policy policy = { .nodemask = &node0, .nr_bits = 64 };
	struct zb_zone *zone = &p->pool.zones[1];

	unit_take(&p->pool.zones[0], 9, M);
	unit_take(&p->pool.zones[0], 9, M);
	unit_take(zone, 9, M);
	unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
	EXPECT_EQ(unit_alloc_block(&p->pool, ZB_GFP_KERNEL | __ZB_GFP_REPEAT, 0,
				   0, &policy), ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 1);
	policy.nodemask = NULL;
	EXPECT(unit_alloc_block(&p->pool, ZB_GFP_KERNEL | __ZB_GFP_REPEAT, 0,
				0, &policy) != ZB_NO_PFN);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], 0);
	unit_pool_free_and_end(p);
}

/* The last HighAtomic pageblock is kept in the first round of a request that is retried. */
TEST(last_reserve_in_the_second_round)
{
	static const char *const calls[] = { "ZZDRZSDRk", "ZZDRk" };
	struct unit_pool *p;
	struct zb_zone *zone;
	unsigned int nr;

	for (nr = 1; nr <= 2; nr++) {
		p = unit_pool_one(4, 1 + nr);
		zone = p->pool.zones;
		p->pool.ops = &unit_recording_ops;
		unit_take_from(zone, 0, 9);
		unit_set_type(zone, 1, ZB_MIGRATE_HIGHATOMIC);
		unit_set_type(zone, nr, ZB_MIGRATE_HIGHATOMIC);
		unit_calls.waits = 1000;
		EXPECT(unit_alloc(p, SLEEP | __ZB_GFP_REPEAT, 0) != ZB_NO_PFN);
		EXPECT_CALLS(calls[nr - 1]);
		EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_HIGHATOMIC], nr - 1);
		unit_pool_free(p);
	}
}

/* Which flags allow the first attempt of the slow path below min; see watermark_test.c. */
POOL_TEST_WITH(reserves_of_the_first_attempt, unit_pool_one(1, 1), unit_pool_free_and_end)
{
	static const struct {
		zb_gfp_t gfp;
		const char *calls;
	} cases[] = {
		{ SLEEP, "ZZDRZF" }, { SLEEP | __ZB_GFP_HIGH, "Zk" },
		{ __ZB_GFP_ATOMIC, "F" }, { ZB_GFP_ATOMIC, "Wk" },
		{ SLEEP | __ZB_GFP_MEMALLOC, "ZZk" }, { __ZB_GFP_MEMALLOC, "k" },
	};
	unsigned int i;

	p->pool.ops = &unit_recording_ops;
	p->pool.zones->watermark[ZB_ALLOC_WMARK_MIN] = 690;
	p->pool.zones->watermark[ZB_ALLOC_WMARK_LOW] = 700;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_alloc(p, cases[i].gfp, 0);
		if (!EXPECT_CALLS(cases[i].calls))
			unit_note("case %u", i);
	}
}

/* The zones are compacted in turn until one of them has a free block. */
TEST(compacts_until_it_succeeds)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 1, 1 }, { 1, ZB_ZONE_NORMAL, 2, 1 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_request req = { .gfp = SLEEP, .nr_pages = 2, .nid = 0 };

	p->pool.ops = &unit_recording_ops;
	unit_keep_frames(p->pool.zones, 0, M, 256);
	unit_keep_frames(p->pool.zones + 1, 0, M, 256);
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SKIPPED);
	EXPECT_EQ(unit_calls.zones, 0x3);
	EXPECT_CALLS("RRDXX");
	unit_calls.compact_result = ZB_COMPACT_FAILED;
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_FAILED);
	EXPECT_CALLS("RRDXX");
	unit_calls.compact = 1;
	EXPECT_EQ(zb_pool_compact_for(&p->pool, &req), ZB_COMPACT_SUCCESS);
	EXPECT_CALLS("RRDX");
	unit_pool_free_and_end(p);
}

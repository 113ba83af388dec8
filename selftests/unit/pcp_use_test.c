// SPDX-License-Identifier: GPL-2.0-only
/* Which CPUs use their lists, and what all of them keep back of a zone. */
#include "fast.h"
#include "unit_pool.h"

#define MANY_CPUS	64u
#define NR_HELD		300u

#define LOW(zone)	((zone)->watermark[ZB_ALLOC_WMARK_LOW])

static unsigned int nr_later;

static void drain_later(struct zb_pool *pool)
{
	(void)pool;
	nr_later++;
}

static const struct zb_ops ops = { .drain_later = drain_later };

/* A pool whose lists no CPU has used yet. */
static struct unit_pool *make_unused(const struct unit_geometry *g)
{
	struct unit_pool *p = unit_pool_make(g);
	struct zb_zone *zone;
	unsigned int cpu;

	p->pool.ops = &ops;
	zb_pool_tune(&p->pool, 1);
	zb_for_each_zone(zone, &p->pool)
		for (cpu = 0; cpu < zb_env_nr_cpus; cpu++)
			zb_end_lists(zone, cpu);
	nr_later = 0;
	return p;
}

static struct unit_pool *make_eight(void)
{
	/* the low watermark is divided even by two CPUs */
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 16, 16 } }, .nr_zones = 1, .cpus = 8,
		.watermarks = true,
	};

	return make_unused(&g);
}

static unsigned long fast_alloc(struct unit_pool *p)
{
	unsigned long pfn;

	return zb_fast_alloc(p->pool.nodes, ZB_GFP_KERNEL, 0, &pfn) ? pfn : ZB_NO_PFN;
}

/* Free a frame by the fast path. */
static bool fast_free(struct unit_pool *p, unsigned long pfn)
{
	return zb_fast_free(&p->pool, pfn, 0);
}

/*
 * Lists become shorter when the number of CPUs exceeds a power of two. They are drained if one of
 * them is too long then: a refill adds 64 frames, and two CPUs may have more than that.
 */
POOL_TEST_WITH(the_first_use_counts, make_eight(), unit_pool_end)
{
	static const unsigned int sharing[] = { 1, 2, 4, 4, 8, 8, 8, 8 };
	static const unsigned int drains[] = { 0, 0, 1, 1, 2, 2, 2, 2 };
	unsigned long pfn[8];
	unsigned int cpu;

	EXPECT(LOW(zone) < ZB_PCP_HIGH_MAX && LOW(zone) >= 64);
	EXPECT_EQ(zone->nr_list_cpus, 0);
	EXPECT_EQ(zone->pcp_high, LOW(zone));
	for (cpu = 0; cpu < 8; cpu++) {
		zb_env_set_cpu(cpu);
		EXPECT_EQ(fast_alloc(p), ZB_NO_PFN);
		pfn[cpu] = unit_alloc(p, ZB_GFP_KERNEL, 0);
		EXPECT_EQ(zone->nr_list_cpus, cpu + 1);
		EXPECT_EQ(zone->pcp_high, LOW(zone) / sharing[cpu]);
		EXPECT_EQ(zone->pcp_limit[0], zone->pcp_high);
		EXPECT_EQ(zone->fast_top[zb_pcp_list(3, 0)],
			  zb_pcp_start[zb_pcp_list(3, 0)] + zone->pcp_limit[3]);
		EXPECT_EQ(nr_later, drains[cpu]);
		/* from now on the fast path works */
		EXPECT(fast_free(p, pfn[cpu]));
		EXPECT_EQ(fast_alloc(p), pfn[cpu]);
	}
	for (cpu = 0; cpu < 8; cpu++)
		EXPECT_EQ(unit_free(p, pfn[cpu], 0), ZB_OK);
}

/* Nothing is drained if no list is too long for the number of CPUs. */
POOL_TEST_WITH(short_lists_stay, make_eight(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);

	unit_pool_drain(p);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	zb_env_set_cpu(1);
	pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);
	EXPECT_EQ(zone->nr_list_cpus, 2);
	EXPECT_EQ(zone->pcp_high, LOW(zone) / 2);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 1);
	EXPECT_EQ(nr_later, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
}

/* A CPU that only frees uses its lists too. */
POOL_TEST_WITH(a_free_is_a_use, make_eight(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);

	zb_env_set_cpu(5);
	EXPECT(!fast_free(p, pfn));
	EXPECT(!zb_fast_free_full(&p->pool, pfn, 0));
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 5), 1);
	EXPECT_EQ(zone->nr_list_cpus, 2);
}

/* Blocks that are never listed make no difference. */
POOL_TEST_WITH(large_blocks_are_no_use, make_eight(), unit_pool_end)
{
	unsigned long pfn = unit_alloc(p, ZB_GFP_KERNEL, ZB_PAGEBLOCK_ORDER);

	EXPECT_EQ(zone->pcp_limit[ZB_PAGEBLOCK_ORDER], 0);
	EXPECT_EQ(unit_free(p, pfn, ZB_PAGEBLOCK_ORDER), ZB_OK);
	EXPECT_EQ(zone->nr_list_cpus, 0);
}

/* If CPUs stop to use their lists, those of the others may be longer. */
POOL_TEST_WITH(cpus_that_are_idle_do_not_count, make_eight(), unit_pool_end)
{
	static const unsigned int sharing[] = { 8, 8, 8, 4, 4, 2, 1, 1 };
	unsigned int cpu;

	for (cpu = 0; cpu < 8; cpu++) {
		zb_env_set_cpu(cpu);
		EXPECT_EQ(unit_free(p, unit_alloc(p, ZB_GFP_KERNEL, 0), 0), ZB_OK);
	}
	for (cpu = 0; cpu < 8; cpu++) {
		unit_end_lists(zone, cpu);
		EXPECT_EQ(zone->nr_list_cpus, 7 - cpu);
		EXPECT_EQ(zone->pcp_high, LOW(zone) / sharing[cpu]);
	}
	/* once is enough */
	unit_end_lists(zone, 0);
	EXPECT_EQ(zone->nr_list_cpus, 0);
	EXPECT_EQ(nr_later, 2);
}

/* A CPU that is offline may still handle interrupts, but does not use its lists. */
POOL_TEST_WITH(offline_cpus_do_not_count, make_eight(), unit_pool_end)
{
	EXPECT(zb_pcp_park(zone, 0, ZB_PCP_OFFLINE));
	EXPECT_EQ(unit_free(p, unit_alloc(p, ZB_GFP_KERNEL, 0), 0), ZB_OK);
	EXPECT_EQ(zone->nr_list_cpus, 0);
	zb_pcp_unpark(zone, 0, ZB_PCP_OFFLINE);
	EXPECT_EQ(unit_free(p, unit_alloc(p, ZB_GFP_KERNEL, 0), 0), ZB_OK);
	EXPECT_EQ(zone->nr_list_cpus, 1);
}

/* What is on the lists of all CPUs, which are drained if that was requested. */
static void check_cached(struct unit_pool *p, unsigned long most[2])
{
	unsigned long nr;
	unsigned int i;

	if (nr_later)
		unit_pool_drain(p);
	nr_later = 0;
	for (i = 0; i < 2; i++) {
		nr = zb_zone_nr_cached(&p->pool.zones[i]);
		EXPECT(nr <= LOW(&p->pool.zones[i]));
		if (most[i] < nr)
			most[i] = nr;
	}
}

static void use_both_zones(struct unit_pool *p, unsigned long most[2])
{
	unsigned long pfn[2][NR_HELD] = {};
	struct { unsigned int order; } held[2][NR_HELD] = {};
	unsigned int i, nid;

	for (i = 0; i < NR_HELD; i++)
		for (nid = 0; nid < 2; nid++) {
			held[nid][i].order = unit_below(4) ? 0 : unit_below(4);
			pfn[nid][i] = unit_alloc_block(&p->pool, ZB_GFP_KERNEL, held[nid][i].order,
						       nid, NULL);
			ASSERT(pfn[nid][i] != ZB_NO_PFN);
			check_cached(p, most);
		}
	for (i = 0; i < NR_HELD; i++)
		for (nid = 0; nid < 2; nid++) {
			if (!zb_fast_free(&p->pool, pfn[nid][i], held[nid][i].order) &&
			    !zb_fast_free_full(&p->pool, pfn[nid][i], held[nid][i].order))
				EXPECT_EQ(unit_free(p, pfn[nid][i], held[nid][i].order), ZB_OK);
			check_cached(p, most);
		}
}

/* 64 CPUs keep no more of a zone on their lists than its low watermark, nor of a remote one. */
TEST(many_cpus_keep_back_the_low_watermark_at_most)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 0, 512 }, { 1, ZB_ZONE_NORMAL, 512, 128 } },
		.nr_zones = 2, .cpus = MANY_CPUS, .watermarks = true,
	};
	struct unit_pool *p = make_unused(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long most[2] = { 0, 0 };
	unsigned int cpu;

	for (cpu = 0; cpu < MANY_CPUS; cpu++) {
		zb_env_set_cpu(cpu);
		use_both_zones(p, most);
	}
	unit_note("%u CPUs: at most %lu frames of a zone of %lu on lists, low watermark %lu",
		  MANY_CPUS, most[0], zone[0].nr_pages, LOW(&zone[0]));
	unit_note("%u CPUs: at most %lu frames of a remote zone of %lu on lists, low watermark %lu",
		  MANY_CPUS, most[1], zone[1].nr_pages, LOW(&zone[1]));
	EXPECT_EQ(zone[0].nr_list_cpus, MANY_CPUS);
	EXPECT_EQ(zone[1].nr_list_cpus, MANY_CPUS);
	/* and not much less, so that lists are of use */
	EXPECT(most[0] >= LOW(&zone[0]) / 2);
	unit_pool_end(p);
}

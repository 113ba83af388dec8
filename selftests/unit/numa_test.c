// SPDX-License-Identifier: GPL-2.0-only
/* The numa_* counters, and counters of events in general. */
#include "fast.h"
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static const struct unit_geometry two_nodes = {
	.zones = {
		{ 0, ZB_ZONE_NORMAL, 1, 2 }, { 1, ZB_ZONE_NORMAL, 3, 2 },
	},
	.nr_zones = 2, .cpus = 3,
};

/* Check the counts of an event so far, zone by zone. */
static void expect_events(struct unit_pool *p, enum zb_event event,
			  unsigned long zone0, unsigned long zone1)
{
	if (!EXPECT_EQ(zb_zone_events(&p->pool.zones[0], event), zone0) ||
	    !EXPECT_EQ(zb_zone_events(&p->pool.zones[1], event), zone1))
		unit_note("event %u", event);
}

static void expect_numa(struct unit_pool *p, const unsigned long numbers[5][2])
{
	static const enum zb_event events[] = {
		ZB_NUMA_HIT, ZB_NUMA_MISS, ZB_NUMA_FOREIGN, ZB_NUMA_LOCAL,
		ZB_NUMA_OTHER,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		expect_events(p, events[i], numbers[i][0], numbers[i][1]);
}

static int apart(int from, int to)
{
	return 10 + abs(from - to);
}

static unsigned long get(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
			 int nid)
{
	return unit_alloc_block(&p->pool, gfp, order, nid, NULL);
}

/* A CPU of @cpu_node requests memory of node @nid; node 0 has free memory or not. */
TEST(one_request)
{
	static const struct {
		int cpu_node, nid;
		bool full;
		zb_gfp_t gfp;
		/* hit, miss, foreign, local, other: { node 0, node 1 } */
		unsigned long numbers[5][2];
	} cases[] = {
		{ 0, 0, false, 0, { { 1, 0 }, { 0, 0 }, { 0, 0 }, { 1, 0 }, { 0, 0 } } },
		{ 1, 0, false, 0, { { 1, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 }, { 1, 0 } } },
		{ 0, 1, false, 0, { { 0, 1 }, { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 1 } } },
		{ 1, 1, false, 0, { { 0, 1 }, { 0, 0 }, { 0, 0 }, { 0, 1 }, { 0, 0 } } },
		{ 0, 0, true, 0, { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, 0 }, { 0, 1 } } },
		{ 1, 0, true, 0, { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, 1 }, { 0, 0 } } },
		/* on behalf of node 0: counted like a request by one of its CPUs */
		{ 1, 0, false, __ZB_GFP_OTHER_NODE,
		  { { 1, 0 }, { 0, 0 }, { 0, 0 }, { 1, 0 }, { 0, 0 } } },
		{ 1, 0, true, __ZB_GFP_OTHER_NODE,
		  { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, 0 }, { 0, 1 } } },
	};
	unsigned int i, order, busy;
	struct unit_pool *p;
	unsigned long pfn;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (order = 0; order < 8; order++)
			for (busy = 0; busy < 2; busy++) {
				p = unit_pool_make(&two_nodes);
				zb_env_node = cases[i].cpu_node;
				zb_env_set_cpu(order % 3);
				if (cases[i].full)
					unit_take(p->pool.zones, 9, M);
				if (cases[i].full)
					unit_take(p->pool.zones, 9, M);
				/* a request in an interrupt is counted in the same way */
				p->pool.zones[0].pcp[order % 3].busy = busy;
				p->pool.zones[1].pcp[order % 3].busy = busy;
				pfn = get(p, cases[i].gfp, order, cases[i].nid);
				expect_numa(p, cases[i].numbers);
				expect_events(p, ZB_PGALLOC,
					      pfn < PB(3) ? BIT(order) : 0,
					      pfn < PB(3) ? 0 : BIT(order));
				EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
				expect_numa(p, cases[i].numbers);
				expect_events(p, ZB_PGFREE,
					      pfn < PB(3) ? BIT(order) : 0,
					      pfn < PB(3) ? 0 : BIT(order));
				p->pool.zones[0].pcp[order % 3].busy = 0;
				p->pool.zones[1].pcp[order % 3].busy = 0;
				unit_pool_free(p);
			}
}

/* Random operations on all CPUs: the sums of the counters are correct. */
POOL_TEST_WITH(sums, unit_pool_make(&two_nodes), unit_pool_end)
{
	unsigned long got = 0, put = 0, calls = 0, misses = 0, local = 0, sum;
	struct { unsigned long pfn, nr; } held[100];
	unsigned int i, nr = 0, step;
	int nid;

	for (step = 0; step < 4000; step++) {
		zb_env_set_cpu(unit_below(3));
		zb_env_node = unit_below(2);
		if (unit_below(20) == 0)
			unit_pool_drain(p);
		if (nr < ARRAY_SIZE(held) && unit_below(2)) {
			nid = unit_below(2);
			held[nr].nr = 1 + unit_below(60);
			held[nr].pfn = zb_pool_alloc_exact(&p->pool, 0, held[nr].nr,
							   nid, NULL);
			if (held[nr].pfn == ZB_NO_PFN)
				continue;
			calls++;
			got += held[nr].nr;
			misses += (held[nr].pfn >= PB(3)) != nid;
			local += (held[nr].pfn >= PB(3)) == zb_env_node;
			nr++;
		} else if (nr) {
			i = unit_below(nr);
			put += held[i].nr;
			EXPECT_EQ(unit_free_exact(p, held[i].pfn, held[i].nr), ZB_OK);
			held[i] = held[--nr];
		}
	}
#define SUM(event) (zb_zone_events(zone, event) + zb_zone_events(zone + 1, event))
	EXPECT_EQ(SUM(ZB_PGALLOC), got);
	EXPECT_EQ(SUM(ZB_PGFREE), put);
	EXPECT_EQ(SUM(ZB_NUMA_HIT), calls - misses);
	EXPECT_EQ(SUM(ZB_NUMA_MISS), misses);
	EXPECT_EQ(SUM(ZB_NUMA_FOREIGN), misses);
	EXPECT_EQ(zb_zone_events(zone, ZB_NUMA_FOREIGN),
		  zb_zone_events(zone + 1, ZB_NUMA_MISS));
	EXPECT_EQ(SUM(ZB_NUMA_LOCAL), local);
	EXPECT_EQ(SUM(ZB_NUMA_OTHER), calls - local);
	for (sum = 0, i = 0; i < nr; i++)
		sum += held[i].nr;
	EXPECT_EQ(got - put, sum);
	while (nr--)
		EXPECT_EQ(unit_free_exact(p, held[nr].pfn, held[nr].nr), ZB_OK);
}

/* A node without a region uses other nodes by distance; THISNODE requests fail. */
TEST(memoryless_node)
{
	static const struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 1, 2 }, { 5, ZB_ZONE_NORMAL, 3, 2 },
		},
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_alloc_request req = { ZB_GFP_KERNEL, 1, 0, NULL };
	struct zb_zoneref zonelist[2][3];
	struct zb_node nodes[2] = {
		{ .nid = 1, .zonelist = zonelist[0] },
		{ .nid = 4, .zonelist = zonelist[1] },
	};
	unsigned long pfn, i;

	for (i = 0; i < 2; i++)
		zb_node_init(&nodes[i], p->pool.zones, 2, apart);
	p->pool.memoryless = nodes;
	p->pool.nr_memoryless = 2;
	zb_fast_setup(&p->pool);
	for (i = 0; i < 2; i++) {
		pfn = get(p, ZB_GFP_KERNEL, 3, nodes[i].nid);
		EXPECT(zb_pfn_zone(&p->pool, pfn) == &p->pool.zones[i]);
		EXPECT_EQ(unit_free(p, pfn, 3), ZB_OK);
		EXPECT(!zb_fast_alloc(&nodes[i], ZB_GFP_KERNEL, 3, &pfn));
		EXPECT_EQ(get(p, ZB_GFP_KERNEL | __ZB_GFP_THISNODE, 3,
			      nodes[i].nid), ZB_NO_PFN);
		req.nid = nodes[i].nid;
		req.gfp = ZB_GFP_KERNEL;
		EXPECT(zb_pool_could_ever(&p->pool, &req));
		req.gfp |= __ZB_GFP_THISNODE;
		EXPECT_EQ(zb_pool_verdict(&p->pool, &req), ZB_NEVER_NODE);
	}
	EXPECT_EQ(get(p, ZB_GFP_KERNEL, 3, 2), ZB_NO_PFN);
	unit_pool_end(p);
}

/* Counting numa_foreign does not take the lock of the preferred zone. */
POOL_TEST_WITH(foreign_without_the_lock, unit_pool_make(&two_nodes), unit_pool_end)
{
	unsigned long flags, pfn, taken[2];

	taken[0] = unit_take(zone, 9, M);
	taken[1] = unit_take(zone, 9, M);
	/* taking the lock twice would abort the test */
	zb_lock_irqsave(&zone->lock, flags);
	pfn = get(p, 0, 0, 0);
	zb_unlock_irqrestore(&zone->lock, flags);
	EXPECT(pfn >= PB(3));
	expect_events(p, ZB_NUMA_FOREIGN, 1, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	unit_give(zone, taken[0], 9);
	unit_give(zone, taken[1], 9);
}

/* The counters of frames moved between per-CPU lists and the zone. */
POOL_TEST(refills_and_drains, 8, 8)
{
	unsigned long pfn;

	unit_pool_long_lists(p);
	pfn = unit_alloc(p, 0, 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_REFILL), 1);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	EXPECT_EQ(unit_alloc(p, 0, 0), pfn);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_REFILL), 1);
	unit_pool_drain(p);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 63);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 64);
	/* initializing a zone resets its counters, but not those of the CPUs */
	zb_zone_init(zone);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_DRAIN), 0);
}

/* The lists of the preferred zone are parked, so the event is counted under its lock. */
POOL_TEST_WITH(foreign_while_parked, unit_pool_make(&two_nodes), unit_pool_end)
{
	unsigned long pfn, taken[2];

	taken[0] = unit_take(zone, 9, M);
	taken[1] = unit_take(zone, 9, M);
	EXPECT(zb_pcp_park(zone, 0, ZB_PCP_DRAINED));
	pfn = get(p, 0, 0, 0);
	zb_pcp_unpark(zone, 0, ZB_PCP_DRAINED);
	EXPECT(pfn >= PB(3));
	EXPECT_EQ(zone->events[ZB_NUMA_FOREIGN], 1);
	expect_events(p, ZB_NUMA_FOREIGN, 1, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	unit_give(zone, taken[0], 9);
	unit_give(zone, taken[1], 9);
}

/* A request that fails is not counted in any zone. */
POOL_TEST_WITH(failures_are_not_counted, unit_pool_make(&two_nodes), unit_pool_end)
{
	static const unsigned long none[5][2] = { { 0 } };

	EXPECT_EQ(get(p, __ZB_GFP_NOWARN, 10, 0), ZB_NO_PFN);
	expect_events(p, ZB_PGALLOC, 0, 0);
	expect_numa(p, none);
}

/* The preferred zone is one of the cpuset, so an allocation there is a hit. */
POOL_TEST_WITH(preferred_zone_of_a_cpuset, unit_pool_make(&two_nodes), unit_pool_end)
{
	static const unsigned long node1 = 2;
	static const unsigned long numbers[5][2] = {
		{ 0, 1 }, { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 1 },
	};
	const struct zb_alloc_policy policy = { .cpuset = &node1, .nr_bits = 64 };
	unsigned long pfn = unit_alloc_block(&p->pool, 0, 0, 0, &policy);

	EXPECT(pfn >= PB(3));
	expect_numa(p, numbers);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
}

/* An allocation that fails is not counted. */
POOL_TEST_WITH(failed_allocation, unit_pool_make(&two_nodes), unit_pool_end)
{
	unsigned int event;

	while (unit_take(zone, 0, M) != ZB_NO_PFN)
		;
	EXPECT_EQ(zb_rmqueue(zone, zone, 1, M, 0, ZB_ALLOC_NO_WATERMARKS), ZB_NO_PFN);
	EXPECT_EQ(zb_rmqueue(zone, zone, 3, M, 0, ZB_ALLOC_NO_WATERMARKS), ZB_NO_PFN);
	for (event = 0; event < ZB_NR_CPU_EVENTS; event++)
		EXPECT_EQ(zb_zone_events(zone, event), 0);
	unit_free_all(p);
}

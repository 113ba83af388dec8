// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that represent CPUs free the same blocks, or drain and isolate concurrently with
 * others; under ThreadSanitizer, like thread_test.c.
 */
#include <pthread.h>
#include <sched.h>

#include "isolate.h"
#include "unit_fast.h"

#define NR_CPUS		4u

static struct {
	struct unit_pool *p;
	pthread_barrier_t step;
	void (*work)(struct zb_pool *pool, unsigned int cpu);
} r;

static void *cpu_main(void *arg)
{
	unsigned int cpu = *(unsigned int *)arg;

	zb_env_set_cpu(cpu);
	unit_srandom(unit_seed + cpu);
	pthread_barrier_wait(&r.step);
	r.work(&r.p->pool, cpu);
	pthread_barrier_wait(&r.step);
	return NULL;
}

/* Run @work on all CPUs concurrently; all memory must be free afterwards. */
static void run_cpus(void (*work)(struct zb_pool *pool, unsigned int cpu))
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 4 } }, .nr_zones = 1,
		.cpus = NR_CPUS,
	};
	unsigned int cpu, cpus[NR_CPUS];
	pthread_t threads[NR_CPUS];

	r.p = unit_pool_make(&g);
	unit_pool_long_lists(r.p);
	r.work = work;
	pthread_barrier_init(&r.step, NULL, NR_CPUS);
	for (cpu = 0; cpu < NR_CPUS; cpu++) {
		cpus[cpu] = cpu;
		pthread_create(&threads[cpu], NULL, cpu_main, &cpus[cpu]);
	}
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		pthread_join(threads[cpu], NULL);
	pthread_barrier_destroy(&r.step);
	unit_pool_end(r.p);
}

#define NR_SHARED	64u	/* blocks that all CPUs free at the same time */

static unsigned long shared_pfn[NR_SHARED];
static unsigned long nr_accepted[NR_SHARED];

static bool free_somehow(struct zb_pool *pool, unsigned long pfn)
{
	switch (unit_below(4)) {
	case 0:
		if (zb_fast_free(pool, pfn, 0) || zb_fast_free_full(pool, pfn, 0))
			return true;
		break;
	case 1:
		if (zb_fast_free_bulk(pool, 1, give, &pfn))
			return true;
		break;
	case 2:
		return zb_pool_free_exact(pool, pfn, 1) == ZB_OK;
	}
	return zb_pool_free_pages(pool, pfn, 0) == ZB_OK;
}

static void free_the_same(struct zb_pool *pool, unsigned int cpu)
{
	unsigned int round, i;

	for (round = 0; round < 200; round++) {
		for (i = 0; !cpu && i < NR_SHARED; i++) {
			shared_pfn[i] = unit_alloc(r.p, __ZB_GFP_MOVABLE, 0);
			ASSERT(shared_pfn[i] != ZB_NO_PFN);
			nr_accepted[i] = 0;
		}
		pthread_barrier_wait(&r.step);
		for (i = 0; i < NR_SHARED; i++)
			if (free_somehow(pool, shared_pfn[i]))
				__atomic_add_fetch(&nr_accepted[i], 1,
						   __ATOMIC_RELAXED);
		pthread_barrier_wait(&r.step);
		for (i = 0; !cpu && i < NR_SHARED; i++)
			EXPECT_EQ(nr_accepted[i], 1);
	}
}

/* With all functions that free, exactly one free of each block succeeds. */
TEST(all_cpus_free_the_same_blocks)
{
	run_cpus(free_the_same);
}

#define NR_HELD		64u
#define DRAINER		(NR_CPUS - 1)	/* the CPU that drains the lists of the others */

static bool working[NR_CPUS];
static unsigned long nr_drained;

static void drain_others(struct zb_zone *zone)
{
	unsigned int cpu;

	for (cpu = 0; cpu < DRAINER; cpu++)
		EXPECT(zb_pcp_park(zone, cpu, ZB_PCP_DRAINED));
	zb_env_synchronize();
	for (cpu = 0; cpu < DRAINER; cpu++) {
		nr_drained += zb_pcp_nr_pages(zone, cpu);
		zb_pcp_drain(zone, cpu);
		EXPECT_EQ(zb_pcp_nr_pages(zone, cpu), 0);
		if (unit_below(2))
			zb_end_lists(zone, cpu);
		zb_pcp_unpark(zone, cpu, ZB_PCP_DRAINED);
	}
}

static bool somebody_works(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < DRAINER; cpu++)
		if (__atomic_load_n(&working[cpu], __ATOMIC_RELAXED))
			return true;
	return false;
}

static void take_and_give(struct zb_pool *pool)
{
	unsigned long pfn[NR_HELD];
	unsigned int round, i, order;

	for (round = 0; round < 2000; round++) {
		order = unit_below(3);
		for (i = 0; i < NR_HELD; i++)
			if (!zb_fast_alloc(pool->nodes, __ZB_GFP_MOVABLE, order, &pfn[i]))
				pfn[i] = unit_alloc(r.p, __ZB_GFP_MOVABLE | __ZB_GFP_NOWARN, order);
		for (i = 0; i < NR_HELD; i++)
			if (pfn[i] != ZB_NO_PFN && !zb_fast_free(pool, pfn[i], order))
				EXPECT_EQ(unit_free(r.p, pfn[i], order), ZB_OK);
	}
}

/* All CPUs but one allocate and free; returns true on that one. */
static bool begin_work(struct zb_pool *pool, unsigned int cpu)
{
	working[cpu] = true;
	pthread_barrier_wait(&r.step);
	if (cpu == DRAINER)
		return true;
	take_and_give(pool);
	__atomic_store_n(&working[cpu], false, __ATOMIC_RELAXED);
	return false;
}

static void drained_work(struct zb_pool *pool, unsigned int cpu)
{
	if (!begin_work(pool, cpu))
		return;
	nr_drained = 0;
	while (somebody_works()) {
		drain_others(pool->zones);
		sched_yield();
	}
	unit_note("%lu frames drained from other CPUs' lists", nr_drained);
	EXPECT(nr_drained > 0);
}

/* Only the grace period orders the accesses of different threads to the lists. */
TEST(lists_are_drained_by_another_cpu)
{
	run_cpus(drained_work);
}

/* After the grace period, no frame of an isolated pageblock is on a per-CPU list. */
static void isolating_work(struct zb_pool *pool, unsigned int cpu)
{
	struct zb_zone *zone = pool->zones;
	unsigned long pfn;

	if (!begin_work(pool, cpu))
		return;
	while (somebody_works()) {
		pfn = zone->start_pfn + PB(unit_below(4));
		EXPECT(zb_pool_isolate_range(pool, pfn, PB(1)));
		drain_others(zone);
		/* frames of the pageblock are still freed, but none is allocated any more */
		while (somebody_works() && zb_pool_range_free(pool, pfn, PB(1)) < PB(1))
			sched_yield();
		EXPECT_EQ(zb_pool_range_free(pool, pfn, PB(1)), PB(1));
		zb_pool_unisolate_range(pool, pfn, PB(1));
	}
}

TEST(a_pageblock_is_isolated_concurrently)
{
	run_cpus(isolating_work);
}

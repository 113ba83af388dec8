// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of the core alone, as a program, for work without a guest. The results, in
 * nanoseconds, are only comparable with other runs on the same machine.
 */
#include "alloc.h"
#if __has_include("fast.h")
#include "fast.h"
#endif

#include <time.h>

#include "core_pool.h"

#define NR_PAGEBLOCKS	512ul		/* 1 GiB */
#define NR_FRAMES	(NR_PAGEBLOCKS * ZB_PAGEBLOCK_NR)
#define START_PFN	(2 * NR_FRAMES)
#define ROUNDS		15u
#define GFP		(ZB_GFP_KERNEL | __ZB_GFP_NOWARN)

static unsigned long *pfns;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static unsigned long get(unsigned int order)
{
#if __has_include("fast.h")
	unsigned long pfn;

	if (zb_fast_alloc(&node, GFP, order, &pfn))
		return pfn;
#endif
	return zb_pool_alloc_exact(&pool, GFP, BIT(order), 0, NULL);
}

static void put(unsigned long pfn, unsigned int order)
{
#if __has_include("fast.h")
	if (zb_fast_free(&pool, pfn, order))
		return;
#endif
	zb_pool_free_pages(&pool, pfn, order);
}

static void set_up(void)
{
	double start;

	make_zone(START_PFN, NR_FRAMES);
	start = now();
	memset(zone.state, 0, zb_zone_state_size(NR_FRAMES));
	zb_zone_init(&zone);
	zb_pcp_init(&zone);
	printf("%-16s %10.0f us\n", "init of 1 GiB", (now() - start) / 1000);
	make_pool();
	pfns = calloc(NR_FRAMES, sizeof(*pfns));
	if (!pfns)
		abort();
}

static double hold(unsigned int order, unsigned long nr, unsigned long times)
{
	double start = now();
	unsigned long i;

	while (times--) {
		for (i = 0; i < nr; i++)
			pfns[i] = get(order);
		for (i = 0; i < nr; i++)
			put(pfns[i], order);
	}
	return now() - start;
}

static void say_hold(const char *name, unsigned int order, unsigned long nr)
{
	unsigned long times = nr < 20000 ? 20000 / nr : 1;
	double t, least = 1e18, most = 0;
	unsigned int i;

	hold(order, nr, times);
	for (i = 0; i < ROUNDS; i++) {
		t = hold(order, nr, times) / times / nr;
		least = t < least ? t : least;
		most = t > most ? t : most;
	}
	printf("%-9s %-6lu %10.1f ns, at most %.1f\n", name,
	       order ? order : nr, least, most);
}

/* Allocate 90 % of the region and free it in random order. */
static void say_shuffled(void)
{
	unsigned long i, k, pfn, nr = NR_FRAMES * 9 / 10;
	double t, least = 1e18;
	unsigned int round;
	u64 seed = 1;

	for (round = 0; round < ROUNDS / 3; round++) {
		for (i = 0; i < nr; i++)
			pfns[i] = get(0);
		for (i = nr; i > 1; i--) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			k = (seed >> 33) % i;
			pfn = pfns[k];
			pfns[k] = pfns[i - 1];
			pfns[i - 1] = pfn;
		}
		t = now();
		for (i = 0; i < nr; i++)
			put(pfns[i], 0);
		t = (now() - t) / nr;
		least = t < least ? t : least;
	}
	printf("%-16s %10.1f ns\n", "shuffled free", least);
}

struct worker {
	pthread_t thread;
	unsigned int cpu;
	pthread_barrier_t *barrier;
	double fill, empty;
};

static void *fill_and_empty(void *arg)
{
	struct worker *w = arg;
	unsigned long i, share = NR_FRAMES / CPUS * 9 / 10;
	unsigned long *mine = pfns + w->cpu * (NR_FRAMES / CPUS);

	zb_env_set_cpu(w->cpu);
	pthread_barrier_wait(w->barrier);
	w->fill = now();
	for (i = 0; i < share; i++)
		mine[i] = get(0);
	w->fill = (now() - w->fill) / share;
	pthread_barrier_wait(w->barrier);
	w->empty = now();
	for (i = 0; i < share; i++)
		put(mine[i], 0);
	w->empty = (now() - w->empty) / share;
	return NULL;
}

static void all_cpus(void)
{
	double fill = 1e18, empty = 1e18;
	struct worker w[CPUS];
	pthread_barrier_t barrier;
	unsigned int i, round;

	pthread_barrier_init(&barrier, NULL, CPUS);
	for (round = 0; round < ROUNDS / 3; round++) {
		for (i = 0; i < CPUS; i++) {
			w[i] = (struct worker){ .cpu = i, .barrier = &barrier };
			if (pthread_create(&w[i].thread, NULL, fill_and_empty, &w[i]))
				abort();
		}
		for (i = 0; i < CPUS; i++) {
			pthread_join(w[i].thread, NULL);
			fill = w[i].fill < fill ? w[i].fill : fill;
			empty = w[i].empty < empty ? w[i].empty : empty;
		}
	}
	printf("%-16s %10.1f ns\n%-16s %10.1f ns\n", "fill, 2 CPUs", fill,
	       "empty, 2 CPUs", empty);
}

int main(void)
{
	unsigned int order;
	unsigned long nr;

	set_up();
	say_hold("pair, order 0", 0, 1);
	for (order = 1; order <= 10; order++)
		say_hold("pair", order, 1);
	for (nr = 2; nr <= 8192; nr *= 4)
		say_hold("hold", 0, nr);
	say_shuffled();
	all_cpus();
	return 0;
}

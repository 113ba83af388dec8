// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts transfers of cache lines for 2 to 256 simulated CPUs: of the core, and of a model of the
 * page allocator of the kernel. The CPUs take turns, and a turn is one operation. The counts are
 * exact, and each run has the same.
 *
 *	lines.pair	each CPU allocates a frame and frees it
 *	lines.alloc	each CPU allocates up to MANY frames
 *	lines.free	each CPU frees its own ones, in the order of allocation
 *	lines.ring	every second CPU allocates a frame, which the next CPU frees
 *	lines.behind	the same, and that CPU is BEHIND frames behind
 *	lines.random	all CPUs free frames that any CPU has allocated, in random order
 *	lines.again	as lines.alloc, after lines.random
 *
 * Each scenario is run twice, and the second time counts.
 *
 * usage: lines [-r | -v | MIB]	-r prints rows for bench, -v the counts of each region of memory;
 *				MIB is the size of the zone, by default 1000
 */
#include <error.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "lines.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define MANY		512u
#define PAIRS		1000u
#define BEHIND		64u

static unsigned long held[CACHE_MAX_CPUS * MANY];
static unsigned int nr_cpus;

/* Tables of the default size do not end with a cache line. */
unsigned long nr_frames = 1000 * 256ul;

static const struct allocator *who;

static unsigned long get(unsigned int cpu)
{
	unsigned long pfn;

	cache_set_cpu(cpu);
	pfn = who->get(cpu);
	if (pfn == NO_FRAME)
		error(1, 0, "out of memory");
	return pfn;
}

static void put(unsigned int cpu, unsigned long pfn)
{
	cache_set_cpu(cpu);
	who->put(cpu, pfn);
}

static void pairs(void)
{
	unsigned int i, cpu;

	for (i = 0; i < PAIRS; i++)
		for (cpu = 0; cpu < nr_cpus; cpu++)
			put(cpu, get(cpu));
}

/* held[] has the frames of all CPUs in turn. */
static void alloc_many(void)
{
	unsigned int i;

	for (i = 0; i < nr_cpus * MANY; i++)
		held[i] = get(i % nr_cpus);
}

static void free_many(void)
{
	unsigned int i;

	for (i = 0; i < nr_cpus * MANY; i++)
		put(i % nr_cpus, held[i]);
}

/* The consumer is @behind frames behind the producer. held[] has the frames of all CPUs in turn. */
static void through_ring(unsigned int behind)
{
	unsigned int i, cpu;

	for (i = 0; i < MANY + behind; i++)
		for (cpu = 0; cpu < nr_cpus; cpu += 2) {
			if (i < MANY)
				held[i * nr_cpus + cpu] = get(cpu);
			if (i >= behind)
				put(cpu + 1, held[(i - behind) * nr_cpus + cpu]);
		}
}

static void ring(void)
{
	through_ring(0);
}

static void ring_behind(void)
{
	through_ring(BEHIND);
}

static unsigned long exchange(unsigned long *p, unsigned long value)
{
	unsigned long was = *p;

	*p = value;
	return was;
}

static void shuffle(void)
{
	unsigned long i, k;
	uint64_t seed = 1;

	for (i = nr_cpus * MANY; i > 1; i--) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		k = (seed >> 33) % i;
		held[k] = exchange(&held[i - 1], held[k]);
	}
}

static const struct scenario {
	const char *name;
	void (*before)(void);
	void (*run)(void);
	void (*after)(void);
	unsigned int ops;	/* per CPU */
} scenarios[] = {
	{ "pair", NULL, pairs, NULL, PAIRS },
	{ "alloc", NULL, alloc_many, free_many, MANY },
	{ "free", alloc_many, free_many, NULL, MANY },
	{ "ring", NULL, ring, NULL, MANY / 2 },
	{ "behind", NULL, ring_behind, NULL, MANY / 2 },
	{ "random", alloc_many, free_many, NULL, MANY },
	{ "again", NULL, alloc_many, free_many, MANY },
};

struct result {
	struct cache_counts counts;
	double ops;
	unsigned long cached;
};

static void once(const struct scenario *s)
{
	if (s->before)
		s->before();
	if (!strcmp(s->name, "random"))
		shuffle();
	cache_reset_counts();
	s->run();
}

static struct result measure(const struct allocator *a, const struct scenario *s, bool verbose)
{
	struct result r = { .ops = (double)nr_cpus * s->ops };
	bool again = !strcmp(s->name, "again");

	who = a;
	a->make(nr_cpus);
	if (again) {
		alloc_many();
		shuffle();
		free_many();
	}
	once(s);
	if (s->after) {
		if (again)
			shuffle();
		s->after();
	}
	once(s);
	r.counts = cache_read_counts();
	if (verbose) {
		printf("  %s\n", a->name);
		cache_print_regions(r.ops);
	}
	if (s->after)
		s->after();
	r.cached = a->cached();
	cache_remove_regions();
	return r;
}

static void print_row(const struct scenario *s, const struct result *host,
		      const struct result *ours)
{
	printf("%-7s %4u %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %8lu %8lu\n", s->name, nr_cpus,
	       host->counts.transfers / host->ops, ours->counts.transfers / ours->ops,
	       host->counts.fetches / host->ops, ours->counts.fetches / ours->ops,
	       host->counts.invalidations / host->ops,
	       ours->counts.invalidations / ours->ops, host->cached, ours->cached);
}

/* As guest.sh prints them: transfers and invalidations, per 1000 operations. */
static void print_bench_rows(const struct scenario *s, const struct result *r, const char *name)
{
	double v[] = { r->counts.transfers / r->ops, r->counts.invalidations / r->ops };
	static const char *const group[] = { "lines", "copies" };
	unsigned int i;

	for (i = 0; i < 2; i++)
		printf("%s.%s.%u,%s,1/1000,%.0f,%.0f,%.0f,1\n", group[i], s->name, nr_cpus, name,
		       v[i] * 1000, v[i] * 1000, v[i] * 1000);
}

int main(int argc, char **argv)
{
	bool rows = argc == 2 && !strcmp(argv[1], "-r");
	bool verbose = argc == 2 && !strcmp(argv[1], "-v");
	static const unsigned int cpus[] = { 2, 4, 16, 64, 256 };
	struct result host, ours;
	unsigned int i, k;

	if (argc == 2 && !rows && !verbose)
		nr_frames = strtoul(argv[1], NULL, 0) / 4 * 1024;
	if (argc > 2 || nr_frames < 1000 * 256ul)
		error(2, 0, "usage: lines [-r | -v | MIB]   MIB is at least 1000");
	if (!rows)
		printf("%31s %19s %19s %17s\n%-7s %4s %9s %9s %9s %9s %9s %9s %8s %8s\n",
		       "transfers", "fetches", "invalidations", "cached", "row", "CPUs", "kernel",
		       "ours", "kernel", "ours", "kernel", "ours", "kernel", "ours");
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (k = 0; k < ARRAY_SIZE(cpus); k++) {
			nr_cpus = cpus[k];
			if (verbose)
				printf("%s, %u CPUs\n", scenarios[i].name, nr_cpus);
			ours = measure(&core_allocator, &scenarios[i], verbose);
			host = measure(&listed_allocator, &scenarios[i], verbose);
			if (!rows) {
				print_row(&scenarios[i], &host, &ours);
				continue;
			}
			print_bench_rows(&scenarios[i], &host, "host");
			print_bench_rows(&scenarios[i], &ours, "ours");
		}
	return 0;
}

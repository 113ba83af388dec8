// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many.c, but on two CPUs at the same time: each allocates as many pages, and frees its own
 * when both have done so. The time is that of the slower CPU.
 */
#include <linux/slab.h>

#include "zb_bench.h"

#define MAX_PAGES	8192u	/* of a CPU */
#define NR_CPUS_USED	2u
#define BATCHES		8u

enum what {
	ALLOC,
	FREE_FORWARD,
	FREE_REVERSE,
	FREE_RANDOM,
};

static struct page **pages;
static u32 *shuffled;

static __always_inline unsigned int take_body(enum who who, struct page **mine, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		mine[i] = bench_get(who, 0);
		if (!mine[i])
			break;
	}
	return i;
}

static __always_inline unsigned int put_body(enum who who, struct page **mine, unsigned int nr,
					     enum what what)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		bench_put(who, mine[what == FREE_RANDOM ? shuffled[i] :
				    what == FREE_REVERSE ? nr - 1 - i : i], 0);
	return nr;
}

/* @arg has the number of pages and what is to be measured. */
#define ARG(nr, what)	((nr) << 2 | (what))

static void member(struct bench_crew *crew, unsigned int me)
{
	unsigned int got, nr = crew->arg >> 2;
	struct page **mine = pages + me * MAX_PAGES;
	enum what what = crew->arg & 3;
	u64 start, took;

	bench_crew_meet(crew, 1);
	start = bench_clock();
	got = BENCH_EACH_WHO(crew->who, take_body, mine, nr);
	took = bench_clock() - start;
	if (got != nr) {
		WRITE_ONCE(crew->failed, true);
		what = FREE_FORWARD;
	}
	bench_crew_meet(crew, 2);
	start = bench_clock();
	BENCH_EACH_WHO(crew->who, put_body, mine, got, what);
	crew->time[me] = what == ALLOC ? took : bench_clock() - start;
}

static u64 run(enum who who, unsigned int arg)
{
	static struct bench_crew crew;

	if (who == NOBODY)
		return 0;
	crew.nr = NR_CPUS_USED;
	crew.fn = member;
	crew.who = who;
	crew.arg = arg;
	return bench_crew_run(&crew);
}

static void measure(const char *group, enum what what)
{
	char name[32];
	struct bench_row row = {
		.name = name, .unit = "time/page", .run = run, .batches = BATCHES,
	};
	unsigned int nr;

	for (nr = 64; nr <= MAX_PAGES; nr = nr < 2048 ? nr * 32 : nr * 4) {
		scnprintf(name, sizeof(name), "%s.%u", group, nr);
		if (!bench_wanted(name, false))
			continue;
		bench_permute(shuffled, nr);
		row.arg = ARG(nr, what);
		row.per = nr;
		bench_measure(&row);
	}
}

/**
 * bench_many_cpus() - measure many pages on two CPUs at the same time
 */
void bench_many_cpus(void)
{
	if (num_online_cpus() < NR_CPUS_USED)
		return;
	pages = kvcalloc(MAX_PAGES, NR_CPUS_USED * sizeof(*pages), GFP_KERNEL);
	shuffled = kvcalloc(MAX_PAGES, sizeof(*shuffled), GFP_KERNEL);
	if (pages && shuffled) {
		measure("both_alloc", ALLOC);
		measure("both_forward", FREE_FORWARD);
		measure("both_reverse", FREE_REVERSE);
		measure("both_random", FREE_RANDOM);
	}
	kvfree(shuffled);
	kvfree(pages);
}

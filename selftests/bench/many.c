// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates many pages, and then frees them in the order of allocation, in reverse order or
 * in random order. Allocating and freeing have separate rows.
 */
#include <linux/slab.h>

#include "zb_bench.h"

#define MAX_PAGES	65536u
#define BATCHES		2u

enum way {
	FORWARD,
	REVERSE,
	RANDOM,
};

static struct page **pages;
static u32 *shuffled;

static __always_inline u64 take_all(enum who who, unsigned int nr)
{
	u64 start = bench_clock();
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pages[i] = bench_get(who, 0);
		if (!pages[i])
			goto failed;
	}
	return bench_clock() - start;

failed:
	while (i--)
		bench_put(who, pages[i], 0);
	return BENCH_FAILED;
}

static __always_inline u64 put_all(enum who who, unsigned int nr, enum way way)
{
	u64 start = bench_clock();
	unsigned int i;

	for (i = 0; i < nr; i++)
		bench_put(who, pages[way == FORWARD ? i :
				     way == REVERSE ? nr - 1 - i : shuffled[i]], 0);
	return bench_clock() - start;
}

static u64 many_alloc(enum who who, unsigned int nr)
{
	u64 time = BENCH_EACH_WHO(who, take_all, nr);

	if (time != BENCH_FAILED)
		BENCH_EACH_WHO(who, put_all, nr, FORWARD);
	return time;
}

static __always_inline u64 many_free(enum who who, unsigned int nr, enum way way)
{
	if (BENCH_EACH_WHO(who, take_all, nr) == BENCH_FAILED)
		return BENCH_FAILED;
	return BENCH_EACH_WHO(who, put_all, nr, way);
}

static u64 many_forward(enum who who, unsigned int nr)
{
	return many_free(who, nr, FORWARD);
}

static u64 many_reverse(enum who who, unsigned int nr)
{
	return many_free(who, nr, REVERSE);
}

static u64 many_random(enum who who, unsigned int nr)
{
	return many_free(who, nr, RANDOM);
}

/* Measure @run with numbers of pages from a few to more than the per-CPU lists hold. */
static void measure_many(const char *group, u64 (*run)(enum who who, unsigned int nr))
{
	char name[32];
	struct bench_row row = {
		.name = name, .unit = "time/page", .run = run, .batches = BATCHES,
	};
	unsigned int nr;

	for (nr = 64; nr <= MAX_PAGES; nr *= 32) {
		scnprintf(name, sizeof(name), "%s.%u", group, nr);
		if (!bench_wanted(name, false))
			continue;
		bench_permute(shuffled, nr);
		row.arg = nr;
		row.per = nr;
		bench_measure(&row);
	}
}

/**
 * bench_many() - measure all rows about many pages
 */
void bench_many(void)
{
	pages = kvcalloc(MAX_PAGES, sizeof(*pages), GFP_KERNEL);
	shuffled = kvcalloc(MAX_PAGES, sizeof(*shuffled), GFP_KERNEL);
	if (pages && shuffled) {
		measure_many("many_alloc", many_alloc);
		measure_many("many_forward", many_forward);
		measure_many("many_reverse", many_reverse);
		measure_many("many_random", many_random);
	}
	kvfree(shuffled);
	kvfree(pages);
}

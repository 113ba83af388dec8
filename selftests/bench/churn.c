// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragmentation caused by allocating and freeing small blocks, as in the "frag" benchmark
 * of LLFree (USENIX ATC'23): fill to 90 %, shuffle, free half, and then free and allocate
 * a random 10 % in each of 100 rounds.
 *
 *	R		free blocks of 2 MiB / (free frames / 512), 1 is perfect
 *	pollution	pageblocks with unmovable frames / smallest possible number
 *
 * Each round runs on another CPU.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "zb_bench.h"

#define ROUNDS		100u

struct block {
	struct page *page;
	u8 order;
	u8 mobility;
};

struct churn {
	enum who who;
	unsigned int max_order;
	bool mixed;
	u64 seed;
	struct block *blocks;
	unsigned long nr, nr_frames, nr_max;
	unsigned long too_small;	/* requests retried with order 0 */
	unsigned long missed[3];	/* failed requests, by mobility */
};

static bool take(struct churn *c)
{
	unsigned int dice = c->mixed ? bench_random(&c->seed) % 100 : 0;
	struct block *b = &c->blocks[c->nr];

	if (c->nr == c->nr_max)
		return false;
	b->mobility = dice < 70 ? MOVABLE : dice < 90 ? UNMOVABLE : RECLAIMABLE;
	b->order = bench_random(&c->seed) % (c->max_order + 1);
	b->page = bench_get_mobile(c->who, b->order, b->mobility);
	if (!b->page && b->order) {
		c->too_small++;
		b->order = 0;
		b->page = bench_get_mobile(c->who, 0, b->mobility);
	}
	if (!b->page) {
		c->missed[b->mobility]++;
		return false;
	}
	c->nr_frames += BIT(b->order);
	c->nr++;
	return true;
}

static void give(struct churn *c, unsigned long at)
{
	struct block *b = &c->blocks[at];

	c->nr_frames -= BIT(b->order);
	bench_put_any(c->who, b->page, b->order);
	*b = c->blocks[--c->nr];
}

/* Free the last @nr blocks of the list, which has been shuffled. */
static void give_last(struct churn *c, unsigned long nr)
{
	while (nr--)
		give(c, c->nr - 1);
}

/* Move @nr random blocks to the end of the list. */
static void shuffle(struct churn *c, unsigned long nr)
{
	unsigned long i, k;

	for (i = c->nr; nr--; i--) {
		k = bench_random(&c->seed) % i;
		swap(c->blocks[k], c->blocks[i - 1]);
	}
}

static void give_movable(struct churn *c)
{
	unsigned long i = c->nr;

	while (i--)
		if (c->blocks[i].mobility == MOVABLE)
			give(c, i);
}

/* All blocks are smaller than a pageblock. */
static void say_pollution(const struct churn *c, const char *name)
{
	unsigned long i, first = ULONG_MAX, last = 0, at, frames = 0, *map;
	u64 pollution;

	for (i = 0; i < c->nr; i++) {
		at = page_to_pfn(c->blocks[i].page) >> BENCH_HUGE_ORDER;
		first = min(first, at);
		last = max(last, at);
	}
	map = c->nr ? bitmap_zalloc(last - first + 1, GFP_KERNEL) : NULL;
	if (!map)
		return;
	for (i = 0; i < c->nr; i++) {
		if (c->blocks[i].mobility != UNMOVABLE)
			continue;
		at = page_to_pfn(c->blocks[i].page) >> BENCH_HUGE_ORDER;
		__set_bit(at - first, map);
		frames += BIT(c->blocks[i].order);
	}
	pollution = bench_hundredths(bitmap_weight(map, last - first + 1) * 1000,
				     DIV_ROUND_UP(frames, BENCH_HUGE_NR));
	bench_say(name, c->who == HOST ? "host" : "ours", "1/1000", pollution,
		  pollution, pollution, 1);
	bitmap_free(map);
}

static void next_cpu(unsigned int round)
{
	unsigned int cpu, n = round % num_online_cpus();

	for_each_online_cpu(cpu)
		if (!n--)
			set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* The page allocator may fail before 90 % are filled; the benchmark continues nevertheless. */
static void churn(struct churn *c)
{
	unsigned long nr, start;
	struct bench_space space;
	unsigned int round;

	space = bench_space(c->who);
	start = space.free;
	while (c->nr_frames < start / 10 * 9)
		if (!take(c))
			break;
	shuffle(c, c->nr);
	give_last(c, c->nr / 2);
	for (round = 0; round < ROUNDS; round++) {
		next_cpu(round);
		nr = c->nr / 10;
		shuffle(c, nr);
		give_last(c, nr);
		while (nr--)
			take(c);
		cond_resched();
	}
}

static void say_missed(const struct churn *c, const char *name)
{
	if (c->too_small)
		pr_info("%s: %lu requests served with order 0 only\n", name, c->too_small);
	if (c->missed[UNMOVABLE] || c->missed[MOVABLE] || c->missed[RECLAIMABLE])
		pr_info("%s: failed requests: %lu unmovable %lu movable %lu reclaimable\n",
			name, c->missed[UNMOVABLE], c->missed[MOVABLE],
			c->missed[RECLAIMABLE]);
}

static void one(const char *name, enum who who, unsigned int max_order,
		bool mixed)
{
	struct churn c = {
		.who = who, .max_order = max_order, .mixed = mixed,
		.seed = 88172645463325252ull,
	};
	char row[40];

	c.nr_max = max(bench_region_pages, 1ul << 18);
	c.blocks = vmalloc(array_size(c.nr_max, sizeof(*c.blocks)));
	if (!c.blocks)
		return;
	churn(&c);
	say_missed(&c, name);
	bench_say_space(c.who, name);
	if (mixed) {
		scnprintf(row, sizeof(row), "%s.pollution", name);
		say_pollution(&c, row);
		give_movable(&c);
		scnprintf(row, sizeof(row), "%s.no_movable", name);
		bench_say_space(c.who, row);
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	give_last(&c, c.nr);
	vfree(c.blocks);
	if (who == OURS)
		zb_drain_all_pages();
}

/**
 * bench_churn() - measure all rows about fragmentation
 */
void bench_churn(void)
{
	static const struct {
		const char *name;
		unsigned int max_order;
		bool mixed;
	} rows[] = {
		{ "frag.single", 0, false },
		{ "frag.orders", 4, false },
		{ "frag.mobility", 0, true },
		{ "frag.mixed", 4, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!bench_wanted(rows[i].name, !i || i == 3))
			continue;
		if (bench_host_node != NUMA_NO_NODE)
			one(rows[i].name, HOST, rows[i].max_order, rows[i].mixed);
		if (bench_region_pages)
			one(rows[i].name, OURS, rows[i].max_order, rows[i].mixed);
	}
}

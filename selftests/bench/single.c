// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CPU: primitives of the machine, pairs of allocating and freeing, several outstanding
 * blocks, and bulk functions.
 *
 * Short loops run with interrupts disabled, although their flags allow sleeping. They never
 * sleep because they allocate the blocks that they have just freed.
 */
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "zb_bench.h"

#define MAX_HELD	8192u
#define MAX_MASKED	512u	/* most pages per loop with interrupts disabled */
#define PAIRS		256u
#define BULK_PAGES	512u
#define PRIMITIVES	1000u
#define BATCHES		8u

static struct page *pages[MAX_HELD];
static atomic_t counter;
static DEFINE_PER_CPU(unsigned long, cpu_counter);
static DEFINE_SPINLOCK(spin);

static bool mask(unsigned int nr, unsigned long *flags)
{
	if (!bench_mask || nr > MAX_MASKED)
		return false;
	local_irq_save(*flags);
	return true;
}

static __always_inline u64 pair_body(enum who who, unsigned int order)
{
	u64 start = bench_clock();
	struct page *page;
	unsigned int i;

	for (i = 0; i < PAIRS; i++) {
		page = bench_get(who, order);
		if (!page)
			return BENCH_FAILED;
		bench_put(who, page, order);
	}
	return bench_clock() - start;
}

static u64 pair(enum who who, unsigned int order)
{
	unsigned long flags;
	bool masked;
	u64 time;

	if (order > zb_max_order())
		return BENCH_FAILED;
	masked = mask(PAIRS, &flags);
	time = BENCH_EACH_WHO(who, pair_body, order);
	if (masked)
		local_irq_restore(flags);
	return time;
}

/* Repeat if few pages are held, because the clock would be too coarse. */
static unsigned int hold_times(unsigned int nr)
{
	return nr < PAIRS ? PAIRS / nr : 1;
}

static __always_inline u64 hold_body(enum who who, unsigned int nr)
{
	unsigned int i, k, times = hold_times(nr);
	u64 start = bench_clock();

	for (k = 0; k < times; k++) {
		for (i = 0; i < nr; i++) {
			pages[i] = bench_get(who, 0);
			if (!pages[i])
				goto failed;
		}
		for (i = 0; i < nr; i++)
			bench_put(who, pages[i], 0);
	}
	return bench_clock() - start;

failed:
	while (i--)
		bench_put(who, pages[i], 0);
	return BENCH_FAILED;
}

static u64 hold(enum who who, unsigned int nr)
{
	unsigned long flags;
	bool masked = mask(nr, &flags);
	u64 time = BENCH_EACH_WHO(who, hold_body, nr);

	if (masked)
		local_irq_restore(flags);
	return time;
}

static __always_inline u64 bulk_body(enum who who, unsigned int nr)
{
	unsigned int k, got, times = BULK_PAGES / nr;
	u64 start = bench_clock();

	for (k = 0; k < times; k++) {
		got = bench_get_bulk(who, nr, pages);
		bench_put_bulk(who, got, pages);
		if (got != nr)
			return BENCH_FAILED;
	}
	return bench_clock() - start;
}

static u64 bulk(enum who who, unsigned int nr)
{
	unsigned long flags;
	bool masked;
	u64 time;

	memset(pages, 0, nr * sizeof(*pages));
	masked = mask(nr, &flags);
	time = BENCH_EACH_WHO(who, bulk_body, nr);
	if (masked)
		local_irq_restore(flags);
	memset(pages, 0, nr * sizeof(*pages));
	return time;
}

/* Primitives are printed for information, without a comparison. */
#define TIME_OF(statement)					\
({								\
	u64 start = bench_clock();				\
	unsigned int turn;					\
								\
	for (turn = 0; turn < PRIMITIVES; turn++) {		\
		statement;					\
		barrier();					\
	}							\
	bench_clock() - start;					\
})

static u64 prim_loop(void)
{
	return TIME_OF(barrier());
}

static u64 prim_preempt(void)
{
	return TIME_OF(preempt_disable(); preempt_enable());
}

static u64 prim_irqsave(void)
{
	unsigned long flags;

	return TIME_OF(local_irq_save(flags); local_irq_restore(flags));
}

static u64 prim_spin_lock(void)
{
	return TIME_OF(spin_lock(&spin); spin_unlock(&spin));
}

static u64 prim_atomic_inc(void)
{
	return TIME_OF(atomic_inc(&counter));
}

static u64 prim_this_cpu_inc(void)
{
	return TIME_OF(this_cpu_inc(cpu_counter));
}

static void primitives(void)
{
	static const struct { const char *name; u64 (*run)(void); } all[] = {
		{ "prim.preempt", prim_preempt },
		{ "prim.irqsave", prim_irqsave },
		{ "prim.spin_lock", prim_spin_lock },
		{ "prim.atomic_inc", prim_atomic_inc },
		{ "prim.this_cpu_inc", prim_this_cpu_inc },
	};
	u64 time, loop = U64_MAX, least;
	unsigned int i, k;

	if (!bench_wanted("prim", true))
		return;
	for (k = 0; k < 64; k++)
		loop = min(loop, prim_loop());
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		for (k = 0, least = U64_MAX; k < 64; k++)
			least = min(least, all[i].run());
		time = bench_hundredths(least > loop ? least - loop : 0,
					PRIMITIVES);
		bench_say(all[i].name, "machine", "time", time, time, time, 64);
	}
}

static void one(const char *group, unsigned int arg, bool quick,
		u64 (*run)(enum who who, unsigned int arg), unsigned int per)
{
	char name[24];
	struct bench_row row = {
		.name = name, .unit = "time/page", .run = run, .arg = arg,
		.per = per, .batches = BATCHES, .loop = true,
	};

	scnprintf(name, sizeof(name), "%s.%u", group, arg);
	if (run == pair)
		row.unit = "time/pair";
	if (bench_wanted(name, quick))
		bench_measure(&row);
}

/**
 * bench_single() - measure all rows that use one CPU
 */
void bench_single(void)
{
	static const unsigned int sizes[] = {
		1, 2, 3, 4, 8, 16, 30, 32, 64, 128,
	};
	unsigned int i;

	primitives();
	for (i = 0; i <= 10; i++)
		one("pair", i, !i || i == 3 || i == 4 || i == 9, pair, PAIRS);
	for (i = 1; i <= MAX_HELD; i *= 2)
		one("hold", i, i == 64 || i == 1024, hold, i * hold_times(i));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		one("bulk", sizes[i], sizes[i] == 64, bulk,
		    BULK_PAGES / sizes[i] * sizes[i]);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same loops with the page allocator and with zbuddy.
 *
 * A loop is written once, as an inline function with the allocator as a constant argument,
 * and compiled once for each allocator, so that the measured code has no indirect call.
 * The loop with NOBODY as its allocator takes the time to be subtracted.
 *
 * Times are counts of bench_clock(): cycles, or instructions under qemu's icount. Results
 * are in hundredths of these.
 */
#ifndef ZB_BENCH_H
#define ZB_BENCH_H

#include <linux/mm.h>
#include <linux/topology.h>
#include <linux/zbuddy.h>

#include "compat.h"

#define BENCH_MAX_CPUS	64u

enum who {
	NOBODY,
	HOST,
	OURS,
	NR_WHO,
};

#define HOST_GFP	(GFP_KERNEL | __GFP_NOWARN)
#define OUR_GFP		(ZB_GFP_KERNEL | __ZB_GFP_NOWARN)

static __always_inline struct page *bench_get(enum who who, unsigned int order)
{
	struct page *page = (struct page *)PAGE_SIZE;

	if (who == HOST)
		return alloc_pages_node(numa_mem_id(), HOST_GFP, order);
	if (who == OURS)
		return zb_alloc_pages(OUR_GFP, order);
	OPTIMIZER_HIDE_VAR(page);
	return page;
}

static __always_inline void bench_put(enum who who, struct page *page,
				      unsigned int order)
{
	if (who == HOST)
		__free_pages(page, order);
	else if (who == OURS)
		__zb_free_pages(page, order);
	else
		OPTIMIZER_HIDE_VAR(page);
}

static __always_inline unsigned long bench_get_bulk(enum who who,
						    unsigned long nr,
						    struct page **pages)
{
	if (who == HOST)
		return host_alloc_bulk(HOST_GFP, numa_mem_id(), nr, pages);
	if (who == OURS)
		return zb_alloc_pages_bulk_array(OUR_GFP, nr, pages);
	return nr;
}

/* The page allocator exports no function for freeing in bulk. */
static __always_inline void bench_put_bulk(enum who who, unsigned long nr,
					   struct page **pages)
{
	unsigned long i;

	if (who == OURS) {
		zb_free_pages_bulk_array(nr, pages);
		return;
	}
	if (who == NOBODY)
		return;
	for (i = 0; i < nr; i++) {
		if (pages[i])
			__free_pages(pages[i], 0);
		pages[i] = NULL;
	}
}

/* Compiles a loop once for each allocator, and calls the one for @asked. */
#define BENCH_EACH_WHO(asked, body, ...)			\
	((asked) == HOST ? body(HOST, __VA_ARGS__) :		\
	 (asked) == OURS ? body(OURS, __VA_ARGS__) :		\
			   body(NOBODY, __VA_ARGS__))

#define BENCH_FAILED	U64_MAX

/**
 * struct bench_row - a row of the results
 * @name: its name
 * @unit: unit of its values
 * @run: takes one sample: returns the time for @per units, or BENCH_FAILED
 * @arg: argument of @run
 * @per: number of units in a sample, 0 if @run computes the time per unit
 * @batches: number of samples per round, of which the smallest is used
 * @loop: measure the empty loop as well, and subtract it
 */
struct bench_row {
	const char *name;
	const char *unit;
	u64 (*run)(enum who who, unsigned int arg);
	unsigned int arg;
	unsigned int per;
	unsigned int batches;
	bool loop;
};

/* main.c */
extern unsigned int bench_rounds;
extern bool bench_mask;
extern unsigned long bench_region_start;
extern unsigned long bench_region_pages;
extern int bench_host_node;
extern int bench_other_node;
extern bool bench_zero;
extern char *bench_trace;

/* measure.c */
extern char *bench_rows;
bool bench_wanted(const char *name, bool quick);
void bench_say(const char *row, const char *variant, const char *unit,
	       u64 min, u64 median, u64 max, unsigned int n);
void bench_measure(const struct bench_row *row);
void bench_sort(u64 *values, unsigned int nr);
u64 bench_hundredths(u64 time, u64 units);
u32 bench_random(u64 *seed);
void bench_permute(u32 *numbers, unsigned int nr);
int bench_out_create(void);
void bench_out_destroy(void);

/* crew.c */
struct bench_crew;
typedef void (*bench_crew_fn)(struct bench_crew *crew, unsigned int me);

/**
 * struct bench_crew - threads on several CPUs that run the same function
 * @nr: number of CPUs
 * @fn: the function
 * @who: the allocator to be used
 * @arg: argument of @fn
 * @failed: set if one of the threads has failed
 * @time: time of each thread
 * @arrived: number of calls of bench_crew_meet()
 * @running: number of threads that run @fn
 * @done: all threads have returned from @fn
 */
struct bench_crew {
	unsigned int nr;
	bench_crew_fn fn;
	enum who who;
	unsigned int arg;
	bool failed;
	u64 time[BENCH_MAX_CPUS];
	atomic_t arrived;
	atomic_t running;
	struct completion done;
};

u64 bench_crew_run(struct bench_crew *crew);
void bench_crew_meet(struct bench_crew *crew, unsigned int times);

/* space.c */
#define BENCH_HUGE_ORDER	9u
#define BENCH_HUGE_NR		BIT(BENCH_HUGE_ORDER)

enum { UNMOVABLE, MOVABLE, RECLAIMABLE };

/**
 * struct bench_space - free memory
 * @free: number of free frames
 * @huge: number of free blocks of 2 MiB
 */
struct bench_space {
	unsigned long free;
	unsigned long huge;
};

struct page *bench_get_mobile(enum who who, unsigned int order, unsigned int mobility);
void bench_put_any(enum who who, struct page *page, unsigned int order);
struct bench_space bench_space(enum who who);
u64 bench_space_r(struct bench_space space);
void bench_say_space(enum who who, const char *name);

/* The rows, in one file each. */
void bench_single(void);
void bench_calls(void);
void bench_many(void);
void bench_many_cpus(void);
void bench_cpus(void);
void bench_latency(void);
void bench_holds(void);
void bench_churn(void);
void bench_replay(void);

#endif /* ZB_BENCH_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Latency of single calls: a few thousand blocks are allocated and freed in random order,
 * and each call is timed separately, with interrupts disabled.
 */
#include <linux/irqflags.h>
#include <linux/vmalloc.h>

#include "zb_bench.h"

#define SLOTS		4096u
#define OPS		40000u

struct walk {
	struct page *page[SLOTS];
	u8 order[SLOTS];
	u64 took[OPS], gave[OPS];
	unsigned int nr_took, nr_gave;
};

static __always_inline u64 take_body(enum who who, struct page **page,
				     unsigned int order)
{
	u64 start = bench_clock();

	*page = bench_get(who, order);
	return bench_clock() - start;
}

static __always_inline u64 give_body(enum who who, struct page *page,
				     unsigned int order)
{
	u64 start = bench_clock();

	bench_put(who, page, order);
	return bench_clock() - start;
}

static void step(struct walk *walk, enum who who, unsigned int slot,
		 unsigned int order, u64 clock)
{
	struct page **page = &walk->page[slot];
	unsigned long flags = 0;
	u64 time;

	if (bench_mask)
		local_irq_save(flags);
	if (*page) {
		order = walk->order[slot];
		time = BENCH_EACH_WHO(who, give_body, *page, order);
		walk->gave[walk->nr_gave++] = time > clock ? time - clock : 0;
		*page = NULL;
	} else {
		walk->order[slot] = order;
		time = BENCH_EACH_WHO(who, take_body, page, order);
		walk->took[walk->nr_took++] = time > clock ? time - clock : 0;
	}
	if (bench_mask)
		local_irq_restore(flags);
}

/* The time to read the clock, which is subtracted. */
static u64 clock_cost(void)
{
	u64 start, least = U64_MAX;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		start = bench_clock();
		least = min(least, bench_clock() - start);
	}
	return least;
}

static void say(const char *name, enum who who, u64 *times, unsigned int nr)
{
	static const struct { const char *name; unsigned int permille; } at[] = {
		{ "p50", 500 }, { "p99", 990 }, { "p999", 999 }, { "max", 1000 },
	};
	unsigned int i;
	char row[32];
	u64 v;

	if (!nr)
		return;
	bench_sort(times, nr);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		v = times[min((u64)nr * at[i].permille / 1000, nr - 1ull)] * 100;
		scnprintf(row, sizeof(row), "%s.%s", name, at[i].name);
		bench_say(row, who == HOST ? "host" : "ours", "time", v, v, v, nr);
	}
}

static void random_walk(struct walk *walk, enum who who, unsigned int orders)
{
	u64 seed = 2463534242u, clock = clock_cost();
	unsigned int i, slot, order;

	memset(walk, 0, sizeof(*walk));
	for (i = 0; i < OPS; i++) {
		slot = bench_random(&seed) % SLOTS;
		order = bench_random(&seed) % orders;
		/* the first calls fill the slots and the caches */
		if (i == SLOTS * 2) {
			walk->nr_took = 0;
			walk->nr_gave = 0;
		}
		step(walk, who, slot, order, clock);
		if (!(i % 256))
			cond_resched();
	}
	for (slot = 0; slot < SLOTS; slot++)
		if (walk->page[slot])
			step(walk, who, slot, 0, clock);
}

/* Allocate a buffer of a random length and mobility, half of them a power of two. */
static struct page *random_buffer(u64 *seed, unsigned long *nr)
{
	static const zb_gfp_t mobility[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	zb_gfp_t gfp = OUR_GFP | mobility[bench_random(seed) % ARRAY_SIZE(mobility)];
	void *buffer;

	*nr = 1ul << bench_random(seed) % 11;
	if (bench_random(seed) % 2)
		*nr = 1 + bench_random(seed) % *nr;
	buffer = zb_alloc_pages_exact(*nr * PAGE_SIZE, gfp);
	return buffer ? virt_to_page(buffer) : NULL;
}

/**
 * bench_holds() - hold zone locks for all reasons that callers can bring about
 *
 * Buffers of random lengths and mobilities are allocated until memory is used up, and freed
 * in random order. The caller reads the debugfs file of zbuddy that has the times.
 */
void bench_holds(void)
{
	u64 seed = 2463534242u;
	struct holder {
		struct page *page[SLOTS];
		unsigned long nr[SLOTS];
	} *h;
	unsigned int i, slot;

	if (!bench_wanted("holds", false))
		return;
	h = vzalloc(sizeof(*h));
	if (!h)
		return;
	for (i = 0; i < 2 * OPS; i++) {
		slot = bench_random(&seed) % SLOTS;
		if (h->page[slot]) {
			zb_free_pages_exact(page_address(h->page[slot]), h->nr[slot] * PAGE_SIZE);
			h->page[slot] = NULL;
		} else {
			h->page[slot] = random_buffer(&seed, &h->nr[slot]);
		}
		if (!(i % 256))
			cond_resched();
	}
	for (slot = 0; slot < SLOTS; slot++)
		if (h->page[slot])
			zb_free_pages_exact(page_address(h->page[slot]), h->nr[slot] * PAGE_SIZE);
	vfree(h);
}

/**
 * bench_latency() - measure all rows about single calls
 */
void bench_latency(void)
{
	static const struct { const char *take, *give; unsigned int orders; } rows[] = {
		{ "lat.alloc", "lat.free", 1 },
		{ "lat.alloc_mixed", "lat.free_mixed", 5 },
	};
	struct walk *walk;
	enum who who;
	unsigned int i;

	if (!bench_wanted("lat", true))
		return;
	walk = vmalloc(sizeof(*walk));
	if (!walk)
		return;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (who = HOST; who <= OURS; who++) {
			random_walk(walk, who, rows[i].orders);
			say(rows[i].take, who, walk->took, walk->nr_took);
			say(rows[i].give, who, walk->gave, walk->nr_gave);
		}
	vfree(walk);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * All CPUs concurrently: pairs of allocating and freeing, filling and emptying memory, and
 * frames that are freed on another CPU than the one that allocated them.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/completion.h>
#include <linux/ptr_ring.h>
#include <linux/vmalloc.h>

#include "zb_bench.h"

#define PAIRS		5000u
#define RING_PAGES	4096u
#define RING_SIZE	1024
#define SHUFFLED	8192u	/* per CPU */
#define BULK		64u

static struct page **pages;	/* a part of @share elements for each CPU */
static unsigned int share;
static struct ptr_ring ring;

static unsigned int nr_cpus(void)
{
	return min(num_online_cpus(), BENCH_MAX_CPUS);
}

static u64 run(bench_crew_fn fn, unsigned int nr, enum who who, unsigned int arg)
{
	static struct bench_crew crew;

	crew.nr = nr;
	crew.fn = fn;
	crew.who = who;
	crew.arg = arg;
	return bench_crew_run(&crew);
}

/* Pairs */

static __always_inline u64 pair_body(enum who who, bool *failed)
{
	u64 start = bench_clock();
	struct page *page;
	unsigned int i;

	for (i = 0; i < PAIRS; i++) {
		page = bench_get(who, 0);
		if (!page) {
			*failed = true;
			break;
		}
		bench_put(who, page, 0);
	}
	return bench_clock() - start;
}

static void pair_member(struct bench_crew *crew, unsigned int me)
{
	bench_crew_meet(crew, 1);
	crew->time[me] = BENCH_EACH_WHO(crew->who, pair_body, &crew->failed);
}

static u64 pair(enum who who, unsigned int nr)
{
	return run(pair_member, nr, who, 0);
}

/* Fill and empty */

static __always_inline unsigned int fill_body(enum who who, struct page **mine,
					      unsigned int nr, bool bulk)
{
	unsigned int i = 0, got = 1;

	for (; i < nr && got; i += got) {
		if (bulk) {
			got = bench_get_bulk(who, min(BULK, nr - i), mine + i);
		} else {
			mine[i] = bench_get(who, 0);
			got = !!mine[i];
		}
	}
	return i;
}

static __always_inline unsigned int empty_body(enum who who, struct page **mine,
					       unsigned int nr, bool bulk)
{
	unsigned int i;

	for (i = 0; bulk && i < nr; i += BULK)
		bench_put_bulk(who, min(BULK, nr - i), mine + i);
	for (i = 0; !bulk && i < nr; i++)
		bench_put(who, mine[i], 0);
	return nr;
}

enum { FILL_TIME = 1, FILL_BULK = 2 };

static void fill_member(struct bench_crew *crew, unsigned int me)
{
	bool bulk = crew->arg & FILL_BULK;
	struct page **mine = pages + me * share;
	unsigned int got;
	u64 start, fill;

	memset(mine, 0, share * sizeof(*mine));
	bench_crew_meet(crew, 1);
	start = bench_clock();
	got = BENCH_EACH_WHO(crew->who, fill_body, mine, share, bulk);
	fill = bench_clock() - start;
	if (got != share)
		crew->failed = true;
	bench_crew_meet(crew, 2);
	start = bench_clock();
	BENCH_EACH_WHO(crew->who, empty_body, mine, got, bulk);
	crew->time[me] = crew->arg & FILL_TIME ? fill : bench_clock() - start;
}

static u64 fill(enum who who, unsigned int arg)
{
	return who == NOBODY ? 0 : run(fill_member, nr_cpus(), who, arg);
}

/* A CPU allocates and passes frames through a ring to another one, which frees them */

static __always_inline unsigned int produce_body(enum who who, bool *failed)
{
	struct page *page;
	unsigned int i;

	for (i = 0; i < RING_PAGES; i++) {
		page = bench_get(who, 0);
		if (!page) {
			WRITE_ONCE(*failed, true);
			break;
		}
		while (ptr_ring_produce(&ring, page))
			cpu_relax();
	}
	return i;
}

static __always_inline unsigned int consume_body(enum who who, bool *failed)
{
	struct page *page;
	unsigned int i;

	for (i = 0; i < RING_PAGES; i++) {
		while (!(page = ptr_ring_consume(&ring))) {
			if (READ_ONCE(*failed) && __ptr_ring_empty(&ring))
				return i;
			cpu_relax();
		}
		bench_put(who, page, 0);
	}
	return i;
}

static void ring_member(struct bench_crew *crew, unsigned int me)
{
	u64 start;

	bench_crew_meet(crew, 1);
	start = bench_clock();
	if (me)
		BENCH_EACH_WHO(crew->who, consume_body, &crew->failed);
	else
		BENCH_EACH_WHO(crew->who, produce_body, &crew->failed);
	crew->time[me] = bench_clock() - start;
}

static u64 through_ring(enum who who, unsigned int unused)
{
	return run(ring_member, 2, who, 0);
}

/* Shuffled: each CPU frees frames that any CPU has allocated */

static void shuffle(unsigned int nr)
{
	u64 seed = 88172645463325252ull;
	unsigned int i, k;

	for (i = nr; i > 1; i--) {
		k = bench_random(&seed) % i;
		swap(pages[i - 1], pages[k]);
	}
}

static void shuffled_member(struct bench_crew *crew, unsigned int me)
{
	struct page **mine = pages + me * share;
	unsigned int got;
	u64 start;

	memset(mine, 0, share * sizeof(*mine));
	bench_crew_meet(crew, 1);
	got = BENCH_EACH_WHO(crew->who, fill_body, mine, share, false);
	if (got != share)
		WRITE_ONCE(crew->failed, true);
	bench_crew_meet(crew, 2);
	if (!me && !READ_ONCE(crew->failed))
		shuffle(share * crew->nr);
	bench_crew_meet(crew, 3);
	start = bench_clock();
	BENCH_EACH_WHO(crew->who, empty_body, mine, got, false);
	crew->time[me] = bench_clock() - start;
}

static u64 shuffled(enum who who, unsigned int nr)
{
	return run(shuffled_member, nr, who, 0);
}

/* Allocate until no memory is left, including all reserves */

static void exhaust_member(struct bench_crew *crew, unsigned int me)
{
	zb_gfp_t gfp = OUR_GFP | __ZB_GFP_MEMALLOC | __ZB_GFP_NORETRY;
	struct page **mine = pages + me * share;
	struct page *page;
	unsigned int got = 0;

	bench_crew_meet(crew, 1);
	while (got < share && !READ_ONCE(crew->failed)) {
		page = zb_alloc_pages(gfp, 0);
		if (page)
			mine[got++] = page;
		else
			WRITE_ONCE(crew->failed, true);
	}
	crew->time[me] = got;
	bench_crew_meet(crew, 2);
	while (got)
		__zb_free_pages(mine[--got], 0);
}

static void exhaust(void)
{
	static struct bench_crew crew;
	u64 percent, got = 0, total;
	unsigned int i;

	if (!bench_wanted("full", true))
		return;
	zb_drain_all_pages();
	total = zb_nr_free_pages();
	crew.nr = nr_cpus();
	crew.fn = exhaust_member;
	share = total;
	pages = vmalloc(array3_size(total, crew.nr, sizeof(*pages)));
	if (!pages)
		return;
	bench_crew_run(&crew);
	for (i = 0; i < crew.nr; i++)
		got += crew.time[i];
	percent = bench_hundredths(got * 100, total);
	bench_say("full", "ours", "percent", percent, percent, percent, 1);
	vfree(pages);
}

/* Fill 95 %, so that watermarks have no effect. */
static void filling(void)
{
	static const struct { const char *name; unsigned int arg; } rows[] = {
		{ "cpus.fill", FILL_TIME }, { "cpus.empty", 0 },
		{ "cpus.fill_bulk", FILL_TIME | FILL_BULK },
		{ "cpus.empty_bulk", FILL_BULK },
	};
	struct bench_row row = {
		.unit = "time/page", .run = fill, .batches = 2,
	};
	unsigned int i;

	share = zb_nr_free_pages() * 19 / 20 / nr_cpus();
	pages = vmalloc(array3_size(share, nr_cpus(), sizeof(*pages)));
	if (!pages)
		return;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		row.name = rows[i].name;
		row.arg = rows[i].arg;
		row.per = share;
		if (bench_wanted(row.name, false))
			bench_measure(&row);
	}
	vfree(pages);
}

static void other_cpu(void)
{
	struct bench_row row = {
		.unit = "time/page", .batches = 16, .run = through_ring,
		.per = RING_PAGES, .loop = true, .name = "remote.ring",
	};

	/* Three quarters of the memory, so that watermarks have no effect. */
	share = min(SHUFFLED, zb_nr_free_pages() * 3 / 4 / nr_cpus());
	pages = vmalloc(array3_size(share, nr_cpus(), sizeof(*pages)));
	if (!pages)
		return;
	if (ptr_ring_init(&ring, RING_SIZE, GFP_KERNEL))
		goto out;
	if (bench_wanted(row.name, false))
		bench_measure(&row);
	row = (struct bench_row){
		.unit = "time/page", .batches = 6, .run = shuffled,
		.per = share, .arg = nr_cpus(), .name = "remote.shuffled",
	};
	if (bench_wanted(row.name, false))
		bench_measure(&row);
	ptr_ring_cleanup(&ring, NULL);
out:
	vfree(pages);
}

/**
 * bench_cpus() - measure all rows that use all CPUs
 */
void bench_cpus(void)
{
	struct bench_row row = {
		.unit = "time/pair", .run = pair, .per = PAIRS, .batches = 16,
		.loop = true,
	};

	if (nr_cpus() > 1) {
		row.name = "cpus.pair_one";
		row.arg = 1;
		if (bench_wanted(row.name, false))
			bench_measure(&row);
		row.name = "cpus.pair_all";
		row.arg = nr_cpus();
		if (bench_wanted(row.name, false))
			bench_measure(&row);
		other_cpu();
	}
	filling();
	exhaust();
}

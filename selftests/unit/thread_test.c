// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that represent CPUs, under ThreadSanitizer. The owner of a frame writes its number
 * to an array element for the frame, without a lock. So a frame with two owners is a data
 * race, and so is a frame that passes from one owner to the next without memory ordering by
 * the allocator.
 */
#include <pthread.h>

#include "fast.h"
#include "isolate.h"
#include "stat.h"
#include "unit_pool.h"

#define NR_CPUS		4u
#define MAX_HELD	512u
#define MAIL_SLOTS	64u
#define STEPS		15000u

struct piece {
	unsigned long pfn;
	unsigned long nr_pages;
};

/* Frames to be freed by another thread. */
struct mailbox {
	pthread_mutex_t mutex;
	unsigned int nr;
	struct piece piece[MAIL_SLOTS];
};

struct shared {
	struct unit_pool *p;
	u32 *owner;			/* by frame, 0 if it is free */
	pthread_barrier_t barrier;
	struct mailbox mail[NR_CPUS];
	pthread_mutex_t online[NR_CPUS];	/* held by the CPU while it works */
	bool stop;
	void (*work)(struct shared *sh, unsigned int cpu);
	unsigned long nr_failed;
};

struct worker {
	struct shared *sh;
	unsigned int cpu;
	pthread_t thread;
};

static void mark(struct shared *sh, const struct piece *piece, u32 from, u32 to)
{
	unsigned long i;

	for (i = piece->pfn; i < piece->pfn + piece->nr_pages; i++) {
		if (sh->owner[i] != from)
			unit_fail(__FILE__, __LINE__, "owner of frame 0x%lx is %u, expected %u",
				  i, sh->owner[i], from);
		sh->owner[i] = to;
	}
}

/* Use the per-CPU fast path for some of the pieces that are blocks. */
static bool may_use_fast_path(const struct piece *piece)
{
	return !(piece->nr_pages & (piece->nr_pages - 1)) && unit_below(4);
}

static bool get(struct shared *sh, u32 me, zb_gfp_t gfp, unsigned long nr_pages,
		struct piece *piece)
{
	unsigned int order = zb_exact_order(nr_pages);

	*piece = (struct piece){ .pfn = ZB_NO_PFN, .nr_pages = nr_pages };
	if (may_use_fast_path(piece) && !zb_fast_alloc(sh->p->pool.nodes, gfp, order, &piece->pfn))
		piece->pfn = zb_fast_alloc_empty(sh->p->pool.nodes, gfp, order);
	if (piece->pfn == ZB_NO_PFN)
		piece->pfn = zb_pool_alloc_exact(&sh->p->pool, gfp, nr_pages, 0, NULL);
	if (piece->pfn != ZB_NO_PFN)
		mark(sh, piece, 0, me);
	return piece->pfn != ZB_NO_PFN;
}

static void put(struct shared *sh, u32 from, const struct piece *piece)
{
	mark(sh, piece, from, 0);
	if (may_use_fast_path(piece) &&
	    (zb_fast_free(&sh->p->pool, piece->pfn, zb_exact_order(piece->nr_pages)) ||
	     zb_fast_free_full(&sh->p->pool, piece->pfn, zb_exact_order(piece->nr_pages))))
		return;
	EXPECT_EQ(zb_pool_free_exact(&sh->p->pool, piece->pfn, piece->nr_pages),
		  ZB_OK);
}

/* Returns false if the mailbox is full. */
static bool send(struct shared *sh, unsigned int to, const struct piece *piece)
{
	struct mailbox *box = &sh->mail[to];
	bool sent;

	pthread_mutex_lock(&box->mutex);
	sent = box->nr < MAIL_SLOTS;
	if (sent)
		box->piece[box->nr++] = *piece;
	pthread_mutex_unlock(&box->mutex);
	return sent;
}

static bool receive(struct shared *sh, unsigned int me, struct piece *piece)
{
	struct mailbox *box = &sh->mail[me];
	bool received;

	pthread_mutex_lock(&box->mutex);
	received = box->nr;
	if (received)
		*piece = box->piece[--box->nr];
	pthread_mutex_unlock(&box->mutex);
	return received;
}

static void drain_own(struct shared *sh)
{
	sh->p->pool.ops->drain_all(&sh->p->pool);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct shared *sh = w->sh;
	struct piece piece;

	zb_env_set_cpu(w->cpu);
	unit_srandom(unit_seed + w->cpu);
	pthread_barrier_wait(&sh->barrier);
	sh->work(sh, w->cpu);
	pthread_barrier_wait(&sh->barrier);
	while (receive(sh, w->cpu, &piece))
		put(sh, sh->owner[piece.pfn], &piece);
	drain_own(sh);
	return NULL;
}

/* Check invariants and statistics while other threads are working. */
static void *walker_main(void *arg)
{
	struct zb_pageblock_stat blocks[8];
	struct shared *sh = arg;
	struct zb_violation v;
	struct zb_zone_stat st;
	struct zb_zone *zone;
	unsigned long walks = 0;
	unsigned long sum, nr;
	unsigned int order;

	for (; !READ_ONCE(sh->stop); walks++) {
		if (!zb_check_pool(&sh->p->pool, &v))
			unit_fail(__FILE__, __LINE__, "violation: %s; pfn 0x%lx: %lu, %lu",
				  v.rule, v.pfn, v.found, v.expected);
		zb_for_each_zone(zone, &sh->p->pool) {
			zb_zone_snapshot(zone, &st);
			for (sum = 0, order = 0; order < ZB_NR_ORDERS; order++)
				sum += zb_stat_nr_free(&st, order) << order;
			EXPECT_EQ(sum, st.nr_free);
			nr = zb_zone_nr_pageblocks(zone);
			zb_pageblock_snapshot(zone, 0, nr < 8 ? nr : 8, blocks);
		}
	}
	unit_note("%lu concurrent checks", walks);
	return NULL;
}

static const unsigned long node0 = 1;

/* Isolate pageblocks and set their types concurrently with allocations. */
static void meddle_with_pageblocks(struct zb_pool *pool)
{
	struct zb_zone *zone = &pool->zones[unit_below(pool->nr_zones)];
	unsigned long i = unit_below(zb_zone_nr_pageblocks(zone));
	unsigned long pfn = zone->start_pfn + PB(i);

	switch (unit_below(4)) {
	case 0:
		if (zb_pool_isolate_range(pool, pfn, PB(1 + unit_below(3))))
			sched_yield();
		break;
	case 1:
		zb_pool_set_migratetype(pool, pfn, unit_below(ZB_MIGRATE_ISOLATE));
		break;
	case 2:
		zb_zone_unreserve_highatomic(zone, unit_below(3), unit_below(2));
		break;
	case 3:
		zb_zone_unreserve_idle(zone);
		break;
	}
	zb_pool_unisolate_range(pool, pfn, PB(3));
	zb_pool_range_free(pool, pfn, PB(3));
	zb_pool_get_migratetype(pool, pfn);
}

/* Change tunables and read statistics concurrently with allocations. */
static void *meddler_main(void *arg)
{
	struct shared *sh = arg;
	struct zb_pool *pool = &sh->p->pool;
	unsigned long nr[ZB_MIGRATE_TYPES], sum = 0;
	struct zb_zone *zone;
	unsigned int event;

	while (!READ_ONCE(sh->stop)) {
		meddle_with_pageblocks(pool);
		pool->tunables.min_free_kbytes = unit_below(512);
		pool->tunables.pcp_high_fraction = unit_below(200);
		zb_pool_tune(pool, 1 + unit_below(8));
		zb_for_each_zone(zone, pool) {
			for (event = 0; event < ZB_NR_EVENTS; event++)
				sum += zb_zone_events(zone, event);
			for (event = 0; event < ZB_MIGRATE_PCPTYPES; event++)
				sum += READ_ONCE(zone->fallbacks[event][event]);
			zb_zone_mixed_blocks(zone, nr);
		}
		sched_yield();
	}
	EXPECT(sum > 0);
	return NULL;
}

/* Reset the types that the meddler has set, for the comparison with the initial state. */
static void reset_types(struct zb_pool *pool)
{
	struct zb_zone *zone;
	unsigned long pfn;

	zb_for_each_zone(zone, pool) {
		zb_pool_unisolate_range(pool, zone->start_pfn, zone->nr_pages);
		for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
		     pfn += ZB_PAGEBLOCK_NR)
			EXPECT(zb_pool_set_migratetype(pool, pfn, zone->default_migratetype));
	}
}

/*
 * Run @work on all CPUs, with @walkers threads that check, and optionally with the meddler;
 * all memory must be free afterwards.
 */
static void run_threads_and(const struct unit_geometry *g, unsigned int walkers,
			    bool meddler,
			    void (*work)(struct shared *sh, unsigned int cpu))
{
	struct shared *sh = calloc(1, sizeof(*sh));
	struct worker workers[NR_CPUS];
	pthread_t walker[2], meddles;
	struct zb_zone *last;
	unsigned int i;

	ASSERT(sh);
	sh->p = unit_pool_make(g);
	sh->p->own_cpu_only = true;
	last = &sh->p->pool.zones[sh->p->pool.nr_zones - 1];
	sh->owner = calloc(zb_zone_end(last), sizeof(*sh->owner));
	ASSERT(sh->owner);
	sh->work = work;
	pthread_barrier_init(&sh->barrier, NULL, NR_CPUS);
	for (i = 0; i < NR_CPUS; i++) {
		pthread_mutex_init(&sh->mail[i].mutex, NULL);
		pthread_mutex_init(&sh->online[i], NULL);
	}
	for (i = 0; i < walkers; i++)
		pthread_create(&walker[i], NULL, walker_main, sh);
	if (meddler)
		pthread_create(&meddles, NULL, meddler_main, sh);
	for (i = 0; i < NR_CPUS; i++) {
		workers[i].sh = sh;
		workers[i].cpu = i;
		pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
	}
	for (i = 0; i < NR_CPUS; i++)
		pthread_join(workers[i].thread, NULL);
	WRITE_ONCE(sh->stop, true);
	for (i = 0; i < walkers; i++)
		pthread_join(walker[i], NULL);
	if (meddler) {
		pthread_join(meddles, NULL);
		reset_types(&sh->p->pool);
	}
	/* each thread has drained its own lists, so the pool must be in its initial state */
	unit_pool_quiet(sh->p);
	unit_state_equal(sh->p, sh->p->initial);
	unit_pool_end(sh->p);
	free(sh->owner);
	free(sh);
}

static void run_threads(const struct unit_geometry *g, unsigned int walkers,
			void (*work)(struct shared *sh, unsigned int cpu))
{
	run_threads_and(g, walkers, false, work);
}

static const struct unit_geometry two_zones = {
	.zones = {
		{ 0, ZB_ZONE_DMA32, 3, 8 }, { 0, ZB_ZONE_NORMAL, 11, 24 },
	},
	.nr_zones = 2, .cpus = NR_CPUS,
};

static zb_gfp_t random_gfp(void)
{
	static const zb_gfp_t kinds[] = {
		0, ZB_GFP_KERNEL, ZB_GFP_TEMPORARY, __ZB_GFP_MOVABLE,
		ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, __ZB_GFP_DMA32,
		__ZB_GFP_RECLAIMABLE,
	};

	return kinds[unit_below(ARRAY_SIZE(kinds))];
}

static unsigned long random_size(void)
{
	unsigned long n = BIT(unit_below(unit_below(12) + 1));

	return unit_below(4) ? n : n - unit_below((n + 1) / 2);
}

/* Allocate and free at random; half of the blocks are passed to other threads. */
static void mixed_work(struct shared *sh, unsigned int cpu)
{
	struct piece held[MAX_HELD], piece;
	unsigned int i, nr = 0, step;
	u32 me = cpu + 1;

	for (step = 0; step < STEPS; step++) {
		while (receive(sh, cpu, &piece))
			put(sh, sh->owner[piece.pfn], &piece);
		if (unit_below(500) == 0)
			drain_own(sh);
		if (nr < MAX_HELD && unit_below(2)) {
			if (!get(sh, me, random_gfp(), random_size(), &held[nr]))
				continue;
			i = unit_below(2ul * NR_CPUS);
			if (i >= NR_CPUS || i == cpu || !send(sh, i, &held[nr]))
				nr++;
		} else if (nr) {
			i = unit_below(nr);
			put(sh, me, &held[i]);
			held[i] = held[--nr];
		}
	}
	while (nr)
		put(sh, me, &held[--nr]);
}

/* CPU 0 takes other CPUs offline and online again. */
static void hotplug(struct shared *sh)
{
	unsigned int cpu = 1 + unit_below(NR_CPUS - 1);
	struct zb_pool *pool = &sh->p->pool;
	struct zb_zone *zone;

	pthread_mutex_lock(&sh->online[cpu]);
	zb_for_each_zone(zone, pool) {
		zb_pcp_drain(zone, cpu);
		EXPECT_EQ(zb_pcp_nr_pages(zone, cpu), 0);
		zb_end_lists(zone, cpu);
	}
	pthread_mutex_unlock(&sh->online[cpu]);
	zb_pool_tune(pool, NR_CPUS);
}

static void work_that_is_interrupted(struct shared *sh, unsigned int cpu)
{
	struct piece held[MAX_HELD];
	unsigned int nr = 0, step;
	u32 me = cpu + 1;

	for (step = 0; step < STEPS / 2; step++) {
		if (!cpu && step % 64 == 0)
			hotplug(sh);
		pthread_mutex_lock(&sh->online[cpu]);
		if (nr < MAX_HELD && unit_below(100) < 55)
			nr += get(sh, me, random_gfp(), random_size(), &held[nr]);
		else if (nr)
			put(sh, me, &held[--nr]);
		pthread_mutex_unlock(&sh->online[cpu]);
	}
	pthread_mutex_lock(&sh->online[cpu]);
	while (nr)
		put(sh, me, &held[--nr]);
	pthread_mutex_unlock(&sh->online[cpu]);
}

TEST(cpus_come_and_go)
{
	run_threads(&two_zones, 1, work_that_is_interrupted);
}

TEST(random_work_on_all_cpus)
{
	run_threads(&two_zones, 0, mixed_work);
}

TEST(random_work_with_concurrent_checks)
{
	run_threads(&two_zones, 2, mixed_work);
}

/* All kinds of requests while types and tunables change. */
static void bold_work(struct shared *sh, unsigned int cpu)
{
	static const zb_gfp_t kinds[] = {
		ZB_GFP_ATOMIC, ZB_GFP_KERNEL, ZB_GFP_HIGHUSER_MOVABLE,
		ZB_GFP_TEMPORARY | __ZB_GFP_WRITE, __ZB_GFP_MEMALLOC,
		ZB_GFP_ATOMIC | __ZB_GFP_OTHER_NODE | __ZB_GFP_COLD,
		ZB_GFP_USER | __ZB_GFP_COMP, ZB_GFP_KERNEL | __ZB_GFP_NORETRY,
	};
	const struct zb_alloc_policy policy = { .cpuset = &node0, .nr_bits = 64 };
	struct piece held[MAX_HELD];
	unsigned int i, nr = 0, step;
	u32 me = cpu + 1;

	for (step = 0; step < STEPS / 2; step++) {
		zb_env_node = unit_below(2);
		if (unit_below(200) == 0)
			drain_own(sh);
		i = unit_below(nr + 1);
		if (nr < MAX_HELD && unit_below(100) < 55) {
			held[nr].nr_pages = random_size();
			held[nr].pfn = zb_pool_alloc_exact(&sh->p->pool,
							   kinds[unit_below(ARRAY_SIZE(kinds))],
							   held[nr].nr_pages,
							   unit_below(2), &policy);
			if (held[nr].pfn != ZB_NO_PFN)
				mark(sh, &held[nr++], 0, me);
		} else if (i < nr) {
			put(sh, me, &held[i]);
			held[i] = held[--nr];
		}
	}
	while (nr)
		put(sh, me, &held[--nr]);
}

TEST(random_work_while_everything_changes)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 3, 6 }, { 0, ZB_ZONE_NORMAL, 9, 12 },
			{ 1, ZB_ZONE_NORMAL, 24, 8 }, { 1, ZB_ZONE_MOVABLE, 32, 4 },
		},
		.nr_zones = 4, .cpus = NR_CPUS, .watermarks = true,
	};

	run_threads_and(&g, 1, true, bold_work);
}

/* Single frames only: all operations use per-CPU lists, which overflow. */
static void hot_work(struct shared *sh, unsigned int cpu)
{
	unsigned int i, nr = 0, step;
	struct piece held[200];
	u32 me = cpu + 1;

	for (step = 0; step < STEPS / 50; step++) {
		while (nr < ARRAY_SIZE(held) &&
		       get(sh, me, __ZB_GFP_MOVABLE, 1, &held[nr]))
			nr++;
		for (i = unit_below(nr + 1); nr > i;)
			put(sh, me, &held[--nr]);
	}
	while (nr)
		put(sh, me, &held[--nr]);
}

TEST(single_frames_on_all_cpus)
{
	run_threads(&two_zones, 1, hot_work);
}

/* Two CPUs allocate for two others that do nothing but free. */
static void one_way_work(struct shared *sh, unsigned int cpu)
{
	struct piece piece;
	unsigned int step;
	u32 me = cpu + 1;

	for (step = 0; step < STEPS; step++) {
		if (cpu % 2) {
			if (receive(sh, cpu, &piece))
				put(sh, me - 1, &piece);
			else
				sched_yield();
		} else if (get(sh, me, random_gfp(), BIT(unit_below(5)), &piece) &&
			   !send(sh, cpu + 1, &piece)) {
			put(sh, me, &piece);
			sched_yield();
		}
	}
}

TEST(allocated_on_one_cpu_and_freed_on_another)
{
	run_threads(&two_zones, 1, one_way_work);
}

/*
 * Four pageblocks. Each CPU holds at most 384 frames, 1536 of 2048 in total. Its list has
 * at most 64 frames, and a batch of 32 may be in transit, 384 in total. So 128 frames are
 * always left in the zone, and no request may fail.
 */
static void modest_work(struct shared *sh, unsigned int cpu)
{
	unsigned int i, nr = 0, step;
	struct piece held[384];
	u32 me = cpu + 1;

	for (step = 0; step < 4 * STEPS; step++) {
		if (nr < ARRAY_SIZE(held) && unit_below(100) < 55) {
			if (get(sh, me, 0, 1, &held[nr]))
				nr++;
			else
				__atomic_add_fetch(&sh->nr_failed, 1,
						   __ATOMIC_RELAXED);
		} else if (nr) {
			i = unit_below(nr);
			put(sh, me, &held[i]);
			held[i] = held[--nr];
		}
	}
	while (nr)
		put(sh, me, &held[--nr]);
	EXPECT_EQ(__atomic_load_n(&sh->nr_failed, __ATOMIC_RELAXED), 0);
}

/*
 * Each CPU holds one block, of an order for which such a small zone has no per-CPU lists. The
 * zone has twice as many blocks; they are split and merged, but no request may fail.
 */
static void splitting_work(struct shared *sh, unsigned int cpu)
{
	struct piece piece;
	unsigned int step;
	u32 me = cpu + 1;

	for (step = 0; step < 2 * STEPS; step++) {
		if (get(sh, me, __ZB_GFP_NOWARN, 64, &piece))
			put(sh, me, &piece);
		else
			__atomic_add_fetch(&sh->nr_failed, 1, __ATOMIC_RELAXED);
	}
	EXPECT_EQ(__atomic_load_n(&sh->nr_failed, __ATOMIC_RELAXED), 0);
}

TEST(no_failure_while_blocks_are_split)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 4, 1 } }, .nr_zones = 1,
		.cpus = NR_CPUS,
	};

	run_threads(&g, 0, splitting_work);
}

TEST(no_failure_while_there_is_enough)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 4, 4 } }, .nr_zones = 1,
		.cpus = NR_CPUS,
	};

	run_threads(&g, 0, modest_work);
}

/* Far too little memory: failing requests are retried, and no memory is lost. */
static void greedy_work(struct shared *sh, unsigned int cpu)
{
	struct piece held[MAX_HELD];
	unsigned int i, round, nr, nr_failed = 0;
	u32 me = cpu + 1;

	for (round = 0; round < 60; round++) {
		for (nr = 0, i = 0; i < MAX_HELD; i++)
			nr += get(sh, me, random_gfp(), BIT(unit_below(3)),
				  &held[nr]);
		nr_failed += MAX_HELD - nr;
		while (nr)
			put(sh, me, &held[--nr]);
	}
	EXPECT(nr_failed);
}

TEST(less_memory_than_requested)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 4, 1 }, { 0, ZB_ZONE_NORMAL, 13, 1 },
		},
		.nr_zones = 2, .cpus = NR_CPUS,
	};

	run_threads(&g, 0, greedy_work);
}

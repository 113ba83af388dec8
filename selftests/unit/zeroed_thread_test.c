// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clearing free frames while other CPUs allocate and free, under ThreadSanitizer. Owners
 * write to their frames without a lock, so a frame that is cleared while it has an owner
 * is a data race.
 */
#include <pthread.h>

#include "singles.h"
#include "unit_pool.h"
#include "zero_ahead.h"

#define START		64ul
#define PAGEBLOCKS	8ul
#define ALL		(PAGEBLOCKS * ZB_PAGEBLOCK_NR)
#define NR_OWNERS	3u
#define NR_HELD		24u
#define STEPS		6000u

/* The contents of each frame: 0, or 1 after it was written to. */
static u8 content[ALL];

struct cpu {
	struct unit_pool *p;
	unsigned int cpu;
	pthread_t thread;
	unsigned long hits, wrong;
	bool *stop;
};

struct held {
	unsigned long pfn;
	unsigned long nr;
	bool zero;
};

static void clear_frames(struct zb_pool *pool, unsigned long pfn, unsigned long nr_pages)
{
	(void)pool;
	memset(&content[pfn - PB(START)], 0, nr_pages);
}

static const struct zb_ops ops = { .clear = clear_frames };

static void write_to(struct held *h, bool zero)
{
	memset(&content[h->pfn - PB(START)], !zero, h->nr);
	h->zero = zero;
}

static bool get(struct cpu *c, struct held *h)
{
	u64 bits[ALL / 64] = { 0 };
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy zeroed = { .zero_map = &map }, any = { .nr_bits = 0 };
	unsigned int order = unit_below(unit_below(4) ? 4 : 10);
	unsigned long i;

	h->nr = unit_below(2) ? BIT(order) : 1 + unit_below(BIT(order));
	if (h->nr != BIT(order) ||
	    !zb_fast_alloc(c->p->pool.nodes, __ZB_GFP_NOWARN, order, &h->pfn))
		h->pfn = zb_pool_alloc_exact(&c->p->pool, __ZB_GFP_NOWARN, h->nr, 0,
					     unit_below(4) ? &zeroed : &any);
	if (h->pfn == ZB_NO_PFN)
		return false;
	for (i = 0; i < h->nr; i++)
		if (zb_zero_map_test(&map, h->pfn, i)) {
			c->hits++;
			c->wrong += content[h->pfn + i - PB(START)];
		}
	write_to(h, !unit_below(3));
	return true;
}

static void put(struct cpu *c, const struct held *h)
{
	if (unit_below(2))
		EXPECT_EQ(zb_pool_free_to_zone(&c->p->pool, h->pfn, h->nr, h->zero), ZB_OK);
	else
		EXPECT_EQ(zb_pool_free_exact(&c->p->pool, h->pfn, h->nr), ZB_OK);
}

/* Allocate, write to and free several single frames at once. */
static void use_singles(struct cpu *c)
{
	struct zb_singles s;
	unsigned int i;
	bool zero = unit_below(2);

	zb_fast_alloc_singles(c->p->pool.nodes, __ZB_GFP_NOWARN, 1 + unit_below(40), &s);
	for (i = 0; i < s.nr; i++) {
		if (s.zero >> i & 1) {
			c->hits++;
			c->wrong += content[s.pfn[i] - PB(START)];
		}
		content[s.pfn[i] - PB(START)] = !zero;
	}
	s.zero = zero ? ~0ull : 0;
	EXPECT_EQ(zb_pool_free_singles(&c->p->pool, &s, 0), ZB_OK);
}

static void *owner_main(void *arg)
{
	struct held held[NR_HELD];
	unsigned int i, k, nr = 0;
	struct cpu *c = arg;

	zb_env_set_cpu(c->cpu);
	unit_srandom(unit_seed + c->cpu);
	for (i = 0; i < STEPS; i++) {
		if (nr < NR_HELD && unit_below(2)) {
			nr += get(c, &held[nr]);
		} else if (!unit_below(8)) {
			use_singles(c);
		} else if (nr) {
			k = unit_below(nr);
			put(c, &held[k]);
			held[k] = held[--nr];
		}
	}
	while (nr)
		put(c, &held[--nr]);
	zb_pcp_drain_own(c->p->pool.zones);
	return NULL;
}

static void *clearer_main(void *arg)
{
	struct cpu *c = arg;
	struct zb_zone *zone = c->p->pool.zones;
	struct zb_zero_sweep s;

	zb_env_set_cpu(c->cpu);
	unit_srandom(unit_seed + c->cpu);
	while (!READ_ONCE(*c->stop)) {
		if (!unit_below(16))
			free(zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(ALL))));
		zb_zone_set_zero_max(zone, 1 + unit_below(100));
		zb_zero_sweep_begin(&s, zone);
		while (!s.done && !READ_ONCE(*c->stop))
			zb_zone_zero_ahead(zone, &s, 16);
	}
	return NULL;
}

TEST(cleared_while_others_allocate)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, START, PAGEBLOCKS } },
		.nr_zones = 1, .cpus = NR_OWNERS + 1,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	struct cpu cpus[NR_OWNERS + 1];
	struct zb_violation v;
	bool stop = false;
	unsigned long hits = 0;
	unsigned int i;

	p->pool.ops = &ops;
	memset(content, 1, sizeof(content));
	zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(ALL)));
	for (i = 0; i <= NR_OWNERS; i++) {
		cpus[i] = (struct cpu){ .p = p, .cpu = i, .stop = &stop };
		pthread_create(&cpus[i].thread, NULL, i < NR_OWNERS ? owner_main : clearer_main,
			       &cpus[i]);
	}
	for (i = 0; i <= NR_OWNERS; i++) {
		if (i == NR_OWNERS)
			WRITE_ONCE(stop, true);
		pthread_join(cpus[i].thread, NULL);
		hits += cpus[i].hits;
		EXPECT_EQ(cpus[i].wrong, 0);
	}
	EXPECT(zb_check_pool(&p->pool, &v));
	unit_note("%lu hits, %lu cleared ahead", hits, zb_zone_events(zone, ZB_ZERO_AHEAD));
	EXPECT(hits && zb_zone_events(zone, ZB_ZERO_AHEAD));
	free(zb_zone_set_zeroed(zone, NULL));
	unit_pool_end(p);
}

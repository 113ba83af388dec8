// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many allocations of single frames at once are the same as one after the other: the same frames
 * are known to be zero, the same events are counted, and the same frees are refused.
 */
#include "singles.h"
#include "unit_zeroed.h"

static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(START, PAGEBLOCKS);
	struct zb_zone *zone = p->pool.zones;

	p->pool.ops = &ops;
	memset(content, 1, sizeof(content));
	memset(error, 0, sizeof(error));
	EXPECT(!zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages))));
	zb_zone_set_zero_max(zone, 100);
	return p;
}

static void end(struct unit_pool *p)
{
	free(zb_zone_set_zeroed(p->pool.zones, NULL));
	unit_pool_end(p);
}

static void sweep(struct zb_zone *zone, unsigned int most)
{
	struct zb_zero_sweep s;
	unsigned int nr = 0;

	zb_zero_sweep_begin(&s, zone);
	while (!s.done && nr < most)
		nr += zb_zone_zero_ahead(zone, &s, 1);
}

static void get(struct unit_pool *p, unsigned int nr, struct zb_singles *s)
{
	unsigned int i;

	zb_fast_alloc_singles(p->pool.nodes, GFP, nr, s);
	ASSERT(s->nr <= nr);
	for (i = 0; i < s->nr; i++) {
		EXPECT_EQ(zb_pool_check_allocated(&p->pool, s->pfn[i], 0), ZB_OK);
		if (s->zero >> i & 1)
			EXPECT(!content[s->pfn[i] - PB(START)]);
	}
}

static void write_to_all(struct zb_singles *s)
{
	unsigned int i;

	s->zero = 0;
	for (i = 0; i < s->nr; i++)
		content[s->pfn[i] - PB(START)] = 1;
}

static unsigned long events(const struct zb_zone *zone, enum zb_event event)
{
	return zb_zone_events(zone, event);
}

/* Each frame that is known to be zero is zero, and the counters match. */
static void verify(struct unit_pool *p)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long i, nr = 0;
	struct zb_violation v;

	if (!zb_check_pool(&p->pool, &v))
		unit_fail(__FILE__, __LINE__, "%s", v.rule);
	for (i = 0; i < ALL; i++)
		if (zone->zeroed->bits[i / 64] >> (i % 64) & 1) {
			nr++;
			ASSERT(!content[i]);
		}
	EXPECT_EQ(zone->zeroed->nr, nr);
}

POOL_TEST_WITH(singles_are_known_to_be_zero, make(), end)
{
	struct zb_singles s;

	unit_pool_long_lists(p);
	sweep(zone, ALL);
	get(p, 64, &s);
	EXPECT_EQ(s.nr, 64);
	EXPECT_EQ(s.zero, ~0ull);
	EXPECT_EQ(zone->zeroed->nr, ALL - 64);
	EXPECT_EQ(events(zone, ZB_PGALLOC), 64);
	EXPECT_EQ(events(zone, ZB_NUMA_HIT), 64);
	EXPECT_EQ(events(zone, ZB_NUMA_LOCAL), 64);
	EXPECT_EQ(events(zone, ZB_ZERO_HIT), 64);
	EXPECT_EQ(events(zone, ZB_ZERO_MISS), 0);
	EXPECT_EQ(events(zone, ZB_ZERO_VAIN), 0);
	EXPECT_EQ(events(zone, ZB_PCP_REFILL), 0);
	verify(p);
	/* half of them stay zero */
	s.zero = 0xffffffff;
	memset(&content[s.pfn[32] - PB(START)], 1, 32);
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 0), ZB_OK);
	EXPECT_EQ(zone->zeroed->nr, ALL - 32);
	EXPECT_EQ(events(zone, ZB_PGFREE), 64);
	EXPECT_EQ(events(zone, ZB_PCP_DRAIN), 0);
	verify(p);
	/* what was written to is cleared first */
	sweep(zone, 32);
	EXPECT_EQ(zone->zeroed->nr, ALL);
}

/* Frames that have to be cleared are counted as such, and are not reported as zero. */
POOL_TEST_WITH(singles_that_are_not_zero, make(), end)
{
	struct zb_singles s;

	unit_pool_long_lists(p);
	get(p, 40, &s);
	EXPECT_EQ(s.nr, 40);
	EXPECT_EQ(s.zero, 0);
	EXPECT_EQ(events(zone, ZB_ZERO_HIT), 0);
	EXPECT_EQ(events(zone, ZB_ZERO_MISS), 40);
	/* the first ones stay allocated */
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 25), ZB_OK);
	EXPECT_EQ(events(zone, ZB_PGFREE), 15);
	EXPECT_EQ(zb_pool_check_allocated(&p->pool, s.pfn[24], 0), ZB_OK);
	EXPECT_EQ(zb_pool_check_allocated(&p->pool, s.pfn[25], 0), ZB_BAD_NOT_ALLOCATED);
	s.nr = 25;
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 0), ZB_OK);
	EXPECT_EQ(zone->nr_free, ALL);
}

/* Of pageblocks that fit equally well, the zeroed one is used. */
POOL_TEST_WITH(singles_prefer_zeroed, make(), end)
{
	unsigned long pfn[PAGEBLOCKS], i;
	struct zb_singles s;

	unit_pool_long_lists(p);
	for (i = 0; i < PAGEBLOCKS; i++)
		pfn[i] = unit_alloc_exact(p, GFP, ZB_PAGEBLOCK_NR);
	for (i = 0; i < PAGEBLOCKS; i += 2) {
		memset(&content[pfn[i] - PB(START)], i != 4, ZB_PAGEBLOCK_NR);
		EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn[i], ZB_PAGEBLOCK_NR, i == 4), ZB_OK);
	}
	get(p, 8, &s);
	EXPECT_EQ(s.nr, 8);
	EXPECT_EQ(s.zero, 0xff);
	EXPECT_EQ(zb_pfn_pageblock(zone, s.pfn[0]), zb_pfn_pageblock(zone, pfn[4]));
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 0), ZB_OK);
	for (i = 0; i < PAGEBLOCKS; i++)
		if (i % 2)
			EXPECT_EQ(unit_free(p, pfn[i], 9), ZB_OK);
}

/* Requests that need more than the first attempt, or no zeroed memory, are left alone. */
POOL_TEST_WITH(singles_are_refused, make(), end)
{
	static const zb_gfp_t flags[] = {
		__ZB_GFP_ZERO, __ZB_GFP_WRITE, __ZB_GFP_ACCOUNT, __ZB_GFP_NOFAIL, __ZB_GFP_COLD,
	};
	struct zb_singles s;
	struct zb_zeroed *z;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		zb_fast_alloc_singles(p->pool.nodes, GFP | flags[i], 8, &s);
		EXPECT_EQ(s.nr, 0);
	}
	unit_set_low(zone, true);
	get(p, 8, &s);
	EXPECT_EQ(s.nr, 0);
	unit_set_low(zone, false);
	z = zb_zone_set_zeroed(zone, NULL);
	get(p, 8, &s);
	EXPECT_EQ(s.nr, 0);
	EXPECT(!zb_zone_set_zeroed(zone, z));
	EXPECT_EQ(events(zone, ZB_PGALLOC), 0);
}

/* The low watermark stays free. */
POOL_TEST_WITH(singles_stop_at_the_watermark, make(), end)
{
	unsigned long n = 0;
	struct zb_singles s;

	p->pool.tunables.min_free_kbytes = 4096;
	zb_pool_tune(&p->pool, 1);
	for (;;) {
		get(p, 64, &s);
		if (!s.nr)
			break;
		n += s.nr;
	}
	EXPECT(n > 0);
	EXPECT(zone->nr_free >= zone->watermark[ZB_ALLOC_WMARK_LOW]);
	unit_free_all(p);
}

/* Unfit frames are neither allocated nor freed, and the others are. */
POOL_TEST_WITH(singles_without_unfit_frames, make(), end)
{
	struct zb_singles s;
	unsigned long pfn;
	unsigned int i;

	zone->frame_ops = &frame_ops;
	unit_pool_long_lists(p);
	sweep(zone, ALL);
	for (i = 0; i < 100; i += 3)
		error[i] = true;
	get(p, 64, &s);
	EXPECT_EQ(s.nr, 64);
	for (i = 0; i < s.nr; i++)
		EXPECT(!error[s.pfn[i] - PB(START)]);
	EXPECT_EQ(events(zone, ZB_PGALLOC), 64);
	/* a frame of the middle becomes unfit while it is allocated */
	pfn = s.pfn[20];
	error[pfn - PB(START)] = true;
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 0), ZB_OK);
	EXPECT_EQ(events(zone, ZB_PGFREE), 64);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_UNFIT);
	verify(p);
	memset(error, 0, sizeof(error));
	zb_zone_recheck(zone, NULL);
	EXPECT_EQ(zone->nr_free, ALL);
	zone->frame_ops = NULL;
}

/* A wrong frame is refused and reported, and all others are freed. */
POOL_TEST_WITH(singles_with_wrong_frames, make(), end)
{
	struct zb_singles s;
	unsigned long pair;

	unit_pool_long_lists(p);
	get(p, 10, &s);
	EXPECT_EQ(s.nr, 10);
	pair = unit_alloc(p, GFP, 1);
	s.pfn[10] = s.pfn[3];
	s.pfn[11] = pair;
	s.pfn[12] = PB(START) - 1;
	s.pfn[13] = ~0ul;
	s.nr = 14;
	EXPECT(zb_pool_free_singles(&p->pool, &s, 0) != ZB_OK);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_NOT_ALLOCATED]), 1);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_WRONG_ORDER]), 1);
	EXPECT_EQ(atomic_long_read(&p->pool.bad_frees[ZB_BAD_OUTSIDE]), 2);
	EXPECT_EQ(events(zone, ZB_PGFREE), 10);
	EXPECT_EQ(unit_free(p, pair, 1), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_free, ALL);
}

/* Frames of two zones can be freed together. */
TEST(singles_of_two_zones)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_DMA32, START, 4 }, { 0, ZB_ZONE_NORMAL, START + 4, 4 } },
		.nr_zones = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_singles s = { .nr = 0 };
	unsigned long free = unit_pool_nr_free(p);
	unsigned int i;

	for (i = 0; i < 64; i++) {
		s.pfn[s.nr] = unit_alloc(p, i % 7 < 3 ? GFP | __ZB_GFP_DMA32 : GFP, 0);
		ASSERT(s.pfn[s.nr++] != ZB_NO_PFN);
	}
	EXPECT_EQ(zb_pool_free_singles(&p->pool, &s, 0), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(unit_pool_nr_free(p), free);
	EXPECT_EQ(events(&p->pool.zones[0], ZB_PGFREE) + events(&p->pool.zones[1], ZB_PGFREE), 64);
	unit_pool_end(p);
}

/* Random allocations, frees and sweeps. */
POOL_TEST_WITH(singles_at_random, make(), end)
{
	static struct zb_singles held[40];
	unsigned int nr = 0, k, step;
	unsigned long hits = 0;

	unit_pool_long_lists(p);
	for (step = 0; step < 3000; step++) {
		if (!unit_below(8))
			sweep(zone, unit_below(200));
		if (nr < ARRAY_SIZE(held) && unit_below(2)) {
			get(p, 1 + unit_below(64), &held[nr]);
			hits += hweight64(held[nr].zero);
			/* All others are cleared. */
			for (k = 0; k < held[nr].nr; k++)
				content[held[nr].pfn[k] - PB(START)] = 0;
			held[nr].zero = ~0ull >> (64 - held[nr].nr) % 64;
			if (!held[nr].nr)
				continue;
			if (unit_below(2))
				write_to_all(&held[nr]);
			nr++;
		} else if (nr) {
			k = unit_below(nr);
			EXPECT_EQ(zb_pool_free_singles(&p->pool, &held[k], 0), ZB_OK);
			held[k] = held[--nr];
		}
		if (!(step % 50))
			verify(p);
	}
	while (nr)
		EXPECT_EQ(zb_pool_free_singles(&p->pool, &held[--nr], 0), ZB_OK);
	verify(p);
	EXPECT(hits > 1000);
	EXPECT_EQ(events(zone, ZB_PGALLOC), events(zone, ZB_PGFREE));
}

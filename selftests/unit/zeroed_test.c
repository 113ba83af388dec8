// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that are known to be zero: in no sequence of allocations, frees and clearing is a
 * frame reported as zero that was written to.
 */
#include "compact.h"
#include "isolate.h"
#include "unit_zeroed.h"

static void start(struct zb_zone *zone, unsigned int percent)
{
	EXPECT(!zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages))));
	zb_zone_set_zero_max(zone, percent);
}

static void stop(struct zb_zone *zone)
{
	free(zb_zone_set_zeroed(zone, NULL));
}

static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(START, PAGEBLOCKS);

	p->pool.ops = &ops;
	memset(content, 1, sizeof(content));
	start(p->pool.zones, 100);
	return p;
}

static void end(struct unit_pool *p)
{
	stop(p->pool.zones);
	unit_pool_end(p);
}

static bool known(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned long i = pfn - zone->start_pfn;

	return zone->zeroed->bits[i / 64] >> (i % 64) & 1;
}

/* Each frame that is known to be zero is zero, and is free; the counters match. */
static void verify(struct unit_pool *p)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long i, nr = 0;
	struct zb_violation v;

	if (!zb_check_pool(&p->pool, &v))
		unit_fail(__FILE__, __LINE__, "%s", v.rule);
	for (i = 0; zone->zeroed && i < ALL; i++)
		if (known(zone, PB(START) + i)) {
			nr++;
			ASSERT(!content[i]);
		}
	if (zone->zeroed)
		EXPECT_EQ(zone->zeroed->nr, nr);
}

static unsigned int sweep(struct zb_zone *zone)
{
	unsigned long before = clears;
	struct zb_zero_sweep s;
	unsigned int nr = 0;

	zb_zero_sweep_begin(&s, zone);
	while (!s.done)
		nr += zb_zone_zero_ahead(zone, &s, 7);
	EXPECT_EQ(nr, clears - before);
	return nr;
}

/* A request for zeroed memory. Returns the number of frames known to be zero in *@nr_zero. */
static unsigned long alloc_zeroed(struct unit_pool *p, unsigned long nr_pages,
				  unsigned long *nr_zero)
{
	u64 bits[ALL / 64];
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy policy = { .every_frame = true, .zero_map = &map };
	unsigned long i, nr = 0, pfn;

	memset(bits, 0xff, sizeof(bits));
	pfn = zb_pool_alloc_exact(&p->pool, GFP, nr_pages, 0, &policy);
	for (i = 0; pfn != ZB_NO_PFN && i < nr_pages; i++)
		if (zb_zero_map_test(&map, pfn, i)) {
			nr++;
			EXPECT(!content[pfn + i - PB(START)]);
		}
	if (pfn != ZB_NO_PFN && map.pfn == pfn)
		EXPECT_EQ(map.nr_zero, nr);
	*nr_zero = nr;
	return pfn;
}

static unsigned long events(const struct zb_zone *zone, enum zb_event event)
{
	return zb_zone_events(zone, event);
}

POOL_TEST_WITH(sweep_clears_all, make(), end)
{
	unsigned long nr;

	EXPECT_EQ(sweep(zone), ALL);
	EXPECT_EQ(sweep(zone), 0);
	EXPECT_EQ(zone->zeroed->nr, ALL);
	EXPECT_EQ(events(zone, ZB_ZERO_AHEAD), ALL);
	verify(p);
	EXPECT_EQ(alloc_zeroed(p, 5, &nr), PB(START));
	EXPECT_EQ(nr, 5);
	EXPECT_EQ(events(zone, ZB_ZERO_HIT), 5);
	EXPECT_EQ(events(zone, ZB_ZERO_MISS), 0);
	/* the part of the block that was not kept is still known */
	EXPECT_EQ(zone->zeroed->nr, ALL - 5);
	EXPECT_EQ(unit_free_exact(p, PB(START), 5), ZB_OK);
}

POOL_TEST_WITH(budget, make(), end)
{
	zb_zone_set_zero_max(zone, 25);
	EXPECT_EQ(sweep(zone), ALL / 4);
	zb_zone_set_zero_max(zone, 0);
	EXPECT_EQ(sweep(zone), 0);
	EXPECT_EQ(zone->zeroed->nr, ALL / 4);
	zb_zone_set_zero_max(zone, 26);
	EXPECT_EQ(sweep(zone), ALL * 26 / 100 - ALL / 4);
	verify(p);
}

/* Clearing never takes a block away: the largest one can be allocated at any time. */
POOL_TEST_WITH(largest_block_stays_free, make(), end)
{
	struct zb_zero_sweep s;
	unsigned long pfn;

	zb_zero_sweep_begin(&s, zone);
	while (!s.done) {
		zb_zone_zero_ahead(zone, &s, 100);
		pfn = unit_alloc(p, GFP, zone->max_order);
		ASSERT(pfn != ZB_NO_PFN);
		memset(content, 1, sizeof(content));
		EXPECT_EQ(zone->zeroed->nr, 0);
		EXPECT_EQ(unit_free(p, pfn, zone->max_order), ZB_OK);
		if (events(zone, ZB_ZERO_AHEAD) > 2 * ALL)
			break;
	}
	EXPECT_EQ(events(zone, ZB_ZERO_AHEAD), ALL);
}

/* The largest blocks come first, and each is cleared from its start. */
POOL_TEST_WITH(largest_first, make(), end)
{
	struct zb_zero_sweep s;
	unsigned long a, b;

	a = unit_alloc(p, GFP, 10);
	b = unit_alloc(p, GFP, 3);
	EXPECT_EQ(a, PB(START));
	zb_zero_sweep_begin(&s, zone);
	while (!s.done && zone->zeroed->nr < 4 * ZB_PAGEBLOCK_NR)
		zb_zone_zero_ahead(zone, &s, 1);
	/* the free blocks are the upper half of the zone, and smaller ones around b */
	EXPECT(known(zone, PB(START + 4)));
	EXPECT(known(zone, PB(START + 8) - 1));
	EXPECT(!known(zone, b + 8));
	EXPECT_EQ(unit_free(p, a, 10), ZB_OK);
	EXPECT_EQ(unit_free(p, b, 3), ZB_OK);
}

/* A program that allocates, writes to and frees the same amount again and again. */
static unsigned long steady_hits(struct unit_pool *p, unsigned long nr_pages,
				 unsigned int times)
{
	unsigned long pfn, nr, hits = 0;

	while (times--) {
		sweep(p->pool.zones);
		pfn = alloc_zeroed(p, nr_pages, &nr);
		ASSERT(pfn != ZB_NO_PFN);
		hits += nr;
		memset(&content[pfn - PB(START)], 1, nr_pages);
		EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn, nr_pages, false), ZB_OK);
		verify(p);
		EXPECT(p->pool.zones->zeroed->nr <= p->pool.zones->zeroed->max);
	}
	return hits;
}

/* Even with a limit, the program gets cleared memory, although larger blocks are cleared first. */
POOL_TEST_WITH(limit_and_steady_program, make(), end)
{
	const unsigned long nr[] = { ZB_PAGEBLOCK_NR, 2 * ZB_PAGEBLOCK_NR, 700, 5 };
	unsigned long hold = unit_alloc(p, GFP, 9);
	unsigned int i;

	ASSERT(hold != ZB_NO_PFN);
	zb_zone_set_zero_max(zone, 30);
	sweep(zone);
	for (i = 0; i < ARRAY_SIZE(nr); i++) {
		steady_hits(p, nr[i], 1);
		EXPECT_EQ(steady_hits(p, nr[i], 9), 9 * nr[i]);
	}
	/* a program that needs more than the limit gets what the limit allows */
	steady_hits(p, 4 * ZB_PAGEBLOCK_NR, 1);
	EXPECT_EQ(steady_hits(p, 4 * ZB_PAGEBLOCK_NR, 3), 3 * (ALL * 30 / 100));
	EXPECT_EQ(unit_free(p, hold, 9), ZB_OK);
}

/* Of blocks that fit equally well, a request for zeroed memory takes the zeroed one. */
POOL_TEST_WITH(zeroed_blocks_are_preferred, make(), end)
{
	unsigned long pfn[PAGEBLOCKS], nr, i;

	for (i = 0; i < PAGEBLOCKS; i++)
		pfn[i] = unit_alloc(p, GFP, 9);
	for (i = 0; i < PAGEBLOCKS; i += 2) {
		memset(&content[pfn[i] - PB(START)], i != 4, ZB_PAGEBLOCK_NR);
		EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn[i], ZB_PAGEBLOCK_NR, i == 4), ZB_OK);
	}
	EXPECT_EQ(alloc_zeroed(p, ZB_PAGEBLOCK_NR, &nr), pfn[4]);
	EXPECT_EQ(nr, ZB_PAGEBLOCK_NR);
	for (i = 0; i < PAGEBLOCKS; i++)
		if (i % 2 || i == 4)
			EXPECT_EQ(unit_free(p, pfn[i], 9), ZB_OK);
}

/* A fuller pageblock is used first even if it has to be cleared, so that others become free. */
POOL_TEST_WITH(fuller_pageblocks_come_first, make(), end)
{
	unsigned long first[PAGEBLOCKS], pfn, nr, i, k;

	for (i = 0; i < PAGEBLOCKS; i++)
		first[i] = unit_alloc_exact(p, GFP, ZB_PAGEBLOCK_NR);
	/* of two pageblocks with single free frames, the zeroed one has more of them */
	memset(content, 0, sizeof(content));
	for (i = 2; i--;) {
		EXPECT(zb_pool_split_page(&p->pool, first[i], ZB_PAGEBLOCK_ORDER) == ZB_OK);
		for (k = 0; k < (i ? 300 : 200); k += 2)
			EXPECT_EQ(zb_pool_free_to_zone(&p->pool, first[i] + k, 1, i), ZB_OK);
	}
	pfn = alloc_zeroed(p, 1, &nr);
	EXPECT_EQ(zb_pfn_pageblock(zone, pfn), zb_pfn_pageblock(zone, first[0]));
	unit_free_all(p);
}

/* Frames cleared for requests that need no zeroes are counted, and not known when freed. */
POOL_TEST_WITH(cleared_in_vain, make(), end)
{
	unsigned long pfn, nr, taken;

	unit_pool_long_lists(p);
	sweep(zone);
	pfn = unit_alloc(p, GFP, 0);
	taken = ALL - zone->zeroed->nr;
	EXPECT(taken > 1);
	EXPECT_EQ(events(zone, ZB_ZERO_VAIN), taken);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	unit_pool_drain(p);
	EXPECT_EQ(zone->nr_free, ALL);
	EXPECT_EQ(zone->zeroed->nr, ALL - taken);
	EXPECT_EQ(sweep(zone), taken);
	pfn = zb_compact_alloc(zone, GFP, 3, zone->max_order + 1);
	ASSERT(pfn != ZB_NO_PFN);
	EXPECT_EQ(events(zone, ZB_ZERO_VAIN), taken + 3);
	EXPECT_EQ(unit_free_exact(p, pfn, 3), ZB_OK);
	pfn = alloc_zeroed(p, 3, &nr);
	EXPECT_EQ(events(zone, ZB_ZERO_HIT), nr);
	EXPECT_EQ(events(zone, ZB_ZERO_MISS), 3 - nr);
	EXPECT_EQ(unit_free_exact(p, pfn, 3), ZB_OK);
}

/* A request of a module with ZERO clears only what is not known to be zero. */
POOL_TEST_WITH(zero_flag, make(), end)
{
	unsigned long pfn[3], i;

	unit_pool_long_lists(p);
	/* put a block on a list, which would be used without zeroed frames */
	EXPECT_EQ(unit_free(p, unit_alloc(p, GFP, 2), 2), ZB_OK);
	sweep(zone);
	clears = 0;
	EXPECT(!zb_fast_alloc(p->pool.nodes, GFP | __ZB_GFP_ZERO, 2, &pfn[0]));
	for (i = 0; i < 3; i++) {
		pfn[i] = unit_alloc(p, GFP | __ZB_GFP_ZERO, 2 + i);
		EXPECT_EQ(content[pfn[i] - PB(START)], 0);
	}
	EXPECT_EQ(events(zone, ZB_ZERO_HIT), 4 + 8 + 16);
	EXPECT_EQ(clears, 0);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 2 + i), ZB_OK);
	memset(content, 1, sizeof(content));
	stop(zone);
	start(zone, 100);
	unit_pool_drain(p);
	pfn[0] = unit_alloc(p, GFP | __ZB_GFP_ZERO, 2);
	EXPECT_EQ(content[pfn[0] - PB(START)], 0);
	EXPECT_EQ(clears, 4);
	EXPECT_EQ(unit_free(p, pfn[0], 2), ZB_OK);
}

/* A map that is used again keeps nothing of the previous request. */
POOL_TEST_WITH(map_is_used_again, make(), end)
{
	u64 bits[1] = { 0 };
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy policy = { .zero_map = &map };
	unsigned long pfn;

	unit_pool_long_lists(p);
	sweep(zone);
	pfn = zb_pool_alloc_exact(&p->pool, GFP, 4, 0, &policy);
	EXPECT(zb_zero_map_test(&map, pfn, 0));
	EXPECT_EQ(unit_free(p, pfn, 2), ZB_OK);
	stop(zone);
	EXPECT_EQ(zb_pool_alloc_exact(&p->pool, GFP, 4, 0, &policy), pfn);
	EXPECT(!zb_zero_map_test(&map, pfn, 0));
	EXPECT_EQ(unit_free(p, pfn, 2), ZB_OK);
	start(zone, 100);
}

/* Unfit frames are not written to, and are not known when they return to use. */
POOL_TEST_WITH(unfit_frames, make(), end)
{
	unsigned long pfn, nr;

	zone->frame_ops = &frame_ops;
	error[17] = true;
	EXPECT_EQ(sweep(zone), ALL - 1);
	EXPECT_EQ(content[17], 1);
	EXPECT(!known(zone, PB(START) + 17));
	error[40] = true;
	pfn = alloc_zeroed(p, 64, &nr);
	ASSERT(pfn != ZB_NO_PFN);
	EXPECT_EQ(zone->nr_unfit, 2);
	EXPECT(pfn >= PB(START) + 64);
	verify(p);
	/* a frame that has become unfit while it was in use */
	error[pfn + 3 - PB(START)] = true;
	EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn, 64, false), ZB_OK);
	EXPECT_EQ(zone->nr_unfit, 3);
	EXPECT_EQ(zone->nr_free, ALL - 3);
	content[40] = 1;
	memset(error, 0, sizeof(error));
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 3);
	verify(p);
	zone->frame_ops = NULL;
}

/* The task that isolates pageblocks may use their free frames. */
POOL_TEST_WITH(isolated_pageblocks, make(), end)
{
	ASSERT(zb_pool_isolate_range(&p->pool, PB(START + 2), ZB_PAGEBLOCK_NR));
	EXPECT_EQ(sweep(zone), ALL - ZB_PAGEBLOCK_NR);
	EXPECT_EQ(content[PB(2)], 1);
	zb_pool_unisolate_range(&p->pool, PB(START + 2), ZB_PAGEBLOCK_NR);
	EXPECT_EQ(sweep(zone), ZB_PAGEBLOCK_NR);
	ASSERT(zb_pool_isolate_range(&p->pool, PB(START + 2), ZB_PAGEBLOCK_NR));
	memset(&content[PB(2)], 1, ZB_PAGEBLOCK_NR);
	EXPECT_EQ(sweep(zone), 0);
	EXPECT_EQ(content[PB(2)], 1);
	zb_pool_unisolate_range(&p->pool, PB(START + 2), ZB_PAGEBLOCK_NR);
	EXPECT_EQ(zone->zeroed->nr, ALL - ZB_PAGEBLOCK_NR);
	EXPECT_EQ(sweep(zone), ZB_PAGEBLOCK_NR);
	verify(p);
}

/* An allocation of the random test. */
struct held {
	unsigned long pfn;
	unsigned long nr;
	bool zero;
};

static void write_to(struct held *h)
{
	memset(&content[h->pfn - PB(START)], 1, h->nr);
	h->zero = false;
}

static bool random_alloc(struct unit_pool *p, struct held *h)
{
	static const zb_gfp_t mobility[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	zb_gfp_t gfp = GFP | mobility[unit_below(3)] | (unit_below(4) ? 0 : __ZB_GFP_COLD);
	unsigned int order = unit_below(unit_below(4) ? 4 : 11);
	unsigned long nr;

	h->nr = BIT(order);
	switch (unit_below(5)) {
	case 4:
		h->nr = 1 + unit_below(BIT(order));
		h->pfn = unit_alloc_exact(p, gfp | __ZB_GFP_ZERO, h->nr);
		for (nr = 0; h->pfn != ZB_NO_PFN && nr < h->nr; nr++)
			EXPECT(!content[h->pfn + nr - PB(START)]);
		break;
	case 0:
		h->nr = 1 + unit_below(BIT(order));
		h->pfn = unit_alloc_exact(p, gfp, h->nr);
		break;
	case 1:
		if (!zb_fast_alloc(p->pool.nodes, gfp, order, &h->pfn))
			h->pfn = unit_alloc(p, gfp, order);
		break;
	default:
		h->nr = 1 + unit_below(BIT(order));
		h->pfn = alloc_zeroed(p, h->nr, &nr);
		if (h->pfn == ZB_NO_PFN)
			return false;
		memset(&content[h->pfn - PB(START)], 0, h->nr);
		h->zero = true;
		if (unit_below(2))
			write_to(h);
		return true;
	}
	if (h->pfn == ZB_NO_PFN)
		return false;
	write_to(h);
	return true;
}

static void random_free(struct unit_pool *p, const struct held *h)
{
	if (unit_below(2) &&
	    EXPECT_EQ(zb_pool_free_to_zone(&p->pool, h->pfn, h->nr, h->zero), ZB_OK))
		return;
	if (h->nr & (h->nr - 1) || unit_below(2) ||
	    !zb_fast_free(&p->pool, h->pfn, zb_exact_order(h->nr)))
		EXPECT_EQ(unit_free_exact(p, h->pfn, h->nr), ZB_OK);
}

static void random_step(struct unit_pool *p, struct zb_zero_sweep *s)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long pfn = PB(START + unit_below(PAGEBLOCKS));

	switch (unit_below(40)) {
	case 0:
		unit_pool_drain(p);
		break;
	case 1:
		if (!zb_pool_isolate_range(&p->pool, pfn, ZB_PAGEBLOCK_NR))
			zb_pool_unisolate_range(&p->pool, pfn, ZB_PAGEBLOCK_NR);
		break;
	case 2:
		if (!unit_below(8)) {
			stop(zone);
			start(zone, 1 + unit_below(100));
		}
		break;
	case 3:
		zb_pool_set_migratetype(&p->pool, pfn, unit_below(ZB_MIGRATE_PCPTYPES));
		break;
	default:
		if (s->done)
			zb_zero_sweep_begin(s, zone);
		zb_zone_zero_ahead(zone, s, unit_below(64));
	}
}

POOL_TEST_WITH(random_operations, make(), end)
{
	const int type = zb_pool_get_migratetype(&p->pool, PB(START));
	struct zb_zero_sweep s;
	struct held held[64];
	unsigned int nr = 0, i, k;

	zb_zero_sweep_begin(&s, zone);
	for (i = 0; i < 20000; i++) {
		if (nr < ARRAY_SIZE(held) && unit_below(2)) {
			nr += random_alloc(p, &held[nr]);
		} else if (nr) {
			k = unit_below(nr);
			random_free(p, &held[k]);
			held[k] = held[--nr];
		}
		random_step(p, &s);
		if (i % 256 == 0)
			verify(p);
	}
	while (nr)
		random_free(p, &held[--nr]);
	zb_pool_unisolate_range(&p->pool, PB(START), ALL);
	unit_pool_drain(p);
	/* a pageblock that was free when its type was changed keeps the type */
	for (i = 0; i < PAGEBLOCKS; i++)
		EXPECT(zb_pool_set_migratetype(&p->pool, PB(START + i), type));
	verify(p);
	unit_note("%lu hits, %lu misses, %lu cleared ahead, %lu in vain",
		  events(zone, ZB_ZERO_HIT), events(zone, ZB_ZERO_MISS),
		  events(zone, ZB_ZERO_AHEAD), events(zone, ZB_ZERO_VAIN));
	EXPECT(events(zone, ZB_ZERO_HIT) > 1000);
	EXPECT(events(zone, ZB_ZERO_MISS) > 1000);
	EXPECT(events(zone, ZB_ZERO_VAIN) > 1000);
}

/* A request for zeroed memory is counted, with the frames that it keeps. */
POOL_TEST_WITH(counted_requests, make(), end)
{
	unsigned long nr_zero, pfn;

	sweep(zone);
	pfn = alloc_zeroed(p, 3, &nr_zero);
	EXPECT_EQ(nr_zero, 3);
	EXPECT_EQ(events(zone, ZB_PGALLOC), 3);
	EXPECT_EQ(events(zone, ZB_NUMA_HIT), 1);
	EXPECT_EQ(unit_free_exact(p, pfn, 3), ZB_OK);
}

/* A request that finds no zeroed frames, and is then served from a list, is counted once. */
POOL_TEST_WITH(request_without_zeroed_frames, make(), end)
{
	u64 bits[1] = { 0 };
	struct zb_zero_map map = { .pfn = ZB_NO_PFN, .bits = bits };
	const struct zb_alloc_policy policy = { .zero_map = &map };
	unsigned long before, pfn;

	unit_pool_long_lists(p);
	pfn = unit_alloc(p, GFP, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	while (unit_take(zone, 0, ZB_MIGRATE_UNMOVABLE) != ZB_NO_PFN)
		;
	before = events(zone, ZB_PGALLOC);
	EXPECT_EQ(zb_pool_alloc_exact(&p->pool, GFP | __ZB_GFP_MEMALLOC, 1, 0, &policy), pfn);
	EXPECT(!zb_zero_map_test(&map, pfn, 0));
	EXPECT_EQ(events(zone, ZB_PGALLOC), before + 1);
	unit_free_all(p);
}

/* A sweep that finds nothing to clear ends in one step. */
POOL_TEST_WITH(nothing_to_clear, make(), end)
{
	struct zb_zero_sweep s;

	zb_zone_set_zero_max(zone, 200);
	sweep(zone);
	zb_zero_sweep_begin(&s, zone);
	EXPECT_EQ(zb_zone_zero_ahead(zone, &s, 1), 0);
	EXPECT(s.done);
}

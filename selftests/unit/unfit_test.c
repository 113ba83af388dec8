// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unfit frames, at each place where the allocator examines frames: they are kept out of use,
 * and no other frame is. When they become fit again, the pool returns to its initial state.
 */
#include "unfit.h"
#include "unit_fast.h"

#define START	PB(64)
#define NR	PB(16)
#define GFP	(ZB_GFP_KERNEL | __ZB_GFP_NOWARN)

static struct {
	bool unfit[NR];
	unsigned long nr;		/* number of unfit frames */
	unsigned long nr_kept_out;	/* number of calls of kept_out */
	unsigned long nr_freed;		/* number of frames passed to zb_ops.poison */
	unsigned long looks;		/* number of calls of unfit */
} w;

static u64 unfit(const struct zb_zone *zone, unsigned long pfn, u64 frames)
{
	u64 found = 0;

	(void)zone;
	w.looks++;
	for (; frames; frames &= frames - 1)
		if (w.unfit[pfn - START + __ffs64(frames)])
			found |= 1ull << __ffs64(frames);
	return found;
}

static void kept_out(const struct zb_zone *zone, unsigned long pfn)
{
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_UNFIT);
	EXPECT(w.unfit[pfn - START]);
	w.nr_kept_out++;
}

static bool all_fit(const struct zb_zone *zone, const u32 *frames, unsigned int nr)
{
	w.looks++;
	while (nr--)
		if (w.unfit[zone->start_pfn + frames[nr] - START])
			return false;
	return true;
}

static const struct zb_frame_ops frame_ops = {
	.unfit = unfit,
	.all_fit = all_fit,
	.kept_out = kept_out,
};

static void record_poison(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	unsigned long i;

	EXPECT_EQ(&pool->zones[0], zb_pfn_zone(pool, pfn));
	EXPECT_EQ(zb_zone_state(pool->zones, pfn), ZB_STATE(ZB_BLOCK_PCP, order));
	for (i = 0; i < BIT(order); i++)
		EXPECT(!w.unfit[pfn + i - START]);
	w.nr_freed += BIT(order);
}

static const struct zb_ops poisoning = { .poison = record_poison };
static const struct zb_ops no_hooks;

static struct unit_pool *make(void)
{
	struct unit_pool *p = unit_pool_one(64, 16);

	memset(&w, 0, sizeof(w));
	p->pool.zones->frame_ops = &frame_ops;
	p->pool.ops = &no_hooks;
	unit_pool_long_lists(p);
	return p;
}

/* Allocate like a buffer of user space: every frame is examined. */
static unsigned long alloc_all(struct unit_pool *p, unsigned long nr_pages)
{
	const struct zb_alloc_policy policy = { .every_frame = true };

	return zb_pool_alloc_exact(&p->pool, GFP, nr_pages, p->pool.nodes->nid,
				   &policy);
}

static unsigned long alloc_block(struct unit_pool *p, unsigned int order)
{
	return alloc_all(p, BIT(order));
}

static enum zb_bad free_block(struct unit_pool *p, unsigned long pfn,
			      unsigned int order)
{
	return unit_free_exact(p, pfn, BIT(order));
}

static void plant(unsigned long pfn)
{
	w.nr += !w.unfit[pfn - START];
	w.unfit[pfn - START] = true;
}

static void cure(unsigned long pfn)
{
	w.nr -= w.unfit[pfn - START];
	w.unfit[pfn - START] = false;
}

static void cure_all(void)
{
	memset(w.unfit, 0, sizeof(w.unfit));
	w.nr = 0;
}

static bool has_unfit(unsigned long pfn, unsigned long nr)
{
	while (nr--)
		if (w.unfit[pfn + nr - START])
			return true;
	return false;
}

/* All frames are free except @nr of them, which are kept out of use. */
static void expect_out(struct unit_pool *p, unsigned long nr)
{
	struct zb_zone *zone = p->pool.zones;

	unit_pool_drain(p);
	unit_pool_quiet(p);
	EXPECT_EQ(zone->nr_unfit, nr);
	EXPECT_EQ(zone->nr_bad, nr);
	EXPECT_EQ(zone->nr_free, zone->nr_pages - nr);
	EXPECT_EQ(zb_zone_events(zone, ZB_UNFIT) -
		  zb_zone_events(zone, ZB_UNFIT_RETURNED), nr);
	EXPECT_EQ(zb_zone_events(zone, ZB_UNFIT), w.nr_kept_out);
}

/* Make all frames fit, and end the pool, which is in its initial state then. */
static void end(struct unit_pool *p)
{
	unsigned long nr = p->pool.zones->nr_unfit;

	unit_pool_drain(p);
	cure_all();
	EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), nr);
	EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), 0);
	EXPECT_EQ(p->pool.zones->nr_bad, 0);
	unit_pool_end(p);
}

static void fast_free(struct unit_pool *p, unsigned long pfn, unsigned int order)
{
	if (!zb_fast_free(&p->pool, pfn, order) && !zb_fast_free_full(&p->pool, pfn, order))
		EXPECT_EQ(free_block(p, pfn, order), ZB_OK);
}

/* A free to a full list examines the frames that it moves to the zone. */
POOL_TEST_WITH(full_lists, make(), end)
{
	unsigned long i, k, pfn[64];

	for (k = 0; k < 4; k++) {
		zone->pcp_high = 16;
		for (i = 0; i < 64; i++)
			pfn[i] = alloc_block(p, 0);
		for (i = 0; i < 64; i++) {
			if (i % 8 == 2)
				plant(pfn[(2 * k + 1) * i % 64]);
			fast_free(p, pfn[(2 * k + 1) * i % 64], 0);
		}
		expect_out(p, 8 * (k + 1));
	}
	/* blocks of another order leave no room for the last one */
	for (i = 0; i < 8; i++)
		pfn[i] = alloc_block(p, i < 7 ? 4 : 0);
	zone->pcp_high = 112;
	for (i = 0; i < 7; i++)
		fast_free(p, pfn[i], 4);
	zone->pcp_high = 16;
	plant(pfn[7]);
	EXPECT(zb_fast_free_full(&p->pool, pfn[7], 0));
	expect_out(p, 33);
}

/* The fast path examines no frames; a drain examines those that the fast path has freed. */
POOL_TEST_WITH(drain, make(), end)
{
	unsigned long pfn, frame, looks;
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = alloc_block(p, order);
		frame = pfn + (order < ZB_WORD_ORDER ? BIT(order) / 3 : 0);
		plant(frame);
		looks = w.looks;
		EXPECT(zb_fast_free(&p->pool, pfn, order));
		EXPECT_EQ(w.looks, looks);
		EXPECT_EQ(w.nr_kept_out, order);
		expect_out(p, order + 1);
		EXPECT_EQ(zb_zone_state(p->pool.zones, frame),
			  ZB_STATE_UNFIT);
	}
}

/* Many blocks in the same words, and several unfit frames in one block. */
POOL_TEST_WITH(drain_of_words, make(), end)
{
	unsigned long pfn[64], i, k, nr;
	unsigned int order;

	for (order = 0; order < ZB_WORD_ORDER; order++) {
		nr = 256 >> order < 64 ? 256 >> order : 64;
		for (i = 0; i < nr; i++)
			pfn[i] = alloc_block(p, order);
		for (i = 0; i < nr; i += 3)
			for (k = 0; k < BIT(order); k += 2)
				plant(pfn[i] + k);
		for (i = 0; i < nr; i++)
			fast_free(p, pfn[i], order);
		expect_out(p, w.nr);
		cure_all();
		zb_zone_recheck(p->pool.zones, NULL);
		expect_out(p, 0);
	}
}

/* Shortening a full list examines frames as a drain does. */
POOL_TEST_WITH(full_list, make(), end)
{
	unsigned long pfn[400], i;

	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = alloc_block(p, 0);
	for (i = 0; i < ARRAY_SIZE(pfn); i += 5)
		plant(pfn[i]);
	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		fast_free(p, pfn[i], 0);
	EXPECT(w.nr_kept_out > 0);
	expect_out(p, w.nr);
}

/* Allocate all memory in blocks of one order, by the fast path where possible. */
static unsigned long take_all(struct unit_pool *p, unsigned int order)
{
	unsigned long pfn, nr = 0;

	for (;;) {
		if (!zb_fast_alloc(p->pool.nodes, GFP, order, &pfn))
			pfn = alloc_block(p, order);
		if (pfn == ZB_NO_PFN)
			return nr;
		EXPECT(!has_unfit(pfn, BIT(order)));
		nr++;
	}
}

static unsigned long fit_blocks(unsigned int order)
{
	unsigned long pfn, nr = 0;

	for (pfn = START; pfn < START + NR; pfn += BIT(order))
		nr += !has_unfit(pfn, BIT(order));
	return nr;
}

/* Frames that become unfit while they are free are not allocated; all others are. */
POOL_TEST_WITH(alloc, make(), end)
{
	unsigned int order;
	unsigned long i;

	for (order = 0; order <= p->pool.max_order; order++) {
		for (i = 0; i < 5; i++)
			plant(START + (i * 1237 + order * 61ul) % NR);
		EXPECT_EQ(take_all(p, order), fit_blocks(order));
		EXPECT(p->pool.zones->nr_unfit <= w.nr);
		unit_free_all(p);
		expect_out(p, p->pool.zones->nr_unfit);
		cure_all();
		zb_zone_recheck(p->pool.zones, NULL);
		expect_out(p, 0);
	}
}

/* The freelist path does not allocate a frame that became unfit while it was on a list. */
POOL_TEST_WITH(alloc_from_a_list, make(), end)
{
	unsigned long pfn, again;
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++) {
		pfn = alloc_block(p, order);
		fast_free(p, pfn, order);
		plant(pfn);
		again = alloc_block(p, order);
		EXPECT(again != pfn && again != ZB_NO_PFN);
		EXPECT(!has_unfit(again, BIT(order)));
		EXPECT_EQ(free_block(p, again, order), ZB_OK);
		expect_out(p, order + 1);
	}
}

POOL_TEST_WITH(freelist_free, make(), end)
{
	unsigned int order;
	unsigned long pfn;

	for (order = 0; order <= p->pool.max_order; order++) {
		pfn = alloc_block(p, order);
		plant(pfn);
		plant(pfn + BIT(order) - 1);
		EXPECT_EQ(order < 6 && order & 1 ? zb_pool_free_pages_cold(&p->pool, pfn, order) :
				      free_block(p, pfn, order), ZB_OK);
		EXPECT_EQ(free_block(p, pfn, order), ZB_BAD_NOT_ALLOCATED);
		expect_out(p, w.nr);
		EXPECT_EQ(zb_zone_events(p->pool.zones, ZB_PGALLOC),
			  zb_zone_events(p->pool.zones, ZB_PGFREE));
		cure_all();
		EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), order ? 2 : 1);
	}
}

/* Only the first frame of a large block is examined, unless the block is to be cleared. */
POOL_TEST_WITH(first_frame_unless_cleared, make(), end)
{
	unsigned long pfn, looks;

	pfn = unit_alloc(p, GFP, 10);
	plant(pfn + 1);
	looks = w.looks;
	EXPECT_EQ(unit_free(p, pfn, 10), ZB_OK);
	EXPECT_EQ(unit_alloc(p, GFP, 10), pfn);
	EXPECT_EQ(w.looks, looks + 1);
	EXPECT_EQ(w.nr_kept_out, 0);
	EXPECT_EQ(unit_free(p, pfn, 10), ZB_OK);
	EXPECT(unit_alloc(p, GFP | __ZB_GFP_ZERO, 10) != pfn);
	EXPECT_EQ(w.nr_kept_out, 1);
	unit_free_all(p);
	plant(pfn + 2048);
	EXPECT(unit_alloc(p, GFP, 10) != pfn + 2048);
	unit_free_all(p);
}

/* Each frame of a block in turn, and all of them. */
POOL_TEST_WITH(every_frame, make(), end)
{
	unsigned long pfn, i;

	for (i = 0; i < 1024; i += 31) {
		pfn = alloc_block(p, 10);
		plant(pfn + i);
		EXPECT_EQ(free_block(p, pfn, 10), ZB_OK);
		expect_out(p, 1);
		cure(pfn + i);
		zb_zone_recheck(p->pool.zones, NULL);
	}
	pfn = alloc_block(p, 10);
	for (i = 0; i < 1024; i++)
		plant(pfn + i);
	EXPECT_EQ(free_block(p, pfn, 10), ZB_OK);
	expect_out(p, 1024);
}

/* The parts of an exact allocation without unfit frames are freed. */
POOL_TEST_WITH(exact, make(), end)
{
	static const unsigned long sizes[] = { 3, 13, 77, 700, 1000, 3000 };
	unsigned long pfn, i, nr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		nr = sizes[i];
		pfn = alloc_all(p, nr);
		plant(pfn + nr / 2);
		plant(pfn + nr - 1);
		EXPECT_EQ(unit_free_exact(p, pfn, nr), ZB_OK);
		expect_out(p, w.nr);
		cure_all();
		zb_zone_recheck(p->pool.zones, NULL);
		/* a frame becomes unfit while it is free */
		plant(pfn + nr / 2);
		pfn = alloc_all(p, nr);
		EXPECT(!has_unfit(pfn, nr));
		EXPECT_EQ(unit_free_exact(p, pfn, nr), ZB_OK);
		expect_out(p, p->pool.zones->nr_unfit);
		cure_all();
		zb_zone_recheck(p->pool.zones, NULL);
	}
}

/* Each word of frames is examined once, whatever the sizes of the blocks are. */
POOL_TEST_WITH(exact_frees_look_once, make(), end)
{
	static const unsigned long words[] = { 3, 7, 9, 21, 100 };
	unsigned long pfn, i, looks;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		pfn = alloc_all(p, 64 * words[i]);
		looks = w.looks;
		EXPECT_EQ(unit_free_exact(p, pfn, 64 * words[i]), ZB_OK);
		EXPECT_EQ(w.looks - looks, words[i]);
		unit_pool_drain(p);
	}
}

POOL_TEST_WITH(bulk, make(), end)
{
	unsigned long pfn[64], *next = pfn;
	unsigned int i, got;

	for (i = 0; i < 32; i++)
		plant(START + 5 + i * 7ul);
	pfn[0] = alloc_block(p, 0);
	EXPECT_EQ(free_block(p, pfn[0], 0), ZB_OK);
	got = zb_fast_alloc_bulk(p->pool.nodes, GFP, 64, take, &next);
	EXPECT(got > 10);
	for (i = 0; i < got; i++)
		EXPECT(!w.unfit[pfn[i] - START]);
	cure_all();
	zb_zone_recheck(p->pool.zones, NULL);
	w.nr_kept_out = zb_zone_events(p->pool.zones, ZB_UNFIT);
	for (i = 0; i < got; i += 2)
		plant(pfn[i]);
	EXPECT_EQ(zb_fast_free_bulk(&p->pool, got, give, pfn), got);
	expect_out(p, w.nr);
}

/* Only the frames that become free are poisoned. */
POOL_TEST_WITH(only_freed_frames_are_poisoned, make(), end)
{
	unsigned long pfn, n;
	unsigned int order;

	p->pool.ops = &poisoning;
	for (order = 0; order <= p->pool.max_order; order++) {
		pfn = alloc_block(p, order);
		plant(pfn + BIT(order) / 2);
		n = w.nr_freed;
		EXPECT_EQ(free_block(p, pfn, order), ZB_OK);
		EXPECT_EQ(w.nr_freed, n + BIT(order) - 1);
		expect_out(p, 1);
		cure_all();
		EXPECT_EQ(zb_zone_recheck(p->pool.zones, record_poison), 1);
		EXPECT_EQ(w.nr_freed, n + BIT(order));
	}
}

/* Some frames become fit again and others do not. */
POOL_TEST_WITH(recheck, make(), end)
{
	unsigned long pfn = alloc_block(p, 11), i;

	for (i = 0; i < 2048; i += 100)
		plant(pfn + i);
	EXPECT_EQ(free_block(p, pfn, 11), ZB_OK);
	expect_out(p, 21);
	EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), 0);
	cure(pfn);
	cure(pfn + 2000);
	cure(pfn + 900);
	EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), 3);
	expect_out(p, 18);
	EXPECT_EQ(zb_zone_recheck(p->pool.zones, NULL), 0);
}

/* A recheck of unfit frames does not return a block that was damaged. */
POOL_TEST_WITH(damaged_is_not_unfit, make(), end)
{
	unsigned long pfn = alloc_block(p, 0);

	zb_zone_set_state(zone, pfn, ZB_STATE_BAD(0));
	zone->nr_bad++;
	plant(START + 100);
	take_all(p, 0);
	EXPECT_EQ(zone->nr_unfit, 1);
	EXPECT_EQ(zone->nr_bad, 2);
	cure_all();
	EXPECT_EQ(zb_zone_recheck(zone, NULL), 1);
	EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE_BAD(0));
	zone->nr_bad--;
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_UNMOVABLE, 0));
	unit_free_all(p);
}

/* A request that the zone could not serve even if it were empty is not waited for. */
POOL_TEST_WITH(verdict, make(), end)
{
	struct zb_alloc_request req = {
		.gfp = GFP, .nid = p->pool.nodes->nid,
		.nr_pages = BIT(p->pool.max_order),
	};
	unsigned long pfn;

	EXPECT(zb_pool_could_ever(&p->pool, &req));
	for (pfn = START; pfn < START + NR; pfn += BIT(p->pool.max_order))
		plant(pfn + 3);
	EXPECT_EQ(alloc_block(p, p->pool.max_order), ZB_NO_PFN);
	expect_out(p, w.nr);
	EXPECT(!zb_pool_could_ever(&p->pool, &req));
	req.nr_pages = BIT(p->pool.max_order - 1);
	EXPECT(zb_pool_could_ever(&p->pool, &req));
}

/* Random allocations and frees, with frames that are unfit for some time. */
POOL_TEST_WITH(at_random, make(), end)
{
	unsigned long pfn[200] = { 0 }, i, n;
	unsigned int order[200];

	for (n = 0; n < 4000; n++) {
		i = unit_below(ARRAY_SIZE(pfn));
		if (pfn[i]) {
			if (unit_below(2))
				fast_free(p, pfn[i], order[i]);
			else
				EXPECT_EQ(free_block(p, pfn[i], order[i]), ZB_OK);
			pfn[i] = 0;
		} else {
			order[i] = unit_below(unit_below(12) + 1);
			pfn[i] = alloc_block(p, order[i]);
			if (pfn[i] == ZB_NO_PFN)
				pfn[i] = 0;
			else
				EXPECT(!has_unfit(pfn[i], BIT(order[i])));
		}
		if (!unit_below(8))
			plant(START + unit_below(NR));
		if (!unit_below(100))
			cure_all();
		if (!unit_below(50))
			zb_zone_recheck(p->pool.zones, NULL);
		if (!unit_below(100))
			unit_pool_quiet(p);
	}
	unit_free_all(p);
	unit_pool_quiet(p);
	EXPECT(w.nr_kept_out > 50);
}

/* Of blocks of 64 frames and more, only the first frame is checked at low cost. */
POOL_TEST_WITH(first_frame_of_a_large_block, make(), end)
{
	unsigned int order;

	plant(START + 1);
	for (order = 1; order < 9; order++) {
		EXPECT_EQ(zb_block_seems_fit(p->pool.zones, START, order), order >= 6);
		EXPECT(!zb_block_fit(p->pool.zones, START, order));
	}
	plant(START);
	EXPECT(!zb_block_seems_fit(p->pool.zones, START, 6));
	cure_all();
}

/* The same holds when a block is freed. */
POOL_TEST_WITH(frees_of_large_blocks, make(), end)
{
	unsigned long pfn, looks;
	unsigned int order;

	for (order = 5; order < 8; order++) {
		pfn = alloc_block(p, order);
		looks = w.looks;
		EXPECT_EQ(unit_free(p, pfn, order), ZB_OK);
		EXPECT_EQ(w.looks > looks, order < 6);
	}
}

/* Single frames of different pageblocks, one of which is unfit, are drained. */
POOL_TEST_WITH(drain_of_scattered_frames, make(), end)
{
	unsigned long pfn[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		pfn[i] = unit_take_from(p->pool.zones, i, 0);
	plant(pfn[5]);
	for (i = 0; i < 8; i++)
		EXPECT(zb_fast_free(&p->pool, pfn[i], 0));
	expect_out(p, 1);
	EXPECT_EQ(zb_zone_state(p->pool.zones, pfn[5]), ZB_STATE_UNFIT);
}

/* A drain of frames that are all fit says nothing about the blocks that it frees next. */
POOL_TEST_WITH(drain_after_fit_frames, make(), end)
{
	unsigned long single = alloc_block(p, 0), pair = alloc_block(p, 1);

	plant(pair);
	EXPECT(zb_fast_free(&p->pool, single, 0));
	EXPECT(zb_fast_free(&p->pool, pair, 1));
	expect_out(p, 1);
}

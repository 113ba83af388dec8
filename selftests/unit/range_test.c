// SPDX-License-Identifier: GPL-2.0-only
#include "compact.h"
#include "unit_ops.h"
#include "unit_range.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE

/* What evict() may do, and what it did. A global, because the hooks only get the pool. */
static struct {
	unsigned long pinned;		/* a frame whose block does not move, or ZB_NO_PFN */
	bool pin_is_known;		/* the survey leaves it out, except the second one */
	unsigned long moved;
	unsigned int surveys;
	unsigned int calls;
	bool killed;
	enum zb_range_result failure;
} evictor;

static bool is_pinned(unsigned long pfn, unsigned int order)
{
	return evictor.pinned - pfn < BIT(order);
}

/* Every movable or reclaimable block is an evictable allocation. */
static enum zb_range_result survey_zone(struct zb_pool *pool __attribute__((unused)),
					struct zb_zone *zone,
					zb_gfp_t gfp __attribute__((unused)),
					const struct zb_alloc_context *ac __attribute__((unused)),
					struct zb_range_survey **survey)
{
	bool first = !*survey;
	unsigned long pfn;
	u8 state;

	evictor.surveys++;
	if (evictor.failure)
		return evictor.failure;
	if (first)
		*survey = unit_survey_begin(zone, 0);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
	     pfn += state ? BIT(zb_state_order(state)) : 1) {
		state = zb_zone_state(zone, pfn);
		if (!zb_state_allocated(state) || zb_state_migratetype(state) == U ||
		    (evictor.pin_is_known && first &&
		     is_pinned(pfn, ZB_STATE_ORDER(state))))
			continue;
		zb_range_mark(*survey, zone, pfn, BIT(ZB_STATE_ORDER(state)));
		if (zb_state_migratetype(state) == R)
			(*survey)->nr_discardable += BIT(ZB_STATE_ORDER(state));
	}
	return ZB_RANGE_OK;
}

static bool evict_block(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
			unsigned int order, unsigned int mt)
{
	if (is_pinned(pfn, order) ||
	    (mt == M && zb_compact_alloc(zone, __ZB_GFP_MOVABLE, BIT(order), ZB_NR_ORDERS) ==
	     ZB_NO_PFN))
		return false;
	evictor.moved += BIT(order);
	return zb_pool_free_pages(pool, pfn, order) == ZB_OK;
}

static bool evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
		  const struct zb_alloc_context *ac __attribute__((unused)),
		  unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages, head;
	unsigned int order;

	evictor.calls++;
	EXPECT_EQ(zb_pfn_pageblock(zone, pfn)->migratetype, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(zb_pfn_pageblock(zone, end - 1)->migratetype, ZB_MIGRATE_ISOLATE);
	for (; pfn < end; pfn++) {
		head = zb_pool_block_head(pool, pfn, &order);
		if (head == ZB_NO_PFN)
			continue;
		if (!evict_block(pool, zone, head, order,
				 zb_state_migratetype(zb_zone_state(zone, head)))) {
			zb_range_unmark(survey, zone, head, BIT(order));
			survey->nr_failed++;
			break;
		}
		zb_range_unmark(survey, zone, head, BIT(order));
	}
	return !evictor.killed;
}

static const struct zb_ops evicting_ops = {
	.drain_all = unit_drain_all, .survey = survey_zone, .evict = evict,
	.end_survey = unit_survey_end,
};

static struct unit_pool *evicting(struct unit_pool *p)
{
	memset(&evictor, 0, sizeof(evictor));
	evictor.pinned = ZB_NO_PFN;
	p->pool.ops = &evicting_ops;
	return p;
}

#define EVICT_TEST(name, start, nr) \
	POOL_TEST_WITH(name, evicting(unit_pool_one(start, nr)), unit_pool_end)
#define EVICT_TEST_LEAVE(name, start, nr) \
	POOL_TEST_WITH(name, evicting(unit_pool_one(start, nr)), unit_pool_free_and_end)

static unsigned int type_at(struct zb_zone *zone, unsigned long pfn)
{
	return zb_pfn_pageblock(zone, pfn)->migratetype;
}

static void free_range(struct unit_pool *p, unsigned long pfn, unsigned long nr_pages)
{
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, nr_pages), ZB_OK);
}

/* 257 MiB of a region of 320 MiB, whose largest block is 256 MiB, and other sizes. */
POOL_TEST(larger_than_largest_block, 8, 160)
{
	const unsigned long nr[] = { PB(128) + 256, PB(160), PB(129) + 1, 3, 511, PB(2) + 7 };
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nr); i++) {
		pfn = unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(nr[i], 0), ZB_RANGE_OK);
		EXPECT_EQ(unit_pool_nr_free(p), PB(160) - nr[i]);
		unit_pool_quiet(p);
		free_range(p, pfn, nr[i]);
		unit_pool_drain(p);
		EXPECT(unit_state_equal(p, p->initial));
	}
}

/* A block larger than max_order, and more than one of the largest blocks. */
POOL_TEST_WITH(several_largest_blocks, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_NORMAL, 8, 24 } }, .nr_zones = 1, .limit = 10,
		}), unit_pool_end)
{
	const struct zb_range r = unit_range(PB(23) - 5, 0);
	unsigned long pfn = unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK);

	unit_pool_quiet(p);
	free_range(p, pfn, PB(23) - 5);
}

/* Allocate exactly these frames. */
static void take_at(struct unit_pool *p, zb_gfp_t gfp, unsigned long pfn,
		    unsigned long nr_pages)
{
	struct zb_range r = {
		.nr_pages = nr_pages, .first_pfn = pfn, .end_pfn = pfn + nr_pages,
	};

	EXPECT_EQ(unit_alloc_range(p, gfp, r, ZB_RANGE_OK), pfn);
}

/* Two free neighbours that are no buddies: the pageblocks 9 and 10. */
POOL_TEST(no_buddies, 8, 4)
{
	take_at(p, ZB_GFP_NOWAIT, PB(8), PB(1));
	take_at(p, ZB_GFP_NOWAIT, PB(11), PB(1));
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 10), ZB_NO_PFN);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(PB(2), 0), ZB_RANGE_OK), PB(9));
	EXPECT_EQ(unit_pool_nr_free(p), 0);
	unit_pool_quiet(p);
	free_range(p, PB(9), PB(2));
	free_range(p, PB(8), PB(1));
	free_range(p, PB(11), PB(1));
}

/* Frames of two pageblocks that are partly used. */
POOL_TEST_WITH(across_pageblocks, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	bool keep[ZB_PAGEBLOCK_NR] = { false };
	unsigned int i;

	for (i = 0; i < 500; i++)
		keep[i] = true;
	unit_fill_pageblock(zone, 0, U, keep);
	for (i = 0; i < 512; i++)
		keep[i] = i >= 21;
	unit_fill_pageblock(zone, 1, M, keep);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(33, 0), ZB_RANGE_OK), PB(8) + 500);
	EXPECT_EQ(unit_pool_nr_free(p), 0);
	/* others have memory in them, so they keep their type */
	EXPECT_EQ(type_at(zone, PB(8)), M);
	EXPECT_EQ(type_at(zone, PB(9)), M);
	unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(1, 0), ZB_RANGE_FULL);
	unit_pool_quiet(p);
	free_range(p, PB(8) + 500, 33);
	unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(34, 0), ZB_RANGE_FULL);
}

/* The smallest run of free frames that suffices is used. */
POOL_TEST_WITH(best_fit, unit_pool_one(9, 3), unit_pool_free_and_end)
{
	bool keep[ZB_PAGEBLOCK_NR] = { false };
	unsigned int i;

	for (i = 0; i < 512; i++)
		keep[i] = !(i >= 100 && i < 130) && !(i >= 300 && i < 311);
	unit_fill_pageblock(zone, 0, U, keep);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(10, 0), ZB_RANGE_OK), PB(9) + 300);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(10, 0), ZB_RANGE_OK), PB(9) + 100);
	free_range(p, PB(9) + 100, 10);
	free_range(p, PB(9) + 300, 10);
}

POOL_TEST(alignment_and_addresses, 8, 16)
{
	struct zb_range r = { .nr_pages = 5, .align_order = 11, .end_pfn = ZB_NO_PFN };
	unsigned long pfn;

	pfn = unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_OK);
	free_range(p, pfn, 5);
	r = (struct zb_range){ .nr_pages = 700, .align_order = 3, .first_pfn = PB(9) + 3,
			       .end_pfn = PB(9) + 8 + 700 };
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_OK), PB(9) + 8);
	free_range(p, PB(9) + 8, 700);
	r.end_pfn--;
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
	r = (struct zb_range){ .nr_pages = 1, .first_pfn = PB(24), .end_pfn = ZB_NO_PFN };
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
	r = (struct zb_range){ .nr_pages = 1, .end_pfn = PB(8) };
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
	r = (struct zb_range){ .nr_pages = 1, .align_order = 63, .end_pfn = ZB_NO_PFN };
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
	r.align_order = 64;
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
	unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(PB(16) + 1, 0), ZB_RANGE_NEVER_FITS);
	r = (struct zb_range){ .nr_pages = ~0ul, .end_pfn = ZB_NO_PFN };
	unit_alloc_range(p, ZB_GFP_NOWAIT, r, ZB_RANGE_NEVER_FITS);
}

/* Pageblocks get the type of the request, and their default type when they are freed. */
POOL_TEST(types, 8, 4)
{
	struct zb_range r = { .nr_pages = PB(2), .first_pfn = PB(8) + 100, .end_pfn = ZB_NO_PFN };
	unsigned long pfn, other;

	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK);
	EXPECT_EQ(pfn, PB(8) + 100);
	EXPECT_EQ(type_at(zone, PB(8)), U);
	EXPECT_EQ(type_at(zone, PB(9)), U);
	EXPECT_EQ(type_at(zone, PB(10)), U);
	EXPECT_EQ(type_at(zone, PB(11)), M);
	other = unit_alloc(p, ZB_GFP_KERNEL, 0);
	free_range(p, pfn, r.nr_pages);
	unit_pool_drain(p);
	EXPECT_EQ(type_at(zone, PB(9)), M);
	EXPECT_EQ(type_at(zone, other), U);
	EXPECT_EQ(unit_free(p, other, 0), ZB_OK);
}

/* Without hooks that move anything, a request that may sleep frees the per-CPU lists. */
POOL_TEST(frames_on_lists, 8, 4)
{
	static const struct zb_ops ops = { .drain_all = unit_drain_all };
	unsigned long pfn;

	p->pool.ops = &ops;
	unit_pool_long_lists(p);
	pfn = unit_alloc(p, ZB_GFP_NOWAIT, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(PB(4), 0), ZB_RANGE_FULL);
	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(4), 0), ZB_RANGE_OK), PB(8));
	free_range(p, PB(8), PB(4));
}

/* The cause is the zone if no node has one that the request may use. */
POOL_TEST_WITH(no_zone_of_the_type, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_MOVABLE, 8, 4 } }, .nr_zones = 1,
		}), unit_pool_end)
{
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(1, 0), ZB_RANGE_NEVER_ZONE);
}

/* Only movable requests get CMA pageblocks, which keep their type. */
POOL_TEST(cma_pageblocks, 8, 4)
{
	unsigned long pfn;

	unit_set_type(zone, 1, ZB_MIGRATE_CMA);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(3), 0), ZB_RANGE_FRAGMENTED);
	pfn = unit_alloc_range(p, ZB_GFP_HIGHUSER_MOVABLE, unit_range(PB(4), 0), ZB_RANGE_OK);
	EXPECT_EQ(type_at(zone, PB(9)), ZB_MIGRATE_CMA);
	unit_pool_quiet(p);
	free_range(p, pfn, PB(4));
	unit_pool_drain(p);
	EXPECT_EQ(type_at(zone, PB(9)), ZB_MIGRATE_CMA);
	unit_set_type(zone, 1, M);
}

/* The watermark, the zones and the nodes are those of other requests. */
POOL_TEST_WITH(limits, unit_pool_make(&(struct unit_geometry){
			.zones = { { 0, ZB_ZONE_DMA, 8, 8 }, { 0, ZB_ZONE_NORMAL, 16, 64 },
				   { 1, ZB_ZONE_MOVABLE, 96, 128 } },
			.nr_zones = 3, .watermarks = true,
		}), unit_pool_end)
{
	const unsigned long nodes = BIT(1);
	const struct zb_alloc_policy policy = { .nodemask = &nodes, .nr_bits = 64 };
	struct zb_zone *normal = zone + 1;
	struct zb_range r = unit_range(PB(64) - normal->watermark[ZB_ALLOC_WMARK_MIN] + 1, 0);
	struct zb_range_failure failure;
	unsigned long pfn;

	unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_NEVER_WATERMARK);
	r.nr_pages--;
	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(9), 0), ZB_RANGE_FULL);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(1, 0), ZB_RANGE_OK);
	free_range(p, PB(8), 1);
	free_range(p, pfn, r.nr_pages);
	/* only the Movable zone is large enough */
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(100), 0), ZB_RANGE_NEVER_FITS);
	pfn = unit_alloc_range(p, ZB_GFP_HIGHUSER_MOVABLE, unit_range(PB(100), 0), ZB_RANGE_OK);
	EXPECT(pfn >= PB(96));
	free_range(p, pfn, PB(100));
	r = unit_range(1, 0);
	EXPECT_EQ(zb_pool_alloc_range(&p->pool, ZB_GFP_KERNEL, &r, 0, &policy, &failure),
		  ZB_NO_PFN);
	EXPECT_EQ(failure.result, ZB_RANGE_NEVER_NODE);
	r = (struct zb_range){ .nr_pages = 1, .first_pfn = PB(96), .end_pfn = ZB_NO_PFN };
	unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_NEVER_FITS);
	unit_alloc_range(p, ZB_GFP_DMA, unit_range(PB(9), 0), ZB_RANGE_NEVER_FITS);
}

/* A node that the pool does not know has no zone. */
POOL_TEST(range_of_unknown_node, 8, 2)
{
	const struct zb_alloc_request req = { .gfp = ZB_GFP_KERNEL, .nid = 99 };
	const struct zb_range r = unit_range(1, 0);
	struct zb_range_failure failure;

	EXPECT_EQ(zb_pool_alloc_range(&p->pool, req.gfp, &r, req.nid, NULL, &failure), ZB_NO_PFN);
	EXPECT_EQ(failure.result, ZB_RANGE_NEVER_NODE);
	failure.result = ZB_RANGE_OK;
	EXPECT(!zb_pool_range_could_ever(&p->pool, &req, &r, &failure));
	EXPECT_EQ(failure.result, ZB_RANGE_NEVER_NODE);
}

/* The frames of a range that was freed are those that the next request gets. */
POOL_TEST(freed_frames_come_first, 8, 4)
{
	struct zb_range r = { .nr_pages = 3, .first_pfn = PB(8) + 7, .end_pfn = PB(8) + 10 };
	unsigned long pfn;

	unit_pool_long_lists(p);
	unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK);
	pfn = unit_alloc(p, ZB_GFP_KERNEL, 0);
	EXPECT_EQ(unit_free(p, pfn, 0), ZB_OK);
	free_range(p, PB(8) + 7, 3);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_KERNEL, 0), PB(8) + 7);
	EXPECT_EQ(unit_free(p, PB(8) + 7, 0), ZB_OK);
}

/* What is known about frames that are zero does not outlast their allocation as a range. */
POOL_TEST(known_zero_frames, 8, 4)
{
	unsigned long pfn;

	zb_zone_set_zeroed(zone, calloc(1, zb_zeroed_size(zone->nr_pages)));
	pfn = unit_alloc_exact(p, ZB_GFP_KERNEL, PB(4));
	EXPECT_EQ(zb_pool_free_to_zone(&p->pool, pfn, PB(4), true), ZB_OK);
	EXPECT_EQ(zb_zone_nr_zeroed(zone), PB(4));
	take_at(p, ZB_GFP_KERNEL, PB(8) + 3, PB(3));
	EXPECT_EQ(zb_zone_nr_zeroed(zone), PB(1));
	unit_pool_quiet(p);
	free_range(p, PB(8) + 3, PB(3));
	unit_pool_drain(p);
	EXPECT_EQ(zb_zone_nr_zeroed(zone), PB(1));
	free(zb_zone_set_zeroed(zone, NULL));
}

/* A free with another size or start is refused and changes nothing. */
POOL_TEST(wrong_free, 8, 8)
{
	struct zb_range r = { .nr_pages = 1000, .first_pfn = PB(8) + 24, .end_pfn = ZB_NO_PFN };
	unsigned long pfn = unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK);
	struct unit_state *before;

	EXPECT_EQ(pfn, PB(8) + 24);
	unit_pool_drain(p);
	before = unit_state_save(p);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, 999), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, 1001), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn + 8, 991), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn + 1, 999), ZB_BAD_NOT_ALLOCATED);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, 0), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, ~0ul), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, PB(8)), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(zb_pool_free_range(&p->pool, PB(7), 1), ZB_BAD_OUTSIDE);
	EXPECT(unit_state_equal(p, before));
	unit_state_free(before);
	free_range(p, pfn, 1000);
	EXPECT_EQ(zb_pool_free_range(&p->pool, pfn, 1000), ZB_BAD_NOT_ALLOCATED);
}

static struct unit_pool *small_order_pool(void)
{
	static const struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 } }, .nr_zones = 1, .limit = 10,
	};

	return unit_pool_make(&g);
}

/* A range may be aligned to an order that the zone has no blocks of. */
POOL_TEST_WITH(range_above_the_largest_order, small_order_pool(), unit_pool_end)
{
	struct zb_range r = unit_range(PB(4), ZB_PAGEBLOCK_ORDER + 2);

	EXPECT_EQ(unit_alloc_range(p, ZB_GFP_KERNEL, r, ZB_RANGE_OK), PB(8));
	free_range(p, PB(8), PB(4));
}

/* The report of a free whose size is none has order 0. */
POOL_TEST(order_of_wrong_free, 8, 8)
{
	p->pool.ops = &unit_recording_ops;
	unit_calls.order = 99;
	EXPECT_EQ(zb_pool_free_range(&p->pool, PB(8), 0), ZB_BAD_WRONG_ORDER);
	EXPECT_EQ(unit_calls.order, 0);
	EXPECT_CALLS("!");
}

/* Only what has to move is moved, and only from the cheapest range. */
EVICT_TEST_LEAVE(cheapest_range, 8, 8)
{
	unsigned long pfn;

	unit_keep_frames(zone, 0, M, 300);
	unit_keep_frames(zone, 1, M, 20);
	unit_keep_frames(zone, 2, M, 30);
	unit_keep_frames(zone, 3, M, 400);
	unit_keep_frames(zone, 4, U, 1);
	unit_keep_frames(zone, 5, M, 1);
	unit_keep_frames(zone, 6, M, 80);
	unit_keep_frames(zone, 7, M, 512);
	unit_alloc_range(p, ZB_GFP_NOWAIT, unit_range(1100, 0), ZB_RANGE_FRAGMENTED);
	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(1024, 0), ZB_RANGE_OK);
	/* one frame of pageblock 13, and the first one of pageblock 14 */
	EXPECT_EQ(pfn, PB(12) + 1);
	EXPECT_EQ(evictor.calls, 1);
	EXPECT_EQ(evictor.moved, 2);
	unit_pool_quiet(p);
	EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC) > 0, true);
	free_range(p, pfn, 1024);
}

/* Each pageblock is emptied in turn, at its address. */
EVICT_TEST_LEAVE(given_addresses, 8, 8)
{
	unsigned long pfn;
	unsigned int i;

	unit_pool_no_lists(p);
	for (i = 0; i < PB(8) >> 4; i++)
		unit_take(zone, 4, M);
	for (pfn = PB(8); pfn < PB(16); pfn += 16)
		if (unit_below(16) < 9)
			EXPECT_EQ(unit_free(p, pfn, 4), ZB_OK);
	for (pfn = PB(8); pfn < PB(16); pfn += PB(1)) {
		take_at(p, ZB_GFP_HIGHUSER_MOVABLE, pfn, PB(1));
		free_range(p, pfn, PB(1));
		unit_pool_quiet(p);
	}
	EXPECT(evictor.moved > 0);
}

/* If nothing can be moved out of the way, the request changes nothing and says why. */
EVICT_TEST_LEAVE(nothing_changed, 8, 4)
{
	struct unit_state *before;

	unit_keep_frames(zone, 0, M, 10);
	unit_keep_frames(zone, 1, U, 1);
	unit_keep_frames(zone, 2, M, 10);
	unit_pool_drain(p);
	before = unit_state_save(p);
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(3), 0), ZB_RANGE_UNMOVABLE);
	EXPECT_EQ(evictor.calls, 0);
	EXPECT(unit_state_equal(p, before));
	evictor.failure = ZB_RANGE_NO_MEMORY;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2), 0), ZB_RANGE_NO_MEMORY);
	evictor.failure = 0;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(4), 0), ZB_RANGE_FULL);
	EXPECT_EQ(evictor.calls, 0);
	EXPECT(unit_state_equal(p, before));
	unit_state_free(before);
}

/* A pinned block in the only possible range: known before, or found out during the move. */
EVICT_TEST(pinned, 8, 4)
{
	struct unit_state *before;

	take_at(p, ZB_GFP_HIGHUSER_MOVABLE, PB(10), 8);
	unit_pool_drain(p);
	before = unit_state_save(p);
	evictor.pinned = PB(10) + 2;
	evictor.pin_is_known = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 1, 0), ZB_RANGE_IN_USE);
	EXPECT_EQ(evictor.calls, 0);
	EXPECT_EQ(evictor.surveys, 2);
	EXPECT(unit_state_equal(p, before));
	evictor.pin_is_known = false;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 1, 0), ZB_RANGE_IN_USE);
	EXPECT_EQ(evictor.calls, 1);
	EXPECT_EQ(evictor.moved, 0);
	EXPECT(unit_state_equal(p, before));
	unit_state_free(before);
	evictor.pinned = ZB_NO_PFN;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(2) + 1, 0), ZB_RANGE_OK);
	EXPECT_EQ(evictor.moved, 8);
	unit_free_all(p);
}

/* Another range is tried if the cheapest one turns out to be in use. */
EVICT_TEST_LEAVE(next_range, 8, 6)
{
	unsigned long pfn;
	unsigned int i;

	for (i = 0; i < 6; i++)
		unit_keep_frames(zone, i, M, 10 + 10 * i);
	/* the first allocated frame of pageblock 0 */
	for (evictor.pinned = PB(8); !zb_state_allocated(zb_zone_state(zone, evictor.pinned));)
		evictor.pinned++;
	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, (struct zb_range){
			.nr_pages = PB(1), .align_order = 9, .end_pfn = ZB_NO_PFN,
		}, ZB_RANGE_OK);
	EXPECT_EQ(pfn, PB(9));
	EXPECT_EQ(evictor.calls, 2);
	unit_pool_quiet(p);
}

/* A task that is being killed stops, and the isolation ends. */
EVICT_TEST_LEAVE(killed, 8, 4)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		unit_keep_frames(zone, i, M, 10);
	evictor.killed = true;
	unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(1), 0), ZB_RANGE_STOPPED);
	EXPECT_EQ(evictor.calls, 1);
	EXPECT_EQ(zone->nr_blocks[ZB_MIGRATE_ISOLATE], 0);
	EXPECT_EQ(zone->nr_compacting, 0);
	unit_pool_quiet(p);
}

/* HighAtomic pageblocks do not stay in the way. */
EVICT_TEST(highatomic, 8, 4)
{
	unsigned long pfn = unit_alloc(p, ZB_GFP_ATOMIC, 1);

	unit_set_type(zone, 2, ZB_MIGRATE_HIGHATOMIC);
	EXPECT_EQ(unit_free(p, pfn, 1), ZB_OK);
	unit_pool_drain(p);
	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(4), 0), ZB_RANGE_OK);
	free_range(p, pfn, PB(4));
}

/* If the zone is unused, its reserve is not in the way either, even if nothing can be evicted. */
POOL_TEST(reserve_of_an_unused_zone, 8, 4)
{
	unsigned long pfn;

	unit_set_type(zone, 2, ZB_MIGRATE_HIGHATOMIC);
	pfn = unit_alloc_range(p, ZB_GFP_KERNEL, unit_range(PB(4), 0), ZB_RANGE_OK);
	free_range(p, pfn, PB(4));
}

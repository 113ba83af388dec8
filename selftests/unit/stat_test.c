// SPDX-License-Identifier: GPL-2.0-only
/* Compares statistics with values computed by looking at every frame. */
#include "stat.h"
#include "unit_pool.h"

static bool frame_free(const struct zb_zone *zone, unsigned long pfn)
{
	return zb_pageblock_test(zb_pfn_pageblock(zone, pfn),
				 pfn % ZB_PAGEBLOCK_NR);
}

static bool run_free(const struct zb_zone *zone, unsigned long pfn,
		     unsigned int order)
{
	unsigned long i, end = pfn + BIT(order);

	if (pfn < zone->start_pfn || end > zb_zone_end(zone))
		return false;
	for (i = pfn; i < end; i++)
		if (!frame_free(zone, i) ||
		    zb_pfn_pageblock(zone, i)->migratetype !=
		    zb_pfn_pageblock(zone, pfn)->migratetype)
			return false;
	return true;
}

/* The order of the maximal free block that begins at @pfn, or -1. */
static int block_at(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int order = 0;

	if (!frame_free(zone, pfn))
		return -1;
	while (order < zone->max_order &&
	       run_free(zone, pfn & ~(BIT(order + 1) - 1), order + 1))
		order++;
	return pfn % BIT(order) ? -1 : (int)order;
}

static void expect_snapshot(struct zb_zone *zone)
{
	unsigned long pfn, nr[ZB_NR_ORDERS][ZB_MIGRATE_TYPES] = { 0 };
	unsigned long blocks[ZB_MIGRATE_TYPES] = { 0 }, nr_free = 0, sum;
	unsigned long nr_of_type[ZB_MIGRATE_TYPES] = { 0 };
	struct zb_zone_stat st;
	int order, mt, largest = -1;

	memset(&st, 0xa5, sizeof(st));
	zb_zone_snapshot(zone, &st);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		mt = zb_pfn_pageblock(zone, pfn)->migratetype;
		blocks[mt] += pfn % ZB_PAGEBLOCK_NR == 0;
		nr_free += frame_free(zone, pfn);
		nr_of_type[mt] += frame_free(zone, pfn);
		order = block_at(zone, pfn);
		if (order >= 0)
			nr[order][mt]++;
		largest = order > largest ? order : largest;
	}
	EXPECT_EQ(st.nr_free, nr_free);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		EXPECT_EQ(st.nr_free_type[mt], nr_of_type[mt]);
	EXPECT_EQ(st.nr_cached, zb_zone_nr_cached(zone));
	EXPECT_EQ(zb_stat_largest_order(&st), largest);
	for (order = 0; order < (int)ZB_NR_ORDERS; order++) {
		for (sum = 0, mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
			EXPECT_EQ(st.nr_free_blocks[order][mt], nr[order][mt]);
			sum += nr[order][mt];
		}
		EXPECT_EQ(zb_stat_nr_free(&st, order), sum);
	}
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		EXPECT_EQ(st.nr_blocks[mt], blocks[mt]);
}

/* The order of the maximal free block around a whole pageblock, or -1. */
static int whole_order(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int order = ZB_PAGEBLOCK_ORDER;

	if (!run_free(zone, pfn, order))
		return -1;
	while (order < zone->max_order &&
	       run_free(zone, pfn & ~(BIT(order + 1) - 1), order + 1))
		order++;
	return order;
}

static void expect_pageblocks(struct zb_zone *zone)
{
	unsigned long i, k, pfn, nr = zb_zone_nr_pageblocks(zone);
	struct zb_pageblock_stat st[64];
	int order, largest;
	unsigned int nr_free;

	ASSERT(nr < ARRAY_SIZE(st));
	memset(st, 0xa5, sizeof(st));
	zb_pageblock_snapshot(zone, 0, nr / 2, st);
	zb_pageblock_snapshot(zone, nr / 2, nr - nr / 2, st + nr / 2);
	EXPECT_EQ(st[nr].nr_free, 0xa5a5);
	for (i = 0; i < nr; i++) {
		pfn = zone->start_pfn + PB(i);
		largest = -1;
		for (nr_free = 0, k = pfn; k < pfn + ZB_PAGEBLOCK_NR; k++) {
			nr_free += frame_free(zone, k);
			order = frame_free(zone, k) ? 0 : -1;
			while (order >= 0 && order < 9 &&
			       run_free(zone, k & ~(BIT(order + 1) - 1), order + 1))
				order++;
			largest = order > largest ? order : largest;
		}
		EXPECT_EQ(st[i].migratetype, zone->pageblocks[i].migratetype);
		EXPECT_EQ(st[i].nr_free, nr_free);
		EXPECT_EQ(st[i].largest, largest);
		EXPECT_EQ(st[i].whole_order, whole_order(zone, pfn));
	}
}

POOL_TEST(new_zone, 11, 21)
{
	expect_snapshot(p->pool.zones);
	expect_pageblocks(p->pool.zones);
}

POOL_TEST(nothing_free, 4, 4)
{
	struct zb_zone_stat st;

	EXPECT_EQ(unit_take(zone, 11, ZB_MIGRATE_UNMOVABLE), PB(4));
	zb_zone_snapshot(zone, &st);
	EXPECT_EQ(zb_stat_largest_order(&st), -1);
	expect_snapshot(zone);
	expect_pageblocks(zone);
	unit_give(zone, PB(4), 11);
}

POOL_TEST(each_order_is_the_largest, 16, 16)
{
	unsigned int order, i;

	for (order = 0; order <= 13; order++) {
		EXPECT_EQ(unit_take_from(zone, 0, 13), PB(16));
		unit_give(zone, PB(16), 13);
		for (i = order; i < 13; i++)
			EXPECT_EQ(unit_take_smallest(zone, i, ZB_MIGRATE_MOVABLE),
				  i == order ? PB(16) : PB(16) + BIT(i));
		expect_snapshot(zone);
		expect_pageblocks(zone);
		for (i = order; i < 13; i++)
			unit_give(zone, i == order ? PB(16) : PB(16) + BIT(i), i);
		unit_state_equal(p, p->initial);
	}
}

POOL_TEST(special_types_are_counted, 16, 8)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		unit_fill_pageblock(zone, i, ZB_MIGRATE_MOVABLE, NULL);
	for (i = 0; i < ZB_MIGRATE_TYPES; i++)
		unit_set_type(zone, i + 1, i);
	for (i = 0; i < 8; i++) {
		unit_give(zone, PB(16 + i) + 100, 0);
		unit_give(zone, PB(16 + i) + 101, 0);
	}
	expect_snapshot(zone);
	for (i = 0; i < 8; i++)
		unit_free_pageblock(zone, i);
	expect_snapshot(zone);
	expect_pageblocks(zone);
	for (i = ZB_MIGRATE_PCPTYPES; i < ZB_MIGRATE_TYPES; i++)
		unit_set_type(zone, i + 1, ZB_MIGRATE_MOVABLE);
}

/* The kernel's formulas, evaluated with blocks that are found by a search. */
static void expect_indices(struct zb_zone *zone)
{
	unsigned long pfn, sum_all = 0, sum_fit, nr_all = 0;
	unsigned long nr[ZB_NR_ORDERS] = { 0 };
	struct zb_zone_stat st;
	int order, k;
	long index;

	zb_zone_snapshot(zone, &st);
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		k = block_at(zone, pfn);
		if (k < 0)
			continue;
		nr[k]++;
		nr_all++;
		sum_all += BIT(k);
	}
	for (order = 0; order < (int)ZB_NR_ORDERS; order++) {
		for (sum_fit = 0, k = order; k < (int)ZB_NR_ORDERS; k++)
			sum_fit += nr[k] << k;
		EXPECT_EQ(zb_unusable_index(&st, order), sum_all ?
			  (sum_all - sum_fit) * 1000 / sum_all : 1000);
		if (!nr_all)
			index = 0;
		else if (sum_fit)
			index = -1000;
		else
			index = 1000 - (long)((1000 + sum_all * 1000 / BIT(order)) /
					      nr_all);
		/* the formula can give values outside of 0..1, which are clamped to 0 */
		EXPECT_EQ(zb_extfrag_index(&st, order), index < -999 || index > 0 ?
			  index : 0);
	}
}

TEST(indices)
{
	static const struct {
		unsigned int taken, order;
		int unusable, extfrag;
	} cases[] = {
		/* of 512 single frames, every other one, all or none are free */
		{ 2, 0, 0, -1000 }, { 2, 1, 1000, 497 }, { 2, 4, 1000, 934 },
		{ 2, 9, 1000, 995 }, { 1, 0, 1000, 0 }, { 1, 9, 1000, 0 },
		{ 600, 8, 499, -1000 }, { 600, 9, 1000, 778 },
		{ 600, 0, 0, -1000 }, { 600, 7, 248, -1000 },
	};
	bool keep[ZB_PAGEBLOCK_NR];
	struct zb_zone_stat st;
	struct unit_pool *p;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_one(1, 1);
		for (k = 0; k < ZB_PAGEBLOCK_NR; k++)
			keep[k] = k % cases[i].taken == 0;
		unit_fill_pageblock(p->pool.zones, 0, 0, keep);
		zb_zone_snapshot(p->pool.zones, &st);
		if (!EXPECT_EQ(zb_unusable_index(&st, cases[i].order),
			       cases[i].unusable) ||
		    !EXPECT_EQ(zb_extfrag_index(&st, cases[i].order),
			       cases[i].extfrag))
			unit_note("case %u", i);
		expect_indices(p->pool.zones);
		unit_free_pageblock(p->pool.zones, 0);
		unit_pool_end(p);
	}
}

/* A single free block is no fragmentation: the request fails for lack of memory. */
TEST(one_free_block_is_not_fragmented)
{
	struct zb_zone_stat st = { .nr_free = 1 };

	st.nr_free_blocks[0][ZB_MIGRATE_MOVABLE] = 1;
	EXPECT_EQ(zb_extfrag_index(&st, 0), -1000);
	EXPECT_EQ(zb_extfrag_index(&st, 1), 0);
	EXPECT_EQ(zb_extfrag_index(&st, 9), 0);
}

/* Whether a pageblock counts as mixed, for all types and mobilities of a block in it. */
POOL_TEST(mixed_blocks, 8, 4)
{
	static const enum zb_block_state states[] = {
		ZB_BLOCK_UNMOVABLE, ZB_BLOCK_MOVABLE, ZB_BLOCK_RECLAIMABLE,
		ZB_BLOCK_COMP_UNMOVABLE, ZB_BLOCK_COMP_MOVABLE,
		ZB_BLOCK_COMP_RECLAIMABLE,
	};
	unsigned long nr[ZB_MIGRATE_TYPES], flags, pfn, sum;
	unsigned int mt, i, k, own;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		for (i = 0; i < ARRAY_SIZE(states); i++) {
			zb_lock_irqsave(&zone->lock, flags);
			pfn = __zb_rmqueue_from(zone, &zone->pageblocks[0], 3,
						states[i]);
			zb_unlock_irqrestore(&zone->lock, flags);
			unit_set_type(zone, 0, mt);
			memset(nr, 0xa5, sizeof(nr));
			zb_zone_mixed_blocks(zone, nr);
			/* CMA is for movable memory; any block in another special type is mixed */
			own = mt == ZB_MIGRATE_CMA ? ZB_MIGRATE_MOVABLE : mt;
			EXPECT_EQ(nr[mt], own != i % ZB_MIGRATE_PCPTYPES);
			for (sum = 0, k = 0; k < ZB_MIGRATE_TYPES; k++)
				sum += nr[k];
			EXPECT_EQ(sum, nr[mt]);
			unit_give(zone, pfn, 3);
			unit_set_type(zone, 0, ZB_MIGRATE_MOVABLE);
		}
	/* blocks on per-CPU lists and damaged blocks have no mobility */
	EXPECT_EQ(unit_take_from(zone, 0, 3), PB(8));
	zb_zone_set_state(zone, PB(8), ZB_STATE_BAD(3));
	zb_zone_mixed_blocks(zone, nr);
	EXPECT_EQ(nr[ZB_MIGRATE_MOVABLE], 0);
	zb_zone_set_state(zone, PB(8), ZB_STATE(ZB_BLOCK_UNMOVABLE, 3));
	zb_zone_mixed_blocks(zone, nr);
	EXPECT_EQ(nr[ZB_MIGRATE_MOVABLE], 1);
	unit_give(zone, PB(8), 3);
	/* a block counts for its own pageblock only, and every pageblock is looked at */
	EXPECT_EQ(unit_take_from(zone, 0, ZB_PAGEBLOCK_ORDER), PB(8));
	EXPECT_EQ(unit_take_from(zone, 1, 0), PB(9));
	zb_zone_set_state(zone, PB(9), ZB_STATE(ZB_BLOCK_UNMOVABLE, 0));
	zb_zone_mixed_blocks(zone, nr);
	EXPECT_EQ(nr[ZB_MIGRATE_MOVABLE], 1);
	unit_give(zone, PB(9), 0);
	unit_give(zone, PB(8), ZB_PAGEBLOCK_ORDER);
}

POOL_TEST(after_random_histories, 13, 11)
{
	static const zb_gfp_t kinds[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	struct {
		unsigned long pfn;
		unsigned int order;
	} held[256] = { { 0 } };
	unsigned int nr = 0, step, k;

	for (step = 0; step < 1500; step++) {
		k = unit_below(nr + 1);
		if (nr < ARRAY_SIZE(held) && unit_below(2)) {
			held[nr].order = unit_below(unit_below(13) + 1);
			held[nr].pfn = unit_alloc(p, kinds[step % 3], held[nr].order);
			nr += held[nr].pfn != ZB_NO_PFN;
		} else if (k < nr) {
			EXPECT_EQ(unit_free(p, held[k].pfn, held[k].order), ZB_OK);
			held[k] = held[--nr];
		}
		if (step % 150 == 0) {
			expect_snapshot(zone);
			expect_pageblocks(zone);
			expect_indices(zone);
		}
	}
	while (nr--)
		EXPECT_EQ(unit_free(p, held[nr].pfn, held[nr].order), ZB_OK);
}

/* Events that are not counted per CPU are those of the zone. */
POOL_TEST(events_of_the_zone, 8, 4)
{
	unsigned int event;

	unit_pool_long_lists(p);
	EXPECT_EQ(unit_free(p, unit_alloc(p, 0, 0), 0), ZB_OK);
	EXPECT(!zb_pcp_is_idle(zone, 0));
	for (event = ZB_NR_CPU_EVENTS; event < ZB_NR_EVENTS; event++)
		EXPECT_EQ(zb_zone_events(zone, event), zone->events[event]);
	EXPECT_EQ(zb_zone_events(zone, ZB_PCP_REFILL), 1);
}

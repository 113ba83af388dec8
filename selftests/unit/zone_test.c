// SPDX-License-Identifier: GPL-2.0-only
#include "unit_pool.h"

#define M	ZB_MIGRATE_MOVABLE
#define U	ZB_MIGRATE_UNMOVABLE

static unsigned long nr_free(const struct zb_zone *zone, unsigned int order)
{
	return zone->free_area[order].nr_free;
}

TEST(sizes_of_what_the_caller_provides)
{
	EXPECT_EQ(zb_zone_pageblocks_size(PB(1)), sizeof(struct zb_pageblock));
	EXPECT_EQ(zb_zone_pageblocks_size(PB(7)), 7 * sizeof(struct zb_pageblock));
	EXPECT_EQ(zb_zone_state_size(PB(7)), PB(7) + 64 + 8);
}

/* Every member that is not set by the caller gets a value, whatever it was before. */
POOL_TEST_WITH(init_sets_all_members, unit_pool_one(3, 13), unit_pool_free)
{
	struct zb_zone fresh;
	unsigned int i, k;

	memset(&fresh, 0xa5, sizeof(fresh));
	fresh.start_pfn = zone->start_pfn;
	fresh.nr_pages = zone->nr_pages;
	fresh.max_order = zone->max_order;
	fresh.default_migratetype = ZB_MIGRATE_UNMOVABLE;
	fresh.pageblocks = zone->pageblocks;
	fresh.state = zone->state;
	memset(zone->pageblocks, 0xa5, zb_zone_pageblocks_size(zone->nr_pages));
	zone->pageblocks[1].orders = 0;
	zb_zone_init(&fresh);
	EXPECT(!fresh.audits);
	EXPECT_EQ(fresh.nr_free, PB(13));
	EXPECT_EQ(fresh.nr_free_pcptypes, PB(13));
	EXPECT(!fresh.zeroed);
	EXPECT_EQ(fresh.nr_bad, 0);
	EXPECT_EQ(fresh.nr_offline, 0);
	EXPECT_EQ(fresh.nr_unfit, 0);
	EXPECT_EQ(fresh.boost, 0);
	EXPECT_EQ(fresh.max_boost, 0);
	EXPECT_EQ(fresh.boost_due, 0);
	EXPECT_EQ(fresh.capture_pfn, ZB_NO_PFN);
	for (i = 0; i < ZB_CAPTURES_FAILED; i++)
		EXPECT_EQ(fresh.capture_failed[i], ZB_NO_PFN);
	EXPECT_EQ(fresh.fast_wmark, 0);
	EXPECT_EQ(fresh.below_fast_wmark, 0);
	EXPECT_EQ(fresh.lists_due, 0);
	EXPECT_EQ(fresh.nr_stale, 0);
	EXPECT_EQ(fresh.compactions, 0);
	EXPECT_EQ(fresh.nr_compacting, 0);
	EXPECT_EQ(fresh.deferral.order_failed, ZB_NR_ORDERS);
	EXPECT_EQ(fresh.deferral.shift, 0);
	EXPECT(fresh.types == fresh.state + PB(13) + 1);
	for (i = 0; i < ZB_MIGRATE_TYPES; i++) {
		EXPECT_EQ(fresh.nr_free_type[i], i ? 0 : PB(13));
		EXPECT_EQ(fresh.nr_blocks[i], i ? 0 : 13);
	}
	for (i = 0; i < ZB_NR_EVENTS; i++)
		EXPECT_EQ(fresh.events[i], 0);
	for (i = 0; i < ZB_MIGRATE_PCPTYPES; i++)
		for (k = 0; k < ZB_MIGRATE_PCPTYPES; k++)
			EXPECT_EQ(fresh.fallbacks[i][k], 0);
	for (i = 0; i < 13; i++) {
		EXPECT_EQ(fresh.types[i], ZB_MIGRATE_UNMOVABLE);
		EXPECT_EQ(fresh.pageblocks[i].migratetype, ZB_MIGRATE_UNMOVABLE);
		EXPECT_EQ(fresh.pageblocks[i].nr_free, ZB_PAGEBLOCK_NR);
		EXPECT_EQ(fresh.pageblocks[i].orders, 0);
		for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
			EXPECT_EQ(fresh.pageblocks[i].nr[k], 0);
	}
}

/* Blocks are aligned by address, not relative to the start of the zone. */
POOL_TEST(init_aligns_by_address, 3, 13)
{
	unsigned int i;

	EXPECT_EQ(zone->max_order, 12);
	EXPECT_EQ(zone->nr_free, PB(13));
	EXPECT_EQ(zone->nr_blocks[M], 13);
	EXPECT_EQ(nr_free(zone, 9), 1);
	EXPECT_EQ(nr_free(zone, 10), 0);
	EXPECT_EQ(nr_free(zone, 11), 1);
	EXPECT_EQ(nr_free(zone, 12), 1);
	for (i = 0; i < 13; i++)
		EXPECT_EQ(zone->pageblocks[i].largest_free,
			  i == 0 ? 9 : i == 1 ? 11 : i == 5 ? 12 : ZB_LIST_TAIL);
}

/* Various starts and ends near a boundary of a high order. */
TEST(init_at_odd_starts_and_ends)
{
	unsigned long start, nr, pfn;
	struct zb_pageblock *pb;
	struct unit_pool *p;
	struct zb_zone *zone;

	for (start = 1016; start < 1032; start++)
		for (nr = 1; nr <= 20; nr++) {
			p = unit_pool_one(start, nr);
			zone = p->pool.zones;
			for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
			     pfn += BIT(pb->largest_free)) {
				pb = zb_pfn_pageblock(zone, pfn);
				ASSERT(pb->largest_free >= 9 &&
				       pb->largest_free <= zone->max_order);
				ASSERT_EQ(pfn % BIT(pb->largest_free), 0);
			}
			EXPECT_EQ(pfn, zb_zone_end(zone));
			unit_pool_end(p);
		}
}

TEST(max_order_caps)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 1024, 513 } }, .nr_zones = 1,
	};
	struct zb_zone *zone;
	struct unit_pool *p;
	unsigned int order;
	unsigned long pfn;

	for (order = 9; order <= ZB_MAX_ORDER; order++) {
		g.limit = order;
		p = unit_pool_make(&g);
		zone = p->pool.zones;
		EXPECT_EQ(zone->max_order, order);
		EXPECT_EQ(p->pool.max_order, order);
		EXPECT_EQ(nr_free(zone, order),
			  (512 >> (order - 9)) + (order == 9));
		EXPECT_EQ(unit_take(zone, 0, M), PB(1536));
		pfn = unit_take(zone, order, U);
		EXPECT_EQ(pfn % BIT(order), 0);
		EXPECT_EQ(zone->nr_free, PB(513) - 1 - BIT(order));
		unit_give(zone, pfn, order);
		unit_give(zone, PB(1536), 0);
		EXPECT_EQ(nr_free(zone, order),
			  (512 >> (order - 9)) + (order == 9));
		unit_pool_end(p);
	}
}

/* A block of 1 GiB is allocated, split down to order 0, and merged again. */
POOL_TEST(order_eighteen, 512, 512)
{
	unsigned int k;

	EXPECT_EQ(nr_free(zone, 18), 1);
	EXPECT_EQ(unit_take_smallest(zone, 18, M), PB(512));
	EXPECT_EQ(zone->nr_free, 0);
	EXPECT_EQ(unit_take(zone, 0, M), ZB_NO_PFN);
	unit_pool_quiet(p);
	unit_give(zone, PB(512), 18);
	EXPECT_EQ(unit_take_smallest(zone, 0, M), PB(512));
	for (k = 0; k < 18; k++)
		EXPECT_EQ(nr_free(zone, k), 1);
	EXPECT_EQ(nr_free(zone, 18), 0);
	unit_pool_quiet(p);
	unit_give(zone, PB(512), 0);
}

/* Splitting a block leaves one free block of each order in between. */
POOL_TEST(expand_leaves_exact_halves, 16, 16)
{
	unsigned int order, k;
	unsigned long pfn;

	for (order = 0; order <= 13; order++) {
		pfn = unit_take_smallest(zone, order, M);
		EXPECT_EQ(pfn, PB(16));
		EXPECT_EQ(zb_zone_state(zone, pfn), ZB_STATE(ZB_BLOCK_MOVABLE, order));
		for (k = 0; k < 13; k++)
			EXPECT_EQ(nr_free(zone, k), k >= order && order < 13);
		EXPECT_EQ(zone->nr_free, PB(16) - BIT(order));
		unit_pool_quiet(p);
		unit_give(zone, pfn, order);
		EXPECT_EQ(zb_zone_state(zone, pfn), 0);
		unit_state_equal(p, p->initial);
	}
}

/* The smallest sufficient block is used, and completely free pageblocks are kept. */
POOL_TEST(smallest_is_best_fit, 8, 4)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned int i;

	memset(keep, true, sizeof(keep));
	memset(keep + 64, false, 64);		/* pageblock 0: order 6 */
	unit_fill_pageblock(zone, 0, M, keep);
	memset(keep, true, sizeof(keep));
	memset(keep + 32, false, 8);		/* pageblock 1: order 3 */
	unit_fill_pageblock(zone, 1, M, keep);
	memset(keep, true, sizeof(keep));
	memset(keep + 256, false, 256);		/* pageblock 2: order 8 */
	unit_fill_pageblock(zone, 2, M, keep);
	unit_pool_quiet(p);

	EXPECT_EQ(unit_take_smallest(zone, 2, M), PB(9) + 32);
	EXPECT_EQ(unit_take_smallest(zone, 3, M), PB(8) + 64);
	EXPECT_EQ(unit_take_smallest(zone, 2, M), PB(9) + 36);
	EXPECT_EQ(unit_take_smallest(zone, 6, M), PB(10) + 256);
	EXPECT_EQ(unit_take_smallest(zone, 8, M), PB(11));
	EXPECT_EQ(unit_take_smallest(zone, 9, M), ZB_NO_PFN);
	EXPECT_EQ(unit_take_smallest(zone, 0, U), ZB_NO_PFN);
	unit_pool_quiet(p);
	for (i = 0; i < 4; i++)
		unit_free_pageblock(zone, i);
}

/* Allocate all frames and free them in random order. */
POOL_TEST(merges_to_the_top, 5, 11)
{
	static unsigned long held[PB(11)];
	unsigned long i, k, nr = zone->nr_pages;

	for (i = 0; i < nr; i++) {
		held[i] = unit_take_smallest(zone, 0, M);
		ASSERT(held[i] != ZB_NO_PFN);
	}
	EXPECT_EQ(unit_take_smallest(zone, 0, M), ZB_NO_PFN);
	unit_pool_quiet(p);
	for (; nr; nr--) {
		k = unit_below(nr);
		unit_give(zone, held[k], 0);
		held[k] = held[nr - 1];
	}
}

/* Blocks of each order are freed such that buddies merge in both orders. */
POOL_TEST(whole_blocks_merge_both_ways, 16, 16)
{
	unsigned long first, second;
	unsigned int order;

	for (order = 9; order < 13; order++) {
		first = unit_take_smallest(zone, order, M);
		second = unit_take_smallest(zone, order, M);
		EXPECT_EQ(second, first + BIT(order));
		unit_give(zone, first, order);
		EXPECT_EQ(nr_free(zone, order), 1);
		unit_give(zone, second, order);
		unit_state_equal(p, p->initial);
		first = unit_take_smallest(zone, order, M);
		second = unit_take_smallest(zone, order, M);
		unit_give(zone, second, order);
		unit_give(zone, first, order);
		unit_state_equal(p, p->initial);
	}
}

/* Adjacent zones: blocks that are buddies by address but in different zones do not merge. */
TEST(no_merging_across_zone_borders)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 4, 1 }, { 0, ZB_ZONE_DMA32, 5, 1 },
			{ 0, ZB_ZONE_NORMAL, 6, 2 },
		},
		.nr_zones = 3, .one_max_order = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned int i;

	EXPECT_EQ(p->pool.max_order, 10);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(zone[i].max_order, 10);
		EXPECT_EQ(nr_free(&zone[i], 9), 1);
		EXPECT_EQ(unit_take(&zone[i], 10, M), ZB_NO_PFN);
		EXPECT_EQ(unit_take(&zone[i], 9, M), PB(4 + i));
	}
	for (i = 0; i < 2; i++) {
		unit_give(&zone[i], PB(4 + i), 9);
		EXPECT_EQ(nr_free(&zone[i], 9), 1);
	}
	EXPECT_EQ(nr_free(&zone[2], 10), 1);
	unit_pool_end(p);
}

/* Pageblocks of special types do not merge with others and do not serve other requests. */
POOL_TEST(special_types_do_not_mix, 4, 4)
{
	static const unsigned int types[] = {
		ZB_MIGRATE_CMA, ZB_MIGRATE_ISOLATE,
	};
	unsigned int i, mt;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		mt = types[i];
		EXPECT_EQ(unit_take(zone, 9, M), PB(4));
		unit_set_type(zone, 0, mt);
		EXPECT_EQ(zone->nr_blocks[mt], 1);
		EXPECT_EQ(zone->nr_blocks[M], 3);
		unit_give(zone, PB(4), 9);
		EXPECT_EQ(zone->pageblocks[0].migratetype, mt);
		EXPECT_EQ(zone->pageblocks[0].largest_free, 9);
		EXPECT_EQ(zone->pageblocks[1].largest_free, 9);
		EXPECT_EQ(zone->free_area[9].nr_free_type[mt], 1);
		unit_pool_quiet(p);
		/* three pageblocks are left for ordinary requests */
		EXPECT_EQ(unit_take(zone, 10, M), PB(6));
		EXPECT_EQ(unit_take(zone, 9, U), PB(5));
		EXPECT_EQ(unit_take(zone, 0, M), ZB_NO_PFN);
		EXPECT_EQ(unit_take(zone, 0, U), ZB_NO_PFN);
		EXPECT_EQ(unit_take(zone, 0, ZB_MIGRATE_RECLAIMABLE), ZB_NO_PFN);
		/* a pageblock keeps its type when parts of it are allocated and freed */
		EXPECT_EQ(unit_take_smallest(zone, 3, mt), PB(4));
		unit_pool_quiet(p);
		unit_give(zone, PB(4), 3);
		EXPECT_EQ(zone->pageblocks[0].migratetype, mt);
		unit_give(zone, PB(5), 9);
		unit_give(zone, PB(6), 10);
		unit_pool_quiet(p);
		EXPECT_EQ(zone->pageblocks[0].largest_free, 9);
		EXPECT_EQ(unit_take_smallest(zone, 9, mt), PB(4));
		unit_set_type(zone, 0, M);
		unit_give(zone, PB(4), 9);
		unit_state_equal(p, p->initial);
	}
}

/* Setting the type of a free pageblock splits or merges blocks accordingly. */
POOL_TEST(set_type_of_a_free_pageblock, 4, 4)
{
	EXPECT_EQ(unit_take(zone, 9, M), PB(4));
	unit_set_type(zone, 1, ZB_MIGRATE_CMA);
	EXPECT_EQ(zone->free_area[9].nr_free_type[ZB_MIGRATE_CMA], 1);
	EXPECT_EQ(zone->free_area[9].nr_free_type[M], 0);
	unit_pool_quiet(p);
	unit_give(zone, PB(4), 9);
	EXPECT_EQ(nr_free(zone, 9), 2);
	unit_pool_quiet(p);
	unit_set_type(zone, 1, M);
}

/* The type of a pageblock is set inside of a large allocated block. */
POOL_TEST(set_type_inside_a_held_block, 4, 4)
{
	EXPECT_EQ(unit_take(zone, 11, M), PB(4));
	unit_set_type(zone, 1, ZB_MIGRATE_CMA);
	unit_give(zone, PB(4), 11);
	unit_pool_quiet(p);
	EXPECT_EQ(zone->pageblocks[0].largest_free, 9);
	EXPECT_EQ(zone->pageblocks[1].largest_free, 9);
	EXPECT_EQ(zone->pageblocks[2].largest_free, 10);
	EXPECT_EQ(unit_take_smallest(zone, 9, ZB_MIGRATE_CMA), PB(5));
	unit_set_type(zone, 1, M);
	unit_give(zone, PB(5), 9);
}

/* Take all frames of a pageblock at once and free them: largest_free is correct each time. */
POOL_TEST(whole_pageblocks_as_words, 4, 4)
{
	struct zb_bulk words = { .nr = 0 };
	unsigned long flags;
	unsigned int order;

	for (order = 0; order < ZB_WORD_ORDER; order++) {
		words.order = order;
		words.nr = 0;
		zb_lock_irqsave(&zone->lock, flags);
		EXPECT_EQ(__zb_take_words(zone, zone->pageblocks,
					  ZB_PAGEBLOCK_NR >> order, &words, NULL),
			  ZB_PAGEBLOCK_NR >> order);
		zb_unlock_irqrestore(&zone->lock, flags);
		EXPECT_EQ(words.nr, ZB_PAGEBLOCK_WORDS);
		EXPECT_EQ(zone->pageblocks->largest_free, ZB_LIST_NONE);
		EXPECT(zb_check_zone(zone, &(struct zb_violation){ .rule = NULL }));
		zb_free_pcppages_bulk(zone, &words, M);
		unit_pool_quiet(p);
		unit_state_equal(p, p->initial);
	}
}

/* All frames of a pageblock are freed at once, and it becomes the tail of a larger block. */
POOL_TEST(words_make_a_tail, 4, 4)
{
	struct zb_bulk words = { .nr = 0 };
	unsigned long flags;

	EXPECT_EQ(unit_take(zone, 9, M), PB(4));
	zb_lock_irqsave(&zone->lock, flags);
	EXPECT_EQ(__zb_take_words(zone, &zone->pageblocks[1], ZB_PAGEBLOCK_NR, &words, NULL),
		  ZB_PAGEBLOCK_NR);
	zb_unlock_irqrestore(&zone->lock, flags);
	unit_give(zone, PB(4), 9);
	zb_free_pcppages_bulk(zone, &words, M);
	EXPECT_EQ(zone->pageblocks[1].largest_free, ZB_LIST_TAIL);
	unit_pool_quiet(p);
	unit_state_equal(p, p->initial);
}

POOL_TEST(completely_free_pageblock_is_movable_again, 4, 4)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
		/* orders below, equal to and above that of a pageblock */
		EXPECT_EQ(unit_take(zone, 0, mt), PB(4));
		EXPECT_EQ(zone->pageblocks[0].migratetype, mt);
		EXPECT_EQ(unit_take(zone, 9, mt), PB(5));
		EXPECT_EQ(unit_take(zone, 10, mt), PB(6));
		EXPECT_EQ(zone->nr_blocks[mt], 4);
		EXPECT_EQ(zone->pageblocks[3].migratetype, mt);
		unit_pool_quiet(p);
		unit_give(zone, PB(6), 10);
		EXPECT_EQ(zone->nr_blocks[M], mt == M ? 4 : 2);
		unit_give(zone, PB(5), 9);
		unit_give(zone, PB(4), 0);
		unit_state_equal(p, p->initial);
	}
}

POOL_TEST(claim_whole_splits_what_is_larger, 8, 8)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_claim_whole(zone, &zone->pageblocks[0], 10, U);
	zb_unlock_irqrestore(&zone->lock, flags);
	EXPECT_EQ(zone->nr_blocks[U], 2);
	EXPECT_EQ(zone->nr_blocks[M], 6);
	EXPECT_EQ(zone->free_area[10].nr_free_type[U], 1);
	EXPECT_EQ(zone->free_area[10].nr_free_type[M], 1);
	EXPECT_EQ(zone->free_area[11].nr_free_type[M], 1);
	EXPECT_EQ(zone->pageblocks[1].migratetype, U);
	unit_pool_quiet(p);
	EXPECT_EQ(unit_take_smallest(zone, 10, U), PB(8));
	unit_give(zone, PB(8), 10);
}

POOL_TEST(frames_and_pageblocks_and_back, 7, 5)
{
	unsigned long pfn;

	EXPECT_EQ(zb_zone_end(zone), PB(12));
	EXPECT_EQ(zb_zone_nr_pageblocks(zone), 5);
	EXPECT(!zb_zone_has(zone, PB(7) - 1));
	EXPECT(!zb_zone_has(zone, PB(12)));
	EXPECT(!zb_zone_has(zone, ZB_NO_PFN));
	EXPECT(!zb_zone_has(zone, 0));
	for (pfn = PB(7); pfn < PB(12); pfn++) {
		EXPECT(zb_zone_has(zone, pfn));
		EXPECT_EQ(zb_pageblock_pfn(zone, zb_pfn_pageblock(zone, pfn)),
			  pfn & ~(ZB_PAGEBLOCK_NR - 1));
	}
}

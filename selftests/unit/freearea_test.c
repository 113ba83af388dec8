// SPDX-License-Identifier: GPL-2.0-only
#include "freearea.h"
#include "unit.h"

static struct zb_free_area areas[ZB_NR_ORDERS];

/* All lists except one are empty. */
static void expect_only(unsigned int order, unsigned int mt,
			const struct zb_pageblock *pb)
{
	unsigned int k, m;

	for (k = 0; k < ZB_NR_ORDERS; k++)
		for (m = 0; m < ZB_MIGRATE_TYPES; m++)
			EXPECT(zb_free_area_first(areas, k, m) ==
			       (k == order && m == mt ? pb : NULL));
}

static void make(struct zb_pageblock *pb, unsigned int mt)
{
	zb_pageblock_empty(pb);
	pb->largest_free = ZB_LIST_NONE;
	pb->migratetype = mt;
}

/* Make a maximal free run, or allocate it. */
static void set_run(struct zb_pageblock *pb, unsigned int frame,
		    unsigned int order, bool is_free)
{
	zb_pageblock_set_run(pb, frame, order, is_free);
	zb_pageblock_count_run(pb, order, is_free ? 1 : -1);
}

TEST(init_makes_lists_empty)
{
	unsigned int k, m;

	memset(areas, 0xa5, sizeof(areas));
	zb_free_area_init(areas);
	expect_only(ZB_NR_ORDERS, 0, NULL);
	for (k = 0; k < ZB_NR_ORDERS; k++) {
		EXPECT_EQ(areas[k].nr_free, 0);
		for (m = 0; m < ZB_MIGRATE_TYPES; m++)
			EXPECT_EQ(areas[k].nr_free_type[m], 0);
	}
}

TEST(add_and_del_at_every_order_and_type)
{
	struct zb_pageblock pb;
	unsigned int k, m;

	zb_free_area_init(areas);
	for (k = 0; k < ZB_NR_ORDERS; k++)
		for (m = 0; m < ZB_MIGRATE_TYPES; m++) {
			make(&pb, m);
			EXPECT(!zb_free_area_listed(&pb));
			zb_free_area_add(areas, &pb, k);
			EXPECT(zb_free_area_listed(&pb));
			EXPECT_EQ(pb.largest_free, k);
			expect_only(k, m, &pb);
			zb_free_area_del(&pb, m % 2 ? ZB_LIST_NONE : ZB_LIST_TAIL);
			EXPECT(!zb_free_area_listed(&pb));
			expect_only(ZB_NR_ORDERS, 0, NULL);
		}
}

TEST(last_listed_is_first)
{
	struct zb_pageblock pb[3];
	unsigned int i;

	zb_free_area_init(areas);
	for (i = 0; i < 3; i++) {
		make(&pb[i], ZB_MIGRATE_MOVABLE);
		zb_free_area_add(areas, &pb[i], 4);
	}
	EXPECT(zb_free_area_first(areas, 4, ZB_MIGRATE_MOVABLE) == &pb[2]);
	zb_free_area_del(&pb[2], ZB_LIST_NONE);
	EXPECT(zb_free_area_first(areas, 4, ZB_MIGRATE_MOVABLE) == &pb[1]);
	zb_free_area_del(&pb[0], ZB_LIST_NONE);
	EXPECT(zb_free_area_first(areas, 4, ZB_MIGRATE_MOVABLE) == &pb[1]);
}

TEST(rekey_follows_the_largest_run)
{
	struct zb_pageblock pb, other;
	unsigned int run_order;

	zb_free_area_init(areas);
	make(&pb, ZB_MIGRATE_UNMOVABLE);
	zb_free_area_rekey(areas, &pb);
	expect_only(ZB_NR_ORDERS, 0, NULL);
	set_run(&pb, 8, 3, true);
	zb_free_area_rekey(areas, &pb);
	expect_only(3, ZB_MIGRATE_UNMOVABLE, &pb);
	set_run(&pb, 256, 8, true);
	zb_free_area_rekey(areas, &pb);
	expect_only(8, ZB_MIGRATE_UNMOVABLE, &pb);

	/* a pageblock that stays on its list keeps its position */
	make(&other, ZB_MIGRATE_UNMOVABLE);
	zb_free_area_add(areas, &other, 8);
	zb_free_area_rekey(areas, &pb);
	EXPECT(zb_free_area_first(areas, 8, ZB_MIGRATE_UNMOVABLE) == &other);
	zb_free_area_del(&other, ZB_LIST_NONE);

	EXPECT_EQ(zb_pageblock_find(&pb, 4, &run_order), 256);
	set_run(&pb, 256, 8, false);
	zb_free_area_rekey(areas, &pb);
	expect_only(3, ZB_MIGRATE_UNMOVABLE, &pb);
	set_run(&pb, 8, 3, false);
	zb_free_area_rekey(areas, &pb);
	expect_only(ZB_NR_ORDERS, 0, NULL);
	EXPECT_EQ(pb.largest_free, ZB_LIST_NONE);
}

TEST(count_adds_up)
{
	zb_free_area_init(areas);
	zb_free_area_count(areas, 5, ZB_MIGRATE_CMA, 3);
	zb_free_area_count(areas, 5, ZB_MIGRATE_MOVABLE, 2);
	zb_free_area_count(areas, 5, ZB_MIGRATE_CMA, -1);
	EXPECT_EQ(areas[5].nr_free, 4);
	EXPECT_EQ(areas[5].nr_free_type[ZB_MIGRATE_CMA], 2);
	EXPECT_EQ(areas[5].nr_free_type[ZB_MIGRATE_MOVABLE], 2);
	EXPECT_EQ(areas[4].nr_free, 0);
}

/* Moving a pageblock moves the counts of all its runs. */
TEST(move_takes_all_runs_along)
{
	struct zb_pageblock pb;
	unsigned int k, from, to;

	for (from = 0; from < ZB_MIGRATE_TYPES; from++)
		for (to = 0; to < ZB_MIGRATE_TYPES; to++) {
			zb_free_area_init(areas);
			make(&pb, from);
			for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
				set_run(&pb, BIT(k), k, true);
				zb_free_area_count(areas, k, from, 1);
			}
			zb_free_area_rekey(areas, &pb);
			zb_free_area_move(areas, &pb, to);
			expect_only(ZB_PAGEBLOCK_ORDER - 1, to, &pb);
			EXPECT_EQ(pb.migratetype, to);
			for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
				EXPECT_EQ(areas[k].nr_free, 1);
				EXPECT_EQ(areas[k].nr_free_type[to], 1);
			}
		}
}

TEST(move_of_an_unlisted_pageblock)
{
	struct zb_pageblock pb;

	zb_free_area_init(areas);
	make(&pb, ZB_MIGRATE_MOVABLE);
	zb_free_area_move(areas, &pb, ZB_MIGRATE_ISOLATE);
	EXPECT_EQ(pb.largest_free, ZB_LIST_NONE);
	EXPECT_EQ(pb.migratetype, ZB_MIGRATE_ISOLATE);
	expect_only(ZB_NR_ORDERS, 0, NULL);
}

/* Exactly the lists of all orders are initialized. */
TEST(lists_of_all_orders)
{
	static struct zb_free_area more[ZB_NR_ORDERS + 1];
	unsigned int order, mt;

	memset(more, 0xa5, sizeof(more));
	zb_free_area_init(more);
	for (order = 0; order < ZB_NR_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
			EXPECT(list_empty(&more[order].free_list[mt]));
	for (mt = 0; mt < sizeof(more[0]); mt++)
		EXPECT_EQ(((const u8 *)&more[ZB_NR_ORDERS])[mt], 0xa5);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid frees must be refused and counted. They must not change the amount of free
 * memory, the contents of memory, or which frames are allocated.
 */
#include "zb_api_test.h"

#include <linux/gfp.h>

#define SEED	77

/* An allocated block with known contents, and the number of free frames at that time. */
struct victim {
	struct page *page;
	unsigned int order;
	unsigned long free;
};

static bool victim_take(struct victim *v, unsigned int order, zb_gfp_t gfp)
{
	v->order = order;
	v->page = zb_alloc_pages(gfp, order);
	if (!ZBT_WANT(v->page))
		return false;
	zbt_stamp(v->page, order, SEED);
	v->free = zb_nr_free_pages();
	return true;
}

static void victim_is_unharmed(const struct victim *v)
{
	ZBT_WANT(zb_nr_free_pages() == v->free);
	ZBT_WANT(zb_compound_head(v->page) == v->page);
	ZBT_WANT(zb_compound_order(v->page) == v->order);
	ZBT_WANT(zbt_stamped(v->page, v->order, SEED));
}

static void victim_give(struct victim *v)
{
	victim_is_unharmed(v);
	__zb_free_pages(v->page, v->order);
	ZBT_WANT(zb_nr_free_pages() == v->free + BIT(v->order));
}

/* Orders with per-CPU lists and orders without. */
static void double_free(void)
{
	static const unsigned int orders[] = { 0, 1, 3, 4, 8, 9, 10 };
	unsigned int i, order;
	struct victim v;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		order = min(orders[i], zb_max_order());
		if (!victim_take(&v, order, ZB_GFP_KERNEL))
			return;
		victim_give(&v);
		zbt_count_bad(ZBT_NOT_ALLOCATED);
		__zb_free_pages(v.page, order);
		zbt_count_bad(ZBT_NOT_ALLOCATED);
		__zb_free_pages(v.page, order);
		ZBT_WANT(zb_nr_free_pages() == v.free + BIT(order));
		zb_drain_all_pages();
		/* the block is not on a per-CPU list any more */
		zbt_count_bad(ZBT_NOT_ALLOCATED);
		__zb_free_pages(v.page, order);
		ZBT_WANT(zb_nr_free_pages() == v.free + BIT(order));
	}
}

/* A double free after the page was allocated again and freed. */
static void double_free_in_list(void)
{
	struct page *page = zb_alloc_page(ZB_GFP_KERNEL);
	struct page *again[2];

	if (!ZBT_WANT(page))
		return;
	__zb_free_page(page);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	__zb_free_page(page);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	zb_free_hot_cold_page(page, true);
	again[0] = zb_alloc_page(ZB_GFP_KERNEL);
	again[1] = zb_alloc_page(ZB_GFP_KERNEL);
	ZBT_WANT(again[0] && again[1] && again[0] != again[1]);
	zb_free_pages_bulk_array(2, again);
}

static void wrong_order(void)
{
	static const unsigned int orders[] = { 0, 1, 3, 5, 9, 63, UINT_MAX };
	struct victim v;
	unsigned int i;

	if (!victim_take(&v, 2, ZB_GFP_KERNEL))
		return;
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		zbt_count_bad(ZBT_WRONG_ORDER);
		__zb_free_pages(v.page, orders[i]);
		victim_is_unharmed(&v);
	}
	zbt_count_bad(ZBT_WRONG_ORDER);
	zb_free_page((unsigned long)page_address(v.page));
	zbt_count_bad(ZBT_WRONG_ORDER);
	zb_free_hot_cold_page(v.page, false);
	victim_give(&v);
}

/* Frees of frames inside a block, and of unaligned blocks. */
static void tails(void)
{
	unsigned int order;
	unsigned long i;
	struct victim v;

	if (!victim_take(&v, 4, ZB_GFP_KERNEL))
		return;
	for (i = 1; i < BIT(4); i++)
		for (order = 0; order <= 4; order++) {
			zbt_count_bad(ZBT_NOT_ALLOCATED);
			__zb_free_pages(v.page + i, order);
		}
	victim_give(&v);
}

static void foreign_page(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	unsigned long before = zb_nr_free_pages();

	if (!ZBT_WANT(page))
		return;
	zbt_count_bad(ZBT_OUTSIDE);
	__zb_free_pages(page, 1);
	zbt_count_bad(ZBT_OUTSIDE);
	zb_free_pages((unsigned long)page_address(page), 1);
	zbt_count_bad(ZBT_OUTSIDE);
	zb_free_hot_cold_page(page, true);
	zbt_count_bad(ZBT_OUTSIDE);
	zb_free_pages_exact(page_address(page), PAGE_SIZE);
	zbt_count_bad(ZBT_OUTSIDE);
	ZBT_WANT(zb_split_page(page, 1) == -EINVAL);
	ZBT_WANT(!zb_compound_head(page));
	ZBT_WANT(zb_compound_order(page) == 0);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == -EINVAL);
	ZBT_WANT(zb_set_pageblock_migratetype(page, ZB_MIGRATE_CMA) == -EINVAL);
	zb_drain_zone_pages(page);
	ZBT_WANT(page_ref_count(page) == 1);
	ZBT_WANT(zb_nr_free_pages() == before);
	__free_pages(page, 1);
}

static void compound_parts(void)
{
	struct victim v;

	if (!victim_take(&v, 3, ZB_GFP_KERNEL | __ZB_GFP_COMP))
		return;
	zbt_count_bad(ZBT_WRONG_ORDER);
	__zb_free_pages(v.page, 2);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	__zb_free_pages(v.page + 4, 2);
	zbt_count_bad(ZBT_COMPOUND);
	ZBT_WANT(zb_split_page(v.page, 3) == -EINVAL);
	victim_give(&v);
}

static void exact_with_another_size(void)
{
	void *p = zb_alloc_pages_exact(5 * PAGE_SIZE, ZB_GFP_KERNEL);
	unsigned long free = zb_nr_free_pages();

	if (!ZBT_WANT(p))
		return;
	/* 6, 8 and 1 pages: the exact allocation of another size has other blocks */
	zbt_count_bad(ZBT_WRONG_ORDER);
	zb_free_pages_exact(p, 6 * PAGE_SIZE);
	zbt_count_bad(ZBT_WRONG_ORDER);
	zb_free_pages_exact(p, 8 * PAGE_SIZE);
	zbt_count_bad(ZBT_WRONG_ORDER);
	zb_free_pages_exact(p, PAGE_SIZE);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	zb_free_pages_exact(p + PAGE_SIZE, PAGE_SIZE);
	ZBT_WANT(zb_nr_free_pages() == free);
	zb_free_pages_exact(p, 5 * PAGE_SIZE);
	ZBT_WANT(zb_nr_free_pages() == free + 5);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	zb_free_pages_exact(p, 5 * PAGE_SIZE);
	ZBT_WANT(zb_nr_free_pages() == free + 5);
	/* 4 of 5 pages are a block of their own: the last page stays allocated */
	p = zb_alloc_pages_exact(5 * PAGE_SIZE, ZB_GFP_KERNEL);
	if (!ZBT_WANT(p))
		return;
	free = zb_nr_free_pages();
	zb_free_pages_exact(p, 4 * PAGE_SIZE);
	ZBT_WANT(zb_nr_free_pages() == free + 4);
	zb_free_pages_exact(p + 4 * PAGE_SIZE, PAGE_SIZE);
	ZBT_WANT(zb_nr_free_pages() == free + 5);
}

/* Invalid elements do not prevent the others from being freed. */
static void bulk_with_doubles(void)
{
	unsigned long free = zb_nr_free_pages();
	struct page *page[4] = { NULL };

	ZBT_WANT(zb_alloc_pages_bulk_array(ZB_GFP_KERNEL, 3, page) == 3);
	page[3] = page[1];
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	zb_free_pages_bulk_array(4, page);
	ZBT_WANT(zb_nr_free_pages() == free);
}

static void split_of_nothing(void)
{
	struct victim v;

	if (!victim_take(&v, 5, ZB_GFP_KERNEL))
		return;
	zbt_count_bad(ZBT_WRONG_ORDER);
	ZBT_WANT(zb_split_page(v.page, 4) == -EINVAL);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	ZBT_WANT(zb_split_page(v.page + 1, 0) == -EINVAL);
	victim_give(&v);
	zbt_count_bad(ZBT_NOT_ALLOCATED);
	ZBT_WANT(zb_split_page(v.page, 5) == -EINVAL);
}

const struct zbt_test zbt_bad_free_tests[] = {
	{ "double_free", double_free },
	{ "double_free_in_per_cpu_list", double_free_in_list },
	{ "wrong_order", wrong_order },
	{ "tails", tails },
	{ "foreign_page", foreign_page },
	{ "compound_parts", compound_parts },
	{ "exact_with_another_size", exact_with_another_size },
	{ "bulk_with_doubles", bulk_with_doubles },
	{ "split_of_nothing", split_of_nothing },
	{ }
};

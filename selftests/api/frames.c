// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are freed although somebody else still uses them: they, and no other pages, are
 * kept out of use until that use has ended.
 */
#include "zb_api_test.h"

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/page-flags.h>

/*
 * Blocks with per-CPU lists (up to order 9) and without; blocks of less than 64 pages, whose
 * bits are part of a word, of 64, and of several words.
 */
static const unsigned int orders[] = { 0, 1, 3, 5, 6, 9, 10 };

/* A way to use a page of somebody else, and how to end this use. */
struct use {
	void (*begin)(struct page *page);
	void (*end)(struct page *page);
};

static void take_mapping(struct page *page)
{
	page->mapping = (struct address_space *)&orders;
}

static void drop_mapping(struct page *page)
{
	page->mapping = NULL;
}

static void map(struct page *page)
{
	atomic_inc(&page->_mapcount);
}

static void unmap(struct page *page)
{
	atomic_dec(&page->_mapcount);
}

static void reserve(struct page *page)
{
	SetPageReserved(page);
}

static void unreserve(struct page *page)
{
	ClearPageReserved(page);
}

static void get(struct page *page)
{
	get_page(page);
}

static void put(struct page *page)
{
	put_page(page);
}

/* Allocate all memory that is left and free it again; returns true if it includes @page. */
static bool handed_out(struct page *page)
{
	struct page *first = NULL, *next;
	bool found = false;

	while ((next = zb_alloc_page(ZBT_ANY | ZBT_QUIET))) {
		found |= next == page;
		*(struct page **)page_address(next) = first;
		first = next;
	}
	for (; first; first = next) {
		next = *(struct page **)page_address(first);
		__zb_free_page(first);
	}
	return found;
}

/* A free by size checks all pages of large blocks, a free by order does not. */
static struct page *take_block(unsigned int order)
{
	void *p;

	if (order < 6)
		return zb_alloc_pages(ZBT_ANY, order);
	p = zb_alloc_pages_exact(PAGE_SIZE << order, ZB_GFP_KERNEL);
	return p ? virt_to_page(p) : NULL;
}

static void give_block(struct page *page, unsigned int order)
{
	if (order < 6)
		__zb_free_pages(page, order);
	else
		zb_free_pages_exact(page_address(page), PAGE_SIZE << order);
}

static void freed_in_use(const struct use *use, unsigned int order)
{
	struct page *page = take_block(order), *used;
	LIST_HEAD(ballast);
	unsigned long free;

	if (!ZBT_WANT(page))
		return;
	/* so that handed_out() does not have to allocate all memory page by page */
	if (order == 3)
		zbt_use_all(&ballast, ZBT_ANY | ZBT_QUIET, 4);
	free = zb_nr_free_pages();
	used = page + BIT(order) / 2;
	use->begin(used);
	give_block(page, order);
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_pages() == free + BIT(order) - 1);
	ZBT_WANT(!zb_compound_head(used));
	if (order == 3)
		ZBT_WANT(!handed_out(used));
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_pages() == free + BIT(order) - 1);
	use->end(used);
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_pages() == free + BIT(order));
	zbt_free_all(&ballast);
}

static void all_orders(const struct use *use)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		freed_in_use(use, min(orders[i], zb_max_order()));
}

static void referenced(void)
{
	all_orders(&(struct use){ get, put });
}

static void mapped(void)
{
	all_orders(&(struct use){ map, unmap });
}

static void of_a_mapping(void)
{
	all_orders(&(struct use){ take_mapping, drop_mapping });
}

static void flagged(void)
{
	all_orders(&(struct use){ reserve, unreserve });
}

/* A page that is used after it was freed is found when it would be allocated. */
static void used_while_free(void)
{
	void *p = zb_alloc_pages_exact(3 * PAGE_SIZE, ZB_GFP_KERNEL);
	struct page *page;
	unsigned long free;
	LIST_HEAD(ballast);

	if (!ZBT_WANT(p))
		return;
	zbt_use_all(&ballast, ZBT_ANY | ZBT_QUIET, 4);
	free = zb_nr_free_pages();
	page = virt_to_page(p + PAGE_SIZE);
	zb_free_pages_exact(p, 3 * PAGE_SIZE);
	get_page(page);
	ZBT_WANT(!handed_out(page));
	put_page(page);
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_pages() == free + 3);
	zbt_free_all(&ballast);
}

/*
 * A page that stays in use for longer than a second after it was freed, so that it is not examined
 * again by itself any more, is used again as soon as a request finds no memory.
 */
static void used_for_long(void)
{
	struct page *page = zb_alloc_page(ZBT_ANY);
	LIST_HEAD(ballast);
	unsigned long free;

	if (!ZBT_WANT(page))
		return;
	get_page(page);
	__zb_free_page(page);
	zb_drain_all_pages();
	msleep(2500);
	zbt_use_all(&ballast, ZBT_ANY | ZBT_QUIET, 0);
	/* drains that this has caused end before the page is unused */
	msleep(200);
	free = zb_nr_free_pages();
	put_page(page);
	ZBT_WANT(!zb_alloc_pages(ZBT_ANY | ZBT_QUIET, zb_max_order()));
	ZBT_WANT(zb_nr_free_pages() == free + 1);
	zbt_free_all(&ballast);
	zb_drain_all_pages();
}

/* page->private of the last owner is not visible to the next one. */
static void private_is_cleared(void)
{
	struct page *page;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		unsigned int order = min(orders[i], zb_max_order());
		unsigned long free = zb_nr_free_pages();

		page = take_block(order);
		if (!ZBT_WANT(page))
			return;
		set_page_private(page, 1);
		set_page_private(page + BIT(order) - 1, 2);
		give_block(page, order);
		zb_drain_all_pages();
		ZBT_WANT(!page_private(page));
		ZBT_WANT(!page_private(page + BIT(order) - 1));
		ZBT_WANT(zb_nr_free_pages() == free);
	}
}

const struct zbt_test zbt_frame_tests[] = {
	{ "freed_with_a_reference", referenced },
	{ "freed_while_mapped", mapped },
	{ "freed_with_a_mapping", of_a_mapping },
	{ "freed_with_flags", flagged },
	{ "used_while_free", used_while_free },
	{ "used_for_long", used_for_long },
	{ "private_is_cleared", private_is_cleared },
	{ }
};

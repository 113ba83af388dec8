// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions for other modules that allocate and free many single pages at once.
 * include/linux/zbuddy.h has an overview.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "../instance/instance.h"

/* Largest number of pages that are moved without enabling preemption in between. */
#define MAX_AT_ONCE	64u
/* Number of pages of a list that are copied to an array on the stack and freed together. */
#define LIST_AT_ONCE	16u

/* Count the leading entries with a page, or with NULL if @have is false. */
static unsigned int count_leading(struct page **pages, unsigned long nr, bool have)
{
	unsigned int i, max = min_t(unsigned long, nr, MAX_AT_ONCE);

	for (i = 0; i < max && !!pages[i] == have; i++)
		;
	return i;
}

/*
 * Returns the node of this CPU if the fast path may serve a request from it. Otherwise
 * returns NULL, and pages are allocated one by one.
 */
static const struct zb_node *fast_node(int nid)
{
	const struct zb_node *node = zb_this_node();

	if (nid != NUMA_NO_NODE && nid != node->nid)
		return NULL;
	return zb_may_use_fast_path(node, nid) ? node : NULL;
}

static void free_one(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	trace_mm_page_free_batched(pfn);
	if (unlikely(!zb_fast_free(&zb_instance->pool, pfn, 0)) &&
	    !zb_fast_free_full(&zb_instance->pool, pfn, 0))
		zb_pool_free_pages(&zb_instance->pool, pfn, 0);
}

/* Store a page in an array; @to points to the pointer to the next entry. */
static void take_to_array(void *to, unsigned long pfn)
{
	struct page ***next = to;

	*(*next)++ = pfn_to_page(pfn);
}

static void take_to_list(void *to, unsigned long pfn)
{
	list_add(&pfn_to_page(pfn)->lru, to);
}

static unsigned long give_from_array(void *from, unsigned int i)
{
	struct page **pages = from;

	return page_to_pfn(*(pages + i));
}

/* Returns the number of entries that were set, starting with the first one. */
static unsigned int fill_array(zb_gfp_t gfp, int nid, struct page **pages, unsigned int nr)
{
	const struct zb_node *node = fast_node(nid);
	struct page **next = pages, **end = pages + nr;

	while (next < end) {
		if (likely(node && zb_fast_alloc_bulk(node, gfp, end - next,
						      take_to_array, &next)))
			continue;
		*next = zb_alloc_pages_node(nid, gfp, 0);
		if (!*next)
			break;
		next++;
	}
	return next - pages;
}

/**
 * zb_alloc_pages_bulk_array_node() - fill an array with single pages
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nr_pages: length of the array
 * @page_array: the array, whose NULL entries are filled in
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: number of leading entries that are not NULL afterwards.
 */
unsigned long zb_alloc_pages_bulk_array_node(zb_gfp_t gfp, int nid,
					     unsigned long nr_pages,
					     struct page **page_array)
{
	struct page **next = page_array, **end = page_array + nr_pages;
	unsigned int gap, filled;

	zb_api_might_alloc(gfp);
	while (next < end) {
		gap = count_leading(next, end - next, false);
		filled = fill_array(gfp, nid, next, gap);
		next += gap ? filled : 1;
		if (filled < gap)
			break;
	}
	return next - page_array;
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_bulk_array_node);

/**
 * zb_alloc_pages_bulk_list_node() - add single pages to a list
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nr_pages: number of pages
 * @page_list: the list, linked by page->lru
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: number of pages added.
 */
unsigned long zb_alloc_pages_bulk_list_node(zb_gfp_t gfp, int nid,
					    unsigned long nr_pages,
					    struct list_head *page_list)
{
	const struct zb_node *node = fast_node(nid);
	unsigned int got, nr;
	struct page *page;
	unsigned long i;

	zb_api_might_alloc(gfp);
	for (i = 0; i < nr_pages; i += got) {
		nr = min_t(unsigned long, nr_pages - i, MAX_AT_ONCE);
		got = node ? zb_fast_alloc_bulk(node, gfp, nr, take_to_list,
						page_list) : 0;
		if (likely(got))
			continue;
		page = zb_alloc_pages_node(nid, gfp, 0);
		if (!page)
			break;
		list_add(&page->lru, page_list);
		got = 1;
	}
	return i;
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_bulk_list_node);

/* Free the pages of an array that has no NULL entry. */
static void free_array(struct page **pages, unsigned int nr)
{
	unsigned int got, i;

	for (i = 0; i < nr; i += got) {
		got = 0;
		if (!trace_mm_page_free_batched_enabled())
			got = zb_fast_free_bulk(&zb_instance->pool, nr - i,
						give_from_array, pages + i);
		if (unlikely(!got)) {
			free_one(pages[i]);
			got = 1;
		}
	}
}

/**
 * zb_free_pages_bulk_array() - free single pages
 * @nr_pages: length of the array
 * @page_array: the array, whose NULL entries are skipped; all are NULL afterwards
 *
 * Context: any but NMI.
 */
void zb_free_pages_bulk_array(unsigned long nr_pages, struct page **page_array)
{
	struct page **next = page_array, **end = page_array + nr_pages;
	unsigned int nr;

	while (next < end) {
		nr = count_leading(next, end - next, true);
		free_array(next, nr);
		next += nr ?: 1;
	}
	memset(page_array, 0, nr_pages * sizeof(*page_array));
	zb_api_wake_waiters();
}
EXPORT_SYMBOL_GPL(zb_free_pages_bulk_array);

/**
 * zb_free_pages_bulk_list() - free a list of single pages
 * @page_list: the list, linked by page->lru; empty afterwards
 *
 * Context: any but NMI.
 */
void zb_free_pages_bulk_list(struct list_head *page_list)
{
	struct page *pages[LIST_AT_ONCE], *page, *next;
	unsigned int nr = 0;

	list_for_each_entry_safe(page, next, page_list, lru) {
		pages[nr++] = page;
		if (nr == LIST_AT_ONCE) {
			free_array(pages, nr);
			nr = 0;
		}
	}
	free_array(pages, nr);
	INIT_LIST_HEAD(page_list);
	zb_api_wake_waiters();
}
EXPORT_SYMBOL_GPL(zb_free_pages_bulk_list);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other modules call, second part: many single pages at once.
 *
 * See include/linux/zbuddy.h for the whole, and what holds for all of it.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "host.h"

static struct page *alloc_one(int nid, zb_gfp_t gfp)
{
	return nid == NUMA_NO_NODE ? zb_alloc_pages(gfp, 0) :
				     zb_alloc_pages_node(nid, gfp, 0);
}

static void free_one(struct page *page)
{
	struct zb_pool *pool = &zb_api_host->pool;
	unsigned long pfn = page_to_pfn(page);

	trace_mm_page_free_batched(pfn);
	if (unlikely(!zb_fast_free(pool, pfn, 0)))
		zb_pool_free_pages(pool, pfn, 0);
}

/**
 * zb_alloc_pages_bulk_array_node() - fill an array with single pages
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @nid: node to prefer, or NUMA_NO_NODE for the nearest
 * @nr_pages: length of the array
 * @page_array: entries that are NULL are filled in
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: how many entries from the first on are not NULL afterwards.
 */
unsigned long zb_alloc_pages_bulk_array_node(zb_gfp_t gfp, int nid,
					     unsigned long nr_pages,
					     struct page **page_array)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		if (!page_array[i])
			page_array[i] = alloc_one(nid, gfp);
		if (!page_array[i])
			break;
	}
	return i;
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_bulk_array_node);

/**
 * zb_alloc_pages_bulk_list_node() - add single pages to a list
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @nid: node to prefer, or NUMA_NO_NODE for the nearest
 * @nr_pages: how many
 * @page_list: they are linked by page->lru
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: how many were added.
 */
unsigned long zb_alloc_pages_bulk_list_node(zb_gfp_t gfp, int nid,
					    unsigned long nr_pages,
					    struct list_head *page_list)
{
	struct page *page;
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		page = alloc_one(nid, gfp);
		if (!page)
			break;
		list_add(&page->lru, page_list);
	}
	return i;
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_bulk_list_node);

/**
 * zb_free_pages_bulk_array() - free single pages
 * @nr_pages: length of the array
 * @page_array: entries that are NULL are skipped; all are NULL afterwards
 *
 * Context: any but NMI.
 */
void zb_free_pages_bulk_array(unsigned long nr_pages, struct page **page_array)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		if (!page_array[i])
			continue;
		free_one(page_array[i]);
		page_array[i] = NULL;
	}
	zb_api_freed();
}
EXPORT_SYMBOL_GPL(zb_free_pages_bulk_array);

/**
 * zb_free_pages_bulk_list() - free a list of single pages
 * @page_list: linked by page->lru; empty afterwards
 *
 * Context: any but NMI.
 */
void zb_free_pages_bulk_list(struct list_head *page_list)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, page_list, lru) {
		list_del(&page->lru);
		free_one(page);
	}
	zb_api_freed();
}
EXPORT_SYMBOL_GPL(zb_free_pages_bulk_list);

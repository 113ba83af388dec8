// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions for other modules that handle compound blocks, and the migrate types
 * and isolation of pageblocks. include/linux/zbuddy.h has an overview.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "../core/isolate.h"
#include "../instance/instance.h"

/**
 * zb_compound_head() - get the first page of the block that contains a page
 * @page: a page that the caller owns
 *
 * Context: any.
 * Return: the first page, or NULL if the page is not allocated.
 */
struct page *zb_compound_head(struct page *page)
{
	unsigned int order;
	unsigned long pfn = zb_pool_block_head(&zb_instance->pool,
					       page_to_pfn(page), &order);

	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}
EXPORT_SYMBOL_GPL(zb_compound_head);

/**
 * zb_compound_order() - get the order of the block that contains a page
 * @page: a page that the caller owns
 *
 * Context: any.
 * Return: the order, or 0 if the page is not allocated.
 */
unsigned int zb_compound_order(struct page *page)
{
	unsigned int order = 0;

	zb_pool_block_head(&zb_instance->pool, page_to_pfn(page), &order);
	return order;
}
EXPORT_SYMBOL_GPL(zb_compound_order);

/**
 * zb_split_page() - split a block into single pages
 * @page: first page of the block
 * @order: order of the block
 *
 * The caller frees the pages one by one afterwards.
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL if @page is not the first page of an allocated block of this
 * order, or if the block is a compound one.
 */
int zb_split_page(struct page *page, unsigned int order)
{
	enum zb_bad bad = zb_pool_split_page(&zb_instance->pool,
					     page_to_pfn(page), order);

	return bad == ZB_OK ? 0 : -EINVAL;
}
EXPORT_SYMBOL_GPL(zb_split_page);

/**
 * zb_get_pageblock_migratetype() - get the migrate type of a page's pageblock
 * @page: any page
 *
 * Context: any.
 * Return: ZB_MIGRATE_*, or -EINVAL if the page does not belong to zbuddy.
 */
int zb_get_pageblock_migratetype(struct page *page)
{
	int mt = zb_pool_get_migratetype(&zb_instance->pool, page_to_pfn(page));

	return mt < 0 ? -EINVAL : mt;
}
EXPORT_SYMBOL_GPL(zb_get_pageblock_migratetype);

/**
 * zb_set_pageblock_migratetype() - set the migrate type of a pageblock
 * @page: any page of the pageblock
 * @migratetype: ZB_MIGRATE_*, but not ZB_MIGRATE_ISOLATE
 *
 * A CMA pageblock keeps its type. Any other pageblock returns to the default type the
 * next time that the last of its allocated pages is freed. Before that, a request of
 * another mobility may claim it, and a HighAtomic pageblock may be converted when memory
 * is short or its zone is unused.
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL if the page does not belong to zbuddy, the type is invalid,
 * or the pageblock is isolated.
 */
int zb_set_pageblock_migratetype(struct page *page, int migratetype)
{
	bool ok = zb_pool_set_migratetype(&zb_instance->pool, page_to_pfn(page),
					  migratetype);

	return ok ? 0 : -EINVAL;
}
EXPORT_SYMBOL_GPL(zb_set_pageblock_migratetype);

/**
 * zb_isolate_page_range() - stop allocations from a range of pageblocks
 * @start_pfn: first frame, aligned to a pageblock
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * After the function returns, no further frame of the range is allocated, and frames
 * that are freed stay in the range. A block that a concurrent request has already
 * taken from its zone counts as allocated. If compaction has isolated a part of the range,
 * this waits for it, but not longer than about a second.
 *
 * Context: may sleep.
 * Return: 0, or -EBUSY with nothing changed if part of the range does not belong to
 * zbuddy, is isolated already, or is not a whole pageblock.
 */
int zb_isolate_page_range(unsigned long start_pfn, unsigned long nr_pages)
{
	if (!zb_pool_isolate_range_wait(&zb_instance->pool, start_pfn, nr_pages))
		return -EBUSY;
	zb_drain_all_pages();
	return 0;
}
EXPORT_SYMBOL_GPL(zb_isolate_page_range);

/**
 * zb_undo_isolate_page_range() - allow allocations from a range of pageblocks again
 * @start_pfn: first frame, aligned to a pageblock
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Context: any but NMI.
 */
void zb_undo_isolate_page_range(unsigned long start_pfn, unsigned long nr_pages)
{
	zb_pool_unisolate_range(&zb_instance->pool, start_pfn, nr_pages);
}
EXPORT_SYMBOL_GPL(zb_undo_isolate_page_range);

/**
 * zb_nr_free_in_range() - count the free pages of a range of pageblocks
 * @start_pfn: first frame, aligned to a pageblock
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Context: any but NMI.
 * Return: number of free pages.
 */
unsigned long zb_nr_free_in_range(unsigned long start_pfn,
				  unsigned long nr_pages)
{
	return zb_pool_range_free(&zb_instance->pool, start_pfn, nr_pages);
}
EXPORT_SYMBOL_GPL(zb_nr_free_in_range);

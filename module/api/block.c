// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other modules call, third part: compound blocks, and pageblocks with their
 * migrate types and isolation.
 *
 * See include/linux/zbuddy.h for the whole, and what holds for all of it.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "../core/isolate.h"
#include "../instance/instance.h"

/**
 * zb_compound_head() - the first page of the block that has a page in it
 * @page: a page the caller owns
 *
 * Context: any.
 * Return: the first page, or NULL when the page is not allocated.
 */
struct page *zb_compound_head(struct page *page)
{
	unsigned int order;
	unsigned long pfn = zb_pool_block_head(&zb_api_host->pool,
					       page_to_pfn(page), &order);

	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}
EXPORT_SYMBOL_GPL(zb_compound_head);

/**
 * zb_compound_order() - the order of the block that has a page in it
 * @page: a page the caller owns
 *
 * Context: any.
 * Return: the order, 0 also for a page that is not allocated.
 */
unsigned int zb_compound_order(struct page *page)
{
	unsigned int order = 0;

	zb_pool_block_head(&zb_api_host->pool, page_to_pfn(page), &order);
	return order;
}
EXPORT_SYMBOL_GPL(zb_compound_order);

/**
 * zb_split_page() - make single pages of a block
 * @page: its first page
 * @order: its order
 *
 * Afterwards each is freed by itself.
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL when that is no such block, or a compound one.
 */
int zb_split_page(struct page *page, unsigned int order)
{
	enum zb_bad bad = zb_pool_split_page(&zb_api_host->pool,
					     page_to_pfn(page), order);

	return bad == ZB_OK ? 0 : -EINVAL;
}
EXPORT_SYMBOL_GPL(zb_split_page);

/**
 * zb_get_pageblock_migratetype() - the migrate type of a page's pageblock
 * @page: any page
 *
 * Context: any.
 * Return: ZB_MIGRATE_*, or -EINVAL when the page is not ours.
 */
int zb_get_pageblock_migratetype(struct page *page)
{
	int mt = zb_pool_get_migratetype(&zb_api_host->pool, page_to_pfn(page));

	return mt < 0 ? -EINVAL : mt;
}
EXPORT_SYMBOL_GPL(zb_get_pageblock_migratetype);

/**
 * zb_set_pageblock_migratetype() - change it
 * @page: any page of the pageblock
 * @migratetype: ZB_MIGRATE_*, but not _ISOLATE; of _HIGHATOMIC the allocator itself
 *	disposes: it takes it away where memory is short, or the zone not in use
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL when the page is not ours, the type is none, or the
 * pageblock is isolated.
 */
int zb_set_pageblock_migratetype(struct page *page, int migratetype)
{
	bool ok = zb_pool_set_migratetype(&zb_api_host->pool, page_to_pfn(page),
					  migratetype);

	return ok ? 0 : -EINVAL;
}
EXPORT_SYMBOL_GPL(zb_set_pageblock_migratetype);

/**
 * zb_isolate_page_range() - take pageblocks out of circulation
 * @start_pfn: on a pageblock border
 * @nr_pages: whole pageblocks
 *
 * Nothing in the range is allocated any more after this returns, and what is freed
 * in it stays there. A block of it that was taken from its zone before, and that a
 * request has not returned yet, counts as allocated.
 *
 * Context: may sleep.
 * Return: 0, or -EBUSY with nothing changed: part of it is not ours, is
 * isolated already, or is no whole pageblock.
 */
int zb_isolate_page_range(unsigned long start_pfn, unsigned long nr_pages)
{
	if (!zb_pool_isolate_range(&zb_api_host->pool, start_pfn, nr_pages))
		return -EBUSY;
	zb_drain_all_pages();
	return 0;
}
EXPORT_SYMBOL_GPL(zb_isolate_page_range);

/**
 * zb_undo_isolate_page_range() - put pageblocks back into circulation
 * @start_pfn: on a pageblock border
 * @nr_pages: whole pageblocks
 *
 * Context: any but NMI.
 */
void zb_undo_isolate_page_range(unsigned long start_pfn, unsigned long nr_pages)
{
	zb_pool_unisolate_range(&zb_api_host->pool, start_pfn, nr_pages);
}
EXPORT_SYMBOL_GPL(zb_undo_isolate_page_range);

/**
 * zb_nr_free_in_range() - how far has a range been emptied?
 * @start_pfn: on a pageblock border
 * @nr_pages: whole pageblocks
 *
 * Context: any but NMI.
 * Return: pages of it that are free.
 */
unsigned long zb_nr_free_in_range(unsigned long start_pfn,
				  unsigned long nr_pages)
{
	return zb_pool_range_free(&zb_api_host->pool, start_pfn, nr_pages);
}
EXPORT_SYMBOL_GPL(zb_nr_free_in_range);

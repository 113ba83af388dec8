// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions for other modules: blocks by struct page and by address, exact
 * allocations, dirty accounting and drains. include/linux/zbuddy.h has an overview
 * and the rules for all functions.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "../compat.h"
#include "../core/range_alloc.h"
#include "../instance/idle_range.h"
#include "../instance/zeroing.h"

/* Errors of callers, each of which is logged once. */
enum api_fault {
	BAD_FLAGS,
	REPEAT_AND_NOFAIL,
	EXACT_FLAGS,
};

static const char *const api_fault_text[] = {
	[BAD_FLAGS] = "flags that contradict each other: convert a gfp_t with zb_gfp_from_kernel()",
	[REPEAT_AND_NOFAIL] = "REPEAT (the kernel's __GFP_RETRY_MAYFAIL) and NOFAIL exclude each other",
	[EXACT_FLAGS] = "an exact allocation ignores COMP and HIGHMEM",
};

/* This is not a WARN(), so that a failed request does not crash with panic_on_warn. */
static noinline void report_fault(enum api_fault fault, zb_gfp_t gfp)
{
	static unsigned long reported;

	if (test_and_set_bit(fault, &reported))
		return;
	pr_err("a module requested memory with mode %#x: %s\n",
	       zb_gfp_bits(gfp), api_fault_text[fault]);
	dump_stack();
}

/* Converted flags may have both REPEAT and NOFAIL, which zb_gfp_valid() accepts. */
static bool flags_make_sense(zb_gfp_t gfp)
{
	const zb_gfp_t both = __ZB_GFP_REPEAT | __ZB_GFP_NOFAIL;

	if ((gfp & both) == both) {
		report_fault(REPEAT_AND_NOFAIL, gfp);
		return false;
	}
	if (!zb_gfp_valid(gfp)) {
		report_fault(BAD_FLAGS, gfp);
		return false;
	}
	return true;
}

static struct page *alloc_frames(zb_gfp_t gfp, unsigned long nr_pages, int nid,
				 const nodemask_t *nodemask)
{
	unsigned long pfn;

	if (!flags_make_sense(gfp))
		return NULL;
	if (!nr_pages || nr_pages > BIT(zb_instance->pool.max_order))
		return NULL;
	zb_api_might_alloc(gfp);
	pfn = zb_instance_alloc(zb_instance, gfp & ~__ZB_GFP_ACCOUNT, nr_pages, nid,
				nodemask ? nodes_addr(*nodemask) : NULL, false, NULL);
	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}

/**
 * zb_alloc_pages_nodemask() - allocate a block from given nodes
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @order: log2 of the number of pages, up to zb_max_order()
 * @preferred_nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nodemask: allowed nodes, or NULL for any
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: first page of the block, which is aligned to its size, or NULL.
 */
struct page *zb_alloc_pages_nodemask(zb_gfp_t gfp, unsigned int order,
				     int preferred_nid,
				     const nodemask_t *nodemask)
{
	/*
	 * Pass 0 pages if the order is too large to shift; alloc_frames() rejects it
	 * after checking the flags.
	 */
	return alloc_frames(gfp, order < BITS_PER_LONG ? BIT(order) : 0,
			    preferred_nid, nodemask);
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_nodemask);

/* The node is looked up again, so that the fast path need not save it. */
static noinline struct page *alloc_pages_empty(zb_gfp_t gfp, unsigned int order, int nid)
{
	const struct zb_node *node = zb_this_node();
	unsigned long pfn;

	if (likely(nid == NUMA_NO_NODE || nid == node->nid) && zb_may_use_fast_path(node, nid)) {
		pfn = zb_fast_alloc_empty(node, gfp, order);
		if (likely(pfn != ZB_NO_PFN))
			return pfn_to_page(pfn);
	}
	return zb_alloc_pages_nodemask(gfp, order, nid, NULL);
}

/*
 * Continue a request that the fast path has refused, mostly because a list is empty. Only
 * lists of orders below ZB_WORD_ORDER are refilled.
 */
static __always_inline struct page *alloc_pages_slow(zb_gfp_t gfp, unsigned int order, int nid)
{
	return order < ZB_WORD_ORDER ? alloc_pages_empty(gfp, order, nid) :
				       zb_alloc_pages_nodemask(gfp, order, nid, NULL);
}

/* The fast path to the lists that this CPU has of the zones of another node. */
static noinline struct page *alloc_fast_far(int nid, zb_gfp_t gfp, unsigned int order)
{
	const struct zb_node *node = zb_pool_known_node(&zb_instance->pool, nid);
	unsigned long pfn;

	if (!node || !zb_may_use_fast_path(node, nid))
		return NULL;
	pfn = zb_fast_alloc_flags(node, gfp, order);
	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}

/**
 * zb_alloc_pages_node() - allocate a block, preferably from a given node
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @order: log2 of the number of pages, up to zb_max_order()
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: first page of the block, or NULL.
 */
struct page *zb_alloc_pages_node(int nid, zb_gfp_t gfp, unsigned int order)
{
	const struct zb_node *node = zb_this_node();
	struct page *page;
	unsigned long pfn;

	zb_api_might_alloc(gfp);
	if (likely(nid == node->nid || nid == NUMA_NO_NODE)) {
		if (likely(zb_may_use_fast_path(node, nid) &&
			   zb_fast_alloc(node, gfp, order, &pfn)))
			return pfn_to_page(pfn);
		return alloc_pages_slow(gfp, order, nid);
	}
	page = alloc_fast_far(nid, gfp, order);
	return likely(page) ? page : zb_alloc_pages_nodemask(gfp, order, nid, NULL);
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_node);

/**
 * zb_alloc_pages() - allocate a block
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @order: log2 of the number of pages, up to zb_max_order()
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: first page of the block, or NULL.
 */
struct page *zb_alloc_pages(zb_gfp_t gfp, unsigned int order)
{
	const struct zb_node *node = zb_this_node();
	unsigned long pfn;

	zb_api_might_alloc(gfp);
	if (likely(zb_may_use_fast_path(node, NUMA_NO_NODE) &&
		   zb_fast_alloc(node, gfp, order, &pfn)))
		return pfn_to_page(pfn);
	return alloc_pages_slow(gfp, order, NUMA_NO_NODE);
}
EXPORT_SYMBOL_GPL(zb_alloc_pages);

/*
 * The slow path of a free wakes waiting requests. A free to a per-CPU list does not;
 * waiting requests find that memory when they check periodically.
 */
static noinline void free_pages_slow(unsigned long pfn, unsigned int order)
{
	trace_mm_page_free(pfn, order);
	if (order >= ZB_PAGEBLOCK_ORDER || !zb_fast_free_full(&zb_instance->pool, pfn, order))
		zb_pool_free_pages(&zb_instance->pool, pfn, order);
	zb_api_wake_waiters();
}

/**
 * __zb_free_pages() - free a block
 * @page: its first page
 * @order: the order it was allocated with
 *
 * If @page is not the first page of an allocated block of this order, the call
 * changes nothing but a counter, and the first such call is logged.
 *
 * Context: any but NMI.
 */
void __zb_free_pages(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	if (unlikely(trace_mm_page_free_enabled()) ||
	    unlikely(!zb_fast_free(&zb_instance->pool, pfn, order)))
		free_pages_slow(pfn, order);
}
EXPORT_SYMBOL_GPL(__zb_free_pages);

/**
 * zb_free_hot_cold_page() - free a page that is hot or cold in the CPU cache
 * @page: a page that was allocated with order 0
 * @cold: the page is not in the cache, so it is reused last
 *
 * Context: any but NMI.
 */
void zb_free_hot_cold_page(struct page *page, bool cold)
{
	trace_mm_page_free(page_to_pfn(page), 0);
	if (cold)
		zb_pool_free_pages_cold(&zb_instance->pool, page_to_pfn(page), 0);
	else
		zb_pool_free_pages(&zb_instance->pool, page_to_pfn(page), 0);
	zb_api_wake_waiters();
}
EXPORT_SYMBOL_GPL(zb_free_hot_cold_page);

/**
 * zb_get_free_pages() - allocate a block and return its address
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits; __ZB_GFP_HIGHMEM is ignored, because
 *	high memory may have no address
 * @order: log2 of the number of pages, up to zb_max_order()
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: the block's address in the linear mapping, or 0.
 */
unsigned long zb_get_free_pages(zb_gfp_t gfp, unsigned int order)
{
	struct page *page = zb_alloc_pages(gfp & ~__ZB_GFP_HIGHMEM, order);

	return page ? (unsigned long)page_address(page) : 0;
}
EXPORT_SYMBOL_GPL(zb_get_free_pages);

/**
 * zb_get_zeroed_page() - allocate a zeroed page and return its address
 * @gfp: as for zb_get_free_pages()
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: its address in the linear mapping, or 0.
 */
unsigned long zb_get_zeroed_page(zb_gfp_t gfp)
{
	return zb_get_free_pages(gfp | __ZB_GFP_ZERO, 0);
}
EXPORT_SYMBOL_GPL(zb_get_zeroed_page);

/**
 * zb_free_pages() - free a block by address
 * @addr: address from zb_get_free_pages(), or 0
 * @order: the order it was allocated with
 *
 * Context: any but NMI.
 */
void zb_free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__zb_free_pages(virt_to_page((void *)addr), order);
}
EXPORT_SYMBOL_GPL(zb_free_pages);

static struct page *alloc_exact_fast(zb_gfp_t gfp, unsigned long nr_pages, int nid)
{
	const struct zb_node *node = zb_this_node();
	unsigned long pfn;

	if (!nr_pages || (nid != NUMA_NO_NODE && nid != node->nid) ||
	    !zb_may_use_fast_path(node, nid))
		return NULL;
	if (!is_power_of_2(nr_pages))
		pfn = zb_fast_alloc_exact(node, gfp, nr_pages);
	else if (!zb_fast_alloc(node, gfp, zb_exact_order(nr_pages), &pfn))
		return NULL;
	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}

/**
 * zb_alloc_pages_exact_nid() - allocate contiguous memory, preferably from a node
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @size: size in bytes, which is rounded up to whole pages
 * @gfp: as for zb_get_free_pages(); __ZB_GFP_HIGHMEM and __ZB_GFP_COMP are ignored,
 *	and the first such call is logged
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: its address in the linear mapping, or NULL.
 */
void *zb_alloc_pages_exact_nid(int nid, size_t size, zb_gfp_t gfp)
{
	const zb_gfp_t meaningless = __ZB_GFP_HIGHMEM | __ZB_GFP_COMP;
	unsigned long nr_pages = DIV_ROUND_UP(size, PAGE_SIZE);
	struct page *page;

	if (unlikely(gfp & meaningless)) {
		report_fault(EXACT_FLAGS, gfp);
		gfp &= ~meaningless;
	}
	zb_api_might_alloc(gfp);
	page = alloc_exact_fast(gfp, nr_pages, nid);
	if (!page)
		page = alloc_frames(gfp, nr_pages, nid, NULL);
	return page ? page_address(page) : NULL;
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_exact_nid);

/**
 * zb_alloc_pages_exact() - allocate physically contiguous memory
 * @size: size in bytes, which is rounded up to whole pages
 * @gfp: as for zb_alloc_pages_exact_nid()
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: its address in the linear mapping, or NULL.
 */
void *zb_alloc_pages_exact(size_t size, zb_gfp_t gfp)
{
	return zb_alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}
EXPORT_SYMBOL_GPL(zb_alloc_pages_exact);

/**
 * zb_free_pages_exact() - free memory from zb_alloc_pages_exact()
 * @virt: the address, or NULL
 * @size: the size that it was allocated with
 *
 * Another size is refused and reported, and all of the memory stays allocated. One
 * exception can't be detected: an allocation consists of a block for each bit of its
 * number of pages, the largest first, and a smaller size that ends where one of these
 * ends frees only the blocks up to there, e.g. 8 or 12 of 13 pages. The rest stays
 * allocated, as with any smaller size and the kernel's free_pages_exact(), until it is
 * freed on its own.
 *
 * Context: any but NMI.
 */
void zb_free_pages_exact(void *virt, size_t size)
{
	unsigned long pfn;

	if (!virt)
		return;
	pfn = page_to_pfn(virt_to_page(virt));
	trace_mm_page_free(pfn, get_order(size));
	zb_pool_free_exact(&zb_instance->pool, pfn, DIV_ROUND_UP(size, PAGE_SIZE));
	zb_api_wake_waiters();
}
EXPORT_SYMBOL_GPL(zb_free_pages_exact);

/**
 * zb_alloc_page_range() - allocate any number of contiguous pages
 * @nr_pages: number of pages, which may exceed the largest block
 * @align_order: the first frame is a multiple of 2^@align_order
 * @start_pfn: lowest frame that may be used, 0 for no limit
 * @end_pfn: the frame behind the highest one that may be used, ULONG_MAX for no limit
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits; __ZB_GFP_COMP and __ZB_GFP_NOFAIL are ignored
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nodemask: allowed nodes, or NULL for any
 *
 * The pages are in one zone. If no such range is free, and the flags include
 * __ZB_GFP_DIRECT_RECLAIM, the one is made free that costs the least: movable buffers of user
 * space, and blocks of modules for which zb_set_page_movable() was called, are moved out of it,
 * and discardable buffers lose their memory. A failure is not logged.
 *
 * Context: may sleep.
 * Return: the first page, or NULL. Free all pages together by zb_free_page_range().
 */
struct page *zb_alloc_page_range(unsigned long nr_pages, unsigned int align_order,
				 unsigned long start_pfn, unsigned long end_pfn,
				 zb_gfp_t gfp, int nid, const nodemask_t *nodemask)
{
	const struct zb_range range = {
		.nr_pages = nr_pages, .align_order = align_order,
		.first_pfn = start_pfn, .end_pfn = end_pfn,
	};
	struct zb_range_failure failure;
	struct zb_zero_map *map = NULL;
	struct zb_zeroing zeroing;
	unsigned long pfn;

	if (!flags_make_sense(gfp) || !nr_pages || nr_pages > zb_instance->pool.largest->nr_pages)
		return NULL;
	zb_api_might_alloc(gfp);
	if (gfp & __ZB_GFP_ZERO)
		map = zb_zeroing_begin(zb_instance, &zeroing, nr_pages,
				       GFP_NOWAIT | __GFP_NOWARN);
	pfn = zb_idle_alloc_range(zb_instance, gfp & ~__ZB_GFP_ACCOUNT, &range, nid,
				  nodemask ? nodes_addr(*nodemask) : NULL, false, map,
				  &failure);
	if (gfp & __ZB_GFP_ZERO)
		zb_zeroing_end(&zeroing);
	return pfn == ZB_NO_PFN ? NULL : pfn_to_page(pfn);
}
EXPORT_SYMBOL_GPL(zb_alloc_page_range);

/**
 * zb_free_page_range() - free pages from zb_alloc_page_range()
 * @pfn: the first frame
 * @nr_pages: the number of pages that was allocated
 *
 * Another number is refused and reported, and all pages stay allocated, with the exception
 * that zb_free_pages_exact() has.
 *
 * Context: any but NMI.
 */
void zb_free_page_range(unsigned long pfn, unsigned long nr_pages)
{
	trace_mm_page_free(pfn, zb_exact_order(nr_pages));
	zb_pool_free_range(&zb_instance->pool, pfn, nr_pages);
	zb_api_wake_waiters();
}
EXPORT_SYMBOL_GPL(zb_free_page_range);

/**
 * zb_account_page_dirtied() - count a block as dirty
 * @page: first page of the block
 * @order: order of the block
 *
 * Allocations with __ZB_GFP_WRITE avoid nodes with much dirty memory, see the
 * parameter dirty_ratio.
 *
 * Context: any.
 */
void zb_account_page_dirtied(struct page *page, unsigned int order)
{
	zb_instance_account_dirty(zb_instance, page_to_nid(page), BIT(order));
}
EXPORT_SYMBOL_GPL(zb_account_page_dirtied);

/**
 * zb_account_page_cleaned() - undo zb_account_page_dirtied()
 * @page: first page of the block
 * @order: order of the block
 *
 * Context: any.
 */
void zb_account_page_cleaned(struct page *page, unsigned int order)
{
	zb_instance_account_dirty(zb_instance, page_to_nid(page), -(long)BIT(order));
}
EXPORT_SYMBOL_GPL(zb_account_page_cleaned);

/**
 * zb_drain_all_pages() - drain the per-CPU lists of all CPUs
 *
 * The caller waits for a work item, which drains the lists of all CPUs after an
 * expedited RCU grace period without running code on those CPUs. Afterwards, a zone
 * without allocated pages is in its initial state: its HighAtomic pageblocks have been
 * converted back as well. Drains that were requested before the call, such as that of
 * a low zone, have ended when it returns.
 *
 * Context: may sleep.
 */
void zb_drain_all_pages(void)
{
	zb_instance_drain_all(zb_instance);
}
EXPORT_SYMBOL_GPL(zb_drain_all_pages);

/**
 * zb_drain_cpu_pages() - drain the per-CPU lists of one CPU
 * @cpu: any possible CPU
 *
 * Context: may sleep.
 */
void zb_drain_cpu_pages(unsigned int cpu)
{
	zb_instance_drain_cpu(zb_instance, cpu);
}
EXPORT_SYMBOL_GPL(zb_drain_cpu_pages);

/**
 * zb_drain_zone_pages() - drain the per-CPU lists of one zone on all CPUs
 * @page: any page of the zone
 *
 * Context: may sleep.
 */
void zb_drain_zone_pages(struct page *page)
{
	struct zb_zone *zone = zb_pfn_zone(&zb_instance->pool, page_to_pfn(page));

	if (zone)
		zb_instance_drain_zone(zb_instance, zone);
}
EXPORT_SYMBOL_GPL(zb_drain_zone_pages);

/**
 * zb_max_order() - get the largest order that can be allocated
 *
 * Context: any.
 * Return: the order.
 */
unsigned int zb_max_order(void)
{
	return zb_instance->pool.max_order;
}
EXPORT_SYMBOL_GPL(zb_max_order);

/**
 * zb_nr_free_pages() - count the free pages of all nodes
 *
 * Context: any.
 * Return: number of pages; it may be outdated when the function returns.
 */
unsigned long zb_nr_free_pages(void)
{
	return zb_instance_free_pages(zb_instance);
}
EXPORT_SYMBOL_GPL(zb_nr_free_pages);

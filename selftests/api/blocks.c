// SPDX-License-Identifier: GPL-2.0-only
/*
 * All functions that allocate and free, in process context.
 */
#include "zb_api_test.h"

#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define MANY	100

static void alloc_pages_every_order(void)
{
	unsigned long before = zb_nr_free_pages();
	unsigned int order, max = zb_max_order();
	struct page *page;

	ZBT_WANT(max >= 9 && max <= 18);
	for (order = 0; order <= max; order++) {
		/* the largest block may be the whole zone */
		page = zb_alloc_pages(ZBT_ANY | __ZB_GFP_MEMALLOC | ZBT_QUIET,
				      order);
		/* a block can't include both CMA and other pageblocks */
		if (!page && zbt_cma && order > 11)
			break;
		if (!ZBT_WANT(page))
			continue;
		ZBT_WANT(IS_ALIGNED(page_to_pfn(page), BIT(order)));
		ZBT_WANT(zb_nr_free_pages() == before - BIT(order));
		ZBT_WANT(page_ref_count(page) == 1);
		ZBT_WANT(!PageCompound(page));
		zbt_stamp(page, order, order);
		ZBT_WANT(zbt_stamped(page, order, order));
		__zb_free_pages(page, order);
		ZBT_WANT(zb_nr_free_pages() == before);
	}
	ZBT_WANT(!zb_alloc_pages(ZBT_ANY | __ZB_GFP_NOWARN, max + 1));
	ZBT_WANT(!zb_alloc_pages(ZBT_ANY | __ZB_GFP_NOWARN, 63));
	ZBT_WANT(!zb_alloc_pages(ZBT_ANY | __ZB_GFP_NOWARN, UINT_MAX));
}

/* Many pages held at the same time do not overlap. */
static void alloc_page_many(void)
{
	struct page *page[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		page[i] = zb_alloc_page(ZB_GFP_KERNEL);
		if (ZBT_WANT(page[i]))
			zbt_stamp(page[i], 0, i);
	}
	for (i = 0; i < MANY; i++) {
		if (!page[i])
			continue;
		ZBT_WANT(zbt_stamped(page[i], 0, i));
		__zb_free_page(page[i]);
	}
}

static void near_node(void)
{
	struct page *page, *near;
	int nid;

	page = zb_alloc_pages_node(NUMA_NO_NODE, ZB_GFP_KERNEL, 2);
	if (!ZBT_WANT(page))
		return;
	for_each_online_node(nid) {
		near = zb_alloc_pages_node(nid, ZB_GFP_KERNEL, 2);
		if (!ZBT_WANT(near))
			continue;
		/* a request for a node with a region is served by that node */
		if (nid == page_to_nid(page))
			ZBT_WANT(page_to_nid(near) == nid);
		__zb_free_pages(near, 2);
	}
	near = zb_alloc_pages_node(page_to_nid(page),
				   ZB_GFP_KERNEL | __ZB_GFP_THISNODE, 2);
	if (ZBT_WANT(near)) {
		ZBT_WANT(page_to_nid(near) == page_to_nid(page));
		__zb_free_pages(near, 2);
	}
	__zb_free_pages(page, 2);
}

static void within_nodemask(void)
{
	struct page *page = zb_alloc_pages_nodemask(ZB_GFP_KERNEL, 1,
						    NUMA_NO_NODE, NULL);
	nodemask_t mask = NODE_MASK_NONE;
	struct page *other;

	if (!ZBT_WANT(page))
		return;
	other = zb_alloc_pages_nodemask(ZB_GFP_KERNEL | ZBT_QUIET, 1,
					NUMA_NO_NODE, &mask);
	ZBT_WANT(!other);
	node_set(MAX_NUMNODES - 1, mask);
	other = zb_alloc_pages_nodemask(ZB_GFP_KERNEL | ZBT_QUIET, 1,
					NUMA_NO_NODE, &mask);
	ZBT_WANT(MAX_NUMNODES == 1 || !other);
	if (MAX_NUMNODES == 1 && other)
		__zb_free_pages(other, 1);
	node_set(page_to_nid(page), mask);
	other = zb_alloc_pages_nodemask(ZB_GFP_KERNEL, 1, NUMA_NO_NODE, &mask);
	if (ZBT_WANT(other)) {
		ZBT_WANT(page_to_nid(other) == page_to_nid(page));
		__zb_free_pages(other, 1);
	}
	__zb_free_pages(page, 1);
}

static void by_address(void)
{
	unsigned int order;
	unsigned long addr;

	for (order = 0; order <= 9; order++) {
		addr = zb_get_free_pages(ZB_GFP_KERNEL, order);
		if (!ZBT_WANT(addr))
			continue;
		ZBT_WANT(IS_ALIGNED(addr, PAGE_SIZE << order));
		ZBT_WANT(virt_addr_valid((void *)addr));
		memset((void *)addr, 0x5a, PAGE_SIZE << order);
		zb_free_pages(addr, order);
	}
	addr = zb_get_free_pages(ZB_GFP_HIGHUSER_MOVABLE, 1);
	ZBT_WANT(addr && virt_addr_valid((void *)addr));
	zb_free_pages(addr, 1);
	zb_free_pages(0, 3);
	zb_free_page(0);
}

static void one_by_address(void)
{
	unsigned long addr = zb_get_free_page(ZB_GFP_KERNEL);

	if (!ZBT_WANT(addr))
		return;
	zbt_stamp(virt_to_page((void *)addr), 0, 3);
	ZBT_WANT(zbt_stamped(virt_to_page((void *)addr), 0, 3));
	zb_free_page(addr);
}

static void zeroed(void)
{
	unsigned long addr;
	struct page *page;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		addr = zb_get_zeroed_page(ZB_GFP_KERNEL);
		if (!ZBT_WANT(addr))
			return;
		ZBT_WANT(!memchr_inv((void *)addr, 0, PAGE_SIZE));
		memset((void *)addr, 0xff, PAGE_SIZE);
		zb_free_page(addr);
		page = zb_alloc_pages(ZB_GFP_KERNEL | __ZB_GFP_ZERO, 5);
		if (!ZBT_WANT(page))
			return;
		ZBT_WANT(!memchr_inv(page_address(page), 0, PAGE_SIZE << 5));
		memset(page_address(page), 0xff, PAGE_SIZE << 5);
		__zb_free_pages(page, 5);
	}
}

/* Requests for zone DMA are served from it, or fail if there is no such zone. */
static void dma_pages(void)
{
	unsigned long addr = zb_get_dma_pages(ZB_GFP_KERNEL | ZBT_QUIET, 2);
	struct page *page;

	if (!addr) {
		zbt_skip("no zone DMA");
		return;
	}
	page = zb_alloc_pages(ZB_GFP_KERNEL, 2);
	if (ZBT_WANT(page)) {
		ZBT_WANT(page_to_pfn(page) >
			 page_to_pfn(virt_to_page((void *)addr)));
		__zb_free_pages(page, 2);
	}
	zb_free_pages(addr, 2);
}

static void exact_size(size_t size)
{
	unsigned long pages = DIV_ROUND_UP(size, PAGE_SIZE);
	unsigned long before = zb_nr_free_pages();
	void *p = zb_alloc_pages_exact(size, ZB_GFP_KERNEL);

	if (!ZBT_WANT(p))
		return;
	ZBT_WANT(zb_nr_free_pages() == before - pages);
	ZBT_WANT(IS_ALIGNED((unsigned long)p, PAGE_SIZE << get_order(size)));
	memset(p, 0x3c, pages * PAGE_SIZE);
	zb_free_pages_exact(p, size);
	ZBT_WANT(zb_nr_free_pages() == before);
}

static void exact(void)
{
	static const unsigned int pages[] = {
		1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 100, 511, 512, 513, 1000,
	};
	size_t most = PAGE_SIZE << zb_max_order();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		exact_size(pages[i] * PAGE_SIZE);
		exact_size(pages[i] * PAGE_SIZE - 1);
		exact_size(pages[i] * PAGE_SIZE + 1);
	}
	exact_size(1);
	ZBT_WANT(!zb_alloc_pages_exact(0, ZB_GFP_KERNEL));
	ZBT_WANT(!zb_alloc_pages_exact(most + 1, ZB_GFP_KERNEL | ZBT_QUIET));
	ZBT_WANT(!zb_alloc_pages_exact(SIZE_MAX, ZB_GFP_KERNEL | ZBT_QUIET));
	zb_free_pages_exact(NULL, 12345);
}

/* COMP and HIGHMEM are ignored: the tail must be split off, and an address is needed. */
static void exact_flags(void)
{
	unsigned long before = zb_nr_free_pages();
	void *p = zb_alloc_pages_exact(5 * PAGE_SIZE,
				       ZB_GFP_HIGHUSER | __ZB_GFP_COMP);
	struct page *page;

	if (!ZBT_WANT(p))
		return;
	page = virt_to_page(p);
	ZBT_WANT(virt_addr_valid(p));
	ZBT_WANT(zb_nr_free_pages() == before - 5);
	ZBT_WANT(zb_compound_order(page) == 2);
	ZBT_WANT(zb_split_page(page, 2) == 0);
	ZBT_WANT(zb_compound_order(page) == 0);
	for (page += 4; page >= virt_to_page(p); page--)
		__zb_free_page(page);
	ZBT_WANT(zb_nr_free_pages() == before);
}

static void exact_nid(void)
{
	void *p = zb_alloc_pages_exact(5 * PAGE_SIZE, ZB_GFP_KERNEL);
	void *q;
	int nid;

	if (!ZBT_WANT(p))
		return;
	nid = page_to_nid(virt_to_page(p));
	q = zb_alloc_pages_exact_nid(nid, 3 * PAGE_SIZE,
				     ZB_GFP_KERNEL | __ZB_GFP_THISNODE);
	if (ZBT_WANT(q)) {
		ZBT_WANT(page_to_nid(virt_to_page(q)) == nid);
		zb_free_pages_exact(q, 3 * PAGE_SIZE);
	}
	zb_free_pages_exact(p, 5 * PAGE_SIZE);
}

static void bulk_array(void)
{
	struct page *page[MANY] = { NULL }, *mine;
	unsigned long before = zb_nr_free_pages();
	unsigned int i;

	page[7] = zb_alloc_page(ZB_GFP_KERNEL);
	mine = page[7];
	ZBT_WANT(mine);
	ZBT_WANT(zb_alloc_pages_bulk_array(ZB_GFP_KERNEL, MANY, page) == MANY);
	ZBT_WANT(page[7] == mine);
	ZBT_WANT(zb_nr_free_pages() == before - MANY);
	for (i = 0; i < MANY; i++)
		if (ZBT_WANT(page[i]))
			zbt_stamp(page[i], 0, i);
	for (i = 0; i < MANY; i++)
		ZBT_WANT(page[i] && zbt_stamped(page[i], 0, i));
	ZBT_WANT(zb_alloc_pages_bulk_array(ZB_GFP_KERNEL, MANY, page) == MANY);
	ZBT_WANT(zb_nr_free_pages() == before - MANY);
	__zb_free_page(page[3]);
	page[3] = NULL;
	zb_free_pages_bulk_array(MANY, page);
	for (i = 0; i < MANY; i++)
		ZBT_WANT(!page[i]);
	ZBT_WANT(zb_nr_free_pages() == before);
	ZBT_WANT(zb_alloc_pages_bulk_array(ZB_GFP_KERNEL, 0, page) == 0);
	zb_free_pages_bulk_array(MANY, page);
}

/* A request for more pages than are free fills the beginning of the array. */
static void bulk_array_to_the_end(void)
{
	unsigned long nr, want = zb_nr_free_pages() + 1;
	struct page **page = vzalloc(want * sizeof(*page));

	if (!ZBT_WANT(page))
		return;
	nr = zb_alloc_pages_bulk_array(ZBT_ANY | ZBT_QUIET, want, page);
	ZBT_WANT(nr < want && nr > want / 4);
	ZBT_WANT(!page[nr] && page[nr - 1]);
	zb_free_pages_bulk_array(want, page);
	vfree(page);
}

static void bulk_array_node(void)
{
	struct page *page[MANY] = { NULL };
	struct page *one = zb_alloc_page(ZB_GFP_KERNEL);
	unsigned int i;
	int nid;

	if (!ZBT_WANT(one))
		return;
	nid = page_to_nid(one);
	ZBT_WANT(zb_alloc_pages_bulk_array_node(ZB_GFP_KERNEL, nid, MANY,
						page) == MANY);
	for (i = 0; i < MANY; i++)
		ZBT_WANT(page[i] && page_to_nid(page[i]) == nid);
	zb_free_pages_bulk_array(MANY, page);
	__zb_free_page(one);
}

static void bulk_list(void)
{
	unsigned long nr = 0, before = zb_nr_free_pages();
	struct page *page;
	LIST_HEAD(list);

	ZBT_WANT(zb_alloc_pages_bulk_list(ZB_GFP_KERNEL, MANY, &list) == MANY);
	ZBT_WANT(zb_alloc_pages_bulk_list_node(ZB_GFP_KERNEL, NUMA_NO_NODE, 1,
					       &list) == 1);
	list_for_each_entry(page, &list, lru)
		zbt_stamp(page, 0, ++nr);
	ZBT_WANT(nr == MANY + 1);
	nr = 0;
	list_for_each_entry(page, &list, lru)
		ZBT_WANT(zbt_stamped(page, 0, ++nr));
	ZBT_WANT(zb_nr_free_pages() == before - nr);
	zb_free_pages_bulk_list(&list);
	ZBT_WANT(list_empty(&list));
	ZBT_WANT(zb_nr_free_pages() == before);
	zb_free_pages_bulk_list(&list);
	nr = zb_alloc_pages_bulk_list(ZBT_ANY | ZBT_QUIET, before + 1, &list);
	ZBT_WANT(nr <= before && nr > before / 4);
	zb_free_pages_bulk_list(&list);
	ZBT_WANT(list_empty(&list));
}

static void compound(void)
{
	static const unsigned int orders[] = { 0, 1, 3, 6, 9, 10 };
	struct page *page, *plain;
	unsigned int i, order;
	unsigned long k;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		order = min(orders[i], zb_max_order());
		page = zb_alloc_compound(ZBT_ANY, order);
		plain = zb_alloc_pages(ZBT_ANY, order);
		if (!ZBT_WANT(page) || !ZBT_WANT(plain))
			return;
		for (k = 0; k < BIT(order); k++) {
			ZBT_WANT(zb_compound_head(page + k) == page);
			ZBT_WANT(zb_compound_order(page + k) == order);
			ZBT_WANT(zb_compound_head(plain + k) == plain);
		}
		/* compound blocks are tracked by zbuddy, not by struct page */
		ZBT_WANT(!PageCompound(page));
		/* a single page is never a compound block */
		if (order)
			zbt_count_bad(ZBT_COMPOUND);
		ZBT_WANT(zb_split_page(page, order) == (order ? -EINVAL : 0));
		ZBT_WANT(zb_compound_order(page) == order);
		__zb_free_pages(page, order);
		__zb_free_pages(plain, order);
	}
	page = zb_alloc_pages(ZB_GFP_TRANSHUGE | __ZB_GFP_RECLAIM, 9);
	if (ZBT_WANT(page)) {
		ZBT_WANT(zb_compound_head(page + 511) == page);
		__zb_free_pages(page, 9);
		/* the page is free now */
		ZBT_WANT(!zb_compound_head(page));
		ZBT_WANT(zb_compound_order(page) == 0);
	}
}

static void split_page_order(unsigned int order)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, order);
	unsigned long i, free;

	if (!ZBT_WANT(page))
		return;
	zbt_stamp(page, order, order);
	ZBT_WANT(zb_split_page(page, order) == 0);
	ZBT_WANT(zbt_stamped(page, order, order));
	free = zb_nr_free_pages();
	for (i = 0; i < BIT(order); i++) {
		ZBT_WANT(zb_compound_head(page + i) == page + i);
		ZBT_WANT(zb_compound_order(page + i) == 0);
	}
	/* free the odd pages first, in descending order */
	for (i = BIT(order); i-- > 0;)
		if (i % 2)
			__zb_free_page(page + i);
	ZBT_WANT(zb_nr_free_pages() == free + BIT(order) / 2);
	for (i = 0; i < BIT(order); i += 2)
		__zb_free_page(page + i);
	ZBT_WANT(zb_nr_free_pages() == free + BIT(order));
}

static void split_page_orders(void)
{
	split_page_order(0);
	split_page_order(1);
	split_page_order(4);
	split_page_order(9);
	split_page_order(10);
}

/* Bound to one CPU, so that the order of its lists is known. */
static int hot_cold_on_cpu(void *unused)
{
	zb_gfp_t gfp = ZB_GFP_NOWAIT;
	struct page *page[8], *next;
	unsigned int i;

	zb_drain_all_pages();
	for (i = 0; i < ARRAY_SIZE(page); i++) {
		page[i] = zb_alloc_page(gfp);
		if (!ZBT_WANT(page[i]))
			return 0;
	}
	/* the page that was freed last as hot is allocated first */
	zb_free_hot_cold_page(page[0], false);
	ZBT_WANT(zb_alloc_page(gfp) == page[0]);
	zb_free_hot_cold_page(page[0], false);
	zb_free_hot_cold_page(page[1], false);
	zb_free_hot_cold_page(page[2], true);
	ZBT_WANT(zb_alloc_page(gfp) == page[1]);
	ZBT_WANT(zb_alloc_page(gfp) == page[0]);
	/* a COLD request gets the cold page */
	__zb_free_page(page[0]);
	ZBT_WANT(zb_alloc_page(gfp | __ZB_GFP_COLD) == page[2]);
	ZBT_WANT(zb_alloc_page(gfp) == page[0]);
	/* the page that was freed last as cold is the coldest */
	zb_free_hot_cold_page(page[2], true);
	zb_free_hot_cold_page(page[3], true);
	next = zb_alloc_page(gfp | __ZB_GFP_COLD);
	ZBT_WANT(next == page[3]);
	next = zb_alloc_page(gfp | __ZB_GFP_COLD);
	ZBT_WANT(next == page[2]);
	for (i = 0; i < ARRAY_SIZE(page); i++)
		__zb_free_page(page[i]);
	return 0;
}

static void hot_cold(void)
{
	zbt_run_on(cpumask_first(cpu_online_mask), hot_cold_on_cpu, NULL);
}

static void poison_order(unsigned int order)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, order);

	if (!ZBT_WANT(page))
		return;
	memset(page_address(page), 0x11, PAGE_SIZE << order);
	__zb_free_pages(page, order);
	ZBT_WANT(!memchr_inv(page_address(page), 0xaa, PAGE_SIZE << order));
}

/* Free memory is filled with a pattern, so that writes to it can be detected. */
static void poison_orders(void)
{
	void *p;

	if (!zbt_poison) {
		zbt_skip("zbuddy was loaded without poison=1");
		return;
	}
	poison_order(0);
	poison_order(3);
	poison_order(5);
	poison_order(9);
	p = zb_alloc_pages_exact(5 * PAGE_SIZE, ZB_GFP_KERNEL | __ZB_GFP_ZERO);
	if (!ZBT_WANT(p))
		return;
	/* the tail was freed and is poisoned */
	ZBT_WANT(!memchr_inv(p, 0, 5 * PAGE_SIZE));
	ZBT_WANT(!memchr_inv(p + 5 * PAGE_SIZE, 0xaa, 3 * PAGE_SIZE));
	zb_free_pages_exact(p, 5 * PAGE_SIZE);
	ZBT_WANT(!memchr_inv(p, 0xaa, 8 * PAGE_SIZE));
}

static int spoil_on_cpu(void *unused)
{
	struct page *page = zb_alloc_page(ZB_GFP_KERNEL);
	struct page *next;

	if (!ZBT_WANT(page))
		return 0;
	__zb_free_page(page);
	*(char *)page_address(page) = 1;
	/* without the damage, this would be the same page */
	next = zb_alloc_page(ZB_GFP_KERNEL);
	if (!ZBT_WANT(next))
		return 0;
	ZBT_WANT(next != page);
	__zb_free_page(next);
	zbt_lost = 1;
	return 0;
}

/* A page that was written to after it was freed is not allocated again. */
static void written_while_free(void)
{
	if (zbt_spoil && zbt_poison)
		zbt_run_on(cpumask_first(cpu_online_mask), spoil_on_cpu, NULL);
	else
		zbt_skip("needs poison=1 for zbuddy and spoil=1 for this module");
}

const struct zbt_test zbt_block_tests[] = {
	{ "alloc_pages", alloc_pages_every_order },
	{ "alloc_page", alloc_page_many },
	{ "alloc_pages_node", near_node },
	{ "alloc_pages_nodemask", within_nodemask },
	{ "get_free_pages", by_address },
	{ "get_free_page", one_by_address },
	{ "get_zeroed_page", zeroed },
	{ "get_dma_pages", dma_pages },
	{ "alloc_pages_exact", exact },
	{ "alloc_pages_exact_flags", exact_flags },
	{ "alloc_pages_exact_nid", exact_nid },
	{ "bulk_array", bulk_array },
	{ "bulk_array_to_the_end", bulk_array_to_the_end },
	{ "bulk_array_node", bulk_array_node },
	{ "bulk_list", bulk_list },
	{ "compound", compound },
	{ "split_page", split_page_orders },
	{ "hot_cold", hot_cold },
	{ "poison", poison_orders },
	{ "written_while_free", written_while_free },
	{ }
};

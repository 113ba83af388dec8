// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pageblocks: migrate types, isolation, and drains of per-CPU lists, whose effect is
 * visible in the number of free frames of a pageblock.
 */
#include "zb_api_test.h"

#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/string.h>

#define BLOCK		9
#define BLOCK_PAGES	BIT(BLOCK)

/* Allocate a whole pageblock and split it into single pages. */
static struct page *take_split_block(void)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, BLOCK);

	if (ZBT_WANT(page))
		ZBT_WANT(zb_split_page(page, BLOCK) == 0);
	return page;
}

static void give_split_block(struct page *page)
{
	unsigned long i;

	for (i = 0; i < BLOCK_PAGES; i++)
		__zb_free_page(page + i);
}

static unsigned long nr_free_in(struct page *page)
{
	return zb_nr_free_in_range(page_to_pfn(page), BLOCK_PAGES);
}

static void migratetype_by_flags(void)
{
	static const struct { zb_gfp_t gfp; int mt; } table[] = {
		{ ZB_GFP_KERNEL, ZB_MIGRATE_UNMOVABLE },
		{ ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, ZB_MIGRATE_MOVABLE },
		{ ZB_GFP_TEMPORARY, ZB_MIGRATE_RECLAIMABLE },
	};
	struct page *page;
	unsigned int i;
	int mt;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		page = zb_alloc_pages(table[i].gfp, BLOCK);
		if (!ZBT_WANT(page))
			return;
		mt = zb_get_pageblock_migratetype(page);
		ZBT_WANT(zb_get_pageblock_migratetype(page + 511) == mt);
		if (mt == ZB_MIGRATE_CMA && zbt_cma)
			mt = ZB_MIGRATE_MOVABLE;
		ZBT_WANT(mt == table[i].mt);
		__zb_free_pages(page, BLOCK);
	}
}

static void set_migratetype(void)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, BLOCK);
	int mt;

	if (!ZBT_WANT(page))
		return;
	for (mt = 0; mt < ZB_MIGRATE_ISOLATE; mt++) {
		ZBT_WANT(zb_set_pageblock_migratetype(page + 5, mt) == 0);
		ZBT_WANT(zb_get_pageblock_migratetype(page) == mt);
	}
	ZBT_WANT(zb_set_pageblock_migratetype(page, ZB_MIGRATE_ISOLATE) == -EINVAL);
	ZBT_WANT(zb_set_pageblock_migratetype(page, ZB_MIGRATE_TYPES) == -EINVAL);
	ZBT_WANT(zb_set_pageblock_migratetype(page, -1) == -EINVAL);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_CMA);
	/* the type of a free pageblock can be set as well */
	__zb_free_pages(page, BLOCK);
	zb_drain_all_pages();
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_CMA);
	ZBT_WANT(zb_set_pageblock_migratetype(page, ZB_MIGRATE_MOVABLE) == 0);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_MOVABLE);
}

/* Also what is below the watermarks. */
#define USE_ALL	(ZBT_ANY | ZBT_QUIET | __ZB_GFP_MEMALLOC)

/* Allocate all memory that is left page by page; *@nr_inside of them are in pageblock @block. */
static unsigned long take_all(struct list_head *list, struct page *block,
			      unsigned long *nr_inside)
{
	unsigned long pfn, nr;
	struct page *page;

	nr = zb_alloc_pages_bulk_list(USE_ALL, zb_nr_free_pages(), list);
	*nr_inside = 0;
	list_for_each_entry(page, list, lru) {
		pfn = page_to_pfn(page);
		*nr_inside += pfn - page_to_pfn(block) < BLOCK_PAGES;
	}
	return nr;
}

static void isolate_free_block(void)
{
	struct page *page = zb_alloc_pages(ZBT_ANY, BLOCK);
	unsigned long nr, inside, pfn, free;
	LIST_HEAD(ballast);
	LIST_HEAD(list);
	int mt;

	if (!ZBT_WANT(page))
		return;
	zbt_use_all(&ballast, USE_ALL, 4);
	pfn = page_to_pfn(page);
	__zb_free_pages(page, BLOCK);
	zb_drain_all_pages();
	free = zb_nr_free_pages();
	mt = zb_get_pageblock_migratetype(page);
	if (!ZBT_WANT(zb_isolate_page_range(pfn, BLOCK_PAGES) == 0))
		return;
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_ISOLATE);
	ZBT_WANT(zb_nr_free_in_range(pfn, BLOCK_PAGES) == BLOCK_PAGES);
	ZBT_WANT(zb_set_pageblock_migratetype(page, mt) == -EINVAL);
	nr = take_all(&list, page, &inside);
	ZBT_WANT(inside == 0);
	ZBT_WANT(nr == free - BLOCK_PAGES);
	zb_free_pages_bulk_list(&list);
	ZBT_WANT(zb_nr_free_in_range(pfn, BLOCK_PAGES) == BLOCK_PAGES);
	zb_undo_isolate_page_range(pfn, BLOCK_PAGES);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == mt);
	nr = take_all(&list, page, &inside);
	ZBT_WANT(inside == BLOCK_PAGES);
	ZBT_WANT(nr == free);
	zb_free_pages_bulk_list(&list);
	zbt_free_all(&ballast);
	zb_drain_all_pages();
}

/* Pages freed in an isolated pageblock bypass the per-CPU lists and are not reused. */
static void free_into_isolated(void)
{
	struct page *page = take_split_block();
	unsigned long i, inside;
	LIST_HEAD(ballast);
	LIST_HEAD(list);

	if (!page)
		return;
	zbt_use_all(&ballast, USE_ALL, 4);
	/* these pages are on a per-CPU list when the isolation begins */
	for (i = 0; i < 8; i++)
		__zb_free_page(page + i * 2);
	ZBT_WANT(zb_isolate_page_range(page_to_pfn(page), BLOCK_PAGES) == 0);
	ZBT_WANT(nr_free_in(page) == 8);
	for (i = 16; i < 116; i++) {
		__zb_free_page(page + i);
		ZBT_WANT(nr_free_in(page) == i - 7);
	}
	take_all(&list, page, &inside);
	ZBT_WANT(inside == 0);
	zb_free_pages_bulk_list(&list);
	for (i = 0; i < 8; i++)
		__zb_free_page(page + i * 2 + 1);
	for (i = 116; i < BLOCK_PAGES; i++)
		__zb_free_page(page + i);
	ZBT_WANT(nr_free_in(page) == BLOCK_PAGES);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_ISOLATE);
	zb_undo_isolate_page_range(page_to_pfn(page), BLOCK_PAGES);
	ZBT_WANT(zb_get_pageblock_migratetype(page) != ZB_MIGRATE_ISOLATE);
	zbt_free_all(&ballast);
}

/* Undoing the isolation of an allocated pageblock restores its type. */
static void undo_in_use(void)
{
	struct page *page = zb_alloc_pages(ZB_GFP_TEMPORARY, BLOCK);
	unsigned long pfn;

	if (!ZBT_WANT(page))
		return;
	pfn = page_to_pfn(page);
	ZBT_WANT(zb_isolate_page_range(pfn, BLOCK_PAGES) == 0);
	ZBT_WANT(nr_free_in(page) == 0);
	zb_undo_isolate_page_range(pfn, BLOCK_PAGES);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_RECLAIMABLE);
	/* undoing it again has no effect */
	zb_undo_isolate_page_range(pfn, BLOCK_PAGES);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_RECLAIMABLE);
	__zb_free_pages(page, BLOCK);
}

static void isolate_refused(void)
{
	struct page *page = zb_alloc_pages(ZBT_ANY, 10);
	unsigned long pfn, nr = BLOCK_PAGES;
	int mt;

	if (!ZBT_WANT(page))
		return;
	pfn = page_to_pfn(page);
	mt = zb_get_pageblock_migratetype(page);
	ZBT_WANT(zb_isolate_page_range(pfn + 1, nr) == -EBUSY);
	ZBT_WANT(zb_isolate_page_range(pfn, nr - 1) == -EBUSY);
	ZBT_WANT(zb_isolate_page_range(pfn, 1) == -EBUSY);
	ZBT_WANT(zb_isolate_page_range(0, nr) == -EBUSY);
	/* the second half is isolated already, so the whole range is refused */
	ZBT_WANT(zb_isolate_page_range(pfn + nr, nr) == 0);
	ZBT_WANT(zb_isolate_page_range(pfn + nr, nr) == -EBUSY);
	ZBT_WANT(zb_isolate_page_range(pfn, 2 * nr) == -EBUSY);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == mt);
	ZBT_WANT(zb_get_pageblock_migratetype(page + nr) == ZB_MIGRATE_ISOLATE);
	zb_undo_isolate_page_range(pfn, 2 * nr);
	ZBT_WANT(zb_get_pageblock_migratetype(page + nr) == mt);
	__zb_free_pages(page, 10);
}

/* No page of an isolated pageblock is allocated. */
static int hammer(void *arg)
{
	struct page *block = arg, *page;
	unsigned int i, inside = 0;

	for (i = 0; i < 3000; i++) {
		page = zb_alloc_pages(ZBT_ANY, i % 4);
		if (!page)
			continue;
		inside += page_to_pfn(page) - page_to_pfn(block) < BLOCK_PAGES;
		__zb_free_pages(page, i % 4);
		if (i % 100 == 0)
			cond_resched();
	}
	ZBT_WANT(inside == 0);
	return 0;
}

static void isolate_under_load(void)
{
	struct page *page = zb_alloc_pages(ZBT_ANY, BLOCK);

	if (!ZBT_WANT(page))
		return;
	ZBT_WANT(zb_isolate_page_range(page_to_pfn(page), BLOCK_PAGES) == 0);
	__zb_free_pages(page, BLOCK);
	zbt_run_on(-1, hammer, page);
	ZBT_WANT(nr_free_in(page) == BLOCK_PAGES);
	zb_undo_isolate_page_range(page_to_pfn(page), BLOCK_PAGES);
}

/* A node over its dirty limit still serves requests if there is no other one. */
static void dirty(void)
{
	unsigned long i, nr = zb_nr_free_pages() >> 9;
	struct page *page = zb_alloc_pages(ZBT_ANY | __ZB_GFP_WRITE, BLOCK);
	struct page *more;

	if (!ZBT_WANT(page))
		return;
	for (i = 0; i < nr; i++)
		zb_account_page_dirtied(page, BLOCK);
	more = zb_alloc_pages(ZBT_ANY | __ZB_GFP_WRITE, 0);
	if (ZBT_WANT(more))
		__zb_free_page(more);
	more = zb_alloc_pages(ZB_GFP_ATOMIC | __ZB_GFP_WRITE, 0);
	if (ZBT_WANT(more))
		__zb_free_page(more);
	for (i = 0; i < nr; i++)
		zb_account_page_cleaned(page, BLOCK);
	__zb_free_pages(page, BLOCK);
}

/* Bound to one CPU: freed pages stay on its lists until a drain. */
static int drains_on_cpu(void *arg)
{
	struct page *page = take_split_block();
	unsigned int cpu, me = raw_smp_processor_id();

	if (!page)
		return 0;
	zb_drain_all_pages();
	ZBT_WANT(nr_free_in(page) == 0);
	__zb_free_page(page);
	ZBT_WANT(nr_free_in(page) == 0);
	for_each_possible_cpu(cpu)
		if (cpu != me)
			zb_drain_cpu_pages(cpu);
	ZBT_WANT(nr_free_in(page) == 0);
	zb_drain_cpu_pages(me);
	ZBT_WANT(nr_free_in(page) == 1);
	__zb_free_page(page + 2);
	ZBT_WANT(nr_free_in(page) == 1);
	zb_drain_zone_pages(page);
	ZBT_WANT(nr_free_in(page) == 2);
	__zb_free_page(page + 4);
	ZBT_WANT(nr_free_in(page) == 2);
	zb_drain_all_pages();
	ZBT_WANT(nr_free_in(page) == 3);
	zb_drain_all_pages();
	/* free the rest; all frames of the pageblock are free then */
	__zb_free_page(page + 1);
	__zb_free_page(page + 3);
	for (cpu = 5; cpu < BLOCK_PAGES; cpu++)
		__zb_free_page(page + cpu);
	zb_drain_all_pages();
	ZBT_WANT(nr_free_in(page) == BLOCK_PAGES);
	return 0;
}

static void drains(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		zbt_run_on(cpu, drains_on_cpu, NULL);
}

/*
 * When a zone becomes low again soon after its lists were drained, the next drain waits for some
 * milliseconds. A full drain replaces it: pages that are freed afterwards stay on the lists.
 */
static void drain_replaces_others(void)
{
	LIST_HEAD(ballast);
	struct page *page;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		zbt_use_all(&ballast, USE_ALL, 0);
		zbt_free_all(&ballast);
	}
	page = take_split_block();
	if (!page)
		return;
	zb_drain_all_pages();
	__zb_free_page(page);
	ZBT_WANT(nr_free_in(page) == 0);
	msleep(60);
	ZBT_WANT(nr_free_in(page) == 0);
	for (i = 1; i < BLOCK_PAGES; i++)
		__zb_free_page(page + i);
	zb_drain_all_pages();
}

struct reader {
	bool started, stop, gave_up;
};

static int read_for_long(void *arg)
{
	struct reader *reader = arg;
	unsigned long end = jiffies + 5 * HZ;

	rcu_read_lock();
	WRITE_ONCE(reader->started, true);
	while (!READ_ONCE(reader->stop) && time_before(jiffies, end))
		cpu_relax();
	reader->gave_up = !READ_ONCE(reader->stop);
	rcu_read_unlock();
	return 0;
}

static int drain_all(void *unused)
{
	zb_drain_all_pages();
	return 0;
}

/*
 * A drain waits for an RCU read-side critical section. Requests for which a drain would be of no
 * use, because nothing is on any list, do not wait for it.
 */
static void fails_beside_waiting_drain(void)
{
	struct reader reader = {};
	struct zbt_team team = {};
	LIST_HEAD(ballast);

	if (num_online_cpus() < 2) {
		zbt_skip("needs a second CPU");
		return;
	}
	zb_drain_all_pages();
	if (!zbt_team_add(&team, -1, read_for_long, &reader))
		return;
	while (!READ_ONCE(reader.started))
		msleep(20);
	if (zbt_team_add(&team, -1, drain_all, NULL)) {
		msleep(100);
		zbt_use_all(&ballast, ZBT_ANY | ZBT_QUIET, min(zb_max_order(), 10u));
	}
	WRITE_ONCE(reader.stop, true);
	zbt_team_wait(&team);
	ZBT_WANT(!reader.gave_up);
	zbt_free_all(&ballast);
	zb_drain_all_pages();
}

static void free_in_range(void)
{
	struct page *page = take_split_block();
	unsigned long pfn;

	if (!page)
		return;
	pfn = page_to_pfn(page);
	ZBT_WANT(zb_nr_free_in_range(pfn, 0) == 0);
	ZBT_WANT(zb_nr_free_in_range(0, BLOCK_PAGES) == 0);
	give_split_block(page);
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_in_range(pfn, BLOCK_PAGES) == BLOCK_PAGES);
}

/* Any number of pages, from a given frame on; the state is restored when they are freed. */
static void page_range(void)
{
	struct page *block = zb_alloc_pages(ZB_GFP_KERNEL, BLOCK), *page;
	unsigned long pfn, free;
	int mt;

	if (!ZBT_WANT(block))
		return;
	pfn = page_to_pfn(block);
	/* none of these pages is free, and pages of modules do not move */
	ZBT_WANT(!zb_alloc_page_range(1, 0, pfn, pfn + 1, ZB_GFP_KERNEL, NUMA_NO_NODE, NULL));
	__zb_free_pages(block, BLOCK);
	zb_drain_all_pages();
	free = zb_nr_free_pages();
	mt = zb_get_pageblock_migratetype(block);
	page = zb_alloc_page_range(100, 0, pfn + 33, pfn + 133, ZB_GFP_KERNEL | __ZB_GFP_ZERO,
				   NUMA_NO_NODE, NULL);
	if (!ZBT_WANT(page == block + 33))
		return;
	ZBT_WANT(zb_nr_free_pages() == free - 100);
	ZBT_WANT(!memchr_inv(page_address(page), 0, 100 * PAGE_SIZE));
	ZBT_WANT(zb_get_pageblock_migratetype(page) == ZB_MIGRATE_UNMOVABLE);
	zb_free_page_range(pfn + 33, 100);
	zb_drain_all_pages();
	ZBT_WANT(zb_nr_free_pages() == free);
	ZBT_WANT(zb_get_pageblock_migratetype(page) == mt);
	page = zb_alloc_page_range(700, 4, 0, ULONG_MAX, ZB_GFP_NOWAIT, NUMA_NO_NODE, NULL);
	if (!ZBT_WANT(page))
		return;
	ZBT_WANT(page_to_pfn(page) % 16 == 0);
	zb_free_page_range(page_to_pfn(page), 700);
	ZBT_WANT(!zb_alloc_page_range(0, 0, 0, ULONG_MAX, ZB_GFP_KERNEL, NUMA_NO_NODE, NULL));
	ZBT_WANT(!zb_alloc_page_range(ULONG_MAX, 0, 0, ULONG_MAX, ZB_GFP_KERNEL,
				      NUMA_NO_NODE, NULL));
}

const struct zbt_test zbt_pageblock_tests[] = {
	{ "migratetype_by_flags", migratetype_by_flags },
	{ "set_pageblock_migratetype", set_migratetype },
	{ "isolate_free_block", isolate_free_block },
	{ "free_into_isolated", free_into_isolated },
	{ "undo_isolate_in_use", undo_in_use },
	{ "isolate_refused", isolate_refused },
	{ "isolate_under_load", isolate_under_load },
	{ "account_dirty", dirty },
	{ "drains", drains },
	{ "drain_replaces_others", drain_replaces_others },
	{ "fails_beside_waiting_drain", fails_beside_waiting_drain },
	{ "nr_free_in_range", free_in_range },
	{ "page_range", page_range },
	{ }
};

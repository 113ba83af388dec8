// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callbacks of the core for sleeping, clearing and checking memory, and logging.
 * The callbacks for draining the lists of other CPUs are in drain.c, and the report of
 * failed requests is in report.c.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../compat.h"
#include "../core/layout.h"
#include "ops.h"
#include "report.h"

#define POISON		0xaa
#define WAIT_TIME	(HZ / 50 ?: 1)

static bool wait_for_retry(struct zb_pool *pool, bool killable)
{
	if (killable)
		schedule_timeout_killable(WAIT_TIME);
	else
		schedule_timeout_uninterruptible(WAIT_TIME);
	return !killable || !fatal_signal_pending(current);
}

static void clear_frames(struct zb_pool *pool, unsigned long pfn,
			 unsigned long nr_pages)
{
	unsigned int nr;

	for (; nr_pages; nr_pages -= nr, pfn += nr) {
		nr = min_t(unsigned long, nr_pages, ZB_CLEAR_BATCH);
		zb_clear_frames(pfn, nr);
	}
}

/**
 * zb_poison() - fill frames with the poison pattern
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: any.
 */
void zb_poison(unsigned long pfn, unsigned long nr_pages)
{
	void *addr;

	for (; nr_pages; nr_pages--, pfn++) {
		addr = kmap_local_page(pfn_to_page(pfn));
		memset(addr, POISON, PAGE_SIZE);
		kunmap_local(addr);
	}
}

static void poison_block(struct zb_pool *pool, unsigned long pfn,
			 unsigned int order)
{
	zb_poison(pfn, BIT(order));
}

static bool page_untouched(struct page *page)
{
	void *addr = kmap_local_page(page);
	bool ok = !memchr_inv(addr, POISON, PAGE_SIZE);

	kunmap_local(addr);
	return ok;
}

static bool check_poison(struct zb_pool *pool, unsigned long pfn,
			 unsigned int order)
{
	unsigned long i;

	for (i = 0; i < BIT(order); i++)
		if (!page_untouched(pfn_to_page(pfn + i)))
			return false;
	return true;
}

static const char *const bad_names[ZB_NR_BAD] = {
	[ZB_BAD_OUTSIDE] = "free of a frame that does not belong to zbuddy",
	[ZB_BAD_NOT_ALLOCATED] = "free of a frame that is free or inside a block",
	[ZB_BAD_WRONG_ORDER] = "free with a different order than the allocation",
	[ZB_BAD_COMPOUND] = "split of a compound block",
	[ZB_BAD_STATE] = "a free block is not marked as free",
	[ZB_BAD_CONTENT] = "a free block was written to",
};

/* Refused frees change nothing, but a block that is found damaged is not used again. */
static const char *bad_effect(enum zb_bad bad)
{
	return bad == ZB_BAD_STATE || bad == ZB_BAD_CONTENT ?
	       "the block is taken out of use" : "it is left unchanged";
}

/* Only the first error of each kind is logged; vmstat counts all of them. */
static void report_bad(struct zb_pool *pool, unsigned long pfn,
		       unsigned int order, enum zb_bad bad)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	static unsigned long reported;

	if (test_and_set_bit(bad, &reported))
		return;
	/* Do not log the physical address, which requires CAP_SYS_RAWIO. */
	if (zone)
		pr_err("%s: frame %lu of zone %s on node %d, order %u: %s\n",
		       bad_names[bad], pfn - zone->start_pfn,
		       zb_zone_names[zone->type], zone->nid, order, bad_effect(bad));
	else
		pr_err("%s: order %u: %s\n", bad_names[bad], order, bad_effect(bad));
	dump_stack();
}

/**
 * zb_ops_init() - fill in the callbacks of this file
 * @ops: callbacks of the allocator
 * @poison: fill free memory with a pattern and verify it at allocation
 */
void zb_ops_init(struct zb_ops *ops, bool poison)
{
	ops->wait = wait_for_retry;
	ops->clear = clear_frames;
	ops->report_bad = report_bad;
	ops->report_failure = zb_report_failure;
	if (poison) {
		ops->check_poison = check_poison;
		ops->poison = poison_block;
	}
}

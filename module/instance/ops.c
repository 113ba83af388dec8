// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core asks of its surroundings: time, the memory itself, and a log.
 * Draining the lists of other CPUs is in drain.c, the report of failed requests
 * in report.c.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "ops.h"
#include "report.h"

#define POISON		0xaa
#define WAIT_TIME	(HZ / 50 ?: 1)

static bool wait(struct zb_pool *pool, bool killable)
{
	if (killable)
		schedule_timeout_killable(WAIT_TIME);
	else
		schedule_timeout_uninterruptible(WAIT_TIME);
	return !killable || !fatal_signal_pending(current);
}

static void clear(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < BIT(order); i++)
		clear_highpage(pfn_to_page(pfn + i));
}

/**
 * zb_poison() - fill frames with something that nobody would write
 * @pfn: the first
 * @nr_pages: how many
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
	[ZB_BAD_OUTSIDE] = "free of a frame that is not ours",
	[ZB_BAD_NOT_ALLOCATED] = "free of a frame that is free, or inside of a block",
	[ZB_BAD_WRONG_ORDER] = "free with another order than it was allocated with",
	[ZB_BAD_COMPOUND] = "split of a compound block",
	[ZB_BAD_STATE] = "a free block is marked as something else",
	[ZB_BAD_CONTENT] = "a free block was written to",
};

/* Each kind once, with the stack of the culprit; all of them are counted. */
static void bad(struct zb_pool *pool, unsigned long pfn, unsigned int order,
		enum zb_bad bad)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	static unsigned long reported;

	if (test_and_set_bit(bad, &reported))
		return;
	/* No physical address: the log has more readers than CAP_SYS_RAWIO. */
	pr_err("%s: frame %lu of its zone, order %u; it stays as it is\n",
	       bad_names[bad], zone ? pfn - zone->start_pfn : 0, order);
	dump_stack();
}

/**
 * zb_ops_init() - fill in what this file offers
 * @ops: some of the allocator's ops
 * @poison: fill free memory with a pattern and look at it before it is used
 */
void zb_ops_init(struct zb_ops *ops, bool poison)
{
	ops->wait = wait;
	ops->clear = clear;
	ops->bad = bad;
	ops->failed = zb_report_failure;
	if (poison) {
		ops->check = check_poison;
		ops->freed = poison_block;
	}
}

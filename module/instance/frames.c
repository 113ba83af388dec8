// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks the struct page of free frames on behalf of the core (core/unfit.h).
 *
 * The page of a free frame has one reference, the region's, and no mapping. A frame
 * is unfit for use if
 *
 *  - its memory has an uncorrected error (PageHWPoison). The kernel can mark a page
 *    at any time, even if the frame is free in the pool.
 *  - its page has another reference, a mapping, or a flag of a page in use. This may
 *    be temporary: get_user_pages_fast() in another task can hold a reference for
 *    some microseconds.
 *
 * Unfit frames are therefore checked again, a second later and with each drain of all
 * per-CPU lists.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "../core/layout.h"
#include "../core/unfit.h"
#include "instance.h"

static u64 find_unfit_frames(const struct zb_zone *zone, unsigned long pfn, u64 frames)
{
	struct page *first = pfn_to_page(pfn), *page;
	u64 found = 0;

	for (; frames; frames &= frames - 1) {
		page = first + __ffs64(frames);
		if (likely(!zb_page_marks(page, __PG_HWPOISON) && !page_private(page)))
			continue;
		/* A private value of the previous owner is harmless; hide it from the next one. */
		if (zb_page_marks(page, __PG_HWPOISON))
			found |= frames & -frames;
		else
			set_page_private(page, 0);
	}
	return found;
}

static bool frames_fit(const struct zb_zone *zone, const u32 *frames, unsigned int nr)
{
	unsigned long marks = 0;
	const struct page *page;
	const u32 *end;

	for (end = frames + nr; frames < end; frames++) {
		page = pfn_to_page(zone->start_pfn + *frames);
		marks |= zb_page_marks(page, __PG_HWPOISON) | page_private(page);
	}
	return !marks;
}

enum unfit_reason {
	POISONED,
	MAPPED,
	REFERENCED,
	FLAGGED,
};

static const char *const unfit_reason_text[] = {
	[POISONED] = "has an uncorrected memory error",
	[MAPPED] = "was freed although it is mapped",
	[REFERENCED] = "was freed although its page has another reference",
	[FLAGGED] = "was freed with page flags of a page in use",
};

static enum unfit_reason why_unfit(struct page *page)
{
	if (PageHWPoison(page))
		return POISONED;
	if (zb_page_mapcount(page) || READ_ONCE(page->mapping))
		return MAPPED;
	return page_ref_count(page) != 1 ? REFERENCED : FLAGGED;
}

/* Each reason is logged once; vmstat counts all frames. */
static void report_unfit(const struct zb_zone *zone, unsigned long pfn)
{
	struct zb_instance *inst = container_of(zone->pool, struct zb_instance, pool);
	enum unfit_reason why = why_unfit(pfn_to_page(pfn));
	static unsigned long reported;

	if (why != POISONED)
		queue_delayed_work(ZB_WQ_UNBOUND, &inst->recheck_work, HZ);
	/* Do not log the physical address, which requires CAP_SYS_RAWIO. */
	if (!test_and_set_bit(why, &reported))
		pr_warn("frame %lu of node %d zone %s %s: it is kept out of use %s (see zb_unfit in vmstat)\n",
			pfn - zone->start_pfn, zone->nid,
			zb_zone_names[zone->type], unfit_reason_text[why],
			why == POISONED ? "permanently" : "until this use has ended");
}

const struct zb_frame_ops zb_frame_ops = {
	.unfit = find_unfit_frames,
	.all_fit = frames_fit,
	.kept_out = report_unfit,
};

/**
 * zb_instance_recheck() - return frames to use that have become fit again
 * @inst: the instance
 *
 * Context: any but NMI.
 * Return: number of frames returned to use.
 */
unsigned long zb_instance_recheck(struct zb_instance *inst)
{
	struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &inst->pool)
		nr += zb_zone_recheck(zone, inst->ops.poison);
	if (nr)
		zb_instance_wake_waiters(inst);
	return nr;
}

static void recheck_work(struct work_struct *work)
{
	zb_instance_recheck(container_of(to_delayed_work(work), struct zb_instance,
					 recheck_work));
}

/**
 * zb_frames_init() - prepare for checking unfit frames
 * @inst: the instance
 */
void zb_frames_init(struct zb_instance *inst)
{
	INIT_DELAYED_WORK(&inst->recheck_work, recheck_work);
}

/**
 * zb_frames_exit() - stop checking unfit frames
 * @inst: the instance, from which nothing is allocated or freed any more
 *
 * Context: may sleep.
 */
void zb_frames_exit(struct zb_instance *inst)
{
	cancel_delayed_work_sync(&inst->recheck_work);
}

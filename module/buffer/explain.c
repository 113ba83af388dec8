// SPDX-License-Identifier: GPL-2.0-only
/* Determines and stores the causes of failures for ZB_IOC_EXPLAIN. */
#include <linux/sched.h>
#include <linux/string.h>

#include "../core/failure.h"
#include "../core/stat.h"
#include "buffer.h"

static const u32 failure_causes[ZB_NR_FAILURES] = {
	[ZB_FAILURE_FREED] = ZB_CAUSE_FREED,
	[ZB_FAILURE_WATERMARK] = ZB_CAUSE_WATERMARK,
	[ZB_FAILURE_FRAGMENTED] = ZB_CAUSE_FRAGMENTED,
	[ZB_FAILURE_HIGHATOMIC] = ZB_CAUSE_HIGHATOMIC,
	[ZB_FAILURE_CMA] = ZB_CAUSE_CMA,
	[ZB_FAILURE_LOWMEM] = ZB_CAUSE_LOWMEM,
	[ZB_FAILURE_ISOLATED] = ZB_CAUSE_ISOLATED,
	[ZB_FAILURE_CACHED] = ZB_CAUSE_CACHED,
	[ZB_FAILURE_FULL] = ZB_CAUSE_FULL,
	[ZB_FAILURE_NODE] = ZB_CAUSE_NODE,
	[ZB_FAILURE_ZONE] = ZB_CAUSE_ZONE,
};

static const u32 never_causes[ZB_COULD_SERVE] = {
	[ZB_NEVER_REQUEST] = ZB_CAUSE_NONE,
	[ZB_NEVER_ZONE] = ZB_CAUSE_NEVER_ZONE,
	[ZB_NEVER_NODE] = ZB_CAUSE_NEVER_NODE,
	[ZB_NEVER_BLOCK] = ZB_CAUSE_NEVER_BLOCK,
	[ZB_NEVER_TYPE] = ZB_CAUSE_NEVER_TYPE,
	[ZB_NEVER_WATERMARK] = ZB_CAUSE_NEVER_WATERMARK,
};

/**
 * zb_explain_no_memory() - determine why a request of the current task failed
 * @bpool: the buffer pool
 * @want: the request, whose @why is filled in if it has no cause yet
 * @in_line: the request has waited in the queue. If free memory is sufficient now, it
 *	was reserved for earlier requests
 *
 * Context: may sleep.
 */
void zb_explain_no_memory(struct zb_buffer_pool *bpool, const struct zb_want *want,
			  bool in_line)
{
	struct zb_ioc_explain *why = want->why;
	struct zb_alloc_policy policy = {};
	struct zb_alloc_request req;
	struct zb_failure f;

	if (!why || why->cause)
		return;
	zb_instance_init_request(bpool->inst, want->gfp, want->nr_pages, want->nid,
				 &policy, &req);
	zb_explain_failure(&bpool->inst->pool, &req, &f);
	why->cause = f.verdict == ZB_COULD_SERVE ? failure_causes[f.cause] :
						   never_causes[f.verdict];
	if (in_line && why->cause == ZB_CAUSE_FREED)
		why->cause = ZB_CAUSE_LINE;
	why->largest_order = f.largest_order;
	if (!f.zone)
		return;
	why->node = f.zone->nid;
	why->zone = f.zone->type;
	why->free = (u64)f.nr_free << PAGE_SHIFT;
	why->limit = (u64)f.nr_kept << PAGE_SHIFT;
}

static const u32 range_causes[] = {
	[ZB_RANGE_OK] = ZB_CAUSE_NONE,
	[ZB_RANGE_STOPPED] = ZB_CAUSE_NONE,
	[ZB_RANGE_NO_MEMORY] = ZB_CAUSE_KERNEL,
	[ZB_RANGE_IN_USE] = ZB_CAUSE_IN_USE,
	[ZB_RANGE_UNMOVABLE] = ZB_CAUSE_UNMOVABLE,
	[ZB_RANGE_FRAGMENTED] = ZB_CAUSE_FRAGMENTED,
	[ZB_RANGE_WATERMARK] = ZB_CAUSE_WATERMARK,
	[ZB_RANGE_FULL] = ZB_CAUSE_FULL,
	[ZB_RANGE_NEVER_WATERMARK] = ZB_CAUSE_NEVER_WATERMARK,
	[ZB_RANGE_NEVER_FITS] = ZB_CAUSE_NEVER_BLOCK,
	[ZB_RANGE_NEVER_NODE] = ZB_CAUSE_NEVER_NODE,
	[ZB_RANGE_NEVER_ZONE] = ZB_CAUSE_NEVER_ZONE,
};

/**
 * zb_explain_range() - explain why a request for a range failed
 * @want: the request, whose @why is filled in if it has no cause yet
 * @failure: the cause
 *
 * Context: any but NMI.
 */
void zb_explain_range(const struct zb_want *want, const struct zb_range_failure *failure)
{
	struct zb_ioc_explain *why = want->why;
	struct zb_zone *zone = failure->zone;
	struct zb_zone_stat st;

	if (!why || why->cause)
		return;
	why->cause = range_causes[failure->result];
	if (!zone || failure->result == ZB_RANGE_NO_MEMORY)
		return;
	why->node = zone->nid;
	why->zone = zone->type;
	why->free = (u64)(READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone)) << PAGE_SHIFT;
	zb_zone_snapshot(zone, &st);
	why->largest_order = zb_stat_largest_order(&st);
	if (why->cause == ZB_CAUSE_WATERMARK || why->cause == ZB_CAUSE_NEVER_WATERMARK)
		why->limit = (u64)READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]) << PAGE_SHIFT;
}

/**
 * zb_file_failed() - store the cause of a failed command of the current thread
 * @file: the open file
 * @why: the cause
 */
void zb_file_failed(struct zb_file *file, const struct zb_ioc_explain *why)
{
	spin_lock(&file->failed_lock);
	file->failed = *why;
	file->failed_task = task_pid_nr(current);
	spin_unlock(&file->failed_lock);
}

/**
 * zb_file_explain() - get the cause of the last failure
 * @file: the open file
 * @why: filled in, except for its size
 *
 * Return: false if no command has failed, or if the last failure was in another thread.
 */
bool zb_file_explain(struct zb_file *file, struct zb_ioc_explain *why)
{
	const u32 size = why->size;
	bool mine;

	spin_lock(&file->failed_lock);
	mine = file->failed_task == task_pid_nr(current);
	if (mine)
		*why = file->failed;
	spin_unlock(&file->failed_lock);
	why->size = size;
	return mine;
}

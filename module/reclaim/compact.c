// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction for requests (direct compaction) and of all memory.
 *
 * Moving buffers needs neither I/O nor file systems nor memory of the kernel, so direct
 * compaction is possible for all requests that may sleep, whatever locks their tasks hold.
 * It does not recurse, because the new frames of a buffer are not allocated by a request.
 * Blocks of other modules are moved as well (movable.c), in the context that their callbacks
 * need (instance/callback.h).
 */
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/workqueue.h>

#include "../core/compact.h"
#include "../instance/callback.h"
#include "reclaim.h"

/* After this many windows that could not be emptied, an attempt for a request fails. */
static const unsigned int max_failures[] = {
	[ZB_COMPACT_LIGHT] = 4,
	[ZB_COMPACT_FULL] = 16,
};

#define MAX_COMPACTING		2	/* requests, see zb_get_slot() */
#define MAX_SHRINKING		4

/* @left frames are left, or -1 if the window can't become free any more. */
static void trace_moved(long before, long left)
{
	if (left < 0 || left > before)
		left = before;
	trace_mm_compaction_migratepages(before - left, left);
}

/*
 * Move @used frames of buffers and of other modules. If not all of them can be moved, as far as
 * is known, none are.
 */
static bool move_used(struct zb_reclaim *reclaim, const struct zb_compact_control *cc,
		      struct zb_zone *zone, unsigned long pfn, unsigned long used)
{
	unsigned long end = pfn + BIT(cc->order), owned;
	bool cached;
	long left;

	owned = min(used, zb_movable_in(&reclaim->owners, cc->gfp, pfn, end));
	if (!zb_buffers_move(reclaim->bpool, zone, pfn, BIT(cc->order), used - owned, cc->order))
		return false;
	left = owned ? zb_compact_cost(zone, pfn, cc->order, &cached) : -1;
	/* Otherwise a buffer has to stay. */
	if (left >= 0 && (unsigned long)left <= owned)
		zb_movable_move_all(reclaim, zone, pfn, end, cc->gfp, cc->order);
	return !fatal_signal_pending(current);
}

/**
 * zb_move_out() - move all allocations out of a window, as zb_compact_control.evacuate
 * @cc: what to compact for; @data is the struct zb_reclaim
 * @zone: zone of the window
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * If buffers are freed meanwhile, fewer frames than expected are found, and nothing is moved.
 * Therefore this tries again while there is progress.
 *
 * Context: may sleep.
 * Return: false if the task is being killed.
 */
bool zb_move_out(const struct zb_compact_control *cc, struct zb_zone *zone,
		 unsigned long pfn, unsigned long nr_pages)
{
	struct zb_reclaim *reclaim = cc->data;
	unsigned int tries = 3;
	long used, before;
	bool cached;

	used = zb_compact_cost(zone, pfn, cc->order, &cached);
	/* Free frames in isolated pageblocks do not return to per-CPU lists. */
	if (cached) {
		zb_instance_drain_all(reclaim->inst);
		used = zb_compact_cost(zone, pfn, cc->order, &cached);
	}
	if (used > 0)
		zb_zone_count_event(zone, ZB_COMPACTISOLATED, used);
	if (used > 0 && cc->background)
		zb_zone_count_event(zone, ZB_KCOMPACTD_MIGRATE_SCANNED, used);
	do {
		if (used <= 0)
			return !fatal_signal_pending(current);
		before = used;
		if (!move_used(reclaim, cc, zone, pfn, used))
			return false;
		used = zb_compact_cost(zone, pfn, cc->order, &cached);
		trace_moved(before, used);
	} while (used < before && --tries);
	return !fatal_signal_pending(current);
}

/* As zb_ops.compact. */
static enum zb_compact_result compact_for_request(struct zb_pool *pool, struct zb_zone *zone,
						  zb_gfp_t gfp, unsigned int order,
						  enum zb_compact_priority priority,
						  const struct zb_alloc_context *ac)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_reclaim *reclaim = inst->reclaim;
	const struct zb_compact_control cc = {
		.order = order,
		.highest_zoneidx = ac->highest_zoneidx,
		.cma = ac->migratetype == ZB_MIGRATE_MOVABLE,
		.max_failures = max_failures[priority],
		.force = priority == ZB_COMPACT_FULL,
		.gfp = zb_io_context(gfp),
		.evacuate = zb_move_out,
		.data = reclaim,
	};
	enum zb_compact_result result;
	bool has_slot;

	if (!zb_may_reclaim())
		return ZB_COMPACT_SKIPPED;
	trace_mm_compaction_try_to_compact_pages(order, zb_gfp_bits(gfp), priority);
	if (!zb_compact_suitable(zone, &cc))
		return ZB_COMPACT_SKIPPED;
	has_slot = zb_get_slot(&reclaim->compact_slots, ac);
	result = zb_compact_zone(zone, &cc);
	if (has_slot)
		up(&reclaim->compact_slots);
	if (result == ZB_COMPACT_SUCCESS || result == ZB_COMPACT_FAILED)
		zb_instance_wake_waiters(inst);
	if (result != ZB_COMPACT_SKIPPED)
		zb_wake_kcompactd(reclaim, zone, order);
	return result;
}

/*
 * Others may take the free blocks and fragment the zone again meanwhile, so the number of
 * attempts is limited to that of the pageblocks. Only the first attempt considers all
 * pageblocks again.
 */
static void compact_zone(struct zb_zone *zone, struct zb_compact_control *cc)
{
	unsigned long left = zone->nr_pages >> ZB_PAGEBLOCK_ORDER;

	cc->keep_skipped = false;
	while (left-- && !fatal_signal_pending(current) &&
	       zb_compact_zone(zone, cc) == ZB_COMPACT_SUCCESS) {
		cc->keep_skipped = true;
		cond_resched();
	}
}

/**
 * zb_compact_memory() - compact all zones as far as possible
 * @reclaim: reclaim and compaction of the instance
 *
 * As many pageblocks as possible become free. The number of free frames does not change.
 *
 * Context: may sleep, and takes long.
 * Return: 0, or -EINTR if the task is being killed.
 */
int zb_compact_memory(struct zb_reclaim *reclaim)
{
	struct zb_compact_control cc = {
		.order = ZB_PAGEBLOCK_ORDER,
		.highest_zoneidx = ZB_NR_ZONES - 1,
		.cma = true,
		.max_failures = ZB_COMPACT_ALL_WINDOWS,
		.force = true,
		.gfp = zb_io_context(ZB_GFP_KERNEL),
		.evacuate = zb_move_out,
		.data = reclaim,
	};
	struct zb_zone *zone;

	zb_instance_drain_all(reclaim->inst);
	zb_for_each_zone(zone, &reclaim->inst->pool) {
		compact_zone(zone, &cc);
		zb_instance_wake_waiters(reclaim->inst);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/**
 * zb_reclaim_attach() - let requests of an instance reclaim and compact from now on
 * @reclaim: filled in; must exist as long as the instance
 * @inst: the instance
 * @bpool: its buffers
 *
 * Context: may sleep; before the first request, and before @bpool is initialized.
 * Return: 0, -ENOMEM, or -EINVAL if zero_ahead was given at load and is not possible.
 */
int zb_reclaim_attach(struct zb_reclaim *reclaim, struct zb_instance *inst,
		      struct zb_buffer_pool *bpool)
{
	int err;

	*reclaim = (struct zb_reclaim){ .inst = inst, .bpool = bpool };
	sema_init(&reclaim->compact_slots, MAX_COMPACTING);
	sema_init(&reclaim->shrink_slots, MAX_SHRINKING);
	sema_init(&reclaim->range_lock, 1);
	mutex_init(&reclaim->empty_lock);
	reclaim->range_wq = alloc_workqueue("zbuddy_range", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!reclaim->range_wq)
		return -ENOMEM;
	err = zb_owners_init(&reclaim->owners);
	if (err)
		goto destroy_range_wq;
	err = zb_kswapd_create(reclaim);
	if (err)
		goto exit_owners;
	err = zb_kcompactd_create(reclaim);
	if (err)
		goto destroy_kswapd;
	err = zb_zero_create(reclaim);
	if (err)
		goto destroy_kcompactd;
	inst->reclaim = reclaim;
	inst->ops.compact = compact_for_request;
	inst->ops.zone_reclaim = zb_zone_reclaim;
	inst->ops.direct_reclaim = zb_direct_reclaim;
	inst->ops.wake_reclaim = zb_wake_kswapd;
	inst->ops.oom = zb_owners_oom;
	inst->ops.survey = zb_survey;
	inst->ops.evict = zb_evict;
	inst->ops.purge = zb_purge;
	inst->ops.run = zb_run;
	inst->ops.end_survey = zb_end_survey;
	inst->ops.move_out = zb_move_out_of;
	return 0;

destroy_kcompactd:
	zb_kcompactd_destroy(reclaim);
destroy_kswapd:
	zb_kswapd_destroy(reclaim);
exit_owners:
	zb_owners_exit(&reclaim->owners);
destroy_range_wq:
	destroy_workqueue(reclaim->range_wq);
	return err;
}

/**
 * zb_reclaim_detach() - undo zb_reclaim_attach()
 * @reclaim: reclaim and compaction of the instance; there are no requests any more, not even
 *	in the queue
 *
 * Context: may sleep; before the buffer pool is destroyed.
 */
void zb_reclaim_detach(struct zb_reclaim *reclaim)
{
	zb_zero_destroy(reclaim);
	zb_kcompactd_destroy(reclaim);
	zb_kswapd_destroy(reclaim);
	zb_owners_exit(&reclaim->owners);
	destroy_workqueue(reclaim->range_wq);
}

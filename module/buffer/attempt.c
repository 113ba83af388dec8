// SPDX-License-Identifier: GPL-2.0-only
/* Attempts of the dispatcher (line.c) to get memory for a request of another task. */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "../core/capture.h"
#include "../core/compact.h"
#include "../core/range_alloc.h"
#include "../instance/idle.h"
#include "../instance/idle_range.h"
#include "line.h"

/**
 * zb_attempt_init() - prepare for attempts
 * @attempt: zeroed
 * @inst: the instance to allocate from
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_attempt_init(struct zb_attempt *attempt, const struct zb_instance *inst)
{
	unsigned long words = zb_zero_map_words(BIT(inst->pool.max_order));

	attempt->capture_at = jiffies;
	attempt->map.bits = kvmalloc_array(words, sizeof(u64), GFP_KERNEL);
	return attempt->map.bits ? 0 : -ENOMEM;
}

/**
 * zb_attempt_destroy() - undo zb_attempt_init()
 * @attempt: the attempt
 *
 * Context: may sleep.
 */
void zb_attempt_destroy(struct zb_attempt *attempt)
{
	kvfree(attempt->map.bits);
}

/**
 * zb_attempt_begin() - copy the request of a waiter, because its task may leave meanwhile
 * @attempt: the attempt
 * @w: the waiter
 *
 * Context: zb_line.lock held.
 */
void zb_attempt_begin(struct zb_attempt *attempt, struct zb_waiter *w)
{
	attempt->waiter = w;
	attempt->req = w->req;
	attempt->policy = w->policy;
	attempt->range = w->range;
	attempt->cpuset = w->cpuset;
	if (w->policy.cpuset)
		attempt->policy.cpuset = nodes_addr(attempt->cpuset);
	attempt->nodes = w->nodes;
	if (w->policy.nodemask)
		attempt->policy.nodemask = nodes_addr(attempt->nodes);
	attempt->map.pfn = ZB_NO_PFN;
	attempt->policy.zero_map = w->map ? &attempt->map : NULL;
	attempt->req.policy = &attempt->policy;
}

/**
 * zb_waiter_could_ever() - check whether a waiter could be served if all memory were free
 * @inst: the instance
 * @w: the waiter
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: false if not.
 */
bool zb_waiter_could_ever(struct zb_instance *inst, const struct zb_waiter *w)
{
	struct zb_range_failure failure;

	if (w->range.nr_pages)
		return zb_idle_range_could_ever(inst, &w->req, &w->range, &failure);
	return zb_instance_could_ever(inst, &w->req);
}

/**
 * zb_attempt_free() - free what an attempt has allocated
 * @attempt: the attempt
 * @pool: the allocator
 * @pfn: first frame
 *
 * Context: any but NMI.
 */
void zb_attempt_free(const struct zb_attempt *attempt, struct zb_pool *pool, unsigned long pfn)
{
	if (attempt->range.nr_pages)
		zb_pool_free_range(pool, pfn, attempt->range.nr_pages);
	else
		zb_pool_free_exact(pool, pfn, attempt->req.nr_pages);
}

/* As the argument of zb_pool_capture(). */
static bool still_waits(void *data)
{
	const struct zb_attempt *attempt = data;

	return READ_ONCE(attempt->waiter);
}

/*
 * Captured memory is not available to others, although it is free. It is no more than the request
 * is charged for, but if the capture fails, nobody has used it. Therefore nothing is captured
 * after a failure until the duration of that capture has passed again, whichever request is the
 * first one then.
 */
static unsigned long capture(struct zb_attempt *attempt, struct zb_pool *pool)
{
	unsigned long begun = jiffies, pfn;

	if (time_before(begun, attempt->capture_at))
		return ZB_NO_PFN;
	pfn = zb_pool_capture(pool, &attempt->req, still_waits, attempt);
	attempt->capture_at = pfn == ZB_NO_PFN ? 2 * jiffies - begun : jiffies;
	return pfn;
}

/**
 * zb_attempt_make_room() - reclaim, compact or capture memory for a request
 * @attempt: the attempt
 * @pool: the allocator
 * @pfn: set to the first frame of a range, or of memory that was captured for the request,
 *	because compaction has failed, or to ZB_NO_PFN
 *
 * Context: may sleep.
 * Return: the result of compaction.
 */
enum zb_compact_result zb_attempt_make_room(struct zb_attempt *attempt, struct zb_pool *pool,
					    unsigned long *pfn)
{
	const struct zb_alloc_request *req = &attempt->req;
	struct zb_range_failure failure;
	enum zb_compact_result result;

	if (attempt->range.nr_pages) {
		*pfn = zb_pool_alloc_range(pool, req->gfp, &attempt->range, req->nid, req->policy,
					   &failure);
		return *pfn == ZB_NO_PFN ? ZB_COMPACT_FAILED : ZB_COMPACT_SUCCESS;
	}
	result = zb_pool_compact_for(pool, req);
	*pfn = result == ZB_COMPACT_FAILED ? capture(attempt, pool) : ZB_NO_PFN;
	return result;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The part of waiting for memory that runs in the waiting task. See line.h. */
#include <linux/errno.h>
#include <linux/cred.h>
#include <linux/freezer.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "../core/verdict.h"
#include "../instance/idle.h"
#include "../instance/idle_range.h"
#include "../instance/ops.h"
#include "buffer.h"

/*
 * Returns the flags for one attempt. The queue replaces the retries of the slow path, and
 * a failed attempt is not reported, because the request continues to wait.
 */
static zb_gfp_t attempt_gfp(zb_gfp_t gfp)
{
	return (gfp & ~(__ZB_GFP_REPEAT | __ZB_GFP_NORETRY)) | __ZB_GFP_NOWARN;
}

static void prepare_waiter(struct zb_waiter *w, struct zb_instance *inst,
			   const struct zb_want *want, struct zb_zero_map *map)
{
	*w = (struct zb_waiter){
		.task = current, .pfn = ZB_NO_PFN, .range = want->range,
		/* A range may be larger than the map of the dispatcher. */
		.map = want->range.nr_pages ? NULL : map,
		.shrinks = atomic_read(&inst->shrinks),
	};
	/* The queue also compacts memory for it, see line.h. */
	w->policy.queued = true;
	/* Checking every frame is cheap compared with clearing the buffer. */
	w->policy.every_frame = true;
	zb_instance_init_request(inst, attempt_gfp(want->gfp), want->nr_pages, want->nid,
				 &w->policy, &w->req);
	/* Copy the nodemasks, because the cpuset and the NUMA policy of the task may change. */
	if (w->policy.cpuset) {
		bitmap_copy(nodes_addr(w->cpuset), w->policy.cpuset, MAX_NUMNODES);
		w->policy.cpuset = nodes_addr(w->cpuset);
	}
	if (w->policy.nodemask) {
		bitmap_copy(nodes_addr(w->nodes), w->policy.nodemask,
			    MAX_NUMNODES);
		w->policy.nodemask = nodes_addr(w->nodes);
	}
}

static unsigned long try_at_once(struct zb_line *line, struct zb_waiter *w)
{
	unsigned long pfn;
	bool passes;

	if (!zb_line_may_try(line, w, &passes))
		return ZB_NO_PFN;
	pfn = zb_instance_alloc(line->inst, w->req.gfp, w->req.nr_pages, w->req.nid,
				w->policy.nodemask, true, w->map);
	zb_line_tried(line, passes, pfn != ZB_NO_PFN);
	return pfn;
}

/*
 * Sleep until the request is served. Returns 0, -ETIMEDOUT, -ERESTARTSYS, or -ENOMEM if the
 * memory was reduced meanwhile, so that the request can never be served. The
 * deadline is absolute, so the call can be restarted unchanged after the task was
 * stopped, frozen or traced.
 */
static int sleep_in_line(const struct zb_waiter *w, u64 deadline_ns)
{
	ktime_t until = ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX));
	ktime_t *expires = deadline_ns == ZB_WAIT_FOREVER ? NULL : &until;
	int err = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (READ_ONCE(w->pfn) != ZB_NO_PFN)
			break;
		if (READ_ONCE(w->hopeless)) {
			err = -ENOMEM;
			break;
		}
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (!schedule_hrtimeout(expires, HRTIMER_MODE_ABS)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

/*
 * The round of the user that a request counts for: the real user or, in a user
 * namespace, the owner of the outermost one, who may have many user ids there.
 */
static u64 *round_of_user(struct zb_buffer_pool *bpool, const struct cred *cred)
{
	const struct user_namespace *ns = cred->user_ns;
	struct zb_account *account;
	kuid_t uid = cred->uid;

	for (; ns != &init_user_ns; ns = ns->parent)
		uid = ns->owner;
	/* The account exists as long as the request is charged to it. */
	account = xa_load(&bpool->users, __kuid_val(uid));
	return &account->round;
}

static int wait_in_line(struct zb_buffer_pool *bpool, struct zb_waiter *w,
			const struct zb_charge *charge, const struct zb_want *want)
{
	int err;

	if (ktime_get_ns() >= want->deadline_ns)
		return -ETIMEDOUT;
	err = zb_charge_waiter(bpool, charge, want->why);
	if (err)
		return err;
	w->user_round = round_of_user(bpool, charge->cred);
	zb_line_enter(&bpool->line, w);
	err = sleep_in_line(w, want->deadline_ns);
	zb_line_leave(&bpool->line, w);
	zb_uncharge_waiter(bpool, charge);
	/* Keep the memory if the request was served just before it left the queue. */
	return w->pfn == ZB_NO_PFN ? err : 0;
}

/* Idle memory that the kernel has counts, too. The core knows of it only after it was taken. */
static bool could_ever(struct zb_instance *inst, const struct zb_waiter *w)
{
	bool could;

	do {
		could = zb_pool_could_ever(&inst->pool, &w->req);
	} while (!could && zb_instance_may_need_lent(inst, &w->req) &&
		 zb_idle_take_any(inst, w->req.nr_pages, ZB_GFP_KERNEL));
	return could;
}

/* Make the range free in this task, unless other requests wait for the memory. */
static unsigned long try_range(struct zb_buffer_pool *bpool, struct zb_waiter *w,
			       const struct zb_want *want, struct zb_zero_map *map,
			       struct zb_range_failure *failure)
{
	unsigned long pfn;
	bool passes;

	if (!zb_line_may_try(&bpool->line, w, &passes))
		return ZB_NO_PFN;
	pfn = zb_idle_alloc_range(bpool->inst, w->req.gfp, &want->range, want->nid, NULL, true, map,
				  failure);
	zb_line_tried(&bpool->line, passes, pfn != ZB_NO_PFN);
	return pfn;
}

static unsigned long wait_for_range(struct zb_buffer_pool *bpool, struct zb_waiter *w,
				    const struct zb_want *want, const struct zb_charge *charge,
				    struct zb_zero_map *map, int *err)
{
	struct zb_range_failure failure, never;
	unsigned long pfn;

	*err = -ENOMEM;
	if (!zb_idle_range_could_ever(bpool->inst, &w->req, &want->range, &failure)) {
		zb_explain_range(want, &failure);
		return ZB_NO_PFN;
	}
	/* The cause if it may not even try. */
	failure = (struct zb_range_failure){ .result = ZB_RANGE_FRAGMENTED };
	pfn = try_range(bpool, w, want, map, &failure);
	if (pfn != ZB_NO_PFN)
		return pfn;
	/* Nothing is known of the frames that the dispatcher hands over. */
	if (map)
		map->pfn = ZB_NO_PFN;
	if (failure.result == ZB_RANGE_NO_MEMORY)
		goto failed;
	*err = wait_in_line(bpool, w, charge, want);
	if (!*err)
		trace_mm_page_alloc(w->pfn, zb_exact_order(want->nr_pages), zb_gfp_bits(w->req.gfp),
				    zb_gfp_migratetype(w->req.gfp));
	if (*err != -ETIMEDOUT && *err != -ENOMEM)
		return w->pfn;
	if (*err == -ENOMEM &&
	    !zb_idle_range_could_ever(bpool->inst, &w->req, &want->range, &never))
		failure = never;
failed:
	zb_explain_range(want, &failure);
	return ZB_NO_PFN;
}

/**
 * zb_wait_alloc() - allocate frames, and wait if none are available
 * @bpool: the buffer pool
 * @want: the request and its deadline
 * @charge: the charge of the buffer, whose accounts limit the waiting requests
 * @map: receives which frames are known to be zero, or NULL
 * @err: set on failure: -ENOMEM if the request could never be served, -EDQUOT if too
 *	many requests wait, -ERESTARTSYS or -ETIMEDOUT
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_wait_alloc(struct zb_buffer_pool *bpool, const struct zb_want *want,
			    const struct zb_charge *charge, struct zb_zero_map *map,
			    int *err)
{
	struct zb_waiter w;
	unsigned long pfn;

	prepare_waiter(&w, bpool->inst, want, map);
	if (want->range.nr_pages)
		return wait_for_range(bpool, &w, want, charge, map, err);
	if (!could_ever(bpool->inst, &w)) {
		*err = -ENOMEM;
		zb_explain_no_memory(bpool, want, false);
		return ZB_NO_PFN;
	}
	pfn = try_at_once(&bpool->line, &w);
	if (pfn != ZB_NO_PFN)
		return pfn;
	*err = wait_in_line(bpool, &w, charge, want);
	if (*err == -ETIMEDOUT || *err == -ENOMEM)
		zb_explain_no_memory(bpool, want, *err == -ETIMEDOUT);
	if (!*err)
		trace_mm_page_alloc(w.pfn, zb_exact_order(want->nr_pages),
				    zb_gfp_bits(w.req.gfp),
				    zb_gfp_migratetype(w.req.gfp));
	return w.pfn;
}

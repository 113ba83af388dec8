// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for memory: what the task does that asks for it. See line.h. */
#include <linux/errno.h>
#include <linux/freezer.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>

#include "../instance/ops.h"
#include "buffer.h"

/*
 * What an attempt is made with. The line takes the place of the slow path's own
 * rounds, and a failure is no failure yet.
 */
static zb_gfp_t attempt_gfp(zb_gfp_t gfp)
{
	return (gfp & ~(__ZB_GFP_REPEAT | __ZB_GFP_NORETRY)) | __ZB_GFP_NOWARN;
}

static void prepare(struct zb_waiter *w, struct zb_instance *inst,
		    const struct zb_want *want)
{
	*w = (struct zb_waiter){ .task = current, .pfn = ZB_NO_PFN };
	zb_instance_request(inst, attempt_gfp(want->gfp), want->nr_pages, want->nid,
			    &w->policy, &w->req);
	if (w->policy.cpuset) {
		w->cpuset = current->mems_allowed;
		w->policy.cpuset = nodes_addr(w->cpuset);
	}
	/* The mask of a NUMA policy is as short-lived as the policy. */
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
				w->policy.nodemask, true);
	zb_line_tried(line, passes, pfn != ZB_NO_PFN);
	return pfn;
}

/*
 * Sleep until the request is served: 0, -ETIMEDOUT, or -ERESTARTSYS. The deadline
 * is a point in time, so the call can be restarted as it is: that is what happens
 * when the task was stopped, frozen or traced.
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

static int wait_in_line(struct zb_buffer_pool *bpool, struct zb_waiter *w,
			const struct zb_charge *charge, const struct zb_want *want)
{
	int err;

	if (ktime_get_ns() >= want->deadline_ns)
		return -ETIMEDOUT;
	err = zb_charge_waiter(bpool, charge, want->why);
	if (err)
		return err;
	zb_line_enter(&bpool->line, w);
	err = sleep_in_line(w, want->deadline_ns);
	zb_line_leave(&bpool->line, w);
	zb_uncharge_waiter(bpool, charge);
	/* Memory that came with a signal, or too late, is welcome all the same. */
	return w->pfn == ZB_NO_PFN ? err : 0;
}

/**
 * zb_wait_alloc() - allocate frames, and wait for them
 * @bpool: where
 * @want: what is wanted, and how long to wait
 * @charge: what the buffer is charged to: its limits are those of the waiting
 * @err: when there are none: -ENOMEM if there never can be, -EDQUOT if too many
 *	wait, -ERESTARTSYS or -ETIMEDOUT
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_wait_alloc(struct zb_buffer_pool *bpool, const struct zb_want *want,
			    const struct zb_charge *charge, int *err)
{
	struct zb_waiter w;
	unsigned long pfn;

	prepare(&w, bpool->inst, want);
	if (!zb_pool_could_ever(&bpool->inst->pool, &w.req)) {
		*err = -ENOMEM;
		zb_explain_no_memory(bpool, want, false);
		return ZB_NO_PFN;
	}
	pfn = try_at_once(&bpool->line, &w);
	if (pfn != ZB_NO_PFN)
		return pfn;
	*err = wait_in_line(bpool, &w, charge, want);
	if (*err == -ETIMEDOUT)
		zb_explain_no_memory(bpool, want, true);
	if (!*err)
		trace_mm_page_alloc(w.pfn, zb_exact_order(want->nr_pages),
				    zb_gfp_bits(w.req.gfp),
				    zb_gfp_migratetype(w.req.gfp));
	return w.pfn;
}

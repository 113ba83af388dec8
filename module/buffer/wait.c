// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for memory, first come first served.
 *
 * Those who wait stand in line, and only the first one tries. It tries when
 * something was freed, and from time to time in case somebody freed without
 * noticing that there is a line.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "buffer.h"

#define LOOK_AGAIN	(HZ / 10)

struct waiter {
	struct list_head link;
	int seen;		/* zb_host.frees when it tried last */
};

static bool is_first(struct zb_space *space, struct waiter *w)
{
	bool first;

	spin_lock(&space->waiters_lock);
	first = list_first_entry(&space->waiters, struct waiter, link) == w;
	spin_unlock(&space->waiters_lock);
	return first;
}

static bool should_try(struct zb_space *space, struct waiter *w)
{
	return is_first(space, w) &&
	       atomic_read(&space->host->frees) != w->seen;
}

static void stand_in_line(struct zb_space *space, struct waiter *w)
{
	w->seen = atomic_read(&space->host->frees) - 1;
	atomic_inc(&space->host->nr_waiting);
	/* Pairs with the barrier in zb_host_freed(). */
	smp_mb__after_atomic();
	spin_lock(&space->waiters_lock);
	list_add_tail(&w->link, &space->waiters);
	spin_unlock(&space->waiters_lock);
}

/* The next one may be served by what is left. */
static void leave(struct zb_space *space, struct waiter *w)
{
	spin_lock(&space->waiters_lock);
	list_del(&w->link);
	spin_unlock(&space->waiters_lock);
	zb_host_freed(space->host);
	atomic_dec(&space->host->nr_waiting);
}

static unsigned long try(struct zb_space *space, struct waiter *w,
			 const struct zb_want *want)
{
	int seen_before = w->seen;
	unsigned long pfn;

	/* Not later: what is freed after the attempt must look new. */
	w->seen = atomic_read_acquire(&space->host->frees);
	pfn = zb_host_alloc(space->host, want->gfp | __ZB_GFP_NOWARN,
			    want->nr_pages, want->nid, NULL, true);
	if (pfn != ZB_NO_PFN && w->seen == seen_before)
		atomic_inc(&space->host->missed);
	return pfn;
}

/*
 * Wait until it may make sense to try; 0, -ETIMEDOUT, or -ERESTARTSYS: the
 * deadline is a point in time, so the call can be restarted as it is.
 */
static int wait_turn(struct zb_space *space, struct waiter *w, u64 deadline_ns)
{
	u64 left, now = ktime_get_ns();
	long ret;

	if (now >= deadline_ns)
		return -ETIMEDOUT;
	left = nsecs_to_jiffies64(deadline_ns - now) + 1;
	ret = wait_event_interruptible_timeout(space->host->freed,
					       should_try(space, w),
					       min_t(u64, left, LOOK_AGAIN));
	return ret < 0 ? ret : 0;
}

/* Is there a zone that the request may use and that is large enough? */
static bool can_ever(const struct zb_space *space, const struct zb_want *want)
{
	unsigned int highest = zb_gfp_zone(want->gfp);
	const struct zb_zone *zone;
	unsigned long kept;

	zb_for_each_zone(zone, &space->host->pool) {
		if (zone->type > highest)
			continue;
		if (want->gfp & __ZB_GFP_THISNODE && zone->nid != want->nid)
			continue;
		/* Who changes them meanwhile changes the answer. */
		kept = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]) +
		       READ_ONCE(zone->lowmem_reserve[highest]);
		if (want->nr_pages + kept <= zone->nr_pages)
			return true;
	}
	return false;
}

/**
 * zb_wait_alloc() - allocate frames, and wait for them
 * @space: where
 * @want: what is wanted, and how long to wait
 * @err: when there are none: -ERESTARTSYS, -ETIMEDOUT, or -ENOMEM if there
 *	never can be
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_wait_alloc(struct zb_space *space, const struct zb_want *want,
			    int *err)
{
	unsigned long pfn = ZB_NO_PFN;
	struct waiter w;

	if (!can_ever(space, want)) {
		*err = -ENOMEM;
		return ZB_NO_PFN;
	}
	stand_in_line(space, &w);
	for (*err = 0; !*err; *err = wait_turn(space, &w, want->deadline_ns)) {
		if (!is_first(space, &w))
			continue;
		pfn = try(space, &w, want);
		if (pfn != ZB_NO_PFN)
			break;
	}
	leave(space, &w);
	return pfn;
}

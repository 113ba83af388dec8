// SPDX-License-Identifier: GPL-2.0-only
/* The dispatcher of waiting requests. line.h describes the order in which it serves them. */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "../core/compact.h"
#include "../core/overtake.h"
#include "line.h"

#define SCAN_INTERVAL	(HZ / 10)
#define SCAN_BATCH	32	/* requests to consider in one hold of the lock */

static struct zb_waiter *first_waiter(struct zb_line *line)
{
	return list_first_entry_or_null(&line->waiters, struct zb_waiter, link);
}

static void kick_dispatcher(struct zb_line *line)
{
	if (!atomic_fetch_inc(&line->kicks))
		mod_delayed_work(line->wq, &line->work, 0);
}

/* Called by zb_instance_wake_waiters() after a free, in any context but NMI. */
static int line_freed(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	struct zb_line *line = container_of(entry, struct zb_line, on_free);

	atomic_inc(&line->frees);
	kick_dispatcher(line);
	return 0;
}

/* Consider all requests again, from the first one on. */
static void start_scan(struct zb_line *line)
{
	lockdep_assert_held(&line->lock);
	line->scan++;
	line->considered = &line->waiters;
}

static void forget_waiter(struct zb_attempt *attempt, const struct zb_waiter *w)
{
	if (attempt->waiter == w)
		attempt->waiter = NULL;
}

static void remove_waiter(struct zb_line *line, struct zb_waiter *w)
{
	lockdep_assert_held(&line->lock);
	if (line->considered == &w->link)
		line->considered = w->link.prev;
	if (line->helped == &w->link)
		line->helped = w->link.prev;
	/*
	 * Start a new scan, so that the new first request is tried even if this scan has
	 * already considered it. It gets a full allowance, unless a hold or a turn is in
	 * progress, whose allowance belongs to the queue.
	 */
	if (w == first_waiter(line)) {
		start_scan(line);
		if (!line->hold && !line->turn)
			line->allowance = ZB_MAX_PASSED;
	}
	list_del_init(&w->link);
	forget_waiter(&line->serving, w);
	forget_waiter(&line->compacting, w);
	atomic_dec(&line->inst->wait.waiting);
	if (!list_empty(&line->waiters))
		return;
	remove_wait_queue(&line->inst->free_wait, &line->on_free);
	line->blocked = false;
	line->hold = false;
	line->hold_left = ZB_HOLD_MAX;
	line->turn = false;
}

/* A request that leaves without being served must not delay later ones of its user. */
static void take_back_round(struct zb_waiter *w)
{
	if (*w->user_round == w->round)
		--*w->user_round;
}

/*
 * If the memory was reduced since the last check, check again whether the request can ever be
 * served. If not, remove it, so that its task fails instead of waiting, and return true.
 */
static bool remove_if_hopeless(struct zb_line *line, struct zb_waiter *w)
{
	int shrinks = atomic_read(&line->inst->shrinks);

	lockdep_assert_held(&line->lock);
	if (likely(w->shrinks == shrinks))
		return false;
	w->shrinks = shrinks;
	zb_update_cpuset(w);
	if (zb_waiter_could_ever(line->inst, w))
		return false;
	take_back_round(w);
	remove_waiter(line, w);
	WRITE_ONCE(w->hopeless, true);
	/* The task still exists, as in hand_over(). */
	wake_up_process(w->task);
	return true;
}

static void hand_over(struct zb_line *line, struct zb_waiter *w, unsigned long pfn)
{
	WRITE_ONCE(w->pfn, pfn);
	line->round = max(line->round, w->round);
	remove_waiter(line, w);
	atomic_inc(&line->inst->wait.granted);
	/* The task still exists, because it needs the lock to leave the queue. */
	wake_up_process(w->task);
}

/*
 * Hand over what an attempt has allocated. The waiter may have left, or have been served by
 * another attempt, meanwhile. Returns true if anything was allocated.
 */
static bool end_attempt(struct zb_line *line, struct zb_attempt *attempt, unsigned long pfn)
{
	struct zb_waiter *w = attempt->waiter;

	lockdep_assert_held(&line->lock);
	attempt->waiter = NULL;
	if (pfn == ZB_NO_PFN)
		return false;
	if (w && w->map)
		zb_zero_map_copy(w->map, &attempt->map, attempt->req.nr_pages);
	if (w)
		hand_over(line, w, pfn);
	else
		zb_attempt_free(attempt, &line->inst->pool, pfn);
	return true;
}

static bool serve_waiter(struct zb_line *line, struct zb_attempt *attempt, struct zb_waiter *w)
{
	const struct zb_alloc_request *req = &attempt->req;
	unsigned long pfn;

	zb_attempt_begin(attempt, w);
	spin_unlock(&line->lock);

	cond_resched();
	pfn = zb_pool_alloc_exact(&line->inst->pool, req->gfp, req->nr_pages, req->nid,
				  req->policy);

	spin_lock(&line->lock);
	return end_attempt(line, attempt, pfn);
}

static bool first_is_due(const struct zb_line *line, const struct zb_waiter *first)
{
	return first && first->req.gfp & __ZB_GFP_DIRECT_RECLAIM &&
	       time_after_eq(jiffies, line->compact_at + line->compact_delay);
}

static bool other_is_due(const struct zb_line *line)
{
	return !list_empty(&line->waiters) && !list_is_singular(&line->waiters) &&
	       time_after_eq(jiffies, line->help_at + line->compact_delay);
}

/*
 * The first request can't be served: reclaim or compact memory for it, or for one behind it, unless
 * this was tried a short time ago.
 */
static void start_compaction(struct zb_line *line)
{
	lockdep_assert_held(&line->lock);
	if (line->last_free != line->compact_free)
		line->compact_delay = ZB_COMPACT_DELAY;
	if (first_is_due(line, first_waiter(line)) || other_is_due(line))
		queue_work(line->wq, &line->compact_work);
}

/* Try to serve the first request, once per scan. Returns true if it was served. */
static bool serve_first(struct zb_line *line, bool was_kicked)
{
	struct zb_waiter *w = first_waiter(line);

	if (!w || w->scan == line->scan)
		return false;
	w->scan = line->scan;
	if (remove_if_hopeless(line, w))
		return true;
	zb_update_cpuset(w);
	if (w->range.nr_pages || !zb_pool_predict_zone(&line->inst->pool, &w->req) ||
	    !serve_waiter(line, &line->serving, w)) {
		start_compaction(line);
		return false;
	}
	if (!was_kicked)
		atomic_inc(&line->inst->wait.missed);
	zb_line_end_hold(line);
	return true;
}

/*
 * Find the next request that may pass the first one. Each is considered once per scan.
 * Stop after SCAN_BATCH requests; *@more tells whether others are left to consider.
 */
static struct zb_waiter *next_to_pass(struct zb_line *line, bool *passes, bool *more)
{
	struct zb_waiter *first = first_waiter(line), *w, *refused = NULL;
	unsigned int nr;

	*more = false;
	if (!first)
		return NULL;
	for (nr = 0; !list_is_last(line->considered, &line->waiters); nr++) {
		if (nr == SCAN_BATCH) {
			*more = true;
			return NULL;
		}
		line->considered = line->considered->next;
		w = list_entry(line->considered, struct zb_waiter, link);
		if (w == first || w->scan == line->scan)
			continue;
		w->scan = line->scan;
		if (remove_if_hopeless(line, w) || w->range.nr_pages)
			continue;
		if (refused && zb_same_request(refused, w))
			continue;
		if (zb_line_may_pass(line, first, w, passes))
			return w;
		refused = w;
	}
	return NULL;
}

/* Serve all requests that can be served now. */
static void serve_all(struct zb_line *line, bool was_kicked)
{
	bool passes, got, more;
	struct zb_waiter *w;

	do {
		while (serve_first(line, was_kicked))
			;
		w = next_to_pass(line, &passes, &more);
		if (more) {
			spin_unlock(&line->lock);
			cond_resched();
			spin_lock(&line->lock);
		}
		if (!w)
			continue;
		got = serve_waiter(line, &line->serving, w);
		if (got && !was_kicked && !line->turn)
			atomic_inc(&line->inst->wait.missed);
		if (passes)
			zb_line_end_pass(line, got);
	} while (w || more);
}

/*
 * Hold the module: direct reclaim for a waiter may drop the last reference on a buffer, and if
 * the release has to be deferred, zb_deferred_free_add() takes a reference on the module, which
 * is not allowed once the module is being unloaded. At that time no request waits.
 */
static void dispatch_work(struct work_struct *work)
{
	struct zb_line *line = container_of(to_delayed_work(work), struct zb_line, work);
	bool was_kicked = atomic_xchg(&line->kicks, 0);

	if (!try_module_get(THIS_MODULE))
		return;
	spin_lock(&line->lock);
	if (atomic_xchg(&line->frees, 0))
		line->last_free = jiffies;
	do {
		start_scan(line);
		serve_all(line, was_kicked);
	} while (zb_line_change_state(line));
	if (!list_empty(&line->waiters))
		queue_delayed_work(line->wq, &line->work, SCAN_INTERVAL);
	spin_unlock(&line->lock);
	/* The module can be unloaded only after this work item has returned. */
	module_put(THIS_MODULE);
}

/* Reclaim, compact or capture memory for the first request, and try to serve it. */
static void compact_for_first(struct zb_line *line, struct zb_waiter *w)
{
	struct zb_attempt *attempt = &line->compacting;
	enum zb_compact_result result;
	unsigned long pfn;
	bool served;

	lockdep_assert_held(&line->lock);
	zb_update_cpuset(w);
	zb_attempt_begin(attempt, w);
	spin_unlock(&line->lock);
	result = zb_attempt_make_room(attempt, &line->inst->pool, &pfn);
	spin_lock(&line->lock);

	line->compact_at = jiffies;
	line->compact_free = line->last_free;
	w = attempt->waiter;
	served = end_attempt(line, attempt, pfn);
	if (result == ZB_COMPACT_SKIPPED)
		line->compact_at -= line->compact_delay - SCAN_INTERVAL;
	if (result == ZB_COMPACT_FAILED && !served)
		line->compact_delay = min(2 * line->compact_delay, ZB_COMPACT_DELAY_MAX);
	if (result != ZB_COMPACT_SUCCESS && !served)
		return;
	line->compact_delay = ZB_COMPACT_DELAY;
	if (served || (w && serve_waiter(line, attempt, w)))
		zb_line_end_hold(line);
	kick_dispatcher(line);
}

/* A range is made free only for the first request. */
static bool needs_help(struct zb_line *line, struct zb_waiter *w)
{
	if (w == first_waiter(line) || w->range.nr_pages ||
	    !(w->req.gfp & __ZB_GFP_DIRECT_RECLAIM))
		return false;
	zb_update_cpuset(w);
	return !zb_pool_predict_zone(&line->inst->pool, &w->req);
}

/*
 * Returns the next request behind the first one for which no zone has memory. These requests take
 * turns. NULL with *@all not set means that only a part of the queue has been considered.
 */
static struct zb_waiter *next_to_help(struct zb_line *line, bool *all)
{
	struct list_head *begin = line->helped;
	struct zb_waiter *w;
	unsigned int nr;

	lockdep_assert_held(&line->lock);
	*all = false;
	for (nr = 0; nr < SCAN_BATCH && !*all; nr++) {
		line->helped = line->helped->next;
		w = list_entry(line->helped, struct zb_waiter, link);
		if (line->helped != &line->waiters && needs_help(line, w))
			return w;
		*all = line->helped == begin;
	}
	return NULL;
}

/*
 * Reclaim or compact memory for a request behind the first one. Compaction for the first one may
 * have failed, and may never succeed. The rules of line.h decide whether the request gets what is
 * free then.
 */
static void help_other(struct zb_line *line, struct zb_waiter *w)
{
	struct zb_attempt *attempt = &line->compacting;
	enum zb_compact_result result;

	lockdep_assert_held(&line->lock);
	zb_attempt_begin(attempt, w);
	spin_unlock(&line->lock);
	result = zb_pool_compact_for(&line->inst->pool, &attempt->req);
	spin_lock(&line->lock);
	attempt->waiter = NULL;
	if (result == ZB_COMPACT_SUCCESS)
		kick_dispatcher(line);
}

/* Holds the module as dispatch_work() does, and because it wakes kcompactd and kswapd. */
static void compact_work(struct work_struct *work)
{
	struct zb_line *line = container_of(work, struct zb_line, compact_work);
	struct zb_waiter *w;
	bool all;

	if (!try_module_get(THIS_MODULE))
		return;
	spin_lock(&line->lock);
	w = first_waiter(line);
	if (first_is_due(line, w))
		compact_for_first(line, w);
	if (other_is_due(line)) {
		w = next_to_help(line, &all);
		if (w)
			help_other(line, w);
		if (w || all)
			line->help_at = jiffies;
	}
	spin_unlock(&line->lock);
	module_put(THIS_MODULE);
}

/**
 * zb_line_may_try() - check whether a new request may allocate without waiting
 * @line: the queue
 * @w: the request, which is not in the queue
 * @passes: set if the request counts as one that passes the first one; the caller
 *	then has to call zb_line_tried()
 *
 * Context: may sleep.
 * Return: true if the task may try to allocate.
 */
bool zb_line_may_try(struct zb_line *line, struct zb_waiter *w, bool *passes)
{
	struct zb_waiter *first;
	bool may;

	*passes = false;
	if (list_empty_careful(&line->waiters))
		return true;
	spin_lock(&line->lock);
	first = first_waiter(line);
	may = !first || zb_line_may_pass(line, first, w, passes);
	spin_unlock(&line->lock);
	return may;
}

/**
 * zb_line_tried() - end an attempt that zb_line_may_try() has allowed
 * @line: the queue
 * @passes: as set by zb_line_may_try()
 * @got: the allocation was successful
 *
 * Context: may sleep.
 */
void zb_line_tried(struct zb_line *line, bool passes, bool got)
{
	if (!passes)
		return;
	spin_lock(&line->lock);
	zb_line_end_pass(line, got);
	spin_unlock(&line->lock);
}

/* Insert a request behind all others of its round. */
static void insert_waiter(struct zb_line *line, struct zb_waiter *w)
{
	struct zb_waiter *before = first_waiter(line);

	lockdep_assert_held(&line->lock);
	/* Nothing is inserted before the first request, which memory is held for. */
	if (before)
		line->round = max(line->round, before->round);
	w->round = max(line->round, *w->user_round + 1);
	*w->user_round = w->round;
	list_for_each_entry_reverse(before, &line->waiters, link)
		if (before->round <= w->round)
			break;
	list_add(&w->link, &before->link);
}

/*
 * A task that joins the queue behind others may not have been allowed to compact memory itself, so
 * the queue soon does that for it. A user who often joins and leaves must not have the memory
 * compacted all the time, so this is done only once in ZB_COMPACT_DELAY.
 */
static void hurry_help(struct zb_line *line)
{
	unsigned long due = jiffies + SCAN_INTERVAL;

	lockdep_assert_held(&line->lock);
	if (time_before(jiffies, line->hurried_at + ZB_COMPACT_DELAY) ||
	    time_before_eq(line->help_at + line->compact_delay, due))
		return;
	line->help_at = due - line->compact_delay;
	line->hurried_at = jiffies;
}

/**
 * zb_line_enter() - add a request to the queue
 * @line: the queue
 * @w: the request of the current task, which has to call zb_line_leave() later
 *
 * When the request is served, @w->pfn is set and the task is woken.
 *
 * Context: may sleep.
 */
void zb_line_enter(struct zb_line *line, struct zb_waiter *w)
{
	w->task = current;
	w->pfn = ZB_NO_PFN;
	spin_lock(&line->lock);
	w->scan = line->scan - 1;
	if (list_empty(&line->waiters)) {
		add_wait_queue(&line->inst->free_wait, &line->on_free);
		/* The task has just compacted memory itself. */
		line->compact_at = jiffies;
		line->compact_delay = ZB_COMPACT_DELAY;
		line->compact_free = line->last_free;
	} else {
		hurry_help(line);
	}
	insert_waiter(line, w);
	atomic_inc(&line->inst->wait.waiting);
	spin_unlock(&line->lock);
	/*
	 * Run the dispatcher once, because memory may have been freed before @on_free was
	 * visible. Pairs with the barrier in zb_instance_wake_waiters().
	 */
	kick_dispatcher(line);
}

/**
 * zb_line_leave() - remove a request from the queue, if it is still there
 * @line: the queue
 * @w: the request, whose @pfn does not change any more afterwards
 *
 * Context: may sleep.
 */
void zb_line_leave(struct zb_line *line, struct zb_waiter *w)
{
	spin_lock(&line->lock);
	if (!list_empty(&w->link)) {
		take_back_round(w);
		remove_waiter(line, w);
		if (!list_empty(&line->waiters))
			kick_dispatcher(line);
	}
	spin_unlock(&line->lock);
}

/**
 * zb_line_init() - initialize an empty queue
 * @line: the queue
 * @inst: the instance to allocate from
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_line_init(struct zb_line *line, struct zb_instance *inst)
{
	line->inst = inst;
	spin_lock_init(&line->lock);
	INIT_LIST_HEAD(&line->waiters);
	line->considered = &line->waiters;
	line->helped = &line->waiters;
	line->hurried_at = jiffies - ZB_COMPACT_DELAY;
	line->allowance = ZB_MAX_PASSED;
	line->hold_left = ZB_HOLD_MAX;
	init_waitqueue_func_entry(&line->on_free, line_freed);
	INIT_DELAYED_WORK(&line->work, dispatch_work);
	INIT_WORK(&line->compact_work, compact_work);
	if (zb_attempt_init(&line->serving, inst) || zb_attempt_init(&line->compacting, inst))
		goto no_memory;
	line->wq = alloc_workqueue("zbuddy_line", WQ_UNBOUND, 0);
	if (line->wq)
		return 0;
no_memory:
	zb_attempt_destroy(&line->compacting);
	zb_attempt_destroy(&line->serving);
	return -ENOMEM;
}

/**
 * zb_line_destroy() - destroy an empty queue
 * @line: the queue
 *
 * Context: may sleep.
 */
void zb_line_destroy(struct zb_line *line)
{
	/* Each of the two can queue the other one, but not while no request waits. */
	cancel_work_sync(&line->compact_work);
	cancel_delayed_work_sync(&line->work);
	destroy_workqueue(line->wq);
	zb_attempt_destroy(&line->compacting);
	zb_attempt_destroy(&line->serving);
}

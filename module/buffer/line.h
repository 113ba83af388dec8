/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The line of requests that wait for memory.
 *
 *	waiting tasks (wait.c)                    dispatcher (line.c), a work item
 *	  try ── enter ── sleep ── leave            in order: allocate, hand over, wake
 *
 * One dispatcher allocates on behalf of all tasks in line and hands the frames
 * over, so a task is woken once, with what it waits for, and a task that does not
 * run (stopped, frozen, of low priority) holds nobody up. The dispatcher runs when
 * something was freed, and every 100 ms for what was freed without notice: by a
 * module to a per-CPU list.
 *
 * The first request in line is served first. While it can't be, later ones pass:
 *
 *  - from a zone that can't serve the first one: always;
 *  - where enough frames are left for the first one: up to ZB_MAX_PASSED of them;
 *  - with what the first one needs: in a turn.
 *
 * What a later request is refused for the first one's sake begins a hold, during
 * which memory that is freed gathers for the first one. A hold ends after
 * ZB_HOLD_MAX, or when nothing has been freed for ZB_HOLD_QUIET. A turn of
 * ZB_MAX_PASSED requests of any kind follows; if it is not used for ZB_TURN_IDLE
 * it is over. There is one hold at a time for the whole line, whoever is the first:
 * a sequence of requests that can't be served gets no more than one of them does. If
 * the first one is served during a hold, a hold for the next one only lasts for the
 * rest of that time, so a sequence of requests that are served one after the other
 * does not get more either.
 */
#ifndef ZB_LINE_H
#define ZB_LINE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../instance/instance.h"

#define ZB_MAX_PASSED	64u
#define ZB_HOLD_MAX	HZ
#define ZB_HOLD_QUIET	(HZ / 5)
#define ZB_TURN_IDLE	(HZ / 20 ?: 1)

/**
 * struct zb_waiter - a request in line
 * @link: on zb_line.waiters; empty once it is served
 * @task: the task that sleeps until then
 * @req: what it asks for
 * @policy: of @req
 * @cpuset: nodes that the task may use, for @policy
 * @nodes: nodes that its NUMA policy limits it to, for @policy
 * @pfn: what it got, or ZB_NO_PFN
 * @pass: zb_line.pass when the dispatcher looked at it last
 */
struct zb_waiter {
	struct list_head link;
	struct task_struct *task;
	struct zb_alloc_request req;
	struct zb_policy policy;
	nodemask_t cpuset;
	nodemask_t nodes;
	unsigned long pfn;
	unsigned int pass;
};

/**
 * struct zb_line - all requests that wait
 * @inst: whose memory it is
 * @lock: for all that follows but @kicks and @frees; not held while memory is
 *	allocated
 * @waiters: by arrival
 * @serving: the one for which memory is being allocated; NULL when it has left
 * @now: that one's request, on which the task has no hold any more
 * @now_policy: of @now
 * @now_cpuset: of @now_policy
 * @now_nodes: of @now_policy
 * @pass: counts the passes of the dispatcher through the line
 * @allowance: how many may still pass the first one before a hold
 * @blocked: a request was refused for the first one's sake since the last pass
 * @hold: such requests have to wait
 * @hold_left: how long they may have to before the next turn, in jiffies
 * @turn: they need not
 * @since: jiffies when the hold began, or when the turn was used last
 * @last_free: jiffies when something was freed last
 * @on_free: on zb_instance.freed while anybody waits
 * @kicks: the dispatcher was told to look again so often since its last pass
 * @frees: something was freed so often since its last pass
 * @wq: where it runs
 * @work: the dispatcher
 */
struct zb_line {
	struct zb_instance *inst;
	struct mutex lock;
	struct list_head waiters;
	struct zb_waiter *serving;
	struct zb_alloc_request now;
	struct zb_policy now_policy;
	nodemask_t now_cpuset;
	nodemask_t now_nodes;
	unsigned int pass;
	unsigned int allowance;
	bool blocked;
	bool hold;
	bool turn;
	unsigned long hold_left;
	unsigned long since;
	unsigned long last_free;
	wait_queue_entry_t on_free;
	atomic_t kicks;
	atomic_t frees;
	struct workqueue_struct *wq;
	struct delayed_work work;
};

int zb_line_init(struct zb_line *line, struct zb_instance *inst);
void zb_line_destroy(struct zb_line *line);
bool zb_line_may_try(struct zb_line *line, struct zb_waiter *w, bool *passes);
void zb_line_tried(struct zb_line *line, bool passes, bool got);
void zb_line_enter(struct zb_line *line, struct zb_waiter *w);
void zb_line_leave(struct zb_line *line, struct zb_waiter *w);

#endif /* ZB_LINE_H */

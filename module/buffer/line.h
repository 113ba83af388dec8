/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of requests that wait for memory.
 *
 *	waiting tasks (wait.c)                    dispatcher (line.c), a work item
 *	  try ── enter ── sleep ── leave            in order: allocate, hand over, wake
 *
 * The dispatcher allocates on behalf of all waiting tasks and hands the frames over.
 * A task is woken once, when it has its memory, and a task that does not run (because
 * it is stopped, frozen or of low priority) delays no other one. The dispatcher runs
 * after a free, and every 100 ms, because it is not woken when another module frees
 * memory to a per-CPU list.
 *
 * The queue is in rounds, so that a user with many requests does not delay the others:
 * the requests of one user are in order of arrival, each in a later round than the one
 * before it, and a new request goes behind all requests of its own round. The first
 * round that a user can get is that of the last request that was served, or of the
 * first one in the queue if that is later.
 *
 * The first request in the queue is served first. While it can't be served, later
 * requests may pass it (core/overtake.h predicts how this affects the first one):
 *
 *  1. without limit, if they are served from a zone that can't serve the first one;
 *  2. up to ZB_MAX_PASSED of them, if enough frames are left for the first one;
 *  3. during a turn, even with frames that the first one needs.
 *
 * When these rules refuse a later request, a hold starts. During a hold, requests may
 * pass by rule 1 only, and freed memory accumulates for the first request. The hold
 * ends after ZB_HOLD_MAX, or when no memory has been freed for ZB_HOLD_QUIET. Then a
 * turn starts, during which up to ZB_MAX_PASSED requests may pass by any rule. The turn
 * ends when they have passed, or when none has passed for ZB_TURN_IDLE.
 *
 * A hold belongs to the queue and not to a request: if the first request leaves or is
 * served, the next one gets only the rest of the hold. Otherwise a sequence of large
 * requests could hold up the others without limit.
 *
 * If the first request can't be served, another work item reclaims memory for it or, if it
 * needs more than one page, compacts, and then tries to serve it. If that fails and its block
 * is at least a pageblock, memory is captured for it (attempt.c). The dispatcher serves other
 * requests meanwhile, because this takes long. After a success or a failure, the next time is
 * after ZB_COMPACT_DELAY at the earliest. If compaction fails and no memory is freed afterwards,
 * the delay doubles, up to ZB_COMPACT_DELAY_MAX.
 *
 * The same work item also reclaims or compacts memory for one later request at a time that no zone
 * can serve, because the first one may wait for something that never becomes possible. This is
 * done soon after a request has joined the queue, and otherwise after the same delays. These
 * requests take turns, and then the rules above apply to them.
 *
 * A range is made free by that work item only, while it is the first request, because the search
 * for it takes long. It need not accumulate what is freed, because it can move what is in its
 * way; so one that is larger than any block does not hold up others, and a smaller one does no
 * more than any request of its size.
 */
#ifndef ZB_LINE_H
#define ZB_LINE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../core/zeroed.h"
#include "../instance/instance.h"
#include "../instance/request.h"

#define ZB_MAX_PASSED	64u
#define ZB_HOLD_MAX	HZ
#define ZB_HOLD_QUIET	(HZ / 5)
#define ZB_TURN_IDLE	(HZ / 20 ?: 1)
#define ZB_COMPACT_DELAY	HZ
#define ZB_COMPACT_DELAY_MAX	(8 * HZ)

/**
 * struct zb_waiter - a request in the queue
 * @link: on zb_line.waiters; empty once the request is served
 * @task: the waiting task
 * @req: the request
 * @policy: policy of @req
 * @range: the frames that are wanted, for a range; else @range.nr_pages is 0
 * @cpuset: copy of the task's allowed nodes, for @policy
 * @nodes: copy of the nodes of the task's NUMA policy, for @policy
 * @pfn: first frame of the memory, or ZB_NO_PFN
 * @map: set together with @pfn to which of the frames are known to be zero, or NULL
 * @hopeless: the request was removed from the queue, because the memory was reduced and can
 *	never serve it
 * @shrinks: zb_instance.shrinks when the request was last found to be possible
 * @round: position in the queue
 * @user_round: round of the latest request of the same user; zb_line.lock protects it
 * @scan: zb_line.scan when the dispatcher considered the request last
 */
struct zb_waiter {
	struct list_head link;
	struct task_struct *task;
	struct zb_alloc_request req;
	struct zb_alloc_policy policy;
	struct zb_range range;
	nodemask_t cpuset;
	nodemask_t nodes;
	unsigned long pfn;
	struct zb_zero_map *map;
	bool hopeless;
	int shrinks;
	u64 round;
	u64 *user_round;
	unsigned int scan;
};

/* Update the copy of the task's allowed nodes, because its cpuset may have changed. */
static inline void zb_update_cpuset(struct zb_waiter *w)
{
	if (w->policy.cpuset)
		zb_copy_cpuset(w->task, &w->cpuset);
}

/* Check whether two requests are the same as far as an attempt to serve them is concerned. */
static inline bool zb_same_request(const struct zb_waiter *a, const struct zb_waiter *b)
{
	return a->req.gfp == b->req.gfp && a->req.nr_pages == b->req.nr_pages &&
	       a->req.nid == b->req.nid && nodes_equal(a->cpuset, b->cpuset) &&
	       nodes_equal(a->nodes, b->nodes);
}

/**
 * struct zb_attempt - an attempt to serve a waiter
 * @waiter: the waiter; set to NULL if its task leaves or if it is served meanwhile
 * @req: copy of its request, which stays valid
 * @policy: policy of @req
 * @range: copy of the waiter's
 * @cpuset: nodes for @policy
 * @nodes: nodes for @policy
 * @map: which of the frames are known to be zero; has room for the largest request
 * @capture_at: time in jiffies before which no memory is captured
 */
struct zb_attempt {
	struct zb_waiter *waiter;
	struct zb_alloc_request req;
	struct zb_alloc_policy policy;
	struct zb_range range;
	nodemask_t cpuset;
	nodemask_t nodes;
	struct zb_zero_map map;
	unsigned long capture_at;
};

/**
 * struct zb_line - the queue of waiting requests
 * @inst: (c) the instance to allocate from
 * @lock: (-) protects the members marked (l); not held while memory is allocated. It is
 *	a spinlock with short holds, so that no task is preempted while it holds the lock.
 * @waiters: (l) the requests, by their rounds
 * @round: (l) first round for a new request
 * @serving: (l) the dispatcher's attempt
 * @compacting: (l) the attempt of @compact_work
 * @scan: (l) number of the dispatcher's current or last scan of the queue
 * @considered: (l) last request that was considered in this scan, or @waiters
 * @allowance: (l) number of requests that may still pass the first one
 * @blocked: (l) since the last scan, a request was refused because of the first one
 * @hold: (l) a hold is in progress
 * @hold_left: (l) remaining duration of the hold, or of the next one, in jiffies
 * @turn: (l) a turn is in progress
 * @since: (l) jiffies when the hold started, or when a request passed in the turn
 * @last_free: (l) jiffies of the last free
 * @compact_at: (l) jiffies at the end of the last compaction; if that was skipped, an earlier
 *	time, so that the next one follows after SCAN_INTERVAL
 * @compact_delay: (l) time from the end of a failed compaction to the next one, in jiffies
 * @compact_free: (l) @last_free when that time was set
 * @help_at: (l) jiffies at the end of the last attempt to make memory for a request behind the
 *	first one, or an earlier time, so that the next one follows after SCAN_INTERVAL
 * @hurried_at: (l) jiffies when @help_at was last set to such an earlier time
 * @helped: (l) the last such request, or @waiters
 * @on_free: (i) on zb_instance.free_wait while requests wait
 * @kicks: (a) number of requests to run the dispatcher since its last scan
 * @frees: (a) number of frees since its last scan
 * @wq: (c) workqueue of the dispatcher
 * @work: (i) the dispatcher
 * @compact_work: (i) reclaims and compacts memory for the first request and for later ones
 *
 * The letters specify what protects each member:
 *
 *  - (c) constant while the module is loaded
 *  - (a) atomic
 *  - (l) @lock
 *  - (i) a lock of its own
 *  - (-) nothing
 */
struct zb_line {
	struct zb_instance *inst;
	spinlock_t lock;
	struct list_head waiters;
	u64 round;
	struct zb_attempt serving;
	struct zb_attempt compacting;
	unsigned int scan;
	struct list_head *considered;
	unsigned int allowance;
	bool blocked;
	bool hold;
	bool turn;
	unsigned long hold_left;
	unsigned long since;
	unsigned long last_free;
	unsigned long compact_at;
	unsigned long compact_delay;
	unsigned long compact_free;
	unsigned long help_at;
	unsigned long hurried_at;
	struct list_head *helped;
	wait_queue_entry_t on_free;
	atomic_t kicks;
	atomic_t frees;
	struct workqueue_struct *wq;
	struct delayed_work work;
	struct work_struct compact_work;
};

/* attempt.c */
int zb_attempt_init(struct zb_attempt *attempt, const struct zb_instance *inst);
void zb_attempt_destroy(struct zb_attempt *attempt);
void zb_attempt_begin(struct zb_attempt *attempt, struct zb_waiter *w);
bool zb_waiter_could_ever(struct zb_instance *inst, const struct zb_waiter *w);
void zb_attempt_free(const struct zb_attempt *attempt, struct zb_pool *pool, unsigned long pfn);
enum zb_compact_result zb_attempt_make_room(struct zb_attempt *attempt, struct zb_pool *pool,
					    unsigned long *pfn);

/* pass.c */
bool zb_line_may_pass(struct zb_line *line, struct zb_waiter *first, struct zb_waiter *w,
		      bool *passes);
void zb_line_end_pass(struct zb_line *line, bool got);
void zb_line_end_hold(struct zb_line *line);
bool zb_line_change_state(struct zb_line *line);

/* line.c */
int zb_line_init(struct zb_line *line, struct zb_instance *inst);
void zb_line_destroy(struct zb_line *line);
bool zb_line_may_try(struct zb_line *line, struct zb_waiter *w, bool *passes);
void zb_line_tried(struct zb_line *line, bool passes, bool got);
void zb_line_enter(struct zb_line *line, struct zb_waiter *w);
void zb_line_leave(struct zb_line *line, struct zb_waiter *w);

#endif /* ZB_LINE_H */

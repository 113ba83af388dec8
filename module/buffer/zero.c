// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears the frames of new buffers, except for those that are known to be zero
 * (core/zeroed.h).
 *
 * With clear_helpers, work items help the task to clear a large buffer. All of them take the next
 * piece of the buffer until none is left, so a helper that gets no CPU time does not delay the
 * task for longer than the piece that it has begun. The workqueue is unbound, so helpers run
 * on the CPUs that the administrator allows for such work, and not on isolated ones.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cpumask.h>
#include <linux/highmem.h>
#include <linux/kstrtox.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "zero.h"

/* Debug kernels verify one in this many of the frames that need not be cleared. */
#define VERIFY_EACH	8u

/* Pieces of this size are not slower to clear than larger ones. */
#define PIECE		(SZ_32M >> PAGE_SHIFT)

#define MAX_HELPERS	7u

static unsigned int clear_helpers;

static int set_clear_helpers(const char *text, const struct kernel_param *kp)
{
	unsigned int n;

	if (kstrtouint(text, 0, &n) || n > MAX_HELPERS) {
		pr_err("%s=%.*s: must be a number from 0 to %u\n", kp->name,
		       (int)min_t(size_t, strcspn(text, "\n"), 40), text, MAX_HELPERS);
		return -EINVAL;
	}
	WRITE_ONCE(clear_helpers, n);
	return 0;
}

static const struct kernel_param_ops clear_helpers_ops = {
	.set = set_clear_helpers,
	.get = param_get_uint,
};
module_param_cb(clear_helpers, &clear_helpers_ops, &clear_helpers, 0644);
__MODULE_PARM_TYPE(clear_helpers, "uint");
MODULE_PARM_DESC(clear_helpers, "number of CPUs, 0 to 7, that help to clear a new buffer of more than 32 MiB (default 0)");

/**
 * struct clearing - the frames of a buffer that are cleared
 * @pfn: first frame
 * @nr_pages: number of frames
 * @map: which frames are known to be zero, or NULL
 * @next: the first frame that nobody clears yet, counted from @pfn
 * @task: the task that waits for the buffer
 * @killed: it is being killed, so not all frames have been cleared
 */
struct clearing {
	unsigned long pfn;
	unsigned long nr_pages;
	const struct zb_zero_map *map;
	atomic_long_t next;
	struct task_struct *task;
	bool killed;
};

/**
 * struct helper - clears pieces on behalf of another task
 * @work: the work item
 * @c: what is cleared
 */
struct helper {
	struct work_struct work;
	struct clearing *c;
};

/* Debug kernels check frames that are known to be zero, and clear those that are not. */
static void verify(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i;
	void *addr;
	bool ok;

	for (i = 0; IS_ENABLED(CONFIG_DEBUG_VM) && i < nr_pages; i += VERIFY_EACH) {
		addr = kmap_local_page(pfn_to_page(pfn + i));
		ok = !memchr_inv(addr, 0, PAGE_SIZE);
		kunmap_local(addr);
		if (WARN_ONCE(!ok, "zbuddy: a frame that is known to be zero was written to\n"))
			clear_highpage(pfn_to_page(pfn + i));
	}
}

/* Clearing a large buffer takes long, so stop if the task is killed. */
static void clear_piece(struct clearing *c, unsigned long i, unsigned long end)
{
	unsigned long nr;

	for (; i < end; i += nr) {
		nr = c->map ? zb_zero_map_run(c->map, c->pfn, i, end) : end - i;
		nr = min_t(unsigned long, nr, ZB_CLEAR_BATCH);
		if (c->map && zb_zero_map_test(c->map, c->pfn, i))
			verify(c->pfn + i, nr);
		else
			zb_clear_frames(c->pfn + i, nr);
		cond_resched();
		if (fatal_signal_pending(c->task)) {
			WRITE_ONCE(c->killed, true);
			return;
		}
	}
}

static void clear_pieces(struct clearing *c)
{
	unsigned long i;

	while (!READ_ONCE(c->killed)) {
		i = atomic_long_fetch_add(PIECE, &c->next);
		if (i >= c->nr_pages)
			break;
		clear_piece(c, i, min(i + PIECE, c->nr_pages));
	}
}

static void help(struct work_struct *work)
{
	clear_pieces(container_of(work, struct helper, work)->c);
}

/* Frames that are known to be zero need no help, and a task that may use only one CPU gets none. */
static unsigned int nr_helpers(const struct clearing *c)
{
	unsigned long zero = c->map && c->map->pfn == c->pfn ? c->map->nr_zero : 0;
	unsigned long most = READ_ONCE(clear_helpers);

	if (likely(!most) || c->nr_pages - zero <= PIECE)
		return 0;
	most = min(most, DIV_ROUND_UP(c->nr_pages - zero, PIECE) - 1);
	return min(most, cpumask_weight(current->cpus_ptr) - 1ul);
}

/* The map and the helpers are on the stack of the task, which waits for those that have begun. */
static void clear_with_help(struct clearing *c, unsigned int nr)
{
	struct helper helpers[MAX_HELPERS];
	int nid = page_to_nid(pfn_to_page(c->pfn));
	unsigned int i;

	for (i = 0; i < nr; i++) {
		helpers[i].c = c;
		INIT_WORK_ONSTACK(&helpers[i].work, help);
		queue_work_node(nid, ZB_WQ_UNBOUND, &helpers[i].work);
	}
	clear_pieces(c);
	for (i = 0; i < nr; i++) {
		cancel_work_sync(&helpers[i].work);
		destroy_work_on_stack(&helpers[i].work);
	}
}

static int clear_frames(struct zb_buffer_pool *bpool, unsigned long pfn,
			unsigned long nr_pages, const struct zb_zero_map *map)
{
	struct clearing c = {
		.pfn = pfn, .nr_pages = nr_pages, .map = map, .task = current,
	};
	unsigned int nr = nr_helpers(&c);

	if (unlikely(nr))
		clear_with_help(&c, nr);
	else
		clear_pieces(&c);
	if (c.killed)
		return -EINTR;
	return zb_sync_cleared(bpool, pfn, nr_pages) ? -ENOMEM : 0;
}

/**
 * zb_buffer_clear() - clear the frames of a new buffer
 * @bpool: the buffer pool
 * @want: the request
 * @pfn: first frame
 * @map: which frames are known to be zero, or NULL
 *
 * Context: may sleep.
 * Return: 0, -EINTR if the task is being killed, or -ENOMEM.
 */
int zb_buffer_clear(struct zb_buffer_pool *bpool, const struct zb_want *want,
		    unsigned long pfn, const struct zb_zero_map *map)
{
	int err = clear_frames(bpool, pfn, want->nr_pages, map);

	if (err == -EINTR)
		atomic_long_inc(&bpool->inst->killed);
	else if (err)
		zb_explain(want->why, ZB_CAUSE_CACHES);
	return err;
}

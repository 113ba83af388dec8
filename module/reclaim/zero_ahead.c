// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears free memory in advance, with one thread per node (core/zero_ahead.h).
 *
 * The threads sleep while another task wants their CPU or the machine runs on battery. Their
 * scheduling class is SCHED_IDLE, except with PREEMPT_RT: there, the zone lock can be
 * preempted, and a task of a higher class must not wait for a thread that gets no CPU time.
 * They do not use isolated CPUs. A thread that has nothing left to do is woken when a buffer
 * of user space is freed; it also looks from time to time for memory that modules have freed.
 *
 * Without zero_ahead, there are no threads, and it is not recorded which frames are zero.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/power_supply.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <uapi/linux/sched/types.h>

#include "../core/zero_ahead.h"
#include "reclaim.h"

#define MAX_PERCENT	100u
#define STEPS		16u		/* frames cleared before the load is looked at */
#define RESTART_FRAMES	1024u		/* frames cleared before freed buffers are looked at */
#define BUSY_TIME	(HZ / 10 ?: 1)	/* sleep when the machine is busy */
#define IDLE_TIME	(2 * HZ)	/* sleep when nothing is left to do */
#define WAKE_DELAY	(HZ / 50 ?: 1)	/* in which more buffers may be freed */
#define BATTERY_TIME	(5 * HZ)	/* between two looks at the power supply */

/**
 * struct zb_zero_thread - clears free memory of one node
 * @reclaim: reclaim and compaction of the instance
 * @nid: the node
 * @task: the thread
 * @on_battery: the machine ran on battery at the last look
 * @battery_at: time of the next look, in jiffies
 */
struct zb_zero_thread {
	struct zb_reclaim *reclaim;
	int nid;
	struct task_struct *task;
	bool on_battery;
	unsigned long battery_at;
};

static unsigned int zero_ahead;
static struct zb_reclaim *attached;	/* the parameter applies to it */
static DEFINE_MUTEX(zero_lock);		/* protects these two against changes */

/* Asking the power supply may be slow. */
static bool on_battery(struct zb_zero_thread *thread)
{
	if (!IS_BUILTIN(CONFIG_POWER_SUPPLY))
		return false;
	if (time_after_eq(jiffies, thread->battery_at)) {
		thread->on_battery = !power_supply_is_system_supplied();
		thread->battery_at = jiffies + BATTERY_TIME;
	}
	return thread->on_battery;
}

/*
 * Clear memory of one zone until nothing is left to do. If a buffer is freed meanwhile, it may
 * have left a larger block than those that are next, so the thread starts again, but not before
 * it has cleared RESTART_FRAMES: frees that never end must not keep it at the start.
 */
static void clear_zone(struct zb_zero_thread *thread, struct zb_zone *zone, int seen)
{
	struct zb_instance *inst = thread->reclaim->inst;
	struct zb_zero_sweep sweep;
	unsigned long cleared = 0;

	zb_zero_sweep_begin(&sweep, zone);
	while (!sweep.done && !kthread_freezable_should_stop(NULL)) {
		if (!single_task_running() || on_battery(thread)) {
			schedule_timeout_interruptible(BUSY_TIME);
			continue;
		}
		cleared += zb_zone_zero_ahead(zone, &sweep, STEPS);
		if (cleared >= RESTART_FRAMES && atomic_read(&inst->zero_frees) != seen)
			return;
		cond_resched();
	}
}

static int zero_thread(void *data)
{
	struct zb_zero_thread *thread = data;
	struct zb_instance *inst = thread->reclaim->inst;
	struct zb_zone *zone;
	int seen;

	set_freezable();
	while (!kthread_should_stop()) {
		seen = atomic_read(&inst->zero_frees);
		zb_for_each_zone(zone, &inst->pool)
			if (zone->nid == thread->nid)
				clear_zone(thread, zone, seen);
		wait_event_freezable_timeout(inst->zero_wait, kthread_should_stop() ||
					     atomic_read(&inst->zero_frees) != seen,
					     IDLE_TIME);
		if (!kthread_should_stop())
			schedule_timeout_interruptible(WAKE_DELAY);
	}
	return 0;
}

/* Use the CPUs of the node that are not isolated, or else all that are not isolated. */
static void set_cpus(struct task_struct *task, int nid)
{
	const struct cpumask *allowed = housekeeping_cpumask(HK_TYPE_DOMAIN);
	cpumask_var_t mask;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL)) {
		set_cpus_allowed_ptr(task, allowed);
		return;
	}
	if (!cpumask_and(mask, cpumask_of_node(nid), allowed) ||
	    set_cpus_allowed_ptr(task, mask))
		set_cpus_allowed_ptr(task, allowed);
	free_cpumask_var(mask);
}

static int create_thread(struct zb_zero_thread *thread, struct zb_reclaim *reclaim, int nid)
{
	const struct sched_attr idle = {
		.size = sizeof(idle),
		.sched_policy = IS_ENABLED(CONFIG_PREEMPT_RT) ? SCHED_NORMAL : SCHED_IDLE,
		.sched_nice = MAX_NICE,
	};
	struct task_struct *task;

	thread->reclaim = reclaim;
	thread->nid = nid;
	thread->battery_at = jiffies;
	task = kthread_create_on_node(zero_thread, thread, nid, "zbuddy_zero/%d", nid);
	if (IS_ERR(task))
		return PTR_ERR(task);
	thread->task = task;
	sched_setattr_nocheck(task, &idle);
	set_cpus(task, nid);
	wake_up_process(task);
	return 0;
}

static void stop_threads(struct zb_reclaim *reclaim)
{
	unsigned int i;

	for (i = 0; i < reclaim->inst->pool.nr_nodes; i++)
		if (reclaim->zero[i].task)
			kthread_stop(reclaim->zero[i].task);
	kfree(reclaim->zero);
	reclaim->zero = NULL;
}

static int start_threads(struct zb_reclaim *reclaim)
{
	const struct zb_pool *pool = &reclaim->inst->pool;
	unsigned int i;
	int err = 0;

	reclaim->zero = kcalloc(pool->nr_nodes, sizeof(*reclaim->zero), GFP_KERNEL);
	if (!reclaim->zero)
		return -ENOMEM;
	for (i = 0; !err && i < pool->nr_nodes; i++)
		err = create_thread(&reclaim->zero[i], reclaim, pool->nodes[i].nid);
	if (err)
		stop_threads(reclaim);
	return err;
}

static void stop_recording(struct zb_instance *inst)
{
	struct zb_zone *zone;

	WRITE_ONCE(inst->zero_ahead, false);
	zb_for_each_zone(zone, &inst->pool)
		vfree(zb_zone_set_zeroed(zone, NULL));
}

static int start_recording(struct zb_instance *inst)
{
	struct zb_zeroed *zeroed;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool) {
		zeroed = vzalloc_node(zb_zeroed_size(zone->nr_pages), zone->nid);
		if (!zeroed) {
			stop_recording(inst);
			return -ENOMEM;
		}
		zb_zone_set_zeroed(zone, zeroed);
	}
	WRITE_ONCE(inst->zero_ahead, true);
	return 0;
}

static int start(struct zb_reclaim *reclaim)
{
	int err = start_recording(reclaim->inst);

	if (err)
		return err;
	err = start_threads(reclaim);
	if (err)
		stop_recording(reclaim->inst);
	return err;
}

static void stop(struct zb_reclaim *reclaim)
{
	if (!reclaim->zero)
		return;
	stop_threads(reclaim);
	stop_recording(reclaim->inst);
}

static void set_limits(struct zb_instance *inst, unsigned int percent)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		zb_zone_set_zero_max(zone, percent);
	/* More may have to be cleared now. */
	atomic_inc(&inst->zero_frees);
	wake_up(&inst->zero_wait);
}

static int apply(struct zb_reclaim *reclaim, unsigned int percent)
{
	int err = 0;

	lockdep_assert_held(&zero_lock);
	if (percent && reclaim->inst->ops.poison) {
		pr_err("zero_ahead=%u: must be 0 with poison=Y, because free memory can't be cleared and filled with a pattern\n",
		       percent);
		return -EINVAL;
	}
	if (!percent)
		stop(reclaim);
	else if (!reclaim->zero)
		err = start(reclaim);
	if (!err && percent)
		set_limits(reclaim->inst, percent);
	return err;
}

static int set_zero_ahead(const char *text, const struct kernel_param *kp)
{
	unsigned int n;
	int err = 0;

	if (kstrtouint(text, 0, &n) || n > MAX_PERCENT) {
		pr_err("%s=%.*s: must be a number from 0 to %u\n", kp->name,
		       (int)min_t(size_t, strcspn(text, "\n"), 40), text, MAX_PERCENT);
		return -EINVAL;
	}
	mutex_lock(&zero_lock);
	if (attached)
		err = apply(attached, n);
	if (!err)
		zero_ahead = n;
	mutex_unlock(&zero_lock);
	return err;
}

static const struct kernel_param_ops zero_ahead_ops = {
	.set = set_zero_ahead,
	.get = param_get_uint,
};
module_param_cb(zero_ahead, &zero_ahead_ops, &zero_ahead, 0644);
__MODULE_PARM_TYPE(zero_ahead, "uint");
MODULE_PARM_DESC(zero_ahead, "percent of each zone, 0 to 100, that is cleared in advance while it is free and the machine is idle; 0 to clear memory only when it is allocated (default 0)");

/**
 * zb_zero_create() - clear memory in advance from now on, if zero_ahead is set
 * @reclaim: reclaim and compaction of the instance
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINVAL after a log message.
 */
int zb_zero_create(struct zb_reclaim *reclaim)
{
	int err;

	mutex_lock(&zero_lock);
	err = apply(reclaim, zero_ahead);
	if (!err)
		attached = reclaim;
	mutex_unlock(&zero_lock);
	return err;
}

/**
 * zb_zero_destroy() - undo zb_zero_create()
 * @reclaim: reclaim and compaction of the instance
 *
 * Context: may sleep.
 */
void zb_zero_destroy(struct zb_reclaim *reclaim)
{
	mutex_lock(&zero_lock);
	attached = NULL;
	stop(reclaim);
	mutex_unlock(&zero_lock);
}

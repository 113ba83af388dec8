// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drains per-CPU lists: on demand, when they are idle, and when memory is short.
 *
 * A drain empties the lists of other CPUs without running code there, so that neither
 * a real-time task nor an isolated CPU delays it. It parks the lists and waits for a
 * grace period, after which no CPU uses them (core/pcp_list.h). The expedited grace period
 * interrupts CPUs that are in the kernel, but not nohz_full CPUs that are in user
 * space.
 *
 * The lists of an offline CPU stay parked and empty (hotplug.c).
 *
 * A request that may not sleep can't wait for a grace period. The lists are therefore
 * drained independently of such requests:
 *
 *  - when a zone becomes low. While it is low, nothing is added to its lists
 *    (core/pcp_list.h). A few milliseconds later, requests on any CPU can allocate every
 *    single frame above the watermark.
 *  - when a CPU has not used its lists for IDLE_INTERVAL, so that the memory can merge
 *    into larger blocks. The CPU is not counted any more until it uses them again, so that
 *    the lists of others can be longer.
 *  - when the lists have to become shorter because more CPUs use them.
 *  - when such a request has failed, for the benefit of the next one.
 *
 * Drains of all CPUs are work items, also when a task waits for them. A task that drained
 * by itself would hold drain_lock for a grace period, and if it is of low priority or
 * throttled, it would delay the drains of all other tasks for as long as it does not
 * run. Most of the cost of a drain is the grace period, and tasks that queue the work
 * item before it starts share it. Only zb_instance_drain_cpu() and
 * zb_instance_drain_zone() drain in the calling task. They serve other kernel modules
 * alone, so user space cannot cause such a delay.
 */
#include <linux/cpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "instance.h"

#define LOW_INTERVAL	(HZ / 50 + 1)	/* minimum between two drains of low zones */
#define IDLE_INTERVAL	(5 * HZ)

static struct workqueue_struct *drain_wq;

/* The lists that a drain empties. */
struct drain_target {
	struct zb_zone *zone;		/* NULL for all zones */
	int cpu;			/* negative for all CPUs */
	bool even_empty;		/* also park lists that seem to be empty */
	bool idle;			/* only lists that their CPU does not use */
};

static bool in_target(const struct drain_target *t, const struct zb_zone *zone,
		      unsigned int cpu)
{
	return (!t->zone || t->zone == zone) &&
	       (t->cpu < 0 || (unsigned int)t->cpu == cpu);
}

static bool needs_drain(const struct drain_target *t, struct zb_zone *zone,
			unsigned int cpu)
{
	if (t->idle)
		return zb_pcp_is_idle(zone, cpu);
	return t->even_empty || zb_pcp_nr_pages(zone, cpu);
}

/* Returns false if no list was parked. */
static bool park_lists(struct zb_instance *inst, const struct drain_target *t)
{
	struct zb_zone *zone;
	bool parked = false;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		zb_for_each_zone(zone, &inst->pool)
			if (in_target(t, zone, cpu) && needs_drain(t, zone, cpu))
				parked |= zb_pcp_park(zone, cpu, ZB_PCP_DRAINED);
	return parked;
}

static void begin_draining(struct zb_instance *inst)
{
	WRITE_ONCE(inst->draining, true);
	/* Pairs with that of any_cached(): whoever finds the lists empty sees the flag. */
	smp_wmb();
}

static void end_draining(struct zb_instance *inst)
{
	/* Pairs with any_cached(): the blocks are in the zone. */
	smp_store_release(&inst->draining, false);
}

static void drain_parked(struct zb_instance *inst, const struct drain_target *t)
{
	struct zb_zone *zone;
	unsigned int cpu;

	begin_draining(inst);
	for_each_possible_cpu(cpu) {
		zb_for_each_zone(zone, &inst->pool) {
			if (!in_target(t, zone, cpu) ||
			    !zb_pcp_is_parked(zone, cpu, ZB_PCP_DRAINED))
				continue;
			zb_pcp_drain(zone, cpu);
			if (t->idle)
				zb_end_lists(zone, cpu);
			zb_pcp_unpark(zone, cpu, ZB_PCP_DRAINED);
		}
		cond_resched();
	}
	end_draining(inst);
}

/* Returns false if a drain that begins now would add nothing to any zone. */
static bool any_cached(struct zb_instance *inst)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		if (zb_zone_nr_cached(zone))
			return true;
	/* Pairs with that of begin_draining(). */
	smp_rmb();
	/* Pairs with end_draining(). */
	return smp_load_acquire(&inst->draining);
}

static void drain_lists(struct zb_instance *inst, const struct drain_target *t)
{
	mutex_lock(&inst->drain_lock);
	if (park_lists(inst, t)) {
		/* zb_pcp_enter() disables preemption while a CPU uses its lists. */
		synchronize_rcu_expedited();
		drain_parked(inst, t);
	}
	mutex_unlock(&inst->drain_lock);
}

static void drain_all_lists(struct zb_instance *inst, bool even_empty)
{
	const struct drain_target all = { .cpu = -1, .even_empty = even_empty };

	drain_lists(inst, &all);
	zb_instance_recheck(inst);
}

static void drain_work(struct work_struct *work)
{
	drain_all_lists(container_of(work, struct zb_instance, drain_work), false);
}

static void full_drain_work(struct work_struct *work)
{
	drain_all_lists(container_of(work, struct zb_instance, full_drain_work), true);
}

/*
 * Wait for a drain that starts after this call. If the work item is running, it is queued
 * to run again; if it is pending, it will see all writes of the caller.
 */
static void drain_and_wait(struct work_struct *work)
{
	queue_work(drain_wq, work);
	flush_work(work);
}

static bool any_unfit(struct zb_pool *pool)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (READ_ONCE(zone->nr_unfit))
			return true;
	return false;
}

/*
 * Requests may fail very often, so do nothing if a drain can't add any frame to a zone: neither a
 * frame on a list nor an unfit one that has become usable. Otherwise, each of them would wait for
 * drains of others, and so for tasks in RCU read-side critical sections.
 */
static void drain_for_request(struct zb_pool *pool)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);

	if (any_cached(inst) || any_unfit(pool))
		drain_and_wait(&inst->drain_work);
}

/*
 * Also park lists that seem to be empty: a CPU that has read the state of the zone
 * before it became low may be about to add a block.
 */
static void low_work(struct work_struct *work)
{
	struct zb_instance *inst = container_of(to_delayed_work(work),
						struct zb_instance, low_work);

	drain_all_lists(inst, true);
	WRITE_ONCE(inst->low_drained, jiffies);
}

/* A zone that oscillates around its watermark must not cause continuous drains. */
static void became_low(struct zb_pool *pool, struct zb_zone *zone)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	unsigned long now = jiffies;
	unsigned long next = READ_ONCE(inst->low_drained) + LOW_INTERVAL;

	queue_delayed_work(drain_wq, &inst->low_work,
			   time_before(now, next) ? next - now : 0);
}

static void idle_work(struct work_struct *work)
{
	struct zb_instance *inst = container_of(to_delayed_work(work),
						struct zb_instance, idle_work);
	const struct drain_target t = { .cpu = -1, .idle = true };

	drain_lists(inst, &t);
	queue_delayed_work(drain_wq, &inst->idle_work,
			   round_jiffies_relative(IDLE_INTERVAL));
}

/* Drain for the request that follows one that may not sleep. */
static void drain_later(struct zb_pool *pool)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);

	if (any_cached(inst))
		queue_work(drain_wq, &inst->drain_work);
}

/**
 * zb_instance_drain_all() - drain all per-CPU lists
 * @inst: the instance
 *
 * Afterwards, a zone without allocated frames is in its initial state, except for
 * frames that are unfit for use. Because of the grace period, no CPU uses a migrate
 * type any more that it has read before the call. Drains of all CPUs that were
 * requested before the call, such as that of a low zone, have ended too.
 *
 * Context: may sleep.
 */
void zb_instance_drain_all(struct zb_instance *inst)
{
	struct zb_zone *zone;

	/* The full drain includes the one that is still to come for a low zone. */
	cancel_delayed_work_sync(&inst->low_work);
	drain_and_wait(&inst->full_drain_work);
	flush_work(&inst->drain_work);
	zb_for_each_zone(zone, &inst->pool)
		zb_zone_unreserve_idle(zone);
}

/**
 * zb_instance_drain_cpu() - drain the per-CPU lists of one CPU
 * @inst: the instance
 * @cpu: any possible CPU
 *
 * Context: may sleep.
 */
void zb_instance_drain_cpu(struct zb_instance *inst, unsigned int cpu)
{
	const struct drain_target t = { .cpu = cpu };

	drain_lists(inst, &t);
}

/**
 * zb_instance_drain_zone() - drain the per-CPU lists of one zone on all CPUs
 * @inst: the instance
 * @zone: one of its zones
 *
 * Context: may sleep.
 */
void zb_instance_drain_zone(struct zb_instance *inst, struct zb_zone *zone)
{
	const struct drain_target t = { .zone = zone, .cpu = -1 };

	drain_lists(inst, &t);
}

/**
 * zb_drain_ops() - fill in the callbacks of this file
 * @ops: callbacks of the allocator
 */
void zb_drain_ops(struct zb_ops *ops)
{
	ops->drain_all = drain_for_request;
	ops->drain_later = drain_later;
	ops->became_low = became_low;
}

/**
 * zb_drain_create() - prepare for drains
 * @inst: the instance, whose pool is complete
 *
 * Context: may sleep.
 */
void zb_drain_create(struct zb_instance *inst)
{
	mutex_init(&inst->drain_lock);
	INIT_WORK(&inst->drain_work, drain_work);
	INIT_WORK(&inst->full_drain_work, full_drain_work);
	INIT_DELAYED_WORK(&inst->low_work, low_work);
	INIT_DELAYED_WORK(&inst->idle_work, idle_work);
	inst->low_drained = jiffies - LOW_INTERVAL;
	queue_delayed_work(drain_wq, &inst->idle_work, IDLE_INTERVAL);
}

/**
 * zb_drain_destroy() - undo zb_drain_create()
 * @inst: the instance, from which nothing is allocated any more
 *
 * Context: may sleep.
 */
void zb_drain_destroy(struct zb_instance *inst)
{
	cancel_work_sync(&inst->drain_work);
	cancel_work_sync(&inst->full_drain_work);
	cancel_delayed_work_sync(&inst->low_work);
	cancel_delayed_work_sync(&inst->idle_work);
}

/**
 * zb_drain_cpu_online() - allow a CPU to use its lists
 * @inst: the instance
 * @cpu: a CPU that comes online
 *
 * Context: may sleep.
 */
void zb_drain_cpu_online(struct zb_instance *inst, unsigned int cpu)
{
	struct zb_zone *zone;

	mutex_lock(&inst->drain_lock);
	zb_for_each_zone(zone, &inst->pool)
		zb_pcp_unpark(zone, cpu, ZB_PCP_OFFLINE);
	mutex_unlock(&inst->drain_lock);
}

/**
 * zb_drain_cpu_offline() - drain the lists of a CPU and prevent further use
 * @inst: the instance
 * @cpu: a CPU that goes offline
 *
 * The CPU may still handle interrupts afterwards, which bypass parked lists.
 *
 * Context: may sleep.
 */
void zb_drain_cpu_offline(struct zb_instance *inst, unsigned int cpu)
{
	struct zb_zone *zone;

	mutex_lock(&inst->drain_lock);
	zb_for_each_zone(zone, &inst->pool)
		zb_pcp_park(zone, cpu, ZB_PCP_OFFLINE);
	synchronize_rcu_expedited();
	begin_draining(inst);
	zb_for_each_zone(zone, &inst->pool) {
		zb_pcp_drain(zone, cpu);
		zb_end_lists(zone, cpu);
	}
	end_draining(inst);
	mutex_unlock(&inst->drain_lock);
}

/**
 * zb_drain_init() - create the workqueue that all instances share
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_drain_init(void)
{
	drain_wq = alloc_workqueue("zbuddy", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return drain_wq ? 0 : -ENOMEM;
}

/**
 * zb_drain_exit() - undo zb_drain_init(), after the last zb_drain_destroy()
 *
 * Context: may sleep.
 */
void zb_drain_exit(void)
{
	destroy_workqueue(drain_wq);
}

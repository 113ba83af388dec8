// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drains per-CPU lists.
 *
 * A drain empties the lists of other CPUs without running anything there, so that
 * neither a real-time task nor an isolated CPU delays it: it parks the lists and
 * waits for a grace period, after which no CPU uses them (core/pcp.h). The expedited
 * grace period interrupts CPUs that are in the kernel, but not nohz_full CPUs that
 * are in user space.
 *
 * The lists of an offline CPU stay parked and empty (hotplug.c).
 *
 * A request that may not sleep can't wait for a grace period, so lists are drained
 * before such a request would miss what is on them:
 *
 *  - a zone becomes low: all its lists are drained, and nothing is listed while it
 *    is low (core/pcp.h). Some ms later, a request for a single frame gets every
 *    frame down to the watermark, on any CPU
 *  - a CPU has not used its lists for IDLE_INTERVAL: they are drained. Memory that
 *    nobody uses is there as whole blocks then
 *  - such a request fails: lists are drained for the next one
 *
 * A grace period costs more than the drain itself, so those who wait for a drain
 * of all CPUs share one: it is enough that one began after they came.
 */
#include <linux/cpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "instance.h"

#define LOW_INTERVAL	(HZ / 50 + 1)	/* at least, from one drain to the next */
#define IDLE_INTERVAL	(5 * HZ)

static struct workqueue_struct *wq;

/* The lists that a drain empties. */
struct target {
	struct zb_zone *zone;		/* NULL for all zones */
	int cpu;			/* negative for all CPUs */
	bool even_empty;
	bool idle;			/* only lists that are not in use */
};

static bool meant(const struct target *t, const struct zb_zone *zone,
		  unsigned int cpu)
{
	return (!t->zone || t->zone == zone) &&
	       (t->cpu < 0 || (unsigned int)t->cpu == cpu);
}

static bool wanted(const struct target *t, struct zb_zone *zone, unsigned int cpu)
{
	if (t->idle)
		return zb_pcp_is_idle(zone, cpu);
	return t->even_empty || zb_pcp_nr_pages(zone, cpu);
}

/* Returns false if no list was parked. */
static bool park(struct zb_instance *inst, const struct target *t)
{
	struct zb_zone *zone;
	bool parked = false;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		zb_for_each_zone(zone, &inst->pool)
			if (meant(t, zone, cpu) && wanted(t, zone, cpu))
				parked |= zb_pcp_park(zone, cpu, ZB_PCP_DRAINED);
	return parked;
}

static void drain_parked(struct zb_instance *inst, const struct target *t)
{
	struct zb_zone *zone;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		zb_for_each_zone(zone, &inst->pool) {
			if (!meant(t, zone, cpu) ||
			    !zb_pcp_is_parked(zone, cpu, ZB_PCP_DRAINED))
				continue;
			zb_pcp_drain(zone, cpu);
			zb_pcp_unpark(zone, cpu, ZB_PCP_DRAINED);
		}
		cond_resched();
	}
}

static void __drain(struct zb_instance *inst, const struct target *t)
{
	lockdep_assert_held(&inst->drain_lock);
	if (!park(inst, t))
		return;
	/* CPUs use the lists with preemption disabled, zb_pcp_enter() .. _leave(). */
	synchronize_rcu_expedited();
	drain_parked(inst, t);
}

static void drain(struct zb_instance *inst, const struct target *t)
{
	mutex_lock(&inst->drain_lock);
	__drain(inst, t);
	mutex_unlock(&inst->drain_lock);
}

/*
 * Drain all lists, unless another task has started to after this call: its drain
 * took everything that was on the lists, and has finished when the lock is taken.
 * With @even_empty the caller also relies on the grace period, which a drain that
 * parks no list does not wait for.
 */
static void drain_all(struct zb_instance *inst, bool even_empty)
{
	const struct target all = { .cpu = -1, .even_empty = even_empty };
	unsigned long *began = even_empty ? &inst->full_drains : &inst->drains;
	unsigned long before;

	/* A drain that is counted after this sees everything the caller has written. */
	smp_mb();
	before = READ_ONCE(*began);
	mutex_lock(&inst->drain_lock);
	if (*began == before) {
		WRITE_ONCE(inst->drains, inst->drains + 1);
		if (even_empty)
			WRITE_ONCE(inst->full_drains, inst->full_drains + 1);
		/* Count the drain before it parks any list. */
		smp_mb();
		__drain(inst, &all);
	}
	mutex_unlock(&inst->drain_lock);
	zb_instance_recheck(inst);
}

static void drain_for_request(struct zb_pool *pool)
{
	drain_all(container_of(pool, struct zb_instance, pool), false);
}

static void drain_work(struct work_struct *work)
{
	drain_all(container_of(work, struct zb_instance, drain_work), false);
}

/*
 * Lists that seem to be empty are parked too: a CPU that found the zone not low may
 * be about to list something.
 */
static void low_work(struct work_struct *work)
{
	struct zb_instance *inst = container_of(to_delayed_work(work),
						struct zb_instance, low_work);

	drain_all(inst, true);
	WRITE_ONCE(inst->low_drained, jiffies);
}

/* A zone that goes up and down around its mark does not cause drains without end. */
static void became_low(struct zb_pool *pool, struct zb_zone *zone)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	unsigned long now = jiffies;
	unsigned long next = READ_ONCE(inst->low_drained) + LOW_INTERVAL;

	queue_delayed_work(wq, &inst->low_work,
			   time_before(now, next) ? next - now : 0);
}

static void idle_work(struct work_struct *work)
{
	struct zb_instance *inst = container_of(to_delayed_work(work),
						struct zb_instance, idle_work);
	const struct target t = { .cpu = -1, .idle = true };

	drain(inst, &t);
	queue_delayed_work(wq, &inst->idle_work,
			   round_jiffies_relative(IDLE_INTERVAL));
}

/* Only if a drain would bring something, so that failures alone make no work. */
static void drain_later(struct zb_pool *pool)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (zb_zone_nr_cached(zone)) {
			queue_work(wq, &inst->drain_work);
			return;
		}
}

/**
 * zb_instance_drain_all() - have all per-CPU lists given back
 * @inst: the instance
 *
 * A zone of which nothing is in use then is as it was in the beginning, but for
 * frames that are unfit for use. Afterwards no CPU is in a section that began
 * before the call, so none acts on a migrate type that it has read before.
 *
 * Context: may sleep.
 */
void zb_instance_drain_all(struct zb_instance *inst)
{
	struct zb_zone *zone;

	drain_all(inst, true);
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
	const struct target t = { .cpu = cpu };

	drain(inst, &t);
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
	const struct target t = { .zone = zone, .cpu = -1 };

	drain(inst, &t);
}

/**
 * zb_instance_nr_cpus() - how many CPUs share the memory
 * @inst: the instance
 *
 * A CPU that is on its way down is still online when its lists are parked.
 *
 * Context: any.
 * Return: how many, as of some recent moment, at least 1.
 */
unsigned int zb_instance_nr_cpus(const struct zb_instance *inst)
{
	unsigned int cpu, nr = 0;

	for_each_online_cpu(cpu)
		nr += !zb_pcp_is_parked(inst->pool.zones, cpu, ZB_PCP_OFFLINE);
	return nr ?: 1;
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
	INIT_DELAYED_WORK(&inst->low_work, low_work);
	INIT_DELAYED_WORK(&inst->idle_work, idle_work);
	inst->low_drained = jiffies - LOW_INTERVAL;
	queue_delayed_work(wq, &inst->idle_work, IDLE_INTERVAL);
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
	cancel_delayed_work_sync(&inst->low_work);
	cancel_delayed_work_sync(&inst->idle_work);
}

/**
 * zb_drain_cpu_online() - let a CPU use its lists
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
 * zb_drain_cpu_offline() - empty the lists of a CPU and keep it from using them
 * @inst: the instance
 * @cpu: a CPU that goes offline
 *
 * The CPU still takes interrupts afterwards; they bypass lists that are parked.
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
	zb_for_each_zone(zone, &inst->pool)
		zb_pcp_drain(zone, cpu);
	mutex_unlock(&inst->drain_lock);
}

/**
 * zb_drain_init() - set up what all instances share, before zb_drain_create()
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_drain_init(void)
{
	wq = alloc_workqueue("zbuddy", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return wq ? 0 : -ENOMEM;
}

/**
 * zb_drain_exit() - undo zb_drain_init(), after the last zb_drain_destroy()
 *
 * Context: may sleep.
 */
void zb_drain_exit(void)
{
	destroy_workqueue(wq);
}

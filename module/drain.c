// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-CPU lists and the CPUs that own them.
 *
 * Lists are drained by a work item on their CPU, sent only where there is
 * something to give, and by a CPU that is being taken offline. What an
 * interrupt leaves behind on it after that is found by the next drain: nobody
 * else is there any more.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "host.h"
#include "tunables.h"

struct zb_drain {
	struct work_struct work;
	struct zb_host *host;
};

static enum cpuhp_state cpuhp_state;
static struct workqueue_struct *wq;

static void drain_cpu(struct zb_host *host, unsigned int cpu)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &host->pool)
		zb_pcp_drain(zone, cpu);
}

static void drain_work(struct work_struct *work)
{
	struct zb_drain *drain = container_of(work, struct zb_drain, work);

	drain_cpu(drain->host, smp_processor_id());
}

static bool has_cached(const struct zb_host *host, unsigned int cpu)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &host->pool)
		if (zb_pcp_nr_pages(zone, cpu))
			return true;
	return false;
}

/* With hotplug held off a work item runs where it was sent. */
static void start_drain(struct zb_host *host, unsigned int cpu)
{
	lockdep_assert_cpus_held();
	if (!has_cached(host, cpu))
		return;
	if (cpu_online(cpu))
		queue_work_on(cpu, wq, &per_cpu_ptr(host->drain, cpu)->work);
	else
		drain_cpu(host, cpu);
}

static void __drain_all(struct zb_host *host)
{
	unsigned int cpu;

	mutex_lock(&host->drain_lock);
	for_each_possible_cpu(cpu)
		start_drain(host, cpu);
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(host->drain, cpu)->work);
	mutex_unlock(&host->drain_lock);
}

/*
 * For requests. While a CPU comes or goes they do without: who asks may be one
 * of those who are at it, and would wait for itself.
 */
static void drain_all_for_request(struct zb_pool *pool)
{
	if (!cpus_read_trylock())
		return;
	__drain_all(container_of(pool, struct zb_host, pool));
	cpus_read_unlock();
}

/**
 * zb_host_drain_all() - have all CPUs give back their per-CPU lists
 * @host: the host
 *
 * A zone of which nothing is in use then is as it was in the beginning.
 *
 * Context: may sleep; not in a CPU hotplug callback.
 */
void zb_host_drain_all(struct zb_host *host)
{
	struct zb_zone *zone;

	cpus_read_lock();
	__drain_all(host);
	cpus_read_unlock();
	zb_for_each_zone(zone, &host->pool)
		zb_zone_unreserve_idle(zone);
}

/**
 * zb_host_drain_cpu() - have one CPU give back its per-CPU lists
 * @host: the host
 * @cpu: any possible CPU
 *
 * Context: may sleep; not in a CPU hotplug callback.
 */
void zb_host_drain_cpu(struct zb_host *host, unsigned int cpu)
{
	cpus_read_lock();
	mutex_lock(&host->drain_lock);
	start_drain(host, cpu);
	flush_work(&per_cpu_ptr(host->drain, cpu)->work);
	mutex_unlock(&host->drain_lock);
	cpus_read_unlock();
}

/**
 * zb_host_drain_zone() - have all CPUs give back what they keep of one zone
 * @host: the host
 * @zone: one of its zones
 *
 * CPUs that keep nothing of it are left alone; one that does gives back all.
 *
 * Context: may sleep; not in a CPU hotplug callback.
 */
void zb_host_drain_zone(struct zb_host *host, struct zb_zone *zone)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (zb_pcp_nr_pages(zone, cpu))
			zb_host_drain_cpu(host, cpu);
}

/**
 * zb_drain_ops() - fill in what this file offers
 * @ops: some of the allocator's ops
 */
void zb_drain_ops(struct zb_ops *ops)
{
	ops->drain_all = drain_all_for_request;
}

/**
 * zb_drain_create() - make the work items, and watch CPUs come and go
 * @host: whose; its pool is complete
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_drain_create(struct zb_host *host)
{
	struct zb_drain *drain;
	unsigned int cpu;
	int err;

	mutex_init(&host->drain_lock);
	host->drain = alloc_percpu(struct zb_drain);
	if (!host->drain)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		drain = per_cpu_ptr(host->drain, cpu);
		drain->host = host;
		INIT_WORK(&drain->work, drain_work);
	}
	err = cpuhp_state_add_instance_nocalls(cpuhp_state, &host->cpuhp);
	if (err)
		free_percpu(host->drain);
	return err;
}

/**
 * zb_drain_destroy() - undo zb_drain_create()
 * @host: whose
 *
 * Context: may sleep.
 */
void zb_drain_destroy(struct zb_host *host)
{
	cpuhp_state_remove_instance_nocalls(cpuhp_state, &host->cpuhp);
	free_percpu(host->drain);
}

/* How long the lists may be depends on how many CPUs share the memory. */
static int cpu_came(unsigned int cpu, struct hlist_node *node)
{
	zb_tunables_apply();
	return 0;
}

static int cpu_goes(unsigned int cpu, struct hlist_node *node)
{
	drain_cpu(hlist_entry(node, struct zb_host, cpuhp), cpu);
	zb_tunables_apply();
	return 0;
}

/**
 * zb_drain_init() - once, before the first zb_drain_create()
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_drain_init(void)
{
	int state;

	/* Requests wait for drains, also those that free memory for others. */
	wq = alloc_workqueue("zbuddy", WQ_MEM_RECLAIM | ZB_WQ_PERCPU, 0);
	if (!wq)
		return -ENOMEM;
	state = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "zbuddy:drain",
					cpu_came, cpu_goes);
	if (state < 0) {
		destroy_workqueue(wq);
		return state;
	}
	cpuhp_state = state;
	return 0;
}

/**
 * zb_drain_exit() - once, after the last zb_drain_destroy()
 *
 * Context: may sleep.
 */
void zb_drain_exit(void)
{
	cpuhp_remove_multi_state(cpuhp_state);
	destroy_workqueue(wq);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host: a pool of the core, given real memory, real CPUs and real nodes.
 */
#ifndef ZB_HOST_H
#define ZB_HOST_H

#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../core/fast.h"
#include "../core/page_alloc.h"
#include "params.h"
#include "../region/region.h"

struct zb_violation;

/**
 * struct zb_wait_stat - counters of the waiting line, for vmstat
 * @waiting: requests that wait now
 * @granted: requests that waited and were served
 * @passed: those of them, and of others, that the bound on passing counts
 * @held: holds for the sake of the first in line
 * @missed: requests that were served when the line was looked through for the time
 *	that had passed, and not for a free
 */
struct zb_wait_stat {
	atomic_t waiting;
	atomic_t granted;
	atomic_t passed;
	atomic_t held;
	atomic_t missed;
};

/**
 * struct zb_instance - everything that exists once the module is loaded
 * @pool: the allocator
 * @regions: where its memory came from, one per node
 * @nr_regions: how many
 * @ops: what the allocator asks of us
 * @memoryless_node: the node of CPUs whose own has no region
 * @zone_map: the pool's
 * @total_pages: frames in all of them
 * @deferred_pages: frames that nobody holds and that are in use all the same
 * @deferred_looks: frames of which it was asked whether they are in use
 * @killed: buffers given up because their task was killed while they were cleared
 * @free_wait: woken when something was freed, or a watermark was lowered
 * @wait: counters of the waiting line
 * @in_cma: some of the memory is in CMA pageblocks
 * @drain_lock: one drain at a time, and CPUs that come and go
 * @drains: drains of all CPUs that have begun
 * @full_drains: those of them that have parked empty lists too
 * @drain_work: drains all CPUs on behalf of requests that may not sleep
 * @cpuhp: our place in the list of CPU hotplug callbacks
 * @recheck_work: looks again at frames that are unfit for use
 */
struct zb_instance {
	struct zb_pool pool;
	struct zb_ops ops;
	struct zb_node memoryless_node;
	u8 *zone_map;
	struct zb_region *regions;
	unsigned int nr_regions;
	unsigned long total_pages;
	atomic_long_t deferred_pages;
	atomic_long_t deferred_looks;
	atomic_long_t killed;
	wait_queue_head_t free_wait;
	struct zb_wait_stat wait;
	bool in_cma;
	struct mutex drain_lock;
	unsigned long drains;
	unsigned long full_drains;
	struct work_struct drain_work;
	struct hlist_node cpuhp;
	struct delayed_work recheck_work;
};

struct zb_instance *zb_instance_create(const struct zb_params *params);
void zb_instance_destroy(struct zb_instance *inst);
unsigned long zb_instance_free_pages(const struct zb_instance *inst);
void zb_instance_account_dirty(struct zb_instance *inst, int nid, long nr_pages);
bool zb_instance_above_low(const struct zb_instance *inst);

/* check.c */
bool zb_instance_check(struct zb_instance *inst, struct zb_violation *v);
void zb_instance_check_at_load(struct zb_instance *inst);

/* request.c */
int zb_instance_local_node(const struct zb_instance *inst);
unsigned long zb_instance_alloc(struct zb_instance *inst, zb_gfp_t gfp,
				unsigned long nr_pages, int nid,
				const unsigned long *nodemask, bool killable);
void zb_instance_request(const struct zb_instance *inst, zb_gfp_t gfp,
			 unsigned long nr_pages, int nid, struct zb_policy *policy,
			 struct zb_alloc_request *req);

/* drain.c */
void zb_drain_ops(struct zb_ops *ops);
int zb_drain_create(struct zb_instance *inst);
void zb_drain_destroy(struct zb_instance *inst);
void zb_instance_drain_all(struct zb_instance *inst);
void zb_instance_drain_cpu(struct zb_instance *inst, unsigned int cpu);
void zb_instance_drain_zone(struct zb_instance *inst, struct zb_zone *zone);
unsigned int zb_instance_nr_cpus(const struct zb_instance *inst);
int zb_drain_init(void);
void zb_drain_exit(void);

/* frames.c */
extern const struct zb_frame_ops zb_frame_ops;
void zb_frames_init(struct zb_instance *inst);
void zb_frames_exit(struct zb_instance *inst);
unsigned long zb_instance_recheck(struct zb_instance *inst);

/* Something was freed, or may be used from now on: tell those who want to know. */
static inline void zb_instance_wake_waiters(struct zb_instance *inst)
{
	bool sleeper;

	/* Pairs with the full barrier after an entry was added to the queue. */
	smp_mb();
	/* The barrier above is the one that this needs. */
	sleeper = waitqueue_active(&inst->free_wait);
	if (unlikely(sleeper))
		wake_up_all(&inst->free_wait);
}

#endif /* ZB_HOST_H */

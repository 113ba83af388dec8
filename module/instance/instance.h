/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instance: a pool of the core, with its memory and its callbacks in this kernel.
 */
#ifndef ZB_INSTANCE_H
#define ZB_INSTANCE_H

#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../core/alloc.h"
#include "../core/fast.h"
#include "../core/range_alloc.h"
#include "params.h"
#include "../region/region.h"

struct zb_idle;
struct zb_reclaim;
struct zb_violation;

/**
 * struct zb_wait_stat - counters of the queue of waiting requests, for vmstat
 * @waiting: requests that wait now
 * @granted: requests that waited and were served
 * @passed: requests that were served before the first in the queue and count
 *	against ZB_MAX_PASSED
 * @held: times that freed memory was reserved for the first in the queue
 * @missed: requests that were served by a periodic scan of the queue instead of
 *	the scan after a free
 */
struct zb_wait_stat {
	atomic_t waiting;
	atomic_t granted;
	atomic_t passed;
	atomic_t held;
	atomic_t missed;
};

/**
 * struct zb_instance - the allocator and its memory
 * @pool: the allocator
 * @ops: callbacks of the allocator
 * @memoryless_node: stands for the node of CPUs whose node is unknown when the module
 *	is loaded, and disables the fast path; known nodes without a region are in @pool
 * @zone_map: zone_map of @pool
 * @regions: memory of the pool, one region per node
 * @nr_regions: number of regions
 * @total_pages: number of frames in all regions
 * @resize_lock: held while memory is given back to the kernel or taken again
 * @shrinks: number of times that the limit of the size was reduced
 * @resize_failures: number of times that this did not reach the wanted size
 * @deferred_pages: frames of buffers whose release is deferred
 * @deferred_checks: number of frames checked for pending deferred releases
 * @owners_steps: steps of readers and of compaction in the list of all buffers
 * @killed: buffers given up because their task was killed while they were cleared
 * @free_wait: woken when memory is freed or a watermark is lowered
 * @wait: counters of the queue of waiting requests
 * @in_cma: some of the memory is in CMA pageblocks of the kernel
 * @drain_lock: serializes drains and CPU hotplug
 * @drain_work: drains all CPUs for requests
 * @full_drain_work: drains all CPUs and also parks lists that seem to be empty
 * @low_work: drains all CPUs after a zone has become low
 * @low_drained: time of the last run of @low_work, in jiffies
 * @draining: a drain may have taken blocks from lists that are not in the zone yet
 * @idle_work: periodically drains lists that are not in use
 * @cpuhp: instance of the CPU hotplug state
 * @recheck_work: checks whether unfit frames have become usable
 * @zero_ahead: free frames are cleared in advance, see reclaim/zero_ahead.c
 * @zero_frees: number of buffers with unknown contents that were freed meanwhile
 * @zero_wait: woken when such a buffer is freed
 * @idle: gives idle memory to the kernel, see idle.c; NULL until it is attached
 * @idle_lent: pages given to the kernel because they were idle, for vmstat
 * @idle_taken: pages of these that were taken again
 * @idle_failures: number of times that the kernel did not have as many as were wanted
 * @reclaim: frees memory when it is short, see reclaim/; NULL until it is attached
 */
struct zb_instance {
	struct zb_pool pool;
	struct zb_ops ops;
	struct zb_node memoryless_node;
	u8 *zone_map;
	struct zb_region *regions;
	unsigned int nr_regions;
	unsigned long total_pages;
	struct mutex resize_lock;
	atomic_t shrinks;
	atomic_long_t resize_failures;
	atomic_long_t deferred_pages;
	atomic_long_t deferred_checks;
	atomic_long_t owners_steps;
	atomic_long_t killed;
	wait_queue_head_t free_wait;
	struct zb_wait_stat wait;
	bool in_cma;
	struct mutex drain_lock;
	struct work_struct drain_work;
	struct work_struct full_drain_work;
	struct delayed_work low_work;
	unsigned long low_drained;
	bool draining;
	struct delayed_work idle_work;
	struct hlist_node cpuhp;
	struct delayed_work recheck_work;
	bool zero_ahead;
	atomic_t zero_frees;
	wait_queue_head_t zero_wait;
	struct zb_idle *idle;
	atomic_long_t idle_lent;
	atomic_long_t idle_taken;
	atomic_long_t idle_failures;
	struct zb_reclaim *reclaim;
};

/*
 * The only instance. It is set before the tunables, programs and other modules can use it,
 * and does not change until they no longer can.
 */
extern struct zb_instance *zb_instance;

struct zb_instance *zb_instance_create(const struct zb_params *params);
void zb_instance_destroy(struct zb_instance *inst);
unsigned long zb_instance_free_pages(const struct zb_instance *inst);
void zb_instance_account_dirty(struct zb_instance *inst, int nid, long nr_pages);
bool zb_instance_above_low(const struct zb_instance *inst);

/* resize.c */
int zb_instance_resize(struct zb_instance *inst, int nid, unsigned long *nr_pages);
unsigned long zb_instance_size(const struct zb_instance *inst, int nid);
unsigned long zb_instance_max_size(const struct zb_instance *inst, int nid);
unsigned long zb_instance_nr_lent(const struct zb_instance *inst, int nid);
bool zb_instance_may_need_lent(struct zb_instance *inst, const struct zb_alloc_request *req);
bool zb_instance_could_ever(struct zb_instance *inst, const struct zb_alloc_request *req);
unsigned long zb_instance_share(const struct zb_instance *inst, int nid, unsigned long nr_pages);
int zb_instance_may_lend(struct zb_instance *inst, const char **why);
unsigned long zb_instance_lend(struct zb_instance *inst, int nid, unsigned long nr_pages);
unsigned long zb_instance_take_back(struct zb_instance *inst, int nid, unsigned long nr_pages);
const char *zb_size_at_load(void);
void zb_resize_attach(struct zb_instance *inst);
void zb_resize_detach(void);

/* check.c */
bool zb_instance_check(struct zb_instance *inst, struct zb_violation *v);
void zb_instance_check_at_load(struct zb_instance *inst);

/* request.c */
int zb_instance_local_node(const struct zb_instance *inst);
unsigned long zb_instance_alloc(struct zb_instance *inst, zb_gfp_t gfp,
				unsigned long nr_pages, int nid,
				const unsigned long *nodemask, bool user,
				struct zb_zero_map *map);
unsigned long zb_instance_alloc_range(struct zb_instance *inst, zb_gfp_t gfp,
				      const struct zb_range *range, int nid,
				      const unsigned long *nodemask, bool user,
				      struct zb_zero_map *map,
				      struct zb_range_failure *failure);
void zb_instance_init_request(const struct zb_instance *inst, zb_gfp_t gfp,
			      unsigned long nr_pages, int nid, struct zb_alloc_policy *policy,
			      struct zb_alloc_request *req);

/* drain.c */
void zb_drain_ops(struct zb_ops *ops);
void zb_drain_create(struct zb_instance *inst);
void zb_drain_destroy(struct zb_instance *inst);
void zb_drain_cpu_online(struct zb_instance *inst, unsigned int cpu);
void zb_drain_cpu_offline(struct zb_instance *inst, unsigned int cpu);
void zb_instance_drain_all(struct zb_instance *inst);
void zb_instance_drain_cpu(struct zb_instance *inst, unsigned int cpu);
void zb_instance_drain_zone(struct zb_instance *inst, struct zb_zone *zone);
int zb_drain_init(void);
void zb_drain_exit(void);

/* frames.c */
extern const struct zb_frame_ops zb_frame_ops;
void zb_frames_init(struct zb_instance *inst);
void zb_frames_exit(struct zb_instance *inst);
unsigned long zb_instance_recheck(struct zb_instance *inst);

/* Wake the waiters, after memory was freed or a watermark was lowered. */
static inline void zb_instance_wake_waiters(struct zb_instance *inst)
{
	bool sleeper;

	/* Pairs with the full barrier after a waiter was added to the queue. */
	smp_mb();
	/* The barrier above is the one that waitqueue_active() requires. */
	sleeper = waitqueue_active(&inst->free_wait);
	if (unlikely(sleeper))
		wake_up_all(&inst->free_wait);
}

#endif /* ZB_INSTANCE_H */

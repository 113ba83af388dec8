/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_API_H
#define ZB_API_H

#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/wait.h>

#include "../instance/instance.h"

/* There before anybody can call us, and until nobody can any more. */
extern struct zb_instance *zb_api_host;
DECLARE_PER_CPU(const struct zb_node *, zb_api_node);

/* Who moves to another CPU meanwhile only gets memory that is further away. */
static __always_inline const struct zb_node *zb_api_this_node(void)
{
	return raw_cpu_read(zb_api_node);
}

/* There is more than one node, or may be one day. */
DECLARE_STATIC_KEY_FALSE(zb_many_nodes);

/* With a mempolicy or a cpuset the node may have to be another one. */
static inline bool zb_task_restricted(int nid)
{
	if (!static_branch_unlikely(&zb_many_nodes) || !in_task())
		return false;
#ifdef CONFIG_NUMA
	if (current->mempolicy)
		return true;
#endif
#ifdef CONFIG_CPUSETS
	return !node_isset(nid, current->mems_allowed);
#else
	return false;
#endif
}

/*
 * May a request of the current task or interrupt go the fast path to the node of
 * this CPU? Those who look on, and those who make things fail, are on the long
 * way.
 */
static __always_inline bool zb_api_fast(const struct zb_node *node)
{
	return !IS_ENABLED(CONFIG_FAULT_INJECTION) &&
	       !trace_mm_page_alloc_enabled() && likely(!zb_task_restricted(node->nid));
}

/*
 * What an allocation may do, whether or not this one will: sleep, take the lock of
 * a zone, and wait for a drain. A request from a per-CPU list does none of it, and
 * the wrong context would show on the rare day when the list is empty.
 */
static __always_inline void zb_api_might_alloc(zb_gfp_t gfp)
{
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) &&
	    !IS_ENABLED(CONFIG_PROVE_LOCKING))
		return;
	/* As the lock is always taken: interrupts may allocate as well. */
	local_irq_save(flags);
	might_lock(&zb_api_host->pool.zones->lock);
	local_irq_restore(flags);
	if (!(gfp & __ZB_GFP_DIRECT_RECLAIM))
		return;
	might_sleep();
	might_lock(&zb_api_host->drain_lock);
}

/* After every free of a block. */
static inline void zb_api_wake_waiters(void)
{
	bool sleeper;

	/* No barrier: who waits looks again before long, so a miss costs little. */
	sleeper = waitqueue_active(&zb_api_host->free_wait);
	if (unlikely(sleeper))
		zb_instance_wake_waiters(zb_api_host);
}

void zb_api_attach(struct zb_instance *inst);
void zb_api_detach(void);

#endif /* ZB_API_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which requests may take the fast path (core/fast.h), and to which node. The fast
 * path knows neither the cpuset nor the NUMA policy of a task.
 */
#ifndef ZB_REQUEST_H
#define ZB_REQUEST_H

#include <linux/jump_label.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/seqlock.h>

#include "instance.h"

/* The node nearest to each CPU. */
DECLARE_PER_CPU(const struct zb_node *, zb_cpu_nodes);

/*
 * Migration is not prevented. If it happens, the task only gets memory of a more distant
 * node.
 */
static __always_inline const struct zb_node *zb_this_node(void)
{
	return raw_cpu_read(zb_cpu_nodes);
}

/* Enabled if the machine has, or may get, more than one node. */
DECLARE_STATIC_KEY_FALSE(zb_many_nodes);

/*
 * Check whether the cpuset of the task, or its mempolicy if the request does not name a
 * node, may require another node than @nid.
 */
static inline bool zb_task_restricted(int nid, bool named)
{
	if (!static_branch_unlikely(&zb_many_nodes) || !in_task())
		return false;
#ifdef CONFIG_NUMA
	if (!named && current->mempolicy)
		return true;
#endif
#ifdef CONFIG_CPUSETS
	return !node_isset(nid, current->mems_allowed);
#else
	return false;
#endif
}

bool __zb_task_bound(void);

/* Check whether the cpuset or the mempolicy of the task excludes nodes. */
static inline bool zb_task_bound(void)
{
	return static_branch_unlikely(&zb_many_nodes) && __zb_task_bound();
}

/*
 * Check whether a request may take the fast path to @node. @nid is the node that the
 * request names, which is @node, or NUMA_NO_NODE if it names none; @node is then the node
 * of this CPU. Tracing and fault injection disable the fast path.
 */
static __always_inline bool zb_may_use_fast_path(const struct zb_node *node, int nid)
{
	return !IS_ENABLED(CONFIG_FAULT_INJECTION) &&
	       !trace_mm_page_alloc_enabled() &&
	       likely(!zb_task_restricted(node->nid, nid != NUMA_NO_NODE));
}

/* Copy the nodes that the cpuset of a task allows. */
static inline void zb_copy_cpuset(struct task_struct *task, nodemask_t *nodes)
{
#ifdef CONFIG_CPUSETS
	unsigned int cookie;

	do {
		cookie = read_seqcount_begin(&task->mems_allowed_seq);
		*nodes = task->mems_allowed;
	} while (read_seqcount_retry(&task->mems_allowed_seq, cookie));
#endif
}

void zb_request_attach(struct zb_instance *inst);

#endif /* ZB_REQUEST_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applies the cpuset and the NUMA policy of the current task to its requests.
 */
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "callback.h"
#include "fault.h"
#include "request.h"

DEFINE_PER_CPU(const struct zb_node *, zb_cpu_nodes);
DEFINE_STATIC_KEY_FALSE(zb_many_nodes);

/**
 * zb_request_attach() - set up the fast path for the requests of all CPUs
 * @inst: the instance
 *
 * Context: may sleep; before the first request.
 */
void zb_request_attach(struct zb_instance *inst)
{
	const struct zb_node *node;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		node = zb_pool_known_node(&inst->pool, cpu_to_mem(cpu));
		per_cpu(zb_cpu_nodes, cpu) = node ?: &inst->memoryless_node;
	}
	if (num_possible_nodes() > 1)
		static_branch_enable(&zb_many_nodes);
}

/**
 * zb_instance_local_node() - find the node nearest to the calling CPU
 * @inst: the instance
 *
 * Context: any; a preemptible caller may have migrated to another node since.
 * Return: a node that has a region.
 */
int zb_instance_local_node(const struct zb_instance *inst)
{
	int nid, here = numa_mem_id(), best = inst->pool.nodes[0].nid;
	unsigned int i;

	for (i = 0; i < inst->pool.nr_nodes; i++) {
		nid = inst->pool.nodes[i].nid;
		if (node_distance(here, nid) < node_distance(here, best))
			best = nid;
	}
	return best;
}

#ifdef CONFIG_CPUSETS
/* An OOM victim may allocate outside its cpuset, so that it can exit and free memory. */
static const unsigned long *current_cpuset(void)
{
	return in_task() && !tsk_is_oom_victim(current) ?
	       nodes_addr(current->mems_allowed) : NULL;
}

static bool cpuset_intersects(const nodemask_t *nodes)
{
	return nodes_intersects(*nodes, current->mems_allowed);
}

static unsigned int cpuset_begin(void)
{
	return read_seqcount_begin(&current->mems_allowed_seq);
}

static bool cpuset_changed(unsigned int cookie)
{
	return in_task() &&
	       read_seqcount_retry(&current->mems_allowed_seq, cookie);
}
#else
static const unsigned long *current_cpuset(void)
{
	return NULL;
}

static bool cpuset_intersects(const nodemask_t *nodes)
{
	return true;
}

static unsigned int cpuset_begin(void)
{
	return 0;
}

static bool cpuset_changed(unsigned int cookie)
{
	return false;
}
#endif

#ifdef CONFIG_NUMA
static int next_interleaved(const struct mempolicy *mempolicy)
{
	int nid = next_node_in(current->il_prev, mempolicy->nodes);

	if (nid >= MAX_NUMNODES)
		return NUMA_NO_NODE;
	current->il_prev = nid;
	return nid;
}

/*
 * Apply the mempolicy of the current task to a request that names no node. Returns
 * the preferred node, or NUMA_NO_NODE for the local one.
 */
static int apply_mempolicy(struct zb_alloc_policy *policy)
{
	const struct mempolicy *mempolicy = current->mempolicy;

	if (!in_task() || !mempolicy || nodes_empty(mempolicy->nodes))
		return NUMA_NO_NODE;
	switch (mempolicy->mode) {
	case MPOL_BIND:
		if (cpuset_intersects(&mempolicy->nodes))
			policy->nodemask = nodes_addr(mempolicy->nodes);
		return NUMA_NO_NODE;
	case MPOL_PREFERRED:
	case MPOL_PREFERRED_MANY:
		return node_isset(numa_mem_id(), mempolicy->nodes) ?
		       numa_mem_id() : first_node(mempolicy->nodes);
	case MPOL_LOCAL:
		return NUMA_NO_NODE;
	default:
		/* The weights of weighted interleaving are not available to modules. */
		return next_interleaved(mempolicy);
	}
}
#else
static int apply_mempolicy(struct zb_alloc_policy *policy)
{
	return NUMA_NO_NODE;
}
#endif

/**
 * __zb_task_bound() - check whether the current task may not use the memory of all nodes
 *
 * Context: process.
 * Return: true if its cpuset or its mempolicy excludes nodes.
 */
bool __zb_task_bound(void)
{
#ifdef CONFIG_NUMA
	if (current->mempolicy && current->mempolicy->mode == MPOL_BIND)
		return true;
#endif
#ifdef CONFIG_CPUSETS
	return !nodes_subset(node_states[N_MEMORY], current->mems_allowed);
#else
	return false;
#endif
}

/**
 * zb_instance_init_request() - describe a request of the current task or interrupt
 * @inst: the instance
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames; a power of two makes one block
 * @nid: preferred node, or NUMA_NO_NODE to follow the task's mempolicy, whose
 *	default is the nearest node
 * @policy: this function sets @cpuset and @nr_bits, and @nodemask if it is NULL;
 *	the caller sets the rest
 * @req: filled in with a pointer to @policy, whose bitmaps belong to the current
 *	task and must not be read after that task may have exited
 *
 * Context: any.
 */
void zb_instance_init_request(const struct zb_instance *inst, zb_gfp_t gfp,
			      unsigned long nr_pages, int nid, struct zb_alloc_policy *policy,
			      struct zb_alloc_request *req)
{
	bool this_node = gfp & __ZB_GFP_THISNODE;

	if (nid == NUMA_NO_NODE && !policy->nodemask && !this_node)
		nid = apply_mempolicy(policy);
	/* With THISNODE, a request for a nonexistent node has to fail. */
	if (nid == NUMA_NO_NODE ||
	    (!this_node && !zb_pool_known_node(&inst->pool, nid)))
		nid = zb_instance_local_node(inst);
	policy->cpuset = current_cpuset();
	policy->nr_bits = MAX_NUMNODES;
	*req = (struct zb_alloc_request){
		.gfp = gfp, .nr_pages = nr_pages, .nid = nid, .policy = policy,
	};
}

/**
 * zb_instance_alloc() - allocate on behalf of the current task or interrupt
 * @inst: the instance
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames, 1 .. 2^max_order; a power of two makes one block
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nodemask: bitmap of allowed nodes, or NULL
 * @user: memory for user space: give up when the task is killed, whatever the
 *	flags say, and check every frame, because all of them will be cleared
 * @map: receives which frames are known to be zero, or NULL
 *
 * The allocation obeys the task's cpuset. If it fails and the cpuset has changed
 * meanwhile, it is tried again.
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_instance_alloc(struct zb_instance *inst, zb_gfp_t gfp,
				unsigned long nr_pages, int nid,
				const unsigned long *nodemask, bool user,
				struct zb_zero_map *map)
{
	struct zb_alloc_policy policy = {
		.nodemask = nodemask,
		.killable = user,
		.every_frame = user,
		.zero_map = map,
	};
	struct zb_alloc_request req;
	unsigned int cookie, order = zb_exact_order(nr_pages);
	unsigned long pfn;

	might_sleep_if(gfp & __ZB_GFP_DIRECT_RECLAIM);
	zb_might_reclaim(gfp);
	if (zb_should_fail(gfp, order))
		return ZB_NO_PFN;
	zb_instance_init_request(inst, gfp, nr_pages, nid, &policy, &req);
	do {
		cookie = cpuset_begin();
		pfn = zb_pool_alloc_exact(&inst->pool, gfp, nr_pages, req.nid,
					  &policy);
	} while (unlikely(pfn == ZB_NO_PFN) && cpuset_changed(cookie));
	if (!(gfp & __ZB_GFP_NOTRACK))
		trace_mm_page_alloc(pfn, order, zb_gfp_bits(gfp),
				    zb_pool_migratetype(&inst->pool, gfp));
	return pfn;
}

/**
 * zb_instance_alloc_range() - allocate a range on behalf of the current task
 * @inst: the instance
 * @gfp: flags for which zb_gfp_valid() holds
 * @range: the frames that are wanted
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nodemask: bitmap of allowed nodes, or NULL
 * @user: as for zb_instance_alloc()
 * @map: receives which frames are known to be zero, or NULL
 * @failure: filled in if the request fails; with ZB_RANGE_NO_MEMORY, it may be simulated
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_instance_alloc_range(struct zb_instance *inst, zb_gfp_t gfp,
				      const struct zb_range *range, int nid,
				      const unsigned long *nodemask, bool user,
				      struct zb_zero_map *map,
				      struct zb_range_failure *failure)
{
	struct zb_alloc_policy policy = {
		.nodemask = nodemask,
		.killable = user,
		.every_frame = user,
		.zero_map = map,
	};
	unsigned int cookie, order = zb_exact_order(range->nr_pages);
	struct zb_alloc_request req;
	unsigned long pfn;

	might_sleep();
	*failure = (struct zb_range_failure){ .result = ZB_RANGE_NO_MEMORY };
	if (zb_should_fail(gfp, order))
		return ZB_NO_PFN;
	zb_might_reclaim(gfp);
	if (!zb_may_reclaim())
		gfp &= ~__ZB_GFP_DIRECT_RECLAIM;
	zb_instance_init_request(inst, gfp, range->nr_pages, nid, &policy, &req);
	do {
		cookie = cpuset_begin();
		pfn = zb_pool_alloc_range(&inst->pool, gfp, range, req.nid, &policy, failure);
	} while (unlikely(pfn == ZB_NO_PFN) && cpuset_changed(cookie));
	trace_mm_page_alloc(pfn, order, zb_gfp_bits(gfp),
			    zb_pool_migratetype(&inst->pool, gfp));
	return pfn;
}

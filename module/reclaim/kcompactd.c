// SPDX-License-Identifier: GPL-2.0-only
/*
 * Background compaction: one work item per node, like the kernel's kcompactd.
 *
 * A request that had to compact a zone wakes it, and it makes a block of the same order
 * free in each zone of the node that has none, so that the next request finds one. A zone
 * in which this fails is deferred, for requests as well.
 *
 * With compaction_proactiveness, it also runs every PROACTIVE_INTERVAL, and when the
 * fragmentation score of the node exceeds the upper limit, it makes pageblocks free until
 * the score is at the lower one (core/compact.h). If that does not reduce the score, the
 * interval doubles, up to 64 times its length.
 *
 * The workqueue is freezable, so that no buffer is moved while the system is suspended. It is
 * not bound to CPUs, so a run continues on another CPU if its CPU goes offline. Unloading
 * waits for the end of a run.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "reclaim.h"

#define MAX_PROACTIVENESS	100u
#define PROACTIVE_INTERVAL	(HZ / 2)
#define MAX_SHIFT		6u
#define WAKE_DELAY		(HZ / 10 ?: 1)	/* gives the request time to take its block */
#define MAX_FAILURES		4u	/* windows that can't be emptied, in one attempt */

/**
 * struct node_compaction - background compaction of one node
 * @reclaim: reclaim and compaction of the instance
 * @nid: the node
 * @order: largest order that was wanted since the last run, or 0
 * @shift: the interval of proactive runs is PROACTIVE_INTERVAL << @shift
 * @next: time of the next proactive run in jiffies; used by @work only
 * @changed: the parameter has changed, so a proactive run is due now, whatever @next is
 * @work: runs both kinds of compaction
 */
struct node_compaction {
	struct zb_reclaim *reclaim;
	int nid;
	atomic_t order;
	unsigned int shift;
	unsigned long next;
	bool changed;
	struct delayed_work work;
};

/**
 * struct zb_kcompactd - background compaction
 * @wq: its workqueue
 * @nr: number of @nodes
 * @nodes: the nodes, in the order of zb_pool.nodes
 */
struct zb_kcompactd {
	struct workqueue_struct *wq;
	unsigned int nr;
	struct node_compaction nodes[];
};

static unsigned int proactiveness;
static struct zb_kcompactd *started;	/* woken when the parameter changes */
static DEFINE_MUTEX(proactive_lock);	/* protects these two against changes */

static void wake_all(struct zb_kcompactd *k)
{
	unsigned int i;

	for (i = 0; i < k->nr; i++) {
		WRITE_ONCE(k->nodes[i].changed, true);
		mod_delayed_work(k->wq, &k->nodes[i].work, 0);
	}
}

static int set_proactiveness(const char *text, const struct kernel_param *kp)
{
	unsigned int n;

	if (kstrtouint(text, 0, &n) || n > MAX_PROACTIVENESS) {
		pr_err("%s=%.*s: must be a number from 0 to %u\n", kp->name,
		       (int)min_t(size_t, strcspn(text, "\n"), 40), text,
		       MAX_PROACTIVENESS);
		return -EINVAL;
	}
	mutex_lock(&proactive_lock);
	WRITE_ONCE(proactiveness, n);
	if (started)
		wake_all(started);
	mutex_unlock(&proactive_lock);
	return 0;
}

static const struct kernel_param_ops proactiveness_ops = {
	.set = set_proactiveness,
	.get = param_get_uint,
};
module_param_cb(compaction_proactiveness, &proactiveness_ops, &proactiveness, 0644);
__MODULE_PARM_TYPE(compaction_proactiveness, "uint");
MODULE_PARM_DESC(compaction_proactiveness, "how aggressively memory is compacted in the background without a request, 0 to 100: compaction starts when more than 110 - N percent of the free memory is fragmented and stops at 100 - N percent, but not below 15 and 5; up to 10 it has no effect (default 0)");

static struct zb_compact_control control(struct node_compaction *node,
					 const struct zb_zone *zone, unsigned int order)
{
	return (struct zb_compact_control){
		.order = order,
		.highest_zoneidx = zone->type,
		.cma = true,
		.max_failures = MAX_FAILURES,
		.background = true,
		.gfp = __ZB_GFP_IO | __ZB_GFP_FS,
		.evacuate = zb_move_out,
		.data = node->reclaim,
	};
}

static bool compact_zone(struct node_compaction *node, struct zb_zone *zone,
			 const struct zb_compact_control *cc)
{
	if (zb_compact_zone(zone, cc) != ZB_COMPACT_SUCCESS)
		return false;
	zb_instance_wake_waiters(node->reclaim->inst);
	return true;
}

static void compact_after_request(struct node_compaction *node, unsigned int order)
{
	struct zb_pool *pool = &node->reclaim->inst->pool;
	struct zb_compact_control cc;
	bool counted = false;
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool) {
		if (zone->nid != node->nid)
			continue;
		/* A run counts once, although it covers all zones of the node. */
		if (!counted)
			zb_zone_count_event(zone, ZB_KCOMPACTD_WAKE, 1);
		counted = true;
		cc = control(node, zone, order);
		if (!zb_zone_has_block_locked(zone, order, ZB_ALLOC_CMA))
			compact_zone(node, zone, &cc);
		cond_resched();
	}
}

/*
 * Make pageblocks free until the score of the node is at the lower limit. Each round makes one
 * free. The number of rounds is limited to that of the pageblocks, because others may fragment
 * the zone meanwhile.
 */
static void compact_zone_to_low(struct node_compaction *node, struct zb_zone *zone)
{
	unsigned long left = zone->nr_pages >> ZB_PAGEBLOCK_ORDER;
	struct zb_pool *pool = &node->reclaim->inst->pool;
	struct zb_compact_control cc = control(node, zone, ZB_PAGEBLOCK_ORDER);

	/* A failure must not defer requests. */
	cc.force = true;
	cc.keep_skipped = true;
	while (left--) {
		if (zb_fragmentation_score(pool, node->nid) <=
		    ZB_SCORE_LOW(READ_ONCE(proactiveness)))
			return;
		if (!compact_zone(node, zone, &cc))
			return;
		cond_resched();
	}
}

static void compact_proactively(struct node_compaction *node)
{
	struct zb_pool *pool = &node->reclaim->inst->pool;
	unsigned int before = zb_fragmentation_score(pool, node->nid);
	struct zb_zone *zone;

	if (before <= ZB_SCORE_HIGH(READ_ONCE(proactiveness))) {
		node->shift = 0;
		return;
	}
	zb_for_each_zone(zone, pool)
		if (zone->nid == node->nid)
			compact_zone_to_low(node, zone);
	if (zb_fragmentation_score(pool, node->nid) < before)
		node->shift = 0;
	else if (node->shift < MAX_SHIFT)
		node->shift++;
}

static void kcompactd_work(struct work_struct *work)
{
	struct node_compaction *node = container_of(to_delayed_work(work),
						    struct node_compaction, work);
	unsigned int order = atomic_xchg(&node->order, 0);

	if (order)
		compact_after_request(node, order);
	if (!READ_ONCE(proactiveness))
		return;
	if (xchg(&node->changed, false)) {
		node->shift = 0;
		node->next = jiffies;
	}
	/* If a request has woken this early, the proactive run is not due yet. */
	if (time_after_eq(jiffies, node->next)) {
		compact_proactively(node);
		node->next = jiffies + (PROACTIVE_INTERVAL << node->shift);
	}
	queue_delayed_work(node->reclaim->kcompactd->wq, &node->work,
			   max_t(long, node->next - jiffies, 0));
}

/**
 * zb_wake_kcompactd() - start background compaction after that of a request
 * @reclaim: reclaim and compaction of the instance
 * @zone: the zone that was compacted
 * @order: order of the request
 *
 * Context: any but NMI.
 */
void zb_wake_kcompactd(struct zb_reclaim *reclaim, const struct zb_zone *zone,
		       unsigned int order)
{
	struct zb_kcompactd *k = reclaim->kcompactd;
	struct zb_pool *pool = &reclaim->inst->pool;
	struct node_compaction *node;
	int old;

	node = &k->nodes[zb_pool_node(pool, zone->nid) - pool->nodes];
	old = atomic_read(&node->order);
	do {
		if (old >= (int)order)
			return;
	} while (!atomic_try_cmpxchg(&node->order, &old, order));
	/* Later requests must not postpone the run. */
	if (!old)
		mod_delayed_work(k->wq, &node->work, WAKE_DELAY);
}

/**
 * zb_kcompactd_create() - prepare for background compaction
 * @reclaim: reclaim and compaction of the instance
 *
 * The first request may wake it, but it does not run proactively yet.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_kcompactd_create(struct zb_reclaim *reclaim)
{
	const struct zb_pool *pool = &reclaim->inst->pool;
	struct zb_kcompactd *k;
	unsigned int i;

	k = kzalloc(struct_size(k, nodes, pool->nr_nodes), GFP_KERNEL);
	if (!k)
		return -ENOMEM;
	k->wq = alloc_workqueue("zbuddy_kcompactd", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!k->wq) {
		kfree(k);
		return -ENOMEM;
	}
	k->nr = pool->nr_nodes;
	for (i = 0; i < k->nr; i++) {
		k->nodes[i].reclaim = reclaim;
		k->nodes[i].nid = pool->nodes[i].nid;
		k->nodes[i].next = jiffies;
		INIT_DELAYED_WORK(&k->nodes[i].work, kcompactd_work);
	}
	reclaim->kcompactd = k;
	return 0;
}

/**
 * zb_kcompactd_start() - start proactive compaction
 * @reclaim: reclaim and compaction of the instance; its buffer pool is initialized
 *
 * Context: may sleep.
 */
void zb_kcompactd_start(struct zb_reclaim *reclaim)
{
	mutex_lock(&proactive_lock);
	started = reclaim->kcompactd;
	if (proactiveness)
		wake_all(started);
	mutex_unlock(&proactive_lock);
}

/**
 * zb_kcompactd_destroy() - undo zb_kcompactd_create() and zb_kcompactd_start()
 * @reclaim: reclaim and compaction of the instance; no request can wake it any more
 *
 * Context: may sleep.
 */
void zb_kcompactd_destroy(struct zb_reclaim *reclaim)
{
	struct zb_kcompactd *k = reclaim->kcompactd;
	unsigned int i;

	mutex_lock(&proactive_lock);
	started = NULL;
	mutex_unlock(&proactive_lock);
	for (i = 0; i < k->nr; i++)
		cancel_delayed_work_sync(&k->nodes[i].work);
	destroy_workqueue(k->wq);
	kfree(k);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Background reclaim: one work item for each node, like the kernel's kswapd.
 *
 * A request whose first attempt failed wakes it for each zone that the request may use, from
 * any context. It takes memory of discardable buffers and of other modules back until the zone
 * is above high and,
 * for a request of order 1 or more, has such a block. However many requests wake it, a work
 * item is queued only once. A request that mixed mobilities wakes it as well, and raises the
 * mark once (core/watermark.h). If it could take nothing in a zone, requests do not wake it for
 * this zone during IDLE_TIME, unless another buffer is marked.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../buffer/discard.h"
#include "../core/compact.h"
#include "../instance/idle.h"
#include "reclaim.h"

#define IDLE_TIME	(HZ / 10 ?: 1)

/**
 * struct zb_kswapd - background reclaim of one node
 * @reclaim: reclaim and compaction of the instance
 * @nid: the node
 * @work: takes memory back
 */
struct zb_kswapd {
	struct zb_reclaim *reclaim;
	int nid;
	struct work_struct work;
};

static bool balanced(const struct zb_shrink *s)
{
	return !zb_watermark_missing(s->zone, 1, s->mark, s->highest_zoneidx, 0) &&
	       (!s->order || zb_zone_has_block(s->zone, s->order, 0));
}

static struct zb_shrink goal(struct zb_reclaim *reclaim, struct zb_zone *zone,
			     unsigned int order)
{
	return (struct zb_shrink){
		.reclaim = reclaim,
		.zone = zone,
		.order = order,
		.nr_pages = 1,
		.mark = zb_boosted_high(zone),
		.highest_zoneidx = zone->type,
		.gfp = __ZB_GFP_IO | __ZB_GFP_FS,
		.kswapd = true,
	};
}

static void balance_zone(struct zb_reclaim *reclaim, struct zb_zone *zone)
{
	struct zb_lru *lru = zb_zone_lru(reclaim->bpool, zone);
	int wanted = atomic_xchg(&lru->wanted, 0);
	unsigned int marks = READ_ONCE(lru->marks);
	unsigned long boost = READ_ONCE(zone->boost);
	struct zb_shrink s;

	if (!wanted)
		return;
	trace_mm_vmscan_kswapd_wake(zone->nid, zone->type, wanted - 1);
	s = goal(reclaim, zone, wanted - 1);
	zb_zone_count_event(zone, ZB_PAGEOUTRUN, 1);
	zb_shrink_zone(&s);
	zb_zone_unboost(zone, boost);
	if (!s.purged)
		zb_lru_pause(lru, &lru->idle_until, IDLE_TIME, marks);
}

/*
 * Dropping the last reference of a buffer may defer its release, which takes a reference on
 * the module. This is not allowed once the module is being unloaded, so hold the module.
 */
static void kswapd_work(struct work_struct *work)
{
	struct zb_kswapd *kswapd = container_of(work, struct zb_kswapd, work);
	struct zb_zone *zone;

	if (!try_module_get(THIS_MODULE))
		return;
	zb_for_each_zone(zone, &kswapd->reclaim->inst->pool)
		if (zone->nid == kswapd->nid)
			balance_zone(kswapd->reclaim, zone);
	trace_mm_vmscan_kswapd_sleep(kswapd->nid);
	/* The module can be unloaded only after this work item has returned. */
	module_put(THIS_MODULE);
}

/* The work item of the node of a zone. */
static struct zb_kswapd *kswapd_of(struct zb_reclaim *reclaim, const struct zb_zone *zone)
{
	struct zb_pool *pool = &reclaim->inst->pool;

	return &reclaim->kswapd[zb_pool_node(pool, zone->nid) - pool->nodes];
}

/**
 * zb_wake_kswapd() - start background reclaim, as zb_ops.wake_reclaim
 * @pool: the allocator
 * @zone: a zone that a request may use, but whose first attempt failed
 * @gfp: flags of the request
 * @order: order of the request
 *
 * Idle memory that the kernel has is taken again as well.
 *
 * Context: any but NMI.
 */
void zb_wake_kswapd(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		    unsigned int order)
{
	struct zb_reclaim *reclaim = container_of(pool, struct zb_instance, pool)->reclaim;
	const struct zb_shrink s = goal(reclaim, zone, order);
	struct zb_lru *lru;
	int old;

	zb_idle_kick(reclaim->inst, zone, 0);
	lru = zb_zone_lru(reclaim->bpool, zone);
	if (!lru || (!READ_ONCE(lru->nr_pages) && !READ_ONCE(reclaim->owners.nr_scan)) ||
	    time_before(jiffies, READ_ONCE(lru->idle_until)) || balanced(&s))
		return;
	old = atomic_read(&lru->wanted);
	while (old <= (int)order && !atomic_try_cmpxchg(&lru->wanted, &old, order + 1))
		;
	trace_mm_vmscan_wakeup_kswapd(zone->nid, zone->type, order, zb_gfp_bits(gfp));
	queue_work_node(zone->nid, reclaim->wq, &kswapd_of(reclaim, zone)->work);
}

/**
 * zb_kswapd_create() - prepare for background reclaim
 * @reclaim: reclaim and compaction of the instance
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_kswapd_create(struct zb_reclaim *reclaim)
{
	const struct zb_pool *pool = &reclaim->inst->pool;
	unsigned int i;

	reclaim->kswapd = kcalloc(pool->nr_nodes, sizeof(*reclaim->kswapd), GFP_KERNEL);
	if (!reclaim->kswapd)
		return -ENOMEM;
	for (i = 0; i < pool->nr_nodes; i++) {
		reclaim->kswapd[i].reclaim = reclaim;
		reclaim->kswapd[i].nid = pool->nodes[i].nid;
		INIT_WORK(&reclaim->kswapd[i].work, kswapd_work);
	}
	reclaim->wq = alloc_workqueue("zbuddy_kswapd", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM,
				      0);
	if (reclaim->wq)
		return 0;
	kfree(reclaim->kswapd);
	return -ENOMEM;
}

/**
 * zb_kswapd_destroy() - undo zb_kswapd_create()
 * @reclaim: reclaim and compaction of the instance; no request can wake background reclaim any more
 *
 * Context: may sleep.
 */
void zb_kswapd_destroy(struct zb_reclaim *reclaim)
{
	destroy_workqueue(reclaim->wq);
	kfree(reclaim->kswapd);
}

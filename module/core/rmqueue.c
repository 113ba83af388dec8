// SPDX-License-Identifier: GPL-2.0-only
/* A block out of one zone: from the lists, or from the buddy; and who got it. */
#include "pcp.h"

/* Count an allocation as the kernel does for its numa_* statistics. */
static void count_alloc(unsigned long *events, const struct zb_zone *preferred,
			const struct zb_zone *zone, unsigned int order,
			zb_gfp_t gfp)
{
	int local = gfp & __ZB_GFP_OTHER_NODE ? preferred->nid : zb_cpu_node();

	zb_count(events[ZB_PGALLOC], BIT(order));
	zb_count(events[zone->nid == preferred->nid ? ZB_NUMA_HIT : ZB_NUMA_MISS], 1);
	zb_count(events[zone->nid == local ? ZB_NUMA_LOCAL : ZB_NUMA_OTHER], 1);
}

/* Where the per-CPU counters of @zone are busy, or it was a foreign zone's turn. */
static void account_alloc(struct zb_zone *preferred, struct zb_zone *zone,
			  unsigned int order, zb_gfp_t gfp)
{
	unsigned long flags;
	struct zb_pcp *pcp;

	if (zb_pcp_enter(zone, &pcp)) {
		count_alloc(pcp->events, preferred, zone, order, gfp);
		zb_pcp_leave(pcp);
	} else {
		zb_lock_irqsave(&zone->lock, flags);
		count_alloc(zone->events, preferred, zone, order, gfp);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	if (likely(zone->nid == preferred->nid))
		return;
	zb_lock_irqsave(&preferred->lock, flags);
	__zb_count_event(preferred, ZB_NUMA_FOREIGN, 1);
	zb_unlock_irqrestore(&preferred->lock, flags);
}

/* Urgent requests for more than a few frames try their reserve first. */
static bool has_reserve(unsigned int order, unsigned int alloc_flags)
{
	return order > ZB_COSTLY_ORDER && (alloc_flags & ZB_ALLOC_HARDER);
}

/* Past the lists, and into the high-atomic reserve for who may. */
static unsigned long rmqueue_buddy(struct zb_zone *zone, unsigned int order,
				   unsigned int mt, unsigned int alloc_flags)
{
	unsigned long flags, pfn = ZB_NO_PFN;

	zb_lock_irqsave(&zone->lock, flags);
	if (order && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_HELD_CACHED);
	if (pfn == ZB_NO_PFN)
		pfn = __zb_rmqueue(zone, order, mt, alloc_flags, ZB_HELD_CACHED);
	if (pfn == ZB_NO_PFN && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_HELD_CACHED);
	if (pfn != ZB_NO_PFN)
		zb_trace_zone_locked(pfn, order, mt, false);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_rmqueue() - take a block from a zone, through the per-CPU lists if it can
 * @preferred: the zone the request was meant for, for the statistics
 * @zone: where to take it
 * @order: wanted, up to the zone's @max_order
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @gfp: __ZB_GFP_OTHER_NODE counts here
 * @alloc_flags: ZB_ALLOC_HARDER, _CMA, _NOFRAGMENT and _COLD count here
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN. Its state says that it is
 * cached, until the caller has had a look at it and says whose it is.
 */
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned int order, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags)
{
	unsigned long pfn = ZB_NO_PFN;

	if (zb_pcp_order(order) && !has_reserve(order, alloc_flags))
		pfn = zb_pcp_rmqueue(zone, order, mt, alloc_flags);
	if (pfn == ZB_NO_PFN)
		pfn = rmqueue_buddy(zone, order, mt, alloc_flags);
	if (pfn != ZB_NO_PFN)
		account_alloc(preferred, zone, order, gfp);
	return pfn;
}

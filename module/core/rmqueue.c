// SPDX-License-Identifier: GPL-2.0-only
/* Take a block from a zone, from a per-CPU list or from the buddy lists. */
#include "pcp.h"

/* Count an allocation, with the kernel's meaning of the numa_* events. */
static void count_alloc(unsigned long *events, const struct zb_zone *preferred,
			const struct zb_zone *zone, unsigned long nr_pages,
			zb_gfp_t gfp)
{
	int local = gfp & __ZB_GFP_OTHER_NODE ? preferred->nid : zb_cpu_node();

	zb_count(events[ZB_PGALLOC], nr_pages);
	zb_count(events[zone->nid == preferred->nid ? ZB_NUMA_HIT : ZB_NUMA_MISS], 1);
	zb_count(events[zone->nid == local ? ZB_NUMA_LOCAL : ZB_NUMA_OTHER], 1);
}

/* Count per CPU if possible, to avoid contention on the lock of @preferred. */
static void count_foreign(struct zb_zone *preferred)
{
	unsigned long flags;
	struct zb_pcp *pcp;

	if (zb_pcp_enter(preferred, &pcp)) {
		zb_pcp_count_event(pcp, ZB_NUMA_FOREIGN, 1);
		zb_pcp_leave(pcp);
		return;
	}
	zb_lock_irqsave(&preferred->lock, flags);
	__zb_count_event(preferred, ZB_NUMA_FOREIGN, 1);
	zb_unlock_irqrestore(&preferred->lock, flags);
}

/* If the per-CPU counters cannot be used, count under the zone lock. */
static void account_alloc(struct zb_zone *preferred, struct zb_zone *zone,
			  unsigned long nr_pages, zb_gfp_t gfp)
{
	unsigned long flags;
	struct zb_pcp *pcp;

	if (zb_pcp_enter(zone, &pcp)) {
		count_alloc(pcp->events, preferred, zone, nr_pages, gfp);
		zb_pcp_leave(pcp);
	} else {
		zb_lock_irqsave(&zone->lock, flags);
		count_alloc(zone->events, preferred, zone, nr_pages, gfp);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	if (unlikely(zone->nid != preferred->nid))
		count_foreign(preferred);
}

/* Large atomic requests bypass the lists and use the HighAtomic reserve first. */
static bool has_reserve(unsigned int order, unsigned int alloc_flags)
{
	return order > ZB_COSTLY_ORDER && (alloc_flags & ZB_ALLOC_HARDER);
}

/*
 * An atomic request of order > 0 tries the HighAtomic reserve first. An atomic
 * request of order 0, and a request without watermarks, uses it as a last resort.
 */
static unsigned long __rmqueue_buddy(struct zb_zone *zone, unsigned int order,
				     unsigned int mt, unsigned int alloc_flags)
{
	unsigned long pfn = ZB_NO_PFN;

	if (order && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_BLOCK_PCP);
	if (pfn == ZB_NO_PFN)
		pfn = __zb_rmqueue(zone, order, mt, alloc_flags, ZB_BLOCK_PCP);
	if (pfn == ZB_NO_PFN &&
	    (alloc_flags & (ZB_ALLOC_HARDER | ZB_ALLOC_NO_WATERMARKS)))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_BLOCK_PCP);
	if (pfn != ZB_NO_PFN)
		zb_trace_zone_locked(pfn, order, mt, false);
	return pfn;
}

static unsigned long rmqueue_buddy(struct zb_zone *zone, unsigned int order,
				   unsigned int mt, unsigned int alloc_flags)
{
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __rmqueue_buddy(zone, order, mt, alloc_flags);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_rmqueue() - take a block from a zone, from a per-CPU list if possible
 * @preferred: preferred zone of the request, for the statistics
 * @zone: zone to take the block from
 * @order: order of the block, up to the zone's @max_order
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @gfp: only __ZB_GFP_OTHER_NODE is considered
 * @alloc_flags: ZB_ALLOC_HARDER, _NO_WATERMARKS, _CMA, _NOFRAGMENT and _COLD are
 *	considered
 *
 * Context: any but NMI; may take the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN. The state of the block is
 * ZB_BLOCK_PCP until the caller has checked it and marks it allocated.
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
		account_alloc(preferred, zone, BIT(order), gfp);
	return pfn;
}

/* Split the first @nr_pages frames of a block into blocks, and free the others. */
static void __trim(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		   unsigned long nr_pages)
{
	unsigned long tail = pfn + nr_pages, end = pfn + BIT(order);
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, k));
	}
	for (; tail < end; tail += BIT(__ffs64(tail)))
		__zb_free_one_page(zone, tail, __ffs64(tail));
}

/**
 * zb_rmqueue_exact() - take the first part of a block from a zone
 * @preferred: preferred zone of the request, for the statistics
 * @zone: zone to take the frames from
 * @nr_pages: number of frames, not a power of two
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @gfp: only __ZB_GFP_OTHER_NODE is considered
 * @alloc_flags: ZB_ALLOC_HARDER, _NO_WATERMARKS, _CMA and _NOFRAGMENT are
 *	considered
 *
 * The block is taken and trimmed in one critical section, so that other requests
 * never find the zone short of the frames that this request does not keep.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame, or ZB_NO_PFN. The frames are one block for each bit of
 * @nr_pages, see zb_exact_piece(), with a state as from zb_rmqueue().
 */
unsigned long zb_rmqueue_exact(struct zb_zone *preferred, struct zb_zone *zone,
			       unsigned long nr_pages, unsigned int mt,
			       zb_gfp_t gfp, unsigned int alloc_flags)
{
	unsigned int order = zb_exact_order(nr_pages);
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __rmqueue_buddy(zone, order, mt, alloc_flags);
	if (pfn != ZB_NO_PFN)
		__trim(zone, pfn, order, nr_pages);
	zb_unlock_irqrestore(&zone->lock, flags);
	if (pfn != ZB_NO_PFN)
		account_alloc(preferred, zone, nr_pages, gfp);
	return pfn;
}

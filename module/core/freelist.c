// SPDX-License-Identifier: GPL-2.0-only
#include "exact.h"
#include "free.h"
#include "freelist.h"
#include "unfit.h"

static bool in_mask(const unsigned long *mask, unsigned int nr_bits, int nid)
{
	const unsigned int bits = 8 * sizeof(*mask);

	return (unsigned int)nid < nr_bits &&
	       READ_ONCE(mask[nid / bits]) >> (nid % bits) & 1;
}

/**
 * zb_node_allowed() - check whether a request may use the node of a zone
 * @ac: context of the request
 * @zone: the zone
 * @gfp: flags of the request
 * @alloc_flags: only ZB_ALLOC_CPUSET is considered
 *
 * Context: any.
 * Return: false if THISNODE, the nodemask or the cpuset excludes the node.
 */
bool zb_node_allowed(const struct zb_alloc_context *ac,
		     const struct zb_zone *zone, zb_gfp_t gfp,
		     unsigned int alloc_flags)
{
	const struct zb_alloc_policy *policy = ac->policy;

	if ((gfp & __ZB_GFP_THISNODE) && zone->nid != ac->node->nid)
		return false;
	if (ac->nodemask && !in_mask(ac->nodemask, policy->nr_bits, zone->nid))
		return false;
	/*
	 * For a request without HARDWALL, the kernel also allows the nodes of an
	 * ancestor cpuset. The core takes the root cpuset for that ancestor, so
	 * such a request is not limited.
	 */
	if ((alloc_flags & ZB_ALLOC_CPUSET) && (gfp & __ZB_GFP_HARDWALL) &&
	    policy->cpuset)
		return in_mask(policy->cpuset, policy->nr_bits, zone->nid);
	return true;
}

static bool watermark_ok(struct zb_pool *pool, struct zb_zone *zone,
			 zb_gfp_t gfp, unsigned int order,
			 unsigned int alloc_flags,
			 const struct zb_alloc_context *ac)
{
	unsigned long mark;

	if (alloc_flags & ZB_ALLOC_NO_WATERMARKS)
		return true;
	mark = READ_ONCE(zone->watermark[alloc_flags & ZB_ALLOC_WMARK_MASK]);
	if (likely(zb_zone_watermark_ok(zone, order, ac->nr_pages, mark,
					ac->highest_zoneidx, alloc_flags)))
		return true;
	if (!pool->ops->zone_reclaim || !(gfp & __ZB_GFP_DIRECT_RECLAIM) ||
	    !pool->ops->zone_reclaim(pool, zone, gfp, order, alloc_flags, ac))
		return false;
	return zb_zone_watermark_ok(zone, order, ac->nr_pages, mark,
				    ac->highest_zoneidx, alloc_flags);
}

/* Count @nr allocations, with the kernel's meaning of the numa_* events. */
static void count_alloc(unsigned long *events, const struct zb_zone *preferred,
			const struct zb_zone *zone, unsigned long nr_pages,
			unsigned int nr, zb_gfp_t gfp)
{
	int local = gfp & __ZB_GFP_OTHER_NODE ? preferred->nid : zb_cpu_node();

	zb_count(events[ZB_PGALLOC], nr_pages);
	zb_count(events[zone->nid == preferred->nid ? ZB_NUMA_HIT : ZB_NUMA_MISS], nr);
	zb_count(events[zone->nid == local ? ZB_NUMA_LOCAL : ZB_NUMA_OTHER], nr);
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

/* If the per-CPU counters cannot be used, those of the zone are, under its lock. */
static void account(struct zb_zone *preferred, struct zb_zone *zone, unsigned long nr_pages,
		    unsigned int nr, zb_gfp_t gfp)
{
	unsigned long flags;
	struct zb_pcp *pcp;

	if (zb_pcp_enter(zone, &pcp)) {
		count_alloc(pcp->events, preferred, zone, nr_pages, nr, gfp);
		zb_pcp_leave(pcp);
	} else {
		zb_lock_irqsave(&zone->lock, flags);
		count_alloc(zone->events, preferred, zone, nr_pages, nr, gfp);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
}

/**
 * zb_account_alloc() - count an allocation
 * @preferred: preferred zone of the request
 * @zone: zone of the frames
 * @nr_pages: number of frames
 * @gfp: only __ZB_GFP_OTHER_NODE is considered
 *
 * Context: any but NMI.
 */
void zb_account_alloc(struct zb_zone *preferred, struct zb_zone *zone,
		      unsigned long nr_pages, zb_gfp_t gfp)
{
	account(preferred, zone, nr_pages, 1, gfp);
	if (unlikely(zone->nid != preferred->nid))
		count_foreign(preferred);
}

/**
 * zb_account_singles() - count several allocations of single frames
 * @zone: zone of the frames, which is also the preferred one
 * @nr: number of frames
 * @gfp: only __ZB_GFP_OTHER_NODE is considered
 *
 * Context: any but NMI.
 */
void zb_account_singles(struct zb_zone *zone, unsigned int nr, zb_gfp_t gfp)
{
	account(zone, zone, nr, nr, gfp);
}

/**
 * __zb_trim() - split the first frames of a block into blocks, and free the others
 * @zone: its zone
 * @pfn: its first frame; the block is in the state ZB_BLOCK_PCP and on no list
 * @order: its order
 * @nr_pages: number of frames to keep, not a power of two
 *
 * Context: zone lock held.
 */
void __zb_trim(struct zb_zone *zone, unsigned long pfn, unsigned int order,
	       unsigned long nr_pages)
{
	unsigned long tail = pfn + nr_pages, end = pfn + BIT(order);
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, k));
	}
	/* The smaller blocks are in one pageblock, the larger ones are whole pageblocks. */
	if (tail % ZB_PAGEBLOCK_NR) {
		k = order < ZB_PAGEBLOCK_ORDER ? order : ZB_PAGEBLOCK_ORDER;
		__zb_free_tail(zone, tail, ALIGN(tail, BIT(k)));
		tail = ALIGN(tail, BIT(k));
	}
	for (; tail < end; tail += BIT(__ffs64(tail)))
		__zb_free_one_page(zone, tail, __ffs64(tail));
}

/*
 * Take the first @nr_pages frames of a block of @order from the buddy system. They are
 * cut from the block under the same hold of the lock, so that other requests never
 * find the zone short of the frames that this request does not keep.
 *
 * An atomic request of order > 0 tries the HighAtomic reserve first. An atomic
 * request of order 0, and a request without watermarks, uses it as a last resort.
 *
 * @map receives which of the frames are known to be zero, unless it is NULL.
 */
static unsigned long zb_rmqueue_buddy(struct zb_zone *zone, unsigned long nr_pages,
				      unsigned int order, unsigned int mt,
				      unsigned int alloc_flags, struct zb_zero_map *map)
{
	unsigned long flags, pfn = ZB_NO_PFN;

	zb_lock_irqsave(&zone->lock, flags);
	if (unlikely(map && zone->zeroed))
		__zb_prefer_zeroed(zone, order, mt);
	if (order && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_smallest(zone, order, ZB_MIGRATE_HIGHATOMIC,
					    ZB_BLOCK_PCP);
	if (pfn == ZB_NO_PFN)
		pfn = __zb_rmqueue(zone, order, mt, alloc_flags, ZB_BLOCK_PCP, &flags);
	if (pfn == ZB_NO_PFN &&
	    (alloc_flags & (ZB_ALLOC_HARDER | ZB_ALLOC_NO_WATERMARKS)))
		pfn = __zb_rmqueue_smallest(zone, order, ZB_MIGRATE_HIGHATOMIC,
					    ZB_BLOCK_PCP);
	if (pfn != ZB_NO_PFN) {
		zb_trace_zone_locked(pfn, order, mt, false);
		if (nr_pages != BIT(order))
			__zb_trim(zone, pfn, order, nr_pages);
		if (unlikely(zone->zeroed)) {
			if (map)
				zb_zero_map_begin(map, pfn, nr_pages);
			__zb_zero_take(zone, pfn, nr_pages, map);
		}
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_rmqueue() - take frames from a zone, from a per-CPU list if possible
 * @preferred: preferred zone of the request, for the statistics
 * @zone: zone to take the frames from
 * @nr_pages: number of frames; they fit in a block of the zone's @max_order
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @gfp: only __ZB_GFP_OTHER_NODE is considered
 * @alloc_flags: ZB_ALLOC_HARDER, _NO_WATERMARKS, _CMA, _NOFRAGMENT and _COLD are
 *	considered
 *
 * Large atomic requests bypass the lists and use the HighAtomic reserve first.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: first frame, or ZB_NO_PFN. The frames are one block for each bit of
 * @nr_pages, see zb_exact_piece(). The state of each block is ZB_BLOCK_PCP until the
 * caller has checked it and marks it allocated.
 */
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned long nr_pages, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags)
{
	unsigned int order = zb_exact_order(nr_pages);
	unsigned long pfn = ZB_NO_PFN;

	/*
	 * While the zone is low, only zb_rmqueue_buddy() serves exact requests, so that the
	 * frames that they do not keep never leave the zone.
	 */
	if (order < ZB_PCP_ORDERS &&
	    (nr_pages == BIT(order) || !READ_ONCE(zone->below_fast_wmark)) &&
	    !(order > ZB_COSTLY_ORDER && (alloc_flags & ZB_ALLOC_HARDER))) {
		/* Only these are refilled. */
		if (order < ZB_WORD_ORDER)
			zb_use_lists(zone);
		pfn = zb_pcp_rmqueue(zone, order, mt, alloc_flags);
	}
	if (pfn != ZB_NO_PFN && nr_pages != BIT(order))
		zb_exact_split(zone, pfn, order, nr_pages, ZB_BLOCK_PCP);
	if (pfn == ZB_NO_PFN)
		pfn = zb_rmqueue_buddy(zone, nr_pages, order, mt, alloc_flags, NULL);
	if (pfn != ZB_NO_PFN)
		zb_account_alloc(preferred, zone, nr_pages, gfp);
	return pfn;
}

/*
 * Take frames for a request that wants zeroed frames. They come from the buddy system, because
 * nothing is known of the frames on per-CPU lists.
 */
static noinline unsigned long take_zeroed(struct zb_zone *zone, zb_gfp_t gfp,
					  unsigned int alloc_flags,
					  const struct zb_alloc_context *ac)
{
	struct zb_zero_map *map = ac->policy->zero_map;
	unsigned long pfn;

	/* The map may still describe the frames of an earlier attempt. */
	map->pfn = ZB_NO_PFN;
	if (!READ_ONCE(zone->zeroed))
		return ZB_NO_PFN;
	pfn = zb_rmqueue_buddy(zone, ac->nr_pages, zb_exact_order(ac->nr_pages),
			       ac->migratetype, alloc_flags, map);
	if (pfn != ZB_NO_PFN)
		zb_account_alloc(ac->preferred, zone, ac->nr_pages, gfp);
	return pfn;
}

/**
 * zb_keep_out_of_use() - drop a damaged block instead of allocating it
 * @pool: the allocator
 * @zone: zone of the block
 * @pfn: its first frame; the block is on no list
 * @order: its order
 * @bad: what is wrong with it
 *
 * A block whose state says that it is allocated belongs to another owner, who will free it,
 * so its state is left alone. Any other block is marked bad and never used again.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_keep_out_of_use(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
			unsigned int order, enum zb_bad bad)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, ZB_BAD_BLOCK, 1);
	if (!zb_state_allocated(zb_zone_state(zone, pfn))) {
		zb_zone_set_state(zone, pfn, ZB_STATE_BAD(order));
		WRITE_ONCE(zone->nr_bad, zone->nr_bad + BIT(order));
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	if (pool->ops->report_bad)
		pool->ops->report_bad(pool, pfn, order, bad);
}

/* If the whole block is going to be cleared, checking every frame adds little cost. */
static bool looks_fit(const struct zb_zone *zone, unsigned long pfn,
		      unsigned int order, zb_gfp_t gfp,
		      const struct zb_alloc_context *ac)
{
	if (gfp & __ZB_GFP_ZERO || ac->policy->every_frame)
		return zb_block_fit(zone, pfn, order);
	return zb_block_seems_fit(zone, pfn, order);
}

/* Clear those frames of a block that are not known to be zero. */
static void clear_block(struct zb_pool *pool, unsigned long pfn, unsigned int order,
			const struct zb_zero_map *map)
{
	unsigned long at, end, run;

	if (likely(!map) || map->pfn == ZB_NO_PFN) {
		pool->ops->clear(pool, pfn, BIT(order));
		return;
	}
	at = pfn - map->pfn;
	for (end = at + BIT(order); at < end; at += run) {
		run = zb_zero_map_run(map, map->pfn, at, end);
		if (!zb_zero_map_test(map, map->pfn, at))
			pool->ops->clear(pool, map->pfn + at, run);
	}
}

/*
 * Check a block before it is allocated. If its state is not that of a free
 * block, or if its memory was written to since it was freed, an earlier owner
 * still uses it, so it must not be allocated again. If some of its frames are
 * unfit, the other frames are returned to the zone.
 */
static bool zb_prep_new_page(struct zb_pool *pool, struct zb_zone *zone,
			     unsigned long pfn, unsigned int order, zb_gfp_t gfp,
			     const struct zb_alloc_context *ac)
{
	unsigned int mt = ac->migratetype;
	/* A single frame cannot be split, so COMP has no effect on it. */
	enum zb_block_state state = order && gfp & __ZB_GFP_COMP ?
				    ZB_BLOCK_COMP(mt) : ZB_BLOCK_MT(mt);

	if (unlikely(zb_zone_state(zone, pfn) !=
		     ZB_STATE(ZB_BLOCK_PCP, order))) {
		zb_keep_out_of_use(pool, zone, pfn, order, ZB_BAD_STATE);
		return false;
	}
	if (unlikely(!looks_fit(zone, pfn, order, gfp, ac))) {
		zb_free_unfit(zone, pfn, order, NULL);
		return false;
	}
	if (pool->ops->check_poison &&
	    unlikely(!pool->ops->check_poison(pool, pfn, order))) {
		zb_keep_out_of_use(pool, zone, pfn, order, ZB_BAD_CONTENT);
		return false;
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(state, order));
	if (gfp & __ZB_GFP_ZERO && pool->ops->clear)
		clear_block(pool, pfn, order, ac->policy->zero_map);
	return true;
}

/*
 * Check all blocks of an exact allocation. If one of them cannot be used, the
 * others are freed.
 */
static bool prep_exact(struct zb_pool *pool, struct zb_zone *zone,
		       unsigned long pfn, unsigned long nr_pages, zb_gfp_t gfp,
		       const struct zb_alloc_context *ac)
{
	unsigned long at, left, damaged = 0;
	unsigned int k;

	for (at = pfn, left = nr_pages; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		if (unlikely(!zb_prep_new_page(pool, zone, at, k, gfp, ac)))
			damaged |= BIT(k);
	}
	if (likely(!damaged))
		return true;
	for (at = pfn, left = nr_pages; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		if (!(damaged & BIT(k)))
			zb_pool_free_pages(pool, at, k);
	}
	return false;
}

/**
 * zb_prep_new_block() - check a block, and mark it allocated
 * @pool: the allocator
 * @zone: zone of the block
 * @pfn: its first frame
 * @gfp: flags of the request
 * @order: its order
 * @ac: the parts of the request that are the same for all attempts; @nr_pages,
 *	@migratetype and @policy are considered
 *
 * Context: any but NMI; may take the zone lock.
 * Return: false if the block can't be used. It does not belong to the caller then.
 */
bool zb_prep_new_block(struct zb_pool *pool, struct zb_zone *zone,
		       unsigned long pfn, zb_gfp_t gfp, unsigned int order,
		       const struct zb_alloc_context *ac)
{
	if (ac->nr_pages != BIT(order))
		return prep_exact(pool, zone, pfn, ac->nr_pages, gfp, ac);
	return zb_prep_new_page(pool, zone, pfn, order, gfp, ac);
}

/**
 * zb_tell_low() - report that a zone has become low
 * @pool: the allocator
 * @zone: the zone, whose @lists_due was found set
 *
 * A request that may not sleep can't wait until the lists of other CPUs are drained.
 * Therefore their drain is requested when the zone becomes low. Two CPUs may report the same
 * event; this is harmless.
 *
 * Context: any but NMI.
 */
noinline void zb_tell_low(struct zb_pool *pool, struct zb_zone *zone)
{
	WRITE_ONCE(zone->lists_due, 0);
	if (pool->ops->became_low)
		pool->ops->became_low(pool, zone);
}

/**
 * zb_tell_boosted() - wake background reclaim, because mobilities were mixed in a zone
 * @pool: the allocator
 * @zone: the zone, whose @boost_due was found set
 * @gfp: flags of the request, which may forbid it
 *
 * Context: any but NMI.
 */
noinline void zb_tell_boosted(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp)
{
	if (!(gfp & __ZB_GFP_KSWAPD_RECLAIM))
		return;
	WRITE_ONCE(zone->boost_due, 0);
	if (pool->ops->wake_reclaim)
		pool->ops->wake_reclaim(pool, zone, gfp, 0);
}

/**
 * zb_get_page_from_freelist() - try to allocate a block from each zone in turn
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the block
 * @alloc_flags: what this attempt may do, see alloc_flags.h
 * @ac: the parts of the request that are the same for all attempts
 *
 * A zone is skipped if the task may not use its node, if the node has reached
 * its dirty limit, or if the allocation would take the zone below its
 * watermark. With NOFRAGMENT, only zones of the preferred node are tried; if
 * they all fail, the search starts again without NOFRAGMENT, because mixing
 * mobilities on the preferred node is better than using a remote node.
 *
 * Context: may sleep in zb_ops.zone_reclaim with __ZB_GFP_DIRECT_RECLAIM,
 * otherwise any but NMI.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long zb_get_page_from_freelist(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order,
					unsigned int alloc_flags,
					struct zb_alloc_context *ac)
{
	int over_dirty_limit = ZB_NODE_ANY;
	struct zb_zoneref *z;
	unsigned long pfn;

retry:
	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx) {
		struct zb_zone *zone = z->zone;

		if (!zb_node_allowed(ac, zone, gfp, alloc_flags))
			continue;
		if (ac->spread_dirty) {
			if (zone->nid == over_dirty_limit)
				continue;
			if (!zb_node_dirty_ok(pool, zb_pool_node(pool, zone->nid))) {
				over_dirty_limit = zone->nid;
				continue;
			}
		}
		if ((alloc_flags & ZB_ALLOC_NOFRAGMENT) &&
		    zone->nid != ac->preferred->nid)
			break;
		if (!watermark_ok(pool, zone, gfp, order, alloc_flags, ac))
			continue;
		do {
			pfn = ZB_NO_PFN;
			if (unlikely(ac->policy->zero_map))
				pfn = take_zeroed(zone, gfp, alloc_flags, ac);
			if (pfn == ZB_NO_PFN)
				pfn = zb_rmqueue(ac->preferred, zone, ac->nr_pages,
						 ac->migratetype, gfp, alloc_flags);
			if (unlikely(READ_ONCE(zone->lists_due)))
				zb_tell_low(pool, zone);
			if (unlikely(READ_ONCE(zone->boost_due)))
				zb_tell_boosted(pool, zone, gfp);
		} while (pfn != ZB_NO_PFN &&
			 !zb_prep_new_block(pool, zone, pfn, gfp, order, ac));
		if (pfn == ZB_NO_PFN)
			continue;
		if (unlikely(order && (alloc_flags & ZB_ALLOC_HARDER)))
			zb_zone_reserve_highatomic(zone, pfn);
		return pfn;
	}
	if (alloc_flags & ZB_ALLOC_NOFRAGMENT) {
		alloc_flags &= ~ZB_ALLOC_NOFRAGMENT;
		goto retry;
	}
	return ZB_NO_PFN;
}

/**
 * zb_first_zone() - find the preferred zone of a request
 * @ac: node, nodemask and highest zone of the request
 * @gfp: flags of the request
 *
 * Return: the first zone of the zonelist that the request may use, or NULL.
 */
struct zb_zone *zb_first_zone(const struct zb_alloc_context *ac, zb_gfp_t gfp)
{
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx)
		if (zb_node_allowed(ac, z->zone, gfp, 0))
			return z->zone;
	return NULL;
}

/**
 * zb_alloc_flags_nofragment() - may the first attempt of a request mix mobilities?
 * @node: its preferred node
 * @preferred: its preferred zone
 * @highest_zoneidx: highest zone type that its flags allow
 *
 * NOFRAGMENT only helps if the preferred node has a second zone that can be tried before
 * mobilities are mixed.
 *
 * Return: ZB_ALLOC_NOFRAGMENT or 0.
 */
unsigned int zb_alloc_flags_nofragment(const struct zb_node *node,
				       const struct zb_zone *preferred,
				       unsigned int highest_zoneidx)
{
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, node, highest_zoneidx)
		if (z->zone != preferred && z->zone->nid == preferred->nid)
			return ZB_ALLOC_NOFRAGMENT;
	return 0;
}

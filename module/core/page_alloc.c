// SPDX-License-Identifier: GPL-2.0-only
#include "page_alloc.h"
#include "unfit.h"

/**
 * zb_pool_tune() - apply the pool's tunables
 * @pool: the allocator, whose @tunables have been changed
 * @nr_cpus: number of CPUs that keep per-CPU lists
 *
 * Context: any; one caller at a time.
 */
void zb_pool_tune(struct zb_pool *pool, unsigned int nr_cpus)
{
	struct zb_zone *zone;

	zb_setup_watermarks(pool->zones, pool->nr_zones, &pool->tunables,
			    pool->page_shift);
	zb_for_each_zone(zone, pool)
		zb_pcp_setup(zone, nr_cpus, pool->tunables.pcp_high_fraction);
	zb_fast_setup(pool);
}

/**
 * zb_pool_too_small() - check whether a pool is too small to group by mobility
 * @nr_pages: frames of all zones
 *
 * A pool with fewer pageblocks than migrate types cannot keep mobilities in
 * separate pageblocks.
 *
 * Return: true if grouping by mobility should be disabled.
 */
bool zb_pool_too_small(unsigned long nr_pages)
{
	return nr_pages < ZB_PAGEBLOCK_NR * ZB_MIGRATE_TYPES;
}

/**
 * zb_pool_node() - find a node that has a region
 * @pool: the allocator
 * @nid: number of the NUMA node
 *
 * Return: the node, or NULL if it has no region.
 */
struct zb_node *zb_pool_node(const struct zb_pool *pool, int nid)
{
	unsigned int i;

	for (i = 0; i < pool->nr_nodes; i++)
		if (pool->nodes[i].nid == nid)
			return &pool->nodes[i];
	return NULL;
}

/**
 * zb_pool_any_node() - find a node, with or without a region
 * @pool: the allocator
 * @nid: number of the NUMA node
 *
 * Return: the node, or NULL if the allocator does not know it.
 */
struct zb_node *zb_pool_any_node(const struct zb_pool *pool, int nid)
{
	struct zb_node *node = zb_pool_node(pool, nid);
	unsigned int i;

	for (i = 0; !node && i < pool->nr_memoryless; i++)
		if (pool->memoryless[i].nid == nid)
			node = &pool->memoryless[i];
	return node;
}

/* Find the start of the lowest zone and the end of the highest one. */
static void pool_span(const struct zb_pool *pool, unsigned long *start,
		      unsigned long *end)
{
	const struct zb_zone *zone;

	*start = ~0ul;
	*end = 0;
	zb_for_each_zone(zone, pool) {
		if (zone->start_pfn < *start)
			*start = zone->start_pfn;
		if (zb_zone_end(zone) > *end)
			*end = zb_zone_end(zone);
	}
}

/**
 * zb_zone_map_size() - size of zb_pool.zone_map
 * @pool: the allocator, with its zones set up
 *
 * The map covers the gaps between regions too, so regions that are far apart
 * make it large.
 *
 * Return: bytes that zb_zone_map_init() needs.
 */
size_t zb_zone_map_size(const struct zb_pool *pool)
{
	unsigned long start, end;

	pool_span(pool, &start, &end);
	return (end - start) >> ZB_PAGEBLOCK_ORDER;
}

/**
 * zb_zone_map_init() - set up the map that zb_pfn_zone() looks frames up in
 * @pool: the allocator, with at most ZB_NO_ZONE zones
 * @map: zb_zone_map_size() bytes
 *
 * Without a map, zb_pfn_zone() searches the zones.
 */
void zb_zone_map_init(struct zb_pool *pool, u8 *map)
{
	unsigned long start, end, first;
	struct zb_zone *zone;

	pool_span(pool, &start, &end);
	pool->map_start = start;
	pool->map_size = (end - start) >> ZB_PAGEBLOCK_ORDER;
	memset(map, ZB_NO_ZONE, pool->map_size);
	zb_for_each_zone(zone, pool) {
		first = (zone->start_pfn - start) >> ZB_PAGEBLOCK_ORDER;
		memset(map + first, zone - pool->zones,
		       zb_zone_nr_pageblocks(zone));
	}
	pool->zone_map = map;
}

/**
 * zb_search_zone() - find the zone of a frame without the zone map
 * @pool: the allocator
 * @pfn: frame number, not necessarily of this pool
 *
 * Return: the zone, or NULL if the frame is not in the pool.
 */
struct zb_zone *zb_search_zone(const struct zb_pool *pool, unsigned long pfn)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (zb_zone_has(zone, pfn))
			return zone;
	return NULL;
}

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
	const struct zb_policy *policy = ac->policy;

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

static bool node_dirty_ok(const struct zb_pool *pool, int nid)
{
	const struct zb_node *node = zb_pool_node(pool, nid);

	return !node ||
	       (u64)atomic_long_read(&node->nr_dirty) * 100 <
	       (u64)node->nr_pages * READ_ONCE(pool->tunables.dirty_ratio);
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
	if (likely(zb_zone_watermark_exact_ok(zone, order, ac->nr_pages, mark,
					      ac->highest_zoneidx, alloc_flags)))
		return true;
	if (!pool->ops->zone_reclaim || !(gfp & __ZB_GFP_DIRECT_RECLAIM) ||
	    !pool->ops->zone_reclaim(pool, zone, gfp, order))
		return false;
	return zb_zone_watermark_exact_ok(zone, order, ac->nr_pages, mark,
					  ac->highest_zoneidx, alloc_flags);
}

/*
 * Drop a damaged block instead of allocating it. A block whose state says that
 * it is allocated belongs to another owner, who will free it, so its state is
 * left alone. Any other block is marked bad and never used again.
 */
static void keep_out_of_use(struct zb_pool *pool, struct zb_zone *zone,
			    unsigned long pfn, unsigned int order,
			    enum zb_bad bad)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, ZB_BAD_BLOCK, 1);
	if (!zb_state_allocated(zb_zone_state(zone, pfn))) {
		zb_zone_set_state(zone, pfn, ZB_STATE_BAD(order));
		WRITE_ONCE(zone->nr_bad, zone->nr_bad + BIT(order));
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	if (pool->ops->bad)
		pool->ops->bad(pool, pfn, order, bad);
}

/* Where all of a block is cleared, looking at all of it makes little difference. */
static bool looks_fit(const struct zb_zone *zone, unsigned long pfn,
		      unsigned int order, zb_gfp_t gfp,
		      const struct zb_alloc_context *ac)
{
	if (gfp & __ZB_GFP_ZERO || ac->policy->every_frame)
		return zb_block_fit(zone, pfn, order);
	return zb_block_seems_fit(zone, pfn, order);
}

/*
 * Check a block before it is allocated. If its state is not that of a free
 * block, or if its memory was written to since it was freed, an earlier owner
 * still uses it, so it must not be allocated again. If some of its frames are
 * unfit, the other frames are returned to the zone.
 */
static bool prep_new_page(struct zb_pool *pool, struct zb_zone *zone,
			  unsigned long pfn, unsigned int order, zb_gfp_t gfp,
			  const struct zb_alloc_context *ac)
{
	unsigned int mt = ac->migratetype;
	/* A single frame cannot be split, so COMP has no effect on it. */
	enum zb_block_state hold = order && gfp & __ZB_GFP_COMP ? ZB_BLOCK_COMP(mt) :
							   ZB_BLOCK_MT(mt);

	if (unlikely(zb_zone_state(zone, pfn) !=
		     ZB_STATE(ZB_BLOCK_PCP, order))) {
		keep_out_of_use(pool, zone, pfn, order, ZB_BAD_STATE);
		return false;
	}
	if (unlikely(!looks_fit(zone, pfn, order, gfp, ac))) {
		zb_free_unfit(zone, pfn, order, NULL);
		return false;
	}
	if (pool->ops->check && unlikely(!pool->ops->check(pool, pfn, order))) {
		keep_out_of_use(pool, zone, pfn, order, ZB_BAD_CONTENT);
		return false;
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(hold, order));
	if (gfp & __ZB_GFP_ZERO && pool->ops->clear)
		pool->ops->clear(pool, pfn, order);
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
		if (unlikely(!prep_new_page(pool, zone, at, k, gfp, ac)))
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

static unsigned long rmqueue(struct zb_zone *zone, zb_gfp_t gfp,
			     unsigned int order, unsigned int alloc_flags,
			     const struct zb_alloc_context *ac)
{
	if (ac->nr_pages != BIT(order))
		return zb_rmqueue_exact(ac->preferred, zone, ac->nr_pages,
					ac->migratetype, gfp, alloc_flags);
	return zb_rmqueue(ac->preferred, zone, order, ac->migratetype, gfp,
			  alloc_flags);
}

static bool prep_new_block(struct zb_pool *pool, struct zb_zone *zone,
			   unsigned long pfn, zb_gfp_t gfp, unsigned int order,
			   const struct zb_alloc_context *ac)
{
	if (ac->nr_pages != BIT(order))
		return prep_exact(pool, zone, pfn, ac->nr_pages, gfp, ac);
	return prep_new_page(pool, zone, pfn, order, gfp, ac);
}

/*
 * A request that may not sleep can't wait until other CPUs' lists are drained, so
 * that is done before memory is short. Two CPUs may both tell, which does no harm.
 */
static noinline void tell_low(struct zb_pool *pool, struct zb_zone *zone)
{
	WRITE_ONCE(zone->lists_due, 0);
	if (pool->ops->became_low)
		pool->ops->became_low(pool, zone);
}

static unsigned long try_this_zone(struct zb_pool *pool, struct zb_zone *zone,
				   zb_gfp_t gfp, unsigned int order,
				   unsigned int alloc_flags,
				   const struct zb_alloc_context *ac)
{
	unsigned long pfn;

	do {
		pfn = rmqueue(zone, gfp, order, alloc_flags, ac);
		if (unlikely(READ_ONCE(zone->lists_due)))
			tell_low(pool, zone);
		if (pfn == ZB_NO_PFN)
			return ZB_NO_PFN;
	} while (!prep_new_block(pool, zone, pfn, gfp, order, ac));
	if (unlikely(order && (alloc_flags & ZB_ALLOC_HARDER)))
		zb_zone_reserve_highatomic(zone, pfn);
	return pfn;
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
			if (!node_dirty_ok(pool, zone->nid)) {
				over_dirty_limit = zone->nid;
				continue;
			}
		}
		if ((alloc_flags & ZB_ALLOC_NOFRAGMENT) &&
		    zone->nid != ac->preferred->nid)
			break;
		if (!watermark_ok(pool, zone, gfp, order, alloc_flags, ac))
			continue;
		pfn = try_this_zone(pool, zone, gfp, order, alloc_flags, ac);
		if (pfn != ZB_NO_PFN)
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

/*
 * NOFRAGMENT only helps if the preferred node has a second zone that can be
 * tried before mobilities are mixed.
 */
static unsigned int alloc_flags_nofragment(const struct zb_alloc_context *ac)
{
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, ac->node, ac->highest_zoneidx)
		if (z->zone != ac->preferred && z->zone->nid == ac->preferred->nid)
			return ZB_ALLOC_NOFRAGMENT;
	return 0;
}

/**
 * zb_init_context() - set up the context of a request
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames that the request keeps of its block
 * @nid: preferred node; if it has no region, nodes are tried by distance from
 *	it, and a request with __ZB_GFP_THISNODE fails
 * @policy: nodes that the task may use
 * @ac: filled in except for @preferred; @nodemask is that of the policy
 *
 * Context: any.
 */
void zb_init_context(struct zb_pool *pool, zb_gfp_t gfp,
		     unsigned long nr_pages, int nid,
		     const struct zb_policy *policy, struct zb_alloc_context *ac)
{
	*ac = (struct zb_alloc_context){
		.node = zb_pool_any_node(pool, nid),
		.policy = policy,
		.nodemask = policy->nodemask,
		.nr_pages = nr_pages,
		.highest_zoneidx = zb_gfp_zone(gfp),
		.migratetype = zb_pool_migratetype(pool, gfp),
	};
}

static bool prepare_alloc_pages(zb_gfp_t gfp, struct zb_alloc_context *ac,
				unsigned int *alloc_flags)
{
	const unsigned long *cpuset = ac->policy->cpuset;

	ac->spread_dirty = gfp & __ZB_GFP_WRITE;
	if (ac->migratetype == ZB_MIGRATE_MOVABLE)
		*alloc_flags |= ZB_ALLOC_CMA;
	if (gfp & __ZB_GFP_COLD)
		*alloc_flags |= ZB_ALLOC_COLD;
	if (cpuset) {
		*alloc_flags |= ZB_ALLOC_CPUSET;
		if (!ac->nodemask)
			ac->nodemask = cpuset;
	}
	ac->preferred = ac->node ? zb_first_zone(ac, gfp) : NULL;
	return ac->preferred;
}

static unsigned long alloc_block(struct zb_pool *pool, zb_gfp_t gfp,
				 unsigned int order, struct zb_alloc_context *ac)
{
	unsigned int alloc_flags = ZB_ALLOC_WMARK_LOW;
	unsigned long pfn = ZB_NO_PFN;

	if (unlikely(gfp & __ZB_GFP_ACCOUNT) && pool->ops->charge &&
	    !pool->ops->charge(pool, gfp, order))
		return ZB_NO_PFN;
	if (likely(prepare_alloc_pages(gfp, ac, &alloc_flags))) {
		alloc_flags |= alloc_flags_nofragment(ac);
		/* The first attempt stays in the cpuset, the slow path need not. */
		pfn = zb_get_page_from_freelist(pool, gfp | __ZB_GFP_HARDWALL,
						order, alloc_flags, ac);
	}
	if (unlikely(pfn == ZB_NO_PFN))
		pfn = zb_alloc_slowpath(pool, gfp, order, ac);
	if (unlikely(pfn == ZB_NO_PFN) && (gfp & __ZB_GFP_ACCOUNT) &&
	    pool->ops->uncharge)
		pool->ops->uncharge(pool, order);
	return pfn;
}

static const struct zb_policy anywhere;

/**
 * zb_pool_alloc_pages() - allocate a block
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @order: log2 of the number of frames, up to @pool->max_order
 * @nid: preferred node; if it has no region, nodes are tried by distance from
 *	it, and a request with __ZB_GFP_THISNODE fails
 * @policy: nodes that the task may use, or NULL for all
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, otherwise any but NMI.
 * Return: first frame of the block, aligned to its size, or ZB_NO_PFN.
 */
unsigned long zb_pool_alloc_pages(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned int order, int nid,
				  const struct zb_policy *policy)
{
	struct zb_alloc_context ac;

	zb_init_context(pool, gfp, BIT(order), nid, policy ?: &anywhere, &ac);
	return alloc_block(pool, gfp, order, &ac);
}

/**
 * zb_pool_alloc_exact() - allocate any number of contiguous frames
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames, 1 .. 2^@pool->max_order
 * @nid: preferred node; if it has no region, nodes are tried by distance from
 *	it, and a request with __ZB_GFP_THISNODE fails
 * @policy: nodes that the task may use, or NULL for all
 *
 * The frames are cut from the start of a free block of
 * zb_exact_order(@nr_pages), so such a block has to exist. The watermark is
 * checked for @nr_pages only, because the rest of the block never leaves the
 * zone. Free the frames by zb_pool_free_exact() with the same @nr_pages.
 *
 * Context: same as zb_pool_alloc_pages().
 * Return: first frame, aligned to 2^zb_exact_order(@nr_pages), or ZB_NO_PFN.
 */
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
				  const struct zb_policy *policy)
{
	struct zb_alloc_context ac;

	zb_init_context(pool, gfp, nr_pages, nid, policy ?: &anywhere, &ac);
	return alloc_block(pool, gfp, zb_exact_order(nr_pages), &ac);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "page_alloc.h"
#include "unfit.h"

/**
 * zb_pool_tune() - make the pool's tunables count
 * @pool: the allocator; @tunables have been changed
 * @nr_cpus: CPUs that share its per-CPU lists
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
 * zb_pool_too_small() - is there room to keep mobilities apart?
 * @nr_pages: frames of all zones
 *
 * With less than a pageblock per migrate type all pageblocks would be mixed
 * anyway.
 *
 * Return: true if mobility is better ignored.
 */
bool zb_pool_too_small(unsigned long nr_pages)
{
	return nr_pages < ZB_PAGEBLOCK_NR * ZB_MIGRATE_TYPES;
}

/**
 * zb_pool_node() - the node of a number
 * @pool: the allocator
 * @nid: NUMA node
 *
 * Return: NULL when that node has no region.
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
 * zb_pool_any_node() - the node of a number, also if it has no region
 * @pool: the allocator
 * @nid: NUMA node
 *
 * Return: NULL when the allocator knows no such node.
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

/* From the first zone's first frame to the last zone's last. */
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
 * zb_zone_map_size() - memory for zb_pool.zone_map
 * @pool: the allocator; its zones are known
 *
 * Return: bytes for zb_zone_map_init(); regions far apart make it large.
 */
size_t zb_zone_map_size(const struct zb_pool *pool)
{
	unsigned long start, end;

	pool_span(pool, &start, &end);
	return (end - start) >> ZB_PAGEBLOCK_ORDER;
}

/**
 * zb_zone_map_init() - make zb_pfn_zone() a look-up
 * @pool: the allocator, with at most ZB_NO_ZONE zones
 * @map: zb_zone_map_size() bytes
 *
 * Without it zb_pfn_zone() searches the zones.
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
 * zb_search_zone() - the zone of a frame, the slow way
 * @pool: the allocator
 * @pfn: any number
 *
 * Return: NULL when the frame is not ours.
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
 * zb_node_allowed() - may a request go to the node of this zone?
 * @ac: its context
 * @zone: the zone
 * @gfp: its flags
 * @alloc_flags: ZB_ALLOC_CPUSET counts here
 *
 * Context: any.
 * Return: false if THISNODE, the nodemask or the cpuset forbid it.
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
	 * Without HARDWALL the limits of the task's ancestors would count, and
	 * the root of them has none.
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
 * A block that is marked as allocated has an owner, who will free it: it only
 * must not be given to a second one. All others are never used again.
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

/*
 * Look at a block before anybody gets it. One whose state is not that of a
 * free block, or whose memory was written to since it was freed, is still used
 * by an earlier owner and is not given to a second one. Of a block with unfit
 * frames the other frames go back to the zone.
 */
static bool prep_new_page(struct zb_pool *pool, struct zb_zone *zone,
			  unsigned long pfn, unsigned int order, zb_gfp_t gfp,
			  unsigned int mt)
{
	/* A single frame has no parts, so COMP means nothing for it. */
	enum zb_block_state hold = order && gfp & __ZB_GFP_COMP ? ZB_BLOCK_COMP(mt) :
							   ZB_BLOCK_MT(mt);

	if (unlikely(zb_zone_state(zone, pfn) !=
		     ZB_STATE(ZB_BLOCK_PCP, order))) {
		keep_out_of_use(pool, zone, pfn, order, ZB_BAD_STATE);
		return false;
	}
	if (unlikely(!zb_block_fit(zone, pfn, order))) {
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

/* The blocks of an exact allocation; the sound ones go back if one is not. */
static bool prep_exact(struct zb_pool *pool, struct zb_zone *zone,
		       unsigned long pfn, unsigned long nr_pages, zb_gfp_t gfp,
		       unsigned int mt)
{
	unsigned long at, left, damaged = 0;
	unsigned int k;

	for (at = pfn, left = nr_pages; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		if (unlikely(!prep_new_page(pool, zone, at, k, gfp, mt)))
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
		return prep_exact(pool, zone, pfn, ac->nr_pages, gfp,
				  ac->migratetype);
	return prep_new_page(pool, zone, pfn, order, gfp, ac->migratetype);
}

static unsigned long try_this_zone(struct zb_pool *pool, struct zb_zone *zone,
				   zb_gfp_t gfp, unsigned int order,
				   unsigned int alloc_flags,
				   const struct zb_alloc_context *ac)
{
	unsigned long pfn;

	do {
		pfn = rmqueue(zone, gfp, order, alloc_flags, ac);
		if (pfn == ZB_NO_PFN)
			return ZB_NO_PFN;
	} while (!prep_new_block(pool, zone, pfn, gfp, order, ac));
	if (unlikely(order && (alloc_flags & ZB_ALLOC_HARDER)))
		zb_zone_reserve_highatomic(zone, pfn);
	return pfn;
}

/**
 * zb_get_page_from_freelist() - one attempt: the first zone that will do
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: wanted
 * @alloc_flags: what this attempt may do, see alloc_flags.h
 * @ac: what does not change between attempts
 *
 * A zone is passed over when the task may not use its node, when the node has
 * its share of dirty memory, or when its watermark says so. With NOFRAGMENT
 * the search does not leave the preferred node: rather mix mobilities there
 * than go far away.
 *
 * Context: as the request.
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
 * zb_first_zone() - the zone a request is meant for
 * @ac: node, nodemask and highest zone of the request
 * @gfp: its flags
 *
 * Return: the first zone of the zonelist that it may use, or NULL.
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
 * Only worth it where the preferred zone's node has another zone to go to
 * before mobilities have to be mixed.
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
 * zb_init_context() - what of a request does not change between attempts
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames that the request keeps of its block
 * @nid: node to prefer; one that has no region gets memory by distance from it,
 *	and none with __ZB_GFP_THISNODE
 * @policy: where the task may go
 * @ac: filled in, but for @preferred; @nodemask is the policy's
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
		/* The fast path keeps to the cpuset; the slow path may not. */
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
 * zb_pool_alloc_pages() - the heart of the zoned buddy allocator
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @order: log2 of the number of frames, up to @pool->max_order
 * @nid: node to prefer; one that has no region gets memory by distance from it,
 *	and none with __ZB_GFP_THISNODE
 * @policy: where the task may go, or NULL for anywhere
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
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
 * zb_pool_alloc_exact() - allocate a number of frames that is no power of two
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames, 1 .. 2^@pool->max_order
 * @nid: node to prefer; one that has no region gets memory by distance from it,
 *	and none with __ZB_GFP_THISNODE
 * @policy: where the task may go, or NULL for anywhere
 *
 * The block of which they are the first frames must exist, but the watermark
 * is only checked for @nr_pages: the rest never leaves the zone. To be freed
 * by zb_pool_free_exact() with the same number.
 *
 * Context: as zb_pool_alloc_pages().
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

// SPDX-License-Identifier: GPL-2.0-only
#include "page_alloc.h"

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
 * zb_pfn_zone() - the zone of a frame
 * @pool: the allocator
 * @pfn: any number
 *
 * Return: NULL when the frame is not ours.
 */
struct zb_zone *zb_pfn_zone(const struct zb_pool *pool, unsigned long pfn)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (zb_zone_has(zone, pfn))
			return zone;
	return NULL;
}

static unsigned long get_page_from_freelist(const struct zb_node *node,
					    zb_gfp_t gfp, unsigned int order)
{
	unsigned int mt = zb_gfp_migratetype(gfp);
	struct zb_zoneref *z;
	unsigned long pfn;

	zb_for_each_zoneref(z, node, zb_gfp_zone(gfp)) {
		if ((gfp & __ZB_GFP_THISNODE) && z->zone->nid != node->nid)
			break;
		if (order > z->zone->max_order)
			continue;
		pfn = zb_rmqueue(z->zone, order, mt);
		if (pfn != ZB_NO_PFN)
			return pfn;
	}
	return ZB_NO_PFN;
}

/**
 * zb_alloc_pages() - allocate a block
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @order: log2 of the number of frames, up to @pool->max_order
 * @nid: node to prefer, one that has a region
 *
 * Free frames on per-CPU lists of other CPUs are called in before giving up,
 * if @gfp has __ZB_GFP_DIRECT_RECLAIM.
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, else any but NMI.
 * Return: first frame of the block, aligned to its size, or ZB_NO_PFN. The
 * memory is not cleared here.
 */
unsigned long zb_alloc_pages(struct zb_pool *pool, zb_gfp_t gfp,
			     unsigned int order, int nid)
{
	const struct zb_node *node = zb_pool_node(pool, nid);
	unsigned long pfn = get_page_from_freelist(node, gfp, order);

	if (pfn != ZB_NO_PFN || !(gfp & __ZB_GFP_DIRECT_RECLAIM))
		return pfn;
	pool->ops->drain_all(pool);
	return get_page_from_freelist(node, gfp, order);
}

static enum zb_bad_free check_free(const struct zb_zone *zone,
				   unsigned long pfn, unsigned int order)
{
	u8 state;

	if (!zone)
		return ZB_FREE_OUTSIDE;
	state = zb_zone_state(zone, pfn);
	switch (ZB_STATE_HOLD(state)) {
	case ZB_HELD_UNMOVABLE:
	case ZB_HELD_MOVABLE:
	case ZB_HELD_RECLAIMABLE:
		return ZB_STATE_ORDER(state) == order ? ZB_FREE_OK :
							ZB_FREE_WRONG_ORDER;
	default:
		return ZB_FREE_NOT_ALLOCATED;
	}
}

/**
 * zb_free_pages() - free a block
 * @pool: the allocator
 * @pfn: its first frame, as zb_alloc_pages() returned it
 * @order: its order
 *
 * Context: any but NMI.
 * Return: ZB_FREE_OK, or why nothing was done.
 */
enum zb_bad_free zb_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	enum zb_bad_free bad = check_free(zone, pfn, order);

	if (bad == ZB_FREE_OK)
		zb_free_unref_page(zone, pfn, order);
	return bad;
}

/**
 * zb_exact_order() - order of the smallest block that holds so many frames
 * @nr_pages: at least 1
 *
 * Return: the order.
 */
unsigned int zb_exact_order(unsigned long nr_pages)
{
	return nr_pages > 1 ? fls64(nr_pages - 1) : 0;
}

/*
 * An exact allocation of n frames is one block for each bit of n, the largest
 * first; each start is naturally aligned, because what precedes it is a sum of
 * larger powers of two. 13 frames:
 *
 *	| order 3               | order 2   | 0 |  -  tail  |
 */
static unsigned int exact_piece(unsigned long nr_pages)
{
	return fls64(nr_pages) - 1;
}

/* Cut the block at @pfn to @nr_pages and free the tail, in one go. */
static void trim(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		 unsigned long nr_pages)
{
	unsigned int k, hold = ZB_STATE_HOLD(zb_zone_state(zone, pfn));
	unsigned long flags, end = pfn + BIT(order), left = nr_pages;

	zb_lock_irqsave(&zone->lock, flags);
	for (; left; left -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(left);
		zb_zone_set_state(zone, pfn, ZB_STATE(hold, k));
	}
	for (; pfn < end; pfn += BIT(k)) {
		k = __ffs64(pfn);
		__zb_free_one_page(zone, pfn, k);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_alloc_exact() - allocate a number of frames that is no power of two
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames, 1 .. 2^@pool->max_order
 * @nid: node to prefer, one that has a region
 *
 * The frames beyond @nr_pages go back at once. To be freed by
 * zb_free_exact() with the same number.
 *
 * Context: as zb_alloc_pages().
 * Return: first frame, aligned to 2^zb_exact_order(@nr_pages), or ZB_NO_PFN.
 */
unsigned long zb_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
			     unsigned long nr_pages, int nid)
{
	unsigned int order = zb_exact_order(nr_pages);
	unsigned long pfn = zb_alloc_pages(pool, gfp, order, nid);

	if (pfn != ZB_NO_PFN && nr_pages < BIT(order))
		trim(zb_pfn_zone(pool, pfn), pfn, order, nr_pages);
	return pfn;
}

static enum zb_bad_free check_free_exact(const struct zb_pool *pool,
					 unsigned long pfn,
					 unsigned long nr_pages)
{
	enum zb_bad_free bad;
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(nr_pages);
		bad = check_free(zb_pfn_zone(pool, pfn), pfn, k);
		if (bad != ZB_FREE_OK)
			return bad;
	}
	return ZB_FREE_OK;
}

/**
 * zb_free_exact() - free what zb_alloc_exact() returned
 * @pool: the allocator
 * @pfn: first frame
 * @nr_pages: as it was allocated
 *
 * Context: any but NMI.
 * Return: ZB_FREE_OK, or why nothing was done.
 */
enum zb_bad_free zb_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	enum zb_bad_free bad = check_free_exact(pool, pfn, nr_pages);
	unsigned int k;

	if (bad != ZB_FREE_OK)
		return bad;
	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(nr_pages);
		zb_free_unref_page(zb_pfn_zone(pool, pfn), pfn, k);
	}
	return ZB_FREE_OK;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way back: is it what the caller says, and then to whom it belongs.
 *
 * And what is made of whole blocks: blocks split into frames, and exact
 * allocations, which are blocks whose tail was given back.
 */
#include "page_alloc.h"

/**
 * zb_pool_check_allocated() - is this an allocated block?
 * @pool: the allocator
 * @pfn: any number
 * @order: the order it is said to have
 *
 * One load of a state byte tells: it is written where a block starts.
 *
 * Context: any.
 * Return: ZB_OK, or what is wrong.
 */
enum zb_bad zb_pool_check_allocated(const struct zb_pool *pool, unsigned long pfn,
				    unsigned int order)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	u8 state;

	if (!zone)
		return ZB_BAD_OUTSIDE;
	state = zb_zone_state(zone, pfn);
	if (!zb_state_allocated(state))
		return ZB_BAD_NOT_ALLOCATED;
	return ZB_STATE_ORDER(state) == order ? ZB_OK : ZB_BAD_WRONG_ORDER;
}

static enum zb_bad refuse(struct zb_pool *pool, unsigned long pfn,
			  unsigned int order, enum zb_bad bad)
{
	atomic_long_add(1, &pool->bad_frees[bad]);
	if (pool->ops->bad)
		pool->ops->bad(pool, pfn, order, bad);
	return bad;
}

static enum zb_bad free_block(struct zb_pool *pool, unsigned long pfn,
			      unsigned int order, bool cold)
{
	enum zb_bad bad = zb_pool_check_allocated(pool, pfn, order);

	if (unlikely(bad != ZB_OK))
		return refuse(pool, pfn, order, bad);
	if (pool->ops->freed)
		pool->ops->freed(pool, pfn, order);
	zb_free_unref_page(zb_pfn_zone(pool, pfn), pfn, order, cold);
	return ZB_OK;
}

/**
 * zb_pool_free_pages() - free a block
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why nothing was done; that is counted and reported.
 */
enum zb_bad zb_pool_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order)
{
	return free_block(pool, pfn, order, false);
}

/**
 * zb_pool_free_pages_cold() - free a block that is in no cache
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI.
 * Return: as zb_pool_free_pages().
 */
enum zb_bad zb_pool_free_pages_cold(struct zb_pool *pool, unsigned long pfn,
				    unsigned int order)
{
	return free_block(pool, pfn, order, true);
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

/* Write down that the block at @pfn is now blocks of these sizes. */
static void __mark_pieces(struct zb_zone *zone, unsigned long pfn,
			  unsigned long nr_pages, enum zb_hold hold)
{
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(nr_pages);
		zb_zone_set_state(zone, pfn, ZB_STATE(hold, k));
	}
}

/* Cut the block at @pfn to @nr_pages and free the tail, in one go. */
static void trim(struct zb_pool *pool, unsigned long pfn, unsigned int order,
		 unsigned long nr_pages)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	enum zb_hold hold = ZB_STATE_HOLD(zb_zone_state(zone, pfn));
	unsigned long flags, tail = pfn + nr_pages, end = pfn + BIT(order);

	if (pool->ops->freed)
		for (; tail < end; tail++)
			pool->ops->freed(pool, tail, 0);
	tail = pfn + nr_pages;
	zb_lock_irqsave(&zone->lock, flags);
	__mark_pieces(zone, pfn, nr_pages, hold);
	for (; tail < end; tail += BIT(__ffs64(tail)))
		__zb_free_one_page(zone, tail, __ffs64(tail));
	__zb_count_event(zone, ZB_PGFREE, BIT(order) - nr_pages);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_pool_alloc_exact() - allocate a number of frames that is no power of two
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames, 1 .. 2^@pool->max_order
 * @nid: node to prefer, one that has a region
 * @policy: where the task may go
 *
 * The frames beyond @nr_pages go back at once. To be freed by
 * zb_pool_free_exact() with the same number.
 *
 * Context: as zb_pool_alloc_pages().
 * Return: first frame, aligned to 2^zb_exact_order(@nr_pages), or ZB_NO_PFN.
 */
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
			     const struct zb_policy *policy)
{
	unsigned int order = zb_exact_order(nr_pages);
	unsigned long pfn = zb_pool_alloc_pages(pool, gfp, order, nid,
						    policy);

	if (pfn != ZB_NO_PFN && nr_pages < BIT(order))
		trim(pool, pfn, order, nr_pages);
	return pfn;
}

static enum zb_bad check_exact(const struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	enum zb_bad bad;
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(nr_pages);
		bad = zb_pool_check_allocated(pool, pfn, k);
		if (bad != ZB_OK)
			return bad;
	}
	return ZB_OK;
}

/**
 * zb_pool_free_exact() - free what zb_pool_alloc_exact() returned
 * @pool: the allocator
 * @pfn: first frame
 * @nr_pages: as it was allocated
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why nothing was done; that is counted and reported.
 */
enum zb_bad zb_pool_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	enum zb_bad bad = nr_pages ? check_exact(pool, pfn, nr_pages) :
				     ZB_BAD_WRONG_ORDER;
	unsigned int k;

	if (bad != ZB_OK)
		return refuse(pool, pfn, zb_exact_order(nr_pages), bad);
	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = exact_piece(nr_pages);
		free_block(pool, pfn, k, false);
	}
	return ZB_OK;
}

/**
 * zb_pool_split_page() - make single frames of a block
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Afterwards every frame is a block of its own, to be freed by itself.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: ZB_OK, or why nothing was done.
 */
enum zb_bad zb_pool_split_page(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order)
{
	enum zb_bad bad = zb_pool_check_allocated(pool, pfn, order);
	unsigned long i, flags;
	struct zb_zone *zone;
	u8 state;

	if (bad != ZB_OK)
		return refuse(pool, pfn, order, bad);
	zone = zb_pfn_zone(pool, pfn);
	state = zb_zone_state(zone, pfn);
	if (zb_state_compound(state))
		return refuse(pool, pfn, order, ZB_BAD_COMPOUND);
	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < BIT(order); i++)
		zb_zone_set_state(zone, pfn + i,
				  ZB_STATE(ZB_STATE_HOLD(state), 0));
	zb_unlock_irqrestore(&zone->lock, flags);
	return ZB_OK;
}

/**
 * zb_pool_block_head() - the allocated block that has a frame in it
 * @pool: the allocator
 * @pfn: any number
 * @order: set to the block's order
 *
 * Context: any; the caller owns the block, or the answer may be stale.
 * Return: its first frame, or ZB_NO_PFN when the frame is not allocated.
 */
unsigned long zb_pool_block_head(const struct zb_pool *pool, unsigned long pfn,
				 unsigned int *order)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long head;
	unsigned int k;
	u8 state;

	for (k = 0; zone && k <= zone->max_order; k++) {
		head = pfn & ~(BIT(k) - 1);
		if (!zb_zone_has(zone, head))
			break;
		state = zb_zone_state(zone, head);
		if (zb_state_allocated(state) && ZB_STATE_ORDER(state) >= k) {
			*order = ZB_STATE_ORDER(state);
			return head;
		}
	}
	return ZB_NO_PFN;
}

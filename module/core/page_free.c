// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way back: is it what the caller says, and then to whom it belongs.
 *
 * And what is made of whole blocks: blocks split into frames, and exact
 * allocations, which are several blocks in a row (zb_exact_piece).
 */
#include "page_alloc.h"
#include "unfit.h"

static enum zb_bad check_state(u8 state, unsigned int order)
{
	if (!zb_state_allocated(state))
		return ZB_BAD_NOT_ALLOCATED;
	return ZB_STATE_ORDER(state) == order ? ZB_OK : ZB_BAD_WRONG_ORDER;
}

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

	return zone ? check_state(zb_zone_state(zone, pfn), order) :
		      ZB_BAD_OUTSIDE;
}

/*
 * Check the block and claim it, so that nobody else can free it any more. What
 * its state was is left in @old, to restore it if the free does not take place.
 */
static enum zb_bad claim_block(const struct zb_pool *pool, unsigned long pfn,
			       unsigned int order, u8 *old)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	enum zb_bad bad;

	if (!zone)
		return ZB_BAD_OUTSIDE;
	*old = zb_zone_state(zone, pfn);
	bad = check_state(*old, order);
	if (bad == ZB_OK && unlikely(!zb_zone_claim(zone, pfn, *old)))
		return ZB_BAD_NOT_ALLOCATED;
	return bad;
}

static enum zb_bad refuse(struct zb_pool *pool, unsigned long pfn,
			  unsigned int order, enum zb_bad bad)
{
	atomic_long_add(1, &pool->bad_frees[bad]);
	if (pool->ops->bad)
		pool->ops->bad(pool, pfn, order, bad);
	return bad;
}

/* Free a block that the caller has claimed. */
static void free_claimed(struct zb_pool *pool, unsigned long pfn,
			 unsigned int order, bool cold)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);

	if (unlikely(!zb_block_fit(zone, pfn, order))) {
		zb_free_unfit(zone, pfn, order, pool->ops->freed);
		return;
	}
	if (pool->ops->freed)
		pool->ops->freed(pool, pfn, order);
	zb_free_unref_page(zone, pfn, order, cold);
}

static enum zb_bad free_block(struct zb_pool *pool, unsigned long pfn,
			      unsigned int order, bool cold)
{
	enum zb_bad bad;
	u8 old;

	bad = claim_block(pool, pfn, order, &old);
	if (unlikely(bad != ZB_OK))
		return refuse(pool, pfn, order, bad);
	free_claimed(pool, pfn, order, cold);
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

/*
 * Claim all blocks of an exact allocation, or none: if one of them can't be
 * claimed, those before it become allocated again. Their orders fall, so no more
 * than ZB_NR_ORDERS can be claimed, whatever @nr_pages is.
 */
static enum zb_bad claim_exact(const struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	unsigned long at = pfn, left = nr_pages;
	unsigned int k, nr = 0;
	u8 old[ZB_NR_ORDERS];
	enum zb_bad bad;

	if (!nr_pages)
		return ZB_BAD_WRONG_ORDER;
	for (; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		bad = claim_block(pool, at, k, &old[nr]);
		if (bad != ZB_OK)
			break;
		nr++;
	}
	if (!left)
		return ZB_OK;
	for (at = pfn, k = 0; k < nr; k++) {
		zb_zone_set_state(zb_pfn_zone(pool, at), at, old[k]);
		at += BIT(ZB_STATE_ORDER(old[k]));
	}
	return bad;
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
	enum zb_bad bad = claim_exact(pool, pfn, nr_pages);
	unsigned int k;

	if (bad != ZB_OK)
		return refuse(pool, pfn, zb_exact_order(nr_pages), bad);
	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		free_claimed(pool, pfn, k, false);
	}
	return ZB_OK;
}

/*
 * Make single frames of the first pageblock's worth of the claimed block at
 * @pfn. What is behind it becomes claimed blocks of its own, each twice as
 * large as the one before, so that every frame is in some block when the lock
 * is dropped. The first frame comes last: with it the claim ends. Returns how
 * many frames.
 */
static unsigned long __split_first(struct zb_zone *zone, unsigned long pfn,
				   enum zb_block_state hold)
{
	unsigned int order = ZB_STATE_ORDER(zb_zone_state(zone, pfn));
	unsigned long i;

	for (; order > ZB_PAGEBLOCK_ORDER; order--)
		zb_zone_set_state(zone, pfn + BIT(order - 1),
				  ZB_STATE(ZB_BLOCK_PCP, order - 1));
	for (i = BIT(order); i--;)
		zb_zone_set_state(zone, pfn + i, ZB_STATE(hold, 0));
	return BIT(order);
}

/**
 * zb_pool_split_page() - make single frames of a block
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Afterwards every frame is a block of its own, to be freed by itself. The lock
 * is held for a pageblock at a time.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: ZB_OK, or why nothing was done.
 */
enum zb_bad zb_pool_split_page(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	enum zb_bad bad = zb_pool_check_allocated(pool, pfn, order);
	unsigned long nr, flags, end = pfn + BIT(order);
	u8 old;

	if (bad == ZB_OK && zb_state_compound(zb_zone_state(zone, pfn)))
		bad = ZB_BAD_COMPOUND;
	if (bad == ZB_OK)
		bad = claim_block(pool, pfn, order, &old);
	if (bad != ZB_OK)
		return refuse(pool, pfn, order, bad);
	for (; pfn < end; pfn += nr) {
		zb_lock_irqsave(&zone->lock, flags);
		nr = __split_first(zone, pfn, ZB_STATE_BLOCK(old));
		zb_unlock_irqrestore(&zone->lock, flags);
	}
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freeing blocks: the block is checked and claimed first, so that a double free
 * or a free with the wrong order is refused.
 *
 * This file also frees exact allocations, which consist of several blocks in a
 * row (zb_exact_piece()), and splits blocks into single frames.
 */
#include "exact.h"
#include "free.h"
#include "unfit.h"

static enum zb_bad check_state(u8 state, unsigned int order)
{
	if (!zb_state_allocated(state))
		return ZB_BAD_NOT_ALLOCATED;
	return ZB_STATE_ORDER(state) == order ? ZB_OK : ZB_BAD_WRONG_ORDER;
}

/**
 * zb_pool_check_allocated() - check that a block is allocated
 * @pool: the allocator
 * @pfn: first frame of the block; any value is safe
 * @order: expected order of the block
 *
 * Only the state byte of the first frame is read, because that is where the
 * state of a block is kept.
 *
 * Context: any.
 * Return: ZB_OK, or why this is not an allocated block of @order.
 */
enum zb_bad zb_pool_check_allocated(const struct zb_pool *pool, unsigned long pfn,
				    unsigned int order)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);

	return zone ? check_state(zb_zone_state(zone, pfn), order) :
		      ZB_BAD_OUTSIDE;
}

/*
 * Check the block and claim it, so that no other CPU can free it. The previous
 * state is returned in @old for callers that have to restore it.
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

/**
 * zb_refuse_free() - count and report a free that is refused
 * @pool: the allocator
 * @pfn: first frame that was to be freed
 * @order: order of the block
 * @bad: why it is refused
 *
 * Context: any but NMI.
 * Return: @bad.
 */
enum zb_bad zb_refuse_free(struct zb_pool *pool, unsigned long pfn,
			   unsigned int order, enum zb_bad bad)
{
	atomic_long_add(1, &pool->bad_frees[bad]);
	if (pool->ops->report_bad)
		pool->ops->report_bad(pool, pfn, order, bad);
	return bad;
}

/* A function of its own, so that larger blocks need not save registers. */
static noinline void free_to_list(struct zb_zone *zone, unsigned long pfn, unsigned int order,
				  bool cold)
{
	zb_use_lists(zone);
	zb_free_unref_page(zone, pfn, order, cold);
}

/* Free a block that the caller has claimed, and of which it knows if it is fit. */
static void free_claimed(struct zb_pool *pool, struct zb_zone *zone,
			 unsigned long pfn, unsigned int order, bool cold, bool fit)
{
	if (unlikely(!fit)) {
		zb_free_unfit(zone, pfn, order, pool->ops->poison);
		return;
	}
	if (pool->ops->poison)
		pool->ops->poison(pool, pfn, order);
	if (order < ZB_PCP_ORDERS && READ_ONCE(zone->pcp_limit[order]))
		free_to_list(zone, pfn, order, cold);
	else
		zb_free_one_page(zone, pfn, order);
}

/**
 * zb_free_claimed() - free a block that the caller has claimed
 * @pool: the allocator
 * @zone: zone of the block
 * @pfn: its first frame
 * @order: its order
 *
 * Every frame is looked at (unfit.h).
 *
 * Context: any but NMI.
 */
void zb_free_claimed(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
		     unsigned int order)
{
	free_claimed(pool, zone, pfn, order, false, zb_block_fit(zone, pfn, order));
}

static enum zb_bad free_block(struct zb_pool *pool, unsigned long pfn,
			      unsigned int order, bool cold)
{
	struct zb_zone *zone;
	enum zb_bad bad;
	u8 old;

	bad = claim_block(pool, pfn, order, &old);
	if (unlikely(bad != ZB_OK))
		return zb_refuse_free(pool, pfn, order, bad);
	zone = zb_pfn_zone(pool, pfn);
	/* Large blocks are checked when they are allocated again (unfit.h). */
	free_claimed(pool, zone, pfn, order, cold, order >= ZB_WORD_ORDER ||
		     zb_block_fit(zone, pfn, order));
	return ZB_OK;
}

/**
 * zb_pool_free_pages() - free a block
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why the free was refused. A refused free changes nothing,
 * and is counted and reported.
 */
enum zb_bad zb_pool_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order)
{
	return free_block(pool, pfn, order, false);
}

/**
 * zb_pool_free_pages_cold() - free a block whose memory is not in the CPU caches
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * The block is put at the cold end of the per-CPU list, to be reused last.
 *
 * Context: any but NMI.
 * Return: same as zb_pool_free_pages().
 */
enum zb_bad zb_pool_free_pages_cold(struct zb_pool *pool, unsigned long pfn,
				    unsigned int order)
{
	return free_block(pool, pfn, order, true);
}

/*
 * Claim all blocks of an exact allocation, which are in one zone. If one of them
 * cannot be claimed, the claims of those before it are undone. Each block has a
 * lower order than the one before it, so at most ZB_NR_ORDERS blocks are claimed
 * for any @nr_pages.
 */
static enum zb_bad claim_exact(const struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn), *other;
	unsigned long at = pfn, left = nr_pages;
	unsigned int k, nr = 0;
	u8 old[ZB_NR_ORDERS];
	enum zb_bad bad;

	if (!nr_pages)
		return ZB_BAD_WRONG_ORDER;
	for (; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		other = zb_pfn_zone(pool, at);
		bad = other && other != zone ? ZB_BAD_WRONG_ORDER :
					       claim_block(pool, at, k, &old[nr]);
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

static bool exact_fit(const struct zb_zone *zone, unsigned long pfn,
		      unsigned long nr_pages)
{
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		if (!zb_block_fit(zone, pfn, k))
			return false;
	}
	return true;
}

/**
 * zb_pool_free_exact() - free an allocation of zb_pool_alloc_exact()
 * @pool: the allocator
 * @pfn: its first frame
 * @nr_pages: number of frames that were allocated
 *
 * Every frame is looked at (unfit.h).
 *
 * If @nr_pages is smaller, the free is refused, unless the first blocks of the allocation
 * have exactly this number of frames: these are freed, and the rest stays allocated.
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why the free was refused. A refused free changes nothing,
 * and is counted and reported.
 */
enum zb_bad zb_pool_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	enum zb_bad bad = claim_exact(pool, pfn, nr_pages);
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned int k;
	bool fit;

	if (bad != ZB_OK)
		return zb_refuse_free(pool, pfn, zb_exact_order(nr_pages), bad);
	fit = exact_fit(zone, pfn, nr_pages);
	if (fit && nr_pages & (nr_pages - 1) && !pool->ops->poison &&
	    zb_exact_merge(zone, pfn, nr_pages))
		return ZB_OK;
	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		free_claimed(pool, zone, pfn, k, false,
			     fit || zb_block_fit(zone, pfn, k));
	}
	return ZB_OK;
}

/* @nr_pages: number of frames of the whole allocation if this is its first block, else 0. */
static void free_one_zeroed(struct zb_zone *zone, unsigned long pfn, unsigned int order,
			    bool zero, unsigned long nr_pages)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	if (zero)
		__zb_zero_add(zone, pfn, BIT(order));
	else if (nr_pages)
		__zb_zero_freed(zone, pfn, nr_pages);
	__zb_count_event(zone, ZB_PGFREE, BIT(order));
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_pool_free_to_zone() - free an allocation, but not to per-CPU lists
 * @pool: the allocator, which does not poison memory
 * @pfn: its first frame
 * @nr_pages: number of frames that were allocated
 * @zero: nobody has written to the frames since they were cleared
 *
 * The frames can be cleared in advance (zero_ahead.h), or are known to be zero at once.
 * Otherwise this is the same as zb_pool_free_exact().
 *
 * Context: any but NMI.
 * Return: same as zb_pool_free_exact().
 */
enum zb_bad zb_pool_free_to_zone(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages, bool zero)
{
	enum zb_bad bad = claim_exact(pool, pfn, nr_pages);
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long whole = nr_pages;
	unsigned int k;

	if (bad != ZB_OK)
		return zb_refuse_free(pool, pfn, zb_exact_order(nr_pages), bad);
	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		if (likely(zb_block_fit(zone, pfn, k)))
			free_one_zeroed(zone, pfn, k, zero, nr_pages == whole ? whole : 0);
		else
			zb_free_unfit(zone, pfn, k, pool->ops->poison);
	}
	return ZB_OK;
}

#define SPLIT_ORDER	7u	/* 2^7 frames are split in one hold of the lock */

/*
 * Split the first frames of the claimed block at @pfn, or all of a smaller
 * block, into single frames, and return their number. The rest is split into
 * claimed blocks, each twice as large as the one before, so that every frame
 * belongs to a block when the lock is dropped. The state of the first frame is
 * written last, because that ends the claim.
 */
static unsigned long __split_first(struct zb_zone *zone, unsigned long pfn,
				   enum zb_block_state state)
{
	unsigned int order = ZB_STATE_ORDER(zb_zone_state(zone, pfn));
	unsigned long i;

	for (; order > SPLIT_ORDER; order--)
		zb_zone_set_state(zone, pfn + BIT(order - 1),
				  ZB_STATE(ZB_BLOCK_PCP, order - 1));
	for (i = BIT(order); i--;)
		zb_zone_set_state(zone, pfn + i, ZB_STATE(state, 0));
	return BIT(order);
}

/**
 * zb_pool_split_page() - split an allocated block into single frames
 * @pool: the allocator
 * @pfn: its first frame
 * @order: its order
 *
 * Afterwards every frame is an allocated block of order 0 and is freed on its
 * own. The zone lock is dropped after 2^SPLIT_ORDER frames to bound its hold time.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: ZB_OK, or why the block was not split.
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
		return zb_refuse_free(pool, pfn, order, bad);
	for (; pfn < end; pfn += nr) {
		zb_lock_irqsave(&zone->lock, flags);
		nr = __split_first(zone, pfn, ZB_STATE_BLOCK(old));
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	return ZB_OK;
}

/**
 * zb_pool_block_head() - find the allocated block that contains a frame
 * @pool: the allocator
 * @pfn: the frame; any value is safe
 * @order: set to the order of the block
 *
 * Context: any. If the caller does not own the block, the result may be stale.
 * Return: first frame of the block, or ZB_NO_PFN if the frame is not allocated.
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

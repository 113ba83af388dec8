// SPDX-License-Identifier: GPL-2.0-only
#include "range_free.h"

/**
 * zb_claim_range() - claim all blocks of a range, so that no other CPU can free them
 * @zone: zone of the range
 * @pfn: first frame
 * @end: the frame behind the last one
 *
 * All blocks have the same mobility. If one can't be claimed, the claims of those before it are
 * undone.
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why a block can't be claimed. Claimed blocks are in the state ZB_BLOCK_PCP.
 */
enum zb_bad zb_claim_range(struct zb_zone *zone, unsigned long pfn, unsigned long end)
{
	u8 state = zb_zone_state(zone, pfn), block = ZB_STATE_BLOCK(state);
	enum zb_bad bad = ZB_OK;
	unsigned long at;
	unsigned int k;

	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, zone->max_order);
		state = zb_zone_state(zone, at);
		if (zb_state_allocated(state) && state != ZB_STATE(block, k))
			bad = ZB_BAD_WRONG_ORDER;
		else if (!zb_state_allocated(state) || !zb_zone_claim(zone, at, state))
			bad = ZB_BAD_NOT_ALLOCATED;
		if (bad != ZB_OK)
			break;
	}
	for (end = bad == ZB_OK ? pfn : at, at = pfn; at < end; at += BIT(k)) {
		k = ZB_STATE_ORDER(zb_zone_state(zone, at));
		zb_zone_set_state(zone, at, ZB_STATE(block, k));
	}
	return bad;
}

/**
 * zb_pool_free_range() - free an allocation of zb_pool_alloc_range() or zb_pool_alloc_exact()
 * @pool: the allocator
 * @pfn: its first frame
 * @nr_pages: number of frames that were allocated
 *
 * Context: any but NMI.
 * Return: ZB_OK, or why the free was refused. A refused free changes nothing, and is counted
 * and reported.
 */
enum zb_bad zb_pool_free_range(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long end = pfn + nr_pages;
	unsigned int k, order;
	enum zb_bad bad;

	if (!zone || !nr_pages || nr_pages > zb_zone_end(zone) - pfn)
		return zb_refuse_free(pool, pfn, 0, zone ? ZB_BAD_WRONG_ORDER : ZB_BAD_OUTSIDE);
	order = zb_exact_order(nr_pages);
	if (order <= zone->max_order && !(pfn & (BIT(order) - 1)))
		return zb_pool_free_exact(pool, pfn, nr_pages);
	bad = zb_claim_range(zone, pfn, end);
	if (bad != ZB_OK)
		return zb_refuse_free(pool, pfn, order, bad);
	for (; pfn < end; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, zone->max_order);
		zb_free_claimed(pool, zone, pfn, k);
	}
	return ZB_OK;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exact allocations from per-CPU lists: a listed block is split, and the frames that the
 * request does not keep go to the lists of lower orders.
 *
 *	| order 3               | order 2   | 0 | 0 | 1     |	13 frames of a block of 16
 *	|<---------- kept pieces ---------->|<--- tail ---->|
 *
 * If all blocks of the tail are still on top of their lists when the frames are freed,
 * which is usual, the block is put together again and goes back to its list. Otherwise
 * each piece is freed by itself.
 */
#include "exact.h"

/* Push a free block on a list of this CPU. Does not count a free, because nobody had it. */
static bool list_block(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unsigned long frame = pfn - zone->start_pfn;
	unsigned int list;
	struct zb_pcp *pcp;
	bool room;

	if (!zb_pcp_enter(zone, &pcp))
		return false;
	list = zb_pcp_list(order, READ_ONCE(zone->types[frame / ZB_PAGEBLOCK_NR]));
	room = !READ_ONCE(zone->below_fast_wmark) &&
	       pcp->top[list] < READ_ONCE(zone->fast_top[list]) &&
	       pcp->nr_pages < READ_ONCE(zone->pcp_high);
	if (likely(room)) {
		pcp->frame[pcp->top[list]++] = frame;
		zb_count(pcp->nr_pages, BIT(order));
	}
	zb_pcp_leave(pcp);
	return room;
}

static void list_or_free(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unsigned long flags;

	if (likely(list_block(zone, pfn, order)))
		return;
	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void set_kept_states(struct zb_zone *zone, unsigned long pfn,
			    unsigned long nr_pages, enum zb_block_state state)
{
	unsigned int k;

	for (; nr_pages; nr_pages -= BIT(k), pfn += BIT(k)) {
		k = zb_exact_piece(nr_pages);
		zb_zone_set_state(zone, pfn, ZB_STATE(state, k));
	}
}

/**
 * zb_exact_split() - split a block, and free the frames that are not kept
 * @zone: its zone
 * @pfn: its first frame; the block is in the state ZB_BLOCK_PCP and on no list
 * @order: its order, below ZB_PCP_ORDERS
 * @nr_pages: number of frames to keep
 * @state: state of the pieces that are kept
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_exact_split(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		    unsigned long nr_pages, enum zb_block_state state)
{
	unsigned long at, tail = pfn + nr_pages, end = pfn + BIT(order), flags;

	zb_lock_irqsave(&zone->lock, flags);
	for (at = tail; at < end; at += BIT(__ffs64(at)))
		zb_zone_set_state(zone, at, ZB_STATE(ZB_BLOCK_PCP, __ffs64(at)));
	set_kept_states(zone, pfn, nr_pages, state);
	zb_unlock_irqrestore(&zone->lock, flags);
	for (at = tail; at < end; at += BIT(__ffs64(at)))
		list_or_free(zone, at, __ffs64(at));
}

/* Take the tail of an exact allocation off the lists of this CPU, if all of it is on top. */
static bool take_tail(struct zb_zone *zone, struct zb_pcp *pcp, unsigned long pfn,
		      unsigned long nr_pages, unsigned int order)
{
	unsigned long at, frame = pfn - zone->start_pfn, end = pfn + BIT(order);
	unsigned int k, list, mt;

	mt = READ_ONCE(zone->types[frame / ZB_PAGEBLOCK_NR]);
	if (mt >= ZB_MIGRATE_PCPTYPES)
		return false;
	for (at = pfn + nr_pages; at < end; at += BIT(k)) {
		k = __ffs64(at);
		list = zb_pcp_list(k, mt);
		if (!zb_pcp_nr(pcp, list) ||
		    pcp->frame[pcp->top[list] - 1] != at - zone->start_pfn ||
		    zb_zone_state(zone, at) != ZB_STATE(ZB_BLOCK_PCP, k))
			return false;
	}
	for (at = pfn + nr_pages; at < end; at += BIT(k)) {
		k = __ffs64(at);
		pcp->top[zb_pcp_list(k, mt)]--;
		zb_count(pcp->nr_pages, -BIT(k));
	}
	return true;
}

/**
 * zb_exact_merge() - free an exact allocation together with its tail, as one block
 * @zone: its zone
 * @pfn: its first frame
 * @nr_pages: number of frames, not a power of two; all pieces have been claimed
 *
 * Context: any but NMI; takes the zone lock.
 * Return: false if the tail is not on top of the lists of this CPU. The pieces are
 * unchanged then.
 */
bool zb_exact_merge(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned int k, order = zb_exact_order(nr_pages);
	unsigned long at, left, flags;
	struct zb_pcp *pcp;
	bool taken;

	/* The alignment is checked because callers may free any adjacent blocks together. */
	if (order >= ZB_PCP_ORDERS || pfn & (BIT(order) - 1) ||
	    READ_ONCE(zone->below_fast_wmark) || !zb_pcp_enter(zone, &pcp))
		return false;
	taken = take_tail(zone, pcp, pfn, nr_pages, order);
	if (taken)
		zb_pcp_count_event(pcp, ZB_PGFREE, nr_pages);
	zb_pcp_leave(pcp);
	if (!taken)
		return false;
	zb_lock_irqsave(&zone->lock, flags);
	for (at = pfn + nr_pages; at < pfn + BIT(order); at += BIT(__ffs64(at)))
		zb_zone_set_state(zone, at, 0);
	for (at = pfn, left = nr_pages; left; left -= BIT(k), at += BIT(k)) {
		k = zb_exact_piece(left);
		zb_zone_set_state(zone, at, 0);
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, order));
	zb_unlock_irqrestore(&zone->lock, flags);
	list_or_free(zone, pfn, order);
	return true;
}

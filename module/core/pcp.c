// SPDX-License-Identifier: GPL-2.0-only
#include "pcp.h"
#include "unfit.h"

static u32 pop(struct zb_pcp *pcp, unsigned int list)
{
	if (!zb_pcp_nr(pcp, list))
		return ZB_NO_FRAME;
	zb_pcp_count_listed(pcp, list, -1);
	return pcp->frame[pcp->top[list]];
}

static u32 pop_cold(struct zb_pcp *pcp, unsigned int list)
{
	u32 frame = *zb_pcp_frames(pcp, list);

	if (!zb_pcp_nr(pcp, list))
		return ZB_NO_FRAME;
	zb_pcp_drop_cold(pcp, list, 1);
	return frame;
}

/* A refill must not take the lists above pcp_high, but takes at least a block. */
static unsigned int blocks_to_take(const struct zb_zone *zone,
				   const struct zb_pcp *pcp, unsigned int order)
{
	unsigned int high = READ_ONCE(zone->pcp_high), room = 0;

	if (high > pcp->nr_pages)
		room = (high - pcp->nr_pages) >> order;
	room = zb_at_most(room, zb_pcp_blocks_to_move(zone, pcp, order, 1));
	return room ? room : 1;
}

/* --- refill ---------------------------------------------------------------- */

static bool word_isolated(const struct zb_zone *zone, u32 word)
{
	return READ_ONCE(zone->types[word / ZB_PAGEBLOCK_WORDS]) ==
	       ZB_MIGRATE_ISOLATE;
}

/*
 * Push blocks on a list while it has room, starting with the last word, so that
 * the blocks at the lowest addresses are used first. The others stay in @words.
 *
 * The zone lock was dropped after the blocks were taken. Since then, a pageblock
 * may have been isolated and all lists drained, so blocks of an isolated
 * pageblock must not be listed.
 */
static void push_words(const struct zb_zone *zone, struct zb_pcp *pcp,
		       unsigned int mt, unsigned int limit,
		       struct zb_bulk *words)
{
	unsigned int list = zb_pcp_list(words->order, mt), listed = zb_pcp_nr(pcp, list);
	unsigned int nr, room = limit > listed ? limit - listed : 0;
	u32 first, *frame;
	u64 starts;

	zb_pcp_close_gap(pcp, list);
	frame = zb_pcp_frames(pcp, list) + listed;
	for (; words->nr; words->nr--) {
		starts = zb_block_starts(words->bits[words->nr - 1], words->order);
		nr = hweight64(starts);
		if (nr > room || word_isolated(zone, words->word[words->nr - 1]))
			break;
		room -= nr;
		first = 64 * words->word[words->nr - 1];
		frame += nr;
		for (; starts; starts &= starts - 1)
			*--frame = first + __ffs64(starts);
		frame += nr;
	}
	zb_pcp_count_listed(pcp, list, frame - zb_pcp_frames(pcp, list) - listed);
}

/* Take @nr blocks from the zone; return the first one and list the others. */
static u32 refill(struct zb_zone *zone, unsigned int order, unsigned int mt,
		  unsigned int alloc_flags, unsigned int nr)
{
	struct zb_bulk words zb_not_zeroed;
	struct zb_pcp *pcp;
	u32 frame;

	words.order = order;
	zb_rmqueue_bulk(zone, mt, alloc_flags, nr, &words, NULL);
	zb_bulk_drop_unfit(zone, &words);
	if (!words.nr)
		return ZB_NO_FRAME;
	frame = zb_bulk_pop(&words);
	if (zb_pcp_enter(zone, &pcp)) {
		zb_pcp_count_move(pcp, 1);
		if (!READ_ONCE(zone->below_fast_wmark))
			push_words(zone, pcp, mt, READ_ONCE(zone->pcp_limit[order]),
				   &words);
		zb_pcp_leave(pcp);
	}
	zb_free_pcppages_bulk(zone, &words, mt);
	return frame;
}

/**
 * zb_pcp_rmqueue() - take a block from a list of this CPU, and refill it if empty
 * @zone: the zone
 * @order: order of the block, below ZB_PCP_ORDERS
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA, _NOFRAGMENT and _COLD are considered
 *
 * Only lists of orders below ZB_WORD_ORDER are refilled. If the lists are parked, or
 * if this is an interrupt that hit a CPU while it used them, no block is returned.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long zb_pcp_rmqueue(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags)
{
	struct zb_pcp *pcp;
	unsigned int nr = 0;
	u32 frame;

	/* The blocks of a refill could not be listed, so the caller takes just one. */
	if (!zb_pcp_enter(zone, &pcp))
		return ZB_NO_PFN;
	frame = alloc_flags & ZB_ALLOC_COLD ? pop_cold(pcp, zb_pcp_list(order, mt)) :
					      pop(pcp, zb_pcp_list(order, mt));
	if (frame == ZB_NO_FRAME && order < ZB_WORD_ORDER)
		nr = blocks_to_take(zone, pcp, order);
	zb_pcp_leave(pcp);
	if (nr)
		frame = refill(zone, order, mt, alloc_flags, nr);
	return frame == ZB_NO_FRAME ? ZB_NO_PFN : zone->start_pfn + frame;
}

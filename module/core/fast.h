/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fast path, which nearly every request for a block on a list takes.
 *
 *	alloc   flags --table--> zone, list
 *	        zone not low?  is the block on top free, and of this order?
 *	        say whose it is, and pop it
 *	free    frame --table--> zone, list
 *	        is the state byte what it should be?  claim it, push the frame
 *
 * No context is built, no list of zones is walked and no lock is taken. The only
 * atomic operation is the one that claims a block to be freed, so that of two
 * CPUs that free the same block one is refused. Whatever is out of the ordinary
 * (other flags, a zone near its watermark, a list that is empty or full, an
 * interrupt on top of the lists, a frame that is not what the caller says) is for
 * the freelist path, which looks at everything again. So this file is faster, and
 * different in one thing only: a
 * block on a list will do even where the zone's buddy has none of that order.
 *
 *  - a zone is low when less than the low watermark, the reserve and the largest
 *    block on its lists would be left
 *  - of the flags only those may be set that make no difference to an attempt
 *    that succeeds above the low watermark
 *  - flags that are not valid lead to a list that is always empty, and so do all
 *    with poisoning; pageblocks for special use to one that is always full.
 *    ATOMIC with DIRECT_RECLAIM is only refused by the slow path: nothing
 *    sleeps here
 *
 * Written as *(p + i) where p[i] is meant: with the bounds sanitizer that some
 * distributions build their kernels with, checks of indices that are right by
 * construction would be a third of the instructions.
 */
#ifndef ZB_CORE_FAST_H
#define ZB_CORE_FAST_H

#include "page_alloc.h"

/* Flags that ask for something the fast path does not do. */
#define ZB_GFP_LONG_WAY							\
	(__ZB_GFP_COLD | __ZB_GFP_COMP | __ZB_GFP_ZERO | __ZB_GFP_WRITE | \
	 __ZB_GFP_ACCOUNT | __ZB_GFP_OTHER_NODE | __ZB_GFP_NOTRACK |	\
	 __ZB_GFP_NOFAIL |						\
	 ~ZB_GFP_BITS_MASK)

/* Frames of a block. A look-up takes half the instructions of a shift here. */
static const u32 zb_order_pages[ZB_PCP_ORDERS] = {
	1, 2, 4, 8, 16, 32, 64, 128, 256, 512,
};

/**
 * zb_fast_alloc() - allocate the fast path
 * @node: the node of the calling CPU
 * @gfp: flags of the request, not checked yet
 * @order: its order, not checked yet
 * @pfn: set to the first frame of the block
 *
 * Context: any but NMI.
 * Return: true if it is done, false to go the freelist path.
 */
static __always_inline bool zb_fast_alloc(const struct zb_node *node,
					  zb_gfp_t gfp, unsigned int order,
					  unsigned long *pfn)
{
	const struct zb_fast *fast = node->fast + zb_gfp_bits(gfp) % ZB_NR_FAST;
	struct zb_zone *zone = fast->zone;
	struct zb_pcp *pcp;
	u16 *top;
	u8 *state;
	u32 frame;

	if (unlikely(gfp & ZB_GFP_LONG_WAY || order >= ZB_PCP_ORDERS ||
		     READ_ONCE(zone->below_fast_wmark)))
		return false;
	if (unlikely(!zb_pcp_enter(zone, &pcp)))
		return false;
	top = pcp->top + zb_pcp_list(order, fast->migratetype);
	frame = *(pcp->frame + *top - 1);
	state = zone->state + frame;
	if (unlikely(READ_ONCE(*state) != ZB_STATE(ZB_BLOCK_PCP, order)))
		goto leave;
	--*top;
	*pfn = zone->start_pfn + frame;
	zb_count(pcp->nr_pages, -*(zb_order_pages + order));
	zb_count(*(pcp->nr_fast_alloc + order), 1);
	WRITE_ONCE(*state, fast->state + order);
	zb_pcp_leave(pcp);
	return true;

leave:
	zb_pcp_leave(pcp);
	return false;
}

/**
 * zb_fast_free() - free the fast path
 * @pool: the allocator
 * @pfn: any number
 * @order: the order the block there is said to have
 *
 * Context: any but NMI.
 * Return: true if it is done, false to go the freelist path.
 */
static __always_inline bool zb_fast_free(const struct zb_pool *pool,
					 unsigned long pfn, unsigned int order)
{
	struct zb_zone *zone = pool->largest;
	unsigned int list;
	struct zb_pcp *pcp;
	unsigned long frame;
	u8 *state, old;
	u16 *top;

	frame = pfn - zone->start_pfn;
	if (unlikely(frame >= zone->nr_pages)) {
		zone = zb_pfn_zone(pool, pfn);
		if (!zone)
			return false;
		frame = pfn - zone->start_pfn;
	}
	state = zone->state + frame;
	old = READ_ONCE(*state);
	if (unlikely(order >= ZB_PCP_ORDERS || !zb_state_is_block(old, order) ||
		     READ_ONCE(zone->below_fast_wmark)))
		return false;
	if (unlikely(!zb_pcp_enter(zone, &pcp)))
		return false;
	/* Read inside, so that a drain after an isolation waits for us. */
	list = zb_pcp_list(order, READ_ONCE(*(zone->types + frame / ZB_PAGEBLOCK_NR)));
	top = pcp->top + list;
	if (unlikely(*top >= READ_ONCE(*(zone->fast_top + list)) ||
		     pcp->nr_pages >= READ_ONCE(zone->pcp_high)))
		goto leave;
	if (unlikely(!zb_cmpxchg(state, old, ZB_STATE(ZB_BLOCK_PCP, order))))
		goto leave;
	*(pcp->frame + *top) = frame;
	++*top;
	zb_count(pcp->nr_pages, *(zb_order_pages + order));
	zb_count(*(pcp->nr_fast_free + order), 1);
	zb_pcp_leave(pcp);
	return true;

leave:
	zb_pcp_leave(pcp);
	return false;
}

/**
 * zb_fast_alloc_bulk() - allocate several single frames the fast path
 * @node: the node of the calling CPU
 * @gfp: flags of the request, not checked yet
 * @nr: how many at most
 * @take: told of each frame
 * @to: for @take
 *
 * Context: any but NMI.
 * Return: how many; less than @nr when the list has no more, or none.
 */
static __always_inline unsigned int
zb_fast_alloc_bulk(const struct zb_node *node, zb_gfp_t gfp, unsigned int nr,
		   void (*take)(void *to, unsigned long pfn), void *to)
{
	const struct zb_fast *fast = node->fast + zb_gfp_bits(gfp) % ZB_NR_FAST;
	struct zb_zone *zone = fast->zone;
	unsigned int got = 0;
	struct zb_pcp *pcp;
	u32 *top, frame;
	u8 *state;
	u16 *list;

	if (unlikely(gfp & ZB_GFP_LONG_WAY || READ_ONCE(zone->below_fast_wmark)))
		return 0;
	if (unlikely(!zb_pcp_enter(zone, &pcp)))
		return 0;
	list = pcp->top + zb_pcp_list(0, fast->migratetype);
	for (top = pcp->frame + *list; got < nr; got++) {
		frame = *--top;
		state = zone->state + frame;
		if (unlikely(READ_ONCE(*state) != ZB_STATE(ZB_BLOCK_PCP, 0)))
			break;
		WRITE_ONCE(*state, fast->state);
		take(to, zone->start_pfn + frame);
	}
	*list -= got;
	zb_count(pcp->nr_pages, -got);
	zb_count(*pcp->nr_fast_alloc, got);
	zb_pcp_leave(pcp);
	return got;
}

/* Blocks that may be pushed on a list. */
static inline unsigned int zb_fast_room(const struct zb_zone *zone,
					const struct zb_pcp *pcp,
					unsigned int list)
{
	unsigned int limit = READ_ONCE(*(zone->fast_top + list));
	unsigned int high = READ_ONCE(zone->pcp_high);
	unsigned int room = limit - *(pcp->top + list);

	if (limit <= *(pcp->top + list) || high <= pcp->nr_pages)
		return 0;
	return room < high - pcp->nr_pages ? room : high - pcp->nr_pages;
}

/**
 * zb_fast_free_bulk() - free several single frames the fast path
 * @pool: the allocator
 * @nr: how many there are, at least one
 * @give: tells the @i'th, which may be any number
 * @from: for @give
 *
 * Those from the first on are freed that are of the largest zone and of the
 * first one's mobility.
 *
 * Context: any but NMI.
 * Return: how many; nothing has happened to the others.
 */
static __always_inline unsigned int
zb_fast_free_bulk(const struct zb_pool *pool, unsigned int nr,
		  unsigned long (*give)(void *from, unsigned int i), void *from)
{
	struct zb_zone *zone = pool->largest;
	unsigned long frame = give(from, 0) - zone->start_pfn;
	unsigned int mt, list, room, got = 0;
	struct zb_pcp *pcp;
	u8 *state, old;
	u32 *top;

	if (unlikely(frame >= zone->nr_pages || READ_ONCE(zone->below_fast_wmark)))
		return 0;
	if (unlikely(!zb_pcp_enter(zone, &pcp)))
		return 0;
	mt = READ_ONCE(*(zone->types + frame / ZB_PAGEBLOCK_NR));
	list = zb_pcp_list(0, mt);
	top = pcp->frame + *(pcp->top + list);
	for (room = zb_fast_room(zone, pcp, list); got < nr && got < room; got++) {
		frame = give(from, got) - zone->start_pfn;
		if (unlikely(frame >= zone->nr_pages))
			break;
		state = zone->state + frame;
		old = READ_ONCE(*state);
		if (unlikely(!zb_state_is_block(old, 0) ||
			     READ_ONCE(*(zone->types + frame / ZB_PAGEBLOCK_NR)) != mt ||
			     !zb_cmpxchg(state, old, ZB_STATE(ZB_BLOCK_PCP, 0))))
			break;
		*top++ = frame;
	}
	*(pcp->top + list) += got;
	zb_count(pcp->nr_pages, got);
	zb_count(*pcp->nr_fast_free, got);
	zb_pcp_leave(pcp);
	return got;
}

#endif /* ZB_CORE_FAST_H */

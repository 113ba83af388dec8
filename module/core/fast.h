/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The short way, which nearly every request of a few frames takes.
 *
 *	alloc   flags --table--> zone, mobility, mark
 *	        nr_free > mark?  pop a frame, check and set its state byte
 *	free    frame --table--> zone
 *	        is the state byte what it should be?  set it, push the frame
 *
 * No context is built, no list of zones walked, no lock taken and no atomic
 * operation done. Whatever is out of the ordinary (other flags, a zone near its
 * watermark, a list that is empty or full, an interrupt on top of the lists, a
 * frame that is not what the caller says) is for the long way, which looks at
 * everything again. So this file is faster, and different in one thing only: a
 * block on a list will do even where the zone's buddy has none of that order.
 *
 *  - the mark is the low watermark plus the reserve, and assumes the largest of
 *    the orders that come here
 *  - of the flags only those may be set that make no difference to an attempt
 *    that succeeds above the low watermark
 *  - with poisoning there is no short way: tables and limits are empty
 *
 * Written as *(p + i) where p[i] is meant: with the bounds sanitizer that some
 * distributions build their kernels with, checks of indices that are right by
 * construction would be a third of the instructions.
 */
#ifndef ZB_CORE_FAST_H
#define ZB_CORE_FAST_H

#include "page_alloc.h"

/* Flags that ask for something the short way does not do. */
#define ZB_GFP_LONG_WAY							\
	(__ZB_GFP_COLD | __ZB_GFP_COMP | __ZB_GFP_ZERO | __ZB_GFP_WRITE | \
	 __ZB_GFP_ACCOUNT | __ZB_GFP_OTHER_NODE | __ZB_GFP_NOTRACK |	\
	 __ZB_GFP_NOFAIL |						\
	 ~ZB_GFP_BITS_MASK)

/* Frames of a block. A look-up takes half the instructions of a shift here. */
static const u32 zb_order_pages[ZB_PCP_LOW_ORDERS] = { 1, 2, 4, 8 };

/* The list of an order below ZB_PCP_LOW_ORDERS and a mobility. */
static inline struct zb_pcp_list *zb_fast_list(struct zb_pcp *pcp,
					       unsigned int order,
					       unsigned int mt)
{
	return &pcp->list[0][0] + order * ZB_MIGRATE_PCPTYPES + mt;
}

/**
 * zb_fast_alloc() - allocate the short way
 * @node: the node of the calling CPU
 * @gfp: flags of the request, not checked yet
 * @order: its order, not checked yet
 * @pfn: set to the first frame of the block
 *
 * Context: any but NMI.
 * Return: true if it is done, false to go the long way.
 */
static __always_inline bool zb_fast_alloc(const struct zb_node *node,
					  zb_gfp_t gfp, unsigned int order,
					  unsigned long *pfn)
{
	const struct zb_fast *fast = node->fast + gfp % ZB_NR_FAST;
	struct zb_zone *zone = fast->zone;
	struct zb_pcp_list *list;
	struct zb_pcp *pcp;
	u32 nr, frame;
	u8 *state;

	if (unlikely(gfp & ZB_GFP_LONG_WAY || order >= ZB_PCP_LOW_ORDERS ||
		     READ_ONCE(zone->nr_usable) <= READ_ONCE(fast->mark)))
		return false;
	zb_cpu_pin();
	pcp = zb_this_cpu_ptr(zone->pcp);
	if (unlikely(READ_ONCE(pcp->busy)))
		goto unpin;
	WRITE_ONCE(pcp->busy, 1);
	barrier();
	list = zb_fast_list(pcp, order, fast->migratetype);
	nr = list->nr;
	if (unlikely(!nr))
		goto leave;
	frame = *(list->frame + --nr);
	state = zone->state + frame;
	if (unlikely(READ_ONCE(*state) != ZB_STATE(ZB_HELD_CACHED, order)))
		goto leave;
	*pfn = zone->start_pfn + frame;
	list->nr = nr;
	zb_count(pcp->nr_pages, -*(zb_order_pages + order));
	zb_count(*(pcp->nr_fast_alloc + order), 1);
	WRITE_ONCE(*state, fast->state + order);
	zb_pcp_leave(pcp);
	return true;

leave:
	barrier();
	WRITE_ONCE(pcp->busy, 0);
unpin:
	zb_cpu_unpin();
	return false;
}

/**
 * zb_fast_free() - free the short way
 * @pool: the allocator
 * @pfn: any number
 * @order: the order the block there is said to have
 *
 * Context: any but NMI.
 * Return: true if it is done, false to go the long way.
 */
static __always_inline bool zb_fast_free(const struct zb_pool *pool,
					 unsigned long pfn, unsigned int order)
{
	struct zb_zone *zone = pool->largest;
	struct zb_pcp_list *list;
	struct zb_pcp *pcp;
	unsigned long frame;
	unsigned int mt;
	u8 *state;
	u32 nr;

	frame = pfn - zone->start_pfn;
	if (unlikely(frame >= zone->nr_pages)) {
		zone = zb_pfn_zone(pool, pfn);
		if (!zone)
			return false;
		frame = pfn - zone->start_pfn;
	}
	state = zone->state + frame;
	mt = READ_ONCE((zone->pageblocks + frame / ZB_PAGEBLOCK_NR)->migratetype);
	if (unlikely(order >= ZB_PCP_LOW_ORDERS || mt >= ZB_MIGRATE_PCPTYPES ||
		     !zb_state_is_block(READ_ONCE(*state), order)))
		return false;
	zb_cpu_pin();
	pcp = zb_this_cpu_ptr(zone->pcp);
	if (unlikely(READ_ONCE(pcp->busy)))
		goto unpin;
	WRITE_ONCE(pcp->busy, 1);
	barrier();
	list = zb_fast_list(pcp, order, mt);
	nr = list->nr;
	if (unlikely(nr >= READ_ONCE(*(zone->fast_limit + order)) ||
		     pcp->nr_pages >= READ_ONCE(zone->pcp_high)))
		goto leave;
	*(list->frame + nr) = frame;
	list->nr = nr + 1;
	zb_count(pcp->nr_pages, *(zb_order_pages + order));
	zb_count(*(pcp->nr_fast_free + order), 1);
	WRITE_ONCE(*state, ZB_STATE(ZB_HELD_CACHED, order));
	zb_pcp_leave(pcp);
	return true;

leave:
	barrier();
	WRITE_ONCE(pcp->busy, 0);
unpin:
	zb_cpu_unpin();
	return false;
}

#endif /* ZB_CORE_FAST_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The per-CPU fast path, which serves nearly all requests that a per-CPU list can
 * serve.
 *
 *	alloc   look up the zone and the list by the flags
 *	        check that the zone is not low, and that the block on top of the list
 *	        is free and of the wanted order
 *	        mark the block allocated and pop it
 *	free    look up the zone and the list by the frame
 *	        check the state byte, claim the block, push it
 *
 * The fast path builds no context, walks no zonelist and takes no lock. Its only
 * atomic operation claims a block that is freed, so that one of two CPUs that free
 * the same block is refused. Everything else is left to the freelist path, which
 * repeats all checks: a few other flags, a zone near its watermark, an empty list,
 * an interrupt that hit the CPU while it used its lists, or a wrong frame. A request whose
 * list is empty calls zb_fast_alloc_empty() first, which refills the list, and a free to a
 * full list calls zb_fast_free_full(), which moves a few blocks to the zone.
 *
 * Both paths apply the same rules:
 *
 *  - A zone is low if the low watermark, the lowmem reserve and the largest block
 *    that is kept on lists would not be left.
 *  - Flags that make no difference to an attempt that succeeds above the low
 *    watermark are ignored.
 *  - Invalid flags lead to a list that is always empty. So do all flags if the
 *    pool poisons or checks memory.
 *  - A pageblock of a special type leads to a list that is always full.
 *
 * They differ in two ways. The fast path allocates a block from a list even if the
 * buddy system of the zone has no block of that order. It also serves requests with
 * both ATOMIC and DIRECT_RECLAIM, which are invalid, because it never sleeps.
 *
 * Requests with flags that need more than the table, or for another node than that of
 * the calling CPU, are served by zb_fast_alloc_flags(), which is not inline:
 *
 *	COLD		take the oldest block of the list
 *	COMP		mark a block of more than one frame as compound
 *	ZERO		check all frames, and clear the block; use the freelist path if some
 *			free frames are known to be zero
 *	WRITE		check that the node is below its dirty limit
 *	ACCOUNT		use the freelist path if the environment charges requests
 *	OTHER_NODE	count the allocation as local
 *
 * Requests for a number of frames that is not a power of two are served by
 * zb_fast_alloc_exact(), which takes the zone lock to split a block (exact.c).
 */
#ifndef ZB_CORE_FAST_H
#define ZB_CORE_FAST_H

#include "pool.h"

/* Flags that zb_fast_alloc_flags() handles. */
#define ZB_GFP_FAST_FLAGS						\
	(__ZB_GFP_COLD | __ZB_GFP_COMP | __ZB_GFP_ZERO | __ZB_GFP_WRITE | \
	 __ZB_GFP_ACCOUNT | __ZB_GFP_OTHER_NODE)

/* Flags that are left to the freelist path. */
#define ZB_GFP_NO_FAST_PATH	(__ZB_GFP_NOFAIL | ~ZB_GFP_BITS_MASK)

/*
 * An element of an array. Unlike array[index], it is not checked by the bounds
 * sanitizer, with which some distributions build their kernels. Its checks would make
 * up a third of the instructions here, and all indices are valid by construction.
 */
#define zb_element(array, index)	(*((array) + (index)))

/* Frames of a block. A lookup takes half as many instructions here as a shift. */
static const u32 zb_order_pages[ZB_PCP_ORDERS] = {
	1, 2, 4, 8, 16, 32, 64, 128, 256, 512,
};

/* The table entry of the flags of a request. */
static __always_inline const struct zb_fast *
zb_fast_entry(const struct zb_node *node, zb_gfp_t gfp)
{
	return &zb_element(node->fast, zb_gfp_bits(gfp) % ZB_NR_FAST);
}

/*
 * Mark a listed block allocated. Returns false if it is damaged, or if @frame is the
 * sentinel of an empty list.
 */
static __always_inline bool zb_fast_take(const struct zb_zone *zone, u32 frame,
					 unsigned int order, u8 allocated)
{
	u8 *state = zone->state + frame;

	if (unlikely(READ_ONCE(*state) != ZB_STATE(ZB_BLOCK_PCP, order)))
		return false;
	WRITE_ONCE(*state, allocated);
	return true;
}

/* Mark an allocated block listed. Returns false if no allocated block of @order starts there. */
static __always_inline bool zb_fast_give(const struct zb_zone *zone,
					 unsigned long frame, unsigned int order)
{
	u8 *state = zone->state + frame, old = READ_ONCE(*state);

	return likely(zb_state_is_block(old, order)) &&
	       likely(zb_cmpxchg(state, old, ZB_STATE(ZB_BLOCK_PCP, order)));
}

/* The result is returned by value, so that callers can keep it in a register. */
unsigned long zb_fast_alloc_flags(const struct zb_node *node, zb_gfp_t gfp,
				  unsigned int order);
unsigned long zb_fast_alloc_empty(const struct zb_node *node, zb_gfp_t gfp,
				  unsigned int order);
unsigned long zb_fast_alloc_exact(const struct zb_node *node, zb_gfp_t gfp,
				  unsigned long nr_pages);
bool zb_fast_may_bulk(const struct zb_node *node, zb_gfp_t gfp);
u32 zb_fast_take_oldest(const struct zb_zone *zone, struct zb_pcp *pcp,
			unsigned int list, u8 allocated);

/**
 * zb_fast_alloc() - allocate a block in the fast path
 * @node: node of the calling CPU
 * @gfp: flags of the request, unchecked
 * @order: order of the block, unchecked
 * @pfn: set to the first frame of the block
 *
 * Context: any but NMI.
 * Return: true if a block was allocated, false to use the freelist path.
 */
static __always_inline bool zb_fast_alloc(const struct zb_node *node,
					  zb_gfp_t gfp, unsigned int order,
					  unsigned long *pfn)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	struct zb_zone *zone = fast->zone;
	struct zb_pcp *pcp;
	bool done;
	u16 *top;
	u32 frame;

	if (unlikely(gfp & (ZB_GFP_FAST_FLAGS | ZB_GFP_NO_FAST_PATH))) {
		*pfn = zb_fast_alloc_flags(node, gfp, order);
		return *pfn != ZB_NO_PFN;
	}
	if (unlikely(order >= ZB_PCP_ORDERS || READ_ONCE(zone->below_fast_wmark)))
		return false;
	if (unlikely(!zb_pcp_enter(zone, &pcp)))
		return false;
	top = &zb_element(pcp->top, zb_pcp_list(order, fast->migratetype));
	frame = (&zb_element(pcp->frame, *top))[-1];
	done = zb_fast_take(zone, frame, order, fast->state + order);
	if (likely(done)) {
		--*top;
		*pfn = zone->start_pfn + frame;
		zb_count(pcp->nr_pages, -zb_element(zb_order_pages, order));
		zb_count(zb_element(pcp->nr_fast_alloc, order), 1);
	}
	zb_pcp_leave(pcp);
	return done;
}

/* Number of blocks that may be pushed on a list above @top. */
static __always_inline unsigned int zb_fast_room(const struct zb_zone *zone,
						 unsigned int list, unsigned int top)
{
	unsigned int limit = READ_ONCE(zb_element(zone->fast_top, list));

	return limit > top ? limit - top : 0;
}

/**
 * zb_fast_free() - free a block in the fast path
 * @pool: the allocator
 * @pfn: first frame of the block, unchecked
 * @order: order of the block, unchecked
 *
 * Context: any but NMI.
 * Return: true if the block was freed, false to use the freelist path.
 */
static __always_inline bool zb_fast_free(const struct zb_pool *pool,
					 unsigned long pfn, unsigned int order)
{
	struct zb_zone *zone = pool->largest;
	unsigned int list;
	struct zb_pcp *pcp;
	unsigned long frame;
	u16 *top;

	frame = pfn - zone->start_pfn;
	if (unlikely(frame >= zone->nr_pages)) {
		zone = zb_pfn_zone(pool, pfn);
		if (!zone)
			return false;
		frame = pfn - zone->start_pfn;
	}
	if (unlikely(order >= ZB_PCP_ORDERS || !zb_pcp_enter(zone, &pcp)))
		return false;
	/*
	 * These two are read inside, so that a drain waits for us if it follows an
	 * isolation, or the zone has become low.
	 */
	if (unlikely(READ_ONCE(zone->below_fast_wmark)))
		goto leave;
	list = zb_pcp_list(order, READ_ONCE(zb_element(zone->types, frame / ZB_PAGEBLOCK_NR)));
	top = &zb_element(pcp->top, list);
	if (unlikely(!zb_fast_room(zone, list, *top) ||
		     pcp->nr_pages >= READ_ONCE(zone->pcp_high)))
		goto leave;
	if (unlikely(!zb_fast_give(zone, frame, order)))
		goto leave;
	zb_element(pcp->frame, *top) = frame;
	++*top;
	zb_count(pcp->nr_pages, zb_element(zb_order_pages, order));
	zb_count(zb_element(pcp->nr_fast_free, order), 1);
	zb_pcp_leave(pcp);
	return true;

leave:
	zb_pcp_leave(pcp);
	return false;
}

/**
 * zb_fast_alloc_bulk() - allocate several single frames in the fast path
 * @node: node of the calling CPU
 * @gfp: flags of the request, unchecked
 * @nr: maximum number of frames
 * @take: called with each frame
 * @to: first argument of @take
 *
 * Context: any but NMI.
 * Return: number of frames; less than @nr if the list became empty, or if the fast
 * path cannot serve the request.
 */
static __always_inline unsigned int
zb_fast_alloc_bulk(const struct zb_node *node, zb_gfp_t gfp, unsigned int nr,
		   void (*take)(void *to, unsigned long pfn), void *to)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	struct zb_zone *zone = fast->zone;
	unsigned int list, got = 0;
	struct zb_pcp *pcp;
	u32 *top, frame;

	if (unlikely(gfp & (ZB_GFP_FAST_FLAGS | ZB_GFP_NO_FAST_PATH) &&
		     !zb_fast_may_bulk(node, gfp)))
		return 0;
	if (unlikely(READ_ONCE(zone->below_fast_wmark) || !zb_pcp_enter(zone, &pcp)))
		return 0;
	list = zb_pcp_list(0, fast->migratetype);
	top = pcp->frame + zb_element(pcp->top, list);
	if (unlikely(gfp & __ZB_GFP_COLD)) {
		for (; got < nr; got++) {
			frame = zb_fast_take_oldest(zone, pcp, list, fast->state);
			if (frame == ZB_NO_FRAME)
				break;
			take(to, zone->start_pfn + frame);
		}
		goto taken;
	}
	for (; got < nr; got++) {
		frame = *--top;
		if (unlikely(!zb_fast_take(zone, frame, 0, fast->state)))
			break;
		take(to, zone->start_pfn + frame);
	}
	zb_element(pcp->top, list) -= got;
taken:
	zb_count(pcp->nr_pages, -got);
	zb_count(*pcp->nr_fast_alloc, got);
	zb_pcp_leave(pcp);
	return got;
}

/**
 * zb_fast_free_bulk() - free several single frames in the fast path
 * @pool: the allocator
 * @nr: number of frames, at least one
 * @give: returns the @i'th frame, which is unchecked
 * @from: first argument of @give
 *
 * Frames are freed in sequence until one is not in the largest zone, is in a
 * pageblock of another type than the first one, or does not fit on the list.
 *
 * Context: any but NMI.
 * Return: number of frames freed; the others are left unchanged.
 */
static __always_inline unsigned int
zb_fast_free_bulk(const struct zb_pool *pool, unsigned int nr,
		  unsigned long (*give)(void *from, unsigned int i), void *from)
{
	struct zb_zone *zone = pool->largest;
	unsigned long frame = give(from, 0) - zone->start_pfn;
	unsigned int mt, list, room, high, got = 0;
	struct zb_pcp *pcp;
	u32 *top;

	if (unlikely(frame >= zone->nr_pages || !zb_pcp_enter(zone, &pcp)))
		return 0;
	if (unlikely(READ_ONCE(zone->below_fast_wmark)))
		goto leave;
	mt = READ_ONCE(zb_element(zone->types, frame / ZB_PAGEBLOCK_NR));
	list = zb_pcp_list(0, mt);
	room = zb_fast_room(zone, list, zb_element(pcp->top, list));
	high = READ_ONCE(zone->pcp_high);
	high = high > pcp->nr_pages ? high - pcp->nr_pages : 0;
	nr = nr < room ? nr : room;
	nr = nr < high ? nr : high;
	for (top = pcp->frame + zb_element(pcp->top, list); got < nr; got++) {
		frame = give(from, got) - zone->start_pfn;
		if (unlikely(frame >= zone->nr_pages ||
			     READ_ONCE(zb_element(zone->types, frame / ZB_PAGEBLOCK_NR)) != mt ||
			     !zb_fast_give(zone, frame, 0)))
			break;
		*top++ = frame;
	}
	zb_element(pcp->top, list) += got;
	zb_count(pcp->nr_pages, got);
	zb_count(*pcp->nr_fast_free, got);
leave:
	zb_pcp_leave(pcp);
	return got;
}

/* fast.c */
bool zb_fast_free_full(const struct zb_pool *pool, unsigned long pfn, unsigned int order);
void zb_fast_setup(struct zb_pool *pool);
void zb_fast_memoryless_node(struct zb_pool *pool, struct zb_node *node);
void zb_pool_tune(struct zb_pool *pool, unsigned int nr_cpus);

#endif /* ZB_CORE_FAST_H */

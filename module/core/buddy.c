// SPDX-License-Identifier: GPL-2.0-only
#include "buddy.h"

/**
 * zb_zone_pageblocks_size() - size of zb_zone.pageblocks
 * @nr_pages: frames of the zone
 *
 * Return: bytes that the caller of zb_zone_init() has to provide, aligned to
 * a cache line. They need not be initialized.
 */
size_t zb_zone_pageblocks_size(unsigned long nr_pages)
{
	return (nr_pages >> ZB_PAGEBLOCK_ORDER) * sizeof(struct zb_pageblock);
}

/*
 * Where zb_zone.stale begins in the memory of zb_zone.state: in a cache line of its own, because
 * it is written with each drain, while each free reads zb_zone.types.
 */
static size_t stale_offset(unsigned long nr_pages)
{
	return ALIGN(nr_pages + 1 + (nr_pages >> ZB_PAGEBLOCK_ORDER), 64);
}

/**
 * zb_zone_state_size() - size of zb_zone.state
 * @nr_pages: frames of the zone
 *
 * There is one byte per frame, one for the nonexistent frame that is the sentinel
 * of per-CPU lists, then one per pageblock for zb_zone.types, and at the end one bit
 * per pageblock, in words, for zb_zone.stale.
 *
 * Return: bytes that the caller of zb_zone_init() has to provide, all zero.
 */
size_t zb_zone_state_size(unsigned long nr_pages)
{
	return stale_offset(nr_pages) +
	       ALIGN(nr_pages >> ZB_PAGEBLOCK_ORDER, 64) / 8;
}

/* Readers do not take the lock. */
static void set_type(struct zb_zone *zone, struct zb_pageblock *pb,
		     unsigned int mt)
{
	WRITE_ONCE(pb->migratetype, mt);
	WRITE_ONCE(zone->types[pb - zone->pageblocks], mt);
}

/*
 * Make the block of @order at @pfn a free block. Its frames are free already: what is
 * added is that they are counted, or listed, as one block.
 */
static __always_inline void add_free(struct zb_zone *zone, unsigned long pfn,
				     unsigned int order)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);

	if (order < ZB_PAGEBLOCK_ORDER)
		zb_pageblock_count_run(pb, order, 1);
	else
		zb_free_area_add(zone->free_area, pb, order);
	__zb_count_blocks(zone, pb, order, 1);
}

/* Undo add_free(). The frames of the block remain free. */
static __always_inline void del_free(struct zb_zone *zone, unsigned long pfn,
				     unsigned int order)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);

	__zb_count_blocks(zone, pb, order, -1);
	if (order < ZB_PAGEBLOCK_ORDER)
		zb_pageblock_count_run(pb, order, -1);
	else
		zb_free_area_del(pb, ZB_LIST_TAIL);
}

/* Is the buddy of the block of @order at @pfn a free block of that order? */
static bool buddy_is_free(const struct zb_zone *zone, unsigned long pfn,
			  unsigned int order)
{
	const struct zb_pageblock *buddy, *pb = zb_pfn_pageblock(zone, pfn);

	pfn ^= BIT(order);
	if (order < ZB_PAGEBLOCK_ORDER)
		return zb_pageblock_run_is_free(pb, pfn % ZB_PAGEBLOCK_NR, order);
	if (!zb_zone_has(zone, pfn))
		return false;
	buddy = zb_pfn_pageblock(zone, pfn);
	return buddy->largest_free == order &&
	       buddy->migratetype == pb->migratetype;
}

/*
 * Return a wholly free pageblock to the default type, so that it merges with its
 * buddies and serves any request for whole pageblocks. This includes HighAtomic
 * pageblocks, because a free pageblock of another type prevents the merge to a
 * larger block. The next atomic request of order > 0 reserves a pageblock again.
 * CMA and isolated pageblocks keep their type.
 */
static void revert_migratetype(struct zb_zone *zone, struct zb_pageblock *pb)
{
	if (pb->migratetype == zone->default_migratetype)
		return;
	if (pb->migratetype == ZB_MIGRATE_HIGHATOMIC)
		__zb_count_event(zone, ZB_HIGHATOMIC_UNRESERVE, 1);
	else if (pb->migratetype >= ZB_MIGRATE_PCPTYPES)
		return;
	__zb_count_retyped(zone, pb, zone->default_migratetype, 1, pb->nr_free);
	set_type(zone, pb, zone->default_migratetype);
}

/*
 * All frames of a pageblock have become free. Its runs, which may be still counted
 * because it was stale, are part of one block now, and no longer list it.
 */
static void became_free(struct zb_zone *zone, struct zb_pageblock *pb)
{
	unsigned int k;

	for (k = 0; pb->orders >> k; k++) {
		if (pb->nr[k])
			__zb_count_blocks(zone, pb, k, -(long)pb->nr[k]);
		pb->nr[k] = 0;
	}
	pb->orders = 0;
	__zb_clear_stale(zone, pb);
	if (zb_free_area_listed(pb))
		zb_free_area_del(pb, ZB_LIST_TAIL);
	pb->largest_free = ZB_LIST_TAIL;
	revert_migratetype(zone, pb);
}

/**
 * __zb_split() - split a free block until a given block can be taken from it
 * @zone: its zone
 * @pfn: first frame of the block to take
 * @order: order of the block to take
 * @from: order of the free block that contains it
 *
 * Each step halves the block. The half without @pfn becomes a free block, and the
 * other half is split further. Afterwards, the block at @pfn is not a free block any
 * more: the caller allocates its frames or calls __zb_merge().
 *
 * Context: zone lock held.
 */
void __zb_split(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		unsigned int from)
{
	zb_assert_held(&zone->lock);
	del_free(zone, pfn & ~(BIT(from) - 1), from);
	while (from-- > order)
		add_free(zone, (pfn & ~(BIT(from) - 1)) ^ BIT(from), from);
}

/**
 * __zb_merge() - make a block free, merged with all of its buddies that are free
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * Each step merges the block with its buddy, the block that differs from it only in
 * bit @order of the frame number. A pageblock that becomes wholly free on the way
 * gets the default migrate type first, so that buddies of that type match.
 *
 * Context: zone lock held. The frames are free, but not part of a free block. Below
 * pageblock order, the caller calls zb_free_area_rekey() afterwards.
 */
void __zb_merge(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	zb_assert_held(&zone->lock);
	while (order < zone->max_order && buddy_is_free(zone, pfn, order)) {
		del_free(zone, pfn ^ BIT(order), order);
		pfn &= ~BIT(order);
		if (++order == ZB_PAGEBLOCK_ORDER)
			became_free(zone, zb_pfn_pageblock(zone, pfn));
	}
	add_free(zone, pfn, order);
}

/* The largest naturally aligned block that starts at @pfn inside the zone. */
static unsigned int order_at(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int order = zone->max_order;

	while ((pfn & (BIT(order) - 1)) || pfn + BIT(order) > zb_zone_end(zone))
		order--;
	return order;
}

/**
 * zb_zone_init() - initialize a zone, with all of its frames free
 * @zone: the zone; the caller has set its range, memory and identity, @max_order
 *	(ZB_PAGEBLOCK_ORDER .. ZB_MAX_ORDER) and @default_migratetype
 *
 * All pageblocks get the type @default_migratetype, which is Movable unless the
 * pool is too small to group by mobility. Unmovable and reclaimable requests claim
 * whole pageblocks later, so that they do not spread over the zone.
 */
void zb_zone_init(struct zb_zone *zone)
{
	unsigned long i, pfn, nr = zb_zone_nr_pageblocks(zone);
	struct zb_pageblock *pb;

	zb_lock_init(&zone->lock);
	zb_free_area_init(zone->free_area);
	zone->nr_free = 0;
	zone->nr_bad = 0;
	zone->nr_offline = 0;
	zone->nr_stale = 0;
	zone->zeroed = NULL;
	zone->audits = NULL;
	zone->nr_unfit = 0;
	zone->nr_free_pcptypes = 0;
	zone->fast_wmark = 0;
	zone->below_fast_wmark = 0;
	zone->lists_due = 0;
	zone->boost = 0;
	zone->max_boost = 0;
	zone->boost_due = 0;
	zone->types = zone->state + zone->nr_pages + 1;
	zone->stale = (u64 *)(zone->state + stale_offset(zone->nr_pages));
	memset(zone->nr_free_type, 0, sizeof(zone->nr_free_type));
	memset(zone->nr_blocks, 0, sizeof(zone->nr_blocks));
	memset(zone->events, 0, sizeof(zone->events));
	memset(zone->fallbacks, 0, sizeof(zone->fallbacks));
	zone->deferral = (struct zb_compact_deferral){ .order_failed = ZB_NR_ORDERS };
	zone->compactions = 0;
	zone->nr_compacting = 0;
	zone->capture_pfn = ZB_NO_PFN;
	for (i = 0; i < ZB_CAPTURES_FAILED; i++)
		zone->capture_failed[i] = ZB_NO_PFN;
	for (i = 0; i < nr; i++) {
		pb = &zone->pageblocks[i];
		memset(pb->nr, 0, sizeof(pb->nr));
		zb_pageblock_fill(pb);
		pb->largest_free = ZB_LIST_TAIL;
		pb->skip_compaction = ZB_SKIP_NOT;
		set_type(zone, pb, zone->default_migratetype);
	}
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
	     pfn += BIT(pb->largest_free)) {
		pb = zb_pfn_pageblock(zone, pfn);
		add_free(zone, pfn, order_at(zone, pfn));
	}
	zone->nr_blocks[zone->default_migratetype] = nr;
	__zb_count_free(zone, zone->pageblocks, zone->nr_pages);
}

/* Allocate all frames of a block of whole pageblocks. */
static void take_pageblocks(struct zb_zone *zone, struct zb_pageblock *pb,
			    unsigned int order)
{
	struct zb_pageblock *at, *end = pb + BIT(order - ZB_PAGEBLOCK_ORDER);

	/* All of them have the same type. */
	__zb_count_free_type(zone, pb->migratetype, -(long)BIT(order));
	for (at = pb; at < end; at++) {
		zb_pageblock_empty(at);
		at->largest_free = ZB_LIST_NONE;
		if (unlikely(zone->audits))
			__zb_audit_free(zone, at, -(long)ZB_PAGEBLOCK_NR);
	}
}

/* Take the block of @order at @pfn from the free block of the order @from that contains it. */
static void take_from(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		      unsigned int from, enum zb_block_state state)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);

	__zb_split(zone, pfn, order, from);
	if (order < ZB_PAGEBLOCK_ORDER) {
		zb_pageblock_set_run(pb, pfn % ZB_PAGEBLOCK_NR, order, false);
		zb_free_area_rekey(zone->free_area, pb);
		__zb_count_free(zone, pb, -(long)BIT(order));
	} else {
		take_pageblocks(zone, pb, order);
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(state, order));
}

/**
 * __zb_rmqueue_from() - take a block from a given pageblock
 * @zone: its zone
 * @pb: a listed pageblock, with @largest_free of at least @order
 * @order: order of the block
 * @state: state of the block from now on
 *
 * Context: zone lock held.
 * Return: first frame of the block.
 */
unsigned long __zb_rmqueue_from(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, enum zb_block_state state)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int from;

	__zb_refresh(zone, pb);
	from = pb->largest_free;
	if (from < ZB_PAGEBLOCK_ORDER)
		pfn += zb_pageblock_find(pb, order, &from);
	take_from(zone, pfn, order, from, state);
	return pfn;
}

/**
 * __zb_find_smallest() - find a pageblock by searching the free lists upwards
 * @zone: the zone
 * @order: order to start from
 * @mt: migrate type whose lists are searched
 *
 * Context: zone lock held.
 * Return: the first pageblock of the lowest list that is not empty, or NULL. It may be
 * stale.
 */
struct zb_pageblock *__zb_find_smallest(struct zb_zone *zone,
					unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	zb_assert_held(&zone->lock);
	/* Often, what is free of a type are the remains of one pageblock. */
	if (zone->nr_free_type[mt] < BIT(order))
		return NULL;
	for (k = order; k <= zone->max_order; k++) {
		pb = zb_free_area_first(zone->free_area, k, mt);
		if (pb)
			return pb;
	}
	return NULL;
}

/**
 * __zb_rmqueue_smallest() - take a block from the free lists of a migrate type
 * @zone: the zone
 * @order: order of the block
 * @mt: migrate type whose lists are searched
 * @state: state of the block from now on
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue_smallest(struct zb_zone *zone, unsigned int order,
				    unsigned int mt, enum zb_block_state state)
{
	struct zb_pageblock *pb = __zb_find_smallest(zone, order, mt);

	return pb ? __zb_rmqueue_from(zone, pb, order, state) : ZB_NO_PFN;
}

/*
 * Free all frames of a block of whole pageblocks. If some of the pageblocks changed
 * their type while the block was allocated, each of them becomes a block of its own.
 */
static void free_pageblocks(struct zb_zone *zone, unsigned long pfn,
			    unsigned int order)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned long i, nr = BIT(order - ZB_PAGEBLOCK_ORDER);
	bool one_type = true;

	for (i = 0; i < nr; i++) {
		zb_pageblock_fill(&pb[i]);
		pb[i].largest_free = ZB_LIST_TAIL;
		__zb_count_free(zone, &pb[i], ZB_PAGEBLOCK_NR);
		revert_migratetype(zone, &pb[i]);
		one_type &= pb[i].migratetype == pb->migratetype;
	}
	if (one_type) {
		__zb_merge(zone, pfn, order);
		return;
	}
	for (i = 0; i < nr; i++)
		__zb_merge(zone, zb_pageblock_pfn(zone, &pb[i]),
			   ZB_PAGEBLOCK_ORDER);
}

/**
 * __zb_merge_whole() - merge a pageblock whose frames have all become free
 * @zone: its zone
 * @pb: the pageblock; it may be stale, and is not afterwards
 *
 * Context: zone lock held.
 */
void __zb_merge_whole(struct zb_zone *zone, struct zb_pageblock *pb)
{
	became_free(zone, pb);
	__zb_merge(zone, zb_pageblock_pfn(zone, pb), ZB_PAGEBLOCK_ORDER);
}

/**
 * __zb_free_tail() - free the last frames of a block that was taken from a pageblock
 * @zone: its zone
 * @pfn: first frame
 * @end: the frame behind the block, in the same pageblock or the first one of the next
 *
 * The frames before @pfn remain used. Each of the blocks that are freed has them, or a smaller one
 * of these blocks, as its buddy, so nothing merges, and no runs have to be counted again.
 *
 * Context: zone lock held since the block was taken. The states of the frames are 0.
 */
void __zb_free_tail(struct zb_zone *zone, unsigned long pfn, unsigned long end)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned int orders = end - pfn;

	zb_assert_held(&zone->lock);
	zb_pageblock_set_free(pb, pfn % ZB_PAGEBLOCK_NR, end - pfn);
	__zb_count_free(zone, pb, end - pfn);
	/* The end is aligned to more than the number of frames: each of its bits is a block. */
	for (; orders; orders &= orders - 1)
		__zb_count_runs(zone, pb, __ffs64(orders), 1);
	zb_free_area_rekey(zone->free_area, pb);
}

/**
 * __zb_free_one_page() - free a block to the zone and merge it with its buddies
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * The caller has checked that such a block starts there. A stale pageblock remains stale,
 * so that its runs are counted once for all blocks that are freed.
 *
 * Context: zone lock held.
 */
void __zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);

	zb_assert_held(&zone->lock);
	zb_zone_set_state(zone, pfn, 0);
	if (order >= ZB_PAGEBLOCK_ORDER) {
		free_pageblocks(zone, pfn, order);
		return;
	}
	zb_pageblock_set_run(pb, pfn % ZB_PAGEBLOCK_NR, order, true);
	__zb_count_free(zone, pb, BIT(order));
	if (zb_pageblock_is_stale(zone, pb)) {
		if (zb_pageblock_all_free(pb))
			__zb_merge_whole(zone, pb);
		else
			__zb_raise(zone, pb, pb->free[pfn % ZB_PAGEBLOCK_NR / 64]);
		return;
	}
	__zb_merge(zone, pfn, order);
	if (!zb_pageblock_all_free(pb))
		zb_free_area_rekey(zone->free_area, pb);
}

/**
 * __zb_claim_whole() - change the migrate type of the first part of a free block
 * @zone: its zone
 * @pb: head of a free block of at least @order
 * @order: order of the part, ZB_PAGEBLOCK_ORDER or more
 * @mt: the new migrate type
 *
 * Afterwards @pb is the head of a free block of exactly @order and of type
 * @mt; the rest keeps its type, in free blocks of its own.
 *
 * Context: zone lock held.
 */
void __zb_claim_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt)
{
	unsigned long i, nr = BIT(order - ZB_PAGEBLOCK_ORDER);
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	zb_trace_migratetype(pfn, pb->migratetype, mt);
	__zb_split(zone, pfn, order, pb->largest_free);
	__zb_count_retyped(zone, pb, mt, nr, BIT(order));
	for (i = 0; i < nr; i++)
		set_type(zone, &pb[i], mt);
	add_free(zone, pfn, order);
}

/**
 * __zb_whole_order() - determine the order of a free block of whole pageblocks
 * @zone: its zone
 * @pfn: any frame of the block
 *
 * Context: zone lock held.
 * Return: ZB_PAGEBLOCK_ORDER .. ZB_MAX_ORDER.
 */
unsigned int __zb_whole_order(const struct zb_zone *zone, unsigned long pfn)
{
	const struct zb_pageblock *head = zb_pfn_pageblock(zone, pfn);
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; head->largest_free == ZB_LIST_TAIL; k++)
		head = zb_pfn_pageblock(zone, pfn & ~(BIT(k + 1) - 1));
	return head->largest_free;
}

/* The order of the free block below pageblock order that contains a free run of @order. */
static unsigned int part_order(const struct zb_pageblock *pb, unsigned int frame,
			       unsigned int order)
{
	while (order + 1 < ZB_PAGEBLOCK_ORDER &&
	       zb_pageblock_run_is_free(pb, frame & ~(BIT(order + 1) - 1), order + 1))
		order++;
	return order;
}

/**
 * __zb_take_free() - take given frames if they are free
 * @zone: their zone
 * @pfn: first frame, aligned to @order
 * @order: order of the block, at most ZB_PAGEBLOCK_ORDER
 * @state: state of the block from now on
 *
 * The migrate type of the pageblock does not matter.
 *
 * Context: zone lock held.
 * Return: false, with nothing changed, if one of the frames is not in the free lists.
 */
bool __zb_take_free(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		    enum zb_block_state state)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned int from, frame = pfn % ZB_PAGEBLOCK_NR;

	zb_assert_held(&zone->lock);
	__zb_refresh(zone, pb);
	if (zb_pageblock_all_free(pb))
		from = __zb_whole_order(zone, pfn);
	else if (order < ZB_PAGEBLOCK_ORDER && zb_pageblock_run_is_free(pb, frame, order))
		from = part_order(pb, frame, order);
	else
		return false;
	take_from(zone, pfn, order, from, state);
	return true;
}

/**
 * __zb_set_pageblock_migratetype() - change the migrate type of a pageblock
 * @zone: its zone
 * @pb: any pageblock
 * @mt: the new migrate type
 *
 * Its free blocks move to the lists of the new type. A wholly free pageblock is
 * split from its free block and merged with buddies of the new type.
 *
 * Context: zone lock held.
 */
void __zb_set_pageblock_migratetype(struct zb_zone *zone,
				    struct zb_pageblock *pb, unsigned int mt)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	zb_assert_held(&zone->lock);
	zb_trace_migratetype(pfn, pb->migratetype, mt);
	__zb_refresh(zone, pb);
	__zb_count_retyped(zone, pb, mt, 1, pb->nr_free);
	if (!zb_pageblock_all_free(pb)) {
		if (unlikely(zone->audits))
			__zb_audit_runs_retyped(zone, pb, mt);
		zb_free_area_move(zone->free_area, pb, mt);
		set_type(zone, pb, mt);
		return;
	}
	__zb_split(zone, pfn, ZB_PAGEBLOCK_ORDER, __zb_whole_order(zone, pfn));
	set_type(zone, pb, mt);
	__zb_merge(zone, pfn, ZB_PAGEBLOCK_ORDER);
}

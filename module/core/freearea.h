/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free areas: which pageblocks have a free block of which order.
 *
 *	free_area[order].free_list[migratetype]
 *
 *	 order 18   [U] [M] [R] [H] [C] [I]      heads of free blocks made of
 *	   ...                                   2^(order-9) whole pageblocks
 *	 order 9    [U] [M]-->pb-->pb            whole pageblocks
 *	 order 8    [U] [M] [R] ...
 *	   ...                                   pageblocks whose largest free
 *	 order 1    [U]-->pb [M]-->pb-->pb       run has exactly that order
 *	 order 0    [U] [M]-->pb
 *
 * The kernel links free blocks. These lists link pageblocks: each is on a single
 * list, that of its largest free run (zb_pageblock.largest_free). A search upwards
 * from the order of a request therefore finds the most fragmented pageblocks
 * before it breaks up the others.
 *
 * @nr_free counts free blocks as in the kernel: all maximal free runs of all
 * pageblocks, not only the largest ones. It is updated by each split and merge, in
 * total and by migrate type, so that statistics only need to copy it.
 */
#ifndef ZB_CORE_FREEAREA_H
#define ZB_CORE_FREEAREA_H

#include "pageblock.h"

#define ZB_MAX_ORDER	18u	/* 1 GiB of 4 KiB pages */
#define ZB_NR_ORDERS	(ZB_MAX_ORDER + 1)

/**
 * struct zb_free_area - free blocks of one order
 * @free_list: pageblocks whose largest free run has this order, by migrate type
 * @nr_free_type: free blocks of this order, by migrate type
 * @nr_free: the sum of @nr_free_type
 * @nr_added: number of times that a pageblock was put on one of these lists
 */
struct zb_free_area {
	struct list_head free_list[ZB_MIGRATE_TYPES];
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_free;
	u64 nr_added;
};

static inline void zb_free_area_count(struct zb_free_area *areas,
				      unsigned int order, unsigned int mt,
				      long delta)
{
	struct zb_free_area *area = &areas[order];

	area->nr_free += delta;
	/* Watermark checks read this without the lock. */
	WRITE_ONCE(*(area->nr_free_type + mt), *(area->nr_free_type + mt) + delta);
}

static inline bool zb_free_area_listed(const struct zb_pageblock *pb)
{
	return pb->largest_free <= ZB_MAX_ORDER;
}

/* The first pageblock of a list, or NULL if the list is empty. */
static inline struct zb_pageblock *zb_free_area_first(const struct zb_free_area *areas,
						      unsigned int order, unsigned int mt)
{
	const struct list_head *list = (areas + order)->free_list + mt;

	return list_empty(list) ? NULL :
				  list_entry(list->next, struct zb_pageblock, link);
}

/**
 * zb_free_area_add() - put a pageblock on the list of an order
 * @areas: free areas of its zone
 * @pb: a pageblock that is on no list
 * @order: order of its largest free block
 *
 * The pageblock is added at the front, because the bits of the pageblock that was
 * used last are in the cache, and because that keeps filling the same pageblock.
 * As a consequence, @added decreases along a list. The check of the lists relies
 * on that (check.c).
 *
 * Context: zone lock held.
 */
static __always_inline void zb_free_area_add(struct zb_free_area *areas,
					     struct zb_pageblock *pb, unsigned int order)
{
	pb->largest_free = order;
	pb->added = ++areas[order].nr_added;
	list_add(&pb->link, &areas[order].free_list[pb->migratetype]);
}

/**
 * zb_free_area_del() - take a pageblock off its list
 * @pb: a pageblock that is listed
 * @largest_free: ZB_LIST_NONE or ZB_LIST_TAIL, why it is on no list from now on
 *
 * Context: zone lock held.
 */
static __always_inline void zb_free_area_del(struct zb_pageblock *pb,
					     unsigned int largest_free)
{
	list_del(&pb->link);
	pb->largest_free = largest_free;
}

void zb_free_area_init(struct zb_free_area *areas);
void zb_free_area_rekey(struct zb_free_area *areas, struct zb_pageblock *pb);
void zb_free_area_move(struct zb_free_area *areas, struct zb_pageblock *pb,
		       unsigned int mt);

#endif /* ZB_CORE_FREEAREA_H */

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
 * What the kernel links are free blocks; what is linked here are pageblocks,
 * each on one list only, that of its largest free run (its key). A search
 * upwards from the wanted order therefore meets the pageblocks that have been
 * used most before it touches the empty ones.
 *
 * @nr_free counts free blocks as the kernel's does: every maximal free run of
 * every pageblock, not only the largest. It is kept exact on each split and
 * merge, in total and by migrate type, so that statistics are copies of it.
 */
#ifndef ZB_CORE_FREEAREA_H
#define ZB_CORE_FREEAREA_H

#include "pageblock.h"

#define ZB_MAX_ORDER	18u	/* 1 GiB of 4 KiB pages */
#define ZB_NR_ORDERS	(ZB_MAX_ORDER + 1)

/**
 * struct zb_free_area - free blocks of one order
 * @free_list: pageblocks whose key is this order, by migrate type
 * @nr_free_type: free blocks of this order, by migrate type
 * @nr_free: the sum of @nr_free_type
 * @nr_added: how often a pageblock was put on one of these lists
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
	/* Readers of watermarks don't take the lock. */
	WRITE_ONCE(area->nr_free_type[mt], area->nr_free_type[mt] + delta);
}

static inline bool zb_free_area_listed(const struct zb_pageblock *pb)
{
	return pb->largest_free <= ZB_MAX_ORDER;
}

void zb_free_area_init(struct zb_free_area *areas);
void zb_free_area_add(struct zb_free_area *areas, struct zb_pageblock *pb,
		      unsigned int order);
void zb_free_area_del(struct zb_pageblock *pb, unsigned int largest_free);
void zb_free_area_rekey(struct zb_free_area *areas, struct zb_pageblock *pb);
void zb_free_area_move(struct zb_free_area *areas, struct zb_pageblock *pb,
		       unsigned int mt);
struct zb_pageblock *zb_free_area_first(struct zb_free_area *areas,
					unsigned int order, unsigned int mt);

#endif /* ZB_CORE_FREEAREA_H */

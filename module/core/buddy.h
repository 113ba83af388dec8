/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buddy system of a zone.
 *
 * Below pageblock order, a free block is a run of bits in one pageblock. From
 * pageblock order on it consists of whole pageblocks: a free block of order
 * k >= 9 is 2^(k-9) wholly free pageblocks. The first one, the head, is listed
 * under order k; the others are tails. All pageblocks of a free block have the
 * same migrate type. Blocks are aligned in physical address, so buddies are
 * found by frame number, not by the offset in the zone.
 *
 * A free block is split in two halves, buddies, until one of them has the order
 * of the request (__zb_split()). When a block is freed and its buddy is free, the
 * two are merged, and so on (__zb_merge()):
 *
 *	frame    0       4   6 7 8              16
 *	         +-------+---+-+-+--------------+
 *	         | free  | f |f|X| free         |	one frame of 16 allocated
 *	         +-------+---+-+-+--------------+
 *	order    2       1   0   3
 *
 * Both loops are the same for all orders. What makes a block of an order a free
 * block is counting its run, or listing its head (add_free()). The bits of the frames
 * say that they are free, whatever block they are part of, so a split or a merge does
 * not change them.
 *
 * All functions here are called with the lock of the zone held.
 */
#ifndef ZB_CORE_BUDDY_H
#define ZB_CORE_BUDDY_H

#include "stale.h"

size_t zb_zone_pageblocks_size(unsigned long nr_pages);
size_t zb_zone_state_size(unsigned long nr_pages);
void zb_zone_init(struct zb_zone *zone);

void __zb_split(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		unsigned int from);
void __zb_merge(struct zb_zone *zone, unsigned long pfn, unsigned int order);
struct zb_pageblock *__zb_find_smallest(struct zb_zone *zone,
					unsigned int order, unsigned int mt);
unsigned long __zb_rmqueue_smallest(struct zb_zone *zone, unsigned int order,
				    unsigned int mt, enum zb_block_state state);
unsigned long __zb_rmqueue_from(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, enum zb_block_state state);
bool __zb_take_free(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		    enum zb_block_state state);
void __zb_merge_whole(struct zb_zone *zone, struct zb_pageblock *pb);
void __zb_free_tail(struct zb_zone *zone, unsigned long pfn, unsigned long end);
void __zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order);
void __zb_claim_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt);
unsigned int __zb_whole_order(const struct zb_zone *zone, unsigned long pfn);
void __zb_set_pageblock_migratetype(struct zb_zone *zone,
				    struct zb_pageblock *pb, unsigned int mt);

#endif /* ZB_CORE_BUDDY_H */

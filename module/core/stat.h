/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics: copies of a zone's counters, taken together under its lock.
 *
 * Reading is O(orders x migrate types) however many blocks there are, so it
 * may be done at any load; printing happens after the lock is gone.
 */
#ifndef ZB_CORE_STAT_H
#define ZB_CORE_STAT_H

#include "alloc.h"

/**
 * struct zb_zone_stat - the counters of a zone at one moment
 * @nr_free: frames in the buddy lists
 * @nr_free_type: the same by migrate type
 * @nr_cached: frames on per-CPU lists
 * @nr_free_blocks: free blocks by order and migrate type
 * @nr_blocks: pageblocks by migrate type
 */
struct zb_zone_stat {
	unsigned long nr_free;
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_cached;
	unsigned long nr_free_blocks[ZB_NR_ORDERS][ZB_MIGRATE_TYPES];
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
};

/**
 * struct zb_pageblock_stat - a pageblock at one moment
 * @migratetype: ZB_MIGRATE_*
 * @nr_free: free frames, 0 .. 512
 * @largest: order of its largest free run, -1 when there is none
 * @whole_order: order of the free block of whole pageblocks that it is part
 *	of, -1 when it is not wholly free
 */
struct zb_pageblock_stat {
	u8 migratetype;
	u16 nr_free;
	s8 largest;
	s8 whole_order;
};

void zb_zone_snapshot(struct zb_zone *zone, struct zb_zone_stat *st);
unsigned long zb_stat_nr_free(const struct zb_zone_stat *st, unsigned int order);
int zb_stat_largest_order(const struct zb_zone_stat *st);
int zb_unusable_index(const struct zb_zone_stat *st, unsigned int order);
int zb_extfrag_index(const struct zb_zone_stat *st, unsigned int order);
void zb_zone_mixed_blocks(struct zb_zone *zone,
			  unsigned long nr[ZB_MIGRATE_TYPES]);
void zb_pageblock_snapshot(struct zb_zone *zone, unsigned long first,
			   unsigned int nr, struct zb_pageblock_stat *st);

#endif /* ZB_CORE_STAT_H */

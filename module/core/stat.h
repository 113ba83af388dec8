/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics: consistent copies of the counters of a zone.
 *
 * A copy is made under the zone lock. Its cost depends on the number of orders and
 * migrate types only, not on the number of blocks, so it may be made at any time.
 */
#ifndef ZB_CORE_STAT_H
#define ZB_CORE_STAT_H

#include "alloc.h"

/**
 * struct zb_zone_stat - the counters of a zone
 * @nr_free: frames in the buddy lists
 * @nr_free_type: @nr_free by migrate type
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
 * struct zb_pageblock_stat - the state of a pageblock
 * @migratetype: ZB_MIGRATE_*
 * @nr_free: free frames, 0 .. 512
 * @largest: order of the largest free run in the pageblock, or -1 if no frame is free
 * @offline: the environment has its frames
 * @whole_order: order of the free block that the pageblock is part of, or -1 if not
 *	all of its frames are free
 */
struct zb_pageblock_stat {
	u8 migratetype;
	bool offline;
	u16 nr_free;
	s8 largest;
	s8 whole_order;
};

unsigned long zb_zone_events(const struct zb_zone *zone, enum zb_event event);
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

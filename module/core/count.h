/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of free frames and free blocks of a zone.
 *
 * Each change is also added to the audits that are in progress (audit.c). Lockless
 * readers use most of these counters, so they are written with WRITE_ONCE().
 *
 * All functions here are called with the lock of the zone held.
 */
#ifndef ZB_CORE_COUNT_H
#define ZB_CORE_COUNT_H

#include "audit.h"

/* Add @nr, which may be negative, to the number of free blocks. */
static inline void __zb_count_blocks(struct zb_zone *zone,
				     const struct zb_pageblock *pb,
				     unsigned int order, long nr)
{
	zb_free_area_count(zone->free_area, order, pb->migratetype, nr);
	if (unlikely(zone->audits))
		__zb_audit_blocks(zone, pb, order, pb->migratetype, nr);
}

/* The same for blocks below pageblock order, which are the runs of one pageblock. */
static inline void __zb_count_runs(struct zb_zone *zone, struct zb_pageblock *pb,
				   unsigned int order, long nr)
{
	zb_pageblock_count_run(pb, order, nr);
	__zb_count_blocks(zone, pb, order, nr);
}

/* Add @nr, which may be negative, to the number of free frames of type @mt. */
static inline void __zb_count_free_type(struct zb_zone *zone, unsigned int mt, long nr)
{
	WRITE_ONCE(zone->nr_free, zone->nr_free + nr);
	WRITE_ONCE(zone->nr_free_type[mt], zone->nr_free_type[mt] + nr);
	if (mt < ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes + nr);
}

/* The same for frames of one pageblock. */
static inline void __zb_count_free(struct zb_zone *zone,
				   const struct zb_pageblock *pb, long nr)
{
	if (unlikely(zone->audits))
		__zb_audit_free(zone, pb, nr);
	__zb_count_free_type(zone, pb->migratetype, nr);
}

/*
 * Count that @nr pageblocks with @nr_free free frames change their type. The
 * zone's nr_free must not change even transiently, because concurrent watermark
 * checks could fail.
 */
static inline void __zb_count_retyped(struct zb_zone *zone,
				      const struct zb_pageblock *pb,
				      unsigned int to, unsigned long nr,
				      unsigned long nr_free)
{
	unsigned long *blocks = zone->nr_blocks, *frames = zone->nr_free_type;
	unsigned int from = pb->migratetype;

	if (unlikely(zone->audits))
		__zb_audit_retyped(zone, pb, nr, to);
	WRITE_ONCE(blocks[from], blocks[from] - nr);
	WRITE_ONCE(blocks[to], blocks[to] + nr);
	WRITE_ONCE(frames[from], frames[from] - nr_free);
	WRITE_ONCE(frames[to], frames[to] + nr_free);
	if (from < ZB_MIGRATE_PCPTYPES && to >= ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes - nr_free);
	if (from >= ZB_MIGRATE_PCPTYPES && to < ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes + nr_free);
}

#endif /* ZB_CORE_COUNT_H */

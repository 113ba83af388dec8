/* SPDX-License-Identifier: GPL-2.0-only */
/* Audits: the counters of a zone are added up while the zone is in use (audit.c). */
#ifndef ZB_CORE_AUDIT_H
#define ZB_CORE_AUDIT_H

#include "zone.h"

/**
 * struct zb_audit - progress of a check that adds up the counters of a zone
 * @next: another check of the same zone
 * @end: pageblocks before this one have been counted
 * @nr_free: free frames in them, by migrate type
 * @nr_blocks: pageblocks, by migrate type
 * @nr: free blocks that start in them, by order and migrate type
 */
struct zb_audit {
	struct zb_audit *next;
	unsigned long end;
	unsigned long nr_free[ZB_MIGRATE_TYPES];
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long nr[ZB_NR_ORDERS][ZB_MIGRATE_TYPES];
};

void __zb_audit_begin(struct zb_zone *zone, struct zb_audit *audit);
void __zb_audit_next(struct zb_zone *zone, struct zb_audit *audit);
void __zb_audit_end(struct zb_zone *zone, struct zb_audit *audit);

/* Called by buddy.c for each change while an audit is in progress. */
void __zb_audit_free(struct zb_zone *zone, const struct zb_pageblock *pb,
		     long nr);
void __zb_audit_retyped(struct zb_zone *zone, const struct zb_pageblock *pb,
			unsigned long nr_blocks, unsigned int to);
void __zb_audit_blocks(struct zb_zone *zone, const struct zb_pageblock *pb,
		       unsigned int order, unsigned int mt, long nr);
void __zb_audit_runs_retyped(struct zb_zone *zone,
			     const struct zb_pageblock *pb, unsigned int to);

#endif /* ZB_CORE_AUDIT_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Audits: adding up the counters of a zone that is in use.
 *
 *	pageblocks  | counted | counted | counted |   not yet   |   not yet   |
 *	                                          ^ end
 *
 * A check counts the pageblocks of a zone, and drops the zone lock after every few.
 * Each change to a pageblock that has been counted is added to the audit as well. A
 * change to any other pageblock is included when that pageblock is counted. At the
 * end, the sums of the audit must be equal to the counters of the zone.
 */
#include "audit.h"

static bool already_counted(const struct zb_audit *audit, const struct zb_zone *zone,
			    const struct zb_pageblock *pb)
{
	return (unsigned long)(pb - zone->pageblocks) < audit->end;
}

/**
 * __zb_audit_free() - record a change of the number of free frames
 * @zone: zone of the pageblock
 * @pb: the pageblock; the frames are counted under its migrate type
 * @nr: number of frames that have become free; negative if they were allocated
 *
 * Context: zone lock held.
 */
void __zb_audit_free(struct zb_zone *zone, const struct zb_pageblock *pb,
		     long nr)
{
	struct zb_audit *audit;

	for (audit = zone->audits; audit; audit = audit->next)
		if (already_counted(audit, zone, pb))
			audit->nr_free[pb->migratetype] += nr;
}

/**
 * __zb_audit_retyped() - record a change of the migrate type of pageblocks
 * @zone: zone of the pageblocks
 * @pb: the first pageblock, which still has the old type
 * @nr_blocks: number of pageblocks
 * @to: the new type
 *
 * Context: zone lock held.
 */
void __zb_audit_retyped(struct zb_zone *zone, const struct zb_pageblock *pb,
			unsigned long nr_blocks, unsigned int to)
{
	const struct zb_pageblock *end = pb + nr_blocks;
	struct zb_audit *audit;

	for (; pb < end; pb++)
		for (audit = zone->audits; audit; audit = audit->next) {
			if (!already_counted(audit, zone, pb))
				continue;
			audit->nr_blocks[pb->migratetype]--;
			audit->nr_blocks[to]++;
			audit->nr_free[pb->migratetype] -= pb->nr_free;
			audit->nr_free[to] += pb->nr_free;
		}
}

/**
 * __zb_audit_blocks() - record a change of the number of free blocks
 * @zone: zone of the blocks
 * @pb: pageblock in which the blocks start
 * @order: order of the blocks
 * @mt: migrate type under which they are counted
 * @nr: number of blocks added; negative if they were removed
 *
 * Context: zone lock held.
 */
void __zb_audit_blocks(struct zb_zone *zone, const struct zb_pageblock *pb,
		       unsigned int order, unsigned int mt, long nr)
{
	struct zb_audit *audit;

	for (audit = zone->audits; audit; audit = audit->next)
		if (already_counted(audit, zone, pb))
			audit->nr[order][mt] += nr;
}

/**
 * __zb_audit_runs_retyped() - record a change of the migrate type of free runs
 * @zone: zone of the pageblock
 * @pb: the pageblock with the runs, which still has the old type
 * @to: the new type
 *
 * Context: zone lock held.
 */
void __zb_audit_runs_retyped(struct zb_zone *zone,
			     const struct zb_pageblock *pb, unsigned int to)
{
	unsigned int k;

	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
		__zb_audit_blocks(zone, pb, k, pb->migratetype,
				  -(long)pb->nr[k]);
		__zb_audit_blocks(zone, pb, k, to, pb->nr[k]);
	}
}

/**
 * __zb_audit_begin() - start an audit
 * @zone: the zone
 * @audit: the audit, which stays linked to the zone until __zb_audit_end()
 *
 * Context: zone lock held.
 */
void __zb_audit_begin(struct zb_zone *zone, struct zb_audit *audit)
{
	memset(audit, 0, sizeof(*audit));
	audit->next = zone->audits;
	zone->audits = audit;
}

/**
 * __zb_audit_next() - count the next pageblock
 * @zone: the zone
 * @audit: an audit whose @end is below the number of pageblocks
 *
 * Context: zone lock held.
 */
void __zb_audit_next(struct zb_zone *zone, struct zb_audit *audit)
{
	const struct zb_pageblock *pb = &zone->pageblocks[audit->end++];
	unsigned int k, mt = pb->migratetype;

	audit->nr_free[mt] += pb->nr_free;
	audit->nr_blocks[mt]++;
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		audit->nr[k][mt] += pb->nr[k];
	if (zb_free_area_listed(pb) && pb->largest_free >= ZB_PAGEBLOCK_ORDER)
		audit->nr[pb->largest_free][mt]++;
}

/**
 * __zb_audit_end() - end an audit
 * @zone: the zone
 * @audit: an audit started with __zb_audit_begin()
 *
 * Context: zone lock held.
 */
void __zb_audit_end(struct zb_zone *zone, struct zb_audit *audit)
{
	struct zb_audit **at = &zone->audits;

	while (*at != audit)
		at = &(*at)->next;
	*at = audit->next;
}

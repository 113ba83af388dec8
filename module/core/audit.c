// SPDX-License-Identifier: GPL-2.0-only
/*
 * Audits: the sums of a zone are checked while it is at work.
 *
 *	pageblocks  | counted | counted | counted |   not yet   |   not yet   |
 *	                                          ^ end
 *
 * A check counts a few pageblocks under one hold of the zone lock and then lets
 * others have it. Whatever changes meanwhile in the pageblocks that have been
 * counted is added to the audit; changes in the others will be counted later.
 * In the end the audit must have the numbers that the zone has.
 */
#include "zone.h"

static bool audited(const struct zb_audit *audit, const struct zb_zone *zone,
		    const struct zb_pageblock *pb)
{
	return (unsigned long)(pb - zone->pageblocks) < audit->end;
}

/**
 * __zb_audit_free() - frames of a pageblock become free, or are taken
 * @zone: its zone
 * @pb: the pageblock; its type is the one that they are counted under
 * @nr: how many more are free
 *
 * Context: zone lock held.
 */
void __zb_audit_free(struct zb_zone *zone, const struct zb_pageblock *pb,
		     long nr)
{
	struct zb_audit *audit;

	for (audit = zone->audits; audit; audit = audit->next)
		if (audited(audit, zone, pb))
			audit->nr_free[pb->migratetype] += nr;
}

/**
 * __zb_audit_retyped() - pageblocks are about to change their type
 * @zone: their zone
 * @pb: the first
 * @nr_blocks: how many
 * @to: their type from now on
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
			if (!audited(audit, zone, pb))
				continue;
			audit->nr_blocks[pb->migratetype]--;
			audit->nr_blocks[to]++;
			audit->nr_free[pb->migratetype] -= pb->nr_free;
			audit->nr_free[to] += pb->nr_free;
		}
}

/**
 * __zb_audit_blocks() - there are more or fewer free blocks
 * @zone: their zone
 * @pb: the pageblock in which they start
 * @order: their order
 * @mt: the type that they are counted under
 * @nr: how many more
 *
 * Context: zone lock held.
 */
void __zb_audit_blocks(struct zb_zone *zone, const struct zb_pageblock *pb,
		       unsigned int order, unsigned int mt, long nr)
{
	struct zb_audit *audit;

	for (audit = zone->audits; audit; audit = audit->next)
		if (audited(audit, zone, pb))
			audit->nr[order][mt] += nr;
}

/**
 * __zb_audit_runs_retyped() - the free runs of a pageblock change their type
 * @zone: its zone
 * @pb: the pageblock
 * @to: their type from now on
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
 * __zb_audit_begin() - start to count a zone
 * @zone: which
 * @audit: nothing is counted so far; linked to the zone until __zb_audit_end()
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
 * @zone: its zone
 * @audit: from __zb_audit_begin(), with @end below the number of pageblocks
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
 * __zb_audit_end() - what changes now is not counted any more
 * @zone: which
 * @audit: from __zb_audit_begin()
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

// SPDX-License-Identifier: GPL-2.0-only
#include "stale.h"

/**
 * __zb_recount() - count the free runs of a pageblock and list it accordingly
 * @zone: its zone
 * @pb: a pageblock that is not wholly free; it may be stale, and is not afterwards
 *
 * Context: zone lock held.
 */
void __zb_recount(struct zb_zone *zone, struct zb_pageblock *pb)
{
	u16 counted[ZB_PAGEBLOCK_ORDER], *new = counted, *nr = pb->nr;
	struct zb_free_area *area = zone->free_area;
	unsigned int k, orders = 0;

	zb_assert_held(&zone->lock);
	zb_pageblock_count_runs(pb, counted);
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++, nr++, new++, area++) {
		orders |= (unsigned int)!!*new << k;
		if (*new == *nr)
			continue;
		if (unlikely(zone->audits))
			__zb_audit_blocks(zone, pb, k, pb->migratetype, (long)*new - *nr);
		zb_free_area_count(area, 0, pb->migratetype, (long)*new - *nr);
		*nr = *new;
	}
	pb->orders = orders;
	zb_free_area_rekey(zone->free_area, pb);
	__zb_clear_stale(zone, pb);
}

/* The order of the longest free run that includes frames of @w, a word of @pb. */
static unsigned int longest_run(const struct zb_pageblock *pb, u64 w)
{
	unsigned int base = 0, order = 0;

	if (!~w) {
		w = zb_full_words(pb);
		base = ZB_WORD_ORDER;
	} else if (pb->largest_free < ZB_WORD_ORDER) {
		order = pb->largest_free;
	}
	while (zb_aligned_runs(w, order + 1))
		order++;
	return base + order;
}

/**
 * __zb_raise() - move a pageblock to the list of a longer run
 * @zone: its zone
 * @pb: a pageblock that is not wholly free
 * @w: the word in which frames were freed, after that
 *
 * Nothing is done if no run in the word is longer than that of the list of the pageblock.
 *
 * Context: zone lock held.
 */
void __zb_raise(struct zb_zone *zone, struct zb_pageblock *pb, u64 w)
{
	unsigned int order = longest_run(pb, w);

	if (zb_free_area_listed(pb)) {
		if (order <= pb->largest_free)
			return;
		zb_free_area_del(pb, ZB_LIST_NONE);
	}
	zb_free_area_add(zone->free_area, pb, order);
}

/* Refresh the stale pageblocks of a zone; drop the lock after every few of them if @relax. */
static void refresh_each(struct zb_zone *zone, unsigned long *flags, bool relax)
{
	unsigned long i = 0, nr = zb_zone_nr_pageblocks(zone);
	unsigned int done = 0;
	u64 later;

	while (i < nr && zone->nr_stale) {
		later = zone->stale[i / 64] >> i % 64;
		if (!later) {
			i = (i | 63) + 1;
			continue;
		}
		if (relax && done++ == ZB_REFRESH_FEW) {
			__zb_relax(zone, flags);
			done = 0;
			continue;
		}
		i += __ffs64(later);
		__zb_recount(zone, zone->pageblocks + i);
	}
}

/**
 * __zb_refresh_all() - refresh all stale pageblocks of a zone
 * @zone: the zone
 * @flags: for zb_unlock_irqrestore(), because the lock is dropped from time to time
 *
 * Other CPUs may free frames while the lock is dropped. Once only a few pageblocks are
 * stale, or after ZB_REFRESH_PASSES passes over the zone, the rest is refreshed under one hold
 * of the lock.
 *
 * Context: zone lock held, also on return; no pageblock is stale then.
 */
void __zb_refresh_all(struct zb_zone *zone, unsigned long *flags)
{
	unsigned int i;

	for (i = 0; i < ZB_REFRESH_PASSES && zone->nr_stale > ZB_REFRESH_FEW; i++)
		refresh_each(zone, flags, true);
	refresh_each(zone, flags, false);
}

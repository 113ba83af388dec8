// SPDX-License-Identifier: GPL-2.0-only
#include "reclaim.h"

/**
 * zb_reclaim_begin() - begin a search for allocations to take
 * @scan: filled in
 * @missing: number of frames that are missing
 */
void zb_reclaim_begin(struct zb_reclaim_scan *scan, unsigned long missing)
{
	*scan = (struct zb_reclaim_scan){
		.missing = missing,
		.allowed = missing + missing / 4,
	};
}

/**
 * zb_reclaim_judge() - decide about the next allocation of a pass
 * @scan: the search; the allocations are passed to it from the oldest on
 * @nr_pages: size of the allocation in frames
 * @used: it has been used since it was marked last
 *
 * Return: what to do with it.
 */
enum zb_reclaim_verdict zb_reclaim_judge(struct zb_reclaim_scan *scan,
					 unsigned long nr_pages, bool used)
{
	if (used && !scan->pass)
		return ZB_RECLAIM_SPARE;
	if (nr_pages <= scan->allowed || nr_pages == scan->limit)
		return ZB_RECLAIM_TAKE;
	/* Allocations of at most @limit frames have been tried already. */
	if (nr_pages > scan->limit && (!scan->larger || nr_pages < scan->larger))
		scan->larger = nr_pages;
	return ZB_RECLAIM_LEAVE;
}

/**
 * zb_reclaim_took() - count an allocation whose memory has been taken
 * @scan: the search
 * @nr_pages: size of the allocation in frames
 */
void zb_reclaim_took(struct zb_reclaim_scan *scan, unsigned long nr_pages)
{
	scan->missing -= nr_pages < scan->missing ? nr_pages : scan->missing;
	scan->allowed -= nr_pages < scan->allowed ? nr_pages : scan->allowed;
}

/**
 * zb_reclaim_next_pass() - begin another pass over all allocations
 * @scan: the search
 *
 * Return: false if another pass is pointless.
 */
bool zb_reclaim_next_pass(struct zb_reclaim_scan *scan)
{
	if (!scan->missing || ++scan->pass == ZB_RECLAIM_PASSES)
		return false;
	if (scan->pass == 1)
		return true;
	scan->limit = scan->larger;
	scan->larger = 0;
	return scan->limit;
}

/*
 * Returns the size of the block that starts at @pfn, or 1 if no block starts there. Sets
 * *@nr_used to the number of its frames that are allocated. Returns 0 if the block can't
 * become free.
 */
static unsigned long block_at(const struct zb_zone *zone, unsigned long pfn,
			      unsigned long *nr_used)
{
	u8 state = zb_zone_state(zone, pfn);
	unsigned long nr;

	/* An allocated frame without a state is inside of a larger block. */
	if (!state) {
		*nr_used = !zb_frame_is_free(zone, pfn);
		return 1;
	}
	nr = BIT(ZB_STATE_ORDER(state));
	*nr_used = zb_state_allocated(state) ? nr : 0;
	return *nr_used || ZB_STATE_BLOCK(state) == ZB_BLOCK_PCP ? nr : 0;
}

/**
 * zb_reclaim_used() - count the allocated frames of a window
 * @zone: zone of the window
 * @pfn: first frame of the window, aligned to @order
 * @order: order of the window
 *
 * The state bytes are read without the zone lock, so the result is only an estimate.
 *
 * Context: any.
 * Return: number of allocated frames, or -1 if the window is not aligned, is not inside the
 * zone, has a frame that is out of use, or is in a pageblock that ordinary requests do not use.
 */
long zb_reclaim_used(const struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unsigned long nr, nr_used, end = pfn + BIT(order);
	long used = 0;

	if (pfn & (BIT(order) - 1) || !zb_zone_has(zone, pfn) || !zb_zone_has(zone, end - 1))
		return -1;
	for (; pfn < end; pfn += nr) {
		if (READ_ONCE(zb_pfn_pageblock(zone, pfn)->migratetype) >=
		    ZB_MIGRATE_PCPTYPES)
			return -1;
		nr = block_at(zone, pfn, &nr_used);
		if (!nr)
			return -1;
		used += nr_used < end - pfn ? nr_used : end - pfn;
	}
	return used;
}

/**
 * zb_reclaim_choose() - keep the better one of two windows
 * @best: the better one
 * @w: another one
 *
 * A window without allocations that have been used is better than any other one; then
 * the costs decide.
 */
void zb_reclaim_choose(struct zb_reclaim_window *best, const struct zb_reclaim_window *w)
{
	if (best->pfn == ZB_NO_PFN || w->used < best->used ||
	    (w->used == best->used && w->cost < best->cost))
		*best = *w;
}

/**
 * zb_reclaim_share() - determine for how many frames an owner is asked
 * @missing: number of frames that are missing
 * @has: number of frames that the owner says it could free, at most those of a zone
 * @all: sum of @has of all owners when reclaim began; it may be outdated
 *
 * The shares of all owners together are at least @missing, if they have as much.
 *
 * Return: number of frames, at most @has and @missing.
 */
unsigned long zb_reclaim_share(unsigned long missing, unsigned long has, unsigned long all)
{
	if (has >= all || missing >= all)
		return has < missing ? has : missing;
	return zb_div64((u64)missing * has + all - 1, all);
}

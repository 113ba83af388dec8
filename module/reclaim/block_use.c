// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts, by pageblock, the frames that compaction and reclaim can do something about, and those
 * that are in their way.
 *
 * Nothing is counted while memory is allocated and freed, so this costs those who don't want to
 * know it nothing. The list of all buffers is read one buffer at a time, and no zone lock is
 * taken.
 */
#include <linux/minmax.h>
#include <linux/sched.h>

#include "../buffer/discard.h"
#include "../core/pool.h"
#include "../instance/callback.h"
#include "reclaim.h"

/**
 * zb_pool_nr_pageblocks() - count the pageblocks of all zones
 * @pool: the allocator
 *
 * Context: any.
 * Return: number of pageblocks.
 */
unsigned long zb_pool_nr_pageblocks(const struct zb_pool *pool)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, pool)
		nr += zb_zone_nr_pageblocks(zone);
	return nr;
}

/* The elements of the pageblocks of a zone. */
static struct zb_block_use *zone_use(const struct zb_pool *pool, const struct zb_zone *zone,
				     struct zb_block_use *use)
{
	const struct zb_zone *before;

	for (before = pool->zones; before < zone; before++)
		use += zb_zone_nr_pageblocks(before);
	return use;
}

static enum zb_use use_of(const struct zb_buffer_info *info)
{
	if (info->discard == ZB_DISCARD_MARKED)
		return zb_buffer_seems_purgeable(info) ? ZB_USE_DISCARDABLE : ZB_USE_PINNED;
	if (zb_gfp_migratetype(info->gfp) == ZB_MIGRATE_MOVABLE)
		return zb_buffer_seems_movable(info) ? ZB_USE_MOVABLE : ZB_USE_PINNED;
	return ZB_NR_USES;
}

/* Add the frames from @pfn to @end, which are in one zone. */
static void add(const struct zb_pool *pool, struct zb_block_use *use, enum zb_use kind,
		unsigned long pfn, unsigned long end)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long next;
	u16 *nr;

	if (!zone || end > zb_zone_end(zone))
		return;
	use = zone_use(pool, zone, use);
	for (; pfn < end; pfn = next) {
		next = min(end, ALIGN_DOWN(pfn, ZB_PAGEBLOCK_NR) + ZB_PAGEBLOCK_NR);
		nr = &use[(pfn - zone->start_pfn) >> ZB_PAGEBLOCK_ORDER].nr[kind];
		/* A buffer may have moved here from frames that were counted before. */
		*nr = min(*nr + next - pfn, ZB_PAGEBLOCK_NR);
	}
}

static void add_buffers(struct zb_buffer_pool *bpool, struct zb_block_use *use)
{
	struct zb_buffer_iter iter;
	enum zb_use kind;

	zb_buffer_iter_begin(&iter, bpool);
	while (!fatal_signal_pending(current) && zb_buffer_iter_next(&iter)) {
		if (iter.info.pfn == ZB_NO_PFN)
			continue;
		kind = use_of(&iter.info);
		if (kind != ZB_NR_USES)
			add(&bpool->inst->pool, use, kind, iter.info.pfn,
			    iter.info.pfn + iter.info.nr_pages);
	}
	zb_buffer_iter_end(&iter);
}

/**
 * zb_count_block_use() - count what the frames of each pageblock are used for
 * @reclaim: reclaim and compaction of the instance
 * @use: an element for each pageblock of all zones, in the order of the zones, all zero
 *
 * The buffers may change meanwhile, so the result is only an estimate.
 *
 * Context: may sleep; ends early if the task is being killed.
 */
void zb_count_block_use(struct zb_reclaim *reclaim, struct zb_block_use *use)
{
	const struct zb_pool *pool = &reclaim->inst->pool;
	const zb_gfp_t gfp = zb_io_context(ZB_GFP_KERNEL);
	const struct zb_zone *zone;
	unsigned long pfn, nr;

	add_buffers(reclaim->bpool, use);
	zb_for_each_zone(zone, pool) {
		pfn = zone->start_pfn;
		while ((nr = zb_movable_next(&reclaim->owners, gfp, false, &pfn,
					     zb_zone_end(zone)))) {
			add(pool, use, ZB_USE_MOVABLE, pfn, pfn + nr);
			pfn += nr;
			cond_resched();
		}
	}
}

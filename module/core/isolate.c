// SPDX-License-Identifier: GPL-2.0-only
#include "isolate.h"

/* The pageblock at @pfn and its zone, or false if the frame is not ours. */
static bool locate(struct zb_pool *pool, unsigned long pfn,
		   struct zb_zone **zone, struct zb_pageblock **pb)
{
	*zone = zb_pfn_zone(pool, pfn);
	if (!*zone)
		return false;
	*pb = zb_pfn_pageblock(*zone, pfn);
	return true;
}

static bool isolate(struct zb_zone *zone, struct zb_pageblock *pb)
{
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = pb->migratetype != ZB_MIGRATE_ISOLATE;
	if (ok) {
		pb->saved_type = pb->migratetype;
		__zb_set_pageblock_migratetype(zone, pb, ZB_MIGRATE_ISOLATE);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/* What has been emptied meanwhile is not tied to its type any more. */
static void unisolate(struct zb_zone *zone, struct zb_pageblock *pb,
		      bool undo)
{
	unsigned long flags;
	unsigned int mt;

	zb_lock_irqsave(&zone->lock, flags);
	if (pb->migratetype == ZB_MIGRATE_ISOLATE) {
		mt = pb->saved_type;
		if (!undo && zb_pageblock_all_free(pb) && mt < ZB_MIGRATE_PCPTYPES)
			mt = zone->default_migratetype;
		__zb_set_pageblock_migratetype(zone, pb, mt);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void unisolate_until(struct zb_pool *pool, unsigned long pfn,
			    unsigned long end, bool undo)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR)
		if (locate(pool, pfn, &zone, &pb))
			unisolate(zone, pb, undo);
}

/**
 * zb_pool_isolate_range() - take pageblocks out of circulation
 * @pool: the allocator
 * @pfn: first frame, on a pageblock border
 * @nr_pages: whole pageblocks
 *
 * Frames on per-CPU lists stay there until they are drained, which the caller
 * should do next.
 *
 * Context: any but NMI; takes zone locks.
 * Return: true, or false with nothing changed: a frame is not ours, or a
 * pageblock is isolated already.
 */
bool zb_pool_isolate_range(struct zb_pool *pool, unsigned long pfn,
			   unsigned long nr_pages)
{
	unsigned long at, end = pfn + nr_pages;
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	if (pfn % ZB_PAGEBLOCK_NR || nr_pages % ZB_PAGEBLOCK_NR || end < pfn)
		return false;
	for (at = pfn; at < end; at += ZB_PAGEBLOCK_NR)
		if (!locate(pool, at, &zone, &pb) || !isolate(zone, pb)) {
			unisolate_until(pool, pfn, at, true);
			return false;
		}
	return true;
}

/**
 * zb_pool_unisolate_range() - put pageblocks back into circulation
 * @pool: the allocator
 * @pfn: first frame, on a pageblock border
 * @nr_pages: whole pageblocks
 *
 * Pageblocks that are not isolated stay as they are.
 *
 * Context: any but NMI; takes zone locks.
 */
void zb_pool_unisolate_range(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages)
{
	unisolate_until(pool, pfn, pfn + nr_pages, false);
}

/**
 * zb_pool_range_free() - how far has a range been emptied?
 * @pool: the allocator
 * @pfn: first frame, on a pageblock border
 * @nr_pages: whole pageblocks, all ours
 *
 * Context: any but NMI; takes zone locks.
 * Return: frames in buddy lists.
 */
unsigned long zb_pool_range_free(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages)
{
	unsigned long flags, nr = 0, end = pfn + nr_pages;
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR) {
		if (!locate(pool, pfn, &zone, &pb))
			continue;
		zb_lock_irqsave(&zone->lock, flags);
		nr += pb->nr_free;
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	return nr;
}

/**
 * zb_pool_get_migratetype() - the migrate type of a frame's pageblock
 * @pool: the allocator
 * @pfn: any number
 *
 * Context: any.
 * Return: ZB_MIGRATE_*, or -1 when the frame is not ours.
 */
int zb_pool_get_migratetype(struct zb_pool *pool, unsigned long pfn)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	return locate(pool, pfn, &zone, &pb) ? READ_ONCE(pb->migratetype) : -1;
}

/**
 * zb_pool_set_migratetype() - change it
 * @pool: the allocator
 * @pfn: any frame of the pageblock
 * @mt: ZB_MIGRATE_* from now on, but not _ISOLATE
 *
 * A wholly free pageblock keeps the type until it has been used and is wholly
 * free again. Where grouping by mobility is off, mobilities become Unmovable.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true, or false when the frame is not ours or the pageblock is
 * isolated.
 */
bool zb_pool_set_migratetype(struct zb_pool *pool, unsigned long pfn,
			     unsigned int mt)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;
	unsigned long flags;
	bool ok;

	if (mt >= ZB_MIGRATE_ISOLATE || !locate(pool, pfn, &zone, &pb))
		return false;
	if (pool->mobility_disabled && mt < ZB_MIGRATE_PCPTYPES)
		mt = ZB_MIGRATE_UNMOVABLE;
	zb_lock_irqsave(&zone->lock, flags);
	ok = pb->migratetype != ZB_MIGRATE_ISOLATE;
	if (ok && pb->migratetype != mt)
		__zb_set_pageblock_migratetype(zone, pb, mt);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

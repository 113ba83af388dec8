// SPDX-License-Identifier: GPL-2.0-only
#include "isolate.h"

#define MAX_WAITS	50u	/* of zb_ops.wait, which sleeps for 20 ms in the module */

/* Returns false if the frame is not in the pool. */
static bool find_pageblock(struct zb_pool *pool, unsigned long pfn,
			   struct zb_zone **zone, struct zb_pageblock **pb)
{
	*zone = zb_pfn_zone(pool, pfn);
	if (!*zone)
		return false;
	*pb = zb_pfn_pageblock(*zone, pfn);
	return true;
}

/**
 * zb_zone_begin_isolation() - announce that pageblocks are isolated only for a moment
 * @zone: the zone
 *
 * Until zb_zone_end_isolation(), zb_zone_verdict() disregards isolation, and
 * zb_pool_isolate_range_wait() waits.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_begin_isolation(struct zb_zone *zone)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(zone->compactions, zone->compactions + 1);
	WRITE_ONCE(zone->nr_compacting, zone->nr_compacting + 1);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_zone_end_isolation() - undo zb_zone_begin_isolation()
 * @zone: the zone
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_end_isolation(struct zb_zone *zone)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(zone->nr_compacting, zone->nr_compacting - 1);
	zb_unlock_irqrestore(&zone->lock, flags);
}

static bool __isolate_pageblock(struct zb_zone *zone, struct zb_pageblock *pb)
{
	if (pb->migratetype == ZB_MIGRATE_ISOLATE)
		return false;
	pb->saved_type = pb->migratetype;
	__zb_set_pageblock_migratetype(zone, pb, ZB_MIGRATE_ISOLATE);
	return true;
}

static bool isolate_pageblock(struct zb_zone *zone, struct zb_pageblock *pb)
{
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = __isolate_pageblock(zone, pb);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/*
 * Restores the type of a pageblock. A pageblock that is free now gets the default type,
 * as if it had not been isolated when its last frame was freed; with @undo, which is
 * for a failed isolation, it gets its old type in any case.
 */
static void __unisolate_pageblock(struct zb_zone *zone, struct zb_pageblock *pb, bool undo)
{
	unsigned int mt;

	/* An offline pageblock stays isolated, whoever isolated it before. */
	if (pb->migratetype != ZB_MIGRATE_ISOLATE ||
	    zb_zone_state(zone, zb_pageblock_pfn(zone, pb)) == ZB_STATE_OFFLINE)
		return;
	/* The task that has isolated it may have used the free frames. */
	__zb_zero_forget(zone, pb);
	mt = pb->saved_type;
	if (!undo && zb_pageblock_all_free(pb) && mt < ZB_MIGRATE_PCPTYPES)
		mt = zone->default_migratetype;
	__zb_set_pageblock_migratetype(zone, pb, mt);
}

static void unisolate_pageblock(struct zb_zone *zone, struct zb_pageblock *pb,
				bool undo)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__unisolate_pageblock(zone, pb, undo);
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void unisolate_until(struct zb_pool *pool, unsigned long pfn,
			    unsigned long end, bool undo)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR)
		if (find_pageblock(pool, pfn, &zone, &pb))
			unisolate_pageblock(zone, pb, undo);
}

/**
 * zb_pool_isolate_range() - isolate pageblocks
 * @pool: the allocator
 * @pfn: first frame, aligned to the pageblock size
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Frames on per-CPU lists can still be allocated, so the caller should drain these
 * lists next.
 *
 * Context: any but NMI; takes zone locks.
 * Return: true on success. False, with nothing changed, if the range is misaligned,
 * a frame is not in the pool, or a pageblock is isolated already.
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
		if (!find_pageblock(pool, at, &zone, &pb) ||
		    !isolate_pageblock(zone, pb)) {
			unisolate_until(pool, pfn, at, true);
			return false;
		}
	return true;
}

/* Add a pageblock to a capture, unless others have broken it, or have isolated the pageblock. */
static bool capture_pageblock(struct zb_zone *zone, unsigned long pfn)
{
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = zone->capture_pfn != ZB_NO_PFN &&
	     __isolate_pageblock(zone, zb_pfn_pageblock(zone, pfn));
	if (ok)
		zone->capture_nr += ZB_PAGEBLOCK_NR;
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/*
 * End a capture. Its first pageblock is usable as soon as the capture is not visible any more,
 * because requests that do not see it try once more to allocate.
 */
static bool end_capture(struct zb_zone *zone, unsigned long nr_broken, bool undo)
{
	unsigned long flags, pfn, nr_pages;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = zone->capture_pfn;
	nr_pages = zone->capture_nr;
	WRITE_ONCE(zone->capture_pfn, ZB_NO_PFN);
	if (pfn != ZB_NO_PFN) {
		__zb_count_event(zone, ZB_CAPTURE_BROKEN, nr_broken);
		if (nr_pages)
			__unisolate_pageblock(zone, zb_pfn_pageblock(zone, pfn), undo);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	if (pfn == ZB_NO_PFN)
		return false;
	if (nr_pages)
		unisolate_until(zone->pool, pfn + ZB_PAGEBLOCK_NR, pfn + nr_pages, undo);
	return true;
}

/**
 * zb_zone_begin_capture() - isolate pageblocks until others need them
 * @zone: the zone, of which nothing is captured
 * @pfn: first frame, aligned to the pageblock size
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * The caller ends the capture by zb_zone_claim_capture() or zb_zone_drop_capture().
 *
 * Context: any but NMI; takes the zone lock.
 * Return: false, with nothing isolated, if a pageblock is isolated already, or if others have
 * broken the capture.
 */
bool zb_zone_begin_capture(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long flags, end = pfn + nr_pages;

	zb_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(zone->capture_pfn, pfn);
	zone->capture_nr = 0;
	zb_unlock_irqrestore(&zone->lock, flags);
	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR)
		if (!capture_pageblock(zone, pfn)) {
			end_capture(zone, 0, true);
			return false;
		}
	return true;
}

/**
 * zb_zone_claim_capture() - end a capture, but not the isolation of its pageblocks
 * @zone: the zone
 *
 * The caller ends the isolation, if this returns true.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: false if nothing is captured, or not any more.
 */
bool zb_zone_claim_capture(struct zb_zone *zone)
{
	unsigned long flags;
	bool claimed;

	zb_lock_irqsave(&zone->lock, flags);
	claimed = zone->capture_pfn != ZB_NO_PFN;
	WRITE_ONCE(zone->capture_pfn, ZB_NO_PFN);
	zb_unlock_irqrestore(&zone->lock, flags);
	return claimed;
}

/**
 * zb_zone_drop_capture() - end a capture, for the task that has begun it
 * @zone: the zone
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_drop_capture(struct zb_zone *zone)
{
	end_capture(zone, 0, false);
}

/**
 * zb_zone_break_capture() - let others allocate from the captured pageblocks of a zone
 * @zone: the zone
 *
 * Context: any but NMI; takes the zone lock.
 * Return: false if nothing is captured.
 */
bool zb_zone_break_capture(struct zb_zone *zone)
{
	return READ_ONCE(zone->capture_pfn) != ZB_NO_PFN && end_capture(zone, 1, false);
}

static bool break_captures(struct zb_pool *pool)
{
	struct zb_zone *zone;
	bool broken = false;

	zb_for_each_zone(zone, pool)
		broken |= zb_zone_break_capture(zone);
	return broken;
}

/* Returns the number of compactions so far; *@running tells whether one is in progress. */
static unsigned int nr_compactions(struct zb_pool *pool, bool *running)
{
	unsigned int nr = 0, now = 0;
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool) {
		nr += READ_ONCE(zone->compactions);
		now += READ_ONCE(zone->nr_compacting);
	}
	*running = now;
	return nr;
}

/**
 * zb_pool_isolate_range_wait() - isolate pageblocks, and wait for compaction if necessary
 * @pool: the allocator
 * @pfn: first frame, aligned to the pageblock size
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Compaction isolates pageblocks for a short time. This waits for the end of that, but not
 * for other pageblocks that are isolated, and at most MAX_WAITS times. Captures are broken.
 *
 * Context: may sleep; takes zone locks.
 * Return: as zb_pool_isolate_range().
 */
bool zb_pool_isolate_range_wait(struct zb_pool *pool, unsigned long pfn,
				unsigned long nr_pages)
{
	unsigned int begun, waits;
	bool running, unused;

	for (waits = 0;; waits++) {
		begun = nr_compactions(pool, &running);
		if (zb_pool_isolate_range(pool, pfn, nr_pages))
			return true;
		if (break_captures(pool))
			continue;
		if (!running && nr_compactions(pool, &unused) == begun)
			return false;
		if (waits == MAX_WAITS || !pool->ops->wait)
			return false;
		pool->ops->wait(pool, false);
	}
}

/**
 * zb_pool_unisolate_range() - end the isolation of pageblocks
 * @pool: the allocator
 * @pfn: first frame, aligned to the pageblock size
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Pageblocks that are not isolated are left unchanged.
 *
 * Context: any but NMI; takes zone locks.
 */
void zb_pool_unisolate_range(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages)
{
	unisolate_until(pool, pfn, pfn + nr_pages, false);
}

/**
 * zb_pool_range_free() - count the free frames of a range
 * @pool: the allocator
 * @pfn: first frame, aligned to the pageblock size
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * Context: any but NMI; takes zone locks.
 * Return: number of frames in the buddy lists; those on per-CPU lists do not count.
 */
unsigned long zb_pool_range_free(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages)
{
	unsigned long flags, nr = 0, end = pfn + nr_pages;
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR) {
		if (!find_pageblock(pool, pfn, &zone, &pb))
			continue;
		zb_lock_irqsave(&zone->lock, flags);
		nr += pb->nr_free;
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	return nr;
}

/**
 * zb_pool_get_migratetype() - look up the migrate type of a pageblock
 * @pool: the allocator
 * @pfn: any frame of the pageblock, unchecked
 *
 * Context: any.
 * Return: ZB_MIGRATE_*, or -1 if the frame is not in the pool.
 */
int zb_pool_get_migratetype(struct zb_pool *pool, unsigned long pfn)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;

	return find_pageblock(pool, pfn, &zone, &pb) ? READ_ONCE(pb->migratetype) : -1;
}

/**
 * zb_pool_set_migratetype() - change the migrate type of a pageblock
 * @pool: the allocator
 * @pfn: any frame of the pageblock, unchecked
 * @mt: the new type, ZB_MIGRATE_* but not ZB_MIGRATE_ISOLATE
 *
 * A CMA pageblock keeps its type. A pageblock of another type gets the default type
 * when all of its frames have been freed the next time. Before that, a request of
 * another mobility may claim it, and a HighAtomic pageblock may be converted when memory
 * is short or its zone is unused. If the pool does not group by mobility, the Movable
 * and Reclaimable types are replaced with Unmovable.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true on success, false if @mt is invalid, the frame is not in the pool, or
 * the pageblock is isolated.
 */
bool zb_pool_set_migratetype(struct zb_pool *pool, unsigned long pfn,
			     unsigned int mt)
{
	struct zb_pageblock *pb;
	struct zb_zone *zone;
	unsigned long flags;
	bool ok;

	if (mt >= ZB_MIGRATE_ISOLATE || !find_pageblock(pool, pfn, &zone, &pb))
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

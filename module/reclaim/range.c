// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empties ranges of frames for requests (core/range_alloc.h): movable buffers are moved out of
 * them, and then discardable buffers lose their memory.
 *
 * Only one request at a time does so, because requests that isolate pageblocks are in the way
 * of each other. Memory of the kernel is needed only to find out what can be moved; it is
 * allocated before the mutex is locked, in the context that the flags of the request permit.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "../buffer/discard.h"
#include "../core/range_alloc.h"
#include "reclaim.h"

static gfp_t kernel_flags(zb_gfp_t gfp)
{
	gfp_t flags = GFP_KERNEL_ACCOUNT;

	if (!(gfp & __ZB_GFP_FS))
		flags &= ~__GFP_FS;
	if (!(gfp & __ZB_GFP_IO))
		flags &= ~(__GFP_IO | __GFP_FS);
	return flags;
}

static bool seems_purgeable(const struct zb_buffer_info *info)
{
	return info->mappings <= ZB_MAX_UNMAPPED && !info->is_deferred &&
	       !(info->was_mapped && zb_nr_pins(info->pfn, info->nr_pages));
}

/* With @in_use, it does not matter whether the buffer is in use at the moment. */
static bool is_evictable(const struct zb_buffer_info *info, bool in_use)
{
	if (zb_gfp_migratetype(info->gfp) == ZB_MIGRATE_MOVABLE)
		return in_use || zb_buffer_seems_movable(info);
	return info->discard == ZB_DISCARD_MARKED && (in_use || seems_purgeable(info));
}

static void mark_buffers(struct zb_buffer_pool *bpool, struct zb_zone *zone,
			 const struct zb_alloc_context *ac, bool in_use,
			 struct zb_range_survey *survey)
{
	struct zb_buffer_iter iter;

	zb_buffer_iter_begin(&iter, bpool);
	while (!fatal_signal_pending(current) && zb_buffer_iter_next(&iter)) {
		cond_resched();
		if (!zb_zone_has(zone, iter.info.pfn) || !is_evictable(&iter.info, in_use))
			continue;
		zb_range_mark(survey, zone, iter.info.pfn, iter.info.nr_pages,
			      ac->migratetype == ZB_MIGRATE_MOVABLE);
		if (iter.info.discard == ZB_DISCARD_MARKED && !in_use)
			survey->nr_discardable += iter.info.nr_pages;
	}
	zb_buffer_iter_end(&iter);
}

/**
 * zb_survey() - find out which buffers of a zone can be moved or purged, as zb_ops.survey
 * @pool: the allocator
 * @zone: the zone
 * @gfp: flags of the request
 * @ac: the request
 * @survey: set to the result; if it is set already, buffers that are in use are added
 *
 * Context: may sleep.
 * Return: ZB_RANGE_OK, ZB_RANGE_NO_MEMORY, or ZB_RANGE_STOPPED if the task is being killed.
 */
enum zb_range_result zb_survey(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			       const struct zb_alloc_context *ac,
			       struct zb_range_survey **survey)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_reclaim *reclaim = inst->reclaim;
	struct zb_range_survey *s = *survey;
	bool in_use = s;

	if (!s) {
		/* Fault injection does not report failures of kvmalloc() for more than a page. */
		s = __vmalloc(sizeof(*s) + zb_range_survey_size(zone),
			      kernel_flags(gfp) | __GFP_ZERO);
		if (!s)
			return ZB_RANGE_NO_MEMORY;
		zb_range_survey_init(s, zone, (u64 *)(s + 1));
		if (mutex_lock_killable(&reclaim->range_lock)) {
			vfree(s);
			return ZB_RANGE_STOPPED;
		}
		*survey = s;
	}
	mark_buffers(reclaim->bpool, zone, ac, in_use, s);
	return ZB_RANGE_OK;
}

/**
 * zb_end_survey() - undo zb_survey(), as zb_ops.end_survey
 * @pool: the allocator
 * @survey: the result
 *
 * Context: may sleep.
 */
void zb_end_survey(struct zb_pool *pool, struct zb_range_survey *survey)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);

	/* sparse does not know that zb_survey() has locked it. */
	__acquire(&inst->reclaim->range_lock);
	mutex_unlock(&inst->reclaim->range_lock);
	vfree(survey);
	zb_instance_wake_waiters(inst);
}

/**
 * struct eviction - buffers are being removed from a range
 * @reclaim: reclaim and compaction of the instance
 * @zone: zone of the range
 * @survey: the evictable buffers
 * @cma: the request may use CMA pageblocks
 * @pfn: first frame
 * @end: the frame behind the last one
 */
struct eviction {
	struct zb_reclaim *reclaim;
	struct zb_zone *zone;
	struct zb_range_survey *survey;
	bool cma;
	unsigned long pfn;
	unsigned long end;
};

static void not_evictable(struct eviction *e, unsigned long pfn, unsigned long nr_pages)
{
	zb_range_unmark(e->survey, e->zone, pfn, nr_pages);
	e->survey->nr_failed++;
}

/* Returns false if the buffer has to stay. */
static bool move_buffer(struct eviction *e, struct zb_buffer *buf, unsigned long pfn)
{
	unsigned long nr = buf->nr_pages;
	int err = zb_buffer_move(buf, e->zone, ZB_NR_ORDERS);

	zb_zone_count_event(e->zone, err ? ZB_PGMIGRATE_FAIL : ZB_PGMIGRATE_SUCCESS, nr);
	if (err) {
		not_evictable(e, pfn, nr);
		e->survey->nr_no_room += err == -ENOMEM;
		return false;
	}
	zb_range_unmark(e->survey, e->zone, pfn, nr);
	zb_range_mark(e->survey, e->zone, READ_ONCE(buf->pfn), nr, e->cma);
	return true;
}

static bool overlaps(const struct eviction *e, unsigned long pfn, unsigned long nr_pages)
{
	return pfn != ZB_NO_PFN && pfn < e->end && pfn + nr_pages > e->pfn;
}

static bool is_movable_in(const struct eviction *e, const struct zb_buffer_info *info)
{
	return overlaps(e, info->pfn, info->nr_pages) &&
	       zb_gfp_migratetype(info->gfp) == ZB_MIGRATE_MOVABLE;
}

/* Returns false if a buffer has to stay. */
static bool move_buffers(struct eviction *e)
{
	struct zb_buffer_iter iter;
	struct zb_buffer *buf;
	bool ok = true;

	zb_buffer_iter_begin(&iter, e->reclaim->bpool);
	while (ok && !fatal_signal_pending(current) && zb_buffer_iter_next(&iter)) {
		if (!is_movable_in(e, &iter.info))
			continue;
		buf = zb_buffer_get_to_move(&iter);
		if (!buf)
			continue;
		ok = move_buffer(e, buf, iter.info.pfn);
		zb_buffer_put_moved(buf);
		cond_resched();
	}
	zb_buffer_iter_end(&iter);
	return ok;
}

static bool purge_buffer(struct eviction *e, struct zb_lru *lru, struct zb_buffer *buf,
			 unsigned long pfn)
{
	unsigned long nr = buf->nr_pages;

	zb_zone_count_event(e->zone, ZB_PGSCAN_DIRECT, nr);
	if (zb_buffer_purge(buf, lru)) {
		zb_zone_count_event(e->zone, ZB_PURGE_BUSY, nr);
		not_evictable(e, pfn, nr);
		return false;
	}
	zb_zone_count_event(e->zone, ZB_PGSTEAL_DIRECT, nr);
	zb_range_unmark(e->survey, e->zone, pfn, nr);
	return true;
}

/* Take the memory of all discardable buffers in the range back, until one has to stay. */
static void purge_buffers(struct eviction *e)
{
	struct zb_lru *lru = zb_zone_lru(e->reclaim->bpool, e->zone);
	struct zb_buffer *buf;
	unsigned long pfn;
	bool ok = true;

	while (ok && !fatal_signal_pending(current)) {
		buf = zb_lru_find(lru, e->pfn);
		if (!buf)
			break;
		pfn = READ_ONCE(buf->pfn);
		ok = overlaps(e, pfn, buf->nr_pages) && purge_buffer(e, lru, buf, pfn);
		zb_buffer_put(buf);
		cond_resched();
	}
}

/**
 * zb_evict() - remove all buffers from a range of isolated frames, as zb_ops.evict
 * @pool: the allocator
 * @zone: zone of the range
 * @survey: the evictable buffers, which is kept up to date
 * @ac: the request
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * All movable buffers are moved before the first discardable one is purged, which loses its
 * contents.
 *
 * Context: may sleep.
 * Return: false if the task is being killed.
 */
bool zb_evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
	      const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct eviction e = {
		.reclaim = inst->reclaim, .zone = zone, .survey = survey,
		.cma = ac->migratetype == ZB_MIGRATE_MOVABLE,
		.pfn = pfn, .end = pfn + nr_pages,
	};

	if (move_buffers(&e))
		purge_buffers(&e);
	return !fatal_signal_pending(current);
}

/**
 * zb_move_out_of() - move movable buffers out of isolated frames, as zb_ops.move_out
 * @pool: the allocator
 * @zone: zone of the frames
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 */
void zb_move_out_of(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
		    unsigned long nr_pages)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct eviction e = { .zone = zone, .pfn = pfn, .end = pfn + nr_pages };
	struct zb_buffer_iter iter;
	struct zb_buffer *buf;
	int err;

	zb_buffer_iter_begin(&iter, inst->reclaim->bpool);
	while (zb_buffer_iter_next(&iter)) {
		if (!is_movable_in(&e, &iter.info))
			continue;
		buf = zb_buffer_get_to_move(&iter);
		if (!buf)
			continue;
		err = zb_buffer_move(buf, zone, ZB_NR_ORDERS);
		zb_zone_count_event(zone, err ? ZB_PGMIGRATE_FAIL : ZB_PGMIGRATE_SUCCESS,
				    iter.info.nr_pages);
		zb_buffer_put_moved(buf);
		cond_resched();
	}
	zb_buffer_iter_end(&iter);
}

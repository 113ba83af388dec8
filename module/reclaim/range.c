// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empties ranges of frames for requests (core/range_alloc.h): movable buffers, and blocks of other
 * modules, are moved out of them, and then discardable buffers lose their memory.
 *
 * Only one request at a time does so, because requests that isolate pageblocks are in the way
 * of each other, but not for long if the one before does not end. Memory of the kernel is needed
 * only to find out what can be moved; it is allocated before the semaphore is taken, in the
 * context that the flags of the request permit.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "../buffer/discard.h"
#include "../core/range_alloc.h"
#include "../instance/callback.h"
#include "reclaim.h"

#define LOCK_TIME	HZ
#define POLL_TIME	(HZ / 50 ?: 1)
#define SEARCH_TIME	(5 * HZ)
#define MAX_TRIES	5u	/* to move or purge a buffer that is in use, a jiffy apart */

static gfp_t kernel_flags(zb_gfp_t gfp)
{
	gfp_t flags = GFP_KERNEL_ACCOUNT;

	if (!(gfp & __ZB_GFP_FS))
		flags &= ~__GFP_FS;
	if (!(gfp & __ZB_GFP_IO))
		flags &= ~(__GFP_IO | __GFP_FS);
	return flags;
}

/**
 * struct range_survey - a survey, and the request that it is for
 * @s: the survey
 * @task: the task that has made the request
 * @killable: the request ends if the task is being killed
 * @until: time in jiffies after which no other range is tried
 * @locked: the request holds zb_reclaim.range_lock
 * @gfp: what callbacks of other modules may do, __ZB_GFP_IO and __ZB_GFP_FS
 */
struct range_survey {
	struct zb_range_survey s;
	struct task_struct *task;
	bool killable;
	unsigned long until;
	bool locked;
	zb_gfp_t gfp;
};

static struct range_survey *to_range_survey(struct zb_range_survey *survey)
{
	return container_of(survey, struct range_survey, s);
}

static bool stopped(const struct range_survey *s)
{
	return s->killable && fatal_signal_pending(s->task);
}

/* With @in_use, it does not matter whether the buffer is in use at the moment. */
static bool is_evictable(const struct zb_buffer_info *info, bool in_use)
{
	if (zb_gfp_migratetype(info->gfp) == ZB_MIGRATE_MOVABLE)
		return in_use ? !info->never_moves : zb_buffer_seems_movable(info);
	return info->discard == ZB_DISCARD_MARKED && (in_use || zb_buffer_seems_purgeable(info));
}

static void mark_buffers(struct zb_buffer_pool *bpool, struct zb_zone *zone, bool in_use,
			 struct range_survey *survey)
{
	struct zb_buffer_iter iter;

	zb_buffer_iter_begin(&iter, bpool);
	while (!stopped(survey) && zb_buffer_iter_next(&iter)) {
		cond_resched();
		if (!zb_zone_has(zone, iter.info.pfn) || !is_evictable(&iter.info, in_use))
			continue;
		zb_range_mark(&survey->s, zone, iter.info.pfn, iter.info.nr_pages);
		if (iter.info.discard == ZB_DISCARD_MARKED && !in_use)
			survey->s.nr_discardable += iter.info.nr_pages;
	}
	zb_buffer_iter_end(&iter);
}

/* Other modules have blocks that can be moved. */
static void mark_movable(struct zb_owners *owners, struct zb_zone *zone, bool in_use,
			 struct range_survey *survey)
{
	unsigned long pfn = zone->start_pfn, nr;

	while (!stopped(survey) &&
	       (nr = zb_movable_next(owners, survey->gfp, in_use, &pfn, zb_zone_end(zone)))) {
		zb_range_mark(&survey->s, zone, pfn, nr);
		pfn += nr;
		cond_resched();
	}
}

/*
 * Two requests that empty ranges at the same time are in the way of each other, but nothing
 * worse happens. Therefore a request goes on without the lock after LOCK_TIME, because the task
 * that holds it may not run for long.
 */
static bool lock_ranges(struct zb_reclaim *reclaim, struct range_survey *survey)
{
	unsigned long until = jiffies + LOCK_TIME;

	do {
		survey->locked = !down_timeout(&reclaim->range_lock, POLL_TIME);
	} while (!survey->locked && !stopped(survey) && time_before(jiffies, until));
	survey->until = jiffies + SEARCH_TIME;
	return !stopped(survey);
}

static struct range_survey *new_survey(struct zb_zone *zone, zb_gfp_t gfp,
				       const struct zb_alloc_context *ac)
{
	struct range_survey *survey;

	/* Fault injection does not report failures of kvmalloc() for more than a page. */
	survey = __vmalloc(sizeof(*survey) + zb_range_survey_size(zone),
			   kernel_flags(gfp) | __GFP_ZERO);
	if (!survey)
		return NULL;
	zb_range_survey_init(&survey->s, zone, (u64 *)(survey + 1));
	survey->task = current;
	survey->killable = ac->policy->killable;
	survey->gfp = zb_io_context(gfp);
	return survey;
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
 * Return: ZB_RANGE_OK, ZB_RANGE_NO_MEMORY, or ZB_RANGE_STOPPED if the request is killable and
 * the task is being killed.
 */
enum zb_range_result zb_survey(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			       const struct zb_alloc_context *ac,
			       struct zb_range_survey **survey)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_reclaim *reclaim = inst->reclaim;
	struct range_survey *s;
	bool in_use = *survey;

	if (in_use) {
		s = to_range_survey(*survey);
	} else {
		s = new_survey(zone, gfp, ac);
		if (!s)
			return ZB_RANGE_NO_MEMORY;
		lock_ranges(reclaim, s);
	}
	mark_buffers(reclaim->bpool, zone, in_use, s);
	mark_movable(&reclaim->owners, zone, in_use, s);
	if (!stopped(s)) {
		*survey = &s->s;
		return ZB_RANGE_OK;
	}
	if (!in_use)
		zb_end_survey(pool, &s->s);
	return ZB_RANGE_STOPPED;
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
	struct range_survey *s = to_range_survey(survey);

	if (s->locked)
		up(&inst->reclaim->range_lock);
	vfree(s);
	zb_instance_wake_waiters(inst);
}

/**
 * struct run - a function that a worker calls
 * @work: the work item
 * @fn: the function
 * @data: its argument
 */
struct run {
	struct work_struct work;
	void (*fn)(void *data);
	void *data;
};

static void run_work(struct work_struct *work)
{
	struct run *run = container_of(work, struct run, work);

	run->fn(run->data);
}

/**
 * zb_run() - call a function in a worker, as zb_ops.run
 * @pool: the allocator
 * @fn: the function
 * @data: its argument
 *
 * While pageblocks are isolated, other requests can't use them. A task of low priority, or one
 * whose cgroup is throttled, may not run for long, so a worker isolates and empties them.
 *
 * Context: may sleep.
 */
void zb_run(struct zb_pool *pool, void (*fn)(void *data), void *data)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct run run = { .fn = fn, .data = data };

	INIT_WORK_ONSTACK(&run.work, run_work);
	queue_work(inst->reclaim->range_wq, &run.work);
	flush_work(&run.work);
	destroy_work_on_stack(&run.work);
}

/**
 * struct eviction - buffers are being removed from a range
 * @reclaim: reclaim and compaction of the instance
 * @zone: zone of the range
 * @survey: the evictable buffers
 * @pfn: first frame
 * @end: the frame behind the last one
 */
struct eviction {
	struct zb_reclaim *reclaim;
	struct zb_zone *zone;
	struct range_survey *survey;
	unsigned long pfn;
	unsigned long end;
};

static struct eviction make_eviction(struct zb_pool *pool, struct zb_zone *zone,
				     struct zb_range_survey *survey, unsigned long pfn,
				     unsigned long nr_pages)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);

	return (struct eviction){
		.reclaim = inst->reclaim, .zone = zone, .survey = to_range_survey(survey),
		.pfn = pfn, .end = pfn + nr_pages,
	};
}

static void not_evictable(struct eviction *e, unsigned long pfn, unsigned long nr_pages)
{
	zb_range_unmark(&e->survey->s, e->zone, pfn, nr_pages);
	e->survey->s.nr_failed++;
}

/*
 * A page fault, a read() of a file or a reference of a moment keep a buffer in its place, too.
 * Returns true if it should be tried again.
 */
static bool wait_for_user(const struct eviction *e, int err, unsigned int *tries)
{
	if ((err != -EAGAIN && err != -EBUSY) || ++*tries == MAX_TRIES || stopped(e->survey))
		return false;
	schedule_timeout_uninterruptible(1);
	return true;
}

/* Returns false if the buffer has to stay. */
static bool move_buffer(struct eviction *e, struct zb_buffer *buf, unsigned long pfn)
{
	unsigned long nr = buf->nr_pages;
	unsigned int tries = 0;
	int err;

	do {
		err = zb_buffer_move(buf, e->zone, ZB_NR_ORDERS);
		zb_zone_count_event(e->zone, err ? ZB_PGMIGRATE_FAIL : ZB_PGMIGRATE_SUCCESS, nr);
	} while (err && wait_for_user(e, err, &tries));
	if (err) {
		not_evictable(e, pfn, nr);
		e->survey->s.nr_no_room += err == -ENOMEM;
		return false;
	}
	zb_range_unmark(&e->survey->s, e->zone, pfn, nr);
	zb_range_mark(&e->survey->s, e->zone, READ_ONCE(buf->pfn), nr);
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

/* Move all movable buffers out of the range, until one has to stay. */
static void move_buffers(struct eviction *e)
{
	struct zb_buffer_iter iter;
	struct zb_buffer *buf;
	bool ok = true;

	zb_buffer_iter_begin(&iter, e->reclaim->bpool);
	while (ok && !stopped(e->survey) && zb_buffer_iter_next(&iter)) {
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
}

/* Move all blocks of other modules out of the range, until one has to stay. */
static void move_movable(struct eviction *e)
{
	unsigned long at = e->pfn, nr, to = ZB_NO_PFN;
	unsigned int tries = 0;
	int err;

	while (!stopped(e->survey) &&
	       (nr = zb_movable_next(&e->reclaim->owners, e->survey->gfp, true, &at, e->end))) {
		err = zb_movable_move(e->reclaim, e->zone, at, e->survey->gfp, ZB_NR_ORDERS, &to);
		if (err && wait_for_user(e, err, &tries))
			continue;
		/* A block that is not there any more is not in the way. */
		if (err && err != -ENOENT) {
			not_evictable(e, at, nr);
			e->survey->s.nr_no_room += err == -ENOMEM;
			return;
		}
		zb_range_unmark(&e->survey->s, e->zone, at, nr);
		if (!err)
			zb_range_mark(&e->survey->s, e->zone, to, nr);
		tries = 0;
		at += nr;
		cond_resched();
	}
}

static bool purge_buffer(struct eviction *e, struct zb_lru *lru, struct zb_buffer *buf,
			 unsigned long pfn)
{
	unsigned long nr = buf->nr_pages, *left = &e->survey->s.nr_discardable;
	unsigned int tries = 0;
	int err;

	do {
		err = zb_buffer_purge(buf, lru);
		zb_zone_count_event(e->zone, ZB_PGSCAN_DIRECT, nr);
		zb_zone_count_event(e->zone, err ? ZB_PURGE_BUSY : ZB_PGSTEAL_DIRECT, nr);
		/* Others may have purged it meanwhile. */
	} while (err && READ_ONCE(buf->pfn) == pfn && wait_for_user(e, err, &tries));
	if (err && READ_ONCE(buf->pfn) == pfn) {
		not_evictable(e, pfn, nr);
		return false;
	}
	*left -= min(*left, nr);
	zb_range_unmark(&e->survey->s, e->zone, pfn, nr);
	return true;
}

/*
 * The next discardable buffer of the range from *@at on, with a reference, or NULL. *@at is set to
 * its first frame.
 */
static struct zb_buffer *next_discardable(const struct eviction *e, struct zb_lru *lru,
					  unsigned long *at)
{
	struct zb_buffer *buf;
	unsigned long pfn;

	while (!stopped(e->survey)) {
		buf = zb_lru_find(lru, *at);
		if (!buf)
			return NULL;
		pfn = READ_ONCE(buf->pfn);
		if (pfn != ZB_NO_PFN && pfn + buf->nr_pages > *at) {
			if (overlaps(e, pfn, buf->nr_pages)) {
				*at = pfn;
				return buf;
			}
			zb_buffer_put(buf);
			return NULL;
		}
		/* A buffer without frames, or with other ones, was purged meanwhile. */
		zb_buffer_put(buf);
		cond_resched();
	}
	return NULL;
}

/*
 * A purge loses contents, so it must lead to a free range: check that everything allocated in
 * the range belongs to discardable buffers that are not in use.
 */
static bool all_purgeable(struct eviction *e, struct zb_lru *lru)
{
	unsigned long at = e->pfn, end, nr = 0;
	unsigned int tries = 0;
	struct zb_buffer *buf;
	bool ok = true;

	while (ok) {
		buf = next_discardable(e, lru, &at);
		if (!buf)
			break;
		end = at + buf->nr_pages;
		/* Others may purge it meanwhile. */
		while (ok && READ_ONCE(buf->pfn) == at && !zb_buffer_purgeable(buf, lru))
			ok = wait_for_user(e, -EBUSY, &tries);
		if (!ok)
			not_evictable(e, at, buf->nr_pages);
		if (READ_ONCE(buf->pfn) == at)
			nr += min(end, e->end) - max(at, e->pfn);
		at = end;
		zb_buffer_put(buf);
		cond_resched();
	}
	return ok && zb_range_used(e->zone, e->pfn, e->end - e->pfn) == nr;
}

/**
 * zb_evict() - move all movable allocations out of a range of isolated frames, as zb_ops.evict
 * @pool: the allocator
 * @zone: zone of the range
 * @survey: the evictable buffers, which is kept up to date
 * @ac: the request
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 * Return: false if the request is killable and the task is being killed.
 */
bool zb_evict(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
	      const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages)
{
	struct eviction e = make_eviction(pool, zone, survey, pfn, nr_pages);

	move_buffers(&e);
	move_movable(&e);
	survey->expired = time_after(jiffies, e.survey->until);
	return !stopped(e.survey);
}

/**
 * zb_purge() - take the memory of all discardable buffers in a range back, as zb_ops.purge
 * @pool: the allocator
 * @zone: zone of the range
 * @survey: the evictable buffers, which is kept up to date
 * @ac: the request
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Nothing is purged if something else is still in the range.
 *
 * Context: may sleep.
 * Return: false if the request is killable and the task is being killed.
 */
bool zb_purge(struct zb_pool *pool, struct zb_zone *zone, struct zb_range_survey *survey,
	      const struct zb_alloc_context *ac, unsigned long pfn, unsigned long nr_pages)
{
	struct eviction e = make_eviction(pool, zone, survey, pfn, nr_pages);
	struct zb_lru *lru = zb_zone_lru(e.reclaim->bpool, zone);
	struct zb_buffer *buf;
	bool ok = all_purgeable(&e, lru);
	unsigned long at = pfn;

	while (ok && (buf = next_discardable(&e, lru, &at))) {
		ok = purge_buffer(&e, lru, buf, at);
		zb_buffer_put(buf);
		cond_resched();
	}
	return !stopped(e.survey);
}

/**
 * zb_move_out_of() - move movable allocations out of isolated frames, as zb_ops.move_out
 * @pool: the allocator
 * @zone: zone of the frames
 * @gfp: flags of the request
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 */
void zb_move_out_of(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		    unsigned long pfn, unsigned long nr_pages)
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
	zb_movable_move_all(inst->reclaim, zone, pfn, pfn + nr_pages, zb_io_context(gfp),
			    ZB_NR_ORDERS);
}

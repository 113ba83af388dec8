// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empties zones for an administrator: movable buffers are moved to other zones that their flags
 * allow, and discardable ones lose their memory.
 *
 * All pageblocks of the zones are isolated meanwhile, so that nothing is allocated there, and get
 * their types back at the end. A worker does this, as for ranges (range.c), because others
 * can't use the zones until it is done. Blocks of other modules stay, because only these modules
 * know which zones they can use.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/slab.h>

#include "../buffer/discard.h"
#include "../core/isolate.h"
#include "../core/range.h"
#include "reclaim.h"

#define LOCK_TIME	HZ
#define WAIT_TIME	(HZ / 50 ?: 1)
#define MAX_WAITS	25u	/* for pageblocks that others have isolated */
#define MAX_PASSES	5u	/* over all buffers, while some are in use */

/**
 * struct emptying - zones that are being emptied
 * @reclaim: reclaim and compaction of the instance
 * @task: the task that wants this
 * @e: which zones, and the result
 * @isolated: one bit per pageblock of all zones, set for those that this has isolated
 */
struct emptying {
	struct zb_reclaim *reclaim;
	struct task_struct *task;
	struct zb_empty *e;
	unsigned long *isolated;
};

static bool stopped(const struct emptying *w)
{
	return fatal_signal_pending(w->task);
}

static unsigned long first_bit(const struct emptying *w, const struct zb_zone *zone)
{
	const struct zb_zone *before;
	unsigned long bit = 0;

	for (before = w->reclaim->inst->pool.zones; before < zone; before++)
		bit += zb_zone_nr_pageblocks(before);
	return bit;
}

/* Isolate what is not yet isolated; returns the number of pageblocks that others have isolated. */
static unsigned long isolate_zone(struct emptying *w, struct zb_zone *zone)
{
	unsigned long bit = first_bit(w, zone), pfn = zone->start_pfn, nr = 0;

	for (; pfn < zb_zone_end(zone); pfn += ZB_PAGEBLOCK_NR, bit++) {
		if (test_bit(bit, w->isolated) || zb_zone_state(zone, pfn) == ZB_STATE_OFFLINE)
			continue;
		zb_zone_break_capture(zone);
		if (zb_pool_isolate_range(zone->pool, pfn, ZB_PAGEBLOCK_NR))
			set_bit(bit, w->isolated);
		else
			nr++;
		cond_resched();
	}
	return nr;
}

/* Compaction isolates pageblocks for a moment only. */
static void isolate_zones(struct emptying *w)
{
	unsigned int waits = 0;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &w->reclaim->inst->pool) {
		if (!zb_zone_in_set(zone, &w->e->set))
			continue;
		zb_zone_begin_isolation(zone);
		while (isolate_zone(w, zone) && !stopped(w) && waits++ < MAX_WAITS &&
		       READ_ONCE(zone->nr_compacting) > 1)
			schedule_timeout_uninterruptible(WAIT_TIME);
	}
	zb_instance_drain_all(w->reclaim->inst);
}

static void unisolate_zones(struct emptying *w)
{
	unsigned long bit, pfn;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &w->reclaim->inst->pool) {
		if (!zb_zone_in_set(zone, &w->e->set))
			continue;
		bit = first_bit(w, zone);
		for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn += ZB_PAGEBLOCK_NR, bit++)
			if (test_bit(bit, w->isolated))
				zb_pool_unisolate_range(zone->pool, pfn, ZB_PAGEBLOCK_NR);
		zb_zone_end_isolation(zone);
	}
	zb_instance_wake_waiters(w->reclaim->inst);
}

static void count_result(struct emptying *w, struct zb_zone *zone, int err, bool discard,
			 unsigned long nr)
{
	if (discard)
		zb_zone_count_event(zone, ZB_PGSCAN_DIRECT, nr);
	if (!err) {
		zb_zone_count_event(zone, discard ? ZB_PGSTEAL_DIRECT : ZB_PGMIGRATE_SUCCESS, nr);
		*(discard ? &w->e->discarded : &w->e->moved) += nr;
		return;
	}
	zb_zone_count_event(zone, discard ? ZB_PURGE_BUSY : ZB_PGMIGRATE_FAIL, nr);
	*(err == -ENOMEM ? &w->e->no_room : &w->e->in_use) += nr;
}

/* Make the buffer that was read last leave its zone, if it is of such a kind. */
static void empty_buffer(struct emptying *w, struct zb_buffer_iter *iter)
{
	const struct zb_buffer_info *info = &iter->info;
	bool movable = zb_gfp_migratetype(info->gfp) == ZB_MIGRATE_MOVABLE;
	bool discard = info->discard == ZB_DISCARD_MARKED, ready;
	struct zb_zone *zone = zb_pfn_zone(&w->reclaim->inst->pool, info->pfn);
	struct zb_buffer *buf;
	int err;

	if (!zone || !zb_zone_in_set(zone, &w->e->set) || (!movable && !discard) ||
	    (movable && info->never_moves && !info->is_fixed))
		return;
	ready = discard ? zb_buffer_seems_purgeable(info) : zb_buffer_seems_movable(info);
	if (!ready) {
		w->e->in_use += info->nr_pages;
		return;
	}
	buf = zb_buffer_get_to_move(iter);
	if (!buf)
		return;
	err = discard ? zb_buffer_purge(buf, zb_zone_lru(w->reclaim->bpool, zone)) :
			zb_buffer_leave(buf, &w->e->set);
	count_result(w, zone, err, discard, info->nr_pages);
	zb_buffer_put_moved(buf);
}

/*
 * A page fault or a reference of a moment keep a buffer in its place, so those that were in use
 * are tried again. Nothing new is allocated in these zones, so this comes to an end.
 */
static void empty_zones(struct emptying *w)
{
	struct zb_buffer_iter iter;
	unsigned int pass = 0;

	do {
		if (pass)
			schedule_timeout_uninterruptible(1);
		w->e->in_use = 0;
		w->e->no_room = 0;
		zb_buffer_iter_begin(&iter, w->reclaim->bpool);
		while (!stopped(w) && zb_buffer_iter_next(&iter))
			empty_buffer(w, &iter);
		zb_buffer_iter_end(&iter);
	} while (w->e->in_use && ++pass < MAX_PASSES && !stopped(w));
}

/* What is left, without the frames that are out of use. */
static unsigned long nr_left(struct emptying *w)
{
	unsigned long nr = 0, used, bad;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &w->reclaim->inst->pool) {
		if (!zb_zone_in_set(zone, &w->e->set))
			continue;
		used = zb_range_used(zone, zone->start_pfn, zone->nr_pages);
		bad = READ_ONCE(zone->nr_bad);
		nr += used > bad ? used - bad : 0;
	}
	return nr;
}

/* Buffers that had to stay may have been freed since. */
static void set_left(struct emptying *w)
{
	struct zb_empty *e = w->e;

	e->left = nr_left(w);
	e->in_use = min(e->in_use, e->left);
	e->no_room = min(e->no_room, e->left - e->in_use);
}

static void run(void *data)
{
	struct emptying *w = data;

	isolate_zones(w);
	empty_zones(w);
	set_left(w);
	unisolate_zones(w);
}

static int alloc_and_run(struct emptying *w)
{
	struct zb_pool *pool = &w->reclaim->inst->pool;
	bool locked;

	w->isolated = kvcalloc(BITS_TO_LONGS(zb_pool_nr_pageblocks(pool)), sizeof(long),
			       GFP_KERNEL);
	if (!w->isolated)
		return -ENOMEM;
	/* As in range.c, the task that holds the semaphore may not run for long. */
	locked = !down_timeout(&w->reclaim->range_lock, LOCK_TIME);
	zb_run(pool, run, w);
	if (locked)
		up(&w->reclaim->range_lock);
	kvfree(w->isolated);
	return 0;
}

/**
 * zb_empty_zones() - make zones as empty as possible
 * @reclaim: reclaim and compaction of the instance
 * @e: the zones, of which at least one other must be left; the other members are filled in
 *
 * Nothing is allocated in these zones meanwhile. Only one task at a time empties zones, because
 * several could leave no zone for other requests. A request that empties a range isolates only
 * that range, so both may run together: this waits at most LOCK_TIME for range_lock.
 *
 * Context: may sleep, and takes long; ends early if the task is being killed.
 * Return: 0, -ENOMEM, or -ERESTARTSYS if a signal has arrived before anything was changed.
 */
int zb_empty_zones(struct zb_reclaim *reclaim, struct zb_empty *e)
{
	struct emptying w = { .reclaim = reclaim, .task = current, .e = e };
	int err;

	if (mutex_lock_interruptible(&reclaim->empty_lock))
		return -ERESTARTSYS;
	/* sparse does not know that this may take the lock. */
	__acquire(&reclaim->empty_lock);
	err = alloc_and_run(&w);
	mutex_unlock(&reclaim->empty_lock);
	return err;
}

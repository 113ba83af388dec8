// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes memory back from discardable buffers, and from other modules (shrink_owners.c).
 * core/reclaim.h describes which buffers are taken and how many.
 *
 * A purge needs neither I/O nor file systems nor memory of the kernel, so direct reclaim is
 * possible for all requests that may sleep. It does not recurse, because it allocates nothing.
 * instance/callback.h describes the context of the callbacks of other modules.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/topology.h>

#include "../buffer/discard.h"
#include "../core/compact.h"
#include "../core/reclaim.h"
#include "../instance/callback.h"
#include "../instance/idle.h"
#include "../instance/params.h"
#include "reclaim.h"

#define MAX_WINDOWS	4	/* tries to make a block free in one call */
#define MAX_FAILURES	1024u	/* buffers that are in use, in one pass */
#define BUSY_TIME	(HZ / 50 ?: 1)
#define LONG_SEARCH	256u	/* buffers looked at for a window */
#define SLOT_TIME	(HZ / 50 ?: 1)

static bool zone_reclaim_mode;
module_param_cb(zone_reclaim_mode, &zb_bool_ops, &zone_reclaim_mode, 0644);
__MODULE_PARM_TYPE(zone_reclaim_mode, "bool");
MODULE_PARM_DESC(zone_reclaim_mode, "take memory back in a zone before a request that may sleep tries the next zone (default off)");

static bool purge(struct zb_shrink *s, struct zb_lru *lru, struct zb_buffer *buf)
{
	unsigned long nr_pages = buf->nr_pages;
	int err = zb_buffer_purge(buf, lru);

	s->scanned += nr_pages;
	if (!err) {
		s->purged += nr_pages;
		return true;
	}
	s->busy += nr_pages;
	/* The buffer is in use: move it to the end of the list, to try others first. */
	if (err != -EAGAIN)
		zb_lru_spare(lru, buf, true);
	return false;
}

static void count_events(struct zb_shrink *s)
{
	struct zb_zone *zone = s->zone;

	if (!s->scanned)
		return;
	zb_zone_count_event(zone, s->kswapd ? ZB_PGSCAN_KSWAPD : ZB_PGSCAN_DIRECT, s->scanned);
	zb_zone_count_event(zone, s->kswapd ? ZB_PGSTEAL_KSWAPD : ZB_PGSTEAL_DIRECT,
			    s->purged - s->counted);
	zb_zone_count_event(zone, ZB_PURGE_BUSY, s->busy);
	s->counted = s->purged;
	s->scanned = 0;
	s->busy = 0;
}

/*
 * One pass over the discardable buffers, each of which is considered at most once. Those that
 * are in use go to the end of the list, so that the next pass finds others first.
 */
static void shrink_pass(struct zb_shrink *s, struct zb_lru *lru, struct zb_reclaim_scan *scan)
{
	unsigned long left = READ_ONCE(lru->nr_buffers), missing;
	unsigned int failures = 0;
	struct zb_lru_iter iter;
	struct zb_buffer *buf;

	zb_lru_begin(&iter, lru);
	while (scan->missing && left-- && failures < MAX_FAILURES &&
	       !fatal_signal_pending(current)) {
		buf = zb_lru_next(&iter);
		if (!buf)
			break;
		switch (zb_reclaim_judge(scan, buf->nr_pages, READ_ONCE(buf->recently_used))) {
		case ZB_RECLAIM_SPARE:
			zb_lru_spare(lru, buf, false);
			break;
		case ZB_RECLAIM_TAKE:
			missing = s->target ? scan->missing : zb_shrink_nr_missing(s);
			scan->missing = min(scan->missing, missing);
			if (!scan->missing)
				break;
			if (purge(s, lru, buf))
				zb_reclaim_took(scan, buf->nr_pages);
			else
				failures++;
			break;
		default:
			break;
		}
		zb_buffer_put(buf);
		cond_resched();
	}
	zb_lru_end(&iter);
	s->all_busy = failures && scan->missing;
}

/* Take @missing frames, the oldest first. */
static void shrink_lru(struct zb_shrink *s, struct zb_lru *lru, unsigned long missing)
{
	struct zb_reclaim_scan scan;

	zb_reclaim_begin(&scan, missing);
	do {
		shrink_pass(s, lru, &scan);
	} while (zb_reclaim_next_pass(&scan) && !fatal_signal_pending(current));
}

/*
 * The window at @pfn, whose allocated frames must all be in discardable buffers that are not in
 * use; else pfn is ZB_NO_PFN. A buffer that is purged meanwhile, and that may get other frames,
 * is not counted, so that the window is refused.
 */
static struct zb_reclaim_window look_at_window(struct zb_shrink *s, struct zb_lru *lru,
					       unsigned long pfn, unsigned long *next)
{
	unsigned long end = pfn + BIT(s->order), at = pfn, first, last, nr = 0;
	struct zb_reclaim_window w = { .pfn = pfn };
	struct zb_buffer *buf;
	bool in_use = false;

	*next = end;
	while (at < end) {
		buf = zb_lru_find(lru, at);
		if (!buf)
			break;
		first = READ_ONCE(buf->pfn);
		last = first + buf->nr_pages;
		if (first < end && last > at) {
			nr += min(last, end) - max(first, at);
			w.cost += buf->nr_pages;
			w.used |= READ_ONCE(buf->recently_used);
			in_use |= !zb_buffer_purgeable(buf, lru);
			*next = max(*next, last & ~(BIT(s->order) - 1));
			at = last;
		} else {
			at = end;
		}
		zb_buffer_put(buf);
	}
	if (!nr || in_use || zb_reclaim_used(s->zone, pfn, s->order) != nr)
		w.pfn = ZB_NO_PFN;
	return w;
}

/*
 * After a long search that found no window of an order, requests do not search again for
 * BUSY_TIME, so that many of them do not keep the CPUs busy.
 */
static bool may_search(const struct zb_shrink *s, const struct zb_lru *lru)
{
	return s->kswapd || s->order < READ_ONCE(lru->no_window_order) ||
	       !time_before(jiffies, READ_ONCE(lru->no_window_until));
}

/* The search of a task that is being killed ended early, and proves nothing. */
static void found_nothing(const struct zb_shrink *s, struct zb_lru *lru, unsigned int marks)
{
	if (fatal_signal_pending(current))
		return;
	WRITE_ONCE(lru->no_window_order, s->order);
	zb_lru_pause(lru, &lru->no_window_until, BUSY_TIME, marks);
}

/* Find the window of the order that costs the least. */
static bool find_window(struct zb_shrink *s, struct zb_lru *lru, struct zb_reclaim_window *best)
{
	const unsigned long mask = BIT(s->order) - 1;
	unsigned long pfn = s->zone->start_pfn & ~mask, at;
	unsigned int looked = 0, marks = READ_ONCE(lru->marks);
	struct zb_reclaim_window w;
	struct zb_buffer *buf;

	best->pfn = ZB_NO_PFN;
	while (!fatal_signal_pending(current)) {
		buf = zb_lru_find(lru, pfn);
		if (!buf)
			break;
		at = READ_ONCE(buf->pfn);
		zb_buffer_put(buf);
		/* A buffer that was purged meanwhile has no frames. */
		if (at != ZB_NO_PFN)
			pfn = max(pfn, at & ~mask);
		w = look_at_window(s, lru, pfn, &pfn);
		if (w.pfn != ZB_NO_PFN)
			zb_reclaim_choose(best, &w);
		looked++;
		cond_resched();
	}
	if (best->pfn == ZB_NO_PFN && looked > LONG_SEARCH)
		found_nothing(s, lru, marks);
	return best->pfn != ZB_NO_PFN;
}

/*
 * Take the memory of all buffers in a window; returns false if one is in use. If their owners
 * get new memory in the window at once, no more than its cost is taken.
 */
static bool purge_window(struct zb_shrink *s, struct zb_lru *lru,
			 const struct zb_reclaim_window *w)
{
	unsigned long end = w->pfn + BIT(s->order), max_purged = s->purged + w->cost;
	struct zb_buffer *buf;
	unsigned long at;
	bool ok = true;

	while (ok && s->purged < max_purged) {
		buf = zb_lru_find(lru, w->pfn);
		if (!buf)
			break;
		at = READ_ONCE(buf->pfn);
		if (at < end)
			ok = purge(s, lru, buf);
		zb_buffer_put(buf);
		/* A buffer without frames was purged meanwhile. */
		if (at >= end && at != ZB_NO_PFN)
			break;
		cond_resched();
	}
	return ok;
}

/* Make a block of the order free. */
static void shrink_window(struct zb_shrink *s, struct zb_lru *lru)
{
	struct zb_reclaim_window w;
	unsigned int tries;

	for (tries = 0; tries < MAX_WINDOWS && find_window(s, lru, &w); tries++)
		if (purge_window(s, lru, &w))
			break;
	/* Blocks on per-CPU lists are not merged. */
	if (s->purged && zb_zone_nr_cached(s->zone))
		s->reclaim->inst->ops.drain_all(&s->reclaim->inst->pool);
}

/* Check cheaply whether no buffer can be taken, or requests have just found out. */
static bool nothing_to_take(const struct zb_shrink *s, const struct zb_lru *lru)
{
	return !READ_ONCE(lru->nr_pages) ||
	       (!s->kswapd && time_before(jiffies, READ_ONCE(lru->busy_until)));
}

/* Take what is missing at the watermark, and make a block free; owners have @owned frames. */
static void shrink_to_mark(struct zb_shrink *s, struct zb_lru *lru, unsigned long owned)
{
	unsigned long missing = zb_shrink_nr_missing(s);
	unsigned int marks = READ_ONCE(lru->marks);

	if (nothing_to_take(s, lru) ||
	    (!s->kswapd && missing > READ_ONCE(lru->nr_pages) + owned))
		return;
	if (zb_shrink_lacks_block(s) && may_search(s, lru))
		shrink_window(s, lru);
	missing = zb_shrink_nr_missing(s);
	if (missing)
		shrink_lru(s, lru, missing);
	if (!s->purged && s->all_busy && !fatal_signal_pending(current))
		zb_lru_pause(lru, &lru->busy_until, BUSY_TIME, marks);
}

/**
 * zb_shrink_zone() - take memory back from discardable buffers and other modules
 * @s: what is missing, in a zone; @purged is increased by the number of frames taken
 *
 * Buffers are taken first, because a program has said that it does not need them. If all
 * buffers and modules together do not have enough, nothing is taken for a request. kswapd
 * takes as much as it can. If all buffers are in use, requests do not try again for BUSY_TIME,
 * unless another buffer is marked.
 *
 * Context: may sleep.
 */
void zb_shrink_zone(struct zb_shrink *s)
{
	struct zb_lru *lru = zb_zone_lru(s->reclaim->bpool, s->zone);
	unsigned long owned;

	if (!lru)
		return;
	owned = zb_owners_count(s);
	if (s->target)
		shrink_lru(s, lru, s->target);
	else
		shrink_to_mark(s, lru, owned);
	count_events(s);
	zb_owners_shrink(s, owned);
}

/**
 * zb_get_slot() - limit the number of requests that do something at once
 * @slots: the free slots
 * @ac: context of the request
 *
 * Each task in reclaim or compaction has a position in a list of buffers, which the others have
 * to pass. A request that has waited for SLOT_TIME goes on without a slot, because the tasks
 * in the slots may not run for long. The queue does not wait, because many requests depend on
 * it.
 *
 * Context: may sleep.
 * Return: true if the caller has to call up().
 */
bool zb_get_slot(struct semaphore *slots, const struct zb_alloc_context *ac)
{
	return ac->policy->queued ? !down_trylock(slots) : !down_timeout(slots, SLOT_TIME);
}

/* What a request needs above a watermark. */
static struct zb_shrink request_goal(struct zb_instance *inst, struct zb_zone *zone,
				     zb_gfp_t gfp, unsigned int order, unsigned int mark,
				     unsigned int alloc_flags, const struct zb_alloc_context *ac)
{
	return (struct zb_shrink){
		.reclaim = inst->reclaim,
		.zone = zone,
		.order = order,
		.nr_pages = ac->nr_pages,
		.mark = READ_ONCE(zone->watermark[mark]),
		.highest_zoneidx = ac->highest_zoneidx,
		.alloc_flags = alloc_flags,
		.queued = ac->policy->queued,
		.gfp = zb_io_context(gfp),
	};
}

/* Returns true if the zone can probably serve the request now. */
static bool shrink_for_request(struct zb_shrink *s)
{
	zb_shrink_zone(s);
	return s->purged && !zb_shrink_nr_missing(s) && !zb_shrink_lacks_block(s);
}

static bool may_shrink(const struct zb_shrink *s)
{
	const struct zb_lru *lru = zb_zone_lru(s->reclaim->bpool, s->zone);

	return lru && zb_may_reclaim() && (!nothing_to_take(s, lru) || zb_owners_may_shrink(s));
}

/* A node with CPUs is left to their tasks; of the others, those that are near are used. */
static bool is_near(const struct zb_zone *zone, const struct zb_zone *preferred)
{
	return node_distance(preferred->nid, zone->nid) <= RECLAIM_DISTANCE &&
	       (zone->nid == numa_node_id() || !node_state(zone->nid, N_CPU));
}

/**
 * zb_zone_reclaim() - take memory back before a request tries the next zone, as zb_ops.zone_reclaim
 * @pool: the allocator
 * @zone: a zone without enough memory
 * @gfp: flags of the request
 * @order: order of the block
 * @alloc_flags: select the watermark, of which the request may use a part
 * @ac: the request
 *
 * Does nothing unless zone_reclaim_mode is set. Since there are other zones, it does not wait
 * for a slot. It does nothing for the queue either, whose requests can wait.
 *
 * Context: may sleep.
 * Return: true if the zone can probably serve the request now.
 */
bool zb_zone_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		     unsigned int order, unsigned int alloc_flags,
		     const struct zb_alloc_context *ac)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_shrink s = request_goal(inst, zone, gfp, order,
					  alloc_flags & ZB_ALLOC_WMARK_MASK, alloc_flags, ac);
	bool ok;

	if (!READ_ONCE(zone_reclaim_mode) || ac->policy->queued || !is_near(zone, ac->preferred) ||
	    !may_shrink(&s) || down_trylock(&s.reclaim->shrink_slots))
		return false;
	ok = shrink_for_request(&s);
	up(&s.reclaim->shrink_slots);
	zb_zone_count_event(zone, ok ? ZB_ZONE_RECLAIM_SUCCESS : ZB_ZONE_RECLAIM_FAILED, 1);
	return ok;
}

/* Take idle memory of the node from the kernel, until the zone can probably serve the request. */
static bool take_idle(const struct zb_shrink *s, zb_gfp_t gfp, const struct zb_alloc_context *ac)
{
	unsigned long nr_pages = max(s->nr_pages, BIT(s->order));
	struct zb_instance *inst = s->reclaim->inst;

	/* Many requests depend on the queue. */
	if (ac->policy->queued) {
		zb_idle_kick(inst, s->zone, nr_pages);
		return false;
	}
	while (zb_idle_take(inst, s->zone, nr_pages, gfp))
		if (!zb_shrink_nr_missing(s) && !zb_shrink_lacks_block(s))
			return true;
	return false;
}

/**
 * zb_direct_reclaim() - take memory back for a request, as zb_ops.direct_reclaim
 * @pool: the allocator
 * @zone: a zone that the request may use
 * @gfp: flags of the request
 * @order: order of the block
 * @alloc_flags: part of the watermark min that the request may use
 * @ac: the request
 *
 * Idle memory that the kernel has is taken first, because then no buffer loses its contents.
 *
 * Context: may sleep.
 * Return: true if the zone can probably serve the request now.
 */
bool zb_direct_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
		       unsigned int order, unsigned int alloc_flags,
		       const struct zb_alloc_context *ac)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);
	struct zb_shrink s = request_goal(inst, zone, gfp, order, ZB_ALLOC_WMARK_MIN,
					  alloc_flags, ac);
	bool has_slot, ok;

	if (take_idle(&s, gfp, ac))
		return true;
	/* Many requests depend on the queue, so kswapd calls other modules for it. */
	if (s.queued && READ_ONCE(s.reclaim->owners.nr_scan))
		inst->ops.wake_reclaim(pool, zone, gfp, order);
	if (!may_shrink(&s))
		return false;
	trace_mm_vmscan_direct_reclaim_begin(zb_gfp_bits(gfp), order);
	has_slot = zb_get_slot(&s.reclaim->shrink_slots, ac);
	ok = shrink_for_request(&s);
	if (has_slot)
		up(&s.reclaim->shrink_slots);
	trace_mm_vmscan_direct_reclaim_end(s.purged);
	return ok;
}

/**
 * zb_reclaim_memory() - take memory back from discardable buffers and other modules in all zones
 * @reclaim: reclaim and compaction of the instance
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 * Return: number of frames taken.
 */
unsigned long zb_reclaim_memory(struct zb_reclaim *reclaim, unsigned long nr_pages)
{
	unsigned long purged = 0;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &reclaim->inst->pool) {
		struct zb_shrink s = {
			.reclaim = reclaim, .zone = zone, .target = nr_pages - purged,
			.gfp = zb_io_context(ZB_GFP_KERNEL),
		};

		if (purged >= nr_pages)
			break;
		zb_shrink_zone(&s);
		purged += s.purged;
	}
	return purged;
}

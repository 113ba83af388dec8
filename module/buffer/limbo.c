// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limbo: buffers that nobody holds, but whose pages are still in use.
 *
 * Every frame carries the region's page reference, and one for each page table
 * entry, pin, or pipe buffer. A buffer goes back when only the first is left;
 * until then a work item looks again from time to time, and each time goes on at
 * the frame that it found in use: nobody can get at those before it any more. The
 * work item is bound to no CPU, so that a task that keeps one busy does not delay it.
 */
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../compat.h"
#include "buffer.h"

/* How long until the next look: doubled when the last one found nothing. */
#define LIMBO_MIN	(HZ / 10)
#define LIMBO_MAX	HZ

/**
 * zb_buffer_in_use() - has anybody but the region a reference on a frame?
 * @buf: a buffer that nobody can map any more
 *
 * Goes on where the last call stopped.
 *
 * Context: may sleep; one caller at a time.
 * Return: true if so.
 */
bool zb_buffer_in_use(struct zb_buffer *buf)
{
	unsigned long first = buf->nr_idle;
	bool in_use = false;

	if (!buf->was_mapped)
		return false;
	for (; buf->nr_idle < buf->nr_pages; buf->nr_idle++) {
		in_use = page_ref_count(pfn_to_page(buf->pfn + buf->nr_idle)) != 1;
		if (in_use)
			break;
		if (!(buf->nr_idle % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	atomic_long_add(buf->nr_idle - first + in_use,
			&buf->space->host->limbo_looks);
	return in_use;
}

/**
 * zb_buffer_give_back() - give the frames back to the pool
 * @buf: a buffer that is not in use, listed or not; gone afterwards
 *
 * Context: may sleep.
 */
void zb_buffer_give_back(struct zb_buffer *buf)
{
	struct zb_space *space = buf->space;
	struct zb_host *host = space->host;
	enum zb_bad bad;

	mutex_lock(&space->lock);
	list_del(&buf->link);
	mutex_unlock(&space->lock);
	if (buf->gfp & __ZB_GFP_WRITE)
		zb_host_account_dirty(host, buf->nid, -(long)buf->nr_pages);
	trace_mm_page_free(buf->pfn, buf->order);
	bad = zb_pool_free_exact(&host->pool, buf->pfn, buf->nr_pages);
	WARN_ONCE(bad != ZB_OK, "zbuddy: a buffer's frames are not its own (%d)\n",
		  bad);
	zb_uncharge(space, &buf->charge);
	kfree(buf);
	zb_host_freed(host);
}

/* A look that is near stays when it is, or many of these would put it off. */
static void look_soon(struct zb_space *space)
{
	lockdep_assert_held(&space->limbo_lock);
	if (space->limbo_delay > LIMBO_MIN)
		mod_delayed_work(ZB_WQ_UNBOUND, &space->limbo_work, LIMBO_MIN);
	else
		queue_delayed_work(ZB_WQ_UNBOUND, &space->limbo_work, LIMBO_MIN);
	space->limbo_delay = LIMBO_MIN;
}

/**
 * zb_limbo_add() - look after a buffer until it can be given back
 * @buf: a buffer without references that is in use
 *
 * Context: may sleep.
 */
void zb_limbo_add(struct zb_buffer *buf)
{
	struct zb_space *space = buf->space;

	__module_get(THIS_MODULE);
	WRITE_ONCE(buf->in_limbo, true);
	atomic_long_add(buf->nr_pages, &space->host->limbo_pages);
	spin_lock(&space->limbo_lock);
	list_add_tail(&buf->limbo, &space->limbo);
	look_soon(space);
	spin_unlock(&space->limbo_lock);
}

/**
 * zb_limbo_hurry() - somebody lacks memory: look again soon
 * @space: whose
 *
 * Context: any but interrupts.
 */
void zb_limbo_hurry(struct zb_space *space)
{
	if (!atomic_long_read(&space->host->limbo_pages))
		return;
	spin_lock(&space->limbo_lock);
	if (!list_empty(&space->limbo))
		look_soon(space);
	spin_unlock(&space->limbo_lock);
}

/* Give back those that are not in use any more; returns how many. */
static unsigned int give_back_unused(struct zb_space *space,
				     struct list_head *list)
{
	struct zb_buffer *buf, *tmp;
	unsigned int nr = 0;

	list_for_each_entry_safe(buf, tmp, list, limbo) {
		if (zb_buffer_in_use(buf))
			continue;
		list_del(&buf->limbo);
		atomic_long_sub(buf->nr_pages, &space->host->limbo_pages);
		zb_buffer_give_back(buf);
		nr++;
	}
	return nr;
}

static void limbo_work(struct work_struct *work)
{
	struct zb_space *space = container_of(to_delayed_work(work),
					      struct zb_space, limbo_work);
	LIST_HEAD(waiting);
	unsigned int nr;

	spin_lock(&space->limbo_lock);
	list_splice_init(&space->limbo, &waiting);
	spin_unlock(&space->limbo_lock);

	nr = give_back_unused(space, &waiting);
	if (nr && !atomic_read(&space->files))
		zb_host_drain_all(space->host);

	spin_lock(&space->limbo_lock);
	list_splice(&waiting, &space->limbo);
	space->limbo_delay = nr ? LIMBO_MIN : min(2 * space->limbo_delay, LIMBO_MAX);
	if (!list_empty(&space->limbo))
		queue_delayed_work(ZB_WQ_UNBOUND, &space->limbo_work,
				   space->limbo_delay);
	spin_unlock(&space->limbo_lock);
	/* Unloading waits for this work item, so we are still here after it. */
	while (nr--)
		module_put(THIS_MODULE);
}

/**
 * zb_limbo_init() - start with nothing in limbo
 * @space: whose
 */
void zb_limbo_init(struct zb_space *space)
{
	INIT_LIST_HEAD(&space->limbo);
	spin_lock_init(&space->limbo_lock);
	space->limbo_delay = LIMBO_MIN;
	INIT_DELAYED_WORK(&space->limbo_work, limbo_work);
}

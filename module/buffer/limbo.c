// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limbo: buffers that nobody holds, but whose pages are still in use.
 *
 * Every frame carries the region's page reference, and one for each page table
 * entry, pin, or pipe buffer. A buffer goes back when only the first is left;
 * until then a work item looks again from time to time.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "buffer.h"

#define LIMBO_PERIOD	(HZ / 10)

/**
 * zb_buffer_in_use() - has anybody but the region a reference on a frame?
 * @buf: a buffer that nobody can map any more
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool zb_buffer_in_use(const struct zb_buffer *buf)
{
	unsigned long i;

	if (!buf->was_mapped)
		return false;
	for (i = 0; i < buf->nr_pages; i++) {
		if (page_ref_count(pfn_to_page(buf->pfn + i)) != 1)
			return true;
		if (!(i % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	return false;
}

/**
 * zb_buffer_give_back() - give the frames back to the pool
 * @buf: a buffer that is not in use; gone afterwards
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
	spin_unlock(&space->limbo_lock);
	schedule_delayed_work(&space->limbo_work, LIMBO_PERIOD);
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
	bool again;

	spin_lock(&space->limbo_lock);
	list_splice_init(&space->limbo, &waiting);
	spin_unlock(&space->limbo_lock);

	nr = give_back_unused(space, &waiting);
	if (nr && !atomic_read(&space->files))
		zb_host_drain_all(space->host);

	spin_lock(&space->limbo_lock);
	list_splice(&waiting, &space->limbo);
	again = !list_empty(&space->limbo);
	spin_unlock(&space->limbo_lock);
	if (again)
		schedule_delayed_work(&space->limbo_work, LIMBO_PERIOD);
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
	INIT_DELAYED_WORK(&space->limbo_work, limbo_work);
}

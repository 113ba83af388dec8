// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred release of buffers whose pages are still in use.
 *
 * Each page has a reference of the region, and one for each page table entry, pin
 * and pipe buffer. A buffer is freed when only the region's references are left.
 * Until then a work item checks periodically. Each check continues at the first
 * page that was in use, because the pages before it can't get new users any more.
 * The work item is unbound, so that a task that occupies a CPU does not delay it.
 */
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "../compat.h"
#include "huge.h"

/* Limits of the time between checks, which doubles after a check that frees nothing. */
#define DEFERRED_DELAY_MIN	(HZ / 10)
#define DEFERRED_DELAY_MAX	HZ

/**
 * zb_buffer_in_use() - check for page references other than the region's
 * @buf: a buffer that can't be mapped any more
 *
 * The check continues where the last call stopped. Before it, folios are split into single pages.
 *
 * Context: may sleep; one caller at a time.
 * Return: true if a page of the buffer has such a reference.
 */
bool zb_buffer_in_use(struct zb_buffer *buf)
{
	unsigned long first = buf->nr_idle, pfn;
	bool in_use = false;

	if (!buf->was_mapped || buf->discard == ZB_DISCARD_PURGED)
		return false;
	for (; buf->nr_idle < buf->nr_pages; buf->nr_idle++) {
		pfn = buf->pfn + buf->nr_idle;
		in_use = !zb_split_folio_at(pfn) || page_ref_count(pfn_to_page(pfn)) != 1;
		if (in_use)
			break;
		if (!(buf->nr_idle % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	atomic_long_add(buf->nr_idle - first + in_use,
			&buf->bpool->inst->deferred_checks);
	return in_use;
}

/* Do not reschedule a check that is due soon: frequent calls would postpone it forever. */
static void schedule_check(struct zb_buffer_pool *bpool)
{
	lockdep_assert_held(&bpool->deferred_lock);
	if (bpool->deferred_delay > DEFERRED_DELAY_MIN)
		mod_delayed_work(ZB_WQ_UNBOUND, &bpool->deferred_work, DEFERRED_DELAY_MIN);
	else
		queue_delayed_work(ZB_WQ_UNBOUND, &bpool->deferred_work, DEFERRED_DELAY_MIN);
	bpool->deferred_delay = DEFERRED_DELAY_MIN;
}

/**
 * zb_deferred_free_add() - defer the release of a buffer until its pages are not in use
 * @buf: a buffer without references whose pages are in use
 *
 * Context: may sleep.
 */
void zb_deferred_free_add(struct zb_buffer *buf)
{
	struct zb_buffer_pool *bpool = buf->bpool;

	__module_get(THIS_MODULE);
	WRITE_ONCE(buf->is_deferred, true);
	atomic_long_add(buf->nr_pages, &bpool->inst->deferred_pages);
	spin_lock(&bpool->deferred_lock);
	list_add_tail(&buf->deferred, &bpool->deferred);
	schedule_check(bpool);
	spin_unlock(&bpool->deferred_lock);
}

/**
 * zb_deferred_free_hurry() - check deferred buffers soon, because memory is short
 * @bpool: the buffer pool
 *
 * Context: any but interrupts.
 */
void zb_deferred_free_hurry(struct zb_buffer_pool *bpool)
{
	if (!atomic_long_read(&bpool->inst->deferred_pages))
		return;
	spin_lock(&bpool->deferred_lock);
	if (!list_empty(&bpool->deferred))
		schedule_check(bpool);
	spin_unlock(&bpool->deferred_lock);
}

/* Free the buffers that are not in use any more; returns their number. */
static unsigned int free_unused_buffers(struct zb_buffer_pool *bpool,
					struct list_head *list)
{
	struct zb_buffer *buf, *tmp;
	unsigned int nr = 0;

	list_for_each_entry_safe(buf, tmp, list, deferred) {
		if (zb_buffer_in_use(buf))
			continue;
		list_del(&buf->deferred);
		atomic_long_sub(buf->nr_pages, &bpool->inst->deferred_pages);
		bpool->free_deferred(buf);
		nr++;
	}
	return nr;
}

static void deferred_work(struct work_struct *work)
{
	struct zb_buffer_pool *bpool = container_of(to_delayed_work(work),
						    struct zb_buffer_pool, deferred_work);
	LIST_HEAD(waiting);
	unsigned int nr;

	spin_lock(&bpool->deferred_lock);
	list_splice_init(&bpool->deferred, &waiting);
	spin_unlock(&bpool->deferred_lock);

	nr = free_unused_buffers(bpool, &waiting);
	if (nr && !atomic_read(&bpool->files))
		zb_instance_drain_all(bpool->inst);

	spin_lock(&bpool->deferred_lock);
	list_splice(&waiting, &bpool->deferred);
	bpool->deferred_delay = nr ? DEFERRED_DELAY_MIN :
				     min(2 * bpool->deferred_delay, DEFERRED_DELAY_MAX);
	if (!list_empty(&bpool->deferred))
		queue_delayed_work(ZB_WQ_UNBOUND, &bpool->deferred_work,
				   bpool->deferred_delay);
	spin_unlock(&bpool->deferred_lock);
	/* The module can be unloaded only after this work item has returned. */
	while (nr--)
		module_put(THIS_MODULE);
}

/**
 * zb_deferred_free_init() - initialize an empty list of deferred buffers
 * @bpool: the buffer pool
 * @free_buffer: frees a buffer
 */
void zb_deferred_free_init(struct zb_buffer_pool *bpool,
			   void (*free_buffer)(struct zb_buffer *buf))
{
	bpool->free_deferred = free_buffer;
	INIT_LIST_HEAD(&bpool->deferred);
	spin_lock_init(&bpool->deferred_lock);
	bpool->deferred_delay = DEFERRED_DELAY_MIN;
	INIT_DELAYED_WORK(&bpool->deferred_work, deferred_work);
}

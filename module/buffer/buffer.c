// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "buffer.h"

#define LIMBO_PERIOD	(HZ / 10)

static void clear_frames(unsigned long pfn, unsigned long nr_pages)
{
	for (; nr_pages; nr_pages--, pfn++) {
		clear_highpage(pfn_to_page(pfn));
		cond_resched();
	}
}

/* Does anybody but the region hold a reference on one of the frames? */
static bool in_use(const struct zb_buffer *buf)
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

static void give_back(struct zb_buffer *buf)
{
	struct zb_host *host = buf->space->host;
	enum zb_bad bad;

	if (buf->gfp & __ZB_GFP_WRITE)
		zb_host_account_dirty(host, buf->nid, -(long)buf->nr_pages);
	trace_mm_page_free(buf->pfn, buf->order);
	bad = zb_pool_free_exact(&host->pool, buf->pfn, buf->nr_pages);
	WARN_ONCE(bad != ZB_OK, "zbuddy: a buffer's frames are not its own (%d)\n",
		  bad);
	kfree(buf);
}

static void limbo_add(struct zb_buffer *buf)
{
	struct zb_space *space = buf->space;

	__module_get(THIS_MODULE);
	spin_lock(&space->limbo_lock);
	list_add_tail(&buf->limbo, &space->limbo);
	spin_unlock(&space->limbo_lock);
	schedule_delayed_work(&space->limbo_work, LIMBO_PERIOD);
}

/* Move the buffers whose frames are ours alone again from @from to @to. */
static void limbo_sort(struct list_head *from, struct list_head *to)
{
	struct zb_buffer *buf, *tmp;

	list_for_each_entry_safe(buf, tmp, from, limbo)
		if (!in_use(buf))
			list_move(&buf->limbo, to);
}

static void limbo_free(struct zb_space *space, struct list_head *list)
{
	struct zb_buffer *buf, *tmp;

	list_for_each_entry_safe(buf, tmp, list, limbo)
		give_back(buf);
	if (!atomic_read(&space->files))
		zb_host_drain_all(space->host);
}

static void limbo_work(struct work_struct *work)
{
	struct zb_space *space = container_of(to_delayed_work(work),
					      struct zb_space, limbo_work);
	LIST_HEAD(waiting);
	LIST_HEAD(ready);
	struct list_head *pos;
	unsigned int nr = 0;
	bool again;

	spin_lock(&space->limbo_lock);
	list_splice_init(&space->limbo, &waiting);
	spin_unlock(&space->limbo_lock);

	limbo_sort(&waiting, &ready);
	list_for_each(pos, &ready)
		nr++;
	if (nr)
		limbo_free(space, &ready);

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

static void release(struct kref *ref)
{
	struct zb_buffer *buf = container_of(ref, struct zb_buffer, ref);

	if (in_use(buf))
		limbo_add(buf);
	else
		give_back(buf);
}

/**
 * zb_space_init() - start with no buffers
 * @space: the space
 * @host: whose memory it is
 */
void zb_space_init(struct zb_space *space, struct zb_host *host)
{
	space->host = host;
	atomic_set(&space->files, 0);
	INIT_LIST_HEAD(&space->limbo);
	spin_lock_init(&space->limbo_lock);
	INIT_DELAYED_WORK(&space->limbo_work, limbo_work);
}

/**
 * zb_space_destroy() - end with no buffers
 * @space: a space without open files; limbo is empty, or the module could not
 *	be unloaded
 *
 * Context: may sleep.
 */
void zb_space_destroy(struct zb_space *space)
{
	cancel_delayed_work_sync(&space->limbo_work);
}

/**
 * zb_buffer_create() - allocate a zeroed buffer
 * @space: where
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames, 1 .. 2^max_order
 * @nid: node to prefer, one that has a region
 *
 * Context: may sleep.
 * Return: the buffer with one reference, or an ERR_PTR: -ENOMEM, or -EINTR when
 * the task is being killed.
 */
struct zb_buffer *zb_buffer_create(struct zb_space *space, zb_gfp_t gfp,
				   unsigned long nr_pages, int nid)
{
	struct zb_host *host = space->host;
	struct zb_buffer *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	const struct zb_zone *zone;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	/* A buffer may be trimmed, and is always cleared, and may take long. */
	buf->pfn = zb_host_alloc(host, gfp & ~(__ZB_GFP_COMP | __ZB_GFP_ZERO),
				 nr_pages, nid, NULL, true);
	if (buf->pfn == ZB_NO_PFN) {
		kfree(buf);
		return ERR_PTR(fatal_signal_pending(current) ? -EINTR : -ENOMEM);
	}
	zone = zb_pfn_zone(&host->pool, buf->pfn);
	kref_init(&buf->ref);
	buf->space = space;
	buf->nr_pages = nr_pages;
	buf->gfp = gfp;
	buf->order = zb_exact_order(nr_pages);
	buf->zone = zone->type;
	buf->nid = zone->nid;
	if (gfp & __ZB_GFP_WRITE)
		zb_host_account_dirty(host, buf->nid, nr_pages);
	clear_frames(buf->pfn, nr_pages);
	return buf;
}

/**
 * zb_buffer_put() - drop a reference
 * @buf: the buffer; gone with the last one
 *
 * Context: may sleep.
 */
void zb_buffer_put(struct zb_buffer *buf)
{
	kref_put(&buf->ref, release);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Buffers: how they come into being, and the end of their references. */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "buffer.h"

/* Clearing a large buffer takes so long that a task may be killed meanwhile. */
static int clear_frames(struct zb_buffer_pool *bpool, unsigned long pfn,
			unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		clear_highpage(pfn_to_page(pfn + i));
		cond_resched();
	}
	return zb_sync_cleared(bpool, pfn, nr_pages) ? -ENOMEM : 0;
}

static void release(struct kref *ref)
{
	struct zb_buffer *buf = container_of(ref, struct zb_buffer, ref);

	if (zb_buffer_in_use(buf))
		zb_deferred_free_add(buf);
	else
		zb_buffer_free_frames(buf);
}

/**
 * zb_buffer_pool_init() - start with no buffers
 * @bpool: the buffer pool
 * @inst: whose memory it is
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_buffer_pool_init(struct zb_buffer_pool *bpool, struct zb_instance *inst)
{
	int err;

	bpool->inst = inst;
	atomic_set(&bpool->files, 0);
	mutex_init(&bpool->lock);
	INIT_LIST_HEAD(&bpool->buffers);
	xa_init(&bpool->users);
	zb_deferred_free_init(bpool);
	err = zb_line_init(&bpool->line, inst);
	if (err)
		return err;
	zb_watch_init(bpool);
	err = zb_sync_init(bpool);
	if (err)
		goto destroy_line;
	err = zb_limits_init(bpool);
	if (err)
		goto exit_sync;
	return 0;

exit_sync:
	zb_sync_exit(bpool);
destroy_line:
	zb_line_destroy(&bpool->line);
	return err;
}

/**
 * zb_buffer_pool_destroy() - end with no buffers
 * @bpool: a buffer pool without open files; no buffer waits to be freed, or the module
 *	could not be unloaded
 *
 * Context: may sleep.
 */
void zb_buffer_pool_destroy(struct zb_buffer_pool *bpool)
{
	cancel_delayed_work_sync(&bpool->deferred_work);
	zb_limits_exit(bpool);
	zb_sync_exit(bpool);
	zb_watch_exit(bpool);
	zb_line_destroy(&bpool->line);
}

/* What the core is asked for: a buffer may be trimmed, and is always cleared. */
static unsigned long alloc_frames(struct zb_buffer_pool *bpool,
				  const struct zb_want *want,
				  const struct zb_charge *charge, int *err)
{
	struct zb_want core = *want;
	unsigned long pfn;

	core.gfp &= ~(__ZB_GFP_COMP | __ZB_GFP_ZERO);
	if (want->wait) {
		zb_deferred_free_hurry(bpool);
		return zb_wait_alloc(bpool, &core, charge, err);
	}
	pfn = zb_instance_alloc(bpool->inst, core.gfp, core.nr_pages, core.nid, NULL,
				true);
	*err = fatal_signal_pending(current) ? -EINTR : -ENOMEM;
	if (pfn == ZB_NO_PFN) {
		zb_explain_no_memory(bpool, want, false);
		zb_deferred_free_hurry(bpool);
	}
	return pfn;
}

/* A name as one word, so that it can't be taken for something else. */
static void get_comm(char comm[TASK_COMM_LEN])
{
	char *c;

	strscpy(comm, current->comm, TASK_COMM_LEN);
	for (c = comm; *c; c++)
		if (!isascii(*c) || !isgraph(*c))
			*c = '_';
	if (c == comm)
		strscpy(comm, "-", TASK_COMM_LEN);
}

static void init_mapping(struct address_space *mapping)
{
	address_space_init_once(mapping);
	init_rwsem(&mapping->invalidate_lock);
	mapping->a_ops = &empty_aops;
}

static void describe(struct zb_buffer *buf, struct zb_buffer_pool *bpool,
		     const struct zb_want *want)
{
	const struct zb_zone *zone = zb_pfn_zone(&bpool->inst->pool, buf->pfn);

	kref_init(&buf->ref);
	INIT_LIST_HEAD(&buf->link);
	buf->bpool = bpool;
	init_mapping(&buf->mapping);
	buf->nr_pages = want->nr_pages;
	buf->gfp = want->gfp;
	buf->order = zb_exact_order(want->nr_pages);
	buf->zone = zone->type;
	buf->nid = zone->nid;
	buf->pid = task_tgid_nr(current);
	get_comm(buf->comm);
	buf->born = ktime_get_boottime_seconds();
}

/**
 * zb_buffer_create() - allocate a zeroed buffer
 * @bpool: where
 * @file: account of the open file it is for, or NULL
 * @want: what is wanted
 *
 * Context: may sleep.
 * Return: the buffer with one reference, or an ERR_PTR with the errno of the
 * user header.
 */
struct zb_buffer *zb_buffer_create(struct zb_buffer_pool *bpool,
				   struct zb_account *file,
				   const struct zb_want *want)
{
	struct zb_buffer *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	int err;

	if (!buf) {
		zb_explain(want->why, ZB_CAUSE_KERNEL);
		return ERR_PTR(-ENOMEM);
	}
	err = zb_charge(bpool, &buf->charge, file,
			(u64)want->nr_pages << PAGE_SHIFT, want->why);
	if (err)
		goto free_buf;
	buf->pfn = alloc_frames(bpool, want, &buf->charge, &err);
	if (buf->pfn == ZB_NO_PFN) {
		zb_watch_failed(bpool);
		goto uncharge;
	}
	describe(buf, bpool, want);
	if (want->gfp & __ZB_GFP_WRITE)
		zb_instance_account_dirty(bpool->inst, buf->nid, buf->nr_pages);
	err = clear_frames(bpool, buf->pfn, buf->nr_pages);
	if (err) {
		if (err == -EINTR)
			atomic_long_inc(&bpool->inst->killed);
		else
			zb_explain(want->why, ZB_CAUSE_CACHES);
		zb_buffer_free_frames(buf);
		return ERR_PTR(err);
	}
	mutex_lock(&bpool->lock);
	list_add_tail(&buf->link, &bpool->buffers);
	mutex_unlock(&bpool->lock);
	return buf;

uncharge:
	zb_uncharge(bpool, &buf->charge);
free_buf:
	kfree(buf);
	return ERR_PTR(err);
}

/**
 * zb_buffer_put() - drop a reference
 * @buf: the buffer; gone with the last one
 *
 * Context: may sleep.
 * Return: true if it was the last one.
 */
bool zb_buffer_put(struct zb_buffer *buf)
{
	return kref_put(&buf->ref, release);
}

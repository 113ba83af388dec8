// SPDX-License-Identifier: GPL-2.0-only
/* Creates buffers, and frees them after their last reference is dropped. */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "../core/unfit.h"
#include "../instance/idle_range.h"
#include "../instance/request.h"
#include "batch.h"
#include "discard.h"
#include "zero.h"

/* Copy the task's name without blanks, so that it is one word in debugfs. */
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

static void describe_buffer(struct zb_buffer *buf, struct zb_buffer_pool *bpool,
			    const struct zb_want *want)
{
	const struct zb_zone *zone = zb_pfn_zone(&bpool->inst->pool, buf->pfn);

	kref_init(&buf->ref);
	INIT_LIST_HEAD(&buf->link.list);
	buf->link.buf = buf;
	buf->lru.buf = buf;
	buf->bpool = bpool;
	buf->first.buf = buf;
	buf->first.writable = true;
	init_mapping(&buf->mapping);
	buf->nr_pages = want->nr_pages;
	buf->gfp = want->gfp;
	buf->range = want->range;
	buf->order = want->range.nr_pages ? want->range.align_order :
					    zb_exact_order(want->nr_pages);
	buf->zone = zone->type;
	buf->nid = zone->nid;
	buf->node_bound = zb_task_bound();
	buf->pid = task_tgid_nr(current);
	get_comm(buf->comm);
	buf->born = ktime_get_boottime_seconds();
}

/*
 * While memory is cleared in advance, frames return to the zone, because frames on per-CPU lists
 * are not cleared.
 */
static enum zb_bad free_exact(struct zb_instance *inst, unsigned long pfn,
			      unsigned long nr_pages, bool is_zero)
{
	if (READ_ONCE(inst->zero_ahead))
		return zb_pool_free_to_zone(&inst->pool, pfn, nr_pages, is_zero);
	return zb_pool_free_range(&inst->pool, pfn, nr_pages);
}

/*
 * A range can be as large as a zone, and each frame is checked, so its blocks are freed one by
 * one. The blocks of a range need not be those of an exact allocation.
 */
static enum zb_bad free_range(struct zb_instance *inst, unsigned long pfn,
			      unsigned long nr_pages, bool is_zero)
{
	struct zb_zone *zone = zb_pfn_zone(&inst->pool, pfn);
	unsigned long end = pfn + nr_pages;
	enum zb_bad bad = ZB_OK;
	unsigned int k;

	if (!zone)
		return ZB_BAD_OUTSIDE;
	if (!is_zero && READ_ONCE(inst->zero_ahead))
		zb_zone_zero_freed(zone, pfn, nr_pages);
	for (; pfn < end && bad == ZB_OK; pfn += BIT(k)) {
		k = zb_range_piece(pfn, end - pfn, zone->max_order);
		bad = free_exact(inst, pfn, BIT(k), is_zero);
		cond_resched();
	}
	return bad;
}

/**
 * zb_wake_zero_ahead() - frames were freed that may not be zero
 * @inst: the instance
 *
 * Context: any but NMI.
 */
void zb_wake_zero_ahead(struct zb_instance *inst)
{
	if (!READ_ONCE(inst->zero_ahead))
		return;
	atomic_inc(&inst->zero_frees);
	if (wq_has_sleeper(&inst->zero_wait))
		wake_up(&inst->zero_wait);
}

static enum zb_bad free_frames(struct zb_instance *inst, unsigned long pfn,
			       unsigned long nr_pages, bool is_zero)
{
	unsigned int order = zb_exact_order(nr_pages);
	enum zb_bad bad;

	if (order > inst->pool.max_order || pfn & (BIT(order) - 1))
		bad = free_range(inst, pfn, nr_pages, is_zero);
	else
		bad = free_exact(inst, pfn, nr_pages, is_zero);
	if (!is_zero)
		zb_wake_zero_ahead(inst);
	return bad;
}

/**
 * zb_buffer_drop_frames() - free the frames of a buffer
 * @buf: the buffer, which has no other frames
 * @pfn: first frame
 * @charge: the accounts that it was charged to
 * @is_zero: nobody has written to the frames since they were cleared
 *
 * Context: may sleep.
 */
void zb_buffer_drop_frames(struct zb_buffer *buf, unsigned long pfn,
			   struct zb_charge *charge, bool is_zero)
{
	struct zb_buffer_pool *bpool = buf->bpool;
	struct zb_instance *inst = bpool->inst;
	const struct zb_zone *zone = zb_pfn_zone(&inst->pool, pfn);
	enum zb_bad bad;

	if (zone && buf->gfp & __ZB_GFP_WRITE)
		zb_instance_account_dirty(inst, zone->nid, -(long)buf->nr_pages);
	trace_mm_page_free(pfn, zb_exact_order(buf->nr_pages));
	bad = free_frames(inst, pfn, buf->nr_pages, is_zero);
	WARN_ONCE(bad != ZB_OK, "zbuddy: the frames of a buffer could not be freed (%d)\n",
		  bad);
	zb_uncharge(bpool, charge);
	zb_instance_wake_waiters(inst);
}

/**
 * zb_buffer_free() - free a buffer and its frames
 * @buf: a buffer that is not in use; it may or may not be on zb_buffer_pool.buffers
 *
 * Context: may sleep.
 */
void zb_buffer_free(struct zb_buffer *buf)
{
	zb_buffer_list_remove(buf);
	if (buf->discard != ZB_DISCARD_PURGED)
		zb_buffer_drop_frames(buf, buf->pfn, &buf->charge, buf->is_zero);
	kfree(buf);
}

/*
 * Allocate from a list of this CPU. All frames are checked, as on the freelist path: if
 * some are unfit, the block is freed, which keeps those out of use. While memory is cleared
 * in advance, blocks on lists are not used, because they have to be cleared.
 */
static bool alloc_fast(struct zb_buffer_pool *bpool, const struct zb_want *want,
		       unsigned long *pfn)
{
	const struct zb_node *node = zb_this_node();
	struct zb_pool *pool = &bpool->inst->pool;
	unsigned int order = zb_exact_order(want->nr_pages);

	if (want->nid != NUMA_NO_NODE || want->nr_pages != BIT(order) ||
	    READ_ONCE(bpool->inst->zero_ahead) || !zb_may_use_fast_path(node, want->nid) ||
	    !zb_fast_alloc(node, want->gfp, order, pfn))
		return false;
	if (likely(zb_block_fit(zb_pfn_zone(pool, *pfn), *pfn, order)))
		return true;
	zb_pool_free_exact(pool, *pfn, want->nr_pages);
	return false;
}

/**
 * zb_buffer_alloc_failed() - explain why no memory was allocated
 * @bpool: the buffer pool
 * @want: the request
 *
 * Context: may sleep.
 * Return: -ENOMEM, or -EINTR if the task is being killed.
 */
int zb_buffer_alloc_failed(struct zb_buffer_pool *bpool, const struct zb_want *want)
{
	int err = fatal_signal_pending(current) ? -EINTR : -ENOMEM;

	zb_explain_no_memory(bpool, want, false);
	zb_deferred_free_hurry(bpool);
	return err;
}

/**
 * zb_buffer_alloc_range() - allocate the frames of a buffer that is a range
 * @bpool: the buffer pool
 * @want: the request, which has been charged
 * @map: receives which frames are known to be zero, or NULL
 * @err: if there is no memory, set to -ENOMEM, or to -EINTR if the task is being killed
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_buffer_alloc_range(struct zb_buffer_pool *bpool, const struct zb_want *want,
				    struct zb_zero_map *map, int *err)
{
	struct zb_range_failure failure;
	unsigned long pfn;

	pfn = zb_idle_alloc_range(bpool->inst, want->gfp, &want->range, want->nid, NULL, true,
				  map, &failure);
	if (pfn != ZB_NO_PFN)
		return pfn;
	zb_explain_range(want, &failure);
	*err = zb_buffer_alloc_failed(bpool, want);
	return ZB_NO_PFN;
}

static zb_gfp_t attempt_gfp(const struct zb_want *want)
{
	if (!want->free_only)
		return want->gfp;
	return (want->gfp & ~__ZB_GFP_DIRECT_RECLAIM) | __ZB_GFP_NOWARN;
}

/* Describe a buffer that has its frames, and clear them; the caller adds it to the list. */
static int init_buffer(struct zb_buffer *buf, struct zb_buffer_pool *bpool,
		       const struct zb_want *want, struct zb_zero_map *map)
{
	int err;

	describe_buffer(buf, bpool, want);
	if (want->gfp & __ZB_GFP_WRITE)
		zb_instance_account_dirty(bpool->inst, buf->nid, buf->nr_pages);
	err = zb_buffer_clear(bpool, want, buf->pfn, map);
	buf->is_zero = !err;
	return err;
}

/* Allocate and charge a buffer without frames. Returns an ERR_PTR if this fails. */
static struct zb_buffer *new_buffer(struct zb_buffer_pool *bpool, struct zb_account *file,
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
	if (!err)
		return buf;
	kfree(buf);
	return ERR_PTR(err);
}

/**
 * zb_buffer_create() - allocate a zeroed buffer
 * @bpool: the buffer pool
 * @file: account of the open file, or NULL
 * @want: the request
 *
 * Context: may sleep.
 * Return: the buffer with one reference, or an ERR_PTR with the errno of the
 * user header.
 */
struct zb_buffer *zb_buffer_create(struct zb_buffer_pool *bpool,
				   struct zb_account *file,
				   const struct zb_want *want)
{
	struct zb_buffer *buf = new_buffer(bpool, file, want);
	struct zb_zero_map *map;
	struct zb_zeroing zeroing;
	int err = 0;

	if (IS_ERR(buf))
		return buf;
	map = zb_zeroing_begin(bpool->inst, &zeroing, want->nr_pages, GFP_KERNEL);
	if (want->wait) {
		zb_deferred_free_hurry(bpool);
		buf->pfn = zb_wait_alloc(bpool, want, &buf->charge, map, &err);
	} else if (want->range.nr_pages) {
		buf->pfn = zb_buffer_alloc_range(bpool, want, map, &err);
	} else {
		if (!(want->stock && zb_stock_take(bpool, want, map, &buf->pfn)) &&
		    !alloc_fast(bpool, want, &buf->pfn))
			buf->pfn = zb_instance_alloc(bpool->inst, attempt_gfp(want),
						     want->nr_pages, want->nid, NULL, true,
						     map);
		if (buf->pfn == ZB_NO_PFN)
			err = zb_buffer_alloc_failed(bpool, want);
	}
	if (buf->pfn == ZB_NO_PFN)
		goto failed;
	err = init_buffer(buf, bpool, want, map);
	zb_zeroing_end(&zeroing);
	if (err) {
		zb_buffer_free(buf);
		return ERR_PTR(err);
	}
	zb_buffer_list_add(buf);
	return buf;

failed:
	zb_zeroing_end(&zeroing);
	zb_watch_failed(bpool);
	zb_uncharge(bpool, &buf->charge);
	kfree(buf);
	return ERR_PTR(err);
}

/* The last reference was dropped. Returns false if the release has to be deferred. */
static bool may_free(struct zb_buffer *buf)
{
	/* The list of discardable buffers holds no references, so the buffer is still on it. */
	if (buf->discard == ZB_DISCARD_MARKED)
		zb_lru_remove(buf);
	zb_uncharge_mark(buf->bpool, buf->marker);
	if (!zb_buffer_in_use(buf))
		return true;
	zb_deferred_free_add(buf);
	return false;
}

static void release_buffer(struct kref *ref)
{
	struct zb_buffer *buf = container_of(ref, struct zb_buffer, ref);

	if (may_free(buf))
		zb_buffer_free(buf);
}

/**
 * zb_buffer_put() - drop a reference
 * @buf: the buffer, which is released with its last reference
 *
 * Context: may sleep.
 * Return: true if it was the last one.
 */
bool zb_buffer_put(struct zb_buffer *buf)
{
	return kref_put(&buf->ref, release_buffer);
}

static void keep_buffer(struct kref *ref)
{
}

/**
 * zb_buffer_put_keep() - drop a reference, but do not free the buffer
 * @buf: the buffer
 *
 * Context: may sleep.
 * Return: true if it was the last one, and the caller has to free the buffer.
 */
bool zb_buffer_put_keep(struct zb_buffer *buf)
{
	return kref_put(&buf->ref, keep_buffer) && may_free(buf);
}

/**
 * zb_buffer_put_and_drain() - drop a reference, maybe after all open files are closed
 * @buf: the buffer, which is released with its last reference
 *
 * Frames on per-CPU lists have no use then, but fragment the memory, as in zb_file_close().
 *
 * Context: may sleep.
 */
void zb_buffer_put_and_drain(struct zb_buffer *buf)
{
	struct zb_buffer_pool *bpool = buf->bpool;

	if (zb_buffer_put(buf) && !atomic_read(&bpool->files))
		zb_instance_drain_all(bpool->inst);
}

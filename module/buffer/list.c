// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of all buffers.
 *
 * A reader has an entry of its own in the list, which moves behind each buffer that it
 * reads. It finds the next buffer in one step, however long the list is, and the lock is
 * held for that step only. A buffer that exists during the whole walk is read once.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "place.h"

/**
 * zb_buffer_list_init() - initialize an empty list of all buffers
 * @bpool: the buffer pool
 */
void zb_buffer_list_init(struct zb_buffer_pool *bpool)
{
	spin_lock_init(&bpool->lock);
	INIT_LIST_HEAD(&bpool->buffers);
}

/**
 * zb_buffer_list_add() - add a new buffer to the list of all buffers
 * @buf: the buffer
 *
 * Context: any but interrupts.
 */
void zb_buffer_list_add(struct zb_buffer *buf)
{
	spin_lock(&buf->bpool->lock);
	list_add_tail(&buf->link.list, &buf->bpool->buffers);
	spin_unlock(&buf->bpool->lock);
}

/**
 * zb_buffer_list_remove() - remove a buffer from the list of all buffers
 * @buf: the buffer, which may not have been added
 *
 * Context: any but interrupts.
 */
void zb_buffer_list_remove(struct zb_buffer *buf)
{
	spin_lock(&buf->bpool->lock);
	list_del(&buf->link.list);
	spin_unlock(&buf->bpool->lock);
}

/**
 * zb_buffer_set_label() - set the label of a buffer
 * @buf: the buffer
 * @label: the label
 *
 * Context: any but interrupts.
 */
void zb_buffer_set_label(struct zb_buffer *buf, const char label[ZB_LABEL_LEN])
{
	spin_lock(&buf->bpool->lock);
	strscpy(buf->label, label, sizeof(buf->label));
	spin_unlock(&buf->bpool->lock);
}

/**
 * zb_buffer_get_label() - copy the label of a buffer
 * @buf: the buffer
 * @label: filled in
 *
 * Context: any but interrupts.
 */
void zb_buffer_get_label(struct zb_buffer *buf, char label[ZB_LABEL_LEN])
{
	spin_lock(&buf->bpool->lock);
	strscpy(label, buf->label, ZB_LABEL_LEN);
	spin_unlock(&buf->bpool->lock);
}

static void copy_info(struct zb_buffer_info *info, const struct zb_buffer *buf)
{
	lockdep_assert_held(&buf->bpool->lock);
	*info = (struct zb_buffer_info){
		.handle = READ_ONCE(buf->first.nr),
		.handles = atomic_read(&buf->handles),
		.was_mapped = READ_ONCE(buf->was_mapped),
		.is_deferred = READ_ONCE(buf->is_deferred),
		.is_fixed = READ_ONCE(buf->phys_known) || atomic_read(&buf->fixed),
		.never_moves = READ_ONCE(buf->phys_known) || zb_buffer_keeps_place(buf),
		.pid = buf->pid,
		.pfn = buf->pfn,
		.nr_pages = buf->nr_pages,
		.gfp = buf->gfp,
		.order = buf->order,
		.zone = buf->zone,
		.nid = buf->nid,
		.discard = buf->discard,
		.mappings = atomic_read(&buf->mappings),
		.exports = atomic_read(&buf->exports),
		.inodes = atomic_read(&buf->inodes),
		.born = buf->born,
	};
	strscpy(info->comm, buf->comm, sizeof(info->comm));
	strscpy(info->label, buf->label, sizeof(info->label));
}

/**
 * zb_buffer_iter_begin() - begin to read the list of all buffers
 * @iter: the position, which is set before the first buffer
 * @bpool: the buffer pool
 *
 * Context: any but interrupts. zb_buffer_iter_end() has to follow.
 */
void zb_buffer_iter_begin(struct zb_buffer_iter *iter, struct zb_buffer_pool *bpool)
{
	iter->bpool = bpool;
	iter->pos.buf = NULL;
	spin_lock(&bpool->lock);
	list_add(&iter->pos.list, &bpool->buffers);
	spin_unlock(&bpool->lock);
}

/**
 * zb_buffer_iter_next() - read the state of the next buffer
 * @iter: the position, whose @info is filled in
 *
 * The buffer may be freed as soon as this function returns.
 *
 * Context: may sleep.
 * Return: false if there are no more buffers.
 */
bool zb_buffer_iter_next(struct zb_buffer_iter *iter)
{
	struct zb_buffer_pool *bpool = iter->bpool;
	struct zb_buffer_link *link = &iter->pos;
	unsigned long nr = 0;
	bool found = false;

	cond_resched();
	spin_lock(&bpool->lock);
	list_for_each_entry_continue(link, &bpool->buffers, list) {
		nr++;
		found = link->buf;
		if (found) {
			copy_info(&iter->info, link->buf);
			list_move(&iter->pos.list, &link->list);
			break;
		}
	}
	spin_unlock(&bpool->lock);
	atomic_long_add(nr, &bpool->inst->owners_steps);
	return found;
}

/**
 * zb_buffer_iter_rewind() - set a position before the first buffer again
 * @iter: the position
 *
 * Context: any but interrupts.
 */
void zb_buffer_iter_rewind(struct zb_buffer_iter *iter)
{
	spin_lock(&iter->bpool->lock);
	list_move(&iter->pos.list, &iter->bpool->buffers);
	spin_unlock(&iter->bpool->lock);
}

/**
 * zb_buffer_iter_end() - stop reading the list of all buffers
 * @iter: the position
 *
 * Context: any but interrupts.
 */
void zb_buffer_iter_end(struct zb_buffer_iter *iter)
{
	spin_lock(&iter->bpool->lock);
	list_del(&iter->pos.list);
	spin_unlock(&iter->bpool->lock);
}

/* Get the buffer before the position, if it is the one that was read last. */
static struct zb_buffer *get_last_read(struct zb_buffer_iter *iter)
{
	struct list_head *at = iter->pos.list.prev;
	struct zb_buffer *buf = NULL;

	lockdep_assert_held(&iter->bpool->lock);
	for (; !buf && at != &iter->bpool->buffers; at = at->prev)
		buf = list_entry(at, struct zb_buffer_link, list)->buf;
	if (!buf || buf->pfn != iter->info.pfn || !kref_get_unless_zero(&buf->ref))
		return NULL;
	return buf;
}

/**
 * zb_buffer_iter_get() - get the buffer that was read last
 * @iter: the position
 *
 * Context: any but interrupts.
 * Return: the buffer with a reference for the caller, or NULL if it has been freed or
 * moved since it was read.
 */
struct zb_buffer *zb_buffer_iter_get(struct zb_buffer_iter *iter)
{
	struct zb_buffer *buf;

	spin_lock(&iter->bpool->lock);
	buf = get_last_read(iter);
	spin_unlock(&iter->bpool->lock);
	return buf;
}

/**
 * zb_buffer_find() - find the buffer of a frame
 * @bpool: the buffer pool
 * @pfn: the frame
 *
 * All buffers are read, so this is for rare events only.
 *
 * Context: may sleep.
 * Return: the buffer with a reference for the caller, or NULL.
 */
struct zb_buffer *zb_buffer_find(struct zb_buffer_pool *bpool, unsigned long pfn)
{
	struct zb_buffer *buf = NULL;
	struct zb_buffer_iter iter;

	zb_buffer_iter_begin(&iter, bpool);
	while (zb_buffer_iter_next(&iter)) {
		if (pfn < iter.info.pfn || pfn - iter.info.pfn >= iter.info.nr_pages)
			continue;
		buf = zb_buffer_iter_get(&iter);
		break;
	}
	zb_buffer_iter_end(&iter);
	return buf;
}

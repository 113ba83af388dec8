// SPDX-License-Identifier: GPL-2.0-only
/* The lists of discardable buffers, see discard.h. */
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/slab.h>

#include "discard.h"

#define RESET_TIME	(HZ / 50 ?: 1)

/**
 * zb_zone_lru() - get the discardable buffers of a zone
 * @bpool: the buffer pool
 * @zone: a zone of its instance
 *
 * Return: the buffers, or NULL before zb_lru_init().
 */
struct zb_lru *zb_zone_lru(struct zb_buffer_pool *bpool, const struct zb_zone *zone)
{
	return bpool->lrus ? &bpool->lrus[zone - bpool->inst->pool.zones] : NULL;
}

static struct zb_lru *lru_of(struct zb_buffer *buf)
{
	const struct zb_pool *pool = &buf->bpool->inst->pool;

	return &buf->bpool->lrus[zb_pfn_zone(pool, buf->pfn) - pool->zones];
}

static void insert_in_tree(struct zb_lru *lru, struct zb_buffer *buf)
{
	struct rb_node **link = &lru->tree.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = buf->pfn < rb_entry(parent, struct zb_buffer, lru_node)->pfn ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&buf->lru_node, parent, link);
	rb_insert_color(&buf->lru_node, &lru->tree);
}

static void shorten(unsigned long *until, unsigned long end)
{
	if (time_after(*until, end))
		WRITE_ONCE(*until, end);
}

/*
 * There is more to take now, so end the pauses of reclaim. A program that marks a buffer again
 * and again must not keep reclaim busy. Therefore the pauses end at once only if this has not
 * happened for RESET_TIME, and otherwise when this time has passed.
 */
static void end_pauses(struct zb_lru *lru)
{
	unsigned long end = lru->reset_at + RESET_TIME;

	if (!time_before(jiffies, end)) {
		lru->reset_at = jiffies;
		end = jiffies;
	}
	shorten(&lru->idle_until, end);
	shorten(&lru->busy_until, end);
	shorten(&lru->no_window_until, end);
}

/**
 * zb_lru_add() - allow the memory of a buffer to be taken back
 * @buf: the buffer
 *
 * Context: any but interrupts; invalidate_lock of the buffer held for writing.
 */
void zb_lru_add(struct zb_buffer *buf)
{
	struct zb_lru *lru = lru_of(buf);

	spin_lock(&lru->lock);
	list_add_tail(&buf->lru.list, &lru->list);
	insert_in_tree(lru, buf);
	lru->nr_pages += buf->nr_pages;
	lru->nr_buffers++;
	lru->marks++;
	end_pauses(lru);
	WRITE_ONCE(buf->on_lru, lru);
	spin_unlock(&lru->lock);
}

/**
 * zb_lru_remove() - undo zb_lru_add(), if it was called
 * @buf: the buffer
 *
 * Context: any but interrupts; invalidate_lock of the buffer held for writing, or there are no
 * references.
 */
void zb_lru_remove(struct zb_buffer *buf)
{
	struct zb_lru *lru = buf->on_lru;

	if (!lru)
		return;
	spin_lock(&lru->lock);
	list_del(&buf->lru.list);
	rb_erase(&buf->lru_node, &lru->tree);
	lru->nr_pages -= buf->nr_pages;
	lru->nr_buffers--;
	WRITE_ONCE(buf->on_lru, NULL);
	spin_unlock(&lru->lock);
}

/**
 * zb_lru_begin() - begin to read a list of discardable buffers
 * @iter: the position, which is placed before the oldest buffer
 * @lru: the list
 *
 * Context: any but interrupts. zb_lru_end() has to follow.
 */
void zb_lru_begin(struct zb_lru_iter *iter, struct zb_lru *lru)
{
	iter->lru = lru;
	iter->pos.buf = NULL;
	spin_lock(&lru->lock);
	list_add(&iter->pos.list, &lru->list);
	spin_unlock(&lru->lock);
}

/**
 * zb_lru_next() - get the next discardable buffer
 * @iter: the position
 *
 * Context: any but interrupts.
 * Return: the buffer with a reference for the caller, or NULL if there are no more.
 */
struct zb_buffer *zb_lru_next(struct zb_lru_iter *iter)
{
	struct zb_buffer_link *link = &iter->pos;
	struct zb_lru *lru = iter->lru;
	struct zb_buffer *buf = NULL;

	spin_lock(&lru->lock);
	list_for_each_entry_continue(link, &lru->list, list) {
		if (!link->buf || !kref_get_unless_zero(&link->buf->ref))
			continue;
		buf = link->buf;
		list_move(&iter->pos.list, &link->list);
		break;
	}
	spin_unlock(&lru->lock);
	return buf;
}

/**
 * zb_lru_end() - stop reading a list of discardable buffers
 * @iter: the position
 *
 * Context: any but interrupts.
 */
void zb_lru_end(struct zb_lru_iter *iter)
{
	spin_lock(&iter->lru->lock);
	list_del(&iter->pos.list);
	spin_unlock(&iter->lru->lock);
}

/**
 * zb_lru_find() - find the first discardable buffer from a frame on
 * @lru: the discardable buffers of a zone
 * @pfn: the frame
 *
 * Context: any but interrupts.
 * Return: the buffer that contains the frame, or else the one with the next higher frames; with
 * a reference for the caller; NULL if there is none.
 */
struct zb_buffer *zb_lru_find(struct zb_lru *lru, unsigned long pfn)
{
	struct rb_node *node, *found = NULL;
	struct zb_buffer *buf = NULL;

	spin_lock(&lru->lock);
	for (node = lru->tree.rb_node; node;) {
		buf = rb_entry(node, struct zb_buffer, lru_node);
		if (buf->pfn + buf->nr_pages > pfn) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	for (buf = NULL; found && !buf; found = rb_next(found)) {
		buf = rb_entry(found, struct zb_buffer, lru_node);
		if (!kref_get_unless_zero(&buf->ref))
			buf = NULL;
	}
	spin_unlock(&lru->lock);
	return buf;
}

/**
 * zb_lru_spare() - treat a buffer as if it had been marked just now
 * @lru: discardable buffers to which the buffer belonged
 * @buf: the buffer
 * @used: whether it counts as recently used
 *
 * If the buffer has lost its memory meanwhile, it may be on the list of another zone now. In
 * that case its position there does not change.
 *
 * Context: any but interrupts.
 */
void zb_lru_spare(struct zb_lru *lru, struct zb_buffer *buf, bool used)
{
	WRITE_ONCE(buf->recently_used, used);
	spin_lock(&lru->lock);
	/* @on_lru changes from or to this list only while its lock is held. */
	if (READ_ONCE(buf->on_lru) == lru)
		list_move_tail(&buf->lru.list, &lru->list);
	spin_unlock(&lru->lock);
}

/**
 * zb_lru_pause() - begin a pause of reclaim, because it has found nothing to take
 * @lru: the discardable buffers of a zone
 * @until: which pause; a member of @lru
 * @time: its length in jiffies
 * @marks: @lru->marks when reclaim began to search
 *
 * The search may have missed a buffer that was marked after it began. In that case the pause is
 * as short as if the buffer had been marked during the pause.
 *
 * Context: any but interrupts.
 */
void zb_lru_pause(struct zb_lru *lru, unsigned long *until, unsigned long time,
		  unsigned int marks)
{
	spin_lock(&lru->lock);
	WRITE_ONCE(*until, jiffies + time);
	if (lru->marks != marks)
		shorten(until, lru->reset_at + RESET_TIME);
	spin_unlock(&lru->lock);
}

/**
 * zb_lru_init() - create empty lists of discardable buffers
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_lru_init(struct zb_buffer_pool *bpool)
{
	struct zb_lru *lru;

	bpool->lrus = kcalloc(bpool->inst->pool.nr_zones, sizeof(*bpool->lrus), GFP_KERNEL);
	if (!bpool->lrus)
		return -ENOMEM;
	for (lru = bpool->lrus; lru < bpool->lrus + bpool->inst->pool.nr_zones; lru++) {
		spin_lock_init(&lru->lock);
		INIT_LIST_HEAD(&lru->list);
		lru->tree = RB_ROOT;
		lru->idle_until = jiffies;
		lru->busy_until = jiffies;
		lru->no_window_until = jiffies;
		lru->reset_at = jiffies - RESET_TIME;
	}
	return 0;
}

/**
 * zb_lru_exit() - undo zb_lru_init()
 * @bpool: the buffer pool, without buffers
 *
 * Context: may sleep.
 */
void zb_lru_exit(struct zb_buffer_pool *bpool)
{
	kfree(bpool->lrus);
	bpool->lrus = NULL;
}

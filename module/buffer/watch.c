// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll() of the device, which is readable while memory is available.
 *
 * Programs in poll() sleep on zb_buffer_pool.readable, which is woken only when memory
 * becomes available, not by every free. While a program sleeps there, a watch checks for
 * available memory: when memory is freed or a watermark is lowered, and every 100 ms,
 * because it is not woken when another module frees memory to a per-CPU list.
 *
 * A failed allocation starts a watch as well, because a program with edge-triggered
 * events does not call poll() again before the next event.
 */
#include <linux/poll.h>

#include "buffer.h"

#define CHECK_INTERVAL	(HZ / 10)

/* Called by zb_instance_wake_waiters() after a free, in any context but NMI. */
static int watch_freed(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	struct zb_watch *watch = container_of(entry, struct zb_watch, on_free);
	struct zb_buffer_pool *bpool = container_of(watch, struct zb_buffer_pool, watch);

	if (!atomic_xchg(&watch->kicked, 1))
		mod_delayed_work(bpool->line.wq, &watch->work, 0);
	return 0;
}

static void begin_watch(struct zb_buffer_pool *bpool)
{
	struct zb_watch *watch = &bpool->watch;

	spin_lock(&watch->lock);
	if (!watch->on) {
		watch->on = true;
		add_wait_queue(&bpool->inst->free_wait, &watch->on_free);
		mod_delayed_work(bpool->line.wq, &watch->work, CHECK_INTERVAL);
	}
	spin_unlock(&watch->lock);
}

/**
 * zb_watch_failed() - start a watch after a failed allocation
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 */
void zb_watch_failed(struct zb_buffer_pool *bpool)
{
	bool sleeper;

	/* No barrier is needed: a program that starts to sleep later checks by itself. */
	sleeper = waitqueue_active(&bpool->readable);
	if (sleeper)
		begin_watch(bpool);
}

static void end_watch(struct zb_buffer_pool *bpool)
{
	struct zb_watch *watch = &bpool->watch;

	lockdep_assert_held(&watch->lock);
	watch->on = false;
	remove_wait_queue(&bpool->inst->free_wait, &watch->on_free);
}

static void watch_work(struct work_struct *work)
{
	struct zb_watch *watch = container_of(to_delayed_work(work),
					      struct zb_watch, work);
	struct zb_buffer_pool *bpool = container_of(watch, struct zb_buffer_pool, watch);
	bool sleeper, readable;

	spin_lock(&watch->lock);
	atomic_set(&watch->kicked, 0);
	/* Clear @kicked before checking. Pairs with zb_instance_wake_waiters(). */
	smp_mb__after_atomic();
	readable = zb_instance_above_low(bpool->inst);
	/* A program that starts to sleep later starts a new watch. */
	sleeper = waitqueue_active(&bpool->readable);
	if (watch->on && (readable || !sleeper))
		end_watch(bpool);
	else if (watch->on)
		queue_delayed_work(bpool->line.wq, &watch->work, CHECK_INTERVAL);
	spin_unlock(&watch->lock);
	if (readable)
		wake_up_poll(&bpool->readable, EPOLLIN | EPOLLRDNORM);
}

/**
 * zb_watch_poll() - implement poll() of the device
 * @bpool: the buffer pool
 * @filp: the open file
 * @wait: the poll table
 *
 * Context: may sleep.
 * Return: readable if some zone is above its low watermark, else 0.
 */
__poll_t zb_watch_poll(struct zb_buffer_pool *bpool, struct file *filp,
		       struct poll_table_struct *wait)
{
	poll_wait(filp, &bpool->readable, wait);
	if (!zb_instance_above_low(bpool->inst))
		begin_watch(bpool);
	/* Check again: memory may have been freed before the watch started. */
	return zb_instance_above_low(bpool->inst) ? EPOLLIN | EPOLLRDNORM : 0;
}

/**
 * zb_watch_init() - initialize a watch that does not run
 * @bpool: the buffer pool
 */
void zb_watch_init(struct zb_buffer_pool *bpool)
{
	struct zb_watch *watch = &bpool->watch;

	init_waitqueue_head(&bpool->readable);
	spin_lock_init(&watch->lock);
	init_waitqueue_func_entry(&watch->on_free, watch_freed);
	INIT_DELAYED_WORK(&watch->work, watch_work);
}

/**
 * zb_watch_exit() - stop the watch
 * @bpool: the buffer pool, without open files
 *
 * Context: may sleep.
 */
void zb_watch_exit(struct zb_buffer_pool *bpool)
{
	struct zb_watch *watch = &bpool->watch;

	spin_lock(&watch->lock);
	if (watch->on)
		end_watch(bpool);
	spin_unlock(&watch->lock);
	cancel_delayed_work_sync(&watch->work);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(): is there memory?
 *
 * Programs that poll sleep on a queue of their own, zb_space.readable, which is
 * woken when there is memory again, not at every free. While there is none and some
 * of them sleep, a watch looks for it: when something is freed or a watermark
 * changes, and every 100 ms for what happens without notice, such as a free by a
 * module to a per-CPU list.
 *
 * An allocation that fails begins a watch as well: a program that uses edge-triggered
 * events does not call poll() again before the next event.
 */
#include <linux/poll.h>

#include "buffer.h"

#define LOOK_AGAIN	(HZ / 10)

/* Something was freed: by zb_host_freed(), in any context but NMI. */
static int watch_freed(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	struct zb_watch *watch = container_of(entry, struct zb_watch, on_free);
	struct zb_space *space = container_of(watch, struct zb_space, watch);

	if (!atomic_xchg(&watch->kicked, 1))
		mod_delayed_work(space->line.wq, &watch->work, 0);
	return 0;
}

static void begin_watch(struct zb_space *space)
{
	struct zb_watch *watch = &space->watch;

	mutex_lock(&watch->lock);
	if (!watch->on) {
		watch->on = true;
		add_wait_queue(&space->host->freed, &watch->on_free);
		mod_delayed_work(space->line.wq, &watch->work, LOOK_AGAIN);
	}
	mutex_unlock(&watch->lock);
}

/**
 * zb_watch_failed() - an allocation has failed: programs that poll are to know when
 *	the next one may not
 * @space: where
 *
 * Context: may sleep.
 */
void zb_watch_failed(struct zb_space *space)
{
	bool sleeper;

	/* A program that comes later looks for itself, so this needs no barrier. */
	sleeper = waitqueue_active(&space->readable);
	if (sleeper)
		begin_watch(space);
}

static void end_watch(struct zb_space *space)
{
	struct zb_watch *watch = &space->watch;

	lockdep_assert_held(&watch->lock);
	watch->on = false;
	remove_wait_queue(&space->host->freed, &watch->on_free);
}

static void watch_work(struct work_struct *work)
{
	struct zb_watch *watch = container_of(to_delayed_work(work),
					      struct zb_watch, work);
	struct zb_space *space = container_of(watch, struct zb_space, watch);
	bool sleeper, readable;

	mutex_lock(&watch->lock);
	atomic_set(&watch->kicked, 0);
	/* Pairs with the barrier in zb_host_freed(): look after that is seen. */
	smp_mb__after_atomic();
	readable = zb_host_above_low(space->host);
	/* A program that begins to sleep later begins a watch of its own. */
	sleeper = waitqueue_active(&space->readable);
	if (watch->on && (readable || !sleeper))
		end_watch(space);
	else if (watch->on)
		queue_delayed_work(space->line.wq, &watch->work, LOOK_AGAIN);
	mutex_unlock(&watch->lock);
	if (readable)
		wake_up_poll(&space->readable, EPOLLIN | EPOLLRDNORM);
}

/**
 * zb_watch_poll() - what poll() of the device says
 * @space: where
 * @filp: the open file
 * @wait: from poll()
 *
 * Context: may sleep.
 * Return: readable if some zone is above its low watermark, else nothing.
 */
__poll_t zb_watch_poll(struct zb_space *space, struct file *filp,
		       struct poll_table_struct *wait)
{
	poll_wait(filp, &space->readable, wait);
	if (!zb_host_above_low(space->host))
		begin_watch(space);
	/* Once more: it may have come before there was a watch. */
	return zb_host_above_low(space->host) ? EPOLLIN | EPOLLRDNORM : 0;
}

/**
 * zb_watch_init() - start without a watch
 * @space: whose
 */
void zb_watch_init(struct zb_space *space)
{
	struct zb_watch *watch = &space->watch;

	init_waitqueue_head(&space->readable);
	mutex_init(&watch->lock);
	init_waitqueue_func_entry(&watch->on_free, watch_freed);
	INIT_DELAYED_WORK(&watch->work, watch_work);
}

/**
 * zb_watch_exit() - end the watch
 * @space: whose; nobody polls any more
 *
 * Context: may sleep.
 */
void zb_watch_exit(struct zb_space *space)
{
	struct zb_watch *watch = &space->watch;

	mutex_lock(&watch->lock);
	if (watch->on)
		end_watch(space);
	mutex_unlock(&watch->lock);
	cancel_delayed_work_sync(&watch->work);
}

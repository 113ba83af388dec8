// SPDX-License-Identifier: GPL-2.0-only
#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>

#include "callback.h"

/* The calls in progress. There are few, because the requests that reclaim or compact are few. */
static LIST_HEAD(callbacks);
static DEFINE_SPINLOCK(callbacks_lock);

#ifdef CONFIG_LOCKDEP
static struct lockdep_map reclaim_map = STATIC_LOCKDEP_MAP_INIT("zb_reclaim", &reclaim_map);
static struct lockdep_map io_map = STATIC_LOCKDEP_MAP_INIT("zb_io_reclaim", &io_map);
static struct lockdep_map fs_map = STATIC_LOCKDEP_MAP_INIT("zb_fs_reclaim", &fs_map);

static struct lockdep_map *map_of(zb_gfp_t needs)
{
	return (needs & __ZB_GFP_FS) ? &fs_map : (needs & __ZB_GFP_IO) ? &io_map : &reclaim_map;
}

static void acquire_map(zb_gfp_t needs)
{
	lock_map_acquire(map_of(needs));
}

static void release_map(zb_gfp_t needs)
{
	lock_map_release(map_of(needs));
}
#else
static void acquire_map(zb_gfp_t needs)
{
}

static void release_map(zb_gfp_t needs)
{
}
#endif

/**
 * zb_io_context() - determine what callbacks for a request of the current task may do
 * @gfp: flags of the request
 *
 * Context: any.
 * Return: __ZB_GFP_IO and __ZB_GFP_FS, unless the flags or the context of the task exclude them.
 */
zb_gfp_t zb_io_context(zb_gfp_t gfp)
{
	gfp_t context = current_gfp_context(GFP_KERNEL);

	if (!(context & __GFP_IO))
		return __ZB_GFP(0);
	return gfp & ((context & __GFP_FS) ? __ZB_GFP_IO | __ZB_GFP_FS : __ZB_GFP_IO);
}

/**
 * zb_callback_begin() - prepare for a call of a callback
 * @cb: filled in
 * @gfp: what the callback may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @needs: what it needs, a part of @gfp
 *
 * Context: may sleep; the task is not in a callback.
 */
void zb_callback_begin(struct zb_callback *cb, zb_gfp_t gfp, zb_gfp_t needs)
{
	*cb = (struct zb_callback){ .task = current, .gfp = gfp, .needs = needs };
	spin_lock(&callbacks_lock);
	list_add(&cb->link, &callbacks);
	spin_unlock(&callbacks_lock);
	if (!(gfp & __ZB_GFP_IO))
		cb->noio = memalloc_noio_save();
	if (!(gfp & __ZB_GFP_FS))
		cb->nofs = memalloc_nofs_save();
	acquire_map(needs);
}

/**
 * zb_callback_end() - undo zb_callback_begin()
 * @cb: the call
 *
 * Context: may sleep.
 */
void zb_callback_end(struct zb_callback *cb)
{
	release_map(cb->needs);
	if (!(cb->gfp & __ZB_GFP_FS))
		memalloc_nofs_restore(cb->nofs);
	if (!(cb->gfp & __ZB_GFP_IO))
		memalloc_noio_restore(cb->noio);
	spin_lock(&callbacks_lock);
	list_del(&cb->link);
	spin_unlock(&callbacks_lock);
}

/**
 * zb_callback_might_run() - tell lockdep that the caller may wait for the end of a callback
 * @needs: what the callback needs
 *
 * Context: may sleep.
 */
void zb_callback_might_run(zb_gfp_t needs)
{
	acquire_map(needs);
	release_map(needs);
}

/**
 * zb_may_reclaim() - check whether requests of the current task may take memory from others
 *
 * A task that frees memory for the kernel must not wait, and reclaim does not call itself.
 *
 * Context: task.
 * Return: false if not.
 */
bool zb_may_reclaim(void)
{
	const struct zb_callback *cb;
	bool may = true;

	if (current->flags & PF_MEMALLOC)
		return false;
	/* Only the current task can have added a call of its own. */
	if (list_empty_careful(&callbacks))
		return true;
	spin_lock(&callbacks_lock);
	list_for_each_entry(cb, &callbacks, link) {
		if (cb->task == current) {
			may = false;
			break;
		}
	}
	spin_unlock(&callbacks_lock);
	return may;
}

/**
 * zb_might_reclaim() - tell lockdep which callbacks a request may call
 * @gfp: flags of the request
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, otherwise any but NMI.
 */
void zb_might_reclaim(zb_gfp_t gfp)
{
	zb_gfp_t context;

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !(gfp & __ZB_GFP_DIRECT_RECLAIM) || !zb_may_reclaim())
		return;
	context = zb_io_context(gfp);
	zb_callback_might_run(__ZB_GFP(0));
	if (context & __ZB_GFP_IO)
		zb_callback_might_run(__ZB_GFP_IO);
	if (context & __ZB_GFP_FS)
		zb_callback_might_run(__ZB_GFP_FS);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The context in which callbacks of other modules are called, when memory is taken back from
 * them or moved (reclaim/owner.h).
 *
 * Reclaim does not call itself: a task in a callback can allocate memory, but its requests
 * neither reclaim nor compact. The allocations of such a task from the kernel are restricted to
 * what the request permits for which the callback is called.
 *
 * Lockdep has one map for each kind of callbacks: those that need nothing, I/O, or file systems.
 * A callback holds its map, and a request that may call it acquires the map for a moment. A lock
 * that callbacks take, and that is held during such a request, is reported, even if the request
 * does not reclaim.
 */
#ifndef ZB_CALLBACK_H
#define ZB_CALLBACK_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/zbuddy.h>

struct task_struct;

/**
 * struct zb_callback - a call of a callback
 * @link: in the list of all calls
 * @task: the task that makes the call
 * @gfp: what the callback may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @needs: what it needs, a part of @gfp
 * @noio: state of the task to be restored after the call, unless @gfp has __ZB_GFP_IO
 * @nofs: the same for __ZB_GFP_FS
 */
struct zb_callback {
	struct list_head link;
	struct task_struct *task;
	zb_gfp_t gfp;
	zb_gfp_t needs;
	unsigned int noio;
	unsigned int nofs;
};

zb_gfp_t zb_io_context(zb_gfp_t gfp);
void zb_callback_begin(struct zb_callback *cb, zb_gfp_t gfp, zb_gfp_t needs);
void zb_callback_end(struct zb_callback *cb);
void zb_callback_might_run(zb_gfp_t needs);
bool zb_may_reclaim(void);
void zb_might_reclaim(zb_gfp_t gfp);

#endif /* ZB_CALLBACK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_API_H
#define ZB_API_H

#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/wait.h>

#include "../instance/callback.h"
#include "../instance/instance.h"
#include "../instance/request.h"

/*
 * Annotate what an allocation may do: take a zone lock, sleep, and wait for a drain. A
 * request that is served from a per-CPU list does none of these, so without the
 * annotation a call from the wrong context would rarely be detected.
 */
static __always_inline void zb_api_might_alloc(zb_gfp_t gfp)
{
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) &&
	    !IS_ENABLED(CONFIG_PROVE_LOCKING))
		return;
	/* The zone lock is always taken with interrupts disabled. */
	local_irq_save(flags);
	might_lock(&zb_instance->pool.zones->lock);
	local_irq_restore(flags);
	if (!(gfp & __ZB_GFP_DIRECT_RECLAIM))
		return;
	might_sleep();
	might_lock(&zb_instance->drain_lock);
	zb_might_reclaim(gfp);
}

/* Wake waiting requests after a free. */
static inline void zb_api_wake_waiters(void)
{
	bool sleeper;

	/* No barrier is needed, because waiting requests also check periodically. */
	sleeper = waitqueue_active(&zb_instance->free_wait);
	if (unlikely(sleeper))
		zb_instance_wake_waiters(zb_instance);
}

void zb_api_gfp_init(void);

#endif /* ZB_API_H */

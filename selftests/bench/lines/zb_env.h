/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment of the core for the simulation of cache lines: that of the unit tests, except
 * that a lock takes as much memory as in the kernel, and that copying and prefetching count as
 * accesses.
 */
#ifndef LINES_ZB_ENV_H
#define LINES_ZB_ENV_H

/* One simulated CPU runs at a time, until its operation has ended, so nobody ever waits. */
typedef struct {
	unsigned int held;
} zb_lock_t;

#define ZB_ENV_OWN_LOCKS

#define zb_lock_init(lock)		((lock)->held = 0)
#define zb_assert_held(lock)		((void)(lock))
#define zb_lock_irqsave(lock, flags)					\
do {									\
	(flags) = 0;							\
	(void)__atomic_exchange_n(&(lock)->held, 1, __ATOMIC_ACQUIRE);	\
} while (0)
#define zb_unlock_irqrestore(lock, flags)				\
do {									\
	(void)(flags);							\
	__atomic_store_n(&(lock)->held, 0, __ATOMIC_RELEASE);		\
} while (0)

#include_next <zb_env.h>

#include "cache.h"

#undef zb_prefetchw
#define zb_prefetchw(p)		cache_access(p, 1, true)
#define memcpy(to, from, n)	cache_copy(to, from, n)
#define memmove(to, from, n)	cache_copy(to, from, n)
#define memset(to, c, n)	cache_set(to, c, n)

#endif /* LINES_ZB_ENV_H */

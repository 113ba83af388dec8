/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment of module/core in the kernel. The unit tests compile the core with
 * the file of the same name in selftests/unit/env.
 */
#ifndef ZB_ENV_H
#define ZB_ENV_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/prefetch.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <trace/events/zbuddy.h>
#include <uapi/linux/zbuddy.h>

#include "../holds.h"

typedef spinlock_t zb_lock_t;

#define zb_lock_init(lock)			spin_lock_init(lock)
#define zb_lock_irqsave(lock, flags)					\
do {									\
	spin_lock_irqsave(lock, flags);					\
	if (unlikely(READ_ONCE(zb_holds_measured)))			\
		zb_hold_begin();					\
} while (0)
#define zb_unlock_irqrestore(lock, flags)				\
do {									\
	if (unlikely(READ_ONCE(zb_holds_measured)))			\
		zb_hold_end(__func__);					\
	spin_unlock_irqrestore(lock, flags);				\
} while (0)
#define zb_assert_held(lock)			lockdep_assert_held(lock)

/* Exempts a variable from CONFIG_INIT_STACK_ALL_ZERO and _PATTERN. */
#if __has_attribute(__uninitialized__)
#define zb_not_zeroed				__attribute__((__uninitialized__))
#else
#define zb_not_zeroed
#endif

/* Add to a counter that has one writer at a time and is read without a lock. */
#define zb_count(counter, n)			data_race((counter) += (n))

/*
 * Read a variable that only this CPU writes. Interrupts that write it restore its value
 * before they return, so a plain access is sufficient, which the compiler may combine
 * with another instruction.
 */
#define zb_read_own(x)				data_race(x)

/*
 * Replace *@p with @new if it is equal to @old; true on success. The operation is
 * relaxed, because later accesses are ordered by the per-CPU lists or the zone lock.
 */
#define zb_cmpxchg(p, old, new)						\
({									\
	typeof(*(p)) __zb_old = (old);					\
									\
	try_cmpxchg_relaxed(p, &__zb_old, new);				\
})

/* If the load returns the stored value, writes before the store are visible after it. */
#define zb_load_acquire(p)			smp_load_acquire(p)
/* See zb_load_acquire(). */
#define zb_store_release(p, v)			smp_store_release(p, v)

#define zb_div64(a, b)				div64_u64(a, b)
#define zb_prefetchw(p)				prefetchw(p)
#define zb_cond_resched()			cond_resched()

/* Prevent migration to another CPU. */
#define zb_cpu_pin()				preempt_disable()
#define zb_cpu_unpin()				preempt_enable()
#define zb_this_cpu_ptr(ptr)			this_cpu_ptr(ptr)
#define zb_cpu_node()				numa_mem_id()
#define zb_per_cpu_ptr(ptr, cpu)		per_cpu_ptr(ptr, cpu)
#define zb_for_each_possible_cpu(cpu)		for_each_possible_cpu(cpu)

#define zb_trace_zone_locked_enabled() \
	trace_mm_page_alloc_zone_locked_enabled()
#define zb_trace_pcpu_drain_enabled() \
	trace_mm_page_pcpu_drain_enabled()
#define zb_trace_zone_locked(pfn, order, mt, refill) \
	trace_mm_page_alloc_zone_locked(pfn, order, mt, refill)
#define zb_trace_pcpu_drain(pfn, order, mt) \
	trace_mm_page_pcpu_drain(pfn, order, mt)
#define zb_trace_extfrag(pfn, order, from_order, mt, from_mt, claimed) \
	trace_mm_page_alloc_extfrag(pfn, order, from_order, mt, from_mt, claimed)
#define zb_trace_migratetype(pfn, from, to) \
	trace_pageblock_migratetype(pfn, from, to)

#endif /* ZB_ENV_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What module/core stands on, in the kernel. The file of the same name in
 * selftests/unit/env is what it stands on in a program; -I picks one.
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

typedef spinlock_t zb_lock_t;

#define zb_lock_init(lock)			spin_lock_init(lock)
#define zb_lock_irqsave(lock, flags)		spin_lock_irqsave(lock, flags)
#define zb_unlock_irqrestore(lock, flags)	spin_unlock_irqrestore(lock, flags)
#define zb_assert_held(lock)			lockdep_assert_held(lock)

/* A variable that the compiler need not clear, where it is told to clear all. */
#if __has_attribute(__uninitialized__)
#define zb_not_zeroed				__attribute__((__uninitialized__))
#else
#define zb_not_zeroed
#endif

/* Add to what only we write, and others read without a lock. */
#define zb_count(counter, n)			data_race((counter) += (n))

/*
 * Read what only this CPU writes, interrupts on top of us included. They find it
 * and leave it as it is, so a plain access will do, which may be part of another
 * instruction.
 */
#define zb_read_own(x)				data_race(x)

/*
 * Replace *@p by @new if it is @old; true if it was. Nothing else is ordered by
 * it: what the winner does next is ordered by the lists or by the zone lock.
 */
#define zb_cmpxchg(p, old, new)						\
({									\
	typeof(*(p)) __zb_old = (old);					\
									\
	try_cmpxchg_relaxed(p, &__zb_old, new);				\
})

/* A pair: what was written before the store is seen after the load. */
#define zb_load_acquire(p)			smp_load_acquire(p)
/* See zb_load_acquire(). */
#define zb_store_release(p, v)			smp_store_release(p, v)

#define zb_div64(a, b)				div64_u64(a, b)
#define zb_prefetchw(p)				prefetchw(p)

/* Stay on this CPU. */
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

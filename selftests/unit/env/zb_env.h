/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment of module/core in a user space program. The file of the same name in
 * module/env is the environment in the kernel; the include path selects one of them.
 *
 * A thread represents a CPU, which it selects with zb_env_set_cpu(). Locks are pthread
 * mutexes that know their owner, so that zb_assert_held() works like
 * lockdep_assert_held(), and so that sanitizers understand the locking.
 */
#ifndef ZB_ENV_H
#define ZB_ENV_H

#include <linux/zbuddy.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;

#define BIT(n)			(1ul << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define ALIGN(x, a)		(((x) + (a) - 1) & ~((a) - 1))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
/* Add to a counter with a single writer and lockless readers. */
#define zb_count(counter, n)	WRITE_ONCE(counter, (counter) + (n))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#ifndef __aligned
#define __aligned(n)		__attribute__((__aligned__(n)))
#endif
#define __percpu
#define __force
#define noinline		__attribute__((__noinline__))
/* Exempts a variable from automatic initialization by the compiler. */
#define zb_not_zeroed
#ifndef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#endif

/*
 * A point at which the operation can be interrupted by an interrupt, another task, or
 * another CPU. With ZB_ENV_POINTS, zb_env_hook is called at each point; the other two
 * variables tell which kinds of interruption are possible there. See interleave_test.c.
 */
typedef void (*zb_env_hook_fn)(void);

extern _Thread_local zb_env_hook_fn zb_env_hook;
extern _Thread_local unsigned int zb_env_irqs_off;
extern _Thread_local unsigned int zb_env_pinned;

#ifdef ZB_ENV_POINTS
static inline void zb_env_point(void)
{
	if (unlikely(zb_env_hook))
		zb_env_hook();
}

#define zb_env_count(counter, n)	((counter) += (n))
#else
static inline void zb_env_point(void)
{
}

#define zb_env_count(counter, n)	((void)(counter), (void)(n))
#endif

#define barrier()							\
	do {								\
		__asm__ __volatile__("" : : : "memory");		\
		zb_env_point();						\
	} while (0)
#define READ_ONCE(x)							\
	({								\
		zb_env_point();						\
		__atomic_load_n(&(x), __ATOMIC_RELAXED);		\
	})
#define WRITE_ONCE(x, v)						\
	do {								\
		zb_env_point();						\
		__atomic_store_n(&(x), v, __ATOMIC_RELAXED);		\
	} while (0)

#define zb_read_own(x)		READ_ONCE(x)

/*
 * Replace *@p by @new if it is @old; returns true if it was. The memory order is relaxed,
 * so that the thread sanitizer detects if the core relies on a stronger one.
 */
#define zb_cmpxchg(p, old, new)						\
	({								\
		__typeof__(*(p)) zb_old = (old);			\
									\
		zb_env_point();						\
		__atomic_compare_exchange_n(p, &zb_old, new, false,	\
					    __ATOMIC_RELAXED,		\
					    __ATOMIC_RELAXED);		\
	})

/* Load-acquire and store-release, as in the kernel. */
#define zb_load_acquire(p)						\
	({								\
		zb_env_point();						\
		__atomic_load_n(p, __ATOMIC_ACQUIRE);			\
	})
#define zb_store_release(p, v)						\
	do {								\
		zb_env_point();						\
		__atomic_store_n(p, v, __ATOMIC_RELEASE);		\
	} while (0)

static inline unsigned int __ffs64(u64 x)
{
	return __builtin_ctzll(x);
}

static inline unsigned int hweight64(u64 x)
{
	return __builtin_popcountll(x);
}

#define zb_div64(a, b)		((u64)(a) / (b))
#define zb_prefetchw(p)		__builtin_prefetch(p, 1)

/* Count the points at which the core lets other tasks run. */
extern _Thread_local unsigned long zb_env_rescheds;

#define zb_cond_resched()	((void)zb_env_rescheds++)

static inline unsigned int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

/* Doubly linked lists, with the kernel's names and meaning. */

struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_add(struct list_head *item, struct list_head *head)
{
	item->next = head->next;
	item->prev = head;
	head->next->prev = item;
	head->next = item;
}

static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	list_add(item, head->prev);
}

/* The links of a deleted item are invalid, so that a second deletion crashes. */
static inline void list_del(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = NULL;
	item->prev = NULL;
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_for_each(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)

/* Locks. A program may define its own ones before. */

#ifndef ZB_ENV_OWN_LOCKS
typedef struct {
	pthread_mutex_t mutex;
	pthread_t owner;
	bool held;
} zb_lock_t;

static inline void zb_lock_init(zb_lock_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&lock->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	lock->held = false;
}

static inline void zb_env_lock(zb_lock_t *lock)
{
	if (pthread_mutex_lock(&lock->mutex)) {
		fprintf(stderr, "lock taken twice\n");
		abort();
	}
	lock->owner = pthread_self();
	lock->held = true;
}

static inline void zb_env_assert_held(const zb_lock_t *lock, const char *function)
{
	if (!lock->held || !pthread_equal(lock->owner, pthread_self())) {
		fprintf(stderr, "%s: lock not held\n", function);
		abort();
	}
}

static inline void zb_env_unlock(zb_lock_t *lock, const char *function)
{
	zb_env_assert_held(lock, function);
	lock->held = false;
	pthread_mutex_unlock(&lock->mutex);
}

#define zb_lock_irqsave(lock, flags)		\
	do {					\
		(flags) = 0;			\
		zb_env_point();			\
		zb_env_count(zb_env_irqs_off, 1); \
		zb_env_lock(lock);		\
	} while (0)
#define zb_unlock_irqrestore(lock, flags)	\
	do {					\
		(void)(flags);			\
		zb_env_unlock(lock, __func__);	\
		zb_env_count(zb_env_irqs_off, -1); \
		zb_env_point();			\
	} while (0)

#define zb_assert_held(lock)	zb_env_assert_held(lock, __func__)
#endif /* ZB_ENV_OWN_LOCKS */

/* Counters with several writers */

typedef struct {
	long v;
} atomic_long_t;

static inline long atomic_long_read(const atomic_long_t *a)
{
	return __atomic_load_n(&a->v, __ATOMIC_RELAXED);
}

static inline void atomic_long_set(atomic_long_t *a, long v)
{
	__atomic_store_n(&a->v, v, __ATOMIC_RELAXED);
}

static inline void atomic_long_add(long n, atomic_long_t *a)
{
	__atomic_fetch_add(&a->v, n, __ATOMIC_RELAXED);
}

/* Tracepoints, which a test may record: the name of the event and its arguments. */

typedef void (*zb_env_trace_fn)(const char *event, const unsigned long args[6]);

extern _Thread_local zb_env_trace_fn zb_env_trace_hook;

#define zb_env_trace(event, ...)					\
	do {								\
		const unsigned long zb_args[6] = { __VA_ARGS__ };	\
									\
		if (unlikely(zb_env_trace_hook))			\
			zb_env_trace_hook(event, zb_args);		\
	} while (0)

#define zb_trace_zone_locked_enabled()	true
#define zb_trace_pcpu_drain_enabled()	true
#define zb_trace_zone_locked(...)	zb_env_trace("zone_locked", __VA_ARGS__)
#define zb_trace_pcpu_drain(...)	zb_env_trace("pcpu_drain", __VA_ARGS__)
#define zb_trace_extfrag(...)		zb_env_trace("extfrag", __VA_ARGS__)
#define zb_trace_migratetype(...)	zb_env_trace("migratetype", __VA_ARGS__)

/* CPUs */

#define ZB_ENV_MAX_CPUS		64u

extern _Thread_local unsigned int zb_env_cpu;
extern _Thread_local int zb_env_node;
extern unsigned int zb_env_nr_cpus;

static inline void zb_env_set_cpu(unsigned int cpu)
{
	zb_env_cpu = cpu;
}

/*
 * A grace period, as in RCU: zb_env_synchronize() returns when every CPU that was pinned at
 * the time of the call has been unpinned. @seq is odd while the CPU is pinned, and only its
 * own thread changes @depth. Both sides use atomic read-modify-write operations instead of
 * fences because the thread sanitizer does not understand fences.
 */
struct zb_env_grace {
	unsigned long seq;
	unsigned int depth;
} __aligned(64);

extern struct zb_env_grace zb_env_grace[ZB_ENV_MAX_CPUS];

#ifdef ZB_ENV_POINTS
static inline void zb_env_enter_section(void)
{
	struct zb_env_grace *g = &zb_env_grace[zb_env_cpu];

	if (!g->depth++)
		__atomic_fetch_add(&g->seq, 1, __ATOMIC_ACQ_REL);
}

static inline void zb_env_leave_section(void)
{
	struct zb_env_grace *g = &zb_env_grace[zb_env_cpu];

	if (!--g->depth)
		__atomic_fetch_add(&g->seq, 1, __ATOMIC_ACQ_REL);
}
#else
static inline void zb_env_enter_section(void)
{
}

static inline void zb_env_leave_section(void)
{
}
#endif

void zb_env_synchronize(void);

static inline void zb_cpu_pin(void)
{
	zb_env_point();
	zb_env_count(zb_env_pinned, 1);
	zb_env_enter_section();
	zb_env_point();
}

static inline void zb_cpu_unpin(void)
{
	zb_env_point();
	zb_env_leave_section();
	zb_env_count(zb_env_pinned, -1);
	zb_env_point();
}

static inline int zb_cpu_node(void)
{
	return zb_env_node;
}

#define zb_this_cpu_ptr(ptr)		(&(ptr)[zb_env_cpu])
#define zb_per_cpu_ptr(ptr, cpu)	(&(ptr)[cpu])
#define zb_for_each_possible_cpu(cpu)	\
	for (cpu = 0; cpu < zb_env_nr_cpus; cpu++)

#endif /* ZB_ENV_H */

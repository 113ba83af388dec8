// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that the compiler calls for loads and stores with -fsanitize=thread: those of them
 * that the core and listed.c need. They are declared by the compiler.
 */
#include <stdint.h>

#include "cache.h"

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *p, size_t size)
{
	cache_access(p, size, false);
}

void __tsan_write_range(void *p, size_t size)
{
	cache_access(p, size, true);
}

#define DEFINE_READ(size)						\
void __tsan_read##size(void *p)						\
{									\
	cache_access(p, size, false);					\
}

#define DEFINE_WRITE(size)						\
void __tsan_write##size(void *p)					\
{									\
	cache_access(p, size, true);					\
}

DEFINE_READ(1)
DEFINE_READ(2)
DEFINE_READ(4)
DEFINE_READ(8)
DEFINE_READ(16)
DEFINE_WRITE(1)
DEFINE_WRITE(2)
DEFINE_WRITE(4)
DEFINE_WRITE(8)
DEFINE_WRITE(16)

/* One simulated CPU runs at a time, so that the memory order does not matter. */

#define DEFINE_LOAD(bits)						\
uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *p, int order) \
{									\
	(void)order;							\
	cache_access(p, sizeof(*p), false);				\
	return *p;							\
}

#define DEFINE_STORE(bits)						\
void __tsan_atomic##bits##_store(uint##bits##_t *p, uint##bits##_t v, int order) \
{									\
	(void)order;							\
	cache_access(p, sizeof(*p), true);				\
	*p = v;								\
}

DEFINE_LOAD(8)
DEFINE_LOAD(16)
DEFINE_LOAD(32)
DEFINE_LOAD(64)
DEFINE_STORE(8)
DEFINE_STORE(16)
DEFINE_STORE(32)
DEFINE_STORE(64)

uint32_t __tsan_atomic32_exchange(uint32_t *p, uint32_t v, int order)
{
	uint32_t old = *p;

	(void)order;
	cache_access(p, sizeof(*p), true);
	*p = v;
	return old;
}

uint32_t __tsan_atomic32_fetch_sub(uint32_t *p, uint32_t v, int order)
{
	uint32_t old = *p;

	(void)order;
	cache_access(p, sizeof(*p), true);
	*p = old - v;
	return old;
}

uint64_t __tsan_atomic64_fetch_add(uint64_t *p, uint64_t v, int order)
{
	uint64_t old = *p;

	(void)order;
	cache_access(p, sizeof(*p), true);
	*p = old + v;
	return old;
}

int __tsan_atomic8_compare_exchange_strong(uint8_t *p, uint8_t *old, uint8_t v, int success,
					   int failure)
{
	uint8_t found = *p;

	(void)success;
	(void)failure;
	cache_access(p, sizeof(*p), true);
	if (found != *old) {
		*old = found;
		return 0;
	}
	*p = v;
	return 1;
}

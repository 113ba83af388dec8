/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels: the bulk function of the page allocator, and the clock.
 */
#ifndef ZB_BENCH_COMPAT_H
#define ZB_BENCH_COMPAT_H

#include <linux/gfp.h>
#include <linux/timex.h>
#include <linux/types.h>

/* "_array" was dropped from its name when the list variant was removed; it is a macro then. */
static inline unsigned long host_alloc_bulk(gfp_t gfp, int nid, unsigned long nr,
					    struct page **pages)
{
#ifdef alloc_pages_bulk_node
	return alloc_pages_bulk_node(gfp, nid, nr, pages);
#else
	return alloc_pages_bulk_array_node(gfp, nid, nr, pages);
#endif
}

/* get_cycles() always returns 0 in user-mode Linux. */
static inline u64 bench_clock(void)
{
#if defined(CONFIG_UML_X86) && defined(CONFIG_64BIT)
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
#else
	u64 now;

	barrier();
	now = get_cycles();
	barrier();
	return now;
#endif
}

#endif /* ZB_BENCH_COMPAT_H */

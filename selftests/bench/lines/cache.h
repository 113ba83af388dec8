/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts transfers of cache lines between simulated CPUs.
 *
 * The code that is measured is compiled with -fsanitize=thread, so that the compiler calls a
 * function for each load and store. Those functions are defined in tsan.c. A directory has the
 * state of each line of 64 bytes, as in the protocol MESI: one CPU has it for itself and may write
 * to it, or several CPUs have copies that they can read. Caches are infinitely large.
 */
#ifndef LINES_CACHE_H
#define LINES_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#define CACHE_MAX_CPUS	256u
#define CACHE_LINE	64ul

/**
 * struct cache_counts - what the simulated CPUs did
 * @transfers: accesses to a line that another CPU had for itself
 * @fetches: accesses to a line of which the CPU had no copy, including @transfers
 * @invalidations: copies that other CPUs lost because of a write
 */
struct cache_counts {
	unsigned long transfers;
	unsigned long fetches;
	unsigned long invalidations;
};

void cache_add_region(const char *name, const void *start, size_t size);
void cache_remove_regions(void);
void cache_set_cpu(unsigned int cpu);
void cache_reset_counts(void);
struct cache_counts cache_read_counts(void);
void cache_print_regions(unsigned long nr_ops);

void cache_access(const void *p, size_t size, bool write);
void *cache_copy(void *to, const void *from, size_t n);
void *cache_set(void *to, int c, size_t n);

#endif /* LINES_CACHE_H */

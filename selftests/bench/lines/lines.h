/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LINES_H
#define LINES_H

#define START_PFN	(1ul << 20)
#define NO_FRAME	(~0ul)

/**
 * struct allocator - an allocator of single frames whose accesses to memory are counted
 * @name: its name in rows of bench
 * @make: set it up for a number of CPUs, with all memory free, and call cache_add_region()
 * @get: allocate a frame on a CPU
 * @put: free it on a CPU
 * @cached: the number of frames on the lists of all CPUs
 */
struct allocator {
	const char *name;
	void (*make)(unsigned int nr_cpus);
	unsigned long (*get)(unsigned int cpu);
	void (*put)(unsigned int cpu, unsigned long pfn);
	unsigned long (*cached)(void);
};

extern unsigned long nr_frames;		/* of the zone */
extern const struct allocator core_allocator;
extern const struct allocator listed_allocator;

/* zb_zone.watermark[ZB_ALLOC_WMARK_LOW] of the core, which listed_allocator uses too. */
unsigned long core_low_watermark(void);

#endif /* LINES_H */

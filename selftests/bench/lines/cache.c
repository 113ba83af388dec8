// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory of cache lines. Accesses outside of all regions, such as those to the stack, do not
 * count.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

#define MAX_REGIONS	16u

struct line {
	unsigned int owner;	/* 1 + the CPU that has it for itself, 0 if none has */
	uint64_t copies[CACHE_MAX_CPUS / 64];
};

struct region {
	const char *name;
	uintptr_t start;
	uintptr_t end;
	struct line *lines;
	struct cache_counts counts;
};

static struct region regions[MAX_REGIONS];
static unsigned int nr_regions;
static unsigned int cpu;

/**
 * cache_add_region() - count accesses to some memory
 * @name: name of the memory, for cache_print_regions()
 * @start: its first byte, at the start of a cache line
 * @size: its size
 */
void cache_add_region(const char *name, const void *start, size_t size)
{
	struct region *r = &regions[nr_regions++];
	size_t nr = (size + CACHE_LINE - 1) / CACHE_LINE;

	if (nr_regions > MAX_REGIONS || (uintptr_t)start % CACHE_LINE)
		abort();
	*r = (struct region){
		.name = name, .start = (uintptr_t)start, .end = (uintptr_t)start + size,
		.lines = calloc(nr, sizeof(*r->lines)),
	};
	if (!r->lines)
		abort();
}

/**
 * cache_remove_regions() - forget all regions
 */
void cache_remove_regions(void)
{
	while (nr_regions)
		free(regions[--nr_regions].lines);
}

/**
 * cache_set_cpu() - choose the CPU that makes the accesses from now on
 * @number: its number, below CACHE_MAX_CPUS
 */
void cache_set_cpu(unsigned int number)
{
	cpu = number;
}

/**
 * cache_reset_counts() - count from 0 again, with the lines as they are
 */
void cache_reset_counts(void)
{
	unsigned int i;

	for (i = 0; i < nr_regions; i++)
		regions[i].counts = (struct cache_counts){ 0 };
}

/**
 * cache_read_counts() - add the counts of all regions
 *
 * Return: the sums.
 */
struct cache_counts cache_read_counts(void)
{
	struct cache_counts sum = { 0 };
	unsigned int i;

	for (i = 0; i < nr_regions; i++) {
		sum.transfers += regions[i].counts.transfers;
		sum.fetches += regions[i].counts.fetches;
		sum.invalidations += regions[i].counts.invalidations;
	}
	return sum;
}

/**
 * cache_print_regions() - print the counts of each region
 * @nr_ops: number of operations that they are divided by
 */
void cache_print_regions(unsigned long nr_ops)
{
	const struct cache_counts *c;
	unsigned int i;

	for (i = 0; i < nr_regions; i++) {
		c = &regions[i].counts;
		if (c->fetches + c->invalidations)
			printf("    %-24s %8.3f %8.3f %8.3f\n", regions[i].name,
			       (double)c->transfers / nr_ops, (double)c->fetches / nr_ops,
			       (double)c->invalidations / nr_ops);
	}
}

static void access_line(struct line *line, struct cache_counts *counts, bool write)
{
	uint64_t *mine = &line->copies[cpu / 64], bit = 1ull << cpu % 64;
	bool had_copy = *mine & bit, others = false;
	unsigned int i;

	if (line->owner == cpu + 1)
		return;
	counts->transfers += line->owner != 0;
	counts->fetches += !had_copy;
	*mine &= ~bit;
	for (i = 0; i < CACHE_MAX_CPUS / 64; i++) {
		others |= line->copies[i] != 0;
		if (write) {
			counts->invalidations += __builtin_popcountll(line->copies[i]);
			line->copies[i] = 0;
		}
	}
	*mine |= bit;
	/* The first reader has the line for itself, so that it need not ask when it writes. */
	line->owner = write || !others ? cpu + 1 : 0;
}

/**
 * cache_access() - count a load or store
 * @p: address of the first byte
 * @size: number of bytes
 * @write: it is a store, or both
 */
void cache_access(const void *p, size_t size, bool write)
{
	uintptr_t at = (uintptr_t)p, end = at + size;
	struct region *r, *last = regions + nr_regions;

	for (r = regions; r < last; r++)
		if (at >= r->start && at < r->end)
			break;
	if (r == last)
		return;
	for (at &= ~(CACHE_LINE - 1); at < end; at += CACHE_LINE)
		access_line(&r->lines[(at - r->start) / CACHE_LINE], &r->counts, write);
}

/**
 * cache_copy() - memmove() that counts
 * @to: as in memmove()
 * @from: as in memmove()
 * @n: as in memmove()
 *
 * Return: @to.
 */
void *cache_copy(void *to, const void *from, size_t n)
{
	if (n) {
		cache_access(from, n, false);
		cache_access(to, n, true);
	}
	return memmove(to, from, n);
}

/**
 * cache_set() - memset() that counts
 * @to: as in memset()
 * @c: as in memset()
 * @n: as in memset()
 *
 * Return: @to.
 */
void *cache_set(void *to, int c, size_t n)
{
	if (n)
		cache_access(to, n, true);
	return memset(to, c, n);
}

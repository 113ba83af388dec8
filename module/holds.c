// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures how long zone locks are held, for each function that drops one.
 *
 * Interrupts are disabled meanwhile, so this is also the time for which the allocator
 * delays them. A CPU holds one zone lock at a time. While no measurement is active, locking
 * and unlocking only test a flag. A static key is not used, because patching code while
 * other CPUs run occasionally crashes emulated machines.
 */
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timex.h>

#include "holds.h"

#define MAX_SITES	64u
#define BUCKETS		12u
#define FIRST_BUCKET	6u	/* holds shorter than 2^7 are in the first bucket */

/**
 * struct hold_site - the holds that end in one function
 * @name: the function
 * @nr: number of holds
 * @longest: the longest one, in cycles
 * @bucket: number of holds by length, in powers of two
 */
struct hold_site {
	const char *name;
	unsigned long nr;
	u64 longest;
	unsigned long bucket[BUCKETS];
};

bool zb_holds_measured __read_mostly;

static DEFINE_PER_CPU(u64, begun);
static DEFINE_RAW_SPINLOCK(sites_lock);
static struct hold_site sites[MAX_SITES];

/**
 * zb_hold_begin() - a zone lock was taken
 *
 * Context: interrupts disabled.
 */
void zb_hold_begin(void)
{
	this_cpu_write(begun, get_cycles());
}

/* Returns NULL if there are too many functions. */
static struct hold_site *find_site(const char *name)
{
	struct hold_site *site;

	for (site = sites; site < sites + MAX_SITES; site++) {
		if (!site->name)
			site->name = name;
		if (site->name == name)
			return site;
	}
	return NULL;
}

/**
 * zb_hold_end() - a zone lock will be dropped
 * @name: the function that drops it; equal names have equal addresses
 *
 * Context: interrupts disabled.
 */
void zb_hold_end(const char *name)
{
	u64 start = this_cpu_read(begun), took = get_cycles() - start;
	unsigned int bucket = took ? ilog2(took) : 0;
	struct hold_site *site;

	/* The measurement began while the lock was held. */
	if (!start)
		return;
	this_cpu_write(begun, 0);
	bucket = clamp(bucket, FIRST_BUCKET, FIRST_BUCKET + BUCKETS - 1) - FIRST_BUCKET;
	raw_spin_lock(&sites_lock);
	site = find_site(name);
	if (site) {
		site->nr++;
		site->longest = max(site->longest, took);
		site->bucket[bucket]++;
	}
	raw_spin_unlock(&sites_lock);
}

/**
 * zb_holds_show() - print the holds by function, with a histogram
 * @m: file to print to
 *
 * Context: may sleep.
 */
void zb_holds_show(struct seq_file *m)
{
	struct hold_site site;
	unsigned int i, k;

	seq_printf(m, "%-32s %8s %10s", "FUNCTION", "LONGEST", "HOLDS");
	for (k = 0; k < BUCKETS - 1; k++)
		seq_printf(m, " %7s%lu", "<", BIT(FIRST_BUCKET + 1 + k));
	seq_puts(m, " longer\n");
	for (i = 0; i < MAX_SITES; i++) {
		raw_spin_lock_irq(&sites_lock);
		site = sites[i];
		raw_spin_unlock_irq(&sites_lock);
		if (!site.name)
			break;
		seq_printf(m, "%-32s %8llu %10lu", site.name, site.longest, site.nr);
		for (k = 0; k < BUCKETS; k++)
			seq_printf(m, " %8lu", site.bucket[k]);
		seq_putc(m, '\n');
	}
}

/**
 * zb_holds_measure() - begin or end measuring
 * @on: true to forget all holds and begin, false to end
 *
 * Context: may sleep; one caller at a time.
 */
void zb_holds_measure(bool on)
{
	unsigned int cpu;

	WRITE_ONCE(zb_holds_measured, false);
	if (!on)
		return;
	/* A hold in progress may have begun during an earlier measurement. */
	synchronize_rcu();
	for_each_possible_cpu(cpu)
		per_cpu(begun, cpu) = 0;
	raw_spin_lock_irq(&sites_lock);
	memset(sites, 0, sizeof(sites));
	raw_spin_unlock_irq(&sites_lock);
	WRITE_ONCE(zb_holds_measured, true);
}

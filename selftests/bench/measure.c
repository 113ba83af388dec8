// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds of measurements, statistics, and output of the results.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "zb_bench.h"

#define WARM_UP		2u
#define MAX_ROUNDS	64u
#define OUT_SIZE	(256u << 10)

static DEFINE_MUTEX(lock);
static struct dentry *dir;
static char *out;
static size_t out_len;

/* Parameter rows. */
char *bench_rows = "all";

/**
 * bench_wanted() - check whether a row was selected
 * @name: name of the row; the part before the first dot is its group
 * @quick: the row is part of rows=quick
 *
 * Return: true if the row is to be measured.
 */
bool bench_wanted(const char *name, bool quick)
{
	size_t len, group = strcspn(name, ".");
	const char *at;

	if (!strcmp(bench_rows, "all"))
		return true;
	if (!strcmp(bench_rows, "quick"))
		return quick;
	for (at = bench_rows; *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		if (!strncmp(at, name, len) &&
		    (len == strlen(name) || len == group))
			return true;
	}
	return false;
}

/**
 * bench_say() - output a line of results
 * @row: name of the row
 * @variant: host (the page allocator), ours (zbuddy), or machine
 * @unit: unit of the values
 * @min: smallest value, in hundredths
 * @median: median, in hundredths
 * @max: largest value, in hundredths
 * @n: number of values
 */
void bench_say(const char *row, const char *variant, const char *unit,
	       u64 min, u64 median, u64 max, unsigned int n)
{
	char line[160];

	scnprintf(line, sizeof(line), "%s,%s,%s,%llu.%02llu,%llu.%02llu,%llu.%02llu,%u",
		  row, variant, unit, min / 100, min % 100, median / 100,
		  median % 100, max / 100, max % 100, n);
	pr_info("%s\n", line);
	mutex_lock(&lock);
	out_len += scnprintf(out + out_len, OUT_SIZE - out_len, "%s\n", line);
	mutex_unlock(&lock);
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/**
 * bench_sort() - sort values in ascending order
 * @values: the values
 * @nr: number of values
 */
void bench_sort(u64 *values, unsigned int nr)
{
	sort(values, nr, sizeof(*values), by_value, NULL);
}

/**
 * bench_hundredths() - compute the time per unit
 * @time: time of all units
 * @units: number of units
 *
 * Return: the time of one unit, in hundredths.
 */
u64 bench_hundredths(u64 time, u64 units)
{
	return div64_u64(time * 100 + units / 2, units);
}

/**
 * bench_random() - a random number; the sequence is the same on every machine
 * @seed: state, not 0
 *
 * Return: the next number.
 */
u32 bench_random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 16;
}

/**
 * bench_permute() - make a permutation of the first numbers, the same one for both allocators
 * @numbers: set to it
 * @nr: how many numbers
 */
void bench_permute(u32 *numbers, unsigned int nr)
{
	u64 seed = 88172645463325252ull;
	unsigned int i, k;

	for (i = 0; i < nr; i++)
		numbers[i] = i;
	for (i = nr - 1; i; i--) {
		k = bench_random(&seed) % (i + 1);
		swap(numbers[i], numbers[k]);
	}
}

/* The smallest of several samples, which is least affected by interrupts and other tasks. */
static u64 round_of(const struct bench_row *row, enum who who)
{
	u64 time, least = BENCH_FAILED;
	unsigned int i;

	for (i = 0; i < row->batches; i++) {
		time = row->run(who, row->arg);
		if (time == BENCH_FAILED)
			return time;
		least = min(least, time);
		cond_resched();
	}
	return least;
}

static void say_rounds(const struct bench_row *row, enum who who, u64 *values,
		       unsigned int nr, u64 loop)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (values[i] == BENCH_FAILED) {
			pr_info("%s: failed\n", row->name);
			return;
		}
		values[i] = values[i] > loop ? values[i] - loop : 0;
		values[i] = bench_hundredths(values[i], row->per);
	}
	bench_sort(values, nr);
	bench_say(row->name, who == HOST ? "host" : "ours", row->unit,
		  values[0], values[nr / 2], values[nr - 1], nr);
}

/**
 * bench_measure() - measure a row for both allocators in turn, and output the results
 * @row: the row
 */
void bench_measure(const struct bench_row *row)
{
	static u64 values[NR_WHO][MAX_ROUNDS];
	unsigned int i, rounds = clamp(bench_rounds, 1u, MAX_ROUNDS);
	u64 loop = 0;

	for (i = 0; i < WARM_UP + rounds; i++) {
		unsigned int at = i < WARM_UP ? 0 : i - WARM_UP;

		if (row->loop)
			values[NOBODY][at] = round_of(row, NOBODY);
		values[HOST][at] = round_of(row, HOST);
		values[OURS][at] = round_of(row, OURS);
	}
	if (row->loop) {
		bench_sort(values[NOBODY], rounds);
		loop = values[NOBODY][0];
	}
	say_rounds(row, HOST, values[HOST], rounds, loop);
	say_rounds(row, OURS, values[OURS], rounds, loop);
}

static int results_show(struct seq_file *m, void *unused)
{
	mutex_lock(&lock);
	seq_write(m, out, out_len);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

/**
 * bench_out_create() - create the output buffer and its debugfs file
 *
 * Return: 0 or -ENOMEM.
 */
int bench_out_create(void)
{
	out = kvzalloc(OUT_SIZE, GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	dir = debugfs_create_dir("zb_bench", NULL);
	debugfs_create_file("results", 0444, dir, NULL, &results_fops);
	return 0;
}

/**
 * bench_out_destroy() - undo bench_out_create()
 */
void bench_out_destroy(void)
{
	debugfs_remove(dir);
	kvfree(out);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the benchmarks that measure with and without memory that has been cleared in advance.
 * Before each measurement with it, all free memory is known to be zero.
 */
#ifndef ZB_BENCH_AHEAD_H
#define ZB_BENCH_AHEAD_H

#include <stdarg.h>
#include <unistd.h>
#include <linux/dma-heap.h>

#include "program.h"

#define PARAM		"/sys/module/zbuddy/parameters/zero_ahead"
#define VMSTAT		"/sys/kernel/debug/zbuddy/vmstat"
#define HEAP		"/dev/dma_heap/system"
#define PAGE		4096ul
#define LARGE		(64ul << 20)
#define TURNS		3u	/* of which the shortest counts */
#define WAIT_SECONDS	120

static bool ahead;	/* as set_ahead() has set it */

static inline void sleep_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Read two counters from the same text. */
static inline void read_counters(const char *a, long *of_a, const char *b, long *of_b)
{
	FILE *f = fopen(VMSTAT, "r");
	char name[64];
	long value;

	if (!f)
		fail(VMSTAT);
	while (fscanf(f, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, a))
			*of_a = value;
		if (!strcmp(name, b))
			*of_b = value;
	}
	fclose(f);
}

static inline void set_ahead(const char *percent)
{
	FILE *f = fopen(PARAM, "w");

	if (!f || fputs(percent, f) < 0 || fclose(f))
		fail(PARAM);
	ahead = strcmp(percent, "0");
}

static inline void wait_until_zero(void)
{
	__u64 until = zb_now_ns() + WAIT_SECONDS * 1000000000ull;
	long zeroed = 0, nr_free = 0;

	while (ahead) {
		read_counters("zb_zeroed", &zeroed, "nr_free_pages", &nr_free);
		if (zeroed == nr_free)
			return;
		if (zb_now_ns() > until) {
			errno = ETIME;
			fail("clearing in advance");
		}
		sleep_ms(10);
	}
}

static inline void touch(char *p, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += PAGE)
		*(volatile char *)(p + at) = 1;
}

static inline int get_heap(int heap, size_t size)
{
	struct dma_heap_allocation_data d = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
		fail(HEAP);
	return (int)d.fd;
}

static inline void *map_heap(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap of a dma-buf");
	return p;
}

/* The shortest time of several turns. */
static inline __u64 least_of(__u64 (*turn)(size_t size), size_t size)
{
	__u64 time, least = ~0ull;
	unsigned int i;

	for (i = 0; i < TURNS; i++) {
		wait_until_zero();
		time = turn(size);
		if (time < least)
			least = time;
	}
	return least;
}

/* Alternate between both in each round, so that the load of the machine affects both. */
static inline void compare(const char *row, __u64 (*host)(size_t size),
			   __u64 (*ours)(size_t size), size_t size, double per)
{
	__u64 host_times[MAX_ROUNDS], our_times[MAX_ROUNDS];
	int i;

	least_of(host, size);
	least_of(ours, size);
	for (i = 0; i < rounds; i++) {
		host_times[i] = least_of(host, size);
		our_times[i] = least_of(ours, size);
	}
	say(row, "host", host_times, per);
	say(row, "ours", our_times, per);
	fflush(stdout);
}

static inline const char *name(const char *format, ...)
{
	static char text[48];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

#endif /* ZB_BENCH_AHEAD_H */

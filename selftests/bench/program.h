/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the benchmarks that are programs. They print the same lines as zb_bench. */
#ifndef ZB_BENCH_PROGRAM_H
#define ZB_BENCH_PROGRAM_H

#include <stdio.h>

#include "zb_ioctl.h"

#define MAX_ROUNDS	101

static int dev;
static int rounds = 7;

static inline void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* In cycles, or in instructions under qemu's icount. */
static inline __u64 now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return zb_now_ns();
#endif
}

static inline void anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED || munmap(p, size))
		fail("anonymous memory");
}

static inline int by_size(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static inline void say(const char *row, const char *who, __u64 *times, double per)
{
	qsort(times, rounds, sizeof(*times), by_size);
	printf("%s,%s,time,%.2f,%.2f,%.2f,%d\n", row, who, times[0] / per,
	       times[rounds / 2] / per, times[rounds - 1] / per, rounds);
}

/* Parse the only argument, the number of rounds, and open the device. */
static inline void begin(int argc, char **argv)
{
	char *end;

	if (argc > 1) {
		rounds = strtol(argv[1], &end, 10);
		if (argc > 2 || *end || rounds < 1 || rounds > MAX_ROUNDS) {
			fprintf(stderr, "usage: %s [ROUNDS]   1 to %d\n", argv[0], MAX_ROUNDS);
			exit(2);
		}
	}
	dev = zb_open();
	if (dev < 0)
		fail(ZB_DEV);
}

#endif /* ZB_BENCH_PROGRAM_H */

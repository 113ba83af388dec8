// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of memory for a program: compares /dev/zbuddy with anonymous memory of the same
 * size, populated and zeroed in both cases.
 *
 *	row           zbuddy                                    anonymous memory
 *	dev.bulk.N    BULK_ALLOC and BULK_FREE of N frames      mmap() and munmap()
 *	dev.mem.K     ALLOC and FREE of K KiB                   mmap() and munmap()
 *	dev.map.K     ALLOC, mmap(), munmap() and FREE          mmap() and munmap()
 *
 * usage: bench_device [ROUNDS]
 * Prints ROW,VARIANT,UNIT,MIN,MEDIAN,MAX,N like zb_bench. Times are per frame for dev.bulk
 * and per call otherwise, in cycles, or in instructions under qemu's icount.
 */
#include "program.h"

#define TURNS		16u

static void bulk(size_t nr)
{
	static struct zb_bulk_buffer all[ZB_BULK_MAX];
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, all, nr);
	struct zb_ioc_bulk_free f = zb_want_bulk_free(all, nr);

	if (zb_ioctl(dev, ZB_IOC_BULK_ALLOC, &b) || b.done != nr)
		fail("BULK_ALLOC");
	if (zb_ioctl(dev, ZB_IOC_BULK_FREE, &f) || f.done != nr)
		fail("BULK_FREE");
}

static void alloc_free(size_t size, bool map)
{
	struct zb_ioc_alloc a;
	void *p;

	if (zb_alloc_length(dev, size, ZB_GFP_ANYZONE, &a))
		fail("ALLOC");
	if (map) {
		p = zb_map(dev, &a);
		if (p == MAP_FAILED || munmap(p, size))
			fail("mmap");
	}
	if (zb_free(dev, a.handle))
		fail("FREE");
}

static void memory(size_t size)
{
	alloc_free(size, false);
}

static void mapped(size_t size)
{
	alloc_free(size, true);
}

/* The shortest time of several runs. */
static __u64 least_of(void (*fn)(size_t arg), size_t arg)
{
	__u64 start, time, least = ~0ull;
	unsigned int i;

	for (i = 0; i < TURNS; i++) {
		start = now();
		fn(arg);
		time = now() - start;
		if (time < least)
			least = time;
	}
	return least;
}

/* Alternate between both in each round, so that the load of the machine affects both. */
static void compare(const char *group, size_t number, void (*ours)(size_t arg),
		    size_t arg, size_t host_size, double per)
{
	__u64 host[MAX_ROUNDS], our[MAX_ROUNDS];
	char row[32];
	int i;

	snprintf(row, sizeof(row), "%s.%zu", group, number);
	least_of(anonymous, host_size);
	least_of(ours, arg);
	for (i = 0; i < rounds; i++) {
		host[i] = least_of(anonymous, host_size);
		our[i] = least_of(ours, arg);
	}
	say(row, "host", host, per);
	say(row, "ours", our, per);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4, 64, 2048, 0 };
	const size_t *kib;

	begin(argc, argv);
	compare("dev.bulk", 64, bulk, 64, 64 * 4096, 64);
	for (kib = sizes; *kib; kib++) {
		compare("dev.mem", *kib, memory, *kib * 1024, *kib * 1024, 1);
		compare("dev.map", *kib, mapped, *kib * 1024, *kib * 1024, 1);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of buffers when free memory has been cleared in advance (zero_ahead=100), and of
 * large buffers in comparison with those of the system dma-heap.
 *
 *	row                zbuddy                                 compared with
 *	dev.heap.K         ALLOC, mmap(), writes to each page,    the same of a dma-buf
 *	                   munmap() and FREE of K KiB
 *	dev.heap_huge.K    the same with huge entries             the same of a dma-buf
 *	dev.heap_map.K     only mmap()                            mmap() of a dma-buf
 *	dev.heap_mhuge.K   only mmap() with huge entries, and     the same of a dma-buf
 *	                   the accesses that insert them
 *	ahead.heap...      as above with zeroed memory
 *	ahead.bulk.N       BULK_ALLOC and BULK_FREE of N frames   anonymous memory
 *	ahead.mem.K        ALLOC and FREE of K KiB                anonymous memory
 *	ahead.map.K        ALLOC, mmap(), munmap() and FREE       anonymous memory
 *	ahead.huge.K       the same with huge entries             anonymous memory
 *	ahead.hit_rate     share of pages that did not have to be cleared, for a buffer
 *	                   of 64 MiB that is in use half of each second
 *
 * Before each measurement, the program waits until all free memory is known to be zero.
 * dma-heaps are left out if the kernel has none.
 *
 * usage: bench_ahead [ROUNDS]
 */
#include "program.h"
#include "ahead.h"

#define BATCH		16u	/* buffers that are held at once */
#define CYCLES		10

static int heap;
static bool huge;

static void *map_buffer(const struct zb_ioc_alloc *a)
{
	void *p = mmap(NULL, a->length, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
		       (off_t)(huge ? a->mmap_huge_offset : a->mmap_offset));

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static void get_buffer(struct zb_ioc_alloc *a, size_t size)
{
	if (zb_alloc_length(dev, size, ZB_GFP_ANYZONE, a))
		fail("ALLOC");
}

/* The functions below return the time that a turn took. */

static __u64 host_used(size_t size)
{
	__u64 start = now();
	int fd = get_heap(heap, size);
	void *p = map_heap(fd, size);

	touch(p, size);
	munmap(p, size);
	close(fd);
	return now() - start;
}

static __u64 our_used(size_t size)
{
	struct zb_ioc_alloc a;
	__u64 start = now();
	void *p;

	get_buffer(&a, size);
	p = map_buffer(&a);
	touch(p, size);
	munmap(p, size);
	zb_free(dev, a.handle);
	return now() - start;
}

static __u64 host_mapped(size_t size)
{
	int fd = get_heap(heap, size);
	__u64 start = now(), time;
	void *p = map_heap(fd, size);

	time = now() - start;
	munmap(p, size);
	close(fd);
	return time;
}

static __u64 our_mapped(size_t size)
{
	struct zb_ioc_alloc a;
	__u64 start, time;
	void *p;

	get_buffer(&a, size);
	start = now();
	p = map_buffer(&a);
	if (huge)
		touch(p, size);
	time = now() - start;
	munmap(p, size);
	zb_free(dev, a.handle);
	return time;
}

static __u64 host_anonymous(size_t size)
{
	__u64 start = now();
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		anonymous(size);
	return now() - start;
}

/* Buffers are held until the end, so that none of them gets memory that is not zero. */
static __u64 our_buffers(size_t size, bool map)
{
	struct zb_ioc_alloc a[BATCH];
	__u64 start = now();
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		get_buffer(&a[i], size);
		if (map)
			munmap(map_buffer(&a[i]), size);
	}
	for (i = 0; i < BATCH; i++)
		zb_free(dev, a[i].handle);
	return now() - start;
}

static __u64 our_map(size_t size)
{
	return our_buffers(size, true);
}

static __u64 our_mem(size_t size)
{
	return our_buffers(size, false);
}

static __u64 our_bulk(size_t size)
{
	static struct zb_bulk_buffer all[BATCH][ZB_BULK_MAX];
	__u32 nr = (__u32)(size / PAGE);
	struct zb_ioc_bulk_alloc b;
	struct zb_ioc_bulk_free f;
	__u64 start = now();
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		b = zb_want_bulk(0, all[i], nr);
		if (zb_ioctl(dev, ZB_IOC_BULK_ALLOC, &b) || b.done != nr)
			fail("BULK_ALLOC");
	}
	for (i = 0; i < BATCH; i++) {
		f = zb_want_bulk_free(all[i], nr);
		if (zb_ioctl(dev, ZB_IOC_BULK_FREE, &f) || f.done != nr)
			fail("BULK_FREE");
	}
	return now() - start;
}

static bool has_huge(void)
{
	struct zb_ioc_info info;

	return !zb_info(dev, &info) && info.features & ZB_FEATURE_MMAP_HUGE;
}

static void compare_with_heap(void)
{
	const char *group = ahead ? "ahead" : "dev";

	if (heap < 0)
		return;
	compare(name("%s.heap.%lu", group, LARGE >> 10), host_used, our_used, LARGE, 1);
	if (!ahead)
		compare(name("%s.heap_map.%lu", group, LARGE >> 10), host_mapped, our_mapped,
			LARGE, 1);
	if (!has_huge())
		return;
	huge = true;
	compare(name("%s.heap_huge.%lu", group, LARGE >> 10), host_used, our_used, LARGE, 1);
	if (!ahead)
		compare(name("%s.heap_mhuge.%lu", group, LARGE >> 10), host_mapped, our_mapped,
			LARGE, 1);
	huge = false;
}

static void compare_with_anonymous(void)
{
	static const size_t sizes[] = { 4, 64, 2048, 0 };
	const size_t *k;

	compare("ahead.bulk.64", host_anonymous, our_bulk, 64 * PAGE, 64 * BATCH);
	for (k = sizes; *k; k++) {
		compare(name("ahead.mem.%zu", *k), host_anonymous, our_mem, *k << 10, BATCH);
		compare(name("ahead.map.%zu", *k), host_anonymous, our_map, *k << 10, BATCH);
	}
	if (!has_huge())
		return;
	huge = true;
	compare("ahead.huge.2048", host_anonymous, our_map, 2 << 20, BATCH);
	huge = false;
}

/* A buffer that a program uses for the first half of each second. */
static void hit_rate(void)
{
	long hits[2] = { 0 }, misses[2] = { 0 };
	unsigned long rate;
	int i;

	wait_until_zero();
	for (i = 0; i <= CYCLES; i++) {
		struct zb_ioc_alloc a;
		void *p;

		if (i <= 1)
			read_counters("zb_zero_hit", &hits[0], "zb_zero_miss", &misses[0]);
		get_buffer(&a, LARGE);
		p = map_buffer(&a);
		memset(p, 1, LARGE);
		sleep_ms(500);
		munmap(p, LARGE);
		zb_free(dev, a.handle);
		sleep_ms(500);
	}
	read_counters("zb_zero_hit", &hits[1], "zb_zero_miss", &misses[1]);
	hits[1] -= hits[0];
	misses[1] -= misses[0];
	rate = 1000 * hits[1] / (hits[1] + misses[1]);
	printf("ahead.hit_rate,ours,1/1000,%lu,%lu,%lu,%d\n", rate, rate, rate, CYCLES);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	heap = open(HEAP, O_RDWR | O_CLOEXEC);
	compare_with_heap();
	set_ahead("100");
	compare_with_heap();
	compare_with_anonymous();
	hit_rate();
	set_ahead("0");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl bench-map: compare the times to allocate, map, touch and free memory with zbuddy
 * and with other interfaces of the kernel.
 *
 * The results are medians of several rounds. All memory is zeroed when it is allocated, and
 * written to once per page. Some interfaces allocate at the first access, so only the sums
 * of all phases are comparable.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/dma-heap.h>

#define ROUNDS	21

enum phase { ALLOC, MAP, TOUCH, FREE, NR_PHASES };

static const char * const phase_names[] = { "alloc", "map", "touch", "free" };
static const __u64 sizes[] = { 64 << 10, 2 << 20, 64 << 20 };

/**
 * struct bench - a kind of memory
 * @name: name of the row
 * @begin: prepares it; returns NULL or the reason why it is not available
 * @alloc: returns 0 or -errno
 * @map: returns the mapping or MAP_FAILED
 * @end: frees the memory after munmap()
 */
struct bench {
	const char *name;
	const char *(*begin)(struct zbctl *z, __u64 size);
	int (*alloc)(struct zbctl *z, __u64 size);
	void *(*map)(struct zbctl *z, __u64 size);
	int (*end)(struct zbctl *z);
};

static struct zb_ioc_alloc buf;
static int heap = -1, heap_fd = -1;

static __u64 nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static const char *zb_begin(struct zbctl *z, __u64 size)
{
	(void)z;
	(void)size;
	return NULL;
}

static const char *zb_huge_begin(struct zbctl *z, __u64 size)
{
	struct zb_ioc_info info;

	(void)size;
	if (dev_info(z->fd, &info) || !(info.features & ZB_FEATURE_MMAP_HUGE))
		return "this kernel has no huge mappings for modules";
	return NULL;
}

static int zb_alloc(struct zbctl *z, __u64 size)
{
	struct zb_req req = {
		.flags = ZB_BUF_LENGTH, .gfp = z->gfp,
		.node = (__s32)z->node, .length = size, .count = 1,
		.text = size_text(size),
	};
	int err;

	err = dev_alloc(z->fd, &req, &buf);
	/* the table has room for the errno only */
	if (err)
		alloc_err(z->fd, &req, -err, 0);
	return err;
}

static void *zb_map(struct zbctl *z, __u64 size)
{
	return dev_mmap(z->fd, buf.mmap_offset, size);
}

static void *zb_huge_map(struct zbctl *z, __u64 size)
{
	return dev_mmap(z->fd, buf.mmap_huge_offset, size);
}

static int zb_end(struct zbctl *z)
{
	return dev_free(z->fd, buf.handle);
}

static const char *heap_begin(struct zbctl *z, __u64 size)
{
	(void)z;
	(void)size;
	if (heap < 0)
		heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	return heap < 0 ? "no /dev/dma_heap/system" : NULL;
}

static int heap_alloc(struct zbctl *z, __u64 size)
{
	struct dma_heap_allocation_data d = {
		.len = size, .fd_flags = O_RDWR | O_CLOEXEC,
	};

	(void)z;
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d))
		return -errno;
	heap_fd = (int)d.fd;
	return 0;
}

static void *heap_map(struct zbctl *z, __u64 size)
{
	(void)z;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, heap_fd, 0);
}

static int heap_end(struct zbctl *z)
{
	(void)z;
	return close(heap_fd);
}

#define HUGE_FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)

static void *hugetlb_map(struct zbctl *z, __u64 size)
{
	(void)z;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, HUGE_FLAGS, -1, 0);
}

/* Enlarge the hugetlb pool if necessary; the pool keeps the pages afterwards. */
static const char *hugetlb_begin(struct zbctl *z, __u64 size)
{
	char text[32];
	int fd, len;
	void *p;

	if (size % (2 << 20))
		return "hugetlb has nothing smaller than 2M";
	fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return "no hugetlb, or not root";
	len = snprintf(text, sizeof(text), "%llu", size >> 21);
	if (write(fd, text, (size_t)len) != len)
		len = 0;
	close(fd);
	p = hugetlb_map(z, size);
	if (p == MAP_FAILED)
		return "hugetlb found not enough huge pages";
	munmap(p, size);
	return NULL;
}

static int no_alloc(struct zbctl *z, __u64 size)
{
	(void)z;
	(void)size;
	return 0;
}

static void *anon_map(struct zbctl *z, __u64 size)
{
	(void)z;
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static int no_end(struct zbctl *z)
{
	(void)z;
	return 0;
}

static const struct bench benches[] = {
	{ "zbuddy", zb_begin, zb_alloc, zb_map, zb_end },
	{ "zbuddy huge", zb_huge_begin, zb_alloc, zb_huge_map, zb_end },
	{ "dma-heap system", heap_begin, heap_alloc, heap_map, heap_end },
	{ "hugetlb 2M", hugetlb_begin, no_alloc, hugetlb_map, no_end },
	{ "anon populate", zb_begin, no_alloc, anon_map, no_end },
};

static void touch(unsigned char *p, __u64 size)
{
	for (__u64 at = 0; at < size; at += 4096)
		*(volatile unsigned char *)(p + at) = 1;
}

/* Run one round; returns 0 or -errno. */
static int one_round(struct zbctl *z, const struct bench *b, __u64 size,
		     __u64 took[NR_PHASES])
{
	__u64 at[NR_PHASES + 1];
	void *p;
	int err;

	at[ALLOC] = nanoseconds();
	err = b->alloc(z, size);
	if (err)
		return err;
	at[MAP] = nanoseconds();
	p = b->map(z, size);
	if (p == MAP_FAILED) {
		err = -errno;
		b->end(z);
		return err;
	}
	at[TOUCH] = nanoseconds();
	touch(p, size);
	at[FREE] = nanoseconds();
	munmap(p, size);
	b->end(z);
	at[NR_PHASES] = nanoseconds();
	for (int i = 0; i < NR_PHASES; i++)
		took[i] = at[i + 1] - at[i];
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void show_missing(const struct zbctl *z, const struct bench *b, __u64 size,
			 const char *why)
{
	if (!z->json) {
		printf("%6s  %-16s %s\n", size_text(size), b->name, why);
		return;
	}
	js_open(NULL, '{');
	js_str("memory", b->name);
	js_u64("bytes", size);
	js_str("missing", why);
	js_close('}');
}

static void show_row(const struct zbctl *z, const struct bench *b, __u64 size,
		     const __u64 median[NR_PHASES + 1])
{
	if (!z->json) {
		printf("%6s  %-16s", size_text(size), b->name);
		for (int i = 0; i <= NR_PHASES; i++)
			printf(" %10.1f", (double)median[i] / 1000);
		printf("\n");
		return;
	}
	js_open(NULL, '{');
	js_str("memory", b->name);
	js_u64("bytes", size);
	for (int i = 0; i < NR_PHASES; i++)
		js_u64(phase_names[i], median[i]);
	js_u64("sum", median[NR_PHASES]);
	js_close('}');
}

/* The samples of a kind of memory. */
struct samples {
	const char *why;	/* why there are none, or NULL */
	__u64 all[NR_PHASES + 1][ROUNDS];
};

static void sample(struct zbctl *z, const struct bench *b, __u64 size,
		   struct samples *s, int round)
{
	__u64 took[NR_PHASES];
	int err = one_round(z, b, size, took);

	if (err) {
		s->why = strerror(-err);
		return;
	}
	s->all[NR_PHASES][round] = 0;
	for (int i = 0; i < NR_PHASES; i++) {
		s->all[i][round] = took[i];
		s->all[NR_PHASES][round] += took[i];
	}
}

/* Show the median of each phase and of the sum. */
static void show_median(const struct zbctl *z, const struct bench *b,
			__u64 size, struct samples *s)
{
	__u64 median[NR_PHASES + 1];

	for (int i = 0; i <= NR_PHASES; i++) {
		qsort(s->all[i], ROUNDS, sizeof(s->all[i][0]), by_value);
		median[i] = s->all[i][ROUNDS / 2];
	}
	show_row(z, b, size, median);
}

/* Each round measures all kinds of memory, so that load of the machine affects all of them. */
static void rows(struct zbctl *z, __u64 size)
{
	static struct samples samples[ARRAY_SIZE(benches)];

	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		samples[i].why = benches[i].begin(z, size);
	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < ARRAY_SIZE(benches); i++) {
			if (!samples[i].why)
				sample(z, &benches[i], size, &samples[i], r);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++) {
		if (samples[i].why)
			show_missing(z, &benches[i], size, samples[i].why);
		else
			show_median(z, &benches[i], size, &samples[i]);
	}
	fflush(stdout);
}

int cmd_bench_map(struct zbctl *z)
{
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	if (!(z->given & OPT(GFP)))
		z->gfp |= __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE;
	if (z->json)
		js_open(NULL, '[');
	else
		printf("microseconds, median of %d rounds\n%6s  %-16s %10s %10s %10s %10s %10s\n",
		       ROUNDS, "SIZE", "MEMORY", "ALLOC", "MAP", "TOUCH", "FREE",
		       "SUM");
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
		rows(z, sizes[s]);
	if (z->json)
		js_close(']');
	if (heap >= 0)
		close(heap);
	return ZBCTL_OK;
}

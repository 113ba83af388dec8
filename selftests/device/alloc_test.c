// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating and freeing through the device: sizes, accounting, exhaustion, handles and
 * zones. The unit tests cover the core itself.
 */
#include "zbuddy_test.h"

#include <pthread.h>
#include <sched.h>

#define MANY		10000
#define MAX_BUFS	(1 << 18)

static struct zb_ioc_alloc bufs[MAX_BUFS];

static __u64 round_up_to(__u64 n, __u64 unit)
{
	return (n + unit - 1) / unit * unit;
}

static __u32 order_of(__u64 length, __u64 page)
{
	__u32 order = 0;

	while (page << order < length)
		order++;
	return order;
}

/* Free @nr buffers in random order. */
static int free_shuffled(int fd, struct zb_ioc_alloc *b, unsigned int nr)
{
	__u64 seed = 42;
	int rc = 0;

	for (; nr && !rc; nr--) {
		unsigned int i = (unsigned int)(zb_random(&seed) % nr);

		rc = zb_free(fd, b[i].handle);
		b[i] = b[nr - 1];
	}
	return rc;
}

static void expect_query(struct __test_metadata *_metadata, int fd,
			 const struct zb_ioc_alloc *a)
{
	struct zb_ioc_query q;

	ASSERT_EQ(0, zb_query(fd, a->handle, &q));
	EXPECT_EQ(sizeof(q), q.size);
	EXPECT_EQ(a->handle, q.handle);
	EXPECT_EQ(a->gfp, q.gfp);
	EXPECT_EQ(a->node, q.node);
	EXPECT_EQ(a->zone, q.zone);
	EXPECT_EQ(a->order, q.order);
	EXPECT_EQ(a->length, q.length);
	EXPECT_EQ(a->mmap_offset, q.mmap_offset);
	EXPECT_EQ((a->gfp & ZB_GFP_MOVABLE_MASK) >> 3, q.migratetype);
	EXPECT_EQ(0, q.mappings);
	EXPECT_EQ(0, q.flags);
	EXPECT_EQ(0, q.exports);
}

TEST_F(zbuddy, every_order)
{
	struct zb_ioc_alloc a;
	__u32 order;

	for (order = 0; order <= self->info.max_order; order++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, order,
					    ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a));
		EXPECT_EQ(self->page << order, a.length);
		EXPECT_EQ(order, a.order);
		EXPECT_NE(0, a.handle);
		EXPECT_EQ(0, a.mmap_offset % self->page);
		EXPECT_EQ(self->free - a.length, zb_free_bytes(self->fd));
		expect_query(_metadata, self->fd, &a);
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
		EXPECT_EQ(self->free, zb_free_bytes(self->fd));
	}
}

static void expect_length(struct __test_metadata *_metadata,
			  const FIXTURE_DATA(zbuddy) *self, __u64 length)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_length(self->fd, length, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a)) {
		TH_LOG("length %llu", length);
	}
	EXPECT_EQ(round_up_to(length, self->page), a.length);
	EXPECT_EQ(order_of(length, self->page), a.order);
	EXPECT_EQ(self->free - a.length, zb_free_bytes(self->fd));
	expect_query(_metadata, self->fd, &a);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, lengths_around_pages)
{
	static const unsigned int pages[] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 63, 64, 65, 100,
		127, 255, 257, 511, 512, 513, 1000, 1023, 1025,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		expect_length(_metadata, self, pages[i] * self->page - 1);
		expect_length(_metadata, self, pages[i] * self->page);
		expect_length(_metadata, self, pages[i] * self->page + 1);
	}
	expect_length(_metadata, self, 1);
	expect_length(_metadata, self, 12345);
	expect_length(_metadata, self, 1000000);
}

TEST_F(zbuddy, longest_length)
{
	__u64 most = self->page << self->info.max_order;

	expect_length(_metadata, self, most);
	expect_length(_metadata, self, most - 1);
	expect_length(_metadata, self, most - self->page);
	expect_length(_metadata, self, most / 2 + 1);
}

/* The trimmed tail of a block can be allocated while the buffer is held. */
TEST_F(zbuddy, trimmed_tails_are_free)
{
	__u64 bytes, length = 5 * self->page;
	unsigned int nr = 0, more;

	while (nr < 100 && !zb_alloc_length(self->fd, length, ZB_GFP_ANYZONE,
					    &bufs[nr]))
		nr++;
	ASSERT_EQ(100, nr);
	more = zb_alloc_all(self->fd, self->info.max_order, ZB_GFP_ANYZONE,
			    bufs + nr, MAX_BUFS - nr, &bytes);
	EXPECT_EQ(self->free - 100 * length, bytes);
	EXPECT_EQ(0, zb_free_bytes(self->fd));
	EXPECT_EQ(0, free_shuffled(self->fd, bufs, nr + more));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, random_lengths)
{
	__u64 seed = 1, held = 0;
	unsigned int nr, i;

	for (nr = 0; nr < 1000; nr++) {
		__u64 n = zb_random(&seed) % (512 * 1024) >> nr % 12;

		if (zb_alloc_length(self->fd, n + 1, ZB_GFP_ANYZONE, &bufs[nr]))
			break;
		held += bufs[nr].length;
		ASSERT_EQ(self->free - held, zb_free_bytes(self->fd));
	}
	EXPECT_GT(nr, 100);
	EXPECT_TRUE(zb_check_ok());
	for (i = 0; i < nr; i++)
		expect_query(_metadata, self->fd, &bufs[i]);
	EXPECT_EQ(0, free_shuffled(self->fd, bufs, nr));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, all_of_the_region)
{
	struct zb_ioc_alloc a, before;
	__u64 bytes, again;
	unsigned int nr;

	nr = zb_alloc_all(self->fd, self->info.max_order, ZB_GFP_ANYZONE, bufs,
			  MAX_BUFS, &bytes);
	EXPECT_EQ(self->info.total_bytes, self->free);
	EXPECT_EQ(self->info.total_bytes, bytes);
	EXPECT_EQ(0, zb_free_bytes(self->fd));

	a = zb_want_order(0, ZB_GFP_ANYZONE);
	before = a;
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_EQ(0, memcmp(&a, &before, sizeof(a)));
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->fd, self->info.max_order,
					  ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-ENOMEM, zb_alloc_length(self->fd, 1, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->fd, 0, ZB_GFP_NOWAIT, &a));

	again = bufs[nr - 1].length;
	ASSERT_EQ(0, zb_free(self->fd, bufs[nr - 1].handle));
	EXPECT_EQ(again, zb_free_bytes(self->fd));
	ASSERT_EQ(0, zb_alloc_length(self->fd, again, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC,
				     &bufs[nr - 1]));
	EXPECT_EQ(0, free_shuffled(self->fd, bufs, nr));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

/* Allocate page by page until nothing is left; all pages merge again when freed. */
TEST_F(zbuddy, page_by_page)
{
	__u32 gfp = ZB_GFP_ANYZONE;
	struct zb_ioc_zone zone, after;
	__u64 bytes, want = self->free;
	unsigned int nr;

	ASSERT_EQ(0, zb_zone(self->fd, 0, &zone));
	if (zone.type == ZB_ZONE_DMA && self->info.nr_nodes == 1) {
		gfp = ZB_GFP_KERNEL | __ZB_GFP_DMA;
		want = zone.total_bytes;
	}
	if (want / self->page > MAX_BUFS)
		SKIP(return, "too many pages");
	nr = zb_alloc_all(self->fd, 0, gfp, bufs, MAX_BUFS, &bytes);
	EXPECT_EQ(want, bytes);
	EXPECT_EQ(want / self->page, nr);
	EXPECT_EQ(self->free - want, zb_free_bytes(self->fd));
	EXPECT_EQ(0, free_shuffled(self->fd, bufs, nr));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
	EXPECT_EQ(0, zb_drain());
	ASSERT_EQ(0, zb_zone(self->fd, 0, &after));
	EXPECT_EQ(0, after.cached_bytes);
	EXPECT_EQ(zone.largest_order, after.largest_order);
}

TEST_F(zbuddy, buddyinfo_is_the_same_afterwards)
{
	static char before[8192], after[8192];
	__u64 seed = 7, bytes;
	unsigned int nr, i;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_drain());
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "buddyinfo", before, sizeof(before)), 0);
	for (i = 0; i < 3; i++) {
		__u32 order = (__u32)(zb_random(&seed) % 10);

		nr = zb_alloc_all(self->fd, order, ZB_GFP_KERNEL, bufs, 3000,
				  &bytes);
		EXPECT_GT(nr, 0);
		ASSERT_EQ(0, free_shuffled(self->fd, bufs, nr));
	}
	ASSERT_EQ(0, zb_drain());
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "buddyinfo", after, sizeof(after)), 0);
	EXPECT_STREQ(before, after);
}

/* Pages on the per-CPU lists of other CPUs can be allocated as well. */
TEST_F(zbuddy, lists_of_other_cpus)
{
	unsigned int nr, cpu, cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	__u64 bytes;

	if (cpus < 2)
		SKIP(return, "one CPU");
	for (cpu = 0; cpu < 2; cpu++) {
		ASSERT_EQ(0, zb_run_on(1 - cpu));
		nr = zb_alloc_all(self->fd, 0, ZB_GFP_KERNEL, bufs, 2000, &bytes);
		ASSERT_EQ(0, free_shuffled(self->fd, bufs, nr));
		ASSERT_EQ(0, zb_run_on(cpu));
		nr = zb_alloc_all(self->fd, self->info.max_order,
				  ZB_GFP_ANYZONE, bufs, MAX_BUFS, &bytes);
		EXPECT_EQ(self->free, bytes);
		ASSERT_EQ(0, free_shuffled(self->fd, bufs, nr));
	}
}

static int by_handle(const void *a, const void *b)
{
	__u32 x = ((const struct zb_ioc_alloc *)a)->handle;
	__u32 y = ((const struct zb_ioc_alloc *)b)->handle;

	return (x > y) - (x < y);
}

static int by_offset(const void *a, const void *b)
{
	__u64 x = ((const struct zb_ioc_alloc *)a)->mmap_offset;
	__u64 y = ((const struct zb_ioc_alloc *)b)->mmap_offset;

	return (x > y) - (x < y);
}

TEST_F(zbuddy, many_buffers)
{
	unsigned int nr = 0, i;

	while (nr < MANY && !zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &bufs[nr]))
		nr++;
	EXPECT_TRUE(nr == MANY || nr == self->free / self->page);
	EXPECT_EQ(self->free - nr * self->page, zb_free_bytes(self->fd));
	for (i = 0; i < nr; i += 97)
		expect_query(_metadata, self->fd, &bufs[i]);
	qsort(bufs, nr, sizeof(bufs[0]), by_offset);
	for (i = 1; i < nr; i++)
		ASSERT_LE(bufs[i - 1].mmap_offset + bufs[i - 1].length,
			  bufs[i].mmap_offset);
	qsort(bufs, nr, sizeof(bufs[0]), by_handle);
	EXPECT_NE(0, bufs[0].handle);
	for (i = 1; i < nr; i++)
		ASSERT_NE(bufs[i - 1].handle, bufs[i].handle);
	EXPECT_EQ(0, free_shuffled(self->fd, bufs, nr));
}

TEST_F(zbuddy, unknown_handles_are_refused)
{
	static const __u32 never[] = {
		0, ZB_NO_HANDLE, 1u << 16, 1u << 24, 1u << 31, ~0u - 1, ~0u,
	};
	struct zb_ioc_alloc a, b;
	struct zb_ioc_query q;
	int other = zb_open();
	size_t i;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	for (i = 0; i < ARRAY_SIZE(never); i++) {
		EXPECT_EQ(-ENOENT, zb_free(self->fd, never[i]));
		EXPECT_EQ(-ENOENT, zb_query(self->fd, never[i], &q));
	}
	/* foreign */
	EXPECT_EQ(-ENOENT, zb_free(other, a.handle));
	EXPECT_EQ(-ENOENT, zb_query(other, a.handle, &q));
	EXPECT_EQ(0, zb_query(self->fd, a.handle, &q));
	/* stale */
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-ENOENT, zb_free(self->fd, a.handle));
	EXPECT_EQ(-ENOENT, zb_query(self->fd, a.handle, &q));
	EXPECT_EQ(0, zb_query(self->fd, b.handle, &q));
	EXPECT_EQ(0, zb_free(self->fd, b.handle));
	close(other);
}

/* Two files use the same handle value; freeing one buffer leaves the other alone. */
TEST_F(zbuddy, same_handle_in_two_files)
{
	struct zb_ioc_alloc a, b;
	struct zb_ioc_query q;
	int other = zb_open();

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, zb_alloc_order(self->fd, 1, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_order(other, 2, ZB_GFP_ANYZONE, &b));
	EXPECT_EQ(0, zb_free(other, b.handle));
	ASSERT_EQ(0, zb_query(self->fd, a.handle, &q));
	EXPECT_EQ(2 * self->page, q.length);
	close(other);
	ASSERT_EQ(0, zb_query(self->fd, a.handle, &q));
}

static bool zone_exists(const FIXTURE_DATA(zbuddy) *self, __u32 type)
{
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++)
		if (!zb_zone(self->fd, i, &zone) && zone.type == type)
			return true;
	return false;
}

static const struct choice {
	__u32 gfp;
	__u32 highest;
} choices[] = {
	{ ZB_GFP_KERNEL | __ZB_GFP_DMA, ZB_ZONE_DMA },
	{ ZB_GFP_KERNEL | __ZB_GFP_DMA32, ZB_ZONE_DMA32 },
	{ ZB_GFP_KERNEL, ZB_ZONE_NORMAL },
	{ ZB_GFP_KERNEL | __ZB_GFP_MOVABLE, ZB_ZONE_NORMAL },
	{ ZB_GFP_KERNEL | __ZB_GFP_RECLAIMABLE, ZB_ZONE_NORMAL },
	{ ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM, ZB_ZONE_HIGHMEM },
	{ ZB_GFP_ANYZONE, ZB_ZONE_MOVABLE },
};

/* With all memory free, the highest existing zone that the flags allow is used. */
TEST_F(zbuddy, zone_choice)
{
	struct zb_ioc_alloc a;
	size_t i;
	int zone;

	for (i = 0; i < ARRAY_SIZE(choices); i++) {
		zone = (int)choices[i].highest;
		while (zone >= 0 && !zone_exists(self, (__u32)zone))
			zone--;
		if (zone < 0) {
			EXPECT_EQ(-ENOMEM, zb_alloc_order(self->fd, 0, choices[i].gfp, &a));
			continue;
		}
		ASSERT_EQ(0, zb_alloc_order(self->fd, 0, choices[i].gfp, &a));
		EXPECT_EQ((__u32)zone, a.zone);
		expect_query(_metadata, self->fd, &a);
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
	}
}

/* All zones up to the allowed one are filled, but no byte of a higher zone is used. */
TEST_F(zbuddy, zone_fallback)
{
	struct zb_ioc_zone zone;
	__u64 bytes, allowed;
	unsigned int nr, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(choices); i++) {
		nr = zb_alloc_all(self->fd, self->info.max_order,
				  choices[i].gfp, bufs, MAX_BUFS, &bytes);
		for (n = 0; n < nr; n++)
			ASSERT_LE(bufs[n].zone, choices[i].highest);
		for (allowed = 0, n = 0; n < self->info.nr_zones; n++) {
			ASSERT_EQ(0, zb_zone(self->fd, n, &zone));
			if (zone.type <= choices[i].highest)
				allowed += zone.total_bytes;
		}
		EXPECT_EQ(allowed, bytes);
		ASSERT_EQ(0, free_shuffled(self->fd, bufs, nr));
	}
}

TEST_F(zbuddy, node_choice)
{
	struct zb_ioc_alloc a;
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		a = zb_want_order(0, ZB_GFP_ANYZONE);
		a.node = zone.node;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
		EXPECT_EQ(zone.node, a.node);
		a = zb_want_order(0, ZB_GFP_ANYZONE | __ZB_GFP_THISNODE);
		a.node = zone.node;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
		EXPECT_EQ(zone.node, a.node);
	}
}

struct worker {
	pthread_t thread;
	int fd;
	__u64 seed;
	__u64 page;
	unsigned int nr_allocs;
	bool failed;
};

/* Each thread writes its number to all of its pages and reads it back. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct zb_ioc_alloc a;
	int i;

	for (i = 0; i < 300 && !w->failed; i++) {
		__u64 at, want = zb_random(&w->seed);
		char *p;

		if (zb_alloc_length(w->fd, 1 + want % (1 << 18), ZB_GFP_ANYZONE, &a))
			continue;
		w->nr_allocs++;
		p = zb_map(w->fd, &a);
		w->failed |= p == MAP_FAILED;
		if (!w->failed) {
			for (at = 0; at < a.length; at += w->page)
				memcpy(p + at, &want, sizeof(want));
			sched_yield();
			for (at = 0; at < a.length; at += w->page)
				w->failed |= !!memcmp(p + at, &want, sizeof(want));
			munmap(p, a.length);
		}
		w->failed |= !!zb_free(w->fd, a.handle);
	}
	return NULL;
}

TEST_F_TIMEOUT(zbuddy, threads_on_one_file, 120)
{
	struct worker w[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct worker){ .fd = self->fd, .seed = i + 1,
					.page = self->page };
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, work, &w[i]));
	}
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_FALSE(w[i].failed);
		EXPECT_GT(w[i].nr_allocs, 100);
	}
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating and freeing many buffers at once: partial success is reported exactly, and
 * an operation whose result can't be reported has no effect.
 */
#include "buffer_test.h"
#include "stopped.h"

static __u32 handles[ZB_BULK_MAX + 16];
static struct zb_bulk_buffer bufs[ZB_BULK_MAX + 16];

/* Returns the border between a writable page and one with protection @prot. */
static __u32 *edge(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
		   int prot)
{
	char *p = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, mprotect(p + self->page, self->page, prot));
	return (__u32 *)(p + self->page);
}

static __u64 held(FIXTURE_DATA(zbuddy) *self)
{
	return self->free - zb_free_bytes(self->fd);
}

static bool known(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return !zb_query(fd, handle, &q);
}

static void expect_known(struct __test_metadata *_metadata, int fd,
			 const __u32 *h, __u32 nr, bool want)
{
	__u32 i;

	for (i = 0; i < nr; i++)
		EXPECT_EQ(want, known(fd, h[i]));
}

static void expect_different(struct __test_metadata *_metadata, const __u32 *h,
			     __u32 nr)
{
	__u32 i, k;

	for (i = 0; i < nr; i++)
		for (k = 0; k < i; k++)
			ASSERT_NE(h[i], h[k]);
}

TEST_F(zbuddy, largest_number)
{
	static const __u32 numbers[] = { 1, 2, 3, 100, 1000 };
	__u32 done, nr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		nr = numbers[i];
		memset(handles, 0xff, sizeof(handles));
		ASSERT_EQ(0, zb_bulk_alloc(self->fd, 1, handles, nr, &done));
		EXPECT_EQ(nr, done);
		EXPECT_EQ(nr * 2 * self->page, held(self));
		expect_known(_metadata, self->fd, handles, nr, true);
		expect_different(_metadata, handles, nr);
		EXPECT_EQ(~0u, handles[nr]);
		ASSERT_EQ(0, zb_bulk_free(self->fd, handles, nr, &done));
		EXPECT_EQ(nr, done);
		EXPECT_EQ(0, held(self));
		expect_known(_metadata, self->fd, handles, nr, false);
	}
}

TEST_F(zbuddy, zeroed_and_disjoint)
{
	struct zb_ioc_query q;
	__u32 done, i;
	char *p[64];

	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 64, &done));
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, zb_query(self->fd, handles[i], &q));
		EXPECT_EQ(self->page, q.length);
		p[i] = zb_map_at(self->fd, q.length, q.mmap_offset);
		ASSERT_NE(MAP_FAILED, (void *)p[i]);
		EXPECT_TRUE(zb_all_bytes(p[i], 0, q.length));
		memset(p[i], (int)i + 1, q.length);
	}
	for (i = 0; i < 64; i++)
		EXPECT_TRUE(zb_all_bytes(p[i], (unsigned char)(i + 1), self->page));
}

/* Each element agrees with QUERY, and its offsets map that buffer. */
TEST_F(zbuddy, described)
{
	struct zb_ioc_query q;
	__u32 done, i;
	char *p;

	ASSERT_EQ(0, zb_bulk_buffers(self->fd, 2, bufs, 20, &done));
	ASSERT_EQ(20, done);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, zb_query(self->fd, bufs[i].handle, &q));
		EXPECT_EQ(q.node, bufs[i].node);
		EXPECT_EQ(q.zone, bufs[i].zone);
		EXPECT_EQ(2, bufs[i].order);
		EXPECT_EQ(4 * self->page, bufs[i].length);
		EXPECT_EQ(q.mmap_offset, bufs[i].mmap_offset);
		EXPECT_EQ(q.mmap_huge_offset, bufs[i].mmap_huge_offset);
		EXPECT_EQ(!(self->info.features & ZB_FEATURE_MMAP_HUGE),
			  !bufs[i].mmap_huge_offset);
		p = zb_map_at(self->fd, bufs[i].length, bufs[i].mmap_offset);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_EQ(1, zb_mappings(self->fd, bufs[i].handle));
		munmap(p, bufs[i].length);
	}
}

TEST_F(zbuddy, by_length)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, bufs, 10);
	__u32 i;

	b.flags = ZB_BUF_LENGTH;
	b.length = 2 * self->page + 1;
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(10, b.done);
	EXPECT_EQ(0, b.error);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(3 * self->page, bufs[i].length);
		EXPECT_EQ(2, bufs[i].order);
	}
	EXPECT_EQ(30 * self->page, held(self));
}

/* A program may be compiled with a longer element than the module knows. */
TEST_F(zbuddy, longer_elements)
{
	static const __u32 sizes[] = { 41, 44, 48, 64, 200, 4096 };
	char *p = malloc(4096 * 5);
	struct zb_ioc_bulk_free f = { .size = sizeof(f), .nr = 4 };
	struct zb_ioc_bulk_alloc b;
	struct zb_bulk_buffer one;
	struct zb_ioc_query q;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(p, 0x5a, 4096 * 5);
		b = zb_want_bulk(0, (void *)p, 4);
		b.buffer_size = sizes[i];
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
		ASSERT_EQ(4, b.done);
		for (k = 0; k < 4; k++) {
			memcpy(&one, p + k * sizes[i], sizeof(one));
			EXPECT_EQ(0, zb_query(self->fd, one.handle, &q));
			EXPECT_TRUE(zb_all_bytes(p + k * sizes[i] + sizeof(one), 0,
						 sizes[i] - sizeof(one)));
			if (sizes[i] % 4)
				EXPECT_EQ(0, zb_free(self->fd, one.handle));
		}
		EXPECT_TRUE(zb_all_bytes(p + 4 * sizes[i], 0x5a, 64));
		if (sizes[i] % 4)
			continue;
		f.handles = (unsigned long)p;
		f.stride = sizes[i];
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_FREE, &f));
		EXPECT_EQ(4, f.done);
		EXPECT_EQ(0, f.error);
	}
	EXPECT_EQ(0, held(self));
	free(p);
}

/* @error tells why fewer than the requested number were allocated. */
TEST_F(zbuddy, partial_success_has_an_errno)
{
	struct zb_bulk_buffer *end = (void *)edge(_metadata, self, PROT_NONE);
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, end - 3, 5);
	__u32 order = self->info.block_order;
	struct zb_ioc_explain why;

	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(3, b.done);
	EXPECT_EQ(EFAULT, b.error);
	/* Memory runs out before the array is written to. */
	while ((NR_HIDDEN * self->page) << order < self->free)
		order++;
	b = zb_want_bulk(order, end - 3, ZB_BULK_MAX);
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(3, b.done);
	EXPECT_EQ(EFAULT, b.error);
	ASSERT_EQ(0, zb_explain(self->fd, &why));
	EXPECT_EQ(EFAULT, why.error);
	EXPECT_EQ(ZB_CAUSE_NONE, why.cause);
	b = zb_want_bulk(self->info.block_order, bufs, ZB_BULK_MAX);
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(ENOMEM, b.error);
}

/* Not all memory is allocated before it turns out that the result can't be written. */
TEST_F(zbuddy, few_buffers_in_vain)
{
	struct zb_bulk_buffer *end = (void *)edge(_metadata, self, PROT_NONE);
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, end - 1, ZB_BULK_MAX);
	long before = zb_pgalloc();

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(1, b.done);
	EXPECT_GE(2 * NR_HIDDEN, zb_pgalloc() - before);
}

TEST_F(zbuddy, numbers)
{
	static const __u32 bad[] = { 0, ZB_BULK_MAX + 1, 65536, 1u << 31, ~0u };
	__u32 done;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, zb_bulk_alloc(self->fd, 0, handles, bad[i], &done));
		EXPECT_EQ(-EINVAL, zb_bulk_free(self->fd, handles, bad[i], &done));
	}
	EXPECT_EQ(0, held(self));
	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, ZB_BULK_MAX, &done));
	EXPECT_EQ(ZB_BULK_MAX, done);
	EXPECT_EQ(ZB_BULK_MAX * self->page, held(self));
	EXPECT_EQ(-EINVAL, zb_bulk_free(self->fd, handles, ZB_BULK_MAX + 1, &done));
	EXPECT_EQ(ZB_BULK_MAX * self->page, held(self));
	ASSERT_EQ(0, zb_bulk_free(self->fd, handles, ZB_BULK_MAX, &done));
	EXPECT_EQ(ZB_BULK_MAX, done);
	EXPECT_EQ(0, held(self));
}

#define EXPECT_ALLOC(err, member, value) do {				\
	struct zb_ioc_bulk_alloc __b = zb_want_bulk(0, bufs, 1);	\
									\
	__b.member = value;						\
	EXPECT_EQ(-(err), zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &__b)) { \
		TH_LOG(#member " " #value);				\
	}								\
} while (0)

#define EXPECT_FREE(err, member, value) do {				\
	struct zb_ioc_bulk_free __f = {					\
		.size = sizeof(__f), .nr = 1, .stride = sizeof(*handles), \
		.handles = (unsigned long)handles,			\
	};								\
									\
	__f.member = value;						\
	EXPECT_EQ(-(err), zb_ioctl(self->fd, ZB_IOC_BULK_FREE, &__f)) {	\
		TH_LOG(#member " " #value);				\
	}								\
} while (0)

TEST_F(zbuddy, one_field_wrong)
{
	__u32 done;

	EXPECT_ALLOC(EINVAL, gfp, 1u << ZB_GFP_BITS_SHIFT);
	EXPECT_ALLOC(EINVAL, gfp, __ZB_GFP_DMA | __ZB_GFP_HIGHMEM);
	EXPECT_ALLOC(EINVAL, node, -2);
	EXPECT_ALLOC(EINVAL, node, 1023);
	EXPECT_ALLOC(EINVAL, order, self->info.max_order + 1);
	EXPECT_ALLOC(EINVAL, order, 64);
	EXPECT_ALLOC(EINVAL, order, ~0u);
	EXPECT_ALLOC(EINVAL, length, 1);
	EXPECT_ALLOC(EINVAL, deadline_ns, 1);
	EXPECT_ALLOC(EINVAL, buffer_size, 0);
	EXPECT_ALLOC(EINVAL, buffer_size, sizeof(*bufs) - 1);
	EXPECT_ALLOC(EINVAL, buffer_size, (__u32)self->page + 1);
	EXPECT_EQ(0, held(self));
	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 1, &done));
	EXPECT_FREE(EINVAL, stride, 0);
	EXPECT_FREE(EINVAL, stride, 1);
	EXPECT_FREE(EINVAL, stride, 6);
	EXPECT_FREE(EINVAL, nr, 0);
	EXPECT_TRUE(known(self->fd, handles[0]));
	EXPECT_FREE(0, stride, 4096);
}

/* Allocates what is available and leaves the rest of the array unchanged. */
TEST_F(zbuddy, fewer_than_requested)
{
	__u32 order = self->info.block_order, done, again;

	memset(bufs, 0xff, sizeof(bufs));
	ASSERT_EQ(0, zb_bulk_buffers(self->fd, order, bufs, ZB_BULK_MAX, &done));
	ASSERT_GT(done, 0);
	ASSERT_LT(done, ZB_BULK_MAX);
	EXPECT_EQ((__u64)done * self->page << order, held(self));
	EXPECT_EQ(~0u, bufs[done].handle);
	EXPECT_EQ(-ENOMEM, zb_bulk_buffers(self->fd, order, bufs + done, 1, &again));
	EXPECT_EQ(~0u, bufs[done].handle);
	for (again = 0; again < done; again++)
		EXPECT_EQ(0, zb_free(self->fd, bufs[again].handle));
	EXPECT_EQ(0, held(self));
}

/* The array has fewer elements than the requested number of buffers. */
TEST_F(zbuddy, alloc_into_an_array_that_ends)
{
	static const int prots[] = { PROT_NONE, PROT_READ };
	struct zb_bulk_buffer *end;
	__u32 done, in, i;
	size_t p, half;

	for (p = 0; p < ARRAY_SIZE(prots); p++) {
		end = (struct zb_bulk_buffer *)edge(_metadata, self, prots[p]);
		EXPECT_EQ(-EFAULT, zb_bulk_buffers(self->fd, 0, end, 8, &done));
		EXPECT_EQ(0, held(self));
		for (in = 1; in < 8; in++) {
			ASSERT_EQ(0, zb_bulk_buffers(self->fd, 0, end - in, 8, &done));
			EXPECT_EQ(in, done);
			EXPECT_EQ(in * self->page, held(self));
			for (i = 1; i <= in; i++)
				ASSERT_EQ(0, zb_free(self->fd, end[-(int)i].handle));
		}
		EXPECT_EQ(0, held(self));
		/* only part of the last element is writable */
		for (half = 4; half < sizeof(*end); half += 4) {
			void *at = (char *)(end - 1) - half;

			EXPECT_EQ(0, zb_bulk_buffers(self->fd, 0, at, 2, &done));
			EXPECT_EQ(1, done);
			memcpy(bufs, at, sizeof(*bufs));
			EXPECT_EQ(0, zb_free(self->fd, bufs[0].handle));
		}
	}
	EXPECT_EQ(-EFAULT, zb_bulk_buffers(self->fd, 0, NULL, 1, &done));
	EXPECT_EQ(-EFAULT, zb_bulk_buffers(self->fd, 0, (void *)~0xfffffful, 1, &done));
	EXPECT_EQ(-EFAULT, zb_bulk_buffers(self->fd, 0, (void *)-8l, 4, &done));
	EXPECT_EQ(0, held(self));
}

TEST_F(zbuddy, free_from_an_array_that_ends)
{
	__u32 *end = edge(_metadata, self, PROT_NONE), done, in;

	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 8, &done));
	EXPECT_EQ(-EFAULT, zb_bulk_free(self->fd, end, 8, &done));
	EXPECT_EQ(8 * self->page, held(self));
	for (in = 1; in <= 4; in += 3) {
		memcpy(end - in, handles + (in - 1), in * 4);
		ASSERT_EQ(0, zb_bulk_free(self->fd, end - in, 8, &done));
		EXPECT_EQ(in, done);
	}
	EXPECT_EQ(3 * self->page, held(self));
	expect_known(_metadata, self->fd, handles, 1, false);
	expect_known(_metadata, self->fd, handles + 3, 4, false);
	expect_known(_metadata, self->fd, handles + 7, 1, true);
}

/* BULK_FREE stops at a stale handle, one of another file, 0, or a duplicate. */
TEST_F(zbuddy, unknown_handle_in_the_array)
{
	__u32 at, kind, done, stranger, spared, i, bad[5];
	struct zb_ioc_alloc a;
	int other = zb_open();

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, zb_bulk_alloc(other, 0, handles, 40, &done));
	stranger = handles[39];
	bad[0] = a.handle;
	bad[1] = stranger;
	bad[2] = 0;
	bad[3] = ~0u;
	for (kind = 0; kind < 5; kind++) {
		for (at = 0; at < 8; at++) {
			ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 8, &done));
			bad[4] = at ? handles[0] : a.handle;
			spared = handles[at];
			handles[at] = bad[kind];
			EXPECT_EQ(at ? 0 : -ENOENT,
				  zb_bulk_free(self->fd, handles, 8, &done));
			if (at)
				EXPECT_EQ(at, done);
			expect_known(_metadata, self->fd, handles, at, false);
			expect_known(_metadata, self->fd, handles + at + 1, 7 - at, true);
			EXPECT_TRUE(known(other, stranger));
			EXPECT_EQ(0, zb_free(self->fd, spared));
			for (i = at + 1; i < 8; i++)
				EXPECT_EQ(0, zb_free(self->fd, handles[i]));
		}
	}
	close(other);
}

/* A command whose result can't be written must have no effect. */
TEST_F(zbuddy, read_only_structure)
{
	void *p = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zb_ioc_bulk_alloc *b = p;
	struct zb_ioc_bulk_free *f = p;
	__u32 done, i;

	ASSERT_NE(MAP_FAILED, p);
	*b = zb_want_bulk(0, bufs, 8);
	ASSERT_EQ(0, mprotect(p, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, b));
	EXPECT_EQ(0, held(self));
	for (i = 0; i < 8; i++)
		EXPECT_FALSE(known(self->fd, bufs[i].handle));
	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 8, &done));
	ASSERT_EQ(0, mprotect(p, self->page, PROT_READ | PROT_WRITE));
	*f = (struct zb_ioc_bulk_free){
		.size = sizeof(*f), .nr = 8, .stride = sizeof(*handles),
		.handles = (unsigned long)handles,
	};
	ASSERT_EQ(0, mprotect(p, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_BULK_FREE, f));
	EXPECT_EQ(8 * self->page, held(self));
	expect_known(_metadata, self->fd, handles, 8, true);
	ASSERT_EQ(0, zb_bulk_free(self->fd, handles, 8, &done));
	EXPECT_EQ(8, done);
}

/*
 * A handle is not valid before the command that makes it has returned: no other thread can
 * use or free it, even if it reads its number early.
 */
TEST_F(zbuddy, not_valid_before_return)
{
	struct zb_bulk_buffer *buf;
	struct zb_ioc_query query;
	struct stopped alloc;
	__u32 handle, done;
	const char *why;

	why = stopped_init(&alloc, self->fd, ZB_IOC_BULK_ALLOC);
	if (why)
		SKIP(return, "%s", why);
	buf = (struct zb_bulk_buffer *)alloc.page - 1;
	*(struct zb_ioc_bulk_alloc *)alloc.arg = zb_want_bulk(0, buf, 2);
	run_until_stopped(_metadata, &alloc);
	handle = buf->handle;
	EXPECT_NE(0, handle);
	EXPECT_EQ(-ENOENT, zb_query(self->fd, handle, &query));
	EXPECT_EQ(-ENOENT, zb_free(self->fd, handle));
	EXPECT_EQ(-ENOENT, zb_bulk_free(self->fd, &handle, 1, &done));
	EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page, buf->mmap_offset));
	go_on(_metadata, &alloc);
	EXPECT_EQ(-ENOENT, zb_query(self->fd, handle, &query));
	EXPECT_EQ(0, held(self));
}

/*
 * FREE and BULK_FREE do not find handles that another BULK_FREE has hidden. That one then
 * fails, and the buffers keep their handles. See also compat_test, where all other handles are
 * allocated in the meantime.
 */
TEST_F(zbuddy, free_during_bulk_free)
{
	struct zb_bulk_buffer bufs[NR_HIDDEN];
	struct zb_ioc_query query;
	struct stopped free;
	const char *why;
	__u32 done, i;

	why = stopped_init(&free, self->fd, ZB_IOC_BULK_FREE);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, zb_bulk_buffers(self->fd, 0, bufs, NR_HIDDEN, &done));
	ASSERT_EQ(NR_HIDDEN, done);
	hide_handles(_metadata, &free, bufs);
	for (i = 0; i < NR_HIDDEN; i++) {
		EXPECT_EQ(-ENOENT, zb_free(self->fd, bufs[i].handle));
		EXPECT_EQ(-ENOENT, zb_bulk_free(self->fd, &bufs[i].handle, 1, &done));
	}
	go_on(_metadata, &free);
	for (i = 0; i < NR_HIDDEN; i++) {
		EXPECT_EQ(0, zb_query(self->fd, bufs[i].handle, &query));
		EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	}
	EXPECT_EQ(0, held(self));
}

/* The array of handles may be in one of the buffers that are freed. */
TEST_F(zbuddy, array_in_a_buffer)
{
	struct zb_bulk_buffer *p;
	struct zb_ioc_alloc a;
	struct zb_ioc_bulk_free f;
	__u32 done, i;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 2, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, zb_bulk_buffers(self->fd, 0, p, 100, &done));
	ASSERT_EQ(100, done);
	for (i = 0; i < 100; i++)
		EXPECT_NE(0, p[i].handle);
	p[50].handle = a.handle;
	f = zb_want_bulk_free(p, 100);
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_FREE, &f));
	EXPECT_EQ(100, f.done);
	EXPECT_EQ(a.length + self->page, held(self));
	munmap(p, a.length);
	EXPECT_EQ(self->page, held(self));
}

/* BULK_FREE of a mapped buffer leaves the mapping and its memory alone. */
TEST_F(zbuddy, free_while_mapped)
{
	struct zb_ioc_query q;
	__u32 done;
	char *p;

	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 3, handles, 10, &done));
	ASSERT_EQ(0, zb_query(self->fd, handles[5], &q));
	p = zb_map_at(self->fd, q.length, q.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, q.length, 1);
	ASSERT_EQ(0, zb_bulk_free(self->fd, handles, 10, &done));
	EXPECT_EQ(10, done);
	EXPECT_EQ(q.length, held(self));
	EXPECT_TRUE(zb_filled(p, 0, q.length, 1));
	munmap(p, q.length);
	EXPECT_EQ(0, held(self));
}

TEST_HARNESS_MAIN

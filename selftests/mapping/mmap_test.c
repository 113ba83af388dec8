// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping buffers: their contents, which offsets and lengths can be mapped, and mappings
 * that are split, moved or inherited.
 */
#include "buffer_test.h"

#define PAGES	8
#define LENGTH	((size_t)PAGES * self->page)

static struct zb_ioc_alloc bufs[4096];

static struct zb_ioc_alloc get(struct __test_metadata *_metadata,
			       FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_alloc a = { 0 };

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	return a;
}

static char *get_mapped(struct __test_metadata *_metadata,
			FIXTURE_DATA(zbuddy) *self, struct zb_ioc_alloc *a)
{
	char *p;

	*a = get(_metadata, self);
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	return p;
}

/* mmap() must fail with @err. */
#define EXPECT_NO_MAP(err, fd, len, offset) do {			\
	void *__p = zb_map_at(fd, len, offset);				\
									\
	EXPECT_EQ(MAP_FAILED, __p);					\
	if (__p != MAP_FAILED)						\
		munmap(__p, len);					\
	else								\
		EXPECT_EQ(err, errno);					\
} while (0)

TEST_F(zbuddy, zeroed)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);

	EXPECT_TRUE(zb_all_bytes(p, 0, LENGTH));
}

/* All memory is zeroed again after all of it has been overwritten. */
TEST_F_TIMEOUT(zbuddy, zeroed_after_others, 120)
{
	unsigned int nr, i, round;
	__u64 bytes;

	for (round = 0; round < 2; round++) {
		int fd = zb_open();

		ASSERT_GE(fd, 0);
		nr = zb_alloc_all(fd, round ? 9 : self->info.max_order,
				  ZB_GFP_ANYZONE, bufs, ARRAY_SIZE(bufs), &bytes);
		ASSERT_EQ(self->free, bytes);
		for (i = 0; i < nr; i++) {
			char *p = zb_map(fd, &bufs[i]);

			ASSERT_NE(MAP_FAILED, (void *)p);
			ASSERT_TRUE(zb_all_bytes(p, 0, bufs[i].length));
			memset(p, 0xa5, bufs[i].length);
			munmap(p, bufs[i].length);
		}
		close(fd);
	}
}

/* The same for small buffers, which come from per-CPU lists. */
TEST_F(zbuddy, zeroed_when_small)
{
	struct zb_ioc_alloc a;
	unsigned int i;

	for (i = 0; i < 500; i++) {
		char *p;

		ASSERT_EQ(0, zb_alloc_length(self->fd, (i % 11 + 1) * self->page,
					     ZB_GFP_ANYZONE, &a));
		p = zb_map(self->fd, &a);
		ASSERT_NE(MAP_FAILED, (void *)p);
		ASSERT_TRUE(zb_all_bytes(p, 0, a.length));
		memset(p, 0xff, a.length);
		munmap(p, a.length);
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
}

TEST_F(zbuddy, two_mappings_see_the_same)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a), *q = zb_map(self->fd, &a);

	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_EQ(2, zb_mappings(self->fd, a.handle));
	zb_fill(p, 0, LENGTH, 1);
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 1));
	zb_fill(q, 0, LENGTH, 2);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 2));
	munmap(p, LENGTH);
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 2));
	munmap(q, LENGTH);
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 2));
}

TEST_F(zbuddy, buffers_do_not_overlap)
{
	struct zb_ioc_alloc a[50];
	char *p[50];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(a); i++) {
		p[i] = get_mapped(_metadata, self, &a[i]);
		zb_fill(p[i], 0, LENGTH, i);
	}
	for (i = 0; i < ARRAY_SIZE(a); i++)
		EXPECT_TRUE(zb_filled(p[i], 0, LENGTH, i));
}

/* Mapping any part of a buffer shows the right contents. */
TEST_F(zbuddy, windows)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a), *q;
	size_t from, pages;

	zb_fill(p, 0, LENGTH, 3);
	for (from = 0; from < PAGES; from++) {
		for (pages = 1; from + pages <= PAGES; pages++) {
			q = zb_map_at(self->fd, pages * self->page,
				      a.mmap_offset + from * self->page);
			ASSERT_NE(MAP_FAILED, (void *)q);
			EXPECT_TRUE(zb_filled(q, from * self->page,
					      pages * self->page, 3));
			munmap(q, pages * self->page);
		}
	}
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
}

TEST_F(zbuddy, beyond_the_end)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	size_t i;

	for (i = 1; i < 4; i++)
		EXPECT_NO_MAP(EINVAL, self->fd, LENGTH + i * self->page, a.mmap_offset);
	EXPECT_NO_MAP(EINVAL, self->fd, LENGTH + 1, a.mmap_offset);
	EXPECT_NO_MAP(EINVAL, self->fd, LENGTH, a.mmap_offset + self->page);
	EXPECT_NO_MAP(EINVAL, self->fd, 2 * self->page,
		      a.mmap_offset + LENGTH - self->page);
	EXPECT_NO_MAP(EINVAL, self->fd, (size_t)1 << 40, a.mmap_offset);
	/* the offset just beyond the end: either error is acceptable */
	EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page, a.mmap_offset + LENGTH));
	EXPECT_TRUE(errno == ENOENT || errno == EINVAL);
	EXPECT_NO_MAP(ENOENT, self->fd, self->page, a.mmap_offset + (1ull << 33));
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

/* Mapping one page too many could expose the adjacent buffer. */
TEST_F(zbuddy, beyond_the_end_of_a_page)
{
	struct zb_ioc_alloc a, b;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	EXPECT_NO_MAP(EINVAL, self->fd, 2 * self->page, a.mmap_offset);
	EXPECT_NO_MAP(EINVAL, self->fd, 2 * self->page, b.mmap_offset);
}

/* The tail of a trimmed block is not part of the buffer. */
TEST_F(zbuddy, beyond_the_end_in_the_tail)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_length(self->fd, 5 * self->page, ZB_GFP_ANYZONE, &a));
	EXPECT_NO_MAP(EINVAL, self->fd, 6 * self->page, a.mmap_offset);
	EXPECT_NO_MAP(EINVAL, self->fd, 8 * self->page, a.mmap_offset);
	EXPECT_NO_MAP(EINVAL, self->fd, 2 * self->page,
		      a.mmap_offset + 4 * self->page);
}

TEST_F(zbuddy, no_such_buffer)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	int other = zb_open();

	ASSERT_GE(other, 0);
	EXPECT_NO_MAP(ENOENT, other, self->page, a.mmap_offset);
	EXPECT_NO_MAP(ENOENT, other, self->page, 0);
	EXPECT_NO_MAP(ENOENT, other, self->page, 1ull << 40);
	EXPECT_NO_MAP(ENOENT, other, self->page, 1ull << 44);
	EXPECT_NO_MAP(ENOENT, other, self->page, 1ull << 45);
	EXPECT_NO_MAP(ENOENT, other, self->page, 1ull << 62);
	EXPECT_NO_MAP(ENOENT, self->fd, self->page, a.mmap_offset + (1ull << 44));
	EXPECT_NO_MAP(ENOENT, self->fd, self->page, a.mmap_offset + (1ull << 56));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_NO_MAP(ENOENT, self->fd, self->page, a.mmap_offset);
	close(other);
}

/* The kernel itself returns EOVERFLOW if offset plus length overflows. */
TEST_F(zbuddy, offset_overflow)
{
	static const __u64 offsets[] = { -1ull, -2ull, -8ull, -16ull };
	struct zb_ioc_alloc a = get(_metadata, self);
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (len = 1; len <= 64; len *= 2) {
			void *p = zb_map_at(self->fd, len * self->page,
					 offsets[i] * self->page);

			ASSERT_EQ(MAP_FAILED, p);
			EXPECT_TRUE(errno == EOVERFLOW || errno == ENOENT ||
				    errno == EINVAL);
		}
	}
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

/* A program whose off_t has 32 bits must not map another buffer by a truncated offset. */
TEST_F(zbuddy, truncated_offset)
{
	struct zb_ioc_alloc a;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		a = zb_want_order(0, ZB_GFP_ANYZONE);
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
		EXPECT_NE(0, a.mmap_offset >> 32);
		EXPECT_NO_MAP(ENOENT, self->fd, self->page, a.mmap_offset & 0xffffffff);
	}
}

TEST_F(zbuddy, unaligned_offset)
{
	struct zb_ioc_alloc a = get(_metadata, self);

	EXPECT_NO_MAP(EINVAL, self->fd, self->page, a.mmap_offset + 1);
	EXPECT_NO_MAP(EINVAL, self->fd, self->page, a.mmap_offset + 512);
	EXPECT_NO_MAP(EINVAL, self->fd, 0, a.mmap_offset);
}

TEST_F(zbuddy, private)
{
	static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE };
	struct zb_ioc_alloc a = get(_metadata, self);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		errno = 0;
		EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, prots[i], MAP_PRIVATE,
					   self->fd, (off_t)a.mmap_offset));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

TEST_F(zbuddy, read_only_file)
{
	int fd = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	struct zb_ioc_alloc a;
	char *p;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	EXPECT_NO_MAP(EACCES, fd, LENGTH, a.mmap_offset);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, (off_t)a.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, LENGTH));
	EXPECT_EQ(-1, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	munmap(p, LENGTH);
	close(fd);
}

TEST_F(zbuddy, write_only_file)
{
	int fd = open(ZB_DEV, O_WRONLY | O_CLOEXEC);
	struct zb_ioc_alloc a;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	EXPECT_NO_MAP(EACCES, fd, LENGTH, a.mmap_offset);
	close(fd);
}

TEST_F(zbuddy, protection)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);

	zb_fill(p, 0, LENGTH, 4);
	ASSERT_EQ(0, mprotect(p, LENGTH, PROT_READ));
	EXPECT_EQ(0, zb_touch(p, false));
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	ASSERT_EQ(0, mprotect(p + self->page, self->page, PROT_NONE));
	EXPECT_EQ(SIGSEGV, zb_touch(p + self->page, false));
	EXPECT_EQ(0, zb_touch(p + 2 * self->page, false));
	ASSERT_EQ(0, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 4));
	EXPECT_EQ(0, zb_touch(p, true));
	EXPECT_EQ(0, zb_touch(p + self->page, true));
}

TEST_F(zbuddy, unmap_in_pieces)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);

	zb_fill(p, 0, LENGTH, 5);
	ASSERT_EQ(0, munmap(p + 3 * self->page, 2 * self->page));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 3 * self->page, false));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 5 * self->page - 1, false));
	EXPECT_TRUE(zb_filled(p, 0, 3 * self->page, 5));
	EXPECT_TRUE(zb_filled(p + 5 * self->page, 5 * self->page, 3 * self->page, 5));
	ASSERT_EQ(0, munmap(p, self->page));
	ASSERT_EQ(0, munmap(p + 7 * self->page, self->page));
	EXPECT_TRUE(zb_filled(p + self->page, self->page, 2 * self->page, 5));
	EXPECT_GE(zb_mappings(self->fd, a.handle), 1);
	ASSERT_EQ(0, munmap(p, LENGTH));
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

TEST_F(zbuddy, mapped_over)
{
	struct zb_ioc_alloc a, b;
	char *p = get_mapped(_metadata, self, &a), *q;

	zb_fill(p, 0, LENGTH, 6);
	b = get(_metadata, self);
	q = mmap(p + self->page, self->page, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, self->fd, (off_t)b.mmap_offset);
	ASSERT_EQ(p + self->page, q);
	EXPECT_TRUE(zb_all_bytes(q, 0, self->page));
	EXPECT_TRUE(zb_filled(p, 0, self->page, 6));
	EXPECT_TRUE(zb_filled(p + 2 * self->page, 2 * self->page,
			      6 * self->page, 6));
	ASSERT_EQ(0, munmap(p, LENGTH));
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
	EXPECT_EQ(0, zb_mappings(self->fd, b.handle));
}

TEST_F(zbuddy, child_sees_the_same_memory)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	pid_t pid;

	zb_fill(p, 0, LENGTH, 7);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (!zb_filled(p, 0, LENGTH, 7) ||
		    zb_mappings(self->fd, a.handle) != 2)
			_exit(1);
		zb_fill(p, 0, LENGTH, 8);
		_exit(0);
	}
	ASSERT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 8));
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
}

/* mremap() fails, or accesses beyond the end of the buffer raise SIGBUS. */
TEST_F(zbuddy, grow_with_mremap)
{
	struct zb_ioc_alloc a, next;
	char *p = get_mapped(_metadata, self, &a), *q;

	zb_fill(p, 0, LENGTH, 9);
	next = get(_metadata, self);
	q = mremap(p, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE);
	if (q == MAP_FAILED) {
		EXPECT_TRUE(errno == EFAULT || errno == EINVAL);
		q = p;
	} else {
		EXPECT_EQ(SIGBUS, zb_touch(q + LENGTH, false));
		EXPECT_EQ(SIGBUS, zb_touch(q + 2 * LENGTH - 1, true));
	}
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 9));
	EXPECT_EQ(0, zb_mappings(self->fd, next.handle));
}

/* The same for a mapping of the buffer's last page. */
TEST_F(zbuddy, grow_a_window_with_mremap)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	char *p = zb_map_at(self->fd, self->page, a.mmap_offset + LENGTH - self->page);
	char *q;

	ASSERT_NE(MAP_FAILED, (void *)p);
	q = mremap(p, self->page, 2 * self->page, MREMAP_MAYMOVE);
	if (q != MAP_FAILED)
		EXPECT_EQ(SIGBUS, zb_touch(q + self->page, false));
}

TEST_F(zbuddy, move_and_shrink_with_mremap)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a), *q, *room;

	zb_fill(p, 0, LENGTH, 10);
	room = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)room);
	q = mremap(p, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	if (q == MAP_FAILED) {
		EXPECT_TRUE(errno == EFAULT || errno == EINVAL);
		q = p;
	}
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 10));
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
	ASSERT_EQ(q, mremap(q, LENGTH, LENGTH / 2, 0));
	EXPECT_TRUE(zb_filled(q, 0, LENGTH / 2, 10));
	EXPECT_EQ(SIGSEGV, zb_touch(q + LENGTH / 2, false));
	ASSERT_EQ(0, munmap(q, LENGTH / 2));
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

/* After madvise(), pages have their contents or can't be accessed. */
TEST_F(zbuddy, madvise)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK,
		MADV_HUGEPAGE, MADV_MERGEABLE, MADV_WILLNEED, MADV_FREE,
		MADV_DONTDUMP, 21 /* PAGEOUT */, 22 /* POPULATE_READ */,
		23 /* POPULATE_WRITE */, 25 /* COLLAPSE */,
	};
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a), *q = zb_map(self->fd, &a);
	size_t i;

	ASSERT_NE(MAP_FAILED, (void *)q);
	zb_fill(p, 0, LENGTH, 11);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		int sig;

		madvise(p, LENGTH, advices[i]);
		sig = zb_touch(p, false);
		EXPECT_TRUE(sig == 0 || sig == SIGBUS);
		if (!sig)
			EXPECT_TRUE(zb_filled(p, 0, LENGTH, 11));
		EXPECT_TRUE(zb_filled(q, 0, LENGTH, 11));
	}
}

TEST_F_TIMEOUT(zbuddy, largest_populated, 60)
{
	struct zb_ioc_alloc a;
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, self->info.max_order,
				    ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a));
	p = mmap(NULL, a.length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_POPULATE, self->fd, (off_t)a.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, a.length));
	memset(p, 0x77, a.length);
	ASSERT_EQ(0, munmap(p + self->page, a.length - 2 * self->page));
	EXPECT_EQ(0x77, p[0]);
	EXPECT_EQ(0x77, p[a.length - 1]);
}

#define THP_MODE	"/sys/kernel/mm/transparent_hugepage/enabled"

/* The number of page faults in accesses to all pages of a new mapping, the last one first. */
static long nr_faults(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self, size_t len)
{
	struct zb_ioc_alloc a;
	long nr = 0;
	size_t at;
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, len, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	for (at = len; at; at -= self->page)
		nr += zb_page_faults(p + at - self->page);
	munmap(p, len);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	return nr;
}

/* Accesses fault at most once for each piece, whatever the system uses huge pages for. */
TEST_F(zbuddy, few_faults_without_thp)
{
	const size_t huge = 2ul << 20, len = 2 * huge + 5 * self->page;
	static const char *const modes[] = { "always", "madvise", "never" };
	char text[64] = "", *old;
	size_t i;

	if (zb_read_file(THP_MODE, text, sizeof(text)) <= 0)
		SKIP(return, "no transparent huge pages in this kernel");
	old = strchr(text, '[');
	ASSERT_NE(NULL, old);
	old[strcspn(old, "]")] = '\0';
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, zb_write_file(THP_MODE, modes[i]));
		EXPECT_GE(2, nr_faults(_metadata, self, len)) TH_LOG("mode %s", modes[i]);
	}
	EXPECT_EQ(0, zb_write_file(THP_MODE, old + 1));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * mmap_huge_offset: mappings by huge page table entries work like other mappings, except
 * for get_user_pages().
 */
#include "buffer_test.h"

#define HUGE	(2ul << 20)

#define REQUIRE_HUGE() do {						\
	if (!(self->info.features & ZB_FEATURE_MMAP_HUGE))		\
		SKIP(return, "no huge mappings in this kernel");	\
} while (0)

static char *map_huge(int fd, const struct zb_ioc_alloc *a, size_t from, size_t len)
{
	return zb_map_at(fd, len, a->mmap_huge_offset + from);
}

/* Allocate a buffer of @len bytes and fill it. */
static void get_huge(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
		     struct zb_ioc_alloc *a, size_t len)
{
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, len, ZB_GFP_ANYZONE, a));
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a->length, 1);
	munmap(p, a->length);
}

TEST_F(zbuddy, huge_has_the_same_content)
{
	const size_t lengths[] = {
		self->page, 16 * self->page, HUGE - self->page, HUGE,
		HUGE + self->page, 2 * HUGE, 3 * HUGE + 5 * self->page,
	};
	struct zb_ioc_alloc a;
	char *p, *q;
	size_t i;

	REQUIRE_HUGE();
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		get_huge(_metadata, self, &a, lengths[i]);
		p = map_huge(self->fd, &a, 0, a.length);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
		q = zb_map(self->fd, &a);
		ASSERT_NE(MAP_FAILED, (void *)q);
		zb_fill(p, 0, a.length, 2);
		EXPECT_TRUE(zb_filled(q, 0, a.length, 2));
		zb_fill(q, 0, a.length, 3);
		EXPECT_TRUE(zb_filled(p, 0, a.length, 3));
		munmap(q, a.length);
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
		EXPECT_TRUE(zb_filled(p, 0, a.length, 3));
		munmap(p, a.length);
		EXPECT_EQ(self->free, zb_free_bytes(self->fd));
	}
}

/* The address is aligned, and one fault maps 2 MiB. */
TEST_F(zbuddy, huge_is_huge)
{
	struct zb_ioc_alloc a;
	char *p;
	int i;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 4 * HUGE);
	p = map_huge(self->fd, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, (unsigned long)p % HUGE);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, zb_page_faults(p + i * HUGE));
		EXPECT_EQ(0, zb_page_faults(p + i * HUGE + self->page));
		EXPECT_EQ(0, zb_page_faults(p + (i + 1) * HUGE - 1));
	}
}

/* Mappings of a part whose start or end is not aligned to a huge page. */
TEST_F(zbuddy, huge_windows)
{
	const struct { size_t from, len; } tab[] = {
		{ 0, self->page }, { self->page, HUGE }, { 0, HUGE - self->page },
		{ HUGE - self->page, 2 * self->page }, { self->page, 2 * HUGE },
		{ HUGE, HUGE }, { HUGE, HUGE + self->page },
		{ 3 * HUGE - self->page, self->page }, { 17 * self->page, HUGE },
	};
	struct zb_ioc_alloc a;
	char *p, *at;
	size_t i;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 3 * HUGE);
	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		p = map_huge(self->fd, &a, tab[i].from, tab[i].len);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_TRUE(zb_filled(p, tab[i].from, tab[i].len, 1));
		munmap(p, tab[i].len);
	}
	/* at an unaligned address */
	at = zb_address_space(_metadata, 4 * HUGE) + self->page;
	p = mmap(at, 2 * HUGE, PROT_READ, MAP_SHARED | MAP_FIXED, self->fd,
		 (off_t)a.mmap_huge_offset);
	ASSERT_EQ(at, p);
	EXPECT_TRUE(zb_filled(p, 0, 2 * HUGE, 1));
}

TEST_F(zbuddy, huge_wrong_offsets)
{
	struct zb_ioc_alloc a;
	int bit;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, HUGE);
	EXPECT_EQ(MAP_FAILED, map_huge(self->fd, &a, 0, HUGE + self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_huge(self->fd, &a, self->page, HUGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, HUGE, PROT_READ, MAP_PRIVATE, self->fd,
				   (off_t)a.mmap_huge_offset));
	EXPECT_EQ(EINVAL, errno);
	for (bit = 46; bit < 64; bit++) {
		EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page,
						a.mmap_offset + (1ull << bit)));
		EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page,
						a.mmap_huge_offset + (1ull << bit)));
	}
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(MAP_FAILED, map_huge(self->fd, &a, 0, self->page));
	EXPECT_EQ(ENOENT, errno);
}

TEST_F(zbuddy, huge_cannot_be_pinned)
{
	struct zb_ioc_alloc a;
	struct iovec iov, to;
	char *p, copy[64];
	int pipe[2];

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 2 * HUGE + self->page);
	p = map_huge(self->fd, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC | O_NONBLOCK));
	for (size_t at = 0; at < a.length; at += HUGE) {
		EXPECT_EQ(0, zb_touch(p + at, false));
		iov = (struct iovec){ p + at, self->page };
		EXPECT_EQ(-1, vmsplice(pipe[1], &iov, 1, 0));
		EXPECT_EQ(EFAULT, errno);
		iov = (struct iovec){ p + at, sizeof(copy) };
		to = (struct iovec){ copy, sizeof(copy) };
		EXPECT_EQ(-1, process_vm_readv(getpid(), &to, 1, &iov, 1, 0));
		EXPECT_TRUE(errno == EFAULT || errno == ENOSYS);
	}
	/* a copy needs no pin */
	EXPECT_EQ(64, write(pipe[1], p, 64));
	EXPECT_EQ(64, read(pipe[0], copy, 64));
	EXPECT_EQ(0, memcmp(copy, p, 64));
}

TEST_F(zbuddy, huge_in_pieces)
{
	struct zb_ioc_alloc a;
	char *p;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 4 * HUGE);
	p = map_huge(self->fd, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	ASSERT_EQ(0, munmap(p + 5 * self->page, self->page));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 5 * self->page, false));
	EXPECT_TRUE(zb_filled(p, 0, 5 * self->page, 1));
	EXPECT_TRUE(zb_filled(p + 6 * self->page, 6 * self->page,
			      a.length - 6 * self->page, 1));
	ASSERT_EQ(0, mprotect(p + HUGE + self->page, self->page, PROT_READ));
	EXPECT_EQ(SIGSEGV, zb_touch(p + HUGE + self->page, true));
	EXPECT_EQ(0, zb_touch(p + HUGE + 2 * self->page + 8, false));
	zb_fill(p + HUGE + 2 * self->page, HUGE + 2 * self->page, self->page, 1);
	ASSERT_EQ(0, munmap(p + 2 * HUGE, HUGE));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 2 * HUGE, false));
	EXPECT_TRUE(zb_filled(p + 3 * HUGE, 3 * HUGE, HUGE, 1));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, munmap(p + HUGE, 3 * HUGE));
	EXPECT_EQ(self->free - a.length, zb_free_bytes(self->fd));
	ASSERT_EQ(0, munmap(p, HUGE));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, huge_moved)
{
	char *to, *p, *q;
	struct zb_ioc_alloc a;
	size_t off;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 2 * HUGE);
	for (off = 0; off <= self->page; off += self->page) {
		to = zb_address_space(_metadata, 4 * HUGE);
		to += (HUGE - (unsigned long)to % HUGE) % HUGE + off;
		p = map_huge(self->fd, &a, 0, a.length);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
		q = mremap(p, a.length, a.length, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		ASSERT_EQ(to, q);
		EXPECT_TRUE(zb_filled(q, 0, a.length, 1));
		EXPECT_EQ(MAP_FAILED, mremap(q, a.length, 2 * a.length, MREMAP_MAYMOVE));
		ASSERT_EQ(q, mremap(q, a.length, HUGE / 2, 0));
		EXPECT_TRUE(zb_filled(q, 0, HUGE / 2, 1));
		munmap(q, HUGE / 2);
	}
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

TEST_F(zbuddy, huge_inherited)
{
	struct zb_ioc_alloc a;
	pid_t pid;
	char *p;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 2 * HUGE);
	p = map_huge(self->fd, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, zb_touch(p, false));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (!zb_filled(p, 0, a.length, 1))
			_exit(1);
		zb_fill(p, 0, a.length, 2);
		munmap(p + self->page, self->page);
		_exit(0);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 2));
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
}

TEST_F(zbuddy, huge_advised)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_WILLNEED, MADV_FREE, 20 /* COLD */, 21 /* PAGEOUT */,
		22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, 25 /* COLLAPSE */,
	};
	struct zb_ioc_alloc a;
	size_t i;
	char *p;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 2 * HUGE);
	p = map_huge(self->fd, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(p, a.length, advices[i]);
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	}
}

TEST_F(zbuddy, huge_populated_and_locked)
{
	struct zb_ioc_alloc a;
	char *p;

	REQUIRE_HUGE();
	get_huge(_metadata, self, &a, 2 * HUGE);
	p = mmap(NULL, a.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		 self->fd, (off_t)a.mmap_huge_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	mlock(p, a.length);
	EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	munlock(p, a.length);
	munmap(p, a.length);
	p = mmap(NULL, a.length, PROT_READ, MAP_SHARED | MAP_LOCKED, self->fd,
		 (off_t)a.mmap_huge_offset);
	if ((void *)p != MAP_FAILED)
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
}

TEST_F(zbuddy, huge_and_read_only)
{
	int fd = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	struct zb_ioc_alloc a;
	char *p;

	REQUIRE_HUGE();
	ASSERT_EQ(0, zb_alloc_length(fd, HUGE, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(MAP_FAILED, map_huge(fd, &a, 0, HUGE));
	EXPECT_EQ(EACCES, errno);
	p = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, fd,
		 (off_t)a.mmap_huge_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, HUGE));
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	EXPECT_EQ(-1, mprotect(p, HUGE, PROT_READ | PROT_WRITE));
	close(fd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings that are split, moved or inherited.
 *
 * Known defects of comparable drivers, and the tests that look for them here:
 *
 *	 1 memory not cleared		mmap_test zeroed*, race_test
 *	 2 buffer of another file	mmap_test no_such_buffer, lifetime_test,
 *					label_phys_test unknown_handles
 *	 3 mmap length and offset	mmap_test beyond_the_end*, offset_overflow
 *	 4 off by one in the fault	fault_at_the_end below
 *	 5 vma split, fork, mremap	this file, huge_test
 *	 6 freed while mapped		lifetime_test, bulk_test free_while_mapped
 *	 7 export without reference	dmabuf_test keeps_the_memory
 *	 8 overflow of references	many_mappings below, dmabuf_test many_exports
 *	 9 references to tail pages	pin_test one_page_in_a_pipe, direct_test
 *	10 overflow, truncation		fields_test length*, label_phys_test sync_range
 *	11 error paths			abi_test read_only, bulk_test, dmabuf_test
 *					result_not_writable, kill_test
 *	12 free not validated		abi_test free, lifetime_test
 *	13 addresses revealed		label_phys_test phys_needs_a_capability
 *	14 debugfs files		owners_test.sh (only root can read them)
 *	15 compat, padding, Spectre	compat_test, fields_test info_has_no_stale_bytes
 *	16 limits			limits_test
 *	17 module parameters		load_test.sh
 */
#include "buffer_test.h"

#define PAGES	64
#define LENGTH	((size_t)PAGES * self->page)

static char *get_mapped(struct __test_metadata *_metadata,
			FIXTURE_DATA(zbuddy) *self, struct zb_ioc_alloc *a)
{
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, a));
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, LENGTH, 1);
	return p;
}

TEST_F(zbuddy, move)
{
	char *to = zb_address_space(_metadata, LENGTH), *p, *q;
	struct zb_ioc_alloc a;

	p = get_mapped(_metadata, self, &a);
	q = mremap(p, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, q);
	EXPECT_EQ(SIGSEGV, zb_touch(p, false));
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 1));
	EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 1));
	munmap(q, LENGTH);
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

/* Move the middle of a mapping. */
TEST_F(zbuddy, move_the_middle)
{
	char *to = zb_address_space(_metadata, LENGTH), *p, *q;
	struct zb_ioc_alloc a;

	p = get_mapped(_metadata, self, &a);
	q = mremap(p + 16 * self->page, 8 * self->page, 8 * self->page,
		   MREMAP_MAYMOVE | MREMAP_FIXED, to + 4 * self->page);
	ASSERT_EQ(to + 4 * self->page, q);
	EXPECT_EQ(3, zb_mappings(self->fd, a.handle));
	EXPECT_TRUE(zb_filled(q, 16 * self->page, 8 * self->page, 1));
	EXPECT_TRUE(zb_filled(p, 0, 16 * self->page, 1));
	EXPECT_TRUE(zb_filled(p + 24 * self->page, 24 * self->page, 40 * self->page, 1));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 16 * self->page, false));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	munmap(p, LENGTH);
	EXPECT_TRUE(zb_filled(q, 16 * self->page, 8 * self->page, 1));
	EXPECT_EQ(self->free - LENGTH, zb_free_bytes(self->fd));
	munmap(q, 8 * self->page);
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, shrink)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	size_t len;

	for (len = LENGTH / 2; len >= self->page; len /= 2) {
		ASSERT_EQ(p, mremap(p, len * 2, len, 0));
		EXPECT_TRUE(zb_filled(p, 0, len, 1));
		EXPECT_EQ(SIGSEGV, zb_touch(p + len, false));
		EXPECT_EQ(1, zb_mappings(self->fd, a.handle));
	}
}

/* mremap() can't enlarge a mapping, even back to its original size or with space to grow. */
TEST_F(zbuddy, growth_is_refused)
{
	char *to = zb_address_space(_metadata, 4 * LENGTH), *p, *q;
	struct zb_ioc_alloc a;

	p = get_mapped(_metadata, self, &a);
	EXPECT_EQ(MAP_FAILED, mremap(p, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(p, LENGTH, 2 * LENGTH,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(MAP_FAILED, mremap(p, LENGTH, LENGTH + self->page, 0));
	ASSERT_EQ(p, mremap(p, LENGTH, LENGTH / 2, 0));
	EXPECT_EQ(MAP_FAILED, mremap(p, LENGTH / 2, LENGTH, 0));
	EXPECT_EQ(EFAULT, errno);
	/* an old size of 0 requests a second mapping */
	q = mremap(p, 0, LENGTH, MREMAP_MAYMOVE);
	if (q != MAP_FAILED)
		EXPECT_NE(0, zb_touch(q + LENGTH - 1, false));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH / 2, 1));
}

TEST_F(zbuddy, pieces_in_any_order)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	bool gone[PAGES] = { false };
	__u64 seed = 5;
	int i, k;

	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(self->free - LENGTH, zb_free_bytes(self->fd));
		do {
			k = (int)(zb_random(&seed) % PAGES);
		} while (gone[k]);
		ASSERT_EQ(0, munmap(p + k * self->page, self->page));
		gone[k] = true;
		for (k = 0; k < PAGES; k++)
			if (!gone[k])
				ASSERT_TRUE(zb_filled(p + k * self->page, k * self->page,
						      self->page, 1));
	}
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, rights_of_single_pages)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	size_t i;

	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, mprotect(p + i * self->page, self->page,
				      i % 4 ? PROT_NONE : PROT_READ));
	EXPECT_EQ(PAGES, zb_mappings(self->fd, a.handle));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(i % 4 == 2 ? SIGSEGV : 0, zb_touch(p + i * self->page, false));
		EXPECT_EQ(i % 2 ? 0 : SIGSEGV, zb_touch(p + i * self->page, true));
	}
	ASSERT_EQ(0, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	zb_fill(p, 0, LENGTH, 2);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 2));
	munmap(p, LENGTH);
	EXPECT_EQ(0, zb_mappings(self->fd, a.handle));
}

/* Executable mappings work. */
TEST_F(zbuddy, execute)
{
#ifdef __x86_64__
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	int (*fn)(void) = (int (*)(void))(void *)p;

	memcpy(p, code, sizeof(code));
	ASSERT_EQ(0, mprotect(p, LENGTH, PROT_READ | PROT_EXEC));
	EXPECT_EQ(42, fn());
#else
	SKIP(return, "needs x86-64");
#endif
}

TEST_F(zbuddy, inherited_and_cut)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	pid_t pid[8];
	int i;

	for (i = 0; i < 8; i++) {
		pid[i] = fork();
		ASSERT_GE(pid[i], 0);
		if (pid[i])
			continue;
		munmap(p + i * self->page, self->page);
		if (i % 2 && mremap(p + 32 * self->page, 4 * self->page, 4 * self->page,
				    MREMAP_MAYMOVE) == MAP_FAILED)
			_exit(2);
		_exit(zb_filled(p + 16 * self->page, 16 * self->page,
				16 * self->page, 1) ? 0 : 1);
	}
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	munmap(p, LENGTH);
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(zb_wait_exit(pid[i], 0));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

/* MADV_DONTFORK: the child does not inherit the mapping. */
TEST_F(zbuddy, not_inherited_on_request)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a);
	pid_t pid;

	ASSERT_EQ(0, madvise(p, LENGTH, MADV_DONTFORK));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(zb_touch(p, false) == SIGSEGV &&
		      zb_mappings(self->fd, a.handle) == 1 ? 0 : 1);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

/* Pages removed from the page tables are faulted in again, including the last one. */
TEST_F(zbuddy, fault_at_the_end)
{
	static const size_t lengths[] = { 1, 2, 15, 16, 17, 63, 64, 65, 100 };
	struct zb_ioc_alloc a;
	size_t i, k, pages;
	char *p;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		pages = lengths[i];
		ASSERT_EQ(0, zb_alloc_length(self->fd, pages * self->page,
					     ZB_GFP_ANYZONE, &a));
		p = zb_map(self->fd, &a);
		ASSERT_NE(MAP_FAILED, (void *)p);
		zb_fill(p, 0, a.length, (unsigned int)pages);
		for (k = pages; k-- > 0;) {
			ASSERT_EQ(0, madvise(p, a.length, MADV_DONTNEED));
			ASSERT_EQ(0, zb_touch(p + k * self->page, false));
		}
		ASSERT_EQ(0, madvise(p, a.length, MADV_DONTNEED));
		EXPECT_TRUE(zb_filled(p, 0, a.length, (unsigned int)pages));
		munmap(p, a.length);
		/* the same for mappings of a part */
		for (k = 0; k < pages; k += 7) {
			size_t len = (pages - k) * self->page;

			p = zb_map_at(self->fd, len, a.mmap_offset + k * self->page);
			ASSERT_NE(MAP_FAILED, (void *)p);
			ASSERT_EQ(0, madvise(p, len, MADV_DONTNEED));
			EXPECT_TRUE(zb_filled(p, k * self->page, len, (unsigned int)pages));
			munmap(p, len);
		}
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F_TIMEOUT(zbuddy, many_mappings, 120)
{
	struct zb_ioc_alloc a;
	char *p = get_mapped(_metadata, self, &a), *q;
	unsigned int i, nr = 20000;

	for (i = 0; i < nr; i++) {
		q = zb_map_at(self->fd, self->page, a.mmap_offset + i % PAGES * self->page);
		if ((void *)q == MAP_FAILED)
			break;
	}
	EXPECT_GT(i, 10000);
	EXPECT_LE(zb_mappings(self->fd, a.handle), i + 1);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 1));
}

TEST_HARNESS_MAIN

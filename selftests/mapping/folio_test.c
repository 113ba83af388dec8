// SPDX-License-Identifier: GPL-2.0
/*
 * The naturally aligned pieces of a mapped buffer are folios, which get_user_pages_fast() accepts,
 * and single pages again when the frames are freed. /proc/kpageflags shows what they are.
 */
#include "buffer_test.h"

#include <linux/kernel-page-flags.h>

/* Pages of a huge page if a page has 4 KiB. With larger pages, no buffer here is as large. */
#define HUGE_PAGES	512ul

enum part { SINGLE, HEAD, TAIL, UNKNOWN };

/* Why the folios can't be seen, or NULL. */
static const char *hidden(const struct zb_ioc_info *info)
{
	if (!(info->features & ZB_FEATURE_HUGE_PAGES))
		return "buffers have no folios in this kernel";
	return access("/proc/kpageflags", R_OK) ? "no /proc/kpageflags" : NULL;
}

static __u64 read_entry(const char *file, __u64 nr)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (pread(fd, &entry, sizeof(entry), (off_t)(nr * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

/* The frame that is mapped at @p, or 0. */
static __u64 frame_at(volatile const char *p, size_t page)
{
	(void)*p;
	return read_entry("/proc/self/pagemap", (unsigned long)p / page) & ((1ull << 55) - 1);
}

static enum part part_of_folio(__u64 frame)
{
	__u64 flags = read_entry("/proc/kpageflags", frame);

	if (flags >> KPF_NOPAGE & 1)
		return UNKNOWN;
	if (flags >> KPF_COMPOUND_HEAD & 1)
		return HEAD;
	return flags >> KPF_COMPOUND_TAIL & 1 ? TAIL : SINGLE;
}

/* The size of the largest aligned piece at a frame, of at most @left frames. */
static size_t piece_size(__u64 frame, size_t left)
{
	size_t size = HUGE_PAGES;

	while (frame % size || size > left)
		size /= 2;
	return size;
}

/* Count the frames of a buffer that are not what the mapping of a part of it should make them. */
static size_t count_wrong(__u64 first, size_t nr, size_t from, size_t mapped)
{
	size_t at, i, size, wrong = 0;
	enum part want;

	for (at = 0; at < nr; at += size) {
		size = piece_size(first + at, nr - at);
		for (i = 0; i < size; i++) {
			want = i ? TAIL : HEAD;
			if (size == 1 || at + size <= from || at >= from + mapped)
				want = SINGLE;
			wrong += part_of_folio(first + at + i) != want;
		}
	}
	return wrong;
}

TEST_F_TIMEOUT(zbuddy, pieces_of_mapped_parts, 120)
{
	static const struct { size_t nr, from, mapped; } tab[] = {
		{ 1, 0, 1 }, { 2, 0, 2 }, { 3, 0, 3 }, { 4, 3, 1 }, { 16, 0, 16 },
		{ 21, 17, 2 }, { 21, 0, 21 }, { 256, 0, 256 }, { 256, 200, 1 }, { 511, 0, 511 },
		{ HUGE_PAGES, 7, 1 }, { HUGE_PAGES + 10, HUGE_PAGES - 1, 3 },
	};
	struct zb_ioc_alloc a;
	__u64 first;
	size_t i;
	char *p;

	if (hidden(&self->info))
		SKIP(return, "%s", hidden(&self->info));
	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		ASSERT_EQ(0, zb_alloc_length(self->fd, tab[i].nr * self->page, ZB_GFP_ANYZONE, &a));
		p = zb_map_at(self->fd, tab[i].mapped * self->page,
			      a.mmap_offset + tab[i].from * self->page);
		ASSERT_NE(MAP_FAILED, (void *)p);
		first = frame_at(p, self->page) - tab[i].from;
		EXPECT_EQ(0, count_wrong(first, tab[i].nr, tab[i].from, tab[i].mapped)) {
			TH_LOG("pages %zu, %zu mapped from %zu", tab[i].nr, tab[i].mapped,
			       tab[i].from);
		}
		munmap(p, tab[i].mapped * self->page);
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
		EXPECT_EQ(0, count_wrong(first, tab[i].nr, 0, 0));
	}
}

/* Map a new buffer of @nr pages and fill it. */
static char *map_filled(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
			struct zb_ioc_alloc *a, size_t nr, __u32 gfp)
{
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, nr * self->page, gfp, a)) return NULL;
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p) return NULL;
	zb_fill(p, 0, a->length, 1);
	return p;
}

TEST_F(zbuddy, move_of_folios)
{
	struct zb_ioc_alloc a, range;
	const size_t nr = 100;
	unsigned int i;
	__u64 first;
	char *p;

	if (hidden(&self->info))
		SKIP(return, "%s", hidden(&self->info));
	p = map_filled(_metadata, self, &a, nr, ZB_GFP_ANYZONE);
	ASSERT_NE(NULL, p);
	for (i = 0; i < 10; i++) {
		first = frame_at(p, self->page);
		range = zb_want_length(128 * self->page, ZB_GFP_ANYZONE);
		range.flags |= ZB_BUF_RANGE;
		range.min_addr = first / 128 * 128 * self->page;
		range.max_addr = range.min_addr + 128 * self->page - 1;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &range));
		EXPECT_NE(first, frame_at(p, self->page));
		EXPECT_EQ(0, count_wrong(first, nr, 0, 0));
		EXPECT_EQ(0, count_wrong(frame_at(p, self->page), nr, 0, nr));
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
		ASSERT_EQ(0, zb_free(self->fd, range.handle));
	}
}

TEST_F(zbuddy, purge_of_folios)
{
	struct zb_ioc_alloc a;
	const size_t nr = 21;
	__u32 retained = 1;
	__u64 first;
	char *p;

	if (hidden(&self->info) || !zb_have_debugfs())
		SKIP(return, "no folios, or they can't be seen");
	p = map_filled(_metadata, self, &a, nr, ZB_GFP_TEMPORARY);
	ASSERT_NE(NULL, p);
	first = frame_at(p, self->page);
	ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_DONTNEED, NULL));
	zb_write_file(ZB_DEBUGFS "reclaim", "4194304");
	EXPECT_EQ(0, count_wrong(first, nr, 0, 0));
	ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_WILLNEED, &retained));
	EXPECT_EQ(0, retained);
	EXPECT_TRUE(zb_all_bytes(p, 0, a.length));
	EXPECT_EQ(0, count_wrong(frame_at(p, self->page), nr, 0, nr));
}

/* What is done to a part of a folio does not matter to the rest. */
TEST_F(zbuddy, parts_of_folios)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_WILLNEED, MADV_FREE, 20 /* COLD */, 21 /* PAGEOUT */,
		22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, 25 /* COLLAPSE */,
	};
	const size_t page = self->page;
	struct zb_ioc_alloc a;
	__u64 first;
	size_t i;
	pid_t pid;
	char *p;

	p = map_filled(_metadata, self, &a, 100, ZB_GFP_ANYZONE);
	ASSERT_NE(NULL, p);
	first = hidden(&self->info) ? 0 : frame_at(p, page);
	if (first)
		EXPECT_EQ(0, count_wrong(first, 100, 0, 100));
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		/* some of them fail, depending on the kernel */
		madvise(p + (i + 1) * page, 4 * page, advices[i]);
		madvise(p, a.length, advices[i]);
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	}
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		munmap(p + page, page);
		zb_fill(p + 2 * page, 2 * page, page, 2);
		_exit(0);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_filled(p + 2 * page, 2 * page, page, 2));
	zb_fill(p + 2 * page, 2 * page, page, 1);
	ASSERT_EQ(0, mprotect(p + 5 * page, page, PROT_READ));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 5 * page, true));
	ASSERT_EQ(0, munmap(p + 7 * page, page));
	EXPECT_EQ(SIGSEGV, zb_touch(p + 7 * page, false));
	EXPECT_TRUE(zb_filled(p, 0, 7 * page, 1));
	EXPECT_TRUE(zb_filled(p + 8 * page, 8 * page, a.length - 8 * page, 1));
	if (first)
		EXPECT_EQ(0, count_wrong(first, 100, 0, 100));
}

/* A page in a pipe keeps the whole folio, and the buffer, until it has been read. */
TEST_F(zbuddy, pinned_folio)
{
	int pipe[2];
	struct zb_ioc_alloc a;
	struct iovec iov;
	__u64 first;
	char *p, copy[2];

	if (hidden(&self->info))
		SKIP(return, "%s", hidden(&self->info));
	p = map_filled(_metadata, self, &a, 16, ZB_GFP_ANYZONE);
	ASSERT_NE(NULL, p);
	first = frame_at(p, self->page);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p + 3 * self->page, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	iov.iov_base = p + 9 * self->page;
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	if (zb_have_debugfs()) {
		char line[512];

		zb_owner_line(getpid(), a.handle, line, sizeof(line));
		EXPECT_NE(NULL, strstr(line, " pins 2 ")) TH_LOG("%s", line);
	}
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(0, count_wrong(first, 16, 0, 16));
	EXPECT_EQ(self->free - a.length, zb_scribble(_metadata, self->fd));
	ASSERT_EQ(2, read(pipe[0], copy, 2));
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(0, count_wrong(first, 16, 0, 0));
}

TEST_HARNESS_MAIN

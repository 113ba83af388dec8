// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings by huge page table entries work like other mappings. Those at mmap_huge_offset
 * have pages that can't be pinned; those at mmap_offset consist of folios.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <pthread.h>

#define HUGE	(2ul << 20)

FIXTURE(huge) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
	__u64 free;
	bool folios;
};

FIXTURE_VARIANT(huge) {
	bool folios;
};

FIXTURE_VARIANT_ADD(huge, frames) { .folios = false };
FIXTURE_VARIANT_ADD(huge, folios) { .folios = true };

FIXTURE_SETUP(huge)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->free = self->zb.free;
	self->folios = variant->folios;
	if (!(self->zb.info.features &
	      (self->folios ? ZB_FEATURE_HUGE_PAGES : ZB_FEATURE_MMAP_HUGE)))
		SKIP(return, "no such huge mappings in this kernel");
}

FIXTURE_TEARDOWN_PARENT(huge)
{
	zb_teardown(_metadata, &self->zb);
}

static off_t huge_offset(FIXTURE_DATA(huge) *self, const struct zb_ioc_alloc *a)
{
	return (off_t)(self->folios ? a->mmap_offset : a->mmap_huge_offset);
}

static char *map_huge(FIXTURE_DATA(huge) *self, const struct zb_ioc_alloc *a, size_t from,
		      size_t len)
{
	return zb_map_at(self->fd, len, (__u64)huge_offset(self, a) + from);
}

/* Allocate a buffer of @len bytes and fill it. */
static void get_huge(struct __test_metadata *_metadata, FIXTURE_DATA(huge) *self,
		     struct zb_ioc_alloc *a, size_t len)
{
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, len, ZB_GFP_ANYZONE, a));
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a->length, 1);
	munmap(p, a->length);
}

TEST_F(huge, has_the_same_content)
{
	const size_t lengths[] = {
		self->page, 16 * self->page, HUGE - self->page, HUGE,
		HUGE + self->page, 2 * HUGE, 3 * HUGE + 5 * self->page,
	};
	struct zb_ioc_alloc a;
	char *p, *q;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		get_huge(_metadata, self, &a, lengths[i]);
		p = map_huge(self, &a, 0, a.length);
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
TEST_F(huge, is_huge)
{
	struct zb_ioc_alloc a;
	char *p;
	int i;

	get_huge(_metadata, self, &a, 4 * HUGE);
	p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, (unsigned long)p % HUGE);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, zb_page_faults(p + i * HUGE));
		EXPECT_EQ(0, zb_page_faults(p + i * HUGE + self->page));
		EXPECT_EQ(0, zb_page_faults(p + (i + 1) * HUGE - 1));
	}
}

/* Mappings of a part whose start or end is not aligned to a huge page. */
TEST_F(huge, windows)
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

	get_huge(_metadata, self, &a, 3 * HUGE);
	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		p = map_huge(self, &a, tab[i].from, tab[i].len);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_TRUE(zb_filled(p, tab[i].from, tab[i].len, 1));
		munmap(p, tab[i].len);
	}
	/* at an unaligned address */
	at = zb_address_space(_metadata, 4 * HUGE) + self->page;
	p = mmap(at, 2 * HUGE, PROT_READ, MAP_SHARED | MAP_FIXED, self->fd,
		 huge_offset(self, &a));
	ASSERT_EQ(at, p);
	EXPECT_TRUE(zb_filled(p, 0, 2 * HUGE, 1));
}

TEST_F(huge, wrong_offsets)
{
	struct zb_ioc_alloc a;
	int bit;

	get_huge(_metadata, self, &a, HUGE);
	EXPECT_EQ(MAP_FAILED, map_huge(self, &a, 0, HUGE + self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map_huge(self, &a, self->page, HUGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, HUGE, PROT_READ, MAP_PRIVATE, self->fd,
				   huge_offset(self, &a)));
	EXPECT_EQ(EINVAL, errno);
	for (bit = 46; bit < 64; bit++) {
		EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page,
						a.mmap_offset + (1ull << bit)));
		EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, self->page,
						a.mmap_huge_offset + (1ull << bit)));
	}
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(MAP_FAILED, map_huge(self, &a, 0, self->page));
	EXPECT_EQ(ENOENT, errno);
}

TEST_F(huge, cannot_be_pinned)
{
	struct zb_ioc_alloc a;
	struct iovec iov, to;
	char *p, copy[64];
	int pipe[2];

	if (self->folios)
		SKIP(return, "these can be pinned");
	get_huge(_metadata, self, &a, 2 * HUGE + self->page);
	p = map_huge(self, &a, 0, a.length);
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

TEST_F(huge, in_pieces)
{
	struct zb_ioc_alloc a;
	char *p;

	get_huge(_metadata, self, &a, 4 * HUGE);
	p = map_huge(self, &a, 0, a.length);
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

TEST_F(huge, moved)
{
	char *to, *p, *q;
	struct zb_ioc_alloc a;
	size_t off;

	get_huge(_metadata, self, &a, 2 * HUGE);
	for (off = 0; off <= self->page; off += self->page) {
		to = zb_address_space(_metadata, 4 * HUGE);
		to += (HUGE - (unsigned long)to % HUGE) % HUGE + off;
		p = map_huge(self, &a, 0, a.length);
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

TEST_F(huge, inherited)
{
	struct zb_ioc_alloc a;
	pid_t pid;
	char *p;

	get_huge(_metadata, self, &a, 2 * HUGE);
	p = map_huge(self, &a, 0, a.length);
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

TEST_F(huge, advised)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_WILLNEED, MADV_FREE, 20 /* COLD */, 21 /* PAGEOUT */,
		22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, 25 /* COLLAPSE */,
	};
	struct zb_ioc_alloc a;
	size_t i;
	char *p;

	get_huge(_metadata, self, &a, 2 * HUGE);
	p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(p, a.length, advices[i]);
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	}
}

TEST_F(huge, populated_and_locked)
{
	struct zb_ioc_alloc a;
	char *p;

	get_huge(_metadata, self, &a, 2 * HUGE);
	p = mmap(NULL, a.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		 self->fd, huge_offset(self, &a));
	ASSERT_NE(MAP_FAILED, (void *)p);
	mlock(p, a.length);
	EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
	munlock(p, a.length);
	munmap(p, a.length);
	p = mmap(NULL, a.length, PROT_READ, MAP_SHARED | MAP_LOCKED, self->fd,
		 huge_offset(self, &a));
	if ((void *)p != MAP_FAILED)
		EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
}

TEST_F(huge, and_read_only)
{
	int fd = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	struct zb_ioc_alloc a;
	char *p;

	ASSERT_EQ(0, zb_alloc_length(fd, HUGE, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(MAP_FAILED, zb_map_at(fd, HUGE, (__u64)huge_offset(self, &a)));
	EXPECT_EQ(EACCES, errno);
	p = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, fd,
		 huge_offset(self, &a));
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, HUGE));
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	EXPECT_EQ(-1, mprotect(p, HUGE, PROT_READ | PROT_WRITE));
	close(fd);
}

/* Sum of a field of all mappings of this process in /proc/self/smaps, in bytes. */
static size_t smaps_sum(const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	size_t kib, sum = 0, len = strlen(field);
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && sscanf(line + len, ": %zu kB", &kib) == 1)
			sum += kib << 10;
	if (f)
		fclose(f);
	return sum;
}

/* Only aligned pieces have huge entries, and no access to the rest faults. */
TEST_F(huge, rest_in_pages)
{
	struct zb_ioc_alloc a;
	char *p;
	size_t at;

	if (!self->folios)
		SKIP(return, "the rest is inserted by faults");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 2 * HUGE + 5 * self->page, ZB_GFP_ANYZONE, &a));
	p = map_huge(self, &a, 3 * self->page, a.length - 3 * self->page);
	ASSERT_NE(MAP_FAILED, (void *)p);
	p -= 3 * self->page;
	for (at = 3 * self->page; at < a.length; at += self->page)
		EXPECT_EQ(at == HUGE, zb_page_faults(p + at));
	EXPECT_EQ(HUGE, smaps_sum("FilePmdMapped"));
	EXPECT_TRUE(zb_all_bytes(p + 3 * self->page, 0, a.length - 3 * self->page));
	/* another mapping of everything has a huge entry for the first piece as well */
	p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, a.length));
	EXPECT_EQ(3 * HUGE, smaps_sum("FilePmdMapped"));
}

/* The pages of a folio are counted together, and are single pages after the buffer is freed. */
TEST_F(huge, pinned)
{
	struct zb_ioc_alloc a, b;
	char *p, byte, line[512];
	struct iovec iov;
	int pipe[2];

	if (!self->folios)
		SKIP(return, "these can't be pinned");
	get_huge(_metadata, self, &a, 2 * HUGE);
	p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p + HUGE + 7 * self->page, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	if (zb_have_debugfs()) {
		zb_owner_line(getpid(), a.handle, line, sizeof(line));
		EXPECT_NE(NULL, strstr(line, " pins 512 "));
	}
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(self->free - a.length, zb_scribble(_metadata, self->fd));
	ASSERT_EQ(1, read(pipe[0], &byte, 1));
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(self->free, zb_scribble(_metadata, self->fd));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	EXPECT_EQ(0, zb_free(self->fd, b.handle));
}

/* A mapping of a part of a folio has single entries, and does not matter to others. */
TEST_F(huge, beside_single_pages)
{
	struct zb_ioc_alloc a;
	char *p, *q;

	if (!self->folios)
		SKIP(return, "does not depend on other mappings");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 2 * HUGE, ZB_GFP_ANYZONE, &a));
	q = map_huge(self, &a, self->page, self->page);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_EQ(0, smaps_sum("FilePmdMapped"));
	p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a.length, 1);
	EXPECT_TRUE(zb_filled(q, self->page, self->page, 1));
	EXPECT_EQ(0, munmap(q, self->page));
	q = map_huge(self, &a, self->page, self->page);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_TRUE(zb_filled(q, self->page, self->page, 1));
	EXPECT_EQ(2 * HUGE, smaps_sum("FilePmdMapped"));
}

/* Direct I/O is faster on folios, so also a mapping of a few pages of a piece makes one of it. */
TEST_F(huge, a_few_pages)
{
	struct zb_ioc_alloc a;
	char *p, line[512];
	struct iovec iov;
	int pipe[2];

	if (!self->folios || !zb_have_debugfs())
		SKIP(return, "no folios, or no debugfs to see them in");
	ASSERT_EQ(0, zb_alloc_length(self->fd, HUGE + 5 * self->page, ZB_GFP_ANYZONE, &a));
	p = map_huge(self, &a, HUGE - self->page, 2 * self->page);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p + self->page, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	zb_owner_line(getpid(), a.handle, line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " pins 1 ")) TH_LOG("%s", line);
	iov.iov_base = p;
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	zb_owner_line(getpid(), a.handle, line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " pins 513 ")) TH_LOG("%s", line);
}

struct writer {
	volatile unsigned long *p;
	size_t nr;
	volatile bool stop;
	unsigned long wrong;
};

/* Count up in one word of each page; a lost write is seen in the next round. */
static void *write_pages(void *data)
{
	struct writer *w = data;
	unsigned long round;
	size_t i;

	for (round = 1; !w->stop; round++)
		for (i = 0; i < w->nr; i += 512) {
			w->wrong += w->p[i] != round - 1;
			w->p[i] = round;
		}
	return NULL;
}

/*
 * Use all memory but two places of 2 * HUGE bytes in one zone; sets @place to their addresses, or
 * returns false if the addresses can't be had.
 */
static bool leave_two_places(struct __test_metadata *_metadata, FIXTURE_DATA(huge) *self,
			     __u64 place[2])
{
	static struct zb_ioc_alloc all[4096];
	struct zb_ioc_phys phys;
	unsigned int nr, i;
	__u64 bytes;

	zb_drain();
	nr = zb_alloc_all(self->fd, 10, ZB_GFP_ANYZONE, all, ARRAY_SIZE(all), &bytes);
	for (i = 1; i < nr && (all[i].zone != all[i - 1].zone || all[i].length != 2 * HUGE ||
			       all[i - 1].length != 2 * HUGE); i++)
		;
	ASSERT_LT(i, nr) return false;
	for (nr = 0; nr < 2; nr++, i--) {
		if (zb_phys(self->fd, all[i].handle, &phys))
			return false;
		place[nr] = phys.addr;
		EXPECT_EQ(0, zb_free(self->fd, all[i].handle));
	}
	zb_drain();
	return true;
}

/* Move what is movable out of a place of 2 * HUGE bytes; returns 0 or -errno. */
static int empty_place(int fd, __u64 addr)
{
	struct zb_ioc_alloc a = zb_want_length(2 * HUGE, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN);
	int err;

	a.flags |= ZB_BUF_RANGE;
	a.min_addr = addr;
	a.max_addr = addr + 2 * HUGE - 1;
	err = zb_ioctl(fd, ZB_IOC_ALLOC, &a);
	return err ?: zb_free(fd, a.handle);
}

/* Buffers keep their contents and their huge entries when they are moved under a writer. */
TEST_F_TIMEOUT(huge, moved_while_written, 120)
{
	unsigned int i, moves = zb_fewer_rounds() ? 40 : 400, failed = 0;
	struct writer w = { .nr = 2 * HUGE / sizeof(long) };
	long before = zb_vmstat("pgmigrate_success");
	struct zb_ioc_alloc a;
	pthread_t thread;
	__u64 place[2];

	if (!zb_have_debugfs() || !leave_two_places(_metadata, self, place))
		SKIP(return, "no debugfs or no physical addresses");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 2 * HUGE, ZB_GFP_ANYZONE, &a));
	w.p = (volatile unsigned long *)map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)w.p);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_pages, &w));
	for (i = 0; i < moves; i++)
		failed += !!empty_place(self->fd, place[i % 2]);
	w.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	printf("# moved %ld frames, %u of %u attempts failed\n",
	       zb_vmstat("pgmigrate_success") - before, failed, moves);
	EXPECT_EQ(0, w.wrong);
	EXPECT_LT(before + 10 * 1024, zb_vmstat("pgmigrate_success"));
	if (self->folios && !zb_touch((char *)w.p, true) && !zb_touch((char *)w.p + HUGE, true))
		EXPECT_EQ(2 * HUGE, smaps_sum("FilePmdMapped"));
}

struct reader {
	const char *p;
	size_t page;
	volatile bool stop;
	unsigned long reads, errors;
};

/* Let the kernel read single bytes, so that access to a purged buffer fails with EFAULT. */
static void *read_pages(void *data)
{
	struct reader *r = data;
	int file = memfd_create("reader", MFD_CLOEXEC);
	__u64 rnd = (unsigned long)&file;
	ssize_t nr;

	while (!r->stop) {
		nr = pwrite(file, r->p + zb_random(&rnd) % 1024 * r->page, 1, 0);
		r->reads += nr == 1;
		r->errors += nr != 1 && errno != EFAULT;
	}
	close(file);
	return NULL;
}

/* Several threads access a buffer while it loses its memory and gets it again. */
TEST_F_TIMEOUT(huge, purged_while_read, 120)
{
	unsigned int i, rounds = zb_fewer_rounds() ? 50 : 500, purged = 0;
	struct reader r = { .page = self->page };
	pthread_t threads[3];
	struct zb_ioc_alloc a;
	__u32 retained;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 2 * HUGE, ZB_GFP_TEMPORARY, &a));
	r.p = map_huge(self, &a, 0, a.length);
	ASSERT_NE(MAP_FAILED, (void *)r.p);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_pages, &r));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_DONTNEED, NULL));
		zb_write_file(ZB_DEBUGFS "reclaim", "4194304");
		ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_WILLNEED, &retained));
		purged += !retained;
	}
	r.stop = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	printf("# purged %u times of %u, %lu reads\n", purged, rounds, r.reads);
	EXPECT_EQ(0, r.errors);
	EXPECT_LT(0, purged);
	EXPECT_TRUE(zb_all_bytes(r.p, 0, a.length));
	if (self->folios)
		EXPECT_EQ(2 * HUGE, smaps_sum("FilePmdMapped"));
}

TEST_HARNESS_MAIN

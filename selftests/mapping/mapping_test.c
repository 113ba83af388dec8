// SPDX-License-Identifier: GPL-2.0
/*
 * A mapping belongs to one buffer: it keeps the memory of that buffer only, gives no
 * access to another buffer, and shares one struct address_space with all other mappings
 * of the buffer. zb_api_test.ko performs the operations that need kernel code.
 */
#include "buffer_test.h"

#define PAGES	16
#define LENGTH	((size_t)PAGES * self->page)
#define HUGE	(2ul << 20)

static __u64 held(FIXTURE_DATA(zbuddy) *self)
{
	return self->free - zb_free_bytes(self->fd);
}

/* close() frees all buffers of the file that are not mapped. */
TEST_F(zbuddy, close_frees_what_is_not_mapped)
{
	struct zb_ioc_alloc a, b;
	int fd = zb_open(), i;
	char *p;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &b));
	p = zb_map_at(fd, self->page, a.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	*p = 42;
	close(fd);
	EXPECT_EQ(LENGTH, held(self));
	EXPECT_EQ(42, *p);
	munmap(p, self->page);
	EXPECT_EQ(0, held(self));
}

/* A mapping inherited by fork() keeps that buffer only. */
TEST_F(zbuddy, child_keeps_one_buffer)
{
	struct zb_ioc_alloc a, b;
	int fd = zb_open(), pipe[2];
	pid_t pid;
	char *p, c;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, pipe2(pipe, 0));
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_length(fd, 4 * LENGTH, ZB_GFP_ANYZONE, &b));
	p = zb_map(fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(fd);
		close(pipe[1]);
		_exit(read(pipe[0], &c, 1) ? 1 : 0);
	}
	close(pipe[0]);
	munmap(p, LENGTH);
	close(fd);
	EXPECT_EQ(self->free - LENGTH, zb_await_free(self->fd, self->free - LENGTH));
	close(pipe[1]);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(0, held(self));
}

static int remap_file_pages_raw(void *p, size_t len, size_t pgoff)
{
#ifdef SYS_remap_file_pages
	return syscall(SYS_remap_file_pages, p, len, 0, pgoff, 0) ? -errno : 0;
#else
	(void)p;
	(void)len;
	(void)pgoff;
	return -ENOSYS;
#endif
}

/*
 * A child without the descriptor and without privileges remaps a page to another offset
 * of the file. Returns what it can access then: 0 nothing, 1 the same buffer, 2 another.
 */
static int remap_in_child(int fd, char *p, size_t page, size_t pgoff)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		close(fd);
		if (setuid(12345))
			_exit(9);
		if (remap_file_pages_raw(p, page, pgoff))
			_exit(0);
		_exit(zb_touch(p, false) ? 0 : strcmp(p, "public") ? 2 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(zbuddy, mapping_leads_to_no_other_buffer)
{
	struct zb_ioc_alloc secret, public;
	char *s, *p;
	size_t i;

	ASSERT_EQ(0, zb_alloc_length(self->fd, self->page, ZB_GFP_ANYZONE, &secret));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &public));
	s = zb_map(self->fd, &secret);
	p = zb_map(self->fd, &public);
	ASSERT_NE(MAP_FAILED, (void *)s);
	ASSERT_NE(MAP_FAILED, (void *)p);
	memcpy(s, "secret", sizeof("secret"));
	for (i = 0; i < PAGES; i++)
		memcpy(p + i * self->page, "public", sizeof("public"));
	if (remap_file_pages_raw(p, self->page, 0) == -ENOSYS)
		SKIP(return, "no remap_file_pages");
	munmap(p, LENGTH);
	p = zb_map(self->fd, &public);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, remap_in_child(self->fd, p, self->page, secret.mmap_offset / self->page));
	EXPECT_EQ(0, remap_in_child(self->fd, p, self->page, public.mmap_offset / self->page));
	EXPECT_EQ(1, remap_in_child(self->fd, p, self->page, PAGES - 1));
	EXPECT_EQ(0, remap_in_child(self->fd, p, self->page, PAGES));
	EXPECT_EQ(0, remap_in_child(self->fd, p, 2 * self->page, PAGES - 1));
	EXPECT_STREQ("secret", s);
}

/* A second file of the same buffer gives no additional rights to an existing mapping. */
TEST_F(zbuddy, mappings_keep_their_rights)
{
	char path[64], *p, *q;
	struct zb_ioc_alloc a;
	int fd, d;

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)q);
	memcpy(q, "kept", sizeof("kept"));
	d = zb_export(self->fd, a.handle, 0);
	if (d == -EOPNOTSUPP)
		SKIP(return, "no dma-bufs here");
	ASSERT_GE(d, 0);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, d, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(-1, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_NE(0, remap_file_pages_raw(p, self->page, 1));
	EXPECT_EQ(-1, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_EQ(SIGSEGV, zb_touch(p + self->page, true));
	EXPECT_STREQ("kept", q);
	/* the file of a mapping can't be reopened with more rights */
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)p, (unsigned long)(p + LENGTH));
	fd = open(path, O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-1, fd);
}

/* Mappings are recognizable in /proc/PID/maps. */
TEST_F(zbuddy, maps_has_a_name)
{
	char line[512], key[32];
	struct zb_ioc_alloc a;
	bool seen = false;
	FILE *f;
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	snprintf(key, sizeof(key), "%08lx-", (unsigned long)p);
	f = fopen("/proc/self/maps", "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && strstr(line, "rw-s"))
			seen = strstr(line, " anon_inode:[zbuddy]\n");
	fclose(f);
	EXPECT_TRUE(seen);
}

/* --- with the test module ------------------------------------------------------- */

FIXTURE(kernel) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
	__u64 free;
};

FIXTURE_SETUP(kernel)
{
	int rc;

	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->free = self->zb.free;
	if (geteuid() || access(ZB_TEST_MODULE, R_OK))
		SKIP(return, "no " ZB_TEST_MODULE ", or not root");
	rc = zb_load_test_module();
	ASSERT_EQ(0, rc) TH_LOG(ZB_TEST_MODULE ": %s", strerror(-rc));
}

FIXTURE_TEARDOWN_PARENT(kernel)
{
	zb_unload_test_module();
	zb_teardown(_metadata, &self->zb);
}

static int ask(const char *parameter, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%#lx", value);
	return zb_ask_test_module(parameter, text);
}

/* 1 if the page tables of this process map @p, 0 if not, -1 if pagemap can't be read. */
static int present(const void *p, size_t page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry;
	ssize_t nr;

	if (fd < 0)
		return -1;
	nr = pread(fd, &entry, sizeof(entry), (off_t)((unsigned long)p / page * 8));
	close(fd);
	return nr == sizeof(entry) ? (int)(entry >> 63) : -1;
}

/* A child that inherits a mapping of its parent and moves half of it. */
struct child {
	pid_t pid;
	int go[2];
};

static void start_child(struct __test_metadata *_metadata, struct child *c,
			char *p, size_t len, size_t page)
{
	int ready[2];
	char byte, *q;

	ASSERT_EQ(0, pipe(c->go));
	ASSERT_EQ(0, pipe(ready));
	c->pid = fork();
	ASSERT_GE(c->pid, 0);
	if (c->pid) {
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		close(ready[0]);
		close(ready[1]);
		return;
	}
	close(c->go[1]);
	q = mremap(p + len / 2, len / 2, len / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
		   p + (1ul << 30));
	if ((void *)q == MAP_FAILED || zb_touch(p, false) || zb_touch(q, false) ||
	    present(p, page) != 1 || present(q, page) != 1)
		_exit(1);
	if (write(ready[1], "", 1) != 1 || read(c->go[0], &byte, 1) != 1)
		_exit(2);
	if (present(p, page) || present(q, page))
		_exit(3);
	_exit(zb_filled(p, 0, len / 2, 1) && zb_filled(q, len / 2, len / 2, 1) ? 0 : 4);
}

static void expect_gone(struct __test_metadata *_metadata, char *p, size_t len,
			size_t page)
{
	EXPECT_EQ(0, present(p, page));
	EXPECT_EQ(0, present(p + len - page, page));
	EXPECT_TRUE(zb_filled(p, 0, len, 1));
	EXPECT_EQ(1, present(p, page));
}

/* unmap_mapping_range() affects all mappings of a buffer and none of another one. */
TEST_F(kernel, one_address_space)
{
	struct zb_ioc_alloc a, other;
	char *p, *o, *again, *moved, *dma, *readonly;
	size_t len = LENGTH;
	struct child c;
	int d, ro;

	ASSERT_EQ(0, zb_alloc_length(self->fd, len, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_length(self->fd, len, ZB_GFP_ANYZONE, &other));
	p = zb_map(self->fd, &a);
	o = zb_map(self->fd, &other);
	again = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)o);
	ASSERT_NE(MAP_FAILED, (void *)again);
	if (present(p, self->page) < 0)
		SKIP(return, "no /proc/self/pagemap");
	zb_fill(p, 0, len, 1);
	zb_fill(o, 0, len, 1);
	moved = mremap(again, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, again + (1ul << 30));
	ASSERT_NE(MAP_FAILED, (void *)moved);
	d = zb_export(self->fd, a.handle, ZB_EXPORT_RDWR);
	dma = d < 0 ? moved : zb_map_at(d, len, 0);
	ASSERT_NE(MAP_FAILED, (void *)dma);
	ro = zb_export(self->fd, a.handle, 0);
	readonly = ro < 0 ? moved : mmap(NULL, len, PROT_READ, MAP_SHARED, ro, 0);
	ASSERT_NE(MAP_FAILED, (void *)readonly);
	EXPECT_TRUE(zb_filled(moved, 0, len, 1));
	EXPECT_TRUE(zb_filled(dma, 0, len, 1));
	start_child(_metadata, &c, p, len, self->page);

	ASSERT_EQ(0, ask("unmap", (unsigned long)p));
	EXPECT_EQ(1, write(c.go[1], "", 1));
	EXPECT_TRUE(zb_wait_exit(c.pid, 0));
	expect_gone(_metadata, p, len, self->page);
	EXPECT_EQ(0, present(dma, self->page));
	EXPECT_EQ(0, present(readonly, self->page));
	expect_gone(_metadata, moved, len, self->page);
	if (dma != moved)
		expect_gone(_metadata, dma, len, self->page);
	if (readonly != moved)
		expect_gone(_metadata, readonly, len, self->page);
	EXPECT_EQ(1, present(o, self->page));
}

static char *map_huge(FIXTURE_DATA(kernel) *self, const struct zb_ioc_alloc *a)
{
	return zb_map_at(self->fd, a->length, a->mmap_huge_offset);
}

/* The same for huge mappings; page faults are counted because pagemap does not show these. */
TEST_F(kernel, one_address_space_with_huge_entries)
{
	struct zb_ioc_alloc a;
	char *p, *q;

	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 2 * HUGE, ZB_GFP_ANYZONE, &a));
	p = map_huge(self, &a);
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	zb_fill(p, 0, a.length, 1);
	zb_page_faults(p);
	EXPECT_EQ(0, zb_page_faults(p));
	EXPECT_EQ(0, zb_page_faults(p + HUGE));
	ASSERT_EQ(0, ask("unmap", (unsigned long)q));
	EXPECT_EQ(1, zb_page_faults(p));
	EXPECT_EQ(1, zb_page_faults(p + HUGE));
	EXPECT_EQ(1, zb_page_faults(q));
	EXPECT_TRUE(zb_filled(q, 0, a.length, 1));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 1));
}

/* Take a page reference from a pfn mapping, as KVM does on some kernels. */
TEST_F(kernel, page_of_a_huge_mapping_is_held)
{
	struct zb_ioc_phys phys;
	struct zb_ioc_alloc a;
	char *p;

	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	ASSERT_EQ(0, zb_alloc_length(self->fd, HUGE, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_phys(self->fd, a.handle, &phys));
	p = map_huge(self, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, zb_touch(p, true));
	ASSERT_EQ(0, ask("hold", phys.addr / self->page + 100));
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(self->free - HUGE, zb_free_bytes(self->fd));
	EXPECT_GT(zb_scribble(_metadata, self->fd), 0);
	EXPECT_EQ(self->free - HUGE, zb_free_bytes(self->fd));
	ASSERT_EQ(0, ask("hold", 0));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

TEST_HARNESS_MAIN

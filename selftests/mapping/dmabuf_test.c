// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers as dma-bufs: access rights, contents, lifetime, and passing them to another
 * process.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <linux/dma-buf.h>
#include <sys/resource.h>

#define LENGTH	(16 * self->page)

FIXTURE(dmabuf) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
	__u64 free;
	struct zb_ioc_alloc a;
};

FIXTURE_SETUP(dmabuf)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->free = self->zb.free;
	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "this kernel has no dma-bufs");
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &self->a));
}

FIXTURE_TEARDOWN_PARENT(dmabuf)
{
	zb_teardown(_metadata, &self->zb);
}

static int export_rw(FIXTURE_DATA(dmabuf) *self)
{
	return zb_export(self->fd, self->a.handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
}

static __u64 held(FIXTURE_DATA(dmabuf) *self)
{
	int fd = zb_open();
	__u64 free = zb_free_bytes(fd);

	close(fd);
	return self->free - free;
}

TEST_F(dmabuf, is_a_dmabuf)
{
	int d = export_rw(self);

	ASSERT_GE(d, 0);
	EXPECT_EQ(LENGTH, lseek(d, 0, SEEK_END));
	EXPECT_EQ(0, lseek(d, 0, SEEK_SET));
	EXPECT_EQ(1, zb_exports(self->fd, self->a.handle));
	EXPECT_EQ(0, close(d));
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

TEST_F(dmabuf, flags)
{
	static const __u32 good[] = {
		0, ZB_EXPORT_CLOEXEC, ZB_EXPORT_RDWR, ZB_EXPORT_CLOEXEC | ZB_EXPORT_RDWR,
	};
	int bit, d;
	size_t i;

	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, zb_export(self->fd, self->a.handle, 1u << bit));
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		d = zb_export(self->fd, self->a.handle, good[i]);
		ASSERT_GE(d, 0);
		EXPECT_EQ(good[i] & ZB_EXPORT_CLOEXEC ? FD_CLOEXEC : 0, fcntl(d, F_GETFD));
		EXPECT_EQ(good[i] & ZB_EXPORT_RDWR ? O_RDWR : O_RDONLY,
			  fcntl(d, F_GETFL) & O_ACCMODE);
		close(d);
	}
}

/* The exec'ed program is a shell that checks whether the descriptor exists. */
TEST_F(dmabuf, close_on_exec)
{
	char test[64];
	int i, d;

	if (access("/bin/sh", X_OK) || access("/proc/self/fd", F_OK))
		SKIP(return, "no /bin/sh or no /proc");
	for (i = 0; i < 2; i++) {
		pid_t pid;

		d = zb_export(self->fd, self->a.handle, i ? ZB_EXPORT_CLOEXEC : 0);
		ASSERT_GE(d, 0);
		snprintf(test, sizeof(test), "[ -e /proc/self/fd/%d ]", d);
		pid = fork();
		if (!pid) {
			execl("/bin/sh", "sh", "-c", test, NULL);
			_exit(9);
		}
		EXPECT_TRUE(zb_wait_exit(pid, i));
		close(d);
	}
}

TEST_F(dmabuf, rights_of_the_mapping)
{
	int r = zb_export(self->fd, self->a.handle, 0), w = export_rw(self);
	char *p, *q;

	ASSERT_GE(r, 0);
	ASSERT_GE(w, 0);
	EXPECT_EQ(MAP_FAILED, zb_map_at(r, LENGTH, 0));
	EXPECT_EQ(EACCES, errno);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, r, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(-1, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	q = zb_map_at(w, LENGTH, 0);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_EQ(0, zb_touch(q, true));
	EXPECT_EQ(1, p[0]);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, w, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* A file opened read-only can't export a writable dma-buf. */
TEST_F(dmabuf, read_only_device)
{
	int fd = open(ZB_DEV, O_RDONLY | O_CLOEXEC), d;
	struct zb_ioc_alloc a;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-EACCES, zb_export(fd, a.handle, ZB_EXPORT_RDWR));
	d = zb_export(fd, a.handle, 0);
	EXPECT_GE(d, 0);
	close(d);
	close(fd);
}

/* A file opened write-only exports nothing: writable mappings are readable on most CPUs. */
TEST_F(dmabuf, write_only_device)
{
	int fd = open(ZB_DEV, O_WRONLY | O_CLOEXEC);
	struct zb_ioc_alloc a;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-EACCES, zb_export(fd, a.handle, 0));
	EXPECT_EQ(-EACCES, zb_export(fd, a.handle, ZB_EXPORT_RDWR));
	close(fd);
}

TEST_F(dmabuf, same_memory_as_the_device)
{
	char *p = zb_map(self->fd, &self->a), *q, *half;
	int d = export_rw(self), e = export_rw(self);

	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_GE(d, 0);
	ASSERT_GE(e, 0);
	q = zb_map_at(d, LENGTH, 0);
	ASSERT_NE(MAP_FAILED, (void *)q);
	zb_fill(p, 0, LENGTH, 1);
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 1));
	zb_fill(q, 0, LENGTH, 2);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 2));
	half = zb_map_at(e, LENGTH / 2, LENGTH / 2);
	ASSERT_NE(MAP_FAILED, (void *)half);
	EXPECT_TRUE(zb_filled(half, LENGTH / 2, LENGTH / 2, 2));
	EXPECT_EQ(3, zb_mappings(self->fd, self->a.handle));
	EXPECT_EQ(2, zb_exports(self->fd, self->a.handle));
}

TEST_F(dmabuf, beyond_the_end)
{
	int d = export_rw(self);

	ASSERT_GE(d, 0);
	EXPECT_EQ(MAP_FAILED, zb_map_at(d, LENGTH + 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, zb_map_at(d, LENGTH, self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, zb_map_at(d, self->page, LENGTH));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, zb_map_at(d, self->page, 1ull << 62));
	EXPECT_EQ(MAP_FAILED, zb_map_at(d, self->page, self->a.mmap_offset));
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

/* A dma-buf keeps the memory after FREE and close(). */
TEST_F(dmabuf, keeps_the_memory)
{
	int d = export_rw(self), e = export_rw(self);
	char *p = zb_map(self->fd, &self->a), *q;

	ASSERT_GE(d, 0);
	ASSERT_GE(e, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, LENGTH, 4);
	munmap(p, LENGTH);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	EXPECT_EQ(-ENOENT, zb_export(self->fd, self->a.handle, 0));
	EXPECT_EQ(LENGTH, held(self));
	close(self->fd);
	EXPECT_EQ(LENGTH, held(self));
	close(d);
	EXPECT_EQ(LENGTH, held(self));
	q = zb_map_at(e, LENGTH, 0);
	ASSERT_NE(MAP_FAILED, (void *)q);
	close(e);
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 4));
	EXPECT_EQ(LENGTH, held(self));
	munmap(q, LENGTH);
	EXPECT_EQ(0, held(self));
}

TEST_F(dmabuf, mapping_in_pieces)
{
	int d = export_rw(self);
	char *p = zb_map_at(d, LENGTH, 0), *q;

	ASSERT_NE(MAP_FAILED, (void *)p);
	close(d);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	zb_fill(p, 0, LENGTH, 5);
	ASSERT_EQ(0, munmap(p + 3 * self->page, 2 * self->page));
	q = mremap(p + 5 * self->page, self->page, self->page, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_TRUE(zb_filled(q, 5 * self->page, self->page, 5));
	EXPECT_TRUE(zb_filled(p, 0, 3 * self->page, 5));
	EXPECT_EQ(LENGTH, held(self));
	munmap(p, LENGTH);
	EXPECT_EQ(q < p || q >= p + LENGTH ? LENGTH : 0, held(self));
	munmap(q, self->page);
	EXPECT_EQ(0, held(self));
}

/* An export whose result can't be written leaves no descriptor and no dma-buf behind. */
TEST_F(dmabuf, result_not_writable)
{
	struct zb_ioc_export *e = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int before = zb_nr_open();
	int i;

	ASSERT_NE(MAP_FAILED, (void *)e);
	*e = (struct zb_ioc_export){ .size = sizeof(*e), .handle = self->a.handle };
	ASSERT_EQ(0, mprotect(e, self->page, PROT_READ));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_EXPORT, e));
	EXPECT_EQ(before, zb_nr_open());
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

TEST_F(dmabuf, no_descriptor_left)
{
	struct rlimit was, now;
	int fds[64], nr = 0, rc;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &was));
	now = was;
	now.rlim_cur = 40;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &now));
	while (nr < 64 && (rc = export_rw(self)) >= 0)
		fds[nr++] = rc;
	EXPECT_EQ(-EMFILE, rc);
	EXPECT_EQ(nr, (int)zb_exports(self->fd, self->a.handle));
	while (nr)
		close(fds[--nr]);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &was));
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

TEST_F(dmabuf, to_another_process)
{
	int pair[2], d, status;
	char *p;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(self->fd);
		close(pair[0]);
		d = zb_recv_fd(pair[1]);
		p = zb_map_at(d, LENGTH, 0);
		close(d);
		if ((void *)p == MAP_FAILED)
			_exit(1);
		/* wait for the sender to finish */
		if (read(pair[1], &status, 1) != 1)
			_exit(2);
		if (!zb_filled(p, 0, LENGTH, 6))
			_exit(3);
		_exit(held(self) == LENGTH ? 0 : 4);
	}
	close(pair[1]);
	d = export_rw(self);
	p = zb_map(self->fd, &self->a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, LENGTH, 6);
	ASSERT_EQ(0, zb_send_fd(pair[0], d));
	close(d);
	munmap(p, LENGTH);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	ASSERT_EQ(1, write(pair[0], "", 1));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(0, held(self));
}

/* While a dma-buf is in a socket, no process has it open, but it keeps the memory. */
TEST_F(dmabuf, in_transit)
{
	int pair[2], d = export_rw(self);
	char *p;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, zb_send_fd(pair[0], d));
	close(d);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	EXPECT_EQ(LENGTH, held(self));
	d = zb_recv_fd(pair[1]);
	ASSERT_GE(d, 0);
	p = zb_map_at(d, LENGTH, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, LENGTH));
	ASSERT_EQ(0, zb_send_fd(pair[0], d));
	close(d);
	munmap(p, LENGTH);
	EXPECT_EQ(LENGTH, held(self));
	close(pair[0]);
	close(pair[1]);
	zb_await_free(self->fd, self->free);
	EXPECT_EQ(0, held(self));
}

TEST_F(dmabuf, importer_is_killed)
{
	int d = export_rw(self), ready[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		char *p = zb_map_at(d, LENGTH, 0);

		close(self->fd);
		zb_fill(p, 0, LENGTH, 7);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(d);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	EXPECT_EQ(LENGTH, held(self));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

TEST_F(dmabuf, cpu_access)
{
	static const __u64 good[] = {
		DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ,
		DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE,
		DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW,
	};
	int d = export_rw(self);
	char *p = zb_map_at(d, LENGTH, 0);
	struct dma_buf_sync s;
	size_t i;

	ASSERT_NE(MAP_FAILED, (void *)p);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		s.flags = good[i];
		zb_fill(p, 0, LENGTH, (unsigned int)i);
		EXPECT_EQ(0, ioctl(d, DMA_BUF_IOCTL_SYNC, &s));
		EXPECT_TRUE(zb_filled(p, 0, LENGTH, (unsigned int)i));
	}
	s.flags = 0;
	EXPECT_EQ(-1, ioctl(d, DMA_BUF_IOCTL_SYNC, &s));
	s.flags = ~0ull;
	EXPECT_EQ(-1, ioctl(d, DMA_BUF_IOCTL_SYNC, &s));
}

/* A read-only dma-buf refuses CPU access for writing. */
TEST_F(dmabuf, cpu_access_to_read)
{
	static const struct { __u64 flags; int err; } tab[] = {
		{ DMA_BUF_SYNC_READ, 0 }, { DMA_BUF_SYNC_WRITE, EACCES },
		{ DMA_BUF_SYNC_RW, EACCES },
	};
	int d = zb_export(self->fd, self->a.handle, 0);
	struct dma_buf_sync s;
	size_t i;

	ASSERT_GE(d, 0);
	for (i = 0; i < 2 * ARRAY_SIZE(tab); i++) {
		s.flags = tab[i / 2].flags | (i % 2 ? DMA_BUF_SYNC_END : DMA_BUF_SYNC_START);
		errno = 0;
		ioctl(d, DMA_BUF_IOCTL_SYNC, &s);
		EXPECT_EQ(tab[i / 2].err, errno);
	}
}

/* A read-only dma-buf can't be mapped writable through an importer, whose file is writable. */
static void expect_read_only(struct __test_metadata *_metadata,
			     FIXTURE_DATA(dmabuf) *self, int importer, int d)
{
	off_t offset = (off_t)(d * self->page);
	char *p, *q;

	EXPECT_EQ(MAP_FAILED, zb_map_at(importer, LENGTH, (__u64)offset));
	EXPECT_EQ(EACCES, errno);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, importer, offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, zb_touch(p, false));
	EXPECT_EQ(-1, mprotect(p, LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	/* a second mapping of the same file is read-only as well */
	q = mremap(p, 0, LENGTH, MREMAP_MAYMOVE);
	if ((void *)q != MAP_FAILED)
		EXPECT_EQ(-1, mprotect(q, LENGTH, PROT_READ | PROT_WRITE));
#ifdef SYS_remap_file_pages
	if (!syscall(SYS_remap_file_pages, p, self->page, 0, 1, 0)) {
		EXPECT_EQ(-1, mprotect(p, self->page, PROT_READ | PROT_WRITE));
		EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	}
#endif
}

static int map_for_dma(int d, int dir)
{
	char text[32];

	snprintf(text, sizeof(text), "%d %d", d, dir);
	return zb_ask_test_module("dma", text);
}

static int map_for_kernel(int d)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", d);
	return zb_ask_test_module("vmap", text);
}

/* An importer can't write to a read-only dma-buf. */
TEST_F(dmabuf, importer_of_read_only)
{
	int r = zb_export(self->fd, self->a.handle, 0), w = export_rw(self), importer;
	char *p;

	ASSERT_GE(r, 0);
	ASSERT_GE(w, 0);
	if (geteuid() || access(ZB_TEST_MODULE, R_OK))
		SKIP(return, "no " ZB_TEST_MODULE ", or not root");
	ASSERT_EQ(0, zb_load_test_module());
	importer = open("/dev/zb_importer", O_RDWR | O_CLOEXEC);
	if (importer >= 0) {
		p = zb_map_at(importer, LENGTH, w * self->page);
		EXPECT_NE(MAP_FAILED, (void *)p);
		EXPECT_EQ(0, zb_touch(p, true));
		expect_read_only(_metadata, self, importer, r);
		close(importer);
	}
	EXPECT_GE(importer, 0);
	EXPECT_EQ(0, map_for_kernel(w));
	/* a kernel mapping is not refused because the dma-buf core would warn */
	EXPECT_EQ(0, map_for_kernel(r));
	if (!map_for_dma(w, 0)) {
		EXPECT_EQ(0, map_for_dma(w, 2));
		EXPECT_EQ(0, map_for_dma(r, 0));
		EXPECT_EQ(0, map_for_dma(r, 1));
	}
	EXPECT_EQ(-EACCES, map_for_dma(r, 2));
	zb_unload_test_module();
}

/* A real driver maps for DMA in both directions and can import a read-only dma-buf. */
TEST_F(dmabuf, read_only_imported_by_a_device)
{
	int card = zb_importer(), d = zb_export(self->fd, self->a.handle, 0);
	__u32 gem;

	ASSERT_GE(d, 0);
	if (card < 0)
		SKIP(return, "no importing device: guest/run -M vgem");
	ASSERT_EQ(0, zb_import(card, d, &gem));
	EXPECT_EQ(0, zb_unimport(card, gem));
	close(card);
}

/* An importing driver (vgem) keeps the memory, and CPU access works with it attached. */
TEST_F(dmabuf, imported_by_a_device)
{
	struct dma_buf_sync s = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int card = zb_importer(), d, i;
	__u32 gem;
	char *p;

	if (card < 0)
		SKIP(return, "no importing device: guest/run -M vgem");
	for (i = 0; i < 20; i++) {
		d = export_rw(self);
		ASSERT_EQ(0, zb_import(card, d, &gem));
		p = zb_map_at(d, LENGTH, 0);
		ASSERT_NE(MAP_FAILED, (void *)p);
		s.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
		EXPECT_EQ(0, ioctl(d, DMA_BUF_IOCTL_SYNC, &s));
		zb_fill(p, 0, LENGTH, (unsigned int)i);
		s.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
		EXPECT_EQ(0, ioctl(d, DMA_BUF_IOCTL_SYNC, &s));
		EXPECT_TRUE(zb_filled(p, 0, LENGTH, (unsigned int)i));
		munmap(p, LENGTH);
		if (i < 19)
			EXPECT_EQ(0, zb_unimport(card, gem));
		close(d);
	}
	EXPECT_EQ(1, zb_exports(self->fd, self->a.handle));
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	EXPECT_EQ(LENGTH, held(self));
	close(card);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

/* A large dma-buf, accessed at its last page. */
TEST_F(dmabuf, large)
{
	struct zb_ioc_alloc a;
	char *p;
	int d;

	/* the fixture's buffer may occupy part of the only block of max_order */
	ASSERT_EQ(0, zb_alloc_order(self->fd, self->zb.info.max_order - 1,
				    ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a));
	d = zb_export(self->fd, a.handle, ZB_EXPORT_RDWR);
	ASSERT_GE(d, 0);
	EXPECT_EQ(a.length, (__u64)lseek(d, 0, SEEK_END));
	p = zb_map_at(d, self->page, a.length - self->page);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, self->page));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	close(d);
	EXPECT_EQ(a.length + LENGTH, held(self));
	munmap(p, self->page);
	EXPECT_EQ(LENGTH, held(self));
}

TEST_F(dmabuf, many_exports)
{
	int fds[200], i;

	for (i = 0; i < 200; i++) {
		fds[i] = export_rw(self);
		ASSERT_GE(fds[i], 0);
	}
	EXPECT_EQ(200, zb_exports(self->fd, self->a.handle));
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	for (i = 0; i < 200; i++) {
		EXPECT_EQ(LENGTH, held(self));
		close(fds[i]);
	}
	EXPECT_EQ(0, held(self));
}

TEST_HARNESS_MAIN

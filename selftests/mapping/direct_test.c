// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O between buffers and files: read and write, io_uring and pipes, also when a
 * buffer is freed while I/O uses its pages.
 *
 * Each test runs with a file on tmpfs, which copies the data, and on ext4 on a RAM disk
 * (guest/run -M brd -M ext4), where pages are pinned and the disk accesses them directly.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "ram_disk.h"

#define PAGES	64
#define LENGTH	((size_t)PAGES * self->page)

FIXTURE(direct) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	int file;
	__u64 page;
	__u64 free;
	struct zb_ioc_alloc a;
	char *p;
	bool mounted;
};

FIXTURE_VARIANT(direct) {
	const char *fs;
	const char *dir;
};

FIXTURE_VARIANT_ADD(direct, tmpfs) { .fs = "tmpfs", .dir = "/tmp" };
FIXTURE_VARIANT_ADD(direct, ext4) { .fs = "ext4", .dir = RAM_DISK_DIR };

FIXTURE_SETUP(direct)
{
	char name[64];

	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->free = self->zb.free;
	if (strcmp(variant->fs, "tmpfs")) {
		const char *why = mount_ram_disk();

		if (why)
			SKIP(return, "%s", why);
		self->mounted = true;
	}
	snprintf(name, sizeof(name), "%s/zbuddy_direct.%d", variant->dir, getpid());
	self->file = open(name, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (self->file < 0 && errno == EINVAL)
		SKIP(return, "no O_DIRECT on %s in this kernel", variant->fs);
	ASSERT_GE(self->file, 0);
	unlink(name);
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &self->a));
	self->p = zb_map(self->fd, &self->a);
	ASSERT_NE(MAP_FAILED, (void *)self->p);
}

FIXTURE_TEARDOWN_PARENT(direct)
{
	if (self->mounted)
		unmount_ram_disk();
	zb_teardown(_metadata, &self->zb);
}

TEST_F(direct, write_and_read)
{
	zb_fill(self->p, 0, LENGTH, 1);
	ASSERT_EQ(LENGTH, pwrite(self->file, self->p, LENGTH, 0));
	memset(self->p, 0, LENGTH);
	ASSERT_EQ(LENGTH, pread(self->file, self->p, LENGTH, 0));
	EXPECT_TRUE(zb_filled(self->p, 0, LENGTH, 1));
}

/* Transfers at various offsets of the buffer and of the file. */
TEST_F(direct, pieces)
{
	const size_t unit = 4096;
	size_t nr = LENGTH / unit, i, k, len;
	__u64 seed = 3;
	char *copy = aligned_alloc(4096, LENGTH);

	ASSERT_NE(NULL, copy);
	zb_fill(copy, 0, LENGTH, 2);
	ASSERT_EQ(LENGTH, pwrite(self->file, copy, LENGTH, 0));
	for (k = 0; k < 200; k++) {
		i = zb_random(&seed) % nr;
		len = (1 + zb_random(&seed) % (nr - i)) * unit;
		memset(self->p, 0x11, LENGTH);
		ASSERT_EQ(len, pread(self->file, self->p + i * unit, len, (off_t)(i * unit)));
		ASSERT_TRUE(zb_filled(self->p + i * unit, i * unit, len, 2));
		ASSERT_TRUE(zb_all_bytes(self->p, 0x11, i * unit));
		ASSERT_TRUE(zb_all_bytes(self->p + i * unit + len, 0x11,
					 LENGTH - i * unit - len));
	}
	free(copy);
}

TEST_F(direct, into_unpopulated_memory)
{
	struct zb_ioc_alloc a;
	char *p;

	zb_fill(self->p, 0, LENGTH, 3);
	ASSERT_EQ(LENGTH, pwrite(self->file, self->p, LENGTH, 0));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(LENGTH, pread(self->file, p, LENGTH, 0));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 3));
	ASSERT_EQ(0, madvise(p, LENGTH, MADV_DONTNEED));
	ASSERT_EQ(LENGTH, pread(self->file, p, LENGTH, 0));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 3));
}

TEST_F(direct, through_a_dma_buf)
{
	int d = zb_export(self->fd, self->a.handle, ZB_EXPORT_RDWR);
	char *p;

	if (d == -EOPNOTSUPP)
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_GE(d, 0);
	p = zb_map_at(d, LENGTH, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(d);
	zb_fill(p, 0, LENGTH, 4);
	ASSERT_EQ(LENGTH, pwrite(self->file, p, LENGTH, 0));
	memset(p, 0, LENGTH);
	ASSERT_EQ(LENGTH, pread(self->file, p, LENGTH, 0));
	EXPECT_TRUE(zb_filled(self->p, 0, LENGTH, 4));
}

/* A file can't be read into a read-only mapping. */
TEST_F(direct, read_only_mapping)
{
	zb_fill(self->p, 0, LENGTH, 5);
	ASSERT_EQ(LENGTH, pwrite(self->file, self->p, LENGTH, 0));
	ASSERT_EQ(0, mprotect(self->p, LENGTH, PROT_READ));
	EXPECT_EQ(-1, pread(self->file, self->p, LENGTH, 0));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(LENGTH, pwrite(self->file, self->p, LENGTH, 0));
	EXPECT_TRUE(zb_filled(self->p, 0, LENGTH, 5));
}

TEST_F(direct, huge_mapping_is_refused)
{
	char *p;

	if (!strcmp(variant->fs, "tmpfs"))
		SKIP(return, "tmpfs copies");
	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	p = zb_map_at(self->fd, LENGTH, self->a.mmap_huge_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(-1, pwrite(self->file, p, LENGTH, 0));
	EXPECT_EQ(EFAULT, errno);
	zb_fill(self->p, 0, LENGTH, 5);
	ASSERT_EQ(LENGTH, pwrite(self->file, self->p, LENGTH, 0));
	EXPECT_EQ(-1, pread(self->file, p, LENGTH, 0));
	EXPECT_EQ(EFAULT, errno);
}

/* --- io_uring --- */

struct ring {
	int fd;
	struct io_uring_params params;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static int ring_open(struct ring *r)
{
	size_t size;
	char *p;

	memset(r, 0, sizeof(*r));
	r->fd = (int)syscall(__NR_io_uring_setup, 8, &r->params);
	if (r->fd < 0)
		return -errno;
	size = r->params.cq_off.cqes + r->params.cq_entries * sizeof(*r->cqes);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->params.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, r->fd, IORING_OFF_SQES);
	if ((void *)p == MAP_FAILED || (void *)r->sqes == MAP_FAILED)
		return -errno;
	r->sq_tail = (void *)(p + r->params.sq_off.tail);
	r->sq_mask = (void *)(p + r->params.sq_off.ring_mask);
	r->sq_array = (void *)(p + r->params.sq_off.array);
	r->cq_head = (void *)(p + r->params.cq_off.head);
	r->cq_tail = (void *)(p + r->params.cq_off.tail);
	r->cq_mask = (void *)(p + r->params.cq_off.ring_mask);
	r->cqes = (void *)(p + r->params.cq_off.cqes);
	return 0;
}

static int ring_io(struct ring *r, int op, int fd, void *p, size_t len)
{
	unsigned int at = *r->sq_tail & *r->sq_mask;
	int res;

	r->sqes[at] = (struct io_uring_sqe){
		.opcode = (__u8)op, .fd = fd, .addr = (unsigned long)p, .len = (__u32)len,
	};
	r->sq_array[at] = at;
	__atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	while (__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) == *r->cq_head)
		;
	res = r->cqes[*r->cq_head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

TEST_F(direct, io_uring)
{
	struct ring r;
	int rc = ring_open(&r);

	if (rc == -ENOSYS || rc == -EPERM)
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, rc);
	zb_fill(self->p, 0, LENGTH, 6);
	ASSERT_EQ(LENGTH, ring_io(&r, IORING_OP_WRITE, self->file, self->p, LENGTH));
	memset(self->p, 0, LENGTH);
	ASSERT_EQ(LENGTH, ring_io(&r, IORING_OP_READ, self->file, self->p, LENGTH));
	EXPECT_TRUE(zb_filled(self->p, 0, LENGTH, 6));
}

/* Registered buffers are long-term pins: refused at once in CMA, allowed otherwise. */
TEST_F(direct, io_uring_fixed)
{
	struct iovec iov = { self->p, LENGTH };
	struct ring r;
	int rc = ring_open(&r);

	if (rc == -ENOSYS || rc == -EPERM)
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, rc);
	if (!zb_ring_takes_files(r.fd))
		SKIP(return, "io_uring does not register file mappings in this kernel");
	/* A kernel that retries forever instead of failing runs into the harness's timeout. */
	rc = (int)syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_BUFFERS, &iov, 1);
	if (!(self->zb.info.features & ZB_FEATURE_LONGTERM_PIN)) {
		EXPECT_EQ(-1, rc);
		EXPECT_EQ(EFAULT, errno);
		return;
	}
	ASSERT_EQ(0, rc);
	zb_fill(self->p, 0, LENGTH, 7);
	ASSERT_EQ(LENGTH, ring_io(&r, IORING_OP_WRITE_FIXED, self->file, self->p, LENGTH));
	memset(self->p, 0, LENGTH);
	/* the pin outlives mapping and handle */
	munmap(self->p, LENGTH);
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	zb_sleep_ms(300);
	EXPECT_EQ(self->free - LENGTH, zb_free_bytes(self->fd));
	EXPECT_EQ(self->free - LENGTH, zb_scribble(_metadata, self->fd));
	ASSERT_EQ(LENGTH, ring_io(&r, IORING_OP_READ_FIXED, self->file, self->p, LENGTH));
	close(r.fd);
	munmap(r.sqes, 4096);
}

/* --- pipes and pins --- */

TEST_F(direct, pipe_into_the_file)
{
	struct iovec iov = { self->p, 8 * self->page };
	int pipe[2];
	loff_t off = 0;

	zb_fill(self->p, 0, LENGTH, 8);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	ASSERT_EQ(iov.iov_len, vmsplice(pipe[1], &iov, 1, 0));
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	EXPECT_EQ(iov.iov_len, splice(pipe[0], NULL, self->file, &off, iov.iov_len, 0));
	memset(self->p, 0, LENGTH);
	EXPECT_EQ(iov.iov_len, pread(self->file, self->p, iov.iov_len, 0));
	EXPECT_TRUE(zb_filled(self->p, 0, iov.iov_len, 8));
}

/* A pinned buffer that is freed is shown in owners, not reused, and freed after the unpin. */
TEST_F(direct, deferred)
{
	struct iovec iov = { self->p + self->page, 8 * self->page };
	char line[512], *copy = malloc(8 * self->page);
	int pipe[2];

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_vmstat("zb_deferred_free"));
	zb_fill(self->p, 0, LENGTH, 9);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	ASSERT_EQ(iov.iov_len, vmsplice(pipe[1], &iov, 1, 0));
	zb_owner_line(getpid(), self->a.handle, line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " mappings 1 pins 8 exports 0 state held"));
	munmap(self->p, LENGTH);
	zb_owner_line(getpid(), self->a.handle, line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " mappings 0 pins 8 exports 0 state held"));
	EXPECT_EQ(0, zb_vmstat("zb_deferred_free"));
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	EXPECT_EQ(PAGES, zb_vmstat("zb_deferred_free"));
	zb_owner_line(getpid(), self->a.handle, line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " mappings 0 pins 8 exports 0 state deferred"));
	EXPECT_EQ(self->free - LENGTH, zb_scribble(_metadata, self->fd));
	ASSERT_EQ(iov.iov_len, read(pipe[0], copy, iov.iov_len));
	EXPECT_TRUE(zb_filled(copy, self->page, iov.iov_len, 9));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(0, zb_vmstat("zb_deferred_free"));
	free(copy);
}

/* Access by /proc/self/mem, as debuggers do. */
TEST_F(direct, proc_mem)
{
	char *copy = malloc(LENGTH);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	if (mem < 0)
		SKIP(return, "no /proc/self/mem");
	zb_fill(self->p, 0, LENGTH, 10);
	ASSERT_EQ(LENGTH, pread(mem, copy, LENGTH, (off_t)(unsigned long)self->p));
	EXPECT_TRUE(zb_filled(copy, 0, LENGTH, 10));
	zb_fill(copy, 0, LENGTH, 11);
	if (pwrite(mem, copy, LENGTH, (off_t)(unsigned long)self->p) != (ssize_t)LENGTH)
		SKIP(return, "this kernel allows no writes to /proc/self/mem");
	EXPECT_TRUE(zb_filled(self->p, 0, LENGTH, 11));
	free(copy);
}

/* Kill children in the middle of direct I/O while others reuse freed memory at once. */
TEST_F(direct, killed_in_the_middle)
{
	__u64 seed = 7;
	pid_t pid;
	int i;

	ASSERT_EQ(0, ftruncate(self->file, (off_t)LENGTH));
	for (i = 0; i < 40; i++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			struct zb_ioc_alloc a;
			int fd = zb_open();
			char *p;

			zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a);
			p = zb_map(fd, &a);
			zb_free(fd, a.handle);
			for (;;) {
				if (pwrite(self->file, p, LENGTH, 0) < 0 ||
				    pread(self->file, p, LENGTH, 0) < 0)
					_exit(1);
			}
		}
		zb_sleep_ms((long)(zb_random(&seed) % 30));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	}
	EXPECT_EQ(self->free - LENGTH, zb_await_free(self->fd, self->free - LENGTH));
}

TEST_HARNESS_MAIN

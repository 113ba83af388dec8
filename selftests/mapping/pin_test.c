// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel uses pages of a mapping: it copies from and to them, lets other processes
 * access them, and keeps them in a pipe after their buffer was freed. A page that is
 * still referenced must not be reused.
 */
#include "buffer_test.h"

#define PAGES	12	/* less than a pipe holds */
#define LENGTH	((size_t)PAGES * self->page)

struct pinned {
	struct zb_ioc_alloc a;
	char *p;
	int pipe[2];
};

/* Fill a buffer with @byte and put all of its pages into a pipe. */
static void pin(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
		struct pinned *b, int fd, int byte)
{
	struct iovec iov;

	ASSERT_EQ(0, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &b->a));
	b->p = zb_map(fd, &b->a);
	ASSERT_NE(MAP_FAILED, (void *)b->p);
	memset(b->p, byte, LENGTH);
	ASSERT_EQ(0, pipe2(b->pipe, O_CLOEXEC | O_NONBLOCK));
	iov = (struct iovec){ b->p, LENGTH };
	ASSERT_EQ(LENGTH, vmsplice(b->pipe[1], &iov, 1, 0)) {
		TH_LOG("vmsplice: %s", strerror(errno));
	}
}

static bool drain_pipe(const struct pinned *b, char *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t nr = read(b->pipe[0], to + have, len - have);

		if (nr <= 0)
			return false;
		have += (size_t)nr;
	}
	return true;
}

static void expect_kept(struct __test_metadata *_metadata,
			FIXTURE_DATA(zbuddy) *self, struct pinned *b, int byte)
{
	char *copy = malloc(LENGTH);

	ASSERT_NE(NULL, copy);
	EXPECT_LE(zb_scribble(_metadata, self->fd), self->free - LENGTH);
	EXPECT_TRUE(zb_check_ok());
	ASSERT_TRUE(drain_pipe(b, copy, LENGTH));
	EXPECT_TRUE(zb_all_bytes(copy, byte, LENGTH));
	close(b->pipe[0]);
	close(b->pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(self->free, zb_scribble(_metadata, self->fd));
	free(copy);
}

TEST_F(zbuddy, pipe_outlives_free)
{
	struct pinned b;

	pin(_metadata, self, &b, self->fd, 0x31);
	ASSERT_EQ(0, zb_free(self->fd, b.a.handle));
	ASSERT_EQ(0, munmap(b.p, LENGTH));
	expect_kept(_metadata, self, &b, 0x31);
}

TEST_F(zbuddy, pipe_outlives_close)
{
	int fd = zb_open();
	struct pinned b;

	ASSERT_GE(fd, 0);
	pin(_metadata, self, &b, fd, 0x32);
	ASSERT_EQ(0, munmap(b.p, LENGTH));
	close(fd);
	expect_kept(_metadata, self, &b, 0x32);
}

TEST_F(zbuddy, pipe_outlives_process)
{
	struct pinned b;
	pid_t pid;

	ASSERT_EQ(0, pipe2(b.pipe, O_NONBLOCK));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int out = b.pipe[1];
		int fd = zb_open();

		pin(_metadata, self, &b, fd, 0x33);
		if (splice(b.pipe[0], NULL, out, NULL, LENGTH, 0) != (ssize_t)LENGTH)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_TRUE(zb_wait_killed(pid, SIGKILL));
	expect_kept(_metadata, self, &b, 0x33);
}

/* A pipe holds a single page of a large buffer. */
TEST_F(zbuddy, one_page_in_a_pipe)
{
	struct zb_ioc_alloc a;
	struct iovec iov;
	char byte, *p;
	int pipe[2];

	ASSERT_EQ(0, zb_alloc_order(self->fd, 8, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	p[100 * self->page] = 0x34;
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p + 100 * self->page, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_LT(zb_scribble(_metadata, self->fd), self->free);
	EXPECT_LT(zb_free_bytes(self->fd), self->free);
	ASSERT_EQ(1, read(pipe[0], &byte, 1));
	EXPECT_EQ(0x34, byte);
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

/* Free a buffer of @pages pages whose last page is in a pipe. */
static void release_while_in_use(struct __test_metadata *_metadata, int fd, __u64 page,
				 size_t pages, int pipe[2])
{
	struct zb_ioc_alloc a;
	struct iovec iov;
	char *p;

	ASSERT_EQ(0, zb_alloc_length(fd, pages * page, ZB_GFP_ANYZONE, &a));
	p = zb_map(fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	p[(pages - 1) * page] = 0x35;
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p + (pages - 1) * page, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(fd, a.handle));
}

/*
 * When a pinned buffer is freed, each of its frames is checked once, and then only the
 * one in use: up to 10 times within the first 5 seconds, then once a second.
 */
TEST_F_TIMEOUT(zbuddy, deferred_release_checks_one_page, 120)
{
	long before = zb_vmstat("zb_deferred_free_checks"), pages = 511, checks = 0;
	__u64 start;
	int pipe[2];

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_GE(before, 0);
	start = zb_now_ns();
	release_while_in_use(_metadata, self->fd, self->page, (size_t)pages, pipe);
	while (checks < pages + 6) {
		zb_sleep_ms(50);
		checks = zb_vmstat("zb_deferred_free_checks") - before;
	}
	EXPECT_LE(checks, pages + 10 + (long)((zb_now_ns() - start) / 1000000000));
	EXPECT_EQ(pages, zb_vmstat("zb_deferred_free"));
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_LT(zb_vmstat("zb_deferred_free_checks") - before, 2 * pages);
}

/* A buffer whose release is deferred counts for the limits of its owner. */
TEST_F(zbuddy, deferred_release_is_charged)
{
	struct zb_ioc_alloc a;
	int pipe[2], fd = zb_open();

	ASSERT_GE(fd, 0);
	if (zb_set_parameter("max_bytes_per_user", 5 * LENGTH / 2))
		SKIP(return, "can't set max_bytes_per_user");
	release_while_in_use(_metadata, fd, self->page, 2 * PAGES, pipe);
	EXPECT_EQ(-EDQUOT, zb_alloc_length(fd, LENGTH, ZB_GFP_ANYZONE, &a));
	close(fd);
	EXPECT_EQ(-EDQUOT, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(0, zb_set_parameter("max_bytes_per_user", 0));
}

/* Deferred buffers are freed as fast as they are added. */
TEST_F(zbuddy, many_pins_one_after_the_other)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		struct pinned b;

		pin(_metadata, self, &b, self->fd, (int)i);
		ASSERT_EQ(0, munmap(b.p, LENGTH));
		ASSERT_EQ(0, zb_free(self->fd, b.a.handle));
		close(b.pipe[0]);
		close(b.pipe[1]);
	}
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_EQ(self->free, zb_scribble(_metadata, self->fd));
}

TEST_F(zbuddy, other_process_reads_and_writes)
{
	struct zb_ioc_alloc a;
	struct iovec here, there;
	pid_t pid;
	char *p;

	if (process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) && errno == ENOSYS)
		SKIP(return, "no process_vm_readv");
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	memset(p, 0x41, LENGTH);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		char *copy = malloc(LENGTH);

		here = (struct iovec){ copy, LENGTH };
		there = (struct iovec){ p, LENGTH };
		munmap(p, LENGTH);
		if (process_vm_readv(getppid(), &here, 1, &there, 1, 0) !=
		    (ssize_t)LENGTH || !zb_all_bytes(copy, 0x41, LENGTH))
			_exit(1);
		memset(copy, 0x42, LENGTH);
		if (process_vm_writev(getppid(), &here, 1, &there, 1, 0) !=
		    (ssize_t)LENGTH)
			_exit(2);
		_exit(0);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_all_bytes(p, 0x42, LENGTH));
}

TEST_F(zbuddy, file_io)
{
	struct zb_ioc_alloc a;
	char name[] = "/tmp/zbuddy_test.XXXXXX";
	int fd = mkstemp(name);
	char *p;

	ASSERT_GE(fd, 0);
	unlink(name);
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	memset(p, 0x51, LENGTH);
	ASSERT_EQ(LENGTH, pwrite(fd, p, LENGTH, 0));
	memset(p, 0, LENGTH);
	ASSERT_EQ(LENGTH, pread(fd, p, LENGTH, 0));
	EXPECT_TRUE(zb_all_bytes(p, 0x51, LENGTH));
	/* a copy within one buffer, through the page cache */
	ASSERT_EQ(LENGTH / 2, pread(fd, p + 1, LENGTH / 2, 0));
	EXPECT_TRUE(zb_all_bytes(p, 0x51, LENGTH));
	close(fd);
}

/* I/O is the first access to the mapping: the kernel faults the pages in. */
TEST_F(zbuddy, file_io_into_untouched_memory)
{
	struct zb_ioc_alloc a;
	int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
	int full = open("/proc/self/exe", O_RDONLY);
	char *p, head[4];

	ASSERT_GE(zero, 0);
	ASSERT_GE(null, 0);
	ASSERT_GE(full, 0);
	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(LENGTH, read(full, p, LENGTH));
	ASSERT_EQ(4, pread(full, head, 4, 0));
	EXPECT_EQ(0, memcmp(p, head, 4));
	ASSERT_EQ(LENGTH, read(zero, p, LENGTH));
	EXPECT_TRUE(zb_all_bytes(p, 0, LENGTH));
	ASSERT_EQ(LENGTH, write(null, p, LENGTH));
	close(zero);
	close(null);
	close(full);
}

/*
 * Register memory with io_uring, a long-term pin. Returns the result, or -ENOSYS without
 * io_uring, -ENODEV if it does not register file mappings in this kernel.
 */
static int register_buffer(void *p, size_t len)
{
	struct io_uring_params params = { 0 };
	struct iovec iov = { p, len };
	int rc, ring = (int)syscall(__NR_io_uring_setup, 4, &params);

	if (ring < 0)
		return errno == EPERM ? -ENOSYS : -errno;
	if (!zb_ring_takes_files(ring)) {
		close(ring);
		return -ENODEV;
	}
	rc = (int)syscall(__NR_io_uring_register, ring,
			  IORING_REGISTER_BUFFERS, &iov, 1);
	rc = rc ? -errno : 0;
	close(ring);
	return rc;
}

/* Long-term pins are refused at once in CMA, which they would block, and allowed otherwise. */
TEST_F(zbuddy, long_term_pin)
{
	struct zb_ioc_alloc a;
	char *p;
	int rc;

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	rc = register_buffer(p, LENGTH);
	if (rc == -ENOSYS)
		SKIP(return, "no io_uring");
	if (rc == -ENODEV)
		SKIP(return, "io_uring does not register file mappings in this kernel");
	EXPECT_TRUE(rc == 0 || rc == -EFAULT);
	if (!strcmp(self->info.backend, "cma"))
		EXPECT_EQ(-EFAULT, rc);
	if (!strcmp(self->info.backend, "contig"))
		EXPECT_EQ(0, rc);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, munmap(p, LENGTH));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The module can't be unloaded while it is in use in any way, and can be unloaded after
 * the last use has ended. Loads zbuddy.ko itself.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

FIXTURE(module) {
	__u64 page;
};

static bool loaded(void)
{
	return !access("/sys/module/zbuddy", F_OK);
}

FIXTURE_SETUP(module)
{
	struct zb_ioc_info info;
	int fd;

	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	ASSERT_FALSE(loaded());
	ASSERT_EQ(0, zb_load("size=64M"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_info(fd, &info));
	self->page = info.page_size;
	close(fd);
}

FIXTURE_TEARDOWN_PARENT(module)
{
	if (loaded())
		EXPECT_EQ(0, zb_unload_soon());
}

#define EXPECT_IN_USE() do {						\
	EXPECT_EQ(-EAGAIN, zb_unload());				\
	EXPECT_TRUE(loaded());						\
} while (0)

#define EXPECT_UNLOAD() do {						\
	EXPECT_EQ(0, zb_unload_soon());				\
	EXPECT_FALSE(loaded());						\
	EXPECT_NE(0, access(ZB_DEV, F_OK));				\
	ASSERT_EQ(0, zb_load("size=64M"));					\
	EXPECT_EQ(0, zb_unload_soon());				\
} while (0)

static int get(struct __test_metadata *_metadata, struct zb_ioc_alloc *a)
{
	int fd = zb_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_order(fd, 4, ZB_GFP_ANYZONE, a));
	return fd;
}

TEST_F(module, unused)
{
	EXPECT_UNLOAD();
}

TEST_F(module, open)
{
	int fd = zb_open();

	ASSERT_GE(fd, 0);
	EXPECT_IN_USE();
	close(fd);
	EXPECT_UNLOAD();
}

TEST_F(module, mapped_only)
{
	struct zb_ioc_alloc a;
	int fd = get(_metadata, &a);
	char *p = zb_map(fd, &a);

	ASSERT_NE(MAP_FAILED, (void *)p);
	close(fd);
	EXPECT_IN_USE();
	memset(p, 1, a.length);
	munmap(p, a.length - self->page);
	EXPECT_IN_USE();
	munmap(p + a.length - self->page, self->page);
	EXPECT_UNLOAD();
}

TEST_F(module, exported_only)
{
	struct zb_ioc_alloc a;
	int fd = get(_metadata, &a), d = zb_export(fd, a.handle, ZB_EXPORT_RDWR);
	char *p;

	if (d == -EOPNOTSUPP)
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_GE(d, 0);
	close(fd);
	EXPECT_IN_USE();
	p = zb_map_at(d, a.length, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(d);
	EXPECT_IN_USE();
	memset(p, 2, a.length);
	munmap(p, a.length);
	EXPECT_UNLOAD();
}

TEST_F(module, file_only)
{
	struct zb_ioc_alloc a;
	int fd = get(_metadata, &a), file = zb_to_file(fd, a.handle, ZB_FILE_RDWR);
	char *p;

	ASSERT_GE(file, 0);
	close(fd);
	EXPECT_IN_USE();
	p = zb_map_at(file, a.length, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(file);
	EXPECT_IN_USE();
	memset(p, 2, a.length);
	munmap(p, a.length);
	EXPECT_UNLOAD();
}

TEST_F(module, pinned_only)
{
	struct zb_ioc_alloc a;
	int fd = get(_metadata, &a), pipe[2];
	struct iovec iov;
	char *p = zb_map(fd, &a), byte;

	ASSERT_NE(MAP_FAILED, (void *)p);
	*p = 0x55;
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p, 1 };
	ASSERT_EQ(1, vmsplice(pipe[1], &iov, 1, 0));
	munmap(p, a.length);
	close(fd);
	zb_sleep_ms(300);
	EXPECT_IN_USE();
	ASSERT_EQ(1, read(pipe[0], &byte, 1));
	EXPECT_EQ(0x55, byte);
	close(pipe[0]);
	close(pipe[1]);
	EXPECT_UNLOAD();
}

TEST_F(module, held_by_another_process)
{
	struct zb_ioc_alloc a;
	int fd = get(_metadata, &a);
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		for (;;)
			pause();
	close(fd);
	EXPECT_IN_USE();
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_TRUE(zb_wait_killed(pid, SIGKILL));
	EXPECT_UNLOAD();
}

TEST_F(module, open_debugfs_file)
{
	int fd = open(ZB_DEBUGFS "owners", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no debugfs");
	/* debugfs may allow unloading while a file is open; then nothing must break */
	zb_unload();
	close(fd);
	EXPECT_EQ(0, loaded() ? zb_unload_soon() : 0);
}

TEST_HARNESS_MAIN

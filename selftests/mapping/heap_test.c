// SPDX-License-Identifier: GPL-2.0
/*
 * The dma-heap and the limits: its dma-bufs are charged to the allocating process or
 * user, like buffers of the device. Run by ci/heap.sh, with heap=1.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define NOBODY	54321
#define GROUP	"/sys/fs/cgroup/zbuddy_heap"

FIXTURE(heap) {
	FIXTURE_DATA(zbuddy) zb;
	int heap;
	__u64 page;
};

FIXTURE_SETUP(heap)
{
	self->heap = open(ZB_HEAP, O_RDWR | O_CLOEXEC);
	if (self->heap < 0 || zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_HEAP);
	if (geteuid())
		SKIP(return, "must be root");
	self->page = self->zb.page;
}

FIXTURE_TEARDOWN_PARENT(heap)
{
	zb_set_parameter("max_bytes_per_user", 0);
	zb_write_parameter("charge", "auto");
	rmdir(GROUP);
	zb_teardown(_metadata, &self->zb);
}

/*
 * Allocate up to 8 dma-bufs of 16 pages. Returns the number of dma-bufs, and the error of
 * the last attempt in *@err.
 */
static int get_many(int heap, __u64 page, int *err)
{
	int nr, fd;

	for (nr = 0, *err = 0; nr < 8; nr++) {
		fd = zb_heap_alloc(heap, 16 * page);
		if (fd < 0) {
			*err = fd;
			break;
		}
	}
	return nr;
}

/* True if a user gets exactly @want dma-bufs from @self->heap, and then @want_err. */
static bool user_gets(FIXTURE_DATA(heap) *self, int want, int want_err)
{
	pid_t pid = fork();
	int err;

	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(100);
		_exit(get_many(self->heap, self->page, &err) == want && err == want_err ?
		      0 : 1);
	}
	return zb_wait_exit(pid, 0);
}

TEST_F(heap, per_user)
{
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 64 * self->page));
	EXPECT_TRUE(user_gets(self, 4, -EDQUOT));
	/* the dma-bufs of the first process were uncharged when it exited */
	EXPECT_TRUE(user_gets(self, 4, -EDQUOT));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 0));
	ASSERT_EQ(0, zb_write_parameter("charge", "none"));
	EXPECT_TRUE(user_gets(self, 8, 0));
}

TEST_F(heap, memlock)
{
	struct rlimit limit = { 64 * self->page, 64 * self->page };

	if (zb_write_parameter("charge", "memlock"))
		SKIP(return, "this kernel does not export the accounting of locked memory");
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_TRUE(user_gets(self, 4, -EAGAIN));
	EXPECT_TRUE(user_gets(self, 4, -EAGAIN));
	ASSERT_EQ(0, zb_write_parameter("charge", "none"));
	EXPECT_TRUE(user_gets(self, 8, 0));
}

TEST_F(heap, dmem)
{
	char text[64];
	pid_t pid;
	int err;

	if (zb_write_parameter("charge", "dmem"))
		SKIP(return, "this kernel has no dmem controller");
	if (zb_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+dmem") ||
	    (mkdir(GROUP, 0755) && errno != EEXIST))
		SKIP(return, "no dmem controller mounted");
	snprintf(text, sizeof(text), "zbuddy %llu", 64 * self->page);
	ASSERT_EQ(0, zb_write_file(GROUP "/dmem.max", text));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (zb_write_file(GROUP "/cgroup.procs", "0"))
			_exit(2);
		_exit(get_many(self->heap, self->page, &err) == 4 && err == -EAGAIN ? 0 : 3);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

TEST_HARNESS_MAIN

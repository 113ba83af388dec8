// SPDX-License-Identifier: GPL-2.0
/*
 * Error paths: each command and mmap() with the first, the second, ... of the
 * kernel's allocations on its way failing (/proc/self/fail-nth). It says so or
 * it works, and leaves nothing behind. Needs CONFIG_FAULT_INJECTION, FAILSLAB.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#define MAX_NTH	200

FIXTURE(fail) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
	int nth;
	struct zb_ioc_alloc a;
};

FIXTURE_SETUP(fail)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0 ||
	    zb_write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N"))
		SKIP(return, "no fault injection in this kernel");
	zb_write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	zb_write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	zb_write_file("/sys/kernel/debug/failslab/verbose", "0");
	zb_write_file("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 600 * self->page, ZB_GFP_ANYZONE, &self->a));
}

FIXTURE_TEARDOWN_PARENT(fail)
{
	zb_teardown(_metadata, &self->zb);
}

static void arm(FIXTURE_DATA(fail) *self, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(self->nth, text, (size_t)len, 0) != len)
		_exit(77);
}

/* Whether it came to the failure; then there may be another one after it. */
static bool disarm(FIXTURE_DATA(fail) *self)
{
	char text[16] = "";

	if (pread(self->nth, text, sizeof(text) - 1, 0) <= 0)
		_exit(78);
	if (pwrite(self->nth, "0", 1, 0) != 1)
		_exit(79);
	return atoi(text) == 0;
}

/*
 * Run @call, which gives 0 or -errno into rc, with its n-th allocation failing,
 * for each n there is; @undo when it worked all the same.
 */
#define FAIL_EACH(call, undo) do {					\
	__u64 left = zb_free_bytes(self->fd);				\
	int n, rc, failed = 0;						\
									\
	for (n = 1; n < MAX_NTH; n++) {					\
		bool hit;						\
									\
		arm(self, n);						\
		rc = (call);						\
		hit = disarm(self);					\
		if (!rc) {						\
			undo;						\
		} else {						\
			EXPECT_TRUE(rc == -ENOMEM || rc == -EAGAIN ||	\
				    rc == -EFAULT) {			\
				TH_LOG("%d: errno %d", n, -rc);		\
			}						\
			failed++;					\
		}							\
		EXPECT_EQ(left, zb_await_free(self->fd, left)) {	\
			TH_LOG("after failure %d, errno %d", n, -rc);	\
		}							\
		if (!hit)						\
			break;						\
	}								\
	TH_LOG("%d points of failure, %d failed", n - 1, failed);	\
	EXPECT_LT(n, MAX_NTH);						\
	EXPECT_GT(n, 1);						\
} while (0)

static int open_close(void)
{
	int fd = zb_open();

	return fd < 0 ? -errno : close(fd);
}

TEST_F(fail, open)
{
	FAIL_EACH(open_close(), (void)0);
}

TEST_F(fail, alloc)
{
	struct zb_ioc_alloc a;

	FAIL_EACH(zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &a),
		  EXPECT_EQ(0, zb_free(self->fd, a.handle)));
}

TEST_F(fail, alloc_accounted)
{
	struct zb_ioc_alloc a;

	FAIL_EACH(zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE | __ZB_GFP_ACCOUNT, &a),
		  EXPECT_EQ(0, zb_free(self->fd, a.handle)));
}

TEST_F(fail, alloc_wait)
{
	struct zb_ioc_alloc a;

	FAIL_EACH(zb_alloc_wait(self->fd, 3, 1000000000, &a),
		  EXPECT_EQ(0, zb_free(self->fd, a.handle)));
}

TEST_F(fail, bulk)
{
	__u32 handles[16], done = 0, freed;

	FAIL_EACH(zb_bulk_alloc(self->fd, 1, handles, 16, &done), {
		EXPECT_EQ(0, zb_bulk_free(self->fd, handles, done, &freed));
		EXPECT_EQ(done, freed);
	});
}

static int try_export(int fd, __u32 handle, int *d)
{
	*d = zb_export(fd, handle, ZB_EXPORT_RDWR);
	return *d < 0 ? *d : 0;
}

TEST_F(fail, export)
{
	unsigned int before = zb_nr_open();
	int d;

	FAIL_EACH(try_export(self->fd, self->a.handle, &d), close(d));
	EXPECT_EQ(before, zb_nr_open());
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

static int try_map(int fd, const struct zb_ioc_alloc *a, __u64 more, char **p)
{
	*p = zb_map_at(fd, a->length, a->mmap_offset + more);
	return (void *)*p == MAP_FAILED ? -errno : 0;
}

TEST_F(fail, map)
{
	char *p;

	FAIL_EACH(try_map(self->fd, &self->a, 0, &p), munmap(p, self->a.length));
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

TEST_F(fail, map_huge)
{
	char *p;

	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings here");
	FAIL_EACH(try_map(self->fd, &self->a, ZB_MMAP_HUGE, &p), munmap(p, self->a.length));
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

/* Cut in two: a vma more, or not. */
TEST_F(fail, unmap_in_the_middle)
{
	char *p = zb_map(self->fd, &self->a);
	int n;

	ASSERT_NE(MAP_FAILED, (void *)p);
	for (n = 1; n < 20; n++) {
		bool hit;

		arm(self, n);
		if (munmap(p + n * 2 * self->page, self->page))
			EXPECT_EQ(ENOMEM, errno);
		hit = disarm(self);
		if (!hit)
			break;
	}
	EXPECT_GT(n, 1);
	munmap(p, self->a.length);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid < 0)
		return -errno;
	return zb_wait_exit(pid, 0) ? 0 : -EIO;
}

TEST_F(fail, fork)
{
	char *p = zb_map(self->fd, &self->a);
	int n, failed = 0;

	ASSERT_NE(MAP_FAILED, (void *)p);
	for (n = 1; n < 600; n++) {
		bool hit;

		arm(self, n);
		failed += !!try_fork();
		hit = disarm(self);
		EXPECT_EQ(1, zb_mappings(self->fd, self->a.handle));
		if (!hit)
			break;
	}
	TH_LOG("%d points of failure, %d failed", n - 1, failed);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno documented in the user header, and that a failed command changes nothing:
 * the amount of free memory and the properties of buffers are the same as before, and
 * no handle or file descriptor has been created.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <pthread.h>
#include <sys/resource.h>

/* The visible state of the device and of this process. */
struct state {
	__u64 free;
	unsigned int files;
	struct zb_ioc_query query;
	int gone;	/* errno of QUERY for a handle that was never allocated */
};

FIXTURE(err) {
	FIXTURE_DATA(zbuddy) zb;
	struct zb_ioc_alloc a;
	struct state before;
};

static struct zb_bulk_buffer bufs[4];

static struct state look(FIXTURE_DATA(err) *self)
{
	struct state s = {
		.free = zb_free_bytes(self->zb.fd), .files = zb_nr_open(),
	};
	struct zb_ioc_query q;

	zb_query(self->zb.fd, self->a.handle, &s.query);
	s.gone = zb_query(self->zb.fd, self->a.handle + 1, &q);
	return s;
}

FIXTURE_SETUP(err)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 1, ZB_GFP_ANYZONE, &self->a));
	self->before = look(self);
}

FIXTURE_TEARDOWN_PARENT(err)
{
	zb_teardown(_metadata, &self->zb);
}

#define FD	self->zb.fd

#define EXPECT_SAME() do {						\
	struct state __now = look(self);				\
									\
	EXPECT_EQ(self->before.free, __now.free);			\
	EXPECT_EQ(self->before.files, __now.files);			\
	EXPECT_EQ(-ENOENT, __now.gone);					\
	EXPECT_EQ(0, memcmp(&self->before.query, &__now.query, sizeof(__now.query))); \
} while (0)

/* @call fails with -@err and changes nothing. */
#define EXPECT_FAILS(err, call) do {					\
	EXPECT_EQ(-(err), call);					\
	EXPECT_SAME();							\
} while (0)

static int alloc(FIXTURE_DATA(err) *self, __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	return zb_alloc_order(FD, order, gfp | __ZB_GFP_NOWARN, &a);
}

static int bulk(FIXTURE_DATA(err) *self, __u32 order, __u32 gfp)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(order, bufs, ARRAY_SIZE(bufs));

	b.gfp = gfp | __ZB_GFP_NOWARN;
	return zb_ioctl(FD, ZB_IOC_BULK_ALLOC, &b);
}

TEST_F(err, enotty)
{
	EXPECT_FAILS(ENOTTY, zb_ioctl(FD, _IO(ZB_IOC_TYPE, 12), &self->a));
	EXPECT_FAILS(ENOTTY, zb_ioctl(FD, _IOR(ZB_IOC_TYPE, 2, __u32), &self->a));
}

TEST_F(err, efault)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, NULL, 2);
	struct zb_ioc_bulk_free f = { .size = sizeof(f), .nr = 2, .stride = 4 };
	char *ro = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE);
	struct zb_ioc_export e = { .size = sizeof(e), .handle = self->a.handle };

	ASSERT_NE(MAP_FAILED, (void *)ro);
	EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_ALLOC, NULL));
	EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_BULK_FREE, &f));
	memcpy(ro, &a, sizeof(a));
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_ALLOC, ro));
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ | PROT_WRITE));
	memcpy(ro, &e, sizeof(e));
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	if (self->zb.info.features & ZB_FEATURE_DMABUF)
		EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_EXPORT, ro));
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ | PROT_WRITE));
	f.handles = (unsigned long)&self->a.handle;
	f.nr = 1;
	memcpy(ro, &f, sizeof(f));
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_FAILS(EFAULT, zb_ioctl(FD, ZB_IOC_BULK_FREE, ro));
}

TEST_F(err, e2big)
{
	struct { struct zb_ioc_alloc a; __u64 more; } big = {
		.a = zb_want_order(0, ZB_GFP_ANYZONE), .more = 1,
	};

	big.a.size = sizeof(big);
	EXPECT_FAILS(E2BIG, zb_ioctl(FD, ZB_IOC_ALLOC, &big));
	big.a.size = (__u32)self->zb.page + 8;
	EXPECT_FAILS(E2BIG, zb_ioctl(FD, ZB_IOC_ALLOC, &big));
}

TEST_F(err, einval)
{
	EXPECT_FAILS(EINVAL, alloc(self, 63, ZB_GFP_ANYZONE));
	EXPECT_FAILS(EINVAL, bulk(self, 63, ZB_GFP_ANYZONE));
	EXPECT_FAILS(EINVAL, alloc(self, 0, __ZB_GFP_DMA | __ZB_GFP_DMA32));
	EXPECT_FAILS(EINVAL, zb_label(FD, self->a.handle, "two words"));
	EXPECT_FAILS(EINVAL, zb_export(FD, self->a.handle, 1u << 31));
	EXPECT_FAILS(EINVAL, zb_sync(FD, self->a.handle, ZB_SYNC_FOR_CPU |
				     ZB_SYNC_TO_DEVICE, self->a.length, 1));
}

TEST_F(err, eperm)
{
	struct zb_ioc_phys phys;

	ASSERT_TRUE(zb_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	EXPECT_FAILS(EPERM, alloc(self, 0, ZB_GFP_ATOMIC));
	EXPECT_FAILS(EPERM, bulk(self, 0, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC));
	EXPECT_FAILS(EPERM, zb_phys(FD, self->a.handle, &phys));
	EXPECT_EQ(0, phys.addr);
}

TEST_F(err, eacces)
{
	struct zb_ioc_alloc a;
	int fd;

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	fd = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &a));
	self->before = look(self);
	EXPECT_FAILS(EACCES, zb_export(fd, a.handle, ZB_EXPORT_RDWR));
}

TEST_F(err, enoent)
{
	__u32 handles[] = { ZB_NO_HANDLE, self->a.handle }, done;
	struct zb_ioc_phys phys;

	EXPECT_FAILS(ENOENT, zb_free(FD, ZB_NO_HANDLE));
	EXPECT_FAILS(ENOENT, zb_bulk_free(FD, handles, 2, &done));
	EXPECT_FAILS(ENOENT, zb_label(FD, ZB_NO_HANDLE, "x"));
	EXPECT_FAILS(ENOENT, zb_phys(FD, ZB_NO_HANDLE, &phys));
	EXPECT_FAILS(ENOENT, zb_export(FD, ZB_NO_HANDLE, 0));
	EXPECT_FAILS(ENOENT, zb_sync(FD, ZB_NO_HANDLE, ZB_SYNC_FOR_CPU |
				     ZB_SYNC_TO_DEVICE, 0, 1));
	EXPECT_EQ(MAP_FAILED, zb_map_at(FD, self->zb.page, 0));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_SAME();
}

TEST_F(err, edquot)
{
	unsigned long limit = zb_get_parameter("max_bytes_per_open");

	if (zb_set_parameter("max_bytes_per_open", self->a.length))
		SKIP(return, "can't set max_bytes_per_open");
	EXPECT_FAILS(EDQUOT, alloc(self, 0, ZB_GFP_ANYZONE));
	EXPECT_FAILS(EDQUOT, bulk(self, 0, ZB_GFP_ANYZONE));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", limit));
}

/* Allocate all blocks of the largest order, and then one more. */
TEST_F(err, enomem)
{
	static struct zb_ioc_alloc all[8192];
	__u64 bytes;

	zb_alloc_all(FD, self->zb.info.max_order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC |
		     __ZB_GFP_NOWARN, all, ARRAY_SIZE(all), &bytes);
	self->a = all[0];
	self->before = look(self);
	self->before.gone = -ENOENT;
	EXPECT_EQ(-ENOMEM, alloc(self, 4, ZB_GFP_ANYZONE));
	EXPECT_EQ(-ENOMEM, bulk(self, 4, ZB_GFP_ANYZONE));
	EXPECT_EQ(self->before.free, zb_free_bytes(FD));
}

TEST_F(err, etimedout)
{
	static struct zb_ioc_alloc all[8192];
	struct zb_ioc_alloc a;
	__u64 bytes;

	zb_alloc_all(FD, self->zb.info.max_order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC |
		     __ZB_GFP_NOWARN, all, ARRAY_SIZE(all), &bytes);
	self->before = look(self);
	EXPECT_EQ(-ETIMEDOUT, zb_alloc_wait(FD, 0, 1000000, &a));
	EXPECT_EQ(self->before.free, zb_free_bytes(FD));
}

static void on_signal(int sig)
{
	(void)sig;
}

static volatile bool done;

static void *wait_thread(void *arg)
{
	FIXTURE_DATA(err) *self = arg;
	struct zb_ioc_alloc a;
	long rc = zb_alloc_wait(FD, self->zb.info.max_order, ZB_WAIT_FOREVER, &a);

	done = true;
	return (void *)rc;
}

TEST_F(err, eintr)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	static struct zb_ioc_alloc all[8192];
	pthread_t thread;
	__u64 bytes;
	void *rc;
	int ms;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	zb_alloc_all(FD, self->zb.info.max_order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC |
		     __ZB_GFP_NOWARN, all, ARRAY_SIZE(all), &bytes);
	self->before = look(self);
	/* Wait for a single page: a request that can never be served would not wait. */
	self->zb.info.max_order = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_thread, self));
	for (ms = 0; ms < 20000 && !done; ms += 10) {
		pthread_kill(thread, SIGUSR1);
		zb_sleep_ms(10);
	}
	pthread_join(thread, &rc);
	EXPECT_EQ(-EINTR, (long)rc);
	EXPECT_EQ(self->before.free, zb_free_bytes(FD));
}

TEST_F(err, emfile)
{
	struct rlimit old, few = { .rlim_cur = 3, .rlim_max = 3 };

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	few.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-EMFILE, zb_export(FD, self->a.handle, ZB_EXPORT_CLOEXEC));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_SAME();
}

#define FILE_MAX	"/proc/sys/fs/file-max"

TEST_F(err, enfile)
{
	char old[64] = "";
	int rc, mine, mmap_errno;
	void *p;

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	zb_read_file(FILE_MAX, old, sizeof(old));
	mine = open(FILE_MAX, O_WRONLY | O_CLOEXEC);
	if (mine < 0 || pwrite(mine, "1\n", 2, 0) != 2)
		SKIP(return, FILE_MAX " can't be changed");
	self->before.files++;
	ASSERT_TRUE(zb_set_capability(CAP_SYS_ADMIN, false));
	rc = zb_export(FD, self->a.handle, ZB_EXPORT_CLOEXEC);
	p = zb_map(FD, &self->a);
	mmap_errno = errno;
	EXPECT_EQ(strlen(old), pwrite(mine, old, strlen(old), 0));
	EXPECT_EQ(-ENFILE, rc);
	/* The first mapping of a buffer needs a struct file as well. */
	if (p != MAP_FAILED)
		munmap(p, self->a.length);
	EXPECT_TRUE(p != MAP_FAILED || mmap_errno == ENFILE);
	EXPECT_SAME();
}

TEST_F(err, eopnotsupp)
{
	if (self->zb.info.features & ZB_FEATURE_DMABUF)
		SKIP(return, "this kernel supports all features");
	EXPECT_FAILS(EOPNOTSUPP, zb_export(FD, self->a.handle, 0));
}

/*
 * A bulk command that ends early has done exactly what it reports. See also bulk_test
 * and, for ENOSPC, compat_test.
 */
TEST_F(err, bulk_ended_early)
{
	__u32 handles[] = { 0, ZB_NO_HANDLE, self->a.handle };
	struct zb_ioc_bulk_free f = {
		.size = sizeof(f), .nr = 3, .stride = 4, .handles = (unsigned long)handles,
	};
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_order(FD, 0, ZB_GFP_ANYZONE, &a));
	handles[0] = a.handle;
	ASSERT_EQ(0, zb_ioctl(FD, ZB_IOC_BULK_FREE, &f));
	EXPECT_EQ(1, f.done);
	EXPECT_EQ(ENOENT, f.error);
	EXPECT_EQ(-ENOENT, zb_free(FD, a.handle));
	EXPECT_SAME();
}

TEST_HARNESS_MAIN

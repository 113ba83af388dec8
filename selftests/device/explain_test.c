// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno documented in the user header that can be provoked here, the cause that
 * ZB_IOC_EXPLAIN gives for it, and that a failed command changes nothing: the amount of
 * free memory and the properties of buffers are the same as before, and no handle or file
 * descriptor has been created. The zones of the allocator are tested in
 * unit/failure_test.c, the sentences in zbctl/zbctl_why_test.sh.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define NOBODY		54321

/* The visible state of the device and of this process. */
struct state {
	__u64 free;
	unsigned int files;
	struct zb_ioc_query query;
	int next;	/* errno of QUERY for the next handle */
};

FIXTURE(explain) {
	FIXTURE_DATA(zbuddy) zb;
	struct zb_ioc_alloc a;
	__u32 next_handle;
	struct state before;
	struct zb_ioc_explain e;
	__u64 page;
};

static struct zb_bulk_buffer bufs[8];
static struct zb_ioc_alloc all[8192];

static struct state look(FIXTURE_DATA(explain) *self)
{
	struct state s = {
		.free = zb_free_bytes(self->zb.fd), .files = zb_nr_open(),
	};
	struct zb_ioc_query q;

	zb_query(self->zb.fd, self->a.handle, &s.query);
	s.next = zb_query(self->zb.fd, self->next_handle, &q);
	return s;
}

FIXTURE_SETUP(explain)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	if (geteuid())
		SKIP(return, "must be root");
	self->page = self->zb.page;
	ASSERT_EQ(0, chmod(ZB_DEV, 0666));
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 1, ZB_GFP_ANYZONE, &self->a));
	self->next_handle = self->a.handle + 1;
	self->before = look(self);
}

FIXTURE_TEARDOWN_PARENT(explain)
{
	zb_set_parameter("max_bytes_per_open", 0);
	zb_set_parameter("max_bytes_per_user", 0);
	zb_set_parameter("max_waiting_per_open", 256);
	zb_set_parameter("max_waiting_per_user", 1024);
	zb_write_parameter("charge", "auto");
	chmod(ZB_DEV, 0600);
	zb_teardown(_metadata, &self->zb);
}

#define FD	self->zb.fd
#define ANY	ZB_GFP_ANYZONE

static int alloc(int fd, __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	return zb_alloc_order(fd, order, gfp | __ZB_GFP_NOWARN, &a);
}

static int bulk(int fd, __u32 order, __u32 gfp)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(order, bufs, 4);

	b.gfp = gfp | __ZB_GFP_NOWARN;
	return zb_ioctl(fd, ZB_IOC_BULK_ALLOC, &b);
}

static int alloc_until(int fd, __u64 deadline)
{
	struct zb_ioc_alloc a;

	return zb_alloc_until(fd, 0, ANY, deadline, &a);
}

/* Allocate all of the region, the reserves of all zones included. */
static void alloc_all(FIXTURE_DATA(explain) *self)
{
	__u64 bytes;
	unsigned int nr = zb_alloc_all(FD, self->zb.info.max_order,
				       ANY | __ZB_GFP_MEMALLOC | __ZB_GFP_NOWARN,
				       all, ARRAY_SIZE(all), &bytes);

	if (nr)
		self->next_handle = all[nr - 1].handle + 1;
	self->before = look(self);
}

#define EXPECT_SAME() do {						\
	struct state __now = look(self);				\
									\
	EXPECT_EQ(self->before.free, __now.free);			\
	EXPECT_EQ(self->before.files, __now.files);			\
	EXPECT_EQ(-ENOENT, __now.next);					\
	EXPECT_EQ(0, memcmp(&self->before.query, &__now.query, sizeof(__now.query))); \
} while (0)

/* @call fails with @err, and the open file gives @why as the cause. */
#define EXPECT_CAUSE(err, why, call) do {				\
	EXPECT_EQ(-(err), call);					\
	ASSERT_EQ(0, zb_explain(FD, &self->e));				\
	EXPECT_EQ(err, self->e.error);					\
	EXPECT_EQ(ZB_CAUSE_##why, self->e.cause);			\
} while (0)

/* A row of a table: like EXPECT_CAUSE(), and @call changes nothing. */
#define FAILS(err, why, call) do {					\
	EXPECT_CAUSE(err, why, call);					\
	EXPECT_SAME();							\
} while (0)

TEST_F(explain, nothing_has_failed)
{
	/* look() has left a failed QUERY in the file of the fixture. */
	close(FD);
	FD = zb_open();
	EXPECT_EQ(-ENOENT, zb_explain(FD, &self->e));
	EXPECT_EQ(0, alloc(FD, 0, ANY));
	EXPECT_EQ(-ENOENT, zb_explain(FD, &self->e));
	/* A failure of EXPLAIN is not remembered either. */
	EXPECT_EQ(-ENOENT, zb_explain(FD, &self->e));
}

/* The cause is kept when other commands succeed, and when EXPLAIN itself is refused. */
TEST_F(explain, cause_is_remembered)
{
	struct zb_ioc_explain wrong = { .size = sizeof(wrong), .flags = 1 };

	EXPECT_CAUSE(ENOENT, NONE, zb_free(FD, ZB_NO_HANDLE));
	EXPECT_EQ(ZB_IOC_FREE, self->e.command);
	EXPECT_EQ(-1, self->e.node);
	EXPECT_EQ(-1, self->e.largest_order);
	EXPECT_EQ(0, self->e.wanted);
	EXPECT_STREQ("", self->e.field);
	EXPECT_EQ(0, alloc(FD, 0, ANY));
	EXPECT_EQ(-EINVAL, zb_ioctl(FD, ZB_IOC_EXPLAIN, &wrong));
	EXPECT_CAUSE(ENOENT, NONE, -ENOENT);
	EXPECT_EQ(ZB_IOC_FREE, self->e.command);
	EXPECT_EQ(-EFAULT, zb_ioctl(FD, ZB_IOC_ALLOC, NULL));
	EXPECT_CAUSE(EFAULT, NONE, -EFAULT);
	EXPECT_EQ(ZB_IOC_ALLOC, self->e.command);
}

static void *fail_elsewhere(void *arg)
{
	FIXTURE_DATA(explain) *self = arg;

	if (zb_explain(FD, &self->e) != -ENOENT)
		return (void *)1;
	zb_free(FD, ZB_NO_HANDLE);
	return zb_explain(FD, &self->e) ? (void *)2 : NULL;
}

/* The failure of another thread replaces that of this one, and is not revealed to it. */
TEST_F(explain, of_this_thread)
{
	pthread_t thread;
	void *rc;

	EXPECT_CAUSE(EINVAL, FIELD, alloc(FD, 63, ANY));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fail_elsewhere, self));
	pthread_join(thread, &rc);
	EXPECT_EQ(NULL, rc);
	EXPECT_EQ(-ENOENT, zb_explain(FD, &self->e));
}

/* A command that does not exist leaves the last failure, here of look(), as it is. */
TEST_F(explain, enotty)
{
	EXPECT_EQ(-ENOTTY, zb_ioctl(FD, _IO(ZB_IOC_TYPE, ZB_IOC_EMPTY + 1), &self->a));
	EXPECT_EQ(-ENOTTY, zb_ioctl(FD, _IOR(ZB_IOC_TYPE, 2, __u32), &self->a));
	EXPECT_CAUSE(ENOENT, NONE, -ENOENT);
	EXPECT_EQ(ZB_IOC_QUERY, self->e.command);
	EXPECT_SAME();
}

/* Copy a structure to a page that can only be read. */
static void *read_only(void *page, const void *structure, size_t size)
{
	if (mprotect(page, 4096, PROT_READ | PROT_WRITE))
		return NULL;
	memcpy(page, structure, size);
	return mprotect(page, 4096, PROT_READ) ? NULL : page;
}

TEST_F(explain, efault)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, NULL, 2);
	struct zb_ioc_bulk_free f = { .size = sizeof(f), .nr = 2, .stride = 4 };
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zb_ioc_alloc a = zb_want_order(0, ANY);
	struct zb_ioc_export e = { .size = sizeof(e), .handle = self->a.handle };

	ASSERT_NE(MAP_FAILED, page);
	FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_ALLOC, NULL));
	FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_BULK_ALLOC, &b));
	FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_BULK_FREE, &f));
	FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_ALLOC, read_only(page, &a, sizeof(a))));
	if (self->zb.info.features & ZB_FEATURE_DMABUF)
		FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_EXPORT, read_only(page, &e, sizeof(e))));
	f.handles = (unsigned long)&self->a.handle;
	f.nr = 1;
	FAILS(EFAULT, NONE, zb_ioctl(FD, ZB_IOC_BULK_FREE, read_only(page, &f, sizeof(f))));
}

TEST_F(explain, e2big)
{
	struct { struct zb_ioc_alloc a; __u64 more; } big = {
		.a = zb_want_order(0, ANY), .more = 1,
	};

	big.a.size = sizeof(big);
	FAILS(E2BIG, NONE, zb_ioctl(FD, ZB_IOC_ALLOC, &big));
	big.a.size = (__u32)self->page + 8;
	FAILS(E2BIG, NONE, zb_ioctl(FD, ZB_IOC_ALLOC, &big));
}

/* fields_test checks which field EXPLAIN names. */
TEST_F(explain, einval)
{
	FAILS(EINVAL, FIELD, alloc(FD, 63, ANY));
	FAILS(EINVAL, FIELD, bulk(FD, 63, ANY));
	FAILS(EINVAL, FIELD, alloc(FD, 0, __ZB_GFP_DMA | __ZB_GFP_DMA32));
	FAILS(EINVAL, FIELD, zb_label(FD, self->a.handle, "two words"));
	FAILS(EINVAL, FIELD, zb_export(FD, self->a.handle, 1u << 31));
	FAILS(EINVAL, FIELD, zb_sync(FD, self->a.handle, ZB_SYNC_FOR_CPU |
				     ZB_SYNC_TO_DEVICE, self->a.length, 1));
}

TEST_F(explain, rights)
{
	struct zb_ioc_phys phys;

	ASSERT_TRUE(zb_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	FAILS(EPERM, CAPABILITY, alloc(FD, 0, ZB_GFP_ATOMIC));
	EXPECT_EQ(CAP_SYS_RESOURCE, self->e.value);
	FAILS(EPERM, CAPABILITY, bulk(FD, 0, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC));
	FAILS(EPERM, CAPABILITY, zb_phys(FD, self->a.handle, &phys));
	EXPECT_EQ(CAP_SYS_RAWIO, self->e.value);
	EXPECT_EQ(0, phys.addr);
	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		return;
	close(FD);
	FD = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, zb_alloc_order(FD, 1, ANY, &self->a));
	self->next_handle = self->a.handle + 1;
	self->before = look(self);
	FAILS(EACCES, FILE_MODE, zb_export(FD, self->a.handle, ZB_EXPORT_RDWR));
}

TEST_F(explain, enoent)
{
	__u32 handles[] = { ZB_NO_HANDLE, self->a.handle }, done;
	struct zb_ioc_phys phys;

	FAILS(ENOENT, NONE, zb_free(FD, ZB_NO_HANDLE));
	FAILS(ENOENT, NONE, zb_bulk_free(FD, handles, 2, &done));
	FAILS(ENOENT, NONE, zb_label(FD, ZB_NO_HANDLE, "x"));
	FAILS(ENOENT, NONE, zb_phys(FD, ZB_NO_HANDLE, &phys));
	FAILS(ENOENT, NONE, zb_export(FD, ZB_NO_HANDLE, 0));
	FAILS(ENOENT, NONE, zb_sync(FD, ZB_NO_HANDLE, ZB_SYNC_FOR_CPU |
				    ZB_SYNC_TO_DEVICE, 0, 1));
	EXPECT_EQ(MAP_FAILED, zb_map_at(FD, self->page, 0));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_SAME();
}

TEST_F(explain, limits_of_bytes)
{
	const __u64 page = self->page;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 2 * page));
	FAILS(EDQUOT, OPEN_BYTES, alloc(FD, 0, ANY));
	FAILS(EDQUOT, OPEN_BYTES, bulk(FD, 0, ANY));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 4 * page));
	FAILS(EDQUOT, OPEN_BYTES, alloc(FD, 2, ANY));
	EXPECT_EQ(4 * page, self->e.limit);
	EXPECT_EQ(2 * page, self->e.used);
	EXPECT_EQ(4 * page, self->e.wanted);
	EXPECT_EQ(ZB_IOC_ALLOC, self->e.command);
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 3 * page));
	FAILS(EDQUOT, USER_BYTES, alloc(FD, 1, ANY));
	EXPECT_EQ(3 * page, self->e.limit);
	EXPECT_EQ(2 * page, self->e.used);
}

/* Of another user's account, only the limit is revealed. */
TEST_F(explain, limit_of_a_namespace_owner)
{
	int pipes[4], status;
	char byte, path[64], map[64];
	pid_t pid;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 3 * self->page));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pipe(pipes + 2));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY) || alloc(FD, 1, ANY))
			_exit(1);
		if (unshare(CLONE_NEWUSER))
			_exit(50);
		if (write(pipes[1], "", 1) != 1 || read(pipes[2], &byte, 1) != 1 ||
		    setuid(1))
			_exit(2);
		if (alloc(FD, 1, ANY) != -EDQUOT || zb_explain(FD, &self->e))
			_exit(3);
		_exit(self->e.cause == ZB_CAUSE_OWNER_BYTES && !self->e.used &&
		      self->e.limit == 3 * self->page ? 0 : 4);
	}
	/* Without this a child that exits early would not end the read(). */
	close(pipes[1]);
	close(pipes[2]);
	if (read(pipes[0], &byte, 1) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		snprintf(map, sizeof(map), "0 %u 1\n1 100000 1\n", NOBODY);
		EXPECT_EQ(0, zb_write_file(path, map));
		EXPECT_EQ(1, write(pipes[3], "", 1));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 50)
		SKIP(return, "no user namespaces for users here");
	EXPECT_EQ(0, status);
}

TEST_F(explain, limits_of_the_kernel)
{
	struct rlimit some = { .rlim_cur = 4 * self->page, .rlim_max = 4 * self->page };

	ASSERT_EQ(0, zb_free(FD, self->a.handle));
	if (zb_write_parameter("charge", "memlock"))
		SKIP(return, "this kernel charges no RLIMIT_MEMLOCK");
	ASSERT_TRUE(zb_set_capability(CAP_IPC_LOCK, false));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &some));
	EXPECT_CAUSE(EAGAIN, MEMLOCK, alloc(FD, 3, ANY));
	EXPECT_EQ(4 * self->page, self->e.limit);
	EXPECT_EQ(8 * self->page, self->e.wanted);
}

TEST_F(explain, full)
{
	struct zb_ioc_zone zone;

	alloc_all(self);
	FAILS(ENOMEM, FULL, alloc(FD, 4, ANY));
	FAILS(ENOMEM, FULL, bulk(FD, 4, ANY));
	FAILS(ENOMEM, FULL, alloc(FD, 2, ANY | __ZB_GFP_MEMALLOC));
	ASSERT_EQ(0, zb_zone(FD, 0, &zone));
	EXPECT_EQ(zone.node, self->e.node);
	EXPECT_GT(4 * self->page, self->e.free);
	EXPECT_EQ(4 * self->page, self->e.wanted);
	EXPECT_GT(2, self->e.largest_order);
}

TEST_F(explain, waiting)
{
	struct zb_ioc_alloc a;
	pid_t pid;
	int ms;

	alloc_all(self);
	FAILS(ETIMEDOUT, FULL, alloc_until(FD, 1));
	FAILS(ETIMEDOUT, FULL, alloc_until(FD, zb_deadline(1000000)));
	FAILS(ETIMEDOUT, FULL, zb_alloc_wait(FD, 0, 1000000, &a));
	ASSERT_EQ(0, zb_set_parameter("max_waiting_per_open", 1));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* Refused while one of the attempts below waits. */
		while (zb_alloc_wait(FD, 0, ZB_WAIT_FOREVER, &a) == -EDQUOT)
			;
		_exit(0);
	}
	for (ms = 0; ms < 60000 && alloc_until(FD, zb_deadline(1000000)) != -EDQUOT; ms += 10)
		zb_sleep_ms(10);
	FAILS(EDQUOT, OPEN_WAITING, alloc_until(FD, zb_deadline(1000000000)));
	EXPECT_EQ(1, self->e.limit);
	EXPECT_EQ(1, self->e.used);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
}

static void on_signal(int sig)
{
	(void)sig;
}

static volatile bool done;

static void *wait_thread(void *arg)
{
	FIXTURE_DATA(explain) *self = arg;
	struct zb_ioc_alloc a;
	long rc = zb_alloc_wait(FD, 0, ZB_WAIT_FOREVER, &a);

	if (zb_explain(FD, &self->e))
		rc = 0;
	done = true;
	return (void *)rc;
}

TEST_F(explain, eintr)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	pthread_t thread;
	void *rc;
	int ms;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	alloc_all(self);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_thread, self));
	for (ms = 0; ms < 20000 && !done; ms += 10) {
		pthread_kill(thread, SIGUSR1);
		zb_sleep_ms(10);
	}
	pthread_join(thread, &rc);
	EXPECT_EQ(-EINTR, (long)rc);
	EXPECT_EQ(EINTR, self->e.error);
	EXPECT_SAME();
}

/* Such a request can never be served, not even if all memory is free. */
TEST_F(explain, never)
{
	struct zb_ioc_zone zone;
	bool dma = false;
	__u32 i;

	for (i = 0; i < self->zb.info.nr_zones; i++)
		dma |= !zb_zone(FD, i, &zone) && zone.type == ZB_ZONE_DMA;
	if (dma && self->zb.info.max_order <= 12)
		SKIP(return, "zone DMA may have a block of the maximum order");
	if (dma) {
		FAILS(ENOMEM, NEVER_BLOCK, alloc(FD, self->zb.info.max_order, __ZB_GFP_DMA));
		EXPECT_EQ(ZB_ZONE_DMA, self->e.zone);
		EXPECT_LT(self->e.largest_order, self->zb.info.max_order);
	} else {
		FAILS(ENOMEM, NEVER_ZONE, alloc(FD, 0, __ZB_GFP_DMA));
	}
}

TEST_F(explain, emfile)
{
	struct rlimit old, few = { .rlim_cur = 3, .rlim_max = 3 };

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	few.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_CAUSE(EMFILE, NONE, zb_export(FD, self->a.handle, ZB_EXPORT_CLOEXEC));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_SAME();
}

#define FILE_MAX	"/proc/sys/fs/file-max"

TEST_F(explain, enfile)
{
	char old[64] = "";
	int rc, mine, mmap_errno;
	void *p;

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	zb_read_file(FILE_MAX, old, sizeof(old));
	mine = open(FILE_MAX, O_WRONLY | O_CLOEXEC);
	/* The kernel only estimates the number of open files, and its estimate may be 0. */
	if (mine < 0 || pwrite(mine, "0\n", 2, 0) != 2)
		SKIP(return, FILE_MAX " can't be changed");
	self->before.files++;
	ASSERT_TRUE(zb_set_capability(CAP_SYS_ADMIN, false));
	rc = zb_export(FD, self->a.handle, ZB_EXPORT_CLOEXEC);
	p = zb_map(FD, &self->a);
	mmap_errno = errno;
	EXPECT_EQ(strlen(old), pwrite(mine, old, strlen(old), 0));
	EXPECT_CAUSE(ENFILE, NONE, rc);
	/* The first mapping of a buffer needs a struct file as well. */
	if (p != MAP_FAILED)
		munmap(p, self->a.length);
	EXPECT_TRUE(p != MAP_FAILED || mmap_errno == ENFILE);
	EXPECT_SAME();
}

TEST_F(explain, eopnotsupp)
{
	if (self->zb.info.features & ZB_FEATURE_DMABUF)
		SKIP(return, "this kernel supports all features");
	FAILS(EOPNOTSUPP, NONE, zb_export(FD, self->a.handle, 0));
}

/* A bulk command that was served in part succeeds, and there is a failure to explain. */
TEST_F(explain, bulk_alloc_ended_early)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, bufs, ARRAY_SIZE(bufs));

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 5 * self->page));
	ASSERT_EQ(0, zb_ioctl(FD, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(3, b.done);
	EXPECT_EQ(EDQUOT, b.error);
	EXPECT_CAUSE(EDQUOT, OPEN_BYTES, -EDQUOT);
	EXPECT_EQ(ZB_IOC_BULK_ALLOC, self->e.command);
	EXPECT_EQ(5 * self->page, self->e.used);
	EXPECT_EQ(self->page, self->e.wanted);
}

/* It has freed exactly what it reports. See also bulk_test and, for ENOSPC, compat_test. */
TEST_F(explain, bulk_free_ended_early)
{
	__u32 handles[] = { 0, ZB_NO_HANDLE, self->a.handle };
	struct zb_ioc_bulk_free f = {
		.size = sizeof(f), .nr = 3, .stride = 4, .handles = (unsigned long)handles,
	};
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_order(FD, 0, ANY, &a));
	handles[0] = a.handle;
	ASSERT_EQ(0, zb_ioctl(FD, ZB_IOC_BULK_FREE, &f));
	EXPECT_EQ(1, f.done);
	EXPECT_CAUSE(ENOENT, NONE, -(int)f.error);
	EXPECT_EQ(-ENOENT, zb_free(FD, a.handle));
	EXPECT_SAME();
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Limits per open file and per user, and charging of buffers. The device is opened by
 * the parent or made accessible to everybody for the duration of a test.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define LIMIT		(1024 * self->page)
#define NOBODY		54321
#define SOMEBODY	54322
#define GROUP		"/sys/fs/cgroup/zbuddy_test"

FIXTURE(limits) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
};

static void no_limits(void)
{
	zb_set_parameter("max_bytes_per_open", 0);
	zb_set_parameter("max_bytes_per_user", 0);
	zb_write_parameter("charge", "auto");
	chmod(ZB_DEV, 0600);
	rmdir(GROUP);
}

FIXTURE_SETUP(limits)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	if (geteuid())
		SKIP(return, "must be root");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 0));
	ASSERT_EQ(0, chmod(ZB_DEV, 0666));
}

FIXTURE_TEARDOWN_PARENT(limits)
{
	no_limits();
	zb_teardown(_metadata, &self->zb);
}

/*
 * Allocate up to @max buffers of @pages pages. Returns the number of buffers, and the
 * error of the last attempt in *@err.
 */
static unsigned int get_many(int fd, __u64 pages, __u32 gfp, unsigned int max, int *err)
{
	struct zb_ioc_alloc a;
	unsigned int nr;

	for (nr = 0; nr < max; nr++) {
		*err = zb_alloc_length(fd, pages * (__u64)sysconf(_SC_PAGESIZE), gfp, &a);
		if (*err)
			break;
	}
	return nr;
}

/* Run @fn in a child process with user id @uid and return its result. */
static int as_user(unsigned int uid, int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(uid) || setuid(uid))
			_exit(100);
		_exit(fn(arg));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(limits, parameters)
{
	static const char * const bad[] = { "x", "-1", "64Q", "1M 2M", "M", "1", "64",
					   "4095" };
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, zb_write_file(ZB_PARAMETERS "max_bytes_per_open", bad[i]));
		EXPECT_EQ(-EINVAL, zb_write_file(ZB_PARAMETERS "max_bytes_per_user", bad[i]));
	}
	ASSERT_EQ(0, zb_write_file(ZB_PARAMETERS "max_bytes_per_open", "64M\n"));
	ASSERT_GT(zb_read_file(ZB_PARAMETERS "max_bytes_per_open", text, sizeof(text)), 0);
	EXPECT_EQ(64 << 20, atol(text));
}

TEST_F(limits, per_open_to_the_byte)
{
	struct zb_ioc_alloc a, b;
	int other = zb_open();

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", LIMIT));
	EXPECT_EQ(-EDQUOT, zb_alloc_length(self->fd, LIMIT + 1, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LIMIT, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	ASSERT_EQ(0, zb_alloc_length(other, LIMIT, ZB_GFP_ANYZONE, &b));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LIMIT - self->page, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_length(self->fd, self->page, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-EDQUOT, zb_alloc_length(self->fd, 1, ZB_GFP_ANYZONE, &b));
	close(other);
}

/* Limits that are not a multiple of a page, and huge ones. */
TEST_F(limits, odd_limits)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 2 * self->page - 1));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 1, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	/* values beyond any memory size mean no limit */
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", ~0ull));
	EXPECT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 1ull << 63));
	EXPECT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	/* a limit that is already exceeded only refuses further buffers */
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", self->page));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
}

/* A single large allocation within the limits succeeds. */
TEST_F(limits, large_within_the_limit)
{
	struct zb_ioc_alloc a;
	__u64 most = self->page << self->zb.info.max_order;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", most));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", most));
	EXPECT_EQ(0, zb_alloc_order(self->fd, self->zb.info.max_order,
				    ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a));
}

TEST_F(limits, failures_are_not_charged)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE);
	struct zb_ioc_alloc b, *ro;
	int i;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 4 * self->page));
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 4 * self->page));
	ro = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)ro);
	*ro = a;
	ASSERT_EQ(0, mprotect(ro, self->page, PROT_READ));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &b));
		EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_ALLOC, ro));
		EXPECT_EQ(-EINVAL, zb_alloc_order(self->fd, 40, ZB_GFP_ANYZONE, &b));
	}
	EXPECT_EQ(0, zb_alloc_order(self->fd, 2, ZB_GFP_ANYZONE, &b));
}

/* A mapped buffer counts even after its handle has been freed. */
TEST_F(limits, mapped_buffers_count)
{
	struct zb_ioc_alloc a, b;
	char *p;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", LIMIT));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LIMIT, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	munmap(p + self->page, LIMIT - self->page);
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	munmap(p, self->page);
	EXPECT_EQ(0, zb_alloc_length(self->fd, LIMIT, ZB_GFP_ANYZONE, &a));
}

/* The same for a buffer that has a dma-buf. */
TEST_F(limits, exported_buffers_count)
{
	struct zb_ioc_alloc a, b;
	int d;

	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", LIMIT));
	ASSERT_EQ(0, zb_alloc_length(self->fd, LIMIT, ZB_GFP_ANYZONE, &a));
	d = zb_export(self->fd, a.handle, 0);
	ASSERT_GE(d, 0);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	close(d);
	EXPECT_EQ(0, zb_alloc_length(self->fd, LIMIT, ZB_GFP_ANYZONE, &a));
}

TEST_F(limits, bulk_stops_at_the_limit)
{
	__u32 handles[20], done;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 7 * self->page));
	ASSERT_EQ(0, zb_bulk_alloc(self->fd, 0, handles, 20, &done));
	EXPECT_EQ(7, done);
	EXPECT_EQ(-EDQUOT, zb_bulk_alloc(self->fd, 0, handles, 20, &done));
}

/* A request beyond a limit fails at once: requests wait for memory only. */
TEST_F(limits, no_wait_for_a_limit)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", self->page));
	EXPECT_EQ(-EDQUOT, zb_alloc_wait(self->fd, 1, ZB_WAIT_FOREVER, &a));
}

static int user_gets_eight(void *arg)
{
	int fd = zb_open(), other = zb_open(), err;

	(void)arg;
	if (fd < 0 || other < 0)
		return 101;
	if (get_many(fd, 8, ZB_GFP_ANYZONE, 5, &err) != 5)
		return 102;
	if (get_many(other, 8, ZB_GFP_ANYZONE, 5, &err) != 3 || err != -EDQUOT)
		return 103;
	if (get_many(fd, 1, ZB_GFP_ANYZONE, 5, &err) || err != -EDQUOT)
		return 104;
	close(fd);
	return get_many(other, 8, ZB_GFP_ANYZONE, 9, &err) == 5 ? 0 : 105;
}

static int user_holds(void *arg)
{
	int *pipes = arg, fd = zb_open(), err;
	char byte;

	if (get_many(fd, 8, ZB_GFP_ANYZONE, 9, &err) != 8 || err != -EDQUOT)
		return 102;
	if (write(pipes[1], "", 1) != 1 || read(pipes[2], &byte, 1) != 1)
		return 103;
	return 0;
}

/* The limit applies to all open files of a user together, and to each user alone. */
TEST_F(limits, per_user)
{
	int pipes[4], err;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 64 * self->page));
	EXPECT_EQ(0, as_user(NOBODY, user_gets_eight, NULL));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pipe(pipes + 2));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(as_user(NOBODY, user_holds, pipes));
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	EXPECT_EQ(0, as_user(SOMEBODY, user_gets_eight, NULL));
	EXPECT_EQ(8, get_many(self->fd, 8, ZB_GFP_ANYZONE, 9, &err));
	EXPECT_EQ(-EDQUOT, err);
	ASSERT_EQ(1, write(pipes[3], "", 1));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(0, as_user(NOBODY, user_gets_eight, NULL));
}

#define NR_IDS		16	/* user ids in a namespace */

/* Start a process with this user id that allocates pages and keeps them; returns how many. */
static __u64 taken_by(unsigned int id)
{
	int pipes[2], fd, err;
	unsigned int nr = 0;
	pid_t pid;

	if (pipe(pipes))
		return 0;
	pid = fork();
	if (!pid) {
		if (id && setuid(id))
			_exit(1);
		fd = zb_open();
		nr = get_many(fd, 1, ZB_GFP_ANYZONE, 1024, &err);
		if (write(pipes[1], &nr, sizeof(nr)) != sizeof(nr))
			_exit(2);
		pause();
	}
	close(pipes[1]);
	if (read(pipes[0], &nr, sizeof(nr)) != sizeof(nr))
		nr = ~0u;
	close(pipes[0]);
	return nr;
}

/*
 * Create a user namespace and allocate with all of its user ids. The first pipe reports
 * progress to the parent, the second one waits for the parent.
 */
static int namespace_holds(void *arg)
{
	int *pipes = arg;
	unsigned int id;
	__u64 sum = 0;
	char byte;

	if (unshare(CLONE_NEWUSER))
		return write(pipes[1], "-", 1) == 1 ? 50 : 101;
	if (write(pipes[1], "+", 1) != 1 || read(pipes[2], &byte, 1) != 1)
		return 102;
	for (id = 0; id < NR_IDS; id++)
		sum += taken_by(id);
	if (sum != 64)
		return 103;
	/* hold the pages until the parent has checked the limit of the owner */
	return write(pipes[1], "", 1) == 1 && read(pipes[2], &byte, 1) == 1 ? 0 : 104;
}

static bool map_ids(pid_t pid)
{
	char path[64], map[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	snprintf(map, sizeof(map), "0 %u 1\n1 100000 %u\n", NOBODY, NR_IDS);
	return !zb_write_file(path, map);
}

static int user_gets_none(void *arg)
{
	int err, fd = zb_open();

	(void)arg;
	return get_many(fd, 1, ZB_GFP_ANYZONE, 1, &err) == 0 && err == -EDQUOT ? 0 : 101;
}

/* All user ids of a namespace share the limit of the user who created it. */
TEST_F(limits, user_namespace)
{
	int pipes[4], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 64 * self->page));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pipe(pipes + 2));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setpgid(0, 0) || setgid(NOBODY) || setuid(NOBODY) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(100);
		_exit(namespace_holds(pipes));
	}
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	if (byte == '-') {
		waitpid(pid, &status, 0);
		SKIP(return, "no unprivileged user namespaces");
	}
	ASSERT_TRUE(map_ids(pid));
	ASSERT_EQ(1, write(pipes[3], "", 1));
	EXPECT_EQ(1, read(pipes[0], &byte, 1));
	EXPECT_EQ(0, as_user(NOBODY, user_gets_none, NULL));
	EXPECT_EQ(1, write(pipes[3], "", 1));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	kill(-pid, SIGKILL);
}

/* A page that is still pinned after its buffer was freed counts for its user. */
TEST_F(limits, deferred_release_counts)
{
	struct zb_ioc_alloc a, b;
	struct iovec iov;
	int pipes[2];
	char *p;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 4 * self->page));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 2, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe(pipes));
	iov = (struct iovec){ p + self->page, self->page };
	ASSERT_EQ(self->page, vmsplice(pipes[1], &iov, 1, 0));
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &b));
	close(pipes[0]);
	close(pipes[1]);
	ASSERT_EQ(self->zb.free, zb_await_free(self->fd, self->zb.free));
	EXPECT_EQ(0, zb_alloc_order(self->fd, 2, ZB_GFP_ANYZONE, &a));
}

static bool set_charge(const char *kind)
{
	return !zb_write_parameter("charge", kind);
}

static __u64 charged_to(int fd)
{
	struct zb_ioc_info info;

	return zb_info(fd, &info) ? ~0ull :
	       info.features & (ZB_FEATURE_DMEM | ZB_FEATURE_MEMLOCK);
}

TEST_F(limits, charge_parameter)
{
	static const char * const bad[] = { "x", "dmemory", "mem lock", "0", "AUTO" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, zb_write_parameter("charge", bad[i]));
	ASSERT_TRUE(set_charge("none"));
	EXPECT_EQ(0, charged_to(self->fd));
	if (set_charge("memlock"))
		EXPECT_EQ(ZB_FEATURE_MEMLOCK, charged_to(self->fd));
	if (set_charge("dmem\n")) {
		EXPECT_EQ(ZB_FEATURE_DMEM, charged_to(self->fd));
		ASSERT_TRUE(set_charge("auto"));
		EXPECT_EQ(ZB_FEATURE_DMEM, charged_to(self->fd));
	} else {
		EXPECT_EQ(-EOPNOTSUPP, zb_write_parameter("charge", "dmem"));
	}
	ASSERT_TRUE(set_charge("auto"));
}

/* With charge=memlock, RLIMIT_MEMLOCK limits buffers whatever their flags. */
static int user_memlock(void *arg)
{
	int fd = zb_open(), err;
	unsigned int nr;

	(void)arg;
	nr = get_many(fd, 16, ZB_GFP_ANYZONE, 8, &err);
	if (nr != 4 || err != -EAGAIN)
		return 102;
	close(fd);
	fd = zb_open();
	return get_many(fd, 64, ZB_GFP_ANYZONE, 2, &err) == 1 ? 0 : 103;
}

static int user_free_of_charge(void *arg)
{
	int err;

	(void)arg;
	return get_many(zb_open(), 16, ZB_GFP_ANYZONE, 8, &err) == 8 ? 0 : 102;
}

TEST_F(limits, memlock)
{
	struct rlimit limit = { 64 * self->page, 64 * self->page };
	struct rlimit none = { 0, 0 };
	int err;

	if (!set_charge("memlock"))
		SKIP(return, "this kernel does not export the accounting of locked memory");
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(0, as_user(NOBODY, user_memlock, NULL));
	/* CAP_IPC_LOCK overrides the limit */
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	EXPECT_EQ(8, get_many(self->fd, 16, ZB_GFP_ANYZONE, 8, &err));
	ASSERT_TRUE(set_charge("none"));
	EXPECT_EQ(0, as_user(NOBODY, user_free_of_charge, NULL));
}

/* A buffer is uncharged from what it was charged to, even if the parameter has changed. */
TEST_F(limits, charge_changes_meanwhile)
{
	struct rlimit limit = { 64 * self->page, 64 * self->page };
	struct zb_ioc_alloc a;
	int i;

	if (!set_charge("memlock"))
		SKIP(return, "this kernel does not export the accounting of locked memory");
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(set_charge(i % 2 ? "memlock" : "none"));
		ASSERT_EQ(0, zb_alloc_length(self->fd, 64 * self->page, ZB_GFP_ANYZONE, &a));
		ASSERT_TRUE(set_charge(i % 2 ? "none" : "memlock"));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	ASSERT_TRUE(set_charge("memlock"));
	EXPECT_EQ(0, as_user(NOBODY, user_memlock, NULL));
}

/* Create a cgroup with a dmem limit of @bytes. Returns NULL or the reason of a failure. */
static const char *make_group(__u64 bytes)
{
	char text[64], have[4096];

	if (zb_read_file("/sys/fs/cgroup/cgroup.controllers", have, sizeof(have)) < 0 ||
	    !strstr(have, "dmem"))
		return "no dmem controller mounted";
	if (zb_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+dmem"))
		return "can't enable controller dmem";
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		return "can't create a cgroup";
	snprintf(text, sizeof(text), "zbuddy %llu", bytes);
	return zb_write_file(GROUP "/dmem.max", text) ? "can't set dmem.max" : NULL;
}

static bool join(const char *group)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return !zb_write_file(path, "0");
}

static __u64 group_now(void)
{
	char text[4096], *at;

	if (zb_read_file(GROUP "/dmem.current", text, sizeof(text)) < 0)
		return ~0ull;
	at = strstr(text, "zbuddy ");
	return at ? strtoull(at + 7, NULL, 10) : ~0ull;
}

TEST_F(limits, dmem_cgroup)
{
	struct zb_ioc_alloc a;
	const char *why;
	int err, d = -1;
	pid_t pid;

	if (!set_charge("dmem"))
		SKIP(return, "this kernel has no dmem controller");
	why = make_group(64 * self->page);
	if (why)
		SKIP(return, "%s", why);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = zb_open();

		if (!join(GROUP))
			_exit(1);
		if (get_many(fd, 16, ZB_GFP_ANYZONE, 8, &err) != 4 || err != -EAGAIN)
			_exit(3);
		if (group_now() != 64 * self->page)
			_exit(4);
		close(fd);
		if (group_now())
			_exit(5);
		if (zb_alloc_length(self->fd, 64 * self->page, ZB_GFP_ANYZONE, &a))
			_exit(6);
		d = zb_export(self->fd, a.handle, 0);
		zb_free(self->fd, a.handle);
		if (group_now() != 64 * self->page)
			_exit(7);
		close(d);
		if (group_now())
			_exit(8);
		/* left to be freed, and uncharged, by a process of another cgroup */
		if (zb_alloc_length(self->fd, 8 * self->page, ZB_GFP_ANYZONE, &a))
			_exit(9);
		_exit(0);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(8 * self->page, group_now());
	close(self->fd);
	EXPECT_EQ(0, group_now());
	EXPECT_EQ(0, rmdir(GROUP));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * ZB_IOC_EXPLAIN: the cause of each failure that can be brought about here, the
 * numbers that come with it, and whose failure an open file remembers. The zones of
 * the allocator are in unit/failure_test.c, the sentences in zbctl/zbctl_why_test.sh.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define NOBODY		54321

FIXTURE(explain) {
	FIXTURE_DATA(zbuddy) zb;
	__u64 page;
};

static void no_limits(void)
{
	zb_set_parameter("max_bytes_per_open", 0);
	zb_set_parameter("max_bytes_per_user", 0);
	zb_set_parameter("max_waiting_per_open", 256);
	zb_set_parameter("max_waiting_per_user", 1024);
	zb_write_parameter("charge", "auto");
	chmod(ZB_DEV, 0600);
}

FIXTURE_SETUP(explain)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	if (geteuid())
		SKIP(return, "must be root");
	self->page = self->zb.page;
	ASSERT_EQ(0, chmod(ZB_DEV, 0666));
}

FIXTURE_TEARDOWN_PARENT(explain)
{
	no_limits();
	zb_teardown(_metadata, &self->zb);
}

#define FD	self->zb.fd

static int alloc(int fd, __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	return zb_alloc_order(fd, order, gfp | __ZB_GFP_NOWARN, &a);
}

static int alloc_until(int fd, __u64 deadline)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE);

	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = deadline;
	return zb_ioctl(fd, ZB_IOC_ALLOC, &a);
}

/* @call fails with @err, and @why is what the file says of it. */
#define EXPECT_CAUSE(why, err, call) do {				\
	int __rc = call;						\
									\
	EXPECT_EQ(-(err), __rc);					\
	ASSERT_EQ(0, zb_explain(FD, &e));					\
	EXPECT_EQ(-__rc, e.error);					\
	EXPECT_EQ(why, e.cause);					\
} while (0)

TEST_F(explain, nothing_has_failed)
{
	struct zb_ioc_explain e;

	EXPECT_EQ(-ENOENT, zb_explain(FD, &e));
	EXPECT_EQ(0, alloc(FD, 0, ZB_GFP_ANYZONE));
	EXPECT_EQ(-ENOENT, zb_explain(FD, &e));
	/* nor is that a failure to be explained */
	EXPECT_EQ(-ENOENT, zb_explain(FD, &e));
}

/* Also after a success, and after another question that was wrong. */
TEST_F(explain, it_is_remembered)
{
	struct zb_ioc_explain e, wrong = { .size = sizeof(wrong), .flags = 1 };

	EXPECT_CAUSE(ZB_CAUSE_NONE, ENOENT, zb_free(FD, ZB_NO_HANDLE));
	EXPECT_EQ(ZB_IOC_FREE, e.command);
	EXPECT_EQ(-1, e.node);
	EXPECT_EQ(-1, e.largest_order);
	EXPECT_EQ(0, e.wanted);
	EXPECT_STREQ("", e.field);
	EXPECT_EQ(0, alloc(FD, 0, ZB_GFP_ANYZONE));
	EXPECT_EQ(-EINVAL, zb_ioctl(FD, ZB_IOC_EXPLAIN, &wrong));
	EXPECT_CAUSE(ZB_CAUSE_NONE, ENOENT, -ENOENT);
	EXPECT_EQ(ZB_IOC_FREE, e.command);
	EXPECT_EQ(-EFAULT, zb_ioctl(FD, ZB_IOC_ALLOC, NULL));
	EXPECT_CAUSE(ZB_CAUSE_NONE, EFAULT, -EFAULT);
	EXPECT_EQ(ZB_IOC_ALLOC, e.command);
}

static void *fail_elsewhere(void *arg)
{
	FIXTURE_DATA(explain) *self = arg;
	struct zb_ioc_explain e;

	if (zb_explain(FD, &e) != -ENOENT)
		return (void *)1;
	zb_free(FD, ZB_NO_HANDLE);
	return zb_explain(FD, &e) ? (void *)2 : NULL;
}

/* What is another thread's is not told, and replaces what was there. */
TEST_F(explain, of_this_thread)
{
	struct zb_ioc_explain e;
	pthread_t thread;
	void *rc;

	EXPECT_CAUSE(ZB_CAUSE_FIELD, EINVAL, alloc(FD, 63, ZB_GFP_ANYZONE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fail_elsewhere, self));
	pthread_join(thread, &rc);
	EXPECT_EQ(NULL, rc);
	EXPECT_EQ(-ENOENT, zb_explain(FD, &e));
}

#define CONTROL		"/proc/dynamic_debug/control"

static int kmsg = -1;

/* With dynamic debug, the log names the field as well. Returns false without it. */
static bool log_einval(void)
{
	if (zb_write_file(CONTROL, "func zb_einval +p"))
		return false;
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kmsg >= 0 && lseek(kmsg, 0, SEEK_END) >= 0;
}

/* The module's last message since the previous call, "" if there is none. */
static const char *said(void)
{
	static char text[4096];
	char record[4096], *line;
	ssize_t nr;

	text[0] = '\0';
	while ((nr = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (nr < 0 && errno == EPIPE)) {
		if (nr < 0)
			continue;
		record[nr] = '\0';
		line = strstr(record, ";zbuddy: ");
		if (line && strstr(line, "EINVAL"))
			snprintf(text, sizeof(text), "%s", line + 1);
	}
	return text;
}

/* The explanation names the field and its value, and the log the caller as well. */
#define EXPECT_NAMED(cmd, arg, name, wrong) do {			\
	char __want[128];						\
	const char *__text;						\
									\
	EXPECT_CAUSE(ZB_CAUSE_FIELD, EINVAL, zb_ioctl(FD, cmd, arg));	\
	EXPECT_STREQ(name, e.field);					\
	EXPECT_EQ((__u64)(wrong), e.value);				\
	snprintf(__want, sizeof(__want), "[%d]: EINVAL: %s is 0x%llx\n",	\
		 getpid(), name, (unsigned long long)(wrong));		\
	__text = kmsg < 0 ? __want : said();				\
	EXPECT_NE(NULL, strstr(__text, __want)) {			\
		TH_LOG("expected '%s', found '%s'", __want, __text);	\
	}								\
} while (0)

/* A row of a table: a copy of @good with one member set to @wrong is refused. */
#define REFUSED(cmd, good, member, wrong) do {				\
	__typeof__(good) __arg = good;					\
									\
	__arg.member = (wrong);						\
	EXPECT_NAMED(cmd, &__arg, #member, wrong);			\
} while (0)

TEST_F(explain, fields_of_alloc)
{
	struct zb_ioc_alloc good = zb_want_order(0, ZB_GFP_ANYZONE);
	struct zb_ioc_alloc by_length = zb_want_length(1, ZB_GFP_ANYZONE);
	struct zb_ioc_explain e;

	log_einval();
	REFUSED(ZB_IOC_ALLOC, good, size, sizeof(good) - 1);
	REFUSED(ZB_IOC_ALLOC, good, flags, 1u << 31);
	REFUSED(ZB_IOC_ALLOC, good, gfp, __ZB_GFP_NOFAIL | ZB_GFP_KERNEL);
	REFUSED(ZB_IOC_ALLOC, good, gfp, __ZB_GFP_DMA | __ZB_GFP_DMA32);
	REFUSED(ZB_IOC_ALLOC, good, node, 1000);
	REFUSED(ZB_IOC_ALLOC, good, order, 63);
	REFUSED(ZB_IOC_ALLOC, good, __reserved, 1);
	REFUSED(ZB_IOC_ALLOC, good, length, 4096);
	REFUSED(ZB_IOC_ALLOC, good, deadline_ns, 5);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 0);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 1ull << 60);
	REFUSED(ZB_IOC_ALLOC, by_length, order, 1);
}

TEST_F(explain, fields_of_bulk)
{
	static struct zb_bulk_buffer bufs[2];
	struct zb_ioc_bulk_alloc good = zb_want_bulk(0, bufs, 2);
	struct zb_ioc_bulk_free away = {
		.size = sizeof(away), .nr = 1, .stride = 4,
		.handles = (unsigned long)&bufs[0].handle,
	};
	struct zb_ioc_explain e;

	log_einval();
	REFUSED(ZB_IOC_BULK_ALLOC, good, nr, ZB_BULK_MAX + 1);
	REFUSED(ZB_IOC_BULK_ALLOC, good, buffer_size, 8);
	REFUSED(ZB_IOC_BULK_ALLOC, good, __reserved, 7);
	REFUSED(ZB_IOC_BULK_ALLOC, good, flags, 4);
	REFUSED(ZB_IOC_BULK_FREE, away, flags, 1);
	REFUSED(ZB_IOC_BULK_FREE, away, nr, 0);
	REFUSED(ZB_IOC_BULK_FREE, away, stride, 3);
}

TEST_F(explain, fields_of_others)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_zone zone = { .size = sizeof(zone) };
	struct zb_ioc_free away = { .size = sizeof(away) };
	struct zb_ioc_query query = { .size = sizeof(query) };
	struct zb_ioc_label label = { .size = sizeof(label) };
	struct zb_ioc_phys phys = { .size = sizeof(phys) };
	struct zb_ioc_export export = { .size = sizeof(export) };
	struct zb_ioc_sync sync = {
		.size = sizeof(sync), .flags = ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
		.length = 1,
	};
	struct zb_ioc_explain e;
	struct zb_ioc_alloc a;

	log_einval();
	ASSERT_EQ(0, zb_alloc_order(FD, 0, ZB_GFP_ANYZONE, &a));
	sync.handle = a.handle;
	REFUSED(ZB_IOC_INFO, info, flags, 2);
	REFUSED(ZB_IOC_INFO, info, size, 8);
	REFUSED(ZB_IOC_ZONE, zone, index, 999);
	REFUSED(ZB_IOC_FREE, away, __reserved, 1);
	REFUSED(ZB_IOC_QUERY, query, flags, 1);
	label.label[0] = '\n';
	EXPECT_NAMED(ZB_IOC_LABEL, &label, "label", 0);
	REFUSED(ZB_IOC_PHYS, phys, flags, 1);
	REFUSED(ZB_IOC_EXPORT, export, flags, 4);
	REFUSED(ZB_IOC_SYNC, sync, flags, 0);
	REFUSED(ZB_IOC_SYNC, sync, offset, a.length);
	REFUSED(ZB_IOC_SYNC, sync, length, a.length + 1);
}

/* Nothing is logged for valid structures, or with dynamic debug disabled. */
TEST_F(explain, nothing_is_logged)
{
	struct zb_ioc_info info = { .size = sizeof(info) };

	if (!log_einval())
		SKIP(return, "no dynamic debug in this kernel");
	EXPECT_EQ(0, zb_ioctl(FD, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", said());
	ASSERT_EQ(0, zb_write_file(CONTROL, "func zb_einval -p"));
	info.flags = 1;
	EXPECT_EQ(-EINVAL, zb_ioctl(FD, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", said());
}

TEST_F(explain, rights)
{
	struct zb_ioc_explain e;
	struct zb_ioc_phys phys;
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_order(FD, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	EXPECT_CAUSE(ZB_CAUSE_CAPABILITY, EPERM, alloc(FD, 0, ZB_GFP_ATOMIC));
	EXPECT_EQ(CAP_SYS_RESOURCE, e.value);
	EXPECT_CAUSE(ZB_CAUSE_CAPABILITY, EPERM, zb_phys(FD, a.handle, &phys));
	EXPECT_EQ(CAP_SYS_RAWIO, e.value);
	if (!(self->zb.info.features & ZB_FEATURE_DMABUF))
		return;
	close(FD);
	FD = open(ZB_DEV, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, FD);
	EXPECT_CAUSE(ZB_CAUSE_FILE_MODE, EACCES, zb_export(FD, 1, ZB_EXPORT_RDWR));
}

TEST_F(explain, limits_of_bytes)
{
	struct zb_ioc_explain e;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 4 * self->page));
	ASSERT_EQ(0, alloc(FD, 1, ZB_GFP_ANYZONE));
	EXPECT_CAUSE(ZB_CAUSE_OPEN_BYTES, EDQUOT, alloc(FD, 2, ZB_GFP_ANYZONE));
	EXPECT_EQ(4 * self->page, e.limit);
	EXPECT_EQ(2 * self->page, e.used);
	EXPECT_EQ(4 * self->page, e.wanted);
	EXPECT_EQ(ZB_IOC_ALLOC, e.command);
	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 3 * self->page));
	EXPECT_CAUSE(ZB_CAUSE_USER_BYTES, EDQUOT, alloc(FD, 1, ZB_GFP_ANYZONE));
	EXPECT_EQ(3 * self->page, e.limit);
	EXPECT_EQ(2 * self->page, e.used);
}

/* Of somebody else's account no more is told than the limit. */
TEST_F(explain, limit_of_a_namespace_owner)
{
	struct zb_ioc_explain e;
	int pipes[4], status;
	char byte, path[64], map[64];
	pid_t pid;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_user", 3 * self->page));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pipe(pipes + 2));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY) || alloc(FD, 1, ZB_GFP_ANYZONE))
			_exit(1);
		if (unshare(CLONE_NEWUSER))
			_exit(50);
		if (write(pipes[1], "", 1) != 1 || read(pipes[2], &byte, 1) != 1 ||
		    setuid(1))
			_exit(2);
		if (alloc(FD, 1, ZB_GFP_ANYZONE) != -EDQUOT || zb_explain(FD, &e))
			_exit(3);
		_exit(e.cause == ZB_CAUSE_OWNER_BYTES && !e.used &&
		      e.limit == 3 * self->page ? 0 : 4);
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
	struct zb_ioc_explain e;

	if (zb_write_parameter("charge", "memlock"))
		SKIP(return, "this kernel charges no RLIMIT_MEMLOCK");
	ASSERT_TRUE(zb_set_capability(CAP_IPC_LOCK, false));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &some));
	EXPECT_CAUSE(ZB_CAUSE_MEMLOCK, EAGAIN, alloc(FD, 3, ZB_GFP_ANYZONE));
	EXPECT_EQ(4 * self->page, e.limit);
	EXPECT_EQ(8 * self->page, e.wanted);
}

/* All of the region is taken, and neither urgency nor other zones help. */
static void take_all(FIXTURE_DATA(explain) *self, struct zb_ioc_alloc *all,
		     unsigned int max)
{
	__u64 bytes;

	zb_alloc_all(FD, self->zb.info.max_order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC |
		     __ZB_GFP_NOWARN, all, max, &bytes);
}

static struct zb_ioc_alloc all[8192];

TEST_F(explain, full)
{
	struct zb_ioc_explain e;
	struct zb_ioc_zone zone;

	take_all(self, all, ARRAY_SIZE(all));
	EXPECT_CAUSE(ZB_CAUSE_FULL, ENOMEM,
		     alloc(FD, 2, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC));
	ASSERT_EQ(0, zb_zone(FD, 0, &zone));
	EXPECT_EQ(zone.node, e.node);
	EXPECT_GT(4 * self->page, e.free);
	EXPECT_EQ(4 * self->page, e.wanted);
	EXPECT_GT(2, e.largest_order);
}

TEST_F(explain, waiting)
{
	struct zb_ioc_explain e;
	int ms;
	struct zb_ioc_alloc a;
	pid_t pid;

	take_all(self, all, ARRAY_SIZE(all));
	EXPECT_CAUSE(ZB_CAUSE_FULL, ETIMEDOUT, alloc_until(FD, 1));
	EXPECT_CAUSE(ZB_CAUSE_FULL, ETIMEDOUT, alloc_until(FD, zb_deadline(1000000)));
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
	EXPECT_CAUSE(ZB_CAUSE_OPEN_WAITING, EDQUOT,
		     alloc_until(FD, zb_deadline(1000000000)));
	EXPECT_EQ(1, e.limit);
	EXPECT_EQ(1, e.used);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Nobody can ever have it. */
TEST_F(explain, never)
{
	struct zb_ioc_explain e;
	struct zb_ioc_zone zone;
	bool dma = false;
	__u32 i;

	for (i = 0; i < self->zb.info.nr_zones; i++)
		dma |= !zb_zone(FD, i, &zone) && zone.type == ZB_ZONE_DMA;
	if (dma && self->zb.info.max_order > 12) {
		EXPECT_CAUSE(ZB_CAUSE_NEVER_BLOCK, ENOMEM,
			     alloc(FD, self->zb.info.max_order, __ZB_GFP_DMA));
		EXPECT_EQ(ZB_ZONE_DMA, e.zone);
		EXPECT_LT(e.largest_order, self->zb.info.max_order);
	} else if (!dma) {
		EXPECT_CAUSE(ZB_CAUSE_NEVER_ZONE, ENOMEM, alloc(FD, 0, __ZB_GFP_DMA));
	}
}

/* A BULK that got only some succeeds, and there is still something to explain. */
TEST_F(explain, bulk_ended_early)
{
	static struct zb_bulk_buffer bufs[8];
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, 8);
	struct zb_ioc_explain e;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 3 * self->page));
	ASSERT_EQ(0, zb_ioctl(FD, ZB_IOC_BULK_ALLOC, &bulk));
	EXPECT_EQ(3, bulk.done);
	EXPECT_EQ(EDQUOT, bulk.error);
	EXPECT_CAUSE(ZB_CAUSE_OPEN_BYTES, EDQUOT, -EDQUOT);
	EXPECT_EQ(ZB_IOC_BULK_ALLOC, e.command);
	EXPECT_EQ(3 * self->page, e.used);
	EXPECT_EQ(self->page, e.wanted);
}

TEST_HARNESS_MAIN

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by all tests: helpers, and the fixture "zbuddy". Each test case runs in a process of
 * its own. After it has exited, the teardown expects all memory to be free and the allocator's
 * consistency check to pass, so that each test case also detects leaks.
 */
#ifndef ZBUDDY_TEST_H
#define ZBUDDY_TEST_H

#include "kselftest_harness.h"
#include "zb_ioctl.h"

#include <sched.h>
#include <sys/syscall.h>
#include <linux/capability.h>

#define ZB_DEBUGFS	"/sys/kernel/debug/zbuddy/"
#define ZB_PARAMETERS	"/sys/module/zbuddy/parameters/"

/* A handle that is never allocated. */
#define ZB_NO_HANDLE	0x7ffffff0u

/*
 * Timeouts are multiplied by this factor, at least 1: how much slower this machine is
 * than an idle one, as measured by run_tests.sh.
 */
static inline unsigned int zb_time_scale(void)
{
	const char *text = getenv("ZB_TIME_SCALE");
	int scale = text ? atoi(text) : 1;

	return scale > 1 ? (unsigned int)scale : 1;
}

/* Long tests have fewer rounds on a slow machine, and in guests with a slow kernel ($ZB_FEWER). */
static inline bool zb_fewer_rounds(void)
{
	return zb_time_scale() > 1 || getenv("ZB_FEWER");
}

/* Timeout for pinned pages to be freed after their last reference is dropped. */
#define ZB_PATIENCE_MS	(20000 * (int)zb_time_scale())

/*
 * Scale the harness's timeout per test case. It only ends tests that hang, and the speed of
 * the machine may change after it was measured, so the default is eight times as long.
 */
#undef TEST_F
#define TEST_F(fixture_name, test_name) \
	TEST_F_TIMEOUT(fixture_name, test_name, 8 * TEST_TIMEOUT_DEFAULT)
#undef TEST_F_TIMEOUT
#define TEST_F_TIMEOUT(fixture_name, test_name, timeout) \
	__TEST_F_IMPL(fixture_name, test_name, -1, (timeout) * zb_time_scale())

/*
 * Allocate all memory in blocks of @order and below, at most @max of them. Returns the
 * number of blocks, and their size in *@bytes.
 */
static inline unsigned int zb_alloc_all(int fd, __u32 order, __u32 gfp,
					struct zb_ioc_alloc *bufs,
					unsigned int max, __u64 *bytes)
{
	unsigned int nr = 0;

	*bytes = 0;
	for (;;) {
		while (nr < max && !zb_alloc_order(fd, order, gfp, &bufs[nr]))
			*bytes += bufs[nr++].length;
		if (!order--)
			return nr;
	}
}

static inline void zb_sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/*
 * Wait until a condition is true that must become true, however slow the machine is; false
 * after a minute and a half at least. It sleeps, because the condition depends on others.
 */
#define ZB_AWAIT(condition) ({						\
	unsigned int left_ = 9000;					\
	bool met_;							\
									\
	while (!(met_ = (condition)) && left_--)			\
		zb_sleep_ms(10);					\
	met_;								\
})

/* Wait until @bytes are free; returns how many are free at the end. */
static inline __u64 zb_await_free(int fd, __u64 bytes)
{
	int ms;

	for (ms = 0; ms < ZB_PATIENCE_MS; ms += 20) {
		if (zb_free_bytes(fd) == bytes)
			break;
		zb_sleep_ms(20);
	}
	return zb_free_bytes(fd);
}

/* Read a whole file as a string; returns its length or -errno. */
static inline ssize_t zb_read_file(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t nr = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (have < size - 1) {
		nr = read(fd, buf + have, size - 1 - have);
		if (nr <= 0)
			break;
		have += (size_t)nr;
	}
	buf[have] = '\0';
	close(fd);
	return nr < 0 ? -errno : (ssize_t)have;
}

/* Read state and parent of a process; returns false if there is none. */
static inline bool zb_read_stat(pid_t pid, char *state, pid_t *parent)
{
	char path[64], text[512], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (zb_read_file(path, text, sizeof(text)) <= 0)
		return false;
	p = strrchr(text, ')');
	return p && sscanf(p, ") %c %d", state, parent) == 2;
}

static inline int zb_write_file(const char *path, const char *text)
{
	ssize_t len = (ssize_t)strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, text, strlen(text)) != len ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

static inline int zb_write_parameter(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), ZB_PARAMETERS "%s", name);
	return zb_write_file(path, value);
}

static inline int zb_set_parameter(const char *name, __u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	return zb_write_parameter(name, text);
}

static inline unsigned long zb_get_parameter(const char *name)
{
	char path[128], text[64] = "";

	snprintf(path, sizeof(path), ZB_PARAMETERS "%s", name);
	zb_read_file(path, text, sizeof(text));
	return strtoul(text, NULL, 10);
}

static inline int zb_drain(void)
{
	return zb_write_file(ZB_DEBUGFS "drain", "1");
}

/* Remove a permitted capability from the effective set of this thread, or add it again. */
static inline bool zb_set_capability(int cap, bool effective)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	__u32 bit = 1u << cap % 32;

	if (syscall(SYS_capget, &head, data))
		return false;
	data[cap / 32].effective &= ~bit;
	data[cap / 32].effective |= effective ? bit : 0;
	return !syscall(SYS_capset, &head, data);
}

/* Read a counter of vmstat; returns -1 if there is none of that name. */
static inline long zb_vmstat(const char *name)
{
	static char text[1 << 14];
	char *save = NULL, *line;
	size_t len = strlen(name);

	if (zb_read_file(ZB_DEBUGFS "vmstat", text, sizeof(text)) <= 0)
		return -1;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtol(line + len, NULL, 10);
	return -1;
}

/* Frames allocated since the module was loaded, from all zones. */
static inline long zb_pgalloc(void)
{
	static const char * const rows[] = {
		"pgalloc_dma", "pgalloc_dma32", "pgalloc_normal", "pgalloc_high",
		"pgalloc_movable",
	};
	long nr, sum = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		nr = zb_vmstat(rows[i]);
		sum += nr > 0 ? nr : 0;
	}
	return sum;
}

static inline bool zb_have_debugfs(void)
{
	return !access(ZB_DEBUGFS "buddyinfo", F_OK);
}

/* Run the allocator's consistency check; without debugfs it is assumed to pass. */
static inline bool zb_check_ok(void)
{
	char text[256];
	ssize_t nr = zb_read_file(ZB_DEBUGFS "check", text, sizeof(text));

	if (nr == -ENOENT || nr == -EACCES)
		return true;
	if (nr >= 2 && !strncmp(text, "ok", 2))
		return true;
	printf("# check: %s\n", nr < 0 ? strerror((int)-nr) : text);
	return false;
}

static inline bool zb_wait_exit(pid_t pid, int code)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == code;
}

static inline int zb_run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Wait for a child, which must be killed by signal @sig: it may have crashed or exited before. */
static inline bool zb_wait_killed(pid_t pid, int sig)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

FIXTURE(zbuddy) {
	int fd;
	struct zb_ioc_info info;
	__u64 free;
	__u64 page;
};

static inline int zb_setup(struct __test_metadata *_metadata,
			   FIXTURE_DATA(zbuddy) *self)
{
	self->fd = zb_open();
	if (self->fd < 0 && (errno == ENOENT || errno == ENODEV))
		return -1;
	ASSERT_GE(self->fd, 0) TH_LOG(ZB_DEV ": %s", strerror(errno));
	ASSERT_EQ(0, zb_info(self->fd, &self->info));
	self->free = self->info.free_bytes;
	self->page = self->info.page_size;
	return 0;
}

/* Runs in the parent: self->fd belonged to the process of the test case. */
static inline void zb_teardown(struct __test_metadata *_metadata,
			       FIXTURE_DATA(zbuddy) *self)
{
	int fd = zb_open();

	EXPECT_GE(fd, 0);
	EXPECT_EQ(self->free, zb_await_free(fd, self->free)) {
		TH_LOG("memory leaked: not all of it is free after the test");
	}
	EXPECT_TRUE(zb_check_ok());
	close(fd);
}

/* Tests with a fixture of their own call zb_setup() and zb_teardown() from it. */
#ifndef ZB_OWN_FIXTURE
FIXTURE_SETUP(zbuddy)
{
	if (zb_setup(_metadata, self))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
}

FIXTURE_TEARDOWN_PARENT(zbuddy)
{
	zb_teardown(_metadata, self);
}
#endif

#endif /* ZBUDDY_TEST_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Signals and waits: which signals end a wait, which restart it, and when a restarted
 * call ends. A deadline is an absolute time, so a restart does not extend the wait.
 */
#include "waiters.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x80
#endif

#define PATIENCE_MS	20000

static volatile unsigned int *signals;	/* number of signals that the child has handled */

/* Allocate all memory, so that the child has to wait, and share a counter with the child. */
static void take_memory(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	take_all(_metadata, self);
	signals = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)signals);
}

static void on_signal(int sig)
{
	(void)sig;
	(*signals)++;
}

/* Fork a child that waits for a page on a file of its own and exits with the errno. */
static pid_t start_child(int flags, __u64 timeout)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };
	struct zb_ioc_alloc a;
	pid_t pid = fork();

	if (pid)
		return pid;
	sigaction(SIGUSR1, &sa, NULL);
	_exit(-zb_alloc_wait(zb_open(), 0, timeout, &a));
}

/* Wait until the state in /proc/PID/stat is one of @states: S sleeping, T stopped. */
static bool becomes(pid_t pid, const char *states)
{
	pid_t parent;
	char state;
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms += 10) {
		if (zb_read_stat(pid, &state, &parent) && strchr(states, state))
			return true;
		zb_sleep_ms(10);
	}
	return false;
}

/* The process waits, and still does after a while. */
static void expect_waiting(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	EXPECT_TRUE(becomes(pid, "S"));
	zb_sleep_ms(50);
	EXPECT_TRUE(becomes(pid, "S"));
	EXPECT_TRUE(await_waiting(1));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
}

static void signal_once(struct __test_metadata *_metadata, pid_t pid)
{
	unsigned int before = *signals;
	int ms;

	ASSERT_EQ(0, kill(pid, SIGUSR1));
	for (ms = 0; ms < PATIENCE_MS && *signals == before; ms += 10)
		zb_sleep_ms(10);
	EXPECT_EQ(before + 1, *signals);
}

TEST_F(zbuddy, handler_with_sa_restart)
{
	pid_t pid;
	int i;

	take_memory(_metadata, self);
	pid = start_child(SA_RESTART, ZB_WAIT_FOREVER);
	for (i = 0; i < 3; i++) {
		expect_waiting(_metadata, pid);
		signal_once(_metadata, pid);
	}
	expect_waiting(_metadata, pid);
	EXPECT_TRUE(give_all(self));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

TEST_F(zbuddy, handler_without_sa_restart)
{
	pid_t pid;

	take_memory(_metadata, self);
	pid = start_child(0, ZB_WAIT_FOREVER);
	expect_waiting(_metadata, pid);
	signal_once(_metadata, pid);
	EXPECT_TRUE(zb_wait_exit(pid, EINTR));
	EXPECT_TRUE(await_waiting(0));
}

/* A stopped task leaves the queue, and is queued at the end when it continues. */
TEST_F(zbuddy, stopped_and_continued)
{
	pid_t pid;
	int i;

	take_memory(_metadata, self);
	pid = start_child(0, ZB_WAIT_FOREVER);
	for (i = 0; i < 3; i++) {
		expect_waiting(_metadata, pid);
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		EXPECT_TRUE(becomes(pid, "T"));
		EXPECT_TRUE(await_waiting(0));
		ASSERT_EQ(0, kill(pid, SIGCONT));
	}
	expect_waiting(_metadata, pid);
	EXPECT_TRUE(give_all(self));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

TEST_F(zbuddy, stopped_by_a_debugger)
{
	int status, i;
	pid_t pid;

	take_memory(_metadata, self);
	pid = start_child(0, ZB_WAIT_FOREVER);
	for (i = 0; i < 3; i++) {
		expect_waiting(_metadata, pid);
		ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid, NULL, NULL));
		ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
		ASSERT_EQ(pid, waitpid(pid, &status, __WALL));
		EXPECT_TRUE(WIFSTOPPED(status));
		EXPECT_TRUE(await_waiting(0));
		ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, NULL, NULL));
	}
	expect_waiting(_metadata, pid);
	EXPECT_TRUE(give_all(self));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

#define FREEZER		"/tmp/zbuddy_cgroup"

static bool freeze(const char *how)
{
	char text[256], want[32];
	int ms;

	snprintf(want, sizeof(want), "frozen %s", how);
	if (zb_write_file(FREEZER "/zbuddy/cgroup.freeze", how))
		return false;
	for (ms = 0; ms < PATIENCE_MS; ms += 10) {
		zb_read_file(FREEZER "/zbuddy/cgroup.events", text, sizeof(text));
		if (strstr(text, want))
			return true;
		zb_sleep_ms(10);
	}
	return false;
}

TEST_F(zbuddy, frozen_and_thawed)
{
	char text[32];
	pid_t pid;
	int i;

	mkdir(FREEZER, 0700);
	if (mount("none", FREEZER, "cgroup2", 0, NULL) && errno != EBUSY)
		SKIP(return, "no cgroup2");
	mkdir(FREEZER "/zbuddy", 0700);
	if (access(FREEZER "/zbuddy/cgroup.freeze", W_OK)) {
		umount(FREEZER);
		SKIP(return, "no freezer");
	}
	take_memory(_metadata, self);
	pid = start_child(0, ZB_WAIT_FOREVER);
	snprintf(text, sizeof(text), "%d", pid);
	EXPECT_EQ(0, zb_write_file(FREEZER "/zbuddy/cgroup.procs", text));
	for (i = 0; i < 3; i++) {
		expect_waiting(_metadata, pid);
		EXPECT_TRUE(freeze("1"));
		EXPECT_TRUE(await_waiting(0));
		EXPECT_TRUE(freeze("0"));
	}
	expect_waiting(_metadata, pid);
	EXPECT_TRUE(give_all(self));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	rmdir(FREEZER "/zbuddy");
	umount(FREEZER);
}

/* With a relative timeout, each of the signals would restart it. */
TEST_F(zbuddy, signals_do_not_move_the_deadline)
{
	__u64 from;
	int ms, status;
	pid_t pid, gone = 0;

	take_memory(_metadata, self);
	from = zb_now_ns();
	pid = start_child(SA_RESTART, 400 * MS);
	EXPECT_TRUE(becomes(pid, "S"));
	for (ms = 0; ms < PATIENCE_MS && !gone; ms += 20) {
		kill(pid, SIGUSR1);
		zb_sleep_ms(20);
		gone = waitpid(pid, &status, WNOHANG);
	}
	ASSERT_EQ(pid, gone);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ETIMEDOUT, WEXITSTATUS(status));
	EXPECT_GE(zb_now_ns() - from, 400 * MS);
	EXPECT_GT(*signals, 1);
}

/* A past deadline allows one attempt, which succeeds if memory is free. */
TEST_F(zbuddy, deadline_in_the_past)
{
	struct zb_ioc_alloc a;
	__u64 past[] = { 0, 1, zb_now_ns() - 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(past); i++)
		EXPECT_EQ(0, zb_alloc_until(self->fd, 0, ZB_GFP_ANYZONE, past[i], &a));
	take_memory(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(past); i++)
		EXPECT_EQ(-ETIMEDOUT, zb_alloc_until(self->fd, 0, ZB_GFP_ANYZONE, past[i], &a));
}

/* Deadlines are relative to the caller's time namespace. Returns 100 without namespaces. */
static int wait_by_another_clock(const char *offset)
{
	struct zb_ioc_alloc a;
	__u64 deadline;
	pid_t pid;

	if (unshare(CLONE_NEWTIME) || zb_write_file("/proc/self/timens_offsets", offset))
		return 100;
	pid = fork();
	if (!pid) {
		deadline = zb_deadline(200 * MS);
		if (zb_alloc_wait(zb_open(), 0, 200 * MS, &a) != -ETIMEDOUT)
			_exit(1);
		_exit(zb_now_ns() < deadline ? 2 : 0);
	}
	return zb_wait_exit(pid, 0) ? 0 : 1;
}

TEST_F(zbuddy, deadline_in_a_time_namespace)
{
	static const char * const offsets[] = { "monotonic 100000 0", "monotonic -1 0" };
	int status;
	size_t i;
	pid_t pid;

	take_memory(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		pid = fork();
		if (!pid)
			_exit(wait_by_another_clock(offsets[i]));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		if (WEXITSTATUS(status) == 100 && !i)
			SKIP(return, "no time namespaces");
		EXPECT_EQ(0, WEXITSTATUS(status));
	}
}

/* BULK_ALLOC waits for the first buffer only, not for the others. */
TEST_F(zbuddy, bulk_waits_for_the_first)
{
	struct zb_bulk_buffer many[8];
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, many, ARRAY_SIZE(many));
	pid_t pid;

	b.flags = ZB_BUF_WAIT;
	b.deadline_ns = ZB_WAIT_FOREVER;
	take_memory(_metadata, self);
	pid = fork();
	if (!pid) {
		int rc = zb_ioctl(zb_open(), ZB_IOC_BULK_ALLOC, &b);

		if (!rc && (!b.done || b.done > 2 || b.error != ENOMEM))
			_exit(200);
		_exit(-rc);
	}
	expect_waiting(_metadata, pid);
	ASSERT_EQ(0, give_page(self));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

TEST_F(zbuddy, bulk_times_out)
{
	struct zb_bulk_buffer many[8];
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, many, ARRAY_SIZE(many));

	take_memory(_metadata, self);
	b.flags = ZB_BUF_WAIT;
	b.deadline_ns = zb_deadline(100 * MS);
	EXPECT_EQ(-ETIMEDOUT, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(0, b.done);
	EXPECT_GE(zb_now_ns(), b.deadline_ns);
	EXPECT_EQ(0, zb_free_bytes(self->fd));
}

TEST_HARNESS_MAIN

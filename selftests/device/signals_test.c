// SPDX-License-Identifier: GPL-2.0
/*
 * Ctrl-C, SIGTERM, SIGHUP and kill -9 of zbctl while it waits for memory: none of its
 * processes remains in the wait queue, and none allocates memory that is freed later.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <dirent.h>

#define MAX_BUFS	20000

static struct zb_ioc_alloc bufs[MAX_BUFS];

static bool is_alive(pid_t pid)
{
	pid_t parent;
	char state;

	return zb_read_stat(pid, &state, &parent) && state != 'Z' && state != 'X';
}

static bool has_device(pid_t pid)
{
	char path[64], name[64];
	ssize_t len;
	int fd;

	for (fd = 3; fd < 10; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		len = readlink(path, name, sizeof(name) - 1);
		if (len == (ssize_t)strlen(ZB_DEV) && !memcmp(name, ZB_DEV, len))
			return true;
	}
	return false;
}

/* Find a child of @parent that sleeps with the device open; returns 0 if there is none. */
static pid_t waiting_child(pid_t parent)
{
	DIR *dir = opendir("/proc");
	pid_t found = 0, pid, ppid;
	struct dirent *entry;
	char state;

	while (dir && !found && (entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid > 0 && zb_read_stat(pid, &state, &ppid) && ppid == parent &&
		    (state == 'S' || state == 'D') && has_device(pid))
			found = pid;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Run zbctl in a process group of its own, with default signals, as a shell's foreground job. */
static pid_t start(const char *command)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	execl("./zbctl", "zbctl", command, "0", "--wait", "100000", NULL);
	_exit(127);
}

static bool ends(pid_t pid)
{
	int ms;

	for (ms = 0; ms < 10 * ZB_PATIENCE_MS && is_alive(pid); ms += 20)
		zb_sleep_ms(20);
	return !is_alive(pid);
}

/* Wait until @pid, or with @child one of its children, is queued; returns its pid or 0. */
static pid_t queued_process(pid_t pid, bool child)
{
	pid_t found = 0, parent;
	char state;
	int ms;

	for (ms = 0; ms < 10 * ZB_PATIENCE_MS && !found; ms += 20) {
		zb_sleep_ms(20);
		if (!zb_vmstat("zb_waiting"))
			continue;
		if (child)
			found = waiting_child(pid);
		else if (zb_read_stat(pid, &state, &parent) && state != 'R' &&
			 has_device(pid))
			found = pid;
	}
	return found;
}

FIXTURE(signals) {
	FIXTURE_DATA(zbuddy) zb;
	unsigned int nr;
};

FIXTURE_VARIANT(signals) {
	int sig;
};

FIXTURE_VARIANT_ADD(signals, ctrl_c) { .sig = SIGINT, };
FIXTURE_VARIANT_ADD(signals, sigterm) { .sig = SIGTERM, };
FIXTURE_VARIANT_ADD(signals, sighup) { .sig = SIGHUP, };
FIXTURE_VARIANT_ADD(signals, kill_9) { .sig = SIGKILL, };

FIXTURE_SETUP(signals)
{
	__u64 bytes;

	if (access("./zbctl", X_OK))
		SKIP(return, "no ./zbctl here");
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->nr = zb_alloc_all(self->zb.fd, self->zb.info.max_order,
				ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, bufs, MAX_BUFS,
				&bytes);
}

FIXTURE_TEARDOWN_PARENT(signals)
{
	if (self->zb.info.size)
		zb_teardown(_metadata, &self->zb);
}

/* All memory is free after the test's own buffers are freed: the killed processes got none. */
static void expect_all_back(struct __test_metadata *_metadata,
			    FIXTURE_DATA(signals) *self)
{
	while (self->nr--)
		ASSERT_EQ(0, zb_free(self->zb.fd, bufs[self->nr].handle));
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

TEST_F_TIMEOUT(signals, alloc_wait, 150)
{
	pid_t pid = start("alloc"), child;

	ASSERT_GT(pid, 0);
	child = queued_process(pid, true);
	ASSERT_GT(child, 0);
	ASSERT_EQ(0, kill(-pid, variant->sig));
	EXPECT_TRUE(zb_wait_killed(pid, variant->sig));
	EXPECT_TRUE(ends(child)) {
		TH_LOG("process %d still waits for memory", child);
		kill(child, SIGKILL);
	}
	expect_all_back(_metadata, self);
}

TEST_F_TIMEOUT(signals, hold_wait, 150)
{
	pid_t pid = start("hold");

	ASSERT_GT(pid, 0);
	ASSERT_EQ(pid, queued_process(pid, false));
	ASSERT_EQ(0, kill(-pid, variant->sig));
	EXPECT_TRUE(zb_wait_killed(pid, variant->sig)) kill(pid, SIGKILL);
	expect_all_back(_metadata, self);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl holders, free: the background processes started by alloc.
 *
 * A holder is recognized by its comm. To end one, open a pidfd first and check the comm
 * after that, so that the signal can't reach another process that reuses the pid.
 */
#include "zbctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CMDLINE_MAX	4096

struct ids {
	pid_t *pid;
	size_t nr;
};

/* Read a file of /proc/@pid as a string; returns -1 if there is none. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t nr;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	nr = read(fd, buf, size - 1);
	close(fd);
	buf[nr > 0 ? nr : 0] = '\0';
	return nr;
}

/*
 * Parse the comm of @pid from "123 (comm) S ...". Returns -1 if there is no such process;
 * zombies are ignored because they have freed everything.
 */
static int proc_comm(pid_t pid, char comm[64])
{
	char stat[512];
	char *from, *to;

	if (read_proc(pid, "stat", stat, sizeof(stat)) <= 0)
		return -1;
	from = strchr(stat, '(');
	to = strrchr(stat, ')');
	if (!from || !to || to[1] != ' ' || to[2] == 'Z' || to[2] == 'X')
		return -1;
	*to = '\0';
	snprintf(comm, 64, "%.63s", from + 1);
	return 0;
}

static bool is_holder(pid_t pid)
{
	char comm[64];

	return !proc_comm(pid, comm) && !strcmp(comm, HOLDER_COMM);
}

static int ids_add(struct ids *ids, pid_t pid)
{
	pid_t *more = realloc(ids->pid, (ids->nr + 1) * sizeof(*more));

	if (!more)
		return zb_err("out of memory");
	ids->pid = more;
	ids->pid[ids->nr++] = pid;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static int find_holders(struct ids *ids)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	long long pid;
	int rc = 0;

	if (!dir)
		return zb_err("/proc: %s: mount -t proc none /proc",
			      strerror(errno));
	for (d = readdir(dir); d && !rc; d = readdir(dir)) {
		if (parse_num(d->d_name, 1, INT_MAX, &pid))
			continue;
		if (is_holder((pid_t)pid))
			rc = ids_add(ids, (pid_t)pid);
	}
	closedir(dir);
	if (ids->nr)
		qsort(ids->pid, ids->nr, sizeof(*ids->pid), by_pid);
	return rc;
}

/* The value of "KEY=value" among the words of a holder's command line. */
static const char *word(const char *cmdline, size_t len, const char *key)
{
	size_t klen = strlen(key);

	for (size_t i = 0; i < len; i += strlen(cmdline + i) + 1) {
		if (!strncmp(cmdline + i, key, klen) && cmdline[i + klen] == '=')
			return cmdline + i + klen + 1;
	}
	return "?";
}

static const char *word_size(const char *cmdline, size_t len, const char *key)
{
	const char *text = word(cmdline, len, key);
	long long val;

	return parse_num(text, 0, LLONG_MAX, &val) ? text :
	       size_text((__u64)val);
}

static void json_word(const char *cmdline, size_t len, const char *key)
{
	const char *text = word(cmdline, len, key);
	long long val;

	if (parse_num(text, 0, LLONG_MAX, &val))
		js_str(key, text);
	else
		js_s64(key, val);
}

static void json_holder(pid_t pid, const char *cmdline, size_t len)
{
	static const char * const keys[] = {
		"count", "order", "length", "total", "gfp", "zones", "device",
	};

	js_open(NULL, '{');
	js_s64("id", pid);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_word(cmdline, len, keys[i]);
	js_close('}');
}

static void print_holder(pid_t pid, const char *cmdline, size_t len)
{
	printf("%7ld %8s %6s %8s %8s  %-16s %-12s %s\n", (long)pid,
	       word(cmdline, len, "count"), word(cmdline, len, "order"),
	       word_size(cmdline, len, "length"),
	       word_size(cmdline, len, "total"), word(cmdline, len, "zones"),
	       word(cmdline, len, "gfp"), word(cmdline, len, "device"));
}

static void list_holders(const struct zbctl *z, const struct ids *ids)
{
	char cmdline[CMDLINE_MAX];
	ssize_t len;

	for (size_t i = 0; i < ids->nr; i++) {
		len = read_proc(ids->pid[i], "cmdline", cmdline,
				sizeof(cmdline));
		if (len <= 0)
			continue;
		if (z->json)
			json_holder(ids->pid[i], cmdline, (size_t)len);
		else
			print_holder(ids->pid[i], cmdline, (size_t)len);
	}
}

int cmd_holders(struct zbctl *z)
{
	struct ids ids = { 0 };
	int rc = find_holders(&ids);

	if (!rc && z->json) {
		js_open(NULL, '[');
		list_holders(z, &ids);
		js_close(']');
	} else if (!rc && !ids.nr) {
		printf("no holders\n");
	} else if (!rc) {
		printf("%7s %8s %6s %8s %8s  %-16s %-12s %s\n", "ID", "BUFFERS",
		       "ORDER", "LENGTH", "TOTAL", "ZONES", "GFP", "DEVICE");
		list_holders(z, &ids);
	}
	free(ids.pid);
	return rc;
}

/* Returns -1 without pidfds (Linux before 5.3, or a filter); then the pid is used. */
static int pidfd_open_raw(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);
#else
	(void)pid;
	return -1;
#endif
}

static int send_signal(pid_t pid, int pidfd, int sig)
{
#ifdef SYS_pidfd_send_signal
	if (pidfd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
#endif
	(void)pidfd;
	return kill(pid, sig);
}

/* Returns true if the process exits within @ms. */
static bool wait_gone(pid_t pid, int pidfd, int ms)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	struct timespec nap = { .tv_nsec = 10000000 };

	if (pidfd >= 0)
		return poll(&pfd, 1, ms) > 0;
	for (; ms > 0; ms -= 10) {
		if (!is_holder(pid))
			return true;
		nanosleep(&nap, NULL);
	}
	return !is_holder(pid);
}

static int check_holder(pid_t pid)
{
	char comm[64];

	if (proc_comm(pid, comm))
		return zb_err("free: process %ld does not exist: zbctl holders lists the IDs",
			      (long)pid);
	if (strcmp(comm, HOLDER_COMM))
		return zb_err("free: process %ld ('%s') is not a holder: zbctl holders lists the IDs",
			      (long)pid, comm);
	return 0;
}

static int end_holder(pid_t pid, int pidfd)
{
	int rc = check_holder(pid);

	if (rc)
		return rc;
	if (send_signal(pid, pidfd, SIGTERM) && errno != ESRCH)
		return zb_err("free: holder %ld: %s: run zbctl as root or as the owner of that process",
			      (long)pid, strerror(errno));
	if (wait_gone(pid, pidfd, 3000))
		return 0;
	/* it may be stopped or traced; SIGKILL is safe because exit frees everything */
	send_signal(pid, pidfd, SIGKILL);
	if (wait_gone(pid, pidfd, 3000))
		return 0;
	return zb_err("free: holder %ld does not exit: see /proc/%ld/stack",
		      (long)pid, (long)pid);
}

static int free_one(const struct zbctl *z, pid_t pid)
{
	int pidfd = pidfd_open_raw(pid);
	int rc = end_holder(pid, pidfd);

	if (pidfd >= 0)
		close(pidfd);
	if (!rc && !z->quiet)
		printf("freed %ld\n", (long)pid);
	return rc;
}

static int parse_ids(const struct zbctl *z, struct ids *ids)
{
	long long pid;
	int rc = 0;

	if (z->argc == 1 && !strcmp(z->argv[0], "all"))
		return find_holders(ids);
	for (int i = 0; i < z->argc && !rc; i++) {
		if (parse_num(z->argv[i], 1, INT_MAX, &pid))
			rc = usage_err("free: '%s' is not an ID or all: see zbctl holders",
				       z->argv[i]);
		else
			rc = ids_add(ids, (pid_t)pid);
	}
	return rc;
}

int cmd_free(struct zbctl *z)
{
	struct ids ids = { 0 };
	int rc = parse_ids(z, &ids);

	if (!rc && !ids.nr && !z->quiet)
		printf("no holders\n");
	/* continue with the other holders if one can't be ended */
	for (size_t i = 0; rc != ZBCTL_USAGE && i < ids.nr; i++)
		rc |= free_one(z, ids.pid[i]);
	free(ids.pid);
	return rc;
}

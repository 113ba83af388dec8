// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: reading and writing debugfs; drain, compact, check.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <unistd.h>

static int debugfs_open(const struct zbctl *z, const char *name, int flags,
			char path[512])
{
	int fd;

	snprintf(path, 512, "%.400s/%s", z->debugfs, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		debugfs_err(z, path, errno);
	return fd;
}

/* Read @fd up to the end; returns a string, or NULL with errno set. */
static char *read_all(int fd)
{
	size_t size = 0, len = 0;
	char *buf = NULL, *more;
	ssize_t nr;

	for (;;) {
		if (size - len < 4096) {
			size = size ? size * 2 : 65536;
			more = realloc(buf, size);
			if (!more)
				break;
			buf = more;
		}
		nr = read(fd, buf + len, size - len - 1);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			break;
		if (!nr) {
			buf[len] = '\0';
			return buf;
		}
		len += (size_t)nr;
	}
	free(buf);
	return NULL;
}

/* Read a file; returns a string, which the caller frees, or NULL after an error line. */
char *debugfs_read(const struct zbctl *z, const char *name)
{
	char path[512];
	char *text;
	int fd;

	fd = debugfs_open(z, name, O_RDONLY, path);
	if (fd < 0)
		return NULL;
	text = read_all(fd);
	if (!text)
		debugfs_err(z, path, errno);
	close(fd);
	return text;
}

/* Write 1 to a file. */
static int trigger(const struct zbctl *z, const char *name)
{
	char path[512];
	int fd, rc = ZBCTL_OK;

	fd = debugfs_open(z, name, O_WRONLY, path);
	if (fd < 0)
		return ZBCTL_FAILED;
	if (write(fd, "1", 1) != 1)
		rc = debugfs_err(z, path, errno);
	close(fd);
	return rc;
}

int cmd_drain(struct zbctl *z)
{
	return trigger(z, "drain");
}

/**
 * struct moves - what compaction has done so far
 * @moved: pages moved
 * @failed: pages that could not be moved
 */
struct moves {
	__u64 moved;
	__u64 failed;
};

static unsigned long long counter(const char *vmstat, const char *name)
{
	const char *at = strstr(vmstat, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static bool read_moves(const struct zbctl *z, struct moves *m)
{
	char *text = debugfs_read(z, "vmstat");

	if (!text)
		return false;
	m->moved = counter(text, "pgmigrate_success ");
	m->failed = counter(text, "pgmigrate_fail ");
	free(text);
	return true;
}

int cmd_compact(struct zbctl *z)
{
	struct moves before, after;
	int rc;

	if (!read_moves(z, &before))
		return ZBCTL_FAILED;
	rc = trigger(z, "compact");
	if (rc != ZBCTL_OK || !read_moves(z, &after))
		return ZBCTL_FAILED;
	after.moved -= before.moved;
	after.failed -= before.failed;
	if (z->json) {
		js_open(NULL, '{');
		js_u64("moved", after.moved);
		js_u64("failed", after.failed);
		js_close('}');
	} else {
		printf("%llu pages moved, %llu could not be moved\n", after.moved,
		       after.failed);
	}
	return ZBCTL_OK;
}

int cmd_check(struct zbctl *z)
{
	char *text = debugfs_read(z, "check");
	size_t len;
	bool ok;

	if (!text)
		return ZBCTL_FAILED;
	len = strcspn(text, " \t\n:,;");
	ok = len == 2 && !memcmp(text, "ok", 2);
	if (z->json) {
		js_open(NULL, '{');
		js_bool("ok", ok);
		js_str("text", text);
		js_close('}');
	} else {
		fputs(text, stdout);
	}
	if (!ok)
		zb_err("check: an invariant of the allocator is violated: report this line and the kernel log");
	free(text);
	return ok ? ZBCTL_OK : ZBCTL_FAILED;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl exec: run a program that opens a path, and let that path be a buffer.
 */
#include "zbctl.h"

#include <unistd.h>

#define PLACE	"{}"

/* Returns a copy of @arg with @path in the place of each {}, or NULL. */
static char *put_path(const char *arg, const char *path)
{
	size_t size = strlen(arg) + 1;
	const char *at;
	char *new, *to;

	for (at = strstr(arg, PLACE); at; at = strstr(at + strlen(PLACE), PLACE))
		size += strlen(path);
	new = malloc(size);
	to = new;
	for (at = strstr(arg, PLACE); new && at; at = strstr(arg, PLACE)) {
		to += sprintf(to, "%.*s%s", (int)(at - arg), arg, path);
		arg = at + strlen(PLACE);
	}
	if (new)
		sprintf(to, "%s", arg);
	return new;
}

/* The words of the command, terminated by NULL as execvp() needs. */
static char **command_words(const struct zbctl *z, const char *path)
{
	char **words = calloc((size_t)z->argc, sizeof(*words));
	int i;

	for (i = 1; words && i < z->argc; i++) {
		words[i - 1] = put_path(z->argv[i], path);
		if (!words[i - 1])
			return NULL;
	}
	return words;
}

/* The descriptor alone keeps the buffer: the device is closed by exec. */
static int run_with(const struct zbctl *z, int fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)], **words;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	words = command_words(z, path);
	if (!words)
		return zb_err("exec: out of memory");
	if (setenv("ZBUDDY_FILE", path, 1))
		return zb_err("exec: %s", strerror(errno));
	execvp(words[0], words);
	return zb_err("exec: %s: %s", words[0], strerror(errno));
}

int cmd_exec(struct zbctl *z)
{
	struct zb_ioc_alloc *a;
	int fd, rc;

	rc = alloc_from_args(z, &a);
	if (rc)
		return rc;
	fd = dev_to_file(z->fd, a->handle, ZB_FILE_RDWR);
	rc = fd < 0 ? buffer_err("exec", a->handle, -fd) : run_with(z, fd);
	if (fd >= 0)
		close(fd);
	free(a);
	return rc;
}

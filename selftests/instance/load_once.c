// SPDX-License-Identifier: GPL-2.0
/*
 * load_once MODULE [PARAMETER]...: as insmod, but a module that refuses to load is loaded
 * once. The insmod of busybox tries finit_module() and then init_module(), which takes
 * seconds in a kernel with KASAN, and logs every complaint twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char params[4096] = "";
	size_t length = 0;
	int i, fd;

	fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0) {
		fprintf(stderr, "usage: load_once MODULE [PARAMETER]...\n");
		return 2;
	}
	for (i = 2; i < argc && length < sizeof(params); i++)
		length += (size_t)snprintf(params + length, sizeof(params) - length, "%s%s",
					   length ? " " : "", argv[i]);
	if (length >= sizeof(params)) {
		fprintf(stderr, "load_once: too many parameters\n");
		return 2;
	}
	if (!syscall(SYS_finit_module, fd, params, 0))
		return 0;
	fprintf(stderr, "load_once: can't load '%s': %s\n", argv[1], strerror(errno));
	return 1;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * load_once MODULE [PARAMETER]...: as insmod, but a module that refuses to load is loaded
 * once. The insmod of busybox tries finit_module() and then init_module(), which takes
 * seconds in a kernel with KASAN, and logs every complaint twice. Prints the error messages
 * that zbuddy has logged meanwhile.
 */
#include "kernel_log.h"

#include <errno.h>
#include <sys/syscall.h>

int main(int argc, char **argv)
{
	char params[4096] = "";
	size_t length = 0;
	int i, fd, log, rc;

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
	log = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	if (log < 0 || log_skip(log)) {
		fprintf(stderr, "load_once: /dev/kmsg: %s\n", strerror(errno));
		return 2;
	}
	rc = (int)syscall(SYS_finit_module, fd, params, 0);
	if (rc)
		fprintf(stderr, "load_once: can't load '%s': %s\n", argv[1], strerror(errno));
	return log_print(log, true) || rc;
}

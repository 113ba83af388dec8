// SPDX-License-Identifier: GPL-2.0
/*
 * kernel_log skip|all|errors: read standard input, which is an open /dev/kmsg, up to its
 * end. `all` prints the messages of zbuddy, `errors` only those of level error and above
 * without repetitions, and `skip` nothing. The next call continues where this one ended, so
 * a test reads each record once; dmesg would print the whole log each time, which takes long
 * in a kernel with KASAN.
 */
#include "kernel_log.h"

int main(int argc, char **argv)
{
	bool errors = argc == 2 && !strcmp(argv[1], "errors");

	if (argc == 2 && !strcmp(argv[1], "skip"))
		return log_skip(STDIN_FILENO);
	if (errors || (argc == 2 && !strcmp(argv[1], "all")))
		return log_print(STDIN_FILENO, errors);
	fprintf(stderr, "usage: kernel_log skip|all|errors </dev/kmsg\n");
	return 2;
}

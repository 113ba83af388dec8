// SPDX-License-Identifier: GPL-2.0
/*
 * For `make soak`: a process that uses all operations of the device in random order, until
 * it is killed.
 *	soak_worker SEED		exits with 1 if a buffer has wrong contents
 *	soak_worker --pressure MIB	allocates and frees that much ordinary memory
 * The seed determines the sequence of operations, but not their results.
 */
#define _GNU_SOURCE
#include "random_ops.h"

#include <sys/resource.h>

#define MAX_BYTES	(8ull << 20)	/* limit per buffer */
#define ALL_BYTES	(24ull << 20)	/* limit per process */

static void fail(struct random_user *u, const char *what)
{
	fprintf(stderr, "soak_worker: operation %lu: %s (%s)\n", u->ops, what, strerror(errno));
	exit(1);
}

/*
 * Avoid huge pages: after an OOM kill of this process, the kernel would free them only when
 * all of them are unmapped, and would kill another process before that.
 */
static int pressure(long mib)
{
	size_t size = (size_t)mib << 20, page = (size_t)sysconf(_SC_PAGESIZE), i;
	unsigned char *p;

	for (;;) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return 1;
		madvise(p, size, MADV_NOHUGEPAGE);
		for (i = 0; i < size; i += page)
			p[i] = (unsigned char)(i / page);
		for (i = 0; i < size; i += page)
			if (p[i] != (unsigned char)(i / page)) {
				fprintf(stderr, "soak_worker: ordinary memory was overwritten\n");
				return 1;
			}
		munmap(p, size);
	}
}

int main(int argc, char **argv)
{
	static struct random_user user = { .fail = fail };

	/* do not starve zbctl stress and the shell script */
	setpriority(PRIO_PROCESS, 0, 15);
	if (argc == 3 && !strcmp(argv[1], "--pressure"))
		return pressure(atol(argv[2]));
	if (argc != 2) {
		fprintf(stderr, "usage: soak_worker SEED | --pressure MIB\n");
		return 2;
	}
	user.seed = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	if (!random_open(&user, MAX_BYTES, ALL_BYTES)) {
		perror("soak_worker");
		return 1;
	}
	for (;;)
		random_step(&user);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bulk commands that stop in the middle, at a page that userfaultfd provides when the test
 * lets them continue. Then they fail, because their argument can't be written.
 */
#ifndef STOPPED_H
#define STOPPED_H

#include "zbuddy_test.h"

#include <pthread.h>
#include <linux/userfaultfd.h>

/**
 * struct stopped - a bulk command of a thread
 * @thread: the thread
 * @uffd: the userfaultfd
 * @fd: the device
 * @cmd: ZB_IOC_BULK_ALLOC or ZB_IOC_BULK_FREE
 * @arg: its argument, on a page of its own
 * @page: the page that is missing; the array of the command begins below it
 * @rc: result of the command
 */
struct stopped {
	pthread_t thread;
	int uffd;
	int fd;
	unsigned long cmd;
	void *arg;
	char *page;
	int rc;
};

/* Returns NULL or the reason why commands can't be stopped. */
static inline const char *stopped_init(struct stopped *s, int fd, unsigned long cmd)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	*s = (struct stopped){ .fd = fd, .cmd = cmd, .arg = p, .page = p + 2 * 4096 };
	s->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (s->uffd < 0 || sysconf(_SC_PAGESIZE) != 4096 || (void *)p == MAP_FAILED)
		return "no userfaultfd";
	return ioctl(s->uffd, UFFDIO_API, &api) ? "no UFFDIO_API" : NULL;
}

static inline void *stopped_thread(void *arg)
{
	struct stopped *s = arg;

	s->rc = zb_ioctl(s->fd, s->cmd, s->arg);
	return NULL;
}

/* Run the command up to the first element of its array that is on the missing page. */
static inline void run_until_stopped(struct __test_metadata *_metadata, struct stopped *s)
{
	struct uffdio_register reg = {
		.range = { (unsigned long)s->page, 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg msg;

	ASSERT_EQ(0, ioctl(s->uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, mprotect(s->arg, 4096, PROT_READ));
	ASSERT_EQ(0, pthread_create(&s->thread, NULL, stopped_thread, s));
	ASSERT_EQ(sizeof(msg), read(s->uffd, &msg, sizeof(msg)));
}

/* The module hides this many handles before it reads the next ones (ZB_HANDLE_BATCH). */
#define NR_HIDDEN	64

/* Run a BULK_FREE of NR_HIDDEN handles until it has hidden them. */
static inline void hide_handles(struct __test_metadata *_metadata, struct stopped *s,
				const struct zb_bulk_buffer *bufs)
{
	__u32 i, *array = (__u32 *)s->page - NR_HIDDEN;

	for (i = 0; i < NR_HIDDEN; i++)
		array[i] = bufs[i].handle;
	*(struct zb_ioc_bulk_free *)s->arg = (struct zb_ioc_bulk_free){
		.size = sizeof(struct zb_ioc_bulk_free),
		.nr = NR_HIDDEN + 1,
		.stride = sizeof(*array),
		.handles = (unsigned long)array,
	};
	run_until_stopped(_metadata, s);
}

static inline void go_on(struct __test_metadata *_metadata, struct stopped *s)
{
	struct uffdio_zeropage zero = { .range = { (unsigned long)s->page, 4096 } };

	ASSERT_EQ(0, ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(s->thread, NULL);
	EXPECT_EQ(-EFAULT, s->rc);
	munmap(s->arg, 3 * 4096);
	close(s->uffd);
}

#endif /* STOPPED_H */

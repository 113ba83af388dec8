/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls that stop before they write their result to a page, which userfaultfd protects.
 * Then they either succeed or fail with EFAULT.
 */
#ifndef LATE_H
#define LATE_H

#include "zbuddy_test.h"

#include <pthread.h>
#include <linux/userfaultfd.h>

/**
 * struct late - a system call of a thread
 * @call: makes it; returns a result or -errno
 * @fd: for @call
 * @page: for its result, and for the arguments if they are the same structure
 * @thread: the thread
 * @uffd: the userfaultfd
 * @rc: result of @call
 */
struct late {
	long (*call)(struct late *l);
	int fd;
	void *page;
	pthread_t thread;
	int uffd;
	long rc;
};

/* Returns NULL or the reason why calls can't be stopped. */
static inline const char *late_init(struct late *l, long (*call)(struct late *l), int fd)
{
	struct uffdio_api api = { .api = UFFD_API };

	*l = (struct late){ .call = call, .fd = fd };
	l->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	l->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (l->uffd < 0 || sysconf(_SC_PAGESIZE) != 4096 || l->page == MAP_FAILED ||
	    ioctl(l->uffd, UFFDIO_API, &api))
		return "no userfaultfd";
	return api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP ? NULL : "no write-protection";
}

static inline void *late_thread(void *arg)
{
	struct late *l = arg;

	l->rc = l->call(l);
	return NULL;
}

static inline int late_protect(struct late *l, __u64 mode)
{
	struct uffdio_writeprotect protect = {
		.range = { (unsigned long)l->page, 4096 }, .mode = mode,
	};

	return ioctl(l->uffd, UFFDIO_WRITEPROTECT, &protect);
}

/* Make the call, whose arguments the caller has written, until only its result is missing. */
static inline void run_until_late(struct __test_metadata *_metadata, struct late *l)
{
	struct uffdio_register reg = {
		.range = { (unsigned long)l->page, 4096 },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffd_msg msg;

	/* A page that does not exist yet can't be protected. */
	*(volatile char *)l->page = *(volatile char *)l->page;
	ASSERT_EQ(0, ioctl(l->uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, late_protect(l, UFFDIO_WRITEPROTECT_MODE_WP));
	ASSERT_EQ(0, pthread_create(&l->thread, NULL, late_thread, l));
	ASSERT_EQ(sizeof(msg), read(l->uffd, &msg, sizeof(msg)));
}

/* Let the call write its result. The page stays. */
static inline void finish_late(struct __test_metadata *_metadata, struct late *l)
{
	ASSERT_EQ(0, late_protect(l, 0));
	pthread_join(l->thread, NULL);
	close(l->uffd);
}

/* Let it fail instead. Closing the descriptor ends the protection and wakes the call. */
static inline void fail_late(struct __test_metadata *_metadata, struct late *l)
{
	ASSERT_EQ(0, mprotect(l->page, 4096, PROT_READ));
	close(l->uffd);
	pthread_join(l->thread, NULL);
	EXPECT_EQ(-EFAULT, l->rc);
}

#endif /* LATE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that wait for memory: helpers for the tests of the wait queue. */
#ifndef WAITERS_H
#define WAITERS_H

#include "buffer_test.h"

#include <pthread.h>

#define MS		1000000ull
#define NR_PAGES	16
/*
 * Upper limit for events that must happen, even in a very slow guest. It is less than the
 * timeout of a test case, so that a failed assertion shows which event did not happen.
 */
#define PATIENCE	(100000 * MS)

static struct zb_ioc_alloc bufs[8192];
static unsigned int nr_bufs;

/* Allocate all memory; the last NR_PAGES elements of bufs are single pages. */
static inline void take_all(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_alloc pages[NR_PAGES];
	__u64 bytes;
	int i;

	for (i = 0; i < NR_PAGES; i++)
		ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &pages[i]));
	nr_bufs = zb_alloc_all(self->fd, self->info.max_order, ZB_GFP_ANYZONE, bufs,
			       ARRAY_SIZE(bufs) - NR_PAGES, &bytes);
	ASSERT_EQ(0, zb_free_bytes(self->fd));
	memcpy(bufs + nr_bufs, pages, sizeof(pages));
	nr_bufs += NR_PAGES;
}

/* Returns false if a buffer could not be freed. */
static inline bool give_all(FIXTURE_DATA(zbuddy) *self)
{
	bool ok = true;

	while (nr_bufs)
		ok &= !zb_free(self->fd, bufs[--nr_bufs].handle);
	return ok;
}

/* Free one of the pages that take_all() allocated. */
static inline int give_page(FIXTURE_DATA(zbuddy) *self)
{
	return zb_free(self->fd, bufs[--nr_bufs].handle);
}

struct waiter {
	pthread_t thread;
	int fd;
	__u32 order;
	__u32 gfp;
	__u64 timeout;
	struct zb_ioc_alloc a;
	int rc;
	unsigned int place;	/* position in the order in which waiters were served */
	volatile bool done;
};

static unsigned int served;

static inline int wait_for(int fd, __u32 order, __u32 gfp, __u64 timeout,
			   struct zb_ioc_alloc *a)
{
	return zb_alloc_until(fd, order, gfp, zb_deadline(timeout), a);
}

static inline void *wait_thread(void *arg)
{
	struct waiter *w = arg;

	w->rc = wait_for(w->fd, w->order, w->gfp, w->timeout, &w->a);
	w->place = __atomic_fetch_add(&served, 1, __ATOMIC_SEQ_CST);
	w->done = true;
	return NULL;
}

/* Number of queued requests, negative if the module does not report it. */
static inline long nr_waiting(void)
{
	return zb_vmstat("zb_waiting");
}

/*
 * Wait until @nr requests are queued; false on timeout. Without that statistic, sleep and
 * assume that they are.
 */
static inline bool await_waiting(long nr)
{
	__u64 until = zb_now_ns() + PATIENCE;
	long now, ms = 1;

	while ((now = nr_waiting()) != nr) {
		if (now < 0) {
			zb_sleep_ms(300);
			return true;
		}
		if (zb_now_ns() > until) {
			printf("# %ld requests are queued instead of %ld\n", now, nr);
			return false;
		}
		zb_sleep_ms(ms);
		ms += ms < 10;
	}
	return true;
}

static inline void start_gfp(struct __test_metadata *_metadata, struct waiter *w,
			     int fd, __u32 order, __u32 gfp, __u64 timeout)
{
	*w = (struct waiter){ .fd = fd, .order = order, .gfp = gfp, .timeout = timeout };
	ASSERT_EQ(0, pthread_create(&w->thread, NULL, wait_thread, w));
}

/* Start a waiter for a block from any zone, which may come from the reserves. */
static inline void start(struct __test_metadata *_metadata, struct waiter *w, int fd,
			 __u32 order, __u64 timeout)
{
	start_gfp(_metadata, w, fd, order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, timeout);
}

/* Like start(), and return only once the request is queued. */
static inline void start_waiting(struct __test_metadata *_metadata, struct waiter *w,
				 int fd, __u32 order, __u64 timeout)
{
	long before = nr_waiting();

	start(_metadata, w, fd, order, timeout);
	ASSERT_TRUE(await_waiting(before + 1));
}

static inline void expect_served(struct __test_metadata *_metadata, struct waiter *w)
{
	pthread_join(w->thread, NULL);
	EXPECT_EQ(0, w->rc);
}

#endif /* WAITERS_H */

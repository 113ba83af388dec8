// SPDX-License-Identifier: GPL-2.0
/*
 * ZB_BUF_RANGE with ZB_BUF_WAIT: a range that is not possible now is waited for, and made free
 * once that is possible. Other requests are served meanwhile.
 */
#include "buffer_test.h"

#include <pthread.h>
#include <stdatomic.h>

#define MOVABLE		ZB_GFP_HIGHUSER_MOVABLE
#define UNMOVABLE	(ZB_GFP_HIGHUSER_MOVABLE & ~__ZB_GFP_MOVABLE)
#define NOWAIT(gfp)	(((gfp) & ~__ZB_GFP_RECLAIM) | __ZB_GFP_NOWARN)
#define BLOCK		((__u64)self->page << 9)
#define SECOND		1000000000ull
#define LATER		(20 * SECOND * zb_time_scale())
#define MAX_BUFS	(1u << 16)

static struct zb_ioc_alloc bufs[MAX_BUFS];

struct range_waiter {
	pthread_t thread;
	int fd;
	int rc;
	struct zb_ioc_alloc a;
	struct zb_ioc_explain why;
	__u64 took;
	atomic_bool done;
};

static void *wait_for_range(void *arg)
{
	struct range_waiter *w = arg;
	__u64 begun = zb_now_ns();

	w->rc = zb_ioctl(w->fd, ZB_IOC_ALLOC, &w->a);
	w->took = zb_now_ns() - begun;
	if (w->rc)
		zb_explain(w->fd, &w->why);
	atomic_store(&w->done, true);
	return NULL;
}

static struct zb_ioc_alloc want_range(__u64 length, __u32 gfp, __u64 timeout_ns)
{
	struct zb_ioc_alloc a = zb_want_length(length, gfp | __ZB_GFP_NOWARN);

	a.flags |= ZB_BUF_RANGE | ZB_BUF_WAIT;
	a.deadline_ns = zb_deadline(timeout_ns);
	return a;
}

/* Returns when the request waits, or is served already. */
static void start(struct __test_metadata *_metadata, struct range_waiter *w, __u64 length,
		  __u64 timeout_ns)
{
	long waiting = zb_vmstat("zb_waiting");
	int ms;

	*w = (struct range_waiter){ .fd = zb_open() };
	w->a = want_range(length, UNMOVABLE, timeout_ns);
	ASSERT_GE(w->fd, 0);
	ASSERT_EQ(0, pthread_create(&w->thread, NULL, wait_for_range, w));
	for (ms = 0; ms < ZB_PATIENCE_MS && !atomic_load(&w->done); ms += 10) {
		if (zb_vmstat("zb_waiting") > waiting)
			return;
		zb_sleep_ms(10);
	}
	EXPECT_TRUE(atomic_load(&w->done));
}

static void finish(struct __test_metadata *_metadata, struct range_waiter *w, int rc)
{
	pthread_join(w->thread, NULL);
	EXPECT_EQ(rc, w->rc);
	if (!w->rc)
		EXPECT_EQ(0, zb_free(w->fd, w->a.handle));
	close(w->fd);
}

/* Allocate all memory in blocks of @order; returns their number. @nr buffers exist already. */
static unsigned int take_more(int fd, unsigned int nr, __u32 order, __u32 gfp)
{
	unsigned int first = nr, before;

	do {
		before = nr;
		zb_drain();
		while (nr < MAX_BUFS && !zb_alloc_order(fd, order, NOWAIT(gfp), &bufs[nr]))
			nr++;
	} while (nr > before);
	return nr - first;
}

static unsigned int take_all(int fd, __u32 order, __u32 gfp)
{
	return take_more(fd, 0, order, gfp);
}

static int resize(int fd, __u64 bytes)
{
	struct zb_ioc_resize r = { .size = sizeof(r), .node = ZB_NODE_ANY, .bytes = bytes };

	return zb_ioctl(fd, ZB_IOC_RESIZE, &r) ?: -(int)r.error;
}

/* The memory is reduced while two requests wait: they fail at once, with the cause. */
TEST_F(zbuddy, never_any_more)
{
	__u64 bytes = self->info.total_bytes;
	struct zb_ioc_zone zone = {};
	struct range_waiter w, behind;
	struct zb_ioc_alloc a;
	__u32 i;

	/* The first blocks come from the zone that gives memory back first. */
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, UNMOVABLE, &a));
	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.type == a.zone && zone.node == a.node)
			break;
	if (resize(self->fd, bytes) == -EOPNOTSUPP)
		SKIP(return, "the backend can't give back a part of the memory");
	start(_metadata, &w, zone.total_bytes, LATER);
	start(_metadata, &behind, zone.total_bytes, LATER);
	while (bytes > zone.total_bytes && !atomic_load(&w.done)) {
		bytes -= 4 * BLOCK;
		if (resize(self->fd, bytes))
			break;
		zb_sleep_ms(20);
	}
	finish(_metadata, &w, -ENOMEM);
	EXPECT_GT(LATER / 2, w.took);
	EXPECT_EQ(ZB_CAUSE_NEVER_BLOCK, w.why.cause);
	finish(_metadata, &behind, -ENOMEM);
	EXPECT_GT(LATER / 2, behind.took);
	EXPECT_EQ(ZB_CAUSE_NEVER_BLOCK, behind.why.cause);
	EXPECT_EQ(0, resize(self->fd, self->info.total_bytes));
}

/* What is in the way can't be moved, so it has to be freed. */
TEST_F(zbuddy, freed)
{
	unsigned int i, nr = take_all(self->fd, 9, UNMOVABLE);
	struct range_waiter w;

	EXPECT_TRUE(self->info.features & ZB_FEATURE_RANGE_WAIT);
	ASSERT_GT(nr, 32);
	start(_metadata, &w, 4 * BLOCK + self->page, LATER);
	zb_sleep_ms(300);
	EXPECT_FALSE(atomic_load(&w.done));
	for (i = nr / 2; i < nr / 2 + 16; i++)
		EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	finish(_metadata, &w, 0);
	EXPECT_EQ(4 * BLOCK + self->page, w.a.length);
	TH_LOG("served after %llu ms", w.took / 1000000);
}

/* Every fourth buffer is freed; the others move. */
TEST_F(zbuddy, moved)
{
	unsigned int i, nr = take_all(self->fd, 6, MOVABLE);
	long moved = zb_vmstat("pgmigrate_success");
	struct range_waiter w;

	ASSERT_GT(nr, 256);
	start(_metadata, &w, 3 * BLOCK, LATER);
	for (i = 0; i < nr; i += 4)
		EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	finish(_metadata, &w, 0);
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_TRUE(zb_check_ok());
}

TEST_F(zbuddy, never)
{
	struct zb_ioc_alloc a = want_range(self->page, MOVABLE, LATER);
	struct zb_ioc_explain why;
	__u64 begun = zb_now_ns();

	a.max_addr = self->page - 1;
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_GT(LATER / 2, zb_now_ns() - begun);
	EXPECT_EQ(0, zb_explain(self->fd, &why));
	EXPECT_EQ(ZB_CAUSE_NEVER_BLOCK, why.cause);
	a = want_range(self->page, NOWAIT(MOVABLE), LATER);
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_EQ(0, zb_explain(self->fd, &why));
	EXPECT_STREQ("gfp", why.field);
}

/*
 * The deadline passes, also while the range is just being made free. What the kernel has allocated
 * too late is free soon afterwards, so the next request may be served at once.
 */
TEST_F(zbuddy, deadline)
{
	unsigned int i, nr = take_all(self->fd, 9, UNMOVABLE);
	struct range_waiter w;

	ASSERT_GT(nr, 16);
	start(_metadata, &w, 2 * BLOCK, SECOND / 2);
	finish(_metadata, &w, -ETIMEDOUT);
	EXPECT_EQ(ZB_CAUSE_FULL, w.why.cause);
	for (i = 0; i < 6; i++) {
		start(_metadata, &w, 2 * BLOCK, SECOND + i * 5000000ull - 15000000);
		zb_sleep_ms(900);
		EXPECT_EQ(0, zb_free(self->fd, bufs[nr - 1].handle));
		EXPECT_EQ(0, zb_free(self->fd, bufs[nr - 2].handle));
		pthread_join(w.thread, NULL);
		EXPECT_TRUE(!w.rc || w.rc == -ETIMEDOUT);
		close(w.fd);
		zb_sleep_ms(100);
		zb_drain();
		nr -= 2;
		while (nr < MAX_BUFS && !zb_alloc_order(self->fd, 9, NOWAIT(UNMOVABLE), &bufs[nr]))
			nr++;
	}
	EXPECT_TRUE(zb_check_ok());
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST_F(zbuddy, interrupted)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct zb_ioc_alloc a = want_range(BLOCK, UNMOVABLE, LATER);

	sigaction(SIGALRM, &sa, NULL);
	ASSERT_GT(take_all(self->fd, 9, UNMOVABLE), 0);
	ASSERT_GE(take_all(self->fd, 0, UNMOVABLE), 0);
	alarm(1);
	EXPECT_EQ(-EINTR, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
}

/* Requests for single pages are served while a range waits that will never be free. */
TEST_F(zbuddy, others)
{
	unsigned int i, nr = take_all(self->fd, 9, UNMOVABLE), served = 0;
	struct zb_ioc_alloc a;
	struct range_waiter w;
	__u64 begun, longest = 0;

	ASSERT_GT(nr, 16);
	start(_metadata, &w, 16 * BLOCK, 4 * SECOND);
	EXPECT_EQ(0, zb_free(self->fd, bufs[nr / 2].handle));
	for (i = 0; i < 200; i++) {
		begun = zb_now_ns();
		if (zb_alloc_until(self->fd, 0, ZB_GFP_USER, zb_deadline(LATER), &a))
			continue;
		served++;
		if (zb_now_ns() - begun > longest)
			longest = zb_now_ns() - begun;
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
		zb_sleep_ms(10);
	}
	finish(_metadata, &w, -ETIMEDOUT);
	EXPECT_EQ(200, served);
	EXPECT_GT(5 * SECOND * zb_time_scale(), longest);
	TH_LOG("longest wait for a page: %llu us", longest / 1000);
}

/*
 * A range waits that would need all of a zone, where memory that never moves is. Others that
 * wait for a page, or for a block, get memory that is taken back or moved for them.
 */
static void others_are_helped(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
			      __u32 order)
{
	unsigned int i, nr = 0, marked = 0;
	struct range_waiter w, page;
	__u32 gfp = ZB_GFP_TEMPORARY;

	/* A fourth never moves, so no 48 of the 56 pageblocks of a zone can be had. */
	while (!order && nr < MAX_BUFS && !zb_alloc_order(self->fd, 9, NOWAIT(gfp), &bufs[nr]))
		gfp = ++nr % 4 ? ZB_GFP_TEMPORARY : ZB_GFP_KERNEL;
	nr += take_more(self->fd, nr, 0, order ? ZB_GFP_KERNEL | __ZB_GFP_MOVABLE : ZB_GFP_KERNEL);
	start(_metadata, &w, 96 * (self->info.page_size << 8), 30 * SECOND * zb_time_scale());
	if (atomic_load(&w.done)) {
		finish(_metadata, &w, w.rc);
		SKIP(return, "no zone of such a size");
	}
	page = (struct range_waiter){ .fd = zb_open() };
	page.a = zb_want_order(order, ZB_GFP_KERNEL | __ZB_GFP_NOWARN);
	page.a.flags = ZB_BUF_WAIT;
	page.a.deadline_ns = zb_deadline(30 * SECOND * zb_time_scale());
	ASSERT_EQ(0, pthread_create(&page.thread, NULL, wait_for_range, &page));
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("zb_waiting") == 2));
	for (i = 0; i < nr; i++)
		marked += order ? i % 2 && !zb_free(self->fd, bufs[i].handle) :
			  !zb_advise(self->fd, bufs[i].handle, ZB_ADVISE_DONTNEED, NULL);
	TH_LOG("%u buffers, %u marked or freed", nr, marked);
	pthread_join(page.thread, NULL);
	EXPECT_EQ(0, page.rc);
	EXPECT_FALSE(atomic_load(&w.done));
	TH_LOG("served after %llu ms", page.took / 1000000);
	close(page.fd);
}

TEST_F(zbuddy, reclaimed_for_others)
{
	others_are_helped(_metadata, self, 0);
}

TEST_F(zbuddy, compacted_for_others)
{
	others_are_helped(_metadata, self, 4);
}

/* A task that is killed while it waits leaves nothing behind. */
TEST_F(zbuddy, killed)
{
	long waiting = zb_vmstat("zb_waiting");
	pid_t child;
	int ms;

	ASSERT_GT(take_all(self->fd, 9, UNMOVABLE), 0);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		struct zb_ioc_alloc a = want_range(3 * BLOCK, UNMOVABLE, 1000 * SECOND);

		zb_ioctl(zb_open(), ZB_IOC_ALLOC, &a);
		_exit(1);
	}
	for (ms = 0; ms < ZB_PATIENCE_MS && zb_vmstat("zb_waiting") == waiting; ms += 10)
		zb_sleep_ms(10);
	EXPECT_LT(waiting, zb_vmstat("zb_waiting"));
	kill(child, SIGKILL);
	EXPECT_TRUE(zb_wait_killed(child, SIGKILL));
	EXPECT_EQ(waiting, zb_vmstat("zb_waiting"));
}

TEST_HARNESS_MAIN

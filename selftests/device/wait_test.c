// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for memory: deadlines, the order of service, what wakes a waiter, and poll().
 * Timeouts that are not meant to expire are very long, so that no test depends on the
 * speed of the machine.
 */
#include "waiters.h"

#define NR_WAITERS	6

TEST_F(zbuddy, no_wait_while_memory_is_free)
{
	long granted = zb_vmstat("zb_wait_granted");
	struct zb_ioc_alloc a;
	int i;

	if (granted < 0)
		SKIP(return, "no debugfs");
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, zb_alloc_wait(self->fd, 0, i % 2 ? ZB_WAIT_FOREVER : 0, &a));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	EXPECT_EQ(granted, zb_vmstat("zb_wait_granted"));
}

TEST_F(zbuddy, times_out)
{
	static const __u64 timeouts[] = { 0, 1, 1000, 1 * MS, 50 * MS, 350 * MS, 1000 * MS };
	struct zb_ioc_alloc a;
	__u64 from, took;
	size_t i;

	take_all(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		from = zb_now_ns();
		EXPECT_EQ(-ETIMEDOUT, zb_alloc_wait(self->fd, 0, timeouts[i], &a));
		took = zb_now_ns() - from;
		EXPECT_EQ(0, a.handle);
		EXPECT_GE(took, timeouts[i]);
	}
}

/* Timeouts that could overflow are long waits. */
TEST_F(zbuddy, long_timeouts)
{
	static const __u64 timeouts[] = {
		1ull << 32, 1ull << 62, 1ull << 63, ZB_WAIT_FOREVER - 1, ZB_WAIT_FOREVER,
	};
	struct waiter w[ARRAY_SIZE(timeouts)];
	size_t i;

	take_all(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		start(_metadata, &w[i], self->fd, 0, timeouts[i]);
	EXPECT_TRUE(await_waiting(ARRAY_SIZE(timeouts)));
	zb_sleep_ms(50);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		EXPECT_FALSE(w[i].done);
	EXPECT_TRUE(give_all(self));
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].rc);
	}
}

TEST_F(zbuddy, woken_by_free)
{
	struct waiter w;

	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, bufs[0].order, ZB_WAIT_FOREVER);
	EXPECT_FALSE(w.done);
	ASSERT_EQ(0, zb_free(self->fd, bufs[0].handle));
	expect_served(_metadata, &w);
	EXPECT_EQ(bufs[0].order, w.a.order);
}

/* A request that may not use the reserves waits even though these are free. */
TEST_F(zbuddy, reserves_do_not_end_a_wait)
{
	struct zb_ioc_alloc a;
	unsigned int nr = 0;
	__u32 handles[ZB_BULK_MAX], done;
	unsigned long min_free = zb_get_parameter("min_free_kbytes");

	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes", 4096));
	while (!zb_bulk_alloc(self->fd, self->info.block_order, handles, ZB_BULK_MAX, &done))
		nr += done;
	EXPECT_GT(nr, 0);
	while (!zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a))
		bufs[nr_bufs++] = a;
	EXPECT_GT(zb_free_bytes(self->fd), 0);
	EXPECT_EQ(-ETIMEDOUT, wait_for(self->fd, 0, ZB_GFP_ANYZONE, 300 * MS, &a));
	EXPECT_TRUE(give_all(self));
	EXPECT_EQ(0, wait_for(self->fd, 0, ZB_GFP_ANYZONE, 0, &a));
	EXPECT_EQ(0, zb_set_parameter("min_free_kbytes", min_free));
}

/* The close() of another file frees its buffers. */
TEST_F(zbuddy, woken_by_close)
{
	int other = zb_open();
	struct zb_ioc_alloc a;
	struct waiter w;

	ASSERT_EQ(0, zb_alloc_order(other, 3, ZB_GFP_ANYZONE, &a));
	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, 3, ZB_WAIT_FOREVER);
	EXPECT_FALSE(w.done);
	close(other);
	expect_served(_metadata, &w);
}

TEST_F(zbuddy, woken_by_munmap)
{
	struct zb_ioc_alloc a;
	struct waiter w;
	char *p, *q;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, 3, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	munmap(p, a.length);
	zb_sleep_ms(250);
	EXPECT_FALSE(w.done);
	munmap(q, a.length);
	expect_served(_metadata, &w);
}

/* A pipe has the last reference to the page, which is freed some time later. */
TEST_F(zbuddy, woken_by_the_end_of_a_pin)
{
	struct zb_ioc_alloc a;
	struct waiter w;
	struct iovec iov;
	int pipe[2];
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p, a.length };
	ASSERT_EQ(a.length, vmsplice(pipe[1], &iov, 1, 0));
	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	zb_sleep_ms(250);
	EXPECT_FALSE(w.done);
	close(pipe[0]);
	close(pipe[1]);
	expect_served(_metadata, &w);
}

/* Waiters are served in FIFO order, one for each page that is freed. */
TEST_F(zbuddy, in_order)
{
	struct waiter w[NR_WAITERS];
	unsigned int i, k;

	take_all(_metadata, self);
	served = 0;
	for (i = 0; i < NR_WAITERS; i++)
		start_waiting(_metadata, &w[i], self->fd, 0, ZB_WAIT_FOREVER);
	for (i = 0; i < NR_WAITERS; i++) {
		ASSERT_EQ(0, zb_free(self->fd, bufs[--nr_bufs].handle));
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].rc);
		EXPECT_EQ(i, w[i].place);
		EXPECT_EQ(NR_WAITERS - 1 - i, nr_waiting());
		for (k = i + 1; k < NR_WAITERS; k++)
			EXPECT_FALSE(w[k].done);
	}
}

/* Freeing one large block serves all waiters for pages. */
TEST_F(zbuddy, one_free_serves_many)
{
	struct waiter w[NR_WAITERS];
	unsigned int i;

	take_all(_metadata, self);
	for (i = 0; i < NR_WAITERS; i++)
		start_waiting(_metadata, &w[i], self->fd, 0, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, zb_free(self->fd, bufs[0].handle));
	for (i = 0; i < NR_WAITERS; i++)
		expect_served(_metadata, &w[i]);
}

/* A timeout of the first waiter does not delay the others. */
TEST_F(zbuddy, the_first_gives_up)
{
	struct waiter first, second;

	take_all(_metadata, self);
	start_waiting(_metadata, &first, self->fd, self->info.max_order, 300 * MS);
	start(_metadata, &second, self->fd, 0, ZB_WAIT_FOREVER);
	pthread_join(first.thread, NULL);
	EXPECT_EQ(-ETIMEDOUT, first.rc);
	EXPECT_FALSE(second.done);
	ASSERT_EQ(0, give_page(self));
	expect_served(_metadata, &second);
}

/* A request that can never be served is refused instead of blocking the queue. */
TEST_F(zbuddy, impossible_request)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_DMA);
	bool have_dma = false;
	struct zb_ioc_zone zone;
	__u64 most = 0;
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		if (zone.type == ZB_ZONE_DMA) {
			have_dma = true;
			most = zone.total_bytes;
		}
	}
	if (have_dma) {
		while (self->page << a.order <= most)
			a.order++;
		if (a.order > self->info.max_order)
			SKIP(return, "zone DMA has all there is");
	}
	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = zb_deadline(PATIENCE);
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST_F(zbuddy, interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct waiter w;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EINTR, w.rc);
	EXPECT_EQ(0, w.a.handle);
	/* the interrupted request has left the queue */
	start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	EXPECT_TRUE(give_all(self));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.rc);
}

TEST_F(zbuddy, killed)
{
	struct waiter w;
	pid_t pid;

	take_all(_metadata, self);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct zb_ioc_alloc a;

		zb_alloc_wait(self->fd, 0, ZB_WAIT_FOREVER, &a);
		_exit(1);
	}
	ASSERT_TRUE(await_waiting(1));
	start_waiting(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	EXPECT_FALSE(w.done);
	EXPECT_TRUE(give_all(self));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.rc);
}

/*
 * Free a page just as another thread begins to wait, 200 times with various delays. A
 * waiter that missed its wakeup is served by a periodic check, which the module counts;
 * measured times would mean nothing on a busy host.
 */
TEST_F_TIMEOUT(zbuddy, no_wakeup_is_lost, 300)
{
	__u64 seed = 1;
	long missed = zb_vmstat("zb_wait_missed");
	struct waiter w;
	unsigned int i;

	if (missed < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	for (i = 0; i < 200; i++) {
		__u64 until, n = zb_random(&seed) % 300000;

		start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
		for (until = zb_now_ns() + n; zb_now_ns() < until;)
			;
		ASSERT_EQ(0, zb_free(self->fd, bufs[nr_bufs - 1].handle));
		pthread_join(w.thread, NULL);
		ASSERT_EQ(0, w.rc);
		bufs[nr_bufs - 1] = w.a;
	}
	missed = zb_vmstat("zb_wait_missed") - missed;
	TH_LOG("%ld of 200 wakeups missed", missed);
	EXPECT_LE(missed, 1);
}

/* Lowering a watermark wakes waiters, like a free. */
TEST_F(zbuddy, woken_by_a_lower_watermark)
{
	unsigned long before = zb_get_parameter("min_free_kbytes");
	struct waiter w;

	take_all(_metadata, self);
	/* free a few pages, far fewer than the reserve of any zone */
	while (zb_free_bytes(self->fd) < NR_PAGES / 2 * self->page)
		ASSERT_EQ(0, give_page(self));
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes", 4 * 1024));
	start_gfp(_metadata, &w, self->fd, 0, ZB_GFP_ANYZONE, ZB_WAIT_FOREVER);
	EXPECT_TRUE(await_waiting(1));
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes", before));
	expect_served(_metadata, &w);
	EXPECT_TRUE(give_all(self));
}

/*
 * Let the test module hold @nr pages. Pages that a module frees go to a per-CPU list,
 * which wakes no waiter.
 */
static bool module_holds(unsigned int nr)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nr);
	return !zb_ask_test_module("held", text);
}

/* A waiter finds memory on per-CPU lists by its periodic check, which is counted. */
TEST_F(zbuddy, freed_by_a_module)
{
	long missed = zb_vmstat("zb_wait_missed");
	struct waiter w;

	if (missed < 0 || zb_load_test_module())
		SKIP(return, "no debugfs, or no zb_api_test.ko");
	EXPECT_TRUE(module_holds(8));
	take_all(_metadata, self);
	start_waiting(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	EXPECT_TRUE(module_holds(0));
	expect_served(_metadata, &w);
	missed = zb_vmstat("zb_wait_missed") - missed;
	TH_LOG("%ld wakeups missed", missed);
	EXPECT_LE(missed, 1);
	EXPECT_TRUE(give_all(self));
	zb_unload_test_module();
}

static volatile bool stop;

static void *hog_thread(void *arg)
{
	unsigned int *rounds = arg;
	struct zb_ioc_alloc a;
	int fd = zb_open();

	while (!stop) {
		if (!zb_alloc_wait(fd, 0, ZB_WAIT_FOREVER, &a)) {
			zb_free(fd, a.handle);
			(*rounds)++;
		}
	}
	close(fd);
	return NULL;
}

/* Eight threads compete for two pages, and all of them make progress. */
TEST_F_TIMEOUT(zbuddy, nobody_starves, 300)
{
	__u64 until = zb_now_ns() + PATIENCE;
	unsigned int rounds[8] = { 0 }, i;
	pthread_t threads[8];

	take_all(_metadata, self);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hog_thread, &rounds[i]));
	ASSERT_EQ(0, give_page(self));
	ASSERT_EQ(0, give_page(self));
	/* wait for all threads to get their share, however slow the machine is */
	for (i = 0; i < 8; i++)
		while (*(volatile unsigned int *)&rounds[i] < 5 && zb_now_ns() < until)
			zb_sleep_ms(1);
	stop = true;
	EXPECT_TRUE(give_all(self));
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 8; i++)
		EXPECT_GE(rounds[i], 5);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	int rc = poll(&p, 1, ms);

	return rc == 1 && p.revents == POLLIN;
}

TEST_F(zbuddy, poll_reports_free_memory)
{
	unsigned long factor = zb_get_parameter("watermark_scale_factor");

	EXPECT_TRUE(readable(self->fd, 0));
	take_all(_metadata, self);
	EXPECT_FALSE(readable(self->fd, 0));
	EXPECT_FALSE(readable(self->fd, 100));
	/* one free page is below the low watermark of every zone */
	ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", 3000));
	ASSERT_EQ(0, give_page(self));
	EXPECT_FALSE(readable(self->fd, 0));
	EXPECT_TRUE(give_all(self));
	EXPECT_TRUE(readable(self->fd, 0));
	ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", factor));
}

struct poller {
	pthread_t thread;
	int fd;
	volatile bool done;
	bool ready;
};

static void *poll_thread(void *arg)
{
	struct poller *p = arg;

	p->ready = readable(p->fd, (int)(PATIENCE / MS));
	p->done = true;
	return NULL;
}

static void begin_poll(struct __test_metadata *_metadata, struct poller *p, int fd)
{
	*p = (struct poller){ .fd = fd };
	ASSERT_EQ(0, pthread_create(&p->thread, NULL, poll_thread, p));
	zb_sleep_ms(100);
	EXPECT_FALSE(p->done);
}

static void expect_ready(struct __test_metadata *_metadata, struct poller *p)
{
	pthread_join(p->thread, NULL);
	EXPECT_TRUE(p->ready);
}

TEST_F_TIMEOUT(zbuddy, poll_is_woken, 300)
{
	struct poller p;

	take_all(_metadata, self);
	begin_poll(_metadata, &p, self->fd);
	EXPECT_TRUE(give_all(self));
	expect_ready(_metadata, &p);
}

/* Lowering a watermark makes the device readable although nothing is freed. */
TEST_F_TIMEOUT(zbuddy, poll_is_woken_by_a_lower_watermark, 300)
{
	unsigned long before = zb_get_parameter("watermark_scale_factor");
	struct poller p;

	take_all(_metadata, self);
	ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", 3000));
	while (zb_free_bytes(self->fd) < 64 * self->page)
		ASSERT_EQ(0, give_page(self));
	begin_poll(_metadata, &p, self->fd);
	ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", 1));
	expect_ready(_metadata, &p);
	zb_set_parameter("watermark_scale_factor", before);
	EXPECT_TRUE(give_all(self));
}

/* A module frees to per-CPU lists, which wakes no waiter; poll() notices it nevertheless. */
TEST_F_TIMEOUT(zbuddy, poll_sees_frees_of_modules, 300)
{
	unsigned long before = zb_get_parameter("watermark_scale_factor");
	struct poller p;

	if (zb_load_test_module())
		SKIP(return, "no zb_api_test.ko");
	EXPECT_TRUE(module_holds(200));
	take_all(_metadata, self);
	ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", 1));
	begin_poll(_metadata, &p, self->fd);
	EXPECT_TRUE(module_holds(0));
	expect_ready(_metadata, &p);
	zb_set_parameter("watermark_scale_factor", before);
	EXPECT_TRUE(give_all(self));
	zb_unload_test_module();
}

TEST_HARNESS_MAIN

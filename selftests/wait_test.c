// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for memory: for how long, in which order, what wakes, and what poll()
 * says meanwhile.
 */
#include "buffer_test.h"

#include <pthread.h>

#define MS		1000000ull
#define LATE		(400 * MS)	/* a busy guest on a busy host */
#define NR_WAITERS	6
#define NR_PAGES	16

static struct zb_ioc_alloc bufs[8192];
static unsigned int nr_bufs;

/* Take all there is; the last buffers are single pages, for sure. */
static void take_all(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
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

static void give_all(FIXTURE_DATA(zbuddy) *self)
{
	while (nr_bufs)
		zb_free(self->fd, bufs[--nr_bufs].handle);
}

struct waiter {
	pthread_t thread;
	int fd;
	__u32 order;
	__u64 timeout;
	struct zb_ioc_alloc a;
	int rc;
	unsigned int place;	/* in the order in which they were served */
	__u64 ended;
	volatile bool done;
};

static unsigned int served;

static void *wait_thread(void *arg)
{
	struct waiter *w = arg;

	w->rc = zb_alloc_wait(w->fd, w->order, w->timeout, &w->a);
	w->ended = zb_now_ns();
	w->place = __atomic_fetch_add(&served, 1, __ATOMIC_SEQ_CST);
	w->done = true;
	return NULL;
}

static void start(struct __test_metadata *_metadata, struct waiter *w, int fd,
		  __u32 order, __u64 timeout)
{
	*w = (struct waiter){ .fd = fd, .order = order, .timeout = timeout };
	ASSERT_EQ(0, pthread_create(&w->thread, NULL, wait_thread, w));
}

TEST_F(zbuddy, no_wait_when_there_is_some)
{
	struct zb_ioc_alloc a;
	__u64 from = zb_now_ns();
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, zb_alloc_wait(self->fd, 0, i % 2 ? ZB_WAIT_FOREVER : 0, &a));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	EXPECT_LT(zb_now_ns() - from, LATE);
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
		EXPECT_LT(took, timeouts[i] + LATE);
	}
}

/* Numbers that would overflow something wait for long. */
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
	zb_sleep_ms(300);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		EXPECT_FALSE(w[i].done);
	give_all(self);
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].rc);
	}
}

static void expect_woken(struct __test_metadata *_metadata, struct waiter *w,
			 __u64 from)
{
	pthread_join(w->thread, NULL);
	EXPECT_EQ(0, w->rc);
	EXPECT_LT(w->ended - from, LATE);
}

TEST_F(zbuddy, woken_by_free)
{
	struct waiter w;
	__u64 from;

	take_all(_metadata, self);
	start(_metadata, &w, self->fd, bufs[0].order, ZB_WAIT_FOREVER);
	zb_sleep_ms(150);
	EXPECT_FALSE(w.done);
	from = zb_now_ns();
	ASSERT_EQ(0, zb_free(self->fd, bufs[0].handle));
	expect_woken(_metadata, &w, from);
	EXPECT_EQ(bufs[0].order, w.a.order);
}

/* Returns what it was, or -1. */
static long set_min_free(long kbytes)
{
	FILE *f = fopen("/sys/module/zbuddy/parameters/min_free_kbytes", "r+");
	long was = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &was) != 1)
		was = -1;
	rewind(f);
	fprintf(f, "%ld\n", kbytes);
	return fclose(f) ? -1 : was;
}

/* Without a right to the reserves it waits until there is more than these. */
TEST_F(zbuddy, reserves_are_not_waited_for)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN);
	unsigned int nr = 0;
	__u32 handles[ZB_BULK_MAX], done;
	long min_free = set_min_free(4096);

	ASSERT_LE(0, min_free);
	while (!zb_bulk_alloc(self->fd, self->info.block_order, handles, ZB_BULK_MAX, &done))
		nr += done;
	EXPECT_GT(nr, 0);
	while (!zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a))
		bufs[nr_bufs++] = a;
	EXPECT_GT(zb_free_bytes(self->fd), 0);
	a = zb_want_order(0, ZB_GFP_ANYZONE);
	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = zb_deadline(300 * MS);
	EXPECT_EQ(-ETIMEDOUT, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	give_all(self);
	EXPECT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_EQ(4096, set_min_free(min_free));
}

/* Somebody else's end. */
TEST_F(zbuddy, woken_by_close)
{
	int other = zb_open();
	struct zb_ioc_alloc a;
	struct waiter w;
	__u64 from;

	ASSERT_EQ(0, zb_alloc_order(other, 3, ZB_GFP_ANYZONE, &a));
	take_all(_metadata, self);
	start(_metadata, &w, self->fd, 3, ZB_WAIT_FOREVER);
	zb_sleep_ms(150);
	EXPECT_FALSE(w.done);
	from = zb_now_ns();
	close(other);
	expect_woken(_metadata, &w, from);
}

TEST_F(zbuddy, woken_by_munmap)
{
	struct zb_ioc_alloc a;
	struct waiter w;
	__u64 from;
	char *p, *q;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	take_all(_metadata, self);
	start(_metadata, &w, self->fd, 3, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	munmap(p, a.length);
	zb_sleep_ms(250);
	EXPECT_FALSE(w.done);
	from = zb_now_ns();
	munmap(q, a.length);
	expect_woken(_metadata, &w, from);
}

/* A pipe has the last reference: limbo gives it back a little later. */
TEST_F(zbuddy, woken_by_the_end_of_a_pin)
{
	struct zb_ioc_alloc a;
	struct waiter w;
	struct iovec iov;
	int pipe[2];
	__u64 from;
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p, a.length };
	ASSERT_EQ(a.length, vmsplice(pipe[1], &iov, 1, 0));
	take_all(_metadata, self);
	start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	zb_sleep_ms(250);
	EXPECT_FALSE(w.done);
	from = zb_now_ns();
	close(pipe[0]);
	close(pipe[1]);
	expect_woken(_metadata, &w, from);
}

/* First come, first served; and one free serves one. */
TEST_F(zbuddy, in_order)
{
	struct waiter w[NR_WAITERS];
	unsigned int i, k;

	take_all(_metadata, self);
	served = 0;
	for (i = 0; i < NR_WAITERS; i++) {
		start(_metadata, &w[i], self->fd, 0, ZB_WAIT_FOREVER);
		zb_sleep_ms(60);
	}
	for (i = 0; i < NR_WAITERS; i++) {
		ASSERT_EQ(0, zb_free(self->fd, bufs[--nr_bufs].handle));
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].rc);
		EXPECT_EQ(i, w[i].place);
		zb_sleep_ms(30);
		for (k = i + 1; k < NR_WAITERS; k++)
			EXPECT_FALSE(w[k].done);
	}
}

/* All at once: as many get some as there is. */
TEST_F(zbuddy, one_free_serves_many)
{
	struct waiter w[NR_WAITERS];
	unsigned int i;
	__u64 from;

	take_all(_metadata, self);
	for (i = 0; i < NR_WAITERS; i++)
		start(_metadata, &w[i], self->fd, 0, ZB_WAIT_FOREVER);
	zb_sleep_ms(100);
	from = zb_now_ns();
	ASSERT_EQ(0, zb_free(self->fd, bufs[0].handle));
	for (i = 0; i < NR_WAITERS; i++)
		expect_woken(_metadata, &w[i], from);
}

/* One at the head that gives up does not hold up the others. */
TEST_F(zbuddy, the_first_gives_up)
{
	struct waiter first, second;
	__u64 from;

	take_all(_metadata, self);
	start(_metadata, &first, self->fd, self->info.max_order, 300 * MS);
	zb_sleep_ms(50);
	start(_metadata, &second, self->fd, 0, ZB_WAIT_FOREVER);
	zb_sleep_ms(50);
	/* enough for the second, but it is not its turn */
	ASSERT_EQ(0, zb_free(self->fd, bufs[nr_bufs - 1].handle));
	zb_sleep_ms(100);
	EXPECT_FALSE(second.done);
	from = zb_now_ns();
	pthread_join(first.thread, NULL);
	EXPECT_EQ(-ETIMEDOUT, first.rc);
	expect_woken(_metadata, &second, from);
}

/* What can never be had is refused at once, and holds nobody up. */
TEST_F(zbuddy, nothing_to_wait_for)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_DMA);
	bool have_dma = false;
	struct zb_ioc_zone zone;
	__u64 from = zb_now_ns(), most = 0;
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
	a.deadline_ns = zb_deadline(2000 * MS);
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_LT(zb_now_ns() - from, 1000 * MS);
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
	start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	zb_sleep_ms(150);
	ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EINTR, w.rc);
	EXPECT_EQ(0, w.a.handle);
	/* the line has forgotten it */
	start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	give_all(self);
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.rc);
}

TEST_F(zbuddy, killed)
{
	struct waiter w;
	int status;
	pid_t pid;

	take_all(_metadata, self);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct zb_ioc_alloc a;

		zb_alloc_wait(self->fd, 0, ZB_WAIT_FOREVER, &a);
		_exit(1);
	}
	zb_sleep_ms(150);
	start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
	zb_sleep_ms(50);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_FALSE(w.done);
	give_all(self);
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.rc);
}

/*
 * Freed just as somebody begins to wait: 200 times, at various moments. Who was not
 * woken is served when he looks again, which the module counts: on a busy host time
 * does not tell.
 */
TEST_F_TIMEOUT(zbuddy, no_wakeup_is_lost, 90)
{
	__u64 seed = 1, from, took, worst = 0;
	long missed = zb_vmstat("zb_wait_missed");
	struct waiter w;
	unsigned int i, late = 0;

	take_all(_metadata, self);
	for (i = 0; i < 200; i++) {
		__u64 until, n = zb_random(&seed) % 300000;

		start(_metadata, &w, self->fd, 0, ZB_WAIT_FOREVER);
		for (until = zb_now_ns() + n; zb_now_ns() < until;)
			;
		from = zb_now_ns();
		ASSERT_EQ(0, zb_free(self->fd, bufs[nr_bufs - 1].handle));
		pthread_join(w.thread, NULL);
		ASSERT_EQ(0, w.rc);
		took = w.ended > from ? w.ended - from : 0;
		worst = took > worst ? took : worst;
		late += took > 50 * MS;
		bufs[nr_bufs - 1] = w.a;
	}
	missed = zb_vmstat("zb_wait_missed") - missed;
	TH_LOG("worst wakeup %llu us, %u of 200 later than 50 ms, %ld missed", worst / 1000,
	       late, missed);
	EXPECT_LE(missed, 1);
	EXPECT_LE(late, 100);
}

/* Memory that comes without a free is found all the same, and that is what is counted. */
TEST_F(zbuddy, nobody_told)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE);
	unsigned long before = zb_get_parameter("min_free_kbytes");
	long missed = zb_vmstat("zb_wait_missed");
	__u64 from;
	pid_t pid;

	if (missed < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	/* Single pages, far fewer than any zone keeps back. */
	while (zb_free_bytes(self->fd) < NR_PAGES / 2 * self->page)
		ASSERT_EQ(0, zb_free(self->fd, bufs[--nr_bufs].handle));
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes", 4 * 1024));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		zb_sleep_ms(150);
		_exit(zb_set_parameter("min_free_kbytes", before) ? 1 : 0);
	}
	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = zb_deadline(10000 * MS);
	from = zb_now_ns();
	EXPECT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_GT(zb_now_ns() - from, 100 * MS);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(missed + 1, zb_vmstat("zb_wait_missed"));
	give_all(self);
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

/* Eight that want one page each of two there are: everybody gets on. */
TEST_F(zbuddy, nobody_starves)
{
	unsigned int rounds[8] = { 0 }, i;
	pthread_t threads[8];

	take_all(_metadata, self);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hog_thread, &rounds[i]));
	zb_free(self->fd, bufs[--nr_bufs].handle);
	zb_free(self->fd, bufs[--nr_bufs].handle);
	zb_sleep_ms(3000);
	stop = true;
	give_all(self);
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 8; i++) {
		TH_LOG("thread %u: %u rounds", i, rounds[i]);
		EXPECT_GE(rounds[i], 5);
	}
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	int rc = poll(&p, 1, ms);

	return rc == 1 && p.revents == POLLIN;
}

TEST_F(zbuddy, poll_says_whether_there_is_some)
{
	EXPECT_TRUE(readable(self->fd, 0));
	take_all(_metadata, self);
	EXPECT_FALSE(readable(self->fd, 0));
	EXPECT_FALSE(readable(self->fd, 100));
	/* a page alone is below every low watermark */
	ASSERT_EQ(0, zb_free(self->fd, bufs[nr_bufs - 1].handle));
	give_all(self);
	EXPECT_TRUE(readable(self->fd, 0));
}

struct poller {
	int fd;
	volatile bool ready;
	__u64 at;
};

static void *poll_thread(void *arg)
{
	struct poller *p = arg;

	p->ready = readable(p->fd, 10000);
	p->at = zb_now_ns();
	return NULL;
}

TEST_F(zbuddy, poll_is_woken)
{
	struct poller p = { .fd = self->fd };
	pthread_t thread;
	__u64 from;

	take_all(_metadata, self);
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_thread, &p));
	zb_sleep_ms(150);
	EXPECT_FALSE(p.ready);
	from = zb_now_ns();
	give_all(self);
	pthread_join(thread, NULL);
	EXPECT_TRUE(p.ready);
	EXPECT_LT(p.at - from, LATE);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The queue of requests that wait for memory: which requests may pass others, how
 * often, and how many may wait. The tests use the counters in
 * /sys/kernel/debug/zbuddy/vmstat; they do not measure time.
 */
#include "waiters.h"

#define MAX_PASSED	64	/* ZB_MAX_PASSED of module/buffer/line.h */
#define ANY		(ZB_GFP_ANYZONE | __ZB_GFP_NOWARN)

static bool find_zone(FIXTURE_DATA(zbuddy) *self, __u32 type, struct zb_ioc_zone *zone)
{
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++)
		if (!zb_zone(self->fd, i, zone) && zone->type == type)
			return true;
	return false;
}

/*
 * A zone can be large enough for a block and still never have one, because of the
 * block's alignment. Such a request is refused instead of blocking the queue forever.
 */
TEST_F(zbuddy, impossible_by_alignment)
{
	struct zb_ioc_zone zone;
	struct zb_ioc_alloc a;
	__u32 order;

	zb_drain();
	if (!find_zone(self, ZB_ZONE_DMA32, &zone) || zone.largest_order < 0)
		SKIP(return, "no zone DMA32");
	order = (__u32)zone.largest_order + 1;
	if (self->page << order > zone.total_bytes || order > self->info.max_order)
		SKIP(return, "zone DMA32 is smaller than the next larger block");
	EXPECT_EQ(-ENOMEM, wait_for(self->fd, order, ZB_GFP_DMA32 | __ZB_GFP_MEMALLOC,
				    PATIENCE, &a));
}

/* Requests pass a waiter whose zone they do not use; this is not counted as passing. */
TEST_F(zbuddy, another_zone_passes)
{
	struct waiter first, second;
	struct zb_ioc_alloc a, b;
	struct zb_ioc_zone zone;
	__u64 bytes;
	long passed;
	int i;

	if (!find_zone(self, ZB_ZONE_DMA, &zone) || !find_zone(self, ZB_ZONE_MOVABLE, &zone))
		SKIP(return, "no zones DMA and Movable");
	/* A request that may not sleep could fail while a drain is in progress. */
	while (!zb_alloc_order(self->fd, 0, ZB_GFP_KERNEL | ZB_GFP_DMA | __ZB_GFP_NOWARN, &a))
		bufs[nr_bufs++] = a;
	ASSERT_GT(nr_bufs, 0);
	start_gfp(_metadata, &first, self->fd, 0,
		  ZB_GFP_KERNEL | ZB_GFP_DMA | __ZB_GFP_MEMALLOC, ZB_WAIT_FOREVER);
	ASSERT_TRUE(await_waiting(1)) {
		TH_LOG("the first request: done %d, result %d; %u pages were allocated before",
		       first.done, first.rc, nr_bufs);
	}
	passed = zb_vmstat("zb_wait_passed");
	for (i = 0; i < 3 * MAX_PASSED; i++) {
		ASSERT_EQ(0, wait_for(self->fd, 0, ANY, PATIENCE, &a));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	EXPECT_EQ(passed, zb_vmstat("zb_wait_passed"));
	/* the same for a request that is queued behind it */
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ANY, &b));
	nr_bufs += zb_alloc_all(self->fd, 9, ANY, bufs + nr_bufs,
				ARRAY_SIZE(bufs) - nr_bufs, &bytes);
	start_waiting(_metadata, &second, self->fd, 0, PATIENCE);
	ASSERT_EQ(0, zb_free(self->fd, b.handle));
	expect_served(_metadata, &second);
	EXPECT_EQ(passed, zb_vmstat("zb_wait_passed"));
	EXPECT_FALSE(first.done);
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
}

/* Allocate all memory and free every other block of order 8. */
static void fragment(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_phys phys;
	unsigned int i, kept = 0;
	__u64 bytes;

	nr_bufs = zb_alloc_all(self->fd, 8, ANY, bufs, ARRAY_SIZE(bufs), &bytes);
	ASSERT_EQ(0, zb_free_bytes(self->fd));
	for (i = 0; i < nr_bufs; i++) {
		ASSERT_EQ(0, zb_phys(self->fd, bufs[i].handle, &phys));
		if (phys.addr / (self->page << 8) % 2 == 0)
			bufs[kept++] = bufs[i];
		else
			EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	}
	nr_bufs = kept;
}

/*
 * Half of all memory is free, but no block is large enough for the first waiter. Small
 * requests pass it; after every 64 of them, memory is held for it once.
 */
TEST_F_TIMEOUT(zbuddy, small_ones_pass, 300)
{
	long passed = zb_vmstat("zb_wait_passed"), held = zb_vmstat("zb_wait_held");
	const unsigned int nr = 4 * MAX_PASSED;
	struct waiter first;
	struct zb_ioc_alloc a;
	unsigned int i;

	if (passed < 0)
		SKIP(return, "no debugfs");
	fragment(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 9, ZB_WAIT_FOREVER);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, wait_for(self->fd, 0, ANY, PATIENCE, &a));
	EXPECT_FALSE(first.done);
	passed = zb_vmstat("zb_wait_passed") - passed;
	held = zb_vmstat("zb_wait_held") - held;
	TH_LOG("%ld requests passed the first waiter, %ld holds", passed, held);
	EXPECT_EQ(nr, passed);
	EXPECT_LE(passed, (held + 1) * MAX_PASSED);
	/* the first waiter is served as soon as a block for it is free */
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
}

static volatile bool stop;
static unsigned int nr_rounds;	/* of all threads that repeat something until they are stopped */

/* Wait until the threads have done @nr rounds; false on timeout. */
static bool await_rounds(unsigned int nr)
{
	__u64 until = zb_now_ns() + PATIENCE;

	while (__atomic_load_n(&nr_rounds, __ATOMIC_RELAXED) < nr) {
		if (zb_now_ns() > until)
			return false;
		zb_sleep_ms(1);
	}
	return true;
}

static void *hog_thread(void *arg)
{
	FIXTURE_DATA(zbuddy) *self = arg;
	struct zb_ioc_alloc a;

	while (!stop)
		if (!wait_for(self->fd, 0, ANY, PATIENCE, &a) && !zb_free(self->fd, a.handle))
			__atomic_fetch_add(&nr_rounds, 1, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * Four threads allocate and free pages all the time. Pages freed during a hold
 * accumulate for the first waiter, and those threads do not get them.
 */
TEST_F_TIMEOUT(zbuddy, the_first_does_not_starve, 300)
{
	struct zb_ioc_alloc pages[1024];
	struct waiter first;
	pthread_t hogs[4];
	unsigned int i, nr = 0;

	if (nr_waiting() < 0)
		SKIP(return, "no debugfs");
	while (nr < 512 && !zb_alloc_order(self->fd, 0, ANY, &pages[nr]))
		nr++;
	ASSERT_EQ(512, nr);
	take_all(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 8, ZB_WAIT_FOREVER);
	for (i = 0; i < ARRAY_SIZE(hogs); i++)
		ASSERT_EQ(0, pthread_create(&hogs[i], NULL, hog_thread, self));
	while (nr > 496)
		ASSERT_EQ(0, zb_free(self->fd, pages[--nr].handle));
	EXPECT_TRUE(await_rounds(100));
	while (nr)
		ASSERT_EQ(0, zb_free(self->fd, pages[--nr].handle));
	expect_served(_metadata, &first);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(hogs); i++)
		pthread_join(hogs[i], NULL);
}

/*
 * The first waiter needs more than will ever be free. Memory is held for it for a limited
 * time; then other requests are served.
 */
TEST_F_TIMEOUT(zbuddy, others_are_served_after_a_hold, 300)
{
	long held = zb_vmstat("zb_wait_held");
	struct waiter first, second;

	if (held < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 9, ZB_WAIT_FOREVER);
	start_waiting(_metadata, &second, self->fd, 0, PATIENCE);
	EXPECT_EQ(held, zb_vmstat("zb_wait_held"));
	ASSERT_EQ(0, give_page(self));
	expect_served(_metadata, &second);
	EXPECT_EQ(held + 1, zb_vmstat("zb_wait_held"));
	EXPECT_FALSE(first.done);
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
}

static void *nuisance_thread(void *arg)
{
	FIXTURE_DATA(zbuddy) *self = arg;
	struct zb_ioc_alloc a;

	while (!stop)
		if (wait_for(self->fd, 9, ANY, 5 * MS, &a) == -ETIMEDOUT)
			__atomic_fetch_add(&nr_rounds, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Successive waiters at the head of the queue cause no more holds than a single one. */
TEST_F_TIMEOUT(zbuddy, one_hold_at_a_time, 300)
{
	long held = zb_vmstat("zb_wait_held");
	pthread_t threads[8];
	struct waiter second;
	unsigned int i;

	if (held < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, nuisance_thread, self));
	EXPECT_TRUE(await_rounds(2 * ARRAY_SIZE(threads)));
	start(_metadata, &second, self->fd, 0, PATIENCE);
	ASSERT_EQ(0, give_page(self));
	expect_served(_metadata, &second);
	EXPECT_LE(zb_vmstat("zb_wait_held") - held, 1);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	EXPECT_TRUE(give_all(self));
}

/*
 * The first request is served, the next one becomes the first and is served as well,
 * and so on. A small request does not have to wait until all of them are served.
 */
TEST_F_TIMEOUT(zbuddy, a_chain_of_firsts, 300)
{
	struct zb_ioc_alloc block;
	struct waiter chain[40], small;
	unsigned int i;

	if (zb_vmstat("zb_wait_held") < 0)
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_alloc_order(self->fd, 9, ANY, &block));
	take_all(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(chain); i++)
		start_waiting(_metadata, &chain[i], self->fd, 9, ZB_WAIT_FOREVER);
	start_waiting(_metadata, &small, self->fd, 0, PATIENCE);
	ASSERT_EQ(0, give_page(self));
	for (i = 0; i < ARRAY_SIZE(chain); i++) {
		ASSERT_EQ(0, zb_free(self->fd, block.handle));
		expect_served(_metadata, &chain[i]);
		block = chain[i].a;
		/* Less than it takes for a hold to end because nothing is freed. */
		zb_sleep_ms(small.done ? 0 : 150);
	}
	expect_served(_metadata, &small);
	TH_LOG("served after %u of %zu", small.place, ARRAY_SIZE(chain));
	EXPECT_LT(small.place, ARRAY_SIZE(chain) / 2);
	EXPECT_TRUE(give_all(self));
}

#define MANY	15

static void *wait_for_page(void *arg)
{
	FIXTURE_DATA(zbuddy) *self = arg;
	struct zb_ioc_alloc a;

	return wait_for(self->fd, 0, ANY, PATIENCE, &a) ? arg : NULL;
}

/* A process of another user with many waiting requests. */
static pid_t start_many(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	pthread_t threads[MANY];
	unsigned int i, failed = 0;
	pid_t pid = fork();
	void *rc;

	if (!pid) {
		if (setuid(12345))
			_exit(1);
		for (i = 0; i < MANY; i++)
			if (pthread_create(&threads[i], NULL, wait_for_page, self))
				_exit(1);
		for (i = 0; i < MANY; i++)
			failed += pthread_join(threads[i], &rc) || rc;
		_exit(failed);
	}
	EXPECT_TRUE(await_waiting(1 + MANY));
	return pid;
}

/*
 * One user has many waiting requests. The request of another user is not served after all
 * of them.
 */
TEST_F_TIMEOUT(zbuddy, users_take_turns, 300)
{
	struct waiter first, second;
	pid_t pid;
	int i;

	if (nr_waiting() < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 9, ZB_WAIT_FOREVER);
	pid = start_many(_metadata, self);
	start_waiting(_metadata, &second, self->fd, 0, PATIENCE);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, give_page(self));
	expect_served(_metadata, &second);
	EXPECT_LE(1 + MANY - 2, nr_waiting());
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

/* An attempt with a past deadline does not wait, but a turn counts for it as well. */
TEST_F_TIMEOUT(zbuddy, attempts_have_turns, 300)
{
	struct zb_ioc_alloc a;
	struct waiter first;
	__u64 until;
	int rc;

	if (nr_waiting() < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 9, ZB_WAIT_FOREVER);
	ASSERT_EQ(0, give_page(self));
	until = zb_now_ns() + PATIENCE / 4;
	do {
		zb_sleep_ms(10);
		rc = wait_for(self->fd, 0, ANY | __ZB_GFP_MEMALLOC, 0, &a);
	} while (rc == -ETIMEDOUT && zb_now_ns() < until);
	EXPECT_EQ(0, rc);
	EXPECT_FALSE(first.done);
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
}

/* A past deadline allows one attempt, whether or not other requests are queued. */
TEST_F(zbuddy, past_deadline)
{
	struct zb_ioc_alloc a;
	struct waiter first;

	ASSERT_EQ(0, zb_alloc_until(self->fd, 0, ANY, 1, &a));
	fragment(_metadata, self);
	start_waiting(_metadata, &first, self->fd, 9, ZB_WAIT_FOREVER);
	EXPECT_EQ(0, zb_alloc_until(self->fd, 0, ANY, 1, &a));
	EXPECT_EQ(-ETIMEDOUT, zb_alloc_until(self->fd, 9, ANY, 1, &a));
	EXPECT_TRUE(give_all(self));
	expect_served(_metadata, &first);
}

static void limit_waiting(unsigned long per_open, unsigned long per_user)
{
	zb_set_parameter("max_waiting_per_open", per_open);
	zb_set_parameter("max_waiting_per_user", per_user);
}

TEST_F(zbuddy, limits)
{
	unsigned long per_open = zb_get_parameter("max_waiting_per_open");
	unsigned long per_user = zb_get_parameter("max_waiting_per_user");
	int other = zb_open(), third = zb_open();
	struct waiter w[5];
	struct zb_ioc_alloc a;
	unsigned int i;

	EXPECT_GT(per_open, 0);
	EXPECT_GT(per_user, 0);
	take_all(_metadata, self);
	limit_waiting(3, 5);
	for (i = 0; i < 5; i++)
		start_waiting(_metadata, &w[i], i < 3 ? self->fd : other, 0, ZB_WAIT_FOREVER);
	EXPECT_EQ(-EDQUOT, wait_for(self->fd, 0, ANY, PATIENCE, &a));
	EXPECT_EQ(-EDQUOT, wait_for(other, 0, ANY, PATIENCE, &a));
	EXPECT_EQ(-EDQUOT, wait_for(third, 0, ANY, PATIENCE, &a));
	/* the limit applies to waiting only, not to a single attempt */
	EXPECT_EQ(-ETIMEDOUT, wait_for(third, 0, ANY, 0, &a));
	ASSERT_EQ(0, give_page(self));
	expect_served(_metadata, &w[0]);
	start_waiting(_metadata, &w[0], other, 0, ZB_WAIT_FOREVER);
	EXPECT_EQ(-EDQUOT, wait_for(third, 0, ANY, PATIENCE, &a));
	limit_waiting(per_open, per_user);
	EXPECT_TRUE(give_all(self));
	for (i = 0; i < 5; i++)
		expect_served(_metadata, &w[i]);
	close(other);
	close(third);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction for requests that wait: the first request in the queue is served as soon as
 * movable buffers can be moved out of its way, although nobody frees memory.
 */
#include "compact.h"
#include "waiters.h"

#define SECOND	(1000 * MS)

static void fragment_and_pin(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	fragment(_metadata, self, &self->fd, 1, false);
	pin_all(_metadata, self);
}

static void *wait_forever(void *arg)
{
	struct waiter *w = arg;

	w->a.flags |= ZB_BUF_WAIT;
	w->a.deadline_ns = ZB_WAIT_FOREVER;
	w->rc = zb_ioctl(w->fd, ZB_IOC_ALLOC, &w->a);
	w->done = true;
	return NULL;
}

static void served_when_pins_end(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
				 struct zb_ioc_alloc want)
{
	struct waiter w = { .fd = self->fd, .a = want };
	long granted = zb_vmstat("zb_wait_granted"), failed, moved;

	fragment_and_pin(_metadata, self);
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_forever, &w));
	ASSERT_TRUE(await_waiting(1));
	/* the queue compacts repeatedly, but the pins prevent success */
	failed = zb_vmstat("compact_fail");
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("compact_fail") > failed));
	EXPECT_FALSE(w.done);
	moved = zb_vmstat("pgmigrate_success");
	unpin_all();
	expect_served(_metadata, &w);
	EXPECT_EQ(granted + 1, zb_vmstat("zb_wait_granted"));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
	show("a waiter", moved);
}

TEST_F_TIMEOUT(zbuddy, block_when_pins_end, 400)
{
	if (zb_vmstat("zb_wait_granted") < 0)
		SKIP(return, "no debugfs");
	served_when_pins_end(_metadata, self, zb_want_order(9, MOVABLE));
}

/* A block of order 10 has to become free, because 3 MiB are more than 2. */
TEST_F_TIMEOUT(zbuddy, length_when_pins_end, 400)
{
	if (zb_vmstat("zb_wait_granted") < 0)
		SKIP(return, "no debugfs");
	served_when_pins_end(_metadata, self, zb_want_length(768 * self->page, MOVABLE));
}

/* However often memory is freed, the queue compacts once per second only. */
TEST_F_TIMEOUT(zbuddy, not_after_each_free, 400)
{
	const unsigned int nr = 3000 / FEWER;
	struct zb_ioc_alloc a;
	long stalls, passed;
	struct waiter w;
	unsigned int i;
	__u64 begin;

	if (zb_vmstat("compact_stall") < 0)
		SKIP(return, "no debugfs");
	fragment_and_pin(_metadata, self);
	start_gfp(_metadata, &w, self->fd, 9, MOVABLE, ZB_WAIT_FOREVER);
	ASSERT_TRUE(await_waiting(1));
	stalls = zb_vmstat("compact_stall");
	passed = zb_vmstat("zb_wait_passed");
	begin = zb_now_ns();
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, wait_for(self->fd, 0, MOVABLE, PATIENCE, &a));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	stalls = zb_vmstat("compact_stall") - stalls;
	passed = zb_vmstat("zb_wait_passed") - passed;
	printf("# %ld attempts in %llu s, %ld small requests passed\n", stalls,
	       (unsigned long long)((zb_now_ns() - begin) / SECOND), passed);
	/* each attempt counts once per zone */
	EXPECT_LE(stalls, (long)((zb_now_ns() - begin) / SECOND + 2) * self->info.nr_zones);
	EXPECT_FALSE(w.done);
	unpin_all();
	expect_served(_metadata, &w);
	expect_contents(_metadata);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction for requests that wait: the first request in the queue is served as soon as
 * movable buffers can be moved out of its way, although nobody frees memory.
 */
#include "compact.h"
#include "waiters.h"

#include <fcntl.h>
#include <sys/uio.h>

#define SECOND	(1000 * MS)

static int pipes[NR][2];

/* Put a page of each buffer into a pipe, so that the buffer can't be moved. */
static void pin_all(struct __test_metadata *_metadata)
{
	struct iovec iov;
	unsigned int i;

	for (i = 0; i < NR; i++) {
		if (!pieces[i].p)
			continue;
		ASSERT_EQ(0, pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK));
		iov = (struct iovec){ pieces[i].p, 1 };
		ASSERT_EQ(1, vmsplice(pipes[i][1], &iov, 1, 0));
	}
}

static void unpin_all(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		if (pieces[i].p) {
			close(pipes[i][0]);
			close(pipes[i][1]);
		}
}

/* Wait until a counter exceeds a value. */
static bool await_more(const char *counter, long value)
{
	__u64 until = zb_now_ns() + PATIENCE;

	while (zb_vmstat(counter) <= value) {
		if (zb_now_ns() > until) {
			printf("# %s is still %ld\n", counter, zb_vmstat(counter));
			return false;
		}
		zb_sleep_ms(10);
	}
	return true;
}

static void fragment_and_pin(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	fragment(_metadata, self, &self->fd, 1, false);
	pin_all(_metadata);
}

/* A request for 2 and for 4 MiB, and one with a length. */
TEST_F_TIMEOUT(zbuddy, served_when_pins_end, 400)
{
	long granted = zb_vmstat("zb_wait_granted"), failed, moved;
	struct waiter w;

	if (granted < 0)
		SKIP(return, "no debugfs");
	fragment_and_pin(_metadata, self);
	start_gfp(_metadata, &w, self->fd, 9, MOVABLE, ZB_WAIT_FOREVER);
	ASSERT_TRUE(await_waiting(1));
	/* the queue compacts repeatedly, but the pins prevent success */
	failed = zb_vmstat("compact_fail");
	EXPECT_TRUE(await_more("compact_fail", failed));
	EXPECT_FALSE(w.done);
	moved = zb_vmstat("pgmigrate_success");
	unpin_all();
	expect_served(_metadata, &w);
	EXPECT_EQ(granted + 1, zb_vmstat("zb_wait_granted"));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
	show("a waiter", moved);
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

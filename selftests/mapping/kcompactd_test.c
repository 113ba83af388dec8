// SPDX-License-Identifier: GPL-2.0
/*
 * Background compaction: after a request had to compact, and proactively, to the target
 * that the parameter compaction_proactiveness sets.
 */
#include "compact.h"
#include "waiters.h"

#define PARAM	"/sys/module/zbuddy/parameters/compaction_proactiveness"

static int set_proactiveness(const char *value)
{
	return zb_write_file(PARAM, value);
}

/* Wait until background compaction has run once more. */
static bool await_wake(long wakes)
{
	__u64 until = zb_now_ns() + PATIENCE;

	while (zb_vmstat("compact_daemon_wake") <= wakes) {
		if (zb_now_ns() > until)
			return false;
		zb_sleep_ms(20);
	}
	return true;
}

/* A second is enough even in a slow guest, but not necessary. */
static bool await_more_scanned(long scanned)
{
	unsigned int i;

	for (i = 0; i < 50 * zb_time_scale(); i++) {
		if (zb_vmstat("compact_daemon_migrate_scanned") > scanned)
			return true;
		zb_sleep_ms(20);
	}
	return false;
}

/* Wait until a request that may not sleep gets a block; without requests that compact. */
static bool await_block(int fd, __u32 order)
{
	__u64 until = zb_now_ns() + PATIENCE;

	while (try_order(fd, order, NOWAIT)) {
		if (zb_now_ns() > until)
			return false;
		zb_sleep_ms(20);
	}
	return true;
}

/*
 * After a request had to compact, another block of the same order is made free. If the
 * request takes its block so late that background compaction still finds it, nothing is
 * done, so there are a few attempts.
 */
TEST_F_TIMEOUT(zbuddy, after_a_request, 300)
{
	long wakes, scanned = zb_vmstat("compact_daemon_migrate_scanned");
	long moved = zb_vmstat("pgmigrate_success");
	struct zb_ioc_alloc a;
	bool found = false;
	unsigned int i;

	if (zb_vmstat("compact_stall") < 0)
		SKIP(return, "no debugfs");
	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < 3 && !found; i++) {
		wakes = zb_vmstat("compact_daemon_wake");
		ASSERT_EQ(0, zb_alloc_order(self->fd, 9, MOVABLE, &a));
		ASSERT_TRUE(await_wake(wakes));
		/* the counter increases at the beginning of the run */
		found = await_more_scanned(scanned) && await_block(self->fd, 9);
	}
	EXPECT_TRUE(found);
	EXPECT_LT(scanned, zb_vmstat("compact_daemon_migrate_scanned"));
	expect_contents(_metadata);
	show("background", moved);
}

/* Without any request, free memory is compacted to the target, and not before it is set. */
TEST_F_TIMEOUT(zbuddy, proactive, 300)
{
	long stalls = zb_vmstat("compact_stall"), moved = zb_vmstat("pgmigrate_success");
	long wakes = zb_vmstat("compact_daemon_wake");

	if (stalls < 0)
		SKIP(return, "no debugfs");
	fragment(_metadata, self, &self->fd, 1, false);
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	/* up to 10, there is no limit that the memory could exceed */
	ASSERT_EQ(0, set_proactiveness("10"));
	zb_sleep_ms(10);
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	ASSERT_EQ(0, set_proactiveness("100"));
	EXPECT_TRUE(await_block(self->fd, 9));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_EQ(stalls, zb_vmstat("compact_stall"));
	EXPECT_EQ(wakes, zb_vmstat("compact_daemon_wake"));
	expect_contents(_metadata);
	ASSERT_EQ(0, set_proactiveness("0"));
	show("proactive", moved);
}

TEST_F(zbuddy, bad_values)
{
	EXPECT_EQ(-EINVAL, set_proactiveness("101"));
	EXPECT_EQ(-EINVAL, set_proactiveness("-1"));
	EXPECT_EQ(-EINVAL, set_proactiveness("x"));
	EXPECT_EQ(0, set_proactiveness("0"));
}

TEST_HARNESS_MAIN

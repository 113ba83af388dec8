// SPDX-License-Identifier: GPL-2.0
/*
 * Background compaction: after a request had to compact, and proactively, to the target
 * that the parameter compaction_proactiveness sets.
 */
#define ZB_OWN_FIXTURE
#include "compact.h"

#define PARAM	"/sys/module/zbuddy/parameters/compaction_proactiveness"

static int set_proactiveness(const char *value)
{
	return zb_write_file(PARAM, value);
}

FIXTURE_SETUP(zbuddy)
{
	if (zb_setup(_metadata, self))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
}

FIXTURE_TEARDOWN_PARENT(zbuddy)
{
	EXPECT_EQ(0, set_proactiveness("0"));
	zb_teardown(_metadata, self);
}

/* The number of frames in the windows that background compaction tried to empty. */
static long nr_scanned(void)
{
	return zb_vmstat("compact_daemon_migrate_scanned");
}

/*
 * After a request had to compact, another block of the same order is made free. If the
 * request takes its block so late that background compaction still finds it, nothing is
 * done, so there are a few attempts.
 */
TEST_F_TIMEOUT(zbuddy, after_a_request, 300)
{
	long wakes = zb_vmstat("compact_daemon_wake"), scanned = nr_scanned();
	long moved = zb_vmstat("pgmigrate_success");
	struct zb_ioc_alloc a;
	unsigned int i, ms;

	if (zb_vmstat("compact_stall") < 0)
		SKIP(return, "no debugfs");
	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < 3 && nr_scanned() == scanned; i++) {
		ASSERT_EQ(0, alloc_by_compaction(self->fd, 9, MOVABLE, &a));
		for (ms = 0; ms < 5000 * zb_time_scale() && nr_scanned() == scanned; ms += 20)
			zb_sleep_ms(20);
	}
	EXPECT_LT(scanned, nr_scanned());
	EXPECT_LT(wakes, zb_vmstat("compact_daemon_wake"));
	/* a request that may not sleep does not compact itself */
	EXPECT_TRUE(ZB_AWAIT(!try_order(self->fd, 9, NOWAIT)));
	expect_contents(_metadata);
	show("background", moved);
}

/* Memory is compacted to the target without any request, but not before it is set. */
TEST_F_TIMEOUT(zbuddy, proactive, 300)
{
	long stalls = zb_vmstat("compact_stall"), moved, scanned, wakes;

	if (stalls < 0)
		SKIP(return, "no debugfs");
	fragment(_metadata, self, &self->fd, 1, false);
	moved = zb_vmstat("pgmigrate_success");
	scanned = nr_scanned();
	wakes = zb_vmstat("compact_daemon_wake");
	/* up to 10, there is no limit that the memory could exceed; a run begins at once */
	ASSERT_EQ(0, set_proactiveness("10"));
	zb_sleep_ms(300);
	EXPECT_EQ(scanned, nr_scanned());
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	ASSERT_EQ(0, set_proactiveness("100"));
	EXPECT_TRUE(ZB_AWAIT(!try_order(self->fd, 9, NOWAIT)));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_LT(scanned, nr_scanned());
	EXPECT_EQ(stalls, zb_vmstat("compact_stall"));
	EXPECT_EQ(wakes, zb_vmstat("compact_daemon_wake"));
	expect_contents(_metadata);
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that may not sleep can't wait until the lists of other CPUs are drained. Therefore
 * these lists are empty while a zone is below its low watermark, and when a CPU has not used
 * them for a while.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "zbuddy_stat.h"

#define MAX_BUFS	(1 << 17)
#define NR_CACHED	48
#define NOWAIT		(ZB_GFP_NOWAIT | __ZB_GFP_NOWARN)
#define MAX_WAIT	1200		/* times 50 ms: an upper limit for slow machines */

static struct zb_ioc_alloc bufs[MAX_BUFS];

/* Frames on all per-CPU lists. */
static unsigned long nr_cached(void)
{
	static char text[1 << 16];
	char *save = NULL, *line;
	unsigned long sum = 0, nr;

	if (zb_read_file(ZB_DEBUGFS "zoneinfo", text, sizeof(text)) <= 0)
		return ~0ul;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, " count: %lu", &nr) == 1)
			sum += nr;
	return sum;
}

static bool await_empty_lists(void)
{
	unsigned int i;

	for (i = 0; i < MAX_WAIT && nr_cached(); i++)
		zb_sleep_ms(50);
	return !nr_cached();
}

/* Free frames on both CPUs, so that the lists of both have some. */
static void fill_lists(struct __test_metadata *_metadata, FIXTURE_DATA(policy) *self)
{
	unsigned int cpu, i;

	for (cpu = 0; cpu < 2; cpu++) {
		if (zb_run_on(cpu))
			SKIP(return, "needs two CPUs");
		for (i = 0; i < NR_CACHED; i++)
			ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_KERNEL, &bufs[i]));
		for (i = 0; i < NR_CACHED; i++)
			ASSERT_EQ(0, zb_free(self->zb.fd, bufs[i].handle));
	}
}

/* Idle lists are drained although nobody requests a drain or memory. */
TEST_F(policy, idle_lists_are_drained)
{
	fill_lists(_metadata, self);
	if (!nr_cached())
		SKIP(return, "there are no lists");
	EXPECT_TRUE(await_empty_lists());
	EXPECT_TRUE(zb_check_ok());
}

static unsigned int take_order(int fd, unsigned int order, unsigned int n)
{
	while (n < MAX_BUFS &&
	       !zb_alloc_order(fd, order, NOWAIT | __ZB_GFP_MOVABLE, &bufs[n]))
		n++;
	return n;
}

/* Allocate all memory, as large blocks for speed, except the last one, frame by frame. */
static unsigned int take_all(int fd, unsigned int n)
{
	unsigned int large = take_order(fd, 9, n);

	if (large > n && !zb_free(fd, bufs[large - 1].handle))
		large--;
	return take_order(fd, 0, large);
}

/* CPU 0 can allocate all memory, including the frames that CPU 1 has freed. */
TEST_F_TIMEOUT(policy, low_zones_have_empty_lists, 120)
{
	unsigned int i, n;

	fill_lists(_metadata, self);
	n = take_all(self->zb.fd, 0);
	if (n == MAX_BUFS)
		SKIP(goto out, "too much memory for this test");
	/* The drain runs in the background, so the requests may have failed before its end. */
	EXPECT_TRUE(await_empty_lists());
	n = take_all(self->zb.fd, n);
	/* From now on, a frame that another CPU frees can be allocated at once. */
	for (i = 0; i < 16 && n; i++) {
		ASSERT_EQ(0, zb_run_on(1));
		ASSERT_EQ(0, zb_free(self->zb.fd, bufs[--n].handle));
		EXPECT_EQ(0, nr_cached());
		ASSERT_EQ(0, zb_run_on(0));
		ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, NOWAIT | __ZB_GFP_MOVABLE,
					    &bufs[n]));
		n++;
	}
out:
	while (n)
		EXPECT_EQ(0, zb_free(self->zb.fd, bufs[--n].handle));
}

TEST_HARNESS_MAIN

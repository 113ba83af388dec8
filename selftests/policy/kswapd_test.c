// SPDX-License-Identifier: GPL-2.0
/*
 * Background reclaim: it is woken below the low watermark, stops at the high one, and pauses
 * if it can take nothing.
 */
#include "zbuddy_stat.h"
#include "discard.h"

#define ORDER		2u
#define NOWAIT		(ZB_GFP_NOWAIT | __ZB_GFP_NOWARN)
#define ATOMIC		(ZB_GFP_ATOMIC | __ZB_GFP_NOWARN)

/* Zones that are below their high watermark, of those that ordinary requests use. */
static unsigned int nr_low_zones(void)
{
	struct zb_zones zones;
	unsigned int i, nr = 0;

	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++)
		nr += zones.zone[i].type <= ZB_ZONE_NORMAL &&
		      zones.zone[i].free <= zones.zone[i].high;
	return nr;
}

/* Wait until a run that has been requested is over; false if kswapd runs again and again. */
static bool await_quiet(void)
{
	unsigned int tries;
	long runs;

	for (tries = 0; tries < 10; tries++) {
		runs = zb_vmstat("pageoutrun");
		zb_sleep_ms(300);
		if (zb_vmstat("pageoutrun") == runs)
			return true;
	}
	return false;
}

/* Fill the memory down to the min watermark, and mark everything as not needed. */
static unsigned int fill_and_mark(struct __test_metadata *_metadata, int fd, __u32 order)
{
	unsigned int i, nr;

	ASSERT_EQ(0, zb_write_parameter("min_free_kbytes", "4096")) return 0;
	nr = fill(fd, order);
	ASSERT_LT(100, nr) return 0;
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, dontneed(fd, &bufs[i]));
	return nr;
}

TEST_F(policy, from_low_to_high)
{
	int fd = self->zb.fd;
	long runs, stolen, direct, missing = 0;
	unsigned int i, nr, low;
	struct zb_zones zones;
	struct zb_ioc_alloc a;

	/* Filling the zones mixes mobilities, for which kswapd would take more. */
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "0"));
	nr = fill_and_mark(_metadata, fd, ORDER);
	low = nr_low_zones();
	runs = zb_vmstat("pageoutrun");
	stolen = zb_vmstat("pgsteal_kswapd");
	direct = zb_vmstat("pgsteal_direct");
	ASSERT_LE(1, low);
	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++)
		if (zones.zone[i].type <= ZB_ZONE_NORMAL &&
		    zones.zone[i].high >= zones.zone[i].free)
			missing += (long)(zones.zone[i].high + 1 - zones.zone[i].free);
	/* without the flag, it is not woken */
	zb_alloc_order(fd, 0, FILL, &a);
	zb_sleep_ms(200);
	EXPECT_EQ(runs, zb_vmstat("pageoutrun"));
	/* the request itself may have to fail, because it is below min */
	zb_alloc_order(fd, 0, NOWAIT, &a);
	EXPECT_TRUE(ZB_AWAIT(!nr_low_zones()));
	/* a counter may change after the memory has become free */
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("pgsteal_kswapd") - stolen ==
			     (long)nr_purged(fd, nr) << ORDER));
	stolen = zb_vmstat("pgsteal_kswapd") - stolen;
	printf("# %ld runs took %ld frames, %ld were missing\n",
	       zb_vmstat("pageoutrun") - runs, stolen, missing);
	EXPECT_LE(stolen, (missing + 2 * low) * 5 / 4);
	EXPECT_EQ(direct, zb_vmstat("pgsteal_direct"));
	EXPECT_EQ(0, zb_alloc_order(fd, 0, NOWAIT, &a));
	/* it sleeps while nothing is requested */
	EXPECT_TRUE(await_quiet());
}

/* If nothing can be taken, requests do not wake it again and again. */
TEST_F(policy, no_storm)
{
	unsigned int i, nr, tries = 1000, failed = 0;
	int fd = self->zb.fd, pipes[2];
	long runs, scanned;
	struct zb_ioc_alloc a;
	struct iovec iov;
	__u64 begin;
	char *p;

	ASSERT_EQ(0, zb_write_parameter("min_free_kbytes", "4096"));
	nr = fill(fd, 4);
	ASSERT_LT(0, nr);
	p = zb_map(fd, &bufs[0]);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	iov = (struct iovec){ p, 1 };
	ASSERT_EQ(1, vmsplice(pipes[1], &iov, 1, 0));
	EXPECT_EQ(0, dontneed(fd, &bufs[0]));
	runs = zb_vmstat("pageoutrun");
	scanned = zb_vmstat("pgscan_kswapd");
	begin = zb_now_ns();
	for (i = 0; i < tries; i++)
		failed += !!zb_alloc_order(fd, 4, NOWAIT, &a);
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("pageoutrun") > runs));
	runs = zb_vmstat("pageoutrun") - runs;
	printf("# %u requests, %u failed: kswapd ran %ld times and looked at %ld frames\n",
	       tries, failed, runs, zb_vmstat("pgscan_kswapd") - scanned);
	EXPECT_LT(0, failed);
	/*
	 * After a run that took nothing, kswapd is not woken for a tenth of a second. A request
	 * during this run causes one more.
	 */
	EXPECT_GE(2 * ((zb_now_ns() - begin) / 90000000 + 1), runs);
	EXPECT_TRUE(await_quiet());
}

/*
 * Requests that may not sleep get memory while there is more than min to be reclaimed. On a busy
 * machine they may be faster than kswapd. One that fails is repeated, until kswapd has run.
 */
TEST_F(policy, atomic)
{
	int fd = self->zb.fd;
	unsigned int nr = fill_and_mark(_metadata, fd, ORDER), i, done = 0, failed = 0;
	__u32 *handles = calloc(nr << ORDER, sizeof(*handles));
	long direct = zb_vmstat("pgsteal_direct");
	unsigned int half = (nr << ORDER) / 2;
	struct zb_ioc_alloc a;

	if (half > 20000 / zb_time_scale())
		half = 20000 / zb_time_scale();
	for (i = 0; i < half; i++) {
		if (zb_alloc_order(fd, 0, ATOMIC, &a)) {
			failed++;
			ASSERT_TRUE(ZB_AWAIT(!zb_alloc_order(fd, 0, ATOMIC, &a)));
		}
		handles[done++] = a.handle;
	}
	printf("# %u atomic requests, %u failed; %ld runs of kswapd took %ld frames\n", half,
	       failed, zb_vmstat("pageoutrun"), zb_vmstat("pgsteal_kswapd"));
	EXPECT_EQ(direct, zb_vmstat("pgsteal_direct"));
	while (done)
		EXPECT_EQ(0, zb_free(fd, handles[--done]));
	free(handles);
}

#define PAGEBLOCK	512ul
#define ABOVE_HIGH	64ul	/* free frames above high, before mobilities are mixed */

static bool is_used(const struct zb_zone_info *z)
{
	return z->type <= ZB_ZONE_NORMAL && z->managed >= 4 * PAGEBLOCK;
}

static long sum_boost(void)
{
	struct zb_zones zones;
	unsigned int i;
	long sum = 0;

	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++)
		sum += (long)zones.zone[i].boost;
	return sum;
}

/* The largest boost that one zone can have with the factor 15000, as zbuddy(7) says. */
static long max_boost(void)
{
	unsigned long max = PAGEBLOCK, part;
	struct zb_zones zones;
	unsigned int i;

	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++) {
		part = zones.zone[i].high * 3 / 2;
		if (is_used(&zones.zone[i]) && part > max)
			max = part;
	}
	return (long)max;
}

/* Free every other buffer, until a little more than high is free in each zone. */
static void free_above_high(int fd, unsigned int nr)
{
	unsigned long left[ZB_NR_ZONES] = { 0 };
	struct zb_zones zones;
	unsigned int i;

	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++)
		if (zones.zone[i].high + ABOVE_HIGH > zones.zone[i].free)
			left[zones.zone[i].type] += zones.zone[i].high + ABOVE_HIGH -
						    zones.zone[i].free;
	for (i = 1; i < nr; i += 2) {
		if (!left[bufs[i].zone])
			continue;
		left[bufs[i].zone] -= left[bufs[i].zone] < 1ul << ORDER ?
				      left[bufs[i].zone] : 1ul << ORDER;
		zb_free(fd, bufs[i].handle);
		bufs[i].handle = 0;
	}
	zb_drain();
}

/*
 * Request pages until one comes from a pageblock of another mobility: the first ones may be left
 * from an earlier one. Returns whether this has happened.
 */
static bool mix(int fd, __u32 gfp)
{
	long before = zb_vmstat("zb_claim") + zb_vmstat("zb_steal");
	struct zb_ioc_alloc a;
	unsigned int tries;

	for (tries = 0; tries < ABOVE_HIGH / 4; tries++)
		if (zb_alloc_order(fd, 0, gfp | __ZB_GFP_NOWARN, &a) ||
		    zb_vmstat("zb_claim") + zb_vmstat("zb_steal") > before)
			break;
	return zb_vmstat("zb_claim") + zb_vmstat("zb_steal") > before;
}

/*
 * All memory is reclaimable and in use, except for what is free beside it, in pageblocks that are
 * in use: unmovable and movable requests have to mix mobilities.
 */
static unsigned int fill_with_one_mobility(struct __test_metadata *_metadata, int fd)
{
	unsigned int nr;

	/* nothing that another mobility could have for itself is left for the reserve */
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "0")) return 0;
	ASSERT_EQ(0, zb_write_parameter("min_free_kbytes", "0")) return 0;
	nr = fill(fd, ORDER);
	ASSERT_LT(1000, nr) return 0;
	fill_rest(fd, ORDER, nr);
	ASSERT_EQ(0, zb_write_parameter("min_free_kbytes", "2048")) return 0;
	free_above_high(fd, nr);
	EXPECT_EQ(0, nr_low_zones());
	return nr;
}

/* After mobilities were mixed, kswapd frees more than high requires, once. */
TEST_F(policy, boost)
{
	unsigned int i, nr;
	int fd = self->zb.fd;
	long runs, stolen, boost, most;

	nr = fill_with_one_mobility(_metadata, fd);
	/* without a factor, nothing happens */
	EXPECT_TRUE(mix(fd, ZB_GFP_KERNEL));
	EXPECT_EQ(0, sum_boost());
	/* while nothing can be taken, the boost is remembered */
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "15000"));
	runs = zb_vmstat("pageoutrun");
	EXPECT_TRUE(mix(fd, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE));
	boost = sum_boost();
	most = max_boost();
	EXPECT_LE((long)PAGEBLOCK, boost);
	EXPECT_GE(most, boost);
	EXPECT_EQ(runs, zb_vmstat("pageoutrun"));
	/* then kswapd works for it, and takes it back */
	for (i = 0; i < nr; i++)
		if (bufs[i].handle)
			EXPECT_EQ(0, dontneed(fd, &bufs[i]));
	stolen = zb_vmstat("pgsteal_kswapd");
	EXPECT_TRUE(mix(fd, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE));
	EXPECT_TRUE(ZB_AWAIT(!sum_boost() && zb_vmstat("pageoutrun") > runs));
	EXPECT_TRUE(await_quiet());
	stolen = zb_vmstat("pgsteal_kswapd") - stolen;
	printf("# boost %ld, at most %ld: %ld runs took %ld frames\n", boost, most,
	       zb_vmstat("pageoutrun") - runs, stolen);
	EXPECT_LE(boost - (long)(2 * ABOVE_HIGH), stolen);
	EXPECT_EQ(0, sum_boost());
	/* turned off again, mixing wakes it no more */
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "0"));
	runs = zb_vmstat("pageoutrun");
	EXPECT_TRUE(mix(fd, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE));
	zb_sleep_ms(200);
	EXPECT_EQ(runs, zb_vmstat("pageoutrun"));
}

/* A boost that is turned off does not come back, and a senseless factor is limited. */
TEST_F(policy, boost_changes)
{
	unsigned int i, nr;
	int fd = self->zb.fd;
	struct zb_zones zones;
	long stolen, managed = 0;

	nr = fill_with_one_mobility(_metadata, fd);
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "2147483647"));
	for (i = 0; i < 64; i++) {
		mix(fd, i % 2 ? ZB_GFP_KERNEL : ZB_GFP_KERNEL | __ZB_GFP_MOVABLE);
		zb_drain();
	}
	zb_read_zones(&zones);
	for (i = 0; i < zones.nr; i++) {
		EXPECT_GE(zones.zone[i].managed / 4, zones.zone[i].boost);
		managed += (long)zones.zone[i].managed;
	}
	EXPECT_LT(0, sum_boost());
	/* kswapd leaves most of what nobody needs */
	for (i = 0; i < nr; i++)
		if (bufs[i].handle)
			EXPECT_EQ(0, dontneed(fd, &bufs[i]));
	stolen = zb_vmstat("pgsteal_kswapd");
	mix(fd, ZB_GFP_KERNEL);
	EXPECT_TRUE(await_quiet());
	printf("# boost %ld, then %ld of %ld frames were taken\n", sum_boost(),
	       zb_vmstat("pgsteal_kswapd") - stolen, managed);
	EXPECT_GT(managed / 2, zb_vmstat("pgsteal_kswapd") - stolen);
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "0"));
	EXPECT_EQ(0, sum_boost());
	ASSERT_EQ(0, zb_write_parameter("watermark_boost_factor", "15000"));
	EXPECT_EQ(0, sum_boost());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Behaviour with little free memory: watermarks, reserves, and how long a request
 * retries. Expected amounts are computed from the zones of the loaded module.
 */
#include "zbuddy_stat.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define MAX_BUFS	(1 << 17)

static struct zb_ioc_alloc bufs[MAX_BUFS];

/* The highest zone type that flags without HIGHMEM allow. */
static __u32 highest_type(__u32 gfp)
{
	if (gfp & __ZB_GFP_DMA)
		return ZB_ZONE_DMA;
	return gfp & __ZB_GFP_DMA32 ? ZB_ZONE_DMA32 : ZB_ZONE_NORMAL;
}

/* Raise min_free_kbytes, so that the reserves are large enough to be measured. */
static void raise_min(struct __test_metadata *_metadata,
		      FIXTURE_DATA(policy) *self)
{
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes",
				      self->zb.info.total_bytes / 1024 / 16));
	ASSERT_GT(zb_read_zones(&self->zones), 0);
}

/*
 * Allocate all memory that @gfp allows: first by ordinary requests for large blocks, for
 * speed, and because large atomic requests would reserve pageblocks (HighAtomic).
 */
static unsigned int take(const FIXTURE_DATA(policy) *self, __u32 gfp,
			 unsigned int from)
{
	__u32 zone = gfp & ZB_GFP_ZONEMASK;
	unsigned int before, nr = from;
	__u64 bytes;

	nr += zb_alloc_all(self->zb.fd, self->zb.info.max_order,
			   ZB_GFP_KERNEL | ZB_GFP_QUIET | zone, bufs + nr,
			   MAX_BUFS - nr, &bytes);
	/* an atomic request may leave pages on the per-CPU lists of other CPUs */
	do {
		before = nr;
		nr += zb_alloc_all(self->zb.fd, 0, gfp | ZB_GFP_QUIET, bufs + nr,
				   MAX_BUFS - nr, &bytes);
	} while (nr > before && !zb_drain());
	return nr;
}

static void give(struct __test_metadata *_metadata,
		 const FIXTURE_DATA(policy) *self, unsigned int nr)
{
	while (nr--)
		ASSERT_EQ(0, zb_free(self->zb.fd, bufs[nr].handle));
	ASSERT_EQ(0, zb_drain());
}

/* Number of frames that @gfp must leave free in a zone, by the documented rules. */
static unsigned long left_of(const struct zb_zone_info *z, __u32 gfp)
{
	bool memalloc = (gfp & __ZB_GFP_MEMALLOC) && !(gfp & __ZB_GFP_NOMEMALLOC);
	unsigned long mark = z->min, all = z->managed - z->cma;

	if (z->type > highest_type(gfp))
		return all;
	if (memalloc)
		return 0;
	if (gfp & __ZB_GFP_HIGH)
		mark -= mark / 2;
	if ((gfp & __ZB_GFP_ATOMIC) && !(gfp & __ZB_GFP_NOMEMALLOC))
		mark -= mark / 4;
	mark += z->protection[highest_type(gfp)];
	return mark < all ? mark : all;
}

/* Check all zones. Ignores free CMA frames, which only movable requests can use. */
static void expect_left(struct __test_metadata *_metadata,
			FIXTURE_DATA(policy) *self, __u32 gfp)
{
	const struct zb_zone_info *z;
	unsigned int i;

	ASSERT_GT(zb_read_zones(&self->zones), 0);
	for (i = 0; i < self->zones.nr; i++) {
		z = &self->zones.zone[i];
		EXPECT_EQ(left_of(z, gfp), z->free - z->free_cma) {
			TH_LOG("zone %s, gfp %#x", z->name, gfp);
		}
	}
}

static void drain_to_the_mark(struct __test_metadata *_metadata,
			      FIXTURE_DATA(policy) *self, __u32 gfp)
{
	unsigned int nr = take(self, gfp, 0);
	struct zb_ioc_alloc a;

	expect_left(_metadata, self, gfp);
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->zb.fd, 0, gfp | ZB_GFP_QUIET, &a));
	give(_metadata, self, nr);
}

TEST_F(policy, watermark_ordinary)
{
	raise_min(_metadata, self);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL);
	drain_to_the_mark(_metadata, self, ZB_GFP_USER);
	drain_to_the_mark(_metadata, self, ZB_GFP_NOIO);
	drain_to_the_mark(_metadata, self, ZB_GFP_TEMPORARY);
}

TEST_F(policy, watermark_high)
{
	raise_min(_metadata, self);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL | __ZB_GFP_HIGH);
}

TEST_F(policy, watermark_atomic)
{
	raise_min(_metadata, self);
	drain_to_the_mark(_metadata, self, ZB_GFP_NOWAIT | __ZB_GFP_ATOMIC);
	drain_to_the_mark(_metadata, self, ZB_GFP_ATOMIC);
	drain_to_the_mark(_metadata, self, ZB_GFP_ATOMIC | __ZB_GFP_NOMEMALLOC);
}

TEST_F(policy, watermark_memalloc)
{
	raise_min(_metadata, self);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC |
					   __ZB_GFP_NOMEMALLOC);
	drain_to_the_mark(_metadata, self, ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC);
}

TEST_F(policy, watermark_dma)
{
	raise_min(_metadata, self);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL | __ZB_GFP_DMA);
	drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL | __ZB_GFP_DMA32);
}

/* Each of these requests may use part of the reserve that the previous one must leave. */
TEST_F(policy, reserves_by_urgency)
{
	static const __u32 gfp[] = {
		ZB_GFP_KERNEL, ZB_GFP_NOWAIT | __ZB_GFP_ATOMIC,
		ZB_GFP_KERNEL | __ZB_GFP_HIGH, ZB_GFP_ATOMIC,
		ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC,
	};
	unsigned int nr = 0, more;
	size_t i;

	raise_min(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(gfp); i++) {
		more = take(self, gfp[i], nr);
		EXPECT_GT(more, nr) {
			TH_LOG("gfp %#x", gfp[i]);
		}
		nr = more;
		expect_left(_metadata, self, gfp[i]);
	}
}

/* NOWAIT requests do not drain the per-CPU lists, whose frames remain free in addition. */
TEST_F(policy, watermark_nowait)
{
	struct zb_ioc_zone zone;
	unsigned int nr = 0;
	__u32 i;

	raise_min(_metadata, self);
	while (nr < MAX_BUFS && !zb_alloc_order(self->zb.fd, nr < 2000 ? 4 : 0,
						ZB_GFP_NOWAIT | __ZB_GFP_NOWARN,
						&bufs[nr]))
		nr++;
	ASSERT_GT(zb_read_zones(&self->zones), 0);
	for (i = 0; i < self->zones.nr; i++) {
		const struct zb_zone_info *z = &self->zones.zone[i];

		ASSERT_EQ(0, zb_zone(self->zb.fd, i, &zone));
		if (z->type > ZB_ZONE_NORMAL)
			continue;
		EXPECT_GE(zone.free_bytes + zone.cached_bytes,
			  left_of(z, ZB_GFP_KERNEL) * self->zb.page);
		if (nr >= 2000)
			EXPECT_LE(z->free - z->free_cma,
				  left_of(z, ZB_GFP_KERNEL));
	}
}

static bool has_two_lowmem_zones(const FIXTURE_DATA(policy) *self)
{
	unsigned int i, nr = 0;

	for (i = 0; i < self->zones.nr; i++)
		nr += self->zones.zone[i].type <= ZB_ZONE_NORMAL;
	return nr > 1;
}

/* Frames that lowmem_reserve_ratio denies to Normal requests are available to DMA requests. */
TEST_F(policy, lowmem_reserve)
{
	const struct zb_zone_info *z = &self->zones.zone[0];
	struct zb_ioc_alloc a;
	unsigned int nr;

	if (!has_two_lowmem_zones(self) || z->type != ZB_ZONE_DMA)
		SKIP(return, "one lowmem zone");
	ASSERT_EQ(0, zb_write_parameter("lowmem_reserve_ratio", "16,16,32,0,0"));
	raise_min(_metadata, self);
	EXPECT_GT(z->protection[ZB_ZONE_NORMAL], 0);
	nr = take(self, ZB_GFP_KERNEL, 0);
	expect_left(_metadata, self, ZB_GFP_KERNEL);
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->zb.fd, 0,
					  ZB_GFP_KERNEL | ZB_GFP_QUIET, &a));
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_KERNEL | __ZB_GFP_DMA, &a));
	EXPECT_EQ(ZB_ZONE_DMA, a.zone);
	take(self, ZB_GFP_KERNEL | __ZB_GFP_DMA, nr);
	ASSERT_GT(zb_read_zones(&self->zones), 0);
	EXPECT_EQ(left_of(z, ZB_GFP_KERNEL | __ZB_GFP_DMA), z->free);
}

TEST_F(policy, lowmem_reserve_ratio)
{
	static const char * const ratios[] = {
		"256,256,32,0,0", "4,4,4,0,0", "1,1,1,1,1", "0,0,0,0,0",
	};
	size_t i;

	if (!has_two_lowmem_zones(self))
		SKIP(return, "one lowmem zone");
	for (i = 0; i < ARRAY_SIZE(ratios); i++) {
		ASSERT_EQ(0, zb_write_parameter("lowmem_reserve_ratio", ratios[i]));
		drain_to_the_mark(_metadata, self, ZB_GFP_KERNEL);
	}
	for (i = 0; i < self->zones.nr; i++)
		EXPECT_EQ(0, self->zones.zone[i].protection[ZB_ZONE_MOVABLE]);
}

TEST_F(policy, reserves_need_a_capability)
{
	static const __u32 reserved[] = {
		__ZB_GFP_HIGH, __ZB_GFP_ATOMIC, __ZB_GFP_MEMALLOC, ZB_GFP_ATOMIC,
		ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC,
	};
	static const __u32 free_for_all[] = {
		ZB_GFP_KERNEL, ZB_GFP_NOWAIT, ZB_GFP_HIGHUSER_MOVABLE,
		ZB_GFP_KERNEL | __ZB_GFP_NOMEMALLOC, ZB_GFP_KERNEL | __ZB_GFP_WRITE,
	};
	struct zb_ioc_alloc a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		EXPECT_EQ(0, zb_alloc_order(self->zb.fd, 0, reserved[i], &a));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RESOURCE, false));
	for (i = 0; i < ARRAY_SIZE(reserved); i++) {
		EXPECT_EQ(-EPERM, zb_alloc_order(self->zb.fd, 0, reserved[i], &a));
		/* EINVAL takes precedence over EPERM */
		EXPECT_EQ(-EINVAL, zb_alloc_order(self->zb.fd, 63, reserved[i], &a));
	}
	for (i = 0; i < ARRAY_SIZE(free_for_all); i++)
		EXPECT_EQ(0, zb_alloc_order(self->zb.fd, 0, free_for_all[i], &a));
}

/* NOFAIL, which is for modules only, would wait uninterruptibly without a deadline. */
TEST_F(policy, nofail_is_refused)
{
	static const __u32 gfp[] = {
		__ZB_GFP_NOFAIL, ZB_GFP_NOWAIT | __ZB_GFP_NOFAIL,
		ZB_GFP_ATOMIC | __ZB_GFP_NOFAIL, ZB_GFP_KERNEL | __ZB_GFP_NOFAIL,
		__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_NOFAIL,
	};
	unsigned int nr = take(self, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC, 0);
	long stalls = zb_vmstat("allocstall");
	struct zb_ioc_alloc a;
	size_t i;

	EXPECT_EQ(0, self->zb.info.gfp_mask & __ZB_GFP_NOFAIL);
	for (i = 0; i < ARRAY_SIZE(gfp); i++)
		EXPECT_EQ(-EINVAL, zb_alloc_order(self->zb.fd, 0, gfp[i], &a));
	EXPECT_EQ(stalls, zb_vmstat("allocstall"));
	give(_metadata, self, nr);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST_F(policy, number_of_retries)
{
	static const struct { __u32 gfp; long rounds; } table[] = {
		{ ZB_GFP_NOWAIT, 0 },
		{ ZB_GFP_ATOMIC, 0 },
		{ ZB_GFP_KERNEL | __ZB_GFP_NORETRY, 1 },
		{ ZB_GFP_KERNEL, 1 },
		{ ZB_GFP_KERNEL | __ZB_GFP_REPEAT, 16 },
		{ ZB_GFP_KERNEL | __ZB_GFP_REPEAT | __ZB_GFP_NORETRY, 1 },
	};
	long stalls, failures, start;
	struct zb_ioc_alloc a;
	size_t i;

	take(self, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC, 0);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		stalls = zb_vmstat("allocstall");
		failures = zb_vmstat("zb_alloc_fail");
		start = now_ms();
		EXPECT_EQ(-ENOMEM, zb_alloc_order(self->zb.fd, 0,
						  table[i].gfp | __ZB_GFP_NOWARN, &a));
		EXPECT_EQ(stalls + table[i].rounds, zb_vmstat("allocstall")) {
			TH_LOG("gfp %#x", table[i].gfp);
		}
		EXPECT_EQ(failures + 1, zb_vmstat("zb_alloc_fail"));
		if (table[i].rounds > 1)
			EXPECT_GE(now_ms() - start, 10 * table[i].rounds);
	}
}

static void *free_later(void *arg)
{
	const FIXTURE_DATA(policy) *self = arg;

	zb_sleep_ms(100);
	zb_free(self->zb.fd, bufs[0].handle);
	return NULL;
}

/* A REPEAT request retries long enough to get memory that is freed after 100 ms. */
TEST_F(policy, repeat_waits_for_a_free)
{
	struct zb_ioc_alloc a;
	pthread_t thread;

	take(self, ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC, 0);
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->zb.fd, 0,
					  ZB_GFP_KERNEL | ZB_GFP_QUIET, &a));
	ASSERT_EQ(0, pthread_create(&thread, NULL, free_later, self));
	EXPECT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_KERNEL | __ZB_GFP_REPEAT |
				    __ZB_GFP_NOWARN, &a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_F(policy, thisnode)
{
	struct zb_ioc_alloc a;
	unsigned int i;

	for (i = 0; i < self->zones.nr; i++) {
		a = zb_want_order(0, ZB_GFP_ANYZONE | __ZB_GFP_THISNODE);
		a.node = self->zones.zone[i].node;
		ASSERT_EQ(0, zb_ioctl(self->zb.fd, ZB_IOC_ALLOC, &a));
		EXPECT_EQ(self->zones.zone[i].node, a.node);
	}
	a = zb_want_order(0, ZB_GFP_ANYZONE | __ZB_GFP_THISNODE);
	a.node = 1000;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->zb.fd, ZB_IOC_ALLOC, &a));
}

/* WRITE allocations are counted as dirty, even with a single node. */
TEST_F(policy, write)
{
	long dirty = zb_vmstat("nr_dirty");
	struct zb_ioc_alloc a, b;

	ASSERT_GE(dirty, 0);
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 3, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(dirty + 8, zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, zb_alloc_length(self->zb.fd, 5 * self->zb.page,
				     ZB_GFP_KERNEL | __ZB_GFP_WRITE, &b));
	EXPECT_EQ(dirty + 13, zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, zb_free(self->zb.fd, a.handle));
	EXPECT_EQ(dirty + 5, zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, zb_set_parameter("dirty_ratio", 0));
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 3, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(dirty + 13, zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_NOWAIT | __ZB_GFP_WRITE, &b));
	close(self->zb.fd);
	EXPECT_EQ(dirty, zb_vmstat("nr_dirty"));
}

TEST_HARNESS_MAIN

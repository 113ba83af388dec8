// SPDX-License-Identifier: GPL-2.0
/*
 * Grouping by mobility: requests use pageblocks of their own migrate type as long as
 * there are any; and the special types CMA and HighAtomic.
 */
#include "zbuddy_stat.h"

#define MAX_BUFS	(1 << 17)

#define MOVABLE		(ZB_GFP_KERNEL | __ZB_GFP_MOVABLE)
#define TO_THE_END	(__ZB_GFP_MEMALLOC | ZB_GFP_QUIET)

static struct zb_ioc_alloc bufs[MAX_BUFS];

static bool too_small(const FIXTURE_DATA(policy) *self)
{
	return self->zb.info.total_bytes <
	       ZB_MIGRATE_TYPES * (self->zb.page << self->zb.info.block_order);
}

static unsigned long cma_pages(const FIXTURE_DATA(policy) *self)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < self->zones.nr; i++)
		nr += self->zones.zone[i].cma;
	return nr;
}

/* Size of the zones up to Normal, in bytes. */
static __u64 lowmem(const FIXTURE_DATA(policy) *self)
{
	__u64 nr = 0;
	unsigned int i;

	for (i = 0; i < self->zones.nr; i++)
		if (self->zones.zone[i].type <= ZB_ZONE_NORMAL)
			nr += self->zones.zone[i].managed;
	return nr * self->zb.page;
}

/* How often requests of type @mt were served from type @from, in all zones. */
static unsigned long fallbacks(const char *mt, const char *from)
{
	char text[8192], a[16], b[16];
	char *save = NULL, *line;
	unsigned long sum = 0, nr;

	if (zb_read_file(ZB_DEBUGFS "fallbacks", text, sizeof(text)) <= 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "Node %*d, zone %*[A-Za-z0-9], type %15s from %15s %lu",
			   a, b, &nr) == 3 && !strcmp(a, mt) && !strcmp(b, from))
			sum += nr;
	return sum;
}

static unsigned int take(const FIXTURE_DATA(policy) *self, unsigned int from,
			 unsigned int nr, __u32 gfp)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (zb_alloc_order(self->zb.fd, 0, gfp, &bufs[from + i]))
			break;
	return i;
}

TEST_F(policy, pageblocks_of_their_own)
{
	unsigned long u, r, claims, claimed;

	if (too_small(self))
		SKIP(return, "memory is not grouped by mobility");
	u = zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_UNMOVABLE);
	r = zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_RECLAIMABLE);
	claims = zb_vmstat("zb_claim");
	claimed = fallbacks("Unmovable", "Movable");
	ASSERT_EQ(0, zb_write_parameter("page_owner", "1"));
	ASSERT_EQ(1000, take(self, 0, 1000, ZB_GFP_KERNEL));
	ASSERT_EQ(1000, take(self, 1000, 1000, MOVABLE));
	ASSERT_EQ(1000, take(self, 2000, 1000, ZB_GFP_TEMPORARY));
	/* 1000 pages need two pageblocks, or three if they are not aligned */
	EXPECT_LE(u + 2, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_UNMOVABLE));
	EXPECT_GE(u + 3, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_UNMOVABLE));
	EXPECT_LE(r + 2, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_RECLAIMABLE));
	EXPECT_GE(r + 3, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_RECLAIMABLE));
	EXPECT_EQ(0, zb_sum_blocks(ZB_MIXED, ZB_MIGRATE_UNMOVABLE));
	EXPECT_EQ(0, zb_sum_blocks(ZB_MIXED, ZB_MIGRATE_MOVABLE));
	EXPECT_EQ(0, zb_sum_blocks(ZB_MIXED, ZB_MIGRATE_RECLAIMABLE));
	EXPECT_LE(claims + 4, zb_vmstat("zb_claim"));
	EXPECT_LE(claimed + 2, fallbacks("Unmovable", "Movable"));
	close(self->zb.fd);
	ASSERT_EQ(0, zb_drain());
	/* empty pageblocks return to their default type */
	EXPECT_EQ(u, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_UNMOVABLE));
	EXPECT_EQ(r, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_RECLAIMABLE));
}

/*
 * All pageblocks have movable pages in use and one of 64 pages free, so unmovable requests
 * steal single blocks.
 */
TEST_F(policy, steal_as_last_resort)
{
	unsigned int nr = 0;
	long stolen;
	unsigned long from;

	if (too_small(self) || lowmem(self) / self->zb.page > MAX_BUFS)
		SKIP(return, "too small, or too large");
	ASSERT_EQ(0, zb_write_parameter("page_owner", "1"));
	while (!zb_alloc_length(self->zb.fd, 63 * self->zb.page, MOVABLE | TO_THE_END, &bufs[nr]))
		nr++;
	ASSERT_EQ(lowmem(self) / self->zb.page / 64, nr);
	ASSERT_EQ(0, zb_drain());
	stolen = zb_vmstat("zb_steal");
	from = fallbacks("Unmovable", "Movable");
	EXPECT_EQ(0, zb_sum_blocks(ZB_MIXED, ZB_MIGRATE_MOVABLE));
	ASSERT_EQ(100, take(self, nr, 100, ZB_GFP_KERNEL | TO_THE_END));
	EXPECT_LT(stolen, zb_vmstat("zb_steal"));
	EXPECT_LT(from, fallbacks("Unmovable", "Movable"));
	EXPECT_LT(0, zb_sum_blocks(ZB_MIXED, ZB_MIGRATE_MOVABLE));
	EXPECT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_UNMOVABLE));
}

/* Only movable requests use CMA pageblocks, even when nothing else is free. */
TEST_F(policy, cma_for_movable_only)
{
	unsigned long cma = cma_pages(self);
	long from_cma = zb_vmstat("cma_alloc_success");
	struct zb_ioc_alloc a;
	unsigned int i, nr;
	__u64 bytes;

	if (!cma)
		SKIP(return, "loaded without cma_pages=");
	EXPECT_EQ(cma, zb_vmstat("nr_free_cma"));
	EXPECT_EQ(cma, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_CMA) <<
		       self->zb.info.block_order);
	nr = zb_alloc_all(self->zb.fd, self->zb.info.max_order,
			  ZB_GFP_KERNEL | TO_THE_END, bufs, MAX_BUFS, &bytes);
	EXPECT_EQ(lowmem(self) - cma * self->zb.page, bytes);
	EXPECT_EQ(cma, zb_vmstat("nr_free_cma"));
	EXPECT_EQ(from_cma, zb_vmstat("cma_alloc_success"));
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->zb.fd, 0,
					  ZB_GFP_TEMPORARY | TO_THE_END, &a));
	/* movable requests still get CMA memory */
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, MOVABLE | TO_THE_END, &a));
	EXPECT_LT(from_cma, zb_vmstat("cma_alloc_success"));
	ASSERT_EQ(0, zb_free(self->zb.fd, a.handle));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, zb_free(self->zb.fd, bufs[i].handle));
	zb_alloc_all(self->zb.fd, self->zb.info.max_order, MOVABLE | TO_THE_END,
		     bufs, MAX_BUFS, &bytes);
	EXPECT_EQ(lowmem(self), bytes);
	EXPECT_EQ(0, zb_vmstat("nr_free_cma"));
}

/* The watermark check of requests that can't use CMA does not count free CMA frames. */
TEST_F(policy, cma_is_not_counted_for_others)
{
	const struct zb_zone_info *z;
	unsigned int i;
	__u64 bytes;

	if (!cma_pages(self))
		SKIP(return, "loaded without cma_pages=");
	zb_alloc_all(self->zb.fd, self->zb.info.max_order,
		     ZB_GFP_KERNEL | ZB_GFP_QUIET, bufs, MAX_BUFS, &bytes);
	ASSERT_GT(zb_read_zones(&self->zones), 0);
	for (i = 0; i < self->zones.nr; i++) {
		z = &self->zones.zone[i];
		if (z->type <= ZB_ZONE_NORMAL)
			EXPECT_EQ(z->min + z->protection[ZB_ZONE_NORMAL],
				  z->free - z->free_cma);
	}
}

/* CMA is used first while it is more than half of the free frames, then in turns. */
TEST_F(policy, cma_is_balanced)
{
	const struct zb_zone_info *z = NULL;
	unsigned int i, nr;

	for (i = 0; i < self->zones.nr; i++)
		if (self->zones.zone[i].cma && self->zones.zone[i].type <= ZB_ZONE_NORMAL)
			z = &self->zones.zone[i];
	if (!z || z->free_cma <= z->free / 2 + 512)
		SKIP(return, "less than half of a zone is CMA");
	ASSERT_EQ(256, take(self, 0, 256, MOVABLE));
	ASSERT_EQ(0, zb_drain());
	EXPECT_EQ(cma_pages(self) - 256, zb_vmstat("nr_free_cma"));
	nr = take(self, 256, (unsigned int)z->managed - 2048, MOVABLE);
	ASSERT_GT(zb_read_zones(&self->zones), 0);
	EXPECT_GT(nr, 0);
	EXPECT_LE(z->free_cma, z->free / 2 + 512);
	EXPECT_GE(z->free_cma + 512, z->free / 2);
}

static unsigned long highatomic_limit(const FIXTURE_DATA(policy) *self)
{
	unsigned long block = 1ul << self->zb.info.block_order, nr = 0;
	unsigned int i;

	for (i = 0; i < self->zones.nr; i++)
		nr += self->zones.zone[i].managed / 100 / block;
	return nr;
}

static bool all_within_limit(const FIXTURE_DATA(policy) *self)
{
	unsigned long nr[ZB_MAX_ZONES][ZB_MIGRATE_TYPES];
	unsigned int i, zones = zb_read_blocks(ZB_BLOCKS, nr);
	unsigned long block = 1ul << self->zb.info.block_order;

	for (i = 0; i < zones; i++)
		if (nr[i][ZB_MIGRATE_HIGHATOMIC] >
		    self->zones.zone[i].managed / 100 / block)
			return false;
	return zones > 0;
}

/*
 * An ordinary request that finds every zone at its min watermark releases the HighAtomic
 * reserve, one pageblock at a time. A MEMALLOC request would use the reserve instead.
 */
static void give_reserve_back(struct __test_metadata *_metadata,
			      const FIXTURE_DATA(policy) *self)
{
	struct zb_ioc_alloc a;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		if (!zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC))
			break;
		zb_alloc_order(self->zb.fd, 0, MOVABLE | __ZB_GFP_REPEAT |
			       __ZB_GFP_NOWARN, &a);
	}
	EXPECT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
}

/* Returns NULL, or the reason why no zone can have a HighAtomic reserve. */
static const char *no_reserve(const FIXTURE_DATA(policy) *self)
{
	if (cma_pages(self))
		return "free CMA memory changes what triggers the reserve";
	return highatomic_limit(self) ? NULL : "1 % of a zone is less than a pageblock";
}

/* Allocate what ordinary requests can get, so that an atomic request creates the reserve. */
static void fill_to_watermark(const FIXTURE_DATA(policy) *self)
{
	__u64 bytes;

	zb_alloc_all(self->zb.fd, self->zb.info.max_order, ZB_GFP_KERNEL | ZB_GFP_QUIET,
		     bufs, MAX_BUFS, &bytes);
}

/*
 * An atomic request of order > 0 that finds a zone below its watermark reserves a
 * pageblock for further requests of that kind, up to 1 % of a zone.
 */
TEST_F(policy, highatomic)
{
	long grown = zb_vmstat("zb_highatomic_reserve");
	long shrunk = zb_vmstat("zb_highatomic_unreserve");
	struct zb_ioc_alloc a;
	unsigned long nr;
	unsigned int i;

	if (no_reserve(self))
		SKIP(return, "%s", no_reserve(self));
	ASSERT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes",
				      self->zb.info.total_bytes / 1024 / 8));
	/* no reserve while plenty is free */
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 2, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	fill_to_watermark(self);
	/* no reserve for order 0 */
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 2, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(1, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	EXPECT_EQ(grown + 1, zb_vmstat("zb_highatomic_reserve"));
	for (i = 0; i < 100; i++)
		if (zb_alloc_order(self->zb.fd, 2, ZB_GFP_ATOMIC | __ZB_GFP_NOWARN, &a))
			break;
	EXPECT_GT(i, 10);
	nr = zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC);
	EXPECT_GE(highatomic_limit(self), nr);
	EXPECT_TRUE(all_within_limit(self));
	/* other requests release the reserve only when nothing else is left */
	give_reserve_back(_metadata, self);
	EXPECT_EQ(shrunk + (long)nr, zb_vmstat("zb_highatomic_unreserve"));
}

/* An unused zone has no reserve: its blocks merge completely again. */
TEST_F(policy, highatomic_released_when_unused)
{
	static char before[4096], after[4096];
	struct zb_ioc_alloc a;

	if (no_reserve(self))
		SKIP(return, "%s", no_reserve(self));
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "buddyinfo", before, sizeof(before)), 0);
	ASSERT_EQ(0, zb_set_parameter("min_free_kbytes",
				      self->zb.info.total_bytes / 1024 / 8));
	fill_to_watermark(self);
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 2, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(1, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	close(self->zb.fd);
	self->zb.fd = zb_open();
	ASSERT_GE(self->zb.fd, 0);
	EXPECT_EQ(0, zb_sum_blocks(ZB_BLOCKS, ZB_MIGRATE_HIGHATOMIC));
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "buddyinfo", after, sizeof(after)), 0);
	EXPECT_STREQ(before, after);
}

TEST_HARNESS_MAIN

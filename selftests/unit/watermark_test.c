// SPDX-License-Identifier: GPL-2.0-only
#include "unit_pool.h"

#define HIGH	ZB_ALLOC_HIGH
#define HARDER	ZB_ALLOC_HARDER
#define CMA	ZB_ALLOC_CMA
#define AUTO	ZB_MIN_FREE_AUTO

/* The default min_free_kbytes with one zone of @nr_pages pages of 4 KiB. */
static unsigned long default_kbytes(unsigned int type, unsigned long nr_pages)
{
	struct zb_zone zone = { .type = type, .nr_pages = nr_pages };

	return zb_default_min_free_kbytes(&zone, 1, 12);
}

TEST(min_free_kbytes_by_size)
{
	/* the values documented in the kernel, for 16 MiB to 16 GiB of low memory */
	static const struct {
		unsigned long mib, kbytes;
	} cases[] = {
		{ 0, 128 }, { 1, 128 }, { 2, 181 }, { 16, 512 }, { 32, 724 },
		{ 64, 1024 }, { 128, 1448 }, { 256, 2048 }, { 512, 2896 },
		{ 1024, 4096 }, { 2048, 5792 }, { 4096, 8192 }, { 8192, 11585 },
		{ 16384, 16384 }, { 1ul << 22, 262144 }, { 1ul << 23, 262144 },
		{ 1ul << 40, 262144 },
	};
	unsigned long x, root;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(default_kbytes(ZB_ZONE_NORMAL, cases[i].mib << 8),
			  cases[i].kbytes);
		EXPECT_EQ(default_kbytes(ZB_ZONE_DMA, cases[i].mib << 8),
			  cases[i].kbytes);
		EXPECT_EQ(default_kbytes(ZB_ZONE_MOVABLE, cases[i].mib << 8), 128);
	}
	for (x = 256; x < 50000; x += 7) {
		root = default_kbytes(ZB_ZONE_DMA32, x);
		EXPECT(root * root <= 64 * x && (root + 1) * (root + 1) > 64 * x);
	}
}

/* The sizes of all lowmem zones of all nodes are added up. */
TEST(min_free_kbytes_of_several_zones)
{
	struct zb_zone zones[] = {
		{ .type = ZB_ZONE_DMA, .nr_pages = 4096 },
		{ .type = ZB_ZONE_NORMAL, .nr_pages = 8192 },
		{ .type = ZB_ZONE_MOVABLE, .nr_pages = 1048576 },
		{ .type = ZB_ZONE_NORMAL, .nr_pages = 4096, .nid = 1 },
	};

	EXPECT_EQ(zb_default_min_free_kbytes(zones, 4, 12), 1024);
	EXPECT_EQ(zb_default_min_free_kbytes(zones, 4, 16), 4096);
	EXPECT_EQ(zb_default_min_free_kbytes(zones, 1, 12), 512);
	EXPECT_EQ(zb_default_min_free_kbytes(zones, 0, 12), 128);
}

/* A larger value would not change any mark; with the largest, each is a quarter. */
TEST(max_min_free_kbytes)
{
	struct zb_zone zones[] = {
		{ .type = ZB_ZONE_DMA, .nr_pages = 4096 },
		{ .type = ZB_ZONE_NORMAL, .nr_pages = 8192 },
		{ .type = ZB_ZONE_MOVABLE, .nr_pages = 1048576 },
	};
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;

	EXPECT_EQ(zb_max_min_free_kbytes(zones, 3, 12), 12288);
	EXPECT_EQ(zb_max_min_free_kbytes(zones, 3, 16), 12288 * 16);
	EXPECT_EQ(zb_max_min_free_kbytes(zones + 2, 1, 12), 1048576);
	t.min_free_kbytes = 12288;
	zb_setup_watermarks(zones, 3, &t, 12);
	EXPECT_EQ(zones[0].watermark[0], 1024);
	EXPECT_EQ(zones[1].watermark[0], 2048);
	t.min_free_kbytes = 12284;
	zb_setup_watermarks(zones, 3, &t, 12);
	EXPECT_EQ(zones[0].watermark[0], 1023);
}

/* The default is never refused. */
TEST(default_is_below_the_maximum)
{
	struct zb_zone zone = { 0 };
	unsigned int type, shift;

	for (type = 0; type < ZB_NR_ZONES; type++)
		for (shift = 0; shift < 25; shift++) {
			zone.type = type;
			zone.nr_pages = 512ul << shift;
			EXPECT(zb_default_min_free_kbytes(&zone, 1, 12) <=
			       zb_max_min_free_kbytes(&zone, 1, 12));
		}
}

/* The watermarks of a single zone, for various tunables. */
TEST(marks_of_one_zone)
{
	static const struct {
		unsigned int type, page_shift;
		unsigned long nr_pages, kbytes;
		unsigned int scale;
		unsigned long mark[ZB_NR_WMARKS];
	} cases[] = {
		/* 1 GiB: the distance is 0.1 % of the zone, but at least min / 4 */
		{ ZB_ZONE_NORMAL, 12, 262144, AUTO, 10, { 1024, 1286, 1548 } },
		{ ZB_ZONE_NORMAL, 12, 262144, 4096, 10, { 1024, 1286, 1548 } },
		{ ZB_ZONE_NORMAL, 12, 262144, 4096, 1, { 1024, 1280, 1536 } },
		{ ZB_ZONE_NORMAL, 12, 262144, 4352, 10, { 1088, 1360, 1632 } },
		{ ZB_ZONE_NORMAL, 12, 262144, 4096, 1000, { 1024, 27238, 53452 } },
		{ ZB_ZONE_NORMAL, 12, 262144, 8, 1, { 2, 28, 54 } },
		{ ZB_ZONE_DMA, 12, 262144, 4096, 10, { 1024, 1286, 1548 } },
		{ ZB_ZONE_DMA32, 12, 262144, 4096, 10, { 1024, 1286, 1548 } },
		/* a single pageblock: min is at most a quarter of the zone */
		{ ZB_ZONE_NORMAL, 12, 512, AUTO, 10, { 45, 56, 67 } },
		{ ZB_ZONE_NORMAL, 12, 512, 512, 10, { 128, 160, 192 } },
		{ ZB_ZONE_NORMAL, 12, 512, 516, 10, { 128, 160, 192 } },
		{ ZB_ZONE_NORMAL, 12, 512, 1ul << 40, 10, { 128, 160, 192 } },
		{ ZB_ZONE_NORMAL, 12, 512, 1, 10, { 0, 0, 0 } },
		/* min is 0: only the distance between the marks is left */
		{ ZB_ZONE_NORMAL, 12, 262144, 0, 10, { 0, 262, 524 } },
		{ ZB_ZONE_MOVABLE, 12, 262144, 0, 10, { 0, 262, 524 } },
		{ ZB_ZONE_NORMAL, 12, 512, 0, 10, { 0, 0, 0 } },
		/* 64 KiB pages */
		{ ZB_ZONE_NORMAL, 16, 8192, 65536, 10, { 1024, 1280, 1536 } },
		{ ZB_ZONE_NORMAL, 16, 512, AUTO, 10, { 11, 13, 15 } },
		/* zones above Normal have a min of 1/1024, between 32 and 128 frames */
		{ ZB_ZONE_MOVABLE, 12, 512, AUTO, 10, { 32, 40, 48 } },
		{ ZB_ZONE_HIGHMEM, 12, 40960, 1, 10, { 40, 80, 120 } },
		{ ZB_ZONE_MOVABLE, 12, 1048576, 1ul << 20, 10, { 128, 1176, 2224 } },
	};
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;
	struct zb_zone zone = { .nid = 0 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zone.type = cases[i].type;
		zone.nr_pages = cases[i].nr_pages;
		t.min_free_kbytes = cases[i].kbytes;
		t.watermark_scale_factor = cases[i].scale;
		zb_setup_watermarks(&zone, 1, &t, cases[i].page_shift);
		for (k = 0; k < ZB_NR_WMARKS; k++)
			if (!EXPECT_EQ(zone.watermark[k], cases[i].mark[k]))
				unit_note("case %u, mark %u", i, k);
	}
}

static const unsigned long sizes[] = { 4096, 131072, 65536, 32768, 8192 };

/* Node 0 has all five zones, node 1 has one. */
static void make_zones(struct zb_zone zones[6])
{
	unsigned int i;

	memset(zones, 0, 6 * sizeof(*zones));
	for (i = 0; i < ZB_NR_ZONES; i++) {
		zones[i].type = i;
		zones[i].nr_pages = sizes[i];
	}
	zones[5].nid = 1;
	zones[5].type = ZB_ZONE_NORMAL;
	zones[5].nr_pages = 1048576;
}

/* min_free_kbytes is distributed over the lowmem zones of all nodes by size. */
TEST(min_is_shared_by_size)
{
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;
	unsigned long all = 4096 + 131072 + 65536 + 1048576;
	struct zb_zone zones[6];
	unsigned int i;

	make_zones(zones);
	t.min_free_kbytes = 16384;
	zb_setup_watermarks(zones, 6, &t, 12);
	for (i = 0; i <= ZB_ZONE_NORMAL; i++)
		EXPECT_EQ(zones[i].watermark[0], 4096 * sizes[i] / all);
	EXPECT_EQ(zones[ZB_ZONE_HIGHMEM].watermark[0], 32);
	EXPECT_EQ(zones[ZB_ZONE_MOVABLE].watermark[0], 32);
	EXPECT_EQ(zones[5].watermark[0], 4096 * 1048576ul / all);
}

TEST(reserves_by_ratio)
{
	/* indexed by zone and by the highest zone of the request; own node only */
	static const unsigned long reserve[ZB_NR_ZONES][ZB_NR_ZONES] = {
		[ZB_ZONE_DMA] = { 0, 512, 768, 896, 928 },
		[ZB_ZONE_DMA32] = { 0, 0, 256, 384, 416 },
		[ZB_ZONE_NORMAL] = { 0, 0, 0, 1024, 1280 },
	};
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;
	struct zb_zone zones[6];
	unsigned int i, k;

	make_zones(zones);
	zb_setup_watermarks(zones, 6, &t, 12);
	for (i = 0; i < ZB_NR_ZONES; i++)
		for (k = 0; k < ZB_NR_ZONES; k++) {
			EXPECT_EQ(zones[i].lowmem_reserve[k], reserve[i][k]);
			EXPECT_EQ(zones[5].lowmem_reserve[k], 0);
		}
	/* a ratio of 0 means no reserve; changes take effect at once */
	t.lowmem_reserve_ratio[ZB_ZONE_DMA] = 0;
	t.lowmem_reserve_ratio[ZB_ZONE_NORMAL] = 1;
	t.lowmem_reserve_ratio[ZB_ZONE_HIGHMEM] = 8;
	zb_setup_watermarks(zones, 6, &t, 12);
	for (k = 0; k < ZB_NR_ZONES; k++)
		EXPECT_EQ(zones[ZB_ZONE_DMA].lowmem_reserve[k], 0);
	EXPECT_EQ(zones[ZB_ZONE_NORMAL].lowmem_reserve[ZB_ZONE_HIGHMEM], 32768);
	EXPECT_EQ(zones[ZB_ZONE_NORMAL].lowmem_reserve[ZB_ZONE_MOVABLE], 40960);
	EXPECT_EQ(zones[ZB_ZONE_HIGHMEM].lowmem_reserve[ZB_ZONE_MOVABLE], 1024);
}

/* Make a zone that has counters only. */
static void make_counters(struct zb_zone *zone)
{
	memset(zone, 0, sizeof(*zone));
	zb_lock_init(&zone->lock);
	zone->max_order = ZB_MAX_ORDER;
}

static void add_free(struct zb_zone *zone, unsigned int order, unsigned int mt,
		     unsigned long nr)
{
	zone->nr_free += nr << order;
	zone->nr_free_type[mt] += nr << order;
	zone->free_area[order].nr_free += nr;
	zone->free_area[order].nr_free_type[mt] += nr;
}

/* The effective mark for these flags, according to the table in alloc_flags.h. */
static unsigned long left_of(unsigned long mark, unsigned int flags)
{
	switch (flags & (HIGH | HARDER)) {
	case HIGH | HARDER:
		return mark * 3 / 8;
	case HARDER:
		return mark * 3 / 4;
	case HIGH:
		return mark / 2;
	}
	return mark;
}

/* The check succeeds with one frame more than the mark, but not with exactly the mark. */
static void expect_border(unsigned int order, unsigned long mark,
			  unsigned long reserve, unsigned int flags)
{
	unsigned long border = left_of(mark, flags) + reserve + BIT(order) - 1;
	struct zb_zone zone;
	int by;

	make_counters(&zone);
	zone.lowmem_reserve[ZB_ZONE_NORMAL] = reserve;
	zone.lowmem_reserve[ZB_ZONE_MOVABLE] = 1ul << 40;
	add_free(&zone, order, ZB_MIGRATE_UNMOVABLE, 1);
	for (by = border ? -1 : 0; by <= 1; by++) {
		/* the other free frames are single frames */
		zone.nr_free = border + by;
		if (!EXPECT_EQ(unit_watermark_ok(&zone, order, mark,
						 ZB_ZONE_NORMAL, flags),
			       by > 0))
			unit_note("order %u, mark %lu, reserve %lu, flags 0x%x, %d",
				  order, mark, reserve, flags, by);
	}
}

TEST(exactly_at_the_mark)
{
	static const unsigned long marks[] = { 0, 8, 16, 64, 800, 80000 };
	static const unsigned int others[] = {
		0, CMA, ZB_ALLOC_CPUSET, ZB_ALLOC_COLD, ZB_ALLOC_KSWAPD,
		ZB_ALLOC_NOFRAGMENT, ZB_ALLOC_WMARK_HIGH,
	};
	unsigned int order, i, k, f;

	for (order = 0; order <= ZB_MAX_ORDER; order++)
		for (i = 0; i < ARRAY_SIZE(marks); i++)
			for (k = 0; k < ARRAY_SIZE(others); k++)
				for (f = 0; f < 4; f++)
					expect_border(order, marks[i],
						      i % 2 ? 37 * i : 0,
						      (f & 1 ? HIGH : 0) |
						      (f & 2 ? HARDER : 0) |
						      others[k]);
}

/* If a mark is not divisible, the usable part of the reserve is rounded down. */
TEST(odd_marks_are_rounded_up)
{
	static const struct {
		unsigned long mark, flags, left;
	} cases[] = {
		{ 1, HIGH, 1 }, { 3, HIGH, 2 }, { 3, HARDER, 3 }, { 7, HARDER, 6 },
		{ 7, HIGH | HARDER, 3 }, { 45, HIGH, 23 }, { 45, HARDER, 34 },
		{ 45, HIGH | HARDER, 18 },
	};
	struct zb_zone zone;
	unsigned int i;

	make_counters(&zone);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zone.nr_free = cases[i].left;
		EXPECT(!unit_watermark_ok(&zone, 0, cases[i].mark, 0,
					  cases[i].flags));
		zone.nr_free++;
		EXPECT(unit_watermark_ok(&zone, 0, cases[i].mark, 0,
					 cases[i].flags));
	}
}

/* Free frames of each type count only for requests that may use them. */
TEST(frames_that_count)
{
	unsigned int flags, mt, f;
	struct zb_zone zone;
	bool counts;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		for (f = 0; f < 8; f++) {
			flags = (f & 1 ? HIGH : 0) | (f & 2 ? HARDER : 0) |
				(f & 4 ? CMA : 0);
			counts = mt < ZB_MIGRATE_PCPTYPES ||
				 (mt == ZB_MIGRATE_HIGHATOMIC && flags & HARDER) ||
				 (mt == ZB_MIGRATE_CMA && flags & CMA);
			make_counters(&zone);
			add_free(&zone, 0, mt, 900);
			EXPECT_EQ(unit_watermark_ok(&zone, 0, 800, 0, flags),
				  counts);
			/* the same with a mark of 0 */
			EXPECT_EQ(unit_watermark_ok(&zone, 0, 0, 0, flags),
				  counts);
			add_free(&zone, 0, ZB_MIGRATE_MOVABLE, 801);
			EXPECT(unit_watermark_ok(&zone, 0, 800, 0, flags));
		}
}

/* Besides enough free frames, there must be a block that the request may use. */
TEST(a_block_must_exist)
{
	unsigned int order, k, mt, f, flags;
	struct zb_zone zone;
	bool usable;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		for (k = 0; k <= ZB_MAX_ORDER; k++) {
			make_counters(&zone);
			add_free(&zone, 0, ZB_MIGRATE_UNMOVABLE, 1ul << 20);
			add_free(&zone, k, mt, 1);
			for (f = 0; f < 4; f++) {
				flags = (f & 1 ? HARDER : 0) | (f & 2 ? CMA : 0);
				usable = mt < ZB_MIGRATE_PCPTYPES ||
					 (mt == ZB_MIGRATE_HIGHATOMIC && f & 1) ||
					 (mt == ZB_MIGRATE_CMA && f & 2);
				for (order = 0; order <= ZB_MAX_ORDER; order++)
					EXPECT_EQ(unit_watermark_ok(&zone, order,
								    0, 0, flags),
						  !order || (usable && order <= k));
			}
		}
}

/* No underflow if fewer frames are free than requested. */
TEST(far_too_little_memory)
{
	struct zb_zone zone;
	unsigned int order;

	make_counters(&zone);
	for (order = 0; order <= ZB_MAX_ORDER; order++)
		EXPECT(!unit_watermark_ok(&zone, order, 0, 0, HIGH | HARDER));
	add_free(&zone, 0, ZB_MIGRATE_ISOLATE, 100);
	zone.nr_free = 50;
	EXPECT(!unit_watermark_ok(&zone, 0, 0, 0, HIGH | HARDER | CMA));
}

/* Allocate single frames until a request fails; returns how many are left in the zone. */
static unsigned long left_by(struct unit_pool *p, zb_gfp_t gfp)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned long left;

	while (unit_alloc(p, gfp, 0) != ZB_NO_PFN)
		;
	left = zone->nr_free;
	unit_pool_quiet(p);
	return left;
}

/* 512 frames with a min of 128: how many frames each kind of request leaves free. */
TEST(how_far_down_each_request_goes)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned long left;
	} cases[] = {
		{ 0, 128 }, { ZB_GFP_NOWAIT, 128 }, { ZB_GFP_KERNEL, 128 },
		{ ZB_GFP_KERNEL | __ZB_GFP_REPEAT, 128 },
		{ __ZB_GFP_MOVABLE, 128 },
		{ __ZB_GFP_NOMEMALLOC | __ZB_GFP_ATOMIC, 128 },
		{ __ZB_GFP_ATOMIC, 96 }, { __ZB_GFP_HIGH, 64 },
		{ __ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_NOMEMALLOC, 64 },
		{ ZB_GFP_ATOMIC, 48 }, { ZB_GFP_KERNEL | __ZB_GFP_HIGH, 64 },
		{ __ZB_GFP_MEMALLOC, 0 }, { ZB_GFP_KERNEL | __ZB_GFP_MEMALLOC, 0 },
		{ __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC, 128 },
		{ ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC | __ZB_GFP_NOMEMALLOC, 64 },
	};
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 1, 1 } }, .nr_zones = 1,
		.watermarks = true,
	};
	struct unit_pool *p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = unit_pool_make(&g);
		p->pool.tunables.min_free_kbytes = 512;
		zb_pool_tune(&p->pool, 1);
		if (!EXPECT_EQ(left_by(p, cases[i].gfp), cases[i].left))
			unit_note("flags 0x%x", cases[i].gfp);
		unit_free_pageblock(p->pool.zones, 0);
		unit_pool_end(p);
	}
}

/* lowmem_reserve protects lower zones from requests that could use higher ones. */
TEST(lower_zones_keep_their_reserve)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA32, 1, 1 }, { 0, ZB_ZONE_NORMAL, 2, 12 },
		},
		.nr_zones = 2, .watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	unsigned long i;

	p->pool.tunables.min_free_kbytes = 416;
	p->pool.tunables.lowmem_reserve_ratio[ZB_ZONE_DMA32] = 64;
	zb_pool_tune(&p->pool, 1);
	EXPECT_EQ(zone->watermark[ZB_ALLOC_WMARK_MIN], 8);
	EXPECT_EQ(zone->lowmem_reserve[ZB_ZONE_NORMAL], 96);
	EXPECT_EQ(left_by(p, ZB_GFP_KERNEL), 8 + 96);
	EXPECT_EQ(zone[1].nr_free, 96);
	EXPECT_EQ(left_by(p, ZB_GFP_ATOMIC), 3 + 96);
	EXPECT_EQ(zone[1].nr_free, 36);
	EXPECT_EQ(left_by(p, ZB_GFP_KERNEL | ZB_GFP_DMA32), 8);
	EXPECT_EQ(zone[1].nr_free, 36);
	for (i = 0; i < 13; i++)
		unit_free_pageblock(&zone[i > 0], i - (i > 0));
	unit_pool_end(p);
}

/* Changes of tunables take effect at once. */
TEST(changes_at_run_time)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 4 } }, .nr_zones = 1,
		.watermarks = true,
	};
	struct unit_pool *p = unit_pool_make(&g);
	static const unsigned long kbytes[] = { 2048, 1024, 512, 4 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kbytes); i++) {
		p->pool.tunables.min_free_kbytes = kbytes[i];
		zb_pool_tune(&p->pool, 1);
		EXPECT_EQ(left_by(p, ZB_GFP_NOWAIT), kbytes[i] / 4);
	}
	p->pool.tunables.min_free_kbytes = 0;
	zb_pool_tune(&p->pool, 1);
	EXPECT_EQ(left_by(p, ZB_GFP_NOWAIT), 0);
	p->pool.tunables.min_free_kbytes = ZB_MIN_FREE_AUTO;
	zb_pool_tune(&p->pool, 1);
	EXPECT_EQ(p->pool.zones->watermark[0],
		  default_kbytes(ZB_ZONE_NORMAL, PB(4)) / 4);
	EXPECT_EQ(unit_alloc(p, ZB_GFP_NOWAIT, 0), ZB_NO_PFN);
	for (i = 0; i < 4; i++)
		unit_free_pageblock(p->pool.zones, i);
	unit_pool_end(p);
}

TEST(too_small_to_keep_mobilities_apart)
{
	EXPECT(zb_pool_too_small(PB(1)));
	EXPECT(zb_pool_too_small(PB(6) - 1));
	EXPECT(!zb_pool_too_small(PB(6)));
}

/* Reserves are computed from the zones of the same node, in whatever order they are. */
TEST(reserves_of_zones_in_any_order)
{
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;
	struct zb_zone sorted[6], turned[6];
	unsigned int i, k;

	make_zones(sorted);
	make_zones(turned);
	for (i = 0; i < ZB_NR_ZONES; i++)
		turned[i] = sorted[ZB_NR_ZONES - 1 - i];
	zb_setup_watermarks(sorted, 6, &t, 12);
	zb_setup_watermarks(turned, 6, &t, 12);
	for (i = 0; i < ZB_NR_ZONES; i++)
		for (k = 0; k < ZB_NR_ZONES; k++)
			EXPECT_EQ(turned[ZB_NR_ZONES - 1 - i].lowmem_reserve[k],
				  sorted[i].lowmem_reserve[k]);
	EXPECT(sorted[0].lowmem_reserve[ZB_ZONE_MOVABLE]);
}

static struct zb_zone *watched;
static unsigned long hidden;

/* The counters are right again as soon as they are read under the lock. */
static void show_blocks(void)
{
	if (zb_env_irqs_off)
		watched->free_area[12].nr_free_type[ZB_MIGRATE_MOVABLE] = hidden;
}

/* A request is not refused while a block is being split or merged on another CPU. */
POOL_TEST(blocks_are_looked_for_under_the_lock, 8, 8)
{
	watched = zone;
	hidden = zone->free_area[12].nr_free_type[ZB_MIGRATE_MOVABLE];
	ASSERT_EQ(hidden, 1);
	zone->free_area[12].nr_free_type[ZB_MIGRATE_MOVABLE] = 0;
	EXPECT(!zb_zone_watermark_ok(zone, 4, 16, 0, ZB_ZONE_NORMAL, 0));
	EXPECT(zb_zone_watermark_ok(zone, 0, 1, 0, ZB_ZONE_NORMAL, 0));
	zb_env_hook = show_blocks;
	EXPECT(zb_zone_watermark_ok(zone, 4, 16, 0, ZB_ZONE_NORMAL, 0));
	zb_env_hook = NULL;
	EXPECT_EQ(zone->free_area[12].nr_free_type[ZB_MIGRATE_MOVABLE], 1);
}

/* In a pool without DMA, DMA32 and Normal zones, the largest reserve is that of its zones. */
TEST(largest_reserve_without_lowmem)
{
	struct zb_zone zones[2] = {
		{ .type = ZB_ZONE_MOVABLE, .nr_pages = 512 },
		{ .type = ZB_ZONE_MOVABLE, .nr_pages = 1024 },
	};

	EXPECT_EQ(zb_max_min_free_kbytes(zones, 1, 12), 512);
	EXPECT_EQ(zb_max_min_free_kbytes(zones, 2, 12), 512 + 1024);
}

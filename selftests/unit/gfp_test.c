// SPDX-License-Identifier: GPL-2.0-only
#include "gfp.h"
#include "slowpath.h"
#include "unit.h"

#define BAD	ZB_NR_ZONES

/* The zones of all sixteen combinations, written out independently of the implementation. */
static const unsigned int zone_of[16] = {
	[0x0] = ZB_ZONE_NORMAL,		[0x1] = ZB_ZONE_DMA,
	[0x2] = ZB_ZONE_HIGHMEM,	[0x3] = BAD,
	[0x4] = ZB_ZONE_DMA32,		[0x5] = BAD,
	[0x6] = BAD,			[0x7] = BAD,
	[0x8] = ZB_ZONE_NORMAL,		[0x9] = ZB_ZONE_DMA,
	[0xa] = ZB_ZONE_MOVABLE,	[0xb] = BAD,
	[0xc] = ZB_ZONE_DMA32,		[0xd] = BAD,
	[0xe] = BAD,			[0xf] = BAD,
};

TEST(all_zone_combinations)
{
	zb_gfp_t gfp;

	for (gfp = 0; gfp < 16; gfp++) {
		EXPECT_EQ(zb_gfp_valid(gfp), zone_of[gfp] != BAD);
		EXPECT_EQ(zb_gfp_valid(gfp | ZB_GFP_KERNEL), zone_of[gfp] != BAD);
		if (zone_of[gfp] == BAD)
			continue;
		EXPECT_EQ(zb_gfp_zone(gfp), zone_of[gfp]);
		/* no other bit matters */
		EXPECT_EQ(zb_gfp_zone(gfp | (ZB_GFP_BITS_MASK & ~ZB_GFP_ZONEMASK)),
			  zone_of[gfp]);
	}
}

TEST(all_mobility_pairs)
{
	const zb_gfp_t others = ZB_GFP_BITS_MASK & ~ZB_GFP_MOVABLE_MASK &
				~ZB_GFP_ZONEMASK & ~__ZB_GFP_ATOMIC;

	EXPECT_EQ(zb_gfp_migratetype(0), ZB_MIGRATE_UNMOVABLE);
	EXPECT_EQ(zb_gfp_migratetype(others), ZB_MIGRATE_UNMOVABLE);
	EXPECT_EQ(zb_gfp_migratetype(others | __ZB_GFP_MOVABLE),
		  ZB_MIGRATE_MOVABLE);
	EXPECT_EQ(zb_gfp_migratetype(others | __ZB_GFP_RECLAIMABLE),
		  ZB_MIGRATE_RECLAIMABLE);
	EXPECT(zb_gfp_valid(others));
	EXPECT(zb_gfp_valid(others | __ZB_GFP_MOVABLE));
	EXPECT(zb_gfp_valid(others | __ZB_GFP_RECLAIMABLE));
	EXPECT(!zb_gfp_valid(__ZB_GFP_MOVABLE | __ZB_GFP_RECLAIMABLE));
	EXPECT(!zb_gfp_valid(others | ZB_GFP_MOVABLE_MASK));
}

/* All bits in ascending order of their classic values. */
static const zb_gfp_t bits[] = {
	__ZB_GFP_DMA, __ZB_GFP_HIGHMEM, __ZB_GFP_DMA32, __ZB_GFP_MOVABLE,
	__ZB_GFP_RECLAIMABLE, __ZB_GFP_HIGH, __ZB_GFP_IO, __ZB_GFP_FS,
	__ZB_GFP_COLD, __ZB_GFP_NOWARN, __ZB_GFP_REPEAT, __ZB_GFP_NOFAIL,
	__ZB_GFP_NORETRY, __ZB_GFP_MEMALLOC, __ZB_GFP_COMP, __ZB_GFP_ZERO,
	__ZB_GFP_NOMEMALLOC, __ZB_GFP_HARDWALL, __ZB_GFP_THISNODE,
	__ZB_GFP_ATOMIC, __ZB_GFP_ACCOUNT, __ZB_GFP_NOTRACK,
	__ZB_GFP_DIRECT_RECLAIM, __ZB_GFP_OTHER_NODE, __ZB_GFP_WRITE,
	__ZB_GFP_KSWAPD_RECLAIM,
};

TEST(every_single_bit)
{
	unsigned int i;

	EXPECT_EQ(ARRAY_SIZE(bits), ZB_GFP_BITS_SHIFT);
	EXPECT_EQ(ZB_GFP_BITS_MASK, 0x3ffffff);
	EXPECT_EQ(__ZB_GFP_RETRY_MAYFAIL, __ZB_GFP_REPEAT);
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		EXPECT_EQ(bits[i], 1u << i);
		EXPECT_EQ(zb_gfp_valid(1u << i), bits[i] != __ZB_GFP_NOFAIL);
		EXPECT_EQ(zb_gfp_valid(1u << i | ZB_GFP_KERNEL),
			  bits[i] != __ZB_GFP_ATOMIC);
	}
	for (; i < 32; i++) {
		EXPECT(!zb_gfp_valid(1u << i));
		EXPECT(!zb_gfp_valid(1u << i | ZB_GFP_KERNEL));
	}
	EXPECT(!zb_gfp_valid(~0u));
}

/* A request that must not fail has to be able to wait. */
TEST(nofail_needs_direct_reclaim)
{
	EXPECT(!zb_gfp_valid(ZB_GFP_NOWAIT | __ZB_GFP_NOFAIL));
	EXPECT(!zb_gfp_valid(ZB_GFP_ATOMIC | __ZB_GFP_NOFAIL));
	EXPECT(zb_gfp_valid(ZB_GFP_NOIO | __ZB_GFP_NOFAIL));
	EXPECT(zb_gfp_valid(__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_NOFAIL));
}

/* A request that can't sleep must not allow direct reclaim. */
TEST(atomic_excludes_direct_reclaim)
{
	EXPECT(!zb_gfp_valid(ZB_GFP_ATOMIC | __ZB_GFP_DIRECT_RECLAIM));
	EXPECT(!zb_gfp_valid(__ZB_GFP_ATOMIC | __ZB_GFP_DIRECT_RECLAIM));
	EXPECT(!zb_gfp_valid(ZB_GFP_KERNEL | ZB_GFP_ATOMIC));
	EXPECT(zb_gfp_valid(ZB_GFP_ATOMIC | __ZB_GFP_KSWAPD_RECLAIM));
	EXPECT(zb_gfp_valid(ZB_GFP_KERNEL | __ZB_GFP_HIGH));
}

/* Groups with their classic values, zones and mobilities. */
static const struct {
	zb_gfp_t gfp, value;
	unsigned int zone, mt;
} groups[] = {
	{ ZB_GFP_ATOMIC, 0x2080020, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_NOWAIT, 0x2000000, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_NOIO, 0x2400000, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_NOFS, 0x2400040, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_KERNEL, 0x24000c0, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_KERNEL_ACCOUNT, 0x25000c0, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_TEMPORARY, 0x24000d0, ZB_ZONE_NORMAL, ZB_MIGRATE_RECLAIMABLE },
	{ ZB_GFP_USER, 0x24200c0, ZB_ZONE_NORMAL, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_HIGHUSER, 0x24200c2, ZB_ZONE_HIGHMEM, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_HIGHUSER_MOVABLE, 0x24200ca, ZB_ZONE_MOVABLE, ZB_MIGRATE_MOVABLE },
	{ ZB_GFP_DMA, 0x1, ZB_ZONE_DMA, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_DMA32, 0x4, ZB_ZONE_DMA32, ZB_MIGRATE_UNMOVABLE },
	{ ZB_GFP_TRANSHUGE, 0x352ca, ZB_ZONE_MOVABLE, ZB_MIGRATE_MOVABLE },
};

TEST(named_groups)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		EXPECT_EQ(groups[i].gfp, groups[i].value);
		EXPECT(zb_gfp_valid(groups[i].gfp));
		EXPECT_EQ(zb_gfp_zone(groups[i].gfp), groups[i].zone);
		EXPECT_EQ(zb_gfp_migratetype(groups[i].gfp), groups[i].mt);
	}
	EXPECT_EQ(zb_gfp_zone(ZB_GFP_DMA | ZB_GFP_KERNEL), ZB_ZONE_DMA);
	EXPECT_EQ(zb_gfp_zone(ZB_GFP_DMA32 | ZB_GFP_KERNEL), ZB_ZONE_DMA32);
}

/* What each flag adds to those of an attempt in the slow path. */
TEST(flags_of_the_slow_path)
{
	const unsigned int all = ZB_ALLOC_WMARK_MIN | ZB_ALLOC_CPUSET;
	struct zb_alloc_context ac = { .migratetype = ZB_MIGRATE_UNMOVABLE };
	unsigned int i, expected;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		expected = all;
		if (bits[i] == __ZB_GFP_HIGH)
			expected |= ZB_ALLOC_HIGH;
		if (bits[i] == __ZB_GFP_COLD)
			expected |= ZB_ALLOC_COLD;
		if (bits[i] == __ZB_GFP_KSWAPD_RECLAIM)
			expected |= ZB_ALLOC_KSWAPD;
		if (bits[i] == __ZB_GFP_ATOMIC)
			expected = ZB_ALLOC_WMARK_MIN | ZB_ALLOC_HARDER;
		EXPECT_EQ(zb_slowpath_flags(bits[i], &ac), expected);
	}
	EXPECT_EQ(zb_slowpath_flags(__ZB_GFP_ATOMIC | __ZB_GFP_NOMEMALLOC, &ac),
		  ZB_ALLOC_WMARK_MIN);
	ac.migratetype = ZB_MIGRATE_MOVABLE;
	EXPECT_EQ(zb_slowpath_flags(0, &ac), all | ZB_ALLOC_CMA);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "gfp.h"
#include "unit.h"

#define BAD	ZB_NR_ZONES

/* All sixteen, written out once more by hand. */
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
		/* No other bit has a say. */
		EXPECT_EQ(zb_gfp_zone(gfp | (ZB_GFP_VALID & ~ZB_GFP_ZONEMASK)),
			  zone_of[gfp]);
	}
}

TEST(all_mobility_pairs)
{
	const zb_gfp_t others = ZB_GFP_VALID & ~ZB_GFP_MOVABLE_MASK &
				~ZB_GFP_ZONEMASK;

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

TEST(every_single_bit)
{
	static const zb_gfp_t known[] = {
		__ZB_GFP_DMA, __ZB_GFP_HIGHMEM, __ZB_GFP_DMA32,
		__ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE, __ZB_GFP_IO,
		__ZB_GFP_FS, __ZB_GFP_ZERO, __ZB_GFP_THISNODE,
		__ZB_GFP_DIRECT_RECLAIM, __ZB_GFP_KSWAPD_RECLAIM,
	};
	unsigned int bit, i;
	bool valid;

	for (bit = 0; bit < 32; bit++) {
		for (valid = false, i = 0; i < ARRAY_SIZE(known); i++)
			valid |= known[i] == 1u << bit;
		EXPECT_EQ(zb_gfp_valid(1u << bit), valid);
		if (!valid)
			EXPECT(!zb_gfp_valid(1u << bit | ZB_GFP_KERNEL));
	}
	EXPECT(!zb_gfp_valid(~0u));
}

TEST(named_groups)
{
	static const zb_gfp_t groups[] = {
		ZB_GFP_NOWAIT, ZB_GFP_NOIO, ZB_GFP_NOFS, ZB_GFP_KERNEL,
		ZB_GFP_TEMPORARY, ZB_GFP_DMA, ZB_GFP_DMA32,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		EXPECT(zb_gfp_valid(groups[i]));
	EXPECT_EQ(zb_gfp_migratetype(ZB_GFP_TEMPORARY), ZB_MIGRATE_RECLAIMABLE);
	EXPECT_EQ(zb_gfp_zone(ZB_GFP_KERNEL), ZB_ZONE_NORMAL);
	EXPECT_EQ(zb_gfp_zone(ZB_GFP_DMA | ZB_GFP_KERNEL), ZB_ZONE_DMA);
	EXPECT_EQ(zb_gfp_zone(ZB_GFP_DMA32 | ZB_GFP_KERNEL), ZB_ZONE_DMA32);
}

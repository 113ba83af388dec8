// SPDX-License-Identifier: GPL-2.0-only
/* The boost of the high watermark after mobilities were mixed. */
#include "freelist.h"
#include "unit_ops.h"

/* The boost grows by pageblocks up to its maximum, and falls by what was worked for. */
TEST(of_a_zone)
{
	static const struct {
		unsigned long nr_pages, kbytes;
		unsigned int factor;
		unsigned long max;
	} cases[] = {
		/* high is 1548 */
		{ 262144, 4096, 15000, 2322 }, { 262144, 4096, 10000, 1548 },
		{ 262144, 4096, 1, 512 }, { 262144, 4096, 0, 0 },
		{ 262144, 4096, 2147483647, 65536 },
		/* at least a pageblock, but not in small zones, or without watermarks */
		{ 2048, ZB_MIN_FREE_AUTO, 15000, 512 }, { 1536, ZB_MIN_FREE_AUTO, 15000, 0 },
		{ 512, ZB_MIN_FREE_AUTO, 15000, 0 },
		{ 2048, 0, 15000, 512 },
	};
	struct zb_tunables t = ZB_TUNABLES_DEFAULT;
	struct zb_zone zone = { .type = ZB_ZONE_NORMAL };
	unsigned int i;

	zb_lock_init(&zone.lock);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zone.nr_pages = cases[i].nr_pages;
		t.min_free_kbytes = cases[i].kbytes;
		t.watermark_boost_factor = cases[i].factor;
		zb_setup_watermarks(&zone, 1, &t, 12);
		if (!EXPECT_EQ(zone.max_boost, cases[i].max))
			unit_note("case %u", i);
	}
	zone.nr_pages = 262144;
	t.min_free_kbytes = 4096;
	t.watermark_boost_factor = 15000;
	zb_setup_watermarks(&zone, 1, &t, 12);
	EXPECT_EQ(zb_boosted_high(&zone), 1548);
	for (i = 1; i <= 6; i++) {
		__zb_zone_boost(&zone);
		EXPECT_EQ(zone.boost, i < 5 ? 512ul * i : 2322);
		EXPECT_EQ(zb_boosted_high(&zone), 1548 + zone.boost);
	}
	EXPECT(zone.boost_due);
	/* a smaller factor takes effect at once, and a larger one only later */
	t.watermark_boost_factor = 10000;
	zb_setup_watermarks(&zone, 1, &t, 12);
	EXPECT_EQ(zone.boost, 1548);
	t.watermark_boost_factor = 15000;
	zb_setup_watermarks(&zone, 1, &t, 12);
	EXPECT_EQ(zone.boost, 1548);
	__zb_zone_boost(&zone);
	__zb_zone_boost(&zone);
	EXPECT_EQ(zone.boost, 2322);
	/* a fallback while background reclaim works is not forgotten */
	zb_zone_unboost(&zone, 2000);
	EXPECT_EQ(zone.boost, 322);
	zb_zone_unboost(&zone, 2000);
	EXPECT_EQ(zone.boost, 0);
	/* the factor 0 takes effect at once, too */
	__zb_zone_boost(&zone);
	t.watermark_boost_factor = 0;
	zb_setup_watermarks(&zone, 1, &t, 12);
	EXPECT_EQ(zb_boosted_high(&zone), 1548);
	__zb_zone_boost(&zone);
	EXPECT_EQ(zone.boost, 0);
	/* and what it has turned off does not come back */
	t.watermark_boost_factor = 15000;
	zb_setup_watermarks(&zone, 1, &t, 12);
	EXPECT_EQ(zb_boosted_high(&zone), 1548);
}

/* Reclaim is woken once for a boost, by the first request that may wake it. */
POOL_TEST(who_wakes_reclaim, 8, 2)
{
	p->pool.ops = &unit_recording_ops;
	zone->boost_due = 1;
	zb_tell_boosted(&p->pool, zone, ZB_GFP_KERNEL & ~__ZB_GFP_KSWAPD_RECLAIM);
	EXPECT_EQ(zone->boost_due, 1);
	EXPECT_CALLS("");
	unit_calls.order = 9;
	zb_tell_boosted(&p->pool, zone, ZB_GFP_KERNEL);
	EXPECT_EQ(zone->boost_due, 0);
	EXPECT_EQ(unit_calls.order, 0);
	EXPECT_CALLS("W");
}

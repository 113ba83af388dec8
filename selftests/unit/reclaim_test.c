// SPDX-License-Identifier: GPL-2.0-only
/* Which discardable allocations lose their memory, and how much is missing. */
#include "reclaim.h"
#include "isolate.h"
#include "unit_pool.h"

#define MAX_BUFS	40u
#define R		ZB_MIGRATE_RECLAIMABLE

/* A list of allocations, the oldest first. */
struct bufs {
	unsigned long nr_pages[MAX_BUFS];
	bool used[MAX_BUFS];
	bool taken[MAX_BUFS];
	bool busy[MAX_BUFS];
	unsigned int nr;
	unsigned long sum;
};

/* Take @missing frames as the module does; returns the number of passes. */
static unsigned int take(struct bufs *b, unsigned long missing)
{
	struct zb_reclaim_scan scan;
	unsigned int i, passes = 0;

	zb_reclaim_begin(&scan, missing);
	b->sum = 0;
	do {
		passes++;
		for (i = 0; i < b->nr && scan.missing; i++) {
			if (b->taken[i])
				continue;
			switch (zb_reclaim_judge(&scan, b->nr_pages[i], b->used[i])) {
			case ZB_RECLAIM_SPARE:
				b->used[i] = false;
				break;
			case ZB_RECLAIM_TAKE:
				if (b->busy[i])
					break;
				b->taken[i] = true;
				b->sum += b->nr_pages[i];
				zb_reclaim_took(&scan, b->nr_pages[i]);
				break;
			default:
				break;
			}
		}
	} while (zb_reclaim_next_pass(&scan));
	return passes;
}

static bool taken(const struct bufs *b, const char *expected)
{
	char text[MAX_BUFS + 1];
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		text[i] = b->taken[i] ? 'x' : '.';
	text[i] = 0;
	if (!strcmp(text, expected))
		return true;
	unit_note("taken: %s, expected: %s", text, expected);
	return false;
}

TEST(oldest_first)
{
	struct bufs b = { .nr_pages = { 4, 4, 4, 4, 4 }, .nr = 5 };

	EXPECT_EQ(take(&b, 8), 1);
	EXPECT(taken(&b, "xx..."));
	EXPECT_EQ(take(&b, 1), 3);
	EXPECT(taken(&b, "xxx.."));
	EXPECT_EQ(take(&b, 0), 1);
	EXPECT(taken(&b, "xxx.."));
	take(&b, 1000);
	EXPECT(taken(&b, "xxxxx"));
}

TEST(second_chance)
{
	struct bufs b = { .nr_pages = { 4, 4, 4, 4 }, .used = { true, false, true }, .nr = 4 };

	EXPECT_EQ(take(&b, 4), 1);
	EXPECT(taken(&b, ".x.."));
	EXPECT(!b.used[0]);
	EXPECT(b.used[2]);
	/* those that were spared are taken if the others are not enough */
	b = (struct bufs){ .nr_pages = { 4, 4, 4 }, .used = { true, true, true }, .nr = 3 };
	EXPECT_EQ(take(&b, 8), 2);
	EXPECT(taken(&b, "xx."));
}

/* A quarter more than what is missing may be taken at once, but not more. */
TEST(a_quarter_more)
{
	struct bufs b = { .nr_pages = { 11, 10, 8 }, .nr = 3 };

	EXPECT_EQ(take(&b, 8), 1);
	EXPECT(taken(&b, ".x."));
}

/* Large ones are passed over, until nothing else is left; then one of the smallest is taken. */
TEST(large_ones_last)
{
	struct bufs b = { .nr_pages = { 64, 32, 4, 16, 4, 512 }, .nr = 6 };

	EXPECT_EQ(take(&b, 8), 1);
	EXPECT(taken(&b, "..x.x."));
	EXPECT_EQ(take(&b, 8), 3);
	EXPECT(taken(&b, "..xxx."));
	EXPECT_EQ(b.sum, 16);
	/* the next larger size if all of that size are in use */
	b.busy[1] = true;
	EXPECT_EQ(take(&b, 8), 4);
	EXPECT(taken(&b, "x.xxx."));
	/* nothing can be taken: a bounded number of passes */
	b.busy[5] = true;
	EXPECT(take(&b, 8) <= ZB_RECLAIM_PASSES);
	EXPECT_EQ(b.sum, 0);
}

/* At most 5/4 of what is missing are taken, unless the smallest one left is larger. */
TEST(no_more_than_five_quarters)
{
	unsigned long all, missing, smallest;
	unsigned int i, round, exceeded = 0;
	struct bufs b;

	for (round = 0; round < 20000; round++) {
		b = (struct bufs){ .nr = 1 + unit_below(MAX_BUFS) };
		all = 0;
		for (i = 0; i < b.nr; i++) {
			b.nr_pages[i] = 1 + unit_below(1u << unit_below(10));
			b.used[i] = !unit_below(3);
			all += b.nr_pages[i];
		}
		missing = 1 + unit_below(all);
		take(&b, missing);
		EXPECT(b.sum >= missing);
		if (4 * b.sum <= 5 * missing)
			continue;
		exceeded++;
		/* no allocation that was left would have fitted instead of the last one */
		smallest = ~0ul;
		for (i = 0; i < b.nr; i++)
			if (b.taken[i] && b.nr_pages[i] > missing + missing / 4 -
			    (b.sum - b.nr_pages[i] < missing ? b.sum - b.nr_pages[i] : 0) &&
			    b.nr_pages[i] < smallest)
				smallest = b.nr_pages[i];
		for (i = 0; i < b.nr; i++)
			EXPECT(b.taken[i] || b.nr_pages[i] >= smallest);
	}
	EXPECT(exceeded < round / 4);
}

/* With as many more free frames as are missing, the request is served, but not with less. */
POOL_TEST(missing_frames, 8, 2)
{
	static const unsigned int flags[] = {
		0, ZB_ALLOC_HIGH, ZB_ALLOC_HARDER, ZB_ALLOC_HIGH | ZB_ALLOC_HARDER, ZB_ALLOC_CMA,
	};
	unsigned long mark, nr_pages, missing, free;
	unsigned int i, k, mt;

	free = zone->nr_free;
	for (i = 0; i < 5000; i++) {
		mark = unit_below(2 * free);
		nr_pages = 1 + unit_below(600);
		k = unit_below(ARRAY_SIZE(flags));
		zone->lowmem_reserve[ZB_ZONE_MOVABLE] = unit_below(100);
		for (mt = ZB_MIGRATE_PCPTYPES; mt < ZB_MIGRATE_TYPES; mt++)
			zone->nr_free_type[mt] = unit_below(100);
		missing = zb_watermark_missing(zone, nr_pages, mark, ZB_ZONE_MOVABLE, flags[k]);
		EXPECT(zb_watermark_leaves(zone, free + missing, zone->nr_free_type, nr_pages,
					   mark, ZB_ZONE_MOVABLE, flags[k]));
		if (missing)
			EXPECT(!zb_watermark_leaves(zone, free + missing - 1,
						    zone->nr_free_type, nr_pages, mark,
						    ZB_ZONE_MOVABLE, flags[k]));
	}
	zone->lowmem_reserve[ZB_ZONE_MOVABLE] = 0;
	for (mt = ZB_MIGRATE_PCPTYPES; mt < ZB_MIGRATE_TYPES; mt++)
		zone->nr_free_type[mt] = 0;
}

/* The allocated frames of windows, counted frame by frame. */
POOL_TEST_WITH(used_frames, unit_pool_one(8, 4), unit_pool_free_and_end)
{
	bool keep[ZB_PAGEBLOCK_NR];
	unsigned long pfn, nr[4 * ZB_PAGEBLOCK_NR] = { 0 };
	unsigned int i, order, pb;
	long sum;

	for (pb = 0; pb < 3; pb++) {
		for (i = 0; i < ZB_PAGEBLOCK_NR; i++) {
			keep[i] = !unit_below(3);
			nr[pb * ZB_PAGEBLOCK_NR + i] = keep[i];
		}
		unit_fill_pageblock(zone, pb, R, keep);
	}
	for (order = 0; order <= 11; order++)
		for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn += BIT(order)) {
			for (sum = 0, i = 0; i < BIT(order); i++)
				sum += nr[pfn - zone->start_pfn + i];
			EXPECT_EQ(zb_reclaim_used(zone, pfn, order), sum);
		}
	EXPECT_EQ(zb_reclaim_used(zone, PB(12), 9), -1);
	EXPECT_EQ(zb_reclaim_used(zone, PB(0), 12), -1);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(11), ZB_MIGRATE_CMA));
	EXPECT_EQ(zb_reclaim_used(zone, PB(11), 9), -1);
	EXPECT_EQ(zb_reclaim_used(zone, PB(8), 11), -1);
	/* the window ends before it */
	EXPECT(zb_reclaim_used(zone, PB(10), 9) > 0);
	EXPECT(zb_pool_set_migratetype(&p->pool, PB(11), ZB_MIGRATE_MOVABLE));
}

/* The first pageblock of this zone is not aligned to a window of two pageblocks. */
POOL_TEST(window_is_aligned, 9, 4)
{
	unsigned long pfn;

	for (pfn = PB(9); pfn < PB(13); pfn++)
		EXPECT_EQ(zb_reclaim_used(zone, pfn, 10), pfn == PB(10) ? 0 : -1);
	EXPECT_EQ(zb_reclaim_used(zone, PB(9), 9), 0);
	EXPECT_EQ(zb_reclaim_used(zone, PB(9) + 1, 9), -1);
	/* aligned, but it begins before the zone or ends behind it */
	EXPECT_EQ(zb_reclaim_used(zone, PB(8), 10), -1);
	EXPECT_EQ(zb_reclaim_used(zone, PB(12), 10), -1);
}

/* A window inside of a larger allocation. */
POOL_TEST_WITH(used_by_a_larger_block, unit_pool_one(8, 2), unit_pool_free_and_end)
{
	unsigned long pfn = unit_take(zone, 6, R);

	EXPECT_EQ(zb_reclaim_used(zone, pfn, 5), 32);
	EXPECT_EQ(zb_reclaim_used(zone, pfn + 32, 5), 32);
	EXPECT_EQ(zb_reclaim_used(zone, pfn + 63, 0), 1);
	EXPECT_EQ(zb_reclaim_used(zone, pfn & ~511ul, 9), 64);
}

/* A block on a per-CPU list does not count; one that is out of use stays where it is. */
POOL_TEST_WITH(used_beside_others, unit_pool_one(8, 1), unit_pool_free_and_end)
{
	unsigned long pfn = unit_take(zone, 3, R);
	u8 state = zb_zone_state(zone, pfn);

	EXPECT_EQ(zb_reclaim_used(zone, PB(8), 9), 8);
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, 3));
	EXPECT_EQ(zb_reclaim_used(zone, pfn, 3), 0);
	EXPECT_EQ(zb_reclaim_used(zone, PB(8), 9), 0);
	zb_zone_set_state(zone, pfn, ZB_STATE_BAD(3));
	EXPECT_EQ(zb_reclaim_used(zone, pfn, 3), -1);
	EXPECT_EQ(zb_reclaim_used(zone, PB(8), 9), -1);
	zb_zone_set_state(zone, pfn, state);
}

/* Each owner gives in proportion to what it has, and all together at least what is missing. */
TEST(shares_of_owners)
{
	unsigned long has[4], all, sum, missing, share;
	unsigned int i, round;

	EXPECT_EQ(zb_reclaim_share(10, 100, 100), 10);
	EXPECT_EQ(zb_reclaim_share(10, 50, 100), 5);
	EXPECT_EQ(zb_reclaim_share(10, 1, 100), 1);
	EXPECT_EQ(zb_reclaim_share(10, 0, 100), 0);
	EXPECT_EQ(zb_reclaim_share(0, 50, 100), 0);
	EXPECT_EQ(zb_reclaim_share(100, 3, 3), 3);
	EXPECT_EQ(zb_reclaim_share(100, 3, 50), 3);
	/* an owner has more now than all had before */
	EXPECT_EQ(zb_reclaim_share(10, 200, 100), 10);
	/* zones of terabytes */
	EXPECT_EQ(zb_reclaim_share(1ul << 31, 1ul << 31, 1ul << 32), 1ul << 30);
	for (round = 0; round < 10000; round++) {
		for (i = 0, all = 0; i < 4; i++)
			all += has[i] = unit_random() % 1000;
		missing = unit_random() % 2000;
		for (i = 0, sum = 0; i < 4; i++) {
			share = zb_reclaim_share(missing, has[i], all);
			sum += share;
			EXPECT(share <= has[i] && share <= missing);
		}
		EXPECT(sum >= (missing < all ? missing : all));
		EXPECT(sum < missing + 4);
	}
}

TEST(better_window)
{
	struct zb_reclaim_window best = { .pfn = ZB_NO_PFN };

	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 512, 9, true });
	EXPECT_EQ(best.pfn, 512);
	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 1024, 10, true });
	EXPECT_EQ(best.pfn, 512);
	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 1536, 100, false });
	EXPECT_EQ(best.pfn, 1536);
	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 2048, 1, true });
	EXPECT_EQ(best.pfn, 1536);
	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 2560, 99, false });
	EXPECT_EQ(best.pfn, 2560);
	zb_reclaim_choose(&best, &(struct zb_reclaim_window){ 3072, 99, false });
	EXPECT_EQ(best.pfn, 2560);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-CPU fast path for several single frames at once. fast_test.c and fast_free_test.c
 * check with EXPECT_NO_GET() and EXPECT_NO_PUT() what it leaves to the freelist path.
 */
#include "unit_fast.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE

static unsigned int get_bulk(struct unit_pool *p, zb_gfp_t gfp, unsigned int nr,
			     unsigned long *pfn)
{
	unsigned long *next = pfn;
	unsigned int got = zb_fast_alloc_bulk(p->pool.nodes, gfp, nr, take, &next);

	EXPECT_EQ(next - pfn, got);
	EXPECT_EQ(p->pool.zones->pcp->busy, 0);
	return got;
}

static unsigned int put_bulk(struct unit_pool *p, unsigned int nr, unsigned long *pfn)
{
	unsigned int got = zb_fast_free_bulk(&p->pool, nr, give, pfn);

	EXPECT_EQ(p->pool.zones->pcp->busy, 0);
	return got;
}

POOL_TEST_WITH(alloc_and_free, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[200];
	unsigned int i;

	for (i = 0; i < 100; i++)
		pfn[i] = unit_take(zone, 0, M);
	EXPECT_EQ(put_bulk(p, 100, pfn), 100);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 100);
	unit_pool_quiet(p);
	/* all frames of the list, the last one first */
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 30, pfn + 100), 30);
	for (i = 0; i < 30; i++) {
		EXPECT_EQ(pfn[100 + i], pfn[99 - i]);
		EXPECT_EQ(zb_zone_state(zone, pfn[100 + i]),
			  ZB_STATE(ZB_BLOCK_MOVABLE, 0));
	}
	unit_pool_quiet(p);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 100, pfn + 100), 70);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 100, pfn + 170), 0);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
	EXPECT_EQ(zb_zone_events(zone, ZB_PGALLOC), 100);
	EXPECT_EQ(zb_zone_events(zone, ZB_PGFREE), 100);
	EXPECT_EQ(put_bulk(p, 100, pfn), 100);
}

/* A bulk free stops at the first invalid frame and leaves it alone. */
POOL_TEST_WITH(frees_stop_at_the_first_invalid_frame, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[6], wrong[6], block;
	unsigned int i, k, w;

	block = unit_take(zone, 1, M);
	wrong[0] = block;
	wrong[1] = block + 1;
	wrong[2] = ZB_NO_PFN;
	wrong[3] = zone->start_pfn - 1;
	wrong[4] = zb_zone_end(zone);
	wrong[5] = unit_take(zone, 0, U);
	for (w = 0; w < ARRAY_SIZE(wrong); w++)
		for (i = 0; i < ARRAY_SIZE(pfn); i++) {
			for (k = 0; k < ARRAY_SIZE(pfn); k++)
				pfn[k] = k == i ? wrong[w] : unit_take(zone, 0, M);
			/* a frame of another mobility is valid as the first one only */
			EXPECT_EQ(put_bulk(p, 6, pfn), w == 5 && !i ? 1 : i);
			unit_pool_quiet(p);
			for (k = i + 1; k < ARRAY_SIZE(pfn); k++)
				EXPECT_EQ(unit_free(p, pfn[k], 0), ZB_OK);
			if (w == 5 && !i)
				wrong[5] = unit_take(zone, 0, U);
		}
	/* the same frame twice */
	pfn[0] = unit_take(zone, 0, M);
	pfn[1] = pfn[0];
	EXPECT_EQ(put_bulk(p, 2, pfn), 1);
	EXPECT_EQ(unit_free(p, pfn[1], 0), ZB_BAD_NOT_ALLOCATED);
	unit_give(zone, wrong[5], 0);
	unit_give(zone, block, 1);
}

/* A bulk free stops when all lists together have as many frames as they may have. */
POOL_TEST_WITH(room_on_all_lists, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[100];
	unsigned int i;

	for (i = 0; i < 100; i++)
		pfn[i] = unit_take(zone, 0, M);
	zone->pcp_high = 50;
	EXPECT_EQ(put_bulk(p, 30, pfn), 30);
	EXPECT_EQ(put_bulk(p, 70, pfn + 30), 20);
	for (i = 50; i < 100; i++)
		EXPECT_EQ(unit_free(p, pfn[i], 0), ZB_OK);
}

POOL_TEST_WITH(room_on_the_list, unit_fast_pool(), unit_pool_end)
{
	unsigned int i, limit = zone->pcp_limit[0];
	unsigned long pfn[ZB_PCP_CAPACITY(0) + 8];

	for (i = 0; i < ARRAY_SIZE(pfn); i++)
		pfn[i] = unit_take(zone, 0, M);
	EXPECT_EQ(put_bulk(p, ARRAY_SIZE(pfn), pfn), limit);
	EXPECT_EQ(put_bulk(p, 1, pfn + limit), 0);
	unit_pool_quiet(p);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, limit, pfn), limit);
	zone->pcp_high = 10;
	EXPECT_EQ(put_bulk(p, ARRAY_SIZE(pfn), pfn), 10);
	EXPECT_EQ(put_bulk(p, 1, pfn + 10), 0);
	unit_pool_quiet(p);
	zone->pcp_high = ~0u;
	for (i = 10; i < ARRAY_SIZE(pfn); i++)
		EXPECT_EQ(unit_free(p, pfn[i], 0), ZB_OK);
}

/* With COLD, the oldest frames of the list are taken, the first one first. */
POOL_TEST_WITH(oldest_frames, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[20], got[8];
	unsigned int i;

	for (i = 0; i < 20; i++)
		pfn[i] = unit_take(zone, 0, M);
	EXPECT_EQ(put_bulk(p, 20, pfn), 20);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE | __ZB_GFP_COLD, 8, got), 8);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(got[i], pfn[i]);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 12);
	unit_pool_quiet(p);
	EXPECT_EQ(put_bulk(p, 8, got), 8);
}

/* A request for more of the oldest frames than the list has gets all of them. */
POOL_TEST_WITH(all_of_the_oldest_frames, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn[3], got[8];
	unsigned int i;

	for (i = 0; i < 3; i++)
		pfn[i] = unit_take(zone, 0, M);
	EXPECT_EQ(put_bulk(p, 3, pfn), 3);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE | __ZB_GFP_COLD, 8, got), 3);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(got[i], pfn[i]);
	EXPECT_EQ(zb_pcp_nr_pages(zone, 0), 0);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE | __ZB_GFP_COLD, 8, got), 0);
	EXPECT_EQ(put_bulk(p, 3, pfn), 3);
}

/* Nothing is taken if the flags need the freelist path, the zone is low, or during a drain. */
POOL_TEST_WITH(refused_requests, unit_fast_pool(), unit_pool_end)
{
	unsigned long pfn = unit_take(zone, 0, M), got[2] = { 0 };

	EXPECT_EQ(put_bulk(p, 1, &pfn), 1);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE | __ZB_GFP_ZERO, 2, got), 0);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE | __ZB_GFP_NOFAIL, 2, got), 0);
	unit_set_low(zone, true);
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 2, got), 0);
	unit_set_low(zone, false);
	zone->pcp->parked = ZB_PCP_DRAINED;
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 2, got), 0);
	EXPECT_EQ(put_bulk(p, 1, &pfn), 0);
	zone->pcp->parked = ZB_PCP_OPEN;
	EXPECT_EQ(get_bulk(p, __ZB_GFP_MOVABLE, 2, got), 1);
	EXPECT_EQ(got[0], pfn);
	unit_set_low(zone, true);
	EXPECT_EQ(put_bulk(p, 1, &pfn), 0);
	unit_set_low(zone, false);
	EXPECT_EQ(put_bulk(p, 1, &pfn), 1);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which events are traced, with which arguments. */
#include "bulk.h"
#include "unit_pool.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define M	ZB_MIGRATE_MOVABLE
#define R	ZB_MIGRATE_RECLAIMABLE
#define C	ZB_MIGRATE_CMA

static struct traced {
	const char *event;
	unsigned long args[6];
} traced[64];
static unsigned int nr_traced;

static void record(const char *event, const unsigned long args[6])
{
	if (nr_traced == ARRAY_SIZE(traced))
		return;
	traced[nr_traced].event = event;
	memcpy(traced[nr_traced++].args, args, sizeof(traced->args));
}

static void start(void)
{
	nr_traced = 0;
	zb_env_trace_hook = record;
}

/* The next event that was traced, which is removed, is this one. */
static void expect_at(int line, const char *event, unsigned long a, unsigned long b,
		      unsigned long c, unsigned long d, unsigned long e, unsigned long f)
{
	const unsigned long args[6] = { a, b, c, d, e, f };
	unsigned int i;

	zb_env_trace_hook = NULL;
	if (!nr_traced) {
		unit_fail(__FILE__, line, "%s was not traced", event);
		return;
	}
	if (strcmp(traced->event, event))
		unit_fail(__FILE__, line, "%s was traced, not %s", traced->event, event);
	for (i = 0; i < 6; i++)
		if (traced->args[i] != args[i])
			unit_fail(__FILE__, line, "argument %u: found %#lx, expected %#lx", i,
				  traced->args[i], args[i]);
	memmove(traced, traced + 1, --nr_traced * sizeof(*traced));
}

#define EXPECT_TRACED(event, ...) \
	EXPECT_TRACED6(event, __VA_ARGS__, 0, 0, 0, 0)
#define EXPECT_TRACED6(event, a, b, c, d, e, f, ...) \
	expect_at(__LINE__, event, a, b, c, d, e, f)

/* A block taken from the buddy system, and one that is not a power of two. */
POOL_TEST(zone_locked, 8, 8)
{
	unsigned long pfn;

	start();
	pfn = unit_alloc(p, __ZB_GFP_MOVABLE, 10);
	EXPECT_TRACED("zone_locked", pfn, 10, M, false);
	EXPECT_EQ(nr_traced, 0);
	EXPECT_EQ(unit_free(p, pfn, 10), ZB_OK);
	start();
	pfn = unit_alloc_exact(p, __ZB_GFP_MOVABLE, 1025);
	EXPECT_TRACED("zone_locked", pfn, 11, M, false);
	EXPECT_EQ(nr_traced, 0);
	EXPECT_EQ(unit_free_exact(p, pfn, 1025), ZB_OK);
}

/* A refill traces each block that it takes, and each that it does not list. */
POOL_TEST(refill, 8, 8)
{
	unsigned long pfn;
	unsigned int i;

	zone->pcp_batch[1] = 3;
	zone->pcp_limit[1] = 8;
	zone->pcp_high = 16;
	start();
	pfn = unit_alloc(p, __ZB_GFP_MOVABLE, 1);
	EXPECT_EQ(nr_traced, 3);
	for (i = 0; i < 3; i++)
		EXPECT_TRACED("zone_locked", pfn + 2ul * i, 1, M, true);
	start();
	unit_pool_drain(p);
	EXPECT_EQ(nr_traced, 2);
	EXPECT_TRACED("pcpu_drain", pfn + 2, 1, M);
	EXPECT_TRACED("pcpu_drain", pfn + 4, 1, M);
	EXPECT_EQ(unit_free(p, pfn, 1), ZB_OK);
}

/* Frames in different words are drained one by one. */
POOL_TEST(drain_of_single_frames, 8, 8)
{
	const u32 frames[] = { 70, PB(1) + 3 };

	unit_fill_pageblock(zone, 0, M, NULL);
	unit_fill_pageblock(zone, 1, M, NULL);
	start();
	zb_free_singles(zone, frames, 2, M);
	EXPECT_TRACED("pcpu_drain", PB(8) + 70, 0, M);
	EXPECT_TRACED("pcpu_drain", PB(9) + 3, 0, M);
	EXPECT_EQ(nr_traced, 0);
	zb_env_trace_hook = NULL;
	unit_free_all(p);
}

/* Blocks of 64 frames and more are not drained as words. */
POOL_TEST(drain_of_large_blocks, 8, 8)
{
	unsigned long pfn[2];

	unit_pool_long_lists(p);
	pfn[0] = unit_alloc(p, __ZB_GFP_MOVABLE, 7);
	pfn[1] = unit_alloc(p, __ZB_GFP_MOVABLE, 7);
	EXPECT_EQ(unit_free(p, pfn[0], 7), ZB_OK);
	EXPECT_EQ(unit_free(p, pfn[1], 7), ZB_OK);
	start();
	unit_pool_drain(p);
	EXPECT_EQ(nr_traced, 2);
	EXPECT_TRACED("pcpu_drain", pfn[0], 7, M);
	EXPECT_TRACED("pcpu_drain", pfn[1], 7, M);
}

/* A request of another mobility claims a whole pageblock. */
POOL_TEST(claim_of_a_free_pageblock, 8, 8)
{
	unsigned long pfn;

	unit_pool_no_lists(p);
	start();
	pfn = unit_alloc(p, 0, 4);
	EXPECT_EQ(pfn, PB(8));
	EXPECT_TRACED("extfrag", PB(8), 4, 12, U, M, true);
	EXPECT_TRACED("migratetype", PB(8), M, U);
	EXPECT_TRACED("zone_locked", PB(8), 4, U, true);
	EXPECT_EQ(nr_traced, 0);
	EXPECT_EQ(unit_free(p, pfn, 4), ZB_OK);
}

/* A pageblock that is in use is claimed, or else a block is stolen from it. */
POOL_TEST(claim_and_steal, 8, 1)
{
	bool keep[ZB_PAGEBLOCK_NR] = { false };
	unsigned int i;

	unit_pool_no_lists(p);
	for (i = 0; i < 256; i++)
		keep[i] = true;
	unit_fill_pageblock(zone, 0, U, keep);
	start();
	EXPECT_EQ(unit_alloc(p, 0, 3), PB(8) + 256);
	EXPECT_TRACED("extfrag", PB(8), 3, 8, U, M, true);
	EXPECT_TRACED("migratetype", PB(8), M, U);
	EXPECT_TRACED("zone_locked", PB(8) + 256, 3, U, true);
	EXPECT_EQ(nr_traced, 0);
	start();
	EXPECT_EQ(unit_alloc(p, __ZB_GFP_MOVABLE, 2), PB(8) + 264);
	EXPECT_TRACED("extfrag", PB(8), 2, 7, M, U, false);
	EXPECT_TRACED("zone_locked", PB(8) + 264, 2, M, true);
	EXPECT_EQ(nr_traced, 0);
	unit_free_all(p);
}

/* Only a change of the type of a pageblock is traced as one. */
POOL_TEST(migratetype, 8, 4)
{
	start();
	unit_set_type(zone, 2, C);
	EXPECT_TRACED("migratetype", PB(10), M, C);
	start();
	unit_set_type(zone, 2, M);
	EXPECT_TRACED("migratetype", PB(10), C, M);
	EXPECT_EQ(nr_traced, 0);
}

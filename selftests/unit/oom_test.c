// SPDX-License-Identifier: GPL-2.0-only
/* The last resort of the slow path: others are asked to free memory before a request fails. */
#include "unit_ops.h"

#define U	ZB_MIGRATE_UNMOVABLE
#define SLEEP	__ZB_GFP_DIRECT_RECLAIM

static struct unit_pool *full_pool(void)
{
	struct unit_pool *p = unit_pool_one(1, 1);

	ASSERT_EQ(unit_take(p->pool.zones, 9, U), PB(1));
	return p;
}

static void end(struct unit_pool *p)
{
	unit_free_all(p);
	unit_pool_end(p);
}

/* The last resort comes after everything else, at most four times, and not for everybody. */
POOL_TEST_WITH(last_resort, full_pool(), end)
{
	static const struct {
		zb_gfp_t gfp;
		unsigned int order, ooms;
		const char *calls;
	} cases[] = {
		{ SLEEP | __ZB_GFP_FS, 0, 0, "DROF" },
		{ SLEEP | __ZB_GFP_FS, 0, 1, "DRODOF" },
		{ SLEEP | __ZB_GFP_FS, 3, 100, "DRCODODODODF" },
		{ SLEEP | __ZB_GFP_FS, 4, 100, "DRCF" },
		{ SLEEP | __ZB_GFP_IO, 0, 100, "DRF" },
		{ SLEEP | __ZB_GFP_FS | __ZB_GFP_NORETRY, 0, 100, "DRF" },
		{ __ZB_GFP_FS, 0, 100, "F" },
		/* one pause, and a signal ends the next one */
		{ SLEEP | __ZB_GFP_FS | __ZB_GFP_REPEAT, 0, 100, "DRSDRSF" },
		{ SLEEP | __ZB_GFP_FS | __ZB_GFP_NOFAIL, 0, 0, "DROSDROSF" },
	};
	struct zb_ops ops = unit_recording_ops;
	unsigned int i;

	ops.zone_reclaim = NULL;
	ops.oom = unit_oom;
	p->pool.ops = &ops;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_calls.waits = 1;
		unit_calls.ooms = cases[i].ooms;
		EXPECT_EQ(unit_alloc_block(&p->pool, cases[i].gfp, cases[i].order, 0,
					   &(struct zb_alloc_policy){ .killable = true }),
			  ZB_NO_PFN);
		if (!EXPECT_CALLS(cases[i].calls))
			unit_note("case %u", i);
	}
	/* what it frees serves the request, without a report */
	unit_calls.ooms = 1;
	unit_calls.give_on = 'O';
	unit_calls.give_pfn = PB(1);
	unit_calls.give_order = 9;
	EXPECT_EQ(unit_alloc_block(&p->pool, SLEEP | __ZB_GFP_FS, 0, 0, NULL), PB(1));
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	zb_pool_free_pages(&p->pool, PB(1), 0);
}

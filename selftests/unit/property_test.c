// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random pools and random histories (unit_history.h).
 *
 * Run i of a test uses seed --seed + i. A failing run can be reproduced with
 * ZB_PROPERTY_RUNS=1 and its seed; the harness prints the command.
 */
#include "unit.h"
#include "unit_history.h"

static void all_runs(const struct unit_bounds *b)
{
	const char *text = getenv("ZB_PROPERTY_RUNS");
	unsigned long i, runs = text ? strtoul(text, NULL, 0) : b->runs;
	struct unit_outcome o = { .served = 0 };

	for (i = 0; i < runs && !unit_failures(); i++) {
		unit_replay_with(unit_seed + i);
		unit_srandom(unit_seed + i);
		unit_history(b, &o);
	}
	/* a single history that is reproduced need not have each of these */
	if (!text)
		EXPECT(o.served && o.failed && o.fast && o.interrupts);
	unit_note("%lu pools, %u steps each; %lu requests served, %lu failed; %lu by the fast path, %lu interrupts",
		  i, b->steps, o.served, o.failed, o.fast, o.interrupts);
}

TEST(small_pools_checked_after_every_step)
{
	static const struct unit_bounds b = {
		.runs = 600, .steps = 40, .check_every = 1, .max_zone = 2,
		.max_gap = 2, .compare_every = 4,
	};

	all_runs(&b);
}

TEST(medium_pools)
{
	static const struct unit_bounds b = {
		.runs = 120, .steps = 600, .check_every = 100, .max_zone = 40,
		.max_gap = 600, .compare_every = 20,
	};

	all_runs(&b);
}

TEST(large_pools)
{
	static const struct unit_bounds b = {
		.runs = 6, .steps = 6000, .check_every = 2000, .max_zone = 1100,
		.max_gap = 600, .compare_every = 500,
	};

	all_runs(&b);
}

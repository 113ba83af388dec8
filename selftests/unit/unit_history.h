/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Histories of a pool: a geometry, then requests, frees, mistakes, drains, changes
 * of everything that can be changed, and interrupts in the middle of it; with a
 * model that says at each step what has to come of it (unit_model.h). In the end
 * the pool is as it was at first.
 *
 * What happens is chosen by unit_below(): random numbers, or a fuzzer's input.
 */
#ifndef UNIT_HISTORY_H
#define UNIT_HISTORY_H

#include <zb_env.h>

/**
 * struct unit_bounds - how far a history goes
 * @runs: how many, for who makes several
 * @steps: in each; fewer when an input ends
 * @check_every: steps between two looks at all rules
 * @max_zone: pageblocks
 * @max_gap: between zones
 * @before: zones are looked at before one of so many requests
 */
struct unit_bounds {
	unsigned int runs;
	unsigned int steps;
	unsigned int check_every;
	unsigned int max_zone;
	unsigned int max_gap;
	unsigned int before;
};

/**
 * struct unit_outcome - what histories were like, added up
 * @served: requests that were
 * @failed: requests that were not
 * @short_way: requests and frees that went it
 * @interrupts: operations in the middle of others
 */
struct unit_outcome {
	unsigned long served;
	unsigned long failed;
	unsigned long short_way;
	unsigned long interrupts;
};

void unit_history(const struct unit_bounds *b, struct unit_outcome *o);
void unit_fuzz(const u8 *data, size_t size, struct unit_outcome *o);

#endif /* UNIT_HISTORY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A history of a pool: a geometry, followed by requests, frees, invalid frees, drains,
 * changes of tunables and types, and interrupts in the middle of these. A model predicts the
 * result of each step (unit_model.h). At the end, the pool must be in its initial state.
 *
 * unit_below() makes all choices, from random numbers or from an input of the fuzzer.
 */
#ifndef UNIT_HISTORY_H
#define UNIT_HISTORY_H

#include "gfp.h"

/**
 * struct unit_bounds - bounds of a history
 * @runs: number of histories, for callers that run several
 * @steps: steps in each history; less if an input ends
 * @check_every: number of steps between two checks of all invariants
 * @max_zone: size of the largest zone, in pageblocks
 * @max_gap: largest gap between zones, in pageblocks
 * @compare_every: one in this many requests is compared with the prediction of the model
 */
struct unit_bounds {
	unsigned int runs;
	unsigned int steps;
	unsigned int check_every;
	unsigned int max_zone;
	unsigned int max_gap;
	unsigned int compare_every;
};

/**
 * struct unit_outcome - statistics of histories, summed up
 * @served: number of successful requests
 * @failed: number of failed requests
 * @fast: number of requests and frees by the per-CPU fast path
 * @interrupts: number of operations in the middle of others
 */
struct unit_outcome {
	unsigned long served;
	unsigned long failed;
	unsigned long fast;
	unsigned long interrupts;
};

struct unit_geometry;

void unit_random_geometry(struct unit_geometry *g, const struct unit_bounds *b);
zb_gfp_t unit_random_gfp(void);
void unit_history(const struct unit_bounds *b, struct unit_outcome *o);
void unit_fuzz(const u8 *data, size_t size, struct unit_outcome *o);

#endif /* UNIT_HISTORY_H */

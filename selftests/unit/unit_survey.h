/* SPDX-License-Identifier: GPL-2.0-only */
/* A survey of evictable allocations, for tests that replace the hooks of requests for ranges. */
#ifndef UNIT_SURVEY_H
#define UNIT_SURVEY_H

#include "range.h"
#include "unit.h"

/* A global variable is sufficient because each test runs in a process of its own. */
static struct zb_range_survey unit_survey;
static u64 *unit_survey_bits;

/* Begin a survey in which nothing is marked. */
static inline struct zb_range_survey *unit_survey_begin(const struct zb_zone *zone,
							unsigned long nr_discardable)
{
	unit_survey_bits = calloc(1, zb_range_survey_size(zone));
	zb_range_survey_init(&unit_survey, zone, unit_survey_bits);
	unit_survey.nr_discardable = nr_discardable;
	return &unit_survey;
}

/* As zb_ops.end_survey. */
static void unit_survey_end(struct zb_pool *pool __attribute__((unused)),
			    struct zb_range_survey *survey __attribute__((unused)))
{
	free(unit_survey_bits);
}

#endif /* UNIT_SURVEY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of requests for ranges: the request itself, and a survey of evictable allocations
 * for tests that replace the hooks.
 */
#ifndef UNIT_RANGE_H
#define UNIT_RANGE_H

#include "range_alloc.h"
#include "unit_pool.h"

/* Global variables are sufficient because each test runs in a process of its own. */
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
static inline void unit_survey_end(struct zb_pool *pool __attribute__((unused)),
				   struct zb_range_survey *survey)
{
	EXPECT(survey == &unit_survey);
	free(unit_survey_bits);
	unit_survey_bits = NULL;
}

/* A range of this length, at any address. */
static inline struct zb_range unit_range(unsigned long nr_pages, unsigned int align_order)
{
	return (struct zb_range){
		.nr_pages = nr_pages, .align_order = align_order, .end_pfn = ZB_NO_PFN,
	};
}

/* A request fails for ever exactly if it is said to. */
static inline void unit_judge_range(struct unit_pool *p, zb_gfp_t gfp, const struct zb_range *r,
				    enum zb_range_result expected)
{
	const struct zb_alloc_request req = { .gfp = gfp, .nid = p->pool.nodes->nid };
	struct zb_range_failure failure = { .result = ZB_RANGE_OK };
	bool could = zb_pool_range_could_ever(&p->pool, &req, r, &failure);

	EXPECT_EQ(could, expected < ZB_RANGE_NEVER_WATERMARK);
	EXPECT_EQ(failure.result, could ? ZB_RANGE_OK : expected);
}

/* Request a range; it is allocated as requested, or refused for the expected reason. */
static inline unsigned long unit_alloc_range(struct unit_pool *p, zb_gfp_t gfp,
					     struct zb_range r, enum zb_range_result expected)
{
	struct zb_range_failure failure = { .result = ZB_RANGE_OK };
	long failures = atomic_long_read(&p->pool.failures);
	unsigned long pfn;

	pfn = zb_pool_alloc_range(&p->pool, gfp, &r, p->pool.nodes->nid, NULL, &failure);
	EXPECT(!unit_survey_bits);
	unit_judge_range(p, gfp, &r, expected);
	EXPECT_EQ(pfn == ZB_NO_PFN, expected != ZB_RANGE_OK);
	EXPECT_EQ(atomic_long_read(&p->pool.failures), failures + (pfn == ZB_NO_PFN));
	if (pfn == ZB_NO_PFN)
		EXPECT_EQ(failure.result, expected);
	else
		EXPECT(r.align_order < 64 && !(pfn & (BIT(r.align_order) - 1)) &&
		       pfn >= r.first_pfn && pfn + r.nr_pages <= r.end_pfn);
	return pfn;
}

#endif /* UNIT_RANGE_H */

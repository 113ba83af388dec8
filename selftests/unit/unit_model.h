/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A simple model of a pool: it records which frames are allocated and where blocks start.
 * From that, from the types of pageblocks and from the rules in watermark.h and slowpath.c,
 * it predicts when a request may fail and when it must fail.
 */
#ifndef UNIT_MODEL_H
#define UNIT_MODEL_H

#include "unit_pool.h"

/**
 * struct unit_request - a request
 * @gfp: flags
 * @order: order of the block
 * @nr_pages: number of frames that are kept of it
 * @nid: preferred node
 * @policy: nodemask and cpuset
 */
struct unit_request {
	zb_gfp_t gfp;
	unsigned int order;
	unsigned long nr_pages;
	int nid;
	struct zb_alloc_policy policy;
};

/**
 * struct unit_model - the model of a pool
 * @p: the pool
 * @nr_held: number of allocated frames
 * @held: by zone and frame: it is allocated
 * @start: by zone and frame: order + 1 if a block starts there, otherwise 0
 */
struct unit_model {
	struct unit_pool *p;
	unsigned long nr_held;
	bool *held[UNIT_MAX_ZONES];
	u8 *start[UNIT_MAX_ZONES];
};

void unit_model_init(struct unit_model *m, struct unit_pool *p);
void unit_model_free(struct unit_model *m);
void unit_model_set(struct unit_model *m, unsigned long pfn,
		    unsigned long nr_pages, bool held);
void unit_model_split(struct unit_model *m, unsigned long pfn,
		      unsigned int order);
enum zb_bad unit_model_bad(const struct unit_model *m, unsigned long pfn,
			   unsigned long nr_pages);
unsigned long unit_model_head(const struct unit_model *m, unsigned long pfn);
bool unit_model_allows(const struct zb_zone *zone, const struct unit_request *r);
bool unit_model_serves(const struct unit_model *m, const struct zb_zone *zone,
		       const struct unit_request *r);
void unit_model_check_events(const struct unit_model *m, unsigned long nr_requests);

static inline unsigned int unit_top_bit(unsigned long n)
{
	return 63 - __builtin_clzl(n);
}

#endif /* UNIT_MODEL_H */

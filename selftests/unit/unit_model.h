/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of a pool that is too simple to be wrong: it knows for each frame who
 * holds it, and for each block where it starts. From that, from the types of
 * pageblocks and from the rules in watermark.h and slowpath.c it says when a
 * request may fail, and when it has to.
 */
#ifndef UNIT_MODEL_H
#define UNIT_MODEL_H

#include "unit_pool.h"

/**
 * struct unit_request - what is asked for
 * @gfp: flags
 * @order: order of the block
 * @nr_pages: frames of it that are kept
 * @nid: preferred node
 * @policy: limits
 */
struct unit_request {
	zb_gfp_t gfp;
	unsigned int order;
	unsigned long nr_pages;
	int nid;
	struct zb_policy policy;
};

/**
 * struct unit_model - who holds what
 * @p: the pool
 * @nr_held: frames that are held
 * @held: by zone and frame
 * @start: order + 1 where a block starts
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

static inline unsigned int unit_top_bit(unsigned long n)
{
	return 63 - __builtin_clzl(n);
}

#endif /* UNIT_MODEL_H */

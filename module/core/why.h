/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a request failed: the obstacle that would have to go first.
 *
 * All zones that the request might have been served from are looked at, and
 * the one that came nearest to serving it decides. Nothing is taken from the
 * watermark rules but their answer: the question is put to them again, each time
 * with one restriction less.
 */
#ifndef ZB_CORE_WHY_H
#define ZB_CORE_WHY_H

#include "alloc.h"

/* From the nearest miss to the farthest. */
enum zb_why {
	ZB_WHY_GONE,		/* by now there is enough */
	ZB_WHY_WATERMARK,	/* the zone's reserve is all that is left */
	ZB_WHY_FRAGMENTED,	/* enough is free, but no block of that order */
	ZB_WHY_HIGHATOMIC,	/* the rest is kept for atomic requests */
	ZB_WHY_CMA,		/* the rest is for movable memory only */
	ZB_WHY_LOWMEM,		/* kept for requests that can't use higher zones */
	ZB_WHY_ISOLATED,	/* the rest is in isolated pageblocks */
	ZB_WHY_CACHED,		/* the rest is on per-CPU lists */
	ZB_WHY_EMPTY,		/* less is free than the request needs */
	ZB_WHY_NODE,		/* only nodes have it that the task may not use */
	ZB_WHY_ZONE,		/* only zones have it that the flags keep out */
	ZB_NR_WHY,
};

/**
 * struct zb_failure - all that is to be told of a request that failed
 * @verdict: whether it could ever be served, and if not what rules that out
 * @why: what was in its way, if it could be
 * @zone: the zone that @verdict or @why is about, or NULL
 * @nr_free: frames that are free there, per-CPU lists included
 * @nr_kept: those that are not for this request: what has to be left, is kept for
 *	others or is on per-CPU lists, as @why says
 * @largest_order: of the free blocks there that the request may use, or -1
 */
struct zb_failure {
	enum zb_verdict verdict;
	enum zb_why why;
	struct zb_zone *zone;
	unsigned long nr_free;
	unsigned long nr_kept;
	int largest_order;
};

enum zb_why zb_why_failed(zb_gfp_t gfp, unsigned int order,
			  unsigned int alloc_flags,
			  const struct zb_alloc_context *ac,
			  struct zb_zone **where);
void zb_explain_failure(struct zb_pool *pool, const struct zb_alloc_request *req,
			struct zb_failure *f);

#endif /* ZB_CORE_WHY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Explains why a request failed.
 *
 * Each zone is checked again with the watermark functions of the allocation path,
 * first with all restrictions of the request and then with fewer and fewer, until it
 * passes. The last restriction that was lifted is the cause of the failure in this
 * zone. They are lifted in this order: lowmem reserve, watermark, HighAtomic, CMA.
 *
 * The request is explained by the zone that came closest to serving it, for which enum
 * zb_why ranks the causes. There the lowmem reserve follows the others: only zones below
 * the highest one that the flags allow have this reserve, and a cause in the highest one
 * says more about the request.
 */
#ifndef ZB_CORE_FAILURE_H
#define ZB_CORE_FAILURE_H

#include "verdict.h"

/* Causes, from the one that is closest to success to the one farthest from it. */
enum zb_why {
	ZB_WHY_GONE,		/* none: the request would succeed now */
	ZB_WHY_WATERMARK,	/* free memory is reserved for urgent requests */
	ZB_WHY_FRAGMENTED,	/* enough is free, but no block of that order */
	ZB_WHY_HIGHATOMIC,	/* free memory is reserved for atomic requests */
	ZB_WHY_CMA,		/* free memory is for movable requests only */
	ZB_WHY_LOWMEM,		/* reserved for requests that can't use higher zones */
	ZB_WHY_ISOLATED,	/* free memory is in isolated pageblocks */
	ZB_WHY_CACHED,		/* free memory is on per-CPU lists */
	ZB_WHY_EMPTY,		/* less is free than the request needs */
	ZB_WHY_NODE,		/* free memory is on nodes that the task may not use */
	ZB_WHY_ZONE,		/* free memory is in zones that the flags exclude */
	ZB_NR_WHY,
};

/**
 * struct zb_failure - explanation of a failed request
 * @verdict: whether the request could ever be served, and if not, why
 * @why: cause of the failure, valid if @verdict is ZB_COULD_SERVE
 * @zone: the zone to which @verdict or @why applies, or NULL
 * @nr_free: free frames in @zone, including those on per-CPU lists
 * @nr_kept: number of frames that the request could not use because of @why or
 *	@verdict, such as the watermark, or free frames of a special migrate type
 * @largest_order: order of the largest free block in @zone that the request may use,
 *	or -1 if there is none
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

#endif /* ZB_CORE_FAILURE_H */

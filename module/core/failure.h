/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Explains why a request failed.
 *
 * Each zone is checked again with the watermark functions of the allocation path,
 * first with all restrictions of the request and then with fewer and fewer, until it
 * passes. The last restriction that was lifted is the cause of the failure in this
 * zone. They are lifted in this order: lowmem reserve, watermark, HighAtomic, CMA.
 *
 * The cause of the request's failure is that of the zone that came closest to serving it.
 * enum zb_failure_cause is in this order, with the lowmem reserve behind the watermark,
 * HighAtomic and CMA: only zones below the highest one that the flags allow have this
 * reserve, and a cause in the highest zone says more about the request.
 */
#ifndef ZB_CORE_FAILURE_H
#define ZB_CORE_FAILURE_H

#include "verdict.h"

/* Causes, from the one that is closest to success to the one farthest from it. */
enum zb_failure_cause {
	ZB_FAILURE_FREED,	/* none: the request would succeed now */
	ZB_FAILURE_WATERMARK,	/* free memory is reserved for urgent requests */
	ZB_FAILURE_FRAGMENTED,	/* enough is free, but no block of that order */
	ZB_FAILURE_HIGHATOMIC,	/* free memory is reserved for atomic requests */
	ZB_FAILURE_CMA,		/* free memory is for movable requests only */
	ZB_FAILURE_LOWMEM,	/* reserved for requests that can't use higher zones */
	ZB_FAILURE_ISOLATED,	/* free memory is in isolated pageblocks */
	ZB_FAILURE_CACHED,	/* free memory is on per-CPU lists */
	ZB_FAILURE_FULL,	/* less is free than the request needs */
	ZB_FAILURE_NODE,	/* free memory is on nodes that the task may not use */
	ZB_FAILURE_ZONE,	/* free memory is in zones that the flags exclude */
	ZB_NR_FAILURES,
};

/**
 * struct zb_failure - explanation of a failed request
 * @verdict: whether the request could ever be served, and if not, why
 * @cause: cause of the failure, valid if @verdict is ZB_COULD_SERVE
 * @zone: the zone to which @verdict or @cause applies, or NULL
 * @nr_free: free frames in @zone, including those on per-CPU lists
 * @nr_kept: number of frames that the request could not use because of @cause or
 *	@verdict, such as the watermark, or free frames of a special migrate type
 * @largest_order: order of the largest free block in @zone that the request may use,
 *	or -1 if there is none
 */
struct zb_failure {
	enum zb_verdict verdict;
	enum zb_failure_cause cause;
	struct zb_zone *zone;
	unsigned long nr_free;
	unsigned long nr_kept;
	int largest_order;
};

enum zb_failure_cause zb_find_failure_cause(zb_gfp_t gfp, unsigned int order,
					    unsigned int alloc_flags,
					    const struct zb_alloc_context *ac,
					    struct zb_zone **where);
void zb_explain_failure(struct zb_pool *pool, const struct zb_alloc_request *req,
			struct zb_failure *f);

#endif /* ZB_CORE_FAILURE_H */

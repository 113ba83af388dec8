/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocating ranges: any number of contiguous frames, with an alignment and within limits of
 * the address.
 *
 *	zb_pool_alloc_range
 *	  take_free			in each zone: a range that is free already
 *	  drain the per-CPU lists, and try again
 *	  clear_zone			in each zone: the cheapest range
 *	    zb_ops.survey		which allocations can be evicted
 *	    zb_range_find
 *	    zb_pool_isolate_range	no request is served from its pageblocks
 *	    zb_ops.evict		move them
 *	    zb_ops.purge		take their memory back
 *	    take
 *	    zb_pool_unisolate_range	if it did not become free
 *
 * A range lies in one zone. The frames become naturally aligned blocks, see
 * zb_range_piece(). Pageblocks of which the request has all allocated frames get its type, as
 * those that are claimed for a smaller request. They return to the default type when they
 * become free; CMA pageblocks keep their type.
 *
 * A request that may not sleep takes only what is free in the buddy lists. If the frames in a
 * range can't be evicted, this is recorded in the survey, so that other ranges are tried.
 */
#ifndef ZB_CORE_RANGE_ALLOC_H
#define ZB_CORE_RANGE_ALLOC_H

#include "alloc.h"
#include "isolate.h"
#include "range.h"
#include "range_free.h"

/**
 * struct zb_range_failure - why a request for a range failed
 * @result: the cause
 * @zone: the zone that came closest to serving the request, or NULL
 */
struct zb_range_failure {
	enum zb_range_result result;
	struct zb_zone *zone;
};

unsigned long zb_pool_alloc_range(struct zb_pool *pool, zb_gfp_t gfp,
				  const struct zb_range *range, int nid,
				  const struct zb_alloc_policy *policy,
				  struct zb_range_failure *failure);
bool zb_pool_range_could_ever(struct zb_pool *pool, const struct zb_alloc_request *req,
			      const struct zb_range *range, struct zb_range_failure *failure);
bool zb_take_isolated(struct zb_zone *zone, const struct zb_alloc_request *req,
		      const struct zb_alloc_context *ac, unsigned long pfn,
		      unsigned long nr_isolated);

#endif /* ZB_CORE_RANGE_ALLOC_H */

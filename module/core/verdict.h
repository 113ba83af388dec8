/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_VERDICT_H
#define ZB_CORE_VERDICT_H

#include "alloc.h"

/* Whether a request could be served if all memory were free, or why not. */
enum zb_verdict {
	ZB_NEVER_REQUEST,	/* flags or size are not valid for this pool */
	ZB_NEVER_ZONE,		/* no zone has a type that the flags allow */
	ZB_NEVER_NODE,		/* all allowed zones are on nodes that it may not use */
	ZB_NEVER_BLOCK,		/* no allowed zone has room for an aligned block this large */
	ZB_NEVER_TYPE,		/* all such blocks have CMA or isolated pageblocks, or bad frames */
	ZB_NEVER_WATERMARK,	/* it would take every allowed zone below its watermark */
	ZB_COULD_SERVE,		/* it could be served */
};

bool zb_request_context(struct zb_pool *pool,
			const struct zb_alloc_request *req,
			struct zb_alloc_context *ac);
enum zb_verdict zb_zone_verdict(const struct zb_zone *zone,
				const struct zb_alloc_request *req,
				const struct zb_alloc_context *ac);
enum zb_verdict zb_pool_verdict(struct zb_pool *pool,
				const struct zb_alloc_request *req);
bool zb_pool_requests_overlap(struct zb_pool *pool,
			      const struct zb_alloc_request *a,
			      const struct zb_alloc_request *b);

/* Would the request succeed if all usable frames were free? */
static inline bool zb_pool_could_ever(struct zb_pool *pool,
				      const struct zb_alloc_request *req)
{
	return zb_pool_verdict(pool, req) == ZB_COULD_SERVE;
}

#endif /* ZB_CORE_VERDICT_H */

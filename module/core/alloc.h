/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator: the zones of all nodes, and the entry points for allocating
 * and freeing blocks.
 *
 *	zb_pool_alloc_pages            determine the zones and the mobility
 *	  zb_get_page_from_freelist    find the first zone that can serve it:
 *	                               cpuset, dirty limit, watermark
 *	    zb_rmqueue                 take from a per-CPU list, or
 *	      __zb_rmqueue             from a free list of this or another type
 *	    prep_new_block             check the block, mark it allocated
 *	  zb_alloc_slowpath            drain, reclaim, wait, and try again with
 *	                               lower watermarks (slowpath.c)
 *
 *	zb_pool_free_pages             check and claim the block (free.c)
 *	  zb_free_unref_page           put it on a per-CPU list, or
 *	    __zb_free_one_page         merge it with its buddies
 */
#ifndef ZB_CORE_ALLOC_H
#define ZB_CORE_ALLOC_H

#include "free.h"
#include "freelist.h"

/**
 * struct zb_alloc_request - the arguments of an allocation
 * @gfp: its flags
 * @nr_pages: number of frames, see zb_pool_alloc_exact()
 * @nid: preferred node
 * @policy: nodes that the task may use, or NULL for all
 */
struct zb_alloc_request {
	zb_gfp_t gfp;
	unsigned long nr_pages;
	int nid;
	const struct zb_policy *policy;
};

/* Whether a request could be served if all memory were free, or why not. */
enum zb_verdict {
	ZB_NEVER_VALID,		/* flags or size are not valid for this pool */
	ZB_NEVER_ZONE,		/* no zone has a type that the flags allow */
	ZB_NEVER_NODE,		/* such zones are on nodes it may not use */
	ZB_NEVER_BLOCK,		/* no such zone holds an aligned block this large */
	ZB_NEVER_TYPE,		/* such blocks have CMA or isolated pageblocks */
	ZB_NEVER_WATERMARK,	/* would take every such zone below its watermark */
	ZB_COULD,		/* it could be served */
};

/* alloc.c */
void zb_init_context(struct zb_pool *pool, zb_gfp_t gfp,
		     unsigned long nr_pages, int nid,
		     const struct zb_policy *policy, struct zb_alloc_context *ac);
unsigned long zb_pool_alloc_pages(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned int order, int nid,
				  const struct zb_policy *policy);
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
				  const struct zb_policy *policy);

/* verdict.c */
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

/* Would the request succeed if every frame were free that is not out of use? */
static inline bool zb_pool_could_ever(struct zb_pool *pool,
				      const struct zb_alloc_request *req)
{
	return zb_pool_verdict(pool, req) == ZB_COULD;
}

#endif /* ZB_CORE_ALLOC_H */

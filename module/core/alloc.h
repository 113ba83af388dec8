/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator: the zones of all nodes, and the entry points for allocating
 * and freeing blocks.
 *
 *	zb_pool_alloc_exact            determine the zones and the mobility
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
	const struct zb_alloc_policy *policy;
};

/* alloc.c */
void zb_init_context(struct zb_pool *pool, zb_gfp_t gfp,
		     unsigned long nr_pages, int nid,
		     const struct zb_alloc_policy *policy, struct zb_alloc_context *ac);
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
				  const struct zb_alloc_policy *policy);

#endif /* ZB_CORE_ALLOC_H */

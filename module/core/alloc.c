// SPDX-License-Identifier: GPL-2.0-only
#include "alloc.h"
#include "slowpath.h"

/**
 * zb_init_context() - set up the context of a request
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames of the block that the request keeps
 * @nid: preferred node; if it has no region, nodes are tried by distance from
 *	it, and a request with __ZB_GFP_THISNODE fails
 * @policy: nodes that the task may use
 * @ac: filled in except for @preferred; @nodemask is that of the policy
 *
 * Context: any.
 */
void zb_init_context(struct zb_pool *pool, zb_gfp_t gfp,
		     unsigned long nr_pages, int nid,
		     const struct zb_alloc_policy *policy, struct zb_alloc_context *ac)
{
	*ac = (struct zb_alloc_context){
		.node = zb_pool_known_node(pool, nid),
		.policy = policy,
		.nodemask = policy->nodemask,
		.nr_pages = nr_pages,
		.highest_zoneidx = zb_gfp_zone(gfp),
		.migratetype = zb_pool_migratetype(pool, gfp),
	};
}

static bool zb_prepare_alloc_pages(zb_gfp_t gfp, struct zb_alloc_context *ac,
				   unsigned int *alloc_flags)
{
	const unsigned long *cpuset = ac->policy->cpuset;

	ac->spread_dirty = gfp & __ZB_GFP_WRITE;
	if (ac->migratetype == ZB_MIGRATE_MOVABLE)
		*alloc_flags |= ZB_ALLOC_CMA;
	if (gfp & __ZB_GFP_COLD)
		*alloc_flags |= ZB_ALLOC_COLD;
	if (cpuset) {
		*alloc_flags |= ZB_ALLOC_CPUSET;
		if (!ac->nodemask)
			ac->nodemask = cpuset;
	}
	ac->preferred = ac->node ? zb_first_zone(ac, gfp) : NULL;
	if (!ac->preferred)
		return false;
	*alloc_flags |= zb_alloc_flags_nofragment(ac->node, ac->preferred, ac->highest_zoneidx);
	return true;
}

static const struct zb_alloc_policy anywhere;

/**
 * struct zeroed_request - a request with ZERO
 * @policy: that of the caller, with @map
 * @map: receives which frames are known to be zero
 * @bits: the bits of @map
 */
struct zeroed_request {
	struct zb_alloc_policy policy;
	struct zb_zero_map map;
	u64 bits[ZB_PAGEBLOCK_WORDS];
};

/* Let a request that is not too large learn which of its frames are zero. */
static noinline const struct zb_alloc_policy *with_zero_map(struct zeroed_request *z,
							    const struct zb_alloc_policy *policy,
							    unsigned long nr_pages)
{
	if (policy->zero_map || nr_pages > ZB_PAGEBLOCK_NR)
		return policy;
	z->map = (struct zb_zero_map){ .pfn = ZB_NO_PFN, .bits = z->bits };
	z->policy = *policy;
	z->policy.zero_map = &z->map;
	return &z->policy;
}

/**
 * zb_pool_alloc_exact() - allocate a block, or any number of contiguous frames
 * @pool: the allocator
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames, 1 .. 2^@pool->max_order; a power of two makes one block
 * @nid: preferred node; if it has no region, nodes are tried by distance from
 *	it, and a request with __ZB_GFP_THISNODE fails
 * @policy: nodes that the task may use, or NULL for all
 *
 * Otherwise the frames are cut from the start of a free block of
 * zb_exact_order(@nr_pages), so such a block has to exist. The watermark is
 * checked for @nr_pages only, because the rest of the block never leaves the
 * zone. Free the frames by zb_pool_free_exact() with the same @nr_pages.
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, otherwise any but NMI.
 * Return: first frame, aligned to 2^zb_exact_order(@nr_pages), or ZB_NO_PFN.
 */
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
				  const struct zb_alloc_policy *policy)
{
	unsigned int order = zb_exact_order(nr_pages);
	unsigned int alloc_flags = ZB_ALLOC_WMARK_LOW;
	unsigned long pfn = ZB_NO_PFN;
	struct zeroed_request zeroed zb_not_zeroed;
	struct zb_alloc_context ac;

	if (unlikely(gfp & __ZB_GFP_ACCOUNT) && pool->ops->charge &&
	    !pool->ops->charge(pool, gfp, order))
		return ZB_NO_PFN;
	policy = policy ?: &anywhere;
	if (unlikely(gfp & __ZB_GFP_ZERO) && zb_pool_knows_zeroed(pool))
		policy = with_zero_map(&zeroed, policy, nr_pages);
	zb_init_context(pool, gfp, nr_pages, nid, policy, &ac);
	/* The first attempt stays in the cpuset, the slow path need not. */
	if (likely(zb_prepare_alloc_pages(gfp, &ac, &alloc_flags)))
		pfn = zb_get_page_from_freelist(pool, gfp | __ZB_GFP_HARDWALL,
						order, alloc_flags, &ac);
	if (unlikely(pfn == ZB_NO_PFN))
		pfn = zb_alloc_slowpath(pool, gfp, order, &ac);
	if (unlikely(pfn == ZB_NO_PFN) && (gfp & __ZB_GFP_ACCOUNT) &&
	    pool->ops->uncharge)
		pool->ops->uncharge(pool, order);
	return pfn;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The freelist path: an attempt to allocate a block from the zones of a zonelist. */
#ifndef ZB_CORE_FREELIST_H
#define ZB_CORE_FREELIST_H

#include "pool.h"

/**
 * struct zb_alloc_context - parts of a request that all attempts have in common
 * @node: the preferred node
 * @policy: nodes that the task may use
 * @nodemask: nodes that zb_get_page_from_freelist() may use
 * @preferred: the first zone that the request may use
 * @nr_pages: number of frames of the block that the request keeps
 * @highest_zoneidx: highest zone type that the flags allow
 * @migratetype: mobility
 * @spread_dirty: skip nodes that have reached their dirty limit
 */
struct zb_alloc_context {
	const struct zb_node *node;
	const struct zb_alloc_policy *policy;
	const unsigned long *nodemask;
	struct zb_zone *preferred;
	unsigned long nr_pages;
	unsigned int highest_zoneidx;
	unsigned int migratetype;
	bool spread_dirty;
};

bool zb_node_allowed(const struct zb_alloc_context *ac,
		     const struct zb_zone *zone, zb_gfp_t gfp,
		     unsigned int alloc_flags);
struct zb_zone *zb_first_zone(const struct zb_alloc_context *ac, zb_gfp_t gfp);
unsigned int zb_alloc_flags_nofragment(const struct zb_node *node,
				       const struct zb_zone *preferred,
				       unsigned int highest_zoneidx);
unsigned long zb_get_page_from_freelist(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order,
					unsigned int alloc_flags,
					struct zb_alloc_context *ac);
void __zb_trim(struct zb_zone *zone, unsigned long pfn, unsigned int order,
	       unsigned long nr_pages);
void zb_keep_out_of_use(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
			unsigned int order, enum zb_bad bad);
bool zb_prep_new_block(struct zb_pool *pool, struct zb_zone *zone,
		       unsigned long pfn, zb_gfp_t gfp, unsigned int order,
		       const struct zb_alloc_context *ac);
void zb_tell_low(struct zb_pool *pool, struct zb_zone *zone);
void zb_tell_boosted(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp);
void zb_account_alloc(struct zb_zone *preferred, struct zb_zone *zone,
		      unsigned long nr_pages, zb_gfp_t gfp);
void zb_account_singles(struct zb_zone *zone, unsigned int nr, zb_gfp_t gfp);
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned long nr_pages, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags);

#endif /* ZB_CORE_FREELIST_H */

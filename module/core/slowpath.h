/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_SLOWPATH_H
#define ZB_CORE_SLOWPATH_H

#include "freelist.h"

unsigned int zb_slowpath_flags(zb_gfp_t gfp, const struct zb_alloc_context *ac);
bool zb_may_ignore_watermarks(zb_gfp_t gfp);
unsigned long zb_alloc_slowpath(struct zb_pool *pool, zb_gfp_t gfp,
				unsigned int order, struct zb_alloc_context *ac);
bool zb_reclaim_zones(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		      struct zb_alloc_context *ac);
enum zb_compact_result zb_compact_zones(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order, struct zb_alloc_context *ac);

#endif /* ZB_CORE_SLOWPATH_H */

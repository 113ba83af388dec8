/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking ranges: whether a zone has enough free memory for a range, and how free frames become
 * one allocation. The frames of a pageblock are taken in one hold of the zone's lock, so others
 * may take a part of the range meanwhile; what was taken is returned then.
 */
#ifndef ZB_CORE_RANGE_TAKE_H
#define ZB_CORE_RANGE_TAKE_H

#include "alloc.h"
#include "range.h"

/**
 * struct zb_range_attempt - arguments of a request for a range
 * @pool: the allocator
 * @gfp: flags of the request
 * @alloc_flags: part of the watermark min, and migrate types, that it may use
 * @range: the frames that are wanted
 * @ac: context of the request
 */
struct zb_range_attempt {
	struct zb_pool *pool;
	zb_gfp_t gfp;
	unsigned int alloc_flags;
	const struct zb_range *range;
	struct zb_alloc_context ac;
};

enum zb_range_result zb_range_check_free(const struct zb_range_attempt *a,
					 const struct zb_zone *zone, unsigned long nr_free,
					 unsigned long nr_own);
bool zb_range_take(const struct zb_range_attempt *a, struct zb_zone *zone, unsigned long pfn,
		   bool isolated);

#endif /* ZB_CORE_RANGE_TAKE_H */

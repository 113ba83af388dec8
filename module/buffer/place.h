/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_PLACE_H
#define ZB_PLACE_H

#include "buffer.h"

/*
 * Check whether a buffer can never be moved because of its flags or its place. A buffer is moved
 * to a block of the smallest order that holds it. This is not possible if the buffer is larger
 * than any block, needs a larger alignment, or has to be at certain addresses.
 */
static inline bool zb_buffer_keeps_place(const struct zb_buffer *buf)
{
	const struct zb_range *range = &buf->range;
	unsigned int order = zb_exact_order(buf->nr_pages);

	if (zb_gfp_migratetype(buf->gfp) != ZB_MIGRATE_MOVABLE)
		return true;
	return range->nr_pages && (order > buf->bpool->inst->pool.max_order ||
				   range->align_order > order || range->first_pfn ||
				   range->end_pfn != ZB_NO_PFN);
}

#endif /* ZB_PLACE_H */

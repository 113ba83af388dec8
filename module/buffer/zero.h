/* SPDX-License-Identifier: GPL-2.0-only */
/* Clearing new buffers, and which buffers are still zero when they are freed. */
#ifndef ZB_BUFFER_ZERO_H
#define ZB_BUFFER_ZERO_H

#include "../core/zeroed.h"
#include "buffer.h"

/**
 * struct zb_zeroing - which frames of a request are known to be zero
 * @map: filled in by the request
 * @few: the bits of @map, if the request is not larger
 */
struct zb_zeroing {
	struct zb_zero_map map;
	u64 few[ZB_PAGEBLOCK_WORDS];
};

/* Record that others than the allocator may write to the frames of a buffer from now on. */
static inline void zb_buffer_expose(struct zb_buffer *buf)
{
	if (READ_ONCE(buf->is_zero))
		WRITE_ONCE(buf->is_zero, false);
}

struct zb_zero_map *zb_zeroing_begin(struct zb_buffer_pool *bpool, struct zb_zeroing *z,
				     unsigned long nr_pages);
void zb_zeroing_end(struct zb_zeroing *z);
int zb_buffer_clear(struct zb_buffer_pool *bpool, const struct zb_want *want,
		    unsigned long pfn, const struct zb_zero_map *map);

#endif /* ZB_BUFFER_ZERO_H */

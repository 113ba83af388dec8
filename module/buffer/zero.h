/* SPDX-License-Identifier: GPL-2.0-only */
/* Clearing new buffers, and which buffers are still zero when they are freed. */
#ifndef ZB_BUFFER_ZERO_H
#define ZB_BUFFER_ZERO_H

#include "../instance/zeroing.h"
#include "buffer.h"

/* Record that others than the allocator may write to the frames of a buffer from now on. */
static inline void zb_buffer_expose(struct zb_buffer *buf)
{
	if (READ_ONCE(buf->is_zero))
		WRITE_ONCE(buf->is_zero, false);
}

int zb_buffer_clear(struct zb_buffer_pool *bpool, const struct zb_want *want,
		    unsigned long pfn, const struct zb_zero_map *map);

#endif /* ZB_BUFFER_ZERO_H */

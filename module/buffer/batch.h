/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of one page that a command creates or frees together (stock.c, released.c).
 */
#ifndef ZB_BATCH_H
#define ZB_BATCH_H

#include "../core/singles.h"
#include "buffer.h"

/**
 * struct zb_stock - frames that were allocated at once for the next buffers of a command
 * @frames: the frames
 * @next: the first one that has no buffer yet
 * @wanted: number of buffers that are still to be created
 */
struct zb_stock {
	struct zb_singles frames;
	unsigned int next;
	unsigned int wanted;
};

/**
 * struct zb_released - buffers whose frames are going to be freed at once
 * @buf: the buffers, which have no references
 * @nr: their number
 */
struct zb_released {
	struct zb_buffer *buf[ZB_MAX_SINGLES];
	unsigned int nr;
};

static inline void zb_batch_free_frames(struct zb_instance *inst,
					const struct zb_singles *frames, unsigned int first)
{
	enum zb_bad bad = zb_pool_free_singles(&inst->pool, frames, first);

	WARN_ONCE(bad != ZB_OK, "zbuddy: the frames of a buffer could not be freed (%d)\n",
		  bad);
}

/* stock.c */
struct zb_stock *zb_stock_begin(const struct zb_buffer_pool *bpool, const struct zb_want *want,
				struct zb_stock *stock);
bool zb_stock_take(struct zb_buffer_pool *bpool, const struct zb_want *want,
		   struct zb_zero_map *map, unsigned long *pfn);
void zb_stock_end(struct zb_buffer_pool *bpool, struct zb_stock *stock);

/* released.c */
void zb_buffer_put_together(struct zb_buffer *buf, struct zb_released *released);
void zb_released_free(struct zb_released *released);

#endif /* ZB_BATCH_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim: how memory is made for requests that can't be served from free memory.
 *
 * So far this is compaction: movable buffers are moved, so that a large block becomes free
 * (compact.c). core/compact.h describes what is moved, and buffer/move.c how.
 */
#ifndef ZB_RECLAIM_H
#define ZB_RECLAIM_H

#include <linux/atomic.h>

#include "../buffer/buffer.h"

/**
 * struct zb_reclaim - how memory is made
 * @inst: the instance
 * @bpool: its buffers
 * @nr_compacting: number of requests that are compacting memory
 *
 * @inst and @bpool are constant after zb_reclaim_attach().
 */
struct zb_reclaim {
	struct zb_instance *inst;
	struct zb_buffer_pool *bpool;
	atomic_t nr_compacting;
};

void zb_reclaim_attach(struct zb_reclaim *reclaim, struct zb_instance *inst,
		       struct zb_buffer_pool *bpool);
int zb_compact_memory(struct zb_reclaim *reclaim);

#endif /* ZB_RECLAIM_H */

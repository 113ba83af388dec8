/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim: how memory is made for requests that can't be served from free memory.
 *
 * So far this is compaction: movable buffers are moved, so that a large block becomes free
 * (compact.c, and kcompactd.c in the background). core/compact.h describes what is moved,
 * and buffer/move.c how.
 */
#ifndef ZB_RECLAIM_H
#define ZB_RECLAIM_H

#include <linux/atomic.h>

#include "../buffer/buffer.h"
#include "../core/compact.h"

struct zb_kcompactd;

/**
 * struct zb_reclaim - how memory is made
 * @inst: the instance
 * @bpool: its buffers
 * @nr_compacting: number of requests that are compacting memory
 * @kcompactd: background compaction by node, in the order of zb_pool.nodes; NULL while it
 *	is stopped
 *
 * @inst and @bpool are constant after zb_reclaim_attach().
 */
struct zb_reclaim {
	struct zb_instance *inst;
	struct zb_buffer_pool *bpool;
	atomic_t nr_compacting;
	struct zb_kcompactd *kcompactd;
};

void zb_reclaim_attach(struct zb_reclaim *reclaim, struct zb_instance *inst,
		       struct zb_buffer_pool *bpool);
int zb_compact_memory(struct zb_reclaim *reclaim);
bool zb_move_out(const struct zb_compact_control *cc, struct zb_zone *zone,
		 unsigned long pfn, unsigned long nr_pages);

/* Trace and call zb_zone_compact(). */
static inline enum zb_compact_result zb_compact_zone(struct zb_zone *zone,
						     const struct zb_compact_control *cc)
{
	enum zb_compact_result result;

	trace_mm_compaction_begin(zone->start_pfn, zb_zone_end(zone));
	result = zb_zone_compact(zone, cc);
	trace_mm_compaction_end(zone->start_pfn, zb_zone_end(zone), result);
	return result;
}

/* kcompactd.c */
int zb_kcompactd_start(struct zb_reclaim *reclaim);
void zb_kcompactd_stop(struct zb_reclaim *reclaim);
void zb_wake_kcompactd(struct zb_reclaim *reclaim, const struct zb_zone *zone,
		       unsigned int order);

#endif /* ZB_RECLAIM_H */

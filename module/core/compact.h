/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compaction: allocations that may be moved are moved together, so that a large block
 * becomes free between them.
 *
 *	window     +---+---+---+---+---+---+---+---+
 *	of 8       | A |   |   |   | B     |   |   |	cost 3: the frames of A and B
 *	           +---+---+---+---+---+---+---+---+
 *	elsewhere  | X | X | A | X | B     | U | U |	the smallest blocks that suffice
 *
 * The kernel's compaction scans a zone from both ends. Here the state bytes and the
 * bitmaps of the pageblocks tell what each aligned window of the wanted order would cost,
 * so the cheapest window is emptied first:
 *
 *	zb_zone_compact
 *	  find_window		the window with the fewest frames to move, and without any
 *				block that can't move out of it
 *	  zb_pool_isolate_range	no request is served from its pageblocks
 *	  evacuate		the environment moves the allocations; it gets their new
 *				frames from zb_compact_alloc()
 *	  zb_pool_unisolate_range
 *
 * A pageblock that could not be emptied is skipped until no other one is left. The state bytes
 * do not show that a block is only a part of an allocation, for which another block of the wanted
 * order would be needed. The environment knows, and rules the window out. If
 * compaction fails in a zone, it is deferred there, as in the kernel: the next 1, 3, 7,
 * ..., 63 requests of the same or a larger order fail without another attempt.
 *
 * Proactive compaction has a target that does not depend on requests: the fragmentation
 * score of a node, see zb_fragmentation_score(), and two limits of it that the tunable
 * compaction_proactiveness determines, as in the kernel.
 */
#ifndef ZB_CORE_COMPACT_H
#define ZB_CORE_COMPACT_H

#include "alloc.h"
#include "isolate.h"

#define ZB_COMPACT_ALL_WINDOWS	(~0u)

/* Proactive compaction starts above ZB_SCORE_HIGH() and stops at ZB_SCORE_LOW(). */
#define ZB_SCORE_LOW(proactiveness)	((proactiveness) < 95 ? 100 - (proactiveness) : 5)
#define ZB_SCORE_HIGH(proactiveness) \
	((proactiveness) > 10 ? ZB_SCORE_LOW(proactiveness) + 10 : 100)

/**
 * struct zb_compact_control - what to compact for
 * @order: order of the block that is wanted, 1 or more
 * @highest_zoneidx: highest zone type that the request may use
 * @cma: CMA pageblocks can serve the request
 * @max_failures: number of windows that may fail to become empty before giving up; 16 windows
 *	that are ruled out count as one
 * @force: try even if compaction is deferred, and again all pageblocks that are not ruled out
 * @background: not for a request, so COMPACTSTALL, COMPACTSUCCESS and COMPACTFAIL are not
 *	counted
 * @keep_skipped: leave out pageblocks that could not be emptied before, even with @force or if
 *	there are no others
 * @gfp: flags of the request, for @evacuate
 * @evacuate: moves all allocations out of @nr_pages isolated frames from @pfn on, as far
 *	as possible; may sleep. Returns false to stop compaction, for example because the
 *	task is being killed
 * @data: for @evacuate
 */
struct zb_compact_control {
	unsigned int order;
	unsigned int highest_zoneidx;
	bool cma;
	unsigned int max_failures;
	bool force;
	bool background;
	bool keep_skipped;
	zb_gfp_t gfp;
	bool (*evacuate)(const struct zb_compact_control *cc, struct zb_zone *zone,
			 unsigned long pfn, unsigned long nr_pages);
	void *data;
};

bool zb_compact_suitable(const struct zb_zone *zone, const struct zb_compact_control *cc);
enum zb_compact_result zb_zone_compact(struct zb_zone *zone,
				       const struct zb_compact_control *cc);
enum zb_compact_result zb_pool_compact_for(struct zb_pool *pool,
					   const struct zb_alloc_request *req);
long zb_compact_cost(const struct zb_zone *zone, unsigned long pfn, unsigned int order,
		     bool *cached);
void zb_compact_rule_out(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
unsigned int zb_fragmentation_score(struct zb_pool *pool, int nid);
unsigned long zb_compact_alloc(struct zb_zone *zone, zb_gfp_t gfp, unsigned long nr_pages,
			       unsigned int below_order);
void zb_zone_count_event(struct zb_zone *zone, enum zb_event event, unsigned long nr);

#endif /* ZB_CORE_COMPACT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool: the zones of all nodes, and what the allocator expects from its
 * environment.
 *
 * The core leaves to zb_ops what depends on its environment, such as reclaim,
 * compaction and waiting. Every callback is optional. The module does not implement
 * @charge and @uncharge; only the unit tests do.
 */
#ifndef ZB_CORE_POOL_H
#define ZB_CORE_POOL_H

#include "gfp.h"
#include "pcp.h"
#include "watermark.h"
#include "zeroed.h"
#include "zonelist.h"

struct zb_pool;
struct zb_alloc_context;
struct zb_range_survey;

/* Why a block cannot be freed, split or allocated. */
enum zb_bad {
	ZB_OK,
	ZB_BAD_OUTSIDE,		/* not in any zone */
	ZB_BAD_NOT_ALLOCATED,	/* already free, or not the start of a block */
	ZB_BAD_WRONG_ORDER,	/* allocated with another order */
	ZB_BAD_COMPOUND,	/* a compound block, which cannot be split */
	ZB_BAD_STATE,		/* taken from a free list, but not in free state */
	ZB_BAD_CONTENT,		/* written to while it was free */
	ZB_NR_BAD,
};

/* What an attempt to compact a zone achieved. */
enum zb_compact_result {
	ZB_COMPACT_SKIPPED,	/* not enough free frames, or too few in small blocks */
	ZB_COMPACT_DEFERRED,	/* failed a short time ago */
	ZB_COMPACT_FAILED,	/* no window could be emptied */
	ZB_COMPACT_SUCCESS,	/* a window has been emptied */
};

/* The result of a request for a range (range_alloc.h), from success to what is farthest from it. */
enum zb_range_result {
	ZB_RANGE_OK,
	ZB_RANGE_STOPPED,		/* the task is being killed */
	ZB_RANGE_NO_MEMORY,		/* the environment has no memory for its own data */
	ZB_RANGE_IN_USE,		/* allocations in the way are in use */
	ZB_RANGE_UNMOVABLE,		/* memory that can't be moved is in the way everywhere */
	ZB_RANGE_FRAGMENTED,		/* what is in the way may not be moved, or nowhere to */
	ZB_RANGE_WATERMARK,		/* too little would be left */
	ZB_RANGE_FULL,			/* less is free than the request needs */
	ZB_RANGE_NEVER_WATERMARK,	/* too little would be left even of an unused zone */
	ZB_RANGE_NEVER_FITS,		/* the zones are too small, or have other addresses */
	ZB_RANGE_NEVER_NODE,		/* no node with an allowed zone may be used */
	ZB_RANGE_NEVER_ZONE,		/* the flags exclude all zones */
};

/* How hard an attempt to compact a zone tries. */
enum zb_compact_priority {
	ZB_COMPACT_LIGHT,	/* give up early; not at all while compaction is deferred */
	ZB_COMPACT_FULL,	/* more windows, including those that failed before */
};

/**
 * struct zb_ops - callbacks into the environment; every one is optional
 * @drain_all: drain the per-CPU lists of all CPUs; may sleep
 * @drain_later: start @drain_all asynchronously; callable from any context
 * @became_low: start to drain the per-CPU lists of a zone that has become low,
 *	including those that seem to be empty, because a CPU may be about to push a
 *	block; callable from any context
 * @wake_reclaim: start background reclaim in a zone that a request with these flags may use,
 *	because its first attempt failed; callable from any context
 * @zone_reclaim: free memory in a zone that does not have enough for the request @ac above the
 *	watermark that @alloc_flags select, before the request tries the next zone; may sleep;
 *	returns true if there was progress
 * @direct_reclaim: free memory in one zone for the request @ac, which may use its watermark
 *	min with @alloc_flags; may sleep; returns true if there was progress. The flags say
 *	whether it may do I/O and call into file systems
 * @compact: move allocations to form a free block of this order in a zone; may sleep.
 *	The context is that of the request (freelist.h)
 * @survey: find out which allocations of a zone can be moved, or their memory taken back, for a
 *	request @ac for a range, and set *@survey. If it is set already, add those to it that
 *	could be if they were not in use. May sleep. Returns ZB_RANGE_OK or why it failed
 * @evict: move all allocations out of @nr_pages isolated frames from @pfn on that can be moved,
 *	and keep the survey up to date; end with the first that has to stay. May sleep; returns
 *	false if the task is being killed
 * @purge: take the memory of all allocations back that @evict has left, or of none if one of
 *	them has to stay, and keep the survey up to date. May sleep; returns false if the task
 *	is being killed
 * @run: call @fn with @data, where the priority of the task does not delay it, and wait until it
 *	has returned; may sleep
 * @end_survey: undo @survey
 * @move_out: move what can be moved out of @nr_pages isolated frames from @pfn on, for a
 *	request with these flags; may sleep
 * @oom: ask others to free memory as a last resort, before the request @ac fails; may sleep;
 *	returns true if some was freed
 * @wait: sleep for a short time in which other tasks may free memory; returns
 *	false if the request should fail, because the task is being killed and
 *	@killable is set
 * @charge: charge the block to the calling task; returns false to refuse
 * @uncharge: undo @charge, because the allocation failed
 * @clear: fill contiguous frames with zeroes
 * @poison: fill the block, which is about to be freed, with a pattern
 * @check_poison: returns false if the pattern of @poison has been overwritten
 * @report_bad: report a damaged block that was taken out of use, or a refused free
 * @report_failure: report the failure of a request without __ZB_GFP_NOWARN;
 *	@alloc_flags are those of the last attempt
 */
struct zb_ops {
	void (*drain_all)(struct zb_pool *pool);
	void (*drain_later)(struct zb_pool *pool);
	void (*became_low)(struct zb_pool *pool, struct zb_zone *zone);
	void (*wake_reclaim)(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			     unsigned int order);
	bool (*zone_reclaim)(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			     unsigned int order, unsigned int alloc_flags,
			     const struct zb_alloc_context *ac);
	bool (*direct_reclaim)(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			       unsigned int order, unsigned int alloc_flags,
			       const struct zb_alloc_context *ac);
	enum zb_compact_result (*compact)(struct zb_pool *pool, struct zb_zone *zone,
					  zb_gfp_t gfp, unsigned int order,
					  enum zb_compact_priority priority,
					  const struct zb_alloc_context *ac);
	enum zb_range_result (*survey)(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
				       const struct zb_alloc_context *ac,
				       struct zb_range_survey **survey);
	bool (*evict)(struct zb_pool *pool, struct zb_zone *zone,
		      struct zb_range_survey *survey, const struct zb_alloc_context *ac,
		      unsigned long pfn, unsigned long nr_pages);
	bool (*purge)(struct zb_pool *pool, struct zb_zone *zone,
		      struct zb_range_survey *survey, const struct zb_alloc_context *ac,
		      unsigned long pfn, unsigned long nr_pages);
	void (*run)(struct zb_pool *pool, void (*fn)(void *data), void *data);
	void (*end_survey)(struct zb_pool *pool, struct zb_range_survey *survey);
	void (*move_out)(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			 unsigned long pfn, unsigned long nr_pages);
	bool (*oom)(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		    const struct zb_alloc_context *ac);
	bool (*wait)(struct zb_pool *pool, bool killable);
	bool (*charge)(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order);
	void (*uncharge)(struct zb_pool *pool, unsigned int order);
	void (*clear)(struct zb_pool *pool, unsigned long pfn,
		      unsigned long nr_pages);
	void (*poison)(struct zb_pool *pool, unsigned long pfn,
		       unsigned int order);
	bool (*check_poison)(struct zb_pool *pool, unsigned long pfn,
			     unsigned int order);
	void (*report_bad)(struct zb_pool *pool, unsigned long pfn,
			   unsigned int order, enum zb_bad bad);
	void (*report_failure)(struct zb_pool *pool, zb_gfp_t gfp,
			       unsigned int order, unsigned int alloc_flags,
			       const struct zb_alloc_context *ac);
};

/**
 * struct zb_alloc_policy - which nodes a request may use, and how it is served
 * @nodemask: bitmap of the nodes that the caller selected, or NULL for all
 * @cpuset: bitmap of the nodes that the task may use, or NULL for no limit, for
 *	example in an interrupt
 * @nr_bits: length of the bitmaps
 * @killable: a fatal signal ends the wait, even with __ZB_GFP_NOFAIL
 * @queued: the request waits in a queue, whose owner calls zb_pool_compact_for() for it: do
 *	not compact memory
 * @every_frame: look at every frame of a block, however large (unfit.h)
 * @zero_map: receives which frames are known to be zero (zeroed.h), or NULL. If the pfn in it
 *	is not that of the allocation afterwards, none of them is
 */
struct zb_alloc_policy {
	const unsigned long *nodemask;
	const unsigned long *cpuset;
	unsigned int nr_bits;
	bool killable;
	bool queued;
	bool every_frame;
	struct zb_zero_map *zero_map;
};

/**
 * struct zb_pool - an allocator
 * @nodes: nodes that have a region, in ascending order of their numbers
 * @nr_nodes: number of @nodes
 * @memoryless: nodes without a region that a request may name; their zonelists
 *	have the zones of all nodes by distance
 * @nr_memoryless: number of @memoryless
 * @zones: all zones, node by node, in ascending order of address in each
 * @nr_zones: number of @zones
 * @largest: the largest zone, in which frames are looked up first
 * @zone_map: index of the zone of each pageblock from @map_start on, one byte
 *	each; ZB_NO_ZONE for a gap between zones. NULL if there is no map
 * @map_start: first frame of the lowest zone
 * @map_size: size of @zone_map in bytes
 * @max_order: the largest order that any zone can hold
 * @page_shift: log2 of the page size
 * @mobility_disabled: the pool is too small to group by mobility; all requests
 *	are treated as unmovable
 * @nr_cpus: per-CPU lists are short enough for this many CPUs
 * @tunables: see struct zb_tunables; call zb_pool_tune() after a change
 * @stalls: rounds of the slow path that had to reclaim
 * @failures: requests that failed
 * @bad_frees: refused frees, by enum zb_bad
 * @ops: see struct zb_ops
 */
struct zb_pool {
	struct zb_node *nodes;
	unsigned int nr_nodes;
	struct zb_node *memoryless;
	unsigned int nr_memoryless;
	struct zb_zone *zones;
	unsigned int nr_zones;
	struct zb_zone *largest;
	u8 *zone_map;
	unsigned long map_start;
	unsigned long map_size;
	unsigned int max_order;
	unsigned int page_shift;
	bool mobility_disabled;
	unsigned int nr_cpus;
	struct zb_tunables tunables;
	atomic_long_t stalls;
	atomic_long_t failures;
	atomic_long_t bad_frees[ZB_NR_BAD];
	const struct zb_ops *ops;
};

#define zb_for_each_zone(zone, pool)					\
	for (zone = (pool)->zones; zone < (pool)->zones + (pool)->nr_zones; \
	     zone++)

#define ZB_NO_ZONE	0xff

/* pool.c */
bool zb_pool_too_small(unsigned long nr_pages);
struct zb_node *zb_pool_node(const struct zb_pool *pool, int nid);
struct zb_node *zb_pool_known_node(const struct zb_pool *pool, int nid);
size_t zb_zone_map_size(const struct zb_pool *pool);
struct zb_zone *zb_pool_largest_zone(const struct zb_pool *pool);
void zb_zone_map_init(struct zb_pool *pool, u8 *map);
struct zb_zone *zb_search_zone(const struct zb_pool *pool, unsigned long pfn);
void __zb_zone_setup_fast(const struct zb_pool *pool, struct zb_zone *zone);
void __zb_zone_setup_lists(const struct zb_pool *pool, struct zb_zone *zone);
void zb_begin_lists(struct zb_zone *zone);
void zb_end_lists(struct zb_zone *zone, unsigned int cpu);

/* Find the zone of a frame; NULL if the frame is not in the pool. */
static inline struct zb_zone *zb_pfn_zone(const struct zb_pool *pool,
					  unsigned long pfn)
{
	unsigned long i = (pfn - pool->map_start) >> ZB_PAGEBLOCK_ORDER;

	if (unlikely(!pool->zone_map))
		return zb_search_zone(pool, pfn);
	if (unlikely(i >= pool->map_size || pool->zone_map[i] == ZB_NO_ZONE))
		return NULL;
	return &pool->zones[pool->zone_map[i]];
}

/*
 * Let this CPU use its lists. Called where the fast path was not possible, and outside of sections
 * that use the lists.
 */
static inline void zb_use_lists(struct zb_zone *zone)
{
	bool unused;

	zb_cpu_pin();
	unused = zb_read_own(zb_this_cpu_ptr(zone->pcp)->busy) == ZB_PCP_UNUSED;
	zb_cpu_unpin();
	if (unlikely(unused))
		zb_begin_lists(zone);
}

/* Is it recorded which free frames are zero? All zones start and stop this together. */
static inline bool zb_pool_knows_zeroed(const struct zb_pool *pool)
{
	return READ_ONCE(pool->zones->zeroed);
}

/* The migrate type of a request; zb_gfp_valid(@gfp) must hold. */
static inline unsigned int zb_pool_migratetype(const struct zb_pool *pool,
					       zb_gfp_t gfp)
{
	return pool->mobility_disabled ? ZB_MIGRATE_UNMOVABLE :
					 zb_gfp_migratetype(gfp);
}

/* Check whether a request with __ZB_GFP_WRITE may use a node in its first attempt. */
static inline bool zb_node_dirty_ok(const struct zb_pool *pool,
				    const struct zb_node *node)
{
	return (u64)atomic_long_read(&node->nr_dirty) * 100 <
	       (u64)READ_ONCE(node->nr_pages) * READ_ONCE(pool->tunables.dirty_ratio);
}

#endif /* ZB_CORE_POOL_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator: all zones of all nodes, and the ways in and out.
 *
 *	zb_pool_alloc_pages        prepare: which zones, which mobility
 *	  get_page_from_freelist       the first zone that may serve it
 *	    zb_zone_watermark_ok         cpuset, dirty limit, watermark
 *	    zb_rmqueue                 per-CPU list, or
 *	      __zb_rmqueue             own migrate type, or another's
 *	        __zb_rmqueue_smallest  the smallest order that will do
 *	    prep_new_block             look at it, say whose it is
 *	  zb_alloc_slowpath            again with bolder flags, between wake-ups,
 *	                               drains, reclaim and waiting (slowpath.c)
 *
 *	zb_pool_free_pages                  is it what the caller says? (page_free.c)
 *	  zb_free_unref_page           per-CPU list, or
 *	    __zb_free_one_page         merge with the buddies
 *
 * What the core can't do by itself it asks of its surroundings, in zb_ops. Any
 * of them may be missing. Reclaim and compaction plug in there.
 */
#ifndef ZB_CORE_PAGE_ALLOC_H
#define ZB_CORE_PAGE_ALLOC_H

#include "gfp.h"
#include "pcp.h"
#include "watermark.h"
#include "zonelist.h"

struct zb_pool;
struct zb_alloc_context;

/* What is wrong with a block that is to be freed, or was to be allocated. */
enum zb_bad {
	ZB_OK,
	ZB_BAD_OUTSIDE,		/* not in any zone */
	ZB_BAD_NOT_ALLOCATED,	/* free already, or inside of a block */
	ZB_BAD_WRONG_ORDER,	/* allocated with another order */
	ZB_BAD_COMPOUND,	/* part of a block that can't be split */
	ZB_BAD_STATE,		/* to be allocated, but not free */
	ZB_BAD_CONTENT,		/* written to while it was free */
	ZB_NR_BAD,
};

/**
 * struct zb_ops - what the allocator asks of its surroundings
 * @drain_all: have every CPU give back its per-CPU lists; may sleep
 * @drain_later: see to it that @drain_all is done soon; any context
 * @wake_reclaim: free memory of a zone is below its low watermark; any context
 * @zone_reclaim: make room in one zone now, cheaply; returns frames freed
 * @direct_reclaim: make room anywhere; may sleep; returns frames freed. The
 *	flags say whether it may do I/O and call into file systems
 * @compact: make a block of that order; may sleep; returns whether it did
 * @wait: somebody may free something; sleep a little; returns false when the
 *	task is to give up (it is being killed, and the caller allows that)
 * @charge: account the block to whoever asks; returns false to refuse
 * @uncharge: the block that was charged is not to be had
 * @check: is the block's memory as it was left when it was freed?
 * @clear: fill the block with zeroes
 * @freed: the block was freed; its memory may be poisoned
 * @bad: a block was found damaged and stays out of use, or a free was refused
 * @failed: a request without __ZB_GFP_NOWARN has failed; it is told what the
 *	last attempt was allowed to do
 */
struct zb_ops {
	void (*drain_all)(struct zb_pool *pool);
	void (*drain_later)(struct zb_pool *pool);
	void (*wake_reclaim)(struct zb_pool *pool, struct zb_zone *zone,
			     unsigned int order);
	unsigned long (*zone_reclaim)(struct zb_pool *pool, struct zb_zone *zone,
				      zb_gfp_t gfp, unsigned int order);
	unsigned long (*direct_reclaim)(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order);
	bool (*compact)(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order);
	bool (*wait)(struct zb_pool *pool, bool killable);
	bool (*charge)(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order);
	void (*uncharge)(struct zb_pool *pool, unsigned int order);
	bool (*check)(struct zb_pool *pool, unsigned long pfn,
		      unsigned int order);
	void (*clear)(struct zb_pool *pool, unsigned long pfn,
		      unsigned int order);
	void (*freed)(struct zb_pool *pool, unsigned long pfn,
		      unsigned int order);
	void (*bad)(struct zb_pool *pool, unsigned long pfn, unsigned int order,
		    enum zb_bad bad);
	void (*failed)(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		       unsigned int alloc_flags,
		       const struct zb_alloc_context *ac);
};

/**
 * struct zb_policy - where the task that asks may go
 * @nodemask: bitmap of nodes the caller wants, or NULL for any
 * @cpuset: bitmap of nodes the task may use, or NULL for no limit, as in an
 *	interrupt
 * @nr_bits: length of the bitmaps
 * @killable: a fatal signal ends the waiting, even with __ZB_GFP_NOFAIL
 */
struct zb_policy {
	const unsigned long *nodemask;
	const unsigned long *cpuset;
	unsigned int nr_bits;
	bool killable;
};

/**
 * struct zb_pool - an allocator
 * @nodes: nodes that have a region, by rising number
 * @nr_nodes: how many
 * @memoryless: other nodes that a request may name; their zonelists have the
 *	zones of all nodes by distance from there
 * @nr_memoryless: how many
 * @zones: all zones, node by node, by rising address in each
 * @nr_zones: how many
 * @largest: the largest zone, where a frame is looked for first
 * @zone_map: number of the zone of each pageblock from @map_start on, one
 *	byte; ZB_NO_ZONE where there is none. NULL to search instead
 * @map_start: first frame of the first zone
 * @map_size: bytes of @zone_map
 * @max_order: the largest order that any zone can hold
 * @page_shift: log2 of the page size
 * @mobility_disabled: too small to keep mobilities apart; all is unmovable
 * @tunables: see there; zb_pool_tune() makes a change count
 * @stalls: rounds of the slow path in which it had to reclaim
 * @failures: requests that failed
 * @bad_frees: frees that were refused, by enum zb_bad
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
	struct zb_tunables tunables;
	atomic_long_t stalls;
	atomic_long_t failures;
	atomic_long_t bad_frees[ZB_NR_BAD];
	const struct zb_ops *ops;
};

/**
 * struct zb_alloc_context - what does not change between attempts
 * @node: the preferred node
 * @policy: where the task may go
 * @nodemask: what get_page_from_freelist() goes by now
 * @preferred: the first zone that would do, for statistics
 * @nr_pages: frames that the request keeps of its block
 * @highest_zoneidx: highest zone type the flags allow
 * @migratetype: mobility
 * @spread_dirty: skip nodes that are over their dirty limit
 */
struct zb_alloc_context {
	const struct zb_node *node;
	const struct zb_policy *policy;
	const unsigned long *nodemask;
	struct zb_zone *preferred;
	unsigned long nr_pages;
	unsigned int highest_zoneidx;
	unsigned int migratetype;
	bool spread_dirty;
};

/**
 * struct zb_alloc_request - all that decides whether a request can be served
 * @gfp: its flags
 * @nr_pages: frames, for zb_pool_alloc_exact(); a power of two makes one block
 * @nid: node to prefer
 * @policy: where the task may go, or NULL for anywhere
 */
struct zb_alloc_request {
	zb_gfp_t gfp;
	unsigned long nr_pages;
	int nid;
	const struct zb_policy *policy;
};

/* Why a request could not be served even if all memory were free. */
enum zb_verdict {
	ZB_NEVER_VALID,		/* flags or size are not for this pool */
	ZB_NEVER_ZONE,		/* no zone of a type that the flags allow */
	ZB_NEVER_NODE,		/* such zones are on nodes that it may not use */
	ZB_NEVER_BLOCK,		/* no such zone holds an aligned block so large */
	ZB_NEVER_TYPE,		/* it does, but of CMA or isolated pageblocks */
	ZB_NEVER_WATERMARK,	/* too little would be left for others */
	ZB_COULD,		/* it could */
};

#define zb_for_each_zone(zone, pool)					\
	for (zone = (pool)->zones; zone < (pool)->zones + (pool)->nr_zones; \
	     zone++)

#define ZB_NO_ZONE	0xff

/* page_alloc.c */
void zb_pool_tune(struct zb_pool *pool, unsigned int nr_cpus);
bool zb_pool_too_small(unsigned long nr_pages);
struct zb_node *zb_pool_node(const struct zb_pool *pool, int nid);
struct zb_node *zb_pool_any_node(const struct zb_pool *pool, int nid);
size_t zb_zone_map_size(const struct zb_pool *pool);
void zb_zone_map_init(struct zb_pool *pool, u8 *map);
struct zb_zone *zb_search_zone(const struct zb_pool *pool, unsigned long pfn);
void zb_init_context(struct zb_pool *pool, zb_gfp_t gfp,
		     unsigned long nr_pages, int nid,
		     const struct zb_policy *policy, struct zb_alloc_context *ac);
bool zb_node_allowed(const struct zb_alloc_context *ac,
		     const struct zb_zone *zone, zb_gfp_t gfp,
		     unsigned int alloc_flags);
struct zb_zone *zb_first_zone(const struct zb_alloc_context *ac, zb_gfp_t gfp);
unsigned long zb_get_page_from_freelist(struct zb_pool *pool, zb_gfp_t gfp,
					unsigned int order,
					unsigned int alloc_flags,
					struct zb_alloc_context *ac);
unsigned long zb_pool_alloc_pages(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned int order, int nid,
				  const struct zb_policy *policy);
unsigned long zb_pool_alloc_exact(struct zb_pool *pool, zb_gfp_t gfp,
				  unsigned long nr_pages, int nid,
				  const struct zb_policy *policy);

/* The zone of a frame, NULL when it is not ours. */
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

/* The mobility that a request is served with; zb_gfp_valid() must hold. */
static inline unsigned int zb_pool_migratetype(const struct zb_pool *pool,
					       zb_gfp_t gfp)
{
	return pool->mobility_disabled ? ZB_MIGRATE_UNMOVABLE :
					 zb_gfp_migratetype(gfp);
}

/* fast.c */
void zb_fast_setup(struct zb_pool *pool);
void zb_fast_memoryless_node(struct zb_pool *pool, struct zb_node *node);

/* verdict.c */
bool zb_request_context(struct zb_pool *pool,
			const struct zb_alloc_request *req,
			struct zb_alloc_context *ac);
enum zb_verdict zb_zone_verdict(const struct zb_zone *zone,
				const struct zb_alloc_request *req,
				const struct zb_alloc_context *ac);
enum zb_verdict zb_pool_verdict(struct zb_pool *pool,
				const struct zb_alloc_request *req);
bool zb_pool_requests_overlap(struct zb_pool *pool,
			      const struct zb_alloc_request *a,
			      const struct zb_alloc_request *b);

/* Would it succeed if every frame were free that is not kept out of use? */
static inline bool zb_pool_could_ever(struct zb_pool *pool,
				      const struct zb_alloc_request *req)
{
	return zb_pool_verdict(pool, req) == ZB_COULD;
}

/* slowpath.c */
unsigned int zb_slowpath_flags(zb_gfp_t gfp, const struct zb_alloc_context *ac);
bool zb_may_ignore_watermarks(zb_gfp_t gfp);
unsigned long zb_alloc_slowpath(struct zb_pool *pool, zb_gfp_t gfp,
				unsigned int order, struct zb_alloc_context *ac);

/* page_free.c */
enum zb_bad zb_pool_check_allocated(const struct zb_pool *pool, unsigned long pfn,
				    unsigned int order);
enum zb_bad zb_pool_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order);
enum zb_bad zb_pool_free_pages_cold(struct zb_pool *pool, unsigned long pfn,
				    unsigned int order);
enum zb_bad zb_pool_split_page(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order);
enum zb_bad zb_pool_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages);
unsigned long zb_pool_block_head(const struct zb_pool *pool, unsigned long pfn,
				 unsigned int *order);

#endif /* ZB_CORE_PAGE_ALLOC_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator: the zones of all nodes, and the entry points for allocating
 * and freeing blocks.
 *
 *	zb_pool_alloc_pages            determine the zones and the mobility
 *	  zb_get_page_from_freelist    find the first zone that can serve it:
 *	                               cpuset, dirty limit, watermark
 *	    zb_rmqueue                 take from a per-CPU list, or
 *	      __zb_rmqueue             from a free list of this or another type
 *	    prep_new_block             check the block, mark it allocated
 *	  zb_alloc_slowpath            drain, reclaim, wait, and try again with
 *	                               lower watermarks (slowpath.c)
 *
 *	zb_pool_free_pages             check and claim the block (page_free.c)
 *	  zb_free_unref_page           put it on a per-CPU list, or
 *	    __zb_free_one_page         merge it with its buddies
 *
 * The core leaves to zb_ops what depends on its environment, such as reclaim,
 * compaction and waiting. Every callback is optional.
 */
#ifndef ZB_CORE_PAGE_ALLOC_H
#define ZB_CORE_PAGE_ALLOC_H

#include "gfp.h"
#include "pcp.h"
#include "watermark.h"
#include "zonelist.h"

struct zb_pool;
struct zb_alloc_context;

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

/**
 * struct zb_ops - callbacks into the environment; every one is optional
 * @drain_all: drain the per-CPU lists of all CPUs; may sleep
 * @drain_later: start @drain_all asynchronously; callable from any context
 * @became_low: start to drain the per-CPU lists of a zone that has become low, also
 *	those that seem to be empty, because a CPU may be about to push a block;
 *	callable from any context
 * @wake_reclaim: start background reclaim, because a request found the zone
 *	below its low watermark; callable from any context
 * @zone_reclaim: reclaim a little from one zone; returns the frames freed
 * @direct_reclaim: reclaim from any zone; may sleep; returns the frames freed.
 *	The flags say whether it may do I/O and call into file systems
 * @compact: try to form a free block of this order; may sleep; returns whether
 *	it succeeded
 * @wait: sleep for a short time in which other tasks may free memory; returns
 *	false if the request should fail, because the task is being killed and
 *	@killable is set
 * @charge: charge the block to the calling task; returns false to refuse
 * @uncharge: undo @charge, because the allocation failed
 * @check: check that the block was not written to since it was freed
 * @clear: fill the block with zeroes
 * @freed: called before a block is freed; may poison its memory
 * @bad: report a damaged block that was taken out of use, or a refused free
 * @failed: report the failure of a request without __ZB_GFP_NOWARN;
 *	@alloc_flags are those of the last attempt
 */
struct zb_ops {
	void (*drain_all)(struct zb_pool *pool);
	void (*drain_later)(struct zb_pool *pool);
	void (*became_low)(struct zb_pool *pool, struct zb_zone *zone);
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
 * struct zb_policy - nodes that a request may use
 * @nodemask: bitmap of the nodes that the caller selected, or NULL for all
 * @cpuset: bitmap of the nodes that the task may use, or NULL for no limit, for
 *	example in an interrupt
 * @nr_bits: length of the bitmaps
 * @killable: a fatal signal ends the wait, even with __ZB_GFP_NOFAIL
 * @every_frame: look at every frame of a block, however large (unfit.h)
 */
struct zb_policy {
	const unsigned long *nodemask;
	const unsigned long *cpuset;
	unsigned int nr_bits;
	bool killable;
	bool every_frame;
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
	struct zb_tunables tunables;
	atomic_long_t stalls;
	atomic_long_t failures;
	atomic_long_t bad_frees[ZB_NR_BAD];
	const struct zb_ops *ops;
};

/**
 * struct zb_alloc_context - parts of a request that all attempts have in common
 * @node: the preferred node
 * @policy: nodes that the task may use
 * @nodemask: nodes that zb_get_page_from_freelist() may use
 * @preferred: the first zone that the request may use
 * @nr_pages: number of frames that the request keeps of its block
 * @highest_zoneidx: highest zone type that the flags allow
 * @migratetype: mobility
 * @spread_dirty: skip nodes that have reached their dirty limit
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
 * struct zb_alloc_request - the arguments of an allocation
 * @gfp: its flags
 * @nr_pages: number of frames, see zb_pool_alloc_exact()
 * @nid: preferred node
 * @policy: nodes that the task may use, or NULL for all
 */
struct zb_alloc_request {
	zb_gfp_t gfp;
	unsigned long nr_pages;
	int nid;
	const struct zb_policy *policy;
};

/* Whether a request could be served if all memory were free, or why not. */
enum zb_verdict {
	ZB_NEVER_VALID,		/* flags or size are not valid for this pool */
	ZB_NEVER_ZONE,		/* no zone has a type that the flags allow */
	ZB_NEVER_NODE,		/* such zones are on nodes it may not use */
	ZB_NEVER_BLOCK,		/* no such zone holds an aligned block this large */
	ZB_NEVER_TYPE,		/* such blocks have CMA or isolated pageblocks */
	ZB_NEVER_WATERMARK,	/* would take every such zone below its watermark */
	ZB_COULD,		/* it could be served */
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

/* The migrate type of a request; zb_gfp_valid(@gfp) must hold. */
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

/* Would the request succeed if every frame were free that is not out of use? */
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

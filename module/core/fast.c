// SPDX-License-Identifier: GPL-2.0-only
#include "exact.h"
#include "fast.h"
#include "free.h"
#include "freelist.h"
#include "unfit.h"

/* Take the newest block off a list, and mark it allocated. */
static u32 take_newest(const struct zb_zone *zone, struct zb_pcp *pcp,
		       unsigned int list, u8 allocated)
{
	u32 frame = (&zb_element(pcp->frame, zb_element(pcp->top, list)))[-1];

	if (unlikely(!zb_fast_take(zone, frame, list / ZB_PCP_TYPES, allocated)))
		return ZB_NO_FRAME;
	zb_element(pcp->top, list)--;
	return frame;
}

/**
 * zb_fast_take_oldest() - take the oldest block off a list, and mark it allocated
 * @zone: the zone
 * @pcp: lists of this CPU, which have been entered
 * @list: index of the list
 * @allocated: state byte of the block when it is allocated
 *
 * The block leaves a gap, and a sentinel takes its place.
 *
 * Return: the frame, or ZB_NO_FRAME to use the freelist path.
 */
u32 zb_fast_take_oldest(const struct zb_zone *zone, struct zb_pcp *pcp,
			unsigned int list, u8 allocated)
{
	u8 *gap = &zb_element(pcp->gap, list);
	u32 *first = pcp->frame + zb_element(zb_pcp_start, list) + *gap, frame;

	/* There is no sentinel above the list, so it must not be empty. */
	if (unlikely(first == pcp->frame + zb_element(pcp->top, list) || *gap == 0xff))
		return ZB_NO_FRAME;
	frame = *first;
	if (unlikely(!zb_fast_take(zone, frame, list / ZB_PCP_TYPES, allocated)))
		return ZB_NO_FRAME;
	*first = zone->nr_pages;
	++*gap;
	return frame;
}

/*
 * @nr_fast_alloc counts only allocations that are hits and local, because the inline part
 * of the fast path serves only the node of the CPU. Others are counted by their events.
 */
static void count_fast_alloc(const struct zb_zone *zone, struct zb_pcp *pcp,
			     zb_gfp_t gfp, unsigned int order)
{
	zb_count(pcp->nr_pages, -zb_element(zb_order_pages, order));
	if (likely(zone->nid == zb_cpu_node() || gfp & __ZB_GFP_OTHER_NODE)) {
		zb_count(zb_element(pcp->nr_fast_alloc, order), 1);
		return;
	}
	zb_pcp_count_event(pcp, ZB_PGALLOC, zb_element(zb_order_pages, order));
	zb_pcp_count_event(pcp, ZB_NUMA_HIT, 1);
	zb_pcp_count_event(pcp, ZB_NUMA_OTHER, 1);
}

/* Clear a block. If it has unfit frames, free it instead, which keeps those out of use. */
static unsigned long clear_fast_block(struct zb_pool *pool, const struct zb_zone *zone,
				      unsigned long pfn, unsigned int order)
{
	if (unlikely(!zb_block_fit(zone, pfn, order))) {
		zb_pool_free_exact(pool, pfn, BIT(order));
		return ZB_NO_PFN;
	}
	if (pool->ops->clear)
		pool->ops->clear(pool, pfn, BIT(order));
	return pfn;
}

/* Check whether a request must be left to the freelist path. */
static bool needs_freelist(const struct zb_pool *pool, const struct zb_node *node,
			   zb_gfp_t gfp, unsigned int order)
{
	return gfp & ZB_GFP_NO_FAST_PATH || order >= ZB_PCP_ORDERS ||
	       (gfp & __ZB_GFP_ACCOUNT && pool->ops->charge) ||
	       (gfp & __ZB_GFP_ZERO && zb_pool_knows_zeroed(pool)) ||
	       (gfp & __ZB_GFP_WRITE && !zb_node_dirty_ok(pool, node));
}

/**
 * zb_fast_may_bulk() - check whether zb_fast_alloc_bulk() may serve these flags
 * @node: node of the calling CPU
 * @gfp: flags of the request, unchecked
 *
 * Context: any.
 * Return: false if frames must be allocated one by one.
 */
noinline bool zb_fast_may_bulk(const struct zb_node *node, zb_gfp_t gfp)
{
	return !(gfp & __ZB_GFP_ZERO) &&
	       !needs_freelist(zb_fast_entry(node, gfp)->zone->pool, node, gfp, 0);
}

/**
 * zb_fast_alloc_flags() - allocate a block in the fast path, with any flags
 * @node: preferred node of the request
 * @gfp: flags of the request, unchecked
 * @order: order of the block, unchecked
 *
 * Context: any but NMI; takes the zone lock only if frames are unfit.
 * Return: first frame of the block, or ZB_NO_PFN to use the freelist path.
 */
noinline unsigned long zb_fast_alloc_flags(const struct zb_node *node, zb_gfp_t gfp,
					   unsigned int order)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	struct zb_zone *zone = fast->zone;
	u8 allocated = fast->state + order;
	struct zb_pcp *pcp;
	unsigned int list;
	unsigned long pfn;
	u32 frame;

	if (needs_freelist(zone->pool, node, gfp, order) ||
	    READ_ONCE(zone->below_fast_wmark) || !zb_pcp_enter(zone, &pcp))
		return ZB_NO_PFN;
	/* A single frame cannot be split, so COMP has no effect on it. */
	if (gfp & __ZB_GFP_COMP && order)
		allocated += ZB_STATE(ZB_BLOCK_COMP_UNMOVABLE - ZB_BLOCK_UNMOVABLE, 0);
	list = zb_pcp_list(order, fast->migratetype);
	frame = gfp & __ZB_GFP_COLD ? zb_fast_take_oldest(zone, pcp, list, allocated) :
				      take_newest(zone, pcp, list, allocated);
	if (likely(frame != ZB_NO_FRAME))
		count_fast_alloc(zone, pcp, gfp, order);
	zb_pcp_leave(pcp);
	if (unlikely(frame == ZB_NO_FRAME))
		return ZB_NO_PFN;
	pfn = zone->start_pfn + frame;
	return gfp & __ZB_GFP_ZERO ? clear_fast_block(zone->pool, zone, pfn, order) : pfn;
}

/**
 * zb_fast_alloc_empty() - allocate a block whose list is empty, and refill the list
 * @node: node of the calling CPU
 * @gfp: flags of the request, unchecked
 * @order: order of the block, unchecked
 *
 * For callers of zb_fast_alloc() that it has refused. Does what the freelist path would do first:
 * its first attempt, in the zone that it tries first. Takes less time.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN to use the freelist path.
 */
noinline unsigned long zb_fast_alloc_empty(const struct zb_node *node, zb_gfp_t gfp,
					   unsigned int order)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	struct zb_zone *zone = fast->zone;
	unsigned long pfn;

	if (gfp & (ZB_GFP_FAST_FLAGS | ZB_GFP_NO_FAST_PATH) || order >= ZB_WORD_ORDER ||
	    fast->migratetype == ZB_PCP_NO_TYPE || READ_ONCE(zone->below_fast_wmark))
		return ZB_NO_PFN;
	pfn = zb_pcp_rmqueue(zone, order, fast->migratetype, fast->alloc_flags);
	if (unlikely(pfn == ZB_NO_PFN))
		return ZB_NO_PFN;
	if (unlikely(!zb_fast_take(zone, pfn - zone->start_pfn, order, fast->state + order))) {
		zb_keep_out_of_use(zone->pool, zone, pfn, order, ZB_BAD_STATE);
		return ZB_NO_PFN;
	}
	zb_account_alloc(zone, zone, BIT(order), gfp);
	if (unlikely(READ_ONCE(zone->lists_due)))
		zb_tell_low(zone->pool, zone);
	if (unlikely(READ_ONCE(zone->boost_due)))
		zb_tell_boosted(zone->pool, zone, gfp);
	return pfn;
}

/**
 * zb_fast_alloc_exact() - allocate contiguous frames in the fast path
 * @node: node of the calling CPU
 * @gfp: flags of the request, unchecked
 * @nr_pages: number of frames, not a power of two
 *
 * A listed block of the smallest sufficient order is split (exact.c).
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame, or ZB_NO_PFN to use the freelist path.
 */
unsigned long zb_fast_alloc_exact(const struct zb_node *node, zb_gfp_t gfp,
				  unsigned long nr_pages)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	unsigned int order = zb_exact_order(nr_pages);
	struct zb_zone *zone = fast->zone;
	struct zb_pcp *pcp;
	u32 frame;

	if (gfp & (ZB_GFP_FAST_FLAGS | ZB_GFP_NO_FAST_PATH) || order >= ZB_PCP_ORDERS ||
	    READ_ONCE(zone->below_fast_wmark) || !zb_pcp_enter(zone, &pcp))
		return ZB_NO_PFN;
	/* The block keeps its state until it is split. */
	frame = take_newest(zone, pcp, zb_pcp_list(order, fast->migratetype),
			    ZB_STATE(ZB_BLOCK_PCP, order));
	if (likely(frame != ZB_NO_FRAME)) {
		zb_count(pcp->nr_pages, -zb_element(zb_order_pages, order));
		zb_pcp_count_event(pcp, ZB_PGALLOC, nr_pages);
		zb_pcp_count_event(pcp, ZB_NUMA_HIT, 1);
		zb_pcp_count_event(pcp, ZB_NUMA_LOCAL, 1);
	}
	zb_pcp_leave(pcp);
	if (unlikely(frame == ZB_NO_FRAME))
		return ZB_NO_PFN;
	zb_exact_split(zone, zone->start_pfn + frame, order, nr_pages,
		       ZB_BLOCK_MT(fast->migratetype));
	return zone->start_pfn + frame;
}

/**
 * zb_fast_free_full() - free a block to a full list
 * @pool: the allocator
 * @pfn: first frame of the block, unchecked
 * @order: order of the block, unchecked
 *
 * For callers of zb_fast_free() that it has refused: a few of the coldest blocks are freed to
 * the zone. Takes less time than the freelist path.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: true if the block was freed, false to use the freelist path.
 */
noinline bool zb_fast_free_full(const struct zb_pool *pool, unsigned long pfn,
				unsigned int order)
{
	struct zb_zone *zone = pool->largest;

	if (unlikely(!zb_zone_has(zone, pfn)))
		zone = zb_pfn_zone(pool, pfn);
	/* Blocks of pools that poison memory never take the fast path. */
	return likely(zone && order < ZB_PCP_ORDERS && READ_ONCE(zone->pcp_limit[order]) &&
		      !pool->ops->poison) &&
	       zb_pcp_free_full(zone, pfn, order);
}

/* The first zone of the zonelist, if it is on the node itself. */
static struct zb_zone *first_own_zone(const struct zb_node *node,
				      unsigned int highest)
{
	struct zb_zoneref *z = zb_next_zoneref(node->zonelist, highest);

	return z->zone && z->zone->nid == node->nid ? z->zone : NULL;
}

/*
 * Concurrent allocations read the entry without a lock, so never store a transient
 * zone in it. After initialization, this rewrites an entry only if it changed.
 */
static void set_entry(struct zb_fast *fast, struct zb_zone *zone,
		      unsigned int mt, unsigned int alloc_flags)
{
	if (fast->zone == zone && fast->migratetype == mt)
		return;
	fast->zone = zone;
	fast->migratetype = mt;
	fast->state = ZB_STATE(ZB_BLOCK_UNMOVABLE + mt, 0);
	fast->alloc_flags = alloc_flags | (mt == ZB_MIGRATE_MOVABLE ? ZB_ALLOC_CMA : 0);
}

static void setup_entry(const struct zb_pool *pool, const struct zb_node *node,
			unsigned int index, struct zb_fast *fast)
{
	zb_gfp_t gfp = zb_gfp_from_bits(index);
	struct zb_zone *zone = NULL;

	if (zb_gfp_valid(gfp) && !pool->ops->check_poison && !pool->ops->poison)
		zone = first_own_zone(node, zb_gfp_zone(gfp));
	if (zone)
		set_entry(fast, zone, zb_pool_migratetype(pool, gfp),
			  zb_alloc_flags_nofragment(node, zone, zb_gfp_zone(gfp)));
	else
		set_entry(fast, pool->zones, ZB_PCP_NO_TYPE, 0);
}

/**
 * zb_fast_setup() - build the tables of the fast path
 * @pool: the allocator; its watermarks are set
 *
 * Context: any but NMI; one caller at a time; takes the zone locks. Allocations
 * under way see old or new marks.
 */
void zb_fast_setup(struct zb_pool *pool)
{
	unsigned int i, index;
	struct zb_zone *zone;
	unsigned long flags;

	/* Concurrent frees read @largest. Zones never change, so it is stored once. */
	if (!pool->largest)
		pool->largest = zb_pool_largest_zone(pool);
	zb_for_each_zone(zone, pool) {
		zb_lock_irqsave(&zone->lock, flags);
		__zb_zone_setup_fast(pool, zone);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	for (i = 0; i < pool->nr_nodes; i++)
		for (index = 0; index < ZB_NR_FAST; index++)
			setup_entry(pool, &pool->nodes[i], index,
				    &pool->nodes[i].fast[index]);
	for (i = 0; i < pool->nr_memoryless; i++)
		for (index = 0; index < ZB_NR_FAST; index++)
			setup_entry(pool, &pool->memoryless[i], index,
				    &pool->memoryless[i].fast[index]);
}

/**
 * zb_fast_memoryless_node() - disable the fast path for a node without memory
 * @pool: the allocator
 * @node: the node to set up
 */
void zb_fast_memoryless_node(struct zb_pool *pool, struct zb_node *node)
{
	unsigned int index;

	node->nid = pool->nodes->nid;
	for (index = 0; index < ZB_NR_FAST; index++)
		set_entry(&node->fast[index], pool->zones, ZB_PCP_NO_TYPE, 0);
}

/**
 * zb_pool_tune() - apply the pool's tunables
 * @pool: the allocator, whose @tunables have been changed
 * @nr_cpus: per-CPU lists are short enough for this many CPUs, even if fewer use them
 *
 * Context: any; one caller at a time; takes the zone locks.
 */
void zb_pool_tune(struct zb_pool *pool, unsigned int nr_cpus)
{
	struct zb_zone *zone;
	unsigned long flags;

	WRITE_ONCE(pool->nr_cpus, nr_cpus);
	zb_setup_watermarks(pool->zones, pool->nr_zones, &pool->tunables,
			    pool->page_shift);
	zb_for_each_zone(zone, pool) {
		zb_lock_irqsave(&zone->lock, flags);
		__zb_zone_setup_lists(pool, zone);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	zb_fast_setup(pool);
}

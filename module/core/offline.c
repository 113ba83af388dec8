// SPDX-License-Identifier: GPL-2.0-only
#include "offline.h"
#include "zeroed.h"

/* Add frames to those of a node, or subtract them. Only zb_pool_offline() and _online() do so. */
static void add_to_node(struct zb_pool *pool, int nid, long nr_pages)
{
	struct zb_node *node = zb_pool_node(pool, nid);

	if (node)
		WRITE_ONCE(node->nr_pages, node->nr_pages + nr_pages);
}

static void __add_offline(struct zb_zone *zone, long nr_pages)
{
	WRITE_ONCE(zone->nr_offline, zone->nr_offline + nr_pages);
	WRITE_ONCE(zone->nr_bad, zone->nr_bad + nr_pages);
	__zb_zone_update_zero_max(zone);
}

/* Divide a claimed block into pageblocks, so that each can become offline on its own. */
static void split_claimed(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	unsigned long flags, at;

	zb_lock_irqsave(&zone->lock, flags);
	for (at = pfn; at < pfn + BIT(order); at += ZB_PAGEBLOCK_NR)
		zb_zone_set_state(zone, at, ZB_STATE(ZB_BLOCK_PCP, ZB_PAGEBLOCK_ORDER));
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void offline_pageblock(struct zb_zone *zone, unsigned long pfn)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned long flags;
	unsigned int mt;

	zb_lock_irqsave(&zone->lock, flags);
	mt = pb->migratetype == ZB_MIGRATE_ISOLATE ? pb->saved_type : pb->migratetype;
	if (pb->migratetype != ZB_MIGRATE_ISOLATE)
		__zb_set_pageblock_migratetype(zone, pb, ZB_MIGRATE_ISOLATE);
	/* As if its last frame had been freed. */
	pb->saved_type = mt == ZB_MIGRATE_CMA ? mt : zone->default_migratetype;
	zb_zone_set_state(zone, pfn, ZB_STATE_OFFLINE);
	__add_offline(zone, ZB_PAGEBLOCK_NR);
	__zb_count_event(zone, ZB_PGFREE, ZB_PAGEBLOCK_NR);
	__zb_count_event(zone, ZB_OFFLINE, ZB_PAGEBLOCK_NR);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_pool_offline() - take allocated pageblocks out of the pool
 * @pool: the allocator
 * @pfn: first frame of an allocation of zb_pool_alloc_range(), aligned to a pageblock
 * @nr_pages: number of its frames, a multiple of the pageblock size
 *
 * The caller owns the frames as before, and nothing else uses them.
 *
 * Context: any but NMI; one caller of this function and of zb_pool_online() at a time.
 * Return: ZB_OK, or why it was refused, with nothing changed.
 */
enum zb_bad zb_pool_offline(struct zb_pool *pool, unsigned long pfn,
			    unsigned long nr_pages)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long at, end = pfn + nr_pages;
	unsigned int k;
	enum zb_bad bad;

	if (!zone || !nr_pages || nr_pages > zb_zone_end(zone) - pfn)
		return ZB_BAD_OUTSIDE;
	if ((pfn | nr_pages) % ZB_PAGEBLOCK_NR)
		return ZB_BAD_WRONG_ORDER;
	bad = zb_claim_range(zone, pfn, end);
	if (bad != ZB_OK)
		return bad;
	for (at = pfn; at < end; at += BIT(k)) {
		k = zb_range_piece(at, end - at, zone->max_order);
		split_claimed(zone, at, k);
	}
	for (at = pfn; at < end; at += ZB_PAGEBLOCK_NR)
		offline_pageblock(zone, at);
	add_to_node(pool, zone->nid, -(long)nr_pages);
	return ZB_OK;
}

/* Returns false if the pageblock is not offline. */
static bool online_pageblock(struct zb_zone *zone, unsigned long pfn, zb_poison_fn poison)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);
	unsigned long flags;
	bool offline;

	zb_lock_irqsave(&zone->lock, flags);
	offline = zb_zone_state(zone, pfn) == ZB_STATE_OFFLINE;
	if (offline) {
		zb_zone_set_state(zone, pfn, ZB_STATE(ZB_BLOCK_PCP, ZB_PAGEBLOCK_ORDER));
		__zb_set_pageblock_migratetype(zone, pb, pb->saved_type);
		__add_offline(zone, -(long)ZB_PAGEBLOCK_NR);
		__zb_count_event(zone, ZB_ONLINE, ZB_PAGEBLOCK_NR);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	if (offline)
		zb_cut_unfit(zone, pfn, ZB_PAGEBLOCK_ORDER, poison);
	return offline;
}

/**
 * zb_pool_online() - return offline pageblocks to the pool, which become free
 * @pool: the allocator
 * @pfn: first frame, aligned to a pageblock
 * @nr_pages: number of frames, a multiple of the pageblock size; all of one zone
 * @poison: called for each block before it is freed to the zone, or NULL
 *
 * The environment owns the frames again. Those that are unfit are kept out of use.
 *
 * Context: any but NMI; one caller of this function and of zb_pool_offline() at a time.
 * Return: number of frames that were offline.
 */
unsigned long zb_pool_online(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages, zb_poison_fn poison)
{
	struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	unsigned long end = pfn + nr_pages, nr = 0;

	if (!zone || (pfn | nr_pages) % ZB_PAGEBLOCK_NR || nr_pages > zb_zone_end(zone) - pfn)
		return 0;
	for (; pfn < end; pfn += ZB_PAGEBLOCK_NR)
		if (online_pageblock(zone, pfn, poison))
			nr += ZB_PAGEBLOCK_NR;
	add_to_node(pool, zone->nid, nr);
	return nr;
}

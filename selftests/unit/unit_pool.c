// SPDX-License-Identifier: GPL-2.0-only
#include <sanitizer/asan_interface.h>

#include "unit_pool.h"

static int number_distance(int from, int to)
{
	return 10 + 10 * abs(from - to);
}

static void count_drain(struct zb_pool *pool)
{
	struct unit_pool *p = container_of(pool, struct unit_pool, pool);
	struct zb_zone *zone;

	if (!p->own_cpu_only) {
		p->nr_drains++;
		unit_pool_drain(p);
		return;
	}
	zb_for_each_zone(zone, pool)
		zb_pcp_drain_own(zone);
}

static const struct zb_ops unit_ops = { .drain_all = count_drain };

static void *check_memory(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/*
 * Allocate memory with arbitrary contents, to detect missing initialization. The address sanitizer
 * detects accesses right behind it.
 */
static void *alloc_dirty(size_t size)
{
	u8 *memory = check_memory(aligned_alloc(64, ALIGN(size, 64)));

	memset(memory, 0xa5, ALIGN(size, 64));
	ASAN_POISON_MEMORY_REGION(memory + size, ALIGN(size, 64) - size);
	return memory;
}

static void make_zone(struct zb_zone *zone, const struct unit_zone *z,
		      const struct unit_geometry *g, unsigned int pool_order)
{
	size_t pcp_size = zb_env_nr_cpus * sizeof(struct zb_pcp);
	struct zb_span span = {
		.start_pfn = PB(z->start), .nr_pages = PB(z->nr),
	};

	zone->start_pfn = PB(z->start);
	zone->nr_pages = PB(z->nr);
	zone->type = z->type;
	zone->nid = z->nid;
	zone->frame_ops = NULL;
	zone->max_order = g->one_max_order ? pool_order :
			  zb_layout_max_order(&span, 1, g->limit ?: ZB_MAX_ORDER);
	zone->default_migratetype = g->no_mobility ? ZB_MIGRATE_UNMOVABLE :
					   ZB_MIGRATE_MOVABLE;
	zone->pageblocks = alloc_dirty(zb_zone_pageblocks_size(zone->nr_pages));
	zone->state = check_memory(calloc(1, zb_zone_state_size(zone->nr_pages)));
	zone->pcp = memset(alloc_dirty(pcp_size), 0, pcp_size);
	zb_pcp_init(zone);
	zb_zone_init(zone);
}

static unsigned int pool_max_order(const struct unit_geometry *g)
{
	struct zb_span span[UNIT_MAX_ZONES];
	unsigned int i;

	for (i = 0; i < g->nr_zones; i++) {
		span[i].start_pfn = PB(g->zones[i].start);
		span[i].nr_pages = PB(g->zones[i].nr);
	}
	return zb_layout_max_order(span, g->nr_zones, g->limit ?: ZB_MAX_ORDER);
}

static void make_nodes(struct zb_pool *pool, zb_distance_fn distance)
{
	struct zb_node *node;
	unsigned int i;

	pool->nodes = alloc_dirty(pool->nr_zones * sizeof(*pool->nodes));
	for (i = 0; i < pool->nr_zones; i++) {
		if (zb_pool_node(pool, pool->zones[i].nid))
			continue;
		node = &pool->nodes[pool->nr_nodes++];
		node->nid = pool->zones[i].nid;
		node->zonelist = alloc_dirty((pool->nr_zones + 1) *
				       sizeof(*node->zonelist));
		zb_node_init(node, pool->zones, pool->nr_zones, distance);
	}
}

/* All CPUs have used their lists, so that tests need not care about the first use. */
static void begin_all_lists(struct zb_pool *pool)
{
	struct zb_zone *zone;
	unsigned int cpu;

	zb_for_each_zone(zone, pool) {
		for (cpu = 0; cpu < zb_env_nr_cpus; cpu++) {
			zb_env_set_cpu(cpu);
			zb_begin_lists(zone);
		}
	}
	zb_env_set_cpu(0);
}

/**
 * unit_pool_make() - create a pool
 * @g: its geometry
 *
 * Return: the pool, to be passed to unit_pool_end(), or to unit_pool_free() if the test
 * corrupts it on purpose.
 */
struct unit_pool *unit_pool_make(const struct unit_geometry *g)
{
	struct unit_pool *p = check_memory(calloc(1, sizeof(*p)));
	struct zb_pool *pool = &p->pool;
	unsigned int i;

	zb_env_nr_cpus = g->cpus ?: 1;
	zb_env_set_cpu(0);
	zb_env_node = g->zones[0].nid;
	pool->max_order = pool_max_order(g);
	pool->nr_zones = g->nr_zones;
	pool->zones = alloc_dirty(g->nr_zones * sizeof(*pool->zones));
	for (i = 0; i < g->nr_zones; i++)
		make_zone(&pool->zones[i], &g->zones[i], g, pool->max_order);
	for (i = 0; i < g->nr_zones; i++)
		pool->zones[i].pool = pool;
	make_nodes(pool, g->distance ?: number_distance);
	pool->ops = &unit_ops;
	pool->page_shift = 12;
	pool->mobility_disabled = g->no_mobility;
	pool->tunables = (struct zb_tunables)ZB_TUNABLES_DEFAULT;
	zb_pool_tune(pool, zb_env_nr_cpus);
	begin_all_lists(pool);
	if (!g->watermarks)
		unit_pool_no_watermarks(p);
	p->initial = unit_state_save(p);
	return p;
}

/**
 * unit_pool_one() - create a pool with one Normal zone and one CPU
 * @start: number of its first pageblock
 * @nr: number of pageblocks
 *
 * Return: the pool.
 */
struct unit_pool *unit_pool_one(unsigned long start, unsigned long nr)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, start, nr } }, .nr_zones = 1,
	};

	return unit_pool_make(&g);
}

/**
 * unit_pool_free() - free a pool without any checks
 * @p: the pool
 */
void unit_pool_free(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned int i;

	zb_for_each_zone(zone, &p->pool) {
		pthread_mutex_destroy(&zone->lock.mutex);
		free(zone->pageblocks);
		free(zone->state);
		free(zone->pcp);
	}
	for (i = 0; i < p->pool.nr_nodes; i++)
		free(p->pool.nodes[i].zonelist);
	free(p->pool.nodes);
	free(p->pool.zones);
	unit_state_free(p->initial);
	free(p);
}

/**
 * unit_pool_quiet_at() - check all invariants; see unit_pool_quiet()
 * @p: the pool; no other thread uses it
 * @file: source file of the caller
 * @line: line number of the caller
 *
 * Return: the result of zb_check_quiet().
 */
bool unit_pool_quiet_at(struct unit_pool *p, const char *file, int line)
{
	struct zb_violation v;

	if (zb_check_quiet(&p->pool, &v))
		return true;
	unit_fail(file, line, "violation: %s; zone %ld, pfn 0x%lx: found %ld, expected %ld",
		  v.rule, (long)(v.zone - p->pool.zones), v.pfn,
		  (long)v.found, (long)v.expected);
	return false;
}

/**
 * unit_pool_end_at() - check and free a pool at the end of a test; see unit_pool_end()
 * @p: the pool; nothing is allocated
 * @file: source file of the caller
 * @line: line number of the caller
 */
void unit_pool_end_at(struct unit_pool *p, const char *file, int line)
{
	unit_pool_quiet_at(p, file, line);
	unit_pool_drain(p);
	unit_pool_quiet_at(p, file, line);
	unit_state_equal_at(p, p->initial, file, line);
	unit_pool_free(p);
}

/**
 * unit_pool_drain() - drain the per-CPU lists of all CPUs
 * @p: the pool; no other thread uses it
 */
void unit_pool_drain(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned int cpu;

	zb_for_each_zone(zone, &p->pool)
		for (cpu = 0; cpu < zb_env_nr_cpus; cpu++)
			zb_pcp_drain(zone, cpu);
}

/**
 * unit_end_lists() - let a CPU stop to use its lists of a zone until it needs them again
 * @zone: the zone; no other thread uses it
 * @cpu: the CPU
 */
void unit_end_lists(struct zb_zone *zone, unsigned int cpu)
{
	zb_pcp_drain(zone, cpu);
	zb_end_lists(zone, cpu);
}

/**
 * unit_drain_all() - drain the per-CPU lists of all CPUs, as zb_ops.drain_all
 * @pool: the pool
 */
void unit_drain_all(struct zb_pool *pool)
{
	unit_pool_drain(container_of(pool, struct unit_pool, pool));
}

/**
 * unit_pool_no_watermarks() - disable all watermarks until tunables change
 * @p: the pool
 */
void unit_pool_no_watermarks(struct unit_pool *p)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &p->pool) {
		memset(zone->watermark, 0, sizeof(zone->watermark));
		memset(zone->lowmem_reserve, 0, sizeof(zone->lowmem_reserve));
	}
	zb_fast_setup(&p->pool);
}

/**
 * unit_pool_long_lists() - use per-CPU lists of full length until tunables change
 * @p: the pool
 */
void unit_pool_long_lists(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned int i;

	zb_for_each_zone(zone, &p->pool) {
		zone->pcp_high = ~0u;
		for (i = 0; i < ZB_PCP_ORDERS; i++) {
			/* a few large blocks are sufficient */
			zone->pcp_limit[i] = i < 7 ? ZB_PCP_CAPACITY(i) : 2;
			zone->pcp_batch[i] = i < 6 ? ZB_PCP_BATCH_MAX >> i : 1;
		}
	}
	zb_fast_setup(&p->pool);
}

/**
 * unit_pool_no_lists() - disable per-CPU lists until tunables change
 * @p: the pool
 */
void unit_pool_no_lists(struct unit_pool *p)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &p->pool) {
		memset(zone->pcp_limit, 0, sizeof(zone->pcp_limit));
		memset(zone->pcp_batch, 0, sizeof(zone->pcp_batch));
	}
	zb_fast_setup(&p->pool);
}

/**
 * unit_set_low() - put a zone below its fast watermark, or above it
 * @zone: the zone
 * @low: whether it becomes low
 */
void unit_set_low(struct zb_zone *zone, bool low)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	zone->fast_wmark = low ? zone->nr_pages + 1 : 0;
	__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * unit_isolated_listed() - check per-CPU lists for frames of isolated pageblocks
 * @zone: the zone; no other thread uses it
 *
 * Return: true if there is any.
 */
bool unit_isolated_listed(const struct zb_zone *zone)
{
	const struct zb_pcp *pcp = zone->pcp;
	unsigned int list, at;

	for (; pcp < zone->pcp + zb_env_nr_cpus; pcp++)
		for (list = 0; list < ZB_PCP_LISTS; list++)
			for (at = zb_pcp_first(pcp, list); at < pcp->top[list]; at++)
				if (zone->types[pcp->frame[at] / ZB_PAGEBLOCK_NR] ==
				    ZB_MIGRATE_ISOLATE)
					return true;
	return false;
}

/**
 * unit_pool_nr_free() - count the free frames of a pool
 * @p: the pool
 *
 * Return: number of free frames, including per-CPU lists.
 */
unsigned long unit_pool_nr_free(const struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &p->pool)
		nr += zone->nr_free + zb_zone_nr_cached(zone);
	return nr;
}

/**
 * unit_pool_nr_pages() - count the frames of a pool
 * @p: the pool
 *
 * Return: number of frames.
 */
unsigned long unit_pool_nr_pages(const struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &p->pool)
		nr += zone->nr_pages;
	return nr;
}

/* No request has a special type; frames taken from such pageblocks are movable. */
static enum zb_block_state block_state_of(unsigned int mt)
{
	return mt < ZB_MIGRATE_PCPTYPES ? ZB_BLOCK_MT(mt) : ZB_BLOCK_MOVABLE;
}

unsigned long unit_take_smallest(struct zb_zone *zone, unsigned int order,
				 unsigned int mt)
{
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __zb_rmqueue_smallest(zone, order, mt, block_state_of(mt));
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

unsigned long unit_take_with(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags)
{
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __zb_rmqueue(zone, order, mt, alloc_flags, block_state_of(mt), &flags);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

unsigned long unit_take(struct zb_zone *zone, unsigned int order,
			unsigned int mt)
{
	return unit_take_with(zone, order, mt, 0);
}

unsigned long unit_take_from(struct zb_zone *zone, unsigned long pb,
			     unsigned int order)
{
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __zb_rmqueue_from(zone, &zone->pageblocks[pb], order,
				ZB_BLOCK_MOVABLE);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

void unit_give(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	zb_free_one_page(zone, pfn, order);
}

/* Free a block below ZB_WORD_ORDER like a drain does: its pageblock becomes stale. */
void unit_give_deferred(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	u32 frame = pfn - zone->start_pfn;
	struct zb_bulk words = { .order = order };

	EXPECT_EQ(zb_bulk_add(&words, &frame, 1, 1), 1);
	zb_free_pcppages_bulk(zone, &words, ZB_MIGRATE_MOVABLE);
}

/* Refresh all stale pageblocks of a zone. */
void unit_refresh(struct zb_zone *zone)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_refresh_all(zone, &flags);
	zb_unlock_irqrestore(&zone->lock, flags);
}

void unit_set_type(struct zb_zone *zone, unsigned long pb, unsigned int mt)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_set_pageblock_migratetype(zone, &zone->pageblocks[pb], mt);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Allocate all frames of a completely free pageblock one by one, as mobility @mt, and free
 * those with @keep[frame] false again (NULL: keep all).
 */
void unit_fill_pageblock(struct zb_zone *zone, unsigned long pb,
			 unsigned int mt, const bool *keep)
{
	unsigned long flags, i, first = zone->start_pfn + PB(pb);

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < ZB_PAGEBLOCK_NR; i++)
		__zb_rmqueue_from(zone, &zone->pageblocks[pb], 0, ZB_BLOCK_MT(mt));
	for (i = 0; keep && i < ZB_PAGEBLOCK_NR; i++)
		if (!keep[i])
			__zb_free_one_page(zone, first + i, 0);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Free all blocks that start in a range. */
void unit_free_blocks(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;
	u8 state;

	for (; pfn < end; pfn++) {
		state = zb_zone_state(zone, pfn);
		if (zb_state_allocated(state))
			unit_give(zone, pfn, ZB_STATE_ORDER(state));
	}
}

void unit_free_pageblock(struct zb_zone *zone, unsigned long pb)
{
	unit_free_blocks(zone, zone->start_pfn + PB(pb), ZB_PAGEBLOCK_NR);
}

/**
 * unit_free_all() - free everything that is allocated
 * @p: the pool; no other thread uses it
 */
void unit_free_all(struct unit_pool *p)
{
	struct zb_zone *zone;
	unsigned long i;

	unit_pool_drain(p);
	zb_for_each_zone(zone, &p->pool)
		for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
			unit_free_pageblock(zone, i);
}

/* Check the pool, free everything that is allocated, and end the pool. */
void unit_pool_free_and_end(struct unit_pool *p)
{
	unit_pool_quiet(p);
	unit_free_all(p);
	unit_pool_end(p);
}

/*
 * Allocate all frames of a pageblock with a mobility, and keep @nr of them allocated: first the
 * even ones, then the odd ones.
 */
void unit_keep_frames(struct zb_zone *zone, unsigned long pb, unsigned int mt,
		      unsigned int nr)
{
	bool keep[ZB_PAGEBLOCK_NR] = { false };
	unsigned long i;

	for (i = 0; i < nr; i++)
		keep[2 * i % ZB_PAGEBLOCK_NR + (2 * i >= ZB_PAGEBLOCK_NR)] = true;
	unit_fill_pageblock(zone, pb, mt, keep);
}

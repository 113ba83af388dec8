// SPDX-License-Identifier: GPL-2.0-only
#include "unit_model.h"

/**
 * unit_model_init() - initialize the model of a pool without allocations
 * @m: the model
 * @p: the pool
 */
void unit_model_init(struct unit_model *m, struct unit_pool *p)
{
	unsigned int i;

	memset(m, 0, sizeof(*m));
	m->p = p;
	for (i = 0; i < p->pool.nr_zones; i++) {
		m->held[i] = calloc(p->pool.zones[i].nr_pages, sizeof(bool));
		m->start[i] = calloc(p->pool.zones[i].nr_pages, 1);
		ASSERT(m->held[i] && m->start[i]);
	}
}

/**
 * unit_model_free() - free the memory of a model
 * @m: the model
 */
void unit_model_free(struct unit_model *m)
{
	unsigned int i;

	for (i = 0; i < UNIT_MAX_ZONES; i++) {
		free(m->held[i]);
		free(m->start[i]);
	}
}

/**
 * unit_model_set() - record that frames were allocated or freed
 * @m: the model
 * @pfn: the first frame
 * @nr_pages: number of frames, in blocks as made by zb_pool_alloc_exact()
 * @held: true if they were allocated
 */
void unit_model_set(struct unit_model *m, unsigned long pfn,
		    unsigned long nr_pages, bool held)
{
	struct zb_zone *zone = zb_pfn_zone(&m->p->pool, pfn);
	unsigned long i, n, at = pfn - zone->start_pfn;
	unsigned int k, z = zone - m->p->pool.zones;

	for (i = at; i < at + nr_pages; i++) {
		ASSERT_EQ(m->held[z][i], !held);
		m->held[z][i] = held;
	}
	for (n = nr_pages; n; at += BIT(k), n -= BIT(k)) {
		k = unit_top_bit(n);
		m->start[z][at] = held ? k + 1 : 0;
	}
	m->nr_held += held ? nr_pages : -nr_pages;
}

/**
 * unit_model_split() - record that a block was split into single frames
 * @m: the model
 * @pfn: its first frame
 * @order: its order
 */
void unit_model_split(struct unit_model *m, unsigned long pfn,
		      unsigned int order)
{
	struct zb_zone *zone = zb_pfn_zone(&m->p->pool, pfn);

	memset(m->start[zone - m->p->pool.zones] + (pfn - zone->start_pfn), 1,
	       BIT(order));
}

/**
 * unit_model_bad() - predict the result of a free
 * @m: the model
 * @pfn: any number
 * @nr_pages: as for zb_pool_free_exact()
 *
 * Return: ZB_OK if the free is valid, otherwise the reason why not.
 */
enum zb_bad unit_model_bad(const struct unit_model *m, unsigned long pfn,
			   unsigned long nr_pages)
{
	struct zb_zone *zone;
	unsigned int order;
	u8 start;

	for (; nr_pages; nr_pages -= BIT(order), pfn += BIT(order)) {
		order = unit_top_bit(nr_pages);
		zone = zb_pfn_zone(&m->p->pool, pfn);
		if (!zone)
			return ZB_BAD_OUTSIDE;
		start = m->start[zone - m->p->pool.zones][pfn - zone->start_pfn];
		if (!start)
			return ZB_BAD_NOT_ALLOCATED;
		if (start != order + 1)
			return ZB_BAD_WRONG_ORDER;
	}
	return ZB_OK;
}

/**
 * unit_model_head() - find the block that contains a frame
 * @m: the model
 * @pfn: any number
 *
 * Return: its first frame, or ZB_NO_PFN.
 */
unsigned long unit_model_head(const struct unit_model *m, unsigned long pfn)
{
	struct zb_zone *zone = zb_pfn_zone(&m->p->pool, pfn);
	unsigned long at;
	const u8 *start;

	if (!zone)
		return ZB_NO_PFN;
	start = m->start[zone - m->p->pool.zones];
	at = pfn - zone->start_pfn;
	if (!m->held[zone - m->p->pool.zones][at])
		return ZB_NO_PFN;
	while (!start[at])
		at--;
	return zone->start_pfn + at;
}

static bool mask_has(const unsigned long *mask, int nid)
{
	return !mask || *mask >> nid & 1;
}

/**
 * unit_model_allows() - check whether a request may use a zone
 * @zone: the zone
 * @r: the request
 *
 * Return: false if not even the slow path may use the zone.
 */
bool unit_model_allows(const struct zb_zone *zone, const struct unit_request *r)
{
	if ((r->gfp & __ZB_GFP_THISNODE) && zone->nid != r->nid)
		return false;
	if (zone->type > zb_gfp_zone(r->gfp) || r->order > zone->max_order)
		return false;
	if ((r->gfp & __ZB_GFP_HARDWALL) && !(r->gfp & __ZB_GFP_ATOMIC) &&
	    !mask_has(r->policy.cpuset, zone->nid))
		return false;
	return mask_has(r->policy.nodemask, zone->nid);
}

static bool is_movable(const struct unit_model *m, zb_gfp_t gfp)
{
	return !m->p->pool.mobility_disabled && gfp & __ZB_GFP_MOVABLE;
}

static bool tries_harder(zb_gfp_t gfp)
{
	return gfp & __ZB_GFP_ATOMIC && !(gfp & __ZB_GFP_NOMEMALLOC);
}

static bool ignores_marks(zb_gfp_t gfp)
{
	return gfp & __ZB_GFP_MEMALLOC && !(gfp & __ZB_GFP_NOMEMALLOC);
}

/* True if a request may use pageblocks of this type. */
static bool may_use_type(const struct unit_model *m, zb_gfp_t gfp, unsigned int mt)
{
	switch (mt) {
	case ZB_MIGRATE_HIGHATOMIC:
		return tries_harder(gfp) || ignores_marks(gfp);
	case ZB_MIGRATE_CMA:
		return is_movable(m, gfp);
	case ZB_MIGRATE_ISOLATE:
		return false;
	}
	return true;
}

/* The frames that are neither allocated nor on per-CPU lists, one byte per frame. */
static unsigned char *free_frames(const struct unit_model *m,
				  const struct zb_zone *zone)
{
	const bool *held = m->held[zone - m->p->pool.zones];
	unsigned char *is_free = malloc(zone->nr_pages);
	unsigned int cpu, mt, i, order, list;
	const struct zb_pcp *pcp;
	unsigned long at;

	ASSERT(is_free);
	for (at = 0; at < zone->nr_pages; at++)
		is_free[at] = !held[at];
	for (cpu = 0; cpu < zb_env_nr_cpus; cpu++)
		for (order = 0; order < ZB_PCP_ORDERS; order++)
			for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
				pcp = &zone->pcp[cpu];
				list = zb_pcp_list(order, mt);
				for (i = 0; i < zb_pcp_nr(pcp, list); i++)
					memset(is_free + pcp->frame[zb_pcp_first(pcp, list) + i],
					       0, BIT(order));
			}
	return is_free;
}

/* True if the block of @order at frame @at is free and has a single, usable type. */
static bool is_block(const struct unit_model *m, const struct zb_zone *zone,
		     const unsigned char *is_free, unsigned long at,
		     const struct unit_request *r)
{
	unsigned int mt = zone->pageblocks[at / ZB_PAGEBLOCK_NR].migratetype;
	unsigned long i, end = at + BIT(r->order);

	if (!may_use_type(m, r->gfp, mt))
		return false;
	for (i = at; i < end; i += ZB_PAGEBLOCK_NR)
		if (zone->pageblocks[i / ZB_PAGEBLOCK_NR].migratetype != mt)
			return false;
	return !memchr(is_free + at, 0, BIT(r->order));
}

static bool has_block(const struct unit_model *m, const struct zb_zone *zone,
		      const unsigned char *is_free,
		      const struct unit_request *r)
{
	unsigned long pfn = ALIGN(zone->start_pfn, BIT(r->order));

	for (; pfn + BIT(r->order) <= zb_zone_end(zone); pfn += BIT(r->order))
		if (is_block(m, zone, is_free, pfn - zone->start_pfn, r))
			return true;
	return false;
}

/* The number of frames that a request must leave free, by watermark and lowmem reserve. */
static unsigned long nr_left_free(const struct zb_zone *zone, zb_gfp_t gfp)
{
	unsigned long mark = zone->watermark[ZB_ALLOC_WMARK_MIN];

	/* half of the mark, and three quarters of the rest, rounded up */
	if (gfp & __ZB_GFP_HIGH)
		mark = (mark + 1) / 2;
	if (tries_harder(gfp))
		mark = (3 * mark + 3) / 4;
	return mark + zone->lowmem_reserve[zb_gfp_zone(gfp)];
}

/**
 * unit_model_serves() - predict whether a zone can serve a request now
 * @m: the model
 * @zone: a zone that the request may use
 * @r: the request
 *
 * Assumes the attempt that may use most of the reserves according to the flags. Does not
 * include per-CPU lists.
 *
 * Return: true if the zone must serve the request, false if it must not.
 */
bool unit_model_serves(const struct unit_model *m, const struct zb_zone *zone,
		       const struct unit_request *r)
{
	unsigned char *is_free = free_frames(m, zone);
	unsigned long at, nr = 0;
	bool serves = has_block(m, zone, is_free, r);

	for (at = 0; at < zone->nr_pages; at++)
		nr += is_free[at] &&
		      may_use_type(m, r->gfp, zone->pageblocks[at / ZB_PAGEBLOCK_NR].migratetype);
	if (!ignores_marks(r->gfp) && nr < nr_left_free(zone, r->gfp) + r->nr_pages)
		serves = false;
	free(is_free);
	return serves;
}

static unsigned long sum_of(const struct zb_pool *pool, enum zb_event event)
{
	const struct zb_zone *zone;
	unsigned long sum = 0;

	zb_for_each_zone(zone, pool)
		sum += zb_zone_events(zone, event);
	return sum;
}

/**
 * unit_model_check_events() - compare event counters with the model
 * @m: the model
 * @nr_requests: number of requests that were served; moving an allocation is none
 *
 * Each frame is counted when it is allocated and when it is freed, and each request once.
 */
void unit_model_check_events(const struct unit_model *m, unsigned long nr_requests)
{
	const struct zb_pool *pool = &m->p->pool;

	ASSERT_EQ(sum_of(pool, ZB_PGALLOC), sum_of(pool, ZB_PGFREE) + m->nr_held);
	ASSERT_EQ(sum_of(pool, ZB_NUMA_HIT) + sum_of(pool, ZB_NUMA_MISS), nr_requests);
	ASSERT_EQ(sum_of(pool, ZB_NUMA_MISS), sum_of(pool, ZB_NUMA_FOREIGN));
	ASSERT_EQ(sum_of(pool, ZB_NUMA_LOCAL) + sum_of(pool, ZB_NUMA_OTHER), nr_requests);
}

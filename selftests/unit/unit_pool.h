/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool for tests: created from a geometry, and compared with copies of its state.
 *
 *	struct unit_pool *p = unit_pool_make(&geometry);
 *	...
 *	unit_pool_end(p);	drain, check, compare with the initial state, and free
 */
#ifndef UNIT_POOL_H
#define UNIT_POOL_H

#include "check.h"
#include "fast.h"
#include "layout.h"
#include "stat.h"
#include "unit.h"
#include "verdict.h"

#define UNIT_MAX_ZONES	16u

/* The first frame of pageblock @n. */
#define PB(n)		((unsigned long)(n) * ZB_PAGEBLOCK_NR)

/**
 * struct unit_zone - geometry of a zone, in pageblocks
 * @nid: its node; zones of a node must be adjacent in the array, by ascending address
 * @type: ZB_ZONE_*
 * @start: first pageblock
 * @nr: number of pageblocks
 */
struct unit_zone {
	int nid;
	unsigned int type;
	unsigned long start;
	unsigned long nr;
};

/**
 * struct unit_geometry - geometry of a pool
 * @zones: the zones
 * @nr_zones: number of zones, up to UNIT_MAX_ZONES
 * @limit: largest order, 0 for ZB_MAX_ORDER
 * @cpus: number of CPUs, 0 for 1
 * @one_max_order: all zones use the pool's max_order, even if they are too small for it
 * @watermarks: use default watermarks and reserves; otherwise they are 0, so that all
 *	frames can be allocated
 * @no_mobility: disable grouping by mobility, as in a small pool
 * @distance: distance between nodes; NULL for the difference of their numbers
 */
struct unit_geometry {
	struct unit_zone zones[UNIT_MAX_ZONES];
	unsigned int nr_zones;
	unsigned int limit;
	unsigned int cpus;
	bool one_max_order;
	bool watermarks;
	bool no_mobility;
	zb_distance_fn distance;
};

struct unit_state;

/**
 * struct unit_pool - a pool with the data that it was created from
 * @pool: the pool
 * @initial: a copy of its initial state
 * @nr_drains: number of calls of the drain_all hook
 * @own_cpu_only: that hook drains the lists of the calling CPU only
 */
struct unit_pool {
	struct zb_pool pool;
	struct unit_state *initial;
	unsigned int nr_drains;
	bool own_cpu_only;
};

/**
 * POOL_TEST_WITH() - define a test that gets a pool @p and its first zone, @zone
 * @name: as for TEST()
 * @make: an expression that creates the pool
 * @end: what to call with the pool after the test
 */
#define POOL_TEST_WITH(name, make, end)						\
	static void name##_with(struct unit_pool *p, struct zb_zone *zone);	\
	TEST(name)								\
	{									\
		struct unit_pool *p = make;					\
										\
		name##_with(p, p->pool.zones);					\
		end(p);								\
	}									\
	static void name##_with(struct unit_pool *p __attribute__((unused)),	\
				struct zb_zone *zone __attribute__((unused)))

/**
 * POOL_TEST() - define a test of a pool with one Normal zone
 * @name: as for TEST()
 * @start: number of the zone's first pageblock
 * @nr: number of its pageblocks
 *
 * At the end, the pool is drained, checked, compared with its initial state and freed.
 */
#define POOL_TEST(name, start, nr) \
	POOL_TEST_WITH(name, unit_pool_one(start, nr), unit_pool_end)

struct unit_pool *unit_pool_make(const struct unit_geometry *g);
struct unit_pool *unit_pool_one(unsigned long start, unsigned long nr);
void unit_pool_free(struct unit_pool *p);
void unit_pool_end_at(struct unit_pool *p, const char *file, int line);
bool unit_pool_quiet_at(struct unit_pool *p, const char *file, int line);
void unit_pool_drain(struct unit_pool *p);
void unit_drain_all(struct zb_pool *pool);
void unit_end_lists(struct zb_zone *zone, unsigned int cpu);
void unit_pool_no_watermarks(struct unit_pool *p);
void unit_pool_long_lists(struct unit_pool *p);
void unit_pool_no_lists(struct unit_pool *p);
void unit_set_low(struct zb_zone *zone, bool low);
bool unit_isolated_listed(const struct zb_zone *zone);
unsigned long unit_pool_nr_free(const struct unit_pool *p);
unsigned long unit_pool_nr_pages(const struct unit_pool *p);

#define unit_pool_end(p)	unit_pool_end_at(p, __FILE__, __LINE__)
#define unit_pool_quiet(p)	unit_pool_quiet_at(p, __FILE__, __LINE__)

/* Allocate one block. */
static inline unsigned long unit_alloc_block(struct zb_pool *pool, zb_gfp_t gfp,
					     unsigned int order, int nid,
					     const struct zb_alloc_policy *policy)
{
	return zb_pool_alloc_exact(pool, gfp, BIT(order), nid, policy);
}

/* Allocate with node 0 as the preferred node and without a policy. */
static inline unsigned long unit_alloc(struct unit_pool *p, zb_gfp_t gfp,
				       unsigned int order)
{
	return unit_alloc_block(&p->pool, gfp, order, p->pool.nodes->nid, NULL);
}

static inline unsigned long unit_alloc_exact(struct unit_pool *p, zb_gfp_t gfp,
					     unsigned long nr_pages)
{
	return zb_pool_alloc_exact(&p->pool, gfp, nr_pages, p->pool.nodes->nid,
				   NULL);
}

/* Each caller must check the result: a free that is refused without notice hides a fault. */
static inline __attribute__((warn_unused_result)) enum zb_bad
unit_free(struct unit_pool *p, unsigned long pfn, unsigned int order)
{
	return zb_pool_free_pages(&p->pool, pfn, order);
}

static inline __attribute__((warn_unused_result)) enum zb_bad
unit_free_exact(struct unit_pool *p, unsigned long pfn, unsigned long nr_pages)
{
	return zb_pool_free_exact(&p->pool, pfn, nr_pages);
}

/* Check whether a zone may serve a request that keeps all of its block. */
static inline bool unit_watermark_ok(struct zb_zone *zone, unsigned int order,
				     unsigned long mark, unsigned int highest_zoneidx,
				     unsigned int alloc_flags)
{
	return zb_zone_watermark_ok(zone, order, BIT(order), mark, highest_zoneidx,
				    alloc_flags);
}

/* The part of zb_pool_free_pages() after the check that the block is allocated. */
static inline void unit_free_unref(struct zb_zone *zone, unsigned long pfn,
				   unsigned int order, bool cold)
{
	if (EXPECT(zb_zone_claim(zone, pfn, zb_zone_state(zone, pfn))))
		zb_free_unref_page(zone, pfn, order, cold);
}

/* Copies include all visible state except the order of lists and counters of events. */
struct unit_state *unit_state_save(const struct unit_pool *p);
void unit_state_free(struct unit_state *s);
bool unit_state_equal_at(const struct unit_pool *p, const struct unit_state *s,
			 const char *file, int line);

#define unit_state_equal(p, s)	unit_state_equal_at(p, s, __FILE__, __LINE__)

/* Operations that need the lock of a zone; these functions take it. */
unsigned long unit_take_smallest(struct zb_zone *zone, unsigned int order,
				 unsigned int mt);
unsigned long unit_take(struct zb_zone *zone, unsigned int order,
			unsigned int mt);
unsigned long unit_take_with(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags);
unsigned long unit_take_from(struct zb_zone *zone, unsigned long pb,
			     unsigned int order);
void unit_give(struct zb_zone *zone, unsigned long pfn, unsigned int order);
void unit_give_deferred(struct zb_zone *zone, unsigned long pfn, unsigned int order);
void unit_refresh(struct zb_zone *zone);
void unit_set_type(struct zb_zone *zone, unsigned long pb, unsigned int mt);
void unit_fill_pageblock(struct zb_zone *zone, unsigned long pb,
			 unsigned int mt, const bool *keep);
void unit_keep_frames(struct zb_zone *zone, unsigned long pb, unsigned int mt,
		      unsigned int nr);
void unit_free_blocks(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
void unit_free_pageblock(struct zb_zone *zone, unsigned long pb);
void unit_free_all(struct unit_pool *p);
void unit_pool_free_and_end(struct unit_pool *p);

#endif /* UNIT_POOL_H */

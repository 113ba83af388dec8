/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the per-CPU fast path: its functions for one block, and what both these and
 * those for several frames must refuse.
 */
#ifndef UNIT_FAST_H
#define UNIT_FAST_H

#include "fast.h"
#include "unit_pool.h"

/* A pool whose lists may become as long as their capacity. */
static inline struct unit_pool *unit_fast_pool(void)
{
	struct unit_pool *p = unit_pool_one(64, 64);

	unit_pool_long_lists(p);
	return p;
}

static inline bool get(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
		       unsigned long *pfn)
{
	bool done;

	*pfn = ZB_NO_PFN;
	done = zb_fast_alloc(p->pool.nodes, gfp, order, pfn);
	EXPECT_EQ(done, *pfn != ZB_NO_PFN);
	return done;
}

static inline bool put(struct unit_pool *p, unsigned long pfn, unsigned int order)
{
	return zb_fast_free(&p->pool, pfn, order);
}

/* The number of blocks on the Unmovable list of an order. */
static inline unsigned int listed(const struct unit_pool *p, unsigned int order)
{
	return zb_pcp_nr(p->pool.zones->pcp, zb_pcp_list(order, ZB_MIGRATE_UNMOVABLE));
}

/* For zb_fast_alloc_bulk(): store a frame at *@to and advance it. */
static inline void take(void *to, unsigned long pfn)
{
	unsigned long **next = to;

	*(*next)++ = pfn;
}

/* For zb_fast_free_bulk(). */
static inline unsigned long give(void *from, unsigned int i)
{
	return ((unsigned long *)from)[i];
}

/* The fast path refuses, for one block and for several frames, and changes nothing. */
#define EXPECT_NO_GET(p, gfp, order)					\
	EXPECT(refuses_get(p, gfp, order, __FILE__, __LINE__))
#define EXPECT_NO_PUT(p, pfn, order)					\
	EXPECT(refuses_put(p, pfn, order, __FILE__, __LINE__))

static inline bool refuses_get(struct unit_pool *p, zb_gfp_t gfp, unsigned int order,
			       const char *file, int line)
{
	struct unit_state *s = unit_state_save(p);
	unsigned long pfn, none[4], *next = none;
	bool same, done = get(p, gfp, order, &pfn);

	if (!order && zb_fast_alloc_bulk(p->pool.nodes, gfp, ARRAY_SIZE(none), take, &next))
		done = true;
	same = unit_state_equal_at(p, s, file, line);
	unit_state_free(s);
	return !done && same;
}

static inline bool refuses_put(struct unit_pool *p, unsigned long pfn, unsigned int order,
			       const char *file, int line)
{
	struct unit_state *s = unit_state_save(p);
	bool same, done = put(p, pfn, order);

	if (!order && zb_fast_free_bulk(&p->pool, 1, give, &pfn))
		done = true;
	same = unit_state_equal_at(p, s, file, line);
	unit_state_free(s);
	return !done && same;
}

#endif /* UNIT_FAST_H */

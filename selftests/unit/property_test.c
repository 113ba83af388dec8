// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random pools, random histories, and a model that is too simple to be wrong:
 * it knows for each frame who holds it, and for each block where it starts.
 *
 * Run i of a test uses the seed --seed + i. One that fails is repeated by
 * ZB_PROPERTY_RUNS=1 and its seed; the harness prints how.
 */
#include "unit_pool.h"

#define MAX_LIVE	4096u

/* What is allocated: @order, or @nr_pages exactly. */
struct live {
	unsigned long pfn;
	unsigned long nr_pages;
	bool exact;
};

struct model {
	struct unit_pool *p;
	struct live live[MAX_LIVE];
	unsigned int nr_live;
	unsigned long nr_held;
	bool *held[UNIT_MAX_ZONES];	/* by zone and frame */
	u8 *start[UNIT_MAX_ZONES];	/* order + 1 where a block starts */
	bool growing;
};

/* What a test makes of the random numbers. */
struct bounds {
	unsigned int runs;
	unsigned int steps;
	unsigned int check_every;
	unsigned int max_zone;		/* pageblocks */
	unsigned int max_gap;
};

static void random_geometry(struct unit_geometry *g, const struct bounds *b)
{
	unsigned int type, node, nr_nodes = 1 + unit_below(3);
	unsigned long at = unit_below(1 + unit_below(2000));
	unsigned int density = 1 + unit_below(4);
	struct unit_zone *z;
	int nid = 0;

	memset(g, 0, sizeof(*g));
	for (node = 0; node < nr_nodes; node++, nid += 1 + unit_below(3))
		for (type = 0; type < ZB_NR_ZONES; type++) {
			/* Each node has a zone: Normal, if it gets no other. */
			if (unit_below(4) >= density && type != ZB_ZONE_NORMAL)
				continue;
			z = &g->zones[g->nr_zones++];
			z->nid = nid;
			z->type = type;
			z->start = at + unit_below(1 + unit_below(b->max_gap + 1));
			z->nr = 1 + unit_below(1 + unit_below(b->max_zone));
			at = z->start + z->nr;
		}
	g->limit = ZB_PAGEBLOCK_ORDER + unit_below(10);
	g->cpus = 1 + unit_below(4);
	g->one_max_order = unit_below(2);
}

static struct model *model_make(const struct bounds *b)
{
	struct model *m = calloc(1, sizeof(*m));
	struct unit_geometry g;
	unsigned int i;

	ASSERT(m);
	random_geometry(&g, b);
	m->p = unit_pool_make(&g);
	for (i = 0; i < g.nr_zones; i++) {
		m->held[i] = calloc(m->p->pool.zones[i].nr_pages, sizeof(bool));
		m->start[i] = calloc(m->p->pool.zones[i].nr_pages, 1);
		ASSERT(m->held[i] && m->start[i]);
	}
	return m;
}

static void model_free(struct model *m)
{
	unsigned int i;

	for (i = 0; i < UNIT_MAX_ZONES; i++) {
		free(m->held[i]);
		free(m->start[i]);
	}
	free(m);
}

static unsigned int top_bit(unsigned long n)
{
	return 63 - __builtin_clzl(n);
}

/* Write down that a block is held, or is not any more. */
static void model_set(struct model *m, const struct live *l, bool held)
{
	struct zb_zone *zone = zb_pfn_zone(&m->p->pool, l->pfn);
	unsigned long i, n, at = l->pfn - zone->start_pfn;
	unsigned int z = zone - m->p->pool.zones;

	for (i = at; i < at + l->nr_pages; i++) {
		ASSERT_EQ(m->held[z][i], !held);
		m->held[z][i] = held;
	}
	for (n = l->nr_pages; n; at += BIT(top_bit(n)), n -= BIT(top_bit(n)))
		m->start[z][at] = held ? top_bit(n) + 1 : 0;
	m->nr_held += held ? l->nr_pages : -l->nr_pages;
}

/* What a free of this has to say. */
static enum zb_bad_free model_bad_free(const struct model *m, unsigned long pfn,
				       unsigned long nr_pages)
{
	struct zb_zone *zone;
	unsigned int order;
	u8 start;

	for (; nr_pages; nr_pages -= BIT(order), pfn += BIT(order)) {
		order = top_bit(nr_pages);
		zone = zb_pfn_zone(&m->p->pool, pfn);
		if (!zone)
			return ZB_FREE_OUTSIDE;
		start = m->start[zone - m->p->pool.zones][pfn - zone->start_pfn];
		if (!start)
			return ZB_FREE_NOT_ALLOCATED;
		if (start != order + 1)
			return ZB_FREE_WRONG_ORDER;
	}
	return ZB_FREE_OK;
}

static bool allowed(const struct zb_zone *zone, zb_gfp_t gfp, int nid)
{
	if ((gfp & __ZB_GFP_THISNODE) && zone->nid != nid)
		return false;
	return zone->type <= zb_gfp_zone(gfp);
}

/* Is there an aligned run of this order that nobody holds? */
static bool model_has_room(const struct model *m, unsigned int z,
			   unsigned int order)
{
	const struct zb_zone *zone = &m->p->pool.zones[z];
	unsigned long pfn = ALIGN(zone->start_pfn, BIT(order));

	for (; pfn + BIT(order) <= zb_zone_end(zone); pfn += BIT(order))
		if (!memchr(&m->held[z][pfn - zone->start_pfn], true, BIT(order)))
			return true;
	return false;
}

/* The same without what is on per-CPU lists, as the zone itself sees it. */
static bool zone_has_room(const struct zb_zone *zone, unsigned int order)
{
	unsigned long i;
	u8 key;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		key = zone->pageblocks[i].key;
		if (key <= ZB_MAX_ORDER && key >= order)
			return true;
	}
	return false;
}

/* It was said that there is no room: so there must be none. */
static void expect_no_room(const struct model *m, zb_gfp_t gfp,
			   unsigned int order, int nid)
{
	const struct zb_zone *zone;
	unsigned int z;

	for (z = 0; z < m->p->pool.nr_zones; z++) {
		zone = &m->p->pool.zones[z];
		if (!allowed(zone, gfp, nid) || order > zone->max_order)
			continue;
		if (gfp & __ZB_GFP_DIRECT_RECLAIM)
			ASSERT(!model_has_room(m, z, order));
		else
			ASSERT(!zone_has_room(zone, order));
	}
}

static zb_gfp_t random_gfp(void)
{
	zb_gfp_t gfp;

	do {
		gfp = unit_random() & ZB_GFP_VALID;
		/* The higher zones would be the exception otherwise. */
		if (unit_below(2))
			gfp |= __ZB_GFP_HIGHMEM;
		if (unit_below(2))
			gfp &= ~__ZB_GFP_THISNODE;
	} while (!zb_gfp_valid(gfp));
	return gfp;
}

static void do_alloc(struct model *m)
{
	struct zb_pool *pool = &m->p->pool;
	unsigned int order = unit_below(unit_below(pool->max_order + 1) + 1);
	int nid = pool->nodes[unit_below(pool->nr_nodes)].nid;
	struct live l = { .nr_pages = BIT(order), .exact = unit_below(4) == 0 };
	struct unit_state *before = NULL;
	zb_gfp_t gfp = random_gfp();
	struct zb_zone *zone;

	if (l.exact)
		l.nr_pages -= unit_below((BIT(order) + 1) / 2);
	if (!(gfp & __ZB_GFP_DIRECT_RECLAIM) && unit_below(8) == 0)
		before = unit_state_save(m->p);
	l.pfn = l.exact ? zb_alloc_exact(pool, gfp, l.nr_pages, nid) :
			  zb_alloc_pages(pool, gfp, order, nid);
	if (l.pfn == ZB_NO_PFN) {
		expect_no_room(m, gfp, order, nid);
		if (before)
			ASSERT(unit_state_equal(m->p, before));
	} else {
		zone = zb_pfn_zone(pool, l.pfn);
		ASSERT(zone);
		ASSERT(allowed(zone, gfp, nid));
		ASSERT_EQ(l.pfn % BIT(order), 0);
		ASSERT(l.pfn + l.nr_pages <= zb_zone_end(zone));
		ASSERT_EQ(ZB_STATE_HOLD(zb_zone_state(zone, l.pfn)),
			  ZB_HELD_MT(zb_gfp_migratetype(gfp)));
		model_set(m, &l, true);
		m->live[m->nr_live++] = l;
	}
	if (before)
		unit_state_free(before);
}

static void do_free(struct model *m)
{
	unsigned int i = unit_below(m->nr_live);
	struct live l = m->live[i];

	m->live[i] = m->live[--m->nr_live];
	if (l.exact)
		ASSERT_EQ(zb_free_exact(&m->p->pool, l.pfn, l.nr_pages),
			  ZB_FREE_OK);
	else
		ASSERT_EQ(zb_free_pages(&m->p->pool, l.pfn, top_bit(l.nr_pages)),
			  ZB_FREE_OK);
	model_set(m, &l, false);
}

/* Anywhere, with any size; what happens to be right is left alone. */
static void do_bad_free(struct model *m)
{
	struct zb_pool *pool = &m->p->pool;
	struct zb_zone *zone = &pool->zones[unit_below(pool->nr_zones)];
	unsigned long n = BIT(unit_below(ZB_NR_ORDERS));
	unsigned long pfn = zone->start_pfn - 3 + unit_below(zone->nr_pages + 6);
	struct unit_state *before = NULL;
	enum zb_bad_free why;

	if (m->nr_live && unit_below(2)) {
		/* Close to something that is there. */
		pfn = m->live[unit_below(m->nr_live)].pfn + unit_below(3) - 1;
		n = 1 + unit_below(2 * n);
	}
	why = model_bad_free(m, pfn, n);
	if (why == ZB_FREE_OK)
		return;
	if (unit_below(4) == 0)
		before = unit_state_save(m->p);
	ASSERT_EQ(zb_free_exact(pool, pfn, n), why);
	if (!(n & (n - 1)))
		ASSERT_EQ(zb_free_pages(pool, pfn, top_bit(n)), why);
	if (!before)
		return;
	ASSERT(unit_state_equal(m->p, before));
	unit_state_free(before);
}

static void do_step(struct model *m)
{
	unsigned int dice = unit_below(100);

	if (unit_below(40) == 0)
		m->growing = !m->growing;
	if (dice < 4)
		do_bad_free(m);
	else if (dice < 6)
		unit_pool_drain(m->p);
	else if (dice < 16)
		zb_env_set_cpu(unit_below(zb_env_nr_cpus));
	else if (m->nr_live < MAX_LIVE && dice < (m->growing ? 80 : 40))
		do_alloc(m);
	else if (m->nr_live)
		do_free(m);
	ASSERT_EQ(unit_pool_nr_free(m->p) + m->nr_held,
		  unit_pool_nr_pages(m->p));
}

static void one_run(const struct bounds *b)
{
	struct model *m = model_make(b);
	unsigned int step;

	m->growing = true;
	for (step = 0; step < b->steps; step++) {
		do_step(m);
		if (step % b->check_every == 0)
			ASSERT(unit_pool_quiet(m->p));
	}
	while (m->nr_live)
		do_free(m);
	unit_pool_end(m->p);
	model_free(m);
}

static void all_runs(const struct bounds *b)
{
	const char *text = getenv("ZB_PROPERTY_RUNS");
	unsigned long i, runs = text ? strtoul(text, NULL, 0) : b->runs;

	for (i = 0; i < runs && !unit_failures(); i++) {
		unit_replay_with(unit_seed + i);
		unit_srandom(unit_seed + i);
		one_run(b);
	}
	unit_note("%lu pools, %u steps each", i, b->steps);
}

TEST(small_pools_checked_after_every_step)
{
	static const struct bounds b = {
		.runs = 2000, .steps = 30, .check_every = 1, .max_zone = 2,
		.max_gap = 2,
	};

	all_runs(&b);
}

TEST(middling_pools)
{
	static const struct bounds b = {
		.runs = 120, .steps = 600, .check_every = 100, .max_zone = 40,
		.max_gap = 600,
	};

	all_runs(&b);
}

TEST(large_pools)
{
	static const struct bounds b = {
		.runs = 6, .steps = 6000, .check_every = 2000, .max_zone = 1100,
		.max_gap = 600,
	};

	all_runs(&b);
}

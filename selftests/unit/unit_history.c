// SPDX-License-Identifier: GPL-2.0-only
#include "compact.h"
#include "fast.h"
#include "isolate.h"
#include "stat.h"
#include "unit_history.h"
#include "unit_model.h"

#define MAX_LIVE	4096u

/* An allocation: a block, or an exact number of pages. */
struct live {
	unsigned long pfn;
	unsigned long nr_pages;
	bool exact;
	bool comp;
};

struct run {
	struct unit_model m;
	struct zb_pool *pool;
	const struct unit_bounds *b;
	struct live live[MAX_LIVE];
	unsigned int nr_live;
	unsigned long nr_requests;	/* that were served */
	bool growing;
	u8 *zone_map;
	struct unit_outcome *o;
	/* number of points until the next interrupt; an interrupt came during this operation */
	unsigned int countdown;
	bool interrupted;
};

/* The run that is interrupted. */
static struct run *running;

/* No other thread frees memory, so waiting would not help. */
static bool wait_in_vain(struct zb_pool *pool, bool killable)
{
	(void)pool;
	(void)killable;
	return false;
}

static const struct zb_ops ops = {
	.drain_all = unit_drain_all, .wait = wait_in_vain,
};

static void end_run(struct run *run)
{
	unit_model_free(&run->m);
	free(run->zone_map);
	free(run);
}

static struct run *make_run(const struct unit_bounds *b, struct unit_outcome *o)
{
	struct run *run = calloc(1, sizeof(*run));
	struct unit_geometry g;

	ASSERT(run);
	unit_random_geometry(&g, b);
	unit_model_init(&run->m, unit_pool_make(&g));
	run->pool = &run->m.p->pool;
	run->pool->ops = &ops;
	run->b = b;
	run->o = o;
	if (unit_below(2))
		unit_pool_long_lists(run->m.p);
	if (unit_below(2)) {
		run->zone_map = malloc(zb_zone_map_size(run->pool));
		ASSERT(run->zone_map);
		zb_zone_map_init(run->pool, run->zone_map);
	}
	return run;
}

static void random_request(const struct run *run, struct unit_request *r,
			   unsigned long masks[2])
{
	const struct zb_pool *pool = run->pool;

	memset(r, 0, sizeof(*r));
	r->gfp = unit_random_gfp();
	r->order = unit_below(unit_below(pool->max_order + 1) + 1);
	r->nid = pool->nodes[unit_below(pool->nr_nodes)].nid;
	r->policy.nr_bits = 64;
	if (unit_below(4) == 0) {
		masks[0] = unit_below(256);
		r->policy.nodemask = &masks[0];
	}
	if (unit_below(3) == 0) {
		masks[1] = unit_below(256);
		masks[1] |= unit_below(256);
		r->policy.cpuset = &masks[1];
	}
}

/* A request failed: no zone may be able to serve it. */
static void expect_no_room(const struct run *run, const struct unit_request *r)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, run->pool)
		if (unit_model_allows(zone, r))
			ASSERT(!unit_model_serves(&run->m, zone, r));
}

/* A request succeeded: check the frames and the zone. */
static void expect_served(struct run *run, const struct unit_request *r,
			  const struct live *l)
{
	struct zb_zone *zone = zb_pfn_zone(run->pool, l->pfn);
	unsigned int type, mt = zb_gfp_migratetype(r->gfp);

	ASSERT(zone);
	ASSERT(unit_model_allows(zone, r));
	ASSERT_EQ(l->pfn % BIT(r->order), 0);
	ASSERT(l->pfn + l->nr_pages <= zb_zone_end(zone));
	if (run->pool->mobility_disabled)
		mt = ZB_MIGRATE_UNMOVABLE;
	ASSERT_EQ(ZB_STATE_BLOCK(zb_zone_state(zone, l->pfn)),
		  l->comp ? ZB_BLOCK_COMP(mt) : ZB_BLOCK_MT(mt));
	type = zb_pfn_pageblock(zone, l->pfn)->migratetype;
	ASSERT(type != ZB_MIGRATE_ISOLATE);
	ASSERT(type != ZB_MIGRATE_CMA || mt == ZB_MIGRATE_MOVABLE);
}

/* The zones that would serve a request, as bits; only for requests that do not wait. */
static unsigned long serving_zones(const struct run *run, const struct unit_request *r)
{
	const struct zb_zone *zone;
	unsigned long zones = 0;

	zb_for_each_zone(zone, run->pool)
		if (unit_model_allows(zone, r) && unit_model_serves(&run->m, zone, r))
			zones |= BIT(zone - run->pool->zones);
	return zones;
}

/* The fast path is used for requests to the own node without a policy. */
static bool alloc_fast(struct run *run, const struct unit_request *r,
		       struct live *l)
{
	const struct zb_node *node = zb_pool_node(run->pool, r->nid);

	if (l->exact || r->policy.nodemask || r->policy.cpuset || unit_below(4) == 0)
		return false;
	if (zb_fast_alloc(node, r->gfp, r->order, &l->pfn))
		return true;
	l->pfn = zb_fast_alloc_empty(node, r->gfp, r->order);
	return l->pfn != ZB_NO_PFN;
}

static unsigned long alloc_from_pool(struct run *run, const struct unit_request *r,
				     const struct live *l)
{
	return l->exact ?
	       zb_pool_alloc_exact(run->pool, r->gfp, l->nr_pages, r->nid, &r->policy) :
	       unit_alloc_block(run->pool, r->gfp, r->order, r->nid, &r->policy);
}

static void remember(struct run *run, const struct live *l)
{
	unit_model_set(&run->m, l->pfn, l->nr_pages, true);
	run->live[run->nr_live++] = *l;
	run->nr_requests++;
}

/* An interrupt can't sleep, and allocates small blocks only. */
static void alloc_in_interrupt(struct run *run)
{
	struct unit_request r = {
		.gfp = ZB_GFP_ATOMIC | (unit_below(2) ? __ZB_GFP_MOVABLE : 0),
		.order = unit_below(5), .nid = run->pool->nodes->nid,
	};
	struct live l = { .nr_pages = BIT(r.order) };

	r.nr_pages = l.nr_pages;
	if (!alloc_fast(run, &r, &l))
		l.pfn = alloc_from_pool(run, &r, &l);
	if (l.pfn == ZB_NO_PFN)
		return;
	expect_served(run, &r, &l);
	remember(run, &l);
}

static void free_one(struct run *run, unsigned int i);

static void interrupt(void)
{
	struct run *run = running;

	if (zb_env_irqs_off || run->countdown--)
		return;
	zb_env_hook = NULL;
	run->interrupted = true;
	run->o->interrupts++;
	if (run->nr_live && unit_below(2))
		free_one(run, unit_below(run->nr_live));
	else if (run->nr_live < MAX_LIVE - 1)
		alloc_in_interrupt(run);
}

static void expect_interrupt(struct run *run)
{
	run->interrupted = false;
	if (unit_below(8))
		return;
	run->countdown = unit_below(64);
	running = run;
	zb_env_hook = interrupt;
}

static void no_interrupt(void)
{
	zb_env_hook = NULL;
}

static void do_alloc(struct run *run)
{
	struct live l = { .exact = unit_below(4) == 0 };
	struct unit_state *before = NULL;
	struct unit_request r;
	unsigned long zones = ~0ul, masks[2];
	bool compare, was_fast;
	struct zb_zone *zone;

	random_request(run, &r, masks);
	l.nr_pages = BIT(r.order);
	if (l.exact)
		l.nr_pages -= unit_below((BIT(r.order) + 1) / 2);
	r.nr_pages = l.nr_pages;
	/* a single frame is never a compound block */
	l.comp = r.gfp & __ZB_GFP_COMP && unit_top_bit(l.nr_pages);
	/* the model does not include per-CPU lists, so compare only after a drain */
	compare = !(r.gfp & (__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_MEMALLOC)) &&
	       unit_below(run->b->compare_every) == 0;
	if (compare) {
		/* drain first, because a failing request does the same */
		zb_for_each_zone(zone, run->pool)
			zb_pcp_drain_own(zone);
		before = unit_state_save(run->m.p);
		zones = serving_zones(run, &r);
	}
	if (!compare)
		expect_interrupt(run);
	was_fast = alloc_fast(run, &r, &l);
	if (!was_fast)
		l.pfn = alloc_from_pool(run, &r, &l);
	no_interrupt();
	if (l.pfn == ZB_NO_PFN) {
		run->o->failed++;
		/* an interrupt may have freed memory since the request failed */
		if (!run->interrupted)
			expect_no_room(run, &r);
		if (before)
			ASSERT(unit_state_equal(run->m.p, before));
	} else {
		run->o->served++;
		run->o->fast += was_fast;
		expect_served(run, &r, &l);
		ASSERT(zones >> (zb_pfn_zone(run->pool, l.pfn) - run->pool->zones) & 1);
		remember(run, &l);
	}
	if (before)
		unit_state_free(before);
}

/* An empty pageblock has its default type, unless its type is permanent. */
static void expect_default_type(struct run *run, const struct live *l)
{
	struct zb_zone *zone = zb_pfn_zone(run->pool, l->pfn);
	struct zb_pageblock *pb;
	unsigned long pfn;

	for (pfn = l->pfn; pfn < l->pfn + l->nr_pages; pfn += ZB_PAGEBLOCK_NR) {
		pb = zb_pfn_pageblock(zone, pfn);
		ASSERT(!zb_pageblock_all_free(pb) ||
		       pb->migratetype == zone->default_migratetype ||
		       pb->migratetype > ZB_MIGRATE_HIGHATOMIC);
	}
}

static enum zb_bad free_block(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	switch (unit_below(4)) {
	case 0:
		return zb_pool_free_pages_cold(pool, pfn, order);
	case 1:
		return zb_pool_free_to_zone(pool, pfn, BIT(order), false);
	default:
		return zb_pool_free_pages(pool, pfn, order);
	}
}

static void free_one(struct run *run, unsigned int i)
{
	struct live l = run->live[i];
	unsigned int order = unit_top_bit(l.nr_pages);

	run->live[i] = run->live[--run->nr_live];
	/* update the model first: the frames may be reused as soon as they are freed */
	unit_model_set(&run->m, l.pfn, l.nr_pages, false);
	if (BIT(order) == l.nr_pages && unit_below(2) &&
	    (zb_fast_free(run->pool, l.pfn, order) ||
	     zb_fast_free_full(run->pool, l.pfn, order)))
		run->o->fast++;
	else if (l.exact)
		ASSERT_EQ(zb_pool_free_exact(run->pool, l.pfn, l.nr_pages), ZB_OK);
	else
		ASSERT_EQ(free_block(run->pool, l.pfn, order), ZB_OK);
	expect_default_type(run, &l);
}

static void do_free(struct run *run)
{
	expect_interrupt(run);
	free_one(run, unit_below(run->nr_live));
	no_interrupt();
}

/* Allocate and free many blocks of one kind, so that lists overflow and run empty. */
static void do_many(struct run *run)
{
	unsigned int i, first, nr = unit_below(MAX_LIVE - run->nr_live), order = unit_below(4);
	zb_gfp_t gfp = unit_below(3) * __ZB_GFP_MOVABLE;
	struct live l = { .nr_pages = BIT(order) };

	first = run->nr_live;
	nr %= 128;
	for (i = 0; i < nr; i++) {
		if (!zb_fast_alloc(run->pool->nodes, gfp, order, &l.pfn))
			l.pfn = zb_fast_alloc_empty(run->pool->nodes, gfp, order);
		if (l.pfn == ZB_NO_PFN)
			l.pfn = unit_alloc(run->m.p, gfp, order);
		if (l.pfn != ZB_NO_PFN)
			remember(run, &l);
	}
	if (unit_below(2))
		while (run->nr_live > first)
			free_one(run, run->nr_live - 1);
}

/* Free a random range with a random size, unless that happens to be valid. */
static void do_bad_free(struct run *run)
{
	struct zb_pool *pool = run->pool;
	struct zb_zone *zone = &pool->zones[unit_below(pool->nr_zones)];
	unsigned long n = BIT(unit_below(ZB_NR_ORDERS));
	unsigned long pfn = zone->start_pfn - 3 + unit_below(zone->nr_pages + 6);
	struct unit_state *before = NULL;
	enum zb_bad why;

	if (run->nr_live && unit_below(2)) {
		/* close to an existing allocation */
		pfn = run->live[unit_below(run->nr_live)].pfn + unit_below(3) - 1;
		n = 1 + unit_below(2 * n);
	}
	why = unit_model_bad(&run->m, pfn, n);
	if (why == ZB_OK)
		return;
	if (unit_below(4) == 0)
		before = unit_state_save(run->m.p);
	ASSERT_EQ(zb_pool_free_exact(pool, pfn, n), why);
	if (!(n & (n - 1))) {
		ASSERT(!zb_fast_free(pool, pfn, unit_top_bit(n)));
		ASSERT_EQ(zb_pool_free_pages(pool, pfn, unit_top_bit(n)), why);
		ASSERT_EQ(zb_pool_split_page(pool, pfn, unit_top_bit(n)), why);
	}
	if (!before)
		return;
	ASSERT(unit_state_equal(run->m.p, before));
	unit_state_free(before);
}

/* Move an allocation, as compaction does; the type of the request is that of its state. */
static void do_move(struct run *run, struct live *l)
{
	struct zb_zone *zone = zb_pfn_zone(run->pool, l->pfn);
	u8 state = zb_zone_state(zone, l->pfn);
	zb_gfp_t gfp = zb_state_migratetype(state) * __ZB_GFP_MOVABLE;
	unsigned long pfn;

	pfn = zb_compact_alloc(zone, gfp | (l->comp ? __ZB_GFP_COMP : 0), l->nr_pages,
			       ZB_NR_ORDERS);
	if (pfn == ZB_NO_PFN)
		return;
	ASSERT(zb_pfn_zone(run->pool, pfn) == zone);
	ASSERT_EQ(ZB_STATE_BLOCK(zb_zone_state(zone, pfn)), ZB_STATE_BLOCK(state));
	unit_model_set(&run->m, pfn, l->nr_pages, true);
	unit_model_set(&run->m, l->pfn, l->nr_pages, false);
	ASSERT_EQ(zb_pool_free_exact(run->pool, l->pfn, l->nr_pages), ZB_OK);
	l->pfn = pfn;
}

/* Move an exact allocation, or split a block. */
static void do_split_or_move(struct run *run)
{
	unsigned int k, order, i = unit_below(run->nr_live);
	struct live l = run->live[i];

	if (l.exact)
		do_move(run, &run->live[i]);
	order = unit_top_bit(l.nr_pages);
	if (l.exact || order > 6 || run->nr_live + BIT(order) > MAX_LIVE)
		return;
	if (l.comp) {
		ASSERT_EQ(zb_pool_split_page(run->pool, l.pfn, order), ZB_BAD_COMPOUND);
		return;
	}
	ASSERT_EQ(zb_pool_split_page(run->pool, l.pfn, order), ZB_OK);
	unit_model_split(&run->m, l.pfn, order);
	run->live[i] = run->live[--run->nr_live];
	for (k = 0; k < BIT(order); k++)
		run->live[run->nr_live++] = (struct live){ l.pfn + k, 1, false, false };
}

static struct zb_zone *any_pageblock(struct run *run, unsigned long *pfn)
{
	struct zb_zone *zone = &run->pool->zones[unit_below(run->pool->nr_zones)];

	*pfn = zone->start_pfn + PB(unit_below(zb_zone_nr_pageblocks(zone)));
	return zone;
}

static void do_head(struct run *run)
{
	unsigned long pfn, head;
	unsigned int order = 99;

	any_pageblock(run, &pfn);
	pfn += unit_below(2 * ZB_PAGEBLOCK_NR);
	head = unit_model_head(&run->m, pfn);
	ASSERT_EQ(zb_pool_block_head(run->pool, pfn, &order), head);
	if (head != ZB_NO_PFN)
		ASSERT(pfn - head < BIT(order));
}

/* Set types and isolate pageblocks; isolation requires drained lists. */
static void do_pageblock(struct run *run)
{
	unsigned long pfn, nr = PB(1 + unit_below(4));
	struct zb_zone *zone = any_pageblock(run, &pfn);
	unsigned int mt = unit_below(ZB_MIGRATE_TYPES);
	struct unit_state *before = NULL;
	int old;

	if (mt == ZB_MIGRATE_ISOLATE || unit_below(2)) {
		zb_pool_unisolate_range(run->pool, pfn, nr);
		ASSERT(zb_pool_get_migratetype(run->pool, pfn) != ZB_MIGRATE_ISOLATE);
	} else if (unit_below(2)) {
		before = unit_state_save(run->m.p);
		if (zb_pool_isolate_range(run->pool, pfn, nr))
			ASSERT_EQ(zb_pool_get_migratetype(run->pool, pfn + nr - 1),
				  ZB_MIGRATE_ISOLATE);
		else
			ASSERT(unit_state_equal(run->m.p, before));
		unit_state_free(before);
	} else {
		old = zb_pool_get_migratetype(run->pool, pfn);
		ASSERT_EQ(zb_pool_set_migratetype(run->pool, pfn, mt),
			  old != ZB_MIGRATE_ISOLATE);
		if (mt < ZB_MIGRATE_PCPTYPES && run->pool->mobility_disabled)
			mt = ZB_MIGRATE_UNMOVABLE;
		if (old != ZB_MIGRATE_ISOLATE)
			ASSERT_EQ(zb_pfn_pageblock(zone, pfn)->migratetype, mt);
	}
	unit_pool_drain(run->m.p);
}

static void do_tune(struct run *run)
{
	struct zb_tunables *t = &run->pool->tunables;
	unsigned int i;

	t->min_free_kbytes = unit_below(4) ? unit_below(1 + unit_below(8192)) :
					     ZB_MIN_FREE_AUTO;
	t->watermark_scale_factor = 1 + unit_below(1000);
	for (i = 0; i < ZB_NR_ZONES; i++)
		t->lowmem_reserve_ratio[i] = unit_below(1 + unit_below(300));
	t->dirty_ratio = unit_below(101);
	t->pcp_high_fraction = unit_below(2) ? unit_below(1000) : 0;
	unit_end_lists(&run->pool->zones[unit_below(run->pool->nr_zones)],
		       unit_below(zb_env_nr_cpus));
	zb_pool_tune(run->pool, 1 + unit_below(8));
	if (unit_below(4) == 0)
		unit_pool_no_watermarks(run->m.p);
	for (i = 0; i < run->pool->nr_nodes; i++)
		atomic_long_set(&run->pool->nodes[i].nr_dirty,
				unit_below(run->pool->nodes[i].nr_pages));
}

/* Statistics of a zone are consistent with each other and with the zone. */
static void check_statistics(struct run *run)
{
	struct zb_zone *zone = &run->pool->zones[unit_below(run->pool->nr_zones)];
	unsigned long nr_mixed[ZB_MIGRATE_TYPES], sum = 0, nr_free = 0, i;
	unsigned int order = unit_below(zone->max_order + 1);
	struct zb_pageblock_stat pb;
	struct zb_zone_stat st;

	zb_zone_snapshot(zone, &st);
	for (i = 0; i < ZB_NR_ORDERS; i++)
		sum += zb_stat_nr_free(&st, i) << i;
	ASSERT_EQ(sum, st.nr_free);
	ASSERT(zb_stat_largest_order(&st) <= (int)zone->max_order);
	ASSERT(zb_unusable_index(&st, order) <= 1000);
	ASSERT(zb_extfrag_index(&st, order) <= 1000);
	zb_zone_mixed_blocks(zone, nr_mixed);
	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		zb_pageblock_snapshot(zone, i, 1, &pb);
		nr_free += pb.nr_free;
	}
	ASSERT_EQ(nr_free, st.nr_free);
}

static void do_step(struct run *run)
{
	unsigned int dice = unit_below(100);

	if (unit_below(40) == 0)
		run->growing = !run->growing;
	if (dice < 4)
		do_bad_free(run);
	else if (dice < 6)
		unit_pool_drain(run->m.p);
	else if (dice < 14)
		zb_env_set_cpu(unit_below(zb_env_nr_cpus));
	else if (dice < 15)
		do_tune(run);
	else if (dice < 18)
		do_pageblock(run);
	else if (dice < 19)
		do_head(run);
	else if (dice < 20)
		check_statistics(run);
	else if (dice < 22 && run->nr_live)
		do_split_or_move(run);
	else if (dice < 24 && run->nr_live < MAX_LIVE)
		do_many(run);
	else if (run->nr_live < MAX_LIVE && dice < (run->growing ? 80 : 45))
		do_alloc(run);
	else if (run->nr_live)
		do_free(run);
	ASSERT_EQ(unit_pool_nr_free(run->m.p) + run->m.nr_held,
		  unit_pool_nr_pages(run->m.p));
	unit_model_check_events(&run->m, run->nr_requests);
}

/* Restore the initial state: nothing allocated, and no pageblock of a special type. */
static void restore_initial_state(struct run *run)
{
	struct zb_zone *zone;
	unsigned long pfn;

	while (run->nr_live)
		free_one(run, unit_below(run->nr_live));
	unit_pool_drain(run->m.p);
	zb_for_each_zone(zone, run->pool) {
		zb_pool_unisolate_range(run->pool, zone->start_pfn, zone->nr_pages);
		for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
		     pfn += ZB_PAGEBLOCK_NR)
			ASSERT(zb_pool_set_migratetype(run->pool, pfn,
						       zone->default_migratetype));
	}
}

/**
 * unit_history() - run one history
 * @b: its bounds
 * @o: its outcome is added here
 */
void unit_history(const struct unit_bounds *b, struct unit_outcome *o)
{
	struct run *run = make_run(b, o);
	unsigned int step;

	run->growing = true;
	for (step = 0; step < b->steps && !unit_input_ended(); step++) {
		do_step(run);
		if (step % b->check_every == 0)
			ASSERT(unit_pool_quiet(run->m.p));
	}
	restore_initial_state(run);
	unit_pool_end(run->m.p);
	end_run(run);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

/* Record what is wrong; false, so that callers can return it. */
static bool wrong(struct zb_violation *v, const struct zb_zone *zone,
		  unsigned long pfn, const char *rule, unsigned long found,
		  unsigned long expected)
{
	v->rule = rule;
	v->zone = zone;
	v->pfn = pfn;
	v->found = found;
	v->expected = expected;
	return false;
}

/* Does an allocated block that starts in an earlier pageblock cover @pfn? */
static bool inside_large_block(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int k, state;
	unsigned long head;

	for (k = ZB_PAGEBLOCK_ORDER + 1; k <= ZB_MAX_ORDER; k++) {
		head = pfn & ~(BIT(k) - 1);
		if (head == pfn || !zb_zone_has(zone, head))
			continue;
		state = zb_zone_state(zone, head);
		if (state && zb_state_order(state) >= k)
			return true;
	}
	return false;
}

/* A held block at @pfn: its shape, and that nothing else is inside of it. */
static bool check_held(struct zb_zone *zone, unsigned long pfn,
		       struct zb_violation *v)
{
	unsigned long i, order = zb_state_order(zb_zone_state(zone, pfn));

	if (order > zone->max_order || pfn & (BIT(order) - 1))
		return wrong(v, zone, pfn, "a block is aligned to its order",
			     order, __ffs64(pfn));
	if (pfn + BIT(order) > zb_zone_end(zone))
		return wrong(v, zone, pfn, "a block ends inside its zone",
			     pfn + BIT(order), zb_zone_end(zone));
	for (i = pfn; i < pfn + BIT(order); i++) {
		if (i != pfn && zb_zone_state(zone, i))
			return wrong(v, zone, i, "blocks do not overlap",
				     zb_zone_state(zone, i), 0);
		if (zb_pageblock_test(zb_pfn_pageblock(zone, i),
				      i % ZB_PAGEBLOCK_NR))
			return wrong(v, zone, i, "a held frame is not free", 1, 0);
	}
	return true;
}

/* Every frame of a pageblock is free, or covered by a block that is held. */
static bool check_frames(struct zb_zone *zone, struct zb_pageblock *pb,
			 struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned long end = pfn + ZB_PAGEBLOCK_NR;

	if (inside_large_block(zone, pfn))
		return true;
	while (pfn < end) {
		u8 state = zb_zone_state(zone, pfn);

		if (zb_pageblock_test(pb, pfn % ZB_PAGEBLOCK_NR)) {
			if (state)
				return wrong(v, zone, pfn, "a free frame starts no block",
					     state, 0);
			pfn++;
			continue;
		}
		if (!state)
			return wrong(v, zone, pfn, "a frame is free or held", 0, 1);
		if (!check_held(zone, pfn, v))
			return false;
		pfn += BIT(zb_state_order(state));
	}
	return true;
}

static bool run_free(const struct zb_pageblock *pb, unsigned int frame,
		     unsigned int nr)
{
	while (nr--)
		if (!zb_pageblock_test(pb, frame + nr))
			return false;
	return true;
}

/*
 * Count maximal free runs frame by frame, without any of the word tricks that
 * the allocator itself uses.
 */
static unsigned int count_runs(const struct zb_pageblock *pb, unsigned int order)
{
	unsigned int frame, nr = 0;

	for (frame = 0; frame < ZB_PAGEBLOCK_NR; frame += BIT(order))
		if (run_free(pb, frame, BIT(order)) &&
		    !run_free(pb, frame & ~BIT(order), 2 * BIT(order)))
			nr++;
	return nr;
}

static bool check_counters(struct zb_zone *zone, struct zb_pageblock *pb,
			   struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int k, nr, nr_free = 0;

	for (k = 0; k < ZB_PAGEBLOCK_NR; k++)
		nr_free += zb_pageblock_test(pb, k);
	if (pb->nr_free != nr_free)
		return wrong(v, zone, pfn, "a pageblock knows its free frames",
			     pb->nr_free, nr_free);
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
		nr = count_runs(pb, k);
		if (pb->nr[k] != nr)
			return wrong(v, zone, pfn, "a pageblock knows its free runs",
				     pb->nr[k], nr);
		if ((pb->orders >> k & 1) != !!nr)
			return wrong(v, zone, pfn, "a pageblock knows its orders",
				     pb->orders, BIT(k));
	}
	return true;
}

/* A free block of whole pageblocks: shape, tails, and no free buddy. */
static bool check_whole(struct zb_zone *zone, struct zb_pageblock *pb,
			struct zb_violation *v)
{
	unsigned long i, pfn = zb_pageblock_pfn(zone, pb);
	unsigned long buddy = pfn ^ BIT(pb->key);
	struct zb_pageblock *b;

	if (pb->key > zone->max_order || pfn & (BIT(pb->key) - 1) ||
	    pfn + BIT(pb->key) > zb_zone_end(zone))
		return wrong(v, zone, pfn, "a free block is aligned and inside",
			     pb->key, zone->max_order);
	for (i = 1; i < BIT(pb->key - ZB_PAGEBLOCK_ORDER); i++)
		if (pb[i].key != ZB_KEY_TAIL || !zb_pageblock_whole(&pb[i]) ||
		    pb[i].migratetype != pb->migratetype)
			return wrong(v, zone, pfn + i * ZB_PAGEBLOCK_NR,
				     "a tail is free and of its head's type",
				     pb[i].key, ZB_KEY_TAIL);
	if (pb->key == zone->max_order || !zb_zone_has(zone, buddy))
		return true;
	b = zb_pfn_pageblock(zone, buddy);
	if (b->key == pb->key && b->migratetype == pb->migratetype)
		return wrong(v, zone, pfn, "free buddies are merged", b->key,
			     b->key + 1);
	return true;
}

/* The head of a tail is a free block that reaches it. */
static bool check_tail(struct zb_zone *zone, struct zb_pageblock *pb,
		       struct zb_violation *v)
{
	unsigned long head, pfn = zb_pageblock_pfn(zone, pb);
	unsigned int k, key;

	for (k = ZB_PAGEBLOCK_ORDER + 1; k <= zone->max_order; k++) {
		head = pfn & ~(BIT(k) - 1);
		if (!zb_zone_has(zone, head))
			break;
		key = zb_pfn_pageblock(zone, head)->key;
		if (key <= ZB_MAX_ORDER && key >= k)
			return true;
	}
	return wrong(v, zone, pfn, "a tail has a head", 0, 1);
}

static bool check_key(struct zb_zone *zone, struct zb_pageblock *pb,
		      struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	if (pb->migratetype >= ZB_MIGRATE_TYPES)
		return wrong(v, zone, pfn, "a migrate type is known",
			     pb->migratetype, ZB_MIGRATE_MOVABLE);
	if (zone->types[pb - zone->pageblocks] != pb->migratetype)
		return wrong(v, zone, pfn, "those who free know the migrate type",
			     zone->types[pb - zone->pageblocks], pb->migratetype);
	if (!zb_pageblock_whole(pb)) {
		if (pb->key != zb_pageblock_largest(pb))
			return wrong(v, zone, pfn, "the key is the largest free run",
				     pb->key, zb_pageblock_largest(pb));
		return true;
	}
	if (pb->key == ZB_KEY_TAIL)
		return check_tail(zone, pb, v);
	if (pb->key < ZB_PAGEBLOCK_ORDER || pb->key > ZB_MAX_ORDER)
		return wrong(v, zone, pfn, "a whole pageblock is head or tail",
			     pb->key, ZB_PAGEBLOCK_ORDER);
	return check_whole(zone, pb, v);
}

/* What the pageblocks say that the zone should have. */
struct totals {
	unsigned long nr_free;
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_listed;
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long nr[ZB_NR_ORDERS][ZB_MIGRATE_TYPES];
};

static void add_totals(const struct zb_pageblock *pb, struct totals *t)
{
	unsigned int k;

	t->nr_free += pb->nr_free;
	t->nr_free_type[pb->migratetype] += pb->nr_free;
	t->nr_blocks[pb->migratetype]++;
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		t->nr[k][pb->migratetype] += pb->nr[k];
	if (!zb_free_area_listed(pb))
		return;
	t->nr_listed++;
	if (pb->key >= ZB_PAGEBLOCK_ORDER)
		t->nr[pb->key][pb->migratetype]++;
}

static bool check_list(struct zb_zone *zone, unsigned int order,
		       unsigned int mt, struct totals *t,
		       struct zb_violation *v)
{
	struct list_head *list = &zone->free_area[order].free_list[mt];
	struct list_head *pos;
	struct zb_pageblock *pb;

	list_for_each(pos, list) {
		pb = list_entry(pos, struct zb_pageblock, link);
		if (pos->next->prev != pos || !t->nr_listed)
			return wrong(v, zone, 0, "lists are intact", order, mt);
		if (pb->key != order || pb->migratetype != mt)
			return wrong(v, zone, zb_pageblock_pfn(zone, pb),
				     "a pageblock is on the list of its key and type",
				     pb->key, order);
		t->nr_listed--;
	}
	return true;
}

static bool check_areas(struct zb_zone *zone, struct totals *t,
			struct zb_violation *v)
{
	const struct zb_free_area *area;
	unsigned int order, mt;
	unsigned long sum;

	for (order = 0; order < ZB_NR_ORDERS; order++) {
		area = &zone->free_area[order];
		for (sum = 0, mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
			if (!check_list(zone, order, mt, t, v))
				return false;
			if (area->nr_free_type[mt] != t->nr[order][mt])
				return wrong(v, zone, 0, "nr_free by type is exact",
					     area->nr_free_type[mt], t->nr[order][mt]);
			sum += area->nr_free_type[mt];
		}
		if (area->nr_free != sum)
			return wrong(v, zone, 0, "nr_free is the sum of its types",
				     area->nr_free, sum);
	}
	if (t->nr_listed)
		return wrong(v, zone, 0, "every key is on a list", t->nr_listed, 0);
	return true;
}

static bool check_totals(struct zb_zone *zone, struct totals *t,
			 struct zb_violation *v)
{
	unsigned long usable = 0;
	unsigned int mt;

	if (zone->nr_free != t->nr_free)
		return wrong(v, zone, 0, "the zone knows its free frames",
			     zone->nr_free, t->nr_free);
	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		usable += t->nr_free_type[mt];
	if (zone->nr_usable != usable)
		return wrong(v, zone, 0, "usable frames are those of a mobility",
			     zone->nr_usable, usable);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		if (zone->nr_blocks[mt] != t->nr_blocks[mt])
			return wrong(v, zone, 0, "pageblocks by type add up",
				     zone->nr_blocks[mt], t->nr_blocks[mt]);
		if (zone->nr_free_type[mt] != t->nr_free_type[mt])
			return wrong(v, zone, 0, "free frames by type add up",
				     zone->nr_free_type[mt],
				     t->nr_free_type[mt]);
	}
	return check_areas(zone, t, v);
}

/* Lists and counters have to be seen in one go; this visits headers only. */
static bool check_lists(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long i, flags, nr = zb_zone_nr_pageblocks(zone);
	struct totals t = { .nr_free = 0 };
	bool ok = true;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; ok && i < nr; i++) {
		ok = check_key(zone, &zone->pageblocks[i], v);
		if (ok)
			add_totals(&zone->pageblocks[i], &t);
	}
	ok = ok && check_totals(zone, &t, v);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/* The bits and bytes of one pageblock; the lock is dropped between two. */
static bool check_pageblock(struct zb_zone *zone, struct zb_pageblock *pb,
			    struct zb_violation *v)
{
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = check_frames(zone, pb, v) && check_counters(zone, pb, v);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/**
 * zb_check_zone() - do rules 1 to 4 hold in a zone?
 * @zone: which
 * @v: filled in when they don't
 *
 * Context: any but NMI; takes the zone lock many times.
 * Return: true when all is well.
 */
bool zb_check_zone(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long i;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		if (!check_pageblock(zone, &zone->pageblocks[i], v))
			return false;
	return check_lists(zone, v);
}

/**
 * zb_check_pool() - do rules 1 to 4 hold everywhere?
 * @pool: the allocator, which may be at work
 * @v: filled in when they don't
 *
 * Context: any but NMI.
 * Return: true when all is well.
 */
bool zb_check_pool(struct zb_pool *pool, struct zb_violation *v)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (!zb_check_zone(zone, v))
			return false;
	return true;
}

/*
 * A set of frames as two numbers: how many, and a sum of what each is mixed to.
 * Two sets with the same numbers are the same for all practical purposes.
 */
struct frame_set {
	unsigned long nr;
	u64 sum;
};

static void add_frame(struct frame_set *set, unsigned long pfn)
{
	u64 x = pfn + 1;

	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 29) * 0xd6e8feb86659fd93ull;
	set->nr++;
	set->sum += x ^ x >> 32;
}

static bool check_pcp_list(struct zb_zone *zone, const struct zb_pcp *pcp,
			   unsigned int order, unsigned int mt,
			   struct frame_set *listed, struct zb_violation *v)
{
	unsigned int i, list = zb_pcp_list(order, mt);
	unsigned long pfn;

	if (zb_pcp_nr(pcp, list) > ZB_PCP_CAPACITY(order))
		return wrong(v, zone, 0, "a list has room for what is on it",
			     zb_pcp_nr(pcp, list), ZB_PCP_CAPACITY(order));
	for (i = 0; i < zb_pcp_nr(pcp, list); i++) {
		pfn = zone->start_pfn + pcp->frame[zb_pcp_start[list] + i];
		if (!zb_zone_has(zone, pfn) ||
		    zb_zone_state(zone, pfn) != ZB_STATE(ZB_HELD_CACHED, order))
			return wrong(v, zone, pfn, "a listed frame is marked as cached",
				     pfn, order);
		add_frame(listed, pfn);
	}
	return true;
}

static bool check_pcp(struct zb_zone *zone, unsigned int cpu,
		      struct frame_set *listed, struct zb_violation *v)
{
	const struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	unsigned long nr = 0;
	unsigned int order, mt;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			if (!check_pcp_list(zone, pcp, order, mt, listed, v))
				return false;
			nr += (unsigned long)zb_pcp_nr(pcp, zb_pcp_list(order, mt)) << order;
		}
	if (pcp->nr_pages != nr)
		return wrong(v, zone, 0, "a CPU knows its frames",
			     pcp->nr_pages, nr);
	return true;
}

/* The frames on all lists are the frames that are marked as cached. */
static bool check_cached(struct zb_zone *zone, struct zb_violation *v)
{
	struct frame_set listed = { .nr = 0 }, marked = { .nr = 0 };
	unsigned long pfn;
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		if (!check_pcp(zone, cpu, &listed, v))
			return false;
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++)
		if (ZB_STATE_HOLD(zb_zone_state(zone, pfn)) == ZB_HELD_CACHED)
			add_frame(&marked, pfn);
	if (listed.nr != marked.nr || listed.sum != marked.sum)
		return wrong(v, zone, 0, "a cached frame is listed, once",
			     listed.nr, marked.nr);
	return true;
}

/**
 * zb_check_quiet() - do all rules hold?
 * @pool: an allocator that nobody uses meanwhile
 * @v: filled in when they don't
 *
 * Context: any but NMI.
 * Return: true when all is well.
 */
bool zb_check_quiet(struct zb_pool *pool, struct zb_violation *v)
{
	struct zb_zone *zone;

	if (!zb_check_pool(pool, v))
		return false;
	zb_for_each_zone(zone, pool)
		if (!check_cached(zone, v))
			return false;
	return true;
}

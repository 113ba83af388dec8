// SPDX-License-Identifier: GPL-2.0-only
#include "audit.h"
#include "check.h"
#include "zeroed.h"

/**
 * zb_not_met() - describe a violation
 * @v: set to the violation
 * @zone: the zone
 * @pfn: the frame, the first frame of the pageblock, or 0 for the zone as a whole
 * @rule: the invariant, in words
 * @found: the value that was found
 * @expected: the value that was expected
 *
 * Return: false, so that callers can return the result.
 */
bool zb_not_met(struct zb_violation *v, const struct zb_zone *zone,
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

/* Check whether a used block that starts in an earlier pageblock covers @pfn. */
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

/* Check frames inside of one used block, none of which is its first frame. */
static bool check_inside(struct zb_zone *zone, unsigned long pfn,
			 unsigned long end, struct zb_violation *v)
{
	for (; pfn < end; pfn++) {
		if (zb_zone_state(zone, pfn))
			return zb_not_met(v, zone, pfn, "blocks do not overlap",
					  zb_zone_state(zone, pfn), 0);
		if (zb_pageblock_test(zb_pfn_pageblock(zone, pfn),
				      pfn % ZB_PAGEBLOCK_NR))
			return zb_not_met(v, zone, pfn,
					  "a frame of a used block is not free", 1, 0);
	}
	return true;
}

/*
 * Check the used block that starts at @pfn, up to the end of its first pageblock. The bit of
 * @pfn itself is not set. Its other pageblocks are checked one by one later, so that the time
 * for which the lock is held does not depend on the order.
 */
static bool check_used_block(struct zb_zone *zone, unsigned long pfn,
			     struct zb_violation *v)
{
	unsigned int order = zb_state_order(zb_zone_state(zone, pfn));
	unsigned long nr = order < ZB_PAGEBLOCK_ORDER ? BIT(order) :
							ZB_PAGEBLOCK_NR;

	if (order > zone->max_order || pfn & (BIT(order) - 1))
		return zb_not_met(v, zone, pfn, "a block is aligned to its order", order,
				  __ffs64(pfn));
	if (pfn + BIT(order) > zb_zone_end(zone))
		return zb_not_met(v, zone, pfn, "a block ends inside its zone",
				  pfn + BIT(order), zb_zone_end(zone));
	return check_inside(zone, pfn + 1, pfn + nr, v);
}

/* Check that every frame of a pageblock is free or part of a used block. */
static bool check_frames(struct zb_zone *zone, struct zb_pageblock *pb,
			 struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned long end = pfn + ZB_PAGEBLOCK_NR;

	if (inside_large_block(zone, pfn))
		return check_inside(zone, pfn, end, v);
	while (pfn < end) {
		u8 state = zb_zone_state(zone, pfn);

		if (zb_pageblock_test(pb, pfn % ZB_PAGEBLOCK_NR)) {
			if (state)
				return zb_not_met(v, zone, pfn,
						  "the state byte of a free frame is 0",
						  state, 0);
			pfn++;
			continue;
		}
		if (!state)
			return zb_not_met(v, zone, pfn,
					  "a frame is free or part of a used block", 0, 1);
		if (!check_used_block(zone, pfn, v))
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
 * Count maximal free runs frame by frame. This deliberately does not use the bit
 * operations of the allocator, which are what is being checked.
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

/*
 * Check a pageblock whose runs may have grown since they were counted (stale.h). It is
 * on the list of its longest run nevertheless.
 */
static bool check_stale(struct zb_zone *zone, const struct zb_pageblock *pb,
			struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int order = ZB_PAGEBLOCK_ORDER;

	if (!pb->nr_free || zb_pageblock_all_free(pb))
		return zb_not_met(v, zone, pfn, "a stale pageblock is in part free",
				  pb->nr_free, 1);
	while (!count_runs(pb, --order))
		;
	return pb->largest_free == order ||
	       zb_not_met(v, zone, pfn,
			  "largest_free of a stale pageblock matches its bitmap",
			  pb->largest_free, order);
}

/* Check that only free frames are known to be zero. */
static bool check_zeroed(struct zb_zone *zone, const struct zb_pageblock *pb,
			 struct zb_violation *v)
{
	unsigned long index = pb - zone->pageblocks, pfn = zb_pageblock_pfn(zone, pb);
	unsigned int i, nr = 0;
	const u64 *bits;

	if (!zone->zeroed)
		return true;
	bits = zone->zeroed->bits + index * ZB_PAGEBLOCK_WORDS;
	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++) {
		nr += hweight64(bits[i]);
		if (bits[i] & ~pb->free[i])
			return zb_not_met(v, zone, pfn, "a frame that is known to be zero is free",
					  bits[i], pb->free[i]);
	}
	return nr == zone->zeroed->nr_block[index] ||
	       zb_not_met(v, zone, pfn, "nr_block of a pageblock matches its zero bits",
			  zone->zeroed->nr_block[index], nr);
}

static bool check_counters(struct zb_zone *zone, struct zb_pageblock *pb,
			   struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int k, nr, nr_free = 0;

	for (k = 0; k < ZB_PAGEBLOCK_NR; k++)
		nr_free += zb_pageblock_test(pb, k);
	if (pb->nr_free != nr_free)
		return zb_not_met(v, zone, pfn,
				  "nr_free of a pageblock matches its bitmap", pb->nr_free,
				  nr_free);
	if (zb_pageblock_is_stale(zone, pb))
		return check_stale(zone, pb, v);
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
		/* If all frames are free, or none is, there are no runs of lower orders. */
		nr = nr_free % ZB_PAGEBLOCK_NR ? count_runs(pb, k) : 0;
		if (pb->nr[k] != nr)
			return zb_not_met(v, zone, pfn,
					  "nr[] of a pageblock matches its bitmap",
					  pb->nr[k], nr);
		if ((pb->orders >> k & 1) != !!nr)
			return zb_not_met(v, zone, pfn,
					  "orders of a pageblock matches its nr[]",
					  pb->orders, BIT(k));
	}
	return true;
}

/* Check the head of a free block of one or more pageblocks. */
static bool check_free_head(struct zb_zone *zone, struct zb_pageblock *pb,
			    struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned long buddy = pfn ^ BIT(pb->largest_free);
	struct zb_pageblock *b;

	if (pb->largest_free > zone->max_order || pfn & (BIT(pb->largest_free) - 1) ||
	    pfn + BIT(pb->largest_free) > zb_zone_end(zone))
		return zb_not_met(v, zone, pfn,
				  "a free block is aligned and inside its zone",
				  pb->largest_free, zone->max_order);
	if (pb->largest_free == zone->max_order || !zb_zone_has(zone, buddy))
		return true;
	b = zb_pfn_pageblock(zone, buddy);
	if (b->largest_free == pb->largest_free && b->migratetype == pb->migratetype)
		return zb_not_met(v, zone, pfn, "free buddies are merged", b->largest_free,
				  b->largest_free + 1);
	return true;
}

/* Find the head of a free block that starts in an earlier pageblock and includes @pb. */
static struct zb_pageblock *find_free_head(struct zb_zone *zone,
					   const struct zb_pageblock *pb)
{
	unsigned long head, pfn = zb_pageblock_pfn(zone, pb);
	struct zb_pageblock *first;
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER + 1; k <= zone->max_order; k++) {
		head = pfn & ~(BIT(k) - 1);
		if (!zb_zone_has(zone, head))
			break;
		first = zb_pfn_pageblock(zone, head);
		if (first != pb && first->largest_free <= ZB_MAX_ORDER && first->largest_free >= k)
			return first;
	}
	return NULL;
}

/* Check each tail on its own, because a head may have too many for one lock section. */
static bool check_tail(struct zb_zone *zone, struct zb_pageblock *pb,
		       const struct zb_pageblock *head, struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	if (!head)
		return zb_not_met(v, zone, pfn, "a tail pageblock has a head", 0, 1);
	if (pb->largest_free != ZB_LIST_TAIL || !zb_pageblock_all_free(pb) ||
	    pb->migratetype != head->migratetype)
		return zb_not_met(v, zone, pfn,
				  "a tail pageblock is free and has its head's type",
				  pb->largest_free, ZB_LIST_TAIL);
	return true;
}

static bool check_header(struct zb_zone *zone, struct zb_pageblock *pb,
			 struct zb_violation *v)
{
	const struct zb_pageblock *head = find_free_head(zone, pb);
	u8 type = READ_ONCE(zone->types[pb - zone->pageblocks]);
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	if (pb->migratetype >= ZB_MIGRATE_TYPES)
		return zb_not_met(v, zone, pfn, "a migrate type is valid", pb->migratetype,
				  ZB_MIGRATE_MOVABLE);
	if (type != pb->migratetype)
		return zb_not_met(v, zone, pfn,
				  "types[] matches the type of the pageblock", type,
				  pb->migratetype);
	if (head || (pb->largest_free == ZB_LIST_TAIL && zb_pageblock_all_free(pb)))
		return check_tail(zone, pb, head, v);
	if (zb_pageblock_is_stale(zone, pb))
		return true;
	if (!zb_pageblock_all_free(pb)) {
		if (pb->largest_free != zb_pageblock_largest(pb))
			return zb_not_met(v, zone, pfn, "largest_free matches the bitmap",
					  pb->largest_free, zb_pageblock_largest(pb));
		return true;
	}
	if (pb->largest_free < ZB_PAGEBLOCK_ORDER || pb->largest_free > ZB_MAX_ORDER)
		return zb_not_met(v, zone, pfn, "a free pageblock is a head or a tail",
				  pb->largest_free, ZB_PAGEBLOCK_ORDER);
	return check_free_head(zone, pb, v);
}

/* Returns NULL if @link is the head of a list, or does not belong to a pageblock. */
static struct zb_pageblock *link_to_pageblock(struct zb_zone *zone,
					      struct list_head *link)
{
	unsigned long at = (unsigned long)link -
			   (unsigned long)&zone->pageblocks->link;

	if (at % sizeof(struct zb_pageblock) ||
	    at / sizeof(struct zb_pageblock) >= zb_zone_nr_pageblocks(zone))
		return NULL;
	return list_entry(link, struct zb_pageblock, link);
}

static bool same_list(struct zb_zone *zone, const struct zb_pageblock *pb,
		      struct list_head *link)
{
	struct zb_pageblock *other = link_to_pageblock(zone, link);

	if (!other)
		return link == &zone->free_area[pb->largest_free].free_list[pb->migratetype];
	return other->largest_free == pb->largest_free && other->migratetype == pb->migratetype;
}

/*
 * Check that both neighbours of a pageblock are on the list on which it has to be, and
 * that they link back to it.
 *
 * Walking a list would hold the lock for a time that depends on its length. Instead,
 * each pageblock is compared with its successor. Pageblocks are only added at the
 * front, so @added decreases from one to the next. If this holds for all pageblocks,
 * there is no loop, and each pageblock can be reached from the head of its list.
 */
static bool check_links(struct zb_zone *zone, struct zb_pageblock *pb,
			struct zb_violation *v)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	struct list_head *link = &pb->link;
	struct zb_pageblock *next;

	if (!zb_free_area_listed(pb))
		return true;
	if (!same_list(zone, pb, link->next) || !same_list(zone, pb, link->prev))
		return zb_not_met(v, zone, pfn,
				  "a pageblock is on the list of its largest_free and type",
				  pb->largest_free, pb->migratetype);
	if (link->next->prev != link || link->prev->next != link)
		return zb_not_met(v, zone, pfn, "list links are intact", pb->largest_free,
				  pb->migratetype);
	next = link_to_pageblock(zone, link->next);
	if (next && next->added >= pb->added)
		return zb_not_met(v, zone, pfn, "a free list is in order of addition",
				  next->added, pb->added);
	return true;
}

static bool check_head(struct zb_zone *zone, unsigned int order,
		       unsigned int mt, struct zb_violation *v)
{
	struct list_head *head = &zone->free_area[order].free_list[mt];

	if (head->next->prev == head && head->prev->next == head)
		return true;
	return zb_not_met(v, zone, 0, "list links are intact", order, mt);
}

static bool check_areas(struct zb_zone *zone, const struct zb_audit *audit,
			struct zb_violation *v)
{
	const struct zb_free_area *area;
	unsigned int order, mt;
	unsigned long sum;

	for (order = 0; order < ZB_NR_ORDERS; order++) {
		area = &zone->free_area[order];
		for (sum = 0, mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
			if (!check_head(zone, order, mt, v))
				return false;
			if (area->nr_free_type[mt] != audit->nr[order][mt])
				return zb_not_met(v, zone, 0,
						  "nr_free_type of a free area matches its pageblocks",
						  area->nr_free_type[mt],
						  audit->nr[order][mt]);
			sum += area->nr_free_type[mt];
		}
		if (area->nr_free != sum)
			return zb_not_met(v, zone, 0,
					  "nr_free of a free area is the sum of nr_free_type",
					  area->nr_free, sum);
	}
	return true;
}

static bool check_nr_stale(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long i, nr = 0;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i += 64)
		nr += hweight64(zone->stale[i / 64]);
	return nr == zone->nr_stale ||
	       zb_not_met(v, zone, 0, "nr_stale of a zone matches its stale bits",
			  zone->nr_stale, nr);
}

static bool check_totals(struct zb_zone *zone, const struct zb_audit *audit,
			 struct zb_violation *v)
{
	unsigned long usable = 0, nr_free = 0;
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		nr_free += audit->nr_free[mt];
		if (mt < ZB_MIGRATE_PCPTYPES)
			usable += audit->nr_free[mt];
	}
	if (zone->nr_free != nr_free)
		return zb_not_met(v, zone, 0, "nr_free of a zone matches its pageblocks",
				  zone->nr_free, nr_free);
	if (zone->nr_free_pcptypes != usable)
		return zb_not_met(v, zone, 0,
				  "nr_free_pcptypes of a zone matches its pageblocks",
				  zone->nr_free_pcptypes, usable);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		if (zone->nr_blocks[mt] != audit->nr_blocks[mt])
			return zb_not_met(v, zone, 0,
					  "nr_blocks of a zone matches its pageblocks",
					  zone->nr_blocks[mt], audit->nr_blocks[mt]);
		if (zone->nr_free_type[mt] != audit->nr_free[mt])
			return zb_not_met(v, zone, 0,
					  "nr_free_type of a zone matches its pageblocks",
					  zone->nr_free_type[mt], audit->nr_free[mt]);
	}
	return check_nr_stale(zone, v) && check_areas(zone, audit, v);
}

/* Number of pageblocks whose headers are checked in one lock section. */
#define PAGEBLOCKS_PER_HOLD	32u

static bool check_next_header(struct zb_zone *zone, unsigned long i,
			      struct zb_audit *audit, struct zb_violation *v)
{
	if (!check_header(zone, &zone->pageblocks[i], v))
		return false;
	__zb_audit_next(zone, audit);
	return true;
}

static bool check_next_links(struct zb_zone *zone, unsigned long i,
			     struct zb_audit *audit, struct zb_violation *v)
{
	(void)audit;
	return check_links(zone, &zone->pageblocks[i], v);
}

/* Call @check for all pageblocks. The lock is held, but dropped from time to time. */
static bool __check_each(struct zb_zone *zone, unsigned long *flags,
			 bool (*check)(struct zb_zone *zone, unsigned long i,
				       struct zb_audit *audit,
				       struct zb_violation *v),
			 struct zb_audit *audit, struct zb_violation *v)
{
	unsigned long i, nr = zb_zone_nr_pageblocks(zone);

	for (i = 0; i < nr; i++) {
		if (i && i % PAGEBLOCKS_PER_HOLD == 0) {
			zb_unlock_irqrestore(&zone->lock, *flags);
			zb_lock_irqsave(&zone->lock, *flags);
		}
		if (!check(zone, i, audit, v))
			return false;
	}
	return true;
}

/**
 * zb_check_lists() - check rules 3 and 4 (check.h) in a zone
 * @zone: the zone
 * @v: set to the first violation
 *
 * Context: any but NMI; takes the zone lock, for a few pageblocks at a time.
 * Return: true if there is no violation.
 */
bool zb_check_lists(struct zb_zone *zone, struct zb_violation *v)
{
	struct zb_audit audit;
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_audit_begin(zone, &audit);
	ok = __check_each(zone, &flags, check_next_header, &audit, v) &&
	     __check_each(zone, &flags, check_next_links, &audit, v) &&
	     check_totals(zone, &audit, v);
	__zb_audit_end(zone, &audit);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/**
 * zb_check_pageblock() - check rules 1 and 2 (check.h) in a pageblock
 * @zone: the zone
 * @index: index of the pageblock in the zone
 * @v: set to the first violation
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if there is no violation.
 */
bool zb_check_pageblock(struct zb_zone *zone, unsigned long index,
			struct zb_violation *v)
{
	struct zb_pageblock *pb = &zone->pageblocks[index];
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = check_frames(zone, pb, v) && check_counters(zone, pb, v) &&
	     check_zeroed(zone, pb, v);
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/**
 * zb_check_zone() - check rules 1 to 4 (check.h) in a zone
 * @zone: the zone
 * @v: set to the first violation
 *
 * Context: any but NMI; takes the zone lock many times.
 * Return: true if there is no violation.
 */
bool zb_check_zone(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long i;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		if (!zb_check_pageblock(zone, i, v))
			return false;
	return zb_check_lists(zone, v);
}

/**
 * zb_check_pool() - check rules 1 to 4 (check.h) in all zones
 * @pool: the allocator, which may be in use
 * @v: set to the first violation
 *
 * Context: any but NMI; takes the zone locks many times.
 * Return: true if there is no violation.
 */
bool zb_check_pool(struct zb_pool *pool, struct zb_violation *v)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		if (!zb_check_zone(zone, v))
			return false;
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The invariant checker on a zone in use: changes between two holds of the lock neither make
 * a sum wrong nor hide a fault, and each hold is short.
 */
#include "audit.h"
#include "unit_holds.h"
#include "unit_pool.h"

static struct unit_pool *busy_pool;
static unsigned int nr_holds, nr_changes;
static struct { unsigned long pfn; unsigned int order; } busy_held[512];
static unsigned int nr_busy_held;

static void change_something(struct unit_pool *p)
{
	static const zb_gfp_t gfp[] = { 0, __ZB_GFP_MOVABLE, __ZB_GFP_RECLAIMABLE };
	unsigned int i = unit_below(ARRAY_SIZE(busy_held)), order;
	struct zb_zone *zone = p->pool.zones;

	nr_changes++;
	if (unit_below(8) == 0) {
		i = unit_below(zb_zone_nr_pageblocks(zone));
		unit_set_type(zone, i, unit_below(ZB_MIGRATE_TYPES - 1));
	} else if (i >= nr_busy_held) {
		order = unit_below(unit_below(13) + 1);
		busy_held[nr_busy_held].order = order;
		busy_held[nr_busy_held].pfn = unit_alloc(p, gfp[unit_below(3)], order);
		nr_busy_held += busy_held[nr_busy_held].pfn != ZB_NO_PFN;
	} else {
		EXPECT_EQ(unit_free(p, busy_held[i].pfn, busy_held[i].order), ZB_OK);
		busy_held[i] = busy_held[--nr_busy_held];
	}
}

/* Other CPUs change the zone whenever the lock is not held. */
static void between_holds(void)
{
	unsigned int i;

	if (zb_env_irqs_off)
		return;
	nr_holds++;
	zb_env_hook = NULL;
	for (i = unit_below(4); i; i--)
		change_something(busy_pool);
	zb_env_hook = between_holds;
}

/* The sums are right although the zone changes all the time while it is checked. */
POOL_TEST_WITH(check_of_a_zone_at_work, unit_pool_one(64, 256), unit_pool_free)
{
	struct zb_violation v;
	unsigned int round;
	bool ok;

	busy_pool = p;
	for (round = 0; round < 30; round++) {
		nr_holds = 0;
		zb_env_hook = between_holds;
		ok = zb_check_zone(p->pool.zones, &v);
		zb_env_hook = NULL;
		if (!EXPECT(ok)) {
			unit_note("round %u: %s: found %lu, expected %lu", round,
				  v.rule, v.found, v.expected);
			break;
		}
		/* One for each pageblock, and one for each 32 headers. */
		EXPECT(nr_holds >= 256 + 256 / 32);
		unit_pool_quiet(p);
	}
	unit_note("%u changes in %u checks", nr_changes, round);
	EXPECT(nr_changes > 1000);
}

/* A wrong counter is found although the zone changes all the time. */
POOL_TEST_WITH(a_wrong_sum_of_a_zone_at_work, unit_pool_one(64, 256), unit_pool_free)
{
	struct zb_violation v;
	bool ok;

	busy_pool = p;
	p->pool.zones->free_area[3].nr_free_type[ZB_MIGRATE_MOVABLE]++;
	p->pool.zones->free_area[3].nr_free++;
	zb_env_hook = between_holds;
	ok = zb_check_zone(p->pool.zones, &v);
	zb_env_hook = NULL;
	EXPECT(!ok && !strcmp(v.rule, "nr_free_type of a free area matches its pageblocks"));
}

/* Each hold of the lock covers a few pageblocks, however large a block is, free or allocated. */
POOL_TEST(check_in_short_holds, 512, 512)
{
	unsigned long at = PB(512 + 300) + 5;
	struct zb_violation v;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		unit_holds_begin();
		EXPECT(zb_check_zone(zone, &v));
		unit_holds_end();
		unit_note("at most %lu accesses in one hold", unit_holds.longest);
		EXPECT(unit_holds.nr && unit_holds.longest < 3000);
		if (!i)
			ASSERT_EQ(unit_alloc(p, 0, 18), PB(512));
	}
	/* a fault inside of a large block is found as well */
	zb_zone_set_state(zone, at, ZB_STATE(ZB_BLOCK_MOVABLE, 0));
	EXPECT(!zb_check_zone(zone, &v) && !strcmp(v.rule, "blocks do not overlap"));
	EXPECT_EQ(v.pfn, at);
	zb_zone_set_state(zone, at, 0);
	unit_free_all(p);
}

/* Taking the lock for each pageblock would be slow: both passes over the lists drop it twice. */
POOL_TEST(check_in_few_holds, 65, 65)
{
	struct zb_violation v;

	unit_holds_begin();
	EXPECT(zb_check_lists(zone, &v));
	unit_holds_end();
	/* A hold begins and ends with a point at which the lock is not held. */
	EXPECT_EQ(unit_holds.outside, 2 * (1 + 2 * 2));
}

/* A free list without its head is found while others use the rest of the zone. */
POOL_TEST_WITH(a_lost_head_in_a_zone_at_work, unit_pool_one(64, 256), unit_pool_free)
{
	struct list_head *head, *first, *last;
	bool keep[ZB_PAGEBLOCK_NR] = { true };
	struct zb_violation v;
	unsigned int i;
	bool ok;

	/* several pageblocks, because the changes repair those whose type they set */
	for (i = 0; i < 16; i++) {
		unit_set_type(zone, i, ZB_MIGRATE_RECLAIMABLE);
		unit_fill_pageblock(zone, i, ZB_MIGRATE_RECLAIMABLE, keep);
	}
	head = &zone->free_area[8].free_list[ZB_MIGRATE_RECLAIMABLE];
	first = head->next;
	last = head->prev;
	ASSERT(first != last && first != head);
	first->prev = last;
	last->next = first;
	INIT_LIST_HEAD(head);
	busy_pool = p;
	zb_env_hook = between_holds;
	ok = zb_check_zone(zone, &v);
	zb_env_hook = NULL;
	EXPECT(!ok && !strcmp(v.rule, "a free list is in order of addition"));
}

/* Several checks of a zone at a time may end in any order. */
POOL_TEST(audits_end_in_any_order, 8, 8)
{
	static const unsigned int order[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct zb_audit audit[3];
	unsigned long flags;
	unsigned int i, k;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		for (k = 0; k < 3; k++) {
			memset(&audit[k], 0xa5, sizeof(audit[k]));
			__zb_audit_begin(zone, &audit[k]);
			EXPECT(zone->audits == &audit[k]);
			EXPECT_EQ(audit[k].end, 0);
			EXPECT_EQ(audit[k].nr_free[0], 0);
		}
		__zb_audit_end(zone, &audit[order[i][0]]);
		ASSERT(zone->audits && zone->audits->next);
		EXPECT(!zone->audits->next->next);
		EXPECT(zone->audits != &audit[order[i][0]]);
		EXPECT(zone->audits->next != &audit[order[i][0]]);
		__zb_audit_end(zone, &audit[order[i][1]]);
		EXPECT(zone->audits == &audit[order[i][2]] && !zone->audits->next);
		__zb_audit_end(zone, &audit[order[i][2]]);
		EXPECT(!zone->audits);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The invariant checker detects violations: each test case corrupts one thing in a valid
 * pool and expects the checker to report the corresponding rule. The pool:
 *
 *	pageblock 0, 1	free, one block of order 10
 *	pageblock 2	held as a block of order 9
 *	pageblock 3	free, a block of order 9
 *	pageblock 4	held at 0 (order 0), 8..15 (order 3); the rest is free
 *	pageblock 5	held, all of it, frame by frame
 *	pageblock 6	free
 *	per-CPU lists	two frames on one of CPU 0, one on one of CPU 1
 */
#include "unit_pool.h"

#define M	ZB_MIGRATE_MOVABLE

static struct unit_pool *make(void)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_NORMAL, 4, 7 }, { 0, ZB_ZONE_MOVABLE, 16, 1 },
		},
		.nr_zones = 2, .limit = 11, .cpus = 2,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_zone *zone = p->pool.zones;
	bool keep[ZB_PAGEBLOCK_NR] = { true };
	unsigned long i;

	/* allocate from the front; blocks in between are freed below */
	for (i = 0; i < 4; i++)
		ASSERT_EQ(unit_take_from(zone, i, 9), PB(4 + i));
	unit_fill_pageblock(zone, 4, M, keep);
	unit_fill_pageblock(zone, 5, M, NULL);
	ASSERT_EQ(unit_take_from(zone, 4, 3), PB(8) + 8);
	for (i = 32; i < 35; i++)
		unit_give(zone, PB(9) + i, 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(unit_take_from(zone, 5, 0), PB(9) + 32 + (i < 1 ? 2 : i - 1));
	for (i = 0; i < 3; i++) {
		zb_env_set_cpu(i / 2);
		unit_free_unref(zone, PB(9) + 32 + i, 0, false);
	}
	zb_env_set_cpu(0);
	unit_give(zone, PB(4), 9);
	unit_give(zone, PB(5), 9);
	unit_give(zone, PB(7), 9);
	return p;
}

static void set_state(struct zb_zone *z, unsigned long pfn, unsigned int block_state,
		      unsigned int order)
{
	zb_zone_set_state(z, pfn, ZB_STATE(block_state, order));
}

/* Each of these functions corrupts one thing. */
#define CORRUPT(name, statement)	static void name(struct zb_zone *z) { statement; }

CORRUPT(misaligned, set_state(z, PB(9) + 1, 2, 1))
CORRUPT(above_max, set_state(z, PB(8), 2, 12))
CORRUPT(past_end, set_state(z, PB(8), 2, 11))
CORRUPT(too_long, set_state(z, PB(9), 2, 1))
CORRUPT(too_long_into_free, set_state(z, PB(8), 2, 1))
CORRUPT(bad_too_long, zb_zone_set_state(z, PB(9), ZB_STATE_BAD(1)))
CORRUPT(bad_misaligned, zb_zone_set_state(z, PB(9) + 1, ZB_STATE_BAD(2)))
CORRUPT(comp_past_end, set_state(z, PB(8), ZB_BLOCK_COMP_UNMOVABLE, 11))
CORRUPT(too_short, set_state(z, PB(8) + 8, 2, 2))
CORRUPT(held_inside, set_state(z, PB(6) + 5, 2, 0))
CORRUPT(state_of_free, set_state(z, PB(4) + 77, 2, 0))
CORRUPT(no_state, set_state(z, PB(9), 0, 0))
CORRUPT(bit_of_held, z->pageblocks[2].free[3] = 16)
CORRUPT(bit_of_start, z->pageblocks[5].free[0] |= 1)
CORRUPT(bit_of_free, z->pageblocks[0].free[7] &= ~4ull)
CORRUPT(pb_nr_free, z->pageblocks[4].nr_free--)
CORRUPT(pb_nr, z->pageblocks[4].nr[4]++)
CORRUPT(pb_orders, z->pageblocks[4].orders ^= 8)
CORRUPT(pb_orders_off, z->pageblocks[4].orders ^= 1)
CORRUPT(whole_misaligned, z->pageblocks[3].largest_free = 10)
CORRUPT(whole_past_end, z->pageblocks[6].largest_free = 10)
CORRUPT(whole_above_max, z->pageblocks[0].largest_free = 12)

static void tail_type(struct zb_zone *z)
{
	z->pageblocks[1].migratetype = 2;
	z->types[1] = 2;
}

CORRUPT(tail_largest, z->pageblocks[1].largest_free = 9)

static void not_merged(struct zb_zone *z)
{
	z->pageblocks[0].largest_free = 9;
	z->pageblocks[1].largest_free = 9;
}

CORRUPT(no_head, z->pageblocks[3].largest_free = ZB_LIST_TAIL)
CORRUPT(no_head_in_zone, z->pageblocks[6].largest_free = ZB_LIST_TAIL)
CORRUPT(type, z->pageblocks[4].migratetype = 6)
CORRUPT(types_entry, z->types[4] = 2)
CORRUPT(part_largest, z->pageblocks[4].largest_free = 7)
CORRUPT(full_largest, z->pageblocks[5].largest_free = 0)
CORRUPT(whole_largest, z->pageblocks[3].largest_free = 8)
CORRUPT(whole_none, z->pageblocks[3].largest_free = ZB_LIST_NONE)
CORRUPT(link_outside, z->pageblocks[4].link.next = &z->pageblocks[1ul << 30].link)
CORRUPT(list_prev, z->free_area[8].free_list[M].prev = &z->pageblocks[3].link)
CORRUPT(empty_list_prev, z->free_area[3].free_list[2].prev = &z->pageblocks[3].link)
CORRUPT(linked_heads, z->free_area[3].free_list[2].next = &z->free_area[4].free_list[2];
	z->free_area[4].free_list[2].prev = &z->free_area[3].free_list[2])
CORRUPT(empty_list_next, z->free_area[18].free_list[0].next = &z->pageblocks[3].link)

static void list_loop(struct zb_zone *z)
{
	struct list_head *a = &z->pageblocks[4].link;

	/* a loop that does not include the list head, with consistent links */
	a->next = a;
	a->prev = a;
}

static void other_list(struct zb_zone *z)
{
	list_del(&z->pageblocks[4].link);
	list_add(&z->pageblocks[4].link, &z->free_area[7].free_list[M]);
}

static void other_type_list(struct zb_zone *z)
{
	list_del(&z->pageblocks[4].link);
	list_add(&z->pageblocks[4].link, &z->free_area[8].free_list[0]);
}

static void ring_without_head(struct zb_zone *z)
{
	list_del(&z->pageblocks[4].link);
	INIT_LIST_HEAD(&z->pageblocks[4].link);
}

CORRUPT(off_list, list_del(&z->pageblocks[4].link))
CORRUPT(nr_by_type, z->free_area[4].nr_free_type[M]++)
CORRUPT(nr_by_type_0, z->free_area[0].nr_free_type[M]++)
CORRUPT(nr_sum, z->free_area[4].nr_free--)
CORRUPT(zone_nr_free, z->nr_free++)
CORRUPT(zone_nr_blocks, z->nr_blocks[3]++)

static void zone_nr_free_type(struct zb_zone *z)
{
	z->nr_free_type[M]--;
	z->nr_free_type[0]++;
}

CORRUPT(zone_nr_free_pcptypes, z->nr_free_pcptypes--)

/* The index of the per-CPU list for single frames of a mobility. */
static unsigned int listed(unsigned int mt)
{
	return zb_pcp_start[zb_pcp_list(0, mt)];
}

CORRUPT(pcp_twice, z->pcp->frame[listed(M) + 1] = z->pcp->frame[listed(M)])
CORRUPT(pcp_two_cpus, z->pcp[1].frame[listed(M)] = z->pcp->frame[listed(M)])
CORRUPT(pcp_too_long, z->pcp->top[zb_pcp_list(0, M)] = listed(M) + ZB_PCP_CAPACITY(0) + 1)
CORRUPT(pcp_outside, z->pcp->frame[listed(M)] = PB(7))
CORRUPT(pcp_allocated, z->pcp->frame[listed(M)] = PB(5))

static void pcp_order(struct zb_zone *z)
{
	unsigned int list = zb_pcp_list(1, M);
	unsigned int nr = zb_pcp_nr(z->pcp, zb_pcp_list(0, M));

	memcpy(z->pcp->frame + zb_pcp_start[list], z->pcp->frame + listed(M),
	       nr * sizeof(*z->pcp->frame));
	z->pcp->top[list] += nr;
	z->pcp->top[zb_pcp_list(0, M)] -= nr;
}

CORRUPT(pcp_state, set_state(z, PB(9) + 32, 2, 0))
CORRUPT(pcp_nr_pages, z->pcp->nr_pages++)

static void pcp_lost(struct zb_zone *z)
{
	z->pcp->top[zb_pcp_list(0, M)]--;
	z->pcp->nr_pages--;
}

CORRUPT(pcp_mark, set_state(z, PB(9), ZB_BLOCK_PCP, 0))

static void unfit_not_counted(struct zb_zone *z)
{
	zb_zone_set_state(z, PB(9), ZB_STATE_UNFIT);
	z->first_unfit = PB(9);
	z->last_unfit = PB(9);
}

CORRUPT(unfit_too_many, z->nr_unfit++)

static void unfit_before(struct zb_zone *z)
{
	unfit_not_counted(z);
	z->nr_unfit++;
	z->first_unfit++;
	z->last_unfit++;
}

static void unfit_after(struct zb_zone *z)
{
	unfit_not_counted(z);
	z->nr_unfit++;
	z->first_unfit--;
	z->last_unfit--;
}

CORRUPT(list_cpu_not_counted, z->nr_list_cpus--)
CORRUPT(offline_too_many, z->nr_offline++)
CORRUPT(offline_not_isolated, zb_zone_set_state(z, PB(6), ZB_STATE_OFFLINE))

/* Two frames of pageblock 5 are freed, but not merged. */
static void make_stale(struct zb_zone *z)
{
	unit_give_deferred(z, PB(9) + 100, 0);
	unit_give_deferred(z, PB(9) + 200, 0);
}

static void set_stale(struct zb_zone *z, unsigned long pb)
{
	z->stale[0] |= 1ull << pb;
	z->nr_stale++;
}

CORRUPT(stale_used, set_stale(z, 5))
CORRUPT(stale_whole, set_stale(z, 0))
CORRUPT(stale_largest, make_stale(z); z->pageblocks[5].largest_free = 1)
CORRUPT(stale_nr_runs, make_stale(z); z->pageblocks[5].nr[0]++)
CORRUPT(zone_nr_stale, z->nr_stale++)

/* Frames can be known to be zero in 7 pageblocks; the zone has no such frames. */
static struct zb_zeroed *make_zeroed(struct zb_zone *z)
{
	static u64 memory[128];

	memset(memory, 0, sizeof(memory));
	EXPECT(zb_zeroed_size(z->nr_pages) <= sizeof(memory));
	zb_zone_set_zeroed(z, (struct zb_zeroed *)memory);
	return z->zeroed;
}

CORRUPT(zero_of_held, make_zeroed(z)->bits[2 * ZB_PAGEBLOCK_WORDS] = 4)
CORRUPT(zero_not_counted, make_zeroed(z)->bits[7] = 5)

/* What is corrupted, and all that the checker says about it. */
static const struct {
	const char *rule;
	void (*corrupt)(struct zb_zone *zone);
	const char *what;
	unsigned long pfn;
	unsigned long found;
	unsigned long expected;
} cases[] = {
#define CASE(rule, corrupt, pfn, found, expected) \
	{ rule, corrupt, #corrupt, pfn, found, expected }
	CASE("a block is aligned to its order", misaligned, PB(9) + 1, 1, 0),
	CASE("a block is aligned to its order", above_max, PB(8), 12, 12),
	CASE("a block ends inside its zone", past_end, PB(8), PB(12), PB(11)),
	CASE("blocks do not overlap", too_long, PB(9) + 1, ZB_STATE(2, 0), 0),
	CASE("blocks do not overlap", held_inside, PB(6) + 5, ZB_STATE(2, 0), 0),
	CASE("blocks do not overlap", bad_too_long, PB(9) + 1, ZB_STATE(2, 0), 0),
	CASE("a block is aligned to its order", bad_misaligned, PB(9) + 1, 2, 0),
	CASE("a block ends inside its zone", comp_past_end, PB(8), PB(12), PB(11)),
	CASE("a frame of a used block is not free", too_long_into_free, PB(8) + 1, 1, 0),
	CASE("a frame of a used block is not free", bit_of_held, PB(6) + 196, 1, 0),
	CASE("the state byte of a free frame is 0", state_of_free, PB(4) + 77, ZB_STATE(2, 0), 0),
	CASE("the state byte of a free frame is 0", bit_of_start, PB(9), ZB_STATE(2, 0), 0),
	CASE("a frame is free or part of a used block", no_state, PB(9), 0, 1),
	CASE("a frame is free or part of a used block", bit_of_free, PB(4) + 450, 0, 1),
	CASE("a frame is free or part of a used block", too_short, PB(8) + 12, 0, 1),
	CASE("nr_free of a pageblock matches its bitmap", pb_nr_free, PB(8), 502, 503),
	CASE("nr[] of a pageblock matches its bitmap", pb_nr, PB(8), 2, 1),
	CASE("orders of a pageblock matches its nr[]", pb_orders, PB(8), 0x1ff, 8),
	CASE("orders of a pageblock matches its nr[]", pb_orders_off, PB(8), 0x1f6, 1),
	CASE("a free block is aligned and inside its zone", whole_misaligned, PB(7), 10, 11),
	CASE("a free block is aligned and inside its zone", whole_past_end, PB(10), 10, 11),
	CASE("a free block is aligned and inside its zone", whole_above_max, PB(4), 12, 11),
	CASE("a tail pageblock is free and has its head's type", tail_type,
	     PB(5), ZB_LIST_TAIL, ZB_LIST_TAIL),
	CASE("a tail pageblock is free and has its head's type", tail_largest,
	     PB(5), 9, ZB_LIST_TAIL),
	CASE("free buddies are merged", not_merged, PB(4), 9, 10),
	CASE("a tail pageblock has a head", no_head, PB(7), 0, 1),
	CASE("a tail pageblock has a head", no_head_in_zone, PB(10), 0, 1),
	CASE("a migrate type is valid", type, PB(8), 6, M),
	CASE("types[] matches the type of the pageblock", types_entry, PB(8), 2, M),
	CASE("largest_free matches the bitmap", part_largest, PB(8), 7, 8),
	CASE("largest_free matches the bitmap", full_largest, PB(9), 0, ZB_LIST_NONE),
	CASE("a free pageblock is a head or a tail", whole_largest, PB(7), 8, 9),
	CASE("a free pageblock is a head or a tail", whole_none, PB(7), ZB_LIST_NONE, 9),
	CASE("a pageblock is on the list of its largest_free and type", link_outside, PB(8), 8, M),
	CASE("list links are intact", list_prev, PB(8), 8, M),
	CASE("list links are intact", empty_list_prev, 0, 3, 2),
	CASE("list links are intact", empty_list_next, 0, 18, 0),
	CASE("list links are intact", linked_heads, 0, 3, 2),
	CASE("a free list is in order of addition", list_loop, PB(8), 2, 2),
	CASE("a pageblock is on the list of its largest_free and type", other_list, PB(8), 8, M),
	CASE("a pageblock is on the list of its largest_free and type", other_type_list,
	     PB(8), 8, M),
	CASE("a pageblock is on the list of its largest_free and type", off_list, PB(8), 8, M),
	CASE("a free list is in order of addition", ring_without_head, PB(8), 2, 2),
	CASE("a stale pageblock is in part free", stale_used, PB(9), 0, 1),
	CASE("a stale pageblock is in part free", stale_whole, PB(4), 512, 1),
	CASE("largest_free of a stale pageblock matches its bitmap", stale_largest, PB(9), 1, 0),
	CASE("nr_stale of a zone matches its stale bits", zone_nr_stale, 0, 1, 0),
	CASE("nr_free_type of a free area matches its pageblocks", stale_nr_runs, 0, 1, 2),
	CASE("nr_free_type of a free area matches its pageblocks", nr_by_type, 0, 2, 1),
	CASE("nr_free_type of a free area matches its pageblocks", nr_by_type_0, 0, 2, 1),
	CASE("nr_free of a free area is the sum of nr_free_type", nr_sum, 0, 0, 1),
	CASE("nr_free of a zone matches its pageblocks", zone_nr_free, 0, PB(5) - 8, PB(5) - 9),
	CASE("nr_free_pcptypes of a zone matches its pageblocks", zone_nr_free_pcptypes,
	     0, PB(5) - 10, PB(5) - 9),
	CASE("nr_blocks of a zone matches its pageblocks", zone_nr_blocks, 0, 1, 0),
	CASE("nr_free_type of a zone matches its pageblocks", zone_nr_free_type, 0, 1, 0),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_twice, 0, 3, 3),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_two_cpus, 0, 3, 3),
	CASE("a per-CPU list does not exceed its capacity", pcp_too_long, 0, 257, 256),
	CASE("a listed block is in state PCP and of the list's order", pcp_outside,
	     PB(11), PB(11), 0),
	CASE("a listed block is in state PCP and of the list's order", pcp_allocated,
	     PB(9), PB(9), 0),
	CASE("a listed block is in state PCP and of the list's order", pcp_order,
	     PB(9) + 32, PB(9) + 32, 1),
	CASE("a listed block is in state PCP and of the list's order", pcp_state,
	     PB(9) + 32, PB(9) + 32, 0),
	CASE("nr_pages of a CPU matches its lists", pcp_nr_pages, 0, 3, 2),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_lost, 0, 2, 3),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_mark, 0, 3, 4),
	CASE("nr_list_cpus is the number of CPUs that use their lists", list_cpu_not_counted,
	     0, 1, 2),
	CASE("nr_unfit of a zone matches its state bytes", unfit_not_counted, 0, 0, 1),
	CASE("nr_unfit of a zone matches its state bytes", unfit_too_many, 0, 1, 0),
	CASE("nr_offline of a zone matches its state bytes", offline_too_many, 0, 1, 0),
	CASE("an offline pageblock is isolated", offline_not_isolated, PB(6), M,
	     ZB_MIGRATE_ISOLATE),
	CASE("unfit frames are within first_unfit..last_unfit", unfit_before,
	     PB(9), PB(9) + 1, PB(9) + 1),
	CASE("unfit frames are within first_unfit..last_unfit", unfit_after,
	     PB(9), PB(9) - 1, PB(9) - 1),
	CASE("a frame that is known to be zero is free", zero_of_held, PB(6), 4, 0),
	CASE("nr_block of a pageblock matches its zero bits", zero_not_counted, PB(4), 0, 2),
};

TEST(every_rule_can_fire)
{
	struct zb_violation v;
	struct unit_pool *p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = make();
		ASSERT(unit_pool_quiet(p));
		cases[i].corrupt(p->pool.zones);
		memset(&v, 0, sizeof(v));
		if (!EXPECT(!zb_check_quiet(&p->pool, &v)) ||
		    !EXPECT(!strcmp(v.rule, cases[i].rule)) ||
		    !EXPECT(v.zone == p->pool.zones) ||
		    !EXPECT_EQ(v.pfn, cases[i].pfn) ||
		    !EXPECT_EQ(v.found, cases[i].found) ||
		    !EXPECT_EQ(v.expected, cases[i].expected))
			unit_note("%s: %s", cases[i].what, v.rule ?: "no violation found");
		unit_pool_free(p);
	}
}

/* A block above the zone's max_order is reported, even if it is aligned and fits. */
TEST(a_block_above_max_order)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, 8, 8 } }, .nr_zones = 1, .limit = 9,
	};
	struct unit_pool *p = unit_pool_make(&g);
	struct zb_violation v;

	p->pool.zones->pageblocks[0].largest_free = 10;
	EXPECT(!zb_check_quiet(&p->pool, &v));
	EXPECT(!strcmp(v.rule, "a free block is aligned and inside its zone"));
	EXPECT_EQ(v.pfn, PB(8));
	EXPECT_EQ(v.found, 10);
	EXPECT_EQ(v.expected, 9);
	unit_pool_free(p);
}

/* While other CPUs are active, the checker does not look at per-CPU lists. */
TEST(per_cpu_lists_are_not_checked_while_in_use)
{
	struct zb_violation v;
	struct unit_pool *p;
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strncmp(cases[i].what, "pcp_", 4))
			continue;
		nr++;
		p = make();
		cases[i].corrupt(p->pool.zones);
		EXPECT(zb_check_pool(&p->pool, &v));
		EXPECT(!zb_check_quiet(&p->pool, &v));
		unit_pool_free(p);
	}
	EXPECT(nr >= 9);
}

/* Returns the number of rules in a source file of the checker. */
static unsigned int rules_in(const char *name)
{
	FILE *source = fopen(name, "r");
	char line[256], *start, *end;
	unsigned int i, nr = 0;
	bool is_call = false;

	if (!source)
		return 0;
	while (fgets(line, sizeof(line), source)) {
		is_call |= !!strstr(line, "not_met(v, ");
		start = strchr(line, '"');
		if (!is_call || !start)
			continue;
		is_call = false;
		end = strchr(++start, '"');
		if (end)
			*end = 0;
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			if (!strcmp(cases[i].rule, start))
				break;
		nr++;
		if (!EXPECT(i < ARRAY_SIZE(cases)))
			unit_note("no test case for: %s", start);
	}
	fclose(source);
	return nr;
}

/* Every rule in the source of the checker has a test case. */
TEST(every_rule_has_a_case)
{
	EXPECT(rules_in(UNIT_CORE "/check.c") >= 25);
	EXPECT(rules_in(UNIT_CORE "/check_quiet.c") >= 6);
}

/* A damaged block that was taken out of use is no violation. */
POOL_TEST_WITH(bad_blocks_are_no_violation, make(), unit_pool_free)
{
	zb_zone_set_state(p->pool.zones, PB(6), ZB_STATE_BAD(9));
	zb_zone_set_state(p->pool.zones, PB(8), ZB_STATE_BAD(0));
	unit_pool_quiet(p);
}

/* The checker accepts a valid pool and does not change it. */
POOL_TEST_WITH(valid_pool_is_accepted_and_unchanged, make(), unit_pool_end)
{
	struct unit_state *s = unit_state_save(p);

	unit_pool_quiet(p);
	unit_state_equal(p, s);
	unit_state_free(s);
	unit_free_all(p);
}

static void link_to(struct list_head *a, struct list_head *b)
{
	a->next = b;
	b->prev = a;
}

/* The second halves of two lists are exchanged, so each pageblock has one wrong neighbour. */
POOL_TEST_WITH(exchanged_halves_of_lists, unit_pool_one(8, 4), unit_pool_free)
{
	struct zb_pageblock *pb = zone->pageblocks;
	bool keep[ZB_PAGEBLOCK_NR] = { true };
	struct zb_violation v;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		unit_fill_pageblock(zone, i, M, keep);
		unit_set_type(zone, i, i % 2 ? ZB_MIGRATE_UNMOVABLE : M);
	}
	EXPECT(unit_pool_quiet(p));
	link_to(&pb[2].link, &pb[1].link);
	link_to(&pb[3].link, &pb[0].link);
	EXPECT(!zb_check_quiet(&p->pool, &v));
	EXPECT(!strcmp(v.rule, "a pageblock is on the list of its largest_free and type"));
	EXPECT_EQ(v.pfn, PB(8));
}

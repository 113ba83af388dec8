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

static void set_state(struct zb_zone *z, unsigned long pfn, unsigned int hold,
		      unsigned int order)
{
	zb_zone_set_state(z, pfn, ZB_STATE(hold, order));
}

/* Each of these functions corrupts one thing. */
static void misaligned(struct zb_zone *z)
{
	set_state(z, PB(9) + 1, 2, 1);
}

static void above_max(struct zb_zone *z)
{
	set_state(z, PB(8), 2, 12);
}

static void past_end(struct zb_zone *z)
{
	set_state(z, PB(8), 2, 11);
}

static void too_long(struct zb_zone *z)
{
	set_state(z, PB(9), 2, 1);
}

static void too_long_into_free(struct zb_zone *z)
{
	set_state(z, PB(8), 2, 1);
}

static void bad_too_long(struct zb_zone *z)
{
	zb_zone_set_state(z, PB(9), ZB_STATE_BAD(1));
}

static void bad_misaligned(struct zb_zone *z)
{
	zb_zone_set_state(z, PB(9) + 1, ZB_STATE_BAD(2));
}

static void comp_past_end(struct zb_zone *z)
{
	set_state(z, PB(8), ZB_BLOCK_COMP_UNMOVABLE, 11);
}

static void too_short(struct zb_zone *z)
{
	set_state(z, PB(8) + 8, 2, 2);
}

static void held_inside(struct zb_zone *z)
{
	set_state(z, PB(6) + 5, 2, 0);
}

static void state_of_free(struct zb_zone *z)
{
	set_state(z, PB(4) + 77, 2, 0);
}

static void no_state(struct zb_zone *z)
{
	set_state(z, PB(9), 0, 0);
}

static void bit_of_held(struct zb_zone *z)
{
	z->pageblocks[2].free[3] = 16;
}

static void bit_of_start(struct zb_zone *z)
{
	z->pageblocks[5].free[0] |= 1;
}

static void bit_of_free(struct zb_zone *z)
{
	z->pageblocks[0].free[7] &= ~4ull;
}

static void pb_nr_free(struct zb_zone *z)
{
	z->pageblocks[4].nr_free--;
}

static void pb_nr(struct zb_zone *z)
{
	z->pageblocks[4].nr[4]++;
}

static void pb_orders(struct zb_zone *z)
{
	z->pageblocks[4].orders ^= 8;
}

static void pb_orders_off(struct zb_zone *z)
{
	z->pageblocks[4].orders ^= 1;
}

static void whole_misaligned(struct zb_zone *z)
{
	z->pageblocks[3].largest_free = 10;
}

static void whole_past_end(struct zb_zone *z)
{
	z->pageblocks[6].largest_free = 10;
}

static void whole_above_max(struct zb_zone *z)
{
	z->pageblocks[0].largest_free = 12;
}

static void tail_type(struct zb_zone *z)
{
	z->pageblocks[1].migratetype = 2;
	z->types[1] = 2;
}

static void tail_key(struct zb_zone *z)
{
	z->pageblocks[1].largest_free = 9;
}

static void not_merged(struct zb_zone *z)
{
	z->pageblocks[0].largest_free = 9;
	z->pageblocks[1].largest_free = 9;
}

static void no_head(struct zb_zone *z)
{
	z->pageblocks[3].largest_free = ZB_LIST_TAIL;
}

static void no_head_in_zone(struct zb_zone *z)
{
	z->pageblocks[6].largest_free = ZB_LIST_TAIL;
}

static void type(struct zb_zone *z)
{
	z->pageblocks[4].migratetype = 6;
}

static void type_known_to_others(struct zb_zone *z)
{
	z->types[4] = 2;
}

static void part_key(struct zb_zone *z)
{
	z->pageblocks[4].largest_free = 7;
}

static void full_key(struct zb_zone *z)
{
	z->pageblocks[5].largest_free = 0;
}

static void whole_key(struct zb_zone *z)
{
	z->pageblocks[3].largest_free = 8;
}

static void whole_none(struct zb_zone *z)
{
	z->pageblocks[3].largest_free = ZB_LIST_NONE;
}

static void list_prev(struct zb_zone *z)
{
	z->free_area[8].free_list[M].prev = &z->pageblocks[3].link;
}

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

static void off_list(struct zb_zone *z)
{
	list_del(&z->pageblocks[4].link);
}

static void nr_by_type(struct zb_zone *z)
{
	z->free_area[4].nr_free_type[M]++;
}

static void nr_sum(struct zb_zone *z)
{
	z->free_area[4].nr_free--;
}

static void zone_nr_free(struct zb_zone *z)
{
	z->nr_free++;
}

static void zone_nr_blocks(struct zb_zone *z)
{
	z->nr_blocks[3]++;
}

static void zone_nr_free_type(struct zb_zone *z)
{
	z->nr_free_type[M]--;
	z->nr_free_type[0]++;
}

static void zone_nr_free_pcptypes(struct zb_zone *z)
{
	z->nr_free_pcptypes--;
}

/* The index of the per-CPU list for single frames of a mobility. */
static unsigned int listed(unsigned int mt)
{
	return zb_pcp_start[zb_pcp_list(0, mt)];
}

static void pcp_twice(struct zb_zone *z)
{
	z->pcp->frame[listed(M) + 1] = z->pcp->frame[listed(M)];
}

static void pcp_two_cpus(struct zb_zone *z)
{
	z->pcp[1].frame[listed(M)] = z->pcp->frame[listed(M)];
}

static void pcp_too_long(struct zb_zone *z)
{
	z->pcp->top[zb_pcp_list(0, M)] = listed(M) + ZB_PCP_CAPACITY(0) + 1;
}

static void pcp_outside(struct zb_zone *z)
{
	z->pcp->frame[listed(M)] = PB(7);
}

static void pcp_allocated(struct zb_zone *z)
{
	z->pcp->frame[listed(M)] = PB(5);
}

static void pcp_order(struct zb_zone *z)
{
	unsigned int list = zb_pcp_list(1, M);
	unsigned int nr = zb_pcp_nr(z->pcp, zb_pcp_list(0, M));

	memcpy(z->pcp->frame + zb_pcp_start[list], z->pcp->frame + listed(M),
	       nr * sizeof(*z->pcp->frame));
	z->pcp->top[list] += nr;
	z->pcp->top[zb_pcp_list(0, M)] -= nr;
}

static void pcp_state(struct zb_zone *z)
{
	set_state(z, PB(9) + 32, 2, 0);
}

static void pcp_nr_pages(struct zb_zone *z)
{
	z->pcp->nr_pages++;
}

static void pcp_lost(struct zb_zone *z)
{
	z->pcp->top[zb_pcp_list(0, M)]--;
	z->pcp->nr_pages--;
}

static void pcp_mark(struct zb_zone *z)
{
	set_state(z, PB(9), ZB_BLOCK_PCP, 0);
}

static void unfit_not_counted(struct zb_zone *z)
{
	zb_zone_set_state(z, PB(9), ZB_STATE_UNFIT);
	z->first_unfit = PB(9);
	z->last_unfit = PB(9);
}

static void unfit_too_many(struct zb_zone *z)
{
	z->nr_unfit++;
}

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

static const struct {
	const char *rule;
	void (*corrupt)(struct zb_zone *zone);
	const char *what;
} cases[] = {
#define CASE(rule, corrupt) { rule, corrupt, #corrupt }
	CASE("a block is aligned to its order", misaligned),
	CASE("a block is aligned to its order", above_max),
	CASE("a block ends inside its zone", past_end),
	CASE("blocks do not overlap", too_long),
	CASE("blocks do not overlap", held_inside),
	CASE("blocks do not overlap", bad_too_long),
	CASE("a block is aligned to its order", bad_misaligned),
	CASE("a block ends inside its zone", comp_past_end),
	CASE("a frame of a used block is not free", too_long_into_free),
	CASE("a frame of a used block is not free", bit_of_held),
	CASE("the state byte of a free frame is 0", state_of_free),
	CASE("the state byte of a free frame is 0", bit_of_start),
	CASE("a frame is free or part of a used block", no_state),
	CASE("a frame is free or part of a used block", bit_of_free),
	CASE("a frame is free or part of a used block", too_short),
	CASE("nr_free of a pageblock matches its bitmap", pb_nr_free),
	CASE("nr[] of a pageblock matches its bitmap", pb_nr),
	CASE("orders of a pageblock matches its nr[]", pb_orders),
	CASE("orders of a pageblock matches its nr[]", pb_orders_off),
	CASE("a free block is aligned and inside its zone", whole_misaligned),
	CASE("a free block is aligned and inside its zone", whole_past_end),
	CASE("a free block is aligned and inside its zone", whole_above_max),
	CASE("a tail pageblock is free and has its head's type", tail_type),
	CASE("a tail pageblock is free and has its head's type", tail_key),
	CASE("free buddies are merged", not_merged),
	CASE("a tail pageblock has a head", no_head),
	CASE("a tail pageblock has a head", no_head_in_zone),
	CASE("a migrate type is valid", type),
	CASE("types[] matches the type of the pageblock", type_known_to_others),
	CASE("largest_free matches the bitmap", part_key),
	CASE("largest_free matches the bitmap", full_key),
	CASE("a free pageblock is a head or a tail", whole_key),
	CASE("a free pageblock is a head or a tail", whole_none),
	CASE("list links are intact", list_prev),
	CASE("a free list is in order of addition", list_loop),
	CASE("a pageblock is on the list of its largest_free and type", other_list),
	CASE("a pageblock is on the list of its largest_free and type", other_type_list),
	CASE("a pageblock is on the list of its largest_free and type", off_list),
	CASE("a free list is in order of addition", ring_without_head),
	CASE("nr_free_type of a free area matches its pageblocks", nr_by_type),
	CASE("nr_free of a free area is the sum of nr_free_type", nr_sum),
	CASE("nr_free of a zone matches its pageblocks", zone_nr_free),
	CASE("nr_free_pcptypes of a zone matches its pageblocks", zone_nr_free_pcptypes),
	CASE("nr_blocks of a zone matches its pageblocks", zone_nr_blocks),
	CASE("nr_free_type of a zone matches its pageblocks", zone_nr_free_type),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_twice),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_two_cpus),
	CASE("a per-CPU list does not exceed its capacity", pcp_too_long),
	CASE("a listed block is in state PCP and of the list's order", pcp_outside),
	CASE("a listed block is in state PCP and of the list's order", pcp_allocated),
	CASE("a listed block is in state PCP and of the list's order", pcp_order),
	CASE("a listed block is in state PCP and of the list's order", pcp_state),
	CASE("nr_pages of a CPU matches its lists", pcp_nr_pages),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_lost),
	CASE("a block in state PCP is on exactly one per-CPU list", pcp_mark),
	CASE("nr_unfit of a zone matches its state bytes", unfit_not_counted),
	CASE("nr_unfit of a zone matches its state bytes", unfit_too_many),
	CASE("unfit frames are within first_unfit..last_unfit", unfit_before),
	CASE("unfit frames are within first_unfit..last_unfit", unfit_after),
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
		    !EXPECT(v.zone == p->pool.zones))
			unit_note("%s: %s", cases[i].what, v.rule ?: "no violation found");
		unit_pool_free(p);
	}
}

/* While other CPUs are active, the checker does not look at per-CPU lists. */
TEST(per_cpu_lists_are_not_checked_while_in_use)
{
	struct zb_violation v;
	struct unit_pool *p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strncmp(cases[i].what, "pcp_", 4))
			continue;
		p = make();
		cases[i].corrupt(p->pool.zones);
		EXPECT(zb_check_pool(&p->pool, &v));
		EXPECT(!zb_check_quiet(&p->pool, &v));
		unit_pool_free(p);
	}
}

/* Every rule in the source of the checker has a test case. */
TEST(every_rule_has_a_case)
{
	FILE *source = fopen(UNIT_CORE "/check.c", "r");
	char line[256], *start, *end;
	unsigned int i, nr = 0;
	bool is_call = false;

	ASSERT(source);
	while (fgets(line, sizeof(line), source)) {
		is_call |= !!strstr(line, "not_met(v, ");
		start = strchr(line, '"');
		if (!is_call || !start)
			continue;
		is_call = false;
		end = strchr(++start, '"');
		ASSERT(end);
		*end = 0;
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			if (!strcmp(cases[i].rule, start))
				break;
		nr++;
		if (!EXPECT(i < ARRAY_SIZE(cases)))
			unit_note("no test case for: %s", start);
	}
	fclose(source);
	EXPECT(nr >= 20);
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

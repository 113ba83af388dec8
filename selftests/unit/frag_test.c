// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragmentation caused by allocating and freeing small blocks, as in the "frag" benchmark
 * of LLFree (USENIX ATC'23): fill to 90 %, shuffle, free half, and then free and allocate
 * a random 10 % in each of 100 rounds.
 *
 *	R		completely free pageblocks / (free frames / 512), 1 is perfect
 *	pollution	pageblocks with unmovable frames / smallest possible number
 */
#include "unit_pool.h"

#define NR_PAGEBLOCKS	512ul
#define NR_FRAMES	PB(NR_PAGEBLOCKS)
#define ROUNDS		100

struct block {
	unsigned long pfn;
	unsigned int order;
};

struct churn {
	struct unit_pool *p;
	unsigned int max_order;		/* orders of blocks are random, up to this one */
	bool mixed;			/* mobility 70/20/10, or all movable */
	struct block *blocks;
	unsigned long nr;
};

static void get(struct churn *c)
{
	unsigned int dice = c->mixed ? unit_below(100) : 0;
	unsigned int order = unit_below(c->max_order + 1);
	struct block *b = &c->blocks[c->nr];
	zb_gfp_t gfp = ZB_GFP_KERNEL;

	if (dice < 70)
		gfp |= __ZB_GFP_MOVABLE;
	else if (dice >= 90)
		gfp |= __ZB_GFP_RECLAIMABLE;
	zb_env_set_cpu(unit_below(zb_env_nr_cpus));
	b->order = order;
	b->pfn = unit_alloc(c->p, gfp, order);
	ASSERT(b->pfn != ZB_NO_PFN);
	c->nr++;
}

/* Free the last @nr blocks of the list, which has been shuffled. */
static void put(struct churn *c, unsigned long nr)
{
	struct block *b;

	while (nr--) {
		b = &c->blocks[--c->nr];
		zb_env_set_cpu(unit_below(zb_env_nr_cpus));
		ASSERT_EQ(zb_pool_free_pages(&c->p->pool, b->pfn, b->order),
			  ZB_OK);
	}
}

/* Move @nr random blocks to the end of the list. */
static void shuffle(struct churn *c, unsigned long nr)
{
	unsigned long i, k;
	struct block tmp;

	for (i = c->nr; nr--; i--) {
		k = unit_below(i);
		tmp = c->blocks[k];
		c->blocks[k] = c->blocks[i - 1];
		c->blocks[i - 1] = tmp;
	}
}

static double recoverable(const struct zb_zone *zone)
{
	unsigned long i, whole = 0;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		whole += zb_pageblock_all_free(&zone->pageblocks[i]);
	return whole / ((double)zone->nr_free / ZB_PAGEBLOCK_NR);
}

static double pollution(const struct zb_zone *zone)
{
	unsigned long i, pfn, in_block, nr = 0, polluted = 0, fewest;
	u8 state;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		pfn = zone->start_pfn + PB(i);
		for (in_block = 0; pfn < zone->start_pfn + PB(i + 1); pfn++) {
			state = zb_zone_state(zone, pfn);
			if (ZB_STATE_BLOCK(state) == ZB_BLOCK_UNMOVABLE)
				in_block += BIT(ZB_STATE_ORDER(state));
		}
		nr += in_block;
		polluted += in_block != 0;
	}
	fewest = (nr + ZB_PAGEBLOCK_NR - 1) / ZB_PAGEBLOCK_NR;
	return nr ? polluted / (double)fewest : 1;
}

static void churn(struct churn *c)
{
	unsigned long nr, round;

	while (unit_pool_nr_free(c->p) > NR_FRAMES / 10)
		get(c);
	shuffle(c, c->nr);
	put(c, c->nr / 2);
	for (round = 0; round < ROUNDS; round++) {
		nr = c->nr / 10;
		shuffle(c, nr);
		put(c, nr);
		while (nr--)
			get(c);
	}
}

/* Length of the per-CPU lists. */
enum lists {
	BY_DEFAULT,
	LONG,			/* full capacity, and batches of half of that */
	TWICE,			/* twice the default */
	NONE,			/* no per-CPU lists */
};

static const char *const lists_names[] = {
	[BY_DEFAULT] = "default lists", [LONG] = "long lists",
	[TWICE] = "lists of twice the length", [NONE] = "no lists",
};

/* Parameters of a run, and limits for its results. */
struct setting {
	unsigned int cpus;
	unsigned int max_order;
	bool mixed;
	enum lists lists;
	double min_recoverable;
	double max_pollution;
};

static void set_lists(struct unit_pool *p, const struct setting *s)
{
	struct zb_zone *zone = p->pool.zones;
	unsigned int cpu;

	if (s->lists == LONG)
		unit_pool_long_lists(p);
	if (s->lists == TWICE)
		zb_pcp_setup(zone, s->cpus,
			     zone->nr_pages / (2ul * zone->pcp_high * s->cpus));
	for (cpu = 0; cpu < s->cpus; cpu++)
		zone->pcp[cpu].parked = s->lists == NONE ? ZB_PCP_OFFLINE : ZB_PCP_OPEN;
}

static void expect_figures(const struct setting *s, const struct zb_zone *zone)
{
	double r = recoverable(zone), polluted = pollution(zone);

	unit_note("R %.3f, pollution %.3f, %lu claims, %lu borrows (%u CPUs, orders 0..%u%s, %s)",
		  r, polluted, zone->events[ZB_CLAIM], zone->events[ZB_STEAL],
		  s->cpus, s->max_order, s->mixed ? ", mobility 70/20/10" : "",
		  lists_names[s->lists]);
	EXPECT(r >= s->min_recoverable);
	EXPECT(polluted <= s->max_pollution);
}

static void frag(const struct setting *s)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, NR_PAGEBLOCKS, NR_PAGEBLOCKS } },
		.nr_zones = 1, .cpus = s->cpus,
	};
	struct churn c = { .max_order = s->max_order, .mixed = s->mixed };

	unit_srandom(unit_seed);
	c.p = unit_pool_make(&g);
	c.blocks = calloc(NR_FRAMES, sizeof(*c.blocks));
	ASSERT(c.blocks);
	set_lists(c.p, s);
	churn(&c);
	unit_pool_drain(c.p);
	expect_figures(s, c.p->pool.zones);
	unit_pool_quiet(c.p);
	put(&c, c.nr);
	free(c.blocks);
	unit_pool_drain(c.p);
	unit_pool_end(c.p);
}

static void frag_all(const struct setting *s, unsigned int nr)
{
	while (nr--)
		frag(s++);
}

TEST(single_frames)
{
	static const struct setting s[] = {
		{ 1, 0, false, BY_DEFAULT, 0.97, 1 },
		{ 4, 0, false, BY_DEFAULT, 0.97, 1 },
	};

	frag_all(s, ARRAY_SIZE(s));
}

TEST(mixed_orders)
{
	static const struct setting s[] = {
		{ 1, 4, false, BY_DEFAULT, 0.96, 1 },
		{ 4, 4, false, BY_DEFAULT, 0.94, 1 },
		{ 1, 4, false, NONE, 0.96, 1 },
	};

	frag_all(s, ARRAY_SIZE(s));
}

TEST(mixed_mobility)
{
	static const struct setting s[] = {
		{ 1, 0, true, BY_DEFAULT, 0.97, 1.07 },
		{ 4, 0, true, BY_DEFAULT, 0.96, 1.09 },
		{ 1, 0, true, NONE, 0.97, 1.07 },
	};

	frag_all(s, ARRAY_SIZE(s));
}

/*
 * After half of everything was freed at random, R is 0.18 and pollution 1.98; the
 * benchmark measures how fast the allocator improves that. Here a round is so small that
 * per-CPU lists hold much of it: frames circulate in the lists and never reach the zone,
 * which prefers the fullest pageblock. The limits for long lists are measured values, for
 * comparison.
 */
TEST(mixed_orders_and_mobility)
{
	static const struct setting s[] = {
		{ 1, 4, true, BY_DEFAULT, 0.95, 1.07 },
		{ 4, 4, true, BY_DEFAULT, 0.93, 1.07 },
		{ 1, 4, true, NONE, 0.96, 1.05 },
		{ 1, 4, true, TWICE, 0.95, 1.07 },
		{ 4, 4, true, TWICE, 0.78, 1.09 },
		{ 1, 4, true, LONG, 0.64, 1.85 },
		{ 4, 4, true, LONG, 0.25, 2.0 },
	};

	frag_all(s, ARRAY_SIZE(s));
}

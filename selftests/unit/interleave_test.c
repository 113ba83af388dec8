// SPDX-License-Identifier: GPL-2.0-only
/*
 * Systematic tests of concurrency: other operations run at every possible point.
 *
 *	main       |----o----o----o--------|     an operation with its points
 *	                     |
 *	nested               |--o--o---|         another operation at one of them
 *	                        |
 *	second                  |------|         and one in the middle of that
 *
 * The real code of the core runs. Points are all marked accesses, barriers, pins and locks
 * (zb_env.h) and, if the machine supports single-stepping, all instructions. Possible
 * events at a point:
 *
 *  - an interrupt, unless interrupts are disabled
 *  - another task, including the one that drains the lists, or migration to another CPU
 *    for the rest of the operation, unless the task is pinned
 *  - an operation on another CPU: any if no lock is held, otherwise the fast path only
 *  - a drain of these lists by another CPU, alone, after an isolation, or because the zone
 *    has become low, which leaves the lists empty: the lists are parked at one point; the
 *    grace period ends where the task is not pinned next, and there they are drained
 *
 * A schedule is one selection of events. In each, every frame has one owner at any time, so
 * none is allocated twice; and at the end all frames are free, so none is lost.
 */
#include "fast.h"
#include "isolate.h"
#include "unit_pool.h"
#include "unit_step.h"

#define NR_PAGEBLOCKS	4u
#define MAX_HELD	1024u
#define MAX_POINTS	200000u
#define MAX_EVENTS	2u

enum op {
	ALLOC_FAST, ALLOC_0, ALLOC_COLD, ALLOC_TYPE, ALLOC_3, ALLOC_9, ALLOC_EXACT,
	FREE_FAST, FREE_0, FREE_COLD, FREE_3, FREE_9, FREE_EXACT, DRAIN, NR_OPS,
	/* only as nested operations */
	DRAIN_OTHER = NR_OPS, ISOLATE, BECOME_LOW,
};

/* The frames of a block. An exact allocation has three pieces, and a tail of two blocks. */
static unsigned long length_of(enum op op)
{
	static const unsigned int lengths[NR_OPS] = {
		[ALLOC_3] = BIT(3), [ALLOC_9] = BIT(9), [ALLOC_EXACT] = 13,
		[FREE_3] = BIT(3), [FREE_9] = BIT(9), [FREE_EXACT] = 13,
	};

	return lengths[op] ?: 1;
}

enum kind { INTERRUPT, TASK, OTHER_CPU, MOVE };

/* A nested operation, and the point of the outer operation at which it runs. */
struct event {
	enum kind kind;
	enum op op;
	unsigned int level;
	unsigned long at;
};

/* The initial state: number of blocks on the list of order 0, and how full the zone is. */
struct start {
	unsigned int cached;
	bool nearly_full;
};

/* Either count the points, or run the planned events; at marked points or at instructions. */
struct mode {
	unsigned int nr_plan;
	bool counting, stepping;
};

static struct world {
	struct unit_pool *p;
	struct zb_zone *zone;
	bool owned[NR_PAGEBLOCKS * ZB_PAGEBLOCK_NR];
	struct { unsigned long pfn, nr; } held[MAX_HELD];
	unsigned long nr_owned, nr_held;
	/* the schedule, and the progress in it */
	struct event plan[MAX_EVENTS];
	unsigned int next, level;
	struct mode mode;
	unsigned long points[MAX_EVENTS + 1];
	unsigned long schedules;
	/* possible events at each point of the main operation without nested ones */
	u8 possible[MAX_POINTS];
	/* a drain by another CPU that waits for its grace period */
	enum op waiting;
	bool isolated, low;
} w;

static void at_point(void);

/* The hook is needed as long as an event may still happen at a point. */
static zb_env_hook_fn hook_needed(void)
{
	bool needed = w.mode.counting || w.waiting || w.next < w.mode.nr_plan;

	return needed && !w.mode.stepping ? at_point : NULL;
}

/* Points are counted between these two functions only. */
static void core_begins(void)
{
	zb_env_hook = hook_needed();
	if (w.mode.stepping && !w.level)
		unit_step_on();
}

static void core_ends(void)
{
	if (w.mode.stepping && !w.level)
		unit_step_off();
	zb_env_hook = NULL;
}

/* --- operations, and the owner of each frame ------------------------------------- */

static void own(unsigned long pfn, unsigned long nr)
{
	unsigned long i, at = pfn - w.zone->start_pfn;

	for (i = at; i < at + nr; i++) {
		ASSERT(!w.owned[i]);
		w.owned[i] = true;
	}
	w.nr_owned += nr;
	ASSERT(w.nr_held < MAX_HELD);
	w.held[w.nr_held].pfn = pfn;
	w.held[w.nr_held++].nr = nr;
}

/* Give up ownership of the newest block of that length. */
static unsigned long disown(unsigned long nr)
{
	unsigned int i = w.nr_held;
	unsigned long pfn;

	do {
		if (!i)
			return ZB_NO_PFN;
	} while (w.held[--i].nr != nr);
	pfn = w.held[i].pfn;
	w.held[i] = w.held[--w.nr_held];
	memset(w.owned + (pfn - w.zone->start_pfn), false, nr);
	w.nr_owned -= nr;
	return pfn;
}

static unsigned long take(enum op op)
{
	zb_gfp_t gfp = __ZB_GFP_MOVABLE | __ZB_GFP_NOWARN;
	unsigned long pfn = ZB_NO_PFN;

	gfp |= op == ALLOC_COLD ? __ZB_GFP_COLD : 0;
	if ((op == ALLOC_FAST || op == ALLOC_COLD) &&
	    (zb_fast_alloc(w.p->pool.nodes, gfp, 0, &pfn) || op == ALLOC_FAST))
		return pfn;
	if (op == ALLOC_TYPE)
		gfp &= ~__ZB_GFP_MOVABLE;
	pfn = op == ALLOC_3 ? zb_fast_alloc_empty(w.p->pool.nodes, gfp, 3) :
	      op == ALLOC_EXACT ? zb_fast_alloc_exact(w.p->pool.nodes, gfp, 13) : ZB_NO_PFN;
	return pfn != ZB_NO_PFN ? pfn : unit_alloc_exact(w.p, gfp, length_of(op));
}

static bool give(enum op op, unsigned long pfn)
{
	if (op == FREE_FAST)
		return zb_fast_free(&w.p->pool, pfn, 0) || zb_fast_free_full(&w.p->pool, pfn, 0);
	if (op == FREE_COLD)
		return zb_pool_free_pages_cold(&w.p->pool, pfn, 0) == ZB_OK;
	if (op == FREE_EXACT)
		return unit_free_exact(w.p, pfn, length_of(op)) == ZB_OK;
	return unit_free(w.p, pfn, zb_exact_order(length_of(op))) == ZB_OK;
}

static void run_op(enum op op)
{
	unsigned long pfn = ZB_NO_PFN;
	bool done;

	if (op >= FREE_FAST && op < DRAIN) {
		pfn = disown(length_of(op));
		if (pfn == ZB_NO_PFN)
			return;
		core_begins();
		done = give(op, pfn);
		core_ends();
		if (!done) {
			ASSERT_EQ(op, FREE_FAST);
			own(pfn, 1);
		}
		return;
	}
	core_begins();
	if (op == DRAIN)
		zb_pcp_drain_own(w.zone);
	else
		pfn = take(op);
	core_ends();
	if (pfn != ZB_NO_PFN)
		own(pfn, length_of(op));
}

/* --- events --------------------------------------------------------------------------- */

/* The possible kinds of events at this point, as bits of enum kind. */
static u8 possible_kinds(void)
{
	u8 possible = BIT(OTHER_CPU);

	if (zb_env_irqs_off)
		return possible;
	possible |= BIT(INTERRUPT);
	return zb_env_pinned ? possible : possible | BIT(TASK) | BIT(MOVE);
}

static bool allowed(u8 possible, const struct event *e)
{
	/* isolation takes the zone lock; parking lists does not */
	return possible >> e->kind & 1 &&
	       (e->kind != OTHER_CPU || possible & BIT(INTERRUPT) ||
		e->op == ALLOC_FAST || e->op == FREE_FAST || e->op == DRAIN_OTHER);
}

/* The first half of a drain by another CPU, at any point. */
static void begin_remote_drain(enum op op)
{
	unsigned int cpu;

	zb_env_hook = NULL;
	if (op == ISOLATE)
		ASSERT(zb_pool_isolate_range(&w.p->pool, w.zone->start_pfn, PB(1)));
	if (op == BECOME_LOW)
		unit_set_low(w.zone, true);
	for (cpu = 0; cpu < 2; cpu++)
		ASSERT(zb_pcp_park(w.zone, cpu, ZB_PCP_DRAINED));
	w.waiting = op;
	zb_env_hook = hook_needed();
}

/* The second half, after the grace period. */
static void end_remote_drain(void)
{
	unsigned int cpu;

	zb_env_hook = NULL;
	for (cpu = 0; cpu < 2; cpu++) {
		zb_pcp_drain(w.zone, cpu);
		if (w.waiting == DRAIN_OTHER)
			zb_end_lists(w.zone, cpu);
		zb_pcp_unpark(w.zone, cpu, ZB_PCP_DRAINED);
	}
	w.isolated = w.waiting == ISOLATE;
	w.low = w.waiting == BECOME_LOW;
	w.waiting = 0;
	ASSERT(!w.isolated || !unit_isolated_listed(w.zone));
	if (w.low)
		ASSERT_EQ(zb_zone_nr_cached(w.zone), 0);
	zb_env_hook = hook_needed();
}

static void run_event(const struct event *e)
{
	unsigned int cpu = zb_env_cpu, pinned = zb_env_pinned, off = zb_env_irqs_off;

	if (e->op >= NR_OPS) {
		begin_remote_drain(e->op);
		return;
	}
	if (e->kind == MOVE) {
		zb_env_set_cpu(!cpu);
		return;
	}
	if (e->kind == OTHER_CPU) {
		zb_env_set_cpu(!cpu);
		/* nested operations must not take a lock that is held here */
		zb_env_pinned = off;
	} else if (e->kind == INTERRUPT) {
		zb_env_pinned++;
	}
	zb_env_hook = NULL;
	w.level++;
	w.points[w.level] = 0;
	run_op(e->op);
	w.level--;
	zb_env_set_cpu(cpu);
	zb_env_pinned = pinned;
	zb_env_irqs_off = off;
	zb_env_hook = hook_needed();
}

static void at_point(void)
{
	const struct event *e = &w.plan[w.next];
	unsigned long n = w.points[w.level]++;

	if (w.waiting && !w.level && !zb_env_pinned && !zb_env_irqs_off)
		end_remote_drain();
	if (w.mode.counting) {
		ASSERT(n < MAX_POINTS);
		w.possible[n] = possible_kinds();
	} else if (w.next < w.mode.nr_plan && e->level == w.level && e->at == n &&
		   allowed(possible_kinds(), e)) {
		w.next++;
		run_event(e);
	}
}

/* --- schedules ---------------------------------------------------------------------- */

/* Allocate a block of each length to be freed, and fill the lists of the first CPU. */
static void begin(const struct start *s)
{
	static const enum op stock[] = {
		ALLOC_9, ALLOC_3, ALLOC_3, ALLOC_0, ALLOC_0, ALLOC_0, ALLOC_EXACT,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stock); i++)
		run_op(stock[i]);
	if (s->nearly_full) {
		for (i = 0; i < NR_PAGEBLOCKS; i++)
			run_op(ALLOC_9);
		for (i = 0; i < ZB_PAGEBLOCK_NR / 8; i++)
			run_op(ALLOC_3);
		unit_pool_drain(w.p);
		for (i = 0; i < 8; i++)
			run_op(ALLOC_0);
		unit_pool_drain(w.p);
	}
	zb_env_set_cpu(1);
	for (i = 0; i < 2; i++)
		run_op(ALLOC_0);
	run_op(FREE_0);
	zb_env_set_cpu(0);
	for (i = 0; i < s->cached; i++)
		run_op(ALLOC_0);
	for (i = 0; i < s->cached; i++)
		run_op(FREE_0);
}

static void end(void)
{
	zb_env_set_cpu(0);
	ASSERT_EQ(zb_env_pinned, 0);
	ASSERT_EQ(zb_env_irqs_off, 0);
	ASSERT_EQ(w.nr_owned + unit_pool_nr_free(w.p), w.zone->nr_pages);
	while (w.nr_held) {
		unsigned long nr = w.held[w.nr_held - 1].nr;

		ASSERT_EQ(unit_free_exact(w.p, disown(nr), nr), ZB_OK);
	}
	unit_pool_drain(w.p);
	ASSERT(unit_state_equal(w.p, w.p->initial));
}

/* Returns true if all events of the schedule happened. */
static bool run(const struct start *s, enum op op)
{
	const struct mode mode = w.mode, quiet = { .nr_plan = 0 };

	w.next = 0;
	w.mode = quiet;
	begin(s);
	w.mode = mode;
	w.level = 0;
	memset(w.points, 0, sizeof(w.points));
	run_op(op);
	w.mode = quiet;
	if (w.waiting)
		end_remote_drain();
	if (w.isolated) {
		ASSERT(!unit_isolated_listed(w.zone));
		zb_pool_unisolate_range(&w.p->pool, w.zone->start_pfn, PB(1));
		w.isolated = false;
	}
	if (w.low) {
		ASSERT_EQ(zb_zone_nr_cached(w.zone), 0);
		unit_set_low(w.zone, false);
		w.low = false;
	}
	/* check all invariants in some of the schedules */
	if (w.schedules++ % 8 == 0)
		ASSERT(unit_pool_quiet(w.p));
	end();
	w.mode = mode;
	return w.next == mode.nr_plan;
}

/* Count the points of an operation and the possible events at each. */
static unsigned long count_points(const struct start *s, enum op op)
{
	w.mode.counting = true;
	w.mode.nr_plan = 0;
	run(s, op);
	w.mode.counting = false;
	EXPECT(w.points[0]);
	return w.points[0];
}

static const struct event events[] = {
	{ INTERRUPT, ALLOC_FAST, 0, 0 }, { INTERRUPT, ALLOC_0, 0, 0 },
	{ INTERRUPT, ALLOC_COLD, 0, 0 }, { INTERRUPT, ALLOC_TYPE, 0, 0 },
	{ INTERRUPT, ALLOC_3, 0, 0 }, { INTERRUPT, ALLOC_9, 0, 0 },
	{ INTERRUPT, FREE_FAST, 0, 0 }, { INTERRUPT, FREE_0, 0, 0 },
	{ INTERRUPT, FREE_COLD, 0, 0 }, { INTERRUPT, FREE_3, 0, 0 }, { INTERRUPT, FREE_9, 0, 0 },
	{ INTERRUPT, ALLOC_EXACT, 0, 0 }, { INTERRUPT, FREE_EXACT, 0, 0 },
	{ INTERRUPT, DRAIN, 0, 0 }, { TASK, DRAIN, 0, 0 }, { TASK, ALLOC_0, 0, 0 },
	{ TASK, FREE_0, 0, 0 }, { MOVE, DRAIN, 0, 0 }, { OTHER_CPU, ALLOC_FAST, 0, 0 },
	{ OTHER_CPU, FREE_FAST, 0, 0 }, { OTHER_CPU, ALLOC_0, 0, 0 }, { OTHER_CPU, FREE_0, 0, 0 },
	{ OTHER_CPU, ALLOC_TYPE, 0, 0 }, { OTHER_CPU, DRAIN, 0, 0 },
	{ OTHER_CPU, DRAIN_OTHER, 0, 0 }, { OTHER_CPU, ISOLATE, 0, 0 },
	{ OTHER_CPU, BECOME_LOW, 0, 0 }, { OTHER_CPU, FREE_EXACT, 0, 0 },
};

/* Run one event at every @stride'th point of an operation, from a random point on. */
static void each_point(const struct start *s, enum op op, const struct event *e,
		       unsigned long points, unsigned long stride)
{
	w.plan[0] = *e;
	w.mode.nr_plan = 1;
	for (w.plan[0].at = unit_below(stride); w.plan[0].at < points; w.plan[0].at += stride)
		if (allowed(w.possible[w.plan[0].at], e))
			ASSERT(run(s, op));
}

/* Add a second event: nested in the first one, or later in the main operation. */
static void each_second_point(const struct start *s, enum op op,
			      const struct event *e, unsigned int level)
{
	w.plan[1] = *e;
	w.plan[1].level = level;
	w.mode.nr_plan = 2;
	w.plan[1].at = level ? 0 : w.plan[0].at + 1;
	for (;; w.plan[1].at++) {
		run(s, op);
		if (w.points[level] <= w.plan[1].at)
			return;
	}
}

static void make_world(bool long_lists)
{
	struct unit_geometry g = {
		.zones = { { 0, ZB_ZONE_NORMAL, NR_PAGEBLOCKS, NR_PAGEBLOCKS } },
		.nr_zones = 1, .cpus = 2,
	};

	memset(&w, 0, sizeof(w));
	w.p = unit_pool_make(&g);
	w.zone = w.p->pool.zones;
	if (long_lists)
		unit_pool_long_lists(w.p);
}

/* The capacity of a list of order 0. */
static unsigned int list_length(void)
{
	unsigned int i, most = 0, nr = 2 * ZB_PCP_CAPACITY(0);

	for (i = 0; i < nr; i++)
		run_op(ALLOC_0);
	for (i = 0; i < nr; i++) {
		run_op(FREE_0);
		if (zb_pcp_nr_pages(w.zone, 0) > most)
			most = zb_pcp_nr_pages(w.zone, 0);
	}
	end();
	return most;
}

static void end_world(void)
{
	unit_note("%lu schedules", w.schedules);
	EXPECT(w.schedules > 100);
	unit_pool_end(w.p);
}

static void one_event_at_every_point(bool long_lists)
{
	struct start starts[5] = { { .cached = 1 }, { .nearly_full = true } };
	unsigned int i, k, op;
	unsigned long points;

	make_world(long_lists);
	starts[2].cached = list_length();
	starts[3].cached = starts[2].cached / 2;
	for (i = 0; i < ARRAY_SIZE(starts); i++)
		for (op = 0; op < NR_OPS; op++) {
			points = count_points(&starts[i], op);
			for (k = 0; k < ARRAY_SIZE(events); k++)
				each_point(&starts[i], op, &events[k], points, 1);
		}
	end_world();
}

TEST(one_event_at_every_point_of_short_lists)
{
	one_event_at_every_point(false);
}

TEST(one_event_at_every_point_of_long_lists)
{
	one_event_at_every_point(true);
}

/* A selection of operations: fast path, refills and drains. */
static void two_events(unsigned int level)
{
	static const enum op mains[] = { ALLOC_FAST, ALLOC_0, FREE_FAST, FREE_0, DRAIN };
	static const struct event first[] = {
		{ INTERRUPT, ALLOC_0, 0, 0 }, { INTERRUPT, FREE_0, 0, 0 },
		{ TASK, DRAIN, 0, 0 }, { TASK, FREE_0, 0, 0 },
		{ OTHER_CPU, ALLOC_0, 0, 0 }, { MOVE, DRAIN, 0, 0 },
		{ OTHER_CPU, DRAIN_OTHER, 0, 0 }, { OTHER_CPU, ISOLATE, 0, 0 },
		{ OTHER_CPU, BECOME_LOW, 0, 0 },
	};
	static const struct event second[] = {
		{ INTERRUPT, ALLOC_0, 0, 0 }, { INTERRUPT, FREE_FAST, 0, 0 },
		{ TASK, DRAIN, 0, 0 },
	};
	struct start s = { .nearly_full = false };
	unsigned long points;
	unsigned int i, k, m;

	make_world(false);
	for (m = 0; m < ARRAY_SIZE(mains); m++) {
		/* a single block on the list, or a full list */
		s.cached = mains[m] == FREE_0 ? list_length() : 1;
		points = count_points(&s, mains[m]);
		for (i = 0; i < ARRAY_SIZE(first); i++) {
			if (level && (first[i].kind == MOVE || first[i].op >= NR_OPS))
				continue;
			w.plan[0] = first[i];
			for (w.plan[0].at = 0; w.plan[0].at < points; w.plan[0].at++)
				for (k = 0; allowed(w.possible[w.plan[0].at], &first[i]) &&
				     k < ARRAY_SIZE(second); k++)
					each_second_point(&s, mains[m], &second[k], level);
		}
	}
	end_world();
}

TEST(an_event_at_every_point_of_another)
{
	two_events(1);
}

TEST(two_events_at_all_pairs_of_points)
{
	two_events(0);
}

/* Single-stepping ends after the event. */
static bool step_point(void)
{
	at_point();
	return w.next < w.mode.nr_plan || w.mode.counting;
}

/* Reaching instruction n takes n steps, so only some points of long operations are used. */
static void step_through(const enum op *ops, unsigned int nr,
			 unsigned long max_steps)
{
	static const struct event irqs[] = {
		{ INTERRUPT, ALLOC_FAST, 0, 0 }, { INTERRUPT, FREE_FAST, 0, 0 },
		{ INTERRUPT, ALLOC_0, 0, 0 }, { TASK, DRAIN, 0, 0 },
	};
	static const struct start s = { .cached = 1 };
	unsigned long points, stride;
	unsigned int i, k;

	if (!unit_step_start(step_point))
		unit_skip("no single-stepping");
	make_world(false);
	for (i = 0; i < nr; i++) {
		w.mode.stepping = true;
		points = count_points(&s, ops[i]);
		stride = 1 + points * points / 2 / max_steps;
		for (k = 0; k < ARRAY_SIZE(irqs); k++)
			each_point(&s, ops[i], &irqs[k], points, stride);
		unit_note("%lu instructions, events at every %lu of them", points, stride);
		w.mode.stepping = false;
	}
	end_world();
}

TEST(an_interrupt_at_every_instruction_of_the_fast_path)
{
	step_through((const enum op[]){ ALLOC_FAST, FREE_FAST }, 2, 200000);
}

TEST(an_interrupt_at_many_instructions_of_the_freelist_path)
{
	step_through((const enum op[]){ ALLOC_0, FREE_0, DRAIN }, 3, 30000);
}

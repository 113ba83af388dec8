// SPDX-License-Identifier: GPL-2.0-only
/*
 * Simple allocators that differ in where they place a block. They have no lists of free
 * blocks, no per-CPU lists and no watermarks.
 */
#include <stdlib.h>
#include <string.h>

#include "zb_env.h"
#include "trace.h"

#define MAX_BLOCKS	4096u

struct block {
	uint64_t free[HUGE_NR / 64];
	uint32_t used;		/* number of the event of the latest allocation */
	uint32_t last;		/* number of the event after which the pageblock will be free */
	unsigned int nr_free;
	unsigned int kind;
};

static struct block blocks[MAX_BLOCKS];
static unsigned int nr_blocks;
static unsigned int (*kind_of)(const struct request *request);

/* Which of the pageblocks of the same kind, in use and with room, is chosen. */
enum choice {
	FULLEST,
	FIRST,
	EMPTIEST,
	YOUNGEST,	/* the one with the latest allocation */
	BY_DEATH,	/* see cost_of_lifetimes() */
};

static enum choice choice;

static void reset(unsigned long nr_frames)
{
	unsigned int i;

	nr_blocks = nr_frames / HUGE_NR;
	for (i = 0; i < nr_blocks; i++) {
		memset(&blocks[i], 0, sizeof(blocks[i]));
		memset(blocks[i].free, 0xff, sizeof(blocks[i].free));
		blocks[i].nr_free = HUGE_NR;
	}
}

static bool is_free(unsigned long frame)
{
	return blocks[frame / HUGE_NR].free[frame % HUGE_NR / 64] >> (frame % 64) & 1;
}

/* The starts of the aligned free runs in a word. */
static uint64_t runs_in(uint64_t word, unsigned int order)
{
	static const uint64_t aligned[] = {
		~0ull, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
		0x0001000100010001, 0x0000000100000001, 1
	};
	unsigned int k;

	for (k = 0; k < order; k++)
		word &= word >> (1u << k);
	return word & aligned[order];
}

/* The first aligned free run, in a word that is partly used if possible. */
static unsigned int find_run(const struct block *b, unsigned int order)
{
	unsigned int i, k, words = order > 6 ? 1u << (order - 6) : 1, best = HUGE_NR;
	uint64_t runs;

	for (i = 0; i < HUGE_NR / 64; i += words) {
		runs = runs_in(b->free[i], order > 6 ? 6 : order);
		for (k = 1; k < words; k++)
			runs &= runs_in(b->free[i + k], 6);
		if (!runs)
			continue;
		if (best == HUGE_NR || ~b->free[i])
			best = i * 64 + __builtin_ctzll(runs);
		if (~b->free[i])
			break;
	}
	return best;
}

/*
 * The cost for an allocator that knows when blocks will be freed. If the block lives longer than
 * everything else in the pageblock, this is the time by which it delays the moment when the
 * pageblock is wholly free. Otherwise it is the time from the death of the block to that moment,
 * which costs less in a fuller pageblock. The weights are the best of several that were tried.
 */
static uint64_t cost_of_lifetimes(const struct block *b, const struct request *request)
{
	uint32_t last = b->nr_free == HUGE_NR ? request->now : b->last;

	if (request->death > last)
		return (request->death - last) * (HUGE_NR / 4);
	return (uint64_t)(last - request->death) * b->nr_free;
}

/* Smaller is better; the first of equal pageblocks is taken. */
static uint64_t cost_of(const struct block *b, const struct request *request)
{
	if (choice == BY_DEATH)
		return cost_of_lifetimes(b, request);
	if (b->nr_free == HUGE_NR)
		return 1ull << 62;
	if (b->kind != kind_of(request))
		return 1ull << 63 | b->nr_free;
	switch (choice) {
	case FULLEST:
		return b->nr_free;
	case EMPTIEST:
		return HUGE_NR - b->nr_free;
	case YOUNGEST:
		return UINT32_MAX - b->used;
	default:
		return 0;
	}
}

static unsigned long take(const struct request *request)
{
	unsigned int i, k, run, best_run = 0;
	uint64_t cost, least = UINT64_MAX;
	struct block *b = NULL;

	for (i = 0; i < nr_blocks; i++) {
		if (blocks[i].nr_free < 1u << request->order)
			continue;
		cost = cost_of(&blocks[i], request);
		if (cost >= least)
			continue;
		run = find_run(&blocks[i], request->order);
		if (run == HUGE_NR)
			continue;
		least = cost;
		b = &blocks[i];
		best_run = run;
	}
	if (!b)
		return NO_FRAME;
	if (b->nr_free == HUGE_NR) {
		b->last = 0;
		b->kind = kind_of(request);
	}
	if (request->death > b->last)
		b->last = request->death;
	b->used = request->now;
	b->nr_free -= 1u << request->order;
	for (k = best_run; k < best_run + (1u << request->order); k++)
		b->free[k / 64] &= ~(1ull << (k % 64));
	return (b - blocks) * HUGE_NR + best_run;
}

static void give(unsigned long frame, unsigned int order, unsigned int cpu)
{
	struct block *b = &blocks[frame / HUGE_NR];
	unsigned int k;

	(void)cpu;
	if (order & 0x80)
		return;
	b->nr_free += 1u << order;
	for (k = 0; k < 1u << order; k++)
		b->free[(frame + k) % HUGE_NR / 64] |= 1ull << ((frame + k) % 64);
}

static unsigned int by_mobility(const struct request *request)
{
	return request->mobility;
}

static unsigned int by_flags(const struct request *request)
{
	return request->class;
}

static unsigned int by_zeroed(const struct request *request)
{
	return request->mobility + 3 * request->zeroed;
}

static unsigned int by_cpu(const struct request *request)
{
	return request->mobility + 3 * request->cpu;
}

static unsigned int all_the_same(const struct request *request)
{
	(void)request;
	return 0;
}

/**
 * place_all() - replay the trace with all of these allocators
 * @nr_frames: number of frames
 * @how: what to print
 */
void place_all(unsigned long nr_frames, enum output how)
{
	static const struct {
		const char *name;
		unsigned int (*kind_of)(const struct request *request);
		enum choice choice;
	} rows[] = {
		{ "oracle", all_the_same, BY_DEATH },
		{ "fullest", by_mobility, FULLEST },
		{ "first_fit", by_mobility, FIRST },
		{ "emptiest", by_mobility, EMPTIEST },
		{ "youngest", by_mobility, YOUNGEST },
		{ "by_zeroed", by_zeroed, FULLEST },
		{ "by_cpu", by_cpu, FULLEST },
		{ "by_flags", by_flags, FULLEST },
		{ "all_together", all_the_same, FULLEST },
	};
	struct allocator a = { .take = take, .give = give, .is_free = is_free };
	unsigned int i;

	if (nr_frames / HUGE_NR > MAX_BLOCKS)
		return;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		reset(nr_frames);
		kind_of = rows[i].kind_of;
		choice = rows[i].choice;
		a.name = rows[i].name;
		trace_play(&a, nr_frames, how);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares pageblocks with a model that has one bool per frame and computes everything by
 * looking at all frames.
 */
#include "bulk.h"
#include "unit.h"

#define NR	ZB_PAGEBLOCK_NR
#define TOP	ZB_PAGEBLOCK_ORDER

static bool model_run(const bool *is_free, unsigned int frame, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < BIT(order); i++)
		if (!is_free[frame + i])
			return false;
	return true;
}

/* The order of the maximal free block that begins at @frame, or -1. */
static int model_maximal(const bool *is_free, unsigned int frame)
{
	unsigned int order = 0;

	if (!is_free[frame])
		return -1;
	while (order < TOP &&
	       model_run(is_free, frame & ~(BIT(order + 1) - 1), order + 1))
		order++;
	return frame % BIT(order) ? -1 : (int)order;
}

/* The expected state of a pageblock according to the model. */
struct expected {
	unsigned int nr[TOP + 1];
	unsigned int first[TOP + 1];
	unsigned int nr_free;
};

static void model_count(const bool *is_free, unsigned int end,
			struct expected *e)
{
	unsigned int frame;
	int order;

	memset(e, 0, sizeof(*e));
	for (frame = 0; frame < end; frame++) {
		e->nr_free += is_free[frame];
		order = model_maximal(is_free, frame);
		if (order >= 0 && !e->nr[order]++)
			e->first[order] = frame;
	}
}

static bool same_as_model(const struct zb_pageblock *pb, const bool *is_free,
			  unsigned int end)
{
	unsigned int k, order, run_order, largest = ZB_LIST_NONE;
	struct expected e;
	bool ok = true;

	model_count(is_free, end, &e);
	for (k = 0; k < end; k++)
		ok = ok && EXPECT_EQ(zb_pageblock_test(pb, k), is_free[k]);
	ok = ok && EXPECT_EQ(pb->nr_free, e.nr_free);
	ok = ok && EXPECT_EQ(zb_pageblock_all_free(pb), e.nr_free == NR);
	for (k = 0; k <= TOP; k++) {
		if (e.nr[k])
			largest = k;
		if (k == TOP)
			break;
		ok = ok && EXPECT_EQ(pb->nr[k], e.nr[k]);
		ok = ok && EXPECT_EQ(pb->orders >> k & 1, !!e.nr[k]);
	}
	ok = ok && EXPECT_EQ(zb_pageblock_largest(pb), largest);
	for (order = 0; ok && order < TOP && order <= largest; order++) {
		if (largest == ZB_LIST_NONE)
			break;
		for (k = order; !e.nr[k]; k++)
			;
		ok = EXPECT_EQ(zb_pageblock_find(pb, order, &run_order),
			       e.first[k]) && EXPECT_EQ(run_order, k);
	}
	return ok;
}

static void model_set(bool *is_free, unsigned int frame, unsigned int order,
		      bool value)
{
	memset(is_free + frame, value, BIT(order));
}

/* A zone that consists of @pb alone; it is on no list, unless it is wholly free. */
static struct zb_zone *zone_of(struct zb_pageblock *pb)
{
	static u8 state[NR + 1 + 1];
	static struct zb_zone zone;
	static u64 stale;

	memset(&zone, 0, sizeof(zone));
	zb_lock_init(&zone.lock);
	zb_free_area_init(zone.free_area);
	zone.nr_pages = NR;
	zone.max_order = TOP;
	zone.pageblocks = pb;
	zone.state = state;
	zone.types = state + NR + 1;
	stale = 0;
	zone.stale = &stale;
	pb->migratetype = 0;
	pb->largest_free = ZB_LIST_NONE;
	if (!zb_pageblock_all_free(pb))
		return &zone;
	zb_free_area_add(zone.free_area, pb, TOP);
	zb_free_area_count(zone.free_area, TOP, 0, 1);
	return &zone;
}

/* The zone has counted and listed what has changed in @pb. */
static void expect_counted(const struct zb_zone *zone,
			   const struct zb_pageblock *pb,
			   const struct zb_pageblock *before)
{
	unsigned int k;

	for (k = 0; k < TOP; k++)
		EXPECT_EQ(zone->free_area[k].nr_free,
			  (unsigned long)pb->nr[k] - before->nr[k]);
	EXPECT_EQ(zone->free_area[TOP].nr_free, zb_pageblock_all_free(pb));
	EXPECT_EQ(zone->nr_free, (unsigned long)pb->nr_free - before->nr_free);
	EXPECT_EQ(pb->largest_free, zb_pageblock_largest(pb));
}

/* Free a block; returns the order of the free block that it is part of now. */
static unsigned int give(struct zb_pageblock *pb, unsigned int frame,
			 unsigned int order)
{
	struct zb_zone *zone = zone_of(pb);
	struct zb_pageblock before = *pb;
	unsigned int k, merged = TOP;
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, frame, order);
	zb_unlock_irqrestore(&zone->lock, flags);
	expect_counted(zone, pb, &before);
	for (k = 0; k <= TOP; k++)
		if (zone->free_area[k].nr_free == 1)
			merged = k;
	return merged;
}

/* Take a block, which must be the one at @frame. */
static void take(struct zb_pageblock *pb, unsigned int frame, unsigned int order)
{
	struct zb_zone *zone = zone_of(pb);
	struct zb_pageblock before = *pb;
	unsigned long flags;

	if (!zb_pageblock_all_free(pb))
		zb_free_area_rekey(zone->free_area, pb);
	zb_lock_irqsave(&zone->lock, flags);
	EXPECT_EQ(__zb_rmqueue_from(zone, pb, order, ZB_BLOCK_PCP), frame);
	zb_unlock_irqrestore(&zone->lock, flags);
	expect_counted(zone, pb, &before);
	EXPECT_EQ(zone->state[frame], ZB_STATE(ZB_BLOCK_PCP, order));
}

static struct zb_pageblock new_pageblock(bool filled)
{
	struct zb_pageblock pb;

	memset(&pb, 0xa5, sizeof(pb));
	if (filled)
		zb_pageblock_fill(&pb);
	else
		zb_pageblock_empty(&pb);
	return pb;
}

TEST(fits_in_cache_lines)
{
	EXPECT_EQ(sizeof(struct zb_pageblock) % 64, 0);
	EXPECT_EQ(sizeof(((struct zb_pageblock *)0)->free), 64);
	EXPECT_EQ(ZB_PAGEBLOCK_NR, 512);
}

TEST(full_and_empty)
{
	struct zb_pageblock full = new_pageblock(true);
	struct zb_pageblock empty = new_pageblock(false);
	bool is_free[NR];

	memset(is_free, true, NR);
	EXPECT(same_as_model(&full, is_free, NR));
	EXPECT_EQ(zb_pageblock_largest(&full), TOP);
	memset(is_free, false, NR);
	EXPECT(same_as_model(&empty, is_free, NR));
	EXPECT_EQ(zb_pageblock_largest(&empty), ZB_LIST_NONE);
}

/*
 * All 65536 combinations of 16 free frames, in each of the words in turn. A Gray code
 * enumerates them with a single take or give per step.
 */
TEST(every_pattern_of_sixteen_frames)
{
	unsigned int base, bit, i, merged, run_order;
	struct zb_pageblock pb;
	bool is_free[NR];

	for (base = 0; base < NR; base += 176) {
		pb = new_pageblock(false);
		memset(is_free, false, NR);
		for (i = 1; i < 1u << 16; i++) {
			bit = base + __ffs64(i);
			if (!is_free[bit]) {
				is_free[bit] = true;
				merged = give(&pb, bit, 0);
				ASSERT(model_run(is_free, bit & ~(BIT(merged) - 1),
						 merged));
			} else if (zb_pageblock_find(&pb, 0, &run_order) == bit) {
				take(&pb, bit, 0);
				is_free[bit] = false;
			} else {
				/* frames inside a block can't be taken: build a new pageblock */
				is_free[bit] = false;
				pb = new_pageblock(false);
				for (merged = base; merged < base + 16; merged++)
					if (is_free[merged])
						give(&pb, merged, 0);
			}
			if (i % 4 == 0 || base == 0)
				ASSERT(same_as_model(&pb, is_free, base + 16));
		}
	}
}

/* The same for whole words, to test blocks that span words. */
TEST(every_pattern_of_words)
{
	unsigned int pattern, word, k;
	struct zb_pageblock pb;
	bool is_free[NR];

	for (pattern = 0; pattern < 1u << ZB_PAGEBLOCK_WORDS; pattern++) {
		pb = new_pageblock(false);
		memset(is_free, false, NR);
		/* from both ends, so that buddies merge in either order */
		for (k = 0; k < ZB_PAGEBLOCK_WORDS; k++) {
			word = k % 2 ? ZB_PAGEBLOCK_WORDS - 1 - k / 2 : k / 2;
			if (!(pattern >> word & 1))
				continue;
			give(&pb, 64 * word, ZB_WORD_ORDER);
			model_set(is_free, 64 * word, ZB_WORD_ORDER, true);
		}
		ASSERT(same_as_model(&pb, is_free, NR));
	}
}

/* Give each block to an empty pageblock, and take it again. */
TEST(every_order_at_every_frame)
{
	unsigned int order, frame, run_order;
	struct zb_pageblock pb;
	bool is_free[NR];

	for (order = 0; order < TOP; order++)
		for (frame = 0; frame < NR; frame += BIT(order)) {
			pb = new_pageblock(false);
			memset(is_free, false, NR);
			model_set(is_free, frame, order, true);
			ASSERT_EQ(give(&pb, frame, order), order);
			ASSERT(same_as_model(&pb, is_free, NR));
			ASSERT_EQ(zb_pageblock_find(&pb, order, &run_order), frame);
			ASSERT_EQ(run_order, order);
			take(&pb, frame, order);
			model_set(is_free, frame, order, false);
			ASSERT(same_as_model(&pb, is_free, NR));
		}
}

/* Taking one block of a whole pageblock leaves one block of each order. */
TEST(take_leaves_exact_halves)
{
	unsigned int order, k, run_order;
	struct zb_pageblock pb;

	for (order = 0; order < TOP; order++) {
		pb = new_pageblock(true);
		EXPECT_EQ(zb_pageblock_find(&pb, order, &run_order), 0);
		EXPECT_EQ(run_order, TOP);
		take(&pb, 0, order);
		for (k = 0; k < TOP; k++)
			EXPECT_EQ(pb.nr[k], k >= order);
		EXPECT_EQ(pb.nr_free, NR - BIT(order));
		EXPECT_EQ(give(&pb, 0, order), TOP);
		EXPECT(zb_pageblock_all_free(&pb));
		EXPECT_EQ(pb.orders, 0);
	}
}

/* Frames are given one by one in random order; the last one completes the block. */
TEST(give_merges_to_the_top)
{
	unsigned int i, k, frame, round, run_order, merged;
	unsigned int order_of[NR];
	struct zb_pageblock pb;

	for (round = 0; round < 50; round++) {
		pb = new_pageblock(true);
		for (i = 0; i < NR; i++) {
			frame = zb_pageblock_find(&pb, 0, &run_order);
			ASSERT_EQ(frame, i);
			take(&pb, frame, 0);
			order_of[i] = i;
		}
		ASSERT_EQ(zb_pageblock_largest(&pb), ZB_LIST_NONE);
		for (i = NR; i > 1; i--) {
			k = unit_below(i);
			frame = order_of[k];
			order_of[k] = order_of[i - 1];
			merged = give(&pb, frame, 0);
			ASSERT(merged < TOP);
		}
		ASSERT_EQ(give(&pb, order_of[0], 0), TOP);
		ASSERT(zb_pageblock_all_free(&pb));
	}
}

/* The smallest sufficient block is found, not the first one. */
TEST(find_is_best_fit)
{
	struct zb_pageblock pb = new_pageblock(false);
	unsigned int run_order;

	give(&pb, 0, 8);
	give(&pb, 256, 6);
	give(&pb, 384, 3);
	give(&pb, 511, 0);
	EXPECT_EQ(zb_pageblock_find(&pb, 0, &run_order), 511);
	EXPECT_EQ(run_order, 0);
	EXPECT_EQ(zb_pageblock_find(&pb, 1, &run_order), 384);
	EXPECT_EQ(run_order, 3);
	EXPECT_EQ(zb_pageblock_find(&pb, 4, &run_order), 256);
	EXPECT_EQ(run_order, 6);
	EXPECT_EQ(zb_pageblock_find(&pb, 7, &run_order), 0);
	EXPECT_EQ(run_order, 8);
	take(&pb, 384, 1);
	EXPECT_EQ(pb.nr[1], 1);
	EXPECT_EQ(pb.nr[2], 1);
	EXPECT_EQ(pb.nr[3], 0);
	EXPECT_EQ(zb_pageblock_find(&pb, 1, &run_order), 386);
}

/* Adjacent blocks of the same size that are not buddies do not merge. */
TEST(neighbours_that_are_no_buddies)
{
	struct zb_pageblock pb = new_pageblock(false);
	unsigned int order;

	for (order = 0; order < TOP - 1; order++) {
		zb_pageblock_empty(&pb);
		give(&pb, BIT(order), order);
		EXPECT_EQ(give(&pb, 2 * BIT(order), order), order);
		EXPECT_EQ(pb.nr[order], 2);
		EXPECT_EQ(zb_pageblock_largest(&pb), order);
	}
}

TEST(random_histories)
{
	unsigned int round, step, order, frame, run_order, nr = 0;
	struct { unsigned int frame, order; } held[NR];
	struct zb_pageblock pb;
	bool is_free[NR];

	for (round = 0; round < 60; round++) {
		pb = new_pageblock(true);
		memset(is_free, true, NR);
		for (nr = 0, step = 0; step < 300; step++) {
			order = unit_below(unit_below(TOP) + 1);
			if (unit_below(5) < 3 && pb.nr_free &&
			    zb_pageblock_largest(&pb) >= order) {
				frame = zb_pageblock_find(&pb, order, &run_order);
				take(&pb, frame, order);
				model_set(is_free, frame, order, false);
				held[nr].frame = frame;
				held[nr++].order = order;
			} else if (nr) {
				unsigned int k = unit_below(nr);

				give(&pb, held[k].frame, held[k].order);
				model_set(is_free, held[k].frame, held[k].order,
					  true);
				held[k] = held[--nr];
			}
			ASSERT(same_as_model(&pb, is_free, NR));
		}
		while (nr--)
			give(&pb, held[nr].frame, held[nr].order);
		ASSERT(zb_pageblock_all_free(&pb));
	}
}

/* Make a pageblock with random free frames, from a single one to nearly all. */
static void make_random(struct zb_pageblock *pb, bool *is_free)
{
	unsigned int i, k, frame, order, left_out;

	*pb = new_pageblock(false);
	memset(is_free, false, NR);
	for (i = unit_below(60); i; i--) {
		order = unit_below(TOP);
		frame = unit_below(NR) & ~(BIT(order) - 1);
		left_out = unit_below(4) ? NR : unit_below(NR);
		for (k = frame; k < frame + BIT(order); k++) {
			if (is_free[k] || k == left_out)
				continue;
			give(pb, k, 0);
			is_free[k] = true;
		}
	}
}

static unsigned int model_nr_blocks(const bool *is_free, unsigned int order)
{
	unsigned int frame, nr = 0;

	for (frame = 0; frame < NR; frame += BIT(order))
		nr += model_run(is_free, frame, order);
	return nr;
}

/* Take several blocks; @taken is set to the bits that were taken from each word. */
static unsigned int take_blocks(struct zb_pageblock *pb, unsigned int order,
				unsigned int want, u64 taken[ZB_PAGEBLOCK_WORDS])
{
	struct zb_bulk words = { .order = order };
	struct zb_zone *zone = zone_of(pb);
	struct zb_pageblock before = *pb;
	unsigned int i, nr;
	unsigned long flags;

	memset(taken, 0, ZB_PAGEBLOCK_WORDS * sizeof(*taken));
	if (!zb_pageblock_all_free(pb))
		zb_free_area_rekey(zone->free_area, pb);
	zb_lock_irqsave(&zone->lock, flags);
	nr = __zb_take_words(zone, pb, want, &words, NULL);
	zb_unlock_irqrestore(&zone->lock, flags);
	expect_counted(zone, pb, &before);
	for (i = 0; i < words.nr; i++)
		taken[words.word[i]] = words.bits[i];
	return nr;
}

/* Free frames of a word. */
static void give_bits(struct zb_pageblock *pb, unsigned int word, u64 bits)
{
	struct zb_bulk words = {
		.nr = 1, .word = { word }, .bits = { bits },
	};
	struct zb_zone *zone = zone_of(pb);
	struct zb_pageblock before = *pb;
	unsigned long flags;

	if (!zb_pageblock_all_free(pb))
		zb_free_area_rekey(zone->free_area, pb);
	else if (!bits)
		return;
	zb_free_pcppages_bulk(zone, &words, 0);
	if (!zb_pageblock_all_free(pb)) {
		zb_lock_irqsave(&zone->lock, flags);
		__zb_recount(zone, pb);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	expect_counted(zone, pb, &before);
}

/*
 * The returned blocks were free, they are taken from the smallest free blocks, and their
 * number is the wanted one or all there are.
 */
static void take_and_look(struct zb_pageblock *pb, bool *is_free,
			  unsigned int order, unsigned int want)
{
	unsigned int k, nr, frame, left = 0, most = 0, avail;
	u64 taken[ZB_PAGEBLOCK_WORDS];
	bool before[NR];

	memcpy(before, is_free, NR);
	avail = model_nr_blocks(is_free, order);
	nr = take_blocks(pb, order, want, taken);
	EXPECT_EQ(nr, want < avail ? want : avail);
	for (frame = 0; frame < NR; frame += BIT(order)) {
		if (!(taken[frame / 64] >> frame % 64 & 1))
			continue;
		left++;
		if (!EXPECT(model_run(is_free, frame, order)))
			return;
		model_set(is_free, frame, order, false);
		for (k = 0; k < BIT(order); k++)
			EXPECT(taken[frame / 64] >> (frame % 64 + k) & 1);
		for (k = 0; model_maximal(before, frame & ~(BIT(k) - 1)) < (int)k; k++)
			;
		most = k > most ? k : most;
	}
	EXPECT_EQ(left, nr);
	for (frame = 0; frame < NR; frame++) {
		k = model_maximal(is_free, frame);
		/* no smaller sufficient block is left, except for those of a word or more */
		if (is_free[frame] && (int)k >= (int)order)
			EXPECT((int)k >= (int)most || most >= ZB_WORD_ORDER ||
			       model_maximal(before, frame) != (int)k);
	}
	same_as_model(pb, is_free, NR);
}

TEST(several_blocks_at_once)
{
	unsigned int i, order, turn;
	struct zb_pageblock pb;
	bool is_free[NR];

	for (i = 0; i < 3000; i++) {
		make_random(&pb, is_free);
		for (turn = 0; turn < 4; turn++) {
			order = unit_below(ZB_WORD_ORDER);
			take_and_look(&pb, is_free, order,
				      1 + unit_below(unit_below(2) ? 8 : NR));
		}
	}
	for (order = 0; order < ZB_WORD_ORDER; order++) {
		pb = new_pageblock(true);
		memset(is_free, true, NR);
		take_and_look(&pb, is_free, order, NR);
		EXPECT_EQ(pb.nr_free, 0);
	}
}

TEST(bits_of_a_word_at_once)
{
	unsigned int i, k, word;
	struct zb_pageblock pb;
	bool is_free[NR];
	u64 bits;

	for (i = 0; i < 3000; i++) {
		make_random(&pb, is_free);
		for (k = 0; k < 12; k++) {
			word = unit_below(ZB_PAGEBLOCK_WORDS);
			bits = ~pb.free[word];
			if (unit_below(2))
				bits &= (u64)unit_random() << 32 | unit_random();
			give_bits(&pb, word, bits);
			for (; bits; bits &= bits - 1)
				is_free[64 * word + __ffs64(bits)] = true;
		}
		if (!same_as_model(&pb, is_free, NR))
			return;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
#include "bulk.h"

/* The bits of a block of @order at the start of a word. */
static u64 block_bits(unsigned int order)
{
	return ~0ull >> (64 - (1u << order));
}

/**
 * zb_bulk_add() - fill a zb_bulk with blocks
 * @words: overwritten, except for @order, which is the order of the blocks
 * @frames: first frame of each block, as an offset in the zone
 * @nr: number of blocks
 *
 * Return: number of blocks added; less than @nr if @words is full.
 */
unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr)
{
	u64 block = block_bits(words->order), *bits = NULL;
	const u32 *frame, *end = frames + nr;
	u32 word = 0;

	words->nr = 0;
	for (frame = frames; frame < end; frame++) {
		if (*frame / 64 != word || !bits) {
			if (words->nr == ZB_BULK_MAX_WORDS)
				break;
			word = *frame / 64;
			words->word[words->nr] = word;
			bits = &words->bits[words->nr++];
			*bits = 0;
		}
		*bits |= block << *frame % 64;
	}
	return frame - frames;
}

/**
 * zb_bulk_pop() - remove the first block
 * @words: must have a block in its first word
 *
 * Return: first frame of the block, as an offset in the zone.
 */
u32 zb_bulk_pop(struct zb_bulk *words)
{
	unsigned int bit = __ffs64(words->bits[0]);

	words->bits[0] &= ~(block_bits(words->order) << bit);
	return 64 * words->word[0] + bit;
}

static unsigned int nr_bits(u64 w)
{
	return hweight64(w);
}

/*
 * Add the numbers of maximal runs of @w to @nr if @sign is 1, or subtract them if
 * it is -1. Runs of 2^@levels are not counted, because they belong to larger runs.
 * In iteration k, the bits of @w are the starts of the aligned runs of 2^k.
 */
static void count_runs_of(u64 w, u16 *nr, unsigned int levels, int sign)
{
	unsigned int k;
	u64 longer;

	for (k = 0; w && k < levels; k++) {
		longer = w & (w >> (1u << k)) & zb_aligned_bits[k + 1];
		nr[k] += sign * (int)(nr_bits(w) - 2 * nr_bits(longer));
		w = longer;
	}
}

/* Recount the runs of whole words before a word becomes full or stops being full. */
static void change_full(struct zb_pageblock *pb, unsigned int word)
{
	const unsigned int levels = ZB_PAGEBLOCK_ORDER - ZB_WORD_ORDER;
	u64 full = zb_full_words(pb);

	count_runs_of(full, pb->nr + ZB_WORD_ORDER, levels, -1);
	count_runs_of(full ^ BIT(word), pb->nr + ZB_WORD_ORDER, levels, 1);
}

/* Replace the bits of a word. The caller has to call find_orders() afterwards. */
static void change_word(struct zb_pageblock *pb, unsigned int word, u64 to)
{
	u64 from = pb->free[word];

	if (!~from != !~to)
		change_full(pb, word);
	if (~from)
		count_runs_of(from, pb->nr, ZB_WORD_ORDER, -1);
	if (~to)
		count_runs_of(to, pb->nr, ZB_WORD_ORDER, 1);
	pb->free[word] = to;
	pb->nr_free += nr_bits(to) - nr_bits(from);
}

static void find_orders(struct zb_pageblock *pb)
{
	unsigned int k, orders = 0;

	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		orders |= (unsigned int)!!pb->nr[k] << k;
	pb->orders = orders;
}

static u64 lowest_bits(u64 w, unsigned int nr)
{
	u64 rest = w;

	while (nr--)
		rest &= rest - 1;
	return w & ~rest;
}

/* The blocks of @order in a word's maximal runs of 2^@k, or in a full word. */
static u64 blocks_in_runs(u64 w, unsigned int k, unsigned int order)
{
	if (!~w)
		return k < ZB_WORD_ORDER ? 0 : zb_aligned_bits[order];
	if (!w || k == ZB_WORD_ORDER)
		return 0;
	return zb_block_starts(zb_block_bits(zb_maximal_runs(w, k), k), order);
}

/*
 * Choose up to @nr blocks in the maximal runs of 2^@k. Returns how many are left to
 * choose.
 */
static unsigned int choose_in_runs(const struct zb_pageblock *pb,
				   unsigned int k, unsigned int order,
				   unsigned int nr, u64 *taken)
{
	unsigned int i, found;
	u64 blocks;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS && nr; i++) {
		blocks = blocks_in_runs(pb->free[i], k, order);
		found = nr_bits(blocks);
		if (found > nr) {
			blocks = lowest_bits(blocks, nr);
			found = nr;
		}
		taken[i] |= zb_block_bits(blocks, order);
		nr -= found;
	}
	return nr;
}

/*
 * Choose up to @nr blocks of a pageblock, as bits of each word. Blocks of the smallest
 * maximal runs come first, like in a sequence of best fits. The exception are runs of
 * a word and more, from which blocks are taken in ascending order of address whatever
 * the length of the run. Returns the number of blocks.
 */
static unsigned int choose_blocks(const struct zb_pageblock *pb,
				  unsigned int order, unsigned int nr,
				  u64 taken[ZB_PAGEBLOCK_WORDS])
{
	unsigned int k, left = nr;

	memset(taken, 0, ZB_PAGEBLOCK_WORDS * sizeof(*taken));
	for (k = order; k < ZB_WORD_ORDER && left; k++)
		if (pb->orders & BIT(k))
			left = choose_in_runs(pb, k, order, left, taken);
	if (left)
		left = choose_in_runs(pb, ZB_WORD_ORDER, order, left, taken);
	return nr - left;
}

/* Set the state of every block in @bits. */
static void set_states(struct zb_zone *zone, u32 word, u64 bits,
		       unsigned int order, u8 state)
{
	u8 *first = zone->state + 64ul * word;
	u64 starts;

	for (starts = zb_block_starts(bits, order); starts; starts &= starts - 1)
		WRITE_ONCE(*(first + __ffs64(starts)), state);
}

/**
 * __zb_take_words() - take several blocks from a given pageblock
 * @zone: its zone
 * @pb: a listed pageblock, with @largest_free of at least the order of the blocks
 * @nr: maximum number of blocks
 * @words: the blocks are added here; its @order is their order, and it must have
 *	room for ZB_PAGEBLOCK_WORDS more words. Their state becomes ZB_BLOCK_PCP
 *
 * Context: zone lock held.
 * Return: number of blocks taken, at least one.
 */
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words)
{
	u32 first = (pb - zone->pageblocks) * ZB_PAGEBLOCK_WORDS;
	u8 state = ZB_STATE(ZB_BLOCK_PCP, words->order);
	u16 before[ZB_PAGEBLOCK_ORDER];
	u64 taken[ZB_PAGEBLOCK_WORDS];
	unsigned int i, nr_free = pb->nr_free;

	zb_assert_held(&zone->lock);
	if (zb_pageblock_all_free(pb))
		__zb_split(zone, zb_pageblock_pfn(zone, pb), ZB_PAGEBLOCK_ORDER,
			   pb->largest_free);
	memcpy(before, pb->nr, sizeof(before));
	nr = choose_blocks(pb, words->order, nr, taken);
	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++) {
		if (!taken[i])
			continue;
		change_word(pb, i, pb->free[i] & ~taken[i]);
		set_states(zone, first + i, taken[i], words->order, state);
		words->word[words->nr] = first + i;
		words->bits[words->nr++] = taken[i];
	}
	find_orders(pb);
	__zb_recount(zone, pb, before, nr_free);
	return nr;
}

/* Free the leading words of the same pageblock; returns how many they are. */
static unsigned int free_words(struct zb_zone *zone, const u32 *word,
			       const u64 *bits, unsigned int nr)
{
	u32 block = *word / ZB_PAGEBLOCK_WORDS;
	struct zb_pageblock *pb = zone->pageblocks + block;
	unsigned int in_pb, i = 0, nr_free = pb->nr_free;
	u16 before[ZB_PAGEBLOCK_ORDER];

	memcpy(before, pb->nr, sizeof(before));
	do {
		in_pb = word[i] % ZB_PAGEBLOCK_WORDS;
		change_word(pb, in_pb, pb->free[in_pb] | bits[i]);
		i++;
	} while (i < nr && word[i] / ZB_PAGEBLOCK_WORDS == block);
	find_orders(pb);
	__zb_recount(zone, pb, before, nr_free);
	return i;
}

/* It is cheaper to merge a single block with its buddies than to recount a word. */
static bool is_one_block(u64 bits, unsigned int order)
{
	u64 starts = zb_block_starts(bits, order);

	return !(starts & (starts - 1));
}

static void trace_words(const struct zb_zone *zone,
			const struct zb_bulk *words, unsigned int mt,
			bool refill)
{
	unsigned long pfn;
	unsigned int i;
	u64 starts;

	for (i = 0; i < words->nr; i++) {
		starts = zb_block_starts(words->bits[i], words->order);
		for (; starts; starts &= starts - 1) {
			pfn = zone->start_pfn + 64ul * words->word[i] +
			      __ffs64(starts);
			if (refill)
				zb_trace_zone_locked(pfn, words->order, mt, true);
			else
				zb_trace_pcpu_drain(pfn, words->order, mt);
		}
	}
}

static unsigned int nr_blocks(const struct zb_bulk *words)
{
	unsigned int i, nr = 0;

	for (i = 0; i < words->nr; i++)
		nr += hweight64(words->bits[i]);
	return nr >> words->order;
}

/**
 * zb_free_pcppages_bulk() - free several blocks to the zone
 * @zone: their zone
 * @words: the blocks; may be empty
 * @mt: migrate type of the list that they were on, for the trace event
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt)
{
	unsigned int i, nr = nr_blocks(words);
	const u32 *word = words->word;
	const u64 *bits = words->bits;
	unsigned long flags;

	if (!nr)
		return;
	zb_lock_irqsave(&zone->lock, flags);
	if (zb_trace_pcpu_drain_enabled())
		trace_words(zone, words, mt, false);
	/* Fetch cache lines that another CPU may own while the states are written. */
	for (i = 0; i < words->nr; i++) {
		zb_prefetch_pageblock(zone->pageblocks +
				      word[i] / ZB_PAGEBLOCK_WORDS);
		set_states(zone, word[i], bits[i], words->order, 0);
	}
	for (i = 0; i < words->nr;) {
		if (!bits[i]) {
			i++;
		} else if (is_one_block(bits[i], words->order)) {
			__zb_free_one_page(zone, zone->start_pfn + 64ul * word[i] +
					   __ffs64(bits[i]), words->order);
			i++;
		} else {
			i += free_words(zone, word + i, bits + i, words->nr - i);
		}
	}
	__zb_count_event(zone, ZB_PCP_DRAIN, nr);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Near the low watermark, refill less, so that one CPU does not hoard the last
 * free frames; while the zone is low, take only the block of the request. Only
 * frames that the request may use count.
 */
static unsigned int take_limit(const struct zb_zone *zone, unsigned int order,
			       unsigned int alloc_flags)
{
	unsigned long usable = zone->nr_free_pcptypes +
			       (alloc_flags & ZB_ALLOC_CMA ?
				zone->nr_free_type[ZB_MIGRATE_CMA] : 0);
	unsigned long mark = READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]) +
			     READ_ONCE(zone->lowmem_reserve[ZB_NR_ZONES - 1]);
	unsigned long above = usable > mark ? usable - mark : 0;
	unsigned long most = above >> (order + 2);

	if (zone->below_fast_wmark)
		return 1;
	if (most > READ_ONCE(zone->pcp_limit[order]))
		most = READ_ONCE(zone->pcp_limit[order]);
	return most ? most : 1;
}

/**
 * zb_rmqueue_bulk() - take several blocks from the zone
 * @zone: the zone
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA and ZB_ALLOC_NOFRAGMENT are considered
 * @nr: maximum number of blocks
 * @words: set to the blocks, whose state becomes ZB_BLOCK_PCP; its @order is the
 *	order to take
 *
 * Only one block at a time is stolen from a pageblock of another type. The
 * search then starts again, because another pageblock may now be a better
 * choice.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words)
{
	bool own, cma, may_claim = true;
	unsigned int got, limit;
	struct zb_pageblock *pb;
	unsigned long flags;

	words->nr = 0;
	zb_lock_irqsave(&zone->lock, flags);
	limit = take_limit(zone, words->order, alloc_flags);
	nr = nr < limit ? nr : limit;
	for (; nr && words->nr <= ZB_BULK_MAX_WORDS - ZB_PAGEBLOCK_WORDS; nr -= got) {
		pb = __zb_find_pageblock(zone, words->order, mt, alloc_flags,
					 &may_claim);
		if (!pb)
			break;
		own = pb->migratetype == mt;
		cma = pb->migratetype == ZB_MIGRATE_CMA;
		got = __zb_take_words(zone, pb, own || cma ? nr : 1, words);
		if (cma)
			__zb_count_event(zone, ZB_CMA_ALLOC, got);
	}
	if (zb_trace_zone_locked_enabled())
		trace_words(zone, words, mt, true);
	__zb_count_event(zone, ZB_PCP_REFILL, 1);
	zb_unlock_irqrestore(&zone->lock, flags);
}

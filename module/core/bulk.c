// SPDX-License-Identifier: GPL-2.0-only
#include "bulk.h"
#include "choose.h"

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
 * @max_words: maximum number of words, up to ZB_BULK_MAX_WORDS
 *
 * Return: number of blocks added; less than @nr if they are in more words.
 */
unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr, unsigned int max_words)
{
	u64 block = block_bits(words->order), *bits = words->bits - 1;
	u32 *word = words->word - 1, *last = word + max_words;
	const u32 *frame, *end = frames + nr;
	u32 current_word = ~0u;

	for (frame = frames; frame < end; frame++) {
		if (*frame / 64 != current_word) {
			if (word == last)
				break;
			current_word = *frame / 64;
			*++word = current_word;
			*++bits = 0;
		}
		*bits |= block << *frame % 64;
	}
	words->nr = word + 1 - words->word;
	return frame - frames;
}

/**
 * zb_bulk_pop() - remove the first block
 * @words: must have a block in its first word, which may be empty afterwards
 *
 * Return: first frame of the block, as an offset in the zone.
 */
u32 zb_bulk_pop(struct zb_bulk *words)
{
	unsigned int bit = __ffs64(words->bits[0]);

	words->bits[0] &= ~(block_bits(words->order) << bit);
	return 64 * words->word[0] + bit;
}

static __always_inline unsigned int nr_bits(u64 w)
{
	return hweight64(w);
}

/* Set the states of single frames of a word, eight at a time where all eight are in @bits. */
static noinline void set_many_states(u8 *first, u64 bits, u8 state)
{
	u64 eight = state * 0x0101010101010101ull, starts;

	for (; bits; bits >>= 8, first += 8) {
		if ((u8)bits == 0xff) {
			WRITE_ONCE(*(u64 *)first, eight);
			continue;
		}
		for (starts = (u8)bits; starts; starts &= starts - 1)
			WRITE_ONCE(*(first + __ffs64(starts)), state);
	}
}

#define FEW_STATES	8u	/* are faster to set one by one */

/* Set the state of every block in @bits. */
static __always_inline void set_states(struct zb_zone *zone, u32 word, u64 bits,
				       unsigned int order, u8 state)
{
	u8 *first = zone->state + 64ul * word;
	u64 starts;

	if (!order && hweight64(bits) > FEW_STATES) {
		set_many_states(first, bits, state);
		return;
	}
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
 * @zero: for each word, receives the frames that are known to be zero; NULL if the caller has no
 *	use for this
 *
 * Context: zone lock held.
 * Return: number of blocks taken, at least one.
 */
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words, u64 *zero)
{
	u32 first = (pb - zone->pageblocks) * ZB_PAGEBLOCK_WORDS;
	u8 state = ZB_STATE(ZB_BLOCK_PCP, words->order);
	u64 taken[ZB_PAGEBLOCK_WORDS], bits, found;
	unsigned int i;

	zb_assert_held(&zone->lock);
	if (zb_pageblock_all_free(pb))
		__zb_split(zone, zb_pageblock_pfn(zone, pb), ZB_PAGEBLOCK_ORDER,
			   pb->largest_free);
	else
		__zb_refresh(zone, pb);
	nr = __zb_choose_blocks(zone, pb, words->order, nr, taken);
	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++) {
		bits = *(taken + i);
		if (!bits)
			continue;
		*(pb->free + i) &= ~bits;
		found = 0;
		if (unlikely(zone->zeroed))
			found = __zb_zero_take_word(zone, first + i, bits, zero);
		if (zero)
			*(zero + words->nr) = found;
		set_states(zone, first + i, bits, words->order, state);
		*(words->word + words->nr) = first + i;
		*(words->bits + words->nr++) = bits;
	}
	pb->nr_free -= nr << words->order;
	__zb_count_free(zone, pb, -((long)nr << words->order));
	if (zb_pageblock_is_stale(zone, pb))
		__zb_recount(zone, pb);
	else
		zb_free_area_rekey(zone->free_area, pb);
	return nr;
}

enum trace { TRACE_REFILL, TRACE_TAKE, TRACE_DRAIN };

static void trace_words(const struct zb_zone *zone,
			const struct zb_bulk *words, unsigned int mt,
			enum trace what)
{
	unsigned long pfn;
	unsigned int i;
	u64 starts;

	for (i = 0; i < words->nr; i++) {
		starts = zb_block_starts(words->bits[i], words->order);
		for (; starts; starts &= starts - 1) {
			pfn = zone->start_pfn + 64ul * words->word[i] +
			      __ffs64(starts);
			if (what != TRACE_DRAIN)
				zb_trace_zone_locked(pfn, words->order, mt,
						     what == TRACE_REFILL);
			else
				zb_trace_pcpu_drain(pfn, words->order, mt);
		}
	}
}

/* Frames that were freed, but not added to the counters of the zone yet. */
struct uncounted {
	unsigned int mt;		/* type of their pageblocks */
	unsigned long nr;
};

static noinline void count_freed(struct zb_zone *zone, unsigned int mt, unsigned long nr)
{
	if (nr)
		__zb_count_free_type(zone, mt, nr);
}

/* Estimated costs in a hold of the lock; freeing a word has cost 1. */
#define COST_OF_RAISE		3u
#define COST_OF_WHOLE		7u
#define MAX_COST		8u

/*
 * All frames of a pageblock have become free. It is merged at once, so that no other one is
 * broken up instead of it. Its type may change, so the @nr frames that were freed in pageblocks of
 * the same type @mt are counted before.
 */
static noinline unsigned int became_whole(struct zb_zone *zone, struct zb_pageblock *pb,
					  unsigned int mt, unsigned long nr)
{
	count_freed(zone, mt, nr);
	__zb_merge_whole(zone, pb);
	return COST_OF_WHOLE;
}

static noinline unsigned int raise(struct zb_zone *zone, struct zb_pageblock *pb, u64 w)
{
	__zb_raise(zone, pb, w);
	return COST_OF_RAISE;
}

/* Add @nr frames of a pageblock to those that were freed. */
static __always_inline void add_freed(struct zb_zone *zone, struct zb_pageblock *pb,
				      unsigned int nr, struct uncounted *u)
{
	if (unlikely(pb->migratetype != u->mt)) {
		count_freed(zone, u->mt, u->nr);
		u->mt = pb->migratetype;
		u->nr = 0;
	}
	u->nr += nr;
	pb->nr_free += nr;
	if (unlikely(zone->audits))
		__zb_audit_free(zone, pb, nr);
}

/*
 * Free frames of a word whose state is 0 already, and leave merging for later (stale.h).
 * Returns the estimated cost in addition to that of an ordinary free.
 */
static __always_inline unsigned int free_in_word(struct zb_zone *zone, u32 word, u64 bits,
						 unsigned int nr, struct uncounted *u)
{
	struct zb_pageblock *pb = zone->pageblocks + word / ZB_PAGEBLOCK_WORDS;
	u64 w = *(pb->free + word % ZB_PAGEBLOCK_WORDS) | bits;
	unsigned int time;

	*(pb->free + word % ZB_PAGEBLOCK_WORDS) = w;
	add_freed(zone, pb, nr, u);
	if (unlikely(zb_pageblock_all_free(pb))) {
		time = became_whole(zone, pb, u->mt, u->nr);
		u->nr = 0;
		return time;
	}
	__zb_mark_stale(zone, word / ZB_PAGEBLOCK_WORDS);
	return unlikely(zb_has_longer_run(w, pb->largest_free)) ? raise(zone, pb, w) : 0;
}

/* The same for a single frame. */
static __always_inline unsigned int free_frame(struct zb_zone *zone, u32 frame,
					       struct uncounted *u)
{
	struct zb_pageblock *pb = zone->pageblocks + frame / ZB_PAGEBLOCK_NR;
	u64 *word = pb->free + frame / 64 % ZB_PAGEBLOCK_WORDS, w;
	unsigned int time;

	WRITE_ONCE(*(zone->state + frame), 0);
	w = *word | 1ull << frame % 64;
	*word = w;
	add_freed(zone, pb, 1, u);
	if (unlikely(zb_pageblock_all_free(pb))) {
		time = became_whole(zone, pb, u->mt, u->nr);
		u->nr = 0;
		return time;
	}
	__zb_mark_stale(zone, frame / ZB_PAGEBLOCK_NR);
	return unlikely(zb_frame_has_longer_run(w, frame, pb->largest_free)) ?
	       raise(zone, pb, w) : 0;
}

/*
 * Free the blocks of the leading words, none of which is empty, for as long as the lock may be
 * held. @zero is NULL if they were on a per-CPU list, else the frames of each word that are zero.
 * Returns how many words they are.
 */
static __always_inline unsigned int free_words(struct zb_zone *zone, const u32 *word,
					       const u64 *bits, const u64 *zero,
					       unsigned int nr, unsigned int order)
{
	const u32 *from = word, *end = word + nr;
	struct uncounted u = { .nr = 0 };
	unsigned long flags, nr_pages = 0;
	unsigned int time = 0;

	zb_lock_irqsave(&zone->lock, flags);
	for (; word < end && time < MAX_COST; word++, bits++) {
		set_states(zone, *word, *bits, order, 0);
		nr = nr_bits(*bits);
		nr_pages += nr;
		time += 1 + free_in_word(zone, *word, *bits, nr, &u) + (nr >> order) / 16;
		if (zero)
			__zb_zero_freed_word(zone, *word, *bits, *zero++);
	}
	count_freed(zone, u.mt, u.nr);
	if (zero)
		__zb_count_event(zone, ZB_PGFREE, nr_pages);
	else
		__zb_count_event(zone, ZB_PCP_DRAIN, nr_pages >> order);
	zb_unlock_irqrestore(&zone->lock, flags);
	return word - from;
}

/**
 * zb_free_pcppages_bulk() - free several blocks to the zone
 * @zone: their zone
 * @words: the blocks; may be empty, and no word except the first one may be
 * @mt: migrate type of the list that they were on, for the trace event
 *
 * The pageblocks become stale (stale.h).
 *
 * Context: any but NMI; takes the zone lock, for a few words at a time.
 */
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt)
{
	const struct zb_pageblock *pageblocks = zone->pageblocks;
	unsigned int i;

	if (zb_trace_pcpu_drain_enabled())
		trace_words(zone, words, mt, TRACE_DRAIN);
	/* Fetch cache lines that another CPU may own. */
	for (i = 0; i < words->nr; i++)
		zb_prefetch_pageblock(pageblocks + *(words->word + i) / ZB_PAGEBLOCK_WORDS);
	/* zb_bulk_pop() may have removed the only block of the first word. */
	for (i = words->nr && !words->bits[0]; i < words->nr;)
		i += free_words(zone, words->word + i, words->bits + i, NULL,
				words->nr - i, words->order);
}

/**
 * zb_free_zeroed_bulk() - free several frames of allocations to the zone
 * @zone: their zone
 * @words: the frames, which have been claimed; may be empty, but no word may be
 * @zero: for each word, the frames that nobody has written to since they were cleared
 *
 * The pageblocks become stale (stale.h).
 *
 * Context: any but NMI; takes the zone lock, for a few words at a time.
 */
void zb_free_zeroed_bulk(struct zb_zone *zone, const struct zb_bulk *words, const u64 *zero)
{
	unsigned int i;

	for (i = 0; i < words->nr;)
		i += free_words(zone, words->word + i, words->bits + i, zero + i,
				words->nr - i, 0);
}

/**
 * zb_free_singles() - free a few single frames to the zone
 * @zone: their zone
 * @frames: the frames, as offsets in the zone; all of them are fit
 * @nr: number of frames, from one to ZB_BULK_MAX_DRAIN
 * @mt: migrate type of the list that they were on, for the trace event
 *
 * Does the same as zb_free_pcppages_bulk(), but is faster if no two of the frames are in the
 * same word.
 *
 * Context: any but NMI; takes the zone lock, and drops it if pageblocks become wholly free.
 */
void zb_free_singles(struct zb_zone *zone, const u32 *frames, unsigned int nr,
		     unsigned int mt)
{
	const u32 *frame, *end = frames + nr;
	struct uncounted u = { .nr = 0 };
	unsigned int time = 0;
	unsigned long flags;

	for (frame = frames; frame < end; frame++) {
		zb_prefetch_pageblock(zone->pageblocks + *frame / ZB_PAGEBLOCK_NR);
		zb_trace_pcpu_drain(zone->start_pfn + *frame, 0, mt);
	}
	zb_lock_irqsave(&zone->lock, flags);
	__zb_count_event(zone, ZB_PCP_DRAIN, nr);
	for (frame = frames; frame < end; frame++) {
		if (unlikely(time >= MAX_COST)) {
			count_freed(zone, u.mt, u.nr);
			u.nr = 0;
			__zb_relax(zone, &flags);
			time = 0;
		}
		time += free_frame(zone, *frame, &u);
	}
	count_freed(zone, u.mt, u.nr);
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

#define TAKE_MAX	64u	/* frames taken in one hold of the lock */
#define TAKE_MAX_SPREAD	16u	/* the same if they are in many short runs */
#define FEW_RUNS	4u
#define MOST_LENGTHS	2u	/* of runs below a word from which blocks are taken in one hold */

/*
 * The number of blocks in the shortest runs of a pageblock, or TAKE_MAX if all other runs are of a
 * word and more.
 */
static unsigned int nr_in_short_runs(const struct zb_pageblock *pb, unsigned int order)
{
	unsigned int k, i, nr = 0, orders = pb->orders & (BIT(ZB_WORD_ORDER) - 1);

	orders &= ~0u << order;
	for (i = 0; orders && i < MOST_LENGTHS; i++, orders &= orders - 1) {
		k = __ffs64(orders);
		nr += *(pb->nr + k) << (k - order);
	}
	return orders ? nr : TAKE_MAX;
}

/* The maximum number of blocks to take from a pageblock. */
static unsigned int most_to_take(const struct zb_zone *zone, const struct zb_pageblock *pb,
				 unsigned int order)
{
	unsigned int short_runs = pb->nr[0] + pb->nr[1] + pb->nr[2] + pb->nr[3];
	bool spread = short_runs > FEW_RUNS || zb_pageblock_is_stale(zone, pb);
	unsigned int most = (spread ? TAKE_MAX_SPREAD : TAKE_MAX) >> order;
	unsigned int nr = nr_in_short_runs(pb, order);

	if (most > nr)
		most = nr;
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
 * @zero: if not NULL, zeroed frames are preferred, and this receives which ones are known to
 *	be zero, for each of up to ZB_PAGEBLOCK_WORDS words
 *
 * All of them are from one pageblock, because the caller waits for one block only. Few blocks
 * are taken if they are spread over the pageblock, and only one is stolen from a pageblock of
 * another type, because after that another pageblock may be a better choice.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words, u64 *zero)
{
	struct zb_pageblock *pb;
	unsigned long flags;
	unsigned int most;

	words->nr = 0;
	zb_lock_irqsave(&zone->lock, flags);
	if (zero && zone->zeroed)
		__zb_prefer_zeroed(zone, words->order, mt);
	pb = __zb_find_refreshed(zone, words->order, mt, alloc_flags, &flags);
	if (pb) {
		most = take_limit(zone, words->order, alloc_flags);
		nr = nr < most ? nr : most;
		most = pb->migratetype == mt || pb->migratetype == ZB_MIGRATE_CMA ?
		       most_to_take(zone, pb, words->order) : 1;
		nr = nr < most ? nr : most;
		nr = __zb_take_words(zone, pb, nr, words, zero);
		if (pb->migratetype == ZB_MIGRATE_CMA)
			__zb_count_event(zone, ZB_CMA_ALLOC, nr);
		__zb_count_event(zone, ZB_PCP_REFILL, !zero);
	}
	zb_unlock_irqrestore(&zone->lock, flags);
	if (zb_trace_zone_locked_enabled())
		trace_words(zone, words, mt, zero ? TRACE_TAKE : TRACE_REFILL);
}

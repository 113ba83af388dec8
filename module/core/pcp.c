// SPDX-License-Identifier: GPL-2.0-only
#include "pcp.h"
#include "unfit.h"

#define MAX_STREAK	6	/* ZB_PCP_BATCH_MAX is reached from a batch of 1 */

/* --- operations on one list ------------------------------------------- */

static u32 *frames_of(struct zb_pcp *pcp, unsigned int order, unsigned int mt)
{
	return pcp->frame + zb_pcp_first(pcp, zb_pcp_list(order, mt));
}

static unsigned int nr_listed(const struct zb_pcp *pcp, unsigned int order,
			      unsigned int mt)
{
	return zb_pcp_nr(pcp, zb_pcp_list(order, mt));
}

/* Add @nr, which may be negative, to the number of blocks on a list. */
static void count_listed(struct zb_pcp *pcp, unsigned int order,
			 unsigned int mt, long nr)
{
	pcp->top[zb_pcp_list(order, mt)] += nr;
	zb_count(pcp->nr_pages, nr * (long)BIT(order));
}

static u32 pop(struct zb_pcp *pcp, unsigned int order, unsigned int mt)
{
	unsigned int nr = nr_listed(pcp, order, mt);

	if (!nr)
		return ZB_NO_FRAME;
	count_listed(pcp, order, mt, -1);
	return frames_of(pcp, order, mt)[nr - 1];
}

/* memmove() to a lower address, which copies single bytes on some CPUs. */
static noinline void move_down(u32 *to, const u32 *from, unsigned int nr)
{
	u64 pair;

	for (; nr >= 2; nr -= 2, from += 2, to += 2) {
		memcpy(&pair, from, sizeof(pair));
		memcpy(to, &pair, sizeof(pair));
	}
	while (nr--)
		*to++ = *from++;
}

/* Copy the sentinel at the start of a list to the last entry of a gap. */
static void set_sentinel(struct zb_pcp *pcp, unsigned int list, unsigned int gap)
{
	u32 *start = pcp->frame + zb_pcp_start[list];

	start[gap - 1] = start[-1];
}

/* Move the blocks to the start of the list, so that it has room for its capacity. */
static void close_gap(struct zb_pcp *pcp, unsigned int list)
{
	u32 *start = pcp->frame + zb_pcp_start[list];
	unsigned int gap = pcp->gap[list];

	if (likely(!gap))
		return;
	move_down(start, start + gap, zb_pcp_nr(pcp, list));
	pcp->top[list] -= gap;
	pcp->gap[list] = 0;
}

/*
 * Remove the @nr coldest blocks, which the caller has copied, from a list. The others are
 * moved only if the gap below them would be too wide.
 */
static void drop_cold(struct zb_pcp *pcp, unsigned int list, unsigned int nr)
{
	unsigned int gap = pcp->gap[list] + nr, order = list / ZB_PCP_TYPES;
	unsigned int left = zb_pcp_nr(pcp, list) - nr;

	if (!nr)
		return;
	if (gap > ZB_PCP_SLACK(order) || !left) {
		move_down(pcp->frame + zb_pcp_start[list],
			  pcp->frame + zb_pcp_start[list] + gap, left);
		pcp->top[list] -= gap;
		gap = 0;
	} else {
		set_sentinel(pcp, list, gap);
	}
	pcp->gap[list] = gap;
	zb_count(pcp->nr_pages, -((long)nr << order));
}

static u32 pop_cold(struct zb_pcp *pcp, unsigned int order, unsigned int mt)
{
	u32 frame = *frames_of(pcp, order, mt);

	if (!nr_listed(pcp, order, mt))
		return ZB_NO_FRAME;
	drop_cold(pcp, zb_pcp_list(order, mt), 1);
	return frame;
}

/* Put a block on a list, which must have room for it. */
static void push(const struct zb_zone *zone, struct zb_pcp *pcp, unsigned int order,
		 unsigned int mt, u32 frame, bool cold)
{
	unsigned int list = zb_pcp_list(order, mt), nr = zb_pcp_nr(pcp, list);
	u32 *frames;

	/* The fast path can push blocks again then. */
	if (cold || pcp->top[list] >= READ_ONCE(zone->fast_top[list]))
		close_gap(pcp, list);
	frames = frames_of(pcp, order, mt);
	count_listed(pcp, order, mt, 1);
	if (cold) {
		memmove(frames + 1, frames, nr * sizeof(*frames));
		nr = 0;
	}
	frames[nr] = frame;
}

/* --- moving blocks between a list and the zone --------------------------- */

#define MAX_SINGLES	ZB_BULK_MAX_DRAIN

/*
 * Blocks that were taken off a list and are to be freed to the zone: as words, or
 * as first frames if their order is not below ZB_WORD_ORDER, or if they are single frames in
 * different words.
 */
struct pcp_batch {
	unsigned int order;
	unsigned int mt;
	unsigned int nr;		/* blocks */
	bool as_words;
	struct zb_bulk words;
	u32 frame[MAX_SINGLES];
};

/* The frames are usually from one pageblock, or in random order: compare the first and last. */
static bool better_as_words(const u32 *frames, unsigned int order, unsigned int nr)
{
	unsigned int last = zb_at_most(nr, MAX_SINGLES) - 1;

	return order ? order < ZB_WORD_ORDER :
		       nr && frames[0] / ZB_PAGEBLOCK_NR == frames[last] / ZB_PAGEBLOCK_NR;
}

/* Move up to @nr of the coldest blocks from a list to @batch. */
static void take_coldest(struct zb_pcp *pcp, unsigned int order, unsigned int mt,
			 unsigned int nr, struct pcp_batch *batch)
{
	const u32 *frames = frames_of(pcp, order, mt);

	nr = zb_at_most(nr, nr_listed(pcp, order, mt));
	batch->order = order;
	batch->mt = mt;
	batch->as_words = better_as_words(frames, order, nr);
	batch->words.order = order;
	if (batch->as_words) {
		nr = zb_bulk_add(&batch->words, frames, nr);
	} else {
		nr = zb_at_most(nr, MAX_SINGLES);
		memcpy(batch->frame, frames, nr * sizeof(*frames));
	}
	batch->nr = nr;
	drop_cold(pcp, zb_pcp_list(order, mt), nr);
}

#define FRAMES_PER_HOLD		2u

static void free_frames(struct zb_zone *zone, const struct pcp_batch *batch)
{
	unsigned long flags, pfn;
	unsigned int i;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < batch->nr; i++) {
		if (i && i % FRAMES_PER_HOLD == 0)
			__zb_relax(zone, &flags);
		pfn = zone->start_pfn + batch->frame[i];
		zb_trace_pcpu_drain(pfn, batch->order, batch->mt);
		__zb_free_one_page(zone, pfn, batch->order);
	}
	__zb_count_event(zone, ZB_PCP_DRAIN, batch->nr);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Take the blocks that have unfit frames out of @batch, whose blocks are not
 * below ZB_WORD_ORDER.
 */
static void drop_unfit(struct zb_zone *zone, struct pcp_batch *batch)
{
	unsigned int i, nr = 0;
	unsigned long pfn;

	for (i = 0; i < batch->nr; i++) {
		pfn = zone->start_pfn + batch->frame[i];
		if (likely(zb_block_seems_fit(zone, pfn, batch->order)))
			batch->frame[nr++] = batch->frame[i];
		else
			zb_cut_unfit(zone, pfn, batch->order, NULL);
	}
	batch->nr = nr;
}

/* Free the blocks of @batch, which has at least one, to the zone. */
static void free_batch(struct zb_zone *zone, struct pcp_batch *batch)
{
	if (!batch->order && !batch->as_words) {
		if (likely(!zone->frame_ops ||
			   zone->frame_ops->all_fit(zone, batch->frame, batch->nr))) {
			zb_free_singles(zone, batch->frame, batch->nr, batch->mt);
			return;
		}
		zb_bulk_add(&batch->words, batch->frame, batch->nr);
		batch->as_words = true;
	}
	if (batch->as_words) {
		zb_bulk_drop_unfit(zone, &batch->words);
		zb_free_pcppages_bulk(zone, &batch->words, batch->mt);
		return;
	}
	drop_unfit(zone, batch);
	if (batch->nr)
		free_frames(zone, batch);
}

/* --- number of blocks to move --------------------------------------------- */

/*
 * Count a move in @direction: 1 for a refill, -1 for a drain. Returns how many
 * moves in the same direction came before it without one in the other direction.
 */
static unsigned int count_move(struct zb_pcp *pcp, int direction)
{
	int before = pcp->streak * direction;

	if (before < 0)
		before = 0;
	pcp->streak = direction * (before < MAX_STREAK ? before + 1 : before);
	return before;
}

/*
 * Each move in the same direction moves twice as many blocks as the last one, but not more
 * than ZB_PCP_BATCH_MAX frames, or one block.
 */
static unsigned int blocks_to_move(const struct zb_zone *zone,
				   struct zb_pcp *pcp, unsigned int order,
				   int direction)
{
	unsigned int nr = READ_ONCE(zone->pcp_batch[order]) << count_move(pcp, direction);

	return zb_at_most(nr, order < ZB_WORD_ORDER ? ZB_PCP_BATCH_MAX >> order : 1);
}

/* The next list, in turn, that is not empty. Types without lists are passed over. */
static unsigned int next_in_turn(const struct zb_pcp *pcp)
{
	unsigned int i, list = pcp->rotor;

	/* Often it is the only one. */
	if (zb_pcp_nr(pcp, list) << list / ZB_PCP_TYPES == pcp->nr_pages)
		return list;
	for (i = 0; i < ZB_PCP_ORDERS * ZB_MIGRATE_PCPTYPES; i++) {
		list++;
		if (list % ZB_PCP_TYPES == ZB_MIGRATE_PCPTYPES)
			list += ZB_PCP_TYPES - ZB_MIGRATE_PCPTYPES;
		if (list == ZB_PCP_LISTS)
			list = 0;
		if (*(pcp->top + list) != *(zb_pcp_start + list) + *(pcp->gap + list))
			break;
	}
	return list;
}

/* Take up to half of the blocks off the next list, in turn, that is not empty. */
static void shorten_next(const struct zb_zone *zone, struct zb_pcp *pcp,
			 struct pcp_batch *batch)
{
	unsigned int order, nr, list = next_in_turn(pcp);

	pcp->rotor = list;
	order = list / ZB_PCP_TYPES;
	nr = zb_at_most(blocks_to_move(zone, pcp, order, -1),
			(zb_pcp_nr(pcp, list) + 1) / 2);
	take_coldest(pcp, order, list % ZB_PCP_TYPES, nr, batch);
}

/* A refill must not take the lists above pcp_high, but takes at least a block. */
static unsigned int blocks_to_take(const struct zb_zone *zone,
				   struct zb_pcp *pcp, unsigned int order)
{
	unsigned int high = READ_ONCE(zone->pcp_high), room = 0;

	if (high > pcp->nr_pages)
		room = (high - pcp->nr_pages) >> order;
	room = zb_at_most(room, blocks_to_move(zone, pcp, order, 1));
	return room ? room : 1;
}

/* --- refill ---------------------------------------------------------------- */

static bool word_isolated(const struct zb_zone *zone, u32 word)
{
	return READ_ONCE(zone->types[word / ZB_PAGEBLOCK_WORDS]) ==
	       ZB_MIGRATE_ISOLATE;
}

/*
 * Push blocks on a list while it has room, starting with the last word, so that
 * the blocks at the lowest addresses are used first. The others stay in @words.
 *
 * The zone lock was dropped after the blocks were taken. Since then, a pageblock
 * may have been isolated and all lists drained, so blocks of an isolated
 * pageblock must not be listed.
 */
static void push_words(const struct zb_zone *zone, struct zb_pcp *pcp,
		       unsigned int mt, unsigned int limit,
		       struct zb_bulk *words)
{
	unsigned int nr, listed = nr_listed(pcp, words->order, mt);
	unsigned int room = limit > listed ? limit - listed : 0;
	u32 first, *frame;
	u64 starts;

	close_gap(pcp, zb_pcp_list(words->order, mt));
	frame = frames_of(pcp, words->order, mt) + listed;
	for (; words->nr; words->nr--) {
		starts = zb_block_starts(words->bits[words->nr - 1], words->order);
		nr = hweight64(starts);
		if (nr > room || word_isolated(zone, words->word[words->nr - 1]))
			break;
		room -= nr;
		first = 64 * words->word[words->nr - 1];
		frame += nr;
		for (; starts; starts &= starts - 1)
			*--frame = first + __ffs64(starts);
		frame += nr;
	}
	count_listed(pcp, words->order, mt,
		     frame - frames_of(pcp, words->order, mt) - listed);
}

/* Take @nr blocks from the zone; return the first one and list the others. */
static u32 refill(struct zb_zone *zone, unsigned int order, unsigned int mt,
		  unsigned int alloc_flags, unsigned int nr)
{
	struct zb_bulk words zb_not_zeroed;
	struct zb_pcp *pcp;
	u32 frame;

	words.order = order;
	zb_rmqueue_bulk(zone, mt, alloc_flags, nr, &words);
	zb_bulk_drop_unfit(zone, &words);
	if (!words.nr)
		return ZB_NO_FRAME;
	frame = zb_bulk_pop(&words);
	if (zb_pcp_enter(zone, &pcp)) {
		if (!READ_ONCE(zone->below_fast_wmark))
			push_words(zone, pcp, mt, READ_ONCE(zone->pcp_limit[order]),
				   &words);
		zb_pcp_leave(pcp);
	}
	zb_free_pcppages_bulk(zone, &words, mt);
	return frame;
}

/**
 * zb_pcp_rmqueue() - take a block from a list of this CPU, and refill it if empty
 * @zone: the zone
 * @order: order of the block, below ZB_PCP_ORDERS
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: only ZB_ALLOC_CMA, _NOFRAGMENT and _COLD are considered
 *
 * Only lists of orders below ZB_WORD_ORDER are refilled. If the lists are parked, or
 * if this is an interrupt that hit a CPU while it used them, no block is returned.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long zb_pcp_rmqueue(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags)
{
	struct zb_pcp *pcp;
	unsigned int nr = 0;
	u32 frame;

	/* The blocks of a refill could not be listed, so the caller takes just one. */
	if (!zb_pcp_enter(zone, &pcp))
		return ZB_NO_PFN;
	frame = alloc_flags & ZB_ALLOC_COLD ? pop_cold(pcp, order, mt) :
					      pop(pcp, order, mt);
	if (frame == ZB_NO_FRAME && order < ZB_WORD_ORDER)
		nr = blocks_to_take(zone, pcp, order);
	zb_pcp_leave(pcp);
	if (nr)
		frame = refill(zone, order, mt, alloc_flags, nr);
	return frame == ZB_NO_FRAME ? ZB_NO_PFN : zone->start_pfn + frame;
}

/**
 * zb_free_one_page() - free a block to the zone, not to a per-CPU list
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI; takes the zone lock. The caller has claimed the block
 * (zb_zone_claim()).
 */
void zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
		      unsigned int order)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	__zb_count_event(zone, ZB_PGFREE, BIT(order));
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Shorten one list if all lists of this CPU together are too long. */
static bool shorten(struct zb_zone *zone)
{
	struct pcp_batch batch zb_not_zeroed;
	struct zb_pcp *pcp;
	bool too_long;

	if (!zb_pcp_enter(zone, &pcp))
		return false;
	too_long = pcp->nr_pages > READ_ONCE(zone->pcp_high);
	if (too_long)
		shorten_next(zone, pcp, &batch);
	zb_pcp_leave(pcp);
	if (too_long && batch.nr)
		free_batch(zone, &batch);
	return too_long;
}

/*
 * Enter the lists to push a block, and return the type of its pageblock in @mt. The
 * type must be read inside: a drain that follows an isolation waits for CPUs that
 * have entered their lists. With a type read earlier, a block of an isolated
 * pageblock could be listed after that drain. The same holds for a zone that becomes
 * low, whose lists stay empty.
 */
static bool enter_to_free(struct zb_zone *zone, unsigned long pfn,
			  struct zb_pcp **pcp, unsigned int *mt)
{
	if (!zb_pcp_enter(zone, pcp))
		return false;
	*mt = READ_ONCE(zone->types[(pfn - zone->start_pfn) / ZB_PAGEBLOCK_NR]);
	if (likely(*mt < ZB_MIGRATE_PCPTYPES && !READ_ONCE(zone->below_fast_wmark)))
		return true;
	zb_pcp_leave(*pcp);
	return false;
}

/*
 * Free a block whose list is full, or while all lists together are too long. The lists have
 * been entered.
 */
static noinline void free_and_drain(struct zb_zone *zone, struct zb_pcp *pcp,
				    unsigned long pfn, unsigned int order,
				    unsigned int mt, bool cold)
{
	unsigned int limit = READ_ONCE(zone->pcp_limit[order]);
	struct pcp_batch batch zb_not_zeroed;
	unsigned int nr, listed = nr_listed(pcp, order, mt);
	bool too_long;

	batch.nr = 0;
	if (listed >= limit) {
		nr = blocks_to_move(zone, pcp, order, -1);
		take_coldest(pcp, order, mt, nr > listed - limit ? nr : listed - limit + 1,
			     &batch);
	}
	push(zone, pcp, order, mt, pfn - zone->start_pfn, cold);
	zb_pcp_count_event(pcp, ZB_PGFREE, BIT(order));
	too_long = pcp->nr_pages > READ_ONCE(zone->pcp_high);
	zb_pcp_leave(pcp);
	if (batch.nr)
		free_batch(zone, &batch);
	while (too_long)
		too_long = shorten(zone);
}

/**
 * zb_free_unref_page() - free a block to a per-CPU list, or else to the zone
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 * @cold: the block is not in the CPU caches, so it is to be reused last
 *
 * While the free frames of the zone are below @fast_wmark, blocks are freed to the
 * zone, because other CPUs cannot allocate what is on the lists of this one.
 *
 * Context: any but NMI; may take the zone lock. The caller has claimed the block
 * (zb_zone_claim()).
 */
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order, bool cold)
{
	struct zb_pcp *pcp;
	unsigned int mt;
	bool room;

	if (order >= ZB_PCP_ORDERS || !READ_ONCE(zone->pcp_limit[order]) ||
	    !enter_to_free(zone, pfn, &pcp, &mt)) {
		zb_free_one_page(zone, pfn, order);
		return;
	}
	room = nr_listed(pcp, order, mt) < READ_ONCE(zone->pcp_limit[order]) &&
	       pcp->nr_pages < READ_ONCE(zone->pcp_high);
	if (unlikely(!room)) {
		free_and_drain(zone, pcp, pfn, order, mt, cold);
		return;
	}
	push(zone, pcp, order, mt, pfn - zone->start_pfn, cold);
	zb_pcp_count_event(pcp, ZB_PGFREE, BIT(order));
	zb_pcp_leave(pcp);
}

/* --- drains ------------------------------------------------------------------ */

/**
 * zb_pcp_drain() - free all blocks on the lists of a CPU to the zone
 * @zone: zone of the lists
 * @cpu: any possible CPU; its lists are parked, and a grace period has elapsed
 *
 * The number of blocks that the CPU moves at once starts from the minimum again.
 *
 * Context: not an interrupt; one caller at a time; takes the zone lock once per
 * batch.
 */
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	struct pcp_batch batch zb_not_zeroed;
	unsigned int list;

	pcp->streak = 0;
	pcp->rotor = 0;
	for (list = 0; list < ZB_PCP_LISTS; list++)
		while (zb_pcp_nr(pcp, list)) {
			take_coldest(pcp, list / ZB_PCP_TYPES, list % ZB_PCP_TYPES,
				     ~0u, &batch);
			free_batch(zone, &batch);
		}
}

/* Free up to @most of the coldest blocks of a list of this CPU to the zone. */
static unsigned int drain_own_list(struct zb_zone *zone, unsigned int list,
				   unsigned int most)
{
	struct pcp_batch batch zb_not_zeroed;
	struct zb_pcp *pcp;

	if (!zb_pcp_enter(zone, &pcp))
		return 0;
	pcp->streak = 0;
	take_coldest(pcp, list / ZB_PCP_TYPES, list % ZB_PCP_TYPES, most, &batch);
	zb_pcp_leave(pcp);
	if (batch.nr)
		free_batch(zone, &batch);
	return batch.nr;
}

/**
 * zb_pcp_drain_own() - free the blocks on the lists of this CPU to the zone
 * @zone: zone of the lists
 *
 * Nothing is freed if the lists are parked, or in an interrupt that hit the CPU
 * while it used them. No more blocks are taken off a list than it can hold, so
 * that this terminates even while other contexts push blocks.
 *
 * Context: any but NMI; takes the zone lock once per batch.
 * Return: number of frames freed to the zone.
 */
unsigned long zb_pcp_drain_own(struct zb_zone *zone)
{
	unsigned int order, mt, nr, left;
	unsigned long pages = 0;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			left = ZB_PCP_CAPACITY(order);
			do {
				nr = drain_own_list(zone, zb_pcp_list(order, mt),
						    left);
				pages += (unsigned long)nr << order;
				left -= nr;
			} while (nr && left);
		}
	return pages;
}

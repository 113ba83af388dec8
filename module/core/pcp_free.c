// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frees to per-CPU lists, and moves blocks from the lists to the zone, the coldest ones first.
 *
 * A free to a full list moves a few blocks. Their number is limited by the time that this
 * takes: many single frames if they are adjacent, as in a list of frames that were freed in
 * the order of their addresses, but only MOST_SPREAD of them otherwise.
 */
#include "pcp_free.h"
#include "unfit.h"

#define MAX_STREAK	6	/* ZB_PCP_BATCH_MAX is reached from a batch of 1 */
#define MOST_SPREAD	4u	/* single frames that a free moves if they are not adjacent */
#define MOST_WORDS	12u	/* words with larger blocks that a free moves */

/* Is there room for one more block on a list, and on all lists together? */
static bool has_room(const struct zb_zone *zone, const struct zb_pcp *pcp,
		     unsigned int list)
{
	return zb_pcp_nr(pcp, list) < READ_ONCE(zone->pcp_limit[list / ZB_PCP_TYPES]) &&
	       pcp->nr_pages < READ_ONCE(zone->pcp_high);
}

/* --- moving blocks to the zone ------------------------------------------- */

/*
 * Blocks that were taken off a list and are to be freed to the zone: as words, or as first
 * frames if they are single frames that are not adjacent, or if their order is not below
 * ZB_WORD_ORDER.
 */
struct pcp_batch {
	unsigned int order;
	unsigned int mt;
	unsigned int nr;		/* blocks */
	bool as_words;
	bool fit;			/* no frame is unfit; unknown if false */
	struct zb_bulk words;
	u32 frame[ZB_BULK_MAX_DRAIN];
};

/* How many frames of a list, up to @nr, are adjacent, in either direction, in one word? */
static unsigned int nr_adjacent(const u32 *frames, unsigned int nr)
{
	u32 first = *frames, next, step = nr > 1 ? *(frames + 1) - first : 0;
	unsigned int room = first % 64 + 1;
	const u32 *frame, *end;

	if (step + 1 > 2 || !step)
		return 1;
	if (step == 1)
		room = 65 - room;
	next = first;
	for (frame = frames, end = frames + zb_at_most(nr, room);
	     frame < end && *frame == next; frame++)
		next += step;
	return frame - frames;
}

/* Adjacent frames in one word, from the @nr first ones on a list. */
static void take_adjacent(struct zb_bulk *words, const u32 *frames, unsigned int nr)
{
	u32 first = *frames < *(frames + nr - 1) ? *frames : *(frames + nr - 1);

	words->order = 0;
	words->nr = 1;
	*words->word = first / 64;
	*words->bits = ~0ull >> (64 - nr) << first % 64;
}

/* Copy up to @nr single frames, but at most @spread if they are not adjacent. */
static unsigned int take_singles(const struct zb_zone *zone, const u32 *frames,
				 unsigned int nr, unsigned int spread,
				 struct pcp_batch *batch)
{
	unsigned int adjacent = nr_adjacent(frames, nr);

	batch->as_words = adjacent >= MOST_SPREAD;
	if (batch->as_words) {
		nr = adjacent;
		take_adjacent(&batch->words, frames, nr);
	} else {
		nr = zb_at_most(nr, spread);
		memcpy(batch->frame, frames, nr * sizeof(*frames));
	}
	batch->fit = !zone->frame_ops || zone->frame_ops->all_fit(zone, frames, nr);
	return nr;
}

/*
 * Move up to @nr of the coldest blocks from a list, which is not empty, to @batch. The number is
 * smaller if they are spread over the zone: at most @spread if they are not split into words.
 */
static void take_coldest(const struct zb_zone *zone, struct zb_pcp *pcp, unsigned int list,
			 unsigned int nr, unsigned int spread, struct pcp_batch *batch)
{
	const u32 *frames = zb_pcp_frames(pcp, list);

	nr = zb_at_most(nr, zb_pcp_nr(pcp, list));
	batch->order = list / ZB_PCP_TYPES;
	batch->mt = list % ZB_PCP_TYPES;
	if (!batch->order) {
		nr = take_singles(zone, frames, nr, spread, batch);
	} else if (batch->order < ZB_WORD_ORDER) {
		batch->as_words = true;
		batch->fit = false;
		batch->words.order = batch->order;
		nr = zb_bulk_add(&batch->words, frames, nr, MOST_WORDS);
	} else {
		batch->as_words = false;
		nr = zb_at_most(nr, spread);
		memcpy(batch->frame, frames, nr * sizeof(*frames));
	}
	batch->nr = nr;
	zb_pcp_drop_cold(pcp, list, nr);
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

/* Free single frames, some of which are unfit. */
static noinline void free_unfit_singles(struct zb_zone *zone, const u32 *frames,
					unsigned int nr, unsigned int mt)
{
	struct zb_bulk words zb_not_zeroed;

	words.order = 0;
	zb_bulk_add(&words, frames, nr, ZB_BULK_MAX_DRAIN);
	zb_bulk_drop_unfit(zone, &words);
	zb_free_pcppages_bulk(zone, &words, mt);
}

/* Free the blocks of @batch, which has at least one, to the zone. */
static void free_batch(struct zb_zone *zone, struct pcp_batch *batch)
{
	if (batch->as_words) {
		if (!batch->fit)
			zb_bulk_drop_unfit(zone, &batch->words);
		zb_free_pcppages_bulk(zone, &batch->words, batch->mt);
	} else if (batch->order) {
		drop_unfit(zone, batch);
		if (batch->nr)
			free_frames(zone, batch);
	} else if (likely(batch->fit)) {
		zb_free_singles(zone, batch->frame, batch->nr, batch->mt);
	} else {
		free_unfit_singles(zone, batch->frame, batch->nr, batch->mt);
	}
}

/* --- number of blocks to move --------------------------------------------- */

/**
 * zb_pcp_count_move() - count that blocks were moved between a list and the zone
 * @pcp: the lists, which have been entered
 * @direction: 1 for a refill, -1 for a drain
 */
void zb_pcp_count_move(struct zb_pcp *pcp, int direction)
{
	int before = pcp->streak * direction;

	if (before < 0)
		before = 0;
	pcp->streak = direction * (before < MAX_STREAK ? before + 1 : before);
}

/**
 * zb_pcp_blocks_to_move() - how many blocks to move between a list and the zone
 * @zone: zone of the lists
 * @pcp: the lists, which have been entered
 * @order: order of the blocks
 * @direction: 1 for a refill, -1 for a drain
 *
 * Return: with each move in the same direction twice as many as before, but not more than
 * ZB_PCP_BATCH_MAX frames, or one block.
 */
unsigned int zb_pcp_blocks_to_move(const struct zb_zone *zone, const struct zb_pcp *pcp,
				   unsigned int order, int direction)
{
	unsigned int nr = READ_ONCE(zone->pcp_batch[order]);
	int before = pcp->streak * direction;

	if (before > 0)
		nr <<= before;
	return zb_at_most(nr, order < ZB_WORD_ORDER ? ZB_PCP_BATCH_MAX >> order : 1);
}

/* The next list, in turn, that is not empty. Types without lists are passed over. */
static unsigned int next_in_turn(const struct zb_pcp *pcp)
{
	unsigned int i, list = pcp->rotor;

	/* Often all blocks are on one list. */
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

/*
 * Take a few blocks off a list that is full. If all lists together are too long, take them off
 * the next list, in turn, that is not empty, but not more than half of it.
 */
static void take_excess(const struct zb_zone *zone, struct zb_pcp *pcp, unsigned int list,
			struct pcp_batch *batch)
{
	unsigned int nr = zb_pcp_nr(pcp, list), order = list / ZB_PCP_TYPES;

	batch->nr = 0;
	if (has_room(zone, pcp, list))
		return;
	if (nr < READ_ONCE(zone->pcp_limit[order])) {
		list = next_in_turn(pcp);
		pcp->rotor = list;
		order = list / ZB_PCP_TYPES;
		nr = (zb_pcp_nr(pcp, list) + 1) / 2;
	}
	nr = zb_at_most(zb_pcp_blocks_to_move(zone, pcp, order, -1), nr);
	zb_pcp_count_move(pcp, -1);
	take_coldest(zone, pcp, list, nr, MOST_SPREAD, batch);
}

/* --- frees ------------------------------------------------------------------- */

/*
 * Enter the lists to push a block, and return the list of its pageblock in @list. The type
 * of the pageblock must be read inside: a drain that follows an isolation waits for CPUs
 * that have entered their lists. With a type read earlier, a block of an isolated pageblock
 * could be listed after that drain. The same holds for a zone that becomes low, whose lists
 * stay empty.
 */
static bool enter_to_free(struct zb_zone *zone, unsigned long pfn, unsigned int order,
			  struct zb_pcp **pcp, unsigned int *list)
{
	unsigned int mt;

	if (!zb_pcp_enter(zone, pcp))
		return false;
	mt = READ_ONCE(zone->types[(pfn - zone->start_pfn) / ZB_PAGEBLOCK_NR]);
	*list = zb_pcp_list(order, mt);
	if (likely(mt < ZB_MIGRATE_PCPTYPES && !READ_ONCE(zone->below_fast_wmark)))
		return true;
	zb_pcp_leave(*pcp);
	return false;
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

/*
 * Push a block whose list is full, or while all lists together are too long, and free a few of
 * the coldest blocks to the zone. The lists have been entered. Returns false if there is no
 * room for the block then. This may be so if a limit was lowered, or if other lists have
 * smaller blocks.
 */
static noinline bool push_and_drain(struct zb_zone *zone, struct zb_pcp *pcp, unsigned int list,
				    unsigned long pfn, bool cold)
{
	struct pcp_batch batch zb_not_zeroed;
	bool room;

	take_excess(zone, pcp, list, &batch);
	room = has_room(zone, pcp, list);
	if (room) {
		zb_pcp_push(zone, pcp, list, pfn - zone->start_pfn, cold);
		zb_pcp_count_event(pcp, ZB_PGFREE, BIT(list / ZB_PCP_TYPES));
	}
	zb_pcp_leave(pcp);
	if (batch.nr)
		free_batch(zone, &batch);
	return room;
}

/*
 * The usual case of push_and_drain(), made fast: a single frame is pushed on the only list
 * that is not empty, and the coldest frames are not adjacent. Returns their number, which is
 * 0 in all other cases.
 */
static __always_inline unsigned int push_and_take_few(const struct zb_zone *zone,
						      struct zb_pcp *pcp, unsigned int mt,
						      u32 frame, u32 few[MOST_SPREAD])
{
	u16 *top = pcp->top + mt;
	u8 *gap = pcp->gap + mt;
	u32 *start = pcp->frame + *(zb_pcp_start + mt), *first = start + *gap;

	if (pcp->nr_pages != READ_ONCE(zone->pcp_high) ||
	    first + pcp->nr_pages != pcp->frame + *top || pcp->nr_pages < 2 * MOST_SPREAD ||
	    *top >= READ_ONCE(*(zone->fast_top + mt)) || *gap > (u8)~0 - MOST_SPREAD ||
	    *(first + 1) - *first + 1 <= 2)
		return 0;
	memcpy(few, first, MOST_SPREAD * sizeof(*few));
	*(first + MOST_SPREAD - 1) = *(start - 1);
	*gap += MOST_SPREAD;
	*(pcp->frame + *top) = frame;
	++*top;
	zb_count(pcp->nr_pages, 1 - MOST_SPREAD);
	zb_count(*pcp->nr_fast_free, 1);
	if (pcp->streak > 0)
		pcp->streak = 0;
	return MOST_SPREAD;
}

static bool claim_block(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	u8 state = zb_zone_state(zone, pfn);

	return likely(zb_state_is_block(state, order)) && zb_zone_claim(zone, pfn, state);
}

/* Free a claimed block to the zone, where its frames must be fit. */
static noinline void check_and_free(struct zb_zone *zone, unsigned long pfn,
				    unsigned int order)
{
	if (likely(zb_block_seems_fit(zone, pfn, order)))
		zb_free_one_page(zone, pfn, order);
	else
		zb_free_unfit(zone, pfn, order, NULL);
}

/**
 * zb_pcp_free_full() - free a block whose list is probably full
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order, below ZB_PCP_ORDERS
 *
 * Context: any but NMI; may take the zone lock.
 * Return: false, with nothing changed, if the lists cannot be used, or if no allocated block of
 * this order starts there.
 */
bool zb_pcp_free_full(struct zb_zone *zone, unsigned long pfn, unsigned int order)
{
	u32 few[MOST_SPREAD] zb_not_zeroed;
	unsigned int list, nr = 0;
	struct zb_pcp *pcp;

	if (!enter_to_free(zone, pfn, order, &pcp, &list))
		return false;
	if (unlikely(!claim_block(zone, pfn, order))) {
		zb_pcp_leave(pcp);
		return false;
	}
	if (likely(!order))
		nr = push_and_take_few(zone, pcp, list, pfn - zone->start_pfn, few);
	if (unlikely(!nr)) {
		if (!push_and_drain(zone, pcp, list, pfn, false))
			check_and_free(zone, pfn, order);
		return true;
	}
	zb_pcp_leave(pcp);
	if (likely(!zone->frame_ops || zone->frame_ops->all_fit(zone, few, nr)))
		zb_free_singles(zone, few, nr, list);
	else
		free_unfit_singles(zone, few, nr, list);
	return true;
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
	unsigned int list;

	if (order >= ZB_PCP_ORDERS || !READ_ONCE(zone->pcp_limit[order]) ||
	    !enter_to_free(zone, pfn, order, &pcp, &list)) {
		zb_free_one_page(zone, pfn, order);
		return;
	}
	if (unlikely(!has_room(zone, pcp, list))) {
		if (!push_and_drain(zone, pcp, list, pfn, cold))
			zb_free_one_page(zone, pfn, order);
		return;
	}
	zb_pcp_push(zone, pcp, list, pfn - zone->start_pfn, cold);
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
			take_coldest(zone, pcp, list, ZB_PCP_BATCH_MAX,
				     ZB_BULK_MAX_DRAIN, &batch);
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
	batch.nr = 0;
	if (zb_pcp_nr(pcp, list))
		take_coldest(zone, pcp, list, zb_at_most(most, ZB_PCP_BATCH_MAX),
			     ZB_BULK_MAX_DRAIN, &batch);
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

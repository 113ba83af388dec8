// SPDX-License-Identifier: GPL-2.0-only
#include "pcp.h"
#include "unfit.h"

#define ZB_NO_FRAME	(~0u)
#define MAX_STREAK	6	/* more than this has no list room for */

static unsigned int at_most(unsigned long n, unsigned int max)
{
	return n < max ? n : max;
}

/* --- a list ----------------------------------------------------------- */

static u32 *frames_of(struct zb_pcp *pcp, unsigned int order, unsigned int mt)
{
	return pcp->frame + zb_pcp_start[zb_pcp_list(order, mt)];
}

static unsigned int nr_listed(const struct zb_pcp *pcp, unsigned int order,
			      unsigned int mt)
{
	return zb_pcp_nr(pcp, zb_pcp_list(order, mt));
}

/* @nr blocks more, or less, are on a list. */
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

/* Take the @nr coldest blocks, of which the caller has made a note. */
static void drop_cold(struct zb_pcp *pcp, unsigned int order, unsigned int mt,
		      unsigned int nr)
{
	u32 *frames = frames_of(pcp, order, mt);

	count_listed(pcp, order, mt, -(long)nr);
	memmove(frames, frames + nr, nr_listed(pcp, order, mt) * sizeof(*frames));
}

static u32 pop_cold(struct zb_pcp *pcp, unsigned int order, unsigned int mt)
{
	u32 frame = *frames_of(pcp, order, mt);

	if (!nr_listed(pcp, order, mt))
		return ZB_NO_FRAME;
	drop_cold(pcp, order, mt, 1);
	return frame;
}

/* There is room. */
static void push(struct zb_pcp *pcp, unsigned int order, unsigned int mt,
		 u32 frame, bool cold)
{
	u32 *frames = frames_of(pcp, order, mt);
	unsigned int nr = nr_listed(pcp, order, mt);

	count_listed(pcp, order, mt, 1);
	if (cold) {
		memmove(frames + 1, frames, nr * sizeof(*frames));
		nr = 0;
	}
	frames[nr] = frame;
}

/* --- between a list and the zone ---------------------------------------- */

/* What a list gives back: words, or first frames of larger blocks. */
struct pcp_batch {
	unsigned int order;
	unsigned int mt;
	unsigned int nr;		/* blocks */
	struct zb_bulk words;
	u32 frame[ZB_PCP_CAPACITY(ZB_WORD_ORDER)];
};

/* Take up to @nr of the coldest blocks off a list. */
static void take_coldest(struct zb_pcp *pcp, unsigned int order, unsigned int mt,
			 unsigned int nr, struct pcp_batch *batch)
{
	const u32 *frames = frames_of(pcp, order, mt);

	nr = at_most(nr, nr_listed(pcp, order, mt));
	batch->order = order;
	batch->mt = mt;
	batch->words.order = order;
	if (order < ZB_WORD_ORDER)
		nr = zb_bulk_add(&batch->words, frames, nr);
	else
		memcpy(batch->frame, frames, nr * sizeof(*frames));
	batch->nr = nr;
	drop_cold(pcp, order, mt, nr);
}

static void give_frames(struct zb_zone *zone, const struct pcp_batch *batch)
{
	unsigned long flags, pfn;
	unsigned int i;

	zb_lock_irqsave(&zone->lock, flags);
	for (i = 0; i < batch->nr; i++) {
		pfn = zone->start_pfn + batch->frame[i];
		zb_trace_pcpu_drain(pfn, batch->order, batch->mt);
		__zb_free_one_page(zone, pfn, batch->order);
	}
	__zb_count_event(zone, ZB_PCP_DRAIN, batch->nr);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Keep unfit frames of blocks out of use that are larger than a word. */
static void drop_unfit(struct zb_zone *zone, struct pcp_batch *batch)
{
	unsigned int i, nr = 0;
	unsigned long pfn;

	for (i = 0; i < batch->nr; i++) {
		pfn = zone->start_pfn + batch->frame[i];
		if (likely(zb_block_fit(zone, pfn, batch->order)))
			batch->frame[nr++] = batch->frame[i];
		else
			zb_cut_unfit(zone, pfn, batch->order, NULL);
	}
	batch->nr = nr;
}

/* Give back what was taken off a list. */
static void free_batch(struct zb_zone *zone, struct pcp_batch *batch)
{
	if (batch->order < ZB_WORD_ORDER) {
		zb_words_drop_unfit(zone, &batch->words);
		zb_free_pcppages_bulk(zone, &batch->words, batch->mt);
		return;
	}
	drop_unfit(zone, batch);
	if (batch->nr)
		give_frames(zone, batch);
}

/* --- how much at once ----------------------------------------------------- */

/* How often in a row it was this way (1 for refills, -1 for drains) before. */
static unsigned int streak(struct zb_pcp *pcp, int way)
{
	int before = pcp->streak * way;

	if (before < 0)
		before = 0;
	pcp->streak = way * (before < MAX_STREAK ? before + 1 : before);
	return before;
}

/* Twice as many as last time, if it went the same way then. */
static unsigned int blocks_to_move(const struct zb_zone *zone,
				   struct zb_pcp *pcp, unsigned int order,
				   int way)
{
	return READ_ONCE(zone->pcp_batch[order]) << streak(pcp, way);
}

/* Make room on a list. Where it has become too long all of that goes. */
static void make_room(const struct zb_zone *zone, struct zb_pcp *pcp,
		      unsigned int order, unsigned int mt,
		      unsigned int excess, struct pcp_batch *batch)
{
	unsigned int nr = blocks_to_move(zone, pcp, order, -1);

	take_coldest(pcp, order, mt, excess > nr ? excess : nr, batch);
}

/* Take up to half of the next list that has something; each has its turn. */
static void shorten_next(const struct zb_zone *zone, struct zb_pcp *pcp,
			 struct pcp_batch *batch)
{
	unsigned int i, order, nr, list = pcp->rotor;

	for (i = 0; i < ZB_PCP_LISTS; i++) {
		list = (list + 1) % ZB_PCP_LISTS;
		if (zb_pcp_nr(pcp, list))
			break;
	}
	pcp->rotor = list;
	order = list / ZB_PCP_TYPES;
	nr = at_most(blocks_to_move(zone, pcp, order, -1),
		     (zb_pcp_nr(pcp, list) + 1) / 2);
	take_coldest(pcp, order, list % ZB_PCP_TYPES, nr, batch);
}

/* All lists together may not hold more than they should after a refill. */
static unsigned int blocks_to_take(const struct zb_zone *zone,
				   struct zb_pcp *pcp, unsigned int order)
{
	unsigned int high = READ_ONCE(zone->pcp_high), room = 0;

	if (high > pcp->nr_pages)
		room = (high - pcp->nr_pages) >> order;
	room = at_most(room, blocks_to_move(zone, pcp, order, 1));
	return room ? room : 1;
}

/* --- refill ---------------------------------------------------------------- */

/* May blocks of this word be listed, or has its pageblock been isolated? */
static bool word_isolated(const struct zb_zone *zone, u32 word)
{
	return READ_ONCE(zone->types[word / ZB_PAGEBLOCK_WORDS]) ==
	       ZB_MIGRATE_ISOLATE;
}

/*
 * List blocks as far as there is room, the last ones first, so that those at
 * the lowest addresses are the first to be used. What is left stays in @words.
 * The zone lock was dropped after the blocks were taken, so a pageblock may have
 * been isolated and all lists drained: its blocks must not be listed after that.
 */
static void push_words(const struct zb_zone *zone, struct zb_pcp *pcp,
		       unsigned int mt, unsigned int limit,
		       struct zb_bulk *words)
{
	unsigned int nr, listed = nr_listed(pcp, words->order, mt);
	u32 first, *frame = frames_of(pcp, words->order, mt) + listed;
	unsigned int room = limit > listed ? limit - listed : 0;
	u64 starts;

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

/* The first block is the caller's, and stays so. The rest is listed. */
static u32 refill(struct zb_zone *zone, unsigned int order, unsigned int mt,
		  unsigned int alloc_flags, unsigned int nr)
{
	struct zb_bulk words zb_not_zeroed;
	struct zb_pcp *pcp;
	u32 frame;

	words.order = order;
	zb_rmqueue_bulk(zone, mt, alloc_flags, nr, &words);
	zb_words_drop_unfit(zone, &words);
	if (!words.nr)
		return ZB_NO_FRAME;
	frame = zb_bulk_pop(&words);
	if (zb_pcp_enter(zone, &pcp)) {
		push_words(zone, pcp, mt, READ_ONCE(zone->pcp_limit[order]), &words);
		zb_pcp_leave(pcp);
	}
	zb_free_pcppages_bulk(zone, &words, mt);
	return frame;
}

/**
 * zb_pcp_rmqueue() - take a block from this CPU's lists, refilled if need be
 * @zone: where
 * @order: below ZB_PCP_ORDERS
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @alloc_flags: ZB_ALLOC_CMA, _NOFRAGMENT and _COLD count here
 *
 * Lists of orders that don't fit into a word are not refilled. Where the lists can't
 * be used now there is nothing to be had from here.
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

	/* Nothing could be listed, so take one block from the zone, not a batch. */
	if (!zb_pcp_enter(zone, &pcp))
		return ZB_NO_PFN;
	frame = alloc_flags & ZB_ALLOC_COLD ? pop_cold(pcp, order, mt) :
					      pop(pcp, order, mt);
	if (frame == ZB_NO_FRAME)
		nr = blocks_to_take(zone, pcp, order);
	zb_pcp_leave(pcp);
	if (frame == ZB_NO_FRAME && order < ZB_WORD_ORDER)
		frame = refill(zone, order, mt, alloc_flags, nr);
	return frame == ZB_NO_FRAME ? ZB_NO_PFN : zone->start_pfn + frame;
}

/**
 * zb_free_one_page() - free a block past the per-CPU lists
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

/* Have a list shortened if there is too much on all of them. */
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
	if (too_long)
		free_batch(zone, &batch);
	return too_long;
}

/*
 * Enter to put a block on a list of @mt, the type of its pageblock. That is read
 * inside: a drain that follows an isolation waits for all that are inside, so a
 * type that was read before might put an isolated block on a list after it.
 */
static bool enter_to_free(struct zb_zone *zone, unsigned long pfn,
			  struct zb_pcp **pcp, unsigned int *mt)
{
	if (!zb_pcp_enter(zone, pcp))
		return false;
	*mt = READ_ONCE(zone->types[(pfn - zone->start_pfn) / ZB_PAGEBLOCK_NR]);
	if (likely(*mt < ZB_MIGRATE_PCPTYPES))
		return true;
	zb_pcp_leave(*pcp);
	return false;
}

/* The list of the block is full, or all of them are. */
static noinline void free_and_drain(struct zb_zone *zone, unsigned long pfn,
				    unsigned int order, bool cold)
{
	unsigned int mt, nr, limit = READ_ONCE(zone->pcp_limit[order]);
	struct pcp_batch batch zb_not_zeroed;
	struct zb_pcp *pcp;

	if (!limit || !enter_to_free(zone, pfn, &pcp, &mt)) {
		zb_free_one_page(zone, pfn, order);
		return;
	}
	nr = nr_listed(pcp, order, mt);
	if (nr >= limit)
		make_room(zone, pcp, order, mt, nr - limit + 1, &batch);
	else
		take_coldest(pcp, order, mt, 0, &batch);
	push(pcp, order, mt, pfn - zone->start_pfn, cold);
	zb_pcp_count_event(pcp, ZB_PGFREE, BIT(order));
	zb_pcp_leave(pcp);
	free_batch(zone, &batch);
	while (shorten(zone))
		;
}

/**
 * zb_free_unref_page() - free a block through the per-CPU lists if it can
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 * @cold: it is in no cache: to be used again last
 *
 * While a zone is low its frames are freed to the zone, because what one CPU keeps
 * on a list no other CPU can have.
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

	if (!zb_pcp_order(order) || READ_ONCE(zone->below_fast_wmark) ||
	    !enter_to_free(zone, pfn, &pcp, &mt)) {
		zb_free_one_page(zone, pfn, order);
		return;
	}
	room = nr_listed(pcp, order, mt) < READ_ONCE(zone->pcp_limit[order]) &&
	       pcp->nr_pages < READ_ONCE(zone->pcp_high);
	if (likely(room)) {
		push(pcp, order, mt, pfn - zone->start_pfn, cold);
		zb_pcp_count_event(pcp, ZB_PGFREE, BIT(order));
	}
	zb_pcp_leave(pcp);
	if (unlikely(!room))
		free_and_drain(zone, pfn, order, cold);
}

/* --- drains ------------------------------------------------------------------ */

/**
 * zb_pcp_park() - have a CPU go past its lists
 * @zone: whose lists
 * @cpu: any possible CPU
 * @why: what they are to be parked for
 *
 * The CPU may still be at work on them: wait for a grace period.
 *
 * Context: any; one caller at a time.
 * Return: true if they were not parked before.
 */
bool zb_pcp_park(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);

	if (READ_ONCE(pcp->parked) != ZB_PCP_OPEN)
		return false;
	WRITE_ONCE(pcp->parked, why);
	return true;
}

/**
 * zb_pcp_unpark() - let a CPU use its lists again
 * @zone: whose lists
 * @cpu: any possible CPU
 * @why: nothing happens if they are parked for something else
 *
 * Context: any; one caller at a time.
 */
void zb_pcp_unpark(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);

	/* Pairs with zb_pcp_enter(). */
	if (zb_pcp_is_parked(zone, cpu, why))
		zb_store_release(&pcp->parked, ZB_PCP_OPEN);
}

/**
 * zb_pcp_is_parked() - are a CPU's lists parked, and for this?
 * @zone: whose lists
 * @cpu: any possible CPU
 * @why: for what
 *
 * Context: any.
 * Return: true if they are.
 */
bool zb_pcp_is_parked(const struct zb_zone *zone, unsigned int cpu,
		      enum zb_pcp_parked why)
{
	return READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->parked) == why;
}

/**
 * zb_pcp_drain() - give back all that a CPU keeps of a zone
 * @zone: whose lists
 * @cpu: any possible CPU; its lists are parked, and a grace period has passed
 *
 * What it did before does not count any more for how much it moves at once.
 *
 * Context: not an interrupt; one caller at a time; takes the zone lock, once per
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

/* Give back up to @most of the coldest blocks of one of this CPU's lists. */
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
	free_batch(zone, &batch);
	return batch.nr;
}

/**
 * zb_pcp_drain_own() - give back what the calling CPU keeps of a zone
 * @zone: whose lists
 *
 * Nothing is given back by an interrupt on top of the lists, or if they are
 * parked. No more blocks are taken than a list has room for, so that this ends
 * also while others free.
 *
 * Context: any but NMI; takes the zone lock, once per batch.
 * Return: frames that were given back.
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

/**
 * zb_pcp_nr_pages() - what a CPU keeps of a zone
 * @zone: whose lists
 * @cpu: any possible CPU
 *
 * Context: any.
 * Return: frames, as of some recent moment.
 */
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu)
{
	return READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->nr_pages);
}

/**
 * zb_zone_nr_cached() - what all CPUs keep of a zone
 * @zone: whose lists
 *
 * Context: any.
 * Return: frames, as of some recent moment.
 */
unsigned long zb_zone_nr_cached(const struct zb_zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		nr += zb_pcp_nr_pages(zone, cpu);
	return nr;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "range.h"

enum chunk_kind {
	CHUNK_FREE,
	CHUNK_EVICTABLE,
	CHUNK_BLOCKED,
};

/**
 * struct chunk - adjacent frames of one kind
 * @kind: what they are
 * @start: first frame
 * @end: the frame behind the last one
 */
struct chunk {
	enum chunk_kind kind;
	unsigned long start;
	unsigned long end;
};

/**
 * struct position - a range that is being considered
 * @pfn: its first frame
 * @tail: start of the chunk that contains @pfn, or @pfn
 * @head: all chunks from @tail up to this frame are part of @cost
 * @run: where the free run begins that @pfn is in, if @cost is 0
 * @cost: size of the evictable chunks
 */
struct position {
	unsigned long pfn;
	unsigned long tail;
	unsigned long head;
	unsigned long run;
	unsigned long cost;
};

static bool test_frame(const u64 *bits, unsigned long i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

/* Set or clear the bits from @i up to @end. */
static void set_frames(u64 *bits, unsigned long i, unsigned long end, bool set)
{
	for (; i < end; i++) {
		if (set)
			bits[i / 64] |= 1ull << i % 64;
		else
			bits[i / 64] &= ~(1ull << i % 64);
	}
}

/**
 * zb_range_survey_size() - size of the bitmaps of a survey
 * @zone: its zone
 *
 * Return: bytes that the caller of zb_range_survey_init() has to provide.
 */
size_t zb_range_survey_size(const struct zb_zone *zone)
{
	return zone->nr_pages / 64 * 2 * sizeof(u64);
}

/**
 * zb_range_survey_init() - initialize a survey, without evictable allocations
 * @survey: filled in
 * @zone: its zone
 * @bits: memory of zb_range_survey_size() bytes, all zero
 */
void zb_range_survey_init(struct zb_range_survey *survey, const struct zb_zone *zone,
			  u64 *bits)
{
	*survey = (struct zb_range_survey){
		.evictable = bits, .starts = bits + zone->nr_pages / 64,
	};
}

static bool type_usable(const struct zb_range_search *s, unsigned long pfn)
{
	unsigned int mt = READ_ONCE(zb_pfn_pageblock(s->zone, pfn)->migratetype);

	return mt < ZB_MIGRATE_PCPTYPES || (mt == ZB_MIGRATE_CMA && s->cma) ||
	       (mt == ZB_MIGRATE_HIGHATOMIC && s->highatomic);
}

static bool types_usable(const struct zb_range_search *s, unsigned long pfn, unsigned long end)
{
	for (; pfn < end; pfn = ALIGN(pfn + 1, ZB_PAGEBLOCK_NR))
		if (!type_usable(s, pfn))
			return false;
	return true;
}

/**
 * zb_range_mark() - record that an allocation is evictable
 * @survey: the survey
 * @zone: its zone
 * @pfn: first frame of the allocation
 * @nr_pages: number of its frames
 *
 * If the allocation is not in the zone, nothing is recorded.
 */
void zb_range_mark(struct zb_range_survey *survey, const struct zb_zone *zone,
		   unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i = pfn - zone->start_pfn;

	if (!zb_zone_has(zone, pfn) || nr_pages > zone->nr_pages - i)
		return;
	set_frames(survey->evictable, i, i + nr_pages, true);
	set_frames(survey->starts, i, i + nr_pages, false);
	set_frames(survey->starts, i, i + 1, true);
}

/**
 * zb_range_unmark() - undo zb_range_mark()
 * @survey: the survey
 * @zone: its zone
 * @pfn: first frame of the allocation
 * @nr_pages: number of its frames
 */
void zb_range_unmark(struct zb_range_survey *survey, const struct zb_zone *zone,
		     unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i = pfn - zone->start_pfn;

	if (!zb_zone_has(zone, pfn) || nr_pages > zone->nr_pages - i)
		return;
	set_frames(survey->evictable, i, i + nr_pages, false);
	set_frames(survey->starts, i, i + nr_pages, false);
}

/**
 * zb_range_give_up() - do not find a range again that did not become free
 * @survey: the survey
 * @zone: its zone
 * @pfn: first frame of the range
 * @nr_pages: number of its frames
 *
 * Allocations in the range do not count as evictable any more, and blocks that seem to be on a
 * per-CPU list do not count as free, because a task that is not running may own them.
 */
void zb_range_give_up(struct zb_range_survey *survey, const struct zb_zone *zone,
		      unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	zb_range_unmark(survey, zone, pfn, nr_pages);
	for (; pfn < end; pfn++)
		if (ZB_STATE_BLOCK(zb_zone_state(zone, pfn)) == ZB_BLOCK_PCP)
			set_frames(survey->starts, pfn - zone->start_pfn,
				   pfn - zone->start_pfn + 1, true);
}

/* The frame behind the evictable allocation that contains frame @i, as offsets in the zone. */
static unsigned long end_of_evictable(const struct zb_range_survey *survey,
				      const struct zb_zone *zone, unsigned long i)
{
	u64 bits;

	for (i++; i < zone->nr_pages; i = (i | 63) + 1) {
		bits = (~survey->evictable[i / 64] | survey->starts[i / 64]) >> i % 64;
		if (bits)
			return i + __ffs64(bits);
	}
	return zone->nr_pages;
}

static unsigned long start_of_evictable(const struct zb_range_survey *survey,
					unsigned long i)
{
	while (i && !test_frame(survey->starts, i) && test_frame(survey->evictable, i - 1))
		i--;
	return i;
}

/* The frame behind the free frames from @pfn on, in the same pageblock. */
static unsigned long end_of_free(const struct zb_range_search *s, unsigned long pfn)
{
	const struct zb_pageblock *pb = zb_pfn_pageblock(s->zone, pfn);
	unsigned int bit = pfn % 64;
	u64 used;

	if (!s->survey && READ_ONCE(pb->nr_free) == ZB_PAGEBLOCK_NR)
		return ALIGN(pfn + 1, ZB_PAGEBLOCK_NR);
	used = ~READ_ONCE(pb->free[pfn % ZB_PAGEBLOCK_NR / 64]);
	/* A frame of the survey may have been freed since the survey was made. */
	if (s->survey)
		used |= s->survey->evictable[(pfn - s->zone->start_pfn) / 64];
	used >>= bit;
	return used ? pfn + __ffs64(used) : ALIGN(pfn + 1, 64ul);
}

/*
 * Look at the chunk that contains @pfn. Only the chunk of an evictable allocation may start
 * before @pfn. No lock is held, so the result is an estimate.
 */
static void look_at(const struct zb_range_search *s, unsigned long pfn, struct chunk *c)
{
	const struct zb_zone *zone = s->zone;
	unsigned long i = pfn - zone->start_pfn;
	u8 state;

	*c = (struct chunk){ .kind = CHUNK_BLOCKED, .start = pfn, .end = pfn + 1 };
	if (!type_usable(s, pfn)) {
		c->end = ALIGN(pfn + 1, ZB_PAGEBLOCK_NR);
		return;
	}
	if (s->survey && test_frame(s->survey->evictable, i)) {
		c->kind = CHUNK_EVICTABLE;
		c->start = zone->start_pfn + start_of_evictable(s->survey, i);
		c->end = zone->start_pfn + end_of_evictable(s->survey, zone, i);
		if (!types_usable(s, c->start, c->end)) {
			c->kind = CHUNK_BLOCKED;
			c->start = pfn;
		}
		return;
	}
	state = zb_zone_state(zone, pfn);
	if (!state && zb_frame_is_free(zone, pfn)) {
		c->kind = CHUNK_FREE;
		c->end = end_of_free(s, pfn);
	} else if (state) {
		c->end = pfn + BIT(zb_state_order(state));
		/* A request with a survey drains the per-CPU lists before it takes frames. */
		if (s->survey && ZB_STATE_BLOCK(state) == ZB_BLOCK_PCP &&
		    !test_frame(s->survey->starts, i))
			c->kind = CHUNK_FREE;
	}
}

/**
 * zb_range_used() - count the frames of a range that are not free
 * @zone: the zone
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Blocks on per-CPU lists count as free. The state bytes are read without the zone lock, so the
 * result is only an estimate unless the pageblocks are isolated.
 *
 * Context: may sleep.
 * Return: the number of frames that are allocated or out of use.
 */
unsigned long zb_range_used(const struct zb_zone *zone, unsigned long pfn,
			    unsigned long nr_pages)
{
	unsigned long size, used = 0, end = pfn + nr_pages;
	u8 state;

	for (; pfn < end; pfn += size) {
		state = zb_zone_state(zone, pfn);
		size = state ? BIT(zb_state_order(state)) : 1;
		if (size > end - pfn)
			size = end - pfn;
		if (state ? ZB_STATE_BLOCK(state) != ZB_BLOCK_PCP : !zb_frame_is_free(zone, pfn))
			used += size;
		if (!(pfn % ZB_PAGEBLOCK_NR))
			zb_cond_resched();
	}
	return used;
}

static unsigned long search_end(const struct zb_zone *zone, const struct zb_range *range)
{
	return range->end_pfn < zb_zone_end(zone) ? range->end_pfn : zb_zone_end(zone);
}

/* Start over at the first aligned frame from @pfn on. Returns false at the end of the zone. */
static bool go_to(const struct zb_zone *zone, const struct zb_range *range,
		  struct position *at, unsigned long pfn)
{
	unsigned long end = search_end(zone, range), first = ALIGN(pfn, BIT(range->align_order));

	/* ALIGN() wraps around to 0 if there is no aligned frame number above @pfn. */
	if (first < pfn || first >= end || end - first < range->nr_pages)
		return false;
	*at = (struct position){ .pfn = first, .tail = first, .head = first, .run = pfn };
	return true;
}

static unsigned long first_frame(const struct zb_zone *zone, const struct zb_range *range)
{
	return range->first_pfn > zone->start_pfn ? range->first_pfn : zone->start_pfn;
}

/**
 * zb_range_fits() - check whether a zone is large enough for a range
 * @zone: the zone
 * @range: the range
 *
 * Context: any.
 * Return: true if the range would fit into the zone if all of it were free.
 */
bool zb_range_fits(const struct zb_zone *zone, const struct zb_range *range)
{
	struct position at;

	return range->align_order < 8 * sizeof(unsigned long) &&
	       go_to(zone, range, &at, first_frame(zone, range));
}

/* Add the cost of all chunks of the range. Returns false if @c, one of them, is blocked. */
static bool add_chunks(const struct zb_range_search *s, struct position *at, struct chunk *c)
{
	while (at->head < at->pfn + s->range->nr_pages) {
		look_at(s, at->head, c);
		if (c->kind == CHUNK_BLOCKED)
			return false;
		if (c->kind == CHUNK_EVICTABLE)
			at->cost += c->end - c->start;
		at->head = c->end;
		if (!(at->head % ZB_PAGEBLOCK_NR))
			zb_cond_resched();
	}
	return true;
}

/* Move to the first aligned frame behind the first evictable chunk of the range. */
static bool advance(const struct zb_range_search *s, struct position *at)
{
	unsigned long next, end = at->head;
	struct chunk c;

	do {
		look_at(s, at->tail, &c);
		at->tail = c.end;
	} while (c.kind != CHUNK_EVICTABLE && c.end < end);
	next = ALIGN(c.end, BIT(s->range->align_order));
	/* The state may have changed, so that less than the chunk was counted. */
	if (next < c.end || next >= end || c.kind != CHUNK_EVICTABLE ||
	    at->cost < c.end - c.start)
		return go_to(s->zone, s->range, at, c.end);
	at->cost -= c.end - c.start;
	at->run = c.end;
	for (; at->tail < next; at->tail = c.end) {
		look_at(s, at->tail, &c);
		if (c.end > next)
			break;
		if (c.kind != CHUNK_EVICTABLE)
			continue;
		if (at->cost < c.end - c.start)
			return go_to(s->zone, s->range, at, c.end);
		at->cost -= c.end - c.start;
		at->run = c.end;
	}
	at->pfn = next;
	/* A chunk may begin before the end of the search and end behind it. */
	end = search_end(s->zone, s->range);
	return next < end && end - next >= s->range->nr_pages;
}

/* Extend a free range to all of its run. Ranges in the chunk behind it cost more. */
static bool pass_run(const struct zb_range_search *s, struct position *at,
		     struct zb_range_place *place)
{
	unsigned long end = search_end(s->zone, s->range);
	struct chunk c = { .kind = CHUNK_FREE };

	while (at->head < end) {
		look_at(s, at->head, &c);
		if (c.kind != CHUNK_FREE)
			break;
		at->head = c.end;
	}
	place->fit = (at->head < end ? at->head : end) - at->run;
	return at->head < end && go_to(s->zone, s->range, at, c.end);
}

/**
 * zb_range_find() - find the cheapest range of a zone
 * @s: what to search for
 * @best: filled in
 *
 * No chunk of the zone is looked at more than three times. The zone is not locked, so the
 * result may be outdated at once.
 *
 * Context: may sleep.
 * Return: false if there is no range without a blocked chunk.
 */
bool zb_range_find(const struct zb_range_search *s, struct zb_range_place *best)
{
	struct zb_range_place place;
	struct position at;
	struct chunk c;
	bool more;

	*best = (struct zb_range_place){ .pfn = ZB_NO_PFN };
	if (!zb_range_fits(s->zone, s->range))
		return false;
	more = go_to(s->zone, s->range, &at, first_frame(s->zone, s->range));
	while (more) {
		zb_cond_resched();
		if (!add_chunks(s, &at, &c)) {
			more = go_to(s->zone, s->range, &at, c.end);
			continue;
		}
		place = (struct zb_range_place){ .pfn = at.pfn, .cost = at.cost };
		more = at.cost ? advance(s, &at) : pass_run(s, &at, &place);
		if (best->pfn == ZB_NO_PFN || place.cost < best->cost ||
		    (place.cost == best->cost && place.fit < best->fit))
			*best = place;
	}
	return best->pfn != ZB_NO_PFN;
}

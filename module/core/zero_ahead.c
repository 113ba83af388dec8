// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears free frames in advance, in the order that zero_ahead.h explains, and lets requests
 * prefer them.
 */
#include "pool.h"
#include "zero_ahead.h"

/* Number of pageblocks that are looked at in one hold of the lock. */
#define PAGEBLOCKS_PER_HOLD	16u

/* The same, for pageblocks of which only the number of zeroed frames is looked at. */
#define LOOKS_PER_HOLD		128u

/* The order of the largest free block that frames of a pageblock are in. */
static unsigned int free_order(struct zb_zone *zone, struct zb_pageblock *pb)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; pb->largest_free == ZB_LIST_TAIL; k++)
		pb = zb_pfn_pageblock(zone, pfn & ~(BIT(k + 1) - 1));
	return pb->largest_free;
}

/* Frames of isolated pageblocks may be in use by the task that has isolated them. */
static bool has_work(struct zb_zone *zone, struct zb_pageblock *pb, unsigned int order)
{
	return zone->zeroed->nr_block[pb - zone->pageblocks] < pb->nr_free &&
	       pb->migratetype != ZB_MIGRATE_ISOLATE && free_order(zone, pb) >= order;
}

static bool order_is_free(struct zb_zone *zone, unsigned int order)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		if (zb_free_area_first(zone->free_area, order, mt))
			return true;
	return false;
}

static const struct zb_freed *nth_newest(const struct zb_zeroed *z, unsigned int n)
{
	return &z->freed[(z->newest + ZB_NR_FREED - n) % ZB_NR_FREED];
}

/* Was a pageblock freed after the frames that the sweep deals with now, or with them? */
static bool freed_later(const struct zb_zone *zone, const struct zb_zero_sweep *s,
			unsigned long index)
{
	const struct zb_freed *f;
	unsigned int n;

	for (n = 0; n <= s->freed && n < ZB_NR_FREED; n++) {
		f = nth_newest(zone->zeroed, n);
		if (index >= f->first && index < f->end)
			return true;
	}
	return false;
}

/*
 * Of the next few pageblocks with zeroed frames, forget the one in the largest block, unless
 * it was freed later itself. Returns false if none was found; if this was the end of the
 * search, the sweep is done.
 */
static bool forget_another(struct zb_zone *zone, struct zb_zero_sweep *s)
{
	unsigned long nr = zb_zone_nr_pageblocks(zone), best = nr;
	unsigned int looked, found = 0, order, best_order = 0;
	struct zb_zeroed *z = zone->zeroed;

	for (looked = 0; looked < LOOKS_PER_HOLD && found < PAGEBLOCKS_PER_HOLD; looked++) {
		z->victim = (z->victim + 1) % nr;
		if (!z->nr_block[z->victim] || freed_later(zone, s, z->victim))
			continue;
		found++;
		order = free_order(zone, &zone->pageblocks[z->victim]);
		if (best == nr || order > best_order) {
			best = z->victim;
			best_order = order;
		}
	}
	s->searched = best == nr ? s->searched + looked : 0;
	s->done = s->searched >= nr;
	if (best != nr)
		__zb_zero_forget(zone, &zone->pageblocks[best]);
	return best != nr;
}

/* Continue with the next lower order that there are blocks of. */
static void lower_order(struct zb_zone *zone, struct zb_zero_sweep *s)
{
	s->index = 0;
	do {
		s->done = !s->order;
		if (!s->done)
			s->order--;
	} while (!s->done && !order_is_free(zone, s->order));
}

static void next_pageblock(struct zb_zero_sweep *s)
{
	s->index++;
	s->frame = 0;
}

/* Go to the next free that has pageblocks left. Returns false if there is none. */
static bool next_freed(struct zb_zone *zone, struct zb_zero_sweep *s, struct zb_pageblock **pb)
{
	const struct zb_freed *f;

	for (; s->freed < ZB_NR_FREED; s->freed++, s->index = s->frame = 0) {
		f = nth_newest(zone->zeroed, s->freed);
		if (f->first + s->index < f->end) {
			*pb = &zone->pageblocks[f->first + s->index];
			return true;
		}
	}
	return false;
}

/* Move to the next pageblock that has frames to clear, if it is among the next few. */
static struct zb_pageblock *find_work(struct zb_zone *zone, struct zb_zero_sweep *s)
{
	struct zb_pageblock *pb;
	unsigned int i;

	for (i = 0; i < PAGEBLOCKS_PER_HOLD; i++) {
		if (next_freed(zone, s, &pb)) {
			if (has_work(zone, pb, 0))
				return pb;
			if (!s->freed)
				s->in_use += ZB_PAGEBLOCK_NR -
					     zone->zeroed->nr_block[pb - zone->pageblocks];
		} else {
			if (s->index >= zb_zone_nr_pageblocks(zone))
				lower_order(zone, s);
			if (s->done)
				return NULL;
			pb = &zone->pageblocks[s->index];
			if (has_work(zone, pb, s->order))
				return pb;
		}
		next_pageblock(s);
	}
	return NULL;
}

/*
 * If enough frames are zero, only those that were freed lately may be cleared. The latest
 * ones that are in use again will have to be cleared when they are freed.
 */
static bool is_over(const struct zb_zone *zone, const struct zb_zero_sweep *s)
{
	const struct zb_zeroed *z = zone->zeroed;

	return !z || !z->max || (s->freed == ZB_NR_FREED && z->nr + s->in_use >= z->max);
}

/* Returns false if a place has to be found first, or if there is none. */
static bool may_clear(struct zb_zone *zone, struct zb_zero_sweep *s)
{
	if (s->freed == ZB_NR_FREED)
		return !is_over(zone, s);
	return zone->zeroed->nr < zone->zeroed->max || forget_another(zone, s);
}

/* The first free frame, not before @frame, that is not known to be zero. */
static unsigned int next_frame(const struct zb_zone *zone, const struct zb_pageblock *pb,
			       unsigned int frame)
{
	const u64 *bits = zone->zeroed->bits + (pb - zone->pageblocks) * ZB_PAGEBLOCK_WORDS;
	const u64 *free = pb->free;
	unsigned int i = frame / 64;
	u64 left, mask = ~0ull << (frame % 64);

	for (; i < ZB_PAGEBLOCK_WORDS; i++, mask = ~0ull) {
		left = free[i] & ~bits[i] & mask;
		if (left)
			return 64 * i + __ffs64(left);
	}
	return ZB_PAGEBLOCK_NR;
}

/* Clear the next frame of the pageblock, if it is fit for use. Returns whether it was. */
static bool clear_next(struct zb_zone *zone, struct zb_zero_sweep *s, struct zb_pageblock *pb)
{
	struct zb_pool *pool = zone->pool;
	unsigned int frame = ZB_PAGEBLOCK_NR;
	unsigned long pfn;

	if (s->frame < ZB_PAGEBLOCK_NR)
		frame = next_frame(zone, pb, s->frame);
	if (frame == ZB_PAGEBLOCK_NR) {
		next_pageblock(s);
		return false;
	}
	s->frame = frame + 1;
	pfn = zb_pageblock_pfn(zone, pb) + frame;
	if (zone->frame_ops && zone->frame_ops->unfit(zone, pfn, 1))
		return false;
	if (!may_clear(zone, s)) {
		s->frame = frame;
		return false;
	}
	pool->ops->clear(pool, pfn, 1);
	__zb_zero_add(zone, pfn, 1);
	__zb_count_event(zone, ZB_ZERO_AHEAD, 1);
	return true;
}

/**
 * zb_zero_sweep_begin() - start with what was freed last
 * @s: set to the start of a sweep
 * @zone: the zone to be swept
 */
void zb_zero_sweep_begin(struct zb_zero_sweep *s, const struct zb_zone *zone)
{
	*s = (struct zb_zero_sweep){ .order = zone->max_order };
}

/**
 * zb_zone_zero_ahead() - clear a few free frames
 * @zone: the zone; zb_ops.clear of its pool is set
 * @s: where to continue, and whether there is something left to do
 * @most: number of steps, each of which clears at most one frame
 *
 * Context: any but NMI; takes the zone lock in each step. zb_ops.clear is called with the
 * lock held.
 * Return: number of frames cleared.
 */
unsigned int zb_zone_zero_ahead(struct zb_zone *zone, struct zb_zero_sweep *s,
				unsigned int most)
{
	struct zb_pageblock *pb;
	unsigned int nr = 0;
	unsigned long flags;

	for (; most && !s->done; most--) {
		zb_lock_irqsave(&zone->lock, flags);
		if (is_over(zone, s))
			s->done = true;
		pb = s->done ? NULL : find_work(zone, s);
		if (pb)
			nr += clear_next(zone, s, pb);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	return nr;
}

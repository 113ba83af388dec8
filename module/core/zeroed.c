// SPDX-License-Identifier: GPL-2.0-only
#include "zeroed.h"

/* Where zb_zeroed.nr_block begins in the memory of zone->zeroed. */
static size_t nr_block_offset(unsigned long nr_pages)
{
	return sizeof(struct zb_zeroed) + nr_pages / 64 * sizeof(u64);
}

/**
 * zb_zeroed_size() - size of struct zb_zeroed with its arrays
 * @nr_pages: frames of the zone
 *
 * Return: bytes that the caller of zb_zone_set_zeroed() has to provide, all zero.
 */
size_t zb_zeroed_size(unsigned long nr_pages)
{
	return nr_block_offset(nr_pages) + (nr_pages >> ZB_PAGEBLOCK_ORDER) * sizeof(u16);
}

/**
 * zb_zone_set_zeroed() - start or stop recording which free frames are zero
 * @zone: the zone
 * @zeroed: zb_zeroed_size() bytes, all zero, to start; NULL to stop
 *
 * At first, no frame is known to be zero.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: the previous argument, which is not used any more.
 */
struct zb_zeroed *zb_zone_set_zeroed(struct zb_zone *zone, struct zb_zeroed *zeroed)
{
	struct zb_zeroed *old;
	unsigned long flags;

	if (zeroed)
		zeroed->nr_block = (u16 *)((u8 *)zeroed + nr_block_offset(zone->nr_pages));
	zb_lock_irqsave(&zone->lock, flags);
	old = zone->zeroed;
	WRITE_ONCE(zone->zeroed, zeroed);
	zb_unlock_irqrestore(&zone->lock, flags);
	return old;
}

/**
 * __zb_zone_update_zero_max() - compute the limit again, because frames became offline or online
 * @zone: the zone
 *
 * Context: zone lock held.
 */
void __zb_zone_update_zero_max(struct zb_zone *zone)
{
	struct zb_zeroed *zeroed = zone->zeroed;

	if (zeroed)
		zeroed->max = zb_div64((u64)zb_zone_nr_managed(zone) * zeroed->percent, 100);
}

/**
 * zb_zone_set_zero_max() - limit how many free frames are cleared in advance
 * @zone: the zone
 * @percent: of its frames that are not offline
 *
 * Frames that are known to be zero already stay so.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_set_zero_max(struct zb_zone *zone, unsigned int percent)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	if (zone->zeroed)
		zone->zeroed->percent = percent;
	__zb_zone_update_zero_max(zone);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_zone_nr_zeroed() - count the free frames that are known to be zero
 * @zone: the zone
 *
 * Context: any but NMI; takes the zone lock.
 * Return: their number, which may be outdated when the function returns.
 */
unsigned long zb_zone_nr_zeroed(struct zb_zone *zone)
{
	unsigned long flags, nr;

	zb_lock_irqsave(&zone->lock, flags);
	nr = zone->zeroed ? zone->zeroed->nr : 0;
	zb_unlock_irqrestore(&zone->lock, flags);
	return nr;
}

static void count_zeroed(struct zb_zeroed *z, unsigned long word, long nr)
{
	z->nr_block[word / ZB_PAGEBLOCK_WORDS] += nr;
	z->nr += nr;
}

/* Clear the bits of @frames, and return those that were set. */
static u64 take_word(struct zb_zeroed *z, unsigned long word, u64 frames)
{
	u64 found = z->bits[word] & frames;

	if (found) {
		z->bits[word] &= ~found;
		count_zeroed(z, word, -(long)hweight64(found));
	}
	return found;
}

/* The frames in the word that @offset is in, of a range from @offset to @end. */
static u64 word_mask(unsigned long offset, unsigned long end)
{
	u64 mask = ~0ull << (offset % 64);

	return end - (offset & ~63ul) < 64 ? mask & ~(~0ull << (end % 64)) : mask;
}

/**
 * zb_zero_map_begin() - nothing is known of the frames of an allocation yet
 * @map: the map
 * @pfn: first frame of the allocation
 * @nr_pages: number of frames
 */
void zb_zero_map_begin(struct zb_zero_map *map, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i, words = (pfn % 64 + nr_pages + 63) / 64;

	map->pfn = pfn;
	map->nr_zero = 0;
	for (i = 0; i < words; i++)
		map->bits[i] = 0;
}

/**
 * zb_zero_map_copy() - copy what is known of the frames of an allocation
 * @to: the copy
 * @from: the map
 * @nr_pages: number of frames
 */
void zb_zero_map_copy(struct zb_zero_map *to, const struct zb_zero_map *from,
		      unsigned long nr_pages)
{
	unsigned long i, words = (from->pfn % 64 + nr_pages + 63) / 64;

	to->pfn = from->pfn;
	to->nr_zero = from->nr_zero;
	for (i = 0; from->pfn != ZB_NO_PFN && i < words; i++)
		to->bits[i] = from->bits[i];
}

/**
 * zb_zero_map_run() - count frames that are all known to be zero, or of which nothing is known
 * @map: the map
 * @pfn: first frame of the allocation
 * @i: the run begins with frame @i of the allocation
 * @nr_pages: number of frames of the allocation, larger than @i
 *
 * Return: number of frames that zb_zero_map_test() says the same of.
 */
unsigned long zb_zero_map_run(const struct zb_zero_map *map, unsigned long pfn,
			      unsigned long i, unsigned long nr_pages)
{
	u64 same = zb_zero_map_test(map, pfn, i) ? ~0ull : 0, others;
	unsigned long run = i, at;

	while (map->pfn == pfn && run < nr_pages) {
		at = pfn % 64 + run;
		others = (map->bits[at / 64] ^ same) >> (at % 64);
		run += others ? __ffs64(others) : 64 - at % 64;
		if (others)
			break;
	}
	return map->pfn == pfn && run < nr_pages ? run - i : nr_pages - i;
}

/**
 * __zb_zero_take() - frames are taken out of the buddy system
 * @zone: their zone, which has zone->zeroed
 * @pfn: first frame
 * @nr_pages: number of frames
 * @map: receives which of them are known to be zero, after zb_zero_map_begin() for the
 *	allocation that they are a part of; NULL if the caller has no use for this
 *
 * Context: zone lock held, since before the frames were taken.
 */
void __zb_zero_take(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages,
		    struct zb_zero_map *map)
{
	unsigned long offset = pfn - zone->start_pfn, end = offset + nr_pages;
	unsigned long at, next, nr = 0;
	struct zb_zeroed *z = zone->zeroed;
	u64 found;

	zb_assert_held(&zone->lock);
	for (at = offset; at < end; at = next) {
		next = (at | 63) + 1;
		found = take_word(z, at / 64, word_mask(at, end));
		nr += hweight64(found);
		if (map && found)
			map->bits[(zone->start_pfn + at) / 64 - map->pfn / 64] |= found;
	}
	if (!map) {
		__zb_count_event(zone, ZB_ZERO_VAIN, nr);
		return;
	}
	map->nr_zero += nr;
	__zb_count_event(zone, ZB_ZERO_HIT, nr);
	__zb_count_event(zone, ZB_ZERO_MISS, nr_pages - nr);
}

/**
 * __zb_zero_take_word() - frames of a word are taken out of the buddy system
 * @zone: their zone, which has zone->zeroed
 * @word: number of the word in the zone
 * @frames: the frames, as bits
 * @wanted: they are for a caller that has a use for zeroed frames
 *
 * Context: zone lock held, since before the frames were taken.
 * Return: the frames that are known to be zero.
 */
u64 __zb_zero_take_word(struct zb_zone *zone, u32 word, u64 frames, bool wanted)
{
	u64 found = take_word(zone->zeroed, word, frames);

	zb_assert_held(&zone->lock);
	__zb_count_event(zone, wanted ? ZB_ZERO_HIT : ZB_ZERO_VAIN, hweight64(found));
	if (wanted)
		__zb_count_event(zone, ZB_ZERO_MISS, hweight64(frames & ~found));
	return found;
}

/**
 * __zb_zero_add() - record that free frames are zero
 * @zone: their zone
 * @pfn: first frame
 * @nr_pages: number of frames, all of which are free and zero
 *
 * Context: zone lock held, since before the frames were freed or cleared.
 */
void __zb_zero_add(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long at = pfn - zone->start_pfn, end = at + nr_pages;
	struct zb_zeroed *z = zone->zeroed;
	u64 added;

	zb_assert_held(&zone->lock);
	if (!z)
		return;
	for (; at < end; at = (at | 63) + 1) {
		added = word_mask(at, end) & ~z->bits[at / 64];
		z->bits[at / 64] |= added;
		count_zeroed(z, at / 64, hweight64(added));
	}
}

/**
 * __zb_zero_freed_word() - frames of a word were freed
 * @zone: their zone
 * @word: number of the word in the zone
 * @frames: the frames, as bits
 * @zero: those of them that are zero
 *
 * Context: zone lock held, since before the frames were freed.
 */
void __zb_zero_freed_word(struct zb_zone *zone, u32 word, u64 frames, u64 zero)
{
	struct zb_zeroed *z = zone->zeroed;

	zb_assert_held(&zone->lock);
	if (!z)
		return;
	zero &= ~z->bits[word];
	z->bits[word] |= zero;
	count_zeroed(z, word, hweight64(zero));
	if (frames & ~z->bits[word])
		__zb_zero_freed(zone, zone->start_pfn + 64ul * word, 1);
}

/**
 * __zb_zero_freed() - record that frames were freed that may not be zero
 * @zone: their zone
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * These are the ones that a program that allocates the same again is going to get, because a
 * request takes the block that fits best.
 *
 * Context: zone lock held.
 */
void __zb_zero_freed(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long first = (pfn - zone->start_pfn) >> ZB_PAGEBLOCK_ORDER;
	unsigned long end = (pfn + nr_pages - 1 - zone->start_pfn) >> ZB_PAGEBLOCK_ORDER;
	struct zb_zeroed *z = zone->zeroed;
	struct zb_freed *last;

	zb_assert_held(&zone->lock);
	if (!z)
		return;
	end++;
	last = &z->freed[z->newest];
	if (first >= last->first && end <= last->end)
		return;
	z->newest = (z->newest + 1) % ZB_NR_FREED;
	z->freed[z->newest] = (struct zb_freed){ first, end };
}

/**
 * zb_zone_zero_freed() - record that a range is freed whose frames may not be zero
 * @zone: its zone
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * This is called before the blocks of the range are freed one by one, so that they are not
 * recorded one by one, because there is room for few.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_zero_freed(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_zero_freed(zone, pfn, nr_pages);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * __zb_zero_forget() - record that the frames of a pageblock may not be zero
 * @zone: its zone
 * @pb: the pageblock
 *
 * Context: zone lock held.
 */
void __zb_zero_forget(struct zb_zone *zone, const struct zb_pageblock *pb)
{
	unsigned long i, word = (pb - zone->pageblocks) * ZB_PAGEBLOCK_WORDS;

	zb_assert_held(&zone->lock);
	for (i = 0; zone->zeroed && i < ZB_PAGEBLOCK_WORDS; i++)
		__zb_zero_take_word(zone, word + i, ~0ull, false);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free frames that are known to be zero.
 *
 *	zb_pageblock.free[]	1 1 1 1 0 0 1 1		1 = free
 *	zb_zeroed.bits[]	1 1 0 0 0 0 0 1		1 = free and known to be zero
 *
 * A frame is known to be zero if it was cleared while it was free (zero_ahead.h), or if its
 * owner frees it without ever having let anybody write to it. The bits are beside the
 * buddy system, not in it: a block merges with its buddy whatever is known of the two.
 *
 * A bit is set only while its frame is free in the buddy system. Whoever takes frames clears
 * their bits under the same hold of the lock, before it can pass them on, so nobody finds
 * a bit that an earlier owner of the frame has left. Frames on per-CPU lists have no
 * bits, which is why the paths that use these lists need not know of any of this.
 *
 * A request that needs zeroed memory passes a map (struct zb_zero_map), which receives the
 * bits of the frames that it got. It clears the other frames itself. The map has the words of
 * the bitmap that the frames are in, so it is filled in by copying, whatever the first frame is.
 *
 * A zone has bits only while zb_zone.zeroed is set.
 */
#ifndef ZB_CORE_ZEROED_H
#define ZB_CORE_ZEROED_H

#include "zone.h"

#define ZB_NR_FREED	8u

/**
 * struct zb_freed - pageblocks with frames that were freed after somebody had written to them
 * @first: index of the first one
 * @end: index after the last one
 */
struct zb_freed {
	unsigned long first;
	unsigned long end;
};

/**
 * struct zb_zeroed - the frames of a zone that are known to be zero
 * @nr: (z) number of bits set
 * @percent: (z) of the frames of the zone that are not offline, from which @max is computed
 * @max: (z) no frames are cleared in advance while @nr is at least this
 * @freed: (z) the latest frees, a ring
 * @newest: (z) the latest one in @freed
 * @victim: (z) last pageblock that was considered to be forgotten in favour of others
 * @nr_block: (z) number of bits set, by pageblock
 * @bits: (z) one bit per frame, in words as in zb_pageblock.free
 *
 * The letters are explained in zone.h.
 */
struct zb_zeroed {
	unsigned long nr;
	unsigned int percent;
	unsigned long max;
	struct zb_freed freed[ZB_NR_FREED];
	unsigned int newest;
	unsigned long victim;
	u16 *nr_block;
	u64 bits[];
};

/**
 * struct zb_zero_map - which frames of an allocation are known to be zero
 * @pfn: first frame of the allocation, or ZB_NO_PFN if nothing is known
 * @nr_zero: number of bits set
 * @bits: bit i is frame i of the word of the bitmap that @pfn is in, and those behind; the
 *	caller provides zb_zero_map_words() words
 */
struct zb_zero_map {
	unsigned long pfn;
	unsigned long nr_zero;
	u64 *bits;
};

/* Is frame @i of the allocation at @pfn known to be zero? */
static inline bool zb_zero_map_test(const struct zb_zero_map *map, unsigned long pfn,
				    unsigned long i)
{
	i += pfn % 64;
	return map->pfn == pfn && map->bits[i / 64] >> (i % 64) & 1;
}

/* The number of words that @nr_pages frames can be in, whatever the first one is. */
static inline unsigned long zb_zero_map_words(unsigned long nr_pages)
{
	return (nr_pages + 2 * 63ul) / 64;
}

size_t zb_zeroed_size(unsigned long nr_pages);
struct zb_zeroed *zb_zone_set_zeroed(struct zb_zone *zone, struct zb_zeroed *zeroed);
void zb_zone_set_zero_max(struct zb_zone *zone, unsigned int percent);
void __zb_zone_update_zero_max(struct zb_zone *zone);
unsigned long zb_zone_nr_zeroed(struct zb_zone *zone);
void zb_zero_map_begin(struct zb_zero_map *map, unsigned long pfn, unsigned long nr_pages);
void zb_zero_map_copy(struct zb_zero_map *to, const struct zb_zero_map *from,
		      unsigned long nr_pages);
unsigned long zb_zero_map_run(const struct zb_zero_map *map, unsigned long pfn,
			      unsigned long i, unsigned long nr_pages);
void __zb_zero_take(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages,
		    struct zb_zero_map *map);
u64 __zb_zero_take_word(struct zb_zone *zone, u32 word, u64 frames, bool wanted);
void __zb_zero_add(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
void __zb_zero_freed_word(struct zb_zone *zone, u32 word, u64 frames, u64 zero);
void __zb_zero_freed(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
void zb_zone_zero_freed(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
void __zb_zero_forget(struct zb_zone *zone, const struct zb_pageblock *pb);

#endif /* ZB_CORE_ZEROED_H */

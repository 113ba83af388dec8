/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watermarks: the part of a zone that is reserved for urgent requests.
 *
 *	free frames
 *	   |      requests are served by the fast path or the freelist path
 *	high ---- background reclaim stops
 *	   |
 *	low  ---- background reclaim is woken
 *	   |      requests are still served, by the slow path
 *	min  ---- ordinary requests wait for reclaim, or fail
 *	   |      urgent requests are still served (see alloc_flags.h)
 *	0
 *
 *	min  = the zone's share of min_free_kbytes
 *	low  = min + max(min / 4, size * watermark_scale_factor / 10000)
 *	high = min + 2 * (low - min)
 *
 * A request that uses a pageblock of another type, of which a part is in use, mixes mobilities,
 * because too little was free. Then background reclaim is woken, and works towards a mark above
 * high: the boost. Each such request adds a pageblock to it. The maximum is
 * watermark_boost_factor / 10000 of high, or a pageblock if that is more, but at most a quarter
 * of the zone. Background reclaim removes the boost when it has worked for it. The boost does
 * not concern requests, and zones of less than 4 pageblocks are not boosted.
 *
 * In addition to the mark, a request that could have been served by a higher zone
 * has to leave lowmem_reserve[that zone]: the higher zones' size divided by
 * the zone's lowmem_reserve_ratio. This keeps memory at low addresses for
 * devices that cannot use any other.
 *
 * A request of order > 0 needs a free block of its order or above. Linux before
 * 4.4, which the literature describes, instead subtracts the free frames of each
 * lower order and halves the mark each time. That refuses requests that a large
 * block could serve, and accepts some for which there is no block. Linux 4.4
 * replaced it by the rule that is used here.
 *
 * A request by length keeps only the first frames of its block. The mark
 * applies to the frames that the request keeps, because the rest of the block
 * is free again before the zone lock is dropped.
 */
#ifndef ZB_CORE_WATERMARK_H
#define ZB_CORE_WATERMARK_H

#include "zone.h"

/**
 * struct zb_tunables - parameters that the administrator may change at run time
 * @min_free_kbytes: sum of the min watermarks of DMA, DMA32 and Normal zones;
 *	ZB_MIN_FREE_AUTO for a default that depends on the size of the pool
 * @watermark_scale_factor: distance between the watermarks of a zone, in 1/10000
 *	of its size
 * @watermark_boost_factor: maximum of the boost, in 1/10000 of high; 0 for no boost
 * @lowmem_reserve_ratio: see the head of this file, by zone type; 0 for no reserve
 * @dirty_ratio: percentage of a node that __ZB_GFP_WRITE memory may occupy before
 *	allocations are spread to other nodes
 * @pcp_high_fraction: the per-CPU lists of a zone together may have 1/N of its
 *	frames; 0 for a default that depends on the low watermark
 */
struct zb_tunables {
	unsigned long min_free_kbytes;
	unsigned int watermark_scale_factor;
	unsigned int watermark_boost_factor;
	unsigned int lowmem_reserve_ratio[ZB_NR_ZONES];
	unsigned int dirty_ratio;
	unsigned int pcp_high_fraction;
};

#define ZB_MIN_FREE_AUTO	(~0ul)

#define ZB_TUNABLES_DEFAULT {						\
	.min_free_kbytes = ZB_MIN_FREE_AUTO,				\
	.watermark_scale_factor = 10,					\
	.watermark_boost_factor = 15000,				\
	.lowmem_reserve_ratio = {					\
		[ZB_ZONE_DMA] = 256,					\
		[ZB_ZONE_DMA32] = 256,					\
		[ZB_ZONE_NORMAL] = 32,					\
	},								\
	.dirty_ratio = 20,						\
}

unsigned long zb_default_min_free_kbytes(const struct zb_zone *zones,
					 unsigned int nr_zones,
					 unsigned int page_shift);
unsigned long zb_max_min_free_kbytes(const struct zb_zone *zones,
				     unsigned int nr_zones,
				     unsigned int page_shift);
void zb_setup_watermarks(struct zb_zone *zones, unsigned int nr_zones,
			 const struct zb_tunables *t, unsigned int page_shift);
unsigned long zb_boosted_high(const struct zb_zone *zone);
void zb_zone_unboost(struct zb_zone *zone, unsigned long nr);
bool zb_zone_has_block_locked(struct zb_zone *zone, unsigned int order,
			      unsigned int alloc_flags);
bool zb_zone_has_block(const struct zb_zone *zone, unsigned int order,
		       unsigned int alloc_flags);
bool zb_watermark_leaves(const struct zb_zone *zone, unsigned long nr_free,
			 const unsigned long nr_free_type[ZB_MIGRATE_TYPES],
			 unsigned long nr_pages, unsigned long mark,
			 unsigned int highest_zoneidx, unsigned int alloc_flags);
unsigned long zb_watermark_missing(const struct zb_zone *zone, unsigned long nr_pages,
				   unsigned long mark, unsigned int highest_zoneidx,
				   unsigned int alloc_flags);
bool zb_zone_watermark_ok(struct zb_zone *zone, unsigned int order,
			  unsigned long nr_pages, unsigned long mark,
			  unsigned int highest_zoneidx,
			  unsigned int alloc_flags);

#endif /* ZB_CORE_WATERMARK_H */

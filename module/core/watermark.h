/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watermarks: how much of a zone is not for everybody.
 *
 *	free frames
 *	   |  ordinary requests are served at once
 *	high ---- background reclaim stops
 *	   |
 *	low  ---- background reclaim is woken
 *	   |      requests are still served, by the slow path
 *	min  ---- ordinary requests wait for reclaim, and fail
 *	   |      for urgent ones (see alloc_flags.h)
 *	0
 *
 *	min  = the zone's share of min_free_kbytes
 *	low  = min + max(min / 4, size * watermark_scale_factor / 10000)
 *	high = min + twice that
 *
 * On top of the mark, a request that could have been served by a higher zone
 * has to leave lowmem_reserve[that zone]: the higher zones' size divided by
 * the zone's lowmem_reserve_ratio. That keeps memory that more devices can
 * reach for those who need it.
 *
 * A request of order > 0 needs one free block of its order or above, whatever
 * the lower orders have. The literature (Linux before 4.4) instead takes the
 * free frames of the orders below away and halves the mark for each of them.
 * That refuses requests that a large block could serve, and lets pass some for
 * which there is no block. Linux 4.4 dropped the rule for the one used here.
 *
 * A request by length keeps only the first frames of its block. The mark
 * applies to the frames that the request keeps, because the rest of the block
 * is free again before the zone lock is dropped.
 */
#ifndef ZB_CORE_WATERMARK_H
#define ZB_CORE_WATERMARK_H

#include "zone.h"

/**
 * struct zb_tunables - what the administrator may change at run time
 * @min_free_kbytes: shared out over the zones; ZB_MIN_FREE_AUTO for a default
 *	made from the size of the pool
 * @watermark_scale_factor: distance of low and high from min, of 10000
 * @lowmem_reserve_ratio: by zone type; 0 for no reserve
 * @dirty_ratio: percent of a node that __ZB_GFP_WRITE memory may take up
 *	before allocations are spread to other nodes
 * @pcp_high_fraction: per-CPU lists of a zone hold 1/this of it in all; 0 for
 *	a default made from its low watermark
 */
struct zb_tunables {
	unsigned long min_free_kbytes;
	unsigned int watermark_scale_factor;
	unsigned int lowmem_reserve_ratio[ZB_NR_ZONES];
	unsigned int dirty_ratio;
	unsigned int pcp_high_fraction;
};

#define ZB_MIN_FREE_AUTO	(~0ul)

#define ZB_TUNABLES_DEFAULT {						\
	.min_free_kbytes = ZB_MIN_FREE_AUTO,				\
	.watermark_scale_factor = 10,					\
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
void zb_setup_watermarks(struct zb_zone *zones, unsigned int nr_zones,
			 const struct zb_tunables *t, unsigned int page_shift);
bool zb_zone_has_block(const struct zb_zone *zone, unsigned int order,
		       unsigned int alloc_flags);
bool zb_watermark_leaves(const struct zb_zone *zone, unsigned long nr_free,
			 const unsigned long nr_free_type[ZB_MIGRATE_TYPES],
			 unsigned long nr_pages, unsigned long mark,
			 unsigned int highest_zoneidx, unsigned int alloc_flags);
bool zb_zone_watermark_exact_ok(struct zb_zone *zone, unsigned int order,
				unsigned long nr_pages, unsigned long mark,
				unsigned int highest_zoneidx,
				unsigned int alloc_flags);

/* The same for a request that keeps all of the block. */
static inline bool zb_zone_watermark_ok(struct zb_zone *zone,
					unsigned int order, unsigned long mark,
					unsigned int highest_zoneidx,
					unsigned int alloc_flags)
{
	return zb_zone_watermark_exact_ok(zone, order, BIT(order), mark,
					  highest_zoneidx, alloc_flags);
}

#endif /* ZB_CORE_WATERMARK_H */

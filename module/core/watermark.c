// SPDX-License-Identifier: GPL-2.0-only
#include "watermark.h"

#define MIN_BOOSTED	(4 * ZB_PAGEBLOCK_NR)	/* size of a zone */

static unsigned long int_square_root(unsigned long x)
{
	unsigned long bit, root = 0;

	for (bit = 1ul << (sizeof(long) * 4 - 1); bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= x)
			root |= bit;
	return root;
}

static unsigned long clamp_to(unsigned long x, unsigned long lo,
			      unsigned long hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/*
 * The zones that share min_free_kbytes. HighMem and Movable zones are not needed in
 * an emergency, so their min watermark is small, or 0 if min_free_kbytes is 0.
 */
static bool is_lowmem(const struct zb_zone *zone)
{
	return zone->type <= ZB_ZONE_NORMAL;
}

static unsigned long lowmem_pages(const struct zb_zone *zones,
				  unsigned int nr_zones)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < nr_zones; i++)
		if (is_lowmem(&zones[i]))
			nr += zb_zone_nr_managed(&zones[i]);
	return nr;
}

/**
 * zb_default_min_free_kbytes() - default of min_free_kbytes, as in the kernel
 * @zones: all zones of all nodes
 * @nr_zones: number of zones
 * @page_shift: log2 of the page size
 *
 * The value grows with the square root of the size of memory, because larger
 * machines have more allocations in progress, but not in proportion to it.
 *
 * Return: KiB.
 */
unsigned long zb_default_min_free_kbytes(const struct zb_zone *zones,
					 unsigned int nr_zones,
					 unsigned int page_shift)
{
	unsigned long kbytes = lowmem_pages(zones, nr_zones) << (page_shift - 10);

	return clamp_to(int_square_root(kbytes * 16), 128, 262144);
}

/**
 * zb_max_min_free_kbytes() - the largest reserve that makes sense
 * @zones: all zones of all nodes
 * @nr_zones: number of zones
 * @page_shift: log2 of the page size
 *
 * A zone never reserves more than a quarter of its size, so a larger value would not
 * change anything. In a pool without DMA, DMA32 and Normal zones, the value has no
 * effect on the amount that is reserved. It is limited by the same rule nevertheless.
 *
 * Return: KiB.
 */
unsigned long zb_max_min_free_kbytes(const struct zb_zone *zones,
				     unsigned int nr_zones,
				     unsigned int page_shift)
{
	unsigned long nr = lowmem_pages(zones, nr_zones);
	unsigned int i;

	for (i = 0; i < nr_zones && !lowmem_pages(zones, nr_zones); i++)
		nr += zb_zone_nr_managed(&zones[i]);
	return (nr / 4) << (page_shift - 10);
}

static void set_marks(struct zb_zone *zone, unsigned long min,
		      unsigned int scale_factor)
{
	unsigned long nr = zb_zone_nr_managed(zone);
	unsigned long gap = nr / 10000 * scale_factor + nr % 10000 * scale_factor / 10000;

	if (gap < min / 4)
		gap = min / 4;
	WRITE_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN], min);
	WRITE_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW], min + gap);
	WRITE_ONCE(zone->watermark[ZB_ALLOC_WMARK_HIGH], min + 2 * gap);
}

/**
 * zb_zone_unboost() - reduce the boost after background reclaim
 * @zone: the zone
 * @nr: number of frames by which high was boosted when it began
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_zone_unboost(struct zb_zone *zone, unsigned long nr)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	WRITE_ONCE(zone->boost, zone->boost - (nr < zone->boost ? nr : zone->boost));
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* With any factor, no more than a quarter is freed for the sake of later requests. */
static unsigned long max_boost(const struct zb_zone *zone, unsigned int factor)
{
	unsigned long high = zone->watermark[ZB_ALLOC_WMARK_HIGH];
	unsigned long nr = zb_zone_nr_managed(zone);

	if (!factor || !high || nr < MIN_BOOSTED)
		return 0;
	return clamp_to(high / 10000 * factor + high % 10000 * factor / 10000,
			ZB_PAGEBLOCK_NR, nr / 4);
}

static void set_max_boost(struct zb_zone *zone, unsigned int factor)
{
	unsigned long max = max_boost(zone, factor), boost;

	WRITE_ONCE(zone->max_boost, max);
	boost = READ_ONCE(zone->boost);
	/* Do not keep for a larger factor what a smaller one has turned off. */
	if (boost > max)
		zb_zone_unboost(zone, boost - max);
}

/**
 * zb_boosted_high() - the watermark that background reclaim works towards
 * @zone: the zone
 *
 * Context: any.
 * Return: number of frames.
 */
unsigned long zb_boosted_high(const struct zb_zone *zone)
{
	unsigned long max = READ_ONCE(zone->max_boost), boost = READ_ONCE(zone->boost);

	return READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_HIGH]) + (boost < max ? boost : max);
}

/* Set the frames that requests for a higher zone type have to leave in a zone. */
static void set_reserves(struct zb_zone *zone, const struct zb_zone *zones,
			 unsigned int nr_zones, unsigned int ratio)
{
	unsigned long above;
	unsigned int i, upper;

	for (upper = 0; upper < ZB_NR_ZONES; upper++) {
		above = 0;
		for (i = 0; i < nr_zones; i++)
			if (zones[i].nid == zone->nid &&
			    zones[i].type > zone->type && zones[i].type <= upper)
				above += zb_zone_nr_managed(&zones[i]);
		WRITE_ONCE(zone->lowmem_reserve[upper],
			   ratio ? above / ratio : 0);
	}
}

/**
 * zb_setup_watermarks() - compute the watermarks and reserves of all zones
 * @zones: all zones of all nodes
 * @nr_zones: number of zones
 * @t: the tunables
 * @page_shift: log2 of the page size
 *
 * May be called at any time; concurrent allocations see old or new values.
 *
 * Context: any; one caller at a time.
 */
void zb_setup_watermarks(struct zb_zone *zones, unsigned int nr_zones,
			 const struct zb_tunables *t, unsigned int page_shift)
{
	unsigned long lowmem = lowmem_pages(zones, nr_zones);
	unsigned long kbytes = t->min_free_kbytes, min, nr;
	struct zb_zone *zone;
	unsigned int i;

	if (kbytes == ZB_MIN_FREE_AUTO)
		kbytes = zb_default_min_free_kbytes(zones, nr_zones, page_shift);
	for (i = 0; i < nr_zones; i++) {
		zone = &zones[i];
		nr = zb_zone_nr_managed(zone);
		/* All memory of these zones may be offline. */
		if (is_lowmem(zone))
			min = lowmem ? zb_div64((u64)(kbytes >> (page_shift - 10)) * nr,
						lowmem) : 0;
		else
			min = kbytes ? clamp_to(nr / 1024, 32, 128) : 0;
		/* Keep most of a zone usable, however large min_free_kbytes is. */
		set_marks(zone, clamp_to(min, 0, nr / 4),
			  t->watermark_scale_factor);
		set_max_boost(zone, t->watermark_boost_factor);
		set_reserves(zone, zones, nr_zones,
			     t->lowmem_reserve_ratio[zone->type]);
	}
}

/* The number of free frames that a request may not use because of their type. */
static unsigned long unusable_free(const unsigned long nr_free_type[ZB_MIGRATE_TYPES],
				   unsigned int alloc_flags)
{
	unsigned long nr = READ_ONCE(nr_free_type[ZB_MIGRATE_ISOLATE]);

	if (!(alloc_flags & ZB_ALLOC_HARDER))
		nr += READ_ONCE(nr_free_type[ZB_MIGRATE_HIGHATOMIC]);
	if (!(alloc_flags & ZB_ALLOC_CMA))
		nr += READ_ONCE(nr_free_type[ZB_MIGRATE_CMA]);
	return nr;
}

/* The number of free frames that a request has to leave for others. */
static unsigned long reserved(const struct zb_zone *zone, unsigned long mark,
			      unsigned int highest_zoneidx, unsigned int alloc_flags)
{
	if (alloc_flags & ZB_ALLOC_HIGH)
		mark -= mark / 2;
	if (alloc_flags & ZB_ALLOC_HARDER)
		mark -= mark / 4;
	return mark + READ_ONCE(zone->lowmem_reserve[highest_zoneidx]);
}

/**
 * zb_watermark_leaves() - check that an allocation leaves enough frames free
 * @zone: the zone
 * @nr_free: free frames of the zone, actual or assumed
 * @nr_free_type: @nr_free by migrate type
 * @nr_pages: number of frames that the request keeps
 * @mark: number of frames that have to be left
 * @highest_zoneidx: highest zone type that the request may use
 * @alloc_flags: part of the mark and migrate types that it may use
 *
 * Context: any.
 * Return: true if the mark and the lowmem reserve would be left.
 */
bool zb_watermark_leaves(const struct zb_zone *zone, unsigned long nr_free,
			 const unsigned long nr_free_type[ZB_MIGRATE_TYPES],
			 unsigned long nr_pages, unsigned long mark,
			 unsigned int highest_zoneidx, unsigned int alloc_flags)
{
	return nr_free >= nr_pages + unusable_free(nr_free_type, alloc_flags) +
			  reserved(zone, mark, highest_zoneidx, alloc_flags);
}

/**
 * zb_watermark_missing() - count the frames that have to become free for a request
 * @zone: the zone
 * @nr_pages: number of frames that the request keeps
 * @mark: number of frames that have to be left
 * @highest_zoneidx: highest zone type that the request may use
 * @alloc_flags: part of the mark and migrate types that it may use
 *
 * Context: any.
 * Return: number of additional free frames with which zb_watermark_leaves() would be true.
 */
unsigned long zb_watermark_missing(const struct zb_zone *zone, unsigned long nr_pages,
				   unsigned long mark, unsigned int highest_zoneidx,
				   unsigned int alloc_flags)
{
	unsigned long nr_free = READ_ONCE(zone->nr_free);
	unsigned long need = nr_pages + unusable_free(zone->nr_free_type, alloc_flags) +
			     reserved(zone, mark, highest_zoneidx, alloc_flags);

	return nr_free < need ? need - nr_free : 0;
}

/**
 * zb_zone_has_block() - check for a free block of at least a given order
 * @zone: the zone
 * @order: minimum order
 * @alloc_flags: whether CMA and HighAtomic blocks count
 *
 * Without the zone lock, the result may be false while a block is being split or
 * merged on another CPU. It does not include blocks of stale pageblocks that were not
 * merged yet (stale.h).
 *
 * Context: any.
 * Return: true if the buddy lists have such a block.
 */
bool zb_zone_has_block(const struct zb_zone *zone, unsigned int order,
		       unsigned int alloc_flags)
{
	const struct zb_free_area *area;
	unsigned int k, mt;

	for (k = order; k <= zone->max_order; k++) {
		area = &zone->free_area[k];
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
			if (READ_ONCE(area->nr_free_type[mt]))
				return true;
		if ((alloc_flags & ZB_ALLOC_CMA) &&
		    READ_ONCE(area->nr_free_type[ZB_MIGRATE_CMA]))
			return true;
		if ((alloc_flags & ZB_ALLOC_HARDER) &&
		    READ_ONCE(area->nr_free_type[ZB_MIGRATE_HIGHATOMIC]))
			return true;
	}
	return false;
}

static bool is_listed(struct zb_zone *zone, unsigned int order, unsigned int mt)
{
	for (; order <= zone->max_order; order++)
		if (zb_free_area_first(zone->free_area, order, mt))
			return true;
	return false;
}

/* Check the lists, which are exact even if pageblocks are stale. */
static bool has_listed(struct zb_zone *zone, unsigned int order,
		       unsigned int alloc_flags)
{
	unsigned int mt;

	for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
		if (is_listed(zone, order, mt))
			return true;
	return (alloc_flags & ZB_ALLOC_CMA && is_listed(zone, order, ZB_MIGRATE_CMA)) ||
	       (alloc_flags & ZB_ALLOC_HARDER &&
		is_listed(zone, order, ZB_MIGRATE_HIGHATOMIC));
}

/**
 * zb_zone_has_block_locked() - check under the zone lock whether a zone has a free block
 * @zone: the zone
 * @order: order of the block
 * @alloc_flags: migrate types that may be used
 *
 * The counters are inconsistent while a block is being split or merged, and do not
 * include blocks of stale pageblocks that were not merged yet. Before a request is
 * refused, they are therefore read again under the lock, and the lists are looked at.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: true if the zone has a free block of at least @order.
 */
bool zb_zone_has_block_locked(struct zb_zone *zone, unsigned int order,
			      unsigned int alloc_flags)
{
	unsigned long flags;
	bool ok;

	zb_lock_irqsave(&zone->lock, flags);
	ok = zb_zone_has_block(zone, order, alloc_flags) ||
	     (zone->nr_stale && has_listed(zone, order, alloc_flags));
	zb_unlock_irqrestore(&zone->lock, flags);
	return ok;
}

/**
 * zb_zone_watermark_ok() - check whether a zone may serve a request
 * @zone: the zone
 * @order: order of the block that the frames are cut from
 * @nr_pages: number of frames of the block that the request keeps
 * @mark: number of frames that have to be left
 * @highest_zoneidx: highest zone type that the request may use
 * @alloc_flags: part of the mark and migrate types that it may use
 *
 * The allocation has to leave the watermark, and the zone needs a free block of
 * at least @order.
 *
 * Context: any but NMI; may take the zone lock.
 * Return: true if the zone may serve the request.
 */
bool zb_zone_watermark_ok(struct zb_zone *zone, unsigned int order,
			  unsigned long nr_pages, unsigned long mark,
			  unsigned int highest_zoneidx,
			  unsigned int alloc_flags)
{
	if (!zb_watermark_leaves(zone, READ_ONCE(zone->nr_free),
				 zone->nr_free_type, nr_pages, mark,
				 highest_zoneidx, alloc_flags))
		return false;
	return !order || zb_zone_has_block(zone, order, alloc_flags) ||
	       zb_zone_has_block_locked(zone, order, alloc_flags);
}

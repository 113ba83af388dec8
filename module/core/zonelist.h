/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zonelists: the order in which zones are tried.
 *
 *	node 0 zonelist   node 0: Movable > Normal > DMA32 > DMA,
 *	                  node 1: Movable > Normal,  node 2: ...
 *
 * The zonelist of a node has the node's own zones first, from the highest type to
 * the lowest, followed by the zones of the other nodes, nearest node first. A
 * request starts at its preferred zone, the first entry whose type the flags allow,
 * and may fall back to any later entry whose type they allow. Low zones come last,
 * because only they can be used by devices with addressing limits.
 */
#ifndef ZB_CORE_ZONELIST_H
#define ZB_CORE_ZONELIST_H

#include "zone.h"

/**
 * struct zb_zoneref - an entry of a zonelist
 * @zone: the zone; NULL marks the end of the zonelist
 * @zone_idx: type of the zone, so that it can be skipped without reading the zone
 */
struct zb_zoneref {
	struct zb_zone *zone;
	unsigned int zone_idx;
};

/* Number of combinations of the zone modifiers and __ZB_GFP_RECLAIMABLE. */
#define ZB_NR_FAST	32u

/**
 * struct zb_fast - parameters of the fast path (fast.h) for one combination of flags
 * @zone: the preferred zone of such a request
 * @migratetype: mobility of such a request, or ZB_PCP_NO_TYPE if the fast path does
 *	not serve it
 * @state: state byte of an allocated block of order 0 with that mobility
 * @alloc_flags: ZB_ALLOC_CMA and _NOFRAGMENT, as in the first attempt of the freelist path
 */
struct zb_fast {
	struct zb_zone *zone;
	u8 migratetype;
	u8 state;
	u16 alloc_flags;
};

/**
 * struct zb_node - a NUMA node, with or without a region
 * @nid: number of the node
 * @nr_own: number of entries of @zonelist that are zones of this node, 0 if the node
 *	has no region
 * @nr_pages: frames in the zones of this node
 * @nr_dirty: frames allocated with __ZB_GFP_WRITE and not written back
 * @zonelist: the zones of all nodes, in the order in which they are tried
 * @fast: parameters of the fast path, indexed by the low five bits of the flags
 */
struct zb_node {
	int nid;
	unsigned int nr_own;
	unsigned long nr_pages;
	atomic_long_t nr_dirty;
	struct zb_zoneref *zonelist;
	struct zb_fast fast[ZB_NR_FAST];
};

typedef int (*zb_distance_fn)(int from, int to);

void zb_node_init(struct zb_node *node, struct zb_zone *zones,
		  unsigned int nr_zones, zb_distance_fn distance);

/* Find the first entry at or after @z whose type is not above @highest. */
static inline struct zb_zoneref *zb_next_zoneref(struct zb_zoneref *z,
						 unsigned int highest)
{
	while (z->zone && z->zone_idx > highest)
		z++;
	return z;
}

#define zb_for_each_zoneref(z, node, highest)				\
	for (z = zb_next_zoneref((node)->zonelist, highest); z->zone;	\
	     z = zb_next_zoneref(z + 1, highest))

#endif /* ZB_CORE_ZONELIST_H */

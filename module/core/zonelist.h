/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zonelists: in which order zones are tried.
 *
 *	node 0 zonelist   node 0: Movable > Normal > DMA32 > DMA,
 *	                  node 1: Movable > Normal,  node 2: ...
 *
 * A node's zonelist has its own zones from the highest type down to the
 * lowest, then those of the other nodes, nearest node first. A request starts
 * at the first entry whose type its flags allow, the preferred zone, and may
 * fall back to any later one: zones that more devices can reach are the more
 * precious ones, and come last.
 */
#ifndef ZB_CORE_ZONELIST_H
#define ZB_CORE_ZONELIST_H

#include "zone.h"

/**
 * struct zb_zoneref - an entry of a zonelist
 * @zone: the zone, NULL behind the last entry
 * @zone_idx: its type, to skip it without a look at the zone
 */
struct zb_zoneref {
	struct zb_zone *zone;
	unsigned int zone_idx;
};

/* An entry per value of the zone modifiers and RECLAIMABLE. */
#define ZB_NR_FAST	32u

/**
 * struct zb_fast - where the fast path goes (fast.h)
 * @zone: the zone such a request would try first
 * @migratetype: mobility of such a request, or ZB_PCP_NO_TYPE for the freelist path
 * @state: state byte of a block of order 0 allocated for it
 */
struct zb_fast {
	struct zb_zone *zone;
	u8 migratetype;
	u8 state;
};

/**
 * struct zb_node - a NUMA node that has a region
 * @nid: its number
 * @nr_own: how many of @zonelist are on this node itself
 * @nr_pages: frames of its zones
 * @nr_dirty: frames allocated with __ZB_GFP_WRITE and not written back
 * @zonelist: all zones in the order they are tried from here
 * @fast: by the low five bits of the flags
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

/* The next entry from @z on whose type is at most @highest. */
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

// SPDX-License-Identifier: GPL-2.0-only
#include "zonelist.h"

/* Check whether @a precedes @b in the zonelist of node @nid. */
static bool zone_precedes(const struct zb_zone *a, const struct zb_zone *b,
			  int nid, zb_distance_fn distance)
{
	int da = distance(nid, a->nid), db = distance(nid, b->nid);

	if (a->nid == b->nid)
		return a->type > b->type;
	if (a->nid == nid || b->nid == nid)
		return a->nid == nid;
	return da != db ? da < db : a->nid < b->nid;
}

/**
 * zb_node_init() - build the zonelist of a node
 * @node: @nid is set, and @zonelist has room for @nr_zones + 1 entries
 * @zones: all zones of all nodes
 * @nr_zones: number of @zones
 * @distance: returns the distance between two nodes
 */
void zb_node_init(struct zb_node *node, struct zb_zone *zones,
		  unsigned int nr_zones, zb_distance_fn distance)
{
	struct zb_zoneref *z = node->zonelist;
	unsigned int i, k;

	node->nr_own = 0;
	node->nr_pages = 0;
	atomic_long_set(&node->nr_dirty, 0);
	for (i = 0; i < nr_zones; i++) {
		for (k = i; k > 0 && zone_precedes(&zones[i], z[k - 1].zone,
						   node->nid, distance); k--)
			z[k] = z[k - 1];
		z[k].zone = &zones[i];
		z[k].zone_idx = zones[i].type;
		if (zones[i].nid != node->nid)
			continue;
		node->nr_own++;
		node->nr_pages += zones[i].nr_pages;
	}
	z[nr_zones].zone = NULL;
	z[nr_zones].zone_idx = 0;
}

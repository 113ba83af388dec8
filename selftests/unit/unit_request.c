// SPDX-License-Identifier: GPL-2.0-only
/* Random pools, and random flags of requests. */
#include "unit_history.h"
#include "unit_pool.h"

/**
 * unit_random_geometry() - choose the zones of a pool
 * @g: the geometry, filled in
 * @b: bounds of the zones
 */
void unit_random_geometry(struct unit_geometry *g, const struct unit_bounds *b)
{
	unsigned int type, node, nr_nodes = 1 + unit_below(3);
	unsigned long at = unit_below(1 + unit_below(2000));
	unsigned int density = 1 + unit_below(4);
	struct unit_zone *z;
	int nid = 0;

	memset(g, 0, sizeof(*g));
	for (node = 0; node < nr_nodes; node++, nid += 1 + unit_below(3))
		for (type = 0; type < ZB_NR_ZONES; type++) {
			/* each node needs at least one zone, so always add Normal */
			if (unit_below(4) >= density && type != ZB_ZONE_NORMAL)
				continue;
			z = &g->zones[g->nr_zones++];
			z->nid = nid;
			z->type = type;
			z->start = at + unit_below(1 + unit_below(b->max_gap + 1));
			z->nr = 1 + unit_below(1 + unit_below(b->max_zone));
			at = z->start + z->nr;
		}
	g->limit = ZB_PAGEBLOCK_ORDER + unit_below(10);
	g->cpus = 1 + unit_below(4);
	g->one_max_order = unit_below(2);
	g->watermarks = unit_below(2);
	g->no_mobility = unit_below(8) == 0;
}

/**
 * unit_random_gfp() - choose the flags of a request
 *
 * Return: the flags, which are valid.
 */
zb_gfp_t unit_random_gfp(void)
{
	zb_gfp_t gfp, some;

	do {
		/* usually few flags at a time */
		some = unit_below(ZB_GFP_BITS_MASK + 1ul);
		gfp = unit_below(ZB_GFP_BITS_MASK + 1ul) & some;
		if (unit_below(2))
			gfp |= __ZB_GFP_HIGHMEM;
		if (unit_below(2))
			gfp &= ~__ZB_GFP_THISNODE;
		if (unit_below(4))
			gfp &= ~__ZB_GFP_MEMALLOC;
	} while (!zb_gfp_valid(gfp));
	return gfp;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit_pool.h"

#define NR_NODES	4

/* Asymmetric and with equal distances, as in the tables of real firmware. */
static const int distances[NR_NODES][NR_NODES] = {
	{ 10, 30, 20, 20 },
	{ 20, 10, 20, 20 },
	{ 40, 30, 10, 20 },
	{ 21, 21, 21, 10 },
};

static int table_distance(int from, int to)
{
	return distances[from][to];
}

static const int node_order[NR_NODES][NR_NODES] = {
	{ 0, 2, 3, 1 }, { 1, 0, 2, 3 }, { 2, 3, 1, 0 }, { 3, 0, 1, 2 },
};

static struct unit_pool *make(void)
{
	struct unit_geometry g = {
		.zones = {
			{ 0, ZB_ZONE_DMA, 1, 1 }, { 0, ZB_ZONE_DMA32, 2, 1 },
			{ 0, ZB_ZONE_NORMAL, 3, 1 }, { 0, ZB_ZONE_MOVABLE, 4, 1 },
			{ 1, ZB_ZONE_NORMAL, 11, 1 }, { 1, ZB_ZONE_HIGHMEM, 12, 1 },
			{ 2, ZB_ZONE_NORMAL, 21, 1 },
			{ 3, ZB_ZONE_DMA32, 31, 1 }, { 3, ZB_ZONE_MOVABLE, 32, 1 },
		},
		.nr_zones = 9, .distance = table_distance,
	};

	return unit_pool_make(&g);
}

static unsigned int zones_of(const struct zb_pool *pool, int nid)
{
	unsigned int i, nr = 0;

	for (i = 0; i < pool->nr_zones; i++)
		nr += pool->zones[i].nid == nid;
	return nr;
}

/* Nodes are ordered by distance, and the zones of a node by descending type. */
POOL_TEST_WITH(own_node_first_then_by_distance, make(), unit_pool_end)
{
	const struct zb_zoneref *z;
	const struct zb_node *node;
	unsigned int i, k;
	int nid;

	EXPECT_EQ(p->pool.nr_nodes, NR_NODES);
	for (nid = 0; nid < NR_NODES; nid++) {
		node = zb_pool_node(&p->pool, nid);
		ASSERT(node);
		EXPECT_EQ(node->nid, nid);
		EXPECT_EQ(atomic_long_read(&node->nr_dirty), 0);
		EXPECT_EQ(node->nr_own, zones_of(&p->pool, nid));
		z = node->zonelist;
		for (i = 0; i < NR_NODES; i++)
			for (k = zones_of(&p->pool, node_order[nid][i]); k--; z++) {
				ASSERT(z->zone);
				EXPECT_EQ(z->zone->nid, node_order[nid][i]);
				EXPECT_EQ(z->zone_idx, z->zone->type);
				if (k)
					EXPECT(z->zone_idx > z[1].zone_idx);
			}
		EXPECT(!z->zone);
		EXPECT_EQ(z - node->zonelist, 9);
	}
}

POOL_TEST_WITH(walk_skips_zones_above_the_highest, make(), unit_pool_end)
{
	const struct zb_node *node = zb_pool_node(&p->pool, 0);
	static const struct { unsigned int highest; const char *seen; } cases[] = {
		{ ZB_ZONE_DMA, "D" },
		{ ZB_ZONE_DMA32, "3D3" },
		{ ZB_ZONE_NORMAL, "N3DN3N" },
		{ ZB_ZONE_HIGHMEM, "N3DN3HN" },
		{ ZB_ZONE_MOVABLE, "MN3DNM3HN" },
	};
	struct zb_zoneref *z;
	unsigned int i, nr;
	char seen[16];

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		nr = 0;
		zb_for_each_zoneref(z, node, cases[i].highest)
			seen[nr++] = "D3NHM"[z->zone_idx];
		seen[nr] = 0;
		if (!EXPECT(!strcmp(seen, cases[i].seen)))
			unit_note("found %s, expected %s", seen, cases[i].seen);
	}
}

/* The zones of a pool may be in any order. */
TEST(any_order_of_zones)
{
	struct zb_zone zones[5];
	struct zb_zoneref list[6];
	struct zb_node node = { .nid = 1, .zonelist = list };
	unsigned int i, k, round, tmp, type[5] = { 0, 1, 2, 3, 4 };

	for (round = 0; round < 200; round++) {
		for (i = 5; i > 1; i--) {
			k = unit_below(i);
			tmp = type[k];
			type[k] = type[i - 1];
			type[i - 1] = tmp;
		}
		for (i = 0; i < 5; i++) {
			zones[i].type = type[i];
			zones[i].nid = 1;
		}
		zb_node_init(&node, zones, 5, table_distance);
		EXPECT_EQ(node.nr_own, 5);
		for (i = 0; i < 5; i++)
			EXPECT_EQ(list[i].zone_idx, 4 - i);
		EXPECT(!list[5].zone);
	}
}

POOL_TEST(no_zone_at_all, 1, 1)
{
	const struct zb_node *node = p->pool.nodes;
	struct zb_zoneref *z;

	zb_for_each_zoneref(z, node, ZB_ZONE_DMA32)
		EXPECT(false);
	EXPECT(!zb_pool_node(&p->pool, 1));
	EXPECT(!zb_pool_node(&p->pool, -1));
}

static int far_from_itself(int from, int to)
{
	return from == to ? 20 : 10 + to;
}

/* The own node comes first even if the firmware says that others are nearer. */
POOL_TEST_WITH(own_node_is_not_the_nearest, unit_pool_make(&(struct unit_geometry){
			.zones = {
				{ 0, ZB_ZONE_NORMAL, 1, 1 }, { 1, ZB_ZONE_NORMAL, 2, 1 },
				{ 2, ZB_ZONE_NORMAL, 3, 1 },
			},
			.nr_zones = 3, .distance = far_from_itself,
		}), unit_pool_end)
{
	static const int order[3][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 2, 0, 1 } };
	unsigned int nid, i;

	for (nid = 0; nid < 3; nid++)
		for (i = 0; i < 3; i++)
			EXPECT_EQ(p->pool.nodes[nid].zonelist[i].zone->nid, order[nid][i]);
}

/* Of equally large zones, the first one is the largest. */
POOL_TEST_WITH(equally_large_zones, unit_pool_make(&(struct unit_geometry){
			.zones = {
				{ 0, ZB_ZONE_DMA, 1, 1 }, { 0, ZB_ZONE_DMA32, 2, 2 },
				{ 0, ZB_ZONE_NORMAL, 4, 2 },
			},
			.nr_zones = 3,
		}), unit_pool_end)
{
	EXPECT(zb_pool_largest_zone(&p->pool) == zone + 1);
}

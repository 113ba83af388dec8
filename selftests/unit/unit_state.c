// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies of the state of a pool, to detect changes. They include all visible state except
 * the order of lists and which pageblocks are stale, which depend only on the order of
 * previous operations.
 */
#include "unit_pool.h"

struct zone_copy {
	unsigned long nr_free;
	unsigned long nr_free_pcptypes;
	unsigned long nr_free_type[ZB_MIGRATE_TYPES];
	unsigned long nr_blocks[ZB_MIGRATE_TYPES];
	unsigned long nr_area[ZB_NR_ORDERS];
	unsigned long nr_type[ZB_NR_ORDERS][ZB_MIGRATE_TYPES];
	struct zb_pageblock *pageblocks;
	u8 *state;
	struct zb_pcp *pcp;
};

struct unit_state {
	unsigned int nr_zones;
	struct zone_copy *zones;
};

static void *copy_of(const void *memory, size_t size)
{
	void *copy = aligned_alloc(64, ALIGN(size, 64));

	if (!copy)
		abort();
	return memcpy(copy, memory, size);
}

static void save_zone(struct zone_copy *c, struct zb_zone *zone)
{
	unsigned int order;

	unit_refresh(zone);
	c->nr_free = zone->nr_free;
	c->nr_free_pcptypes = zone->nr_free_pcptypes;
	memcpy(c->nr_free_type, zone->nr_free_type, sizeof(c->nr_free_type));
	memcpy(c->nr_blocks, zone->nr_blocks, sizeof(c->nr_blocks));
	for (order = 0; order < ZB_NR_ORDERS; order++) {
		c->nr_area[order] = zone->free_area[order].nr_free;
		memcpy(c->nr_type[order], zone->free_area[order].nr_free_type,
		       sizeof(c->nr_type[order]));
	}
	c->pageblocks = copy_of(zone->pageblocks,
				zb_zone_pageblocks_size(zone->nr_pages));
	c->state = copy_of(zone->state, zb_zone_state_size(zone->nr_pages));
	c->pcp = copy_of(zone->pcp, zb_env_nr_cpus * sizeof(*zone->pcp));
}

/**
 * unit_state_save() - copy the state of a pool
 * @p: the pool, at rest
 *
 * Return: the copy, for unit_state_free().
 */
struct unit_state *unit_state_save(const struct unit_pool *p)
{
	struct unit_state *s = calloc(1, sizeof(*s));
	unsigned int i;

	if (!s)
		abort();
	s->nr_zones = p->pool.nr_zones;
	s->zones = calloc(s->nr_zones, sizeof(*s->zones));
	if (!s->zones)
		abort();
	for (i = 0; i < s->nr_zones; i++)
		save_zone(&s->zones[i], &p->pool.zones[i]);
	return s;
}

/**
 * unit_state_free() - free a copy
 * @s: the copy
 */
void unit_state_free(struct unit_state *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_zones; i++) {
		free(s->zones[i].pageblocks);
		free(s->zones[i].state);
		free(s->zones[i].pcp);
	}
	free(s->zones);
	free(s);
}

/* What is compared, for messages: the place in the test, and the zone. */
struct compared {
	const char *file;
	int line;
	unsigned int zone;
};

static bool same(const struct compared *at, const char *what, unsigned long index,
		 unsigned long now, unsigned long then)
{
	if (now != then)
		unit_fail(at->file, at->line, "changed: zone %u, %s [%lu]: found %ld (0x%lx), expected %ld (0x%lx)",
			  at->zone, what, index, (long)now, now, (long)then,
			  then);
	return now == then;
}

static bool same_pageblock(const struct compared *at, unsigned long i,
			   const struct zb_pageblock *a,
			   const struct zb_pageblock *b)
{
	unsigned int k;

	for (k = 0; k < ZB_PAGEBLOCK_WORDS; k++)
		if (!same(at, "bits of pageblock", i, a->free[k], b->free[k]))
			return false;
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		if (!same(at, "runs of pageblock", i, a->nr[k], b->nr[k]))
			return false;
	return same(at, "nr_free of pageblock", i, a->nr_free, b->nr_free) &&
	       same(at, "orders of pageblock", i, a->orders, b->orders) &&
	       same(at, "largest_free of pageblock", i, a->largest_free, b->largest_free) &&
	       same(at, "type of pageblock", i, a->migratetype, b->migratetype);
}

static bool same_pcp(const struct compared *at, unsigned int cpu,
		     const struct zb_pcp *a, const struct zb_pcp *b)
{
	unsigned int list, i;

	/* whether the CPU has begun to use its lists makes no difference */
	if (!same(at, "busy of CPU", cpu, a->busy == 1, b->busy == 1) ||
	    !same(at, "nr_pages of CPU", cpu, a->nr_pages, b->nr_pages))
		return false;
	for (list = 0; list < ZB_PCP_LISTS; list++) {
		if (!same(at, "list length of CPU", cpu, zb_pcp_nr(a, list),
			  zb_pcp_nr(b, list)))
			return false;
		for (i = 0; i < zb_pcp_nr(a, list); i++)
			if (!same(at, "list entry of CPU", cpu,
				  a->frame[zb_pcp_first(a, list) + i],
				  b->frame[zb_pcp_first(b, list) + i]))
				return false;
	}
	return true;
}

static bool same_counters(const struct compared *at, const struct zb_zone *zone,
			  const struct zone_copy *c)
{
	unsigned int order, mt;

	if (!same(at, "nr_free", 0, zone->nr_free, c->nr_free) ||
	    !same(at, "nr_free_pcptypes", 0, zone->nr_free_pcptypes, c->nr_free_pcptypes))
		return false;
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		if (!same(at, "nr_blocks", mt, zone->nr_blocks[mt],
			  c->nr_blocks[mt]) ||
		    !same(at, "nr_free_type", mt, zone->nr_free_type[mt],
			  c->nr_free_type[mt]))
			return false;
	for (order = 0; order < ZB_NR_ORDERS; order++) {
		if (!same(at, "nr_free of order", order,
			  zone->free_area[order].nr_free, c->nr_area[order]))
			return false;
		for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
			if (!same(at, "nr_free_type of order", order,
				  zone->free_area[order].nr_free_type[mt],
				  c->nr_type[order][mt]))
				return false;
	}
	return true;
}

static bool same_zone(const struct compared *at, const struct zb_zone *zone,
		      const struct zone_copy *c)
{
	unsigned long i;
	unsigned int cpu;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++)
		if (!same_pageblock(at, i, &zone->pageblocks[i],
				    &c->pageblocks[i]))
			return false;
	if (memcmp(zone->state, c->state, zone->nr_pages))
		for (i = 0; i < zone->nr_pages; i++)
			if (!same(at, "state byte", i, zone->state[i],
				  c->state[i]))
				return false;
	for (cpu = 0; cpu < zb_env_nr_cpus; cpu++)
		if (!same_pcp(at, cpu, &zone->pcp[cpu], &c->pcp[cpu]))
			return false;
	return same_counters(at, zone, c);
}

/**
 * unit_state_equal_at() - compare a pool with a copy of its state; see unit_state_equal()
 * @p: the pool; no other thread uses it
 * @s: the copy
 * @file: source file of the caller
 * @line: line number of the caller
 *
 * Return: true if they are equal; otherwise, the first difference is recorded as a failure.
 */
bool unit_state_equal_at(const struct unit_pool *p, const struct unit_state *s,
			 const char *file, int line)
{
	struct compared at = { .file = file, .line = line };

	for (at.zone = 0; at.zone < s->nr_zones; at.zone++) {
		unit_refresh(&p->pool.zones[at.zone]);
		if (!same_zone(&at, &p->pool.zones[at.zone], &s->zones[at.zone]))
			return false;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Rules 5 and 6 (check.h), which hold only while nothing uses the pool. */
#include "check.h"

/* Represents a set of frames by its size and the sum of a hash of each frame. */
struct frame_set {
	unsigned long nr;
	u64 sum;
};

static void add_frame(struct frame_set *set, unsigned long pfn)
{
	u64 x = pfn + 1;

	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 29) * 0xd6e8feb86659fd93ull;
	set->nr++;
	set->sum += x ^ x >> 32;
}

static bool check_pcp_list(struct zb_zone *zone, const struct zb_pcp *pcp,
			   unsigned int order, unsigned int mt,
			   struct frame_set *listed, struct zb_violation *v)
{
	unsigned int i, list = zb_pcp_list(order, mt);
	unsigned long pfn;

	if (zb_pcp_nr(pcp, list) > ZB_PCP_CAPACITY(order))
		return zb_not_met(v, zone, 0,
				  "a per-CPU list does not exceed its capacity",
				  zb_pcp_nr(pcp, list), ZB_PCP_CAPACITY(order));
	for (i = 0; i < zb_pcp_nr(pcp, list); i++) {
		pfn = zone->start_pfn + pcp->frame[zb_pcp_first(pcp, list) + i];
		if (!zb_zone_has(zone, pfn) ||
		    zb_zone_state(zone, pfn) != ZB_STATE(ZB_BLOCK_PCP, order))
			return zb_not_met(v, zone, pfn,
					  "a listed block is in state PCP and of the list's order",
					  pfn, order);
		add_frame(listed, pfn);
	}
	return true;
}

static bool check_pcp(struct zb_zone *zone, unsigned int cpu,
		      struct frame_set *listed, struct zb_violation *v)
{
	const struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	unsigned long nr = 0;
	unsigned int order, mt;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++) {
			if (!check_pcp_list(zone, pcp, order, mt, listed, v))
				return false;
			nr += (unsigned long)zb_pcp_nr(pcp, zb_pcp_list(order, mt)) << order;
		}
	if (pcp->nr_pages != nr)
		return zb_not_met(v, zone, 0, "nr_pages of a CPU matches its lists",
				  pcp->nr_pages, nr);
	return true;
}

/* Check that the blocks on all lists are those in the state ZB_BLOCK_PCP. */
static bool check_cached(struct zb_zone *zone, struct zb_violation *v)
{
	struct frame_set listed = { .nr = 0 }, marked = { .nr = 0 };
	unsigned long pfn;
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		if (!check_pcp(zone, cpu, &listed, v))
			return false;
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++)
		if (ZB_STATE_BLOCK(zb_zone_state(zone, pfn)) == ZB_BLOCK_PCP)
			add_frame(&marked, pfn);
	if (listed.nr != marked.nr || listed.sum != marked.sum)
		return zb_not_met(v, zone, 0,
				  "a block in state PCP is on exactly one per-CPU list",
				  listed.nr, marked.nr);
	return true;
}

static bool check_list_cpus(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned int cpu, nr = 0;

	zb_for_each_possible_cpu(cpu)
		nr += READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->busy) != ZB_PCP_UNUSED;
	return zone->nr_list_cpus == nr ||
	       zb_not_met(v, zone, 0, "nr_list_cpus is the number of CPUs that use their lists",
			  zone->nr_list_cpus, nr);
}

static bool check_unfit(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long pfn, nr = 0;

	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn++) {
		if (zb_zone_state(zone, pfn) != ZB_STATE_UNFIT)
			continue;
		nr++;
		if (pfn < zone->first_unfit || pfn > zone->last_unfit)
			return zb_not_met(v, zone, pfn,
					  "unfit frames are within first_unfit..last_unfit",
					  zone->first_unfit, zone->last_unfit);
	}
	if (zone->nr_unfit != nr)
		return zb_not_met(v, zone, 0, "nr_unfit of a zone matches its state bytes",
				  zone->nr_unfit, nr);
	return true;
}

static bool check_offline(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long pfn, nr = 0;

	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone); pfn += ZB_PAGEBLOCK_NR) {
		if (zb_zone_state(zone, pfn) != ZB_STATE_OFFLINE)
			continue;
		nr += ZB_PAGEBLOCK_NR;
		if (zb_pfn_pageblock(zone, pfn)->migratetype != ZB_MIGRATE_ISOLATE)
			return zb_not_met(v, zone, pfn, "an offline pageblock is isolated",
					  zb_pfn_pageblock(zone, pfn)->migratetype,
					  ZB_MIGRATE_ISOLATE);
	}
	return zone->nr_offline == nr ||
	       zb_not_met(v, zone, 0, "nr_offline of a zone matches its state bytes",
			  zone->nr_offline, nr);
}

/**
 * zb_check_quiet() - check all rules (check.h)
 * @pool: the allocator, which must not be in use
 * @v: set to the first violation
 *
 * Context: any but NMI; takes the zone locks many times.
 * Return: true if there is no violation.
 */
bool zb_check_quiet(struct zb_pool *pool, struct zb_violation *v)
{
	struct zb_zone *zone;

	if (!zb_check_pool(pool, v))
		return false;
	zb_for_each_zone(zone, pool)
		if (!check_cached(zone, v) || !check_list_cpus(zone, v) || !check_unfit(zone, v) ||
		    !check_offline(zone, v))
			return false;
	return true;
}

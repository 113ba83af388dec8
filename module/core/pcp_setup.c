// SPDX-License-Identifier: GPL-2.0-only
/* How long per-CPU lists are: by the size of the zone and the number of CPUs. */
#include "pcp.h"

static unsigned int at_most(unsigned long n, unsigned int max)
{
	return n < max ? n : max;
}

/**
 * zb_pcp_init() - make all lists empty
 * @zone: whose; zb_zone_init() has been called, @pcp is all zero
 */
void zb_pcp_init(struct zb_zone *zone)
{
	unsigned int list, cpu;
	struct zb_pcp *pcp;

	zb_for_each_possible_cpu(cpu) {
		pcp = zb_per_cpu_ptr(zone->pcp, cpu);
		for (list = 0; list < ZB_PCP_LISTS; list++) {
			pcp->top[list] = zb_pcp_start[list];
			pcp->frame[zb_pcp_start[list] - 1] = zone->nr_pages;
		}
	}
}

/* A batch is 1/4096 of the zone: a refill must not empty a small one. */
static unsigned int zone_batchsize(const struct zb_zone *zone)
{
	unsigned int batch = at_most(zone->nr_pages / 4096, ZB_PCP_BATCH_MAX);

	return batch ? 1u << (fls64(batch) - 1) : 1;
}

/*
 * Frames a CPU may keep. By default all CPUs together keep the low watermark,
 * but none more than ZB_PCP_HIGH_MAX: to move more at once saves nothing worth
 * the time that the zone is locked.
 */
static unsigned long zone_highsize(const struct zb_zone *zone,
				   unsigned int nr_cpus,
				   unsigned int high_fraction)
{
	unsigned long min = 4ul * zone_batchsize(zone), high;

	if (high_fraction)
		high = zone->nr_pages / high_fraction / nr_cpus;
	else
		high = at_most(zone->watermark[ZB_ALLOC_WMARK_LOW] / nr_cpus,
			       ZB_PCP_HIGH_MAX);
	return high < min ? min : high;
}

/**
 * zb_pcp_setup() - work out how long the per-CPU lists of a zone may be
 * @zone: whose; its watermarks are set
 * @nr_cpus: how many CPUs share it
 * @high_fraction: all lists together hold 1/this of the zone; 0 for as much as
 *	its low watermark
 *
 * No list may hold more than all together.
 *
 * Context: any; one caller at a time. CPUs with longer lists shorten them as
 * they free.
 */
void zb_pcp_setup(struct zb_zone *zone, unsigned int nr_cpus,
		  unsigned int high_fraction)
{
	unsigned long high = zone_highsize(zone, nr_cpus, high_fraction);
	unsigned int i, limit, batch;

	WRITE_ONCE(zone->pcp_high, high < ~0u ? high : ~0u);
	for (i = 0; i < ZB_PCP_ORDERS; i++) {
		limit = at_most(high >> i, ZB_PCP_CAPACITY(i));
		batch = at_most(zone_batchsize(zone) >> i, limit / 2);
		WRITE_ONCE(zone->pcp_limit[i], limit);
		WRITE_ONCE(zone->pcp_batch[i], batch ? batch : 1);
	}
}

/**
 * zb_pcp_is_idle() - check for blocks on lists that a CPU does not use
 * @zone: zone of the lists
 * @cpu: any possible CPU
 *
 * Lists are idle if the CPU has neither allocated from them nor freed to them since
 * the last call.
 *
 * Context: any; one caller at a time.
 * Return: true if the lists are idle and not empty.
 */
bool zb_pcp_is_idle(struct zb_zone *zone, unsigned int cpu)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	unsigned long uses = READ_ONCE(pcp->events[ZB_PGALLOC]) +
			     READ_ONCE(pcp->events[ZB_PGFREE]);
	bool idle;
	unsigned int order;

	for (order = 0; order < ZB_PCP_ORDERS; order++)
		uses += READ_ONCE(pcp->nr_fast_alloc[order]) +
			READ_ONCE(pcp->nr_fast_free[order]);
	idle = uses == pcp->uses_seen && zb_pcp_nr_pages(zone, cpu);
	pcp->uses_seen = uses;
	return idle;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Computes the limits of per-CPU lists from the size of the zone and the number of CPUs,
 * and counts the frames on them.
 */
#include "pcp.h"

/**
 * zb_pcp_init() - initialize the per-CPU lists of a zone, which become empty and unused
 * @zone: the zone, after zb_zone_init(); its @pcp is zeroed memory
 */
void zb_pcp_init(struct zb_zone *zone)
{
	unsigned int list, cpu;
	struct zb_pcp *pcp;

	zone->nr_list_cpus = 0;
	zb_for_each_possible_cpu(cpu) {
		pcp = zb_per_cpu_ptr(zone->pcp, cpu);
		pcp->busy = ZB_PCP_UNUSED;
		for (list = 0; list < ZB_PCP_LISTS; list++) {
			pcp->top[list] = zb_pcp_start[list];
			/* The sentinel of the fast path (fast.h): no block starts there. */
			pcp->frame[zb_pcp_start[list] - 1] = zone->nr_pages;
		}
	}
}

/*
 * Returns the number of frames that the lists of one CPU may have: by default, those of all CPUs
 * together may have as many as the low watermark. More than ZB_PCP_HIGH_MAX would not be faster,
 * because the zone lock is taken rarely enough with that many.
 */
static unsigned long zb_zone_highsize(const struct zb_zone *zone, unsigned int nr_cpus,
				      unsigned int high_fraction)
{
	if (high_fraction)
		return zb_zone_nr_managed(zone) / high_fraction / nr_cpus;
	return zb_at_most(READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]) / nr_cpus,
			  ZB_PCP_HIGH_MAX);
}

/*
 * Returns the number of frames of a batch: those of a word, so that the state bytes in a cache line
 * belong to one CPU. If the lists are too short for that, a batch has 1/4096 of the zone, so that a
 * refill does not empty a small zone.
 */
static unsigned int zb_zone_batchsize(const struct zb_zone *zone, unsigned long high)
{
	unsigned int most = zb_at_most(zb_zone_nr_managed(zone) / 4096, ZB_PCP_BATCH_MAX);
	unsigned int batch = 1;

	if (high >= ZB_PCP_BATCH_MAX)
		return ZB_PCP_BATCH_MAX;
	while (2 * batch <= most)
		batch *= 2;
	return batch;
}

/**
 * zb_pcp_setup() - compute the limits of the per-CPU lists of a zone
 * @zone: the zone, whose watermarks are set
 * @nr_cpus: number of CPUs that use the zone
 * @high_fraction: the lists of all CPUs together may have 1/@high_fraction of the
 *	frames of the zone; 0 for as many as the low watermark
 *
 * Lists that exceed a lowered limit are shortened when their CPU frees to them.
 *
 * Context: zone lock held, if the zone is in use.
 */
void zb_pcp_setup(struct zb_zone *zone, unsigned int nr_cpus,
		  unsigned int high_fraction)
{
	unsigned long high = zb_zone_highsize(zone, nr_cpus, high_fraction);
	unsigned int i, limit, most, batch;

	WRITE_ONCE(zone->pcp_high, high < ~0u ? high : ~0u);
	for (i = 0; i < ZB_PCP_ORDERS; i++) {
		limit = zb_at_most(high >> i, ZB_PCP_CAPACITY(i));
		/* A word may be more than half of a list of single frames. */
		most = i || high < ZB_PCP_BATCH_MAX ? limit / 2 : limit;
		batch = zb_at_most(zb_zone_batchsize(zone, high) >> i, most);
		WRITE_ONCE(zone->pcp_limit[i], limit);
		WRITE_ONCE(zone->pcp_batch[i], batch ? batch : 1);
	}
}

/**
 * zb_pcp_is_idle() - check for a CPU that does not use its lists any more
 * @zone: zone of the lists
 * @cpu: any possible CPU
 *
 * Lists are idle if the CPU has neither allocated from them nor freed to them since
 * the last call.
 *
 * Context: any; one caller at a time.
 * Return: true if the lists are idle, and the CPU has begun to use them.
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
	idle = uses == pcp->uses_seen && READ_ONCE(pcp->busy) != ZB_PCP_UNUSED;
	pcp->uses_seen = uses;
	return idle;
}

/**
 * zb_pcp_nr_pages() - count the frames on the lists of a CPU
 * @zone: zone of the lists
 * @cpu: any possible CPU
 *
 * Context: any.
 * Return: number of frames, which may be outdated when it is returned.
 */
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu)
{
	return READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->nr_pages);
}

/**
 * zb_zone_nr_cached() - count the frames on the lists of all CPUs
 * @zone: zone of the lists
 *
 * Context: any.
 * Return: number of frames, which may be outdated when it is returned.
 */
unsigned long zb_zone_nr_cached(const struct zb_zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		nr += zb_pcp_nr_pages(zone, cpu);
	return nr;
}

/**
 * zb_pcp_park() - make a CPU bypass its lists
 * @zone: zone of the lists
 * @cpu: any possible CPU
 * @why: reason to park the lists
 *
 * The CPU may still be using its lists until a grace period has elapsed.
 *
 * Context: any; one caller at a time.
 * Return: true if the lists were parked, false if they already had been.
 */
bool zb_pcp_park(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);

	if (READ_ONCE(pcp->parked) != ZB_PCP_OPEN)
		return false;
	WRITE_ONCE(pcp->parked, why);
	return true;
}

/**
 * zb_pcp_unpark() - let a CPU use its lists again
 * @zone: zone of the lists
 * @cpu: any possible CPU
 * @why: reason for which they were parked; nothing is done if it was another one
 *
 * Context: any; one caller at a time.
 */
void zb_pcp_unpark(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);

	/* Pairs with zb_pcp_enter(). */
	if (zb_pcp_is_parked(zone, cpu, why))
		zb_store_release(&pcp->parked, ZB_PCP_OPEN);
}

/**
 * zb_pcp_is_parked() - check whether the lists of a CPU are parked
 * @zone: zone of the lists
 * @cpu: any possible CPU
 * @why: reason to check for
 *
 * Context: any.
 * Return: true if the lists are parked for this reason.
 */
bool zb_pcp_is_parked(const struct zb_zone *zone, unsigned int cpu,
		      enum zb_pcp_parked why)
{
	return READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->parked) == why;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU lists: small stacks of free blocks that one CPU keeps at hand.
 *
 *	struct zb_pcp (one per zone and CPU)
 *	 busy
 *	 list[order 0..3, 9][U, M, R]
 *	    +------+------+------+-- ... --+
 *	    | cold |      | hot  |         |   frame numbers in the zone
 *	    +------+------+------+-- ... --+
 *	                     ^ nr: the next one to be taken
 *
 * Only the owning CPU touches its lists, with preemption off and @busy set. An
 * interrupt that comes on top and finds @busy set goes to the zone instead, so
 * nothing here needs an atomic operation or has to mask interrupts. Nobody
 * else may look inside: a drain is something the owning CPU is asked to do.
 *
 * How much all lists of a CPU may hold depends on the size of the zone and on
 * how many CPUs there are (zb_pcp_setup). Beyond that they are shortened in
 * turn, from the cold end. Frames that only go to and fro between a program and
 * a list never get to the pageblock that would be the best for them, so lists
 * are short; and near exhaustion nothing is kept back.
 *
 * The zone lock is never taken with @busy set or preemption off (where locks
 * sleep it couldn't be): a refill takes frames first and pushes them after, on
 * whatever CPU it finds itself; what does not fit goes back.
 */
#ifndef ZB_CORE_PCP_H
#define ZB_CORE_PCP_H

#include "mobility.h"

#define ZB_PCP_CAPACITY		63u	/* blocks a list can hold; with their number 256 bytes */
#define ZB_PCP_BATCH_MAX	32u	/* blocks moved at once */
#define ZB_PCP_HIGH_MAX		256u	/* frames a CPU keeps by default */

/**
 * struct zb_pcp_list - a stack of free blocks of one order and mobility
 * @nr: how many
 * @frame: first frames, counted from the start of the zone; the newest last
 */
struct zb_pcp_list {
	u32 nr;
	u32 frame[ZB_PCP_CAPACITY];
};

/**
 * struct zb_pcp - what one CPU keeps of one zone
 * @busy: the owner is at work on the lists
 * @rotor: the list to be shortened next
 * @nr_pages: frames on all lists
 * @events: what the owner did, see enum zb_event
 * @nr_fast_alloc: blocks allocated the short way (fast.h), by order
 * @nr_fast_free: blocks freed the short way, by order
 * @list: by order and migrate type
 */
struct zb_pcp {
	u8 busy;
	u8 rotor;
	u32 nr_pages;
	unsigned long events[ZB_NR_CPU_EVENTS];
	unsigned long nr_fast_alloc[ZB_PCP_LOW_ORDERS];
	unsigned long nr_fast_free[ZB_PCP_LOW_ORDERS];
	struct zb_pcp_list list[ZB_PCP_ORDERS][ZB_MIGRATE_PCPTYPES];
} __aligned(64);

static inline bool zb_pcp_order(unsigned int order)
{
	return order < ZB_PCP_LOW_ORDERS || order == ZB_PAGEBLOCK_ORDER;
}

/*
 * The owner's door to its lists: NULL means that we are an interrupt on top of
 * it. Between enter and leave the CPU stays the same and nothing sleeps.
 */
static inline struct zb_pcp *zb_pcp_enter(struct zb_zone *zone)
{
	struct zb_pcp *pcp;

	zb_cpu_pin();
	pcp = zb_this_cpu_ptr(zone->pcp);
	if (unlikely(READ_ONCE(pcp->busy))) {
		zb_cpu_unpin();
		return NULL;
	}
	WRITE_ONCE(pcp->busy, 1);
	barrier();
	return pcp;
}

static inline void zb_pcp_leave(struct zb_pcp *pcp)
{
	barrier();
	WRITE_ONCE(pcp->busy, 0);
	zb_cpu_unpin();
}

static inline void zb_pcp_count_pages(struct zb_pcp *pcp, long nr)
{
	WRITE_ONCE(pcp->nr_pages, pcp->nr_pages + nr);
}

void zb_pcp_setup(struct zb_zone *zone, unsigned int nr_cpus,
		  unsigned int high_fraction);
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned int order, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags);
void zb_free_to_zone(struct zb_zone *zone, unsigned long pfn,
		     unsigned int order);
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order, bool cold);
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu);
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu);
unsigned long zb_zone_nr_cached(const struct zb_zone *zone);
unsigned long zb_zone_events(const struct zb_zone *zone, enum zb_event event);

#endif /* ZB_CORE_PCP_H */

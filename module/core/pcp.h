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
 * The zone lock is never taken with @busy set or preemption off (where locks
 * sleep it couldn't be): a refill takes frames first and pushes them after, on
 * whatever CPU it finds itself; what does not fit goes back.
 */
#ifndef ZB_CORE_PCP_H
#define ZB_CORE_PCP_H

#include "mobility.h"

#define ZB_PCP_LOW_ORDERS	4u	/* orders 0 .. 3, and the pageblock's */
#define ZB_PCP_ORDERS		(ZB_PCP_LOW_ORDERS + 1)
#define ZB_PCP_CAPACITY		64u	/* blocks a list can hold */
#define ZB_PCP_BATCH		(ZB_PCP_CAPACITY / 2)

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
 * @nr_pages: frames on all lists
 * @list: by order and migrate type
 */
struct zb_pcp {
	u8 busy;
	u32 nr_pages;
	struct zb_pcp_list list[ZB_PCP_ORDERS][ZB_MIGRATE_PCPTYPES];
} __aligned(64);

static inline bool zb_pcp_order(unsigned int order)
{
	return order < ZB_PCP_LOW_ORDERS || order == ZB_PAGEBLOCK_ORDER;
}

unsigned long zb_rmqueue(struct zb_zone *zone, unsigned int order,
			 unsigned int mt);
void zb_free_to_zone(struct zb_zone *zone, unsigned long pfn,
		     unsigned int order);
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order);
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu);
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu);
unsigned long zb_zone_nr_cached(const struct zb_zone *zone);

#endif /* ZB_CORE_PCP_H */

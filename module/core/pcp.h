/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU lists: small stacks of free blocks that one CPU keeps at hand.
 *
 *	struct zb_pcp (one per zone and CPU)
 *	 busy
 *	 top[order 0..9][U, M, R, ...]
 *	 frame[]
 *	    +---+------+------+-- ... --+---+------+------+-- ... --+--
 *	    | - | cold | hot  |         | - | cold | hot  |         |
 *	    +---+------+------+-- ... --+---+------+------+-- ... --+--
 *	        ^ start       ^ top         ^ start of the next list
 *
 * What is listed are frame numbers in the zone. Below each list is the number of
 * a frame that there is not and that is never free, so that who looks at the
 * state of what is on top need not look whether anything is. For migrate types
 * that are not listed there are lists that are always empty, and always full.
 *
 * The owning CPU uses its lists with preemption off and @busy set. An interrupt
 * on top of that finds @busy set and goes to the zone instead, so the owner needs
 * no atomic operation and does not mask interrupts.
 *
 * Another CPU takes what is on the lists in four steps:
 *
 *	zb_pcp_park()		from now on the owner finds @parked set and goes
 *				to the zone
 *	a grace period		sections with preemption off that began before
 *				are over
 *	zb_pcp_drain()		nobody else uses the lists
 *	zb_pcp_unpark()
 *
 * The owner has no part in it, so a task that keeps it busy delays nothing.
 *
 * How much all lists of a CPU may hold depends on the size of the zone and on
 * how many CPUs there are (zb_pcp_setup). Beyond that they are shortened in
 * turn, from the cold end. Frames that only go to and fro between a program and
 * a list never get to the pageblock that would be the best for them, so lists
 * are short; and near the low watermark nothing is kept back.
 *
 * Between a list and the zone blocks go as bits of words (struct zb_bulk). A
 * CPU that does nothing but allocate, or nothing but free, moves twice as much
 * each time, up to a whole list.
 *
 * The zone lock is never taken with @busy set or preemption off (where locks
 * sleep it couldn't be): a refill takes frames first and pushes them after, on
 * whatever CPU it finds itself; what does not fit goes back.
 */
#ifndef ZB_CORE_PCP_H
#define ZB_CORE_PCP_H

#include "bulk.h"

#define ZB_PCP_HIGH_MAX		256u	/* frames a CPU keeps by default */
#define ZB_PCP_BATCH_MAX	64u	/* frames moved at once, at first */

/* Blocks a list can hold, by order: so many frames, but not too few blocks. */
#define ZB_PCP_CAPACITY(order)	((order) < 5 ? ZB_PCP_HIGH_MAX >> (order) : 8u)

/*
 * Where lists start in @frame. The first entry is nobody's; then those of lower
 * orders come first, by mobility, each with an entry below its start.
 */
#define ZB_PCP_BEFORE(order)						\
	(1 + 3 * ((order) < 5 ? 512u - (512u >> (order)) + (order) :	\
				496u + 8u * ((order) - 5) + (order)))
#define ZB_PCP_STARTS(order)						\
	ZB_PCP_BEFORE(order) + 1,					\
	ZB_PCP_BEFORE(order) + ZB_PCP_CAPACITY(order) + 2,		\
	ZB_PCP_BEFORE(order) + 2 * ZB_PCP_CAPACITY(order) + 3,		\
	1, 1, 1, 1, 1
#define ZB_PCP_FRAMES		ZB_PCP_BEFORE(ZB_PCP_ORDERS)

static const u16 zb_pcp_start[ZB_PCP_LISTS] = {
	ZB_PCP_STARTS(0), ZB_PCP_STARTS(1), ZB_PCP_STARTS(2), ZB_PCP_STARTS(3),
	ZB_PCP_STARTS(4), ZB_PCP_STARTS(5), ZB_PCP_STARTS(6), ZB_PCP_STARTS(7),
	ZB_PCP_STARTS(8), ZB_PCP_STARTS(9),
};

/* Why the owner of lists does not use them. One caller at a time changes that. */
enum zb_pcp_parked {
	ZB_PCP_OPEN,
	ZB_PCP_DRAINED,			/* another CPU takes what is there */
	ZB_PCP_OFFLINE,			/* the owner is offline, or about to be */
};

/**
 * struct zb_pcp - what one CPU keeps of one zone
 * @busy: (w) the owner is at work on the lists
 * @parked: (p) the owner goes past its lists, see enum zb_pcp_parked
 * @rotor: (o) the list to be shortened next
 * @streak: (o) refills in a row, or drains if negative
 * @nr_pages: (w) frames on all lists
 * @top: (o) by list, see zb_pcp_list(): the entry of @frame above the newest block
 * @nr_fast_alloc: (w) blocks allocated the fast path (fast.h), by order
 * @nr_fast_free: (w) blocks freed the fast path, by order
 * @events: (w) what the owner did else, see enum zb_event
 * @frame: (o) first frames of blocks, counted from the start of the zone
 *
 * The letters tell what protects a member:
 *
 *  - (o) the owner with @busy set, or the CPU that has parked the lists, after a grace period
 *  - (w) written as (o), read by any CPU
 *  - (p) written by one CPU at a time, which the caller of zb_pcp_park() ensures
 */
struct zb_pcp {
	u8 busy;
	u8 parked;
	u8 rotor;
	s8 streak;
	u32 nr_pages;
	u16 top[ZB_PCP_LISTS];
	unsigned long nr_fast_alloc[ZB_PCP_ORDERS];
	unsigned long nr_fast_free[ZB_PCP_ORDERS];
	unsigned long events[ZB_NR_CPU_EVENTS];
	u32 frame[ZB_PCP_FRAMES];
} __aligned(64);

/* The number of the list of an order below ZB_PCP_ORDERS and a migrate type. */
static inline unsigned int zb_pcp_list(unsigned int order, unsigned int mt)
{
	return order * ZB_PCP_TYPES + mt;
}

/* Blocks on a list. */
static inline unsigned int zb_pcp_nr(const struct zb_pcp *pcp,
				     unsigned int list)
{
	return pcp->top[list] - zb_pcp_start[list];
}

static inline bool zb_pcp_order(unsigned int order)
{
	return order < ZB_PCP_ORDERS;
}

/*
 * Begin to use this CPU's lists. False if this is an interrupt on top of such use,
 * or if the lists are parked. Between enter and leave the CPU stays the same and
 * nothing sleeps.
 */
static __always_inline bool zb_pcp_enter(const struct zb_zone *zone,
					 struct zb_pcp **pcp)
{
	zb_cpu_pin();
	*pcp = zb_this_cpu_ptr(zone->pcp);
	/* Pairs with zb_pcp_unpark(): see the lists as the drain has left them. */
	if (unlikely(zb_read_own((*pcp)->busy) ||
		     zb_load_acquire(&(*pcp)->parked))) {
		zb_cpu_unpin();
		return false;
	}
	WRITE_ONCE((*pcp)->busy, 1);
	barrier();
	return true;
}

static inline void zb_pcp_leave(struct zb_pcp *pcp)
{
	barrier();
	WRITE_ONCE(pcp->busy, 0);
	zb_cpu_unpin();
}

static inline void zb_pcp_count_event(struct zb_pcp *pcp, enum zb_event event,
				      unsigned long nr)
{
	zb_count(pcp->events[event], nr);
}

/* pcp_setup.c */
void zb_pcp_init(struct zb_zone *zone);
void zb_pcp_setup(struct zb_zone *zone, unsigned int nr_cpus,
		  unsigned int high_fraction);

/* pcp.c */
unsigned long zb_pcp_rmqueue(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags);
void zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
		      unsigned int order);
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order, bool cold);
bool zb_pcp_park(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why);
void zb_pcp_unpark(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why);
bool zb_pcp_is_parked(const struct zb_zone *zone, unsigned int cpu,
		      enum zb_pcp_parked why);
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu);
unsigned long zb_pcp_drain_own(struct zb_zone *zone);
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu);
unsigned long zb_zone_nr_cached(const struct zb_zone *zone);

/* stat.c */
unsigned long zb_zone_events(const struct zb_zone *zone, enum zb_event event);

/* rmqueue.c */
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned int order, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags);
unsigned long zb_rmqueue_exact(struct zb_zone *preferred, struct zb_zone *zone,
			       unsigned long nr_pages, unsigned int mt,
			       zb_gfp_t gfp, unsigned int alloc_flags);

#endif /* ZB_CORE_PCP_H */

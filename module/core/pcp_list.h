/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU lists: each CPU keeps small stacks of free blocks.
 *
 *	struct zb_pcp (one per zone and CPU)
 *	 busy
 *	 top[order 0..9][U, M, R, ...]
 *	 frame[]
 *	    +---+------+------+-- ... --+---+------+------+-- ... --+--
 *	    | - | cold | hot  |         | - | - | cold | hot  |     |
 *	    +---+------+------+-- ... --+---+---+------+------+-- ... --
 *	        ^ start       ^ top         ^ start           ^ top
 *	                                    a list with a gap of one entry
 *
 * A list has the first frames of its blocks, as offsets in the zone. A sentinel
 * below each list names a nonexistent frame whose state is never ZB_BLOCK_PCP, so
 * the fast path checks the state of the topmost block without checking first
 * whether the list is empty. Migrate types without per-CPU lists have lists that
 * are empty for allocations and full for frees.
 *
 * When the coldest blocks are taken, by a drain or for a request with COLD, a sentinel takes
 * the place of the last one of them. The gap at the start of the list becomes wider, so the
 * other blocks need not be moved. Lists of single frames, which are the longest ones, have
 * some slack at their end, so that such a list can become full although it has a gap. The
 * fast path pushes blocks until the list reaches its end; all other operations close the gap
 * then.
 *
 * A CPU does not use its lists before it needs them, so that the number of CPUs that share the
 * memory on lists is known (zb_begin_lists()). Then @busy is ZB_PCP_UNUSED.
 *
 * The owning CPU uses its lists with preemption disabled and @busy set. An
 * interrupt that hits it there sees @busy and uses the zone instead, so the owner
 * needs neither atomic operations nor disabled interrupts.
 *
 * Another CPU drains the lists in four steps:
 *
 *	zb_pcp_park()		sets @parked, so that the owner uses the zone
 *	a grace period		ends all sections with preemption disabled that
 *				did not see @parked
 *	zb_pcp_drain()		frees the blocks while nothing else uses the lists
 *	zb_pcp_unpark()
 *
 * The owner takes no part in this, so a task that keeps it busy does not delay
 * the drain.
 *
 * The maximum number of frames on all lists of a CPU depends on the watermarks of the zone
 * and on the number of CPUs that use their lists (zb_pcp_setup()). Above it, the lists are
 * shortened in turn, from the cold end. The lists are short because a block that
 * is reused from a list cannot merge with its buddy.
 *
 * While the zone is low, nothing is pushed on a list: blocks are allocated one at a
 * time and freed to the zone. Whether the zone is low is read after the lists are
 * entered. Therefore a drain that begins when the zone has become low leaves all
 * lists empty. They stay empty until the zone is not low any more. A request that may
 * not sleep, and cannot wait for a drain, then finds every frame in the zone.
 *
 * Refills and drains move blocks as bits of words (struct zb_bulk). A CPU that
 * only allocates, or only frees, moves twice as many blocks each time, up to
 * ZB_PCP_BATCH_MAX frames. Fewer are moved if they are in many words or pageblocks, so that
 * no single request or free takes long: a refill takes blocks of one pageblock (bulk.c), and a
 * free to a full list moves only four blocks that are not adjacent (pcp_free.c).
 *
 * The zone lock is never taken with @busy set or preemption disabled, because it
 * is a sleeping lock with PREEMPT_RT. A refill therefore takes blocks from the
 * zone first and then pushes them on the lists of the CPU that it runs on at that
 * moment. Blocks that do not fit are freed to the zone again.
 */
#ifndef ZB_CORE_PCP_LIST_H
#define ZB_CORE_PCP_LIST_H

#include "bulk.h"

#define ZB_NO_FRAME		(~0u)
#define ZB_PCP_HIGH_MAX		256u	/* default limit of frames per CPU */
#define ZB_PCP_BATCH_MAX	64u	/* frames in a move between a list and the zone */

/* Capacity of a list in blocks: ZB_PCP_HIGH_MAX frames, but at least 8 blocks. */
#define ZB_PCP_CAPACITY(order)	((order) < 5 ? ZB_PCP_HIGH_MAX >> (order) : 8u)

/*
 * Entries of a list beyond its capacity. A drain of single frames leaves a gap below the
 * others, which are moved down only when the list has reached its end. The number is not a
 * multiple of the frames of a drain (pcp_free.c), so that a free seldom does both.
 */
#define ZB_PCP_SLACK(order)	((order) ? 0u : 62u)

/*
 * Index of the first entry of each list in zb_pcp.frame:
 *
 *	entry 0		sentinel of the lists that are always empty, which start at 1
 *	entry 1		sentinel of the first list
 *	from 2 on	the lists by ascending order, and by mobility in each order:
 *			its capacity and slack, and an entry for the sentinel of the
 *			next list
 *
 * ZB_PCP_STARTS() has a row of this table for each order: where its Unmovable list
 * starts, and the length of its lists.
 */
#define ZB_PCP_STARTS(first, length)					\
	(first), (first) + (length) + 1, (first) + 2 * ((length) + 1),	\
	1, 1, 1, 1, 1
#define ZB_PCP_FRAMES		1825u

static const u16 zb_pcp_start[ZB_PCP_LISTS] = {
	ZB_PCP_STARTS(2, 318),			/* order 0 */
	ZB_PCP_STARTS(959, 128),
	ZB_PCP_STARTS(1346, 64),
	ZB_PCP_STARTS(1541, 32),
	ZB_PCP_STARTS(1640, 16),
	ZB_PCP_STARTS(1691, 8),
	ZB_PCP_STARTS(1718, 8),
	ZB_PCP_STARTS(1745, 8),
	ZB_PCP_STARTS(1772, 8),
	ZB_PCP_STARTS(1799, 8),			/* order 9 */
};

/* Whether a CPU may use its lists, and if not, why. The caller serializes changes. */
enum zb_pcp_parked {
	ZB_PCP_OPEN,			/* it may use them */
	ZB_PCP_DRAINED,			/* another CPU drains them */
	ZB_PCP_OFFLINE,			/* it is offline, or about to go offline */
};

#define ZB_PCP_UNUSED	2u		/* value of zb_pcp.busy before the first use */

/**
 * struct zb_pcp - the lists of one CPU for one zone
 * @busy: (w) 1 while the owner is using the lists, otherwise 0, or ZB_PCP_UNUSED
 * @parked: (p) whether the owner has to bypass its lists, see enum zb_pcp_parked
 * @rotor: (o) the list that was shortened last
 * @streak: (o) refills in a row, or drains in a row if negative
 * @nr_pages: (w) frames on all lists
 * @top: (o) index in @frame above the newest block, by list (zb_pcp_list())
 * @gap: (o) number of unused entries below the oldest block, by list
 * @nr_fast_alloc: (w) blocks allocated in the fast path (fast.h), by order
 * @nr_fast_free: (w) blocks freed in the fast path, by order
 * @events: (w) events outside the fast path, see enum zb_event
 * @uses_seen: (i) used by zb_pcp_is_idle() only
 * @frame: (o) first frames of the listed blocks, as offsets in the zone
 *
 * The letters tell how a member is protected:
 *
 *  - (o) used by the owner with @busy set, or by the CPU that parked the lists,
 *    after a grace period
 *  - (w) written like (o), read by any CPU
 *  - (i) used by zb_pcp_is_idle(), one caller at a time
 *  - (p) written by the caller of zb_pcp_park(), one CPU at a time
 */
struct zb_pcp {
	u8 busy;
	u8 parked;
	u8 rotor;
	s8 streak;
	u32 nr_pages;
	u16 top[ZB_PCP_LISTS];
	u8 gap[ZB_PCP_LISTS];
	unsigned long nr_fast_alloc[ZB_PCP_ORDERS];
	unsigned long nr_fast_free[ZB_PCP_ORDERS];
	unsigned long events[ZB_NR_CPU_EVENTS];
	unsigned long uses_seen;
	u32 frame[ZB_PCP_FRAMES];
} __aligned(64);

static inline unsigned int zb_at_most(unsigned long n, unsigned int max)
{
	return n < max ? n : max;
}

/* The index of the list of @order, which is below ZB_PCP_ORDERS, and type @mt. */
static inline unsigned int zb_pcp_list(unsigned int order, unsigned int mt)
{
	return order * ZB_PCP_TYPES + mt;
}

/* Index in zb_pcp.frame of the oldest block of a list. */
static inline unsigned int zb_pcp_first(const struct zb_pcp *pcp,
					unsigned int list)
{
	return zb_pcp_start[list] + pcp->gap[list];
}

/* Number of blocks on a list. */
static inline unsigned int zb_pcp_nr(const struct zb_pcp *pcp,
				     unsigned int list)
{
	return pcp->top[list] - zb_pcp_first(pcp, list);
}

/*
 * Start using the lists of this CPU. Returns false if they are parked, or if this is
 * an interrupt that hit the CPU while it used them. Preemption is disabled until
 * zb_pcp_leave(), so the section must not sleep.
 */
static __always_inline bool zb_pcp_enter(const struct zb_zone *zone,
					 struct zb_pcp **pcp)
{
	zb_cpu_pin();
	*pcp = zb_this_cpu_ptr(zone->pcp);
	/* Pairs with zb_pcp_unpark(): the drain's changes, also of @busy, are visible from here. */
	if (unlikely(zb_load_acquire(&(*pcp)->parked) ||
		     zb_read_own((*pcp)->busy))) {
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

/* The oldest block of a list. */
static inline u32 *zb_pcp_frames(struct zb_pcp *pcp, unsigned int list)
{
	return pcp->frame + zb_pcp_first(pcp, list);
}

/* Add @nr, which may be negative, to the number of blocks on a list. */
static inline void zb_pcp_count_listed(struct zb_pcp *pcp, unsigned int list, long nr)
{
	pcp->top[list] += nr;
	zb_count(pcp->nr_pages, nr * (long)BIT(list / ZB_PCP_TYPES));
}

/* pcp_list.c */
void zb_pcp_close_gap(struct zb_pcp *pcp, unsigned int list);
void zb_pcp_drop_cold(struct zb_pcp *pcp, unsigned int list, unsigned int nr);
void zb_pcp_push(const struct zb_zone *zone, struct zb_pcp *pcp, unsigned int list, u32 frame,
		 bool cold);

#endif /* ZB_CORE_PCP_LIST_H */

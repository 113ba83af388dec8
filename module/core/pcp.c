// SPDX-License-Identifier: GPL-2.0-only
#include "pcp.h"

#define ZB_NO_FRAME	(~0u)

/* Frames on their way between a list and the zone. */
struct batch {
	unsigned int nr;
	u32 frame[ZB_PCP_BATCH_MAX];
};

static unsigned int order_index(unsigned int order)
{
	return order < ZB_PCP_LOW_ORDERS ? order : ZB_PCP_LOW_ORDERS;
}

static unsigned int index_order(unsigned int index)
{
	return index < ZB_PCP_LOW_ORDERS ? index : ZB_PAGEBLOCK_ORDER;
}

static unsigned int at_most(unsigned long n, unsigned int max)
{
	return n < max ? n : max;
}

/* A batch is 1/4096 of the zone: a refill must not empty a small one. */
static unsigned int zone_batchsize(const struct zb_zone *zone)
{
	unsigned int batch = at_most(zone->nr_pages / 4096, ZB_PCP_BATCH_MAX);

	return batch ? 1u << (fls64(batch) - 1) : 1;
}

/*
 * Frames a CPU may keep. By default all CPUs together keep the low watermark,
 * but none more than 256: in the LLFree churn with mixed orders and mobilities,
 * 512 made R drop from 0.96 to 0.93.
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
		limit = at_most(high >> index_order(i), ZB_PCP_CAPACITY);
		batch = at_most(zone_batchsize(zone) >> index_order(i), limit / 2);
		WRITE_ONCE(zone->pcp_limit[i], limit);
		WRITE_ONCE(zone->pcp_batch[i], batch ? batch : 1);
	}
}

static void count_event(unsigned long *events, enum zb_event event,
			unsigned long nr)
{
	WRITE_ONCE(events[event], events[event] + nr);
}

static u32 pop(struct zb_pcp *pcp, unsigned int index, unsigned int mt)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	if (!list->nr)
		return ZB_NO_FRAME;
	zb_pcp_count_pages(pcp, -(long)BIT(index_order(index)));
	return list->frame[--list->nr];
}

/* Take up to @nr of the coldest blocks of a list. */
static void pop_cold(struct zb_pcp *pcp, unsigned int index, unsigned int mt,
		     unsigned int nr, struct batch *batch)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	nr = at_most(nr, list->nr);
	memcpy(batch->frame, list->frame, nr * sizeof(u32));
	list->nr -= nr;
	memmove(list->frame, list->frame + nr, list->nr * sizeof(u32));
	zb_pcp_count_pages(pcp, -(long)(nr << index_order(index)));
	batch->nr = nr;
}

/* Lists by one number, to take turns. */
#define NR_LISTS	(ZB_PCP_ORDERS * ZB_MIGRATE_PCPTYPES)

static unsigned int list_number(unsigned int index, unsigned int mt)
{
	return index * ZB_MIGRATE_PCPTYPES + mt;
}

static unsigned int list_index(unsigned int number)
{
	return number / ZB_MIGRATE_PCPTYPES;
}

static unsigned int list_type(unsigned int number)
{
	return number % ZB_MIGRATE_PCPTYPES;
}

/* Blocks to take off a list at once: a batch, or as many as are too many. */
static unsigned int nr_to_drain(const struct zb_zone *zone, unsigned int index,
				unsigned int excess)
{
	unsigned int batch = READ_ONCE(zone->pcp_batch[index]);

	return at_most(excess > batch ? excess : batch, ZB_PCP_BATCH_MAX);
}

/*
 * Take a batch off the next list that has something, or more where the lists
 * have @excess frames more than they should; returns its number.
 */
static unsigned int shorten_next(const struct zb_zone *zone, struct zb_pcp *pcp,
				 unsigned int excess, struct batch *batch)
{
	unsigned int i, number = pcp->rotor;

	for (i = 0; i < NR_LISTS; i++) {
		number = (number + 1) % NR_LISTS;
		if (pcp->list[list_index(number)][list_type(number)].nr)
			break;
	}
	pcp->rotor = number;
	pop_cold(pcp, list_index(number), list_type(number),
		 nr_to_drain(zone, list_index(number),
			     excess >> index_order(list_index(number))), batch);
	return number;
}

/* There is room: the list is shorter than ZB_PCP_CAPACITY. */
static void push(struct zb_pcp *pcp, unsigned int index, unsigned int mt,
		 u32 frame, bool cold)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	zb_pcp_count_pages(pcp, BIT(index_order(index)));
	if (cold) {
		memmove(list->frame + 1, list->frame, list->nr * sizeof(u32));
		list->frame[0] = frame;
		list->nr++;
	} else {
		list->frame[list->nr++] = frame;
	}
}

static void free_batch(struct zb_zone *zone, unsigned int index,
		       unsigned int mt, const struct batch *batch,
		       unsigned int from)
{
	unsigned int i, order = index_order(index);
	unsigned long flags;

	if (from >= batch->nr)
		return;
	zb_lock_irqsave(&zone->lock, flags);
	for (i = from; i < batch->nr; i++) {
		zb_trace_pcpu_drain(zone->start_pfn + batch->frame[i], order, mt);
		__zb_free_one_page(zone, zone->start_pfn + batch->frame[i], order);
	}
	__zb_count_event(zone, ZB_PCP_DRAIN, batch->nr - from);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Near exhaustion what one CPU keeps is what another one lacks. */
static unsigned int refill_batch(const struct zb_zone *zone, unsigned int index)
{
	unsigned int batch = READ_ONCE(zone->pcp_batch[index]);
	unsigned long most = zone->nr_free >> (index_order(index) + 2);

	batch = at_most(most, batch);
	return batch ? batch : 1;
}

static void take_batch(struct zb_zone *zone, unsigned int index,
		       unsigned int mt, unsigned int alloc_flags,
		       struct batch *batch)
{
	unsigned int want, order = index_order(index);
	unsigned long flags, pfn;

	batch->nr = 0;
	zb_lock_irqsave(&zone->lock, flags);
	for (want = refill_batch(zone, index); batch->nr < want;) {
		pfn = __zb_rmqueue(zone, order, mt, alloc_flags, ZB_HELD_CACHED);
		if (pfn == ZB_NO_PFN)
			break;
		zb_trace_zone_locked(pfn, order, mt, true);
		batch->frame[batch->nr++] = pfn - zone->start_pfn;
	}
	__zb_count_event(zone, ZB_PCP_REFILL, 1);
	zb_unlock_irqrestore(&zone->lock, flags);
}

/*
 * The first of a batch is the caller's, and stays so. The rest is listed as
 * far as it fits, with those that were taken first on top: addresses rise.
 */
static u32 refill(struct zb_zone *zone, unsigned int index, unsigned int mt,
		  unsigned int alloc_flags)
{
	struct batch batch;
	struct zb_pcp *pcp;

	take_batch(zone, index, mt, alloc_flags, &batch);
	if (!batch.nr)
		return ZB_NO_FRAME;
	pcp = zb_pcp_enter(zone);
	if (pcp) {
		while (batch.nr > 1 &&
		       pcp->list[index][mt].nr < READ_ONCE(zone->pcp_limit[index]))
			push(pcp, index, mt, batch.frame[--batch.nr], false);
		zb_pcp_leave(pcp);
	}
	free_batch(zone, index, mt, &batch, 1);
	return batch.frame[0];
}

/* Count an allocation as the kernel does for its numa_* statistics. */
static void count_alloc(unsigned long *events, const struct zb_zone *preferred,
			const struct zb_zone *zone, unsigned int order,
			zb_gfp_t gfp)
{
	int local = gfp & __ZB_GFP_OTHER_NODE ? preferred->nid : zb_cpu_node();

	count_event(events, ZB_PGALLOC, BIT(order));
	count_event(events, zone->nid == preferred->nid ? ZB_NUMA_HIT :
							  ZB_NUMA_MISS, 1);
	count_event(events, zone->nid == local ? ZB_NUMA_LOCAL : ZB_NUMA_OTHER,
		    1);
}

/* Where the per-CPU counters of @zone are busy, or it was a foreign zone's turn. */
static void account_alloc(struct zb_zone *preferred, struct zb_zone *zone,
			  unsigned int order, zb_gfp_t gfp)
{
	struct zb_pcp *pcp = zb_pcp_enter(zone);
	unsigned long flags;

	if (pcp) {
		count_alloc(pcp->events, preferred, zone, order, gfp);
		zb_pcp_leave(pcp);
	} else {
		zb_lock_irqsave(&zone->lock, flags);
		count_alloc(zone->events, preferred, zone, order, gfp);
		zb_unlock_irqrestore(&zone->lock, flags);
	}
	if (likely(zone->nid == preferred->nid))
		return;
	zb_lock_irqsave(&preferred->lock, flags);
	__zb_count_event(preferred, ZB_NUMA_FOREIGN, 1);
	zb_unlock_irqrestore(&preferred->lock, flags);
}

static unsigned long rmqueue_pcplist(struct zb_zone *zone, unsigned int order,
				     unsigned int mt, unsigned int alloc_flags)
{
	unsigned int index = order_index(order);
	struct zb_pcp *pcp = zb_pcp_enter(zone);
	u32 frame = ZB_NO_FRAME;
	struct batch one;

	if (pcp) {
		if (unlikely(alloc_flags & ZB_ALLOC_COLD)) {
			pop_cold(pcp, index, mt, 1, &one);
			frame = one.nr ? one.frame[0] : ZB_NO_FRAME;
		} else {
			frame = pop(pcp, index, mt);
		}
		zb_pcp_leave(pcp);
	}
	if (frame == ZB_NO_FRAME)
		frame = refill(zone, index, mt, alloc_flags);
	return frame == ZB_NO_FRAME ? ZB_NO_PFN : zone->start_pfn + frame;
}

/* Past the lists, and into the high-atomic reserve for who may. */
static unsigned long rmqueue_buddy(struct zb_zone *zone, unsigned int order,
				   unsigned int mt, unsigned int alloc_flags)
{
	unsigned long flags, pfn = ZB_NO_PFN;

	zb_lock_irqsave(&zone->lock, flags);
	if (order && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_HELD_CACHED);
	if (pfn == ZB_NO_PFN)
		pfn = __zb_rmqueue(zone, order, mt, alloc_flags, ZB_HELD_CACHED);
	if (pfn == ZB_NO_PFN && (alloc_flags & ZB_ALLOC_HARDER))
		pfn = __zb_rmqueue_highatomic(zone, order, ZB_HELD_CACHED);
	if (pfn != ZB_NO_PFN)
		zb_trace_zone_locked(pfn, order, mt, false);
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_rmqueue() - take a block from a zone, through the per-CPU lists if it can
 * @preferred: the zone the request was meant for, for the statistics
 * @zone: where to take it
 * @order: wanted, up to the zone's @max_order
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 * @gfp: __ZB_GFP_OTHER_NODE counts here
 * @alloc_flags: ZB_ALLOC_HARDER, _CMA, _NOFRAGMENT and _COLD count here
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame of the block, or ZB_NO_PFN. Its state says that it is
 * cached, until the caller has had a look at it and says whose it is.
 */
unsigned long zb_rmqueue(struct zb_zone *preferred, struct zb_zone *zone,
			 unsigned int order, unsigned int mt, zb_gfp_t gfp,
			 unsigned int alloc_flags)
{
	unsigned long pfn = ZB_NO_PFN;

	if (zb_pcp_order(order))
		pfn = rmqueue_pcplist(zone, order, mt, alloc_flags);
	if (pfn == ZB_NO_PFN)
		pfn = rmqueue_buddy(zone, order, mt, alloc_flags);
	if (pfn != ZB_NO_PFN)
		account_alloc(preferred, zone, order, gfp);
	return pfn;
}

/**
 * zb_free_to_zone() - free a block past the per-CPU lists
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI; takes the zone lock. The caller has checked that such
 * a block is allocated there.
 */
void zb_free_to_zone(struct zb_zone *zone, unsigned long pfn,
		     unsigned int order)
{
	unsigned long flags;

	zb_lock_irqsave(&zone->lock, flags);
	__zb_free_one_page(zone, pfn, order);
	__zb_count_event(zone, ZB_PGFREE, BIT(order));
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_free_unref_page() - free a block through the per-CPU lists if it can
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 * @cold: it is in no cache: to be used again last
 *
 * Context: any but NMI; may take the zone lock. The caller has checked that
 * such a block is allocated there.
 */
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order, bool cold)
{
	unsigned int mt = READ_ONCE(zb_pfn_pageblock(zone, pfn)->migratetype);
	unsigned int high, limit, nr, from = 0, index = order_index(order);
	struct batch batch = { .nr = 0 };
	struct zb_pcp *pcp;

	high = READ_ONCE(zone->pcp_high);
	limit = READ_ONCE(zone->pcp_limit[index]);
	if (!zb_pcp_order(order) || mt >= ZB_MIGRATE_PCPTYPES || !limit) {
		zb_free_to_zone(zone, pfn, order);
		return;
	}
	pcp = zb_pcp_enter(zone);
	if (!pcp) {
		zb_free_to_zone(zone, pfn, order);
		return;
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_HELD_CACHED, order));
	nr = pcp->list[index][mt].nr;
	if (nr >= limit) {
		from = list_number(index, mt);
		pop_cold(pcp, index, mt, nr_to_drain(zone, index, nr - limit + 1),
			 &batch);
	} else if (pcp->nr_pages >= high) {
		from = shorten_next(zone, pcp, pcp->nr_pages - high + BIT(order),
				    &batch);
	}
	push(pcp, index, mt, pfn - zone->start_pfn, cold);
	count_event(pcp->events, ZB_PGFREE, BIT(order));
	zb_pcp_leave(pcp);
	free_batch(zone, list_index(from), list_type(from), &batch, 0);
}

static bool drain_list(struct zb_zone *zone, unsigned int cpu,
		       unsigned int index, unsigned int mt)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	struct batch batch;

	zb_cpu_pin();
	WRITE_ONCE(pcp->busy, 1);
	barrier();
	pop_cold(pcp, index, mt, ZB_PCP_BATCH_MAX, &batch);
	zb_pcp_leave(pcp);
	free_batch(zone, index, mt, &batch, 0);
	return batch.nr;
}

/**
 * zb_pcp_drain() - give back all that a CPU keeps of a zone
 * @zone: whose lists
 * @cpu: the CPU; the caller runs on it and can't be moved, or it is dead
 *
 * Context: not an interrupt; takes the zone lock, once per batch.
 */
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu)
{
	unsigned int index, mt;

	for (index = 0; index < ZB_PCP_ORDERS; index++)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
			while (drain_list(zone, cpu, index, mt))
				;
}

/**
 * zb_pcp_nr_pages() - what a CPU keeps of a zone
 * @zone: whose lists
 * @cpu: any possible CPU
 *
 * Context: any.
 * Return: frames, as of some recent moment.
 */
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu)
{
	return READ_ONCE(zb_per_cpu_ptr(zone->pcp, cpu)->nr_pages);
}

/**
 * zb_zone_nr_cached() - what all CPUs keep of a zone
 * @zone: whose lists
 *
 * Context: any.
 * Return: frames, as of some recent moment.
 */
unsigned long zb_zone_nr_cached(const struct zb_zone *zone)
{
	unsigned long nr = 0;
	unsigned int cpu;

	zb_for_each_possible_cpu(cpu)
		nr += zb_pcp_nr_pages(zone, cpu);
	return nr;
}

/* What the short way counts by order only: it is always the CPU's own node. */
static unsigned long fast_events(const struct zb_pcp *pcp, enum zb_event event)
{
	const unsigned long *by_order = event == ZB_PGFREE ? pcp->nr_fast_free :
							     pcp->nr_fast_alloc;
	bool frames = event == ZB_PGALLOC || event == ZB_PGFREE;
	unsigned long nr = 0;
	unsigned int order;

	if (!frames && event != ZB_NUMA_HIT && event != ZB_NUMA_LOCAL)
		return 0;
	for (order = 0; order < ZB_PCP_LOW_ORDERS; order++)
		nr += READ_ONCE(by_order[order]) << (frames ? order : 0);
	return nr;
}

/**
 * zb_zone_events() - how often something happened to a zone
 * @zone: which
 * @event: what
 *
 * Context: any.
 * Return: the count since load, as of some recent moment.
 */
unsigned long zb_zone_events(const struct zb_zone *zone, enum zb_event event)
{
	unsigned long nr = READ_ONCE(zone->events[event]);
	const struct zb_pcp *pcp;
	unsigned int cpu;

	if (event >= ZB_NR_CPU_EVENTS)
		return nr;
	zb_for_each_possible_cpu(cpu) {
		pcp = zb_per_cpu_ptr(zone->pcp, cpu);
		nr += READ_ONCE(pcp->events[event]) + fast_events(pcp, event);
	}
	return nr;
}

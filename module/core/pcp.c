// SPDX-License-Identifier: GPL-2.0-only
#include "pcp.h"

#define ZB_NO_FRAME	(~0u)

/* Frames on their way between a list and the zone. */
struct batch {
	unsigned int nr;
	u32 frame[ZB_PCP_BATCH];
};

static unsigned int order_index(unsigned int order)
{
	return order < ZB_PCP_LOW_ORDERS ? order : ZB_PCP_LOW_ORDERS;
}

static unsigned int index_order(unsigned int index)
{
	return index < ZB_PCP_LOW_ORDERS ? index : ZB_PAGEBLOCK_ORDER;
}

/* How many blocks of an order a list may hold: fewer of the larger ones. */
static unsigned int list_high(unsigned int index)
{
	return index < ZB_PCP_LOW_ORDERS ? ZB_PCP_CAPACITY >> index : 2;
}

/* How many are moved at once between a list and its zone. */
static unsigned int list_batch(unsigned int index)
{
	return list_high(index) / 2;
}

/*
 * The owner's door to its lists: NULL means that we are an interrupt on top of
 * it. Between enter and leave the CPU stays the same and nothing sleeps.
 */
static struct zb_pcp *pcp_enter(struct zb_zone *zone)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, zb_cpu_pin());

	if (pcp->busy) {
		zb_cpu_unpin();
		return NULL;
	}
	pcp->busy = 1;
	barrier();
	return pcp;
}

static void pcp_leave(struct zb_pcp *pcp)
{
	barrier();
	pcp->busy = 0;
	zb_cpu_unpin();
}

static void count_pages(struct zb_pcp *pcp, long nr)
{
	WRITE_ONCE(pcp->nr_pages, pcp->nr_pages + nr);
}

static u32 pop(struct zb_pcp *pcp, unsigned int index, unsigned int mt)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	if (!list->nr)
		return ZB_NO_FRAME;
	count_pages(pcp, -(long)BIT(index_order(index)));
	return list->frame[--list->nr];
}

static bool push(struct zb_pcp *pcp, unsigned int index, unsigned int mt,
		 u32 frame)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	if (list->nr == list_high(index))
		return false;
	count_pages(pcp, BIT(index_order(index)));
	list->frame[list->nr++] = frame;
	return true;
}

/* Take up to @nr of the coldest blocks of a list. */
static void pop_cold(struct zb_pcp *pcp, unsigned int index, unsigned int mt,
		     unsigned int nr, struct batch *batch)
{
	struct zb_pcp_list *list = &pcp->list[index][mt];

	if (nr > list->nr)
		nr = list->nr;
	memcpy(batch->frame, list->frame, nr * sizeof(u32));
	list->nr -= nr;
	memmove(list->frame, list->frame + nr, list->nr * sizeof(u32));
	count_pages(pcp, -(long)(nr << index_order(index)));
	batch->nr = nr;
}

static void free_batch(struct zb_zone *zone, unsigned int index,
		       const struct batch *batch, unsigned int from)
{
	unsigned long flags;
	unsigned int i;

	if (from >= batch->nr)
		return;
	zb_lock_irqsave(&zone->lock, flags);
	for (i = from; i < batch->nr; i++)
		__zb_free_one_page(zone, zone->start_pfn + batch->frame[i],
				   index_order(index));
	zb_unlock_irqrestore(&zone->lock, flags);
}

static void take_batch(struct zb_zone *zone, unsigned int index,
		       unsigned int mt, struct batch *batch)
{
	unsigned long flags, pfn;

	batch->nr = 0;
	zb_lock_irqsave(&zone->lock, flags);
	while (batch->nr < list_batch(index)) {
		pfn = __zb_rmqueue(zone, index_order(index), mt, ZB_HELD_CACHED);
		if (pfn == ZB_NO_PFN)
			break;
		batch->frame[batch->nr++] = pfn - zone->start_pfn;
	}
	zb_unlock_irqrestore(&zone->lock, flags);
}

/* Get a batch from the zone, keep the first for the caller, list the rest. */
static u32 refill(struct zb_zone *zone, unsigned int index, unsigned int mt)
{
	unsigned int pushed = 1;
	struct batch batch;
	struct zb_pcp *pcp;

	take_batch(zone, index, mt, &batch);
	if (!batch.nr)
		return ZB_NO_FRAME;
	pcp = pcp_enter(zone);
	if (pcp) {
		/* The last one taken is the first to be used again. */
		while (pushed < batch.nr &&
		       push(pcp, index, mt, batch.frame[pushed]))
			pushed++;
		pcp_leave(pcp);
	}
	free_batch(zone, index, &batch, pushed);
	return batch.frame[0];
}

static unsigned long rmqueue_pcplist(struct zb_zone *zone, unsigned int order,
				     unsigned int mt)
{
	unsigned int index = order_index(order);
	struct zb_pcp *pcp = pcp_enter(zone);
	u32 frame = ZB_NO_FRAME;
	unsigned long pfn;

	if (pcp) {
		frame = pop(pcp, index, mt);
		pcp_leave(pcp);
	}
	if (frame == ZB_NO_FRAME)
		frame = refill(zone, index, mt);
	if (frame == ZB_NO_FRAME)
		return ZB_NO_PFN;
	pfn = zone->start_pfn + frame;
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_HELD_MT(mt), order));
	return pfn;
}

static unsigned long rmqueue_buddy(struct zb_zone *zone, unsigned int order,
				   unsigned int mt)
{
	unsigned long flags, pfn;

	zb_lock_irqsave(&zone->lock, flags);
	pfn = __zb_rmqueue(zone, order, mt, ZB_HELD_MT(mt));
	zb_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * zb_rmqueue() - take a block from a zone, through the per-CPU lists if it can
 * @zone: where
 * @order: wanted, up to the zone's @max_order
 * @mt: ZB_MIGRATE_UNMOVABLE, _MOVABLE or _RECLAIMABLE
 *
 * Context: any but NMI; takes the zone lock.
 * Return: first frame of the block, which is allocated now, or ZB_NO_PFN.
 */
unsigned long zb_rmqueue(struct zb_zone *zone, unsigned int order,
			 unsigned int mt)
{
	if (zb_pcp_order(order))
		return rmqueue_pcplist(zone, order, mt);
	return rmqueue_buddy(zone, order, mt);
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
	zb_unlock_irqrestore(&zone->lock, flags);
}

/**
 * zb_free_unref_page() - free a block through the per-CPU lists if it can
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * Context: any but NMI; may take the zone lock. The caller has checked that
 * such a block is allocated there.
 */
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order)
{
	unsigned int mt = READ_ONCE(zb_pfn_pageblock(zone, pfn)->migratetype);
	unsigned int index = order_index(order);
	struct batch batch = { .nr = 0 };
	struct zb_pcp *pcp;

	if (!zb_pcp_order(order) || mt >= ZB_MIGRATE_PCPTYPES) {
		zb_free_to_zone(zone, pfn, order);
		return;
	}
	pcp = pcp_enter(zone);
	if (!pcp) {
		zb_free_to_zone(zone, pfn, order);
		return;
	}
	zb_zone_set_state(zone, pfn, ZB_STATE(ZB_HELD_CACHED, order));
	if (!push(pcp, index, mt, pfn - zone->start_pfn)) {
		pop_cold(pcp, index, mt, list_batch(index), &batch);
		push(pcp, index, mt, pfn - zone->start_pfn);
	}
	pcp_leave(pcp);
	free_batch(zone, index, &batch, 0);
}

static bool drain_list(struct zb_zone *zone, unsigned int cpu,
		       unsigned int index, unsigned int mt)
{
	struct zb_pcp *pcp = zb_per_cpu_ptr(zone->pcp, cpu);
	struct batch batch;

	zb_cpu_pin();
	pcp->busy = 1;
	barrier();
	pop_cold(pcp, index, mt, ZB_PCP_BATCH, &batch);
	pcp_leave(pcp);
	free_batch(zone, index, &batch, 0);
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

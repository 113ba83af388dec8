// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames for buffers of one page that a command creates together, while memory is cleared in
 * advance: they are taken from the zone many at once (core/singles.h).
 *
 * Everything else is done for each buffer, in the same order as for one that is created alone.
 * Frames that find no buffer, because the command fails, are freed again.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "../instance/fault.h"
#include "../instance/request.h"
#include "batch.h"

/**
 * zb_stock_begin() - prepare to create several buffers
 * @bpool: the buffer pool
 * @want: the request for each of them
 * @stock: initialized; zb_stock_end() has to follow
 *
 * Return: @stock for zb_want.stock, or NULL if each buffer has to be allocated on its own.
 */
struct zb_stock *zb_stock_begin(const struct zb_buffer_pool *bpool, const struct zb_want *want,
				struct zb_stock *stock)
{
	stock->frames.nr = 0;
	stock->next = 0;
	return want->nr_pages == 1 && !want->range.nr_pages && want->nid == NUMA_NO_NODE &&
	       !want->free_only && READ_ONCE(bpool->inst->zero_ahead) ? stock : NULL;
}

/* Allocate frames for the buffers that are still to be created. */
static bool fill(struct zb_stock *stock, struct zb_instance *inst, zb_gfp_t gfp)
{
	const struct zb_node *node = zb_this_node();

	if (zb_task_restricted(node->nid, false))
		return false;
	zb_fast_alloc_singles(node, gfp, min(stock->wanted, ZB_MAX_SINGLES), &stock->frames);
	stock->next = 0;
	return stock->frames.nr;
}

/**
 * zb_stock_take() - take a frame that was allocated at once with others
 * @bpool: the buffer pool
 * @want: the request, which has a @stock
 * @map: receives whether it is known to be zero, or NULL
 * @pfn: set to the frame, or to ZB_NO_PFN if a failure is simulated
 *
 * Context: may sleep.
 * Return: false if the frame has to be allocated on its own.
 */
bool zb_stock_take(struct zb_buffer_pool *bpool, const struct zb_want *want,
		   struct zb_zero_map *map, unsigned long *pfn)
{
	struct zb_instance *inst = bpool->inst;
	struct zb_stock *stock = want->stock;
	unsigned int i;

	if (stock->next == stock->frames.nr && !fill(stock, inst, want->gfp))
		return false;
	if (zb_should_fail(want->gfp, 0)) {
		*pfn = ZB_NO_PFN;
		return true;
	}
	i = stock->next++;
	*pfn = stock->frames.pfn[i];
	if (map) {
		zb_zero_map_begin(map, *pfn, 1);
		map->nr_zero = stock->frames.zero >> i & 1;
		map->bits[0] = (u64)map->nr_zero << *pfn % 64;
	}
	trace_mm_page_alloc(*pfn, 0, zb_gfp_bits(want->gfp),
			    zb_pool_migratetype(&inst->pool, want->gfp));
	return true;
}

/**
 * zb_stock_end() - free the frames that no buffer was created for
 * @bpool: the buffer pool
 * @stock: the frames
 *
 * Context: may sleep.
 */
void zb_stock_end(struct zb_buffer_pool *bpool, struct zb_stock *stock)
{
	if (stock->next == stock->frames.nr)
		return;
	zb_batch_free_frames(bpool->inst, &stock->frames, stock->next);
	zb_instance_wake_waiters(bpool->inst);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frees buffers of one page together, while memory is cleared in advance: their frames return to
 * the zone many at once (core/singles.h). Everything else is done for each buffer, in the same
 * order as for one that is freed alone.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "batch.h"

/**
 * zb_buffer_put_together() - drop a reference, and free the buffer together with others
 * @buf: the buffer
 * @released: buffers that were released before; zb_released_free() has to follow
 *
 * The frames do not go to per-CPU lists, so this is for zb_instance.zero_ahead only.
 *
 * Context: may sleep.
 */
void zb_buffer_put_together(struct zb_buffer *buf, struct zb_released *released)
{
	if (!zb_buffer_put_keep(buf))
		return;
	if (buf->nr_pages != 1 || buf->discard == ZB_DISCARD_PURGED) {
		zb_buffer_free(buf);
		return;
	}
	released->buf[released->nr++] = buf;
	if (released->nr == ZB_MAX_SINGLES)
		zb_released_free(released);
}

/* Remove the buffers from the list of all buffers, and collect their frames. */
static void collect(const struct zb_released *released, struct zb_singles *frames)
{
	struct zb_buffer *buf;
	unsigned int i;

	frames->nr = released->nr;
	frames->zero = 0;
	for (i = 0; i < released->nr; i++) {
		buf = released->buf[i];
		zb_buffer_list_remove(buf);
		if (buf->gfp & __ZB_GFP_WRITE)
			zb_instance_account_dirty(buf->bpool->inst, buf->nid, -1);
		trace_mm_page_free(buf->pfn, 0);
		frames->pfn[i] = buf->pfn;
		frames->zero |= (u64)buf->is_zero << i;
	}
}

/**
 * zb_released_free() - free buffers that were released together
 * @released: the buffers; none afterwards
 *
 * Context: may sleep.
 */
void zb_released_free(struct zb_released *released)
{
	struct zb_buffer_pool *bpool;
	struct zb_singles frames;
	unsigned int i;

	if (!released->nr)
		return;
	bpool = released->buf[0]->bpool;
	collect(released, &frames);
	zb_batch_free_frames(bpool->inst, &frames, 0);
	if (hweight64(frames.zero) < frames.nr)
		zb_wake_zero_ahead(bpool->inst);
	for (i = 0; i < released->nr; i++) {
		zb_uncharge(bpool, &released->buf[i]->charge);
		kfree(released->buf[i]);
	}
	released->nr = 0;
	zb_instance_wake_waiters(bpool->inst);
}

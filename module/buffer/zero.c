// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears the frames of new buffers, except for those that are known to be zero
 * (core/zeroed.h).
 */
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../compat.h"
#include "zero.h"

/* Debug kernels verify one in this many of the frames that need not be cleared. */
#define VERIFY_EACH	8u

/* Debug kernels look for a frame that is not zero although it should be, and clear it. */
static void verify(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i;
	void *addr;
	bool ok;

	for (i = 0; IS_ENABLED(CONFIG_DEBUG_VM) && i < nr_pages; i += VERIFY_EACH) {
		addr = kmap_local_page(pfn_to_page(pfn + i));
		ok = !memchr_inv(addr, 0, PAGE_SIZE);
		kunmap_local(addr);
		if (WARN_ONCE(!ok, "zbuddy: a frame that is known to be zero was written to\n"))
			clear_highpage(pfn_to_page(pfn + i));
	}
}

/* Clearing a large buffer takes long, so stop if the task is killed. */
static int clear_frames(struct zb_buffer_pool *bpool, unsigned long pfn,
			unsigned long nr_pages, const struct zb_zero_map *map)
{
	unsigned long i, nr;

	for (i = 0; i < nr_pages; i += nr) {
		nr = map ? zb_zero_map_run(map, pfn, i, nr_pages) : nr_pages - i;
		nr = min(nr, (unsigned long)ZB_CLEAR_BATCH);
		if (map && zb_zero_map_test(map, pfn, i))
			verify(pfn + i, nr);
		else
			zb_clear_frames(pfn + i, nr);
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return zb_sync_cleared(bpool, pfn, nr_pages) ? -ENOMEM : 0;
}

/**
 * zb_buffer_clear() - clear the frames of a new buffer
 * @bpool: the buffer pool
 * @want: the request
 * @pfn: first frame
 * @map: which frames are known to be zero, or NULL
 *
 * Context: may sleep.
 * Return: 0, -EINTR if the task is being killed, or -ENOMEM.
 */
int zb_buffer_clear(struct zb_buffer_pool *bpool, const struct zb_want *want,
		    unsigned long pfn, const struct zb_zero_map *map)
{
	int err = clear_frames(bpool, pfn, want->nr_pages, map);

	if (err == -EINTR)
		atomic_long_inc(&bpool->inst->killed);
	else if (err)
		zb_explain(want->why, ZB_CAUSE_CACHES);
	return err;
}

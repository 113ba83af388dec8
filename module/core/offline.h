/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offline pageblocks: frames that a zone spans, but that the environment has taken back.
 *
 *	allocated --- zb_pool_offline() ---> offline --- zb_pool_online() ---> free
 *
 * The caller first allocates whole pageblocks (zb_pool_alloc_range()), so that nothing else
 * uses them. Then each of them becomes a block in the state ZB_STATE_OFFLINE, which is neither
 * free nor allocated, in an isolated pageblock. Searches therefore pass over it, a free of its
 * frames is refused, and no callback is called for them.
 *
 * The frames are part of zb_zone.nr_bad as well, because they are missing like those that are
 * kept out of use. Watermarks and limits are computed from zb_zone_nr_managed(); call
 * zb_pool_tune() after a change.
 */
#ifndef ZB_CORE_OFFLINE_H
#define ZB_CORE_OFFLINE_H

#include "range_alloc.h"
#include "unfit.h"

enum zb_bad zb_pool_offline(struct zb_pool *pool, unsigned long pfn,
			    unsigned long nr_pages);
unsigned long zb_pool_online(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages, zb_poison_fn poison);

static inline bool zb_pageblock_is_offline(const struct zb_zone *zone, unsigned long pfn)
{
	return zb_zone_state(zone, pfn & ~(ZB_PAGEBLOCK_NR - 1)) == ZB_STATE_OFFLINE;
}

#endif /* ZB_CORE_OFFLINE_H */

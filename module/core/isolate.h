/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Isolation: taking pageblocks out of circulation while somebody empties them.
 *
 * An isolated pageblock has the type Isolate: its free frames leave the lists
 * that requests are served from, and what is freed in it meanwhile goes to the
 * list of isolated blocks. It remembers the type it had.
 */
#ifndef ZB_CORE_ISOLATE_H
#define ZB_CORE_ISOLATE_H

#include "alloc.h"

bool zb_pool_isolate_range(struct zb_pool *pool, unsigned long pfn,
			   unsigned long nr_pages);
void zb_pool_unisolate_range(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages);
unsigned long zb_pool_range_free(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages);
int zb_pool_get_migratetype(struct zb_pool *pool, unsigned long pfn);
bool zb_pool_set_migratetype(struct zb_pool *pool, unsigned long pfn,
			     unsigned int mt);

#endif /* ZB_CORE_ISOLATE_H */

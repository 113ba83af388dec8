/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Isolation: preventing allocations from pageblocks that are being emptied.
 *
 * An isolated pageblock has the type Isolate. No request is served from the free lists
 * of this type. Frames that are freed in an isolated pageblock go to these lists too.
 * The pageblock keeps its previous type in @saved_type.
 */
#ifndef ZB_CORE_ISOLATE_H
#define ZB_CORE_ISOLATE_H

#include "pool.h"

void zb_zone_begin_isolation(struct zb_zone *zone);
void zb_zone_end_isolation(struct zb_zone *zone);
bool zb_pool_isolate_range(struct zb_pool *pool, unsigned long pfn,
			   unsigned long nr_pages);
bool zb_pool_isolate_range_wait(struct zb_pool *pool, unsigned long pfn,
				unsigned long nr_pages);
void zb_pool_unisolate_range(struct zb_pool *pool, unsigned long pfn,
			     unsigned long nr_pages);
unsigned long zb_pool_range_free(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages);
int zb_pool_get_migratetype(struct zb_pool *pool, unsigned long pfn);
bool zb_zone_begin_capture(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);
bool zb_zone_claim_capture(struct zb_zone *zone);
void zb_zone_drop_capture(struct zb_zone *zone);
bool zb_zone_break_capture(struct zb_zone *zone);
bool zb_pool_set_migratetype(struct zb_pool *pool, unsigned long pfn,
			     unsigned int mt);

#endif /* ZB_CORE_ISOLATE_H */

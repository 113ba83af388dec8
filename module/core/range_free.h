/* SPDX-License-Identifier: GPL-2.0-only */
/* Freeing ranges: all blocks of an allocation are claimed before the first one is freed. */
#ifndef ZB_CORE_RANGE_FREE_H
#define ZB_CORE_RANGE_FREE_H

#include "alloc.h"

enum zb_bad zb_claim_range(struct zb_zone *zone, unsigned long pfn, unsigned long end);
enum zb_bad zb_pool_free_range(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages);

#endif /* ZB_CORE_RANGE_FREE_H */

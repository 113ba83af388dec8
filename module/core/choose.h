/* SPDX-License-Identifier: GPL-2.0-only */
/* Which blocks of a pageblock a refill takes. */
#ifndef ZB_CORE_CHOOSE_H
#define ZB_CORE_CHOOSE_H

#include "stale.h"

unsigned int __zb_choose_blocks(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, unsigned int nr,
				u64 taken[ZB_PAGEBLOCK_WORDS]);

#endif /* ZB_CORE_CHOOSE_H */

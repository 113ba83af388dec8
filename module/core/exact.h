/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_EXACT_H
#define ZB_CORE_EXACT_H

#include "pcp.h"

void zb_exact_split(struct zb_zone *zone, unsigned long pfn, unsigned int order,
		    unsigned long nr_pages, enum zb_block_state state);
bool zb_exact_merge(struct zb_zone *zone, unsigned long pfn, unsigned long nr_pages);

#endif /* ZB_CORE_EXACT_H */

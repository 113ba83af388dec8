/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_PCP_FREE_H
#define ZB_CORE_PCP_FREE_H

#include "pcp_list.h"

void zb_pcp_count_move(struct zb_pcp *pcp, int direction);
unsigned int zb_pcp_blocks_to_move(const struct zb_zone *zone, const struct zb_pcp *pcp,
				   unsigned int order, int direction);
void zb_free_one_page(struct zb_zone *zone, unsigned long pfn, unsigned int order);
void zb_free_unref_page(struct zb_zone *zone, unsigned long pfn, unsigned int order, bool cold);
bool zb_pcp_free_full(struct zb_zone *zone, unsigned long pfn, unsigned int order);
void zb_pcp_drain(struct zb_zone *zone, unsigned int cpu);
unsigned long zb_pcp_drain_own(struct zb_zone *zone);

#endif /* ZB_CORE_PCP_FREE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocating from per-CPU lists, which pcp_list.h describes. */
#ifndef ZB_CORE_PCP_H
#define ZB_CORE_PCP_H

#include "pcp_free.h"

/* pcp_setup.c */
void zb_pcp_init(struct zb_zone *zone);
void zb_pcp_setup(struct zb_zone *zone, unsigned int nr_cpus,
		  unsigned int high_fraction);
bool zb_pcp_is_idle(struct zb_zone *zone, unsigned int cpu);
unsigned long zb_pcp_nr_pages(const struct zb_zone *zone, unsigned int cpu);
unsigned long zb_zone_nr_cached(const struct zb_zone *zone);
bool zb_pcp_park(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why);
void zb_pcp_unpark(struct zb_zone *zone, unsigned int cpu, enum zb_pcp_parked why);
bool zb_pcp_is_parked(const struct zb_zone *zone, unsigned int cpu,
		      enum zb_pcp_parked why);

/* pcp.c */
unsigned long zb_pcp_rmqueue(struct zb_zone *zone, unsigned int order,
			     unsigned int mt, unsigned int alloc_flags);

#endif /* ZB_CORE_PCP_H */

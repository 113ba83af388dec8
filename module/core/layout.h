/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layout: the division of a region into zones, by address or by size.
 *
 *	zones=auto                       by address: DMA below 16 MiB, DMA32 below
 *	                                 4 GiB, Normal above
 *	zones=DMA:16M,Normal:*           by size, from the start of the region
 *
 * The parser of sizes is also used for the other module parameters.
 */
#ifndef ZB_CORE_LAYOUT_H
#define ZB_CORE_LAYOUT_H

#include "zone.h"

/**
 * struct zb_span - type and location of a zone
 * @type: ZB_ZONE_*
 * @start_pfn: first frame
 * @nr_pages: size in frames, a multiple of the pageblock size
 */
struct zb_span {
	unsigned int type;
	unsigned long start_pfn;
	unsigned long nr_pages;
};

extern const char *const zb_zone_names[ZB_NR_ZONES];
extern const char *const zb_migratetype_names[ZB_MIGRATE_TYPES];

const char *zb_parse_size(const char *text, u64 *bytes);
const char *zb_layout(const char *text, unsigned int page_shift,
		      unsigned long start_pfn, unsigned long nr_pages,
		      struct zb_span span[ZB_NR_ZONES], unsigned int *nr_spans);
unsigned int zb_layout_max_order(const struct zb_span *span,
				 unsigned int nr_spans, unsigned int limit);

#endif /* ZB_CORE_LAYOUT_H */

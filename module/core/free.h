/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_FREE_H
#define ZB_CORE_FREE_H

#include "pool.h"

enum zb_bad zb_pool_check_allocated(const struct zb_pool *pool, unsigned long pfn,
				    unsigned int order);
enum zb_bad zb_pool_free_pages(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order);
enum zb_bad zb_pool_free_pages_cold(struct zb_pool *pool, unsigned long pfn,
				    unsigned int order);
enum zb_bad zb_pool_split_page(struct zb_pool *pool, unsigned long pfn,
			       unsigned int order);
enum zb_bad zb_pool_free_exact(struct zb_pool *pool, unsigned long pfn,
			       unsigned long nr_pages);
enum zb_bad zb_pool_free_to_zone(struct zb_pool *pool, unsigned long pfn,
				 unsigned long nr_pages, bool zero);
enum zb_bad zb_refuse_free(struct zb_pool *pool, unsigned long pfn,
			   unsigned int order, enum zb_bad bad);
void zb_free_claimed(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn,
		     unsigned int order);
unsigned long zb_pool_block_head(const struct zb_pool *pool, unsigned long pfn,
				 unsigned int *order);

#endif /* ZB_CORE_FREE_H */

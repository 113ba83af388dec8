/* SPDX-License-Identifier: GPL-2.0-only */
/* The map of a request that learns which of its frames are known to be zero. */
#ifndef ZB_ZEROING_H
#define ZB_ZEROING_H

#include "../core/zeroed.h"
#include "instance.h"

/**
 * struct zb_zeroing - which frames of a request are known to be zero
 * @map: filled in by the request
 * @few: the bits of @map, if the request is not larger
 */
struct zb_zeroing {
	struct zb_zero_map map;
	u64 few[ZB_PAGEBLOCK_WORDS + 1];
};

struct zb_zero_map *zb_zeroing_begin(const struct zb_instance *inst, struct zb_zeroing *z,
				     unsigned long nr_pages, gfp_t flags);
void zb_zeroing_end(struct zb_zeroing *z);

#endif /* ZB_ZEROING_H */

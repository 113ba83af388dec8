/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a request failed: the obstacle that would have to go first.
 *
 * All zones that the request might have been served from are looked at, and
 * the one that came nearest to serving it decides. Nothing is taken from the
 * watermark rules but their answer: the question is put to them again, each time
 * with one restriction less.
 */
#ifndef ZB_CORE_WHY_H
#define ZB_CORE_WHY_H

#include "page_alloc.h"

/* From the nearest miss to the farthest. */
enum zb_why {
	ZB_WHY_GONE,		/* by now there is enough */
	ZB_WHY_WATERMARK,	/* the zone's reserve is all that is left */
	ZB_WHY_FRAGMENTED,	/* enough is free, but no block of that order */
	ZB_WHY_HIGHATOMIC,	/* the rest is kept for atomic requests */
	ZB_WHY_CMA,		/* the rest is for movable memory only */
	ZB_WHY_LOWMEM,		/* kept for requests that can't use higher zones */
	ZB_WHY_ISOLATED,	/* the rest is in isolated pageblocks */
	ZB_WHY_CACHED,		/* the rest is on per-CPU lists */
	ZB_WHY_EMPTY,		/* less is free than the request needs */
	ZB_WHY_NODE,		/* only nodes have it that the task may not use */
	ZB_WHY_ZONE,		/* only zones have it that the flags keep out */
	ZB_NR_WHY,
};

enum zb_why zb_why_failed(zb_gfp_t gfp, unsigned int order,
			  unsigned int alloc_flags,
			  const struct zb_alloc_context *ac,
			  struct zb_zone **where);

#endif /* ZB_CORE_WHY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flags that say what a single attempt at an allocation may do.
 *
 * The first attempt uses the low watermark, those of the slow path the min
 * watermark. The frames below min are a reserve. The flags determine which part
 * of min has to be left free:
 *
 *	flags                    part of min that stays free
 *	none                     all
 *	HARDER                   3/4
 *	HIGH                     1/2
 *	HIGH and HARDER          3/8
 *	NO_WATERMARKS            none
 *
 * HARDER and NO_WATERMARKS requests may also use HighAtomic pageblocks.
 */
#ifndef ZB_CORE_ALLOC_FLAGS_H
#define ZB_CORE_ALLOC_FLAGS_H

/* The low bits are an index into zb_zone.watermark. */
#define ZB_ALLOC_WMARK_MIN	0x000u
#define ZB_ALLOC_WMARK_LOW	0x001u
#define ZB_ALLOC_WMARK_HIGH	0x002u
#define ZB_ALLOC_WMARK_MASK	0x003u
#define ZB_NR_WMARKS		3

#define ZB_ALLOC_NO_WATERMARKS	0x004u	/* ignore the watermarks */
#define ZB_ALLOC_HARDER		0x010u	/* atomic: the request cannot wait */
#define ZB_ALLOC_HIGH		0x020u	/* urgent */
#define ZB_ALLOC_CPUSET		0x040u	/* only nodes of the task's cpuset */
#define ZB_ALLOC_CMA		0x080u	/* movable: may use CMA pageblocks */
#define ZB_ALLOC_NOFRAGMENT	0x100u	/* don't mix mobilities in a pageblock */
#define ZB_ALLOC_COLD		0x200u	/* take from the cold end of a list */
#define ZB_ALLOC_KSWAPD		0x800u	/* may wake background reclaim */

#endif /* ZB_CORE_ALLOC_FLAGS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one attempt at an allocation may do.
 *
 * The fast path starts with the low watermark; the slow path tries again with
 * bolder flags. Below the mark there is a reserve, and the flags say how much
 * of it the request may use:
 *
 *	                         of min, an ordinary request must leave
 *	(nothing)                all
 *	HARDER                   3/4
 *	HIGH                     1/2
 *	HIGH and HARDER          3/8
 *	NO_WATERMARKS            nothing, nor the HighAtomic reserve
 */
#ifndef ZB_CORE_ALLOC_FLAGS_H
#define ZB_CORE_ALLOC_FLAGS_H

/* The low bits are an index into zb_zone.watermark. */
#define ZB_ALLOC_WMARK_MIN	0x000u
#define ZB_ALLOC_WMARK_LOW	0x001u
#define ZB_ALLOC_WMARK_HIGH	0x002u
#define ZB_ALLOC_WMARK_MASK	0x003u
#define ZB_NR_WMARKS		3

#define ZB_ALLOC_NO_WATERMARKS	0x004u	/* don't look at them */
#define ZB_ALLOC_HARDER		0x010u	/* atomic: can't wait */
#define ZB_ALLOC_HIGH		0x020u	/* urgent */
#define ZB_ALLOC_CPUSET		0x040u	/* only nodes of the task's cpuset */
#define ZB_ALLOC_CMA		0x080u	/* movable: CMA pageblocks will do */
#define ZB_ALLOC_NOFRAGMENT	0x100u	/* don't mix mobilities in a pageblock */
#define ZB_ALLOC_COLD		0x200u	/* from the cold end of a per-CPU list */
#define ZB_ALLOC_KSWAPD		0x800u	/* may wake background reclaim */

#endif /* ZB_CORE_ALLOC_FLAGS_H */

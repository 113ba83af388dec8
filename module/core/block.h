/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_BLOCK_H
#define ZB_CORE_BLOCK_H

#include "pageblock.h"

/*
 * The state of the block that starts at a frame, in the upper three bits of the
 * state byte. The lower five bits are its order. A damaged block is
 * ZB_BLOCK_NONE with its order plus one, so that it is neither free nor
 * allocated. A single frame that is unfit for use (unfit.h) and a pageblock that is
 * offline (offline.h) are ZB_BLOCK_NONE with orders that no block can have.
 */
enum zb_block_state {
	ZB_BLOCK_NONE,			/* free, or not the start of a block */
	ZB_BLOCK_UNMOVABLE,		/* allocated, by mobility */
	ZB_BLOCK_MOVABLE,
	ZB_BLOCK_RECLAIMABLE,
	ZB_BLOCK_COMP_UNMOVABLE,		/* the same, as a compound block */
	ZB_BLOCK_COMP_MOVABLE,
	ZB_BLOCK_COMP_RECLAIMABLE,
	ZB_BLOCK_PCP,			/* free, on a per-CPU list */
};

#define ZB_BLOCK_MT(mt)		((enum zb_block_state)(ZB_BLOCK_UNMOVABLE + (mt)))
#define ZB_BLOCK_COMP(mt)	((enum zb_block_state)(ZB_BLOCK_COMP_UNMOVABLE + (mt)))
#define ZB_STATE(block, order)	((u8)((block) << 5 | (order)))
#define ZB_STATE_BAD(order)	((u8)((order) + 1))
#define ZB_STATE_UNFIT		((u8)0x1f)
#define ZB_STATE_OFFLINE	((u8)0x1e)
#define ZB_STATE_BLOCK(state)	((state) >> 5)
#define ZB_STATE_ORDER(state)	((state) & 0x1fu)

static inline bool zb_state_bad(u8 state)
{
	return state && !ZB_STATE_BLOCK(state);
}

static inline bool zb_state_allocated(u8 state)
{
	return ZB_STATE_BLOCK(state) >= ZB_BLOCK_UNMOVABLE &&
	       ZB_STATE_BLOCK(state) <= ZB_BLOCK_COMP_RECLAIMABLE;
}

/*
 * Is this an allocated block of @order? Subtracting the first allocated state of
 * that order leaves a small multiple of 32 for all such blocks. Rotating the
 * result moves the order bits to the top, so that any other order makes it large
 * and one comparison is enough.
 */
static inline bool zb_state_is_block(u8 state, unsigned int order)
{
	u8 rest = state - ZB_STATE(ZB_BLOCK_UNMOVABLE, order);

	return (u8)(rest >> 5 | rest << 3) <
	       ZB_BLOCK_PCP - ZB_BLOCK_UNMOVABLE;
}

static inline bool zb_state_compound(u8 state)
{
	return ZB_STATE_BLOCK(state) >= ZB_BLOCK_COMP_UNMOVABLE &&
	       ZB_STATE_BLOCK(state) <= ZB_BLOCK_COMP_RECLAIMABLE;
}

/* The mobility of an allocated block, as requested. */
static inline unsigned int zb_state_migratetype(u8 state)
{
	return (ZB_STATE_BLOCK(state) - ZB_BLOCK_UNMOVABLE) % ZB_MIGRATE_PCPTYPES;
}

/* The order of a block that is allocated, on a per-CPU list, bad, unfit or offline. */
static inline unsigned int zb_state_order(u8 state)
{
	if (state == ZB_STATE_UNFIT)
		return 0;
	if (state == ZB_STATE_OFFLINE)
		return ZB_PAGEBLOCK_ORDER;
	return ZB_STATE_ORDER(state) - zb_state_bad(state);
}

/* The order of the smallest block that has at least @nr_pages frames. */
static inline unsigned int zb_exact_order(unsigned long nr_pages)
{
	return nr_pages > 1 ? fls64(nr_pages - 1) : 0;
}

/*
 * An exact allocation of n frames is one block for each bit of n, the largest
 * first; each start is naturally aligned, because what precedes it is a sum of
 * larger powers of two. 13 frames:
 *
 *	| order 3               | order 2   | 0 |  -  tail  |
 *
 * zb_exact_piece() returns the order of the first of these blocks.
 */
static inline unsigned int zb_exact_piece(unsigned long nr_pages)
{
	return fls64(nr_pages) - 1;
}

/*
 * A range of n frames may start at any frame, so it is the fewest blocks that are
 * naturally aligned, from the first frame on. 13 frames from frame 3 on:
 *
 *	| 0 | order 2       | order 3                       |
 *	3   4               8                               16
 *
 * zb_range_piece() returns the order of the block at @pfn, when @nr_pages are left. If the
 * start is aligned to the order of the smallest block that holds the range, the blocks are
 * those of an exact allocation.
 */
static inline unsigned int zb_range_piece(unsigned long pfn, unsigned long nr_pages,
					  unsigned int max_order)
{
	unsigned int alignment = __ffs64(pfn | BIT(max_order));
	/* One frame is left at least; analyzers do not know that. */
	unsigned int size = zb_exact_piece(nr_pages | 1);

	return alignment < size ? alignment : size;
}

#endif /* ZB_CORE_BLOCK_H */

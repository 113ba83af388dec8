// SPDX-License-Identifier: GPL-2.0-only
/* Operations on one per-CPU list. */
#include "pcp_list.h"

/* memmove() to a lower address, which copies single bytes on some CPUs. */
static noinline void move_down(u32 *to, const u32 *from, unsigned int nr)
{
	u64 eight[4];

	for (; nr >= 8; nr -= 8, from += 8, to += 8) {
		memcpy(eight, from, sizeof(eight));
		memcpy(to, eight, sizeof(eight));
	}
	while (nr--)
		*to++ = *from++;
}

/**
 * zb_pcp_close_gap() - move the blocks to the start of a list
 * @pcp: the lists, which have been entered
 * @list: index of the list
 *
 * Afterwards the list has room for its capacity.
 */
void zb_pcp_close_gap(struct zb_pcp *pcp, unsigned int list)
{
	u32 *start = pcp->frame + zb_pcp_start[list];
	unsigned int gap = pcp->gap[list];

	if (likely(!gap))
		return;
	move_down(start, start + gap, zb_pcp_nr(pcp, list));
	pcp->top[list] -= gap;
	pcp->gap[list] = 0;
}

/**
 * zb_pcp_drop_cold() - remove the coldest blocks, which the caller has copied, from a list
 * @pcp: the lists, which have been entered
 * @list: index of the list
 * @nr: number of blocks, at least one, and at most those of the list
 *
 * They leave a gap, and a sentinel takes the place of the last one.
 */
void zb_pcp_drop_cold(struct zb_pcp *pcp, unsigned int list, unsigned int nr)
{
	u32 *start = pcp->frame + zb_pcp_start[list];
	unsigned int gap = pcp->gap[list] + nr;

	if (start + gap == pcp->frame + pcp->top[list]) {
		pcp->top[list] -= gap;
		gap = 0;
	} else if (gap > (u8)~0) {
		move_down(start, start + gap, zb_pcp_nr(pcp, list) - nr);
		pcp->top[list] -= gap;
		gap = 0;
	} else {
		start[gap - 1] = start[-1];
	}
	pcp->gap[list] = gap;
	zb_count(pcp->nr_pages, -((long)nr << list / ZB_PCP_TYPES));
}

/**
 * zb_pcp_push() - put a block on a list, which must have room for it
 * @zone: the zone
 * @pcp: the lists, which have been entered
 * @list: index of the list
 * @frame: first frame of the block, as an offset in the zone
 * @cold: put it at the cold end
 */
void zb_pcp_push(const struct zb_zone *zone, struct zb_pcp *pcp, unsigned int list,
		 u32 frame, bool cold)
{
	unsigned int nr = zb_pcp_nr(pcp, list);
	u32 *frames;

	/* Close the gap, so that the fast path can push blocks again. */
	if (cold || pcp->top[list] >= READ_ONCE(zone->fast_top[list]))
		zb_pcp_close_gap(pcp, list);
	frames = zb_pcp_frames(pcp, list);
	zb_pcp_count_listed(pcp, list, 1);
	if (cold) {
		memmove(frames + 1, frames, nr * sizeof(*frames));
		nr = 0;
	}
	frames[nr] = frame;
}

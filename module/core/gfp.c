// SPDX-License-Identifier: GPL-2.0-only
#include "gfp.h"

/* The mobility bits are the migrate type once they are shifted down. */
_Static_assert(ZB_MIGRATE_MOVABLE == 1,
	       "MOVABLE must map to its migrate type");
_Static_assert(zb_gfp_bits(__ZB_GFP_RECLAIMABLE) ==
	       ZB_MIGRATE_RECLAIMABLE * zb_gfp_bits(__ZB_GFP_MOVABLE),
	       "RECLAIMABLE must map to its migrate type");

/**
 * zb_gfp_valid() - are these flags something the allocator can act on?
 * @gfp: flags from a caller that is not trusted
 *
 * Context: any.
 * Return: false for an unknown bit, for zone modifiers that contradict each
 * other, for memory said to be both movable and reclaimable, for a request that
 * must not fail but may not wait either, and for one that is atomic and yet may
 * sleep.
 */
bool zb_gfp_valid(zb_gfp_t gfp)
{
	if (gfp & ~ZB_GFP_BITS_MASK)
		return false;
	if (ZB_GFP_ZONE_BAD & ZB_GFP_ZONE_BIT(gfp & ZB_GFP_ZONEMASK))
		return false;
	if ((gfp & __ZB_GFP_NOFAIL) && !(gfp & __ZB_GFP_DIRECT_RECLAIM))
		return false;
	if ((gfp & __ZB_GFP_ATOMIC) && (gfp & __ZB_GFP_DIRECT_RECLAIM))
		return false;
	return (gfp & ZB_GFP_MOVABLE_MASK) != ZB_GFP_MOVABLE_MASK;
}

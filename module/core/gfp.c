// SPDX-License-Identifier: GPL-2.0-only
#include "gfp.h"

/* The mobility flags, shifted down to bit 0, are the number of the migrate type. */
_Static_assert(ZB_MIGRATE_MOVABLE == 1,
	       "MOVABLE must map to its migrate type");
_Static_assert(zb_gfp_bits(__ZB_GFP_RECLAIMABLE) ==
	       ZB_MIGRATE_RECLAIMABLE * zb_gfp_bits(__ZB_GFP_MOVABLE),
	       "RECLAIMABLE must map to its migrate type");

/**
 * zb_gfp_valid() - check allocation flags
 * @gfp: flags from an untrusted caller
 *
 * Flags are invalid if they contain an unknown bit, zone modifiers that exclude each
 * other, both MOVABLE and RECLAIMABLE, NOFAIL without DIRECT_RECLAIM, or ATOMIC with
 * DIRECT_RECLAIM.
 *
 * Context: any.
 * Return: true if the flags are valid.
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

// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/slab.h>

#include "zeroing.h"

/**
 * zb_zeroing_begin() - prepare to learn which frames of a request are known to be zero
 * @inst: the instance
 * @z: the preparation; the caller passes it to zb_zeroing_end()
 * @nr_pages: number of frames
 * @flags: how to allocate a map for many frames from the kernel
 *
 * If the kernel has no memory for this, all frames are going to be cleared.
 *
 * Context: may sleep if @flags say so.
 * Return: the map for the request, or NULL if nothing can be known.
 */
struct zb_zero_map *zb_zeroing_begin(const struct zb_instance *inst, struct zb_zeroing *z,
				     unsigned long nr_pages, gfp_t flags)
{
	unsigned long words = zb_zero_map_words(nr_pages);

	z->map.pfn = ZB_NO_PFN;
	z->map.bits = NULL;
	if (!READ_ONCE(inst->zero_ahead))
		return NULL;
	z->map.bits = z->few;
	if (words > ARRAY_SIZE(z->few))
		z->map.bits = kvmalloc_array(words, sizeof(u64), flags);
	return z->map.bits ? &z->map : NULL;
}

/**
 * zb_zeroing_end() - undo zb_zeroing_begin()
 * @z: the preparation
 *
 * Context: may sleep.
 */
void zb_zeroing_end(struct zb_zeroing *z)
{
	if (z->map.bits != z->few)
		kvfree(z->map.bits);
}

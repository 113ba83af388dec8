// SPDX-License-Identifier: GPL-2.0-only
/* Requests for ranges, which take memory that was idle from the kernel again (idle.c). */
#include "idle.h"
#include "idle_range.h"

/* Could the range be in a zone of which the kernel has idle memory? */
static bool may_need_lent(struct zb_instance *inst, zb_gfp_t gfp, const struct zb_range *range)
{
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		if (zone->type <= zb_gfp_zone(gfp) && range->nr_pages <= zone->nr_pages &&
		    range->first_pfn < zb_zone_end(zone) && range->end_pfn > zone->start_pfn &&
		    READ_ONCE(zone->nr_offline) && zb_instance_nr_lent(inst, zone->nid))
			return true;
	return false;
}

/**
 * zb_idle_alloc_range() - as zb_instance_alloc_range(), and take memory that was idle if needed
 * @inst: the instance
 * @gfp: flags for which zb_gfp_valid() holds
 * @range: the frames that are wanted
 * @nid: preferred node, or NUMA_NO_NODE for the nearest
 * @nodemask: bitmap of allowed nodes, or NULL
 * @user: as for zb_instance_alloc()
 * @map: receives which frames are known to be zero, or NULL
 * @failure: filled in if the request fails
 *
 * Memory is taken before buffers are moved or purged.
 *
 * Context: may sleep.
 * Return: first frame, or ZB_NO_PFN.
 */
unsigned long zb_idle_alloc_range(struct zb_instance *inst, zb_gfp_t gfp,
				  const struct zb_range *range, int nid,
				  const unsigned long *nodemask, bool user,
				  struct zb_zero_map *map, struct zb_range_failure *failure)
{
	const zb_gfp_t free_only = (gfp & ~__ZB_GFP_DIRECT_RECLAIM) | __ZB_GFP_NOWARN;
	unsigned long pfn;

	while (may_need_lent(inst, gfp, range)) {
		pfn = zb_instance_alloc_range(inst, free_only, range, nid, nodemask, user,
					      map, failure);
		if (pfn != ZB_NO_PFN)
			return pfn;
		if (!zb_idle_take_any(inst, range->nr_pages, gfp))
			break;
	}
	return zb_instance_alloc_range(inst, gfp, range, nid, nodemask, user, map, failure);
}

/**
 * zb_idle_range_could_ever() - check whether a range could be had if all memory were free
 * @inst: the instance
 * @req: the request, whose @nr_pages is not used
 * @range: the frames that are wanted
 * @failure: filled in if it could not
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: false if not; true as well if the kernel has idle memory, which might be enough.
 */
bool zb_idle_range_could_ever(struct zb_instance *inst, const struct zb_alloc_request *req,
			      const struct zb_range *range, struct zb_range_failure *failure)
{
	return zb_pool_range_could_ever(&inst->pool, req, range, failure) ||
	       may_need_lent(inst, req->gfp, range);
}

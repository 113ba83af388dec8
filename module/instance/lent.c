// SPDX-License-Identifier: GPL-2.0-only
/* What idle memory that the kernel has means for requests. */
#include "../core/freelist.h"
#include "../core/verdict.h"
#include "instance.h"

/**
 * zb_instance_may_need_lent() - check whether idle memory that the kernel has could serve a request
 * @inst: the instance
 * @req: the request
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: true if a zone that the request may use lacks memory because it was idle.
 */
bool zb_instance_may_need_lent(struct zb_instance *inst, const struct zb_alloc_request *req)
{
	struct zb_alloc_context ac;
	const struct zb_zone *zone;

	if (!zb_request_context(&inst->pool, req, &ac))
		return false;
	zb_for_each_zone(zone, &inst->pool)
		if (zone->type <= ac.highest_zoneidx && READ_ONCE(zone->nr_offline) &&
		    zb_exact_order(req->nr_pages) <= zone->max_order &&
		    zb_node_allowed(&ac, zone, req->gfp, ZB_ALLOC_CPUSET) &&
		    zb_instance_nr_lent(inst, zone->nid))
			return true;
	return false;
}

/**
 * zb_instance_could_ever() - check whether a request could be served if all memory were free
 * @inst: the instance
 * @req: the request
 *
 * Context: any; reads the bitmaps of the policy.
 * Return: false if not; true as well if the kernel has idle memory, which might be enough.
 */
bool zb_instance_could_ever(struct zb_instance *inst, const struct zb_alloc_request *req)
{
	return zb_pool_could_ever(&inst->pool, req) || zb_instance_may_need_lent(inst, req);
}

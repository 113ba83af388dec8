// SPDX-License-Identifier: GPL-2.0-only
/* ZB_IOC_EMPTY. */
#include <linux/capability.h>

#include "../reclaim/reclaim.h"
#include "cmd.h"

static u64 to_bytes(unsigned long nr_pages)
{
	return (u64)nr_pages << PAGE_SHIFT;
}

/* There must be a zone to empty, and another one to move buffers to. */
static int check_zones(struct zb_call *call, const struct zb_pool *pool,
		       const struct zb_ioc_empty *arg, const struct zb_zone_set *set)
{
	bool found = false, other = false;
	const struct zb_zone *zone;

	zb_for_each_zone(zone, pool) {
		if (zb_zone_in_set(zone, set))
			found = true;
		else
			other = true;
	}
	if (found && other)
		return 0;
	if (!found && arg->node != ZB_NODE_ANY && !zb_pool_node(pool, arg->node))
		return zb_einval(call, "node", arg->node);
	return zb_einval(call, "zone", arg->zone);
}

static int do_empty(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_instance *inst = file->bpool->inst;
	struct zb_ioc_empty *empty = &arg->empty;
	struct zb_empty e = {};
	int err;

	static_assert(ZB_NODE_ANY == -1);
	if (empty->flags)
		return zb_einval(call, "flags", empty->flags);
	if (!capable(CAP_SYS_ADMIN))
		return zb_eperm(call, CAP_SYS_ADMIN);
	if (empty->node < ZB_NODE_ANY)
		return zb_einval(call, "node", empty->node);
	if (empty->zone >= ZB_NR_ZONES && empty->zone != ZB_ZONE_ANY)
		return zb_einval(call, "zone", empty->zone);
	e.set.nid = empty->node;
	e.set.type = min_t(u32, empty->zone, ZB_NR_ZONES);
	err = check_zones(call, &inst->pool, empty, &e.set) ?:
	      zb_empty_zones(inst->reclaim, &e);
	if (err)
		return err;
	empty->moved = to_bytes(e.moved);
	empty->discarded = to_bytes(e.discarded);
	empty->left = to_bytes(e.left);
	empty->in_use = to_bytes(e.in_use);
	empty->no_room = to_bytes(e.no_room);
	return 0;
}

const struct zb_cmd zb_cmd_empty = {
	ZB_CMD(ZB_IOC_EMPTY, empty, no_room),
	.prepare = do_empty,
	.copy_out = true,
};

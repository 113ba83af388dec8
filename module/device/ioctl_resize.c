// SPDX-License-Identifier: GPL-2.0-only
/* ZB_IOC_RESIZE. */
#include <linux/capability.h>
#include <linux/numa.h>

#include "cmd.h"

static int check_size(struct zb_call *call, const struct zb_instance *inst,
		      const struct zb_ioc_resize *resize)
{
	unsigned long max = zb_instance_max_size(inst, resize->node);

	if (!resize->bytes || resize->bytes % (PAGE_SIZE << ZB_PAGEBLOCK_ORDER) ||
	    resize->bytes >> PAGE_SHIFT > max)
		return zb_einval(call, "bytes", resize->bytes);
	return 0;
}

/*
 * If the size was changed, but not to the requested one, the command succeeds, and returns the
 * errno of the failure in its argument.
 */
static int do_resize(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_instance *inst = file->bpool->inst;
	struct zb_ioc_resize *resize = &arg->resize;
	unsigned long nr_pages, before;
	int err;

	static_assert(ZB_NODE_ANY == NUMA_NO_NODE);
	if (resize->flags)
		return zb_einval(call, "flags", resize->flags);
	if (!capable(CAP_SYS_ADMIN))
		return zb_eperm(call, CAP_SYS_ADMIN);
	if (resize->node != ZB_NODE_ANY && !zb_pool_node(&inst->pool, resize->node))
		return zb_einval(call, "node", resize->node);
	err = check_size(call, inst, resize);
	if (err)
		return err;
	nr_pages = resize->bytes >> PAGE_SHIFT;
	before = zb_instance_size(inst, resize->node);
	err = zb_instance_resize(inst, resize->node, &nr_pages);
	if (err && nr_pages == before)
		return err;
	resize->bytes = (u64)nr_pages << PAGE_SHIFT;
	resize->error = -err;
	call->why.error = -err;
	return 0;
}

const struct zb_cmd zb_cmd_resize = {
	ZB_CMD(ZB_IOC_RESIZE, resize, bytes),
	.prepare = do_resize,
	.copy_out = true,
};

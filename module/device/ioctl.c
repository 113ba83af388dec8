// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/zbuddy: the dispatcher, and the commands ALLOC and FREE.
 * include/uapi/linux/zbuddy.h documents all commands and the errors that they return.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "cmd.h"
#include "ioctl.h"

/* Structures are part of the ABI: they may grow, but members must not move. */
static_assert(sizeof(struct zb_ioc_info) == 72);
static_assert(sizeof(struct zb_ioc_zone) == 48);
static_assert(sizeof(struct zb_ioc_alloc) == 88);
static_assert(sizeof(struct zb_ioc_free) == 16);
static_assert(sizeof(struct zb_ioc_query) == 72);
static_assert(sizeof(struct zb_bulk_buffer) == 40);
static_assert(sizeof(struct zb_ioc_bulk_alloc) == 88);
static_assert(sizeof(struct zb_ioc_bulk_free) == 32);
static_assert(sizeof(struct zb_ioc_label) == 48);
static_assert(sizeof(struct zb_ioc_phys) == 32);
static_assert(sizeof(struct zb_ioc_export) == 16);
static_assert(sizeof(struct zb_ioc_sync) == 32);
static_assert(sizeof(struct zb_ioc_explain) == 88);
static_assert(sizeof(struct zb_ioc_to_file) == 16);
static_assert(sizeof(struct zb_ioc_from_file) == 40);
static_assert(sizeof(struct zb_ioc_advise) == 24);
static_assert(sizeof(struct zb_ioc_resize) == 24);
static_assert(sizeof(struct zb_ioc_empty) == 56);

static int do_alloc(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_alloc *alloc = &arg->alloc;
	const struct zb_alloc_params req = {
		.flags = alloc->flags,
		.gfp = zb_gfp_from_bits(alloc->gfp),
		.node = alloc->node,
		.order = alloc->order,
		.length = alloc->length,
		.deadline_ns = alloc->deadline_ns,
		.align = alloc->align,
		.min_addr = alloc->min_addr,
		.max_addr = alloc->max_addr,
	};
	struct zb_buffer *buf;
	struct zb_want want = {};
	int err;

	if (alloc->__reserved)
		return zb_einval(call, "__reserved", alloc->__reserved);
	err = zb_get_want(call, file->bpool->inst, &req, &want);
	if (err)
		return err;
	buf = zb_buffer_create(file->bpool, file->account, &want);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	zb_handle_list_init(&call->handles);
	zb_handle_list_add(&call->handles, &buf->first);
	err = zb_handles_reserve(file, &call->handles, want.why);
	if (err)
		return err;
	zb_buffer_get_place(buf, &alloc->node, &alloc->zone, NULL);
	alloc->order = buf->order;
	alloc->handle = buf->first.nr;
	alloc->length = zb_buffer_bytes(buf);
	alloc->mmap_offset = zb_file_mmap_offset(file, alloc->handle, false);
	alloc->mmap_huge_offset = zb_file_mmap_offset(file, alloc->handle, true);
	return 0;
}

static const struct zb_cmd cmd_alloc = {
	ZB_CMD(ZB_IOC_ALLOC, alloc, deadline_ns),
	.prepare = do_alloc,
	.copy_out = true,
	.commit = zb_publish_handles,
	.rollback = zb_cancel_handles,
};

static int do_free(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	if (arg->free.flags)
		return zb_einval(call, "flags", arg->free.flags);
	if (arg->free.__reserved)
		return zb_einval(call, "__reserved", arg->free.__reserved);
	return zb_file_free(file, arg->free.handle) ? 0 : -ENOENT;
}

static const struct zb_cmd cmd_free = {
	ZB_CMD(ZB_IOC_FREE, free, __reserved),
	.prepare = do_free,
};

static const struct zb_cmd *const zb_cmds[] = {
	[_IOC_NR(ZB_IOC_INFO)] = &zb_cmd_info,
	[_IOC_NR(ZB_IOC_ZONE)] = &zb_cmd_zone,
	[_IOC_NR(ZB_IOC_ALLOC)] = &cmd_alloc,
	[_IOC_NR(ZB_IOC_FREE)] = &cmd_free,
	[_IOC_NR(ZB_IOC_QUERY)] = &zb_cmd_query,
	[_IOC_NR(ZB_IOC_BULK_ALLOC)] = &zb_cmd_bulk_alloc,
	[_IOC_NR(ZB_IOC_BULK_FREE)] = &zb_cmd_bulk_free,
	[_IOC_NR(ZB_IOC_LABEL)] = &zb_cmd_label,
	[_IOC_NR(ZB_IOC_PHYS)] = &zb_cmd_phys,
	[_IOC_NR(ZB_IOC_EXPORT)] = &zb_cmd_export,
	[_IOC_NR(ZB_IOC_SYNC)] = &zb_cmd_sync,
	[_IOC_NR(ZB_IOC_EXPLAIN)] = &zb_cmd_explain,
	[_IOC_NR(ZB_IOC_TO_FILE)] = &zb_cmd_to_file,
	[_IOC_NR(ZB_IOC_FROM_FILE)] = &zb_cmd_from_file,
	[_IOC_NR(ZB_IOC_ADVISE)] = &zb_cmd_advise,
	[_IOC_NR(ZB_IOC_RESIZE)] = &zb_cmd_resize,
	[_IOC_NR(ZB_IOC_EMPTY)] = &zb_cmd_empty,
};

static const struct zb_cmd *find_cmd(unsigned int nr)
{
	const struct zb_cmd *cmd;
	unsigned int index = _IOC_NR(nr);

	if (index >= ARRAY_SIZE(zb_cmds))
		return NULL;
	cmd = zb_cmds[array_index_nospec(index, ARRAY_SIZE(zb_cmds))];
	return cmd && cmd->nr == nr ? cmd : NULL;
}

static int copy_in(const struct zb_cmd *cmd, union zb_arg *arg,
		   void __user *uarg, u32 *usize, struct zb_call *call)
{
	int err;

	if (get_user(*usize, (u32 __user *)uarg))
		return -EFAULT;
	if (*usize < cmd->min_size)
		return zb_einval(call, "size", *usize);
	if (*usize > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, cmd->size, uarg, *usize);
	/* The size was read twice, and may have changed in between. */
	arg->size = *usize;
	return err;
}

/* A BULK or RESIZE command that succeeded only in part has set call->why.error. */
static void remember_failure(const struct zb_cmd *cmd, struct zb_file *file,
			     struct zb_call *call, int err)
{
	if (err)
		call->why.error = err == -ERESTARTSYS ? EINTR : -err;
	if (!call->why.error || cmd->nr == ZB_IOC_EXPLAIN)
		return;
	call->why.command = cmd->nr;
	zb_file_failed(file, &call->why);
}

/**
 * zb_ioctl() - execute an ioctl of /dev/zbuddy
 * @filp: the open file
 * @nr: the command
 * @uarg: address of its structure in user space
 *
 * Context: may sleep.
 * Return: 0 or -errno as in the user header, or -ERESTARTSYS.
 */
long zb_ioctl(struct file *filp, unsigned int nr, unsigned long uarg)
{
	struct zb_call call = { .why = { .node = -1, .largest_order = -1 } };
	const struct zb_cmd *cmd = find_cmd(nr);
	struct zb_file *file = filp->private_data;
	void __user *to = (void __user *)uarg;
	union zb_arg arg;
	u32 usize;
	int err;

	if (!cmd)
		return -ENOTTY;
	err = copy_in(cmd, &arg, to, &usize, &call) ?:
	      cmd->prepare(file, &arg, &call);
	if (err)
		goto failed;
	if (cmd->copy_out &&
	    copy_to_user(to, &arg, min_t(size_t, usize, cmd->size)))
		err = -EFAULT;
	if (!err && cmd->commit)
		cmd->commit(file, &arg, &call);
	if (err && cmd->rollback)
		cmd->rollback(file, &arg, &call);
failed:
	remember_failure(cmd, file, &call, err);
	return err;
}

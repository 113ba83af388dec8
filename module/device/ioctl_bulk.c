// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls BULK_ALLOC and BULK_FREE. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cmd.h"

/* Copy the description of @buf to the next element of the caller's array. */
static int bulk_describe(const struct zb_file *file, const struct zb_ioc_bulk_alloc *bulk,
			 struct zb_buffer *buf)
{
	void __user *to = u64_to_user_ptr(bulk->buffers +
					  (u64)bulk->done * bulk->buffer_size);
	struct zb_bulk_buffer desc = {
		.handle = buf->first.nr,
		.order = buf->order,
		.length = zb_buffer_bytes(buf),
		.mmap_offset = zb_file_mmap_offset(file, buf->first.nr, false),
		.mmap_huge_offset = zb_file_mmap_offset(file, buf->first.nr, true),
	};

	zb_buffer_get_place(buf, &desc.node, &desc.zone, NULL);
	if (copy_to_user(to, &desc, sizeof(desc)) ||
	    clear_user(to + sizeof(desc), bulk->buffer_size - sizeof(desc)))
		return -EFAULT;
	return 0;
}

/* Create a buffer, describe it to the caller, and count it in bulk->done. */
static int bulk_create_one(struct zb_file *file, struct zb_ioc_bulk_alloc *bulk,
			   const struct zb_want *want, struct zb_buffer **bufs)
{
	struct zb_buffer *buf;
	int err;

	buf = zb_buffer_create(file->bpool, file->account, want);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = zb_handle_reserve(file, &buf->first, want->why);
	if (err) {
		zb_buffer_put(buf);
		return err;
	}
	err = bulk_describe(file, bulk, buf);
	if (err) {
		zb_handle_cancel(file, &buf->first);
		return err;
	}
	bufs[bulk->done++] = buf;
	return 0;
}

/*
 * Wait only for the first buffer: a call that waits while it already holds buffers
 * could deadlock with another such call.
 */
static int bulk_create(struct zb_file *file, struct zb_ioc_bulk_alloc *bulk,
		       struct zb_want *want, struct zb_buffer **bufs)
{
	int err = 0;

	bulk->done = 0;
	while (!err && bulk->done < bulk->nr) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = bulk_create_one(file, bulk, want, bufs);
		want->wait = false;
		cond_resched();
	}
	return err;
}

static int check_bulk_alloc(struct zb_call *call,
			    const struct zb_ioc_bulk_alloc *bulk)
{
	if (bulk->__reserved)
		return zb_einval(call, "__reserved", bulk->__reserved);
	if (!bulk->nr || bulk->nr > ZB_BULK_MAX)
		return zb_einval(call, "nr", bulk->nr);
	if (bulk->buffer_size < sizeof(struct zb_bulk_buffer) ||
	    bulk->buffer_size > PAGE_SIZE)
		return zb_einval(call, "buffer_size", bulk->buffer_size);
	return 0;
}

static int do_bulk_alloc(struct zb_file *file, union zb_arg *arg,
			 struct zb_call *call)
{
	struct zb_ioc_bulk_alloc *bulk = &arg->bulk_alloc;
	const struct zb_alloc_params req = {
		.flags = bulk->flags,
		.gfp = zb_gfp_from_bits(bulk->gfp),
		.node = bulk->node,
		.order = bulk->order,
		.length = bulk->length,
		.deadline_ns = bulk->deadline_ns,
		.align = bulk->align,
		.min_addr = bulk->min_addr,
		.max_addr = bulk->max_addr,
	};
	struct zb_buffer **bufs;
	struct zb_want want = {};
	int err;

	err = check_bulk_alloc(call, bulk) ?:
	      zb_get_want(call, file->bpool->inst, &req, &want);
	if (err)
		return err;
	bufs = kvcalloc(bulk->nr, sizeof(*bufs), GFP_KERNEL);
	if (!bufs) {
		zb_explain(&call->why, ZB_CAUSE_KERNEL);
		return -ENOMEM;
	}
	err = bulk_create(file, bulk, &want, bufs);
	if (!bulk->done) {
		kvfree(bufs);
		return err;
	}
	/* ZB_IOC_EXPLAIN explains the buffer that is missing, although the command succeeds. */
	bulk->error = -err;
	call->why.error = bulk->error;
	call->bufs = bufs;
	return 0;
}

static void bulk_alloc_commit(struct zb_file *file, union zb_arg *arg,
			      struct zb_call *call)
{
	unsigned int i;

	for (i = 0; i < arg->bulk_alloc.done; i++)
		zb_handle_publish(file, &call->bufs[i]->first);
	kvfree(call->bufs);
}

static void bulk_alloc_rollback(struct zb_file *file, union zb_arg *arg,
				struct zb_call *call)
{
	unsigned int i;

	for (i = 0; i < arg->bulk_alloc.done; i++)
		zb_handle_cancel(file, &call->bufs[i]->first);
	kvfree(call->bufs);
}

const struct zb_cmd zb_cmd_bulk_alloc = {
	ZB_CMD(ZB_IOC_BULK_ALLOC, bulk_alloc, __reserved),
	.prepare = do_bulk_alloc,
	.copy_out = true,
	.commit = bulk_alloc_commit,
	.rollback = bulk_alloc_rollback,
};

/*
 * Hide the handles instead of removing them, so that this can be undone if the result
 * can't be copied to user space. The hidden handles are linked through a member of
 * struct zb_handle, because a command that frees memory must not have to allocate any.
 */
static int bulk_hide(struct zb_file *file, struct zb_ioc_bulk_free *bulk,
		     struct zb_handle **hidden)
{
	struct zb_handle *handle;
	u32 nr;

	for (bulk->done = 0; bulk->done < bulk->nr; bulk->done++) {
		if (get_user(nr, (u32 __user *)u64_to_user_ptr(bulk->handles +
					(u64)bulk->done * bulk->stride)))
			return -EFAULT;
		handle = zb_handle_hide(file, nr);
		if (!handle)
			return -ENOENT;
		handle->next_hidden = *hidden;
		*hidden = handle;
		cond_resched();
	}
	return 0;
}

static int check_bulk_free(struct zb_call *call,
			   const struct zb_ioc_bulk_free *bulk)
{
	if (bulk->flags)
		return zb_einval(call, "flags", bulk->flags);
	if (!bulk->nr || bulk->nr > ZB_BULK_MAX)
		return zb_einval(call, "nr", bulk->nr);
	if (!bulk->stride || bulk->stride % sizeof(u32))
		return zb_einval(call, "stride", bulk->stride);
	return 0;
}

static int do_bulk_free(struct zb_file *file, union zb_arg *arg,
			struct zb_call *call)
{
	struct zb_ioc_bulk_free *bulk = &arg->bulk_free;
	struct zb_handle *hidden = NULL;
	int err;

	err = check_bulk_free(call, bulk) ?: bulk_hide(file, bulk, &hidden);
	if (!hidden)
		return err;
	bulk->error = -err;
	call->why.error = bulk->error;
	call->handle = hidden;
	return 0;
}

static void bulk_free_commit(struct zb_file *file, union zb_arg *arg,
			     struct zb_call *call)
{
	struct zb_handle *handle = call->handle, *next;

	for (; handle; handle = next) {
		next = handle->next_hidden;
		zb_handle_free_hidden(file, handle);
		cond_resched();
	}
}

static void bulk_free_rollback(struct zb_file *file, union zb_arg *arg,
			       struct zb_call *call)
{
	struct zb_handle *handle = call->handle, *next;

	for (; handle; handle = next) {
		next = handle->next_hidden;
		zb_handle_unhide(file, handle);
		cond_resched();
	}
}

const struct zb_cmd zb_cmd_bulk_free = {
	ZB_CMD(ZB_IOC_BULK_FREE, bulk_free, error),
	.prepare = do_bulk_free,
	.copy_out = true,
	.commit = bulk_free_commit,
	.rollback = bulk_free_rollback,
};

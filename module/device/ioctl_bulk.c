// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls BULK_ALLOC and BULK_FREE. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cmd.h"

/* Copy the description of @buf to element @i of the caller's array. */
static int bulk_describe(const struct zb_ioc_bulk_alloc *bulk, unsigned int i,
			 const struct zb_buffer *buf)
{
	void __user *to = u64_to_user_ptr(bulk->buffers +
					  (u64)i * bulk->buffer_size);
	const struct zb_bulk_buffer desc = {
		.handle = buf->handle,
		.node = buf->nid,
		.zone = buf->zone,
		.order = buf->order,
		.length = zb_buffer_bytes(buf),
		.mmap_offset = zb_buffer_mmap_offset(buf, false),
		.mmap_huge_offset = zb_buffer_mmap_offset(buf, true),
	};

	if (copy_to_user(to, &desc, sizeof(desc)) ||
	    clear_user(to + sizeof(desc), bulk->buffer_size - sizeof(desc)))
		return -EFAULT;
	return 0;
}

static int bulk_create_one(struct zb_file *file, struct zb_ioc_bulk_alloc *bulk,
			   const struct zb_want *want, struct zb_buffer **bufs)
{
	struct zb_buffer *buf;
	int err;

	buf = zb_buffer_create(file->bpool, file->account, want);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = zb_file_add(file, buf, want->why);
	if (err)
		return err;
	err = bulk_describe(bulk, bulk->done, buf);
	if (err) {
		zb_file_cancel(file, buf);
		zb_buffer_put(buf);
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
	int err;

	for (bulk->done = 0; bulk->done < bulk->nr; cond_resched()) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = bulk_create_one(file, bulk, want, bufs);
		if (err)
			return err;
		want->wait = false;
	}
	return 0;
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
		zb_buffer_put(call->bufs[i]);
	kvfree(call->bufs);
}

static void bulk_alloc_rollback(struct zb_file *file, union zb_arg *arg,
				struct zb_call *call)
{
	unsigned int i;

	for (i = 0; i < arg->bulk_alloc.done; i++)
		zb_file_cancel(file, call->bufs[i]);
	bulk_alloc_commit(file, arg, call);
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
 * can't be copied to user space. The hidden buffers are linked through a member of
 * struct zb_buffer, because a command that frees memory must not have to allocate any.
 */
static int bulk_hide(struct zb_file *file, struct zb_ioc_bulk_free *bulk,
		     struct zb_buffer **hidden)
{
	struct zb_buffer *buf;
	u32 handle;

	for (bulk->done = 0; bulk->done < bulk->nr; bulk->done++) {
		if (get_user(handle, (u32 __user *)u64_to_user_ptr(bulk->handles +
					(u64)bulk->done * bulk->stride)))
			return -EFAULT;
		buf = zb_file_hide(file, handle);
		if (!buf)
			return -ENOENT;
		buf->next_hidden = *hidden;
		*hidden = buf;
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
	struct zb_buffer *hidden = NULL;
	int err;

	err = check_bulk_free(call, bulk) ?: bulk_hide(file, bulk, &hidden);
	if (!hidden)
		return err;
	bulk->error = -err;
	call->why.error = bulk->error;
	call->buf = hidden;
	return 0;
}

static void bulk_free_commit(struct zb_file *file, union zb_arg *arg,
			     struct zb_call *call)
{
	struct zb_buffer *buf = call->buf, *next;

	for (; buf; buf = next) {
		next = buf->next_hidden;
		zb_file_drop_hidden(file, buf);
		cond_resched();
	}
}

static void bulk_free_rollback(struct zb_file *file, union zb_arg *arg,
			       struct zb_call *call)
{
	struct zb_buffer *buf = call->buf, *next;

	for (; buf; buf = next) {
		next = buf->next_hidden;
		zb_file_unhide(file, buf);
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

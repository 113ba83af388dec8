// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls BULK_ALLOC and BULK_FREE. */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../buffer/batch.h"
#include "cmd.h"

/* Copy the description of @buf to element @i of the caller's array. */
static int describe_one(const struct zb_file *file, const struct zb_ioc_bulk_alloc *bulk,
			struct zb_buffer *buf, unsigned int i)
{
	void __user *to = u64_to_user_ptr(bulk->buffers + (u64)i * bulk->buffer_size);
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

/*
 * Describe new buffers to the caller, from element @at on. Those that can't be described are
 * freed.
 */
static int bulk_describe(struct zb_file *file, const struct zb_ioc_bulk_alloc *bulk,
			 struct zb_handle_list *list, unsigned int at)
{
	const struct zb_handle *handle;
	unsigned int i = 0;
	int err = 0;

	for (handle = list->first; handle; handle = handle->next) {
		err = describe_one(file, bulk, handle->buf, at + i);
		if (err)
			break;
		i++;
		cond_resched();
	}
	if (err)
		zb_handles_cancel(file, list, i);
	return err;
}

/*
 * Wait only for the first buffer: a call that waits while it already holds buffers
 * could deadlock with another such call.
 */
static int bulk_create(struct zb_file *file, unsigned int nr, struct zb_want *want,
		       struct zb_handle_list *list)
{
	struct zb_buffer *buf;
	struct zb_stock stock;
	int err = 0;

	want->stock = zb_stock_begin(file->bpool, want, &stock);
	while (list->nr < nr) {
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		stock.wanted = nr - list->nr;
		buf = zb_buffer_create(file->bpool, file->account, want);
		if (IS_ERR(buf)) {
			err = PTR_ERR(buf);
			break;
		}
		zb_handle_list_add(list, &buf->first);
		want->wait = false;
		cond_resched();
	}
	want->stock = NULL;
	zb_stock_end(file->bpool, &stock);
	return err;
}

/*
 * Create as many buffers as can have handles reserved in one go, and add them to call->handles.
 * Each step processes what the one before it has left, so the last failure decides.
 */
static int bulk_create_batch(struct zb_file *file, const struct zb_ioc_bulk_alloc *bulk,
			     struct zb_want *want, struct zb_call *call)
{
	unsigned int done = call->handles.nr, nr = min(bulk->nr - done, ZB_HANDLE_BATCH);
	struct zb_ioc_explain why = call->why;
	int err, err_handle, err_copy;
	struct zb_handle_list batch;

	zb_handle_list_init(&batch);
	err = bulk_create(file, nr, want, &batch);
	err_handle = zb_handles_reserve(file, &batch, &why);
	err_copy = bulk_describe(file, bulk, &batch, done);
	zb_handle_list_append(&call->handles, &batch);
	if (err_copy)
		why.cause = ZB_CAUSE_NONE;
	if (err_handle || err_copy)
		call->why = why;
	return err_copy ?: err_handle ?: err;
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
	struct zb_want want = {};
	int err;

	err = check_bulk_alloc(call, bulk) ?:
	      zb_get_want(call, file->bpool->inst, &req, &want);
	if (err)
		return err;
	zb_handle_list_init(&call->handles);
	while (!err && call->handles.nr < bulk->nr)
		err = bulk_create_batch(file, bulk, &want, call);
	bulk->done = call->handles.nr;
	if (!bulk->done)
		return err;
	/* ZB_IOC_EXPLAIN explains the buffer that is missing, although the command succeeds. */
	bulk->error = -err;
	call->why.error = bulk->error;
	return 0;
}

const struct zb_cmd zb_cmd_bulk_alloc = {
	ZB_CMD(ZB_IOC_BULK_ALLOC, bulk_alloc, __reserved),
	.prepare = do_bulk_alloc,
	.copy_out = true,
	.commit = zb_publish_handles,
	.rollback = zb_cancel_handles,
};

/* Read handles from the caller's array. Returns how many could be read. */
static unsigned int read_handles(const struct zb_ioc_bulk_free *bulk, unsigned int at, u32 *nrs,
				 unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (get_user(nrs[i], (u32 __user *)u64_to_user_ptr(bulk->handles +
					(u64)(at + i) * bulk->stride)))
			break;
	return i;
}

/*
 * Hide the handles instead of removing them, so that this can be undone if the result
 * can't be copied to user space. The hidden handles are linked through a member of
 * struct zb_handle, because a command that frees memory must not have to allocate any.
 */
static int bulk_hide(struct zb_file *file, const struct zb_ioc_bulk_free *bulk,
		     struct zb_handle_list *hidden)
{
	unsigned int nr, nr_read, before;
	u32 nrs[ZB_HANDLE_BATCH];

	while (hidden->nr < bulk->nr) {
		before = hidden->nr;
		nr = min(bulk->nr - before, ZB_HANDLE_BATCH);
		nr_read = read_handles(bulk, before, nrs, nr);
		if (zb_handles_hide(file, nrs, nr_read, hidden) < nr_read)
			return -ENOENT;
		if (nr_read < nr)
			return -EFAULT;
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
	int err;

	err = check_bulk_free(call, bulk);
	if (err)
		return err;
	zb_handle_list_init(&call->handles);
	err = bulk_hide(file, bulk, &call->handles);
	bulk->done = call->handles.nr;
	if (!bulk->done)
		return err;
	bulk->error = -err;
	call->why.error = bulk->error;
	return 0;
}

static void bulk_free_commit(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_handles_free(file, &call->handles);
}

static void bulk_free_rollback(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_handles_unhide(&call->handles);
}

const struct zb_cmd zb_cmd_bulk_free = {
	ZB_CMD(ZB_IOC_BULK_FREE, bulk_free, error),
	.prepare = do_bulk_free,
	.copy_out = true,
	.commit = bulk_free_commit,
	.rollback = bulk_free_rollback,
};

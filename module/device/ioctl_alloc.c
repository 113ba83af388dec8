// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls ALLOC, BULK_ALLOC and BULK_FREE. */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "ioctl.h"

/* Flags that let a request use memory reserves. */
#define RESERVE_FLAGS \
	(__ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC)

/* The parameters that ALLOC and BULK_ALLOC have in common. */
struct alloc_params {
	u32 flags;
	zb_gfp_t gfp;
	int node;
	u32 order;
	u64 length;
	u64 deadline_ns;
};

/* Sets the number of frames; -EINVAL if no zone can ever have a block of that size. */
static int want_size(struct zb_call *call, const struct alloc_params *req,
		     const struct zb_pool *pool, struct zb_want *want)
{
	u64 max = (u64)PAGE_SIZE << pool->max_order;

	if (!(req->flags & ZB_BUF_LENGTH)) {
		if (req->length)
			return zb_einval(call, "length", req->length);
		if (req->order > pool->max_order)
			return zb_einval(call, "order", req->order);
		want->nr_pages = BIT(req->order);
		return 0;
	}
	if (req->order)
		return zb_einval(call, "order", req->order);
	if (!req->length || req->length > max)
		return zb_einval(call, "length", req->length);
	want->nr_pages = PAGE_ALIGN(req->length) >> PAGE_SHIFT;
	return 0;
}

/* Sets the preferred node; -EINVAL if it has no region. */
static int want_node(struct zb_call *call, const struct alloc_params *req,
		     const struct zb_instance *inst, struct zb_want *want)
{
	want->nid = req->node;
	if (req->node == ZB_NODE_ANY)
		want->nid = NUMA_NO_NODE;
	else if (!zb_pool_node(&inst->pool, req->node))
		return zb_einval(call, "node", req->node);
	return 0;
}

/*
 * Convert a deadline from the caller's time namespace, whose CLOCK_MONOTONIC may have
 * an offset, to the clock of the kernel.
 */
static u64 host_deadline(u64 deadline_ns)
{
	struct timespec64 offset = { 0 };
	s64 ns;

	if (deadline_ns == ZB_WAIT_FOREVER)
		return deadline_ns;
	timens_add_monotonic(&offset);
	ns = timespec64_to_ns(&offset);
	if (ns >= 0)
		return deadline_ns > ns ? deadline_ns - ns : 0;
	return min(deadline_ns, ZB_WAIT_FOREVER - 1 + ns) - ns;
}

static int want_wait(struct zb_call *call, const struct alloc_params *req,
		     struct zb_want *want)
{
	want->wait = req->flags & ZB_BUF_WAIT;
	if (!want->wait && req->deadline_ns)
		return zb_einval(call, "deadline_ns", req->deadline_ns);
	want->deadline_ns = host_deadline(req->deadline_ns);
	return 0;
}

/* Sets the flags; -EINVAL if they are invalid, -EPERM without the capability. */
static int want_gfp(struct zb_call *call, const struct alloc_params *req,
		    struct zb_want *want)
{
	if ((req->gfp & ~ZB_GFP_USER_MASK) || !zb_gfp_valid(req->gfp))
		return zb_einval(call, "gfp", zb_gfp_bits(req->gfp));
	if ((req->gfp & RESERVE_FLAGS) && !capable(CAP_SYS_RESOURCE))
		return zb_eperm(call, CAP_SYS_RESOURCE);
	want->gfp = req->gfp;
	return 0;
}

static int get_want(struct zb_call *call, const struct zb_instance *inst,
		    const struct alloc_params *req, struct zb_want *want)
{
	int err;

	if (req->flags & ~(ZB_BUF_LENGTH | ZB_BUF_WAIT))
		return zb_einval(call, "flags", req->flags);
	err = want_size(call, req, &inst->pool, want) ?:
	      want_node(call, req, inst, want) ?:
	      want_wait(call, req, want) ?:
	      want_gfp(call, req, want);
	if (err)
		return err;
	want->why = &call->why;
	call->why.wanted = (u64)want->nr_pages << PAGE_SHIFT;
	return 0;
}

/*
 * Create a buffer with a handle. The additional reference keeps the buffer until the
 * result has been copied to user space, as another thread may guess and free the handle.
 */
static struct zb_buffer *create(struct zb_file *file, const struct zb_want *want)
{
	struct zb_buffer *buf = zb_buffer_create(file->bpool, file->account, want);
	int err;

	if (IS_ERR(buf))
		return buf;
	kref_get(&buf->ref);
	err = zb_file_add(file, buf);
	if (!err)
		return buf;
	zb_explain(want->why, err == -ENOSPC ? ZB_CAUSE_HANDLES : ZB_CAUSE_KERNEL);
	zb_buffer_put(buf);
	zb_buffer_put(buf);
	return ERR_PTR(err);
}

static void commit_or_cancel(struct zb_file *file, struct zb_buffer *buf, bool copied)
{
	if (!copied)
		zb_file_cancel(file, buf);
	zb_buffer_put(buf);
}

/**
 * zb_do_alloc() - ZB_IOC_ALLOC
 * @file: the open file
 * @arg: the structure
 * @call: filled in with zb_call.priv, or with the cause of a failure
 *
 * Context: may sleep.
 * Return: 0 or -errno as in the user header, or -ERESTARTSYS.
 */
int zb_do_alloc(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_alloc *alloc = &arg->alloc;
	const struct alloc_params req = {
		.flags = alloc->flags,
		.gfp = zb_gfp_from_bits(alloc->gfp),
		.node = alloc->node,
		.order = alloc->order,
		.length = alloc->length,
		.deadline_ns = alloc->deadline_ns,
	};
	struct zb_buffer *buf;
	struct zb_want want = {};
	int err;

	if (alloc->__reserved)
		return zb_einval(call, "__reserved", alloc->__reserved);
	err = get_want(call, file->bpool->inst, &req, &want);
	if (err)
		return err;
	buf = create(file, &want);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	call->priv = buf;
	alloc->node = buf->nid;
	alloc->order = buf->order;
	alloc->zone = buf->zone;
	alloc->handle = buf->handle;
	alloc->length = zb_buffer_bytes(buf);
	alloc->mmap_offset = zb_buffer_mmap_offset(buf, false);
	alloc->mmap_huge_offset = zb_buffer_mmap_offset(buf, true);
	return 0;
}

/**
 * zb_alloc_done() - finish ZB_IOC_ALLOC, or undo it
 * @file: the open file
 * @arg: the structure
 * @priv: zb_call.priv of zb_do_alloc()
 * @copied: the structure was copied to user space
 *
 * Context: may sleep.
 */
void zb_alloc_done(struct zb_file *file, union zb_arg *arg, void *priv,
		   bool copied)
{
	commit_or_cancel(file, priv, copied);
}

/* Copy the description of @buf to element @i of the caller's array. */
static int bulk_tell(const struct zb_ioc_bulk_alloc *bulk, unsigned int i,
		     const struct zb_buffer *buf)
{
	void __user *to = u64_to_user_ptr(bulk->buffers +
					  (u64)i * bulk->buffer_size);
	const struct zb_bulk_buffer told = {
		.handle = buf->handle,
		.node = buf->nid,
		.zone = buf->zone,
		.order = buf->order,
		.length = zb_buffer_bytes(buf),
		.mmap_offset = zb_buffer_mmap_offset(buf, false),
		.mmap_huge_offset = zb_buffer_mmap_offset(buf, true),
	};

	if (copy_to_user(to, &told, sizeof(told)) ||
	    clear_user(to + sizeof(told), bulk->buffer_size - sizeof(told)))
		return -EFAULT;
	return 0;
}

static int bulk_create_one(struct zb_file *file, struct zb_ioc_bulk_alloc *bulk,
			   const struct zb_want *want, struct zb_buffer **bufs)
{
	struct zb_buffer *buf = create(file, want);
	int err;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = bulk_tell(bulk, bulk->done, buf);
	if (err) {
		commit_or_cancel(file, buf, false);
		return err;
	}
	bufs[bulk->done++] = buf;
	return 0;
}

/*
 * Wait only for the first buffer: a call that waited for more while it holds some
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

/**
 * zb_do_bulk_alloc() - ZB_IOC_BULK_ALLOC
 * @file: the open file
 * @arg: the structure
 * @call: filled in with zb_call.priv, or with the cause of a failure
 *
 * Context: may sleep.
 * Return: 0 or -errno as in the user header, or -ERESTARTSYS.
 */
int zb_do_bulk_alloc(struct zb_file *file, union zb_arg *arg,
		     struct zb_call *call)
{
	struct zb_ioc_bulk_alloc *bulk = &arg->bulk_alloc;
	const struct alloc_params req = {
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
	      get_want(call, file->bpool->inst, &req, &want);
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
	call->priv = bufs;
	return 0;
}

/**
 * zb_bulk_alloc_done() - finish ZB_IOC_BULK_ALLOC, or undo it
 * @file: the open file
 * @arg: the structure
 * @priv: zb_call.priv of zb_do_bulk_alloc()
 * @copied: the structure was copied to user space
 *
 * Context: may sleep.
 */
void zb_bulk_alloc_done(struct zb_file *file, union zb_arg *arg, void *priv,
			bool copied)
{
	struct zb_buffer **bufs = priv;
	unsigned int i;

	for (i = 0; i < arg->bulk_alloc.done; i++)
		commit_or_cancel(file, bufs[i], copied);
	kvfree(bufs);
}

/*
 * Hide the handles, which can be undone if the result can't be copied to user space.
 * The hidden buffers are linked by a member of their own, so that freeing memory needs
 * no memory.
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

/**
 * zb_do_bulk_free() - ZB_IOC_BULK_FREE, the part that can be undone
 * @file: the open file
 * @arg: the structure
 * @call: filled in with zb_call.priv, or with the cause of a failure
 *
 * Context: may sleep.
 * Return: 0 or -errno as in the user header, or -ERESTARTSYS.
 */
int zb_do_bulk_free(struct zb_file *file, union zb_arg *arg,
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
	call->priv = hidden;
	return 0;
}

/**
 * zb_bulk_free_done() - finish ZB_IOC_BULK_FREE, or undo it
 * @file: the open file
 * @arg: the structure
 * @priv: zb_call.priv of zb_do_bulk_free()
 * @copied: the structure was copied to user space
 *
 * Context: may sleep.
 */
void zb_bulk_free_done(struct zb_file *file, union zb_arg *arg, void *priv,
		       bool copied)
{
	struct zb_buffer *buf = priv, *next;

	for (; buf; buf = next) {
		next = buf->next_hidden;
		if (copied)
			zb_file_drop_hidden(file, buf);
		else
			zb_file_unhide(file, buf);
		cond_resched();
	}
}

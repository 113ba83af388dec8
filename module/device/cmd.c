// SPDX-License-Identifier: GPL-2.0-only
/* Checks of the arguments of ioctls. */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/time_namespace.h>

#include "cmd.h"

/**
 * zb_einval() - fail because of an invalid field
 * @call: the command
 * @field: name of the field in the user header
 * @value: value of the field
 *
 * The errno does not tell which field is invalid, but ZB_IOC_EXPLAIN does. With
 * dynamic debug ("func zb_einval +p"), the log has the field, its value and the
 * process.
 *
 * Context: process.
 * Return: -EINVAL.
 */
int zb_einval(struct zb_call *call, const char *field, u64 value)
{
	pr_debug("zbuddy: %s[%d]: EINVAL: %s is %#llx\n", current->comm,
		 task_tgid_nr(current), field, value);
	call->why.cause = ZB_CAUSE_FIELD;
	call->why.value = value;
	strscpy(call->why.field, field, sizeof(call->why.field));
	return -EINVAL;
}

/**
 * zb_eperm() - fail because of a missing capability
 * @call: the command
 * @capability: CAP_*
 *
 * Return: -EPERM.
 */
int zb_eperm(struct zb_call *call, int capability)
{
	call->why.cause = ZB_CAUSE_CAPABILITY;
	call->why.value = capability;
	return -EPERM;
}

/**
 * zb_eacces() - fail because a file or a handle does not allow the access
 * @call: the command
 *
 * Return: -EACCES.
 */
int zb_eacces(struct zb_call *call)
{
	zb_explain(&call->why, ZB_CAUSE_FILE_MODE);
	return -EACCES;
}

/**
 * zb_check_mode() - check that a new descriptor allows no more than the open file
 * @call: the command; filled in with the cause of a failure
 * @file: the open file
 * @writable: the descriptor allows writing
 *
 * Return: 0 or -EACCES.
 */
int zb_check_mode(struct zb_call *call, const struct zb_file *file, bool writable)
{
	if (!(file->mode & FMODE_READ) || (writable && !(file->mode & FMODE_WRITE)))
		return zb_eacces(call);
	return 0;
}

/**
 * zb_get_buffer() - look up the handle of a command
 * @call: the command; filled in with the cause of a failure
 * @file: the open file
 * @nr: any number
 * @writable: the command changes the buffer, or lets the caller change it
 *
 * Return: the buffer with a reference for the caller, -ENOENT, or -EACCES.
 */
struct zb_buffer *zb_get_buffer(struct zb_call *call, struct zb_file *file, u32 nr,
				bool writable)
{
	struct zb_buffer *buf = zb_file_get(file, nr, writable);

	if (buf == ERR_PTR(-EACCES))
		zb_eacces(call);
	return buf;
}

/* Flags that let a request use memory reserves. */
#define RESERVE_FLAGS \
	(__ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC)

/* Sets the number of frames; -EINVAL if no zone can ever have a block of that size. */
static int get_want_size(struct zb_call *call, const struct zb_alloc_params *req,
			 const struct zb_pool *pool, struct zb_want *want)
{
	u64 max = req->flags & ZB_BUF_RANGE ? (u64)pool->largest->nr_pages << PAGE_SHIFT :
					      (u64)PAGE_SIZE << pool->max_order;

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

static int check_range(struct zb_call *call, const struct zb_alloc_params *req)
{
	u64 align = req->align, last = req->max_addr ?: U64_MAX;

	if (!(req->flags & ZB_BUF_RANGE)) {
		if (align)
			return zb_einval(call, "align", align);
		if (req->min_addr)
			return zb_einval(call, "min_addr", req->min_addr);
		return req->max_addr ? zb_einval(call, "max_addr", req->max_addr) : 0;
	}
	if (align & (align - 1))
		return zb_einval(call, "align", align);
	if (last < req->min_addr || last - req->min_addr < req->length - 1)
		return zb_einval(call, "max_addr", req->max_addr);
	if ((req->min_addr || req->max_addr) && !capable(CAP_SYS_RAWIO))
		return zb_eperm(call, CAP_SYS_RAWIO);
	return 0;
}

/* Sets the alignment and the addresses of a range; the number of frames has been set. */
static int get_want_range(struct zb_call *call, const struct zb_alloc_params *req,
			  struct zb_want *want)
{
	u64 first = (req->min_addr >> PAGE_SHIFT) + !!(req->min_addr & ~PAGE_MASK);
	/* The address behind the last byte may be 2^64, which does not fit in a u64. */
	u64 end = (req->max_addr >> PAGE_SHIFT) + ((req->max_addr & ~PAGE_MASK) == ~PAGE_MASK);
	int err = check_range(call, req);

	if (err || !(req->flags & ZB_BUF_RANGE))
		return err;
	want->range = (struct zb_range){
		.nr_pages = want->nr_pages,
		.align_order = req->align > PAGE_SIZE ? ilog2(req->align) - PAGE_SHIFT : 0,
		.first_pfn = min_t(u64, first, ZB_NO_PFN),
		.end_pfn = req->max_addr ? min_t(u64, end, ZB_NO_PFN) : ZB_NO_PFN,
	};
	return 0;
}

/* Sets the preferred node; -EINVAL if it has no region. */
static int get_want_node(struct zb_call *call, const struct zb_alloc_params *req,
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

static int get_want_wait(struct zb_call *call, const struct zb_alloc_params *req,
			 struct zb_want *want)
{
	want->wait = req->flags & ZB_BUF_WAIT;
	if (!want->wait && req->deadline_ns)
		return zb_einval(call, "deadline_ns", req->deadline_ns);
	want->deadline_ns = host_deadline(req->deadline_ns);
	return 0;
}

/* Sets the flags; -EINVAL if they are invalid, -EPERM without the capability. */
static int get_want_gfp(struct zb_call *call, const struct zb_alloc_params *req,
			struct zb_want *want)
{
	if ((req->gfp & ~ZB_GFP_USER_MASK) || !zb_gfp_valid(req->gfp))
		return zb_einval(call, "gfp", zb_gfp_bits(req->gfp));
	if ((req->gfp & RESERVE_FLAGS) && !capable(CAP_SYS_RESOURCE))
		return zb_eperm(call, CAP_SYS_RESOURCE);
	want->gfp = req->gfp;
	return 0;
}

/**
 * zb_get_want() - check the parameters of ALLOC and BULK_ALLOC
 * @call: the command; filled in with the cause of a failure
 * @inst: the instance
 * @req: the parameters
 * @want: filled in
 *
 * Context: process.
 * Return: 0 or -errno as in the user header.
 */
int zb_get_want(struct zb_call *call, const struct zb_instance *inst,
		const struct zb_alloc_params *req, struct zb_want *want)
{
	int err;

	if (req->flags & ~(ZB_BUF_LENGTH | ZB_BUF_WAIT | ZB_BUF_RANGE))
		return zb_einval(call, "flags", req->flags);
	if (req->flags & ZB_BUF_RANGE && !(req->flags & ZB_BUF_LENGTH))
		return zb_einval(call, "flags", req->flags);
	/* What is freed is given to smaller requests, so a range has to be made free. */
	if (req->flags & ZB_BUF_RANGE && req->flags & ZB_BUF_WAIT &&
	    !(req->gfp & __ZB_GFP_DIRECT_RECLAIM))
		return zb_einval(call, "gfp", zb_gfp_bits(req->gfp));
	err = get_want_size(call, req, &inst->pool, want) ?:
	      get_want_range(call, req, want) ?:
	      get_want_node(call, req, inst, want) ?:
	      get_want_wait(call, req, want) ?:
	      get_want_gfp(call, req, want);
	if (err)
		return err;
	want->why = &call->why;
	call->why.wanted = (u64)want->nr_pages << PAGE_SHIFT;
	return 0;
}

/**
 * zb_publish_handles() - commit a command that has created handles
 * @file: the open file
 * @arg: the argument of the command
 * @call: the command
 *
 * Context: process.
 */
void zb_publish_handles(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_handles_publish(&call->handles);
}

/**
 * zb_cancel_handles() - roll back a command that has created handles
 * @file: the open file
 * @arg: the argument of the command
 * @call: the command
 *
 * Context: process.
 */
void zb_cancel_handles(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_handles_cancel(file, &call->handles, 0);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the dispatcher (ioctl.c) and the commands.
 *
 * The dispatcher copies the structure from user space, the command works on the
 * copy, and the dispatcher copies it back. If the second copy fails, the caller
 * does not get the handle or descriptor of a new object, so the command has to
 * undo its work in a second function.
 */
#ifndef ZB_CMD_H
#define ZB_CMD_H

#include <linux/stddef.h>

#include "../buffer/buffer.h"

union zb_arg {
	__u32 size;
	struct zb_ioc_info info;
	struct zb_ioc_zone zone;
	struct zb_ioc_alloc alloc;
	struct zb_ioc_free free;
	struct zb_ioc_query query;
	struct zb_ioc_bulk_alloc bulk_alloc;
	struct zb_ioc_bulk_free bulk_free;
	struct zb_ioc_label label;
	struct zb_ioc_phys phys;
	struct zb_ioc_export export;
	struct zb_ioc_sync sync;
	struct zb_ioc_explain explain;
};

/**
 * struct zb_call - state of a command
 * @priv: set by zb_cmd.fn for zb_cmd.done
 * @why: the cause, if the command fails
 */
struct zb_call {
	void *priv;
	struct zb_ioc_explain why;
};

/**
 * struct zb_cmd - an ioctl
 * @nr: command number
 * @size: current size of its structure
 * @min_size: size of its structure when it was first released
 * @tells: copy the structure back to user space
 * @fn: executes the command
 * @done: called after a successful @fn with zb_call.priv; @copied is false if the
 *	structure could not be copied to user space, and the command has to be undone
 */
struct zb_cmd {
	unsigned int nr;
	size_t size;
	size_t min_size;
	bool tells;
	int (*fn)(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
	void (*done)(struct zb_file *file, union zb_arg *arg, void *priv,
		     bool copied);
};

/*
 * Flags that user space may set. Of the others, ZERO and COMP have no use, because
 * buffers are always cleared and may be trimmed; NOFAIL would ignore the deadline;
 * NOTRACK and OTHER_NODE would hide requests from tracing and statistics; and the
 * administrator decides about ACCOUNT. They are refused, so that they can get a
 * meaning later.
 */
#define ZB_GFP_USER_MASK						\
	(ZB_GFP_BITS_MASK & ~(__ZB_GFP_NOFAIL | __ZB_GFP_ZERO |		\
			      __ZB_GFP_COMP | __ZB_GFP_NOTRACK |	\
			      __ZB_GFP_OTHER_NODE | __ZB_GFP_ACCOUNT))

/* The parameters that ALLOC and BULK_ALLOC have in common. */
struct zb_alloc_params {
	u32 flags;
	zb_gfp_t gfp;
	int node;
	u32 order;
	u64 length;
	u64 deadline_ns;
};

/* The first members of a struct zb_cmd. */
#define ZB_CMD(_cmd, _member, _last)					\
	.nr = (_cmd),							\
	.size = sizeof(((union zb_arg *)0)->_member),			\
	.min_size = offsetofend(union zb_arg, _member._last)

/* ioctl_buffer.c */
extern const struct zb_cmd zb_cmd_info;
extern const struct zb_cmd zb_cmd_zone;
extern const struct zb_cmd zb_cmd_query;
extern const struct zb_cmd zb_cmd_label;
extern const struct zb_cmd zb_cmd_phys;
extern const struct zb_cmd zb_cmd_export;
extern const struct zb_cmd zb_cmd_sync;
extern const struct zb_cmd zb_cmd_explain;

/* ioctl_bulk.c */
extern const struct zb_cmd zb_cmd_bulk_alloc;
extern const struct zb_cmd zb_cmd_bulk_free;

/* cmd.c */
int zb_einval(struct zb_call *call, const char *field, u64 value);
int zb_eperm(struct zb_call *call, int capability);
int zb_get_want(struct zb_call *call, const struct zb_instance *inst,
		const struct zb_alloc_params *req, struct zb_want *want);
struct zb_buffer *zb_create_with_handle(struct zb_file *file,
					const struct zb_want *want);
void zb_commit_or_cancel(struct zb_file *file, struct zb_buffer *buf, bool copied);

#endif /* ZB_CMD_H */

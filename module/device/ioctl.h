/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the dispatcher (chardev.c) and the commands (ioctl.c,
 * ioctl_alloc.c).
 *
 * The dispatcher copies the structure from user space, the command works on the
 * copy, and the dispatcher copies it back. If the second copy fails, the caller
 * does not get the handle or descriptor of a new object, so the command has to
 * undo its work in a second function.
 */
#ifndef ZB_IOCTL_H
#define ZB_IOCTL_H

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

/* ioctl.c */
int zb_einval(struct zb_call *call, const char *field, u64 value);
int zb_eperm(struct zb_call *call, int capability);
const struct zb_cmd *zb_find_cmd(unsigned int nr);

/* ioctl_alloc.c */
int zb_do_alloc(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
void zb_alloc_done(struct zb_file *file, union zb_arg *arg, void *priv,
		   bool copied);
int zb_do_bulk_alloc(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
void zb_bulk_alloc_done(struct zb_file *file, union zb_arg *arg, void *priv,
			bool copied);
int zb_do_bulk_free(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
void zb_bulk_free_done(struct zb_file *file, union zb_arg *arg, void *priv,
		       bool copied);

#endif /* ZB_IOCTL_H */

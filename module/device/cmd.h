/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the dispatcher (ioctl.c) and the commands.
 *
 * A command is executed in three steps:
 *
 *	prepare		execute the command on a copy of the caller's structure, up to
 *			the last step that can be undone
 *	copy out	copy the structure back to user space
 *	commit		finish; this cannot fail
 *	or roll back	undo the work, if the structure could not be copied: the
 *			caller does not know the handle of a new object
 */
#ifndef ZB_CMD_H
#define ZB_CMD_H

#include <linux/stddef.h>

#include "../buffer/discard.h"

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
	struct zb_ioc_to_file to_file;
	struct zb_ioc_from_file from_file;
	struct zb_ioc_advise advise;
	struct zb_ioc_resize resize;
	struct zb_ioc_empty empty;
};

/**
 * struct zb_call - state of a command
 * @handles: ALLOC, BULK_ALLOC, FROM_FILE: the new handles; BULK_FREE: the hidden handles
 * @dmabuf: EXPORT: the new dma-buf
 * @file: TO_FILE: the new file
 * @advice: ADVISE: the change of the buffer, which is committed or rolled back
 * @why: the cause, if the command fails
 */
struct zb_call {
	union {
		struct zb_handle_list handles;
		struct dma_buf *dmabuf;
		struct file *file;
		struct zb_advice advice;
	};
	struct zb_ioc_explain why;
};

/**
 * struct zb_cmd - an ioctl
 * @nr: command number
 * @size: current size of its structure
 * @min_size: size of its structure when it was first released
 * @copy_out: copy the structure back to user space. A command without @copy_out does all
 *	of its work in @prepare
 * @prepare: executes the command; returns 0 or -errno with nothing changed
 * @commit: finishes a successful @prepare, or NULL
 * @rollback: undoes a successful @prepare, or NULL if it has changed nothing
 */
struct zb_cmd {
	unsigned int nr;
	size_t size;
	size_t min_size;
	bool copy_out;
	int (*prepare)(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
	void (*commit)(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
	void (*rollback)(struct zb_file *file, union zb_arg *arg,
			 struct zb_call *call);
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

/* The parameters of ALLOC and BULK_ALLOC. */
struct zb_alloc_params {
	u32 flags;
	zb_gfp_t gfp;
	int node;
	u32 order;
	u64 length;
	u64 deadline_ns;
	u64 align;
	u64 min_addr;
	u64 max_addr;
};

/* The first members of a struct zb_cmd; @_last is the last member of the first release. */
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

/* ioctl_file.c */
extern const struct zb_cmd zb_cmd_to_file;
extern const struct zb_cmd zb_cmd_from_file;

/* ioctl_advise.c */
extern const struct zb_cmd zb_cmd_advise;

/* ioctl_resize.c */
extern const struct zb_cmd zb_cmd_resize;

/* ioctl_empty.c */
extern const struct zb_cmd zb_cmd_empty;

/* ioctl_bulk.c */
extern const struct zb_cmd zb_cmd_bulk_alloc;
extern const struct zb_cmd zb_cmd_bulk_free;

/* cmd.c */
int zb_einval(struct zb_call *call, const char *field, u64 value);
int zb_eperm(struct zb_call *call, int capability);
int zb_eacces(struct zb_call *call);
int zb_check_mode(struct zb_call *call, const struct zb_file *file, bool writable);
struct zb_buffer *zb_get_buffer(struct zb_call *call, struct zb_file *file, u32 nr,
				bool writable);
int zb_get_want(struct zb_call *call, const struct zb_instance *inst,
		const struct zb_alloc_params *req, struct zb_want *want);
void zb_publish_handles(struct zb_file *file, union zb_arg *arg, struct zb_call *call);
void zb_cancel_handles(struct zb_file *file, union zb_arg *arg, struct zb_call *call);

#endif /* ZB_CMD_H */

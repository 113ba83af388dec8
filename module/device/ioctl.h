/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dispatcher (chardev.c) and the commands (ioctl.c, ioctl_alloc.c)
 * share.
 *
 * The dispatcher copies the structure in, the command works on that copy, and
 * the dispatcher copies it out. A command that hands something out is told
 * afterwards whether that worked, and takes back what nobody knows of.
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
 * struct zb_call - what a command leaves behind besides its structure
 * @priv: for the function that ends it
 * @why: if it fails, the cause
 */
struct zb_call {
	void *priv;
	struct zb_ioc_explain why;
};

/**
 * struct zb_cmd - an ioctl
 * @nr: its number
 * @size: of its structure today
 * @min_size: of its structure when it was first released
 * @tells: it has something to tell: the structure is copied out
 * @fn: does it
 * @done: for a command that gives something out: called with what @fn left in
 *	zb_call.priv, and whether the caller has been told of it
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
 * Flags that user space may give. The others would do nothing there, or what it
 * must not do: memory is always cleared and may be trimmed, a request that
 * can't fail would ignore its deadline, nobody hides from a tracepoint or from
 * the counters of nodes, and the administrator decides what is charged. They
 * are refused, so they can get a meaning later.
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

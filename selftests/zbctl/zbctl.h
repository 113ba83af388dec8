/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zbctl: what its files share.
 *
 *	main.c		command table, options, help, main
 *	text.c		numbers, sizes, gfp flags, names of zones and errnos
 *	out.c		error lines, JSON, the size of the terminal
 *	dev.c		the ioctls
 *	why.c		why the device or debugfs can't be used, and what helps
 *	cause.c		why a request failed, and what helps
 *	info.c		info
 *	alloc.c		requests for buffers, all or nothing
 *	hold.c		alloc, hold
 *	holders.c	free, holders
 *	debugfs.c	reading and writing debugfs; drain, check
 *	owners.c	owners
 *	buffer.c	export, map-file
 *	watch.c		watch
 *	bench.c		bench-map
 *	stat.c		stat
 *	map.c		map
 *	stress.c	stress: options, threads, summary
 *	ops.c		stress: the operations of one thread
 *	pattern.c	stress: contents of buffers
 *	script.c	script
 *	script_buf.c	script: label, phys, sync, export, bulk
 */
#ifndef ZBCTL_H
#define ZBCTL_H

/* mmap() offsets are large on 32-bit, too. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* So that __u64 is unsigned long long, and %llu right, everywhere. */
#ifndef __SANE_USERSPACE_TYPES__
#define __SANE_USERSPACE_TYPES__
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/zbuddy.h>

#define ZB_ATTR(x)	__attribute__((x))
#ifndef __printf
#define __printf(a, b)	ZB_ATTR(__format__(__printf__, a, b))
#endif
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define HOLDER_COMM	"zbctl-hold"

enum exit_code {
	ZBCTL_OK,
	ZBCTL_FAILED,
	ZBCTL_USAGE,
};

/* Options by number; struct cmd.opts and struct zbctl.given are sets of them. */
enum opt_id {
	OPT_JSON,
	OPT_DEVICE,
	OPT_DEBUGFS,
	OPT_HELP,
	OPT_VERSION,
	OPT_QUIET,
	OPT_GFP,
	OPT_NODE,
	OPT_COUNT,
	OPT_SECONDS,
	OPT_MAP,
	OPT_COLOR,
	OPT_WIDTH,
	OPT_THREADS,
	OPT_SEED,
	OPT_MAX_ORDER,
	OPT_FILL,
	OPT_OPS,
	OPT_LABEL,
	OPT_WAIT,
	OPT_PROCESSES,
	OPT_OUT,
};

#define OPT(x)		(1u << OPT_##x)
#define OPTS_GLOBAL	(OPT(JSON) | OPT(DEVICE) | OPT(DEBUGFS) | OPT(HELP) | \
			 OPT(VERSION))

struct script;

/**
 * struct zbctl - one command as it was typed
 * @fd: the device, or -1 until dev_get() opens it
 * @given: set of OPT() that were on the command line
 * @argc: number of arguments that are no options, without the command
 * @argv: these arguments
 * @self: argv[0] of the process, to be shown in usage lines
 * @script: the script this command is a line of, or NULL
 *
 * The other members are the options, with defaults where there are any.
 */
struct zbctl {
	int fd;
	unsigned int given;
	int argc;
	char **argv;
	struct script *script;

	const char *device;
	const char *debugfs;
	const char *color;
	bool json;
	bool help;
	bool version;
	bool quiet;
	bool map;
	bool processes;
	const char *label;
	const char *out;
	__u32 gfp;
	long long node;
	long long count;
	long long seconds;
	long long width;
	long long threads;
	long long seed;
	long long max_order;
	long long fill;
	long long ops;
	long long wait;
};

/**
 * struct cmd - one command
 * @name: what to type
 * @args: synopsis of its arguments
 * @fn: does it; returns an exit code
 * @opts: options it takes besides OPTS_GLOBAL
 * @min_args: least number of arguments
 * @max_args: most, or -1 for any number
 * @help: one line for the list of commands
 * @more: paragraphs for COMMAND --help, or NULL
 */
struct cmd {
	const char *name;
	const char *args;
	int (*fn)(struct zbctl *z);
	unsigned int opts;
	int min_args;
	int max_args;
	const char *help;
	const char *more;
};

struct cmds {
	const struct cmd *tab;
	size_t nr;
};

/**
 * struct zb_req - buffers somebody asks for
 * @text: the request as it was typed, for error lines
 * @flags: ZB_BUF_* bits
 * @deadline_ns: until when to wait for each
 * @label: to name them, or NULL
 * @count: how many
 */
struct zb_req {
	const char *text;
	__u32 flags;
	__u32 gfp;
	__u32 order;
	__s32 node;
	__u64 length;
	__u64 deadline_ns;
	const char *label;
	unsigned long count;
};

/* zbctl.c */
void zbctl_init(struct zbctl *z);
int zbctl_run(struct zbctl *z, const struct cmds *cmds, int argc, char **argv);

int cmd_info(struct zbctl *z);
int cmd_alloc(struct zbctl *z);
int cmd_free(struct zbctl *z);
int cmd_hold(struct zbctl *z);
int cmd_holders(struct zbctl *z);
int cmd_stat(struct zbctl *z);
int cmd_map(struct zbctl *z);
int cmd_drain(struct zbctl *z);
int cmd_check(struct zbctl *z);
int cmd_stress(struct zbctl *z);
int cmd_script(struct zbctl *z);
int cmd_owners(struct zbctl *z);
int cmd_export(struct zbctl *z);
int cmd_map_file(struct zbctl *z);
int cmd_watch(struct zbctl *z);
int cmd_bench_map(struct zbctl *z);

/* zbctl_text.c */
#define GFP_TEXT	512	/* room for the names of all bits */

int parse_num(const char *s, long long min, long long max, long long *out);
int parse_size(const char *s, __u64 *bytes);
int parse_gfp(const char *s, __u32 *gfp);
const char *gfp_text(__u32 gfp, char buf[GFP_TEXT]);
const char *gfp_bits_text(__u32 gfp, char buf[GFP_TEXT]);
const char *features_text(__u64 features, char buf[GFP_TEXT]);
unsigned int gfp_zone(__u32 gfp);
unsigned int gfp_migratetype(__u32 gfp);
const char *zone_name(unsigned int type);
const char *migratetype_name(unsigned int type);
const char *size_text(__u64 bytes);
const char *errno_name(int err);
int errno_parse(const char *name);
const char *closest(const char *word, const char *(*name)(size_t i), size_t nr);

/* zbctl_out.c */
int zb_err(int err, const char *fmt, ...) __printf(2, 3);
int usage_err(const char *fmt, ...) __printf(1, 2);
void err_where(const char *file, unsigned long line);
void err_mute(bool mute);
int err_last(void);
void err_print(void);
unsigned int term_width(void);
void js_open(const char *key, char bracket);
void js_close(char bracket);
void js_str(const char *key, const char *val);
void js_u64(const char *key, __u64 val);
void js_s64(const char *key, long long val);
void js_bool(const char *key, bool val);
void js_list(const char *key, const char *names);

/* zbctl_dev.c */
int dev_open(struct zbctl *z);
int dev_get(struct zbctl *z);
int dev_info(int fd, struct zb_ioc_info *info);
int dev_zone(int fd, __u32 index, struct zb_ioc_zone *zone);
int dev_alloc(int fd, const struct zb_req *req, struct zb_ioc_alloc *a);
int dev_free(int fd, __u32 handle);
int dev_query(int fd, __u32 handle, struct zb_ioc_query *q);
int dev_label(int fd, __u32 handle, const char *label);
int dev_phys(int fd, __u32 handle, struct zb_ioc_phys *phys);
int dev_export(int fd, __u32 handle, __u32 flags);
int dev_sync(int fd, __u32 handle, __u32 flags, __u64 offset, __u64 length);
int dev_bulk_alloc(int fd, struct zb_ioc_bulk_alloc *bulk);
int dev_bulk_free(int fd, struct zb_ioc_bulk_free *bulk);
void *dev_mmap(int fd, __u64 offset, __u64 length);
int dev_explain(int fd, struct zb_ioc_explain *e);

/* why.c */
int open_err(const struct zbctl *z, int err);
int info_err(struct zbctl *z, int err);
int debugfs_err(const struct zbctl *z, const char *path, int err);
bool is_root(void);

/* cause.c */
int alloc_err(int fd, const struct zb_req *req, int err, unsigned long got);

/* zbctl_alloc.c */
int parse_req(const struct zbctl *z, struct zb_req *req);
int alloc_many(int fd, const struct zb_req *req, struct zb_ioc_alloc **bufs);
void print_buf(const struct zb_ioc_alloc *a);
void json_buf(const struct zb_ioc_alloc *a);

/* zbctl_hold.c */
int holder_main(void);

/* zbctl_debugfs.c */
char *debugfs_read(const struct zbctl *z, const char *name);

/* zbctl_owners.c */
long owners_count(const struct zbctl *z);

/* zbctl_buffer.c */
int buffer_err(const char *what, __u32 handle, int err);

/* zbctl_script.c */
int script_handle(struct zbctl *z, const char *text, __u32 *handle);
int script_remember(struct zbctl *z, __u32 handle);
void script_forget(struct zbctl *z, __u32 handle);

/* zbctl_script_buf.c */
int script_label(struct zbctl *z);
int script_phys(struct zbctl *z);
int script_sync(struct zbctl *z);
int script_export(struct zbctl *z);
int script_bulk(struct zbctl *z);
int script_bulk_free(struct zbctl *z);

#endif /* ZBCTL_H */

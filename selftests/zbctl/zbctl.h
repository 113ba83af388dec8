/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zbctl: declarations shared by its files. A file calls functions of files below it only.
 *
 *	main.c		main, the table of commands
 *	info.c		info
 *	hold.c		alloc, hold
 *	holders.c	free, holders
 *	buffer.c	export, map-file
 *	pressure.c	pressure
 *	watch.c		watch
 *	owners.c	owners
 *	bench.c		bench-map
 *	resize.c	resize
 *	empty.c		empty
 *	stat.c		stat
 *	map.c		map
 *	stress.c	stress: options, threads, summary
 *	ops.c		stress: the operations of one thread
 *	pattern.c	stress: contents of buffers, reports of failures
 *	command.c	options, parsing and running a command, help
 *	alloc.c		allocating several buffers, all or none of them
 *	debugfs.c	reading and writing debugfs; drain, compact, check
 *	cause.c		why a request failed, and the remedy
 *	einval.c	why a request was rejected as invalid
 *	dev.c		the ioctls
 *	why.c		why the device, debugfs or a handle cannot be used, and the remedy
 *	text.c		numbers, sizes, gfp flags, names of zones and errnos
 *	out.c		error lines, JSON, the size of the terminal
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
/* __u64 is unsigned long long everywhere, so that %llu is right. */
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
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

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
	OPT_RANGE,
	OPT_ALIGN,
	OPT_MIN_ADDR,
	OPT_MAX_ADDR,
	OPT_LONG,
	OPT_ZONE,
};

#define OPT(x)		(1u << OPT_##x)
#define OPTS_GLOBAL	(OPT(JSON) | OPT(DEVICE) | OPT(DEBUGFS) | OPT(HELP) | \
			 OPT(VERSION))

/**
 * struct zbctl - the command of the command line
 * @fd: the device, or -1 until dev_get() opens it
 * @given: set of OPT() that were on the command line
 * @argc: number of arguments, without options and the command
 * @argv: these arguments
 *
 * The other members are the values of the options, or their defaults.
 */
struct zbctl {
	int fd;
	unsigned int given;
	int argc;
	char **argv;

	const char *device;
	const char *debugfs;
	const char *color;
	bool json;
	bool help;
	bool version;
	bool quiet;
	bool map;
	bool processes;
	bool range;
	bool long_lines;
	const char *label;
	const char *out;
	const char *align;
	const char *min_addr;
	const char *max_addr;
	const char *zone;
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
 * @name: the word on the command line
 * @args: synopsis of its arguments
 * @fn: runs the command; returns an exit code
 * @opts: accepted options besides OPTS_GLOBAL
 * @min_args: minimum number of arguments
 * @max_args: maximum number of arguments, or -1 for any number
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
 * struct zb_req - a request for buffers
 * @text: the request as it was typed, for error lines
 * @flags: ZB_BUF_* bits
 * @deadline_ns: CLOCK_MONOTONIC time until which to wait for each buffer
 * @align: alignment of a range in bytes, or 0
 * @min_addr: lowest physical address of a range
 * @max_addr: highest physical address of a range, or 0
 * @label: label of the buffers, or NULL
 * @count: number of buffers
 */
struct zb_req {
	const char *text;
	__u32 flags;
	__u32 gfp;
	__u32 order;
	__s32 node;
	__u64 length;
	__u64 deadline_ns;
	__u64 align;
	__u64 min_addr;
	__u64 max_addr;
	const char *label;
	unsigned long count;
};

/* command.c */
void zbctl_init(struct zbctl *z);
int zbctl_run(struct zbctl *z, const struct cmds *cmds, int argc, char **argv);

int cmd_info(struct zbctl *z);
int cmd_alloc(struct zbctl *z);
int cmd_free(struct zbctl *z);
int cmd_hold(struct zbctl *z);
int cmd_holders(struct zbctl *z);
int cmd_stat(struct zbctl *z);
int cmd_map(struct zbctl *z);
int cmd_compact(struct zbctl *z);
int cmd_drain(struct zbctl *z);
int cmd_check(struct zbctl *z);
int cmd_stress(struct zbctl *z);
int cmd_owners(struct zbctl *z);
int cmd_exec(struct zbctl *z);
int cmd_export(struct zbctl *z);
int cmd_map_file(struct zbctl *z);
int cmd_watch(struct zbctl *z);
int cmd_bench_map(struct zbctl *z);
int cmd_pressure(struct zbctl *z);
int cmd_resize(struct zbctl *z);
int cmd_empty(struct zbctl *z);

/* text.c */
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
const char *size_text_up(__u64 bytes);
const char *errno_name(int err);
const char *closest(const char *word, const char *(*name)(size_t i), size_t nr);

/* out.c */
int zb_err(const char *fmt, ...) __printf(1, 2);
int usage_err(const char *fmt, ...) __printf(1, 2);
unsigned int term_width(void);
void js_open(const char *key, char bracket);
void js_close(char bracket);
void js_str(const char *key, const char *val);
void js_u64(const char *key, __u64 val);
void js_s64(const char *key, long long val);
void js_bool(const char *key, bool val);
void js_list(const char *key, const char *names);

/* dev.c */
int dev_open(struct zbctl *z);
int dev_get(struct zbctl *z);
int dev_info(int fd, struct zb_ioc_info *info);
int dev_zone(int fd, __u32 index, struct zb_ioc_zone *zone);
int dev_alloc(int fd, const struct zb_req *req, struct zb_ioc_alloc *a);
int dev_free(int fd, __u32 handle);
int dev_query(int fd, __u32 handle, struct zb_ioc_query *q);
int dev_label(int fd, __u32 handle, const char *label);
int dev_advise(int fd, __u32 handle, __u32 advice, __u32 *retained);
int dev_resize(int fd, struct zb_ioc_resize *r);
int dev_empty(int fd, struct zb_ioc_empty *e);
int dev_export(int fd, __u32 handle, __u32 flags);
int dev_to_file(int fd, __u32 handle, __u32 flags);
void *dev_mmap(int fd, __u64 offset, __u64 length);
int dev_explain(int fd, struct zb_ioc_explain *e);

/* why.c */
int open_err(const struct zbctl *z, int err);
int info_err(struct zbctl *z, int err);
int debugfs_err(const struct zbctl *z, const char *path, int err);
int buffer_err(const char *what, __u32 handle, int err);
bool is_root(void);

/* cause.c */
int alloc_err(int fd, const struct zb_req *req, int err, unsigned long got);

/* einval.c */
int alloc_einval(int fd, const struct zb_req *req,
		 const struct zb_ioc_info *info);

/* alloc.c */
int parse_req(const struct zbctl *z, struct zb_req *req);
int alloc_many(int fd, const struct zb_req *req, struct zb_ioc_alloc **bufs);
int alloc_from_args(struct zbctl *z, struct zb_ioc_alloc **bufs);
void print_buf(const struct zb_ioc_alloc *a);
void json_buf(const struct zb_ioc_alloc *a);

/* hold.c */
int holder_main(void);

/* debugfs.c */
char *debugfs_read(const struct zbctl *z, const char *name);

/* owners.c */
long owners_count(const struct zbctl *z);

#endif /* ZBCTL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl script: commands that share one open file, so that all lines can use the same
 * handles.
 */
#include "zbctl.h"

#include <limits.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_WORDS	64

/**
 * struct script - a running script
 * @fd: the open file, or -1
 * @handles: the buffers that it has allocated
 * @expect: errno that the next command must fail with, or 0
 */
struct script {
	const char *name;
	unsigned long line;
	int fd;
	struct handles handles;
	int expect;
};

static int handle_err(int err, __u32 handle)
{
	if (err == ENOENT)
		return zb_err(err, "handle %u does not belong to this script",
			      handle);
	return zb_err(err, "handle %u: %s", handle, strerror(err));
}

static int script_alloc(struct zbctl *z)
{
	struct zb_ioc_alloc *bufs;
	struct zb_req req;
	int rc;

	rc = parse_req(z, &req);
	if (rc)
		return rc;
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	rc = alloc_many(z->fd, &req, &bufs);
	if (rc)
		return rc;
	if (z->json)
		js_open(NULL, '[');
	for (unsigned long i = 0; i < req.count; i++) {
		rc |= handles_add(z->handles, bufs[i].handle);
		if (z->json)
			json_buf(&bufs[i]);
		else if (!z->quiet)
			printf("%u\n", bufs[i].handle);
	}
	if (z->json)
		js_close(']');
	free(bufs);
	return rc;
}

static int free_handle(struct zbctl *z, __u32 handle)
{
	int err = dev_free(z->fd, handle);

	if (err)
		return handle_err(-err, handle);
	handles_forget(z->handles, handle);
	return 0;
}

static int script_free(struct zbctl *z)
{
	struct handles *h = z->handles;
	__u32 handle = 0;
	int rc = 0;

	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	if (z->argc == 1 && !strcmp(z->argv[0], "all")) {
		for (size_t i = 0; i < h->nr && !rc; i++) {
			if (h->all[i])
				rc = free_handle(z, h->all[i]);
		}
		return rc;
	}
	for (int i = 0; i < z->argc && !rc; i++) {
		rc = handles_parse(h, z->argv[i], &handle);
		if (!rc)
			rc = free_handle(z, handle);
	}
	return rc;
}

/* Parse the handle in argv[0] and query it. */
static int get_buf(struct zbctl *z, struct zb_ioc_query *q)
{
	__u32 handle = 0;
	int rc, err;

	rc = handles_parse(z->handles, z->argv[0], &handle);
	if (rc)
		return rc;
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	err = dev_query(z->fd, handle, q);
	return err ? handle_err(-err, handle) : 0;
}

static void json_query(const struct zb_ioc_query *q)
{
	char gfp[GFP_TEXT];

	js_open(NULL, '{');
	js_u64("handle", q->handle);
	js_str("gfp", gfp_text(q->gfp, gfp));
	js_s64("node", q->node);
	js_str("zone", zone_name(q->zone));
	js_u64("order", q->order);
	js_str("type", migratetype_name(q->migratetype));
	js_u64("length", q->length);
	js_u64("mmap_offset", q->mmap_offset);
	js_u64("mappings", q->mappings);
	js_close('}');
}

static void print_query(const struct zb_ioc_query *q)
{
	char gfp[GFP_TEXT];

	printf("handle %u  order %u  length %llu  node %d  zone %s  ",
	       q->handle, q->order, q->length, q->node, zone_name(q->zone));
	printf("type %s  gfp %s  offset %#llx  mappings %u\n",
	       migratetype_name(q->migratetype), gfp_text(q->gfp, gfp),
	       q->mmap_offset, q->mappings);
}

static int script_query(struct zbctl *z)
{
	struct zb_ioc_query q;
	int rc = get_buf(z, &q);

	if (rc)
		return rc;
	if (z->json)
		json_query(&q);
	else
		print_query(&q);
	return 0;
}

/* Map the buffer in argv[0], and parse the byte in argv[1]. */
static int map_buf(struct zbctl *z, struct zb_ioc_query *q, unsigned char *byte,
		   unsigned char **p)
{
	long long val;
	int rc;

	if (parse_num(z->argv[1], 0, 255, &val))
		return usage_err("'%s' is not a byte: use 0 to 255 or 0x00 to 0xff",
				 z->argv[1]);
	*byte = (unsigned char)val;
	rc = get_buf(z, q);
	if (rc)
		return rc;
	*p = dev_mmap(z->fd, q->mmap_offset, q->length);
	if (*p == MAP_FAILED)
		return zb_err(errno, "handle %u cannot be mapped: %s",
			      q->handle, strerror(errno));
	return 0;
}

static int script_write(struct zbctl *z)
{
	struct zb_ioc_query q;
	unsigned char byte = 0, *p = NULL;
	int rc = map_buf(z, &q, &byte, &p);

	if (rc)
		return rc;
	memset(p, byte, (size_t)q.length);
	munmap(p, (size_t)q.length);
	return 0;
}

static int script_verify(struct zbctl *z)
{
	struct zb_ioc_query q;
	unsigned char byte = 0, *p = NULL;
	int rc = map_buf(z, &q, &byte, &p);

	if (rc)
		return rc;
	for (__u64 i = 0; i < q.length && !rc; i++) {
		if (p[i] != byte)
			rc = zb_err(EIO, "handle %u byte %#llx: expected 0x%02x, found 0x%02x",
				    q.handle, i, byte, p[i]);
	}
	munmap(p, (size_t)q.length);
	return rc;
}

static int script_sleep(struct zbctl *z)
{
	struct timespec ts = { 0 };
	double seconds;
	char *end;

	seconds = strtod(z->argv[0], &end);
	if (*end || end == z->argv[0] || !(seconds >= 0 && seconds < 1e9))
		return usage_err("sleep: '%s' is not a number of seconds",
				 z->argv[0]);
	fflush(stdout);
	ts.tv_sec = (time_t)seconds;
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
	return 0;
}

static const struct cmd script_commands[] = {
	{ .name = "alloc", .fn = script_alloc, .args = "ORDER|SIZE",
	  .opts = OPT(GFP) | OPT(NODE) | OPT(COUNT) | OPT(QUIET) | OPT(LABEL) |
		OPT(WAIT),
	  .min_args = 1, .max_args = 1, .help = "allocate, print the handle" },
	{ .name = "label", .fn = script_label, .args = "HANDLE TEXT",
	  .min_args = 2, .max_args = 2, .help = "set the label" },
	{ .name = "phys", .fn = script_phys, .args = "HANDLE",
	  .min_args = 1, .max_args = 1, .help = "print the physical address" },
	{ .name = "sync", .fn = script_sync,
	  .args = "HANDLE cpu|device to|from|both [OFFSET LENGTH]",
	  .min_args = 3, .max_args = 5, .help = "maintain caches" },
	{ .name = "export", .fn = script_export, .args = "HANDLE",
	  .min_args = 1, .max_args = 1, .help = "export as a dma-buf" },
	{ .name = "bulk", .fn = script_bulk, .args = "COUNT ORDER",
	  .opts = OPT(GFP) | OPT(NODE) | OPT(QUIET), .min_args = 2,
	  .max_args = 2, .help = "allocate with one call" },
	{ .name = "bulk-free", .fn = script_bulk_free, .args = "HANDLE...",
	  .min_args = 1, .max_args = -1, .help = "free with one call" },
	{ .name = "owners", .fn = cmd_owners, .opts = OPT(PROCESSES),
	  .help = "list all buffers" },
	{ .name = "free", .fn = script_free, .args = "HANDLE...|all",
	  .min_args = 1, .max_args = -1, .help = "free buffers" },
	{ .name = "query", .fn = script_query, .args = "HANDLE",
	  .min_args = 1, .max_args = 1, .help = "describe a buffer" },
	{ .name = "write", .fn = script_write, .args = "HANDLE BYTE",
	  .min_args = 2, .max_args = 2, .help = "fill with a byte" },
	{ .name = "verify", .fn = script_verify, .args = "HANDLE BYTE",
	  .min_args = 2, .max_args = 2, .help = "fail unless every byte is BYTE" },
	{ .name = "sleep", .fn = script_sleep, .args = "SECONDS",
	  .min_args = 1, .max_args = 1, .help = "wait" },
	{ .name = "info", .fn = cmd_info, .help = "describe the module" },
	{ .name = "stat", .fn = cmd_stat, .opts = OPT(NODE),
	  .help = "free blocks" },
	{ .name = "map", .fn = cmd_map,
	  .opts = OPT(COLOR) | OPT(WIDTH) | OPT(NODE), .help = "pageblocks" },
	{ .name = "drain", .fn = cmd_drain, .help = "empty per-CPU lists" },
	{ .name = "check", .fn = cmd_check, .help = "check the invariants" },
};

static const struct cmds script_cmds = {
	script_commands, ARRAY_SIZE(script_commands),
};

static int run_command(struct zbctl *z, struct script *s, int argc, char **argv)
{
	struct zbctl one;
	int rc;

	zbctl_init(&one);
	one.device = z->device;
	one.debugfs = z->debugfs;
	one.json = z->json;
	one.fd = s->fd;
	one.handles = &s->handles;
	rc = zbctl_run(&one, &script_cmds, argc, argv);
	s->fd = one.fd;
	return rc;
}

/* Run a command that must fail with s->expect. */
static int run_expected(struct zbctl *z, struct script *s, int argc,
			char **argv)
{
	int want = s->expect;
	int rc, got;

	s->expect = 0;
	err_mute(true);
	rc = run_command(z, s, argc, argv);
	err_mute(false);
	got = err_last();
	if (rc == ZBCTL_USAGE) {
		err_print();
		return rc;
	}
	if (!rc)
		return zb_err(0, "expected %s, but the command succeeded",
			      errno_name(want));
	if (got != want)
		return zb_err(got, "expected %s, found %s", errno_name(want),
			      got ? errno_name(got) : "an error without errno");
	return 0;
}

static int run_words(struct zbctl *z, struct script *s, int argc, char **argv)
{
	if (!strcmp(argv[0], "expect")) {
		if (s->expect)
			return usage_err("expect: a command must follow, not another expect");
		s->expect = argc > 1 ? errno_parse(argv[1]) : 0;
		if (!s->expect)
			return usage_err("expect: '%s' is not an errno: try expect ENOMEM",
					 argc > 1 ? argv[1] : "");
		argc -= 2;
		argv += 2;
	}
	if (!argc)
		return 0;
	return s->expect ? run_expected(z, s, argc, argv) :
	       run_command(z, s, argc, argv);
}

/* Handle echo before the line is split into words, so that blanks are kept. */
static bool run_echo(const char *line)
{
	if (strncmp(line, "echo", 4) || (line[4] && line[4] != ' '))
		return false;
	puts(line + (line[4] ? 5 : 4));
	return true;
}

static int run_line(struct zbctl *z, struct script *s, char *line)
{
	char *words[MAX_WORDS];
	char *save = NULL;
	int nr = 0;

	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (run_echo(line))
		return 0;
	for (char *w = strtok_r(line, " \t", &save); w && *w != '#';
	     w = strtok_r(NULL, " \t", &save)) {
		if (nr == MAX_WORDS)
			return usage_err("the line has more than %d words", MAX_WORDS);
		words[nr++] = w;
	}
	return nr ? run_words(z, s, nr, words) : 0;
}

static int run_file(struct zbctl *z, struct script *s, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	while (!rc && getline(&line, &size, f) >= 0) {
		err_where(s->name, ++s->line);
		rc = run_line(z, s, line);
		/* interactive users and pipes need the output before the next line */
		fflush(stdout);
	}
	if (!rc && ferror(f))
		rc = zb_err(errno, "cannot be read: %s", strerror(errno));
	if (!rc && s->expect)
		rc = usage_err("expect at the end of the script: no command follows it");
	free(line);
	return rc;
}

int cmd_script(struct zbctl *z)
{
	bool std = !z->argc || !strcmp(z->argv[0], "-");
	struct script s = {
		.name = std ? "stdin" : z->argv[0],
		.fd = z->fd,
	};
	FILE *f = std ? stdin : fopen(s.name, "re");
	int rc;

	if (!f)
		return zb_err(errno, "%s: %s", s.name, strerror(errno));
	rc = run_file(z, &s, f);
	err_where(NULL, 0);
	z->fd = s.fd;
	if (!std)
		fclose(f);
	free(s.handles.all);
	return rc;
}

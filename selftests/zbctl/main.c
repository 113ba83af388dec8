// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl - command line interface of /dev/zbuddy
 *
 * Tables define the commands and the options. Options may precede or follow the command;
 * each command has a set of options that it accepts.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define OPTS_ALLOC	(OPT(GFP) | OPT(NODE) | OPT(COUNT) | OPT(QUIET) | \
			 OPT(LABEL) | OPT(WAIT))

#define GFP_HELP \
	"FLAGS are names with commas between: groups (KERNEL USER HIGHUSER\n" \
	"HIGHUSER_MOVABLE TEMPORARY ATOMIC NOWAIT NOIO NOFS TRANSHUGE ...) and bits\n" \
	"(DMA DMA32 HIGHMEM MOVABLE RECLAIMABLE HIGH MEMALLOC THISNODE NORETRY ...),\n" \
	"or a number; __GFP_ in front is fine, and makes ATOMIC the bit of that name.\n" \
	"Zone Movable is reached with both HIGHMEM and MOVABLE only.\n"

#define ORDER_HELP \
	"ORDER is a plain number, for 2^ORDER pages. SIZE has a unit (4K 10M 1G\n" \
	"12345B) and is rounded up to whole pages, no further.\n"

static const struct cmd commands[] = {
	{ .name = "info", .fn = cmd_info,
	  .help = "what is loaded: zones, sizes, accepted flags" },
	{ .name = "alloc", .fn = cmd_alloc, .args = "ORDER|SIZE",
	  .opts = OPTS_ALLOC, .min_args = 1, .max_args = 1,
	  .help = "allocate, and leave a holder behind that keeps it",
	  .more = ORDER_HELP
		"Prints \"id ID\" and a line per buffer; with --quiet nothing but the ID. All\n"
		"buffers stay until \"zbctl free ID\". If one of --count cannot be had, none\n"
		"is kept.\n\n" GFP_HELP },
	{ .name = "free", .fn = cmd_free, .args = "ID...|all",
	  .opts = OPT(QUIET), .min_args = 1, .max_args = -1,
	  .help = "end holders, and wait until their memory is back" },
	{ .name = "hold", .fn = cmd_hold, .args = "ORDER|SIZE",
	  .opts = OPTS_ALLOC | OPT(SECONDS) | OPT(MAP), .min_args = 1,
	  .max_args = 1, .help = "allocate and keep it until Ctrl-C",
	  .more = ORDER_HELP "\n" GFP_HELP },
	{ .name = "holders", .fn = cmd_holders,
	  .help = "list the holders that alloc left behind" },
	{ .name = "owners", .fn = cmd_owners, .opts = OPT(PROCESSES),
	  .help = "who holds which buffers",
	  .more = "STATE is held; orphan, when only mappings, dma-bufs or pins are left of it;\n"
		"or limbo, when only pins are: the kernel still works on its pages. Such a\n"
		"buffer comes back by itself when they are through.\n" },
	{ .name = "export", .fn = cmd_export, .args = "ORDER|SIZE",
	  .opts = OPT(GFP) | OPT(NODE), .min_args = 1, .max_args = 1,
	  .help = "make a dma-buf of a buffer, and check that it is its memory" },
	{ .name = "map-file", .fn = cmd_map_file, .args = "FILE",
	  .opts = OPT(GFP) | OPT(NODE) | OPT(OUT), .min_args = 1, .max_args = 1,
	  .help = "read a file into a mapped buffer with O_DIRECT, and write it out",
	  .more = "Prints a checksum of what was read; with --out also makes a copy. Where a\n"
		"file system has no O_DIRECT, it says so and goes through the page cache.\n" },
	{ .name = "watch", .fn = cmd_watch, .opts = OPT(COUNT),
	  .help = "free memory and watermarks of each zone, every second" },
	{ .name = "bench-map", .fn = cmd_bench_map, .opts = OPT(GFP) | OPT(NODE),
	  .help = "time to allocate, map, touch and free, against others",
	  .more = "64K, 2M and 64M of zbuddy by pages and by huge entries, of the system\n"
		"dma-heap, of hugetlb and of anonymous memory with MAP_POPULATE.\n" },
	{ .name = "stat", .fn = cmd_stat, .opts = OPT(NODE),
	  .help = "free blocks by order and migrate type",
	  .more = "Columns 0, 1, ... are numbers of free blocks of that order. \"blocks\" is\n"
		"the number of pageblocks of the type, free or not. The total is that of\n"
		"buddyinfo.\n" },
	{ .name = "map", .fn = cmd_map, .opts = OPT(COLOR) | OPT(WIDTH) |
	  OPT(NODE),
	  .help = "a picture of every pageblock" },
	{ .name = "drain", .fn = cmd_drain,
	  .help = "empty the per-CPU lists" },
	{ .name = "check", .fn = cmd_check,
	  .help = "let the allocator check itself; fails if it isn't ok" },
	{ .name = "stress", .fn = cmd_stress,
	  .opts = OPT(SECONDS) | OPT(THREADS) | OPT(SEED) | OPT(MAX_ORDER) |
		OPT(FILL) | OPT(OPS),
	  .help = "random operations with verified contents",
	  .more = "Ends after 10 seconds, or after --ops or --seconds where given. The same\n"
		"--seed and --threads give the same operations as long as the module gives\n"
		"the same answers. ENOMEM is counted, everything else unexpected fails.\n" },
	{ .name = "script", .fn = cmd_script, .args = "[FILE|-]", .max_args = 1,
	  .help = "run commands that share one open file",
	  .more = "One command per line, # starts a comment. Stops at the first error.\n\n"
		"  alloc ORDER|SIZE [OPTIONS]   prints the handle (--count: one per line)\n"
		"  free HANDLE...|all           give buffers back\n"
		"  query HANDLE                 what the module knows of it\n"
		"  write HANDLE BYTE            fill it, through a mapping\n"
		"  verify HANDLE BYTE           fail unless every byte of it is BYTE\n"
		"  label HANDLE TEXT            name it, for zbctl owners\n"
		"  phys HANDLE                  where it is\n"
		"  sync HANDLE cpu|device to|from|both [OFFSET LENGTH]\n"
		"  export HANDLE                make a dma-buf, which stays open; check it\n"
		"  bulk COUNT ORDER [OPTIONS]   allocate with one call, print how many\n"
		"  bulk-free HANDLE...          free with one call, print how many\n"
		"  info, stat, map, drain, check\n"
		"  sleep SECONDS, echo TEXT\n"
		"  expect ERRNO COMMAND...      the command must fail, e.g. expect ENOMEM alloc 18\n"
		"                               (\"expect ERRNO\" alone is for the next line)\n\n"
		"HANDLE is a number, or @1 for the first buffer of this script, @2 for the\n"
		"second, ... or last.\n" },
};

static const struct cmds main_cmds = { commands, ARRAY_SIZE(commands) };

enum opt_kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_NUM,
	KIND_GFP,
};

#define FIELD(member)	offsetof(struct zbctl, member)

static const struct option_def {
	const char *name;
	const char *arg;
	size_t field;
	long long min;
	long long max;
	enum opt_kind kind;
	const char *help;
} options[] = {
	[OPT_JSON] = { "--json", NULL, FIELD(json), 0, 0, KIND_FLAG,
		"print data as JSON" },
	[OPT_DEVICE] = { "--device", "PATH", FIELD(device), 0, 0, KIND_TEXT,
		"instead of /dev/zbuddy or $ZBUDDY_DEVICE" },
	[OPT_DEBUGFS] = { "--debugfs", "DIR", FIELD(debugfs), 0, 0, KIND_TEXT,
		"instead of /sys/kernel/debug/zbuddy" },
	[OPT_HELP] = { "--help", NULL, FIELD(help), 0, 0, KIND_FLAG,
		"this; with a command: about it; also -h" },
	[OPT_VERSION] = { "--version", NULL, FIELD(version), 0, 0, KIND_FLAG,
		"print the version; also -V" },
	[OPT_QUIET] = { "--quiet", NULL, FIELD(quiet), 0, 0, KIND_FLAG,
		"print only what a script needs; also -q" },
	[OPT_GFP] = { "--gfp", "FLAGS", FIELD(gfp), 0, 0, KIND_GFP,
		"allocation flags (KERNEL)" },
	[OPT_NODE] = { "--node", "N", FIELD(node), -1, 1023, KIND_NUM,
		"NUMA node (-1: any)" },
	[OPT_COUNT] = { "--count", "N", FIELD(count), 1, 1 << 24, KIND_NUM,
		"number of buffers (1), or of times; also -n" },
	[OPT_SECONDS] = { "--seconds", "N", FIELD(seconds), 0, 1 << 30,
		KIND_NUM, "end after N seconds" },
	[OPT_MAP] = { "--map", NULL, FIELD(map), 0, 0, KIND_FLAG,
		"map the buffers and touch every page" },
	[OPT_COLOR] = { "--color", "WHEN", FIELD(color), 0, 0, KIND_TEXT,
		"auto, always or never" },
	[OPT_WIDTH] = { "--width", "N", FIELD(width), 1, 4096, KIND_NUM,
		"pageblocks per row (64, or what fits)" },
	[OPT_THREADS] = { "--threads", "N", FIELD(threads), 1, 1024, KIND_NUM,
		"number of threads (one per CPU, at least 2)" },
	[OPT_SEED] = { "--seed", "N", FIELD(seed), 0, LLONG_MAX, KIND_NUM,
		"seed of the random numbers (from the clock)" },
	[OPT_MAX_ORDER] = { "--max-order", "N", FIELD(max_order), 0, 40,
		KIND_NUM, "largest order to ask for (10)" },
	[OPT_FILL] = { "--fill", "PERCENT", FIELD(fill), 1, 100, KIND_NUM,
		"how full to make the region at most (70)" },
	[OPT_OPS] = { "--ops", "N", FIELD(ops), 1, LLONG_MAX, KIND_NUM,
		"end after N operations of each thread" },
	[OPT_LABEL] = { "--label", "TEXT", FIELD(label), 0, 0, KIND_TEXT,
		"name the buffers, for zbctl owners" },
	[OPT_WAIT] = { "--wait", "SECONDS", FIELD(wait), 0, 1 << 30, KIND_NUM,
		"wait that long for memory" },
	[OPT_PROCESSES] = { "--processes", NULL, FIELD(processes), 0, 0,
		KIND_FLAG, "one line per process" },
	[OPT_OUT] = { "--out", "COPY", FIELD(out), 0, 0, KIND_TEXT,
		"file to write" },
};

void zbctl_init(struct zbctl *z)
{
	char *env = getenv("ZBUDDY_DEVICE");

	*z = (struct zbctl){
		.fd		= -1,
		.device		= env && *env ? env : "/dev/zbuddy",
		.debugfs	= "/sys/kernel/debug/zbuddy",
		.color		= "auto",
		.gfp		= ZB_GFP_KERNEL,
		.node		= ZB_NODE_ANY,
		.count		= 1,
		.max_order	= 10,
		.fill		= 70,
	};
}

static const char *option_name(size_t i)
{
	return options[i].name;
}

static int bad_value(const struct option_def *o, const char *val)
{
	if (o->max == LLONG_MAX)
		return usage_err("%s: '%s' is no number from %lld up", o->name,
				 val, o->min);
	return usage_err("%s: '%s' is no number from %lld to %lld", o->name,
			 val, o->min, o->max);
}

static int set_option(struct zbctl *z, const struct option_def *o,
		      const char *val)
{
	void *field = (char *)z + o->field;

	z->given |= 1u << (o - options);
	switch (o->kind) {
	case KIND_FLAG:
		*(bool *)field = true;
		return 0;
	case KIND_TEXT:
		*(const char **)field = val;
		return 0;
	case KIND_GFP:
		return parse_gfp(val, field);
	case KIND_NUM:
		if (parse_num(val, o->min, o->max, field))
			return bad_value(o, val);
		return 0;
	}
	return 0;
}

static const struct option_def *find_option(const char *arg, size_t len)
{
	if (len == 2 && !strncmp(arg, "-h", 2))
		return &options[OPT_HELP];
	if (len == 2 && !strncmp(arg, "-V", 2))
		return &options[OPT_VERSION];
	if (len == 2 && !strncmp(arg, "-q", 2))
		return &options[OPT_QUIET];
	if (len == 2 && !strncmp(arg, "-n", 2))
		return &options[OPT_COUNT];
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (strlen(options[i].name) == len &&
		    !strncmp(options[i].name, arg, len))
			return &options[i];
	}
	return NULL;
}

static int unknown_option(const char *arg)
{
	const char *like = closest(arg, option_name, ARRAY_SIZE(options));

	if (like)
		return usage_err("no option '%s': do you mean %s? zbctl --help lists what there is",
				 arg, like);
	return usage_err("no option '%s': zbctl COMMAND --help lists what there is",
			 arg);
}

/* Parse an option at argv[*i]; its value follows = or is the next word. */
static int parse_option(struct zbctl *z, int argc, char **argv, int *i)
{
	char *arg = argv[*i];
	char *val = strchr(arg, '=');
	const struct option_def *o;

	o = find_option(arg, val ? (size_t)(val - arg) : strlen(arg));
	if (!o)
		return unknown_option(arg);
	if (val && !o->arg)
		return usage_err("%s takes no value", o->name);
	if (val)
		return set_option(z, o, val + 1);
	if (o->arg && *i + 1 == argc)
		return usage_err("%s needs a value: %s %s", o->name, o->name,
				 o->arg);
	if (o->arg)
		(*i)++;
	return set_option(z, o, argv[*i]);
}

/* Parse and remove options from @argv; the remaining words are in z->argc and z->argv. */
static int parse_args(struct zbctl *z, int argc, char **argv)
{
	bool end = false;
	int rc = 0;

	z->argc = 0;
	z->argv = argv;
	for (int i = 0; i < argc && !rc; i++) {
		if (!end && !strcmp(argv[i], "--"))
			end = true;
		else if (!end && argv[i][0] == '-' && argv[i][1])
			rc = parse_option(z, argc, argv, &i);
		else
			z->argv[z->argc++] = argv[i];
	}
	return rc;
}

static void help_options(unsigned int set)
{
	char left[32];

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_def *o = &options[i];

		if (!(set & 1u << i))
			continue;
		snprintf(left, sizeof(left), "%s %s", o->name,
			 o->arg ? o->arg : "");
		printf("  %-18s %s\n", left, o->help);
	}
}

static int help_cmd(const struct cmd *cmd)
{
	printf("zbctl %s%s%s%s - %s\n", cmd->name, cmd->args ? " " : "",
	       cmd->args ? cmd->args : "", cmd->opts ? " [OPTIONS]" : "",
	       cmd->help);
	if (cmd->more)
		printf("\n%s", cmd->more);
	printf("\noptions:\n");
	help_options(cmd->opts | OPTS_GLOBAL);
	return ZBCTL_OK;
}

static int help_all(const struct cmds *cmds)
{
	char left[32];

	printf("zbctl - drive zbuddy, a buddy allocator over memory taken out of CMA\n\n"
	       "usage: zbctl [OPTIONS] COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n");
	for (size_t i = 0; i < cmds->nr; i++) {
		const struct cmd *c = &cmds->tab[i];

		snprintf(left, sizeof(left), "%s %s", c->name,
			 c->args ? c->args : "");
		printf("  %-18s %s\n", left, c->help);
	}
	printf("\noptions of every command (zbctl COMMAND --help has the others):\n");
	help_options(OPTS_GLOBAL);
	printf("\nexamples:\n"
	       "  zbctl info                             what is there\n"
	       "  zbctl alloc 10M                        a buffer of 10 MiB, kept in the background\n"
	       "  id=$(zbctl alloc 9 --count 4 -q)       four blocks of order 9, for a script\n"
	       "  zbctl free all                         give everything back\n"
	       "  zbctl hold 64K --gfp DMA32 --seconds 5\n"
	       "  zbctl map; zbctl stat --json           look at fragmentation\n"
	       "  zbctl stress --seconds 60 --seed 1     is it right under load?\n"
	       "\nexit status: 0 ok, 1 failed, 2 wrong usage\n");
	return ZBCTL_OK;
}

static const struct cmd *find_cmd(const struct cmds *cmds, const char *name)
{
	for (size_t i = 0; i < cmds->nr; i++) {
		if (!strcmp(cmds->tab[i].name, name))
			return &cmds->tab[i];
	}
	return NULL;
}

static const struct cmds *naming;

static const char *cmd_name(size_t i)
{
	return naming->tab[i].name;
}

static int unknown_cmd(const struct cmds *cmds, const char *name)
{
	const char *like;

	naming = cmds;
	like = closest(name, cmd_name, cmds->nr);
	if (like)
		return usage_err("no command '%s': do you mean %s? zbctl --help lists all",
				 name, like);
	return usage_err("no command '%s': zbctl --help lists all", name);
}

static int check_args(const struct zbctl *z, const struct cmd *cmd)
{
	unsigned int extra = z->given & ~(cmd->opts | OPTS_GLOBAL);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (extra & 1u << i)
			return usage_err("%s takes no %s: zbctl %s --help lists what it takes",
					 cmd->name, options[i].name, cmd->name);
	}
	if (z->argc < cmd->min_args ||
	    (cmd->max_args >= 0 && z->argc > cmd->max_args))
		return usage_err("usage: %s%s%s: it got %d argument%s",
				 cmd->name, cmd->args ? " " : "",
				 cmd->args ? cmd->args : " (no arguments)",
				 z->argc, z->argc == 1 ? "" : "s");
	return 0;
}

/* Parse and run one command of @cmds. The words of @argv are reordered. */
int zbctl_run(struct zbctl *z, const struct cmds *cmds, int argc, char **argv)
{
	const struct cmd *cmd;
	int rc = parse_args(z, argc, argv);

	if (rc)
		return rc;
	if (z->version) {
		printf("zbctl for zbuddy ABI version %d\n", ZB_ABI_VERSION);
		return ZBCTL_OK;
	}
	if (!z->argc)
		return z->help ? help_all(cmds) :
		       usage_err("no command: zbctl --help lists all");
	cmd = find_cmd(cmds, z->argv[0]);
	if (!cmd)
		return unknown_cmd(cmds, z->argv[0]);
	z->argc--;
	z->argv++;
	if (z->help)
		return help_cmd(cmd);
	rc = check_args(z, cmd);
	return rc ? rc : cmd->fn(z);
}

/* Make sure that no file opened later gets descriptor 0, 1 or 2. */
static void fill_std_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct zbctl z;
	int rc;

	if (argc && !strcmp(argv[0], HOLDER_COMM))
		return holder_main();
	fill_std_files();
	zbctl_init(&z);
	rc = zbctl_run(&z, &main_cmds, argc - 1, argv + 1);
	if (z.fd >= 0)
		close(z.fd);
	if (fflush(stdout) && !rc)
		rc = zb_err(errno, "cannot print: %s", strerror(errno));
	return rc;
}

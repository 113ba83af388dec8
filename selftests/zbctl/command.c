// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: options, parsing and running one command of a table, --help.
 *
 * Options may precede or follow the command; each command has a set of options that it
 * accepts.
 */
#include "zbctl.h"

#include <limits.h>

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
		"device, instead of $ZBUDDY_DEVICE or /dev/zbuddy" },
	[OPT_DEBUGFS] = { "--debugfs", "DIR", FIELD(debugfs), 0, 0, KIND_TEXT,
		"directory, instead of /sys/kernel/debug/zbuddy" },
	[OPT_HELP] = { "--help", NULL, FIELD(help), 0, 0, KIND_FLAG,
		"print this, or help of a command; also -h" },
	[OPT_VERSION] = { "--version", NULL, FIELD(version), 0, 0, KIND_FLAG,
		"print the version; also -V" },
	[OPT_QUIET] = { "--quiet", NULL, FIELD(quiet), 0, 0, KIND_FLAG,
		"print only what a script needs; also -q" },
	[OPT_GFP] = { "--gfp", "FLAGS", FIELD(gfp), 0, 0, KIND_GFP,
		"allocation flags (KERNEL)" },
	[OPT_NODE] = { "--node", "N", FIELD(node), -1, 1023, KIND_NUM,
		"NUMA node (-1: any)" },
	[OPT_COUNT] = { "--count", "N", FIELD(count), 1, 1 << 24, KIND_NUM,
		"number of buffers, or of repeats (1); also -n" },
	[OPT_SECONDS] = { "--seconds", "N", FIELD(seconds), 0, 1 << 30,
		KIND_NUM, "end after N seconds" },
	[OPT_MAP] = { "--map", NULL, FIELD(map), 0, 0, KIND_FLAG,
		"map the buffers and touch every page" },
	[OPT_COLOR] = { "--color", "WHEN", FIELD(color), 0, 0, KIND_TEXT,
		"auto, always or never" },
	[OPT_WIDTH] = { "--width", "N", FIELD(width), 1, 4096, KIND_NUM,
		"pageblocks per row (64, or fewer to fit the terminal)" },
	[OPT_THREADS] = { "--threads", "N", FIELD(threads), 1, 1024, KIND_NUM,
		"number of threads (one per CPU, at least 2)" },
	[OPT_SEED] = { "--seed", "N", FIELD(seed), 0, LLONG_MAX, KIND_NUM,
		"seed of the random numbers (from the clock)" },
	[OPT_MAX_ORDER] = { "--max-order", "N", FIELD(max_order), 0, 40,
		KIND_NUM, "largest order to request (10)" },
	[OPT_FILL] = { "--fill", "PERCENT", FIELD(fill), 1, 100, KIND_NUM,
		"largest share of the region to fill (70)" },
	[OPT_OPS] = { "--ops", "N", FIELD(ops), 1, LLONG_MAX, KIND_NUM,
		"end after N operations of each thread" },
	[OPT_LABEL] = { "--label", "TEXT", FIELD(label), 0, 0, KIND_TEXT,
		"label that zbctl owners shows" },
	[OPT_WAIT] = { "--wait", "SECONDS", FIELD(wait), 0, 1 << 30, KIND_NUM,
		"wait up to SECONDS for memory" },
	[OPT_PROCESSES] = { "--processes", NULL, FIELD(processes), 0, 0,
		KIND_FLAG, "one line per process" },
	[OPT_OUT] = { "--out", "COPY", FIELD(out), 0, 0, KIND_TEXT,
		"write a copy to this file" },
	[OPT_RANGE] = { "--range", NULL, FIELD(range), 0, 0, KIND_FLAG,
		"any number of contiguous pages, even if buffers have to move" },
	[OPT_ALIGN] = { "--align", "SIZE", FIELD(align), 0, 0, KIND_TEXT,
		"alignment of the physical address; implies --range" },
	[OPT_MIN_ADDR] = { "--min-addr", "ADDRESS", FIELD(min_addr), 0, 0, KIND_TEXT,
		"lowest physical address, such as 3G or 0xc0000000; implies --range" },
	[OPT_MAX_ADDR] = { "--max-addr", "ADDRESS", FIELD(max_addr), 0, 0, KIND_TEXT,
		"highest physical address of the last byte; implies --range" },
	[OPT_LONG] = { "--long", NULL, FIELD(long_lines), 0, 0, KIND_FLAG,
		"a line per pageblock in use instead of the picture" },
	[OPT_ZONE] = { "--zone", "NAME", FIELD(zone), 0, 0, KIND_TEXT,
		"zones of this type: DMA, DMA32, Normal, HighMem or Movable" },
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
		return usage_err("%s: '%s' is not a whole number of at least %lld",
				 o->name, val, o->min);
	return usage_err("%s: '%s' is not a whole number from %lld to %lld",
			 o->name, val, o->min, o->max);
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
		return usage_err("unknown option '%s': did you mean %s? See zbctl COMMAND --help",
				 arg, like);
	return usage_err("unknown option '%s': see zbctl COMMAND --help",
			 arg);
}

/* Parse an option at argv[*i]. Its value follows "=" or is the next word. */
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

	printf("zbctl - allocate from zbuddy, inspect it and test it\n\n"
	       "usage: zbctl [OPTIONS] COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n");
	for (size_t i = 0; i < cmds->nr; i++) {
		const struct cmd *c = &cmds->tab[i];

		snprintf(left, sizeof(left), "%s %s", c->name,
			 c->args ? c->args : "");
		printf("  %-18s %s\n", left, c->help);
	}
	printf("\noptions of every command (zbctl COMMAND --help lists the others):\n");
	help_options(OPTS_GLOBAL);
	printf("\nexamples:\n"
	       "  zbctl info                             show zones and free memory\n"
	       "  zbctl alloc 10M                        hold 10 MiB in the background\n"
	       "  id=$(zbctl alloc 9 --count 4 -q)       hold four blocks of order 9; get the ID\n"
	       "  zbctl free all                         free everything that is held like this\n"
	       "  zbctl hold 64K --gfp DMA32 --seconds 5\n"
	       "  zbctl map; zbctl stat --json           look at fragmentation\n"
	       "  zbctl stress --seconds 60 --seed 1     test the module under load\n"
	       "\nexit status: 0 success, 1 failure, 2 wrong usage\n");
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
		return usage_err("unknown command '%s': did you mean %s? See zbctl --help",
				 name, like);
	return usage_err("unknown command '%s': see zbctl --help", name);
}

static int check_args(const struct zbctl *z, const struct cmd *cmd)
{
	unsigned int extra = z->given & ~(cmd->opts | OPTS_GLOBAL);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (extra & 1u << i)
			return usage_err("%s takes no %s: zbctl %s --help lists its options",
					 cmd->name, options[i].name, cmd->name);
	}
	if (z->argc < cmd->min_args ||
	    (cmd->max_args >= 0 && z->argc > cmd->max_args))
		return usage_err("usage: %s%s%s: %d argument%s given",
				 cmd->name, cmd->args ? " " : "",
				 cmd->args ? cmd->args : " (no arguments)",
				 z->argc, z->argc == 1 ? " was" : "s were");
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
		printf("zbctl %s for zbuddy ABI version %d\n", ZB_VERSION, ZB_ABI_VERSION);
		return ZBCTL_OK;
	}
	if (z->argc && !strcmp(z->argv[0], "help") && !find_cmd(cmds, "help")) {
		z->help = true;
		z->argc--;
		z->argv++;
	}
	if (!z->argc)
		return z->help ? help_all(cmds) :
		       usage_err("no command given: see zbctl --help");
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


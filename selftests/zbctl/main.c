// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl - command line interface of /dev/zbuddy
 *
 * The table of commands. command.c parses and runs one of them.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <unistd.h>

#define OPTS_RANGE	(OPT(RANGE) | OPT(ALIGN) | OPT(MIN_ADDR) | OPT(MAX_ADDR))
#define OPTS_ALLOC	(OPT(GFP) | OPT(NODE) | OPT(COUNT) | OPT(QUIET) | \
			 OPT(LABEL) | OPT(WAIT) | OPTS_RANGE)

#define GFP_HELP \
	"FLAGS are names separated by commas, or a number. A name is a group (KERNEL\n" \
	"USER HIGHUSER HIGHUSER_MOVABLE TEMPORARY ATOMIC NOWAIT NOIO NOFS)\n" \
	"or a bit (DMA DMA32 HIGHMEM MOVABLE RECLAIMABLE HIGH MEMALLOC THISNODE\n" \
	"NORETRY ...). The prefix __GFP_ is accepted; with it, ATOMIC is the bit and\n" \
	"not the group. Zone Movable is used only if both HIGHMEM and MOVABLE are set.\n"

#define ORDER_HELP \
	"ORDER is a number without a unit and stands for 2^ORDER pages. SIZE has a unit\n" \
	"(4K, 10M, 1G, 12345B) and is rounded up to whole pages.\n"

static const struct cmd commands[] = {
	{ .name = "info", .fn = cmd_info,
	  .help = "describe the module: zones, sizes, accepted flags" },
	{ .name = "alloc", .fn = cmd_alloc, .args = "ORDER|SIZE",
	  .opts = OPTS_ALLOC, .min_args = 1, .max_args = 1,
	  .help = "allocate buffers and leave a process that holds them",
	  .more = ORDER_HELP
		"Prints \"id ID\" and a line per buffer; with --quiet, only the ID. A background\n"
		"process, the holder, keeps all buffers until \"zbctl free ID\". If not all of\n"
		"--count can be allocated, none is kept.\n\n" GFP_HELP },
	{ .name = "free", .fn = cmd_free, .args = "ID...|all",
	  .opts = OPT(QUIET), .min_args = 1, .max_args = -1,
	  .help = "end holders and wait until their memory is free" },
	{ .name = "hold", .fn = cmd_hold, .args = "ORDER|SIZE",
	  .opts = OPTS_ALLOC | OPT(SECONDS) | OPT(MAP), .min_args = 1,
	  .max_args = 1, .help = "allocate buffers and hold them until Ctrl-C",
	  .more = ORDER_HELP "\n" GFP_HELP },
	{ .name = "holders", .fn = cmd_holders,
	  .help = "list the holders that alloc has left" },
	{ .name = "owners", .fn = cmd_owners, .opts = OPT(PROCESSES),
	  .help = "list all buffers and who allocated them",
	  .more =
		"STATE is \"held\" while a handle exists; \"file\" if the buffer is a file of a\n"
		"mounted file system, whose name is the label, or one without a name;\n"
		"\"orphan\" if it has neither, but a mapping or a dma-buf is left; or \"deferred\"\n"
		"if only references to its pages are left, because the kernel is still working\n"
		"on them. The memory of an orphan or of a deferred buffer is freed when the last\n"
		"of these is gone. A buffer that is marked as not needed is \"discardable\", or\n"
		"\"purged\" without its memory.\n" },
	{ .name = "exec", .fn = cmd_exec, .args = "ORDER|SIZE -- COMMAND...",
	  .opts = OPT(GFP) | OPT(NODE) | OPT(LABEL) | OPT(WAIT), .min_args = 2,
	  .max_args = -1, .help = "run a command with a buffer as a file",
	  .more = ORDER_HELP
		"The path of the file takes the place of {} in each word of the command, and is\n"
		"in the environment variable ZBUDDY_FILE. The command and its children can open,\n"
		"map, read and write it, as long as they do not close the descriptors that they\n"
		"inherit. The memory is freed when the last of them has exited.\n\n" GFP_HELP },
	{ .name = "export", .fn = cmd_export, .args = "ORDER|SIZE",
	  .opts = OPT(GFP) | OPT(NODE), .min_args = 1, .max_args = 1,
	  .help = "export a buffer as a dma-buf and verify its contents" },
	{ .name = "map-file", .fn = cmd_map_file, .args = "FILE",
	  .opts = OPT(GFP) | OPT(NODE) | OPT(OUT), .min_args = 1, .max_args = 1,
	  .help = "read a file into a mapped buffer with direct I/O",
	  .more =
		"Prints a checksum of the file; with --out, also writes a copy with direct I/O.\n"
		"If a file system does not support O_DIRECT, the page cache is used, and a line\n"
		"on the standard error says so.\n" },
	{ .name = "watch", .fn = cmd_watch, .opts = OPT(COUNT),
	  .help = "print free memory of each zone every second" },
	{ .name = "bench-map", .fn = cmd_bench_map, .opts = OPT(GFP) | OPT(NODE),
	  .help = "time allocating, mapping, touching and freeing",
	  .more =
		"Measures 64K, 2M and 64M: zbuddy with mappings of pages and of huge pages, the\n"
		"system dma-heap, hugetlb, and anonymous memory with MAP_POPULATE.\n" },
	{ .name = "stat", .fn = cmd_stat, .opts = OPT(NODE),
	  .help = "print free blocks by order and migrate type",
	  .more =
		"Columns 0, 1, ... are the numbers of free blocks of these orders. Column\n"
		"\"blocks\" is the number of pageblocks of the type, whether free or not. The\n"
		"rows are those of pagetypeinfo, and the total is that of buddyinfo.\n" },
	{ .name = "map", .fn = cmd_map, .opts = OPT(COLOR) | OPT(WIDTH) |
	  OPT(NODE) | OPT(LONG),
	  .help = "draw a picture of all pageblocks",
	  .more = "Movable pages can be moved and discardable ones taken back. Pinned pages are of one of\n"
		"these kinds, but in use such that they have to stay. All others that are not free\n"
		"never move, or are on per-CPU lists.\n" },
	{ .name = "drain", .fn = cmd_drain,
	  .help = "empty the per-CPU lists" },
	{ .name = "compact", .fn = cmd_compact,
	  .help = "move movable buffers, so that large blocks become free" },
	{ .name = "pressure", .fn = cmd_pressure, .args = "ORDER|SIZE",
	  .opts = OPT(COUNT) | OPT(NODE) | OPT(FILL), .min_args = 1, .max_args = 1,
	  .help = "let buffers that are not needed lose their memory",
	  .more = ORDER_HELP
		"Allocates 16 buffers, or --count, and marks them as not needed. Then it allocates\n"
		"buffers of the same size until a request fails, or until --fill percent of the\n"
		"memory is in use, and frees them. Prints how many of the marked buffers have kept\n"
		"their contents. Other programs get no memory meanwhile.\n" },
	{ .name = "resize", .fn = cmd_resize, .args = "SIZE", .opts = OPT(NODE),
	  .min_args = 1, .max_args = 1,
	  .help = "give memory back to the kernel, or take it again",
	  .more =
		"SIZE has a unit (64M, 1G), is a multiple of the pageblock size and at most the\n"
		"size at load. Without --node, it is distributed over all nodes. Movable buffers\n"
		"are moved, and buffers that are marked as not needed lose their memory. Prints\n"
		"the size that was reached; it is a failure if that is another one.\n" },
	{ .name = "empty", .fn = cmd_empty, .opts = OPT(NODE) | OPT(ZONE),
	  .help = "move buffers out of a zone or a node",
	  .more =
		"Requires --zone, --node or both. Movable buffers are moved to other zones that their\n"
		"flags allow, while they are used, and buffers that are marked as not needed lose\n"
		"their memory. Nothing is allocated in these zones meanwhile. Prints what was moved\n"
		"and what has to stay.\n" },
	{ .name = "check", .fn = cmd_check,
	  .help = "check the invariants of the allocator" },
	{ .name = "stress", .fn = cmd_stress,
	  .opts = OPT(SECONDS) | OPT(THREADS) | OPT(SEED) | OPT(MAX_ORDER) |
		OPT(FILL) | OPT(OPS),
	  .help = "run random operations and verify all contents",
	  .more =
		"Ends after 10 seconds, or after --ops or --seconds if given. The same --seed and\n"
		"--threads repeat the same operations as long as the results of the module are\n"
		"the same. ENOMEM is counted; any other unexpected result is a failure.\n" },
};

static const struct cmds main_cmds = { commands, ARRAY_SIZE(commands) };

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
		rc = zb_err("cannot write to the standard output: %s", strerror(errno));
	return rc;
}

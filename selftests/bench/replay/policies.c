// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replays a recorded trace in user space with module/core and with simple allocators, one of
 * which knows when each block will be freed.
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

int main(int argc, char **argv)
{
	enum output how = AS_TABLE;
	unsigned long nr_frames;

	if (argc == 4 && !strcmp(argv[3], "-v"))
		how = WITH_SAMPLES;
	else if (argc == 4 && !strcmp(argv[3], "-r"))
		how = AS_ROWS;
	else if (argc != 3)
		error(2, 0, "usage: policies TRACE PAGES [-r | -v]   -r rows of bench, -v samples");
	trace_read(argv[1]);
	nr_frames = strtoul(argv[2], NULL, 0) & ~(HUGE_NR - 1);
	if (!nr_frames)
		error(2, 0, "PAGES must be at least %lu", HUGE_NR);
	if (how != AS_ROWS)
		printf("%-14s %6s %6s %6s %6s %10s %10s %7s\n", "policy", "mean", "least", "end",
		       "mixed", "unmovable", "too_small", "missed");
	core_init(nr_frames);
	trace_play(&core_allocator, nr_frames, how);
	place_all(nr_frames, how);
	return 0;
}

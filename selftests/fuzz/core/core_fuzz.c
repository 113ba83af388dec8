// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entry point of libFuzzer. unit_fuzz() in selftests/unit/unit_fuzz.c interprets an
 * input as a sequence of operations on the core; a failure aborts the fuzzer.
 */
#include "unit.h"
#include "unit_history.h"

void unit_give_up(void)
{
	fflush(stdout);
	abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct unit_outcome o = { .served = 0 };

	unit_fuzz(data, size, &o);
	if (unit_failures())
		unit_give_up();
	return 0;
}

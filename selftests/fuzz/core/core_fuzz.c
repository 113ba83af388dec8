// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core under libFuzzer. The harness of the unit tests does the work: see
 * ../unit/unit_fuzz.c for what an input means. This only tells it from where the
 * input comes, and that a failure is a crash.
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

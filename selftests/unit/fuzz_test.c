// SPDX-License-Identifier: GPL-2.0-only
/* Replays the corpus of the fuzzer (../fuzz). */
#include <dirent.h>

#include "unit.h"
#include "unit_history.h"

#define MAX_SIZE	65536u

static void replay(const char *name, struct unit_outcome *o)
{
	static u8 data[MAX_SIZE];
	char path[512];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), UNIT_CORPUS "/%s", name);
	f = fopen(path, "rb");
	ASSERT(f);
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	unit_fuzz(data, size, o);
	if (unit_failures())
		unit_note("the input was %s", path);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

TEST(inputs_of_the_corpus)
{
	struct unit_outcome o = { .served = 0 };
	struct dirent **entries;
	int i, nr = scandir(UNIT_CORPUS, &entries, visible, alphasort);

	ASSERT(nr > 0);
	for (i = 0; i < nr && !unit_failures(); i++) {
		replay(entries[i]->d_name, &o);
		free(entries[i]);
	}
	free(entries);
	unit_note("%d inputs; %lu requests served, %lu failed; %lu by the fast path, %lu interrupts",
		  nr, o.served, o.failed, o.fast, o.interrupts);
	EXPECT(o.served && o.failed && o.fast && o.interrupts);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts the marked accesses of the core, and how many of them one hold of a lock includes. */
#ifndef UNIT_HOLDS_H
#define UNIT_HOLDS_H

#include <zb_env.h>

/**
 * struct unit_holds - counts since unit_holds_begin()
 * @accesses: number of marked accesses
 * @outside: number of those while no lock is held
 * @nr: number of holds of a lock
 * @longest: the largest number of accesses in one hold
 * @current: number of accesses in the hold that has not ended yet
 */
struct unit_holds {
	unsigned long accesses, outside, nr, longest, current;
};

/* A global variable is sufficient because each test runs in a process of its own. */
static struct unit_holds unit_holds;

static inline void unit_holds_count(void)
{
	struct unit_holds *h = &unit_holds;

	h->accesses++;
	if (!zb_env_irqs_off) {
		h->outside++;
		h->current = 0;
		return;
	}
	h->nr += !h->current++;
	if (h->current > h->longest)
		h->longest = h->current;
}

static inline void unit_holds_begin(void)
{
	unit_holds = (struct unit_holds){ .nr = 0 };
	zb_env_hook = unit_holds_count;
}

static inline void unit_holds_end(void)
{
	zb_env_hook = NULL;
}

#endif /* UNIT_HOLDS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Surroundings for a pool that write down what they are asked for, a letter
 * for each call, and answer as they were told to:
 *
 *	W wake_reclaim   D drain_all   Z zone_reclaim   R direct_reclaim
 *	C compact        S wait        + charge         - uncharge
 *	k check          0 clear       f freed          ! bad   F failed
 */
#ifndef UNIT_OPS_H
#define UNIT_OPS_H

#include "unit_pool.h"
#include "why.h"

#define UNIT_MAX_CALLS	200u

/**
 * struct unit_calls - what was asked, and what is answered
 * @text: the calls so far
 * @nr: how many
 * @zones: zones of the pool that wake_reclaim and zone_reclaim were asked about
 * @gfp: flags that came with the last call that has them
 * @order: the same for its order
 * @nid: node that failed was told about
 * @why: what zb_why_failed() makes of it
 * @where: the zone that it names
 * @killable: what wait was told
 * @pfn: block that check, clear, freed or bad was told about last
 * @bad: what bad was told
 * @damaged: check says no to the block that starts here
 * @refuse: charge says no
 * @reclaim: zone_reclaim and direct_reclaim say yes so many times
 * @compact: compact says yes so many times
 * @waits: wait says yes so many times
 * @give_on: the call of this letter that comes after @give_after others of it
 *	frees @give_pfn
 * @give_after: see there
 * @give_pfn: a block
 * @give_order: its order
 */
struct unit_calls {
	char text[UNIT_MAX_CALLS + 1];
	unsigned int nr;
	unsigned long zones;
	zb_gfp_t gfp;
	unsigned int order;
	int nid;
	enum zb_why why;
	struct zb_zone *where;
	bool killable;
	unsigned long pfn;
	enum zb_bad bad;
	unsigned long damaged;
	bool refuse;
	unsigned int reclaim;
	unsigned int compact;
	unsigned int waits;
	char give_on;
	unsigned int give_after;
	unsigned long give_pfn;
	unsigned int give_order;
};

/* One for the process: a test has a process to itself. */
extern struct unit_calls unit_calls;
extern const struct zb_ops unit_recording_ops;

bool unit_called_at(const char *file, int line, const char *expected);

/* Was exactly that called, in that order? Then forget it, and the answers. */
#define EXPECT_CALLS(expected)	unit_called_at(__FILE__, __LINE__, expected)

#endif /* UNIT_OPS_H */

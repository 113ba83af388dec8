/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks of a pool that record each call as a letter, and return results set by the test:
 *
 *	W wake_reclaim   D drain_all   Z zone_reclaim   R direct_reclaim
 *	C compact        X compact with ZB_COMPACT_FULL
 *	S wait           + charge         - uncharge
 *	k check_poison   0 clear       f poison         ! report_bad
 *	F report_failure O oom, only if a test sets it to unit_oom()
 */
#ifndef UNIT_OPS_H
#define UNIT_OPS_H

#include "unit_pool.h"
#include "failure.h"

#define UNIT_MAX_CALLS	200u

/**
 * struct unit_calls - recorded calls, and results to be returned
 * @text: the calls so far
 * @nr: number of calls
 * @zones: zones for which a hook that gets a zone was called
 * @gfp: flags of the last call that has any
 * @alloc_flags: argument of the last call of zone_reclaim
 * @order: order of the last call that has one
 * @nid: node passed to report_failure
 * @cause: result of zb_find_failure_cause() in report_failure
 * @where: zone returned by zb_find_failure_cause()
 * @killable: argument of wait
 * @pfn: block passed to the last call of check_poison, clear, poison or report_bad
 * @bad: reason passed to report_bad
 * @damaged: check_poison returns false for the block that starts here
 * @refuse: charge returns false
 * @reclaim: number of successful calls of zone_reclaim and direct_reclaim
 * @compact: number of successful calls of compact
 * @compact_result: result of the other calls, ZB_COMPACT_SKIPPED by default
 * @waits: number of successful calls of wait
 * @ooms: number of successful calls of oom
 * @give_on: letter of a hook that frees @give_pfn, after @give_after other calls of it
 * @give_after: see @give_on
 * @give_pfn: first frame of the block to free
 * @give_order: order of that block
 */
struct unit_calls {
	char text[UNIT_MAX_CALLS + 1];
	unsigned int nr;
	unsigned long zones;
	zb_gfp_t gfp;
	unsigned int alloc_flags;
	unsigned int order;
	int nid;
	enum zb_failure_cause cause;
	struct zb_zone *where;
	bool killable;
	unsigned long pfn;
	enum zb_bad bad;
	unsigned long damaged;
	bool refuse;
	unsigned int reclaim;
	unsigned int compact;
	enum zb_compact_result compact_result;
	unsigned int waits;
	unsigned int ooms;
	char give_on;
	unsigned int give_after;
	unsigned long give_pfn;
	unsigned int give_order;
};

/* A global variable is sufficient because each test runs in a process of its own. */
extern struct unit_calls unit_calls;
extern const struct zb_ops unit_recording_ops;

bool unit_oom(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
	      const struct zb_alloc_context *ac);
bool unit_called_at(const char *file, int line, const char *expected);

/* Expect exactly these calls, in this order; then reset the record and all results. */
#define EXPECT_CALLS(expected)	unit_called_at(__FILE__, __LINE__, expected)

#endif /* UNIT_OPS_H */

// SPDX-License-Identifier: GPL-2.0-only
/* Decides which waiting requests are served before the first one. line.h has the rules. */
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>

#include "../core/overtake.h"
#include "line.h"

/**
 * zb_line_may_pass() - check whether a request may be served before the first one
 * @line: the queue
 * @first: the first request
 * @w: the request
 * @passes: set if it counts against the allowance; then zb_line_end_pass() has to follow
 *
 * Context: zb_line.lock held.
 * Return: true if it may.
 */
bool zb_line_may_pass(struct zb_line *line, struct zb_waiter *first, struct zb_waiter *w,
		      bool *passes)
{
	enum zb_overtake overtake;

	lockdep_assert_held(&line->lock);
	*passes = false;
	zb_update_cpuset(first);
	zb_update_cpuset(w);
	overtake = zb_pool_overtake(&line->inst->pool, &first->req, &w->req);
	if (overtake == ZB_OVERTAKE_NOT_NOW)
		return false;
	if (overtake == ZB_OVERTAKE_APART)
		return true;
	*passes = line->allowance && !line->hold &&
		  (overtake == ZB_OVERTAKE_ROOM || line->turn);
	if (*passes)
		line->allowance--;
	else
		line->blocked = true;
	return *passes;
}

/**
 * zb_line_end_pass() - end the attempt of a request that counts against the allowance
 * @line: the queue
 * @got: the allocation was successful
 *
 * Context: zb_line.lock held.
 */
void zb_line_end_pass(struct zb_line *line, bool got)
{
	lockdep_assert_held(&line->lock);
	if (!got) {
		line->allowance = min(line->allowance + 1, ZB_MAX_PASSED);
		return;
	}
	atomic_inc(&line->inst->wait.passed);
	if (line->turn)
		line->since = jiffies;
}

/**
 * zb_line_end_hold() - end a hold, because the first request was served
 * @line: the queue
 *
 * A hold for the next one may last only for the time that is left, because consecutive holds
 * together must not delay other requests for longer than one hold. A turn in progress
 * continues for the same reason.
 *
 * Context: zb_line.lock held.
 */
void zb_line_end_hold(struct zb_line *line)
{
	unsigned long held = jiffies - line->since;

	lockdep_assert_held(&line->lock);
	if (line->hold)
		line->hold_left -= min(held, line->hold_left);
	line->hold = false;
	if (!line->turn)
		line->allowance = ZB_MAX_PASSED;
}

static bool hold_is_over(const struct zb_line *line)
{
	unsigned long last = line->since;

	if (time_after(line->last_free, last))
		last = line->last_free;
	return time_after_eq(jiffies, line->since + line->hold_left) ||
	       time_after_eq(jiffies, last + ZB_HOLD_QUIET);
}

/**
 * zb_line_change_state() - start or end a hold or a turn
 * @line: the queue, after a scan
 *
 * Context: zb_line.lock held.
 * Return: true if another scan is needed at once.
 */
bool zb_line_change_state(struct zb_line *line)
{
	if (line->turn &&
	    (!line->allowance || time_after(jiffies, line->since + ZB_TURN_IDLE)))
		line->turn = false;
	if (line->blocked && !line->hold && !line->turn) {
		line->hold = true;
		line->since = jiffies;
		atomic_inc(&line->inst->wait.held);
	}
	line->blocked = false;
	if (!line->hold || !hold_is_over(line))
		return false;
	line->hold = false;
	line->hold_left = ZB_HOLD_MAX;
	line->turn = true;
	line->allowance = ZB_MAX_PASSED;
	line->since = jiffies;
	return true;
}

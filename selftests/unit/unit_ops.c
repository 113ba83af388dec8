// SPDX-License-Identifier: GPL-2.0-only
#include "unit_ops.h"

struct unit_calls unit_calls = { .damaged = ZB_NO_PFN };

static void record_call(struct zb_pool *pool, char letter)
{
	struct unit_calls *c = &unit_calls;

	if (c->nr < UNIT_MAX_CALLS)
		c->text[c->nr++] = letter;
	if (c->give_on != letter || c->give_after--)
		return;
	c->give_on = 0;
	EXPECT_EQ(zb_pool_free_pages(pool, c->give_pfn, c->give_order), ZB_OK);
}

static void record_request(struct zb_pool *pool, char letter, zb_gfp_t gfp,
			   unsigned int order)
{
	unit_calls.gfp = gfp;
	unit_calls.order = order;
	record_call(pool, letter);
}

static void record_block(struct zb_pool *pool, char letter, unsigned long pfn,
			 unsigned int order)
{
	unit_calls.pfn = pfn;
	unit_calls.order = order;
	record_call(pool, letter);
}

static bool take_one(unsigned int *left)
{
	if (!*left)
		return false;
	(*left)--;
	return true;
}

static void drain_all(struct zb_pool *pool)
{
	unit_drain_all(pool);
	record_call(pool, 'D');
}

static void wake_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			 unsigned int order)
{
	unit_calls.zones |= BIT(zone - pool->zones);
	record_request(pool, 'W', gfp, order);
}

static bool zone_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			 unsigned int order, unsigned int alloc_flags,
			 const struct zb_alloc_context *ac)
{
	unit_calls.alloc_flags = alloc_flags;
	unit_calls.nid = ac->node->nid;
	unit_calls.zones |= BIT(zone - pool->zones);
	record_request(pool, 'Z', gfp, order);
	return take_one(&unit_calls.reclaim);
}

static bool direct_reclaim(struct zb_pool *pool, struct zb_zone *zone, zb_gfp_t gfp,
			   unsigned int order,
			   unsigned int alloc_flags __attribute__((unused)),
			   const struct zb_alloc_context *ac)
{
	unit_calls.zones |= BIT(zone - pool->zones);
	unit_calls.nid = ac->node->nid;
	record_request(pool, 'R', gfp, order);
	return take_one(&unit_calls.reclaim);
}

static enum zb_compact_result compact(struct zb_pool *pool, struct zb_zone *zone,
				      zb_gfp_t gfp, unsigned int order,
				      enum zb_compact_priority priority,
				      const struct zb_alloc_context *ac)
{
	unit_calls.zones |= BIT(zone - pool->zones);
	unit_calls.nid = ac->node->nid;
	record_request(pool, priority == ZB_COMPACT_LIGHT ? 'C' : 'X', gfp, order);
	return take_one(&unit_calls.compact) ? ZB_COMPACT_SUCCESS :
					       unit_calls.compact_result;
}

static bool wait_for_memory(struct zb_pool *pool, bool killable)
{
	unit_calls.killable = killable;
	record_call(pool, 'S');
	return take_one(&unit_calls.waits);
}

static bool charge(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order)
{
	record_request(pool, '+', gfp, order);
	return !unit_calls.refuse;
}

static void uncharge(struct zb_pool *pool, unsigned int order)
{
	unit_calls.order = order;
	record_call(pool, '-');
}

static bool check_poison(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	record_block(pool, 'k', pfn, order);
	return pfn != unit_calls.damaged;
}

static void clear(struct zb_pool *pool, unsigned long pfn, unsigned long nr_pages)
{
	record_block(pool, '0', pfn, __ffs64(nr_pages));
}

static void poison(struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	record_block(pool, 'f', pfn, order);
}

static void report_bad(struct zb_pool *pool, unsigned long pfn, unsigned int order,
		       enum zb_bad why)
{
	unit_calls.bad = why;
	record_block(pool, '!', pfn, order);
}

static void report_failure(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
			   unsigned int alloc_flags, const struct zb_alloc_context *ac)
{
	unit_calls.nid = ac->node ? ac->node->nid : ZB_NODE_ANY;
	unit_calls.cause = zb_find_failure_cause(gfp, order, alloc_flags, ac,
						 &unit_calls.where);
	record_request(pool, 'F', gfp, order);
}

const struct zb_ops unit_recording_ops = {
	.drain_all = drain_all,
	.wake_reclaim = wake_reclaim,
	.zone_reclaim = zone_reclaim,
	.direct_reclaim = direct_reclaim,
	.compact = compact,
	.wait = wait_for_memory,
	.charge = charge,
	.uncharge = uncharge,
	.check_poison = check_poison,
	.clear = clear,
	.poison = poison,
	.report_bad = report_bad,
	.report_failure = report_failure,
};

/**
 * unit_oom() - as zb_ops.oom, for tests that expect it
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: its order
 * @ac: the request
 *
 * Return: true as often as unit_calls.ooms says.
 */
bool unit_oom(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
	      const struct zb_alloc_context *ac)
{
	unit_calls.nid = ac->node->nid;
	record_request(pool, 'O', gfp, order);
	return take_one(&unit_calls.ooms);
}

/**
 * unit_called_at() - compare the recorded calls; see EXPECT_CALLS()
 * @file: source file of the caller
 * @line: line number of the caller
 * @expected: a letter for each call
 *
 * Return: true if they are as expected.
 */
bool unit_called_at(const char *file, int line, const char *expected)
{
	bool same;

	unit_calls.text[unit_calls.nr] = 0;
	same = !strcmp(unit_calls.text, expected);
	if (!same)
		unit_fail(file, line, "calls: found \"%s\", expected \"%s\"",
			  unit_calls.text, expected);
	unit_calls = (struct unit_calls){ .damaged = ZB_NO_PFN };
	return same;
}

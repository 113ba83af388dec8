// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports a failed request in the kernel log: the request, the cause and what to do
 * about it, and the state of each zone.
 *
 * The format follows the report of the kernel's page allocator. Each cause has its
 * own rate limit, so that many failures with one cause do not hide the first failure
 * with another cause.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <trace/events/zbuddy_names.h>

#include "../core/layout.h"
#include "../core/stat.h"
#include "../core/failure.h"
#include "report.h"

#define KB(nr)		((nr) << (PAGE_SHIFT - 10))
#define LINE_MAX	480	/* printk() truncates lines longer than about 1000 */

static const char *const cause_text[ZB_NR_FAILURES] = {
	[ZB_FAILURE_FREED] = "enough memory has been freed since: try again",
	[ZB_FAILURE_WATERMARK] = "all free memory is reserved for urgent requests: free some memory, use __ZB_GFP_HIGH, or lower min_free_kbytes",
	[ZB_FAILURE_FRAGMENTED] = "enough memory is free, but no block of this order, because memory is fragmented: free some memory, or request smaller blocks",
	[ZB_FAILURE_HIGHATOMIC] = "all free memory is in HighAtomic pageblocks, for atomic requests of more than one page: free some memory, or use ZB_GFP_ATOMIC",
	[ZB_FAILURE_CMA] = "all free memory is in CMA pageblocks: free some memory, use __ZB_GFP_MOVABLE, or load with a smaller cma_pages=",
	[ZB_FAILURE_LOWMEM] = "all free memory is reserved for requests that can't use a higher zone: free some memory, or raise lowmem_reserve_ratio of this zone",
	[ZB_FAILURE_ISOLATED] = "all free memory is in isolated pageblocks: free some memory, or undo the isolation",
	[ZB_FAILURE_CACHED] = "all free memory is on per-CPU lists, which a request that can't sleep does not drain: use __ZB_GFP_DIRECT_RECLAIM",
	[ZB_FAILURE_FULL] = "all memory is in use: free some memory, or load with a larger size=",
	[ZB_FAILURE_NODE] = "all free memory is on nodes that the node, nodemask or cpuset of the request excludes: allow more nodes",
	[ZB_FAILURE_ZONE] = "all free memory is in zones that the flags exclude: use flags that allow a higher zone",
};

/* Neither waiting nor freeing memory helps these requests. */
static const char *const never_text[ZB_COULD_SERVE] = {
	[ZB_NEVER_REQUEST] = "its flags or its size are invalid",
	[ZB_NEVER_ZONE] = "there is no zone of a type that the flags allow: use flags that allow a higher zone",
	[ZB_NEVER_NODE] = "the node, nodemask or cpuset of the request excludes every node with such a zone: allow more nodes",
	[ZB_NEVER_BLOCK] = "no zone that it may use has room for an aligned block of this order: request smaller blocks, or load with a larger size= or zone",
	[ZB_NEVER_TYPE] = "blocks of this order are in CMA, isolated or offline pageblocks only: use __ZB_GFP_MOVABLE, load with a smaller cma_pages=, or increase size",
	[ZB_NEVER_WATERMARK] = "even an unused zone would fall below its watermark: request less, lower min_free_kbytes, or use __ZB_GFP_HIGH",
};

static const struct {
	unsigned long mask;
	const char *name;
} gfp_names[] = { zb_gfp_names };

static const char *gfp_text(zb_gfp_t gfp, char *buf, int size)
{
	unsigned long left = zb_gfp_bits(gfp);
	unsigned int i;
	int len = 0;

	buf[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(gfp_names) && left; i++) {
		if ((left & gfp_names[i].mask) != gfp_names[i].mask)
			continue;
		left &= ~gfp_names[i].mask;
		len += scnprintf(buf + len, size - len, "%s%s", len ? "|" : "",
				 gfp_names[i].name);
	}
	if (left || !len)
		scnprintf(buf + len, size - len, "%s%#lx", len ? "|" : "", left);
	return buf;
}

/* Formats a bitmap of nodes as "0-1"; NULL means any node. */
static const char *nodes_text(const unsigned long *mask, unsigned int nr_bits,
			      char *buf, int size)
{
	if (mask)
		scnprintf(buf, size, "%*pbl", nr_bits, mask);
	else
		strscpy(buf, "any", size);
	return buf;
}

static noinline_for_stack void show_request(zb_gfp_t gfp, unsigned int order,
					    const struct zb_alloc_context *ac)
{
	const struct zb_alloc_policy *policy = ac->policy;
	char flags[LINE_MAX], nodemask[64], cpuset[64];

	pr_warn("%s%s[%d]: page allocation failure: order:%u, mode:%#x(%s), node:%d, nodemask:%s, cpuset:%s\n",
		in_task() ? "" : "interrupt on ", current->comm,
		task_pid_nr(current), order, zb_gfp_bits(gfp),
		gfp_text(gfp, flags, sizeof(flags)),
		ac->node ? ac->node->nid : ZB_NODE_ANY,
		nodes_text(policy->nodemask, policy->nr_bits, nodemask,
			   sizeof(nodemask)),
		nodes_text(policy->cpuset, policy->nr_bits, cpuset,
			   sizeof(cpuset)));
}

static void show_cause(enum zb_verdict verdict, enum zb_failure_cause cause,
		       const struct zb_zone *where)
{
	if (verdict != ZB_COULD_SERVE)
		pr_warn("cause: this request can never be served: %s\n",
			never_text[verdict]);
	else if (where)
		pr_warn("cause: Node %d %s: %s\n", where->nid,
			zb_zone_names[where->type], cause_text[cause]);
	else
		pr_warn("cause: %s\n", cause_text[cause]);
}

static void show_amounts(const struct zb_zone *zone,
			 const struct zb_zone_stat *st)
{
	const unsigned long *keeps = zone->lowmem_reserve;
	char protection[ZB_NR_ZONES * 21 + 1];
	unsigned int i;
	int len = 0;

	for (i = 0; i < ZB_NR_ZONES; i++)
		len += scnprintf(protection + len, sizeof(protection) - len,
				 "%s%lu", i ? "," : "", READ_ONCE(keeps[i]));
	pr_warn("Node %d %s free:%lukB min:%lukB low:%lukB high:%lukB protection:(%s) highatomic:%lukB cma:%lukB isolated:%lukB cached:%lukB bad:%lukB managed:%lukB\n",
		zone->nid, zb_zone_names[zone->type], KB(st->nr_free),
		KB(READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN])),
		KB(READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW])),
		KB(READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_HIGH])), protection,
		KB(st->nr_free_type[ZB_MIGRATE_HIGHATOMIC]),
		KB(st->nr_free_type[ZB_MIGRATE_CMA]),
		KB(st->nr_free_type[ZB_MIGRATE_ISOLATE]), KB(st->nr_cached),
		KB(READ_ONCE(zone->nr_bad) - READ_ONCE(zone->nr_offline)),
		KB(zb_zone_nr_managed(zone)));
}

/* Returns one letter per migrate type with free blocks of this order. */
static const char *type_letters(const struct zb_zone_stat *st,
				unsigned int order,
				char buf[ZB_MIGRATE_TYPES + 1])
{
	static const char letters[ZB_MIGRATE_TYPES] = {
		[ZB_MIGRATE_UNMOVABLE] = 'U',
		[ZB_MIGRATE_MOVABLE] = 'M',
		[ZB_MIGRATE_RECLAIMABLE] = 'E',
		[ZB_MIGRATE_HIGHATOMIC] = 'H',
		[ZB_MIGRATE_CMA] = 'C',
		[ZB_MIGRATE_ISOLATE] = 'I',
	};
	unsigned int mt, len = 0;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		if (st->nr_free_blocks[order][mt])
			buf[len++] = letters[mt];
	buf[len] = '\0';
	return buf;
}

static noinline_for_stack void show_blocks(const struct zb_zone *zone,
					   const struct zb_zone_stat *st)
{
	char line[LINE_MAX], types[ZB_MIGRATE_TYPES + 1];
	unsigned int order;
	unsigned long nr;
	int len = 0;

	line[0] = '\0';
	for (order = 0; order <= zone->max_order; order++) {
		nr = zb_stat_nr_free(st, order);
		if (nr)
			len += scnprintf(line + len, sizeof(line) - len,
					 " %lu*%lukB (%s)", nr, KB(BIT(order)),
					 type_letters(st, order, types));
	}
	pr_warn("Node %d %s:%s = %lukB\n", zone->nid,
		zb_zone_names[zone->type], line, KB(st->nr_free));
}

/* Shows the CPUs with pages on their lists, as many as fit in a line. */
static noinline_for_stack void show_cached(const struct zb_zone *zone)
{
	char line[LINE_MAX];
	unsigned long nr;
	unsigned int cpu;
	int len = 0;

	for_each_possible_cpu(cpu) {
		nr = zb_pcp_nr_pages(zone, cpu);
		if (nr)
			len += scnprintf(line + len, sizeof(line) - len,
					 " %u:%lukB", cpu, KB(nr));
	}
	if (len)
		pr_warn("Node %d %s per-CPU:%s\n", zone->nid,
			zb_zone_names[zone->type], line);
}

static noinline_for_stack void show_zone(struct zb_zone *zone)
{
	struct zb_zone_stat st;

	zb_zone_snapshot(zone, &st);
	show_amounts(zone, &st);
	show_blocks(zone, &st);
	show_cached(zone);
}

static enum zb_verdict verdict_of(struct zb_pool *pool, zb_gfp_t gfp,
				  const struct zb_alloc_context *ac)
{
	const struct zb_alloc_request req = {
		.gfp = gfp,
		.nr_pages = ac->nr_pages,
		.nid = ac->node ? ac->node->nid : ZB_NODE_ANY,
		.policy = ac->policy,
	};

	return zb_pool_verdict(pool, &req);
}

/**
 * zb_report_failure() - log a failed request and the cause of the failure
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the request
 * @alloc_flags: ZB_ALLOC_* flags of its last attempt
 * @ac: the part of the request that is the same for all attempts
 *
 * At most one failure per cause is logged every ten seconds.
 *
 * Context: any but NMI; takes zone locks one after the other.
 */
void zb_report_failure(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		       unsigned int alloc_flags,
		       const struct zb_alloc_context *ac)
{
	static struct ratelimit_state limits[ZB_NR_FAILURES + ZB_COULD_SERVE] = {
		[0 ... ZB_NR_FAILURES + ZB_COULD_SERVE - 1] =
			RATELIMIT_STATE_INIT(limits, 10 * HZ, 1),
	};
	struct zb_zone *zone, *where;
	enum zb_verdict verdict;
	enum zb_failure_cause cause;

	verdict = verdict_of(pool, gfp, ac);
	cause = zb_find_failure_cause(gfp, order, alloc_flags, ac, &where);
	if (!__ratelimit(&limits[verdict == ZB_COULD_SERVE ? cause :
				 ZB_NR_FAILURES + verdict]))
		return;
	show_request(gfp, order, ac);
	show_cause(verdict, cause, where);
	zb_for_each_zone(zone, pool)
		show_zone(zone);
}

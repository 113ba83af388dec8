// SPDX-License-Identifier: GPL-2.0-only
/* Checks all invariants of the pool, on demand or at load. */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/bug.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "../core/check.h"
#include "../core/layout.h"
#include "instance.h"
#include "params.h"

static bool check_at_load = IS_ENABLED(CONFIG_DEBUG_VM);
module_param_cb(check_at_load, &zb_bool_ops, &check_at_load, 0444);
__MODULE_PARM_TYPE(check_at_load, "bool");
MODULE_PARM_DESC(check_at_load, "check all invariants of the allocator when the module is loaded (default: Y on kernels with CONFIG_DEBUG_VM)");

/* Like zb_check_zone(), but lets other tasks run after each pageblock. */
static bool check_zone(struct zb_zone *zone, struct zb_violation *v)
{
	unsigned long i;

	for (i = 0; i < zb_zone_nr_pageblocks(zone); i++) {
		if (!zb_check_pageblock(zone, i, v))
			return false;
		cond_resched();
	}
	return zb_check_lists(zone, v);
}

/**
 * zb_instance_check() - check all invariants
 * @inst: the instance
 * @v: set to the first violation
 *
 * Context: may sleep.
 * Return: true if there is none.
 */
bool zb_instance_check(struct zb_instance *inst, struct zb_violation *v)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		if (!check_zone(zone, v))
			return false;
	return true;
}

/**
 * zb_instance_check_at_load() - check all invariants if check_at_load is set
 * @inst: a new instance
 *
 * A violation means that the module itself is broken, so it is a warning.
 *
 * Context: may sleep.
 */
void zb_instance_check_at_load(struct zb_instance *inst)
{
	struct zb_violation v;

	if (!check_at_load)
		return;
	if (zb_instance_check(inst, &v))
		pr_info("all invariants hold: %u zones, %lu pages\n",
			inst->pool.nr_zones, inst->total_pages);
	else
		WARN(1, "zbuddy: invariant violated: %s (node %d, zone %s, frame %lu, found %lu, expected %lu)\n",
		     v.rule, v.zone->nid, zb_zone_names[v.zone->type],
		     v.pfn ? v.pfn - v.zone->start_pfn : 0, v.found,
		     v.expected);
}

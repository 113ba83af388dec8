// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameter victim: a task that writes 0 sleeps until it is killed, and one that
 * writes 1 sleeps until the OOM killer has chosen it. It then allocates a page with
 * __ZB_GFP_HARDWALL, which confines a request to the cpuset of its task unless the
 * task is an OOM victim. Reading the parameter returns the node of that page.
 */
#include "zb_api_test.h"

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>

#define NOT_KILLED	(-3)
#define NO_PAGE		(-2)

static int victim_node = NOT_KILLED;

static int allocate_when_killed(const char *text, const struct kernel_param *kp)
{
	unsigned long deadline = jiffies + 60 * HZ;
	struct page *page;
	bool by_oom;
	int err = kstrtobool(text, &by_oom);

	if (err)
		return err;
	WRITE_ONCE(victim_node, NOT_KILLED);
	while (by_oom ? !tsk_is_oom_victim(current) : !fatal_signal_pending(current)) {
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
		msleep(20);
	}
	page = zb_alloc_page(ZB_GFP_USER | ZBT_QUIET);
	WRITE_ONCE(victim_node, page ? page_to_nid(page) : NO_PAGE);
	if (page)
		__zb_free_page(page);
	return 0;
}

static const struct kernel_param_ops victim_ops = {
	.set = allocate_when_killed,
	.get = param_get_int,
};
module_param_cb(victim, &victim_ops, &victim_node, 0644);
MODULE_PARM_DESC(victim, "allocate a page when the writer is killed; reading gives its node, -2 for no page, -3 while there is no result");

// SPDX-License-Identifier: GPL-2.0-only
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fault-inject.h>
#include <linux/module.h>
#include <uapi/linux/zbuddy.h>

#include "fault.h"

static DECLARE_FAULT_ATTR(fail_zbuddy);
static struct dentry *fault_dir;

/**
 * zb_fault_init() - create /sys/kernel/debug/fail_zbuddy
 *
 * Context: may sleep.
 */
void zb_fault_init(void)
{
	fault_dir = fault_create_debugfs_attr("fail_zbuddy", NULL, &fail_zbuddy);
}

/**
 * zb_fault_exit() - remove /sys/kernel/debug/fail_zbuddy
 *
 * Context: may sleep.
 */
void zb_fault_exit(void)
{
	if (!IS_ERR(fault_dir))
		debugfs_remove(fault_dir);
}

/**
 * zb_should_fail() - decide whether to fail a request on purpose
 * @gfp: flags of the request
 * @order: order of the request
 *
 * Context: any.
 * Return: true if the request has to fail; never true with __ZB_GFP_NOFAIL.
 */
bool zb_should_fail(zb_gfp_t gfp, unsigned int order)
{
	if (gfp & __ZB_GFP_NOFAIL)
		return false;
	return should_fail(&fail_zbuddy, PAGE_SIZE << order);
}

// SPDX-License-Identifier: GPL-2.0-only
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fault-inject.h>
#include <linux/module.h>
#include <uapi/linux/zbuddy.h>

#include "fault.h"

static DECLARE_FAULT_ATTR(fail_zbuddy);
static struct dentry *dir;

/**
 * zb_fault_init() - make /sys/kernel/debug/fail_zbuddy appear
 *
 * Context: may sleep.
 */
void zb_fault_init(void)
{
	dir = fault_create_debugfs_attr("fail_zbuddy", NULL, &fail_zbuddy);
}

/**
 * zb_fault_exit() - make it go away
 *
 * Context: may sleep.
 */
void zb_fault_exit(void)
{
	if (!IS_ERR(dir))
		debugfs_remove(dir);
}

/**
 * zb_should_fail() - is it this request's turn to fail?
 * @gfp: its flags; one that must not fail never does
 * @order: its order
 *
 * Context: any.
 * Return: true if it is to fail.
 */
bool zb_should_fail(zb_gfp_t gfp, unsigned int order)
{
	if (gfp & __ZB_GFP_NOFAIL)
		return false;
	return should_fail(&fail_zbuddy, PAGE_SIZE << order);
}

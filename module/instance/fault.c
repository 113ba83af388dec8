// SPDX-License-Identifier: GPL-2.0-only
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fault-inject.h>
#include <linux/module.h>
#include <uapi/linux/zbuddy.h>

#include "fault.h"

static DECLARE_FAULT_ATTR(fail_zbuddy);
static DECLARE_FAULT_ATTR(fail_zbuddy_copy);
static struct dentry *fault_dir, *copy_dir;

/**
 * zb_fault_init() - create fail_zbuddy and fail_zbuddy_copy in /sys/kernel/debug
 *
 * Context: may sleep.
 */
void zb_fault_init(void)
{
	fault_dir = fault_create_debugfs_attr("fail_zbuddy", NULL, &fail_zbuddy);
	copy_dir = fault_create_debugfs_attr("fail_zbuddy_copy", NULL, &fail_zbuddy_copy);
}

/**
 * zb_fault_exit() - undo zb_fault_init()
 *
 * Context: may sleep.
 */
void zb_fault_exit(void)
{
	if (!IS_ERR(fault_dir))
		debugfs_remove(fault_dir);
	if (!IS_ERR(copy_dir))
		debugfs_remove(copy_dir);
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

/**
 * zb_should_fail_copy() - decide whether the copy of a page meets a memory error
 *
 * Context: any.
 * Return: true if a page that is being moved has to be treated like one with an error.
 */
bool zb_should_fail_copy(void)
{
	return should_fail(&fail_zbuddy_copy, PAGE_SIZE);
}

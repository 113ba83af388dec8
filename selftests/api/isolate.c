// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameter isolated: keep as many free pageblocks isolated as the number that is written, so
 * that requests fail because of them.
 */
#include "zb_api_test.h"

#include <linux/module.h>
#include <linux/mutex.h>

#define BLOCK		9
#define MAX_ISOLATED	64

static unsigned long isolated_pfns[MAX_ISOLATED];
static unsigned int isolated;
static DEFINE_MUTEX(isolate_lock);

/* The block is free again when its pageblock is isolated. */
static int isolate_another(void)
{
	struct page *page = zb_alloc_pages(ZBT_ANY | ZBT_QUIET, BLOCK);
	int err;

	if (!page)
		return -ENOMEM;
	__zb_free_pages(page, BLOCK);
	err = zb_isolate_page_range(page_to_pfn(page), BIT(BLOCK));
	if (!err)
		isolated_pfns[isolated++] = page_to_pfn(page);
	return err;
}

static int set_isolated(const char *text, const struct kernel_param *kp)
{
	unsigned int want;
	int err = kstrtouint(text, 0, &want);

	if (err || want > MAX_ISOLATED)
		return -EINVAL;
	mutex_lock(&isolate_lock);
	while (!err && isolated < want)
		err = isolate_another();
	while (isolated > want)
		zb_undo_isolate_page_range(isolated_pfns[--isolated], BIT(BLOCK));
	mutex_unlock(&isolate_lock);
	return err;
}

static const struct kernel_param_ops isolated_ops = {
	.set = set_isolated,
	.get = param_get_uint,
};
module_param_cb(isolated, &isolated_ops, &isolated, 0644);
MODULE_PARM_DESC(isolated, "number of free pageblocks to keep isolated; to be written after loading");

/**
 * zbt_isolate_exit() - undo all isolations by parameter isolated
 *
 * Context: process; may sleep.
 */
void zbt_isolate_exit(void)
{
	set_isolated("0", NULL);
}

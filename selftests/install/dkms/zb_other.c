// SPDX-License-Identifier: GPL-2.0-only
/* Another module, built with the installed headers of zbuddy. */
#include <linux/module.h>
#include <linux/zbuddy.h>

static int __init zb_other_init(void)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, 0);

	pr_info("zb_other: %s page\n", page ? "a" : "no");
	__zb_free_pages(page, 0);
	return 0;
}
module_init(zb_other_init);

static void __exit zb_other_exit(void)
{
}
module_exit(zb_other_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Allocates a page from zbuddy");

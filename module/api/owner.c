// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions by which other modules let zbuddy take back or move their memory. reclaim/ calls
 * the callbacks, see reclaim/owner.h.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/printk.h>
#include <linux/zbuddy.h>

#include "../reclaim/reclaim.h"

/* The file modules in debugfs shows names as words. */
static bool is_word(const char *name)
{
	while (isascii(*name) && isgraph(*name))
		name++;
	return !*name;
}

/* Returns a message about the first error, or NULL. */
static const char *check_ops(const struct zb_owner_ops *ops)
{
	if (!ops->name || !*ops->name)
		return "it has no name";
	if (!is_word(ops->name))
		return "its name is not one word of ASCII characters";
	if (!ops->module)
		return "it has no module: set module to THIS_MODULE";
	if (ops->needs & ~(__ZB_GFP_IO | __ZB_GFP_FS))
		return "needs may be __ZB_GFP_IO and __ZB_GFP_FS only";
	if (!ops->count != !ops->scan)
		return "count and scan belong together: set both or none";
	if (!ops->isolate != !ops->migrate || !ops->isolate != !ops->putback)
		return "isolate, migrate and putback belong together: set all or none";
	if (!ops->scan && !ops->isolate && !ops->oom)
		return "it has no callbacks";
	return NULL;
}

/**
 * zb_register_owner() - register callbacks for taking memory back or moving it
 * @ops: the callbacks, which must exist until the owner is unregistered
 * @data: their argument
 *
 * From now on, kswapd and direct reclaim of zbuddy call count and scan, and requests that would
 * fail call oom. Blocks are not moved before zb_set_page_movable(). A module may register
 * several owners. It should unregister them in its exit function at the latest; owners that are
 * left when this function has returned are unregistered then, which is logged.
 *
 * Context: may sleep.
 * Return: the owner, ERR_PTR(-EINVAL) if @ops has an error, which is logged, or
 * ERR_PTR(-ENOMEM).
 */
struct zb_owner *zb_register_owner(const struct zb_owner_ops *ops, void *data)
{
	const char *error = check_ops(ops);

	if (error) {
		pr_err("%s of module %s can't be registered: %s\n", ops->name ?: "an owner",
		       module_name(ops->module), error);
		return ERR_PTR(-EINVAL);
	}
	return zb_owner_add(&zb_instance->reclaim->owners, ops, data);
}
EXPORT_SYMBOL_GPL(zb_register_owner);

/**
 * zb_unregister_owner() - undo zb_register_owner()
 * @owner: the owner, or NULL, or an error of zb_register_owner()
 *
 * Waits for callbacks in progress; none is called afterwards. Memory that the owner has is not
 * freed. Blocks that are still registered are not moved any more, which is logged.
 *
 * Context: may sleep; not in a callback, and without locks that callbacks take.
 */
void zb_unregister_owner(struct zb_owner *owner)
{
	if (!IS_ERR_OR_NULL(owner))
		zb_owner_remove(&zb_instance->reclaim->owners, owner);
}
EXPORT_SYMBOL_GPL(zb_unregister_owner);

/**
 * zb_set_page_movable() - register a block as movable
 * @owner: the owner, which has migrate
 * @page: first page of the block, which was allocated with __ZB_GFP_MOVABLE
 * @order: the order it was allocated with
 * @gfp: flags for the kernel memory that this needs, for example GFP_KERNEL
 *
 * The block may be moved from now on, even before this function returns, until
 * zb_clear_page_movable().
 *
 * Context: as @gfp permits; any but NMI.
 * Return: 0, -EINVAL if this is not such a block, or if zbuddy is too small to group memory by
 * mobility, -EEXIST if it is registered already, or -ENOMEM.
 */
int zb_set_page_movable(struct zb_owner *owner, struct page *page, unsigned int order,
			gfp_t gfp)
{
	if (!owner->ops->migrate)
		return -EINVAL;
	return zb_movable_add(zb_instance->reclaim, owner, page_to_pfn(page), order, gfp);
}
EXPORT_SYMBOL_GPL(zb_set_page_movable);

/**
 * zb_clear_page_movable() - undo zb_set_page_movable(), before the block is freed
 * @page: first page of the block
 *
 * While a block is being moved, its old page can't be withdrawn. Wait until migrate has been
 * called, which tells the new page, or until putback is called: the new page can be withdrawn
 * from then on, and the old page in putback and afterwards. A module that can't wait lets
 * migrate fail, and withdraws and frees the block in putback.
 *
 * Context: any but NMI; also in migrate, for its new page, and in putback.
 * Return: 0 if the block is not moved any more, -ENOENT if it is not registered, or -EBUSY if it
 * is being moved and @page is its old page.
 */
int zb_clear_page_movable(struct page *page)
{
	return zb_movable_remove(&zb_instance->reclaim->owners, page_to_pfn(page));
}
EXPORT_SYMBOL_GPL(zb_clear_page_movable);

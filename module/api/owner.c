// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions for other modules that let zbuddy take their memory back. The callbacks are
 * called by reclaim/, see reclaim/owner.h.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/printk.h>
#include <linux/zbuddy.h>

#include "api.h"
#include "../reclaim/reclaim.h"

/* Returns what is wrong, or NULL. */
static const char *check_ops(const struct zb_owner_ops *ops)
{
	if (!ops->name || !*ops->name)
		return "it has no name";
	if (ops->needs & ~(__ZB_GFP_IO | __ZB_GFP_FS))
		return "needs may be __ZB_GFP_IO and __ZB_GFP_FS only";
	if (!ops->count != !ops->scan)
		return "count and scan belong together: set both or none";
	if (!ops->scan)
		return "it has no callbacks";
	return NULL;
}

/**
 * zb_register_owner() - register callbacks for taking memory back
 * @ops: the callbacks, which must exist until the owner is unregistered
 * @data: their argument
 *
 * From now on, kswapd and direct reclaim of zbuddy call them. A module may register several
 * owners. It should unregister them in its exit function, at the latest; otherwise this is done
 * when the function has returned, and logged.
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
 * freed.
 *
 * Context: may sleep; not in a callback, and without locks that callbacks take.
 */
void zb_unregister_owner(struct zb_owner *owner)
{
	if (!IS_ERR_OR_NULL(owner))
		zb_owner_remove(&zb_instance->reclaim->owners, owner);
}
EXPORT_SYMBOL_GPL(zb_unregister_owner);

// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/err.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat.h"
#include "../instance/callback.h"
#include "owner.h"

static const char *const fault_text[ZB_OWNER_NR_FAULTS] = {
	[ZB_OWNER_TOO_FEW] = "scan returned %lu pages, but only %lu of the zone were freed: return what was freed before it returns, of the frames that are wanted",
	[ZB_OWNER_FORGOTTEN] = "is being unloaded without zb_unregister_owner(): it is unregistered now",
};

/**
 * zb_owner_report() - log an error of an owner, but only the first one of its kind
 * @owner: the owner
 * @fault: the error
 * @said: what the owner has said, if that belongs to the error
 * @found: what was found
 *
 * Context: any.
 */
void zb_owner_report(struct zb_owner *owner, enum zb_owner_fault fault, unsigned long said,
		     unsigned long found)
{
	char text[160];

	if (test_and_set_bit(fault, &owner->faults))
		return;
	snprintf(text, sizeof(text), fault_text[fault], said, found);
	pr_err("%s: %s\n", owner->name, text);
}

/**
 * zb_owner_put() - undo zb_owner_next()
 * @owner: the owner, which may not exist afterwards
 *
 * Context: any.
 */
void zb_owner_put(struct zb_owner *owner)
{
	struct module *module = owner->ops->module;

	if (refcount_dec_and_test(&owner->users))
		complete(&owner->unused);
	module_put(module);
}

/* Called with zb_owners.lock held. */
static bool get_owner(struct zb_owner *owner)
{
	/* Fails if the module is being unloaded. */
	if (!try_module_get(owner->ops->module))
		return false;
	refcount_inc(&owner->users);
	return true;
}

/**
 * zb_owner_next() - find the owner that was registered after another one
 * @owners: all owners
 * @id: number of the other one, which may not exist any more, or 0
 *
 * Context: any but interrupts.
 * Return: the owner, for zb_owner_put(), or NULL. Its callbacks may be called until then.
 */
struct zb_owner *zb_owner_next(struct zb_owners *owners, u64 id)
{
	struct zb_owner *owner, *found = NULL;

	spin_lock(&owners->lock);
	list_for_each_entry(owner, &owners->list, link)
		if (owner->id > id && get_owner(owner)) {
			found = owner;
			break;
		}
	spin_unlock(&owners->lock);
	return found;
}

/**
 * zb_owner_add() - register an owner
 * @owners: all owners
 * @ops: its callbacks
 * @data: their argument
 *
 * Context: may sleep.
 * Return: the owner, or ERR_PTR(-ENOMEM).
 */
struct zb_owner *zb_owner_add(struct zb_owners *owners, const struct zb_owner_ops *ops,
			      void *data)
{
	struct zb_owner *owner = kzalloc_obj(*owner);

	if (!owner)
		return ERR_PTR(-ENOMEM);
	owner->ops = ops;
	owner->data = data;
	snprintf(owner->name, sizeof(owner->name), "%.24s of module %.55s", ops->name,
		 module_name(ops->module));
	refcount_set(&owner->users, 1);
	init_completion(&owner->unused);
	owner->busy_until = jiffies;
	spin_lock(&owners->lock);
	owner->id = ++owners->last_id;
	list_add_tail(&owner->link, &owners->list);
	WRITE_ONCE(owners->nr, owners->nr + 1);
	WRITE_ONCE(owners->nr_scan, owners->nr_scan + !!ops->scan);
	spin_unlock(&owners->lock);
	return owner;
}

/* Wait for the calls in progress; the owner is not on the list any more. */
static void release_owner(struct zb_owner *owner)
{
	zb_callback_might_run(owner->ops->needs);
	if (!refcount_dec_and_test(&owner->users))
		wait_for_completion(&owner->unused);
	kfree(owner);
}

/**
 * zb_owner_remove() - undo zb_owner_add()
 * @owners: all owners
 * @owner: the owner
 *
 * Context: may sleep; waits for calls in progress.
 */
void zb_owner_remove(struct zb_owners *owners, struct zb_owner *owner)
{
	spin_lock(&owners->lock);
	list_del(&owner->link);
	WRITE_ONCE(owners->nr, owners->nr - 1);
	WRITE_ONCE(owners->nr_scan, owners->nr_scan - !!owner->ops->scan);
	spin_unlock(&owners->lock);
	release_owner(owner);
}

static struct zb_owner *owner_of(struct zb_owners *owners, const struct module *module)
{
	struct zb_owner *owner, *found = NULL;

	spin_lock(&owners->lock);
	list_for_each_entry(owner, &owners->list, link)
		if (owner->ops->module == module) {
			found = owner;
			break;
		}
	spin_unlock(&owners->lock);
	return found;
}

/* The exit function of the module has returned, but its code and data still exist. */
static int module_event(struct notifier_block *nb, unsigned long state, void *data)
{
	struct zb_owners *owners = container_of(nb, struct zb_owners, module_nb);
	struct zb_owner *owner;

	if (state != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	while ((owner = owner_of(owners, data))) {
		zb_owner_report(owner, ZB_OWNER_FORGOTTEN, 0, 0);
		zb_owner_remove(owners, owner);
	}
	return NOTIFY_OK;
}

/**
 * zb_owners_init() - let modules register
 * @owners: filled in
 *
 * Context: may sleep.
 * Return: 0, or an error of the kernel.
 */
int zb_owners_init(struct zb_owners *owners)
{
	spin_lock_init(&owners->lock);
	INIT_LIST_HEAD(&owners->list);
	owners->module_nb.notifier_call = module_event;
	return register_module_notifier(&owners->module_nb);
}

/**
 * zb_owners_exit() - undo zb_owners_init()
 * @owners: all owners; there are none any more, because modules that call zbuddy are unloaded
 *	before it
 *
 * Context: may sleep.
 */
void zb_owners_exit(struct zb_owners *owners)
{
	unregister_module_notifier(&owners->module_nb);
}

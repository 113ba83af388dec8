// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/err.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat.h"
#include "../instance/callback.h"
#include "owner.h"

static const char *const fault_text[ZB_OWNER_NR_FAULTS] = {
	[ZB_OWNER_TOO_FEW] = "scan returned %lu pages, but only %lu of the zone were freed: count only pages of the requested frames that are free when scan returns",
	[ZB_OWNER_OOM_TOO_FEW] = "oom returned %lu pages, but only %lu were freed: count only pages that are free when oom returns",
	[ZB_OWNER_NOT_MOVED] = "migrate returned 0, but did not write to the new pages: no block of this owner is moved any more",
	[ZB_OWNER_STALE] = "a block was freed while it was registered: call zb_clear_page_movable() before it is freed",
	[ZB_OWNER_LEFT] = "unregistered while %lu of its blocks could be moved: they stay where they are, until they are freed",
	[ZB_OWNER_FORGOTTEN] = "is being unloaded without zb_unregister_owner(): it is unregistered now",
};

/**
 * zb_owner_report() - log an error of an owner, but only the first one of its kind
 * @owner: the owner
 * @fault: the error
 * @said: the number that the callback returned, or of blocks that are left
 * @found: the number of pages that were freed; both are 0 if the message does not need them
 *
 * Context: any.
 */
void zb_owner_report(struct zb_owner *owner, enum zb_owner_fault fault, unsigned long said,
		     unsigned long found)
{
	char text[224];

	if (test_and_set_bit(fault, &owner->faults))
		return;
	snprintf(text, sizeof(text), fault_text[fault], said, found);
	pr_err("%s: %s\n", owner->name, text);
}

/**
 * zb_owner_put() - undo zb_owner_get() or zb_owner_next()
 * @owner: the owner, which may not exist afterwards
 *
 * Context: any.
 */
void zb_owner_put(struct zb_owner *owner)
{
	/*
	 * Drop the reference on the module first: if the init function of a module fails, the
	 * module is freed in spite of references on it, but not before its
	 * zb_unregister_owner(), which waits for @users, has returned.
	 */
	module_put(owner->ops->module);
	if (refcount_dec_and_test(&owner->users))
		complete(&owner->unused);
}

/**
 * zb_owner_get() - get a reference on an owner and its module
 * @owner: the owner, which is still registered or has blocks that are
 *
 * Context: any but NMI; zb_owners.lock is held.
 * Return: false if the owner is being unregistered, or the module is being unloaded.
 */
bool zb_owner_get(struct zb_owner *owner)
{
	struct module *module = owner->ops->module;

	if (!try_module_get(module))
		return false;
	if (refcount_inc_not_zero(&owner->users))
		return true;
	module_put(module);
	return false;
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
	unsigned long flags;

	spin_lock_irqsave(&owners->lock, flags);
	list_for_each_entry(owner, &owners->list, link)
		if (owner->id > id && zb_owner_get(owner)) {
			found = owner;
			break;
		}
	spin_unlock_irqrestore(&owners->lock, flags);
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
	unsigned long flags;

	if (!owner)
		return ERR_PTR(-ENOMEM);
	owner->ops = ops;
	owner->data = data;
	snprintf(owner->name, sizeof(owner->name), "%.24s of module %.55s", ops->name,
		 module_name(ops->module));
	refcount_set(&owner->users, 1);
	init_completion(&owner->unused);
	owner->busy_until = jiffies;
	spin_lock_irqsave(&owners->lock, flags);
	owner->id = ++owners->last_id;
	list_add_tail(&owner->link, &owners->list);
	WRITE_ONCE(owners->nr, owners->nr + 1);
	WRITE_ONCE(owners->nr_scan, owners->nr_scan + !!ops->scan);
	spin_unlock_irqrestore(&owners->lock, flags);
	return owner;
}

/**
 * __zb_movable_from() - find a registered block
 * @owners: all owners
 * @pfn: a frame
 *
 * Context: any but NMI; zb_owners.lock is held.
 * Return: the block with the lowest first frame that ends behind @pfn, or NULL.
 */
struct zb_movable *__zb_movable_from(struct zb_owners *owners, unsigned long pfn)
{
	struct rb_node *node = owners->movable.rb_node;
	struct zb_movable *m, *best = NULL;

	while (node) {
		m = rb_entry(node, struct zb_movable, node);
		if (zb_movable_end(m) > pfn) {
			best = m;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}

/**
 * __zb_movable_remove() - take a block out of the tree
 * @owners: all owners
 * @m: the block
 *
 * Context: any but NMI; zb_owners.lock is held.
 */
void __zb_movable_remove(struct zb_owners *owners, struct zb_movable *m)
{
	rb_erase(&m->node, &owners->movable);
	atomic_long_sub(BIT(m->order), &m->owner->movable);
	WRITE_ONCE(owners->nr_movable, owners->nr_movable - 1);
}

/*
 * Remove all blocks of an owner, none of whose callbacks is in progress; returns their number.
 * The lock is dropped after each block, also of other owners, because it disables interrupts.
 */
static unsigned long forget_blocks(struct zb_owners *owners, const struct zb_owner *owner)
{
	unsigned long flags, pfn = 0, nr = 0;
	struct zb_movable *m, *found;

	do {
		found = NULL;
		spin_lock_irqsave(&owners->lock, flags);
		m = atomic_long_read(&owner->movable) ? __zb_movable_from(owners, pfn) : NULL;
		if (m)
			pfn = zb_movable_end(m);
		if (m && m->owner == owner) {
			__zb_movable_remove(owners, m);
			found = m;
			nr++;
		}
		spin_unlock_irqrestore(&owners->lock, flags);
		kfree(found);
		cond_resched();
	} while (m);
	return nr;
}

/* Wait for the calls in progress; the owner is not on the list any more. */
static void release_owner(struct zb_owners *owners, struct zb_owner *owner)
{
	unsigned long nr;

	zb_callback_might_run(owner->ops->needs);
	if (!refcount_dec_and_test(&owner->users))
		wait_for_completion(&owner->unused);
	nr = forget_blocks(owners, owner);
	if (nr)
		zb_owner_report(owner, ZB_OWNER_LEFT, nr, 0);
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
	unsigned long flags;

	spin_lock_irqsave(&owners->lock, flags);
	list_del(&owner->link);
	WRITE_ONCE(owners->nr, owners->nr - 1);
	WRITE_ONCE(owners->nr_scan, owners->nr_scan - !!owner->ops->scan);
	spin_unlock_irqrestore(&owners->lock, flags);
	release_owner(owners, owner);
}

static struct zb_owner *owner_of(struct zb_owners *owners, const struct module *module)
{
	struct zb_owner *owner, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&owners->lock, flags);
	list_for_each_entry(owner, &owners->list, link)
		if (owner->ops->module == module) {
			found = owner;
			break;
		}
	spin_unlock_irqrestore(&owners->lock, flags);
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
	INIT_LIST_HEAD(&owners->moving);
	owners->movable = RB_ROOT;
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

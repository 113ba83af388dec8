// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: how much one open file and one user may hold, and what ACCOUNT is
 * charged to: the dmem cgroup controller where the kernel has it, else the
 * user's RLIMIT_MEMLOCK.
 *
 * A buffer stays charged until its frames go back, not only as long as it has a
 * handle: what is mapped counts.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../core/layout.h"
#include "buffer.h"

/* Parameters that are a size, 0 for no limit */

static int set_size(const char *text, const struct kernel_param *kp)
{
	const char *end;
	u64 bytes;

	end = zb_parse_size(text, &bytes);
	if (!end || (*end && *end != '\n')) {
		pr_err("%s: give a size such as 64M, or 0 for no limit\n",
		       kp->name);
		return -EINVAL;
	}
	WRITE_ONCE(*(u64 *)kp->arg, bytes);
	return 0;
}

static int get_size(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(*(u64 *)kp->arg));
}

static const struct kernel_param_ops size_ops = {
	.set = set_size,
	.get = get_size,
};

static u64 max_bytes_per_open;
module_param_cb(max_bytes_per_open, &size_ops, &max_bytes_per_open, 0644);
__MODULE_PARM_TYPE(max_bytes_per_open, "size");
MODULE_PARM_DESC(max_bytes_per_open, "what one open file may hold, such as 64M (default 0: no limit)");

static u64 max_bytes_per_user;
module_param_cb(max_bytes_per_user, &size_ops, &max_bytes_per_user, 0644);
__MODULE_PARM_TYPE(max_bytes_per_user, "size");
MODULE_PARM_DESC(max_bytes_per_user, "what one user may hold, such as 64M (default 0: no limit)");

/**
 * zb_account_new() - start with nothing held
 * @uid: whose, for a user's account
 *
 * Return: the account with one reference, or NULL.
 */
struct zb_account *zb_account_new(kuid_t uid)
{
	struct zb_account *account = kzalloc(sizeof(*account),
					     GFP_KERNEL_ACCOUNT);

	if (account) {
		kref_init(&account->ref);
		INIT_LIST_HEAD(&account->link);
		account->uid = uid;
	}
	return account;
}

static void free_account(struct kref *ref)
{
	kfree(container_of(ref, struct zb_account, ref));
}

/**
 * zb_account_put() - drop a reference
 * @account: an open file's account, or NULL
 */
void zb_account_put(struct zb_account *account)
{
	if (account)
		kref_put(&account->ref, free_account);
}

/* The account of the current user, with a reference. */
static struct zb_account *get_user_account(struct zb_space *space)
{
	kuid_t uid = current_fsuid();
	struct zb_account *account;

	mutex_lock(&space->lock);
	list_for_each_entry(account, &space->users, link)
		if (uid_eq(account->uid, uid)) {
			kref_get(&account->ref);
			goto out;
		}
	account = zb_account_new(uid);
	if (account)
		list_add(&account->link, &space->users);
out:
	mutex_unlock(&space->lock);
	return account;
}

static void put_user_account(struct zb_space *space, struct zb_account *account)
{
	mutex_lock(&space->lock);
	if (kref_read(&account->ref) == 1)
		list_del_init(&account->link);
	kref_put(&account->ref, free_account);
	mutex_unlock(&space->lock);
}

static bool add_bytes(struct zb_account *account, u64 bytes, u64 max)
{
	s64 old = atomic64_read(&account->bytes);

	do {
		if (max && (u64)old + bytes > max)
			return false;
	} while (!atomic64_try_cmpxchg(&account->bytes, &old, old + bytes));
	return true;
}

#ifdef ZB_HAVE_DMEM
#define ACCOUNT_FEATURE		ZB_FEATURE_DMEM

static int charge_cgroup(struct zb_space *space, struct zb_charge *charge)
{
	if (!space->region)
		return 0;
	return dmem_cgroup_try_charge(space->region, charge->bytes,
				      &charge->pool, NULL);
}

static void uncharge_cgroup(struct zb_charge *charge)
{
	if (charge->pool)
		dmem_cgroup_uncharge(charge->pool, charge->bytes);
}
#elif defined(ZB_HAVE_USER_LOCKED_VM)
#define ACCOUNT_FEATURE		ZB_FEATURE_MEMLOCK

static int charge_cgroup(struct zb_space *space, struct zb_charge *charge)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long nr = charge->bytes >> PAGE_SHIFT;
	struct user_struct *user = current_user();

	if (atomic_long_add_return(nr, &user->locked_vm) > limit &&
	    rlimit(RLIMIT_MEMLOCK) != RLIM_INFINITY && !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(nr, &user->locked_vm);
		return -EAGAIN;
	}
	charge->locked = get_uid(user);
	return 0;
}

static void uncharge_cgroup(struct zb_charge *charge)
{
	if (!charge->locked)
		return;
	atomic_long_sub(charge->bytes >> PAGE_SHIFT, &charge->locked->locked_vm);
	free_uid(charge->locked);
}
#else
#define ACCOUNT_FEATURE		0

static int charge_cgroup(struct zb_space *space, struct zb_charge *charge)
{
	return 0;
}

static void uncharge_cgroup(struct zb_charge *charge)
{
}
#endif

/**
 * zb_charge_features() - what ACCOUNT is charged to
 *
 * Return: ZB_FEATURE_* bits.
 */
u64 zb_charge_features(void)
{
	return ACCOUNT_FEATURE;
}

/**
 * zb_charge() - charge a buffer to be to whoever asks for it
 * @space: where
 * @charge: filled in; to be given to zb_uncharge() on success
 * @file: the open file's account, or NULL
 * @bytes: how much
 * @gfp: with __ZB_GFP_ACCOUNT also to the cgroup, or RLIMIT_MEMLOCK
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT, -EAGAIN or -ENOMEM with nothing charged.
 */
int zb_charge(struct zb_space *space, struct zb_charge *charge,
	      struct zb_account *file, u64 bytes, zb_gfp_t gfp)
{
	int err = -EDQUOT;

	*charge = (struct zb_charge){ .bytes = bytes };
	charge->user = get_user_account(space);
	if (!charge->user)
		return -ENOMEM;
	if (!add_bytes(charge->user, bytes, READ_ONCE(max_bytes_per_user)))
		goto put_user;
	if (file && !add_bytes(file, bytes, READ_ONCE(max_bytes_per_open)))
		goto sub_user;
	if (gfp & __ZB_GFP_ACCOUNT) {
		err = charge_cgroup(space, charge);
		if (err)
			goto sub_file;
	}
	if (file) {
		kref_get(&file->ref);
		charge->file = file;
	}
	return 0;

sub_file:
	if (file)
		atomic64_sub(bytes, &file->bytes);
sub_user:
	atomic64_sub(bytes, &charge->user->bytes);
put_user:
	put_user_account(space, charge->user);
	return err;
}

/**
 * zb_uncharge() - undo zb_charge()
 * @space: where
 * @charge: as zb_charge() filled it in
 *
 * Context: may sleep.
 */
void zb_uncharge(struct zb_space *space, struct zb_charge *charge)
{
	uncharge_cgroup(charge);
	if (charge->file) {
		atomic64_sub(charge->bytes, &charge->file->bytes);
		zb_account_put(charge->file);
	}
	atomic64_sub(charge->bytes, &charge->user->bytes);
	put_user_account(space, charge->user);
}

/**
 * zb_limits_init() - make the region known to the dmem cgroup controller
 * @space: whose
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_limits_init(struct zb_space *space)
{
#ifdef ZB_HAVE_DMEM
	u64 bytes = (u64)space->host->total_pages << PAGE_SHIFT;

	space->region = dmem_cgroup_register_region(bytes, "zbuddy");
	if (IS_ERR(space->region))
		return PTR_ERR(space->region);
#endif
	return 0;
}

/**
 * zb_limits_exit() - undo zb_limits_init()
 * @space: whose; nothing is charged any more
 *
 * Context: may sleep.
 */
void zb_limits_exit(struct zb_space *space)
{
#ifdef ZB_HAVE_DMEM
	dmem_cgroup_unregister_region(space->region);
#endif
}

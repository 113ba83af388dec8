// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of open files, mounts and users, and their limits.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cred.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "../core/layout.h"
#include "../instance/params.h"
#include "account.h"

/* Parameters whose value is a size; 0 means no limit */

static int set_size(const char *text, const struct kernel_param *kp)
{
	const char *end;
	u64 bytes;

	end = zb_parse_size(text, &bytes);
	if (!end || (*end && *end != '\n')) {
		pr_err("%s=%.*s: must be a size such as 64M, or 0 for no limit\n",
		       kp->name, (int)min_t(size_t, strcspn(text, "\n"), 40), text);
		return -EINVAL;
	}
	if (bytes && bytes < PAGE_SIZE) {
		pr_err("%s=%llu: nothing could be allocated, because this is less than a page: do you mean %lluM? 0 means no limit\n",
		       kp->name, bytes, bytes);
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
MODULE_PARM_DESC(max_bytes_per_open, "limit on the memory of one open file, such as 64M (default 0: no limit)");

static u64 max_bytes_per_user;
module_param_cb(max_bytes_per_user, &size_ops, &max_bytes_per_user, 0644);
__MODULE_PARM_TYPE(max_bytes_per_user, "size");
MODULE_PARM_DESC(max_bytes_per_user, "limit on the memory of one user, even root, including the user namespaces of that user, such as 64M (default 0: no limit)");

static unsigned int max_waiting_per_open = 256;
module_param_cb(max_waiting_per_open, &zb_uint_ops, &max_waiting_per_open, 0644);
__MODULE_PARM_TYPE(max_waiting_per_open, "uint");
MODULE_PARM_DESC(max_waiting_per_open, "limit on the waiting requests of one open file (default 256; 0: no limit)");

static unsigned int max_waiting_per_user = 1024;
module_param_cb(max_waiting_per_user, &zb_uint_ops, &max_waiting_per_user, 0644);
__MODULE_PARM_TYPE(max_waiting_per_user, "uint");
MODULE_PARM_DESC(max_waiting_per_user, "limit on the waiting requests of one user (default 1024; 0: no limit)");

static unsigned int max_discardable_per_user = 16384;
module_param_cb(max_discardable_per_user, &zb_uint_ops, &max_discardable_per_user, 0644);
__MODULE_PARM_TYPE(max_discardable_per_user, "uint");
MODULE_PARM_DESC(max_discardable_per_user, "limit on the buffers that one user has marked as not needed, including those whose memory was taken back (default 16384; 0: no limit)");

/**
 * zb_account_new() - allocate an account of an open file, a mount or a user
 *
 * Return: the account with one reference, or NULL.
 */
struct zb_account *zb_account_new(void)
{
	struct zb_account *account = kzalloc(sizeof(*account),
					     GFP_KERNEL_ACCOUNT);

	if (account)
		kref_init(&account->ref);
	return account;
}

static void free_account(struct kref *ref)
{
	kfree(container_of(ref, struct zb_account, ref));
}

/**
 * zb_account_put() - drop a reference
 * @account: the account of an open file or a mount, or NULL
 */
void zb_account_put(struct zb_account *account)
{
	if (account)
		kref_put(&account->ref, free_account);
}

/* Get the account of a user with a reference, or NULL if out of memory. */
static struct zb_account *get_user_account(struct zb_buffer_pool *bpool, kuid_t uid)
{
	struct zb_account *account, *new;

	xa_lock(&bpool->users);
	account = xa_load(&bpool->users, __kuid_val(uid));
	if (account)
		kref_get(&account->ref);
	xa_unlock(&bpool->users);
	if (account)
		return account;
	new = zb_account_new();
	if (!new)
		return NULL;
	xa_lock(&bpool->users);
	account = __xa_cmpxchg(&bpool->users, __kuid_val(uid), NULL, new,
			       GFP_KERNEL_ACCOUNT);
	if (account && !xa_is_err(account))
		kref_get(&account->ref);
	xa_unlock(&bpool->users);
	if (!account)
		return new;
	kfree(new);
	return xa_is_err(account) ? NULL : account;
}

/* Every charge holds a reference; the account is freed with the last one. */
static void put_user_account(struct zb_buffer_pool *bpool, kuid_t uid,
			     struct zb_account *account)
{
	xa_lock(&bpool->users);
	if (kref_read(&account->ref) == 1)
		__xa_erase(&bpool->users, __kuid_val(uid));
	kref_put(&account->ref, free_account);
	xa_unlock(&bpool->users);
}

static atomic64_t *sum_of(struct zb_account *account, enum zb_sum sum)
{
	switch (sum) {
	case ZB_SUM_BYTES:
		return &account->bytes;
	case ZB_SUM_WAITING:
		return &account->waiting;
	default:
		return &account->discardable;
	}
}

/**
 * zb_account_add() - add to a sum of an account
 * @account: the account
 * @which: the sum
 * @nr: what to add
 * @max: limit on the sum, or 0
 *
 * Context: any.
 * Return: false, with nothing added, if the result would exceed the limit.
 */
bool zb_account_add(struct zb_account *account, enum zb_sum which, u64 nr, u64 max)
{
	atomic64_t *sum = sum_of(account, which);
	s64 old = atomic64_read(sum);

	do {
		if (max && (nr > max || (u64)old > max - nr))
			return false;
	} while (!atomic64_try_cmpxchg(sum, &old, old + nr));
	return true;
}

static u64 max_per_user(enum zb_sum sum)
{
	switch (sum) {
	case ZB_SUM_BYTES:
		return READ_ONCE(max_bytes_per_user);
	case ZB_SUM_WAITING:
		return READ_ONCE(max_waiting_per_user);
	default:
		return READ_ONCE(max_discardable_per_user);
	}
}

/**
 * zb_max_per_open() - get the limit of one open file
 * @sum: ZB_SUM_BYTES or ZB_SUM_WAITING
 *
 * Context: any.
 * Return: the limit, or 0.
 */
u64 zb_max_per_open(enum zb_sum sum)
{
	return sum == ZB_SUM_BYTES ? READ_ONCE(max_bytes_per_open) :
				     READ_ONCE(max_waiting_per_open);
}

/**
 * zb_explain_limit() - explain a failure by a limit
 * @why: the explanation, which is not changed if it has a cause already, or NULL
 * @cause: ZB_CAUSE_*
 * @limit: the limit
 * @used: the usage that counts towards it
 *
 * Context: any.
 */
void zb_explain_limit(struct zb_ioc_explain *why, u32 cause, u64 limit, u64 used)
{
	if (!why || why->cause)
		return;
	why->cause = cause;
	why->limit = limit;
	why->used = used;
}

static int charge_user(struct zb_buffer_pool *bpool, kuid_t uid,
		       enum zb_sum sum, u64 nr, u64 *used, u64 *max)
{
	struct zb_account *account = get_user_account(bpool, uid);

	if (!account)
		return -ENOMEM;
	*max = max_per_user(sum);
	*used = atomic64_read(sum_of(account, sum));
	if (zb_account_add(account, sum, nr, *max))
		return 0;
	put_user_account(bpool, uid, account);
	return -EDQUOT;
}

static void uncharge_user(struct zb_buffer_pool *bpool, kuid_t uid,
			  enum zb_sum sum, u64 nr)
{
	struct zb_account *account = xa_load(&bpool->users, __kuid_val(uid));

	/* The account still exists, because the charge holds a reference. */
	atomic64_sub(nr, sum_of(account, sum));
	put_user_account(bpool, uid, account);
}

/*
 * The owner of a user namespace is charged for the memory of all users in it, because
 * creating a namespace gives the owner more user ids. Check whether the owner of @ns has
 * been charged already, as the user of @cred or as the owner of a namespace below @ns.
 */
static bool counted_before(const struct cred *cred,
			   const struct user_namespace *ns)
{
	const struct user_namespace *below;

	if (uid_eq(cred->uid, ns->owner))
		return true;
	for (below = cred->user_ns; below != ns; below = below->parent)
		if (uid_eq(below->owner, ns->owner))
			return true;
	return false;
}

/* Undo zb_charge_users(), except for the owners of @end and of the namespaces above it. */
static void uncharge_up_to(struct zb_buffer_pool *bpool,
			   const struct cred *cred, enum zb_sum sum,
			   u64 nr, const struct user_namespace *end)
{
	const struct user_namespace *ns;

	for (ns = cred->user_ns; ns != end; ns = ns->parent)
		if (!counted_before(cred, ns))
			uncharge_user(bpool, ns->owner, sum, nr);
	uncharge_user(bpool, cred->uid, sum, nr);
}

/* The usage of a namespace's owner is confidential, so it is reported as 0. */
static void explain_user(struct zb_ioc_explain *why, int err,
			 enum zb_sum sum, bool is_owner, u64 limit,
			 u64 used)
{
	static const u32 causes[][2] = {
		[ZB_SUM_BYTES] = { ZB_CAUSE_USER_BYTES, ZB_CAUSE_OWNER_BYTES },
		[ZB_SUM_WAITING] = { ZB_CAUSE_USER_WAITING, ZB_CAUSE_OWNER_WAITING },
		[ZB_SUM_DISCARDABLE] = {
			ZB_CAUSE_USER_DISCARDABLE, ZB_CAUSE_OWNER_DISCARDABLE,
		},
	};

	if (err == -ENOMEM)
		zb_explain(why, ZB_CAUSE_KERNEL);
	else
		zb_explain_limit(why, causes[sum][is_owner], limit,
				 is_owner ? 0 : used);
}

/**
 * zb_charge_users() - charge the real user, and the owners of the user's namespaces
 * @bpool: the buffer pool
 * @cred: credentials of the user
 * @sum: the sum to add to
 * @nr: what to add
 * @why: receives the limit if it is exceeded, or NULL
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT or -ENOMEM with nothing charged.
 */
int zb_charge_users(struct zb_buffer_pool *bpool, const struct cred *cred, enum zb_sum sum,
		    u64 nr, struct zb_ioc_explain *why)
{
	const struct user_namespace *ns;
	u64 used = 0, max = 0;
	int err = charge_user(bpool, cred->uid, sum, nr, &used, &max);

	if (err) {
		explain_user(why, err, sum, false, max, used);
		return err;
	}
	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent) {
		if (counted_before(cred, ns))
			continue;
		err = charge_user(bpool, ns->owner, sum, nr, &used, &max);
		if (err) {
			explain_user(why, err, sum, true, max, used);
			uncharge_up_to(bpool, cred, sum, nr, ns);
			return err;
		}
	}
	return 0;
}

/**
 * zb_uncharge_users() - undo zb_charge_users()
 * @bpool: the buffer pool
 * @cred: credentials of the user
 * @sum: the sum to subtract from
 * @nr: what to subtract
 *
 * Context: any but interrupts.
 */
void zb_uncharge_users(struct zb_buffer_pool *bpool, const struct cred *cred,
		       enum zb_sum sum, u64 nr)
{
	uncharge_up_to(bpool, cred, sum, nr, &init_user_ns);
}

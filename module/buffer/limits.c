// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits the memory of one open file and of one user, and charges buffers to the dmem
 * cgroup controller or to the user's RLIMIT_MEMLOCK.
 *
 * A buffer stays charged until its frames are freed: while it is mapped, exported or
 * pinned, it counts even without a handle. It keeps the credentials of the task that
 * allocated it, which determine the accounts to uncharge.
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
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "../core/layout.h"
#include "../instance/params.h"
#include "buffer.h"

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

/*
 * Buffers are charged to an accounting of the kernel, in addition to the limits of this
 * module. The administrator selects it by a module parameter, because a program could
 * otherwise choose the one with the highest limit.
 */

enum charge_kind { CHARGE_AUTO, CHARGE_DMEM, CHARGE_MEMLOCK, CHARGE_NONE };

static const char *const charge_names[] = {
	[CHARGE_AUTO] = "auto",
	[CHARGE_DMEM] = "dmem",
	[CHARGE_MEMLOCK] = "memlock",
	[CHARGE_NONE] = "none",
};

static unsigned int charge_param = CHARGE_AUTO;

/* The kinds that this kernel supports. */
static const unsigned long charge_kinds = BIT(CHARGE_AUTO) | BIT(CHARGE_NONE)
#ifdef ZB_HAVE_DMEM
	| BIT(CHARGE_DMEM)
#endif
#ifdef ZB_HAVE_USER_LOCKED_VM
	| BIT(CHARGE_MEMLOCK)
#endif
	;

static unsigned int charge_kind(void)
{
	unsigned int kind = READ_ONCE(charge_param);

	if (kind != CHARGE_AUTO)
		return kind;
	if (charge_kinds & BIT(CHARGE_DMEM))
		return CHARGE_DMEM;
	return charge_kinds & BIT(CHARGE_MEMLOCK) ? CHARGE_MEMLOCK : CHARGE_NONE;
}

static int set_charge(const char *text, const struct kernel_param *kp)
{
	int kind = sysfs_match_string(charge_names, text);

	if (kind < 0) {
		pr_err("charge=%.*s: must be auto, dmem, memlock or none\n",
		       (int)min_t(size_t, strcspn(text, "\n"), 40), text);
		return -EINVAL;
	}
	if (!(charge_kinds & BIT(kind))) {
		pr_err("charge=%s: this kernel does not offer this accounting to modules: use auto%s%s or none\n",
		       charge_names[kind],
		       charge_kinds & BIT(CHARGE_DMEM) ? ", dmem" : "",
		       charge_kinds & BIT(CHARGE_MEMLOCK) ? ", memlock" : "");
		return -EOPNOTSUPP;
	}
	WRITE_ONCE(charge_param, kind);
	return 0;
}

static int get_charge(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", charge_names[READ_ONCE(charge_param)]);
}

static const struct kernel_param_ops charge_ops = {
	.set = set_charge,
	.get = get_charge,
};

module_param_cb(charge, &charge_ops, NULL, 0644);
__MODULE_PARM_TYPE(charge, "charp");
MODULE_PARM_DESC(charge, "what buffers are charged to: auto, dmem (cgroup), memlock (RLIMIT_MEMLOCK) or none (default auto: dmem if the kernel supports it, else memlock)");

/* Accounts of open files and users */

/**
 * zb_account_new() - allocate an account of an open file or a user
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
 * @account: an open file's account, or NULL
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

/* Add @nr to a sum, unless the result would exceed @max (0 for no limit). */
static bool add_up(atomic64_t *sum, u64 nr, u64 max)
{
	s64 old = atomic64_read(sum);

	do {
		if (max && (nr > max || (u64)old > max - nr))
			return false;
	} while (!atomic64_try_cmpxchg(sum, &old, old + nr));
	return true;
}

/* The two sums of an account. */
enum account_sum { SUM_BYTES, SUM_WAITING };

static atomic64_t *sum_of(struct zb_account *account, enum account_sum sum)
{
	return sum == SUM_BYTES ? &account->bytes : &account->waiting;
}

static u64 max_per_user(enum account_sum sum)
{
	return sum == SUM_BYTES ? READ_ONCE(max_bytes_per_user) :
				  READ_ONCE(max_waiting_per_user);
}

/* Set the cause of a failure, the limit, and the usage that counts towards it. */
static void explain_limit(struct zb_ioc_explain *why, u32 cause, u64 limit,
			  u64 used)
{
	if (!why || why->cause)
		return;
	why->cause = cause;
	why->limit = limit;
	why->used = used;
}

static int charge_user(struct zb_buffer_pool *bpool, kuid_t uid,
		       enum account_sum sum, u64 nr, u64 *used, u64 *max)
{
	struct zb_account *account = get_user_account(bpool, uid);

	if (!account)
		return -ENOMEM;
	*max = max_per_user(sum);
	*used = atomic64_read(sum_of(account, sum));
	if (add_up(sum_of(account, sum), nr, *max))
		return 0;
	put_user_account(bpool, uid, account);
	return -EDQUOT;
}

static void uncharge_user(struct zb_buffer_pool *bpool, kuid_t uid,
			  enum account_sum sum, u64 nr)
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

/* Undo charge_users(), except for the owners of @end and of the namespaces above it. */
static void uncharge_users(struct zb_buffer_pool *bpool,
			   const struct cred *cred, enum account_sum sum,
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
			 enum account_sum sum, bool is_owner, u64 limit,
			 u64 used)
{
	static const u32 causes[][2] = {
		[SUM_BYTES] = { ZB_CAUSE_USER_BYTES, ZB_CAUSE_OWNER_BYTES },
		[SUM_WAITING] = { ZB_CAUSE_USER_WAITING, ZB_CAUSE_OWNER_WAITING },
	};

	if (err == -ENOMEM)
		zb_explain(why, ZB_CAUSE_KERNEL);
	else
		explain_limit(why, causes[sum][is_owner], limit,
			      is_owner ? 0 : used);
}

/* Charge the real user and the owner of each user namespace that the user is in. */
static int charge_users(struct zb_buffer_pool *bpool, const struct cred *cred,
			enum account_sum sum, u64 nr,
			struct zb_ioc_explain *why)
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
			uncharge_users(bpool, cred, sum, nr, ns);
			return err;
		}
	}
	return 0;
}

#ifdef ZB_HAVE_DMEM
static int charge_dmem(struct zb_buffer_pool *bpool, struct zb_charge *charge)
{
	if (!bpool->region)
		return 0;
	return dmem_cgroup_try_charge(bpool->region, charge->bytes,
				      &charge->pool, NULL);
}

static void uncharge_dmem(struct zb_charge *charge)
{
	if (charge->pool)
		dmem_cgroup_uncharge(charge->pool, charge->bytes);
}
#else
static int charge_dmem(struct zb_buffer_pool *bpool, struct zb_charge *charge)
{
	return 0;
}

static void uncharge_dmem(struct zb_charge *charge)
{
}
#endif

#ifdef ZB_HAVE_USER_LOCKED_VM
static int charge_memlock(struct zb_charge *charge, struct zb_ioc_explain *why)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long nr = charge->bytes >> PAGE_SHIFT;
	atomic_long_t *locked = &charge->cred->user->locked_vm;
	u64 used = atomic_long_add_return(nr, locked);

	if (used > limit && rlimit(RLIMIT_MEMLOCK) != RLIM_INFINITY &&
	    !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(nr, locked);
		explain_limit(why, ZB_CAUSE_MEMLOCK, (u64)limit << PAGE_SHIFT,
			      (used - nr) << PAGE_SHIFT);
		return -EAGAIN;
	}
	charge->memlock = true;
	return 0;
}

static void uncharge_memlock(struct zb_charge *charge)
{
	if (charge->memlock)
		atomic_long_sub(charge->bytes >> PAGE_SHIFT,
				&charge->cred->user->locked_vm);
}
#else
static int charge_memlock(struct zb_charge *charge, struct zb_ioc_explain *why)
{
	return 0;
}

static void uncharge_memlock(struct zb_charge *charge)
{
}
#endif

static int charge_kernel(struct zb_buffer_pool *bpool, struct zb_charge *charge,
			 struct zb_ioc_explain *why)
{
	int err;

	switch (charge_kind()) {
	case CHARGE_DMEM:
		err = charge_dmem(bpool, charge);
		if (err)
			zb_explain(why, err == -EAGAIN ? ZB_CAUSE_DMEM :
							 ZB_CAUSE_KERNEL);
		return err;
	case CHARGE_MEMLOCK:
		return charge_memlock(charge, why);
	default:
		return 0;
	}
}

/**
 * zb_charge_features() - tell which accounting of the kernel buffers are charged to
 *
 * Context: any.
 * Return: ZB_FEATURE_* bits.
 */
u64 zb_charge_features(void)
{
	switch (charge_kind()) {
	case CHARGE_DMEM:
		return ZB_FEATURE_DMEM;
	case CHARGE_MEMLOCK:
		return ZB_FEATURE_MEMLOCK;
	default:
		return 0;
	}
}

/**
 * zb_charge() - charge a new buffer to the current task
 * @bpool: the buffer pool
 * @charge: filled in; on success, the caller passes it to zb_uncharge() later
 * @file: account of the open file or the mount, or NULL
 * @bytes: size of the buffer
 * @why: receives the limit if it is exceeded, or NULL
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT, -EAGAIN or -ENOMEM with nothing charged.
 */
int zb_charge(struct zb_buffer_pool *bpool, struct zb_charge *charge,
	      struct zb_account *file, u64 bytes, struct zb_ioc_explain *why)
{
	u64 max = READ_ONCE(max_bytes_per_open);
	int err;

	if (file && READ_ONCE(file->max))
		max = READ_ONCE(file->max);
	*charge = (struct zb_charge){
		.bytes = bytes,
		/* Concurrent callers store the same value in cred->non_rcu. */
		.cred = data_race(get_current_cred()),
	};
	err = charge_users(bpool, charge->cred, SUM_BYTES, bytes, why);
	if (err)
		goto put_cred;
	if (file && !add_up(&file->bytes, bytes, max)) {
		explain_limit(why, ZB_CAUSE_OPEN_BYTES, max,
			      atomic64_read(&file->bytes));
		err = -EDQUOT;
		goto uncharge_users;
	}
	err = charge_kernel(bpool, charge, why);
	if (err)
		goto sub_file;
	if (file) {
		kref_get(&file->ref);
		charge->file = file;
	}
	return 0;

sub_file:
	if (file)
		atomic64_sub(bytes, &file->bytes);
uncharge_users:
	uncharge_users(bpool, charge->cred, SUM_BYTES, bytes, &init_user_ns);
put_cred:
	put_cred(charge->cred);
	return err;
}

/**
 * zb_uncharge() - undo zb_charge()
 * @bpool: the buffer pool
 * @charge: as zb_charge() filled it in
 *
 * Context: may sleep.
 */
void zb_uncharge(struct zb_buffer_pool *bpool, struct zb_charge *charge)
{
	uncharge_dmem(charge);
	uncharge_memlock(charge);
	if (charge->file) {
		atomic64_sub(charge->bytes, &charge->file->bytes);
		zb_account_put(charge->file);
	}
	uncharge_users(bpool, charge->cred, SUM_BYTES, charge->bytes,
		       &init_user_ns);
	put_cred(charge->cred);
}

/**
 * zb_charge_waiter() - count a request that waits
 * @bpool: the buffer pool
 * @charge: charge of the requested buffer; the same accounts count the request
 * @why: receives the limit if it is exceeded, or NULL
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT or -ENOMEM with nothing counted.
 */
int zb_charge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge,
		     struct zb_ioc_explain *why)
{
	u64 max = READ_ONCE(max_waiting_per_open);
	int err = charge_users(bpool, charge->cred, SUM_WAITING, 1, why);

	if (err || !charge->file || add_up(&charge->file->waiting, 1, max))
		return err;
	explain_limit(why, ZB_CAUSE_OPEN_WAITING, max,
		      atomic64_read(&charge->file->waiting));
	uncharge_users(bpool, charge->cred, SUM_WAITING, 1, &init_user_ns);
	return -EDQUOT;
}

/**
 * zb_uncharge_waiter() - undo zb_charge_waiter()
 * @bpool: the buffer pool
 * @charge: the charge that was passed to zb_charge_waiter()
 *
 * Context: may sleep.
 */
void zb_uncharge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge)
{
	if (charge->file)
		atomic64_dec(&charge->file->waiting);
	uncharge_users(bpool, charge->cred, SUM_WAITING, 1, &init_user_ns);
}

/**
 * zb_limits_init() - register the memory with the dmem cgroup controller
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_limits_init(struct zb_buffer_pool *bpool)
{
#ifdef ZB_HAVE_DMEM
	u64 bytes = (u64)bpool->inst->total_pages << PAGE_SHIFT;

	bpool->region = dmem_cgroup_register_region(bytes, "zbuddy");
	if (IS_ERR(bpool->region))
		return PTR_ERR(bpool->region);
#endif
	return 0;
}

/**
 * zb_limits_exit() - undo zb_limits_init()
 * @bpool: the buffer pool, without charges
 *
 * Context: may sleep.
 */
void zb_limits_exit(struct zb_buffer_pool *bpool)
{
#ifdef ZB_HAVE_DMEM
	dmem_cgroup_unregister_region(bpool->region);
#endif
}

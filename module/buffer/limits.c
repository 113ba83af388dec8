// SPDX-License-Identifier: GPL-2.0-only
/*
 * Charges buffers to the accounts of the open file and of the user (account.c), and to the
 * dmem cgroup controller or the user's RLIMIT_MEMLOCK.
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
#include <linux/string.h>

#include "../compat.h"
#include "account.h"

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
		zb_explain_limit(why, ZB_CAUSE_MEMLOCK, (u64)limit << PAGE_SHIFT,
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
	u64 max = zb_max_per_open(ZB_SUM_BYTES);
	int err;

	if (file && READ_ONCE(file->max))
		max = READ_ONCE(file->max);
	*charge = (struct zb_charge){
		.bytes = bytes,
		/* Concurrent callers store the same value in cred->non_rcu. */
		.cred = data_race(get_current_cred()),
	};
	err = zb_charge_users(bpool, charge->cred, ZB_SUM_BYTES, bytes, why);
	if (err)
		goto put_cred;
	if (file && !zb_account_add(file, ZB_SUM_BYTES, bytes, max)) {
		zb_explain_limit(why, ZB_CAUSE_OPEN_BYTES, max,
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
	zb_uncharge_users(bpool, charge->cred, ZB_SUM_BYTES, bytes);
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
	zb_uncharge_users(bpool, charge->cred, ZB_SUM_BYTES, charge->bytes);
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
	u64 max = zb_max_per_open(ZB_SUM_WAITING);
	int err = zb_charge_users(bpool, charge->cred, ZB_SUM_WAITING, 1, why);

	if (err || !charge->file || zb_account_add(charge->file, ZB_SUM_WAITING, 1, max))
		return err;
	zb_explain_limit(why, ZB_CAUSE_OPEN_WAITING, max,
			 atomic64_read(&charge->file->waiting));
	zb_uncharge_users(bpool, charge->cred, ZB_SUM_WAITING, 1);
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
	zb_uncharge_users(bpool, charge->cred, ZB_SUM_WAITING, 1);
}

/**
 * zb_charge_mark() - count a buffer that is marked as not needed
 * @bpool: the buffer pool
 * @cred: set to credentials of the current task, for zb_uncharge_mark()
 * @why: receives the limit if it is exceeded
 *
 * A buffer whose memory has been taken back is charged to nobody, but still costs memory of
 * the kernel. Therefore the number of such buffers is limited.
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT or -ENOMEM with nothing counted.
 */
int zb_charge_mark(struct zb_buffer_pool *bpool, const struct cred **cred,
		   struct zb_ioc_explain *why)
{
	int err;

	/* As in zb_charge(). */
	*cred = data_race(get_current_cred());
	err = zb_charge_users(bpool, *cred, ZB_SUM_DISCARDABLE, 1, why);
	if (err) {
		put_cred(*cred);
		*cred = NULL;
	}
	return err;
}

/**
 * zb_uncharge_mark() - undo zb_charge_mark()
 * @bpool: the buffer pool
 * @cred: what zb_charge_mark() set, or NULL
 *
 * Context: any but interrupts.
 */
void zb_uncharge_mark(struct zb_buffer_pool *bpool, const struct cred *cred)
{
	if (!cred)
		return;
	zb_uncharge_users(bpool, cred, ZB_SUM_DISCARDABLE, 1);
	put_cred(cred);
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

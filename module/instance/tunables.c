// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tunables: module parameters that may be changed at any time, under
 * /sys/module/zbuddy/parameters, with the names they have in /proc/sys/vm.
 *
 * A value given at load is kept here until there is an allocator.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "instance.h"
#include "tunables.h"

static struct zb_tunables tunables = ZB_TUNABLES_DEFAULT;
static struct zb_instance *attached;
static DEFINE_MUTEX(lock);

static void __apply(void)
{
	lockdep_assert_held(&lock);
	if (!attached)
		return;
	attached->pool.tunables = tunables;
	zb_pool_tune(&attached->pool, zb_instance_nr_cpus(attached));
	/* Watermarks may be lower now. */
	zb_instance_wake_waiters(attached);
}

/**
 * struct limits - a tunable that is one number
 * @value: where it is
 * @min: at least
 * @max: at most
 * @or_0: 0 is allowed as well
 * @is_long: @value is an unsigned long, else an unsigned int
 */
struct limits {
	void *value;
	unsigned long min, max;
	bool or_0;
	bool is_long;
};

/* What is written to a file in sysfs ends with a newline. */
static int line_len(const char *text)
{
	return min_t(size_t, strcspn(text, "\n"), 40);
}

static unsigned long get_value(const struct limits *l)
{
	return l->is_long ? *(unsigned long *)l->value :
			    *(unsigned int *)l->value;
}

static int set_number(const char *text, const struct kernel_param *kp)
{
	const struct limits *l = kp->arg;
	unsigned long n;

	if (kstrtoul(text, 0, &n) || n > l->max ||
	    (n < l->min && !(l->or_0 && !n))) {
		pr_err("%s=%.*s: give %sa number from %lu to %lu\n", kp->name,
		       line_len(text), text, l->or_0 ? "0 or " : "", l->min,
		       l->max);
		return -EINVAL;
	}
	mutex_lock(&lock);
	if (l->is_long)
		*(unsigned long *)l->value = n;
	else
		*(unsigned int *)l->value = n;
	__apply();
	mutex_unlock(&lock);
	return 0;
}

static int get_number(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", get_value(kp->arg));
}

static const struct kernel_param_ops number_ops = {
	.set = set_number,
	.get = get_number,
};

static struct limits min_free_limits = {
	.value = &tunables.min_free_kbytes, .max = UINT_MAX, .is_long = true,
};
module_param_cb(min_free_kbytes, &number_ops, &min_free_limits, 0644);
__MODULE_PARM_TYPE(min_free_kbytes, "ulong");
MODULE_PARM_DESC(min_free_kbytes, "KiB kept for urgent requests, shared out over the zones; 0 for none (default: from the size)");

static struct limits scale_factor_limits = {
	.value = &tunables.watermark_scale_factor, .min = 1, .max = 3000,
};
module_param_cb(watermark_scale_factor, &number_ops, &scale_factor_limits, 0644);
__MODULE_PARM_TYPE(watermark_scale_factor, "uint");
MODULE_PARM_DESC(watermark_scale_factor, "distance between watermarks, in 1/10000 of the zone (default 10)");

static struct limits dirty_limits = {
	.value = &tunables.dirty_ratio, .max = 100,
};
module_param_cb(dirty_ratio, &number_ops, &dirty_limits, 0644);
__MODULE_PARM_TYPE(dirty_ratio, "uint");
MODULE_PARM_DESC(dirty_ratio, "percent of a node that may be WRITE memory before others are preferred (default 20)");

static struct limits high_fraction_limits = {
	.value = &tunables.pcp_high_fraction, .min = 8, .max = 1000000,
	.or_0 = true,
};
module_param_cb(percpu_pagelist_high_fraction, &number_ops,
		&high_fraction_limits, 0644);
__MODULE_PARM_TYPE(percpu_pagelist_high_fraction, "uint");
MODULE_PARM_DESC(percpu_pagelist_high_fraction, "per-CPU lists hold 1/this of a zone in all, 8 or more (default 0: as much as its low watermark)");

/* "256,256,32,0,0", or with blanks between as /proc/sys/vm has it. */
static int set_ratios(const char *text, const struct kernel_param *kp)
{
	unsigned int ratio[ZB_NR_ZONES], i;
	const char *at = text;
	int n, used;

	for (i = 0; i < ZB_NR_ZONES; i++, at += used) {
		if (sscanf(at, " %d%n", &n, &used) != 1 || n < 0)
			break;
		ratio[i] = n;
		used += i < ZB_NR_ZONES - 1 && at[used] == ',';
	}
	if (i < ZB_NR_ZONES || (*at && *at != '\n')) {
		pr_err("lowmem_reserve_ratio=%.*s: give %d numbers, for DMA,DMA32,Normal,HighMem,Movable; 0 for no reserve\n",
		       line_len(text), text, ZB_NR_ZONES);
		return -EINVAL;
	}
	mutex_lock(&lock);
	memcpy(tunables.lowmem_reserve_ratio, ratio, sizeof(ratio));
	__apply();
	mutex_unlock(&lock);
	return 0;
}

static int get_ratios(char *buf, const struct kernel_param *kp)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < ZB_NR_ZONES; i++)
		len += sysfs_emit_at(buf, len, "%u%c",
				     tunables.lowmem_reserve_ratio[i],
				     i < ZB_NR_ZONES - 1 ? ',' : '\n');
	return len;
}

static const struct kernel_param_ops ratios_ops = {
	.set = set_ratios,
	.get = get_ratios,
};
module_param_cb(lowmem_reserve_ratio, &ratios_ops, NULL, 0644);
__MODULE_PARM_TYPE(lowmem_reserve_ratio, "array of uint");
MODULE_PARM_DESC(lowmem_reserve_ratio, "zones keep 1/this of the zones above them for those who can't use these (default 256,256,32,0,0)");

/**
 * zb_tunables_apply() - work out again what depends on the number of CPUs
 *
 * Context: may sleep.
 */
void zb_tunables_apply(void)
{
	mutex_lock(&lock);
	__apply();
	mutex_unlock(&lock);
}

/**
 * zb_tunables_attach() - from now on changes count for this allocator
 * @inst: the allocator
 *
 * Context: may sleep.
 */
void zb_tunables_attach(struct zb_instance *inst)
{
	const struct zb_pool *pool = &inst->pool;

	mutex_lock(&lock);
	attached = inst;
	if (tunables.min_free_kbytes == ZB_MIN_FREE_AUTO)
		tunables.min_free_kbytes =
			zb_default_min_free_kbytes(pool->zones, pool->nr_zones,
						   pool->page_shift);
	__apply();
	mutex_unlock(&lock);
}

/**
 * zb_tunables_detach() - changes count for nobody
 *
 * Context: may sleep.
 */
void zb_tunables_detach(void)
{
	mutex_lock(&lock);
	attached = NULL;
	mutex_unlock(&lock);
}

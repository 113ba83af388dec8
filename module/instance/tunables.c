// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tunables: module parameters that can be changed at any time, in
 * /sys/module/zbuddy/parameters. They have the names of the corresponding files in
 * /proc/sys/vm.
 *
 * The values that are given at load are stored here before the allocator exists.
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

static struct zb_tunables current_tunables = ZB_TUNABLES_DEFAULT;
static bool attached;			/* the tunables apply to zb_instance */
static DEFINE_MUTEX(tunables_lock);	/* protects these two */

static void __apply_tunables(void)
{
	lockdep_assert_held(&tunables_lock);
	if (!attached)
		return;
	zb_instance->pool.tunables = current_tunables;
	zb_pool_tune(&zb_instance->pool, 1);
	/* A lower watermark may let waiting requests succeed. */
	zb_instance_wake_waiters(zb_instance);
}

/**
 * struct number_limits - a tunable with a single number
 * @value: its variable
 * @min: smallest valid value
 * @max: largest valid value
 * @pool_max: returns the largest valid value for a pool, or NULL if that is @max
 * @or_0: 0 is valid as well
 * @is_long: @value is an unsigned long, else an unsigned int
 */
struct number_limits {
	void *value;
	unsigned long min, max;
	unsigned long (*pool_max)(const struct zb_pool *pool);
	bool or_0;
	bool is_long;
};

/* Length of the text to log: without the newline that sysfs input ends with. */
static int line_len(const char *text)
{
	return min_t(size_t, strcspn(text, "\n"), 40);
}

/* Before there is a pool, only @max is checked: see check_given_at_load(). */
static unsigned long max_value(const struct number_limits *l)
{
	lockdep_assert_held(&tunables_lock);
	return attached && l->pool_max ?
	       l->pool_max(&zb_instance->pool) : l->max;
}

static int __set_number(const char *text, const struct kernel_param *kp)
{
	const struct number_limits *l = kp->arg;
	unsigned long n, max = max_value(l);

	if (kstrtoul(text, 0, &n) || n > max ||
	    (n < l->min && !(l->or_0 && !n))) {
		pr_err("%s=%.*s: must be %sa number from %lu to %lu\n", kp->name,
		       line_len(text), text, l->or_0 ? "0 or " : "", l->min,
		       max);
		return -EINVAL;
	}
	if (l->is_long)
		*(unsigned long *)l->value = n;
	else
		*(unsigned int *)l->value = n;
	__apply_tunables();
	return 0;
}

static int set_number(const char *text, const struct kernel_param *kp)
{
	int err;

	mutex_lock(&tunables_lock);
	err = __set_number(text, kp);
	mutex_unlock(&tunables_lock);
	return err;
}

static int get_number(char *buf, const struct kernel_param *kp)
{
	const struct number_limits *l = kp->arg;

	return sysfs_emit(buf, "%lu\n", l->is_long ? *(unsigned long *)l->value :
						     *(unsigned int *)l->value);
}

static const struct kernel_param_ops number_ops = {
	.set = set_number,
	.get = get_number,
};

static unsigned long max_min_free(const struct zb_pool *pool)
{
	return zb_max_min_free_kbytes(pool->zones, pool->nr_zones,
				      pool->page_shift);
}

static struct number_limits min_free_limits = {
	.value = &current_tunables.min_free_kbytes, .max = UINT_MAX,
	.pool_max = max_min_free, .is_long = true,
};
module_param_cb(min_free_kbytes, &number_ops, &min_free_limits, 0644);
__MODULE_PARM_TYPE(min_free_kbytes, "ulong");
MODULE_PARM_DESC(min_free_kbytes, "KiB reserved for urgent requests, distributed over DMA, DMA32 and Normal, at most a quarter of each zone; 0 for none (default: computed from the size)");

static struct number_limits scale_factor_limits = {
	.value = &current_tunables.watermark_scale_factor, .min = 1, .max = 3000,
};
module_param_cb(watermark_scale_factor, &number_ops, &scale_factor_limits, 0644);
__MODULE_PARM_TYPE(watermark_scale_factor, "uint");
MODULE_PARM_DESC(watermark_scale_factor, "distance between watermarks, in 1/10000 of the zone, 1 to 3000, but at least a quarter of min (default 10)");

static struct number_limits boost_factor_limits = {
	.value = &current_tunables.watermark_boost_factor, .max = INT_MAX,
};
module_param_cb(watermark_boost_factor, &number_ops, &boost_factor_limits, 0644);
__MODULE_PARM_TYPE(watermark_boost_factor, "uint");
MODULE_PARM_DESC(watermark_boost_factor, "when mobilities were mixed in a pageblock, kswapd frees a pageblock more, up to this part of the high watermark in 1/10000; 0 for none (default 15000)");

static struct number_limits dirty_limits = {
	.value = &current_tunables.dirty_ratio, .max = 100,
};
module_param_cb(dirty_ratio, &number_ops, &dirty_limits, 0644);
__MODULE_PARM_TYPE(dirty_ratio, "uint");
MODULE_PARM_DESC(dirty_ratio, "percent of a node, 0 to 100, that may be dirty before WRITE requests prefer other nodes (default 20)");

static struct number_limits high_fraction_limits = {
	.value = &current_tunables.pcp_high_fraction, .min = 8, .max = 1000000,
	.or_0 = true,
};
module_param_cb(percpu_pagelist_high_fraction, &number_ops,
		&high_fraction_limits, 0644);
__MODULE_PARM_TYPE(percpu_pagelist_high_fraction, "uint");
MODULE_PARM_DESC(percpu_pagelist_high_fraction, "the per-CPU lists of a zone together may have 1/N of its pages, N from 8 to 1000000 (default 0: as many as its low watermark, at most 256 on each CPU)");

/* Parse a number up to INT_MAX; returns the text behind it, or NULL. */
static const char *parse_ratio(const char *text, unsigned int *ratio)
{
	char digits[12];
	size_t len;

	text = skip_spaces(text);
	len = strspn(text, "0123456789");
	if (!len || len >= sizeof(digits))
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (kstrtouint(digits, 10, ratio) || *ratio > INT_MAX)
		return NULL;
	return text + len;
}

/* Parse "256,256,32,0,0", or the format of /proc/sys/vm with blanks in between. */
static int set_ratios(const char *text, const struct kernel_param *kp)
{
	unsigned int ratio[ZB_NR_ZONES], i;
	const char *at = text;

	for (i = 0; i < ZB_NR_ZONES; i++) {
		at = parse_ratio(at, &ratio[i]);
		if (!at)
			break;
		at += i < ZB_NR_ZONES - 1 && *at == ',';
	}
	if (!at || (*at && *at != '\n')) {
		pr_err("lowmem_reserve_ratio=%.*s: must be %d numbers for DMA,DMA32,Normal,HighMem,Movable; 0 means no reserve\n",
		       line_len(text), text, ZB_NR_ZONES);
		return -EINVAL;
	}
	mutex_lock(&tunables_lock);
	memcpy(current_tunables.lowmem_reserve_ratio, ratio, sizeof(ratio));
	__apply_tunables();
	mutex_unlock(&tunables_lock);
	return 0;
}

static int get_ratios(char *buf, const struct kernel_param *kp)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < ZB_NR_ZONES; i++)
		len += sysfs_emit_at(buf, len, "%u%c",
				     current_tunables.lowmem_reserve_ratio[i],
				     i < ZB_NR_ZONES - 1 ? ',' : '\n');
	return len;
}

static const struct kernel_param_ops ratios_ops = {
	.set = set_ratios,
	.get = get_ratios,
};
module_param_cb(lowmem_reserve_ratio, &ratios_ops, NULL, 0644);
__MODULE_PARM_TYPE(lowmem_reserve_ratio, "array of uint");
MODULE_PARM_DESC(lowmem_reserve_ratio, "for DMA,DMA32,Normal,HighMem,Movable: the zone reserves 1/N of the higher zones' size for requests that cannot use those zones; 0 for no reserve (default 256,256,32,0,0)");

/**
 * zb_tunables_apply() - recompute watermarks and limits of lists after the size has changed
 *
 * Context: may sleep.
 */
void zb_tunables_apply(void)
{
	mutex_lock(&tunables_lock);
	__apply_tunables();
	mutex_unlock(&tunables_lock);
}

/* A value given at load was accepted before the size of the pool was known. */
static int check_given_at_load(const struct zb_pool *pool)
{
	unsigned long max = max_min_free(pool);

	if (current_tunables.min_free_kbytes == ZB_MIN_FREE_AUTO)
		current_tunables.min_free_kbytes =
			zb_default_min_free_kbytes(pool->zones, pool->nr_zones,
						   pool->page_shift);
	if (current_tunables.min_free_kbytes <= max)
		return 0;
	pr_err("min_free_kbytes=%lu: must be a number from 0 to %lu; a larger size= allows more\n",
	       current_tunables.min_free_kbytes, max);
	return -EINVAL;
}

/**
 * zb_tunables_attach() - apply the tunables and their later changes to zb_instance
 *
 * Context: may sleep.
 * Return: 0, or -EINVAL after a log message if a value that was given at load
 * is not valid for this instance.
 */
int zb_tunables_attach(void)
{
	int err;

	mutex_lock(&tunables_lock);
	err = check_given_at_load(&zb_instance->pool);
	if (!err) {
		attached = true;
		__apply_tunables();
	}
	mutex_unlock(&tunables_lock);
	return err;
}

/**
 * zb_tunables_detach() - stop applying changes to zb_instance
 *
 * Context: may sleep.
 */
void zb_tunables_detach(void)
{
	mutex_lock(&tunables_lock);
	attached = false;
	mutex_unlock(&tunables_lock);
}

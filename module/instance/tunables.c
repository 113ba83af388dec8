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

#include "host.h"
#include "tunables.h"

static struct zb_tunables tunables = ZB_TUNABLES_DEFAULT;
static struct zb_host *attached;
static DEFINE_MUTEX(lock);

static void __apply(void)
{
	lockdep_assert_held(&lock);
	if (!attached)
		return;
	attached->pool.tunables = tunables;
	zb_pool_tune(&attached->pool, zb_host_nr_cpus(attached));
	/* Watermarks may be lower now. */
	zb_host_freed(attached);
}

/**
 * struct limits - a tunable that is one number
 * @value: where it is
 * @min: at least
 * @max: at most
 * @pool_max: at most in this pool, where that depends on it
 * @or_0: 0 is allowed as well
 * @is_long: @value is an unsigned long, else an unsigned int
 */
struct limits {
	void *value;
	unsigned long min, max;
	unsigned long (*pool_max)(const struct zb_pool *pool);
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

/* What depends on the pool is checked when there is one: see check_at_load(). */
static unsigned long max_value(const struct limits *l)
{
	lockdep_assert_held(&lock);
	return attached && l->pool_max ? l->pool_max(&attached->pool) : l->max;
}

static int __set_number(const char *text, const struct kernel_param *kp)
{
	const struct limits *l = kp->arg;
	unsigned long n, max = max_value(l);

	if (kstrtoul(text, 0, &n) || n > max ||
	    (n < l->min && !(l->or_0 && !n))) {
		pr_err("%s=%.*s: give %sa number from %lu to %lu\n", kp->name,
		       line_len(text), text, l->or_0 ? "0 or " : "", l->min,
		       max);
		return -EINVAL;
	}
	if (l->is_long)
		*(unsigned long *)l->value = n;
	else
		*(unsigned int *)l->value = n;
	__apply();
	return 0;
}

static int set_number(const char *text, const struct kernel_param *kp)
{
	int err;

	mutex_lock(&lock);
	err = __set_number(text, kp);
	mutex_unlock(&lock);
	return err;
}

static int get_number(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", get_value(kp->arg));
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

static struct limits min_free_limits = {
	.value = &tunables.min_free_kbytes, .max = UINT_MAX,
	.pool_max = max_min_free, .is_long = true,
};
module_param_cb(min_free_kbytes, &number_ops, &min_free_limits, 0644);
__MODULE_PARM_TYPE(min_free_kbytes, "ulong");
MODULE_PARM_DESC(min_free_kbytes, "KiB kept for urgent requests, shared out over the zones, up to a quarter of them; 0 for none (default: from the size)");

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

/* A number up to INT_MAX; returns what is behind it, or NULL. */
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

/* "256,256,32,0,0", or with blanks between as /proc/sys/vm has it. */
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

/* What was given at load may make no sense for the pool that was built since. */
static int check_at_load(const struct zb_pool *pool)
{
	unsigned long max = max_min_free(pool);

	if (tunables.min_free_kbytes == ZB_MIN_FREE_AUTO)
		tunables.min_free_kbytes =
			zb_default_min_free_kbytes(pool->zones, pool->nr_zones,
						   pool->page_shift);
	if (tunables.min_free_kbytes <= max)
		return 0;
	pr_err("min_free_kbytes=%lu: give a number from 0 to %lu, or a larger size=\n",
	       tunables.min_free_kbytes, max);
	return -EINVAL;
}

/**
 * zb_tunables_attach() - from now on changes count for this allocator
 * @host: the allocator
 *
 * Context: may sleep.
 * Return: 0, or -EINVAL with a line in the log when a value that was given at
 * load makes no sense for this allocator.
 */
int zb_tunables_attach(struct zb_host *host)
{
	int err;

	mutex_lock(&lock);
	err = check_at_load(&host->pool);
	if (!err) {
		attached = host;
		__apply();
	}
	mutex_unlock(&lock);
	return err;
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

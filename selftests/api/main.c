// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests run when the module is loaded. Results are KTAP lines in the kernel log:
 *
 *	zb_api_test: 1..N
 *	zb_api_test: ok 1 - alloc_pages
 *	zb_api_test: not ok 2 - bulk_array
 *	zb_api_test: ok 3 - all_cpus # SKIP one CPU
 *	zb_api_test: done: bad frees outside 3 not_allocated 9 ...
 *
 * The parameter `failed` is the number of tests that have failed. Loading does not fail because
 * of them: insmod of busybox would try again, and so run all tests twice.
 */
#include "zb_api_test.h"

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "run only the test of this name (default: all)");

static unsigned int one_in = 1;
module_param(one_in, uint, 0444);
MODULE_PARM_DESC(one_in, "run every n-th test only (default 1)");

static unsigned int from;
module_param(from, uint, 0444);
MODULE_PARM_DESC(from, "number of the first test to run, less than one_in (default 0)");

static unsigned int failed;
module_param(failed, uint, 0444);
MODULE_PARM_DESC(failed, "number of tests that have failed; not to be set");

bool zbt_cma;
module_param_named(cma, zbt_cma, bool, 0444);
MODULE_PARM_DESC(cma, "must be Y if zbuddy was loaded with cma_pages=");

bool zbt_poison;
module_param_named(poison, zbt_poison, bool, 0444);
MODULE_PARM_DESC(poison, "must be Y if zbuddy was loaded with poison=1");

bool zbt_spoil;
module_param_named(spoil, zbt_spoil, bool, 0444);
MODULE_PARM_DESC(spoil, "also write to a free page, which stays out of use until zbuddy is loaded again");

unsigned long zbt_lost;

static unsigned int threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "number of threads that allocate and free until unload, instead of tests (see soak.c)");

static unsigned long seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seed of the random numbers of these threads");

static const struct zbt_test *const suites[] = {
	zbt_block_tests, zbt_flag_tests, zbt_bad_free_tests, zbt_pageblock_tests,
	zbt_frame_tests, zbt_context_tests, zbt_shrinker_tests,
	zbt_movable_tests, zbt_owner_tests,
};

/* Pages that another CPU moves between a list and the zone are not counted for a moment. */
static bool free_pages_are(unsigned long expected)
{
	unsigned int tries;

	for (tries = 0; tries < 50; tries++) {
		if (zb_nr_free_pages() == expected)
			return true;
		msleep(20);
	}
	return false;
}

static bool run_one(const struct zbt_test *test, unsigned int nr)
{
	unsigned long before = zb_nr_free_pages();
	const char *skipped;
	bool ok;

	zbt_begin();
	zbt_lost = 0;
	test->run();
	ZBT_WANT(free_pages_are(before - zbt_lost));
	ok = zbt_end(&skipped);
	if (ok && skipped)
		pr_info("ok %u - %s # SKIP %s\n", nr, test->name, skipped);
	else
		pr_info("%s %u - %s\n", ok ? "ok" : "not ok", nr, test->name);
	cond_resched();
	return ok;
}

/* @at is the number of the test. */
static bool chosen(const struct zbt_test *test, unsigned int at)
{
	return at % one_in == from && (!*only || !strcmp(only, test->name));
}

static int __init start_soak(void)
{
	int err = zbt_importer_init();

	if (err)
		return err;
	err = zbt_soak_start(threads, seed + !seed);
	if (err)
		zbt_importer_exit();
	return err;
}

static int __init zbt_init(void)
{
	unsigned int suite, at = 0, nr = 0;
	const struct zbt_test *test;

	if (!one_in || from >= one_in)
		return -EINVAL;
	if (threads)
		return start_soak();
	for (suite = 0; suite < ARRAY_SIZE(suites); suite++)
		for (test = suites[suite]; test->name; test++)
			nr += chosen(test, at++);
	pr_info("1..%u\n", nr);
	at = 0;
	nr = 0;
	for (suite = 0; suite < ARRAY_SIZE(suites); suite++)
		for (test = suites[suite]; test->name; test++)
			if (chosen(test, at++))
				failed += !run_one(test, ++nr);
	pr_info("done: bad frees outside %lu not_allocated %lu wrong_order %lu compound %lu\n",
		zbt_nr_bad(ZBT_OUTSIDE), zbt_nr_bad(ZBT_NOT_ALLOCATED),
		zbt_nr_bad(ZBT_WRONG_ORDER), zbt_nr_bad(ZBT_COMPOUND));
	return zbt_importer_init();
}

/*
 * Parameter dirty: account a page as dirty as many times as the number that is written,
 * so that api_test.sh can compare nr_dirty in vmstat.
 */
static struct page *dirty_page;
static int dirty;
static DEFINE_MUTEX(dirty_lock);

static int set_dirty(const char *text, const struct kernel_param *kp)
{
	int want, err = kstrtoint(text, 0, &want);

	if (err || want < 0)
		return -EINVAL;
	mutex_lock(&dirty_lock);
	if (!dirty_page)
		dirty_page = zb_alloc_page(ZB_GFP_KERNEL | __ZB_GFP_WRITE);
	if (!dirty_page)
		err = -ENOMEM;
	for (; !err && dirty < want; dirty++)
		zb_account_page_dirtied(dirty_page, 0);
	for (; !err && dirty > want; dirty--)
		zb_account_page_cleaned(dirty_page, 0);
	if (!dirty && dirty_page) {
		__zb_free_page(dirty_page);
		dirty_page = NULL;
	}
	mutex_unlock(&dirty_lock);
	return err;
}

static const struct kernel_param_ops dirty_ops = {
	.set = set_dirty,
	.get = param_get_int,
};
module_param_cb(dirty, &dirty_ops, &dirty, 0644);
MODULE_PARM_DESC(dirty, "number of pages to account as dirty; to be written after loading");

/* Parameter held: hold as many pages as written; others are freed to a per-CPU list. */
#define MAX_HELD	1024

static struct page *held_pages[MAX_HELD];
static unsigned int held;

static int set_held(const char *text, const struct kernel_param *kp)
{
	unsigned int want;
	int err = kstrtouint(text, 0, &want);

	if (err || want > MAX_HELD)
		return -EINVAL;
	mutex_lock(&dirty_lock);
	for (; held < want; held++) {
		held_pages[held] = zb_alloc_page(ZBT_ANY);
		if (!held_pages[held]) {
			err = -ENOMEM;
			break;
		}
	}
	while (held > want)
		__zb_free_page(held_pages[--held]);
	mutex_unlock(&dirty_lock);
	return err;
}

static const struct kernel_param_ops held_ops = {
	.set = set_held,
	.get = param_get_uint,
};
module_param_cb(held, &held_ops, &held, 0644);
MODULE_PARM_DESC(held, "number of pages to hold; to be written after loading");

static bool forget;
module_param(forget, bool, 0644);
MODULE_PARM_DESC(forget, "unload without freeing the held pages, as a faulty module would");

static void __exit zbt_exit(void)
{
	set_dirty("0", NULL);
	if (!forget)
		set_held("0", NULL);
	zbt_importer_exit();
	zbt_mappings_exit();
	zbt_isolate_exit();
	zbt_movable_exit();
	zbt_soak_stop();
}

module_init(zbt_init);
module_exit(zbt_exit);

MODULE_AUTHOR("The zbuddy developers");
MODULE_DESCRIPTION("Tests of the functions that zbuddy exports to other modules");
MODULE_LICENSE("GPL");

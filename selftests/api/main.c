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
 * Loading fails unless all tests have passed.
 */
#include "zb_api_test.h"

#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "run only the test of this name (default: all)");

static unsigned int one_in = 1;
module_param(one_in, uint, 0444);
MODULE_PARM_DESC(one_in, "run every n-th test only (default 1)");

static unsigned int from;
module_param(from, uint, 0444);
MODULE_PARM_DESC(from, "number of the first test to run, less than one_in (default 0)");

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
	zbt_frame_tests, zbt_context_tests,
};

static atomic_t failures;
static const char *skipped;
static unsigned long bad_frees[ZBT_NR_BAD];

/**
 * zbt_want() - check a condition; the test fails unless it is true
 * @ok: value of the condition
 * @what: its source text
 * @where: function that contains it
 * @line: line number
 *
 * Context: any.
 * Return: @ok.
 */
bool zbt_want(bool ok, const char *what, const char *where, int line)
{
	if (!ok && atomic_inc_return(&failures) <= 20)
		pr_info("# %s:%d: failed: %s\n", where, line, what);
	return ok;
}

/**
 * zbt_skip() - report that the current test can't run on this machine
 * @why: the reason
 */
void zbt_skip(const char *why)
{
	skipped = why;
}

/**
 * zbt_count_bad() - count a free that is expected to be refused
 * @bad: expected reason
 */
void zbt_count_bad(enum zbt_bad bad)
{
	bad_frees[bad]++;
}

static u64 stamp_of(struct page *page, u64 seed, unsigned int word)
{
	return (seed + page_to_pfn(page)) * 0x9e3779b97f4a7c15ull + word;
}

/* Stamp all words of small blocks and some of large ones. */
static unsigned int stamp_step(unsigned int order)
{
	return order <= 3 ? 1 : PAGE_SIZE / sizeof(u64) - 1;
}

/**
 * zbt_stamp() - write values to a block that identify it
 * @page: first page of the block
 * @order: its order
 * @seed: makes the values different each time
 *
 * Context: any.
 */
void zbt_stamp(struct page *page, unsigned int order, u64 seed)
{
	unsigned int word, step = stamp_step(order);
	unsigned long i;
	u64 *p;

	for (i = 0; i < BIT(order); i++) {
		p = kmap_local_page(page + i);
		for (word = 0; word < PAGE_SIZE / sizeof(u64); word += step)
			p[word] = stamp_of(page + i, seed, word);
		kunmap_local(p);
	}
}

/**
 * zbt_stamped() - check that a block still has its values
 * @page: first page of the block
 * @order: its order
 * @seed: as passed to zbt_stamp()
 *
 * Context: any.
 * Return: true if the block is unchanged.
 */
bool zbt_stamped(struct page *page, unsigned int order, u64 seed)
{
	unsigned int word, step = stamp_step(order);
	unsigned long i;
	bool ok = true;
	u64 *p;

	for (i = 0; ok && i < BIT(order); i++) {
		p = kmap_local_page(page + i);
		for (word = 0; ok && word < PAGE_SIZE / sizeof(u64); word += step)
			ok = p[word] == stamp_of(page + i, seed, word);
		kunmap_local(p);
	}
	return ok;
}

/**
 * zbt_random() - xorshift64*, so that every run sees the same sequence
 * @state: must not be 0
 *
 * Return: the next random number.
 */
u64 zbt_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static int run_member(void *arg)
{
	struct zbt_member *member = arg;

	member->fn(member->arg);
	complete(&member->done);
	return 0;
}

/**
 * zbt_team_add() - start a thread
 * @team: the team to add it to; must be zero before the first call
 * @cpu: CPU to bind the thread to, or -1
 * @fn: function to run
 * @arg: its argument
 *
 * Return: true if the thread was started.
 */
bool zbt_team_add(struct zbt_team *team, int cpu, int (*fn)(void *arg),
		  void *arg)
{
	struct zbt_member *member = &team->member[team->nr];

	if (!ZBT_WANT(team->nr < ARRAY_SIZE(team->member)))
		return false;
	member->fn = fn;
	member->arg = arg;
	init_completion(&member->done);
	member->task = kthread_create(run_member, member, "zb_api_test/%u",
				      team->nr);
	if (!ZBT_WANT(!IS_ERR(member->task)))
		return false;
	if (cpu >= 0)
		kthread_bind(member->task, cpu);
	/* the thread may exit before kthread_stop() is called */
	get_task_struct(member->task);
	team->nr++;
	wake_up_process(member->task);
	return true;
}

/**
 * zbt_team_wait() - wait until all threads have returned
 * @team: the threads
 */
void zbt_team_wait(struct zbt_team *team)
{
	while (team->nr) {
		struct zbt_member *member = &team->member[--team->nr];

		wait_for_completion(&member->done);
		/* wait until the thread has left the code of this module */
		kthread_stop(member->task);
		put_task_struct(member->task);
	}
}

/**
 * zbt_run_on() - run a function on a CPU
 * @cpu: the CPU, or -1 for any
 * @fn: the function
 * @arg: its argument
 *
 * Return: true if the function was run.
 */
bool zbt_run_on(int cpu, int (*fn)(void *arg), void *arg)
{
	struct zbt_team *team = kzalloc_obj(*team);
	bool ok;

	if (!ZBT_WANT(team))
		return false;
	ok = zbt_team_add(team, cpu, fn, arg);
	zbt_team_wait(team);
	kfree(team);
	return ok;
}

static bool run_one(const struct zbt_test *test, unsigned int nr)
{
	unsigned long before = zb_nr_free_pages();
	bool ok;

	atomic_set(&failures, 0);
	skipped = NULL;
	zbt_lost = 0;
	test->run();
	ZBT_WANT(zb_nr_free_pages() + zbt_lost == before);
	ok = !atomic_read(&failures);
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
	unsigned int suite, at = 0, nr = 0, failed = 0;
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
		bad_frees[ZBT_OUTSIDE], bad_frees[ZBT_NOT_ALLOCATED],
		bad_frees[ZBT_WRONG_ORDER], bad_frees[ZBT_COMPOUND]);
	return failed ? -EIO : zbt_importer_init();
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
	zbt_soak_stop();
}

module_init(zbt_init);
module_exit(zbt_exit);

MODULE_AUTHOR("The zbuddy developers");
MODULE_DESCRIPTION("Tests of the functions that zbuddy exports to other modules");
MODULE_LICENSE("GPL");

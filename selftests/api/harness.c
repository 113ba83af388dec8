// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all tests use: conditions, values that identify a block, threads.
 */
#include "zb_api_test.h"

#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static atomic_t failures;
static const char *skipped;
static unsigned long bad_frees[ZBT_NR_BAD];

/**
 * zbt_begin() - forget the result of the last test
 */
void zbt_begin(void)
{
	atomic_set(&failures, 0);
	skipped = NULL;
}

/**
 * zbt_end() - get the result of a test
 * @why_skipped: set to the reason if the test can't run on this machine, else to NULL
 *
 * Return: true if no condition was false since zbt_begin().
 */
bool zbt_end(const char **why_skipped)
{
	*why_skipped = skipped;
	return !atomic_read(&failures);
}

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

/**
 * zbt_nr_bad() - count the frees that were expected to be refused
 * @bad: the reason
 *
 * Return: number of calls of zbt_count_bad() with this reason.
 */
unsigned long zbt_nr_bad(enum zbt_bad bad)
{
	return bad_frees[bad];
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

/**
 * zbt_use_all() - allocate all memory that requests can get
 * @list: receives the blocks
 * @gfp: flags of the requests
 * @lowest_order: smaller blocks remain free
 */
void zbt_use_all(struct list_head *list, zb_gfp_t gfp, unsigned int lowest_order)
{
	int order = min(zb_max_order(), 10u);
	struct page *page;

	while (order >= (int)lowest_order) {
		page = zb_alloc_pages(gfp, order);
		if (page) {
			page->private = order;
			list_add(&page->lru, list);
		} else {
			order--;
		}
	}
}

/**
 * zbt_free_all() - free what zbt_use_all() has allocated
 * @list: the blocks
 */
void zbt_free_all(struct list_head *list)
{
	struct page *page, *next;
	unsigned int order;

	list_for_each_entry_safe(page, next, list, lru) {
		list_del(&page->lru);
		order = page->private;
		page->private = 0;
		__zb_free_pages(page, order);
	}
}

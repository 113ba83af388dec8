// SPDX-License-Identifier: GPL-2.0-only
/*
 * With threads=N, no tests are run. Instead, N threads and a tasklet allocate and free
 * until the module is unloaded. Their blocks are stamped, and the contents are verified
 * when they are freed. Finally, one line reports the result:
 *
 *	zb_api_test: soak: 81734 blocks, 312 requests failed, 0 blocks corrupted
 */
#include "zb_api_test.h"

#include <linux/atomic.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>

#define NR_HELD		32u
#define MAX_PAGES	2048ul	/* limit for the pages that a thread holds */
#define NR_BULK		20u

/**
 * struct soaker - the blocks held by one thread or by the tasklet
 * @task: the thread
 * @random: state of its random numbers
 * @nr: number of blocks
 * @pages: their number of pages
 * @held: the blocks
 */
struct soaker {
	struct task_struct *task;
	u64 random;
	unsigned int nr;
	unsigned long pages;
	struct {
		struct page *page;
		unsigned int order;
	} held[NR_HELD];
};

static struct soaker *soakers;
static unsigned int nr_soakers;
static struct soaker soft;
static void soft_irq(struct tasklet_struct *unused);
static DECLARE_TASKLET(tasklet, soft_irq);
static atomic_long_t blocks, missed, corrupted;

static void give_one(struct soaker *s)
{
	unsigned int i = zbt_random(&s->random) % s->nr;
	struct page *page = s->held[i].page;
	unsigned int order = s->held[i].order;

	if (!zbt_stamped(page, order, order))
		atomic_long_inc(&corrupted);
	s->held[i] = s->held[--s->nr];
	s->pages -= BIT(order);
	__zb_free_pages(page, order);
}

static void take_one(struct soaker *s, zb_gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (s->pages + BIT(order) > MAX_PAGES)
		return;
	page = zb_alloc_pages(gfp | __ZB_GFP_NOWARN, order);
	if (!page) {
		atomic_long_inc(&missed);
		return;
	}
	atomic_long_inc(&blocks);
	zbt_stamp(page, order, order);
	s->held[s->nr].page = page;
	s->held[s->nr++].order = order;
	s->pages += BIT(order);
}

static void bulk(struct soaker *s)
{
	struct page *array[NR_BULK] = { NULL };
	unsigned long nr;

	nr = zb_alloc_pages_bulk_array(ZBT_ANY | ZBT_QUIET, NR_BULK, array);
	atomic_long_add(nr, &blocks);
	atomic_long_add(NR_BULK - nr, &missed);
	zb_free_pages_bulk_array(NR_BULK, array);
}

static const zb_gfp_t gfps[] = {
	ZB_GFP_KERNEL | __ZB_GFP_NORETRY, ZBT_ANY | __ZB_GFP_NORETRY,
	ZB_GFP_TEMPORARY | __ZB_GFP_NORETRY, ZB_GFP_ATOMIC, ZB_GFP_NOWAIT,
	ZB_GFP_KERNEL | __ZB_GFP_COLD, ZB_GFP_KERNEL | __ZB_GFP_NORETRY | ZB_GFP_DMA32,
	ZB_GFP_KERNEL | __ZB_GFP_NORETRY | __ZB_GFP_WRITE,
};

/* Small orders most of the time. */
static unsigned int some_order(struct soaker *s)
{
	unsigned int n = zbt_random(&s->random) % 64;

	return n < 60 ? n % 4 : n - 56 + zbt_random(&s->random) % 3;
}

static int soak(void *arg)
{
	struct soaker *s = arg;
	unsigned int n;

	/* do not starve the processes that put the system under stress */
	set_user_nice(current, 15);
	while (!kthread_should_stop()) {
		n = zbt_random(&s->random) % 256;
		if (!n)
			zb_drain_all_pages();
		else if (n < 8)
			bulk(s);
		else if (s->nr == NR_HELD || (s->nr && n % 2))
			give_one(s);
		else
			take_one(s, gfps[n / 2 % ARRAY_SIZE(gfps)], some_order(s));
		if (n % 16 == 1)
			tasklet_schedule(&tasklet);
		if (n > 240)
			schedule_timeout_interruptible(1);
		cond_resched();
	}
	while (s->nr)
		give_one(s);
	return 0;
}

/* The tasklet, which never runs on two CPUs concurrently. */
static void soft_irq(struct tasklet_struct *unused)
{
	struct soaker *s = &soft;

	while (s->nr > NR_HELD / 2)
		give_one(s);
	take_one(s, ZB_GFP_ATOMIC, zbt_random(&s->random) % 3);
	take_one(s, ZB_GFP_NOWAIT, 0);
}

/**
 * zbt_soak_start() - start the threads
 * @nr: number of threads
 * @seed: seed of the random numbers, not 0
 *
 * Return: 0, or an errno.
 */
int zbt_soak_start(unsigned int nr, u64 seed)
{
	struct soaker *s;

	soakers = kcalloc(nr, sizeof(*soakers), GFP_KERNEL);
	if (!soakers)
		return -ENOMEM;
	soft.random = seed + nr;
	for (; nr_soakers < nr; nr_soakers++) {
		s = &soakers[nr_soakers];
		s->random = seed + nr_soakers;
		s->task = kthread_run(soak, s, "zb_soak/%u", nr_soakers);
		if (IS_ERR(s->task))
			break;
	}
	if (nr_soakers == nr)
		return 0;
	zbt_soak_stop();
	return -ENOMEM;
}

/**
 * zbt_soak_stop() - stop the threads, free all blocks and log the result
 */
void zbt_soak_stop(void)
{
	if (!soakers)
		return;
	while (nr_soakers)
		kthread_stop(soakers[--nr_soakers].task);
	tasklet_kill(&tasklet);
	while (soft.nr)
		give_one(&soft);
	kfree(soakers);
	pr_info("soak: %ld blocks, %ld requests failed, %ld blocks corrupted\n",
		atomic_long_read(&blocks), atomic_long_read(&missed),
		atomic_long_read(&corrupted));
}

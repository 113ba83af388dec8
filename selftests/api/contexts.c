// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts from which the page allocator may be called: interrupts in the middle of an
 * allocation, several CPUs concurrently, preempted tasks, and tasks that wait.
 */
#include "zb_api_test.h"

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/* Atomic requests with a spinlock held and interrupts disabled. */
static void atomic_section(void)
{
	static DEFINE_SPINLOCK(lock);
	struct page *page[5] = { NULL };
	unsigned long flags;
	unsigned int order;

	spin_lock_irqsave(&lock, flags);
	for (order = 0; order < ARRAY_SIZE(page); order++)
		page[order] = zb_alloc_pages(ZB_GFP_ATOMIC, order);
	for (order = 0; order < ARRAY_SIZE(page); order += 2)
		if (page[order])
			__zb_free_pages(page[order], order);
	spin_unlock_irqrestore(&lock, flags);
	for (order = 0; order < ARRAY_SIZE(page); order++) {
		ZBT_WANT(page[order]);
		if (page[order] && order % 2)
			__zb_free_pages(page[order], order);
	}
}

/*
 * A block that is passed from one context to another. Its description is stored in the
 * block itself.
 */
struct parcel {
	struct llist_node node;
	u64 seed;
	unsigned int order;
};

static u64 parcel_stamp(const struct parcel *parcel)
{
	return parcel->seed ^ (unsigned long)parcel ^ parcel->order;
}

static struct parcel *parcel_make(zb_gfp_t gfp, unsigned int order, u64 seed)
{
	struct parcel *parcel = (void *)zb_get_free_pages(gfp, order);
	u64 *last;

	if (!parcel)
		return NULL;
	parcel->seed = seed;
	parcel->order = order;
	last = (void *)parcel + (PAGE_SIZE << order);
	last[-1] = parcel_stamp(parcel);
	return parcel;
}

static bool parcel_take_apart(struct parcel *parcel)
{
	unsigned int order = parcel->order;
	bool ok = order <= zb_max_order();
	bool cold = parcel->seed & BIT_ULL(40);
	u64 *last;

	if (!ok)
		return false;
	last = (void *)parcel + (PAGE_SIZE << order);
	ok = last[-1] == parcel_stamp(parcel);
	/* the cold end takes longer, which makes an interrupt in between more likely */
	if (!order)
		zb_free_hot_cold_page(virt_to_page((void *)parcel), cold);
	else
		zb_free_pages((unsigned long)parcel, order);
	return ok;
}

static bool take_apart_all(struct llist_head *head)
{
	struct llist_node *list = llist_del_all(head);
	struct parcel *parcel, *next;
	bool ok = true;

	llist_for_each_entry_safe(parcel, next, list, node)
		ok &= parcel_take_apart(parcel);
	return ok;
}

/**
 * struct interrupted - a task and the interrupts on its CPU, which both allocate
 * @cpu: CPU of the task
 * @up: blocks passed from the task to interrupts
 * @down: blocks passed from interrupts to the task
 * @tasklet: scheduled by some of the interrupts
 * @stop: all interrupts have been sent
 * @seed: state of the random numbers of interrupts
 * @nr_hard: number of interrupts
 * @nr_soft: number of runs of the tasklet
 * @nr_failed: number of failed requests in interrupts
 * @nr_down: number of blocks in @down
 * @bad: a block had wrong contents, or the context was wrong
 */
struct interrupted {
	int cpu;
	struct llist_head up, down;
	struct tasklet_struct tasklet;
	bool stop;
	u64 seed;
	unsigned long nr_hard, nr_soft, nr_failed;
	unsigned int nr_down;
	bool bad;
};

static void irq_round(struct interrupted *irq)
{
	unsigned int order = zbt_random(&irq->seed) % 4;
	struct parcel *parcel = parcel_make(ZB_GFP_ATOMIC | __ZB_GFP_NOWARN,
					    order, irq->seed);

	/* limit the number of blocks in the list because the task may be slow */
	if (llist_empty(&irq->down))
		irq->nr_down = 0;
	if (!parcel)
		irq->nr_failed++;
	else if (irq->seed & BIT(20) && irq->nr_down++ < 64)
		llist_add(&parcel->node, &irq->down);
	else if (!parcel_take_apart(parcel))
		irq->bad = true;
	if (irq->seed & BIT(21) && !take_apart_all(&irq->up))
		irq->bad = true;
}

static void soft_irq(struct tasklet_struct *tasklet)
{
	struct interrupted *irq = container_of(tasklet, struct interrupted,
					       tasklet);
	struct parcel *parcel;
	unsigned int i;

	WRITE_ONCE(irq->nr_soft, irq->nr_soft + 1);
	for (i = 0; i < 8; i++) {
		parcel = parcel_make(ZB_GFP_ATOMIC | __ZB_GFP_NOWARN, i % 4, i);
		if (parcel && !parcel_take_apart(parcel))
			irq->bad = true;
	}
}

static void hard_irq(void *arg)
{
	struct interrupted *irq = arg;

	if (!in_hardirq())
		irq->bad = true;
	/*
	 * Tell lockdep that this is a threadable interrupt handler, like those of devices:
	 * the kernel's page allocator may not be called from other ones either.
	 */
	lockdep_hardirq_threaded();
	WRITE_ONCE(irq->nr_hard, irq->nr_hard + 1);
	irq_round(irq);
	if (irq->nr_hard % 4 == 0)
		tasklet_schedule(&irq->tasklet);
}

static int interrupted_task(void *arg)
{
	struct interrupted *irq = arg;
	unsigned int order, sent = 0;
	struct parcel *parcel;
	zb_gfp_t gfp;
	u64 seed = 9;

	while (!READ_ONCE(irq->stop)) {
		order = zbt_random(&seed) % 8;
		gfp = ZB_GFP_KERNEL | (seed & BIT_ULL(41) ? __ZB_GFP_COLD : 0);
		parcel = parcel_make(gfp, order < 4 ? order : 0, seed);
		if (!ZBT_WANT(parcel))
			break;
		/* limit the work of a single interrupt */
		if (llist_empty(&irq->up))
			sent = 0;
		if (seed & BIT(20) && sent++ < 16)
			llist_add(&parcel->node, &irq->up);
		else
			ZBT_WANT(parcel_take_apart(parcel));
		if (seed & BIT(21))
			ZBT_WANT(take_apart_all(&irq->down));
		cond_resched();
	}
	return 0;
}

static int send_interrupts(void *arg)
{
	unsigned long i, end = jiffies + 2 * HZ;
	struct interrupted *irq = arg;

	/* two seconds, but at least 500 interrupts on slow machines */
	for (i = 0; i < 500 || (i < 20000 && time_before(jiffies, end)); i++) {
		smp_call_function_single(irq->cpu, hard_irq, irq, true);
		if (i % 16 == 0)
			usleep_range(20, 100);
	}
	return 0;
}

static void interrupts(void)
{
	int from, to = cpumask_first(cpu_online_mask);
	struct interrupted *irq;
	struct zbt_team *team;

	from = cpumask_next(to, cpu_online_mask);
	if (from >= nr_cpu_ids || IS_ENABLED(CONFIG_PREEMPT_RT)) {
		zbt_skip("needs two CPUs, and interrupts that are not threaded (PREEMPT_RT)");
		return;
	}
	irq = kzalloc_obj(*irq);
	team = kzalloc_obj(*team);
	if (!ZBT_WANT(irq && team))
		goto out;
	irq->cpu = to;
	irq->seed = 1;
	init_llist_head(&irq->up);
	init_llist_head(&irq->down);
	tasklet_setup(&irq->tasklet, soft_irq);
	zbt_team_add(team, to, interrupted_task, irq);
	zbt_run_on(from, send_interrupts, irq);
	WRITE_ONCE(irq->stop, true);
	zbt_team_wait(team);
	tasklet_kill(&irq->tasklet);
	ZBT_WANT(take_apart_all(&irq->up));
	ZBT_WANT(take_apart_all(&irq->down));
	ZBT_WANT(!irq->bad);
	ZBT_WANT(irq->nr_hard >= 100);
	ZBT_WANT(irq->nr_soft >= 10);
	ZBT_WANT(irq->nr_failed < irq->nr_hard / 2);
	pr_info("# %lu hard and %lu soft interrupts, %lu requests failed\n",
		irq->nr_hard, irq->nr_soft, irq->nr_failed);
out:
	kfree(team);
	kfree(irq);
}

/**
 * struct ring_member - a thread that passes blocks to the next one in a ring
 * @in: blocks passed by other threads
 * @next: the thread to pass blocks to
 * @number: number of this thread
 * @nr: how often the blocks in @in were verified and freed
 */
struct ring_member {
	struct llist_head in;
	struct ring_member *next;
	unsigned int number;
	unsigned long nr;
};

static int ring_thread(void *arg)
{
	struct ring_member *member = arg;
	struct parcel *parcel;
	u64 seed = member->number + 1;
	unsigned int i, order;
	zb_gfp_t gfp;

	for (i = 0; i < 4000; i++) {
		order = zbt_random(&seed) % 16;
		/* mostly small orders */
		order = order < 12 ? order % 4 : order < 15 ? order - 8 : 9;
		gfp = seed & BIT(30) ? ZB_GFP_KERNEL :
		      seed & BIT(31) ? ZB_GFP_TEMPORARY :
				       ZB_GFP_KERNEL | __ZB_GFP_MOVABLE;
		parcel = parcel_make(gfp | ZBT_QUIET, order, seed);
		if (parcel && seed & BIT(25))
			llist_add(&parcel->node, &member->next->in);
		else if (parcel)
			ZBT_WANT(parcel_take_apart(parcel));
		if (seed & BIT(26)) {
			ZBT_WANT(take_apart_all(&member->in));
			member->nr++;
		}
		if (seed & BIT(27) && seed & BIT(28) && seed & BIT(29))
			cond_resched();
	}
	return 0;
}

/* Run @nr threads in a ring, bound to different CPUs or not. */
static void run_ring(unsigned int nr, bool bound)
{
	struct ring_member *member = kcalloc(nr, sizeof(*member), GFP_KERNEL);
	struct zbt_team *team = kzalloc_obj(*team);
	int cpu = cpumask_first(cpu_online_mask);
	unsigned int i;

	if (!ZBT_WANT(member && team))
		goto out;
	for (i = 0; i < nr; i++) {
		init_llist_head(&member[i].in);
		member[i].next = &member[(i + 1) % nr];
		member[i].number = i;
	}
	for (i = 0; i < nr; i++) {
		zbt_team_add(team, bound ? cpu : -1, ring_thread, &member[i]);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	zbt_team_wait(team);
	for (i = 0; i < nr; i++) {
		ZBT_WANT(take_apart_all(&member[i].in));
		ZBT_WANT(member[i].nr > 0);
	}
out:
	kfree(team);
	kfree(member);
}

static unsigned int nr_threads(unsigned int per_cpu)
{
	return min(num_online_cpus() * per_cpu, 16u);
}

static void all_cpus(void)
{
	run_ring(nr_threads(1), true);
}

/* More threads than CPUs, so that threads are preempted and migrated. */
static void preempted(void)
{
	run_ring(nr_threads(3), false);
	run_ring(nr_threads(2), true);
}

/* Pages that one CPU allocates are freed by another one. */
struct handover {
	struct page *page[64];
	unsigned int round;
};

static int handover_alloc(void *arg)
{
	struct handover *h = arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(h->page); i++) {
		h->page[i] = zb_alloc_pages(ZB_GFP_KERNEL, h->round % 4);
		if (ZBT_WANT(h->page[i]))
			zbt_stamp(h->page[i], h->round % 4, i);
	}
	return 0;
}

static int handover_free(void *arg)
{
	struct handover *h = arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(h->page); i++) {
		if (!h->page[i])
			continue;
		ZBT_WANT(zbt_stamped(h->page[i], h->round % 4, i));
		__zb_free_pages(h->page[i], h->round % 4);
	}
	return 0;
}

static void freed_on_another_cpu(void)
{
	struct handover *h = kzalloc_obj(*h);
	int from, to;

	if (!ZBT_WANT(h))
		return;
	for (h->round = 0; h->round < 8; h->round++)
		for_each_online_cpu(from) {
			to = cpumask_next(from, cpu_online_mask);
			if (to >= nr_cpu_ids)
				to = cpumask_first(cpu_online_mask);
			zbt_run_on(from, handover_alloc, h);
			zbt_run_on(to, handover_free, h);
		}
	kfree(h);
}

static struct page *waited_for;

static int alloc_nofail(void *arg)
{
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL | __ZB_GFP_NOFAIL |
					   __ZB_GFP_NOWARN, 3);

	WRITE_ONCE(waited_for, page);
	return 0;
}

/* With no memory free, a NOFAIL request waits until some is freed. */
static void nofail(void)
{
	struct zbt_team *team = kzalloc_obj(*team);
	unsigned int i;
	LIST_HEAD(all);

	if (!ZBT_WANT(team))
		return;
	alloc_nofail(NULL);
	if (ZBT_WANT(waited_for))
		__zb_free_pages(waited_for, 3);
	waited_for = NULL;
	/* zb_nr_free_pages() does not include per-CPU lists, so drain these */
	do {
		zbt_use_all(&all, ZBT_ANY | ZBT_QUIET | __ZB_GFP_MEMALLOC, 0);
		zb_drain_all_pages();
	} while (zb_nr_free_pages());
	zbt_team_add(team, -1, alloc_nofail, NULL);
	msleep(200);
	ZBT_WANT(!READ_ONCE(waited_for));
	zbt_free_all(&all);
	/* up to a minute, for slow machines */
	for (i = 0; i < 3000 && !READ_ONCE(waited_for); i++)
		msleep(20);
	ZBT_WANT(READ_ONCE(waited_for));
	zbt_team_wait(team);
	if (waited_for)
		__zb_free_pages(waited_for, 3);
	waited_for = NULL;
	kfree(team);
}

static void reclaim_work(struct work_struct *work)
{
	struct page *page = zb_alloc_page(ZB_GFP_KERNEL);

	if (ZBT_WANT(page))
		__zb_free_page(page);
	/* like the slow path with little memory free */
	zb_drain_all_pages();
}

/* Allocation from a WQ_MEM_RECLAIM worker. */
static void reclaim_worker(void)
{
	static DECLARE_WORK(work, reclaim_work);
	struct workqueue_struct *wq;

	wq = alloc_workqueue("zb_api_test", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!ZBT_WANT(wq))
		return;
	queue_work(wq, &work);
	flush_work(&work);
	destroy_workqueue(wq);
}

#ifdef CONFIG_HOTPLUG_CPU
static atomic_t nr_ups;

/* Enters the slow path in a CPU hotplug callback. */
static int cpu_up_callback(unsigned int cpu)
{
	/* no memory is free, so the request tries everything before it fails */
	ZBT_WANT(!zb_alloc_page(ZB_GFP_KERNEL | ZBT_QUIET));
	atomic_inc(&nr_ups);
	return 0;
}

/* Allocation in a CPU hotplug callback, as drivers do. */
static void cpu_hotplug(void)
{
	int state, cpu = cpumask_last(cpu_online_mask);
	LIST_HEAD(all);

	if (num_online_cpus() < 2 || remove_cpu(cpu)) {
		zbt_skip("no CPU can go offline");
		return;
	}
	atomic_set(&nr_ups, 0);
	state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "zb_api_test",
					  cpu_up_callback, NULL);
	zbt_use_all(&all, ZBT_ANY | ZBT_QUIET | __ZB_GFP_MEMALLOC, 0);
	ZBT_WANT(!add_cpu(cpu));
	zbt_free_all(&all);
	if (ZBT_WANT(state > 0))
		cpuhp_remove_state_nocalls(state);
	ZBT_WANT(atomic_read(&nr_ups) == 1);
}
#else
static void cpu_hotplug(void)
{
	zbt_skip("no CPU hotplug in this kernel");
}
#endif

const struct zbt_test zbt_context_tests[] = {
	{ "atomic_section", atomic_section },
	{ "interrupts", interrupts },
	{ "all_cpus", all_cpus },
	{ "preempted", preempted },
	{ "freed_on_another_cpu", freed_on_another_cpu },
	{ "nofail", nofail },
	{ "reclaim_worker", reclaim_worker },
	{ "cpu_hotplug", cpu_hotplug },
	{ }
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads, one on each CPU, that start synchronously.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>

#include "zb_bench.h"

struct member {
	struct bench_crew *crew;
	unsigned int me;
};

/**
 * bench_crew_meet() - wait for all threads to call this function
 * @crew: the threads
 * @times: number of meetings, including this one
 */
void bench_crew_meet(struct bench_crew *crew, unsigned int times)
{
	atomic_inc(&crew->arrived);
	while ((unsigned int)atomic_read(&crew->arrived) < crew->nr * times) {
		cpu_relax();
		cond_resched();
	}
}

static int member_main(void *arg)
{
	struct member *member = arg;
	struct bench_crew *crew = member->crew;

	crew->fn(crew, member->me);
	if (atomic_dec_and_test(&crew->running))
		complete(&crew->done);
	/* kthread_stop() ends the thread, so that none runs in this module after that */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static unsigned int nth_cpu(unsigned int n)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (!n--)
			return cpu;
	return 0;
}

/**
 * bench_crew_run() - run a function on several CPUs
 * @crew: number of CPUs, the function and its arguments
 *
 * Return: the time of the slowest thread, or BENCH_FAILED.
 */
u64 bench_crew_run(struct bench_crew *crew)
{
	struct task_struct *task[BENCH_MAX_CPUS];
	struct member member[BENCH_MAX_CPUS];
	unsigned int i, made;
	u64 most = 0;

	crew->failed = false;
	atomic_set(&crew->arrived, 0);
	atomic_set(&crew->running, crew->nr);
	init_completion(&crew->done);
	for (made = 0; made < crew->nr; made++) {
		member[made].crew = crew;
		member[made].me = made;
		task[made] = kthread_create(member_main, &member[made],
					    "zb_bench/%u", made);
		if (IS_ERR(task[made]))
			break;
		kthread_bind(task[made], nth_cpu(made));
	}
	crew->failed = made < crew->nr;
	if (!crew->failed) {
		for (i = 0; i < made; i++)
			wake_up_process(task[i]);
		wait_for_completion(&crew->done);
	}
	for (i = 0; i < made; i++) {
		kthread_stop(task[i]);
		most = max(most, crew->time[i]);
	}
	return crew->failed ? BENCH_FAILED : most;
}

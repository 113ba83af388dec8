// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads wait for memory. A free wakes only the thread that gets it, which the
 * test verifies by counting how often each thread has gone to sleep.
 */
#include "waiters.h"

#include <sys/resource.h>

#define NR_WAITERS	1500
#define NR_FILES	8

static struct member {
	pthread_t thread;
	int fd;
	volatile pid_t tid;
	volatile bool done;
	int rc;
	struct zb_ioc_alloc a;
} members[NR_WAITERS];

static void *member_thread(void *arg)
{
	struct member *m = arg;

	m->tid = (pid_t)syscall(SYS_gettid);
	m->rc = wait_for(m->fd, 0, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, ZB_WAIT_FOREVER,
			 &m->a);
	m->done = true;
	return NULL;
}

static unsigned int begin(void)
{
	int fds[NR_FILES];
	pthread_attr_t attr;
	unsigned int i;

	for (i = 0; i < NR_FILES; i++)
		fds[i] = zb_open();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < NR_WAITERS; i++) {
		members[i].fd = fds[i % NR_FILES];
		if (pthread_create(&members[i].thread, &attr, member_thread, &members[i]))
			break;
	}
	return i;
}

/* How often a thread went to sleep, or -1 if it has exited. */
static long sleeps(const struct member *m)
{
	char path[64], text[4096], *at;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", m->tid);
	if (zb_read_file(path, text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	return at ? strtol(at + 25, NULL, 10) : -1;
}

static unsigned int nr_done(unsigned int nr)
{
	unsigned int i, done = 0;

	for (i = 0; i < nr; i++)
		done += members[i].done;
	return done;
}

static bool await_done(unsigned int nr, unsigned int want)
{
	__u64 until = zb_now_ns() + PATIENCE;

	while (nr_done(nr) < want) {
		if (zb_now_ns() > until)
			return false;
		zb_sleep_ms(1);
	}
	return nr_done(nr) == want;
}

static long before[NR_WAITERS];

/* How often the other threads of this process went to sleep. */
static long sleeps_of_others(void)
{
	struct rusage all, me;

	getrusage(RUSAGE_SELF, &all);
	getrusage(RUSAGE_THREAD, &me);
	return all.ru_nvcsw - me.ru_nvcsw;
}

/* Wait until all threads sleep: their sum of sleeps has not changed for 200 ms. */
static void settle(unsigned int nr)
{
	long was, now = sleeps_of_others();
	unsigned int i;

	do {
		was = now;
		zb_sleep_ms(200);
		now = sleeps_of_others();
	} while (now != was);
	for (i = 0; i < nr; i++)
		before[i] = sleeps(&members[i]);
}

TEST_F_TIMEOUT(zbuddy, one_free_wakes_one, 500)
{
	unsigned long per_user = zb_get_parameter("max_waiting_per_user");
	long granted = zb_vmstat("zb_wait_granted"), woken = 0;
	unsigned int i, nr;

	if (granted < 0)
		SKIP(return, "no debugfs");
	take_all(_metadata, self);
	ASSERT_EQ(0, zb_set_parameter("max_waiting_per_user", 0));
	nr = begin();
	ASSERT_GE(nr, NR_WAITERS / 4) TH_LOG("only %u threads", nr);
	ASSERT_TRUE(await_waiting(nr));
	settle(nr);
	for (i = 0; i < NR_PAGES; i++) {
		ASSERT_EQ(0, give_page(self));
		ASSERT_TRUE(await_done(nr, i + 1));
	}
	EXPECT_EQ(granted + NR_PAGES, zb_vmstat("zb_wait_granted"));
	EXPECT_EQ(nr - NR_PAGES, nr_waiting());
	for (i = 0; i < nr; i++)
		if (!members[i].done)
			woken += sleeps(&members[i]) - before[i];
	TH_LOG("%u threads wait; %d frees caused %ld needless wakeups", nr, NR_PAGES, woken);
	EXPECT_EQ(0, woken);
	zb_set_parameter("max_waiting_per_user", per_user);
	EXPECT_TRUE(give_all(self));
	for (i = 0; i < nr; i++) {
		pthread_join(members[i].thread, NULL);
		EXPECT_EQ(0, members[i].rc);
	}
	EXPECT_EQ(0, nr_waiting());
}

TEST_HARNESS_MAIN

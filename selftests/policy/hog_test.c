// SPDX-License-Identifier: GPL-2.0
/*
 * A real-time task occupies a CPU all the time. Frames on the per-CPU lists of that CPU
 * must be available to other CPUs nevertheless. The task runs until the test stops it, so
 * anything that waits for that CPU makes the test time out.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#define NR_BUFS		32
#define HOG_CPU		1
#define STOPS		8	/* hogs that stop another task's drain */
#define STOP_NS		3000000000ull
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

struct hog {
	volatile bool started, stop;
	volatile unsigned long turns;
	__u64 limit_ns;			/* stop by itself after this time, unless 0 */
	volatile bool gave_up;
};

static int run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* In newer kernels, the fair server lets other tasks run despite real-time tasks. */
static void set_fair_server(unsigned int cpu, const char *runtime)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/sched/fair_server/cpu%u/runtime",
		 cpu);
	zb_write_file(path, runtime);
}

static void hog_cpu(struct hog *hog, unsigned int cpu)
{
	const struct sched_param param = { .sched_priority = 50 };
	__u64 end_ns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run_on(cpu) || sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(1);
	hog->started = true;
	end_ns = zb_now_ns() + hog->limit_ns;
	while (!hog->stop && !hog->gave_up) {
		hog->turns++;
		hog->gave_up = hog->limit_ns && zb_now_ns() > end_ns;
	}
	_exit(0);
}

static pid_t start_hog(struct __test_metadata *_metadata, struct hog *hog, int fd)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		/* the test's close() has to be the last one */
		close(fd);
		hog_cpu(hog, HOG_CPU);
	}
	while (!hog->started && !waitpid(pid, &status, WNOHANG))
		sched_yield();
	ASSERT_TRUE(hog->started);
	return pid;
}

/* Number of free frames on per-CPU lists. */
static long nr_listed(int fd)
{
	return zb_free_bytes(fd) / sysconf(_SC_PAGESIZE) - zb_vmstat("nr_free_pages");
}

/* Put frames on the lists of the hog's CPU before the hog starts. */
static void fill_lists(struct __test_metadata *_metadata, int fd)
{
	struct zb_ioc_alloc bufs[NR_BUFS];
	int i;

	ASSERT_EQ(0, run_on(HOG_CPU));
	for (i = 0; i < NR_BUFS; i++)
		ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &bufs[i]));
	for (i = 0; i < NR_BUFS; i++)
		ASSERT_EQ(0, zb_free(fd, bufs[i].handle));
	ASSERT_EQ(0, run_on(0));
	ASSERT_LT(0, nr_listed(fd));
}

static int drain_all(int fd)
{
	(void)fd;
	return zb_drain();
}

/* Request a block of max_order, which may need the frames on the other CPU's lists. */
static int request_all(int fd)
{
	struct zb_ioc_info info;
	struct zb_ioc_alloc a;
	int rc = zb_info(fd, &info);

	if (!rc)
		rc = zb_alloc_order(fd, info.max_order,
				    ZB_GFP_ANYZONE | __ZB_GFP_NORETRY, &a);
	/* drain if the request was served without them */
	if (!rc)
		return zb_free(fd, a.handle) ?: zb_drain();
	return rc == -ENOMEM ? 0 : rc;
}

static int close_last(int fd)
{
	return close(fd) ? -errno : 0;
}

static void drain_until_stopped(struct hog *hog)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run_on(HOG_CPU))
		_exit(1);
	hog->started = true;
	while (!hog->stop)
		zb_drain();
	_exit(0);
}

/*
 * Start the hog while another task drains on that CPU, probably in the middle of a drain,
 * which that task can't finish. Another drain must be able to finish nevertheless. Returns
 * whether it did.
 */
static bool drain_beside_stopped_task(struct __test_metadata *_metadata, int fd)
{
	struct hog *hogs = mmap(NULL, 2 * sizeof(*hogs), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid, drainer;
	bool finished;

	ASSERT_NE(MAP_FAILED, hogs);
	drainer = fork();
	if (!drainer) {
		close(fd);
		drain_until_stopped(&hogs[0]);
	}
	while (!hogs[0].started)
		sched_yield();
	hogs[1].limit_ns = STOP_NS;
	pid = start_hog(_metadata, &hogs[1], fd);
	EXPECT_EQ(0, zb_drain());
	finished = !hogs[1].gave_up;
	hogs[0].stop = true;
	hogs[1].stop = true;
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_wait_exit(drainer, 0));
	munmap(hogs, 2 * sizeof(*hogs));
	return finished;
}

/* @work is NULL for drain_beside_stopped_task(). */
static void beside_hog(struct __test_metadata *_metadata, int (*work)(int fd))
{
	char runtime[32] = "";
	struct hog *hog;
	int fd = zb_open(), round, finished = 0;
	pid_t pid;

	if (fd < 0)
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !zb_have_debugfs())
		SKIP(return, "needs a second CPU and debugfs");
	if (access(RT_RUNTIME, W_OK))
		SKIP(return, "no " RT_RUNTIME ", or not root");
	hog = mmap(NULL, sizeof(*hog), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, hog);
	ASSERT_LT(0, zb_read_file(RT_RUNTIME, runtime, sizeof(runtime)));
	fill_lists(_metadata, fd);
	ASSERT_EQ(0, zb_write_file(RT_RUNTIME, "-1"));
	set_fair_server(HOG_CPU, "0");
	for (round = 0; !work && round < STOPS; round++)
		finished += drain_beside_stopped_task(_metadata, fd);
	/* A task that is stopped in an RCU read-side critical section delays all drains. */
	if (!work) {
		TH_LOG("%d of %d drains finished", finished, STOPS);
		EXPECT_LT(STOPS / 2, finished);
	} else {
		pid = start_hog(_metadata, hog, fd);
		EXPECT_EQ(0, work(fd));
		if (work == close_last)
			fd = zb_open();
		EXPECT_EQ(0, nr_listed(fd));
		EXPECT_FALSE(hog->stop);
		hog->stop = true;
		EXPECT_TRUE(zb_wait_exit(pid, 0));
	}
	set_fair_server(HOG_CPU, "50000000");
	EXPECT_EQ(0, zb_write_file(RT_RUNTIME, runtime));
	EXPECT_TRUE(zb_check_ok());
	close(fd);
}

TEST(drain_beside_hog)
{
	beside_hog(_metadata, drain_all);
}

TEST(drain_beside_stopped_drain)
{
	beside_hog(_metadata, NULL);
}

TEST(request_beside_hog)
{
	beside_hog(_metadata, request_all);
}

TEST(close_beside_hog)
{
	beside_hog(_metadata, close_last);
}

TEST_HARNESS_MAIN

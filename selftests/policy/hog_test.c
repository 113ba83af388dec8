// SPDX-License-Identifier: GPL-2.0
/*
 * A real-time task occupies a CPU all the time. Frames on the per-CPU lists of that CPU
 * must be available to other CPUs nevertheless. The task runs until the test stops it, so
 * anything that waits for that CPU makes the test time out. If the real-time task stops
 * another task in the middle of a system call, this must not delay further tasks.
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
#define MANY_STOPS	24	/* for locks, which are held only briefly */
#define STOP_NS		3000000000ull
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

struct hog {
	volatile bool started, stop;
	__u64 limit_ns;			/* stop by itself after this time, unless 0 */
	volatile bool gave_up;
};

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
	if (zb_run_on(cpu) || sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(1);
	hog->started = true;
	end_ns = zb_now_ns() + hog->limit_ns;
	while (!hog->stop && !hog->gave_up)
		hog->gave_up = hog->limit_ns && zb_now_ns() > end_ns;
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

	ASSERT_EQ(0, zb_run_on(HOG_CPU));
	for (i = 0; i < NR_BUFS; i++)
		ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &bufs[i]));
	for (i = 0; i < NR_BUFS; i++)
		ASSERT_EQ(0, zb_free(fd, bufs[i].handle));
	ASSERT_EQ(0, zb_run_on(0));
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

/* Handle of the buffer that label_buffer() labels. */
static __u32 labelled;

static int label_buffer(int fd)
{
	return zb_label(fd, labelled, "hog");
}

static int alloc_and_free(int fd)
{
	struct zb_ioc_alloc a;

	return zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &a) ?: zb_free(fd, a.handle);
}

/* All memory is allocated, so the request waits. */
static int wait_in_vain(int fd)
{
	struct zb_ioc_alloc a;
	int rc = zb_alloc_wait(fd, 0, 1000, &a);

	return rc == -ETIMEDOUT ? 0 : -EBUSY;
}

static void work_until_stopped(struct hog *hog, int (*work)(int fd), int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (zb_run_on(HOG_CPU))
		_exit(1);
	hog->started = true;
	while (!hog->stop)
		work(fd);
	_exit(0);
}

/*
 * Start the hog while a worker does @work on the same CPU, so that the worker may be
 * stopped in the middle of it. Returns true if the calling task can do @work nevertheless.
 */
static bool work_beside_stopped_task(struct __test_metadata *_metadata,
				     int (*work)(int fd), int fd)
{
	struct hog *hogs = mmap(NULL, 2 * sizeof(*hogs), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid, worker;
	bool finished;

	ASSERT_NE(MAP_FAILED, hogs);
	worker = fork();
	if (!worker)
		work_until_stopped(&hogs[0], work, fd);
	while (!hogs[0].started)
		sched_yield();
	hogs[1].limit_ns = STOP_NS;
	pid = start_hog(_metadata, &hogs[1], fd);
	EXPECT_EQ(0, work(fd));
	finished = !hogs[1].gave_up;
	hogs[0].stop = true;
	hogs[1].stop = true;
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_wait_exit(worker, 0));
	munmap(hogs, 2 * sizeof(*hogs));
	return finished;
}

static const char *skip_reason(int fd)
{
	if (fd < 0)
		return "no " ZB_DEV ": insmod zbuddy.ko first";
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !zb_have_debugfs())
		return "needs a second CPU and debugfs";
	return access(RT_RUNTIME, W_OK) ? "no " RT_RUNTIME ", or not root" : NULL;
}

static char rt_runtime[32];

/* Allow real-time tasks to use all of a CPU's time, or restore the previous limit. */
static void allow_hogs(struct __test_metadata *_metadata, bool allow)
{
	if (allow)
		ASSERT_LT(0, zb_read_file(RT_RUNTIME, rt_runtime, sizeof(rt_runtime)));
	ASSERT_EQ(0, zb_write_file(RT_RUNTIME, allow ? "-1" : rt_runtime));
	set_fair_server(HOG_CPU, allow ? "0" : "50000000");
}

/* Stop a worker @stops times. This task must be able to do @work at least @least times. */
static void beside_stopped_tasks(struct __test_metadata *_metadata,
				 int (*work)(int fd), int stops, int least)
{
	int fd = zb_open(), i, finished = 0;
	static struct zb_ioc_alloc all[8192];
	struct zb_ioc_alloc a;
	__u64 bytes;

	if (skip_reason(fd))
		SKIP(return, "%s", skip_reason(fd));
	fill_lists(_metadata, fd);
	ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &a));
	labelled = a.handle;
	if (work == wait_in_vain)
		zb_alloc_all(fd, 10, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC | __ZB_GFP_NOWARN,
			     all, ARRAY_SIZE(all), &bytes);
	allow_hogs(_metadata, true);
	for (i = 0; i < stops; i++)
		finished += work_beside_stopped_task(_metadata, work, fd);
	allow_hogs(_metadata, false);
	TH_LOG("%d of %d finished", finished, stops);
	EXPECT_LE(least, finished);
	EXPECT_TRUE(zb_check_ok());
	close(fd);
}

static void beside_hog(struct __test_metadata *_metadata, int (*work)(int fd))
{
	int fd = zb_open();
	struct hog *hog;
	pid_t pid;

	if (skip_reason(fd))
		SKIP(return, "%s", skip_reason(fd));
	hog = mmap(NULL, sizeof(*hog), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, hog);
	fill_lists(_metadata, fd);
	allow_hogs(_metadata, true);
	pid = start_hog(_metadata, hog, fd);
	EXPECT_EQ(0, work(fd));
	if (work == close_last)
		fd = zb_open();
	EXPECT_EQ(0, nr_listed(fd));
	EXPECT_FALSE(hog->stop);
	hog->stop = true;
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	allow_hogs(_metadata, false);
	EXPECT_TRUE(zb_check_ok());
	close(fd);
}

TEST(drain_beside_hog)
{
	beside_hog(_metadata, drain_all);
}

/* A task that is stopped in an RCU read-side critical section delays all drains. */
TEST(drain_beside_stopped_drain)
{
	beside_stopped_tasks(_metadata, drain_all, STOPS, STOPS / 2 + 1);
}

TEST(label_beside_stopped_label)
{
	beside_stopped_tasks(_metadata, label_buffer, MANY_STOPS, MANY_STOPS);
}

TEST(request_beside_stopped_request)
{
	beside_stopped_tasks(_metadata, alloc_and_free, MANY_STOPS, MANY_STOPS);
}

TEST(wait_beside_stopped_wait)
{
	beside_stopped_tasks(_metadata, wait_in_vain, MANY_STOPS, MANY_STOPS);
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

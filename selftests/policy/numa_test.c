// SPDX-License-Identifier: GPL-2.0
/*
 * NUMA: which node serves a request, restrictions to certain nodes, and statistics.
 * Needs a module loaded with regions on node 0 and node 1, and at least one CPU on each
 * (see ci/numa.sh).
 */
#include "zbuddy_stat.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAX_BUFS	(1 << 16)
#define CGROUP		"/sys/fs/cgroup/"

static struct zb_ioc_alloc bufs[MAX_BUFS];

static bool one_node(const FIXTURE_DATA(policy) *self)
{
	return self->zb.info.nr_nodes != 2;
}

#define TWO_NODES	"needs regions on two nodes"

static int alloc_near(int fd, int node, __u32 order, __u32 gfp,
		      struct zb_ioc_alloc *a)
{
	*a = zb_want_order(order, gfp);
	a->node = node;
	return zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

/* Allocate all memory with preferred node @node; returns the number of buffers. */
static unsigned int take_near(int fd, int node, __u32 order, __u32 gfp)
{
	unsigned int nr = 0;

	for (;;) {
		while (nr < MAX_BUFS && !alloc_near(fd, node, order, gfp, &bufs[nr]))
			nr++;
		if (!order--)
			return nr;
	}
}

/* Number of free bytes of a node, including per-CPU lists. */
static __u64 free_on(const FIXTURE_DATA(policy) *self, int node)
{
	struct zb_ioc_zone zone;
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < self->zb.info.nr_zones; i++)
		if (!zb_zone(self->zb.fd, i, &zone) && zone.node == node)
			sum += zone.free_bytes + zone.cached_bytes;
	return sum;
}

static __u64 total_of(const FIXTURE_DATA(policy) *self, int node)
{
	struct zb_ioc_zone zone;
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < self->zb.info.nr_zones; i++)
		if (!zb_zone(self->zb.fd, i, &zone) && zone.node == node)
			sum += zone.total_bytes;
	return sum;
}

/* Bind this task to a CPU of @node. */
static bool go_to_node(int node)
{
	unsigned int cpu, here;

	for (cpu = 0; cpu < 64; cpu++) {
		if (!zb_run_on(cpu) && !syscall(SYS_getcpu, NULL, &here, NULL) && (int)here == node)
			return true;
	}
	return false;
}

TEST_F(policy, node_of_the_cpu)
{
	struct zb_ioc_alloc a;
	int node, round;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	for (round = 0; round < 4; round++) {
		node = round % 2;
		ASSERT_TRUE(go_to_node(node));
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 3, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(node, a.node);
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 0, ZB_GFP_ANYZONE, &a));
		EXPECT_EQ(node, a.node);
		ASSERT_EQ(0, alloc_near(self->zb.fd, 1 - node, 0, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(1 - node, a.node);
	}
}

/*
 * The fast path takes the near node and then the far one, down to their low watermarks;
 * then the slow path takes both in the same order, down to min.
 */
TEST_F(policy, fallback_order)
{
	unsigned int i, nr, near, far, again;
	int node;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	for (node = 0; node < 2; node++) {
		ASSERT_EQ(0, zb_set_parameter("min_free_kbytes", 8192));
		ASSERT_EQ(0, zb_set_parameter("watermark_scale_factor", 1000));
		nr = take_near(self->zb.fd, node, 6, ZB_GFP_KERNEL | ZB_GFP_QUIET);
		for (near = 0; near < nr && bufs[near].node == node;)
			near++;
		for (far = near; far < nr && bufs[far].node != node;)
			far++;
		for (again = far; again < nr && bufs[again].node == node;)
			again++;
		/* more than 3/4 of a node are above the low watermark */
		EXPECT_GE(near * (self->zb.page << 6), total_of(self, node) * 3 / 4);
		EXPECT_GE((far - near) * (self->zb.page << 6),
			  total_of(self, 1 - node) * 3 / 4);
		EXPECT_GT(again, far);
		EXPECT_GT(nr, again);
		for (i = 0; i < nr; i++)
			ASSERT_EQ(0, zb_free(self->zb.fd, bufs[i].handle));
	}
}

TEST_F(policy, thisnode)
{
	struct zb_ioc_alloc a;
	unsigned int i, nr;
	int node;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	for (node = 0; node < 2; node++) {
		nr = take_near(self->zb.fd, node, 9, ZB_GFP_KERNEL | ZB_GFP_QUIET |
			       __ZB_GFP_MEMALLOC | __ZB_GFP_THISNODE);
		for (i = 0; i < nr; i++)
			ASSERT_EQ(node, bufs[i].node);
		EXPECT_EQ(0, free_on(self, node));
		EXPECT_EQ(total_of(self, 1 - node), free_on(self, 1 - node));
		EXPECT_EQ(-ENOMEM, alloc_near(self->zb.fd, node, 0,
					      ZB_GFP_KERNEL | ZB_GFP_QUIET |
					      __ZB_GFP_THISNODE, &a));
		EXPECT_EQ(-ENOMEM, alloc_near(self->zb.fd, node, 0,
					      ZB_GFP_ATOMIC | __ZB_GFP_NOWARN |
					      __ZB_GFP_THISNODE, &a));
		ASSERT_EQ(0, alloc_near(self->zb.fd, node, 0, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(1 - node, a.node);
		ASSERT_EQ(0, zb_free(self->zb.fd, a.handle));
		for (i = 0; i < nr; i++)
			ASSERT_EQ(0, zb_free(self->zb.fd, bufs[i].handle));
	}
}

struct numa {
	long hit, miss, foreign, local, other;
};

static struct numa numa_now(void)
{
	return (struct numa){
		zb_vmstat("numa_hit"), zb_vmstat("numa_miss"),
		zb_vmstat("numa_foreign"), zb_vmstat("numa_local"),
		zb_vmstat("numa_other"),
	};
}

static void expect_counted(struct __test_metadata *_metadata, int fd, int node,
			   __u32 gfp, int from, struct numa add)
{
	struct numa now, before = numa_now();
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, alloc_near(fd, node, 0, gfp, &a));
	EXPECT_EQ(from, a.node);
	now = numa_now();
	EXPECT_EQ(before.hit + add.hit, now.hit);
	EXPECT_EQ(before.miss + add.miss, now.miss);
	EXPECT_EQ(before.foreign + add.foreign, now.foreign);
	EXPECT_EQ(before.local + add.local, now.local);
	EXPECT_EQ(before.other + add.other, now.other);
}

TEST_F(policy, counters)
{
	int fd = self->zb.fd;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	ASSERT_TRUE(go_to_node(0));
	expect_counted(_metadata, fd, 0, ZB_GFP_KERNEL, 0,
		       (struct numa){ .hit = 1, .local = 1 });
	expect_counted(_metadata, fd, 1, ZB_GFP_KERNEL, 1,
		       (struct numa){ .hit = 1, .other = 1 });
	take_near(fd, 1, 9, ZB_GFP_KERNEL | ZB_GFP_QUIET | __ZB_GFP_MEMALLOC |
		  __ZB_GFP_THISNODE);
	expect_counted(_metadata, fd, 1, ZB_GFP_KERNEL, 0,
		       (struct numa){ .miss = 1, .foreign = 1, .local = 1 });
	ASSERT_TRUE(go_to_node(1));
	expect_counted(_metadata, fd, 1, ZB_GFP_KERNEL, 0,
		       (struct numa){ .miss = 1, .foreign = 1, .other = 1 });
}

/* Allocate blocks of order 9 until one is not from @node; returns how many were. */
static unsigned int in_a_row(int fd, int node, __u32 gfp, struct zb_ioc_alloc *a)
{
	unsigned int nr = 0;

	while (nr < 100 && !alloc_near(fd, 0, 9, gfp, a) && a->node == node)
		nr++;
	return nr;
}

/* @percent of the size of a node, in blocks of order 9, rounded up. */
static unsigned int share(const FIXTURE_DATA(policy) *self, int node,
			  unsigned int percent)
{
	__u64 unit = 100 * (self->zb.page << 9);

	return (unsigned int)((total_of(self, node) * percent + unit - 1) / unit);
}

TEST_F(policy, write_is_spread)
{
	struct zb_ioc_alloc a;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	ASSERT_EQ(0, zb_set_parameter("dirty_ratio", 10));
	EXPECT_EQ(share(self, 0, 10),
		  in_a_row(self->zb.fd, 0, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(1, a.node);
	/* minus the last block of the loop above */
	EXPECT_EQ(share(self, 1, 10) - 1,
		  in_a_row(self->zb.fd, 1, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	/* with both nodes over their dirty limits, the nearest one is used again */
	EXPECT_EQ(0, a.node);
	EXPECT_EQ((share(self, 0, 10) + share(self, 1, 10) + 1) << 9,
		  zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, alloc_near(self->zb.fd, 0, 0, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(0, a.node);
	ASSERT_EQ(0, alloc_near(self->zb.fd, 1, 0, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(1, a.node);
	/* with a limit of 100 %, WRITE requests stay on the near node */
	ASSERT_EQ(0, zb_set_parameter("dirty_ratio", 100));
	ASSERT_EQ(0, alloc_near(self->zb.fd, 0, 0, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(0, a.node);
	close(self->zb.fd);
	EXPECT_EQ(0, zb_vmstat("nr_dirty"));
}

/* --- cpusets -------------------------------------------------------------- */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ?
		 -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

FIXTURE(cpuset) {
	FIXTURE_DATA(policy) p;
	bool ready;
};

/* Move this task to a cgroup that may use node 0 only. */
FIXTURE_SETUP(cpuset)
{
	const char *why = zb_policy_setup(_metadata, &self->p);

	if (why)
		SKIP(return, "%s", why);
	if (one_node(&self->p))
		SKIP(return, TWO_NODES);
	if (write_text(CGROUP "cgroup.subtree_control", "+cpuset"))
		SKIP(return, "no cgroup v2 with cpusets in " CGROUP);
	ASSERT_TRUE(!mkdir(CGROUP "zbuddy", 0755) || errno == EEXIST);
	self->ready = true;
	ASSERT_EQ(0, write_text(CGROUP "zbuddy/cpuset.mems", "0"));
	ASSERT_EQ(0, write_text(CGROUP "zbuddy/cgroup.procs", "0"));
}

FIXTURE_TEARDOWN_PARENT(cpuset)
{
	int ms;

	if (!self->ready)
		return;
	for (ms = 0; rmdir(CGROUP "zbuddy") && ms < ZB_PATIENCE_MS; ms += 20)
		zb_sleep_ms(20);
	EXPECT_NE(0, access(CGROUP "zbuddy", F_OK));
	zb_teardown(_metadata, &self->p.zb);
}

#define FD	(self->p.zb.fd)

TEST_F(cpuset, user_requests_stay_in_the_cpuset)
{
	struct zb_ioc_alloc a;
	unsigned int i, nr;

	/* independent of the preferred node and of the CPU */
	ASSERT_EQ(0, alloc_near(FD, 1, 0, ZB_GFP_USER, &a));
	EXPECT_EQ(0, a.node);
	ASSERT_TRUE(go_to_node(1));
	ASSERT_EQ(0, alloc_near(FD, ZB_NODE_ANY, 3, ZB_GFP_USER, &a));
	EXPECT_EQ(0, a.node);
	EXPECT_EQ(-ENOMEM, alloc_near(FD, 1, 0, ZB_GFP_USER | ZB_GFP_QUIET |
				      __ZB_GFP_THISNODE, &a));
	nr = take_near(FD, 1, 9, ZB_GFP_USER | ZB_GFP_QUIET | __ZB_GFP_MEMALLOC);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, bufs[i].node);
	EXPECT_EQ(0, free_on(&self->p, 0));
	EXPECT_EQ(total_of(&self->p, 1), free_on(&self->p, 1));
	EXPECT_EQ(-ENOMEM, alloc_near(FD, 1, 0, ZB_GFP_USER | ZB_GFP_QUIET, &a));
	EXPECT_EQ(-ENOMEM, alloc_near(FD, 1, 0, ZB_GFP_USER | __ZB_GFP_REPEAT |
				      __ZB_GFP_NOWARN, &a));
}

/* The slow path ignores the cpuset for requests without HARDWALL and for atomic ones. */
TEST_F(cpuset, slow_path_may_leave_the_cpuset)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, alloc_near(FD, 1, 0, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(0, a.node);
	ASSERT_EQ(0, alloc_near(FD, 1, 0, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(0, a.node);
	take_near(FD, 0, 9, ZB_GFP_USER | ZB_GFP_QUIET | __ZB_GFP_MEMALLOC);
	EXPECT_EQ(0, free_on(&self->p, 0));
	EXPECT_EQ(-ENOMEM, alloc_near(FD, 0, 0, ZB_GFP_USER | ZB_GFP_QUIET, &a));
	ASSERT_EQ(0, alloc_near(FD, 0, 0, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(1, a.node);
	ASSERT_EQ(0, alloc_near(FD, 0, 0, ZB_GFP_ATOMIC, &a));
	EXPECT_EQ(1, a.node);
	ASSERT_EQ(0, alloc_near(FD, 0, 0, ZB_GFP_ATOMIC | __ZB_GFP_HARDWALL, &a));
	EXPECT_EQ(1, a.node);
	EXPECT_EQ(-ENOMEM, alloc_near(FD, 0, 0, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN |
				      __ZB_GFP_HARDWALL, &a));
}

/* A change of cpuset.mems takes effect for requests that wait already. */
TEST_F(cpuset, mems_change_during_a_wait)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_USER);
	int pipes[2];
	pid_t pid;

	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = ZB_WAIT_FOREVER;
	take_near(FD, 0, 9, ZB_GFP_USER | ZB_GFP_QUIET | __ZB_GFP_MEMALLOC);
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(pipes[0]);
		_exit(zb_ioctl(FD, ZB_IOC_ALLOC, &a) ? 100 : a.node);
	}
	close(pipes[1]);
	struct pollfd p = { .fd = pipes[0], .events = POLLIN };

	EXPECT_EQ(0, poll(&p, 1, 200));
	ASSERT_EQ(0, write_text(CGROUP "zbuddy/cpuset.mems", "0-1"));
	EXPECT_EQ(1, poll(&p, 1, 5000));
	EXPECT_TRUE(zb_wait_exit(pid, 1));
}

#define VICTIM	"/sys/module/zb_api_test/parameters/victim"

static void *fill_memory(void *unused)
{
	size_t size = 1 << 20;
	char *p;

	for (;;) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p != MAP_FAILED)
			memset(p, 1, size);
	}
	return unused;
}

/*
 * Let a process allocate a page while it is being killed, by the OOM killer of its
 * cgroup or by this task. Returns the node of the page, see api/victim.c.
 */
static int node_of_victim(bool by_oom)
{
	pthread_t thread;
	char text[16] = "";
	pid_t pid = fork();
	int fd;

	if (!pid) {
		if (by_oom && pthread_create(&thread, NULL, fill_memory, NULL))
			_exit(1);
		write_text(VICTIM, by_oom ? "1" : "0");
		_exit(1);
	}
	if (!by_oom) {
		zb_sleep_ms(100);
		kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	fd = open(VICTIM, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -errno;
	close(fd);
	return atoi(text);
}

/* An OOM victim may use all nodes, so that it can exit and free its memory. */
TEST_F(cpuset, oom_victim_may_leave_the_cpuset)
{
	if (write_text(CGROUP "cgroup.subtree_control", "+memory"))
		SKIP(return, "no cgroup v2 with memory limits in " CGROUP);
	if (system("insmod ./zb_api_test.ko only=get_free_page"))
		SKIP(return, "no zb_api_test.ko");
	ASSERT_EQ(0, write_text(CGROUP "zbuddy/memory.max", "32M"));
	take_near(FD, 0, 9, ZB_GFP_USER | ZB_GFP_QUIET | __ZB_GFP_MEMALLOC);
	EXPECT_EQ(0, free_on(&self->p, 0));
	EXPECT_EQ(-2, node_of_victim(false));
	EXPECT_EQ(1, node_of_victim(true));
	EXPECT_EQ(0, system("rmmod zb_api_test"));
}

/* As MPOL_* in linux/mempolicy.h; numaif.h is not always installed. */
#define PREFERRED	1
#define BIND		2
#define INTERLEAVE	3

static long set_policy(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, mode ? &nodes : NULL,
		       mode ? 8 * sizeof(nodes) : 0);
}

/* A request without a preferred node follows the memory policy of the task. */
TEST_F(policy, mempolicy)
{
	unsigned int nr, node, nr_of[2] = {};
	struct zb_ioc_alloc a;
	__u64 free0, free1;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	for (node = 0; node < 2; node++) {
		if (set_policy(PREFERRED, 1ul << node))
			SKIP(return, "no NUMA policies");
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 4, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(node, a.node);
		/* the node of the request takes precedence */
		ASSERT_EQ(0, alloc_near(self->zb.fd, !node, 4, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(!node, a.node);
	}
	/*
	 * The kernel's own allocations for this task also advance its position in the
	 * interleaving, so two requests in a row may get the same node.
	 */
	ASSERT_EQ(0, set_policy(INTERLEAVE, 3));
	for (nr = 0; nr < 64; nr++) {
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 0, ZB_GFP_KERNEL, &a));
		nr_of[a.node]++;
	}
	EXPECT_GE(nr_of[0], 16);
	EXPECT_GE(nr_of[1], 16);
	/* MPOL_BIND: no page of node 0 is used even when node 1 is full */
	ASSERT_EQ(0, set_policy(BIND, 2));
	free0 = free_on(self, 0);
	nr = take_near(self->zb.fd, ZB_NODE_ANY, self->zb.info.max_order,
		       ZB_GFP_KERNEL | ZB_GFP_QUIET);
	EXPECT_GT(nr, 0);
	EXPECT_EQ(free0, free_on(self, 0));
	free1 = free_on(self, 1);
	ASSERT_EQ(0, set_policy(0, 0));
	EXPECT_LT(free1, free0);
	EXPECT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 0, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(0, a.node);
}

TEST_HARNESS_MAIN

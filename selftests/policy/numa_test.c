// SPDX-License-Identifier: GPL-2.0
/*
 * Several nodes: which one serves a request, what limits it to some of them,
 * and what is counted. For a module loaded with a region on node 0 and one on
 * node 1, and at least a CPU on each (see numa.sh).
 */
#include "zbuddy_stat.h"

#include <poll.h>
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

/* All that can be had near @node; how many buffers. */
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

/* Bytes that are free on a node, and in per-CPU lists for it. */
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

/* Go to a CPU of @node, and stay there. */
static bool go_to_node(int node)
{
	unsigned int cpu, here;
	cpu_set_t set;

	for (cpu = 0; cpu < 64; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (!sched_setaffinity(0, sizeof(set), &set) &&
		    !syscall(SYS_getcpu, NULL, &here, NULL) && (int)here == node)
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
 * Near, far, and then both again, from the low watermark down to min: first the
 * fast path goes all the way, then the slow path.
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
		/* More than 3/4 of a node is above low. */
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

/* How many buffers of order 9 in a row come from @node. */
static unsigned int in_a_row(int fd, int node, __u32 gfp, struct zb_ioc_alloc *a)
{
	unsigned int nr = 0;

	while (nr < 100 && !alloc_near(fd, 0, 9, gfp, a) && a->node == node)
		nr++;
	return nr;
}

/* @percent of a node, in blocks of order 9, rounded up. */
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
	/* One is there already. */
	EXPECT_EQ(share(self, 1, 10) - 1,
		  in_a_row(self->zb.fd, 1, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	/* Both are over: then it does not matter any more. */
	EXPECT_EQ(0, a.node);
	EXPECT_EQ((share(self, 0, 10) + share(self, 1, 10) + 1) << 9,
		  zb_vmstat("nr_dirty"));
	ASSERT_EQ(0, alloc_near(self->zb.fd, 0, 0, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(0, a.node);
	ASSERT_EQ(0, alloc_near(self->zb.fd, 1, 0, ZB_GFP_KERNEL | __ZB_GFP_WRITE, &a));
	EXPECT_EQ(1, a.node);
	/* Only what is not asked to be spread has been near all the time. */
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

/* A cgroup whose tasks may use node 0 only; this task is in it. */
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

TEST_F(cpuset, user_keeps_to_it)
{
	struct zb_ioc_alloc a;
	unsigned int i, nr;

	/* Whatever node is wanted, and whatever CPU asks. */
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

/* Without HARDWALL, or when it can't wait, it leaves rather than fail. */
TEST_F(cpuset, kernel_leaves_in_the_slow_path)
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

/* One who waits sees that the limit is another one. */
TEST_F(cpuset, limit_changes_while_it_waits)
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

/* linux/mempolicy.h has these; numaif.h is not everywhere. */
#define PREFERRED	1
#define BIND		2
#define INTERLEAVE	3

static long set_policy(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, mode ? &nodes : NULL,
		       mode ? 8 * sizeof(nodes) : 0);
}

/* A request that names no node goes where the policy of the task says. */
TEST_F(policy, mempolicy)
{
	struct zb_ioc_alloc a;
	unsigned int nr, node;
	__u64 free0, free1;

	if (one_node(self))
		SKIP(return, TWO_NODES);
	for (node = 0; node < 2; node++) {
		if (set_policy(PREFERRED, 1ul << node))
			SKIP(return, "no NUMA policies");
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 4, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(node, a.node);
		/* What the request names counts more. */
		ASSERT_EQ(0, alloc_near(self->zb.fd, !node, 4, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(!node, a.node);
	}
	ASSERT_EQ(0, set_policy(INTERLEAVE, 3));
	ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 4, ZB_GFP_KERNEL, &a));
	for (nr = 0; nr < 8; nr++) {
		node = !a.node;
		ASSERT_EQ(0, alloc_near(self->zb.fd, ZB_NODE_ANY, 4, ZB_GFP_KERNEL, &a));
		EXPECT_EQ(node, a.node);
	}
	/* Not one page of node 0, though node 1 has no more. */
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

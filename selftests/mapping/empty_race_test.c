// SPDX-License-Identifier: GPL-2.0
/*
 * Zones are emptied and ranges are made free, also for requests that wait for them, while processes
 * of several users use their buffers in all ways, are stopped and killed, CPUs go offline, and
 * the size of the region changes. At the end, all memory is free, and every pageblock has
 * the type that it had before. $ZB_TEST_SECONDS sets the duration, and $SEED what happens.
 */
#define _GNU_SOURCE
#include "buffer_test.h"
#include "random_ops.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define NR_WORKERS	6u
#define MS		1000000ull
#define MAX_BYTES	(6ull << 20)
#define ALL_BYTES	(24ull << 20)
#define CPU1		"/sys/devices/system/cpu/cpu1/online"

static struct shared {
	char failure[256];
	unsigned long steps, ranges, waited, empties, moved, purged;
} *shared;

static void fail(struct random_user *u, const char *what)
{
	/* Ordinary users may not use memory reserves. */
	if (errno == EPERM && !strcmp(what, "alloc"))
		return;
	if (!shared->failure[0])
		snprintf(shared->failure, sizeof(shared->failure), "%s (operation %lu, %s)",
			 what, u->ops, strerror(errno));
	_exit(1);
}

static void count(unsigned long *counter, unsigned long nr)
{
	__atomic_fetch_add(counter, nr, __ATOMIC_RELAXED);
}

static void keep(struct random_user *u, const struct zb_ioc_alloc *a)
{
	u->bufs[u->nr++] = (struct random_buf){
		.handle = a->handle, .dmabuf = -1, .length = a->length,
		.offset = a->mmap_offset, .huge_offset = a->mmap_huge_offset,
	};
	u->total += a->length;
}

static struct zb_ioc_alloc any_range(struct random_user *u)
{
	static const __u32 gfps[] = {
		ZB_GFP_HIGHUSER_MOVABLE, ZB_GFP_HIGHUSER_MOVABLE, ZB_GFP_USER, ZB_GFP_TEMPORARY,
		ZB_GFP_KERNEL | ZB_GFP_DMA32, ZB_GFP_KERNEL | __ZB_GFP_MOVABLE,
	};
	__u64 max = random_below(u, 4) ? u->max_bytes : 12 * u->max_bytes;
	struct zb_ioc_alloc a = zb_want_length(1 + random_below(u, max),
					       gfps[random_below(u, 6)] | __ZB_GFP_NOWARN);

	a.flags |= ZB_BUF_RANGE;
	if (!random_below(u, 3))
		a.align = u->page << random_below(u, 12);
	if (random_below(u, 2)) {
		a.flags |= ZB_BUF_WAIT;
		a.deadline_ns = zb_deadline(random_below(u, 1500) * MS);
	}
	return a;
}

static void do_range(struct random_user *u)
{
	struct zb_ioc_alloc a = any_range(u);
	__u64 deadline = a.deadline_ns;
	int rc;

	if (u->nr == RANDOM_BUFS || u->total > u->max_total)
		return;
	rc = random_try(u, ZB_IOC_ALLOC, &a, "range");
	if (deadline)
		count(&shared->waited, 1);
	if (rc)
		return;
	count(&shared->ranges, 1);
	if (a.length > 2 * u->max_bytes) {
		zb_free(u->fd, a.handle);
		return;
	}
	keep(u, &a);
}

static void do_empty(struct random_user *u)
{
	struct zb_ioc_empty e = {
		.size = sizeof(e), .node = ZB_NODE_ANY, .zone = (__u32)random_below(u, 5),
	};
	int rc = zb_ioctl(u->fd, ZB_IOC_EMPTY, &e);

	if (rc && rc != -EINVAL && rc != -ENOMEM && rc != -EPERM && rc != -EINTR)
		fail(u, "empty");
	if (rc)
		return;
	if (e.in_use + e.no_room > e.left)
		fail(u, "more in use than is left");
	count(&shared->empties, 1);
	count(&shared->moved, e.moved);
}

/* A cache, which may lose its contents, but never has those of others. */
static void do_cache(struct random_user *u)
{
	struct zb_ioc_alloc a;
	__u32 retained = 1;
	char *p;
	int rc;

	if (zb_alloc_length(u->fd, 1 + random_below(u, 2 << 20), ZB_GFP_TEMPORARY |
			    __ZB_GFP_NOWARN, &a))
		return;
	p = zb_map(u->fd, &a);
	if ((void *)p == MAP_FAILED)
		goto out;
	zb_fill(p, 0, a.length, 5);
	zb_advise(u->fd, a.handle, ZB_ADVISE_DONTNEED, NULL);
	zb_sleep_ms((long)random_below(u, 50));
	rc = zb_advise(u->fd, a.handle, ZB_ADVISE_WILLNEED, &retained);
	if (!rc && retained && !zb_filled(p, 0, a.length, 5))
		fail(u, "a cache has other contents");
	if (!rc && !retained && !zb_all_bytes(p, 0, a.length))
		fail(u, "a purged buffer is not zero");
	if (!rc && !retained)
		count(&shared->purged, 1);
	munmap(p, a.length);
out:
	zb_free(u->fd, a.handle);
}

static void *wait_for_range(void *arg)
{
	struct random_user *u = arg;
	struct zb_ioc_alloc a = any_range(u);

	a.flags |= ZB_BUF_WAIT;
	a.length = 60ull << 20;
	a.deadline_ns = zb_deadline(300 * MS);
	zb_ioctl(u->fd, ZB_IOC_ALLOC, &a);
	return NULL;
}

/* Close the file while a thread waits for a range. */
static void do_close(struct random_user *u)
{
	struct random_user other = *u;
	pthread_t thread;

	other.seed = zb_random(&u->seed);
	other.fd = zb_open();
	if (other.fd < 0 || pthread_create(&thread, NULL, wait_for_range, &other))
		fail(u, "a thread");
	zb_sleep_ms((long)random_below(u, 100));
	close(other.fd);
	pthread_join(thread, NULL);
}

static void do_file(struct random_user *u)
{
	struct random_buf *b = u->nr ? &u->bufs[random_below(u, u->nr)] : NULL;
	char text[256], copy[256];
	int file;

	if (!b || !b->handle || b->length < 8192)
		return;
	file = zb_to_file(u->fd, b->handle, ZB_FILE_RDWR | ZB_FILE_CLOEXEC);
	if (file < 0)
		return;
	if (pread(file, text, sizeof(text), 4096) != sizeof(text) ||
	    pwrite(file, text, sizeof(text), 4096) != sizeof(text) ||
	    pread(file, copy, sizeof(copy), 4096) != sizeof(copy) ||
	    memcmp(text, copy, sizeof(text)))
		fail(u, "a file has other contents");
	close(file);
}

static void limit_to_cpu(struct random_user *u)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)random_below(u, 2), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Half of the workers are ordinary users; one is a user of a namespace of its own. */
static void become(struct random_user *u, unsigned int nr)
{
	if (nr == 5)
		unshare(CLONE_NEWUSER);
	if (nr >= 3 && nr < 5 && (setgid(1000 + nr) || setuid(1000 + nr)))
		fail(u, "setuid");
	if (nr == 2)
		setpriority(PRIO_PROCESS, 0, 19);
}

static void work(unsigned int nr, __u64 seed)
{
	struct random_user u = { .fail = fail, .seed = seed | 1 };
	unsigned int dice;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!random_open(&u, MAX_BYTES, ALL_BYTES))
		fail(&u, "open");
	become(&u, nr);
	for (;;) {
		count(&shared->steps, 1);
		dice = (unsigned int)random_below(&u, 40);
		if (dice < 6)
			do_range(&u);
		else if (dice < 8)
			do_empty(&u);
		else if (dice < 10)
			do_cache(&u);
		else if (dice == 10)
			do_close(&u);
		else if (dice < 13)
			do_file(&u);
		else if (dice == 13)
			limit_to_cpu(&u);
		else
			random_step(&u);
	}
}

static pid_t start(unsigned int nr, __u64 seed)
{
	pid_t pid = fork();

	if (!pid) {
		work(nr, seed);
		_exit(0);
	}
	return pid;
}

static void any_size(int fd, __u64 full, __u64 *seed)
{
	struct zb_ioc_resize r = {
		.size = sizeof(r), .node = ZB_NODE_ANY,
		.bytes = full - (zb_random(seed) >> 32) % 32 * (2u << 20),
	};

	zb_ioctl(fd, ZB_IOC_RESIZE, &r);
}

/* What an administrator does. */
static void administer(int fd, __u64 full, __u64 *seed)
{
	static const char *const zero[] = { "0", "1" };
	unsigned int dice = (unsigned int)(zb_random(seed) >> 32) % 12;

	if (dice == 0)
		zb_write_file(CPU1, "0");
	if (dice <= 1)
		zb_write_file(CPU1, "1");
	if (dice == 2 || dice == 3)
		any_size(fd, full, seed);
	if (dice == 4)
		zb_write_file(ZB_DEBUGFS "compact", "1");
	if (dice == 5)
		zb_write_file(ZB_DEBUGFS "reclaim", "8M");
	if (dice == 6)
		zb_write_parameter("zero_ahead", zero[(zb_random(seed) >> 32) % 2]);
	if (dice == 7)
		zb_drain();
	if (dice == 8)
		zb_write_parameter("idle", zero[(zb_random(seed) >> 32) % 2]);
}

TEST_F_TIMEOUT(zbuddy, random, 900)
{
	__u64 seed = 0x9e3779b97f4a7c15ull, full = self->info.total_bytes, end;
	const char *before = zb_state_of_zones();
	pid_t pids[NR_WORKERS] = {};
	unsigned int i, killed = 0;
	const char *text = getenv("SEED"), *limit = getenv("ZB_TEST_SECONDS") ?: "20";

	if (text)
		seed *= strtoull(text, NULL, 10);
	chmod(ZB_DEV, 0666);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)shared);
	end = zb_now_ns() + strtoull(limit, NULL, 10) * 1000 * MS;
	while (zb_now_ns() < end && !shared->failure[0]) {
		i = (unsigned int)(zb_random(&seed) >> 32) % NR_WORKERS;
		if (!pids[i]) {
			pids[i] = start(i, zb_random(&seed));
		} else if (zb_random(&seed) >> 62 == 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
			pids[i] = 0;
			killed++;
		} else if (zb_random(&seed) >> 62 == 0) {
			kill(pids[i], SIGSTOP);
			zb_sleep_ms(100);
			kill(pids[i], SIGCONT);
		}
		administer(self->fd, full, &seed);
		zb_sleep_ms(50);
	}
	for (i = 0; i < NR_WORKERS; i++) {
		if (!pids[i])
			continue;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	chmod(ZB_DEV, 0600);
	zb_write_file(CPU1, "1");
	zb_write_parameter("idle", "0");
	zb_write_parameter("zero_ahead", "0");
	for (i = 0; i < 100 && zb_set_parameter("size", full); i++)
		zb_sleep_ms(100);
	EXPECT_STREQ("", shared->failure);
	EXPECT_EQ(0, zb_vmstat("zb_waiting"));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_STREQ(before, zb_state_of_zones());
	TH_LOG("%lu steps, %lu ranges, %lu requests for ranges waited, %lu times emptied, %lu bytes moved, %lu purged, %u killed",
	       shared->steps, shared->ranges, shared->waited, shared->empties, shared->moved,
	       shared->purged, killed);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * kill -9 of processes that hold buffers by handles, mappings, dma-bufs and pins: all
 * memory is freed.
 */
#include "buffer_test.h"

#include <sched.h>

#define NR_KIDS	200
/* Every 19th child forks a process that holds its buffers as well. */
#define NR_HOLDERS	(NR_KIDS + (NR_KIDS + 18) / 19)

/*
 * Hold buffers in ways that depend on @i, report this through the pipe @say, and wait to be
 * killed. Children that stay busy first wait until the pipe @go is closed, so that they do
 * not slow down the forks.
 */
static void hold(unsigned int i, __u64 page, int say, int go)
{
	struct zb_ioc_alloc a;
	__u32 handles[8], done;
	struct iovec iov;
	char byte;
	int fd = zb_open(), d, pipe[2];
	char *p;

	if (fd < 0 || zb_alloc_length(fd, (1 + i % 37) * page, ZB_GFP_ANYZONE, &a))
		_exit(1);
	p = i % 2 ? zb_map(fd, &a) : NULL;
	if (p == MAP_FAILED)
		_exit(5);
	if (p)
		memset(p, 0xcc, a.length);
	if (i % 3 == 0 && p)
		munmap(p, page);
	if (i % 5 == 0) {
		d = zb_export(fd, a.handle, ZB_EXPORT_RDWR);
		if (d >= 0 && i % 2)
			p = zb_map_at(d, a.length, 0);
		if (p == MAP_FAILED)
			_exit(6);
	}
	if (i % 7 == 0)
		zb_bulk_alloc(fd, 0, handles, 8, &done);
	if (i % 11 == 0 && p && i % 3 && !pipe2(pipe, O_CLOEXEC | O_NONBLOCK)) {
		iov = (struct iovec){ p, page };
		vmsplice(pipe[1], &iov, 1, 0);
	}
	if (i % 13 == 0)
		zb_free(fd, a.handle);
	if (i % 17 == 0)
		close(fd);
	if (i % 19 == 0 && fork() < 0)
		_exit(2);
	if (write(say, "", 1) != 1)
		_exit(3);
	/* a quarter of the children keep allocating until they are killed */
	if (i % 4 == 0 && read(go, &byte, 1) < 0)
		_exit(4);
	for (;;) {
		if (i % 4)
			pause();
		else if (!zb_alloc_order(fd, i % 6, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a))
			zb_free(fd, a.handle);
	}
}

TEST_F_TIMEOUT(zbuddy, kill_200, 150)
{
	pid_t kids[NR_KIDS], group = 0;
	int say[2], go[2];
	unsigned int i;
	char byte;

	ASSERT_EQ(0, pipe(say));
	ASSERT_EQ(0, pipe(go));
	for (i = 0; i < NR_KIDS; i++) {
		kids[i] = fork();
		ASSERT_GE(kids[i], 0);
		if (!kids[i]) {
			setpgid(0, group);
			close(go[1]);
			hold(i, self->page, say[1], go[0]);
		}
		group = group ? group : kids[i];
		setpgid(kids[i], group);
	}
	for (i = 0; i < NR_HOLDERS; i++)
		ASSERT_EQ(1, read(say[0], &byte, 1));
	EXPECT_LT(zb_free_bytes(self->fd), self->free);
	close(go[1]);
	zb_sleep_ms(100);
	/* kill one half one by one and the other half at once */
	for (i = 0; i < NR_KIDS / 2; i++)
		ASSERT_EQ(0, kill(kids[i], SIGKILL));
	ASSERT_EQ(0, kill(-group, SIGKILL));
	for (i = 0; i < NR_KIDS; i++)
		EXPECT_TRUE(zb_wait_killed(kids[i], SIGKILL)) {
			TH_LOG("child %u", i);
		}
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_TRUE(zb_check_ok());
}

/*
 * Kill processes in the middle of allocating, waiting and mapping: 300 of them, or
 * $ZB_TEST_KILLS in a guest where each takes long.
 */
TEST_F_TIMEOUT(zbuddy, kill_at_any_moment, 90)
{
	int i, kills = atoi(getenv("ZB_TEST_KILLS") ?: "300");
	__u64 seed = 11;
	pid_t pid;

	ASSERT_GT(kills, 0);
	for (i = 0; i < kills; i++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			struct zb_ioc_alloc a;
			__u32 handles[64], done;
			int fd = zb_open();

			for (;;) {
				zb_alloc_order(fd, 9, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a);
				zb_map(fd, &a);
				zb_bulk_alloc(fd, 2, handles, 64, &done);
				zb_export(fd, a.handle, 0);
				zb_alloc_wait(fd, 9, 1000000, &a);
			}
		}
		zb_sleep_ms((long)(zb_random(&seed) % 20));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(zb_wait_killed(pid, SIGKILL));
		if (i % 50 == 0)
			ASSERT_EQ(self->free, zb_await_free(self->fd, self->free));
	}
	TH_LOG("%d processes killed", i);
}

/* Allocate and free the largest possible buffer in an endless loop. */
static void clear_for_ever(int fd)
{
	struct zb_ioc_alloc a;
	__u32 order = 10;

	while (!zb_alloc_order(fd, order, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a)) {
		zb_free(fd, a.handle);
		order++;
	}
	for (;;)
		if (!zb_alloc_order(fd, order - 1, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, &a))
			zb_free(fd, a.handle);
}

/* That process spends most of its time clearing memory, which SIGKILL interrupts. */
TEST_F_TIMEOUT(zbuddy, kill_ends_clearing, 120)
{
	long before = zb_vmstat("zb_alloc_killed");
	__u64 seed = 17;
	int i;
	pid_t pid;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_GE(before, 0);
	for (i = 0; i < 100 && zb_vmstat("zb_alloc_killed") == before; i++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			clear_for_ever(self->fd);
		zb_sleep_ms(20 + (long)(zb_random(&seed) % 50));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(zb_wait_killed(pid, SIGKILL));
	}
	TH_LOG("killed while it cleared in round %d", i);
	EXPECT_GT(zb_vmstat("zb_alloc_killed"), before);
}

/* Request all memory in one bulk command, in blocks of 2 MiB. */
static void bulk_all(size_t pages)
{
	static __u32 handles[ZB_BULK_MAX];
	__u32 done, nr = (__u32)(pages >> 9);
	int fd = zb_open();

	zb_bulk_alloc(fd, 9, handles, nr < ZB_BULK_MAX ? nr : ZB_BULK_MAX, &done);
	for (;;)
		pause();
}

/*
 * A process that is killed in the middle of a bulk command does not allocate the rest
 * of its buffers, which pgalloc shows. Repeat if the signal came too late.
 */
TEST_F_TIMEOUT(zbuddy, kill_ends_bulk, 120)
{
	long all = (long)(self->free / self->page), nr = all;
	pid_t pid;
	int i;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	for (i = 0; i < 50 && nr > all * 3 / 4; i++) {
		nr = zb_pgalloc();
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			bulk_all(self->free / self->page);
		while (zb_free_bytes(self->fd) == self->free)
			sched_yield();
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
		nr = zb_pgalloc() - nr;
		EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	}
	TH_LOG("%ld of %ld frames in round %d", nr, all, i);
	EXPECT_LE(nr, all * 3 / 4);
}

TEST_HARNESS_MAIN

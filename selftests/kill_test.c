// SPDX-License-Identifier: GPL-2.0
/*
 * kill -9 of processes that hold buffers in every way there is: each frame
 * comes back.
 */
#include "buffer_test.h"

#define NR_KIDS	200

/* What a child holds is of its number; then it says so, and waits for its end. */
static void hold(unsigned int i, __u64 page, int say)
{
	struct zb_ioc_alloc a;
	__u32 handles[8], done;
	struct iovec iov;
	int fd = zb_open(), d, pipe[2];
	char *p;

	if (fd < 0 || zb_alloc_length(fd, (1 + i % 37) * page, ZB_GFP_ANYZONE, &a))
		_exit(1);
	p = i % 2 ? zb_map(fd, &a) : NULL;
	if (p)
		memset(p, 0xcc, a.length);
	if (i % 3 == 0 && p)
		munmap(p, page);
	if (i % 5 == 0) {
		d = zb_export(fd, a.handle, ZB_EXPORT_RDWR);
		if (d >= 0 && i % 2)
			p = zb_map_at(d, a.length, 0);
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
	/* some are killed while they are at it */
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
	unsigned int i, said;
	int say[2], status;
	char byte;

	ASSERT_EQ(0, pipe(say));
	for (i = 0; i < NR_KIDS; i++) {
		kids[i] = fork();
		ASSERT_GE(kids[i], 0);
		if (!kids[i]) {
			setpgid(0, group);
			hold(i, self->page, say[1]);
		}
		group = group ? group : kids[i];
		setpgid(kids[i], group);
	}
	for (said = 0; said < NR_KIDS; said++)
		ASSERT_EQ(1, read(say[0], &byte, 1));
	EXPECT_LT(zb_free_bytes(self->fd), self->free);
	/* one half one by one, the other at once */
	for (i = 0; i < NR_KIDS / 2; i++)
		ASSERT_EQ(0, kill(kids[i], SIGKILL));
	ASSERT_EQ(0, kill(-group, SIGKILL));
	for (i = 0; i < NR_KIDS; i++) {
		ASSERT_EQ(kids[i], waitpid(kids[i], &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) {
			TH_LOG("child %u ended with %d", i, WEXITSTATUS(status));
		}
	}
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_TRUE(zb_check_ok());
}

/* In the middle of an allocation, of a wait, of a mapping. */
TEST_F_TIMEOUT(zbuddy, kill_at_any_moment, 90)
{
	__u64 seed = 11;
	int i, status;
	pid_t pid;

	for (i = 0; i < 300; i++) {
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
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		if (i % 50 == 0)
			ASSERT_EQ(self->free, zb_await_free(self->fd, self->free));
	}
}

TEST_HARNESS_MAIN

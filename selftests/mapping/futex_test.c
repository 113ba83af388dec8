// SPDX-License-Identifier: GPL-2.0
/*
 * Futexes in a mapping, as documented in the user header: a private futex works between
 * the threads of a process. A shared one fails with EFAULT at once because the kernel
 * identifies it by file and page cache offset, which these pages do not have.
 */
#include "buffer_test.h"

#include <linux/futex.h>
#include <pthread.h>

#define HUGE		(2ul << 20)
#define PATIENCE_MS	20000

static long futex(__u32 *word, int op, __u32 value, const struct timespec *timeout)
{
	long rc = syscall(SYS_futex, word, op, value, timeout, NULL, 0);

	return rc < 0 ? -errno : rc;
}

struct sleeper {
	pthread_t thread;
	__u32 *word;
	long rc;
};

static void *sleep_thread(void *arg)
{
	struct sleeper *s = arg;

	s->rc = futex(s->word, FUTEX_WAIT_PRIVATE, 0, NULL);
	return NULL;
}

/* Wake the thread, however late it begins to wait. */
static void wake(struct __test_metadata *_metadata, struct sleeper *s)
{
	long woken = 0;
	int ms;

	for (ms = 0; ms < PATIENCE_MS && !woken; ms += 5) {
		woken = futex(s->word, FUTEX_WAKE_PRIVATE, 1, NULL);
		ASSERT_LE(0, woken);
		zb_sleep_ms(5);
	}
	EXPECT_EQ(1, woken);
	pthread_join(s->thread, NULL);
	EXPECT_EQ(0, s->rc);
}

static void check_private(struct __test_metadata *_metadata, void *p)
{
	struct sleeper s = { .word = p };

	*s.word = 0;
	EXPECT_EQ(-EAGAIN, futex(s.word, FUTEX_WAIT_PRIVATE, 1, NULL));
	EXPECT_EQ(0, futex(s.word, FUTEX_WAKE_PRIVATE, 1, NULL));
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, sleep_thread, &s));
	wake(_metadata, &s);
	/* with priority inheritance, which the kernel may not support */
	long rc = futex(s.word, FUTEX_LOCK_PI_PRIVATE, 0, NULL);

	if (rc == -ENOSYS)
		return;
	EXPECT_EQ(0, rc);
	EXPECT_EQ((__u32)syscall(SYS_gettid), *s.word & FUTEX_TID_MASK);
	EXPECT_EQ(0, futex(s.word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL));
	EXPECT_EQ(0, *s.word);
}

/* A shared futex fails at once, instead of waiting for a wakeup that can't come. */
static void check_shared(struct __test_metadata *_metadata, void *p)
{
	const struct timespec long_time = { .tv_sec = 1000 };

	*(__u32 *)p = 0;
	EXPECT_EQ(-EFAULT, futex(p, FUTEX_WAIT, 0, &long_time));
	EXPECT_EQ(-EFAULT, futex(p, FUTEX_WAKE, 1, NULL));
	EXPECT_EQ(0, *(__u32 *)p);
}

TEST_F(zbuddy, in_a_mapping)
{
	struct zb_ioc_alloc a;
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 1, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	check_private(_metadata, p);
	check_private(_metadata, p + self->page + 64);
	check_shared(_metadata, p);
}

TEST_F(zbuddy, in_a_huge_mapping)
{
	struct zb_ioc_alloc a;
	char *p;

	if (!(self->info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	ASSERT_EQ(0, zb_alloc_length(self->fd, HUGE, ZB_GFP_ANYZONE, &a));
	p = zb_map_at(self->fd, a.length, a.mmap_huge_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	check_private(_metadata, p);
	check_shared(_metadata, p + 128);
}

TEST_F(zbuddy, in_a_dmabuf)
{
	struct zb_ioc_alloc a;
	char *p;
	int d;

	if (!(self->info.features & ZB_FEATURE_DMABUF))
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	d = zb_export(self->fd, a.handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
	ASSERT_GE(d, 0);
	p = zb_map_at(d, a.length, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	check_private(_metadata, p);
	check_shared(_metadata, p);
}

/* Private futexes at another address or in another process are independent. */
TEST_F(zbuddy, private_futexes_are_independent)
{
	struct sleeper s;
	struct zb_ioc_alloc a;
	__u32 *p, *q;
	pid_t pid;
	int i;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	p = zb_map(self->fd, &a);
	q = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	s = (struct sleeper){ .word = p };
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, sleep_thread, &s));
	for (i = 0; i < 10; i++) {
		zb_sleep_ms(10);
		EXPECT_EQ(0, futex(q, FUTEX_WAKE_PRIVATE, 1, NULL));
	}
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(futex(p, FUTEX_WAKE_PRIVATE, 1, NULL) ? 1 : 0);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	wake(_metadata, &s);
}

TEST_HARNESS_MAIN

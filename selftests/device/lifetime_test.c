// SPDX-License-Identifier: GPL-2.0
/*
 * Lifetime of buffers: they end with FREE or with the last descriptor of their file,
 * but not before their last mapping. The fixture's teardown checks that all memory has
 * been freed.
 */
#include "buffer_test.h"

#include <pthread.h>

#define LENGTH	(1 << 20)
#define BYTE	0x5c

/* @bytes are allocated, by any process. */
#define EXPECT_HELD(bytes)						\
	EXPECT_EQ(self->free - (bytes),					\
		  zb_await_free(self->fd, self->free - (bytes)))

/* A buffer that belongs to an open file of its own. */
struct buffer {
	int fd;
	struct zb_ioc_alloc a;
	char *p;
};

static void get(struct __test_metadata *_metadata, struct buffer *b)
{
	b->fd = zb_open();
	ASSERT_GE(b->fd, 0);
	ASSERT_EQ(0, zb_alloc_length(b->fd, LENGTH, ZB_GFP_ANYZONE, &b->a));
	b->p = NULL;
}

static void get_mapped(struct __test_metadata *_metadata, struct buffer *b)
{
	get(_metadata, b);
	b->p = zb_map(b->fd, &b->a);
	ASSERT_NE(MAP_FAILED, (void *)b->p);
	memset(b->p, BYTE, LENGTH);
}

TEST_F(zbuddy, close_frees)
{
	struct zb_ioc_alloc a;
	struct buffer b;
	int i;

	get(_metadata, &b);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, zb_alloc_order(b.fd, i % 6, ZB_GFP_ANYZONE, &a));
	close(b.fd);
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_F(zbuddy, exit_frees)
{
	struct buffer b;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		get_mapped(_metadata, &b);
		_exit(7);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 7));
	EXPECT_HELD(0);
}

static void hold_until_killed(struct __test_metadata *_metadata, int fd)
{
	struct buffer b[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(b); i++)
		get_mapped(_metadata, &b[i]);
	if (write(fd, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

TEST_F(zbuddy, kill_frees)
{
	int p[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		hold_until_killed(_metadata, p[1]);
	ASSERT_EQ(1, read(p[0], &c, 1));
	EXPECT_HELD(4 * LENGTH);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	EXPECT_HELD(0);
}

/* Kill a process in the middle of an ioctl. */
TEST_F(zbuddy, kill_while_busy)
{
	int round;

	for (round = 0; round < 20; round++) {
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (!pid) {
			struct buffer b;

			for (;;) {
				get_mapped(_metadata, &b);
				munmap(b.p, LENGTH);
				close(b.fd);
			}
		}
		zb_sleep_ms(5 + round);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	}
	EXPECT_HELD(0);
}

TEST_F(zbuddy, dup_keeps)
{
	struct zb_ioc_query q;
	struct buffer b;
	int copy;

	get(_metadata, &b);
	copy = dup(b.fd);
	ASSERT_GE(copy, 0);
	close(b.fd);
	EXPECT_HELD(LENGTH);
	EXPECT_EQ(0, zb_query(copy, b.a.handle, &q));
	close(copy);
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

/* Files opened twice by one process are independent. */
TEST_F(zbuddy, open_is_not_dup)
{
	struct zb_ioc_query q;
	struct buffer b, other;

	get(_metadata, &b);
	get(_metadata, &other);
	close(b.fd);
	EXPECT_HELD(LENGTH);
	EXPECT_EQ(0, zb_query(other.fd, other.a.handle, &q));
	close(other.fd);
}

TEST_F(zbuddy, fork_shares_the_file)
{
	struct zb_ioc_alloc a;
	struct zb_ioc_query q;
	struct buffer b;
	__u32 handle;
	int p[2];
	pid_t pid;

	get(_metadata, &b);
	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (zb_query(b.fd, b.a.handle, &q) || zb_free(b.fd, b.a.handle) ||
		    zb_alloc_order(b.fd, 3, ZB_GFP_ANYZONE, &a) ||
		    write(p[1], &a.handle, 4) != 4)
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(4, read(p[0], &handle, 4));
	ASSERT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(0, zb_query(b.fd, handle, &q));
	EXPECT_EQ(3, q.order);
	if (handle != b.a.handle)
		EXPECT_EQ(-ENOENT, zb_query(b.fd, b.a.handle, &q));
	EXPECT_HELD(8 * self->page);
	close(b.fd);
}

TEST_F(zbuddy, child_outlives_the_parents_descriptor)
{
	struct zb_ioc_query q;
	struct buffer b;
	int p[2];
	pid_t pid;
	char c;

	get(_metadata, &b);
	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(p[1]);
		if (read(p[0], &c, 1))
			_exit(1);
		_exit(zb_query(b.fd, b.a.handle, &q) ? 2 : 0);
	}
	close(b.fd);
	EXPECT_HELD(LENGTH);
	close(p[0]);
	close(p[1]);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_HELD(0);
}

TEST_F(zbuddy, passed_to_another_process)
{
	struct zb_ioc_query q;
	struct buffer b;
	int sock[2], fd;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		get_mapped(_metadata, &b);
		if (zb_send_fd(sock[1], b.fd) ||
		    write(sock[1], &b.a, sizeof(b.a)) != sizeof(b.a))
			_exit(1);
		_exit(0);
	}
	fd = zb_recv_fd(sock[0]);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(sizeof(b.a), read(sock[0], &b.a, sizeof(b.a)));
	ASSERT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(0, zb_query(fd, b.a.handle, &q));
	b.p = zb_map(fd, &b.a);
	ASSERT_NE(MAP_FAILED, (void *)b.p);
	EXPECT_TRUE(zb_all_bytes(b.p, BYTE, LENGTH));
	EXPECT_HELD(LENGTH);
	munmap(b.p, LENGTH);
	close(fd);
	EXPECT_HELD(0);
}

/* The last descriptor is in a socket message that nobody receives. */
TEST_F(zbuddy, lost_in_a_socket)
{
	struct buffer b;
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	get(_metadata, &b);
	ASSERT_EQ(0, zb_send_fd(sock[1], b.fd));
	close(b.fd);
	EXPECT_HELD(LENGTH);
	close(sock[0]);
	close(sock[1]);
	EXPECT_HELD(0);
}

/* Run this program as "--wait FD", which exits at end-of-file on FD. */
static pid_t run_waiter(const char *fd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execl("/proc/self/exe", "lifetime_test", "--wait", fd, NULL);
	_exit(99);
}

static void expect_exec(struct __test_metadata *_metadata,
			FIXTURE_DATA(zbuddy) *self, int cloexec, __u64 held)
{
	struct buffer b;
	char text[16];
	int p[2];
	pid_t pid;

	get_mapped(_metadata, &b);
	ASSERT_EQ(0, fcntl(b.fd, F_SETFD, cloexec));
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, fcntl(p[1], F_SETFD, FD_CLOEXEC));
	snprintf(text, sizeof(text), "%d", p[0]);
	pid = run_waiter(text);
	ASSERT_GT(pid, 0);
	close(b.fd);
	munmap(b.p, LENGTH);
	EXPECT_HELD(held);
	close(p[1]);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_HELD(0);
	close(p[0]);
}

TEST_F(zbuddy, exec_closes)
{
	expect_exec(_metadata, self, FD_CLOEXEC, 0);
}

TEST_F(zbuddy, exec_keeps_without_cloexec)
{
	expect_exec(_metadata, self, 0, LENGTH);
}

/* FREE removes the handle; the mapping and its memory stay until munmap(). */
TEST_F(zbuddy, free_while_mapped)
{
	struct zb_ioc_query q;
	struct buffer b;

	get_mapped(_metadata, &b);
	ASSERT_EQ(0, zb_free(b.fd, b.a.handle));
	EXPECT_EQ(-ENOENT, zb_query(b.fd, b.a.handle, &q));
	EXPECT_EQ(-ENOENT, zb_free(b.fd, b.a.handle));
	EXPECT_EQ(MAP_FAILED, zb_map(b.fd, &b.a));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_HELD(LENGTH);
	EXPECT_GT(zb_scribble(_metadata, self->fd), 0);
	EXPECT_TRUE(zb_all_bytes(b.p, BYTE, LENGTH));
	memset(b.p, BYTE + 1, LENGTH);
	EXPECT_TRUE(zb_all_bytes(b.p, BYTE + 1, LENGTH));
	EXPECT_HELD(LENGTH);
	munmap(b.p, LENGTH);
	EXPECT_HELD(0);
	close(b.fd);
}

TEST_F(zbuddy, close_while_mapped)
{
	struct buffer b;

	get_mapped(_metadata, &b);
	close(b.fd);
	EXPECT_HELD(LENGTH);
	EXPECT_GT(zb_scribble(_metadata, self->fd), 0);
	EXPECT_TRUE(zb_all_bytes(b.p, BYTE, LENGTH));
	memset(b.p, BYTE + 1, LENGTH);
	EXPECT_HELD(LENGTH);
	munmap(b.p, LENGTH);
	EXPECT_HELD(0);
}

/* Two mappings, unmapped piece by piece: the last piece frees the memory. */
TEST_F(zbuddy, free_while_mapped_in_pieces)
{
	struct buffer b;
	char *second;

	get_mapped(_metadata, &b);
	second = zb_map(b.fd, &b.a);
	ASSERT_NE(MAP_FAILED, (void *)second);
	ASSERT_EQ(0, zb_free(b.fd, b.a.handle));
	EXPECT_EQ(0, munmap(b.p + LENGTH / 4, LENGTH / 2));
	EXPECT_HELD(LENGTH);
	EXPECT_EQ(0, munmap(second, LENGTH));
	EXPECT_HELD(LENGTH);
	EXPECT_EQ(0, munmap(b.p, LENGTH / 4));
	EXPECT_HELD(LENGTH);
	EXPECT_GT(zb_scribble(_metadata, self->fd), 0);
	EXPECT_TRUE(zb_all_bytes(b.p + LENGTH / 4 * 3, BYTE, LENGTH / 4));
	EXPECT_EQ(0, munmap(b.p + LENGTH / 4 * 3, LENGTH / 4));
	EXPECT_HELD(0);
	close(b.fd);
}

/* A mapping inherited by fork() holds the buffer as well. */
TEST_F(zbuddy, child_holds_the_mapping)
{
	struct buffer b;
	int p[2];
	pid_t pid;
	char c;

	get_mapped(_metadata, &b);
	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(p[1]);
		close(b.fd);
		if (read(p[0], &c, 1))
			_exit(1);
		_exit(zb_all_bytes(b.p, BYTE, LENGTH) ? 0 : 2);
	}
	close(p[0]);
	munmap(b.p, LENGTH);
	close(b.fd);
	EXPECT_HELD(LENGTH);
	EXPECT_GT(zb_scribble(_metadata, self->fd), 0);
	close(p[1]);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_HELD(0);
}

/* --- races ----------------------------------------------------------------- */

#define ROUNDS	2000

struct race {
	int fd;
	struct zb_ioc_alloc a;
	/* each returns 0, -ENOENT, or an error that is a bug */
	int (*contestant[2])(struct race *race);
	unsigned int arrived, round;
	int wins[2];
	int odd;
};

static int free_once(struct race *race)
{
	return zb_free(race->fd, race->a.handle);
}

static int map_once(struct race *race)
{
	char *p = zb_map(race->fd, &race->a);

	if ((void *)p == MAP_FAILED)
		return -errno;
	p[0] = 1;
	p[race->a.length - 1] = 1;
	munmap(p, race->a.length);
	return 0;
}

/* Wait for the other thread, awake, so that both leave at the same moment. */
static void meet(struct race *race)
{
	unsigned int spins = 0, round = __atomic_load_n(&race->round, __ATOMIC_SEQ_CST);

	if (__atomic_add_fetch(&race->arrived, 1, __ATOMIC_SEQ_CST) == 2) {
		__atomic_store_n(&race->arrived, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&race->round, round + 1, __ATOMIC_SEQ_CST);
	}
	while (__atomic_load_n(&race->round, __ATOMIC_SEQ_CST) == round)
		if (++spins % 1000 == 0)
			sched_yield();
}

static void compete(struct race *race, int me)
{
	int rc;

	meet(race);
	rc = race->contestant[me](race);
	race->wins[me] += !rc;
	if (rc && rc != -ENOENT)
		race->odd = rc;
	meet(race);
}

static void *second_thread(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		compete(arg, 1);
	return NULL;
}

static void run_race(struct __test_metadata *_metadata, struct race *race)
{
	pthread_t thread;
	int i;

	race->fd = zb_open();
	ASSERT_GE(race->fd, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, second_thread, race));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, zb_alloc_order(race->fd, 1, ZB_GFP_ANYZONE, &race->a));
		compete(race, 0);
		EXPECT_EQ(-ENOENT, zb_free(race->fd, race->a.handle));
	}
	pthread_join(thread, NULL);
	close(race->fd);
	EXPECT_EQ(0, race->odd);
}

static __u64 cached_bytes(struct __test_metadata *_metadata, int fd)
{
	struct zb_ioc_info info;
	struct zb_ioc_zone zone;
	__u64 bytes = 0;
	__u32 i;

	ASSERT_EQ(0, zb_info(fd, &info));
	for (i = 0; i < info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(fd, i, &zone));
		bytes += zone.cached_bytes;
	}
	return bytes;
}

/* The last close() of the device drains the per-CPU lists; an earlier one does not. */
TEST_F(zbuddy, last_close_drains)
{
	struct zb_ioc_alloc a;
	int fd = zb_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_free(fd, a.handle));
	close(fd);
	EXPECT_NE(0, cached_bytes(_metadata, self->fd));
	close(self->fd);
	self->fd = zb_open();
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(0, cached_bytes(_metadata, self->fd));
}

TEST_F_TIMEOUT(zbuddy, race_of_two_frees, 60)
{
	struct race race = { .contestant = { free_once, free_once } };

	run_race(_metadata, &race);
	EXPECT_EQ(ROUNDS, race.wins[0] + race.wins[1]);
}

TEST_F_TIMEOUT(zbuddy, race_of_free_and_map, 60)
{
	struct race race = { .contestant = { free_once, map_once } };

	run_race(_metadata, &race);
	EXPECT_EQ(ROUNDS, race.wins[0]);
}

int main(int argc, char **argv)
{
	char c;

	if (argc == 3 && !strcmp(argv[1], "--wait"))
		return read(atoi(argv[2]), &c, 1) ? 1 : 0;
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The file system as several processes and threads use it at once: permissions, passing
 * descriptors, kill -9, races, and unloading the module while it is mounted.
 */
#include "fs_mount.h"

#include <pthread.h>
#include <sched.h>

#define LENGTH	(3 * MIB)

static int as_nobody(int (*call)(FIXTURE_DATA(fs) *self), FIXTURE_DATA(fs) *self)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(255);
		_exit(-call(self));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}

static int mount_again(FIXTURE_DATA(fs) *self)
{
	return fs_mount(self->dir, "");
}

static int open_file(FIXTURE_DATA(fs) *self)
{
	return fs_result(open(self->path, O_RDWR | O_CLOEXEC)) < 0 ? -errno : 0;
}

static int mount_in_namespace(FIXTURE_DATA(fs) *self)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -ENOSYS;
	return fs_mount(self->dir, "");
}

TEST_F(fs, other_users)
{
	int fd = fs_create(self->path, self->page), rc;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, chmod(self->dir, 0777));
	EXPECT_EQ(-EPERM, as_nobody(mount_again, self));
	rc = as_nobody(mount_in_namespace, self);
	EXPECT_TRUE(rc == -EPERM || rc == -ENOSYS) TH_LOG("errno %d", -rc);
	EXPECT_EQ(-EACCES, as_nobody(open_file, self));
	ASSERT_EQ(0, fchown(fd, 65534, 65534));
	EXPECT_EQ(0, as_nobody(open_file, self));
}

/* Another process gets the file through a socket, and maps it. */
TEST_F(fs, pass_descriptor)
{
	int fd = fs_create(self->path, LENGTH), pair[2], got;
	char *p = map_file(fd, LENGTH), *q;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	if (!pid) {
		munmap(p, LENGTH);
		close(fd);
		got = zb_recv_fd(pair[1]);
		q = map_file(got, LENGTH);
		if ((void *)q == MAP_FAILED)
			_exit(1);
		zb_fill(q, 0, LENGTH, 5);
		_exit(0);
	}
	EXPECT_EQ(0, zb_send_fd(pair[0], fd));
	close(fd);
	unlink(self->path);
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 5));
}

/* Hold files in a way that depends on @i until killed. */
static void hold_file(FIXTURE_DATA(fs) *self, int i, int say)
{
	char path[160];
	int fd, pipe[2];
	struct iovec iov;
	char *p;

	snprintf(path, sizeof(path), "%s%d", self->path, i);
	fd = fs_create(path, (off_t)((1 + i % 9) * self->page));
	if (fd < 0)
		_exit(1);
	p = map_file(fd, self->page);
	if ((void *)p == MAP_FAILED)
		_exit(2);
	memset(p, i, self->page);
	if (i % 3 == 0)
		close(fd);
	iov = (struct iovec){ p, 100 };
	if (i % 4 == 0 && (pipe2(pipe, O_CLOEXEC) || vmsplice(pipe[1], &iov, 1, 0) != 100))
		_exit(3);
	if (i % 2)
		unlink(path);
	if (write(say, "", 1) != 1)
		_exit(4);
	for (;;)
		if (i % 5 || pwrite(fd, p, self->page, 0) < 0)
			pause();
}

TEST_F(fs, kill_everything)
{
	pid_t kids[20];
	char path[160], byte;
	int i, fd, say[2];

	ASSERT_EQ(0, pipe2(say, O_CLOEXEC));
	for (i = 0; i < 20; i++) {
		kids[i] = fork();
		ASSERT_GE(kids[i], 0);
		if (!kids[i])
			hold_file(self, i, say[1]);
	}
	for (i = 0; i < 20; i++)
		ASSERT_EQ(1, read(say[0], &byte, 1));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, kill(kids[i], SIGKILL));
	for (i = 0; i < 20; i++)
		EXPECT_TRUE(zb_wait_killed(kids[i], SIGKILL)) TH_LOG("child %d", i);
	/* The files with a name are still there, with their contents. */
	for (i = 0; i < 20; i += 2) {
		snprintf(path, sizeof(path), "%s%d", self->path, i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_EQ(1, read(fd, &byte, 1)) TH_LOG("file %d", i);
		EXPECT_EQ(i, byte);
		close(fd);
		EXPECT_EQ(0, unlink(path));
	}
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

struct crowd {
	const char *path;
	size_t page;
	int stop;
	unsigned int seed, ops, wrong;
};

/* A random operation on one file; counts results that must not occur. */
static void one_operation(struct crowd *c, char *room)
{
	int fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	size_t length = 16 * c->page;
	char *p;

	if (fd < 0)
		return;
	switch (rand_r(&c->seed) % 7) {
	case 0:
		c->wrong += ftruncate(fd, (off_t)length) && errno != EINVAL;
		break;
	case 1:
		c->wrong += ftruncate(fd, 0) && errno != EBUSY;
		break;
	case 2:
		c->wrong += pread(fd, room, length, 0) < 0;
		break;
	case 3:
		memset(room, 'A', length);
		c->wrong += pwrite(fd, room, length, 0) < 0 && errno != ENOSPC;
		break;
	case 4:
		unlink(c->path);
		break;
	default:
		p = map_file(fd, length);
		if ((void *)p == MAP_FAILED) {
			c->wrong += errno != EINVAL;
			break;
		}
		c->wrong += *p != 0 && *p != 'A';
		*p = 'A';
		madvise(p, length, MADV_DONTNEED);
		c->wrong += pread(fd, p + c->page, c->page, 0) < 0;
		munmap(p, length);
	}
	close(fd);
}

static void *crowd_thread(void *arg)
{
	struct crowd *c = arg;
	char *room = malloc(16 * c->page);

	for (; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); c->ops++)
		one_operation(c, room);
	free(room);
	return NULL;
}

/* Threads truncate, read, write, map and remove the same file. */
TEST_F(fs, crowd)
{
	struct crowd c[4];
	pthread_t threads[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		c[i] = (struct crowd){ .path = self->path, .page = self->page, .seed = i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, crowd_thread, &c[i]));
	}
	zb_sleep_ms(1500);
	for (i = 0; i < 4; i++) {
		__atomic_store_n(&c[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, c[i].wrong);
		EXPECT_LT(0, c[i].ops);
	}
	unlink(self->path);
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

#define NR_MOVED	32
#define MOVED_LENGTH	(256 * 1024)

/* Read, rewrite and map the files again and again; counts wrong data. */
static void *use_files(void *arg)
{
	struct crowd *c = arg;
	char *room = malloc(MOVED_LENGTH), path[160], *p;
	int i, fd;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < NR_MOVED; i += 2) {
			snprintf(path, sizeof(path), "%s%d", c->path, i);
			fd = open(path, O_RDWR | O_CLOEXEC);
			c->wrong += pread(fd, room, MOVED_LENGTH, 0) != MOVED_LENGTH ||
				  !zb_filled(room, 0, MOVED_LENGTH, i);
			c->wrong += pwrite(fd, room, MOVED_LENGTH, 0) != MOVED_LENGTH;
			p = map_file(fd, MOVED_LENGTH);
			c->wrong += (void *)p == MAP_FAILED || !zb_filled(p, 0, MOVED_LENGTH, i);
			munmap(p, MOVED_LENGTH);
			close(fd);
		}
	}
	free(room);
	return NULL;
}

/* Compaction moves files while they are read, written and mapped. */
TEST_F(fs, moved_while_used)
{
	struct crowd c = { .path = self->path };
	long moved = zb_vmstat("pgmigrate_success");
	char path[160], *p;
	pthread_t thread;
	int i, fd;

	if (access(ZB_DEBUGFS "compact", W_OK))
		SKIP(return, "no debugfs file compact");
	for (i = 0; i < NR_MOVED; i++) {
		snprintf(path, sizeof(path), "%s%d", self->path, i);
		fd = fs_create(path, MOVED_LENGTH);
		p = map_file(fd, MOVED_LENGTH);
		ASSERT_NE(MAP_FAILED, (void *)p);
		zb_fill(p, 0, MOVED_LENGTH, i);
		munmap(p, MOVED_LENGTH);
		close(fd);
	}
	for (i = 1; i < NR_MOVED; i += 2) {
		snprintf(path, sizeof(path), "%s%d", self->path, i);
		EXPECT_EQ(0, unlink(path));
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, use_files, &c));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, zb_write_file(ZB_DEBUGFS "compact", "1"));
		zb_sleep_ms(20);
	}
	__atomic_store_n(&c.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, c.wrong);
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	TH_LOG("%ld pages moved", zb_vmstat("pgmigrate_success") - moved);
	for (i = 0; i < NR_MOVED; i += 2) {
		snprintf(path, sizeof(path), "%s%d", self->path, i);
		EXPECT_EQ(0, unlink(path));
	}
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

/* Unloading fails while the file system is mounted. */
TEST_F(fs, unload)
{
	close(self->zb.fd);
	EXPECT_EQ(-EAGAIN, zb_unload());
}

TEST_HARNESS_MAIN

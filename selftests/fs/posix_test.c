// SPDX-License-Identifier: GPL-2.0
/*
 * What programs expect of every file system, apart from data: times, links, renaming, holes, locks
 * and flags. It stands for the groups of xfstests that README.md of the tests lists.
 */
#define _GNU_SOURCE
#include "fs_mount.h"

#include <sys/file.h>
#include <sys/syscall.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE	(1 << 0)
#define RENAME_EXCHANGE		(1 << 1)
#define RENAME_WHITEOUT		(1 << 2)
#endif

#define LENGTH	(2 * MIB)

static struct stat stat_of(int fd)
{
	struct stat st = {};

	fstat(fd, &st);
	return st;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* The clock of inodes advances by ticks. */
static struct stat stat_after_a_tick(int fd)
{
	struct stat st = stat_of(fd);

	zb_sleep_ms(20);
	return st;
}

TEST_F(fs, times)
{
	int fd = fs_create(self->path, LENGTH), dir = open(self->dir, O_RDONLY | O_CLOEXEC);
	const struct timespec set[2] = { { 1000, 1 }, { 2000, 2 } };
	const struct timespec year_2100[2] = { { 4102444800, 3 }, { 4102444800, 3 } };
	struct stat old;
	char other[160];

	ASSERT_GE(fd, 0);
	old = stat_after_a_tick(fd);
	ASSERT_EQ(1, pwrite(fd, "a", 1, 0));
	EXPECT_TRUE(later(stat_of(fd).st_mtim, old.st_mtim));
	EXPECT_TRUE(later(stat_of(fd).st_ctim, old.st_ctim));
	old = stat_after_a_tick(fd);
	ASSERT_EQ(0, fchmod(fd, 0640));
	EXPECT_FALSE(later(stat_of(fd).st_mtim, old.st_mtim));
	EXPECT_TRUE(later(stat_of(fd).st_ctim, old.st_ctim));
	ASSERT_EQ(0, futimens(fd, set));
	EXPECT_EQ(1000, stat_of(fd).st_atim.tv_sec);
	EXPECT_EQ(1, stat_of(fd).st_atim.tv_nsec);
	EXPECT_EQ(2000, stat_of(fd).st_mtim.tv_sec);
	EXPECT_EQ(2, stat_of(fd).st_mtim.tv_nsec);
	/* With relatime, the access time advances if it is not later than the others. */
	ASSERT_EQ(1, pread(fd, other, 1, 0));
	EXPECT_LT(1000, stat_of(fd).st_atim.tv_sec);
	ASSERT_EQ(0, futimens(fd, year_2100));
	EXPECT_EQ(4102444800, stat_of(fd).st_mtim.tv_sec);
	old = stat_after_a_tick(dir);
	snprintf(other, sizeof(other), "%s/other", self->dir);
	ASSERT_EQ(0, link(self->path, other));
	EXPECT_TRUE(later(stat_of(dir).st_mtim, old.st_mtim));
	close(dir);
}

TEST_F(fs, links)
{
	int fd = fs_create(self->path, LENGTH), i;
	char other[200], dir[160];

	ASSERT_GE(fd, 0);
	for (i = 2; i < 10; i++) {
		snprintf(other, sizeof(other), "%s/link%d", self->dir, i);
		ASSERT_EQ(0, link(self->path, other));
		EXPECT_EQ(i, stat_of(fd).st_nlink);
	}
	EXPECT_EQ(-EEXIST, fs_result(link(self->path, other)));
	snprintf(dir, sizeof(dir), "%s/dir", self->dir);
	ASSERT_EQ(0, mkdir(dir, 0755));
	snprintf(other, sizeof(other), "%s/a", dir);
	EXPECT_EQ(-EPERM, fs_result(link(dir, other)));
	/* All names are of one buffer. */
	EXPECT_EQ(LENGTH, fs_used(self->dir));
	while (--i > 1) {
		snprintf(other, sizeof(other), "%s/link%d", self->dir, i);
		ASSERT_EQ(0, unlink(other));
	}
	EXPECT_EQ(1, stat_of(fd).st_nlink);
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_EQ(0, stat_of(fd).st_nlink);
	EXPECT_EQ(LENGTH, fs_used(self->dir));
	close(fd);
	EXPECT_EQ(0, fs_used(self->dir));
}

static int rename_with(const char *from, const char *to, unsigned int flags)
{
	return (int)fs_result(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

TEST_F(fs, renaming)
{
	int a = fs_create(self->path, LENGTH), b;
	char other[200], dir[160];
	struct stat st;

	snprintf(other, sizeof(other), "%s/other", self->dir);
	snprintf(dir, sizeof(dir), "%s/dir", self->dir);
	b = fs_create(other, MIB);
	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	ASSERT_EQ(0, mkdir(dir, 0755));
	EXPECT_EQ(-EEXIST, rename_with(self->path, other, RENAME_NOREPLACE));
	EXPECT_EQ(-EINVAL, rename_with(self->path, other, RENAME_WHITEOUT));
	EXPECT_EQ(-EISDIR, rename_with(self->path, dir, 0));
	EXPECT_EQ(-ENOTDIR, rename_with(dir, other, 0));
	EXPECT_EQ(0, rename_with(self->path, other, RENAME_EXCHANGE));
	ASSERT_EQ(0, stat(self->path, &st));
	EXPECT_EQ((off_t)MIB, st.st_size);
	ASSERT_EQ(0, stat(other, &st));
	EXPECT_EQ((off_t)LENGTH, st.st_size);
	/* A file that is replaced loses its memory with its last descriptor. */
	EXPECT_EQ(0, rename_with(other, self->path, 0));
	EXPECT_EQ(0, stat_of(b).st_nlink);
	EXPECT_EQ(LENGTH + MIB, fs_used(self->dir));
	close(b);
	EXPECT_EQ(LENGTH, fs_used(self->dir));
}

/* A file is all data, up to its end. */
TEST_F(fs, holes)
{
	int fd = fs_create(self->path, LENGTH - 10);
	const off_t end = LENGTH - 10;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(5000, lseek(fd, 5000, SEEK_DATA));
	EXPECT_EQ(end, lseek(fd, 0, SEEK_HOLE));
	EXPECT_EQ(end, lseek(fd, end - 1, SEEK_HOLE));
	EXPECT_EQ(-ENXIO, fs_result(lseek(fd, end, SEEK_DATA)));
	EXPECT_EQ(-ENXIO, fs_result(lseek(fd, end, SEEK_HOLE)));
	EXPECT_EQ(-EINVAL, fs_result(lseek(fd, -1, SEEK_SET)));
	EXPECT_EQ(end + 1, lseek(fd, 1, SEEK_END));
	EXPECT_EQ(0, read(fd, self->dir, 1));
}

TEST_F(fs, locks)
{
	int a = fs_create(self->path, LENGTH), b = open(self->path, O_RDWR | O_CLOEXEC);
	struct flock lock = { .l_type = F_WRLCK, .l_start = 100, .l_len = 10 };

	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	EXPECT_EQ(0, flock(a, LOCK_EX | LOCK_NB));
	EXPECT_EQ(-EWOULDBLOCK, fs_result(flock(b, LOCK_EX | LOCK_NB)));
	EXPECT_EQ(0, flock(a, LOCK_UN));
	EXPECT_EQ(0, flock(b, LOCK_EX | LOCK_NB));
	EXPECT_EQ(0, fcntl(a, F_OFD_SETLK, &lock));
	EXPECT_EQ(-EAGAIN, fs_result(fcntl(b, F_OFD_SETLK, &lock)));
	lock.l_start = 110;
	EXPECT_EQ(0, fcntl(b, F_OFD_SETLK, &lock));
	close(b);
}

TEST_F(fs, flags_of_open)
{
	int fd = fs_create(self->path, LENGTH);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(3, pwrite(fd, "abc", 3, 0));
	close(fd);
	EXPECT_EQ(-EEXIST, fs_result(open(self->path, O_CREAT | O_EXCL | O_RDWR, 0600)));
	EXPECT_EQ(-ENOTDIR, fs_result(open(self->path, O_DIRECTORY | O_RDONLY)));
	EXPECT_EQ(-EISDIR, fs_result(open(self->dir, O_RDWR)));
	EXPECT_EQ(-EINVAL, fs_result(open(self->path, O_DIRECT | O_RDWR)));
	/* Appending begins at the end, where nothing can be written. */
	fd = open(self->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-ENOSPC, fs_result(write(fd, "d", 1)));
	EXPECT_EQ(-EBADF, fs_result(read(fd, self->dir, 1)));
	close(fd);
}

TEST_HARNESS_MAIN

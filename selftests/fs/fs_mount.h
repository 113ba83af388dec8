/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture fs: a mount of the file system in a directory of its own. */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define MIB	(1024ul * 1024)

FIXTURE(fs) {
	FIXTURE_DATA(zbuddy) zb;
	__u64 page;
	char dir[64];
	char path[128];	/* a file in it that does not exist yet */
};

static inline int fs_mount(const char *dir, const char *options)
{
	return mount("none", dir, "zbuddy", 0, options) ? -errno : 0;
}

FIXTURE_SETUP(fs)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->page = self->zb.page;
	snprintf(self->dir, sizeof(self->dir), "/tmp/zbuddyfs.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/file", self->dir);
	ASSERT_EQ(0, fs_mount(self->dir, ""));
}

/* The process of the test case has exited, so nothing uses the mount any more. */
FIXTURE_TEARDOWN_PARENT(fs)
{
	int ms;

	for (ms = 0; ms < ZB_PATIENCE_MS && umount(self->dir); ms += 20)
		zb_sleep_ms(20);
	EXPECT_EQ(0, rmdir(self->dir)) TH_LOG("%s: %s", self->dir, strerror(errno));
	zb_teardown(_metadata, &self->zb);
}

/* Create a file; returns a descriptor. */
static inline int fs_create(const char *path, off_t length)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0 && length && ftruncate(fd, length)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline char *map_file(int fd, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* The size of the largest zone in bytes: no file can be longer. */
static inline off_t fs_largest_zone(int fd)
{
	struct zb_ioc_zone zone;
	off_t largest = 0;
	__u32 i;

	for (i = 0; !zb_zone(fd, i, &zone); i++)
		if ((off_t)zone.total_bytes > largest)
			largest = zone.total_bytes;
	return largest;
}

/* The result of a system call as 0 or a positive number, or -errno. */
#define fs_result(call)	({ long result_ = (call); result_ < 0 ? -errno : result_; })

static inline __u64 fs_used(const char *dir)
{
	struct statfs s;

	return statfs(dir, &s) ? 0 : (s.f_blocks - s.f_bfree) * s.f_bsize;
}

#endif /* FS_MOUNT_H */

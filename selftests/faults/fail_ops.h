/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on the device and its files, as functions that return 0 or -errno, with
 * functions that undo them where needed; and the fixture they work on.
 */
#ifndef FAIL_OPS_H
#define FAIL_OPS_H

#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "fail_nth.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define NR_PAGES	1100	/* more than two page tables map */
#define NR_HANDLES	70	/* more than one node of the XArray of handles holds */

FIXTURE(fail) {
	FIXTURE_DATA(zbuddy) zb;
	struct fail_nth nth;
	int fd;
	__u64 page;
	struct zb_ioc_alloc a;
	/* results of operations that create something */
	struct zb_ioc_alloc made;
	__u32 handles[NR_HANDLES], nr, done;
	int new_fd, card;
	__u32 gem;
	char *p;
	const char *path;
	char before[4096], after[4096];
};

FIXTURE_SETUP(fail)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	self->nr = 16;
	if (!fail_init(&self->nth))
		SKIP(return, "no fault injection with stack trace filter in this kernel");
	ASSERT_EQ(0, zb_alloc_length(self->fd, NR_PAGES * self->page, ZB_GFP_ANYZONE, &self->a));
}

FIXTURE_TEARDOWN_PARENT(fail)
{
	zb_teardown(_metadata, &self->zb);
}

#define DATA	FIXTURE_DATA(fail)

/* The number of free blocks of each order. */
static void get_state(DATA *self, char *text)
{
	text[0] = '\0';
	if (!zb_have_debugfs())
		return;
	zb_drain();
	zb_read_file(ZB_DEBUGFS "buddyinfo", text, sizeof(self->before));
}

static void as_before(struct __test_metadata *_metadata, DATA *self, __u64 left, int n)
{
	EXPECT_EQ(left, zb_await_free(self->fd, left)) TH_LOG("after failure %d", n);
	get_state(self, self->after);
	EXPECT_STREQ(self->before, self->after) TH_LOG("after failure %d", n);
	EXPECT_TRUE(zb_check_ok()) TH_LOG("after failure %d", n);
}

static int close_new(DATA *self)
{
	return close(self->new_fd) ? -errno : 0;
}

static int free_made(DATA *self)
{
	return zb_free(self->fd, self->made.handle);
}

static int do_open(DATA *self)
{
	self->new_fd = zb_open();
	return self->new_fd < 0 ? -errno : 0;
}

static int do_alloc(DATA *self)
{
	return zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &self->made);
}

#define GROUPS	"/sys/fs/cgroup/"

/* Move to a new cgroup: its first charge needs an allocation. */
static int new_group(DATA *self)
{
	static int nr;
	char path[64];

	(void)self;
	zb_write_file(GROUPS "cgroup.procs", "0");
	snprintf(path, sizeof(path), GROUPS "zbuddy_fail%d", nr++);
	rmdir(path);
	snprintf(path, sizeof(path), GROUPS "zbuddy_fail%d", nr);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	strcat(path, "/cgroup.procs");
	return zb_write_file(path, "0");
}

static int alloc_trimmed(DATA *self)
{
	return zb_alloc_length(self->fd, 700 * self->page, ZB_GFP_ANYZONE, &self->made);
}

/* A map of the frames that are known to be zero is allocated for a large request. */
static int zero_ahead(DATA *self)
{
	int rc = zb_write_file(ZB_PARAMETERS "zero_ahead", "50");

	if (rc)
		return rc;
	rc = alloc_trimmed(self) ?: free_made(self);
	return zb_write_file(ZB_PARAMETERS "zero_ahead", "0") ?: rc;
}

/* A request that may wait retries after a failure. */
static int alloc_wait(DATA *self)
{
	return zb_alloc_wait(self->fd, 3, 1000000000, &self->made);
}

static int bulk_alloc(DATA *self)
{
	return zb_bulk_alloc(self->fd, 1, self->handles, self->nr, &self->done);
}

/* bulk_alloc() succeeds with fewer buffers; free as many as it reported. */
static int bulk_free(DATA *self)
{
	__u32 want = self->done, done;
	int rc = zb_bulk_free(self->fd, self->handles, want, &done);

	return rc ? rc : done == want ? 0 : -EIO;
}

static int look(DATA *self)
{
	struct zb_ioc_info info;
	struct zb_ioc_zone zone;
	struct zb_ioc_query query;
	struct zb_ioc_phys phys;

	return zb_info(self->fd, &info) ?: zb_zone(self->fd, 0, &zone) ?:
	       zb_query(self->fd, self->a.handle, &query) ?:
	       zb_phys(self->fd, self->a.handle, &phys) ?:
	       zb_label(self->fd, self->a.handle, "video") ?:
	       zb_sync(self->fd, self->a.handle, ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
		       0, self->a.length);
}

static int do_poll(DATA *self)
{
	struct pollfd fds[2] = {
		{ .fd = self->fd, .events = POLLIN },
		{ .fd = self->fd, .events = POLLIN },
	};

	return poll(fds, 2, 10) < 0 ? -errno : 0;
}

static int do_export(DATA *self)
{
	self->new_fd = zb_export(self->fd, self->a.handle, ZB_EXPORT_RDWR);
	return self->new_fd < 0 ? self->new_fd : 0;
}

static int to_file(DATA *self)
{
	self->new_fd = zb_to_file(self->fd, self->a.handle, ZB_FILE_RDWR);
	return self->new_fd < 0 ? self->new_fd : 0;
}

static int from_file(DATA *self)
{
	struct zb_ioc_from_file from;
	int rc = zb_from_file(self->fd, self->new_fd, &from);

	self->made.handle = from.handle;
	return rc;
}

/* As in import_new(), the descriptor is closed in any case. */
static int to_and_from_file(DATA *self)
{
	int rc = to_file(self);

	if (rc)
		return rc;
	rc = from_file(self);
	close(self->new_fd);
	return rc ?: free_made(self);
}

/* Let a buffer lose its memory and get it again. */
static int revive(DATA *self)
{
	struct zb_ioc_alloc a;
	__u32 retained = 0;
	int rc = zb_alloc_order(self->fd, 3, ZB_GFP_TEMPORARY, &a);

	if (rc)
		return rc;
	rc = zb_advise(self->fd, a.handle, ZB_ADVISE_DONTNEED, NULL) ?:
	     zb_write_file(ZB_DEBUGFS "reclaim", "4k") ?:
	     zb_advise(self->fd, a.handle, ZB_ADVISE_WILLNEED, &retained);
	if (!rc && retained)
		rc = -EIO;
	return zb_free(self->fd, a.handle) ? -EIO : rc;
}

/*
 * A discardable buffer at the only addresses that ranges are requested at. Its contents are
 * dropped by each request, and it gets memory of the same addresses again.
 */
static struct zb_ioc_alloc in_the_way;

static int make_discardable(DATA *self)
{
	return zb_advise(self->fd, in_the_way.handle, ZB_ADVISE_WILLNEED, NULL) ?:
	       zb_advise(self->fd, in_the_way.handle, ZB_ADVISE_DONTNEED, NULL);
}

static int put_in_the_way(DATA *self)
{
	struct zb_ioc_alloc a = zb_want_length(self->page << 5, ZB_GFP_TEMPORARY);
	struct zb_ioc_phys phys;
	int rc;

	a.flags |= ZB_BUF_RANGE;
	rc = zb_ioctl(self->fd, ZB_IOC_ALLOC, &a) ?: zb_phys(self->fd, a.handle, &phys) ?:
	     zb_free(self->fd, a.handle);
	if (rc)
		return rc;
	a = zb_want_length(self->page << 5, ZB_GFP_TEMPORARY);
	a.flags |= ZB_BUF_RANGE;
	a.min_addr = phys.addr;
	a.max_addr = phys.addr + (self->page << 5) - 1;
	in_the_way = a;
	return zb_ioctl(self->fd, ZB_IOC_ALLOC, &in_the_way) ?: make_discardable(self);
}

static int alloc_range(DATA *self)
{
	int rc;

	self->made = zb_want_length(self->page << 4, ZB_GFP_TEMPORARY);
	self->made.flags |= ZB_BUF_RANGE;
	self->made.min_addr = in_the_way.min_addr;
	self->made.max_addr = in_the_way.max_addr;
	rc = zb_ioctl(self->fd, ZB_IOC_ALLOC, &self->made);
	/* The discardable buffer may have lost its memory although the request failed. */
	return rc && make_discardable(self) ? -EIO : rc;
}

static int free_range(DATA *self)
{
	return free_made(self) ?: make_discardable(self);
}

static int do_import(DATA *self)
{
	return zb_import(self->card, self->new_fd, &self->gem);
}

static int undo_import(DATA *self)
{
	return zb_unimport(self->card, self->gem);
}

static int unmap(DATA *self)
{
	return munmap(self->p, self->a.length) ? -errno : 0;
}

static int map_from(DATA *self, int fd, __u64 offset)
{
	self->p = zb_map_at(fd, self->a.length, offset);
	return (void *)self->p == MAP_FAILED ? -errno : 0;
}

static int map(DATA *self)
{
	return map_from(self, self->fd, self->a.mmap_offset);
}

static int map_huge(DATA *self)
{
	return map_from(self, self->fd, self->a.mmap_huge_offset);
}

static int map_dmabuf(DATA *self)
{
	return map_from(self, self->new_fd, 0);
}

/* Map at an address without page tables, so that all levels of them must be allocated. */
static int map_far_away_at(DATA *self, unsigned long addr, __u64 offset)
{
	self->p = mmap((void *)addr, self->a.length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, self->fd, (off_t)offset);
	return (void *)self->p == MAP_FAILED ? -errno : 0;
}

static int map_far_away(DATA *self)
{
	return map_far_away_at(self, 0x200000000000ul, self->a.mmap_offset);
}

/* Without huge entries */
static int map_far_away_unaligned(DATA *self)
{
	return map_far_away_at(self, 0x200000001000ul, self->a.mmap_offset);
}

static int throw_away(DATA *self)
{
	return madvise(self->p, self->a.length, MADV_DONTNEED) ? -errno : 0;
}

/* Like an access to each page, but with an errno: a failing page fault would be retried. */
static int populate(DATA *self)
{
	return madvise(self->p, self->a.length, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int touch(DATA *self)
{
	return zb_touch(self->p, true) || zb_touch(self->p + self->a.length - 1, true) ?
	       -EFAULT : 0;
}

static int map_and_touch_far_away(DATA *self)
{
	return map_far_away(self) ?: touch(self);
}

/* Huge mappings are populated by page faults only. */
static int map_and_touch_huge(DATA *self)
{
	return map_huge(self) ?: touch(self);
}

static int map_and_touch_unaligned(DATA *self)
{
	return map_far_away_at(self, 0x200000001000ul, self->a.mmap_huge_offset) ?: touch(self);
}

static int read_to_the_end(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t nr;

	if (fd < 0)
		return -errno;
	do {
		nr = read(fd, text, sizeof(text));
	} while (nr > 0);
	nr = nr < 0 ? -errno : 0;
	close(fd);
	return (int)nr;
}

static int read_path(DATA *self)
{
	return read_to_the_end(self->path);
}

static int read_all(DATA *self)
{
	DIR *dir = opendir(ZB_DEBUGFS);
	struct dirent *entry;
	struct stat st;
	char path[512];
	int rc = 0;

	(void)self;
	while (dir && (rc == 0 || rc == -ENOMEM) && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), ZB_DEBUGFS "%s", entry->d_name);
		/* some can only be written to */
		if (!stat(path, &st) && S_ISREG(st.st_mode) && st.st_mode & 0400)
			rc = read_to_the_end(path);
	}
	if (dir)
		closedir(dir);
	return rc;
}

/* The initial descriptor table of a process has 64 entries, so a 65th file enlarges it. */
static int beyond_fd_table(DATA *self, int (*call)(DATA *self))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		while (dup(self->fd) < 63)
			;
		_exit(-call(self));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}

static int export_beyond_fd_table(DATA *self)
{
	return beyond_fd_table(self, do_export);
}

static int to_file_beyond_fd_table(DATA *self)
{
	return beyond_fd_table(self, to_file);
}

static int import_new(DATA *self)
{
	int rc = do_export(self);

	if (!rc && self->card >= 0) {
		rc = do_import(self);
		if (!rc)
			undo_import(self);
	}
	if (self->new_fd >= 0)
		close(self->new_fd);
	return rc;
}

/* Operations on the file system. Those on files need a mount from mount_fs(). */
#define MOUNT_DIR	"/tmp/zbuddy_fail"
#define MOUNT_FILE	MOUNT_DIR "/file"

static int make_mount_dir(DATA *self)
{
	(void)self;
	return mkdir(MOUNT_DIR, 0755) && errno != EEXIST ? -errno : 0;
}

static int mount_fs(DATA *self)
{
	(void)self;
	return mount("none", MOUNT_DIR, "zbuddy", 0, "size=8M") ? -errno : 0;
}

/* The last reference on a file may be dropped a little later. */
static int unmount_fs(DATA *self)
{
	int ms;

	(void)self;
	for (ms = 0; ms < ZB_PATIENCE_MS && umount(MOUNT_DIR); ms += 20)
		zb_sleep_ms(20);
	return rmdir(MOUNT_DIR) ? -errno : 0;
}

static int create_file(DATA *self)
{
	int rc, fd = open(MOUNT_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	rc = ftruncate(fd, (off_t)self->a.length) ? -errno : 0;
	/* One of the failures is that of the region. */
	if (rc == -ENOSPC)
		rc = -ENOMEM;
	if (rc) {
		close(fd);
		unlink(MOUNT_FILE);
	}
	self->new_fd = fd;
	return rc;
}

static int remove_file(DATA *self)
{
	return unlink(MOUNT_FILE) ? -errno : close_new(self);
}

static int create_dir(DATA *self)
{
	(void)self;
	return mkdir(MOUNT_DIR "/dir", 0755) ? -errno : 0;
}

static int remove_dir(DATA *self)
{
	(void)self;
	return rmdir(MOUNT_DIR "/dir") ? -errno : 0;
}

static int create_nameless(DATA *self)
{
	self->new_fd = open(MOUNT_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return self->new_fd < 0 ? -errno : 0;
}

static int map_file(DATA *self)
{
	return map_from(self, self->new_fd, 0);
}

/* Give half of the memory back to the kernel, and take it again. */
static int shrink(DATA *self)
{
	char size[32];

	snprintf(size, sizeof(size), "%llu", (unsigned long long)self->zb.info.total_bytes / 2);
	return zb_write_file(ZB_PARAMETERS "size", size);
}

static int grow(DATA *self)
{
	char size[32];

	snprintf(size, sizeof(size), "%llu", (unsigned long long)self->zb.info.total_bytes);
	return zb_write_file(ZB_PARAMETERS "size", size);
}

/* Only one allocation fails, so a second attempt succeeds. Reports the failure of the first. */
static int grow_again(DATA *self)
{
	int rc = grow(self);

	return rc ? grow(self) ?: rc : 0;
}

/* Use the file system in all ways. Any of them may fail, except unmounting. */
static int use_fs(DATA *self)
{
	int rc = make_mount_dir(self) ?: mount_fs(self);

	if (rc)
		return rc;
	if (!create_dir(self))
		remove_dir(self);
	if (!create_nameless(self))
		close_new(self);
	if (!create_file(self)) {
		if (!map_file(self))
			unmap(self);
		remove_file(self);
	}
	return unmount_fs(self);
}

#endif /* FAIL_OPS_H */

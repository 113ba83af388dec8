// SPDX-License-Identifier: GPL-2.0
/* Handles as file descriptors, and files as handles: ZB_IOC_TO_FILE and ZB_IOC_FROM_FILE. */
#include "handle.h"
#include "late.h"

#include <sys/xattr.h>

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fs_result(open(path, flags | O_CLOEXEC));
}

/* A descriptor is a file with the length and the contents of the buffer. */
TEST_F(fs, descriptor_is_a_file)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	char *p = zb_map(self->zb.fd, &b.a), *q = map_file(b.fd, LENGTH), room[64];
	struct stat st;

	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	ASSERT_EQ(0, fstat(b.fd, &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	EXPECT_EQ(LENGTH, st.st_size);
	EXPECT_EQ(LENGTH / 512, st.st_blocks);
	EXPECT_EQ(FD_CLOEXEC, fcntl(b.fd, F_GETFD));
	EXPECT_EQ(LENGTH, lseek(b.fd, 0, SEEK_END));
	EXPECT_EQ(0, read(b.fd, room, 1));
	zb_fill(p, 0, LENGTH, 3);
	EXPECT_TRUE(zb_filled(q, 0, LENGTH, 3));
	EXPECT_EQ(64, pread(b.fd, room, 64, 4096));
	EXPECT_TRUE(zb_filled(room, 4096, 64, 3));
	EXPECT_EQ(4, pwrite(b.fd, "disk", 4, LENGTH - 4));
	EXPECT_EQ(0, memcmp(p + LENGTH - 4, "disk", 4));
	EXPECT_EQ(2, zb_mappings(self->zb.fd, b.a.handle));
}

static int set_length(int fd, off_t length)
{
	return fs_result(ftruncate(fd, length));
}

/* Its length is that of the buffer and never changes. */
TEST_F(fs, fixed_length)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);

	EXPECT_EQ(0, set_length(b.fd, LENGTH));
	EXPECT_EQ(-EINVAL, set_length(b.fd, 0));
	EXPECT_EQ(-EINVAL, set_length(b.fd, LENGTH - 1));
	EXPECT_EQ(-EINVAL, set_length(b.fd, LENGTH + 1));
	EXPECT_EQ(-EINVAL, reopen(b.fd, O_RDWR | O_TRUNC));
	EXPECT_EQ(0, fallocate(b.fd, 0, 0, LENGTH));
	EXPECT_EQ(-ENOSPC, fs_result(fallocate(b.fd, 0, 0, LENGTH + 1)));
	EXPECT_EQ(-EOPNOTSUPP, fs_result(fallocate(b.fd, 3, 0, 4096)));
	EXPECT_EQ(-ENOSPC, fs_result(pwrite(b.fd, "x", 1, LENGTH)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH + 4096, PROT_READ, MAP_SHARED, b.fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, b.fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, b.fd, 0));
}

static bool fdinfo_has(int fd, const char *line)
{
	char path[64], text[2048];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	zb_read_file(path, text, sizeof(text));
	return strstr(text, line);
}

/* fdinfo describes the buffer, whoever uses it. */
TEST_F(fs, fdinfo)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	int empty = fs_create(self->path, 0), pipe[2];
	char *p = map_file(b.fd, LENGTH);
	struct iovec iov = { p, 2 * self->page };

	EXPECT_FALSE(fdinfo_has(empty, "zbuddy"));
	EXPECT_TRUE(fdinfo_has(b.fd, "zbuddy-length:\t262144\nzbuddy-node:\t0\nzbuddy-zone:\t"));
	EXPECT_TRUE(fdinfo_has(b.fd, "zbuddy-handles:\t1\nzbuddy-mappings:\t1\n"
				     "zbuddy-exports:\t0\nzbuddy-pins:\t0\n"));
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	ASSERT_EQ(2 * self->page, vmsplice(pipe[1], &iov, 1, 0));
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	EXPECT_TRUE(fdinfo_has(b.fd, "zbuddy-handles:\t0\nzbuddy-mappings:\t1\n"
				     "zbuddy-exports:\t0\nzbuddy-pins:\t2\n"));
}

/* The buffer of a file on a mount can't be marked, not even when only a handle is left. */
TEST_F(fs, file_of_a_mount_is_not_discardable)
{
	struct zb_ioc_from_file from;
	__u32 retained = 0;
	int fd;

	ASSERT_EQ(0, umount(self->dir));
	ASSERT_EQ(0, fs_mount(self->dir, "gfp=reclaimable"));
	fd = fs_create(self->path, LENGTH);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_from_file(self->zb.fd, fd, &from));
	EXPECT_EQ(-EBUSY, zb_advise(self->zb.fd, from.handle, ZB_ADVISE_DONTNEED, NULL));
	EXPECT_EQ(-EBUSY, set_length(fd, 0));
	close(fd);
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_EQ(-EBUSY, zb_advise(self->zb.fd, from.handle, ZB_ADVISE_DONTNEED, NULL));
	EXPECT_EQ(0, zb_advise(self->zb.fd, from.handle, ZB_ADVISE_WILLNEED, &retained));
	EXPECT_EQ(1, retained);
	EXPECT_EQ(0, zb_free(self->zb.fd, from.handle));
	EXPECT_ALL_FREE();
}

static long read_late(struct late *l)
{
	return fs_result(pread(l->fd, l->page, 64, 0));
}

static long from_file_late(struct late *l)
{
	return zb_ioctl(l->fd, ZB_IOC_FROM_FILE, l->page);
}

/*
 * The file is truncated while a handle for its buffer is being made. Then only the handle is
 * left, but a read() that has begun before still uses the frames.
 */
TEST_F(fs, truncated_file_is_not_discardable)
{
	struct zb_ioc_from_file *from;
	struct late reading, making;
	const char *why;
	int fd;

	why = late_init(&reading, read_late, -1) ?: late_init(&making, from_file_late, self->zb.fd);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, umount(self->dir));
	ASSERT_EQ(0, fs_mount(self->dir, "gfp=reclaimable"));
	fd = fs_create(self->path, LENGTH);
	ASSERT_EQ(4, pwrite(fd, "tape", 4, 0));
	reading.fd = fd;
	run_until_late(_metadata, &reading);
	from = making.page;
	*from = (struct zb_ioc_from_file){ .size = sizeof(*from), .fd = fd };
	run_until_late(_metadata, &making);
	EXPECT_EQ(0, set_length(fd, 0));
	finish_late(_metadata, &making);
	ASSERT_EQ(0, making.rc);
	EXPECT_EQ(-EBUSY, zb_advise(self->zb.fd, from->handle, ZB_ADVISE_DONTNEED, NULL));
	finish_late(_metadata, &reading);
	EXPECT_EQ(64, reading.rc);
	EXPECT_EQ(0, memcmp(reading.page, "tape", 4));
	EXPECT_EQ(-EBUSY, zb_advise(self->zb.fd, from->handle, ZB_ADVISE_DONTNEED, NULL));
	EXPECT_EQ(0, zb_free(self->zb.fd, from->handle));
	close(fd);
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_ALL_FREE();
}

/* The name in /proc, and the kind of the file system. */
TEST_F(fs, name_and_kind)
{
	char path[64], name[64] = "";
	struct zb_ioc_alloc a;
	struct statfs st;
	int fd;

	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_label(self->zb.fd, a.handle, "camera-0"));
	fd = zb_to_file(self->zb.fd, a.handle, 0);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_LT(0, readlink(path, name, sizeof(name) - 1));
	EXPECT_STREQ("/zbuddy:camera-0 (deleted)", name);
	ASSERT_EQ(0, fstatfs(fd, &st));
	EXPECT_EQ(0x7a627566, st.f_type);
	EXPECT_EQ(8, fgetxattr(fd, "system.zbuddy.label", name, sizeof(name)));
	EXPECT_EQ(0, memcmp(name, "camera-0", 8));
}

enum { HANDLE, IMPORTED, FILE_, MAPPING, MAPPED_DEVICE, DMABUF, NR_HOLDERS };

struct holders {
	int dev, fd, dmabuf;
	struct zb_ioc_alloc a;
	struct zb_ioc_from_file from;
	char *p, *q;
};

static void drop_holder(struct holders *h, int which)
{
	switch (which) {
	case HANDLE:
		zb_free(h->dev, h->a.handle);
		break;
	case IMPORTED:
		zb_free(h->dev, h->from.handle);
		break;
	case FILE_:
		close(h->fd);
		break;
	case MAPPING:
		munmap(h->p, LENGTH);
		break;
	case MAPPED_DEVICE:
		munmap(h->q, LENGTH);
		break;
	case DMABUF:
		close(h->dmabuf);
	}
}

/* The memory is freed with the last holder of the buffer, whatever kind of holder that is. */
TEST_F(fs, last_holder)
{
	int last, i;

	for (last = 0; last < NR_HOLDERS; last++) {
		struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
		struct holders h = {
			.dev = self->zb.fd, .fd = b.fd, .a = b.a,
			.dmabuf = zb_export(self->zb.fd, b.a.handle, ZB_EXPORT_RDWR),
		};

		ASSERT_EQ(0, zb_from_file(h.dev, h.fd, &h.from));
		h.p = map_file(h.fd, LENGTH);
		h.q = zb_map(h.dev, &h.a);
		ASSERT_NE(MAP_FAILED, (void *)h.p);
		zb_fill(h.p, 0, LENGTH, last);
		for (i = 0; i < NR_HOLDERS; i++)
			if (i != last)
				drop_holder(&h, i);
		if (last == DMABUF && h.dmabuf < 0)
			continue;
		EXPECT_GE(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd))
			TH_LOG("last holder %d", last);
		if (last == MAPPING)
			EXPECT_TRUE(zb_filled(h.p, 0, LENGTH, last));
		if (last == FILE_) {
			h.p = map_file(h.fd, LENGTH);
			EXPECT_TRUE(zb_filled(h.p, 0, LENGTH, last));
			munmap(h.p, LENGTH);
		}
		drop_holder(&h, last);
		EXPECT_ALL_FREE();
	}
}

/* While only a descriptor lives, the buffer is charged to the open file that made it. */
TEST_F(fs, charged_while_open)
{
	char before[32], limit[32];
	struct zb_ioc_from_file from;
	struct both b;
	int other;

	zb_read_file(ZB_PARAMETERS "max_bytes_per_open", before, sizeof(before));
	snprintf(limit, sizeof(limit), "%lu", LENGTH);
	ASSERT_EQ(0, zb_write_file(ZB_PARAMETERS "max_bytes_per_open", limit));
	b = make_both(_metadata, self->zb.fd, 0);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &b.a));
	/* The buffer is not charged to another open file that has a handle of it. */
	other = zb_open();
	EXPECT_EQ(0, zb_from_file(other, b.fd, &from));
	EXPECT_EQ(0, zb_alloc_length(other, LENGTH, ZB_GFP_ANYZONE, &b.a));
	close(b.fd);
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &b.a));
	EXPECT_EQ(0, zb_free(other, from.handle));
	EXPECT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &b.a));
	EXPECT_EQ(0, zb_write_file(ZB_PARAMETERS "max_bytes_per_open", before));
	close(other);
}

/* A descriptor without ZB_FILE_RDWR can't be made writable in any way, not even by root. */
TEST_F(fs, read_only_descriptor)
{
	struct both b = make_both(_metadata, self->zb.fd, 0);
	char *p;

	EXPECT_EQ(MAP_FAILED, (void *)map_file(b.fd, LENGTH));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EBADF, fs_result(pwrite(b.fd, "x", 1, 0)));
	EXPECT_EQ(-EINVAL, set_length(b.fd, 0));
	EXPECT_EQ(-EPERM, reopen(b.fd, O_RDWR));
	EXPECT_EQ(-EPERM, reopen(b.fd, O_WRONLY));
	EXPECT_EQ(-EPERM, reopen(b.fd, O_RDONLY | O_TRUNC));
	EXPECT_EQ(-EPERM, fs_result(fchmod(b.fd, 0666)));
	EXPECT_LT(2, reopen(b.fd, O_RDONLY));
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, b.fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(-EACCES, fs_result(mprotect(p, LENGTH, PROT_READ | PROT_WRITE)));
	/* The handle still allows it. */
	EXPECT_NE(MAP_FAILED, (void *)zb_map(self->zb.fd, &b.a));
}

/* A handle from a read-only descriptor allows no more than the descriptor. */
TEST_F(fs, read_only_handle)
{
	struct both b = make_both(_metadata, self->zb.fd, 0);
	struct zb_ioc_from_file from;
	struct zb_ioc_explain why;
	int dev = self->zb.fd, fd;
	char *p;

	ASSERT_EQ(0, zb_from_file(dev, b.fd, &from));
	EXPECT_EQ(MAP_FAILED, zb_map_at(dev, LENGTH, from.mmap_offset));
	EXPECT_EQ(EACCES, errno);
	if (from.mmap_huge_offset)
		EXPECT_EQ(MAP_FAILED, zb_map_at(dev, LENGTH, from.mmap_huge_offset));
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, dev, (off_t)from.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(-EACCES, fs_result(mprotect(p, LENGTH, PROT_READ | PROT_WRITE)));
	EXPECT_EQ(-EACCES, zb_to_file(dev, from.handle, ZB_FILE_RDWR));
	ASSERT_EQ(0, zb_explain(dev, &why));
	EXPECT_EQ(ZB_CAUSE_FILE_MODE, why.cause);
	EXPECT_EQ(-EACCES, zb_label(dev, from.handle, "mine"));
	EXPECT_EQ(-EACCES, zb_sync(dev, from.handle, ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
				   0, LENGTH));
	EXPECT_EQ(0, zb_sync(dev, from.handle, ZB_SYNC_FOR_DEVICE | ZB_SYNC_TO_DEVICE,
			     0, LENGTH));
	if (self->zb.info.features & ZB_FEATURE_DMABUF) {
		EXPECT_EQ(-EACCES, zb_export(dev, from.handle, ZB_EXPORT_RDWR));
		fd = zb_export(dev, from.handle, 0);
		EXPECT_GE(fd, 0);
		/* So does a handle from a read-only dma-buf. */
		ASSERT_EQ(0, zb_from_file(dev, fd, &from));
		EXPECT_EQ(-EACCES, zb_to_file(dev, from.handle, ZB_FILE_RDWR));
	}
	fd = zb_to_file(dev, from.handle, 0);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(0, zb_free(dev, from.handle));
}

/* A descriptor allows no more than the mode of the device file. */
TEST_F(fs, mode_of_the_device)
{
	static const int modes[] = { O_RDONLY, O_WRONLY };
	struct zb_ioc_alloc a;
	int i, fd;

	for (i = 0; i < 2; i++) {
		int dev = open(ZB_DEV, modes[i] | O_CLOEXEC);

		ASSERT_EQ(0, zb_alloc_order(dev, 0, ZB_GFP_ANYZONE, &a));
		EXPECT_EQ(-EACCES, zb_to_file(dev, a.handle, ZB_FILE_RDWR));
		fd = zb_to_file(dev, a.handle, 0);
		EXPECT_TRUE(modes[i] == O_RDONLY ? fd >= 0 : fd == -EACCES) TH_LOG("%d", fd);
		close(dev);
	}
}

/* All commands work on the buffer of a file of a mount. */
TEST_F(fs, handle_of_a_named_file)
{
	int fd = fs_create(self->path, LENGTH - 100), dev = self->zb.fd, other;
	struct zb_ioc_from_file from;
	struct zb_ioc_query q;
	struct zb_ioc_phys phys;
	char text[64] = "", *p, *r;

	ASSERT_EQ(0, zb_from_file(dev, fd, &from));
	EXPECT_EQ(LENGTH, from.length);
	ASSERT_EQ(0, zb_query(dev, from.handle, &q));
	EXPECT_EQ(LENGTH, q.length);
	EXPECT_EQ(from.mmap_offset, q.mmap_offset);
	EXPECT_EQ(from.mmap_huge_offset, q.mmap_huge_offset);
	ASSERT_EQ(0, zb_phys(dev, from.handle, &phys));
	EXPECT_LT(0, fgetxattr(fd, "system.zbuddy.address", text, sizeof(text) - 1));
	EXPECT_EQ(phys.addr, strtoull(text, NULL, 0));
	p = zb_map_at(dev, LENGTH, from.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, LENGTH, 7);
	r = malloc(LENGTH);
	EXPECT_EQ(LENGTH - 100, pread(fd, r, LENGTH, 0));
	EXPECT_EQ(0, memcmp(p, r, LENGTH - 100));
	free(r);
	EXPECT_EQ(-EBUSY, set_length(fd, 0));
	munmap(p, LENGTH);
	EXPECT_EQ(-EBUSY, set_length(fd, 0));
	other = zb_to_file(dev, from.handle, ZB_FILE_RDWR);
	ASSERT_GE(other, 0);
	EXPECT_EQ(0, zb_free(dev, from.handle));
	EXPECT_EQ(-EBUSY, set_length(fd, 0));
	EXPECT_EQ(LENGTH, lseek(other, 0, SEEK_END));
	EXPECT_EQ(0, unlink(self->path));
	close(fd);
	p = map_file(other, LENGTH);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 7));
	munmap(p, LENGTH);
	/* The buffer is still charged to the mount. */
	EXPECT_EQ(LENGTH, fs_used(self->dir));
	close(other);
	EXPECT_EQ(0, fs_used(self->dir));
	EXPECT_ALL_FREE();
}

/* A handle keeps the memory of a file, but not the mount. */
TEST_F(fs, handle_outlives_the_mount)
{
	int fd = fs_create(self->path, LENGTH);
	struct zb_ioc_from_file from;
	char *p = map_file(fd, LENGTH);

	zb_fill(p, 0, LENGTH, 9);
	munmap(p, LENGTH);
	ASSERT_EQ(0, zb_from_file(self->zb.fd, fd, &from));
	close(fd);
	ASSERT_EQ(0, umount(self->dir));
	p = zb_map_at(self->zb.fd, LENGTH, from.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_filled(p, 0, LENGTH, 9));
	munmap(p, LENGTH);
	EXPECT_EQ(0, zb_free(self->zb.fd, from.handle));
	EXPECT_ALL_FREE();
	EXPECT_EQ(0, fs_mount(self->dir, ""));
}

/* A dma-buf becomes a handle, and its buffer a file. */
TEST_F(fs, handle_of_a_dmabuf)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	int dmabuf = zb_export(self->zb.fd, b.a.handle, ZB_EXPORT_RDWR), fd;
	struct zb_ioc_from_file from;
	char *p;

	if (dmabuf == -EOPNOTSUPP)
		SKIP(return, "no dma-bufs in this kernel");
	ASSERT_EQ(0, zb_from_file(self->zb.fd, dmabuf, &from));
	EXPECT_NE(b.a.handle, from.handle);
	EXPECT_NE(b.a.mmap_offset, from.mmap_offset);
	fd = zb_to_file(self->zb.fd, from.handle, ZB_FILE_RDWR);
	EXPECT_EQ(4, pwrite(fd, "tape", 4, 4096));
	EXPECT_EQ(1, zb_exports(self->zb.fd, from.handle));
	p = zb_map(self->zb.fd, &b.a);
	EXPECT_EQ(0, memcmp(p + 4096, "tape", 4));
}

/* Buffers of the dma-heap have no handle before. */
TEST_F(fs, handle_of_a_heap_buffer)
{
	int heap = open(ZB_HEAP, O_RDWR | O_CLOEXEC), dmabuf;
	struct zb_ioc_from_file from;
	struct zb_ioc_query q;

	if (heap < 0)
		SKIP(return, "no " ZB_HEAP);
	dmabuf = zb_heap_alloc(heap, LENGTH);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, zb_from_file(self->zb.fd, dmabuf, &from));
	close(dmabuf);
	ASSERT_EQ(0, zb_query(self->zb.fd, from.handle, &q));
	EXPECT_EQ(LENGTH, q.length);
	EXPECT_EQ(0, zb_free(self->zb.fd, from.handle));
	EXPECT_ALL_FREE();
}

/* Two handles of one buffer are independent. */
TEST_F(fs, two_handles)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	struct zb_ioc_from_file from, elsewhere;
	struct zb_ioc_query q;
	int other = zb_open();
	__u32 pair[2], done;

	ASSERT_EQ(0, zb_from_file(self->zb.fd, b.fd, &from));
	ASSERT_EQ(0, zb_from_file(other, b.fd, &elsewhere));
	close(b.fd);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	EXPECT_EQ(-ENOENT, zb_free(self->zb.fd, b.a.handle));
	ASSERT_EQ(0, zb_query(self->zb.fd, from.handle, &q));
	EXPECT_EQ(LENGTH, q.length);
	/* BULK_FREE stops at a handle that appears twice. */
	pair[0] = from.handle;
	pair[1] = from.handle;
	EXPECT_EQ(0, zb_bulk_free(self->zb.fd, pair, 2, &done));
	EXPECT_EQ(1, done);
	EXPECT_EQ(-ENOENT, zb_query(self->zb.fd, from.handle, &q));
	EXPECT_EQ(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd));
	close(other);
	EXPECT_ALL_FREE();
}

static int from(FIXTURE_DATA(fs) *self, int fd)
{
	struct zb_ioc_from_file f;

	return zb_from_file(self->zb.fd, fd, &f);
}

TEST_F(fs, bad_descriptors)
{
	int fds[2], path = open(self->dir, O_PATH | O_CLOEXEC);
	struct zb_ioc_explain why;
	int fd = fs_create(self->path, 0);

	EXPECT_EQ(-EBADF, from(self, -1));
	EXPECT_EQ(-EBADF, from(self, 1000000));
	EXPECT_EQ(-EBADF, from(self, path));
	EXPECT_EQ(-EINVAL, from(self, self->zb.fd));
	EXPECT_EQ(-EINVAL, from(self, open("/dev/null", O_RDWR | O_CLOEXEC)));
	EXPECT_EQ(-EINVAL, from(self, open(self->dir, O_RDONLY | O_CLOEXEC)));
	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	EXPECT_EQ(-EINVAL, from(self, fds[0]));
	/* A file without a length has no buffer. */
	EXPECT_EQ(-EINVAL, from(self, fd));
	ASSERT_EQ(0, zb_explain(self->zb.fd, &why));
	EXPECT_EQ(ZB_CAUSE_FIELD, why.cause);
	EXPECT_STREQ("fd", why.field);
	EXPECT_EQ(fd, why.value);
	ASSERT_EQ(0, ftruncate(fd, LENGTH));
	EXPECT_EQ(-EACCES, from(self, open(self->path, O_WRONLY | O_CLOEXEC)));
	EXPECT_EQ(0, from(self, fd));
	EXPECT_EQ(-ENOENT, zb_to_file(self->zb.fd, ZB_NO_HANDLE, 0));
}

/* If the result can't be written, there is neither a descriptor nor a handle. */
TEST_F(fs, result_not_written)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	unsigned int before = zb_nr_open();
	struct zb_ioc_from_file from;
	void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	*(struct zb_ioc_to_file *)room = (struct zb_ioc_to_file){
		.size = sizeof(struct zb_ioc_to_file), .handle = b.a.handle,
	};
	ASSERT_EQ(0, mprotect(room, 4096, PROT_READ));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, zb_ioctl(self->zb.fd, ZB_IOC_TO_FILE, room));
	EXPECT_EQ(before, zb_nr_open());
	ASSERT_EQ(0, mprotect(room, 4096, PROT_READ | PROT_WRITE));
	*(struct zb_ioc_from_file *)room = (struct zb_ioc_from_file){
		.size = sizeof(struct zb_ioc_from_file), .fd = b.fd,
	};
	ASSERT_EQ(0, mprotect(room, 4096, PROT_READ));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, zb_ioctl(self->zb.fd, ZB_IOC_FROM_FILE, room));
	ASSERT_EQ(0, zb_from_file(self->zb.fd, b.fd, &from));
	EXPECT_EQ(0, zb_free(self->zb.fd, from.handle));
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	close(b.fd);
	EXPECT_ALL_FREE();
}

TEST_HARNESS_MAIN

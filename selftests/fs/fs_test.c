// SPDX-License-Identifier: GPL-2.0
/*
 * The file system: a regular file is one contiguous buffer. Lengths, reading and writing,
 * mapping, attributes, and that nobody sees the data of another file.
 */
#include "fs_mount.h"

#include <sys/sendfile.h>
#include <sys/xattr.h>

#define LENGTH	(3 * MIB)

TEST_F(fs, length_is_set_once)
{
	int fd = fs_create(self->path, 0);
	struct stat st;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, ftruncate(fd, LENGTH));
	EXPECT_EQ(0, ftruncate(fd, LENGTH));
	EXPECT_EQ(-EINVAL, fs_result(ftruncate(fd, LENGTH + 1)));
	EXPECT_EQ(-EINVAL, fs_result(ftruncate(fd, 1)));
	EXPECT_EQ(-EINVAL, fs_result(truncate(self->path, 2 * LENGTH)));
	EXPECT_EQ(-EINVAL, fs_result(ftruncate(fd, -1)));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(LENGTH, st.st_size);
	EXPECT_EQ(LENGTH / 512, st.st_blocks);
	EXPECT_EQ(LENGTH, fs_used(self->dir));
	EXPECT_EQ(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd));
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, fs_used(self->dir));
	EXPECT_EQ(self->zb.free, zb_free_bytes(self->zb.fd));
	EXPECT_EQ(0, ftruncate(fd, self->page));
	close(fd);
	fd = open(self->path, O_RDWR | O_TRUNC | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, fs_used(self->dir));
}

TEST_F(fs, odd_length)
{
	int fd = fs_create(self->path, self->page + 100);
	char *p, text[200];
	struct stat st;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(self->page + 100, st.st_size);
	EXPECT_EQ(2 * self->page / 512, st.st_blocks);
	memset(text, 'x', sizeof(text));
	EXPECT_EQ(100, pwrite(fd, text, 200, (off_t)self->page));
	EXPECT_EQ(50, pread(fd, text, 200, (off_t)self->page + 50));
	p = map_file(fd, 2 * self->page);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p + self->page, 'x', 100));
	EXPECT_TRUE(zb_all_bytes(p + self->page + 100, 0, self->page - 100));
}

TEST_F(fs, fallocate)
{
	int fd = fs_create(self->path, 0), mode;

	ASSERT_GE(fd, 0);
	for (mode = 1; mode <= 0x100; mode <<= 1)
		EXPECT_EQ(-EOPNOTSUPP, fs_result(fallocate(fd, mode, 0, MIB)));
	EXPECT_EQ(0, fallocate(fd, 0, MIB, LENGTH - MIB));
	EXPECT_EQ(LENGTH, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, posix_fallocate(fd, 0, LENGTH));
	EXPECT_EQ(ENOSPC, posix_fallocate(fd, 0, LENGTH + 1));
	EXPECT_EQ(-EOPNOTSUPP,
		  fs_result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MIB)));
	EXPECT_EQ(LENGTH, fs_used(self->dir));
}

TEST_F(fs, read_and_write)
{
	int fd = fs_create(self->path, 0), copy = memfd_create("copy", MFD_CLOEXEC);
	char *data = malloc(LENGTH + 1), *back = malloc(LENGTH + 1);
	char *bad = (char *)(uintptr_t)self->page;
	struct iovec iov[2] = { { data, 100 }, { data + 100, 5000 } };
	off_t max = fs_largest_zone(self->zb.fd);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, read(fd, back, 1));
	EXPECT_EQ(-ENOSPC, fs_result(write(fd, data, 1)));
	ASSERT_EQ(0, ftruncate(fd, LENGTH));
	EXPECT_EQ(LENGTH, read(fd, back, LENGTH + 1));
	EXPECT_TRUE(zb_all_bytes(back, 0, LENGTH));
	zb_fill(data, 0, LENGTH, 7);
	EXPECT_EQ(LENGTH, pwrite(fd, data, LENGTH + 1, 0));
	EXPECT_EQ(LENGTH, pread(fd, back, LENGTH + 1, 0));
	EXPECT_EQ(0, memcmp(data, back, LENGTH));
	EXPECT_EQ(4999, pread(fd, back, 4999, 12345));
	EXPECT_EQ(0, memcmp(data + 12345, back, 4999));
	EXPECT_EQ(5100, pwritev(fd, iov, 2, 4000));
	EXPECT_EQ(5100, pread(fd, back, 5100, 4000));
	EXPECT_EQ(0, memcmp(data, back, 5100));
	EXPECT_EQ(0, pread(fd, back, 1, LENGTH));
	EXPECT_EQ(-ENOSPC, fs_result(pwrite(fd, data, 1, LENGTH)));
	EXPECT_EQ(-EFBIG, fs_result(pwrite(fd, data, 1, max)));
	EXPECT_EQ(-EFAULT, fs_result(pwrite(fd, bad, 100, 0)));
	EXPECT_EQ(-EFAULT, fs_result(pread(fd, bad, 100, 0)));
	EXPECT_EQ(0, pwrite(fd, bad, 0, 0));
	EXPECT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	EXPECT_EQ(-ENOSPC, fs_result(write(fd, data, 1)));
	EXPECT_EQ(0, fcntl(fd, F_SETFL, 0));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(-EINVAL, fs_result(fcntl(fd, F_SETLEASE, F_WRLCK)));
	EXPECT_EQ(LENGTH, pwrite(fd, data, LENGTH, 0));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(LENGTH, sendfile(copy, fd, NULL, LENGTH + 1));
	EXPECT_EQ(LENGTH, pread(copy, back, LENGTH, 0));
	EXPECT_EQ(0, memcmp(data, back, LENGTH));
	memset(back, 0, LENGTH);
	EXPECT_EQ(LENGTH, pwrite(fd, back, LENGTH, 0));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(0, lseek(copy, 0, SEEK_SET));
	EXPECT_EQ(LENGTH, sendfile(fd, copy, NULL, LENGTH));
	EXPECT_EQ(LENGTH, pread(fd, back, LENGTH, 0));
	EXPECT_EQ(0, memcmp(data, back, LENGTH));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(LENGTH, lseek(fd, 0, SEEK_HOLE));
	EXPECT_EQ(-ENXIO, fs_result(lseek(fd, LENGTH, SEEK_DATA)));
}

TEST_F(fs, map)
{
	int fd = fs_create(self->path, 0), ro;
	char *p, *q, back[100];

	ASSERT_GE(fd, 0);
	EXPECT_EQ(MAP_FAILED, (void *)map_file(fd, self->page));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, ftruncate(fd, LENGTH));
	p = map_file(fd, LENGTH);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, LENGTH));
	EXPECT_EQ(MAP_FAILED, (void *)map_file(fd, LENGTH + 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, LENGTH));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	EXPECT_EQ(EPERM, errno);

	ro = open(self->path, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(ro, 0);
	EXPECT_EQ(MAP_FAILED, (void *)map_file(ro, LENGTH));
	EXPECT_EQ(EACCES, errno);
	q = mmap(NULL, self->page, PROT_READ, MAP_SHARED, ro, LENGTH - self->page);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_EQ(-EACCES, fs_result(mprotect(q, self->page, PROT_READ | PROT_WRITE)));
	close(ro);

	memcpy(p + LENGTH - self->page, "mapped", 7);
	EXPECT_STREQ("mapped", q);
	EXPECT_EQ(7, pread(fd, back, 7, LENGTH - (off_t)self->page));
	EXPECT_STREQ("mapped", back);
	EXPECT_EQ(8, pwrite(fd, "written", 8, LENGTH - (off_t)self->page));
	EXPECT_STREQ("written", q);
	EXPECT_EQ(0, madvise(p, LENGTH, MADV_DONTNEED));
	EXPECT_STREQ("written", p + LENGTH - self->page);
	EXPECT_EQ(-EOPNOTSUPP, fs_result(madvise(p, LENGTH, MADV_REMOVE)));
	EXPECT_EQ(0, madvise(p, LENGTH, MADV_WILLNEED));
	EXPECT_EQ(0, msync(p, LENGTH, MS_SYNC));
	EXPECT_EQ(0, mprotect(p, MIB, PROT_READ));
	EXPECT_EQ(SIGSEGV, zb_touch(p, true));
	EXPECT_EQ(0, zb_touch(p + MIB, true));
}

/* mremap(), remap_file_pages(), a partial munmap() and fork() keep the buffer. */
TEST_F(fs, copies_of_a_mapping)
{
	int fd = fs_create(self->path, LENGTH);
	char *p = map_file(fd, LENGTH), *q = map_file(fd, LENGTH), *r;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_NE(MAP_FAILED, (void *)q);
	zb_fill(p, 0, LENGTH, 3);
	close(fd);
	ASSERT_EQ(0, unlink(self->path));
	r = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r = mremap(q, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, r);
	ASSERT_NE(MAP_FAILED, (void *)r);
	EXPECT_EQ(0, munmap(p, LENGTH));
	EXPECT_EQ(0, munmap(r + MIB, MIB));
	EXPECT_TRUE(zb_filled(r, 0, MIB, 3));
	EXPECT_EQ(0, syscall(SYS_remap_file_pages, r, MIB, 0, 2 * MIB / self->page, 0));
	EXPECT_EQ(0, memcmp(r, r + 2 * MIB, MIB));
	pid = fork();
	if (!pid)
		_exit(memcmp(r, r + 2 * MIB, MIB) || zb_touch(r, true));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	EXPECT_EQ(1, r[0]);
	EXPECT_EQ(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd));
	EXPECT_EQ(0, munmap(r, MIB));
	EXPECT_EQ(0, munmap(r + 2 * MIB, MIB));
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

/* The buffer is freed when the last link, descriptor, mapping and pin is gone. */
TEST_F(fs, lifetime)
{
	int fd = fs_create(self->path, LENGTH), pipe[2];
	__u64 less = self->zb.free - LENGTH;
	struct iovec iov;
	char link_path[140], byte[8];
	char *p;

	ASSERT_GE(fd, 0);
	snprintf(link_path, sizeof(link_path), "%s2", self->path);
	ASSERT_EQ(0, link(self->path, link_path));
	ASSERT_EQ(0, unlink(self->path));
	EXPECT_EQ(5, write(fd, "bytes", 5));
	close(fd);
	EXPECT_EQ(less, zb_free_bytes(self->zb.fd));
	fd = open(link_path, O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, unlink(link_path));
	EXPECT_EQ(5, read(fd, byte, 5));
	p = map_file(fd, LENGTH);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(fd);
	EXPECT_EQ(0, memcmp(p, "bytes", 5));
	EXPECT_EQ(less, zb_free_bytes(self->zb.fd));
	ASSERT_EQ(0, pipe2(pipe, O_CLOEXEC));
	iov = (struct iovec){ p, 5 };
	ASSERT_EQ(5, vmsplice(pipe[1], &iov, 1, 0));
	EXPECT_EQ(0, munmap(p, LENGTH));
	zb_sleep_ms(300);
	EXPECT_EQ(less, zb_free_bytes(self->zb.fd));
	EXPECT_EQ(LENGTH, fs_used(self->dir));
	EXPECT_EQ(5, read(pipe[0], byte, 5));
	EXPECT_EQ(0, memcmp(byte, "bytes", 5));
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
	EXPECT_EQ(0, fs_used(self->dir));
}

TEST_F(fs, truncating_a_mapped_file)
{
	int fd = fs_create(self->path, LENGTH);
	char *p = map_file(fd, self->page);

	ASSERT_NE(MAP_FAILED, (void *)p);
	memcpy(p, "kept", 5);
	EXPECT_EQ(-EBUSY, fs_result(ftruncate(fd, 0)));
	EXPECT_EQ(-EBUSY, fs_result(open(self->path, O_RDWR | O_TRUNC | O_CLOEXEC)));
	EXPECT_EQ(LENGTH, lseek(fd, 0, SEEK_END));
	EXPECT_STREQ("kept", p);
	munmap(p, self->page);
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

TEST_F(fs, full_region)
{
	off_t max = fs_largest_zone(self->zb.fd);
	char path[140];
	int fd = fs_create(self->path, 0), other, nr = 0;
	__u64 left;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EFBIG, fs_result(ftruncate(fd, max + 1)));
	EXPECT_EQ(EFBIG, posix_fallocate(fd, 0, max + 1));
	do {
		snprintf(path, sizeof(path), "%s%d", self->path, nr++);
		other = fs_create(path, 4 * MIB);
		if (other >= 0)
			close(other);
	} while (other >= 0);
	EXPECT_EQ(ENOSPC, errno);
	left = zb_free_bytes(self->zb.fd);
	EXPECT_EQ(-ENOSPC, fs_result(ftruncate(fd, 4 * MIB)));
	EXPECT_EQ(ENOSPC, posix_fallocate(fd, 0, 4 * MIB));
	EXPECT_EQ(left, zb_free_bytes(self->zb.fd));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
	EXPECT_EQ((nr - 1) * 4 * MIB, self->zb.free - left);
	while (nr--) {
		snprintf(path, sizeof(path), "%s%d", self->path, nr);
		EXPECT_EQ(0, unlink(path));
	}
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
	EXPECT_EQ(0, ftruncate(fd, 4 * MIB));
}

/* A file that no block can hold consists of several blocks side by side. */
TEST_F(fs, longer_than_a_block)
{
	off_t block = (off_t)(self->page << self->zb.info.max_order);
	off_t length = block + 3 * MIB;
	int fd = fs_create(self->path, 0);
	char *p;

	ASSERT_GE(fd, 0);
	if (fs_largest_zone(self->zb.fd) < length)
		SKIP(return, "no zone is larger than its largest block");
	ASSERT_EQ(0, ftruncate(fd, length));
	p = map_file(fd, length);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_TRUE(zb_all_bytes(p, 0, length));
	zb_fill(p, 0, length, 5);
	EXPECT_TRUE(zb_filled(p, 0, length, 5));
	munmap(p, length);
	EXPECT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

/* Return the GFP flags of the buffer of a file, or 0. */
static __u32 gfp_of(int device, int fd)
{
	struct zb_ioc_from_file from;
	struct zb_ioc_query q;
	__u32 gfp;

	if (zb_from_file(device, fd, &from))
		return 0;
	gfp = zb_query(device, from.handle, &q) ? 0 : q.gfp;
	zb_free(device, from.handle);
	return gfp;
}

/* The first attempt for a large file takes only what is free, but that is no property of it. */
TEST_F(fs, flags_do_not_depend_on_length)
{
	char path[160];
	int small, large;

	snprintf(path, sizeof(path), "%s-large", self->path);
	small = fs_create(self->path, self->page);
	large = fs_create(path, 4 * MIB);
	ASSERT_LE(0, small);
	ASSERT_LE(0, large);
	EXPECT_NE(0, gfp_of(self->zb.fd, small));
	EXPECT_EQ(gfp_of(self->zb.fd, small), gfp_of(self->zb.fd, large));
	unlink(path);
}

/* Return the physical address of a file, or 0. */
static __u64 address_of(int fd)
{
	char text[32] = "";

	return fgetxattr(fd, "system.zbuddy.address", text, sizeof(text) - 1) < 0 ?
	       0 : strtoull(text, NULL, 16);
}

/* Two neighbours are freed that are no buddies, among files that can't be moved. */
TEST_F(fs, two_that_are_no_buddies)
{
	const off_t length = 2 * MIB;
	char path[160], dir[64] = "/tmp/zbuddyfs.XXXXXX";
	int fds[512], nr, i, first = -1, second = -1;
	__u64 at[512];

	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, fs_mount(dir, "gfp=highuser"));
	for (nr = 0; nr < 512; nr++) {
		snprintf(path, sizeof(path), "%s/%d", dir, nr);
		fds[nr] = fs_create(path, length);
		if (fds[nr] < 0)
			break;
		at[nr] = address_of(fds[nr]);
		unlink(path);
	}
	ASSERT_LT(2, nr);
	ASSERT_NE(0, at[0]);
	for (i = 0; i < nr * nr && second < 0; i++)
		if (at[i % nr] == at[i / nr] + length && at[i % nr] % (2 * length) == 0) {
			first = i / nr;
			second = i % nr;
		}
	ASSERT_LE(0, second);
	close(fds[first]);
	close(fds[second]);
	snprintf(path, sizeof(path), "%s/both", dir);
	i = fs_create(path, 2 * length);
	EXPECT_LE(0, i) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(at[first], address_of(i));
	close(i);
	unlink(path);
	while (nr--)
		if (nr != first && nr != second)
			close(fds[nr]);
	EXPECT_EQ(0, umount(dir));
	EXPECT_EQ(0, rmdir(dir));
}

/* The limits of a mount and of a user. */
TEST_F(fs, quotas)
{
	char dir[64] = "/tmp/zbuddyfs.XXXXXX", path[160];
	int a, b, fd = fs_create(self->path, MIB);
	char *p;

	ASSERT_GE(fd, 0);
	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, fs_mount(dir, "size=4M"));
	snprintf(path, sizeof(path), "%s/a", dir);
	a = fs_create(path, LENGTH);
	ASSERT_GE(a, 0);
	snprintf(path, sizeof(path), "%s/b", dir);
	b = fs_create(path, 0);
	EXPECT_EQ(-ENOSPC, fs_result(ftruncate(b, 2 * MIB)));
	EXPECT_EQ(0, ftruncate(b, MIB));
	EXPECT_EQ(4 * MIB, fs_used(dir));
	/* A file without a name still counts. */
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(4 * MIB, fs_used(dir));
	p = map_file(b, MIB);
	close(b);
	EXPECT_EQ(4 * MIB, fs_used(dir));
	EXPECT_EQ(-EBUSY, fs_result(umount(dir)));
	close(a);
	EXPECT_EQ(-EBUSY, fs_result(umount(dir)));
	EXPECT_EQ(0, munmap(p, MIB));
	EXPECT_EQ(LENGTH, fs_used(dir));

	EXPECT_EQ(0, zb_set_parameter("max_bytes_per_user", 5 * MIB));
	snprintf(path, sizeof(path), "%s2", self->path);
	a = fs_create(path, 0);
	EXPECT_EQ(-EDQUOT, fs_result(ftruncate(a, 2 * MIB)));
	EXPECT_EQ(0, ftruncate(a, MIB));
	EXPECT_EQ(0, zb_set_parameter("max_bytes_per_user", 0));
	EXPECT_EQ(0, umount(dir));
	EXPECT_EQ(0, rmdir(dir));
}

/* Whatever was in the memory before, a new file reads as zeroes. */
TEST_F(fs, no_stale_data)
{
	__u64 bytes = zb_scribble(_metadata, self->zb.fd);
	char path[140], *back = malloc(MIB), *p;
	int fd, nr, round;

	EXPECT_GT(bytes, 4 * MIB);
	for (round = 0; round < 2; round++) {
		for (nr = 0;; nr++) {
			snprintf(path, sizeof(path), "%s%d", self->path, nr);
			fd = fs_create(path, MIB);
			if (fd < 0)
				break;
			ASSERT_EQ(MIB, read(fd, back, MIB));
			ASSERT_TRUE(zb_all_bytes(back, 0, MIB));
			p = map_file(fd, MIB);
			ASSERT_NE(MAP_FAILED, (void *)p);
			ASSERT_TRUE(zb_all_bytes(p, 0, MIB));
			munmap(p, MIB);
			memset(back, 0xdd, MIB);
			ASSERT_EQ(MIB, pwrite(fd, back, MIB, 0));
			close(fd);
		}
		EXPECT_GT(nr, 4);
		for (; nr >= 0; nr--) {
			snprintf(path, sizeof(path), "%s%d", self->path, nr);
			unlink(path);
		}
		EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
	}
}

/* Reading a file into its own mapping must not deadlock, even if the pages must fault. */
TEST_F(fs, copy_within_a_file)
{
	int fd = fs_create(self->path, LENGTH);
	char *p = map_file(fd, LENGTH);

	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, MIB, 9);
	EXPECT_EQ(0, madvise(p, LENGTH, MADV_DONTNEED));
	EXPECT_EQ(MIB, pread(fd, p + MIB, MIB, 0));
	EXPECT_EQ(0, madvise(p, LENGTH, MADV_DONTNEED));
	EXPECT_EQ(MIB, pwrite(fd, p + MIB, MIB, 2 * MIB));
	EXPECT_TRUE(zb_filled(p, 0, MIB, 9));
	EXPECT_EQ(0, memcmp(p, p + 2 * MIB, MIB));
}

TEST_F(fs, attributes)
{
	int fd = fs_create(self->path, 0);
	char text[256], *p;
	struct zb_ioc_zone zone;
	ssize_t nr;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, flistxattr(fd, text, sizeof(text)));
	EXPECT_EQ(-ENODATA, fs_result(fgetxattr(fd, "system.zbuddy.node", text, 10)));
	ASSERT_EQ(0, ftruncate(fd, LENGTH));
	nr = flistxattr(fd, text, sizeof(text));
	/* the address is not listed */
	EXPECT_EQ(3, ({
		int count = 0;

		for (p = text; p < text + nr; p += strlen(p) + 1)
			count += !strncmp(p, "system.zbuddy.", 14);
		count;
	}));
	ASSERT_EQ(0, zb_zone(self->zb.fd, 0, &zone));
	nr = fgetxattr(fd, "system.zbuddy.node", text, sizeof(text));
	ASSERT_GT(nr, 0);
	text[nr] = '\0';
	EXPECT_EQ(zone.node, atoi(text));
	EXPECT_EQ(nr, fgetxattr(fd, "system.zbuddy.node", NULL, 0));
	nr = fgetxattr(fd, "system.zbuddy.label", text, sizeof(text));
	EXPECT_EQ(4, nr);
	EXPECT_EQ(0, memcmp(text, "file", 4));
	EXPECT_EQ(-ERANGE, fs_result(fgetxattr(fd, "system.zbuddy.label", text, 3)));
	EXPECT_GT(fgetxattr(fd, "system.zbuddy.zone", text, sizeof(text)), 2);
	EXPECT_LT(0, fgetxattr(fd, "system.zbuddy.address", NULL, 0));
	nr = fgetxattr(fd, "system.zbuddy.address", text, sizeof(text));
	ASSERT_GT(nr, 2);
	text[nr] = '\0';
	EXPECT_EQ(0, strtoull(text, NULL, 0) % self->page);
	EXPECT_NE(0, strtoull(text, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, fs_result(fsetxattr(fd, "system.zbuddy.node", "1", 1, 0)));
	EXPECT_EQ(-EOPNOTSUPP, fs_result(fsetxattr(fd, "user.a", "1", 1, 0)));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	EXPECT_EQ(-EPERM, fs_result(fgetxattr(fd, "system.zbuddy.address", text, 100)));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, true));
}

TEST_F(fs, names)
{
	char sub[140], moved[160], line[512], label[32];
	int fd = fs_create(self->path, self->page), tmp;

	snprintf(sub, sizeof(sub), "%s/dir", self->dir);
	snprintf(moved, sizeof(moved), "%s/frame buffer", sub);
	ASSERT_EQ(0, mkdir(sub, 0755));
	EXPECT_EQ(0, rename(self->path, moved));
	EXPECT_EQ(-ENOTEMPTY, fs_result(rmdir(sub)));
	EXPECT_EQ(12, fgetxattr(fd, "system.zbuddy.label", label, sizeof(label)));
	EXPECT_EQ(0, memcmp(label, "frame_buffer", 12));
	if (zb_have_debugfs()) {
		zb_owner_line(getpid(), 0, line, sizeof(line));
		EXPECT_NE(NULL, strstr(line, " label frame_buffer "));
		EXPECT_NE(NULL, strstr(line, " state file\n"));
	}
	tmp = open(sub, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ASSERT_GE(tmp, 0);
	EXPECT_EQ(0, ftruncate(tmp, MIB));
	EXPECT_EQ(-EPERM, fs_result(symlink("a", self->path)));
	EXPECT_EQ(-EPERM, fs_result(mkfifo(self->path, 0600)));
	EXPECT_EQ(0, unlink(moved));
	EXPECT_EQ(0, rmdir(sub));
}

TEST_HARNESS_MAIN

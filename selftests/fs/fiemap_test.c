// SPDX-License-Identifier: GPL-2.0
/* FIEMAP: a file is one extent, and only CAP_SYS_RAWIO shows its physical address. */
#include "fs_mount.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/xattr.h>

#define LENGTH		(3 * MIB)
#define ALL		(~0ull)
#define NR_EXTENTS	4u

struct map {
	struct fiemap head;
	struct fiemap_extent extents[NR_EXTENTS];
};

/* Returns the number of extents in the range, or -errno. */
static int look_at(int fd, struct map *map, __u64 start, __u64 length, __u32 room)
{
	*map = (struct map){ .head = {
		.fm_start = start, .fm_length = length, .fm_extent_count = room,
	} };
	return ioctl(fd, FS_IOC_FIEMAP, map) ? -errno : (int)map->head.fm_mapped_extents;
}

/* The physical address from the attribute; the buffer is not moved any more afterwards. */
static __u64 fixed_address(int fd)
{
	char text[32] = "";

	return fgetxattr(fd, "system.zbuddy.address", text, sizeof(text) - 1) < 0 ?
	       0 : strtoull(text, NULL, 16);
}

/* The frames of all pageblocks that have to stay in their place, or -1. */
static long frames_that_stay(void)
{
	FILE *f = fopen(ZB_DEBUGFS "pageblocks", "re");
	char line[200], *at;
	long sum = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "pinned ");
		sum += at ? strtol(at + strlen("pinned "), NULL, 10) : 0;
	}
	fclose(f);
	return sum;
}

TEST_F(fs, one_extent)
{
	const off_t length = LENGTH + 100;
	int fd = fs_create(self->path, length);
	const struct fiemap_extent *e;
	struct map map;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(1, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	e = &map.extents[0];
	EXPECT_EQ(0, e->fe_logical);
	EXPECT_EQ(LENGTH + self->page, e->fe_length);
	EXPECT_EQ(FIEMAP_EXTENT_LAST, e->fe_flags);
	EXPECT_NE(0, e->fe_physical);
	EXPECT_EQ(fixed_address(fd), e->fe_physical);
	EXPECT_EQ(0, map.extents[1].fe_length);
}

TEST_F(fs, without_capability)
{
	int fd = fs_create(self->path, LENGTH);
	struct map map;

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	EXPECT_EQ(1, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, true));
	EXPECT_EQ(0, map.extents[0].fe_physical);
	EXPECT_EQ(LENGTH, map.extents[0].fe_length);
	EXPECT_EQ(FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_UNKNOWN, map.extents[0].fe_flags);
}

/* Unlike the attribute, FIEMAP does not keep the buffer in its place. */
TEST_F(fs, the_buffer_can_still_be_moved)
{
	long before = frames_that_stay();
	struct map map;
	int fd;

	if (before < 0)
		SKIP(return, "no debugfs file pageblocks");
	fd = fs_create(self->path, LENGTH);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(before, frames_that_stay());
	EXPECT_EQ(1, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	EXPECT_EQ(before, frames_that_stay());
	EXPECT_NE(0, fixed_address(fd));
	EXPECT_EQ(before + (long)(LENGTH / self->page), frames_that_stay());
}

TEST_F(fs, parts)
{
	int fd = fs_create(self->path, LENGTH);
	struct map map;

	ASSERT_GE(fd, 0);
	/* An extent is told as a whole, even if only a part of it is in the range. */
	EXPECT_EQ(1, look_at(fd, &map, MIB, 1, NR_EXTENTS));
	EXPECT_EQ(0, map.extents[0].fe_logical);
	EXPECT_EQ(LENGTH, map.extents[0].fe_length);
	EXPECT_EQ(1, look_at(fd, &map, LENGTH - 1, ALL, 1));
	EXPECT_EQ(0, look_at(fd, &map, LENGTH, MIB, NR_EXTENTS));
	/* Without room, the extents are only counted. */
	EXPECT_EQ(1, look_at(fd, &map, 0, ALL, 0));
	EXPECT_EQ(0, map.extents[0].fe_length);
}

TEST_F(fs, without_contents)
{
	int fd = fs_create(self->path, 0), dir;
	struct map map;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	ASSERT_EQ(0, ftruncate(fd, MIB));
	EXPECT_EQ(1, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(0, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	dir = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(-EOPNOTSUPP, look_at(dir, &map, 0, ALL, NR_EXTENTS));
	close(dir);
}

TEST_F(fs, file_without_a_name)
{
	struct zb_ioc_alloc a;
	struct map map;
	int fd;

	ASSERT_EQ(0, zb_alloc_length(self->zb.fd, LENGTH, ZB_GFP_ANYZONE, &a));
	fd = zb_to_file(self->zb.fd, a.handle, ZB_FILE_RDWR | ZB_FILE_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(1, look_at(fd, &map, 0, ALL, NR_EXTENTS));
	EXPECT_EQ(LENGTH, map.extents[0].fe_length);
	EXPECT_EQ(fixed_address(fd), map.extents[0].fe_physical);
	close(fd);
	EXPECT_EQ(0, zb_free(self->zb.fd, a.handle));
}

TEST_F(fs, bad_requests)
{
	struct map map = { .head = { .fm_length = ALL, .fm_flags = FIEMAP_FLAG_XATTR } };
	int fd = fs_create(self->path, LENGTH);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EBADR, fs_result(ioctl(fd, FS_IOC_FIEMAP, &map)));
	EXPECT_EQ(-EFAULT, fs_result(ioctl(fd, FS_IOC_FIEMAP, NULL)));
	EXPECT_EQ(-EINVAL, look_at(fd, &map, 0, 0, NR_EXTENTS));
	EXPECT_EQ(-EFBIG, look_at(fd, &map, ALL, 1, NR_EXTENTS));
	EXPECT_EQ(-EINVAL, look_at(fd, &map, 0, ALL, ~0u));
	map.head = (struct fiemap){ .fm_length = ALL, .fm_flags = FIEMAP_FLAG_SYNC };
	EXPECT_EQ(0, fs_result(ioctl(fd, FS_IOC_FIEMAP, &map)));
	EXPECT_EQ(1, map.head.fm_mapped_extents);
}

TEST_HARNESS_MAIN

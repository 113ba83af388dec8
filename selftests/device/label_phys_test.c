// SPDX-License-Identifier: GPL-2.0
/*
 * The commands LABEL, PHYS and SYNC: the name of a buffer, its physical address, and
 * the coherency between CPU and device.
 */
#include "buffer_test.h"

static struct zb_ioc_alloc get(struct __test_metadata *_metadata,
			       FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_alloc a = { 0 };

	ASSERT_EQ(0, zb_alloc_length(self->fd, 5 * self->page, ZB_GFP_ANYZONE, &a));
	return a;
}

static bool labelled(__u32 handle, const char *label)
{
	char line[512], want[64];

	zb_owner_line(getpid(), handle, line, sizeof(line));
	snprintf(want, sizeof(want), " label %s ", label);
	if (strstr(line, want))
		return true;
	printf("# owners: %s\n", line);
	return false;
}

TEST_F(zbuddy, label)
{
	const char *longest = "0123456789abcdefghijklmnopqrstu";
	struct zb_ioc_alloc a = get(_metadata, self), b = get(_metadata, self);

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	EXPECT_TRUE(labelled(a.handle, "-"));
	ASSERT_EQ(0, zb_label(self->fd, a.handle, "camera"));
	EXPECT_TRUE(labelled(a.handle, "camera"));
	EXPECT_TRUE(labelled(b.handle, "-"));
	ASSERT_EQ(ZB_LABEL_LEN - 1, strlen(longest));
	ASSERT_EQ(0, zb_label(self->fd, a.handle, longest));
	EXPECT_TRUE(labelled(a.handle, longest));
	ASSERT_EQ(0, zb_label(self->fd, a.handle, "!~%s%n"));
	EXPECT_TRUE(labelled(a.handle, "!~%s%n"));
	ASSERT_EQ(0, zb_label(self->fd, a.handle, ""));
	EXPECT_TRUE(labelled(a.handle, "-"));
}

TEST_F(zbuddy, label_without_an_end)
{
	struct zb_ioc_alloc a = get(_metadata, self);

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, zb_label(self->fd, a.handle, "before"));
	EXPECT_EQ(-EINVAL, zb_label(self->fd, a.handle,
				    "0123456789abcdefghijklmnopqrstuv"));
	EXPECT_TRUE(labelled(a.handle, "before"));
}

/* Labels are printed as one word of a line: blanks and control characters are refused. */
TEST_F(zbuddy, label_characters)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	char text[8] = "a_z";
	int c;

	for (c = 1; c < 256; c++) {
		bool good = c > ' ' && c < 127;

		text[1] = (char)c;
		EXPECT_EQ(good ? 0 : -EINVAL, zb_label(self->fd, a.handle, text)) {
			TH_LOG("character %d", c);
		}
	}
}

TEST_F(zbuddy, unknown_handles)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	__u32 bad[] = { 0, ZB_NO_HANDLE, ~0u, a.handle };
	int other = zb_open();
	struct zb_ioc_phys p;
	size_t i;

	ASSERT_GE(other, 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-ENOENT, zb_label(other, bad[i], "x"));
		EXPECT_EQ(-ENOENT, zb_phys(other, bad[i], &p));
		EXPECT_EQ(-ENOENT, zb_sync(other, bad[i],
					   ZB_SYNC_FOR_CPU | ZB_SYNC_TO_DEVICE, 0, 1));
		EXPECT_EQ(-ENOENT, zb_export(other, bad[i], 0));
	}
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-ENOENT, zb_label(self->fd, a.handle, "x"));
	EXPECT_EQ(-ENOENT, zb_phys(self->fd, a.handle, &p));
	EXPECT_EQ(-ENOENT, zb_export(self->fd, a.handle, 0));
	close(other);
}

/* The frame number of a mapped page, which the kernel reveals to root only. */
static __u64 pfn_of(void *p, __u64 page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, (off_t)((__u64)p / page * 8)) != 8)
		entry = 0;
	close(fd);
	return entry & ((1ull << 55) - 1);
}

TEST_F(zbuddy, phys)
{
	struct zb_ioc_alloc a, b;
	struct zb_ioc_phys pa, pb;
	size_t i;
	char *p;

	if (geteuid())
		SKIP(return, "must be root");
	ASSERT_EQ(0, zb_alloc_length(self->fd, 37 * self->page, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 4, ZB_GFP_ANYZONE, &b));
	ASSERT_EQ(0, zb_phys(self->fd, a.handle, &pa));
	ASSERT_EQ(0, zb_phys(self->fd, b.handle, &pb));
	EXPECT_EQ(a.length, pa.length);
	EXPECT_EQ(b.length, pb.length);
	EXPECT_EQ(0, pa.addr % (self->page << a.order));
	EXPECT_EQ(0, pb.addr % (self->page << b.order));
	EXPECT_TRUE(pa.addr + pa.length <= pb.addr || pb.addr + pb.length <= pa.addr);
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	if (!pfn_of(p, self->page))
		SKIP(return, "no pagemap");
	for (i = 0; i < 37; i++)
		EXPECT_EQ(pa.addr / self->page + i, pfn_of(p + i * self->page, self->page));
}

TEST_F(zbuddy, phys_needs_a_capability)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	struct zb_ioc_phys p;
	pid_t pid;

	if (geteuid())
		SKIP(return, "must be root");
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		if (zb_phys(self->fd, a.handle, &p) != -EPERM || p.addr || p.length)
			_exit(2);
		/* EPERM does not reveal whether the handle exists */
		_exit(zb_phys(self->fd, ZB_NO_HANDLE, &p) == -EPERM ? 0 : 3);
	}
	EXPECT_TRUE(zb_wait_exit(pid, 0));
}

TEST_F(zbuddy, sync_flags)
{
	struct zb_ioc_alloc a = get(_metadata, self);
	__u32 flags;

	for (flags = 0; flags < 32; flags++) {
		__u32 who = flags & (ZB_SYNC_FOR_CPU | ZB_SYNC_FOR_DEVICE);
		__u32 dir = flags & (ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE);
		bool good = (who == ZB_SYNC_FOR_CPU || who == ZB_SYNC_FOR_DEVICE) &&
			    dir && flags < 16;

		EXPECT_EQ(good ? 0 : -EINVAL,
			  zb_sync(self->fd, a.handle, flags, 0, a.length)) {
			TH_LOG("flags %#x", flags);
		}
	}
}

TEST_F(zbuddy, sync_range)
{
	const __u32 flags = ZB_SYNC_FOR_DEVICE | ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE;
	struct zb_ioc_alloc a = get(_metadata, self);
	const struct { __u64 offset, length; int err; } tab[] = {
		{ 0, a.length, 0 }, { 0, 1, 0 }, { a.length - 1, 1, 0 },
		{ self->page - 1, 2, 0 }, { 17, a.length - 17, 0 },
		{ 0, 0, EINVAL }, { 0, a.length + 1, EINVAL },
		{ a.length, 1, EINVAL }, { a.length, 0, EINVAL },
		{ 1, a.length, EINVAL }, { ~0ull, 1, EINVAL },
		{ ~0ull, 2, EINVAL }, { 1, ~0ull, EINVAL }, { 0, ~0ull, EINVAL },
		{ 1ull << 63, 1ull << 63, EINVAL }, { 1ull << 32, 1, EINVAL },
		{ 0, (1ull << 32) + 1, EINVAL },
	};
	char *p = zb_map(self->fd, &a);
	size_t i;

	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a.length, 3);
	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		EXPECT_EQ(-tab[i].err, zb_sync(self->fd, a.handle, flags,
					       tab[i].offset, tab[i].length)) {
			TH_LOG("line %zu of the table", i);
		}
	}
	EXPECT_TRUE(zb_filled(p, 0, a.length, 3));
}

TEST_F(zbuddy, sync_the_largest)
{
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_order(self->fd, self->info.max_order,
				    ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC, &a));
	EXPECT_EQ(0, zb_sync(self->fd, a.handle, ZB_SYNC_FOR_DEVICE | ZB_SYNC_TO_DEVICE,
			     0, a.length));
	EXPECT_EQ(0, zb_sync(self->fd, a.handle, ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
			     0, a.length));
}

TEST_HARNESS_MAIN

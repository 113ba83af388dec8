// SPDX-License-Identifier: GPL-2.0
/*
 * Error paths: for each operation on the device and its files, the first, the second, ...
 * kernel allocation fails in turn. The operation succeeds or fails with ENOMEM, and
 * afterwards the free blocks are the same as before.
 * Needs CONFIG_FAULT_INJECTION, FAILSLAB and FAIL_PAGE_ALLOC.
 */
#include "fail_ops.h"

#define MAX_NTH		600

/*
 * Run @prepare and then @call, with the n-th allocation of @call failing, for each n; run
 * @undo if @call succeeds nevertheless. Returns the number of allocations.
 */
static int fail_pass(struct __test_metadata *_metadata, DATA *self,
		     int (*prepare)(DATA *), int (*call)(DATA *), int (*undo)(DATA *))
{
	__u64 left = zb_free_bytes(self->fd);
	int n, rc, failed = 0;
	bool hit = true;

	get_state(self, self->before);
	for (n = 1; hit && n < MAX_NTH; n++) {
		rc = prepare ? prepare(self) : 0;
		EXPECT_EQ(0, rc);
		fail_arm(&self->nth, n);
		rc = call(self);
		hit = fail_disarm(&self->nth);
		failed += !!rc;
		EXPECT_TRUE(!rc || (rc == -ENOMEM && hit)) TH_LOG("failure %d: errno %d", n, -rc);
		EXPECT_TRUE(rc || !undo || !undo(self)) TH_LOG("undo after failure %d", n);
		as_before(_metadata, self, left, n);
	}
	TH_LOG("%d kernel allocations, %d failures", n - 2, failed);
	EXPECT_FALSE(hit);
	return n - 2;
}

/* Both passes of fail_pass(); @points is the minimum number of allocations to be found. */
static void fail_each(struct __test_metadata *_metadata, DATA *self,
		      int (*prepare)(DATA *), int (*call)(DATA *), int (*undo)(DATA *),
		      int points)
{
	int pass, found = 0;

	for (pass = 0; pass < FAIL_NR_PASSES; pass++) {
		fail_choose_pass(pass, 0, ~0ul);
		found += fail_pass(_metadata, self, prepare, call, undo);
	}
	EXPECT_GE(found, points);
}

TEST_F(fail, open)
{
	fail_each(_metadata, self, NULL, do_open, close_new, 3);
}

TEST_F(fail, alloc)
{
	fail_each(_metadata, self, NULL, do_alloc, free_made, 2);
}

/* The first buffer of a user allocates the accounting structure as well. */
TEST_F(fail, alloc_first)
{
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	fail_each(_metadata, self, NULL, do_alloc, free_made, 3);
}

/* The first buffer of a cgroup. */
TEST_F(fail, alloc_accounted)
{
	if (!(self->zb.info.features & ZB_FEATURE_DMEM) ||
	    zb_write_file(GROUPS "cgroup.subtree_control", "+dmem") || new_group(self))
		SKIP(return, "no dmem controller");
	fail_each(_metadata, self, new_group, do_alloc, free_made, 3);
	zb_write_file(GROUPS "cgroup.procs", "0");
}

TEST_F(fail, alloc_trimmed)
{
	fail_each(_metadata, self, NULL, alloc_trimmed, free_made, 2);
}

TEST_F(fail, zero_ahead)
{
	fail_each(_metadata, self, NULL, zero_ahead, NULL, 3);
}

TEST_F(fail, alloc_wait)
{
	fail_each(_metadata, self, NULL, alloc_wait, free_made, 2);
}

TEST_F(fail, bulk_alloc)
{
	fail_each(_metadata, self, NULL, bulk_alloc, bulk_free, (int)self->nr);
}

/* Operations that free memory or only read state must not need any. */
TEST_F(fail, free)
{
	fail_each(_metadata, self, do_alloc, free_made, NULL, 0);
}

TEST_F(fail, bulk_free)
{
	fail_each(_metadata, self, bulk_alloc, bulk_free, NULL, 0);
}

TEST_F(fail, info_zone_query_phys_label_sync)
{
	fail_each(_metadata, self, NULL, look, NULL, 0);
}

TEST_F(fail, poll)
{
	fail_each(_metadata, self, NULL, do_poll, NULL, 0);
}

TEST_F(fail, export)
{
	unsigned int before = zb_nr_open();

	fail_each(_metadata, self, NULL, do_export, close_new, 3);
	EXPECT_EQ(before, zb_nr_open());
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

TEST_F(fail, to_file_and_from_file)
{
	unsigned int before = zb_nr_open();

	fail_each(_metadata, self, NULL, to_file, close_new, 4);
	ASSERT_EQ(0, to_file(self));
	fail_each(_metadata, self, NULL, from_file, free_made, 1);
	fail_each(_metadata, self, NULL, map_file, unmap, 3);
	close(self->new_fd);
	EXPECT_EQ(before, zb_nr_open());
}

TEST_F(fail, revive)
{
	fail_each(_metadata, self, NULL, revive, NULL, 2);
}

/* A range that becomes free because a discardable buffer loses its memory. */
TEST_F(fail, alloc_range)
{
	ASSERT_EQ(0, put_in_the_way(self));
	fail_each(_metadata, self, NULL, alloc_range, free_range, 3);
	EXPECT_EQ(0, zb_free(self->fd, in_the_way.handle));
}

TEST_F(fail, attach_and_map_for_a_device)
{
	self->card = zb_importer();
	if (self->card < 0)
		SKIP(return, "no importing device: CONFIG_DRM_VGEM, guest/run -M vgem");
	ASSERT_EQ(0, do_export(self));
	fail_each(_metadata, self, NULL, do_import, undo_import, 3);
	close(self->new_fd);
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

TEST_F(fail, map)
{
	fail_each(_metadata, self, NULL, map, unmap, 3);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

TEST_F(fail, map_far_away)
{
	fail_each(_metadata, self, NULL, map_far_away, unmap, 5);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

TEST_F(fail, map_dmabuf)
{
	ASSERT_EQ(0, do_export(self));
	fail_each(_metadata, self, NULL, map_dmabuf, unmap, 3);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
	close(self->new_fd);
}

TEST_F(fail, map_huge)
{
	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	fail_each(_metadata, self, NULL, map_huge, unmap, 1);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

TEST_F(fail, fault_in_after_dontneed)
{
	ASSERT_EQ(0, map_far_away(self));
	/* No page table would be allocated for a huge entry. */
	ASSERT_EQ(0, madvise(self->p, self->a.length, MADV_NOHUGEPAGE));
	fail_each(_metadata, self, throw_away, populate, NULL, 1);
	fail_each(_metadata, self, throw_away, touch, NULL, 1);
	unmap(self);
	fail_each(_metadata, self, NULL, map_and_touch_far_away, unmap, 5);
}

TEST_F(fail, fault_in_a_huge_mapping)
{
	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	fail_each(_metadata, self, NULL, map_and_touch_huge, unmap, 1);
	fail_each(_metadata, self, NULL, map_and_touch_unaligned, unmap, 3);
}

TEST_F(fail, mount)
{
	fail_each(_metadata, self, make_mount_dir, mount_fs, unmount_fs, 5);
	rmdir(MOUNT_DIR);
}

TEST_F(fail, files)
{
	ASSERT_EQ(0, make_mount_dir(self));
	ASSERT_EQ(0, mount_fs(self));
	fail_each(_metadata, self, NULL, create_dir, remove_dir, 1);
	fail_each(_metadata, self, NULL, create_nameless, close_new, 2);
	fail_each(_metadata, self, NULL, create_file, remove_file, 3);
	ASSERT_EQ(0, create_file(self));
	fail_each(_metadata, self, NULL, map_file, unmap, 3);
	EXPECT_EQ(0, remove_file(self));
	EXPECT_EQ(0, unmount_fs(self));
}

/* The first change of the size allocates a bitmap that stays. */
TEST_F(fail, resize)
{
	if (!strncmp((const char *)self->zb.info.backend, "dma", 3))
		SKIP(return, "the backend can't give back a part");
	fail_each(_metadata, self, NULL, shrink, grow, 1);
	fail_each(_metadata, self, shrink, grow_again, NULL, 1);
}

/* A zone that has no buffer. */
static int empty_zone(DATA *self)
{
	struct zb_ioc_empty e = { .size = sizeof(e), .node = ZB_NODE_ANY };
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; !zb_zone(self->zb.fd, i, &zone); i++)
		if (zone.type != self->a.zone)
			e.zone = zone.type;
	return zb_ioctl(self->zb.fd, ZB_IOC_EMPTY, &e);
}

TEST_F(fail, empty)
{
	if (self->zb.info.nr_zones == 1)
		SKIP(return, "only one zone");
	fail_each(_metadata, self, NULL, empty_zone, NULL, 1);
}

static int register_owner(DATA *self __attribute__((unused)))
{
	return zb_ask_test_module("registered", "1");
}

static int unregister_owner(DATA *self __attribute__((unused)))
{
	return zb_ask_test_module("registered", "0");
}

static int set_movable(DATA *self __attribute__((unused)))
{
	return zb_ask_test_module("movable", "1");
}

static int clear_movable(DATA *self __attribute__((unused)))
{
	return zb_ask_test_module("movable", "0");
}

/* Another module registers callbacks, and a block that can be moved. */
TEST_F(fail, register_an_owner)
{
	if (zb_load_test_module())
		SKIP(return, "no " ZB_TEST_MODULE);
	fail_each(_metadata, self, NULL, register_owner, unregister_owner, 1);
	EXPECT_EQ(0, set_movable(self));
	EXPECT_EQ(0, clear_movable(self));
	fail_each(_metadata, self, NULL, set_movable, clear_movable, 1);
	zb_unload_test_module();
}

/* Reading each readable file of debugfs. */
TEST_F_TIMEOUT(fail, debugfs, 200)
{
	DIR *dir = opendir(ZB_DEBUGFS);
	struct dirent *entry;
	char path[512];
	int nr = 0;

	if (!dir)
		SKIP(return, "no debugfs");
	self->path = path;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), ZB_DEBUGFS "%s", entry->d_name);
		if (entry->d_type == DT_DIR || read_path(self))
			continue;
		TH_LOG("%s", path);
		fail_each(_metadata, self, NULL, read_path, NULL, 1);
		nr++;
	}
	closedir(dir);
	EXPECT_GE(nr, 8);
}

/* Run all operations; returns 0 or the first error other than ENOMEM. */
static int do_everything(DATA *self)
{
	static const struct {
		int (*call)(DATA *self);
		int (*undo)(DATA *self);
	} things[] = {
		{ do_open, close_new }, { bulk_alloc, bulk_free }, { new_group, NULL },
		{ do_alloc, free_made }, { zero_ahead, NULL }, { revive, NULL },
		{ export_beyond_fd_table, NULL }, { to_file_beyond_fd_table, NULL },
		{ import_new, NULL }, { to_and_from_file, NULL },
		{ map_and_touch_far_away, unmap }, { map_far_away_unaligned, unmap },
		{ map_and_touch_huge, unmap }, { map_and_touch_unaligned, unmap },
		{ empty_zone, NULL }, { read_all, NULL }, { use_fs, NULL },
	};
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(things); i++) {
		rc = things[i].call(self);
		if (!rc && things[i].undo)
			rc = things[i].undo(self);
		if (rc && rc != -ENOMEM && rc != -EOPNOTSUPP)
			return rc;
	}
	return 0;
}

/* Allocate the first buffer of a user; returns 0 or an error other than ENOMEM. */
static int do_first_buffer(DATA *self)
{
	int rc = do_alloc(self);

	if (!rc)
		rc = free_made(self);
	return rc == -ENOMEM ? 0 : rc;
}

/* Let each call that has not failed yet fail separately, including its retries. */
static void fail_at_each_site(struct __test_metadata *_metadata, DATA *self,
			      int (*call)(DATA *self))
{
	FILE *list = fopen("alloc_sites", "re");
	__u64 left = zb_free_bytes(self->fd);
	char site[128];
	int nr = 0, rc;

	if (!list)
		SKIP(return, "no file alloc_sites, which make stage creates");
	get_state(self, self->before);
	while (fail_next_site(list, site, sizeof(site))) {
		fail_always(&self->nth, true);
		rc = call(self);
		fail_always(&self->nth, false);
		EXPECT_EQ(0, rc) TH_LOG("%s: errno %d", site, -rc);
		as_before(_metadata, self, left, nr++);
	}
	TH_LOG("%d calls that allocate memory", nr);
	fclose(list);
}

TEST_F_TIMEOUT(fail, sites, 300)
{
	self->nr = NR_HANDLES;
	self->card = zb_importer();
	zb_write_file(GROUPS "cgroup.subtree_control", "+dmem");
	fail_at_each_site(_metadata, self, do_everything);
	zb_write_file(GROUPS "cgroup.procs", "0");
}

TEST_F_TIMEOUT(fail, sites_of_a_first_buffer, 300)
{
	ASSERT_EQ(0, zb_free(self->fd, self->a.handle));
	fail_at_each_site(_metadata, self, do_first_buffer);
}

static int use_owner(DATA *self)
{
	register_owner(self);
	unregister_owner(self);
	set_movable(self);
	clear_movable(self);
	return 0;
}

TEST_F_TIMEOUT(fail, sites_of_an_owner, 300)
{
	if (zb_load_test_module())
		SKIP(return, "no " ZB_TEST_MODULE);
	/* The first call allocates what the test module keeps. */
	EXPECT_EQ(0, set_movable(self));
	EXPECT_EQ(0, clear_movable(self));
	fail_at_each_site(_metadata, self, use_owner);
	zb_unload_test_module();
}

/* Splitting a mapping allocates another vma. */
TEST_F(fail, unmap_in_the_middle)
{
	char *p = zb_map(self->fd, &self->a);
	bool hit = true;
	int n;

	ASSERT_NE(MAP_FAILED, (void *)p);
	fail_choose_pass(FAIL_SLAB, 0, ~0ul);
	for (n = 1; hit && n < 100; n++) {
		fail_arm(&self->nth, n);
		if (munmap(p + n * 2 * self->page, self->page))
			EXPECT_EQ(ENOMEM, errno);
		hit = fail_disarm(&self->nth);
	}
	EXPECT_FALSE(hit);
	EXPECT_GT(n, 2);
	munmap(p, self->a.length);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

/* Fork with the n-th allocation failing. Runs in a child because fork() may corrupt it. */
static int fork_failing(const struct fail_nth *of, int n)
{
	struct fail_nth f = *of;
	bool hit;
	pid_t pid;

	f.nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	fail_arm(&f, n);
	pid = fork();
	if (!pid)
		_exit(0);
	hit = fail_disarm(&f);
	if (pid > 0 && !zb_wait_exit(pid, 0))
		return 2;
	return hit;
}

/* Number of mappings after orphaned children have exited. */
static __u32 await_single_mapping(const DATA *self)
{
	__u32 nr = zb_mappings(self->fd, self->a.handle);
	int ms;

	for (ms = 0; nr > 1 && ms < 10000; ms += 10) {
		zb_sleep_ms(10);
		nr = zb_mappings(self->fd, self->a.handle);
	}
	return nr;
}

/*
 * A failing fork() may leave memory of the parent copy-on-write, and the kernel kills the
 * parent if it can't allocate the copy. The test only checks the mapping of the buffer.
 */
static void fork_pass(struct __test_metadata *_metadata, DATA *self)
{
	bool hit = true;
	int n, status;
	pid_t pid;

	for (n = 1; hit && n < MAX_NTH; n++) {
		pid = fork();
		if (!pid)
			_exit(fork_failing(&self->nth, n));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		if (WIFSIGNALED(status)) {
			EXPECT_EQ(SIGSEGV, WTERMSIG(status));
		} else {
			EXPECT_GT(2, WEXITSTATUS(status));
			hit = WEXITSTATUS(status);
		}
		EXPECT_EQ(1, await_single_mapping(self)) TH_LOG("failure %d", n);
	}
	TH_LOG("%d kernel allocations", n - 2);
	EXPECT_FALSE(hit);
	EXPECT_GE(n - 2, 10);
}

TEST_F_TIMEOUT(fail, fork, 300)
{
	ASSERT_EQ(0, map(self));
	fail_choose_pass(FAIL_SLAB, 0, ~0ul);
	fork_pass(_metadata, self);
	fail_choose_pass(FAIL_PAGES, 0, ~0ul);
	fork_pass(_metadata, self);
	unmap(self);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Error paths: each thing that can be done with the device and its files, with the
 * first, the second, ... of the allocations on its way failing. It says ENOMEM or
 * it works, and what is free and where is as it was before.
 * Needs CONFIG_FAULT_INJECTION, FAILSLAB and FAIL_PAGE_ALLOC.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "fail_nth.h"

#include <dirent.h>
#include <sys/stat.h>

#define MAX_NTH		600
#define NR_PAGES	1100	/* more than what one page table maps */
#define NR_HANDLES	16

FIXTURE(fail) {
	FIXTURE_DATA(zbuddy) zb;
	struct fail_nth nth;
	int fd;
	__u64 page;
	struct zb_ioc_alloc a;
	/* for those that make something */
	struct zb_ioc_alloc made;
	__u32 handles[NR_HANDLES], done;
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
	if (!fail_init(&self->nth))
		SKIP(return, "no fault injection in this kernel, or no filter for it");
	ASSERT_EQ(0, zb_alloc_length(self->fd, NR_PAGES * self->page, ZB_GFP_ANYZONE, &self->a));
}

FIXTURE_TEARDOWN_PARENT(fail)
{
	zb_teardown(_metadata, &self->zb);
}

#define DATA	FIXTURE_DATA(fail)

/* What is free, and in blocks of which size. */
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

/*
 * Run @call, which returns 0 or -errno, with its n-th allocation failing, for each n
 * there is; first @prepare, and @undo when it worked all the same. Returns how many
 * there are.
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
		EXPECT_TRUE(rc || !undo || !undo(self)) TH_LOG("failure %d is not undone", n);
		as_before(_metadata, self, left, n);
	}
	TH_LOG("%d points of failure, %d failed", n - 2, failed);
	EXPECT_FALSE(hit);
	return n - 2;
}

/* At least @points allocations are known to be on the way. */
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

/*
 * Some calls try twice, first without sleeping; so all that the function @name of
 * the module asks for fails, and @call must, too.
 */
static void fail_all(struct __test_metadata *_metadata, DATA *self, const char *name,
		     int (*call)(DATA *))
{
	__u64 left = zb_free_bytes(self->fd);
	unsigned long start, end;
	int rc;

	get_state(self, self->before);
	ASSERT_TRUE(fail_find(name, &start, &end)) TH_LOG("no function %s", name);
	fail_within("failslab", start, end);
	fail_within("fail_page_alloc", start, end);
	fail_always(&self->nth, true);
	rc = call(self);
	fail_always(&self->nth, false);
	fail_note(&self->nth);
	EXPECT_EQ(-ENOMEM, rc);
	as_before(_metadata, self, left, 0);
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

TEST_F(fail, open)
{
	fail_each(_metadata, self, NULL, do_open, close_new, 3);
}

static int do_alloc(DATA *self)
{
	return zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE, &self->made);
}

TEST_F(fail, alloc)
{
	fail_each(_metadata, self, NULL, do_alloc, free_made, 3);
}

/* It has no handle then. */
TEST_F(fail, no_memory_for_a_handle)
{
	fail_all(_metadata, self, "zb_file_add", do_alloc);
}

#define GROUPS	"/sys/fs/cgroup/"

/* A group that was never charged before, so that something has to be made for it. */
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

static int alloc_accounted(DATA *self)
{
	return zb_alloc_order(self->fd, 3, ZB_GFP_ANYZONE | __ZB_GFP_ACCOUNT, &self->made);
}

TEST_F(fail, alloc_accounted)
{
	fail_each(_metadata, self, NULL, alloc_accounted, free_made, 3);
	if (!(self->zb.info.features & ZB_FEATURE_DMEM) ||
	    zb_write_file(GROUPS "cgroup.subtree_control", "+dmem") || new_group(self))
		return;
	fail_each(_metadata, self, new_group, alloc_accounted, free_made, 5);
	zb_write_file(GROUPS "cgroup.procs", "0");
}

static int alloc_trimmed(DATA *self)
{
	return zb_alloc_length(self->fd, 700 * self->page, ZB_GFP_ANYZONE, &self->made);
}

TEST_F(fail, alloc_trimmed)
{
	fail_each(_metadata, self, NULL, alloc_trimmed, free_made, 3);
}

/* Who may wait tries again instead of giving up. */
static int alloc_wait(DATA *self)
{
	return zb_alloc_wait(self->fd, 3, 1000000000, &self->made);
}

TEST_F(fail, alloc_wait)
{
	fail_each(_metadata, self, NULL, alloc_wait, free_made, 3);
}

static int bulk_alloc(DATA *self)
{
	return zb_bulk_alloc(self->fd, 1, self->handles, NR_HANDLES, &self->done);
}

/* Some are better than none, and told of. */
static int bulk_free(DATA *self)
{
	__u32 want = self->done, done;
	int rc = zb_bulk_free(self->fd, self->handles, want, &done);

	return rc ? rc : done == want ? 0 : -EIO;
}

TEST_F(fail, bulk_alloc)
{
	fail_each(_metadata, self, NULL, bulk_alloc, bulk_free, NR_HANDLES);
}

/* What gives something back, or only looks, is not in need of memory. */
TEST_F(fail, free)
{
	fail_each(_metadata, self, do_alloc, free_made, NULL, 0);
}

TEST_F(fail, bulk_free)
{
	fail_each(_metadata, self, bulk_alloc, bulk_free, NULL, 0);
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

TEST_F(fail, info_zone_query_phys_label_sync)
{
	fail_each(_metadata, self, NULL, look, NULL, 0);
}

static int do_poll(DATA *self)
{
	struct pollfd fds[2] = {
		{ .fd = self->fd, .events = POLLIN },
		{ .fd = self->fd, .events = POLLIN },
	};

	return poll(fds, 2, 10) < 0 ? -errno : 0;
}

TEST_F(fail, poll)
{
	fail_each(_metadata, self, NULL, do_poll, NULL, 0);
}

static int do_export(DATA *self)
{
	self->new_fd = zb_export(self->fd, self->a.handle, ZB_EXPORT_RDWR);
	return self->new_fd < 0 ? self->new_fd : 0;
}

TEST_F(fail, export)
{
	unsigned int before = zb_nr_open();

	fail_each(_metadata, self, NULL, do_export, close_new, 3);
	EXPECT_EQ(before, zb_nr_open());
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
}

/* The 65th file is one too many for the table that a process starts with. */
TEST_F(fail, export_as_one_file_more)
{
	while (dup(self->fd) < 63)
		;
	fail_choose_pass(FAIL_SLAB, 0, ~0ul);
	fail_pass(_metadata, self, NULL, do_export, NULL);
	fail_choose_pass(FAIL_PAGES, 0, ~0ul);
	fail_pass(_metadata, self, NULL, do_export, close_new);
}

static int do_import(DATA *self)
{
	return zb_import(self->card, self->new_fd, &self->gem);
}

static int undo_import(DATA *self)
{
	return zb_unimport(self->card, self->gem);
}

TEST_F(fail, attach_and_map_for_a_device)
{
	self->card = zb_importer();
	if (self->card < 0)
		SKIP(return, "no device that imports: CONFIG_DRM_VGEM, vm/run -M vgem");
	ASSERT_EQ(0, do_export(self));
	fail_each(_metadata, self, NULL, do_import, undo_import, 3);
	close(self->new_fd);
	EXPECT_EQ(0, zb_exports(self->fd, self->a.handle));
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
	return map_from(self, self->fd, self->a.mmap_offset + ZB_MMAP_HUGE);
}

static int map_dmabuf(DATA *self)
{
	return map_from(self, self->new_fd, 0);
}

/* Where no page table is, so that there is one to be made on each level. */
static int map_far_away(DATA *self)
{
	self->p = mmap((void *)0x200000000000ul, self->a.length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, self->fd,
		       (off_t)self->a.mmap_offset);
	return (void *)self->p == MAP_FAILED ? -errno : 0;
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
		SKIP(return, "no huge mappings here");
	fail_each(_metadata, self, NULL, map_huge, unmap, 1);
	EXPECT_EQ(0, zb_mappings(self->fd, self->a.handle));
}

static int throw_away(DATA *self)
{
	return madvise(self->p, self->a.length, MADV_DONTNEED) ? -errno : 0;
}

/* As touching each page, but with an errno: who touches would just try again. */
static int populate(DATA *self)
{
	return madvise(self->p, self->a.length, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int touch(DATA *self)
{
	return zb_touch(self->p, true) || zb_touch(self->p + self->a.length - 1, true) ?
	       -EFAULT : 0;
}

TEST_F(fail, fault_in_what_was_thrown_away)
{
	ASSERT_EQ(0, map_far_away(self));
	fail_each(_metadata, self, throw_away, populate, NULL, 1);
	fail_each(_metadata, self, throw_away, touch, NULL, 1);
	unmap(self);
}

/* Nothing of a huge mapping is there before it is touched. */
static int map_and_touch_huge(DATA *self)
{
	return map_huge(self) ?: touch(self);
}

static int map_huge_unaligned(DATA *self)
{
	self->p = mmap((void *)0x200000001000ul, self->a.length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, self->fd,
		       (off_t)(self->a.mmap_offset + ZB_MMAP_HUGE));
	return (void *)self->p == MAP_FAILED ? -errno : 0;
}

static int map_and_touch_unaligned(DATA *self)
{
	return map_huge_unaligned(self) ?: touch(self);
}

TEST_F(fail, fault_in_a_huge_mapping)
{
	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings here");
	fail_each(_metadata, self, NULL, map_and_touch_huge, unmap, 1);
	fail_each(_metadata, self, NULL, map_and_touch_unaligned, unmap, 3);
}

static int read_path(DATA *self)
{
	char text[4096];
	int fd = open(self->path, O_RDONLY | O_CLOEXEC);
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

/* Every file of debugfs that can be read at all. */
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

static int read_processes(DATA *self)
{
	self->path = ZB_DEBUGFS "processes";
	return read_path(self);
}

TEST_F(fail, no_memory_for_a_list_of_processes)
{
	fail_all(_metadata, self, "processes_show", read_processes);
}

/* Cut in two: a vma more, or not. */
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

/* In a process of its own, for that one's memory is a copy as well. */
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

/*
 * The kernel may be unable to write to the memory of who forks, which is to be copied
 * as well by then, and kills it: what counts is what becomes of our mapping.
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
		EXPECT_EQ(1, zb_mappings(self->fd, self->a.handle)) TH_LOG("failure %d", n);
	}
	TH_LOG("%d points of failure", n - 2);
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

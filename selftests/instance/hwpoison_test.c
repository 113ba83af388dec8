// SPDX-License-Identifier: GPL-2.0
/*
 * Memory with an uncorrected error: a frame that the kernel has marked so is not
 * handed out again, access to it raises SIGBUS, nothing else is lost, and the module can
 * be unloaded. Loads zbuddy.ko itself. The frames stay marked until the next boot.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <setjmp.h>
#include <signal.h>

#define OFFLINE		"/sys/devices/system/memory/hard_offline_page"
#define KPF_HWPOISON	19
#define MAX_BUFFERS	8192

static const char *skip_reason(void)
{
	if (geteuid() || access(ZB_MODULE, R_OK))
		return "no " ZB_MODULE ", or not root";
	if (access(OFFLINE, W_OK))
		return "the kernel handles no memory failures";
	return access("/proc/kpageflags", R_OK) ? "no /proc/kpageflags" : NULL;
}

static __u64 page_size(void)
{
	return (__u64)sysconf(_SC_PAGESIZE);
}

static __u64 address(int fd, __u32 handle)
{
	struct zb_ioc_phys phys = { .size = sizeof(phys), .handle = handle };

	return zb_ioctl(fd, ZB_IOC_PHYS, &phys) ? 0 : phys.addr;
}

static bool is_poisoned(__u64 addr)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	__u64 flags = 0;
	ssize_t nr;

	nr = pread(fd, &flags, sizeof(flags), (off_t)(addr / page_size() * sizeof(flags)));
	close(fd);
	return nr == sizeof(flags) && flags >> KPF_HWPOISON & 1;
}

/* The write fails even if the page is marked, because the kernel cannot do more about it. */
static bool poison(__u64 addr)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx", addr);
	zb_write_file(OFFLINE, text);
	return is_poisoned(addr);
}

/*
 * Allocate all memory, in blocks of up to @order, and free it again; returns true if it includes
 * the frame at @addr.
 */
static bool handed_out(int fd, __u32 order, __u64 addr, __u64 *bytes)
{
	static struct zb_ioc_alloc bufs[MAX_BUFFERS];
	unsigned int i, nr;
	bool found = false;
	__u64 start;

	nr = zb_alloc_all(fd, order, ZB_GFP_ANYZONE | __ZB_GFP_NOWARN, bufs,
			  MAX_BUFFERS, bytes);
	for (i = 0; i < nr; i++) {
		start = address(fd, bufs[i].handle);
		found |= !start || (addr >= start && addr < start + bufs[i].length);
		zb_free(fd, bufs[i].handle);
	}
	return found;
}

/* The @nr frames at @addr are kept out of use, and all others can be allocated. */
static void expect_out(struct __test_metadata *_metadata, int fd, __u64 all,
		       unsigned int nr, const __u64 *addr)
{
	static const __u32 orders[] = { 0, 4, 10 };
	unsigned int i, k;
	__u64 bytes;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		for (k = 0; k < nr; k++) {
			EXPECT_FALSE(handed_out(fd, orders[i], addr[k], &bytes));
			EXPECT_EQ(all - nr * page_size(), bytes);
		}
	if (zb_have_debugfs()) {
		zb_drain();
		EXPECT_EQ(nr, zb_vmstat("zb_unfit"));
		EXPECT_EQ(0, zb_vmstat("zb_unfit_returned"));
	}
	EXPECT_EQ(all - nr * page_size(), zb_free_bytes(fd));
	EXPECT_TRUE(zb_check_ok());
}

/* Plain TEST() would have a shorter timeout. */
FIXTURE(memory_error) {
	int unused;
};

FIXTURE_SETUP(memory_error)
{
	(void)self;
	if (skip_reason())
		SKIP(return, "%s", skip_reason());
}

FIXTURE_TEARDOWN(memory_error)
{
	(void)self;
}

/*
 * All in one, so that few frames of the guest are lost: one that is free, one in a
 * large block that is free, one in a mapped buffer, and one in a large buffer that
 * is freed afterwards.
 */
TEST_F(memory_error, frames_are_kept_out_of_use)
{
	struct zb_ioc_alloc a;
	__u64 all, addr[4];
	char *p;
	int fd;

	ASSERT_EQ(0, zb_load("size=16M min_free_kbytes=0"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	all = zb_free_bytes(fd);

	ASSERT_EQ(0, zb_alloc_order(fd, 0, ZB_GFP_ANYZONE, &a));
	addr[0] = address(fd, a.handle);
	ASSERT_EQ(0, zb_free(fd, a.handle));
	ASSERT_TRUE(poison(addr[0]));
	expect_out(_metadata, fd, all, 1, addr);

	ASSERT_EQ(0, zb_alloc_order(fd, 10, ZB_GFP_ANYZONE, &a));
	addr[1] = address(fd, a.handle) + 777 * page_size();
	ASSERT_EQ(0, zb_free(fd, a.handle));
	ASSERT_TRUE(poison(addr[1]));
	expect_out(_metadata, fd, all, 2, addr);

	ASSERT_EQ(0, zb_alloc_order(fd, 3, ZB_GFP_ANYZONE, &a));
	p = zb_map(fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	memset(p, 1, a.length);
	addr[2] = address(fd, a.handle) + 5 * page_size();
	/* It fails even if the page is marked, like the write of poison(). */
	madvise(p + 5 * page_size(), page_size(), MADV_HWPOISON);
	ASSERT_TRUE(is_poisoned(addr[2]));
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(fd, a.handle));
	EXPECT_EQ(all - 3 * page_size(), zb_await_free(fd, all - 3 * page_size()));
	expect_out(_metadata, fd, all, 3, addr);

	ASSERT_EQ(0, zb_alloc_length(fd, 1 << 20, ZB_GFP_ANYZONE, &a));
	addr[3] = address(fd, a.handle) + 100 * page_size();
	ASSERT_TRUE(poison(addr[3]));
	ASSERT_EQ(0, zb_free(fd, a.handle));
	expect_out(_metadata, fd, all, 4, addr);

	close(fd);
	EXPECT_EQ(0, zb_unload_soon());
	/* The kernel keeps these frames out of use as well, so the new region has others. */
	ASSERT_EQ(0, zb_load("size=16M min_free_kbytes=0"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(all, zb_free_bytes(fd));
	close(fd);
	EXPECT_EQ(0, zb_unload_soon());
}

/* True if the pageblock of a frame has been given to the kernel. */
static bool is_offline(__u64 addr, __u64 start)
{
	unsigned long block = (unsigned long)((addr - start) / (page_size() << 9)), at;
	char line[160];
	FILE *f = fopen(ZB_DEBUGFS "pageblocks", "re");
	bool offline = false;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Node %*d, zone %*[^,], block %lu", &at) == 1 && at == block)
			offline = strstr(line, ", offline");
	if (f)
		fclose(f);
	return offline;
}

static int resize(int fd, __u64 bytes)
{
	struct zb_ioc_resize r = { .size = sizeof(r), .node = ZB_NODE_ANY, .bytes = bytes };
	int rc = zb_ioctl(fd, ZB_IOC_RESIZE, &r);

	return rc ?: -(int)r.error;
}

/* The pageblock with the bad frame stays, and all others can be given back and taken. */
TEST_F(memory_error, pageblock_is_not_given_back)
{
	struct zb_ioc_alloc a;
	__u64 addr, start, all;
	int fd;

	ASSERT_EQ(0, zb_load("size=16M zones=Normal:* min_free_kbytes=0"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	all = zb_free_bytes(fd);
	ASSERT_EQ(0, zb_alloc_length(fd, all, ZB_GFP_ANYZONE, &a));
	start = address(fd, a.handle);
	ASSERT_EQ(0, zb_free(fd, a.handle));
	addr = start + 5 * (page_size() << 9) + 7 * page_size();
	ASSERT_TRUE(poison(addr));
	EXPECT_EQ(0, resize(fd, 2 << 20));
	EXPECT_EQ((2 << 20) - page_size(), zb_free_bytes(fd));
	if (zb_have_debugfs()) {
		EXPECT_FALSE(is_offline(addr, start));
		EXPECT_TRUE(is_offline(start, start));
	}
	EXPECT_EQ(0, resize(fd, all));
	EXPECT_EQ(all - page_size(), zb_free_bytes(fd));
	EXPECT_TRUE(zb_check_ok());
	close(fd);
	EXPECT_EQ(0, zb_unload_soon());
}

static sigjmp_buf on_error;
static siginfo_t error;

static void bus_error(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	error = *info;
	siglongjmp(on_error, 1);
}

/* True if an access to the page at @p raises SIGBUS because of a memory error. */
static bool raises_sigbus(const volatile char *p)
{
	const struct sigaction sa = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &sa, NULL);
	if (!sigsetjmp(on_error, 1)) {
		(void)*p;
		return false;
	}
	return error.si_code == BUS_MCEERR_AR && error.si_addr == p;
}

/* The page is unmapped by a work item. */
static bool will_raise_sigbus(const volatile char *p)
{
	int ms;

	for (ms = 0; ms < ZB_PATIENCE_MS; ms += 10) {
		if (raises_sigbus(p))
			return true;
		zb_sleep_ms(10);
	}
	return false;
}

/*
 * One page of a mapped buffer gets an error: nobody can access it any more, by any kind
 * of mapping, of this process or a child, new or old. The other pages are unaffected.
 */
TEST_F(memory_error, access_raises_sigbus)
{
	enum { BAD = 300, NR = 512 };
	size_t page = page_size();
	char *p, *huge, *again;
	struct zb_ioc_alloc a;
	int fd, pipes[2];
	pid_t pid;

	ASSERT_EQ(0, zb_load("size=16M min_free_kbytes=0"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, NR * page, ZB_GFP_ANYZONE, &a));
	p = zb_map(fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	huge = a.mmap_huge_offset ? zb_map_at(fd, a.length, a.mmap_huge_offset) : p;
	ASSERT_NE(MAP_FAILED, (void *)huge);
	memset(p, 1, a.length);
	EXPECT_EQ(1, huge[BAD * page]);
	ASSERT_TRUE(poison(address(fd, a.handle) + BAD * page));
	EXPECT_TRUE(will_raise_sigbus(p + BAD * page));
	EXPECT_TRUE(will_raise_sigbus(huge + BAD * page + 8));
	pid = fork();
	if (!pid)
		_exit(!raises_sigbus(p + BAD * page) || !raises_sigbus(huge + BAD * page));
	EXPECT_TRUE(zb_wait_exit(pid, 0));
	again = zb_map(fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)again);
	EXPECT_TRUE(raises_sigbus(again + BAD * page));
	/* nor can the kernel, on behalf of a system call */
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-1, write(pipes[1], again + BAD * page, 1));
	EXPECT_EQ(1, write(pipes[1], again + (BAD + 1) * page, 1));
	/* pages that are mapped again by faults */
	madvise(again, a.length, MADV_DONTNEED);
	EXPECT_TRUE(raises_sigbus(again + BAD * page));
	EXPECT_TRUE(zb_all_bytes(again, 1, BAD * page));
	EXPECT_TRUE(zb_all_bytes(again + (BAD + 1) * page, 1, (NR - BAD - 1) * page));
	EXPECT_TRUE(zb_all_bytes(huge, 1, BAD * page));
	EXPECT_TRUE(zb_all_bytes(huge + (BAD + 1) * page, 1, (NR - BAD - 1) * page));
	munmap(again, a.length);
	munmap(p, a.length);
	if (huge != p)
		munmap(huge, a.length);
	close(fd);
	EXPECT_EQ(0, zb_unload_soon());
}

/* read() and write() of a file stop at the page with the error, and work beyond it. */
TEST_F(memory_error, files_fail_with_eio)
{
	enum { BAD = 2, NR = 4 };
	size_t page = page_size();
	char data[NR * 4096] = { 0 };
	struct zb_ioc_alloc a;
	int fd, file;

	ASSERT_EQ(4096, page);
	ASSERT_EQ(0, zb_load("size=16M min_free_kbytes=0"));
	fd = zb_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, zb_alloc_length(fd, NR * page, ZB_GFP_ANYZONE, &a));
	file = zb_to_file(fd, a.handle, ZB_FILE_RDWR);
	ASSERT_GE(file, 0);
	memset(data, 1, sizeof(data));
	ASSERT_EQ(sizeof(data), pwrite(file, data, sizeof(data), 0));
	ASSERT_TRUE(poison(address(fd, a.handle) + BAD * page));
	memset(data, 0, sizeof(data));
	EXPECT_EQ(BAD * page, pread(file, data, sizeof(data), 0));
	EXPECT_TRUE(zb_all_bytes(data, 1, BAD * page));
	EXPECT_EQ(-1, pread(file, data, page, BAD * page));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pwrite(file, data, 1, (BAD + 1) * page - 1));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(page, pread(file, data, page, (BAD + 1) * page));
	EXPECT_TRUE(zb_all_bytes(data, 1, page));
	close(file);
	close(fd);
	EXPECT_EQ(0, zb_unload_soon());
}

TEST_HARNESS_MAIN

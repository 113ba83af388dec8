// SPDX-License-Identifier: GPL-2.0
/*
 * 32-bit system calls on the device, without a 32-bit program: on x86, a 64-bit program
 * can make them with int 0x80, if its pointers are below 4 GiB.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "stopped.h"

#include <signal.h>

#ifndef __x86_64__

TEST(only_for_x86_64)
{
	SKIP(return, "int 0x80 exists on x86 only");
}

#else

#define NR32_getpid	20
#define NR32_ioctl	54
#define NR32_mmap2	192

/* Skip the red zone below the stack pointer, which leaf functions use. */
static long call32(long nr, long a, long b, long c, long d, long e, long f)
{
	register long last asm("r12") = f;

	asm volatile("lea -256(%%rsp), %%rsp\n\t"
		     "push %%rbp\n\t"
		     "mov %%r12d, %%ebp\n\t"
		     "int $0x80\n\t"
		     "pop %%rbp\n\t"
		     "lea 256(%%rsp), %%rsp"
		     : "+a" (nr)
		     : "b" (a), "c" (b), "d" (c), "S" (d), "D" (e), "r" (last)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)nr;
}

FIXTURE(compat) {
	FIXTURE_DATA(zbuddy) zb;
	char *room;
};

static void no_int80(int sig)
{
	_exit(sig);
}

/* Handle SIGSEGV in the child so that the kernel does not log it. */
static bool have_int80(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, no_int80);
		_exit(call32(NR32_getpid, 0, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

FIXTURE_SETUP(compat)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	if (!have_int80())
		SKIP(return, "this kernel has no 32-bit system calls");
	self->room = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->room);
}

FIXTURE_TEARDOWN_PARENT(compat)
{
	zb_teardown(_metadata, &self->zb);
}

static int ioctl32(FIXTURE_DATA(compat) *self, unsigned long cmd, void *arg,
		   size_t size)
{
	int rc;

	memcpy(self->room, arg, size);
	rc = (int)call32(NR32_ioctl, self->zb.fd, (long)cmd, (long)self->room,
			 0, 0, 0);
	memcpy(arg, self->room, size);
	return rc;
}

static int alloc32(FIXTURE_DATA(compat) *self, struct zb_ioc_alloc *a)
{
	return ioctl32(self, ZB_IOC_ALLOC, a, sizeof(*a));
}

TEST_F(compat, all_commands)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_zone zone = { .size = sizeof(zone) };
	struct zb_ioc_alloc a = zb_want_length(12345, ZB_GFP_ANYZONE);
	struct zb_ioc_query q = { .size = sizeof(q) };
	struct zb_ioc_free f = { .size = sizeof(f) };
	struct zb_ioc_empty e = { .size = sizeof(e), .node = ZB_NODE_ANY };

	ASSERT_EQ(0, ioctl32(self, ZB_IOC_INFO, &info, sizeof(info)));
	EXPECT_EQ(0, memcmp(&info, &self->zb.info, sizeof(info)));
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_ZONE, &zone, sizeof(zone)));
	EXPECT_GT(zone.total_bytes, 0);
	ASSERT_EQ(0, alloc32(self, &a));
	EXPECT_EQ(4 * self->zb.page, a.length);
	q.handle = a.handle;
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_QUERY, &q, sizeof(q)));
	EXPECT_EQ(a.mmap_offset, q.mmap_offset);
	e.zone = zone.type;
	f.handle = a.handle;
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_FREE, &f, sizeof(f)));
	EXPECT_EQ(-ENOENT, ioctl32(self, ZB_IOC_FREE, &f, sizeof(f)));
	EXPECT_EQ(self->zb.info.nr_zones > 1 ? 0 : -EINVAL,
		  ioctl32(self, ZB_IOC_EMPTY, &e, sizeof(e)));
	EXPECT_EQ(0, e.left);
	EXPECT_EQ(-ENOTTY, ioctl32(self, ZB_IOC_EMPTY + 1, &f, sizeof(f)));
}

/* The commands on buffers; the arrays they point to are below 4 GiB as well. */
TEST_F(compat, buffer_commands)
{
	struct zb_bulk_buffer *bufs = (struct zb_bulk_buffer *)(self->room + 1024);
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, 8);
	struct zb_ioc_bulk_free away = zb_want_bulk_free(bufs, 8);
	struct zb_ioc_label label = { .size = sizeof(label), .label = "compat" };
	struct zb_ioc_export export = { .size = sizeof(export), .flags = ZB_EXPORT_CLOEXEC };
	struct zb_ioc_phys phys = { .size = sizeof(phys) };
	struct zb_ioc_sync sync = {
		.size = sizeof(sync), .flags = ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
	};
	struct zb_ioc_alloc a = zb_want_order(2, ZB_GFP_ANYZONE);
	int rc;

	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = ZB_WAIT_FOREVER;
	ASSERT_EQ(0, alloc32(self, &a));
	label.handle = a.handle;
	phys.handle = a.handle;
	sync.handle = a.handle;
	export.handle = a.handle;
	sync.length = a.length;
	EXPECT_EQ(0, ioctl32(self, ZB_IOC_LABEL, &label, sizeof(label)));
	EXPECT_EQ(0, ioctl32(self, ZB_IOC_SYNC, &sync, sizeof(sync)));
	rc = ioctl32(self, ZB_IOC_PHYS, &phys, sizeof(phys));
	EXPECT_EQ(geteuid() ? -EPERM : 0, rc);
	if (!rc)
		EXPECT_EQ(a.length, phys.length);
	rc = ioctl32(self, ZB_IOC_EXPORT, &export, sizeof(export));
	if (rc != -EOPNOTSUPP) {
		ASSERT_EQ(0, rc);
		EXPECT_EQ(a.length, (__u64)lseek(export.fd, 0, SEEK_END));
		close(export.fd);
	}
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_BULK_ALLOC, &bulk, sizeof(bulk)));
	EXPECT_EQ(8, bulk.done);
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_BULK_FREE, &away, sizeof(away)));
	EXPECT_EQ(8, away.done);
	bulk.flags = ZB_BUF_LENGTH | ZB_BUF_RANGE;
	bulk.length = 3 * self->zb.page;
	bulk.align = 4 * self->zb.page;
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_BULK_ALLOC, &bulk, sizeof(bulk)));
	EXPECT_EQ(8, bulk.done);
	EXPECT_EQ(3 * self->zb.page, bufs[7].length);
	EXPECT_EQ(2, bufs[7].order);
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_BULK_FREE, &away, sizeof(away)));
	EXPECT_EQ(8, away.done);
	/* the upper half of a pointer is not ignored in a 32-bit call */
	away.handles |= 1ull << 40;
	EXPECT_EQ(-EFAULT, ioctl32(self, ZB_IOC_BULK_FREE, &away, sizeof(away)));
	bulk.buffers |= 1ull << 40;
	EXPECT_EQ(-EFAULT, ioctl32(self, ZB_IOC_BULK_ALLOC, &bulk, sizeof(bulk)));
}

/* mmap2 takes a 32-bit offset in units of 4 KiB. */
TEST_F(compat, map)
{
	struct zb_ioc_alloc a = zb_want_order(3, ZB_GFP_ANYZONE);
	unsigned int *p;
	char *q;
	long addr;
	int i;

	for (i = 0; i < 20; i++) {
		a = zb_want_order(3, ZB_GFP_ANYZONE);
		ASSERT_EQ(0, alloc32(self, &a));
	}
	ASSERT_LE(a.mmap_offset + a.length, 1ull << 44);
	addr = call32(NR32_mmap2, 0, (long)a.length, PROT_READ | PROT_WRITE,
		      MAP_SHARED, self->zb.fd, (long)(a.mmap_offset >> 12));
	ASSERT_TRUE((unsigned int)addr < -4096u);
	p = (unsigned int *)(unsigned long)(unsigned int)addr;
	p[0] = 0x12345678;
	q = zb_map(self->zb.fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)q);
	EXPECT_EQ(0, memcmp(q, p, a.length));
	EXPECT_EQ(0x78, q[0]);
}

/* mmap_huge_offset is within the range of mmap2 as well. */
TEST_F(compat, map_huge)
{
	struct zb_ioc_alloc a = zb_want_length(2 << 20, ZB_GFP_ANYZONE);
	struct zb_ioc_query q = { .size = sizeof(q) };
	unsigned int *p;
	char *same;
	long addr;

	if (!(self->zb.info.features & ZB_FEATURE_MMAP_HUGE))
		SKIP(return, "no huge mappings in this kernel");
	ASSERT_EQ(0, alloc32(self, &a));
	ASSERT_NE(0, a.mmap_huge_offset);
	ASSERT_LE(a.mmap_huge_offset + a.length, 1ull << 44);
	q.handle = a.handle;
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_QUERY, &q, sizeof(q)));
	EXPECT_EQ(a.mmap_huge_offset, q.mmap_huge_offset);
	addr = call32(NR32_mmap2, 0, (long)a.length, PROT_READ | PROT_WRITE,
		      MAP_SHARED, self->zb.fd, (long)(a.mmap_huge_offset >> 12));
	ASSERT_TRUE((unsigned int)addr < -4096u);
	p = (unsigned int *)(unsigned long)(unsigned int)addr;
	p[0] = 0x12345678;
	same = zb_map(self->zb.fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)same);
	EXPECT_EQ(0, memcmp(same, p, a.length));
	EXPECT_EQ(0x78, same[0]);
}

/* A deadline has 64 bits in a 32-bit call as well; a past one allows one attempt. */
TEST_F(compat, deadline)
{
	struct zb_ioc_alloc a = zb_want_order(0, ZB_GFP_ANYZONE);

	a.flags = ZB_BUF_WAIT;
	a.deadline_ns = 1;
	EXPECT_EQ(0, alloc32(self, &a));
	a = zb_want_order(0, ZB_GFP_ANYZONE);
	a.deadline_ns = 1ull << 32;
	EXPECT_EQ(-EINVAL, alloc32(self, &a));
}

/*
 * Limit on the number of handles: a 32-bit program has 2^44 bytes of mmap() offsets, of which the
 * first 4 GiB are not used, and a buffer can be as large as a zone.
 */
static __u64 nr_windows(const FIXTURE_DATA(zbuddy) *zb)
{
	return ((1ull << 44) - (1ull << 32)) / zb->page >> (zb->info.max_order + 1);
}

/* @self->room has room for so many buffers. */
#define NR_BULK		NR_HIDDEN

/* BULK_ALLOC describes as many buffers as there are handles left. */
static void last_handles(struct __test_metadata *_metadata, FIXTURE_DATA(compat) *self,
			 __u32 last)
{
	struct zb_bulk_buffer *bufs = (struct zb_bulk_buffer *)(self->room + 1024);
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, NR_BULK);
	struct zb_ioc_explain why;
	struct zb_ioc_query q;
	__u32 i;

	memset(bufs, 0, NR_BULK * sizeof(*bufs));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, zb_free(self->zb.fd, last - i));
	ASSERT_EQ(0, ioctl32(self, ZB_IOC_BULK_ALLOC, &bulk, sizeof(bulk)));
	EXPECT_EQ(3, bulk.done);
	EXPECT_EQ(ENOSPC, bulk.error);
	ASSERT_EQ(0, zb_explain(self->zb.fd, &why));
	EXPECT_EQ(ZB_CAUSE_HANDLES, why.cause);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, zb_query(self->zb.fd, bufs[i].handle, &q));
		EXPECT_EQ(q.mmap_offset, bufs[i].mmap_offset);
	}
	EXPECT_EQ(0, bufs[3].handle);
}

/*
 * ENOSPC once all handles of a 32-bit program are in use. One that was freed can be used
 * again, although numbers are not reused as long as there are others.
 */
TEST_F(compat, no_handles_left)
{
	__u64 nr, most = nr_windows(&self->zb);
	struct zb_ioc_from_file from;
	struct zb_ioc_alloc a;
	__u32 freed = 0;
	int fd;

	if (most > 1 << 18)
		SKIP(return, "too many handles");
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &a));
	fd = zb_to_file(self->zb.fd, a.handle, 0);
	ASSERT_GE(fd, 0);
	for (nr = 1; nr < most; nr++) {
		from = (struct zb_ioc_from_file){ .size = sizeof(from), .fd = fd };
		if (ioctl32(self, ZB_IOC_FROM_FILE, &from, sizeof(from)))
			break;
		freed = from.handle;
	}
	EXPECT_LT(nr, most);
	EXPECT_GT(nr, most / 4);
	a = zb_want_order(0, ZB_GFP_ANYZONE);
	EXPECT_EQ(-ENOSPC, alloc32(self, &a));
	EXPECT_EQ(0, zb_free(self->zb.fd, freed));
	EXPECT_EQ(0, alloc32(self, &a));
	EXPECT_EQ(freed, a.handle);
	EXPECT_EQ(-ENOSPC, ioctl32(self, ZB_IOC_FROM_FILE, &from, sizeof(from)));
	last_handles(_metadata, self, freed);
	close(fd);
}

/* Run one of the bulk commands on NR_BULK buffers. */
static int bulk32(FIXTURE_DATA(compat) *self, bool alloc)
{
	struct zb_bulk_buffer *bufs = (struct zb_bulk_buffer *)(self->room + 1024);
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, NR_BULK);
	struct zb_ioc_bulk_free away = zb_want_bulk_free(bufs, NR_BULK);

	if (alloc)
		return ioctl32(self, ZB_IOC_BULK_ALLOC, &bulk, sizeof(bulk)) ?:
		       (int)(NR_BULK - bulk.done);
	return ioctl32(self, ZB_IOC_BULK_FREE, &away, sizeof(away)) ?:
	       (int)(NR_BULK - away.done);
}

/*
 * Handles are reused, so that mmap() offsets stay within the range of a 32-bit program
 * however many buffers are allocated and freed. Those that are in use are not allocated again:
 * that of a buffer that exists all the time, and those that a BULK_FREE has hidden, even if
 * another command tries to free them.
 * In a debug kernel a full round can take minutes: give up after $ZB_TEST_SECONDS, 60 by
 * default.
 */
TEST_F_TIMEOUT(compat, handles_wrap_around, 90)
{
	struct zb_bulk_buffer *bufs = (struct zb_bulk_buffer *)(self->room + 1024);
	__u64 i, k, most = nr_windows(&self->zb);
	const char *limit = getenv("ZB_TEST_SECONDS") ?: "60";
	__u64 end = zb_now_ns() + strtoull(limit, NULL, 10) * 1000000000;
	struct zb_ioc_alloc kept = zb_want_order(0, ZB_GFP_ANYZONE);
	struct zb_bulk_buffer hidden[NR_HIDDEN];
	struct zb_ioc_query q;
	struct stopped free;

	if (most > 1 << 18)
		SKIP(return, "too many handles");
	if (stopped_init(&free, self->zb.fd, ZB_IOC_BULK_FREE))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, alloc32(self, &kept));
	ASSERT_EQ(0, bulk32(self, true));
	memcpy(hidden, bufs, sizeof(hidden));
	hide_handles(_metadata, &free, hidden);
	for (k = 0; k < NR_HIDDEN; k++)
		EXPECT_EQ(-ENOENT, zb_free(self->zb.fd, hidden[k].handle));
	for (i = 0; i < most + NR_BULK && zb_now_ns() < end; i += NR_BULK) {
		ASSERT_EQ(0, bulk32(self, true));
		for (k = 0; k < NR_BULK; k++) {
			ASSERT_NE(kept.handle, bufs[k].handle);
			ASSERT_TRUE(bufs[k].handle < hidden[0].handle ||
				    bufs[k].handle > hidden[NR_HIDDEN - 1].handle);
			ASSERT_LE(bufs[k].mmap_offset + bufs[k].length, 1ull << 44);
		}
		ASSERT_EQ(0, bulk32(self, false));
	}
	go_on(_metadata, &free);
	for (k = 0; k < NR_HIDDEN; k++)
		EXPECT_EQ(0, zb_free(self->zb.fd, hidden[k].handle));
	ASSERT_EQ(0, zb_query(self->zb.fd, kept.handle, &q));
	EXPECT_EQ(kept.mmap_offset, q.mmap_offset);
	if (i < most + NR_BULK)
		SKIP(return, "only %llu of %llu in %s seconds", i, most, limit);
}

#endif /* __x86_64__ */

TEST_HARNESS_MAIN

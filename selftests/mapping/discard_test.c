// SPDX-License-Identifier: GPL-2.0
/*
 * Discardable buffers: ZB_IOC_ADVISE, what a purged buffer refuses, which buffers are never
 * purged, and direct reclaim.
 */
#include "discard.h"

#include <pthread.h>

/* A mapped buffer with contents, marked as not needed. */
static char *marked(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self, __u32 order,
		    struct zb_ioc_alloc *a)
{
	__u32 retained = 0;
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, order, RECLAIMABLE, a)) return NULL;
	p = zb_map(self->fd, a);
	ASSERT_NE(MAP_FAILED, (void *)p) return NULL;
	zb_fill(p, 0, a->length, 7);
	EXPECT_EQ(ZB_DISCARD_NONE, discard_of(self->fd, a->handle));
	EXPECT_EQ(0, zb_advise(self->fd, a->handle, DONTNEED, &retained));
	EXPECT_EQ(1, retained);
	EXPECT_EQ(ZB_DISCARD_MARKED, discard_of(self->fd, a->handle));
	return p;
}

TEST_F(zbuddy, kept)
{
	struct zb_ioc_alloc a;
	__u32 retained = 0;
	char *p = marked(_metadata, self, 3, &a);

	EXPECT_TRUE(zb_filled(p, 0, a.length, 7));
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(1, retained);
	EXPECT_EQ(ZB_DISCARD_NONE, discard_of(self->fd, a.handle));
	EXPECT_EQ(-EAGAIN, reclaim(a.length));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 7));
	retained = 0;
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(1, retained);
}

/* Exporting a discardable buffer. */
static int export_error(const FIXTURE_DATA(zbuddy) *self)
{
	return self->info.features & ZB_FEATURE_DMABUF ? -EBUSY : -EOPNOTSUPP;
}

TEST_F(zbuddy, purged)
{
	struct zb_ioc_alloc a;
	struct zb_ioc_query q;
	struct zb_ioc_phys phys;
	__u32 retained = 1;
	char *p = marked(_metadata, self, 3, &a), *more;
	__u64 left = zb_free_bytes(self->fd);

	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_EQ(left + a.length, zb_free_bytes(self->fd));
	EXPECT_EQ(SIGBUS, zb_touch(p, false));
	EXPECT_EQ(SIGBUS, zb_touch(p + a.length - 1, true));
	ASSERT_EQ(0, zb_query(self->fd, a.handle, &q));
	EXPECT_EQ(ZB_DISCARD_PURGED, q.discard);
	EXPECT_EQ(a.length, q.length);
	EXPECT_EQ(1, q.mappings);
	EXPECT_EQ(a.zone, q.zone);
	EXPECT_EQ(MAP_FAILED, zb_map(self->fd, &a));
	EXPECT_EQ(ENODATA, errno);
	if (a.mmap_huge_offset) {
		EXPECT_EQ(MAP_FAILED, zb_map_at(self->fd, a.length, a.mmap_huge_offset));
		EXPECT_EQ(ENODATA, errno);
	}
	EXPECT_EQ(-ENODATA, zb_sync(self->fd, a.handle, ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
				    0, a.length));
	EXPECT_EQ(export_error(self), zb_export(self->fd, a.handle, 0));
	EXPECT_EQ(-EBUSY, zb_phys(self->fd, a.handle, &phys));
	EXPECT_EQ(0, zb_label(self->fd, a.handle, "gone"));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, DONTNEED, &retained));
	EXPECT_EQ(0, retained);
	retained = 1;
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(0, retained);
	EXPECT_EQ(left, zb_free_bytes(self->fd));
	EXPECT_EQ(ZB_DISCARD_NONE, discard_of(self->fd, a.handle));
	EXPECT_TRUE(zb_all_bytes(p, 0, a.length));
	zb_fill(p, 0, a.length, 8);
	more = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)more);
	EXPECT_TRUE(zb_filled(more, 0, a.length, 8));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(1, retained);
}

/* A huge mapping, and one of a child. */
TEST_F(zbuddy, other_mappings)
{
	struct zb_ioc_alloc a;
	char *p = marked(_metadata, self, 9, &a), *huge = NULL;
	int fds[2];
	pid_t child;
	char byte;

	if (a.mmap_huge_offset) {
		huge = zb_map_at(self->fd, a.length, a.mmap_huge_offset);
		ASSERT_NE(MAP_FAILED, (void *)huge);
		EXPECT_TRUE(zb_filled(huge, 0, a.length, 7));
	}
	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) != 1)
			_exit(1);
		_exit(zb_touch(p, false) == SIGBUS ? 0 : 2);
	}
	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_TRUE(!huge || zb_touch(huge + self->page, false) == SIGBUS);
	EXPECT_EQ(1, write(fds[1], "", 1));
	EXPECT_TRUE(zb_wait_exit(child, 0));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, NULL));
	EXPECT_TRUE(!huge || zb_all_bytes(huge, 0, a.length));
	EXPECT_TRUE(zb_all_bytes(p, 0, a.length));
}

static int advise_with(int fd, __u32 handle, __u32 advice, __u32 flags, __u32 reserved)
{
	struct zb_ioc_advise a = {
		.size = sizeof(a), .handle = handle, .advice = advice, .flags = flags,
		.__reserved = reserved,
	};

	return zb_ioctl(fd, ZB_IOC_ADVISE, &a);
}

TEST_F(zbuddy, refused)
{
	struct zb_ioc_alloc movable, a;
	struct zb_ioc_phys phys;
	struct zb_ioc_from_file from;
	int other = zb_open(), dmabuf, file;
	__u32 advice;

	EXPECT_TRUE(self->info.features & ZB_FEATURE_DISCARD);
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &movable));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, RECLAIMABLE, &a));
	for (advice = DONTNEED; advice <= WILLNEED; advice++) {
		EXPECT_EQ(-EINVAL, zb_advise(self->fd, movable.handle, advice, NULL));
		EXPECT_EQ(-ENOENT, zb_advise(self->fd, 0, advice, NULL));
		EXPECT_EQ(-ENOENT, zb_advise(self->fd, ZB_NO_HANDLE, advice, NULL));
		EXPECT_EQ(-ENOENT, zb_advise(other, a.handle, advice, NULL));
		EXPECT_EQ(-EINVAL, advise_with(self->fd, a.handle, advice, 1, 0));
		EXPECT_EQ(-EINVAL, advise_with(self->fd, a.handle, advice, 0, 1));
	}
	EXPECT_EQ(-EINVAL, zb_advise(self->fd, a.handle, 0, NULL));
	EXPECT_EQ(-EINVAL, zb_advise(self->fd, a.handle, WILLNEED + 1, NULL));
	EXPECT_EQ(-EINVAL, zb_advise(self->fd, a.handle, ~0u, NULL));
	EXPECT_EQ(ZB_DISCARD_NONE, discard_of(self->fd, a.handle));
	dmabuf = zb_export(self->fd, a.handle, ZB_EXPORT_CLOEXEC);
	if (self->info.features & ZB_FEATURE_DMABUF) {
		ASSERT_GE(dmabuf, 0);
		EXPECT_EQ(-EBUSY, dontneed(self->fd, &a));
		EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, NULL));
		close(dmabuf);
	}
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(export_error(self), zb_export(self->fd, a.handle, ZB_EXPORT_CLOEXEC));
	EXPECT_EQ(-EBUSY, zb_phys(self->fd, a.handle, &phys));
	EXPECT_EQ(-EBUSY, zb_to_file(self->fd, a.handle, ZB_FILE_CLOEXEC));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, NULL));
	file = zb_to_file(self->fd, a.handle, ZB_FILE_CLOEXEC);
	ASSERT_GE(file, 0);
	EXPECT_EQ(-EBUSY, dontneed(self->fd, &a));
	/* a handle that is made from a read-only descriptor */
	ASSERT_EQ(0, zb_from_file(self->fd, file, &from));
	EXPECT_EQ(-EACCES, zb_advise(self->fd, from.handle, DONTNEED, NULL));
	close(file);
	EXPECT_EQ(-EACCES, zb_advise(self->fd, from.handle, DONTNEED, NULL));
	EXPECT_EQ(0, zb_free(self->fd, from.handle));
	EXPECT_EQ(0, zb_phys(self->fd, a.handle, &phys));
	EXPECT_EQ(-EBUSY, dontneed(self->fd, &a));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(-ENOENT, dontneed(self->fd, &a));
	EXPECT_EQ(-EAGAIN, reclaim(1));
}

/* A command whose result can't be written has changed nothing. */
TEST_F(zbuddy, result_not_writable)
{
	struct zb_ioc_advise *arg = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zb_ioc_alloc a;
	__u64 left;

	ASSERT_NE(MAP_FAILED, (void *)arg);
	ASSERT_EQ(0, zb_alloc_order(self->fd, 2, RECLAIMABLE, &a));
	*arg = (struct zb_ioc_advise){
		.size = sizeof(*arg), .handle = a.handle, .advice = DONTNEED,
	};
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_ADVISE, arg));
	EXPECT_EQ(ZB_DISCARD_NONE, discard_of(self->fd, a.handle));
	EXPECT_EQ(-EAGAIN, reclaim(1));
	ASSERT_EQ(0, dontneed(self->fd, &a));
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ | PROT_WRITE));
	arg->advice = WILLNEED;
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_ADVISE, arg));
	EXPECT_EQ(ZB_DISCARD_MARKED, discard_of(self->fd, a.handle));
	EXPECT_EQ(0, reclaim(a.length));
	left = zb_free_bytes(self->fd);
	EXPECT_EQ(-EFAULT, zb_ioctl(self->fd, ZB_IOC_ADVISE, arg));
	EXPECT_EQ(ZB_DISCARD_PURGED, discard_of(self->fd, a.handle));
	EXPECT_EQ(left, zb_free_bytes(self->fd));
}

/* Buffers with a page in a pipe or with 65 mappings keep their memory, which is counted. */
TEST_F(zbuddy, in_use)
{
	long busy = zb_vmstat("zb_purge_busy");
	struct zb_ioc_alloc a;
	char *p = marked(_metadata, self, 4, &a), *last = NULL, byte;
	struct iovec iov = { p + 5 * self->page, 1 };
	int pipes[2], i;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(1, vmsplice(pipes[1], &iov, 1, 0));
	EXPECT_EQ(-EAGAIN, reclaim(a.length));
	EXPECT_LT(busy, zb_vmstat("zb_purge_busy"));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 7));
	EXPECT_EQ(1, read(pipes[0], &byte, 1));
	for (i = 1; i <= 64; i++)
		last = zb_map(self->fd, &a);
	EXPECT_EQ(-EAGAIN, reclaim(a.length));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 7));
	ASSERT_EQ(0, munmap(last, a.length));
	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_EQ(SIGBUS, zb_touch(p, false));
}

/* Purged buffers are freed by FREE, close, munmap and the death of their process. */
TEST_F(zbuddy, freed)
{
	struct zb_ioc_alloc a;
	char *p = marked(_metadata, self, 4, &a);
	int fd = zb_open();
	pid_t child;

	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(SIGBUS, zb_touch(p, false));
	ASSERT_EQ(0, munmap(p, a.length));
	ASSERT_EQ(0, zb_alloc_order(fd, 4, RECLAIMABLE, &a));
	EXPECT_EQ(0, dontneed(fd, &a));
	EXPECT_EQ(0, reclaim(a.length));
	close(fd);
	/* without a handle, a buffer stays marked */
	p = marked(_metadata, self, 4, &a);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_TRUE(zb_filled(p, 0, a.length, 7));
	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_EQ(SIGBUS, zb_touch(p, false));
	child = fork();
	if (!child) {
		fd = zb_open();
		if (zb_alloc_order(fd, 4, RECLAIMABLE, &a) || dontneed(fd, &a) ||
		    zb_map(fd, &a) == MAP_FAILED || reclaim(a.length))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	EXPECT_TRUE(zb_wait_killed(child, SIGKILL));
}

/* While no other memory is left, the buffer stays purged. */
TEST_F(zbuddy, no_memory)
{
	unsigned int nr = fill(self->fd, 4);
	__u32 retained = 1;

	ASSERT_GT(nr, 2);
	nr = fill_rest(self->fd, 4, nr);
	EXPECT_EQ(0, dontneed(self->fd, &bufs[0]));
	EXPECT_EQ(0, reclaim(bufs[0].length));
	/* below the watermark of ordinary requests, and nothing else can be taken */
	nr = fill_behind(self->fd, 0, nr);
	EXPECT_EQ(-ENOMEM, zb_advise(self->fd, bufs[0].handle, WILLNEED, NULL));
	EXPECT_TRUE(is_purged(self->fd, &bufs[0]));
	EXPECT_EQ(0, zb_free(self->fd, bufs[1].handle));
	EXPECT_EQ(0, zb_free(self->fd, bufs[2].handle));
	EXPECT_EQ(0, zb_advise(self->fd, bufs[0].handle, WILLNEED, &retained));
	EXPECT_EQ(0, retained);
}

/* Requests that may sleep get the memory of the oldest buffers, and no more than they need. */
TEST_F(zbuddy, direct_reclaim)
{
	const __u32 gfp = ZB_GFP_KERNEL & ~__ZB_GFP_KSWAPD_RECLAIM;
	unsigned int i, nr, got, purged;
	long stolen, stalls;
	struct zb_ioc_alloc a;

	nr = fill(self->fd, 4);
	ASSERT_GT(nr, 40);
	fill_rest(self->fd, 4, nr);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, dontneed(self->fd, &bufs[i]));
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->fd, 4, FILL, &a));
	EXPECT_EQ(0, nr_purged(self->fd, 40));
	stolen = zb_vmstat("pgsteal_direct");
	stalls = zb_vmstat("allocstall");
	for (got = 0; got < 10; got++)
		if (zb_alloc_order(self->fd, 4, gfp | __ZB_GFP_NOWARN, &a))
			break;
	EXPECT_EQ(10, got);
	purged = nr_purged(self->fd, 40);
	stolen = zb_vmstat("pgsteal_direct") - stolen;
	EXPECT_EQ(16 * purged, stolen);
	EXPECT_LT(stalls, zb_vmstat("allocstall"));
	printf("# %u requests took %ld frames, %ld were needed\n", got, stolen, 16l * got);
	EXPECT_LE(stolen, 16 * got * 5 / 4);
	/* 40 buffers serve 40 requests, and then nothing is left */
	while (got < MAX_BUFS && !zb_alloc_order(self->fd, 4, gfp | __ZB_GFP_NOWARN, &a))
		got++;
	EXPECT_EQ(40, got);
	EXPECT_EQ(40, nr_purged(self->fd, 40));
}

struct waiter {
	pthread_t thread;
	int fd, rc;
	__u32 order;
	struct zb_ioc_alloc a;
};

static void *wait_for_memory(void *arg)
{
	struct waiter *w = arg;

	w->a = zb_want_order(w->order, ZB_GFP_KERNEL);
	w->a.flags = ZB_BUF_WAIT;
	w->a.deadline_ns = ZB_WAIT_FOREVER;
	w->rc = zb_ioctl(w->fd, ZB_IOC_ALLOC, &w->a);
	return NULL;
}

/* Buffers that are marked while a request waits serve it. */
TEST_F(zbuddy, marked_while_a_request_waits)
{
	struct waiter w = { .fd = self->fd };
	unsigned int i, nr;

	for (w.order = 0; w.order <= 6; w.order += 6) {
		nr = fill(self->fd, 4);
		ASSERT_GT(nr, 100);
		nr = fill_rest(self->fd, 4, nr);
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_for_memory, &w));
		EXPECT_TRUE(ZB_AWAIT(zb_vmstat("zb_waiting") == 1));
		for (i = 0; i < nr; i++)
			EXPECT_EQ(0, dontneed(self->fd, &bufs[i]));
		pthread_join(w.thread, NULL);
		EXPECT_EQ(0, w.rc);
		EXPECT_EQ(0, zb_free(self->fd, w.a.handle));
		for (i = 0; i < nr; i++)
			EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	}
}

/* The oldest are taken first, but one that was needed again is spared once. */
TEST_F(zbuddy, second_chance)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, zb_alloc_order(self->fd, 2, RECLAIMABLE, &bufs[i]));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, dontneed(self->fd, &bufs[i]));
	for (i = 0; i < 8; i += 2)
		ASSERT_EQ(0, zb_advise(self->fd, bufs[i].handle, WILLNEED, NULL));
	for (i = 0; i < 8; i += 2)
		ASSERT_EQ(0, dontneed(self->fd, &bufs[i]));
	ASSERT_EQ(0, zb_advise(self->fd, bufs[1].handle, WILLNEED, NULL));
	ASSERT_EQ(0, dontneed(self->fd, &bufs[1]));
	/* the order is 3, 5, 7, and 0, 2, 4, 6, 1 that have been used */
	EXPECT_EQ(0, reclaim(3 * bufs[0].length));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i == 3 || i == 5 || i == 7, is_purged(self->fd, &bufs[i]));
	EXPECT_EQ(0, reclaim(bufs[0].length));
	EXPECT_TRUE(is_purged(self->fd, &bufs[0]));
	EXPECT_EQ(4, nr_purged(self->fd, 8));
}

/*
 * Returns the number of the aligned range of 256 frames in which a buffer is; 0 if that is
 * unknown. PHYS would make it unmarkable.
 */
static __u64 range_of(int fd, const struct zb_ioc_alloc *a)
{
	static int pagemap = -1;
	char *p = zb_map(fd, a);
	__u64 entry = 0;

	if (pagemap < 0)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if ((void *)p != MAP_FAILED) {
		*(volatile char *)p;
		if (pread(pagemap, &entry, 8, (off_t)((unsigned long)p / 4096 * 8)) != 8)
			entry = 0;
		munmap(p, a->length);
	}
	return entry >> 63 ? (entry & ((1ull << 55) - 1)) / 256 : 0;
}

/*
 * Fill the memory, and mark all buffers of order 4; ranges[i] is where bufs[i] is. Returns their
 * number.
 */
static unsigned int mark_all(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
			     __u64 *ranges)
{
	unsigned int i, nr = fill(self->fd, 4);

	ASSERT_LT(128, nr) return 0;
	fill_rest(self->fd, 4, nr);
	for (i = 0; i < nr; i++) {
		ranges[i] = range_of(self->fd, &bufs[i]);
		ASSERT_NE(0, ranges[i]) return 0;
		ASSERT_EQ(0, dontneed(self->fd, &bufs[i])) return 0;
	}
	return nr;
}

#define WINDOW_GFP	((ZB_GFP_KERNEL & ~__ZB_GFP_KSWAPD_RECLAIM) | __ZB_GFP_NORETRY | \
			 __ZB_GFP_NOWARN)

/* For a large block, the buffers of one aligned range are taken, and no others. */
TEST_F(zbuddy, cheapest_window)
{
	static __u64 ranges[MAX_BUFS];
	unsigned int i, nr = mark_all(_metadata, self, ranges), purged = 0;
	long stolen = zb_vmstat("pgsteal_direct");
	struct zb_ioc_alloc a;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 8, WINDOW_GFP, &a));
	stolen = zb_vmstat("pgsteal_direct") - stolen;
	for (i = 0; i < nr; i++)
		if (is_purged(self->fd, &bufs[i])) {
			EXPECT_EQ(range_of(self->fd, &a), ranges[i]);
			purged++;
		}
	EXPECT_EQ(16, purged);
	EXPECT_EQ(256, stolen);
}

/* With a buffer that is not marked in each range, no block can be made: nothing is taken. */
TEST_F(zbuddy, no_window)
{
	static __u64 ranges[MAX_BUFS];
	unsigned int i, nr = mark_all(_metadata, self, ranges), kept = 0;
	unsigned int left[ZB_NR_ZONES] = { 32, 32, 32, 32, 32 };
	static bool seen[MAX_BUFS];
	struct zb_ioc_alloc a;
	__u64 lowest = ~0ull;
	long stolen;

	for (i = 0; i < nr; i++)
		lowest = ranges[i] < lowest ? ranges[i] : lowest;
	for (i = 0; i < nr; i++) {
		__u64 range = ranges[i] - lowest;

		ASSERT_GT(MAX_BUFS, range);
		if (seen[range])
			continue;
		seen[range] = true;
		ASSERT_EQ(0, zb_advise(self->fd, bufs[i].handle, WILLNEED, NULL));
		kept++;
	}
	EXPECT_GE(kept, nr / 16);
	/* in each zone enough frames, but no block */
	for (i = 0; i < nr; i++)
		if (left[bufs[i].zone] &&
		    discard_of(self->fd, bufs[i].handle) == ZB_DISCARD_MARKED) {
			ASSERT_EQ(0, zb_free(self->fd, bufs[i].handle));
			left[bufs[i].zone]--;
		}
	stolen = zb_vmstat("pgsteal_direct");
	EXPECT_EQ(-ENOMEM, zb_alloc_order(self->fd, 8, WINDOW_GFP, &a));
	EXPECT_EQ(stolen, zb_vmstat("pgsteal_direct"));
	printf("# %u ranges\n", kept);
}

TEST_HARNESS_MAIN

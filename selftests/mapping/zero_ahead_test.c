// SPDX-License-Identifier: GPL-2.0
/*
 * Free memory that is cleared in advance (zero_ahead=): whatever programs have written to it,
 * a new buffer is zero, and a buffer that nobody could write to is not cleared again.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <pthread.h>
#include <stdatomic.h>

#define PARAM		ZB_PARAMETERS "zero_ahead"
#define HELPERS		ZB_PARAMETERS "clear_helpers"
#define PATIENCE	(60 * 1000000000ull * zb_time_scale())
#define MAX_BUFS	512
#define GFP		(ZB_GFP_KERNEL | __ZB_GFP_NOWARN)

FIXTURE(zero) {
	FIXTURE_DATA(zbuddy) zb;
	int fd;
	__u64 page;
	struct zb_ioc_alloc bufs[MAX_BUFS];
};

FIXTURE_SETUP(zero)
{
	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	self->fd = self->zb.fd;
	self->page = self->zb.page;
	if (zb_vmstat("zb_zeroed") < 0)
		SKIP(return, "no debugfs");
	if (zb_write_file(PARAM, "100"))
		SKIP(return, "free memory is poisoned");
}

FIXTURE_TEARDOWN_PARENT(zero)
{
	if (!access(PARAM, W_OK))
		zb_write_file(PARAM, "0");
	if (!access(HELPERS, W_OK))
		zb_write_file(HELPERS, "0");
	zb_teardown(_metadata, &self->zb);
}

#define DATA	FIXTURE_DATA(zero)

/* Wait until all free memory is known to be zero; give up if there is no progress any more. */
static bool await_all_zero(void)
{
	__u64 until = zb_now_ns() + PATIENCE;
	long before = -1, zeroed, nr_free;

	zb_drain();
	do {
		zeroed = zb_vmstat("zb_zeroed");
		nr_free = zb_vmstat("nr_free_pages");
		if (zeroed == nr_free)
			return true;
		if (zeroed > before)
			until = zb_now_ns() + PATIENCE;
		before = zeroed > before ? zeroed : before;
		zb_sleep_ms(20);
	} while (zb_now_ns() < until);
	printf("# %ld of %ld pages are known to be zero\n", zeroed, nr_free);
	return false;
}

/* Map a buffer, check that all of it is zero, and write to it. */
static bool check_and_dirty(int fd, const struct zb_ioc_alloc *a)
{
	char *p = zb_map(fd, a);
	bool zero;

	if (p == MAP_FAILED)
		return false;
	zero = zb_all_bytes(p, 0, a->length);
	memset(p, 0x5a, a->length);
	munmap(p, a->length);
	return zero;
}

/* Write to all memory and free it. Returns the number of buffers that were not zero. */
static unsigned int dirty_all(DATA *self)
{
	unsigned int nr, i, wrong = 0;
	__u64 bytes;

	nr = zb_alloc_all(self->fd, 9, GFP, self->bufs, MAX_BUFS, &bytes);
	for (i = 0; i < nr; i++) {
		wrong += !check_and_dirty(self->fd, &self->bufs[i]);
		zb_free(self->fd, self->bufs[i].handle);
	}
	return nr ? wrong : 1;
}

TEST_F_TIMEOUT(zero, dirty_memory_is_cleared, 300)
{
	long ahead = zb_vmstat("zb_zero_ahead"), hits, misses;

	ASSERT_EQ(0, dirty_all(self));
	ASSERT_TRUE(await_all_zero());
	EXPECT_LT(ahead, zb_vmstat("zb_zero_ahead"));
	hits = zb_vmstat("zb_zero_hit");
	misses = zb_vmstat("zb_zero_miss");
	EXPECT_EQ(0, dirty_all(self));
	hits = zb_vmstat("zb_zero_hit") - hits;
	misses = zb_vmstat("zb_zero_miss") - misses;
	TH_LOG("%ld pages were cleared in advance, %ld by the requests", hits, misses);
	EXPECT_LT(9 * misses, hits);
}

/* A program that allocates, writes and frees the same amount again and again has only hits. */
/* Frees a batch of which every second buffer was written to; returns how many were not zero. */
static unsigned int use_bulk(DATA *self, struct zb_bulk_buffer *bufs, __u32 nr)
{
	struct zb_ioc_bulk_free f = zb_want_bulk_free(bufs, nr);
	unsigned int wrong = 0;
	__u32 i;

	for (i = 0; i < nr; i += 2) {
		struct zb_ioc_alloc a = {
			.length = bufs[i].length, .mmap_offset = bufs[i].mmap_offset,
		};

		wrong += !check_and_dirty(self->fd, &a);
	}
	return zb_ioctl(self->fd, ZB_IOC_BULK_FREE, &f) || f.done != nr ? nr : wrong;
}

/* Pages of BULK_ALLOC are zero, counted and charged like single ones, and none is lost. */
TEST_F_TIMEOUT(zero, bulk, 300)
{
	static struct zb_bulk_buffer bufs[300];
	long counted = zb_vmstat("zb_zero_hit") + zb_vmstat("zb_zero_miss");
	__u64 free = zb_free_bytes(self->fd);
	unsigned int i;
	__u32 done;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, zb_bulk_buffers(self->fd, 0, bufs, 300, &done));
		ASSERT_EQ(300, done);
		EXPECT_EQ(free - 300 * self->page, zb_free_bytes(self->fd));
		ASSERT_EQ(0, use_bulk(self, bufs, done));
		EXPECT_EQ(free, zb_free_bytes(self->fd));
	}
	EXPECT_EQ(counted + 8 * 300, zb_vmstat("zb_zero_hit") + zb_vmstat("zb_zero_miss"));
	if (zb_set_parameter("max_bytes_per_user", 100 * self->page))
		SKIP(return, "can't set max_bytes_per_user");
	EXPECT_EQ(0, zb_bulk_buffers(self->fd, 0, bufs, 300, &done));
	EXPECT_EQ(0, zb_set_parameter("max_bytes_per_user", 0));
	ASSERT_EQ(100, done);
	EXPECT_EQ(free - 100 * self->page, zb_free_bytes(self->fd));
	EXPECT_EQ(0, use_bulk(self, bufs, done));
	EXPECT_TRUE(zb_check_ok());
}

TEST_F_TIMEOUT(zero, hit_rate, 300)
{
	long hits = zb_vmstat("zb_zero_hit"), misses = zb_vmstat("zb_zero_miss");
	__u64 length = 64 << 20;
	struct zb_ioc_alloc a;
	unsigned int i;

	while (zb_alloc_length(self->fd, length, GFP, &a))
		ASSERT_LT(self->page, length /= 2);
	EXPECT_TRUE(check_and_dirty(self->fd, &a));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(await_all_zero());
		if (!i) {
			hits = zb_vmstat("zb_zero_hit");
			misses = zb_vmstat("zb_zero_miss");
		}
		ASSERT_EQ(0, zb_alloc_length(self->fd, length, GFP, &a));
		EXPECT_TRUE(check_and_dirty(self->fd, &a));
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
	}
	hits = zb_vmstat("zb_zero_hit") - hits;
	misses = zb_vmstat("zb_zero_miss") - misses;
	TH_LOG("%llu MiB, %u times: hit rate %ld %%", (unsigned long long)length >> 20, i,
	       100 * hits / (hits + misses));
	EXPECT_EQ(0, misses);
}

/* What nobody could write to is known to be zero; everything else is not. */
TEST_F_TIMEOUT(zero, never_written, 300)
{
	const __u64 length = 300 * self->page;
	long ahead, zeroed, nr = length / self->page;
	struct zb_ioc_alloc a;
	struct zb_ioc_phys phys;
	unsigned int what;
	int fd;

	ASSERT_TRUE(await_all_zero());
	for (what = 0; what < 6; what++) {
		ahead = zb_vmstat("zb_zero_ahead");
		zeroed = zb_vmstat("zb_zeroed");
		ASSERT_EQ(0, zb_alloc_length(self->fd, length, GFP, &a));
		EXPECT_EQ(zeroed - nr, zb_vmstat("zb_zeroed"));
		if (what == 1)
			EXPECT_TRUE(check_and_dirty(self->fd, &a));
		if (what == 2)
			EXPECT_EQ(0, munmap(zb_map(self->fd, &a), length));
		if (what == 3)
			EXPECT_EQ(0, zb_phys(self->fd, a.handle, &phys));
		if (what == 4) {
			fd = zb_to_file(self->fd, a.handle, ZB_FILE_RDWR);
			EXPECT_EQ(4, pwrite(fd, "text", 4, 4000));
			close(fd);
		}
		if (what == 5) {
			fd = zb_export(self->fd, a.handle, ZB_EXPORT_RDWR);
			if (fd >= 0)
				close(fd);
			else
				zb_phys(self->fd, a.handle, &phys);
		}
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
		ASSERT_TRUE(await_all_zero());
		EXPECT_EQ(what ? ahead + nr : ahead, zb_vmstat("zb_zero_ahead"))
			TH_LOG("use %u", what);
	}
}

/* A buffer whose memory was taken back gets memory that has been cleared in advance. */
TEST_F_TIMEOUT(zero, revived, 300)
{
	const __u64 length = 700 * self->page;
	long hits, misses;
	struct zb_ioc_query q;
	struct zb_ioc_alloc a;
	__u32 retained = 1;

	ASSERT_EQ(0, zb_alloc_length(self->fd, length, ZB_GFP_TEMPORARY, &a));
	EXPECT_TRUE(check_and_dirty(self->fd, &a));
	ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_DONTNEED, NULL));
	zb_write_file(ZB_DEBUGFS "reclaim", "1");
	ASSERT_EQ(0, zb_query(self->fd, a.handle, &q));
	ASSERT_EQ(ZB_DISCARD_PURGED, q.discard);
	ASSERT_TRUE(await_all_zero());
	hits = zb_vmstat("zb_zero_hit");
	misses = zb_vmstat("zb_zero_miss");
	ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_WILLNEED, &retained));
	EXPECT_EQ(0, retained);
	EXPECT_EQ(hits + (long)(length / self->page), zb_vmstat("zb_zero_hit"));
	EXPECT_EQ(misses, zb_vmstat("zb_zero_miss"));
	EXPECT_TRUE(check_and_dirty(self->fd, &a));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
}

/* A range of any number of pages, not touched the first time, and written to the second time. */
TEST_F_TIMEOUT(zero, range, 300)
{
	const long nr = 1033;
	long hits, misses, ahead;
	struct zb_ioc_alloc a;
	int round;

	for (round = 0; round < 2; round++) {
		ASSERT_TRUE(await_all_zero());
		hits = zb_vmstat("zb_zero_hit");
		misses = zb_vmstat("zb_zero_miss");
		ahead = zb_vmstat("zb_zero_ahead");
		a = zb_want_length((__u64)nr * self->page, GFP);
		a.flags |= ZB_BUF_RANGE;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
		EXPECT_EQ(hits + nr, zb_vmstat("zb_zero_hit"));
		EXPECT_EQ(misses, zb_vmstat("zb_zero_miss"));
		if (round)
			EXPECT_TRUE(check_and_dirty(self->fd, &a));
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
		ASSERT_TRUE(await_all_zero());
		EXPECT_EQ(round ? ahead + nr : ahead, zb_vmstat("zb_zero_ahead"));
	}
}

/**
 * struct waiter - a thread that waits for a block
 * @thread: the thread
 * @fd: the device
 * @a: what it got
 * @rc: 0, or -errno
 */
struct waiter {
	pthread_t thread;
	int fd;
	struct zb_ioc_alloc a;
	int rc;
};

static void *wait_for_block(void *arg)
{
	struct waiter *w = arg;

	w->a = zb_want_order(9, GFP);
	w->a.flags = ZB_BUF_WAIT;
	w->a.deadline_ns = ZB_WAIT_FOREVER;
	w->rc = zb_ioctl(w->fd, ZB_IOC_ALLOC, &w->a);
	return NULL;
}

/* What a waiting request gets is not cleared again, and is zero if somebody has written to it. */
TEST_F_TIMEOUT(zero, waited, 300)
{
	struct waiter w = { .fd = self->fd };
	long hits, misses;
	unsigned int nr;
	__u64 bytes;
	int round;

	ASSERT_TRUE(await_all_zero());
	nr = zb_alloc_all(self->fd, 9, GFP, self->bufs, MAX_BUFS, &bytes);
	ASSERT_EQ(9, self->bufs[0].order);
	for (round = 0; round < 2; round++) {
		hits = zb_vmstat("zb_zero_hit");
		misses = zb_vmstat("zb_zero_miss");
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_for_block, &w));
		ASSERT_TRUE(ZB_AWAIT(zb_vmstat("zb_waiting") == 1));
		if (round)
			EXPECT_TRUE(check_and_dirty(self->fd, &self->bufs[0]));
		ASSERT_EQ(0, zb_free(self->fd, self->bufs[0].handle));
		pthread_join(w.thread, NULL);
		ASSERT_EQ(0, w.rc);
		EXPECT_LE(hits + (round ? 0 : 512), zb_vmstat("zb_zero_hit"));
		if (!round)
			EXPECT_EQ(misses, zb_vmstat("zb_zero_miss"));
		self->bufs[0] = w.a;
	}
	EXPECT_TRUE(check_and_dirty(self->fd, &self->bufs[0]));
	while (nr--)
		zb_free(self->fd, self->bufs[nr].handle);
}

/* Several CPUs clear a large buffer; all of it is zero, however much was cleared in advance. */
TEST_F_TIMEOUT(zero, helpers, 300)
{
	struct zb_ioc_alloc a;
	int round;

	EXPECT_EQ(-EINVAL, zb_write_file(HELPERS, "8"));
	ASSERT_EQ(0, zb_write_file(HELPERS, "3"));
	ASSERT_EQ(0, zb_write_file(PARAM, "0"));
	for (round = 0; round < 6; round++) {
		a = zb_want_length(44ull << 20, GFP);
		a.flags |= ZB_BUF_RANGE;
		if (zb_ioctl(self->fd, ZB_IOC_ALLOC, &a))
			SKIP(return, "less than 44 MiB of memory");
		EXPECT_TRUE(check_and_dirty(self->fd, &a));
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
		if (round == 3)
			ASSERT_EQ(0, zb_write_file(PARAM, "100"));
		if (round > 3)
			zb_sleep_ms(50);
	}
}

/* A thread that allocates, checks, writes and frees. */
struct user {
	pthread_t thread;
	int fd;
	unsigned int id;
	unsigned int wrong, done;
};

#define STEPS	400
#define SLOTS	6

static void *use(void *arg)
{
	struct zb_ioc_alloc held[SLOTS] = {};
	struct user *u = arg;
	__u64 state = u->id + 1;
	unsigned int i;

	for (i = 0; i < STEPS; i++) {
		struct zb_ioc_alloc *a = &held[i % SLOTS];

		if (a->handle)
			zb_free(u->fd, a->handle);
		a->handle = 0;
		if (i % 64 == 63)
			zb_sleep_ms(100);
		if (zb_alloc_length(u->fd, (1 + zb_random(&state) % 2000) * 1024, GFP, a)) {
			a->handle = 0;
			continue;
		}
		u->done++;
		/* Some are never touched, so they stay known to be zero. */
		if (i % 3)
			u->wrong += !check_and_dirty(u->fd, a);
	}
	for (i = 0; i < SLOTS; i++)
		if (held[i].handle)
			zb_free(u->fd, held[i].handle);
	return NULL;
}

TEST_F_TIMEOUT(zero, churn, 300)
{
	struct user users[2] = {};
	unsigned int i;

	ASSERT_EQ(0, dirty_all(self));
	for (i = 0; i < 2; i++) {
		users[i].fd = self->fd;
		users[i].id = i;
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, use, &users[i]));
	}
	/* The parameter changes meanwhile. */
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, zb_write_file(PARAM, i % 4 == 3 ? "0" : i % 2 ? "100" : "40"));
		zb_sleep_ms(20);
	}
	EXPECT_EQ(0, zb_write_file(PARAM, "100"));
	for (i = 0; i < 2; i++) {
		pthread_join(users[i].thread, NULL);
		EXPECT_EQ(0, users[i].wrong);
		EXPECT_LT(STEPS / 2, users[i].done);
	}
	EXPECT_TRUE(zb_check_ok());
	ASSERT_TRUE(await_all_zero());
	EXPECT_EQ(0, dirty_all(self));
}

static atomic_bool stop_freeing;

static void *free_all_the_time(void *arg)
{
	DATA *self = arg;
	struct zb_ioc_alloc a;

	while (!atomic_load(&stop_freeing)) {
		if (!zb_alloc_order(self->fd, 0, GFP, &a))
			zb_free(self->fd, a.handle);
		/* the CPUs must be idle most of the time, or nothing is cleared in advance */
		zb_sleep_ms(1);
	}
	return NULL;
}

/* Memory is cleared in advance even while a program frees buffers without a pause. */
TEST_F_TIMEOUT(zero, steady_frees, 300)
{
	long nr_free;
	pthread_t thread;

	ASSERT_EQ(0, dirty_all(self));
	zb_drain();
	nr_free = zb_vmstat("nr_free_pages");
	ASSERT_EQ(0, pthread_create(&thread, NULL, free_all_the_time, self));
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("zb_zeroed") > nr_free * 9 / 10));
	atomic_store(&stop_freeing, true);
	pthread_join(thread, NULL);
}

TEST_F_TIMEOUT(zero, parameter, 300)
{
	long all, ahead;

	ASSERT_TRUE(await_all_zero());
	all = zb_vmstat("zb_zeroed");
	EXPECT_EQ(-EINVAL, zb_write_file(PARAM, "101"));
	EXPECT_EQ(all, zb_vmstat("zb_zeroed"));
	EXPECT_EQ(0, zb_write_file(PARAM, "0"));
	EXPECT_EQ(0, zb_vmstat("zb_zeroed"));
	/* without the parameter, nothing is recorded */
	ahead = zb_vmstat("zb_zero_ahead") + zb_vmstat("zb_zero_hit") + zb_vmstat("zb_zero_miss");
	EXPECT_EQ(0, dirty_all(self));
	EXPECT_EQ(ahead, zb_vmstat("zb_zero_ahead") + zb_vmstat("zb_zero_hit") +
			 zb_vmstat("zb_zero_miss"));
	zb_drain();
	all = zb_vmstat("nr_free_pages");
	EXPECT_EQ(0, zb_write_file(PARAM, "30"));
	EXPECT_TRUE(ZB_AWAIT(zb_vmstat("zb_zeroed") >= all * 3 / 10 - 8));
	EXPECT_GE(all * 3 / 10, zb_vmstat("zb_zeroed"));
	EXPECT_EQ(0, zb_write_file(PARAM, "100"));
	EXPECT_TRUE(await_all_zero());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Discardable buffers that several threads use and advise while their memory is taken back:
 * nobody sees stale or foreign contents, and what WILLNEED has promised is kept.
 */
#include "discard.h"
#include "late.h"

#include <stdatomic.h>

#define THREADS		4
#define SHARED		24u
#define ORDER		3u
#define MAX_OPS		100000ul
#define MAX_NS		4000000000ull	/* then the race ends with fewer operations */

struct shared {
	pthread_mutex_t lock;
	struct zb_ioc_alloc a;
	char *p;
	unsigned int key;	/* of its contents; 0 if they are unknown */
	bool marked;
};

static struct {
	int fd;
	size_t length;
	struct shared buf[SHARED];
	atomic_ulong ops, lost, kept, raised, stale, errors;
	atomic_bool stop;
	__u64 until;
} race;

static __thread sigjmp_buf on_bus;

static void raised_bus(int sig)
{
	siglongjmp(on_bus, sig);
}

/*
 * On a slow machine, the race ends after MAX_NS, but not before buffers have been lost and kept
 * and an access has raised SIGBUS.
 */
static bool race_is_over(void)
{
	return atomic_load(&race.ops) >= MAX_OPS ||
	       (zb_now_ns() > race.until && race.lost && race.kept && race.raised);
}

/* Use a buffer that is not marked: its contents are those that were written last. */
static void use(struct shared *s, __u64 *rnd)
{
	if (s->key && !zb_filled(s->p, 0, race.length, s->key))
		atomic_fetch_add(&race.stale, 1);
	s->key = 1 + (unsigned int)zb_random(rnd) / 2;
	zb_fill(s->p, 0, race.length, s->key);
}

/* Read a buffer: the contents, or zeroes if @key is 0, are there, or it raises SIGBUS. */
static void read_buffer(const char *p, unsigned int key)
{
	if (sigsetjmp(on_bus, 0))
		atomic_fetch_add(&race.raised, 1);
	else if (key ? !zb_filled(p, 0, race.length, key) : !zb_all_bytes(p, 0, race.length))
		atomic_fetch_add(&race.stale, 1);
}

static void revive(struct shared *s)
{
	__u32 retained = 2;
	int rc = zb_advise(race.fd, s->a.handle, WILLNEED, &retained);

	if (rc) {
		if (rc != -ENOMEM)
			atomic_fetch_add(&race.errors, 1);
		return;
	}
	s->marked = false;
	atomic_fetch_add(retained ? &race.kept : &race.lost, 1);
	if (retained ? !zb_filled(s->p, 0, race.length, s->key) :
		       !zb_all_bytes(s->p, 0, race.length))
		atomic_fetch_add(&race.stale, 1);
	if (!retained)
		s->key = 0;
}

static void *user_thread(void *arg)
{
	__u64 rnd = 1 + (__u64)(uintptr_t)arg;
	struct shared *s;

	while (!race_is_over()) {
		s = &race.buf[(zb_random(&rnd) >> 11) % SHARED];
		pthread_mutex_lock(&s->lock);
		if (s->marked && s->key)
			read_buffer(s->p, s->key);
		if (s->marked) {
			revive(s);
		} else {
			use(s, &rnd);
			s->marked = !dontneed(race.fd, &s->a);
			if (!s->marked)
				atomic_fetch_add(&race.errors, 1);
		}
		pthread_mutex_unlock(&s->lock);
		atomic_fetch_add(&race.ops, 1);
	}
	return NULL;
}

/* Take memory and give it back, dirty, so that purged frames are used by others. */
static void *pressure_thread(void *arg)
{
	struct zb_ioc_alloc a;
	char *p;

	while (!atomic_load(&race.stop)) {
		reclaim(((__u64)(uintptr_t)arg + 1) * race.length);
		if (zb_alloc_order(race.fd, ORDER, RECLAIMABLE | __ZB_GFP_NOWARN, &a))
			continue;
		p = zb_map(race.fd, &a);
		if ((void *)p != MAP_FAILED) {
			if (!zb_all_bytes(p, 0, race.length))
				atomic_fetch_add(&race.stale, 1);
			memset(p, 0xee, race.length);
			munmap(p, race.length);
		}
		zb_free(race.fd, a.handle);
	}
	return NULL;
}

static void set_up(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	const struct sigaction bus = { .sa_handler = raised_bus, .sa_flags = SA_NODEFER };
	unsigned int i;

	race.fd = self->fd;
	race.length = (size_t)self->page << ORDER;
	race.until = zb_now_ns() + MAX_NS;
	ASSERT_EQ(0, sigaction(SIGBUS, &bus, NULL));
	for (i = 0; i < SHARED; i++) {
		struct shared *s = &race.buf[i];

		pthread_mutex_init(&s->lock, NULL);
		ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, RECLAIMABLE, &s->a));
		s->p = zb_map(self->fd, &s->a);
		ASSERT_NE(MAP_FAILED, (void *)s->p);
	}
}

/* A mutex for each buffer: its user knows what it must contain. */
TEST_F(zbuddy, users)
{
	pthread_t thread[THREADS + 2];
	unsigned int i;

	set_up(_metadata, self);
	for (i = 0; i < THREADS + 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL,
					    i < THREADS ? user_thread : pressure_thread,
					    (void *)(uintptr_t)i));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	atomic_store(&race.stop, true);
	for (; i < THREADS + 2; i++)
		pthread_join(thread[i], NULL);
	printf("# %lu operations: contents kept %lu times and lost %lu times, %lu times SIGBUS, %lu times stale or foreign\n",
	       race.ops, race.kept, race.lost, race.raised, race.stale);
	EXPECT_EQ(0, race.stale);
	EXPECT_EQ(0, race.errors);
	EXPECT_LT(0, race.lost);
	EXPECT_LT(0, race.kept);
	EXPECT_LT(0, race.raised);
}

/* --- commands on the same buffer at once --------------------------------------------- */

static long advise_late(struct late *l)
{
	return zb_ioctl(l->fd, ZB_IOC_ADVISE, l->page);
}

/*
 * WILLNEED of one thread succeeds while that of another one has not failed yet: the buffer
 * keeps its memory.
 */
TEST_F(zbuddy, promise_is_kept)
{
	const char *why;
	__u32 retained = 0;
	struct late l;
	struct shared *s = &race.buf[0];

	set_up(_metadata, self);
	why = late_init(&l, advise_late, race.fd);
	if (why)
		SKIP(return, "%s", why);
	zb_fill(s->p, 0, race.length, 7);
	ASSERT_EQ(0, dontneed(race.fd, &s->a));
	*(struct zb_ioc_advise *)l.page = (struct zb_ioc_advise){
		.size = sizeof(struct zb_ioc_advise), .handle = s->a.handle, .advice = WILLNEED,
	};
	run_until_late(_metadata, &l);
	EXPECT_EQ(0, zb_advise(race.fd, s->a.handle, WILLNEED, &retained));
	EXPECT_EQ(1, retained);
	fail_late(_metadata, &l);
	EXPECT_EQ(-EAGAIN, reclaim(race.length));
	read_buffer(s->p, 7);
	EXPECT_EQ(0, race.stale);
	EXPECT_EQ(0, race.raised);
}

#define ROUNDS		4000u
#define ADVISERS	5u

static pthread_barrier_t barrier;

struct adviser {
	pthread_t thread;
	void (*act)(struct adviser *a);
	struct zb_ioc_advise *unwritable;	/* arguments that ioctl() can't write to */
	__u32 retained;
};

static void will_need(struct adviser *a)
{
	const struct shared *s = &race.buf[race.ops % SHARED];

	if (zb_advise(race.fd, s->a.handle, WILLNEED, &a->retained))
		atomic_fetch_add(&race.errors, 1);
}

/* DONTNEED or WILLNEED, whose result can't be written. */
static void advise_in_vain(struct adviser *a)
{
	unsigned long i = 2 * (race.ops % SHARED) + race.ops / SHARED % 2;

	if (zb_ioctl(race.fd, ZB_IOC_ADVISE, &a->unwritable[i]) != -EFAULT)
		atomic_fetch_add(&race.errors, 1);
}

static void reclaim_sometimes(struct adviser *a)
{
	a->retained = race.ops % 4 ? 0 : reclaim(race.length);
}

/* All threads do something with the same buffer in each round. */
static void *adviser_thread(void *arg)
{
	struct adviser *a = arg;

	for (;;) {
		pthread_barrier_wait(&barrier);
		if (atomic_load(&race.stop))
			return NULL;
		a->act(a);
		pthread_barrier_wait(&barrier);
	}
}

/* Both commands for each buffer, on a page that can't be written. */
static struct zb_ioc_advise *make_unwritable(struct __test_metadata *_metadata)
{
	struct zb_ioc_advise *u = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, (void *)u) return NULL;
	for (i = 0; i < 2 * SHARED; i++)
		u[i] = (struct zb_ioc_advise){
			.size = sizeof(*u), .handle = race.buf[i / 2].a.handle,
			.advice = i % 2 ? DONTNEED : WILLNEED,
		};
	ASSERT_EQ(0, mprotect(u, 4096, PROT_READ)) return NULL;
	return u;
}

/*
 * A buffer for which WILLNEED has succeeded stays, whatever the commands of other threads do
 * that fail. It has lost the contents if the first command that succeeded says so.
 */
static void judge_round(struct shared *s, const struct adviser *a)
{
	bool retained = a[0].retained && a[1].retained;

	atomic_fetch_add(retained ? &race.kept : &race.lost, 1);
	reclaim(race.length);
	read_buffer(s->p, retained ? 7 : 0);
}

TEST_F(zbuddy, commands_that_fail)
{
	struct adviser a[ADVISERS] = {
		{ .act = will_need }, { .act = will_need }, { .act = advise_in_vain },
		{ .act = advise_in_vain }, { .act = reclaim_sometimes },
	};
	struct shared *s;
	unsigned int i;

	set_up(_metadata, self);
	pthread_barrier_init(&barrier, NULL, ADVISERS + 1);
	for (i = 0; i < ADVISERS; i++) {
		a[i].unwritable = make_unwritable(_metadata);
		ASSERT_EQ(0, pthread_create(&a[i].thread, NULL, adviser_thread, &a[i]));
	}
	while (race.ops < ROUNDS && (zb_now_ns() < race.until || !race.kept)) {
		s = &race.buf[race.ops % SHARED];
		zb_fill(s->p, 0, race.length, 7);
		ASSERT_EQ(0, dontneed(race.fd, &s->a));
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		judge_round(s, a);
		race.ops++;
	}
	atomic_store(&race.stop, true);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < ADVISERS; i++)
		pthread_join(a[i].thread, NULL);
	printf("# %lu rounds: contents kept %lu times and lost %lu times, purged again %lu times, wrong %lu times\n",
	       race.ops, race.kept, race.lost, race.raised, race.stale);
	EXPECT_EQ(0, race.raised);
	EXPECT_EQ(0, race.stale);
	EXPECT_EQ(0, race.errors);
	EXPECT_LT(0, race.kept);
}

TEST_HARNESS_MAIN

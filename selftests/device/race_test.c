// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that share open files use all operations concurrently, for 10 seconds or as
 * many as the first argument says.
 *
 * Half of the threads work on buffers of their own and verify their contents. The others
 * guess handles of shared files, which are closed and reopened concurrently: they free,
 * map, export and label buffers that any thread has allocated. Such a buffer may contain
 * nothing but zeroes, and in the first word of each page a tag that identifies the
 * buffer, set by the first thread that mapped it.
 */
#include "buffer_test.h"
#include "random_ops.h"

#include <pthread.h>

#define NR_OWN		3
#define NR_GUESS	3
#define NR_SHARED	3
#define MAX_PAGES	64u
#define TAG_SHIFT	12

static unsigned int seconds = 10;
static volatile bool stop, failed;
static int shared[NR_SHARED];
static __u64 page;
static __u64 next_tag;

struct worker {
	pthread_t thread;
	__u64 seed;
	unsigned int id;
	unsigned long ops, errors;
	struct random_user user;
};

static __u64 rnd(struct worker *w, __u64 n)
{
	return zb_random(&w->seed) % n;
}

static void fail(const struct worker *w, const char *what)
{
	printf("# thread %u, operation %lu: %s (errno %d)\n", w->id, w->ops, what, errno);
	failed = true;
	stop = true;
}

/*
 * Unmap in three parts, without unmapping the hole twice: another thread may have mapped
 * something there in the meantime.
 */
static void unmap_around(char *p, size_t len, size_t at)
{
	munmap(p + at, page);
	if (at)
		munmap(p, at);
	if (at + page < len)
		munmap(p + at + page, len - at - page);
}

/* --- buffers of one thread: random_ops.h --- */

static void own_fail(struct random_user *u, const char *what)
{
	struct worker *w = u->owner;

	w->ops = u->ops;
	fail(w, what);
}

static void *own_thread(void *arg)
{
	struct worker *w = arg;
	struct random_user *u = &w->user;

	u->seed = w->seed;
	u->fail = own_fail;
	u->owner = w;
	if (!random_open(u, MAX_PAGES * page, RANDOM_BUFS * MAX_PAGES * page)) {
		fail(w, "open");
		return NULL;
	}
	while (!stop)
		random_step(u);
	w->ops = u->ops;
	random_close(u);
	return NULL;
}

/* --- buffers shared by all threads --- */

static __u64 set_once(__u64 *at, __u64 tag)
{
	__u64 was = 0;

	return __atomic_compare_exchange_n(at, &was, tag, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST) ? tag : was;
}

static void tag_and_check(struct worker *w, char *p, size_t len)
{
	__u64 tag = __atomic_fetch_add(&next_tag, 1, __ATOMIC_RELAXED) << TAG_SHIFT;
	size_t i;

	tag = set_once((__u64 *)p, tag);
	for (i = 0; i < len / page; i++) {
		char *at = p + i * page;

		if (set_once((__u64 *)at, tag + i) != tag + i)
			fail(w, "a page of a shared buffer has another tag");
		if (!zb_all_bytes(at + 8, 0, page - 8))
			fail(w, "a page of a shared buffer is not zero");
	}
}

/* Choose a shared file and a handle that may be valid in it. */
static int guess(struct worker *w, __u32 *handle)
{
	static __u32 newest = 1;
	int fd = shared[rnd(w, NR_SHARED)];

	if (*handle)
		__atomic_store_n(&newest, *handle, __ATOMIC_RELAXED);
	*handle = __atomic_load_n(&newest, __ATOMIC_RELAXED) + 4 - (__u32)rnd(w, 40);
	return fd;
}

static void guess_alloc(struct worker *w, int fd)
{
	struct zb_ioc_alloc a = zb_want_length((1 + rnd(w, 16)) * page,
					       ZB_GFP_ANYZONE | __ZB_GFP_NOWARN);
	__u32 handles[16], done = 0;
	int rc;

	if (rnd(w, 8)) {
		if (rnd(w, 2))
			a.flags |= ZB_BUF_WAIT;
		rc = zb_ioctl(fd, ZB_IOC_ALLOC, &a);
		if (!rc)
			guess(w, &a.handle);
	} else {
		rc = zb_bulk_alloc(fd, 0, handles, 16, &done);
		if (done)
			guess(w, &handles[done - 1]);
	}
	w->errors += !!rc;
}

static void guess_map(struct worker *w, int fd, __u32 handle, bool by_export)
{
	struct zb_ioc_query q;
	char *p;
	int d;

	if (zb_query(fd, handle, &q)) {
		w->errors++;
		return;
	}
	if (by_export) {
		d = zb_export(fd, handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
		if (d < 0)
			return;
		q.length = (__u64)lseek(d, 0, SEEK_END);
		p = zb_map_at(d, q.length, 0);
		close(d);
	} else {
		p = zb_map_at(fd, q.length, q.mmap_offset);
	}
	if ((void *)p == MAP_FAILED) {
		w->errors++;
		return;
	}
	tag_and_check(w, p, q.length);
	unmap_around(p, q.length, rnd(w, q.length / page) * page);
}

static void guess_free(struct worker *w, int fd, __u32 handle)
{
	__u32 handles[4] = { handle, handle + 1, handle + 2, handle + 3 }, done;

	if (rnd(w, 4))
		w->errors += !!zb_free(fd, handle);
	else
		w->errors += !!zb_bulk_free(fd, handles, 4, &done);
}

/* Close and reopen a shared file while other threads use it. */
static void replace_file(struct worker *w)
{
	int fd = zb_open();

	if (fd < 0)
		return;
	dup2(fd, shared[rnd(w, NR_SHARED)]);
	close(fd);
}

static void *guess_thread(void *arg)
{
	struct worker *w = arg;

	while (!stop) {
		unsigned int dice = (unsigned int)rnd(w, 1000);
		__u32 handle = 0;
		int fd = guess(w, &handle);

		w->ops++;
		if (dice < 350)
			guess_alloc(w, fd);
		else if (dice < 600)
			guess_free(w, fd, handle);
		else if (dice < 850)
			guess_map(w, fd, handle, dice < 700);
		else if (dice < 950)
			w->errors += !!zb_label(fd, handle, "race");
		else if (dice < 990)
			w->errors += !!zb_sync(fd, handle, ZB_SYNC_FOR_DEVICE |
					       ZB_SYNC_TO_DEVICE, 0, page);
		else
			replace_file(w);
	}
	return NULL;
}

/* Read all statistics while they change. */
static void *look_thread(void *arg)
{
	static const char * const names[] = {
		"owners", "processes", "vmstat", "check", "pageblocks", "zoneinfo",
	};
	static char text[1 << 20];
	struct worker *w = arg;
	char path[128];

	while (!stop) {
		const char *name = names[rnd(w, ARRAY_SIZE(names))];

		snprintf(path, sizeof(path), ZB_DEBUGFS "%s", name);
		if (zb_read_file(path, text, sizeof(text)) < 0 && zb_have_debugfs())
			fail(w, name);
		if (!strcmp(name, "check") && !zb_check_ok())
			fail(w, "check");
		w->ops++;
		zb_sleep_ms(5);
	}
	return NULL;
}

TEST_F_TIMEOUT(zbuddy, all_at_once, 600)
{
	static struct worker w[NR_OWN + NR_GUESS + 1];
	unsigned int i;

	page = self->page;
	next_tag = 1;
	for (i = 0; i < NR_SHARED; i++) {
		shared[i] = zb_open();
		ASSERT_GE(shared[i], 0);
	}
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i].id = i;
		w[i].seed = i + 1;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL,
					    i < NR_OWN ? own_thread :
					    i < NR_OWN + NR_GUESS ? guess_thread :
					    look_thread, &w[i]));
	}
	for (i = 0; i < seconds * 10 && !stop; i++)
		zb_sleep_ms(100);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		pthread_join(w[i].thread, NULL);
		TH_LOG("thread %u: %lu operations, %lu refused", i, w[i].ops, w[i].errors);
		EXPECT_LT(w[i].errors, w[i].ops);
	}
	for (i = 0; i < NR_SHARED; i++)
		close(shared[i]);
	EXPECT_FALSE(failed);
	/* Shared buffers have been mapped, so the guesses were right sometimes. */
	EXPECT_GT(next_tag, 1);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
}

int main(int argc, char **argv)
{
	if (argc == 2 && atoi(argv[1]) > 0) {
		seconds = (unsigned int)atoi(argv[1]);
		argc = 1;
	}
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* Handles and descriptors of the same buffers in several processes and threads at once. */
#include "handle.h"

#include <pthread.h>
#include <sys/wait.h>

/* Another process makes a handle of its own from a passed descriptor, and is killed. */
TEST_F(fs, passed_to_another_process)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	struct zb_ioc_from_file from;
	int pair[2], dev;
	char byte, *p;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(pair[0]);
		close(b.fd);
		close(self->zb.fd);
		dev = zb_open();
		if (zb_from_file(dev, zb_recv_fd(pair[1]), &from))
			_exit(1);
		p = zb_map_at(dev, LENGTH, from.mmap_offset);
		zb_fill(p, 0, LENGTH, 21);
		if (write(pair[1], "", 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	close(pair[1]);
	ASSERT_EQ(0, zb_send_fd(pair[0], b.fd));
	close(b.fd);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	ASSERT_EQ(1, read(pair[0], &byte, 1));
	EXPECT_EQ(self->zb.free - LENGTH, zb_free_bytes(self->zb.fd));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(zb_wait_killed(pid, SIGKILL));
	EXPECT_ALL_FREE();
}

#define NR_MOVED	32

struct reader {
	const struct both *b;
	char *const *p;
	unsigned int wrong, rounds;
	int stop;
};

static void *read_files(void *arg)
{
	struct reader *r = arg;
	char *room = malloc(LENGTH);
	int i;

	do {
		for (i = 0; i < NR_MOVED; i += 2)
			r->wrong += pread(r->b[i].fd, room, LENGTH, 0) != LENGTH ||
				    !zb_filled(room, 0, LENGTH, i) ||
				    !zb_filled(r->p[i], 0, LENGTH, i);
		__atomic_fetch_add(&r->rounds, 1, __ATOMIC_RELAXED);
	} while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED));
	free(room);
	return NULL;
}

/* Buffers that live as descriptors only are moved while they are read and mapped. */
TEST_F(fs, compaction_moves_files)
{
	long moved = zb_vmstat("pgmigrate_success");
	struct both b[NR_MOVED];
	char *p[NR_MOVED];
	struct reader r = { .b = b, .p = p };
	pthread_t thread;
	int i;

	if (access(ZB_DEBUGFS "compact", W_OK))
		SKIP(return, "no debugfs file compact");
	for (i = 0; i < NR_MOVED; i++) {
		b[i] = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
		p[i] = map_file(b[i].fd, LENGTH);
		ASSERT_NE(MAP_FAILED, (void *)p[i]);
		zb_fill(p[i], 0, LENGTH, i);
		EXPECT_EQ(0, zb_free(self->zb.fd, b[i].a.handle));
	}
	for (i = 1; i < NR_MOVED; i += 2) {
		munmap(p[i], LENGTH);
		close(b[i].fd);
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_files, &r));
	EXPECT_TRUE(ZB_AWAIT(__atomic_load_n(&r.rounds, __ATOMIC_RELAXED)));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, zb_write_file(ZB_DEBUGFS "compact", "1"));
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.wrong);
	moved = zb_vmstat("pgmigrate_success") - moved;
	EXPECT_LT(0, moved);
	TH_LOG("%ld pages moved, %u rounds of reading", moved, r.rounds);
	for (i = 0; i < NR_MOVED; i += 2)
		EXPECT_TRUE(zb_filled(p[i], 0, LENGTH, i)) TH_LOG("buffer %d", i);
}

enum { FREE, FROM_FILE, QUERY, TO_FILE, ALLOC, NR_KINDS };

struct racer {
	int dev, fd;
	unsigned int seed, wrong, good[NR_KINDS];
	__u64 until;
};

/*
 * Handles that all threads use. The module uses the number of a freed handle again only after
 * all other numbers, so a handle in this array that is stale does not belong to a new buffer.
 */
static __u32 shared_handles[16];

static __u32 a_handle(struct racer *r)
{
	return __atomic_load_n(&shared_handles[rand_r(&r->seed) % 16], __ATOMIC_RELAXED);
}

/* Share a new handle instead of another one. */
static void share_handle(struct racer *r, __u32 handle)
{
	__u32 *slot = &shared_handles[rand_r(&r->seed) % 16];

	zb_free(r->dev, __atomic_exchange_n(slot, handle, __ATOMIC_RELAXED));
}

/* Whether each kind of operation has succeeded. */
static bool all_kinds(const struct racer *r)
{
	int i;

	for (i = 0; i < NR_KINDS; i++)
		if (!r->good[i])
			return false;
	return true;
}

/* Read what another thread may not have written to a new buffer yet. */
static int use_file(struct racer *r, __u32 nr)
{
	int fd = zb_to_file(r->dev, nr, ZB_FILE_RDWR | ZB_FILE_CLOEXEC);
	char *p;

	if (fd < 0)
		return fd;
	p = map_file(fd, LENGTH);
	close(fd);
	if ((void *)p == MAP_FAILED)
		return -errno;
	r->wrong += *p && *p != 'h';
	munmap(p, LENGTH);
	return 0;
}

/* Another thread may free the buffer at any time. */
static int use_new(struct racer *r)
{
	struct zb_ioc_alloc a;
	int rc = zb_alloc_length(r->dev, LENGTH, ZB_GFP_ANYZONE, &a);
	char *p;

	if (rc)
		return rc;
	share_handle(r, a.handle);
	p = zb_map(r->dev, &a);
	if ((void *)p != MAP_FAILED) {
		*p = 'h';
		munmap(p, LENGTH);
	}
	return 0;
}

/* Random operations on the same few handles; counts results that must not occur. */
static void race_once(struct racer *r)
{
	int kind = rand_r(&r->seed) % NR_KINDS, rc = 0;
	struct zb_ioc_from_file from;
	struct zb_ioc_query q;

	switch (kind) {
	case FROM_FILE:
		rc = zb_from_file(r->dev, r->fd, &from);
		r->wrong += rc != 0;
		if (!rc)
			share_handle(r, from.handle);
		break;
	case FREE:
		rc = zb_free(r->dev, a_handle(r));
		break;
	case QUERY:
		rc = zb_query(r->dev, a_handle(r), &q);
		r->wrong += !rc && q.length != LENGTH;
		break;
	case TO_FILE:
		rc = use_file(r, a_handle(r));
		break;
	case ALLOC:
		rc = use_new(r);
		r->wrong += rc != 0;
	}
	r->wrong += rc && rc != -ENOENT;
	r->good[kind] += !rc;
}

static void *race_thread(void *arg)
{
	struct racer *r = arg;
	unsigned int nr;

	for (nr = 0; nr < 200 || zb_now_ns() < r->until || !all_kinds(r); nr++)
		race_once(r);
	return NULL;
}

/* Threads make, use and free handles of one buffer, and of others beside it. */
TEST_F(fs, race)
{
	struct both b = make_both(_metadata, self->zb.fd, ZB_FILE_RDWR);
	struct racer r[4];
	pthread_t threads[4];
	int dev = zb_open(), i, k;

	ASSERT_EQ(4, pwrite(b.fd, "hhhh", 4, 0));
	for (i = 0; i < 4; i++) {
		r[i] = (struct racer){
			.dev = dev, .fd = b.fd, .seed = (unsigned int)i,
			.until = zb_now_ns() + 1000000000,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread, &r[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, r[i].wrong);
		for (k = 0; k < NR_KINDS; k++)
			EXPECT_LT(0, r[i].good[k]);
	}
	TH_LOG("%u, %u, %u, %u, %u successful operations of each kind in one thread",
	       r[0].good[FREE], r[0].good[FROM_FILE], r[0].good[QUERY], r[0].good[TO_FILE],
	       r[0].good[ALLOC]);
	close(dev);
	EXPECT_EQ(0, zb_free(self->zb.fd, b.a.handle));
	close(b.fd);
	EXPECT_ALL_FREE();
}

TEST_HARNESS_MAIN

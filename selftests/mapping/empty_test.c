// SPDX-License-Identifier: GPL-2.0
/*
 * ZB_IOC_EMPTY: movable buffers leave a zone, or a node, while they are used, and discardable ones
 * lose their memory. What has to stay is said, and nothing else changes.
 */
#include "buffer_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MOVABLE		ZB_GFP_HIGHUSER_MOVABLE
#define NOWAIT		((MOVABLE & ~__ZB_GFP_RECLAIM) | __ZB_GFP_NOWARN)
#define ORDER		6u
#define NR		64u
#define MAX_BUFS	8192u
#define CAP_SYS_ADMIN	21
#define MPOL_DEFAULT	0
#define MPOL_BIND	2

static struct zb_ioc_alloc bufs[MAX_BUFS];
static char *maps[NR];

static int empty(int fd, __s32 node, __u32 zone, struct zb_ioc_empty *e)
{
	*e = (struct zb_ioc_empty){ .size = sizeof(*e), .node = node, .zone = zone };
	return zb_ioctl(fd, ZB_IOC_EMPTY, e);
}

#define EXPECT_EMPTY(z, m, d, l, u, r) do {				\
	struct zb_ioc_empty e;						\
									\
	EXPECT_EQ(0, empty(self->fd, ZB_NODE_ANY, z, &e));		\
	EXPECT_EQ(m, e.moved);						\
	EXPECT_EQ(d, e.discarded);					\
	EXPECT_EQ(l, e.left);						\
	EXPECT_EQ(u, e.in_use);						\
	EXPECT_EQ(r, e.no_room);					\
	EXPECT_TRUE(zb_check_ok());					\
} while (0)

static __u32 zone_of(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return zb_query(fd, handle, &q) ? ~0u : q.zone;
}

static __s32 node_of(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return zb_query(fd, handle, &q) ? -2 : q.node;
}

/* Is there a lower zone, to which every movable buffer of such a zone may move? */
static bool other_zones(const FIXTURE_DATA(zbuddy) *self, __u32 type)
{
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.type < type)
			return true;
	return false;
}

TEST_F(zbuddy, leaves_the_zone)
{
	const char *before = zb_state_of_zones();
	__u64 bytes = (__u64)NR * (self->page << ORDER);
	struct zb_ioc_zone zone;
	unsigned int i;
	__u32 type;

	EXPECT_TRUE(self->info.features & ZB_FEATURE_EMPTY);
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &bufs[i]));
		maps[i] = zb_map(self->fd, &bufs[i]);
		ASSERT_NE(MAP_FAILED, (void *)maps[i]);
		zb_fill(maps[i], 0, bufs[i].length, i);
	}
	type = bufs[0].zone;
	if (!other_zones(self, type))
		SKIP(return, "only one zone");
	EXPECT_EMPTY(type, bytes, 0, 0, 0, 0);
	for (i = 0; i < NR; i++) {
		EXPECT_TRUE(zb_filled(maps[i], 0, bufs[i].length, i));
		EXPECT_GT(type, zone_of(self->fd, bufs[i].handle));
	}
	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.type == type)
			EXPECT_EQ(zone.total_bytes, zone.free_bytes + zone.cached_bytes);
	/* the zone can be used again */
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &bufs[NR]));
	EXPECT_EQ(type, bufs[NR].zone);
	for (i = 0; i <= NR; i++)
		EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	for (i = 0; i < NR; i++)
		munmap(maps[i], bufs[i].length);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_STREQ(before, zb_state_of_zones());
}

/* A buffer never goes to a higher zone than its flags allow. */
TEST_F(zbuddy, highest_zone)
{
	const __u32 gfp = ZB_GFP_KERNEL | __ZB_GFP_MOVABLE;
	struct zb_ioc_zone zone;
	__u32 lowest = ZB_ZONE_ANY, i;

	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.type < lowest)
			lowest = zone.type;
	if (lowest != ZB_ZONE_DMA || self->info.nr_zones == 1)
		SKIP(return, "no zone DMA");
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, gfp | __ZB_GFP_DMA, &bufs[0]));
	EXPECT_EQ(ZB_ZONE_DMA, bufs[0].zone);
	EXPECT_EMPTY(ZB_ZONE_DMA, 0, 0, bufs[0].length, 0, bufs[0].length);
	EXPECT_EQ(ZB_ZONE_DMA, zone_of(self->fd, bufs[0].handle));
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, gfp | __ZB_GFP_DMA32, &bufs[1]));
	if (bufs[1].zone != ZB_ZONE_DMA32)
		SKIP(return, "no zone DMA32");
	EXPECT_EMPTY(ZB_ZONE_DMA32, bufs[1].length, 0, 0, 0, 0);
	EXPECT_EQ(ZB_ZONE_DMA, zone_of(self->fd, bufs[1].handle));
}

TEST_F(zbuddy, has_to_stay)
{
	struct iovec iov;
	int ends[2];
	__u64 moved;
	__u32 type;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 3, MOVABLE, &bufs[0]));
	type = bufs[0].zone;
	if (!other_zones(self, type))
		SKIP(return, "only one zone");
	maps[0] = zb_map(self->fd, &bufs[0]);
	ASSERT_NE(MAP_FAILED, (void *)maps[0]);
	zb_fill(maps[0], 0, bufs[0].length, 1);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	iov = (struct iovec){ maps[0], 1 };
	ASSERT_EQ(1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EMPTY(type, 0, 0, bufs[0].length, bufs[0].length, 0);
	EXPECT_EQ(type, zone_of(self->fd, bufs[0].handle));
	close(ends[0]);
	close(ends[1]);
	EXPECT_EMPTY(type, bufs[0].length, 0, 0, 0, 0);
	EXPECT_TRUE(zb_filled(maps[0], 0, bufs[0].length, 1));
	/* unmovable memory, in whatever zone it is */
	ASSERT_EQ(0, zb_alloc_order(self->fd, 3, ZB_GFP_USER, &bufs[1]));
	moved = zone_of(self->fd, bufs[0].handle) == bufs[1].zone ? bufs[0].length : 0;
	if (bufs[1].zone != bufs[0].zone)
		EXPECT_EMPTY(bufs[1].zone, moved, 0, bufs[1].length, 0, 0);
	EXPECT_TRUE(zb_filled(maps[0], 0, bufs[0].length, 1));
}

TEST_F(zbuddy, discardable)
{
	__u32 retained;

	if (self->info.nr_zones == self->info.nr_nodes)
		SKIP(return, "only one zone");
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, ZB_GFP_TEMPORARY, &bufs[0]));
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, ZB_GFP_TEMPORARY, &bufs[1]));
	ASSERT_EQ(bufs[0].zone, bufs[1].zone);
	ASSERT_EQ(0, zb_advise(self->fd, bufs[0].handle, ZB_ADVISE_DONTNEED, NULL));
	EXPECT_EMPTY(bufs[0].zone, 0, bufs[0].length, bufs[1].length, 0, 0);
	EXPECT_EQ(0, zb_advise(self->fd, bufs[0].handle, ZB_ADVISE_WILLNEED, &retained));
	EXPECT_EQ(0, retained);
}

/* The other zones are full; the contents are where they were. */
TEST_F(zbuddy, no_room)
{
	unsigned int nr = 0, first, i;
	__u64 in_zone = 0;
	__u32 type, order = 9;

	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &bufs[nr++]));
	type = bufs[0].zone;
	if (!other_zones(self, type))
		SKIP(return, "only one zone");
	maps[0] = zb_map(self->fd, &bufs[0]);
	ASSERT_NE(MAP_FAILED, (void *)maps[0]);
	zb_fill(maps[0], 0, bufs[0].length, 7);
	do {
		zb_drain();
		while (nr < MAX_BUFS && !zb_alloc_order(self->fd, order, NOWAIT, &bufs[nr]))
			nr++;
	} while (order--);
	for (i = 0; i < nr; i++)
		in_zone += bufs[i].zone == type ? bufs[i].length : 0;
	EXPECT_EMPTY(type, 0, 0, in_zone, 0, in_zone);
	EXPECT_TRUE(zb_filled(maps[0], 0, bufs[0].length, 7));
	/* room for one buffer of this size */
	for (first = 1; first < nr && (bufs[first].zone == type || bufs[first].order != 9);)
		first++;
	ASSERT_LT(first, nr);
	EXPECT_EQ(0, zb_free(self->fd, bufs[first].handle));
	zb_drain();
	for (i = 0; i < nr; i++)
		if (i && bufs[i].zone == type)
			EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
	zb_drain();
	EXPECT_EMPTY(type, bufs[0].length, 0, 0, 0, 0);
	EXPECT_TRUE(zb_filled(maps[0], 0, bufs[0].length, 7));
}

#define EXPECT_FIELD(name) do {						\
	struct zb_ioc_explain why;					\
									\
	EXPECT_EQ(0, zb_explain(self->fd, &why));			\
	EXPECT_STREQ(name, why.field);					\
} while (0)

TEST_F(zbuddy, bad_input)
{
	struct zb_ioc_empty e;
	struct zb_ioc_zone zone;

	ASSERT_EQ(0, zb_zone(self->fd, 0, &zone));
	EXPECT_EQ(-EINVAL, empty(self->fd, ZB_NODE_ANY, ZB_ZONE_ANY, &e));
	EXPECT_FIELD("zone");
	EXPECT_EQ(-EINVAL, empty(self->fd, ZB_NODE_ANY, ZB_NR_ZONES, &e));
	EXPECT_FIELD("zone");
	EXPECT_EQ(-EINVAL, empty(self->fd, ZB_NODE_ANY, ZB_ZONE_HIGHMEM, &e));
	EXPECT_FIELD("zone");
	EXPECT_EQ(-EINVAL, empty(self->fd, -2, zone.type, &e));
	EXPECT_FIELD("node");
	EXPECT_EQ(-EINVAL, empty(self->fd, 900, zone.type, &e));
	EXPECT_FIELD("node");
	e = (struct zb_ioc_empty){ .size = sizeof(e), .flags = 1, .zone = zone.type };
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_EMPTY, &e));
	EXPECT_FIELD("flags");
	ASSERT_TRUE(zb_set_capability(CAP_SYS_ADMIN, false));
	EXPECT_EQ(-EPERM, empty(self->fd, ZB_NODE_ANY, zone.type, &e));
}

struct writer {
	char *p;
	size_t length;
	atomic_bool stop;
	unsigned long rounds, wrong;
};

/* Each word has the number of the round; what was written must be there in the next one. */
static void *write_and_verify(void *arg)
{
	struct writer *w = arg;
	size_t i, step = 512;

	for (w->rounds = 1; !atomic_load(&w->stop); w->rounds++)
		for (i = 0; i < w->length; i += step) {
			unsigned long *word = (unsigned long *)(w->p + i);

			w->wrong += *word != w->rounds - 1;
			*word = w->rounds;
		}
	return NULL;
}

static void *allocate_and_free(void *arg)
{
	struct writer *w = arg;
	struct zb_ioc_alloc a;
	int fd = zb_open();

	for (w->rounds = 0; !atomic_load(&w->stop); w->rounds++) {
		if (zb_alloc_order(fd, w->rounds % 10, NOWAIT, &a))
			continue;
		w->wrong += !!zb_free(fd, a.handle);
	}
	close(fd);
	return NULL;
}

/* Two zones are emptied in turn, while the buffer is written and others use the memory. */
TEST_F(zbuddy, while_used)
{
	struct writer w[3] = {};
	struct zb_ioc_empty e;
	pthread_t threads[3];
	__u64 moved = 0;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, 8, MOVABLE, &bufs[i]));
		w[i].p = zb_map(self->fd, &bufs[i]);
		ASSERT_NE(MAP_FAILED, (void *)w[i].p);
		w[i].length = bufs[i].length;
	}
	if (!other_zones(self, bufs[0].zone))
		SKIP(return, "only one zone");
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i < 2 ? write_and_verify : allocate_and_free, &w[i]));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, empty(self->fd, ZB_NODE_ANY,
				   zone_of(self->fd, bufs[i % 2].handle), &e));
		moved += e.moved;
		if (i % 8 == 0)
			zb_write_file(ZB_DEBUGFS "compact", "1");
	}
	for (i = 0; i < 3; i++) {
		atomic_store(&w[i].stop, true);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, w[i].wrong);
		EXPECT_LT(1, w[i].rounds);
	}
	EXPECT_LT(0, moved);
	EXPECT_TRUE(zb_check_ok());
	TH_LOG("%llu bytes moved, %lu and %lu rounds of writers", moved, w[0].rounds, w[1].rounds);
}

#define NR_MAPS		64u	/* of each buffer, so that it takes long to move it */
#define NR_SLOW		24u
#define NR_HELD		512u

/* Nobody else uses the memory, so there is always a page that this may have. */
static void *allocate_without_waiting(void *arg)
{
	static struct zb_ioc_alloc held[NR_HELD];
	struct writer *w = arg;
	unsigned int nr = 0;
	int fd = zb_open();

	for (w->rounds = 0; !atomic_load(&w->stop); w->rounds++) {
		if (zb_alloc_order(fd, 0, NOWAIT, &held[nr]))
			w->wrong++;
		else
			nr++;
		if (nr == NR_HELD)
			while (nr)
				zb_free(fd, held[--nr].handle);
	}
	close(fd);
	return NULL;
}

struct emptier {
	__u32 type;
	int rc;
	struct zb_ioc_empty e;
	__u64 begun, ended;
	atomic_bool done;
};

static void *empty_it(void *arg)
{
	struct emptier *w = arg;
	int fd = zb_open();

	w->begun = zb_now_ns();
	w->rc = empty(fd, ZB_NODE_ANY, w->type, &w->e);
	w->ended = zb_now_ns();
	close(fd);
	atomic_store(&w->done, true);
	return NULL;
}

/* A page in use makes the command try for a while. Returns false if there is no such zone. */
static bool pin_in_zone(int fd, __u32 gfp, __u32 type, int pipe_fd)
{
	struct zb_ioc_alloc a;
	struct iovec iov;
	void *p;

	if (zb_alloc_order(fd, 0, gfp | __ZB_GFP_MOVABLE, &a))
		return false;
	p = zb_map(fd, &a);
	iov = (struct iovec){ p, 1 };
	return p != MAP_FAILED && a.zone == type && vmsplice(pipe_fd, &iov, 1, 0) == 1;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Four tasks that empty all zones do so in turn, so that others always find memory. */
TEST_F(zbuddy, takes_turns)
{
	struct emptier e[5] = { { .type = ZB_ZONE_MOVABLE }, { .type = ZB_ZONE_DMA },
				{ .type = ZB_ZONE_DMA32 }, { .type = ZB_ZONE_NORMAL },
				{ .type = ZB_ZONE_DMA } };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct writer w = {};
	pthread_t threads[6];
	unsigned int i, j;
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	if (self->info.nr_zones != 4 ||
	    !pin_in_zone(self->fd, ZB_GFP_KERNEL | __ZB_GFP_DMA, ZB_ZONE_DMA, ends[1]) ||
	    !pin_in_zone(self->fd, ZB_GFP_KERNEL | __ZB_GFP_DMA32, ZB_ZONE_DMA32, ends[1]) ||
	    !pin_in_zone(self->fd, ZB_GFP_KERNEL, ZB_ZONE_NORMAL, ends[1]))
		SKIP(return, "not the four zones of the usual layout");
	for (i = 0; i < NR_SLOW; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, 8, MOVABLE, &bufs[i]));
		for (j = 0; j < NR_MAPS; j++)
			ASSERT_NE(MAP_FAILED, zb_map(self->fd, &bufs[i]));
	}
	ASSERT_EQ(ZB_ZONE_MOVABLE, bufs[NR_SLOW - 1].zone);
	sigaction(SIGALRM, &sa, NULL);
	ASSERT_EQ(0, pthread_create(&threads[5], NULL, allocate_without_waiting, &w));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, empty_it, &e[i]));
		while (!i && !zb_nr_isolated() && !atomic_load(&e[0].done))
			zb_sleep_ms(1);
	}
	/* Again and again, because it may not have begun to wait. */
	while (!atomic_load(&e[4].done) && !pthread_kill(threads[4], SIGALRM))
		zb_sleep_ms(50);
	for (i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&w.stop, true);
	pthread_join(threads[5], NULL);
	TH_LOG("%llu ms for the first one, %lu allocations", (e[0].ended - e[0].begun) / 1000000,
	       w.rounds);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, e[i].rc);
	EXPECT_LE(NR_SLOW * bufs[0].length, e[0].e.moved);
	EXPECT_EQ(0, w.wrong);
	/* The last one was interrupted while it waited, if it began before the first one ended. */
	EXPECT_TRUE(e[4].rc == -EINTR || e[4].begun + 500 * 1000000ull > e[0].ended);
	close(ends[0]);
	close(ends[1]);
}

static int bind_to(int node)
{
	unsigned long mask = 1ul << node;

	if (node < 0)
		return (int)syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul);
	return (int)syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask));
}

/* A node: what is bound to it stays there. */
TEST_F(zbuddy, node)
{
	struct zb_ioc_empty e;
	unsigned int i;

	if (self->info.nr_nodes < 2)
		SKIP(return, "one node");
	for (i = 0; i < 3; i++) {
		if (i == 2)
			ASSERT_EQ(0, bind_to(0));
		bufs[i] = zb_want_order(ORDER, i == 1 ? MOVABLE | __ZB_GFP_THISNODE : MOVABLE);
		bufs[i].node = i == 2 ? ZB_NODE_ANY : 0;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &bufs[i]));
		ASSERT_EQ(0, bufs[i].node);
	}
	ASSERT_EQ(0, bind_to(-1));
	ASSERT_EQ(0, empty(self->fd, 0, ZB_ZONE_ANY, &e));
	EXPECT_EQ(bufs[0].length, e.moved);
	EXPECT_EQ(2 * bufs[0].length, e.left);
	EXPECT_EQ(2 * bufs[0].length, e.no_room);
	EXPECT_EQ(1, node_of(self->fd, bufs[0].handle));
	EXPECT_EQ(0, node_of(self->fd, bufs[1].handle));
	EXPECT_EQ(0, node_of(self->fd, bufs[2].handle));
	EXPECT_TRUE(zb_check_ok());
}

TEST_HARNESS_MAIN

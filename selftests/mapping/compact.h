/* SPDX-License-Identifier: GPL-2.0 */
/* Movable buffers that fragment the memory: helpers of the tests of compaction. */
#ifndef COMPACT_H
#define COMPACT_H

#include "buffer_test.h"

#include <sys/uio.h>

#define MOVABLE		ZB_GFP_HIGHUSER_MOVABLE
#define NOWAIT		((MOVABLE & ~__ZB_GFP_RECLAIM) | __ZB_GFP_NOWARN)
#define PAGEBLOCKS		8u	/* pageblocks to be fragmented */
#define ORDER		4u
#define NR		(PAGEBLOCKS << (9 - ORDER))
#define FEWER		(zb_fewer_rounds() ? 4 : 1)
#define LENGTH		((size_t)self->page << ORDER)

struct piece {
	struct zb_ioc_alloc a;
	char *p;
};

static struct zb_ioc_alloc all[8192];
static struct piece pieces[NR];

static inline int compact(void)
{
	return zb_write_file(ZB_DEBUGFS "compact", "1");
}

/* Allocate a block and free it again; returns the errno or 0. */
static int try_order(int fd, __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	if (zb_alloc_order(fd, order, gfp, &a))
		return errno;
	return zb_free(fd, a.handle) ? errno : 0;
}

/*
 * A request that has to compact. After failures of earlier test cases, compaction may be
 * deferred for up to 63 requests.
 */
static inline int alloc_by_compaction(int fd, __u32 order, __u32 gfp, struct zb_ioc_alloc *a)
{
	unsigned int tries;
	int rc = -ENOMEM;

	for (tries = 0; rc == -ENOMEM && tries < 64; tries++)
		rc = zb_alloc_order(fd, order, gfp | __ZB_GFP_NOWARN, a);
	return rc;
}

/*
 * Background compaction may still be pending that a request of an earlier test case caused.
 * Setting this parameter starts it at once. All memory is free, so it finds nothing to do.
 */
static void end_background(void)
{
	zb_set_parameter("compaction_proactiveness", 0);
	zb_sleep_ms(20);
}

/* Allocate a piece; if none is left, one may be on the list of another CPU. */
static int alloc_piece(int fd, bool by_length, size_t length, struct zb_ioc_alloc *a)
{
	int rc, drained = 0;

	do {
		rc = by_length ? zb_alloc_length(fd, length, NOWAIT, a) :
				 zb_alloc_order(fd, ORDER, NOWAIT, a);
	} while (rc && !drained++ && !zb_drain());
	return rc;
}

/* Allocate all memory in blocks of order 9, and free some of them; returns how many are left. */
static unsigned int free_pageblocks(struct __test_metadata *_metadata,
				    FIXTURE_DATA(zbuddy) *self)
{
	unsigned int i, nr = 0;

	end_background();
	zb_drain();
	while (nr < ARRAY_SIZE(all) && !zb_alloc_order(self->fd, 9, NOWAIT, &all[nr]))
		nr++;
	ASSERT_GT(nr, PAGEBLOCKS) return 0;
	for (i = 0; i < PAGEBLOCKS; i++)
		EXPECT_EQ(0, zb_free(self->fd, all[--nr].handle));
	zb_drain();
	return nr;
}

/*
 * Fill the free memory with movable buffers of @fds files in turn, and free more than half
 * of them at random. No block of order 9 is free then.
 */
static void fragment(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
		     const int *fds, unsigned int nr_fds, bool by_length)
{
	__u64 rnd = 1;
	unsigned int i;

	free_pageblocks(_metadata, self);
	for (i = 0; i < NR; i++) {
		pieces[i].p = NULL;
		if (alloc_piece(fds[i % nr_fds], by_length && i % 2,
				LENGTH - 3 * self->page, &pieces[i].a))
			break;
	}
	ASSERT_EQ(NR, i);
	for (i = 0; i < NR; i++)
		if (zb_random(&rnd) % 16 < 9) {
			EXPECT_EQ(0, zb_free(fds[i % nr_fds], pieces[i].a.handle));
			pieces[i].a.handle = 0;
		}
	zb_drain();
	for (i = 0; i < NR; i++) {
		if (!pieces[i].a.handle)
			continue;
		pieces[i].p = zb_map(fds[i % nr_fds], &pieces[i].a);
		ASSERT_NE(MAP_FAILED, (void *)pieces[i].p);
		zb_fill(pieces[i].p, 0, pieces[i].a.length, i);
	}
	/* a request that may not sleep can't compact */
	ASSERT_EQ(ENOMEM, try_order(self->fd, 9, NOWAIT));
}

static int pipes[NR][2];

/* Put a page of each buffer into a pipe, so that the buffer can't be moved. */
static inline void pin_all(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	struct iovec iov;
	unsigned int i;

	for (i = 0; i < NR; i++) {
		if (!pieces[i].p)
			continue;
		ASSERT_EQ(0, pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK));
		iov = (struct iovec){ pieces[i].p + i % 16 * self->page, 1 };
		ASSERT_EQ(1, vmsplice(pipes[i][1], &iov, 1, 0));
	}
}

/* Each pipe has the byte of its buffer that pin_all() has put there. */
static inline void expect_pinned(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self)
{
	unsigned int i;
	char byte;

	for (i = 0; i < NR; i++) {
		if (!pieces[i].p)
			continue;
		EXPECT_EQ(1, read(pipes[i][0], &byte, 1));
		EXPECT_EQ(pieces[i].p[i % 16 * self->page], byte);
	}
}

static inline void unpin_all(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		if (pieces[i].p) {
			close(pipes[i][0]);
			close(pipes[i][1]);
		}
}

static void expect_contents(struct __test_metadata *_metadata)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		if (pieces[i].p)
			EXPECT_TRUE(zb_filled(pieces[i].p, 0, pieces[i].a.length, i));
}

static inline void show(const char *what, long since)
{
	printf("# %s: %ld frames moved, %ld not, %ld attempts, %ld successful\n", what,
	       zb_vmstat("pgmigrate_success") - since, zb_vmstat("pgmigrate_fail"),
	       zb_vmstat("compact_stall"), zb_vmstat("compact_success"));
}

/* Compact, fill the free blocks with buffers, free most of them, and compact again. */
static inline void compact_twice(struct __test_metadata *_metadata, FIXTURE_DATA(zbuddy) *self,
				 __u64 *rnd)
{
	static struct zb_ioc_alloc a[NR];
	unsigned int i, nr = 0, kept = 0;

	EXPECT_EQ(0, compact());
	while (nr < NR && !zb_alloc_order(self->fd, ORDER, NOWAIT, &a[nr]))
		nr++;
	for (i = 0; i < nr; i++) {
		if (!(zb_random(rnd) % 8))
			a[kept++] = a[i];
		else
			EXPECT_EQ(0, zb_free(self->fd, a[i].handle));
	}
	EXPECT_EQ(0, compact());
	for (i = 0; i < kept; i++)
		EXPECT_EQ(0, zb_free(self->fd, a[i].handle));
}

#endif /* COMPACT_H */

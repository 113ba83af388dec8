// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs file pageblocks counts the frames of each pageblock that can be moved, that can be
 * taken back, and that have to stay although they are of such a kind.
 */
#include "buffer_test.h"

#include <sys/prctl.h>

#define MOVABLE		ZB_GFP_HIGHUSER_MOVABLE
#define RECLAIMABLE	ZB_GFP_TEMPORARY
#define UNMOVABLE	(ZB_GFP_HIGHUSER_MOVABLE & ~__ZB_GFP_MOVABLE)
#define ORDER		10u
#define PAGES		(1l << ORDER)

struct use {
	long movable;
	long discardable;
	long pinned;
};

/* Add the frames of all pageblocks; false if a line has more than the pageblock has. */
static bool read_use(struct use *sum)
{
	FILE *f = fopen(ZB_DEBUGFS "pageblocks", "re");
	unsigned int free, movable, discardable, pinned;
	bool ok = f;
	char line[200];

	*sum = (struct use){};
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line,
			   "Node %*d, zone %*[^,], block %*u, type %*[^,], free %u, largest %*d, order %*d, movable %u, discardable %u, pinned %u",
			   &free, &movable, &discardable, &pinned) != 4)
			ok = false;
		else if (free + movable + discardable + pinned > 512)
			ok = false;
		sum->movable += movable;
		sum->discardable += discardable;
		sum->pinned += pinned;
	}
	if (f)
		fclose(f);
	return ok;
}

#define EXPECT_USE(m, d, p) do {					\
	struct use now;							\
									\
	EXPECT_TRUE(read_use(&now));					\
	EXPECT_EQ(m, now.movable);					\
	EXPECT_EQ(d, now.discardable);					\
	EXPECT_EQ(p, now.pinned);					\
} while (0)

TEST_F(zbuddy, nothing)
{
	struct zb_ioc_alloc a;

	EXPECT_USE(0, 0, 0);
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, UNMOVABLE, &a));
	EXPECT_USE(0, 0, 0);
	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, RECLAIMABLE, &a));
	EXPECT_USE(0, 0, 0);
}

TEST_F(zbuddy, pages_in_a_pipe)
{
	struct iovec iov;
	struct zb_ioc_alloc a;
	int ends[2];
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &a));
	EXPECT_USE(PAGES, 0, 0);
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a.length, 1);
	EXPECT_USE(PAGES, 0, 0);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	iov = (struct iovec){ p + self->page, 1 };
	ASSERT_EQ(1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_USE(0, 0, PAGES);
	close(ends[0]);
	close(ends[1]);
	EXPECT_USE(PAGES, 0, 0);
	munmap(p, a.length);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_USE(0, 0, 0);
}

/* A buffer whose physical address is known stays for ever. */
TEST_F(zbuddy, physical_address)
{
	struct zb_ioc_alloc a, other;
	struct zb_ioc_phys phys;

	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &a));
	ASSERT_EQ(0, zb_alloc_length(self->fd, 3 * self->page, MOVABLE, &other));
	ASSERT_EQ(0, zb_phys(self->fd, a.handle, &phys));
	EXPECT_USE(3, 0, PAGES);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_USE(3, 0, 0);
}

/* An importer that can't let go; a dma-buf that nobody has imported does not matter. */
TEST_F(zbuddy, exported)
{
	struct zb_ioc_alloc a;
	int card, dmabuf;
	__u32 handle;

	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, MOVABLE, &a));
	dmabuf = zb_export(self->fd, a.handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
	if (dmabuf == -EOPNOTSUPP)
		SKIP(return, "no dma-bufs");
	ASSERT_GE(dmabuf, 0);
	EXPECT_USE(PAGES, 0, 0);
	card = zb_importer();
	if (card < 0 || zb_import(card, dmabuf, &handle)) {
		close(dmabuf);
		SKIP(return, "no importer");
	}
	EXPECT_USE(0, 0, PAGES);
	EXPECT_EQ(0, zb_unimport(card, handle));
	close(dmabuf);
	close(card);
	EXPECT_USE(PAGES, 0, 0);
}

TEST_F(zbuddy, discardable)
{
	struct iovec iov;
	struct zb_ioc_alloc a;
	int ends[2];
	char *p;

	ASSERT_EQ(0, zb_alloc_order(self->fd, ORDER, RECLAIMABLE, &a));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	zb_fill(p, 0, a.length, 2);
	ASSERT_EQ(0, zb_advise(self->fd, a.handle, ZB_ADVISE_DONTNEED, NULL));
	EXPECT_USE(0, PAGES, 0);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	iov = (struct iovec){ p, 1 };
	ASSERT_EQ(1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_USE(0, 0, PAGES);
	close(ends[0]);
	close(ends[1]);
	EXPECT_USE(0, PAGES, 0);
	ASSERT_EQ(0, zb_write_file(ZB_DEBUGFS "reclaim", "4M"));
	EXPECT_USE(0, 0, 0);
	munmap(p, a.length);
}

/* The file is read in several parts while buffers come and go. */
TEST_F(zbuddy, read_while_changing)
{
	struct use now;
	unsigned int i;
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		int fd = zb_open();

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			struct zb_ioc_alloc a;

			if (!zb_alloc_order(fd, 3, MOVABLE, &a))
				zb_free(fd, a.handle);
		}
	}
	for (i = 0; i < 50; i++) {
		read_use(&now);
		EXPECT_LE(now.pinned, 8);
	}
	kill(child, SIGKILL);
	EXPECT_TRUE(zb_wait_killed(child, SIGKILL));
	EXPECT_TRUE(zb_check_ok());
}

TEST_HARNESS_MAIN

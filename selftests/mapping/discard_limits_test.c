// SPDX-License-Identifier: GPL-2.0
/* Discardable buffers and the limits of an open file and of a user. */
#include "discard.h"

/* A purged buffer is not charged, and needs room under the limit to come back. */
TEST_F(zbuddy, limit)
{
	struct zb_ioc_alloc a, b;
	struct zb_ioc_explain e;
	__u32 retained = 1;

	ASSERT_EQ(0, zb_set_parameter("max_bytes_per_open", 16 * self->page));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 3, RECLAIMABLE, &a));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 4, RECLAIMABLE, &b));
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 4, RECLAIMABLE, &b));
	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_EQ(0, zb_alloc_order(self->fd, 4, RECLAIMABLE, &b));
	EXPECT_EQ(-EDQUOT, zb_advise(self->fd, a.handle, WILLNEED, NULL));
	EXPECT_EQ(0, zb_explain(self->fd, &e));
	EXPECT_EQ(ZB_CAUSE_OPEN_BYTES, e.cause);
	EXPECT_TRUE(is_purged(self->fd, &a));
	EXPECT_EQ(0, zb_free(self->fd, b.handle));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(0, retained);
	EXPECT_EQ(-EDQUOT, zb_alloc_order(self->fd, 4, RECLAIMABLE, &b));
	EXPECT_EQ(0, zb_set_parameter("max_bytes_per_open", 0));
}

/*
 * A user can mark a limited number of buffers, whether they have memory or not. WILLNEED, FREE
 * and closing the device make room for others.
 */
TEST_F(zbuddy, number_is_limited)
{
	unsigned long max = zb_get_parameter("max_discardable_per_user");
	struct zb_ioc_alloc a[3];
	struct zb_ioc_explain e;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, zb_set_parameter("max_discardable_per_user", 2));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, zb_alloc_order(self->fd, 0, RECLAIMABLE, &a[i]));
	EXPECT_EQ(0, dontneed(self->fd, &a[0]));
	EXPECT_EQ(0, reclaim(a[0].length));
	EXPECT_TRUE(is_purged(self->fd, &a[0]));
	EXPECT_EQ(0, dontneed(self->fd, &a[1]));
	EXPECT_EQ(-EDQUOT, dontneed(self->fd, &a[2]));
	EXPECT_EQ(0, zb_explain(self->fd, &e));
	EXPECT_EQ(ZB_CAUSE_USER_DISCARDABLE, e.cause);
	EXPECT_EQ(2, e.limit);
	EXPECT_EQ(2, e.used);
	/* of a buffer without memory */
	EXPECT_EQ(0, zb_advise(self->fd, a[0].handle, WILLNEED, NULL));
	EXPECT_EQ(0, dontneed(self->fd, &a[2]));
	EXPECT_EQ(-EDQUOT, dontneed(self->fd, &a[0]));
	/* of one with memory */
	EXPECT_EQ(0, zb_advise(self->fd, a[1].handle, WILLNEED, NULL));
	EXPECT_EQ(0, dontneed(self->fd, &a[0]));
	EXPECT_EQ(0, zb_free(self->fd, a[0].handle));
	EXPECT_EQ(0, zb_free(self->fd, a[2].handle));
	fd = zb_open();
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, zb_alloc_order(fd, 0, RECLAIMABLE, &a[i]));
		EXPECT_EQ(0, dontneed(fd, &a[i]));
	}
	EXPECT_EQ(0, zb_set_parameter("max_discardable_per_user", max));
	close(fd);
	ASSERT_EQ(0, zb_set_parameter("max_discardable_per_user", 1));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, RECLAIMABLE, &a[0]));
	EXPECT_EQ(0, dontneed(self->fd, &a[0]));
	EXPECT_EQ(0, zb_set_parameter("max_discardable_per_user", max));
}

/* A buffer that is marked already needs no more room under the limit. */
TEST_F(zbuddy, marked_twice)
{
	unsigned long max = zb_get_parameter("max_discardable_per_user");
	struct zb_ioc_alloc a, b;

	ASSERT_EQ(0, zb_set_parameter("max_discardable_per_user", 1));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, RECLAIMABLE, &a));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, RECLAIMABLE, &b));
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(-EDQUOT, dontneed(self->fd, &b));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, NULL));
	EXPECT_EQ(0, dontneed(self->fd, &b));
	EXPECT_EQ(-EDQUOT, dontneed(self->fd, &a));
	EXPECT_EQ(0, zb_set_parameter("max_discardable_per_user", max));
}

TEST_HARNESS_MAIN

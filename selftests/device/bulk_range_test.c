// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating many ranges at once (ZB_FEATURE_BULK_RANGE): each of them is what ZB_IOC_ALLOC would
 * have allocated.
 */
#include "buffer_test.h"

#define CAP_SYS_RAWIO	17
#define NR		7u

static struct zb_bulk_buffer bufs[NR];

static struct zb_ioc_bulk_alloc want_ranges(__u64 length, __u64 align, __u32 nr)
{
	struct zb_ioc_bulk_alloc b = zb_want_bulk(0, bufs, nr);

	b.flags = ZB_BUF_LENGTH | ZB_BUF_RANGE;
	b.gfp = ZB_GFP_USER | __ZB_GFP_NOWARN;
	b.length = length;
	b.align = align;
	return b;
}

/* Each element is what ZB_IOC_QUERY says, and each range has the alignment and the address. */
TEST_F(zbuddy, ranges)
{
	const __u64 align = self->page << 5;
	struct zb_ioc_bulk_alloc b = want_ranges(5 * self->page - 1, align, NR);
	struct zb_ioc_phys phys;
	struct zb_ioc_query q;
	__u64 highest = 0;
	__u32 i, round;

	EXPECT_TRUE(self->info.features & ZB_FEATURE_BULK_RANGE);
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
		EXPECT_EQ(NR, b.done);
		EXPECT_EQ(0, b.error);
		for (i = 0; i < NR; i++) {
			ASSERT_EQ(0, zb_query(self->fd, bufs[i].handle, &q));
			EXPECT_EQ(5 * self->page, bufs[i].length);
			EXPECT_EQ(q.length, bufs[i].length);
			EXPECT_EQ(5, bufs[i].order);
			EXPECT_EQ(q.zone, bufs[i].zone);
			ASSERT_EQ(0, zb_phys(self->fd, bufs[i].handle, &phys));
			EXPECT_EQ(0, phys.addr % align);
			if (!round && phys.addr + phys.length > highest)
				highest = phys.addr + phys.length - 1;
			EXPECT_GE(highest, phys.addr + phys.length - 1);
			EXPECT_EQ(0, zb_free(self->fd, bufs[i].handle));
		}
		b.max_addr = highest;
	}
}

/* More than any block holds. The second one fails as ZB_IOC_ALLOC would. */
TEST_F(zbuddy, large_ranges)
{
	struct zb_ioc_bulk_alloc b = want_ranges(0, 0, 4);
	struct zb_ioc_explain why, alone;
	struct zb_ioc_alloc a;
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.type <= ZB_ZONE_NORMAL && zone.total_bytes > b.length)
			b.length = zone.total_bytes;
	b.length -= b.length / 8;
	if (b.length <= self->page << self->info.max_order)
		SKIP(return, "a block is as large as a zone");
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(1, b.done);
	EXPECT_EQ(ENOMEM, b.error);
	ASSERT_EQ(0, zb_explain(self->fd, &why));
	EXPECT_EQ(ZB_IOC_BULK_ALLOC, why.command);
	EXPECT_EQ(ENOMEM, why.error);
	EXPECT_EQ(b.length, bufs[0].length);
	a = zb_want_length(b.length, b.gfp);
	a.flags |= ZB_BUF_RANGE;
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	ASSERT_EQ(0, zb_explain(self->fd, &alone));
	EXPECT_EQ(alone.cause, why.cause);
	EXPECT_EQ(0, zb_free(self->fd, bufs[0].handle));
}

#define EXPECT_FIELD(name, b) do {					\
	struct zb_ioc_explain why;					\
									\
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, b));	\
	EXPECT_EQ(0, zb_explain(self->fd, &why));			\
	EXPECT_STREQ(name, why.field);					\
} while (0)

TEST_F(zbuddy, bad_ranges)
{
	const struct zb_ioc_bulk_alloc good = want_ranges(self->page, 0, 2);
	struct zb_ioc_bulk_alloc b = good;

	b.flags = ZB_BUF_RANGE;
	EXPECT_FIELD("flags", &b);
	b = good;
	b.align = 3 * self->page;
	EXPECT_FIELD("align", &b);
	b.flags = ZB_BUF_LENGTH;
	EXPECT_FIELD("align", &b);
	b.align = 0;
	b.max_addr = ~0ull;
	EXPECT_FIELD("max_addr", &b);
	b.flags |= ZB_BUF_RANGE;
	b.min_addr = ~0ull;
	EXPECT_FIELD("max_addr", &b);
	b.min_addr = 0;
	ASSERT_TRUE(zb_set_capability(CAP_SYS_RAWIO, false));
	EXPECT_EQ(-EPERM, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &b));
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));
}

TEST_HARNESS_MAIN

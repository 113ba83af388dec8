// SPDX-License-Identifier: GPL-2.0
/* With zone_reclaim_mode, a zone is reclaimed before a request tries the next one. */
#include "zbuddy_stat.h"
#include "discard.h"

#include <sys/uio.h>

#define ORDER		2u
/* The preferred zone is full when this many buffers in a row came from others. */
#define IN_A_ROW	64u

static __u32 zone_of(int fd, const struct zb_ioc_alloc *a)
{
	struct zb_ioc_query q;

	return zb_query(fd, a->handle, &q) ? ~0u : q.zone;
}

/* Fill the preferred zone with discardable buffers; returns their number. */
static unsigned int fill_preferred(int fd, __u32 *zone)
{
	unsigned int nr = 0, others = 0;

	while (others < IN_A_ROW && nr < MAX_BUFS &&
	       !zb_alloc_order(fd, ORDER, FILL, &bufs[nr])) {
		if (!nr)
			*zone = zone_of(fd, &bufs[0]);
		if (zone_of(fd, &bufs[nr]) == *zone) {
			others = 0;
			nr++;
		} else {
			others++;
			zb_free(fd, bufs[nr].handle);
		}
	}
	return others == IN_A_ROW ? nr : 0;
}

/* The same, and mark them; 0 if ordinary requests can use only one zone. */
static unsigned int prepare(struct __test_metadata *_metadata, int fd, __u32 *zone)
{
	unsigned int i, nr;

	/* A boost by earlier tests, or by filling the zone, would let kswapd take the buffers. */
	EXPECT_EQ(0, zb_write_parameter("watermark_boost_factor", "0"));
	nr = fill_preferred(fd, zone);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, dontneed(fd, &bufs[i]));
	return nr;
}

/* Allocate a buffer and free it again; returns its zone. */
static __u32 served_from(int fd, __u32 gfp)
{
	struct zb_ioc_alloc a;
	__u32 zone;

	if (zb_alloc_order(fd, ORDER, gfp, &a))
		return ~0u;
	zone = zone_of(fd, &a);
	zb_free(fd, a.handle);
	return zone;
}

TEST_F(policy, zone_reclaim_mode)
{
	long taken = zb_vmstat("pgsteal_direct"), ok = zb_vmstat("zone_reclaim_success");
	int fd = self->zb.fd;
	__u32 preferred;

	if (!prepare(_metadata, fd, &preferred))
		SKIP(return, "ordinary requests can use only one zone");
	EXPECT_NE(preferred, served_from(fd, RECLAIMABLE));
	EXPECT_EQ(0, zb_write_parameter("zone_reclaim_mode", "1"));
	/* a request that may not sleep takes nothing */
	EXPECT_NE(preferred, served_from(fd, ZB_GFP_NOWAIT));
	EXPECT_EQ(taken, zb_vmstat("pgsteal_direct"));
	EXPECT_EQ(preferred, served_from(fd, RECLAIMABLE));
	EXPECT_LT(taken, zb_vmstat("pgsteal_direct"));
	EXPECT_EQ(ok + 1, zb_vmstat("zone_reclaim_success"));
	/* no more than is missing */
	EXPECT_GE(taken + (5L << ORDER), zb_vmstat("pgsteal_direct"));
}

/* A buffer that is in use is not taken: the request is served by the next zone. */
TEST_F(policy, in_use)
{
	long failed = zb_vmstat("zone_reclaim_failed"), taken = zb_vmstat("pgsteal_direct");
	int fd = self->zb.fd, pipe_fds[2], ms;
	__u32 preferred;
	struct iovec page;
	unsigned int i, nr;

	nr = prepare(_metadata, fd, &preferred);
	if (!nr)
		SKIP(return, "ordinary requests can use only one zone");
	EXPECT_EQ(-EINVAL, zb_write_parameter("zone_reclaim_mode", "2"));
	EXPECT_EQ(0, zb_write_parameter("zone_reclaim_mode", "Y"));
	for (i = 1; i < nr; i++)
		ASSERT_EQ(0, zb_advise(fd, bufs[i].handle, WILLNEED, NULL));
	ASSERT_EQ(0, pipe(pipe_fds));
	page = (struct iovec){ zb_map(fd, &bufs[0]), self->zb.page };
	ASSERT_NE(MAP_FAILED, page.iov_base);
	ASSERT_EQ((ssize_t)page.iov_len, vmsplice(pipe_fds[1], &page, 1, 0));
	EXPECT_NE(preferred, served_from(fd, RECLAIMABLE));
	EXPECT_EQ(failed + 1, zb_vmstat("zone_reclaim_failed"));
	EXPECT_EQ(taken, zb_vmstat("pgsteal_direct"));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	/* after a pause, it is tried again */
	for (ms = 0; ms < ZB_PATIENCE_MS && served_from(fd, RECLAIMABLE) != preferred; ms += 20)
		zb_sleep_ms(20);
	EXPECT_TRUE(is_purged(fd, &bufs[0]));
}

TEST_HARNESS_MAIN

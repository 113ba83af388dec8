// SPDX-License-Identifier: GPL-2.0
/*
 * A large request that waits is served although others allocate whenever something becomes free,
 * because memory is captured for it. The others have 64 KiB buffers that can't be moved, all over
 * the zone, so compaction can do nothing.
 */
#include "waiters.h"

#define OTHERS	(ZB_GFP_NOWAIT | ZB_GFP_DMA32 | __ZB_GFP_NOWARN)
#define ORDER	4u
#define SHARE	70u	/* percentage of the buffers that they keep */

static __u64 addrs[ARRAY_SIZE(bufs)];

/* Allocate a buffer of the others, and ask for its address. */
static bool add_one(FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_phys phys;

	if (nr_bufs == ARRAY_SIZE(bufs) ||
	    zb_alloc_order(self->fd, ORDER, OTHERS, &bufs[nr_bufs]) ||
	    zb_phys(self->fd, bufs[nr_bufs].handle, &phys))
		return false;
	addrs[nr_bufs++] = phys.addr;
	return true;
}

static bool remove_one(FIXTURE_DATA(zbuddy) *self, unsigned int i)
{
	int rc = zb_free(self->fd, bufs[i].handle);

	bufs[i] = bufs[--nr_bufs];
	addrs[i] = addrs[nr_bufs];
	return !rc;
}

/* Returns the address of the first frame of zone DMA32, or 0. */
static __u64 zone_start(FIXTURE_DATA(zbuddy) *self)
{
	FILE *f = fopen(ZB_DEBUGFS "zoneinfo", "r");
	unsigned long pfn, start = 0;
	char line[256];
	bool here = false;

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, ", zone "))
			here = strstr(line, "DMA32");
		if (here && sscanf(line, " start_pfn: %lu", &pfn) == 1)
			start = pfn;
	}
	if (f)
		fclose(f);
	return start * self->page;
}

/* Returns the number of the first isolated pageblock of zone DMA32, or -1. */
static long isolated_block(void)
{
	FILE *f = fopen(ZB_DEBUGFS "pageblocks", "r");
	long block, found = -1;
	char line[256];

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (strstr(line, "DMA32") && strstr(line, "Isolate") &&
		    sscanf(line, "Node %*d, zone DMA32, block %ld", &block) == 1)
			found = block;
	if (f)
		fclose(f);
	return found;
}

/*
 * Free all buffers of the others in a window, one by one, and allocate another one for each.
 * Counts them in *@moved. Returns how many could not be freed or allocated, or were allocated
 * in the window.
 */
static unsigned int empty_window(FIXTURE_DATA(zbuddy) *self, const struct waiter *w, __u64 start,
				 __u64 length, unsigned int *moved)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < nr_bufs && !w->done;) {
		if (addrs[i] < start || addrs[i] >= start + length) {
			i++;
			continue;
		}
		(*moved)++;
		wrong += !remove_one(self, i) || !add_one(self) ||
			 (addrs[nr_bufs - 1] >= start && addrs[nr_bufs - 1] < start + length);
	}
	return wrong;
}

/*
 * Fill zone DMA32 with buffers of the others, and free a part of them at random. Returns false if
 * one could not be freed.
 */
static bool scatter_buffers(FIXTURE_DATA(zbuddy) *self)
{
	unsigned int seed = 1, nr;

	while (add_one(self))
		;
	for (nr = nr_bufs * SHARE / 100; nr_bufs > nr;)
		if (!remove_one(self, (unsigned int)rand_r(&seed) % nr_bufs))
			return false;
	zb_drain();
	return true;
}

TEST_F(zbuddy, served_beside_others)
{
	__u64 block = self->page << self->info.block_order, first, until;
	long captured = zb_vmstat("zb_capture_success"), isolated;
	__u32 order = self->info.block_order + 2, i;
	unsigned int wrong = 0, moved = 0;
	struct zb_ioc_zone zone;
	struct waiter w;

	for (i = 0; i < self->info.nr_zones; i++)
		if (!zb_zone(self->fd, i, &zone) && zone.type == ZB_ZONE_DMA32)
			break;
	first = zone_start(self);
	if (i == self->info.nr_zones || !first || zone.total_bytes < 32 * block)
		SKIP(return, "no zone DMA32, or it is too small");
	ASSERT_TRUE(scatter_buffers(self));
	start_gfp(_metadata, &w, self->fd, order, ZB_GFP_KERNEL | ZB_GFP_DMA32, PATIENCE);
	for (until = zb_now_ns() + PATIENCE; !w.done && zb_now_ns() < until; zb_sleep_ms(1)) {
		isolated = isolated_block();
		if (isolated >= 0)
			wrong += empty_window(self, &w, first + (__u64)isolated * block,
					      self->page << order, &moved);
	}
	expect_served(_metadata, &w);
	EXPECT_GT(moved, 0);
	EXPECT_LT(captured, zb_vmstat("zb_capture_success"));
	EXPECT_EQ(0, wrong);
	if (!w.rc)
		EXPECT_EQ(0, zb_free(self->fd, w.a.handle));
	EXPECT_TRUE(give_all(self));
}

/*
 * Nobody frees what is captured, so all captures fail. Others have the memory at least for half
 * of the time. Frees elsewhere cause compaction, and so captures, to be tried again soon.
 */
TEST_F(zbuddy, pauses_after_failure)
{
	__u64 until = zb_now_ns() + PATIENCE, now, last = 0, captured = 0, not = 0;
	__u32 order = self->info.block_order + 2;
	long begun = zb_vmstat("zb_capture_fail"), failed = 0;
	struct zb_ioc_alloc other;
	bool is_captured;
	struct waiter w;

	if (!zone_start(self) || begun < 0)
		SKIP(return, "no zone DMA32, or no counters");
	ASSERT_TRUE(scatter_buffers(self));
	start_gfp(_metadata, &w, self->fd, order, ZB_GFP_KERNEL | ZB_GFP_DMA32, PATIENCE / 2);
	while (!w.done && zb_now_ns() < until) {
		is_captured = isolated_block() >= 0;
		now = zb_now_ns();
		if (is_captured && failed == 3)
			break;
		if (last)
			*(is_captured ? &captured : &not) += now - last;
		if (last || is_captured)
			last = now;
		failed = zb_vmstat("zb_capture_fail") - begun;
		if (!zb_alloc_order(self->fd, 0, ZB_GFP_KERNEL, &other))
			zb_free(self->fd, other.handle);
		zb_sleep_ms(20);
	}
	printf("# captured for %llu ms, not captured for %llu ms\n", captured / MS, not / MS);
	EXPECT_EQ(3, failed);
	EXPECT_GE(not * 5, captured * 4);
	EXPECT_TRUE(give_all(self));
	pthread_join(w.thread, NULL);
	if (!w.rc)
		EXPECT_EQ(0, zb_free(self->fd, w.a.handle));
}

TEST_HARNESS_MAIN

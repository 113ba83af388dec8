// SPDX-License-Identifier: GPL-2.0
/*
 * ZB_BUF_RANGE: any number of contiguous pages, with an alignment and physical addresses. If no
 * range is free, movable buffers are moved away while they are used, and discardable ones lose
 * their memory. What is in use stays where it is.
 */
#include "compact.h"
#include "discard.h"

#include <pthread.h>
#include <stdatomic.h>

#define BLOCK		((__u64)self->page << 9)	/* a pageblock */
#define UNMOVABLE	(ZB_GFP_HIGHUSER_MOVABLE & ~__ZB_GFP_MOVABLE)
#define NO_SLEEP	(UNMOVABLE & ~__ZB_GFP_RECLAIM)

static struct zb_ioc_alloc want_range(__u64 length, __u32 gfp)
{
	struct zb_ioc_alloc a = zb_want_length(length, gfp | __ZB_GFP_NOWARN);

	a.flags |= ZB_BUF_RANGE;
	return a;
}

/* Allocate a range; returns 0 or the errno. */
static int get_range(int fd, __u64 length, __u32 gfp, struct zb_ioc_alloc *a)
{
	*a = want_range(length, gfp);
	return -zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

/* Allocate a range of these addresses; returns 0 or the errno. */
static int get_range_at(int fd, __u64 addr, __u64 length, __u32 gfp, struct zb_ioc_alloc *a)
{
	*a = want_range(length, gfp);
	a->min_addr = addr;
	a->max_addr = addr + length - 1;
	return -zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

static __u32 cause(int fd)
{
	struct zb_ioc_explain e;

	return zb_explain(fd, &e) ? ~0u : e.cause;
}

/* The physical address of a buffer, or 0. */
static __u64 addr_of(int fd, const struct zb_ioc_alloc *a)
{
	struct zb_ioc_phys phys;

	return zb_phys(fd, a->handle, &phys) ? 0 : phys.addr;
}

/* More than the largest block, or all of the largest zone if this is one block. */
TEST_F(zbuddy, larger_than_a_block)
{
	const char *before = zb_state_of_zones();
	struct zb_ioc_zone zone, largest = {};
	__u64 length = self->page << self->info.max_order;
	struct zb_ioc_alloc a, other;
	struct zb_ioc_query q;
	__u32 i;
	char *p;

	EXPECT_TRUE(self->info.features & ZB_FEATURE_RANGE);
	for (i = 0; !zb_zone(self->fd, i, &zone); i++)
		if (zone.total_bytes > largest.total_bytes)
			largest = zone;
	length += (1 << 20) + self->page;
	if (length > largest.total_bytes - (1 << 20))
		length = largest.total_bytes - (1 << 20) - self->page;
	EXPECT_EQ(EINVAL, get_range(self->fd, largest.total_bytes + 1, MOVABLE, &a));
	ASSERT_EQ(0, get_range(self->fd, length, MOVABLE, &a));
	EXPECT_EQ(length, a.length);
	EXPECT_EQ(largest.type, a.zone);
	EXPECT_EQ(self->free - length, zb_free_bytes(self->fd));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, p[0] | p[length / 2] | p[length - 1]);
	zb_fill(p, 0, length, 5);
	EXPECT_TRUE(zb_filled(p, 0, length, 5));
	EXPECT_EQ(0, zb_query(self->fd, a.handle, &q));
	EXPECT_EQ(length, q.length);
	EXPECT_EQ(a.mmap_offset, q.mmap_offset);
	/* the offsets of two handles do not overlap */
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, MOVABLE, &other));
	EXPECT_TRUE(other.mmap_offset >= a.mmap_offset + length ||
		    other.mmap_offset + length <= a.mmap_offset);
	EXPECT_TRUE(zb_check_ok());
	munmap(p, length);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(0, zb_free(self->fd, other.handle));
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_STREQ(before, zb_state_of_zones());
}

/* Two adjacent free blocks that are not the halves of a larger block. */
TEST_F(zbuddy, no_buddies)
{
	unsigned int i, k, nr = 0;
	struct zb_ioc_alloc a;
	static __u64 addr[ARRAY_SIZE(all)];

	zb_drain();
	while (nr < ARRAY_SIZE(all) && !zb_alloc_order(self->fd, 9, NO_SLEEP, &all[nr]))
		nr++;
	for (i = 0; i < nr; i++) {
		addr[i] = addr_of(self->fd, &all[i]);
		if (!addr[i])
			SKIP(return, "no physical addresses");
	}
	for (i = 0; i < nr; i++)
		for (k = 0; k < nr; k++)
			if (addr[i] / BLOCK % 2 && addr[k] == addr[i] + BLOCK &&
			    all[i].zone == all[k].zone)
				goto found;
	ASSERT_TRUE(false);
found:
	EXPECT_EQ(0, zb_free(self->fd, all[i].handle));
	EXPECT_EQ(0, zb_free(self->fd, all[k].handle));
	zb_drain();
	EXPECT_EQ(ENOMEM, try_order(self->fd, 10, NO_SLEEP | __ZB_GFP_NOWARN));
	ASSERT_EQ(0, get_range(self->fd, 2 * BLOCK, NO_SLEEP, &a));
	EXPECT_EQ(addr[i], addr_of(self->fd, &a));
	EXPECT_EQ(ENOMEM, get_range(self->fd, BLOCK, UNMOVABLE, &a));
}

TEST_F(zbuddy, alignment_and_addresses)
{
	struct zb_ioc_alloc a, b;
	unsigned int i;
	__u64 addr;

	ASSERT_EQ(0, zb_alloc_order(self->fd, 9, UNMOVABLE, &a));
	addr = addr_of(self->fd, &a);
	if (!addr)
		SKIP(return, "no physical addresses");
	/* other memory of these addresses is not free */
	EXPECT_EQ(ENOMEM, get_range_at(self->fd, addr + BLOCK / 2, self->page, UNMOVABLE, &b));
	EXPECT_EQ(ZB_CAUSE_UNMOVABLE, cause(self->fd));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	for (i = 0; i < 40; i += 3) {
		__u64 at = addr + 5 * i * self->page;

		ASSERT_EQ(0, get_range_at(self->fd, at, (i + 1) * self->page,
					  i % 2 ? MOVABLE : UNMOVABLE, &b));
		EXPECT_EQ(at, addr_of(self->fd, &b));
		EXPECT_EQ(0, zb_free(self->fd, b.handle));
	}
	for (i = 0; i < 12; i++) {
		a = want_range(3 * self->page, UNMOVABLE);
		a.align = self->page << i;
		ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
		EXPECT_EQ(i, a.order);
		EXPECT_EQ(0, addr_of(self->fd, &a) % (self->page << i));
	}
	/* addresses that no zone has */
	EXPECT_EQ(ENOMEM, get_range_at(self->fd, self->page, self->page, UNMOVABLE, &a));
	EXPECT_EQ(ZB_CAUSE_NEVER_BLOCK, cause(self->fd));
	a = want_range(self->page, UNMOVABLE);
	a.align = 1ull << 63;
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_EQ(ZB_CAUSE_NEVER_BLOCK, cause(self->fd));
}

TEST_F(zbuddy, arguments)
{
	const struct zb_ioc_alloc good = want_range(self->page, UNMOVABLE);
	struct zb_ioc_alloc a;
	struct zb_ioc_explain e;
	struct zb_bulk_buffer bufs[1];
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, 1);

#define REFUSE(error, member, value) do {				\
	a = good;							\
	a.member = value;						\
	EXPECT_EQ(-(error), zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));	\
	EXPECT_EQ(0, zb_explain(self->fd, &e));				\
	EXPECT_STREQ((error) == EINVAL ? #member : "", e.field);	\
} while (0)

	REFUSE(EINVAL, align, 3 * self->page);
	REFUSE(EINVAL, flags, ZB_BUF_RANGE);
	REFUSE(EINVAL, max_addr, 1);
	REFUSE(EINVAL, length, 0);
	if (!zb_set_capability(CAP_SYS_RAWIO, false))
		SKIP(return, "no capability");
	REFUSE(EPERM, min_addr, 1);
	EXPECT_EQ(ZB_CAUSE_CAPABILITY, e.cause);
	EXPECT_EQ(CAP_SYS_RAWIO, e.value);
	REFUSE(EPERM, max_addr, ~0ull);
	a = good;
	a.align = 1 << 16;
	EXPECT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_TRUE(zb_set_capability(CAP_SYS_RAWIO, true));
	/* without ZB_BUF_RANGE, the new fields have to be 0 */
	a = zb_want_order(0, UNMOVABLE);
	a.align = self->page;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	/* BULK_ALLOC allocates ranges, see bulk_range_test, but not without a length */
	bulk.flags = ZB_BUF_RANGE;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_BULK_ALLOC, &bulk));
}

struct range_writer {
	size_t page;
	atomic_bool *stop;
	unsigned long nr;
	unsigned long wrong;
};

/* Keep a count in the last word of each page of all pieces. */
static void *write_pieces(void *arg)
{
	struct range_writer *w = arg;
	unsigned long count = 0;
	unsigned int i, k;

	while (!atomic_load(w->stop)) {
		for (i = 0; i < NR; i++)
			for (k = 0; pieces[i].p && k < 1 << ORDER; k++) {
				volatile unsigned long *word = (unsigned long *)
					(pieces[i].p + (k + 1) * w->page) - 1;

				w->wrong += count && *word != count + i + k;
				*word = count + 1 + i + k;
				w->nr++;
			}
		count++;
	}
	return NULL;
}

/*
 * Find a pageblock that is partly free. The zone is that of the largest type that the flags
 * allow and that has a free page.
 */
static __u64 partly_free_block(FIXTURE_DATA(zbuddy) *self, __u32 gfp, __u64 align)
{
	struct zb_ioc_alloc probe = want_range(self->page, gfp);
	__u64 addr = 0;

	probe.align = align;
	if (!zb_ioctl(self->fd, ZB_IOC_ALLOC, &probe)) {
		addr = addr_of(self->fd, &probe) & ~(BLOCK - 1);
		zb_free(self->fd, probe.handle);
	}
	return addr;
}

/*
 * Pageblocks full of movable buffers are requested by address, again and again, while a thread
 * writes to the buffers. The buffers stay in their zone, so a request fails if it has too
 * little free memory.
 */
TEST_F(zbuddy, moved_while_written)
{
	static const __u32 gfp[] = { __ZB_GFP_DMA, __ZB_GFP_DMA32, 0, NOWAIT };
	long moved = zb_vmstat("pgmigrate_success");
	struct range_writer w = { .page = self->page };
	unsigned int round, served = 0;
	struct zb_ioc_alloc a;
	atomic_bool stop = false;
	pthread_t thread;
	__u64 rnd = 5, addr;

	fragment(_metadata, self, &self->fd, 1, false);
	w.stop = &stop;
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_pieces, &w));
	for (round = 0; round < 48 / FEWER; round++) {
		addr = partly_free_block(self, gfp[round % 4],
					 self->page << zb_random(&rnd) % 9);
		if (!addr || get_range_at(self->fd, addr, BLOCK, MOVABLE, &a))
			continue;
		served++;
		EXPECT_EQ(addr, addr_of(self->fd, &a));
		EXPECT_EQ(0, zb_free(self->fd, a.handle));
	}
	/* at any address of a zone that has enough free memory */
	EXPECT_EQ(0, get_range(self->fd, BLOCK, MOVABLE, &a));
	atomic_store(&stop, true);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, w.wrong);
	EXPECT_LT(0, w.nr);
	EXPECT_LT(0, served);
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	printf("# %u of %u served, %lu writes\n", served, round, w.nr);
	show("ranges", moved);
}

/* A range that is larger than any free run needs movable buffers to be moved away. */
TEST_F(zbuddy, cheapest_range)
{
	long moved = zb_vmstat("pgmigrate_success");
	struct zb_ioc_alloc a;

	fragment(_metadata, self, &self->fd, 1, false);
	EXPECT_EQ(ENOMEM, get_range(self->fd, BLOCK, NOWAIT, &a));
	EXPECT_EQ(ZB_CAUSE_FRAGMENTED, cause(self->fd));
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	ASSERT_EQ(0, get_range(self->fd, BLOCK, MOVABLE, &a));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
	show("a range", moved);
	EXPECT_TRUE(zb_check_ok());
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(0, zb_nr_isolated());
}

/* Nothing is changed if each possible range has a pinned page, or one that is not movable. */
TEST_F(zbuddy, pinned)
{
	const char *before;
	struct zb_ioc_alloc a;
	long moved;
	__u32 why;

	fragment(_metadata, self, &self->fd, 1, false);
	moved = zb_vmstat("pgmigrate_success");
	pin_all(_metadata, self);
	before = zb_state_of_zones();
	EXPECT_EQ(ENOMEM, get_range(self->fd, BLOCK, MOVABLE, &a));
	/* other blocks of the zone could move, but are as large as the range */
	why = cause(self->fd);
	EXPECT_TRUE(why == ZB_CAUSE_IN_USE || why == ZB_CAUSE_FRAGMENTED);
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_STREQ(before, zb_state_of_zones());
	expect_contents(_metadata);
	expect_pinned(_metadata, self);
	unpin_all();
	EXPECT_EQ(0, get_range(self->fd, BLOCK, MOVABLE, &a));
	expect_contents(_metadata);
}

/* All memory is unmovable, with holes that are too small. */
TEST_F(zbuddy, unmovable)
{
	static struct zb_ioc_alloc small[1 << 14];
	unsigned int k, nr = 0;
	struct zb_ioc_alloc a;
	const char *before;

	zb_drain();
	while (nr < ARRAY_SIZE(small) && !zb_alloc_order(self->fd, 7, NO_SLEEP, &small[nr]))
		nr++;
	for (k = 0; k < nr; k++)
		if (k % 4 < 2)
			EXPECT_EQ(0, zb_free(self->fd, small[k].handle));
	before = zb_state_of_zones();
	EXPECT_EQ(ENOMEM, get_range(self->fd, 3 * BLOCK, UNMOVABLE, &a));
	EXPECT_EQ(ZB_CAUSE_UNMOVABLE, cause(self->fd));
	EXPECT_STREQ(before, zb_state_of_zones());
}

/* A movable buffer that has to be at certain addresses is not just in use at the moment. */
TEST_F(zbuddy, kept_in_its_place)
{
	struct zb_ioc_alloc a, b;
	__u64 addr;

	ASSERT_EQ(0, get_range(self->fd, 2 * BLOCK, MOVABLE, &a));
	addr = addr_of(self->fd, &a);
	ASSERT_NE(0, addr);
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, get_range_at(self->fd, addr, 2 * BLOCK, MOVABLE, &a));
	EXPECT_EQ(ENOMEM, get_range_at(self->fd, addr, BLOCK, MOVABLE, &b));
	EXPECT_EQ(ZB_CAUSE_UNMOVABLE, cause(self->fd));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
}

/* Discardable buffers lose their memory, but not more of them than necessary. */
TEST_F(zbuddy, discardable)
{
	unsigned int i, nr, purged;
	struct zb_ioc_alloc a;

	nr = fill_rest(self->fd, 4, fill(self->fd, 4));
	ASSERT_LT(0, nr);
	for (i = 0; i < nr; i++)
		if (bufs[i].length == self->page << 4)
			ASSERT_EQ(0, dontneed(self->fd, &bufs[i]));
	ASSERT_EQ(0, get_range(self->fd, BLOCK + self->page, UNMOVABLE, &a));
	purged = nr_purged(self->fd, nr);
	EXPECT_LE((BLOCK + self->page) / (self->page << 4), purged);
	printf("# %u of %u buffers purged for %llu pages\n", purged, nr, a.length / self->page);
	EXPECT_GE(4 * (BLOCK / (self->page << 4) + 4), purged);
	EXPECT_TRUE(zb_check_ok());
}

/* A discardable range gets new memory of the same alignment. */
TEST_F(zbuddy, range_is_discarded)
{
	struct zb_ioc_alloc a = want_range(3 * BLOCK - self->page, RECLAIMABLE);
	__u32 retained = 1;

	a.align = BLOCK;
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	EXPECT_EQ(0, dontneed(self->fd, &a));
	EXPECT_EQ(0, reclaim(a.length));
	EXPECT_TRUE(is_purged(self->fd, &a));
	EXPECT_EQ(0, zb_advise(self->fd, a.handle, WILLNEED, &retained));
	EXPECT_EQ(0, retained);
	EXPECT_EQ(0, addr_of(self->fd, &a) % BLOCK);
	EXPECT_TRUE(zb_check_ok());
}

struct requests {
	__u64 seed, page;
	atomic_bool *stop;
	unsigned long served, failed, wrong;
};

static void *request_ranges(void *arg)
{
	struct requests *r = arg;
	struct zb_ioc_alloc a;
	int fd = zb_open(), err;
	char *p;

	while (!atomic_load(r->stop)) {
		err = get_range(fd, (1 + zb_random(&r->seed) % 700) * r->page,
				zb_random(&r->seed) % 2 ? MOVABLE : UNMOVABLE, &a);
		r->wrong += err && err != ENOMEM;
		r->failed += err == ENOMEM;
		if (err)
			continue;
		r->served++;
		p = zb_map(fd, &a);
		if (p == MAP_FAILED) {
			r->wrong++;
		} else {
			r->wrong += p[0] || p[a.length - 1];
			zb_fill(p, 0, a.length, (unsigned int)r->seed);
			r->wrong += !zb_filled(p, 0, a.length, (unsigned int)r->seed);
			munmap(p, a.length);
		}
		r->wrong += zb_free(fd, a.handle) != 0;
	}
	close(fd);
	return NULL;
}

/* Requests for ranges, compaction and the owners of movable buffers at the same time. */
TEST_F(zbuddy, races)
{
	struct requests r[2] = { { .seed = 1 }, { .seed = 2 } };
	long moved = zb_vmstat("pgmigrate_success");
	atomic_bool stop = false;
	pthread_t threads[2];
	unsigned int i;
	__u64 rnd = 11;

	fragment(_metadata, self, &self->fd, 1, true);
	for (i = 0; i < 2; i++) {
		r[i].page = self->page;
		r[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, request_ranges, &r[i]));
	}
	for (i = 0; i < 12 / FEWER; i++)
		compact_twice(_metadata, self, &rnd);
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, r[i].wrong);
		printf("# %lu served, %lu failed\n", r[i].served, r[i].failed);
	}
	EXPECT_LT(0, r[0].served + r[1].served);
	expect_contents(_metadata);
	EXPECT_EQ(0, zb_nr_isolated());
	show("races", moved);
}

TEST_HARNESS_MAIN

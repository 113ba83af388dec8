// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction: movable buffers are moved while they are mapped and written to, so that a
 * large block becomes free. Buffers that are in use stay where they are.
 */
#include "compact.h"
#include "ram_disk.h"

#include <pthread.h>
#include <stdatomic.h>

TEST_F(zbuddy, large_block)
{
	long moved = zb_vmstat("pgmigrate_success");
	struct zb_ioc_alloc a;

	fragment(_metadata, self, &self->fd, 1, false);
	ASSERT_EQ(0, alloc_by_compaction(self->fd, 9, MOVABLE | __ZB_GFP_NORETRY, &a));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
	/* two more of them */
	EXPECT_EQ(0, try_order(self->fd, 10, MOVABLE));
	expect_contents(_metadata);
	show("orders 9 and 10", moved);
}

/* Buffers of several processes, some of which have no power of two of pages. */
TEST_F(zbuddy, several_processes)
{
	long moved = zb_vmstat("pgmigrate_success");
	unsigned int i;
	int fds[4], out[2];
	char byte = 0;
	pid_t child;

	for (i = 0; i < 4; i++) {
		fds[i] = zb_open();
		ASSERT_GE(fds[i], 0);
	}
	fragment(_metadata, self, fds, 4, true);
	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(out[1]);
		/* until the parent has changed all buffers */
		if (read(out[0], &byte, 1) != 1)
			_exit(1);
		for (i = 0; i < NR; i++)
			if (pieces[i].p &&
			    !zb_filled(pieces[i].p, 0, pieces[i].a.length, i + 1))
				_exit(2);
		_exit(0);
	}
	EXPECT_EQ(0, compact());
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_EQ(0, try_order(self->fd, 9, NOWAIT));
	expect_contents(_metadata);
	show("all memory", moved);
	for (i = 0; i < NR; i++)
		if (pieces[i].p)
			zb_fill(pieces[i].p, 0, pieces[i].a.length, i + 1);
	EXPECT_EQ(1, write(out[1], &byte, 1));
	EXPECT_TRUE(zb_wait_exit(child, 0));
	/* handles and limits are as before */
	for (i = 0; i < NR; i++)
		if (pieces[i].p)
			EXPECT_EQ(0, zb_free(fds[i % 4], pieces[i].a.handle));
	for (i = 0; i < 4; i++)
		close(fds[i]);
	close(out[0]);
	close(out[1]);
}

/* Nothing is moved if buffers have 65 mappings, or a page of each pageblock is in a pipe. */
TEST_F(zbuddy, pinned)
{
	unsigned int i, k;
	long moved, failed;
	char *last[NR];

	fragment(_metadata, self, &self->fd, 1, false);
	moved = zb_vmstat("pgmigrate_success");
	for (i = 0; i < NR; i++)
		for (k = 1; pieces[i].p && k <= 64; k++)
			last[i] = zb_map(self->fd, &pieces[i].a);
	EXPECT_EQ(0, compact());
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	for (i = 0; i < NR; i++)
		if (pieces[i].p)
			ASSERT_EQ(0, munmap(last[i], LENGTH));
	pin_all(_metadata, self);
	failed = zb_vmstat("pgmigrate_fail");
	EXPECT_EQ(ENOMEM, try_order(self->fd, 9, MOVABLE | __ZB_GFP_NOWARN));
	EXPECT_EQ(0, compact());
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_LT(failed, zb_vmstat("pgmigrate_fail"));
	expect_contents(_metadata);
	expect_pinned(_metadata, self);
	unpin_all();
	EXPECT_EQ(0, compact());
	EXPECT_EQ(0, try_order(self->fd, 9, NOWAIT));
	expect_contents(_metadata);
}

struct direct_io {
	int file;
	size_t length;
	atomic_bool stop;
	unsigned long nr, wrong;
};

static void *do_direct_io(void *arg)
{
	struct direct_io *d = arg;
	unsigned int i;

	while (!atomic_load(&d->stop))
		for (i = 0; i < NR; i++) {
			off_t at = (off_t)(i * d->length);

			if (!pieces[i].p)
				continue;
			d->wrong += pwrite(d->file, pieces[i].p, d->length, at) != d->length;
			zb_fill(pieces[i].p, 0, d->length, i + 1);
			d->wrong += pread(d->file, pieces[i].p, d->length, at) != d->length ||
				    !zb_filled(pieces[i].p, 0, d->length, i);
			d->nr++;
		}
	return NULL;
}

/* Direct I/O reads into buffers and writes from them while these are moved. */
TEST_F(zbuddy, direct_io)
{
	struct direct_io d = { .length = LENGTH };
	long moved = zb_vmstat("pgmigrate_success");
	const char *why = mount_ram_disk();
	unsigned int round;
	pthread_t thread;
	__u64 rnd = 3;

	if (why)
		SKIP(return, "%s", why);
	d.file = open(RAM_DISK_DIR "/compact", O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	ASSERT_GE(d.file, 0);
	fragment(_metadata, self, &self->fd, 1, false);
	ASSERT_EQ(0, pthread_create(&thread, NULL, do_direct_io, &d));
	for (round = 0; round < 12 / FEWER; round++)
		compact_twice(_metadata, self, &rnd);
	atomic_store(&d.stop, true);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, d.wrong);
	EXPECT_LT(0, d.nr);
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	show("direct I/O", moved);
	close(d.file);
	unmount_ram_disk();
}

/* A buffer whose physical address was returned is never moved. */
TEST_F(zbuddy, physical_address)
{
	struct zb_ioc_phys phys, again;
	unsigned int i;
	long moved;

	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < NR; i++)
		if (pieces[i].p)
			ASSERT_EQ(0, zb_phys(self->fd, pieces[i].a.handle, &phys));
	moved = zb_vmstat("pgmigrate_success");
	EXPECT_EQ(ENOMEM, try_order(self->fd, 9, MOVABLE | __ZB_GFP_NOWARN));
	EXPECT_EQ(0, compact());
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	for (i = NR; i-- && !pieces[i].p;)
		;
	EXPECT_EQ(0, zb_phys(self->fd, pieces[i].a.handle, &again));
	EXPECT_EQ(phys.addr, again.addr);
}

/* A dma-buf can be moved, but not while a device is attached to it. */
TEST_F(zbuddy, exported)
{
	int card = zb_importer(), dmabuf[NR];
	__u32 gem[NR];
	unsigned int i;
	long moved;

	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < NR; i++) {
		if (!pieces[i].p)
			continue;
		dmabuf[i] = zb_export(self->fd, pieces[i].a.handle,
				      ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
		if (dmabuf[i] == -EOPNOTSUPP)
			SKIP(return, "no dma-bufs");
		ASSERT_GE(dmabuf[i], 0);
		if (card >= 0)
			ASSERT_EQ(0, zb_import(card, dmabuf[i], &gem[i]));
	}
	moved = zb_vmstat("pgmigrate_success");
	if (card >= 0) {
		EXPECT_EQ(ENOMEM, try_order(self->fd, 9, MOVABLE | __ZB_GFP_NOWARN));
		EXPECT_EQ(0, compact());
		EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
		for (i = 0; i < NR; i++)
			if (pieces[i].p)
				EXPECT_EQ(0, zb_unimport(card, gem[i]));
		close(card);
	}
	EXPECT_EQ(0, compact());
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	for (i = 0; i < NR; i++) {
		char *p;

		if (!pieces[i].p)
			continue;
		p = zb_map_at(dmabuf[i], LENGTH, 0);
		ASSERT_NE(MAP_FAILED, (void *)p);
		EXPECT_TRUE(zb_filled(p, 0, LENGTH, i));
		munmap(p, LENGTH);
		close(dmabuf[i]);
	}
	expect_contents(_metadata);
}

/*
 * A memory error in the middle of a copy, which fault injection simulates: the buffer stays
 * where it is, and nothing is lost. The pages are not marked, because the errors are simulated.
 */
TEST_F(zbuddy, error_while_copying)
{
	static const char *const files[][2] = {
		{ "probability", "100" }, { "interval", "1" }, { "times", "-1" },
		{ "space", "0" }, { "verbose", "0" },
	};
	char path[80];
	long moved, failed;
	unsigned int i;

	fragment(_metadata, self, &self->fd, 1, false);
	if (access("/sys/kernel/debug/fail_zbuddy_copy", F_OK))
		SKIP(return, "no fault injection");
	moved = zb_vmstat("pgmigrate_success");
	failed = zb_vmstat("pgmigrate_fail");
	for (i = ARRAY_SIZE(files); i--;) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/fail_zbuddy_copy/%s",
			 files[i][0]);
		ASSERT_EQ(0, zb_write_file(path, files[i][1]));
	}
	EXPECT_EQ(ENOMEM, try_order(self->fd, 9, MOVABLE | __ZB_GFP_NOWARN));
	EXPECT_EQ(0, compact());
	EXPECT_EQ(0, zb_write_file("/sys/kernel/debug/fail_zbuddy_copy/probability", "0"));
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_LT(failed, zb_vmstat("pgmigrate_fail"));
	expect_contents(_metadata);
	EXPECT_EQ(0, compact());
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
}

/* One unmovable page in each pageblock. */
TEST_F(zbuddy, unmovable)
{
	struct zb_ioc_alloc a;
	unsigned int i, nr;
	long moved;

	nr = free_pageblocks(_metadata, self);
	for (i = 0; i < PAGEBLOCKS; i++)
		ASSERT_EQ(0, zb_alloc_order(self->fd, 8, NOWAIT & ~__ZB_GFP_MOVABLE, &a));
	moved = zb_vmstat("pgmigrate_success");
	for (i = 0; i < PAGEBLOCKS; i++)
		zb_alloc_order(self->fd, 8, NOWAIT, &a);
	for (i = 0; i < PAGEBLOCKS / 2; i++)
		EXPECT_EQ(0, zb_free(self->fd, all[--nr].handle));
	zb_drain();
	EXPECT_EQ(0, compact());
	EXPECT_EQ(moved, zb_vmstat("pgmigrate_success"));
	EXPECT_EQ(0, try_order(self->fd, 9, NOWAIT));
}

#define TAILS	20u	/* more windows than a request tries before it fails */

/*
 * The last page of a buffer of 513 pages is the only one in its aligned range of 512 pages, but
 * the buffer needs a larger block itself. Others are moved instead.
 */
TEST_F(zbuddy, ends_of_large_buffers)
{
	const __u32 gfp = MOVABLE & ~__ZB_GFP_HIGHMEM;
	unsigned int i, nr = 0, kept = 0, first;
	struct zb_ioc_alloc a;
	long moved, failed;

	end_background();
	zb_drain();
	while (!zb_alloc_order(self->fd, 9, NOWAIT | __ZB_GFP_DMA32, &a))
		;
	for (i = 0; i < TAILS; i++)
		if (zb_alloc_length(self->fd, self->page * 513, gfp & NOWAIT, &a))
			SKIP(return, "only %u buffers of 513 pages", i);
	while (kept < 4096 && !zb_alloc_order(self->fd, 9, gfp & NOWAIT, &all[kept]))
		kept++;
	ASSERT_LT(PAGEBLOCKS, kept);
	while (!zb_alloc_order(self->fd, 9, NOWAIT, &a))
		;
	for (i = 0; i < PAGEBLOCKS; i++)
		EXPECT_EQ(0, zb_free(self->fd, all[i].handle));
	/* the free pages behind the large buffers come first */
	for (first = kept, nr = kept; nr < ARRAY_SIZE(all) &&
	     !zb_alloc_order(self->fd, ORDER, NOWAIT, &all[nr]); nr++)
		;
	ASSERT_LT(first + NR, nr);
	for (i = first; i < nr; i++)
		if (i < nr - NR || i % 2)
			EXPECT_EQ(0, zb_free(self->fd, all[i].handle));
	zb_drain();
	ASSERT_EQ(ENOMEM, try_order(self->fd, 9, gfp & NOWAIT));
	moved = zb_vmstat("pgmigrate_success");
	failed = zb_vmstat("compact_fail");
	EXPECT_EQ(0, alloc_by_compaction(self->fd, 9, gfp | __ZB_GFP_NORETRY, &a));
	EXPECT_EQ(failed, zb_vmstat("compact_fail"));
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	show("ends of large buffers", moved);
}

TEST_F(zbuddy, bad_writes)
{
	EXPECT_EQ(-EINVAL, zb_write_file(ZB_DEBUGFS "compact", "0"));
	EXPECT_EQ(-EINVAL, zb_write_file(ZB_DEBUGFS "compact", "x"));
	EXPECT_EQ(0, compact());
}

/* The huge entries of a mapping are removed as well. */
TEST_F(zbuddy, huge_entries)
{
	unsigned int i, nr = free_pageblocks(_metadata, self), kept = 0;
	struct zb_ioc_alloc a[PAGEBLOCKS];
	size_t length = self->page << 9;
	char *p[PAGEBLOCKS];
	long moved;

	if (!all[0].mmap_huge_offset)
		SKIP(return, "no huge mappings");
	for (i = 0; i < PAGEBLOCKS; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, 9, NOWAIT, &a[i]));
		p[i] = zb_map_at(self->fd, length, a[i].mmap_huge_offset);
		ASSERT_NE(MAP_FAILED, (void *)p[i]);
		zb_fill(p[i], 0, length, i);
	}
	/* every second one of all blocks, so that no block of order 10 is free */
	for (i = 0; i < nr; i++)
		if (i % 2)
			EXPECT_EQ(0, zb_free(self->fd, all[i].handle));
	for (i = 0; i < PAGEBLOCKS; i += 2) {
		munmap(p[i], length);
		EXPECT_EQ(0, zb_free(self->fd, a[i].handle));
	}
	zb_drain();
	while (kept < ARRAY_SIZE(all) && !zb_alloc_order(self->fd, 10, NOWAIT, &all[kept]))
		kept++;
	moved = zb_vmstat("pgmigrate_success");
	EXPECT_EQ(0, try_order(self->fd, 10, MOVABLE));
	EXPECT_LE(moved + 512, zb_vmstat("pgmigrate_success"));
	for (i = 1; i < PAGEBLOCKS; i += 2)
		EXPECT_TRUE(zb_filled(p[i], 0, length, i));
	show("huge entries", moved);
}

struct writer {
	unsigned int from, to;		/* pieces to write to */
	size_t page;
	atomic_bool *stop;
	unsigned long nr;		/* number of writes */
	unsigned long wrong;		/* a value was not the one that was written last */
};

/* The last word of each page counts. */
static void *write_all(void *arg)
{
	static unsigned long counts[NR][1 << ORDER];
	struct writer *w = arg;
	unsigned int i, k;

	while (!atomic_load(w->stop))
		for (i = w->from; i < w->to; i++)
			for (k = 0; pieces[i].p && k < 1 << ORDER; k++) {
				volatile unsigned long *word = (unsigned long *)
					(pieces[i].p + (k + 1) * w->page) - 1;

				if (!counts[i][k])
					*word = 0;
				w->wrong += *word != counts[i][k];
				*word = ++counts[i][k];
				w->nr++;
			}
	return NULL;
}

/* Two threads write to all buffers while these are moved again and again. */
TEST_F(zbuddy, moved_while_written)
{
	long moved = zb_vmstat("pgmigrate_success");
	atomic_bool stop = false;
	struct writer w[2] = {
		{ .to = NR / 2, .page = self->page, .stop = &stop },
		{ .from = NR / 2, .to = NR, .page = self->page, .stop = &stop },
	};
	unsigned int round, i;
	pthread_t threads[2];
	__u64 rnd = 7;

	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, write_all, &w[i]));
	for (round = 0; round < 50 / FEWER; round++)
		compact_twice(_metadata, self, &rnd);
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, w[i].wrong);
		EXPECT_LT(0, w[i].nr);
		printf("# %lu writes\n", w[i].nr);
	}
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	show("two writers", moved);
}

/**
 * struct churn - a thread that uses the device in all ways at once
 * @page: size of a page
 * @seed: start of the random numbers
 * @stop: ends the thread
 * @wrong: number of buffers that did not have the expected contents
 * @nr: number of buffers
 */
struct churn {
	size_t page;
	__u64 seed;
	atomic_bool *stop;
	unsigned long wrong;
	unsigned long nr;
};

/* Use one buffer: moves may happen anywhere in between. */
static void use_buffer(struct churn *c, int fd, struct zb_ioc_alloc *a, unsigned int what)
{
	size_t length = a->length;
	char *p = zb_map(fd, a), *q;
	int dmabuf;
	pid_t child;

	if (p == MAP_FAILED)
		return;
	zb_fill(p, 0, length, what);
	switch (what % 6) {
	case 0:
		q = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		q = mremap(p, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, q);
		p = q == MAP_FAILED ? p : q;
		break;
	case 1:
		munmap(p + length / 2, length - length / 2);
		length /= 2;
		break;
	case 2:
		child = fork();
		if (!child)
			_exit(!zb_filled(p, 0, length, what));
		c->wrong += child > 0 && !zb_wait_exit(child, 0);
		break;
	case 3:
		dmabuf = zb_export(fd, a->handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
		if (dmabuf < 0)
			break;
		q = zb_map_at(dmabuf, length, 0);
		c->wrong += q != MAP_FAILED && !zb_filled(q, 0, length, what);
		if (q != MAP_FAILED)
			munmap(q, length);
		close(dmabuf);
		break;
	case 4:
		madvise(p, length, MADV_DONTNEED);
		break;
	case 5:
		zb_free(fd, a->handle);
		a->handle = 0;
		break;
	}
	c->wrong += !zb_filled(p, 0, length, what);
	munmap(p, length);
	c->nr++;
}

static void *churn(void *arg)
{
	struct churn *c = arg;
	struct zb_ioc_alloc a[16] = { 0 };
	unsigned int i;
	int fd = zb_open();

	while (!atomic_load(c->stop)) {
		i = zb_random(&c->seed) % ARRAY_SIZE(a);
		if (a[i].handle)
			zb_free(fd, a[i].handle);
		a[i].handle = 0;
		if (zb_alloc_length(fd, (1 + zb_random(&c->seed) % 30) * c->page,
				    MOVABLE | __ZB_GFP_NOWARN, &a[i]))
			continue;
		use_buffer(c, fd, &a[i], zb_random(&c->seed) % 1024);
	}
	close(fd);
	return NULL;
}

/* munmap, mremap, fork, export, madvise, FREE, close and kill at any time of a move. */
TEST_F(zbuddy, races)
{
	long moved = zb_vmstat("pgmigrate_success");
	atomic_bool stop = false;
	struct churn c[2];
	pthread_t threads[2];
	__u64 rnd = 11;
	unsigned int i;
	pid_t victim;

	fragment(_metadata, self, &self->fd, 1, false);
	for (i = 0; i < 2; i++) {
		c[i] = (struct churn){
			.page = self->page, .seed = i + 1, .stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn, &c[i]));
	}
	for (i = 0; i < 12 / FEWER; i++) {
		victim = fork();
		ASSERT_GE(victim, 0);
		if (!victim) {
			struct churn mine = {
				.page = self->page, .seed = i + 100, .stop = &stop,
			};

			churn(&mine);
			_exit(0);
		}
		compact_twice(_metadata, self, &rnd);
		ASSERT_EQ(0, kill(victim, SIGKILL));
		compact_twice(_metadata, self, &rnd);
		EXPECT_TRUE(zb_wait_killed(victim, SIGKILL));
	}
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, c[i].wrong);
		EXPECT_LT(0, c[i].nr);
		printf("# %lu buffers\n", c[i].nr);
	}
	EXPECT_LT(moved, zb_vmstat("pgmigrate_success"));
	expect_contents(_metadata);
	show("races", moved);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Random reads, writes and accesses to mappings of one file, through a named descriptor, one
 * without a name and the device, compared with a model, while compaction moves the file.
 */
#include "fs_mount.h"

#include <pthread.h>
#include <sys/uio.h>

#define LENGTH		(45 * 4096ul)	/* less than a block, so that its tail is free */
#define NR_OPS		1200
#define NR_HOLES	64
#define ZB_GFP_MOVABLE_ZONES	(ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE)

struct fsx {
	int fd[2];		/* with and without a name */
	int dev;
	__u32 handle;
	char *map[3];		/* mappings of both descriptors and of the device */
	__u64 device_offset;
	int pipe[2];
	char *model, *room;
	int pagemap;		/* /proc/self/pagemap */
	__u64 frame;		/* frame of the first page at the last check */
	unsigned int moves;	/* number of checks that found another frame */
	__u64 random;
	const char *op;		/* the last operation, for messages */
	size_t at, nr;		/* its range */
};

static size_t pick(struct fsx *x, size_t limit)
{
	return zb_random(&x->random) % limit;
}

static void pick_range(struct fsx *x)
{
	size_t most = pick(x, 4) ? 3 * 4096 : LENGTH;

	x->at = pick(x, LENGTH);
	x->nr = 1 + pick(x, most);
	if (x->nr > LENGTH - x->at)
		x->nr = LENGTH - x->at;
}

static bool as_model(const struct fsx *x, const char *p)
{
	return !memcmp(p, x->model + x->at, x->nr);
}

/* New contents of the range, in the model as well as in x->room; no two pages are alike. */
static void new_contents(struct fsx *x)
{
	size_t i;

	for (i = 0; i < x->nr; i++)
		x->room[i] = (char)(((x->at + i) * 2654435761u + x->random) >> 13);
	memcpy(x->model + x->at, x->room, x->nr);
}

static bool read_range(struct fsx *x)
{
	x->op = "pread";
	return pread(x->fd[pick(x, 2)], x->room, x->nr, (off_t)x->at) == (ssize_t)x->nr &&
	       as_model(x, x->room);
}

static bool write_range(struct fsx *x)
{
	x->op = "pwrite";
	new_contents(x);
	return pwrite(x->fd[pick(x, 2)], x->room, x->nr, (off_t)x->at) == (ssize_t)x->nr;
}

static bool read_vector(struct fsx *x)
{
	size_t half = x->nr / 2;
	struct iovec iov[2] = { { x->room, half }, { x->room + half, x->nr - half } };

	x->op = "preadv";
	return preadv(x->fd[pick(x, 2)], iov, 2, (off_t)x->at) == (ssize_t)x->nr &&
	       as_model(x, x->room);
}

/* Write at the position of the descriptor; the position must then be behind the range. */
static bool write_here(struct fsx *x)
{
	int fd = x->fd[pick(x, 2)];

	x->op = "lseek and write";
	new_contents(x);
	return lseek(fd, (off_t)x->at, SEEK_SET) == (off_t)x->at &&
	       write(fd, x->room, x->nr) == (ssize_t)x->nr &&
	       lseek(fd, 0, SEEK_CUR) == (off_t)(x->at + x->nr);
}

static bool load_range(struct fsx *x)
{
	x->op = "load";
	return as_model(x, x->map[pick(x, 3)] + x->at);
}

static bool store_range(struct fsx *x)
{
	x->op = "store";
	new_contents(x);
	memcpy(x->map[pick(x, 3)] + x->at, x->room, x->nr);
	return true;
}

static bool throw_away(struct fsx *x)
{
	char *p = x->map[pick(x, 3)];

	x->op = "madvise";
	x->at &= ~4095ul;
	return !madvise(p + x->at, x->nr, MADV_DONTNEED) && as_model(x, p + x->at);
}

static char *map_again(struct fsx *x, size_t i)
{
	return i == 2 ? zb_map_at(x->dev, LENGTH, x->device_offset) : map_file(x->fd[i], LENGTH);
}

static bool remap_one(struct fsx *x)
{
	size_t i = pick(x, 3);

	x->op = "munmap and mmap";
	munmap(x->map[i], LENGTH);
	x->map[i] = map_again(x, i);
	return (void *)x->map[i] != MAP_FAILED && as_model(x, x->map[i] + x->at);
}

/* Copy within the file from a mapping; the ranges do not overlap. */
static bool write_from_mapping(struct fsx *x)
{
	size_t half = LENGTH / 2;

	x->op = "pwrite from a mapping";
	x->at %= half;
	x->nr = x->nr < half - x->at ? x->nr : half - x->at;
	memcpy(x->model + half + x->at, x->model + x->at, x->nr);
	return pwrite(x->fd[pick(x, 2)], x->map[pick(x, 3)] + x->at, x->nr,
		      (off_t)(half + x->at)) == (ssize_t)x->nr;
}

static bool read_into_mapping(struct fsx *x)
{
	size_t half = LENGTH / 2;

	x->op = "pread into a mapping";
	x->at %= half;
	x->nr = x->nr < half - x->at ? x->nr : half - x->at;
	memcpy(x->model + half + x->at, x->model + x->at, x->nr);
	return pread(x->fd[pick(x, 2)], x->map[pick(x, 3)] + half + x->at, x->nr,
		     (off_t)x->at) == (ssize_t)x->nr;
}

static bool splice_out(struct fsx *x)
{
	off_t at = (off_t)x->at;

	x->op = "splice to a pipe";
	x->nr = x->nr < 16384 ? x->nr : 16384;
	return splice(x->fd[pick(x, 2)], &at, x->pipe[1], NULL, x->nr, 0) == (ssize_t)x->nr &&
	       read(x->pipe[0], x->room, x->nr) == (ssize_t)x->nr && as_model(x, x->room);
}

static bool splice_in(struct fsx *x)
{
	off_t at = (off_t)x->at;

	x->op = "splice from a pipe";
	x->nr = x->nr < 16384 ? x->nr : 16384;
	new_contents(x);
	return write(x->pipe[1], x->room, x->nr) == (ssize_t)x->nr &&
	       splice(x->pipe[0], NULL, x->fd[pick(x, 2)], &at, x->nr, 0) == (ssize_t)x->nr;
}

static bool copy_range(struct fsx *x)
{
	size_t half = LENGTH / 2;
	off_t from, to;

	x->op = "copy_file_range";
	x->at %= half;
	x->nr = x->nr < half - x->at ? x->nr : half - x->at;
	from = (off_t)x->at;
	to = (off_t)(half + x->at);
	memcpy(x->model + half + x->at, x->model + x->at, x->nr);
	while (to < (off_t)(half + x->at + x->nr))
		if (copy_file_range(x->fd[0], &from, x->fd[0], &to,
				    half + x->at + x->nr - (size_t)to, 0) <= 0)
			return false;
	return true;
}

static bool (* const operations[])(struct fsx *x) = {
	read_range, write_range, read_vector, write_here, load_range, store_range, throw_away,
	remap_one, write_from_mapping, read_into_mapping, splice_out, splice_in, copy_range,
};

static void look_up_frame(struct fsx *x)
{
	off_t at = (off_t)((unsigned long)x->map[0] / 4096 * 8);
	__u64 entry = 0;

	if (pread(x->pagemap, &entry, 8, at) != 8 || !(entry >> 63))
		return;
	entry &= (1ull << 55) - 1;
	x->moves += x->frame && entry != x->frame;
	x->frame = entry;
}

static void set_up(struct __test_metadata *_metadata, FIXTURE_DATA(fs) *self, struct fsx *x,
		   __u64 seed)
{
	struct zb_ioc_from_file from;
	size_t i;

	*x = (struct fsx){
		.fd = { fs_create(self->path, LENGTH) }, .dev = self->zb.fd, .random = seed,
		.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
		.model = calloc(1, LENGTH), .room = malloc(LENGTH),
	};
	ASSERT_GE(x->fd[0], 0);
	ASSERT_EQ(0, zb_from_file(x->dev, x->fd[0], &from));
	x->handle = from.handle;
	x->device_offset = from.mmap_offset;
	x->fd[1] = zb_to_file(x->dev, from.handle, ZB_FILE_RDWR | ZB_FILE_CLOEXEC);
	ASSERT_GE(x->fd[1], 0);
	ASSERT_EQ(0, pipe2(x->pipe, O_CLOEXEC));
	for (i = 0; i < 3; i++) {
		x->map[i] = map_again(x, i);
		ASSERT_NE(MAP_FAILED, (void *)x->map[i]);
	}
}

static void tear_down(struct __test_metadata *_metadata, FIXTURE_DATA(fs) *self, struct fsx *x)
{
	size_t i;

	for (i = 0; i < 3; i++)
		munmap(x->map[i], LENGTH);
	close(x->fd[0]);
	close(x->fd[1]);
	close(x->pipe[0]);
	close(x->pipe[1]);
	close(x->pagemap);
	EXPECT_EQ(0, zb_free(x->dev, x->handle));
	EXPECT_EQ(0, unlink(self->path));
	free(x->model);
	free(x->room);
}

static void run_operations(struct __test_metadata *_metadata, struct fsx *x)
{
	unsigned int i, last;

	for (i = 0; i < NR_OPS; i++) {
		pick_range(x);
		last = (unsigned int)pick(x, ARRAY_SIZE(operations));
		ASSERT_TRUE(operations[last](x))
			TH_LOG("operation %u: %s of %zu bytes at %zu", i, x->op, x->nr, x->at);
		if (i % 64)
			continue;
		x->at = 0;
		x->nr = LENGTH;
		ASSERT_TRUE(load_range(x) && read_range(x))
			TH_LOG("after operation %u, %s", i, x->op);
		look_up_frame(x);
	}
}

struct mover {
	int dev, stop;
	unsigned int rounds;
};

/* Free every other one of many buffers, so that compaction moves the file into the gaps. */
static void *move_everything(void *arg)
{
	struct zb_ioc_alloc holes[NR_HOLES];
	struct mover *m = arg;
	int i, nr;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		for (nr = 0; nr < NR_HOLES; nr++)
			if (zb_alloc_length(m->dev, LENGTH, ZB_GFP_MOVABLE_ZONES, &holes[nr]))
				break;
		for (i = 0; i < nr; i += 2)
			zb_free(m->dev, holes[i].handle);
		zb_write_file(ZB_DEBUGFS "compact", "1");
		for (i = 1; i < nr; i += 2)
			zb_free(m->dev, holes[i].handle);
		m->rounds++;
	}
	return NULL;
}

TEST_F(fs, coherent)
{
	struct fsx x;

	set_up(_metadata, self, &x, 1);
	run_operations(_metadata, &x);
	tear_down(_metadata, self, &x);
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

TEST_F(fs, coherent_while_moved)
{
	struct mover m = { .dev = self->zb.fd };
	pthread_t thread;
	struct fsx x;
	int i;

	if (access(ZB_DEBUGFS "compact", W_OK))
		SKIP(return, "no debugfs file compact");
	ASSERT_EQ(0, pthread_create(&thread, NULL, move_everything, &m));
	set_up(_metadata, self, &x, 3);
	/* On a busy machine, the other thread may get little time. */
	for (i = 0; i < 10 && !x.moves; i++)
		run_operations(_metadata, &x);
	__atomic_store_n(&m.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	tear_down(_metadata, self, &x);
	EXPECT_LT(0, x.moves);
	TH_LOG("%d operations, at least %u moves of the file in %u rounds", i * NR_OPS,
	       x.moves, m.rounds);
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free));
}

TEST_HARNESS_MAIN

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random operations on buffers of one user, who verifies their contents: a thread of
 * race_test or a process of soak_worker. All operations are in the table random_ops.
 */
#ifndef RANDOM_OPS_H
#define RANDOM_OPS_H

#include "zb_ioctl.h"

#include <stdio.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANDOM_BUFS	24u
#define RANDOM_SAMPLED	(256u << 10)	/* of larger buffers, one word per page is verified */

/* A buffer with its handle, dma-buf and mapping, each of which may be missing. */
struct random_buf {
	__u32 handle;
	int dmabuf;
	char *map;
	__u64 length, mapped;
	__u64 offset, huge_offset;
	unsigned int key;	/* of its contents, 0 while it has all zeroes */
	bool huge;		/* pages of a huge mapping can't be pinned or dropped */
};

/**
 * struct random_user - buffers of one thread or process
 * @fd: the device
 * @max_bytes: limit of one buffer
 * @max_total: limit of all of them
 * @fail: called with a description if something is wrong
 * @owner: for @fail
 */
struct random_user {
	int fd, pipe[2];
	__u64 seed, page, max_bytes, max_total, total;
	struct random_buf bufs[RANDOM_BUFS];
	unsigned int nr;
	unsigned long ops;
	void (*fail)(struct random_user *u, const char *what);
	void *owner;
};

static inline __u64 random_below(struct random_user *u, __u64 n)
{
	return (zb_random(&u->seed) >> 11) % n;
}

static inline bool random_open(struct random_user *u, __u64 max_bytes, __u64 max_total)
{
	u->page = (__u64)sysconf(_SC_PAGESIZE);
	u->max_bytes = max_bytes;
	u->max_total = max_total;
	u->fd = zb_open();
	return u->fd >= 0 && !pipe2(u->pipe, O_CLOEXEC | O_NONBLOCK);
}

/* Errors that are possible when memory is short; any other one is a bug. */
static inline int random_try(struct random_user *u, unsigned long cmd, void *arg,
			     const char *what)
{
	int rc = zb_ioctl(u->fd, cmd, arg);

	if (rc && rc != -ENOMEM && rc != -ETIMEDOUT && rc != -EDQUOT && rc != -EAGAIN)
		u->fail(u, what);
	return rc;
}

static inline bool random_intact(const struct random_user *u, const struct random_buf *b)
{
	__u64 at, step = b->mapped > RANDOM_SAMPLED ? u->page : b->mapped;
	__u64 len = step < b->mapped ? sizeof(__u64) : step;

	for (at = 0; at < b->mapped; at += step)
		if (b->key ? !zb_filled(b->map + at, at, len, b->key) :
			     !zb_all_bytes(b->map + at, 0, len))
			return false;
	return true;
}

static inline void random_verify(struct random_user *u, struct random_buf *b)
{
	if (b->map && !random_intact(u, b))
		u->fail(u, b->key ? "wrong contents" : "a new buffer is not zero");
}

static inline void random_alloc(struct random_user *u, struct random_buf *b)
{
	static const __u32 gfps[] = {
		ZB_GFP_KERNEL, ZB_GFP_ANYZONE, ZB_GFP_HIGHUSER_MOVABLE, ZB_GFP_TEMPORARY,
		ZB_GFP_KERNEL | ZB_GFP_DMA32, ZB_GFP_NOWAIT, ZB_GFP_ATOMIC, ZB_GFP_USER,
		ZB_GFP_KERNEL | __ZB_GFP_NORETRY, ZB_GFP_HIGHUSER | __ZB_GFP_WRITE,
	};
	struct zb_ioc_alloc a = zb_want_order(0, gfps[random_below(u, sizeof(gfps) / 4)] |
						 __ZB_GFP_NOWARN);
	unsigned int shift = (unsigned int)random_below(u, 12);

	(void)b;
	if (random_below(u, 2)) {
		a.flags |= ZB_BUF_LENGTH;
		a.length = 1 + random_below(u, u->max_bytes >> shift);
	} else {
		while (u->page << shift > u->max_bytes)
			shift--;
		a.order = shift;
	}
	if (!random_below(u, 8)) {
		a.flags |= ZB_BUF_WAIT;
		a.deadline_ns = zb_deadline(random_below(u, 50) * 1000000);
	}
	if (u->nr == RANDOM_BUFS || u->total > u->max_total ||
	    random_try(u, ZB_IOC_ALLOC, &a, "alloc"))
		return;
	u->bufs[u->nr++] = (struct random_buf){
		.handle = a.handle, .dmabuf = -1, .length = a.length,
		.offset = a.mmap_offset, .huge_offset = a.mmap_huge_offset,
	};
	u->total += a.length;
}

/*
 * A new buffer must be zeroed and is then filled; others must have the contents that another
 * mapping has written.
 */
static inline void random_map(struct random_user *u, struct random_buf *b)
{
	bool huge = !random_below(u, 3) && b->huge_offset;
	bool own = b->dmabuf < 0 || random_below(u, 2);

	if (b->map || (own && !b->handle))
		return;
	b->map = zb_map_at(own ? u->fd : b->dmabuf, b->length,
			   !own ? 0 : huge ? b->huge_offset : b->offset);
	if ((void *)b->map == MAP_FAILED) {
		b->map = NULL;
		if (errno != ENOMEM)
			u->fail(u, "mmap");
		return;
	}
	b->mapped = b->length;
	b->huge = own && huge;
	random_verify(u, b);
	if (b->key)
		return;
	b->key = 1 + (unsigned int)zb_random(&u->seed) / 2;
	zb_fill(b->map, 0, b->length, b->key);
}

/*
 * Sometimes begin in the middle. That hole is not unmapped again, because another thread may
 * have mapped something there.
 */
static inline void random_unmap(struct random_user *u, struct random_buf *b)
{
	__u64 at = random_below(u, (b->mapped ?: 1) / u->page + 1) * u->page;
	char *p = b->map;

	random_verify(u, b);
	b->map = NULL;
	if (!p)
		return;
	if (random_below(u, 2) || at >= b->mapped) {
		munmap(p, b->mapped);
		return;
	}
	munmap(p + at, u->page);
	if (at)
		munmap(p, at);
	if (at + u->page < b->mapped)
		munmap(p + at + u->page, b->mapped - at - u->page);
}

/* The mapping, if there is one, must keep its contents. */
static inline void random_free(struct random_user *u, struct random_buf *b)
{
	if (b->handle && zb_free(u->fd, b->handle))
		u->fail(u, "free");
	b->handle = 0;
	random_verify(u, b);
}

/* Drop handle, dma-buf and mapping in one of two orders. */
static inline void random_drop(struct random_user *u, struct random_buf *b)
{
	if (random_below(u, 2))
		random_free(u, b);
	if (b->dmabuf >= 0)
		close(b->dmabuf);
	random_unmap(u, b);
	random_free(u, b);
	u->total -= b->length;
	*b = u->bufs[--u->nr];
}

/* Keep a dma-buf that can be written to; verify the contents of others at once. */
static inline void random_export(struct random_user *u, struct random_buf *b)
{
	__u32 flags = (__u32)random_below(u, 4);
	struct random_buf seen = *b;
	int fd;

	if (!b->handle || (flags == (ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC) && b->dmabuf >= 0))
		return;
	fd = zb_export(u->fd, b->handle, flags);
	if (flags == (ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC)) {
		b->dmabuf = fd;
		return;
	}
	if (fd < 0)
		return;
	seen.map = mmap(NULL, b->length, PROT_READ, MAP_SHARED, fd, 0);
	seen.mapped = b->length;
	close(fd);
	if ((void *)seen.map == MAP_FAILED)
		return;
	random_verify(u, &seen);
	munmap(seen.map, seen.mapped);
}

static inline void random_bulk(struct random_user *u, struct random_buf *b)
{
	struct zb_bulk_buffer all[64];
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk((__u32)random_below(u, 4), all,
						     1 + (__u32)random_below(u, 64));
	struct zb_ioc_bulk_free f;

	(void)b;
	bulk.gfp |= __ZB_GFP_NOWARN;
	if (random_try(u, ZB_IOC_BULK_ALLOC, &bulk, "bulk alloc"))
		return;
	f = zb_want_bulk_free(all, bulk.done);
	random_try(u, ZB_IOC_BULK_FREE, &f, "bulk free");
}

/* A pipe keeps pages pinned until it is read: the contents are those of before the free. */
static inline void random_pin(struct random_user *u, struct random_buf *b)
{
	char copy[512];
	struct iovec iov = { b->map, sizeof(copy) };

	if (!b->map || b->mapped < sizeof(copy))
		return;
	/* Leave it in the pipe, which is emptied once it is full. */
	if (b->huge || random_below(u, 2)) {
		if (vmsplice(u->pipe[1], &iov, 1, SPLICE_F_NONBLOCK) < 0)
			while (read(u->pipe[0], copy, sizeof(copy)) > 0)
				;
		return;
	}
	while (read(u->pipe[0], copy, sizeof(copy)) > 0)
		;
	if (vmsplice(u->pipe[1], &iov, 1, 0) != sizeof(copy))
		u->fail(u, "vmsplice");
	random_unmap(u, b);
	random_free(u, b);
	if (read(u->pipe[0], copy, sizeof(copy)) != sizeof(copy) ||
	    !zb_filled(copy, 0, sizeof(copy), b->key))
		u->fail(u, "a pipe has wrong contents");
}

/* Shorten the mapping. */
static inline void random_cut(struct random_user *u, struct random_buf *b)
{
	if (b->map && b->mapped > u->page && !munmap(b->map + b->mapped - u->page, u->page))
		b->mapped -= u->page;
}

static inline void random_dontneed(struct random_user *u, struct random_buf *b)
{
	if (b->map && !b->huge)
		madvise(b->map, b->mapped, MADV_DONTNEED);
	random_verify(u, b);
}

/* A child inherits the mapping and the file, and exits without cleaning up. */
static inline void random_child(struct random_user *u, struct random_buf *b)
{
	bool unmap = random_below(u, 2);
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (b->map && !random_intact(u, b))
			_exit(1);
		if (b->map && unmap)
			munmap(b->map, b->mapped);
		_exit(0);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
		u->fail(u, "a child process read wrong contents");
}

/* Run one operation, chosen by its weight. Without a buffer, allocate one. */
static inline void random_step(struct random_user *u)
{
	static const struct {
		void (*call)(struct random_user *u, struct random_buf *b);
		unsigned int weight;
	} random_ops[] = {
		{ random_alloc, 34 }, { random_drop, 23 }, { random_map, 17 },
		{ random_unmap, 5 }, { random_export, 7 }, { random_bulk, 3 }, { random_pin, 3 },
		{ random_cut, 2 }, { random_dontneed, 2 }, { random_free, 2 },
		{ random_child, 1 }, { random_verify, 1 },
	};
	unsigned int i = 0, dice = (unsigned int)random_below(u, 100);

	u->ops++;
	if (!u->nr)
		dice = 0;
	while (dice >= random_ops[i].weight)
		dice -= random_ops[i++].weight;
	random_ops[i].call(u, u->nr ? &u->bufs[random_below(u, u->nr)] : NULL);
}

/* Drop all buffers and close the files. */
static inline void random_close(struct random_user *u)
{
	while (u->nr)
		random_drop(u, &u->bufs[0]);
	close(u->pipe[0]);
	close(u->pipe[1]);
	close(u->fd);
}

#endif /* RANDOM_OPS_H */

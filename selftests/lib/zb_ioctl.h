/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wrappers of the ioctls that return 0 or -errno, and what else programs that use the device
 * share. Unlike zbuddy_test.h, this header does not need the kselftest harness.
 */
#ifndef ZB_IOCTL_H
#define ZB_IOCTL_H

/* Makes __u64 an unsigned long long on all architectures, for printf(). */
#ifndef __SANE_USERSPACE_TYPES__
#define __SANE_USERSPACE_TYPES__
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <linux/zbuddy.h>

#define ZB_DEV		"/dev/zbuddy"

/* Allows allocation from every zone. */
#define ZB_GFP_ANYZONE	(ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE)

static inline int zb_open(void)
{
	return open(ZB_DEV, O_RDWR | O_CLOEXEC);
}

static inline int zb_ioctl(int fd, unsigned long cmd, void *arg)
{
	int rc = ioctl(fd, cmd, arg);

	return rc == -1 ? -errno : rc;
}

static inline int zb_info(int fd, struct zb_ioc_info *info)
{
	*info = (struct zb_ioc_info){ .size = sizeof(*info) };
	return zb_ioctl(fd, ZB_IOC_INFO, info);
}

static inline __u64 zb_free_bytes(int fd)
{
	struct zb_ioc_info info;

	return zb_info(fd, &info) ? ~0ull : info.free_bytes;
}

static inline int zb_zone(int fd, __u32 index, struct zb_ioc_zone *zone)
{
	*zone = (struct zb_ioc_zone){ .size = sizeof(*zone), .index = index };
	return zb_ioctl(fd, ZB_IOC_ZONE, zone);
}

static inline struct zb_ioc_alloc zb_want_order(__u32 order, __u32 gfp)
{
	return (struct zb_ioc_alloc){
		.size	= sizeof(struct zb_ioc_alloc),
		.gfp	= gfp,
		.node	= ZB_NODE_ANY,
		.order	= order,
	};
}

static inline struct zb_ioc_alloc zb_want_length(__u64 length, __u32 gfp)
{
	struct zb_ioc_alloc a = zb_want_order(0, gfp);

	a.flags = ZB_BUF_LENGTH;
	a.length = length;
	return a;
}

static inline int zb_alloc_order(int fd, __u32 order, __u32 gfp,
				 struct zb_ioc_alloc *a)
{
	*a = zb_want_order(order, gfp);
	return zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

static inline int zb_alloc_length(int fd, __u64 length, __u32 gfp,
				  struct zb_ioc_alloc *a)
{
	*a = zb_want_length(length, gfp);
	return zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

static inline int zb_free(int fd, __u32 handle)
{
	struct zb_ioc_free f = { .size = sizeof(f), .handle = handle };

	return zb_ioctl(fd, ZB_IOC_FREE, &f);
}

static inline int zb_query(int fd, __u32 handle, struct zb_ioc_query *q)
{
	*q = (struct zb_ioc_query){ .size = sizeof(*q), .handle = handle };
	return zb_ioctl(fd, ZB_IOC_QUERY, q);
}

/* Map a whole buffer; returns MAP_FAILED and sets errno on failure. */
static inline void *zb_map(int fd, const struct zb_ioc_alloc *a)
{
	return mmap(NULL, a->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)a->mmap_offset);
}

static inline struct zb_ioc_bulk_alloc zb_want_bulk(__u32 order,
						    struct zb_bulk_buffer *bufs,
						    __u32 nr)
{
	return (struct zb_ioc_bulk_alloc){
		.size		= sizeof(struct zb_ioc_bulk_alloc),
		.gfp		= ZB_GFP_ANYZONE,
		.node		= ZB_NODE_ANY,
		.order		= order,
		.nr		= nr,
		.buffers	= (unsigned long)bufs,
		.buffer_size	= sizeof(*bufs),
	};
}

/* The argument that frees the first @nr buffers of @bufs, which BULK_ALLOC has filled in. */
static inline struct zb_ioc_bulk_free zb_want_bulk_free(const struct zb_bulk_buffer *bufs,
							__u32 nr)
{
	return (struct zb_ioc_bulk_free){
		.size		= sizeof(struct zb_ioc_bulk_free),
		.nr		= nr,
		.stride		= sizeof(*bufs),
		.handles	= (unsigned long)&bufs->handle,
	};
}

/* Only the first *@done elements of @bufs are written. */
static inline int zb_bulk_buffers(int fd, __u32 order, struct zb_bulk_buffer *bufs,
				  __u32 nr, __u32 *done)
{
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(order, bufs, nr);
	int rc = zb_ioctl(fd, ZB_IOC_BULK_ALLOC, &bulk);

	*done = bulk.done;
	return rc;
}

/* Like zb_bulk_buffers(), but return only the handles. */
static inline int zb_bulk_alloc(int fd, __u32 order, __u32 *handles, __u32 nr,
				__u32 *done)
{
	struct zb_bulk_buffer *bufs = calloc(ZB_BULK_MAX, sizeof(*bufs));
	int rc = zb_bulk_buffers(fd, order, bufs, nr, done);
	__u32 i;

	for (i = 0; i < *done; i++)
		handles[i] = bufs[i].handle;
	free(bufs);
	return rc;
}

static inline int zb_bulk_free(int fd, const __u32 *handles, __u32 nr, __u32 *done)
{
	struct zb_ioc_bulk_free bulk = {
		.size		= sizeof(bulk),
		.nr		= nr,
		.stride		= sizeof(*handles),
		.handles	= (unsigned long)handles,
	};
	int rc = zb_ioctl(fd, ZB_IOC_BULK_FREE, &bulk);

	*done = bulk.done;
	return rc;
}

/* Returns the file descriptor of a new dma-buf, or -errno. */
static inline int zb_export(int fd, __u32 handle, __u32 flags)
{
	struct zb_ioc_export e = {
		.size = sizeof(e), .flags = flags, .handle = handle,
	};
	int rc = zb_ioctl(fd, ZB_IOC_EXPORT, &e);

	return rc ? rc : e.fd;
}

/* Returns the descriptor of a new file that is the buffer, or -errno. */
static inline int zb_to_file(int fd, __u32 handle, __u32 flags)
{
	struct zb_ioc_to_file to = {
		.size = sizeof(to), .flags = flags, .handle = handle,
	};
	int rc = zb_ioctl(fd, ZB_IOC_TO_FILE, &to);

	return rc ? rc : to.fd;
}

/* Get a handle for the buffer of another descriptor. */
static inline int zb_from_file(int fd, int other, struct zb_ioc_from_file *from)
{
	*from = (struct zb_ioc_from_file){ .size = sizeof(*from), .fd = other };
	return zb_ioctl(fd, ZB_IOC_FROM_FILE, from);
}

/* The cause of this thread's last failure with @fd; -ENOENT if there was none. */
static inline int zb_explain(int fd, struct zb_ioc_explain *e)
{
	*e = (struct zb_ioc_explain){ .size = sizeof(*e) };
	return zb_ioctl(fd, ZB_IOC_EXPLAIN, e);
}

static inline int zb_label(int fd, __u32 handle, const char *text)
{
	struct zb_ioc_label l = { .size = sizeof(l), .handle = handle };
	size_t i;

	for (i = 0; i < sizeof(l.label) && text[i]; i++)
		l.label[i] = text[i];
	return zb_ioctl(fd, ZB_IOC_LABEL, &l);
}

static inline int zb_phys(int fd, __u32 handle, struct zb_ioc_phys *phys)
{
	*phys = (struct zb_ioc_phys){ .size = sizeof(*phys), .handle = handle };
	return zb_ioctl(fd, ZB_IOC_PHYS, phys);
}

static inline int zb_sync(int fd, __u32 handle, __u32 flags, __u64 offset,
			  __u64 length)
{
	struct zb_ioc_sync s = {
		.size = sizeof(s), .flags = flags, .handle = handle,
		.offset = offset, .length = length,
	};

	return zb_ioctl(fd, ZB_IOC_SYNC, &s);
}

/* *@retained tells whether the buffer has its contents; it may be NULL. */
static inline int zb_advise(int fd, __u32 handle, __u32 advice, __u32 *retained)
{
	struct zb_ioc_advise a = {
		.size = sizeof(a), .handle = handle, .advice = advice, .retained = ~0u,
	};
	int rc = zb_ioctl(fd, ZB_IOC_ADVISE, &a);

	if (retained)
		*retained = a.retained;
	return rc;
}

static inline __u64 zb_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

/* Deadline in @ns nanoseconds, or never with ZB_WAIT_FOREVER. */
static inline __u64 zb_deadline(__u64 ns)
{
	__u64 now = zb_now_ns();

	if (ns == ZB_WAIT_FOREVER)
		return ns;
	return now + ns < now ? ZB_WAIT_FOREVER - 1 : now + ns;
}

/* Wait up to @timeout_ns for a block, which may come from the reserves. */
static inline int zb_alloc_until(int fd, __u32 order, __u32 gfp, __u64 deadline_ns,
				 struct zb_ioc_alloc *a)
{
	*a = zb_want_order(order, gfp);
	a->flags = ZB_BUF_WAIT;
	a->deadline_ns = deadline_ns;
	return zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

static inline int zb_alloc_wait(int fd, __u32 order, __u64 timeout_ns,
				struct zb_ioc_alloc *a)
{
	return zb_alloc_until(fd, order, ZB_GFP_ANYZONE | __ZB_GFP_MEMALLOC,
			      zb_deadline(timeout_ns), a);
}

static inline void *zb_map_at(int fd, size_t len, __u64 offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)offset);
}

static inline __u32 zb_mappings(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return zb_query(fd, handle, &q) ? ~0u : q.mappings;
}

static inline __u32 zb_exports(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return zb_query(fd, handle, &q) ? ~0u : q.exports;
}

/* xorshift64*, so that every run sees the same sequence. */
static inline __u64 zb_random(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* True if all @len bytes are @byte. Comparing @p with itself, shifted by one, is fast. */
static inline bool zb_all_bytes(const void *p, unsigned char byte, size_t len)
{
	const unsigned char *c = p;

	return !len || (c[0] == byte && !memcmp(c, c + 1, len - 1));
}

/* Fill with words that depend on their offset; @from is the offset of @p in the buffer. */
static inline void zb_fill(char *p, size_t from, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len / 8; i++)
		((__u64 *)p)[i] = (i + from / 8) * 0x9e3779b97f4a7c15ull + seed;
}

static inline bool zb_filled(const char *p, size_t from, size_t len,
			     unsigned int seed)
{
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (((const __u64 *)p)[i] !=
		    (i + from / 8) * 0x9e3779b97f4a7c15ull + seed)
			return false;
	return true;
}

#endif /* ZB_IOCTL_H */

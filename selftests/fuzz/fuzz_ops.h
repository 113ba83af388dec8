/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations of fuzz_test on the device. A program is a string of bytes; each choice
 * consumes some of them: the operation, its objects, and how to make it invalid. So a
 * program does the same in every run, apart from the influence of other processes.
 */
#ifndef FUZZ_OPS_H
#define FUZZ_OPS_H

#include "buffer_test.h"

#define MAX_PROGRAM	512u
#define NR_FDS		6u
#define NR_DMABUFS	4u
#define NR_MAPS		8u
#define NR_HANDLES	16u
#define MAX_MAP		(4u << 20)
#define ROOM		8192u	/* for an ioctl's argument */

struct program {
	unsigned int len;
	unsigned char byte[MAX_PROGRAM];
};

struct fuzz_map {
	char *at;
	size_t len;
};

/* State of a process. File 0 is shared by all processes. */
static struct {
	const struct program *program;
	unsigned int used;
	int fd[NR_FDS];
	int dmabuf[NR_DMABUFS];
	int pipe[2];
	struct fuzz_map map[NR_MAPS];
	struct zb_ioc_alloc buf[NR_HANDLES];
	char *room, *readonly, *edge;
	__u64 page;
	bool tuned;
	unsigned long ops, good, refused;
} z;

static __u64 fuzz_bytes(unsigned int nr)
{
	__u64 value = 0;
	unsigned int i;

	for (i = 0; i < nr && z.used < z.program->len; i++)
		value |= (__u64)z.program->byte[z.used++] << (8 * i);
	return value;
}

/* 0 .. @n - 1 */
static unsigned int pick(unsigned int n)
{
	return (unsigned int)(fuzz_bytes(n > 256 ? n > 65536 ? 4 : 2 : 1) % n);
}

static bool one_in(unsigned int n)
{
	return pick(n) == n - 1;
}

/* Count the result of a system call; returns it. */
static long counted(long rc)
{
	z.ops++;
	if (rc < 0)
		z.refused++;
	else
		z.good++;
	return rc;
}

/* --- ioctls -------------------------------------------------------------------- */

static int a_file(void)
{
	int fd = z.fd[pick(NR_FDS)];

	return fd >= 0 || one_in(32) ? fd : z.fd[0];
}

/* Choose an existing buffer if there is one. */
static struct zb_ioc_alloc *a_buf(void)
{
	unsigned int i = pick(NR_HANDLES), tries;

	for (tries = 0; tries < NR_HANDLES && !z.buf[i].handle; tries++)
		i = (i + 1) % NR_HANDLES;
	return &z.buf[i];
}

static int a_dmabuf(void)
{
	unsigned int i = pick(NR_DMABUFS), tries;

	for (tries = 0; tries < NR_DMABUFS && z.dmabuf[i] < 0; tries++)
		i = (i + 1) % NR_DMABUFS;
	return z.dmabuf[i];
}

static struct fuzz_map *a_map(void)
{
	unsigned int i = pick(NR_MAPS), tries;

	for (tries = 0; tries < NR_MAPS && !z.map[i].at; tries++)
		i = (i + 1) % NR_MAPS;
	return &z.map[i];
}

static __u32 a_gfp(void)
{
	static const __u32 usual[] = {
		ZB_GFP_KERNEL, ZB_GFP_ANYZONE, ZB_GFP_ATOMIC, ZB_GFP_HIGHUSER_MOVABLE,
		ZB_GFP_DMA32, ZB_GFP_USER, ZB_GFP_TEMPORARY, ZB_GFP_NOIO,
	};
	__u32 gfp = usual[pick(ARRAY_SIZE(usual))];

	if (one_in(4))
		gfp ^= 1u << pick(32);
	return one_in(8) ? gfp : gfp | __ZB_GFP_NOWARN;
}

/* Choose the address of the argument, which may be invalid. */
static char *a_place(size_t size)
{
	const struct fuzz_map *m;

	switch (pick(24)) {
	case 0:
		return (char *)(uintptr_t)(pick(2) * z.page);
	case 1:
		return (char *)(~0ul - pick(65536));
	case 2:
		return z.readonly;
	case 3:
		return z.edge - pick((unsigned int)size + 1);
	case 4:
		/* inside a mapped buffer */
		m = a_map();
		return m->at ? m->at + pick((unsigned int)m->len) : z.room;
	default:
		return z.room;
	}
}

/* Write without faulting: the address may be invalid, which the ioctl has to handle. */
static void copy_out(char *to, const void *from, size_t size)
{
	struct iovec local = { (void *)from, size }, remote = { to, size };

	if (to == z.room)
		memcpy(to, from, size);
	else
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

/* Call with a valid argument most of the time, else with a wrong size, word or address. */
static long try_ioctl(unsigned int cmd, void *arg, __u32 size)
{
	static const __u32 sizes[] = { 0, 4, 8, 16, 24, 4096, 4097, ~0u };
	char *to = a_place(size);
	long rc;

	if (one_in(16))
		((__u32 *)arg)[pick(size / 4)] = (__u32)fuzz_bytes(4);
	memset(z.room, 0, ROOM);
	if (one_in(24))
		*(__u32 *)arg = sizes[pick(ARRAY_SIZE(sizes))];
	else if (one_in(24))
		*(__u32 *)arg = size + 8 * pick(64) - 8;
	copy_out(to, arg, size);
	if (to == z.room && one_in(32))
		z.room[size + pick(ROOM - size)] = 1;
	rc = counted(ioctl(a_file(), cmd, to));
	if (to == z.room)
		memcpy(arg, z.room, size);
	return rc;
}

static __u32 a_handle(void)
{
	return one_in(16) ? (__u32)fuzz_bytes(4) : one_in(4) ? pick(64) : a_buf()->handle;
}

static void fuzz_alloc(void)
{
	struct zb_ioc_alloc a = zb_want_order(0, a_gfp());

	if (pick(2)) {
		a.flags |= ZB_BUF_LENGTH;
		a.length = one_in(8) ? pick(MAX_MAP) : pick(65536) + 1;
	} else {
		a.order = one_in(16) ? pick(20) : pick(7);
	}
	if (one_in(6)) {
		a.flags |= ZB_BUF_WAIT;
		a.deadline_ns = one_in(16) ? ZB_WAIT_FOREVER : zb_deadline(fuzz_bytes(3));
	}
	if (one_in(16))
		a.node = (__s32)pick(4) - 1;
	if (!try_ioctl(ZB_IOC_ALLOC, &a, sizeof(a)))
		z.buf[pick(NR_HANDLES)] = a;
}

static void fuzz_free(void)
{
	struct zb_ioc_free f = { .size = sizeof(f), .handle = a_handle() };

	try_ioctl(ZB_IOC_FREE, &f, sizeof(f));
}

static void fuzz_query(void)
{
	struct zb_ioc_query q = { .size = sizeof(q), .handle = a_handle() };
	struct zb_ioc_alloc *buf;

	if (try_ioctl(ZB_IOC_QUERY, &q, sizeof(q)))
		return;
	buf = &z.buf[pick(NR_HANDLES)];
	buf->handle = q.handle;
	buf->length = q.length;
	buf->mmap_offset = q.mmap_offset;
	buf->mmap_huge_offset = q.mmap_huge_offset;
}

static __u32 a_number(void)
{
	return one_in(16) ? pick(ZB_BULK_MAX + 2) : pick(32);
}

static void fuzz_bulk_alloc(void)
{
	static struct zb_bulk_buffer bufs[ZB_BULK_MAX + 2];
	struct zb_ioc_bulk_alloc b = zb_want_bulk(pick(5), bufs, a_number());
	const struct zb_bulk_buffer *one;

	b.gfp = a_gfp();
	if (one_in(12))
		b.buffers = (uintptr_t)z.edge - 4 * pick(80);
	b.flags = pick(8) ? 0 : pick(8);
	/* Each of them may have to be made free. */
	if (b.flags & ZB_BUF_RANGE)
		b.nr %= 32;
	b.align = b.flags & ZB_BUF_RANGE && pick(2) ? 1ull << pick(24) : 0;
	b.length = b.flags & ZB_BUF_LENGTH ? pick(65536) : 0;
	b.order = b.length ? 0 : b.order;
	b.deadline_ns = b.flags & ZB_BUF_WAIT ? zb_deadline(fuzz_bytes(3)) : 0;
	if (try_ioctl(ZB_IOC_BULK_ALLOC, &b, sizeof(b)) || !b.done)
		return;
	one = &bufs[pick(b.done)];
	z.buf[pick(NR_HANDLES)] = (struct zb_ioc_alloc){
		.handle = one->handle, .length = one->length,
		.mmap_offset = one->mmap_offset,
		.mmap_huge_offset = one->mmap_huge_offset,
	};
}

static void fuzz_bulk_free(void)
{
	static __u32 handles[ZB_BULK_MAX + 2];
	struct zb_ioc_bulk_free b = {
		.size = sizeof(b), .nr = a_number(), .stride = 4 * (1 + pick(2)),
		.handles = (uintptr_t)handles,
	};
	__u32 i;

	if (one_in(12))
		b.handles = (uintptr_t)z.edge - 4 * pick(8);
	for (i = 0; i < 32; i++)
		handles[i] = one_in(16) ? a_handle() : a_buf()->handle + i;
	try_ioctl(ZB_IOC_BULK_FREE, &b, sizeof(b));
}

static void fuzz_info(void)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_zone zone = { .size = sizeof(zone), .index = pick(8) };

	if (pick(2))
		try_ioctl(ZB_IOC_INFO, &info, sizeof(info));
	else
		try_ioctl(ZB_IOC_ZONE, &zone, sizeof(zone));
}

static void fuzz_label(void)
{
	struct zb_ioc_label l = { .size = sizeof(l), .handle = a_handle() };
	unsigned int i, nr = pick(ZB_LABEL_LEN + 1);

	for (i = 0; i < nr; i++)
		l.label[i] = one_in(64) ? (char)fuzz_bytes(1) : (char)('a' + i);
	try_ioctl(ZB_IOC_LABEL, &l, sizeof(l));
}

static void fuzz_phys(void)
{
	struct zb_ioc_phys p = { .size = sizeof(p), .handle = a_handle() };

	try_ioctl(ZB_IOC_PHYS, &p, sizeof(p));
}

static void fuzz_explain(void)
{
	struct zb_ioc_explain e = { .size = sizeof(e) };

	try_ioctl(ZB_IOC_EXPLAIN, &e, sizeof(e));
}

static void fuzz_discard(void)
{
	struct zb_ioc_advise a = {
		.size = sizeof(a), .handle = a_handle(), .advice = pick(8) ? 1 + pick(2) : pick(5),
	};

	try_ioctl(ZB_IOC_ADVISE, &a, sizeof(a));
}

static void fuzz_sync(void)
{
	struct zb_ioc_sync s = {
		.size = sizeof(s), .handle = a_handle(), .flags = pick(16),
		.offset = one_in(4) ? fuzz_bytes(8) : pick(8) * z.page,
		.length = one_in(4) ? fuzz_bytes(8) : pick(65536),
	};

	try_ioctl(ZB_IOC_SYNC, &s, sizeof(s));
}

static void fuzz_export(void)
{
	struct zb_ioc_export e = {
		.size = sizeof(e), .handle = a_handle(), .flags = pick(8) ? 3 : pick(8),
	};
	int *slot = &z.dmabuf[pick(NR_DMABUFS)];

	e.fd = -1;
	if (try_ioctl(ZB_IOC_EXPORT, &e, sizeof(e)) || e.fd <= 2)
		return;
	if (*slot >= 0)
		close(*slot);
	*slot = e.fd;
}

/* A random command number, with random size and direction bits. */
static void fuzz_any_ioctl(void)
{
	unsigned int cmd = _IO(ZB_IOC_TYPE, pick(16));
	__u32 words[32], i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = one_in(4) ? (__u32)fuzz_bytes(2) : 0;
	words[0] = pick(129);
	if (one_in(4))
		cmd |= (unsigned int)fuzz_bytes(2) << 16;
	try_ioctl(cmd, words, sizeof(words));
}

/* --- files --------------------------------------------------------------------- */

static void fuzz_open(void)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK };
	int *slot = &z.fd[1 + pick(NR_FDS - 1)];
	int fd = open(ZB_DEV, modes[pick(ARRAY_SIZE(modes))] | O_CLOEXEC);

	if (counted(fd) < 0)
		return;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static void fuzz_close(void)
{
	int *slot = one_in(3) ? &z.dmabuf[pick(NR_DMABUFS)] : &z.fd[1 + pick(NR_FDS - 1)];

	if (*slot >= 0)
		counted(close(*slot));
	*slot = -1;
}

static void fuzz_dup(void)
{
	int *slot = &z.fd[1 + pick(NR_FDS - 1)], fd = z.fd[pick(NR_FDS)];

	if (fd < 0 || fd == *slot)
		return;
	if (*slot >= 0)
		counted(dup2(fd, *slot));
	else
		*slot = (int)counted(dup(fd));
}

static void fuzz_poll(void)
{
	struct pollfd p = { .fd = a_file(), .events = POLLIN | POLLOUT };

	if (one_in(3))
		p.fd = a_dmabuf();
	counted(poll(&p, 1, one_in(16) ? (int)pick(20) : 0));
}

static void fuzz_dmabuf(void)
{
	struct { __u64 flags; } sync = { pick(8) ? pick(8) : fuzz_bytes(8) };
	int fd = a_dmabuf();

	switch (pick(3)) {
	case 0:
		counted(ioctl(fd, _IOW('b', 0, __u64), &sync));	/* DMA_BUF_IOCTL_SYNC */
		break;
	case 1:
		counted(lseek(fd, one_in(4) ? (off_t)fuzz_bytes(8) : 0, (int)pick(4)));
		break;
	case 2:
		counted(ioctl(fd, _IOW('b', 1, __u64), "fuzz"));	/* DMA_BUF_SET_NAME */
	}
}

/* --- memory ---------------------------------------------------------------------- */

static void unmap(struct fuzz_map *m)
{
	if (m->at)
		counted(munmap(m->at, m->len));
	m->at = NULL;
}

static void fuzz_mmap(void)
{
	static const int prots[] = { 3, 3, 3, 1, 2, 0, 7, 4 };
	const struct zb_ioc_alloc *buf = a_buf();
	size_t len = one_in(4) ? (1 + pick(16)) * z.page : buf->length;
	__u64 offset = buf->mmap_offset + (one_in(4) ? pick(16) * z.page : 0);
	int flags = one_in(24) ? MAP_PRIVATE : MAP_SHARED, prot = prots[pick(ARRAY_SIZE(prots))];
	int fd = a_file();
	struct fuzz_map *m = &z.map[pick(NR_MAPS)];
	char *at;

	if (one_in(4))
		offset += buf->mmap_huge_offset - buf->mmap_offset;
	if (one_in(32))
		offset = fuzz_bytes(8) & ~(z.page - 1);
	if (one_in(4)) {
		fd = a_dmabuf();
		offset = one_in(4) ? pick(16) * z.page : 0;
	}
	flags |= one_in(8) ? MAP_POPULATE : one_in(8) ? MAP_LOCKED : 0;
	if (!len || len > MAX_MAP)
		len = z.page;
	if (m->at && one_in(3)) {
		/* replace an existing mapping by one of the same size */
		at = mmap(m->at, m->len, prot, flags | MAP_FIXED, fd, (off_t)offset);
		counted((void *)at == MAP_FAILED ? -1 : 0);
		return;
	}
	unmap(m);
	at = mmap(NULL, len, prot, flags, fd, (off_t)offset);
	if (counted((void *)at == MAP_FAILED ? -1 : 0) < 0)
		return;
	m->at = at;
	m->len = len;
}

/* Unmap all of a mapping, its beginning, its end, or a hole that splits it. */
static void fuzz_munmap(void)
{
	struct fuzz_map *m = a_map(), *rest = &z.map[pick(NR_MAPS)];
	size_t part = z.page * (1 + pick(4)), from;

	if (!m->at || part >= m->len) {
		unmap(m);
		return;
	}
	from = pick((unsigned int)((m->len - part) / z.page) + 1) * z.page;
	counted(munmap(m->at + from, part));
	if (from && from + part < m->len) {
		if (rest == m || rest->at) {
			counted(munmap(m->at + from + part, m->len - from - part));
		} else {
			rest->at = m->at + from + part;
			rest->len = m->len - from - part;
		}
		m->len = from;
	} else if (from) {
		m->len = from;
	} else {
		m->at += part;
		m->len -= part;
	}
}

static void fuzz_mremap(void)
{
	struct fuzz_map *m = a_map();
	size_t len = one_in(2) ? m->len : (1 + pick(64)) * z.page;
	char *at;

	if (!m->at)
		return;
	at = mremap(m->at, m->len, len, one_in(4) ? 0 : MREMAP_MAYMOVE);
	if (counted((void *)at == MAP_FAILED ? -1 : 0) < 0)
		return;
	m->at = at;
	m->len = len;
}

/* All advice except MADV_HWPOISON. */
static void fuzz_advise(void)
{
	static const int advice[] = {
		0, 1, 2, 3, MADV_DONTNEED, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
		20, 21, 22, 23, 24, 25, 102, 103,
	};
	struct fuzz_map *m = a_map();
	size_t from;

	if (!m->at)
		return;
	from = pick((unsigned int)(m->len / z.page)) * z.page;
	counted(madvise(m->at + from, m->len - from, advice[pick(ARRAY_SIZE(advice))]));
}

static void fuzz_protect(void)
{
	struct fuzz_map *m = a_map();

	if (!m->at)
		return;
	switch (pick(5)) {
	case 0:
		counted(mprotect(m->at, m->len, (int)pick(8)));
		break;
	case 1:
		counted(mlock(m->at, z.page));
		break;
	case 2:
		counted(munlock(m->at, m->len));
		break;
	case 3:
		counted(msync(m->at, m->len, (int)pick(8)));
		break;
	case 4:
		counted(mprotect(m->at + m->len / 2 / z.page * z.page, z.page, (int)pick(4)));
	}
}

static void fuzz_touch(void)
{
	struct fuzz_map *m = a_map();

	if (m->at)
		counted(-zb_touch(m->at + pick((unsigned int)m->len), pick(2)));
}

/* Pin pages in a pipe. */
static void fuzz_pin(void)
{
	struct fuzz_map *m = a_map();
	struct iovec iov = { m->at, z.page }, other = { z.room, z.page };

	if (!m->at)
		return;
	switch (pick(4)) {
	case 0:
		counted(vmsplice(z.pipe[1], &iov, 1, SPLICE_F_NONBLOCK));
		break;
	case 1:
		counted(read(z.pipe[0], z.room, z.page));
		break;
	case 2:
		counted(process_vm_readv(getpid(), &other, 1, &iov, 1, 0));
		break;
	case 3:
		counted(process_vm_writev(getpid(), &other, 1, &iov, 1, 0));
	}
}

#endif /* FUZZ_OPS_H */

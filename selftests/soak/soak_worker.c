// SPDX-License-Identifier: GPL-2.0
/*
 * For `make soak`: a process that uses all operations of the device in random order, until
 * it is killed.
 *	soak_worker SEED		exits with 1 if a buffer has wrong contents
 *	soak_worker --pressure MIB	allocates and frees that much ordinary memory
 * The seed determines the sequence of operations, but not their results.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/zbuddy.h>

#define NR_BUFS		24
#define MAX_BYTES	(8ull << 20)	/* limit per buffer */
#define ALL_BYTES	(24ull << 20)	/* limit per process */

/* A buffer with its handle, dma-buf and mapping, each of which may be missing. */
struct buf {
	__u32 handle;
	int dmabuf;
	unsigned char *map;
	__u64 length, mapped;
	__u64 offset, huge_offset;
	unsigned char byte;	/* its contents after the first mapping */
};

static struct buf bufs[NR_BUFS];
static unsigned int nr_bufs;
static __u64 all_bytes, state;
static long page;
static int fd, pipes[2];

static __u64 random_below(__u64 n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 11) % n;
}

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static const __u32 gfps[] = {
	ZB_GFP_KERNEL, ZB_GFP_HIGHUSER_MOVABLE, ZB_GFP_HIGHUSER_MOVABLE,
	ZB_GFP_TEMPORARY, ZB_GFP_KERNEL | ZB_GFP_DMA32, ZB_GFP_NOWAIT, ZB_GFP_ATOMIC,
	ZB_GFP_KERNEL | __ZB_GFP_NORETRY, ZB_GFP_HIGHUSER | __ZB_GFP_WRITE,
	ZB_GFP_USER,
};

/* Tolerate errors that are possible when memory is short; any other one is a bug. */
static int call(unsigned long request, void *arg)
{
	if (!ioctl(fd, request, arg))
		return 0;
	if (errno != ENOMEM && errno != ETIMEDOUT && errno != EDQUOT && errno != EAGAIN) {
		fprintf(stderr, "soak_worker: ioctl %#lx: %s\n", request, strerror(errno));
		exit(1);
	}
	return -errno;
}

static void wrong_byte(const struct buf *b, __u64 at)
{
	fprintf(stderr, "soak_worker: handle %u, byte %llu of %llu: 0x%02x, expected 0x%02x\n",
		b->handle, at, b->length, b->map[at], b->byte);
	exit(1);
}

/* Verify one byte of each page, and all bytes of the last one. */
static void verify(const struct buf *b)
{
	__u64 i;

	for (i = 0; b->map && i < b->mapped; i += i + page < b->mapped ? page : 1)
		if (b->map[i] != b->byte)
			wrong_byte(b, i);
}

static void unmap(struct buf *b)
{
	verify(b);
	if (b->map)
		munmap(b->map, b->mapped);
	b->map = NULL;
}

/* A new buffer must be zeroed; others must have the contents written by another mapping. */
static void map(struct buf *b)
{
	bool huge = !random_below(3) && b->huge_offset, again = b->byte;
	int from = b->dmabuf >= 0 && random_below(2) ? b->dmabuf : fd;
	void *p;

	if (b->map || (from == fd && !b->handle))
		return;
	p = mmap(NULL, b->length, PROT_READ | PROT_WRITE, MAP_SHARED, from,
		 from == fd ? (off_t)(huge ? b->huge_offset : b->offset) : 0);
	if (p == MAP_FAILED)
		return;
	b->map = p;
	b->mapped = b->length;
	verify(b);
	if (again)
		return;
	b->byte = 1 + random_below(255);
	memset(p, b->byte, b->length);
}

static void alloc(void)
{
	struct zb_ioc_alloc a = {
		.size = sizeof(a), .node = ZB_NODE_ANY,
		.gfp = gfps[random_below(sizeof(gfps) / sizeof(*gfps))] | __ZB_GFP_NOWARN,
	};

	if (random_below(2)) {
		a.flags |= ZB_BUF_LENGTH;
		a.length = 1 + random_below(MAX_BYTES >> random_below(12));
	} else {
		a.order = random_below(1 + random_below(12));
	}
	if (!random_below(8)) {
		a.flags |= ZB_BUF_WAIT;
		a.deadline_ns = now_ns() + random_below(50) * 1000000;
	}
	if (nr_bufs == NR_BUFS || all_bytes > ALL_BYTES || call(ZB_IOC_ALLOC, &a))
		return;
	bufs[nr_bufs++] = (struct buf){
		.handle = a.handle, .dmabuf = -1, .length = a.length,
		.offset = a.mmap_offset, .huge_offset = a.mmap_huge_offset,
	};
	all_bytes += a.length;
}

static void free_handle(struct buf *b)
{
	struct zb_ioc_free f = { .size = sizeof(f), .handle = b->handle };

	if (b->handle)
		call(ZB_IOC_FREE, &f);
	b->handle = 0;
}

/* Drop handle, dma-buf and mapping in random order. */
static void drop(struct buf *b)
{
	bool late = random_below(2);

	if (!late)
		free_handle(b);
	if (b->dmabuf >= 0)
		close(b->dmabuf);
	unmap(b);
	free_handle(b);
	all_bytes -= b->length;
	*b = bufs[--nr_bufs];
}

static void export(struct buf *b)
{
	struct zb_ioc_export e = {
		.size = sizeof(e), .flags = ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC,
		.handle = b->handle,
	};

	if (b->handle && b->dmabuf < 0 && !ioctl(fd, ZB_IOC_EXPORT, &e))
		b->dmabuf = e.fd;
}

static void bulk(void)
{
	struct zb_bulk_buffer all[64];
	struct zb_ioc_bulk_alloc b = {
		.size = sizeof(b), .gfp = ZB_GFP_HIGHUSER_MOVABLE | __ZB_GFP_NOWARN,
		.node = ZB_NODE_ANY, .order = random_below(4),
		.nr = 1 + random_below(64), .buffers = (uintptr_t)all,
		.buffer_size = sizeof(*all),
	};
	struct zb_ioc_bulk_free f = {
		.size = sizeof(f), .handles = (uintptr_t)&all->handle,
		.stride = sizeof(*all),
	};

	if (call(ZB_IOC_BULK_ALLOC, &b))
		return;
	f.nr = b.done;
	call(ZB_IOC_BULK_FREE, &f);
}

/* A pipe keeps pages pinned until it is read or closed. */
static void pin(struct buf *b)
{
	struct iovec iov = { b->map, page };
	char drain[4096];

	if (!b->map || !b->mapped)
		return;
	if (vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK) != page)
		while (read(pipes[0], drain, sizeof(drain)) > 0)
			;
}

/* A child inherits the mappings and the file, and exits without cleaning up. */
static void child(void)
{
	pid_t pid = fork();

	if (!pid) {
		if (nr_bufs)
			unmap(&bufs[random_below(nr_bufs)]);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void cut(struct buf *b)
{
	if (!b->map || b->mapped <= (__u64)page)
		return;
	if (!munmap(b->map + b->mapped - page, page))
		b->mapped -= page;
}

static void step(void)
{
	struct buf *b = nr_bufs ? &bufs[random_below(nr_bufs)] : NULL;
	unsigned int n = random_below(100);

	if (n < 35 || !b)
		alloc();
	else if (n < 60)
		drop(b);
	else if (n < 75)
		map(b);
	else if (n < 80)
		unmap(b);
	else if (n < 87)
		export(b);
	else if (n < 90)
		bulk();
	else if (n < 93)
		pin(b);
	else if (n < 95)
		cut(b);
	else if (n < 97)
		free_handle(b);
	else if (n < 98)
		child();
	else
		verify(b);
}

/*
 * Avoid huge pages: after an OOM kill of this process, the kernel would free them only when
 * all of them are unmapped, and would kill another process before that.
 */
static int pressure(long mib)
{
	size_t size = (size_t)mib << 20, i;
	unsigned char *p;

	for (;;) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return 1;
		madvise(p, size, MADV_NOHUGEPAGE);
		for (i = 0; i < size; i += page)
			p[i] = (unsigned char)(i / page);
		for (i = 0; i < size; i += page)
			if (p[i] != (unsigned char)(i / page)) {
				fprintf(stderr, "soak_worker: ordinary memory was overwritten\n");
				return 1;
			}
		munmap(p, size);
	}
}

int main(int argc, char **argv)
{
	page = sysconf(_SC_PAGESIZE);
	/* do not starve zbctl stress and the shell script */
	setpriority(PRIO_PROCESS, 0, 15);
	if (argc == 3 && !strcmp(argv[1], "--pressure"))
		return pressure(atol(argv[2]));
	if (argc != 2) {
		fprintf(stderr, "usage: soak_worker SEED | --pressure MIB\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	fd = open("/dev/zbuddy", O_RDWR | O_CLOEXEC);
	if (fd < 0 || pipe2(pipes, O_CLOEXEC | O_NONBLOCK)) {
		perror("soak_worker");
		return 1;
	}
	for (;;)
		step();
}

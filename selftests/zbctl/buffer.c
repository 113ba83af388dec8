// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: commands that use a single buffer. export verifies that a dma-buf is the memory of
 * a buffer; map-file copies a file through a buffer.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY_BUFFER	(4ull << 20)

static __u64 word_at(__u64 i)
{
	return i * 0x9e3779b97f4a7c15ull ^ 0x5a5a5a5a5a5a5a5aull;
}

static void fill_words(__u64 *p, __u64 length)
{
	for (__u64 i = 0; i < length / sizeof(*p); i++)
		p[i] = word_at(i);
}

static int check_words(const __u64 *p, __u64 length)
{
	for (__u64 i = 0; i < length / sizeof(*p); i++) {
		if (p[i] != word_at(i))
			return zb_err("export: byte %#llx of the dma-buf differs from what was written to the buffer",
				      i * sizeof(*p));
	}
	return 0;
}

/* Write through the device, free the handle, and read through the dma-buf. */
static int verify_export(struct zbctl *z, const struct zb_ioc_alloc *a, int fd)
{
	__u64 *p = dev_mmap(z->fd, a->mmap_offset, a->length);
	int rc;

	if (p == MAP_FAILED)
		return zb_err("export: the buffer cannot be mapped: %s",
			      strerror(errno));
	fill_words(p, a->length);
	munmap(p, (size_t)a->length);
	rc = dev_free(z->fd, a->handle);
	if (rc)
		return buffer_err("export", a->handle, -rc);
	p = mmap(NULL, (size_t)a->length, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return zb_err("export: the dma-buf cannot be mapped: %s",
			      strerror(errno));
	rc = check_words(p, a->length);
	munmap(p, (size_t)a->length);
	return rc;
}

int cmd_export(struct zbctl *z)
{
	struct zb_ioc_alloc *a;
	int fd, rc;

	rc = alloc_from_args(z, &a);
	if (rc)
		return rc;
	fd = dev_export(z->fd, a->handle, ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
	rc = fd < 0 ? buffer_err("export", a->handle, -fd) :
	     verify_export(z, a, fd);
	if (!rc && z->json) {
		js_open(NULL, '{');
		js_u64("length", a->length);
		js_str("zone", zone_name(a->zone));
		js_bool("verified", true);
		js_close('}');
	} else if (!rc) {
		printf("exported %s from zone %s as a dma-buf\n",
		       size_text(a->length), zone_name(a->zone));
		printf("freed the handle: the dma-buf keeps the memory\n");
		printf("mapped the dma-buf: all %llu bytes are as they were written\n",
		       a->length);
	}
	if (fd >= 0)
		close(fd);
	free(a);
	return rc;
}

/**
 * struct copy - the state of a copy
 * @in: source file, and whether it is read with O_DIRECT
 * @out: destination file, -1 for none
 * @p: the mapped buffer
 * @room: size of the buffer
 * @bytes: number of bytes copied so far
 * @sum: checksum of all bytes, to compare two copies
 */
struct copy {
	const char *in_name;
	const char *out_name;
	int in;
	int out;
	bool in_direct;
	bool out_direct;
	unsigned char *p;
	size_t room;
	__u64 bytes;
	__u64 sum;
};

/* Open with O_DIRECT if the file system supports it. */
static int open_direct(const char *name, int flags, bool *direct)
{
	int fd = open(name, flags | O_DIRECT | O_CLOEXEC, 0666);

	*direct = fd >= 0;
	if (fd < 0 && errno == EINVAL) {
		fprintf(stderr,
			"zbctl: map-file: %s: the file system does not support O_DIRECT: using the page cache\n",
			name);
		fd = open(name, flags | O_CLOEXEC, 0666);
	}
	if (fd < 0)
		zb_err("map-file: %s: %s", name, strerror(errno));
	return fd;
}

static int io_err(const struct copy *c, const char *name, int err)
{
	if (err == EFAULT)
		return zb_err("map-file: %s: the kernel does not support direct I/O on this mapping",
			      name);
	return zb_err("map-file: %s: failed after %llu bytes: %s", name, c->bytes,
		      strerror(err));
}

/* Switch O_DIRECT off for the last part of a file, which may not be a whole block. */
static int no_direct(int fd, bool *direct)
{
	int flags = fcntl(fd, F_GETFL);

	if (!*direct)
		return 0;
	*direct = false;
	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags & ~O_DIRECT);
}

static int write_piece(struct copy *c, size_t len)
{
	size_t done = 0;
	ssize_t nr;

	if (len % 4096 && no_direct(c->out, &c->out_direct))
		return io_err(c, c->out_name, errno);
	while (done < len) {
		nr = write(c->out, c->p + done, len - done);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return io_err(c, c->out_name, errno);
		done += (size_t)nr;
	}
	return 0;
}

static int copy_all(struct copy *c)
{
	ssize_t nr;
	int rc;

	for (;;) {
		nr = read(c->in, c->p, c->room);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return io_err(c, c->in_name, errno);
		if (!nr)
			return 0;
		for (ssize_t i = 0; i < nr; i++)
			c->sum = c->sum * 31 + c->p[i];
		rc = c->out < 0 ? 0 : write_piece(c, (size_t)nr);
		if (rc)
			return rc;
		c->bytes += (__u64)nr;
	}
}

static void show_copy(const struct zbctl *z, const struct copy *c, bool in_direct,
		      bool out_direct, double seconds)
{
	double rate = seconds > 0 ? (double)c->bytes / seconds / 1e6 : 0;

	if (z->json) {
		js_open(NULL, '{');
		js_u64("bytes", c->bytes);
		js_u64("checksum", c->sum);
		js_bool("direct_read", in_direct);
		js_bool("direct_write", out_direct);
		js_u64("microseconds", (__u64)(seconds * 1e6));
		js_close('}');
		return;
	}
	printf("%s: %llu bytes read %s into a buffer", c->in_name, c->bytes,
	       in_direct ? "with O_DIRECT" : "through the page cache");
	if (c->out >= 0)
		printf(", written %s to %s",
		       out_direct ? "with O_DIRECT" : "through the page cache",
		       c->out_name);
	printf(", %.0f MB/s, checksum %016llx\n", rate, c->sum);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int open_files(const struct zbctl *z, struct copy *c)
{
	c->in = open_direct(c->in_name, O_RDONLY, &c->in_direct);
	if (c->in < 0)
		return ZBCTL_FAILED;
	if (!z->out)
		return 0;
	c->out = open_direct(c->out_name, O_WRONLY | O_CREAT, &c->out_direct);
	if (c->out < 0)
		return ZBCTL_FAILED;
	if (same_file(c->in, c->out))
		return zb_err("map-file: %s is the input file itself: give another name with --out",
			      c->out_name);
	if (ftruncate(c->out, 0))
		return io_err(c, c->out_name, errno);
	return 0;
}

static int copy_through(struct zbctl *z, struct copy *c,
			const struct zb_ioc_alloc *a)
{
	bool in_direct, out_direct;
	double from = now();
	int rc;

	c->p = dev_mmap(z->fd, a->mmap_offset, a->length);
	if (c->p == MAP_FAILED)
		return zb_err("map-file: handle %u cannot be mapped: %s",
			      a->handle, strerror(errno));
	c->room = (size_t)a->length;
	rc = open_files(z, c);
	in_direct = c->in_direct;
	out_direct = c->out_direct;
	if (!rc)
		rc = copy_all(c);
	if (!rc)
		show_copy(z, c, in_direct, out_direct, now() - from);
	munmap(c->p, c->room);
	return rc;
}

int cmd_map_file(struct zbctl *z)
{
	struct zb_req req = {
		.text = "4M", .flags = ZB_BUF_LENGTH, .gfp = z->gfp,
		.node = (__s32)z->node, .length = COPY_BUFFER, .count = 1,
	};
	struct copy c = {
		.in_name = z->argv[0], .out_name = z->out, .in = -1, .out = -1,
	};
	struct zb_ioc_alloc *a;
	int rc;

	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	rc = alloc_many(z->fd, &req, &a);
	if (rc)
		return rc;
	rc = copy_through(z, &c, a);
	if (c.in >= 0)
		close(c.in);
	if (c.out >= 0 && close(c.out) && !rc)
		rc = io_err(&c, c.out_name, errno);
	free(a);
	return rc;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl pressure: marks buffers as not needed, uses up the memory so that they lose theirs,
 * and checks what their owner finds when it needs them again.
 */
#include "zbctl.h"

#include <string.h>
#include <sys/mman.h>

#define DEFAULT_COUNT	16
/* Requests that may take memory back from the marked buffers, and fail without a log line. */
#define FILL_GFP	(ZB_GFP_KERNEL | __ZB_GFP_NOWARN)

/**
 * struct pressure - buffers that are not needed, and others that take their memory
 * @req: the request for one buffer
 * @bufs: the marked buffers
 * @contents: their mappings
 * @fillers: the other buffers
 * @nr_fillers: their number
 * @kept: number of marked buffers that have their contents
 * @lost: number of those that have lost them, and are zero
 */
struct pressure {
	struct zb_req req;
	struct zb_ioc_alloc *bufs;
	unsigned char **contents;
	struct zb_ioc_alloc *fillers;
	unsigned long nr_fillers;
	unsigned long kept;
	unsigned long lost;
};

static unsigned char pattern(unsigned long i)
{
	return (unsigned char)(i % 255 + 1);
}

static int mark_one(struct zbctl *z, struct pressure *p, unsigned long i)
{
	const struct zb_ioc_alloc *a = &p->bufs[i];
	int rc;

	p->contents[i] = dev_mmap(z->fd, a->mmap_offset, a->length);
	if (p->contents[i] == MAP_FAILED)
		return zb_err("pressure: a buffer cannot be mapped: %s", strerror(errno));
	memset(p->contents[i], pattern(i), (size_t)a->length);
	rc = dev_advise(z->fd, a->handle, ZB_ADVISE_DONTNEED, NULL);
	if (rc == -EDQUOT)
		return zb_err("pressure: only %lu buffers may be marked (max_discardable_per_user): try a lower --count",
			      i);
	return rc ? buffer_err("pressure", a->handle, -rc) : 0;
}

/* Allocate buffers until a request fails, or until --fill percent of the memory is in use. */
static int fill_memory(struct zbctl *z, struct pressure *p)
{
	struct zb_req req = p->req;
	struct zb_ioc_info info;
	unsigned long room;
	int rc = dev_info(z->fd, &info);

	if (rc)
		return info_err(z, -rc);
	room = (unsigned long)(info.total_bytes / p->bufs[0].length) + 1;
	p->fillers = calloc(room, sizeof(*p->fillers));
	if (!p->fillers)
		return zb_err("pressure: out of memory for a list of %lu buffers", room);
	req.gfp = FILL_GFP;
	while (p->nr_fillers < room && !dev_info(z->fd, &info)) {
		if (z->given & OPT(FILL) && info.total_bytes - info.free_bytes >=
					    info.total_bytes / 100 * (__u64)z->fill)
			break;
		rc = dev_alloc(z->fd, &req, &p->fillers[p->nr_fillers]);
		if (rc)
			break;
		p->nr_fillers++;
	}
	if (!rc || rc == -ENOMEM || rc == -EDQUOT)
		return 0;
	return alloc_err(z->fd, &req, -rc, p->nr_fillers);
}

static int free_fillers(struct zbctl *z, struct pressure *p)
{
	int rc;

	for (unsigned long i = 0; i < p->nr_fillers; i++) {
		rc = dev_free(z->fd, p->fillers[i].handle);
		if (rc)
			return buffer_err("pressure", p->fillers[i].handle, -rc);
	}
	return 0;
}

static bool all_bytes(const unsigned char *p, unsigned char byte, __u64 length)
{
	return *p == byte && !memcmp(p, p + 1, (size_t)length - 1);
}

static int need_again(struct zbctl *z, struct pressure *p, unsigned long i)
{
	const struct zb_ioc_alloc *a = &p->bufs[i];
	__u32 retained = 0;
	int rc = dev_advise(z->fd, a->handle, ZB_ADVISE_WILLNEED, &retained);

	if (rc)
		return buffer_err("pressure", a->handle, -rc);
	if (!all_bytes(p->contents[i], retained ? pattern(i) : 0, a->length))
		return zb_err("pressure: buffer %lu has contents that are neither its own nor zero: report this line and the kernel log",
			      i);
	*(retained ? &p->kept : &p->lost) += 1;
	return 0;
}

static void show(const struct zbctl *z, const struct pressure *p)
{
	const char *size = size_text(p->bufs[0].length);

	if (z->json) {
		js_open(NULL, '{');
		js_u64("buffers", p->req.count);
		js_u64("length", p->bufs[0].length);
		js_u64("filled", p->nr_fillers);
		js_u64("kept", p->kept);
		js_u64("lost", p->lost);
		js_close('}');
		return;
	}
	printf("%lu buffers of %s were marked as not needed\n", p->req.count, size);
	printf("%lu others were allocated\n", p->nr_fillers);
	printf("needed again: %lu have their contents, %lu have lost them and are zero\n",
	       p->kept, p->lost);
}

static int run(struct zbctl *z, struct pressure *p)
{
	int rc = 0;

	for (unsigned long i = 0; i < p->req.count && !rc; i++)
		rc = mark_one(z, p, i);
	if (!rc)
		rc = fill_memory(z, p);
	if (!rc)
		rc = free_fillers(z, p);
	for (unsigned long i = 0; i < p->req.count && !rc; i++)
		rc = need_again(z, p, i);
	if (!rc)
		show(z, p);
	return rc;
}

/* All buffers are freed when the process exits. */
int cmd_pressure(struct zbctl *z)
{
	struct pressure p = { 0 };
	int rc;

	if (!(z->given & OPT(COUNT)))
		z->count = DEFAULT_COUNT;
	z->gfp = ZB_GFP_TEMPORARY;
	rc = parse_req(z, &p.req);
	if (rc)
		return rc;
	p.contents = calloc(p.req.count, sizeof(*p.contents));
	if (!p.contents)
		return zb_err("pressure: out of memory for a list of %lu buffers", p.req.count);
	if (dev_get(z) < 0)
		rc = ZBCTL_FAILED;
	if (!rc)
		rc = alloc_many(z->fd, &p.req, &p.bufs);
	if (!rc)
		rc = run(z, &p);
	free(p.fillers);
	free(p.contents);
	free(p.bufs);
	return rc;
}

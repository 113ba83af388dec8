// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: allocating several buffers, all or none of them.
 */
#include "zbctl.h"

#include <ctype.h>
#include <time.h>

/* Larger plain numbers are probably lengths with a missing unit. */
#define NO_ORDER	64

/* An address is a size, such as 3G, or a number of bytes, which needs no unit. */
static int parse_addr(const char *option, const char *text, __u64 *addr)
{
	bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	char *end;

	if (!parse_size(text, addr))
		return 0;
	errno = 0;
	*addr = strtoull(text, &end, hex ? 16 : 10);
	if (errno || *end || !isdigit((unsigned char)*text))
		return usage_err("%s: '%s' is not an address: try 3G or 0xc0000000", option, text);
	return 0;
}

/* Parse the options of a range; the length has been parsed. */
static int parse_range(const struct zbctl *z, struct zb_req *req)
{
	int rc = 0;

	if (!(z->given & (OPT(RANGE) | OPT(ALIGN) | OPT(MIN_ADDR) | OPT(MAX_ADDR))))
		return 0;
	req->flags |= ZB_BUF_RANGE;
	if (!(req->flags & ZB_BUF_LENGTH))
		return usage_err("'%s' is an order; a range needs a length with a unit: try 2M",
				 req->text);
	if (z->align && (parse_size(z->align, &req->align) || req->align & (req->align - 1)))
		return usage_err("--align: '%s' is not a power of two with a unit: try 2M",
				 z->align);
	if (z->min_addr)
		rc = parse_addr("--min-addr", z->min_addr, &req->min_addr);
	if (!rc && z->max_addr)
		rc = parse_addr("--max-addr", z->max_addr, &req->max_addr);
	return rc;
}

/* Parse the order or length in argv[0], and the options. */
int parse_req(const struct zbctl *z, struct zb_req *req)
{
	const char *what = z->argv[0];
	struct timespec now;
	long long order;

	*req = (struct zb_req){
		.text	= what,
		.gfp	= z->gfp,
		.node	= (__s32)z->node,
		.count	= (unsigned long)z->count,
		.label	= z->label,
	};
	if (z->given & OPT(WAIT)) {
		req->flags = ZB_BUF_WAIT;
		clock_gettime(CLOCK_MONOTONIC, &now);
		req->deadline_ns = (__u64)(now.tv_sec + z->wait) * 1000000000ull +
				   (__u64)now.tv_nsec;
	}
	if (!parse_num(what, 0, NO_ORDER - 1, &order)) {
		req->order = (__u32)order;
		return parse_range(z, req);
	}
	if (!parse_size(what, &req->length)) {
		req->flags |= ZB_BUF_LENGTH;
		return parse_range(z, req);
	}
	if (!parse_num(what, 0, __LONG_LONG_MAX__, &order))
		return usage_err("'%s' is not an order (0 to 18); a length needs a unit: %sB",
				 what, what);
	return usage_err("'%s' is neither an order (0 to 18) nor a length with a unit: try 9 or 2M",
			 what);
}

static int label_all(int fd, const struct zb_req *req,
		     const struct zb_ioc_alloc *bufs)
{
	int err = 0;

	for (unsigned long i = 0; i < req->count && req->label && !err; i++)
		err = dev_label(fd, bufs[i].handle, req->label);
	if (err == -EINVAL)
		return zb_err("label '%s': a label has up to %d printable characters and no blanks",
			      req->label, ZB_LABEL_LEN - 1);
	return err ? buffer_err("label", bufs[0].handle, -err) : 0;
}

/*
 * On success, *@bufs is an array of req->count buffers, which the caller frees. On failure,
 * an error line was printed and no buffer is held.
 */
int alloc_many(int fd, const struct zb_req *req, struct zb_ioc_alloc **bufs)
{
	struct zb_ioc_alloc *all = calloc(req->count, sizeof(*all));
	unsigned long got;
	int err = 0, rc;

	if (!all)
		return zb_err("alloc %s: out of memory for a list of %lu buffers",
			      req->text, req->count);
	for (got = 0; got < req->count; got++) {
		err = dev_alloc(fd, req, &all[got]);
		if (err)
			break;
	}
	rc = err ? alloc_err(fd, req, -err, got) : label_all(fd, req, all);
	if (!rc) {
		*bufs = all;
		return 0;
	}
	while (got--) {
		err = dev_free(fd, all[got].handle);
		if (err)
			rc = zb_err("cannot free handle %u: %s",
				    all[got].handle, strerror(-err));
	}
	free(all);
	return rc;
}

/* Allocate what the command line asks for, as alloc_many(). */
int alloc_from_args(struct zbctl *z, struct zb_ioc_alloc **bufs)
{
	struct zb_req req;
	int rc = parse_req(z, &req);

	if (rc)
		return rc;
	return dev_get(z) < 0 ? ZBCTL_FAILED : alloc_many(z->fd, &req, bufs);
}

void print_buf(const struct zb_ioc_alloc *a)
{
	printf("handle %u  order %u  length %llu  node %d  zone %s  offset %#llx\n",
	       a->handle, a->order, a->length, a->node, zone_name(a->zone),
	       a->mmap_offset);
}

void json_buf(const struct zb_ioc_alloc *a)
{
	js_open(NULL, '{');
	js_u64("handle", a->handle);
	js_u64("order", a->order);
	js_u64("length", a->length);
	js_s64("node", a->node);
	js_str("zone", zone_name(a->zone));
	js_u64("mmap_offset", a->mmap_offset);
	js_close('}');
}

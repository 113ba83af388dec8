// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl resize: give memory of the region back to the kernel, or take it again.
 */
#include "zbctl.h"

static int einval(const struct zbctl *z, const char *text)
{
	struct zb_ioc_explain e;
	struct zb_ioc_info info;
	const char *block;

	if (!dev_explain(z->fd, &e) && !strcmp(e.field, "node"))
		return zb_err("resize %s: node %lld has no memory of this module: see zbctl info",
			      text, z->node);
	if (dev_info(z->fd, &info))
		return zb_err("resize %s: %s", text, strerror(EINVAL));
	block = size_text((__u64)info.page_size << info.block_order);
	return zb_err("resize %s: the size must be a multiple of %s, at least one, and at most the size at load: choose another one",
		      text, block);
}

/* Explain why the size was not reached; @reached is how far the command came. */
static int resize_err(const struct zbctl *z, const char *text, const char *reached, int err)
{
	switch (err) {
	case EINVAL:
		return einval(z, text);
	case EPERM:
		return zb_err("resize %s: this requires CAP_SYS_ADMIN: run zbctl as root", text);
	case EBUSY:
		return zb_err("resize %s: %s: the rest is in use by memory that can't be moved, or is needed for watermarks: free buffers (zbctl owners), or lower min_free_kbytes",
			      text, reached);
	case ENOMEM:
		return zb_err("resize %s: %s: the kernel does not have the memory to spare: try again later",
			      text, reached);
	case EOPNOTSUPP:
		return zb_err("resize %s: the backend can't give back a part of its memory: load the module with backend=cma or contig",
			      text);
	case EINTR:
		return zb_err("resize %s: %s: the command was killed", text, reached);
	case ENOTTY:
		return zb_err("resize %s: this module can't do it: load a newer one", text);
	default:
		return zb_err("resize %s: %s", text, strerror(err));
	}
}

static void show(const struct zbctl *z, const struct zb_ioc_resize *r)
{
	if (!z->json) {
		printf("size: %s\n", size_text(r->bytes));
		return;
	}
	js_open(NULL, '{');
	js_u64("total_bytes", r->bytes);
	js_close('}');
}

int cmd_resize(struct zbctl *z)
{
	struct zb_ioc_resize r = { .size = sizeof(r), .node = (__s32)z->node };
	const char *text = z->argv[0];
	char reached[64];
	int rc;

	if (parse_size(text, &r.bytes))
		return usage_err("'%s' is not a size with a unit, such as 64M", text);
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	rc = dev_resize(z->fd, &r);
	if (rc)
		return resize_err(z, text, "nothing has changed", -rc);
	snprintf(reached, sizeof(reached), "the size is now %s", size_text(r.bytes));
	if (r.error)
		return resize_err(z, text, reached, (int)r.error);
	show(z, &r);
	return ZBCTL_OK;
}

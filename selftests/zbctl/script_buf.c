// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl script: label, phys, sync, export and bulk commands.
 */
#include "zbctl.h"

#include <limits.h>
#include <sys/mman.h>

/* Open the device if necessary, and parse the handle in argv[0]. */
static int get_handle(struct zbctl *z, __u32 *handle)
{
	int rc = handles_parse(z->handles, z->argv[0], handle);

	if (rc)
		return rc;
	return dev_get(z) < 0 ? ZBCTL_FAILED : 0;
}

int script_label(struct zbctl *z)
{
	__u32 handle = 0;
	int rc = get_handle(z, &handle);
	int err;

	if (rc)
		return rc;
	err = dev_label(z->fd, handle, z->argv[1]);
	if (err == -EINVAL)
		return zb_err(EINVAL,
			      "label '%s': a label has up to %d printable characters and no blanks",
			      z->argv[1], ZB_LABEL_LEN - 1);
	return err ? buffer_err("label", handle, -err) : 0;
}

int script_phys(struct zbctl *z)
{
	struct zb_ioc_phys phys;
	__u32 handle = 0;
	int rc = get_handle(z, &handle);
	int err;

	if (rc)
		return rc;
	err = dev_phys(z->fd, handle, &phys);
	if (err)
		return buffer_err("phys", handle, -err);
	if (z->json) {
		js_open(NULL, '{');
		js_u64("handle", handle);
		js_u64("address", phys.addr);
		js_u64("length", phys.length);
		js_close('}');
	} else {
		printf("handle %u  address %#llx  length %llu\n", handle,
		       phys.addr, phys.length);
	}
	return 0;
}

static int parse_sync(const struct zbctl *z, __u32 *flags)
{
	const char *who = z->argv[1], *way = z->argv[2];

	if (!strcmp(who, "cpu"))
		*flags = ZB_SYNC_FOR_CPU;
	else if (!strcmp(who, "device"))
		*flags = ZB_SYNC_FOR_DEVICE;
	else
		return usage_err("sync: '%s' is neither cpu nor device", who);
	if (!strcmp(way, "to"))
		*flags |= ZB_SYNC_TO_DEVICE;
	else if (!strcmp(way, "from"))
		*flags |= ZB_SYNC_FROM_DEVICE;
	else if (!strcmp(way, "both"))
		*flags |= ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE;
	else
		return usage_err("sync: '%s' is not one of to, from, both", way);
	return 0;
}

/* Parse the range in argv[3] and argv[4]; default: the whole buffer. */
static int sync_range(struct zbctl *z, __u32 handle, __u64 *offset,
		      __u64 *length)
{
	long long from = 0, len = 0;
	struct zb_ioc_query q;
	int err;

	if (z->argc == 4)
		return usage_err("sync: an offset must be followed by a length");
	if (z->argc == 5) {
		if (parse_num(z->argv[3], 0, LLONG_MAX, &from) ||
		    parse_num(z->argv[4], 0, LLONG_MAX, &len))
			return usage_err("sync: offset and length must be numbers of bytes");
		*offset = (__u64)from;
		*length = (__u64)len;
		return 0;
	}
	err = dev_query(z->fd, handle, &q);
	if (err)
		return buffer_err("sync", handle, -err);
	*offset = 0;
	*length = q.length;
	return 0;
}

int script_sync(struct zbctl *z)
{
	__u64 offset = 0, length = 0;
	__u32 handle = 0, flags = 0;
	int rc = get_handle(z, &handle);
	int err;

	if (!rc)
		rc = parse_sync(z, &flags);
	if (!rc)
		rc = sync_range(z, handle, &offset, &length);
	if (rc)
		return rc;
	err = dev_sync(z->fd, handle, flags, offset, length);
	if (err == -EINVAL)
		return zb_err(EINVAL,
			      "sync: handle %u: offset %llu and length %llu are not inside the buffer",
			      handle, offset, length);
	return err ? buffer_err("sync", handle, -err) : 0;
}

/* Export a dma-buf, which stays open until the script ends, and verify its contents. */
int script_export(struct zbctl *z)
{
	struct zb_ioc_query q;
	__u32 handle = 0;
	int rc = get_handle(z, &handle);
	int err, fd;
	void *p;

	if (rc)
		return rc;
	err = dev_query(z->fd, handle, &q);
	fd = err ? err : dev_export(z->fd, handle,
				    ZB_EXPORT_RDWR | ZB_EXPORT_CLOEXEC);
	if (fd < 0)
		return buffer_err("export", handle, -fd);
	p = dev_mmap(fd, 0, q.length);
	if (p == MAP_FAILED)
		return zb_err(errno, "export: the dma-buf of handle %u cannot be mapped: %s",
			      handle, strerror(errno));
	munmap(p, (size_t)q.length);
	if (z->json) {
		js_open(NULL, '{');
		js_u64("handle", handle);
		js_s64("fd", fd);
		js_u64("length", q.length);
		js_close('}');
	} else {
		printf("handle %u  dma-buf %d  length %llu\n", handle, fd,
		       q.length);
	}
	return 0;
}

static int bulk_err(const struct zbctl *z, const struct zb_ioc_bulk_alloc *bulk,
		    int err)
{
	struct zb_req req = {
		.text = z->argv[1], .gfp = bulk->gfp, .node = bulk->node,
		.order = bulk->order, .count = bulk->nr,
	};

	return alloc_err(z->fd, &req, err, 0);
}

static void show_done(const struct zbctl *z, __u32 done, __u32 nr)
{
	if (z->json) {
		js_open(NULL, '{');
		js_u64("wanted", nr);
		js_u64("done", done);
		js_close('}');
	} else if (!z->quiet) {
		printf("%u of %u\n", done, nr);
	}
}

int script_bulk(struct zbctl *z)
{
	static struct zb_bulk_buffer bufs[ZB_BULK_MAX];
	struct zb_ioc_bulk_alloc bulk = {
		.gfp = z->gfp, .node = (__s32)z->node,
		.buffers = (unsigned long)bufs,
	};
	long long nr, order;
	int err, rc = 0;

	if (parse_num(z->argv[0], 1, ZB_BULK_MAX, &nr))
		return usage_err("bulk: '%s' is not a number from 1 to %u",
				 z->argv[0], ZB_BULK_MAX);
	if (parse_num(z->argv[1], 0, 63, &order))
		return usage_err("bulk: '%s' is not an order", z->argv[1]);
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	bulk.nr = (__u32)nr;
	bulk.order = (__u32)order;
	err = dev_bulk_alloc(z->fd, &bulk);
	if (err)
		return bulk_err(z, &bulk, -err);
	for (__u32 i = 0; i < bulk.done; i++)
		rc |= handles_add(z->handles, bufs[i].handle);
	show_done(z, bulk.done, bulk.nr);
	return rc;
}

int script_bulk_free(struct zbctl *z)
{
	__u32 handles[64];
	struct zb_ioc_bulk_free bulk = {
		.handles = (unsigned long)handles, .nr = (__u32)z->argc,
	};
	int err, rc;

	for (int i = 0; i < z->argc; i++) {
		rc = handles_parse(z->handles, z->argv[i], &handles[i]);
		if (rc)
			return rc;
	}
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	err = dev_bulk_free(z->fd, &bulk);
	if (err)
		return buffer_err("bulk-free", handles[0], -err);
	for (__u32 i = 0; i < bulk.done; i++)
		handles_forget(z->handles, handles[i]);
	show_done(z, bulk.done, bulk.nr);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: the ioctls, and explanations of their failures.
 *
 * The module returns only an errno. This file determines the cause with the help of
 * ZB_IOC_INFO and ZB_IOC_ZONE, so that the error line can tell the user what to do.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_err(const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return zb_err(err,
			      "%s: no such device: is the module loaded? modprobe zbuddy size=64M",
			      path);
	case EACCES:
	case EPERM:
		return zb_err(err,
			      "%s: permission denied: run as root or join the group of the udev rule",
			      path);
	default:
		return zb_err(err, "%s: %s", path, strerror(err));
	}
}

/* Open the device; returns a file descriptor, or -1 after an error line. */
int dev_open(struct zbctl *z)
{
	int fd = open(z->device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		open_err(z->device, errno);
	return fd;
}

/* The open file shared by all commands of this process; opened once, closed by main(). */
int dev_get(struct zbctl *z)
{
	if (z->fd < 0)
		z->fd = dev_open(z);
	return z->fd;
}

static int dev_ioctl(int fd, unsigned long cmd, void *arg)
{
	int rc;

	do {
		rc = ioctl(fd, cmd, arg);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int dev_info(int fd, struct zb_ioc_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return dev_ioctl(fd, ZB_IOC_INFO, info);
}

int dev_zone(int fd, __u32 index, struct zb_ioc_zone *zone)
{
	memset(zone, 0, sizeof(*zone));
	zone->size = sizeof(*zone);
	zone->index = index;
	return dev_ioctl(fd, ZB_IOC_ZONE, zone);
}

int dev_alloc(int fd, const struct zb_req *req, struct zb_ioc_alloc *a)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->flags = req->flags;
	a->gfp = req->gfp;
	a->node = req->node;
	a->order = req->order;
	a->length = req->length;
	a->deadline_ns = req->deadline_ns;
	/* do not restart a wait that was interrupted by a signal */
	if (req->flags & ZB_BUF_WAIT)
		return ioctl(fd, ZB_IOC_ALLOC, a) < 0 ? -errno : 0;
	return dev_ioctl(fd, ZB_IOC_ALLOC, a);
}

int dev_free(int fd, __u32 handle)
{
	struct zb_ioc_free arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.handle = handle;
	return dev_ioctl(fd, ZB_IOC_FREE, &arg);
}

int dev_query(int fd, __u32 handle, struct zb_ioc_query *q)
{
	memset(q, 0, sizeof(*q));
	q->size = sizeof(*q);
	q->handle = handle;
	return dev_ioctl(fd, ZB_IOC_QUERY, q);
}

/* Refuse a label that is too long, like the module does. */
int dev_label(int fd, __u32 handle, const char *label)
{
	struct zb_ioc_label arg;
	size_t len = strlen(label);

	if (len >= sizeof(arg.label))
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.handle = handle;
	memcpy(arg.label, label, len);
	return dev_ioctl(fd, ZB_IOC_LABEL, &arg);
}

int dev_phys(int fd, __u32 handle, struct zb_ioc_phys *phys)
{
	memset(phys, 0, sizeof(*phys));
	phys->size = sizeof(*phys);
	phys->handle = handle;
	return dev_ioctl(fd, ZB_IOC_PHYS, phys);
}

/* Returns the file descriptor of a dma-buf, or -errno. */
int dev_export(int fd, __u32 handle, __u32 flags)
{
	struct zb_ioc_export arg;
	int err;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.handle = handle;
	err = dev_ioctl(fd, ZB_IOC_EXPORT, &arg);
	return err ? err : arg.fd;
}

int dev_sync(int fd, __u32 handle, __u32 flags, __u64 offset, __u64 length)
{
	struct zb_ioc_sync arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.handle = handle;
	arg.offset = offset;
	arg.length = length;
	return dev_ioctl(fd, ZB_IOC_SYNC, &arg);
}

int dev_bulk_alloc(int fd, struct zb_ioc_bulk_alloc *bulk)
{
	bulk->size = sizeof(*bulk);
	bulk->buffer_size = sizeof(struct zb_bulk_buffer);
	return dev_ioctl(fd, ZB_IOC_BULK_ALLOC, bulk);
}

int dev_bulk_free(int fd, struct zb_ioc_bulk_free *bulk)
{
	bulk->size = sizeof(*bulk);
	bulk->stride = sizeof(__u32);
	return dev_ioctl(fd, ZB_IOC_BULK_FREE, bulk);
}

/* Returns MAP_FAILED with errno set on failure, like mmap(). */
void *dev_mmap(int fd, __u64 offset, __u64 length)
{
	if (length > SIZE_MAX) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, (off_t)offset);
}

/* Explain why the first ioctl failed; the most likely reason is that it is another device. */
int info_err(struct zbctl *z, int err)
{
	if (err == ENOTTY)
		return zb_err(err, "%s: not a zbuddy device: name the right one with --device",
			      z->device);
	return zb_err(err, "%s: %s", z->device, strerror(err));
}

/* Format a request as "order 9 (2M)" or as its length. */
static const char *req_text(const struct zb_req *req,
			    const struct zb_ioc_info *info, char buf[48])
{
	if (req->flags & ZB_BUF_LENGTH)
		snprintf(buf, 48, "%s", size_text(req->length));
	else
		snprintf(buf, 48, "order %u (%s)", req->order,
			 req->order < 40 ?
			 size_text((__u64)info->page_size << req->order) :
			 "huge");
	return buf;
}

static unsigned int req_order(const struct zb_req *req,
			      const struct zb_ioc_info *info)
{
	unsigned int order = 0;

	if (!(req->flags & ZB_BUF_LENGTH))
		return req->order;
	while (order < 40 && (__u64)info->page_size << order < req->length)
		order++;
	return order;
}

static void list_nodes(int fd, const struct zb_ioc_info *info, char *buf,
		       size_t size, __s32 wanted, bool *found)
{
	struct zb_ioc_zone zone;
	__s32 before = -1;
	size_t len = 0;

	buf[0] = '\0';
	for (__u32 i = 0; i < info->nr_zones; i++) {
		if (dev_zone(fd, i, &zone))
			break;
		if (zone.node == wanted)
			*found = true;
		if (zone.node != before && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%d",
						len ? ", " : "", zone.node);
		before = zone.node;
	}
}

static int node_einval(int fd, const struct zb_req *req,
		       const struct zb_ioc_info *info)
{
	bool found = req->node == ZB_NODE_ANY;
	char nodes[256];

	list_nodes(fd, info, nodes, sizeof(nodes), req->node, &found);
	if (found)
		return 0;
	return zb_err(EINVAL,
		      "alloc %s: node %d has no region: choose from %s, or leave --node out",
		      req->text, req->node, nodes);
}

static int gfp_einval(const struct zb_req *req, const struct zb_ioc_info *info)
{
	__u32 zones = req->gfp & (__ZB_GFP_DMA | __ZB_GFP_DMA32 |
				  __ZB_GFP_HIGHMEM);
	char bad[GFP_TEXT], good[GFP_TEXT];

	if (req->gfp & ~info->gfp_mask)
		return zb_err(EINVAL,
			      "alloc %s: this module does not accept the gfp flags %s: leave them out; it accepts %s",
			      req->text,
			      gfp_bits_text(req->gfp & ~info->gfp_mask, bad),
			      gfp_bits_text(info->gfp_mask, good));
	if (zones & (zones - 1))
		return zb_err(EINVAL, "alloc %s: gfp flags %s name different zones: choose one",
			      req->text, gfp_bits_text(zones, bad));
	if ((req->gfp & ZB_GFP_MOVABLE_MASK) == ZB_GFP_MOVABLE_MASK)
		return zb_err(EINVAL,
			      "alloc %s: gfp flags MOVABLE and RECLAIMABLE exclude each other (TEMPORARY has RECLAIMABLE): choose one",
			      req->text);
	return 0;
}

static int size_einval(const struct zb_req *req, const struct zb_ioc_info *info)
{
	if ((req->flags & ZB_BUF_LENGTH) && !req->length)
		return zb_err(EINVAL, "alloc %s: a buffer has at least 1 byte",
			      req->text);
	if (req_order(req, info) > info->max_order)
		return zb_err(EINVAL,
			      "alloc %s: larger than any block of this region: the largest is order %u (%s)",
			      req->text, info->max_order,
			      size_text((__u64)info->page_size <<
					info->max_order));
	return 0;
}

/* Returns nonzero if the cause was found and printed. */
static int alloc_einval(int fd, const struct zb_req *req,
			const struct zb_ioc_info *info)
{
	int rc = gfp_einval(req, info);

	if (!rc)
		rc = size_einval(req, info);
	if (!rc)
		rc = node_einval(fd, req, info);
	if (!rc)
		rc = zb_err(EINVAL,
			    "alloc %s: refused: no zone that the flags, node and size allow; see zbctl info",
			    req->text);
	return rc;
}

/* The largest free block of each zone, and where the requested block would be available. */
struct largest {
	char text[256];
	bool reachable;
	int unreachable;
	bool any_reachable;
};

static bool zone_reachable(const struct zb_ioc_zone *zone,
			   const struct zb_req *req)
{
	if (zone->type > gfp_zone(req->gfp))
		return false;
	return !(req->gfp & __ZB_GFP_THISNODE) || req->node == ZB_NODE_ANY ||
	       zone->node == req->node;
}

static void largest_get(int fd, const struct zb_req *req,
			const struct zb_ioc_info *info, struct largest *l)
{
	int order = (int)req_order(req, info);
	struct zb_ioc_zone zone;
	size_t len = 0;

	*l = (struct largest){ .unreachable = -1 };
	for (__u32 i = 0; i < info->nr_zones; i++) {
		if (dev_zone(fd, i, &zone))
			break;
		if (len < sizeof(l->text))
			len += (size_t)snprintf(l->text + len,
						sizeof(l->text) - len,
						"%snode %d %s %s",
						i ? ", " : "", zone.node,
						zone_name(zone.type),
						zone.largest_order < 0 ?
						"none" :
						size_text((__u64)info->page_size
							<< zone.largest_order));
		if (zone_reachable(&zone, req))
			l->any_reachable = true;
		if (zone.largest_order < order)
			continue;
		if (zone_reachable(&zone, req))
			l->reachable = true;
		else if (l->unreachable < 0 && zone.type > gfp_zone(req->gfp))
			l->unreachable = (int)zone.type;
	}
}

static const char *enomem_cure(const struct largest *l)
{
	if (l->reachable)
		return "what is left is a reserve (watermarks, see zoneinfo in debugfs): free something, or add MEMALLOC";
	if (l->unreachable == ZB_ZONE_MOVABLE)
		return "the flags keep out zone Movable: try --gfp KERNEL,HIGHMEM,MOVABLE";
	if (l->unreachable == ZB_ZONE_HIGHMEM)
		return "the flags keep out zone HighMem: try --gfp KERNEL,HIGHMEM";
	if (l->unreachable >= 0)
		return "the flags keep out the zones that have it: try --gfp KERNEL";
	if (!l->any_reachable)
		return "there is no zone that the flags allow: see zbctl info";
	return "free something (zbctl holders), zbctl drain, or ask for less";
}

static int alloc_enomem(int fd, const struct zb_req *req,
			const struct zb_ioc_info *info, unsigned long got)
{
	char what[48], had[80] = "";
	struct largest l;

	largest_get(fd, req, info, &l);
	if (req->count > 1)
		snprintf(had, sizeof(had),
			 "only %lu of %lu could be had and none is kept: ",
			 got, req->count);
	return zb_err(ENOMEM, "alloc %s: %sno free block for %s now; largest free: %s; %s",
		      req->text, had, req_text(req, info, what), l.text,
		      enomem_cure(&l));
}

/*
 * Explain why @req failed with errno @err after @got of its buffers were allocated. To be
 * called before these are freed, because the reason is the lack of memory at this time.
 */
int alloc_err(int fd, const struct zb_req *req, int err, unsigned long got)
{
	struct zb_ioc_info info;

	if (!dev_info(fd, &info)) {
		if (err == EINVAL)
			return alloc_einval(fd, req, &info);
		if (err == ENOMEM)
			return alloc_enomem(fd, req, &info, got);
	}
	if (err == EDQUOT)
		return zb_err(err,
			      "alloc %s: over the limit of an open file or a user: free something (zbctl owners), or raise max_bytes_per_open, max_bytes_per_user, or for a wait max_waiting_per_open, max_waiting_per_user, in /sys/module/zbuddy/parameters",
			      req->text);
	if (err == ETIMEDOUT)
		return zb_err(err,
			      "alloc %s: nothing was freed in time: wait longer, or see who holds it: zbctl owners",
			      req->text);
	if (err == EINTR)
		return zb_err(err, "alloc %s: interrupted while it waited",
			      req->text);
	if (err == EAGAIN)
		return zb_err(err,
			      "alloc %s: over RLIMIT_MEMLOCK or the cgroup's dmem.max: raise it (ulimit -l), or have the administrator set charge=none",
			      req->text);
	if (err == EPERM)
		return zb_err(err,
			      "alloc %s: gfp flags HIGH, ATOMIC and MEMALLOC use up what is kept for urgent requests: run with CAP_SYS_RESOURCE",
			      req->text);
	if (err == ENOSPC)
		return zb_err(err,
			      "alloc %s: this open file has handed out all its handles: use another process",
			      req->text);
	if (err == ENOTTY)
		return zb_err(err, "not a zbuddy device: name the right one with --device");
	return zb_err(err, "%s: %s", req->text, strerror(err));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: the ioctls.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open the device; returns a file descriptor, or -1 after an error line. */
int dev_open(struct zbctl *z)
{
	int fd = open(z->device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		open_err(z, errno);
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

/* Get the cause of the last failure of this thread; fails if there was none. */
int dev_explain(int fd, struct zb_ioc_explain *e)
{
	memset(e, 0, sizeof(*e));
	e->size = sizeof(*e);
	return dev_ioctl(fd, ZB_IOC_EXPLAIN, e);
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

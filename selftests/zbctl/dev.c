// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: the device. Most functions only call a wrapper of zb_ioctl.h. cause_test replaces
 * some of them, which is not possible with inline functions.
 */
#include "zb_ioctl.h"
#include "zbctl.h"

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

int dev_info(int fd, struct zb_ioc_info *info)
{
	return zb_info(fd, info);
}

int dev_zone(int fd, __u32 index, struct zb_ioc_zone *zone)
{
	return zb_zone(fd, index, zone);
}

int dev_alloc(int fd, const struct zb_req *req, struct zb_ioc_alloc *a)
{
	*a = (struct zb_ioc_alloc){
		.size = sizeof(*a),
		.flags = req->flags,
		.gfp = req->gfp,
		.node = req->node,
		.order = req->order,
		.length = req->length,
		.deadline_ns = req->deadline_ns,
		.align = req->align,
		.min_addr = req->min_addr,
		.max_addr = req->max_addr,
	};
	return zb_ioctl(fd, ZB_IOC_ALLOC, a);
}

/* Get the cause of the last failure of this thread; fails if there was none. */
int dev_explain(int fd, struct zb_ioc_explain *e)
{
	return zb_explain(fd, e);
}

int dev_free(int fd, __u32 handle)
{
	return zb_free(fd, handle);
}

int dev_query(int fd, __u32 handle, struct zb_ioc_query *q)
{
	return zb_query(fd, handle, q);
}

/* Refuse a label that is too long, like the module does. */
int dev_label(int fd, __u32 handle, const char *label)
{
	return strlen(label) < ZB_LABEL_LEN ? zb_label(fd, handle, label) : -EINVAL;
}

int dev_advise(int fd, __u32 handle, __u32 advice, __u32 *retained)
{
	return zb_advise(fd, handle, advice, retained);
}

int dev_resize(int fd, struct zb_ioc_resize *r)
{
	return zb_ioctl(fd, ZB_IOC_RESIZE, r);
}

int dev_empty(int fd, struct zb_ioc_empty *e)
{
	return zb_ioctl(fd, ZB_IOC_EMPTY, e);
}

/* Returns the file descriptor of a dma-buf, or -errno. */
int dev_export(int fd, __u32 handle, __u32 flags)
{
	return zb_export(fd, handle, flags);
}

/* Returns the descriptor of a file that is the buffer, or -errno. */
int dev_to_file(int fd, __u32 handle, __u32 flags)
{
	return zb_to_file(fd, handle, flags);
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

// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls that turn a handle into a file descriptor, and back. */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "../fs/fs.h"
#include "cmd.h"

static int do_to_file(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_to_file *to = &arg->to_file;
	bool writable = to->flags & ZB_FILE_RDWR;
	struct zb_buffer *buf;
	int err;

	if (to->flags & ~(ZB_FILE_CLOEXEC | ZB_FILE_RDWR))
		return zb_einval(call, "flags", to->flags);
	err = zb_check_mode(call, file, writable);
	if (err)
		return err;
	buf = zb_get_buffer(call, file, to->handle, writable);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	/*
	 * A buffer that has a file cannot be marked as not needed. The new file counts itself;
	 * until it does, count it here, so that the buffer is not marked meanwhile.
	 */
	if (zb_buffer_add_user(buf, &buf->inodes)) {
		call->file = zb_fs_new_nameless(buf, writable);
		atomic_dec(&buf->inodes);
	} else {
		call->file = ERR_PTR(-EBUSY);
	}
	zb_buffer_put(buf);
	if (IS_ERR(call->file))
		return PTR_ERR(call->file);
	to->fd = get_unused_fd_flags(to->flags & ZB_FILE_CLOEXEC ? O_CLOEXEC : 0);
	if (to->fd >= 0)
		return 0;
	fput(call->file);
	return to->fd;
}

/* Install the descriptor last, because from then on other threads can use the file. */
static void to_file_commit(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	fd_install(arg->to_file.fd, call->file);
}

static void to_file_rollback(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	put_unused_fd(arg->to_file.fd);
	fput(call->file);
}

const struct zb_cmd zb_cmd_to_file = {
	ZB_CMD(ZB_IOC_TO_FILE, to_file, fd),
	.prepare = do_to_file,
	.copy_out = true,
	.commit = to_file_commit,
	.rollback = to_file_rollback,
};

/*
 * Get the buffer of a descriptor with a reference, -EBADF, or NULL if the descriptor does not
 * refer to a buffer.
 */
static struct zb_buffer *buffer_of_fd(int fd, fmode_t *mode)
{
	struct zb_buffer *buf = zb_dmabuf_buffer(fd, mode);
	struct file *file;

	if (buf)
		return buf;
	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	buf = zb_fs_file_buffer(file);
	*mode = file->f_mode;
	fput(file);
	return buf;
}

/* Create a handle that allows no more than the descriptor. */
static struct zb_handle *new_handle(struct zb_call *call, int fd)
{
	struct zb_handle *handle;
	struct zb_buffer *buf;
	fmode_t mode;

	buf = buffer_of_fd(fd, &mode);
	if (!buf)
		return ERR_PTR(zb_einval(call, "fd", fd));
	if (IS_ERR(buf))
		return ERR_CAST(buf);
	if (!(mode & FMODE_READ)) {
		zb_buffer_put(buf);
		return ERR_PTR(zb_eacces(call));
	}
	handle = zb_handle_new(buf, mode & FMODE_WRITE);
	if (!handle) {
		zb_explain(&call->why, ZB_CAUSE_KERNEL);
		zb_buffer_put(buf);
		return ERR_PTR(-ENOMEM);
	}
	return handle;
}

static int do_from_file(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_from_file *from = &arg->from_file;
	struct zb_handle *handle;
	int err;

	if (from->flags)
		return zb_einval(call, "flags", from->flags);
	handle = new_handle(call, from->fd);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	zb_handle_list_init(&call->handles);
	zb_handle_list_add(&call->handles, handle);
	err = zb_handles_reserve(file, &call->handles, &call->why);
	if (err)
		return err;
	from->handle = handle->nr;
	from->length = zb_buffer_bytes(handle->buf);
	from->mmap_offset = zb_file_mmap_offset(file, handle->nr, false);
	from->mmap_huge_offset = zb_file_mmap_offset(file, handle->nr, true);
	return 0;
}

const struct zb_cmd zb_cmd_from_file = {
	ZB_CMD(ZB_IOC_FROM_FILE, from_file, mmap_huge_offset),
	.prepare = do_from_file,
	.copy_out = true,
	.commit = zb_publish_handles,
	.rollback = zb_cancel_handles,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handles of an open file.
 *
 * A handle is an index into the file's xarray. A buffer may have several handles, in one
 * or several open files. The one that ALLOC makes is part of the buffer, so that it needs
 * no memory of its own; the others are made from descriptors.
 *
 * A command that makes a handle first reserves its number, which may fail. It publishes
 * the handle after its number has been copied to user space, which can't fail. Until then
 * the number can be neither looked up nor freed, nor allocated.
 *
 * Numbers are allocated cyclically, so that a stale handle is not reused soon.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "buffer.h"

/**
 * zb_handle_new() - create a handle for a buffer that exists already
 * @buf: the buffer, whose reference the handle takes over, unless this fails
 * @writable: the buffer may be changed through the handle
 *
 * Context: may sleep.
 * Return: the handle, which has to be reserved, or NULL if out of memory.
 */
struct zb_handle *zb_handle_new(struct zb_buffer *buf, bool writable)
{
	struct zb_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);

	if (handle) {
		handle->buf = buf;
		handle->writable = writable;
	}
	return handle;
}

/**
 * zb_handle_destroy() - free a handle that is not in an open file
 * @handle: the handle, whose reference on the buffer is dropped
 *
 * Context: may sleep.
 */
void zb_handle_destroy(struct zb_handle *handle)
{
	struct zb_buffer *buf = handle->buf;

	if (handle != &buf->first)
		kfree(handle);
	zb_buffer_put(buf);
}

/* Destroy a handle that has been removed from its open file. */
static void drop_handle(struct zb_handle *handle)
{
	atomic_dec(&handle->buf->handles);
	zb_handle_destroy(handle);
}

/**
 * zb_handle_reserve() - reserve a number for a handle
 * @file: the open file
 * @handle: the handle, whose number is set
 * @why: filled in with the cause of a failure, or NULL
 *
 * zb_handle_publish() or zb_handle_cancel() has to follow.
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if all handles are in use, or -ENOMEM.
 */
int zb_handle_reserve(struct zb_file *file, struct zb_handle *handle,
		      struct zb_ioc_explain *why)
{
	u32 nr;
	int err;

	xa_lock(&file->handles);
	err = __xa_alloc_cyclic(&file->handles, &nr, NULL,
				XA_LIMIT(1, zb_file_max_handle(file)), &file->next,
				GFP_KERNEL_ACCOUNT);
	xa_unlock(&file->handles);
	if (err < 0) {
		zb_explain(why, err == -EBUSY ? ZB_CAUSE_HANDLES : ZB_CAUSE_KERNEL);
		return err == -EBUSY ? -ENOSPC : err;
	}
	/* debugfs reads it concurrently. */
	WRITE_ONCE(handle->nr, nr);
	return 0;
}

/* Put a handle in the place of its reservation, which needs no memory. */
static void store_handle(struct zb_file *file, struct zb_handle *handle)
{
	xa_lock(&file->handles);
	__xa_store(&file->handles, handle->nr, handle, 0);
	xa_unlock(&file->handles);
}

/**
 * zb_handle_publish() - make a reserved handle valid
 * @file: the open file, which takes over the handle
 * @handle: the handle, which another thread may free as soon as it is valid
 *
 * Context: any but interrupts.
 */
void zb_handle_publish(struct zb_file *file, struct zb_handle *handle)
{
	atomic_inc(&handle->buf->handles);
	store_handle(file, handle);
}

/**
 * zb_handle_cancel() - undo zb_handle_reserve()
 * @file: the open file
 * @handle: the handle, which is destroyed
 *
 * Context: may sleep.
 */
void zb_handle_cancel(struct zb_file *file, struct zb_handle *handle)
{
	xa_release(&file->handles, handle->nr);
	zb_handle_destroy(handle);
}

/**
 * zb_file_get() - look up a handle
 * @file: the open file
 * @nr: any number
 * @writable: the caller changes the buffer, or lets others change it
 *
 * Return: the buffer with a reference for the caller, -ENOENT, or -EACCES if @writable is set
 * and the handle was made from a descriptor that is open for reading only.
 */
struct zb_buffer *zb_file_get(struct zb_file *file, u32 nr, bool writable)
{
	struct zb_buffer *buf = ERR_PTR(-ENOENT);
	struct zb_handle *handle;

	xa_lock(&file->handles);
	handle = xa_load(&file->handles, nr);
	if (handle && writable && !handle->writable) {
		buf = ERR_PTR(-EACCES);
	} else if (handle) {
		buf = handle->buf;
		kref_get(&buf->ref);
	}
	xa_unlock(&file->handles);
	return buf;
}

/**
 * zb_file_free() - free a handle
 * @file: the open file
 * @nr: any number
 *
 * Context: may sleep.
 * Return: false if the open file has no such handle.
 */
bool zb_file_free(struct zb_file *file, u32 nr)
{
	struct zb_handle *handle;

	xa_lock(&file->handles);
	handle = xa_load(&file->handles, nr);
	/* A reserved or hidden handle is not found, and its number must stay reserved. */
	if (handle)
		__xa_erase(&file->handles, nr);
	xa_unlock(&file->handles);
	if (!handle)
		return false;
	drop_handle(handle);
	return true;
}

/**
 * zb_file_free_all() - free all handles of an open file that no descriptor refers to
 * @file: the open file
 *
 * Context: may sleep.
 */
void zb_file_free_all(struct zb_file *file)
{
	struct zb_handle *handle;
	unsigned long nr;

	xa_for_each(&file->handles, nr, handle) {
		drop_handle(handle);
		cond_resched();
	}
	xa_destroy(&file->handles);
}

/**
 * zb_handle_hide() - remove a handle in a way that can be undone
 * @file: the open file
 * @nr: any number
 *
 * The handle can neither be looked up nor freed, and its number stays reserved. The caller
 * has to call zb_handle_free_hidden() or zb_handle_unhide() afterwards, neither of which
 * can fail.
 *
 * Return: the handle, or NULL.
 */
struct zb_handle *zb_handle_hide(struct zb_file *file, u32 nr)
{
	struct zb_handle *handle;

	xa_lock(&file->handles);
	handle = xa_load(&file->handles, nr);
	if (handle)
		__xa_store(&file->handles, nr, XA_ZERO_ENTRY, 0);
	xa_unlock(&file->handles);
	return handle;
}

/**
 * zb_handle_unhide() - undo zb_handle_hide()
 * @file: the open file
 * @handle: the handle
 *
 * Context: any but interrupts.
 */
void zb_handle_unhide(struct zb_file *file, struct zb_handle *handle)
{
	store_handle(file, handle);
}

/**
 * zb_handle_free_hidden() - free a hidden handle
 * @file: the open file
 * @handle: the handle
 *
 * Context: may sleep.
 */
void zb_handle_free_hidden(struct zb_file *file, struct zb_handle *handle)
{
	xa_release(&file->handles, handle->nr);
	drop_handle(handle);
}

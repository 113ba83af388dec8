// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handles of an open file.
 *
 * A handle is an index into the file's xarray. It also selects two windows of the
 * file's mmap() offsets, one for each kind of mapping; a window is as large as the
 * largest buffer. An offset in pages is FIRST_PGOFF plus
 *
 *	handle | huge entries | page in the buffer
 *	       |    1 bit     |   max_order bits
 *
 * A 32-bit program can only express 32 bits of such an offset, so no bits are reserved
 * above the handle, and many handles fit. FIRST_PGOFF corresponds to 4 GiB: a program
 * that was built with a 32-bit off_t truncates every offset to one below it, where no
 * buffer is, instead of mapping another buffer. User space must not rely on this
 * encoding.
 *
 * Handles are allocated cyclically, so that a stale handle is not reused soon.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "buffer.h"

#define FIRST_PGOFF	BIT_ULL(32 - PAGE_SHIFT)

static unsigned int handle_shift(const struct zb_buffer_pool *bpool)
{
	return bpool->inst->pool.max_order + 1;
}

/*
 * Returns the largest handle whose mmap() offset the caller can express: as a positive
 * number of bytes or, in a 32-bit program, as a 32-bit number of pages.
 */
static u32 max_handle(const struct zb_file *file)
{
	u64 nr_pgoff = BIT_ULL(63 - PAGE_SHIFT);

	if (in_compat_syscall() || BITS_PER_LONG == 32)
		nr_pgoff = BIT_ULL(32);
	nr_pgoff -= FIRST_PGOFF;
	return min_t(u64, (nr_pgoff >> handle_shift(file->bpool)) - 1, U32_MAX);
}

/**
 * zb_buffer_mmap_offset() - get the mmap() offset of a buffer
 * @buf: a buffer with a handle
 * @huge: for a mapping with huge entries
 *
 * Return: offset in bytes; 0 if huge mappings are not supported.
 */
u64 zb_buffer_mmap_offset(const struct zb_buffer *buf, bool huge)
{
	struct zb_instance *inst = buf->bpool->inst;
	u64 pgoff = FIRST_PGOFF + ((u64)buf->handle << handle_shift(buf->bpool));

	if (huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE))
		return 0;
	if (huge)
		pgoff += BIT_ULL(inst->pool.max_order);
	return pgoff << PAGE_SHIFT;
}

/*
 * Look up the buffer at an mmap() offset in pages, which becomes the offset within the
 * buffer. The caller gets a reference.
 */
static struct zb_buffer *get_at(struct zb_file *file, unsigned long *pgoff, bool *huge)
{
	struct zb_instance *inst = file->bpool->inst;
	u64 at = *pgoff - FIRST_PGOFF, handle = at >> handle_shift(file->bpool);
	struct zb_buffer *buf;

	*huge = at & BIT_ULL(inst->pool.max_order);
	if (*pgoff < FIRST_PGOFF || handle > U32_MAX ||
	    (*huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE)))
		return NULL;
	buf = zb_file_get(file, handle);
	if (buf)
		*pgoff = at & (BIT_ULL(inst->pool.max_order) - 1);
	return buf;
}

/**
 * zb_file_mmap() - map part of a buffer of an open file
 * @file: the open file
 * @vma: the mapping; its offset selects the buffer
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: as zb_buffer_mmap(), or -ENOENT if the file has no buffer at that offset.
 */
int zb_file_mmap(struct zb_file *file, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	struct zb_buffer *buf;
	bool huge;
	int err;

	buf = get_at(file, &pgoff, &huge);
	if (!buf)
		return -ENOENT;
	vma->vm_pgoff = pgoff;
	err = zb_buffer_mmap(buf, vma, huge);
	zb_buffer_put(buf);
	return err;
}

/**
 * zb_file_open() - create the state of an open file
 * @bpool: the buffer pool
 * @mode: f_mode of the open file
 *
 * Return: the file, or an ERR_PTR.
 */
struct zb_file *zb_file_open(struct zb_buffer_pool *bpool, fmode_t mode)
{
	struct zb_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return ERR_PTR(-ENOMEM);
	file->account = zb_account_new();
	if (!file->account) {
		kfree(file);
		return ERR_PTR(-ENOMEM);
	}
	file->bpool = bpool;
	file->mode = mode;
	spin_lock_init(&file->failed_lock);
	xa_init_flags(&file->handles, XA_FLAGS_ALLOC1);
	atomic_inc(&bpool->files);
	return file;
}

static void drop_handle(struct zb_buffer *buf)
{
	WRITE_ONCE(buf->has_handle, false);
	zb_buffer_put(buf);
}

/**
 * zb_file_close() - release all handles of an open file
 * @file: the open file, which is freed
 *
 * Context: may sleep.
 */
void zb_file_close(struct zb_file *file)
{
	struct zb_buffer_pool *bpool = file->bpool;
	struct zb_buffer *buf;
	unsigned long handle;

	xa_for_each(&file->handles, handle, buf)
		drop_handle(buf);
	xa_destroy(&file->handles);
	zb_account_put(file->account);
	kfree(file);
	/* If no file is open, frames on per-CPU lists have no use but fragment the memory. */
	if (atomic_dec_and_test(&bpool->files))
		zb_instance_drain_all(bpool->inst);
}

/**
 * zb_file_add() - allocate a handle for a new buffer
 * @file: the open file
 * @buf: the buffer, which is released on failure
 * @why: filled in with the cause of a failure, or NULL
 *
 * The caller keeps its reference in addition to that of the handle, because another
 * thread may guess the handle and free it.
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if all handles are in use, or -ENOMEM.
 */
int zb_file_add(struct zb_file *file, struct zb_buffer *buf,
		struct zb_ioc_explain *why)
{
	u32 handle;
	int err;

	kref_get(&buf->ref);
	xa_lock(&file->handles);
	err = __xa_alloc_cyclic(&file->handles, &handle, buf,
				XA_LIMIT(1, max_handle(file)), &file->next,
				GFP_KERNEL_ACCOUNT);
	if (err >= 0) {
		/* debugfs reads these concurrently. */
		WRITE_ONCE(buf->handle, handle);
		WRITE_ONCE(buf->has_handle, true);
	}
	xa_unlock(&file->handles);
	if (err >= 0)
		return 0;
	zb_explain(why, err == -EBUSY ? ZB_CAUSE_HANDLES : ZB_CAUSE_KERNEL);
	zb_buffer_put(buf);
	zb_buffer_put(buf);
	return err == -EBUSY ? -ENOSPC : err;
}

/**
 * zb_file_get() - look up a handle
 * @file: the open file
 * @handle: any number
 *
 * Return: the buffer with a reference for the caller, or NULL.
 */
struct zb_buffer *zb_file_get(struct zb_file *file, u32 handle)
{
	struct zb_buffer *buf;

	xa_lock(&file->handles);
	buf = xa_load(&file->handles, handle);
	if (buf)
		kref_get(&buf->ref);
	xa_unlock(&file->handles);
	return buf;
}

/**
 * zb_file_remove() - remove a handle
 * @file: the open file
 * @handle: any number
 *
 * Return: the buffer with the reference that the handle had, or NULL.
 */
struct zb_buffer *zb_file_remove(struct zb_file *file, u32 handle)
{
	struct zb_buffer *buf;

	xa_lock(&file->handles);
	buf = xa_load(&file->handles, handle);
	/* A hidden handle is not found, and its slot must stay reserved. */
	if (buf)
		__xa_erase(&file->handles, handle);
	xa_unlock(&file->handles);
	if (buf)
		WRITE_ONCE(buf->has_handle, false);
	return buf;
}

/**
 * zb_file_cancel() - undo zb_file_add() if user space did not get the handle
 * @file: the open file
 * @buf: a buffer on which the caller has a reference of its own
 *
 * Another thread may have guessed the handle and freed it already. If that thread has only
 * hidden it (zb_file_hide()), zb_file_unhide() removes it instead of restoring it.
 */
void zb_file_cancel(struct zb_file *file, struct zb_buffer *buf)
{
	bool ours;

	xa_lock(&file->handles);
	ours = xa_load(&file->handles, buf->handle) == buf;
	if (ours)
		__xa_erase(&file->handles, buf->handle);
	else
		buf->cancelled = true;
	xa_unlock(&file->handles);
	if (ours)
		drop_handle(buf);
}

/**
 * zb_file_hide() - remove a handle in a way that can be undone
 * @file: the open file
 * @handle: any number
 *
 * The handle can neither be looked up, removed nor allocated. The caller has to call
 * zb_file_drop_hidden() or zb_file_unhide() afterwards, neither of which can fail.
 *
 * Return: the buffer with the reference that the handle had, or NULL.
 */
struct zb_buffer *zb_file_hide(struct zb_file *file, u32 handle)
{
	struct zb_buffer *buf;

	xa_lock(&file->handles);
	buf = xa_load(&file->handles, handle);
	if (buf)
		__xa_store(&file->handles, handle, XA_ZERO_ENTRY, 0);
	xa_unlock(&file->handles);
	return buf;
}

/**
 * zb_file_unhide() - undo zb_file_hide()
 * @file: the open file
 * @buf: the buffer from zb_file_hide()
 */
void zb_file_unhide(struct zb_file *file, struct zb_buffer *buf)
{
	bool cancelled;

	xa_lock(&file->handles);
	/* The command that created the buffer may have failed while it was hidden. */
	cancelled = buf->cancelled;
	if (cancelled)
		__xa_erase(&file->handles, buf->handle);
	else
		/* Replacing an existing entry needs no memory. */
		__xa_store(&file->handles, buf->handle, buf, 0);
	xa_unlock(&file->handles);
	if (cancelled)
		drop_handle(buf);
}

/**
 * zb_file_drop_hidden() - complete the removal of a hidden handle
 * @file: the open file
 * @buf: the buffer from zb_file_hide(), whose reference is dropped
 *
 * Context: may sleep.
 */
void zb_file_drop_hidden(struct zb_file *file, struct zb_buffer *buf)
{
	xa_release(&file->handles, buf->handle);
	drop_handle(buf);
}

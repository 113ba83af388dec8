// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handles of an open file.
 *
 * A handle is an index into the file's xarray, and picks a window of the file's
 * mmap() offsets. Each window is as large as the largest buffer and is there
 * twice, once for each kind of mapping. An offset, in pages, is
 *
 *	handle | by huge entries? | page in the buffer
 *	       |      1 bit       |   max_order bits
 *
 * with nothing above the handle, so that the 32 bits that a 32-bit program has
 * for it are enough for many buffers. User space takes offsets as they are.
 *
 * Handles are given out cyclically: one that was freed stays unknown for long.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "buffer.h"

static unsigned int handle_shift(const struct zb_buffer_pool *bpool)
{
	return bpool->inst->pool.max_order + 1;
}

/*
 * The last handle whose mmap() offset the caller can express: a positive number
 * of bytes, or 32 bits of pages for a 32-bit program.
 */
static u32 max_handle(const struct zb_file *file)
{
	unsigned int shift = handle_shift(file->bpool);
	u64 max = (u64)S64_MAX >> (shift + PAGE_SHIFT);

	if (in_compat_syscall() || BITS_PER_LONG == 32)
		max = U32_MAX >> shift;
	return min_t(u64, max, U32_MAX);
}

/**
 * zb_buffer_mmap_offset() - where mmap() finds a buffer
 * @buf: a buffer with a handle
 * @huge: for a mapping by huge entries
 *
 * Return: offset into the file, in bytes; 0 if there are no huge mappings.
 */
u64 zb_buffer_mmap_offset(const struct zb_buffer *buf, bool huge)
{
	struct zb_instance *inst = buf->bpool->inst;
	u64 pgoff = (u64)buf->handle << handle_shift(buf->bpool);

	if (huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE))
		return 0;
	if (huge)
		pgoff |= BIT_ULL(inst->pool.max_order);
	return pgoff << PAGE_SHIFT;
}

/**
 * zb_file_get_at() - look up the buffer at an mmap() offset
 * @file: whose
 * @pgoff: offset in pages; on success reduced to the page in the buffer
 * @huge: whether the mapping is to be made of huge entries
 *
 * Return: the buffer with a reference for the caller, or NULL.
 */
struct zb_buffer *zb_file_get_at(struct zb_file *file, unsigned long *pgoff,
				 bool *huge)
{
	struct zb_instance *inst = file->bpool->inst;
	unsigned long handle = *pgoff >> handle_shift(file->bpool);
	struct zb_buffer *buf;

	*huge = *pgoff & BIT(inst->pool.max_order);
	if (handle > U32_MAX ||
	    (*huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE)))
		return NULL;
	buf = zb_file_get(file, handle);
	if (buf)
		*pgoff &= BIT(inst->pool.max_order) - 1;
	return buf;
}

/**
 * zb_file_open() - start with no handles
 * @bpool: where buffers will come from
 * @mode: what it is opened for
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
 * zb_file_close() - let go of every handle
 * @file: nobody uses it any more
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
	/* With no user left nothing is gained by frames in per-CPU lists. */
	if (atomic_dec_and_test(&bpool->files))
		zb_instance_drain_all(bpool->inst);
}

/**
 * zb_file_add() - give a buffer a handle
 * @file: whose
 * @buf: the file takes over the caller's reference
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC when all handles are in use, or -ENOMEM.
 */
int zb_file_add(struct zb_file *file, struct zb_buffer *buf)
{
	u32 handle;
	int err;

	xa_lock(&file->handles);
	err = __xa_alloc_cyclic(&file->handles, &handle, buf,
				XA_LIMIT(1, max_handle(file)), &file->next,
				GFP_KERNEL_ACCOUNT);
	if (err >= 0) {
		/* The list of owners has the buffer already. */
		WRITE_ONCE(buf->handle, handle);
		WRITE_ONCE(buf->has_handle, true);
	}
	xa_unlock(&file->handles);
	if (err == -EBUSY)
		return -ENOSPC;
	return err < 0 ? err : 0;
}

/**
 * zb_file_get() - look a handle up
 * @file: whose
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
 * zb_file_remove() - take a handle away
 * @file: whose
 * @handle: any number
 *
 * Return: the buffer with the reference that the handle had, or NULL.
 */
struct zb_buffer *zb_file_remove(struct zb_file *file, u32 handle)
{
	struct zb_buffer *buf = xa_erase(&file->handles, handle);

	if (buf)
		WRITE_ONCE(buf->has_handle, false);
	return buf;
}

/**
 * zb_file_cancel() - take a handle back that the caller was never told
 * @file: whose
 * @buf: a buffer on which the caller has a reference of its own
 *
 * Somebody may have guessed the handle and freed it already.
 */
void zb_file_cancel(struct zb_file *file, struct zb_buffer *buf)
{
	if (xa_cmpxchg(&file->handles, buf->handle, buf, NULL, 0) == buf)
		drop_handle(buf);
}

/**
 * zb_file_hide() - take a handle away, so that it can be put back
 * @file: whose
 * @handle: any number
 *
 * Nobody finds the handle any more, nor is it given out again. To be followed by
 * zb_file_drop_hidden() or zb_file_unhide(), neither of which can fail.
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
 * zb_file_unhide() - put a hidden handle back
 * @file: whose
 * @buf: what zb_file_hide() returned
 */
void zb_file_unhide(struct zb_file *file, struct zb_buffer *buf)
{
	/* In the place of an entry that is there: needs no memory. */
	xa_lock(&file->handles);
	__xa_store(&file->handles, buf->handle, buf, 0);
	xa_unlock(&file->handles);
}

/**
 * zb_file_drop_hidden() - end a hidden handle for good
 * @file: whose
 * @buf: what zb_file_hide() returned; its reference is gone afterwards
 *
 * Context: may sleep.
 */
void zb_file_drop_hidden(struct zb_file *file, struct zb_buffer *buf)
{
	xa_release(&file->handles, buf->handle);
	drop_handle(buf);
}

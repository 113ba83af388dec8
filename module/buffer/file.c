// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files, and their mmap() offsets.
 *
 * A handle selects two windows of the file's mmap() offsets, one for each kind of mapping;
 * a window is as large as the largest buffer. An offset in pages is FIRST_PGOFF plus
 *
 *	handle | huge entries | page in the buffer
 *	       |    1 bit     |   max_order bits
 *
 * A 32-bit program can only express 32 bits of such an offset, so no bits are reserved
 * above the handle, and many handles fit. FIRST_PGOFF corresponds to 4 GiB: a program
 * that was built with a 32-bit off_t truncates every offset to one below it, where no
 * buffer is, instead of mapping another buffer. User space must not rely on this
 * encoding.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "buffer.h"

#define FIRST_PGOFF	BIT_ULL(32 - PAGE_SHIFT)

static unsigned int handle_shift(const struct zb_buffer_pool *bpool)
{
	return bpool->inst->pool.max_order + 1;
}

/**
 * zb_file_max_handle() - get the largest handle whose mmap() offset the caller can express
 * @file: the open file
 *
 * An offset is a positive number of bytes or, in a 32-bit program, a 32-bit number of pages.
 *
 * Context: process.
 * Return: the largest handle.
 */
u32 zb_file_max_handle(const struct zb_file *file)
{
	u64 nr_pgoff = BIT_ULL(63 - PAGE_SHIFT);

	if (in_compat_syscall() || BITS_PER_LONG == 32)
		nr_pgoff = BIT_ULL(32);
	nr_pgoff -= FIRST_PGOFF;
	return min_t(u64, (nr_pgoff >> handle_shift(file->bpool)) - 1, U32_MAX);
}

/**
 * zb_file_mmap_offset() - get the mmap() offset of a handle
 * @file: the open file
 * @nr: number of the handle
 * @huge: for a mapping with huge entries
 *
 * Return: offset in bytes; 0 if huge mappings are not supported.
 */
u64 zb_file_mmap_offset(const struct zb_file *file, u32 nr, bool huge)
{
	struct zb_instance *inst = file->bpool->inst;
	u64 pgoff = FIRST_PGOFF + ((u64)nr << handle_shift(file->bpool));

	if (huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE))
		return 0;
	if (huge)
		pgoff += BIT_ULL(inst->pool.max_order);
	return pgoff << PAGE_SHIFT;
}

/*
 * Split an mmap() offset in pages into a handle, the kind of mapping, and the offset within
 * the buffer. Returns false if it belongs to no handle.
 */
static bool split_offset(const struct zb_file *file, unsigned long *pgoff, u32 *nr, bool *huge)
{
	struct zb_instance *inst = file->bpool->inst;
	u64 at = *pgoff - FIRST_PGOFF;

	*huge = at & BIT_ULL(inst->pool.max_order);
	if (*pgoff < FIRST_PGOFF || at >> handle_shift(file->bpool) > U32_MAX ||
	    (*huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE)))
		return false;
	*nr = at >> handle_shift(file->bpool);
	*pgoff = at & (BIT_ULL(inst->pool.max_order) - 1);
	return true;
}

/*
 * Get the buffer of a handle for a mapping. A mapping of a read-only handle can't be made
 * writable later either. Returns the buffer with a reference, -ENOENT or -EACCES.
 */
static struct zb_buffer *get_for_mapping(struct zb_file *file, u32 nr,
					 struct vm_area_struct *vma)
{
	struct zb_buffer *buf = zb_file_get_writable(file, nr);

	if (buf != ERR_PTR(-EACCES) || vma->vm_flags & VM_WRITE)
		return buf;
	vm_flags_clear(vma, VM_MAYWRITE);
	return zb_file_get(file, nr) ?: ERR_PTR(-ENOENT);
}

/**
 * zb_file_mmap() - map part of a buffer of an open file
 * @file: the open file
 * @vma: the mapping; its offset selects the buffer
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: as zb_buffer_mmap(), -ENOENT if the file has no buffer at that offset, or -EACCES
 * if a writable mapping of a read-only handle is requested.
 */
int zb_file_mmap(struct zb_file *file, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	struct zb_buffer *buf;
	bool huge;
	u32 nr;
	int err;

	if (!split_offset(file, &pgoff, &nr, &huge))
		return -ENOENT;
	buf = get_for_mapping(file, nr, vma);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
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

/**
 * zb_file_close() - release all handles of an open file
 * @file: the open file, which is freed
 *
 * Context: may sleep.
 */
void zb_file_close(struct zb_file *file)
{
	struct zb_buffer_pool *bpool = file->bpool;

	zb_file_free_all(file);
	zb_account_put(file->account);
	kfree(file);
	/* If no file is open, frames on per-CPU lists have no use but fragment the memory. */
	if (atomic_dec_and_test(&bpool->files))
		zb_instance_drain_all(bpool->inst);
}

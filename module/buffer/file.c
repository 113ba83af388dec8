// SPDX-License-Identifier: GPL-2.0-only
/* Open files, and the mappings of their buffers. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "buffer.h"

/*
 * Get the buffer of a handle for a mapping. A mapping of a read-only handle can't be made
 * writable later either. Returns the buffer with a reference, -ENOENT or -EACCES.
 */
static struct zb_buffer *get_for_mapping(struct zb_file *file, u32 nr,
					 struct vm_area_struct *vma)
{
	struct zb_buffer *buf = zb_file_get(file, nr, true);

	if (buf != ERR_PTR(-EACCES) || vma->vm_flags & VM_WRITE)
		return buf;
	vm_flags_clear(vma, VM_MAYWRITE);
	return zb_file_get(file, nr, false);
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

	if (!zb_file_split_offset(file, &pgoff, &nr, &huge))
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
	xa_init_flags(&file->handles, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	file->next = 1;
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

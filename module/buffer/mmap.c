// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of buffers.
 *
 * mmap() replaces the file of the vma with a file of the buffer (vma_set_file()).
 * That file holds a reference on the buffer and has the address space of the buffer,
 * which contains all mappings of the buffer, whichever file they were made through.
 * The vma, and every copy and part of it that fork(), mremap() or a partial munmap()
 * creates, holds a reference on the file. Its vm_pgoff is relative to the start of the
 * buffer.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "../compat.h"
#include "pagefault.h"
#include "huge.h"
#include "zero.h"

/**
 * zb_mmap_features() - get the features of mappings
 * @inst: the instance
 *
 * Return: ZB_FEATURE_* bits.
 */
u64 zb_mmap_features(const struct zb_instance *inst)
{
	u64 features = inst->in_cma ? 0 : ZB_FEATURE_LONGTERM_PIN;

#ifdef ZB_HAVE_PMD_PFNMAP
	features |= ZB_FEATURE_MMAP_HUGE;
#endif
	if (zb_huge_available())
		features |= ZB_FEATURE_HUGE_PAGES;
	return features;
}

/* Map a buffer into a vma whose file is a mapping file of the buffer already. */
static int map_buffer(struct zb_buffer *buf, struct vm_area_struct *vma,
		      bool huge)
{
	int err;

	/* VM_SHARED is never set if the file is open for reading only. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff >= buf->nr_pages ||
	    vma_pages(vma) > buf->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = buf;
	/* KVM may take references on the pages of huge mappings as well. */
	WRITE_ONCE(buf->was_mapped, true);
	zb_buffer_expose(buf);
	if (!huge)
		err = zb_map_pages(vma, buf);
	else
		err = READ_ONCE(buf->discard) == ZB_DISCARD_PURGED ? -ENODATA : zb_map_huge(vma);
	if (!err)
		atomic_inc(&buf->mappings);
	return err;
}

/**
 * zb_buffer_remap() - map a buffer through the file of another mapping
 * @file: a file with which zb_buffer_mmap_file() was called
 * @vma: the mapping; its file is @file already
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: as zb_buffer_mmap_file().
 */
int zb_buffer_remap(struct file *file, struct vm_area_struct *vma)
{
	return map_buffer(file->private_data, vma, false);
}

/* No file descriptor refers to the files of mappings, so only remap_file_pages() calls this. */
static int mapping_mmap_huge(struct file *file, struct vm_area_struct *vma)
{
	return map_buffer(file->private_data, vma, true);
}

static int mapping_release(struct inode *inode, struct file *file)
{
	struct zb_buffer *buf = file->private_data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buf->files); i++)
		cmpxchg(&buf->files[i], file, NULL);
	zb_buffer_put_and_drain(buf);
	return 0;
}

/* With .owner, the module can't be unloaded before the last fput(), which may be delayed. */
static const struct file_operations mapping_fops = {
	.owner = THIS_MODULE,
	.mmap = zb_buffer_remap,
	.release = mapping_release,
};

static const struct file_operations mapping_fops_huge = {
	.owner = THIS_MODULE,
	.mmap = mapping_mmap_huge,
	.release = mapping_release,
};

static struct file *new_mapping_file(struct zb_buffer *buf, bool huge,
				     bool writable)
{
	struct file *file;

	file = anon_inode_getfile("[zbuddy]",
				  huge ? &mapping_fops_huge : &mapping_fops,
				  buf, writable ? O_RDWR : O_RDONLY);
	if (IS_ERR(file))
		return file;
	kref_get(&buf->ref);
	/* All anon_inode files share an inode, so the buffer has its own address space. */
	WRITE_ONCE(buf->mapping.host, file_inode(file));
	file->f_mapping = &buf->mapping;
	return file;
}

/*
 * Get a file of the buffer with a reference. There is a file for each set of access
 * rights, because remap_file_pages() gives a new mapping the rights of the file. The
 * mappings hold the files; the buffer has no reference on them.
 */
static struct file *get_mapping_file(struct zb_buffer *buf, bool huge,
				     bool writable)
{
	struct file **slot = &buf->files[2 * huge + writable];
	struct file *file = zb_get_file_active(slot);

	if (file)
		return file;
	file = new_mapping_file(buf, huge, writable);
	/* If two tasks each create a file, the later one is used from then on. */
	if (!IS_ERR(file))
		xchg(slot, file);
	return file;
}

/**
 * zb_buffer_mmap() - map part of a buffer
 * @buf: the buffer; the caller keeps its reference
 * @vma: the mapping; its vm_pgoff is relative to the start of the buffer
 * @huge: use huge entries
 *
 * The file of the vma is replaced with a file of the buffer.
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: 0, -EINVAL if the mapping is private or extends beyond the buffer, -ENODATA
 * if the memory of the buffer has been taken back, -EOPNOTSUPP if huge entries are not
 * supported, -ENOMEM, -ENFILE if the system has too many open files, or -EINTR if the task
 * has been killed.
 */
int zb_buffer_mmap(struct zb_buffer *buf, struct vm_area_struct *vma, bool huge)
{
	struct file *file;

	file = get_mapping_file(buf, huge, vma->vm_flags & VM_MAYWRITE);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* If mapping fails, the caller of ->mmap() drops the new file of the vma. */
	vma_set_file(vma, file);
	fput(file);
	return map_buffer(buf, vma, huge);
}

/* The host is the inode of all anonymous files, which is never freed. */
static int set_mapping_host(struct zb_buffer *buf)
{
	struct file *file;

	if (READ_ONCE(buf->mapping.host))
		return 0;
	file = get_mapping_file(buf, false, false);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(file);
	return 0;
}

/**
 * zb_buffer_mmap_file() - map part of a buffer through a file of a file system
 * @buf: the buffer; the caller keeps its reference
 * @vma: the mapping; its vm_pgoff is relative to the start of the buffer
 * @file: a new open file that no descriptor refers to. Its private_data becomes the
 *	buffer with a reference, which its release operation has to drop
 *
 * The file of the vma is replaced with @file.
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: 0, -EINVAL if the mapping is private or extends beyond the buffer, -ENOMEM,
 * -ENFILE if the system has too many open files, or -EINTR if the task has been killed.
 */
int zb_buffer_mmap_file(struct zb_buffer *buf, struct vm_area_struct *vma,
			struct file *file)
{
	int err = set_mapping_host(buf);

	if (err)
		return err;
	kref_get(&buf->ref);
	file->private_data = buf;
	file->f_mapping = &buf->mapping;
	/* If mapping fails, the caller of ->mmap() drops the new file of the vma. */
	vma_set_file(vma, file);
	return map_buffer(buf, vma, false);
}

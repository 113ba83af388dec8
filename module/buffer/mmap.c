// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of buffers.
 *
 * All pages are put into the page tables at mmap() time, as ordinary pages, so
 * that get_user_pages() (direct I/O, pipes, process_vm_readv) works on them. A
 * vma holds a reference on its buffer, and so does every copy and part of it
 * that fork(), mremap() or a partial munmap() makes.
 */
#include <linux/mm.h>

#include "../compat.h"
#include "buffer.h"

#define INSERT_BATCH	64

/* The frame of @buf that @pgoff of its vma means. */
static unsigned long pgoff_to_pfn(const struct zb_buffer *buf,
				  unsigned long pgoff)
{
	return buf->pfn +
	       (pgoff - (zb_buffer_mmap_offset(buf) >> PAGE_SHIFT));
}

static void vm_open(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	kref_get(&buf->ref);
	atomic_inc(&buf->mappings);
}

static void vm_close(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	atomic_dec(&buf->mappings);
	zb_buffer_put(buf);
}

/* Only for page table entries that madvise() or the like has thrown away. */
static vm_fault_t vm_fault(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	unsigned long pfn = pgoff_to_pfn(buf, vmf->pgoff);

	if (pfn < buf->pfn || pfn - buf->pfn >= buf->nr_pages)
		return VM_FAULT_SIGBUS;
	vmf->page = pfn_to_page(pfn);
	get_page(vmf->page);
	return 0;
}

static vm_fault_t vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

static const struct vm_operations_struct vm_ops = {
	.open = vm_open,
	.close = vm_close,
	.fault = vm_fault,
};

/*
 * Before a long-term pin the kernel wants to migrate pages out of CMA, and
 * with ours it would try until killed. A mapping that looks as if it needed
 * dirty tracking is refused such pins at once, with EFAULT. The callback does
 * nothing else: it is for page table entries without a page, and has none.
 */
static const struct vm_operations_struct vm_ops_cma = {
	.open = vm_open,
	.close = vm_close,
	.fault = vm_fault,
	.pfn_mkwrite = vm_pfn_mkwrite,
};

static int insert_frames(struct vm_area_struct *vma, unsigned long pfn)
{
	struct page *pages[INSERT_BATCH];
	unsigned long addr = vma->vm_start;
	unsigned long i, nr, left;
	int err;

	while (addr < vma->vm_end) {
		nr = min_t(unsigned long, INSERT_BATCH,
			   (vma->vm_end - addr) >> PAGE_SHIFT);
		for (i = 0; i < nr; i++)
			pages[i] = pfn_to_page(pfn + i);
		left = nr;
		err = vm_insert_pages(vma, addr, pages, &left);
		if (err)
			return err;
		addr += nr << PAGE_SHIFT;
		pfn += nr;
		cond_resched();
	}
	return 0;
}

static int map_buffer(struct zb_buffer *buf, struct vm_area_struct *vma)
{
	unsigned long first = pgoff_to_pfn(buf, vma->vm_pgoff) - buf->pfn;

	if (first >= buf->nr_pages || vma_pages(vma) > buf->nr_pages - first)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = buf->space->host->in_cma ? &vm_ops_cma : &vm_ops;
	vma->vm_private_data = buf;
	WRITE_ONCE(buf->was_mapped, true);
	return insert_frames(vma, buf->pfn + first);
}

/**
 * zb_buffer_mmap() - map part of a buffer
 * @file: the open file
 * @vma: what is wanted; its offset picks the buffer
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: 0, -ENOENT when no buffer of the file is at that offset, -EINVAL when
 * the mapping is private or would pass the end of the buffer, or -ENOMEM.
 */
int zb_buffer_mmap(struct zb_file *file, struct vm_area_struct *vma)
{
	unsigned long handle = vma->vm_pgoff >> file->space->host->pool.max_order;
	struct zb_buffer *buf;
	int err;

	/* Not VM_SHARED, which a file that is open for reading only never has. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (handle > U32_MAX)
		return -ENOENT;
	buf = zb_file_get(file, handle);
	if (!buf)
		return -ENOENT;
	err = map_buffer(buf, vma);
	/* On success the vma keeps our reference; on failure it has none. */
	if (err)
		zb_buffer_put(buf);
	else
		atomic_inc(&buf->mappings);
	return err;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of buffers.
 *
 * By default all pages are put into the page tables at mmap() time, as ordinary
 * pages, so that get_user_pages() (direct I/O, pipes, process_vm_readv) works
 * on them and no access takes a fault. Through the huge offset naturally aligned
 * pieces are mapped by one entry when they are touched first; such mappings
 * have no pages that could be got.
 *
 * A vma does not keep the file that was mapped: it is given a file of the buffer
 * instead, by vma_set_file(). That file holds a reference on the buffer and has
 * the buffer's address space, in which all mappings of the buffer are found,
 * whichever file they were made through. The vma, and every copy and part of it
 * that fork(), mremap() or a partial munmap() makes, holds the file. Its vm_pgoff
 * counts from the start of the buffer.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "../compat.h"
#include "buffer.h"

#define INSERT_BATCH	64	/* pages inserted at once */
#define FAULT_AROUND	16	/* pages inserted by one fault */

static void vm_open(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	atomic_inc(&buf->mappings);
}

static void vm_close(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	atomic_dec(&buf->mappings);
}

/* Insert up to @nr pages from @addr on, until one is there already. */
static int insert_pages(struct vm_area_struct *vma, unsigned long addr,
			unsigned long pfn, unsigned long nr,
			unsigned long *left)
{
	struct page *pages[INSERT_BATCH];
	unsigned long i;
	int err;

	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(pfn + i);
	*left = nr;
	err = vm_insert_pages(vma, addr, pages, left);
	/* The range is right; what it means is a table that could not be had. */
	return err == -EFAULT ? -ENOMEM : err;
}

/*
 * Only for entries that madvise() or the like has thrown away: put back what
 * follows as well.
 */
static vm_fault_t vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long left, nr = FAULT_AROUND;
	int err;

	if (vmf->pgoff >= buf->nr_pages)
		return VM_FAULT_SIGBUS;
	nr = min(nr, buf->nr_pages - vmf->pgoff);
	nr = min(nr, (vma->vm_end - vmf->address) >> PAGE_SHIFT);
	err = insert_pages(vma, vmf->address, buf->pfn + vmf->pgoff, nr, &left);
	if (!err || left < nr || err == -EBUSY)
		return VM_FAULT_NOPAGE;
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
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
	unsigned long nr, left, addr = vma->vm_start;
	int err;

	while (addr < vma->vm_end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = min_t(unsigned long, INSERT_BATCH,
			   (vma->vm_end - addr) >> PAGE_SHIFT);
		err = insert_pages(vma, addr, pfn, nr, &left);
		if (err)
			return err;
		addr += nr << PAGE_SHIFT;
		pfn += nr;
		cond_resched();
	}
	return 0;
}

#ifdef ZB_HAVE_PMD_PFNMAP
#define HUGE_FEATURE	ZB_FEATURE_MMAP_HUGE

static vm_fault_t huge_vm_fault(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr_pages)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, buf->pfn + vmf->pgoff);
}

/* A huge entry, if the piece around the address is aligned and all ours. */
static vm_fault_t huge_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long addr = vmf->address & PMD_MASK;
	unsigned long pgoff, nr = PMD_SIZE >> PAGE_SHIFT;

	if (order != PMD_ORDER || addr < vma->vm_start ||
	    addr + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;
	pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + nr > buf->nr_pages || (buf->pfn + pgoff) % nr)
		return VM_FAULT_FALLBACK;
	return zb_insert_pfn_pmd(vmf, buf->pfn + pgoff);
}

static const struct vm_operations_struct vm_ops_huge = {
	.open = vm_open,
	.close = vm_close,
	.fault = huge_vm_fault,
	.huge_fault = huge_vm_huge_fault,
};

static int map_huge(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_PFNMAP);
	vma->vm_ops = &vm_ops_huge;
	return 0;
}
#else
#define HUGE_FEATURE	0

static int map_huge(struct vm_area_struct *vma)
{
	return -EOPNOTSUPP;
}
#endif

/**
 * zb_mmap_features() - what mappings can do
 * @inst: whose memory it is
 *
 * Return: ZB_FEATURE_* bits.
 */
u64 zb_mmap_features(const struct zb_instance *inst)
{
	return HUGE_FEATURE | (inst->in_cma ? 0 : ZB_FEATURE_LONGTERM_PIN);
}

/* Map frames of the buffer whose file the vma has already. */
static int map_buffer(struct zb_buffer *buf, struct vm_area_struct *vma,
		      bool huge)
{
	int err;

	/* Not VM_SHARED, which a file that is open for reading only never has. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff >= buf->nr_pages ||
	    vma_pages(vma) > buf->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = buf;
	/* KVM may take references on the pages of huge mappings, too. */
	WRITE_ONCE(buf->was_mapped, true);
	if (huge) {
		err = map_huge(vma);
	} else {
		vma->vm_ops = buf->bpool->inst->in_cma ? &vm_ops_cma : &vm_ops;
		err = insert_frames(vma, buf->pfn + vma->vm_pgoff);
	}
	if (!err)
		atomic_inc(&buf->mappings);
	return err;
}

/* Only remap_file_pages() maps these files: nobody has a descriptor of one. */
static int mapping_mmap(struct file *file, struct vm_area_struct *vma)
{
	return map_buffer(file->private_data, vma, false);
}

static int mapping_mmap_huge(struct file *file, struct vm_area_struct *vma)
{
	return map_buffer(file->private_data, vma, true);
}

static int mapping_release(struct inode *inode, struct file *file)
{
	struct zb_buffer *buf = file->private_data;
	struct zb_buffer_pool *bpool = buf->bpool;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buf->files); i++)
		cmpxchg(&buf->files[i], file, NULL);
	/* As zb_file_close() does: nobody is left to use per-CPU lists. */
	if (zb_buffer_put(buf) && !atomic_read(&bpool->files))
		zb_instance_drain_all(bpool->inst);
	return 0;
}

/* The owner keeps the module until the last fput(), which may come late. */
static const struct file_operations mapping_fops = {
	.owner = THIS_MODULE,
	.mmap = mapping_mmap,
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
	/* All files of this kind share an inode. The address space is ours. */
	WRITE_ONCE(buf->mapping.host, file_inode(file));
	file->f_mapping = &buf->mapping;
	return file;
}

/*
 * A file of the buffer, with a reference for the caller. There is one for each
 * set of rights, because remap_file_pages() gives a new mapping the rights of the
 * file. The buffer only remembers its files: the mappings keep them.
 */
static struct file *get_mapping_file(struct zb_buffer *buf, bool huge,
				     bool writable)
{
	struct file **slot = &buf->files[2 * huge + writable];
	struct file *file = zb_get_file_active(slot);

	if (file)
		return file;
	file = new_mapping_file(buf, huge, writable);
	/* If two tasks make one at the same time, the later one is remembered. */
	if (!IS_ERR(file))
		xchg(slot, file);
	return file;
}

/**
 * zb_buffer_mmap() - map part of a buffer
 * @buf: the buffer; the caller's reference stays the caller's
 * @vma: what is wanted; its vm_pgoff counts from the start of the buffer
 * @huge: by huge entries
 *
 * The vma gets a file of the buffer in place of the one it has.
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: 0, -EINVAL when the mapping is private or not all inside of the
 * buffer, -EOPNOTSUPP when there are no huge entries, -ENOMEM, -ENFILE when the
 * system has too many open files, or -EINTR when the task has been killed.
 */
int zb_buffer_mmap(struct zb_buffer *buf, struct vm_area_struct *vma, bool huge)
{
	struct file *file;

	file = get_mapping_file(buf, huge, vma->vm_flags & VM_MAYWRITE);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* If mapping fails, the caller of ->mmap() puts the vma's new file. */
	vma_set_file(vma, file);
	fput(file);
	return map_buffer(buf, vma, huge);
}

/**
 * zb_file_mmap() - map part of a buffer of an open file
 * @file: the open file
 * @vma: what is wanted; its offset picks the buffer
 *
 * Context: mmap lock of the caller held for writing; may sleep.
 * Return: as zb_buffer_mmap(), or -ENOENT when no buffer of the file is at that
 * offset.
 */
int zb_file_mmap(struct zb_file *file, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	struct zb_buffer *buf;
	bool huge;
	int err;

	buf = zb_file_get_at(file, &pgoff, &huge);
	if (!buf)
		return -ENOENT;
	vma->vm_pgoff = pgoff;
	err = zb_buffer_mmap(buf, vma, huge);
	zb_buffer_put(buf);
	return err;
}

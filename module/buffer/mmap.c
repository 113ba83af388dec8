// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of buffers.
 *
 * By default, mmap() inserts all pages into the page tables. These are ordinary pages,
 * so get_user_pages() (direct I/O, pipes, process_vm_readv()) works, and no access
 * faults until a movable buffer is moved (move.c). A mapping at the huge offset is
 * populated by page faults, with one entry for each naturally aligned piece of the size of
 * a huge page; get_user_pages() fails on it.
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
#include <linux/sched/signal.h>

#include "../compat.h"
#include "buffer.h"
#include "zero.h"

#define INSERT_BATCH	64	/* pages inserted at once */
#define FAULT_AROUND	16	/* pages inserted by one fault */

static void zb_vm_open(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	atomic_inc(&buf->mappings);
}

static void zb_vm_close(struct vm_area_struct *vma)
{
	struct zb_buffer *buf = vma->vm_private_data;

	atomic_dec(&buf->mappings);
}

/* Insert @nr pages, starting at @addr, up to the first entry that exists already. */
static int zb_insert_pages(struct vm_area_struct *vma, unsigned long addr,
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
	/* The range is valid, so -EFAULT means that no page table could be allocated. */
	return err == -EFAULT ? -ENOMEM : err;
}

/*
 * A fault occurs only if the buffer was moved or purged, or if madvise() or a similar call, or a
 * memory error, has removed the entry. The following entries were probably removed as well,
 * so insert several.
 */
static vm_fault_t fault_pages(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long left, nr = FAULT_AROUND;
	int err;

	if (vmf->pgoff >= buf->nr_pages || buf->discard == ZB_DISCARD_PURGED)
		return VM_FAULT_SIGBUS;
	nr = min(nr, buf->nr_pages - vmf->pgoff);
	nr = min(nr, (vma->vm_end - vmf->address) >> PAGE_SHIFT);
	nr = zb_buffer_nr_good(buf, vmf->pgoff, nr);
	if (!nr)
		return VM_FAULT_HWPOISON;
	err = zb_insert_pages(vma, vmf->address, buf->pfn + vmf->pgoff, nr, &left);
	if (!err || left < nr || err == -EBUSY)
		return VM_FAULT_NOPAGE;
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/*
 * The lock excludes unmap_page() in memory_error.c, see zb_buffer_nr_good(), and a move of
 * the buffer.
 */
static vm_fault_t zb_vm_fault(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret;

	filemap_invalidate_lock_shared(&buf->mapping);
	ret = fault_pages(vmf);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return ret;
}

static vm_fault_t zb_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

static const struct vm_operations_struct zb_vm_ops = {
	.open = zb_vm_open,
	.close = zb_vm_close,
	.fault = zb_vm_fault,
};

/*
 * Before a long-term pin, the kernel migrates pages out of CMA. These pages can't be
 * migrated, and the kernel would retry until the task is killed. With pfn_mkwrite(),
 * the mapping seems to need dirty tracking, and the kernel refuses long-term pins with
 * EFAULT at once. The callback itself is never called, because all entries have a page.
 */
static const struct vm_operations_struct zb_vm_ops_cma = {
	.open = zb_vm_open,
	.close = zb_vm_close,
	.fault = zb_vm_fault,
	.pfn_mkwrite = zb_vm_pfn_mkwrite,
};

/*
 * Pages with a memory error are left out: access to them raises SIGBUS. The lock excludes
 * a move of the buffer. In between, the references of the pages that have been inserted
 * prevent one.
 */
static int insert_frames(struct vm_area_struct *vma, struct zb_buffer *buf)
{
	unsigned long good, left, nr, pgoff = vma->vm_pgoff, addr = vma->vm_start;
	int err;

	while (addr < vma->vm_end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = min_t(unsigned long, INSERT_BATCH,
			   (vma->vm_end - addr) >> PAGE_SHIFT);
		filemap_invalidate_lock_shared(&buf->mapping);
		err = buf->discard == ZB_DISCARD_PURGED ? -ENODATA : 0;
		good = err ? 0 : zb_buffer_nr_good(buf, pgoff, nr);
		nr = good ?: 1;
		if (good)
			err = zb_insert_pages(vma, addr, buf->pfn + pgoff, nr, &left);
		filemap_invalidate_unlock_shared(&buf->mapping);
		if (err)
			return err;
		addr += nr << PAGE_SHIFT;
		pgoff += nr;
		cond_resched();
	}
	return 0;
}

#ifdef ZB_HAVE_PMD_PFNMAP
#define HUGE_FEATURE	ZB_FEATURE_MMAP_HUGE

static vm_fault_t zb_vm_huge_pte_fault(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret;

	if (vmf->pgoff >= buf->nr_pages)
		return VM_FAULT_SIGBUS;
	filemap_invalidate_lock_shared(&buf->mapping);
	if (buf->discard == ZB_DISCARD_PURGED)
		ret = VM_FAULT_SIGBUS;
	else if (zb_buffer_nr_good(buf, vmf->pgoff, 1))
		ret = vmf_insert_pfn(vmf->vma, vmf->address, buf->pfn + vmf->pgoff);
	else
		ret = VM_FAULT_HWPOISON;
	filemap_invalidate_unlock_shared(&buf->mapping);
	return ret;
}

/*
 * Insert a huge entry if the aligned piece is inside both the vma and the buffer, and no
 * page of it has a memory error.
 */
static vm_fault_t zb_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long addr = vmf->address & PMD_MASK;
	unsigned long pgoff, nr = PMD_SIZE >> PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (order != PMD_ORDER || addr < vma->vm_start ||
	    addr + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;
	pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + nr > buf->nr_pages)
		return VM_FAULT_FALLBACK;
	filemap_invalidate_lock_shared(&buf->mapping);
	if (buf->discard != ZB_DISCARD_PURGED && !((buf->pfn + pgoff) % nr) &&
	    zb_buffer_nr_good(buf, pgoff, nr) == nr)
		ret = zb_insert_pfn_pmd(vmf, buf->pfn + pgoff);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return ret;
}

static const struct vm_operations_struct zb_vm_ops_huge = {
	.open = zb_vm_open,
	.close = zb_vm_close,
	.fault = zb_vm_huge_pte_fault,
	.huge_fault = zb_vm_huge_fault,
};

static int map_huge(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_PFNMAP);
	vma->vm_ops = &zb_vm_ops_huge;
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
 * zb_mmap_features() - get the features of mappings
 * @inst: the instance
 *
 * Return: ZB_FEATURE_* bits.
 */
u64 zb_mmap_features(const struct zb_instance *inst)
{
	return HUGE_FEATURE | (inst->in_cma ? 0 : ZB_FEATURE_LONGTERM_PIN);
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
	if (huge) {
		err = READ_ONCE(buf->discard) == ZB_DISCARD_PURGED ? -ENODATA : map_huge(vma);
	} else {
		/*
		 * vm_insert_pages() would set it, but can't in a fault, which may be the
		 * first one to insert a page if all pages had memory errors at mmap().
		 */
		vm_flags_set(vma, VM_MIXEDMAP);
		vma->vm_ops = buf->bpool->inst->in_cma ? &zb_vm_ops_cma : &zb_vm_ops;
		err = insert_frames(vma, buf);
	}
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

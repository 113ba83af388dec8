// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries of buffers: inserts them in mmap() and in page faults.
 *
 * There are three kinds of mappings:
 *
 *	VM_MIXEDMAP	All pages are inserted in mmap(), and no access faults until the buffer is
 *			moved.
 *	no flag		The same, but folios of the size of a huge page (huge.c) are inserted by
 *			the first access to each. Chosen if there is such a piece.
 *	VM_PFNMAP	At the huge offset: everything is inserted by faults, and
 *			get_user_pages() fails.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "huge.h"
#include "pagefault.h"

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

/*
 * A huge entry and entries of single pages exclude each other, and the kernel's functions that
 * insert one do not expect the other. So in a mapping that may have both, only one fault at a time
 * looks what there is and inserts.
 */
static vm_fault_t fault_beside_huge(struct vm_fault *vmf, vm_fault_t (*insert)(struct vm_fault *))
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_NOPAGE;

	filemap_invalidate_lock(&buf->mapping);
	if (!pmd_trans_huge(READ_ONCE(*vmf->pmd)))
		ret = insert(vmf);
	filemap_invalidate_unlock(&buf->mapping);
	return ret;
}

#if defined(ZB_HAVE_HUGE_FOLIO) || defined(ZB_HAVE_PMD_PFNMAP)
static vm_fault_t fault_huge(struct vm_fault *vmf, vm_fault_t (*insert)(struct vm_fault *))
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	pmd_t pmd;

	filemap_invalidate_lock(&buf->mapping);
	pmd = READ_ONCE(*vmf->pmd);
	if (pmd_none(pmd) || pmd_trans_huge(pmd))
		ret = insert(vmf);
	filemap_invalidate_unlock(&buf->mapping);
	return ret;
}
#endif

/* The number of pages from an address to the next one that a huge entry can begin at. */
static unsigned long nr_to_pmd(unsigned long addr)
{
	return (PMD_SIZE - (addr & ~PMD_MASK)) >> PAGE_SHIFT;
}

#ifdef ZB_HAVE_HUGE_FOLIO
/*
 * For mappings that may have huge entries of folios. They must have neither VM_MIXEDMAP nor
 * VM_PFNMAP, with which the kernel does not count how often a folio is mapped when it removes a
 * huge entry. vm_insert_pages() would set VM_MIXEDMAP.
 */
static int insert_singly(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
			 unsigned long nr)
{
	vm_fault_t ret = VM_FAULT_NOPAGE;

	for (; nr && ret == VM_FAULT_NOPAGE; nr--, addr += PAGE_SIZE) {
		struct vm_fault vmf = { .vma = vma, .address = addr };

		/* With pfn_mkwrite(), another fault would have to make the entry writable. */
		ret = vmf_insert_page_mkwrite(&vmf, pfn_to_page(pfn++), vma->vm_flags & VM_WRITE);
	}
	if (ret == VM_FAULT_NOPAGE)
		return 0;
	return ret & VM_FAULT_OOM ? -ENOMEM : -EINVAL;
}

/*
 * Called with the lock. Returns the folio if the mapping may have a huge entry for it at
 * @addr, or NULL.
 */
static struct folio *folio_at(struct vm_area_struct *vma, unsigned long addr)
{
	struct zb_buffer *buf = vma->vm_private_data;
	struct folio *folio;
	unsigned long pgoff;

	if (vma->vm_flags & (VM_MIXEDMAP | VM_PFNMAP) || !IS_ALIGNED(addr, PMD_SIZE) ||
	    addr < vma->vm_start || vma->vm_end - addr < PMD_SIZE ||
	    buf->discard == ZB_DISCARD_PURGED)
		return NULL;
	pgoff = linear_page_index(vma, addr);
	folio = zb_huge_folio(buf, pgoff);
	if (folio && zb_buffer_nr_good(buf, pgoff, ZB_HUGE_NR) < ZB_HUGE_NR)
		return NULL;
	return folio;
}
#else
static int insert_singly(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
			 unsigned long nr)
{
	return -EOPNOTSUPP;
}

static struct folio *folio_at(struct vm_area_struct *vma, unsigned long addr)
{
	return NULL;
}
#endif

/* Insert @nr pages, starting at @addr, up to the first entry that exists already. */
static int zb_insert_pages(struct vm_area_struct *vma, unsigned long addr,
			   unsigned long pfn, unsigned long nr,
			   unsigned long *left)
{
	struct page *pages[INSERT_BATCH];
	unsigned long i;
	int err;

	*left = nr;
	if (!(vma->vm_flags & VM_MIXEDMAP))
		return insert_singly(vma, addr, pfn, nr);
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(pfn + i);
	err = vm_insert_pages(vma, addr, pages, left);
	/* The range is valid, so -EFAULT means that no page table could be allocated. */
	return err == -EFAULT ? -ENOMEM : err;
}

/*
 * The address of the first page that a fault inserts. In a mapping that may have huge entries, a
 * piece without one (MADV_NOHUGEPAGE, or not a folio) is inserted as a whole, up to a page with
 * a memory error.
 */
static unsigned long first_to_insert(const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = max(vmf->address & PMD_MASK, vma->vm_start);
	unsigned long nr = (vmf->address - addr) >> PAGE_SHIFT;

	if (vma->vm_flags & VM_MIXEDMAP ||
	    zb_buffer_nr_good(vma->vm_private_data, vmf->pgoff - nr, nr + 1) <= nr)
		return vmf->address;
	return addr;
}

/*
 * A fault occurs if the buffer was moved or purged, or if madvise() or a similar call, or a
 * memory error, has removed the entry. Other entries were probably removed as well,
 * so insert several.
 */
static vm_fault_t fault_pages(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long addr, pgoff, left, nr;
	int err;

	if (vmf->pgoff >= buf->nr_pages || buf->discard == ZB_DISCARD_PURGED)
		return VM_FAULT_SIGBUS;
	addr = first_to_insert(vmf);
	pgoff = linear_page_index(vma, addr);
	nr = vma->vm_flags & VM_MIXEDMAP ? FAULT_AROUND : nr_to_pmd(addr);
	nr = min(nr, buf->nr_pages - pgoff);
	nr = min(nr, (vma->vm_end - addr) >> PAGE_SHIFT);
	nr = min(nr, nr_to_pmd(addr));
	nr = zb_buffer_nr_good(buf, pgoff, nr);
	if (!nr)
		return VM_FAULT_HWPOISON;
	err = zb_insert_pages(vma, addr, buf->pfn + pgoff, nr, &left);
	if (!err || left < nr || err == -EBUSY)
		return VM_FAULT_NOPAGE;
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

static vm_fault_t insert_folio(struct vm_fault *vmf)
{
#ifdef ZB_HAVE_HUGE_FOLIO
	struct folio *folio = folio_at(vmf->vma, vmf->address & PMD_MASK);

	if (folio)
		return vmf_insert_folio_pmd(vmf, folio, vmf->vma->vm_flags & VM_WRITE);
#endif
	return VM_FAULT_FALLBACK;
}

/*
 * The kernel has asked for a huge entry before, unless transparent huge pages are turned off, but
 * meanwhile a purged buffer may have got new memory. Single pages would stay for long.
 */
static vm_fault_t fault_folio_or_pages(struct vm_fault *vmf)
{
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (pmd_none(READ_ONCE(*vmf->pmd)) && !(vmf->vma->vm_flags & VM_NOHUGEPAGE))
		ret = insert_folio(vmf);
	return ret == VM_FAULT_FALLBACK ? fault_pages(vmf) : ret;
}

/*
 * The lock excludes unmap_page() in memory_error.c, see zb_buffer_nr_good(), and a move of
 * the buffer.
 */
static vm_fault_t zb_vm_fault(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;
	vm_fault_t ret;

	if (!(vmf->vma->vm_flags & VM_MIXEDMAP))
		return fault_beside_huge(vmf, fault_folio_or_pages);
	filemap_invalidate_lock_shared(&buf->mapping);
	ret = fault_pages(vmf);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return ret;
}

#ifdef ZB_HAVE_HUGE_FOLIO
static vm_fault_t zb_vm_folio_fault(struct vm_fault *vmf, unsigned int order)
{
	return order == PMD_ORDER ? fault_huge(vmf, insert_folio) : VM_FAULT_FALLBACK;
}

#define FOLIO_FAULT	.huge_fault = zb_vm_folio_fault,
#else
#define FOLIO_FAULT
#endif

static vm_fault_t zb_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

static const struct vm_operations_struct zb_vm_ops = {
	.open = zb_vm_open,
	.close = zb_vm_close,
	.fault = zb_vm_fault,
	FOLIO_FAULT
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
	FOLIO_FAULT
};

/*
 * Insert up to @nr pages at @addr, or leave them to a fault if they are a folio. Pages with a
 * memory error are left out: access to them raises SIGBUS. Returns the number of pages that are
 * done, or -errno.
 */
static long insert_some(struct vm_area_struct *vma, unsigned long addr, unsigned long nr)
{
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long good, left, pgoff = linear_page_index(vma, addr);
	int err;

	if (buf->discard == ZB_DISCARD_PURGED)
		return -ENODATA;
	if (folio_at(vma, addr))
		return ZB_HUGE_NR;
	good = zb_buffer_nr_good(buf, pgoff, nr);
	err = good ? zb_insert_pages(vma, addr, buf->pfn + pgoff, good, &left) : 0;
	return err ?: good ?: 1;
}

/*
 * The lock excludes a move of the buffer. In between, the references of the pages that have been
 * inserted prevent one, and folios are inserted where they are by then.
 */
static int insert_frames(struct vm_area_struct *vma, struct zb_buffer *buf)
{
	unsigned long addr = vma->vm_start, nr;
	long done;

	while (addr < vma->vm_end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = min_t(unsigned long, INSERT_BATCH, (vma->vm_end - addr) >> PAGE_SHIFT);
		nr = min(nr, nr_to_pmd(addr));
		filemap_invalidate_lock_shared(&buf->mapping);
		done = insert_some(vma, addr, nr);
		filemap_invalidate_unlock_shared(&buf->mapping);
		if (done < 0)
			return done;
		addr += done << PAGE_SHIFT;
		cond_resched();
	}
	return 0;
}

/* Called with the lock. Returns whether a piece of the mapping is aligned like its frames. */
static bool may_be_huge(struct vm_area_struct *vma, const struct zb_buffer *buf)
{
	unsigned long addr = ALIGN(vma->vm_start, PMD_SIZE);

	return zb_huge_available() && addr <= vma->vm_end && vma->vm_end - addr >= PMD_SIZE &&
	       IS_ALIGNED(buf->pfn + linear_page_index(vma, addr), ZB_HUGE_NR);
}

/**
 * zb_map_pages() - set up a mapping, by huge entries of folios where possible
 * @vma: the mapping; its vm_private_data is the buffer
 * @buf: the buffer
 *
 * Context: mmap lock held for writing; may sleep.
 * Return: 0, -ENODATA if the memory of the buffer has been taken back, -ENOMEM, or -EINTR if the
 * task is being killed.
 */
int zb_map_pages(struct vm_area_struct *vma, struct zb_buffer *buf)
{
	bool has_frames;
	int err = 0;

	vma->vm_ops = buf->bpool->inst->in_cma ? &zb_vm_ops_cma : &zb_vm_ops;
	filemap_invalidate_lock(&buf->mapping);
	has_frames = buf->discard != ZB_DISCARD_PURGED;
	if (has_frames)
		err = zb_make_folios(buf, vma->vm_pgoff, vma_pages(vma));
	if (has_frames && may_be_huge(vma, buf)) {
		/* Huge entries need no more memory, so use them also where they are on request. */
		vm_flags_set(vma, VM_HUGEPAGE);
	} else {
		/*
		 * vm_insert_pages() would set it, but can't in a fault, which may be the
		 * first one to insert a page if all pages had memory errors at mmap().
		 */
		vm_flags_set(vma, VM_MIXEDMAP);
	}
	filemap_invalidate_unlock(&buf->mapping);
	return err ?: insert_frames(vma, buf);
}

#ifdef ZB_HAVE_PMD_PFNMAP
static vm_fault_t insert_frame(struct vm_fault *vmf)
{
	struct zb_buffer *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr_pages || buf->discard == ZB_DISCARD_PURGED)
		return VM_FAULT_SIGBUS;
	if (!zb_buffer_nr_good(buf, vmf->pgoff, 1))
		return VM_FAULT_HWPOISON;
	return vmf_insert_pfn(vmf->vma, vmf->address, buf->pfn + vmf->pgoff);
}

static vm_fault_t zb_vm_huge_pte_fault(struct vm_fault *vmf)
{
	return fault_beside_huge(vmf, insert_frame);
}

/*
 * Insert a huge entry if the aligned piece is inside both the vma and the buffer, and no
 * page of it has a memory error.
 */
static vm_fault_t insert_huge_frame(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct zb_buffer *buf = vma->vm_private_data;
	unsigned long addr = vmf->address & PMD_MASK;
	unsigned long pgoff, nr = PMD_SIZE >> PAGE_SHIFT;

	if (addr < vma->vm_start || addr + PMD_SIZE > vma->vm_end ||
	    buf->discard == ZB_DISCARD_PURGED)
		return VM_FAULT_FALLBACK;
	pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + nr > buf->nr_pages || (buf->pfn + pgoff) % nr ||
	    zb_buffer_nr_good(buf, pgoff, nr) < nr)
		return VM_FAULT_FALLBACK;
	return zb_insert_pfn_pmd(vmf, buf->pfn + pgoff);
}

static vm_fault_t zb_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	return order == PMD_ORDER ? fault_huge(vmf, insert_huge_frame) : VM_FAULT_FALLBACK;
}

static const struct vm_operations_struct zb_vm_ops_huge = {
	.open = zb_vm_open,
	.close = zb_vm_close,
	.fault = zb_vm_huge_pte_fault,
	.huge_fault = zb_vm_huge_fault,
};

/**
 * zb_map_huge() - set up a mapping by huge entries without folios
 * @vma: the mapping; its vm_private_data is the buffer
 *
 * Context: mmap lock held for writing.
 * Return: 0, or -EOPNOTSUPP if this kernel does not support it.
 */
int zb_map_huge(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_PFNMAP);
	vma->vm_ops = &zb_vm_ops_huge;
	return 0;
}
#endif

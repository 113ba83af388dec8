/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels.
 *
 * Functions that were renamed or changed are wrapped here, and the other files are
 * written for the newest kernel. Files with a feature that a kernel may lack test
 * ZB_HAVE_* themselves.
 * features.sh defines the ZB_HAVE_* macros after inspecting the target kernel, not
 * its version number.
 */
#ifndef ZB_COMPAT_H
#define ZB_COMPAT_H

#include <linux/cpu.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "zbuddy needs Linux 6.1 or later"
#endif

/*
 * Older kernels pass alloc_contig_range() the migratetype that the pageblocks get
 * afterwards; newer ones pass flags and restore the previous type.
 */
#ifdef ZB_HAVE_ACR_FLAGS
#define zb_alloc_contig_range(start, end, gfp) \
	alloc_contig_range(start, end, ACR_FLAGS_NONE, gfp)
#else
#define zb_alloc_contig_range(start, end, gfp) \
	alloc_contig_range(start, end, MIGRATE_MOVABLE, gfp)
#endif

/* Newer kernels can allocate by object instead of by size. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

/* Older kernels bind a workqueue to CPUs unless WQ_UNBOUND is given. */
#ifdef ZB_HAVE_WQ_PERCPU
#define ZB_WQ_PERCPU	WQ_PERCPU
#else
#define ZB_WQ_PERCPU	0
#endif

/* The system's unbound workqueue was renamed. */
#ifdef ZB_HAVE_WQ_DFL
#define ZB_WQ_UNBOUND	system_dfl_wq
#else
#define ZB_WQ_UNBOUND	system_unbound_wq
#endif

/* Older kernels do not export this check to modules. */
#ifndef ZB_HAVE_ASSERT_CPUS_HELD
#define lockdep_assert_cpus_held()	do { } while (0)
#endif

/* Before 6.3, vm_flags are written directly, with mmap_lock held for writing. */
#ifndef ZB_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* Get a reference on the file in *@slot, or NULL if its last one has been dropped. */
static inline struct file *zb_get_file_active(struct file **slot)
{
#ifdef ZB_HAVE_GET_FILE_ACTIVE
	return get_file_active(slot);
#else
	struct file *file;

	rcu_read_lock();
	file = READ_ONCE(*slot);
	if (file && !get_file_rcu(file))
		file = NULL;
	rcu_read_unlock();
	return file;
#endif
}

/* Export namespaces are identifiers in older kernels and strings in newer ones. */
#ifdef ZB_HAVE_NS_STRINGS
#define ZB_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#else
#define ZB_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#endif

/* Older kernels pass vmf_insert_pfn_pmd() a pfn_t, newer ones a plain pfn. */
#ifdef ZB_HAVE_PMD_PFNMAP
#ifdef ZB_HAVE_PFN_T
#include <linux/pfn_t.h>
#define zb_insert_pfn_pmd(vmf, pfn) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), \
			   (vmf)->flags & FAULT_FLAG_WRITE)
#else
#define zb_insert_pfn_pmd(vmf, pfn) \
	vmf_insert_pfn_pmd(vmf, pfn, (vmf)->flags & FAULT_FLAG_WRITE)
#endif
#endif

/* Older kernels do not need the order. */
#ifdef ZB_HAVE_HUGE_FOLIO
static inline void zb_set_compound_head(struct page *page, struct page *head,
					unsigned int order)
{
#ifdef ZB_HAVE_COMPOUND_HEAD_2
	set_compound_head(page, head);
#else
	set_compound_head(page, head, order);
#endif
}
#endif

/* Kernels have different names for the function that counts the mappings of a page. */
static inline int zb_page_mapcount(const struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

/*
 * Returns nonzero if a page has a user besides its owner, or one of @flags. These are
 * the checks that the kernel makes when a page is freed (PAGE_FLAGS_CHECK_AT_FREE),
 * combined into a single test, because they rarely find anything. page->flags is an
 * unsigned long in older kernels, and a structure with one member in newer ones.
 */
static inline unsigned long zb_page_marks(const struct page *page,
					  unsigned long flags)
{
	unsigned long has = READ_ONCE(*(const unsigned long *)&page->flags);

	return (has & (PAGE_FLAGS_CHECK_AT_FREE | flags)) |
	       (unsigned long)READ_ONCE(page->mapping) |
	       (unsigned int)(page_ref_count(page) - 1) |
	       (unsigned int)zb_page_mapcount(page);
}

/* Check that a page has only the region's reference and is not in use. */
static inline bool zb_page_unused(const struct page *page)
{
	return !zb_page_marks(page, 0);
}

/*
 * Clear contiguous frames. x86 CPUs clear many of them by one instruction faster than one by one.
 * An architecture for which the kernel does this defines clear_pages(). A caller that may sleep
 * clears at most ZB_CLEAR_BATCH frames between two calls of cond_resched().
 */
#if defined(clear_pages) && !defined(CONFIG_HIGHMEM)
#define ZB_CLEAR_BATCH	PROCESS_PAGES_NON_PREEMPT_BATCH

static inline void zb_clear_frames(unsigned long pfn, unsigned int nr)
{
	clear_pages(page_address(pfn_to_page(pfn)), nr);
}
#else
#define ZB_CLEAR_BATCH	64u

static inline void zb_clear_frames(unsigned long pfn, unsigned int nr)
{
	while (nr--)
		clear_highpage(pfn_to_page(pfn++));
}
#endif

/* Before 6.3, file systems got a user namespace instead of an idmapping of the mount. */
#ifndef ZB_HAVE_MNT_IDMAP
#define mnt_idmap	user_namespace
#define nop_mnt_idmap	init_user_ns
#endif

/* Older kernels have no functions that set the time stamps of inodes. */
#ifdef ZB_HAVE_INODE_INIT_TS
static inline void zb_inode_touch_dir(struct inode *dir)
{
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
}
#else
static inline void simple_inode_init_ts(struct inode *inode)
{
	inode->i_atime = current_time(inode);
	inode->i_mtime = inode->i_atime;
	inode->i_ctime = inode->i_atime;
}

static inline void zb_inode_touch_dir(struct inode *dir)
{
	dir->i_ctime = current_time(dir);
	dir->i_mtime = dir->i_ctime;
}
#endif

/* generic_delete_inode() was renamed. */
#ifndef ZB_HAVE_INODE_JUST_DROP
#define inode_just_drop	generic_delete_inode
#endif

/* Older kernels splice through the page cache, which the files of fs/ do not use. */
#ifdef ZB_HAVE_COPY_SPLICE_READ
#define zb_splice_read	copy_splice_read
#else
#define zb_splice_read	generic_file_splice_read
#endif

/* Older kernels allow leases on the files of a file system without ->setlease(). */
#ifdef ZB_HAVE_SIMPLE_NOSETLEASE
#define zb_nosetlease	simple_nosetlease
#else
#define zb_nosetlease	NULL
#endif

/* Since 6.15, mkdir() returns a dentry, or NULL for the one that it was given. */
#ifdef ZB_HAVE_MKDIR_DENTRY
typedef struct dentry *zb_mkdir_t;
#define ZB_MKDIR_RESULT(err)	ERR_PTR(err)
#else
typedef int zb_mkdir_t;
#define ZB_MKDIR_RESULT(err)	(err)
#endif

/*
 * Connect an inode with a name that exists only in memory. Newer kernels mark such
 * names; in older ones, each has a reference, which kill_litter_super() drops.
 */
#ifdef ZB_HAVE_D_MAKE_PERSISTENT
#define zb_d_make_persistent	d_make_persistent
#define zb_kill_super		kill_anon_super
#else
static inline void zb_d_make_persistent(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dget(dentry);
}

#define zb_kill_super		kill_litter_super
#endif

#ifdef ZB_HAVE_DMEM
#include <linux/cgroup_dmem.h>
#endif

#endif /* ZB_COMPAT_H */

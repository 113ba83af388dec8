/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of zbuddy for other kernel modules: an allocator for the memory
 * that zbuddy took from the kernel when it was loaded.
 *
 * Most functions correspond to the function of the page allocator that has the same
 * name without zb_. As there, __zb_free_pages() and __zb_free_page() take a struct page,
 * and zb_free_pages() and zb_free_page() an address.
 *
 * The functions may be called in the contexts in which the page allocator may be
 * called. This excludes NMI handlers, and code that may take only raw spinlocks. For
 * PREEMPT_RT and for lockdep, such code includes hard interrupt handlers, for example
 * those of timers with HRTIMER_MODE_REL_HARD.
 *
 * The functions return ordinary pages of the kernel. zbuddy holds one reference
 * on each page. A caller may take references of its own (to map or to pin a page),
 * and must drop them before it frees the page with zb_free_...(). It must not
 * drop the reference of zbuddy, so put_page() does not free a page. A block of
 * more than one page is not a compound page for the kernel.
 *
 * gfp_t and zb_gfp_t have different bits; zb_gfp_from_kernel() converts them, and
 * sparse checks that they are not mixed up. A request fails if its flags contradict
 * each other; the first such request is logged with a stack trace. Memory that
 * modules allocate is not charged to a cgroup: __ZB_GFP_ACCOUNT is ignored.
 *
 * zbuddy can't be unloaded while a module is loaded that calls these functions. Such
 * a module must free all of its pages before it is unloaded.
 */
#ifndef _LINUX_ZBUDDY_H
#define _LINUX_ZBUDDY_H

#include <linux/gfp.h>
#include <linux/mm_types.h>
#include <linux/nodemask.h>
#include <linux/types.h>
#include <uapi/linux/zbuddy.h>

/* Convert the flags of the kernel that have one counterpart each. */
static __always_inline zb_gfp_t __zb_gfp_convert_bits(gfp_t gfp)
{
#define ZB_GFP_IF(flag, zb_flag)	(gfp & (flag) ? (zb_flag) : __ZB_GFP(0))
	return ZB_GFP_IF(__GFP_DMA, __ZB_GFP_DMA) |
	       ZB_GFP_IF(__GFP_HIGHMEM, __ZB_GFP_HIGHMEM) |
	       ZB_GFP_IF(__GFP_DMA32, __ZB_GFP_DMA32) |
	       ZB_GFP_IF(__GFP_MOVABLE, __ZB_GFP_MOVABLE) |
	       ZB_GFP_IF(__GFP_RECLAIMABLE, __ZB_GFP_RECLAIMABLE) |
	       ZB_GFP_IF(__GFP_HIGH, __ZB_GFP_HIGH) |
	       ZB_GFP_IF(__GFP_IO, __ZB_GFP_IO) |
	       ZB_GFP_IF(__GFP_FS, __ZB_GFP_FS) |
	       ZB_GFP_IF(__GFP_NOWARN, __ZB_GFP_NOWARN) |
	       ZB_GFP_IF(__GFP_RETRY_MAYFAIL, __ZB_GFP_REPEAT) |
	       ZB_GFP_IF(__GFP_NOFAIL, __ZB_GFP_NOFAIL) |
	       ZB_GFP_IF(__GFP_NORETRY, __ZB_GFP_NORETRY) |
	       ZB_GFP_IF(__GFP_MEMALLOC, __ZB_GFP_MEMALLOC) |
	       ZB_GFP_IF(__GFP_COMP, __ZB_GFP_COMP) |
	       ZB_GFP_IF(__GFP_ZERO, __ZB_GFP_ZERO) |
	       ZB_GFP_IF(__GFP_NOMEMALLOC, __ZB_GFP_NOMEMALLOC) |
	       ZB_GFP_IF(__GFP_HARDWALL, __ZB_GFP_HARDWALL) |
	       ZB_GFP_IF(__GFP_THISNODE, __ZB_GFP_THISNODE) |
	       ZB_GFP_IF(__GFP_DIRECT_RECLAIM, __ZB_GFP_DIRECT_RECLAIM) |
	       ZB_GFP_IF(__GFP_WRITE, __ZB_GFP_WRITE) |
	       ZB_GFP_IF(__GFP_KSWAPD_RECLAIM, __ZB_GFP_KSWAPD_RECLAIM);
#undef ZB_GFP_IF
}

/* Recognize GFP_ATOMIC by all of its flags, because newer kernels have no __GFP_ATOMIC. */
static __always_inline zb_gfp_t __zb_gfp_atomic(gfp_t gfp)
{
	return (gfp & (GFP_ATOMIC | __GFP_DIRECT_RECLAIM)) == GFP_ATOMIC ?
	       __ZB_GFP_ATOMIC : __ZB_GFP(0);
}

zb_gfp_t __zb_gfp_look_up(gfp_t gfp);

/**
 * zb_gfp_from_kernel() - convert flags of the kernel's page allocator
 * @gfp: flags for alloc_pages()
 *
 * Flags without a counterpart are left out, and so is __GFP_ACCOUNT, because the memory
 * of modules is not charged. Flags that include all of GFP_ATOMIC, and may not sleep, get
 * __ZB_GFP_ATOMIC. Constant flags are converted at compile time.
 *
 * Context: any.
 * Return: the flags for zb_alloc_pages().
 */
static __always_inline zb_gfp_t zb_gfp_from_kernel(gfp_t gfp)
{
	return __builtin_constant_p(gfp) ?
	       __zb_gfp_convert_bits(gfp) | __zb_gfp_atomic(gfp) : __zb_gfp_look_up(gfp);
}

/* Blocks by struct page */
struct page *zb_alloc_pages_nodemask(zb_gfp_t gfp, unsigned int order,
				     int preferred_nid,
				     const nodemask_t *nodemask);
struct page *zb_alloc_pages_node(int nid, zb_gfp_t gfp, unsigned int order);
struct page *zb_alloc_pages(zb_gfp_t gfp, unsigned int order);
void __zb_free_pages(struct page *page, unsigned int order);
void zb_free_hot_cold_page(struct page *page, bool cold);

static inline struct page *zb_alloc_page(zb_gfp_t gfp)
{
	return zb_alloc_pages(gfp, 0);
}

static inline void __zb_free_page(struct page *page)
{
	__zb_free_pages(page, 0);
}

/* Blocks by address in the kernel's linear mapping */
unsigned long zb_get_free_pages(zb_gfp_t gfp, unsigned int order);
unsigned long zb_get_zeroed_page(zb_gfp_t gfp);
void zb_free_pages(unsigned long addr, unsigned int order);

static inline unsigned long zb_get_free_page(zb_gfp_t gfp)
{
	return zb_get_free_pages(gfp, 0);
}

static inline unsigned long zb_get_dma_pages(zb_gfp_t gfp, unsigned int order)
{
	return zb_get_free_pages(gfp | ZB_GFP_DMA, order);
}

static inline void zb_free_page(unsigned long addr)
{
	zb_free_pages(addr, 0);
}

/* Memory of any size in bytes */
void *zb_alloc_pages_exact(size_t size, zb_gfp_t gfp);
void *zb_alloc_pages_exact_nid(int nid, size_t size, zb_gfp_t gfp);
void zb_free_pages_exact(void *virt, size_t size);

/* Any number of contiguous pages, with an alignment and within a range of frames */
struct page *zb_alloc_page_range(unsigned long nr_pages, unsigned int align_order,
				 unsigned long start_pfn, unsigned long end_pfn,
				 zb_gfp_t gfp, int nid, const nodemask_t *nodemask);
void zb_free_page_range(unsigned long pfn, unsigned long nr_pages);

/* Many single pages at once */
unsigned long zb_alloc_pages_bulk_array_node(zb_gfp_t gfp, int nid,
					     unsigned long nr_pages,
					     struct page **page_array);
unsigned long zb_alloc_pages_bulk_list_node(zb_gfp_t gfp, int nid,
					    unsigned long nr_pages,
					    struct list_head *page_list);
void zb_free_pages_bulk_array(unsigned long nr_pages, struct page **page_array);
void zb_free_pages_bulk_list(struct list_head *page_list);

static inline unsigned long zb_alloc_pages_bulk_array(zb_gfp_t gfp,
						      unsigned long nr_pages,
						      struct page **page_array)
{
	return zb_alloc_pages_bulk_array_node(gfp, NUMA_NO_NODE, nr_pages,
					      page_array);
}

static inline unsigned long zb_alloc_pages_bulk_list(zb_gfp_t gfp,
						     unsigned long nr_pages,
						     struct list_head *page_list)
{
	return zb_alloc_pages_bulk_list_node(gfp, NUMA_NO_NODE, nr_pages,
					     page_list);
}

/* Compound blocks, and splitting of others */
struct page *zb_compound_head(struct page *page);
unsigned int zb_compound_order(struct page *page);
int zb_split_page(struct page *page, unsigned int order);

static inline struct page *zb_alloc_compound(zb_gfp_t gfp, unsigned int order)
{
	return zb_alloc_pages(gfp | __ZB_GFP_COMP, order);
}

/* Migrate types and isolation of pageblocks */
int zb_get_pageblock_migratetype(struct page *page);
int zb_set_pageblock_migratetype(struct page *page, int migratetype);
int zb_isolate_page_range(unsigned long start_pfn, unsigned long nr_pages);
void zb_undo_isolate_page_range(unsigned long start_pfn,
				unsigned long nr_pages);
unsigned long zb_nr_free_in_range(unsigned long start_pfn,
				  unsigned long nr_pages);

/* Dirty memory per node, which limits __ZB_GFP_WRITE allocations on the node */
void zb_account_page_dirtied(struct page *page, unsigned int order);
void zb_account_page_cleaned(struct page *page, unsigned int order);

struct module;
struct zb_owner;

/* Value of zb_owner_ops.scan: nothing more can be freed for this request. */
#define ZB_SHRINK_STOP	(~0ul)

/**
 * struct zb_shrink_control - memory that is wanted from a module
 * @gfp: __ZB_GFP_IO and __ZB_GFP_FS, if the callback may start I/O and call into file systems
 * @nid: NUMA node of the zone that lacks memory
 * @start_pfn: first frame of the zone; other pages do not help
 * @end_pfn: the frame behind the last one
 * @nr_to_scan: number of pages that are wanted, for zb_owner_ops.scan
 */
struct zb_shrink_control {
	zb_gfp_t gfp;
	int nid;
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned long nr_to_scan;
};

/**
 * struct zb_owner_ops - how memory that a module allocated can be taken back or moved
 * @module: THIS_MODULE, which is required; no callback is called once the module is being unloaded
 * @name: one word for the log and for debugfs
 * @needs: what the callbacks need, __ZB_GFP_IO and __ZB_GFP_FS or 0; they are not called for
 *	requests that exclude it
 * @count: return the number of pages, from frame @start_pfn to @end_pfn, that @scan could free.
 *	It should be fast, and may be wrong
 * @scan: free up to @nr_to_scan pages of these frames, the ones first that are worth the
 *	least, before returning. Return their number, 0 if all are in use at the moment, or
 *	ZB_SHRINK_STOP
 * @isolate: agree to move a block, which must not be freed until @migrate or @putback has been
 *	called. Return false if it is in use
 * @migrate: copy the contents of the block @src to @dst, and use @dst from now on, which is a
 *	block of the same kind, with other contents, and is registered in place of @src. zbuddy
 *	frees @src, whose references the module must have dropped. Return 0, or an error if the
 *	block stays where it is
 * @putback: the block that was isolated is not moved. It may be freed now
 * @oom: free memory whose loss hurts, because a request would fail otherwise, and return the
 *	number of pages. @nr_to_scan pages are wanted, and all frames are suitable. It is called
 *	only for requests for up to 8 pages that are not __ZB_GFP_NORETRY and may call into
 *	file systems, after everything else has failed; a request calls it 5 times at most
 *
 * @count and @scan have the meaning of the functions of the kernel's struct shrinker. The memory
 * should be allocated with __ZB_GFP_RECLAIMABLE, and is freed by the functions that free it
 * otherwise. @isolate, @migrate and @putback have that of struct movable_operations. The memory
 * must be allocated with __ZB_GFP_MOVABLE, and zb_set_page_movable() tells which blocks can be
 * moved. Memory is moved if the contiguous frames of a large block or a range are wanted.
 *
 * The callbacks may sleep, and are called by any task that allocates memory from zbuddy, also
 * for several requests at the same time. They may allocate memory: requests to zbuddy neither
 * reclaim nor compact then, so they fail sooner and must not have __ZB_GFP_NOFAIL, and memory
 * of the kernel is allocated as with GFP_NOIO or GFP_NOFS if @gfp excludes I/O or file systems.
 * The module must not hold a lock that a callback takes while it allocates memory with
 * __ZB_GFP_DIRECT_RECLAIM and what the callback @needs; lockdep reports that.
 */
struct zb_owner_ops {
	struct module *module;
	const char *name;
	zb_gfp_t needs;
	unsigned long (*count)(void *data, const struct zb_shrink_control *sc);
	unsigned long (*scan)(void *data, const struct zb_shrink_control *sc);
	bool (*isolate)(void *data, struct page *page, unsigned int order);
	int (*migrate)(void *data, struct page *dst, struct page *src, unsigned int order);
	void (*putback)(void *data, struct page *page, unsigned int order);
	unsigned long (*oom)(void *data, const struct zb_shrink_control *sc);
};

/* Memory of modules that can be taken back or moved */
struct zb_owner *zb_register_owner(const struct zb_owner_ops *ops, void *data);
void zb_unregister_owner(struct zb_owner *owner);
int zb_set_page_movable(struct zb_owner *owner, struct page *page, unsigned int order,
			gfp_t gfp);
int zb_clear_page_movable(struct page *page);

/* Per-CPU lists */
void zb_drain_all_pages(void);
void zb_drain_cpu_pages(unsigned int cpu);
void zb_drain_zone_pages(struct page *page);

unsigned int zb_max_order(void);
unsigned long zb_nr_free_pages(void);

#endif /* _LINUX_ZBUDDY_H */

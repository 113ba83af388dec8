/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_ZBUDDY_H
#define _UAPI_LINUX_ZBUDDY_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: The zbuddy device
 *
 * /dev/zbuddy allocates physically contiguous, zeroed buffers from a region
 * that the module took from the kernel when it was loaded. A handle identifies
 * a buffer within one open file. When the last descriptor of the open file is
 * closed, explicitly or because the process exits, all of its handles become
 * invalid. A buffer is freed when it has no handle, no file, no mapping and no
 * dma-buf any more. Until then it is charged to the open file that allocated it,
 * and to its user, even if that file is closed, except while ZB_IOC_ADVISE has let
 * it lose its memory.
 *
 * The argument of every ioctl is a pointer to a structure. The caller sets its
 * first member, @size, to sizeof() of the structure that it was compiled with.
 * A command number does not encode the size of the structure (it is made with
 * _IO()), so that a structure can grow without a new command. If the caller's
 * structure is shorter than the kernel's, the missing members are taken as
 * zero; it must have at least the members that it has in the first header with
 * ABI version 3. If it is longer, the additional bytes must be zero, and it must not
 * exceed a page. Reserved fields and unknown flags must be zero.
 *
 * zb_ioc_info.features and gfp_mask tell what the loaded module supports; every
 * addition to this header gets a feature bit. @version increases only with an
 * incompatible change, for which programs have to be compiled again.
 *
 * The meaning of errno, for every command:
 *
 *  - ENOTTY: unknown command
 *  - EFAULT: the argument can't be read or written
 *  - E2BIG: the structure is longer than the kernel's, and an additional byte
 *    is not zero; or it is longer than a page (4096 bytes on x86-64), even if
 *    all additional bytes are zero
 *  - EINVAL: @size is too small, a reserved field is not zero, a flag is
 *    unknown, flags contradict each other, no zone can ever hold the order or
 *    length, the node has no region, or no other zone is left (ZB_IOC_EMPTY). With
 *    dynamic debug enabled ("func zb_einval +p"), the kernel log names the field.
 *  - EPERM: HIGH, ATOMIC or MEMALLOC, which may use memory reserves, without
 *    CAP_SYS_RESOURCE; ZB_IOC_PHYS, @min_addr or @max_addr without CAP_SYS_RAWIO;
 *    ZB_IOC_RESIZE or ZB_IOC_EMPTY without CAP_SYS_ADMIN
 *  - EACCES: the mode of the open file, or of the descriptor that the handle was
 *    made from, does not allow the access
 *  - EBADF: ZB_IOC_FROM_FILE: the descriptor is not open, or was opened with O_PATH
 *  - ENOENT: the open file has no such handle
 *  - EBUSY: EXPORT, TO_FILE or PHYS of a buffer that is marked as not needed or has
 *    lost its memory, or DONTNEED for a buffer that has a dma-buf or a file, that was
 *    created as a file on a mount, or whose physical address has been returned; see
 *    ZB_IOC_ADVISE. ZB_IOC_RESIZE: memory that can't be moved is in the way
 *  - ENODATA: SYNC or mmap() of a buffer whose memory has been taken back, see
 *    ZB_IOC_ADVISE
 *  - EDQUOT: the limit on the memory, or on the number of waiting requests, of
 *    one open file or one user is reached, or that on the buffers that one user has
 *    marked as not needed
 *  - EAGAIN: the dmem.max of the caller's cgroup or RLIMIT_MEMLOCK is reached;
 *    ZB_FEATURE_DMEM and ZB_FEATURE_MEMLOCK tell which of them is charged
 *  - EINTR: a signal handler interrupted a waiting call. If the handler was
 *    installed with SA_RESTART, or if no handler ran (SIGSTOP and SIGCONT, a
 *    debugger, the freezer), the kernel restarts the call instead, with the
 *    same deadline.
 *  - ETIMEDOUT: the deadline passed before memory was available, or had passed
 *    already when the call began
 *  - EMFILE, ENFILE: no file descriptor is available
 *  - EOPNOTSUPP: this kernel lacks the feature, see zb_ioc_info.features; or the backend
 *    can't give back a part of its memory (ZB_IOC_RESIZE)
 *  - ENOMEM: no zone that the request may use has a free block, or with ZB_BUF_RANGE
 *    a range, of this size now.
 *    ZB_IOC_EXPLAIN tells whether retrying can help. For commands that allocate no
 *    buffer: the kernel could not allocate memory for its own structures.
 *  - ENOSPC: all handles of the open file are in use. There are about 2^32 of
 *    them. For a 32-bit program, their number is 16 TiB (the range of mmap()
 *    offsets) divided by twice the size of the largest zone, rounded up to a power of two.
 *
 * A command that fails changes nothing. ZB_IOC_EXPLAIN tells the cause of the
 * failure: the field, the limit, or the state of the memory.
 *
 * mmap() of the device maps a buffer. The offset is one of the two that ALLOC,
 * QUERY and BULK_ALLOC return, plus any page-aligned offset within the buffer.
 * How an offset encodes the buffer is not part of the ABI. All offsets are
 * above 4 GiB, so a 32-bit program needs a 64-bit off_t
 * (-D_FILE_OFFSET_BITS=64); a truncated offset belongs to no buffer. The
 * mapping must be MAP_SHARED. With ZB_FEATURE_HUGE_PAGES, a single page table
 * entry maps each naturally aligned piece of the size of a huge page. Without
 * it, a mapping at @mmap_huge_offset has such entries, but get_user_pages()
 * (direct I/O) fails on it. @mmap_huge_offset is 0 without
 * ZB_FEATURE_MMAP_HUGE. mmap() fails
 * with ENOENT if the open file has no buffer at that offset, with EINVAL if
 * the mapping is private or extends beyond the end of the buffer, with EACCES if
 * it is writable and the device is not open for writing or the handle is read-only,
 * with ENODATA if the memory of the buffer has been taken back, and with ENFILE if
 * the system has too many open files, because a mapped buffer needs one.
 *
 * If the kernel finds an uncorrected error in a page of a buffer, access to this
 * page raises SIGBUS with the code BUS_MCEERR_AR in all mappings of the buffer,
 * and system calls that access the page fail with EFAULT. The rest of the buffer
 * stays usable. A program should free the buffer, so that its other pages can be
 * allocated again.
 *
 * Threads of one process can use a private futex in a mapping. Operations on a
 * shared futex, including FUTEX_WAKE, fail with EFAULT: the kernel identifies a
 * shared futex by its file and page cache offset, and these pages are not in the
 * page cache. Processes that share a buffer must keep their locks in other
 * shared memory.
 *
 * poll() reports the device as readable while any zone has more free memory
 * than its low watermark. A program that sleeps in poll() is woken when this
 * becomes true: at once, or within 100 ms if a kernel module freed the memory. A
 * request for a large block may fail nevertheless, so a program that waits for
 * memory for a request uses ZB_BUF_WAIT.
 */

#define ZB_IOC_TYPE	0xBB

#define ZB_ABI_VERSION	3

/* Zone types, lowest first. */
#define ZB_ZONE_DMA		0
#define ZB_ZONE_DMA32		1
#define ZB_ZONE_NORMAL		2
#define ZB_ZONE_HIGHMEM		3
#define ZB_ZONE_MOVABLE		4
#define ZB_NR_ZONES		5

/* Migrate types, in the order of /proc/pagetypeinfo. */
#define ZB_MIGRATE_UNMOVABLE	0
#define ZB_MIGRATE_MOVABLE	1
#define ZB_MIGRATE_RECLAIMABLE	2
#define ZB_MIGRATE_PCPTYPES	3	/* number of types on per-CPU lists */
#define ZB_MIGRATE_HIGHATOMIC	3
#define ZB_MIGRATE_CMA		4
#define ZB_MIGRATE_ISOLATE	5
#define ZB_MIGRATE_TYPES	6

/*
 * Allocation flags, with the names, values and groups of the classic gfp bits.
 * zb_ioc_info.gfp_mask has the flags that the loaded module accepts from user
 * space; others fail with EINVAL. Flags marked [k] are for kernel modules only.
 */
typedef __u32 __bitwise zb_gfp_t;

/* sparse checks zb_gfp_t as a distinct type; for a compiler it is a __u32. */
#ifdef __CHECKER__
#define __ZB_GFP(bits)		((__attribute__((force)) zb_gfp_t)(bits))
#else
#define __ZB_GFP(bits)		(bits)
#endif

/* Zone modifiers: the low four bits select the highest zone that may be used. */
#define __ZB_GFP_DMA		__ZB_GFP(0x01u)
#define __ZB_GFP_HIGHMEM	__ZB_GFP(0x02u)
#define __ZB_GFP_DMA32		__ZB_GFP(0x04u)
#define __ZB_GFP_MOVABLE	__ZB_GFP(0x08u)	/* also a mobility: movable */

/* Mobility and placement */
#define __ZB_GFP_RECLAIMABLE	__ZB_GFP(0x10u)	/* the owner can free it on demand */
#define __ZB_GFP_HARDWALL	__ZB_GFP(0x20000u) /* only nodes of the task's cpuset */
#define __ZB_GFP_THISNODE	__ZB_GFP(0x40000u) /* only the preferred node */
#define __ZB_GFP_OTHER_NODE	__ZB_GFP(0x800000u) /* [k] count the preferred node as local */
#define __ZB_GFP_WRITE		__ZB_GFP(0x1000000u) /* will be dirtied: dirty_ratio applies */
#define __ZB_GFP_ACCOUNT	__ZB_GFP(0x100000u) /* [k] accepted and ignored */

/*
 * Reserves: how much of the memory below the watermark a request may use. ATOMIC also
 * permits HighAtomic pageblocks.
 */
#define __ZB_GFP_HIGH		__ZB_GFP(0x20u)	/* urgent: may use half of the reserve */
#define __ZB_GFP_ATOMIC		__ZB_GFP(0x80000u) /* can't sleep: may use 1/4 of the rest */
#define __ZB_GFP_MEMALLOC	__ZB_GFP(0x2000u)	/* will free memory soon: may use all */
#define __ZB_GFP_NOMEMALLOC	__ZB_GFP(0x10000u) /* no reserves for MEMALLOC and ATOMIC */

/* Reclaim: what the allocator may do before it fails */
#define __ZB_GFP_IO		__ZB_GFP(0x40u)	/* may start I/O */
#define __ZB_GFP_FS		__ZB_GFP(0x80u)	/* may call into file systems */
#define __ZB_GFP_DIRECT_RECLAIM	__ZB_GFP(0x400000u) /* may sleep, drain and reclaim */
#define __ZB_GFP_KSWAPD_RECLAIM	__ZB_GFP(0x2000000u) /* may wake background reclaim */
#define __ZB_GFP_REPEAT		__ZB_GFP(0x400u)	/* retry more often before failing */
#define __ZB_GFP_NOFAIL		__ZB_GFP(0x800u)	/* [k] never fail; needs DIRECT_RECLAIM */
#define __ZB_GFP_NORETRY	__ZB_GFP(0x1000u)	/* fail after the first round */
#define __ZB_GFP_RETRY_MAYFAIL	__ZB_GFP_REPEAT

/* Actions */
#define __ZB_GFP_COLD		__ZB_GFP(0x100u)	/* prefer cache-cold memory */
#define __ZB_GFP_NOWARN		__ZB_GFP(0x200u)	/* do not report a failure */
#define __ZB_GFP_COMP		__ZB_GFP(0x4000u) /* [k] a block that must not be split */
#define __ZB_GFP_ZERO		__ZB_GFP(0x8000u)	/* [k] clear the memory */
#define __ZB_GFP_NOTRACK	__ZB_GFP(0x200000u) /* [k] no allocation tracepoint */

#define ZB_GFP_BITS_SHIFT	26
#define ZB_GFP_BITS_MASK	__ZB_GFP((1u << ZB_GFP_BITS_SHIFT) - 1)

#define __ZB_GFP_RECLAIM	(__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_KSWAPD_RECLAIM)

#define ZB_GFP_ZONEMASK		(__ZB_GFP_DMA | __ZB_GFP_HIGHMEM | \
				 __ZB_GFP_DMA32 | __ZB_GFP_MOVABLE)
#define ZB_GFP_MOVABLE_MASK	(__ZB_GFP_RECLAIMABLE | __ZB_GFP_MOVABLE)

/* Callers should use these groups. TRANSHUGE has COMP and is for modules only. */
#define ZB_GFP_ATOMIC		(__ZB_GFP_HIGH | __ZB_GFP_ATOMIC | \
				 __ZB_GFP_KSWAPD_RECLAIM)
#define ZB_GFP_NOWAIT		__ZB_GFP_KSWAPD_RECLAIM
#define ZB_GFP_NOIO		__ZB_GFP_RECLAIM
#define ZB_GFP_NOFS		(__ZB_GFP_RECLAIM | __ZB_GFP_IO)
#define ZB_GFP_KERNEL		(__ZB_GFP_RECLAIM | __ZB_GFP_IO | __ZB_GFP_FS)
#define ZB_GFP_KERNEL_ACCOUNT	(ZB_GFP_KERNEL | __ZB_GFP_ACCOUNT)
#define ZB_GFP_TEMPORARY	(ZB_GFP_KERNEL | __ZB_GFP_RECLAIMABLE)
#define ZB_GFP_USER		(ZB_GFP_KERNEL | __ZB_GFP_HARDWALL)
#define ZB_GFP_HIGHUSER		(ZB_GFP_USER | __ZB_GFP_HIGHMEM)
#define ZB_GFP_HIGHUSER_MOVABLE	(ZB_GFP_HIGHUSER | __ZB_GFP_MOVABLE)
#define ZB_GFP_DMA		__ZB_GFP_DMA
#define ZB_GFP_DMA32		__ZB_GFP_DMA32
#define ZB_GFP_TRANSHUGE	((ZB_GFP_HIGHUSER_MOVABLE | __ZB_GFP_COMP | \
				  __ZB_GFP_NOMEMALLOC | __ZB_GFP_NORETRY | \
				  __ZB_GFP_NOWARN) & ~__ZB_GFP_RECLAIM)

/* Follow the task's NUMA policy, whose default is the node of the calling CPU. */
#define ZB_NODE_ANY		(-1)

/**
 * struct zb_ioc_info - properties of the loaded module and its memory
 * @size: sizeof(struct zb_ioc_info)
 * @flags: must be 0
 * @version: out: ZB_ABI_VERSION of the module
 * @page_size: out: bytes per page; every length is a multiple of it
 * @features: out: ZB_FEATURE_* bits
 * @gfp_mask: out: all __ZB_GFP_* bits that user space may set
 * @max_order: out: largest order that can be allocated
 * @block_order: out: order of a pageblock
 * @nr_nodes: out: number of nodes that have a region
 * @nr_zones: out: number of zones; ZB_IOC_ZONE takes 0 .. @nr_zones - 1
 * @backend: out: how the memory was obtained: "cma", "dma" or "contig"
 * @total_bytes: out: size of all regions
 * @free_bytes: out: free memory, including per-CPU lists
 */
struct zb_ioc_info {
	__u32 size;
	__u32 flags;
	__u32 version;
	__u32 page_size;
	__aligned_u64 features;
	__u32 gfp_mask;
	__u32 max_order;
	__u32 block_order;
	__u32 nr_nodes;
	__u32 nr_zones;
	char backend[12];
	__aligned_u64 total_bytes;
	__aligned_u64 free_bytes;
};

/* Bits of zb_ioc_info.features */
#define ZB_FEATURE_DMABUF	(1ull << 0)	/* ZB_IOC_EXPORT */
#define ZB_FEATURE_MMAP_HUGE	(1ull << 1)	/* mmap_huge_offset */
#define ZB_FEATURE_LONGTERM_PIN	(1ull << 2)	/* mappings allow long-term pins */
#define ZB_FEATURE_DMEM		(1ull << 3)	/* buffers are charged to the dmem cgroup */
#define ZB_FEATURE_MEMLOCK	(1ull << 4)	/* buffers are charged to RLIMIT_MEMLOCK */
#define ZB_FEATURE_EXPLAIN	(1ull << 5)	/* ZB_IOC_EXPLAIN */
#define ZB_FEATURE_DISCARD	(1ull << 6)	/* ZB_IOC_ADVISE, zb_ioc_query.discard */
#define ZB_FEATURE_FILES	(1ull << 7)	/* ZB_IOC_TO_FILE, ZB_IOC_FROM_FILE */
#define ZB_FEATURE_RANGE	(1ull << 8)	/* ZB_BUF_RANGE */
#define ZB_FEATURE_RESIZE	(1ull << 9)	/* ZB_IOC_RESIZE */
#define ZB_FEATURE_EMPTY	(1ull << 10)	/* ZB_IOC_EMPTY */
#define ZB_FEATURE_RANGE_WAIT	(1ull << 11)	/* ZB_BUF_RANGE together with ZB_BUF_WAIT */
#define ZB_FEATURE_HUGE_PAGES	(1ull << 12)	/* huge entries also at mmap_offset */
#define ZB_FEATURE_BULK_RANGE	(1ull << 13)	/* ZB_BUF_RANGE for ZB_IOC_BULK_ALLOC */

/**
 * struct zb_ioc_zone - properties of one zone
 * @size: sizeof(struct zb_ioc_zone)
 * @flags: must be 0
 * @index: in: 0 .. zb_ioc_info.nr_zones - 1
 * @node: out: NUMA node
 * @type: out: ZB_ZONE_*
 * @largest_order: out: order of the largest free block, -1 if there is none
 * @total_bytes: out: size of the zone
 * @free_bytes: out: free memory in the buddy lists
 * @cached_bytes: out: free memory in the per-CPU lists
 */
struct zb_ioc_zone {
	__u32 size;
	__u32 flags;
	__u32 index;
	__s32 node;
	__u32 type;
	__s32 largest_order;
	__aligned_u64 total_bytes;
	__aligned_u64 free_bytes;
	__aligned_u64 cached_bytes;
};

/* zb_ioc_alloc.flags and zb_ioc_bulk_alloc.flags */
#define ZB_BUF_LENGTH		(1u << 0)	/* @length gives the size, not @order */
#define ZB_BUF_WAIT		(1u << 1)	/* wait for memory until @deadline_ns */
#define ZB_BUF_RANGE		(1u << 2)	/* any number of contiguous pages */

/* No deadline */
#define ZB_WAIT_FOREVER		(~0ull)

/**
 * struct zb_ioc_alloc - allocate a physically contiguous, zeroed buffer
 * @size: sizeof(struct zb_ioc_alloc)
 * @flags: ZB_BUF_* bits
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @node: in: preferred node, or ZB_NODE_ANY; out: node of the buffer
 * @order: in: order of the block (0 with ZB_BUF_LENGTH);
 *	out: order of the smallest block that holds the buffer; its start is
 *	aligned to the size of that block. With ZB_BUF_RANGE: order to which its start
 *	is aligned
 * @zone: out: ZB_ZONE_* of the buffer
 * @handle: out: handle of the buffer in this open file, never 0
 * @__reserved: must be 0
 * @length: in: with ZB_BUF_LENGTH the size in bytes, which is rounded up to whole
 *	pages, else 0; out: size of the buffer in bytes
 * @mmap_offset: out: offset for mmap() of the device
 * @mmap_huge_offset: out: offset for a mapping with huge entries, or 0
 * @deadline_ns: in: with ZB_BUF_WAIT the time until which to wait, in
 *	nanoseconds of CLOCK_MONOTONIC, or ZB_WAIT_FOREVER; else 0. If the
 *	deadline has passed already, the call makes a single attempt, unless the
 *	rules below require it to wait for other requests.
 * @align: in: with ZB_BUF_RANGE the alignment of the physical address in bytes, a power of
 *	two, or 0 for that of a page; else 0
 * @min_addr: in: with ZB_BUF_RANGE the lowest physical address that the buffer may have; else 0
 * @max_addr: in: with ZB_BUF_RANGE the highest physical address that its last byte may
 *	have, or 0 for no limit; else 0. @min_addr and @max_addr need CAP_SYS_RAWIO if they are
 *	not 0
 *
 * ZB_BUF_RANGE, which requires ZB_BUF_LENGTH, requests any number of contiguous pages of one
 * zone, up to all of it. They need not be part of one block, so that neither the order of the
 * largest block nor the alignment of free blocks is a limit. If no
 * such range is free, and the flags include DIRECT_RECLAIM, the one is made free that requires the
 * fewest pages to be moved or taken back: movable buffers that are not in use are moved to
 * other pages of the zone, and discardable ones lose their memory (ZB_IOC_ADVISE). If it is not
 * possible, the request fails with ENOMEM. A movable buffer that was allocated with @min_addr
 * or @max_addr, with an alignment larger than the smallest block that holds it, or that is
 * larger than the largest block, is not moved itself.
 *
 * With ZB_BUF_WAIT (ZB_FEATURE_RANGE_WAIT), which requires DIRECT_RECLAIM then, a request for a
 * range waits like others. While it is the first one, the kernel tries to make a range free: a
 * second after it began to wait, and again a second after each failure, or up to 8 seconds if
 * no memory is freed. Others wait for a range that is larger than the largest block
 * only while its pageblocks are emptied.
 *
 * A request that could not be served even if all memory were free fails with
 * ENOMEM without waiting. Of the other requests, one of each user is served in
 * turn. Those of one user are served in the order of their arrival, even a large
 * one before a later small one. There are two exceptions:
 *
 *  - A later request is served if its zone can't serve the first one at all.
 *  - A later request is also served while enough free memory is left for the
 *    first one. After 64 such requests, or when a request would take memory
 *    that the first one needs, freed memory is reserved for the first one: as
 *    long as memory is being freed, but at most one second. Then up to 64 later
 *    requests are served even from memory that the first one needs. The limit
 *    of one second is not extended when the first one is served and another
 *    request takes its place.
 *
 * A call that is restarted after a signal waits at the end of the queue.
 */
struct zb_ioc_alloc {
	__u32 size;
	__u32 flags;
	__u32 gfp;
	__s32 node;
	__u32 order;
	__u32 zone;
	__u32 handle;
	__u32 __reserved;
	__aligned_u64 length;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_huge_offset;
	__aligned_u64 deadline_ns;
	__aligned_u64 align;
	__aligned_u64 min_addr;
	__aligned_u64 max_addr;
};

/**
 * struct zb_ioc_free - release a buffer
 * @size: sizeof(struct zb_ioc_free)
 * @flags: must be 0
 * @handle: handle of the buffer
 * @__reserved: must be 0
 *
 * The handle becomes invalid at once. The memory is freed when the buffer has no
 * other handle, no file, no mapping and no dma-buf any more.
 */
struct zb_ioc_free {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
};

/**
 * struct zb_ioc_query - get the properties of a buffer
 * @size: sizeof(struct zb_ioc_query)
 * @flags: must be 0
 * @handle: in: handle of the buffer
 * @gfp: out: flags that it was allocated with
 * @node: out: node of the buffer
 * @zone: out: ZB_ZONE_* of the buffer
 * @order: out: order to which its start is aligned
 * @migratetype: out: ZB_MIGRATE_* that its flags select
 * @length: out: size in bytes
 * @mmap_offset: out: offset for mmap() of the device
 * @mmap_huge_offset: out: offset for a mapping with huge entries, or 0
 * @mappings: out: number of mappings of the buffer, including those of dma-bufs
 * @exports: out: number of dma-bufs of the buffer
 * @discard: out: ZB_DISCARD_*
 * @__reserved: must be 0
 *
 * @node and @zone of a buffer whose memory has been taken back are those where its
 * memory was last.
 */
struct zb_ioc_query {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 gfp;
	__s32 node;
	__u32 zone;
	__u32 order;
	__u32 migratetype;
	__aligned_u64 length;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_huge_offset;
	__u32 mappings;
	__u32 exports;
	__u32 discard;
	__u32 __reserved;
};

/* zb_ioc_query.discard */
#define ZB_DISCARD_NONE		0	/* the buffer keeps its memory */
#define ZB_DISCARD_MARKED	1	/* its memory may be taken back at any time */
#define ZB_DISCARD_PURGED	2	/* its memory has been taken back */

#define ZB_BULK_MAX	4096u

/**
 * struct zb_bulk_buffer - one of the buffers that ZB_IOC_BULK_ALLOC allocated
 * @handle: handle of the buffer in this open file, never 0
 * @node: node of the buffer
 * @zone: ZB_ZONE_* of the buffer
 * @order: order to which its start is aligned
 * @length: size in bytes
 * @mmap_offset: offset for mmap() of the device
 * @mmap_huge_offset: offset for a mapping with huge entries, or 0
 */
struct zb_bulk_buffer {
	__u32 handle;
	__s32 node;
	__u32 zone;
	__u32 order;
	__aligned_u64 length;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_huge_offset;
};

/**
 * struct zb_ioc_bulk_alloc - allocate many buffers of one size
 * @size: sizeof(struct zb_ioc_bulk_alloc)
 * @flags: ZB_BUF_* bits; ZB_BUF_RANGE needs ZB_FEATURE_BULK_RANGE
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @node: preferred node, or ZB_NODE_ANY
 * @order: order of each buffer's block (0 with ZB_BUF_LENGTH)
 * @nr: number of buffers, 1 to ZB_BULK_MAX
 * @length: with ZB_BUF_LENGTH the size of each buffer in bytes, else 0
 * @deadline_ns: with ZB_BUF_WAIT the time until which to wait for the first
 *	buffer, as in struct zb_ioc_alloc; else 0
 * @buffers: address of an array of @nr elements of @buffer_size bytes
 * @buffer_size: sizeof(struct zb_bulk_buffer) in the caller; the additional bytes
 *	of a longer element are filled with zeroes
 * @done: out: number of buffers allocated, whose elements are filled in
 * @error: out: 0 if all were allocated, or the errno of the buffer that was not
 * @__reserved: must be 0
 * @align: with ZB_BUF_RANGE as in struct zb_ioc_alloc, for each of the buffers; else 0
 * @min_addr: as @align
 * @max_addr: as @align
 *
 * The command succeeds if at least one buffer was allocated, like read() with
 * fewer bytes than requested. It waits only for the first buffer. If it fails, no
 * buffer was allocated. If an element can't be written, the command ends: the
 * buffers of the elements before it are allocated, the others are not.
 */
struct zb_ioc_bulk_alloc {
	__u32 size;
	__u32 flags;
	__u32 gfp;
	__s32 node;
	__u32 order;
	__u32 nr;
	__aligned_u64 length;
	__aligned_u64 deadline_ns;
	__aligned_u64 buffers;
	__u32 buffer_size;
	__u32 done;
	__u32 error;
	__u32 __reserved;
	__aligned_u64 align;
	__aligned_u64 min_addr;
	__aligned_u64 max_addr;
};

/**
 * struct zb_ioc_bulk_free - release many buffers
 * @size: sizeof(struct zb_ioc_bulk_free)
 * @flags: must be 0
 * @nr: number of buffers, 1 to ZB_BULK_MAX
 * @stride: bytes from one handle to the next, a multiple of 4 and not 0: 4 for an
 *	array of handles, sizeof(struct zb_bulk_buffer) for the array of BULK_ALLOC
 * @handles: address of the first handle
 * @done: out: number of buffers released, starting with the first
 * @error: out: 0 if all were released, or the errno of the first that was not
 *
 * The command succeeds if at least one buffer was released. If it fails, none was.
 */
struct zb_ioc_bulk_free {
	__u32 size;
	__u32 flags;
	__u32 nr;
	__u32 stride;
	__aligned_u64 handles;
	__u32 done;
	__u32 error;
};

#define ZB_LABEL_LEN	32

/**
 * struct zb_ioc_label - set the label that debugfs shows for a buffer
 * @size: sizeof(struct zb_ioc_label)
 * @flags: must be 0
 * @handle: handle of the buffer
 * @__reserved: must be 0
 * @label: printable ASCII characters without blanks, terminated by a 0
 */
struct zb_ioc_label {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	char label[ZB_LABEL_LEN];
};

/**
 * struct zb_ioc_phys - get the physical address of a buffer; needs CAP_SYS_RAWIO
 * @size: sizeof(struct zb_ioc_phys)
 * @flags: must be 0
 * @handle: handle of the buffer
 * @__reserved: must be 0
 * @addr: out: physical address of its first byte
 * @length: out: size of the buffer in bytes
 *
 * A movable buffer is not moved any more after its address has been returned.
 */
struct zb_ioc_phys {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	__aligned_u64 addr;
	__aligned_u64 length;
};

/* zb_ioc_export.flags */
#define ZB_EXPORT_CLOEXEC	(1u << 0)	/* close the descriptor on exec() */
#define ZB_EXPORT_RDWR		(1u << 1)	/* allow writing through the dma-buf */

/**
 * struct zb_ioc_export - export a buffer as a dma-buf
 * @size: sizeof(struct zb_ioc_export)
 * @flags: ZB_EXPORT_* bits
 * @handle: handle of the buffer
 * @fd: out: file descriptor of the dma-buf, which keeps the memory even after the
 *	handle is released
 *
 * Without ZB_EXPORT_RDWR the dma-buf can't be mapped writable, not even through a
 * driver that imports it, and a DMA mapping for writing by the device fails with
 * EACCES. Many drivers request a bidirectional DMA mapping although they need only one
 * direction; they get a mapping for reading by the device. Without an IOMMU, nothing
 * prevents the device from writing through it. The kernel mapping of a driver is not
 * restricted.
 */
struct zb_ioc_export {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__s32 fd;
};

/* zb_ioc_advise.advice */
#define ZB_ADVISE_DONTNEED	1	/* the contents may be dropped */
#define ZB_ADVISE_WILLNEED	2	/* the buffer is needed again */

/**
 * struct zb_ioc_advise - let a buffer lose its contents when memory is short
 * @size: sizeof(struct zb_ioc_advise)
 * @flags: must be 0
 * @handle: handle of a buffer that was allocated with __ZB_GFP_RECLAIMABLE, which
 *	ZB_GFP_TEMPORARY includes
 * @advice: ZB_ADVISE_*
 * @retained: out: 1 if the buffer has kept its contents, 0 if they have been dropped
 * @__reserved: must be 0
 *
 * After ZB_ADVISE_DONTNEED, the buffer can be used as before until memory is short.
 * Then its memory may be taken back ("purged"): access to its mappings raises SIGBUS,
 * and the buffer is charged to nobody. A buffer keeps its memory while one of its pages
 * is pinned, and while it has more than 64 mappings. It stays marked when its handles
 * are freed. @retained is 0 if the buffer has been purged already. A user can have at most
 * max_discardable_per_user marked or purged buffers.
 *
 * ZB_ADVISE_WILLNEED removes the mark. If @retained is 1, the buffer has kept its
 * contents; this is also the answer for a buffer that was not marked. If @retained is 0,
 * the buffer has new, cleared memory in all of its mappings, which is charged to the
 * caller, and has to be filled again. If several threads call WILLNEED for a purged
 * buffer at the same time, each of them may get 0. If there is no memory, or a limit is
 * reached, the command fails as ZB_IOC_ALLOC does, with ENOMEM, EDQUOT or EAGAIN, and
 * the buffer stays without memory. WILLNEED never uses memory reserves, whatever the
 * flags of the buffer.
 */
struct zb_ioc_advise {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 advice;
	__u32 retained;
	__u32 __reserved;
};

/* zb_ioc_sync.flags: which side accesses the memory next, and the DMA direction */
#define ZB_SYNC_FOR_CPU		(1u << 0)
#define ZB_SYNC_FOR_DEVICE	(1u << 1)
#define ZB_SYNC_TO_DEVICE	(1u << 2)	/* the device reads it */
#define ZB_SYNC_FROM_DEVICE	(1u << 3)	/* the device writes it */

/**
 * struct zb_ioc_sync - maintain CPU caches before or after DMA
 * @size: sizeof(struct zb_ioc_sync)
 * @flags: one of ZB_SYNC_FOR_*, and one or both directions
 * @handle: handle of the buffer
 * @__reserved: must be 0
 * @offset: first byte of the range
 * @length: length of the range in bytes
 *
 * Machines with non-coherent DMA need this. On other machines it does nothing.
 */
struct zb_ioc_sync {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
};

/*
 * Values of zb_ioc_explain.cause. Those marked "(zone)" set @node, @zone, @free and
 * @largest_order, for the zone that came closest to serving the request.
 */
#define ZB_CAUSE_NONE		0	/* no details besides the errno */
#define ZB_CAUSE_FIELD		1	/* @value is not valid for @field */
#define ZB_CAUSE_CAPABILITY	2	/* the caller lacks capability number @value */
#define ZB_CAUSE_FILE_MODE	3	/* the mode of the device or of a descriptor forbids it */
/* No memory is available now. */
#define ZB_CAUSE_FREED		4	/* enough memory has become free since (zone) */
#define ZB_CAUSE_WATERMARK	5	/* @limit must stay free (zone) */
#define ZB_CAUSE_FRAGMENTED	6	/* the free blocks are too small (zone) */
#define ZB_CAUSE_HIGHATOMIC	7	/* @limit is in HighAtomic pageblocks (zone) */
#define ZB_CAUSE_CMA		8	/* @limit is in CMA pageblocks (zone) */
#define ZB_CAUSE_LOWMEM		9	/* @limit is reserved for lower zone types (zone) */
#define ZB_CAUSE_ISOLATED	10	/* @limit is in isolated pageblocks (zone) */
#define ZB_CAUSE_CACHED		11	/* @limit is on per-CPU lists (zone) */
#define ZB_CAUSE_FULL		12	/* less is free than requested (zone) */
#define ZB_CAUSE_NODE		13	/* the caller may not use the node of this zone */
#define ZB_CAUSE_ZONE		14	/* the flags exclude this zone */
#define ZB_CAUSE_LINE		15	/* reserved for earlier requests in the queue (zone) */
/* The request could not be served even if all memory were free. */
#define ZB_CAUSE_NEVER_ZONE	16	/* the flags exclude all zones */
#define ZB_CAUSE_NEVER_NODE	17	/* the caller may use no node with an allowed zone */
#define ZB_CAUSE_NEVER_BLOCK	18	/* the zones are too small for the block (zone) */
#define ZB_CAUSE_NEVER_TYPE	19	/* such blocks are CMA, isolated, bad or offline (zone) */
#define ZB_CAUSE_NEVER_WATERMARK 20	/* @limit must stay free (zone) */
/* A limit was reached: @limit is the limit, and @used the current usage. */
#define ZB_CAUSE_OPEN_BYTES	21	/* max_bytes_per_open */
#define ZB_CAUSE_USER_BYTES	22	/* max_bytes_per_user */
#define ZB_CAUSE_OWNER_BYTES	23	/* as above, of a namespace owner; @used is 0 */
#define ZB_CAUSE_OPEN_WAITING	24	/* max_waiting_per_open */
#define ZB_CAUSE_USER_WAITING	25	/* max_waiting_per_user */
#define ZB_CAUSE_OWNER_WAITING	26	/* as above, of a namespace owner; @used is 0 */
#define ZB_CAUSE_DMEM		27	/* dmem.max of a cgroup; @limit and @used are 0 */
#define ZB_CAUSE_MEMLOCK	28	/* RLIMIT_MEMLOCK */
#define ZB_CAUSE_HANDLES	29	/* all handles of the open file are in use */
/* The cause is outside the region. */
#define ZB_CAUSE_KERNEL		30	/* the kernel could not allocate metadata */
#define ZB_CAUSE_CACHES		31	/* caches could not be written back */
/* More limits, as above. */
#define ZB_CAUSE_USER_DISCARDABLE 32	/* max_discardable_per_user */
#define ZB_CAUSE_OWNER_DISCARDABLE 33	/* as above, of a namespace owner; @used is 0 */
/* ZB_BUF_RANGE: enough memory is free, but not in one range. */
#define ZB_CAUSE_UNMOVABLE	34	/* memory that can't be moved is in the way (zone) */
#define ZB_CAUSE_IN_USE		35	/* movable buffers in the way are in use (zone) */

#define ZB_FIELD_LEN	16

/**
 * struct zb_ioc_explain - the cause of the last failure
 * @size: sizeof(struct zb_ioc_explain)
 * @flags: must be 0
 * @command: out: the command that failed, such as ZB_IOC_ALLOC
 * @error: out: its errno, or zb_ioc_bulk_alloc.error
 * @cause: out: ZB_CAUSE_*; programs must treat an unknown value as ZB_CAUSE_NONE,
 *	because newer modules may add causes
 * @node: out: node of the zone, or -1
 * @zone: out: ZB_ZONE_* of the zone, if @node is not -1
 * @largest_order: out: order of the largest free block of a type that the
 *	request may use, or -1
 * @wanted: out: size of the requested buffer in bytes, or 0
 * @free: out: free memory of the zone in bytes, including per-CPU lists
 * @limit: out: bytes, requests or buffers, see ZB_CAUSE_*
 * @used: out: bytes, requests or buffers, see ZB_CAUSE_*
 * @value: out: the value of @field, or the number of the capability
 * @field: out: name of a member of the command's structure, terminated by a 0
 *
 * An open file stores only the last failure of all threads. ZB_IOC_EXPLAIN fails
 * with ENOENT if that was a failure in another thread, or if no command has failed
 * yet. Successful commands, failures of ZB_IOC_EXPLAIN itself, ENOTTY, and failures
 * of mmap() do not change the stored failure. A BULK command that succeeds with
 * its member @error set is stored as a failure, too.
 */
struct zb_ioc_explain {
	__u32 size;
	__u32 flags;
	__u32 command;
	__u32 error;
	__u32 cause;
	__s32 node;
	__u32 zone;
	__s32 largest_order;
	__aligned_u64 wanted;
	__aligned_u64 free;
	__aligned_u64 limit;
	__aligned_u64 used;
	__aligned_u64 value;
	char field[ZB_FIELD_LEN];
};

/* zb_ioc_to_file.flags */
#define ZB_FILE_CLOEXEC		(1u << 0)	/* close the descriptor on exec() */
#define ZB_FILE_RDWR		(1u << 1)	/* allow writing through the descriptor */

/**
 * struct zb_ioc_to_file - get a file descriptor for a buffer
 * @size: sizeof(struct zb_ioc_to_file)
 * @flags: ZB_FILE_* bits
 * @handle: handle of the buffer
 * @fd: out: descriptor of a new file without a name, which keeps the memory even
 *	after the handle is released
 *
 * The contents of the file are the buffer: it can be mapped from offset 0 on, read,
 * written and passed to other processes, like a file on a mounted zbuddy file system.
 * Its length never changes. A file without ZB_FILE_RDWR can't be written to, and
 * nobody can open it again for writing. Each call creates a file of its own, so
 * that files of the same buffer have different inode numbers and locks.
 */
struct zb_ioc_to_file {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__s32 fd;
};

/**
 * struct zb_ioc_from_file - get a handle for the buffer of a file
 * @size: sizeof(struct zb_ioc_from_file)
 * @flags: must be 0
 * @fd: descriptor of a file from ZB_IOC_TO_FILE, of a file on a mounted zbuddy
 *	file system, or of a dma-buf from ZB_IOC_EXPORT or zbuddy's dma-heap
 * @handle: out: a new handle of the buffer in this open file, never 0
 * @length: out: size of the buffer in bytes
 * @mmap_offset: out: offset for mmap() of the device
 * @mmap_huge_offset: out: offset for a mapping with huge entries, or 0
 *
 * The descriptor must be open for reading. If it is not open for writing, the
 * handle is read-only: a writable mapping, ZB_EXPORT_RDWR, ZB_FILE_RDWR,
 * ZB_IOC_LABEL, ZB_IOC_ADVISE, and ZB_IOC_SYNC with ZB_SYNC_FROM_DEVICE fail with
 * EACCES. The command fails with EINVAL if the descriptor is of another kind, or of a
 * file without a length. ZB_IOC_FREE releases only this handle; the buffer exists
 * until its other users have released it.
 */
struct zb_ioc_from_file {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 handle;
	__aligned_u64 length;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_huge_offset;
};

/**
 * struct zb_ioc_resize - give memory of the region back to the kernel, or take it again
 * @size: sizeof(struct zb_ioc_resize)
 * @flags: must be 0
 * @node: the node whose memory changes, or ZB_NODE_ANY to distribute @bytes over all
 *	nodes in proportion to their sizes at load
 * @error: out: 0, or the errno why the size was not reached: EBUSY, ENOMEM or EINTR
 * @bytes: in: the wanted size, a multiple of a pageblock (zb_ioc_info.block_order), not 0,
 *	and at most the size at load; out: the present size
 *
 * Requires CAP_SYS_ADMIN. To reduce the size, whole pageblocks are emptied as for ZB_BUF_RANGE,
 * cleared and given to the kernel: movable buffers are moved, and discardable ones lose their
 * memory. If the size can't be reached, but the command has changed it, the command succeeds, and
 * @error and ZB_IOC_EXPLAIN tell the cause; if it could change nothing, it fails with that errno:
 * EBUSY if memory that can't be moved, or that the watermarks need, is left, and ENOMEM if the
 * kernel does not have the memory that the region lacks. The kernel log names the node. It may
 * take seconds; a fatal signal ends it.
 *
 * The module parameter idle may reduce the size further, and takes memory again up to
 * @bytes. If the size can't be increased, it still takes memory up to the size before.
 */
struct zb_ioc_resize {
	__u32 size;
	__u32 flags;
	__s32 node;
	__u32 error;
	__aligned_u64 bytes;
};

/* ZB_IOC_EMPTY: zones of all types. */
#define ZB_ZONE_ANY		0xffffffffu

/**
 * struct zb_ioc_empty - move buffers out of a zone or a node
 * @size: sizeof(struct zb_ioc_empty)
 * @flags: must be 0
 * @node: the node whose zones are to be emptied, or ZB_NODE_ANY for all nodes
 * @zone: ZB_ZONE_* type of the zones to be emptied, or ZB_ZONE_ANY for all types
 * @moved: out: bytes of buffers that were moved to other zones
 * @discarded: out: bytes of discardable buffers that have lost their memory
 * @left: out: bytes that are still allocated in these zones
 * @in_use: out: part of @left in movable and discardable buffers that are in use: a page is
 *	pinned, the physical address was returned, or a device can't let go of the dma-buf
 * @no_room: out: part of @left in movable buffers that would need memory that the other zones
 *	do not have
 *
 * Requires CAP_SYS_ADMIN. Movable buffers are moved to other zones that their flags allow, while
 * they are used; a buffer stays on its node if its flags, or the cpuset or NUMA policy of the task
 * that allocated it, require that. Discardable buffers lose their memory. The rest of @left is
 * memory that never moves, and memory of other modules. Nothing is allocated in these zones
 * meanwhile, so requests that can't use another zone fail or wait; afterwards everything is as
 * before. The command fails with EINVAL if there is no such zone, or if no other zone is left. It
 * may take seconds; a fatal signal ends it. Only one such command runs at a time: others wait for
 * it, and fail with EINTR if a signal handler without SA_RESTART interrupts them.
 */
struct zb_ioc_empty {
	__u32 size;
	__u32 flags;
	__s32 node;
	__u32 zone;
	__aligned_u64 moved;
	__aligned_u64 discarded;
	__aligned_u64 left;
	__aligned_u64 in_use;
	__aligned_u64 no_room;
};

#define ZB_IOC_INFO	_IO(ZB_IOC_TYPE, 0)
#define ZB_IOC_ZONE	_IO(ZB_IOC_TYPE, 1)
#define ZB_IOC_ALLOC	_IO(ZB_IOC_TYPE, 2)
#define ZB_IOC_FREE	_IO(ZB_IOC_TYPE, 3)
#define ZB_IOC_QUERY	_IO(ZB_IOC_TYPE, 4)
#define ZB_IOC_BULK_ALLOC _IO(ZB_IOC_TYPE, 5)
#define ZB_IOC_BULK_FREE _IO(ZB_IOC_TYPE, 6)
#define ZB_IOC_LABEL	_IO(ZB_IOC_TYPE, 7)
#define ZB_IOC_PHYS	_IO(ZB_IOC_TYPE, 8)
#define ZB_IOC_EXPORT	_IO(ZB_IOC_TYPE, 9)
#define ZB_IOC_SYNC	_IO(ZB_IOC_TYPE, 10)
#define ZB_IOC_EXPLAIN	_IO(ZB_IOC_TYPE, 11)
#define ZB_IOC_ADVISE	_IO(ZB_IOC_TYPE, 12)
#define ZB_IOC_TO_FILE	_IO(ZB_IOC_TYPE, 13)
#define ZB_IOC_FROM_FILE _IO(ZB_IOC_TYPE, 14)
#define ZB_IOC_RESIZE	_IO(ZB_IOC_TYPE, 15)
#define ZB_IOC_EMPTY	_IO(ZB_IOC_TYPE, 16)

#endif /* _UAPI_LINUX_ZBUDDY_H */

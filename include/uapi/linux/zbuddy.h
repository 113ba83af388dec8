/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_ZBUDDY_H
#define _UAPI_LINUX_ZBUDDY_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: The zbuddy device
 *
 * /dev/zbuddy hands out physically contiguous, zeroed buffers from a region
 * that the module took out of CMA when it loaded. A buffer is named by a
 * handle that belongs to the open file: close() (or the death of the last
 * process that has the file open) frees every buffer of it that nobody has
 * mapped any more.
 *
 * All ioctls follow one scheme. The argument is a pointer to a structure whose
 * first member, @size, is set by the caller to sizeof() of the structure it
 * was compiled with. Commands are numbered with _IO(), so that a structure can
 * grow without a new number (this differs from the usual advice on purpose;
 * the size is in the structure). A structure that is shorter than today's is
 * filled up with zeroes, a longer one is accepted as long as what we do not
 * know is zero. All reserved fields and unknown flags must be zero.
 *
 * Whether something is there is told by zb_ioc_info.features and gfp_mask, and
 * by nothing else: @version only grows when old programs have to be compiled
 * anew. Whatever is added to this header gets a feature bit.
 *
 * What errno means, for every command:
 *
 *  - ENOTTY: no such command
 *  - EFAULT: the pointer can't be read or written
 *  - E2BIG: the structure is longer than ours and its unknown part not zero
 *  - EINVAL: @size too short, a reserved field not zero, an unknown flag, a
 *    combination of flags that means nothing, an order or length no zone can
 *    ever hold, a node without a region. With dynamic debug on ("module zbuddy
 *    +p"), the kernel's log names the field.
 *  - EPERM: flags that may use up reserves (HIGH, ATOMIC, MEMALLOC) without
 *    CAP_SYS_RESOURCE; ZB_IOC_PHYS without CAP_SYS_RAWIO
 *  - EACCES: a dma-buf that could do more than the open file may
 *  - ENOENT: the handle is not one of this open file
 *  - EDQUOT: a limit on what one open file or one user may hold, or on how many
 *    requests of one open file or one user may wait
 *  - EAGAIN: the caller's cgroup (dmem.max) or RLIMIT_MEMLOCK allows no more;
 *    ZB_FEATURE_DMEM and ZB_FEATURE_MEMLOCK tell which of them is charged
 *  - EINTR: a signal was caught while the call waited. The kernel restarts the
 *    call instead if the handler was installed with SA_RESTART, or if no handler
 *    ran (SIGSTOP and SIGCONT, a debugger, the freezer); its deadline is still
 *    the same then.
 *  - ETIMEDOUT: the deadline came before the memory did
 *  - EMFILE, ENFILE: no file descriptor is left for a dma-buf
 *  - EOPNOTSUPP: this kernel lacks what it needs, see zb_ioc_info.features
 *  - ENOMEM: no zone that the flags allow has such a block now; try again
 *    after something has been freed
 *  - ENOSPC: this file has handed out all its handles: 2^32 or, for a 32-bit
 *    program, as many largest blocks as fit twice into its 16 TiB of mmap()
 *    offsets
 *
 * A command that fails has changed nothing.
 *
 * mmap() of the device takes one of the two offsets of a buffer, as ALLOC, QUERY
 * and BULK_ALLOC tell them, plus any page-aligned offset inside the buffer. What
 * these numbers are made of is not part of the ABI; a 32-bit program can express
 * all of them. The mapping must be MAP_SHARED. Through @mmap_huge_offset,
 * naturally aligned pieces of the size of a huge page are mapped by one entry:
 * faster to set up and to use, but get_user_pages() (direct I/O) is refused on
 * such a mapping. @mmap_huge_offset is 0 without ZB_FEATURE_MMAP_HUGE. Errno of
 * mmap(): ENOENT when no buffer of this file is at that offset, EINVAL when the
 * mapping would begin or end behind the buffer that is there, or is private,
 * ENFILE when the system has too many open files (a mapped buffer needs one).
 *
 * A private futex in a mapping works between the threads of a process. A shared
 * one is refused with EFAULT, waiting as well as waking: the kernel names shared
 * futexes by file and page offset in the page cache, and these pages are not in
 * it. Processes that share a buffer keep their locks in other shared memory.
 *
 * poll() of the device says readable while any zone has more free than its low
 * watermark. A program that sleeps in poll() is woken when that becomes true, and
 * within 100 ms where a kernel module frees the memory.
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
#define ZB_MIGRATE_PCPTYPES	3	/* how many of them per-CPU lists keep */
#define ZB_MIGRATE_HIGHATOMIC	3
#define ZB_MIGRATE_CMA		4
#define ZB_MIGRATE_ISOLATE	5
#define ZB_MIGRATE_TYPES	6

/*
 * Allocation flags, with the names, values and groups of the classic gfp bits.
 * zb_ioc_info.gfp_mask tells which of them the loaded module accepts from user
 * space; any other is refused. Those marked [k] are for kernel modules only.
 */
typedef __u32 __bitwise zb_gfp_t;

/* Only sparse sees a type of its own here; to a compiler these are numbers. */
#ifdef __CHECKER__
#define __ZB_GFP(bits)		((__attribute__((force)) zb_gfp_t)(bits))
#else
#define __ZB_GFP(bits)		(bits)
#endif

/* Zone modifiers: the low four bits pick the highest zone that may be used. */
#define __ZB_GFP_DMA		__ZB_GFP(0x01u)
#define __ZB_GFP_HIGHMEM	__ZB_GFP(0x02u)
#define __ZB_GFP_DMA32		__ZB_GFP(0x04u)
#define __ZB_GFP_MOVABLE	__ZB_GFP(0x08u)	/* also a mobility: can be migrated */

/* Mobility and placement */
#define __ZB_GFP_RECLAIMABLE	__ZB_GFP(0x10u)	/* can be dropped and made again */
#define __ZB_GFP_HARDWALL	__ZB_GFP(0x20000u) /* only nodes of the task's cpuset */
#define __ZB_GFP_THISNODE	__ZB_GFP(0x40000u) /* the preferred node and no other */
#define __ZB_GFP_OTHER_NODE	__ZB_GFP(0x800000u) /* [k] on behalf of that node */
#define __ZB_GFP_WRITE		__ZB_GFP(0x1000000u) /* will be dirtied: spread by dirty limits */
#define __ZB_GFP_ACCOUNT	__ZB_GFP(0x100000u) /* [k] charge it */

/* Reserves: how far below the watermarks a request may go */
#define __ZB_GFP_HIGH		__ZB_GFP(0x20u)	/* urgent: half of the min reserve */
#define __ZB_GFP_ATOMIC		__ZB_GFP(0x80000u) /* can't wait: a quarter more, HighAtomic */
#define __ZB_GFP_MEMALLOC	__ZB_GFP(0x2000u)	/* frees memory soon: all of it */
#define __ZB_GFP_NOMEMALLOC	__ZB_GFP(0x10000u) /* never that, whatever else is set */

/* Reclaim: what the allocator may do before it fails */
#define __ZB_GFP_IO		__ZB_GFP(0x40u)	/* start I/O */
#define __ZB_GFP_FS		__ZB_GFP(0x80u)	/* call into file systems */
#define __ZB_GFP_DIRECT_RECLAIM	__ZB_GFP(0x400000u) /* sleep, drain, reclaim */
#define __ZB_GFP_KSWAPD_RECLAIM	__ZB_GFP(0x2000000u) /* wake the background reclaim */
#define __ZB_GFP_REPEAT		__ZB_GFP(0x400u)	/* try hard, but fail in the end */
#define __ZB_GFP_NOFAIL		__ZB_GFP(0x800u)	/* [k] never fail; needs DIRECT_RECLAIM */
#define __ZB_GFP_NORETRY	__ZB_GFP(0x1000u)	/* fail after the first round */
#define __ZB_GFP_RETRY_MAYFAIL	__ZB_GFP_REPEAT

/* Actions */
#define __ZB_GFP_COLD		__ZB_GFP(0x100u)	/* rather memory that is in no cache */
#define __ZB_GFP_NOWARN		__ZB_GFP(0x200u)	/* no report when it fails */
#define __ZB_GFP_COMP		__ZB_GFP(0x4000u) /* [k] one block that can't be split */
#define __ZB_GFP_ZERO		__ZB_GFP(0x8000u)	/* [k] cleared */
#define __ZB_GFP_NOTRACK	__ZB_GFP(0x200000u) /* [k] no allocation tracepoint */

#define ZB_GFP_BITS_SHIFT	26
#define ZB_GFP_BITS_MASK	__ZB_GFP((1u << ZB_GFP_BITS_SHIFT) - 1)

#define __ZB_GFP_RECLAIM	(__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_KSWAPD_RECLAIM)

#define ZB_GFP_ZONEMASK		(__ZB_GFP_DMA | __ZB_GFP_HIGHMEM | \
				 __ZB_GFP_DMA32 | __ZB_GFP_MOVABLE)
#define ZB_GFP_MOVABLE_MASK	(__ZB_GFP_RECLAIMABLE | __ZB_GFP_MOVABLE)

/* Groups: what callers should use; TRANSHUGE, which has COMP, is for modules */
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

/* "Whichever node the calling CPU is on." */
#define ZB_NODE_ANY		(-1)

/**
 * struct zb_ioc_info - what is loaded
 * @size: sizeof(struct zb_ioc_info)
 * @flags: must be 0
 * @version: out: ZB_ABI_VERSION of the module
 * @page_size: out: bytes per page; every length is a multiple of it
 * @features: out: ZB_FEATURE_* bits
 * @gfp_mask: out: all __ZB_GFP_* bits the module accepts
 * @max_order: out: largest order that can ever be allocated
 * @block_order: out: order of a pageblock
 * @nr_nodes: out: nodes with a region
 * @nr_zones: out: zones on all nodes; ZB_IOC_ZONE takes 0 .. @nr_zones - 1
 * @backend: out: where the region came from: "cma", "dma" or "contig"
 * @total_bytes: out: size of the region on all nodes
 * @free_bytes: out: free now, per-CPU lists included
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
#define ZB_FEATURE_LONGTERM_PIN	(1ull << 2)	/* mappings can be pinned for long */
#define ZB_FEATURE_DMEM		(1ull << 3)	/* buffers are charged to the dmem cgroup */
#define ZB_FEATURE_MEMLOCK	(1ull << 4)	/* buffers are charged to RLIMIT_MEMLOCK */

/**
 * struct zb_ioc_zone - one zone
 * @size: sizeof(struct zb_ioc_zone)
 * @flags: must be 0
 * @index: in: 0 .. zb_ioc_info.nr_zones - 1
 * @node: out: NUMA node
 * @type: out: ZB_ZONE_*
 * @largest_order: out: order of the largest free block, -1 if all is taken
 * @total_bytes: out: size of the zone
 * @free_bytes: out: free in the buddy lists
 * @cached_bytes: out: free in the per-CPU lists
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
#define ZB_BUF_LENGTH		(1u << 0)	/* @length instead of @order; the tail is trimmed */
#define ZB_BUF_WAIT		(1u << 1)	/* wait for memory until @deadline_ns */

/* A deadline that never comes */
#define ZB_WAIT_FOREVER		(~0ull)

/**
 * struct zb_ioc_alloc - allocate a physically contiguous, zeroed buffer
 * @size: sizeof(struct zb_ioc_alloc)
 * @flags: ZB_BUF_* bits
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @node: in: node to prefer, or ZB_NODE_ANY; out: the node it came from
 * @order: in: order of the block (0 with ZB_BUF_LENGTH);
 *	out: order of the smallest block that holds the buffer, to which its
 *	start is aligned
 * @zone: out: ZB_ZONE_* it came from
 * @handle: out: names the buffer in this open file, never 0
 * @__reserved: must be 0
 * @length: in: bytes wanted, rounded up to whole pages (with ZB_BUF_LENGTH,
 *	else 0); out: bytes of the buffer
 * @mmap_offset: out: offset to give to mmap() of the device
 * @mmap_huge_offset: out: the same for a mapping by huge entries, or 0
 * @deadline_ns: in: with ZB_BUF_WAIT until when to wait, in nanoseconds of
 *	CLOCK_MONOTONIC, or ZB_WAIT_FOREVER; else 0. A deadline that has passed
 *	already allows one attempt. A request that could not be served if all
 *	memory were free does not wait (ENOMEM). The others are served in the
 *	order in which they came, a large request before a small one that came
 *	later, with these exceptions. A request passes the first in line if its
 *	zone can't serve that one at all. Others pass while as many frames are
 *	left as the first one needs; after 64 of them, or when one would take
 *	what the first one needs, memory is held for the first one as long as
 *	memory is being freed, but not longer than a second; then up to 64
 *	requests may pass whatever they take. A call that is restarted waits at
 *	the end of the line.
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
};

/**
 * struct zb_ioc_free - let go of a buffer
 * @size: sizeof(struct zb_ioc_free)
 * @flags: must be 0
 * @handle: as returned by ZB_IOC_ALLOC
 * @__reserved: must be 0
 *
 * The handle is gone at once; the memory goes back when its last mapping does.
 */
struct zb_ioc_free {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
};

/**
 * struct zb_ioc_query - look at a buffer
 * @size: sizeof(struct zb_ioc_query)
 * @flags: must be 0
 * @handle: in: as returned by ZB_IOC_ALLOC
 * @gfp: out: flags it was allocated with
 * @node: out: node it is on
 * @zone: out: ZB_ZONE_* it is in
 * @order: out: order its start is aligned to
 * @migratetype: out: ZB_MIGRATE_* that its flags asked for
 * @length: out: bytes
 * @mmap_offset: out: offset to give to mmap()
 * @mmap_huge_offset: out: the same for a mapping by huge entries, or 0
 * @mappings: out: how many mappings of it exist now
 * @exports: out: how many dma-bufs of it exist now
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
};

#define ZB_BULK_MAX	4096u

/**
 * struct zb_bulk_buffer - one of the buffers that ZB_IOC_BULK_ALLOC made
 * @handle: names the buffer in this open file, never 0
 * @node: the node it came from
 * @zone: ZB_ZONE_* it came from
 * @order: order its start is aligned to
 * @length: bytes of the buffer
 * @mmap_offset: offset to give to mmap() of the device
 * @mmap_huge_offset: the same for a mapping by huge entries, or 0
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
 * @flags: ZB_BUF_* bits
 * @gfp: ZB_GFP_* and __ZB_GFP_* bits
 * @node: node to prefer, or ZB_NODE_ANY
 * @order: of each buffer's block (0 with ZB_BUF_LENGTH)
 * @nr: how many, 1 to ZB_BULK_MAX
 * @length: bytes of each buffer (with ZB_BUF_LENGTH, else 0)
 * @deadline_ns: with ZB_BUF_WAIT until when to wait for the first buffer, as in
 *	struct zb_ioc_alloc; else 0
 * @buffers: address of an array of @nr elements of @buffer_size bytes
 * @buffer_size: sizeof(struct zb_bulk_buffer); what a longer element has more
 *	than ours is filled with zeroes
 * @done: out: how many were allocated; their elements are filled in
 * @error: out: 0 if that is all of them, or the errno that ended it
 * @__reserved: must be 0
 *
 * Succeeds if at least one buffer was allocated, as read() does with bytes: the
 * call waits only while it has none, and returns with what there is. If it
 * fails, none was allocated. An element that can't be written ends it as well:
 * the buffers before that one are allocated, that one and the rest are not.
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
};

/**
 * struct zb_ioc_bulk_free - let go of many buffers
 * @size: sizeof(struct zb_ioc_bulk_free)
 * @flags: must be 0
 * @nr: how many, 1 to ZB_BULK_MAX
 * @stride: bytes from one handle to the next, a multiple of 4, not 0: 4 for an
 *	array of handles, sizeof(struct zb_bulk_buffer) for those of BULK_ALLOC
 * @handles: address of the first handle
 * @done: out: how many were freed, from the first on
 * @error: out: 0 if that is all of them, or the errno that ended it
 *
 * Succeeds if at least one buffer was freed. If it fails, none was.
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
 * struct zb_ioc_label - name a buffer, for zbctl owners
 * @size: sizeof(struct zb_ioc_label)
 * @flags: must be 0
 * @handle: which buffer
 * @__reserved: must be 0
 * @label: printable characters, ended by a 0
 */
struct zb_ioc_label {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	char label[ZB_LABEL_LEN];
};

/**
 * struct zb_ioc_phys - where a buffer is; needs CAP_SYS_RAWIO
 * @size: sizeof(struct zb_ioc_phys)
 * @flags: must be 0
 * @handle: which buffer
 * @__reserved: must be 0
 * @addr: out: physical address of its first byte
 * @length: out: bytes from there on, all of the buffer
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
#define ZB_EXPORT_CLOEXEC	(1u << 0)	/* closed by exec() */
#define ZB_EXPORT_RDWR		(1u << 1)	/* may be written through */

/**
 * struct zb_ioc_export - make a dma-buf of a buffer
 * @size: sizeof(struct zb_ioc_export)
 * @flags: ZB_EXPORT_* bits
 * @handle: which buffer
 * @fd: out: the dma-buf; it keeps the memory, whatever happens to the handle
 *
 * Without ZB_EXPORT_RDWR the dma-buf can't be mapped writable, not through a driver
 * that imports it either, and DMA that only writes is refused with EACCES. For DMA
 * in both directions, which many drivers request without need, the importer gets a
 * mapping for reading; without an IOMMU nothing enforces that. The kernel mapping
 * of an importing driver is not restricted.
 */
struct zb_ioc_export {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__s32 fd;
};

/* zb_ioc_sync.flags: who uses the memory next, and what for */
#define ZB_SYNC_FOR_CPU		(1u << 0)
#define ZB_SYNC_FOR_DEVICE	(1u << 1)
#define ZB_SYNC_TO_DEVICE	(1u << 2)	/* the device reads it */
#define ZB_SYNC_FROM_DEVICE	(1u << 3)	/* the device writes it */

/**
 * struct zb_ioc_sync - make CPU and device see the same
 * @size: sizeof(struct zb_ioc_sync)
 * @flags: one of ZB_SYNC_FOR_*, and one or both directions
 * @handle: which buffer
 * @__reserved: must be 0
 * @offset: first byte
 * @length: how many
 *
 * For machines whose devices do not look into the CPU's caches; elsewhere it
 * costs nothing.
 */
struct zb_ioc_sync {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
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

#endif /* _UAPI_LINUX_ZBUDDY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of user space.
 *
 *	open file ── handles (xarray) ──► buffer ──► frames of the pool
 *	                                  ▲ ▲ ▲
 *	mappings (vma) ──► mapping files ─┘ │ └── dma-bufs
 *	           files of ../fs (inodes) ─┘
 *
 * A buffer is reference counted: each handle, each dma-buf, each file that consists of it
 * and each file through which it is mapped hold a reference. The last one frees the frames,
 * unless another user still has a reference on one of the pages, for example for direct
 * I/O in flight. In this case, its release is deferred until those references are dropped, so that
 * the memory is not reused while a device or a pipe still accesses it. Each such
 * buffer holds a reference on the module (deferred_free.c).
 *
 * A movable buffer can be moved to other frames at any time (move.c), and one that is
 * marked as not needed can lose its frames (discard.c). To use the frames of a buffer,
 * hold the invalidate_lock of its mapping, hold references on the pages that were taken
 * under this lock, or call zb_buffer_fix().
 *
 * Locks: zb_buffer_pool.lock (a spinlock) protects the list of all buffers and their
 * labels. It is held for one step in the list at a time, because every program that
 * allocates or frees needs it. The xarray of each open file has a lock of its own.
 */
#ifndef ZB_BUFFER_H
#define ZB_BUFFER_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../instance/instance.h"
#include "handle.h"
#include "line.h"

struct cred;
struct device;
struct dma_buf;
struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;
struct platform_device;
struct poll_table_struct;
struct tracepoint;
struct vm_area_struct;
struct zb_buffer;
struct zb_lru;
struct zb_stock;

/**
 * struct zb_watch - checks for free memory while programs wait for it in poll()
 * @lock: protects @on
 * @on: @on_free is on zb_instance.free_wait, and @work is scheduled
 * @on_free: schedules @work immediately when memory is freed
 * @kicked: @on_free has scheduled @work since it ran last
 * @work: checks for free memory and wakes the programs
 */
struct zb_watch {
	spinlock_t lock;
	bool on;
	wait_queue_entry_t on_free;
	atomic_t kicked;
	struct delayed_work work;
};

/**
 * struct zb_buffer_link - an entry of the list of all buffers
 * @list: (b) on zb_buffer_pool.buffers
 * @buf: (c) the buffer, or NULL for the position of a reader of the list
 */
struct zb_buffer_link {
	struct list_head list;
	struct zb_buffer *buf;
};

/**
 * struct zb_memory_errors - uncorrected memory errors in frames of the instance
 * @tp: tracepoint that reports them, or NULL
 * @seen: there has been an error
 * @lock: protects @pfns and @nr
 * @pfns: frames to be unmapped
 * @nr: number of frames in @pfns
 * @work: unmaps the frames in @pfns
 */
struct zb_memory_errors {
	struct tracepoint *tp;
	bool seen;
	spinlock_t lock;
	unsigned long pfns[16];
	unsigned int nr;
	struct work_struct work;
};

/**
 * struct zb_buffer_pool - the buffers of all open files
 * @inst: (c) the instance to allocate from
 * @files: (a) number of open files and mounts; the last one drains the per-CPU lists
 * @lock: (-) protects @buffers and zb_buffer.label
 * @buffers: (b) all buffers, the oldest first, and the positions of readers
 * @lrus: (c) discardable buffers by zone; each has a lock of its own
 * @users: (i) accounts of users by user id; the xarray has its own lock
 * @deferred: (d) released buffers whose frames are still in use
 * @deferred_lock: (-) protects @deferred and @deferred_delay
 * @deferred_delay: (d) jiffies between two checks of @deferred
 * @deferred_work: (i) checks @deferred and frees the buffers that are not in use any more
 * @free_deferred: (c) frees a buffer on @deferred that is not in use any more
 * @line: (i) queue of requests that wait for memory
 * @readable: (i) programs that sleep in poll()
 * @watch: (i) wakes the programs on @readable
 * @errors: (i) memory errors
 * @region: (c) region of the dmem cgroup controller, or NULL
 * @sync_dev: (c) the device on whose behalf caches are maintained
 *
 * The letters specify what protects each member:
 *
 *  - (c) constant while the module is loaded
 *  - (a) atomic
 *  - (b) @lock
 *  - (d) @deferred_lock
 *  - (i) a lock of its own
 *  - (-) nothing
 */
struct zb_buffer_pool {
	struct zb_instance *inst;
	atomic_t files;
	spinlock_t lock;
	struct list_head buffers;
	struct zb_lru *lrus;
	struct xarray users;
	struct list_head deferred;
	spinlock_t deferred_lock;
	unsigned long deferred_delay;
	struct delayed_work deferred_work;
	void (*free_deferred)(struct zb_buffer *buf);
	struct zb_line line;
	wait_queue_head_t readable;
	struct zb_watch watch;
	struct zb_memory_errors errors;
	struct dmem_cgroup_region *region;
	struct platform_device *sync_dev;
};

/**
 * struct zb_account - usage of an open file, a mounted file system or a user
 * @ref: held by each buffer charged to the account, and by the open file or the mount
 * @bytes: bytes of the buffers charged to the account
 * @waiting: number of waiting requests
 * @discardable: number of buffers that the user has marked as not needed; unused for open files
 * @max: of a mount: limit on @bytes, not 0; of an open file 0, because it has the limit
 *	of the module parameter
 * @round: round of the latest waiting request of the user (line.h), protected by
 *	zb_line.lock; unused for open files
 */
struct zb_account {
	struct kref ref;
	atomic64_t bytes;
	atomic64_t waiting;
	atomic64_t discardable;
	u64 max;
	u64 round;
};

/**
 * struct zb_charge - the accounts that a buffer is charged to
 * @bytes: size of the buffer
 * @file: account of the open file or the mount, or NULL
 * @cred: credentials of the task that allocated the buffer, which determine the user
 *	and the owners of the user's namespaces
 * @pool: pool of the dmem cgroup, or NULL
 * @memlock: also charged to the user's RLIMIT_MEMLOCK
 */
struct zb_charge {
	u64 bytes;
	struct zb_account *file;
	const struct cred *cred;
	struct dmem_cgroup_pool_state *pool;
	bool memlock;
};

/**
 * struct zb_file - the buffers of an open file
 * @bpool: the buffer pool
 * @handles: struct zb_handle by number
 * @next: number to try first for the next handle, protected by the lock of @handles
 * @parked: number that stays reserved although its handle was freed, or 0; as @next
 * @account: usage of the open file
 * @mode: FMODE_READ and FMODE_WRITE of the open file
 * @failed_lock: protects @failed and @failed_task
 * @failed: the last failure, for ZB_IOC_EXPLAIN
 * @failed_task: id of the thread that had this failure
 */
struct zb_file {
	struct zb_buffer_pool *bpool;
	struct xarray handles;
	u32 next;
	u32 parked;
	struct zb_account *account;
	fmode_t mode;
	spinlock_t failed_lock;
	struct zb_ioc_explain failed;
	pid_t failed_task;
};

/**
 * struct zb_buffer - one allocation
 * @ref: (a) held by handles, mapping files, dma-bufs and files of the file system
 * @bpool: (c) the buffer pool
 * @link: (b) on zb_buffer_pool.buffers
 * @pfn: (m) first frame
 * @nr_pages: (c) number of frames
 * @gfp: (c) flags that it was allocated with
 * @order: (c) order of the smallest block that holds the buffer; of a range, that of its
 *	alignment
 * @range: (c) the alignment and the addresses that were requested; @range.nr_pages is 0 if the
 *	buffer was not requested as a range
 * @zone: (m) ZB_ZONE_*
 * @nid: (m) NUMA node
 * @node_bound: (c) the cpuset or the NUMA policy of the task that allocated it excluded nodes, so
 *	it is not moved to another one
 * @discard: (m) ZB_DISCARD_*; @pfn is ZB_NO_PFN if it is ZB_DISCARD_PURGED
 * @lru: (u) on zb_lru.list
 * @lru_node: (u) in zb_lru.tree
 * @on_lru: (u) the discardable buffers that it belongs to, or NULL if its memory may not be
 *	taken back, see discard.h
 * @marker: (m) credentials of the task that marked it as not needed, which determine the
 *	accounts that count it; NULL if @discard is ZB_DISCARD_NONE
 * @advices: (m) number of ZB_IOC_ADVISE, to know whether another one came between
 * @recently_used: (-) it was needed again after it had been marked, or was in use when it was
 *	to be purged; a hint
 * @first: (i) the handle that ALLOC made; other handles are objects of their own
 * @handles: (a) number of valid handles
 * @was_mapped: (r) it was mapped, so its pages may be pinned
 * @is_deferred: (r) it is on zb_buffer_pool.deferred
 * @mapping: (i) address space of all its mappings
 * @files: (a) files of the mappings by access rights, or NULL
 * @mappings: (a) number of vmas that map it
 * @exports: (a) number of its dma-bufs
 * @fixed: (a) number of users of its frames that do not hold the lock, see zb_buffer_fix()
 * @phys_known: (r) a user knows its physical address, so it is never moved or purged
 * @inodes: (a) number of files in a file system that consist of it
 * @was_file: (r) it was created as a file of a mount, so it can't be marked as not needed: a
 *	read() or write() in flight may outlive the file's use of the buffer
 * @is_zero: (z) nobody could write to its frames since they were cleared
 * @charge: (m) the accounts that it is charged to, unless it is purged
 * @nr_idle: (l) number of leading frames that are not in use any more
 * @deferred: (d) on zb_buffer_pool.deferred
 * @pid: (c) id of the process that allocated it
 * @comm: (c) name of that process
 * @label: (b) set by ZB_IOC_LABEL
 * @born: (c) time of allocation in seconds since boot
 *
 * The letters specify what protects each member:
 *
 *  - (c) constant from the creation on
 *  - (-) nothing
 *  - (a) atomic
 *  - (b) zb_buffer_pool.lock
 *  - (d) zb_buffer_pool.deferred_lock
 *  - (i) a lock of its own
 *  - (l) used only by the task that dropped the last reference
 *  - (m) changed with the invalidate_lock of @mapping held for writing and
 *        zb_buffer_pool.lock held, read with either; constant while @fixed is not 0,
 *        before the buffer is on zb_buffer_pool.buffers, and after its last reference
 *        was dropped
 *  - (u) zb_lru.lock; @on_lru is changed with the lock of the struct zb_lru that it points to
 *        before or afterwards, and with the invalidate_lock held for writing or without
 *        references
 *  - (r) set at most once and never cleared, read without a lock
 *  - (z) cleared by everything that makes the frames accessible, see zb_buffer_expose(), and
 *        read by the task that dropped the last reference
 */
struct zb_buffer {
	struct kref ref;
	struct zb_buffer_pool *bpool;
	struct zb_buffer_link link;
	unsigned long pfn;
	unsigned long nr_pages;
	zb_gfp_t gfp;
	u8 order;
	struct zb_range range;
	u8 zone;
	int nid;
	bool node_bound;
	u8 discard;
	struct zb_buffer_link lru;
	struct rb_node lru_node;
	struct zb_lru *on_lru;
	const struct cred *marker;
	unsigned int advices;
	bool recently_used;
	struct zb_handle first;
	atomic_t handles;
	bool was_mapped;
	bool is_deferred;
	struct address_space mapping;
	struct file *files[4];
	atomic_t mappings;
	atomic_t exports;
	atomic_t fixed;
	bool phys_known;
	atomic_t inodes;
	bool was_file;
	bool is_zero;
	struct zb_charge charge;
	unsigned long nr_idle;
	struct list_head deferred;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	char label[ZB_LABEL_LEN];
	time64_t born;
};

/**
 * struct zb_want - a request for a buffer
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: number of frames, 1 .. 2^max_order, or for a range up to those of a zone
 * @range: alignment and addresses of a range; @range.nr_pages is 0 for other requests
 * @nid: preferred node, which has a region, or NUMA_NO_NODE
 * @free_only: do not reclaim or compact memory, and do not log a failure
 * @wait: wait for memory
 * @deadline_ns: end of the wait as ktime_get_ns() time, or ZB_WAIT_FOREVER
 * @why: receives the cause of a failure, or NULL
 * @stock: frames that were allocated at once for several buffers, or NULL
 */
struct zb_want {
	zb_gfp_t gfp;
	unsigned long nr_pages;
	struct zb_range range;
	int nid;
	bool free_only;
	bool wait;
	u64 deadline_ns;
	struct zb_ioc_explain *why;
	struct zb_stock *stock;
};

/**
 * struct zb_buffer_info - copy of the state of a buffer
 * @handle: handle that ALLOC returned, which may be invalid by now, or 0
 * @handles: number of valid handles
 * @was_mapped: it was mapped, so its pages may be pinned
 * @is_deferred: its release is deferred
 * @is_fixed: its frames are in use, or their address is known
 * @never_moves: it can't be moved, even when it is not in use
 * @pid: id of the process that allocated it
 * @comm: name of that process
 * @label: set by ZB_IOC_LABEL
 * @pfn: first frame, or ZB_NO_PFN
 * @nr_pages: number of frames
 * @gfp: flags that it was allocated with
 * @order: order of the smallest block that holds the buffer
 * @zone: ZB_ZONE_*
 * @nid: NUMA node
 * @discard: ZB_DISCARD_*
 * @mappings: number of vmas that map it
 * @exports: number of its dma-bufs
 * @inodes: number of files in a file system that consist of it
 * @born: time of allocation in seconds since boot
 */
struct zb_buffer_info {
	u32 handle;
	int handles;
	bool was_mapped;
	bool is_deferred;
	bool is_fixed;
	bool never_moves;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	char label[ZB_LABEL_LEN];
	unsigned long pfn;
	unsigned long nr_pages;
	zb_gfp_t gfp;
	unsigned int order;
	unsigned int zone;
	int nid;
	unsigned int discard;
	int mappings;
	int exports;
	int inodes;
	time64_t born;
};

/**
 * struct zb_buffer_iter - position of a reader of the list of all buffers
 * @bpool: the buffer pool
 * @pos: entry in the list, behind the buffer that was read last
 * @info: copy of the state of that buffer
 */
struct zb_buffer_iter {
	struct zb_buffer_pool *bpool;
	struct zb_buffer_link pos;
	struct zb_buffer_info info;
};

static inline u64 zb_buffer_bytes(const struct zb_buffer *buf)
{
	return (u64)buf->nr_pages << PAGE_SHIFT;
}

/* buffer_pool.c */
int zb_buffer_pool_init(struct zb_buffer_pool *bpool, struct zb_instance *inst);
void zb_buffer_pool_destroy(struct zb_buffer_pool *bpool);

/* buffer.c */
struct zb_buffer *zb_buffer_create(struct zb_buffer_pool *bpool,
				   struct zb_account *file,
				   const struct zb_want *want);
unsigned long zb_buffer_alloc_range(struct zb_buffer_pool *bpool, const struct zb_want *want,
				    struct zb_zero_map *map, int *err);
int zb_buffer_alloc_failed(struct zb_buffer_pool *bpool, const struct zb_want *want);
void zb_buffer_drop_frames(struct zb_buffer *buf, unsigned long pfn,
			   struct zb_charge *charge, bool is_zero);
bool zb_buffer_put(struct zb_buffer *buf);
bool zb_buffer_put_keep(struct zb_buffer *buf);
void zb_wake_zero_ahead(struct zb_instance *inst);
void zb_buffer_put_and_drain(struct zb_buffer *buf);
void zb_buffer_free(struct zb_buffer *buf);

/* list.c */
void zb_buffer_list_init(struct zb_buffer_pool *bpool);
void zb_buffer_list_add(struct zb_buffer *buf);
void zb_buffer_list_remove(struct zb_buffer *buf);
void zb_buffer_set_label(struct zb_buffer *buf, const char label[ZB_LABEL_LEN]);
void zb_buffer_get_label(struct zb_buffer *buf, char label[ZB_LABEL_LEN]);
void zb_buffer_iter_begin(struct zb_buffer_iter *iter, struct zb_buffer_pool *bpool);
bool zb_buffer_iter_next(struct zb_buffer_iter *iter);
struct zb_buffer *zb_buffer_iter_get(struct zb_buffer_iter *iter);
void zb_buffer_iter_rewind(struct zb_buffer_iter *iter);
void zb_buffer_iter_end(struct zb_buffer_iter *iter);
struct zb_buffer *zb_buffer_find(struct zb_buffer_pool *bpool, unsigned long pfn);

/* deferred_free.c */
void zb_deferred_free_init(struct zb_buffer_pool *bpool,
			   void (*free_buffer)(struct zb_buffer *buf));
void zb_deferred_free_add(struct zb_buffer *buf);
bool zb_buffer_in_use(struct zb_buffer *buf);
void zb_deferred_free_hurry(struct zb_buffer_pool *bpool);

/* account.c */
struct zb_account *zb_account_new(void);
void zb_account_put(struct zb_account *account);

/* limits.c */
int zb_charge(struct zb_buffer_pool *bpool, struct zb_charge *charge,
	      struct zb_account *file, u64 bytes, struct zb_ioc_explain *why);
void zb_uncharge(struct zb_buffer_pool *bpool, struct zb_charge *charge);
int zb_charge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge,
		     struct zb_ioc_explain *why);
void zb_uncharge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge);
int zb_charge_mark(struct zb_buffer_pool *bpool, const struct cred **cred,
		   struct zb_ioc_explain *why);
void zb_uncharge_mark(struct zb_buffer_pool *bpool, const struct cred *cred);
u64 zb_charge_features(void);
int zb_limits_init(struct zb_buffer_pool *bpool);
void zb_limits_exit(struct zb_buffer_pool *bpool);

/* explain.c */
void zb_explain_no_memory(struct zb_buffer_pool *bpool, const struct zb_want *want,
			  bool in_line);
void zb_explain_range(const struct zb_want *want, const struct zb_range_failure *failure);
void zb_file_failed(struct zb_file *file, const struct zb_ioc_explain *why);
bool zb_file_explain(struct zb_file *file, struct zb_ioc_explain *why);

/* Set the cause of a failure, unless one is set already. */
static inline void zb_explain(struct zb_ioc_explain *why, u32 cause)
{
	if (why && !why->cause)
		why->cause = cause;
}

/* wait.c */
unsigned long zb_wait_alloc(struct zb_buffer_pool *bpool, const struct zb_want *want,
			    const struct zb_charge *charge, struct zb_zero_map *map,
			    int *err);

/* watch.c */
void zb_watch_init(struct zb_buffer_pool *bpool);
void zb_watch_exit(struct zb_buffer_pool *bpool);
void zb_watch_failed(struct zb_buffer_pool *bpool);
__poll_t zb_watch_poll(struct zb_buffer_pool *bpool, struct file *filp,
		       struct poll_table_struct *wait);

/* offset.c */
u32 zb_file_max_handle(const struct zb_file *file);
u64 zb_file_mmap_offset(const struct zb_file *file, u32 nr, bool huge);
bool zb_file_split_offset(const struct zb_file *file, unsigned long *pgoff, u32 *nr,
			  bool *huge);

/* file.c */
struct zb_file *zb_file_open(struct zb_buffer_pool *bpool, fmode_t mode);
void zb_file_close(struct zb_file *file);
int zb_file_mmap(struct zb_file *file, struct vm_area_struct *vma);

/* memory_error.c */
void zb_memory_errors_init(struct zb_buffer_pool *bpool);
void zb_memory_errors_exit(struct zb_buffer_pool *bpool);
unsigned long zb_buffer_nr_good(const struct zb_buffer *buf, unsigned long pgoff,
				unsigned long nr);

/*
 * A buffer with more mappings is neither moved nor purged. Removing the page table entries of all
 * mappings would take too long: the buffer is locked meanwhile, and the task that does it needs
 * memory for a request of its own.
 */
#define ZB_MAX_UNMAPPED	64

/* move.c */
void zb_buffer_fix(struct zb_buffer *buf);
void zb_buffer_unfix(struct zb_buffer *buf);
bool zb_buffer_add_user(struct zb_buffer *buf, atomic_t *users);
unsigned long zb_buffer_phys_pfn(struct zb_buffer *buf);
bool zb_freeze_pages(unsigned long pfn, unsigned long nr_pages);
void zb_unfreeze_pages(unsigned long pfn, unsigned long nr_pages);
unsigned long zb_nr_pins(unsigned long pfn, unsigned long nr_pages);
int zb_buffer_move(struct zb_buffer *buf, struct zb_zone *zone, unsigned int below_order);
int zb_buffer_leave(struct zb_buffer *buf, const struct zb_zone_set *set);
bool zb_buffer_seems_movable(const struct zb_buffer_info *info);
struct zb_buffer *zb_buffer_get_to_move(struct zb_buffer_iter *iter);
void zb_buffer_put_moved(struct zb_buffer *buf);
bool zb_buffers_move(struct zb_buffer_pool *bpool, struct zb_zone *zone, unsigned long pfn,
		     unsigned long nr_pages, unsigned long used, unsigned int below_order);

/* mmap.c */
int zb_buffer_mmap(struct zb_buffer *buf, struct vm_area_struct *vma, bool huge);
int zb_buffer_mmap_file(struct zb_buffer *buf, struct vm_area_struct *vma,
			struct file *file);
int zb_buffer_remap(struct file *file, struct vm_area_struct *vma);
u64 zb_mmap_features(const struct zb_instance *inst);

/* dmabuf.c */
#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
struct dma_buf *zb_dmabuf_export(struct zb_buffer *buf, u32 flags);
struct zb_buffer *zb_dmabuf_buffer(int fd, fmode_t *mode);
#else
static inline struct dma_buf *zb_dmabuf_export(struct zb_buffer *buf, u32 flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct zb_buffer *zb_dmabuf_buffer(int fd, fmode_t *mode)
{
	return NULL;
}
#endif

/* heap.c */
#ifdef ZB_HAVE_DMA_HEAP
void zb_heap_add(struct zb_buffer_pool *bpool);
#else
static inline void zb_heap_add(struct zb_buffer_pool *bpool)
{
}
#endif

/* sync.c */
int zb_sync_init(struct zb_buffer_pool *bpool);
void zb_sync_exit(struct zb_buffer_pool *bpool);
int zb_sync_cleared(struct zb_buffer_pool *bpool, unsigned long pfn,
		    unsigned long nr_pages);
int zb_buffer_sync(struct zb_buffer *buf, u32 flags, u64 offset, u64 length);

#endif /* ZB_BUFFER_H */

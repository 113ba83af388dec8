/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space holds.
 *
 *	open file ── handles (xarray) ──► buffer ──► frames of the pool
 *	                                   ▲  ▲
 *	mappings (vma) ──► mapping files ──┘  └── dma-bufs
 *
 * A buffer is counted: its handle holds one reference, and so does every
 * dma-buf and every file through which it is mapped. With the last reference the
 * frames go back to the pool, unless one of them still has a page reference that
 * is not ours: somebody's direct I/O is in flight. Then the buffer waits in limbo
 * until that is gone, so that nobody else ever gets memory that a device or a pipe
 * still works on. Limbo holds a reference on the module.
 *
 * Locks: zb_buffer_pool.lock (a mutex) covers the list of all buffers and what
 * belongs to it; it is never held while memory is allocated or freed. The
 * xarray of a file has its own.
 */
#ifndef ZB_BUFFER_H
#define ZB_BUFFER_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../instance/instance.h"
#include "line.h"

struct cred;
struct device;
struct dma_buf;
struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;
struct platform_device;
struct poll_table_struct;
struct vm_area_struct;

/**
 * struct zb_watch - looks for memory while programs poll and there is none
 * @lock: for @on
 * @on: @on_free is on zb_instance.freed, and @work is scheduled
 * @on_free: schedules @work at once
 * @kicked: that has been done
 * @work: looks
 */
struct zb_watch {
	struct mutex lock;
	bool on;
	wait_queue_entry_t on_free;
	atomic_t kicked;
	struct delayed_work work;
};

/**
 * struct zb_buffer_pool - the buffers of a pool
 * @inst: whose memory it is
 * @files: open files; when the last one is gone, per-CPU lists are drained
 * @lock: for @buffers
 * @buffers: all there are, by age
 * @users: accounts of the users that hold something, by user id; it has its own
 *	lock
 * @deferred: buffers that nobody holds but whose frames are still in use
 * @deferred_lock: for @deferred and @deferred_delay
 * @deferred_delay: jiffies from the last look after them to the next
 * @deferred_work: looks after them
 * @line: requests that wait for memory
 * @readable: programs that sleep in poll()
 * @watch: looks for memory on their behalf
 * @region: what the dmem cgroup controller knows us by, or NULL
 * @sync_dev: a device on whose behalf caches are maintained
 */
struct zb_buffer_pool {
	struct zb_instance *inst;
	atomic_t files;
	struct mutex lock;
	struct list_head buffers;
	struct xarray users;
	struct list_head deferred;
	spinlock_t deferred_lock;
	unsigned long deferred_delay;
	struct delayed_work deferred_work;
	struct zb_line line;
	wait_queue_head_t readable;
	struct zb_watch watch;
	struct dmem_cgroup_region *region;
	struct platform_device *sync_dev;
};

/**
 * struct zb_account - how much an open file or a user holds
 * @ref: one of each buffer charged to it, and one of the open file
 * @bytes: charged now
 * @waiting: requests that wait now
 */
struct zb_account {
	struct kref ref;
	atomic64_t bytes;
	atomic64_t waiting;
};

/**
 * struct zb_charge - what a buffer is charged to
 * @bytes: how much
 * @file: the open file, or NULL
 * @cred: of the task that allocated it: the user, and the owners of the user
 *	namespaces
 * @pool: the dmem cgroup, or NULL
 * @memlock: RLIMIT_MEMLOCK of that user as well
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
 * @bpool: where they come from
 * @handles: by handle
 * @next: where to look for the next unused handle
 * @account: what they add up to
 * @mode: FMODE_READ, FMODE_WRITE: what the file was opened for
 * @failed_lock: for @failed and @failed_task
 * @failed: the last command that failed
 * @failed_task: the thread whose command that was; only ever compared
 */
struct zb_file {
	struct zb_buffer_pool *bpool;
	struct xarray handles;
	u32 next;
	struct zb_account *account;
	fmode_t mode;
	spinlock_t failed_lock;
	struct zb_ioc_explain failed;
	pid_t failed_task;
};

/**
 * struct zb_buffer - one allocation
 * @ref: handle, mapping files and dma-bufs
 * @bpool: where it came from
 * @link: on zb_buffer_pool.buffers
 * @pfn: first frame
 * @nr_pages: how many
 * @gfp: flags it was asked for with
 * @order: order of the smallest block that would hold it
 * @zone: ZB_ZONE_*
 * @nid: NUMA node
 * @handle: its name in the file
 * @has_handle: that name is still good
 * @was_mapped: it may have been pinned
 * @nr_idle: frames, from the first on, that nobody uses any more
 * @is_deferred: nobody holds it any more
 * @mapping: address space in which all those vmas are
 * @files: files of the vmas, by what they may do; NULL where there is none
 * @next_hidden: next one that the same BULK_FREE has hidden
 * @mappings: vmas that map it
 * @exports: dma-bufs of it
 * @charge: what it is charged to
 * @deferred: on zb_buffer_pool.deferred
 * @pid: process that allocated it
 * @comm: that process's name
 * @label: given by the user
 * @born: when, in seconds since boot
 */
struct zb_buffer {
	struct kref ref;
	struct zb_buffer_pool *bpool;
	struct list_head link;
	unsigned long pfn;
	unsigned long nr_pages;
	zb_gfp_t gfp;
	u8 order;
	u8 zone;
	int nid;
	u32 handle;
	bool has_handle;
	bool was_mapped;
	bool is_deferred;
	struct address_space mapping;
	struct file *files[4];
	struct zb_buffer *next_hidden;
	atomic_t mappings;
	atomic_t exports;
	struct zb_charge charge;
	unsigned long nr_idle;
	struct list_head deferred;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	char label[ZB_LABEL_LEN];
	time64_t born;
};

/**
 * struct zb_want - what somebody asks for
 * @gfp: flags for which zb_gfp_valid() holds
 * @nr_pages: frames, 1 .. 2^max_order
 * @nid: node to prefer, one that has a region, or NUMA_NO_NODE
 * @wait: wait for memory
 * @deadline_ns: until when, by ktime_get_ns(), or ZB_WAIT_FOREVER
 * @why: filled in with the cause if it fails, or NULL
 */
struct zb_want {
	zb_gfp_t gfp;
	unsigned long nr_pages;
	int nid;
	bool wait;
	u64 deadline_ns;
	struct zb_ioc_explain *why;
};

static inline u64 zb_buffer_bytes(const struct zb_buffer *buf)
{
	return (u64)buf->nr_pages << PAGE_SHIFT;
}

/* buffer.c */
int zb_buffer_pool_init(struct zb_buffer_pool *bpool, struct zb_instance *inst);
void zb_buffer_pool_destroy(struct zb_buffer_pool *bpool);
struct zb_buffer *zb_buffer_create(struct zb_buffer_pool *bpool,
				   struct zb_account *file,
				   const struct zb_want *want);
bool zb_buffer_put(struct zb_buffer *buf);

/* deferred_free.c */
void zb_deferred_free_init(struct zb_buffer_pool *bpool);
void zb_deferred_free_add(struct zb_buffer *buf);
bool zb_buffer_in_use(struct zb_buffer *buf);
void zb_deferred_free_hurry(struct zb_buffer_pool *bpool);
void zb_buffer_free_frames(struct zb_buffer *buf);

/* limits.c */
struct zb_account *zb_account_new(void);
void zb_account_put(struct zb_account *account);
int zb_charge(struct zb_buffer_pool *bpool, struct zb_charge *charge,
	      struct zb_account *file, u64 bytes, struct zb_ioc_explain *why);
void zb_uncharge(struct zb_buffer_pool *bpool, struct zb_charge *charge);
int zb_charge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge,
		     struct zb_ioc_explain *why);
void zb_uncharge_waiter(struct zb_buffer_pool *bpool, const struct zb_charge *charge);
u64 zb_charge_features(void);
int zb_limits_init(struct zb_buffer_pool *bpool);
void zb_limits_exit(struct zb_buffer_pool *bpool);

/* explain.c */
void zb_explain_no_memory(struct zb_buffer_pool *bpool, const struct zb_want *want,
			  bool in_line);
void zb_file_failed(struct zb_file *file, const struct zb_ioc_explain *why);
bool zb_file_explain(struct zb_file *file, struct zb_ioc_explain *why);

/* The first cause that is found is the one that counts. */
static inline void zb_explain(struct zb_ioc_explain *why, u32 cause)
{
	if (why && !why->cause)
		why->cause = cause;
}

/* wait.c */
unsigned long zb_wait_alloc(struct zb_buffer_pool *bpool, const struct zb_want *want,
			    const struct zb_charge *charge, int *err);

/* watch.c */
void zb_watch_init(struct zb_buffer_pool *bpool);
void zb_watch_exit(struct zb_buffer_pool *bpool);
void zb_watch_failed(struct zb_buffer_pool *bpool);
__poll_t zb_watch_poll(struct zb_buffer_pool *bpool, struct file *filp,
		       struct poll_table_struct *wait);

/* file.c */
struct zb_file *zb_file_open(struct zb_buffer_pool *bpool, fmode_t mode);
void zb_file_close(struct zb_file *file);
int zb_file_add(struct zb_file *file, struct zb_buffer *buf);
struct zb_buffer *zb_file_get(struct zb_file *file, u32 handle);
struct zb_buffer *zb_file_remove(struct zb_file *file, u32 handle);
void zb_file_cancel(struct zb_file *file, struct zb_buffer *buf);
struct zb_buffer *zb_file_hide(struct zb_file *file, u32 handle);
void zb_file_unhide(struct zb_file *file, struct zb_buffer *buf);
void zb_file_drop_hidden(struct zb_file *file, struct zb_buffer *buf);
u64 zb_buffer_mmap_offset(const struct zb_buffer *buf, bool huge);
struct zb_buffer *zb_file_get_at(struct zb_file *file, unsigned long *pgoff,
				 bool *huge);

/* mmap.c */
int zb_file_mmap(struct zb_file *file, struct vm_area_struct *vma);
int zb_buffer_mmap(struct zb_buffer *buf, struct vm_area_struct *vma, bool huge);
u64 zb_mmap_features(const struct zb_instance *inst);

/* dmabuf.c */
#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
struct dma_buf *zb_dmabuf_export(struct zb_buffer *buf, u32 flags);
#else
static inline struct dma_buf *zb_dmabuf_export(struct zb_buffer *buf, u32 flags)
{
	return ERR_PTR(-EOPNOTSUPP);
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

/* owners.c */
struct dentry;
void zb_owners_create(struct dentry *root, struct zb_buffer_pool *bpool);

#endif /* ZB_BUFFER_H */

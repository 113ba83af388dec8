/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space holds.
 *
 *	open file ── handles (xarray) ──► buffer ──► frames of the pool
 *	                                    ▲
 *	              mappings (vma) ───────┘
 *
 * A buffer is counted: its handle holds one reference, every mapping one. With
 * the last reference the frames go back to the pool, unless one of them still
 * has a page reference that is not ours: somebody's direct I/O is in flight.
 * Then the buffer waits in limbo until that is gone, so that nobody else ever
 * gets memory that a device or a pipe still works on. Limbo holds a reference
 * on the module.
 */
#ifndef ZB_BUFFER_H
#define ZB_BUFFER_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../host.h"

/**
 * struct zb_space - the buffers of a pool
 * @host: whose memory it is
 * @files: open files; when the last one is gone, per-CPU lists are drained
 * @limbo: buffers that nobody holds but whose frames are still in use
 * @limbo_lock: for @limbo
 * @limbo_work: looks after them
 */
struct zb_space {
	struct zb_host *host;
	atomic_t files;
	struct list_head limbo;
	spinlock_t limbo_lock;
	struct delayed_work limbo_work;
};

/**
 * struct zb_file - the buffers of an open file
 * @space: where they come from
 * @handles: by handle
 * @next: where to look for the next unused handle
 */
struct zb_file {
	struct zb_space *space;
	struct xarray handles;
	u32 next;
};

/**
 * struct zb_buffer - one allocation
 * @ref: handle and mappings
 * @space: where it came from
 * @pfn: first frame
 * @nr_pages: how many
 * @gfp: flags it was asked for with
 * @order: order of the smallest block that would hold it
 * @zone: ZB_ZONE_*
 * @nid: NUMA node
 * @handle: its name in the file
 * @mappings: vmas that map it
 * @was_mapped: it may have been pinned
 * @limbo: on zb_space.limbo
 */
struct zb_buffer {
	struct kref ref;
	struct zb_space *space;
	unsigned long pfn;
	unsigned long nr_pages;
	zb_gfp_t gfp;
	u8 order;
	u8 zone;
	int nid;
	u32 handle;
	atomic_t mappings;
	bool was_mapped;
	struct list_head limbo;
};

struct vm_area_struct;

void zb_space_init(struct zb_space *space, struct zb_host *host);
void zb_space_destroy(struct zb_space *space);

struct zb_buffer *zb_buffer_create(struct zb_space *space, zb_gfp_t gfp,
				   unsigned long nr_pages, int nid);
void zb_buffer_put(struct zb_buffer *buf);
u64 zb_buffer_mmap_offset(const struct zb_buffer *buf);

struct zb_file *zb_file_open(struct zb_space *space);
void zb_file_close(struct zb_file *file);
int zb_file_add(struct zb_file *file, struct zb_buffer *buf);
struct zb_buffer *zb_file_get(struct zb_file *file, u32 handle);
struct zb_buffer *zb_file_remove(struct zb_file *file, u32 handle);
void zb_file_cancel(struct zb_file *file, struct zb_buffer *buf);

int zb_buffer_mmap(struct zb_file *file, struct vm_area_struct *vma);

#endif /* ZB_BUFFER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Discardable buffers: ZB_IOC_ADVISE, and the lists of buffers whose memory may be taken back.
 *
 *	ZB_DISCARD_NONE --- DONTNEED ---> _MARKED --- memory is short ---> _PURGED
 *	   ^    ^                            |                                |
 *	   |    +--- WILLNEED: kept ---------+                                |
 *	   +-------- WILLNEED: new, cleared frames ---------------------------+
 *
 * zb_buffer.discard changes with the invalidate_lock of the buffer held for writing. A page
 * fault takes this lock, so it finds either the frames or that the buffer has none. A purge
 * works like a move without a copy (move.c). It does not wait for the lock, but uses a trylock.
 */
#ifndef ZB_DISCARD_H
#define ZB_DISCARD_H

#include "buffer.h"

/**
 * struct zb_lru - discardable buffers of one zone
 * @lock: protects the list, the tree and the counters, and the members of buffers marked (u);
 *	the counters are also read without it
 * @list: the buffers in the order in which they were marked or spared, and positions of readers
 * @tree: the buffers by their frames
 * @nr_pages: number of their frames
 * @nr_buffers: number of buffers
 * @idle_until: (no lock) time in jiffies before which kswapd is not woken, because it could
 *	take nothing
 * @busy_until: time in jiffies before which requests do not try to take memory, because all
 *	buffers were in use
 * @no_window_until: time in jiffies before which requests of @no_window_order and more do not
 *	search for a range to make free, because a long search has found none
 * @no_window_order: see @no_window_until
 * @reset_at: time in jiffies when these pauses were last ended at once, because a buffer was
 *	marked
 * @marks: number of buffers that were marked so far; it wraps around
 * @wanted: (atomic) 1 + the largest order for which kswapd was woken, or 0
 */
struct zb_lru {
	spinlock_t lock;
	struct list_head list;
	struct rb_root tree;
	unsigned long nr_pages;
	unsigned long nr_buffers;
	unsigned long idle_until;
	unsigned long busy_until;
	unsigned long no_window_until;
	unsigned int no_window_order;
	unsigned long reset_at;
	unsigned int marks;
	atomic_t wanted;
};

/**
 * struct zb_lru_iter - position of a reader of zb_lru.list
 * @lru: the list
 * @pos: entry in the list, behind the buffer that was read last
 */
struct zb_lru_iter {
	struct zb_lru *lru;
	struct zb_buffer_link pos;
};

/**
 * struct zb_advice - a ZB_IOC_ADVISE in progress
 * @buf: the buffer, with a reference
 * @advice: ZB_ADVISE_*
 * @changed: zb_buffer.discard has been changed
 * @nr: zb_buffer.advices after that
 * @pfn: new frames of a purged buffer, or ZB_NO_PFN
 * @charge: the accounts that @pfn is charged to
 * @marker: credentials of a charge by zb_charge_mark() that the buffer has not taken over, or
 *	NULL
 */
struct zb_advice {
	struct zb_buffer *buf;
	u32 advice;
	bool changed;
	unsigned int nr;
	unsigned long pfn;
	struct zb_charge charge;
	const struct cred *marker;
};

/* lru.c */
int zb_lru_init(struct zb_buffer_pool *bpool);
void zb_lru_exit(struct zb_buffer_pool *bpool);
struct zb_lru *zb_zone_lru(struct zb_buffer_pool *bpool, const struct zb_zone *zone);
void zb_lru_add(struct zb_buffer *buf);
void zb_lru_remove(struct zb_buffer *buf);
void zb_lru_begin(struct zb_lru_iter *iter, struct zb_lru *lru);
struct zb_buffer *zb_lru_next(struct zb_lru_iter *iter);
void zb_lru_end(struct zb_lru_iter *iter);
struct zb_buffer *zb_lru_find(struct zb_lru *lru, unsigned long pfn);
void zb_lru_spare(struct zb_lru *lru, struct zb_buffer *buf, bool used);
void zb_lru_pause(struct zb_lru *lru, unsigned long *until, unsigned long time,
		  unsigned int marks);

/* discard.c */
bool zb_buffer_purgeable(struct zb_buffer *buf, const struct zb_lru *lru);
bool zb_buffer_seems_purgeable(const struct zb_buffer_info *info);
int zb_buffer_purge(struct zb_buffer *buf, const struct zb_lru *lru);
void zb_buffer_get_place(struct zb_buffer *buf, s32 *node, u32 *zone, u32 *discard);
int zb_advise_prepare(struct zb_advice *a, struct zb_account *file,
		      struct zb_ioc_explain *why, u32 *retained);
void zb_advise_commit(struct zb_advice *a);
void zb_advise_cancel(struct zb_advice *a);

#endif /* ZB_DISCARD_H */

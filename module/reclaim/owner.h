/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An owner is a set of callbacks that another module has registered. zbuddy calls them to take
 * back or move memory that the module has allocated. include/linux/zbuddy.h describes them.
 *
 * A call holds a reference on the owner and on its module. Therefore unregistering waits for
 * calls in progress, a module is not unloaded during a call, and no call begins while the module
 * is being unloaded. An owner that the module has not unregistered by then is removed.
 *
 * The values that callbacks return are not relied on: requests look at the zone, and counters
 * count what was freed. The first error of each kind is logged for each owner.
 */
#ifndef ZB_OWNER_H
#define ZB_OWNER_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/zbuddy.h>

#include "../core/zone.h"

struct zb_alloc_context;
struct zb_pool;
struct zb_reclaim;
struct zb_shrink;

/* Errors of owners, each of which is logged once for an owner. */
enum zb_owner_fault {
	ZB_OWNER_TOO_FEW,	/* fewer pages became free than scan has returned */
	ZB_OWNER_OOM_TOO_FEW,	/* the same for oom */
	ZB_OWNER_NOT_MOVED,	/* migrate returned success, but has not moved the block */
	ZB_OWNER_STALE,		/* a block was freed while it was registered */
	ZB_OWNER_LEFT,		/* the owner was unregistered before its blocks */
	ZB_OWNER_FORGOTTEN,	/* the module was unloaded without unregistering the owner */
	ZB_OWNER_NR_FAULTS,
};

/**
 * struct zb_owners - all owners
 * @lock: protects the lists and their members
 * @list: the owners in the order of their registration
 * @nr: number of owners; also read without @lock
 * @nr_scan: number of those that have zb_owner_ops.scan, likewise
 * @last_id: id of the owner that was registered last
 * @turn: id of the owner that was asked last; the next request begins with the one after it
 * @movable: the blocks that can be moved (movable.c), by their frames
 * @moving: the blocks that are being moved
 * @nr_movable: number of blocks in @movable; also read without @lock
 * @module_nb: called before a module is unloaded
 */
struct zb_owners {
	spinlock_t lock;
	struct list_head list;
	unsigned int nr;
	unsigned int nr_scan;
	u64 last_id;
	u64 turn;
	struct rb_root movable;
	struct list_head moving;
	unsigned long nr_movable;
	struct notifier_block module_nb;
};

/**
 * struct zb_owner - a registration
 * @link: on zb_owners.list, protected by zb_owners.lock
 * @id: number of the registration, which is never used again
 * @ops: the callbacks
 * @data: argument of the callbacks
 * @name: name of the owner and of its module, for the log and debugfs
 * @users: one for the registration, and one for each call in progress
 * @unused: @users has become 0
 * @scanned: number of frames that scan was asked to free
 * @freed: number of frames that scan and oom have freed
 * @movable: number of frames that can be moved
 * @moved: number of frames that were moved
 * @move_failed: number of frames that could not be moved
 * @never_moves: no block is moved any more, after an error
 * @faults: enum zb_owner_fault that were logged
 * @busy_until: time in jiffies before which requests do not call scan, because its last call
 *	freed nothing
 */
struct zb_owner {
	struct list_head link;
	u64 id;
	const struct zb_owner_ops *ops;
	void *data;
	char name[96];
	refcount_t users;
	struct completion unused;
	atomic_long_t scanned;
	atomic_long_t freed;
	atomic_long_t movable;
	atomic_long_t moved;
	atomic_long_t move_failed;
	bool never_moves;
	unsigned long faults;
	unsigned long busy_until;
};

enum zb_movable_state {
	ZB_MOVABLE_IDLE,
	ZB_MOVABLE_MOVING,
	ZB_MOVABLE_WITHDRAWN,	/* the module has withdrawn the new frames during the move */
	ZB_MOVABLE_PUTBACK,	/* putback is being called, in which the block can be withdrawn */
};

/**
 * struct zb_movable - a block that can be moved
 * @node: in zb_owners.movable
 * @pfn: first frame
 * @order: its order
 * @gfp: flags for new frames
 * @owner: the owner
 * @state: what is being done with it
 * @to: new first frame while it is being moved, or ZB_NO_PFN
 * @moving: in zb_owners.moving while @state is ZB_MOVABLE_MOVING or ZB_MOVABLE_WITHDRAWN
 *
 * Protected by zb_owners.lock.
 */
struct zb_movable {
	struct rb_node node;
	unsigned long pfn;
	unsigned int order;
	zb_gfp_t gfp;
	struct zb_owner *owner;
	enum zb_movable_state state;
	unsigned long to;
	struct list_head moving;
};

/* owner.c */
int zb_owners_init(struct zb_owners *owners);
void zb_owners_exit(struct zb_owners *owners);
struct zb_owner *zb_owner_add(struct zb_owners *owners, const struct zb_owner_ops *ops,
			      void *data);
void zb_owner_remove(struct zb_owners *owners, struct zb_owner *owner);
struct zb_owner *zb_owner_next(struct zb_owners *owners, u64 id);
struct zb_movable *__zb_movable_from(struct zb_owners *owners, unsigned long pfn);
void __zb_movable_remove(struct zb_owners *owners, struct zb_movable *m);
bool zb_owner_get(struct zb_owner *owner);
void zb_owner_put(struct zb_owner *owner);
void zb_owner_report(struct zb_owner *owner, enum zb_owner_fault fault, unsigned long said,
		     unsigned long found);

/* movable.c */
int zb_movable_add(struct zb_reclaim *reclaim, struct zb_owner *owner, unsigned long pfn,
		   unsigned int order, gfp_t gfp);
int zb_movable_remove(struct zb_owners *owners, unsigned long pfn);
unsigned long zb_movable_next(struct zb_owners *owners, zb_gfp_t gfp, bool in_use,
			      unsigned long *pfn, unsigned long end);
unsigned long zb_movable_in(struct zb_owners *owners, zb_gfp_t gfp, unsigned long pfn,
			    unsigned long end);
int zb_movable_move(struct zb_reclaim *reclaim, struct zb_zone *zone, unsigned long pfn,
		    zb_gfp_t gfp, unsigned int below_order, unsigned long *to);
void zb_movable_move_all(struct zb_reclaim *reclaim, struct zb_zone *zone, unsigned long pfn,
			 unsigned long end, zb_gfp_t gfp, unsigned int below_order);

/* shrink_owners.c */
bool zb_owners_may_shrink(const struct zb_shrink *s);
unsigned long zb_owners_count(const struct zb_shrink *s);
void zb_owners_shrink(struct zb_shrink *s, unsigned long all);
bool zb_owners_oom(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		   const struct zb_alloc_context *ac);

static inline unsigned long zb_movable_end(const struct zb_movable *m)
{
	return m->pfn + BIT(m->order);
}

static inline bool zb_owner_may_be_called(const struct zb_owner *owner, zb_gfp_t gfp)
{
	return !(owner->ops->needs & ~gfp);
}

#endif /* ZB_OWNER_H */

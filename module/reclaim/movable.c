// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves blocks of other modules, as the kernel does with movable_operations:
 *
 *	isolate			the module agrees, and does not free the block from now on
 *	new frames		in the same zone
 *	migrate			the module copies the contents, and uses the new frames
 *	free the old frames
 *
 * If migrate fails, putback is called instead of the last step. Registered blocks are in a tree,
 * which is searched by first frame. While a block is being moved, its module can't withdraw the
 * old frames, until putback is called. It can withdraw the new frames from the call of migrate
 * on: it may use and free them before migrate returns, and no other callback follows in which
 * it could withdraw them.
 *
 * Before migrate is called, the new frames are filled with a random pattern. If migrate returns
 * success, but the pattern is unchanged, the module does not use the new frames. Then the block
 * stays where it is, and no block of this owner is moved any more.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../core/compact.h"
#include "../instance/callback.h"
#include "reclaim.h"

/* Returns a block whose new frames overlap the range from @pfn to @end, or NULL. */
static struct zb_movable *__find_new(struct zb_owners *owners, unsigned long pfn,
				     unsigned long end)
{
	struct zb_movable *m;

	list_for_each_entry(m, &owners->moving, moving)
		if (m->to != ZB_NO_PFN && m->to < end && m->to + BIT(m->order) > pfn)
			return m;
	return NULL;
}

/* Returns the block whose first frame, or new first frame, is @pfn, or NULL. */
static struct zb_movable *__find(struct zb_owners *owners, unsigned long pfn)
{
	struct zb_movable *m = __zb_movable_from(owners, pfn);

	if (m && m->pfn == pfn)
		return m;
	m = __find_new(owners, pfn, pfn + 1);
	return m && m->to == pfn ? m : NULL;
}

/* Returns false if the block overlaps a registered one. */
static bool __insert(struct zb_owners *owners, struct zb_movable *m)
{
	struct rb_node **link = &owners->movable.rb_node, *parent = NULL;
	struct zb_movable *other;

	if (__find_new(owners, m->pfn, zb_movable_end(m)))
		return false;
	while (*link) {
		parent = *link;
		other = rb_entry(parent, struct zb_movable, node);
		if (zb_movable_end(m) <= other->pfn)
			link = &parent->rb_left;
		else if (m->pfn >= zb_movable_end(other))
			link = &parent->rb_right;
		else
			return false;
	}
	rb_link_node(&m->node, parent, link);
	rb_insert_color(&m->node, &owners->movable);
	return true;
}

/* Is this still the block that was registered? */
static bool is_block(const struct zb_pool *pool, unsigned long pfn, unsigned int order)
{
	const struct zb_zone *zone = zb_pfn_zone(pool, pfn);
	u8 state = zone ? zb_zone_state(zone, pfn) : 0;

	return zb_state_is_block(state, order) &&
	       zb_state_migratetype(state) == ZB_MIGRATE_MOVABLE;
}

/**
 * zb_movable_add() - register a block
 * @reclaim: reclaim and compaction of the instance
 * @owner: its owner
 * @pfn: first frame
 * @order: its order
 * @gfp: flags for the kernel memory that this needs
 *
 * Context: any but NMI, as @gfp permits.
 * Return: 0, -EINVAL if this is not an allocated movable block, -EEXIST if it or a part of it is
 * registered already, or -ENOMEM.
 */
int zb_movable_add(struct zb_reclaim *reclaim, struct zb_owner *owner, unsigned long pfn,
		   unsigned int order, gfp_t gfp)
{
	struct zb_pool *pool = &reclaim->inst->pool;
	struct zb_owners *owners = &reclaim->owners;
	struct zb_movable *m;
	const size_t size = sizeof(*m);
	unsigned long flags;
	bool ok;

	if (!is_block(pool, pfn, order))
		return -EINVAL;
	m = kmalloc(size, gfp);
	if (!m)
		return -ENOMEM;
	*m = (struct zb_movable){ .pfn = pfn, .order = order, .owner = owner, .to = ZB_NO_PFN };
	m->gfp = __ZB_GFP_MOVABLE;
	if (zb_state_compound(zb_zone_state(zb_pfn_zone(pool, pfn), pfn)))
		m->gfp |= __ZB_GFP_COMP;
	spin_lock_irqsave(&owners->lock, flags);
	ok = __insert(owners, m);
	if (ok) {
		atomic_long_add(BIT(order), &owner->movable);
		WRITE_ONCE(owners->nr_movable, owners->nr_movable + 1);
	}
	spin_unlock_irqrestore(&owners->lock, flags);
	if (!ok)
		kfree(m);
	return ok ? 0 : -EEXIST;
}

/**
 * zb_movable_remove() - undo zb_movable_add()
 * @owners: all owners
 * @pfn: first frame, which may be the new one of a block that is being moved
 *
 * Context: any but NMI.
 * Return: 0, -ENOENT if no block is registered there, or -EBUSY if it is being moved.
 */
int zb_movable_remove(struct zb_owners *owners, unsigned long pfn)
{
	struct zb_movable *m, *removed = NULL;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&owners->lock, flags);
	m = __find(owners, pfn);
	if (!m) {
		err = -ENOENT;
	} else if (m->to == pfn) {
		/* The task that moves the block removes it. */
		m->to = ZB_NO_PFN;
		WRITE_ONCE(m->state, ZB_MOVABLE_WITHDRAWN);
	} else if (m->state == ZB_MOVABLE_MOVING || m->state == ZB_MOVABLE_WITHDRAWN) {
		err = -EBUSY;
	} else {
		__zb_movable_remove(owners, m);
		removed = m;
	}
	spin_unlock_irqrestore(&owners->lock, flags);
	kfree(removed);
	return err;
}

static bool may_move(const struct zb_movable *m, zb_gfp_t gfp)
{
	return zb_owner_may_be_called(m->owner, gfp) && !READ_ONCE(m->owner->never_moves);
}

/**
 * zb_movable_next() - find the next block that can be moved
 * @owners: all owners
 * @gfp: what callbacks may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @in_use: whether blocks that are being moved count
 * @pfn: where to begin; set to the first frame of the block
 * @end: the frame behind the last one
 *
 * Context: any but NMI.
 * Return: number of frames of the block, which may begin before @pfn and end behind @end, or 0
 * if there is none.
 */
unsigned long zb_movable_next(struct zb_owners *owners, zb_gfp_t gfp, bool in_use,
			      unsigned long *pfn, unsigned long end)
{
	unsigned long flags, nr = 0;
	struct zb_movable *m;

	if (!READ_ONCE(owners->nr_movable))
		return 0;
	spin_lock_irqsave(&owners->lock, flags);
	while ((m = __zb_movable_from(owners, *pfn)) && m->pfn < end) {
		if (may_move(m, gfp) && (in_use || m->state == ZB_MOVABLE_IDLE)) {
			*pfn = m->pfn;
			nr = BIT(m->order);
			break;
		}
		*pfn = zb_movable_end(m);
		spin_unlock_irqrestore(&owners->lock, flags);
		spin_lock_irqsave(&owners->lock, flags);
	}
	spin_unlock_irqrestore(&owners->lock, flags);
	return nr;
}

/* Begin to move the block at @pfn; returns NULL if this is not possible now. */
static struct zb_movable *begin_move(struct zb_owners *owners, unsigned long pfn, zb_gfp_t gfp)
{
	struct zb_movable *m;
	unsigned long flags;

	spin_lock_irqsave(&owners->lock, flags);
	m = __zb_movable_from(owners, pfn);
	if (m && (m->pfn != pfn || m->state != ZB_MOVABLE_IDLE || !may_move(m, gfp) ||
		  !zb_owner_get(m->owner)))
		m = NULL;
	if (m) {
		m->state = ZB_MOVABLE_MOVING;
		list_add(&m->moving, &owners->moving);
	}
	spin_unlock_irqrestore(&owners->lock, flags);
	return m;
}

/* End a move: the block begins at @pfn now, its old or its new first frame. */
static void end_move(struct zb_owners *owners, struct zb_movable *m, unsigned long pfn)
{
	struct zb_movable *withdrawn = NULL;
	unsigned long flags;

	spin_lock_irqsave(&owners->lock, flags);
	list_del(&m->moving);
	if (m->state == ZB_MOVABLE_WITHDRAWN) {
		__zb_movable_remove(owners, m);
		withdrawn = m;
	} else {
		if (pfn != m->pfn) {
			rb_erase(&m->node, &owners->movable);
			m->pfn = pfn;
			__insert(owners, m);
		}
		m->to = ZB_NO_PFN;
		m->state = ZB_MOVABLE_IDLE;
	}
	spin_unlock_irqrestore(&owners->lock, flags);
	kfree(withdrawn);
}

/* The module has freed the block without withdrawing it. */
static void drop_stale(struct zb_owners *owners, struct zb_movable *m)
{
	unsigned long flags;

	zb_owner_report(m->owner, ZB_OWNER_STALE, 0, 0);
	spin_lock_irqsave(&owners->lock, flags);
	list_del(&m->moving);
	__zb_movable_remove(owners, m);
	spin_unlock_irqrestore(&owners->lock, flags);
	kfree(m);
}

/* putback may withdraw and free the block, so the block is found again by its frame. */
static void put_back(struct zb_owners *owners, struct zb_movable *m)
{
	struct zb_owner *owner = m->owner;
	unsigned int order = m->order;
	unsigned long pfn = m->pfn, flags;

	spin_lock_irqsave(&owners->lock, flags);
	list_del(&m->moving);
	m->to = ZB_NO_PFN;
	m->state = ZB_MOVABLE_PUTBACK;
	spin_unlock_irqrestore(&owners->lock, flags);
	owner->ops->putback(owner->data, pfn_to_page(pfn), order);
	spin_lock_irqsave(&owners->lock, flags);
	m = __find(owners, pfn);
	if (m && m->state == ZB_MOVABLE_PUTBACK)
		m->state = ZB_MOVABLE_IDLE;
	spin_unlock_irqrestore(&owners->lock, flags);
}

static void fill(unsigned long pfn, unsigned int order, u64 pattern)
{
	unsigned long i;
	void *addr;

	for (i = 0; i < BIT(order); i++) {
		addr = kmap_local_page(pfn_to_page(pfn + i));
		memset64(addr, pattern, PAGE_SIZE / sizeof(u64));
		kunmap_local(addr);
		cond_resched();
	}
}

static bool is_filled(unsigned long pfn, unsigned int order, u64 pattern)
{
	bool same = true;
	unsigned long i;
	unsigned int k;
	u64 *addr;

	for (i = 0; same && i < BIT(order); i++) {
		addr = kmap_local_page(pfn_to_page(pfn + i));
		for (k = 0; same && k < PAGE_SIZE / sizeof(u64); k++)
			same = addr[k] == pattern;
		kunmap_local(addr);
	}
	return same;
}

/*
 * A block that is still registered in frames that have just been allocated was freed without
 * being withdrawn. Returns false if another task moves such a block, and will find this out.
 */
static bool drop_stale_at(struct zb_owners *owners, unsigned long pfn, unsigned int order)
{
	struct zb_movable *m;
	unsigned long flags;
	bool found, idle;

	do {
		spin_lock_irqsave(&owners->lock, flags);
		m = __zb_movable_from(owners, pfn);
		found = m && m->pfn < pfn + BIT(order);
		idle = found && m->state == ZB_MOVABLE_IDLE;
		if (idle) {
			zb_owner_report(m->owner, ZB_OWNER_STALE, 0, 0);
			__zb_movable_remove(owners, m);
		}
		spin_unlock_irqrestore(&owners->lock, flags);
		if (idle)
			kfree(m);
	} while (idle);
	return !found;
}

/* Let the module move its block, which it has isolated, to @to. */
static int migrate(struct zb_owners *owners, struct zb_movable *m, unsigned long to)
{
	const struct zb_owner_ops *ops = m->owner->ops;
	u64 pattern = get_random_u64();
	unsigned long flags;
	int err;

	if (!drop_stale_at(owners, to, m->order))
		return -EAGAIN;
	spin_lock_irqsave(&owners->lock, flags);
	m->to = to;
	spin_unlock_irqrestore(&owners->lock, flags);
	fill(to, m->order, pattern);
	err = ops->migrate(m->owner->data, pfn_to_page(to), pfn_to_page(m->pfn), m->order);
	/* Callers would take other errors for errors of zbuddy itself. */
	if (err)
		return err == -EBUSY || err == -EAGAIN || err == -ENOMEM ? err : -EIO;
	/* The module may have withdrawn the block, and freed the new frames already. */
	if (READ_ONCE(m->state) == ZB_MOVABLE_WITHDRAWN || !is_filled(to, m->order, pattern))
		return 0;
	zb_owner_report(m->owner, ZB_OWNER_NOT_MOVED, 0, 0);
	WRITE_ONCE(m->owner->never_moves, true);
	return -EPROTO;
}

/*
 * Runs between zb_callback_begin() and zb_callback_end(). *@new is set to the first of the new
 * frames, and *@spare to that of the frames that the caller has to free, the old or the new ones,
 * or ZB_NO_PFN.
 */
static int isolate_and_migrate(struct zb_owners *owners, struct zb_movable *m,
			       struct zb_zone *zone, unsigned int below_order,
			       unsigned long *new, unsigned long *spare)
{
	const struct zb_owner_ops *ops = m->owner->ops;
	unsigned long from = m->pfn, to;
	int err = -ENOMEM;

	if (!ops->isolate(m->owner->data, pfn_to_page(from), m->order)) {
		end_move(owners, m, from);
		return -EBUSY;
	}
	to = zb_compact_alloc(zone, m->gfp, BIT(m->order), below_order);
	if (to != ZB_NO_PFN)
		err = migrate(owners, m, to);
	*new = to;
	*spare = err ? to : from;
	if (!err) {
		trace_mm_page_alloc(to, m->order, zb_gfp_bits(m->gfp), ZB_MIGRATE_MOVABLE);
		trace_mm_page_free(from, m->order);
	}
	/* Afterwards the module may withdraw the block, which frees @m. */
	if (!err || err == -EPROTO)
		end_move(owners, m, err ? from : to);
	else
		put_back(owners, m);
	return err;
}

/**
 * zb_movable_move() - move a block of another module to other frames
 * @reclaim: reclaim and compaction of the instance
 * @zone: its zone
 * @pfn: first frame, as set by zb_movable_next()
 * @gfp: what callbacks may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @below_order: split only free blocks of lower orders for the new frames
 * @to: set to its new first frame if it was moved
 *
 * Context: may sleep.
 * Return: 0, -ENOENT if it was freed before, -EBUSY if it is in use, -ENOMEM, or an error of the
 * module.
 */
int zb_movable_move(struct zb_reclaim *reclaim, struct zb_zone *zone, unsigned long pfn,
		    zb_gfp_t gfp, unsigned int below_order, unsigned long *to)
{
	struct zb_owners *owners = &reclaim->owners;
	struct zb_pool *pool = &reclaim->inst->pool;
	struct zb_movable *m = begin_move(owners, pfn, gfp);
	unsigned long spare = ZB_NO_PFN;
	struct zb_owner *owner;
	struct zb_callback cb;
	unsigned int order;
	int err;

	if (!m)
		return -EBUSY;
	owner = m->owner;
	order = m->order;
	if (!is_block(pool, pfn, order)) {
		drop_stale(owners, m);
		zb_owner_put(owner);
		return -ENOENT;
	}
	zb_callback_begin(&cb, gfp, owner->ops->needs);
	err = isolate_and_migrate(owners, m, zone, below_order, to, &spare);
	zb_callback_end(&cb);
	if (spare != ZB_NO_PFN)
		zb_pool_free_pages(pool, spare, order);
	atomic_long_add(BIT(order), err ? &owner->move_failed : &owner->moved);
	zb_zone_count_event(zone, err ? ZB_PGMIGRATE_FAIL : ZB_PGMIGRATE_SUCCESS, BIT(order));
	zb_owner_put(owner);
	return err;
}

/**
 * zb_movable_in() - count the frames of a range that belong to blocks that can be moved
 * @owners: all owners
 * @gfp: what callbacks may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @pfn: first frame
 * @end: the frame behind the last one
 *
 * Context: any but NMI.
 * Return: number of frames, without blocks that are being moved.
 */
unsigned long zb_movable_in(struct zb_owners *owners, zb_gfp_t gfp, unsigned long pfn,
			    unsigned long end)
{
	unsigned long at = pfn, nr, sum = 0;

	while ((nr = zb_movable_next(owners, gfp, false, &at, end))) {
		sum += min(at + nr, end) - max(at, pfn);
		at += nr;
	}
	return sum;
}

/**
 * zb_movable_move_all() - move all blocks of other modules out of a range
 * @reclaim: reclaim and compaction of the instance
 * @zone: zone of the range
 * @pfn: first frame
 * @end: the frame behind the last one
 * @gfp: what callbacks may do, __ZB_GFP_IO and __ZB_GFP_FS
 * @below_order: split only free blocks of lower orders for the new frames
 *
 * Context: may sleep; ends early if the task is being killed.
 */
void zb_movable_move_all(struct zb_reclaim *reclaim, struct zb_zone *zone, unsigned long pfn,
			 unsigned long end, zb_gfp_t gfp, unsigned int below_order)
{
	unsigned long nr, to = ZB_NO_PFN;

	while (!fatal_signal_pending(current) &&
	       (nr = zb_movable_next(&reclaim->owners, gfp, false, &pfn, end))) {
		zb_movable_move(reclaim, zone, pfn, gfp, below_order, &to);
		pfn += nr;
		cond_resched();
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discardable buffers: marking them, taking their memory back, and giving them new memory.
 * discard.h describes the states; reclaim/ decides which buffers lose their memory.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "../instance/request.h"
#include "discard.h"
#include "huge.h"
#include "zero.h"

/* A cheap check that rejects most buffers that are in use before their mappings are removed. */
static bool seems_unused(bool is_fixed, int mappings, unsigned long pfn, unsigned long nr_pages)
{
	return !is_fixed && mappings <= ZB_MAX_UNMAPPED && !zb_nr_pins(pfn, nr_pages);
}

static bool seems_purgeable(struct zb_buffer *buf, const struct zb_lru *lru)
{
	return buf->on_lru == lru &&
	       seems_unused(atomic_read(&buf->fixed) || buf->phys_known,
			    atomic_read(&buf->mappings), buf->pfn, buf->nr_pages);
}

/**
 * zb_buffer_seems_purgeable() - check cheaply whether a discardable buffer could lose its memory
 * @info: its state
 *
 * The buffer may be freed or change meanwhile, see zb_nr_pins().
 *
 * Context: may sleep.
 * Return: true if it could.
 */
bool zb_buffer_seems_purgeable(const struct zb_buffer_info *info)
{
	return !info->is_deferred &&
	       seems_unused(info->is_fixed, info->mappings, info->pfn, info->nr_pages);
}

/**
 * zb_buffer_purgeable() - check cheaply whether a purge would probably be successful
 * @buf: the buffer, on which the caller has a reference
 * @lru: the discardable buffers of the zone that the memory is needed in
 *
 * Context: may sleep.
 * Return: true if it would.
 */
bool zb_buffer_purgeable(struct zb_buffer *buf, const struct zb_lru *lru)
{
	bool purgeable;

	if (!down_read_trylock(&buf->mapping.invalidate_lock))
		return false;
	/* sparse does not know that a trylock may take the lock. */
	__acquire(&buf->mapping.invalidate_lock);
	purgeable = seems_purgeable(buf, lru);
	up_read(&buf->mapping.invalidate_lock);
	return purgeable;
}

/* Set the frames of a buffer, on which the caller has a reference; ZB_NO_PFN for none. */
static void set_frames(struct zb_buffer *buf, unsigned long pfn, u8 discard)
{
	struct zb_pool *pool = &buf->bpool->inst->pool;
	const struct zb_zone *zone = pfn == ZB_NO_PFN ? NULL : zb_pfn_zone(pool, pfn);

	spin_lock(&buf->bpool->lock);
	WRITE_ONCE(buf->pfn, pfn);
	WRITE_ONCE(buf->discard, discard);
	if (zone) {
		buf->zone = zone->type;
		buf->nid = zone->nid;
	}
	spin_unlock(&buf->bpool->lock);
}

/*
 * Called with the lock of the buffer. Even a buffer that was never mapped can have references
 * on its pages: read() and write() of a file get them.
 */
static int purge_locked(struct zb_buffer *buf, const struct zb_lru *lru)
{
	unsigned long pfn = buf->pfn;

	if (!seems_purgeable(buf, lru))
		return -EBUSY;
	unmap_mapping_range(&buf->mapping, 0, 0, 1);
	if (!zb_freeze_pages(pfn, buf->nr_pages))
		return -EBUSY;
	zb_lru_remove(buf);
	set_frames(buf, ZB_NO_PFN, ZB_DISCARD_PURGED);
	zb_split_frozen_folios(pfn, buf->nr_pages);
	zb_unfreeze_pages(pfn, buf->nr_pages);
	return 0;
}

/**
 * zb_buffer_purge() - take the memory of a discardable buffer back
 * @buf: the buffer, on which the caller has a reference
 * @lru: the discardable buffers of the zone that the memory is needed in
 *
 * No memory is allocated, and this does not wait for any lock that a task may hold while it
 * allocates from the instance.
 *
 * Context: may sleep.
 * Return: 0, -EAGAIN if the buffer is locked, or -EBUSY if it or one of its pages is in use, or
 * it is not a discardable buffer of this zone any more.
 */
int zb_buffer_purge(struct zb_buffer *buf, const struct zb_lru *lru)
{
	struct zb_charge charge;
	unsigned long pfn;
	int err;

	if (!down_write_trylock(&buf->mapping.invalidate_lock))
		return -EAGAIN;
	/* sparse does not know that a trylock may take the lock. */
	__acquire(&buf->mapping.invalidate_lock);
	pfn = buf->pfn;
	/* WILLNEED may charge the buffer again as soon as it is unlocked. */
	charge = buf->charge;
	err = purge_locked(buf, lru);
	up_write(&buf->mapping.invalidate_lock);
	if (!err)
		zb_buffer_drop_frames(buf, pfn, &charge, false);
	return err;
}

/**
 * zb_buffer_get_place() - get the node, the zone and the discard state of a buffer
 * @buf: the buffer
 * @node: set to its NUMA node
 * @zone: set to its ZB_ZONE_*
 * @discard: set to its ZB_DISCARD_*, or NULL
 *
 * A buffer can be moved to another zone or node at any time.
 *
 * Context: any but interrupts.
 */
void zb_buffer_get_place(struct zb_buffer *buf, s32 *node, u32 *zone, u32 *discard)
{
	spin_lock(&buf->bpool->lock);
	*node = buf->nid;
	*zone = buf->zone;
	if (discard)
		*discard = buf->discard;
	spin_unlock(&buf->bpool->lock);
}

static void set_discard(struct zb_buffer *buf, u8 discard)
{
	spin_lock(&buf->bpool->lock);
	WRITE_ONCE(buf->discard, discard);
	spin_unlock(&buf->bpool->lock);
}

static unsigned long alloc_frames(struct zb_advice *a, struct zb_account *file,
				  const struct zb_want *want, struct zb_zero_map *map,
				  int *err)
{
	struct zb_buffer_pool *bpool = a->buf->bpool;
	unsigned long pfn;

	*err = zb_charge(bpool, &a->charge, file, zb_buffer_bytes(a->buf), want->why);
	if (*err)
		return ZB_NO_PFN;
	if (want->range.nr_pages)
		pfn = zb_buffer_alloc_range(bpool, want, map, err);
	else
		pfn = zb_instance_alloc(bpool->inst, want->gfp, want->nr_pages, want->nid, NULL,
					true, map);
	if (pfn != ZB_NO_PFN)
		return pfn;
	if (!want->range.nr_pages)
		*err = zb_buffer_alloc_failed(bpool, want);
	zb_watch_failed(bpool);
	zb_uncharge(bpool, &a->charge);
	return ZB_NO_PFN;
}

/*
 * Allocate new frames for a purged buffer. The flags that allow the use of reserves are
 * ignored, because the calling process may lack the capability for them.
 */
static int get_new_frames(struct zb_advice *a, struct zb_account *file,
			  struct zb_ioc_explain *why)
{
	const zb_gfp_t reserves = __ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC;
	struct zb_buffer_pool *bpool = a->buf->bpool;
	struct zb_want want = {
		.gfp = a->buf->gfp & ~reserves,
		.nr_pages = a->buf->nr_pages,
		.range = a->buf->range,
		.nid = READ_ONCE(a->buf->nid),
		.why = why,
	};
	const struct zb_zone *zone;
	struct zb_zeroing zeroing;
	struct zb_zero_map *map;
	unsigned long pfn;
	int err;

	map = zb_zeroing_begin(bpool->inst, &zeroing, want.nr_pages, GFP_KERNEL);
	pfn = alloc_frames(a, file, &want, map, &err);
	if (pfn == ZB_NO_PFN)
		goto out;
	zone = zb_pfn_zone(&bpool->inst->pool, pfn);
	if (zone && want.gfp & __ZB_GFP_WRITE)
		zb_instance_account_dirty(bpool->inst, zone->nid, want.nr_pages);
	err = zb_buffer_clear(bpool, &want, pfn, map);
	if (err)
		zb_buffer_drop_frames(a->buf, pfn, &a->charge, false);
	else
		a->pfn = pfn;
out:
	zb_zeroing_end(&zeroing);
	return err;
}

/* A buffer with users that rely on its frames can't be marked, see zb_buffer_add_user(). */
static bool has_users(struct zb_buffer *buf)
{
	return buf->phys_known || buf->was_file || atomic_read(&buf->exports) ||
	       atomic_read(&buf->inodes) || atomic_read(&buf->fixed);
}

/*
 * Mark a buffer, or remove its mark. The charge for the mark moves from @a to the buffer, or
 * back. Called with the lock of the buffer.
 */
static void set_mark(struct zb_advice *a, u8 discard)
{
	set_discard(a->buf, discard);
	swap(a->buf->marker, a->marker);
}

/*
 * Called with the lock of the buffer. Returns -EAGAIN if the caller has to charge a mark first,
 * which is not necessary if the buffer is marked already.
 */
static int prepare_locked(struct zb_advice *a)
{
	struct zb_buffer *buf = a->buf;

	if (a->advice == ZB_ADVISE_DONTNEED) {
		if (has_users(buf))
			return -EBUSY;
		a->changed = buf->discard == ZB_DISCARD_NONE;
		if (a->changed && !a->marker)
			return -EAGAIN;
		if (a->changed)
			set_mark(a, ZB_DISCARD_MARKED);
	} else if (buf->discard == ZB_DISCARD_MARKED) {
		zb_lru_remove(buf);
		set_mark(a, ZB_DISCARD_NONE);
		WRITE_ONCE(buf->recently_used, true);
		a->changed = true;
	}
	a->nr = ++buf->advices;
	return 0;
}

static int prepare(struct zb_advice *a, u32 *retained)
{
	int err;

	filemap_invalidate_lock(&a->buf->mapping);
	err = prepare_locked(a);
	*retained = a->buf->discard != ZB_DISCARD_PURGED;
	filemap_invalidate_unlock(&a->buf->mapping);
	return err;
}

/* Release the new frames and the charge for a mark, unless the buffer has taken them over. */
static void end_advice(struct zb_advice *a)
{
	if (a->pfn != ZB_NO_PFN)
		zb_buffer_drop_frames(a->buf, a->pfn, &a->charge, false);
	zb_uncharge_mark(a->buf->bpool, a->marker);
}

/**
 * zb_advise_prepare() - execute the part of a ZB_IOC_ADVISE that can be undone
 * @a: the command, whose @buf and @advice are set
 * @file: account of the open file
 * @why: receives the cause of a failure
 * @retained: set to 1 if the buffer has its contents, else to 0
 *
 * A marked buffer is not purged before zb_advise_commit(), and a purged one gets its
 * frames there.
 *
 * Context: may sleep.
 * Return: 0, or -errno of the user header with nothing changed.
 */
int zb_advise_prepare(struct zb_advice *a, struct zb_account *file,
		      struct zb_ioc_explain *why, u32 *retained)
{
	int err;

	a->changed = false;
	a->pfn = ZB_NO_PFN;
	a->marker = NULL;
	err = prepare(a, retained);
	if (err == -EAGAIN) {
		err = zb_charge_mark(a->buf->bpool, &a->marker, why);
		if (err)
			return err;
		err = prepare(a, retained);
	}
	if (!err && !*retained && a->advice == ZB_ADVISE_WILLNEED)
		err = get_new_frames(a, file, why);
	if (err)
		end_advice(a);
	return err;
}

/**
 * zb_advise_commit() - finish a ZB_IOC_ADVISE
 * @a: the command after zb_advise_prepare()
 *
 * Context: may sleep.
 */
void zb_advise_commit(struct zb_advice *a)
{
	struct zb_buffer *buf = a->buf;
	bool marked = false;

	filemap_invalidate_lock(&buf->mapping);
	if (a->pfn != ZB_NO_PFN && buf->discard == ZB_DISCARD_PURGED) {
		buf->charge = a->charge;
		set_frames(buf, a->pfn, ZB_DISCARD_NONE);
		/* for mappings that still exist */
		if (atomic_read(&buf->mappings))
			zb_make_folios(buf, 0, buf->nr_pages);
		swap(buf->marker, a->marker);
		a->pfn = ZB_NO_PFN;
	}
	if (a->advice == ZB_ADVISE_DONTNEED)
		marked = buf->discard == ZB_DISCARD_MARKED && !buf->on_lru;
	if (marked)
		zb_lru_add(buf);
	filemap_invalidate_unlock(&buf->mapping);
	end_advice(a);
	if (marked)
		zb_instance_wake_waiters(buf->bpool->inst);
}

/* Called with the lock of the buffer. */
static void undo_locked(struct zb_advice *a)
{
	struct zb_buffer *buf = a->buf;

	if (a->advice == ZB_ADVISE_DONTNEED) {
		if (buf->discard == ZB_DISCARD_MARKED && !buf->on_lru)
			set_mark(a, ZB_DISCARD_NONE);
		/* A WILLNEED that is canceled, too, must not restore this mark. */
		buf->advices++;
	} else if (buf->discard == ZB_DISCARD_NONE && buf->advices == a->nr && !has_users(buf)) {
		set_mark(a, ZB_DISCARD_MARKED);
		zb_lru_add(buf);
	}
}

/**
 * zb_advise_cancel() - undo zb_advise_prepare()
 * @a: the command
 *
 * If another thread has changed the buffer meanwhile, that is not undone.
 *
 * Context: may sleep.
 */
void zb_advise_cancel(struct zb_advice *a)
{
	struct zb_buffer *buf = a->buf;

	filemap_invalidate_lock(&buf->mapping);
	if (a->changed)
		undo_locked(a);
	filemap_invalidate_unlock(&buf->mapping);
	end_advice(a);
}

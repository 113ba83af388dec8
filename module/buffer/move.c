// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves buffers to other frames while they are mapped and written to.
 *
 *	lock			page faults wait; nobody maps, exports or syncs the buffer
 *	new frames		in the same zone, unless this one is to be emptied
 *	unmap			from all mappings; the next access to each page faults
 *	freeze			the references of all pages: if a page has any besides that of
 *				the region, the buffer stays where it is
 *	copy
 *	set zb_buffer.pfn
 *	unfreeze, unlock	page faults map the new frames
 *	free the old frames
 *
 * Each page table entry that maps a page holds a reference on it, and so do direct I/O in
 * flight, a pipe, and an mmap() that has not finished. Huge entries hold no references, but
 * unmapping removes them from the page tables and from the TLBs of all CPUs.
 *
 * Moving uses a trylock, so that a task that allocates memory while it holds the lock of a
 * buffer does not wait for itself. No kernel memory is allocated.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "../core/compact.h"
#include "../instance/fault.h"
#include "huge.h"
#include "place.h"
#include "zero.h"

/**
 * zb_buffer_fix() - keep a buffer from being moved
 * @buf: the buffer
 *
 * Afterwards zb_buffer.pfn does not change until zb_buffer_unfix().
 *
 * Context: may sleep.
 */
void zb_buffer_fix(struct zb_buffer *buf)
{
	filemap_invalidate_lock_shared(&buf->mapping);
	atomic_inc(&buf->fixed);
	zb_buffer_expose(buf);
	filemap_invalidate_unlock_shared(&buf->mapping);
}

/**
 * zb_buffer_unfix() - undo zb_buffer_fix()
 * @buf: the buffer
 *
 * Context: any.
 */
void zb_buffer_unfix(struct zb_buffer *buf)
{
	atomic_dec(&buf->fixed);
}

/**
 * zb_buffer_add_user() - count a user that relies on the frames of a buffer
 * @buf: the buffer
 * @users: &zb_buffer.exports or &zb_buffer.inodes
 *
 * While the counter is not 0, the buffer can't be marked as not needed.
 *
 * Context: may sleep.
 * Return: false if it is marked; then the user is not counted.
 */
bool zb_buffer_add_user(struct zb_buffer *buf, atomic_t *users)
{
	bool marked;

	filemap_invalidate_lock_shared(&buf->mapping);
	marked = buf->discard;
	if (!marked)
		atomic_inc(users);
	zb_buffer_expose(buf);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return !marked;
}

/**
 * zb_buffer_phys_pfn() - get the first frame for a user who needs the physical address
 * @buf: the buffer, which is not moved any more from now on
 *
 * Context: may sleep.
 * Return: the first frame, or ZB_NO_PFN if the buffer is marked as not needed.
 */
unsigned long zb_buffer_phys_pfn(struct zb_buffer *buf)
{
	unsigned long pfn;

	filemap_invalidate_lock_shared(&buf->mapping);
	pfn = buf->discard ? ZB_NO_PFN : buf->pfn;
	if (!buf->discard)
		WRITE_ONCE(buf->phys_known, true);
	zb_buffer_expose(buf);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return pfn;
}

/*
 * The number of pages with other references, of a page or of all pages of a folio. It is not known
 * which pages of a folio have them. In a huge one, all of them count; in a smaller one, as
 * many as there are references.
 */
static unsigned long pins_at(unsigned long pfn, unsigned long nr)
{
	struct page *page = pfn_to_page(pfn);
	int refs = page_ref_count(page) - 1 - zb_folio_mapcount(page);

	if (refs <= 0)
		return 0;
	return nr < ZB_HUGE_NR ? min_t(unsigned long, refs, nr) : nr;
}

/**
 * zb_nr_pins() - count pages with references other than those of the region and of mappings
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * The result is only an estimate: a mapping may be changing, or the frames may belong to
 * another buffer by now.
 *
 * Context: may sleep.
 * Return: the number of pages.
 */
unsigned long zb_nr_pins(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i, step, nr = 0;

	for (i = 0; i < nr_pages; i += step) {
		step = zb_shared_refs(pfn + i);
		nr += min(pins_at(pfn + i, step), nr_pages - i);
		if (!(i % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	return nr;
}

static bool has_poison(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		if (PageHWPoison(pfn_to_page(pfn + i)))
			return true;
		if (!(i % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	return false;
}

/**
 * zb_unfreeze_pages() - undo zb_freeze_pages()
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 */
void zb_unfreeze_pages(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += zb_shared_refs(pfn + i)) {
		page_ref_unfreeze(pfn_to_page(pfn + i), 1);
		if (!(i % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
}

/**
 * zb_freeze_pages() - prevent others from getting references on pages
 * @pfn: first frame
 * @nr_pages: number of frames
 *
 * Context: may sleep.
 * Return: false, with nothing changed, if a page has any reference besides the region's.
 */
bool zb_freeze_pages(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += zb_shared_refs(pfn + i)) {
		if (!page_ref_freeze(pfn_to_page(pfn + i), 1))
			break;
		if (!(i % ZB_PAGEBLOCK_NR))
			cond_resched();
	}
	if (i >= nr_pages)
		return true;
	zb_unfreeze_pages(pfn, i);
	return false;
}

/* Returns -EHWPOISON after a memory error, and -EIO after one that fault injection simulates. */
static int copy_page_mc(struct page *to, struct page *from)
{
	void *dst = kmap_local_page(to), *src = kmap_local_page(from);
	unsigned long left = copy_mc_to_kernel(dst, src, PAGE_SIZE);

	kunmap_local(src);
	kunmap_local(dst);
	flush_dcache_page(to);
	if (left)
		return -EHWPOISON;
	return zb_should_fail_copy() ? -EIO : 0;
}

/* The processor has found an error that the kernel does not know about yet. */
static void report_copy_error(const struct zb_buffer *buf, unsigned long pfn, int err)
{
	pr_err_ratelimited("uncorrected memory error in a buffer of %s[%d], found when it was to be moved: it stays where it is\n",
			   buf->comm, buf->pid);
#ifdef CONFIG_MEMORY_FAILURE
	/* Marks the page, and thereby unmaps it, see memory_error.c. */
	if (err == -EHWPOISON)
		memory_failure_queue(pfn, 0);
#endif
}

/*
 * The kernel may mark any of the pages because of a memory error during the copy. Then the copy
 * is not used, because the contents may be wrong or lost, and the old frames must keep the mark.
 * If the copy itself finds an error, *@bad is set to the frame.
 */
static int copy_frames(struct zb_buffer *buf, unsigned long to, unsigned long *bad)
{
	unsigned long i;
	int err;

	for (i = 0; i < buf->nr_pages; i++) {
		err = copy_page_mc(pfn_to_page(to + i), pfn_to_page(buf->pfn + i));
		if (err) {
			*bad = buf->pfn + i;
			return err;
		}
		cond_resched();
	}
	if (has_poison(buf->pfn, buf->nr_pages) || has_poison(to, buf->nr_pages))
		return -EHWPOISON;
	return zb_sync_cleared(buf->bpool, to, buf->nr_pages);
}

/* Moves of compaction do not change the zone, but zb_buffer_leave() does. */
static void set_place(struct zb_buffer *buf, unsigned long to)
{
	struct zb_instance *inst = buf->bpool->inst;
	const struct zb_zone *zone = zb_pfn_zone(&inst->pool, to);
	int from_nid = buf->nid;

	spin_lock(&buf->bpool->lock);
	WRITE_ONCE(buf->pfn, to);
	buf->zone = zone->type;
	WRITE_ONCE(buf->nid, zone->nid);
	spin_unlock(&buf->bpool->lock);
	if (zone->nid == from_nid || !(buf->gfp & __ZB_GFP_WRITE))
		return;
	zb_instance_account_dirty(inst, from_nid, -(long)buf->nr_pages);
	zb_instance_account_dirty(inst, zone->nid, (long)buf->nr_pages);
}

/* Called with the lock of the buffer. */
static int move_to(struct zb_buffer *buf, unsigned long to)
{
	unsigned long from = buf->pfn, bad = ZB_NO_PFN;
	bool folios = false;
	int err;

	unmap_mapping_range(&buf->mapping, 0, 0, 1);
	if (!zb_freeze_pages(from, buf->nr_pages))
		return -EBUSY;
	err = copy_frames(buf, to, &bad);
	if (!err) {
		set_place(buf, to);
		folios = zb_split_frozen_folios(from, buf->nr_pages);
	}
	zb_unfreeze_pages(from, buf->nr_pages);
	if (folios)
		zb_make_folios(buf, 0, buf->nr_pages);
	if (bad != ZB_NO_PFN)
		report_copy_error(buf, bad, err);
	return err;
}

static bool may_move(const struct zb_buffer *buf)
{
	return !zb_buffer_keeps_place(buf) && !atomic_read(&buf->fixed) && !buf->phys_known &&
	       !has_poison(buf->pfn, buf->nr_pages);
}

/*
 * Allocate new frames like the owner did, in a zone that is not in @set. The request does not
 * sleep, and leaves the reserves to others.
 */
static unsigned long alloc_elsewhere(struct zb_buffer *buf, const struct zb_zone_set *set)
{
	static const struct zb_alloc_policy policy = { .every_frame = true };
	const zb_gfp_t not_now = __ZB_GFP_RECLAIM | __ZB_GFP_HIGH | __ZB_GFP_ATOMIC |
				 __ZB_GFP_MEMALLOC | __ZB_GFP_ACCOUNT;
	zb_gfp_t gfp = (buf->gfp & ~not_now) | __ZB_GFP_NOWARN;
	struct zb_pool *pool = &buf->bpool->inst->pool;
	const struct zb_zone *zone;
	unsigned long pfn;

	if (buf->node_bound)
		gfp |= __ZB_GFP_THISNODE;
	if (zb_should_fail(gfp, zb_exact_order(buf->nr_pages)))
		return ZB_NO_PFN;
	pfn = zb_pool_alloc_exact(pool, gfp, buf->nr_pages, buf->nid, &policy);
	zone = zb_pfn_zone(pool, pfn);
	if (!zone || !zb_zone_in_set(zone, set))
		return pfn;
	zb_pool_free_range(pool, pfn, buf->nr_pages);
	return ZB_NO_PFN;
}

/* Move to frames in @zone, or, if @set is not NULL, in a zone that is not in @set. */
static int move_buffer(struct zb_buffer *buf, struct zb_zone *zone, unsigned int below_order,
		       const struct zb_zone_set *set)
{
	struct zb_pool *pool = &buf->bpool->inst->pool;
	unsigned long from, to;
	int err = -EBUSY;

	if (!down_write_trylock(&buf->mapping.invalidate_lock))
		return -EAGAIN;
	/* sparse does not know that a trylock may take the lock. */
	__acquire(&buf->mapping.invalidate_lock);
	from = buf->pfn;
	to = ZB_NO_PFN;
	if (may_move(buf)) {
		to = set ? alloc_elsewhere(buf, set) :
			   zb_compact_alloc(zone, buf->gfp, buf->nr_pages, below_order);
		err = to == ZB_NO_PFN ? -ENOMEM : move_to(buf, to);
	}
	up_write(&buf->mapping.invalidate_lock);
	if (to == ZB_NO_PFN)
		return err;
	if (!err) {
		trace_mm_page_alloc(to, zb_exact_order(buf->nr_pages), zb_gfp_bits(buf->gfp),
				    zb_gfp_migratetype(buf->gfp));
		trace_mm_page_free(from, zb_exact_order(buf->nr_pages));
	}
	zb_pool_free_range(pool, err ? to : from, buf->nr_pages);
	return err;
}

/**
 * zb_buffer_move() - move a buffer to other frames
 * @buf: the buffer, on which the caller has a reference, so that it can't be freed meanwhile
 * @zone: its zone
 * @below_order: split only free blocks of lower orders for the new frames
 *
 * Context: may sleep.
 * Return: 0, -EAGAIN if the lock is held, -EBUSY if the buffer or one of its pages is in
 * use, -EHWPOISON or -EIO if the contents could not be copied, or -ENOMEM.
 */
int zb_buffer_move(struct zb_buffer *buf, struct zb_zone *zone, unsigned int below_order)
{
	return move_buffer(buf, zone, below_order, NULL);
}

/**
 * zb_buffer_leave() - move a buffer to another zone
 * @buf: the buffer, on which the caller has a reference
 * @set: the zones that it should leave
 *
 * The new zone is one that the flags of the buffer allow. The buffer stays on its node if they,
 * or the cpuset or NUMA policy of the task that allocated it, require that.
 *
 * Context: may sleep.
 * Return: as zb_buffer_move(); -ENOMEM if the other zones have no room.
 */
int zb_buffer_leave(struct zb_buffer *buf, const struct zb_zone_set *set)
{
	return move_buffer(buf, NULL, 0, set);
}

/* The number of frames of a buffer that are in a range. */
static unsigned long overlap(const struct zb_buffer_info *info, unsigned long pfn,
			     unsigned long nr_pages)
{
	unsigned long first = max(info->pfn, pfn);
	unsigned long end = min(info->pfn + info->nr_pages, pfn + nr_pages);

	return first < end ? end - first : 0;
}

/**
 * zb_buffer_seems_movable() - check cheaply whether a buffer can probably be moved
 * @info: its state
 *
 * All buffers of a window are checked before the first one is moved, because one that has to
 * stay makes the other moves useless.
 *
 * Context: may sleep.
 * Return: true if it can.
 */
bool zb_buffer_seems_movable(const struct zb_buffer_info *info)
{
	return !info->is_fixed && !info->never_moves && !info->is_deferred &&
	       info->mappings <= ZB_MAX_UNMAPPED &&
	       !(info->was_mapped && zb_nr_pins(info->pfn, info->nr_pages));
}

/*
 * Check that all @used allocated frames of a range belong to buffers that seem movable, and whose
 * new frames can be a part of a block below @below_order.
 */
static bool all_movable(struct zb_buffer_pool *bpool, struct zb_zone *zone, unsigned long pfn,
			unsigned long nr_pages, unsigned long used, unsigned int below_order)
{
	struct zb_buffer_iter iter;
	unsigned long nr, found = 0;

	zb_buffer_iter_begin(&iter, bpool);
	while (found < used && zb_buffer_iter_next(&iter)) {
		nr = overlap(&iter.info, pfn, nr_pages);
		if (nr && zb_exact_order(iter.info.nr_pages) >= below_order) {
			zb_compact_rule_out(zone, pfn, nr_pages);
			break;
		}
		if (nr && !zb_buffer_seems_movable(&iter.info))
			break;
		found += nr;
	}
	zb_buffer_iter_end(&iter);
	return found >= used;
}

/**
 * zb_buffer_get_to_move() - get the buffer at a position to move it or to take its memory
 * @iter: the position
 *
 * Holds the module: if the owner frees the buffer meanwhile, it is released at the end of the
 * move, and if the release has to be deferred, that takes a reference on the module, which is not
 * allowed once the module is being unloaded. kcompactd has no reference of its own, because
 * unloading waits for it.
 *
 * Context: any but interrupts.
 * Return: the buffer, for zb_buffer_put_moved(), or NULL if it is being freed.
 */
struct zb_buffer *zb_buffer_get_to_move(struct zb_buffer_iter *iter)
{
	struct zb_buffer *buf;

	if (!try_module_get(THIS_MODULE))
		return NULL;
	buf = zb_buffer_iter_get(iter);
	if (!buf)
		module_put(THIS_MODULE);
	return buf;
}

/**
 * zb_buffer_put_moved() - undo zb_buffer_get_to_move()
 * @buf: the buffer
 *
 * Context: may sleep.
 */
void zb_buffer_put_moved(struct zb_buffer *buf)
{
	zb_buffer_put(buf);
	module_put(THIS_MODULE);
}

/**
 * zb_buffers_move() - move all buffers out of a range of frames
 * @bpool: the buffer pool
 * @zone: zone of the frames
 * @pfn: first frame
 * @nr_pages: number of frames; their pageblocks are isolated
 * @used: number of these frames that are allocated
 * @below_order: split only free blocks of lower orders for the new frames
 *
 * Nothing is moved if an allocation in the range is not a buffer, is in use, or is too large to
 * be moved into blocks of lower orders. Otherwise this ends at the first buffer that turns out
 * to be in use.
 *
 * Context: may sleep.
 * Return: false if the calling task is being killed.
 */
bool zb_buffers_move(struct zb_buffer_pool *bpool, struct zb_zone *zone, unsigned long pfn,
		     unsigned long nr_pages, unsigned long used, unsigned int below_order)
{
	unsigned long nr, moved = 0, failed = 0;
	struct zb_buffer_iter iter;
	struct zb_buffer *buf;
	int err = 0;

	if (!all_movable(bpool, zone, pfn, nr_pages, used, below_order)) {
		zb_zone_count_event(zone, ZB_PGMIGRATE_FAIL, used);
		return !fatal_signal_pending(current);
	}
	zb_buffer_iter_begin(&iter, bpool);
	while (!err && moved < used && !fatal_signal_pending(current) &&
	       zb_buffer_iter_next(&iter)) {
		nr = overlap(&iter.info, pfn, nr_pages);
		buf = nr ? zb_buffer_get_to_move(&iter) : NULL;
		if (!buf)
			continue;
		err = zb_buffer_move(buf, zone, below_order);
		if (err)
			failed += buf->nr_pages;
		else
			moved += nr;
		zb_buffer_put_moved(buf);
	}
	zb_buffer_iter_end(&iter);
	zb_zone_count_event(zone, ZB_PGMIGRATE_SUCCESS, moved);
	zb_zone_count_event(zone, ZB_PGMIGRATE_FAIL, failed);
	return !fatal_signal_pending(current);
}

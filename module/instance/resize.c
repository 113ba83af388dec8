// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives parts of the memory back to the kernel while the module is loaded, and takes them
 * again: for the module parameter "size", and for memory that is idle (idle.c).
 *
 * To shrink a node, ranges of whole pageblocks are allocated as for any request for a range, so
 * that movable buffers are moved out of them and discardable ones lose their memory
 * (core/range_alloc.h). The pages are cleared, because the next owner must not see the data of
 * this one. Then the pageblocks become offline (core/offline.h), and the kernel gets the pages.
 * To grow a node, the missing pages are taken from the kernel, and become free.
 *
 * A pageblock is offline exactly while the kernel has its pages, except while resize_lock is
 * held. A size that can't be reached is approached as far as possible. If the kernel does not have
 * the pages to grow, the limit up to which idle memory is taken again is not reduced.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../core/offline.h"
#include "instance.h"
#include "tunables.h"
#include "zeroing.h"

/* Larger pieces would be hard to find among buffers that can't be moved. */
#define MAX_PIECE	(64 * ZB_PAGEBLOCK_NR)

static_assert(ZB_REGION_UNIT == ZB_PAGEBLOCK_NR);

/**
 * zb_instance_size() - the amount of memory that the module has
 * @inst: the instance
 * @nid: a node, or NUMA_NO_NODE for all
 *
 * Context: any.
 * Return: number of frames, without those that the kernel has.
 */
unsigned long zb_instance_size(const struct zb_instance *inst, int nid)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &inst->pool)
		if (nid == NUMA_NO_NODE || zone->nid == nid)
			nr += zb_zone_nr_managed(zone);
	return nr;
}

static int give_back(struct zb_instance *inst, struct zb_region *region, unsigned long pfn,
		     unsigned long nr_pages)
{
	int err;

	lockdep_assert_held(&inst->resize_lock);

	if (zb_pool_offline(&inst->pool, pfn, nr_pages) != ZB_OK) {
		zb_pool_free_range(&inst->pool, pfn, nr_pages);
		return -EBUSY;
	}
	err = zb_region_give(region, pfn, nr_pages);
	if (err)
		zb_pool_online(&inst->pool, pfn, nr_pages, inst->ops.poison);
	else
		trace_region_give_back(region->nid, pfn, nr_pages);
	return err;
}

/* What may be done to empty a piece: everything, or nothing, so that it must be free. */
#define EMPTY_IT	(__ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_IO | __ZB_GFP_FS)
#define MUST_BE_FREE	((zb_gfp_t)0)

/* Give one piece back. Returns -EBUSY if there is none of this size. */
static int shrink_once(struct zb_instance *inst, struct zb_region *region,
		       unsigned long nr_pages, zb_gfp_t how, struct zb_zero_map *map)
{
	const struct zb_alloc_policy policy = {
		.killable = true, .every_frame = true, .zero_map = map,
	};
	const zb_gfp_t gfp = how | __ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM | __ZB_GFP_ZERO |
			     __ZB_GFP_NOWARN | __ZB_GFP_THISNODE;
	const struct zb_range range = {
		.nr_pages = nr_pages, .align_order = ZB_PAGEBLOCK_ORDER,
		.end_pfn = ZB_NO_PFN,
	};
	struct zb_range_failure failure;
	unsigned long pfn;

	pfn = zb_pool_alloc_range(&inst->pool, gfp, &range, region->nid, &policy, &failure);
	if (pfn != ZB_NO_PFN)
		return give_back(inst, region, pfn, nr_pages);
	return failure.result == ZB_RANGE_NO_MEMORY ? -ENOMEM : -EBUSY;
}

/* Pieces of at most @nr_pages are tried, smaller ones when larger ones fail. */
static int shrink(struct zb_instance *inst, struct zb_region *region, unsigned long nr_pages,
		  zb_gfp_t how)
{
	unsigned long piece = min(MAX_PIECE, nr_pages);
	int err = zb_region_prepare(region);
	struct zb_zero_map *map;
	struct zb_zeroing zeroing;

	map = zb_zeroing_begin(inst, &zeroing, piece, GFP_KERNEL);

	while (!err && nr_pages) {
		piece = min(piece, nr_pages);
		err = shrink_once(inst, region, piece, how, map);
		if (!err)
			nr_pages -= piece;
		if (fatal_signal_pending(current))
			err = -EINTR;
		if (err != -EBUSY || piece == ZB_PAGEBLOCK_NR)
			continue;
		piece = piece / 2 / ZB_PAGEBLOCK_NR * ZB_PAGEBLOCK_NR;
		err = 0;
	}
	zb_zeroing_end(&zeroing);
	return err;
}

/* Add what the region has taken to the pool. */
static void put_online(struct zb_instance *inst, struct zb_region *region)
{
	unsigned long pfn, nr = 0, end = region->start_pfn + region->nr_pages;

	for (pfn = region->start_pfn; pfn < end; pfn += ZB_PAGEBLOCK_NR) {
		bool taken = !zb_region_is_away(region, pfn) &&
			     zb_pool_online(&inst->pool, pfn, ZB_PAGEBLOCK_NR, inst->ops.poison);

		if (!taken && nr)
			trace_region_take_back(region->nid, pfn - nr, nr);
		nr = taken ? nr + ZB_PAGEBLOCK_NR : 0;
		cond_resched();
	}
	if (nr)
		trace_region_take_back(region->nid, end - nr, nr);
}

static int grow(struct zb_instance *inst, struct zb_region *region, unsigned long nr_pages)
{
	unsigned long taken = zb_region_take(region, nr_pages);

	put_online(inst, region);
	if (taken == nr_pages)
		return 0;
	return fatal_signal_pending(current) ? -EINTR : -ENOMEM;
}

static void explain(const struct zb_instance *inst, struct zb_region *region,
		    unsigned long wanted, int err)
{
	unsigned long has = zb_instance_size(inst, region->nid);

	if (err == -EOPNOTSUPP)
		pr_err("size can't be changed with backend=%s: %s\n", region->backend->name,
		       region->why);
	else if (err == -EBUSY)
		pr_err("node %d has %lu MiB and can't shrink to %lu MiB: the rest is in use by memory that can't be moved, or is needed for watermarks: free buffers, or lower min_free_kbytes\n",
		       region->nid, zb_pages_to_mib(has), zb_pages_to_mib(wanted));
	else if (err == -ENOMEM && wanted > has)
		pr_err("node %d has %lu MiB and can't grow to %lu MiB: %s: try again later\n",
		       region->nid, zb_pages_to_mib(has), zb_pages_to_mib(wanted),
		       region->why);
}

static int resize_region(struct zb_instance *inst, struct zb_region *region,
			 unsigned long wanted, bool *shrunk)
{
	unsigned long has = zb_instance_size(inst, region->nid), limit;
	int err = 0;

	WRITE_ONCE(region->shrinking, wanted < has);
	if (wanted < has)
		err = shrink(inst, region, has - wanted, EMPTY_IT);
	else if (wanted > has)
		err = grow(inst, region, wanted - has);
	limit = zb_instance_size(inst, region->nid);
	if (err && wanted > has)
		limit = max(limit, region->limit);
	*shrunk |= limit < region->limit;
	WRITE_ONCE(region->limit, limit);
	WRITE_ONCE(region->shrinking, false);
	if (err) {
		atomic_long_inc(&inst->resize_failures);
		explain(inst, region, wanted, err);
	}
	return err;
}

/* The part of a total that a region gets: in proportion to its size, in whole pageblocks. */
static unsigned long share(const struct zb_region *region, unsigned long left,
			   unsigned long left_of_all)
{
	u64 nr = div64_u64((u64)left / ZB_PAGEBLOCK_NR * region->nr_pages, left_of_all);

	return min_t(u64, nr * ZB_PAGEBLOCK_NR, region->nr_pages);
}

/**
 * zb_instance_max_size() - the size at load
 * @inst: the instance
 * @nid: a node, or NUMA_NO_NODE for all
 *
 * Context: any.
 * Return: number of frames, 0 for a node without a region.
 */
unsigned long zb_instance_max_size(const struct zb_instance *inst, int nid)
{
	unsigned long max = 0;
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++)
		if (nid == NUMA_NO_NODE || inst->regions[i].nid == nid)
			max += inst->regions[i].nr_pages;
	return max;
}

static int check_size(const struct zb_instance *inst, int nid, unsigned long nr_pages)
{
	unsigned long max = zb_instance_max_size(inst, nid);

	if (nr_pages && nr_pages <= max && !(nr_pages % ZB_PAGEBLOCK_NR))
		return 0;
	if (max)
		pr_err("size: must be a multiple of %lu KiB from %lu KiB to %lu MiB, the size at load\n",
		       ZB_PAGEBLOCK_NR << (PAGE_SHIFT - 10),
		       ZB_PAGEBLOCK_NR << (PAGE_SHIFT - 10), zb_pages_to_mib(max));
	else
		pr_err("size: node %d has no memory of this module\n", nid);
	return -EINVAL;
}

/**
 * zb_instance_resize() - give memory back to the kernel, or take it again
 * @inst: the instance
 * @nid: a node, or NUMA_NO_NODE to distribute the size in proportion to the sizes at load
 * @nr_pages: the wanted size in pages; set to the size that was reached
 *
 * Context: may sleep, for seconds if buffers have to be moved.
 * Return: 0, or
 *  * -EINVAL: the size is not a multiple of a pageblock, 0, or larger than at load
 *  * -EOPNOTSUPP: the backend can't give back a part
 *  * -EBUSY: what is left can't be moved
 *  * -ENOMEM: the kernel does not have the pages to spare
 *  * -EINTR: the task is being killed
 *
 * The causes are logged.
 */
int zb_instance_resize(struct zb_instance *inst, int nid, unsigned long *nr_pages)
{
	unsigned long left = *nr_pages, left_of_all = inst->total_pages, part;
	struct zb_region *region;
	bool shrunk = false;
	unsigned int i;
	int err, first_err;

	first_err = check_size(inst, nid, *nr_pages);
	if (first_err)
		return first_err;
	if (mutex_lock_killable(&inst->resize_lock))
		return -EINTR;
	/* sparse does not know that this may take the lock. */
	__acquire(&inst->resize_lock);
	for (i = 0; i < inst->nr_regions; i++) {
		region = &inst->regions[i];
		if (nid != NUMA_NO_NODE && region->nid != nid)
			continue;
		part = nid == NUMA_NO_NODE ? share(region, left, left_of_all) : left;
		left -= part;
		left_of_all -= region->nr_pages;
		err = resize_region(inst, region, part, &shrunk);
		first_err = first_err ?: err;
	}
	*nr_pages = zb_instance_size(inst, nid);
	/* Waiting requests are judged by the new size and its watermarks. */
	zb_tunables_apply();
	if (shrunk) {
		atomic_inc(&inst->shrinks);
		zb_instance_wake_waiters(inst);
	}
	mutex_unlock(&inst->resize_lock);
	return first_err;
}

static struct zb_region *region_of(const struct zb_instance *inst, int nid)
{
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++)
		if (inst->regions[i].nid == nid)
			return &inst->regions[i];
	return NULL;
}

/**
 * zb_instance_nr_lent() - the amount of memory that the kernel has because it was idle
 * @inst: the instance
 * @nid: a node
 *
 * Context: any.
 * Return: number of frames that zb_instance_take_back() may take.
 */
unsigned long zb_instance_nr_lent(const struct zb_instance *inst, int nid)
{
	const struct zb_region *region = region_of(inst, nid);
	unsigned long has, limit;

	if (!region || READ_ONCE(region->shrinking))
		return 0;
	has = region->nr_pages - READ_ONCE(region->nr_away);
	limit = READ_ONCE(region->limit);
	return limit > has ? limit - has : 0;
}

/**
 * zb_instance_share() - the part of an amount of memory that falls to a node
 * @inst: the instance
 * @nid: a node with a region
 * @nr_pages: number of frames
 *
 * Context: any.
 * Return: number of frames, in proportion to the size of the region, but at least one pageblock.
 */
unsigned long zb_instance_share(const struct zb_instance *inst, int nid, unsigned long nr_pages)
{
	return max(share(region_of(inst, nid), nr_pages, inst->total_pages), ZB_PAGEBLOCK_NR);
}

/**
 * zb_instance_may_lend() - check whether parts of the memory can be given back
 * @inst: the instance
 * @why: set to the reason, one clause for the log, if the backend can't do it
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP or -ENOMEM.
 */
int zb_instance_may_lend(struct zb_instance *inst, const char **why)
{
	unsigned int i;
	int err = 0;

	mutex_lock(&inst->resize_lock);
	for (i = 0; !err && i < inst->nr_regions; i++) {
		err = zb_region_prepare(&inst->regions[i]);
		*why = inst->regions[i].why;
	}
	mutex_unlock(&inst->resize_lock);
	return err;
}

/**
 * zb_instance_lend() - give free pageblocks to the kernel, until they are needed
 * @inst: the instance
 * @nid: a node with a region
 * @nr_pages: number of frames, a multiple of the pageblock size
 *
 * No buffer is moved or purged. If the size is being changed, nothing is done.
 *
 * Context: may sleep; after zb_instance_may_lend().
 * Return: number of frames that the kernel got.
 */
unsigned long zb_instance_lend(struct zb_instance *inst, int nid, unsigned long nr_pages)
{
	struct zb_region *region = region_of(inst, nid);
	unsigned long before;

	if (!mutex_trylock(&inst->resize_lock))
		return 0;
	/* sparse does not know that this may take the lock. */
	__acquire(&inst->resize_lock);
	before = region->nr_away;
	shrink(inst, region, nr_pages, MUST_BE_FREE);
	nr_pages = region->nr_away - before;
	if (nr_pages)
		zb_tunables_apply();
	mutex_unlock(&inst->resize_lock);
	return nr_pages;
}

/**
 * zb_instance_take_back() - take memory from the kernel that was given to it when it was idle
 * @inst: the instance
 * @nid: a node with a region
 * @nr_pages: number of frames; more than zb_instance_nr_lent() are not taken
 *
 * Context: may sleep.
 * Return: number of frames that became free.
 */
unsigned long zb_instance_take_back(struct zb_instance *inst, int nid, unsigned long nr_pages)
{
	struct zb_region *region = region_of(inst, nid);
	unsigned long taken;

	mutex_lock(&inst->resize_lock);
	nr_pages = min(nr_pages, zb_instance_nr_lent(inst, nid));
	nr_pages = ALIGN(nr_pages, ZB_PAGEBLOCK_NR);
	taken = nr_pages ? zb_region_take(region, nr_pages) : 0;
	if (taken) {
		put_online(inst, region);
		zb_tunables_apply();
	}
	mutex_unlock(&inst->resize_lock);
	return taken;
}

/*
 * size_text is what was given at load, and names nodes if the parameter is shown by node.
 * size_lock is held while the size changes, show_lock only for a moment, so that the file can be
 * read meanwhile.
 */
static char size_text[256] = "64M";
static bool size_is_fixed;	/* by the load, until it is attached */
static struct zb_instance *resized;	/* the parameter applies to it */
static bool by_node;
static DEFINE_MUTEX(size_lock);
static DEFINE_MUTEX(show_lock);	/* protects the last two */

static int show_size(char *buf)
{
	const struct zb_instance *inst = resized;
	unsigned long nr, sum = 0;
	unsigned int i;
	int len = 0;

	lockdep_assert_held(&show_lock);
	for (i = 0; i < inst->nr_regions; i++) {
		nr = READ_ONCE(inst->regions[i].limit);
		sum += nr;
		if (by_node)
			len += sysfs_emit_at(buf, len, "%s%d:%luM", i ? "," : "",
					     inst->regions[i].nid, zb_pages_to_mib(nr));
	}
	if (!by_node)
		len += sysfs_emit_at(buf, len, "%luM", zb_pages_to_mib(sum));
	return len + sysfs_emit_at(buf, len, "\n");
}

static int resize_to(const char *text)
{
	char line[sizeof(size_text)];
	struct zb_params params;
	unsigned int i;
	int err, first_err;

	lockdep_assert_held(&size_lock);
	/* The text of a message must not contain the end of a line. */
	strscpy(line, text, strcspn(text, "\n") + 1);
	first_err = zb_params_parse(&params, line, "auto", "", "auto");
	if (first_err)
		return first_err;
	for (i = 0; i < params.nr_regions; i++) {
		err = zb_instance_resize(resized, params.regions[i].nid,
					 &params.regions[i].nr_pages);
		first_err = first_err ?: err;
	}
	zb_params_free(&params);
	return first_err;
}

/*
 * The kernel holds a lock of all parameters of the module, which readers need as well. Drop it,
 * because changing the size may take seconds.
 */
static int resize_unlocked(const char *text)
{
	int err = -ENODEV;

	kernel_param_unlock(THIS_MODULE);
	mutex_lock(&size_lock);
	if (resized)
		err = resize_to(text);
	mutex_unlock(&size_lock);
	kernel_param_lock(THIS_MODULE);
	return err;
}

static int set_size(const char *text, const struct kernel_param *kp)
{
	size_t len = strcspn(text, "\n");
	int err = 0;

	if (len >= sizeof(size_text)) {
		pr_err("size: the text is too long\n");
		return -EINVAL;
	}
	if (READ_ONCE(resized))
		return resize_unlocked(text);
	mutex_lock(&size_lock);
	if (size_is_fixed) {
		pr_err("size: can't be changed while the module is being loaded or unloaded: try again\n");
		err = -EBUSY;
	} else {
		strscpy(size_text, text, len + 1);
	}
	mutex_unlock(&size_lock);
	return err;
}

static int get_size(char *buf, const struct kernel_param *kp)
{
	int len;

	mutex_lock(&show_lock);
	len = resized ? show_size(buf) : sysfs_emit(buf, "%s\n", size_text);
	mutex_unlock(&show_lock);
	return len;
}

static const struct kernel_param_ops size_ops = {
	.set = set_size,
	.get = get_size,
};
module_param_cb(size, &size_ops, NULL, 0644);
__MODULE_PARM_TYPE(size, "charp");
MODULE_PARM_DESC(size, "memory to take from the kernel: 256M, or per NUMA node 0:256M,1:256M; can be reduced, and increased again, at run time (default 64M)");

/**
 * zb_size_at_load() - get the size that was given at load, which does not change any more
 *
 * Context: may sleep.
 * Return: the text of the parameter.
 */
const char *zb_size_at_load(void)
{
	mutex_lock(&size_lock);
	size_is_fixed = true;
	mutex_unlock(&size_lock);
	return size_text;
}

static void set_resized(struct zb_instance *inst)
{
	mutex_lock(&size_lock);
	mutex_lock(&show_lock);
	WRITE_ONCE(resized, inst);
	by_node = strchr(size_text, ':');
	mutex_unlock(&show_lock);
	mutex_unlock(&size_lock);
}

/**
 * zb_resize_attach() - let the parameter change the size of an instance
 * @inst: the instance
 *
 * Context: may sleep.
 */
void zb_resize_attach(struct zb_instance *inst)
{
	set_resized(inst);
}

/**
 * zb_resize_detach() - undo zb_resize_attach()
 *
 * Context: may sleep.
 */
void zb_resize_detach(void)
{
	set_resized(NULL);
}

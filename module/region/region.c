// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acquires a region from the first backend that can provide it, and verifies it.
 *
 * If all backends fail, the log has the reason for each of them, and a remedy from the
 * first backend that this kernel supports.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "../compat.h"
#include "region.h"

/* How often to check whether a page is still in use, and the time between checks. */
#define ZB_REGION_CHECKS	50
#define ZB_REGION_CHECK_MS	20

static const struct zb_region_backend *const zb_region_backends[] = {
	&zb_region_cma,
	&zb_region_dma,
	&zb_region_contig,
};

/* The failures of all backends, for one line in the log, and the first supported one. */
struct zb_region_report {
	int err;
	const struct zb_region_backend *supported;
	char text[320];
	size_t len;
};

static bool zb_region_wants(const char *wanted, const char *name)
{
	return !strcmp(wanted, "auto") || !strcmp(wanted, name);
}

/**
 * zb_region_backend_known() - check the name of a backend
 * @name: value of the parameter backend=
 *
 * Context: any.
 * Return: true for "auto" and for the name of each backend, even if the running
 * kernel does not support it.
 */
bool zb_region_backend_known(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(zb_region_backends); i++)
		if (zb_region_wants(name, zb_region_backends[i]->name))
			return true;
	return false;
}

/*
 * Count the pages that are still in use: those with another reference, a mapping, or a
 * flag that must not be set when a page is freed. Code that scans physical memory may
 * hold a reference briefly, so wait for up to a second. Pages with an uncorrected memory
 * error do not count, because the kernel does not reuse them after they are freed.
 */
static unsigned long zb_count_held(unsigned long pfn, unsigned long end)
{
	unsigned int checks = ZB_REGION_CHECKS;
	unsigned long held = 0;

	for (; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		while (page_count(page) > 1 && checks) {
			msleep(ZB_REGION_CHECK_MS);
			checks--;
		}
		if (!zb_page_unused(page))
			held++;
		if (!(pfn % SZ_64K))
			cond_resched();
	}
	return held;
}

/* A look at all pages in one pass, which nearly always finds that they can be given back. */
static bool zb_all_unused(unsigned long pfn, unsigned long end)
{
	unsigned long marks = 0;

	for (; pfn < end; pfn++)
		marks |= zb_page_marks(pfn_to_page(pfn), __PG_HWPOISON);
	return !marks;
}

static bool zb_has_error(unsigned long pfn, unsigned long end)
{
	while (pfn < end)
		if (PageHWPoison(pfn_to_page(pfn++)))
			return true;
	return false;
}

/* Call @fn for each part that the kernel does not have, and return the sum of its results. */
static unsigned long zb_region_each_part(struct zb_region *r,
					 unsigned long (*fn)(struct zb_region *r,
							     unsigned long pfn,
							     unsigned long end))
{
	unsigned long pfn = r->start_pfn, end = r->start_pfn + r->nr_pages, next, sum = 0;

	for (; pfn < end; pfn = next) {
		bool away = zb_region_is_away(r, pfn);

		next = pfn + 1;
		while (next < end && zb_region_is_away(r, next) == away)
			next = min(end, ALIGN(next + 1, ZB_REGION_UNIT));
		if (!away)
			sum += fn(r, pfn, next);
	}
	return sum;
}

static unsigned long zb_part_count_held(struct zb_region *r, unsigned long pfn,
					unsigned long end)
{
	return zb_count_held(pfn, end);
}

static unsigned long zb_region_count_held(struct zb_region *r)
{
	return zb_region_each_part(r, zb_part_count_held);
}

static unsigned long zb_part_give(struct zb_region *r, unsigned long pfn, unsigned long end)
{
	r->backend->give(r, pfn, end - pfn);
	return 0;
}

static bool zb_region_on_node(const struct zb_region *r)
{
	unsigned long pfn;

	for (pfn = r->start_pfn; pfn < r->start_pfn + r->nr_pages; pfn++) {
		if (page_to_nid(pfn_to_page(pfn)) != r->nid)
			return false;
		if (!(pfn % SZ_64K))
			cond_resched();
	}
	return true;
}

/* Check the properties of struct zb_region that the rest of the module relies on. */
static int zb_region_verify(struct zb_region *r, int nid,
			    unsigned int min_align_order)
{
	unsigned long last_pfn = r->start_pfn + r->nr_pages - 1;
	const char *fault = NULL;

	if (!IS_ALIGNED(r->start_pfn, 1UL << min_align_order))
		fault = "it is not aligned";
	else if (nid != NUMA_NO_NODE && r->nid != nid)
		fault = "it is on another node";
	else if (!zb_region_on_node(r))
		fault = "it spans several nodes";
	else if (PageHighMem(pfn_to_page(last_pfn)))
		fault = "it is in high memory";
	else if (zb_region_count_held(r))
		fault = "some of its pages are still in use";
	if (!fault)
		return 0;

	scnprintf(r->why, sizeof(r->why), "allocated a range, but %s", fault);
	return -EBUSY;
}

/**
 * zb_region_release() - give a region back to the kernel
 * @r: the region from zb_region_acquire(), or one without memory
 *
 * The caller ensures that the module does not use the memory any more. If a page still
 * has another reference after a second (for example a pin that outlives its process),
 * the region is kept and lost until the next boot: cma_release() would free the page
 * nevertheless, and two owners would write to it.
 *
 * Context: process context, may sleep.
 */
void zb_region_release(struct zb_region *r)
{
	unsigned long held;

	if (!r->backend)
		return;
	held = zb_region_count_held(r);
	if (held)
		pr_err("%lu pages are still in use: %lu MiB on node %d are lost until reboot\n",
		       held, zb_pages_to_mib(r->nr_pages - r->nr_away), r->nid);
	else if (r->nr_away)
		zb_region_each_part(r, zb_part_give);
	else
		r->backend->release(r);
	bitmap_free(r->away);
	r->away = NULL;
	r->backend = NULL;
}

/**
 * zb_region_abandon() - lose a region until the next boot, because it is still in use
 * @r: the region from zb_region_acquire()
 * @nr_held: number of pages that are still allocated
 *
 * Context: any.
 */
void zb_region_abandon(struct zb_region *r, unsigned long nr_held)
{
	pr_err("%lu pages were never freed by the module that allocated them: %lu MiB on node %d are lost until reboot\n",
	       nr_held, zb_pages_to_mib(r->nr_pages - r->nr_away), r->nid);
	bitmap_free(r->away);
	r->away = NULL;
	r->backend = NULL;
}

static unsigned long zb_unit_of(const struct zb_region *r, unsigned long pfn)
{
	return (pfn - r->start_pfn) / ZB_REGION_UNIT;
}

/**
 * zb_region_is_away() - check whether the kernel has a page of a region
 * @r: the region
 * @pfn: a frame of the region
 *
 * Context: any; not while parts of the region are given back or taken.
 * Return: true if the page was given back.
 */
bool zb_region_is_away(const struct zb_region *r, unsigned long pfn)
{
	return r->nr_away && test_bit(zb_unit_of(r, pfn), r->away);
}

/**
 * zb_region_prepare() - prepare a region for giving back parts
 * @r: the region from zb_region_acquire()
 *
 * Context: process context, may sleep.
 * Return: 0, -EOPNOTSUPP with @r->why filled in if the backend can't give back a part, or
 * -ENOMEM.
 */
int zb_region_prepare(struct zb_region *r)
{
	if (!r->backend->give) {
		scnprintf(r->why, sizeof(r->why),
			  "the DMA API can't free a part of an allocation: load with backend=cma or contig");
		return -EOPNOTSUPP;
	}
	if (!r->away)
		r->away = bitmap_zalloc(r->nr_pages / ZB_REGION_UNIT, GFP_KERNEL);
	return r->away ? 0 : -ENOMEM;
}

/**
 * zb_region_give() - give a part of a region back to the kernel
 * @r: the region, after zb_region_prepare()
 * @pfn: first frame, aligned to a unit; the module does not use the pages any more, and has
 *	cleared them
 * @nr_pages: number of pages, a multiple of a unit
 *
 * Context: process context, may sleep.
 * Return: 0, or -EBUSY with nothing changed if some pages have another reference or a memory
 * error.
 */
int zb_region_give(struct zb_region *r, unsigned long pfn, unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages;

	if (!zb_all_unused(pfn, end) && (zb_count_held(pfn, end) || zb_has_error(pfn, end)))
		return -EBUSY;
	bitmap_set(r->away, zb_unit_of(r, pfn), nr_pages / ZB_REGION_UNIT);
	WRITE_ONCE(r->nr_away, r->nr_away + nr_pages);
	r->backend->give(r, pfn, nr_pages);
	return 0;
}

/**
 * zb_region_next_away() - find the next part that the kernel has
 * @r: the region
 * @pfn: where to begin; set to the first frame of the part
 * @nr_pages: set to the number of its pages
 *
 * Context: as zb_region_is_away().
 * Return: false if there is none.
 */
bool zb_region_next_away(const struct zb_region *r, unsigned long *pfn,
			 unsigned long *nr_pages)
{
	unsigned long nr = r->nr_pages / ZB_REGION_UNIT, first, end;

	if (!r->nr_away)
		return false;
	first = find_next_bit(r->away, nr, zb_unit_of(r, *pfn));
	if (first >= nr)
		return false;
	end = find_next_zero_bit(r->away, nr, first);
	*pfn = r->start_pfn + first * ZB_REGION_UNIT;
	*nr_pages = (end - first) * ZB_REGION_UNIT;
	return true;
}

/**
 * zb_region_taken() - record that a part of a region was taken from the kernel again
 * @r: the region
 * @pfn: first frame
 * @nr_pages: number of pages
 *
 * Context: called by backends.
 */
void zb_region_taken(struct zb_region *r, unsigned long pfn, unsigned long nr_pages)
{
	bitmap_clear(r->away, zb_unit_of(r, pfn), nr_pages / ZB_REGION_UNIT);
	WRITE_ONCE(r->nr_away, r->nr_away - nr_pages);
}

/**
 * zb_region_take() - take parts of a region from the kernel again
 * @r: the region
 * @nr_pages: number of pages wanted, a multiple of a unit
 *
 * Context: process context, may sleep; a fatal signal ends it early.
 * Return: number of pages taken; if it is less than @nr_pages, @r->why tells the reason.
 */
unsigned long zb_region_take(struct zb_region *r, unsigned long nr_pages)
{
	unsigned long before = r->nr_away;

	if (before)
		r->backend->take(r, min(nr_pages, before));
	return before - r->nr_away;
}

static int zb_region_try(struct zb_region *r,
			 const struct zb_region_backend *backend,
			 const struct zb_region *wanted,
			 unsigned int max_align_order,
			 unsigned int min_align_order)
{
	int err;

	*r = *wanted;
	err = backend->acquire(r, max_align_order, min_align_order);
	if (err)
		return err;
	r->backend = backend;
	r->limit = r->nr_pages;
	err = zb_region_verify(r, wanted->nid, min_align_order);
	if (err)
		zb_region_release(r);
	return err;
}

static void zb_region_report_add(struct zb_region_report *rep,
				 const struct zb_region *r,
				 const struct zb_region_backend *backend,
				 int err)
{
	const char *why = r->why[0] ? r->why : "out of memory";

	pr_info("backend %s: %s\n", backend->name, why);
	rep->len += scnprintf(rep->text + rep->len,
			      sizeof(rep->text) - rep->len, "%s%s: %s",
			      rep->len ? "; " : "", backend->name, why);
	if (err == -EOPNOTSUPP)
		return;
	if (!rep->supported)
		rep->supported = backend;
	/* Return -ENOMEM if any backend has memory of this kind, even if others have none. */
	if (err != -ENXIO)
		rep->err = -ENOMEM;
}

static void zb_region_report_print(const struct zb_region_report *rep,
				   const struct zb_region *wanted)
{
	char remedy[96] =
		"use backend=auto, or a kernel with CONFIG_DMA_CMA or CONFIG_CONTIG_ALLOC";
	char where[16] = "";

	if (rep->supported)
		rep->supported->remedy(wanted, remedy, sizeof(remedy));
	if (wanted->nid != NUMA_NO_NODE)
		scnprintf(where, sizeof(where), " on node %d", wanted->nid);
	pr_err("no backend could reserve %lu MiB%s: %s (%s)\n",
	       zb_pages_to_mib(wanted->nr_pages), where, remedy, rep->text);
}

static int zb_region_check_args(const char *backend, int nid,
				unsigned long nr_pages,
				unsigned int max_align_order,
				unsigned int min_align_order)
{
	if (!zb_region_backend_known(backend)) {
		pr_err("backend=%s: must be auto, cma, dma or contig\n", backend);
		return -EINVAL;
	}
	if (nid != NUMA_NO_NODE &&
	    (nid < 0 || nid >= MAX_NUMNODES || !node_online(nid))) {
		pr_err("node %d does not exist or is offline\n", nid);
		return -EINVAL;
	}
	if (!nr_pages || nr_pages > ULONG_MAX >> PAGE_SHIFT ||
	    min_align_order > max_align_order ||
	    max_align_order >= BITS_PER_LONG - PAGE_SHIFT)
		return -EINVAL;
	return 0;
}

/**
 * zb_region_acquire() - take a physically contiguous region from the kernel
 * @r: filled in; on failure it has no memory and needs no release
 * @backend: the name of a backend ("cma", "dma" or "contig"), or "auto" for the
 *	first one that succeeds
 * @nid: NUMA node of the region, or NUMA_NO_NODE for any single node
 * @nr_pages: size in pages
 * @max_align_order: preferred alignment of the first frame number, as a power of 2
 * @min_align_order: required alignment, as a power of 2
 *
 * The reasons of failed backends are logged; the caller logs the successful one.
 * The region holds one reference on each page. The content of the pages is
 * undefined. The kernel may have to migrate or reclaim pages first, which can take
 * seconds.
 *
 * Context: process context, may sleep; a fatal signal ends it early.
 * Return: 0, or
 *  * -EINVAL: the backend or node does not exist, or the sizes are invalid
 *  * -ENODEV: the kernel or machine has no memory that a backend could use
 *  * -ENOMEM: there is such memory, but no free range of this size
 *  * -EINTR: killed while waiting
 */
int zb_region_acquire(struct zb_region *r, const char *backend, int nid,
		      unsigned long nr_pages, unsigned int max_align_order,
		      unsigned int min_align_order)
{
	const struct zb_region wanted = { .nr_pages = nr_pages, .nid = nid };
	struct zb_region_report rep = { .err = -ENODEV };
	int i, err;

	*r = wanted;
	err = zb_region_check_args(backend, nid, nr_pages, max_align_order,
				   min_align_order);
	if (err)
		return err;

	for (i = 0; i < ARRAY_SIZE(zb_region_backends); i++) {
		const struct zb_region_backend *b = zb_region_backends[i];

		if (!zb_region_wants(backend, b->name))
			continue;
		err = zb_region_try(r, b, &wanted, max_align_order,
				    min_align_order);
		if (!err)
			return 0;
		if (err == -EINTR)
			return err;
		zb_region_report_add(&rep, r, b, err);
	}

	*r = wanted;
	zb_region_report_print(&rep, &wanted);
	return rep.err;
}

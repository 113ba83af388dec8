// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acquires a region from the first backend that can provide it, and verifies it.
 *
 * If all backends fail, the log has the reason for each of them, and a remedy from the
 * first backend that this kernel supports.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/delay.h>
#include <linux/kernel.h>
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
static unsigned long zb_region_count_held(const struct zb_region *r)
{
	unsigned int checks = ZB_REGION_CHECKS;
	unsigned long pfn, held = 0;

	for (pfn = r->start_pfn; pfn < r->start_pfn + r->nr_pages; pfn++) {
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
		       held, zb_pages_to_mib(r->nr_pages), r->nid);
	else
		r->backend->release(r);
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
	       nr_held, zb_pages_to_mib(r->nr_pages), r->nid);
	r->backend = NULL;
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend "contig": a range of ordinary memory.
 *
 * This backend needs no CMA area. alloc_contig_range(), on which CMA is built,
 * migrates the pages in a given range and allocates the range. This file searches
 * for a range where that can succeed:
 *
 *       zone start                                        zone end
 *          |....U.......|.........R..|............|...........|
 *                                              [--- window ---]   first try
 *                                  [--- window ---]               next tries
 *                       ^ the smallest step is the alignment
 *
 * A window slides from the top of the zone down. If it has a page that can't be
 * migrated (U: in use by the kernel, R: reserved, or a hole), it is skipped, and the
 * next window ends below the lowest such page.
 *
 * alloc_contig_pages() does a similar search, with three disadvantages: its steps are as
 * large as the range, the range is aligned only if its size is a power of two, and the
 * search begins at the bottom of the zone, where most of the kernel's own pages are.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/sched/signal.h>

#include "../compat.h"
#include "region.h"

#ifdef ZB_HAVE_CONTIG_RANGE

/* Limit of the search, because insmod waits for it. */
#define ZB_CONTIG_TIMEOUT	(30 * HZ)

struct zb_contig_search {
	unsigned long nr_pages;
	unsigned int align_order;
	bool largest_align;	/* no larger alignment has been tried */
	unsigned long deadline;
	unsigned long start_pfn;	/* the result */
};

/*
 * Predict whether alloc_contig_range() fails on a page. This is a heuristic without
 * locks. hugetlb and balloon pages can be migrated as well, but are left alone.
 */
static bool zb_contig_page_stays(const struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || page_zone(page) != zone || PageReserved(page))
		return true;
	return page_ref_count(page) && !PageLRU(page);
}

static unsigned long zb_contig_first_obstacle(const struct zone *zone,
					      unsigned long pfn,
					      unsigned long end)
{
	while (pfn < end && !zb_contig_page_stays(zone, pfn))
		pfn++;
	return pfn;
}

static int zb_contig_try(const struct zb_contig_search *s, unsigned long start)
{
	/* The scan with the next larger alignment has already tried this window. */
	if (!s->largest_align && IS_ALIGNED(start, 2UL << s->align_order))
		return -EBUSY;
	return zb_alloc_contig_range(start, start + s->nr_pages,
				     GFP_KERNEL | __GFP_NOWARN);
}

/* Returns -EBUSY to continue with the next zone; -ETIMEDOUT or -EINTR end the search. */
static int zb_contig_scan_zone(struct zb_contig_search *s,
			       const struct zone *zone)
{
	unsigned long end = zone_end_pfn(zone);

	while (end >= zone->zone_start_pfn + s->nr_pages) {
		unsigned long start = ALIGN_DOWN(end - s->nr_pages,
						 1UL << s->align_order);
		unsigned long stop = start + s->nr_pages;
		unsigned long obstacle;

		if (start < zone->zone_start_pfn)
			break;
		obstacle = zb_contig_first_obstacle(zone, start, stop);
		if (obstacle == stop && !zb_contig_try(s, start)) {
			s->start_pfn = start;
			return 0;
		}
		end = min(obstacle, stop - 1);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, s->deadline))
			return -ETIMEDOUT;
		cond_resched();
	}
	return -EBUSY;
}

/*
 * Scan the zones of the linear mapping from the highest down. ZONE_MOVABLE is left
 * out: memory there must stay removable, and a region is held until unload.
 */
static int zb_contig_scan_node(struct zb_contig_search *s, int nid)
{
	int err = -EBUSY;
	int zi;

	for (zi = ZONE_NORMAL; zi >= 0 && err == -EBUSY; zi--)
		err = zb_contig_scan_zone(s, &NODE_DATA(nid)->node_zones[zi]);
	return err;
}

static int zb_contig_scan(struct zb_contig_search *s, int wanted_nid)
{
	int err = -EBUSY;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		if (wanted_nid != NUMA_NO_NODE && wanted_nid != nid)
			continue;
		err = zb_contig_scan_node(s, nid);
		if (err != -EBUSY)
			break;
	}
	return err;
}

/* Check for a zone that is at least as large as the region. */
static bool zb_contig_fits(int wanted_nid, unsigned long nr_pages)
{
	int nid, zi;

	for_each_node_state(nid, N_MEMORY) {
		if (wanted_nid != NUMA_NO_NODE && wanted_nid != nid)
			continue;
		for (zi = 0; zi <= ZONE_NORMAL; zi++)
			if (NODE_DATA(nid)->node_zones[zi].present_pages >= nr_pages)
				return true;
	}
	return false;
}

static int zb_contig_explain(struct zb_region *r, int err)
{
	if (err == -EINTR)
		return err;
	scnprintf(r->why, sizeof(r->why), "%s",
		  err == -ETIMEDOUT ? "found no range that can be freed in time" :
		  "no range of that size can be freed now");
	return -EBUSY;
}

static int zb_contig_acquire(struct zb_region *r, unsigned int max_align_order,
			     unsigned int min_align_order)
{
	struct zb_contig_search s = {
		.nr_pages = r->nr_pages,
		.align_order = max_align_order,
		.largest_align = true,
		.deadline = jiffies + ZB_CONTIG_TIMEOUT,
	};
	struct page *page;
	int err;

	if (!zb_contig_fits(r->nid, r->nr_pages)) {
		scnprintf(r->why, sizeof(r->why), "no zone is large enough");
		return -ENOMEM;
	}
	err = zb_contig_scan(&s, r->nid);
	while (err == -EBUSY && s.align_order > min_align_order) {
		s.align_order--;
		s.largest_align = false;
		err = zb_contig_scan(&s, r->nid);
	}
	if (err)
		return zb_contig_explain(r, err);

	page = pfn_to_page(s.start_pfn);
	r->start_pfn = s.start_pfn;
	r->nid = page_to_nid(page);
	scnprintf(r->source, sizeof(r->source), "zone %s", page_zone(page)->name);
	return 0;
}

static void zb_contig_release(struct zb_region *r)
{
	free_contig_range(r->start_pfn, r->nr_pages);
}

static void zb_contig_give(struct zb_region *r, unsigned long pfn, unsigned long nr_pages)
{
	free_contig_range(pfn, nr_pages);
}

/* Take as much as possible of a part, in pieces that become smaller as they fail. */
static unsigned long zb_contig_take_part(struct zb_region *r, unsigned long pfn,
					 unsigned long nr_pages)
{
	unsigned long end = pfn + nr_pages, piece, sum = 0;

	while (pfn < end && !fatal_signal_pending(current)) {
		piece = end - pfn;
		while (zb_alloc_contig_range(pfn, pfn + piece, GFP_KERNEL | __GFP_NOWARN)) {
			piece = piece / 2 / ZB_REGION_UNIT * ZB_REGION_UNIT;
			if (!piece || fatal_signal_pending(current))
				break;
		}
		if (piece) {
			zb_region_taken(r, pfn, piece);
			sum += piece;
		}
		pfn += piece ?: ZB_REGION_UNIT;
	}
	return sum;
}

static void zb_contig_retake(struct zb_region *r, unsigned long nr_pages)
{
	unsigned long pfn = r->start_pfn, nr;

	while (nr_pages && zb_region_next_away(r, &pfn, &nr) && !fatal_signal_pending(current)) {
		nr = min(nr, nr_pages);
		nr_pages -= zb_contig_take_part(r, pfn, nr);
		pfn += nr;
		if (pfn >= r->start_pfn + r->nr_pages)
			break;
	}
	scnprintf(r->why, sizeof(r->why),
		  "the kernel uses some of the pages for data that it can't move");
}

#else /* !ZB_HAVE_CONTIG_RANGE */

static int zb_contig_acquire(struct zb_region *r, unsigned int max_align_order,
			     unsigned int min_align_order)
{
	scnprintf(r->why, sizeof(r->why), "this kernel does not export alloc_contig_range()");
	return -EOPNOTSUPP;
}

static void zb_contig_release(struct zb_region *r)
{
}

#define zb_contig_give		NULL
#define zb_contig_retake	NULL

#endif /* ZB_HAVE_CONTIG_RANGE */

static void zb_contig_remedy(const struct zb_region *r, char *buf, size_t len)
{
	if (IS_ENABLED(CONFIG_DMA_CMA))
		zb_cma_remedy(r, buf, len);
	else
		scnprintf(buf, len, "load the module sooner after boot or reduce size=");
}

const struct zb_region_backend zb_region_contig = {
	.name = "contig",
	.remedy = zb_contig_remedy,
	.acquire = zb_contig_acquire,
	.release = zb_contig_release,
	.give = zb_contig_give,
	.take = zb_contig_retake,
};

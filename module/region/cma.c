// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend "cma": the kernel's default CMA area.
 *
 * The preferred backend on kernels that export cma_alloc(), which has no limit on
 * the size, takes any alignment, and fails at once if the area is too small.
 *
 * A module can access only the default area (cma= on the command line). The only
 * exported function that uses the areas of numa_cma= and cma_pernuma= is
 * dma_alloc_pages(), which picks the area on the node of its device; the backend
 * "dma" is for them. Areas from the device tree belong to their devices and are
 * not used.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "region.h"

/*
 * Add up the CMA pages of one node. The size of a single area is not available to
 * modules, but each zone counts its CMA pages.
 */
static unsigned long zb_cma_node_pages(int nid, unsigned long *free)
{
	unsigned long total = 0;
	int zi;

	*free = 0;
	for (zi = 0; zi < MAX_NR_ZONES; zi++) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[zi];

		total += zone_cma_pages(zone);
		*free += zone_page_state(zone, NR_FREE_CMA_PAGES);
	}
	return total;
}

/* Find the node with the most CMA pages, or count those of @wanted_nid. */
static int zb_cma_largest_node(int wanted_nid, unsigned long *most,
			       unsigned long *most_free)
{
	int nid, best = wanted_nid;

	*most = 0;
	*most_free = 0;
	for_each_online_node(nid) {
		unsigned long free, total = zb_cma_node_pages(nid, &free);

		if (wanted_nid != NUMA_NO_NODE && wanted_nid != nid)
			continue;
		if (total > *most) {
			*most = total;
			*most_free = free;
			best = nid;
		}
	}
	return best;
}

/**
 * zb_cma_find_node() - find a node with enough CMA pages for a region
 * @r: the requested region, of which @nr_pages and @nid (or NUMA_NO_NODE) are used
 *
 * Counts all CMA pages and not only the free ones, because pages in use can
 * usually be migrated. On failure @r->why is filled in.
 *
 * Context: any.
 * Return: @r->nid, or the node with the most CMA pages for NUMA_NO_NODE; -ENXIO if
 * there are none, -ENOMEM if they are fewer than @r->nr_pages.
 */
int zb_cma_find_node(struct zb_region *r)
{
	unsigned long most, free;
	int nid = zb_cma_largest_node(r->nid, &most, &free);

	if (most >= r->nr_pages)
		return nid;
	if (!most) {
		scnprintf(r->why, sizeof(r->why), "no CMA area%s",
			  r->nid == NUMA_NO_NODE ? "" : " on this node");
		return -ENXIO;
	}
	scnprintf(r->why, sizeof(r->why),
		  "node %d has only %lu MiB of CMA, %lu MiB of it free", nid,
		  zb_pages_to_mib(most), zb_pages_to_mib(free));
	return -ENOMEM;
}

/**
 * zb_cma_remedy() - recommend a kernel parameter that reserves enough CMA
 * @r: the requested region
 * @buf: receives one clause for the log
 * @len: size of @buf
 *
 * The recommended size is larger than the current one, which was not enough, and leaves
 * room for other users of CMA.
 *
 * Context: any.
 */
void zb_cma_remedy(const struct zb_region *r, char *buf, size_t len)
{
	unsigned long mib = roundup_pow_of_two(zb_pages_to_mib(r->nr_pages) + 1);
	unsigned long most, free;

	zb_cma_largest_node(r->nid, &most, &free);
	while (mib <= zb_pages_to_mib(most))
		mib *= 2;

	if (r->nid == NUMA_NO_NODE || num_online_nodes() == 1)
		scnprintf(buf, len, "boot with cma=%luM", mib);
	else if (IS_ENABLED(CONFIG_DMA_NUMA_CMA))
		scnprintf(buf, len,
			  "boot with numa_cma=%d:%luM and use backend=auto or dma",
			  r->nid, mib);
	else if (IS_ENABLED(CONFIG_DMA_PERNUMA_CMA))
		scnprintf(buf, len,
			  "boot with cma_pernuma=%luM and use backend=auto or dma", mib);
	else
		scnprintf(buf, len, "boot with cma=%luM at an address on node %d",
			  mib, r->nid);
}

#ifdef ZB_HAVE_CMA_ALLOC

static const char *zb_cma_name(const struct cma *area)
{
#ifdef ZB_HAVE_CMA_NAME
	return cma_get_name(area);
#else
	return "default";
#endif
}

/*
 * Check that the area is on the requested node. The node of an area is not available
 * to modules, so allocate a page and look at its node. Otherwise hundreds of
 * MiB would be migrated before an area on another node is refused.
 */
static int zb_cma_check_node(struct zb_region *r, struct cma *area)
{
	struct page *page;
	int nid;

	if (r->nid == NUMA_NO_NODE)
		return 0;
	page = cma_alloc(area, 1, 0, true);
	if (!page) {
		scnprintf(r->why, sizeof(r->why), "CMA area %s is exhausted",
			  zb_cma_name(area));
		return -ENOMEM;
	}
	nid = page_to_nid(page);
	cma_release(area, page, 1);
	if (nid == r->nid)
		return 0;

	scnprintf(r->why, sizeof(r->why), "CMA area %s is on node %d",
		  zb_cma_name(area), nid);
	return -ENXIO;
}

static struct page *zb_cma_take(struct cma *area, unsigned long nr_pages,
				unsigned int max_align_order,
				unsigned int min_align_order)
{
	unsigned int order = max_align_order + 1;

	while (order-- > min_align_order) {
		struct page *page = cma_alloc(area, nr_pages, order, true);

		if (page || fatal_signal_pending(current))
			return page;
	}
	return NULL;
}

static int zb_cma_acquire(struct zb_region *r, unsigned int max_align_order,
			  unsigned int min_align_order)
{
	struct cma *area = dev_get_cma_area(NULL);
	struct page *page;
	int err;

	if (!area) {
		scnprintf(r->why, sizeof(r->why), "no default CMA area");
		return -ENXIO;
	}
	err = zb_cma_find_node(r);
	if (err < 0)
		return err;
	err = zb_cma_check_node(r, area);
	if (err)
		return err;

	page = zb_cma_take(area, r->nr_pages, max_align_order, min_align_order);
	if (!page) {
		scnprintf(r->why, sizeof(r->why),
			  "CMA area %s has no such range, or pages in it can't be migrated",
			  zb_cma_name(area));
		return fatal_signal_pending(current) ? -EINTR : -EBUSY;
	}

	r->start_pfn = page_to_pfn(page);
	r->nid = page_to_nid(page);
	r->in_cma = true;
	r->priv = area;
	scnprintf(r->source, sizeof(r->source), "CMA area %s", zb_cma_name(area));
	return 0;
}

static void zb_cma_release(struct zb_region *r)
{
	cma_release(r->priv, pfn_to_page(r->start_pfn), r->nr_pages);
}

static void zb_cma_give(struct zb_region *r, unsigned long pfn, unsigned long nr_pages)
{
	cma_release(r->priv, pfn_to_page(pfn), nr_pages);
}

/* The number of pieces of other places that are held while the right ones are searched for. */
#define ZB_CMA_MAX_OTHERS	1024u

struct zb_cma_piece {
	unsigned long pfn;
	unsigned long nr_pages;
};

/* Keep what the region lacks of the units of a piece, and list the others. */
static unsigned int zb_cma_sort(struct zb_region *r, unsigned long pfn,
				unsigned long nr_pages, struct zb_cma_piece *other)
{
	unsigned long end = pfn + nr_pages;
	unsigned int nr = 0;

	for (; pfn < end; pfn += ZB_REGION_UNIT) {
		if (pfn >= r->start_pfn && pfn < r->start_pfn + r->nr_pages) {
			zb_region_taken(r, pfn, ZB_REGION_UNIT);
			continue;
		}
		if (nr && other[nr - 1].pfn + other[nr - 1].nr_pages == pfn)
			other[nr - 1].nr_pages += ZB_REGION_UNIT;
		else
			other[nr++] = (struct zb_cma_piece){ pfn, ZB_REGION_UNIT };
	}
	return nr;
}

/*
 * cma_alloc() takes the first free range of the area, and can't be told which. A range that is
 * not a part of the region is therefore held until the end, so that the next one is another.
 * All free pages between the first and the last one of the region are those that it lacks.
 */
static void zb_cma_retake(struct zb_region *r, unsigned long nr_pages)
{
	unsigned long left, piece, target = r->nr_away - nr_pages;
	struct zb_cma_piece *others;
	unsigned int nr = 0;
	struct page *page;

	scnprintf(r->why, sizeof(r->why),
		  "other users of the CMA area have some of the pages, or they can't be migrated");
	/* Fault injection does not report failures of kvmalloc() for more than a page. */
	others = __vmalloc(array_size(ZB_CMA_MAX_OTHERS + 2, sizeof(*others)), GFP_KERNEL);
	if (!others) {
		scnprintf(r->why, sizeof(r->why), "out of memory");
		return;
	}
	piece = nr_pages;
	while (r->nr_away > target && nr < ZB_CMA_MAX_OTHERS && piece) {
		left = r->nr_away - target;
		piece = min(piece, left);
		page = cma_alloc(r->priv, piece, ilog2(ZB_REGION_UNIT), true);
		if (!page && fatal_signal_pending(current))
			break;
		if (page)
			nr += zb_cma_sort(r, page_to_pfn(page), piece, others + nr);
		else
			piece = piece / 2 / ZB_REGION_UNIT * ZB_REGION_UNIT;
	}
	while (nr--)
		cma_release(r->priv, pfn_to_page(others[nr].pfn), others[nr].nr_pages);
	vfree(others);
}

#else /* !ZB_HAVE_CMA_ALLOC */

static int zb_cma_acquire(struct zb_region *r, unsigned int max_align_order,
			  unsigned int min_align_order)
{
	scnprintf(r->why, sizeof(r->why), "this kernel does not export cma_alloc()");
	return -EOPNOTSUPP;
}

static void zb_cma_release(struct zb_region *r)
{
}

#define zb_cma_give	NULL
#define zb_cma_retake	NULL

#endif /* ZB_HAVE_CMA_ALLOC */

const struct zb_region_backend zb_region_cma = {
	.name = "cma",
	.remedy = zb_cma_remedy,
	.acquire = zb_cma_acquire,
	.release = zb_cma_release,
	.give = zb_cma_give,
	.take = zb_cma_retake,
};

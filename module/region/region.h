/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Obtaining memory from the kernel.
 *
 * A region is a physically contiguous range on one NUMA node. It is taken from the
 * kernel at load and given back at unload. Only this directory uses the kernel's
 * own allocators for the memory of the pool. There are three backends with the same
 * interface. A backend that the target kernel does not support (see features.sh)
 * always fails with -EOPNOTSUPP.
 */
#ifndef ZB_REGION_H
#define ZB_REGION_H

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct zb_region_backend;

/**
 * struct zb_region - a physically contiguous range of pages that the module owns
 * @backend: the backend that acquired it and releases it, or NULL without memory
 * @start_pfn: first page frame number, aligned as requested
 * @nr_pages: number of pages
 * @nid: NUMA node of all pages
 * @in_cma: the pages are in CMA pageblocks, from which the kernel migrates pages
 *	before a long-term pin
 * @source: name of the CMA area, device or kernel zone, for the log
 * @why: the reason of a failed acquire(), one clause for the log
 * @priv: private data of the backend
 * @away: one bit per unit of ZB_REGION_UNIT pages, set while the kernel has it; NULL before
 *	the first unit is given back
 * @nr_away: number of pages that the kernel has
 * @limit: number of pages that the region should have: fewer only while others are idle
 * @shrinking: @limit is being reduced, so what is missing is not idle
 *
 * The region holds exactly one reference on each page that the kernel does not have.
 */
struct zb_region {
	const struct zb_region_backend *backend;
	unsigned long start_pfn;
	unsigned long nr_pages;
	int nid;
	bool in_cma;
	char source[48];
	char why[96];
	void *priv;
	unsigned long *away;
	unsigned long nr_away;
	unsigned long limit;
	bool shrinking;
};

/* Parts of a region are given back, and taken again, in units of a pageblock of the core. */
#define ZB_REGION_UNIT	512ul

/**
 * struct zb_region_backend - a method to obtain a region
 * @name: name in the parameter backend=
 * @remedy: write to @buf how to make @acquire succeed for @r, as one clause for the
 *	log
 * @acquire: take @r->nr_pages pages on @r->nid (or on any node for NUMA_NO_NODE)
 *	and fill in @start_pfn, @nid, @in_cma, @source and @priv. The first frame
 *	is aligned to 2^@max_align_order if possible, else to the largest smaller
 *	power of two down to 2^@min_align_order.
 *	Returns 0, or -errno with nothing taken and @r->why filled in.
 *	-EOPNOTSUPP: this kernel does not support the backend; -ENXIO: this machine
 *	has no such memory; -ENOMEM, -EBUSY: it has, but not enough now; -EINTR:
 *	the task is being killed.
 * @release: give back the pages that acquire() took
 * @give: give back a part of them, or NULL if this is not possible; @release is called only if
 *	the region has all of its pages, else @give for each part that it has
 * @take: take up to @nr_pages of the pages that the kernel has, and call zb_region_taken() for
 *	them. Fills in @r->why if it can't take as many
 *
 * All callbacks may sleep.
 */
struct zb_region_backend {
	const char *name;
	void (*remedy)(const struct zb_region *r, char *buf, size_t len);
	int (*acquire)(struct zb_region *r, unsigned int max_align_order,
		       unsigned int min_align_order);
	void (*release)(struct zb_region *r);
	void (*give)(struct zb_region *r, unsigned long pfn, unsigned long nr_pages);
	void (*take)(struct zb_region *r, unsigned long nr_pages);
};

extern const struct zb_region_backend zb_region_cma;
extern const struct zb_region_backend zb_region_dma;
extern const struct zb_region_backend zb_region_contig;

int zb_region_acquire(struct zb_region *r, const char *backend, int nid,
		      unsigned long nr_pages, unsigned int max_align_order,
		      unsigned int min_align_order);
void zb_region_release(struct zb_region *r);
void zb_region_abandon(struct zb_region *r, unsigned long nr_held);
bool zb_region_backend_known(const char *name);
bool zb_region_is_away(const struct zb_region *r, unsigned long pfn);
int zb_region_prepare(struct zb_region *r);
int zb_region_give(struct zb_region *r, unsigned long pfn, unsigned long nr_pages);
unsigned long zb_region_take(struct zb_region *r, unsigned long nr_pages);
void zb_region_taken(struct zb_region *r, unsigned long pfn, unsigned long nr_pages);
bool zb_region_next_away(const struct zb_region *r, unsigned long *pfn,
			 unsigned long *nr_pages);

/* cma.c, for all backends that use CMA */
int zb_cma_find_node(struct zb_region *r);
void zb_cma_remedy(const struct zb_region *r, char *buf, size_t len);

static inline unsigned long zb_pages_to_mib(unsigned long nr_pages)
{
	return nr_pages / (SZ_1M / PAGE_SIZE);
}

#endif /* ZB_REGION_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the memory comes from.
 *
 * A region is one physically contiguous range on one NUMA node, taken from the
 * running kernel at load and given back at unload. This directory is the only
 * place of the module that knows the kernel's own allocators. Three backends
 * offer the same calls; one that the target kernel can't support is built as a
 * stub that says so (features.sh: probes of headers, config and Module.symvers,
 * never version numbers).
 */
#ifndef ZB_REGION_H
#define ZB_REGION_H

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct zb_region_backend;

/**
 * struct zb_region - one physically contiguous range of pages that is ours
 * @backend: who it came from and who takes it back, NULL if we hold nothing
 * @start_pfn: first page frame number, aligned as requested
 * @nr_pages: how many pages
 * @nid: the NUMA node all of them are on
 * @in_cma: the pages are in CMA pageblocks, so that the kernel would want to
 *	migrate them before a long-term pin
 * @source: for the log: name of the CMA area, device or kernel zone
 * @why: from a backend that failed: the reason, one clause for the log
 * @priv: the backend's own
 *
 * Every page carries exactly one reference, the region's.
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
};

/**
 * struct zb_region_backend - one way to get a region
 * @name: as in the parameter backend=
 * @cure: write into @buf what to do when this backend can't deliver @r, one
 *	clause for the log
 * @acquire: take @r->nr_pages pages on @r->nid (NUMA_NO_NODE: anywhere) and
 *	fill in @start_pfn, @nid, @in_cma, @source and @priv. The first frame is
 *	to be aligned to 2^@max_align_order, or to the largest smaller power
 *	down to 2^@min_align_order that can be had.
 *	Returns 0, or -errno with nothing taken and @r->why filled in.
 *	-EOPNOTSUPP: this kernel was built without it; -ENXIO: this machine has
 *	nothing of the kind; -ENOMEM, -EBUSY: it has, but not that much now;
 *	-EINTR: we are being killed.
 * @release: give back what acquire took
 *
 * All may sleep.
 */
struct zb_region_backend {
	const char *name;
	void (*cure)(const struct zb_region *r, char *buf, size_t len);
	int (*acquire)(struct zb_region *r, unsigned int max_align_order,
		       unsigned int min_align_order);
	void (*release)(struct zb_region *r);
};

extern const struct zb_region_backend zb_region_cma;
extern const struct zb_region_backend zb_region_dma;
extern const struct zb_region_backend zb_region_contig;

int zb_region_acquire(struct zb_region *r, const char *backend, int nid,
		      unsigned long nr_pages, unsigned int max_align_order,
		      unsigned int min_align_order);
void zb_region_release(struct zb_region *r);
void zb_region_keep(struct zb_region *r, unsigned long nr_held);
bool zb_region_backend_known(const char *name);

/* In cma.c, for the backends that end up in CMA. */
int zb_cma_find_node(struct zb_region *r);
void zb_cma_cure(const struct zb_region *r, char *buf, size_t len);

static inline unsigned long zb_pages_to_mib(unsigned long nr_pages)
{
	return nr_pages / (SZ_1M / PAGE_SIZE);
}

#endif /* ZB_REGION_H */

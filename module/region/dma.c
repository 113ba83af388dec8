// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend "dma": CMA through the DMA API.
 *
 * This backend is for kernels that have CMA but do not export it, and for the CMA
 * areas of single NUMA nodes (numa_cma=, cma_pernuma=), which a module can't access
 * otherwise. It registers a platform device on the node and allocates with
 * dma_alloc_pages(), which returns cached pages of the linear mapping on every
 * architecture; dma_alloc_attrs() does not guarantee that.
 *
 * Disadvantages: CONFIG_CMA_ALIGNMENT limits the alignment, usually to 1 MiB, and a
 * larger one is obtained only by chance or with padding. The DMA API zeroes all memory.
 *
 * If CMA fails, dma_alloc_pages() silently falls back to the page allocator or to an
 * area on another node. Both are detected and count as failures.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../compat.h"
#include "region.h"

#ifdef ZB_HAVE_DMA_ALLOC_PAGES

struct zb_dma {
	struct platform_device *pdev;
	struct page *page;
	size_t size;	/* in bytes, with padding */
	dma_addr_t handle;
};

static struct platform_device *zb_dma_new_device(int nid)
{
	const struct platform_device_info info = {
		.name = "zbuddy",
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *pdev = platform_device_register_full(&info);
	int err;

	if (IS_ERR(pdev))
		return pdev;
	set_dev_node(&pdev->dev, nid);
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (err) {
		platform_device_unregister(pdev);
		return ERR_PTR(err);
	}
	return pdev;
}

/*
 * If dma_alloc_pages() has fallen back to the page allocator, the block is not compound,
 * so only its first page has a reference. In a range from CMA, every page has one.
 */
static bool zb_dma_from_cma(const struct zb_dma *dma)
{
	return dma->size == PAGE_SIZE || page_count(dma->page + 1);
}

/* Place the region, aligned and on the right node, in the memory from the DMA API. */
static int zb_dma_place(struct zb_region *r, const struct zb_dma *dma,
			unsigned int min_align_order)
{
	unsigned long pfn = page_to_pfn(dma->page);
	unsigned long end = pfn + (dma->size >> PAGE_SHIFT);

	r->start_pfn = ALIGN(pfn, 1UL << min_align_order);
	if (!zb_dma_from_cma(dma)) {
		scnprintf(r->why, sizeof(r->why), "the DMA API did not use CMA");
		return -EBUSY;
	}
	if (r->nid != NUMA_NO_NODE && page_to_nid(dma->page) != r->nid) {
		scnprintf(r->why, sizeof(r->why), "the DMA API used memory of node %d",
			  page_to_nid(dma->page));
		return -EBUSY;
	}
	if (r->start_pfn + r->nr_pages > end) {
		scnprintf(r->why, sizeof(r->why),
			  "the memory from the DMA API is not aligned to %lu KiB",
			  PAGE_SIZE << min_align_order >> 10);
		return -EBUSY;
	}
	return 0;
}

static int zb_dma_take(struct zb_region *r, struct zb_dma *dma,
		       unsigned long padding, unsigned int min_align_order)
{
	struct device *dev = &dma->pdev->dev;
	int err;

	dma->size = (r->nr_pages + padding) << PAGE_SHIFT;
	dma->page = dma_alloc_pages(dev, dma->size, &dma->handle,
				    DMA_BIDIRECTIONAL, GFP_KERNEL | __GFP_NOWARN);
	if (!dma->page) {
		scnprintf(r->why, sizeof(r->why),
			  "CMA has no such range, or pages in it can't be migrated");
		return fatal_signal_pending(current) ? -EINTR : -EBUSY;
	}
	err = zb_dma_place(r, dma, min_align_order);
	if (err)
		dma_free_pages(dev, dma->size, dma->page, dma->handle,
			       DMA_BIDIRECTIONAL);
	return err;
}

/*
 * Try without padding first: CMA areas start at well aligned addresses, and with the
 * padding the request may be larger than the area.
 */
static int zb_dma_take_aligned(struct zb_region *r, struct zb_dma *dma,
			       unsigned int min_align_order)
{
	unsigned long padding = 0;
	int err = zb_dma_take(r, dma, 0, min_align_order);

	if (min_align_order > CONFIG_CMA_ALIGNMENT)
		padding = (1UL << min_align_order) - (1UL << CONFIG_CMA_ALIGNMENT);
	if (err == -EBUSY && padding)
		err = zb_dma_take(r, dma, padding, min_align_order);
	return err;
}

/* Returns the node to allocate on, or -errno if the allocation can't succeed. */
static int zb_dma_choose_node(struct zb_region *r)
{
	/* In an encrypted guest, the DMA API makes pages shared with the host. */
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		scnprintf(r->why, sizeof(r->why), "memory is encrypted");
		return -ENXIO;
	}
	return zb_cma_find_node(r);
}

static int zb_dma_acquire(struct zb_region *r, unsigned int max_align_order,
			  unsigned int min_align_order)
{
	int nid = zb_dma_choose_node(r);
	struct zb_dma *dma;
	int err;

	if (nid < 0)
		return nid;
	dma = kzalloc_obj(*dma);
	if (!dma)
		return -ENOMEM;
	dma->pdev = zb_dma_new_device(nid);
	if (IS_ERR(dma->pdev)) {
		err = PTR_ERR(dma->pdev);
		scnprintf(r->why, sizeof(r->why), "can't register a device: error %d", err);
		goto free_dma;
	}
	err = zb_dma_take_aligned(r, dma, min_align_order);
	if (err)
		goto unregister_device;

	r->nid = page_to_nid(dma->page);
	r->in_cma = true;
	r->priv = dma;
	scnprintf(r->source, sizeof(r->source), "CMA for device %s",
		  dev_name(&dma->pdev->dev));
	return 0;

unregister_device:
	platform_device_unregister(dma->pdev);
free_dma:
	kfree(dma);
	return err;
}

static void zb_dma_release(struct zb_region *r)
{
	struct zb_dma *dma = r->priv;

	dma_free_pages(&dma->pdev->dev, dma->size, dma->page, dma->handle,
		       DMA_BIDIRECTIONAL);
	platform_device_unregister(dma->pdev);
	kfree(dma);
}

#else /* !ZB_HAVE_DMA_ALLOC_PAGES */

static int zb_dma_acquire(struct zb_region *r, unsigned int max_align_order,
			  unsigned int min_align_order)
{
	scnprintf(r->why, sizeof(r->why), "this kernel has no CMA for the DMA API");
	return -EOPNOTSUPP;
}

static void zb_dma_release(struct zb_region *r)
{
}

#endif /* ZB_HAVE_DMA_ALLOC_PAGES */

const struct zb_region_backend zb_region_dma = {
	.name = "dma",
	.remedy = zb_cma_remedy,
	.acquire = zb_dma_acquire,
	.release = zb_dma_release,
};

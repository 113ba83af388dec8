// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches, for mappings of the CPU's and devices that do not look into them.
 *
 * There is no device that all users of a buffer share, so this asks on behalf
 * of one of our own, which can address everything and is as coherent as the
 * platform's devices are by default. What a device driver does for its own
 * device, through the dma-buf, is more exact.
 */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "buffer.h"

/**
 * zb_sync_init() - make the device
 * @bpool: whose
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_sync_init(struct zb_buffer_pool *bpool)
{
	struct platform_device *pdev;
	int err;

	pdev = platform_device_register_simple("zbuddy-sync",
					       PLATFORM_DEVID_NONE, NULL, 0);
	/* platform_device_register_simple() says EINVAL when it cannot allocate the name. */
	if (IS_ERR(pdev))
		return PTR_ERR(pdev) == -EINVAL ? -ENOMEM : PTR_ERR(pdev);
	err = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	/* A machine without DMA has no caches to care for either. */
	if (err && IS_ENABLED(CONFIG_HAS_DMA)) {
		platform_device_unregister(pdev);
		return err;
	}
	bpool->sync_dev = pdev;
	return 0;
}

/**
 * zb_sync_exit() - undo zb_sync_init()
 * @bpool: whose
 *
 * Context: may sleep.
 */
void zb_sync_exit(struct zb_buffer_pool *bpool)
{
	platform_device_unregister(bpool->sync_dev);
}

static enum dma_data_direction direction(u32 flags)
{
	switch (flags & (ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE)) {
	case ZB_SYNC_TO_DEVICE:
		return DMA_TO_DEVICE;
	case ZB_SYNC_FROM_DEVICE:
		return DMA_FROM_DEVICE;
	default:
		return DMA_BIDIRECTIONAL;
	}
}

/* Everywhere but where the platform has devices that do not look into caches. */
static bool nothing_to_do(struct device *dev)
{
	return !IS_ENABLED(CONFIG_HAS_DMA) || dev_is_dma_coherent(dev);
}

/*
 * A mapping that bounces (swiotlb=force) is not of the memory itself but of a copy
 * of it. Copying back would undo what the CPU has written meanwhile, and no device
 * works on the memory itself there.
 */
static bool bounces(struct device *dev, dma_addr_t addr, unsigned long pfn)
{
	return dma_to_phys(dev, addr) != PFN_PHYS(pfn);
}

/* Of @bytes in whole pages from @pfn on, @length from @offset on. */
static int sync_piece(struct device *dev, unsigned long pfn, size_t bytes,
		      size_t offset, size_t length, enum dma_data_direction dir,
		      bool for_cpu)
{
	dma_addr_t addr = dma_map_page_attrs(dev, pfn_to_page(pfn), 0, bytes, dir,
					     DMA_ATTR_SKIP_CPU_SYNC);

	if (dma_mapping_error(dev, addr))
		return -EIO;
	if (!bounces(dev, addr, pfn)) {
		if (for_cpu)
			dma_sync_single_for_cpu(dev, addr + offset, length, dir);
		else
			dma_sync_single_for_device(dev, addr + offset, length, dir);
	}
	dma_unmap_page_attrs(dev, addr, bytes, dir, DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}

/* Large mappings may be impossible, and would keep others from the CPU. */
#define PIECE_MAX	((size_t)SZ_1M)

static int sync_range(struct device *dev, unsigned long pfn, u64 offset,
		      u64 length, enum dma_data_direction dir, bool for_cpu)
{
	size_t piece, in_page, max;
	int err;

	if (nothing_to_do(dev))
		return 0;
	max = max(min(PIECE_MAX, dma_max_mapping_size(dev)) & PAGE_MASK, PAGE_SIZE);
	pfn += offset >> PAGE_SHIFT;
	in_page = offset_in_page(offset);
	while (length) {
		piece = min_t(u64, length, max - in_page);
		err = sync_piece(dev, pfn, PAGE_ALIGN(in_page + piece), in_page,
				 piece, dir, for_cpu);
		if (err)
			return err;
		length -= piece;
		pfn += max >> PAGE_SHIFT;
		in_page = 0;
		cond_resched();
	}
	return 0;
}

/**
 * zb_sync_cleared() - write zeroes out of the caches
 * @bpool: whose
 * @pfn: first frame of memory that was just cleared and that nobody has yet
 * @nr_pages: how many
 *
 * ZB_SYNC_FOR_CPU discards what caches have. Zeroes that have not reached the
 * memory by then would be lost, and the reader would get what the previous owner
 * left there.
 *
 * Context: may sleep.
 * Return: 0 or -EIO.
 */
int zb_sync_cleared(struct zb_buffer_pool *bpool, unsigned long pfn,
		    unsigned long nr_pages)
{
	return sync_range(&bpool->sync_dev->dev, pfn, 0, (u64)nr_pages << PAGE_SHIFT,
			  DMA_TO_DEVICE, false);
}

/**
 * zb_buffer_sync() - make CPU and device see the same
 * @buf: the buffer
 * @flags: ZB_SYNC_* bits
 * @offset: first byte
 * @length: how many
 *
 * Context: may sleep.
 * Return: 0, -EINVAL for flags that make no sense or a range that is not in
 * the buffer, or -EIO.
 */
int zb_buffer_sync(struct zb_buffer *buf, u32 flags, u64 offset, u64 length)
{
	u32 target = flags & (ZB_SYNC_FOR_CPU | ZB_SYNC_FOR_DEVICE);
	u32 directions = flags & (ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE);
	u64 bytes = zb_buffer_bytes(buf);

	if (flags != (target | directions) || !directions || !target ||
	    target == (ZB_SYNC_FOR_CPU | ZB_SYNC_FOR_DEVICE))
		return -EINVAL;
	if (!length || offset >= bytes || length > bytes - offset)
		return -EINVAL;
	return sync_range(&buf->bpool->sync_dev->dev, buf->pfn, offset, length,
			  direction(flags), target == ZB_SYNC_FOR_CPU);
}

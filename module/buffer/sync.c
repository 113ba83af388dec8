// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maintains CPU caches for ZB_IOC_SYNC, on machines with non-coherent DMA.
 *
 * The DMA API requires a device, but the device that will access the buffer is not known
 * here. The module therefore registers a device that can address all memory and has the
 * default coherency of the platform. A driver that imports the dma-buf syncs for its own
 * device, which may have a different coherency.
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
#include "zero.h"

/**
 * zb_sync_init() - register the device for cache maintenance
 * @bpool: the buffer pool
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
	/* platform_device_register_simple() returns -EINVAL if it can't allocate the name. */
	if (IS_ERR(pdev))
		return PTR_ERR(pdev) == -EINVAL ? -ENOMEM : PTR_ERR(pdev);
	err = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	/* Without CONFIG_HAS_DMA the call fails, but no cache maintenance is needed. */
	if (err && IS_ENABLED(CONFIG_HAS_DMA)) {
		platform_device_unregister(pdev);
		return err;
	}
	bpool->sync_dev = pdev;
	return 0;
}

/**
 * zb_sync_exit() - undo zb_sync_init()
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 */
void zb_sync_exit(struct zb_buffer_pool *bpool)
{
	platform_device_unregister(bpool->sync_dev);
}

static enum dma_data_direction sync_direction(u32 flags)
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

/* With coherent DMA, the caches need no maintenance. */
static bool needs_no_sync(struct device *dev)
{
	return !IS_ENABLED(CONFIG_HAS_DMA) || dev_is_dma_coherent(dev);
}

/*
 * With a bounce buffer (swiotlb=force), the mapping is a copy of the memory. A sync for
 * the CPU would copy it back over what the CPU has written since, and no device accesses
 * the memory itself, so there is nothing to sync.
 */
static bool is_bounced(struct device *dev, dma_addr_t addr, unsigned long pfn)
{
	return dma_to_phys(dev, addr) != PFN_PHYS(pfn);
}

/* Map @bytes in whole pages, starting at @pfn, and sync @length of them at @offset. */
static int sync_piece(struct device *dev, unsigned long pfn, size_t bytes,
		      size_t offset, size_t length, enum dma_data_direction dir,
		      bool for_cpu)
{
	dma_addr_t addr = dma_map_page_attrs(dev, pfn_to_page(pfn), 0, bytes, dir,
					     DMA_ATTR_SKIP_CPU_SYNC);

	if (dma_mapping_error(dev, addr))
		return -EIO;
	if (!is_bounced(dev, addr, pfn)) {
		if (for_cpu)
			dma_sync_single_for_cpu(dev, addr + offset, length, dir);
		else
			dma_sync_single_for_device(dev, addr + offset, length, dir);
	}
	dma_unmap_page_attrs(dev, addr, bytes, dir, DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}

/* A large mapping may fail, and its sync would delay rescheduling. */
#define PIECE_MAX	((size_t)SZ_1M)

static int sync_range(struct device *dev, unsigned long pfn, u64 offset,
		      u64 length, enum dma_data_direction dir, bool for_cpu)
{
	size_t piece, in_page, max;
	int err;

	if (needs_no_sync(dev))
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
 * zb_sync_cleared() - write the contents of new frames of a buffer back to memory
 * @bpool: the buffer pool
 * @pfn: first frame, which has just been cleared, or copied from another frame
 * @nr_pages: number of frames
 *
 * ZB_SYNC_FOR_CPU discards cache lines. If the zeroes were only in the cache by then, the
 * new owner would read the data of the previous owner from memory.
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
 * zb_buffer_sync() - maintain caches for a range of a buffer
 * @buf: the buffer
 * @flags: ZB_SYNC_* bits
 * @offset: first byte of the range
 * @length: length of the range in bytes
 *
 * Context: may sleep.
 * Return: 0, -EINVAL if the flags are invalid or the range is empty or not inside the
 * buffer, -ENODATA if its memory has been taken back, or -EIO.
 */
int zb_buffer_sync(struct zb_buffer *buf, u32 flags, u64 offset, u64 length)
{
	struct device *dev = &buf->bpool->sync_dev->dev;
	u32 target = flags & (ZB_SYNC_FOR_CPU | ZB_SYNC_FOR_DEVICE);
	u32 directions = flags & (ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE);
	u64 piece, bytes = zb_buffer_bytes(buf);
	int err = 0;

	if (flags != (target | directions) || !directions || !target ||
	    target == (ZB_SYNC_FOR_CPU | ZB_SYNC_FOR_DEVICE))
		return -EINVAL;
	if (!length || offset >= bytes || length > bytes - offset)
		return -EINVAL;
	zb_buffer_expose(buf);
	for (; length && !err; length -= piece, offset += piece) {
		piece = needs_no_sync(dev) ? length : min_t(u64, length, PIECE_MAX);
		/* A move of the buffer must not wait for long. */
		filemap_invalidate_lock_shared(&buf->mapping);
		err = buf->discard == ZB_DISCARD_PURGED ? -ENODATA :
		      sync_range(dev, buf->pfn, offset, piece, sync_direction(flags),
				 target == ZB_SYNC_FOR_CPU);
		filemap_invalidate_unlock_shared(&buf->mapping);
	}
	return err;
}

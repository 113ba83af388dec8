// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches, for mappings of the CPU's and devices that do not look into them.
 *
 * There is no device that all users of a buffer share, so this asks on behalf
 * of one of our own, which can address everything and is as coherent as the
 * platform's devices are by default. What a device driver does for its own
 * device, through the dma-buf, is more exact.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/platform_device.h>

#include "buffer.h"

/**
 * zb_sync_init() - make the device
 * @space: whose
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_sync_init(struct zb_space *space)
{
	struct platform_device *pdev;
	int err;

	pdev = platform_device_register_simple("zbuddy-sync",
					       PLATFORM_DEVID_NONE, NULL, 0);
	/* That it has no memory for the name it calls EINVAL. */
	if (IS_ERR(pdev))
		return PTR_ERR(pdev) == -EINVAL ? -ENOMEM : PTR_ERR(pdev);
	err = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	/* A machine without DMA has no caches to care for either. */
	if (err && IS_ENABLED(CONFIG_HAS_DMA)) {
		platform_device_unregister(pdev);
		return err;
	}
	space->sync_dev = pdev;
	return 0;
}

/**
 * zb_sync_exit() - undo zb_sync_init()
 * @space: whose
 *
 * Context: may sleep.
 */
void zb_sync_exit(struct zb_space *space)
{
	platform_device_unregister(space->sync_dev);
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

/* Mapping hands memory to the device, unmapping hands it to the CPU. */
static int sync_range(struct device *dev, struct page *page, size_t offset,
		      size_t length, enum dma_data_direction dir, bool for_cpu)
{
	unsigned long skip = DMA_ATTR_SKIP_CPU_SYNC;
	dma_addr_t addr;

	if (!IS_ENABLED(CONFIG_HAS_DMA))
		return 0;
	addr = dma_map_page_attrs(dev, page, offset, length, dir,
				  for_cpu ? skip : 0);
	if (dma_mapping_error(dev, addr))
		return -EIO;
	dma_unmap_page_attrs(dev, addr, length, dir, for_cpu ? 0 : skip);
	return 0;
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
	return sync_range(&buf->space->sync_dev->dev,
			  pfn_to_page(buf->pfn + (offset >> PAGE_SHIFT)),
			  offset_in_page(offset), length, direction(flags),
			  target == ZB_SYNC_FOR_CPU);
}

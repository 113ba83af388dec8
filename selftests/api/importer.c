// SPDX-License-Identifier: GPL-2.0-only
/*
 * An importer of dma-bufs, for dmabuf_test.c. mmap() of its device maps a dma-buf, whose
 * file descriptor is the offset in pages. Writing a descriptor to one of two parameters
 * maps the dma-buf as drivers do; the result of the write is that of the operation.
 */
#include "zb_api_test.h"

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>

/* MODULE_IMPORT_NS() takes a name in some kernels and a string in others. */
MODULE_INFO(import_ns, "DMA_BUF");

static struct platform_device *importer;

/* Like DRM drivers: this file may be writable although the dma-buf is not. */
static int importer_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = dma_buf_get(vma->vm_pgoff);
	int err;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	err = dma_buf_mmap(dmabuf, vma, 0);
	dma_buf_put(dmabuf);
	return err;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.mmap = importer_mmap,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "zb_importer",
	.fops = &importer_fops,
	.mode = 0600,
};

static int set_vmap(const char *text, const struct kernel_param *kp)
{
	struct dma_buf *dmabuf;
	struct iosys_map map;
	int fd, err = kstrtoint(text, 0, &fd);

	if (err)
		return err;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	dma_resv_lock(dmabuf->resv, NULL);
	err = dma_buf_vmap(dmabuf, &map);
	if (!err)
		dma_buf_vunmap(dmabuf, &map);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
	return err;
}

static const struct kernel_param_ops vmap_ops = {
	.set = set_vmap,
};
module_param_cb(vmap, &vmap_ops, NULL, 0200);
MODULE_PARM_DESC(vmap, "file descriptor of a dma-buf: map it for the kernel and unmap it");

static int map_and_unmap(struct dma_buf_attachment *at, enum dma_data_direction dir)
{
	struct sg_table *table;

	dma_resv_lock(at->dmabuf->resv, NULL);
	table = dma_buf_map_attachment(at, dir);
	if (!IS_ERR(table))
		dma_buf_unmap_attachment(at, table, dir);
	dma_resv_unlock(at->dmabuf->resv);
	return PTR_ERR_OR_ZERO(table);
}

static int set_dma(const char *text, const struct kernel_param *kp)
{
	struct dma_buf_attachment *at;
	struct dma_buf *dmabuf;
	int fd, dir, err;

	if (!importer)
		return -ENODEV;
	if (sscanf(text, "%d %d", &fd, &dir) != 2 || dir < DMA_BIDIRECTIONAL ||
	    dir > DMA_FROM_DEVICE)
		return -EINVAL;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	at = dma_buf_attach(dmabuf, &importer->dev);
	err = PTR_ERR_OR_ZERO(at);
	if (!err) {
		err = map_and_unmap(at, dir);
		dma_buf_detach(dmabuf, at);
	}
	dma_buf_put(dmabuf);
	return err;
}

static const struct kernel_param_ops dma_ops = {
	.set = set_dma,
};
module_param_cb(dma, &dma_ops, NULL, 0200);
MODULE_PARM_DESC(dma, "file descriptor of a dma-buf and DMA direction (0 both, 1 to device, 2 from device): map it for DMA and unmap it");

/**
 * zbt_importer_init() - register the device
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zbt_importer_init(void)
{
	int err = misc_register(&importer_misc);

	if (err)
		return err;
	importer = platform_device_register_simple("zb-importer",
						   PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(importer)) {
		err = PTR_ERR(importer);
		importer = NULL;
		misc_deregister(&importer_misc);
		return err;
	}
	/* if the machine can't do DMA, mapping fails, which the test skips */
	dma_coerce_mask_and_coherent(&importer->dev, DMA_BIT_MASK(64));
	return 0;
}

/**
 * zbt_importer_exit() - undo zbt_importer_init()
 *
 * Context: may sleep.
 */
void zbt_importer_exit(void)
{
	platform_device_unregister(importer);
	misc_deregister(&importer_misc);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports a buffer as a dma-buf: for V4L2, DRM, RDMA, or another process.
 *
 * The dma-buf holds a reference on the buffer. The memory is contiguous, so the
 * scatterlist for importers has one entry. While a device is attached or a kernel mapping
 * exists, the buffer is not moved.
 *
 * A dma-buf that was exported without ZB_EXPORT_RDWR is read-only as far as the
 * exporter can enforce it: it can't be mapped writable, not even through an importer,
 * and a DMA mapping for writing by the device is refused. Many importers request a
 * bidirectional DMA mapping although they need only one direction. They get a mapping
 * for reading by the device, which only an IOMMU enforces. Kernel mappings are not
 * restricted.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "../compat.h"
#include "buffer.h"

ZB_IMPORT_NS(DMA_BUF);

/**
 * struct export - the private data of a dma-buf
 * @buf: the buffer
 * @lock: protects @attachments
 * @attachments: attached devices
 */
struct export {
	struct zb_buffer *buf;
	struct mutex lock;
	struct list_head attachments;
};

/**
 * struct attachment - a device attached to a dma-buf
 * @dev: the device
 * @table: the buffer's memory, mapped for this device
 * @dir: direction of the mapping, or DMA_NONE if there is none
 * @link: on export.attachments
 */
struct attachment {
	struct device *dev;
	struct sg_table table;
	enum dma_data_direction dir;
	struct list_head link;
};

static bool read_only(const struct dma_buf *dmabuf)
{
	return !(dmabuf->file->f_mode & FMODE_WRITE);
}

static int fill_table(struct sg_table *table, const struct zb_buffer *buf)
{
	int err = sg_alloc_table(table, 1, GFP_KERNEL);

	if (!err)
		sg_set_page(table->sgl, pfn_to_page(buf->pfn),
			    zb_buffer_bytes(buf), 0);
	return err;
}

static int dmabuf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	struct export *export = dmabuf->priv;
	struct attachment *a = kzalloc_obj(*a);
	int err;

	if (!a)
		return -ENOMEM;
	zb_buffer_fix(export->buf);
	/* The length of a scatterlist entry is an unsigned int. */
	err = zb_buffer_bytes(export->buf) > UINT_MAX ? -EOVERFLOW :
	      fill_table(&a->table, export->buf);
	if (err) {
		zb_buffer_unfix(export->buf);
		kfree(a);
		return err;
	}
	a->dev = at->dev;
	a->dir = DMA_NONE;
	at->priv = a;
	mutex_lock(&export->lock);
	list_add(&a->link, &export->attachments);
	mutex_unlock(&export->lock);
	return 0;
}

static void dmabuf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	struct export *export = dmabuf->priv;
	struct attachment *a = at->priv;

	mutex_lock(&export->lock);
	list_del(&a->link);
	mutex_unlock(&export->lock);
	sg_free_table(&a->table);
	kfree(a);
	zb_buffer_unfix(export->buf);
}

static struct sg_table *map_dma(struct dma_buf_attachment *at,
				enum dma_data_direction dir)
{
	struct export *export = at->dmabuf->priv;
	struct attachment *a = at->priv;
	int err;

	if (read_only(at->dmabuf)) {
		if (dir == DMA_FROM_DEVICE)
			return ERR_PTR(-EACCES);
		dir = DMA_TO_DEVICE;
	}
	mutex_lock(&export->lock);
	err = dma_map_sgtable(at->dev, &a->table, dir, 0);
	if (!err)
		a->dir = dir;
	mutex_unlock(&export->lock);
	return err ? ERR_PTR(err) : &a->table;
}

static void unmap_dma(struct dma_buf_attachment *at, struct sg_table *table,
		      enum dma_data_direction dir)
{
	struct export *export = at->dmabuf->priv;
	struct attachment *a = at->priv;

	mutex_lock(&export->lock);
	dma_unmap_sgtable(at->dev, table, a->dir, 0);
	a->dir = DMA_NONE;
	mutex_unlock(&export->lock);
}

/* The direction for cache maintenance must not exceed that of the mapping. */
static enum dma_data_direction sync_dir(const struct attachment *a,
					enum dma_data_direction dir)
{
	return a->dir == DMA_BIDIRECTIONAL ? dir : a->dir;
}

/* Maintain the caches for all devices that have the buffer mapped. */
static int sync_attachments(struct dma_buf *dmabuf, enum dma_data_direction dir,
			    void (*sync)(struct device *dev, struct sg_table *table,
					 enum dma_data_direction dir))
{
	struct export *export = dmabuf->priv;
	struct attachment *a;

	/* DMA_FROM_DEVICE means that the CPU only reads. */
	if (dir != DMA_FROM_DEVICE && read_only(dmabuf))
		return -EACCES;
	mutex_lock(&export->lock);
	list_for_each_entry(a, &export->attachments, link)
		if (a->dir != DMA_NONE)
			sync(a->dev, &a->table, sync_dir(a, dir));
	mutex_unlock(&export->lock);
	return 0;
}

static int begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return sync_attachments(dmabuf, dir, dma_sync_sgtable_for_cpu);
}

static int end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return sync_attachments(dmabuf, dir, dma_sync_sgtable_for_device);
}

static int dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct export *export = dmabuf->priv;

	/* The vma may have been created through the writable file of an importer. */
	if (read_only(dmabuf)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	return zb_buffer_mmap(export->buf, vma, false);
}

/*
 * The linear mapping includes the whole buffer. A read-only dma-buf can be mapped as
 * well, because the caller does not specify whether it will write, and the kernel warns
 * if an exporter refuses.
 */
static int dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *export = dmabuf->priv;
	struct page *page;

	zb_buffer_fix(export->buf);
	page = pfn_to_page(export->buf->pfn);
	if (PageHighMem(page)) {
		zb_buffer_unfix(export->buf);
		return -EOPNOTSUPP;
	}
	iosys_map_set_vaddr(map, page_address(page));
	return 0;
}

static void dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *export = dmabuf->priv;

	iosys_map_clear(map);
	zb_buffer_unfix(export->buf);
}

static void dmabuf_release(struct dma_buf *dmabuf)
{
	struct export *export = dmabuf->priv;

	atomic_dec(&export->buf->exports);
	zb_buffer_put(export->buf);
	kfree(export);
}

static const struct dma_buf_ops dmabuf_ops = {
	.attach = dmabuf_attach,
	.detach = dmabuf_detach,
	.map_dma_buf = map_dma,
	.unmap_dma_buf = unmap_dma,
	.begin_cpu_access = begin_cpu_access,
	.end_cpu_access = end_cpu_access,
	.mmap = dmabuf_mmap,
	.vmap = dmabuf_vmap,
	.vunmap = dmabuf_vunmap,
	.release = dmabuf_release,
};

/**
 * zb_dmabuf_buffer() - get the buffer of a dma-buf
 * @fd: any number
 * @mode: filled in with the mode of the dma-buf's file
 *
 * Context: may sleep.
 * Return: the buffer with a reference for the caller, or NULL if the descriptor does not refer
 * to a dma-buf of this module.
 */
struct zb_buffer *zb_dmabuf_buffer(int fd, fmode_t *mode)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct zb_buffer *buf = NULL;

	if (IS_ERR(dmabuf))
		return NULL;
	if (dmabuf->ops == &dmabuf_ops) {
		buf = ((struct export *)dmabuf->priv)->buf;
		kref_get(&buf->ref);
		*mode = dmabuf->file->f_mode;
	}
	dma_buf_put(dmabuf);
	return buf;
}

/**
 * zb_dmabuf_export() - export a buffer as a dma-buf
 * @buf: the buffer; the dma-buf takes a reference of its own
 * @flags: O_RDWR, O_CLOEXEC
 *
 * Context: may sleep.
 * Return: the dma-buf, or an ERR_PTR: -EBUSY if the buffer is marked as not needed, or -ENOMEM.
 */
struct dma_buf *zb_dmabuf_export(struct zb_buffer *buf, u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct export *export;

	if (!zb_buffer_add_user(buf, &buf->exports))
		return ERR_PTR(-EBUSY);
	export = kzalloc_obj(*export);
	if (!export) {
		atomic_dec(&buf->exports);
		return ERR_PTR(-ENOMEM);
	}
	export->buf = buf;
	mutex_init(&export->lock);
	INIT_LIST_HEAD(&export->attachments);
	info.ops = &dmabuf_ops;
	info.size = zb_buffer_bytes(buf);
	info.flags = flags;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		atomic_dec(&buf->exports);
		kfree(export);
		return dmabuf;
	}
	kref_get(&buf->ref);
	return dmabuf;
}

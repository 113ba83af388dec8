// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-heap /dev/dma_heap/zbuddy, for programs that allocate from dma-heaps.
 *
 * The kernel can't remove a heap. The module therefore adds one only with heap=1,
 * and can't be unloaded afterwards.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "../compat.h"
#include "../instance/params.h"
#include "buffer.h"

static bool heap;
module_param_cb(heap, &zb_bool_ops, &heap, 0444);
__MODULE_PARM_TYPE(heap, "bool");
MODULE_PARM_DESC(heap, "add the dma-heap /dev/dma_heap/zbuddy, which prevents unloading the module (default N)");

ZB_IMPORT_NS(DMA_BUF_HEAP);

static struct dma_buf *heap_allocate(struct dma_heap *dma_heap,
				     unsigned long len, u32 fd_flags,
				     u64 heap_flags)
{
	struct zb_buffer_pool *bpool = dma_heap_get_drvdata(dma_heap);
	struct zb_want want = {
		.gfp = ZB_GFP_USER,
		.nr_pages = DIV_ROUND_UP(len, PAGE_SIZE),
		.nid = NUMA_NO_NODE,
	};
	struct dma_buf *dmabuf;
	struct zb_buffer *buf;

	if (!want.nr_pages || want.nr_pages > BIT(bpool->inst->pool.max_order))
		return ERR_PTR(-EINVAL);
	buf = zb_buffer_create(bpool, NULL, &want);
	if (IS_ERR(buf))
		return ERR_CAST(buf);
	dmabuf = zb_dmabuf_export(buf, fd_flags);
	zb_buffer_put(buf);
	return dmabuf;
}

static const struct dma_heap_ops heap_ops = {
	.allocate = heap_allocate,
};

/**
 * zb_heap_add() - add /dev/dma_heap/zbuddy if the parameter heap= is set
 * @bpool: the buffer pool to allocate from
 *
 * Context: may sleep.
 */
void zb_heap_add(struct zb_buffer_pool *bpool)
{
	struct dma_heap_export_info info = {
		.name = "zbuddy",
		.ops = &heap_ops,
		.priv = bpool,
	};

	if (!heap)
		return;
	if (IS_ERR(dma_heap_add(&info))) {
		pr_warn("heap=1: the kernel could not add the dma-heap\n");
		return;
	}
	__module_get(THIS_MODULE);
	pr_info("added /dev/dma_heap/zbuddy: the module can't be unloaded any more\n");
}

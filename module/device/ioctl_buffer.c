// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls that describe zbuddy, or that describe or change an existing buffer. */
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "../core/stat.h"
#include "cmd.h"

static int do_info(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	const struct zb_instance *inst = file->bpool->inst;
	struct zb_ioc_info *info = &arg->info;

	if (info->flags)
		return zb_einval(call, "flags", info->flags);
	*info = (struct zb_ioc_info){
		.size = info->size,
		.version = ZB_ABI_VERSION,
		.page_size = PAGE_SIZE,
		.gfp_mask = zb_gfp_bits(ZB_GFP_USER_MASK),
		.max_order = inst->pool.max_order,
		.block_order = ZB_PAGEBLOCK_ORDER,
		.nr_nodes = inst->pool.nr_nodes,
		.nr_zones = inst->pool.nr_zones,
		.total_bytes = (u64)zb_instance_size(inst, NUMA_NO_NODE) << PAGE_SHIFT,
		.free_bytes = (u64)zb_instance_free_pages(inst) << PAGE_SHIFT,
		.features = zb_mmap_features(inst) | zb_charge_features() |
			    ZB_FEATURE_EXPLAIN | ZB_FEATURE_DISCARD | ZB_FEATURE_FILES |
			    ZB_FEATURE_RANGE | ZB_FEATURE_RESIZE | ZB_FEATURE_EMPTY |
			    ZB_FEATURE_RANGE_WAIT | ZB_FEATURE_BULK_RANGE |
			    (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) ?
			     ZB_FEATURE_DMABUF : 0),
	};
	strscpy(info->backend, inst->regions[0].backend->name,
		sizeof(info->backend));
	return 0;
}

const struct zb_cmd zb_cmd_info = {
	ZB_CMD(ZB_IOC_INFO, info, free_bytes),
	.prepare = do_info,
	.copy_out = true,
};

static int do_zone(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	const struct zb_pool *pool = &file->bpool->inst->pool;
	struct zb_ioc_zone *out = &arg->zone;
	struct zb_zone_stat st;
	struct zb_zone *zone;

	if (out->flags)
		return zb_einval(call, "flags", out->flags);
	if (out->index >= pool->nr_zones)
		return zb_einval(call, "index", out->index);
	zone = &pool->zones[array_index_nospec(out->index, pool->nr_zones)];
	zb_zone_snapshot(zone, &st);
	out->node = zone->nid;
	out->type = zone->type;
	out->largest_order = zb_stat_largest_order(&st);
	out->total_bytes = (u64)zb_zone_nr_managed(zone) << PAGE_SHIFT;
	out->free_bytes = (u64)st.nr_free << PAGE_SHIFT;
	out->cached_bytes = (u64)st.nr_cached << PAGE_SHIFT;
	return 0;
}

const struct zb_cmd zb_cmd_zone = {
	ZB_CMD(ZB_IOC_ZONE, zone, cached_bytes),
	.prepare = do_zone,
	.copy_out = true,
};

static int do_query(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_query *query = &arg->query;
	struct zb_buffer *buf;

	if (query->flags)
		return zb_einval(call, "flags", query->flags);
	if (query->__reserved)
		return zb_einval(call, "__reserved", query->__reserved);
	buf = zb_get_buffer(call, file, query->handle, false);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	query->gfp = zb_gfp_bits(buf->gfp);
	zb_buffer_get_place(buf, &query->node, &query->zone, &query->discard);
	query->order = buf->order;
	query->migratetype = zb_gfp_migratetype(buf->gfp);
	query->length = zb_buffer_bytes(buf);
	query->mmap_offset = zb_file_mmap_offset(file, query->handle, false);
	query->mmap_huge_offset = zb_file_mmap_offset(file, query->handle, true);
	query->mappings = atomic_read(&buf->mappings);
	query->exports = atomic_read(&buf->exports);
	zb_buffer_put(buf);
	return 0;
}

const struct zb_cmd zb_cmd_query = {
	ZB_CMD(ZB_IOC_QUERY, query, exports),
	.prepare = do_query,
	.copy_out = true,
};

static bool label_ok(const char *label)
{
	unsigned int i;

	for (i = 0; i < ZB_LABEL_LEN; i++) {
		if (!label[i])
			return true;
		if (!isascii(label[i]) || !isgraph(label[i]))
			return false;
	}
	return false;
}

static int do_label(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_label *label = &arg->label;
	struct zb_buffer *buf;

	if (label->flags)
		return zb_einval(call, "flags", label->flags);
	if (label->__reserved)
		return zb_einval(call, "__reserved", label->__reserved);
	if (!label_ok(label->label))
		return zb_einval(call, "label", 0);
	buf = zb_get_buffer(call, file, label->handle, true);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	zb_buffer_set_label(buf, label->label);
	zb_buffer_put(buf);
	return 0;
}

const struct zb_cmd zb_cmd_label = {
	ZB_CMD(ZB_IOC_LABEL, label, label),
	.prepare = do_label,
};

static int do_phys(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_phys *phys = &arg->phys;
	struct zb_buffer *buf;
	unsigned long pfn;

	if (phys->flags)
		return zb_einval(call, "flags", phys->flags);
	if (phys->__reserved)
		return zb_einval(call, "__reserved", phys->__reserved);
	if (!capable(CAP_SYS_RAWIO))
		return zb_eperm(call, CAP_SYS_RAWIO);
	buf = zb_get_buffer(call, file, phys->handle, false);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	pfn = zb_buffer_phys_pfn(buf);
	phys->addr = PFN_PHYS(pfn);
	phys->length = zb_buffer_bytes(buf);
	zb_buffer_put(buf);
	return pfn == ZB_NO_PFN ? -EBUSY : 0;
}

const struct zb_cmd zb_cmd_phys = {
	ZB_CMD(ZB_IOC_PHYS, phys, length),
	.prepare = do_phys,
	.copy_out = true,
};

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
static int export_fd(struct zb_buffer *buf, u32 flags, struct zb_call *call)
{
	u32 fd_flags = (flags & ZB_EXPORT_CLOEXEC ? O_CLOEXEC : 0) |
		       (flags & ZB_EXPORT_RDWR ? O_RDWR : 0);
	struct dma_buf *dmabuf;
	int fd;

	fd = get_unused_fd_flags(fd_flags);
	if (fd < 0)
		return fd;
	dmabuf = zb_dmabuf_export(buf, fd_flags);
	if (IS_ERR(dmabuf)) {
		put_unused_fd(fd);
		return PTR_ERR(dmabuf);
	}
	call->dmabuf = dmabuf;
	return fd;
}

/* Install the descriptor last, because from then on other threads can use the file. */
static void export_commit(struct zb_file *file, union zb_arg *arg,
			  struct zb_call *call)
{
	fd_install(arg->export.fd, call->dmabuf->file);
}

static void export_rollback(struct zb_file *file, union zb_arg *arg,
			    struct zb_call *call)
{
	put_unused_fd(arg->export.fd);
	fput(call->dmabuf->file);
}
#else
static int export_fd(struct zb_buffer *buf, u32 flags, struct zb_call *call)
{
	return -EOPNOTSUPP;
}

#define export_commit	NULL
#define export_rollback	NULL
#endif

static int do_export(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_export *export = &arg->export;
	bool writable = export->flags & ZB_EXPORT_RDWR;
	struct zb_buffer *buf;
	int err, fd;

	if (export->flags & ~(ZB_EXPORT_CLOEXEC | ZB_EXPORT_RDWR))
		return zb_einval(call, "flags", export->flags);
	err = zb_check_mode(call, file, writable);
	if (err)
		return err;
	buf = zb_get_buffer(call, file, export->handle, writable);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	fd = export_fd(buf, export->flags, call);
	zb_buffer_put(buf);
	export->fd = fd;
	return fd < 0 ? fd : 0;
}

const struct zb_cmd zb_cmd_export = {
	ZB_CMD(ZB_IOC_EXPORT, export, fd),
	.prepare = do_export,
	.copy_out = true,
	.commit = export_commit,
	.rollback = export_rollback,
};

/* Report the field of @sync for which zb_buffer_sync() returned -EINVAL. */
static int sync_einval(struct zb_call *call, const struct zb_ioc_sync *sync,
		       u64 bytes)
{
	if (sync->offset >= bytes)
		return zb_einval(call, "offset", sync->offset);
	if (!sync->length || sync->length > bytes - sync->offset)
		return zb_einval(call, "length", sync->length);
	return zb_einval(call, "flags", sync->flags);
}

static int do_sync(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_sync *sync = &arg->sync;
	struct zb_buffer *buf;
	int err;

	if (sync->__reserved)
		return zb_einval(call, "__reserved", sync->__reserved);
	/* Preparing for a device that writes may lose what CPUs have written. */
	buf = zb_get_buffer(call, file, sync->handle, sync->flags & ZB_SYNC_FROM_DEVICE);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = zb_buffer_sync(buf, sync->flags, sync->offset, sync->length);
	if (err == -EINVAL)
		sync_einval(call, sync, zb_buffer_bytes(buf));
	zb_buffer_put(buf);
	return err;
}

const struct zb_cmd zb_cmd_sync = {
	ZB_CMD(ZB_IOC_SYNC, sync, length),
	.prepare = do_sync,
};

/* The dispatcher does not remember failures of this command. */
static int do_explain(struct zb_file *file, union zb_arg *arg,
		      struct zb_call *call)
{
	if (arg->explain.flags)
		return zb_einval(call, "flags", arg->explain.flags);
	return zb_file_explain(file, &arg->explain) ? 0 : -ENOENT;
}

const struct zb_cmd zb_cmd_explain = {
	ZB_CMD(ZB_IOC_EXPLAIN, explain, field),
	.prepare = do_explain,
	.copy_out = true,
};

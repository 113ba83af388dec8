// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of /dev/zbuddy. What each means, and every errno, is in
 * include/uapi/linux/zbuddy.h.
 */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "core/stat.h"
#include "ioctl.h"

/* Structures are part of the ABI: they may grow, but never shift. */
static_assert(sizeof(struct zb_ioc_info) == 80);
static_assert(sizeof(struct zb_ioc_zone) == 48);
static_assert(sizeof(struct zb_ioc_alloc) == 56);
static_assert(sizeof(struct zb_ioc_free) == 16);
static_assert(sizeof(struct zb_ioc_query) == 56);
static_assert(sizeof(struct zb_ioc_bulk) == 40);
static_assert(sizeof(struct zb_ioc_label) == 48);
static_assert(sizeof(struct zb_ioc_phys) == 32);
static_assert(sizeof(struct zb_ioc_export) == 16);
static_assert(sizeof(struct zb_ioc_sync) == 32);

/* With these a request may use up what is kept for urgent ones. */
#define RESERVE_FLAGS \
	(__ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC)

static int do_info(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_host *host = file->space->host;
	struct zb_ioc_info *info = &arg->info;

	if (info->flags || info->__reserved)
		return -EINVAL;
	*info = (struct zb_ioc_info){
		.size = info->size,
		.version = ZB_ABI_VERSION,
		.page_size = PAGE_SIZE,
		.gfp_mask = zb_gfp_bits(ZB_GFP_BITS_MASK),
		.max_order = host->pool.max_order,
		.block_order = ZB_PAGEBLOCK_ORDER,
		.nr_nodes = host->pool.nr_nodes,
		.nr_zones = host->pool.nr_zones,
		.total_bytes = (u64)host->total_pages << PAGE_SHIFT,
		.free_bytes = (u64)zb_host_free_pages(host) << PAGE_SHIFT,
		.mmap_shift = host->pool.max_order + PAGE_SHIFT,
		.features = zb_mmap_features(host) | zb_charge_features() |
			    (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) ?
			     ZB_FEATURE_DMABUF : 0),
	};
	strscpy(info->backend, host->regions[0].backend->name,
		sizeof(info->backend));
	return 0;
}

static int do_zone(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_pool *pool = &file->space->host->pool;
	struct zb_ioc_zone *out = &arg->zone;
	struct zb_zone_stat st;
	struct zb_zone *zone;

	if (out->flags || out->index >= pool->nr_zones)
		return -EINVAL;
	zone = &pool->zones[array_index_nospec(out->index, pool->nr_zones)];
	zb_zone_snapshot(zone, &st);
	out->node = zone->nid;
	out->type = zone->type;
	out->largest_order = zb_stat_largest_order(&st);
	out->total_bytes = (u64)zone->nr_pages << PAGE_SHIFT;
	out->free_bytes = (u64)st.nr_free << PAGE_SHIFT;
	out->cached_bytes = (u64)st.nr_cached << PAGE_SHIFT;
	return 0;
}

/* How many frames are asked for; 0 if that can't be. */
static unsigned long wanted_pages(const struct zb_ioc_alloc *alloc,
				  const struct zb_pool *pool)
{
	u64 max = (u64)PAGE_SIZE << pool->max_order;

	if (!(alloc->flags & ZB_ALLOC_LENGTH)) {
		if (alloc->length || alloc->order > pool->max_order)
			return 0;
		return BIT(alloc->order);
	}
	if (alloc->order || alloc->length > max)
		return 0;
	return PAGE_ALIGN(alloc->length) >> PAGE_SHIFT;
}

/* The node to start at; -EINVAL if there is no such node in the region. */
static int wanted_node(int node, const struct zb_host *host)
{
	if (node == ZB_NODE_ANY)
		return zb_host_local_node(host);
	return zb_pool_node(&host->pool, node) ? node : -EINVAL;
}

/* 0, -EINVAL for flags that make no sense, or -EPERM. */
static int check_gfp(zb_gfp_t gfp)
{
	if (!zb_gfp_valid(gfp))
		return -EINVAL;
	return (gfp & RESERVE_FLAGS) && !capable(CAP_SYS_RESOURCE) ? -EPERM : 0;
}

/*
 * A buffer with a handle, and a reference for us until the caller has been told
 * of it.
 */
static struct zb_buffer *create(struct zb_file *file, const struct zb_want *want)
{
	struct zb_buffer *buf = zb_buffer_create(file->space, file->account, want);
	int err;

	if (IS_ERR(buf))
		return buf;
	kref_get(&buf->ref);
	err = zb_file_add(file, buf);
	if (!err)
		return buf;
	zb_buffer_put(buf);
	zb_buffer_put(buf);
	return ERR_PTR(err);
}

static void settle(struct zb_file *file, struct zb_buffer *buf, bool copied)
{
	if (!copied)
		zb_file_cancel(file, buf);
	zb_buffer_put(buf);
}

static int do_alloc(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_host *host = file->space->host;
	struct zb_ioc_alloc *alloc = &arg->alloc;
	struct zb_want want = {
		.gfp = zb_gfp_from_bits(alloc->gfp),
		.nr_pages = wanted_pages(alloc, &host->pool),
		.nid = wanted_node(alloc->node, host),
		.wait = alloc->flags & ZB_ALLOC_WAIT,
		.timeout_ns = alloc->timeout_ns,
	};
	struct zb_buffer *buf;
	int err;

	if (alloc->flags & ~(ZB_ALLOC_LENGTH | ZB_ALLOC_WAIT) ||
	    alloc->__reserved || !want.nr_pages || want.nid < 0 ||
	    (want.timeout_ns && !want.wait))
		return -EINVAL;
	err = check_gfp(want.gfp);
	if (err)
		return err;
	buf = create(file, &want);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	*priv = buf;
	alloc->node = buf->nid;
	alloc->order = buf->order;
	alloc->zone = buf->zone;
	alloc->handle = buf->handle;
	alloc->length = zb_buffer_bytes(buf);
	alloc->mmap_offset = zb_buffer_mmap_offset(buf);
	return 0;
}

static void alloc_done(struct zb_file *file, union zb_arg *arg, void *priv,
		       bool copied)
{
	settle(file, priv, copied);
}

static int do_free(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_buffer *buf;

	if (arg->free.flags || arg->free.__reserved)
		return -EINVAL;
	buf = zb_file_remove(file, arg->free.handle);
	if (!buf)
		return -ENOENT;
	zb_buffer_put(buf);
	return 0;
}

static int do_query(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_query *query = &arg->query;
	struct zb_buffer *buf;

	if (query->flags)
		return -EINVAL;
	buf = zb_file_get(file, query->handle);
	if (!buf)
		return -ENOENT;
	query->gfp = zb_gfp_bits(buf->gfp);
	query->node = buf->nid;
	query->zone = buf->zone;
	query->order = buf->order;
	query->migratetype = zb_gfp_migratetype(buf->gfp);
	query->length = zb_buffer_bytes(buf);
	query->mmap_offset = zb_buffer_mmap_offset(buf);
	query->mappings = atomic_read(&buf->mappings);
	query->exports = atomic_read(&buf->exports);
	zb_buffer_put(buf);
	return 0;
}

/* Up to @nr buffers into @bufs, and their handles to @handles; how many. */
static unsigned int bulk_create(struct zb_file *file, const struct zb_want *want,
				struct zb_buffer **bufs, u32 __user *handles,
				unsigned int nr, int *err)
{
	unsigned int i;

	*err = 0;
	for (i = 0; i < nr; i++) {
		bufs[i] = create(file, want);
		if (IS_ERR(bufs[i])) {
			*err = PTR_ERR(bufs[i]);
			break;
		}
		if (put_user(bufs[i]->handle, &handles[i])) {
			settle(file, bufs[i], false);
			*err = -EFAULT;
			break;
		}
		cond_resched();
	}
	return i;
}

static int do_bulk_alloc(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_host *host = file->space->host;
	struct zb_ioc_bulk *bulk = &arg->bulk;
	struct zb_want want = {
		.gfp = zb_gfp_from_bits(bulk->gfp),
		.nr_pages = BIT(min(bulk->order, ZB_MAX_ORDER)),
		.nid = wanted_node(bulk->node, host),
	};
	struct zb_buffer **bufs;
	int err;

	if (bulk->flags || bulk->__reserved || !bulk->nr ||
	    bulk->nr > ZB_BULK_MAX || bulk->order > host->pool.max_order ||
	    want.nid < 0)
		return -EINVAL;
	err = check_gfp(want.gfp);
	if (err)
		return err;
	bufs = kvcalloc(bulk->nr, sizeof(*bufs), GFP_KERNEL);
	if (!bufs)
		return -ENOMEM;
	bulk->done = bulk_create(file, &want, bufs, u64_to_user_ptr(bulk->handles),
				 bulk->nr, &err);
	if (!bulk->done) {
		kvfree(bufs);
		return err;
	}
	*priv = bufs;
	return 0;
}

static void bulk_done(struct zb_file *file, union zb_arg *arg, void *priv,
		      bool copied)
{
	struct zb_buffer **bufs = priv;
	unsigned int i;

	for (i = 0; i < arg->bulk.done; i++)
		settle(file, bufs[i], copied);
	kvfree(bufs);
}

static int do_bulk_free(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_bulk *bulk = &arg->bulk;
	u32 __user *handles = u64_to_user_ptr(bulk->handles);
	struct zb_buffer *buf;
	int err = 0;
	u32 handle;

	if (bulk->flags || bulk->__reserved || bulk->gfp || bulk->node ||
	    bulk->order || !bulk->nr || bulk->nr > ZB_BULK_MAX)
		return -EINVAL;
	for (bulk->done = 0; bulk->done < bulk->nr; bulk->done++) {
		if (get_user(handle, &handles[bulk->done])) {
			err = -EFAULT;
			break;
		}
		buf = zb_file_remove(file, handle);
		if (!buf) {
			err = -ENOENT;
			break;
		}
		zb_buffer_put(buf);
		cond_resched();
	}
	return bulk->done ? 0 : err;
}

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

static int do_label(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_label *label = &arg->label;
	struct zb_buffer *buf;

	if (label->flags || label->__reserved || !label_ok(label->label))
		return -EINVAL;
	buf = zb_file_get(file, label->handle);
	if (!buf)
		return -ENOENT;
	mutex_lock(&file->space->lock);
	strscpy(buf->label, label->label, sizeof(buf->label));
	mutex_unlock(&file->space->lock);
	zb_buffer_put(buf);
	return 0;
}

static int do_phys(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_phys *phys = &arg->phys;
	struct zb_buffer *buf;

	if (phys->flags || phys->__reserved)
		return -EINVAL;
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	buf = zb_file_get(file, phys->handle);
	if (!buf)
		return -ENOENT;
	phys->addr = PFN_PHYS(buf->pfn);
	phys->length = zb_buffer_bytes(buf);
	zb_buffer_put(buf);
	return 0;
}

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
static int export_fd(struct zb_buffer *buf, u32 flags, void **priv)
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
	*priv = dmabuf;
	return fd;
}

/* Only now can anybody else see the file. */
static void export_done(struct zb_file *file, union zb_arg *arg, void *priv,
			bool copied)
{
	struct dma_buf *dmabuf = priv;

	if (copied) {
		fd_install(arg->export.fd, dmabuf->file);
		return;
	}
	put_unused_fd(arg->export.fd);
	fput(dmabuf->file);
}
#else
static int export_fd(struct zb_buffer *buf, u32 flags, void **priv)
{
	return -EOPNOTSUPP;
}

static void export_done(struct zb_file *file, union zb_arg *arg, void *priv,
			bool copied)
{
}
#endif

static int do_export(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_export *export = &arg->export;
	struct zb_buffer *buf;
	int fd;

	if (export->flags & ~(ZB_EXPORT_CLOEXEC | ZB_EXPORT_RDWR))
		return -EINVAL;
	/* The dma-buf must not be good for more than the file is. */
	if (!(file->mode & FMODE_READ) ||
	    (export->flags & ZB_EXPORT_RDWR && !(file->mode & FMODE_WRITE)))
		return -EACCES;
	buf = zb_file_get(file, export->handle);
	if (!buf)
		return -ENOENT;
	fd = export_fd(buf, export->flags, priv);
	zb_buffer_put(buf);
	export->fd = fd;
	return fd < 0 ? fd : 0;
}

static int do_sync(struct zb_file *file, union zb_arg *arg, void **priv)
{
	struct zb_ioc_sync *sync = &arg->sync;
	struct zb_buffer *buf;
	int err;

	if (sync->__reserved)
		return -EINVAL;
	buf = zb_file_get(file, sync->handle);
	if (!buf)
		return -ENOENT;
	err = zb_buffer_sync(buf, sync->flags, sync->offset, sync->length);
	zb_buffer_put(buf);
	return err;
}

#define ZB_CMD(_cmd, _member, _last, ...)				\
	[_IOC_NR(_cmd)] = {						\
		.nr = (_cmd),						\
		.size = sizeof(((union zb_arg *)0)->_member),		\
		.min_size = offsetofend(union zb_arg, _member._last),	\
		__VA_ARGS__						\
	}

static const struct zb_cmd zb_cmds[] = {
	ZB_CMD(ZB_IOC_INFO, info, free_bytes, .fn = do_info, .tells = true),
	ZB_CMD(ZB_IOC_ZONE, zone, cached_bytes, .fn = do_zone, .tells = true),
	ZB_CMD(ZB_IOC_ALLOC, alloc, mmap_offset, .fn = do_alloc, .tells = true,
	       .done = alloc_done),
	ZB_CMD(ZB_IOC_FREE, free, __reserved, .fn = do_free),
	ZB_CMD(ZB_IOC_QUERY, query, exports, .fn = do_query, .tells = true),
	ZB_CMD(ZB_IOC_BULK_ALLOC, bulk, __reserved, .fn = do_bulk_alloc,
	       .tells = true, .done = bulk_done),
	ZB_CMD(ZB_IOC_BULK_FREE, bulk, __reserved, .fn = do_bulk_free,
	       .tells = true, .final = true),
	ZB_CMD(ZB_IOC_LABEL, label, label, .fn = do_label),
	ZB_CMD(ZB_IOC_PHYS, phys, length, .fn = do_phys, .tells = true),
	ZB_CMD(ZB_IOC_EXPORT, export, fd, .fn = do_export, .tells = true,
	       .done = export_done),
	ZB_CMD(ZB_IOC_SYNC, sync, length, .fn = do_sync),
};

/**
 * zb_find_cmd() - look a command up
 * @nr: the number ioctl() was called with
 *
 * Return: the command, or NULL.
 */
const struct zb_cmd *zb_find_cmd(unsigned int nr)
{
	unsigned int index = _IOC_NR(nr);

	if (index >= ARRAY_SIZE(zb_cmds))
		return NULL;
	index = array_index_nospec(index, ARRAY_SIZE(zb_cmds));
	return zb_cmds[index].nr == nr ? &zb_cmds[index] : NULL;
}

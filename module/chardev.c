// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/zbuddy: from ioctl numbers and structures to buffers.
 *
 * What each command means, and every errno, is in include/uapi/linux/zbuddy.h.
 * The dispatcher copies the structure in, the command works on that copy, and
 * the dispatcher copies it out. A command that hands something out is told
 * afterwards whether that worked, and takes back what nobody knows of.
 */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "core/stat.h"

/* Structures are part of the ABI: they may grow, but never shift. */
static_assert(sizeof(struct zb_ioc_info) == 72);
static_assert(sizeof(struct zb_ioc_zone) == 48);
static_assert(sizeof(struct zb_ioc_alloc) == 48);
static_assert(sizeof(struct zb_ioc_free) == 16);
static_assert(sizeof(struct zb_ioc_query) == 56);

/* With these a request may use up what is kept for urgent ones. */
#define RESERVE_FLAGS \
	(__ZB_GFP_HIGH | __ZB_GFP_ATOMIC | __ZB_GFP_MEMALLOC)

union zb_arg {
	__u32 size;
	struct zb_ioc_info info;
	struct zb_ioc_zone zone;
	struct zb_ioc_alloc alloc;
	struct zb_ioc_free free;
	struct zb_ioc_query query;
};

/**
 * struct zb_cmd - an ioctl
 * @nr: its number
 * @size: of its structure today
 * @min_size: of its structure when it was first released
 * @tells: it has something to tell: the structure is copied out
 * @fn: does it
 * @done: for a command that gives something out: called with what @fn left in
 *	@priv, and whether the caller has been told of it
 */
struct zb_cmd {
	unsigned int nr;
	size_t size;
	size_t min_size;
	bool tells;
	int (*fn)(struct zb_file *file, union zb_arg *arg, void **priv);
	void (*done)(struct zb_file *file, void *priv, bool copied);
};

static int do_info(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_host *host = file->space->host;
	struct zb_ioc_info *info = &arg->info;

	if (info->flags)
		return -EINVAL;
	*info = (struct zb_ioc_info){
		.size = info->size,
		.version = ZB_ABI_VERSION,
		.page_size = PAGE_SIZE,
		.gfp_mask = ZB_GFP_BITS_MASK,
		.max_order = host->pool.max_order,
		.block_order = ZB_PAGEBLOCK_ORDER,
		.nr_nodes = host->pool.nr_nodes,
		.nr_zones = host->pool.nr_zones,
		.total_bytes = (u64)host->total_pages << PAGE_SHIFT,
		.free_bytes = (u64)zb_host_free_pages(host) << PAGE_SHIFT,
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
static int wanted_node(const struct zb_ioc_alloc *alloc,
		       const struct zb_host *host)
{
	if (alloc->node == ZB_NODE_ANY)
		return zb_host_local_node(host);
	return zb_pool_node(&host->pool, alloc->node) ? alloc->node : -EINVAL;
}

static int do_alloc(struct zb_file *file, union zb_arg *arg, void **priv)
{
	const struct zb_host *host = file->space->host;
	struct zb_ioc_alloc *alloc = &arg->alloc;
	unsigned long nr_pages = wanted_pages(alloc, &host->pool);
	int err, nid = wanted_node(alloc, host);
	struct zb_buffer *buf;

	if (alloc->flags & ~ZB_ALLOC_LENGTH || alloc->__reserved ||
	    !zb_gfp_valid(alloc->gfp) || !nr_pages || nid < 0)
		return -EINVAL;
	if ((alloc->gfp & RESERVE_FLAGS) && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	buf = zb_buffer_create(file->space, alloc->gfp, nr_pages, nid);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	/* One reference for the handle, one for us until it has been told. */
	kref_get(&buf->ref);
	err = zb_file_add(file, buf);
	if (err) {
		zb_buffer_put(buf);
		zb_buffer_put(buf);
		return err;
	}
	*priv = buf;
	alloc->node = buf->nid;
	alloc->order = buf->order;
	alloc->zone = buf->zone;
	alloc->handle = buf->handle;
	alloc->length = (u64)nr_pages << PAGE_SHIFT;
	alloc->mmap_offset = zb_buffer_mmap_offset(buf);
	return 0;
}

static void alloc_done(struct zb_file *file, void *priv, bool copied)
{
	if (!copied)
		zb_file_cancel(file, priv);
	zb_buffer_put(priv);
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

	if (query->flags || query->__reserved)
		return -EINVAL;
	buf = zb_file_get(file, query->handle);
	if (!buf)
		return -ENOENT;
	query->gfp = buf->gfp;
	query->node = buf->nid;
	query->zone = buf->zone;
	query->order = buf->order;
	query->migratetype = zb_gfp_migratetype(buf->gfp);
	query->length = (u64)buf->nr_pages << PAGE_SHIFT;
	query->mmap_offset = zb_buffer_mmap_offset(buf);
	query->mappings = atomic_read(&buf->mappings);
	zb_buffer_put(buf);
	return 0;
}

#define ZB_CMD(_cmd, _member, _last, _tells, _fn, _done)		\
	[_IOC_NR(_cmd)] = {						\
		.nr = (_cmd),						\
		.size = sizeof(((union zb_arg *)0)->_member),		\
		.min_size = offsetofend(union zb_arg, _member._last),	\
		.tells = (_tells),					\
		.fn = (_fn),						\
		.done = (_done),					\
	}

static const struct zb_cmd zb_cmds[] = {
	ZB_CMD(ZB_IOC_INFO, info, free_bytes, true, do_info, NULL),
	ZB_CMD(ZB_IOC_ZONE, zone, cached_bytes, true, do_zone, NULL),
	ZB_CMD(ZB_IOC_ALLOC, alloc, mmap_offset, true, do_alloc, alloc_done),
	ZB_CMD(ZB_IOC_FREE, free, __reserved, false, do_free, NULL),
	ZB_CMD(ZB_IOC_QUERY, query, __reserved, true, do_query, NULL),
};

static const struct zb_cmd *find_cmd(unsigned int nr)
{
	unsigned int index = _IOC_NR(nr);

	if (index >= ARRAY_SIZE(zb_cmds))
		return NULL;
	index = array_index_nospec(index, ARRAY_SIZE(zb_cmds));
	return zb_cmds[index].nr == nr ? &zb_cmds[index] : NULL;
}

static int copy_in(const struct zb_cmd *cmd, union zb_arg *arg,
		   void __user *uarg, u32 *usize)
{
	int err;

	if (get_user(*usize, (u32 __user *)uarg))
		return -EFAULT;
	if (*usize < cmd->min_size)
		return -EINVAL;
	if (*usize > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, cmd->size, uarg, *usize);
	/* It may have been changed under our feet meanwhile. */
	arg->size = *usize;
	return err;
}

static long zb_ioctl(struct file *filp, unsigned int nr, unsigned long uarg)
{
	const struct zb_cmd *cmd = find_cmd(nr);
	struct zb_file *file = filp->private_data;
	void __user *to = (void __user *)uarg;
	void *priv = NULL;
	union zb_arg arg;
	u32 usize;
	int err;

	if (!cmd)
		return -ENOTTY;
	err = copy_in(cmd, &arg, to, &usize);
	if (err)
		return err;
	err = cmd->fn(file, &arg, &priv);
	if (err)
		return err;
	/* What has no result can't fail any more once it is done. */
	if (cmd->tells &&
	    copy_to_user(to, &arg, min_t(size_t, usize, cmd->size)))
		err = -EFAULT;
	if (cmd->done)
		cmd->done(file, priv, !err);
	return err;
}

static int zb_open(struct inode *inode, struct file *filp)
{
	struct zb_chardev *dev = container_of(filp->private_data,
					      struct zb_chardev, misc);
	struct zb_file *file = zb_file_open(&dev->space);

	if (IS_ERR(file))
		return PTR_ERR(file);
	filp->private_data = file;
	return 0;
}

static int zb_release(struct inode *inode, struct file *filp)
{
	zb_file_close(filp->private_data);
	return 0;
}

static int zb_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return zb_buffer_mmap(filp->private_data, vma);
}

static const struct file_operations zb_fops = {
	.owner = THIS_MODULE,
	.open = zb_open,
	.release = zb_release,
	.unlocked_ioctl = zb_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = zb_mmap,
};

/**
 * zb_chardev_register() - make /dev/zbuddy appear
 * @dev: the device
 * @host: whose memory it hands out
 *
 * Context: may sleep. Programs may open the device before this returns.
 * Return: 0 or -errno.
 */
int zb_chardev_register(struct zb_chardev *dev, struct zb_host *host)
{
	zb_space_init(&dev->space, host);
	dev->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = "zbuddy",
		.fops = &zb_fops,
		.mode = 0600,
	};
	return misc_register(&dev->misc);
}

/**
 * zb_chardev_unregister() - make /dev/zbuddy go away
 * @dev: the device; nobody has it open, for that would hold the module
 *
 * Context: may sleep.
 */
void zb_chardev_unregister(struct zb_chardev *dev)
{
	misc_deregister(&dev->misc);
	zb_space_destroy(&dev->space);
}

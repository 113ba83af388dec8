// SPDX-License-Identifier: GPL-2.0-only
/* The file system type and its mounts. */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "../compat.h"
#include "../core/stat.h"
#include "fs.h"

static struct zb_buffer_pool *fs_pool;

/**
 * zb_fs_pool() - get the buffer pool of all mounts
 *
 * Context: the file system type is registered.
 * Return: the buffer pool.
 */
struct zb_buffer_pool *zb_fs_pool(void)
{
	return fs_pool;
}

/*
 * Count the frames of the zones of a node that files of the mount may use. Idle frames that the
 * kernel has are free, because they are taken again for a file.
 */
static void count_frames(const struct zb_fs *fs, int nid, u64 *total, u64 *nr_free)
{
	struct zb_instance *inst = fs->bpool->inst;
	const struct zb_zone *zone;
	unsigned long lent = 0;

	zb_for_each_zone(zone, &inst->pool) {
		if (zone->nid != nid || zone->type > zb_gfp_zone(fs->options.gfp))
			continue;
		*total += zb_zone_nr_managed(zone);
		*nr_free += READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone);
		lent += READ_ONCE(zone->nr_offline);
	}
	lent = min(lent, zb_instance_nr_lent(inst, nid));
	*total += lent;
	*nr_free += lent;
}

static int zb_fs_statfs(struct dentry *dentry, struct kstatfs *stat)
{
	struct super_block *sb = dentry->d_sb;
	const struct zb_fs *fs = zb_fs_of(sb);
	const struct zb_instance *inst = fs->bpool->inst;
	u64 total = 0, nr_free = 0, size, used;
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++)
		if (fs->options.nid == NUMA_NO_NODE || inst->regions[i].nid == fs->options.nid)
			count_frames(fs, inst->regions[i].nid, &total, &nr_free);
	used = atomic64_read(&fs->account->bytes) >> PAGE_SHIFT;
	size = READ_ONCE(fs->options.size) >> PAGE_SHIFT;
	if (size) {
		total = min(total, size);
		nr_free = min(nr_free, size > used ? size - used : 0);
	}
	stat->f_type = ZB_FS_MAGIC;
	stat->f_bsize = PAGE_SIZE;
	stat->f_namelen = NAME_MAX;
	stat->f_blocks = total;
	stat->f_bfree = nr_free;
	stat->f_bavail = nr_free;
	stat->f_fsid = u64_to_fsid(huge_encode_dev(sb->s_dev));
	return 0;
}

static const struct super_operations super_ops = {
	.statfs = zb_fs_statfs,
	.drop_inode = inode_just_drop,
	.evict_inode = zb_fs_evict_inode,
	.show_options = zb_fs_show_options,
};

static struct zb_fs *new_fs(const struct zb_fs_options *options)
{
	struct zb_fs *fs = kzalloc_obj(*fs);

	if (!fs)
		return NULL;
	fs->account = zb_account_new();
	if (!fs->account) {
		kfree(fs);
		return NULL;
	}
	fs->account->max = options->size ?: U64_MAX;
	fs->options = *options;
	fs->bpool = fs_pool;
	atomic_inc(&fs_pool->files);
	return fs;
}

/**
 * zb_fs_fill_super() - initialize a new mount
 * @sb: its superblock
 * @fc: the options
 *
 * Context: may sleep. If this fails, the kernel calls kill_sb().
 * Return: 0 or -ENOMEM.
 */
int zb_fs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	const struct zb_fs_options *options = fc->fs_private;
	struct inode *root;

	sb->s_fs_info = new_fs(options);
	if (!sb->s_fs_info)
		return -ENOMEM;
	sb->s_maxbytes = (loff_t)fs_pool->inst->pool.largest->nr_pages << PAGE_SHIFT;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = ZB_FS_MAGIC;
	sb->s_op = &super_ops;
	sb->s_xattr = zb_fs_xattr_handlers;
	sb->s_time_gran = 1;
	/* Files are data buffers, not programs or devices. */
	sb->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	root = zb_fs_new_inode(sb, NULL, S_IFDIR | options->mode);
	if (root) {
		root->i_uid = options->uid;
		root->i_gid = options->gid;
	}
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static void kill_sb(struct super_block *sb)
{
	struct zb_fs *fs = zb_fs_of(sb);
	struct zb_buffer_pool *bpool = fs_pool;

	zb_kill_super(sb);
	if (!fs)
		return;
	zb_account_put(fs->account);
	kfree(fs);
	/* As in zb_file_close(): without users, per-CPU lists only fragment the memory. */
	if (atomic_dec_and_test(&bpool->files))
		zb_instance_drain_all(bpool->inst);
}

static struct file_system_type fs_type = {
	.owner = THIS_MODULE,
	.name = "zbuddy",
	.init_fs_context = zb_fs_init_context,
	.parameters = zb_fs_parameters,
	.kill_sb = kill_sb,
	.fs_flags = FS_DISALLOW_NOTIFY_PERM,
};
MODULE_ALIAS_FS("zbuddy");

/**
 * zb_fs_register() - register the file system type
 * @bpool: the buffer pool
 *
 * Programs may mount it before this function returns.
 *
 * Context: may sleep.
 * Return: 0 or -EBUSY.
 */
int zb_fs_register(struct zb_buffer_pool *bpool)
{
	fs_pool = bpool;
	return register_filesystem(&fs_type);
}

/**
 * zb_fs_unregister() - unregister the file system type
 *
 * Context: may sleep; nothing is mounted, because a mount holds the module.
 */
void zb_fs_unregister(void)
{
	unregister_filesystem(&fs_type);
}

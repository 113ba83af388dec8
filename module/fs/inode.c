// SPDX-License-Identifier: GPL-2.0-only
/* Inodes, directories, and the length of files. */
#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/spinlock.h>

#include "../compat.h"
#include "fs.h"

#define STAT_BLOCK_SHIFT	9	/* stat() counts blocks of 512 bytes */

/**
 * zb_fs_get_buffer() - get the buffer of a file
 * @inode: the file
 * @size: filled in with the size of the file in bytes, or NULL
 *
 * Context: any but interrupts.
 * Return: the buffer with a reference for the caller, or NULL if the file has no length.
 */
struct zb_buffer *zb_fs_get_buffer(struct inode *inode, loff_t *size)
{
	struct zb_buffer *buf;

	spin_lock(&inode->i_lock);
	buf = inode->i_private;
	if (buf)
		kref_get(&buf->ref);
	if (size)
		*size = i_size_read(inode);
	spin_unlock(&inode->i_lock);
	return buf;
}

/**
 * zb_fs_set_buffer() - set or remove the buffer of a file
 * @inode: a file that is locked, or that no other task knows yet
 * @buf: the buffer, whose reference the inode takes over; NULL to remove it
 * @size: size of the file in bytes, at most that of the buffer
 *
 * The inode's reference on its previous buffer passes to the caller.
 *
 * Context: any but interrupts.
 */
void zb_fs_set_buffer(struct inode *inode, struct zb_buffer *buf, loff_t size)
{
	struct zb_buffer *old = inode->i_private;

	if (old)
		atomic_dec(&old->inodes);
	if (buf)
		atomic_inc(&buf->inodes);
	spin_lock(&inode->i_lock);
	inode->i_private = buf;
	inode->i_blocks = buf ? zb_buffer_bytes(buf) >> STAT_BLOCK_SHIFT : 0;
	i_size_write(inode, size);
	spin_unlock(&inode->i_lock);
}

/* The name of the file, up to the length of a label, as one word. */
static void label_buffer(struct zb_buffer *buf, struct dentry *dentry)
{
	char label[ZB_LABEL_LEN], *c;

	spin_lock(&dentry->d_lock);
	strscpy(label, dentry->d_name.name, sizeof(label));
	spin_unlock(&dentry->d_lock);
	for (c = label; *c; c++)
		if (!isascii(*c) || !isgraph(*c))
			*c = '_';
	zb_buffer_set_label(buf, label);
}

/* Programs expect different error numbers from a file system than from the device. */
static int errno_of_file(int err, const struct zb_ioc_explain *why)
{
	switch (err) {
	case -ENOMEM:
		return why->cause == ZB_CAUSE_KERNEL || why->cause == ZB_CAUSE_CACHES ?
		       -ENOMEM : -ENOSPC;
	case -EDQUOT:
		/* The account of a mount takes the place of the account of an open file. */
		return why->cause == ZB_CAUSE_OPEN_BYTES ? -ENOSPC : -EDQUOT;
	case -EAGAIN:
		return -EDQUOT;
	default:
		return err;
	}
}

/* A range may consist of adjacent pageblocks that are not parts of one block. */
static struct zb_buffer *create_range(struct zb_fs *fs, const struct zb_want *want)
{
	struct zb_want range = *want;

	range.range = (struct zb_range){
		.nr_pages = want->nr_pages,
		.align_order = ZB_PAGEBLOCK_ORDER,
		.end_pfn = ZB_NO_PFN,
	};
	return zb_buffer_create(fs->bpool, fs->account, &range);
}

/*
 * Use a block if one is free, because the search for a range takes longer. If none is free, try a
 * range before compaction: it may be available although no block of this order is, and fewer
 * buffers have to be moved for it.
 */
static struct zb_buffer *create_large(struct zb_fs *fs, const struct zb_want *want)
{
	struct zb_want quick = *want;
	struct zb_buffer *buf;

	if (zb_exact_order(want->nr_pages) > fs->bpool->inst->pool.max_order)
		return create_range(fs, want);
	quick.free_only = true;
	buf = zb_buffer_create(fs->bpool, fs->account, &quick);
	if (PTR_ERR_OR_ZERO(buf) != -ENOMEM)
		return buf;
	buf = create_range(fs, want);
	if (PTR_ERR_OR_ZERO(buf) != -ENOMEM)
		return buf;
	/* Most likely this fails, too, and logs the cause. */
	return zb_buffer_create(fs->bpool, fs->account, want);
}

static int create_buffer(struct dentry *dentry, loff_t size)
{
	struct inode *inode = d_inode(dentry);
	struct zb_fs *fs = zb_fs_of(inode->i_sb);
	struct zb_ioc_explain why = {};
	const struct zb_want want = {
		.gfp = fs->options.gfp |
		       (fs->options.nid == NUMA_NO_NODE ? 0 : __ZB_GFP_THISNODE),
		.nr_pages = PAGE_ALIGN(size) >> PAGE_SHIFT,
		.nid = fs->options.nid,
		.why = &why,
	};
	struct zb_buffer *buf;

	if (size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	buf = want.nr_pages > BIT(ZB_PAGEBLOCK_ORDER) ?
	      create_large(fs, &want) : zb_buffer_create(fs->bpool, fs->account, &want);
	if (IS_ERR(buf))
		return errno_of_file(PTR_ERR(buf), &why);
	WRITE_ONCE(buf->was_file, true);
	label_buffer(buf, dentry);
	zb_fs_set_buffer(inode, buf, size);
	return 0;
}

/*
 * Other holders of the buffer would keep its memory, but not notice that it is no longer the
 * contents of the file. Therefore refuse if there are any. A task that becomes a holder right
 * after the check does no harm.
 */
static int remove_buffer(struct inode *inode)
{
	struct zb_buffer *buf = inode->i_private;

	if (atomic_read(&buf->mappings) || atomic_read(&buf->exports) ||
	    atomic_read(&buf->handles) || atomic_read(&buf->inodes) > 1)
		return -EBUSY;
	zb_fs_set_buffer(inode, NULL, 0);
	zb_buffer_put(buf);
	return 0;
}

/**
 * zb_fs_set_length() - set the length of a file
 * @dentry: the file, whose inode is locked
 * @size: length in bytes
 *
 * A length other than 0 can be set once. Length 0 frees the buffer. A file without a name
 * always keeps its length.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL if the file has another length already, -EBUSY if the buffer is in
 * use, -EFBIG if no zone has this length, -ENOSPC if the region or the mount is full,
 * -EDQUOT, -ENOMEM, or -EINTR if the task has been killed.
 */
int zb_fs_set_length(struct dentry *dentry, loff_t size)
{
	struct inode *inode = d_inode(dentry);

	if (size == i_size_read(inode))
		return 0;
	if (!zb_fs_of(inode->i_sb))
		return -EINVAL;
	if (!inode->i_private)
		return create_buffer(dentry, size);
	return size ? -EINVAL : remove_buffer(inode);
}

static int zb_fs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			 struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err = setattr_prepare(idmap, dentry, attr);

	if (!err && attr->ia_valid & ATTR_SIZE)
		err = zb_fs_set_length(dentry, attr->ia_size);
	if (!err)
		setattr_copy(idmap, inode, attr);
	return err;
}

static const struct inode_operations file_inode_ops = {
	.setattr = zb_fs_setattr,
	.listxattr = zb_fs_listxattr,
	.fiemap = zb_fs_fiemap,
};

/**
 * zb_fs_evict_inode() - drop the buffer of an inode that is freed
 * @inode: the inode
 *
 * Context: may sleep.
 */
void zb_fs_evict_inode(struct inode *inode)
{
	struct zb_buffer *buf = inode->i_private;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (!buf)
		return;
	atomic_dec(&buf->inodes);
	zb_buffer_put_and_drain(buf);
}

/* Create a file, or with S_IFDIR a directory. */
static int make_node(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode = zb_fs_new_inode(dir->i_sb, dir, mode);

	if (!inode)
		return -ENOMEM;
	if (S_ISDIR(mode))
		inc_nlink(dir);
	zb_d_make_persistent(dentry, inode);
	zb_inode_touch_dir(dir);
	return 0;
}

static int dir_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      umode_t mode, bool excl)
{
	return make_node(dir, dentry, mode | S_IFREG);
}

static zb_mkdir_t dir_mkdir(struct mnt_idmap *idmap, struct inode *dir,
			    struct dentry *dentry, umode_t mode)
{
	return ZB_MKDIR_RESULT(make_node(dir, dentry, mode | S_IFDIR));
}

static int dir_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
		       umode_t mode)
{
	struct inode *inode = zb_fs_new_inode(dir->i_sb, dir, mode);

	if (!inode)
		return finish_open_simple(file, -ENOMEM);
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static int dir_rename(struct mnt_idmap *idmap, struct inode *old_dir,
		      struct dentry *old, struct inode *new_dir, struct dentry *new,
		      unsigned int flags)
{
	struct zb_buffer *buf;
	int err = simple_rename(idmap, old_dir, old, new_dir, new, flags);

	if (err || flags & RENAME_EXCHANGE)
		return err;
	buf = S_ISREG(d_inode(old)->i_mode) ? zb_fs_get_buffer(d_inode(old), NULL) : NULL;
	if (buf) {
		label_buffer(buf, new);
		zb_buffer_put(buf);
	}
	return 0;
}

static const struct inode_operations dir_inode_ops = {
	.create = dir_create,
	.lookup = simple_lookup,
	.link = simple_link,
	.unlink = simple_unlink,
	.mkdir = dir_mkdir,
	.rmdir = simple_rmdir,
	.rename = dir_rename,
	.tmpfile = dir_tmpfile,
};

/**
 * zb_fs_new_inode() - create an inode
 * @sb: the file system
 * @dir: its directory, or NULL
 * @mode: type (a file or a directory) and permissions
 *
 * Context: may sleep.
 * Return: the inode, or NULL if out of memory.
 */
struct inode *zb_fs_new_inode(struct super_block *sb, const struct inode *dir, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &dir_inode_ops;
		inode->i_fop = &simple_dir_operations;
		/* A directory has a link "." as well. */
		inc_nlink(inode);
	} else {
		inode->i_op = &file_inode_ops;
		inode->i_fop = &zb_fs_file_ops;
	}
	return inode;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file system type "zbuddy": a regular file is one buffer.
 *
 *	directory entry --> inode -- i_private --> buffer --> frames of the pool
 *	descriptor -------> inode
 *	mapping (vma) ----> mapping file --------> buffer
 *
 * Files without a name (nameless.c) are on an internal mount.
 *
 * A new file is empty and has no buffer. When its length is set, a buffer of this length
 * is allocated, and the inode holds a reference on it. Other holders (mappings, handles,
 * dma-bufs) have references of their own, so that truncating or removing the file never
 * frees memory that they use.
 *
 * inode.i_lock protects inode.i_private together with the size. Both change only while
 * inode.i_rwsem is held for writing as well.
 */
#ifndef ZB_FS_H
#define ZB_FS_H

#include <linux/fs.h>
#include <linux/fs_parser.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "../buffer/buffer.h"

#define ZB_FS_MAGIC	0x7a627566	/* "zbuf" */

/**
 * struct zb_fs_options - options of a mount
 * @size: limit on the bytes of all its buffers, or 0
 * @nid: the only node to allocate from, or NUMA_NO_NODE
 * @gfp: flags for which zb_gfp_valid() holds
 * @mode: permissions of the root directory
 * @uid: owner of the root directory
 * @gid: group of the root directory
 */
struct zb_fs_options {
	u64 size;
	int nid;
	zb_gfp_t gfp;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
};

/**
 * struct zb_fs - a mounted file system (super_block.s_fs_info); the internal mount has none
 * @bpool: the buffer pool
 * @account: usage of the mount; each of its buffers holds a reference
 * @options: options of the mount
 */
struct zb_fs {
	struct zb_buffer_pool *bpool;
	struct zb_account *account;
	struct zb_fs_options options;
};

static inline struct zb_fs *zb_fs_of(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* options.c */
int zb_fs_init_context(struct fs_context *fc);
int zb_fs_show_options(struct seq_file *m, struct dentry *root);
extern const struct fs_parameter_spec zb_fs_parameters[];

/* super.c */
int zb_fs_fill_super(struct super_block *sb, struct fs_context *fc);
struct zb_buffer_pool *zb_fs_pool(void);
int zb_fs_register(struct zb_buffer_pool *bpool);
void zb_fs_unregister(void);

/* inode.c */
struct inode *zb_fs_new_inode(struct super_block *sb, const struct inode *dir, umode_t mode);
struct zb_buffer *zb_fs_get_buffer(struct inode *inode, loff_t *size);
void zb_fs_set_buffer(struct inode *inode, struct zb_buffer *buf, loff_t size);
int zb_fs_set_length(struct dentry *dentry, loff_t size);
void zb_fs_evict_inode(struct inode *inode);

/* file.c */
extern const struct file_operations zb_fs_file_ops;
struct zb_buffer *zb_fs_file_buffer(const struct file *file);

/* nameless.c */
struct file *zb_fs_new_nameless(struct zb_buffer *buf, bool writable);

/* fiemap.c */
int zb_fs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len);

/* xattr.c */
ssize_t zb_fs_listxattr(struct dentry *dentry, char *list, size_t size);
extern const struct xattr_handler *zb_fs_xattr_handlers[];

#endif /* ZB_FS_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files without a name, which are made from handles.
 *
 * They are on an internal mount, which exists as long as such a file is open or mapped,
 * and holds a reference on the module. The length of a file is always that of its buffer.
 *
 * Each file has an inode of its own. The inode of a file that is opened read-only is
 * immutable, so that nobody can reopen it for writing through /proc.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "../compat.h"
#include "fs.h"

static struct vfsmount *nameless_mount;
static int nameless_count;

static const struct super_operations nameless_super_ops = {
	.statfs = simple_statfs,
	.drop_inode = inode_just_drop,
	.evict_inode = zb_fs_evict_inode,
};

static int init_nameless_context(struct fs_context *fc)
{
	struct pseudo_fs_context *context = init_pseudo(fc, ZB_FS_MAGIC);

	if (!context)
		return -ENOMEM;
	context->ops = &nameless_super_ops;
	context->xattr = zb_fs_xattr_handlers;
	fc->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	return 0;
}

/* Not registered, so that nobody can mount it. */
static struct file_system_type nameless_type = {
	.owner = THIS_MODULE,
	.name = "zbuddy",
	.init_fs_context = init_nameless_context,
	.kill_sb = kill_anon_super,
	.fs_flags = FS_DISALLOW_NOTIFY_PERM,
};

static struct inode *new_inode_of(struct super_block *sb, struct zb_buffer *buf, bool writable)
{
	struct inode *inode = zb_fs_new_inode(sb, NULL, S_IFREG | (writable ? 0600 : 0400));

	if (!inode)
		return NULL;
	if (!writable)
		inode->i_flags |= S_IMMUTABLE;
	kref_get(&buf->ref);
	zb_fs_set_buffer(inode, buf, zb_buffer_bytes(buf));
	return inode;
}

/* /proc shows the name as /zbuddy (deleted) or /zbuddy:LABEL (deleted). */
static struct file *open_inode(struct inode *inode, struct zb_buffer *buf, bool writable)
{
	char name[sizeof("zbuddy:") + ZB_LABEL_LEN], label[ZB_LABEL_LEN];
	struct file *file;

	zb_buffer_get_label(buf, label);
	scnprintf(name, sizeof(name), "zbuddy%s%s", label[0] ? ":" : "", label);
	/* The last fput() drops this reference. */
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, nameless_mount, name,
				 (writable ? O_RDWR : O_RDONLY) | O_LARGEFILE,
				 &zb_fs_file_ops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		return file;
	}
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	return file;
}

/**
 * zb_fs_new_nameless() - create and open a file without a name
 * @buf: the buffer that the file consists of; the caller keeps its reference
 * @writable: open the file for writing as well, instead of for reading only
 *
 * Context: may sleep.
 * Return: the open file, -ENOMEM, or -ENFILE if the system has too many open files.
 */
struct file *zb_fs_new_nameless(struct zb_buffer *buf, bool writable)
{
	struct inode *inode;
	struct file *file;
	int err;

	err = simple_pin_fs(&nameless_type, &nameless_mount, &nameless_count);
	if (err)
		return ERR_PTR(err);
	inode = new_inode_of(nameless_mount->mnt_sb, buf, writable);
	file = inode ? open_inode(inode, buf, writable) : ERR_PTR(-ENOMEM);
	if (inode && IS_ERR(file))
		iput(inode);
	/* The file holds the mount as well. */
	simple_release_fs(&nameless_mount, &nameless_count);
	return file;
}

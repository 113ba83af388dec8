// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debugfs files of reclaim/:
 *
 *	compact		Writing 1 compacts all zones, like the kernel's
 *			/proc/sys/vm/compact_memory. The write returns when nothing more can
 *			be moved.
 *	reclaim		Writing a size takes that much memory back from discardable buffers, like
 *			the kernel's memory.reclaim of a cgroup. The write fails with EAGAIN
 *			if less could be taken.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "../core/layout.h"
#include "../reclaim/reclaim.h"
#include "compact.h"

static ssize_t compact_write(struct file *file, const char __user *text,
			     size_t count, loff_t *pos)
{
	unsigned int value;
	int err;

	err = kstrtouint_from_user(text, count, 0, &value);
	if (!err && value != 1)
		err = -EINVAL;
	return err ?: zb_compact_memory(file->private_data) ?: count;
}

static const struct file_operations compact_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = compact_write,
};

static ssize_t reclaim_write(struct file *file, const char __user *text,
			     size_t count, loff_t *pos)
{
	char copy[32] = "";
	const char *end;
	u64 bytes, nr;

	if (count >= sizeof(copy))
		return -EINVAL;
	if (copy_from_user(copy, text, count))
		return -EFAULT;
	end = zb_parse_size(copy, &bytes);
	if (!end || (*end && *end != '\n'))
		return -EINVAL;
	nr = DIV_ROUND_UP_ULL(bytes, PAGE_SIZE);
	return zb_reclaim_memory(file->private_data, min_t(u64, nr, ULONG_MAX)) < nr ?
	       -EAGAIN : count;
}

static const struct file_operations reclaim_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = reclaim_write,
};

/**
 * zb_debugfs_create_compact() - create the debugfs files compact and reclaim
 * @root: the debugfs directory
 * @reclaim: reclaim and compaction
 *
 * Context: may sleep.
 */
void zb_debugfs_create_compact(struct dentry *root, struct zb_reclaim *reclaim)
{
	debugfs_create_file("compact", 0200, root, reclaim, &compact_fops);
	debugfs_create_file("reclaim", 0200, root, reclaim, &reclaim_fops);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debugfs file compact. Writing 1 compacts all zones, like the kernel's
 * /proc/sys/vm/compact_memory. The write returns when nothing more can be moved.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>

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

/**
 * zb_debugfs_create_compact() - create the debugfs file compact
 * @root: the debugfs directory
 * @reclaim: compacts the memory
 *
 * Context: may sleep.
 */
void zb_debugfs_create_compact(struct dentry *root, struct zb_reclaim *reclaim)
{
	debugfs_create_file("compact", 0200, root, reclaim, &compact_fops);
}

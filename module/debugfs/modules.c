// SPDX-License-Identifier: GPL-2.0-only
/* The debugfs file modules: a line per owner that another module has registered. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "../reclaim/reclaim.h"
#include "modules.h"

static void show_owner(struct seq_file *m, const struct zb_owner *owner)
{
	const struct zb_owner_ops *ops = owner->ops;

	seq_printf(m, "module %s name %s needs %s%s%s scanned %lu freed %lu movable %lu moved %lu failed %lu\n",
		   module_name(ops->module), ops->name,
		   (ops->needs & __ZB_GFP_IO) ? "IO" : "",
		   (ops->needs & __ZB_GFP_FS) ? "FS" : "",
		   ops->needs ? "" : "-",
		   atomic_long_read(&owner->scanned), atomic_long_read(&owner->freed),
		   atomic_long_read(&owner->movable), atomic_long_read(&owner->moved),
		   atomic_long_read(&owner->move_failed));
}

static int modules_show(struct seq_file *m, void *unused)
{
	struct zb_reclaim *reclaim = m->private;
	struct zb_owner *owner;
	u64 id = 0;

	while ((owner = zb_owner_next(&reclaim->owners, id))) {
		id = owner->id;
		show_owner(m, owner);
		zb_owner_put(owner);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(modules);

/**
 * zb_debugfs_create_modules() - create the debugfs file modules
 * @root: the debugfs directory
 * @reclaim: reclaim and compaction
 *
 * Context: may sleep.
 */
void zb_debugfs_create_modules(struct dentry *root, struct zb_reclaim *reclaim)
{
	debugfs_create_file("modules", 0400, root, reclaim, &modules_fops);
}

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_H
#define ZB_DEBUGFS_H

struct dentry;
struct zb_instance;

struct dentry *zb_debugfs_create(struct zb_instance *inst);
void zb_debugfs_remove(struct dentry *root);

#endif /* ZB_DEBUGFS_H */

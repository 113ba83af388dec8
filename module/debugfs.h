/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_H
#define ZB_DEBUGFS_H

struct dentry;
struct zb_host;

struct dentry *zb_debugfs_create(struct zb_host *host);
void zb_debugfs_create_vm(struct dentry *root, struct zb_host *host);
void zb_debugfs_remove(struct dentry *root);

#endif /* ZB_DEBUGFS_H */

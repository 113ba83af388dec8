/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_PAGEBLOCKS_H
#define ZB_DEBUGFS_PAGEBLOCKS_H

struct dentry;
struct zb_reclaim;

void zb_debugfs_create_pageblocks(struct dentry *root, struct zb_reclaim *reclaim);

#endif /* ZB_DEBUGFS_PAGEBLOCKS_H */
